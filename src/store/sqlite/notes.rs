//! Notes, as facts about the file whose names no fact of the file itself has. A fact beside a note is its entry in the
//! index of [`Notes::ending`]: the facts are sorted by name.

use super::book::Book;
use super::port::Sqlite;
use super::rows::{fact, nanos};
use super::shared::WhenFull;
use super::trouble::Done;
use crate::store::ports::indexed;
use crate::store::{Notes, StoreError};
use async_trait::async_trait;
use jiff::Timestamp;
use rusqlite::{OptionalExtension, params};

/// What the entries begin with of the notes of a kind that end in this.
fn entries(kind: &str, tail: &str) -> String {
    format!("ending:{kind}/{tail}/")
}

fn noted(book: &Book, fact: &str) -> Done<Option<String>> {
    let mut query = book.connection.prepare_cached("SELECT value FROM facts WHERE name = ?1")?;
    Ok(query.query_row([fact], |row| row.get(0)).optional()?)
}

fn rewrite(book: &Book, name: &str, was: Option<&str>, text: &str, until: Option<i64>) -> Done<bool> {
    let fact = fact(name);
    let changed = match was {
        None => book.execute(
            "INSERT INTO facts (name, value, until) VALUES (?1, ?2, ?3) ON CONFLICT (name) DO NOTHING",
            params![&fact, text, until],
        )?,
        Some(was) => book.execute(
            "UPDATE facts SET value = ?3, until = ?4 WHERE name = ?1 AND value = ?2",
            params![&fact, was, text, until],
        )?,
    };
    if let (Some((kind, rest, tail)), true) = (indexed(name), changed > 0) {
        book.execute(
            "INSERT INTO facts (name, value, until) VALUES (?1, ?2, ?3) ON CONFLICT (name) DO UPDATE SET until = ?3",
            params![format!("{}{rest}", entries(kind, tail)), rest, until],
        )?;
    }
    Ok(changed > 0)
}

fn ending(book: &Book, entries: &str, limit: usize) -> Done<Vec<String>> {
    let most = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut query = book.connection.prepare_cached(ENDING)?;
    let found = query.query_map(params![entries, format!("{entries}\u{10ffff}"), most], |row| row.get(0))?;
    Ok(found.collect::<rusqlite::Result<_>>()?)
}

/// Reads a range of the names, which are the table's key.
pub(super) const ENDING: &str = "SELECT value FROM facts WHERE name > ?1 AND name < ?2 ORDER BY name DESC LIMIT ?3";

#[async_trait]
impl Notes for Sqlite {
    async fn noted(&self, name: &str) -> Result<Option<String>, StoreError> {
        let fact = fact(name);
        self.call(WhenFull::Wait, move |book| noted(book, &fact)).await
    }

    async fn rewrite(
        &self,
        name: &str,
        was: Option<&str>,
        text: &str,
        until: Option<Timestamp>,
    ) -> Result<bool, StoreError> {
        let (name, was, text) = (name.to_owned(), was.map(str::to_owned), text.to_owned());
        let until = until.map(nanos);
        self.call(WhenFull::Wait, move |book| rewrite(book, &name, was.as_deref(), &text, until)).await
    }

    async fn ending(&self, kind: &str, tail: &str, limit: usize) -> Result<Vec<String>, StoreError> {
        let entries = entries(kind, tail);
        self.call(WhenFull::Wait, move |book| ending(book, &entries, limit)).await
    }
}
