//! The file as the writer has it: its transaction, and what is known of its content. The operations are functions of it, each in
//! the file of its matter: `requests`, `letters`, `approvals`, `audit`, `notes`, `past`.

use super::held::{Change, HeldRequests};
use super::keys::Keys;
use super::rows::{self, key};
use super::trouble::Done;
use super::work::Work;
use crate::clock::Clock;
use crate::domain::RequestId;
use crate::store::{Entry, State, StoreError};
use rusqlite::{Connection, OptionalExtension, Params};
use std::collections::HashMap;
use std::sync::Arc;

/// The connection, with what is known of the file's content.
pub(super) struct Book {
    pub(super) connection: Connection,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) work: Work,
    pub(super) keys: Keys,
    pub(super) next_delivery: i64,
    /// Which life of a process this is, and how many events it has told of.
    pub(super) life: i64,
    pub(super) next_event: i64,
    /// What the open transaction changes of requests, and where that is shown once it is durable.
    pub(super) changes: Vec<(RequestId, Change)>,
    pub(super) held: Arc<HeldRequests>,
    /// Whether `work` may differ from the file.
    stale: bool,
}

impl Book {
    /// The book of an open file. What it says is to be read before the first transaction: [`Book::load`].
    pub(super) fn new(connection: Connection, clock: Arc<dyn Clock>, tail: usize) -> rusqlite::Result<Self> {
        let keys = Keys::open(&connection, tail)?;
        let next_delivery = keys.next_place(&connection)?;
        Ok(Self {
            connection,
            clock,
            work: Work::default(),
            keys,
            next_delivery,
            life: 0,
            next_event: 1,
            changes: Vec::new(),
            held: Arc::default(),
            stale: false,
        })
    }

    /// Notes what the open transaction changes of a request.
    pub(super) fn changes(&mut self, id: RequestId, change: Change) {
        self.changes.push((id, change));
    }

    /// Begins a transaction.
    pub(super) fn begin(&mut self) -> rusqlite::Result<()> {
        if self.stale {
            self.load()?;
            self.stale = false;
        }
        self.execute("BEGIN", [])?;
        Ok(())
    }

    /// Makes the transaction durable.
    pub(super) fn commit(&mut self) -> rusqlite::Result<()> {
        self.execute("COMMIT", [])?;
        self.keys.committed();
        if !self.changes.is_empty() {
            self.held.apply(self.changes.drain(..));
        }
        Ok(())
    }

    /// Makes the transaction never have been. SQLite itself may have done so.
    pub(super) fn roll_back(&mut self) {
        self.stale = true;
        self.changes.clear();
        self.keys.rolled_back();
        if !self.connection.is_autocommit()
            && let Err(error) = self.execute("ROLLBACK", [])
        {
            tracing::error!(%error, "transaction was not rolled back");
        }
    }

    pub(super) fn execute(&self, sql: &str, values: impl Params) -> rusqlite::Result<usize> {
        self.connection.prepare_cached(sql)?.execute(values)
    }

    /// Reads what is open.
    pub(super) fn load(&mut self) -> rusqlite::Result<()> {
        let entries = self.entries()?;
        self.work.load(&self.connection, &entries)?;
        self.held.load(entries);
        Ok(())
    }

    /// Every request without an answer, oldest first. One for which this program lacks a word is named and left alone,
    /// for the newer program that wrote it.
    fn entries(&self) -> rusqlite::Result<Vec<Entry>> {
        let mut steps: HashMap<RequestId, Vec<_>> = HashMap::new();
        let mut list = self.connection.prepare(
            "SELECT request, state, body FROM steps \
             WHERE request IN (SELECT id FROM requests WHERE finished_at IS NULL) ORDER BY request, step",
        )?;
        let mut strange: HashMap<RequestId, StoreError> = HashMap::new();
        let mut found = list.query([])?;
        while let Some(row) = found.next()? {
            let id = rows::id(row, 0)?;
            match rows::known(rows::step(row))? {
                Ok(step) => steps.entry(id).or_default().extend(step),
                Err(why) => drop(strange.insert(id, why)),
            }
        }
        let sql = format!("SELECT {} FROM requests WHERE finished_at IS NULL ORDER BY accepted_at, id", rows::ENTRY);
        let mut list = self.connection.prepare(&sql)?;
        let mut found = list.query([])?;
        let mut entries = Vec::new();
        while let Some(row) = found.next()? {
            let id = rows::id(row, 0)?;
            let entry = rows::known(rows::entry(row))?;
            match strange.remove(&id).map_or(entry, Err) {
                Ok(entry) => entries.push(Entry { steps: steps.remove(&id).unwrap_or_default(), ..entry }),
                Err(why) => tracing::error!(req = %id, %why, "request cannot be read and is left alone"),
            }
        }
        Ok(entries)
    }

    /// The state of a request, finished ones included.
    pub(super) fn state(&self, id: RequestId) -> Done<State> {
        if let Some(open) = self.work.requests.get(&id) {
            return Ok(open.state);
        }
        let state = self
            .connection
            .prepare_cached("SELECT state FROM requests WHERE id = ?1")?
            .query_row([key(id)], |row| rows::word(row, 0, State::parse))
            .optional()?;
        state.ok_or_else(|| StoreError::NotFound(id).into())
    }

    pub(super) fn set_state(&mut self, id: RequestId, state: State) {
        if let Some(open) = self.work.requests.get_mut(&id) {
            open.state = state;
        }
    }
}
