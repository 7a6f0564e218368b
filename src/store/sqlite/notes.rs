//! Notes, as facts about the file whose names no fact of the file itself has.

use super::book::{Book, Done};
use super::port::Sqlite;
use super::rows::nanos;
use super::shared::WhenFull;
use crate::store::{Notes, StoreError};
use async_trait::async_trait;
use jiff::Timestamp;
use rusqlite::{OptionalExtension, params};

fn fact(name: &str) -> String {
    format!("note:{name}")
}

impl Book {
    fn noted(&self, fact: &str) -> Done<Option<String>> {
        let mut query = self.connection.prepare_cached("SELECT value FROM facts WHERE name = ?1")?;
        Ok(query.query_row([fact], |row| row.get(0)).optional()?)
    }

    fn rewrite(&self, fact: &str, was: Option<&str>, text: &str, until: Option<i64>) -> Done<bool> {
        let changed = match was {
            None => self.execute(
                "INSERT INTO facts (name, value, until) VALUES (?1, ?2, ?3) ON CONFLICT (name) DO NOTHING",
                params![fact, text, until],
            )?,
            Some(was) => self.execute(
                "UPDATE facts SET value = ?3, until = ?4 WHERE name = ?1 AND value = ?2",
                params![fact, was, text, until],
            )?,
        };
        Ok(changed > 0)
    }

    /// Forgets the notes that were kept until before this time.
    pub(super) fn forget_notes(&self, now: Timestamp) -> rusqlite::Result<()> {
        self.execute("DELETE FROM facts WHERE until < ?1", [nanos(now)]).map(drop)
    }
}

#[async_trait]
impl Notes for Sqlite {
    async fn noted(&self, name: &str) -> Result<Option<String>, StoreError> {
        let fact = fact(name);
        self.call(WhenFull::Wait, move |book| book.noted(&fact)).await
    }

    async fn rewrite(
        &self,
        name: &str,
        was: Option<&str>,
        text: &str,
        until: Option<Timestamp>,
    ) -> Result<bool, StoreError> {
        let (fact, was, text) = (fact(name), was.map(str::to_owned), text.to_owned());
        let until = until.map(nanos);
        self.call(WhenFull::Wait, move |book| book.rewrite(&fact, was.as_deref(), &text, until)).await
    }
}
