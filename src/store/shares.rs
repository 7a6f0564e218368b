//! How much of what is open is one person's: requests without an answer, and those whose answer waits. It is kept beside
//! what a store has in memory, so that the door can read it for each request, however much is open.

use crate::domain::{RequestId, UserId};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};

/// What is open, by whom it was asked for. It is never larger than what the store holds in memory. A person is a number
/// here, so that a request costs no memory of its own; two of the same number would share a share, which does no harm.
#[derive(Default)]
pub(super) struct Shares {
    counts: Mutex<Counts>,
    numbers: RandomState,
}

#[derive(Default)]
struct Counts {
    askers: HashMap<RequestId, u64>,
    open: HashMap<u64, usize>,
}

impl Shares {
    /// A request is open. It counts once, however often that is said.
    pub(super) fn begin(&self, id: RequestId, user: &UserId) {
        self.counts.lock().begin(id, self.numbers.hash_one(user));
    }

    /// Nothing of a request is open any more.
    pub(super) fn end(&self, id: RequestId) {
        let mut counts = self.counts.lock();
        let Some(user) = counts.askers.remove(&id) else { return };
        if let Some(open) = counts.open.get_mut(&user) {
            *open -= 1;
            if *open == 0 {
                counts.open.remove(&user);
            }
        }
    }

    /// This is open, and nothing else.
    pub(super) fn recount(&self, all: impl IntoIterator<Item = (RequestId, UserId)>) {
        let mut counts = Counts::default();
        all.into_iter().for_each(|(id, user)| counts.begin(id, self.numbers.hash_one(&user)));
        *self.counts.lock() = counts;
    }

    /// How many requests of this person are open.
    pub(super) fn of(&self, user: &UserId) -> usize {
        self.counts.lock().open.get(&self.numbers.hash_one(user)).copied().unwrap_or_default()
    }
}

impl Counts {
    fn begin(&mut self, id: RequestId, user: u64) {
        if self.askers.insert(id, user).is_none() {
            *self.open.entry(user).or_default() += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_request_counts_once_for_its_asker_until_it_ends() {
        let (shares, id) = (Shares::default(), |number| RequestId::new(1, number));
        let (maya, vera) = (UserId::from("UMAYA"), UserId::from("UVERA"));
        for (number, user) in [(1, &maya), (2, &vera), (3, &maya), (3, &maya)] {
            shares.begin(id(number), user);
        }
        assert_eq!((shares.of(&maya), shares.of(&vera), shares.of(&"UNINA".into())), (2, 1, 0));
        for number in [1, 1, 2, 9] {
            shares.end(id(number));
        }
        assert_eq!((shares.of(&maya), shares.of(&vera)), (1, 0));
        assert_eq!(shares.counts.lock().open.len(), 1, "whoever has nothing open leaves no memory");
        shares.recount([(id(5), vera.clone()), (id(6), vera.clone())]);
        assert_eq!((shares.of(&maya), shares.of(&vera)), (0, 2));
    }
}
