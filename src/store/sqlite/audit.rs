//! What happened: written by the operations in their own transaction, and read here.
//!
//! That a request was accepted is told by its row, what people said of it by the note of its approval; all else is a row for
//! each event. The number of the process's life stands for who wrote it.

use super::book::Book;
use super::file;
use super::rows::{self, fact, key, nanos, time};
use super::trouble::{Done, failure};
use crate::domain::{RequestId, UserId};
use crate::store::wire::{json, readable};
use crate::store::{
    Archive, AuditLog, Event, HouseEntry, HouseEvent, ReplicaName, StoreConfig, StoreError, What, approvals,
};
use async_trait::async_trait;
use jiff::Timestamp;
use parking_lot::Mutex;
use rusqlite::{Connection, OptionalExtension, params};

/// Tells that something happened to a request, in the open transaction.
pub(super) fn tell(book: &mut Book, request: RequestId, at: Timestamp, what: &What) -> Done<()> {
    let body = json(what)?;
    Ok(tell_written(book, request, at, &body)?)
}

/// As [`tell`], for what its caller has written as JSON.
pub(super) fn tell_written(book: &mut Book, request: RequestId, at: Timestamp, body: &str) -> rusqlite::Result<()> {
    let seq = book.next_event;
    book.next_event += 1;
    book.execute(
        "INSERT INTO audit (request, life, seq, at, body) VALUES (?1, ?2, ?3, ?4, ?5)",
        params![key(request), book.life, seq, nanos(at), body],
    )?;
    Ok(())
}

/// How many events of the house are older than this, at most as many as a slice has.
pub(super) fn old_house(book: &Book, kept: Timestamp, slice: i64) -> rusqlite::Result<i64> {
    book.connection
        .prepare_cached("SELECT count(*) FROM (SELECT 1 FROM house WHERE at < ?1 LIMIT ?2)")?
        .query_row(params![nanos(kept), slice], |row| row.get(0))
}

/// Deletes a slice of them, and the lives that had ended by then.
pub(super) fn forget_house(book: &Book, kept: Timestamp, slice: i64) -> rusqlite::Result<()> {
    let kept = nanos(kept);
    book.execute(
        "DELETE FROM house WHERE seq IN (SELECT seq FROM house WHERE at < ?1 LIMIT ?2)",
        params![kept, slice],
    )?;
    book.execute("DELETE FROM lives WHERE life < (SELECT max(life) FROM lives WHERE at < ?1)", [kept])?;
    Ok(())
}

/// [`AuditLog::record`].
pub(super) fn record(book: &Book, body: &str) -> Done<()> {
    let now = nanos(book.clock.now());
    book.execute("INSERT INTO house (life, at, body) VALUES (?1, ?2, ?3)", params![book.life, now, body])?;
    Ok(())
}

/// Begins a life of this name in the file: all that former ones have left is its own from now on. Returns its number.
pub(super) fn begin_life(
    connection: &Connection,
    name: &ReplicaName,
    now: Timestamp,
    died: bool,
) -> rusqlite::Result<i64> {
    let former = connection
        .query_row("SELECT life, name FROM lives ORDER BY life DESC LIMIT 1", [], |row| {
            Ok((row.get::<_, i64>(0)?, ReplicaName(row.get(1)?)))
        })
        .optional()?;
    let (last, from) = former.unwrap_or((0, ReplicaName::unknown()));
    let life = last + 1;
    connection.execute("INSERT INTO lives (life, name, at) VALUES (?1, ?2, ?3)", params![life, name.0, nanos(now)])?;
    let adopted = serde_json::to_string(&What::Adopted { from, died })
        .map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))?;
    // the events that follow have higher numbers
    connection.execute(
        "INSERT INTO audit (request, life, seq, at, body) SELECT id, ?1, 0, ?2, ?3 FROM requests WHERE id IN \
         (SELECT id FROM requests WHERE finished_at IS NULL UNION SELECT request FROM letters WHERE dead_at IS NULL)",
        params![life, nanos(now), adopted],
    )?;
    Ok(life)
}

/// [`AuditLog::history`].
pub(super) fn history(connection: &Connection, id: RequestId) -> rusqlite::Result<Vec<Event>> {
    let accepted = connection
        .prepare_cached(
            "SELECT accepted_at, life, name, user, text FROM requests LEFT JOIN lives USING (life) WHERE id = ?1",
        )?
        .query_row([key(id)], |row| {
            let what = What::Accepted { user: UserId(row.get(3)?), text: row.get(4)? };
            event(row.get(0)?, row.get(1)?, row.get(2)?, what)
        })
        .optional()?;
    let mut events: Vec<Event> = accepted.into_iter().collect();
    let mut list = connection.prepare_cached(
        "SELECT a.at, a.life, name, body FROM audit a LEFT JOIN lives USING (life) WHERE request = ?1 \
         ORDER BY a.life, a.seq",
    )?;
    let mut rows = list.query([key(id)])?;
    while let Some(row) = rows.next()? {
        if let Some(what) = readable::<What>(row.get_ref(3)?.as_str()?, id, "event") {
            events.push(event(row.get(0)?, row.get(1)?, row.get(2)?, what)?);
        }
    }
    let note: Option<String> = connection
        .prepare_cached("SELECT value FROM facts WHERE name = ?1")?
        .query_row([fact(&approvals::name(id))], |row| row.get(0))
        .optional()?;
    Ok(approvals::with_words(events, note.as_deref(), id))
}

fn event(at: i64, life: Option<i64>, name: Option<String>, what: What) -> rusqlite::Result<Event> {
    let replica = name.map_or_else(ReplicaName::unknown, ReplicaName);
    Ok(Event { at: time(at), replica, fence: life.unwrap_or_default(), what })
}

/// [`Archive::find`]. The index of askers is the shortest list of all ids.
pub(super) fn find(connection: &Connection, short: &str, limit: usize) -> rusqlite::Result<Vec<RequestId>> {
    let mut list = connection.prepare_cached("SELECT id FROM requests INDEXED BY asked")?;
    let mut rows = list.query([])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let id = rows::id(row, 0)?;
        if id.short() == short {
            found.push(id);
        }
    }
    found.sort_unstable_by(|a, b| b.cmp(a));
    found.truncate(limit);
    Ok(found)
}

/// [`AuditLog::house`].
pub(super) fn house(connection: &Connection, limit: usize) -> rusqlite::Result<Vec<HouseEntry>> {
    let most = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut list = connection.prepare_cached(
        "SELECT h.at, name, body FROM house h LEFT JOIN lives USING (life) ORDER BY h.seq DESC LIMIT ?1",
    )?;
    let mut rows = list.query([most])?;
    let mut entries = Vec::new();
    while let Some(row) = rows.next()? {
        let replica = row.get::<_, Option<String>>(1)?.map_or_else(ReplicaName::unknown, ReplicaName);
        match serde_json::from_str::<HouseEvent>(row.get_ref(2)?.as_str()?) {
            Ok(what) => entries.push(HouseEntry { at: time(row.get(0)?), replica, what }),
            Err(error) => tracing::warn!(%error, "an event of the house cannot be read"),
        }
    }
    Ok(entries)
}

/// The file of a bot that does not run, to be looked at alone.
pub(in crate::store) struct Reader(Mutex<Connection>);

impl Reader {
    pub(in crate::store) fn open(config: &StoreConfig) -> Result<Self, StoreError> {
        file::look(config).map(|connection| Self(Mutex::new(connection)))
    }

    /// A look takes milliseconds, and the person who looks has nothing else to do.
    fn ask<T>(&self, look: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, StoreError> {
        look(&self.0.lock()).map_err(|error| failure(&error))
    }
}

#[async_trait]
impl AuditLog for Reader {
    async fn history(&self, id: RequestId) -> Result<Vec<Event>, StoreError> {
        self.ask(|connection| history(connection, id))
    }

    async fn record(&self, _: HouseEvent) -> Result<(), StoreError> {
        Err(StoreError::Unavailable("the file was opened to be looked at alone".to_owned()))
    }

    async fn house(&self, limit: usize) -> Result<Vec<HouseEntry>, StoreError> {
        self.ask(|connection| house(connection, limit))
    }
}

#[async_trait]
impl Archive for Reader {
    async fn find(&self, short: &str, limit: usize) -> Result<Vec<RequestId>, StoreError> {
        self.ask(|connection| find(connection, short, limit))
    }
}
