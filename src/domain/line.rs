//! One line of what a person reads: words, and the names that are set off in them.

use super::UserId;
use serde::{Deserialize, Serialize};

/// A piece of a line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Span {
    /// Words.
    Plain(String),
    /// A name, an id, something to type: monospaced.
    Code(String),
    /// Emphasis.
    Bold(String),
    /// A person, shown by name and not notified.
    User(UserId),
}

/// One paragraph or list item.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line(pub Vec<Span>);

impl Line {
    /// An empty line to be filled.
    pub fn new() -> Self {
        Self::default()
    }
    /// Adds words.
    #[must_use]
    pub fn text(mut self, words: impl Into<String>) -> Self {
        self.0.push(Span::Plain(words.into()));
        self
    }
    /// Adds a monospaced name.
    #[must_use]
    pub fn code(mut self, name: impl Into<String>) -> Self {
        self.0.push(Span::Code(name.into()));
        self
    }
    /// Adds an emphasised word.
    #[must_use]
    pub fn bold(mut self, word: impl Into<String>) -> Self {
        self.0.push(Span::Bold(word.into()));
        self
    }
    /// Adds a person.
    #[must_use]
    pub fn user(mut self, user: UserId) -> Self {
        self.0.push(Span::User(user));
        self
    }
    /// Reads a sentence in which backticks set off names, as the sentences of this bot are written:
    /// ``"I do not know `ec2 stpo`."``. Only for sentences written in the source, with names put in by `format!`
    /// where the name cannot hold a backtick; otherwise build the line from spans.
    pub fn sentence(text: &str) -> Self {
        let mut line = Self::new();
        for (index, piece) in text.split('`').enumerate() {
            if piece.is_empty() {
                continue;
            }
            line = if index % 2 == 0 { line.text(piece) } else { line.code(piece) };
        }
        line
    }

    /// The line without any markup.
    pub fn plain(&self) -> String {
        self.0
            .iter()
            .map(|span| match span {
                Span::Plain(text) | Span::Code(text) | Span::Bold(text) => text.clone(),
                Span::User(user) => format!("@{user}"),
            })
            .collect()
    }
}

impl From<&str> for Line {
    fn from(words: &str) -> Self {
        Self::new().text(words)
    }
}

impl From<String> for Line {
    fn from(words: String) -> Self {
        Self::new().text(words)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sentence_sets_off_its_names() {
        let line = Line::sentence("I do not know `ec2 stpo`. Say `help`.");
        assert_eq!(
            line.0,
            [
                Span::Plain("I do not know ".into()),
                Span::Code("ec2 stpo".into()),
                Span::Plain(". Say ".into()),
                Span::Code("help".into()),
                Span::Plain(".".into()),
            ]
        );
        assert_eq!(line.plain(), "I do not know ec2 stpo. Say help.");
    }
}
