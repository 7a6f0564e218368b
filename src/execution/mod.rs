//! Runs commands: plans, asks for the verdict, journals, executes, verifies, and takes up after a crash. Jobs run on the worker
//! runtime; only a command that reads and is about the bot itself ([`Scope::Bot`](crate::commands::Scope::Bot), so `deploy status`
//! too) runs on the dispatcher's thread, however busy the workers are.

mod answer;
mod approvals;
mod awaiting;
mod flights;
mod former;
mod inspection;
mod job;
mod locks;
mod onlookers;
mod pool;
mod progress;
mod recover;
mod run;
mod steps;
#[cfg(test)]
pub(crate) mod testing;
mod worker;
mod workshop;

pub use answer::{Answer, AnswerDesk};
pub use approvals::concerning;
pub use awaiting::{Awaiting, Need, Waiting};
pub use flights::{Flight, Flights};
pub use former::{interrupted, not_begun};
pub use inspection::with_command;
pub use job::{Job, Judge, Task};
pub use locks::Locks;
pub use onlookers::{Onlookers, Turn};
pub use pool::WorkerPool;
pub use run::run;
pub use worker::AwsWorker;
pub use workshop::Workshop;

use serde::Deserialize;
use std::time::Duration;

/// Bounds of execution.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExecutionConfig {
    /// AwsWorker actors.
    pub workers: usize,
    /// Commands that may run at once; more are refused with a clear answer.
    pub max_running: usize,
    /// Requests that this replica may have in hand, answered or not, until their answers are delivered; more are refused
    /// at the door. The last tenth of them is for `status` alone, and the fourth before it for people who may change
    /// something.
    pub max_open: usize,
    /// So many of them may be one person's; more of that person are refused at the door.
    pub max_open_each: usize,
    /// Somebody who may run nothing is told so once in this many seconds, and not heard in between. 0: each time.
    pub tell_strangers_every_seconds: u64,
    /// A reading command that AWS has not answered after this many seconds fails.
    pub read_deadline_seconds: u64,
    /// After a restart a change that had not begun is begun if it was asked for at most this many seconds ago;
    /// an older one is reported as not begun.
    pub resume_within_seconds: u64,
    /// A change that others must approve is not made when they have not done so after this many seconds.
    pub approve_within_seconds: u64,
}

impl ExecutionConfig {
    /// For how long somebody who may run nothing is not heard again.
    pub fn stranger_pause(&self) -> Duration {
        Duration::from_secs(self.tell_strangers_every_seconds)
    }

    /// Refuses values that cannot work; the error begins with the key.
    pub fn check(&self) -> Result<(), String> {
        let positive = [
            ("workers", self.workers as u64),
            ("max_running", self.max_running as u64),
            ("max_open", self.max_open as u64),
            ("max_open_each", self.max_open_each as u64),
            ("read_deadline_seconds", self.read_deadline_seconds),
            ("approve_within_seconds", self.approve_within_seconds),
        ];
        match positive.iter().find(|(_, value)| *value == 0) {
            Some((key, _)) => Err(format!("{key} must be at least 1")),
            None => Ok(()),
        }
    }
}

impl Default for ExecutionConfig {
    fn default() -> Self {
        Self {
            workers: 4,
            max_running: 256,
            max_open: 5_000,
            max_open_each: 20,
            tell_strangers_every_seconds: 60,
            read_deadline_seconds: 60,
            resume_within_seconds: 60,
            approve_within_seconds: 900,
        }
    }
}
