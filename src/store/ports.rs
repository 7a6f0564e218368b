//! The ports. Every method returns only after its write is durable, unless it says otherwise.

use crate::domain::{ChannelId, Plan, Reply, Request, RequestId, Source, Step, UserId};
use async_trait::async_trait;
use jiff::Timestamp;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use std::collections::HashSet;

/// Why the store did not do what it was asked.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StoreError {
    /// The store cannot be used at all: locked by another process, a newer schema, not a database.
    #[error("store cannot be opened: {0}")]
    Open(String),
    /// The write or read failed: disk full, I/O error.
    #[error("store failed: {0}")]
    Failed(String),
    /// The store's writer is gone or too far behind.
    #[error("store is not available: {0}")]
    Unavailable(String),
    /// The request is not in a state from which this transition is legal.
    #[error("illegal transition of request {id} from {from} to {to}")]
    Transition {
        /// The request.
        id: RequestId,
        /// Its state in the store.
        from: &'static str,
        /// The state that was asked for.
        to: &'static str,
    },
}

/// Where a request stands. The drawing is in `design.md` section 5.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Journalled and acknowledged, nothing else.
    Accepted,
    /// A change has been planned and permitted; no call has been made.
    Planned,
    /// At least one changing call may have been made.
    Running,
    /// Final: not understood, or not permitted.
    Refused,
    /// Final: done.
    Succeeded,
    /// Final: not done, or done in part, as its reply says.
    Failed,
    /// Final: it is not known what was done.
    Unknown,
}

impl State {
    /// Every state.
    pub const ALL: [Self; 7] =
        [Self::Accepted, Self::Planned, Self::Running, Self::Refused, Self::Succeeded, Self::Failed, Self::Unknown];

    /// The name in the store and in metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Planned => "planned",
            Self::Running => "running",
            Self::Refused => "refused",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Unknown => "unknown",
        }
    }

    /// The reverse of [`State::as_str`].
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == name)
    }

    /// Whether a final answer stands in the outbox.
    pub fn is_final(self) -> bool {
        matches!(self, Self::Refused | Self::Succeeded | Self::Failed | Self::Unknown)
    }

    /// Whether the drawing has an arrow from here to there.
    pub fn may_become(self, next: Self) -> bool {
        match self {
            Self::Accepted => next != Self::Accepted && next != Self::Running,
            // a restart before the first step plans anew
            Self::Planned => next == Self::Planned || next == Self::Running || next.is_final(),
            Self::Running => next.is_final(),
            Self::Refused | Self::Succeeded | Self::Failed | Self::Unknown => false,
        }
    }
}

/// A request to be journalled, with every key by which Slack may deliver it again.
#[derive(Clone, Debug)]
pub struct NewRequest {
    /// The request.
    pub request: Request,
    /// `envelope:…`, `event:…`, `trigger:…`, `message:<team>:<channel>:<ts>`.
    pub keys: Vec<String>,
}

/// What became of a [`NewRequest`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accepted {
    /// It is new and now durable.
    New,
    /// One of its keys is known; this is the request that has it. Nothing was written but the other keys.
    Duplicate(RequestId),
}

/// What somebody asked, as it is shown to that person again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// The request.
    pub id: RequestId,
    /// The command line.
    pub text: String,
    /// By which door it came.
    pub source: Source,
    /// Where it was asked.
    pub channel: ChannelId,
    /// Where it stands.
    pub state: State,
    /// When it was accepted.
    pub accepted_at: Timestamp,
    /// When it got its final answer, once it has.
    pub finished_at: Option<Timestamp>,
}

/// What one person asked lately.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recent {
    /// Without a final answer, oldest first.
    pub open: Vec<Asked>,
    /// How many more have no final answer.
    pub more_open: u64,
    /// With a final answer, newest first.
    pub ended: Vec<Asked>,
}

/// How far a step has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StepState {
    /// The call may have been made; its answer is not recorded.
    Started,
    /// The provider accepted it.
    Done,
    /// The provider refused it: the call changed nothing.
    Failed,
}

impl StepState {
    /// The name in the store.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Started => "started",
            Self::Done => "done",
            Self::Failed => "failed",
        }
    }

    /// The reverse of [`StepState::as_str`].
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Started, Self::Done, Self::Failed].into_iter().find(|state| state.as_str() == name)
    }
}

/// A journalled step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepRecord {
    /// The call.
    pub step: Step,
    /// How far it came.
    pub state: StepState,
}

/// An unfinished request as the journal has it.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The request.
    pub request: Request,
    /// Where it stands.
    pub state: State,
    /// Its plan, once planned.
    pub plan: Option<Plan>,
    /// Its steps, in order.
    pub steps: Vec<StepRecord>,
    /// The message that shows its progress, if one was sent: where the final answer is edited in.
    pub progress_ts: Option<String>,
    /// How often a process has taken it up (1 for the first time).
    pub attempts: u32,
}

/// Where a letter goes.
#[derive(Clone, Debug)]
pub enum Address {
    /// POST to a response_url; falls back to an ephemeral message to this person in this channel.
    ResponseUrl {
        /// The capability.
        url: SecretString,
        /// Where the command was typed.
        channel: ChannelId,
        /// Who typed it.
        user: UserId,
    },
    /// POST to the response_url of a click in a message that one person sees: nothing that was sent by it can be
    /// replaced. Falls back as [`Address::ResponseUrl`].
    ClickUrl {
        /// The capability.
        url: SecretString,
        /// Where the message is.
        channel: ChannelId,
        /// Who pressed.
        user: UserId,
    },
    /// chat.postMessage.
    Post {
        /// Where.
        channel: ChannelId,
        /// In which thread, if in one.
        thread_ts: Option<String>,
    },
    /// chat.postMessage where the bot may post; else as [`Address::ClickUrl`], and without a url as
    /// [`Address::Ephemeral`]. What belongs to this url is somebody's message, so nothing is ever replaced through it.
    Beside {
        /// Where.
        channel: ChannelId,
        /// In which thread, if in one.
        thread_ts: Option<String>,
        /// Who asked.
        user: UserId,
        /// The capability.
        url: Option<SecretString>,
    },
    /// chat.postEphemeral.
    Ephemeral {
        /// Where.
        channel: ChannelId,
        /// To whom.
        user: UserId,
    },
}

/// A reply to be delivered.
#[derive(Clone, Debug)]
pub struct NewLetter {
    /// The request it answers.
    pub request: RequestId,
    /// Where it goes.
    pub address: Address,
    /// What it says.
    pub reply: Reply,
    /// Whether it is the request's one final answer; otherwise a progress message.
    pub last: bool,
    /// The request's trigger, for a reply with a form. Not kept by the store: see [`Request::trigger`].
    pub trigger: Option<SecretString>,
}

/// Letters that go one after the other. No queue waits for another.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Queue {
    /// The messages of a channel: Slack takes one a second.
    Channel(ChannelId),
    /// What single persons see in a channel: no message of the channel.
    Whispers(ChannelId),
    /// The answers by one response_url.
    Request(RequestId),
}

impl NewLetter {
    /// The queue in which it waits.
    pub fn queue(&self) -> Queue {
        match &self.address {
            // a form is no message of its channel, and cannot wait for those before it
            _ if self.trigger.is_some() => Queue::Request(self.request),
            Address::ResponseUrl { .. } | Address::ClickUrl { .. } => Queue::Request(self.request),
            Address::Post { channel, .. } | Address::Beside { channel, .. } => Queue::Channel(channel.clone()),
            Address::Ephemeral { channel, .. } => Queue::Whispers(channel.clone()),
        }
    }
}

/// Which letters are asked for.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// At most so many in all.
    pub limit: usize,
    /// Of each queue at most so many, its oldest; those that are known count.
    pub per_queue: usize,
    /// Those that the caller has already.
    pub known: HashSet<i64>,
}

impl Wanted {
    /// At most so many, whatever their queues.
    pub fn first(limit: usize) -> Self {
        Self { limit, per_queue: usize::MAX, known: HashSet::new() }
    }
}

/// How far a letter has come that takes more than one call.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Way {
    /// How many of its messages Slack has.
    pub sent: usize,
    /// What became of its file.
    #[serde(default)]
    pub file: FileWay,
}

/// How far the file of a letter has come.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum FileWay {
    /// There is none, or nothing has been done that lasts.
    #[default]
    Unsent,
    /// Slack has its bytes, and shows them when it is told so.
    Uploaded {
        /// `F…`
        id: String,
        /// Where it shall be shown.
        room: ChannelId,
    },
    /// Slack did not take it, and the letter says so.
    Missing {
        /// Slack's code.
        code: String,
    },
}

/// A reply in the outbox.
#[derive(Clone, Debug)]
pub struct Letter {
    /// Its number in the outbox; later letters have higher ones.
    pub id: i64,
    /// The letter.
    pub letter: NewLetter,
    /// How often delivery has been tried.
    pub attempts: u32,
    /// When it was put in.
    pub created_at: Timestamp,
    /// Not to be tried before this time.
    pub not_before: Timestamp,
    /// The message that an earlier letter of the same request created: this letter edits it.
    pub replaces: Option<String>,
    /// How far it has come.
    pub way: Way,
}

/// What became of a delivery.
#[derive(Clone, Debug)]
pub enum Delivery {
    /// Slack has it; `ts` is the message it became, where Slack tells.
    Sent {
        /// The message's `ts`; for a response_url, `"response_url"`.
        ts: Option<String>,
    },
    /// Not now; try again at this time.
    Later {
        /// When.
        not_before: Timestamp,
        /// Why, for the log.
        error: String,
    },
    /// Slack will never take it. It stays in the store as a dead letter.
    Dead {
        /// Why.
        error: String,
    },
}

/// How much waits in the outbox.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QueueDepth {
    /// Letters not yet delivered.
    pub waiting: u64,
    /// When the oldest of them was put in.
    pub oldest: Option<Timestamp>,
    /// Dead letters.
    pub dead: u64,
}

/// Requests, their states and their steps.
#[async_trait]
pub trait Journal: Send + Sync {
    /// Makes a request durable, once for all its keys.
    async fn accept(&self, new: NewRequest) -> Result<Accepted, StoreError>;

    /// accepted or planned -> planned; after a restart before the first step the plan is made anew.
    async fn planned(&self, id: RequestId, plan: Plan) -> Result<(), StoreError>;

    /// planned or running -> running, before the step's call is made.
    async fn step_started(&self, id: RequestId, step: Step) -> Result<(), StoreError>;

    /// The provider's answer to a started step.
    async fn step_ended(&self, id: RequestId, index: u32, state: StepState) -> Result<(), StoreError>;

    /// Any state -> a final one, with the final answer put into the outbox by the same transaction. Returns the letter
    /// as [`Outbox::due`] would. Refused with [`StoreError::Transition`] when the request already has its answer.
    async fn finish(&self, id: RequestId, state: State, letter: NewLetter) -> Result<Letter, StoreError>;

    /// Every request without a final answer, oldest first; counts one more attempt for each.
    async fn take_up(&self) -> Result<Vec<Entry>, StoreError>;

    /// What this person asked lately: of the requests without a final answer and of those with one, at most `limit` each.
    async fn recent(&self, user: &UserId, limit: usize) -> Result<Recent, StoreError>;

    /// The request whose answer, or progress, is this message. Known for messages that were posted, not for those that
    /// only one person saw.
    async fn answered_by(&self, channel: &ChannelId, ts: &str) -> Result<Option<Asked>, StoreError>;

    /// How many requests have no final answer.
    async fn unfinished(&self) -> Result<QueueDepth, StoreError>;
}

/// Replies on their way to Slack.
#[async_trait]
pub trait Outbox: Send + Sync {
    /// Puts a progress letter in. The final answer goes in by [`Journal::finish`]. `None` when the request already has
    /// its final answer: a late progress message must not follow it.
    async fn put(&self, letter: NewLetter) -> Result<Option<Letter>, StoreError>;

    /// The letters that are due at `now`, oldest first, as many as are wanted; of a request only its oldest waiting letter.
    async fn due(&self, now: Timestamp, wanted: Wanted) -> Result<Vec<Letter>, StoreError>;

    /// What became of a letter. When `Sent` it is out of the queue, and its `ts` is where later letters of the
    /// same request are edited in.
    async fn delivered(&self, id: i64, delivery: Delivery) -> Result<(), StoreError>;

    /// How far a letter has come that is not delivered yet: what is noted is not done again.
    async fn note(&self, id: i64, way: &Way) -> Result<(), StoreError>;

    /// How much waits.
    async fn depth(&self) -> Result<QueueDepth, StoreError>;
}
