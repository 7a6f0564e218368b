//! What a person reads, as structure. Every string in it is untrusted and is escaped where it is rendered (the
//! Slack room); a command never writes markup.

use super::{Button, Form, UserId};
use serde::{Deserialize, Serialize};

/// The kind of news a reply brings; decides its sign, which never stands alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Tone {
    /// An answer to a question.
    Info,
    /// Something was done.
    Done,
    /// Work goes on; this message will be edited.
    Progress,
    /// The command was not understood; nothing was done.
    Usage,
    /// The command was refused; nothing was done.
    Refused,
    /// It failed; the text says what was and was not done.
    Failed,
    /// It is not known whether it was done.
    Unknown,
}

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

/// Rows under a head, shown monospaced.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Table {
    /// One word per column.
    pub head: Vec<String>,
    /// As many cells as the head.
    pub rows: Vec<Vec<String>>,
}

/// A part of a reply.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Part {
    /// A short title.
    Title(String),
    /// A paragraph.
    Text(Line),
    /// Items, one below the other.
    List(Vec<Line>),
    /// A table.
    Table(Table),
    /// Names with values.
    Fields(Vec<(String, Line)>),
    /// Small print below.
    Note(Line),
    /// What can be pressed.
    Buttons(Vec<Button>),
}

/// The whole of a list of which the reply shows the beginning: it goes with the reply, as a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attachment {
    /// The file's name without its ending: `instances`.
    pub name: String,
    /// What is in it, in a few words.
    pub title: String,
    /// All rows.
    pub table: Table,
}

/// A whole reply.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reply {
    /// What kind of news it is.
    pub tone: Tone,
    /// What it says.
    pub parts: Vec<Part>,
    /// A form that takes the place of this reply where one can be opened: while the trigger of the person's own act is
    /// still good. Otherwise the parts are shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub form: Option<Box<Form>>,
    /// What goes with it as a file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attachment: Option<Box<Attachment>>,
}

impl Reply {
    /// A reply with nothing in it yet.
    pub fn new(tone: Tone) -> Self {
        Self { tone, parts: Vec::new(), form: None, attachment: None }
    }
    /// Adds any part.
    #[must_use]
    pub fn part(mut self, part: Part) -> Self {
        self.parts.push(part);
        self
    }
    /// Adds a title.
    #[must_use]
    pub fn title(self, title: impl Into<String>) -> Self {
        self.part(Part::Title(title.into()))
    }
    /// Adds a paragraph.
    #[must_use]
    pub fn text(self, line: impl Into<Line>) -> Self {
        self.part(Part::Text(line.into()))
    }
    /// Adds a paragraph in which backticks set off names (see [`Line::sentence`]).
    #[must_use]
    pub fn sentence(self, text: &str) -> Self {
        self.part(Part::Text(Line::sentence(text)))
    }
    /// Adds things to press; nothing where there are none.
    #[must_use]
    pub fn buttons(self, buttons: Vec<Button>) -> Self {
        if buttons.is_empty() { self } else { self.part(Part::Buttons(buttons)) }
    }
    /// Adds a file.
    #[must_use]
    pub fn attach(mut self, attachment: Attachment) -> Self {
        self.attachment = Some(Box::new(attachment));
        self
    }
    /// Adds small print.
    #[must_use]
    pub fn note(self, line: impl Into<Line>) -> Self {
        self.part(Part::Note(line.into()))
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
