//! Notes: an item each, rewritten on the condition that it still is as it was read.

use super::Dynamo;
use super::item::{item, text};
use super::table::Guard;
use crate::store::{Notes, StoreError};
use async_trait::async_trait;
use jiff::Timestamp;

fn pk(name: &str) -> String {
    format!("note#{name}")
}

#[async_trait]
impl Notes for Dynamo {
    async fn noted(&self, name: &str) -> Result<Option<String>, StoreError> {
        self.name()?;
        let found = self.table.get(&pk(name), "-").await?;
        Ok(found.as_ref().and_then(|item| text(item, "text")).map(str::to_owned))
    }

    async fn rewrite(
        &self,
        name: &str,
        was: Option<&str>,
        text: &str,
        until: Option<Timestamp>,
    ) -> Result<bool, StoreError> {
        self.name()?;
        let guard = match was {
            None => Guard::Free,
            Some(was) => Guard::Is(vec![("text", was.into())]),
        };
        let mut note = item([("pk", pk(name).into()), ("sk", "-".into()), ("text", text.into())]);
        if let Some(until) = until {
            note.extend(item([("expires", until.as_second().into())]));
        }
        self.table.put(note, Some(guard)).await
    }
}
