//! What happened: to a request it stands in its row, and what people said of it in the note of its approval; to the house it
//! stands in items of their own.

use super::body::EventBody;
use super::item::{item, text};
use super::notes::pk;
use super::row::{Row, id_of, nanos, time};
use super::table::{Ask, Guard, short as brief, sort_key};
use super::{Dynamo, row};
use crate::domain::RequestId;
use crate::store::wire::json;
use crate::store::{Archive, AuditLog, Event, HouseEntry, HouseEvent, ReplicaName, StoreError, What, approvals};
use async_trait::async_trait;
use aws_sdk_dynamodb::error::DisplayErrorContext;
use jiff::Timestamp;

/// What happened to the house: the items of this name, sorted by time.
const HOUSE: &str = "house";

/// All that happened to a request.
fn events(row: Row) -> Vec<Event> {
    let id = row.request.id;
    let read = |event: serde_json::Value| match serde_json::from_value::<EventBody<What>>(event) {
        Ok(EventBody { at, replica, fence, what }) => Some(Event { at: time(at), replica, fence, what }),
        Err(error) => {
            tracing::error!(request = %id, %error, "stored event cannot be read");
            None
        }
    };
    let mut events: Vec<Event> = row.history.into_iter().filter_map(read).collect();
    if !events.iter().any(|event| matches!(event.what, What::Accepted { .. })) {
        // a row from before events were kept
        let what = What::Accepted { user: row.request.user, text: row.request.text };
        events.insert(0, Event { at: row.request.accepted_at, replica: ReplicaName::unknown(), fence: 0, what });
    }
    events
}

#[async_trait]
impl AuditLog for Dynamo {
    async fn history(&self, id: RequestId) -> Result<Vec<Event>, StoreError> {
        let Some(row) = self.load(id).await? else { return Ok(Vec::new()) };
        let note = self.table.get(&pk(&approvals::name(id)), "-").await?;
        let note = note.as_ref().and_then(|note| text(note, "text"));
        Ok(approvals::with_words(events(row), note, id))
    }

    async fn record(&self, what: HouseEvent) -> Result<(), StoreError> {
        let (me, now) = (self.name()?, self.clock.now());
        let millis = u64::try_from(now.as_millisecond()).unwrap_or_default();
        let event = item([
            ("pk", HOUSE.into()),
            ("sk", ulid::Ulid::from_parts(millis, fastrand::u128(..)).to_string().into()),
            ("at", nanos(now).into()),
            ("replica", me.0.into()),
            ("body", json(&what)?.into()),
            ("expires", self.after(self.retention).as_second().into()),
        ]);
        self.table.put(event, Some(Guard::Free)).await.map(drop)
    }

    async fn house(&self, limit: usize) -> Result<Vec<HouseEntry>, StoreError> {
        let ask = Ask { index: None, key: ("pk", HOUSE), descending: true, limit };
        let mut entries = Vec::new();
        for item in self.table.query(&ask).await? {
            let body = text(&item, "body").unwrap_or_default();
            match serde_json::from_str::<HouseEvent>(body) {
                Ok(what) => {
                    let at = super::item::number(&item, "at").map_or(Timestamp::UNIX_EPOCH, time);
                    let replica = ReplicaName(text(&item, "replica").unwrap_or("?").to_owned());
                    entries.push(HouseEntry { at, replica, what });
                }
                Err(error) => {
                    tracing::warn!(event = sort_key(&item), %error, "an event of the house cannot be read");
                }
            }
        }
        Ok(entries)
    }
}

#[async_trait]
impl Archive for Dynamo {
    async fn find(&self, short: &str, limit: usize) -> Result<Vec<RequestId>, StoreError> {
        let mut pages = self
            .table
            .client
            .scan()
            .table_name(&self.table.name)
            .filter_expression("begins_with(pk, :requests) AND sk = :whole")
            .expression_attribute_values(":requests", super::item::Value::from(row::REQUEST).into())
            .expression_attribute_values(":whole", super::item::Value::from("-").into())
            .projection_expression("pk")
            .into_paginator()
            .items()
            .send();
        let mut found = Vec::new();
        while let Some(item) = pages.next().await {
            let item = item.map_err(|error| {
                let why = brief(&DisplayErrorContext(&error).to_string());
                StoreError::Failed(format!("the table cannot be looked through (dynamodb:Scan): {why}"))
            })?;
            found.extend(text(&item, "pk").and_then(id_of).filter(|id| id.short() == short));
        }
        found.sort_unstable_by(|a, b| b.cmp(a));
        found.truncate(limit);
        Ok(found)
    }
}
