//! A replica that acknowledges what it has not journalled: a link of the app, as Slack sees it, behind which nobody writes
//! anything down.

use actix_codec::Framed;
use awc::BoxedSocket;
use awc::ws::{Codec, Frame, Message};
use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use std::cell::Cell;
use std::time::Duration;

/// Between two looks whether it is over.
const LOOK: Duration = Duration::from_millis(100);

async fn dial(slack: &str) -> Framed<BoxedSocket, Codec> {
    let client = awc::Client::builder().timeout(Duration::from_secs(10)).finish();
    let open = client.post(format!("{slack}/api/apps.connections.open")).bearer_auth("xapp-sandbox");
    let opened: Value = open.send().await.expect("the sandbox answers").json().await.expect("JSON");
    let url = opened["url"].as_str().expect("a ticket");
    let (_, socket) = client.ws(url).connect().await.expect("a link");
    socket
}

/// Acknowledges everything that comes to it until it is over.
pub async fn steal(slack: &str, over: &Cell<bool>) {
    let mut socket = dial(slack).await;
    while !over.get() {
        let Ok(frame) = tokio::time::timeout(LOOK, socket.next()).await else { continue };
        let answer = match frame {
            Some(Ok(Frame::Ping(bytes))) => Message::Pong(bytes),
            Some(Ok(Frame::Text(text))) => match acknowledgement(&text) {
                Some(ack) => Message::Text(ack.into()),
                None => continue,
            },
            Some(Ok(_)) => continue,
            // who answers no ping for three seconds, as on a machine that does too much, is dropped
            Some(Err(_)) | None => {
                socket = dial(slack).await;
                continue;
            }
        };
        // one that does not take it is over, as the next look shows
        let _ = socket.send(answer).await;
    }
}

fn acknowledgement(text: &Bytes) -> Option<String> {
    let envelope: Value = serde_json::from_slice(text).ok()?;
    Some(json!({"envelope_id": envelope["envelope_id"].as_str()?}).to_string())
}
