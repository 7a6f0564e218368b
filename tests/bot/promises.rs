//! The promises of the design, one after the other, each against what would break it.

use crate::support::{GUS, HOME, MAYA, Message, NINA, OLGA, OMAR, Options, Seed, Trouble, VERA, World, until};
use serde_json::{Value, json};
use std::time::Duration;

/// Quick retries, so that a test does not wait for the pauses of a real outage.
fn hasty() -> Vec<(&'static str, String)> {
    vec![("DRONEBOT__DELIVERY__RETRY_MIN_MS", "50".into()), ("DRONEBOT__DELIVERY__POLL_MS", "100".into())]
}

async fn hasty_world() -> World {
    World::with(Options { env: hasty(), ..Options::default() }).await
}

/// One in which guests are told each time what they may not.
async fn patient_world() -> World {
    let env = vec![("DRONEBOT__EXECUTION__TELL_STRANGERS_EVERY_SECONDS", "0".to_owned())];
    World::with(Options { env, ..Options::default() }).await
}

/// From now on (or for some calls) a method fails in this way.
async fn breaks(world: &World, method: &str, mut how: Value) {
    how["method"] = json!(method);
    world.slack.fault(json!({"api": how})).await;
}

/// The bot's answers in this thread.
async fn in_thread(world: &World, channel: &str, ts: &str) -> Vec<Message> {
    let said = world.answers(channel, NINA, 0).await;
    said.into_iter().filter(|answer| answer.thread_ts.as_deref() == Some(ts)).collect()
}

fn instance(name: &'static str, tags: &'static [(&'static str, &'static str)]) -> Seed {
    Seed { region: HOME, name, kind: "t3.micro", stopped: false, tags }
}

/// How often an action was called at AWS.
fn called(world: &World, action: &str) -> usize {
    world.aws.calls().iter().filter(|(called, _)| called == action).count()
}

// --- Promise 1: acked means journalled -----------------------------------------------------------------------------

// failure 20
#[actix_web::test]
async fn what_the_full_disk_does_not_take_is_not_acked_and_comes_again() {
    let mut env = hasty();
    env.push(("DRONEBOT__STORE__MAX_MIB", "1".into()));
    // one person fills it
    env.push(("DRONEBOT__EXECUTION__MAX_OPEN_EACH", "5000".into()));
    let mut world = World::with(Options { env, ..Options::default() }).await;
    world.slack.ack_timeout(Duration::from_millis(1_500)).await;
    // an answer that is delivered would make room
    breaks(&world, "response_url", json!({"status": 503, "times": 0})).await;

    // fill the file: with large commands, then with ever smaller ones
    for size in [8_000, 4_000, 100] {
        let refused = |world: &World| world.log().matches("request not journalled").count();
        let before = refused(&world);
        for _ in 0..200 {
            let sent = world.slack.slash(OMAR, "general", &"x".repeat(size)).await;
            let id = sent["envelope_id"].as_str().expect("an id").to_owned();
            until("it is acked, or not journalled", async || {
                refused(&world) > before || !world.slack.acks(&id).await.is_empty()
            })
            .await;
            if refused(&world) > before {
                break;
            }
        }
        assert!(refused(&world) > before, "the file is full for commands of {size} bytes");
    }

    // what still finds room is taken; what finds none is not
    let refused = || world.log().matches("request not journalled").count();
    let slash = loop {
        let (before, sent) = (refused(), world.slack.slash(MAYA, "ops", "ping").await);
        let id = sent["envelope_id"].as_str().expect("an id").to_owned();
        until("it is decided", async || refused() > before || !world.slack.acks(&id).await.is_empty()).await;
        if refused() > before {
            break sent;
        }
    };
    world.slack.hears("ops", MAYA, "operation_timeout", 0).await;
    assert!(world.slack.acks(slash["envelope_id"].as_str().expect("an id")).await.is_empty());
    let bot = world.bot.as_ref().expect("it runs");
    assert!(bot.metric("dronebot_store_errors_total", &[]).await > Some(0.0));

    let mention = loop {
        let (before, sent) = (refused(), world.slack.tells(NINA, "ops", "@drone ping").await);
        let id = sent["envelope_id"].as_str().expect("an id").to_owned();
        let taken = || world.log().matches("request accepted").count();
        let taken_before = taken();
        until("it is decided", async || refused() > before || !world.slack.acks(&id).await.is_empty()).await;
        if refused() == before {
            continue;
        }
        until("the event comes again", async || refused() > before + 1 || taken() > taken_before).await;
        // another transaction that failed may have left room by then, which another mention takes
        if refused() > before + 1 {
            break sent;
        }
    };
    let id = mention["envelope_id"].as_str().expect("an id");
    assert!(world.slack.acks(id).await.is_empty(), "it was not journalled, so it was not acked");

    // there is space again
    world.kill_bot();
    world.slack.heal().await;
    world.more_env("DRONEBOT__STORE__MAX_MIB", "0");
    world.wake().await;
    world.slack.redeliver(&mention["event_id"], false).await;
    let ts = mention["ts"].as_str().expect("a ts");
    world.slack.final_answer("ops", NINA, Some(ts), 0).await;
    world.rests().await;
    let answers = in_thread(&world, "ops", ts).await;
    assert_eq!(answers.len(), 1, "{answers:?}");
    assert!(answers[0].text.starts_with("Pong."), "{}\n{}", answers[0].text, world.log());
    let slash = slash["envelope_id"].as_str().expect("an id");
    let known = world.count(&format!("SELECT count(*) FROM deliveries WHERE keys LIKE '%{slash}%'"));
    assert_eq!(known, 0, "what Slack reported as failed is not run later");
}

#[actix_web::test]
async fn every_acked_command_stands_in_the_journal_of_a_bot_killed_under_load() {
    let mut env = hasty();
    // one that is being journalled counts twice for a moment: of sixty at once there may seem to be 120
    env.push(("DRONEBOT__EXECUTION__MAX_OPEN_EACH", "200".to_owned()));
    let mut world = World::with(Options { env, ..Options::default() }).await;
    // no answer leaves before the kill, so that each can be counted after it
    breaks(&world, "response_url", json!({"status": 503, "times": 0})).await;
    let texts: Vec<String> = (0..60).map(|number| format!("word{number:02}")).collect();
    let slack = &world.slack;
    let send = futures_util::future::join_all(texts.iter().map(|text| slack.slash(NINA, "ops", text)));
    let sent = send.await;
    let acked = async || {
        let (_, answer) = slack.get("acks", &[]).await;
        answer["acks"].as_array().expect("acks").len()
    };
    until("some are acked", async || acked().await >= 5).await;
    world.kill_bot();

    let mut taken = Vec::new();
    for (sent, text) in sent.iter().zip(&texts) {
        let id = sent["envelope_id"].as_str().expect("an id");
        if !world.slack.acks(id).await.is_empty() {
            let row = format!("SELECT count(*) FROM requests WHERE text = '{text}'");
            assert_eq!(world.count(&row), 1, "{text} was acked");
            let its = format!("request IN (SELECT id FROM requests WHERE text = '{text}')");
            let row = format!("SELECT count(*) FROM deliveries WHERE keys LIKE 'trigger:%' AND {its}");
            assert_eq!(world.count(&row), 1, "{text} was acked");
            taken.push(text);
        }
    }
    assert!(taken.len() >= 5);
    world.slack.heal().await;
    world.wake().await;
    for text in &taken {
        world.slack.hears("ops", NINA, text, 0).await;
    }
    world.rests().await;
    let answers = world.answers("ops", NINA, 0).await;
    for text in &taken {
        let about = answers.iter().filter(|answer| answer.text.contains(text.as_str())).count();
        assert_eq!(about, 1, "{text}");
    }
}

// --- Promise 2: every accepted request gets exactly one final answer -------------------------------------------------

#[actix_web::test]
async fn a_bot_killed_between_ack_and_answer_answers_once_where_it_was_asked() {
    let mut world = World::new().await;
    for method in ["response_url", "chat.postMessage"] {
        breaks(&world, method, json!({"status": 503, "times": 0})).await;
    }
    let slash = world.slack.slash(MAYA, "ops", "ping").await;
    let mention = world.slack.tells(NINA, "general", "@drone ping").await;
    let direct = world.slack.tells(VERA, "dm", "ping").await;
    for asked in [&slash, &mention, &direct] {
        world.slack.acked(&asked["envelope_id"]).await;
    }
    world.kill_bot();
    let ts = mention["ts"].as_str().expect("a ts");
    for (channel, who) in [("ops", MAYA), ("general", NINA), ("dm", VERA)] {
        assert!(world.slack.from_bot(channel, who, 0).await.is_empty(), "no answer before the kill");
    }

    world.slack.heal().await;
    world.wake().await;
    world.slack.final_answer("ops", MAYA, None, 0).await;
    world.slack.final_answer("general", NINA, Some(ts), 0).await;
    world.slack.final_answer("dm", VERA, None, 0).await;
    world.rests().await;

    for (channel, who, ephemeral, thread) in
        [("ops", MAYA, true, None), ("general", NINA, false, Some(ts)), ("dm", VERA, false, None)]
    {
        let answers = world.answers(channel, who, 0).await;
        assert_eq!(answers.len(), 1, "{channel}: {answers:?}");
        assert!(answers[0].text.starts_with("Pong."), "{}", answers[0].text);
        assert_eq!((answers[0].ephemeral, answers[0].thread_ts.as_deref()), (ephemeral, thread));
    }
    assert!(world.answers("ops", NINA, 0).await.is_empty(), "what was for the caller alone still is");
}

#[actix_web::test]
async fn a_bot_killed_while_aws_is_asked_asks_again_and_answers_once() {
    let mut world = World::new().await;
    world.fleet(&[instance("web-1", &[])]).await;
    let before = called(&world, "DescribeInstances");
    world.aws.break_next("DescribeInstances", Trouble::LoseAnswer, 1);
    world.slack.slash(VERA, "ops", "ec2 list").await;
    until("AWS is asked", async || called(&world, "DescribeInstances") > before).await;
    world.kill_bot();
    world.wake().await;
    world.slack.final_answer("ops", VERA, None, 0).await;
    world.rests().await;
    let answers = world.answers("ops", VERA, 0).await;
    assert_eq!(answers.len(), 1, "{answers:?}");
    assert!(answers[0].text.contains("web-1"), "{}", answers[0].text);
}

#[actix_web::test]
async fn a_bot_killed_again_and_again_still_answers_once() {
    let mut world = World::new().await;
    breaks(&world, "chat.postMessage", json!({"status": 503, "times": 0})).await;
    let mention = world.slack.tells(NINA, "ops", "@drone ping").await;
    world.slack.acked(&mention["envelope_id"]).await;
    for _ in 0..3 {
        world.kill_bot();
        world.wake().await;
    }
    world.slack.heal().await;
    let ts = mention["ts"].as_str().expect("a ts");
    world.slack.final_answer("ops", NINA, Some(ts), 0).await;
    world.rests().await;
    assert_eq!(in_thread(&world, "ops", ts).await.len(), 1);
}

#[actix_web::test]
async fn whatever_slack_does_with_an_answer_the_person_reads_it_once() {
    let mut world = hasty_world().await;
    let faults = [
        json!({"status": 503, "times": 3}),
        json!({"retry_after": 1, "times": 1}),
        json!({"non_json": true, "times": 1}),
        json!({"error": "internal_error", "times": 1}),
        json!({"drop": true, "times": 1}),
    ];
    for (number, fault) in faults.into_iter().chain([json!({"after_effect": true})]).enumerate() {
        breaks(&world, "response_url", fault.clone()).await;
        world.slack.slash(NINA, "ops", &format!("word{number}")).await;
        world.slack.hears("ops", NINA, &format!("word{number}"), 0).await;
    }
    let mut threads = Vec::new();
    for fault in [
        json!({"status": 503, "times": 3}),
        json!({"retry_after": 1, "times": 1}),
        json!({"error": "service_unavailable", "times": 1}),
        json!({"drop": true, "times": 1}),
    ] {
        breaks(&world, "chat.postMessage", fault.clone()).await;
        let ts = world.says(NINA, "general", "@drone ping").await;
        world.slack.final_answer("general", NINA, Some(&ts), 0).await;
        threads.push((ts, fault));
    }
    world.rests().await;

    let answers = world.answers("ops", NINA, 0).await;
    for number in 0..6 {
        let about = answers.iter().filter(|answer| answer.text.contains(&format!("word{number}"))).count();
        assert_eq!(about, 1, "fault {number}: {answers:?}");
    }
    for (ts, fault) in threads {
        assert_eq!(in_thread(&world, "general", &ts).await.len(), 1, "{fault}");
    }
}

#[actix_web::test]
async fn blocks_that_slack_does_not_like_become_plain_text() {
    let world = World::new().await;
    breaks(&world, "chat.postMessage", json!({"error": "invalid_blocks"})).await;
    let ts = world.says(NINA, "ops", "@drone help").await;
    let answer = world.slack.final_answer("ops", NINA, Some(&ts), 0).await;
    assert!(answer.blocks.is_null(), "{}", answer.blocks);
    assert!(answer.text.contains("ping"), "the text says all of it: {}", answer.text);
    world.ends_clean().await;
}

#[actix_web::test]
async fn a_used_up_response_url_does_not_cost_the_answer() {
    let mut world = World::new().await;
    for code in ["used_url", "expired_url"] {
        breaks(&world, "response_url", json!({"error": code, "status": 404})).await;
        let answer = world.asks_in(NINA, "ops", "ping").await;
        assert!(answer.ephemeral && answer.text.starts_with("Pong."), "{answer:?}");
        assert_ne!(answer.via, "response_url");
    }
    // where the bot is no member it cannot whisper: it writes to the person
    breaks(&world, "response_url", json!({"error": "used_url", "status": 404})).await;
    world.slack.slash(NINA, "random", "ping").await;
    let answer = world.slack.final_answer("dm", NINA, None, 0).await;
    let (place, text) = answer.text.split_once('\n').expect("where it was asked, and the answer");
    assert_eq!(
        place,
        "You asked this where I cannot show you my answer: in <#CRANDOM> (`not_in_channel`), so my answer comes here."
    );
    assert!(text.starts_with("Pong."), "{text}");
    world.rests().await;
    assert_eq!(world.answers("ops", NINA, 0).await.len(), 2);
    assert_eq!(world.answers("dm", NINA, 0).await.len(), 1);
    assert!(world.answers("ops", MAYA, 0).await.is_empty(), "nobody else reads it");
}

#[actix_web::test]
async fn a_letter_waits_in_the_outbox_over_a_restart() {
    let mut env = hasty();
    env.push(("DRONEBOT__SHUTDOWN__DRAIN_SECONDS", "0.5".into()));
    let mut world = World::with(Options { env, ..Options::default() }).await;
    breaks(&world, "chat.postMessage", json!({"status": 503, "times": 0})).await;
    let ts = world.says(NINA, "ops", "@drone ping").await;
    until("it was tried", async || world.slack.calls("chat.postMessage").await > 0).await;
    let exit = world.bot.take().expect("it runs").terminate().await;
    assert_eq!(exit, crate::support::Exit::Code(0), "{}", world.log());
    assert_eq!(world.count("SELECT count(*) FROM letters WHERE dead_at IS NULL"), 1);
    assert!(in_thread(&world, "ops", &ts).await.is_empty());
    world.slack.heal().await;
    world.wake().await;
    world.slack.final_answer("ops", NINA, Some(&ts), 0).await;
    world.rests().await;
    assert_eq!(in_thread(&world, "ops", &ts).await.len(), 1);
}

// --- Promise 4: no second execution --------------------------------------------------------------------------------

// failure 22
#[actix_web::test]
async fn a_change_is_made_once_however_often_its_event_is_delivered() {
    let mut world = World::new().await;
    world.fleet(&[instance("web-1", &[])]).await;
    let asked = world.slack.tells(MAYA, "ops", "@drone ec2 reboot web-1").await;
    let ts = asked["ts"].as_str().expect("a ts");
    let again = [
        world.slack.redeliver(&asked["event_id"], false).await,
        world.slack.redeliver(&asked["envelope_id"], true).await,
        world.slack.redeliver(&asked["event_id"], false).await,
    ];
    for envelope in &again {
        world.slack.acked(envelope).await;
    }
    world.slack.final_answer("ops", NINA, Some(ts), 0).await;
    // after the answer, and after a restart
    let late = world.slack.redeliver(&asked["event_id"], false).await;
    world.slack.acked(&late).await;
    world.kill_bot();
    world.wake().await;
    for identical in [false, true] {
        let late = world.slack.redeliver(&asked["envelope_id"], identical).await;
        world.slack.acked(&late).await;
    }
    // the same message as another event
    let message = json!({"type": "app_mention", "user": MAYA, "text": "<@UDRONE> ec2 reboot web-1", "ts": ts,
        "channel": "COPS", "event_ts": ts, "team": "TSANDBOX"});
    let double = world.slack.post("event", json!({"event": message, "channel": "COPS"})).await;
    world.slack.acked(&double["envelope_id"]).await;
    world.rests().await;
    assert_eq!(called(&world, "RebootInstances"), 1, "{:?}", world.aws.calls());
    let answers = in_thread(&world, "ops", ts).await;
    assert_eq!(answers.len(), 1, "{answers:?}");
    assert_eq!(world.count("SELECT count(*) FROM requests"), 1);
}

#[actix_web::test]
async fn a_mention_that_is_a_message_event_too_is_one_command() {
    let mut world = World::new().await;
    world.slack.post("settings", json!({"channel_messages": true})).await;
    let ts = world.says(NINA, "ops", "@drone ping").await;
    let slash = world.slack.slash(NINA, "general", "ping").await;
    world.slack.acked(&slash["envelope_id"]).await;
    let twin = world.slack.redeliver(&slash["envelope_id"], true).await;
    let same_trigger = world.slack.redeliver(&slash["envelope_id"], false).await;
    world.slack.acked(&twin).await;
    world.slack.acked(&same_trigger).await;
    world.slack.final_answer("ops", NINA, Some(&ts), 0).await;
    world.slack.final_answer("general", NINA, None, 0).await;
    world.rests().await;
    assert_eq!(in_thread(&world, "ops", &ts).await.len(), 1);
    assert_eq!(world.answers("general", NINA, 0).await.len(), 1);
    assert_eq!(world.count("SELECT count(*) FROM requests"), 2);
}

// --- Promise 5: deny by default ------------------------------------------------------------------------------------

/// What every person may do by the shipped policies: `ok` or how the refusal begins.
const COMMANDS: &[(&str, &[&str])] = &[
    ("ping", &[MAYA, VERA, NINA]),
    ("help", &[MAYA, VERA, NINA]),
    ("whoami", &[MAYA, VERA, NINA]),
    ("version", &[MAYA, VERA]),
    ("status", &[MAYA, VERA]),
    ("ec2 list", &[MAYA, VERA]),
    ("ec2 show web-1", &[MAYA, VERA]),
    ("ec2 show db-1", &[MAYA, VERA]),
    ("ec2 reboot web-1", &[MAYA]),
    ("ec2 stop web-1", &[MAYA]),
    ("ec2 start web-1", &[MAYA]),
    ("ec2 stop db-1", &[]),
    ("ec2 start db-1", &[]),
    ("ec2 reboot db-1", &[]),
    ("ec2 terminate db-1", &[]),
];

#[actix_web::test]
async fn the_shipped_policies_let_each_person_do_exactly_this() {
    let world = patient_world().await;
    let ids = world.fleet(&[instance("web-1", &[]), instance("db-1", &[("protected", "true")])]).await;
    let changes = |world: &World| {
        let actions = ["StopInstances", "StartInstances", "RebootInstances", "TerminateInstances"];
        actions.iter().map(|action| called(world, action)).sum::<usize>()
    };
    for (command, allowed) in COMMANDS {
        for who in [MAYA, VERA, NINA, GUS, OLGA] {
            let (calls, changed) = (world.aws.calls().len(), changes(&world));
            let answer = world.asks(who, command).await;
            let refused = answer.contains("may not be run")
                || answer.contains(" needs the group ")
                || answer.contains("is not permitted here");
            assert_eq!(!refused, allowed.contains(&who), "{who} {command}: {answer}");
            if !refused {
                continue;
            }
            assert_eq!(changes(&world), changed, "{who} {command} changed something");
            assert!(answer.contains("Nothing was"), "{who} {command}: {answer}");
            if !(who == MAYA && command.ends_with("db-1")) {
                assert_eq!(world.aws.calls().len(), calls, "{who} {command} was refused before AWS was asked");
            }
            let why = match who {
                GUS | OLGA => "only for full members",
                MAYA => "tagged as protected",
                _ => "needs the group",
            };
            assert!(answer.contains(why), "{who} {command}: {answer}");
        }
    }
    assert_eq!(world.state(HOME, &ids[1]).await, "running", "what is protected was not touched");
    world.ends_clean().await;
}

#[actix_web::test]
async fn a_refusal_says_why_and_who_could() {
    let world = patient_world().await;
    let ids = world.fleet(&[instance("web-1", &[]), instance("db-1", &[("protected", "true")])]).await;
    let protected = ids[1].clone();
    let mut said = String::new();
    for (who, command) in [
        (VERA, "ec2 stop web-1"),
        (NINA, "ec2 list"),
        (GUS, "ping"),
        (OLGA, "ec2 stop web-1"),
        (OLGA, "nonsense"),
        (MAYA, "ec2 stop db-1"),
    ] {
        let answer = world.asks(who, command).await;
        let known = answer.replace(&protected, "i-db1");
        // the footer has the request's id
        let lines: Vec<&str> = known.lines().filter(|line| !line.starts_with("(req ")).collect();
        said.push_str(&format!("{who}: {command}\n  {}\n", lines.join("\n  ")));
    }
    insta::assert_snapshot!(said, @r"
    UVERA: ec2 stop web-1
      ⛔ Refused: `ec2 stop` needs the group operators; you are in viewers. Nothing was changed.
      Ask @UMAYA or @UOMAR.
    UNINA: ec2 list
      ⛔ Refused: `ec2 list` needs the group operators or viewers; you are in no group. Nothing was done.
      Ask @UMAYA, @UOMAR or @UVERA.
    UGUS: ping
      ⛔ Refused: `ping` may not be run: it is only for full members of this workspace, not for guests, people of other workspaces, deactivated accounts or bots. Nothing was done.
      Ask a full member of this workspace to do it for you.
    UOLGA: ec2 stop web-1
      ⛔ Refused: `ec2 stop` may not be run: it is only for full members of this workspace, not for guests, people of other workspaces, deactivated accounts or bots. Nothing was changed.
      Also: nothing is changed from a place where people of another organisation may read; ask in a channel of your own organisation, or in a direct message to me.
    UOLGA: nonsense
      ⛔ Refused: I work for full members of this workspace only; you belong to another workspace. Nothing was done.
      Ask one of them to do it for you, or an admin of the workspace to make you one.
    UMAYA: ec2 stop db-1
      ⛔ Refused: `ec2 stop` may not be run on `db-1 (i-db1)`: it is tagged as protected; take the tag off in AWS first if it really must change. Nothing was changed.
    ");
    world.ends_clean().await;
}

#[actix_web::test]
async fn who_cannot_be_looked_up_is_refused_and_nothing_is_run() {
    let world = World::new().await;
    breaks(&world, "users.info", json!({"status": 503, "times": 0})).await;
    let answer = world.asks(MAYA, "ec2 list").await;
    assert!(answer.contains("I could not ask Slack who you are, so nothing was run."), "{answer}");
    assert!(world.aws.calls().is_empty());
    // a group that Slack does not tell grants nothing
    world.slack.heal().await;
    breaks(&world, "usergroups.users.list", json!({"error": "no_such_subteam", "times": 0})).await;
    let mut answer = world.asks(VERA, "ec2 list").await;
    // for a moment after it could not answer Slack is left alone
    while answer.contains("I could not ask Slack") {
        answer = world.asks(VERA, "ec2 list").await;
    }
    assert!(answer.contains("needs the group"), "{answer}");
    assert!(world.aws.calls().is_empty());
    world.ends_clean().await;
}

// --- Promise 7: deaf is not dead and not healthy -------------------------------------------------------------------

// failure 32
#[actix_web::test]
async fn without_slack_the_bot_is_alive_and_unready_and_nothing_is_restarted() {
    let env = vec![
        ("DRONEBOT__SLACK__BACKOFF_MIN_SECONDS", "0.05".into()),
        ("DRONEBOT__SLACK__BACKOFF_MAX_SECONDS", "0.2".into()),
    ];
    let mut world = World::with(Options { env, ..Options::default() }).await;
    let pid = world.bot().pid();
    world.slack.kill();
    let bot = world.bot();
    until("it is unready", async || bot.probe("/readyz").await.is_some_and(|(status, _)| status == 503)).await;
    let (_, ready) = bot.json("/readyz").await;
    assert_eq!(ready["status"], "unready");
    assert_eq!(ready["causes"][0]["cause"], "slack_links", "{ready}");
    assert_eq!(ready["causes"].as_array().map(Vec::len), Some(1), "{ready}");
    // a few dials later
    let dials = async || bot.metric("dronebot_slack_reconnects_total", &[]).await.unwrap_or_default();
    let before = dials().await;
    until("it goes on dialling", async || dials().await > before).await;
    assert_eq!(bot.json("/livez").await, (200, json!({"status": "ok", "causes": []})));
    assert_eq!(bot.json("/startupz").await.0, 200);
    assert_eq!(bot.metric("dronebot_actor_restarts", &[]).await, Some(0.0));
    assert_eq!(bot.metric("dronebot_ready", &[]).await, Some(0.0));

    world.slack.revive();
    world.bot().ready().await;
    assert_eq!(world.bot().pid(), pid);
    world.still_works().await;
    assert_eq!(world.bot().metric("dronebot_actor_restarts", &[]).await, Some(0.0));
    world.ends_clean().await;
}

#[actix_web::test]
async fn a_bot_started_without_slack_waits_for_it() {
    let mut world = World::with(Options { asleep: true, ..Options::default() }).await;
    world.slack.kill();
    world.start_bot();
    let bot = world.bot();
    until("its probes answer", async || bot.probe("/startupz").await.is_some_and(|(status, _)| status == 200)).await;
    assert_eq!(bot.json("/livez").await.0, 200);
    let (status, ready) = bot.json("/readyz").await;
    assert_eq!((status, &ready["causes"][0]["cause"]), (503, &json!("slack_links")));
    world.slack.revive();
    world.bot().ready().await;
    world.still_works().await;
    world.ends_clean().await;
}

#[actix_web::test]
async fn without_aws_the_bot_is_ready_and_says_so() {
    let env = vec![("AWS_ENDPOINT_URL", "http://127.0.0.1:9".to_owned())];
    let mut world = World::with(Options { env, ..Options::default() }).await;
    let answer = world.asks(MAYA, "ec2 stop i-0123456789abcdef0").await;
    assert!(answer.contains("AWS") && answer.to_lowercase().contains("nothing was"), "{answer}");
    assert_eq!(world.bot().json("/readyz").await.0, 200);
    assert_eq!(world.bot().json("/livez").await.0, 200);
    world.still_works().await;
    world.ends_clean().await;
}
