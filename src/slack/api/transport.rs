//! One POST: bounded as a whole, its answer read to the end, and on failure whether it can have reached Slack.

use super::super::connector::Http;
use super::super::network::Drops;
use super::super::proxy::Proxy;
use awc::error::{ConnectError, SendRequestError};
use awc::http::Uri;
use awc::http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use bytes::Bytes;
use futures_util::future::LocalBoxFuture;
use secrecy::{ExposeSecret, SecretString};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::Instant;

/// The longest answer that is read; users.info and usergroups.list are the largest.
const BODY_LIMIT: usize = 8 * 1024 * 1024;

/// What is sent.
pub(crate) enum Content {
    Json(Vec<u8>),
    Form(String),
    Bytes(Vec<u8>),
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) retry_after: Option<Duration>,
    /// The scopes of the token, from the header.
    pub(crate) scopes: Option<String>,
    /// The sender's clock, from the header.
    pub(crate) date: Option<jiff::Timestamp>,
    pub(crate) body: Bytes,
}

/// What carries a call to Slack.
pub(crate) trait Wire {
    /// Posts, and reads the whole answer, within `timeout`.
    fn post<'a>(
        &'a self,
        url: &'a str,
        authorization: Option<&'a HeaderValue>,
        content: Content,
        timeout: Duration,
    ) -> LocalBoxFuture<'a, Result<Answer, CallError>>;
}

impl Wire for Transport {
    fn post<'a>(
        &'a self,
        url: &'a str,
        authorization: Option<&'a HeaderValue>,
        content: Content,
        timeout: Duration,
    ) -> LocalBoxFuture<'a, Result<Answer, CallError>> {
        Box::pin(Transport::post(self, url, authorization, content, timeout))
    }
}

/// Why nothing came back. `code` is a word; `detail` may name a host, never a path or a token.
#[derive(Debug)]
pub(crate) enum CallError {
    /// Slack cannot have seen it.
    NotSent { code: &'static str, detail: String },
    /// Slack may have seen it.
    Lost { code: &'static str },
}

/// The connections of one thread for short calls.
pub(crate) struct Transport {
    http: Http,
    permits: Semaphore,
    keep_alive: bool,
}

impl Transport {
    /// Connections, at most so many, each made within the time given, and kept for the next call or not.
    pub(crate) fn new(proxy: Arc<Proxy>, connections: usize, connect_timeout: Duration, keep_alive: bool) -> Self {
        // awc's own limit is off: a call that waits for a free connection has not been sent, and must know that
        let http = Http::new(proxy, 0, connect_timeout, Drops::Abruptly);
        Self { http, permits: Semaphore::new(connections.max(1)), keep_alive }
    }

    /// Posts, and reads the whole answer, within `timeout`.
    pub(crate) async fn post(
        &self,
        url: &str,
        authorization: Option<&HeaderValue>,
        content: Content,
        timeout: Duration,
    ) -> Result<Answer, CallError> {
        let deadline = Instant::now() + timeout;
        let Ok(uri) = Uri::try_from(url) else {
            return Err(CallError::NotSent { code: "invalid_url", detail: String::new() });
        };
        let permit = tokio::time::timeout_at(deadline, self.permits.acquire()).await;
        let Ok(Ok(_permit)) = permit else {
            return Err(CallError::NotSent { code: "busy", detail: "no free connection".to_owned() });
        };
        match tokio::time::timeout_at(deadline, self.exchange(uri, authorization, content)).await {
            Ok(result) => result,
            Err(_) => Err(CallError::Lost { code: "timeout" }),
        }
    }

    async fn exchange(
        &self,
        uri: Uri,
        authorization: Option<&HeaderValue>,
        content: Content,
    ) -> Result<Answer, CallError> {
        let client =
            self.http.client(&uri).map_err(|error| CallError::NotSent { code: "tls", detail: error.to_string() })?;
        let mut request = client.post(uri);
        if let Some(authorization) = authorization {
            request = request.insert_header((AUTHORIZATION, authorization.clone()));
        }
        let (kind, body) = match content {
            Content::Json(body) => ("application/json; charset=utf-8", Bytes::from(body)),
            Content::Form(body) => ("application/x-www-form-urlencoded", Bytes::from(body)),
            Content::Bytes(body) => ("application/octet-stream", Bytes::from(body)),
        };
        let request = request.insert_header((CONTENT_TYPE, HeaderValue::from_static(kind)));
        let request = if self.keep_alive { request } else { request.force_close() };
        let response = request.send_body(body).await.map_err(|error| classify(&error))?;
        // awc has a limit of its own for bodies, 5 s; the whole call is bounded by `post`
        let mut response = response.timeout(Duration::from_secs(3600));
        let status = response.status().as_u16();
        let retry_after = response.headers().get(RETRY_AFTER).and_then(seconds);
        let header = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok());
        let scopes = header("x-oauth-scopes").map(str::to_owned);
        let date = header("date").and_then(|date| jiff::fmt::rfc2822::parse(date).ok()).map(|date| date.timestamp());
        let body = response.body().limit(BODY_LIMIT).await;
        match body {
            Ok(body) => Ok(Answer { status, retry_after, scopes, date, body }),
            // the head alone says enough of a refusal
            Err(_) if status >= 300 => Ok(Answer { status, retry_after, scopes, date, body: Bytes::new() }),
            Err(_) => Err(CallError::Lost { code: "connection_lost" }),
        }
    }
}

/// `Authorization: Bearer …`, marked so that no debug output shows it.
pub(crate) fn bearer(token: &SecretString) -> HeaderValue {
    let value = HeaderValue::from_str(&format!("Bearer {}", token.expose_secret()));
    let mut value = value.unwrap_or_else(|_| HeaderValue::from_static("Bearer"));
    value.set_sensitive(true);
    value
}

fn seconds(value: &HeaderValue) -> Option<Duration> {
    let seconds: f64 = value.to_str().ok()?.trim().parse().ok()?;
    // an hour is more than Slack ever asks for; a typo must not silence the bot for days
    Duration::try_from_secs_f64(seconds).ok().map(|wait| wait.min(Duration::from_secs(3600)))
}

fn classify(error: &SendRequestError) -> CallError {
    match error {
        SendRequestError::Connect(ConnectError::Disconnected) => CallError::Lost { code: "connection_lost" },
        SendRequestError::Connect(_) => CallError::NotSent { code: "connect", detail: describe(error) },
        SendRequestError::Url(_) | SendRequestError::Http(_) => {
            CallError::NotSent { code: "invalid_url", detail: String::new() }
        }
        SendRequestError::Timeout => CallError::Lost { code: "timeout" },
        SendRequestError::Response(_) => CallError::Lost { code: "not_http" },
        _ => CallError::Lost { code: "connection_lost" },
    }
}

/// A failure in words for the log: the kind and the system's own text, never an address with a query.
pub(crate) fn describe(error: &SendRequestError) -> String {
    match error {
        SendRequestError::Url(_) | SendRequestError::Http(_) => "the address is not valid".to_owned(),
        SendRequestError::Connect(ConnectError::Timeout) => "connecting took too long".to_owned(),
        SendRequestError::Connect(ConnectError::Disconnected) => {
            "the connection was closed without an answer".to_owned()
        }
        SendRequestError::Connect(ConnectError::Io(error)) => format!("cannot connect: {error}"),
        SendRequestError::Connect(ConnectError::Unresolved | ConnectError::NoRecords) => "no such host".to_owned(),
        SendRequestError::Connect(ConnectError::Resolver(_)) => "the host's name cannot be resolved".to_owned(),
        SendRequestError::Connect(_) => "cannot connect".to_owned(),
        SendRequestError::Send(error) => format!("cannot send: {error}"),
        SendRequestError::Response(_) => "the answer is not HTTP".to_owned(),
        SendRequestError::Timeout => "no answer in time".to_owned(),
        _ => "the request failed".to_owned(),
    }
}
