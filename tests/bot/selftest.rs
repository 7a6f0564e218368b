//! The self-test: what asks whether a deployed version answers in Slack. A post in a person's name cannot ask that, and the
//! signed door can; it opens for nobody else, for nothing else, and once.

use crate::support::{LEASE, MAYA, Options, World, run, until};
use ring::hmac;
use serde_json::{Value, json};

const SECRET: &str = "a secret that is made for these tests alone";

fn with_door(lease: Option<u32>) -> Options {
    let env = [("DRONEBOT__SELFTEST__SECRET", SECRET), ("DRONEBOT__SELFTEST__CHANNEL", "COPS")];
    Options { env: env.map(|(key, value)| (key, value.to_owned())).into(), lease, ..Options::default() }
}

/// The headers of a call that is signed now.
fn signed(nonce: &str, secret: &str) -> [(&'static str, String); 3] {
    let now = dronebot::clock::system().now().as_second();
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let tag = hmac::sign(&key, format!("dronebot-selftest:v1:{now}:{nonce}").as_bytes());
    let digits: String = tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    [
        ("x-dronebot-timestamp", now.to_string()),
        ("x-dronebot-nonce", nonce.to_owned()),
        ("x-dronebot-signature", format!("v1={digits}")),
    ]
}

/// Asks the bot that listens there.
async fn ask(health: &str, headers: &[(&'static str, String)]) -> (u16, Value) {
    let mut call = awc::Client::new().post(format!("{health}/selftest"));
    for (name, value) in headers {
        call = call.insert_header((*name, value.as_str()));
    }
    let mut answer = call.send().await.expect("it answers");
    let body = answer.body().await.expect("a body");
    (answer.status().as_u16(), serde_json::from_slice(&body).unwrap_or(Value::Null))
}

/// What stands in #ops of this self-test.
async fn posted(world: &World, request: &Value) -> Vec<Value> {
    let (_, seen) = world.slack.get("messages", &[("channel", "ops")]).await;
    let messages = seen["messages"].as_array().cloned().expect("messages");
    let is_of = |message: &Value| message["metadata"]["event_payload"]["request"] == *request;
    messages.into_iter().filter(is_of).collect()
}

#[actix_web::test]
async fn a_signed_self_test_travels_the_whole_walk_and_is_posted_once() {
    let mut world = World::with(with_door(None)).await;
    let health = world.bot().address();
    let headers = signed("the-first-self-test", SECRET);
    let (status, taken) = ask(&health, &headers).await;
    assert_eq!((status, &taken["channel"]), (202, &json!("COPS")), "{taken}");
    let request = taken["request"].clone();
    until("its answer is in the channel", async || !posted(&world, &request).await.is_empty()).await;
    let answers = posted(&world, &request).await;
    let said = answers[0]["text"].as_str().expect("a text");
    let named = format!("Pong, as self-test {}: I am 0.1.0 (revision ", request.as_str().expect("an id"));
    assert!(said.starts_with(&named), "{said}");
    // the same call again is no other self-test
    let (status, again) = ask(&health, &headers).await;
    assert_eq!(status, 409, "{again}");
    assert!(again["error"].as_str().expect("words").contains(request.as_str().expect("an id")), "{again}");

    for (headers, what) in [
        (signed("another-self-test", "another secret, which is as long as the first"), "of somebody else"),
        (
            [("x-dronebot-nonce", "another-self-test".to_owned()), headers[0].clone(), headers[2].clone()],
            "of another call",
        ),
        (signed("short", SECRET), "with a short nonce"),
    ] {
        assert_eq!(ask(&health, &headers).await.0, 401, "{what}");
    }
    assert_eq!(ask(&health, &[]).await.0, 401);
    assert_eq!(world.bot().metric("dronebot_requests_total", &["selftest", "unsigned"]).await, Some(4.0));
    assert_eq!(world.bot().metric("dronebot_requests_total", &["selftest", "accepted"]).await, Some(1.0));
    assert_eq!(posted(&world, &request).await.len(), 1);
    let log = world.log();
    assert!(log.contains("self-test accepted") && !log.contains(SECRET) && !log.contains(&headers[2].1), "{log}");
    world.ends_clean().await;
}

#[actix_web::test]
async fn a_self_test_is_known_again_by_another_replica() {
    let mut world = World::with(with_door(Some(LEASE))).await;
    let first = world.bot().address();
    world.one_more().await;
    let second = world.others[0].address();
    let headers = signed("a-self-test-for-one", SECRET);
    let (status, taken) = ask(&first, &headers).await;
    assert_eq!(status, 202, "{taken}");
    assert_eq!(ask(&second, &headers).await.0, 409);
    until("it is answered", async || !posted(&world, &taken["request"]).await.is_empty()).await;
    let (status, other) = ask(&second, &signed("a-self-test-for-two", SECRET)).await;
    assert_eq!(status, 202, "{other}");
    until("that one is too", async || !posted(&world, &other["request"]).await.is_empty()).await;
    assert_eq!(posted(&world, &taken["request"]).await.len(), 1);
    world.ends_clean().await;
}

#[actix_web::test]
async fn without_a_secret_there_is_no_such_door() {
    let mut world = World::new().await;
    let health = world.bot().address();
    assert_eq!(ask(&health, &signed("a-self-test-for-nobody", SECRET)).await.0, 404);
    world.ends_clean().await;
    let tokens = [("DRONEBOT__SLACK__APP_TOKEN", "xapp-1"), ("DRONEBOT__SLACK__BOT_TOKEN", "xoxb-1")];
    let given = |more: (&'static str, &'static str)| run(&["check-config"], &[tokens[0], tokens[1], more]);
    for more in [("DRONEBOT__SELFTEST__SECRET", SECRET), ("DRONEBOT__SELFTEST__CHANNEL", "COPS")] {
        let half = given(more);
        let said = String::from_utf8_lossy(&half.stderr).into_owned();
        assert!(half.status.code() == Some(78) && said.contains("selftest.channel"), "{said}");
        assert!(!said.contains(SECRET), "{said}");
    }
}

#[actix_web::test]
async fn what_a_program_posts_in_a_persons_name_is_not_answered() {
    let mut world = World::new().await;
    let post = awc::Client::new().post(format!("{}/api/chat.postMessage", world.slack.url)).bearer_auth("xoxp-UMAYA");
    let mut answer =
        post.send_json(&json!({"channel": "COPS", "text": "<@UDRONE> ping"})).await.expect("Slack answers");
    let sent: Value = answer.json().await.expect("JSON");
    assert_eq!((&sent["ok"], &sent["message"]["user"]), (&json!(true), &json!(MAYA)), "{sent}");
    let bot = world.bot();
    until("it is ignored", async || {
        bot.metric("dronebot_envelopes_ignored_total", &["bot_message"]).await == Some(1.0)
    })
    .await;
    // what she types herself is answered, and it alone
    let before = world.slack.cursor().await;
    let ts = world.says(MAYA, "ops", "@drone ping").await;
    world.slack.final_answer("ops", MAYA, Some(&ts), before).await;
    assert_eq!(world.slack.from_bot("ops", MAYA, 0).await.len(), 1);
    world.ends_clean().await;
}
