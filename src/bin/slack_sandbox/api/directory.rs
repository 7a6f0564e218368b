//! `users.*`, `usergroups.*` and `conversations.*`.

use serde_json::{Value, json};

use super::Refusal;
use super::request::Args;
use crate::chat::Message;
use crate::people::Channel;
use crate::state::State;

type Outcome = Result<Value, Refusal>;

/// Runs a method of this file; `None` if it is none of them.
pub fn run(state: &mut State, method: &str, args: &Args) -> Option<Outcome> {
    Some(match method {
        "users.info" => user(state, args),
        "users.list" => Ok(users(state, args)),
        "usergroups.list" => Ok(groups(state, args)),
        "usergroups.users.list" => group_users(state, args),
        "conversations.info" => channel(state, args).map(|c| json!({"channel": c.json()})),
        "conversations.list" => Ok(channels(state, args)),
        "conversations.members" => {
            channel(state, args).map(|c| json!({"members": c.members, "response_metadata": {"next_cursor": ""}}))
        }
        "conversations.open" => open(state, args),
        "conversations.history" => history(state, args),
        "conversations.replies" => replies(state, args),
        _ => return None,
    })
}

fn user(state: &State, args: &Args) -> Outcome {
    let user = args.text("user").and_then(|id| state.directory.user(id)).ok_or("user_not_found")?;
    Ok(json!({"user": state.grid.user(user)}))
}

/// A page of `all`; the cursor is the number of the first record, as text.
fn page(all: Vec<Value>, args: &Args, default: usize) -> (Vec<Value>, String) {
    let start = args.number("cursor").unwrap_or(0);
    let limit = args.number("limit").filter(|n| *n > 0).unwrap_or(default);
    let next = if start + limit < all.len() { (start + limit).to_string() } else { String::new() };
    (all.into_iter().skip(start).take(limit).collect(), next)
}

fn users(state: &State, args: &Args) -> Value {
    let (members, next) = page(state.directory.users.iter().map(|user| state.grid.user(user)).collect(), args, 1000);
    json!({"members": members, "cache_ts": 1_700_000_000, "response_metadata": {"next_cursor": next}})
}

fn groups(state: &State, args: &Args) -> Value {
    let shown = state.directory.groups.iter().filter(|g| !g.disabled || args.flag("include_disabled"));
    let groups: Vec<Value> = shown.map(|g| g.json(args.flag("include_users"))).collect();
    json!({"usergroups": groups})
}

fn group_users(state: &State, args: &Args) -> Outcome {
    let group = args.text("usergroup").and_then(|id| state.directory.group(id)).ok_or("no_such_subteam")?;
    let hidden = group.disabled && !args.flag("include_disabled");
    Ok(json!({"users": if hidden { &[][..] } else { &group.users }}))
}

fn channel<'a>(state: &'a State, args: &Args) -> Result<&'a Channel, Refusal> {
    let channel = args.text("channel").and_then(|id| state.directory.channel(id));
    channel.filter(|c| !c.private || c.has_bot()).ok_or_else(|| "channel_not_found".into())
}

fn channels(state: &State, args: &Args) -> Value {
    let types = args.text("types").unwrap_or("public_channel");
    let wanted = |c: &&Channel| {
        let kind = match (c.dm_with.is_some(), c.private) {
            (true, _) => "im",
            (false, true) => "private_channel",
            (false, false) => "public_channel",
        };
        types.split(',').any(|t| t.trim() == kind)
            && (!c.private || c.has_bot())
            && !(c.archived && args.flag("exclude_archived"))
    };
    let (channels, next) = page(state.directory.channels.iter().filter(wanted).map(Channel::json).collect(), args, 100);
    json!({"channels": channels, "response_metadata": {"next_cursor": next}})
}

fn open(state: &mut State, args: &Args) -> Outcome {
    if let Some(id) = args.text("channel") {
        let known = state.directory.channel(id).is_some_and(|c| c.dm_with.is_some());
        return if known { Ok(json!({"channel": {"id": id}})) } else { Err("channel_not_found".into()) };
    }
    let users = args.text("users").ok_or("users_list_not_supplied")?;
    if users.contains(',') {
        return Err("method_not_supported_for_channel_type".into());
    }
    let user = state.directory.user(users).ok_or("user_not_found")?;
    if user.deleted {
        return Err("user_disabled".into());
    }
    if user.bot_id.is_some() {
        return Err("cannot_dm_bot".into());
    }
    let known = state.directory.channels.len();
    let id = state.directory.open_dm(users).ok_or("user_not_found")?;
    let already = state.directory.channels.len() == known;
    let mut answer = json!({"channel": {"id": id}, "already_open": already, "no_op": already});
    if args.flag("return_im")
        && let Some(channel) = state.directory.channel(&id)
    {
        answer["channel"] = channel.json();
    }
    Ok(answer)
}

fn readable<'a>(state: &'a State, args: &Args) -> Result<&'a str, Refusal> {
    let channel = channel(state, args)?;
    if channel.has_bot() { Ok(&channel.id) } else { Err("not_in_channel".into()) }
}

/// A message as the history methods show it: metadata only on request.
fn shown(message: &Message, args: &Args) -> Value {
    let mut out = message.json();
    if !args.flag("include_all_metadata")
        && let Some(fields) = out.as_object_mut()
    {
        fields.remove("metadata");
    }
    out
}

fn within(message: &Message, args: &Args) -> bool {
    let bound = |key: &str| args.text(key).map(|ts| crate::clock::parse_ts(ts).unwrap_or_else(|| whole_seconds(ts)));
    let inclusive = args.flag("inclusive");
    let after = bound("oldest").is_none_or(|oldest| message.micros > oldest || (inclusive && message.micros == oldest));
    let before =
        bound("latest").is_none_or(|latest| message.micros < latest || (inclusive && message.micros == latest));
    after && before
}

fn whole_seconds(ts: &str) -> u64 {
    ts.parse::<f64>().map_or(0, |seconds| (seconds * 1e6) as u64)
}

fn history(state: &State, args: &Args) -> Outcome {
    let channel = readable(state, args)?;
    let in_channel = |m: &&Message| m.thread_ts.is_none() || m.broadcast;
    let messages = state.chat.messages(channel).rev().filter(in_channel);
    let messages = messages.filter(|m| !m.deleted && m.only_for.is_none() && within(m, args));
    let (messages, next) = page(messages.map(|m| shown(m, args)).collect(), args, 100);
    Ok(json!({"messages": messages, "has_more": !next.is_empty(), "response_metadata": {"next_cursor": next}}))
}

fn replies(state: &State, args: &Args) -> Outcome {
    let channel = readable(state, args)?;
    let ts = args.text("ts").ok_or("thread_not_found")?;
    let parent = state.chat.find(channel, ts).ok_or("thread_not_found")?;
    let root = parent.thread_ts.clone().unwrap_or_else(|| ts.to_owned());
    let in_thread = |m: &&Message| m.ts() == root || m.thread_ts.as_deref() == Some(&root);
    let messages = state.chat.messages(channel).filter(in_thread);
    let messages = messages.filter(|m| !m.deleted && m.only_for.is_none() && (m.ts() == root || within(m, args)));
    let (messages, next) = page(messages.map(|m| shown(m, args)).collect(), args, 1000);
    Ok(json!({"messages": messages, "has_more": !next.is_empty(), "response_metadata": {"next_cursor": next}}))
}
