//! What is open, in memory: requests without an answer and letters on their way. It saves the writer from reading
//! what it has just written. It holds nothing that the file does not, but for letters that were overtaken while
//! somebody had them in hand.

use super::rows::{self, id, time};
use crate::domain::{RequestId, UserId};
use crate::store::ledger::is_due;
use crate::store::shares::Shares;
use crate::store::{Entry as Unfinished, QueueDepth, State, Wanted};
use jiff::Timestamp;
use rusqlite::Connection;
use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

/// A request without a final answer.
pub(super) struct Open {
    /// Where it stands.
    pub(super) state: State,
    /// Since when.
    pub(super) accepted_at: Timestamp,
    /// The message that shows its progress.
    pub(super) progress_ts: Option<String>,
    /// Its progress letter that waits.
    pub(super) waiting: Option<i64>,
}

/// A letter that is not delivered.
#[derive(Clone, Copy)]
pub(super) struct Waiting {
    /// The request it answers.
    pub(super) request: RequestId,
    /// Whether it is the final answer.
    pub(super) last: bool,
    /// The queue in which it waits, by [`super::rows::queue`].
    pub(super) queue: u64,
    /// When it was put in.
    pub(super) created_at: Timestamp,
    /// Not to be tried before.
    pub(super) not_before: Timestamp,
}

/// Everything that is open.
#[derive(Default)]
pub(super) struct Work {
    /// By id, and so by age.
    pub(super) requests: BTreeMap<RequestId, Open>,
    /// By number, and so by age. Of a request there is never more than one.
    pub(super) letters: BTreeMap<i64, Waiting>,
    /// The numbers of the letters, by queue.
    queues: HashMap<u64, BTreeSet<i64>>,
    /// Letters that were taken back, perhaps while they were being sent: their `ts` is still worth knowing.
    overtaken: HashMap<i64, RequestId>,
    /// How much of all this is whose. It is read by others at any moment: what a transaction that fails has changed in it
    /// is put right before the next one.
    pub(super) shares: Arc<Shares>,
    /// How many letters are dead.
    pub(super) dead: u64,
    next_letter: i64,
}

impl Work {
    /// Reads from the file what is open, beside these requests.
    pub(super) fn load(&mut self, connection: &Connection, entries: &[Unfinished]) -> rusqlite::Result<()> {
        let open = |entry: &Unfinished| Open {
            state: entry.state,
            accepted_at: entry.request.accepted_at,
            progress_ts: entry.progress_ts.clone(),
            waiting: None,
        };
        let mut requests: BTreeMap<_, _> = entries.iter().map(|entry| (entry.request.id, open(entry))).collect();
        let mut askers: Vec<_> = entries.iter().map(|entry| (entry.request.id, entry.request.user.clone())).collect();
        let mut letters = BTreeMap::new();
        let mut queues = HashMap::<u64, BTreeSet<i64>>::new();
        let mut waiting = connection.prepare_cached(
            "SELECT id, request, last, created_at, not_before, kind, channel, \
             (SELECT user FROM requests WHERE requests.id = letters.request) FROM letters WHERE dead_at IS NULL",
        )?;
        let mut rows = waiting.query([])?;
        while let Some(row) = rows.next()? {
            let (letter, request, last) = (row.get(0)?, id(row, 1)?, row.get(2)?);
            if let (false, Some(open)) = (last, requests.get_mut(&request)) {
                open.waiting = Some(letter);
            }
            // the answer still takes the place of a progress letter that is not read: of a request there is one letter
            let Some(kind) = rows::kind(row, 5, request)? else { continue };
            if let (true, Some(user)) = (last, row.get::<_, Option<String>>(7)?) {
                askers.push((request, UserId(user)));
            }
            let (created_at, not_before) = (time(row.get(3)?), time(row.get(4)?));
            let queue = rows::queue(kind, row.get_ref(6)?.as_str()?, request);
            queues.entry(queue).or_default().insert(letter);
            letters.insert(letter, Waiting { request, last, queue, created_at, not_before });
        }
        let (dead, highest): (i64, Option<i64>) = connection
            .prepare_cached("SELECT count(*) FILTER (WHERE dead_at IS NOT NULL), max(id) FROM letters")?
            .query_row([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        self.requests = requests;
        self.shares.recount(askers);
        self.letters = letters;
        self.queues = queues;
        self.dead = dead.cast_unsigned();
        self.next_letter = self.next_letter.max(highest.unwrap_or(0) + 1);
        Ok(())
    }

    /// A request was accepted.
    pub(super) fn insert(&mut self, id: RequestId, user: &UserId, open: Open) {
        self.shares.begin(id, user);
        self.requests.insert(id, open);
    }

    /// The number of a new letter: higher than all before.
    pub(super) fn number_letter(&mut self) -> i64 {
        let number = self.next_letter;
        self.next_letter += 1;
        number
    }

    /// A letter waits.
    pub(super) fn put(&mut self, number: i64, letter: Waiting) {
        self.letters.insert(number, letter);
        self.queues.entry(letter.queue).or_default().insert(number);
        if let (false, Some(open)) = (letter.last, self.requests.get_mut(&letter.request)) {
            open.waiting = Some(number);
        }
    }

    /// A letter is taken back because a later one says more.
    pub(super) fn overtake(&mut self, number: i64, request: RequestId) {
        self.remove(number);
        self.overtaken.insert(number, request);
    }

    /// The request of a letter that was taken back.
    pub(super) fn overtaken(&self, number: i64) -> Option<RequestId> {
        self.overtaken.get(&number).copied()
    }

    /// A letter is not to be tried before this time.
    pub(super) fn put_off(&mut self, number: i64, not_before: Timestamp) {
        if let Some(letter) = self.letters.get_mut(&number) {
            letter.not_before = not_before;
        }
    }

    /// A letter waits no more.
    pub(super) fn settle(&mut self, number: i64) {
        let Some(letter) = self.remove(number) else { return };
        if letter.last {
            self.shares.end(letter.request);
        }
        if letter.last && !self.overtaken.is_empty() {
            self.overtaken.retain(|_, request| *request != letter.request);
        }
        if let (false, Some(open)) = (letter.last, self.requests.get_mut(&letter.request)) {
            open.waiting = None;
        }
    }

    fn remove(&mut self, number: i64) -> Option<Waiting> {
        let letter = self.letters.remove(&number)?;
        if let Entry::Occupied(mut queue) = self.queues.entry(letter.queue) {
            queue.get_mut().remove(&number);
            if queue.get().is_empty() {
                queue.remove();
            }
        }
        Some(letter)
    }

    /// The letters that are due and wanted, oldest first.
    pub(super) fn due(&self, now: Timestamp, wanted: &Wanted) -> Vec<i64> {
        let known: HashSet<i64> = wanted.known.iter().map(|letter| letter.number).collect();
        let is_due = |number: &&i64| self.letters.get(number).is_some_and(|letter| is_due(letter.not_before, now));
        let oldest = self.queues.values().flat_map(|queue| queue.iter().filter(is_due).take(wanted.per_queue));
        let mut found: Vec<i64> = oldest.copied().filter(|number| !known.contains(number)).collect();
        found.sort_unstable();
        found.truncate(wanted.limit);
        found
    }

    /// How many requests have no answer.
    pub(super) fn unfinished(&self) -> QueueDepth {
        QueueDepth {
            waiting: self.requests.len() as u64,
            oldest: self.requests.first_key_value().map(|(_, open)| open.accepted_at),
            dead: 0,
        }
    }

    /// How much is open. A request whose progress waits counts twice for that moment.
    pub(super) fn open(&self) -> usize {
        self.requests.len() + self.letters.len()
    }

    /// How many letters wait.
    pub(super) fn depth(&self) -> QueueDepth {
        QueueDepth {
            waiting: self.letters.len() as u64,
            oldest: self.letters.first_key_value().map(|(_, letter)| letter.created_at),
            dead: self.dead,
        }
    }
}
