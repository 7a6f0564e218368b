//! `kill -9` in every place of a command's way, and what the person reads after the next start: one answer, and no call
//! made twice.

use crate::support::{HOME, LEASE, MAYA, Message, Options, Seed, Trouble, World, tidy, until};
use std::time::Duration;

/// What kills of this kind have in common.
const WEB: Seed = Seed { region: HOME, name: "web-1", kind: "t3.micro", stopped: false, tags: &[] };

/// Instances stay on their way until the test lets them arrive.
const NEVER_BY_ITSELF: Duration = Duration::from_secs(86_400);

fn made(world: &World, action: &str) -> usize {
    world.aws.calls().iter().filter(|(call, _)| call == action).count()
}

/// The progress message, once the bot has noted that it was delivered: one whose delivery is not known is not edited.
async fn shown(world: &World) -> Message {
    let progress = world.slack.hears("ops", MAYA, "⏳", 0).await;
    let bot = world.bot.as_ref().expect("the bot runs");
    until("its delivery is noted", async || bot.metric("dronebot_deliveries_total", &["sent"]).await.is_some()).await;
    progress
}

/// Ends the bot, and returns everything it has ever said in #ops as this person sees it.
async fn all_that_was_said(mut world: World, who: &str) -> Vec<Message> {
    let exit = world.bot.take().expect("the bot runs").terminate().await;
    assert_eq!(exit, crate::support::Exit::Code(0), "log:\n{}", world.log());
    world.leaves_nothing();
    world.slack.from_bot("ops", who, 0).await
}

#[actix_web::test]
async fn killed_while_a_stop_is_waited_for_the_next_life_looks_and_reports_once() {
    let mut world = World::with(Options { lag: NEVER_BY_ITSELF, ..Options::default() }).await;
    let ids = world.fleet(&[WEB]).await;
    world.slack.slash(MAYA, "ops", "ec2 stop web-1").await;
    until("the stop is called", async || made(&world, "StopInstances") == 1).await;
    let progress = shown(&world).await;
    world.kill_bot();
    world.wake().await;
    world.aws.arrive();
    let answer = world.slack.final_answer("ops", MAYA, None, 0).await;
    insta::assert_snapshot!(tidy(&answer.text), @r"
    ✅ Done: I was restarted while running `ec2 stop web-1`.
    I looked: `web-1 (i-00000000000000001)` is stopped.
    `web-1 (i-00000000000000001)` has lost its public address `ADDRESS`; a start gives it another.
    (req XXXX)
    ");
    assert_eq!(answer.ts, progress.ts, "the message of before was edited");
    assert_eq!(world.state(HOME, &ids[0]).await, "stopped");
    assert_eq!(made(&world, "StopInstances"), 1);
    let said = all_that_was_said(world, MAYA).await;
    assert_eq!(said.len(), 1, "{said:?}");
}

#[actix_web::test]
async fn killed_twice_there_is_still_one_answer_in_the_thread() {
    let mut world = World::with(Options { lag: NEVER_BY_ITSELF, ..Options::default() }).await;
    world.fleet(&[WEB]).await;
    let ts = world.says(MAYA, "ops", "@drone ec2 stop web-1").await;
    until("the stop is called", async || made(&world, "StopInstances") == 1).await;
    let progress = shown(&world).await;
    world.kill_bot();
    let looks = made(&world, "DescribeInstances");
    world.wake().await;
    until("the second life looks", async || made(&world, "DescribeInstances") > looks).await;
    world.kill_bot();
    world.wake().await;
    world.aws.arrive();
    let answer = world.slack.final_answer("ops", MAYA, Some(&ts), 0).await;
    insta::assert_snapshot!(tidy(&answer.text), @r"
    ✅ Done: I was restarted while running `ec2 stop web-1`.
    I looked: `web-1 (i-00000000000000001)` is stopped.
    `web-1 (i-00000000000000001)` has lost its public address `ADDRESS`; a start gives it another.
    (req XXXX)
    ");
    assert_eq!(answer.ts, progress.ts, "the message of before was edited");
    assert_eq!(made(&world, "StopInstances"), 1);
    let said = all_that_was_said(world, MAYA).await;
    assert_eq!(said.len(), 1, "{said:?}");
}

#[actix_web::test]
async fn killed_when_the_call_died_on_the_way_the_next_life_says_that_it_was_not_done() {
    // for as long as a call may take, the one that died could still arrive
    let env = vec![("DRONEBOT__AWS__CALL_TIMEOUT_SECONDS", "6".into())];
    let mut world = World::with(Options { env, ..Options::default() }).await;
    world.fleet(&[WEB]).await;
    // the call begins, and dies on the way
    world.aws.break_next("StopInstances", Trouble::Swallow, 1);
    world.slack.slash(MAYA, "ops", "ec2 stop web-1").await;
    until("the stop is called", async || made(&world, "StopInstances") == 1).await;
    world.kill_bot();
    world.wake().await;
    let answer = world.slack.final_answer("ops", MAYA, None, 0).await;
    insta::assert_snapshot!(tidy(&answer.text), @r"
    ❌ Failed: I was restarted while running `ec2 stop web-1`.
    I looked: `web-1 (i-00000000000000001)` is still running, so it was not stopped. Look with `ec2 show i-00000000000000001 --region eu-central-1`. To try again, say `ec2 stop i-00000000000000001 --region eu-central-1`.
    (req XXXX)
    ");
    assert_eq!(made(&world, "StopInstances"), 1, "it is not called again");
    let said = all_that_was_said(world, MAYA).await;
    assert_eq!(said.len(), 1, "{said:?}");
}

#[actix_web::test]
async fn killed_before_a_change_began_it_is_begun_if_it_is_young() {
    let mut world = World::new().await;
    let ids = world.fleet(&[WEB]).await;
    world.aws.break_next("DryRun:StopInstances", Trouble::Delay(Duration::from_secs(60)), 1);
    world.slack.slash(MAYA, "ops", "ec2 stop web-1").await;
    until("it is being planned", async || made(&world, "DryRun:StopInstances") == 1).await;
    world.kill_bot();
    world.wake().await;
    let answer = world.slack.final_answer("ops", MAYA, None, 0).await;
    insta::assert_snapshot!(tidy(&answer.text), @r"
    ✅ Done: `web-1 (i-00000000000000001)`: running → stopped after N s.
    `web-1 (i-00000000000000001)` has lost its public address `ADDRESS`; a start gives it another.
    (req XXXX)
    ");
    assert_eq!(world.state(HOME, &ids[0]).await, "stopped");
    assert_eq!(made(&world, "StopInstances"), 1);
    let said = all_that_was_said(world, MAYA).await;
    assert_eq!(said.len(), 1, "{said:?}");
}

#[actix_web::test]
async fn killed_before_a_change_began_it_is_not_begun_if_it_is_old() {
    let env = vec![("DRONEBOT__EXECUTION__RESUME_WITHIN_SECONDS", "0".into())];
    let mut world = World::with(Options { env, ..Options::default() }).await;
    let ids = world.fleet(&[WEB]).await;
    world.aws.break_next("DryRun:StopInstances", Trouble::Delay(Duration::from_secs(60)), 1);
    world.slack.slash(MAYA, "ops", "ec2 stop web-1").await;
    until("it is being planned", async || made(&world, "DryRun:StopInstances") == 1).await;
    world.kill_bot();
    world.wake().await;
    let answer = world.slack.final_answer("ops", MAYA, None, 0).await;
    insta::assert_snapshot!(tidy(&answer.text), @r"
    ❌ Failed: I was restarted before I began `ec2 stop web-1`. Nothing was changed. Send it again if you still want it.
    (req XXXX)
    ");
    assert_eq!(made(&world, "StopInstances"), 0);
    assert_eq!(world.state(HOME, &ids[0]).await, "running");
    let said = all_that_was_said(world, MAYA).await;
    assert_eq!(said.len(), 1, "{said:?}");
}

#[actix_web::test]
async fn killed_while_it_reads_it_reads_again_and_answers_once() {
    let mut world = World::new().await;
    world.fleet(&[WEB]).await;
    let before = made(&world, "DescribeInstances");
    world.aws.break_next("DescribeInstances", Trouble::Delay(Duration::from_secs(60)), 1);
    world.slack.slash(MAYA, "ops", "ec2 list").await;
    until("it is reading", async || made(&world, "DescribeInstances") > before).await;
    world.kill_bot();
    world.wake().await;
    let answer = world.slack.final_answer("ops", MAYA, None, 0).await;
    insta::assert_snapshot!(tidy(&answer.text), @r"
    1 instance in `eu-central-1`: 1 running.
    ```
    name   id                   state    type
    web-1  i-00000000000000001  running  t3.micro
    ```
    ");
    let said = all_that_was_said(world, MAYA).await;
    assert_eq!(said.len(), 1, "{said:?}");
}

/// Reading takes longer than the bot lives.
const FOR_EVER: Duration = Duration::from_secs(3_600);

/// Kills the bot twice while it reads for a command that was sent, and starts it again each time.
async fn kill_twice_while_it_reads(world: &mut World, before: usize) {
    for times in 1..=2 {
        until("it reads", async || made(world, "DescribeInstances") == before + times).await;
        world.kill_bot();
        world.wake().await;
    }
}

#[actix_web::test]
async fn what_killed_the_bot_twice_is_answered_in_its_third_life_and_not_tried_again() {
    let mut world = World::new().await;
    world.fleet(&[WEB]).await;
    let before = made(&world, "DescribeInstances");
    world.aws.break_next("DescribeInstances", Trouble::Delay(FOR_EVER), 2);
    world.slack.slash(MAYA, "ops", "ec2 list").await;
    kill_twice_while_it_reads(&mut world, before).await;
    let answer = world.slack.final_answer("ops", MAYA, None, 0).await;
    insta::assert_snapshot!(tidy(&answer.text), @r"
    ❌ Failed: I broke twice while I had `ec2 list` in hand, perhaps because of it, so I do not try it again. Nothing was changed by it. Send it again if you still want it; if I break again, give `req XXXX` to the platform team.
    (req XXXX)
    ");
    assert_eq!(made(&world, "DescribeInstances"), before + 2, "the third life did not read for it");
    let bot = world.bot();
    assert_eq!(bot.metric("dronebot_commands_total", &["poison"]).await, Some(1.0));
    // it lives on, and the next life finds nothing of it
    world.still_works().await;
    assert!(world.asks(MAYA, "ec2 list").await.contains("web-1"));
    world.kill_bot();
    world.wake().await;
    world.still_works().await;
    let said = all_that_was_said(world, MAYA).await;
    assert_eq!(said.len(), 2, "{said:?}");
}

#[actix_web::test]
async fn what_killed_two_replicas_is_answered_by_the_third_and_not_tried_again() {
    let env = vec![("DRONEBOT__DELIVERY__POLL_MS", "200".into())];
    let mut world = World::with(Options { lease: Some(LEASE), env, ..Options::default() }).await;
    world.fleet(&[WEB]).await;
    let before = made(&world, "DescribeInstances");
    world.aws.break_next("DescribeInstances", Trouble::Delay(FOR_EVER), 2);
    let ts = world.says(MAYA, "ops", "@drone ec2 list").await;
    kill_twice_while_it_reads(&mut world, before).await;
    let answer = world.slack.final_answer("ops", MAYA, Some(&ts), 0).await;
    assert!(answer.text.contains("I broke twice while I had `ec2 list` in hand"), "{}", answer.text);
    assert_eq!(made(&world, "DescribeInstances"), before + 2, "the third did not read for it");
    world.rests().await;
    assert_eq!(world.answers("ops", MAYA, 0).await.len(), 1);
}

#[actix_web::test]
async fn a_bot_that_says_goodbye_has_not_died_of_what_it_had_in_hand() {
    let env = vec![("DRONEBOT__SHUTDOWN__DRAIN_SECONDS", "0.5".to_owned())];
    let mut world = World::with(Options { env, ..Options::default() }).await;
    world.fleet(&[WEB]).await;
    let before = made(&world, "DescribeInstances");
    world.aws.break_next("DescribeInstances", Trouble::Delay(FOR_EVER), 3);
    world.slack.slash(MAYA, "ops", "ec2 list").await;
    for times in 1..=3 {
        until("it reads", async || made(&world, "DescribeInstances") == before + times).await;
        let exit = world.bot.take().expect("the bot runs").terminate().await;
        assert_eq!(exit, crate::support::Exit::Code(0), "log:\n{}", world.log());
        world.wake().await;
    }
    let answer = world.slack.final_answer("ops", MAYA, None, 0).await;
    assert!(answer.text.contains("web-1"), "{}", answer.text);
    let said = all_that_was_said(world, MAYA).await;
    assert_eq!(said.len(), 1, "{said:?}");
}
