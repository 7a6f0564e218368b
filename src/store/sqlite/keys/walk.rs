//! The walks through the table of marks: each writes or clears a slice of it in a transaction of its own.

use super::super::book::Book;
use super::{Entry, Walk, set, write};
use rusqlite::{OptionalExtension, params};
use std::ops::Bound::{Excluded, Unbounded};

/// Writes the next slice of the tail.
pub(in super::super) fn sweep(book: &mut Book, slice: usize) -> rusqlite::Result<()> {
    let newest = book.next_delivery - 1;
    let sweep = *book.keys.sweep.get_or_insert(Walk::new(newest));
    let ahead = book.keys.tail.range((Excluded(sweep.after), Unbounded));
    let entries: Vec<Entry> = ahead.take(slice).copied().collect();
    let ended = entries.len() < slice;
    book.begin()?;
    write(&book.connection, &entries)?;
    if ended {
        set(&book.connection, "known_to", sweep.up_to)?;
    }
    book.commit()?;
    for entry in &entries {
        book.keys.tail.remove(entry);
    }
    book.keys.sweep = match entries.last() {
        Some(last) if !ended => Some(Walk { after: *last, ..sweep }),
        _ => None,
    };
    if ended {
        book.keys.known_to = sweep.up_to;
    }
    Ok(())
}

/// Takes out of the next slice of the table what the list no longer has.
pub(in super::super) fn tidy(book: &mut Book, slice: usize) -> rusqlite::Result<()> {
    let before = book.keys.first;
    let walk = *book.keys.tidying.get_or_insert(Walk::new(before));
    let skipped = i64::try_from(slice.saturating_sub(1)).unwrap_or(i64::MAX);
    let last = book
        .connection
        .prepare_cached("SELECT mark FROM known WHERE mark > ?1 ORDER BY mark LIMIT 1 OFFSET ?2")?
        .query_row([walk.after.mark, skipped], |row| row.get(0))
        .optional()?;
    book.begin()?;
    book.execute(
        "DELETE FROM known WHERE mark > ?1 AND mark <= ?2 AND seq < ?3",
        params![walk.after.mark, last.unwrap_or(i64::MAX), walk.up_to],
    )?;
    if last.is_none() {
        set(&book.connection, "known_from", walk.up_to)?;
    }
    book.commit()?;
    book.keys.tidying = last.map(|mark| Walk { after: Entry { mark, place: i64::MAX }, ..walk });
    if last.is_none() {
        book.keys.known_from = walk.up_to;
    }
    Ok(())
}
