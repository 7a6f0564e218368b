//! Which requests are being worked on in this process: what tells a lost request from a slow one.

use crate::domain::RequestId;
use parking_lot::Mutex;
use std::collections::HashSet;
use std::sync::Arc;
use tokio::sync::Notify;

/// All requests in work.
#[derive(Debug, Default)]
pub struct Flights {
    ids: Mutex<HashSet<RequestId>>,
    landed: Notify,
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

    /// Waits until none is in work.
    pub async fn idle(&self) {
        loop {
            let landed = self.landed.notified();
            tokio::pin!(landed);
            landed.as_mut().enable();
            if self.is_empty() {
                return;
            }
            landed.await;
        }
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        let mut ids = self.flights.ids.lock();
        ids.remove(&self.id);
        if ids.is_empty() {
            self.flights.landed.notify_waiters();
        }
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
}
