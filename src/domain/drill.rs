//! How an actor is broken on purpose, to see that the bot bears it.

use std::time::Duration;

/// What an actor is told to do to itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drill {
    /// It panics.
    Panic,
    /// It takes no message any more; others on its thread go on.
    Hang,
    /// It keeps its thread for so long.
    Stick(Duration),
}
