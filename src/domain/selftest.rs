//! A self-test as it comes and as it is answered.

use super::{ChannelId, RequestId};
use std::fmt;

/// What asks for a self-test. Nothing of it is believed before its signature is checked.
#[derive(Clone, Default)]
pub struct SelfTestCall {
    /// Seconds since 1970, as the caller's clock says.
    pub timestamp: String,
    /// A word that the caller uses once.
    pub nonce: String,
    /// `v1=` and the HMAC-SHA-256 of both, in hexadecimal digits.
    pub signature: String,
}

impl fmt::Debug for SelfTestCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // a reader of the signature could make its call
        f.debug_struct("SelfTestCall").field("nonce", &self.nonce).finish_non_exhaustive()
    }
}

/// What becomes of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SelfTestAnswer {
    /// It is in the journal, and its answer will be posted in this channel.
    Accepted {
        /// Its name there, which the posted message carries too.
        request: RequestId,
        /// Where.
        channel: ChannelId,
    },
    /// It is not signed with the secret, or not now: a sentence that says what to look at.
    Unsigned(&'static str),
    /// It was taken before: it is used once.
    Replayed(RequestId),
    /// Not now: a sentence.
    NotNow(String),
}
