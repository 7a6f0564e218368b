//! Approvals, as notes: each is rewritten on the condition that it still is as it was read, so that the words of several
//! people, taken by several replicas, are all counted.

use super::{ApprovalStore, Event, Notes, Said, StoreError, What, wire};
use crate::domain::{ApprovalRequest, NotTaken, RequestId, WordRecord, WordRefusal};
use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use std::sync::Arc;

/// For how long after its time an approval is known at least: a person who is late is told what became of it.
const KEPT: SignedDuration = SignedDuration::from_hours(7 * 24);

/// How often a word is tried while others speak at once.
const ROUNDS: usize = 20;

/// Approvals in the notes of a store.
pub(super) struct Noted {
    notes: Arc<dyn Notes>,
    kept: SignedDuration,
}

/// The kind of these notes.
const KIND: &str = "approval";

/// The name of a request's note.
pub(super) fn name(id: RequestId) -> String {
    format!("{KIND}/{id}")
}

/// All that happened to a request, with what was said of it, as its note tells, each word where it was heard. What a word says of
/// replica and fence is whose the request was then.
pub(super) fn with_words(mut events: Vec<Event>, note: Option<&str>, id: RequestId) -> Vec<Event> {
    let approval = note.and_then(|note| wire::readable::<ApprovalRequest>(note, id, "approval"));
    for said in approval.into_iter().flat_map(|approval| approval.words) {
        let before = events.iter().rposition(|event| event.at <= said.at).unwrap_or_default();
        let Some(Event { replica, fence, .. }) = events.get(before) else { break };
        let (at, replica, fence) = (said.at, replica.clone(), *fence);
        events.insert(before + 1, Event { at, replica, fence, what: What::Word { said } });
    }
    events
}

fn busy(id: RequestId) -> StoreError {
    StoreError::Unavailable(format!("the approval of request {id} is written to from too many sides"))
}

impl Noted {
    /// Of a store that forgets what has ended after this time.
    pub(super) fn new(notes: Arc<dyn Notes>, retention: SignedDuration) -> Self {
        Self { notes, kept: retention.max(KEPT) }
    }

    async fn write(&self, approval: &ApprovalRequest, was: Option<&str>, text: &str) -> Result<bool, StoreError> {
        let until = approval.expires_at.checked_add(self.kept).unwrap_or(Timestamp::MAX);
        self.notes.rewrite(&name(approval.request), was, text, Some(until)).await
    }

    /// Writes what has become of it. What a newer program has noted beside it stays.
    async fn rewrite(&self, approval: &ApprovalRequest, was: &str) -> Result<bool, StoreError> {
        self.write(approval, Some(was), &wire::rewritten(was, approval)?).await
    }

    /// Keeps a word that is not taken. Whether that is settled; else somebody else has written since, and it is to be tried again.
    /// A store that does not write it keeps its person from nothing.
    async fn keep_refused(&self, approval: &mut ApprovalRequest, said: WordRecord, was: &str) -> bool {
        if !approval.keep(said) {
            return true;
        }
        self.rewrite(approval, was).await.unwrap_or_else(|error| {
            tracing::warn!(req = %approval.request, %error, "a refused word on a change is not kept");
            true
        })
    }
}

#[async_trait]
impl ApprovalStore for Noted {
    async fn ask(&self, approval: &ApprovalRequest) -> Result<(), StoreError> {
        for _ in 0..ROUNDS {
            let was = self.notes.noted(&name(approval.request)).await?;
            let before =
                was.as_deref().and_then(|was| wire::readable::<ApprovalRequest>(was, approval.request, "approval"));
            let words = before.map(|before| before.words).unwrap_or_default();
            let text = wire::json(&ApprovalRequest { words, ..approval.clone() })?;
            // written before, and only the answer was lost
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
        let text = self.notes.noted(&name(id)).await?;
        Ok(text.and_then(|text| wire::readable(&text, id, "approval")))
    }

    async fn asked_as(&self, short: &str, limit: usize) -> Result<Vec<RequestId>, StoreError> {
        let names = self.notes.ending(KIND, short, limit).await?;
        Ok(names.iter().filter_map(|name| RequestId::parse(name)).collect())
    }

    async fn say(&self, id: RequestId, said: &WordRecord) -> Result<Option<Said>, StoreError> {
        for round in 0..ROUNDS {
            let Some(was) = self.notes.noted(&name(id)).await? else { return Ok(None) };
            let Some(mut approval) = wire::readable::<ApprovalRequest>(&was, id, "approval") else { return Ok(None) };
            match approval.take(said.word, &said.by, said.at) {
                // by this very call: what it wrote came through, and only the answer was lost
                Err(NotTaken::Said) if round > 0 => return Ok(Some(Said { approval, taken: Ok(()) })),
                Err(not) => {
                    let settled = match WordRefusal::of(&not) {
                        Some(why) => self.keep_refused(&mut approval, said.clone().refused(why), &was).await,
                        None => true,
                    };
                    if settled {
                        return Ok(Some(Said { approval, taken: Err(not) }));
                    }
                }
                Ok(()) => {
                    approval.keep(said.clone());
                    if self.rewrite(&approval, &was).await? {
                        return Ok(Some(Said { approval, taken: Ok(()) }));
                    }
                }
            }
        }
        Err(busy(id))
    }

    async fn refuse(&self, id: RequestId, said: &WordRecord) -> Result<(), StoreError> {
        for _ in 0..ROUNDS {
            let Some(was) = self.notes.noted(&name(id)).await? else { return Ok(()) };
            let Some(mut approval) = wire::readable::<ApprovalRequest>(&was, id, "approval") else { return Ok(()) };
            if self.keep_refused(&mut approval, said.clone(), &was).await {
                return Ok(());
            }
        }
        Err(busy(id))
    }

    async fn close(&self, id: RequestId, now: Timestamp) -> Result<Option<ApprovalRequest>, StoreError> {
        for _ in 0..ROUNDS {
            let Some(was) = self.notes.noted(&name(id)).await? else { return Ok(None) };
            let Some(mut approval) = wire::readable::<ApprovalRequest>(&was, id, "approval") else { return Ok(None) };
            if !approval.close(now) || self.rewrite(&approval, &was).await? {
                return Ok(Some(approval));
            }
        }
        Err(busy(id))
    }
}
