//! Tokens that are kept in files or in AWS: by reference, and rotated while the bot runs.

use crate::support::{Exit, HOME, OMAR, Options, World, fleet, until};
use serde_json::json;
use std::fs;

/// A bot whose tokens are said elsewhere than in its environment.
fn elsewhere(more: &[(&'static str, &str)]) -> Options {
    let mut env = vec![
        ("DRONEBOT__SLACK__APP_TOKEN", String::new()),
        ("DRONEBOT__SLACK__BOT_TOKEN", String::new()),
        ("DRONEBOT__SLACK__TOKEN_REFRESH_SECONDS", "1".to_owned()),
        ("DRONEBOT__SLACK__BACKOFF_MIN_SECONDS", "0.1".to_owned()),
    ];
    for (key, value) in more {
        env.retain(|(known, _)| known != key);
        env.push((key, (*value).to_owned()));
    }
    Options { env, asleep: true, ..Options::default() }
}

async fn parameter(world: &World, name: &str, value: &str) {
    let client = aws_sdk_ssm::Client::new(&fleet::sdk(&world.aws_url, HOME).await);
    let put = client.put_parameter().name(name).value(value).overwrite(true);
    put.r#type(aws_sdk_ssm::types::ParameterType::SecureString).send().await.expect("Moto keeps it");
}

async fn secret(world: &World, id: &str, value: &str) {
    let client = aws_sdk_secretsmanager::Client::new(&fleet::sdk(&world.aws_url, HOME).await);
    if client.create_secret().name(id).secret_string(value).send().await.is_err() {
        client.put_secret_value().secret_id(id).secret_string(value).send().await.expect("Moto keeps it");
    }
}

/// Breaks every link, and waits until all are new.
async fn redial(world: &World) {
    let old = world.slack.links().await;
    for link in &old {
        world.slack.fault(json!({"socket": "reset", "connection": link})).await;
    }
    until("every link is a new one", async || {
        let links = world.slack.links().await;
        links.len() >= old.len() && links.iter().all(|link| !old.contains(link))
    })
    .await;
}

async fn until_rotated(world: &World, times: usize) {
    until("the new token is in force", async || world.log().matches("the new one is in force").count() >= times).await;
}

#[actix_web::test]
async fn a_token_rotated_in_its_file_is_taken_up_without_a_restart() {
    let folder = tempfile::tempdir().expect("a folder");
    let (app, bot) = (folder.path().join("app"), folder.path().join("bot"));
    fs::write(&app, "xapp-sandbox\n").expect("written");
    fs::write(&bot, "xoxb-sandbox\n").expect("written");
    let mut world = World::with(elsewhere(&[
        ("DRONEBOT__SLACK__APP_TOKEN_FILE", app.to_str().expect("text")),
        ("DRONEBOT__SLACK__BOT_TOKEN_FILE", bot.to_str().expect("text")),
    ]))
    .await;
    world.wake().await;
    let pid = world.bot().pid();
    world.still_works().await;
    world.slack.post("tokens", json!({"app": "xapp-second", "bot": "xoxb-second"})).await;
    fs::write(&app, "xapp-second").expect("written");
    fs::write(&bot, "xoxb-second").expect("written");
    until_rotated(&world, 2).await;
    let ts = world.says(OMAR, "general", "@drone ping").await;
    world.slack.final_answer("general", OMAR, Some(&ts), 0).await;
    // every link is dialled anew, with the new app-level token
    redial(&world).await;
    world.bot().ready().await;
    world.still_works().await;
    assert_eq!(world.bot().pid(), pid);
    for secret in ["xapp-second", "xoxb-second"] {
        assert!(!world.log().contains(secret), "a token stands in the log");
    }
    world.ends_clean().await;
}

#[actix_web::test]
async fn a_token_that_slack_refuses_before_its_successor_is_there_is_waited_for() {
    let folder = tempfile::tempdir().expect("a folder");
    let app = folder.path().join("app");
    fs::write(&app, "xapp-sandbox").expect("written");
    let mut world = World::with(elsewhere(&[
        ("DRONEBOT__SLACK__APP_TOKEN_FILE", app.to_str().expect("text")),
        ("DRONEBOT__SLACK__BOT_TOKEN", "xoxb-sandbox"),
    ]))
    .await;
    world.wake().await;
    let pid = world.bot().pid();
    world.slack.post("tokens", json!({"app": "xapp-second"})).await;
    world.slack.post("reset", json!({"connections": true})).await;
    until("slack refuses the old one", async || world.log().contains("slack refuses the app token")).await;
    fs::write(&app, "xapp-second").expect("written");
    world.bot().ready().await;
    assert_eq!(world.bot().pid(), pid);
    world.still_works().await;
    world.ends_clean().await;
}

#[actix_web::test]
async fn tokens_by_reference_are_read_from_aws_at_the_start_and_again_when_they_are_rotated() {
    let mut world = World::with(elsewhere(&[
        ("DRONEBOT__SLACK__APP_TOKEN", "secretsmanager:drone/slack#app_token"),
        ("DRONEBOT__SLACK__BOT_TOKEN", "ssm:/drone/bot-token"),
    ]))
    .await;
    secret(&world, "drone/slack", &json!({"app_token": "xapp-sandbox", "other": 1}).to_string()).await;
    parameter(&world, "/drone/bot-token", "xoxb-sandbox").await;
    world.wake().await;
    world.still_works().await;
    world.slack.post("tokens", json!({"app": "xapp-second", "bot": "xoxb-second"})).await;
    secret(&world, "drone/slack", &json!({"app_token": "xapp-second"}).to_string()).await;
    parameter(&world, "/drone/bot-token", "xoxb-second").await;
    until_rotated(&world, 2).await;
    redial(&world).await;
    world.bot().ready().await;
    world.still_works().await;
    for secret in ["xapp-", "xoxb-"] {
        assert!(!world.log().contains(secret), "a token stands in the log");
    }
    world.ends_clean().await;
}

#[actix_web::test]
async fn a_reference_to_nothing_ends_the_bot_with_what_to_do() {
    let mut world = World::with(elsewhere(&[
        ("DRONEBOT__SLACK__APP_TOKEN", "xapp-sandbox"),
        ("DRONEBOT__SLACK__BOT_TOKEN", "ssm:/drone/nothing"),
    ]))
    .await;
    world.start_bot();
    assert_eq!(world.bot().exit().await, Exit::Code(78), "{}", world.log());
    let log = world.log();
    let last = log.lines().last().expect("a line");
    assert!(last.contains("slack.bot_token: ssm:/drone/nothing cannot be read"), "{last}");
    assert!(last.contains("check its name, the region"), "{last}");
    // another kind of token in the right place is no better
    parameter(&world, "/drone/nothing", "xapp-oops").await;
    world.bot = None;
    world.start_bot();
    assert_eq!(world.bot().exit().await, Exit::Code(78), "{}", world.log());
    let log = world.log();
    let last = log.lines().last().expect("a line");
    assert!(last.contains("slack.bot_token must be a token that starts with `xoxb-`"), "{last}");
    assert!(!last.contains("oops"), "{last}");
}
