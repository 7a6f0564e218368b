//! A whole answer: one message, a few, or the beginning with all of it in a file.

use super::file::{self, File, harmless};
use super::{render, split};
use crate::domain::{Line, Part, Reply, Table, Tone};
use crate::slack::api::Message;

/// An answer goes into this many messages at most; what is longer is a file.
const MESSAGES: usize = 3;
/// A longer table is a file.
const ROWS: usize = 40;
/// So many of its rows are shown.
const ROWS_SHOWN: usize = 20;

/// Where the file of an answer is, or will be: the message says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FilePlace {
    /// Below the message.
    Below,
    /// In the person's direct messages with the bot, as the message is for this person alone.
    Direct,
    /// Nowhere, and why: Slack's code.
    Missing(String),
}

/// An answer, ready to be sent.
#[derive(Debug)]
pub struct Answer {
    /// What is said, in this order. The first of them is the answer, the others go on with it. Never empty.
    pub messages: Vec<Message>,
    /// What goes with the first message.
    pub file: Option<File>,
}

/// Renders a whole reply, with `footer` (the request's short id) as small print.
pub fn answer(reply: &Reply, footer: Option<&str>, place: &FilePlace) -> Answer {
    let pages = split::pages(&reply.parts, split::PAGE);
    // with a file there is one message, so that it is plain what the file belongs to
    let most = if reply.attachment.is_some() { 1 } else { MESSAGES };
    let long = pages.len() > most || reply.parts.iter().any(|part| rows(part) > ROWS);
    if long || reply.attachment.is_some() {
        return with_file(reply, footer, place, long);
    }
    let count = pages.len();
    let message = |(index, parts): (usize, Vec<Part>)| {
        // the sign stands before the answer, not before its rest
        let tone = if index == 0 { reply.tone } else { Tone::Info };
        let piece = Reply { tone, parts, form: None, attachment: None };
        let which = (count > 1).then(|| format!("part {} of {count}", index + 1));
        let footer: Vec<&str> = footer.into_iter().chain(which.as_deref()).collect();
        render(&piece, Some(footer.join(", ").as_str()).filter(|footer| !footer.is_empty()))
    };
    let mut messages: Vec<Message> = pages.into_iter().enumerate().map(message).collect();
    if messages.is_empty() {
        messages.push(render(reply, footer));
    }
    Answer { messages, file: None }
}

fn rows(part: &Part) -> usize {
    match part {
        Part::Table(table) => table.rows.len(),
        _ => 0,
    }
}

/// The beginning of a reply, with what is said of the file.
fn with_file(reply: &Reply, footer: Option<&str>, place: &FilePlace, long: bool) -> Answer {
    let file = match &reply.attachment {
        Some(attachment) if !long => File {
            name: format!("{}.csv", harmless(&attachment.name, 60)),
            title: harmless(&attachment.title, 150),
            content: file::csv(&attachment.table),
        },
        _ => File { name: "answer.txt".to_owned(), title: title(reply), content: file::text(reply, footer) },
    };
    let whole = match (&reply.attachment, long) {
        (Some(attachment), false) => format!("All {} rows are", attachment.table.rows.len()),
        _ => "This is the beginning. The whole answer is".to_owned(),
    };
    let note = match (place, long) {
        (FilePlace::Below, _) => format!("{whole} in the file {} below.", file.name),
        (FilePlace::Direct, _) => format!("{whole} in the file {} in our direct messages.", file.name),
        (FilePlace::Missing(why), true) => format!(
            "This is the beginning. The rest is missing: Slack did not take it as a file ({}). Ask for less, for \
             example with a filter.",
            harmless(why, 80)
        ),
        (FilePlace::Missing(why), false) => {
            format!("The file with all rows is missing: Slack did not take it ({}).", harmless(why, 80))
        }
    };
    let parts = if long { beginning(&reply.parts) } else { reply.parts.clone() };
    let begun = Reply { tone: reply.tone, parts, form: None, attachment: None };
    Answer { messages: vec![render(&begun.note(note), footer)], file: Some(file) }
}

/// The title of a file: the reply's first words.
fn title(reply: &Reply) -> String {
    let words = reply.parts.iter().find_map(|part| match part {
        Part::Title(title) => Some(title.clone()),
        Part::Text(line) => Some(line.plain()),
        _ => None,
    });
    let title = harmless(words.as_deref().unwrap_or_default(), 150);
    if title.trim().is_empty() { "The whole answer".to_owned() } else { title }
}

/// As much of the parts as fits one message beside the note, and everything that can be pressed.
fn beginning(parts: &[Part]) -> Vec<Part> {
    let short = |part: &Part| match part {
        Part::Table(Table { head, rows }) if rows.len() > ROWS_SHOWN => {
            Part::Table(Table { head: head.clone(), rows: rows[..ROWS_SHOWN].to_vec() })
        }
        part => part.clone(),
    };
    let (buttons, words): (Vec<Part>, Vec<Part>) =
        parts.iter().map(short).partition(|part| matches!(part, Part::Buttons(_)));
    let pressed = split::pages(&buttons, split::PAGE / 3).into_iter().next().unwrap_or_default();
    let first = split::pages(&words, split::PAGE / 2).into_iter().next().unwrap_or_default();
    first.into_iter().chain(pressed).collect()
}

impl Answer {
    /// A last word when the message promised a file and Slack then did not take it.
    pub fn without_file(name: &str, why: &str) -> Message {
        let line = Line::new()
            .text("The file ")
            .code(harmless(name, 80))
            .text(format!(" is missing after all: Slack did not take it ({}). ", harmless(why, 80)))
            .text("Ask for less, for example with a filter.");
        render(&Reply::new(Tone::Failed).text(line), None)
    }
}
