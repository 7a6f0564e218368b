//! What Slack refuses: texts and blocks beyond their limits, and too many calls in a minute.
//!
//! Two of its errors about size never come from here, because no number is documented for either: `metadata_too_large` and
//! `msg_blocks_too_long`.

mod view;

pub use view::view;

use std::collections::HashMap;

use serde_json::{Value, json};

use crate::clock::Instant;
use crate::ids;

/// An error of the Web API, with what `response_metadata.messages` says about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiError {
    /// Slack's name of it.
    pub code: &'static str,
    /// Details.
    pub messages: Vec<String>,
}

impl From<&'static str> for ApiError {
    fn from(code: &'static str) -> Self {
        ApiError { code, messages: Vec::new() }
    }
}

/// Blocks a message may have.
const BLOCKS: usize = 50;
/// Characters of a section's text.
const SECTION: usize = 3000;
/// Characters of a text beyond which Slack cuts it off.
pub const TEXT_CUT: usize = 40_000;
/// Characters of a text that chat.update takes.
pub const UPDATE_TEXT: usize = 4000;
/// Characters of `markdown_text`.
pub const MARKDOWN: usize = 12_000;

/// Checks a message's blocks and gives ids to those without.
pub fn blocks(mut blocks: Value) -> Result<Value, ApiError> {
    if !blocks.is_array() {
        return Err("invalid_blocks_format".into());
    }
    let mut errors = Vec::new();
    all_blocks(&mut blocks, BLOCKS, "/blocks", &mut errors);
    if errors.is_empty() { Ok(blocks) } else { Err(ApiError { code: "invalid_blocks", messages: errors }) }
}

/// Checks each block of a message or a view.
fn all_blocks(blocks: &mut Value, most: usize, at: &str, errors: &mut Vec<String>) {
    let Some(list) = blocks.as_array_mut() else { return };
    if list.len() > most {
        errors.push(format!("[ERROR] no more than {most} items allowed [json-pointer:{at}]"));
    }
    let mut seen: Vec<String> = Vec::new();
    for (index, block) in list.iter_mut().enumerate() {
        let mut check = Check { at: format!("{at}/{index}"), errors };
        check.block(block);
        let id = block["block_id"].as_str().unwrap_or_default().to_owned();
        if !id.is_empty() && seen.contains(&id) {
            errors.push(format!("[ERROR] `block_id` must be unique [json-pointer:{at}/{index}/block_id]"));
        }
        seen.push(id);
    }
}

struct Check<'a> {
    at: String,
    errors: &'a mut Vec<String>,
}

impl Check<'_> {
    fn error(&mut self, what: &str, path: &str) {
        self.errors.push(format!("[ERROR] {what} [json-pointer:{}{path}]", self.at));
    }

    fn length(&mut self, text: &str, max: usize, path: &str) {
        if text.chars().count() > max {
            self.error(&format!("must be less than {} characters", max + 1), path);
        }
    }

    fn count(&mut self, list: &Value, max: usize, path: &str) {
        if list.as_array().is_some_and(|l| l.len() > max) {
            self.error(&format!("no more than {max} items allowed"), path);
        }
    }

    /// A text object: of the right kind, not empty, not too long.
    fn text(&mut self, text: &Value, plain_only: bool, max: usize, path: &str) {
        let kind = text["type"].as_str().unwrap_or_default();
        if !text.is_object() {
            return self.error("missing required field: text", path);
        }
        if kind != "plain_text" && (plain_only || kind != "mrkdwn") {
            return self.error("unsupported type of text object", path);
        }
        match text["text"].as_str() {
            Some("") => self.error("must be more than 0 characters", &format!("{path}/text")),
            Some(words) => self.length(words, max, &format!("{path}/text")),
            None => self.error("missing required field: text", path),
        }
    }

    fn block(&mut self, block: &mut Value) {
        if !block.is_object() {
            return self.error("must be an object", "");
        }
        match block["block_id"].as_str() {
            Some(id) => self.length(id, 255, "/block_id"),
            None => block["block_id"] = json!(ids::block()),
        }
        match block["type"].as_str().unwrap_or_default() {
            "section" => self.section(block),
            "header" => self.text(&block["text"], true, 150, "/text"),
            "context" => {
                self.count(&block["elements"], 10, "/elements");
                if block["elements"].as_array().is_none_or(Vec::is_empty) {
                    self.error("missing required field: elements", "");
                }
            }
            "actions" => self.actions(block),
            "markdown" => self.length(block["text"].as_str().unwrap_or_default(), MARKDOWN, "/text"),
            "input" => self.input(block),
            "divider" | "image" | "rich_text" | "file" | "video" | "table" | "context_actions" => {}
            other => self.error(&format!("unsupported type: {other}"), "/type"),
        }
    }

    fn section(&mut self, block: &mut Value) {
        if block["text"].is_null() && block["fields"].is_null() {
            self.error("missing required field: text or fields", "");
        }
        if !block["text"].is_null() {
            self.text(&block["text"], false, SECTION, "/text");
        }
        self.count(&block["fields"], 10, "/fields");
        for (index, field) in block["fields"].as_array().into_iter().flatten().enumerate() {
            self.text(field, false, 2000, &format!("/fields/{index}"));
        }
        if block["accessory"].is_object() {
            self.element(&mut block["accessory"], "/accessory");
        }
    }

    fn actions(&mut self, block: &mut Value) {
        self.count(&block["elements"], 25, "/elements");
        let Some(elements) = block["elements"].as_array_mut().filter(|e| !e.is_empty()) else {
            return self.error("missing required field: elements", "");
        };
        let mut seen: Vec<String> = Vec::new();
        for (index, element) in elements.iter_mut().enumerate() {
            let path = format!("/elements/{index}");
            self.element(element, &path);
            let id = element["action_id"].as_str().unwrap_or_default().to_owned();
            if seen.contains(&id) {
                self.error("`action_id` must be unique", &format!("{path}/action_id"));
            }
            seen.push(id);
        }
    }

    fn element(&mut self, element: &mut Value, path: &str) {
        match element["action_id"].as_str() {
            Some(id) => self.length(id, 255, &format!("{path}/action_id")),
            None if element.is_object() => element["action_id"] = json!(ids::block()),
            None => return self.error("must be an object", path),
        }
        if element["type"] == "button" {
            self.text(&element["text"], true, 75, &format!("{path}/text"));
            self.length(element["value"].as_str().unwrap_or_default(), 2000, &format!("{path}/value"));
            self.length(element["url"].as_str().unwrap_or_default(), 3000, &format!("{path}/url"));
            if !matches!(element["style"].as_str(), None | Some("primary" | "danger")) {
                self.error("must be a valid enum value", &format!("{path}/style"));
            }
        }
        let confirm = &element["confirm"];
        if confirm.is_object() {
            self.text(&confirm["title"], true, 100, &format!("{path}/confirm/title"));
            self.text(&confirm["text"], false, 300, &format!("{path}/confirm/text"));
            self.text(&confirm["confirm"], true, 30, &format!("{path}/confirm/confirm"));
            self.text(&confirm["deny"], true, 30, &format!("{path}/confirm/deny"));
        }
        self.options(element, path);
    }
}

#[derive(Debug)]
struct Bucket {
    left: f64,
    at: Instant,
}

/// Buckets per channel and per method.
#[derive(Debug, Default)]
pub struct RateLimits {
    buckets: HashMap<String, Bucket>,
}

/// Posts a channel takes at once before the rule of one a second bites.
const CHANNEL_BURST: f64 = 5.0;

/// Calls a minute of a method, by its tier: what Slack promises, without the grace that it gives in practice.
fn per_minute(method: &str) -> Option<f64> {
    const TIER_2: f64 = 20.0;
    const TIER_3: f64 = 50.0;
    const TIER_4: f64 = 100.0;
    Some(match method {
        "auth.test" => 600.0,
        // of the whole workspace, beside one a second in each channel
        "chat.postMessage" => 600.0,
        "usergroups.list" | "usergroups.users.list" | "users.list" | "conversations.list" => TIER_2,
        "chat.update" | "chat.delete" | "reactions.add" | "reactions.remove" | "apps.connections.open" => TIER_3,
        "conversations.info" | "conversations.open" | "conversations.history" | "conversations.replies" => TIER_3,
        "chat.postEphemeral" | "users.info" | "conversations.members" | "files.info" => TIER_4,
        "views.open" | "views.push" | "views.update" | "views.publish" => TIER_4,
        "files.getUploadURLExternal" | "files.completeUploadExternal" => TIER_4,
        _ => return None,
    })
}

/// The kind of a channel, on which depends by which scope it may be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// A public channel; also where none is named.
    Public,
    /// A private channel.
    Private,
    /// A direct message.
    Direct,
}

/// The scope that a method needs, of the bot token; by the kind of channel where it depends on that.
pub fn scope(method: &str, place: Place) -> Option<&'static str> {
    Some(match method {
        "chat.postMessage" | "chat.postEphemeral" | "chat.update" | "chat.delete" => "chat:write",
        "users.info" | "users.list" => "users:read",
        "usergroups.list" | "usergroups.users.list" => "usergroups:read",
        "reactions.add" | "reactions.remove" => "reactions:write",
        "files.getUploadURLExternal" | "files.completeUploadExternal" => "files:write",
        "files.info" => "files:read",
        "conversations.open" => "im:write",
        "conversations.info" | "conversations.members" | "conversations.list" => match place {
            Place::Public => "channels:read",
            Place::Private => "groups:read",
            Place::Direct => "im:read",
        },
        "conversations.history" | "conversations.replies" => match place {
            Place::Public => "channels:history",
            Place::Private => "groups:history",
            Place::Direct => "im:history",
        },
        _ => return None,
    })
}

impl RateLimits {
    /// Takes one call of a method; seconds to wait if there is none left.
    pub fn call(&mut self, method: &str) -> Result<(), u64> {
        match per_minute(method) {
            Some(calls) => self.take(method, calls, calls / 60.0),
            None => Ok(()),
        }
    }

    /// Takes one post into a channel; seconds to wait if it came too soon.
    pub fn post(&mut self, channel: &str) -> Result<(), u64> {
        self.take(channel, CHANNEL_BURST, 1.0)
    }

    fn take(&mut self, key: &str, burst: f64, per_second: f64) -> Result<(), u64> {
        let now = Instant::now();
        if !self.buckets.contains_key(key) {
            self.buckets.insert(key.to_owned(), Bucket { left: burst, at: now });
        }
        let Some(bucket) = self.buckets.get_mut(key) else { return Ok(()) };
        bucket.left = (bucket.left + (now - bucket.at).as_secs_f64() * per_second).min(burst);
        bucket.at = now;
        if bucket.left >= 1.0 {
            bucket.left -= 1.0;
            return Ok(());
        }
        let wait = ((1.0 - bucket.left) / per_second).ceil();
        Err(if wait > 1.0 { wait as u64 } else { 1 })
    }

    /// Fills every bucket.
    pub fn clear(&mut self) {
        self.buckets.clear();
    }
}

#[cfg(test)]
mod tests;
