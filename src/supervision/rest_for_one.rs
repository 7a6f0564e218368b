//! One for one with consequences: when a child fails, those started after it are stopped in reverse order, and start
//! again in order once it is up. Their mailboxes are kept like its own.

use std::{
    cell::Cell,
    sync::{Arc, Weak},
};

use tokio::sync::{mpsc, oneshot};

use super::{
    slot::{Control, Slot},
    tree::Group,
};

/// Takes failures, by index in start order, until the tree is gone. A failure that arrives in the midst of a round
/// begins another from the lower of the two.
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
                () = cycle(&slots, &waited_for) => break,
            }
        }
    }
}

async fn cycle(slots: &[Arc<Slot>], waited_for: &Cell<usize>) {
    let failed = waited_for.get();
    for slot in slots[failed + 1..].iter().rev() {
        let (done, held) = oneshot::channel();
        slot.order(Control::Hold(done));
        // an error: it has ended for good, so there is nothing to hold
        let _ = held.await;
    }
    for index in failed..slots.len() - 1 {
        waited_for.set(index);
        slots[index].wait_for(|status| status.phase.is_up() || status.phase.is_final()).await;
        slots[index + 1].order(Control::Resume);
    }
    waited_for.set(slots.len() - 1);
}
