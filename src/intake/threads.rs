//! How much one thread may ask: two bots that answer each other ask for ever, however their messages are disguised.

use parking_lot::Mutex;
use std::collections::{HashMap, VecDeque};
use std::time::Duration;
use tokio::time::Instant;

/// More than a person types by hand.
const MOST: usize = 20;

/// In how long.
const WITHIN: Duration = Duration::from_secs(60);

/// When so many threads are known, those that have been quiet are forgotten; and again when there are twice as many as
/// were left then, so that however many are busy, a request pays for looking at two of them.
const KNOWN: usize = 1_024;

/// The requests of late, by thread. In memory: a loop that outlives a restart is found again.
#[derive(Debug, Default)]
pub struct Threads {
    lately: Mutex<Lately>,
}

#[derive(Debug, Default)]
struct Lately {
    threads: HashMap<String, VecDeque<Instant>>,
    /// How many were left when the quiet ones were forgotten.
    left: usize,
}

impl Threads {
    /// Whether this thread has asked as much as it may.
    pub(super) fn is_full(&self, thread: &str) -> bool {
        let now = Instant::now();
        let mut lately = self.lately.lock();
        lately.threads.get_mut(thread).is_some_and(|times| {
            forget(times, now);
            times.len() >= MOST
        })
    }

    /// Notes a request. Whether it is the one that fills the thread.
    pub(super) fn note(&self, thread: &str) -> bool {
        let now = Instant::now();
        let mut lately = self.lately.lock();
        if lately.threads.len() >= KNOWN.max(2 * lately.left) {
            lately.threads.retain(|_, times| times.back().is_some_and(|last| now - *last < WITHIN));
            lately.left = lately.threads.len();
        }
        let times = lately.threads.entry(thread.to_owned()).or_default();
        forget(times, now);
        times.push_back(now);
        times.len() >= MOST
    }
}

fn forget(times: &mut VecDeque<Instant>, now: Instant) {
    while times.front().is_some_and(|first| now - *first >= WITHIN) {
        times.pop_front();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // failure 36
    #[tokio::test(start_paused = true)]
    async fn a_thread_that_asks_without_end_is_full_until_it_has_been_quiet() {
        let threads = Threads::default();
        for number in 1..MOST {
            assert!(!threads.is_full("C1 1.2") && !threads.note("C1 1.2"), "{number}");
            tokio::time::advance(Duration::from_secs(1)).await;
        }
        assert!(threads.note("C1 1.2") && threads.is_full("C1 1.2"));
        assert!(!threads.is_full("C1 1.3"), "others may go on");
        tokio::time::advance(Duration::from_secs(40)).await;
        assert!(threads.is_full("C1 1.2"));
        tokio::time::advance(Duration::from_secs(2)).await;
        assert!(!threads.is_full("C1 1.2"), "the first of them were a minute ago");
    }

    // failure 36
    #[tokio::test(start_paused = true)]
    async fn quiet_threads_are_forgotten() {
        let threads = Threads::default();
        for number in 0..KNOWN {
            threads.note(&number.to_string());
        }
        tokio::time::advance(WITHIN).await;
        threads.note("new");
        assert_eq!(threads.lately.lock().threads.len(), 1);
    }

    // failure 36
    #[tokio::test(start_paused = true)]
    async fn busy_threads_are_looked_through_once_for_as_many_new_ones() {
        let threads = Threads::default();
        for number in 0..3 * KNOWN {
            threads.note(&number.to_string());
        }
        let lately = threads.lately.lock();
        assert_eq!((lately.threads.len(), lately.left), (3 * KNOWN, 2 * KNOWN), "none of them is quiet");
    }
}
