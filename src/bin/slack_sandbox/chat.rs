//! The messages: what was said where, who sees it, and how it changed. History is bounded per channel.

use std::collections::{HashMap, VecDeque};

use serde_json::{Value, json};
use tokio::sync::watch;

use crate::clock;
use crate::people::{APP, BOT_ID, SCRIPTS_APP, SCRIPTS_BOT_ID, TEAM};

/// How many changes a follower may lag behind before it has to read everything again.
const CHANGES: usize = 20_000;

/// An earlier form of an edited message.
#[derive(Debug, Clone)]
pub struct Version {
    /// Its text.
    pub text: String,
    /// Its blocks.
    pub blocks: Option<Value>,
    /// When it was replaced, as `ts`.
    pub until: String,
}

/// A message, ephemeral or not.
#[derive(Debug, Clone, Default)]
pub struct Message {
    /// Microseconds; the number behind `ts`.
    pub micros: u64,
    /// Who wrote it.
    pub user: String,
    /// The bot that wrote it.
    pub bot_id: Option<String>,
    /// mrkdwn, as stored.
    pub text: String,
    /// Block Kit.
    pub blocks: Option<Value>,
    /// Old-style attachments.
    pub attachments: Option<Value>,
    /// The parent's `ts`, in replies.
    pub thread_ts: Option<String>,
    /// Who wrote the parent, in replies.
    pub parent_user: Option<String>,
    /// Ephemeral: the only person who sees it.
    pub only_for: Option<String>,
    /// Set by people's clients only.
    pub client_msg_id: Option<String>,
    /// Message metadata.
    pub metadata: Option<Value>,
    /// Uploaded files.
    pub files: Vec<Value>,
    /// Emoji names with the ids of who added them.
    pub reactions: Vec<(String, Vec<String>)>,
    /// Earlier forms, oldest first.
    pub versions: Vec<Version>,
    /// Deleted: kept for the control API, shown to nobody.
    pub deleted: bool,
    /// How many replies it has.
    pub replies: u32,
    /// Also shown in the channel.
    pub broadcast: bool,
    /// `slash`, `ack`, `response_url`, `chat.postMessage`, …: how it came here.
    pub via: &'static str,
    /// Number of its last change.
    pub cursor: u64,
}

impl Message {
    /// Its `ts`.
    pub fn ts(&self) -> String {
        clock::ts(self.micros)
    }

    /// Whether this person sees it. Nobody in particular sees everything.
    pub fn visible_to(&self, user: Option<&str>) -> bool {
        match (&self.only_for, user) {
            (Some(only), Some(user)) => only == user,
            _ => true,
        }
    }

    /// The message as history, events and API answers show it.
    pub fn json(&self) -> Value {
        let mut out = json!({"type": "message", "user": self.user, "text": self.text, "ts": self.ts(), "team": TEAM});
        let mut set = |key: &str, value: Option<Value>| {
            if let Some(value) = value {
                out[key] = value;
            }
        };
        set("bot_id", self.bot_id.as_ref().map(|id| json!(id)));
        set("bot_profile", self.bot_id.as_deref().map(bot_profile));
        set("app_id", self.bot_id.as_deref().and_then(app_of).map(|app| json!(app)));
        set("blocks", self.blocks.clone());
        set("attachments", self.attachments.clone());
        set("thread_ts", self.thread_ts.as_ref().map(|ts| json!(ts)));
        set("parent_user_id", self.parent_user.as_ref().map(|id| json!(id)));
        set("client_msg_id", self.client_msg_id.as_ref().map(|id| json!(id)));
        set("metadata", self.metadata.clone());
        set("files", (!self.files.is_empty()).then(|| json!(self.files)));
        set("upload", (!self.files.is_empty()).then_some(json!(false)));
        set("subtype", (!self.files.is_empty()).then(|| json!("file_share")));
        set("edited", self.versions.last().map(|v| json!({"user": self.user, "ts": v.until})));
        set("reply_count", (self.replies > 0).then(|| json!(self.replies)));
        if self.replies > 0 && self.thread_ts.is_none() {
            set("thread_ts", Some(json!(self.ts())));
        }
        let reactions: Vec<Value> = self
            .reactions
            .iter()
            .map(|(name, users)| json!({"name": name, "users": users, "count": users.len()}))
            .collect();
        set("reactions", (!reactions.is_empty()).then(|| json!(reactions)));
        if self.only_for.is_some() {
            set("is_ephemeral", Some(json!(true)));
        }
        out
    }

    /// The message as the control API and the page show it.
    pub fn control(&self, channel: &str) -> Value {
        let versions: Vec<Value> =
            self.versions.iter().map(|v| json!({"text": v.text, "blocks": v.blocks, "until": v.until})).collect();
        let reactions: Vec<Value> =
            self.reactions.iter().map(|(name, users)| json!({"name": name, "users": users})).collect();
        json!({
            "channel": channel, "ts": self.ts(), "user": self.user, "bot_id": self.bot_id, "text": self.text, "blocks": self.blocks,
            "attachments": self.attachments, "thread_ts": self.thread_ts, "ephemeral": self.only_for.is_some(),
            "only_for": self.only_for, "edits": self.versions.len(), "history": versions, "deleted": self.deleted,
            "reply_count": self.replies, "broadcast": self.broadcast, "reactions": reactions, "metadata": self.metadata, "files": self.files,
            "via": self.via, "cursor": self.cursor,
        })
    }
}

/// The app that a bot's message names beside the bot.
fn app_of(bot_id: &str) -> Option<&'static str> {
    match bot_id {
        BOT_ID => Some(APP),
        SCRIPTS_BOT_ID => Some(SCRIPTS_APP),
        _ => None,
    }
}

/// The `bot_profile` of a bot's message.
pub fn bot_profile(bot_id: &str) -> Value {
    let name = match bot_id {
        BOT_ID => "drone",
        SCRIPTS_BOT_ID => "scripts",
        _ => "pager",
    };
    let app = app_of(bot_id).unwrap_or("APAGER00001");
    json!({"id": bot_id, "deleted": false, "name": name, "updated": 1_700_000_000, "app_id": app, "icons": {}, "team_id": TEAM})
}

#[derive(Debug, Default)]
struct Room {
    messages: VecDeque<Message>,
    last: u64,
}

/// A change: its number, the channel and the message.
type Change = (u64, String, u64);

/// All messages, and the numbered feed of their changes.
#[derive(Debug)]
pub struct Chat {
    rooms: HashMap<String, Room>,
    per_channel: usize,
    changes: VecDeque<Change>,
    cursor: u64,
    bell: watch::Sender<u64>,
}

impl Chat {
    /// Keeps the last `per_channel` messages of each channel.
    pub fn new(per_channel: usize) -> Self {
        let (bell, _) = watch::channel(0);
        Chat { rooms: HashMap::new(), per_channel, changes: VecDeque::new(), cursor: 0, bell }
    }

    /// Forgets every message; the numbering goes on, so that old cursors stay valid.
    pub fn clear(&mut self) {
        for room in self.rooms.values_mut() {
            room.messages.clear();
        }
        self.changes.clear();
        self.ring();
    }

    /// The number of the last change.
    pub fn cursor(&self) -> u64 {
        self.cursor
    }

    /// Rings at every change.
    pub fn listen(&self) -> watch::Receiver<u64> {
        self.bell.subscribe()
    }

    /// Counts a change that is no message: a link came or went.
    pub fn ring(&mut self) {
        self.cursor += 1;
        self.bell.send_replace(self.cursor);
    }

    fn changed(&mut self, channel: &str, micros: u64) -> u64 {
        self.ring();
        if self.changes.len() == CHANGES {
            self.changes.pop_front();
        }
        self.changes.push_back((self.cursor, channel.to_owned(), micros));
        self.cursor
    }

    /// Adds a message and gives it a `ts` of its own.
    pub fn add(&mut self, channel: &str, mut message: Message) -> Message {
        if message.only_for.is_none() {
            message.parent_user = message.thread_ts.as_deref().and_then(|ts| self.count_reply(channel, ts));
        }
        let per_channel = self.per_channel;
        let room = self.rooms.entry(channel.to_owned()).or_default();
        message.micros = clock::micros().max(room.last + 1);
        room.last = message.micros;
        let micros = message.micros;
        message.cursor = self.changed(channel, micros);
        let room = self.rooms.entry(channel.to_owned()).or_default();
        if room.messages.len() >= per_channel {
            room.messages.pop_front();
        }
        room.messages.push_back(message.clone());
        message
    }

    /// Counts a reply at its parent, and says who wrote that.
    fn count_reply(&mut self, channel: &str, thread_ts: &str) -> Option<String> {
        let micros = clock::parse_ts(thread_ts)?;
        self.get(channel, micros)?;
        let cursor = self.changed(channel, micros);
        let parent = self.get_mut(channel, micros)?;
        parent.replies += 1;
        parent.cursor = cursor;
        Some(parent.user.clone())
    }

    fn get_mut(&mut self, channel: &str, micros: u64) -> Option<&mut Message> {
        let room = self.rooms.get_mut(channel)?;
        let index = room.messages.binary_search_by_key(&micros, |m| m.micros).ok()?;
        room.messages.get_mut(index)
    }

    /// By number.
    pub fn get(&self, channel: &str, micros: u64) -> Option<&Message> {
        let room = self.rooms.get(channel)?;
        let index = room.messages.binary_search_by_key(&micros, |m| m.micros).ok()?;
        room.messages.get(index)
    }

    /// By `ts`; deleted ones are not found.
    pub fn find(&self, channel: &str, ts: &str) -> Option<&Message> {
        self.get(channel, clock::parse_ts(ts)?).filter(|m| !m.deleted)
    }

    /// Changes a message in place and returns how it was and how it is.
    pub fn change(
        &mut self,
        channel: &str,
        micros: u64,
        change: impl FnOnce(&mut Message),
    ) -> Option<(Message, Message)> {
        self.get(channel, micros)?;
        let cursor = self.changed(channel, micros);
        let message = self.get_mut(channel, micros)?;
        let before = message.clone();
        change(message);
        message.cursor = cursor;
        Some((before, message.clone()))
    }

    /// Replaces text and blocks, and keeps the earlier form.
    pub fn edit(
        &mut self,
        channel: &str,
        micros: u64,
        text: Option<String>,
        blocks: Option<Option<Value>>,
    ) -> Option<(Message, Message)> {
        let until = clock::ts(clock::micros());
        self.change(channel, micros, |message| {
            message.versions.push(Version { text: message.text.clone(), blocks: message.blocks.clone(), until });
            if let Some(text) = text {
                message.text = text;
            }
            if let Some(blocks) = blocks {
                message.blocks = blocks;
            }
        })
    }

    /// Messages of a channel, oldest first.
    pub fn messages(&self, channel: &str) -> impl DoubleEndedIterator<Item = &Message> {
        self.rooms.get(channel).into_iter().flat_map(|room| room.messages.iter())
    }

    /// Messages changed after `cursor`, each once, in the order of their last change. Falls back to all that are kept
    /// when the feed no longer reaches back that far.
    pub fn since(&self, cursor: u64) -> Vec<(&str, &Message)> {
        let reaches = self.changes.front().is_some_and(|(first, ..)| *first <= cursor + 1);
        if reaches {
            let start = self.changes.partition_point(|(number, ..)| *number <= cursor);
            let changed = self.changes.range(start..);
            return changed
                .filter_map(|(number, channel, micros)| {
                    self.get(channel, *micros).filter(|m| m.cursor == *number).map(|m| (channel.as_str(), m))
                })
                .collect();
        }
        let mut all: Vec<(&str, &Message)> = self
            .rooms
            .iter()
            .flat_map(|(channel, room)| room.messages.iter().map(move |m| (channel.as_str(), m)))
            .filter(|(_, m)| m.cursor > cursor)
            .collect();
        all.sort_by_key(|(_, m)| m.cursor);
        all
    }
}
