//! One for one with consequences: when a child fails, those started after it are stopped in reverse order; then it is
//! restarted, and they in order after it. Their mailboxes are kept like its own.

use std::{
    cell::Cell,
    ops::ControlFlow,
    sync::{Arc, Weak},
};

use tokio::sync::{mpsc, oneshot};

use super::{
    Phase, Restart,
    group::Group,
    slot::{Control, Slot},
};

/// Takes failures, by index in start order, until the tree is gone or has given up. A failure that arrives in the midst
/// of a round begins another from the lower of the two.
pub(super) async fn coordinate(group: Weak<Group>, mut failures: mpsc::UnboundedReceiver<usize>) {
    while let Some(first) = failures.recv().await {
        // the child that everything after it waits for
        let waited_for = Cell::new(first);
        loop {
            let Some(slots) = group.upgrade().map(|group| group.slots()) else { return };
            tokio::select! {
                biased;
                another = failures.recv() => match another {
                    Some(another) => waited_for.set(waited_for.get().min(another)),
                    None => return,
                },
                done = cycle(&slots, &waited_for) => match done {
                    ControlFlow::Continue(()) => break,
                    ControlFlow::Break(()) => return,
                },
            }
        }
    }
}

/// Breaks if a child that the others need was given up: they stay as they are, and the tree has escalated.
async fn cycle(slots: &[Arc<Slot>], waited_for: &Cell<usize>) -> ControlFlow<()> {
    let failed = waited_for.get();
    for slot in slots[failed + 1..].iter().rev() {
        let (done, held) = oneshot::channel();
        slot.order(Control::Hold(done));
        // an error: it has ended for good, so there is nothing to hold
        let _ = held.await;
    }
    for (index, slot) in slots.iter().enumerate().skip(failed) {
        waited_for.set(index);
        slot.order(Control::Resume);
        let status = slot.wait_for(|status| status.phase.is_up() || status.phase.is_final()).await;
        if status.phase == Phase::Dead && slot.spec.restart != Restart::Temporary {
            return ControlFlow::Break(());
        }
    }
    ControlFlow::Continue(())
}
