//! Targets that are one request's alone. A lock has no life of its own: it counts for as long as its request has no
//! final answer, so one that was left behind blocks no request. Nor does one of a request that waits for people, unless
//! its row is still as it was when the lock was taken: then it was approved, and is being planned just now.

use super::Dynamo;
use super::item::{Item, item, number, text};
use super::row;
use super::table::Guard;
use crate::domain::RequestId;
use crate::store::{State, StoreError};

impl Dynamo {
    /// All targets are this request's, or none.
    pub(super) async fn lock(&self, id: RequestId, targets: &[String]) -> Result<(), StoreError> {
        // in one order for all, so that of two who want the same two one gets both
        let mut targets = targets.to_vec();
        targets.sort();
        let version = self.memory.lock().rows.get(&id).map_or(0, |row| row.version);
        for (taken, target) in targets.iter().enumerate() {
            if let Some(holder) = self.lock_one((id, version), target).await? {
                self.unlock(id, &targets[..taken]).await;
                return Err(StoreError::Busy { target: target.clone(), holder });
            }
        }
        Ok(())
    }

    async fn lock_one(&self, (id, version): (RequestId, i64), target: &str) -> Result<Option<RequestId>, StoreError> {
        let name = format!("lock#{target}");
        loop {
            let guard = Guard::FreeOrIs("request", id.to_string().into());
            if self.table.put(self.lock_item(&name, id, version), Some(guard)).await? {
                return Ok(None);
            }
            let Some(found) = self.table.get(&name, "-").await? else { continue };
            let Some(holder) = text(&found, "request").and_then(RequestId::parse) else {
                return Err(StoreError::Failed(format!("the lock of {target} is damaged")));
            };
            if holder == id {
                return Ok(None);
            }
            let held = self.table.get(&row::pk(holder), "-").await?;
            let state = held.as_ref().and_then(|item| text(item, "state")).and_then(State::parse);
            let taken_at = number(&found, "version");
            let is_as_taken = taken_at.is_some() && taken_at == held.as_ref().and_then(|item| number(item, "version"));
            // planned before a restart, one that waits plans anew; but not if it locked the target as it stands now
            let is_held = |state: State| state.keeps_targets() || (!state.is_final() && is_as_taken);
            if state.is_some_and(is_held) {
                return Ok(Some(holder));
            }
            let guard = Guard::Is(vec![("request", holder.to_string().into())]);
            if self.table.put(self.lock_item(&name, id, version), Some(guard)).await? {
                return Ok(None);
            }
        }
    }

    /// Gives targets back, if no replica can have adopted their request: the adopter would hold them. What is not given back
    /// here blocks no request once the request has its answer.
    pub(super) async fn unlock(&self, id: RequestId, targets: &[String]) {
        if self.name_with_lease(self.lease / 3).is_err() {
            return;
        }
        for target in targets {
            let guard = Guard::Is(vec![("request", id.to_string().into())]);
            if let Err(error) = self.table.delete(&format!("lock#{target}"), "-", Some(guard)).await {
                tracing::debug!(%error, "lock was left behind");
            }
        }
    }

    fn lock_item(&self, name: &str, request: RequestId, version: i64) -> Item {
        item([
            ("pk", name.into()),
            ("sk", "-".into()),
            ("request", request.to_string().into()),
            ("version", version.into()),
            ("expires", self.after(self.retention).as_second().into()),
        ])
    }
}
