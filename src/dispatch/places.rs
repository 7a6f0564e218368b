//! Whether a place is shared with another organisation. An event says so itself; for what comes otherwise (a slash command,
//! a button, a form, a shortcut, a request out of the journal) Slack is asked, and not again for a while.
//!
//! What is not known counts as shared: no answer is shown there to others, and under the shipped policies nothing is
//! changed from there.

use super::cache::{Cache, Trust};
use crate::domain::{ChannelId, ReplyTo, Request};
use crate::slack::api::{ApiError, WebApi};
use parking_lot::Mutex;
use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// Places of which it is remembered what an envelope said. Where there are more, they are asked about again.
const MOST: usize = 4_096;

/// Who reads in a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reach {
    /// The bot's own organisation, or the asker alone.
    Own,
    /// Another organisation too.
    Shared,
    /// Slack does not tell.
    Unknown,
}

impl Reach {
    /// Whether people of another organisation may read there.
    pub(super) fn is_external(self) -> bool {
        self != Self::Own
    }

    /// The request, to be answered where no person reads of it who should not.
    pub(super) fn spares(self, request: &Request) -> Cow<'_, Request> {
        match self {
            Self::Own => Cow::Borrowed(request),
            Self::Shared | Self::Unknown => {
                Cow::Owned(Request { reply_to: to_asker(&request.reply_to), ..request.clone() })
            }
        }
    }
}

fn to_asker(reply_to: &ReplyTo) -> ReplyTo {
    match reply_to {
        ReplyTo::Thread { thread_ts, begun } => ReplyTo::Alone { thread_ts: begun.then(|| thread_ts.clone()) },
        ReplyTo::Beside { response_url: Some(url), .. } => ReplyTo::Presser { response_url: url.clone() },
        ReplyTo::Beside { response_url: None, .. } | ReplyTo::Channel => ReplyTo::Alone { thread_ts: None },
        alone @ (ReplyTo::Caller { .. } | ReplyTo::Presser { .. } | ReplyTo::Alone { .. }) => alone.clone(),
    }
}

/// What envelopes said of their places, over all connections and lives.
#[derive(Debug, Default)]
pub struct HeardPlaces(Mutex<HashMap<ChannelId, Heard>>);

#[derive(Clone, Copy, Debug)]
struct Heard {
    shared: bool,
    at: Instant,
}

impl HeardPlaces {
    /// An envelope says whether this place is shared with another organisation.
    pub fn note(&self, channel: &ChannelId, shared: bool) {
        let mut heard = self.0.lock();
        if heard.len() >= MOST && !heard.contains_key(channel) {
            heard.clear();
        }
        heard.insert(channel.clone(), Heard { shared, at: Instant::now() });
    }

    /// What an envelope said of it, not longer ago than this.
    pub fn said(&self, channel: &ChannelId, age: Duration) -> Option<bool> {
        let heard = *self.0.lock().get(channel)?;
        (heard.at.elapsed() < age).then_some(heard.shared)
    }
}

/// Finds out who reads where.
pub(super) struct Places {
    api: WebApi,
    heard: Arc<HeardPlaces>,
    asked: Cache<ChannelId, Reach>,
}

impl Places {
    pub(super) fn new(api: WebApi, heard: Arc<HeardPlaces>) -> Self {
        Self { api, heard, asked: Cache::new() }
    }

    /// Who reads there, as far as it is believed.
    ///
    /// # Errors
    /// Slack cannot be asked now, and what it said before is too old.
    pub(super) async fn reach(&self, channel: &ChannelId, trust: Trust) -> Result<Reach, ApiError> {
        // what the bot says there, it says to one person
        if channel.is_direct() || channel.is_person() {
            return Ok(Reach::Own);
        }
        if let Some(shared) = self.heard.said(channel, trust.fresh()) {
            return Ok(if shared { Reach::Shared } else { Reach::Own });
        }
        self.asked.get(channel, trust, async || self.ask(channel).await).await
    }

    /// What is known of it without asking.
    pub(super) fn known(&self, channel: &ChannelId) -> Option<Reach> {
        let heard = self.heard.said(channel, Trust::USUAL.fresh());
        let heard = heard.map(|shared| if shared { Reach::Shared } else { Reach::Own });
        heard.or_else(|| self.asked.kept(channel, Trust::USUAL))
    }

    async fn ask(&self, channel: &ChannelId) -> Result<Reach, ApiError> {
        match self.api.is_shared(channel).await {
            Ok(Some(true)) => Ok(Reach::Shared),
            Ok(Some(false)) => Ok(Reach::Own),
            Ok(None) => Ok(Reach::Unknown),
            // a private channel without the bot, or a scope that is missing
            Err(error @ (ApiError::Config { .. } | ApiError::Rejected { .. })) => {
                tracing::warn!(%channel, %error, "slack does not tell whether a channel is shared; it is taken for shared");
                Ok(Reach::Unknown)
            }
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests;
