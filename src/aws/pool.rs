//! The clients that are kept: those of the places used last, because each holds tens of KiB and the SDK never gives it back.

use crate::domain::AccountRegion;
use parking_lot::Mutex;

/// The most places of one service whose clients are kept; the account of somebody who enables all regions has fewer.
const MOST: usize = 40;

/// Clients by account and region, the least lately used first.
pub(super) struct Pool<C>(Mutex<Vec<(AccountRegion, C)>>);

impl<C> Default for Pool<C> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<C: Clone> Pool<C> {
    /// The client of a place, which is then the last to be let go.
    pub(super) fn get(&self, place: &AccountRegion) -> Option<C> {
        let mut kept = self.0.lock();
        let at = kept.iter().position(|(known, _)| known == place)?;
        kept[at..].rotate_left(1);
        kept.last().map(|(_, client)| client.clone())
    }

    /// Keeps the client of a place, in place of the least lately used where there are too many. Gives the one that is
    /// kept: that of the caller that was first.
    pub(super) fn keep(&self, place: AccountRegion, client: C) -> C {
        if let Some(first) = self.get(&place) {
            return first;
        }
        let mut kept = self.0.lock();
        if kept.len() >= MOST {
            kept.remove(0);
        }
        kept.push((place, client.clone()));
        client
    }

    /// The regions whose clients are kept.
    pub(super) fn regions(&self) -> Vec<String> {
        self.0.lock().iter().map(|(place, _)| place.region.clone()).collect()
    }
}

impl<C> FromIterator<(AccountRegion, C)> for Pool<C> {
    fn from_iter<I: IntoIterator<Item = (AccountRegion, C)>>(clients: I) -> Self {
        Self(Mutex::new(clients.into_iter().collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_regions_used_last_are_kept_and_no_more_than_the_bound() {
        let pool: Pool<usize> = Pool::default();
        let at = |number: usize| AccountRegion::usual(format!("r-{number}"));
        for number in 0..1_500 {
            assert_eq!(pool.keep(at(number), number), number);
            assert_eq!(pool.get(&at(0)), Some(0), "it is used all the time");
        }
        assert_eq!(pool.regions().len(), MOST);
        assert_eq!((pool.get(&at(1)), pool.get(&at(1_499))), (None, Some(1_499)));
        assert_eq!(pool.keep(at(1_499), 7), 1_499, "that of the first caller");
    }

    #[test]
    fn two_accounts_do_not_share_the_client_of_a_region() {
        let pool: Pool<&str> = Pool::default();
        let (one, other) =
            (AccountRegion::new("111111111111", "eu-north-1"), AccountRegion::new("222222222222", "eu-north-1"));
        pool.keep(one.clone(), "one");
        assert_eq!(pool.get(&other), None);
        assert_eq!((pool.keep(other, "other"), pool.get(&one)), ("other", Some("one")));
    }
}
