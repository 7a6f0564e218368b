//! One message per answer, also when nobody knows whether Slack has it.

use crate::support::{Exit, HOME, MAYA, NINA, Options, Seed, Trouble, World, tidy, until};
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;

fn hasty() -> Options {
    let env = vec![("DRONEBOT__DELIVERY__RETRY_MIN_MS", "50".into()), ("DRONEBOT__DELIVERY__POLL_MS", "100".into())];
    Options { env, ..Options::default() }
}

/// Slack takes the next post, and its answer is lost.
async fn lose_the_answer(world: &World) {
    world.slack.fault(json!({"api": {"method": "chat.postMessage", "after_effect": true}})).await;
}

#[actix_web::test]
async fn an_answer_in_a_thread_whose_receipt_was_lost_is_found_and_not_posted_again() {
    let mut world = World::with(hasty()).await;
    lose_the_answer(&world).await;
    let ts = world.says(NINA, "general", "@drone ping").await;
    world.slack.final_answer("general", NINA, Some(&ts), 0).await;
    until("it is looked for", async || world.slack.calls("conversations.replies").await > 0).await;
    world.rests().await;
    let answers = world.answers("general", NINA, 0).await;
    assert_eq!(answers.len(), 1, "{answers:?}");
    assert_eq!(world.slack.calls("chat.postMessage").await, 1);
}

#[actix_web::test]
async fn an_answer_in_a_direct_message_whose_receipt_was_lost_is_found_too() {
    let mut world = World::with(hasty()).await;
    lose_the_answer(&world).await;
    world.says(NINA, "dm", "ping").await;
    world.slack.final_answer("dm", NINA, None, 0).await;
    until("it is looked for", async || world.slack.calls("conversations.history").await > 0).await;
    world.rests().await;
    let answers = world.answers("dm", NINA, 0).await;
    assert_eq!(answers.len(), 1, "{answers:?}");
}

#[actix_web::test]
async fn a_bot_killed_before_it_heard_that_slack_has_the_answer_does_not_post_it_again() {
    let mut world = World::with(hasty()).await;
    // Slack takes the post, and its answer is on its way for longer than the bot lives
    world.slack.fault(json!({"api": {"method": "chat.postMessage", "after_effect": true}})).await;
    world.slack.fault(json!({"api": {"method": "conversations.replies", "hang_ms": 20_000}})).await;
    let ts = world.says(NINA, "general", "@drone ping").await;
    world.slack.final_answer("general", NINA, Some(&ts), 0).await;
    world.kill_bot();
    world.slack.heal().await;
    world.wake().await;
    until("it is looked for", async || world.slack.calls("conversations.replies").await > 0).await;
    world.rests().await;
    let answers = world.answers("general", NINA, 0).await;
    assert_eq!(answers.len(), 1, "{answers:?}");
    assert_eq!(world.slack.calls("chat.postMessage").await, 1);
}

#[actix_web::test]
async fn an_answer_that_was_on_its_way_when_the_bot_was_told_to_end_is_not_posted_again() {
    let mut options = Options { slack_proxy: true, ..hasty() };
    options.env.push(("DRONEBOT__SHUTDOWN__DRAIN_SECONDS", "1".into()));
    let mut world = World::with(options).await;
    let slack = Arc::clone(world.web_api.as_ref().expect("a proxy"));
    slack.break_next("chat.postMessage", Trouble::LoseAnswer, 1);
    let ts = world.says(NINA, "general", "@drone ping").await;
    world.slack.final_answer("general", NINA, Some(&ts), 0).await;
    let bot = world.bot.take().expect("the bot runs");
    assert_eq!(bot.terminate().await, Exit::Code(0), "{}", world.log());
    let counted = |what: &str| world.count(what);
    assert_eq!(counted("SELECT count(*) FROM letters WHERE unsure"), 1, "nobody heard whether Slack has it");
    assert_eq!(counted("SELECT count(*) FROM requests WHERE attempts > 0"), 0, "it was no death");
    world.wake().await;
    until("it is looked for", async || world.slack.calls("conversations.replies").await > 0).await;
    world.rests().await;
    let answers = world.answers("general", NINA, 0).await;
    assert_eq!(answers.len(), 1, "{answers:?}");
    assert_eq!(world.slack.calls("chat.postMessage").await, 1);
}

#[actix_web::test]
async fn progress_whose_receipt_was_lost_becomes_the_answer() {
    let mut world = World::with(Options { lag: Duration::from_secs(86_400), ..hasty() }).await;
    world.fleet(&[Seed { region: HOME, name: "web-1", kind: "t3.micro", stopped: false, tags: &[] }]).await;
    lose_the_answer(&world).await;
    let ts = world.says(MAYA, "ops", "@drone ec2 stop web-1").await;
    let progress = world.slack.hears("ops", MAYA, "⏳", 0).await;
    until("it is looked for", async || world.slack.calls("conversations.replies").await > 0).await;
    // it is on its way by then
    world.slack.hears("ops", MAYA, ": stopping", 0).await;
    world.aws.arrive();
    let answer = world.slack.final_answer("ops", MAYA, Some(&ts), 0).await;
    assert_eq!(answer.ts, progress.ts);
    world.rests().await;
    assert_eq!(world.slack.from_bot("ops", MAYA, 0).await.len(), 1);
}

#[actix_web::test]
async fn where_it_may_not_look_it_posts_again_rather_than_never() {
    let world = World::with(hasty()).await;
    let scopes = "app_mentions:read,chat:write,commands,im:history,im:write,usergroups:read,users:read";
    world.slack.post("settings", json!({"scopes": scopes.split(',').collect::<Vec<_>>()})).await;
    // the post is lost on the way, and nobody can tell
    world.slack.fault(json!({"api": {"method": "chat.postMessage", "drop": true}})).await;
    let ts = world.says(NINA, "general", "@drone ping").await;
    let answer = world.slack.final_answer("general", NINA, Some(&ts), 0).await;
    assert!(tidy(&answer.text).starts_with("Pong."), "{}", answer.text);
    world.ends_clean().await;
}
