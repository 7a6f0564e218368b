//! The control API, by which tests and the page are people and break things. JSON in and out, no authentication.
//!
//! People are named by id or handle (`UMAYA`, `maya`), channels by id, name or `dm` (`COPS`, `#ops`, `ops`, `dm`: the direct
//! conversation of `user` with the bot). Every answer has `ok`; where it is false, `error` says why (HTTP 400). A `cursor` is
//! the number of a change: it only grows, over resets too.
//!
//! | route | asks | answers |
//! |---|---|---|
//! | `GET /health` | | `{ok, connections}` |
//! | `GET /control/state` | | `{cursor, connections, pending, ghosts, settings, users, groups, channels, team_id, bot_user_id, …}` |
//! | `POST /control/say` | `{user, channel, text, thread_ts?, raw?, smart?}` | `{ts, channel, envelope_id?, event_id?, cursor}` |
//! | `POST /control/edit` | `{user, channel, ts, text, raw?, smart?}` | `{envelope_id?, event_id?}` |
//! | `POST /control/delete` | `{user, channel, ts}` | `{envelope_id?, event_id?}` |
//! | `POST /control/slash` | `{user, channel, command?, text}` | `{envelope_id, trigger_id, response_url, connection, channel}` |
//! | `POST /control/click` | `{user, channel, ts, action_id}`, in a modal or Home `{user, view_id, action_id}` | the same |
//! | `GET /control/views` | `user` | `{views: [{id, title, blocks, state, errors, failed, stack_depth, …}], home}`: the modal on top last |
//! | `GET /control/files` | | `{files: [{id, name, title, size, mimetype, channel, thread_ts, content, …}]}`: `content` as text |
//! | `POST /control/submit` | `{user, view_id?, values: {block_id: text \| [texts] \| true}}` | the same as click: the modal on top, or `view_id` |
//! | `POST /control/close_view` | `{user, view_id?}` | `{envelope_id?}` where the modal has `notify_on_close` |
//! | `POST /control/open_home` | `{user, tab?: "home" \| "messages"}` | `{envelope_id, event_id}` of app_home_opened |
//! | `POST /control/shortcut` | `{user, callback_id, channel?, ts?}` | the same as click: on a message, or global |
//! | `GET /control/messages` | `channel? user? since? thread_ts? limit?` | `{messages, cursor}`, oldest first |
//! | `GET /control/wait` | `channel? user? from? contains? thread_ts? ephemeral? ts? after? timeout_ms?` | `{message, cursor}`, or after `timeout_ms` (5000) HTTP 408 `{error: "timeout", latest}` |
//! | `GET /control/changes` | `user? since timeout_ms?` | `{messages, cursor, connections, views, home}` as soon as anything is newer than `since` |
//! | `GET /control/log` | `method? since? contains? limit? count_only?` | `{calls: [{n, method, args, time, status, response}], counts, total}` |
//! | `GET /control/acks` | `envelope_id? limit?` | `{acks: [{envelope_id, event_id, type, latency_ms, payload, connection, time, ignored, size}], pending, count}` |
//! | `GET /control/connections` | | `{connections: [{id, ready, delivered, acked, pings, pongs, answered, …}], ghosts}` |
//! | `POST /control/envelope` | `{connection?, text? \| json? \| binary? \| fragments? \| raw_hex? \| ping?}` | `{connection}` |
//! | `POST /control/event` | `{event, channel?}` or `{payload}` | `{envelope_id, connection}`: any event, acked and redelivered as all are |
//! | `POST /control/redeliver` | `{event_id \| envelope_id, identical?}` | `{envelope_id, connection}` |
//! | `POST /control/fault` | see [`faults`] | `{armed}` |
//! | `POST /control/faults/clear` | | `{}`: disarms the switches of calls and new connections, and thaws links |
//! | `POST /control/settings` | `{rate_limits?, channel_messages?, ack_timeout_ms?, trigger_ms?: how long a trigger opens a modal, retry_after_ms?: [pauses before an event comes again], ping_ms?, should_escape?, scopes?: [granted], app_scopes?, clock_skew_s?, grid?: "off" \| "workspace" \| "organisation"}` | `{settings}` |
//! | `POST /control/tokens` | `{app?, bot?}` | `{}`: other tokens are right from now on, as after a rotation |
//! | `POST /control/user` | `{name, id?, real_name?, team_id?, is_restricted?, is_stranger?, deleted?, groups?, …}` | `{user}` |
//! | `POST /control/group` | `{handle, id?, users, disabled?}` | `{group}` |
//! | `POST /control/channel` | `{name, id?, members?, has_bot?, archived?, private?, shared?: with another organisation}` | `{channel}` |
//! | `POST /control/reset` | `{connections?: true}` | `{cursor}`: the seeded workspace again; with `connections` every link is cut |
//!
//! In `messages`, a message is `{channel, ts, user, bot_id, text, blocks, attachments, thread_ts, ephemeral, only_for, edits,
//! history: [{text, blocks, until}], deleted, reply_count, broadcast, reactions, metadata, files, via, cursor}`. `user` asks for what this
//! person sees; without it everything is shown. `via` is how it came: `say`, `slash`, `ack`, `response_url`,
//! `chat.postMessage`, `chat.postEphemeral`, `slackbot`.

mod act;
mod faults;
mod tokens;
mod views;
mod watch;
mod world;

use actix_web::web::{self, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse, http::StatusCode};
use serde_json::{Value, json};

use crate::hub::{Cargo, Envelope};

/// An answer of the control API.
type Reply = Result<Value, String>;

/// Answers with `ok`, as HTTP 200 or 400.
fn reply(result: Reply) -> HttpResponse {
    match result {
        Ok(mut body) => {
            body["ok"] = json!(true);
            HttpResponse::Ok().json(body)
        }
        Err(error) => HttpResponse::build(StatusCode::BAD_REQUEST).json(json!({"ok": false, "error": error})),
    }
}

/// The ids of a sent envelope, as answers show them.
fn sent(envelope: Option<&Envelope>) -> Value {
    let Some(envelope) = envelope else { return json!({"envelope_id": null, "event_id": null}) };
    let event_id = match &envelope.cargo {
        Cargo::Event { event_id, .. } => Some(event_id),
        _ => None,
    };
    json!({"envelope_id": envelope.id, "event_id": event_id, "connection": envelope.link})
}

/// What a malformed body gets.
pub fn bad_json(error: actix_web::error::JsonPayloadError, _: &HttpRequest) -> actix_web::Error {
    let response = reply(Err(error.to_string()));
    actix_web::error::InternalError::from_response(error, response).into()
}

/// What a wrong query string gets.
pub fn bad_query(error: actix_web::error::QueryPayloadError, _: &HttpRequest) -> actix_web::Error {
    let response = reply(Err(error.to_string()));
    actix_web::error::InternalError::from_response(error, response).into()
}

/// Adds the routes.
pub fn routes(config: &mut ServiceConfig) {
    config
        .route("/health", web::get().to(world::health))
        .route("/control/state", web::get().to(world::state))
        .route("/control/settings", web::post().to(world::settings))
        .route("/control/tokens", web::post().to(tokens::rotate))
        .route("/control/user", web::post().to(world::user))
        .route("/control/group", web::post().to(world::group))
        .route("/control/channel", web::post().to(world::channel))
        .route("/control/reset", web::post().to(world::reset))
        .route("/control/say", web::post().to(act::say))
        .route("/control/edit", web::post().to(act::edit))
        .route("/control/delete", web::post().to(act::delete))
        .route("/control/slash", web::post().to(act::slash))
        .route("/control/click", web::post().to(act::click))
        .route("/control/views", web::get().to(views::views))
        .route("/control/files", web::get().to(views::files))
        .route("/control/submit", web::post().to(views::submit))
        .route("/control/close_view", web::post().to(views::close))
        .route("/control/open_home", web::post().to(views::open_home))
        .route("/control/shortcut", web::post().to(views::shortcut))
        .route("/control/messages", web::get().to(watch::messages))
        .route("/control/wait", web::get().to(watch::wait))
        .route("/control/changes", web::get().to(watch::changes))
        .route("/control/log", web::get().to(watch::log))
        .route("/control/acks", web::get().to(watch::acks))
        .route("/control/connections", web::get().to(watch::connections))
        .route("/control/envelope", web::post().to(faults::envelope))
        .route("/control/event", web::post().to(faults::event))
        .route("/control/redeliver", web::post().to(faults::redeliver))
        .route("/control/fault", web::post().to(faults::fault))
        .route("/control/faults/clear", web::post().to(faults::clear));
}
