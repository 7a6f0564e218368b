//! How the bot is, as the `status` command, the probes and the metrics see it. Rooms write to the health room's
//! board; the rooms that show it read this.

use super::{Body, Notice};
use serde::Serialize;
use std::fmt;
use std::time::Duration;

/// Which program this is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Build {
    /// The version in Cargo.toml.
    pub version: &'static str,
    /// The whole git revision it was built from, or `unknown`.
    pub revision: &'static str,
    /// When that revision was made, as RFC 3339 in UTC, or `unknown`. Not when it was built: the same revision gives the
    /// same program.
    pub created: &'static str,
    /// The address of its source, or `unknown`.
    pub source: &'static str,
}

impl Build {
    /// The revision as people write it, where there is no room for all of it.
    pub fn short(&self) -> &'static str {
        self.revision.get(..12).unwrap_or(self.revision)
    }
}

/// Where a supervised actor is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ActorPhase {
    /// Its life is about to begin.
    Starting,
    /// It handles messages.
    Up,
    /// It waits for its next life after a failure.
    BackOff,
    /// It was asked to stop.
    Stopping,
    /// It has stopped and will not return.
    Stopped,
    /// It failed and will not return.
    Dead,
}

impl ActorPhase {
    /// As people read it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Up => "up",
            Self::BackOff => "back-off",
            Self::Stopping => "stopping",
            Self::Stopped => "stopped",
            Self::Dead => "dead",
        }
    }
}

impl fmt::Display for ActorPhase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One supervised actor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ActorVitals {
    /// Its name in the supervision tree.
    pub name: String,
    /// Where it is in its life.
    pub phase: ActorPhase,
    /// How many lives it has had.
    pub incarnation: u64,
    /// How many of them ended in a failure and were followed by another.
    pub restarts: u64,
    /// The last failure with its place in the source, if there was one.
    pub last_failure: Option<String>,
    /// For how long it has been in this phase.
    pub since: Duration,
}

/// One Socket Mode connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LinkVitals {
    /// Which of the connections, from 0.
    pub slot: usize,
    /// `dialling`, `up`, `replacing`, `backing off`, `stopped`.
    pub phase: String,
    /// Whether a hello was seen and the link is usable.
    pub up: bool,
    /// How long ago any frame arrived.
    pub last_frame: Option<Duration>,
    /// How long ago an envelope arrived: an event, a command or a click.
    pub last_event: Option<Duration>,
    /// The connections that Slack counts for this app, ghosts included.
    pub num_connections: Option<u32>,
    /// How many of them are none of this process: what Slack gives them is lost, or another's.
    pub strange_connections: u32,
    /// What ended the last connection, if anything did.
    pub last_error: Option<String>,
}

/// What waits somewhere, in the order in which it is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum QueueName {
    /// What was given up.
    #[serde(rename = "dead letters")]
    DeadLetters,
    /// What is being sent.
    #[serde(rename = "letters on their way")]
    LettersOnTheirWay,
    /// What is to be sent.
    #[serde(rename = "outbox")]
    Outbox,
    /// What this process works on.
    #[serde(rename = "requests in work")]
    RequestsInWork,
    /// What has no final answer.
    #[serde(rename = "unfinished requests")]
    UnfinishedRequests,
}

impl QueueName {
    /// As people and metrics read it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::DeadLetters => "dead letters",
            Self::LettersOnTheirWay => "letters on their way",
            Self::Outbox => "outbox",
            Self::RequestsInWork => "requests in work",
            Self::UnfinishedRequests => "unfinished requests",
        }
    }
}

/// One queue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct QueueVitals {
    /// What waits in it.
    pub name: QueueName,
    /// How much.
    pub depth: u64,
    /// How long the oldest has waited.
    pub oldest: Option<Duration>,
}

/// The store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StoreVitals {
    /// `sqlite` or `dynamodb`.
    pub kind: String,
    /// Whether the last write succeeded, and operations are answered in time.
    pub ok: bool,
    /// The last error.
    pub last_error: Option<String>,
    /// How much is open: requests without an answer, and answers that wait.
    pub open: usize,
    /// How long the oldest operation has waited for its answer, where that is too long.
    pub overdue: Option<Duration>,
    /// How many operations wait behind it.
    pub queued: usize,
}

impl StoreVitals {
    /// What is wrong with it, if anything is.
    pub fn trouble(&self) -> Option<String> {
        match (self.ok, self.overdue, &self.last_error) {
            (true, ..) => None,
            (false, Some(overdue), _) => {
                let (seconds, queued) = (overdue.as_secs(), self.queued);
                Some(format!("no answer for {seconds} s, {queued} operations wait; its disk may hang"))
            }
            (false, None, Some(error)) => Some(format!("its last operation failed: {error}")),
            (false, None, None) => Some("the store does not answer".to_owned()),
        }
    }
}

/// A bot that shares the store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ReplicaVitals {
    /// Its name in the store: a new one for each life of a process.
    pub name: String,
    /// The host it runs on.
    pub host: String,
    /// Its body's id; empty when it does not say.
    pub body: String,
    /// The zone of its body; empty when it is not known.
    pub zone: String,
    /// Whether AWS has said that its body will not last.
    pub is_noticed: bool,
    /// Version and revision.
    pub version: String,
    /// Whether it is the one that says this.
    pub is_me: bool,
    /// Whether it has renewed its lease in time.
    pub is_alive: bool,
    /// Whether it said that it is ready.
    pub is_ready: bool,
    /// Its links to Slack.
    pub links: u32,
    /// The requests that it works on.
    pub in_work: u64,
    /// How long ago it said so.
    pub seen: Duration,
}

/// All of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Vitals {
    /// Version and revision.
    pub build: Build,
    /// The host's name.
    pub host: String,
    /// The body.
    pub body: Body,
    /// What AWS says of the body's end, the last word of each kind.
    pub notices: Vec<Notice>,
    /// Time since start.
    pub uptime: Duration,
    /// The supervision tree in start order.
    pub actors: Vec<ActorVitals>,
    /// The Slack connections.
    pub links: Vec<LinkVitals>,
    /// What waits where.
    pub queues: Vec<QueueVitals>,
    /// The store.
    pub store: StoreVitals,
    /// Everybody who shares the store, this bot first.
    pub replicas: Vec<ReplicaVitals>,
}

/// A part of the program that can tell how the bot is.
pub trait VitalsSource: Send + Sync {
    /// How the bot is now.
    fn vitals(&self) -> Vitals;
}
