//! How many calls are on their way to the table at once.
//!
//! A table that takes longer than its callers wait is at work on what was given up, and has ever less left for what was not:
//! the overload outlives its cause. So each replica halves the number of its calls when one of them comes late or is
//! throttled, and raises it one by one as they go well (the rule of TCP; DynamoDB's own throttling asks for the same).

use parking_lot::Mutex;
use std::time::Duration;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::Instant;

/// So many at most: two thousand commands a second, of four calls of ten milliseconds each, have eighty on their way.
const MOST: usize = 256;

/// And so many at least, or nobody learns that the table is well again.
const LEAST: usize = 4;

/// What takes this long is given up and tried again by the SDK.
pub(super) const LATE: Duration = Duration::from_secs(1);

/// What comes late together was on its way together: it halves the number once.
const SETTLES: Duration = Duration::from_secs(1);

/// The bound on the calls of this replica.
pub(super) struct Flow {
    room: Semaphore,
    state: Mutex<State>,
}

struct State {
    limit: usize,
    under_way: usize,
    /// So many of those that are under way leave no room behind when they end.
    owed: usize,
    /// So many went well since the bound was changed.
    well: usize,
    halved: Option<Instant>,
}

/// A call that is under way.
pub(super) struct Slot<'a> {
    flow: &'a Flow,
    permit: Option<SemaphorePermit<'a>>,
    began: Instant,
    is_over: bool,
}

impl Default for Flow {
    fn default() -> Self {
        let state = State { limit: MOST, under_way: 0, owed: 0, well: 0, halved: None };
        Self { room: Semaphore::new(MOST), state: Mutex::new(state) }
    }
}

impl Flow {
    /// Waits for room. Who gives up waiting has cost the table nothing.
    pub(super) async fn enter(&self) -> Slot<'_> {
        // it is never closed
        let permit = self.room.acquire().await.ok();
        self.state.lock().under_way += 1;
        Slot { flow: self, permit, began: Instant::now(), is_over: false }
    }

    fn halve(&self) {
        let mut state = self.state.lock();
        if state.halved.is_some_and(|at| at.elapsed() < SETTLES) {
            return;
        }
        state.halved = Some(Instant::now());
        let limit = (state.under_way.min(state.limit) / 2).max(LEAST);
        let less = state.limit.saturating_sub(limit);
        if less == 0 {
            return;
        }
        (state.limit, state.well) = (limit, 0);
        state.owed += less - self.room.forget_permits(less);
        tracing::info!(at_once = limit, "the table is late or throttles; fewer calls are made at once");
    }

    fn raise(&self) {
        let mut state = self.state.lock();
        state.well += 1;
        if state.limit == MOST || state.well < state.limit {
            return;
        }
        (state.limit, state.well) = (state.limit + 1, 0);
        match state.owed {
            0 => self.room.add_permits(1),
            owed => state.owed = owed - 1,
        }
    }
}

impl Slot<'_> {
    /// The call has ended. A refusal by the table is as good an end as any, unless it throttles.
    pub(super) fn ends(mut self, is_throttled: bool) {
        self.is_over = true;
        if is_throttled || self.began.elapsed() >= LATE {
            self.flow.halve();
        } else {
            self.flow.raise();
        }
    }
}

impl Drop for Slot<'_> {
    fn drop(&mut self) {
        // nobody waited for its end, and the table may be at work on it still
        if !self.is_over && self.began.elapsed() >= LATE {
            self.flow.halve();
        }
        let mut state = self.flow.state.lock();
        state.under_way -= 1;
        if let Some(permit) = self.permit.take().filter(|_| state.owed > 0) {
            state.owed -= 1;
            permit.forget();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::future::join_all;

    async fn enter(flow: &Flow, count: usize) -> Vec<Slot<'_>> {
        join_all((0..count).map(|_| flow.enter())).await
    }

    /// How many more get in at once.
    fn room(flow: &Flow) -> usize {
        flow.room.available_permits()
    }

    async fn pass(time: Duration) {
        tokio::time::advance(time).await;
    }

    #[tokio::test(start_paused = true)]
    async fn what_comes_late_or_is_throttled_halves_what_is_under_way_and_no_more_than_once_a_second() {
        let flow = Flow::default();
        assert_eq!(room(&flow), MOST);
        let mut slots = enter(&flow, 40).await;
        pass(LATE).await;
        slots.drain(..10).for_each(|slot| slot.ends(false));
        assert_eq!(room(&flow), 0, "30 are under way, of a bound of 20");
        slots.clear();
        assert_eq!(room(&flow), 20, "the others were given up, in the same second");
        let mut slots = enter(&flow, 20).await;
        pass(SETTLES / 2).await;
        slots.pop().expect("one").ends(true);
        assert_eq!(room(&flow), 1);
        pass(SETTLES).await;
        slots.pop().expect("one").ends(true);
        drop(slots);
        assert_eq!(room(&flow), 9);
    }

    #[tokio::test(start_paused = true)]
    async fn a_few_calls_are_always_made_and_more_again_as_they_go_well() {
        let flow = Flow::default();
        for _ in 0..10 {
            let slots = enter(&flow, LEAST).await;
            pass(LATE).await;
            slots.into_iter().for_each(|slot| slot.ends(false));
        }
        assert_eq!(room(&flow), LEAST);
        for bound in LEAST..MOST {
            assert_eq!(room(&flow), bound);
            for _ in 0..bound {
                flow.enter().await.ends(false);
            }
        }
        for _ in 0..MOST * 2 {
            flow.enter().await.ends(false);
        }
        assert_eq!(room(&flow), MOST);
    }
}
