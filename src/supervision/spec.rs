//! Supervision as data: how a child is kept, and how a tree behaves.

use std::time::Duration;

use super::{BackoffSpec, Intensity};

/// When a child whose life ended gets another, in OTP's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Restart {
    /// Always.
    Permanent,
    /// After a panic or a kill, not after it stopped of its own will.
    Transient,
    /// Never.
    Temporary,
}

/// On which thread a child lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placement {
    /// On the thread that called [`Tree::add`](super::Tree::add).
    Shared,
    /// On a thread of its own, an actix arbiter, so that its work cannot delay the others.
    OwnThread,
}

/// How a hang inside an await is noticed: the child is killed when it neither answers a heartbeat that travels through
/// its own mailbox nor makes any progress.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeartbeatSpec {
    /// The pause between an answer and the next heartbeat.
    pub every: Duration,
    /// How long an answer, or else some progress, may take.
    pub deadline: Duration,
}

/// How one child is kept.
#[derive(Clone, Debug)]
pub struct ChildSpec {
    /// What it is called in logs, metrics and status; unique in its tree.
    pub name: String,
    /// When it is restarted.
    pub restart: Restart,
    /// How long to wait before each restart.
    pub backoff: BackoffSpec,
    /// How long it may take to stop; afterwards it is killed.
    pub shutdown: Duration,
    /// How a hang is noticed, if it is to be noticed.
    pub heartbeat: Option<HeartbeatSpec>,
    /// Where it lives.
    pub placement: Placement,
    /// How many calls may be unanswered, and how many messages queued, before more are refused with `Overloaded`.
    /// actix's own mailbox capacity does not bound a mailbox with many senders.
    pub max_in_flight: usize,
}

impl ChildSpec {
    /// A permanent child on the shared thread: back-off 200 ms doubling to 30 s, 5 s to stop, a heartbeat every 5 s
    /// with 15 s to answer, 1024 in flight.
    pub fn new(name: impl Into<String>) -> Self {
        ChildSpec {
            name: name.into(),
            restart: Restart::Permanent,
            backoff: BackoffSpec::default(),
            shutdown: Duration::from_secs(5),
            heartbeat: Some(HeartbeatSpec { every: Duration::from_secs(5), deadline: Duration::from_secs(15) }),
            placement: Placement::Shared,
            max_in_flight: 1024,
        }
    }

    /// Sets when it is restarted.
    pub fn restart(mut self, restart: Restart) -> Self {
        self.restart = restart;
        self
    }

    /// Sets how long to wait before each restart.
    pub fn backoff(mut self, backoff: BackoffSpec) -> Self {
        self.backoff = backoff;
        self
    }

    /// Sets how long it may take to stop.
    pub fn shutdown(mut self, shutdown: Duration) -> Self {
        self.shutdown = shutdown;
        self
    }

    /// Sets how a hang is noticed.
    pub fn heartbeat(mut self, every: Duration, deadline: Duration) -> Self {
        self.heartbeat = Some(HeartbeatSpec { every, deadline });
        self
    }

    /// Does without a heartbeat.
    pub fn without_heartbeat(mut self) -> Self {
        self.heartbeat = None;
        self
    }

    /// Sets where it lives.
    pub fn placement(mut self, placement: Placement) -> Self {
        self.placement = placement;
        self
    }

    /// Gives it a thread of its own.
    pub fn own_thread(self) -> Self {
        self.placement(Placement::OwnThread)
    }

    /// Sets how much may be in flight; at least 1.
    pub fn max_in_flight(mut self, max: usize) -> Self {
        self.max_in_flight = max.max(1);
        self
    }
}

/// Who else is restarted when a child fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strategy {
    /// Nobody.
    OneForOne,
    /// Those started after it: they are stopped in reverse order, and start again in order once it is up.
    RestForOne,
}

/// How a tree behaves.
#[derive(Clone, Debug)]
pub struct TreeSpec {
    /// What it is called in logs.
    pub name: String,
    /// Who else is restarted when a child fails.
    pub strategy: Strategy,
    /// How many restarts of all its children together are too many.
    pub intensity: Intensity,
}

impl TreeSpec {
    /// One for one, at most 5 restarts in 60 s.
    pub fn new(name: impl Into<String>) -> Self {
        TreeSpec { name: name.into(), strategy: Strategy::OneForOne, intensity: Intensity::default() }
    }

    /// Sets who else is restarted.
    pub fn strategy(mut self, strategy: Strategy) -> Self {
        self.strategy = strategy;
        self
    }

    /// Sets how many restarts are too many.
    pub fn intensity(mut self, max_restarts: usize, window: Duration) -> Self {
        self.intensity = Intensity { max_restarts, window };
        self
    }
}
