//! The people who look at their own Homes: a Home is shown anew when a request of its person begins or ends. Kept in memory, over all
//! lives of the actor that shows them; a person who is forgotten opens the Home again.

use crate::domain::UserId;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

/// For how long an opened Home is kept up to date. Slack tells when it is opened and never when it is left.
const WATCHED_FOR: Duration = Duration::from_secs(300);

/// Between two times that one person's Home is shown.
pub(crate) const EVERY: Duration = Duration::from_secs(3);

/// People whose Homes are kept up to date; beyond that the one who opened it first is forgotten.
const MOST: usize = 1_000;

/// How often a Home that Slack does not take is tried before it waits for its next change.
const ATTEMPTS: u32 = 4;

struct Onlooker {
    opened: Instant,
    /// When the Home is to be shown, if it is.
    due: Option<Instant>,
    /// Not to be shown before.
    free: Instant,
    /// Whether it is being shown: two at a time could arrive in the wrong order.
    showing: bool,
    /// Attempts that failed, since one succeeded.
    failed: u32,
}

impl Onlooker {
    fn next(&self) -> Option<Instant> {
        self.due.filter(|_| !self.showing).map(|due| due.max(self.free))
    }

    fn is_gone(&self, now: Instant) -> bool {
        !self.showing && self.due.is_none() && now.duration_since(self.opened) >= WATCHED_FOR
    }
}

/// All who look at their Homes.
#[derive(Default)]
pub struct Onlookers {
    people: Mutex<HashMap<UserId, Onlooker>>,
    changed: Notify,
}

/// The right to show one person's Home, which no other task has until it is dropped.
pub struct Turn {
    user: UserId,
    onlookers: Arc<Onlookers>,
}

impl Onlookers {
    /// Somebody opened the Home, or wants it anew.
    pub fn opened(&self, user: &UserId) {
        let now = Instant::now();
        let mut people = self.people.lock();
        if !people.contains_key(user) && people.len() >= MOST {
            people.retain(|_, onlooker| !onlooker.is_gone(now));
            let first = people.iter().filter(|(_, onlooker)| !onlooker.showing).min_by_key(|(_, one)| one.opened);
            if let Some(first) = first.map(|(user, _)| user.clone()).filter(|_| people.len() >= MOST) {
                people.remove(&first);
            }
        }
        let new = Onlooker { opened: now, due: None, free: now, showing: false, failed: 0 };
        let onlooker = people.entry(user.clone()).or_insert(new);
        onlooker.opened = now;
        onlooker.due = Some(now);
        onlooker.failed = 0;
        drop(people);
        self.changed.notify_one();
    }

    /// A request of this person began or ended.
    pub fn changed(&self, user: &UserId) {
        let now = Instant::now();
        let mut people = self.people.lock();
        let Some(onlooker) = people.get_mut(user) else { return };
        if now.duration_since(onlooker.opened) >= WATCHED_FOR {
            return;
        }
        onlooker.due = Some(onlooker.due.map_or(now, |due| due.min(now)));
        drop(people);
        self.changed.notify_one();
    }

    /// Waits until somebody's Home is to be shown.
    pub async fn next(self: &Arc<Self>) -> Turn {
        loop {
            let changed = self.changed.notified();
            let wait = match self.take(Instant::now()) {
                Ok(turn) => return turn,
                Err(wait) => wait,
            };
            match wait {
                // whichever it was, the next look tells
                Some(until) => drop(timeout_at(until, changed).await),
                None => changed.await,
            }
        }
    }

    /// A Home that is due, or when the next one is.
    fn take(self: &Arc<Self>, now: Instant) -> Result<Turn, Option<Instant>> {
        let mut people = self.people.lock();
        people.retain(|_, onlooker| !onlooker.is_gone(now));
        let next = people.iter().filter_map(|(user, onlooker)| onlooker.next().map(|at| (at, user)));
        let Some((at, user)) = next.min_by_key(|(at, _)| *at) else { return Err(None) };
        if at > now {
            return Err(Some(at));
        }
        let user = user.clone();
        if let Some(onlooker) = people.get_mut(&user) {
            (onlooker.due, onlooker.showing, onlooker.free) = (None, true, now + EVERY);
        }
        Ok(Turn { user, onlookers: Arc::clone(self) })
    }
}

impl Turn {
    /// Whose Home.
    pub fn user(&self) -> &UserId {
        &self.user
    }

    /// It was shown.
    pub fn shown(self) {
        self.settle(|onlooker| onlooker.failed = 0);
    }

    /// It could not be shown: once more after this pause, unless it has failed too often. Waiting for our own pace is
    /// no failure. Returns whether it is tried again.
    pub fn again(self, pause: Duration, is_failure: bool) -> bool {
        let now = Instant::now();
        self.settle(|onlooker| {
            onlooker.failed += u32::from(is_failure);
            if onlooker.failed >= ATTEMPTS {
                onlooker.failed = 0;
                return false;
            }
            onlooker.free = onlooker.free.max(now + pause);
            onlooker.due = Some(now);
            true
        })
        .unwrap_or(false)
    }

    fn settle<T>(&self, change: impl FnOnce(&mut Onlooker) -> T) -> Option<T> {
        self.onlookers.people.lock().get_mut(&self.user).map(change)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.settle(|onlooker| onlooker.showing = false);
        self.onlookers.changed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;

    fn name(turn: &Turn) -> &str {
        turn.user().as_str()
    }

    #[tokio::test(start_paused = true)]
    async fn an_opened_home_is_shown_at_once_and_a_change_of_somebody_elses_concerns_nobody() {
        let all = Arc::new(Onlookers::default());
        all.changed(&"U2".into());
        assert!(all.next().now_or_never().is_none());
        all.opened(&"U1".into());
        let turn = all.next().await;
        assert_eq!(name(&turn), "U1");
        turn.shown();
        all.changed(&"U2".into());
        assert!(all.next().now_or_never().is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn many_changes_are_shown_once_in_three_seconds_and_the_last_is_never_missed() {
        let all = Arc::new(Onlookers::default());
        let (user, began) = (UserId::from("U1"), Instant::now());
        all.opened(&user);
        all.next().await.shown();
        let mut shown = Vec::new();
        for _ in 0..100 {
            all.changed(&user);
            if let Ok(turn) = tokio::time::timeout(Duration::from_millis(100), all.next()).await {
                turn.shown();
                shown.push(began.elapsed());
            }
        }
        assert_eq!(shown, [3, 6, 9].map(Duration::from_secs));
        all.next().await.shown();
        assert_eq!(began.elapsed(), Duration::from_secs(12));
        assert!(tokio::time::timeout(Duration::from_secs(600), all.next()).await.is_err(), "nothing changed since");
    }

    #[tokio::test(start_paused = true)]
    async fn a_home_that_is_being_shown_is_not_shown_beside_it_and_what_changes_meanwhile_follows() {
        let all = Arc::new(Onlookers::default());
        let user = UserId::from("U1");
        all.opened(&user);
        let turn = all.next().await;
        all.changed(&user);
        assert!(tokio::time::timeout(Duration::from_secs(60), all.next()).await.is_err());
        turn.shown();
        assert_eq!(name(&all.next().await), "U1");
        // dropped without a word: the task that showed it broke
        assert!(all.next().now_or_never().is_none());
        all.changed(&user);
        tokio::time::advance(EVERY).await;
        assert!(all.next().now_or_never().is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn a_home_that_nobody_opened_lately_is_left_alone_and_forgotten() {
        let all = Arc::new(Onlookers::default());
        let user = UserId::from("U1");
        all.opened(&user);
        all.next().await.shown();
        tokio::time::advance(WATCHED_FOR).await;
        all.changed(&user);
        assert!(all.next().now_or_never().is_none());
        assert!(all.people.lock().is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn a_home_that_slack_does_not_take_is_tried_a_few_times_after_the_pause_it_asks_for() {
        let all = Arc::new(Onlookers::default());
        let began = Instant::now();
        all.opened(&"U1".into());
        let mut tries = Vec::new();
        loop {
            let turn = all.next().await;
            tries.push(began.elapsed().as_secs());
            let is_failure = tries.len() != 1;
            if !turn.again(Duration::from_secs(30), is_failure) {
                break;
            }
        }
        assert_eq!(tries, [0, 30, 60, 90, 120], "the first was put off by our own pace");
        assert!(tokio::time::timeout(Duration::from_secs(600), all.next()).await.is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn a_crowd_leaves_no_more_than_its_bound() {
        let all = Arc::new(Onlookers::default());
        for number in 0..2 * MOST {
            all.opened(&UserId(format!("U{number}")));
            tokio::time::advance(Duration::from_millis(1)).await;
        }
        assert_eq!(all.people.lock().len(), MOST);
        let left = all.people.lock().keys().filter(|user| user.as_str()[1..].parse::<usize>().unwrap() < MOST).count();
        assert_eq!(left, 0, "those who opened it first are forgotten");
    }
}
