//! Journal first, then the acknowledgement, then the dispatcher.

use super::threads::Threads;
use super::translate::{Stamp, Translated, translate};
use crate::clock::Clock;
use crate::dispatch::{Dispatcher, How, Identity, Incoming};
use crate::domain::{ReplyTo, Request, RequestId, Source};
use crate::slack::payload::Envelope;
use crate::slack::socket::{Disposition, EnvelopeSink};
use crate::store::{Accepted, Journal, NewRequest};
use crate::supervision::Handle;
use futures_util::future::{self, FutureExt, LocalBoxFuture};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::OnceCell;
use tokio::time::Instant;

/// Slack waits three seconds for an acknowledgement; a command journalled later has been reported as failed by Slack.
const SLACK_WAITS: Duration = Duration::from_secs(3);

/// Takes envelopes in.
#[derive(Clone)]
pub struct Doorkeeper {
    /// Where a request must stand before it is acknowledged.
    pub journal: Arc<dyn Journal>,
    /// Who works on it.
    pub dispatcher: Handle<Dispatcher>,
    /// The bot's own account; known before the first connection is dialled.
    pub identity: Arc<OnceCell<Identity>>,
    /// The time of day.
    pub clock: Arc<dyn Clock>,
    /// How much each thread has asked of late, over all connections.
    pub threads: Arc<Threads>,
}

/// Which attempt of Slack's at an event this is, for the log. An attempt is never a reason to drop it: it may be the only
/// one that arrived.
#[derive(Clone, Debug)]
struct Attempt {
    number: u32,
    reason: String,
}

impl EnvelopeSink for Doorkeeper {
    fn envelope(&self, envelope: Envelope) -> LocalBoxFuture<'static, Disposition> {
        let Some(identity) = self.identity.get() else { return future::ready(Disposition::Leave).boxed_local() };
        let at = self.clock.now();
        let millis = u64::try_from(at.as_millisecond()).unwrap_or_default();
        let stamp = Stamp { id: RequestId::new(millis, fastrand::u128(..)), at };
        // an envelope on which the translation breaks would come again and again, and end the link each time
        let translated = catch_unwind(AssertUnwindSafe(|| translate(&envelope, identity, stamp)));
        let Ok(translated) = translated else {
            tracing::error!(kind = envelope.kind.as_str(), "envelope broke its translation; left to slack");
            metrics::counter!("dronebot_envelopes_ignored_total", "reason" => "broke").increment(1);
            return future::ready(Disposition::Leave).boxed_local();
        };
        match translated {
            Translated::Request(new) if self.is_crowded(&new.request) => {
                tracing::warn!(channel = %new.request.channel, "a thread asks without end; left unanswered");
                metrics::counter!("dronebot_envelopes_ignored_total", "reason" => "crowded_thread").increment(1);
                future::ready(Disposition::Ack).boxed_local()
            }
            Translated::Request(new) => {
                let reason = envelope.retry_reason.clone().unwrap_or_default();
                let attempt = Attempt { number: envelope.retry_attempt.unwrap_or_default(), reason };
                Box::pin(self.clone().accept(*new, attempt))
            }
            Translated::Ignored(reason) => {
                if reason == "app_rate_limited" {
                    tracing::error!("slack drops events of this app: more than 30,000 in an hour");
                }
                tracing::debug!(reason, kind = envelope.kind.as_str(), "envelope asks nothing of us");
                metrics::counter!("dronebot_envelopes_ignored_total", "reason" => reason).increment(1);
                future::ready(Disposition::Ack).boxed_local()
            }
        }
    }
}

impl Doorkeeper {
    fn is_crowded(&self, request: &Request) -> bool {
        thread(request).is_some_and(|thread| self.threads.is_full(&thread))
    }

    async fn accept(self, new: NewRequest, attempt: Attempt) -> Disposition {
        let request = new.request.clone();
        let received = Instant::now();
        let accepted = match self.journal.accept(new).await {
            Ok(accepted) => accepted,
            Err(error) => {
                // no ack: Slack delivers an event again, and tells the person that a slash command failed
                tracing::error!(req = %request.id, %error, "request not journalled, so not acknowledged");
                metrics::counter!("dronebot_requests_total", "source" => request.source.as_str(), "result" => "not_journalled")
                    .increment(1);
                return Disposition::Leave;
            }
        };
        match accepted {
            Accepted::Duplicate(first) => {
                tracing::info!(req = %first, retry_attempt = attempt.number, retry_reason = attempt.reason, "delivered again by slack; already accepted");
                metrics::counter!("dronebot_requests_total", "source" => request.source.as_str(), "result" => "duplicate")
                    .increment(1);
            }
            Accepted::New => {
                metrics::counter!("dronebot_requests_total", "source" => request.source.as_str(), "result" => "accepted")
                    .increment(1);
                tracing::debug!(req = %request.id, source = request.source.as_str(), user = %request.user, channel = %request.channel, retry_attempt = attempt.number, retry_reason = attempt.reason, "request accepted");
                let late = request.source == Source::SlashCommand && received.elapsed() > SLACK_WAITS;
                let fills = thread(&request).is_some_and(|thread| self.threads.note(&thread));
                let how = match (late, fills) {
                    (true, _) => How::Late,
                    (false, true) => How::Crowded,
                    (false, false) => How::Fresh,
                };
                if let Err(error) = self.dispatcher.tell(Incoming { request, how }) {
                    tracing::warn!(%error, "dispatcher is not there; the request waits in the journal");
                }
            }
        }
        Disposition::Ack
    }
}

/// The thread in which a request is answered.
fn thread(request: &Request) -> Option<String> {
    match &request.reply_to {
        ReplyTo::Thread { thread_ts } => Some(format!("{} {} {thread_ts}", request.team, request.channel)),
        _ => None,
    }
}
