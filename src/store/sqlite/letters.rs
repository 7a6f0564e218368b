//! The operations on letters; see [`super::requests`].

use super::audit;
use super::book::Book;
use super::held::Change;
use super::rows::{self, key, nanos};
use super::trouble::Done;
use super::work::Waiting;
use crate::domain::RequestId;
use crate::store::ledger::{self, Effect, LetterTerms};
use crate::store::wire::{AddressRow, OF_THE_CHANNEL};
use crate::store::{Delivery, Letter, Wanted, What};
use jiff::Timestamp;
use rusqlite::{OptionalExtension, params};
use secrecy::ExposeSecret;

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
    /// Whether the message that it replaces, or is, may be there without anybody knowing.
    pub(super) unsure: bool,
}

/// [`crate::store::Outbox::put`].
pub(super) fn put(book: &mut Book, letter: &LetterRow) -> Done<Option<Posted>> {
    if !book.state(letter.request)?.takes_progress() {
        return Ok(None);
    }
    let open = book.work.requests.get(&letter.request);
    let before = open.map_or((None, None), |open| (open.waiting, open.progress_ts.clone()));
    post(book, letter, before, book.clock.now()).map(Some)
}

/// [`crate::store::Outbox::due`].
pub(super) fn due(book: &Book, now: Timestamp, wanted: &Wanted) -> Done<Vec<Letter>> {
    let due = book.work.due(now, wanted);
    let mut read = book.connection.prepare_cached(rows::LETTER)?;
    let letters = due.into_iter().map(|number| read.query_row([number], rows::letter));
    Ok(letters.collect::<rusqlite::Result<Vec<_>>>()?)
}

/// [`crate::store::Outbox::delivered`].
pub(super) fn delivered(book: &mut Book, number: i64, delivery: &Delivery) -> Done<()> {
    let waiting = book.work.letters.get(&number).copied();
    // of one that was taken back while it was on its way the request is known, and nothing else
    let request = waiting.map(|letter| letter.request).or_else(|| book.work.overtaken(number));
    let Some(request) = request else { return Ok(()) };
    ledger::settle(waiting.map(|letter| letter.last), delivery)
        .try_for_each(|effect| carry_out(book, effect, number, request))
}

/// One thing that follows from what became of this letter.
fn carry_out(book: &mut Book, effect: Effect<'_>, number: i64, request: RequestId) -> Done<()> {
    match effect {
        Effect::Remove => {
            book.execute("DELETE FROM letters WHERE id = ?1", [number])?;
            book.work.settle(number);
        }
        Effect::PutOff { not_before, error, unsure } => {
            book.execute(
                "UPDATE letters SET attempts = attempts + 1, not_before = ?2, error = ?3, unsure = unsure OR ?4 \
                 WHERE id = ?1",
                params![number, nanos(not_before), error, unsure],
            )?;
            book.work.put_off(number, not_before);
        }
        Effect::Bury { error } => {
            book.execute(
                "UPDATE letters SET attempts = attempts + 1, dead_at = ?2, error = ?3, url = NULL WHERE id = ?1",
                params![number, nanos(book.clock.now()), error],
            )?;
            book.work.settle(number);
            book.work.dead += 1;
        }
        Effect::ShowProgress(ts) => show_progress(book, request, ts)?,
        Effect::ShowAnswer(ts) => show_answer(book, request, ts)?,
        Effect::DoubtSuccessor => {
            book.execute("UPDATE letters SET unsure = 1 WHERE request = ?1 AND dead_at IS NULL", [key(request)])?;
        }
        Effect::Tell(what) => audit::tell(book, request, book.clock.now(), &what)?,
    }
    Ok(())
}

/// [`crate::store::Outbox::note`].
pub(super) fn note(book: &mut Book, number: i64, way: &str) -> Done<()> {
    book.execute("UPDATE letters SET way = ?2 WHERE id = ?1 AND dead_at IS NULL", params![number, way])?;
    Ok(())
}

/// The message in which later letters of the request are edited in.
fn show_progress(book: &mut Book, request: RequestId, ts: &str) -> Done<()> {
    let known = "UPDATE requests SET progress_ts = ?2 WHERE id = ?1 AND progress_ts IS NOT ?2";
    let is_new = book.execute(known, params![key(request), ts])? > 0;
    if let Some(open) = book.work.requests.get_mut(&request) {
        open.progress_ts = Some(ts.to_owned());
        book.changes(request, Change::Shown(ts.to_owned()));
    }
    if is_new {
        audit::tell(book, request, book.clock.now(), &What::Delivered { ts: Some(ts.to_owned()), last: false })?;
    }
    Ok(())
}

/// The message that holds the answer, to be found again by [`crate::store::Journal::answered_by`].
fn show_answer(book: &Book, request: RequestId, ts: &str) -> rusqlite::Result<()> {
    let [thread, in_thread, channel, beside] = OF_THE_CHANNEL;
    book.execute(
        "UPDATE requests SET progress_ts = ?2 \
         WHERE id = ?1 AND place IN (?3, ?4, ?5, ?6) AND progress_ts IS NOT ?2",
        params![key(request), ts, thread, in_thread, channel, beside],
    )?;
    Ok(())
}

/// Removes a progress letter that a later letter makes needless. Returns on which terms it waited.
fn take_back(book: &mut Book, number: i64, request: RequestId, now: Timestamp) -> rusqlite::Result<LetterTerms> {
    let taken = "DELETE FROM letters WHERE id = ?1 RETURNING unsure";
    let unsure = book.connection.prepare_cached(taken)?.query_row([number], |row| row.get(0)).optional()?;
    // one that this program cannot read is not in memory, and was put off by nobody whom it knows
    let not_before = book.work.letters.get(&number).map_or(now, |letter| letter.not_before);
    book.work.overtake(number, request);
    Ok(LetterTerms { not_before, unsure: unsure.unwrap_or_default() })
}

/// Puts a letter in, in the place of one that waits, and gives it its number. It edits the message that it replaces.
pub(super) fn post(
    book: &mut Book,
    letter: &LetterRow,
    (waiting, replaces): (Option<i64>, Option<String>),
    now: Timestamp,
) -> Done<Posted> {
    let LetterRow { request, address, reply, last } = letter;
    let before = waiting.map(|waiting| take_back(book, waiting, *request, now)).transpose()?;
    let LetterTerms { not_before, unsure } = LetterTerms::of(*last, now, before);
    let (id, created_at) = (book.work.number_letter(), now);
    book.execute(
        "INSERT INTO letters (id, request, last, attempts, created_at, not_before, kind, channel, user, thread_ts, \
         url, reply, unsure) VALUES (?1, ?2, ?3, 0, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
        params![
            id,
            key(*request),
            last,
            nanos(created_at),
            nanos(not_before),
            address.kind.as_str(),
            address.channel,
            address.user,
            address.thread_ts,
            address.url.as_ref().map(|url| url.expose_secret()),
            reply,
            unsure,
        ],
    )?;
    let queue = rows::queue(address.kind, &address.channel, *request);
    book.work.put(id, Waiting { request: *request, last: *last, queue, created_at, not_before });
    Ok(Posted { id, created_at, not_before, replaces, unsure })
}
