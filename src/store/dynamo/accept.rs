//! A request is accepted once for all its keys: each key is claimed by itself, then the request is written. A claimer that
//! dies between the two leaves keys of a request that never came to be. A replica that meets such a key waits for a moment, then
//! voids that request, so that it can never come to be, and takes the key over.
//!
//! One transaction for both would be a call less, for twice the write units; it was tried, and left: Moto's transactions put
//! back a copy of the whole table when one fails, and with it what others have written meanwhile, so nothing of it could be
//! tested with more than one replica.

use super::adopt::SIDE_BY_SIDE;
use super::item::{Item, VOID, is_void, item, text};
use super::row::{Row, pk};
use super::table::Guard;
use super::{Doubt, Dynamo, row};
use crate::domain::RequestId;
use crate::store::{Accepted, NewRequest, ReplicaName, StoreError};
use futures_util::stream::{self, StreamExt, TryStreamExt};
use std::time::Duration;
use tokio::time::Instant;

/// Slack waits three seconds for the acknowledgement.
const PATIENCE: Duration = Duration::from_millis(2_400);

/// How long the keys of a request may stand before it does.
const CLAIMING: Duration = Duration::from_millis(500);

/// Between two looks whether it does.
const LOOK: Duration = Duration::from_millis(50);

/// Between two tries of what the table did not do: twice as long each time, so that one that throttles is asked ever less often.
const SOON: Duration = Duration::from_millis(50);
const SELDOM: Duration = Duration::from_millis(400);

impl Dynamo {
    /// [`crate::store::Journal::accept`]: what the table fails to do is tried again for as long as Slack waits, so that a short
    /// outage costs nobody a command.
    pub(super) async fn accept(&self, new: NewRequest) -> Result<Accepted, StoreError> {
        let by = Instant::now() + PATIENCE;
        let me = self.leased_name(by).await?;
        let id = new.request.id;
        // what no caller waits for any more may come to be all the same
        self.memory.lock().doubtful.insert(id, Doubt { since: Instant::now(), adopting: None });
        let accepted = tokio::time::timeout_at(by, Box::pin(self.claim_by(new, me, by))).await;
        let accepted =
            accepted.unwrap_or_else(|_| Err(StoreError::Unavailable(format!("no answer within {PATIENCE:?}"))));
        if accepted.is_ok() {
            self.memory.lock().doubtful.remove(&id);
        }
        accepted
    }

    /// One that others have given up accepts nothing, for it could not work on it. An outage that cost it the lease may be over
    /// before Slack gives up waiting.
    async fn leased_name(&self, by: Instant) -> Result<ReplicaName, StoreError> {
        loop {
            match self.name_with_lease(Duration::ZERO) {
                Err(_) if !self.memory.lock().left && Instant::now() + LOOK < by => tokio::time::sleep(LOOK).await,
                leased => return leased,
            }
        }
    }

    async fn claim_by(&self, new: NewRequest, me: ReplicaName, by: Instant) -> Result<Accepted, StoreError> {
        let NewRequest { request, mut keys } = new;
        // in one order for all, so that of two deliveries the first key that both have decides
        keys.sort();
        keys.dedup();
        let (row, mut pause) = (Row::new(request, me), SOON);
        loop {
            match self.claim(&row, &keys).await {
                Ok(None) => return self.accepted(row).await,
                Ok(Some(holder)) => return Ok(Accepted::Duplicate(holder)),
                Err(StoreError::Failed(_)) if Instant::now() + pause < by => {
                    // not all at once that waited for the same outage to end
                    tokio::time::sleep(pause.mul_f64(0.5 + fastrand::f64() / 2.0)).await;
                    pause = SELDOM.min(pause * 2);
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Claims all keys and writes the request. Returns the request that has one of them already. What it has done before, and
    /// perhaps did not hear of, it finds done.
    async fn claim(&self, row: &Row, keys: &[String]) -> Result<Option<RequestId>, StoreError> {
        let id = row.request.id;
        let mut claimed = Vec::new();
        for key in keys {
            match self.claim_key(key, id).await? {
                None => claimed.push(key),
                Some(holder) => {
                    self.lead_to(&claimed, id, holder).await;
                    return Ok(Some(holder));
                }
            }
        }
        if self.write(row, Guard::Free).await? {
            return Ok(None);
        }
        match self.load(id).await? {
            Some(found) if found.mark == row.mark => Ok(None),
            Some(_) => Err(StoreError::Failed(format!("request {id} is in the journal already"))),
            None => Err(StoreError::Unavailable(format!("request {id} took too long and was given up"))),
        }
    }

    /// It is in the table. When others have given this replica up meanwhile they may take the request over, and then it
    /// is accepted; if none has, it is taken back.
    pub(super) async fn accepted(&self, row: Row) -> Result<Accepted, StoreError> {
        if self.name().is_ok_and(|me| me == row.holder) {
            self.keep(row);
            return Ok(Accepted::New);
        }
        let id = row.request.id;
        match self.table.put(self.void_item(id), Some(super::change::guard(&row))).await? {
            true => {
                Err(StoreError::Unavailable(format!("request {id} was taken back: others have this replica's work")))
            }
            false => Ok(Accepted::New),
        }
    }

    /// Makes a key this request's. Returns the request that has it already.
    async fn claim_key(&self, key: &str, id: RequestId) -> Result<Option<RequestId>, StoreError> {
        let name = format!("key#{key}");
        if self.table.put(self.key_item(&name, id), Some(Guard::Free)).await? {
            return Ok(None);
        }
        let met = Instant::now();
        loop {
            let Some(found) = self.table.get(&name, "-").await? else {
                // it was forgotten just now
                if self.table.put(self.key_item(&name, id), Some(Guard::Free)).await? {
                    return Ok(None);
                }
                continue;
            };
            let holder = text(&found, "request").and_then(RequestId::parse);
            let Some(holder) = holder else {
                return Err(StoreError::Failed(format!("key {key} is damaged")));
            };
            if holder == id {
                return Ok(None);
            }
            match self.table.get(&row::pk(holder), "-").await? {
                Some(item) if !is_void(&item) => return Ok(Some(holder)),
                Some(_) => {}
                // it may come to be any moment
                None if met.elapsed() < CLAIMING => {
                    tokio::time::sleep(LOOK).await;
                    continue;
                }
                None => {
                    if !self.table.put(self.void_item(holder), Some(Guard::Free)).await? {
                        continue;
                    }
                }
            }
            let guard = Guard::Is(vec![("request", holder.to_string().into())]);
            if self.table.put(self.key_item(&name, id), Some(guard)).await? {
                return Ok(None);
            }
        }
    }

    /// The request that has this key, if it came to be.
    pub(super) async fn holder_of(&self, key: &str) -> Result<Option<RequestId>, StoreError> {
        let found = self.table.get(&format!("key#{key}"), "-").await?;
        let Some(holder) = found.as_ref().and_then(|item| text(item, "request")).and_then(RequestId::parse) else {
            return Ok(None);
        };
        let row = self.table.get(&row::pk(holder), "-").await?;
        Ok(row.filter(|item| !is_void(item)).map(|_| holder))
    }

    /// The keys that came only with a duplicate are known too. When that fails, nothing is lost: the other keys lead to
    /// the request.
    async fn lead_to(&self, keys: &[&String], from: RequestId, to: RequestId) {
        for key in keys {
            let name = format!("key#{key}");
            let guard = Guard::Is(vec![("request", from.to_string().into())]);
            if let Err(error) = self.table.put(self.key_item(&name, to), Some(guard)).await {
                tracing::debug!(%error, "key of a duplicate was not written");
            }
        }
    }

    fn key_item(&self, name: &str, request: RequestId) -> Item {
        item([
            ("pk", name.into()),
            ("sk", "-".into()),
            ("request", request.to_string().into()),
            ("expires", self.after(self.dedupe).as_second().into()),
        ])
    }

    /// A request that never came to be, and never can.
    fn void_item(&self, request: RequestId) -> Item {
        item([
            ("pk", pk(request).into()),
            ("sk", "-".into()),
            ("state", VOID.into()),
            ("expires", self.after(self.dedupe).as_second().into()),
        ])
    }

    /// Looks for requests of which this replica did not hear whether they were accepted or adopted, and keeps those that are this
    /// replica's: side by side, until the table fails.
    pub(super) async fn settle_doubts(&self) -> Result<(), StoreError> {
        let due = |doubt: &Doubt| doubt.since.elapsed() > PATIENCE * 2;
        let doubtful: Vec<(RequestId, Option<i64>)> = {
            let memory = self.memory.lock();
            let due = memory.doubtful.iter().filter(|(_, doubt)| due(doubt));
            due.map(|(id, doubt)| (*id, doubt.adopting)).collect()
        };
        let me = self.name()?;
        let settled = stream::iter(doubtful).map(|(id, adopting)| Ok(self.settle_doubt(id, adopting, &me)));
        settled.try_buffer_unordered(SIDE_BY_SIDE).try_collect().await
    }

    async fn settle_doubt(&self, id: RequestId, adopting: Option<i64>, me: &ReplicaName) -> Result<(), StoreError> {
        match adopting {
            Some(version) => self.settle_adoption(id, version, me).await?,
            None => self.settle_acceptance(id, me).await?,
        }
        Ok(())
    }

    /// The write may have arrived when its answer was lost. Then this replica holds what it does not know, and as long as
    /// it lives no other looks for it.
    async fn settle_adoption(&self, id: RequestId, version: i64, me: &ReplicaName) -> Result<(), StoreError> {
        let found = self.load(id).await?;
        let is_known = self.memory.lock().rows.contains_key(&id);
        match found {
            Some(row) if row.holder == *me && !is_known => {
                tracing::warn!(req = %id, "request was adopted after all");
                self.keep_found(row);
            }
            // it may still arrive, until somebody writes the row again
            Some(row) if row.version == version && row.is_open() => return Ok(()),
            _ => {}
        }
        self.memory.lock().doubtful.remove(&id);
        Ok(())
    }

    async fn settle_acceptance(&self, id: RequestId, me: &ReplicaName) -> Result<(), StoreError> {
        let found = match self.load(id).await? {
            // a write that is still on its way must not come to be when this replica looks for it no more
            None if self.table.put(self.void_item(id), Some(Guard::Free)).await? => None,
            None => self.load(id).await?,
            found => found,
        };
        if let Some(row) = found.filter(|row| row.holder == *me) {
            tracing::warn!(req = %id, "request was journalled after all");
            // Slack was not told that it was taken, and has told the person so where it does not deliver again
            let late = row.request.source.is_reported_as_failed();
            self.keep_found(Row { late, ..row });
        }
        self.memory.lock().doubtful.remove(&id);
        Ok(())
    }
}
