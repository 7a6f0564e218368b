//! The way into the state in which others are asked; see [`super::requests`].

use super::book::Book;
use super::held::Change;
use super::letters::{self, LetterRow, Posted};
use super::rows::key;
use super::trouble::Done;
use super::{audit, requests};
use crate::domain::{ReplyTo, RequestId};
use crate::store::{State, StoreError, ledger};
use rusqlite::params;

/// A request that waits for others, ready to be written.
pub(super) struct WaitingRow {
    /// The plan, as JSON.
    pub(super) plan: String,
    /// Where its answer goes from now on.
    pub(super) place: &'static str,
    /// And in which thread.
    pub(super) thread_ts: Option<String>,
    /// Both as they are.
    pub(super) reply_to: ReplyTo,
    /// What the others are shown.
    pub(super) letter: LetterRow,
    /// What happened, as JSON.
    pub(super) told: String,
}

/// [`crate::store::Journal::awaiting_approval`].
pub(super) fn awaiting_approval(book: &mut Book, id: RequestId, row: &WaitingRow) -> Done<Posted> {
    let from = book.state(id)?;
    let state = ledger::advance(id, from, State::AwaitingApproval)?;
    // planned before a restart, when it was permitted without the others
    requests::free(book, id, from, state)?;
    book.execute(
        "UPDATE requests SET state = ?2, plan = ?3, place = ?4, thread_ts = ?5 WHERE id = ?1",
        params![key(id), state.as_str(), row.plan, row.place, row.thread_ts],
    )?;
    book.set_state(id, state);
    let (plan, reply_to) = (row.plan.clone(), Some(row.reply_to.clone()));
    book.changes(id, Change::Planned { state, plan, reply_to });
    audit::tell_written(book, id, book.clock.now(), &row.told)?;
    let posted = letters::put(book, &row.letter)?;
    posted.ok_or_else(|| StoreError::Failed(format!("request {id} has its answer already")).into())
}
