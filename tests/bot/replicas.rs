//! Several replicas on one store: each takes what Slack gives it, one runs it, and whoever lives finishes what a dead one
//! has left. No person in Slack can tell.

use crate::support::{Exit, HOME, LEASE, MAYA, Message, NEVER, NINA, OMAR, Options, Seed, Trouble, World, tidy, until};
use futures_util::future::join_all;
use nix::sys::signal::Signal;
use std::collections::BTreeMap;
use std::time::Duration;

const WEB: Seed = Seed { region: HOME, name: "web-1", kind: "t3.micro", stopped: false, tags: &[] };

/// Instances stay on their way until the test lets them arrive.
const NEVER_BY_ITSELF: Duration = Duration::from_secs(86_400);

async fn two(lag: Duration) -> World {
    let env = vec![("DRONEBOT__DELIVERY__POLL_MS", "200".into())];
    let mut world = World::with(Options { lease: Some(LEASE), lag, env, ..Options::default() }).await;
    world.one_more().await;
    world
}

/// Without the name of the machine on which the tests run.
pub(crate) fn on_any_host(text: &str) -> String {
    const BEFORE: &str = "The replica on `";
    let host = text.split(BEFORE).nth(1).and_then(|rest| rest.split('`').next()).expect("a host");
    text.replace(&format!("{BEFORE}{host}`"), &format!("{BEFORE}HOST`"))
}

fn made(world: &World, action: &str) -> usize {
    world.aws.calls().iter().filter(|(call, _)| call == action).count()
}

/// Waits until AWS has taken the stop: a call that has only begun may not have reached it.
async fn stop_is_taken(world: &World) {
    until("AWS has the stop", async || world.aws.made().iter().any(|(made, _)| made == "StopInstances")).await;
}

/// The replica that works on the only command goes first; the other one stays.
async fn the_one_at_work(world: &mut World) {
    let count = async |bot: &crate::support::Bot| {
        bot.metric("dronebot_requests_total", &["accepted"]).await.unwrap_or_default()
    };
    let first = count(world.bot.as_ref().expect("a bot")).await;
    if first == 0.0 {
        let other = world.others.pop().expect("another");
        let bot = world.bot.replace(other).expect("a bot");
        world.others.push(bot);
    }
}

async fn all_of(world: &World, who: &str) -> Vec<Message> {
    world.slack.from_bot("ops", who, 0).await
}

#[actix_web::test]
async fn a_killed_replica_s_command_is_finished_by_the_other_in_the_same_message() {
    let mut world = two(NEVER_BY_ITSELF).await;
    let ids = world.fleet(&[WEB]).await;
    let ts = world.says(MAYA, "ops", "@drone ec2 stop web-1").await;
    stop_is_taken(&world).await;
    let progress = world.slack.hears("ops", MAYA, "⏳", 0).await;
    the_one_at_work(&mut world).await;
    until("its delivery is noted", async || {
        world.bot.as_ref().expect("a bot").metric("dronebot_deliveries_total", &["sent"]).await.is_some()
    })
    .await;
    world.kill_bot();
    let killed = tokio::time::Instant::now();
    until("the other one has it", async || world.log().contains("request adopted")).await;
    assert!(killed.elapsed() < Duration::from_secs(15), "a lease of {LEASE} s, and {:?}", killed.elapsed());
    world.aws.arrive();
    let answer = world.slack.final_answer("ops", MAYA, Some(&ts), 0).await;
    insta::assert_snapshot!(tidy(&on_any_host(&answer.text)), @r"
    ✅ Done: The replica on `HOST` died or was cut off while it ran `ec2 stop web-1`.
    I looked: `web-1 (i-00000000000000001)` is stopped.
    `web-1 (i-00000000000000001)` has lost its public address `ADDRESS`; a start gives it another.
    (req XXXX)
    ");
    assert_eq!(answer.ts, progress.ts, "the message of before was edited");
    assert_eq!(world.state(HOME, &ids[0]).await, "stopped");
    assert_eq!(made(&world, "StopInstances"), 1);
    assert_eq!(all_of(&world, MAYA).await.len(), 1);
    world.bot = world.others.pop();
    world.ends_clean().await;
}

/// With the lease and the time of a call as they are shipped, and the call that takes longest to be sure of: one that may
/// still arrive.
#[actix_web::test]
async fn what_a_killed_replica_had_begun_is_reported_within_15_seconds_of_its_lease_s_end() {
    const AS_SHIPPED: u32 = 10;
    let mut world = World::with(Options { lease: Some(AS_SHIPPED), ..Options::default() }).await;
    world.one_more().await;
    world.fleet(&[WEB]).await;
    world.aws.break_next("StopInstances", Trouble::Swallow, 1);
    let ts = world.says(MAYA, "ops", "@drone ec2 stop web-1").await;
    until("the stop is called", async || made(&world, "StopInstances") == 1).await;
    the_one_at_work(&mut world).await;
    world.kill_bot();
    // it has said for the last time that it lives before this
    let killed = tokio::time::Instant::now();
    let answer = world.slack.final_answer("ops", MAYA, Some(&ts), 0).await;
    let took = killed.elapsed();
    assert!(answer.text.contains("still running, so it was not stopped"), "{}", answer.text);
    assert!(took < Duration::from_secs(u64::from(AS_SHIPPED) + 15), "{took:?} after it was killed");
    assert!(took > Duration::from_secs(10), "nobody can be sure so soon: {took:?}");
    assert_eq!(made(&world, "StopInstances"), 1);
    world.bot = world.others.pop();
    world.ends_clean().await;
}

/// What was adopted needs nothing more of those who are gone, nor of those who live.
#[actix_web::test]
async fn what_was_adopted_is_answered_while_nobody_can_look_at_the_other_replicas() {
    let mut world = two(Duration::ZERO).await;
    world.fleet(&[WEB]).await;
    world.aws.break_next("DescribeInstances", Trouble::Delay(Duration::from_secs(60)), 1);
    let ts = world.says(MAYA, "ops", "@drone ec2 list").await;
    until("AWS is asked", async || made(&world, "DescribeInstances") == 1).await;
    the_one_at_work(&mut world).await;
    world.kill_bot();
    until("the other one has it", async || world.log().contains("request adopted")).await;
    let adopted = tokio::time::Instant::now();
    world.table.break_next("Query", Trouble::Error("InternalServerError", 500), u32::MAX);
    let answer = world.slack.final_answer("ops", MAYA, Some(&ts), 0).await;
    assert!(answer.text.contains("web-1"), "{}", answer.text);
    // it was asked for less than ten seconds ago, and is in nobody's mailbox
    assert!(adopted.elapsed() < Duration::from_secs(5), "{:?} after it was adopted", adopted.elapsed());
    world.table.clear();
    world.bot = world.others.pop();
    world.ends_clean().await;
}

/// The table is away for longer than a lease, for all: both live, and nobody's work is anybody else's.
#[actix_web::test]
async fn a_table_that_was_away_is_nobody_s_death() {
    let lease = Duration::from_secs(LEASE.into());
    let world = two(Duration::ZERO).await;
    world.fleet(&[WEB]).await;
    world.aws.break_next("DescribeInstances", Trouble::Delay(Duration::from_secs(35)), 1);
    let ts = world.says(MAYA, "ops", "@drone ec2 list").await;
    until("AWS is asked", async || made(&world, "DescribeInstances") == 1).await;
    for _ in 0..3 {
        world.table.set_down(true);
        tokio::time::sleep(lease * 3 / 2).await;
        world.table.set_down(false);
        tokio::time::sleep(lease).await;
    }
    assert!(!world.log().contains("has not renewed its lease"), "{}", world.log());
    let answer = world.slack.final_answer("ops", MAYA, Some(&ts), 0).await;
    assert!(answer.text.contains("web-1") && !answer.text.contains("broke"), "{}", answer.text);
    world.ends_clean().await;
}

#[actix_web::test]
async fn a_replica_that_comes_back_from_a_long_sleep_does_no_harm() {
    let mut world = two(NEVER_BY_ITSELF).await;
    world.fleet(&[WEB]).await;
    let ts = world.says(MAYA, "ops", "@drone ec2 stop web-1").await;
    until("the stop is called", async || made(&world, "StopInstances") == 1).await;
    the_one_at_work(&mut world).await;
    world.bot().signal(Signal::SIGSTOP);
    until("the other one has it", async || world.log().contains("request adopted")).await;
    world.aws.arrive();
    world.slack.final_answer("ops", MAYA, Some(&ts), 0).await;
    world.bot().signal(Signal::SIGCONT);
    until("it notices", async || world.log().contains("others had given this replica up")).await;
    // it goes on under a new name
    let again = world.says(MAYA, "ops", "@drone ping").await;
    world.slack.final_answer("ops", MAYA, Some(&again), 0).await;
    assert_eq!(made(&world, "StopInstances"), 1);
    world.rests().await;
    let answers: Vec<Message> =
        all_of(&world, MAYA).await.into_iter().filter(|said| said.thread_ts.as_deref() == Some(&ts)).collect();
    assert_eq!(answers.len(), 1, "{answers:?}");
}

/// Slack takes one message a second in a channel, so an answer may wait for minutes; its replica may be given up meanwhile.
#[actix_web::test]
async fn an_answer_that_waits_for_its_turn_when_its_replica_is_given_up_is_posted_by_the_other_alone() {
    let env = vec![
        ("DRONEBOT__DELIVERY__POLL_MS", "200".into()),
        ("DRONEBOT__SLACK__PACING__CHANNEL_INTERVAL_SECONDS", "8".into()),
    ];
    let mut world = World::with(Options { lease: Some(LEASE), env, ..Options::default() }).await;
    let asked = [world.says(NINA, "general", "@drone ping").await, world.says(NINA, "general", "@drone ping").await];
    let waits = async |world: &World| {
        let bot = world.bot.as_ref().expect("a bot");
        let depth = async |queue: &'static str| bot.metric("dronebot_queue_depth", &[queue]).await;
        depth("letters on their way").await == Some(1.0) && depth("unfinished").await == Some(0.0)
    };
    world.slack.final_answer("general", NINA, None, 0).await;
    until("the second answer waits for its turn", async || waits(&world).await).await;
    world.one_more().await;
    world.bot().signal(Signal::SIGSTOP);
    until("the other one has posted it", async || world.answers("general", NINA, 0).await.len() == 2).await;
    world.bot().signal(Signal::SIGCONT);
    let refused = async |world: &World| {
        let bot = world.bot.as_ref().expect("a bot");
        bot.metric("dronebot_slack_api_calls_total", &["chat.postMessage", "retry"]).await.unwrap_or_default()
    };
    until("its turn has come, and it may not", async || refused(&world).await >= 1.0).await;
    until("it notices", async || world.log().contains("others had given this replica up")).await;
    assert_eq!(world.slack.calls("chat.postMessage").await, 2);
    world.rests().await;
    let mut answered: Vec<_> = world.answers("general", NINA, 0).await.into_iter().map(|said| said.thread_ts).collect();
    answered.sort();
    assert_eq!(answered, asked.map(Some));
}

#[actix_web::test]
async fn a_shortcut_for_which_the_store_took_longer_than_slack_waits_is_not_run() {
    let world = World::with(Options { lease: Some(10), ..Options::default() }).await;
    let plain = world.says(OMAR, "ops", "whoami").await;
    // a look at what the message answers, three keys and the request
    world.table.break_next("Query", Trouble::Delay(Duration::from_millis(800)), u32::MAX);
    world.table.break_next("PutItem", Trouble::Delay(Duration::from_millis(570)), u32::MAX);
    let shortcut = serde_json::json!({"user": MAYA, "callback_id": "run_again", "channel": "ops", "ts": plain});
    let sent = world.slack.post("shortcut", shortcut).await;
    let id = sent["envelope_id"].as_str().expect("an id");
    let left = || ["not acknowledged", "was journalled after all"].iter().any(|words| world.log().contains(words));
    until("it is taken or left", async || left() || !world.slack.acks(id).await.is_empty()).await;
    world.table.clear();
    // Slack has told its person that it failed; where it came to be all the same, the answer says so too
    if !world.log().contains("did not tell what the message answers") {
        let answer = world.slack.final_answer("ops", MAYA, None, 0).await;
        assert!(answer.text.contains("I did not run `whoami`"), "{}", answer.text);
    }
    world.still_works().await;
    let said = world.answers("ops", MAYA, 0).await;
    assert!(said.iter().all(|said| !said.text.contains("maya")), "{said:?}");
    world.ends_clean().await;
}

#[actix_web::test]
async fn killed_before_it_began_the_other_one_begins_it() {
    let mut world = two(Duration::ZERO).await;
    let ids = world.fleet(&[WEB]).await;
    world.aws.break_next("DryRun:StopInstances", Trouble::Delay(Duration::from_secs(60)), 1);
    let ts = world.says(MAYA, "ops", "@drone ec2 stop web-1").await;
    until("it is being planned", async || made(&world, "DryRun:StopInstances") == 1).await;
    the_one_at_work(&mut world).await;
    world.kill_bot();
    let answer = world.slack.final_answer("ops", MAYA, Some(&ts), 0).await;
    assert!(answer.text.starts_with("✅ Done"), "{}", answer.text);
    assert_eq!(world.state(HOME, &ids[0]).await, "stopped");
    assert_eq!(made(&world, "StopInstances"), 1);
    world.bot = world.others.pop();
    world.ends_clean().await;
}

#[actix_web::test]
async fn one_target_is_changed_by_one_replica_at_a_time() {
    let world = two(Duration::ZERO).await;
    world.fleet(&[WEB]).await;
    // the call dies on the way, and is waited for
    world.aws.break_next("StopInstances", Trouble::Swallow, 1);
    let first = world.says(MAYA, "ops", "@drone ec2 stop web-1").await;
    until("the stop is called", async || made(&world, "StopInstances") == 1).await;
    // envelopes are dealt out at random, so some of these reach the other replica
    let mut refusals = Vec::new();
    for _ in 0..12 {
        let before = world.slack.cursor().await;
        world.says(OMAR, "ops", "@drone ec2 reboot web-1").await;
        refusals.push(world.slack.hears("ops", OMAR, "is being changed by", before).await.text);
    }
    assert!(refusals.iter().any(|text| text.contains("another command (req")), "none came from the other replica");
    assert_eq!(made(&world, "RebootInstances"), 0);
    let answer = world.slack.final_answer("ops", MAYA, Some(&first), 0).await;
    assert!(answer.text.contains("still running"), "{}", answer.text);
    // the target is free again, on whichever replica
    for _ in 0..4 {
        let before = world.slack.cursor().await;
        world.says(OMAR, "ops", "@drone ec2 reboot web-1").await;
        // a refusal would not be in its thread
        let answer = world.slack.final_answer("ops", OMAR, None, before).await;
        assert!(!answer.text.contains("is being changed by"), "{}", answer.text);
    }
    world.ends_clean().await;
}

#[actix_web::test]
async fn the_status_shows_all_replicas_and_names_one_that_fell_silent() {
    let mut world = two(Duration::ZERO).await;
    let shown = async |world: &World| tidy(&world.asks(MAYA, "status").await);
    until("both know of each other", async || {
        let text = shown(&world).await;
        text.matches(" ready ").count() == 2 && text.contains("All is well.")
    })
    .await;
    let text = shown(&world).await;
    assert!(!text.contains("not mine"), "the other's links are no strangers: {text}");
    world.kill_bot();
    until("the other one says so", async || shown(&world).await.contains("fell silent")).await;
    world.bot = world.others.pop();
    world.ends_clean().await;
}

#[actix_web::test]
async fn while_the_store_is_down_nothing_is_acked_and_what_comes_again_is_answered_once() {
    let mut world = two(Duration::ZERO).await;
    world.slack.ack_timeout(Duration::from_millis(1_500)).await;
    world.table.set_down(true);
    let said = world.slack.tells(NINA, "general", "@drone ping").await;
    let id = said["envelope_id"].as_str().expect("an id").to_owned();
    until("it is refused", async || world.log().contains("request not journalled")).await;
    assert!(world.slack.acks(&id).await.is_empty());
    assert_eq!(world.bot().json("/livez").await.0, 200, "an outage restarts nobody");
    world.table.set_down(false);
    let ts = said["ts"].as_str().expect("a ts");
    world.slack.final_answer("general", NINA, Some(ts), 0).await;
    world.rests().await;
    let answers = world.answers("general", NINA, 0).await;
    assert_eq!(answers.len(), 1, "{answers:?}");
}

#[actix_web::test]
async fn a_slow_store_still_lets_the_ack_be_in_time() {
    let world = two(Duration::ZERO).await;
    // every one: of a few, the replicas' own writes take some
    world.table.break_next("PutItem", Trouble::Delay(Duration::from_millis(500)), u32::MAX);
    let sent = world.slack.slash(NINA, "general", "ping").await;
    world.slack.acked(&sent["envelope_id"]).await;
    world.table.clear();
    let acks = world.slack.acks(sent["envelope_id"].as_str().expect("an id")).await;
    let latency = acks[0]["latency_ms"].as_f64().expect("a latency");
    assert!((1_000.0..3_000.0).contains(&latency), "{latency} ms");
    world.slack.final_answer("general", NINA, None, 0).await;
    world.ends_clean().await;
}

/// People go on asking while both replicas are replaced, one after the other.
#[actix_web::test]
async fn a_rolling_replacement_under_load_loses_nothing_and_answers_nothing_twice() {
    let mut world = two(Duration::ZERO).await;
    world.slack.ack_timeout(Duration::from_millis(1_500)).await;
    let mut asked = Vec::new();
    for round in 0..5_usize {
        let channels = ["general", "ops"];
        let burst = (0..6).map(|n| world.says(NINA, channels[n % 2], "@drone ping"));
        asked.extend(join_all(burst).await);
        match round {
            1 => world.bot().signal(Signal::SIGTERM),
            2 => {
                assert_eq!(world.bot().exit().await, Exit::Code(0), "{}", world.log());
                world.bot = None;
                world.wake().await;
                world.others[0].signal(Signal::SIGTERM);
            }
            3 => {
                assert_eq!(world.others[0].exit().await, Exit::Code(0), "{}", world.log());
                world.others.clear();
                world.one_more().await;
            }
            _ => {}
        }
    }
    let answers = async |world: &World| {
        let mut found: BTreeMap<String, usize> = BTreeMap::new();
        for channel in ["general", "ops"] {
            for answer in world.answers(channel, NINA, 0).await {
                *found.entry(answer.thread_ts.unwrap_or_default()).or_default() += 1;
            }
        }
        found
    };
    let begun = tokio::time::Instant::now();
    while answers(&world).await.len() < asked.len() {
        if begun.elapsed() > NEVER * 2 {
            let found = answers(&world).await;
            let missing: Vec<_> = asked.iter().filter(|ts| !found.contains_key(*ts)).collect();
            let held = world.held().await;
            panic!("never answered: {missing:?}\nheld: {held:#?}\n{}", world.log());
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    world.rests().await;
    let answers = answers(&world).await;
    let wrong: Vec<_> = asked.iter().filter(|ts| answers.get(*ts) != Some(&1)).collect();
    assert!(wrong.is_empty() && answers.len() == asked.len(), "{wrong:?} {answers:?}");
}
