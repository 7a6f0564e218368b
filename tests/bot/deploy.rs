//! `deploy`, `deploy status` and `deploy rollback`: what is deployed, what is refused, and that the bot that deploys itself
//! answers from its new body. ECS's services, task definitions and tags, and ECR, are Moto's; how a rollout goes on over time
//! is played in front of it (src/bin/demo/rollouts.rs).

use crate::replicas::on_any_host;
use crate::support::service::{Shop, listed};
use crate::support::{Ending, Exit, LEASE, MAYA, NINA, OMAR, Options, Trouble, VERA, World, tidy, until};
use std::time::Duration;

/// Rollouts last until the test lets them end.
const NEVER_BY_ITSELF: Duration = Duration::from_secs(86_400);

fn made(world: &World, action: &str) -> usize {
    world.aws.calls().iter().filter(|(call, _)| call == action).count()
}

fn assert_untouched(world: &World, registered: usize) {
    assert_eq!(made(world, "UpdateService") + made(world, "StopServiceDeployment"), 0);
    assert_eq!(made(world, "RegisterTaskDefinition"), registered, "the harness's own");
}

async fn world(options: Options) -> (World, Shop) {
    let env = listed().into_iter().chain(options.env).collect();
    let world = World::with(Options { env, ..options }).await;
    let shop = Shop::open(&world).await;
    (world, shop)
}

/// Fit for a snapshot: digests are numbered by their versions' order.
async fn brief(shop: &Shop, text: &str) -> String {
    let mut text = tidy(text);
    for version in ["1.4.0", "1.4.1", "1.4.2"] {
        if let Some(digest) = shop.digest(version).await {
            text = text.replace(&digest[.."sha256:".len() + 12], &format!("sha256:{version}"));
        }
    }
    text
}

#[actix_web::test]
async fn a_version_is_deployed_by_its_digest_and_rolled_back() {
    let (world, shop) = world(Options::default()).await;
    let reads = async |who: &str, line: &str| brief(&shop, &world.asks(who, line).await).await;
    insta::assert_snapshot!(reads(VERA, "deploy status").await, @"
    drone (this is me)
    • Service: `service/prod/dronebot` in `eu-central-1`
    • Runs: `1.4.1` (`sha256:1.4.1`) in 2 tasks
    • Task definition: `dronebot:1`
    • Rollout: COMPLETED, begun 2026-09-21 TIME UTC
    • Tasks: 2 wanted, 2 running, 0 pending, 2 healthy
    • Images: not verified: the settings say `unverified`
    • A rollback: not possible: nothing is known that it ran before
    The latest versions:
    • `1.4.2` (`sha256:1.4.2`), pushed DATE TIME UTC
    • `1.4.1` (`sha256:1.4.1`), pushed DATE TIME UTC, runs
    • `1.4.0` (`sha256:1.4.0`), pushed DATE TIME UTC
    ");
    insta::assert_snapshot!(reads(MAYA, "deploy 1.4.2").await, @r"
    ✅ Done: `drone` runs `1.4.2` (`sha256:1.4.2`): the rollout is COMPLETED, and its 2 tasks run that digest, after N s. Before: `1.4.1` (`dronebot:1`); `deploy rollback drone` goes back.
    (req XXXX)
    ");
    let image = async |version: &str| format!("{}@{}", shop.repository, shop.digest(version).await.expect("pushed"));
    assert_eq!(shop.runs().await, image("1.4.2").await, "the digest is what is deployed, not the tag");
    assert_eq!(shop.tags_of("dronebot:2").await, ["team"], "what another deployment was is not said of this one");
    insta::assert_snapshot!(reads(MAYA, "deploy 1.4.2 drone").await, @"`drone` runs `1.4.2` (`sha256:1.4.2`) already. Nothing was changed.");
    // the task definition of before names a tag: what the tag meant then is pinned
    insta::assert_snapshot!(reads(MAYA, "deploy rollback").await, @r"
    ✅ Done: `drone` runs `1.4.1` (`sha256:1.4.1`): the rollout is COMPLETED, and its 2 tasks run that digest, after N s. Before: `1.4.2` (`dronebot:2`); a second `deploy rollback drone` would bring that again.
    (req XXXX)
    ");
    assert_eq!(shop.runs().await, image("1.4.1").await);
    // and what is there already is used again
    insta::assert_snapshot!(reads(MAYA, "deploy rollback drone").await, @r"
    ✅ Done: `drone` runs `1.4.2` (`sha256:1.4.2`): the rollout is COMPLETED, and its 2 tasks run that digest, after N s. Before: `1.4.1` (`dronebot:3`); a second `deploy rollback drone` would bring that again.
    (req XXXX)
    ");
    assert_eq!(shop.runs().await, image("1.4.2").await);
    assert_eq!(shop.images().await, [format!("{}:1.4.1", shop.repository), image("1.4.2").await, image("1.4.1").await]);
    assert_eq!((made(&world, "UpdateService"), made(&world, "RegisterTaskDefinition")), (3, 3));
    insta::assert_snapshot!(reads(VERA, "deploy status drone").await, @"
    drone (this is me)
    • Service: `service/prod/dronebot` in `eu-central-1`
    • Runs: `1.4.2` (`sha256:1.4.2`) in 2 tasks
    • Task definition: `dronebot:2`
    • Rollout: COMPLETED, begun 2026-09-21 TIME UTC
    • Tasks: 2 wanted, 2 running, 0 pending, 2 healthy
    • Images: not verified: the settings say `unverified`
    • A rollback goes to: `1.4.1` (`sha256:1.4.1`), `dronebot:3`
    The latest versions:
    • `1.4.2` (`sha256:1.4.2`), pushed DATE TIME UTC, runs
    • `1.4.1` (`sha256:1.4.1`), pushed DATE TIME UTC
    • `1.4.0` (`sha256:1.4.0`), pushed DATE TIME UTC
    ");
    world.ends_clean().await;
}

#[actix_web::test]
async fn a_version_that_is_not_there_is_not_deployed() {
    let (world, _shop) = world(Options::default()).await;
    insta::assert_snapshot!(world.reads(MAYA, "deploy 9.9.9").await, @"❔ Not run: No image in `team/dronebot` is tagged `9.9.9`. Nothing was changed. The latest are `1.4.2`, `1.4.1` and `1.4.0`.");
    insta::assert_snapshot!(world.reads(MAYA, "deploy stauts").await, @r"
    ❔ Not run: No image in `team/dronebot` is tagged `stauts`. Nothing was changed. The latest are `1.4.2`, `1.4.1` and `1.4.0`. Did you mean `deploy status`?
    ▸ deploy status: deploy status
    ");
    insta::assert_snapshot!(world.reads(MAYA, "deploy 1.4.2 web").await, @"❔ Not run: `web` is not among the services that I deploy. Nothing was changed. I deploy `drone`; `deploy.services` in my settings lists them.");
    insta::assert_snapshot!(world.reads(MAYA, "deploy rollback").await, @r"
    ⛔ Refused: Nothing is known that `drone` ran before `1.4.1` (`dronebot:1`), so there is nothing to go back to. Nothing was changed. `deploy <version> drone` deploys a version that you name.
    (req XXXX)
    ");
    assert_untouched(&world, 1);
    world.ends_clean().await;
}

#[actix_web::test]
async fn who_may_not_is_told_why_and_who_could() {
    let (world, shop) = world(Options::default()).await;
    insta::assert_snapshot!(world.reads(VERA, "deploy 1.4.2").await, @r"
    ⛔ Refused: `deploy` needs the group deployers or operators; you are in viewers. Nothing was changed.
    Ask @UMAYA or @UOMAR.
    (req XXXX)
    ");
    insta::assert_snapshot!(world.reads(NINA, "deploy status").await, @r"
    ⛔ Refused: `deploy status` needs the group deployers, operators or viewers; you are in no group. Nothing was done.
    Ask @UMAYA, @UOMAR or @UVERA.
    (req XXXX)
    ");
    shop.tag("protected", "true").await;
    insta::assert_snapshot!(world.reads(MAYA, "deploy 1.4.2").await, @r"
    ⛔ Refused: `deploy` may not be run on `drone (service/prod/dronebot)`: it is tagged as protected; take the tag off in AWS first if it really must change. Nothing was changed.
    (req XXXX)
    ");
    insta::assert_snapshot!(world.reads(MAYA, "deploy rollback").await, @r"
    ⛔ Refused: `deploy rollback` may not be run on `drone (service/prod/dronebot)`: it is tagged as protected; take the tag off in AWS first if it really must change. Nothing was changed.
    (req XXXX)
    ");
    assert_untouched(&world, 1);
    world.ends_clean().await;
}

#[actix_web::test]
async fn a_deployer_deploys_and_does_nothing_else() {
    let env = vec![("DRONEBOT__GROUPS__DEPLOYERS__USERS", NINA.to_owned())];
    let (world, shop) = world(Options { env, ..Options::default() }).await;
    let text = world.asks(NINA, "deploy 1.4.2").await;
    assert!(text.starts_with("✅ Done: `drone` runs `1.4.2`"), "{text}");
    assert!(shop.runs().await.contains("@sha256:"));
    insta::assert_snapshot!(world.reads(NINA, "ec2 list").await, @r"
    ⛔ Refused: `ec2 list` needs the group operators or viewers; you are in deployers. Nothing was done.
    Ask @UMAYA, @UOMAR or @UVERA.
    (req XXXX)
    ");
    world.ends_clean().await;
}

#[actix_web::test]
async fn nothing_is_deployed_where_nothing_is_listed() {
    let world = World::new().await;
    insta::assert_snapshot!(world.reads(MAYA, "deploy 1.4.2").await, @r"
    ⛔ Refused: I deploy nothing: my settings list no service. Nothing was changed. Set `deploy.services.<name>` with `cluster`, `service`, `container`, `repository` and either `provenance_key` or `unverified`, and `deploy.self` for myself.
    (req XXXX)
    ");
    insta::assert_snapshot!(world.reads(MAYA, "deploy status").await, @r"
    ⛔ Refused: I deploy nothing: my settings list no service. Nothing could be shown. Set `deploy.services.<name>` with `cluster`, `service`, `container`, `repository` and either `provenance_key` or `unverified`, and `deploy.self` for myself.
    (req XXXX)
    ");
    world.ends_clean().await;
}

#[actix_web::test]
async fn what_ecs_rolls_back_is_not_called_done() {
    let (world, shop) = world(Options::default()).await;
    let before = shop.runs().await;
    world.aws.rollouts.end(Ending::RollsBack);
    insta::assert_snapshot!(brief(&shop, &world.asks(MAYA, "deploy 1.4.2").await).await, @r"
    ❌ Failed: `1.4.2` (`sha256:1.4.2`) was not deployed to `drone`: it was rolled back to `1.4.1` (`dronebot:1`) (`ECS deployment circuit breaker: tasks failed to start.`). 2 tasks run `1.4.1` (`sha256:1.4.1`). Look with `deploy status drone`.
    (req XXXX)
    ");
    assert_eq!(shop.runs().await, before);
    world.ends_clean().await;
}

#[actix_web::test]
async fn a_rollout_is_one_message_edited_in_place_and_can_be_stopped() {
    let (world, shop) = world(Options { lag: NEVER_BY_ITSELF, ..Options::default() }).await;
    let ts = world.says(MAYA, "ops", "@drone deploy 1.4.2").await;
    let progress = world.slack.hears("ops", MAYA, "IN_PROGRESS", 0).await;
    insta::assert_snapshot!(brief(&shop, &progress.text).await, @r"
    ⏳ Working: Deploying `drone`: rollout IN_PROGRESS, 0 of 2 running tasks have `sha256:1.4.2`… N s
    (req XXXX)
    ");
    // beside it, nobody deploys
    insta::assert_snapshot!(brief(&shop, &world.asks(OMAR, "deploy 1.4.0").await).await, @r"
    ⛔ Refused: A rollout to `drone` is in progress (`1.4.2` (`dronebot:2`), 0 of 2 tasks), so I did not begin another. Nothing was changed. Wait for it: `deploy status drone` shows it, and `deploy rollback drone` stops it.
    (req XXXX)
    ");
    insta::assert_snapshot!(brief(&shop, &world.asks(OMAR, "deploy status").await).await, @r"
    drone (this is me)
    • Service: `service/prod/dronebot` in `eu-central-1`
    • Runs: `1.4.1` (`sha256:1.4.1`) in 2 tasks
    • Task definition: `dronebot:2`
    • Rollout: IN_PROGRESS: `1.4.2` (`dronebot:2`), 0 of 2 tasks, begun 2026-09-21 TIME UTC
    • Tasks: 2 wanted, 2 running, 0 pending, 2 healthy
    • Images: not verified: the settings say `unverified`
    • A rollback stops it and goes back to: `1.4.1` (`sha256:1.4.1`), `dronebot:1`
    The latest versions:
    • `1.4.2` (`sha256:1.4.2`), pushed DATE TIME UTC
    • `1.4.1` (`sha256:1.4.1`), pushed DATE TIME UTC, runs
    • `1.4.0` (`sha256:1.4.0`), pushed DATE TIME UTC
    ▸ Roll back: deploy rollback drone
    ");
    world.aws.arrive();
    let answer = world.slack.final_answer("ops", MAYA, Some(&ts), 0).await;
    assert!(answer.text.starts_with("✅ Done: `drone` runs `1.4.2`"), "{}", answer.text);
    assert_eq!(answer.ts, progress.ts);
    world.ends_clean().await;
}

#[actix_web::test]
async fn a_rollout_of_somebody_else_is_stopped_by_a_rollback() {
    let env = vec![("DRONEBOT__COMMANDS__WAIT_SECONDS", "2".to_owned())];
    let (world, shop) = world(Options { lag: NEVER_BY_ITSELF, env, ..Options::default() }).await;
    let before = shop.runs().await;
    insta::assert_snapshot!(brief(&shop, &world.asks(MAYA, "deploy 1.4.2").await).await, @r"
    ⚠️ Outcome unknown: The rollout of `1.4.2` (`sha256:1.4.2`) to `drone` is IN_PROGRESS after N s, and I stopped watching: 0 of 2 running tasks have `sha256:1.4.2`. Look with `deploy status drone`.
    (req XXXX)
    ");
    insta::assert_snapshot!(brief(&shop, &world.asks(OMAR, "deploy 1.4.0").await).await, @r"
    ⛔ Refused: A rollout to `drone` is in progress (`1.4.2` (`dronebot:2`), 0 of 2 tasks), so I did not begin another. Nothing was changed. Wait for it: `deploy status drone` shows it, and `deploy rollback drone` stops it.
    (req XXXX)
    ");
    insta::assert_snapshot!(brief(&shop, &world.asks(OMAR, "deploy rollback").await).await, @r"
    ✅ Done: I stopped the rollout of `1.4.2` (`dronebot:2`); `drone` runs `1.4.1` (`sha256:1.4.1`) again, and its 2 tasks run that digest, after N s.
    (req XXXX)
    ");
    assert_eq!(shop.runs().await, before);
    assert_eq!((made(&world, "UpdateService"), made(&world, "StopServiceDeployment")), (1, 1));
    world.ends_clean().await;
}

#[actix_web::test]
async fn whoever_follows_a_rollout_is_not_in_the_way_of_whoever_stops_it() {
    let (world, shop) = world(Options { lag: NEVER_BY_ITSELF, ..Options::default() }).await;
    let ts = world.says(MAYA, "ops", "@drone deploy 1.4.2").await;
    world.slack.hears("ops", MAYA, "IN_PROGRESS", 0).await;
    let stopped = world.asks(OMAR, "deploy rollback").await;
    assert!(
        stopped.starts_with("✅ Done: I stopped the rollout of `1.4.2` (`dronebot:2`); `drone` runs `1.4.1`"),
        "{stopped}"
    );
    let answer = world.slack.final_answer("ops", MAYA, Some(&ts), 0).await;
    insta::assert_snapshot!(brief(&shop, &answer.text).await, @r"
    ❌ Failed: `1.4.2` (`sha256:1.4.2`) was not deployed to `drone`: it was rolled back to `1.4.1` (`dronebot:1`). 2 tasks run `1.4.1` (`sha256:1.4.1`). Look with `deploy status drone`.
    @UOMAR came between by `deploy rollback` (req XXXX).
    (req XXXX)
    ");
    assert_eq!((made(&world, "UpdateService"), made(&world, "StopServiceDeployment")), (1, 1));
    world.ends_clean().await;
}

#[actix_web::test]
async fn a_lost_answer_is_looked_for_and_nothing_is_called_twice() {
    let env = vec![("DRONEBOT__AWS__CALL_TIMEOUT_SECONDS", "2".to_owned())];
    let (world, shop) = world(Options { env, ..Options::default() }).await;
    world.aws.break_next("UpdateService", Trouble::LoseAnswer, 1);
    insta::assert_snapshot!(brief(&shop, &world.asks(MAYA, "deploy 1.4.2").await).await, @r"
    ✅ Done: AWS did not confirm it. I looked: `drone` runs `1.4.2` (`sha256:1.4.2`): the rollout is COMPLETED, and its 2 tasks run that digest. Before: `1.4.1` (`dronebot:1`); `deploy rollback drone` goes back.
    (req XXXX)
    ");
    world.aws.break_next("UpdateService", Trouble::Swallow, 1);
    insta::assert_snapshot!(brief(&shop, &world.asks(MAYA, "deploy 1.4.0").await).await, @r"
    ❌ Failed: AWS did not confirm it. I looked: `drone` still has `1.4.2` (`dronebot:2`), so `1.4.0` (`sha256:1.4.0`) was not deployed. Look with `deploy status drone`.
    (req XXXX)
    ");
    world.aws.break_next("RegisterTaskDefinition", Trouble::LoseAnswer, 1);
    shop.push("1.5.0").await;
    let text = world.asks(MAYA, "deploy 1.5.0").await;
    assert!(text.starts_with("✅ Done: `drone` runs `1.5.0`"), "{text}");
    world.aws.break_next("UpdateService", Trouble::Error("ThrottlingException", 400), 1);
    insta::assert_snapshot!(brief(&shop, &world.asks(MAYA, "deploy 1.4.2").await).await, @r"
    ❌ Failed: AWS is limiting our calls (`ThrottlingException`, `eu-central-1`, account `ACCOUNT`): Rate exceeded. `drone` was not changed. Try again in a minute.
    (req XXXX)
    ");
    world.aws.break_next("DescribeImages", Trouble::Error("AccessDeniedException", 400), 1);
    insta::assert_snapshot!(brief(&shop, &world.asks(MAYA, "deploy 1.4.2").await).await, @r"
    ❌ Failed: AWS does not allow me `ecr:DescribeImages` (`AccessDeniedException`, `eu-central-1`, account `ACCOUNT`): User: arn:aws:sts::123456789012:assumed-role/dronebot/task is not authorized to perform: ecr:DescribeImages because no identity-based policy allows the ecr:DescribeImages action. Nothing was changed. Ask the platform team to look at the bot's IAM role.
    (req XXXX)
    ");
    assert_eq!((made(&world, "UpdateService"), made(&world, "RegisterTaskDefinition")), (4, 4));
    world.ends_clean().await;
}

/// What answers is not AWS, whatever its status says; what ECS did is seen by looking.
#[actix_web::test]
async fn a_page_in_place_of_ecs_s_answer_is_a_lost_answer() {
    let (world, shop) = world(Options::default()).await;
    for (number, (status, page)) in [(200, "<html/>"), (200, "{}"), (403, "<html/>"), (408, "")].into_iter().enumerate()
    {
        let version = format!("1.6.{number}");
        shop.push(&version).await;
        world.aws.break_next("RegisterTaskDefinition", Trouble::Page(status, page), 1);
        world.aws.break_next("UpdateService", Trouble::Page(status, page), 1);
        let text = world.asks(MAYA, &format!("deploy {version}")).await;
        let lead = format!("✅ Done: AWS did not confirm it. I looked: `drone` runs `{version}`");
        assert!(text.starts_with(&lead), "answered {status} {page}: {text}");
    }
    assert_eq!(
        (made(&world, "UpdateService"), made(&world, "RegisterTaskDefinition")),
        (4, 5),
        "each once, and the shop's own"
    );
    world.ends_clean().await;
}

// The bot deploys itself

#[actix_web::test]
async fn the_new_body_answers_when_the_old_one_is_stopped_by_its_own_deployment() {
    let env = vec![("DRONEBOT__SHUTDOWN__DRAIN_SECONDS", "25".to_owned())];
    let (mut world, shop) = world(Options { lag: NEVER_BY_ITSELF, env, ..Options::default() }).await;
    let ts = world.says(MAYA, "ops", "@drone deploy 1.4.2").await;
    let progress = world.slack.hears("ops", MAYA, "IN_PROGRESS", 0).await;
    let bot = world.bot.as_ref().expect("the bot runs");
    until("its delivery is noted", async || bot.metric("dronebot_deliveries_total", &["sent"]).await.is_some()).await;
    // ECS stops the old task, and the new one starts
    let begun = tokio::time::Instant::now();
    assert_eq!(world.bot.take().expect("the bot runs").terminate().await, Exit::Code(0), "log:\n{}", world.log());
    assert!(begun.elapsed() < Duration::from_secs(15), "a drain does not wait for what only the heir can end");
    world.wake().await;
    world.aws.arrive();
    let answer = world.slack.final_answer("ops", MAYA, Some(&ts), 0).await;
    insta::assert_snapshot!(brief(&shop, &answer.text).await, @r"
    ✅ Done: I was restarted while running `deploy 1.4.2`.
    I looked: `drone` runs `1.4.2` (`sha256:1.4.2`): the rollout is COMPLETED, and its 2 tasks run that digest. Before: `1.4.1` (`dronebot:1`); `deploy rollback drone` goes back.
    (req XXXX)
    ");
    assert_eq!(answer.ts, progress.ts, "the message of before was edited");
    assert_eq!((made(&world, "UpdateService"), made(&world, "RegisterTaskDefinition")), (1, 2));
    world.ends_clean().await;
}

#[actix_web::test]
async fn a_replica_of_the_new_version_answers_for_the_one_that_it_replaces() {
    let (mut world, shop) = world(Options { lag: NEVER_BY_ITSELF, lease: Some(LEASE), ..Options::default() }).await;
    let ts = world.says(MAYA, "ops", "@drone deploy 1.4.2").await;
    world.slack.hears("ops", MAYA, "IN_PROGRESS", 0).await;
    world.one_more().await;
    assert_eq!(world.bot.take().expect("the bot runs").terminate().await, Exit::Code(0), "log:\n{}", world.log());
    world.bot = world.others.pop();
    world.aws.arrive();
    let answer = world.slack.final_answer("ops", MAYA, Some(&ts), 0).await;
    insta::assert_snapshot!(brief(&shop, &on_any_host(&answer.text)).await, @r"
    ✅ Done: The replica on `HOST` was stopped while it ran `deploy 1.4.2`.
    I looked: `drone` runs `1.4.2` (`sha256:1.4.2`): the rollout is COMPLETED, and its 2 tasks run that digest. Before: `1.4.1` (`dronebot:1`); `deploy rollback drone` goes back.
    (req XXXX)
    ");
    assert_eq!(made(&world, "UpdateService"), 1);
    world.ends_clean().await;
}

#[actix_web::test]
async fn killed_in_the_middle_the_next_life_tells_what_became_of_it() {
    let (mut world, shop) = world(Options { lag: NEVER_BY_ITSELF, ..Options::default() }).await;
    world.aws.rollouts.end(Ending::RollsBack);
    let ts = world.says(MAYA, "ops", "@drone deploy 1.4.2").await;
    world.slack.hears("ops", MAYA, "IN_PROGRESS", 0).await;
    world.kill_bot();
    world.aws.arrive();
    world.wake().await;
    let answer = world.slack.final_answer("ops", MAYA, Some(&ts), 0).await;
    insta::assert_snapshot!(brief(&shop, &answer.text).await, @r"
    ❌ Failed: I was restarted while running `deploy 1.4.2`.
    I looked: `1.4.2` (`sha256:1.4.2`) was not deployed to `drone`: it was rolled back to `1.4.1` (`dronebot:1`) (`ECS deployment circuit breaker: tasks failed to start.`). 2 tasks run `1.4.1` (`sha256:1.4.1`). Look with `deploy status drone`.
    (req XXXX)
    ");
    assert_eq!(made(&world, "UpdateService"), 1, "it is not called again");
    world.ends_clean().await;
}

#[actix_web::test]
async fn killed_at_the_call_itself_the_next_life_looks() {
    // a call may be on its way for as long as that, and what is not made is not called so before
    for (trouble, done) in [(Trouble::LoseAnswer, true), (Trouble::Swallow, false)] {
        let env = vec![("DRONEBOT__AWS__CALL_TIMEOUT_SECONDS", "8".to_owned())];
        let (mut world, shop) = world(Options { env, ..Options::default() }).await;
        world.aws.break_next("UpdateService", trouble, 1);
        let ts = world.says(MAYA, "ops", "@drone deploy 1.4.2").await;
        until("the update is called", async || made(&world, "UpdateService") == 1).await;
        if done {
            until("it is made", async || shop.runs().await.contains('@')).await;
        }
        world.kill_bot();
        world.wake().await;
        let answer = world.slack.final_answer("ops", MAYA, Some(&ts), 0).await;
        assert_eq!(answer.text.starts_with("✅ Done: I was restarted"), done, "{}", answer.text);
        assert_eq!(answer.text.starts_with("❌ Failed: I was restarted"), !done, "{}", answer.text);
        assert_eq!(made(&world, "UpdateService"), 1, "it is not called again");
        world.ends_clean().await;
    }
}
