//! Opening a connection: a new ticket from Slack, then the WebSocket. A ticket is used once, and is a secret.

use super::super::api::{Answer, CallError, Content, Transport, bearer, describe, safe_code};
use super::super::config::SlackConfig;
use super::super::connector::Http;
use super::super::network::Drops;
use super::super::proxy::Proxy;
use actix_codec::Framed;
use awc::BoxedSocket;
use awc::error::{ConnectError, SendRequestError, WsClientError};
use awc::http::Uri;
use awc::ws::Codec;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use std::sync::Arc;
use std::time::Duration;

/// The largest frame, and the largest message of several frames.
pub(super) const MESSAGE_LIMIT: usize = 16 * 1024 * 1024;

/// An open WebSocket before its hello.
pub(super) type Socket = Framed<BoxedSocket, Codec>;

/// Why a dial did not succeed. No text holds a token or a ticket.
#[derive(Debug)]
pub(super) enum DialError {
    /// Slack will never accept this token.
    Fatal { code: String },
    /// Another attempt may succeed, not before `after`.
    Retry {
        after: Option<Duration>,
        reason: &'static str,
        text: String,
        /// Whether Slack, or what speaks for it, was reached.
        reached: bool,
    },
}

/// Dials for one slot.
pub(super) struct Dialler {
    config: Arc<SlackConfig>,
    transport: Transport,
    sockets: Http,
}

#[derive(Deserialize)]
struct Opened {
    ok: bool,
    #[serde(default)]
    url: Option<Ticket>,
    #[serde(default)]
    error: Option<String>,
}

/// The ticket, kept from every debug output.
struct Ticket(SecretString);

impl<'de> Deserialize<'de> for Ticket {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Self(SecretString::from(text)))
    }
}

impl Dialler {
    pub(super) fn new(config: Arc<SlackConfig>, proxy: Arc<Proxy>) -> Self {
        // half of the whole: a network that swallows packets is told from a Slack that does not answer
        let (ask, connect) = (config.open_timeout / 2, config.dial_timeout / 2);
        Self {
            // hours pass between two dials, so a connection kept for the next one would only be in the way
            transport: Transport::new(Arc::clone(&proxy), 1, ask, false),
            // acknowledgements and the goodbye still go out when a link is closed
            sockets: Http::new(proxy, 0, connect, Drops::Politely),
            config,
        }
    }

    /// A new ticket, and the WebSocket it opens. Each of the two has its own deadline.
    pub(super) async fn dial(&self) -> Result<Socket, DialError> {
        let ticket = self.open().await?;
        match tokio::time::timeout(self.config.dial_timeout, self.connect(&ticket)).await {
            Ok(result) => result,
            Err(_) => Err(retry("dial_timeout", "the WebSocket did not open in time")),
        }
    }

    /// A new ticket: the address of a WebSocket, good for one connection.
    pub(super) async fn open(&self) -> Result<SecretString, DialError> {
        let url = self.config.method_url("apps.connections.open");
        let content = Content::Form(String::new());
        // read anew for each dial: it may have been rotated since the last
        let authorization = bearer(&self.config.app_token.get());
        let call = self.transport.post(&url, Some(&authorization), content, self.config.open_timeout);
        match call.await {
            Ok(answer) => judge(&answer),
            Err(CallError::NotSent { code, detail }) => {
                Err(unreached("open_failed", &format!("apps.connections.open: {code}: {detail}")))
            }
            Err(CallError::Lost { code: "timeout" }) => {
                Err(retry("open_timeout", "apps.connections.open did not answer in time"))
            }
            Err(CallError::Lost { code }) => Err(retry("open_failed", &format!("apps.connections.open: {code}"))),
        }
    }

    async fn connect(&self, ticket: &SecretString) -> Result<Socket, DialError> {
        let invalid = || retry("open_failed", "apps.connections.open gave no WebSocket address");
        let uri: Uri = ticket.expose_secret().parse().map_err(|_| invalid())?;
        if !matches!(uri.scheme_str(), Some("ws" | "wss")) {
            return Err(invalid());
        }
        // nor does an https Slack ever hand out an address without TLS
        if !self.config.origin().leads_to(&uri) {
            return Err(retry(
                "open_failed",
                "apps.connections.open gave an address that is not Slack's; it is not dialled",
            ));
        }
        let client = self.sockets.client(&uri).map_err(|error| retry("tls", &error.to_string()))?;
        match client.ws(uri).max_frame_size(MESSAGE_LIMIT).connect().await {
            Ok((_, socket)) => Ok(socket),
            Err(error) if is_out_of_reach(&error) => Err(unreached("dial_failed", &explain(&error))),
            Err(error) => Err(retry("dial_failed", &explain(&error))),
        }
    }
}

fn retry(reason: &'static str, text: &str) -> DialError {
    DialError::Retry { after: None, reason, text: text.trim_end_matches([':', ' ']).to_owned(), reached: true }
}

fn unreached(reason: &'static str, text: &str) -> DialError {
    DialError::Retry { after: None, reason, text: text.trim_end_matches([':', ' ']).to_owned(), reached: false }
}

fn is_out_of_reach(error: &WsClientError) -> bool {
    match error {
        WsClientError::SendRequest(SendRequestError::Connect(error)) => !matches!(error, ConnectError::Disconnected),
        _ => false,
    }
}

/// Only an explicit word of Slack's about the token is fatal; everything else may pass.
fn judge(answer: &Answer) -> Result<SecretString, DialError> {
    let limited = || DialError::Retry {
        after: Some(answer.retry_after.unwrap_or(Duration::from_secs(30))),
        reason: "ratelimited",
        text: "apps.connections.open: ratelimited".to_owned(),
        reached: true,
    };
    if answer.status == 429 {
        return Err(limited());
    }
    let Ok(opened) = serde_json::from_slice::<Opened>(&answer.body) else {
        return Err(DialError::Retry {
            after: answer.retry_after,
            reason: "open_failed",
            text: format!("apps.connections.open: http status {} without Slack's answer", answer.status),
            reached: true,
        });
    };
    if let (true, Some(url)) = (opened.ok, opened.url) {
        return Ok(url.0);
    }
    let code = safe_code(opened.error.as_deref().unwrap_or("no_error_code"));
    match code.as_str() {
        "invalid_auth"
        | "not_authed"
        | "account_inactive"
        | "token_revoked"
        | "token_expired"
        | "not_allowed_token_type"
        | "user_removed_from_team"
        | "team_disabled"
        | "missing_scope"
        | "no_permission" => Err(DialError::Fatal { code }),
        "ratelimited" | "rate_limited" => Err(limited()),
        _ => Err(DialError::Retry {
            after: answer.retry_after,
            reason: "open_failed",
            text: format!("apps.connections.open: {code}"),
            reached: true,
        }),
    }
}

/// What the operator must do about a token that Slack refuses.
pub(super) fn advice(code: &str) -> String {
    let what = match code {
        "not_allowed_token_type" => {
            "slack.app_token must be an app-level token (xapp-...), made in the app's settings under Basic Information"
        }
        "missing_scope" | "no_permission" => {
            "the app-level token needs the scope connections:write; make a new one under Basic Information"
        }
        "not_authed" | "invalid_auth" => "check slack.app_token: Slack does not know it",
        "token_revoked" | "token_expired" => "make a new app-level token and set slack.app_token",
        "account_inactive" | "user_removed_from_team" | "team_disabled" => {
            "the app is no longer installed in this workspace, or the workspace is gone; install it again"
        }
        _ => "check slack.app_token",
    };
    format!("slack refuses the app token ({code}): {what}")
}

fn explain(error: &WsClientError) -> String {
    match error {
        WsClientError::InvalidResponseStatus(status) => {
            format!("the WebSocket was refused with http status {}", status.as_u16())
        }
        WsClientError::SendRequest(error) => describe(error),
        WsClientError::Protocol(_) => "the WebSocket broke its protocol".to_owned(),
        _ => "the answer to the WebSocket upgrade is not valid".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_https_slack_is_never_followed_to_an_address_without_tls_nor_to_another_host() {
        let dialler = Dialler::new(Arc::new(SlackConfig::default()), Arc::new(Proxy::default()));
        for address in [
            "ws://127.0.0.1:9/link/?ticket=1",
            "wss://127.0.0.1:9/link/?ticket=1",
            "wss://slack.com.evil.test/link/?ticket=1",
            "http://127.0.0.1:9/",
            "127.0.0.1",
            "",
        ] {
            match dialler.connect(&SecretString::from(address)).await {
                Err(DialError::Retry { reason: "open_failed", text, .. }) => {
                    assert!(!text.contains("ticket"), "{text}")
                }
                _ => panic!("{address} must not be dialled"),
            }
        }
    }
}
