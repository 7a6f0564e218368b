//! `chat.*` and `reactions.add`.

use serde_json::{Value, json};

use super::Refusal;
use super::request::{self, Args};
use crate::chat::Message;
use crate::limits::{self, ApiError};
use crate::people::{BOT_ID, BOT_USER};
use crate::state::State;

type Outcome = Result<Value, Refusal>;

/// What a message says.
pub struct Content {
    /// mrkdwn; empty where only blocks are given.
    pub text: String,
    /// Checked blocks; an empty list is none.
    pub blocks: Option<Value>,
    /// Old-style attachments.
    pub attachments: Option<Value>,
    /// What was done about it.
    pub warning: Option<&'static str>,
}

impl Content {
    /// Checks text and blocks; `None` when there is neither.
    pub fn read(values: &Value) -> Result<Option<Content>, ApiError> {
        let non_empty = |value: Option<Value>| value.filter(|v| v.as_array().is_none_or(|list| !list.is_empty()));
        let blocks =
            non_empty(request::data(values, "blocks", "invalid_blocks_format")?).map(limits::blocks).transpose()?;
        let attachments = non_empty(request::data(values, "attachments", "invalid_attachments")?);
        if attachments.as_ref().and_then(Value::as_array).is_some_and(|list| list.len() > 100) {
            return Err("too_many_attachments".into());
        }
        let markdown = values["markdown_text"].as_str();
        if markdown.is_some_and(|text| text.chars().count() > limits::MARKDOWN) {
            return Err("msg_too_long".into());
        }
        if markdown.is_some() && (blocks.is_some() || values["text"].is_string()) {
            return Err("markdown_text_conflict".into());
        }
        let mut text = markdown.or(values["text"].as_str()).unwrap_or_default().to_owned();
        let mut warning = None;
        if let Some((cut, _)) = text.char_indices().nth(limits::TEXT_CUT) {
            text.truncate(cut);
            warning = Some("message_truncated");
        }
        let empty = text.trim().is_empty() && blocks.is_none() && attachments.is_none();
        Ok((!empty).then_some(Content { text, blocks, attachments, warning }))
    }

    /// A message of the bot.
    pub fn message(self, via: &'static str) -> Message {
        Message {
            user: BOT_USER.to_owned(),
            bot_id: Some(BOT_ID.to_owned()),
            text: self.text,
            blocks: self.blocks,
            attachments: self.attachments,
            via,
            ..Message::default()
        }
    }
}

/// Runs a method of this file; `None` if it is none of them.
pub fn run(state: &mut State, method: &str, args: &Args) -> Option<Outcome> {
    Some(match method {
        "chat.postMessage" => post(state, args),
        "chat.postEphemeral" => post_ephemeral(state, args),
        "chat.update" => update(state, args),
        "chat.delete" => delete(state, args),
        "reactions.add" => react(state, args, true),
        "reactions.remove" => react(state, args, false),
        _ => return None,
    })
}

fn channel(state: &State, args: &Args) -> Result<String, ApiError> {
    let name = args.text("channel").ok_or("channel_not_found")?;
    let room = state.directory.find_channel(name, None).ok_or("channel_not_found")?;
    if !room.has_bot() {
        return Err("not_in_channel".into());
    }
    if room.archived {
        return Err("is_archived".into());
    }
    Ok(room.id.clone())
}

/// The `ts` of the thread: of the parent, even where a reply's `ts` is given.
pub fn thread(state: &State, channel: &str, args: &Args) -> Result<Option<String>, ApiError> {
    let Some(ts) = args.text("thread_ts") else { return Ok(None) };
    if crate::clock::parse_ts(ts).is_none() {
        return Err("invalid_thread_ts".into());
    }
    let parent = state.chat.find(channel, ts).and_then(|m| m.thread_ts.clone());
    Ok(Some(parent.unwrap_or_else(|| ts.to_owned())))
}

fn post(state: &mut State, args: &Args) -> Outcome {
    if let Some(user) = args.text("channel").filter(|c| c.starts_with(['U', 'W'])).map(str::to_owned)
        && let Some(dm) = state.directory.open_dm(&user)
    {
        return post_to(state, args, dm);
    }
    let channel = channel(state, args)?;
    post_to(state, args, channel)
}

fn post_to(state: &mut State, args: &Args, channel: String) -> Outcome {
    let content = Content::read(args.value())?.ok_or("no_text")?;
    let metadata = args.data("metadata", "invalid_metadata_format")?;
    let thread_ts = thread(state, &channel, args)?;
    if state.options.rate_limits {
        state.limits.post(&channel).map_err(Refusal::Limited)?;
    }
    let warning = content.warning;
    let broadcast = args.flag("reply_broadcast");
    let message = Message { thread_ts, metadata, broadcast, ..content.message("chat.postMessage") };
    let message = state.chat.add(&channel, message);
    state.announce(&channel, &message);
    let mut answer = json!({"channel": channel, "ts": message.ts(), "message": message.json()});
    if let Some(warning) = warning {
        answer["warning"] = json!(warning);
        answer["response_metadata"] = json!({"warnings": [warning]});
    }
    Ok(answer)
}

fn post_ephemeral(state: &mut State, args: &Args) -> Outcome {
    let channel = channel(state, args)?;
    let user = args.text("user").and_then(|id| state.directory.user(id)).ok_or("user_not_found")?.id.clone();
    if !state.directory.channel(&channel).is_some_and(|c| c.has(&user)) {
        return Err("user_not_in_channel".into());
    }
    let content = Content::read(args.value())?.ok_or("no_text")?;
    let thread_ts = thread(state, &channel, args)?;
    let begun = |ts: &String| state.chat.find(&channel, ts).is_some_and(|parent| parent.replies > 0);
    if thread_ts.as_ref().is_some_and(|ts| !begun(ts)) {
        // Slack shows it only in a thread in which somebody has replied, and else to nobody; of that it says nothing
        return Ok(json!({"message_ts": crate::clock::ts(crate::clock::micros())}));
    }
    let message = Message { thread_ts, only_for: Some(user), ..content.message("chat.postEphemeral") };
    let message = state.chat.add(&channel, message);
    Ok(json!({"message_ts": message.ts()}))
}

/// The bot's own message that `channel` and `ts` name.
fn own(state: &State, args: &Args, key: &str, denied: &'static str) -> Result<(String, u64), ApiError> {
    let channel = channel(state, args)?;
    let ts = args.text(key).ok_or("message_not_found")?;
    let message = state.chat.find(&channel, ts).filter(|m| m.only_for.is_none()).ok_or("message_not_found")?;
    if message.user != BOT_USER {
        return Err(denied.into());
    }
    Ok((channel, message.micros))
}

fn update(state: &mut State, args: &Args) -> Outcome {
    let (channel, micros) = own(state, args, "ts", "cant_update_message")?;
    if args.text("text").is_some_and(|text| text.chars().count() > limits::UPDATE_TEXT) {
        return Err("msg_too_long".into());
    }
    let content = Content::read(args.value())?;
    let metadata = args.data("metadata", "invalid_metadata_format")?;
    let text = content.as_ref().filter(|_| args.has("text") || args.has("markdown_text")).map(|c| c.text.clone());
    let blocks = if args.has("blocks") {
        Some(content.and_then(|c| c.blocks))
    } else if let Some(content) = content {
        // Text alone clears the blocks it came with: Slack shows the new text.
        content.blocks.is_none().then_some(None)
    } else {
        return Err("no_text".into());
    };
    let (before, mut after) = state.chat.edit(&channel, micros, text, blocks).ok_or("message_not_found")?;
    if metadata.is_some()
        && let Some((_, changed)) = state.chat.change(&channel, micros, |m| m.metadata = metadata)
    {
        after = changed;
    }
    state.announce_change(&channel, &before, &after);
    Ok(json!({"channel": channel, "ts": after.ts(), "text": after.text, "message": after.json()}))
}

fn delete(state: &mut State, args: &Args) -> Outcome {
    let (channel, micros) = own(state, args, "ts", "cant_delete_message")?;
    let (before, after) = state.chat.change(&channel, micros, |m| m.deleted = true).ok_or("message_not_found")?;
    state.announce_change(&channel, &before, &after);
    Ok(json!({"channel": channel, "ts": after.ts()}))
}

fn react(state: &mut State, args: &Args, add: bool) -> Outcome {
    let channel = channel(state, args)?;
    let name = args
        .text("name")
        .filter(|n| n.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "_+-'".contains(c)));
    let name = name.ok_or("invalid_name")?.to_owned();
    let ts = args.text("timestamp").ok_or("no_item_specified")?;
    let message = state.chat.find(&channel, ts).ok_or("message_not_found")?;
    let micros = message.micros;
    let there = message.reactions.iter().any(|(n, users)| *n == name && users.iter().any(|u| u == BOT_USER));
    match (add, there) {
        (true, true) => return Err("already_reacted".into()),
        (false, false) => return Err("no_reaction".into()),
        _ => {}
    }
    state.chat.change(&channel, micros, |message| {
        if !add {
            message
                .reactions
                .iter_mut()
                .filter(|(n, _)| *n == name)
                .for_each(|(_, users)| users.retain(|u| u != BOT_USER));
            message.reactions.retain(|(_, users)| !users.is_empty());
        } else if let Some((_, users)) = message.reactions.iter_mut().find(|(n, _)| *n == name) {
            users.push(BOT_USER.to_owned());
        } else {
            message.reactions.push((name, vec![BOT_USER.to_owned()]));
        }
    });
    Ok(json!({}))
}

impl State {
    /// An answer through a response URL or in the payload of a slash command's ack.
    pub fn answer(&mut self, secret: &str, body: &Value, via: &'static str) -> Result<(), Refusal> {
        let of_ack = via == "ack";
        let url = if of_ack { self.urls.get(secret).ok_or("expired_url")? } else { self.urls.usable(secret)? };
        let target = url.clone();
        let flag = |key: &str| body[key] == true || body[key] == "true";
        if flag("delete_original") {
            url.uses += 1;
            if let Some(original) = target.original {
                self.chat.change(&target.channel, original, |m| m.deleted = true);
            }
            return Ok(());
        }
        let content = Content::read(body)?.ok_or("no_text")?;
        // An answer to a click replaces the clicked message unless it says otherwise.
        let replaces = if target.of_click { body["replace_original"] != false } else { flag("replace_original") };
        let original =
            target.original.filter(|original| replaces && self.chat.get(&target.channel, *original).is_some());
        let public = body["response_type"] == "in_channel";
        // what all see is a message of the channel like any other
        if !of_ack && public && original.is_none() && self.options.rate_limits {
            self.limits.post(&target.channel).map_err(Refusal::Limited)?;
        }
        if !of_ack && let Some(url) = self.urls.get(secret) {
            url.uses += 1;
        }
        if let Some(original) = original
            && let Some((before, after)) =
                self.chat.edit(&target.channel, original, Some(content.text.clone()), Some(content.blocks.clone()))
        {
            self.announce_change(&target.channel, &before, &after);
            return Ok(());
        }
        let thread_ts = body["thread_ts"].as_str().map(str::to_owned).or(target.thread_ts);
        let only_for = (!public).then_some(target.user);
        let message = self.chat.add(&target.channel, Message { thread_ts, only_for, ..content.message(via) });
        self.announce(&target.channel, &message);
        if !target.of_click
            && let Some(url) = self.urls.get(secret)
        {
            url.original = Some(message.micros);
        }
        Ok(())
    }
}
