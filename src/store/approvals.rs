//! Approvals, as notes: each is rewritten on the condition that it still is as it was read, so that the words of several
//! people, taken by several replicas, are all counted.

use super::{ApprovalStore, Notes, Said, StoreError, wire};
use crate::domain::{ApprovalRequest, NotTaken, RequestId, UserId, Word};
use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use std::sync::Arc;

/// For how long after its time an approval is known: a person who is late is told what became of it.
const KEPT: SignedDuration = SignedDuration::from_hours(7 * 24);

/// How often a word is tried while others speak at once.
const ROUNDS: usize = 20;

/// Approvals in the notes of a store.
pub(super) struct Noted(pub(super) Arc<dyn Notes>);

/// The kind of these notes.
const KIND: &str = "approval";

fn name(id: RequestId) -> String {
    format!("{KIND}/{id}")
}

fn busy(id: RequestId) -> StoreError {
    StoreError::Unavailable(format!("the approval of request {id} is written to from too many sides"))
}

impl Noted {
    async fn write(&self, approval: &ApprovalRequest, was: Option<&str>, text: &str) -> Result<bool, StoreError> {
        let until = approval.expires_at.checked_add(KEPT).unwrap_or(Timestamp::MAX);
        self.0.rewrite(&name(approval.request), was, text, Some(until)).await
    }

    /// Writes what has become of it. What a newer program has noted beside it stays.
    async fn rewrite(&self, approval: &ApprovalRequest, was: &str) -> Result<bool, StoreError> {
        self.write(approval, Some(was), &wire::rewritten(was, approval)?).await
    }
}

#[async_trait]
impl ApprovalStore for Noted {
    async fn ask(&self, approval: &ApprovalRequest) -> Result<(), StoreError> {
        for _ in 0..ROUNDS {
            let was = self.0.noted(&name(approval.request)).await?;
            // written before, and only the answer was lost
            let text = wire::json(approval)?;
            if was.as_ref() == Some(&text) {
                return Ok(());
            }
            if self.write(approval, was.as_deref(), &text).await? {
                return Ok(());
            }
        }
        Err(busy(approval.request))
    }

    async fn asked(&self, id: RequestId) -> Result<Option<ApprovalRequest>, StoreError> {
        let text = self.0.noted(&name(id)).await?;
        Ok(text.and_then(|text| wire::readable(&text, id, "approval")))
    }

    async fn asked_as(&self, short: &str, limit: usize) -> Result<Vec<RequestId>, StoreError> {
        let names = self.0.ending(KIND, short, limit).await?;
        Ok(names.iter().filter_map(|name| RequestId::parse(name)).collect())
    }

    async fn say(&self, id: RequestId, word: Word, by: &UserId, now: Timestamp) -> Result<Option<Said>, StoreError> {
        for round in 0..ROUNDS {
            let Some(was) = self.0.noted(&name(id)).await? else { return Ok(None) };
            let Some(mut approval) = wire::readable::<ApprovalRequest>(&was, id, "approval") else { return Ok(None) };
            match approval.take(word, by, now) {
                // by this very call: what it wrote came through, and only the answer was lost
                Err(NotTaken::Said) if round > 0 => return Ok(Some(Said { approval, taken: Ok(()) })),
                Err(not) => return Ok(Some(Said { approval, taken: Err(not) })),
                Ok(()) if self.rewrite(&approval, &was).await? => {
                    return Ok(Some(Said { approval, taken: Ok(()) }));
                }
                Ok(()) => {}
            }
        }
        Err(busy(id))
    }

    async fn close(&self, id: RequestId, now: Timestamp) -> Result<Option<ApprovalRequest>, StoreError> {
        for _ in 0..ROUNDS {
            let Some(was) = self.0.noted(&name(id)).await? else { return Ok(None) };
            let Some(mut approval) = wire::readable::<ApprovalRequest>(&was, id, "approval") else { return Ok(None) };
            if !approval.close(now) || self.rewrite(&approval, &was).await? {
                return Ok(Some(approval));
            }
        }
        Err(busy(id))
    }
}
