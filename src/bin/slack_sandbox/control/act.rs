//! What people do.

use actix_web::{HttpResponse, web};
use serde::Deserialize;
use serde_json::json;

use super::{reply, sent};
use crate::actions::{Saying, Sent};
use crate::state::Sandbox;

/// A typed message or edit.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Say {
    user: String,
    channel: String,
    text: String,
    thread_ts: Option<String>,
    ts: Option<String>,
    #[serde(default)]
    raw: bool,
    #[serde(default)]
    smart: bool,
}

impl Say {
    fn saying(&self) -> Saying<'_> {
        Saying { text: &self.text, thread_ts: self.thread_ts.clone(), raw: self.raw, smart: self.smart }
    }
}

/// `POST /control/say`
pub async fn say(asked: web::Json<Say>, sandbox: web::Data<Sandbox>) -> HttpResponse {
    let mut state = sandbox.lock();
    let said = state.say(&asked.user, &asked.channel, asked.saying()).map_err(str::to_owned);
    reply(said.map(|(message, channel, envelope)| {
        let mut answer = sent(envelope.as_ref());
        answer["ts"] = json!(message.ts());
        answer["channel"] = json!(channel);
        answer["cursor"] = json!(message.cursor);
        answer
    }))
}

/// `POST /control/edit`
pub async fn edit(asked: web::Json<Say>, sandbox: web::Data<Sandbox>) -> HttpResponse {
    let mut state = sandbox.lock();
    let ts = asked.ts.as_deref().unwrap_or_default();
    let edited = state.edit_own(&asked.user, &asked.channel, ts, &asked.saying());
    reply(edited.map(|envelope| sent(envelope.as_ref())).map_err(str::to_owned))
}

/// A message to delete.
#[derive(Debug, Deserialize)]
pub struct Delete {
    user: String,
    channel: String,
    ts: String,
}

/// `POST /control/delete`
pub async fn delete(asked: web::Json<Delete>, sandbox: web::Data<Sandbox>) -> HttpResponse {
    let deleted = sandbox.lock().delete_own(&asked.user, &asked.channel, &asked.ts);
    reply(deleted.map(|envelope| sent(envelope.as_ref())).map_err(str::to_owned))
}

/// A typed slash command.
#[derive(Debug, Deserialize)]
pub struct Slash {
    user: String,
    channel: String,
    command: Option<String>,
    #[serde(default)]
    text: String,
}

pub(super) fn handed<E: Into<String>>(result: Result<Sent, E>) -> HttpResponse {
    reply(result.map_err(Into::into).map(|done| {
        let mut answer = sent(Some(&done.envelope));
        answer["trigger_id"] = json!(done.trigger_id);
        answer["response_url"] = json!(done.response_url);
        answer
    }))
}

/// `POST /control/slash`
pub async fn slash(asked: web::Json<Slash>, sandbox: web::Data<Sandbox>) -> HttpResponse {
    let command = asked.command.as_deref().unwrap_or("/drone");
    handed(sandbox.lock().slash(&asked.user, &asked.channel, command, &asked.text))
}

/// A pressed button.
#[derive(Debug, Deserialize)]
pub struct Click {
    user: String,
    channel: Option<String>,
    ts: Option<String>,
    view_id: Option<String>,
    action_id: String,
}

/// `POST /control/click`
pub async fn click(asked: web::Json<Click>, sandbox: web::Data<Sandbox>) -> HttpResponse {
    let mut state = sandbox.lock();
    match (&asked.view_id, &asked.channel, &asked.ts) {
        (Some(view), ..) => handed(state.click_view(&asked.user, view, &asked.action_id)),
        (None, Some(channel), Some(ts)) => handed(state.click(&asked.user, channel, ts, &asked.action_id)),
        _ => reply(Err("channel and ts, or view_id".to_owned())),
    }
}
