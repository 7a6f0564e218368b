//! The Web API: `/api/<method>`. Checks the token, meets faults and rate limits, runs the method, logs the call.

mod chat;
mod directory;
pub mod files;
mod person;
mod request;
mod views;

use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::{Value, json};

use crate::clock;
use crate::faults::ApiFault;
use crate::limits::{self, ApiError, Place};
use crate::people::{APP, BOT_ID, BOT_USER, TEAM};
use crate::state::{Call, Sandbox, State};
use crate::wire::Wire;

pub use request::Args;

/// An answer before it is sent.
pub struct Answer {
    status: u16,
    retry_after: Option<u64>,
    body: Value,
}

impl Answer {
    fn ok(mut body: Value) -> Self {
        body["ok"] = json!(true);
        Answer { status: 200, retry_after: None, body }
    }

    fn error(error: &ApiError) -> Self {
        let mut body = json!({"ok": false, "error": error.code});
        if !error.messages.is_empty() {
            body["errors"] = json!(error.messages);
            body["response_metadata"] = json!({"messages": error.messages});
        }
        Answer { status: 200, retry_after: None, body }
    }

    fn text(status: u16, words: String) -> Self {
        Answer { status, retry_after: None, body: json!(words) }
    }

    fn limited(seconds: u64) -> Self {
        Answer { status: 429, retry_after: Some(seconds), body: json!({"ok": false, "error": "ratelimited"}) }
    }
}

/// Why a method did not answer with data.
pub enum Refusal {
    /// Slack's error.
    Error(ApiError),
    /// Too many calls; seconds to wait.
    Limited(u64),
}

impl From<ApiError> for Refusal {
    fn from(error: ApiError) -> Self {
        Refusal::Error(error)
    }
}

impl From<&'static str> for Refusal {
    fn from(code: &'static str) -> Self {
        Refusal::Error(code.into())
    }
}

/// The handler of `/api/{method}`.
pub async fn call(
    request: HttpRequest,
    method: web::Path<String>,
    body: web::Bytes,
    sandbox: web::Data<Sandbox>,
) -> HttpResponse {
    let method = method.into_inner();
    let args = Args::of_method(&method, &request, &body);
    let fault = sandbox.lock().faults.take_api(&method);
    serve(&request, &sandbox, fault, &method, &args, |state| {
        let host = request.connection_info().host().to_owned();
        run(state, &method, &args, &host)
    })
    .await
}

/// Runs `work` under the fault that meets the call, and logs it.
pub async fn serve(
    request: &HttpRequest,
    sandbox: &Sandbox,
    fault: Option<ApiFault>,
    method: &str,
    args: &Args,
    work: impl FnOnce(&mut State) -> Answer,
) -> HttpResponse {
    let at = clock::micros();
    if let Some(wait) = fault.as_ref().and_then(|f| f.hang_ms) {
        tokio::time::sleep(Duration::from_millis(wait)).await;
    }
    let replaced = fault.as_ref().filter(|f| f.replaces() && !f.after_effect);
    let drop = fault.as_ref().is_some_and(|f| f.after_effect || f.drop);
    let mut state = sandbox.lock();
    let answer = match replaced {
        Some(fault) => faulty(fault),
        None => work(&mut state),
    };
    let status = if drop { 0 } else { answer.status };
    let text = answer.body.as_str().map_or_else(|| answer.body.to_string(), str::to_owned);
    let response = answer.body;
    state.log.push(Call { method: method.to_owned(), args: args.shown(), at, status, response, number: 0 });
    let token = Headers::of(&state, method, args);
    std::mem::drop(state);
    if drop {
        Wire::of(request).cut();
    }
    token.on(respond(answer.status, answer.retry_after, text))
}

/// What every answer of the Web API says beside its body.
struct Headers {
    granted: String,
    accepted: Option<&'static str>,
    date: Option<String>,
}

impl Headers {
    fn of(state: &State, method: &str, args: &Args) -> Self {
        let app_level = method == "apps.connections.open";
        let accepted = if app_level { Some("connections:write") } else { limits::scope(method, place(state, args)) };
        let granted = if app_level { state.app_scopes.clone() } else { state.scopes.clone() };
        let skewed = (state.clock_skew_s != 0).then(|| clock::http_date(state.clock_skew_s));
        Headers { granted, accepted, date: skewed }
    }

    fn on(self, mut response: HttpResponse) -> HttpResponse {
        let mut set = |name: &'static str, value: &str| {
            if let Ok(value) = HeaderValue::from_str(value) {
                response.headers_mut().insert(HeaderName::from_static(name), value);
            }
        };
        set("x-oauth-scopes", &self.granted);
        if let Some(accepted) = self.accepted {
            set("x-accepted-oauth-scopes", accepted);
        }
        if let Some(date) = self.date {
            set("date", &date);
        }
        response
    }
}

/// A short answer of something that is no method.
fn respond_to(status: u16, words: &str) -> HttpResponse {
    respond(status, None, words.to_owned())
}

fn respond(status: u16, retry_after: Option<u64>, text: String) -> HttpResponse {
    let mut response = HttpResponse::build(StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR));
    if let Some(seconds) = retry_after {
        response.insert_header(("Retry-After", seconds.to_string()));
    }
    let kind = if text.starts_with('{') { "application/json; charset=utf-8" } else { "text/html" };
    response.content_type(kind).body(text)
}

fn faulty(fault: &ApiFault) -> Answer {
    if let Some(text) = &fault.non_json {
        let text = text.as_str().unwrap_or("<html>Slack is having trouble</html>");
        return Answer { status: fault.status.unwrap_or(200), retry_after: None, body: json!(text) };
    }
    let status = fault.status.unwrap_or(if fault.retry_after.is_some() { 429 } else { 200 });
    let error = fault.error.as_deref().unwrap_or(if status == 429 { "ratelimited" } else { "internal_error" });
    Answer { status, retry_after: fault.retry_after, body: json!({"ok": false, "error": error}) }
}

fn run(state: &mut State, method: &str, args: &Args, host: &str) -> Answer {
    let person = args.token().and_then(|token| person::of_token(state, token));
    if let (None, Err(code)) = (&person, authorize(state, method, args)) {
        return Answer::error(&code.into());
    }
    if person.is_none()
        && let Some(answer) = missing_scope(state, method, args)
    {
        return answer;
    }
    if state.options.rate_limits
        && let Err(seconds) = state.limits.call(method)
    {
        return Answer::limited(seconds);
    }
    let result = match (method, &person) {
        (_, Some(user)) => person::run(state, method, args, user),
        ("apps.connections.open", None) => Ok(open_connection(state, host)),
        ("auth.test", None) => Ok(auth_test(state)),
        ("api.test", None) => Ok(json!({"args": args.shown()})),
        _ => match chat::run(state, method, args)
            .or_else(|| directory::run(state, method, args))
            .or_else(|| views::run(state, method, args))
            .or_else(|| files::run(state, method, args))
        {
            Some(result) => result,
            None => Err("unknown_method".into()),
        },
    };
    match result {
        Ok(body) => Answer::ok(body),
        Err(Refusal::Error(error)) => Answer::error(&error),
        Err(Refusal::Limited(seconds)) => Answer::limited(seconds),
    }
}

/// What kind of channel a call is about.
fn place(state: &State, args: &Args) -> Place {
    let channel = args.text("channel").and_then(|id| state.directory.channel(id));
    match channel {
        Some(channel) if channel.dm_with.is_some() => Place::Direct,
        Some(channel) if channel.private => Place::Private,
        _ => Place::Public,
    }
}

/// Whether the token lacks what the method needs.
fn missing_scope(state: &State, method: &str, args: &Args) -> Option<Answer> {
    let (needed, provided) = match method {
        "apps.connections.open" => ("connections:write", &state.app_scopes),
        _ => (limits::scope(method, place(state, args))?, &state.scopes),
    };
    if provided.split(',').any(|scope| scope == needed) {
        return None;
    }
    let body = json!({"ok": false, "error": "missing_scope", "needed": needed, "provided": provided});
    Some(Answer { status: 200, retry_after: None, body })
}

fn authorize(state: &State, method: &str, args: &Args) -> Result<(), &'static str> {
    if method == "api.test" {
        return Ok(());
    }
    let options = &state.options;
    let app_level = method == "apps.connections.open";
    let token = if app_level { args.header_token() } else { args.token() };
    let Some(token) = token else { return Err("not_authed") };
    let (right, other) =
        if app_level { (&options.app_token, &options.bot_token) } else { (&options.bot_token, &options.app_token) };
    if token == right {
        Ok(())
    } else if token == other {
        Err("not_allowed_token_type")
    } else {
        Err("invalid_auth")
    }
}

fn open_connection(state: &mut State, host: &str) -> Value {
    state.options.base_url = format!("http://{host}");
    let ticket = state.hub.ticket();
    json!({"url": format!("ws://{host}/link/?ticket={ticket}&app_id={APP}")})
}

fn auth_test(state: &State) -> Value {
    let mut answer = json!({
        "url": format!("{}/", state.options.base_url), "team": "Sandbox", "user": "drone", "team_id": TEAM, "user_id": BOT_USER,
        "bot_id": BOT_ID, "app_id": APP, "app_name": "Dronebot", "is_enterprise_install": false,
    });
    state.grid.auth(&mut answer);
    answer
}

/// The handler of response URLs: `/commands/T…/…/…` and `/actions/T…/…/…`.
pub async fn response_url(
    request: HttpRequest,
    path: web::Path<(String, String, String)>,
    body: web::Bytes,
    sandbox: web::Data<Sandbox>,
) -> HttpResponse {
    let (_, _, secret) = path.into_inner();
    let args = Args::read(&request, &body);
    let plain = request.path().starts_with("/commands/");
    let fault = sandbox.lock().faults.take_api("response_url");
    serve(&request, &sandbox, fault, "response_url", &args, |state| {
        match state.answer(&secret, args.value(), "response_url") {
            Ok(()) if plain => Answer { status: 200, retry_after: None, body: json!("ok") },
            Ok(()) => Answer::ok(json!({})),
            Err(Refusal::Limited(seconds)) => Answer::limited(seconds),
            Err(Refusal::Error(error)) => {
                let gone = matches!(error.code, "used_url" | "expired_url");
                Answer { status: if gone { 404 } else { 400 }, ..Answer::error(&error) }
            }
        }
    })
    .await
}
