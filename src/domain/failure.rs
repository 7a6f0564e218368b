//! The four ways in which a command does not succeed. They are different types because they promise different
//! things: a usage mistake and a refusal changed nothing, a failure says what it changed, an unknown outcome says
//! what was seen. Only their own texts reach Slack.

use super::{Button, Decision, Line};
use std::sync::Arc;

/// The command was not understood. Nothing was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsageError {
    /// What is wrong, as sentences.
    pub lines: Vec<Line>,
    /// The candidates, when a name was ambiguous.
    pub candidates: Vec<Line>,
    /// The argument that is wrong or missing, by its id in the command's definition.
    pub field: Option<String>,
    /// Whether nothing is wrong but that a required argument is missing: what a form can ask for.
    pub incomplete: bool,
    /// What may have been meant, to be pressed.
    pub buttons: Vec<Button>,
}

/// The command was understood and may not be run, by this person, here, or at all. Nothing was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Why, as sentences.
    pub lines: Vec<Line>,
    /// What the policies decided, where it is they that refuse.
    pub decision: Option<Arc<Decision>>,
}

/// The command was tried and did not succeed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What is so, what has and has not been done, what to do.
    pub lines: Vec<Line>,
    /// For the log: the cause in the provider's words. Never shown in Slack.
    pub cause: String,
}

/// It is not known whether the change was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownOutcome {
    /// What was tried, what was seen, and the command that shows more.
    pub lines: Vec<Line>,
    /// For the log. Never shown in Slack.
    pub cause: String,
}

/// Why a command gave no result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CommandError {
    /// Not understood.
    Usage(UsageError),
    /// Not allowed.
    Refused(Refusal),
    /// Tried without success.
    Failed(Failure),
    /// Tried, result not known.
    Unknown(UnknownOutcome),
}

impl UsageError {
    /// A mistake described by one sentence with names in backticks.
    pub fn sentence(text: &str) -> Self {
        Self::of(Line::sentence(text))
    }

    /// A mistake described by one line.
    pub fn of(line: Line) -> Self {
        Self { lines: vec![line], candidates: Vec::new(), field: None, incomplete: false, buttons: Vec::new() }
    }

    /// With candidates below it.
    #[must_use]
    pub fn candidates(mut self, candidates: Vec<Line>) -> Self {
        self.candidates = candidates;
        self
    }

    /// With things to press.
    #[must_use]
    pub fn buttons(mut self, buttons: Vec<Button>) -> Self {
        self.buttons = buttons;
        self
    }
}

impl Refusal {
    /// A refusal described by one sentence with names in backticks.
    pub fn sentence(text: &str) -> Self {
        Self::of(vec![Line::sentence(text)])
    }

    /// A refusal by something else than the policies.
    pub fn of(lines: Vec<Line>) -> Self {
        Self { lines, decision: None }
    }

    /// With what the policies decided.
    #[must_use]
    pub fn by(self, decision: Arc<Decision>) -> Self {
        Self { decision: Some(decision), ..self }
    }
}

impl Failure {
    /// A failure described by one sentence with names in backticks, and its cause for the log.
    pub fn sentence(text: &str, cause: impl Into<String>) -> Self {
        Self { lines: vec![Line::sentence(text)], cause: cause.into() }
    }
}

impl From<UsageError> for CommandError {
    fn from(error: UsageError) -> Self {
        Self::Usage(error)
    }
}
impl From<Refusal> for CommandError {
    fn from(error: Refusal) -> Self {
        Self::Refused(error)
    }
}
impl From<Failure> for CommandError {
    fn from(error: Failure) -> Self {
        Self::Failed(error)
    }
}
impl From<UnknownOutcome> for CommandError {
    fn from(error: UnknownOutcome) -> Self {
        Self::Unknown(error)
    }
}
