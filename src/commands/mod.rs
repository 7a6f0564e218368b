//! What the bot can do: one file per command, and the [`COMMANDS`] table. A command never sees Slack, the store or
//! actix: it reads, plans, executes and verifies, and everything it says is a value.

mod command;

pub use command::{Action, Command, Context, Found, Journalled, Limits, Planned, Row, Scope, StepError};

/// Every command, in the order of help.
pub static COMMANDS: &[&Row] = &[];
