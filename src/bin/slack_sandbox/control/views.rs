//! What people do with modals, the Home and shortcuts.

use actix_web::{HttpResponse, web};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::act::handed;
use super::{reply, sent};
use crate::state::{Sandbox, State};
use crate::views::View;

/// The person's modals, lowest first, and the Home.
pub fn shown(state: &State, user: &str) -> (Vec<Value>, Value) {
    let stack = state.views.stack(user);
    let views = stack.iter().map(|view| view.control(stack.len())).collect();
    (views, state.views.home(user).map_or(Value::Null, |home: &View| home.control(1)))
}

/// Whose views.
#[derive(Debug, Deserialize)]
pub struct Whose {
    user: String,
}

/// `GET /control/views`
pub async fn views(asked: web::Query<Whose>, sandbox: web::Data<Sandbox>) -> HttpResponse {
    let state = sandbox.lock();
    let Some(user) = state.directory.find_user(&asked.user).map(|user| user.id.clone()) else {
        return reply(Err("user_not_found".to_owned()));
    };
    let (views, home) = shown(&state, &user);
    reply(Ok(json!({"views": views, "home": home, "cursor": state.chat.cursor()})))
}

/// A filled-in modal.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Submit {
    user: String,
    view_id: Option<String>,
    #[serde(default)]
    values: Map<String, Value>,
}

/// `POST /control/submit`
pub async fn submit(asked: web::Json<Submit>, sandbox: web::Data<Sandbox>) -> HttpResponse {
    handed(sandbox.lock().submit(&asked.user, asked.view_id.as_deref(), &asked.values))
}

/// A modal to close.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Close {
    user: String,
    view_id: Option<String>,
}

/// `POST /control/close_view`
pub async fn close(asked: web::Json<Close>, sandbox: web::Data<Sandbox>) -> HttpResponse {
    reply(sandbox.lock().close_view(&asked.user, asked.view_id.as_deref()).map(|envelope| sent(envelope.as_ref())))
}

/// A Home to open.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Open {
    user: String,
    tab: Option<String>,
}

/// `POST /control/open_home`
pub async fn open_home(asked: web::Json<Open>, sandbox: web::Data<Sandbox>) -> HttpResponse {
    let tab = asked.tab.as_deref().unwrap_or("home");
    if !matches!(tab, "home" | "messages") {
        return reply(Err(format!("unknown tab: {tab}")));
    }
    reply(sandbox.lock().open_home(&asked.user, tab).map(|envelope| sent(Some(&envelope))))
}

/// `GET /control/files`
pub async fn files(sandbox: web::Data<Sandbox>) -> HttpResponse {
    let state = sandbox.lock();
    let shown = state.files.complete().map(|file| {
        let mut out = file.json(&state.options.base_url);
        out["content"] = json!(file.content.as_deref().map(String::from_utf8_lossy));
        let share = file.shares.first();
        out["channel"] = json!(share.map(|(channel, ..)| channel));
        out["thread_ts"] = json!(share.and_then(|(.., thread_ts)| thread_ts.as_ref()));
        out["announced_length"] = json!(file.length);
        out
    });
    let files: Vec<Value> = shown.collect();
    reply(Ok(json!({"files": files})))
}

/// A shortcut to use.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shortcut {
    user: String,
    callback_id: String,
    channel: Option<String>,
    ts: Option<String>,
}

/// `POST /control/shortcut`
pub async fn shortcut(asked: web::Json<Shortcut>, sandbox: web::Data<Sandbox>) -> HttpResponse {
    let on = asked.channel.as_deref().zip(asked.ts.as_deref());
    handed(sandbox.lock().shortcut(&asked.user, &asked.callback_id, on))
}
