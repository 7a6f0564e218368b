//! What a tree, the handles and the guard of one child share.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use tokio::sync::{Semaphore, mpsc, oneshot, watch};

use super::{ChildSpec, ChildStatus, watchdog::Pulse};
use crate::domain::Drill;

/// What a guard can be told. Its channel is read before the actor is polled, so a hung actor cannot keep it waiting.
#[derive(Debug)]
pub(super) enum Control {
    /// Stop for good, within the shutdown time.
    Stop,
    /// Stop, keep the mailbox, and wait for `Resume`; says so when it is done.
    Hold(oneshot::Sender<()>),
    /// End a hold.
    Resume,
    /// End this life as a failure.
    Kill(String),
    /// Break this life, in this way.
    Drill(Drill),
}

/// One child's shared state.
pub(super) struct Slot {
    pub(super) spec: ChildSpec,
    pub(super) status: watch::Sender<ChildStatus>,
    pub(super) controls: mpsc::UnboundedSender<Control>,
    pub(super) permits: Semaphore,
    pub(super) progress: Progress,
    pub(super) pulse: Arc<Pulse>,
}

impl Slot {
    pub(super) fn new(spec: ChildSpec, pulse: Arc<Pulse>) -> (Arc<Self>, mpsc::UnboundedReceiver<Control>) {
        let (controls, orders) = mpsc::unbounded_channel();
        let slot = Slot {
            status: watch::Sender::new(ChildStatus::unborn(&spec.name)),
            controls,
            permits: Semaphore::new(spec.max_in_flight),
            progress: Progress::default(),
            pulse,
            spec,
        };
        (Arc::new(slot), orders)
    }

    pub(super) fn name(&self) -> &str {
        &self.spec.name
    }

    pub(super) fn status(&self) -> ChildStatus {
        self.status.borrow().clone()
    }

    /// Waits for a status that satisfies `wanted`.
    pub(super) async fn wait_for(&self, wanted: impl FnMut(&ChildStatus) -> bool) -> ChildStatus {
        let mut seen = self.status.subscribe();
        match seen.wait_for(wanted).await {
            Ok(status) => status.clone(),
            // the sender lives in this very slot
            Err(_) => self.status(),
        }
    }

    /// Gives an order; a guard that has ended needs none.
    pub(super) fn order(&self, control: Control) {
        let _ = self.controls.send(control);
    }
}

/// What an actor may know of itself; its factory gets it.
#[derive(Clone)]
pub struct Child {
    pub(super) slot: Arc<Slot>,
}

impl Child {
    /// The name in the tree.
    pub fn name(&self) -> &str {
        self.slot.name()
    }

    /// Which life this is, from 1. A number that grows with each life is what fences old work.
    pub fn incarnation(&self) -> u64 {
        self.slot.status.borrow().incarnation
    }

    /// Where to record progress during work that keeps the mailbox waiting.
    pub fn progress(&self) -> Progress {
        self.slot.progress.clone()
    }
}

/// Says that work goes on, so that a child that is busy is not taken for one that hangs.
#[derive(Clone, Debug, Default)]
pub struct Progress(Arc<AtomicU64>);

impl Progress {
    /// Something was done.
    pub fn record(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn count(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}
