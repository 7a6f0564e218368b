//! Forms: what the door may know of commands, so that it can say what is wrong before a form is closed; and the form in
//! place of an answer, for a person who could run the command at all. What is filled in is judged and run like any other line.

use super::permits::Permits;
use super::stopped::Stopped;
use crate::commands::{Catalog, Row};
use crate::domain::{Button, Form, Line, Reply, Request, Tone, UsageError};
use crate::execution::Answer;
use std::sync::Arc;

pub use crate::commands::{Answers, Wrong};

/// The forms of the commands that there are.
#[derive(Clone, Debug)]
pub struct Forms {
    catalog: Arc<Catalog>,
}

impl Forms {
    /// Those of this catalogue.
    pub fn new(catalog: Arc<Catalog>) -> Self {
        Self { catalog }
    }

    /// The line that a filled-in form stands for, or what is wrong in it.
    pub fn fill(&self, command: &str, answers: &Answers) -> Result<String, Wrong> {
        self.catalog.fill(command, answers)
    }

    /// The names of a command's fields, in their order.
    pub fn fields(&self, command: &str) -> Vec<String> {
        let form = self.catalog.form(command).map(|(_, form)| form.fields).unwrap_or_default();
        form.into_iter().map(|field| field.name).collect()
    }

    /// The answer to a line that is not understood. Where only an argument is missing, it is asked for by a form; its text,
    /// for whom none can be opened, has a button that opens it.
    pub(super) fn mistake(&self, permits: &Permits, request: &Request, mut error: UsageError) -> Stopped {
        if error.incomplete
            && let Some((row, form)) = self.catalog.form(&request.text)
        {
            if let Err(refusal) = permits.ahead(row) {
                return Stopped::Answered(row.name, Answer::refused(&refusal));
            }
            error.buttons.push(Button::form(FILL_IN, &request.text));
            let mut answer = Answer::usage(&error);
            answer.reply.form = Some(Box::new(form));
            return Stopped::Answered(row.name, answer);
        }
        if let Some(refused) = unhelped(permits) {
            return refused;
        }
        let may = permits.may();
        error.buttons.retain(|button| self.row_of(button.line()).is_none_or(|row| may(row)));
        Stopped::Answered("unknown", Answer::usage(&error))
    }

    /// The answer to a button that asks for the form of its line. The line may say everything already: the form is shown
    /// with it filled in, to be looked at and sent, because such a button never runs anything.
    pub(super) fn asked(&self, permits: &Permits, request: &Request) -> Stopped {
        let Some((row, form)) = self.catalog.form(&request.text) else {
            let error = match self.catalog.parse(&request.text) {
                Err(error) => error,
                Ok(_) => UsageError::sentence("This button's command has no form. Nothing was done."),
            };
            return self.mistake(permits, request, error);
        };
        if let Err(refusal) = permits.ahead(row) {
            return Stopped::Answered(row.name, Answer::refused(&refusal));
        }
        Stopped::Answered(row.name, shown(form, &request.text))
    }

    fn row_of(&self, line: &str) -> Option<&'static Row> {
        self.catalog.form(line).map(|(row, _)| row)
    }
}

/// The refusal of a person who may not have help. A mistake is explained to the others only: it would be a list of what one
/// cannot do.
pub(super) fn unhelped(permits: &Permits) -> Option<Stopped> {
    let refused = permits.shut_out("Nothing was done.").err()?;
    Some(Stopped::Answered("unknown", Answer::refused(&refused)))
}

fn shown(form: Form, line: &str) -> Answer {
    let late = Line::from("The form of ")
        .code(&form.command)
        .text(" could not be opened in time, and nothing was done. Press again, or type the command.");
    let mut reply = Reply::new(Tone::Usage).text(late).buttons(vec![Button::form(FILL_IN, line)]);
    reply.form = Some(Box::new(form));
    Answer::form(reply)
}

/// What stands on the button that opens a form.
const FILL_IN: &str = "Fill in a form";
