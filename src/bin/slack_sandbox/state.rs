//! Everything the sandbox knows, behind one lock that is held for a moment at a time and never over an await.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};
use serde_json::{Value, json};

use crate::chat::Chat;
use crate::clock;
use crate::faults::Faults;
use crate::files::Files;
use crate::grid::Grid;
use crate::hub::{Cargo, Envelope, Hub};
use crate::limits::RateLimits;
use crate::people::Directory;
use crate::triggers::Triggers;
use crate::urls::ResponseUrls;
use crate::views::Views;

/// What the bot token is granted, as `x-oauth-scopes` says.
const SCOPES: &str = "app_mentions:read,channels:history,channels:read,chat:write,commands,files:read,files:write,groups:history,groups:read,im:history,im:read,im:write,mpim:read,reactions:write,usergroups:read,users:read";

/// What the command line says.
#[derive(Debug, Clone)]
pub struct Options {
    /// The bot token that is right.
    pub bot_token: String,
    /// The app-level token that is right.
    pub app_token: String,
    /// Whether calls are limited by rate.
    pub rate_limits: bool,
    /// Between pings to the client.
    pub ping_interval: Duration,
    /// How long TCP stays open after the closing handshake: Slack does not close it.
    pub close_linger: Duration,
    /// How long an envelope may stay unacked.
    pub ack_timeout: Duration,
    /// Messages kept per channel, and calls kept in the log.
    pub history: usize,
    /// The life of a connection with `debug_reconnects`.
    pub debug_life: Duration,
    /// How the bot reaches us, before it has called; `http://127.0.0.1:8080`.
    pub base_url: String,
}

/// A call of the Web API or of a response URL.
#[derive(Debug, Clone)]
pub struct Call {
    /// `chat.postMessage`, …; `response_url`.
    pub method: String,
    /// Its arguments, without the token.
    pub args: Value,
    /// When it came, in microseconds.
    pub at: u64,
    /// HTTP status of the answer; 0 when the connection was dropped.
    pub status: u16,
    /// The answer.
    pub response: Value,
    /// Its number.
    pub number: u64,
}

impl Call {
    /// For the control API.
    pub fn json(&self) -> Value {
        json!({
            "n": self.number, "method": self.method, "args": self.args, "time": clock::ts(self.at), "status": self.status,
            "response": self.response,
        })
    }
}

/// The calls, the last of them in full.
#[derive(Debug, Default)]
pub struct Log {
    /// The last calls.
    pub calls: VecDeque<Call>,
    /// How many of each method.
    pub counts: HashMap<String, u64>,
    kept: usize,
    next: u64,
}

impl Log {
    /// Keeps the last `kept` calls.
    pub fn new(kept: usize) -> Self {
        Log { kept, ..Log::default() }
    }

    /// Adds a call.
    pub fn push(&mut self, mut call: Call) {
        match self.counts.get_mut(&call.method) {
            Some(count) => *count += 1,
            None => {
                self.counts.insert(call.method.clone(), 1);
            }
        }
        self.next += 1;
        call.number = self.next;
        if self.calls.len() >= self.kept {
            self.calls.pop_front();
        }
        self.calls.push_back(call);
    }

    /// Forgets all.
    pub fn clear(&mut self) {
        self.calls.clear();
        self.counts.clear();
    }
}

/// The whole state.
#[derive(Debug)]
pub struct State {
    /// What the command line says; some of it can be changed by the control API.
    pub options: Options,
    /// People, groups, channels.
    pub directory: Directory,
    /// Messages.
    pub chat: Chat,
    /// Socket Mode.
    pub hub: Hub,
    /// Uploaded files.
    pub files: Files,
    /// Modals and Homes.
    pub views: Views,
    /// What may open a modal.
    pub triggers: Triggers,
    /// Response URLs.
    pub urls: ResponseUrls,
    /// Calls.
    pub log: Log,
    /// Fault switches.
    pub faults: Faults,
    /// Rate limits.
    pub limits: RateLimits,
    /// Whether the app subscribes to message.channels too.
    pub channel_messages: bool,
    /// Whether the manifest says `should_escape` of the command: names and links in what is typed behind it are marked.
    pub should_escape: bool,
    /// What the bot token is granted.
    pub scopes: String,
    /// What the app-level token is granted.
    pub app_scopes: String,
    /// How far the clock of Slack's answers is ahead, in seconds.
    pub clock_skew_s: i64,
    /// Whether the workspace belongs to an organisation.
    pub grid: Grid,
}

impl State {
    fn new(options: Options) -> Self {
        State {
            directory: Directory::seeded(),
            chat: Chat::new(options.history),
            hub: Hub::new(options.ack_timeout),
            files: Files::default(),
            views: Views::default(),
            triggers: Triggers::default(),
            urls: ResponseUrls::default(),
            log: Log::new(options.history),
            faults: Faults::default(),
            limits: RateLimits::default(),
            channel_messages: false,
            should_escape: true,
            scopes: SCOPES.to_owned(),
            app_scopes: "connections:write".to_owned(),
            clock_skew_s: 0,
            grid: Grid::Off,
            options,
        }
    }

    /// Back to the seeded workspace. Links stay.
    pub fn reset(&mut self) {
        self.directory = Directory::seeded();
        self.chat.clear();
        self.hub.clear();
        self.files.clear();
        self.views.clear();
        self.triggers.clear();
        self.urls.clear();
        self.log.clear();
        self.faults.clear();
        self.limits.clear();
        self.channel_messages = false;
        self.should_escape = true;
        self.scopes = SCOPES.to_owned();
        self.app_scopes = "connections:write".to_owned();
        self.clock_skew_s = 0;
        self.grid = Grid::Off;
    }

    /// Sends a payload to the app, as it looks where the workspace is.
    pub fn send(&mut self, cargo: Cargo, mut payload: Value) -> Envelope {
        self.grid.dress(cargo.kind(), &mut payload);
        self.hub.send(cargo, Arc::from(payload.to_string()))
    }
}

/// The state as the handlers share it.
#[derive(Debug)]
pub struct Sandbox {
    state: Mutex<State>,
}

impl Sandbox {
    /// A fresh workspace.
    pub fn new(options: Options) -> Self {
        Sandbox { state: Mutex::new(State::new(options)) }
    }

    /// The lock. Never keep it over an await.
    pub fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }
}
