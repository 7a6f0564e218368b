//! A change that others must approve: who may, what they read, and that it is done once, on the plan that they saw,
//! whoever dies meanwhile.

use crate::support::fleet::client;
use crate::support::{HOME, LEASE, MAYA, Message, NINA, OMAR, Options, Seed, Trouble, VERA, World, tidy, until};
use aws_sdk_ec2::types::Tag;
use std::time::Duration;

pub(crate) const DB: Seed =
    Seed { region: HOME, name: "db-1", kind: "t3.micro", stopped: false, tags: &[("approval", "required")] };
const WEB: Seed = Seed { region: HOME, name: "web-1", kind: "t3.micro", stopped: false, tags: &[] };

fn made(world: &World, action: &str) -> usize {
    world.aws.calls().iter().filter(|(call, _)| call == action).count()
}

/// The message that asks the others.
pub(crate) async fn asking(world: &World, channel: &str, who: &str) -> Message {
    world.slack.hears(channel, who, "Approval needed", 0).await
}

/// The short id and the whole one of what is to be approved.
pub(crate) fn named(message: &Message) -> (String, String) {
    let word = |before: &str, length: usize| {
        let rest = message.text.split(before).nth(1).and_then(|rest| rest.get(..length));
        rest.unwrap_or_else(|| panic!("{}", message.text)).to_owned()
    };
    (word("`approve ", 4), word("Approve: approve ", 26))
}

/// What the bot answers to a press, in the thread of the message or to the presser alone.
pub(crate) async fn presses(world: &World, who: &str, message: &Message, label: &str) -> String {
    let before = world.slack.cursor().await;
    world.slack.presses(who, message, label).await;
    let answer = |said: &Message| said.ts != message.ts && !said.is_progress();
    until("the press is answered", async || world.slack.from_bot("ops", who, before).await.iter().any(answer)).await;
    let said = world.slack.from_bot("ops", who, before).await;
    tidy(&said.iter().find(|said| answer(said)).expect("an answer").text)
}

/// The final answer in the place of the message that asked.
pub(crate) async fn becomes(world: &World, channel: &str, who: &str, message: &Message) -> Message {
    let same = async || {
        let said = world.slack.from_bot(channel, who, 0).await;
        said.into_iter().find(|said| said.ts == message.ts && !said.is_progress())
    };
    until("the answer takes its place", async || same().await.is_some()).await;
    same().await.expect("the answer")
}

#[actix_web::test]
async fn somebody_else_approves_and_it_is_done_once() {
    let world = World::new().await;
    let ids = world.fleet(&[DB]).await;
    world.slack.slash(MAYA, "ops", "ec2 stop db-1").await;
    // everybody sees it, though a slash command's answer is its caller's alone
    let message = asking(&world, "ops", NINA).await;
    let (short, whole) = named(&message);
    insta::assert_snapshot!(tidy(&message.text).replace(&whole, "ID").replace(&short, "7F3K"), @r"
    ✋ Approval needed: @UMAYA asks for `ec2 stop db-1`: it is tagged as needing the approval of a second person.
    • Will be done: `stop i-00000000000000001 in eu-central-1`
    • On: `db-1 (i-00000000000000001)`
    • Needs: the approval of one other person who may run it, such as @UOMAR
    • `db-1 (i-00000000000000001)` loses its public address `ADDRESS`; a start gives it another.
    ▸ Approve: approve ID
    ▸ Decline: decline ID
    Until TIME UTC, here or with `approve 7F3K` where I am.
    (req XXXX)
    ");
    assert_eq!(made(&world, "StopInstances"), 0);
    insta::assert_snapshot!(presses(&world, MAYA, &message, "Approve").await, @r"
    ⛔ Refused: `ec2 stop db-1` is your own, so somebody else must approve it. Nothing was approved.
    Ask @UOMAR.
    (req XXXX)
    ");
    insta::assert_snapshot!(presses(&world, VERA, &message, "Approve").await, @r"
    ⛔ Refused: You may not decide on `ec2 stop db-1` of @UMAYA: `ec2 stop` on `db-1 (i-00000000000000001)` needs the group operators; you are in viewers. It still waits.
    Ask @UOMAR.
    (req XXXX)
    ");
    insta::assert_snapshot!(presses(&world, NINA, &message, "Decline").await, @r"
    ⛔ Refused: You may not decide on `ec2 stop db-1` of @UMAYA: `ec2 stop` on `db-1 (i-00000000000000001)` needs the group operators; you are in no group. It still waits.
    Ask @UOMAR.
    (req XXXX)
    ");
    assert_eq!(world.state(HOME, &ids[0]).await, "running");
    insta::assert_snapshot!(presses(&world, OMAR, &message, "Approve").await, @r"
    ✅ Done: `ec2 stop db-1` of @UMAYA is approved and runs now. Its answer comes where it was asked or, if I cannot post there, to @UMAYA alone.
    (req XXXX)
    ");
    let answer = becomes(&world, "ops", MAYA, &message).await;
    insta::assert_snapshot!(tidy(&answer.text), @"
    ✅ Done: `db-1 (i-00000000000000001)`: running → stopped after N s.
    `db-1 (i-00000000000000001)` has lost its public address `ADDRESS`; a start gives it another.
    Asked by @UMAYA, approved by @UOMAR.
    (req XXXX)
    ");
    assert_eq!(world.state(HOME, &ids[0]).await, "stopped");
    // by the words, when it is over
    insta::assert_snapshot!(world.reads(OMAR, &format!("approve {short}")).await, @"You have approved `ec2 stop db-1` already.");
    insta::assert_snapshot!(world.reads(MAYA, &format!("decline {whole}")).await, @r"
    ⛔ Refused: `ec2 stop db-1` of @UMAYA was approved already. Its answer says what became of it.
    (req XXXX)
    ");
    insta::assert_snapshot!(world.reads(OMAR, "approve ZZZZ").await, @"❔ Not run: Nothing waits for approval under `ZZZZ`. Nothing was approved. The id stands in the message that asks for it.");
    assert_eq!(made(&world, "StopInstances"), 1);
    world.ends_clean().await;
}

#[actix_web::test]
async fn what_is_declined_called_off_or_out_of_time_is_not_run() {
    let env = vec![("DRONEBOT__EXECUTION__APPROVE_WITHIN_SECONDS", "6".into())];
    let world = World::with(Options { env, ..Options::default() }).await;
    world.fleet(&[DB]).await;
    let ask = async || {
        let ts = world.says(MAYA, "ops", "@drone ec2 stop db-1").await;
        let asked = async || {
            let said = world.slack.from_bot("ops", MAYA, 0).await;
            said.into_iter().find(|said| said.thread_ts.as_ref() == Some(&ts) && said.text.contains("Approval needed"))
        };
        until("the others are asked", async || asked().await.is_some()).await;
        asked().await.expect("the message")
    };
    let message = ask().await;
    insta::assert_snapshot!(presses(&world, OMAR, &message, "Decline").await, @r"
    ✅ Done: `ec2 stop db-1` of @UMAYA is declined and will not be run. Nothing was changed.
    (req XXXX)
    ");
    insta::assert_snapshot!(tidy(&becomes(&world, "ops", MAYA, &message).await.text), @"
    ⛔ Not approved: @UOMAR declined `ec2 stop db-1`, so it was not run. Nothing was changed.
    On `db-1 (i-00000000000000001)`. Asked by @UMAYA.
    (req XXXX)
    ");
    let message = ask().await;
    insta::assert_snapshot!(presses(&world, MAYA, &message, "Decline").await, @r"
    ✅ Done: `ec2 stop db-1` is called off. Nothing was changed.
    (req XXXX)
    ");
    insta::assert_snapshot!(tidy(&becomes(&world, "ops", MAYA, &message).await.text), @"
    ⛔ Called off: `ec2 stop db-1` was called off by @UMAYA and was not run. Nothing was changed.
    On `db-1 (i-00000000000000001)`. Asked by @UMAYA.
    (req XXXX)
    ");
    let message = ask().await;
    insta::assert_snapshot!(tidy(&becomes(&world, "ops", MAYA, &message).await.text), @"
    ⛔ Not approved: Nobody approved `ec2 stop db-1` within 6 seconds, so it was not run. Nothing was changed.
    On `db-1 (i-00000000000000001)`. Asked by @UMAYA.
    (req XXXX)
    ");
    assert_eq!(made(&world, "StopInstances"), 0);
    world.ends_clean().await;
}

/// Whoever approves, and whoever reads afterwards what became of it, sees every id whole, however long the names.
#[actix_web::test]
async fn every_target_stands_in_the_question_its_dialog_and_the_last_word() {
    const NAMES: [&str; 5] = [
        "payments-worker-of-the-european-region-with-a-very-long-name-1",
        "payments-worker-of-the-european-region-with-a-very-long-name-2",
        "payments-worker-of-the-european-region-with-a-very-long-name-3",
        "payments-worker-of-the-european-region-with-a-very-long-name-4",
        "payments-worker-of-the-european-region-with-a-very-long-name-5",
    ];
    let world = World::new().await;
    let ids = world.fleet(&NAMES.map(|name| Seed { name, ..DB })).await;
    world.says(MAYA, "ops", "@drone ec2 stop name:payments-*").await;
    let message = asking(&world, "ops", OMAR).await;
    let buttons = message.blocks.as_array().into_iter().flatten().filter_map(|block| block["elements"].as_array());
    let approve = buttons.flatten().find(|element| element["text"]["text"] == "Approve").expect("the button");
    let dialog = approve["confirm"]["text"]["text"].as_str().expect("a question").to_owned();
    world.slack.presses(OMAR, &message, "Decline").await;
    let last = becomes(&world, "ops", MAYA, &message).await.text;
    for text in [&message.text, &dialog, &last] {
        assert!(ids.iter().all(|id| text.contains(id.as_str())), "{text}");
    }
    assert!(last.contains(&format!("@{OMAR} declined")) && last.contains(&format!("Asked by @{MAYA}.")), "{last}");
    assert_eq!(made(&world, "StopInstances"), 0);
    world.ends_clean().await;
}

#[actix_web::test]
async fn an_approval_is_for_the_plan_that_was_shown() {
    let world = World::new().await;
    let ids = world.fleet(&[DB]).await;
    world.says(MAYA, "ops", "@drone ec2 stop db-1").await;
    let message = asking(&world, "ops", OMAR).await;
    let tag = Tag::builder().key("env").value("prod").build();
    let aws = client(&world.aws_url, HOME).await;
    aws.create_tags().resources(&ids[0]).tags(tag).send().await.expect("it is tagged");
    presses(&world, OMAR, &message, "Approve").await;
    insta::assert_snapshot!(tidy(&becomes(&world, "ops", MAYA, &message).await.text), @"
    ⛔ Refused: What `ec2 stop db-1` would do is not any more what was approved, so I did not run it. Nothing was changed. Send it again, and the new plan will be shown.
    On `db-1 (i-00000000000000001)`. Asked by @UMAYA, approved by @UOMAR.
    (req XXXX)
    ");
    assert_eq!((made(&world, "StopInstances"), world.state(HOME, &ids[0]).await.as_str()), (0, "running"));
    world.ends_clean().await;
}

#[actix_web::test]
async fn what_waits_outlives_the_process_as_often_as_it_dies() {
    let mut world = World::new().await;
    let ids = world.fleet(&[DB]).await;
    world.slack.slash(MAYA, "ops", "ec2 stop db-1").await;
    let message = asking(&world, "ops", OMAR).await;
    for _ in 0..3 {
        world.kill_bot();
        world.wake().await;
    }
    presses(&world, OMAR, &message, "Approve").await;
    let answer = becomes(&world, "ops", MAYA, &message).await;
    assert!(answer.text.starts_with("✅ Done"), "{}", answer.text);
    assert_eq!((made(&world, "StopInstances"), world.state(HOME, &ids[0]).await.as_str()), (1, "stopped"));
    world.ends_clean().await;
}

#[actix_web::test]
async fn a_stop_does_not_wait_for_people() {
    let mut world = World::new().await;
    world.fleet(&[DB]).await;
    world.slack.slash(MAYA, "ops", "ec2 stop db-1").await;
    let message = asking(&world, "ops", OMAR).await;
    let begun = tokio::time::Instant::now();
    let bot = world.bot.take().expect("the bot runs");
    bot.terminate().await;
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    world.wake().await;
    presses(&world, OMAR, &message, "Decline").await;
    becomes(&world, "ops", MAYA, &message).await;
    world.ends_clean().await;
}

/// Killed when it was approved, and before the change began: planned, its call not made.
#[actix_web::test]
async fn approved_and_killed_before_it_began_it_is_begun_on_the_same_approval() {
    let mut world = World::new().await;
    let ids = world.fleet(&[DB]).await;
    world.says(MAYA, "ops", "@drone ec2 stop db-1").await;
    let message = asking(&world, "ops", OMAR).await;
    let rehearsals = made(&world, "DryRun:StopInstances");
    world.aws.break_next("DryRun:StopInstances", Trouble::Delay(Duration::from_secs(60)), 1);
    world.slack.presses(OMAR, &message, "Approve").await;
    until("it is planned again", async || made(&world, "DryRun:StopInstances") > rehearsals).await;
    world.kill_bot();
    world.wake().await;
    let answer = becomes(&world, "ops", MAYA, &message).await;
    assert!(answer.text.contains("approved by"), "{}", answer.text);
    assert_eq!((made(&world, "StopInstances"), world.state(HOME, &ids[0]).await.as_str()), (1, "stopped"));
    world.ends_clean().await;
}

/// The one that asked dies; the word is heard by the other, which has the request by then or adopts it later.
#[actix_web::test]
async fn what_waits_is_served_by_whoever_is_alive() {
    let env = vec![("DRONEBOT__DELIVERY__POLL_MS", "200".into())];
    let mut world = World::with(Options { lease: Some(LEASE), env, ..Options::default() }).await;
    let ids = world.fleet(&[DB, WEB]).await;
    world.slack.slash(MAYA, "ops", "ec2 stop db-1").await;
    let message = asking(&world, "ops", OMAR).await;
    world.one_more().await;
    // both live: it does not matter which of them hears it
    presses(&world, MAYA, &message, "Approve").await;
    world.kill_bot();
    world.slack.presses(OMAR, &message, "Approve").await;
    let answer = becomes(&world, "ops", MAYA, &message).await;
    assert!(answer.text.starts_with("✅ Done") && answer.text.contains("approved by"), "{}", answer.text);
    assert_eq!((made(&world, "StopInstances"), world.state(HOME, &ids[0]).await.as_str()), (1, "stopped"));
    world.bot = world.others.pop();
    world.ends_clean().await;
}

/// Nobody says anything, and the one that asked is dead when its time is over: the other one says so.
#[actix_web::test]
async fn the_end_of_its_time_is_told_by_whoever_is_alive() {
    let env = vec![
        ("DRONEBOT__DELIVERY__POLL_MS", "200".into()),
        ("DRONEBOT__EXECUTION__APPROVE_WITHIN_SECONDS", "5".into()),
    ];
    let mut world = World::with(Options { lease: Some(LEASE), env, ..Options::default() }).await;
    world.fleet(&[DB]).await;
    world.slack.slash(MAYA, "ops", "ec2 stop db-1").await;
    let message = asking(&world, "ops", OMAR).await;
    world.one_more().await;
    world.kill_bot();
    let answer = becomes(&world, "ops", MAYA, &message).await;
    assert!(answer.text.contains("Nobody approved"), "{}", answer.text);
    assert_eq!(made(&world, "StopInstances"), 0);
    world.bot = world.others.pop();
    world.ends_clean().await;
}

/// A word said on one replica is acted on by the one that has the request.
#[actix_web::test]
async fn of_two_words_at_once_on_two_replicas_both_count_and_it_is_done_once() {
    let policies = tempfile::NamedTempFile::new().expect("a file");
    let shipped = include_str!("../../config/policies.cedar");
    let two = r#"
@id("two-others")
@reason("it needs two others")
forbid (principal, action == Action::"ec2:stop", resource is Target) when { context.approvals < 2 };
@id("viewers-change")
permit (principal in Group::"viewers", action in Action::"change", resource);
"#;
    std::fs::write(policies.path(), format!("{shipped}\n{two}")).expect("it is written");
    let env = vec![
        ("DRONEBOT__DELIVERY__POLL_MS", "200".into()),
        ("DRONEBOT__POLICY__POLICIES", policies.path().display().to_string()),
    ];
    let mut world = World::with(Options { lease: Some(10), env, ..Options::default() }).await;
    world.one_more().await;
    let ids = world.fleet(&[WEB]).await;
    world.slack.slash(MAYA, "ops", "ec2 stop web-1").await;
    let message = asking(&world, "ops", OMAR).await;
    assert!(message.text.contains("2 other people"), "{}", message.text);
    tokio::join!(world.slack.presses(OMAR, &message, "Approve"), world.slack.presses(VERA, &message, "Approve"));
    let answer = becomes(&world, "ops", MAYA, &message).await;
    assert!(answer.text.starts_with("✅ Done") && answer.text.contains(" and "), "{}", answer.text);
    assert_eq!((made(&world, "StopInstances"), world.state(HOME, &ids[0]).await.as_str()), (1, "stopped"));
    world.ends_clean().await;
}
