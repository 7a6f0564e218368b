//! How a request ends before its command is run.

use crate::domain::Failure;
use crate::execution::Answer;

/// Why a request does not get to its command.
pub(super) enum Stopped {
    /// It has its answer.
    Answered(&'static str, Answer),
    /// It came from the journal, and who asked is not known now.
    Unknown(Failure),
}
