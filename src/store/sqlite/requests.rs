//! The operations on requests and their steps, each on the open transaction of the writer. An operation looks first and writes
//! then: one that refuses has written nothing, so the others in the same transaction go on.

use super::audit;
use super::book::Book;
use super::held::Change;
use super::letters::{self, LetterRow, Posted};
use super::rows::{self, key, nanos};
use super::trouble::Done;
use super::work::Open;
use crate::domain::{Plan, Request, RequestId};
use crate::store::wire::{self, rewritten};
use crate::store::{Accepted, State, StepState, StoreError, What, ledger};
use rusqlite::{ErrorCode, OptionalExtension, params};

/// [`crate::store::Journal::accept`].
pub(super) fn accept(book: &mut Book, request: &Request, keys: &[String]) -> Done<Accepted> {
    let mut known = None;
    let mut fresh: Vec<&str> = Vec::with_capacity(keys.len());
    for key in keys {
        match holder(book, key)? {
            Some(holder) => known = known.or(Some(holder)),
            None if fresh.contains(&key.as_str()) => {}
            None => fresh.push(key),
        }
    }
    if let Some(holder) = known {
        list(book, holder, &fresh)?;
        return Ok(Accepted::Duplicate(holder));
    }
    insert(book, request)?;
    list(book, request.id, &fresh)?;
    book.changes(request.id, Change::New(Box::new(request.clone())));
    Ok(Accepted::New)
}

/// [`crate::store::Journal::known`].
pub(super) fn known(book: &Book, keys: &[String]) -> Done<Option<RequestId>> {
    for key in keys {
        if let Some(holder) = holder(book, key)? {
            return Ok(Some(holder));
        }
    }
    Ok(None)
}

/// The request that has this key.
pub(super) fn holder(book: &Book, key: &str) -> rusqlite::Result<Option<RequestId>> {
    for place in book.keys.places(&book.connection, key)? {
        let holder = book
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
fn list(book: &mut Book, request: RequestId, keys: &[&str]) -> rusqlite::Result<()> {
    if keys.is_empty() {
        return Ok(());
    }
    let place = book.next_delivery;
    let at = nanos(book.clock.now());
    book.execute(
        "INSERT INTO deliveries (seq, request, at, keys) VALUES (?1, ?2, ?3, ?4)",
        params![place, key(request), at, keys.join("\n")],
    )?;
    book.next_delivery += 1;
    for key in keys {
        book.keys.add(key, place);
    }
    Ok(())
}

fn insert(book: &mut Book, request: &Request) -> Done<()> {
    let (place, thread_ts, url) = wire::place(&request.reply_to);
    let state = State::Accepted;
    let inserted = book.execute(
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
            book.life,
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
    book.work.insert(request.id, &request.user, open);
    Ok(())
}

/// [`crate::store::Journal::planned`].
pub(super) fn planned(book: &mut Book, id: RequestId, plan: &str, targets: &[String], told: &str) -> Done<()> {
    let state = ledger::advance(id, book.state(id)?, State::Planned)?;
    lock(book, id, targets)?;
    let plan = &replanned(book, id, plan)?;
    book.execute("UPDATE requests SET state = ?2, plan = ?3 WHERE id = ?1", params![key(id), state.as_str(), plan])?;
    book.set_state(id, state);
    book.changes(id, Change::Planned { state, plan: plan.to_owned(), reply_to: None });
    Ok(audit::tell_written(book, id, book.clock.now(), told)?)
}

/// The plan in the place of the one that was written when others were asked: what a newer program put there stays.
fn replanned(book: &Book, id: RequestId, plan: &str) -> Done<String> {
    let was: Option<Option<String>> = book
        .connection
        .prepare_cached("SELECT plan FROM requests WHERE id = ?1")?
        .query_row([key(id)], |row| row.get(0))
        .optional()?;
    match (was.flatten(), serde_json::from_str::<Plan>(plan)) {
        (Some(was), Ok(plan)) => Ok(rewritten(&was, &plan)?),
        _ => Ok(plan.to_owned()),
    }
}

/// All targets are this request's, or none.
fn lock(book: &Book, id: RequestId, targets: &[String]) -> Done<()> {
    for target in targets {
        let holder = book
            .connection
            .prepare_cached("SELECT request FROM locks WHERE target = ?1")?
            .query_row([target], |row| rows::id(row, 0))
            .optional()?;
        if let Some(holder) = holder.filter(|holder| *holder != id) {
            return Err(StoreError::Busy { target: target.clone(), holder }.into());
        }
    }
    // a plan made anew may have other targets
    book.execute("DELETE FROM locks WHERE request = ?1", [key(id)])?;
    for target in targets {
        book.execute("INSERT OR IGNORE INTO locks (target, request) VALUES (?1, ?2)", params![target, key(id)])?;
    }
    Ok(())
}

/// Gives a request's targets back, where it lets go of them on its way from one state to another.
pub(super) fn free(book: &Book, id: RequestId, from: State, to: State) -> rusqlite::Result<()> {
    if ledger::frees_targets(from, to) {
        book.execute("DELETE FROM locks WHERE request = ?1", [key(id)])?;
    }
    Ok(())
}

/// [`crate::store::Journal::step_started`].
pub(super) fn step_started(book: &mut Book, id: RequestId, index: u32, body: &str, told: &str) -> Done<()> {
    let from = book.state(id)?;
    let state = ledger::begin_running(id, from)?;
    let step = ledger::start_step(id, index, step(book, id, index)?)?;
    if from != state {
        book.execute("UPDATE requests SET state = ?2 WHERE id = ?1", params![key(id), state.as_str()])?;
        book.set_state(id, state);
    }
    book.execute(
        "INSERT INTO steps (request, step, state, body) VALUES (?1, ?2, ?3, ?4) \
         ON CONFLICT (request, step) DO UPDATE SET state = excluded.state, body = excluded.body",
        params![key(id), index, step.as_str(), body],
    )?;
    book.changes(id, Change::Step { index, state: step, body: Some(body.to_owned()) });
    Ok(audit::tell_written(book, id, book.clock.now(), told)?)
}

fn step(book: &Book, id: RequestId, index: u32) -> rusqlite::Result<Option<StepState>> {
    book.connection
        .prepare_cached("SELECT state FROM steps WHERE request = ?1 AND step = ?2")?
        .query_row(params![key(id), index], |row| rows::word(row, 0, StepState::parse))
        .optional()
}

/// [`crate::store::Journal::step_ended`].
pub(super) fn step_ended(book: &mut Book, id: RequestId, index: u32, state: StepState) -> Done<()> {
    ledger::check_running(id, book.state(id)?)?;
    if !ledger::end_step(id, index, step(book, id, index)?, state)? {
        return Ok(());
    }
    book.execute(
        "UPDATE steps SET state = ?3 WHERE request = ?1 AND step = ?2",
        params![key(id), index, state.as_str()],
    )?;
    book.changes(id, Change::Step { index, state, body: None });
    audit::tell(book, id, book.clock.now(), &What::StepEnded { index, state })
}

/// [`crate::store::Journal::finish`]. What is told of it came as JSON, in the order of [`ledger::told_of_end`].
pub(super) fn finish(
    book: &mut Book,
    id: RequestId,
    state: State,
    letter: &LetterRow,
    (given_up, finished): &(Option<String>, String),
) -> Done<Posted> {
    let from = book.state(id)?;
    ledger::advance(id, from, state)?;
    let now = book.clock.now();
    // the letter has the response_url from now on
    book.execute(
        "UPDATE requests SET state = ?2, finished_at = ?3, url = NULL WHERE id = ?1",
        params![key(id), state.as_str(), nanos(now)],
    )?;
    for told in given_up.iter().chain([finished]) {
        audit::tell_written(book, id, now, told)?;
    }
    free(book, id, from, state)?;
    book.changes(id, Change::Ended);
    let open = book.work.requests.remove(&id);
    let (waiting, replaces) = open.map_or((None, None), |open| (open.waiting, open.progress_ts));
    letters::post(book, letter, (waiting, replaces), now)
}
