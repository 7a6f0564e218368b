//! What the guards of one tree share: their children, and the count of their restarts.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use parking_lot::{Mutex, RwLock};
use tokio::{
    sync::{mpsc, watch},
    time::Instant,
};

use super::{FailureRecord, Intensity, IntensityMeter, Strategy, TreeSpec, slot::Slot};

/// Children were restarted more often than the intensity allows. Nothing else is stopped by it: the caller that waits for this
/// drains, stops the tree, and ends the process with [`EXIT_ESCALATED`](super::EXIT_ESCALATED).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Escalation {
    /// The tree.
    pub tree: String,
    /// The child whose failure was one too many.
    pub child: String,
    /// That failure.
    pub failure: FailureRecord,
    /// What would have been borne.
    pub intensity: Intensity,
}

impl fmt::Display for Escalation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Intensity { max_restarts, window } = self.intensity;
        write!(f, "{} needed more than {max_restarts} restarts in {window:?}; ", self.tree)?;
        write!(f, "last {} {}", self.child, self.failure)
    }
}

/// There is no such child.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no child is called {0}")]
pub struct NoSuchChild(pub String);

/// What the guards of one tree share.
pub(super) struct Group {
    name: String,
    strategy: Strategy,
    intensity: Intensity,
    meter: Mutex<IntensityMeter>,
    pub(super) slots: RwLock<Vec<Arc<Slot>>>,
    pub(super) escalation: watch::Sender<Option<Escalation>>,
    failures: mpsc::UnboundedSender<usize>,
    pub(super) stopping: AtomicBool,
}

impl Group {
    /// What the guards of a tree without children share. A failure that others have to follow is told to `failures`.
    pub(super) fn new(spec: TreeSpec, failures: mpsc::UnboundedSender<usize>) -> Self {
        Group {
            meter: Mutex::new(IntensityMeter::new(spec.intensity)),
            name: spec.name,
            strategy: spec.strategy,
            intensity: spec.intensity,
            slots: RwLock::default(),
            escalation: watch::Sender::new(None),
            failures,
            stopping: AtomicBool::new(false),
        }
    }

    pub(super) fn slots(&self) -> Vec<Arc<Slot>> {
        self.slots.read().clone()
    }

    pub(super) fn find(&self, name: &str) -> Result<Arc<Slot>, NoSuchChild> {
        let slots = self.slots.read();
        slots.iter().find(|slot| slot.name() == name).cloned().ok_or_else(|| NoSuchChild(name.to_owned()))
    }

    /// Spends one restart; false if it is one too many.
    pub(super) fn spend(&self, now: Instant) -> bool {
        self.meter.lock().spend(now)
    }

    pub(super) fn escalate(&self, child: &str, failure: FailureRecord) {
        if self.stopping.load(Ordering::Acquire) {
            return;
        }
        metrics::counter!("dronebot_escalations_total", "tree" => self.name.clone()).increment(1);
        let escalation =
            Escalation { tree: self.name.clone(), child: child.to_owned(), failure, intensity: self.intensity };
        tracing::error!(%escalation, "restarting does not help, escalating");
        self.escalation.send_if_modified(|first| {
            let unset = first.is_none();
            if unset {
                *first = Some(escalation);
            }
            unset
        });
    }

    /// A child failed and is to be restarted. Says whether it has to wait until it is resumed.
    pub(super) fn failed(&self, index: usize) -> bool {
        // during a stop no caller listens any more, and what is still to stop goes on by itself
        self.strategy == Strategy::RestForOne && self.failures.send(index).is_ok()
    }
}
