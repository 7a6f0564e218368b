//! What people see, what the bot did, and waiting for either.

use std::time::Duration;

use actix_web::{HttpResponse, web};
use serde::Deserialize;
use serde_json::{Value, json};

use super::reply;
use crate::chat::Message;
use crate::clock::Instant;
use crate::hub::{Ack, Link};
use crate::people::BOT_USER;
use crate::state::{Call, Sandbox, State};

/// Which messages are asked for.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wanted {
    channel: Option<String>,
    user: Option<String>,
    from: Option<String>,
    contains: Option<String>,
    thread_ts: Option<String>,
    ephemeral: Option<bool>,
    ts: Option<String>,
    #[serde(alias = "since", default)]
    after: u64,
    limit: Option<usize>,
    timeout_ms: Option<u64>,
}

/// The question with names resolved.
struct Filter {
    channel: Option<String>,
    user: Option<String>,
    from: Option<String>,
}

impl Wanted {
    fn resolve(&self, state: &State) -> Result<Filter, String> {
        let find = |who: &Option<String>| match who {
            Some(who) => state
                .directory
                .find_user(who)
                .map(|u| Some(u.id.clone()))
                .ok_or_else(|| format!("user_not_found: {who}")),
            None => Ok(None),
        };
        let user = find(&self.user)?;
        let from = match self.from.as_deref() {
            Some("bot") => Some(BOT_USER.to_owned()),
            Some("slackbot") => Some("USLACKBOT".to_owned()),
            _ => find(&self.from)?,
        };
        let channel = match &self.channel {
            Some(place) => {
                let room = state.directory.find_channel(place, user.as_deref());
                Some(room.map(|c| c.id.clone()).ok_or_else(|| format!("channel_not_found: {place}"))?)
            }
            None => None,
        };
        Ok(Filter { channel, user, from })
    }

    fn matches(&self, filter: &Filter, state: &State, channel: &str, message: &Message) -> bool {
        let member = |user: &String| state.directory.channel(channel).is_some_and(|c| c.has(user));
        let in_thread = |ts: &String| message.thread_ts.as_ref() == Some(ts) || message.ts() == *ts;
        filter.channel.as_deref().is_none_or(|wanted| wanted == channel)
            && message.visible_to(filter.user.as_deref())
            && filter.user.as_ref().is_none_or(member)
            && filter.from.as_ref().is_none_or(|from| *from == message.user)
            && self.ephemeral.is_none_or(|wanted| wanted == message.only_for.is_some())
            && self.ts.as_ref().is_none_or(|ts| message.ts() == *ts)
            && self.thread_ts.as_ref().is_none_or(in_thread)
            && self.contains.as_ref().is_none_or(|words| contains(message, words))
    }
}

/// Whether the words stand in the text or anywhere in the blocks.
fn contains(message: &Message, words: &str) -> bool {
    fn within(value: &Value, words: &str) -> bool {
        match value {
            Value::String(text) => text.contains(words),
            Value::Array(list) => list.iter().any(|v| within(v, words)),
            Value::Object(map) => map.values().any(|v| within(v, words)),
            _ => false,
        }
    }
    message.text.contains(words) || message.blocks.as_ref().is_some_and(|blocks| within(blocks, words))
}

fn collect(state: &State, wanted: &Wanted) -> Result<Vec<Value>, String> {
    let filter = wanted.resolve(state)?;
    let found = state.chat.since(wanted.after).into_iter().filter(|(c, m)| wanted.matches(&filter, state, c, m));
    let mut found: Vec<(&str, &Message)> = found.collect();
    found.sort_by_key(|(_, message)| message.micros);
    let skip = found.len().saturating_sub(wanted.limit.unwrap_or(500));
    Ok(found.into_iter().skip(skip).map(|(channel, message)| message.control(channel)).collect())
}

/// `GET /control/messages`
pub async fn messages(wanted: web::Query<Wanted>, sandbox: web::Data<Sandbox>) -> HttpResponse {
    let state = sandbox.lock();
    reply(collect(&state, &wanted).map(|messages| json!({"messages": messages, "cursor": state.chat.cursor()})))
}

/// Repeats `look` at every change until it finds something or the time is up.
async fn until<T>(sandbox: &Sandbox, timeout: Duration, mut look: impl FnMut(&State) -> Option<T>) -> Option<T> {
    let deadline = Instant::now() + timeout;
    let mut bell = sandbox.lock().chat.listen();
    loop {
        bell.borrow_and_update();
        if let Some(found) = look(&sandbox.lock()) {
            return Some(found);
        }
        match tokio::time::timeout_at(deadline, bell.changed()).await {
            Ok(Ok(())) => {}
            _ => return None,
        }
    }
}

/// `GET /control/wait`
pub async fn wait(wanted: web::Query<Wanted>, sandbox: web::Data<Sandbox>) -> HttpResponse {
    let timeout = Duration::from_millis(wanted.timeout_ms.unwrap_or(5000));
    let mut seen = wanted.after;
    let found = until(&sandbox, timeout, |state| {
        let filter = match wanted.resolve(state) {
            Ok(filter) => filter,
            Err(error) => return Some(Err(error)),
        };
        let newer = state.chat.since(seen);
        let found = newer.iter().find(|(c, m)| !m.deleted && wanted.matches(&filter, state, c, m));
        let found =
            found.map(|(channel, message)| Ok(json!({"message": message.control(channel), "cursor": message.cursor})));
        seen = state.chat.cursor();
        found
    })
    .await;
    if let Some(found) = found {
        return reply(found);
    }
    let state = sandbox.lock();
    let all = Wanted {
        from: None,
        contains: None,
        ts: None,
        thread_ts: None,
        ephemeral: None,
        after: 0,
        limit: Some(5),
        timeout_ms: None,
        channel: wanted.channel.clone(),
        user: wanted.user.clone(),
    };
    let latest = collect(&state, &all).unwrap_or_default();
    HttpResponse::RequestTimeout()
        .json(json!({"ok": false, "error": "timeout", "latest": latest, "cursor": state.chat.cursor()}))
}

fn links(state: &State) -> Vec<Value> {
    state.hub.links.iter().map(Link::json).collect()
}

/// `GET /control/changes`
pub async fn changes(wanted: web::Query<Wanted>, sandbox: web::Data<Sandbox>) -> HttpResponse {
    let timeout = Duration::from_millis(wanted.timeout_ms.unwrap_or(25_000));
    until(&sandbox, timeout, |state| (state.chat.cursor() > wanted.after).then_some(())).await;
    let state = sandbox.lock();
    let user = wanted.user.as_deref().and_then(|user| state.directory.find_user(user)).map(|user| user.id.clone());
    let (views, home) = user.map_or((Vec::new(), Value::Null), |user| super::views::shown(&state, &user));
    reply(collect(&state, &wanted).map(|messages| {
        json!({"messages": messages, "cursor": state.chat.cursor(), "connections": links(&state), "views": views, "home": home})
    }))
}

/// Which calls are asked for.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Calls {
    method: Option<String>,
    #[serde(default)]
    since: u64,
    contains: Option<String>,
    limit: Option<usize>,
    #[serde(default)]
    count_only: bool,
}

/// `GET /control/log`
pub async fn log(wanted: web::Query<Calls>, sandbox: web::Data<Sandbox>) -> HttpResponse {
    let state = sandbox.lock();
    let is_wanted = |call: &&Call| {
        call.number > wanted.since
            && wanted.method.as_ref().is_none_or(|method| *method == call.method)
            && wanted.contains.as_ref().is_none_or(|words| call.args.to_string().contains(words))
    };
    let calls: Vec<&Call> = state.log.calls.iter().filter(is_wanted).collect();
    let skip = calls.len().saturating_sub(if wanted.count_only { 0 } else { wanted.limit.unwrap_or(500) });
    let total = calls.len();
    let shown: Vec<Value> = calls.into_iter().skip(skip).map(Call::json).collect();
    reply(Ok(json!({"calls": shown, "counts": state.log.counts, "total": total})))
}

/// Which acks are asked for.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Acks {
    envelope_id: Option<String>,
    limit: Option<usize>,
}

/// `GET /control/acks`
pub async fn acks(wanted: web::Query<Acks>, sandbox: web::Data<Sandbox>) -> HttpResponse {
    let state = sandbox.lock();
    let is_wanted = |ack: &&Ack| wanted.envelope_id.as_ref().is_none_or(|id| *id == ack.envelope_id);
    let newest_first = state.hub.acks.iter().rev().filter(is_wanted).take(wanted.limit.unwrap_or(500));
    let mut shown: Vec<Value> = newest_first.map(Ack::json).collect();
    shown.reverse();
    let pending: Vec<&String> = state.hub.pending().map(|e| &e.id).collect();
    reply(Ok(json!({"acks": shown, "pending": pending, "count": state.hub.ack_count})))
}

/// `GET /control/connections`
pub async fn connections(sandbox: web::Data<Sandbox>) -> HttpResponse {
    let state = sandbox.lock();
    reply(Ok(json!({"connections": links(&state), "ghosts": state.hub.ghosts})))
}
