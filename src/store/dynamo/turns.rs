//! Who writes to a row next, within this process.

use crate::domain::RequestId;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;
use tokio::sync::OwnedMutexGuard;

type Queue = Arc<tokio::sync::Mutex<()>>;

/// For each request that is being written to, those who want to.
#[derive(Default)]
pub(super) struct Turns {
    queues: Mutex<HashMap<RequestId, Queue>>,
}

/// The turn of one writer, until it is dropped.
pub(super) struct Turn<'a> {
    turns: &'a Turns,
    id: RequestId,
    guard: Option<OwnedMutexGuard<()>>,
}

impl Turns {
    /// Waits for the turn to write to this request's row.
    pub(super) async fn take(&self, id: RequestId) -> Turn<'_> {
        let queue = Arc::clone(self.queues.lock().entry(id).or_default());
        // made before the wait, so that the queue is looked after whichever way it ends
        let mut turn = Turn { turns: self, id, guard: None };
        turn.guard = Some(queue.lock_owned().await);
        turn
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.queues.lock().len()
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.guard = None;
        let mut queues = self.turns.queues.lock();
        // each caller that waits has it too
        if queues.get(&self.id).is_some_and(|queue| Arc::strong_count(queue) == 1) {
            queues.remove(&self.id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn writers_of_one_request_take_turns_and_leave_nothing_behind() {
        let turns = Turns::default();
        let (one, other) = (RequestId::new(1, 1), RequestId::new(1, 2));
        let first = turns.take(one).await;
        let _beside = turns.take(other).await;
        let mut second = Box::pin(turns.take(one));
        assert!(futures_util::poll!(&mut second).is_pending());
        let mut given_up = Box::pin(turns.take(one));
        assert!(futures_util::poll!(&mut given_up).is_pending());
        drop(given_up);
        drop(first);
        drop(second.await);
        assert_eq!(turns.len(), 1, "the other one's");
    }
}
