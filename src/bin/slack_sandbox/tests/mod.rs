//! The sandbox seen from outside: real HTTP and WebSocket, with awc as the bot.

mod files;
mod grid;
mod link;
mod rules;
mod views;
mod web_api;

use std::net::TcpListener;
use std::time::Duration;

use actix_codec::Framed;
use awc::ws::{Codec, Frame, Message};
use awc::{BoxedSocket, Client};
use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};

use crate::state::Options;

/// How long anything may take before a test fails.
const PATIENCE: Duration = Duration::from_secs(10);

/// The life of a connection with `debug_reconnects`.
const DEBUG_LIFE: Duration = Duration::from_secs(1);

/// A running sandbox.
struct Slack {
    base: String,
    client: Client,
    handle: actix_web::dev::ServerHandle,
}

/// A bot's link.
type Socket = Framed<BoxedSocket, Codec>;

impl Slack {
    /// Starts one; `ack_timeout_ms` is Slack's three seconds, shortened where a test waits for it.
    fn start(ack_timeout_ms: u64) -> Slack {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let base = format!("http://{}", listener.local_addr().expect("an address"));
        let options = Options {
            bot_token: "xoxb-sandbox".into(),
            app_token: "xapp-sandbox".into(),
            rate_limits: true,
            ping_interval: Duration::from_millis(200),
            close_linger: Duration::from_millis(300),
            ack_timeout: Duration::from_millis(ack_timeout_ms),
            history: 1000,
            debug_life: DEBUG_LIFE,
            base_url: base.clone(),
        };
        let server = crate::serve(listener, options, 1).expect("a server");
        let handle = server.handle();
        crate::clock::spawn(async move {
            let _ = server.await;
        });
        Slack { base, client: Client::builder().timeout(PATIENCE).finish(), handle }
    }

    async fn stop(self) {
        self.handle.stop(false).await;
    }

    async fn post(&self, url: &str, token: Option<&str>, body: &Value) -> (u16, String) {
        let url = if url.starts_with("http") { url.to_owned() } else { format!("{}{url}", self.base) };
        let mut request = self.client.post(url);
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        let mut response = request.send_json(body).await.expect("an answer");
        let bytes = response.body().await.expect("a body");
        (response.status().as_u16(), String::from_utf8_lossy(&bytes).into_owned())
    }

    /// A method of the Web API with the bot token.
    async fn api(&self, method: &str, args: Value) -> Value {
        let (_, body) = self.post(&format!("/api/{method}"), Some("xoxb-sandbox"), &args).await;
        serde_json::from_str(&body).expect("JSON")
    }

    /// A method that takes forms alone.
    async fn form(&self, method: &str, fields: &[(&str, &str)]) -> Value {
        let request = self.client.post(format!("{}/api/{method}", self.base)).bearer_auth("xoxb-sandbox");
        let mut response = request.send_form(&fields).await.expect("an answer");
        response.json().await.expect("JSON")
    }

    async fn control(&self, route: &str, body: Value) -> Value {
        let (_, body) = self.post(&format!("/control/{route}"), None, &body).await;
        serde_json::from_str(&body).expect("JSON")
    }

    async fn get(&self, route: &str) -> Value {
        let mut response = self.client.get(format!("{}/control/{route}", self.base)).send().await.expect("an answer");
        response.json().await.expect("JSON")
    }

    /// The texts that this person sees in #ops.
    async fn texts(&self, user: &str) -> Vec<String> {
        let seen = self.get(&format!("messages?channel=ops&user={user}")).await;
        let messages = seen["messages"].as_array().expect("messages");
        messages.iter().map(|m| m["text"].as_str().unwrap_or_default().to_owned()).collect()
    }

    /// A new ticket's URL.
    async fn ticket_url(&self) -> String {
        let (_, body) = self.post("/api/apps.connections.open", Some("xapp-sandbox"), &json!({})).await;
        let body: Value = serde_json::from_str(&body).expect("JSON");
        body["url"].as_str().expect("a url").to_owned()
    }

    async fn dial(&self, url: &str) -> Result<Socket, awc::error::WsClientError> {
        self.client.ws(url).connect().await.map(|(_, socket)| socket)
    }

    /// A link that has heard hello; hello too.
    async fn connect(&self) -> (Socket, Value) {
        let url = self.ticket_url().await;
        let mut socket = self.dial(&url).await.expect("an upgrade");
        let hello = next(&mut socket).await;
        assert_eq!(hello["type"], "hello");
        (socket, hello)
    }
}

/// The next frame that is no ping or pong.
async fn frame(socket: &mut Socket) -> Option<Frame> {
    let next = async {
        loop {
            match socket.next().await?.ok()? {
                Frame::Ping(bytes) => socket.send(Message::Pong(bytes)).await.ok()?,
                Frame::Pong(_) => {}
                other => return Some(other),
            }
        }
    };
    tokio::time::timeout(PATIENCE, next).await.expect("a frame in time")
}

/// The next text frame, parsed.
async fn next(socket: &mut Socket) -> Value {
    match frame(socket).await {
        Some(Frame::Text(text)) => serde_json::from_slice(&text).expect("JSON"),
        other => panic!("no text frame but {other:?}"),
    }
}

async fn ack(socket: &mut Socket, envelope: &Value, payload: Option<Value>) {
    let mut ack = json!({"envelope_id": envelope["envelope_id"]});
    if let Some(payload) = payload {
        ack["payload"] = payload;
    }
    socket.send(Message::Text(ack.to_string().into())).await.expect("a sent ack");
}

fn bytes(text: &str) -> Bytes {
    Bytes::copy_from_slice(text.as_bytes())
}
