//! The index of delivery keys, in memory. On disk the keys are a plain list in order of arrival: a tree sorted by
//! key would make every request touch a page of its own at a random place, the largest part of its cost. Here a key
//! is eight bytes, its mark (a part of its hash) and where in the list it stands; the list has the last word.

use rusqlite::Connection;
use std::collections::BTreeSet;
use std::hash::{BuildHasher, RandomState};

/// Enough places for 30,000 requests a second over a hundred days; what is left of 64 bits is the mark.
const PLACE_BITS: u32 = 38;
const PLACES: u64 = (1 << PLACE_BITS) - 1;

/// Where keys stand in the list of deliveries.
#[derive(Default)]
pub(super) struct Keys {
    hasher: RandomState,
    entries: BTreeSet<u64>,
    /// What the open transaction added.
    fresh: Vec<u64>,
}

impl Keys {
    fn mark(&self, key: &str) -> u64 {
        self.hasher.hash_one(key) << PLACE_BITS
    }

    fn entry(&self, key: &str, place: i64) -> u64 {
        self.mark(key) | (place.cast_unsigned() & PLACES)
    }

    /// Reads the list: its keys with their places. All at once is several times faster than one by one.
    pub(super) fn load(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        let mut list = connection.prepare("SELECT seq, keys FROM deliveries")?;
        let mut rows = list.query([])?;
        let mut entries = Vec::new();
        while let Some(row) = rows.next()? {
            let place = row.get(0)?;
            entries.extend(row.get_ref(1)?.as_str()?.lines().map(|key| self.entry(key, place)));
        }
        self.entries = entries.into_iter().collect();
        Ok(())
    }

    /// The places at which the key may stand, the oldest first; mostly none, or the right one.
    pub(super) fn places(&self, key: &str) -> Vec<i64> {
        let mark = self.mark(key);
        self.entries.range(mark..=mark | PLACES).map(|entry| (entry & PLACES).cast_signed()).collect()
    }

    /// The key stands at this place.
    pub(super) fn add(&mut self, key: &str, place: i64) {
        let entry = self.entry(key, place);
        if self.entries.insert(entry) {
            self.fresh.push(entry);
        }
    }

    /// The key no longer stands at this place.
    pub(super) fn remove(&mut self, key: &str, place: i64) {
        self.entries.remove(&self.entry(key, place));
    }

    /// What was added is durable.
    pub(super) fn committed(&mut self) {
        self.fresh.clear();
    }

    /// What was added since the last commit never was.
    pub(super) fn rolled_back(&mut self) {
        for entry in self.fresh.drain(..) {
            self.entries.remove(&entry);
        }
    }

    /// How many keys there are.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }
}
