//! Which requests are being worked on in this process: what tells a lost request from a slow one.

use crate::domain::RequestId;
use parking_lot::Mutex;
use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::Notify;

/// All requests in work.
#[derive(Debug, Default)]
pub struct Flights {
    ids: Mutex<HashSet<RequestId>>,
    /// Those that only the next process can bring to their end.
    bequeathed: Mutex<HashSet<RequestId>>,
    landed: Notify,
    /// Whether this process is on its way out.
    closed: AtomicBool,
}

/// One request in work, until dropped.
#[derive(Debug)]
pub struct Flight {
    id: RequestId,
    flights: Arc<Flights>,
}

impl Flights {
    /// Takes a request into work; `None` when it is in work already.
    pub fn board(self: &Arc<Self>, id: RequestId) -> Option<Flight> {
        self.ids.lock().insert(id).then(|| Flight { id, flights: Arc::clone(self) })
    }

    /// From now on nothing is begun that was not asked of this process just now: the next one takes it up.
    pub fn close(&self) {
        self.closed.store(true, Ordering::Relaxed);
    }

    /// Whether it is so.
    pub fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Relaxed)
    }

    /// Those in work now.
    pub fn ids(&self) -> HashSet<RequestId> {
        self.ids.lock().clone()
    }

    /// How many are in work.
    pub fn len(&self) -> usize {
        self.ids.lock().len()
    }

    /// Whether none is in work.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Waits until none is in work that this process could bring to its end.
    pub async fn idle(&self) {
        loop {
            let landed = self.landed.notified();
            tokio::pin!(landed);
            landed.as_mut().enable();
            if self.ids.lock().is_subset(&self.bequeathed.lock()) {
                return;
            }
            landed.await;
        }
    }
}

impl Flight {
    /// Says that this process ends before this request can: the drain waits for it no more.
    pub fn bequeath(&self) {
        self.flights.bequeathed.lock().insert(self.id);
        self.flights.landed.notify_waiters();
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        self.flights.ids.lock().remove(&self.id);
        self.flights.bequeathed.lock().remove(&self.id);
        self.flights.landed.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_request_is_in_work_once_and_idle_waits_for_the_last() {
        let flights = Arc::new(Flights::default());
        let id = RequestId::new(1, 1);
        let flight = flights.board(id).expect("not in work yet");
        assert!(flights.board(id).is_none());
        let waiting = Arc::clone(&flights);
        let idle = async move { waiting.idle().await };
        let (_, ()) = tokio::join!(idle, async move { drop(flight) });
        assert!(flights.board(id).is_some());
    }

    #[tokio::test]
    async fn what_is_left_to_the_heir_is_not_waited_for() {
        let flights = Arc::new(Flights::default());
        let (mine, the_heirs) = (RequestId::new(1, 1), RequestId::new(1, 2));
        let (flight, left) = (flights.board(mine).expect("new"), flights.board(the_heirs).expect("new"));
        let waiting = Arc::clone(&flights);
        let idle = async move { waiting.idle().await };
        tokio::join!(idle, async move {
            drop(flight);
            left.bequeath();
            assert!(flights.board(the_heirs).is_none(), "it is in work still");
            std::mem::forget(left);
        });
    }
}
