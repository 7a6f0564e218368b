//! The port for time of day. Only this file asks the system; timers inside actors use tokio's clock, which tests
//! can turn by hand.

use jiff::{SignedDuration, Timestamp};
use nix::time::{ClockId, clock_gettime};
use parking_lot::Mutex;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// Tells the time of day.
pub trait Clock: Send + Sync {
    /// Now.
    fn now(&self) -> Timestamp;

    /// For how long the machine has been suspended since it started. No timer counts that time, and everybody else does.
    fn asleep(&self) -> Duration {
        Duration::ZERO
    }
}

/// The machine's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the clock that everyone else asks")]
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    fn asleep(&self) -> Duration {
        let read = |clock| clock_gettime(clock).ok().map(Duration::from);
        // in this order: what passes between the two is no time asleep of another call
        let (awake, all) = (read(ClockId::CLOCK_MONOTONIC), read(ClockId::CLOCK_BOOTTIME));
        all.zip(awake).map_or(Duration::ZERO, |(all, awake)| all.saturating_sub(awake))
    }
}

/// The machine's clock behind the port.
pub fn system() -> Arc<dyn Clock> {
    Arc::new(SystemClock)
}

/// A clock that never goes back: while the one behind it has been set back, it goes on at its own pace. What waits for a
/// time by it waits no longer than it was told to.
pub struct Onward {
    clock: Arc<dyn Clock>,
    latest: Mutex<(Timestamp, Instant)>,
}

impl Onward {
    /// Goes on from what this clock shows.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        let latest = Mutex::new((clock.now(), Instant::now()));
        Self { clock, latest }
    }
}

impl Clock for Onward {
    fn now(&self) -> Timestamp {
        let shown = self.clock.now();
        let mut latest = self.latest.lock();
        let passed = SignedDuration::try_from(latest.1.elapsed()).unwrap_or(SignedDuration::MAX);
        let onward = latest.0.checked_add(passed).unwrap_or(Timestamp::MAX);
        if shown < onward {
            return onward;
        }
        *latest = (shown, Instant::now());
        shown
    }
}

/// Waits for a call as long as the right to make it (a lease) lasts: `left` tells how long that is, and is asked again at its end, as
/// it may have been renewed. A call that is dropped because it was not may have arrived all the same.
pub async fn while_held<T>(left: impl Fn() -> Option<Duration>, call: impl Future<Output = T>) -> Held<T> {
    let Some(first) = left() else { return Held::Never };
    let mut call = pin!(call);
    let mut end = pin!(tokio::time::sleep(first));
    loop {
        tokio::select! {
            // first, so that one who was asleep while it ended begins nothing
            biased;
            () = &mut end => match left() {
                Some(more) => end.as_mut().reset(Instant::now() + more),
                None => return Held::Ended,
            },
            done = &mut call => return Held::Done(done),
        }
    }
}

/// What became of a call that may be made only while a right lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Held<T> {
    /// The right was not there: the call was not begun.
    Never,
    /// The right ended before the call did.
    Ended,
    /// The call ended.
    Done(T),
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    /// A clock that is set by hand.
    struct Set(Mutex<Timestamp>);

    impl Clock for Set {
        fn now(&self) -> Timestamp {
            *self.0.lock()
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_onward_clock_follows_ahead_and_goes_on_when_it_is_set_back() {
        let start: Timestamp = "2026-03-01T12:00:00Z".parse().expect("a time");
        let set = Arc::new(Set(Mutex::new(start)));
        let onward = Onward::new(Arc::clone(&set) as Arc<dyn Clock>);
        let hour = SignedDuration::from_hours(1);
        *set.0.lock() = start + hour;
        assert_eq!(onward.now(), start + hour);
        *set.0.lock() = start - hour;
        assert_eq!(onward.now(), start + hour, "set back");
        tokio::time::advance(Duration::from_secs(60)).await;
        assert_eq!(onward.now(), start + hour + SignedDuration::from_secs(60), "at its own pace");
        *set.0.lock() = start + hour * 2;
        assert_eq!(onward.now(), start + hour * 2, "until it was caught up");
    }

    const SECOND: Duration = Duration::from_secs(1);

    /// A call that takes so long, and notes that it was begun.
    async fn call(seconds: u32, begun: &Cell<bool>) -> &'static str {
        begun.set(true);
        tokio::time::sleep(SECOND * seconds).await;
        "done"
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_lasts_as_long_as_the_right_to_it_is_renewed() {
        let (begun, asked) = (Cell::new(false), Cell::new(0));
        let renewed = |times: u32| {
            let (asked, times) = (&asked, times);
            asked.set(0);
            move || {
                asked.set(asked.get() + 1);
                (asked.get() <= times).then_some(SECOND * 2)
            }
        };
        assert_eq!(while_held(renewed(0), call(1, &begun)).await, Held::Never);
        assert!(!begun.get());
        assert_eq!(while_held(renewed(1), call(1, &begun)).await, Held::Done("done"));
        assert_eq!(while_held(renewed(1), call(3, &begun)).await, Held::Ended);
        assert_eq!(while_held(renewed(2), call(3, &begun)).await, Held::Done("done"));
    }

    #[tokio::test(start_paused = true)]
    async fn who_wakes_when_the_right_has_ended_begins_nothing() {
        let begun = Cell::new(false);
        let right = Cell::new(Some(Duration::ZERO));
        assert_eq!(while_held(|| right.take(), call(0, &begun)).await, Held::Ended);
        assert!(!begun.get());
    }
}
