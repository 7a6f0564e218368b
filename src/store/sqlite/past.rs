//! The operations that look back: what somebody asked, and what a message answers; see [`super::requests`].

use super::book::Book;
use super::rows::{self, key};
use super::trouble::Done;
use crate::store::{Asked, Recent};
use rusqlite::{OptionalExtension, Params, params};

/// [`crate::store::Journal::recent`].
pub(super) fn recent(book: &Book, user: &str, limit: usize) -> Done<Recent> {
    let most = i64::try_from(limit).unwrap_or(i64::MAX);
    // few have no answer at any time, so they are found among themselves rather than among all of one person's
    let open = "FROM requests INDEXED BY unfinished WHERE finished_at IS NULL AND user = ?1";
    let count = format!("SELECT count(*) {open}");
    let all: i64 = book.connection.prepare_cached(&count)?.query_row([user], |row| row.get(0))?;
    let open = all_asked(book, &format!("SELECT {} {open} ORDER BY id LIMIT ?2", rows::ASKED), params![user, most])?;
    let ended = format!(
        "SELECT {} FROM requests INDEXED BY asked WHERE user = ?1 AND finished_at IS NOT NULL \
         ORDER BY id DESC LIMIT ?2",
        rows::ASKED
    );
    let mut ended = all_asked(book, &ended, params![user, most])?;
    mark_undelivered(book, &mut ended)?;
    mark_tones(book, &mut ended)?;
    Ok(Recent { more_open: all.cast_unsigned().saturating_sub(open.len() as u64), open, ended })
}

/// [`crate::store::Journal::answered_by`].
pub(super) fn answered_by(book: &Book, channel: &str, ts: &str) -> Done<Option<Asked>> {
    let sql = format!(
        "SELECT {} FROM requests INDEXED BY shown WHERE channel = ?1 AND progress_ts = ?2 ORDER BY id DESC LIMIT 1",
        rows::ASKED
    );
    let found = book.connection.prepare_cached(&sql)?.query_row([channel, ts], rows::asked);
    Ok(rows::known(found.optional())?.ok().flatten())
}

/// Dead letters are few, and found without their requests: so they are read once, and not for each request.
fn mark_undelivered(book: &Book, ended: &mut [Asked]) -> rusqlite::Result<()> {
    if book.work.dead == 0 {
        return Ok(());
    }
    let sql = "SELECT request, error FROM letters WHERE dead_at IS NOT NULL AND last";
    let mut read = book.connection.prepare_cached(sql)?;
    let mut dead = read.query([])?;
    while let Some(row) = dead.next()? {
        let request = rows::id(row, 0)?;
        if let Some(asked) = ended.iter_mut().find(|asked| asked.id == request) {
            asked.undelivered = row.get(1)?;
        }
    }
    Ok(())
}

/// The tone of each answer, as it stands in what happened.
fn mark_tones(book: &Book, ended: &mut [Asked]) -> rusqlite::Result<()> {
    let sql = "SELECT json_extract(body, '$.reply.tone') FROM audit \
               WHERE request = ?1 AND json_extract(body, '$.what') = 'finished' ORDER BY life DESC, seq DESC LIMIT 1";
    let mut read = book.connection.prepare_cached(sql)?;
    for asked in ended {
        let tone: Option<Option<String>> = read.query_row([key(asked.id)], |row| row.get(0)).optional()?;
        // a word of a newer program is left out
        asked.tone = tone.flatten().and_then(|word| serde_json::from_value(word.into()).ok());
    }
    Ok(())
}

fn all_asked(book: &Book, sql: &str, values: impl Params) -> rusqlite::Result<Vec<Asked>> {
    let mut list = book.connection.prepare_cached(sql)?;
    let mut found = list.query(values)?;
    let mut all = Vec::new();
    while let Some(row) = found.next()? {
        // what this program has no word for is left out
        all.extend(rows::known(rows::asked(row))?.ok());
    }
    Ok(all)
}
