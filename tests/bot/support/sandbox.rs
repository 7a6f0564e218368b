//! The Slack of a test: the sandbox as a process, spoken to by its control API.

use super::{NEVER, failed, program, until};
use serde::Deserialize;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// A message as somebody sees it.
#[derive(Clone, Debug, Deserialize)]
#[serde(default)]
#[derive(Default)]
pub struct Message {
    pub channel: String,
    pub ts: String,
    pub user: Option<String>,
    pub bot_id: Option<String>,
    pub text: String,
    pub blocks: Value,
    pub thread_ts: Option<String>,
    pub ephemeral: bool,
    pub only_for: Option<String>,
    pub edits: u64,
    pub history: Vec<Value>,
    pub cursor: u64,
    pub via: String,
    pub files: Vec<Value>,
    pub deleted: bool,
}

impl Message {
    /// Whether the bot wrote it; there are other bots.
    pub fn is_of_bot(&self) -> bool {
        self.bot_id.as_deref() == Some(BOT_ID)
    }

    /// The `action_id` of its button with these words.
    pub fn button(&self, label: &str) -> String {
        let blocks = self.blocks.as_array().into_iter().flatten();
        let mut elements = blocks.filter_map(|block| block["elements"].as_array()).flatten();
        let found = elements.find(|element| element["type"] == "button" && element["text"]["text"] == label);
        let found = found.unwrap_or_else(|| panic!("no button `{label}` in {}", self.blocks));
        found["action_id"].as_str().expect("an id").to_owned()
    }

    /// Whether it claims that a change was made.
    pub fn says_done(&self) -> bool {
        self.text.starts_with('✅')
    }

    /// Whether it claims that nothing was changed: failed, refused, or not run.
    pub fn says_not_done(&self) -> bool {
        self.text.starts_with(['❌', '⛔', '❔'])
    }

    /// Whether it only shows that work goes on.
    pub fn is_progress(&self) -> bool {
        self.text.starts_with(PROGRESS) || self.text.starts_with('✋')
    }
}

/// By which door a command comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Door {
    Mention,
    Direct,
    Slash,
    /// A form that is filled in and sent.
    Form,
    /// A button of a message.
    Press,
}

/// What the bot's messages carry; there are other bots.
const BOT_ID: &str = "BDRONE";

/// How the text of a progress message begins.
const PROGRESS: &str = "⏳";

/// A running sandbox; it ends with the value.
pub struct Sandbox {
    pub url: String,
    child: Option<Child>,
    rate_limits: bool,
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        if std::thread::panicking() {
            failed::keep_sandbox(&self.url);
        }
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Sandbox {
    /// One that somebody else has started.
    pub fn at(url: String) -> Self {
        Self { url, child: None, rate_limits: false }
    }

    /// Starts one.
    pub fn start(rate_limits: bool) -> Self {
        Self::start_at("127.0.0.1:0", rate_limits)
    }

    /// Starts one at this address and port; 0 is any free one.
    pub fn start_at(listen: &str, rate_limits: bool) -> Self {
        let mut command = Command::new(program("slack-sandbox"));
        command.args(["--listen", listen]).stdin(Stdio::null()).stdout(Stdio::piped());
        if !rate_limits {
            command.arg("--no-rate-limits");
        }
        let mut child = command.spawn().expect("the sandbox starts");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("its output")).read_line(&mut line).expect("its address");
        let url = line.trim().rsplit(' ').next().expect("an address").to_owned();
        Self { url, child: Some(child), rate_limits }
    }

    /// Slack is gone: its process is killed, and its port refuses.
    pub fn kill(&mut self) {
        let child = self.child.as_mut().expect("it is ours");
        child.kill().expect("it is killed");
        child.wait().expect("it is gone");
    }

    /// Slack is back on the same port, with its history forgotten.
    pub fn revive(&mut self) {
        let listen = self.url.trim_start_matches("http://").to_owned();
        *self = Self::start_at(&listen, self.rate_limits);
    }

    /// A POST of the control API; panics with the sandbox's reason when it refuses.
    pub async fn post(&self, path: &str, body: Value) -> Value {
        let client = awc::Client::builder().timeout(NEVER).finish();
        let mut response =
            client.post(format!("{}/control/{path}", self.url)).send_json(&body).await.expect("the sandbox answers");
        let answer: Value = response.json().limit(64 << 20).await.expect("JSON");
        assert_eq!(answer["ok"], true, "control/{path} {body}: {answer}");
        answer
    }

    /// A POST of the control API that may be refused: what it names may be gone by now.
    pub async fn try_post(&self, path: &str, body: Value) -> Option<Value> {
        let client = awc::Client::builder().timeout(NEVER).finish();
        let mut response = client.post(format!("{}/control/{path}", self.url)).send_json(&body).await.ok()?;
        response.json().limit(64 << 20).await.ok()
    }

    /// Everything that the bot ever said there, as this person sees it; as everybody together sees it without one.
    pub async fn all_from_bot(&self, channel: &str, user: Option<&str>) -> Vec<Message> {
        let mut query = vec![("channel", channel), ("limit", "100000")];
        query.extend(user.map(|user| ("user", user)));
        let (_, answer) = self.get("messages", &query).await;
        let said: Vec<Message> = serde_json::from_value(answer["messages"].clone()).expect("messages");
        said.into_iter().filter(|message| message.bot_id.as_deref() == Some(BOT_ID)).collect()
    }

    /// A GET of the control API.
    pub async fn get(&self, path: &str, query: &[(&str, &str)]) -> (u16, Value) {
        let client = awc::Client::builder().timeout(NEVER + Duration::from_secs(5)).finish();
        let request = client.get(format!("{}/control/{path}", self.url)).query(&query).expect("a query");
        let mut response = request.send().await.expect("the sandbox answers");
        (response.status().as_u16(), response.json().limit(64 << 20).await.expect("JSON"))
    }

    /// The number of the last change: what comes later has a higher one.
    pub async fn cursor(&self) -> u64 {
        self.get("state", &[]).await.1["cursor"].as_u64().expect("a cursor")
    }

    /// A person types `/drone text`.
    pub async fn slash(&self, user: &str, channel: &str, text: &str) -> Value {
        self.post("slash", json!({"user": user, "channel": channel, "command": "/drone", "text": text})).await
    }

    /// A person writes a message; returns its `ts`.
    pub async fn say(&self, user: &str, channel: &str, text: &str, thread_ts: Option<&str>) -> String {
        let mut body = json!({"user": user, "channel": channel, "text": text});
        if let Some(ts) = thread_ts {
            body["thread_ts"] = json!(ts);
        }
        self.post("say", body).await["ts"].as_str().expect("a ts").to_owned()
    }

    /// Everything that this person sees in this channel, later than the cursor.
    pub async fn messages(&self, channel: &str, user: &str, since: u64) -> Vec<Message> {
        let since = since.to_string();
        let (_, answer) = self.get("messages", &[("channel", channel), ("user", user), ("since", &since)]).await;
        serde_json::from_value(answer["messages"].clone()).expect("messages")
    }

    /// What the bot said to this person there, later than the cursor (edited messages once, as they read now).
    #[expect(clippy::wrong_self_convention, reason = "what comes from the bot, not a conversion")]
    pub async fn from_bot(&self, channel: &str, user: &str, since: u64) -> Vec<Message> {
        let said = self.messages(channel, user, since).await;
        said.into_iter().filter(|message| message.bot_id.as_deref() == Some(BOT_ID)).collect()
    }

    /// Waits for a message of the bot that is no progress message.
    pub async fn final_answer(&self, channel: &str, user: &str, thread_ts: Option<&str>, since: u64) -> Message {
        let begun = tokio::time::Instant::now();
        loop {
            let said = self.from_bot(channel, user, since).await;
            let fits = |message: &&Message| {
                !message.is_progress() && thread_ts.is_none_or(|ts| message.thread_ts.as_deref() == Some(ts))
            };
            if let Some(answer) = said.iter().find(fits) {
                return answer.clone();
            }
            assert!(begun.elapsed() < NEVER, "no answer to {user} in {channel}; so far: {said:?}");
            let cursor = self.cursor().await.to_string();
            let _ = self.get("changes", &[("since", &cursor), ("timeout_ms", "250")]).await;
        }
    }

    /// Waits for a message of the bot with these words, final or not.
    pub async fn hears(&self, channel: &str, user: &str, words: &str, since: u64) -> Message {
        let since = since.to_string();
        let timeout = NEVER.as_millis().to_string();
        let query =
            [("channel", channel), ("user", user), ("contains", words), ("after", &since), ("timeout_ms", &timeout)];
        let (status, answer) = self.get("wait", &query).await;
        assert_eq!(status, 200, "nobody said `{words}` in {channel}: {answer}");
        serde_json::from_value(answer["message"].clone()).expect("a message")
    }

    /// The modals that this person sees, the one on top last.
    pub async fn modals(&self, user: &str) -> Vec<Value> {
        let (_, answer) = self.get("views", &[("user", user)]).await;
        answer["views"].as_array().cloned().expect("views")
    }

    /// Waits until this person sees a modal.
    pub async fn modal(&self, user: &str) -> Value {
        until("a modal opens", async || !self.modals(user).await.is_empty()).await;
        self.modals(user).await.pop().expect("a modal")
    }

    /// Waits until this person sees no modal.
    pub async fn modal_closes(&self, user: &str) {
        until("the modal closes", async || self.modals(user).await.is_empty()).await;
    }

    /// A person fills in the modal on top and sends it; waits until that is acknowledged.
    pub async fn submits(&self, user: &str, values: Value) -> Value {
        let sent = self.post("submit", json!({"user": user, "values": values})).await;
        self.acked(&sent["envelope_id"]).await;
        sent
    }

    /// A person presses the button with these words.
    pub async fn presses(&self, user: &str, message: &Message, label: &str) -> Value {
        let (channel, ts) = (&message.channel, &message.ts);
        let action = message.button(label);
        self.post("click", json!({"user": user, "channel": channel, "ts": ts, "action_id": action})).await
    }

    /// How often the bot called a method.
    pub async fn calls(&self, method: &str) -> u64 {
        let (_, answer) = self.get("log", &[("method", method), ("count_only", "true")]).await;
        answer["total"].as_u64().expect("a count")
    }

    /// Arms a fault (see the sandbox's control/faults.rs).
    pub async fn fault(&self, fault: Value) {
        self.post("fault", fault).await;
    }

    /// Disarms every fault.
    pub async fn heal(&self) {
        self.post("faults/clear", json!({})).await;
    }

    /// How long an envelope may stay unacknowledged.
    pub async fn ack_timeout(&self, timeout: Duration) {
        self.post("settings", json!({"ack_timeout_ms": u64::try_from(timeout.as_millis()).expect("millis")})).await;
    }

    /// The acknowledgements that came for this envelope.
    pub async fn acks(&self, envelope_id: &str) -> Vec<Value> {
        let (_, answer) = self.get("acks", &[("envelope_id", envelope_id)]).await;
        answer["acks"].as_array().cloned().expect("acks")
    }

    /// Waits until this envelope was acknowledged.
    pub async fn acked(&self, envelope_id: &Value) {
        let id = envelope_id.as_str().expect("an envelope id");
        until("the envelope is acknowledged", async || !self.acks(id).await.is_empty()).await;
    }

    /// The links that get envelopes, by id.
    pub async fn links(&self) -> Vec<u64> {
        let (_, answer) = self.get("connections", &[]).await;
        let links = answer["connections"].as_array().cloned().expect("connections");
        let usable = links.iter().filter(|link| link["ready"] == true && link["closing"] == false);
        usable.map(|link| link["id"].as_u64().expect("an id")).collect()
    }

    /// An envelope is delivered again, with a new id or the identical one; returns the envelope's id.
    pub async fn redeliver(&self, id: &Value, identical: bool) -> Value {
        let key = if id.as_str().is_some_and(|id| id.starts_with("Ev")) { "event_id" } else { "envelope_id" };
        self.post("redeliver", json!({key: id, "identical": identical})).await["envelope_id"].clone()
    }

    /// A person writes a message; returns everything that is known of it: `ts`, `envelope_id`, `event_id`, `cursor`.
    pub async fn tells(&self, user: &str, channel: &str, text: &str) -> Value {
        self.post("say", json!({"user": user, "channel": channel, "text": text})).await
    }

    /// The calls of a method that the bot made, oldest first.
    pub async fn log(&self, method: &str) -> Vec<Value> {
        let (_, answer) = self.get("log", &[("method", method), ("limit", "5000")]).await;
        answer["calls"].as_array().cloned().expect("calls")
    }
}
