//! "Run this again" on a message: what is not typed is looked at twice. A line that only reads is run at once; one that
//! changes something is shown first, and run when the person says so.

use super::forms;
use super::permits::Permits;
use super::stopped::Stopped;
use crate::commands::{Catalog, Row};
use crate::domain::{Button, Form, Line, Reply, Request, Tone, UsageError};
use crate::execution::Answer;

/// Whether the line begins with a command. An empty one, which is `help` where it is typed, does not: here it is a message
/// without words.
pub(super) fn says_a_command(catalog: &Catalog, line: &str) -> bool {
    !line.is_empty() && catalog.form(line).is_some()
}

/// The answer where neither the journal nor the message knows a command.
pub(super) fn nothing_found(permits: &Permits) -> Stopped {
    let text = "I find no command in that message. Nothing was run. Use this on an answer of mine, or on a message that says \
                a command, such as `ec2 list`.";
    let refused = forms::unhelped(permits);
    refused.unwrap_or_else(|| Stopped::Answered("unknown", Answer::usage(&UsageError::sentence(text))))
}

/// The question before a line is run that changes something.
pub(super) fn ask_first(row: &'static Row, request: &Request) -> Stopped {
    let line = &request.text;
    let said = Line::new()
        .text("I ask before I run ")
        .code(line)
        .text(" again, because it changes something. Nothing was done. Press the button, or type it.");
    let question = Line::new().text("This changes something in AWS: ").code(line);
    let button = Button::run("Run again", line).danger().confirm(question);
    let mut reply = Reply::new(Tone::Usage).text(said).buttons(vec![button]);
    reply.form = Some(Box::new(Form {
        command: line.clone(),
        intro: Some(Line::from("This changes something in AWS. It is run as you, and judged as if you typed it now:")),
        fields: Vec::new(),
        submit: "Run again".to_owned(),
    }));
    Stopped::Answered(row.name, Answer::form(reply))
}
