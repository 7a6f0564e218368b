//! The clients that are kept: those of the regions used last, because each holds tens of KiB and the SDK never gives it back.

use parking_lot::Mutex;

/// The most regions of one service whose clients are kept; the account of somebody who enables all of them has fewer.
const MOST: usize = 40;

/// Clients by region, the least lately used first.
pub(super) struct Pool<C>(Mutex<Vec<(String, C)>>);

impl<C> Default for Pool<C> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<C: Clone> Pool<C> {
    /// The client of a region, which is then the last to be let go.
    pub(super) fn get(&self, region: &str) -> Option<C> {
        let mut kept = self.0.lock();
        let at = kept.iter().position(|(name, _)| name == region)?;
        kept[at..].rotate_left(1);
        kept.last().map(|(_, client)| client.clone())
    }

    /// Keeps the client of a region, in place of the least lately used where there are too many. Gives the one that is
    /// kept: that of the caller that was first.
    pub(super) fn keep(&self, region: &str, client: C) -> C {
        if let Some(first) = self.get(region) {
            return first;
        }
        let mut kept = self.0.lock();
        if kept.len() >= MOST {
            kept.remove(0);
        }
        kept.push((region.to_owned(), client.clone()));
        client
    }

    /// The regions whose clients are kept.
    pub(super) fn regions(&self) -> Vec<String> {
        self.0.lock().iter().map(|(name, _)| name.clone()).collect()
    }
}

impl<C> FromIterator<(String, C)> for Pool<C> {
    fn from_iter<I: IntoIterator<Item = (String, C)>>(clients: I) -> Self {
        Self(Mutex::new(clients.into_iter().collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_regions_used_last_are_kept_and_no_more_than_the_bound() {
        let pool: Pool<usize> = Pool::default();
        for number in 0..1_500 {
            assert_eq!(pool.keep(&format!("r-{number}"), number), number);
            assert_eq!(pool.get("r-0"), Some(0), "it is used all the time");
        }
        assert_eq!(pool.regions().len(), MOST);
        assert_eq!((pool.get("r-1"), pool.get("r-1499")), (None, Some(1_499)));
        assert_eq!(pool.keep("r-1499", 7), 1_499, "whoever was first");
    }
}
