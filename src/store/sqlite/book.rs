//! The operations, each on the open transaction of the writer. An operation looks first and writes then: one that refuses has
//! written nothing, so the others in the same transaction go on.

use super::held::{Change, HeldRequests};
use super::keys::Keys;
use super::letters::{LetterRow, Posted};
use super::rows::{self, key, nanos};
use super::work::{Open, Work};
use crate::clock::Clock;
use crate::domain::{Request, RequestId};
use crate::store::{Accepted, QueueDepth, ReplicaName, State, StepState, StoreError, What};
use crate::store::{ledger, wire};
use rusqlite::{Connection, ErrorCode, OptionalExtension, Params, params};
use std::sync::Arc;

/// Why an operation was not done.
pub(super) enum Trouble {
    /// It may not be done. Nothing was written.
    Refused(StoreError),
    /// SQLite failed: the whole transaction is void.
    Broken(rusqlite::Error),
}

impl From<rusqlite::Error> for Trouble {
    fn from(error: rusqlite::Error) -> Self {
        match rows::strange(error) {
            // of this request alone: the words are read before anything is written
            Ok(strange) => Self::Refused(strange),
            Err(error) => Self::Broken(error),
        }
    }
}

impl From<StoreError> for Trouble {
    fn from(error: StoreError) -> Self {
        Self::Refused(error)
    }
}

/// What an operation gives.
pub(super) type Done<T> = Result<T, Trouble>;

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
    /// The book of an open file.
    pub(super) fn open(
        connection: Connection,
        clock: Arc<dyn Clock>,
        name: &ReplicaName,
        tail: usize,
    ) -> rusqlite::Result<Self> {
        let keys = Keys::open(&connection, tail)?;
        let next_delivery = keys.next_place(&connection)?;
        let work = Work::default();
        let mut book = Self {
            connection,
            clock,
            work,
            keys,
            next_delivery,
            life: 0,
            next_event: 1,
            changes: Vec::new(),
            held: Arc::default(),
            stale: false,
        };
        book.move_in(name)?;
        book.load()?;
        Ok(book)
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

    /// [`crate::store::Journal::accept`].
    pub(super) fn accept(&mut self, request: &Request, keys: &[String]) -> Done<Accepted> {
        let mut known = None;
        let mut fresh: Vec<&str> = Vec::with_capacity(keys.len());
        for key in keys {
            match self.holder(key)? {
                Some(holder) => known = known.or(Some(holder)),
                None if fresh.contains(&key.as_str()) => {}
                None => fresh.push(key),
            }
        }
        if let Some(holder) = known {
            self.list(holder, &fresh)?;
            return Ok(Accepted::Duplicate(holder));
        }
        self.insert(request)?;
        self.list(request.id, &fresh)?;
        self.changes(request.id, Change::New(Box::new(request.clone())));
        Ok(Accepted::New)
    }

    /// [`crate::store::Journal::known`].
    pub(super) fn known(&self, keys: &[String]) -> Done<Option<RequestId>> {
        for key in keys {
            if let Some(holder) = self.holder(key)? {
                return Ok(Some(holder));
            }
        }
        Ok(None)
    }

    /// The request that has this key.
    pub(super) fn holder(&self, key: &str) -> rusqlite::Result<Option<RequestId>> {
        for place in self.keys.places(&self.connection, key)? {
            let holder = self
                .connection
                .prepare_cached("SELECT request, keys FROM deliveries WHERE seq = ?1")?
                .query_row([place], |row| {
                    let has = row.get_ref(1)?.as_str()?.lines().any(|line| line == key);
                    Ok(if has { Some(rows::id(row, 0)?) } else { None })
                })
                .optional()?;
            if let Some(Some(holder)) = holder {
                return Ok(Some(holder));
            }
        }
        Ok(None)
    }

    /// Lists the keys of a delivery.
    fn list(&mut self, request: RequestId, keys: &[&str]) -> rusqlite::Result<()> {
        if keys.is_empty() {
            return Ok(());
        }
        let place = self.next_delivery;
        let at = nanos(self.clock.now());
        self.execute(
            "INSERT INTO deliveries (seq, request, at, keys) VALUES (?1, ?2, ?3, ?4)",
            params![place, key(request), at, keys.join("\n")],
        )?;
        self.next_delivery += 1;
        for key in keys {
            self.keys.add(key, place);
        }
        Ok(())
    }

    fn insert(&mut self, request: &Request) -> Done<()> {
        let (place, thread_ts, url) = wire::place(&request.reply_to);
        let state = State::Accepted;
        let inserted = self.execute(
            "INSERT INTO requests (id, state, attempts, accepted_at, source, team, user, channel, text, place, \
             thread_ts, url, life) VALUES (?1, ?2, 0, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
            params![
                key(request.id),
                state.as_str(),
                nanos(request.accepted_at),
                request.source.as_str(),
                request.team.as_str(),
                request.user.as_str(),
                request.channel.as_str(),
                request.text,
                place,
                thread_ts,
                url,
                self.life,
            ],
        );
        match inserted {
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::ConstraintViolation) => {
                return Err(StoreError::Failed(format!("request {} is in the journal already", request.id)).into());
            }
            other => other?,
        };
        let accepted_at = request.accepted_at;
        let open = Open { state, accepted_at, progress_ts: None, waiting: None };
        self.work.insert(request.id, &request.user, open);
        Ok(())
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

    /// [`crate::store::Journal::planned`].
    pub(super) fn planned(&mut self, id: RequestId, plan: &str, targets: &[String], told: &str) -> Done<()> {
        let state = ledger::advance(id, self.state(id)?, State::Planned)?;
        self.lock(id, targets)?;
        let plan = &self.replanned(id, plan)?;
        self.execute(
            "UPDATE requests SET state = ?2, plan = ?3 WHERE id = ?1",
            params![key(id), state.as_str(), plan],
        )?;
        self.set_state(id, state);
        self.changes(id, Change::Planned { state, plan: plan.to_owned(), reply_to: None });
        Ok(self.tell_written(id, self.clock.now(), told)?)
    }

    /// All targets are this request's, or none.
    fn lock(&self, id: RequestId, targets: &[String]) -> Done<()> {
        for target in targets {
            let holder = self
                .connection
                .prepare_cached("SELECT request FROM locks WHERE target = ?1")?
                .query_row([target], |row| rows::id(row, 0))
                .optional()?;
            if let Some(holder) = holder.filter(|holder| *holder != id) {
                return Err(StoreError::Busy { target: target.clone(), holder }.into());
            }
        }
        // a plan made anew may have other targets
        self.execute("DELETE FROM locks WHERE request = ?1", [key(id)])?;
        for target in targets {
            self.execute("INSERT OR IGNORE INTO locks (target, request) VALUES (?1, ?2)", params![target, key(id)])?;
        }
        Ok(())
    }

    /// Gives a request's targets back, where it lets go of them on its way from one state to another.
    pub(super) fn free(&self, id: RequestId, from: State, to: State) -> rusqlite::Result<()> {
        if ledger::frees_targets(from, to) {
            self.execute("DELETE FROM locks WHERE request = ?1", [key(id)])?;
        }
        Ok(())
    }

    /// [`crate::store::Journal::step_started`].
    pub(super) fn step_started(&mut self, id: RequestId, index: u32, body: &str, told: &str) -> Done<()> {
        let from = self.state(id)?;
        let state = ledger::begin_running(id, from)?;
        let step = ledger::start_step(id, index, self.step(id, index)?)?;
        if from != state {
            self.execute("UPDATE requests SET state = ?2 WHERE id = ?1", params![key(id), state.as_str()])?;
            self.set_state(id, state);
        }
        self.execute(
            "INSERT INTO steps (request, step, state, body) VALUES (?1, ?2, ?3, ?4) \
             ON CONFLICT (request, step) DO UPDATE SET state = excluded.state, body = excluded.body",
            params![key(id), index, step.as_str(), body],
        )?;
        self.changes(id, Change::Step { index, state: step, body: Some(body.to_owned()) });
        Ok(self.tell_written(id, self.clock.now(), told)?)
    }

    fn step(&self, id: RequestId, index: u32) -> rusqlite::Result<Option<StepState>> {
        self.connection
            .prepare_cached("SELECT state FROM steps WHERE request = ?1 AND step = ?2")?
            .query_row(params![key(id), index], |row| rows::word(row, 0, StepState::parse))
            .optional()
    }

    /// [`crate::store::Journal::step_ended`].
    pub(super) fn step_ended(&mut self, id: RequestId, index: u32, state: StepState) -> Done<()> {
        ledger::check_running(id, self.state(id)?)?;
        if !ledger::end_step(id, index, self.step(id, index)?, state)? {
            return Ok(());
        }
        self.execute(
            "UPDATE steps SET state = ?3 WHERE request = ?1 AND step = ?2",
            params![key(id), index, state.as_str()],
        )?;
        self.changes(id, Change::Step { index, state, body: None });
        self.tell(id, self.clock.now(), &What::StepEnded { index, state })
    }

    /// [`crate::store::Journal::finish`]. What is told of it came as JSON, in the order of [`ledger::told_of_end`].
    pub(super) fn finish(
        &mut self,
        id: RequestId,
        state: State,
        letter: &LetterRow,
        (given_up, finished): &(Option<String>, String),
    ) -> Done<Posted> {
        let from = self.state(id)?;
        ledger::advance(id, from, state)?;
        let now = self.clock.now();
        // the letter has the response_url from now on
        self.execute(
            "UPDATE requests SET state = ?2, finished_at = ?3, url = NULL WHERE id = ?1",
            params![key(id), state.as_str(), nanos(now)],
        )?;
        for told in given_up.iter().chain([finished]) {
            self.tell_written(id, now, told)?;
        }
        self.free(id, from, state)?;
        self.changes(id, Change::Ended);
        let open = self.work.requests.remove(&id);
        let (waiting, replaces) = open.map_or((None, None), |open| (open.waiting, open.progress_ts));
        self.post(letter, (waiting, replaces), now)
    }

    /// [`crate::store::Journal::unfinished`].
    pub(super) fn unfinished(&self) -> QueueDepth {
        self.work.unfinished()
    }
}
