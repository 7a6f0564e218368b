//! The way into the state in which others are asked; see [`super::book`].

use super::book::{Book, Done};
use super::held::Change;
use super::letters::{LetterRow, Posted};
use super::rows::key;
use crate::domain::{Plan, ReplyTo, RequestId};
use crate::store::wire::rewritten;
use crate::store::{State, StoreError, ledger};
use rusqlite::{OptionalExtension, params};

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

impl Book {
    /// [`crate::store::Journal::awaiting_approval`].
    pub(super) fn awaiting_approval(&mut self, id: RequestId, row: &WaitingRow) -> Done<Posted> {
        let from = self.state(id)?;
        let state = ledger::advance(id, from, State::AwaitingApproval)?;
        // planned before a restart, when it was permitted without the others
        self.free(id, from, state)?;
        self.execute(
            "UPDATE requests SET state = ?2, plan = ?3, place = ?4, thread_ts = ?5 WHERE id = ?1",
            params![key(id), state.as_str(), row.plan, row.place, row.thread_ts],
        )?;
        self.set_state(id, state);
        let (plan, reply_to) = (row.plan.clone(), Some(row.reply_to.clone()));
        self.changes(id, Change::Planned { state, plan, reply_to });
        self.tell_written(id, self.clock.now(), &row.told)?;
        let posted = self.put(&row.letter)?;
        posted.ok_or_else(|| StoreError::Failed(format!("request {id} has its answer already")).into())
    }

    /// The plan in the place of the one that was written when others were asked: what a newer program put there stays.
    pub(super) fn replanned(&self, id: RequestId, plan: &str) -> Done<String> {
        let was: Option<Option<String>> = self
            .connection
            .prepare_cached("SELECT plan FROM requests WHERE id = ?1")?
            .query_row([key(id)], |row| row.get(0))
            .optional()?;
        match (was.flatten(), serde_json::from_str::<Plan>(plan)) {
            (Some(was), Ok(plan)) => Ok(rewritten(&was, &plan)?),
            _ => Ok(plan.to_owned()),
        }
    }
}
