//! What people do at the sandbox: say, type, press, fill in.

use crate::load::{Asked, Kind, Way, presser};
use crate::support::Message;
use serde_json::{Value, json};
use std::time::Duration;
use tokio::time::Instant;

/// Between two looks for a form.
const LOOK: Duration = Duration::from_millis(150);

/// How long the sandbox may take for anything that it does at once.
const SANDBOX: Duration = Duration::from_secs(30);

/// A person gives a command, and does what it leads to; what was asked in all.
pub async fn act(slack: &str, mut asked: Asked, patience: Duration) -> Vec<Asked> {
    asked.sent = send_one(slack, &asked).await;
    if asked.way == Way::Mention {
        asked.thread = asked.sent["ts"].as_str().map(str::to_owned);
    }
    match &asked.kind {
        Kind::NoTarget(id) => {
            let id = id.clone();
            fill_in(slack, asked, &id, patience).await
        }
        Kind::List => {
            let answer = await_answer(slack, &asked, cursor(&asked), patience).await;
            let pressed = match answer {
                Some(answer) => press(slack, &asked, &answer, patience).await,
                None => None,
            };
            std::iter::once(asked).chain(pressed).collect()
        }
        _ => {
            await_answer(slack, &asked, cursor(&asked), patience).await;
            vec![asked]
        }
    }
}

fn cursor(asked: &Asked) -> u64 {
    asked.sent["cursor"].as_u64().unwrap_or_default()
}

async fn send_one(slack: &str, asked: &Asked) -> Value {
    let Asked { user, channel, text, .. } = asked;
    match asked.way {
        Way::Slash => {
            post(slack, "slash", &json!({"user": user, "channel": channel, "command": "/drone", "text": text})).await
        }
        Way::Direct => post(slack, "say", &json!({"user": user, "channel": "dm", "text": text})).await,
        _ => post(slack, "say", &json!({"user": user, "channel": channel, "text": format!("@drone {text}")})).await,
    }
}

/// The form that comes in place of an answer is filled in and sent.
async fn fill_in(slack: &str, mut asked: Asked, id: &str, patience: Duration) -> Vec<Asked> {
    let begun = Instant::now();
    while begun.elapsed() < patience && !asked.opened {
        tokio::time::sleep(LOOK).await;
        asked.opened = !modals(slack, &asked.user).await.is_empty();
    }
    if !asked.opened {
        return vec![asked];
    }
    let line = format!("{} {id}", asked.text);
    let mut form = Asked::new(Way::Form, Kind::Change(id.to_owned()), &asked.user, &asked.channel, &line);
    form.needs_approval = asked.needs_approval;
    form.sent = post(slack, "submit", &json!({"user": asked.user, "values": {"target": id}})).await;
    await_answer(slack, &form, 0, patience).await;
    vec![asked, form]
}

/// Somebody else presses a button of the answer, where it has that button.
async fn press(slack: &str, asked: &Asked, answer: &Message, patience: Duration) -> Option<Asked> {
    let action = action(answer, "Next page")?;
    let user = presser(asked);
    let mut page = Asked::new(Way::Press, Kind::Page, &user, &asked.channel, &format!("{} --page 2", asked.text));
    page.thread.clone_from(&asked.thread);
    let press = json!({"user": user, "channel": asked.channel, "ts": answer.ts, "action_id": action});
    page.sent = post(slack, "click", &press).await;
    await_answer(slack, &page, answer.cursor, patience).await;
    Some(page)
}

/// The `action_id` of a button with these words, if the message has it.
pub fn action(message: &Message, label: &str) -> Option<String> {
    let blocks = message.blocks.as_array().into_iter().flatten();
    let mut elements = blocks.filter_map(|block| block["elements"].as_array()).flatten();
    let button = elements.find(|element| element["type"] == "button" && element["text"]["text"] == label)?;
    button["action_id"].as_str().map(str::to_owned)
}

/// A POST of the control API; what it answers, also where it refuses.
pub async fn post(slack: &str, path: &str, body: &Value) -> Value {
    let client = awc::Client::builder().timeout(SANDBOX).finish();
    let mut answer = client.post(format!("{slack}/control/{path}")).send_json(body).await.expect("the sandbox answers");
    answer.json().limit(64 << 20).await.expect("JSON")
}

/// The modals that this person sees.
pub async fn modals(slack: &str, user: &str) -> Vec<Value> {
    let client = awc::Client::builder().timeout(SANDBOX).finish();
    let query = client.get(format!("{slack}/control/views")).query(&[("user", user)]).expect("a query");
    let mut answer = query.send().await.expect("the sandbox answers");
    let answer: Value = answer.json().limit(16 << 20).await.expect("JSON");
    answer["views"].as_array().cloned().unwrap_or_default()
}

/// As a person does: until the bot says something later than this, or for as long as it is worth it.
async fn await_answer(slack: &str, asked: &Asked, since: u64, patience: Duration) -> Option<Message> {
    let (left, after) = (patience.as_millis().to_string(), since.to_string());
    let channel = if asked.way == Way::Direct { "dm" } else { &asked.channel };
    let mut query = vec![("from", "bot"), ("channel", channel), ("timeout_ms", &left), ("after", &after)];
    match asked.way {
        Way::Mention | Way::Press => query.extend(asked.thread.as_deref().map(|ts| ("thread_ts", ts))),
        Way::Slash | Way::Form => query.extend([("user", asked.user.as_str()), ("ephemeral", "true")]),
        Way::Direct => query.push(("user", &asked.user)),
    }
    let client = awc::Client::builder().timeout(patience + SANDBOX).finish();
    let wait = client.get(format!("{slack}/control/wait")).query(&query).expect("a query");
    // whether it came is counted at the end
    let answer: Value = wait.send().await.ok()?.json().limit(16 << 20).await.ok()?;
    serde_json::from_value(answer["message"].clone()).ok()
}
