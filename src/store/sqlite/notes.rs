//! Notes, as facts about the file whose names no fact of the file itself has.

use super::book::{Book, Done};
use super::port::Sqlite;
use super::shared::WhenFull;
use crate::store::{Notes, StoreError};
use async_trait::async_trait;
use rusqlite::{OptionalExtension, params};

fn fact(name: &str) -> String {
    format!("note:{name}")
}

impl Book {
    fn noted(&self, fact: &str) -> Done<Option<String>> {
        let mut query = self.connection.prepare_cached("SELECT value FROM facts WHERE name = ?1")?;
        Ok(query.query_row([fact], |row| row.get(0)).optional()?)
    }

    fn rewrite(&self, fact: &str, was: Option<&str>, text: &str) -> Done<bool> {
        let changed = match was {
            None => self.execute(
                "INSERT INTO facts (name, value) VALUES (?1, ?2) ON CONFLICT (name) DO NOTHING",
                params![fact, text],
            )?,
            Some(was) => {
                self.execute("UPDATE facts SET value = ?3 WHERE name = ?1 AND value = ?2", params![fact, was, text])?
            }
        };
        Ok(changed > 0)
    }
}

#[async_trait]
impl Notes for Sqlite {
    async fn noted(&self, name: &str) -> Result<Option<String>, StoreError> {
        let fact = fact(name);
        self.call(WhenFull::Wait, move |book| book.noted(&fact)).await
    }

    async fn rewrite(&self, name: &str, was: Option<&str>, text: &str) -> Result<bool, StoreError> {
        let (fact, was, text) = (fact(name), was.map(str::to_owned), text.to_owned());
        self.call(WhenFull::Wait, move |book| book.rewrite(&fact, was.as_deref(), &text)).await
    }
}
