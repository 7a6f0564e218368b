//! What a former life of the process has left, and how this one begins; see [`super::requests`].

use super::audit;
use super::book::Book;
use super::rows::nanos;
use super::trouble::Done;
use crate::clock::Clock;
use crate::store::ledger::Inheritance;
use crate::store::{ReplicaName, State};
use rusqlite::Connection;
use std::sync::Arc;

/// The book of an open file, from which a life of this name begins.
pub(super) fn begin(
    connection: Connection,
    clock: Arc<dyn Clock>,
    name: &ReplicaName,
    tail: usize,
) -> rusqlite::Result<Book> {
    let mut book = Book::new(connection, clock, tail)?;
    move_in(&mut book, name)?;
    book.load()?;
    Ok(book)
}

/// Takes over what a former process has left. One that ended without a goodbye died with all of it in its hands.
fn move_in(book: &mut Book, name: &ReplicaName) -> rusqlite::Result<()> {
    book.execute("BEGIN", [])?;
    let died = book.execute("DELETE FROM facts WHERE name = 'left'", [])? == 0;
    let heir = Inheritance { died, at: book.clock.now() };
    if died {
        // a state of a newer program counts: this one cannot know that nobody had the request
        let idle = State::ALL.into_iter().filter(|state| !heir.counts_death(*state)).map(State::as_str);
        let idle = idle.collect::<Vec<_>>().join("', '");
        book.execute(
            &format!(
                "UPDATE requests SET attempts = attempts + 1 WHERE finished_at IS NULL AND state NOT IN ('{idle}')"
            ),
            [],
        )?;
    }
    book.life = audit::begin_life(&book.connection, name, heir.at, died)?;
    // `Inheritance::letter`, for all of them at once
    if died {
        book.execute("UPDATE letters SET unsure = 1 WHERE dead_at IS NULL", [])?;
    }
    book.execute("UPDATE letters SET not_before = ?1 WHERE not_before > ?1", [nanos(heir.at)])?;
    book.execute("COMMIT", [])?;
    Ok(())
}

/// [`crate::store::Replicas::leave`].
pub(super) fn leave(book: &mut Book) -> Done<()> {
    book.execute("INSERT OR REPLACE INTO facts (name, value) VALUES ('left', '')", [])?;
    Ok(())
}
