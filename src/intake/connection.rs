//! The actor around one Socket Mode link. A network outage is lived through inside one life; only a bug ends it.

use crate::dispatch::Identity;
use crate::slack::api::{ApiError, WebApi};
use crate::slack::socket::{EnvelopeSink, LinkObserver, SlotEnd, run_slot};
use crate::slack::{Proxy, SlackConfig, TokenSource};
use crate::supervision::supervised;
use actix::{Actor, ActorFutureExt, AsyncContext, Context, WrapFuture};
use secrecy::{ExposeSecret, SecretString};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OnceCell, mpsc, watch};
use tokio::time::Instant;

/// For how long Slack must refuse what it has taken before, while no link is up, before the bot ends. In an incident it has
/// refused good tokens, and one that was rotated may come a little later to where it is kept.
const REFUSED_FOR: Duration = Duration::from_secs(180);

/// The pause before it is tried again, and looked for another token.
const BETWEEN_LOOKS: Duration = Duration::from_secs(5);

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
    /// Where the tokens come from, for a Slack that refuses one.
    pub tokens: Arc<dyn TokenSource>,
    /// Builds a client for this thread.
    pub web_api: Arc<dyn Fn() -> WebApi + Send + Sync>,
    /// What to do with envelopes.
    pub door: Arc<dyn EnvelopeSink + Send + Sync>,
    /// The bot's own account, shared with the parts that must know it; asked for before the first connection.
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
    let mut refused_since = None;
    loop {
        let used = Used::now(&parts.config);
        let end = match identify(&parts).await {
            Some(end) => end,
            None => {
                let ConnectionParts { config, proxy, door, observer, closing, .. } = parts.clone();
                run_slot(config, proxy, parts.slot, Rc::new(door), observer, closing).await
            }
        };
        let SlotEnd::Fatal { .. } = end else { return end };
        if another_token(&parts, &used).await {
            tracing::info!(slot = parts.slot, "slack refused a token; there is another one now");
            continue;
        }
        // what has never worked is wrong
        let Some(last_up) = parts.observer.last_up() else { return end };
        let refused = *refused_since.get_or_insert_with(Instant::now);
        if last_up.max(refused).elapsed() >= REFUSED_FOR {
            return end;
        }
        tracing::warn!(slot = parts.slot, "slack refuses what it has taken before; trying again");
        let mut closing = parts.closing.clone();
        tokio::select! {
            () = tokio::time::sleep(BETWEEN_LOOKS) => {}
            _ = closing.wait_for(|closing| *closing) => return SlotEnd::Stopped,
        }
    }
}

/// The tokens with which a connection was tried.
struct Used([SecretString; 2]);

impl Used {
    fn now(config: &SlackConfig) -> Self {
        Self([config.app_token.get(), config.bot_token.get()])
    }

    fn is(&self, other: &Self) -> bool {
        self.0.iter().zip(&other.0).all(|(one, two)| one.expose_secret() == two.expose_secret())
    }
}

/// Whether other tokens are in force than those that Slack has refused.
async fn another_token(parts: &ConnectionParts, used: &Used) -> bool {
    if parts.tokens.may_change() {
        parts.tokens.look_again().await;
    }
    !used.is(&Used::now(&parts.config))
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
