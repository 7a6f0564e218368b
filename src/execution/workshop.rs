//! What jobs need from the house.

use super::ExecutionConfig;
use super::answer::AnswerDesk;
use super::awaiting::Awaiting;
use super::locks::Locks;
use crate::store::{ApprovalStore, Outbox};
use crate::supervision::WorkerRuntime;
use std::sync::Arc;

/// What jobs need from the house.
#[derive(Clone)]
pub struct Workshop {
    /// Where answers go.
    pub desk: AnswerDesk,
    /// Where progress goes.
    pub outbox: Arc<dyn Outbox>,
    /// Where the words of others are.
    pub approvals: Arc<dyn ApprovalStore>,
    /// What waits for them.
    pub awaiting: Arc<Awaiting>,
    /// Which targets are being changed.
    pub locks: Arc<Locks>,
    /// The threads on which provider calls run.
    pub runtime: WorkerRuntime,
    /// The hash of the policies by which it judges.
    pub policies: Arc<str>,
    /// Bounds.
    pub config: ExecutionConfig,
}
