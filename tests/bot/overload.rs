//! Far more commands than the bot can run, by every door at once: what it cannot take it refuses in words, what it took it
//! answers, and whoever asks how it is hears that.

use crate::support::{MAYA, Message, OMAR, Options, Seed, Trouble, VERA, World, until};
use futures_util::future::join_all;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use tokio::time::Instant;

/// Commands that run at once, each for a second: so many a second can go on.
const RUNNING: usize = 4;

/// The bound to what is open.
const OPEN: usize = 60;

/// Ten times as much is asked, for so many seconds.
const EVERY_SECOND: usize = 10 * RUNNING;
const SECONDS: usize = 12;

/// A slash command must be acknowledged, and `status` answered, within this time.
const SOON: Duration = Duration::from_secs(3);

/// The sentences of a refusal: at the door, by the workers, and of one that came too late.
const AT_THE_DOOR: &str = "commands in hand, which is as many as I can keep, so I did not take this one";
const BUSY: &str = "commands. `ec2 list` was not run";
const LATE: &str = "so I did not run `ec2 list`";

async fn world() -> World {
    let env = vec![
        ("DRONEBOT__EXECUTION__MAX_RUNNING", RUNNING.to_string()),
        ("DRONEBOT__EXECUTION__MAX_OPEN", OPEN.to_string()),
        // two people ask here what a crowd would
        ("DRONEBOT__EXECUTION__MAX_OPEN_EACH", OPEN.to_string()),
        ("DRONEBOT__AWS__RATE_SHARE", "1.0".to_owned()),
        // the answers of a channel are slower than what is asked there, as they would be
        ("DRONEBOT__SLACK__PACING__CHANNEL_INTERVAL_SECONDS", "0.25".to_owned()),
        ("DRONEBOT__SLACK__PACING__POSTS_PER_MINUTE", "6000".to_owned()),
        ("DRONEBOT__LOG__FILTER", "info".to_owned()),
    ];
    let world = World::with(Options { env, ..Options::default() }).await;
    world
        .fleet(&[Seed { region: crate::support::HOME, name: "web-1", kind: "t3.micro", stopped: false, tags: &[] }])
        .await;
    world.aws.break_next("DescribeInstances", Trouble::Delay(Duration::from_secs(1)), u32::MAX);
    world
}

/// The memory of a process, in KiB.
fn memory(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("its status");
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("its memory");
    line.split_whitespace().nth(1).and_then(|number| number.parse().ok()).expect("a number")
}

/// What is open: without an answer, or with one that waits.
async fn open(world: &World) -> usize {
    let bot = world.bot.as_ref().expect("the bot runs");
    bot.metric("dronebot_open", &[]).await.unwrap_or_default() as usize
}

/// Everything that was asked.
#[derive(Default)]
struct Asked {
    /// The envelopes of slash commands, by person.
    slash: BTreeMap<&'static str, Vec<Value>>,
    /// The `ts` of mentions, by person.
    mentions: BTreeMap<&'static str, Vec<String>>,
}

/// Asks so much in each second, half by slash command and half by mention.
async fn asks(world: &World) -> (Asked, Duration) {
    let (mut asked, began) = (Asked::default(), Instant::now());
    let mut ticks = tokio::time::interval(Duration::from_millis(250));
    for _ in 0..4 * SECONDS {
        ticks.tick().await;
        let slash = (0..EVERY_SECOND / 8).map(|n| async move {
            let who = [MAYA, VERA][n % 2];
            (who, world.slack.slash(who, "ops", "ec2 list").await["envelope_id"].clone())
        });
        let mentions = (0..EVERY_SECOND / 8).map(|n| async move {
            let who = [MAYA, VERA][n % 2];
            (who, world.says(who, "general", "@drone ec2 list").await)
        });
        let (slash, mentions) = tokio::join!(join_all(slash), join_all(mentions));
        slash.into_iter().for_each(|(who, id)| asked.slash.entry(who).or_default().push(id));
        mentions.into_iter().for_each(|(who, ts)| asked.mentions.entry(who).or_default().push(ts));
    }
    (asked, began.elapsed())
}

/// Looks at the bot until told to stop: the slowest `status`, the most that was open, the most memory.
async fn watches(world: &World, ended: &std::cell::Cell<bool>) -> (Duration, usize, u64) {
    let pid = world.bot.as_ref().expect("the bot runs").pid();
    let (mut slowest, mut most, mut memory_most, mut looks) = (Duration::ZERO, 0, 0, 0);
    while !ended.get() {
        let began = Instant::now();
        let status = world.asks_in(OMAR, "random", "status").await;
        assert!(status.text.contains("Dronebot"), "{}", status.text);
        slowest = slowest.max(began.elapsed());
        most = most.max(open(world).await);
        memory_most = memory_most.max(memory(pid));
        looks += 1;
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
    assert!(looks > SECONDS, "it was looked at {looks} times");
    (slowest, most, memory_most)
}

fn is_refusal(said: &Message) -> bool {
    [AT_THE_DOOR, BUSY, LATE].iter().any(|sentence| said.text.contains(sentence))
}

#[actix_web::test]
async fn ten_times_what_it_can_run_is_refused_or_answered_and_status_is_heard_throughout() {
    let mut world = world().await;
    world.slack.post("channel", serde_json::json!({"name": "random", "has_bot": true})).await;
    assert!(world.asks_in(MAYA, "random", "ec2 list").await.text.contains("web-1"));
    let pid = world.bot().pid();
    let memory_before = memory(pid);

    let ended = std::cell::Cell::new(false);
    let load = async {
        let asked = asks(&world).await;
        ended.set(true);
        asked
    };
    let ((asked, took), (slowest, most, memory_most)) = tokio::join!(load, watches(&world, &ended));
    let count = EVERY_SECOND * SECONDS;
    let grown = memory_most.saturating_sub(memory_before);
    eprintln!(
        "overload: {count} commands in {took:.1?}; the slowest status took {slowest:.1?}, at most {most} were open, and the \
         memory grew from {memory_before} KiB by {grown} KiB"
    );
    assert!(took < Duration::from_secs(2 * SECONDS as u64), "{count} commands in {took:?} are no storm");
    assert!(slowest < SOON, "a status took {slowest:?}");
    assert!(most <= OPEN, "{most} were open");
    // what is open is a few KiB each; the rest is what an allocator keeps of a busy time
    assert!(memory_most < memory_before + 64 * 1024, "{memory_before} KiB before, {memory_most} KiB in the storm");

    // the storm is over: everything that was taken is answered
    until("nothing is open any more", async || open(&world).await == 0).await;
    let counted = |source: &'static str, result: &'static str| {
        let bot = world.bot.as_ref().expect("the bot runs");
        async move { bot.metric("dronebot_requests_total", &[source, result]).await.unwrap_or_default() as usize }
    };
    let (by_slash, by_mention) = (counted("slash_command", "overload").await, counted("app_mention", "overload").await);
    let taken = counted("app_mention", "accepted").await;
    // by one door or the other: their own mentions may have taken the room of their slash commands
    let mut served = BTreeSet::new();
    for (who, envelopes) in &asked.slash {
        for id in envelopes {
            let acks = world.slack.acks(id.as_str().expect("an id")).await;
            assert_eq!(acks.len(), 1, "{who}: {id} {acks:?}");
        }
        let said = world.slack.messages("ops", who, 0).await;
        let said: Vec<_> = said.iter().filter(|said| ["ack", "response_url"].contains(&said.via.as_str())).collect();
        assert_eq!(said.len(), envelopes.len(), "one answer for each of the commands of {who}");
        let odd: Vec<_> = said.iter().filter(|said| !is_refusal(said) && !said.text.contains("web-1")).collect();
        assert!(odd.is_empty(), "{odd:#?}");
        served.extend(said.iter().any(|said| said.text.contains("web-1")).then_some(*who));
    }
    let all = world.slack.all_from_bot("ops", None).await;
    let whispers = |said: &&Message| said.via == "ack";
    assert_eq!(all.iter().filter(whispers).count(), by_slash, "each that was refused at the door was told in the ack");
    assert!(by_slash > 0 && by_mention > 0, "{by_slash} and {by_mention} were refused at the door");

    let (mut answered, mut untold) = (0, 0);
    for (who, mentions) in &asked.mentions {
        let mut said = world.answers("general", who, 0).await;
        // everybody sees the answers of everybody's threads
        said.retain(|said| said.only_for.is_some() || said.thread_ts.as_ref().is_some_and(|ts| mentions.contains(ts)));
        let in_thread = |ts: &String| said.iter().filter(|said| said.thread_ts.as_ref() == Some(ts)).count();
        assert!(mentions.iter().all(|ts| in_thread(ts) <= 1), "none is answered twice");
        let (words, answers): (Vec<_>, Vec<_>) = said.iter().partition(|said| said.text.contains(AT_THE_DOOR));
        let without = mentions.len().checked_sub(answers.len()).expect("one answer for each at most");
        (answered, untold) = (answered + answers.len(), untold + without);
        // who was refused at the door has read so, and no more often than once a minute
        assert!(words.iter().all(|said| said.via == "chat.postEphemeral" && said.only_for.is_some()), "{words:#?}");
        assert_eq!(words.len(), usize::from(without > 0), "{without} of {who} were refused");
        let odd: Vec<_> = answers.iter().filter(|said| !is_refusal(said) && !said.text.contains("web-1")).collect();
        assert!(odd.is_empty(), "{odd:#?}");
        served.extend(answers.iter().any(|said| said.text.contains("web-1")).then_some(*who));
    }
    assert_eq!(served, BTreeSet::from([MAYA, VERA]), "some of the commands of each were run");
    assert_eq!(answered, taken, "every mention that was taken has its answer");
    // one that was left to Slack comes again, and may be refused again
    assert!(untold <= by_mention, "{untold} have no answer, and {by_mention} were refused");

    // and it works as before
    assert!(world.asks_in(MAYA, "random", "ec2 list").await.text.contains("web-1"));
    world.ends_clean().await;
}
