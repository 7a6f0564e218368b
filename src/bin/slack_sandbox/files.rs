//! Uploaded files: a place to put bytes, the bytes, and the channels they were shared to.

use std::collections::HashMap;

use serde_json::{Value, json};

use crate::clock;
use crate::ids;
use crate::people::{BOT_USER, TEAM};

/// Bytes of a file the sandbox keeps.
pub const SIZE: usize = 20 * 1024 * 1024;
/// Files it keeps.
const KEPT: usize = 500;

/// One file.
#[derive(Debug, Clone)]
pub struct File {
    /// `F…`
    pub id: String,
    /// As the bot called it.
    pub name: String,
    /// As people see it.
    pub title: String,
    /// The last segment of its upload URL.
    pub secret: String,
    /// The length that the bot announced.
    pub length: u64,
    /// What was uploaded.
    pub content: Option<Vec<u8>>,
    /// Whether the upload was completed.
    pub complete: bool,
    /// Where it was shared: channel, `ts` of the message, thread.
    pub shares: Vec<(String, String, Option<String>)>,
    /// When the upload began, in microseconds.
    pub created: u64,
}

impl File {
    /// The kind of its name's ending.
    pub fn mimetype(&self) -> &'static str {
        match self.name.rsplit_once('.').map(|(_, ending)| ending) {
            Some("csv") => "text/csv",
            Some("json") => "application/json",
            Some("txt" | "log" | "md") => "text/plain",
            Some("png") => "image/png",
            _ => "application/octet-stream",
        }
    }

    /// The file object of the Web API and of messages.
    pub fn json(&self, base_url: &str) -> Value {
        let size = self.content.as_ref().map_or(0, Vec::len);
        let ending = self.name.rsplit_once('.').map_or("binary", |(_, ending)| ending);
        let url = format!("{base_url}/files-pri/{TEAM}-{}/{}", self.id, self.name);
        let mut shares = serde_json::Map::new();
        for (channel, ts, thread_ts) in &self.shares {
            let mut share = json!({"ts": ts});
            if let Some(thread_ts) = thread_ts {
                share["thread_ts"] = json!(thread_ts);
            }
            shares.insert(channel.clone(), json!([share]));
        }
        json!({
            "id": self.id, "created": self.created / 1_000_000, "timestamp": self.created / 1_000_000, "name": self.name,
            "title": self.title, "mimetype": self.mimetype(), "filetype": ending, "pretty_type": ending.to_uppercase(),
            "user": BOT_USER, "user_team": TEAM, "size": size, "mode": "hosted", "is_external": false, "is_public": !shares.is_empty(),
            "url_private": url, "url_private_download": url, "shares": {"public": shares},
            "channels": self.shares.iter().map(|(channel, ..)| channel).collect::<Vec<_>>(),
        })
    }
}

/// All of them, oldest first.
#[derive(Debug, Default)]
pub struct Files {
    files: Vec<File>,
    by_secret: HashMap<String, String>,
}

impl Files {
    /// Begins an upload.
    pub fn begin(&mut self, name: &str, length: u64) -> File {
        if self.files.len() == KEPT {
            let old = self.files.remove(0);
            self.by_secret.remove(&old.secret);
        }
        let file = File {
            id: ids::file(),
            name: name.to_owned(),
            title: name.to_owned(),
            secret: ids::secret(),
            length,
            content: None,
            complete: false,
            shares: Vec::new(),
            created: clock::micros(),
        };
        self.by_secret.insert(file.secret.clone(), file.id.clone());
        self.files.push(file.clone());
        file
    }

    /// Takes the bytes of an upload; `None` when nobody began it or it is complete.
    pub fn upload(&mut self, secret: &str, content: Vec<u8>) -> Option<()> {
        let id = self.by_secret.get(secret)?.clone();
        let file = self.get_mut(&id).filter(|file| !file.complete)?;
        file.content = Some(content);
        Some(())
    }

    /// By id.
    pub fn get(&self, id: &str) -> Option<&File> {
        self.files.iter().find(|file| file.id == id)
    }

    /// By id.
    pub fn get_mut(&mut self, id: &str) -> Option<&mut File> {
        self.files.iter_mut().find(|file| file.id == id)
    }

    /// Every file whose bytes came and whose upload was completed.
    pub fn complete(&self) -> impl Iterator<Item = &File> {
        self.files.iter().filter(|file| file.complete)
    }

    /// Forgets all.
    pub fn clear(&mut self) {
        self.files.clear();
        self.by_secret.clear();
    }
}
