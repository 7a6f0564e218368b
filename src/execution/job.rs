//! What is to be done: a command with its request, and how far it has come.

use super::awaiting::Need;
use super::flights::Flight;
use crate::commands::{Command, Context, Row};
use crate::domain::{ApprovalRequest, Decision, Plan, Refusal, Request};
use std::sync::Arc;

/// Says whether the person may make this plan's change, every target of it, and who else must approve.
pub type Judge = Arc<dyn Fn(&Plan) -> Result<Need, Refusal> + Send + Sync>;

/// What is to be done with a command.
#[derive(Clone, Debug)]
pub enum Task {
    /// Plan it, and make the change.
    Run,
    /// Plan it, and make the change if it is the one that was approved.
    Approved(Box<ApprovalRequest>),
    /// The process died when calls may have been made: look, and report.
    Verify(Plan),
    /// So many processes have died since calls may have been made: look once more, and say so.
    LastLook(Plan, u32),
}

/// How far a running job has come: what a panic must be followed by.
#[derive(Clone, Debug, Default)]
pub(super) enum Stage {
    /// No changing call can have been made.
    #[default]
    Reading,
    /// Calls may have been made.
    Running(Plan),
}

/// A parsed, permitted command of a request.
pub struct Job {
    /// The request.
    pub request: Request,
    /// The command's row.
    pub row: &'static Row,
    /// The command.
    pub command: Box<dyn Command>,
    /// What it may use.
    pub context: Context,
    /// Who decides on its resolved targets.
    pub judge: Judge,
    /// What to do.
    pub task: Task,
    /// What the policies decided of it already; nothing for a change, which they are asked about with its plan.
    pub decision: Option<Arc<Decision>>,
    /// Whether the asker alone is to read of it where it was asked.
    pub alone: bool,
    /// Keeps the request known as being in work; shared with the room that answers when the job is not taken.
    pub flight: Arc<Flight>,
}
