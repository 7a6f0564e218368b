//! `ec2 terminate`: what others read before they approve it, that it is done once and for good, and what keeps it from being
//! done.

use crate::approvals::{asking, becomes, named, presses};
use crate::support::fleet::client;
use crate::support::{HOME, MAYA, Message, NINA, OMAR, Options, Seed, Trouble, VERA, World, tidy};
use aws_sdk_ec2::types::AttributeBooleanValue;
use std::time::Duration;

const WEB: Seed = Seed { region: HOME, name: "web-1", kind: "t3.micro", stopped: false, tags: &[] };
const MEMBER: Seed = Seed { name: "asg-web", tags: &[("aws:autoscaling:groupName", "shop-web")], ..WEB };

fn made(world: &World) -> usize {
    world.aws.calls().iter().filter(|(call, _)| call == "TerminateInstances").count()
}

/// Maya asks for it, and the others are asked.
async fn asked(world: &World, line: &str) -> Message {
    world.slack.slash(MAYA, "ops", line).await;
    asking(world, "ops", OMAR).await
}

/// The question without what differs from run to run.
fn question(message: &Message) -> String {
    let (short, whole) = named(message);
    tidy(&message.text).replace(&whole, "ID").replace(&short, "7F3K")
}

/// One more volume, which stays when its instance goes.
async fn attach_volume(world: &World, instance: &str) -> String {
    let aws = client(&world.aws_url, HOME).await;
    let made = aws.create_volume().availability_zone("eu-central-1a").size(8).send().await.expect("a volume");
    let volume = made.volume_id().expect("its id").to_owned();
    let attach = aws.attach_volume().instance_id(instance).volume_id(&volume).device("/dev/sdf");
    attach.send().await.expect("it is attached");
    volume
}

async fn set_protection(world: &World, instance: &str, is_on: bool) {
    let aws = client(&world.aws_url, HOME).await;
    let value = AttributeBooleanValue::builder().value(is_on).build();
    let modify = aws.modify_instance_attribute().instance_id(instance).disable_api_termination(value);
    modify.send().await.expect("its protection is set");
}

#[actix_web::test]
async fn what_somebody_else_approves_is_gone_and_its_volumes_are_named() {
    let world = World::new().await;
    let ids = world.fleet(&[WEB]).await;
    let kept = attach_volume(&world, &ids[0]).await;
    let message = asked(&world, "ec2 terminate web-1").await;
    insta::assert_snapshot!(question(&message), @r"
    ✋ Approval needed: @UMAYA asks for `ec2 terminate web-1`: it cannot be undone, so a second person must approve it.
    • Will be done: `terminate i-00000000000000001 in eu-central-1`
    • On: `web-1 (i-00000000000000001)`
    • Needs: the approval of one other person who may run it, such as @UOMAR
    • `web-1 (i-00000000000000001)` has no termination protection.
    • The volume `vol-00000000000000001` goes with `web-1 (i-00000000000000001)`; `vol-00000000000000002` stays.
    ▸ Approve: approve ID
    ▸ Decline: decline ID
    Until TIME UTC, here or with `approve 7F3K` where I am.
    (req XXXX)
    ");
    assert!(message.text.contains(&format!("`{kept}` stays")), "{}", message.text);
    assert_eq!((made(&world), world.state(HOME, &ids[0]).await.as_str()), (0, "running"));
    insta::assert_snapshot!(presses(&world, OMAR, &message, "Approve").await, @r"
    ✅ Done: `ec2 terminate web-1` of @UMAYA is approved and runs now. Its answer comes where it was asked or, if I cannot post there, to @UMAYA alone.
    (req XXXX)
    ");
    insta::assert_snapshot!(tidy(&becomes(&world, "ops", MAYA, &message).await.text), @r"
    ✅ Done: `web-1 (i-00000000000000001)`: running → terminated after N s.
    The volume `vol-00000000000000001` goes with `web-1 (i-00000000000000001)`; `vol-00000000000000002` stays.
    Asked by @UMAYA, approved by @UOMAR.
    (req XXXX)
    ");
    assert_eq!((made(&world), world.state(HOME, &ids[0]).await.as_str()), (1, "terminated"));
    insta::assert_snapshot!(world.reads(MAYA, &format!("ec2 terminate {}", ids[0])).await, @"`web-1 (i-00000000000000001)` is already terminated. Nothing was changed.");
    assert_eq!(made(&world), 1);
    world.ends_clean().await;
}

#[actix_web::test]
async fn nobody_approves_alone_and_a_viewer_may_neither_ask_nor_approve() {
    let world = World::new().await;
    let ids = world.fleet(&[WEB]).await;
    insta::assert_snapshot!(world.reads(VERA, "ec2 terminate web-1").await, @r"
    ⛔ Refused: `ec2 terminate` needs the group operators; you are in viewers. Nothing was changed.
    Ask @UMAYA or @UOMAR.
    (req XXXX)
    ");
    insta::assert_snapshot!(world.reads(NINA, "ec2 terminate web-1").await, @r"
    ⛔ Refused: `ec2 terminate` needs the group operators; you are in no group. Nothing was changed.
    Ask @UMAYA or @UOMAR.
    (req XXXX)
    ");
    let message = asked(&world, "ec2 terminate web-1").await;
    insta::assert_snapshot!(presses(&world, MAYA, &message, "Approve").await, @r"
    ⛔ Refused: `ec2 terminate web-1` is your own, so somebody else must approve it. Nothing was approved.
    Ask @UOMAR.
    (req XXXX)
    ");
    insta::assert_snapshot!(presses(&world, VERA, &message, "Approve").await, @r"
    ⛔ Refused: You may not decide on `ec2 terminate web-1` of @UMAYA: `ec2 terminate` on `web-1 (i-00000000000000001)` needs the group operators; you are in viewers. It still waits.
    Ask @UOMAR.
    (req XXXX)
    ");
    presses(&world, OMAR, &message, "Decline").await;
    insta::assert_snapshot!(tidy(&becomes(&world, "ops", MAYA, &message).await.text), @r"
    ⛔ Not approved: @UOMAR declined `ec2 terminate web-1`, so it was not run. Nothing was changed.
    On `web-1 (i-00000000000000001)`. Asked by @UMAYA.
    (req XXXX)
    ");
    assert_eq!((made(&world), world.state(HOME, &ids[0]).await.as_str()), (0, "running"));
    world.ends_clean().await;
}

#[actix_web::test]
async fn what_aws_protects_from_termination_is_refused_before_anybody_is_asked() {
    let world = World::new().await;
    let ids = world.fleet(&[WEB]).await;
    set_protection(&world, &ids[0], true).await;
    insta::assert_snapshot!(world.reads(MAYA, "ec2 terminate web-1").await, @r"
    ⛔ Refused: `web-1 (i-00000000000000001)` is protected from termination (`DisableApiTermination`): AWS answers `OperationNotPermitted` to that, so I do not try. Its owner can take the protection off; then send the command again.
    Nothing was changed.
    (req XXXX)
    ");
    // where AWS says so itself to the rehearsal, its own words stand
    set_protection(&world, &ids[0], false).await;
    world.aws.break_next("DryRun:TerminateInstances", Trouble::Error("OperationNotPermitted", 400), 1);
    insta::assert_snapshot!(world.reads(MAYA, "ec2 terminate web-1").await, @r"
    ⛔ Refused: AWS does not permit this on it (`OperationNotPermitted`, `eu-central-1`, account `ACCOUNT`): The instance 'i-00000000000000001' may not be terminated. Modify its 'disableApiTermination' instance attribute and try again. Nothing was changed. Its owner can take the protection off.
    (req XXXX)
    ");
    assert_eq!((made(&world), world.state(HOME, &ids[0]).await.as_str()), (0, "running"));
    world.ends_clean().await;
}

/// Protected after it was approved for: what was shown is not so any more.
#[actix_web::test]
async fn what_is_protected_after_it_was_asked_for_is_not_terminated() {
    let world = World::new().await;
    let ids = world.fleet(&[WEB]).await;
    let message = asked(&world, "ec2 terminate web-1").await;
    set_protection(&world, &ids[0], true).await;
    presses(&world, OMAR, &message, "Approve").await;
    let answer = becomes(&world, "ops", MAYA, &message).await;
    assert!(answer.text.contains("`DisableApiTermination`"), "{}", answer.text);
    assert!(answer.text.contains("Nothing was changed."), "{}", answer.text);
    assert_eq!((made(&world), world.state(HOME, &ids[0]).await.as_str()), (0, "running"));
    world.ends_clean().await;
}

#[actix_web::test]
async fn a_lost_answer_is_looked_at_and_the_call_is_not_repeated() {
    let env = vec![("DRONEBOT__AWS__CALL_TIMEOUT_SECONDS", "2".into())];
    let world = World::with(Options { env, ..Options::default() }).await;
    let ids = world.fleet(&[WEB, Seed { name: "web-2", ..WEB }]).await;
    world.aws.break_next("TerminateInstances", Trouble::LoseAnswer, 1);
    let message = asked(&world, "ec2 terminate web-1").await;
    presses(&world, OMAR, &message, "Approve").await;
    insta::assert_snapshot!(tidy(&becomes(&world, "ops", MAYA, &message).await.text), @r"
    ✅ Done: AWS did not confirm it. I looked: `web-1 (i-00000000000000001)` is terminated.
    The volume `vol-00000000000000001` goes with `web-1 (i-00000000000000001)`.
    Asked by @UMAYA, approved by @UOMAR.
    (req XXXX)
    ");
    assert_eq!((made(&world), world.state(HOME, &ids[0]).await.as_str()), (1, "terminated"));
    // one that AWS has not made is found out in the same way
    world.aws.break_next("TerminateInstances", Trouble::Error("InternalError", 500), 1);
    let since = world.slack.cursor().await;
    world.slack.slash(MAYA, "ops", "ec2 terminate web-2").await;
    let message = world.slack.hears("ops", OMAR, "`ec2 terminate web-2`: it cannot be undone", since).await;
    presses(&world, OMAR, &message, "Approve").await;
    insta::assert_snapshot!(tidy(&becomes(&world, "ops", MAYA, &message).await.text), @r"
    ❌ Failed: AWS did not confirm it. I looked: `web-2 (i-00000000000000001)` is still running, so it was not terminated. Look with `ec2 show i-00000000000000001 --region eu-central-1`. To try again, say `ec2 terminate i-00000000000000001 --region eu-central-1`.
    Asked by @UMAYA, approved by @UOMAR.
    (req XXXX)
    ");
    assert_eq!((made(&world), world.state(HOME, &ids[1]).await.as_str()), (2, "running"));
    world.ends_clean().await;
}

/// The process dies between the call and its answer: its next life looks.
#[actix_web::test]
async fn killed_while_aws_ends_it_the_next_life_says_what_became_of_it() {
    let mut world = World::new().await;
    let ids = world.fleet(&[WEB]).await;
    let message = asked(&world, "ec2 terminate web-1").await;
    world.aws.hold_next("TerminateInstances", true);
    world.slack.presses(OMAR, &message, "Approve").await;
    crate::support::until("the call is made", async || world.aws.is_held()).await;
    world.kill_bot();
    world.aws.pass();
    world.wake().await;
    let answer = becomes(&world, "ops", MAYA, &message).await;
    assert!(answer.text.contains("is terminated"), "{}", answer.text);
    assert_eq!((made(&world), world.state(HOME, &ids[0]).await.as_str()), (1, "terminated"));
    world.ends_clean().await;
}

/// It takes its time to go, and the group to which it belongs is named.
#[actix_web::test]
async fn a_member_of_a_scaling_group_is_named_as_one_that_is_replaced() {
    let world = World::with(Options { lag: Duration::from_secs(2), ..Options::default() }).await;
    let ids = world.fleet(&[MEMBER]).await;
    let message = asked(&world, "ec2 terminate asg-web").await;
    let replaced = "in the Auto Scaling group `shop-web`, which may launch another in its place.";
    assert!(message.text.contains(replaced), "{}", message.text);
    presses(&world, OMAR, &message, "Approve").await;
    insta::assert_snapshot!(tidy(&becomes(&world, "ops", MAYA, &message).await.text), @r"
    ✅ Done: `asg-web (i-00000000000000001)`: running → terminated after N s.
    The volume `vol-00000000000000001` goes with `asg-web (i-00000000000000001)`.
    `asg-web (i-00000000000000001)` is in the Auto Scaling group `shop-web`, which may launch another in its place.
    Asked by @UMAYA, approved by @UOMAR.
    (req XXXX)
    ");
    assert_eq!((made(&world), world.state(HOME, &ids[0]).await.as_str()), (1, "terminated"));
    world.ends_clean().await;
}
