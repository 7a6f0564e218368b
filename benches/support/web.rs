//! What the Slack of the benchmarks hears over HTTP: the few Web API methods that the bot calls, and response_urls. Beside
//! them an EC2 that lists three instances.

use super::book::{Answer, Trouble};
use super::ec2;
use super::lines;
use super::slack::Slack;
use actix_web::web::{Bytes, Data, Path, ServiceConfig, post};
use actix_web::{HttpRequest, HttpResponse, rt};
use serde_json::{Value, json};
use std::time::Duration;

pub(super) fn routes(config: &mut ServiceConfig) {
    config
        .route("/commands/{team}/{number}/{secret}", post().to(respond))
        .route("/aws", post().to(ec2::answer))
        .route("/aws/", post().to(ec2::answer))
        .route("/api/{method}", post().to(api));
}

async fn respond(path: Path<(String, usize, String)>, body: Bytes, slack: Data<Slack>) -> HttpResponse {
    let (_, number, _) = path.into_inner();
    let (book, text) = (slack.book(), String::from_utf8_lossy(&body));
    book.called("response_url");
    let trouble = slack.next_trouble("respond");
    if trouble.is_some() {
        book.hurt(number, trouble);
    }
    match trouble {
        Some(Trouble::Unavailable) => return HttpResponse::ServiceUnavailable().finish(),
        Some(Trouble::TooMany(seconds)) => {
            book.hurt_all_for(Duration::from_secs(seconds + 2));
            return HttpResponse::TooManyRequests().insert_header(("Retry-After", seconds.to_string())).finish();
        }
        Some(Trouble::Hang(time)) => rt::time::sleep(time).await,
        Some(Trouble::Lose) | None => {}
    }
    let replaces = text.contains("\"replace_original\":true");
    book.answered(number, slack.line(number).text, &Answer { text: &text, replaces });
    // what stands between the bot and Slack may say anything
    HttpResponse::Ok().body(if matches!(trouble, Some(Trouble::Lose)) { "<html></html>" } else { "ok" })
}

async fn api(request: HttpRequest, body: Bytes, slack: Data<Slack>) -> HttpResponse {
    let (book, method) = (slack.book(), request.match_info().query("method"));
    let text = String::from_utf8_lossy(&body);
    book.called(method);
    let trouble = slack.next_trouble(method);
    let thread = || serde_json::from_str::<Value>(&text).ok()?["thread_ts"].as_str().and_then(lines::number_of);
    if let (Some(_), "chat.postMessage", Some(number)) = (trouble, method, thread()) {
        book.hurt(number, trouble);
    }
    match trouble {
        Some(Trouble::Unavailable) => return HttpResponse::ServiceUnavailable().finish(),
        Some(Trouble::TooMany(seconds)) => {
            book.hurt_all_for(Duration::from_secs(seconds + 2));
            return HttpResponse::TooManyRequests().insert_header(("Retry-After", seconds.to_string())).finish();
        }
        Some(Trouble::Hang(time)) => {
            if method != "chat.postMessage" {
                book.hurt_all_for(time + Duration::from_secs(1));
            }
            rt::time::sleep(time).await;
        }
        Some(Trouble::Lose) | None => {}
    }
    let answer = answer(&slack, method, &body, &text);
    match trouble {
        Some(Trouble::Lose) => HttpResponse::Ok().content_type("text/html").body("<html></html>"),
        _ => HttpResponse::Ok().content_type("application/json").body(answer.to_string()),
    }
}

fn answer(slack: &Slack, method: &str, body: &[u8], text: &str) -> Value {
    match method {
        "apps.connections.open" => {
            let socket = slack.base().replace("http:", "ws:");
            json!({"ok": true, "url": format!("{socket}/link?ticket=t&app_id=A0DRONE4OPS")})
        }
        "auth.test" => {
            json!({"ok": true, "team_id": lines::TEAM, "user_id": "UBOT", "bot_id": "B1", "user": "drone", "team": "t"})
        }
        "users.info" => {
            let user = field(body, "user");
            json!({"ok": true, "user": {"id": user, "team_id": lines::TEAM, "name": "maya", "profile": {"display_name": "Maya"}}})
        }
        "conversations.info" => json!({"ok": true, "channel": {"id": field(body, "channel"), "is_ext_shared": false}}),
        "chat.postMessage" => post_message(slack, text),
        "conversations.replies" => replies(slack, &field(body, "ts")),
        "chat.update" => {
            let message: Value = serde_json::from_str(text).unwrap_or_default();
            json!({"ok": true, "channel": message["channel"], "ts": message["ts"]})
        }
        _ => json!({"ok": true, "users": []}),
    }
}

/// The value of a field of a form.
pub(super) fn field(form: &[u8], name: &str) -> String {
    let found = url::form_urlencoded::parse(form).find(|(key, _)| key == name);
    found.map(|(_, value)| value.into_owned()).unwrap_or_default()
}

/// A message comes into its thread.
fn post_message(slack: &Slack, text: &str) -> Value {
    let message: Value = serde_json::from_str(text).unwrap_or_default();
    let number = message["thread_ts"].as_str().and_then(lines::number_of);
    let ts = slack.book().posted(number, &message["metadata"]);
    if let Some(number) = number {
        slack.book().answered(number, slack.line(number).text, &Answer { text, replaces: false });
    }
    json!({"ok": true, "channel": message["channel"], "ts": ts})
}

fn replies(slack: &Slack, thread: &str) -> Value {
    let found = slack.book().thread(lines::number_of(thread));
    let messages: Vec<Value> =
        found.into_iter().map(|(ts, metadata)| json!({"ts": ts, "metadata": metadata})).collect();
    json!({"ok": true, "messages": messages})
}
