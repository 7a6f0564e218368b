//! What waits for the approval of others, and what that takes.

use crate::domain::{Decision, Plan, Request, RequestId, UserId};
use parking_lot::Mutex;
use std::collections::BTreeMap;

/// What a plan needs before it may be done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Need {
    /// So many others must approve it; none for a change that may be made at once.
    pub approvals: u32,
    /// Why: clauses that end a sentence, without a full stop.
    pub reasons: Vec<String>,
    /// Some who could approve.
    pub contacts: Vec<UserId>,
    /// What the policies decided of it.
    pub decision: Option<Decision>,
}

impl Need {
    /// What two parts of a plan need together: the more approvals of the two, for the reasons of those.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        let (more, less) = if other.approvals > self.approvals { (other, self) } else { (self, other) };
        let decision = match (more.decision, less.decision) {
            (Some(more), Some(less)) => Some(more.and(less)),
            (more, less) => more.or(less),
        };
        Self { decision, ..more }
    }
}

/// A request that waits for others.
#[derive(Clone, Debug)]
pub struct Waiting {
    /// The request.
    pub request: Request,
    /// The plan that the others are shown.
    pub plan: Plan,
    /// How many lives of processes had ended with it in hand before that.
    pub deaths: u32,
}

/// The requests of this process that wait for others. What is lost with the process stands in the journal.
#[derive(Debug, Default)]
pub struct Awaiting(Mutex<BTreeMap<RequestId, Waiting>>);

impl Awaiting {
    /// One more waits.
    pub fn add(&self, waiting: Waiting) {
        self.0.lock().insert(waiting.request.id, waiting);
    }

    /// One waits no longer.
    pub fn take(&self, id: RequestId) -> Option<Waiting> {
        self.0.lock().remove(&id)
    }

    /// Those that wait.
    pub fn ids(&self) -> Vec<RequestId> {
        self.0.lock().keys().copied().collect()
    }
}
