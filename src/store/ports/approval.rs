//! What waits for the approval of others.

use super::StoreError;
use crate::domain::{ApprovalRequest, NotTaken, RequestId, WordRecord};
use async_trait::async_trait;
use jiff::Timestamp;

/// Approvals. They belong to no replica: the one that hears a person's word takes it, the one that has the request then acts
/// on it.
#[async_trait]
pub trait ApprovalStore: Send + Sync {
    /// Others are going to be asked. What was said of an earlier plan of the request counts no more; it stays known.
    async fn ask(&self, approval: &ApprovalRequest) -> Result<(), StoreError>;

    /// What others were asked about this request, and said. It is known for some days after its time was over, and not for less
    /// long than a request that has ended.
    async fn asked(&self, id: RequestId) -> Result<Option<ApprovalRequest>, StoreError>;

    /// The requests of this short id ([`RequestId::short`]) about which others were asked lately, the newest first, at most
    /// `limit`. An index has them: it costs the same however many requests there are.
    async fn asked_as(&self, short: &str, limit: usize) -> Result<Vec<RequestId>, StoreError>;

    /// Takes a person's word. Of several words at once each is counted, and the last that is needed decides. Gives the
    /// approval as it stands then, and whether the word was taken; `None` when no approval was asked for. Either way the word
    /// is kept with the approval, by the write that counts it: [`ApprovalRequest::keep`].
    async fn say(&self, id: RequestId, said: &WordRecord) -> Result<Option<Said>, StoreError>;

    /// Keeps a word that is not taken, for a reason that stands in it. Nothing is written where too many are kept already, or
    /// no approval was asked for.
    async fn refuse(&self, id: RequestId, said: &WordRecord) -> Result<(), StoreError>;

    /// Ends it where no person has decided: no word is taken any more, by whatever clock. Gives the approval as it stands
    /// then, which is decided after all when somebody was faster.
    async fn close(&self, id: RequestId, now: Timestamp) -> Result<Option<ApprovalRequest>, StoreError>;
}

/// What became of a person's word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// How the approval is now.
    pub approval: ApprovalRequest,
    /// Whether the word was taken.
    pub taken: Result<(), NotTaken>,
}
