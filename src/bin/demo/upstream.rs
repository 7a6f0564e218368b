//! What is behind the proxy.

use super::{Control, now};
use actix_web::HttpRequest;
use actix_web::http::StatusCode;
use actix_web::web::Bytes;
use std::time::Duration;

/// Where that is.
pub struct Upstream {
    pub url: String,
    /// Whose calls these are to Moto.
    pub account: Option<String>,
}

/// Hands a call on. `None` where there is no answer.
pub async fn ask(request: &HttpRequest, body: Bytes, upstream: &Upstream) -> Option<(StatusCode, String, String)> {
    thread_local! {
        static CLIENT: awc::Client = awc::Client::builder().timeout(Duration::from_secs(60)).finish();
    }
    let url = format!("{}{}", upstream.url, request.uri());
    let mut ask = CLIENT.with(|client| client.request(request.method().clone(), url));
    for (name, value) in request.headers() {
        if name != "host" && name != "content-length" && name != "connection" {
            ask = ask.insert_header((name.clone(), value.clone()));
        }
    }
    if let Some(account) = &upstream.account {
        ask = ask.insert_header(("x-moto-account-id", account.as_str()));
    }
    let mut answer = ask.send_body(body).await.ok()?;
    let kind =
        answer.headers().get("content-type").and_then(|kind| kind.to_str().ok()).unwrap_or("text/xml").to_owned();
    let bytes = answer.body().limit(16 << 20).await.ok()?;
    Some((answer.status(), kind, String::from_utf8_lossy(&bytes).into_owned()))
}

/// A call to ECS or ECR: what happens over time is played, the rest is Moto's.
pub async fn container(
    request: &HttpRequest,
    action: &str,
    body: Bytes,
    control: &Control,
    upstream: &Upstream,
) -> Option<(StatusCode, String, String)> {
    let asked = serde_json::from_slice(&body).unwrap_or_default();
    if let Some(answer) = control.rollouts.answer(action, &asked, now()) {
        let kind = "application/x-amz-json-1.1".to_owned();
        return Some((StatusCode::OK, kind, answer.to_string()));
    }
    let (status, kind, said) = ask(request, body, upstream).await?;
    let lag = *control.lag.lock();
    match serde_json::from_str(&said) {
        Ok(answer) if status.is_success() => {
            let answer = control.rollouts.complete(action, &asked, answer, lag, now());
            Some((status, kind, answer.to_string()))
        }
        _ => Some((status, kind, said)),
    }
}
