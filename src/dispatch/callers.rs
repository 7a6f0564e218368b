//! What the door knows of people before anything is journalled: how far the policies let them go, as the desk found it last.
//! It opens nothing to anybody: whatever is let in is judged by the policies all the same.

use crate::domain::UserId;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::time::Duration;
use tokio::time::Instant;

/// How long it is believed what somebody may, and after how long it is looked at again.
const BELIEVED: Duration = Duration::from_secs(3_600);
const FRESH: Duration = Duration::from_secs(60);

/// How many people are known at a time.
const MOST: usize = 10_000;

/// How far the policies let somebody go, whatever it is done to and wherever it is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rights {
    /// Nothing at all: a guest, a person of another organisation.
    Nothing,
    /// What changes nothing.
    Reads,
    /// Changes.
    Changes,
}

/// What is known of those who call. Shared by all connections and all lives of the dispatcher.
pub struct Callers {
    known: Mutex<HashMap<UserId, Caller>>,
    /// For how long somebody who may run nothing, and was told so, is not heard again.
    told_for: Duration,
}

struct Caller {
    rights: Rights,
    found: Instant,
    /// When this person was let in last, or told that nothing is open to them: it counts where nothing is.
    told: Option<Instant>,
}

impl Callers {
    /// No person is known yet. One who may run nothing, and was told so, is not heard again for so long.
    pub fn new(told_for: Duration) -> Self {
        Self { known: Mutex::default(), told_for }
    }

    /// Whether this person may run nothing, and was told so a moment ago.
    pub fn was_told(&self, user: &UserId) -> bool {
        self.known.lock().get(user).is_some_and(|caller| self.is_told(caller))
    }

    fn is_told(&self, Caller { rights, found, told }: &Caller) -> bool {
        *rights == Rights::Nothing
            && found.elapsed() < BELIEVED
            && told.is_some_and(|told| told.elapsed() < self.told_for)
    }

    /// Whether the door may listen to this person now. A person who may run nothing is heard, and told so, once in a while; each
    /// `true` for such a person begins that while anew.
    pub fn may_call(&self, user: &UserId) -> bool {
        match self.known.lock().get_mut(user) {
            Some(caller) if self.is_told(caller) => false,
            Some(caller) => {
                caller.told = Some(Instant::now());
                true
            }
            None => true,
        }
    }

    /// What this person was let in for was not taken after all: they have not been told.
    pub fn was_not_heard(&self, user: &UserId) {
        if let Some(caller) = self.known.lock().get_mut(user) {
            caller.told = None;
        }
    }

    /// Whether this person may change something, as far as is known. Of whom nothing is known yet, after a start for
    /// instance, it is not held that they may not.
    pub fn may_change(&self, user: &UserId) -> bool {
        let known = self.known.lock();
        known.get(user).is_none_or(|caller| caller.rights == Rights::Changes || caller.found.elapsed() >= BELIEVED)
    }

    /// Notes how far somebody may go who was just looked up; asked only when it is not known, or was found a while ago.
    pub fn learn(&self, user: &UserId, rights: impl FnOnce() -> Rights) {
        let is_fresh = |caller: &Caller| caller.rights != Rights::Nothing && caller.found.elapsed() < FRESH;
        if self.known.lock().get(user).is_some_and(is_fresh) {
            return;
        }
        // not under the lock: the door does not wait for the policies
        let (rights, now) = (rights(), Instant::now());
        let mut known = self.known.lock();
        if known.len() >= MOST && !known.contains_key(user) {
            known.retain(|_, caller| now - caller.found < BELIEVED);
            if known.len() >= MOST {
                known.clear();
            }
        }
        // who may run nothing is told so now
        let told = (rights == Rights::Nothing).then_some(now);
        known.insert(user.clone(), Caller { rights, found: now, told });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn user(number: usize) -> UserId {
        UserId(format!("U{number}"))
    }

    #[tokio::test(start_paused = true)]
    async fn who_may_run_nothing_is_heard_once_a_minute_and_everybody_else_always() {
        let callers = Callers::new(MINUTE);
        let heard = |user: &UserId| (0..5).filter(|_| callers.may_call(user)).count();
        assert_eq!(heard(&user(0)), 5, "nothing is known yet");
        for (number, rights) in [(0, Rights::Nothing), (1, Rights::Reads), (2, Rights::Changes)] {
            callers.learn(&user(number), || rights);
        }
        assert_eq!([0, 1, 2, 3].map(|number| heard(&user(number))), [0, 5, 5, 5]);
        assert_eq!([0, 1, 2, 3].map(|number| callers.may_change(&user(number))), [false, false, true, true]);
        for _ in 0..3 {
            tokio::time::advance(MINUTE).await;
            assert_eq!(heard(&user(0)), 1);
        }
        tokio::time::advance(MINUTE).await;
        assert!(callers.may_call(&user(0)));
        callers.was_not_heard(&user(0));
        assert_eq!(heard(&user(0)), 1, "the journal did not take it, so nothing was said");
        // a right that was given is known with the next look
        callers.learn(&user(0), || Rights::Changes);
        assert_eq!((heard(&user(0)), callers.may_change(&user(0))), (5, true));
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_found_is_looked_at_again_after_a_minute_and_not_believed_for_ever() {
        let callers = Callers::new(MINUTE);
        callers.learn(&user(1), || Rights::Reads);
        callers.learn(&user(1), || panic!("it is fresh"));
        tokio::time::advance(FRESH).await;
        callers.learn(&user(1), || Rights::Changes);
        assert!(callers.may_change(&user(1)));
        callers.learn(&user(2), || Rights::Nothing);
        callers.learn(&user(3), || Rights::Reads);
        tokio::time::advance(BELIEVED).await;
        assert!(callers.may_call(&user(2)) && callers.may_call(&user(2)) && callers.may_change(&user(3)));
    }

    #[tokio::test(start_paused = true)]
    async fn there_is_a_bound_to_how_many_are_known() {
        let callers = Callers::new(MINUTE);
        for number in 0..MOST + 1 {
            callers.learn(&user(number), || Rights::Nothing);
        }
        assert_eq!(callers.known.lock().len(), 1);
        tokio::time::advance(BELIEVED).await;
        (1..=MOST).for_each(|number| callers.learn(&user(number), || Rights::Nothing));
        assert_eq!(callers.known.lock().len(), MOST, "the old one made room");
    }
}
