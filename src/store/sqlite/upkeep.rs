//! What the writer does when no operation waits for it: fold the log into the file, write the newest marks of keys, delete what
//! is old, give memory back, and try again after a failure.

use super::audit;
use super::book::Book;
use super::keys::walk;
use super::rows::{key, nanos};
use super::shared::Shared;
use crate::domain::RequestId;
use crate::store::StoreConfig;
use jiff::{SignedDuration, Timestamp};
use rusqlite::params;
use std::time::Duration;
use tokio::time::Instant;

/// How often the writer looks after the file.
#[derive(Clone, Copy, Debug)]
pub(in crate::store) struct Upkeep {
    /// No operation came for this long: the writer is idle.
    pub(in crate::store) idle: Duration,
    /// An idle writer with nothing to do looks at the clock so often.
    pub(in crate::store) tick: Duration,
    /// Old rows are looked for so often. They are deleted by the second look that finds them old.
    pub(in crate::store) purge_every: Duration,
    /// How many rows of a table are written or deleted at once: what a caller may have to wait for.
    pub(in crate::store) slice: usize,
    /// So many marks of keys may be in memory alone before they are written. Twice as many never are.
    pub(in crate::store) tail: usize,
}

impl Default for Upkeep {
    fn default() -> Self {
        let minute = Duration::from_secs(60);
        Self { idle: Duration::from_secs(1), tick: minute, purge_every: 60 * minute, slice: 200, tail: 8_192 }
    }
}

/// A log shorter than this many pages is not worth two syncs.
const WORTH_FOLDING: i64 = 64;

/// The length of the log is asked for after so many commits.
const LOOK_EVERY: u32 = 8;

/// A writer that is never idle does what an idle one does after so many times that length.
const OVERDUE: u32 = 10;

/// A gap between two callers that is long enough for a slice of marks.
const GAP: Duration = Duration::from_millis(5);

/// A sweep of a large table writes many pages. After so many the log is folded, a little at a time, while no operation waits.
const SWEPT: i64 = 512;

/// How many slices are written at once when the tail may grow no longer: fewer syncs, as somebody waits for each.
const MANY: usize = 10;

/// A row that is only looked at costs this part of one that is written.
const CHEAP: usize = 10;

/// The writer's care for the file.
pub(super) struct Caretaker {
    upkeep: Upkeep,
    retention: SignedDuration,
    dedupe: SignedDuration,
    log_pages: i64,
    commits: u32,
    /// When the writer was idle last.
    rested: Instant,
    /// Whether there was work since the last rest.
    busy: bool,
    purging: bool,
    /// When to look for old rows again, by a clock that cannot be set.
    next_purge: Instant,
    /// The time of day at the look before. What was not old then is not deleted: the clock may have jumped ahead since.
    looked: Option<Timestamp>,
    /// How many times to leave the old rows alone, after a failure.
    rests: u32,
}

impl Caretaker {
    pub(super) fn new(config: &StoreConfig, upkeep: Upkeep) -> Self {
        let days = |days: u32| SignedDuration::from_hours(24 * i64::from(days));
        Self {
            upkeep,
            retention: config.retention(),
            dedupe: days(config.dedupe_days),
            log_pages: (i64::from(config.log_mib) << 20) / super::file::PAGE.cast_signed(),
            commits: 0,
            rested: Instant::now(),
            busy: true,
            purging: false,
            next_purge: Instant::now(),
            looked: None,
            rests: 0,
        }
    }

    /// How long the writer may sleep.
    pub(super) fn pause(&self, book: &Book, ok: bool) -> Duration {
        match (self.purging, self.sweeps(book, ok), self.busy || !ok) {
            (true, ..) => Duration::from_millis(1),
            (false, true, _) => GAP,
            (false, false, true) => self.upkeep.idle,
            (false, false, false) => self.upkeep.tick,
        }
    }

    /// Whether marks are to be written when no operation waits.
    fn sweeps(&self, book: &Book, ok: bool) -> bool {
        ok && self.rests == 0 && book.keys.is_long()
    }

    /// After a batch, when its callers have their answers.
    pub(super) fn after_batch(&mut self, book: &mut Book, shared: &Shared) -> rusqlite::Result<()> {
        self.busy = true;
        while book.keys.is_too_long() {
            walk::sweep(book, self.upkeep.slice * MANY)?;
        }
        if self.rested.elapsed() > self.upkeep.idle * if self.purging { 1 } else { OVERDUE } {
            return self.idle(book, shared);
        }
        self.commits += 1;
        if self.commits >= LOOK_EVERY {
            self.commits = 0;
            if log_length(book)? >= self.log_pages {
                fold(book, "PASSIVE")?;
            }
        }
        Ok(())
    }

    /// When no operation waits.
    pub(super) fn idle(&mut self, book: &mut Book, shared: &Shared) -> rusqlite::Result<()> {
        if self.sweeps(book, shared.is_ok()) {
            walk::sweep(book, self.upkeep.slice)?;
            if log_length(book)? >= SWEPT {
                fold(book, "PASSIVE")?;
            }
            if self.rested.elapsed() < self.upkeep.idle * OVERDUE {
                return Ok(());
            }
        }
        self.rested = Instant::now();
        if !shared.is_ok() {
            probe(book)?;
            shared.succeeded();
        }
        if self.busy {
            self.busy = false;
            if log_length(book)? >= WORTH_FOLDING {
                fold(book, "PASSIVE")?;
            }
            book.connection.release_memory()?;
        }
        if self.rests > 0 {
            self.rests -= 1;
            return Ok(());
        }
        if self.purging || Instant::now() >= self.next_purge {
            let now = book.clock.now();
            self.purging = match self.looked {
                Some(before) => self.purge(book, before.min(now))?,
                None => false,
            };
            if !self.purging {
                self.looked = Some(now);
                self.next_purge = Instant::now() + self.upkeep.purge_every;
            }
        }
        Ok(())
    }

    /// Something in [`Caretaker::idle`] failed: not again at once.
    pub(super) fn rest(&mut self) {
        self.purging = false;
        self.busy = false;
        self.rests = 60;
    }

    /// Deletes a slice of what is old; returns whether there may be more.
    fn purge(&self, book: &mut Book, now: Timestamp) -> rusqlite::Result<bool> {
        forget_notes(book, now)?;
        let before = |age: SignedDuration| now.checked_sub(age).unwrap_or(Timestamp::MIN);
        let slice = i64::try_from(self.upkeep.slice).unwrap_or(i64::MAX);
        let old_keys = old_keys(book, before(self.dedupe), slice)?;
        let kept = before(self.retention);
        let old_requests = old_requests(book, kept, slice)?;
        let old_letters: i64 = book
            .connection
            .prepare_cached("SELECT count(*) FROM (SELECT 1 FROM letters WHERE dead_at < ?1 LIMIT ?2)")?
            .query_row(params![nanos(kept), slice], |row| row.get(0))?;
        let old_house = audit::old_house(book, kept, slice)?;
        let few = |rows: i64| usize::try_from(rows).unwrap_or(0);
        let found = [old_keys.len(), old_requests.len(), few(old_letters), few(old_house)];
        if found == [0; 4] {
            if book.keys.is_littered() {
                walk::tidy(book, self.upkeep.slice * CHEAP)?;
            }
            return Ok(book.keys.is_littered());
        }
        book.begin()?;
        if let Some(last) = old_keys.last() {
            book.execute("DELETE FROM deliveries WHERE seq <= ?1", [last])?;
        }
        for id in &old_requests {
            book.execute("DELETE FROM requests WHERE id = ?1", [key(*id)])?;
        }
        let letters = book.execute(
            "DELETE FROM letters WHERE id IN (SELECT id FROM letters WHERE dead_at < ?1 LIMIT ?2)",
            params![nanos(kept), slice],
        )?;
        audit::forget_house(book, kept, slice)?;
        book.commit()?;
        book.work.dead = book.work.dead.saturating_sub(letters as u64);
        if let Some(last) = old_keys.last() {
            book.keys.forget(*last);
        }
        Ok(found.into_iter().any(|rows| rows >= self.upkeep.slice) || book.keys.is_littered())
    }
}

/// Forgets the notes that were kept until before this time.
fn forget_notes(book: &Book, now: Timestamp) -> rusqlite::Result<()> {
    book.execute("DELETE FROM facts WHERE until < ?1", [nanos(now)]).map(drop)
}

/// Where the oldest keys are listed, as far as they are older than this.
fn old_keys(book: &Book, kept: Timestamp, slice: i64) -> rusqlite::Result<Vec<i64>> {
    let mut list = book.connection.prepare_cached("SELECT seq, at FROM deliveries ORDER BY seq LIMIT ?1")?;
    let mut rows = list.query([slice])?;
    let mut old = Vec::new();
    while let Some(row) = rows.next()? {
        if row.get::<_, i64>(1)? >= nanos(kept) {
            break;
        }
        old.push(row.get(0)?);
    }
    Ok(old)
}

/// Finished requests older than this of which no letter is left.
fn old_requests(book: &Book, kept: Timestamp, slice: i64) -> rusqlite::Result<Vec<RequestId>> {
    let millis = u64::try_from(kept.as_millisecond()).unwrap_or(0);
    book.connection
        .prepare_cached(
            "SELECT id FROM requests WHERE id < ?1 AND finished_at < ?2 AND id NOT IN (SELECT request FROM letters) \
             ORDER BY id LIMIT ?3",
        )?
        .query_map(params![key(RequestId::new(millis, 0)), nanos(kept), slice], |row| super::rows::id(row, 0))?
        .collect()
}

/// How many pages of the log are not in the file yet. SQLite's NOOP checkpoint only counts.
fn log_length(book: &Book) -> rusqlite::Result<i64> {
    book.connection
        .prepare_cached("PRAGMA wal_checkpoint(NOOP)")?
        .query_row([], |row| Ok(row.get::<_, i64>(1)? - row.get::<_, i64>(2)?))
}

/// Folds the log into the file.
pub(super) fn fold(book: &Book, mode: &str) -> rusqlite::Result<()> {
    book.connection.query_row(&format!("PRAGMA wal_checkpoint({mode})"), [], |_| Ok(()))
}

/// Writes something, to see whether writing works again.
fn probe(book: &mut Book) -> rusqlite::Result<()> {
    book.begin()?;
    // a newer program may have made the file, and its number stays
    let version: i64 = book.connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    book.connection.pragma_update(None, "user_version", version)?;
    book.commit()
}
