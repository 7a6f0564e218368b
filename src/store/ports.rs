//! The ports. Every method returns only after its write is durable, unless it says otherwise.

mod approval;
mod asked;
mod audit;
mod former;
mod letter;
mod notes;
mod replica;

pub use approval::{ApprovalStore, Said};
pub use asked::{Asked, Recent};
pub use audit::{Archive, AuditLog, Event, HouseEntry, HouseEvent, What, plan_hash};
pub use former::Former;
pub use letter::{Address, Delivery, FileWay, Letter, LetterId, NewLetter, Queue, Wanted, Way};
pub use notes::Notes;
pub(in crate::store) use notes::indexed;
pub use replica::{Beaten, Card, Due, Replica, ReplicaName, Replicas};

use crate::domain::{ApprovalRequest, ChannelId, Decision, Plan, ReplyTo, Request, RequestId, Step, UserId};
use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Duration;

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
    /// There is no such request.
    #[error("request {0} is not in the journal")]
    NotFound(RequestId),
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
    /// The request belongs to another replica by now: this one was given up, and what it knows of the request is
    /// history. The caller that meets this drops the work and says nothing: the other replica answers.
    #[error("request {0} belongs to another replica by now")]
    Fenced(RequestId),
    /// Another request is changing this target.
    #[error("{target} is being changed by request {holder}")]
    Busy {
        /// The target, as [`Target::key`](crate::domain::Target::key) names it.
        target: String,
        /// Whose change it is.
        holder: RequestId,
    },
}

/// Where a request stands. The drawing is in the crate's documentation, `src/lib.rs`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Journalled and acknowledged, nothing else.
    Accepted,
    /// A change has been planned, and others are asked to approve it; no call has been made.
    #[serde(rename = "awaiting_approval")]
    AwaitingApproval,
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
    pub const ALL: [Self; 8] = [
        Self::Accepted,
        Self::AwaitingApproval,
        Self::Planned,
        Self::Running,
        Self::Refused,
        Self::Succeeded,
        Self::Failed,
        Self::Unknown,
    ];

    /// The name in the store and in metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::AwaitingApproval => "awaiting_approval",
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
            Self::AwaitingApproval => next == Self::Planned || next.is_final(),
            // a restart before the first step plans anew, and by then others may have to approve
            Self::Planned => matches!(next, Self::AwaitingApproval | Self::Planned | Self::Running) || next.is_final(),
            Self::Running => next.is_final(),
            Self::Refused | Self::Succeeded | Self::Failed | Self::Unknown => false,
        }
    }
}

/// What a request came to, as the room that answers says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Final {
    /// Not understood, or not permitted.
    Refused,
    /// Done.
    Succeeded,
    /// Not done, or done in part.
    Failed,
    /// It is not known what was done.
    Unknown,
    /// Given up: too many processes have died with it.
    Poison {
        /// How many.
        deaths: u32,
        /// Whether calls may have been made.
        begun: bool,
    },
}

impl Final {
    /// The state in which it leaves the request.
    pub fn state(self) -> State {
        match self {
            Self::Refused => State::Refused,
            Self::Succeeded => State::Succeeded,
            Self::Failed | Self::Poison { begun: false, .. } => State::Failed,
            Self::Unknown | Self::Poison { begun: true, .. } => State::Unknown,
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

/// How far a step has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
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
    /// How many lives of processes have ended, without a goodbye, with this request in their hands.
    pub deaths: u32,
    /// Whether it was journalled so slowly that Slack has told the person that it failed.
    pub late: bool,
}

/// What must be known of a request that is held to tell whether anybody works on it.
#[derive(Clone, Copy, Debug)]
pub struct Held {
    /// The request.
    pub id: RequestId,
    /// How long this process has had it, by its own clock.
    pub since: Duration,
    /// Whether it was found: another process accepted it, or this one did not hear that it was journalled. No mailbox of
    /// this process can have it.
    pub is_found: bool,
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
///
/// A request belongs to one replica: the one that accepted it, until that is gone and another adopts it. Only its owner
/// may write to it ([`StoreError::Fenced`]), and each transition is one conditional write.
#[async_trait]
pub trait Journal: Send + Sync {
    /// Makes a request durable, once for all its keys.
    async fn accept(&self, new: NewRequest) -> Result<Accepted, StoreError>;

    /// accepted or planned -> awaiting_approval, with what the others are shown put into the outbox by the same
    /// transaction. The answer goes where `reply_to` says from now on: where they can see it. No target is locked.
    async fn awaiting_approval(
        &self,
        approval: &ApprovalRequest,
        reply_to: &ReplyTo,
        letter: NewLetter,
    ) -> Result<Letter, StoreError>;

    /// accepted, awaiting_approval or planned -> planned; after a restart before the first step the plan is made anew. From now on the
    /// plan's targets are this request's alone, until its final answer: [`StoreError::Busy`] when another has one.
    async fn planned(&self, id: RequestId, plan: Plan) -> Result<(), StoreError>;

    /// The request that has one of these keys, if one has. Nothing is written.
    async fn known(&self, keys: &[String]) -> Result<Option<RequestId>, StoreError>;

    /// For how long calls for this request may still be made: no other adopts it before that. `None` when it is not this
    /// replica's any more, or not for long enough to begin a call. Never waits.
    fn held_for(&self, id: RequestId) -> Option<Duration>;

    /// planned or running -> running, before the step's call is made. A step that was started is not started again,
    /// unless the provider has refused its call.
    async fn step_started(&self, id: RequestId, step: Step) -> Result<(), StoreError>;

    /// The provider's answer to a started step.
    async fn step_ended(&self, id: RequestId, index: u32, state: StepState) -> Result<(), StoreError>;

    /// Any state -> a final one, with the final answer put into the outbox by the same transaction, and with what the policies
    /// decided, where they did, told in the audit. Returns the letter as [`Outbox::due`] would. Refused with
    /// [`StoreError::Transition`] when the request already has its answer.
    async fn finish_judged(
        &self,
        id: RequestId,
        end: Final,
        letter: NewLetter,
        decision: Option<Arc<Decision>>,
    ) -> Result<Letter, StoreError>;

    /// The same where no policy decided.
    async fn finish(&self, id: RequestId, end: Final, letter: NewLetter) -> Result<Letter, StoreError> {
        self.finish_judged(id, end, letter, None).await
    }

    /// What this replica holds without a final answer, oldest first, as far as it is wanted. It is read from memory: it
    /// cannot fail and never waits, whatever becomes of the store.
    fn held(&self, wanted: &mut dyn FnMut(&Held) -> bool) -> Vec<Entry>;

    /// Who had this request before this process. Never waits; where no other can have had it, it was this process in a
    /// former life.
    fn former(&self, _: RequestId) -> Former {
        Former::Own
    }

    /// Waits until this replica has come by a request that it did not accept, since this was answered last: one that it
    /// has adopted, or of which it did not hear that it was journalled. [`Journal::held`] has it.
    async fn found(&self);

    /// What this person asked lately: of the requests without a final answer and of those with one, at most `limit` each.
    async fn recent(&self, user: &UserId, limit: usize) -> Result<Recent, StoreError>;

    /// The request whose answer, or progress, is this message. Known for messages that were posted, not for those that
    /// only one person saw.
    async fn answered_by(&self, channel: &ChannelId, ts: &str) -> Result<Option<Asked>, StoreError>;

    /// How many requests of this replica have no final answer.
    async fn unfinished(&self) -> Result<QueueDepth, StoreError>;
}

/// A letter is put off for less than this. What waits longer was written by a clock that has been set back since.
pub const LONGEST_WAIT: Duration = Duration::from_secs(900);

/// Replies on their way to Slack.
#[async_trait]
pub trait Outbox: Send + Sync {
    /// Puts a progress letter in. The final answer goes in by [`Journal::finish`]. `None` when the request already has
    /// its final answer: a late progress message must not follow it.
    async fn put(&self, letter: NewLetter) -> Result<Option<Letter>, StoreError>;

    /// The letters of this replica that are due at `now`, oldest first, as many as are wanted; of a request only its oldest
    /// waiting letter. One that is put off for longer than [`LONGEST_WAIT`] is due too.
    async fn due(&self, now: Timestamp, wanted: Wanted) -> Result<Vec<Letter>, StoreError>;

    /// What became of a letter. When `Sent` it is out of the queue, and its `ts` is where later letters of the
    /// same request are edited in.
    async fn delivered(&self, id: LetterId, delivery: Delivery) -> Result<(), StoreError>;

    /// How far a letter has come that is not delivered yet: what is noted is not done again.
    async fn note(&self, id: LetterId, way: &Way) -> Result<(), StoreError>;

    /// For how long this letter is still this replica's to send: no other sends it before that. `None` when it is not
    /// any more, or not for long enough to begin a call. Never waits: it is asked just before each call, and during it.
    fn mine_for(&self, id: LetterId) -> Option<Duration>;

    /// How much of this replica's waits.
    async fn depth(&self) -> Result<QueueDepth, StoreError>;
}
