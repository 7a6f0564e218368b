//! The actor around one Socket Mode link. A network outage is lived through inside one life; only a bug ends it.

use crate::dispatch::Identity;
use crate::slack::api::{ApiError, WebApi};
use crate::slack::socket::{EnvelopeSink, LinkObserver, SlotEnd, run_slot};
use crate::slack::{Proxy, SlackConfig};
use crate::supervision::supervised;
use actix::{Actor, ActorFutureExt, AsyncContext, Context, WrapFuture};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OnceCell, mpsc, watch};

/// How many links live.
#[derive(Clone, Debug, Default)]
pub struct OpenLinks(Arc<watch::Sender<usize>>);

/// One living link, until dropped.
struct OpenLink(OpenLinks);

impl OpenLinks {
    fn open(&self) -> OpenLink {
        self.0.send_modify(|count| *count += 1);
        OpenLink(self.clone())
    }

    /// Waits until no link lives.
    pub async fn none(&self) {
        // the sender is in here, so the only end is the one waited for
        let _ = self.0.subscribe().wait_for(|count| *count == 0).await;
    }
}

impl Drop for OpenLink {
    fn drop(&mut self) {
        self.0.0.send_modify(|count| *count -= 1);
    }
}

/// What a connection is made of; each life gets a copy.
#[derive(Clone)]
pub struct ConnectionParts {
    /// Which of the connections, from 0.
    pub slot: usize,
    /// Tokens, addresses, deadlines.
    pub config: Arc<SlackConfig>,
    /// The way out of this network.
    pub proxy: Arc<Proxy>,
    /// Builds a client for this thread.
    pub web_api: Arc<dyn Fn() -> WebApi + Send + Sync>,
    /// What to do with envelopes.
    pub door: Arc<dyn EnvelopeSink + Send + Sync>,
    /// The bot's own account, shared with whoever must know it; asked for before the first connection.
    pub identity: Arc<OnceCell<Identity>>,
    /// Who is told how the link is.
    pub observer: Arc<dyn LinkObserver>,
    /// Turns true when the door closes.
    pub closing: watch::Receiver<bool>,
    /// Where a reason goes that no reconnection can mend: a revoked token.
    pub fatal: mpsc::UnboundedSender<String>,
    /// Counts the links that live: the drain waits until there are none.
    pub open: OpenLinks,
}

/// One Socket Mode link.
pub struct SlackConnection {
    parts: ConnectionParts,
}

impl SlackConnection {
    /// A connection that has not started.
    pub fn new(parts: ConnectionParts) -> Self {
        Self { parts }
    }
}

impl Actor for SlackConnection {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        let link = live(self.parts.clone()).into_actor(self).map(|end, connection, _| match end {
            SlotEnd::Stopped => tracing::info!(slot = connection.parts.slot, "link closed"),
            SlotEnd::Fatal { reason } => {
                let _ = connection.parts.fatal.send(reason);
            }
        });
        ctx.spawn(link);
    }
}

supervised!(SlackConnection, |self| SlackConnection::new(self.parts.clone()));

async fn live(parts: ConnectionParts) -> SlotEnd {
    let _open = parts.open.open();
    if let Some(end) = identify(&parts).await {
        return end;
    }
    run_slot(parts.config, parts.proxy, parts.slot, Rc::new(parts.door), parts.observer, parts.closing).await
}

/// Asks Slack who we are, until it answers; ends the link when it says that the token is no good, or the door closes.
async fn identify(parts: &ConnectionParts) -> Option<SlotEnd> {
    let api = (parts.web_api)();
    let mut closing = parts.closing.clone();
    let mut pause = Duration::from_millis(500);
    loop {
        let asked = parts.identity.get_or_try_init(|| Identity::ask(&api));
        let answer = tokio::select! {
            answer = asked => answer,
            _ = closing.wait_for(|closing| *closing) => return Some(SlotEnd::Stopped),
        };
        let error = match answer {
            Ok(_) => return None,
            Err(ApiError::Auth { code }) => {
                let reason = format!(
                    "slack refuses the bot token ({code}): set DRONEBOT__SLACK__BOT_TOKEN to the xoxb- token of an installed app"
                );
                return Some(SlotEnd::Fatal { reason });
            }
            Err(error) => error,
        };
        tracing::warn!(slot = parts.slot, %error, "auth.test failed; trying again");
        tokio::select! {
            () = tokio::time::sleep(pause) => pause = (pause * 2).min(Duration::from_secs(30)),
            _ = closing.wait_for(|closing| *closing) => return Some(SlotEnd::Stopped),
        }
    }
}

#[cfg(test)]
mod tests;
