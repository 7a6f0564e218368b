//! What a person fills in or presses instead of typing. Both end in a command line, which is read, judged and run as
//! if it had been typed: neither a form nor a button can do what its presser could not.

use super::Line;
use serde::{Deserialize, Serialize};

/// A form for one command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Form {
    /// The words before the fields: the command's name, or a whole line that needs nothing but a yes.
    pub command: String,
    /// Why it is shown, or what will happen.
    pub intro: Option<Line>,
    /// What is asked, in the order of the command line.
    pub fields: Vec<Field>,
    /// The word on the button that sends it.
    pub submit: String,
}

/// One question of a form.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Field {
    /// The argument's id in the command's definition.
    pub name: String,
    /// What stands above it.
    pub label: String,
    /// What stands below it.
    pub hint: Option<String>,
    /// Whether the command needs it.
    pub required: bool,
    /// How it is filled in.
    pub kind: FieldKind,
    /// What has been said already.
    pub value: Option<String>,
}

/// How a field is filled in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FieldKind {
    /// Words.
    Text {
        /// Whether several values may be given, separated by spaces.
        many: bool,
    },
    /// A whole number.
    Number,
    /// One of these.
    Choice(Vec<String>),
    /// Yes or no.
    Flag,
}

/// Something to press.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Button {
    /// What stands on it.
    pub label: String,
    /// What it does.
    pub press: Press,
    /// Whether it is shown as dangerous.
    pub danger: bool,
    /// What is asked before it does anything.
    pub confirm: Option<Line>,
    /// Of what was shown with it, the short word: it comes back behind the line, and stands nowhere to be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shown: Option<String>,
}

impl Button {
    /// So many characters of a question are shown before a press; Slack takes 300.
    pub const QUESTION: usize = 290;

    /// A button that runs a line.
    pub fn run(label: impl Into<String>, line: impl Into<String>) -> Self {
        Self { label: label.into(), press: Press::Run(line.into()), danger: false, confirm: None, shown: None }
    }

    /// A button that opens the form of a line.
    pub fn form(label: impl Into<String>, line: impl Into<String>) -> Self {
        Self { label: label.into(), press: Press::Form(line.into()), danger: false, confirm: None, shown: None }
    }

    /// With a question before it does anything.
    #[must_use]
    pub fn confirm(mut self, question: impl Into<Line>) -> Self {
        self.confirm = Some(question.into());
        self
    }

    /// With the short word of what is shown with it, by which its press is told from one of something else.
    #[must_use]
    pub fn of_shown(mut self, word: impl Into<String>) -> Self {
        self.shown = Some(word.into());
        self
    }

    /// Shown as dangerous.
    #[must_use]
    pub fn danger(mut self) -> Self {
        self.danger = true;
        self
    }

    /// The line that it runs or begins.
    pub fn line(&self) -> &str {
        let (Press::Run(line) | Press::Form(line)) = &self.press;
        line
    }

    /// What comes back when it is pressed.
    pub fn value(&self) -> String {
        match &self.shown {
            Some(word) => format!("{}{SHOWN}{word}", self.line()),
            None => self.line().to_owned(),
        }
    }
}

/// What stands between the id of what is to be approved and the short word of what was shown.
pub const SHOWN: char = '/';

/// What pressing does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Press {
    /// Runs this command line as the person who pressed.
    Run(String),
    /// Opens the form of this command line, with what it already says filled in.
    Form(String),
}
