//! What the status board is told once, when it is made.

use crate::domain::Build;
use std::time::Duration;

/// What does not change while the bot runs.
#[derive(Clone, Debug)]
pub struct BoardSpec {
    /// Version and revision.
    pub build: Build,
    /// The host's name.
    pub host: String,
    /// The hash of the policies.
    pub policy_hash: String,
    /// After how long without a frame a link no longer counts as up: Slack's idle timeout.
    pub idle_bound: Duration,
    /// The actors without which no command is answered, by their names in the supervision tree.
    pub needed_actors: Vec<String>,
}
