//! The operations, each on the open transaction of the writer. An operation looks first and writes then: when it
//! refuses, it has written nothing, and its neighbours in the transaction are not concerned.

use super::keys::Keys;
use super::rows::{self, AddressRow, key, nanos};
use super::work::{Open, Waiting, Work};
use crate::clock::Clock;
use crate::domain::{Request, RequestId};
use crate::store::{Accepted, Delivery, Entry, Letter, QueueDepth, State, StepState, StoreError};
use jiff::Timestamp;
use rusqlite::{Connection, ErrorCode, OptionalExtension, Params, params};
use secrecy::ExposeSecret;
use std::collections::HashMap;
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
        Self::Broken(error)
    }
}

impl From<StoreError> for Trouble {
    fn from(error: StoreError) -> Self {
        Self::Refused(error)
    }
}

type Done<T> = Result<T, Trouble>;

/// A letter ready to be written.
pub(super) struct LetterRow {
    /// The request it answers.
    pub(super) request: RequestId,
    /// Where it goes.
    pub(super) address: AddressRow,
    /// What it says, as JSON.
    pub(super) reply: String,
    /// Whether it is the final answer.
    pub(super) last: bool,
}

/// What the store adds to a letter.
pub(super) struct Posted {
    pub(super) id: i64,
    pub(super) created_at: Timestamp,
    pub(super) not_before: Timestamp,
    pub(super) replaces: Option<String>,
}

/// The connection, with what is known of the file's content.
pub(super) struct Book {
    pub(super) connection: Connection,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) work: Work,
    pub(super) keys: Keys,
    pub(super) next_delivery: i64,
    /// Whether `work` may differ from the file.
    stale: bool,
}

impl Book {
    /// The book of an open file.
    pub(super) fn open(connection: Connection, clock: Arc<dyn Clock>) -> rusqlite::Result<Self> {
        let mut book =
            Self { connection, clock, work: Work::default(), keys: Keys::default(), next_delivery: 1, stale: false };
        book.work.load(&book.connection)?;
        let mut list = book.connection.prepare("SELECT seq, keys FROM deliveries ORDER BY seq")?;
        let mut rows = list.query([])?;
        while let Some(row) = rows.next()? {
            let place: i64 = row.get(0)?;
            for key in row.get_ref(1)?.as_str()?.lines() {
                book.keys.add(key, place);
            }
            book.next_delivery = place + 1;
        }
        drop(rows);
        drop(list);
        book.keys.committed();
        Ok(book)
    }

    /// Begins a transaction.
    pub(super) fn begin(&mut self) -> rusqlite::Result<()> {
        if self.stale {
            self.work.load(&self.connection)?;
            self.stale = false;
        }
        self.execute("BEGIN", [])?;
        Ok(())
    }

    /// Makes the transaction durable.
    pub(super) fn commit(&mut self) -> rusqlite::Result<()> {
        self.execute("COMMIT", [])?;
        self.keys.committed();
        Ok(())
    }

    /// Makes the transaction never have been. SQLite itself may have done so.
    pub(super) fn roll_back(&mut self) {
        self.stale = true;
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
        Ok(Accepted::New)
    }

    /// The request that has this key.
    fn holder(&self, key: &str) -> rusqlite::Result<Option<RequestId>> {
        for place in self.keys.places(key) {
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
        let (place, thread_ts, url) = rows::place(&request.reply_to);
        let state = State::Accepted;
        let inserted = self.execute(
            "INSERT INTO requests (id, state, attempts, accepted_at, source, team, user, channel, text, place, \
             thread_ts, url) VALUES (?1, ?2, 0, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
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
            ],
        );
        match inserted {
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::ConstraintViolation) => {
                return Err(StoreError::Failed(format!("request {} is in the journal already", request.id)).into());
            }
            other => other?,
        };
        let accepted_at = request.accepted_at;
        self.work.requests.insert(request.id, Open { state, accepted_at, progress_ts: None, waiting: None });
        Ok(())
    }

    /// The state of a request, finished ones included.
    fn state(&self, id: RequestId) -> Done<State> {
        if let Some(open) = self.work.requests.get(&id) {
            return Ok(open.state);
        }
        let state = self
            .connection
            .prepare_cached("SELECT state FROM requests WHERE id = ?1")?
            .query_row([key(id)], |row| rows::word(row, 0, State::parse))
            .optional()?;
        state.ok_or_else(|| StoreError::Failed(format!("request {id} is not in the journal")).into())
    }

    fn set_state(&mut self, id: RequestId, state: State) {
        if let Some(open) = self.work.requests.get_mut(&id) {
            open.state = state;
        }
    }

    /// [`crate::store::Journal::planned`].
    pub(super) fn planned(&mut self, id: RequestId, plan: &str) -> Done<()> {
        let from = self.state(id)?;
        if !from.may_become(State::Planned) {
            return Err(illegal(id, from, State::Planned));
        }
        let state = State::Planned;
        self.execute(
            "UPDATE requests SET state = ?2, plan = ?3 WHERE id = ?1",
            params![key(id), state.as_str(), plan],
        )?;
        self.set_state(id, state);
        Ok(())
    }

    /// [`crate::store::Journal::step_started`].
    pub(super) fn step_started(&mut self, id: RequestId, index: u32, body: &str) -> Done<()> {
        let from = self.state(id)?;
        let state = State::Running;
        if from != state && !from.may_become(state) {
            return Err(illegal(id, from, state));
        }
        if self.step(id, index)? == Some(StepState::Done) {
            return Err(StoreError::Failed(format!("step {index} of request {id} is done already")).into());
        }
        if from != state {
            self.execute("UPDATE requests SET state = ?2 WHERE id = ?1", params![key(id), state.as_str()])?;
            self.set_state(id, state);
        }
        self.execute(
            "INSERT INTO steps (request, step, state, body) VALUES (?1, ?2, ?3, ?4) \
             ON CONFLICT (request, step) DO UPDATE SET state = excluded.state, body = excluded.body",
            params![key(id), index, StepState::Started.as_str(), body],
        )?;
        Ok(())
    }

    fn step(&self, id: RequestId, index: u32) -> rusqlite::Result<Option<StepState>> {
        self.connection
            .prepare_cached("SELECT state FROM steps WHERE request = ?1 AND step = ?2")?
            .query_row(params![key(id), index], |row| rows::word(row, 0, StepState::parse))
            .optional()
    }

    /// [`crate::store::Journal::step_ended`].
    pub(super) fn step_ended(&mut self, id: RequestId, index: u32, state: StepState) -> Done<()> {
        let from = self.state(id)?;
        if from != State::Running {
            return Err(illegal(id, from, State::Running));
        }
        match self.step(id, index)? {
            Some(StepState::Started) if state != StepState::Started => {}
            Some(found) if found == state => return Ok(()),
            found => {
                let found = found.map_or("not started", StepState::as_str);
                let text = format!("step {index} of request {id} is {found} and cannot become {}", state.as_str());
                return Err(StoreError::Failed(text).into());
            }
        }
        self.execute(
            "UPDATE steps SET state = ?3 WHERE request = ?1 AND step = ?2",
            params![key(id), index, state.as_str()],
        )?;
        Ok(())
    }

    /// [`crate::store::Journal::finish`].
    pub(super) fn finish(&mut self, id: RequestId, state: State, letter: &LetterRow) -> Done<Posted> {
        let from = self.state(id)?;
        if !state.is_final() || !from.may_become(state) {
            return Err(illegal(id, from, state));
        }
        let now = self.clock.now();
        // the letter has the response_url from now on
        self.execute(
            "UPDATE requests SET state = ?2, finished_at = ?3, url = NULL WHERE id = ?1",
            params![key(id), state.as_str(), nanos(now)],
        )?;
        let open = self.work.requests.remove(&id);
        let (waiting, replaces) = open.map_or((None, None), |open| (open.waiting, open.progress_ts));
        if let Some(waiting) = waiting {
            self.take_back(waiting, id)?;
        }
        self.post(letter, now, now, replaces)
    }

    /// Removes a progress letter that a later letter makes needless.
    fn take_back(&mut self, number: i64, request: RequestId) -> rusqlite::Result<()> {
        self.execute("DELETE FROM letters WHERE id = ?1", [number])?;
        self.work.overtake(number, request);
        Ok(())
    }

    fn post(
        &mut self,
        letter: &LetterRow,
        created_at: Timestamp,
        not_before: Timestamp,
        replaces: Option<String>,
    ) -> Done<Posted> {
        let id = self.work.number_letter();
        let LetterRow { request, address, reply, last } = letter;
        self.execute(
            "INSERT INTO letters (id, request, last, attempts, created_at, not_before, kind, channel, user, thread_ts, \
             url, reply) VALUES (?1, ?2, ?3, 0, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
            params![
                id,
                key(*request),
                last,
                nanos(created_at),
                nanos(not_before),
                address.kind,
                address.channel,
                address.user,
                address.thread_ts,
                address.url.as_ref().map(|url| url.expose_secret()),
                reply,
            ],
        )?;
        self.work.put(id, Waiting { request: *request, last: *last, created_at, not_before });
        Ok(Posted { id, created_at, not_before, replaces })
    }

    /// [`crate::store::Journal::take_up`].
    pub(super) fn take_up(&mut self) -> Done<Vec<Entry>> {
        self.execute("UPDATE requests SET attempts = attempts + 1 WHERE finished_at IS NULL", [])?;
        let mut steps: HashMap<RequestId, Vec<_>> = HashMap::new();
        let mut list = self.connection.prepare(
            "SELECT request, state, body FROM steps \
             WHERE request IN (SELECT id FROM requests WHERE finished_at IS NULL) ORDER BY request, step",
        )?;
        for step in list.query_map([], rows::step)? {
            let (id, step) = step?;
            steps.entry(id).or_default().extend(step);
        }
        let sql = format!("SELECT {} FROM requests WHERE finished_at IS NULL ORDER BY accepted_at, id", rows::ENTRY);
        let mut list = self.connection.prepare(&sql)?;
        let mut entries = list.query_map([], rows::entry)?.collect::<rusqlite::Result<Vec<_>>>()?;
        for entry in &mut entries {
            entry.steps = steps.remove(&entry.request.id).unwrap_or_default();
        }
        Ok(entries)
    }

    /// [`crate::store::Journal::unfinished`].
    pub(super) fn unfinished(&self) -> QueueDepth {
        self.work.unfinished()
    }

    /// [`crate::store::Outbox::put`].
    pub(super) fn put(&mut self, letter: &LetterRow) -> Done<Option<Posted>> {
        if self.state(letter.request)?.is_final() {
            return Ok(None);
        }
        let open = self.work.requests.get(&letter.request);
        let (waiting, replaces) = open.map_or((None, None), |open| (open.waiting, open.progress_ts.clone()));
        let now = self.clock.now();
        let mut not_before = now;
        if let Some(waiting) = waiting {
            // it was put off because Slack said so: that holds for its successor too
            not_before = self.work.letters.get(&waiting).map_or(now, |letter| letter.not_before.max(now));
            self.take_back(waiting, letter.request)?;
        }
        self.post(letter, now, not_before, replaces).map(Some)
    }

    /// [`crate::store::Outbox::due`].
    pub(super) fn due(&self, now: Timestamp, limit: usize) -> Done<Vec<Letter>> {
        let due = self.work.letters.iter().filter(|(_, letter)| letter.not_before <= now).take(limit);
        let mut read = self.connection.prepare_cached(rows::LETTER)?;
        let letters = due.map(|(number, _)| read.query_row([number], rows::letter));
        Ok(letters.collect::<rusqlite::Result<Vec<_>>>()?)
    }

    /// [`crate::store::Outbox::delivered`].
    pub(super) fn delivered(&mut self, number: i64, delivery: &Delivery) -> Done<()> {
        let Some(letter) = self.work.letters.get(&number).copied() else {
            if let (Some(request), Delivery::Sent { ts: Some(ts) }) = (self.work.overtaken(number), delivery) {
                self.show_progress(request, ts)?;
            }
            return Ok(());
        };
        match delivery {
            Delivery::Sent { ts } => {
                self.execute("DELETE FROM letters WHERE id = ?1", [number])?;
                self.work.settle(number);
                if let (false, Some(ts)) = (letter.last, ts) {
                    self.show_progress(letter.request, ts)?;
                }
            }
            Delivery::Later { not_before, error } => {
                self.execute(
                    "UPDATE letters SET attempts = attempts + 1, not_before = ?2, error = ?3 WHERE id = ?1",
                    params![number, nanos(*not_before), error],
                )?;
                self.work.letters.insert(number, Waiting { not_before: *not_before, ..letter });
            }
            Delivery::Dead { error } => {
                let now = nanos(self.clock.now());
                self.execute(
                    "UPDATE letters SET attempts = attempts + 1, dead_at = ?2, error = ?3, url = NULL WHERE id = ?1",
                    params![number, now, error],
                )?;
                self.work.settle(number);
                self.work.dead += 1;
            }
        }
        Ok(())
    }

    /// The message in which later letters of the request are edited in.
    fn show_progress(&mut self, request: RequestId, ts: &str) -> rusqlite::Result<()> {
        self.execute("UPDATE requests SET progress_ts = ?2 WHERE id = ?1", params![key(request), ts])?;
        if let Some(open) = self.work.requests.get_mut(&request) {
            open.progress_ts = Some(ts.to_owned());
        }
        Ok(())
    }

    /// [`crate::store::Outbox::depth`].
    pub(super) fn depth(&self) -> QueueDepth {
        self.work.depth()
    }
}

fn illegal(id: RequestId, from: State, to: State) -> Trouble {
    Trouble::Refused(StoreError::Transition { id, from: from.as_str(), to: to.as_str() })
}
