//! What a person reads, as structure. Every string in it is untrusted and is escaped where it is rendered (the
//! Slack room); a command never writes markup.

use super::{Button, Form, Line, Span};
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
    /// It waits for others to approve it; this message will be edited.
    Approval,
    /// The command was not understood; nothing was done.
    Usage,
    /// The command was refused; nothing was done.
    Refused,
    /// It failed; the text says what was and was not done.
    Failed,
    /// It is not known whether it was done.
    Unknown,
    /// A part of it was done and another was not; the text says which.
    Partly,
    /// Others were asked about it, and it has no leave of theirs; nothing was done.
    NotApproved,
    /// The asker has called it off; nothing was done.
    CalledOff,
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
    /// What is kept of it when it has been read: neither what could be pressed or filled in nor its file, and of what is
    /// long the beginning.
    #[must_use]
    pub fn for_the_record(&self) -> Self {
        let parts = self.parts.iter().filter(|part| !matches!(part, Part::Buttons(_)));
        let mut kept = Self::new(self.tone);
        for part in parts.clone().take(RECORDED) {
            let (part, left) = part.for_the_record();
            kept.parts.push(part);
            kept.parts.extend(left);
        }
        kept.parts.extend(more(parts.count(), "parts"));
        kept
    }
    /// Adds small print.
    #[must_use]
    pub fn note(self, line: impl Into<Line>) -> Self {
        self.part(Part::Note(line.into()))
    }
}

/// How many parts, rows, items and fields of a reply are kept for the record.
const RECORDED: usize = 20;

/// How many characters of each word.
const RECORDED_WORD: usize = 1_000;

/// What is said of the rest.
fn more(all: usize, what: &str) -> Option<Part> {
    let left = all.saturating_sub(RECORDED);
    (left > 0).then(|| Part::Note(Line::from(format!("… and {left} more {what}"))))
}

fn short(word: &str) -> String {
    match word.char_indices().nth(RECORDED_WORD) {
        Some((end, _)) => format!("{}…", &word[..end]),
        None => word.to_owned(),
    }
}

impl Line {
    fn for_the_record(&self) -> Self {
        let spans = self.0.iter().take(RECORDED * 2).map(|span| match span {
            Span::Plain(text) => Span::Plain(short(text)),
            Span::Code(text) => Span::Code(short(text)),
            Span::Bold(text) => Span::Bold(short(text)),
            Span::User(user) => Span::User(user.clone()),
        });
        Self(spans.collect())
    }
}

impl Part {
    /// What is kept of it, and what is said of the rest.
    fn for_the_record(&self) -> (Self, Option<Self>) {
        let line = Line::for_the_record;
        let row = |row: &Vec<String>| row.iter().take(RECORDED).map(|cell| short(cell)).collect();
        match self {
            Self::Title(title) => (Self::Title(short(title)), None),
            Self::Text(text) => (Self::Text(line(text)), None),
            Self::Note(note) => (Self::Note(line(note)), None),
            Self::List(lines) => {
                (Self::List(lines.iter().take(RECORDED).map(line).collect()), more(lines.len(), "lines"))
            }
            Self::Fields(fields) => {
                let kept = fields.iter().take(RECORDED).map(|(name, value)| (short(name), line(value)));
                (Self::Fields(kept.collect()), more(fields.len(), "fields"))
            }
            Self::Table(table) => {
                let rows = table.rows.iter().take(RECORDED).map(row).collect();
                (Self::Table(Table { head: row(&table.head), rows }), more(table.rows.len(), "rows"))
            }
            Self::Buttons(_) => (Self::Buttons(Vec::new()), None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_of_a_reply_is_short_however_long_it_was() {
        let rows = (0..500).map(|n| vec![format!("i-{n}"), "x".repeat(5_000)]).collect();
        let table = Table { head: vec!["id".into(), "name".into()], rows };
        let reply = Reply::new(Tone::Info)
            .text("500 instances.")
            .part(Part::Table(table.clone()))
            .buttons(vec![Button::run("Again", "ec2 list")])
            .attach(Attachment { name: "instances".into(), title: "all".into(), table });
        let kept = reply.for_the_record();
        assert_eq!(kept.attachment, None);
        let [Part::Text(first), Part::Table(table), Part::Note(rest)] = &kept.parts[..] else { panic!("{kept:?}") };
        assert_eq!((first.plain().as_str(), rest.plain().as_str()), ("500 instances.", "… and 480 more rows"));
        assert_eq!((table.rows.len(), table.rows[19][1].chars().count()), (20, 1_001));
        let plain = Reply::new(Tone::Done).sentence("Stopped `i-0abc`.").note("req 7F3K");
        assert_eq!(plain.for_the_record(), plain);
    }
}
