//! Whether Socket Mode could be used, without being a connection of the bot: for `dronebot doctor`.

use super::super::config::SlackConfig;
use super::super::proxy::Proxy;
use super::dial::{DialError, Dialler, Socket, advice};
use super::frame::{self, Frame};
use awc::ws::{CloseCode, CloseReason, Frame as WsFrame, Message};
use futures_util::{SinkExt, StreamExt};
use std::sync::Arc;
use std::time::Duration;

/// How long the other side has to answer the close.
const GOODBYE: Duration = Duration::from_secs(1);

/// Why it cannot be used. No text holds a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unusable {
    /// Slack does not accept the token, or the app: what is wrong and what to do.
    Refused(String),
    /// It could not be found out: why.
    Unreachable(String),
}

impl From<DialError> for Unusable {
    fn from(error: DialError) -> Self {
        match error {
            DialError::Fatal { code } => Self::Refused(advice(&code)),
            DialError::Retry { text, .. } => Self::Unreachable(text),
        }
    }
}

/// Asks Slack for the address of a connection, and does not use it.
pub async fn may_open(config: &SlackConfig, proxy: &Arc<Proxy>) -> Result<(), Unusable> {
    let dialler = Dialler::new(Arc::new(config.clone()), Arc::clone(proxy));
    dialler.open().await.map(drop).map_err(Unusable::from)
}

/// Opens a connection, waits for Slack's hello, and closes it: how many connections Slack counts besides this one.
/// What Slack delivers meanwhile is not acknowledged.
pub async fn hello(config: &SlackConfig, proxy: &Arc<Proxy>) -> Result<Option<u32>, Unusable> {
    let dialler = Dialler::new(Arc::new(config.clone()), Arc::clone(proxy));
    let mut socket = dialler.dial().await?;
    let greeted = tokio::time::timeout(config.hello_timeout, greeting(&mut socket)).await;
    let reason = CloseReason { code: CloseCode::Normal, description: None };
    let goodbye = async {
        let _ = socket.send(Message::Close(Some(reason))).await;
        while let Some(Ok(frame)) = socket.next().await {
            if matches!(frame, WsFrame::Close(_)) {
                break;
            }
        }
    };
    let _ = tokio::time::timeout(GOODBYE, goodbye).await;
    greeted.unwrap_or_else(|_| Err(Unusable::Unreachable("Slack did not say hello in time".to_owned())))
}

async fn greeting(socket: &mut Socket) -> Result<Option<u32>, Unusable> {
    loop {
        match socket.next().await {
            Some(Ok(WsFrame::Text(bytes))) => match frame::parse(&bytes, 0) {
                Frame::Hello { num_connections } => return Ok(num_connections.map(|count| count.saturating_sub(1))),
                Frame::Disconnect(reason) => return Err(Unusable::Refused(refusal(reason))),
                _ => {}
            },
            Some(Ok(WsFrame::Ping(bytes))) => {
                let _ = socket.send(Message::Pong(bytes)).await;
            }
            Some(Ok(_)) => {}
            Some(Err(_)) | None => {
                return Err(Unusable::Unreachable("the connection ended before Slack's hello".to_owned()));
            }
        }
    }
}

fn refusal(reason: frame::Reason) -> String {
    match reason {
        frame::Reason::LinkDisabled => "Socket Mode is switched off; switch it on in the app's settings".to_owned(),
        frame::Reason::TooMany => {
            "the app has its ten connections already; stop the other processes that use its app token".to_owned()
        }
        other => format!("Slack ended the connection before its hello ({}); try again", other.as_str()),
    }
}
