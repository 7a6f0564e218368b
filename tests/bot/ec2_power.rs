//! `ec2 start`, `ec2 stop` and `ec2 reboot`: what is changed, what is refused, and what is said when AWS does not play
//! along.

use crate::support::fleet::{DEMO, Seed, client};
use crate::support::{HOME, MAYA, Message, NINA, OMAR, Options, Trouble, VERA, World, tidy, until};
use std::time::Duration;

const US: &str = "us-east-1";

/// How often AWS was asked to make this call.
fn made(world: &World, action: &str) -> usize {
    world.aws.calls().iter().filter(|(call, _)| call == action).count()
}

/// The bot asked AWS for no change; the harness itself did when it stopped instances of the fleet, before the bot's
/// first question.
fn assert_untouched(world: &World) {
    let calls = world.aws.calls();
    let mut of_bot = calls.iter().map(|(call, _)| call.as_str()).skip_while(|call| *call != "GetCallerIdentity");
    let changes = ["StopInstances", "StartInstances", "RebootInstances"];
    assert!(of_bot.all(|call| !changes.contains(&call)), "{calls:?}");
}

fn one(name: &'static str, stopped: bool) -> Seed {
    Seed { region: HOME, name, kind: "t3.micro", stopped, tags: &[("env", "dev")] }
}

#[actix_web::test]
async fn an_instance_is_stopped_and_started_by_name_id_and_tag() {
    let world = World::new().await;
    let ids = world.fleet(&[one("web-1", false), one("web-2", false)]).await;
    insta::assert_snapshot!(world.reads(MAYA, "ec2 stop web-1").await, @r"
    ✅ Done: `web-1 (i-00000000000000001)`: running → stopped after N s.
    `web-1 (i-00000000000000001)` has lost its public address `ADDRESS`; a start gives it another.
    (req XXXX)
    ");
    assert_eq!(world.state(HOME, &ids[0]).await, "stopped");
    assert_eq!(world.state(HOME, &ids[1]).await, "running");
    insta::assert_snapshot!(world.reads(MAYA, &format!("ec2 start {}", ids[0])).await, @r"
    ✅ Done: `web-1 (i-00000000000000001)`: stopped → running after N s. Its public address is `ADDRESS`.
    (req XXXX)
    ");
    assert_eq!(world.state(HOME, &ids[0]).await, "running");
    insta::assert_snapshot!(world.reads(MAYA, "ec2 stop tag:env=dev").await, @r"
    ✅ Done
    • `web-1 (i-00000000000000001)`: running → stopped after N s.
    • `web-2 (i-00000000000000002)`: running → stopped after N s.
    `web-1 (i-00000000000000001)` has lost its public address `ADDRESS`; a start gives it another.
    `web-2 (i-00000000000000002)` has lost its public address `ADDRESS`; a start gives it another.
    (req XXXX)
    ");
    assert_eq!(world.state(HOME, &ids[1]).await, "stopped");
    insta::assert_snapshot!(world.reads(MAYA, "ec2 start name:web-*").await, @r"
    ✅ Done
    • `web-1 (i-00000000000000001)`: stopped → running after N s. Its public address is `ADDRESS`.
    • `web-2 (i-00000000000000002)`: stopped → running after N s. Its public address is `ADDRESS`.
    (req XXXX)
    ");
    insta::assert_snapshot!(world.reads(MAYA, "ec2 reboot web-1").await, @r"
    ✅ Done: AWS accepted the reboot of `web-1 (i-00000000000000001)`; it is running, its status checks say instance ok, system ok. AWS gives no proof of a reboot: the uptime on the instance does.
    (req XXXX)
    ");
    assert_eq!((made(&world, "StopInstances"), made(&world, "StartInstances")), (2, 2));
    assert_eq!(made(&world, "RebootInstances"), 1);
    world.ends_clean().await;
}

#[actix_web::test]
async fn what_is_so_already_is_said_and_nothing_is_called() {
    let world = World::new().await;
    let ids = world.fleet(&[one("web-1", false), one("web-2", true), one("web-3", true)]).await;
    insta::assert_snapshot!(world.reads(MAYA, "ec2 start web-1").await, @"`web-1 (i-00000000000000001)` is already running. Nothing was changed.");
    insta::assert_snapshot!(world.reads(MAYA, "ec2 stop web-2 web-3").await, @r"
    • `web-2 (i-00000000000000001)` is already stopped.
    • `web-3 (i-00000000000000002)` is already stopped.
    Nothing was changed.
    ");
    insta::assert_snapshot!(world.reads(MAYA, "ec2 reboot web-2").await, @r"
    ⛔ Refused: `web-2 (i-00000000000000001)` is stopped: only a running instance can be rebooted; `ec2 start` starts it.
    Nothing was changed.
    (req XXXX)
    ");
    assert_untouched(&world);
    // one of them is not so
    insta::assert_snapshot!(world.reads(MAYA, "ec2 stop web-1 web-2").await, @r"
    ✅ Done
    • `web-1 (i-00000000000000001)`: running → stopped after N s.
    • `web-2 (i-00000000000000002)` was already stopped, or on its way there. Nothing was changed.
    `web-1 (i-00000000000000001)` has lost its public address `ADDRESS`; a start gives it another.
    (req XXXX)
    ");
    let stopped = world.aws.calls().into_iter().rfind(|(call, _)| call == "StopInstances").map(|(_, ids)| ids);
    assert_eq!(stopped, Some(vec![ids[0].clone()]), "only the one that ran");
    world.ends_clean().await;
}

#[actix_web::test]
async fn what_is_gone_cannot_be_started() {
    let world = World::new().await;
    let ids = world.fleet(&[one("web-1", false), one("web-2", true)]).await;
    let aws = client(&world.aws_url, HOME).await;
    aws.terminate_instances().instance_ids(&ids[0]).send().await.expect("it is terminated");
    insta::assert_snapshot!(world.reads(MAYA, &format!("ec2 start {}", ids[0])).await, @r"
    ⛔ Refused: `web-1 (i-00000000000000001)` is terminated: it is gone for good.
    Nothing was changed.
    (req XXXX)
    ");
    insta::assert_snapshot!(world.reads(MAYA, &format!("ec2 start {} web-2", ids[0])).await, @r"
    ⛔ Refused: `web-1 (i-00000000000000001)` is terminated: it is gone for good.
    Nothing was changed.
    (req XXXX)
    ");
    assert_untouched(&world);
    world.ends_clean().await;
}

#[actix_web::test]
async fn a_target_must_be_known_and_one() {
    let world = World::new().await;
    world.fleet(DEMO).await;
    insta::assert_snapshot!(world.reads(MAYA, "ec2 stop build").await, @r"
    ❔ Not run: `build` is the name of 2 instances. Nothing was changed. Say by its id which one you mean.
    • `i-00000000000000001` running, c5.xlarge, eu-central-1a, launched DATE
    • `i-00000000000000002` stopped, c5.xlarge, eu-central-1a, launched DATE
    ▸ Show i-00000000000000001: ec2 show i-00000000000000001 --region eu-central-1
    ▸ Show i-00000000000000002: ec2 show i-00000000000000002 --region eu-central-1
    ");
    insta::assert_snapshot!(world.reads(MAYA, "ec2 stop web-9").await, @r"
    ❔ Not run: I found no instance with the name `web-9` in `eu-central-1`. Nothing was changed. If it is in another region, add `--region <region>`; `ec2 list --region all` shows every instance.
    Did you mean one of these?
    • `web-1 (i-00000000000000001)` running
    • `web-2 (i-00000000000000002)` running
    ▸ ec2 stop web-1 (i-00000000000000001)…: ec2 stop i-00000000000000001 --region eu-central-1
    ▸ ec2 stop web-2 (i-00000000000000002)…: ec2 stop i-00000000000000002 --region eu-central-1
    ▸ List every instance: ec2 list --region all
    ");
    insta::assert_snapshot!(world.reads(MAYA, "ec2 stop web-1 edge-1").await, @r"
    ❔ Not run: I found no instance with the name `edge-1` in `eu-central-1`. Nothing was changed. If it is in another region, add `--region <region>`; `ec2 list --region all` shows every instance.
    ▸ List every instance: ec2 list --region all
    ");
    insta::assert_snapshot!(world.reads(MAYA, "ec2 stop i-0123456789abcdef0").await, @r"
    ❔ Not run: I found no instance `i-00000000000000001` in `eu-central-1`. Nothing was changed. If it is in another region, add `--region <region>`; `ec2 list --region all` shows every instance.
    ▸ List every instance: ec2 list --region all
    ");
    insta::assert_snapshot!(world.reads(MAYA, "ec2 stop tag:env=nowhere").await, @r"
    ❔ Not run: I found no instance that fits `tag:env=nowhere` in `eu-central-1`. Nothing was changed. If it is in another region, add `--region <region>`; `ec2 list --region all` shows every instance.
    ▸ List every instance: ec2 list --region all
    ");
    insta::assert_snapshot!(world.reads(MAYA, "ec2 stop name:*").await, @r"
    ⛔ Refused: `name:*` means 8 instances, and one command may change 5 at most. Nothing was changed. Name fewer, or do it in parts.
    (req XXXX)
    ");
    assert_untouched(&world);
    world.ends_clean().await;
}

#[actix_web::test]
async fn who_may_not_is_told_why_and_who_could() {
    let world = World::new().await;
    world.fleet(DEMO).await;
    insta::assert_snapshot!(world.reads(VERA, "ec2 stop web-1").await, @r"
    ⛔ Refused: `ec2 stop` needs the group operators; you are in viewers. Nothing was changed.
    Ask @UMAYA or @UOMAR.
    (req XXXX)
    ");
    insta::assert_snapshot!(world.reads(NINA, "ec2 stop web-1").await, @r"
    ⛔ Refused: `ec2 stop` needs the group operators; you are in no group. Nothing was changed.
    Ask @UMAYA or @UOMAR.
    (req XXXX)
    ");
    insta::assert_snapshot!(world.reads(MAYA, "ec2 stop db-1").await, @r"
    ⛔ Refused: `ec2 stop` may not be run on `db-1 (i-00000000000000001)`: it is tagged as protected; take the tag off in AWS first if it really must change. Nothing was changed.
    (req XXXX)
    ");
    insta::assert_snapshot!(world.reads(MAYA, "ec2 stop web-1 db-1").await, @r"
    ⛔ Refused: `ec2 stop` may not be run on `db-1 (i-00000000000000001)`: it is tagged as protected; take the tag off in AWS first if it really must change. Nothing was changed.
    (req XXXX)
    ");
    assert_untouched(&world);
    world.ends_clean().await;
}

#[actix_web::test]
async fn a_member_of_a_scaling_group_is_stopped_with_a_caution() {
    let world = World::new().await;
    world.fleet(DEMO).await;
    insta::assert_snapshot!(world.reads(MAYA, "ec2 stop asg-web").await, @r"
    ✅ Done: `asg-web (i-00000000000000001)`: running → stopped after N s.
    `asg-web (i-00000000000000001)` has lost its public address `ADDRESS`; a start gives it another.
    `asg-web (i-00000000000000001)` is in the Auto Scaling group `shop-web`, which may terminate and replace a stopped instance.
    (req XXXX)
    ");
    world.ends_clean().await;
}

#[actix_web::test]
async fn what_aws_protects_is_not_tried() {
    let world = World::new().await;
    let ids = world.fleet(&[one("web-1", false)]).await;
    let aws = client(&world.aws_url, HOME).await;
    let protected = aws_sdk_ec2::types::AttributeBooleanValue::builder().value(true).build();
    let protect = aws.modify_instance_attribute().instance_id(&ids[0]).disable_api_stop(protected);
    protect.send().await.expect("it is protected");
    insta::assert_snapshot!(world.reads(MAYA, "ec2 stop web-1").await, @r"
    ⛔ Refused: `web-1 (i-00000000000000001)` has stop protection (`DisableApiStop`), so I do not stop it. Its owner can take the protection off.
    Nothing was changed.
    (req XXXX)
    ");
    assert_untouched(&world);
    assert_eq!(world.state(HOME, &ids[0]).await, "running");
    world.ends_clean().await;
}

#[actix_web::test]
async fn several_regions_are_changed_by_one_command_and_a_refusal_stops_the_rest() {
    let world = World::new().await;
    let ids = world.fleet(DEMO).await;
    let both = "--region us-east-1,eu-central-1";
    insta::assert_snapshot!(world.reads(MAYA, &format!("ec2 stop web-1 edge-1 {both}")).await, @r"
    ✅ Done
    • `web-1 (i-00000000000000001)`: running → stopped after N s.
    • `edge-1 (i-00000000000000002)`: running → stopped after N s.
    `web-1 (i-00000000000000001)` has lost its public address `ADDRESS`; a start gives it another.
    `edge-1 (i-00000000000000002)` has lost its public address `ADDRESS`; a start gives it another.
    (req XXXX)
    ");
    world.aws.break_next("eu-central-1/StartInstances", Trouble::Error("InsufficientInstanceCapacity", 500), 1);
    insta::assert_snapshot!(world.reads(MAYA, &format!("ec2 start web-1 edge-1 {both}")).await, @r"
    ❌ Failed
    • AWS has no capacity left for this (`InsufficientInstanceCapacity`, `eu-central-1`, account `ACCOUNT`): Insufficient capacity. `web-1 (i-00000000000000001)` was not started. Try again later, or with another type or availability zone.
    • `edge-1 (i-00000000000000002)` was not tried, because the one before failed.
    (req XXXX)
    ");
    world.aws.break_next("us-east-1/StartInstances", Trouble::Error("RequestLimitExceeded", 503), 1);
    insta::assert_snapshot!(world.reads(MAYA, &format!("ec2 start web-1 edge-1 {both}")).await, @r"
    ⚠️ Partly done: 1 of 2 was started.
    • `web-1 (i-00000000000000001)`: stopped → running after N s. Its public address is `ADDRESS`.
    • AWS is limiting our calls (`RequestLimitExceeded`, `us-east-1`, account `ACCOUNT`): Request limit exceeded. `edge-1 (i-00000000000000002)` was not started. Try again in a minute.
    (req XXXX)
    ");
    assert_eq!(
        (world.state(HOME, &ids[0]).await, world.state(US, &ids[8]).await),
        ("running".into(), "stopped".into())
    );
    world.ends_clean().await;
}

#[actix_web::test]
async fn a_refusal_of_aws_is_a_sentence() {
    let world = World::new().await;
    let ids = world.fleet(&[one("web-1", false), one("web-2", true)]).await;
    let troubles = |action, code, status| world.aws.break_next(action, Trouble::Error(code, status), 1);
    troubles("DryRun:StopInstances", "UnauthorizedOperation", 403);
    insta::assert_snapshot!(world.reads(MAYA, "ec2 stop web-1").await, @r"
    ❌ Failed: AWS does not allow me `ec2:StopInstances` (`UnauthorizedOperation`, `eu-central-1`, account `ACCOUNT`): You are not authorized to perform this operation. User: arn:aws:sts::123456789012:assumed-role/dronebot/task is not authorized to perform: ec2:StopInstances because no identity-based policy allows the ec2:StopInstances action. Nothing was changed. Ask the platform team to look at the bot's IAM role.
    (req XXXX)
    ");
    assert_untouched(&world);
    troubles("StopInstances", "RequestLimitExceeded", 503);
    insta::assert_snapshot!(world.reads(MAYA, "ec2 stop web-1").await, @r"
    ❌ Failed: AWS is limiting our calls (`RequestLimitExceeded`, `eu-central-1`, account `ACCOUNT`): Request limit exceeded. `web-1 (i-00000000000000001)` was not stopped. Try again in a minute.
    (req XXXX)
    ");
    troubles("StartInstances", "InsufficientInstanceCapacity", 500);
    insta::assert_snapshot!(world.reads(MAYA, "ec2 start web-2").await, @r"
    ❌ Failed: AWS has no capacity left for this (`InsufficientInstanceCapacity`, `eu-central-1`, account `ACCOUNT`): Insufficient capacity. `web-2 (i-00000000000000001)` was not started. Try again later, or with another type or availability zone.
    (req XXXX)
    ");
    troubles("StopInstances", "IncorrectInstanceState", 400);
    insta::assert_snapshot!(world.reads(MAYA, "ec2 stop web-1").await, @r"
    ❌ Failed: Its state does not allow this now (`IncorrectInstanceState`, `eu-central-1`, account `ACCOUNT`): The instance 'i-00000000000000001' is not in a state from which it can be stopped. `web-1 (i-00000000000000001)` was not stopped. Look with `ec2 show`, and try again when it has settled.
    (req XXXX)
    ");
    troubles("StopInstances", "OperationNotPermitted", 400);
    insta::assert_snapshot!(world.reads(MAYA, "ec2 stop web-1").await, @r"
    ❌ Failed: AWS does not permit this on it (`OperationNotPermitted`, `eu-central-1`, account `ACCOUNT`): The instance 'i-00000000000000001' may not be stopped. Modify its 'disableApiStop' instance attribute and try again. `web-1 (i-00000000000000001)` was not stopped. Its owner can take the protection off.
    (req XXXX)
    ");
    troubles("DescribeInstances", "AuthFailure", 401);
    insta::assert_snapshot!(world.reads(MAYA, "ec2 stop web-1").await, @r"
    ❌ Failed: AWS does not accept my credentials (`AuthFailure`, `eu-central-1`, account `ACCOUNT`): AWS was not able to validate the provided access credentials. Nothing was changed. Where other regions answer, this one is not enabled for the account; else the platform team should look at the bot's AWS role.
    (req XXXX)
    ");
    troubles("StopInstances", "SomethingNew", 400);
    insta::assert_snapshot!(world.reads(MAYA, "ec2 stop web-1").await, @r"
    ❌ Failed: AWS did not accept the call `StopInstances` (`SomethingNew`, `eu-central-1`, account `ACCOUNT`). `web-1 (i-00000000000000001)` was not stopped. Check what you typed; if it is right, tell the platform team.
    (req XXXX)
    ");
    // one stop is the harness's own
    assert_eq!((made(&world, "StopInstances"), made(&world, "StartInstances")), (5, 1), "nothing is tried twice");
    assert_eq!(world.state(HOME, &ids[0]).await, "running");
    world.ends_clean().await;
}

#[actix_web::test]
async fn a_lost_answer_is_looked_up_and_the_call_is_not_repeated() {
    let env = vec![("DRONEBOT__AWS__CALL_TIMEOUT_SECONDS", "2".into())];
    let world = World::with(Options { env, ..Options::default() }).await;
    let ids = world.fleet(&[one("web-1", false)]).await;
    world.aws.break_next("StopInstances", Trouble::LoseAnswer, 1);
    insta::assert_snapshot!(world.reads(MAYA, "ec2 stop web-1").await, @r"
    ✅ Done: AWS did not confirm it. I looked: `web-1 (i-00000000000000001)` is stopped.
    `web-1 (i-00000000000000001)` has lost its public address `ADDRESS`; a start gives it another.
    (req XXXX)
    ");
    assert_eq!(world.state(HOME, &ids[0]).await, "stopped");
    world.aws.break_next("StartInstances", Trouble::Error("InternalError", 500), 1);
    insta::assert_snapshot!(world.reads(MAYA, "ec2 start web-1").await, @r"
    ❌ Failed: AWS did not confirm it. I looked: `web-1 (i-00000000000000001)` is still stopped, so it was not started. Look with `ec2 show i-00000000000000001 --region eu-central-1`. To try again, say `ec2 start i-00000000000000001 --region eu-central-1`.
    (req XXXX)
    ");
    assert_eq!((made(&world, "StopInstances"), made(&world, "StartInstances")), (1, 1));
    insta::assert_snapshot!(world.reads(MAYA, "ec2 start web-1").await, @r"
    ✅ Done: `web-1 (i-00000000000000001)`: stopped → running after N s. Its public address is `ADDRESS`.
    (req XXXX)
    ");
    world.aws.break_next("RebootInstances", Trouble::LoseAnswer, 1);
    insta::assert_snapshot!(world.reads(MAYA, "ec2 reboot web-1").await, @r"
    ⚠️ Outcome unknown: AWS did not confirm it. I looked: `web-1 (i-00000000000000001)` is running, its status checks say instance ok, system ok; whether it was rebooted, AWS does not tell. Look with `ec2 show i-00000000000000001 --region eu-central-1`. The uptime on the instance tells.
    (req XXXX)
    ");
    world.ends_clean().await;
}

/// What answers is not AWS, whatever its status says; what AWS did is seen by looking.
#[actix_web::test]
async fn a_page_in_place_of_aws_s_answer_is_a_lost_answer() {
    let world = World::new().await;
    let ids = world.fleet(&[one("web-1", false)]).await;
    let page = "<html><body>Access denied</body></html>";
    for (status, body) in [(200, page), (403, page), (407, ""), (408, ""), (502, "")] {
        for (command, call, state) in [("stop", "StopInstances", "stopped"), ("start", "StartInstances", "running")] {
            world.aws.break_next(call, Trouble::Page(status, body), 1);
            let text = world.reads(MAYA, &format!("ec2 {command} web-1")).await;
            let is_told = text.starts_with("✅ Done: AWS did not confirm it. I looked: `web-1")
                && text.contains(&format!("is {state}."));
            assert!(is_told, "{call} answered {status}: {text}");
            assert_eq!(world.state(HOME, &ids[0]).await, state);
        }
    }
    assert_eq!((made(&world, "StopInstances"), made(&world, "StartInstances")), (5, 5), "each once");
    // of a rehearsal nothing can have come
    world.aws.break_next("DryRun:StopInstances", Trouble::Page(200, page), 1);
    insta::assert_snapshot!(world.reads(MAYA, "ec2 stop web-1").await, @r"
    ❌ Failed: What came as the answer of AWS EC2 in `eu-central-1` is not AWS's own (HTTP 200): a proxy on the way, perhaps. Nothing was changed. Try again in a minute.
    (req XXXX)
    ");
    assert_eq!(world.state(HOME, &ids[0]).await, "running");
    world.ends_clean().await;
}

#[actix_web::test]
async fn what_takes_longer_than_the_bot_waits_is_not_called_done() {
    let env = vec![("DRONEBOT__COMMANDS__WAIT_SECONDS", "2".into())];
    let lag = Duration::from_secs(3_600);
    let world = World::with(Options { env, lag, ..Options::default() }).await;
    world.fleet(&[one("web-1", false)]).await;
    insta::assert_snapshot!(world.reads(MAYA, "ec2 stop web-1").await, @r"
    ⚠️ Outcome unknown: `web-1 (i-00000000000000001)` is still stopping after N s, and I stopped waiting. Look with `ec2 show i-00000000000000001 --region eu-central-1`.
    (req XXXX)
    ");
    insta::assert_snapshot!(world.reads(OMAR, "ec2 stop web-1").await, @"`web-1 (i-00000000000000001)` is already stopping. Nothing was changed.");
    insta::assert_snapshot!(world.reads(OMAR, "ec2 start web-1").await, @r"
    ⛔ Refused: `web-1 (i-00000000000000001)` is stopping: start it when it is stopped.
    Nothing was changed.
    (req XXXX)
    ");
    world.ends_clean().await;
}

/// What a message read before each of its edits, then what it reads now.
fn versions(message: &Message) -> Vec<String> {
    let before = message.history.iter().map(|version| version["text"].as_str().expect("a text").to_owned());
    before.chain([message.text.clone()]).map(|text| tidy(&text)).collect()
}

#[actix_web::test]
async fn a_long_change_is_one_message_edited_in_place() {
    let lag = Duration::from_secs(5);
    let world = World::with(Options { lag, ..Options::default() }).await;
    world.fleet(&[one("web-1", false), one("web-2", false)]).await;

    let ts = world.says(MAYA, "ops", "@drone ec2 stop web-1").await;
    world.slack.slash(OMAR, "ops", "ec2 stop web-2").await;
    let answer = world.slack.final_answer("ops", MAYA, Some(&ts), 0).await;
    // Omar sees both messages
    let is_his = |message: &Message| message.ephemeral;
    until("the caller has the answer", async || world.answers("ops", OMAR, 0).await.iter().any(is_his)).await;
    let private = world.answers("ops", OMAR, 0).await.into_iter().find(is_his).expect("an answer");

    let public = versions(&answer);
    insta::assert_snapshot!(public.first().expect("a first version"), @r"
    ⏳ Working: Stopping `web-1 (i-00000000000000001)`: asking AWS… N s
    (req XXXX)
    ");
    assert!(public.len() > 2, "it was edited while it waited: {public:?}");
    // what the snapshots hide: it took as long as AWS did
    let took = answer.text.split(" after ").nth(1).and_then(|rest| rest.split(' ').next()?.parse::<u64>().ok());
    assert!(took.is_some_and(|took| took >= lag.as_secs()), "{}", answer.text);
    insta::assert_snapshot!(public[1], @r"
    ⏳ Working: Stopping `web-1 (i-00000000000000001)`: stopping… N s
    (req XXXX)
    ");
    insta::assert_snapshot!(public.last().expect("a last version"), @r"
    ✅ Done: `web-1 (i-00000000000000001)`: running → stopped after N s.
    `web-1 (i-00000000000000001)` has lost its public address `ADDRESS`; a start gives it another.
    (req XXXX)
    ");
    let private = versions(&private);
    insta::assert_snapshot!(private.first().expect("a first version"), @r"
    ⏳ Working: Stopping `web-2 (i-00000000000000001)`: asking AWS… N s
    (req XXXX)
    ");
    insta::assert_snapshot!(private.last().expect("a last version"), @r"
    ✅ Done: `web-2 (i-00000000000000001)`: running → stopped after N s.
    `web-2 (i-00000000000000001)` has lost its public address `ADDRESS`; a start gives it another.
    (req XXXX)
    ");
    assert!(private.len() <= 4, "a response_url takes five messages in all: {private:?}");
    for person in [MAYA, OMAR] {
        let seen = world.slack.from_bot("ops", person, 0).await;
        assert_eq!(seen.len(), if person == OMAR { 2 } else { 1 }, "one message for each command: {seen:?}");
    }
    world.ends_clean().await;
}

#[actix_web::test]
async fn of_two_people_who_change_the_same_instance_at_once_one_is_refused() {
    let world = World::with(Options { lag: Duration::from_secs(3), ..Options::default() }).await;
    world.fleet(&[one("web-1", false)]).await;
    // both have planned before either begins
    world.aws.break_next("DryRun:StopInstances", Trouble::Delay(Duration::from_secs(4)), 2);
    let (maya, omar) = futures_util::join!(world.reads(MAYA, "ec2 stop web-1"), world.reads(OMAR, "ec2 stop web-1"));
    let (winner, loser) = if maya.starts_with('✅') { (maya, omar) } else { (omar, maya) };
    let loser = loser.replace(OMAR, "SOMEBODY").replace(MAYA, "SOMEBODY");
    insta::assert_snapshot!(winner, @r"
    ✅ Done: `web-1 (i-00000000000000001)`: running → stopped after N s.
    `web-1 (i-00000000000000001)` has lost its public address `ADDRESS`; a start gives it another.
    (req XXXX)
    ");
    insta::assert_snapshot!(loser, @r"
    ⛔ Refused: `web-1 (i-00000000000000001)` is being changed by `ec2 stop web-1` of @SOMEBODY (req XXXX). Nothing was changed by your command. Send it again when that one is done.
    (req XXXX)
    ");
    assert_eq!(made(&world, "StopInstances"), 1);

    // and while a change runs, no other begins
    world.aws.set_lag(Duration::ZERO);
    insta::assert_snapshot!(world.reads(MAYA, "ec2 start web-1").await, @r"
    ✅ Done: `web-1 (i-00000000000000001)`: stopped → running after N s. Its public address is `ADDRESS`.
    (req XXXX)
    ");
    world.aws.break_next("RebootInstances", Trouble::Delay(Duration::from_secs(6)), 1);
    let since = world.slack.cursor().await;
    world.slack.slash(MAYA, "ops", "ec2 reboot web-1").await;
    until("the reboot is called", async || made(&world, "RebootInstances") == 1).await;
    insta::assert_snapshot!(world.reads(OMAR, "ec2 stop web-1").await, @r"
    ⛔ Refused: `web-1 (i-00000000000000001)` is being changed by `ec2 reboot web-1` of @UMAYA (req XXXX). Nothing was changed by your command. Send it again when that one is done.
    (req XXXX)
    ");
    let rebooted = world.slack.final_answer("ops", MAYA, None, since).await;
    insta::assert_snapshot!(tidy(&rebooted.text), @r"
    ✅ Done: AWS accepted the reboot of `web-1 (i-00000000000000001)`; it is running, its status checks say instance ok, system ok. AWS gives no proof of a reboot: the uptime on the instance does.
    (req XXXX)
    ");
    assert_eq!(made(&world, "StopInstances"), 1);
    world.ends_clean().await;
}
