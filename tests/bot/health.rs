//! What an orchestrator, a monitor and a curious person with curl read.

use crate::support::{Exit, HOME, MAYA, NINA, Options, Seed, Trouble, VERA, World, until};
use serde_json::json;

#[actix_web::test]
async fn the_probes_say_ok_with_no_causes() {
    let mut world = World::new().await;
    for path in ["/livez", "/readyz", "/startupz"] {
        assert_eq!(world.bot().json(path).await, (200, json!({"status": "ok", "causes": []})), "{path}");
    }
    let (status, version) = world.bot().json("/version").await;
    assert_eq!(status, 200);
    assert_eq!(version["version"], env!("CARGO_PKG_VERSION"));
    assert!(version["policy"].as_str().is_some_and(|hash| hash.len() == 12), "{version}");
    let (status, body) = world.bot().probe("/").await.expect("it answers");
    assert!(status == 404 && body.contains("/readyz"), "{body}");
    world.ends_clean().await;
}

#[actix_web::test]
async fn the_metrics_tell_what_was_done() {
    let mut world = World::new().await;
    world.fleet(&[Seed { region: HOME, name: "web-1", kind: "t3.micro", stopped: false, tags: &[] }]).await;
    world.aws.break_next("DescribeInstances", Trouble::Error("UnauthorizedOperation", 403), 1);
    for (who, command) in [
        (MAYA, "ping"),
        (NINA, "ping"),
        (VERA, "ec2 list"),
        (VERA, "ec2 list"),
        (NINA, "ec2 list"),
        (MAYA, "ec2 stpo x"),
    ] {
        world.asks(who, command).await;
    }
    let again = world.slack.tells(NINA, "ops", "@drone ping").await;
    world.slack.final_answer("ops", NINA, again["ts"].as_str(), 0).await;
    let twin = world.slack.redeliver(&again["event_id"], false).await;
    world.slack.acked(&twin).await;

    let bot = world.bot();
    let exactly: &[(&str, &[&str], f64)] = &[
        ("dronebot_commands_total", &["command=\"ping\"", "outcome=\"ok\""], 3.0),
        ("dronebot_commands_total", &["command=\"ec2 list\"", "outcome=\"ok\""], 1.0),
        ("dronebot_commands_total", &["command=\"ec2 list\"", "outcome=\"failed\""], 1.0),
        ("dronebot_commands_total", &["command=\"ec2 list\"", "outcome=\"refused\""], 1.0),
        ("dronebot_commands_total", &["outcome=\"usage\""], 1.0),
        ("dronebot_command_seconds_count", &["command=\"ping\""], 3.0),
        ("dronebot_requests_total", &["source=\"slash_command\"", "result=\"accepted\""], 6.0),
        ("dronebot_requests_total", &["source=\"app_mention\"", "result=\"accepted\""], 1.0),
        ("dronebot_requests_total", &["result=\"duplicate\""], 1.0),
        ("dronebot_slack_acks_total", &["result=\"written\""], 8.0),
        ("dronebot_slack_ack_seconds_count", &[], 8.0),
        ("dronebot_deliveries_total", &["outcome=\"sent\""], 7.0),
        ("dronebot_aws_calls_total", &["operation=\"DescribeInstances\"", "class=\"ok\""], 1.0),
        ("dronebot_actor_restarts", &[], 0.0),
        ("dronebot_ready", &[], 1.0),
        ("dronebot_live", &[], 1.0),
        ("dronebot_store_up", &[], 1.0),
        ("dronebot_link_up", &[], 2.0),
        ("dronebot_build_info", &["policy="], 1.0),
    ];
    for (name, labels, value) in exactly {
        // what is counted after the answer has left may be a moment late
        until(&format!("{name} {labels:?} is {value}"), async || bot.metric(name, labels).await == Some(*value)).await;
    }
    let some = [
        "dronebot_uptime_seconds",
        "dronebot_slack_frames_total",
        "dronebot_slack_api_calls_total",
        "dronebot_slack_api_seconds_count",
        "dronebot_store_commits_total",
        "dronebot_store_commit_seconds_count",
        "dronebot_aws_call_seconds_count",
        "dronebot_link_app_connections",
    ];
    for name in some {
        assert!(bot.metric(name, &[]).await.is_some_and(|value| value > 0.0), "{name}");
    }
    for actor in ["courier", "dispatcher", "slack-0", "slack-1", "aws-worker-0", "health-reporter"] {
        let label = format!("actor=\"{actor}\"");
        assert_eq!(bot.metric("dronebot_actor_up", &[&label]).await, Some(1.0), "{actor}");
    }
    let refused = bot.metric("dronebot_aws_calls_total", &["operation=\"DescribeInstances\""]).await;
    assert!(refused.is_some_and(|calls| calls >= 2.0), "a failed call is counted with its class");
    for queue in ["unfinished requests", "requests in work", "outbox", "letters on their way", "dead letters"] {
        let label = format!("queue=\"{queue}\"");
        until(queue, async || bot.metric("dronebot_queue_depth", &[&label]).await == Some(0.0)).await;
        assert!(bot.metric("dronebot_queue_oldest_seconds", &[&label]).await.is_some(), "{queue}");
    }
    world.ends_clean().await;
}

#[actix_web::test]
async fn an_answer_that_slack_does_not_take_shows_in_the_age_of_the_outbox() {
    let mut world = World::new().await;
    world.slack.fault(json!({"api": {"method": "chat.postMessage", "status": 503, "times": 0}})).await;
    world.says(NINA, "ops", "@drone ping").await;
    let bot = world.bot();
    let outbox = ["queue=\"outbox\""];
    until("one letter waits", async || bot.metric("dronebot_queue_depth", &outbox).await == Some(1.0)).await;
    until("it grows old", async || bot.metric("dronebot_queue_oldest_seconds", &outbox).await > Some(0.5)).await;
    assert!(bot.metric("dronebot_deliveries_total", &["outcome=\"later\""]).await > Some(0.0));
    world.slack.heal().await;
    let bot = world.bot();
    until("it is gone", async || bot.metric("dronebot_queue_depth", &outbox).await == Some(0.0)).await;
    world.ends_clean().await;
}

#[actix_web::test]
async fn probes_answer_under_load() {
    let each = ("DRONEBOT__EXECUTION__MAX_OPEN_EACH", "1000".to_owned());
    let env = vec![("DRONEBOT__LOG__FILTER", "warn".to_owned()), each];
    let mut world = World::with(Options { env, ..Options::default() }).await;
    let texts: Vec<String> = (0..100).map(|number| format!("word{number:03}")).collect();
    let sends = futures_util::future::join_all(texts.iter().map(|text| world.slack.slash(NINA, "ops", text)));
    let probes = async {
        for _ in 0..10 {
            let live = world.bot.as_ref().expect("it runs").probe("/livez").await;
            assert_eq!(live.map(|(status, _)| status), Some(200));
        }
    };
    futures_util::future::join(sends, probes).await;
    until("all are answered", async || world.answers("ops", NINA, 0).await.len() == texts.len()).await;
    let bot = world.bot();
    until("all are counted", async || bot.metric("dronebot_deliveries_total", &["sent"]).await == Some(100.0)).await;
    world.ends_clean().await;
}

fn with_drills() -> Options {
    let env = [
        ("DRONEBOT__SUPERVISION__DRILLS", "true"),
        ("DRONEBOT__SUPERVISION__HUNG_AFTER_SECONDS", "1"),
        ("DRONEBOT__SUPERVISION__STUCK_AFTER_SECONDS", "2"),
    ];
    Options { env: env.map(|(key, value)| (key, value.to_owned())).into(), ..Options::default() }
}

#[actix_web::test]
async fn an_actor_that_is_told_to_panic_or_to_hang_is_back_and_what_was_asked_meanwhile_is_answered() {
    let mut world = World::with(with_drills()).await;
    for (count, (actor, kind, metric)) in [
        ("dispatcher", "panic", "dronebot_actor_panics_total"),
        ("courier", "hang", "dronebot_actor_kills_total"),
        ("aws-worker-1", "panic", "dronebot_actor_panics_total"),
    ]
    .into_iter()
    .enumerate()
    {
        let told = world.bot().drill(actor, kind).await;
        assert_eq!(told, Some((202, format!("{actor} is told to {kind}\n"))));
        let before = world.slack.cursor().await;
        let ts = world.says(NINA, "ops", "@drone ping").await;
        let answer = world.slack.final_answer("ops", NINA, Some(&ts), before).await;
        assert!(answer.text.starts_with("Pong."), "{}", answer.text);
        let label = format!("actor=\"{actor}\"");
        let bot = world.bot();
        until("it failed", async || bot.metric(metric, &[&label]).await == Some(1.0)).await;
        until("it is back", async || bot.metric("dronebot_actor_up", &[&label]).await == Some(1.0)).await;
        let restarts = bot.metric("dronebot_actor_restarts", &[]).await;
        assert_eq!(restarts, Some((count + 1) as f64), "{actor} alone was started again");
    }
    world.ends_clean().await;
}

#[actix_web::test]
async fn a_thread_that_is_told_to_stick_ends_the_process_and_the_next_life_answers() {
    let mut world = World::with(with_drills()).await;
    let told = world.bot().drill("dispatcher", "stick").await;
    assert_eq!(told, Some((202, "dispatcher is told to stick\n".to_owned())));
    let ts = world.says(NINA, "ops", "@drone ping").await;
    assert_eq!(world.bot().exit().await, Exit::Code(73), "{}", world.log());
    assert!(world.log().contains("actor dispatcher has been inside one poll for"), "{}", world.log());
    world.bot = None;
    world.wake().await;
    world.slack.final_answer("ops", NINA, Some(&ts), 0).await;
    world.ends_clean().await;
}

#[actix_web::test]
async fn a_store_whose_writer_is_gone_ends_the_process_and_the_next_life_answers() {
    let mut world = World::with(with_drills()).await;
    let told = world.bot().drill("store-writer", "panic").await;
    assert_eq!(told, Some((202, "store-writer is told to panic\n".to_owned())));
    // nothing can be journalled, so this is not acknowledged, and comes again
    let ts = world.says(NINA, "ops", "@drone ping").await;
    assert_eq!(world.bot().exit().await, Exit::Code(70), "{}", world.log());
    assert!(world.log().contains("the store's writer is gone"), "{}", world.log());
    world.bot = None;
    world.wake().await;
    world.slack.final_answer("ops", NINA, Some(&ts), 0).await;
    assert_eq!(world.bot().drill("store-writer", "stick?seconds=0").await.map(|(status, _)| status), Some(202));
    world.still_works().await;
    world.ends_clean().await;
}

#[actix_web::test]
async fn nobody_breaks_an_actor_of_a_bot_as_it_is_shipped() {
    let mut world = World::new().await;
    let (status, body) = world.bot().drill("dispatcher", "panic").await.expect("it answers");
    assert!(status == 404 && body.starts_with("not found"), "{body}");
    assert_eq!(world.bot().metric("dronebot_actor_restarts", &[]).await, Some(0.0));
    world.ends_clean().await;
}
