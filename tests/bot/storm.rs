//! A storm of commands through the whole bot, against a Slack that limits its rates.

use crate::support::{MAYA, NINA, OMAR, Options, VERA, World, until};
use futures_util::future::join_all;
use serde_json::json;
use std::collections::BTreeMap;

/// Commands in all, and the channels over which they are spread: Slack takes one message a second in each.
const MANY: usize = 240;
const CHANNELS: usize = 30;

// failure 29, failure 30
#[actix_web::test]
async fn a_storm_of_mentions_is_answered_once_each_in_its_thread_and_slack_says_too_many_to_nothing() {
    let env = vec![
        ("DRONEBOT__LOG__FILTER", "info".to_owned()),
        // the workspace's ceiling is not what is looked at here: Slack's own is higher in the sandbox
        ("DRONEBOT__SLACK__PACING__POSTS_PER_MINUTE", "3000".to_owned()),
        // nor is the share of one person: these four ask what sixty would
        ("DRONEBOT__EXECUTION__MAX_OPEN_EACH", MANY.to_string()),
    ];
    let world = World::with(Options { rate_limits: true, env, ..Options::default() }).await;
    let people = [MAYA, OMAR, VERA, NINA];
    let channels: Vec<String> = (0..CHANNELS).map(|number| format!("storm-{number}")).collect();
    let slack = &world.slack;
    join_all(channels.iter().map(|name| async move {
        slack.post("channel", json!({"name": name, "members": people, "has_bot": true})).await;
    }))
    .await;
    let asked = join_all((0..MANY).map(|number| {
        let (who, channel) = (people[number % people.len()], &channels[number % CHANNELS]);
        let world = &world;
        async move { (channel.clone(), world.says(who, channel, "@drone ping").await) }
    }))
    .await;

    // meanwhile somebody asks elsewhere, for herself alone
    let quick = tokio::time::Instant::now();
    assert!(world.asks_in(MAYA, "general", "ping").await.text.starts_with("Pong"));
    assert!(quick.elapsed().as_secs() < 5, "{:?}", quick.elapsed());

    let all = async || {
        let said = join_all(channels.iter().map(|channel| world.answers(channel, MAYA, 0))).await;
        said.concat()
    };
    until("everybody is answered", async || all().await.len() >= MANY).await;
    let mut answers = BTreeMap::<(String, String), usize>::new();
    for message in all().await {
        *answers.entry((message.channel, message.thread_ts.expect("a thread"))).or_default() += 1;
    }
    assert_eq!(answers.len(), asked.len());
    assert!(answers.values().all(|count| *count == 1), "one answer in each thread");
    let posts = world.slack.log("chat.postMessage").await;
    let refused = posts.iter().filter(|call| call["status"] == 429).count();
    assert_eq!((posts.len(), refused), (MANY, 0));
    assert_eq!(world.slack.calls("users.info").await, people.len() as u64, "each person is looked up once");
    assert_eq!(world.slack.calls("auth.test").await, 1);
    assert!(world.slack.calls("usergroups.users.list").await <= 2);
    world.ends_clean().await;
}
