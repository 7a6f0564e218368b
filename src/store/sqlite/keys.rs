//! Which delivery has a key. On disk the keys are a plain list in the order of their arrival, and beside it stands a table
//! of their marks: a mark is a keyed hash of a key, and says where in the list to look. The list has the last word.
//!
//! A table sorted by mark has another page for every key; written with each request, it would be the largest part of the
//! cost. So the newest marks are in memory alone, the *tail*, and are written many at a time: a *sweep* goes from the
//! lowest mark to the highest, a slice at a time, when no operation waits. A start reads the tail from the list. What the list
//! no longer has is taken out of the table by a *tidying*, which goes the same way.

use rusqlite::Error::FromSqlConversionFailure;
use rusqlite::types::Type;
use rusqlite::{Connection, params};
use siphasher::sip::SipHasher13;
use std::collections::BTreeSet;

pub(super) mod walk;

/// So many marks are sorted and written at once when a file has them in its list alone: 4 MiB of memory.
const AT_ONCE: usize = 262_144;

/// The table is tidied when a part of this size of it leads nowhere.
const LITTER: i64 = 8;

/// Where a key of this mark stands. In the order of the table.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Entry {
    mark: i64,
    place: i64,
}

/// The first entry that there could be.
const LOWEST: Entry = Entry { mark: i64::MIN, place: i64::MIN };

/// A walk through the table, from the lowest mark to the highest.
#[derive(Clone, Copy)]
struct Walk {
    /// How far it has come.
    after: Entry,
    /// The place up to which it does its work, fixed when it set out.
    up_to: i64,
}

impl Walk {
    fn new(up_to: i64) -> Self {
        Self { after: LOWEST, up_to }
    }
}

/// Where keys stand in the list of deliveries.
pub(super) struct Keys {
    hasher: SipHasher13,
    /// So long a tail is not yet swept; twice as long, it is swept though operations wait.
    limit: usize,
    tail: BTreeSet<Entry>,
    /// What the open transaction added.
    fresh: Vec<Entry>,
    sweep: Option<Walk>,
    /// Every mark up to this place is in the table.
    known_to: i64,
    /// No mark before this place is in the table.
    known_from: i64,
    /// The first place that the list still has, or will have.
    first: i64,
    tidying: Option<Walk>,
}

impl Keys {
    /// What the file has. A list that is far ahead of the table, as an older program leaves it, is caught up with.
    pub(super) fn open(connection: &Connection, limit: usize) -> rusqlite::Result<Self> {
        let secret = secret(connection)?;
        let mut keys = Self {
            hasher: SipHasher13::new_with_keys((secret >> 64) as u64, secret as u64),
            limit,
            tail: BTreeSet::new(),
            fresh: Vec::new(),
            sweep: None,
            known_to: number(connection, "known_to")?,
            known_from: number(connection, "known_from")?,
            first: 0,
            tidying: None,
        };
        keys.catch_up(connection)?;
        let first: Option<i64> = connection.query_row("SELECT min(seq) FROM deliveries", [], |row| row.get(0))?;
        keys.first = match first {
            Some(first) => first,
            None => keys.next_place(connection)?,
        };
        Ok(keys)
    }

    /// The place after every one that was ever taken. None is given twice, or a key that is listed there would be taken
    /// for one whose mark is written already, or for one that a tidying has seen.
    pub(super) fn next_place(&self, connection: &Connection) -> rusqlite::Result<i64> {
        let highest = |table: &str| -> rusqlite::Result<Option<i64>> {
            connection.query_row(&format!("SELECT max(seq) FROM {table}"), [], |row| row.get(0))
        };
        let newest = match highest("deliveries")? {
            None => highest("known")?,
            newest => newest,
        };
        Ok(newest.unwrap_or(0).max(self.known_to).max(self.known_from - 1) + 1)
    }

    /// Reads the marks that the table may not have, and writes them when they are more than a tail.
    fn catch_up(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        let mut list = connection.prepare("SELECT seq, keys FROM deliveries WHERE seq > ?1 ORDER BY seq")?;
        let mut rows = list.query([self.known_to])?;
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            let place = row.get(0)?;
            found.extend(row.get_ref(1)?.as_str()?.lines().map(|key| Entry { mark: self.mark(key), place }));
            if found.len() >= AT_ONCE {
                self.write_all(connection, &mut found, place)?;
            }
        }
        match found.last().map(|newest| newest.place) {
            Some(newest) if found.len() >= self.limit * 2 => self.write_all(connection, &mut found, newest)?,
            _ => self.tail = found.into_iter().collect(),
        }
        Ok(())
    }

    /// Writes these marks, which are all there are up to this place.
    fn write_all(&mut self, connection: &Connection, found: &mut Vec<Entry>, up_to: i64) -> rusqlite::Result<()> {
        found.sort_unstable();
        let transaction = connection.unchecked_transaction()?;
        write(connection, found)?;
        set(connection, "known_to", up_to)?;
        transaction.commit()?;
        self.known_to = up_to;
        found.clear();
        Ok(())
    }

    fn mark(&self, key: &str) -> i64 {
        self.hasher.hash(key.as_bytes()).cast_signed()
    }

    /// The places at which the key may stand; mostly none, or the right one.
    pub(super) fn places(&self, connection: &Connection, key: &str) -> rusqlite::Result<Vec<i64>> {
        let mark = self.mark(key);
        let lowest = Entry { mark, place: i64::MIN };
        let recent = self.tail.range(lowest..).take_while(|entry| entry.mark == mark).map(|entry| entry.place);
        let mut places: Vec<i64> = recent.collect();
        let mut look = connection.prepare_cached("SELECT seq FROM known WHERE mark = ?1")?;
        let mut rows = look.query([mark])?;
        while let Some(row) = rows.next()? {
            places.push(row.get(0)?);
        }
        Ok(places)
    }

    /// The key stands at this place.
    pub(super) fn add(&mut self, key: &str, place: i64) {
        let entry = Entry { mark: self.mark(key), place };
        if self.tail.insert(entry) {
            self.fresh.push(entry);
        }
    }

    /// The list has nothing at this place and before it any more.
    pub(super) fn forget(&mut self, place: i64) {
        self.tail.retain(|entry| entry.place > place);
        self.first = self.first.max(place + 1);
    }

    /// What was added is durable.
    pub(super) fn committed(&mut self) {
        self.fresh.clear();
    }

    /// What was added since the last commit never was.
    pub(super) fn rolled_back(&mut self) {
        for entry in self.fresh.drain(..) {
            self.tail.remove(&entry);
        }
    }

    /// Whether there is something to sweep.
    pub(super) fn is_long(&self) -> bool {
        self.sweep.is_some() || self.tail.len() >= self.limit
    }

    /// Whether the tail may grow no longer.
    pub(super) fn is_too_long(&self) -> bool {
        self.tail.len() >= self.limit * 2
    }

    /// Whether the table is worth tidying.
    pub(super) fn is_littered(&self) -> bool {
        let (gone, all) = (self.first - self.known_from, self.known_to + 1 - self.known_from);
        self.tidying.is_some() || (gone > 0 && all > 0 && gone >= all / LITTER)
    }

    /// How many marks are in memory alone.
    #[cfg(test)]
    pub(super) fn tail(&self) -> usize {
        self.tail.len()
    }
}

fn write(connection: &Connection, entries: &[Entry]) -> rusqlite::Result<()> {
    let mut insert = connection.prepare_cached("INSERT OR IGNORE INTO known (mark, seq) VALUES (?1, ?2)")?;
    entries.iter().try_for_each(|entry| insert.execute([entry.mark, entry.place]).map(drop))
}

fn secret(connection: &Connection) -> rusqlite::Result<u128> {
    connection.query_row("SELECT value FROM facts WHERE name = 'mark_secret'", [], |row| {
        let text = row.get_ref(0)?.as_str()?;
        // by another secret nothing that is in the table would be found
        u128::from_str_radix(text, 16).map_err(|error| FromSqlConversionFailure(0, Type::Text, Box::new(error)))
    })
}

fn number(connection: &Connection, fact: &str) -> rusqlite::Result<i64> {
    connection.query_row("SELECT CAST(value AS INTEGER) FROM facts WHERE name = ?1", [fact], |row| row.get(0))
}

fn set(connection: &Connection, fact: &str, value: i64) -> rusqlite::Result<()> {
    let mut update = connection.prepare_cached("UPDATE facts SET value = ?2 WHERE name = ?1")?;
    update.execute(params![fact, value.to_string()]).map(drop)
}

#[cfg(test)]
mod tests;
