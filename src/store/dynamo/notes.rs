//! Notes: an item each, rewritten on the condition that it still is as it was read. A note `kind/name` stands in the index
//! `held` beside the rows of the replicas, under its kind and the end of its name.

use super::Dynamo;
use super::item::{Item, item, text};
use super::table::{Ask, Guard};
use crate::store::ports::indexed;
use crate::store::{Notes, StoreError};
use async_trait::async_trait;
use jiff::Timestamp;

pub(super) fn pk(name: &str) -> String {
    format!("note#{name}")
}

/// Under what the index has the notes of a kind that end in this. No replica has such a name.
fn ending(kind: &str, tail: &str) -> String {
    format!("note#{kind}#{tail}")
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
        if let Some((kind, _, tail)) = indexed(name) {
            note.extend(item([("held", ending(kind, tail).into())]));
        }
        if let Some(until) = until {
            note.extend(item([("expires", until.as_second().into())]));
        }
        self.table.put(note, Some(guard)).await
    }

    async fn ending(&self, kind: &str, tail: &str, limit: usize) -> Result<Vec<String>, StoreError> {
        self.name()?;
        let key = ending(kind, tail);
        let ask = Ask { index: Some("held"), key: ("held", &key), descending: true, limit };
        let name = |item: &Item| {
            text(item, "pk").and_then(|name| name.strip_prefix(&pk(kind)))?.strip_prefix('/').map(str::to_owned)
        };
        Ok(self.table.query(&ask).await?.iter().filter_map(name).collect())
    }
}
