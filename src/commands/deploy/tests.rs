//! Deployments, against a service whose rollouts complete, fail, are rolled back, are overtaken, and whose answers are lost.

use super::super::testing::{
    Ledger, answer, cx, cx_deploying, executed, found_text, parse, planned, verified, waited_for_turns,
};
use super::super::{Context, DeployConfig, Planned};
use super::goal::Goal;
use super::provenance::tests::{key, sealed};
use crate::aws::fake::Fault;
use crate::aws::fake::ecs::{Dep, FakeService, Picture, REPOSITORY, Scene, definition, digest, web};
use crate::domain::{AccountRegion, CommandError, Press, Refusal};
use parking_lot::Mutex;
use ring::signature::EcdsaKeyPair;
use std::sync::Arc;

/// The scenes of a rollout from `web:7` to `web:8` that completes.
fn completes() -> Vec<Scene> {
    let (new, old) =
        (|state, running| Dep::new("ecs-svc/new", 8, state, running), Dep::new("ecs-svc/7", 7, "COMPLETED", 2));
    vec![
        Scene::new(&[new("IN_PROGRESS", 0), old.clone().old()], &[(7, "a"), (7, "a")]),
        Scene::new(&[new("IN_PROGRESS", 1), old.old()], &[(8, "b"), (7, "a")]),
        Scene::new(&[new("COMPLETED", 2)], &[(8, "b"), (8, "b")]),
    ]
}

fn changes(service: &FakeService) -> Vec<String> {
    service.0.lock().changes.clone()
}

/// Whole digests are as long as a line.
fn brief(text: &str) -> String {
    ["0", "a", "b", "c", "d"].iter().fold(text.replace(REPOSITORY, "REPO"), |text, letter| {
        text.replace(&digest(letter), &format!("sha256:{letter}…"))
    })
}

// Planning

#[tokio::test]
async fn a_plan_names_service_digests_and_calls() {
    let service = FakeService::new();
    insta::assert_snapshot!(brief(&answer("deploy 1.4.2 web", &cx_deploying(&service)).await), @r"
    [plan] deploy web (service/prod/shop in eu-central-1): sha256:a… → sha256:b…
    target web (service/prod/shop) eu-central-1 123456789012
    step 0 ecs:RegisterTaskDefinition eu-central-1 arn:aws:ecs:eu-central-1:123456789012:task-definition/web:7 web REPO@sha256:b…
    step 1 ecs:UpdateService eu-central-1 service/prod/shop web REPO@sha256:b… tag:1.4.2 was:sha256:a… arn:aws:ecs:eu-central-1:123456789012:task-definition/web:7
    caution Its image is not verified: the settings say `unverified`.
    ");
    assert_eq!(changes(&service), [""; 0], "planning only reads");
}

/// A context over a service whose images the pipeline has to sign, and the pipeline's key.
fn cx_verifying(service: &FakeService) -> (Context, EcdsaKeyPair) {
    let (pair, public) = key();
    let cx = cx_deploying(service);
    let mut deploy = (*cx.deploy).clone();
    let web = deploy.services.get_mut("web").expect("web");
    (web.provenance_key, web.source, web.unverified) = (Some(public), "https://git.test/web".to_owned(), false);
    assert_eq!(deploy.validate(), Ok(()));
    (Context { deploy: Arc::new(deploy), ..cx }, pair)
}

/// The pipeline signs an image as built from this branch.
fn signs(service: &FakeService, pair: &EcdsaKeyPair, letter: &str, branch: &str) {
    let tag = format!("provenance-{}", digest(letter).trim_start_matches("sha256:"));
    let manifest = sealed(pair, &digest(letter), "https://git.test/web", branch);
    service.0.lock().manifests.insert(tag, manifest);
}

/// Where the settings name a key, an image that it does not vouch for is not even planned.
#[tokio::test]
async fn an_image_that_nobody_vouches_for_is_not_deployed_where_somebody_must() {
    let service = FakeService::new();
    let (cx, pair) = cx_verifying(&service);
    let said = answer("deploy 1.4.2 web", &cx).await;
    insta::assert_snapshot!(said, @"[refused] `sha256:bbbbbbbbbbbb` is not deployed to `web`: no signed provenance of it is in ECR. Nothing was changed. My settings (`deploy.services.web.provenance_key`) ask for an image that the pipeline has signed as built from `main` of `https://git.test/web`.");
    signs(&service, &pair, "b", "feature");
    let said = answer("deploy 1.4.2 web", &cx).await;
    assert!(said.contains("its provenance names `feature` as its branch. Nothing was changed."), "{said}");
    signs(&service, &pair, "b", "main");
    let plan = planned("deploy 1.4.2 web", &cx).await;
    assert_eq!((plan.steps.len(), plan.cautions.as_slice()), (2, &[][..]), "what is verified needs no caution");
    let status = answer("deploy status web", &cx).await;
    assert!(!status.contains("not verified"), "{status}");
    assert_eq!(changes(&service), [""; 0]);
}

/// What ran before is held to the same rule: it may be older than the key, or a revision that nobody ever ran.
#[tokio::test]
async fn an_image_that_nobody_vouches_for_is_not_gone_back_to_where_somebody_must() {
    let service = FakeService::new();
    let (cx, pair) = cx_verifying(&service);
    // that the image which runs is signed says nothing of the one before
    signs(&service, &pair, "a", "main");
    let said = answer("deploy rollback web", &cx).await;
    insta::assert_snapshot!(said, @"[refused] `web` is not rolled back to `1.4.0` (`sha256:000000000000`): no signed provenance of it is in ECR. Nothing was changed. My settings (`deploy.services.web.provenance_key`) ask for an image that the pipeline has signed as built from `main` of `https://git.test/web`. `deploy <version> web` deploys a version that is signed.");
    // nor is it promised
    let status = answer("deploy status web", &cx).await;
    assert!(status.contains("; I do not roll back to it: no signed provenance of it is in ECR."), "{status}");
    assert!(!status.contains("deploy rollback web"), "{status}");
    signs(&service, &pair, "0", "feature");
    let said = answer("deploy rollback web", &cx).await;
    assert!(said.contains("its provenance names `feature` as its branch. Nothing was changed."), "{said}");
    service.fails("BatchGetImage", Fault::Code("AccessDeniedException", "no"));
    let said = answer("deploy rollback web", &cx).await;
    assert!(said.starts_with("[failed] AWS does not allow me `ecr:BatchGetImage`"), "{said}");
    signs(&service, &pair, "0", "main");
    assert_eq!(planned("deploy rollback web", &cx).await.steps.len(), 1);
    assert_eq!(changes(&service), [""; 0]);
}

#[tokio::test]
async fn the_only_service_need_not_be_named() {
    let cx = cx_deploying(&FakeService::new());
    assert_eq!(planned("deploy 1.4.2", &cx).await, planned("deploy 1.4.2 WEB", &cx).await);
}

#[tokio::test]
async fn a_plan_holds_all_that_is_needed_after_a_restart() {
    let service = FakeService::new();
    service.0.lock().past = vec![("IN_PROGRESS", 8, "b", None), ("SUCCESSFUL", 7, "a", None)];
    let cx = cx_deploying(&service);
    let goal = Goal::of(&planned("deploy 1.4.2 web", &cx).await).expect("a goal");
    assert_eq!(
        (goal.name.as_str(), goal.at.id().as_str(), goal.container.as_str()),
        ("web", "service/prod/shop", "web")
    );
    assert_eq!((goal.digest(), goal.from.as_str()), (digest("b").as_str(), web(7).as_str()));
    assert_eq!(
        (goal.to.as_deref(), goal.base.as_deref(), goal.under_way.as_deref()),
        (None, Some(web(7).as_str()), None)
    );
    let stage = |stage: &mut crate::aws::fake::ecs::Stage| {
        stage.definitions.push(definition(8, &format!("{REPOSITORY}@{}", digest("b"))));
        stage.scene = completes()[0].clone();
    };
    stage(&mut service.0.lock());
    let goal = Goal::of(&planned("deploy rollback web", &cx).await).expect("a goal");
    assert_eq!((goal.from.as_str(), goal.to.as_deref()), (web(8).as_str(), Some(web(7).as_str())));
    assert!(goal.under_way.is_some_and(|arn| arn.ends_with(":service-deployment/prod/shop/2")));
    let target = &planned("deploy rollback web", &cx).await.targets[0];
    assert_eq!((target.id.as_str(), target.resource()), ("service/prod/shop#2", "service/prod/shop"));
}

#[tokio::test]
async fn a_revision_that_is_there_is_used_and_not_made_again() {
    let service = FakeService::new();
    service.0.lock().definitions.push(definition(8, &format!("{REPOSITORY}@{}", digest("b"))));
    let mut other = definition(9, &format!("{REPOSITORY}@{}", digest("c")));
    other.cpu = Some("512".to_owned());
    service.0.lock().definitions.push(other);
    service.0.lock().images.push(Picture { tags: vec!["1.5.0"], letter: "c", pushed: 1, parts: Vec::new() });
    let cx = cx_deploying(&service);
    let plan = planned("deploy 1.4.2 web", &cx).await;
    assert_eq!(plan.steps.len(), 1);
    assert_eq!(plan.steps[0].targets.last(), Some(&web(8)));
    assert_eq!(planned("deploy 1.5.0 web", &cx).await.steps.len(), 2, "of the same image, but not the same otherwise");
}

#[tokio::test]
async fn what_runs_already_is_an_answer() {
    let service = FakeService::new();
    insta::assert_snapshot!(answer("deploy 1.4.1 web", &cx_deploying(&service)).await, @"[info] `web` runs `1.4.1` (`sha256:aaaaaaaaaaaa`) already. Nothing was changed.");
    service.0.lock().scene.tasks = vec![(7, "a"), (7, "c")];
    let plan = planned("deploy 1.4.1 web", &cx_deploying(&service)).await;
    assert_eq!(plan.steps.len(), 1, "a task that runs something else is a reason to deploy it again");
}

#[tokio::test]
async fn a_version_must_be_there() {
    let cx = cx_deploying(&FakeService::new());
    insta::assert_snapshot!(answer("deploy 9.9.9 web", &cx).await, @"[usage] No image in `team/web` is tagged `9.9.9`. Nothing was changed. The latest are `1.4.2`, `1.4.1` and `1.4.0`.");
    insta::assert_snapshot!(answer(&format!("deploy {}", digest("f")), &cx).await, @"[usage] No image in `team/web` has the digest `sha256:ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff`. Nothing was changed. The latest are `1.4.2`, `1.4.1` and `1.4.0`.");
    insta::assert_snapshot!(answer("deploy a/b", &cx).await, @r"
    [usage] `<version>` must be a version such as `1.4.2`, or a whole digest `sha256:…`, not `a/b`.
    Usage: `deploy <version> [service]`
    There is also `deploy status [service]` and `deploy rollback [service]`.
    ");
    insta::assert_snapshot!(answer("deploy", &cx).await, @r"
    [usage] `<version>` is missing.
    Usage: `deploy <version> [service]`
    There is also `deploy status [service]` and `deploy rollback [service]`.
    ");
    assert!(answer(&format!("deploy {}", digest("b")), &cx).await.starts_with("[plan] "), "a digest is a version too");
}

#[tokio::test]
async fn a_mistyped_subcommand_is_no_version() {
    let cx = cx_deploying(&FakeService::new());
    insta::assert_snapshot!(answer("deploy stauts", &cx).await, @"[usage] No image in `team/web` is tagged `stauts`. Nothing was changed. The latest are `1.4.2`, `1.4.1` and `1.4.0`. Did you mean `deploy status`?");
    let press = async |text: &str| {
        let (_, command) = parse(text).expect("understood");
        match command.plan(&cx).await {
            Err(CommandError::Usage(error)) => error.buttons.into_iter().map(|button| button.press).collect::<Vec<_>>(),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(press("deploy stauts web").await, [Press::Run("deploy status web".into())]);
    assert_eq!(press("deploy rolback").await, [Press::Form("deploy rollback".into())], "a guess changes nothing");
    assert_eq!(press("deploy 9.9.9").await, []);
}

#[tokio::test]
async fn only_listed_services_are_deployed() {
    let service = FakeService::new();
    let mut cx = cx_deploying(&service);
    insta::assert_snapshot!(answer("deploy 1.4.2 shop", &cx).await, @"[usage] `shop` is not among the services that I deploy. Nothing was changed. I deploy `web`; `deploy.services` in my settings lists them.");
    let mut two = DeployConfig::clone(&cx.deploy);
    two.services.insert("api".into(), two.services["web"].clone());
    cx.deploy = Arc::new(two);
    insta::assert_snapshot!(answer("deploy 1.4.2", &cx).await, @"[usage] Say which service is meant: `api` or `web`. Nothing was changed.");
    cx.deploy = Arc::default();
    insta::assert_snapshot!(answer("deploy 1.4.2", &cx).await, @"[refused] I deploy nothing: my settings list no service. Nothing was changed. Set `deploy.services.<name>` with `cluster`, `service`, `container`, `repository` and either `provenance_key` or `unverified`, and `deploy.self` for myself.");
    assert_eq!(answer("deploy rollback", &cx).await, answer("deploy 1.4.2", &cx).await);
    insta::assert_snapshot!(answer("deploy status", &cx).await, @"[refused] I deploy nothing: my settings list no service. Nothing could be shown. Set `deploy.services.<name>` with `cluster`, `service`, `container`, `repository` and either `provenance_key` or `unverified`, and `deploy.self` for myself.");
    let calls: Vec<String> = service.0.lock().calls.keys().cloned().collect();
    assert_eq!(
        calls,
        ["DescribeServices"],
        "what is listed may have to be kept from the person; nothing else is asked"
    );
}

#[tokio::test]
async fn what_is_not_as_configured_is_told() {
    let service = FakeService::new();
    let mut cx = cx_deploying(&service);
    let mut config = DeployConfig::clone(&cx.deploy);
    config.services.get_mut("web").expect("listed").repository = "team/other".into();
    cx.deploy = Arc::new(config.clone());
    insta::assert_snapshot!(brief(&answer("deploy 1.4.2", &cx).await), @"[failed] The container `web` of `web:7` runs `REPO@sha256:aaaaaaaaaaaaaaa…`, which is not of the repository `team/other`. Nothing was changed. Check `deploy.services.web` in my settings.");
    config.services.get_mut("web").expect("listed").container = "app".into();
    cx.deploy = Arc::new(config);
    insta::assert_snapshot!(answer("deploy 1.4.2", &cx).await, @"[failed] The task definition `web:7` has no container `app`. Nothing was changed. Check `deploy.services.web` in my settings.");
    service.0.lock().gone = true;
    insta::assert_snapshot!(answer("deploy 1.4.2", &cx).await, @"[failed] AWS has no service `shop` in the cluster `prod` in `eu-central-1`. Nothing was changed. Check `deploy.services.web` in my settings.");
    service.0.lock().gone = false;
    service.0.lock().controller = Some(aws_sdk_ecs::types::DeploymentControllerType::CodeDeploy);
    insta::assert_snapshot!(answer("deploy 1.4.2", &cx).await, @"[refused] `web` is deployed by CodeDeploy (`CODE_DEPLOY`), and I follow rolling updates of ECS only. Nothing was changed. Deploy it with CodeDeploy.");
    service.fails("DescribeServices", Fault::Code("AccessDeniedException", "no"));
    insta::assert_snapshot!(answer("deploy 1.4.2", &cx).await, @"[failed] AWS does not allow me `ecs:DescribeServices` (`AccessDeniedException`, `eu-central-1`, account `123456789012`): no. Nothing was changed. Ask the platform team to look at the bot's IAM role.");
    service.fails("DescribeServices", Fault::Code("ClusterNotFoundException", "no"));
    insta::assert_snapshot!(answer("deploy 1.4.2", &cx).await, @"[failed] AWS does not know this (`ClusterNotFoundException`, `eu-central-1`, account `123456789012`): no. Nothing was changed. Check `deploy.services` in my settings.");
}

#[tokio::test]
async fn no_rollout_is_begun_beside_another() {
    let service = FakeService::new();
    service.0.lock().definitions.push(definition(8, &format!("{REPOSITORY}@{}", digest("b"))));
    service.0.lock().scene = completes()[1].clone();
    insta::assert_snapshot!(answer("deploy 1.4.0 web", &cx_deploying(&service)).await, @"[refused] A rollout to `web` is in progress (`1.4.2` (`web:8`), 1 of 2 tasks), so I did not begin another. Nothing was changed. Wait for it: `deploy status web` shows it, and `deploy rollback web` stops it.");
}

#[tokio::test]
async fn what_one_may_not_see_goes_to_the_judge_without_a_step() {
    let service = FakeService::new();
    let mut cx = cx_deploying(&service);
    cx.sees = Arc::new(|_| false);
    for line in ["deploy 1.4.2 web", "deploy rollback web"] {
        let (_, command) = parse(line).expect("understood");
        match command.plan(&cx).await {
            Ok(Planned::Change(plan)) => assert!(plan.steps.is_empty() && plan.targets[0].id == "service/prod/shop"),
            other => panic!("{other:?}"),
        }
    }
    let why = "`deploy status` on `web` needs the group *operators*. Nothing was done.";
    cx.sees_or_why = Arc::new(move |_| Err(Refusal::sentence(why)));
    assert_eq!(answer("deploy status web", &cx).await, format!("[refused] {why}"), "the judge's reason");
    assert!(!service.0.lock().calls.contains_key("DescribeImages"), "the rest is not even read");
}

#[tokio::test]
async fn cautions_say_what_is_to_be_known_before() {
    let service = FakeService::new();
    service.0.lock().rolls_back = false;
    service.0.lock().desired = 0;
    service.0.lock().scene.tasks.clear();
    let mut cx = cx_deploying(&service);
    let own = DeployConfig { own: Some("web".into()), ..DeployConfig::clone(&cx.deploy) };
    cx.deploy = Arc::new(own);
    let plan = planned("deploy 1.4.0", &cx).await;
    insta::assert_snapshot!(plan.cautions.join("\n"), @r"
    This is me: I am replaced by it, and my new body answers.
    Its image is not verified: the settings say `unverified`.
    ECS does not roll `web` back by itself if its tasks do not start; `deploy rollback web` does.
    `web` is to have no tasks, so nothing of it runs.
    `1.4.0` (`sha256:000000000000`) takes the place of `1.4.1` (`sha256:aaaaaaaaaaaa`), which was pushed later.
    ");
}

// Making it, and following it to its end

#[tokio::test(start_paused = true)]
async fn a_rollout_that_completes_is_done_when_its_tasks_run_the_digest() {
    let service = FakeService::new();
    service.after("UpdateService", &completes());
    let shown: Arc<Mutex<Vec<String>>> = Arc::default();
    let mut cx = cx_deploying(&service);
    let progress = Arc::clone(&shown);
    cx.progress = Arc::new(move |reply| progress.lock().push(super::super::testing::plain(&reply)));
    insta::assert_snapshot!(executed("deploy 1.4.2 web", &cx).await, @"Done [done] `web` runs `1.4.2` (`sha256:bbbbbbbbbbbb`): the rollout is COMPLETED, and its 2 tasks run that digest, after 6 s. Before: `1.4.1` (`web:7`); `deploy rollback web` goes back.");
    assert_eq!(changes(&service), [format!("RegisterTaskDefinition @{}", digest("b")), "UpdateService web:8".into()]);
    insta::assert_snapshot!(shown.lock().join("\n"), @r"
    [progress] Deploying `web`: asking AWS… 0 s
    [progress] Deploying `web`: rollout IN_PROGRESS, 0 of 2 running tasks have `sha256:bbbbbbbbbbbb`… 0 s
    [progress] Deploying `web`: rollout IN_PROGRESS, 1 of 2 running tasks have `sha256:bbbbbbbbbbbb`… 3 s
    ");
    let made = service.0.lock().definitions.last().cloned().expect("made");
    let container = &made.container_definitions()[0];
    assert_eq!(container.docker_labels().expect("labels")["dronebot.request"], format!("cmd-{}-0", cx.request));
    assert_eq!(container.environment().len(), 1, "the rest is as before");
    assert_eq!(made.execution_role_arn(), Some("arn:aws:iam::123456789012:role/execution"));
}

#[tokio::test(start_paused = true)]
async fn a_rollout_that_ecs_rolls_back_is_not_done() {
    let service = FakeService::new();
    let new = Dep::new("ecs-svc/new", 8, "IN_PROGRESS", 0);
    let back = |state| {
        Dep::new("ecs-svc/back", 7, state, 2)
            .because("ECS deployment circuit breaker: rolling back to deploymentId ecs-svc/7")
    };
    let failed =
        Dep::new("ecs-svc/new", 8, "FAILED", 0).old().because("ECS deployment circuit breaker: tasks failed to start.");
    let tasks = [(7, "a"), (7, "a")];
    service.after(
        "UpdateService",
        &[
            Scene::new(&[new, Dep::new("ecs-svc/7", 7, "COMPLETED", 2).old()], &tasks),
            Scene::new(&[back("IN_PROGRESS"), failed], &tasks),
            Scene::new(&[back("COMPLETED")], &tasks),
        ],
    );
    service.0.lock().stopped = Some((7, "a", "Scaling activity"));
    service.0.lock().definitions.push(definition(8, &format!("{REPOSITORY}@{}", digest("b"))));
    service.0.lock().stopped = Some((8, "b", "Task failed container health checks"));
    // ECS lists them in no order
    service.0.lock().stopped_earlier = 150;
    insta::assert_snapshot!(executed("deploy 1.4.2 web", &cx_deploying(&service)).await, @"NotDone [failed] `1.4.2` (`sha256:bbbbbbbbbbbb`) was not deployed to `web`: it was rolled back to `1.4.1` (`web:7`) (`ECS deployment circuit breaker: tasks failed to start.`). 2 tasks run `1.4.1` (`sha256:aaaaaaaaaaaa`). The latest of its tasks stopped: `Task failed container health checks`. Look with `deploy status web`.");
}

#[tokio::test(start_paused = true)]
async fn a_rollout_that_ecs_gives_up_is_told_with_the_way_back() {
    let service = FakeService::new();
    let failed =
        Dep::new("ecs-svc/new", 8, "FAILED", 0).because("ECS deployment circuit breaker: tasks failed to start.");
    let tasks = [(7, "a"), (7, "a")];
    service.after(
        "UpdateService",
        &[completes()[0].clone(), Scene::new(&[failed, Dep::new("ecs-svc/7", 7, "COMPLETED", 2).old()], &tasks)],
    );
    insta::assert_snapshot!(executed("deploy 1.4.2 web", &cx_deploying(&service)).await, @"NotDone [failed] `1.4.2` (`sha256:bbbbbbbbbbbb`) was not deployed to `web`: ECS has given the rollout up (`ECS deployment circuit breaker: tasks failed to start.`), and has not put back what was before. 2 tasks run `1.4.1` (`sha256:aaaaaaaaaaaa`). `deploy rollback web` puts it back. Look with `deploy status web`.");
}

#[tokio::test(start_paused = true)]
async fn a_rollout_that_another_overtakes_is_not_called_done() {
    let service = FakeService::new();
    let mut definitions = vec![definition(9, &format!("{REPOSITORY}@{}", digest("c")))];
    service.0.lock().definitions.append(&mut definitions);
    service.after(
        "UpdateService",
        &[
            Scene::new(&[Dep::new("ecs-svc/new", 10, "IN_PROGRESS", 0)], &[(7, "a"), (7, "a")]),
            Scene::new(&[Dep::new("ecs-svc/other", 9, "IN_PROGRESS", 1)], &[(9, "c"), (7, "a")]),
        ],
    );
    insta::assert_snapshot!(executed("deploy 1.4.2 web", &cx_deploying(&service)).await, @"NotDone [failed] `web` was given `web:9` meanwhile, not by this command, so it is not `1.4.2` (`sha256:bbbbbbbbbbbb`) that it runs. 1 task runs `1.4.1` (`sha256:aaaaaaaaaaaa`), 1 task runs `sha256:cccccccccccc`. Look with `deploy status web`.");
}

#[tokio::test(start_paused = true)]
async fn a_rollout_that_does_not_end_in_time_says_how_far_it_is() {
    let service = FakeService::new();
    service.after("UpdateService", &completes()[..2]);
    insta::assert_snapshot!(executed("deploy 1.4.2 web", &cx_deploying(&service)).await, @"Unknown [unknown] The rollout of `1.4.2` (`sha256:bbbbbbbbbbbb`) to `web` is IN_PROGRESS after 1 min, and I stopped watching: 1 of 2 running tasks has `sha256:bbbbbbbbbbbb`. Look with `deploy status web`.");
}

#[tokio::test(start_paused = true)]
async fn stable_is_no_proof_where_the_digest_differs() {
    let service = FakeService::new();
    let done = Dep::new("ecs-svc/new", 8, "COMPLETED", 2);
    service.after("UpdateService", &[Scene::new(&[done], &[(8, "b"), (8, "c")])]);
    insta::assert_snapshot!(executed("deploy 1.4.2 web", &cx_deploying(&service)).await, @"NotDone [failed] ECS calls the rollout of `1.4.2` (`sha256:bbbbbbbbbbbb`) to `web` COMPLETED, but 1 of 2 running tasks has `sha256:bbbbbbbbbbbb`. It does not run what was asked for. Look with `deploy status web`.");
}

#[tokio::test(start_paused = true)]
async fn a_task_of_an_index_may_show_the_image_of_its_platform() {
    let service = FakeService::new();
    service.0.lock().images[2].parts = vec!["c", "d"];
    let done = Dep::new("ecs-svc/new", 8, "COMPLETED", 2);
    service.after("UpdateService", &[Scene::new(std::slice::from_ref(&done), &[(8, "c"), (8, "b")])]);
    let text = executed("deploy 1.4.2 web", &cx_deploying(&service)).await;
    assert!(text.starts_with("Done [done] `web` runs `1.4.2`"), "{text}");
    // where ECS tells no digest, the image that the task definition pins is what runs
    let service = FakeService::new();
    service.after("UpdateService", &[Scene::new(&[done], &[(8, "-"), (8, "-")])]);
    let text = executed("deploy 1.4.2 web", &cx_deploying(&service)).await;
    assert!(text.starts_with("Done [done] `web` runs `1.4.2`"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn a_throttled_call_changes_nothing_and_a_throttled_look_is_repeated() {
    let service = FakeService::new();
    service.fails("UpdateService", Fault::Code("ThrottlingException", "Rate exceeded"));
    insta::assert_snapshot!(executed("deploy 1.4.2 web", &cx_deploying(&service)).await, @"[failed] AWS is limiting our calls (`ThrottlingException`, `eu-central-1`, account `123456789012`): Rate exceeded. `web` was not changed. Try again in a minute.");
    let service = FakeService::new();
    service.after("UpdateService", &completes());
    let cx = cx_deploying(&service);
    let plan = planned("deploy 1.4.2 web", &cx).await;
    service.fails("DescribeServices", Fault::Code("ThrottlingException", "Rate exceeded"));
    let (_, command) = parse("deploy 1.4.2 web").expect("understood");
    let text = found_text(command.execute(&plan, &cx, &Ledger::default()).await);
    assert!(text.starts_with("Done "), "{text}");
}

#[tokio::test(start_paused = true)]
async fn a_refused_call_is_told_with_its_reason() {
    let service = FakeService::new();
    service.fails("RegisterTaskDefinition", Fault::Code("AccessDeniedException", "iam:PassRole"));
    insta::assert_snapshot!(executed("deploy 1.4.2 web", &cx_deploying(&service)).await, @"[failed] AWS does not allow me `ecs:RegisterTaskDefinition` (`AccessDeniedException`, `eu-central-1`, account `123456789012`): iam:PassRole. `web` was not changed. Ask the platform team to look at the bot's IAM role.");
    assert_eq!(changes(&service), [""; 0]);
    service.fails("UpdateService", Fault::Code("ServiceNotActiveException", "not active"));
    insta::assert_snapshot!(executed("deploy 1.4.2 web", &cx_deploying(&service)).await, @"[failed] Its state does not allow this now (`ServiceNotActiveException`, `eu-central-1`, account `123456789012`): not active. `web` was not changed. Look with `deploy status`, and try again when it has settled.");
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_of_the_update_is_followed_by_a_look() {
    let service = FakeService::new();
    service.after("UpdateService", &completes());
    service.fails("UpdateService", Fault::Lost { happened: true });
    insta::assert_snapshot!(executed("deploy 1.4.2 web", &cx_deploying(&service)).await, @"Done [done] AWS did not confirm it. I looked: `web` runs `1.4.2` (`sha256:bbbbbbbbbbbb`): the rollout is COMPLETED, and its 2 tasks run that digest. Before: `1.4.1` (`web:7`); `deploy rollback web` goes back.");
    let service = FakeService::new();
    service.fails("UpdateService", Fault::Lost { happened: false });
    insta::assert_snapshot!(executed("deploy 1.4.2 web", &cx_deploying(&service)).await, @"NotDone [failed] AWS did not confirm it. I looked: `web` still has `1.4.1` (`web:7`), so `1.4.2` (`sha256:bbbbbbbbbbbb`) was not deployed. Look with `deploy status web`.");
    assert_eq!(changes(&service).last().map(String::as_str), Some("UpdateService (lost)"), "it is not called again");
    let service = FakeService::new();
    service.fails("UpdateService", Fault::NotSent);
    insta::assert_snapshot!(executed("deploy 1.4.2 web", &cx_deploying(&service)).await, @"[failed] I cannot reach AWS ECS in `eu-central-1`. `web` was not changed. Try again in a minute; if it stays so, the platform team should look at my network.");
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_of_the_registration_is_looked_for() {
    let service = FakeService::new();
    service.after("UpdateService", &completes());
    service.fails("RegisterTaskDefinition", Fault::Lost { happened: true });
    let text = executed("deploy 1.4.2 web", &cx_deploying(&service)).await;
    assert!(text.starts_with("Done "), "it is found, and used: {text}");
    assert_eq!(changes(&service), [format!("RegisterTaskDefinition @{}", digest("b")), "UpdateService web:8".into()]);
    let service = FakeService::new();
    service.fails("RegisterTaskDefinition", Fault::Lost { happened: false });
    insta::assert_snapshot!(executed("deploy 1.4.2 web", &cx_deploying(&service)).await, @"NotDone [failed] AWS did not confirm the new revision of the task definition, and I do not find it, so I went no further. `web` was not changed. Look with `deploy status web`, and try again.");
    assert_eq!(changes(&service), ["RegisterTaskDefinition (lost)"]);
}

#[tokio::test(start_paused = true)]
async fn an_accepted_update_that_does_not_show_is_not_called_done() {
    let service = FakeService::new();
    insta::assert_snapshot!(executed("deploy 1.4.2 web", &cx_deploying(&service)).await, @"Unknown [unknown] `web` still has `1.4.1` (`web:7`) after 27 s, although AWS accepted the change. Look with `deploy status web`.");
}

/// A call whose answer was lost may be on its way for as long as a call may take, whoever looks and since when.
#[tokio::test(start_paused = true)]
async fn a_call_that_may_be_on_its_way_is_not_called_not_made() {
    let before = || Scene::new(&[Dep::new("ecs-svc/7", 7, "COMPLETED", 2)], &[(7, "a"), (7, "a")]);
    for looks in 1..=3 {
        let late: Vec<Scene> = (0..looks).map(|_| before()).chain(completes()).collect();
        let (service, cx, plan) = begun().await;
        service.0.lock().ahead = late.clone().into();
        let text = verified("deploy 1.4.2 web", &plan, &cx).await;
        assert!(text.starts_with("Done [done] I looked: `web` runs `1.4.2`"), "after {looks} looks: {text}");
        let service = FakeService::new();
        service.after("UpdateService", &late);
        service.fails("UpdateService", Fault::Lost { happened: true });
        let text = executed("deploy 1.4.2 web", &cx_deploying(&service)).await;
        assert!(text.starts_with("Done [done] AWS did not confirm it. I looked: `web` runs"), "{looks}: {text}");
    }
}

/// Trouble while waiting is no outcome, whatever its code.
#[tokio::test(start_paused = true)]
async fn looks_that_fail_are_repeated() {
    for code in ["ExpiredTokenException", "UnrecognizedClientException", "ThrottlingException", "AccessDeniedException"]
    {
        let (service, cx, plan) = begun().await;
        service.0.lock().ahead = completes().into();
        for _ in 0..5 {
            service.fails("DescribeServices", Fault::Code(code, "no"));
        }
        let text = verified("deploy 1.4.2 web", &plan, &cx).await;
        assert!(text.starts_with("Done [done] I looked: `web` runs `1.4.2`"), "{code}: {text}");
    }
}

/// What is read before a change and after it is true both times.
#[tokio::test(start_paused = true)]
async fn no_caution_speaks_of_the_time_before() {
    let service = FakeService::new();
    service.0.lock().past.clear();
    service.0.lock().rolls_back = false;
    let back = [(6, "0"), (6, "0")];
    service.after("UpdateService", &[Scene::new(&[Dep::new("ecs-svc/new", 6, "COMPLETED", 2)], &back)]);
    let text = executed("deploy rollback web", &cx_deploying(&service)).await;
    assert!(text.starts_with("Done [done] `web` runs `1.4.0`"), "{text}");
    assert!(text.contains("takes the place of `1.4.1`") && text.contains("is a guess"), "{text}");
    for word in [" now", "will ", "may never"] {
        assert!(!text.contains(word), "{word}: {text}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_rollout_that_hangs_is_told_with_what_ecs_says_and_every_container_s_reason() {
    let service = FakeService::new();
    let long = "(service web) was unable to place a task because no container instance met all of its requirements. The \
                closest matching container-instance has insufficient memory available.";
    service.0.lock().events = vec![
        (1_794_990_900, "(service web) has started 1 tasks: (task 1)."),
        (1_794_990_800, long),
        (1_794_900_000, "(service web) was unable to do something long ago."),
    ];
    service.0.lock().definitions.push(definition(8, &format!("{REPOSITORY}@{}", digest("b"))));
    service.0.lock().stopped = Some((8, "b", "Essential container in task exited"));
    service.0.lock().sidecar = Some(("OutOfMemoryError: Container killed due to memory usage", 137));
    service.after("UpdateService", &completes()[..2]);
    let text = executed("deploy 1.4.2 web", &cx_deploying(&service)).await;
    assert!(text.starts_with("Unknown") && text.contains(long) && !text.contains("long ago"), "{text}");
    let reason = "`Essential container in task exited; sidecar: OutOfMemoryError: Container killed due to memory usage, exit \
                  code 137`";
    assert!(text.contains(reason), "{text}");
    let text = answer("deploy status web", &cx_deploying(&service)).await;
    assert!(text.contains(long) && text.contains(reason), "{text}");
}

#[tokio::test(start_paused = true)]
async fn the_tag_that_was_typed_is_the_word_of_the_answer() {
    let service = FakeService::new();
    service.0.lock().images[2].tags = vec!["latest", "release-of-may", "1.4.2"];
    service.after("UpdateService", &completes());
    for typed in ["release-of-may", "latest", "1.4.2"] {
        let cx = cx_deploying(&service);
        let plan = planned(&format!("deploy {typed} web"), &cx).await;
        let text = verified(&format!("deploy {typed} web"), &plan, &cx).await;
        assert!(text.contains(&format!("`{typed}` (`sha256:bbbb")), "{typed}: {text}");
    }
    // nobody typed one: the version, and the button means this image
    let text = answer("deploy status web", &cx_deploying(&service)).await;
    assert!(text.contains(&format!("[Deploy 1.4.2]Run(\"deploy {} web\")", digest("b"))), "{text}");
    service.0.lock().images[2].tags = vec!["latest", "stable"];
    let text = answer("deploy status web", &cx_deploying(&service)).await;
    assert!(!text.contains("latest`") && !text.contains("[Deploy"), "{text}");
}

#[tokio::test]
async fn the_status_of_what_another_deploys_says_who_and_offers_nothing() {
    use aws_sdk_ecs::types::{DeploymentControllerType, DeploymentStrategy};
    for (controller, strategy, by, has_primary) in [
        (DeploymentControllerType::CodeDeploy, None, "by CodeDeploy (`CODE_DEPLOY`)", false),
        (DeploymentControllerType::External, None, "by another controller (`EXTERNAL`)", false),
        (DeploymentControllerType::Ecs, Some(DeploymentStrategy::BlueGreen), "with the strategy `BLUE_GREEN`", true),
    ] {
        let service = FakeService::new();
        service.0.lock().controller = Some(controller);
        service.0.lock().strategy = strategy;
        if !has_primary {
            service.0.lock().scene.deps.clear();
        }
        let cx = cx_deploying(&service);
        let text = answer("deploy status web", &cx).await;
        assert!(text.starts_with("[info]") && text.contains(&format!("Deployed: {by}")), "{text}");
        assert!(!text.contains("Run(\"deploy") && !text.contains("in my settings"), "{text}");
        assert!(!text.contains("rollback"), "who deploys it rolls it back: {text}");
        for line in ["deploy 1.4.2 web", "deploy rollback web"] {
            let text = answer(line, &cx).await;
            assert!(text.starts_with("[refused]") && text.contains(by), "{line}: {text}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_same_version_again_waits_for_its_own_deployment() {
    let service = FakeService::new();
    service.0.lock().scene.tasks = vec![(7, "a"), (7, "c")];
    let tasks = [(7, "a"), (7, "a")];
    service.after(
        "UpdateService",
        &[
            // of the deployment before, ECS shows for a while that all is well
            Scene::new(&[Dep::new("ecs-svc/7", 7, "COMPLETED", 2)], &tasks),
            Scene::new(&[Dep::new("ecs-svc/new", 7, "IN_PROGRESS", 0)], &tasks),
            Scene::new(&[Dep::new("ecs-svc/new", 7, "COMPLETED", 2)], &tasks),
        ],
    );
    insta::assert_snapshot!(executed("deploy 1.4.1 web", &cx_deploying(&service)).await, @"Done [done] `web` runs `1.4.1` (`sha256:aaaaaaaaaaaa`): the rollout is COMPLETED, and its 2 tasks run that digest, after 6 s.");
}

#[tokio::test(start_paused = true)]
async fn the_deployment_of_oneself_is_left_to_the_heir() {
    for (own, expected) in [(None, 0), (Some("web".to_owned()), 1)] {
        let service = FakeService::new();
        service.after("UpdateService", &completes());
        let mut cx = cx_deploying(&service);
        cx.deploy = Arc::new(DeployConfig { own, ..DeployConfig::clone(&cx.deploy) });
        let told: Arc<Mutex<u32>> = Arc::default();
        let counted = Arc::clone(&told);
        cx.bequeath = Arc::new(move || *counted.lock() += 1);
        let text = executed("deploy 1.4.2 web", &cx).await;
        assert!(text.starts_with("Done "), "{text}");
        assert_eq!(*told.lock(), expected);
    }
}

// Verifying after a restart

/// A context that deploys 1.4.2, and its plan.
async fn begun() -> (FakeService, Context, crate::domain::Plan) {
    let service = FakeService::new();
    let cx = cx_deploying(&service);
    let plan = planned("deploy 1.4.2 web", &cx).await;
    let made = definition(8, &format!("{REPOSITORY}@{}", digest("b")));
    service.0.lock().definitions.push(made);
    (service, cx, plan)
}

#[tokio::test(start_paused = true)]
async fn after_a_restart_it_says_what_is_so() {
    let mut said = Vec::new();
    let done = completes()[2].clone();
    let back = Scene::new(&[Dep::new("ecs-svc/back", 7, "COMPLETED", 2)], &[(7, "a"), (7, "a")]);
    let other = Scene::new(&[Dep::new("ecs-svc/other", 6, "COMPLETED", 2)], &[(6, "0"), (6, "0")]);
    let because = Some("ECS deployment circuit breaker: tasks failed to start.");
    let rolled_back = vec![("ROLLBACK_SUCCESSFUL", 8, "b", because), ("SUCCESSFUL", 7, "a", None)];
    for (ahead, past) in [
        (vec![done], None),
        (completes(), None),
        (Vec::new(), None),
        (vec![back], Some(rolled_back)),
        (vec![other], None),
        (completes()[..1].to_vec(), None),
    ] {
        let (service, cx, plan) = begun().await;
        service.0.lock().ahead = ahead.into();
        if let Some(past) = past {
            service.0.lock().past = past;
        }
        said.push(verified("deploy 1.4.2 web", &plan, &cx).await);
        assert_eq!(changes(&service), [""; 0], "verifying only reads");
    }
    insta::assert_snapshot!(said.join("\n"), @r"
    Done [done] I looked: `web` runs `1.4.2` (`sha256:bbbbbbbbbbbb`): the rollout is COMPLETED, and its 2 tasks run that digest. Before: `1.4.1` (`web:7`); `deploy rollback web` goes back.
    Done [done] I looked: `web` runs `1.4.2` (`sha256:bbbbbbbbbbbb`): the rollout is COMPLETED, and its 2 tasks run that digest. Before: `1.4.1` (`web:7`); `deploy rollback web` goes back.
    NotDone [failed] I looked: `web` still has `1.4.1` (`web:7`), so `1.4.2` (`sha256:bbbbbbbbbbbb`) was not deployed. Look with `deploy status web`.
    NotDone [failed] I looked: `1.4.2` (`sha256:bbbbbbbbbbbb`) was not deployed to `web`: it was rolled back to `1.4.1` (`web:7`) (`ECS deployment circuit breaker: tasks failed to start.`). 2 tasks run `1.4.1` (`sha256:aaaaaaaaaaaa`). Look with `deploy status web`.
    NotDone [failed] I looked: `web` was given `1.4.0` (`web:6`) meanwhile, not by this command, so it is not `1.4.2` (`sha256:bbbbbbbbbbbb`) that it runs. 2 tasks run `1.4.0` (`sha256:000000000000`). Look with `deploy status web`.
    Unknown [unknown] I looked: the rollout of `1.4.2` (`sha256:bbbbbbbbbbbb`) to `web` is IN_PROGRESS after 1 min, and I stopped watching: 0 of 2 running tasks have `sha256:bbbbbbbbbbbb`. Look with `deploy status web`.
    ");
}

#[tokio::test(start_paused = true)]
async fn after_a_restart_the_settings_are_not_needed() {
    let (service, mut cx, plan) = begun().await;
    service.0.lock().scene = completes()[2].clone();
    cx.deploy = Arc::default();
    let text = verified("deploy 1.4.2 web", &plan, &cx).await;
    assert!(text.starts_with("Done [done] I looked: `web` runs `1.4.2`"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_seen_is_unknown() {
    let (service, cx, plan) = begun().await;
    service.0.lock().gone = true;
    let mut said = vec![verified("deploy 1.4.2 web", &plan, &cx).await];
    for _ in 0..10 {
        service.fails("DescribeServices", Fault::Code("AccessDeniedException", "no"));
    }
    said.push(verified("deploy 1.4.2 web", &plan, &cx).await);
    insta::assert_snapshot!(said.join("\n"), @r"
    Unknown [unknown] I looked: AWS does not show the service `web` any more, or not as an active one. Look with `deploy status web`.
    Unknown [unknown] I looked: I cannot tell whether `1.4.2` (`sha256:bbbbbbbbbbbb`) was deployed to `web`: AWS does not allow me `ecs:DescribeServices` (`AccessDeniedException`, `eu-central-1`, account `123456789012`): no. Look with `deploy status web`.
    ");
}

#[tokio::test(start_paused = true)]
async fn a_service_is_looked_at_in_the_account_of_its_step_alone() {
    let (service, cx, mut plan) = begun().await;
    assert!(plan.steps.iter().all(|step| step.place() == AccountRegion::new("123456789012", "eu-central-1")));
    service.0.lock().scene = completes()[2].clone();
    plan.steps.iter_mut().for_each(|step| step.account = Some("999999999999".into()));
    let looks = |service: &FakeService| service.0.lock().calls.get("DescribeServices").copied();
    let before = looks(&service);
    let text = verified("deploy 1.4.2 web", &plan, &cx).await;
    assert!(text.starts_with("Unknown [unknown] "), "{text}");
    assert!(text.contains("I have no credentials that I know to be of the AWS account `999999999999`."), "{text}");
    assert_eq!(looks(&service), before, "nothing was asked in another account");
    plan.steps.iter_mut().for_each(|step| step.account = None);
    let text = verified("deploy 1.4.2 web", &plan, &cx).await;
    assert!(text.starts_with("Done [done] I looked: `web` runs `1.4.2`"), "{text}");
}

/// Whatever a deployment calls: to register, to update, to stop a rollout that goes on.
#[tokio::test(start_paused = true)]
async fn what_waits_for_its_turn_is_not_journalled_yet() {
    for (line, is_under_way, calls) in
        [("deploy 1.4.2 web", false, 2), ("deploy rollback web", false, 1), ("deploy rollback web", true, 1)]
    {
        let service = FakeService::new();
        let mut cx = cx_deploying(&service);
        let shown: Arc<Mutex<Vec<String>>> = Arc::default();
        let progress = Arc::clone(&shown);
        cx.progress = Arc::new(move |reply| progress.lock().push(super::super::testing::plain(&reply)));
        if is_under_way {
            service.0.lock().past = vec![("IN_PROGRESS", 8, "b", None), ("SUCCESSFUL", 7, "a", None)];
            service.0.lock().definitions.push(definition(8, &format!("{REPOSITORY}@{}", digest("b"))));
            service.0.lock().scene = completes()[0].clone();
        }
        let waited =
            waited_for_turns(line, &cx, async || cx.aws.ecs.deploy_turn(&AccountRegion::usual("eu-central-1")).await)
                .await;
        assert_eq!(waited.len(), calls, "{line}: {:?}", changes(&service));
        let asking = shown.lock().iter().filter(|said| said.contains("asking AWS")).count();
        assert_eq!(asking, 1, "{line}: however long a call waits, this is shown once: {shown:?}");
        for waited in waited {
            assert!(waited.before > std::time::Duration::from_millis(100), "{line} waited: {waited:?}");
            assert_eq!(waited.within, std::time::Duration::ZERO, "{line}: not between the journal and the call");
        }
    }
}

// Rolling back

#[tokio::test(start_paused = true)]
async fn a_rollback_deploys_the_digest_that_ran_before() {
    let service = FakeService::new();
    insta::assert_snapshot!(brief(&answer("deploy rollback web", &cx_deploying(&service)).await), @r"
    [plan] roll back web (service/prod/shop in eu-central-1): sha256:a… → sha256:0…
    target web (service/prod/shop) eu-central-1 123456789012
    step 0 ecs:UpdateService eu-central-1 service/prod/shop web REPO@sha256:0… was:sha256:a… arn:aws:ecs:eu-central-1:123456789012:task-definition/web:7 arn:aws:ecs:eu-central-1:123456789012:task-definition/web:6
    caution Its image is not verified: the settings say `unverified`.
    caution `1.4.0` (`sha256:000000000000`) takes the place of `1.4.1` (`sha256:aaaaaaaaaaaa`), which was pushed later.
    ");
    service.after(
        "UpdateService",
        &[
            Scene::new(&[Dep::new("ecs-svc/new", 6, "IN_PROGRESS", 0)], &[(7, "a"), (7, "a")]),
            Scene::new(&[Dep::new("ecs-svc/new", 6, "COMPLETED", 2)], &[(6, "0"), (6, "0")]),
        ],
    );
    insta::assert_snapshot!(executed("deploy rollback web", &cx_deploying(&service)).await, @r"
    Done [done] `web` runs `1.4.0` (`sha256:000000000000`): the rollout is COMPLETED, and its 2 tasks run that digest, after 3 s. Before: `1.4.1` (`web:7`); a second `deploy rollback web` would bring that again.
    (`1.4.0` (`sha256:000000000000`) takes the place of `1.4.1` (`sha256:aaaaaaaaaaaa`), which was pushed later.)
    ");
    assert_eq!(changes(&service), ["UpdateService web:6"]);
}

#[tokio::test]
async fn a_tag_of_before_is_rolled_back_to_the_digest_that_it_meant() {
    let service = FakeService::new();
    service.0.lock().definitions[0] = definition(6, &format!("{REPOSITORY}:1.4.0"));
    let plan = planned("deploy rollback web", &cx_deploying(&service)).await;
    assert_eq!(plan.steps[0].operation, "ecs:RegisterTaskDefinition");
    assert!(
        plan.steps[0].targets.contains(&web(6))
            && plan.steps[0].targets.contains(&format!("{REPOSITORY}@{}", digest("0")))
    );
}

#[tokio::test]
async fn what_failed_or_is_the_same_is_not_gone_back_to() {
    let service = FakeService::new();
    service.0.lock().past = vec![
        ("SUCCESSFUL", 7, "a", None),
        ("ROLLBACK_SUCCESSFUL", 8, "b", None),
        ("SUCCESSFUL", 7, "a", None),
        ("SUCCESSFUL", 6, "0", None),
    ];
    let plan = planned("deploy rollback web", &cx_deploying(&service)).await;
    assert_eq!(plan.steps[0].targets.last(), Some(&web(6)));
}

#[tokio::test]
async fn where_ecs_does_not_tell_a_guess_is_called_one() {
    let service = FakeService::new();
    service.fails("ListServiceDeployments", Fault::Code("AccessDeniedException", "no"));
    let plan = planned("deploy rollback web", &cx_deploying(&service)).await;
    insta::assert_snapshot!(plan.cautions.join("\n"), @r"
    Its image is not verified: the settings say `unverified`.
    `1.4.0` (`sha256:000000000000`) takes the place of `1.4.1` (`sha256:aaaaaaaaaaaa`), which was pushed later.
    That `1.4.0` (`web:6`) ran before is a guess: it is the latest older revision with another image, and ECS does not tell more.
    ");
    service.fails("ListServiceDeployments", Fault::Code("ThrottlingException", "Rate exceeded"));
    insta::assert_snapshot!(answer("deploy rollback web", &cx_deploying(&service)).await, @"[failed] AWS is limiting our calls (`ThrottlingException`, `eu-central-1`, account `123456789012`): Rate exceeded. Nothing was changed. Try again in a minute.");
}

#[tokio::test]
async fn there_must_be_something_to_go_back_to() {
    let service = FakeService::new();
    service.0.lock().images.remove(0);
    insta::assert_snapshot!(answer("deploy rollback web", &cx_deploying(&service)).await, @"[refused] Before, `web` ran `sha256:000000000000`, and ECR does not have that image any more. Nothing was changed. `deploy status web` shows what it has.");
    service.0.lock().past.pop();
    service.0.lock().definitions.remove(0);
    insta::assert_snapshot!(answer("deploy rollback web", &cx_deploying(&service)).await, @"[refused] Nothing is known that `web` ran before `1.4.1` (`web:7`), so there is nothing to go back to. Nothing was changed. `deploy <version> web` deploys a version that you name.");
}

/// A rollout from `web:7` to `web:8` under way.
fn rolling() -> FakeService {
    let service = FakeService::new();
    service.0.lock().definitions.push(definition(8, &format!("{REPOSITORY}@{}", digest("b"))));
    service.0.lock().scene = completes()[1].clone();
    service.0.lock().past =
        vec![("IN_PROGRESS", 8, "b", None), ("SUCCESSFUL", 7, "a", None), ("SUCCESSFUL", 6, "0", None)];
    service
}

#[tokio::test(start_paused = true)]
async fn a_rollout_under_way_is_rolled_back_by_ecs() {
    let service = rolling();
    let (new, old) = (Dep::new("ecs-svc/8", 8, "IN_PROGRESS", 1), Dep::new("ecs-svc/back", 7, "IN_PROGRESS", 2));
    service.after(
        "StopServiceDeployment",
        &[
            completes()[1].clone(),
            Scene::new(&[old, new.old()], &[(7, "a"), (7, "a"), (8, "b")]),
            Scene::new(&[Dep::new("ecs-svc/back", 7, "COMPLETED", 2)], &[(7, "a"), (7, "a")]),
        ],
    );
    insta::assert_snapshot!(executed("deploy rollback web", &cx_deploying(&service)).await, @"Done [done] I stopped the rollout of `1.4.2` (`web:8`); `web` runs `1.4.1` (`sha256:aaaaaaaaaaaa`) again, and its 2 tasks run that digest, after 6 s.");
    assert_eq!(changes(&service), ["StopServiceDeployment 3"]);
}

/// A rollout that fails must not go on because what ECS goes back to is older than the key.
#[tokio::test]
async fn a_rollout_is_stopped_with_a_caution_where_what_ecs_goes_back_to_is_not_verified() {
    let service = rolling();
    let (cx, pair) = cx_verifying(&service);
    let plan = planned("deploy rollback web", &cx).await;
    assert_eq!(plan.steps[0].operation, "ecs:StopServiceDeployment");
    insta::assert_snapshot!(plan.cautions.join("\n"), @"ECS goes back to `sha256:aaaaaaaaaaaa`, which is not verified: no signed provenance of it is in ECR.");
    signs(&service, &pair, "a", "main");
    assert_eq!(planned("deploy rollback web", &cx).await.cautions, [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_rollout_that_is_not_stopped_is_told() {
    let service = rolling();
    service.fails("StopServiceDeployment", Fault::Lost { happened: false });
    insta::assert_snapshot!(executed("deploy rollback web", &cx_deploying(&service)).await, @"NotDone [failed] AWS did not confirm it. I looked: `web` still has `1.4.2` (`web:8`), and its rollout (IN_PROGRESS) was not stopped. Look with `deploy status web`.");
    let service = rolling();
    service.fails("StopServiceDeployment", Fault::Code("ConflictException", "it has finished"));
    insta::assert_snapshot!(executed("deploy rollback web", &cx_deploying(&service)).await, @"[failed] Its state does not allow this now (`ConflictException`, `eu-central-1`, account `123456789012`): it has finished. `web` was not changed. Look with `deploy status`, and try again when it has settled.");
    let service = rolling();
    service.0.lock().past[0].0 = "ROLLBACK_IN_PROGRESS";
    insta::assert_snapshot!(answer("deploy rollback web", &cx_deploying(&service)).await, @"[refused] `web` is being rolled back already. Nothing was changed. `deploy status web` shows how far it is.");
}

// Looking

#[tokio::test]
async fn status_shows_what_runs_and_what_could() {
    let service = FakeService::new();
    service.0.lock().stopped = Some((7, "a", "Scaling activity initiated by deployment"));
    insta::assert_snapshot!(answer("deploy status web", &cx_deploying(&service)).await, @r#"
    [info] # web
    Service: `service/prod/shop` in `eu-central-1`
    Runs: `1.4.1` (`sha256:aaaaaaaaaaaa`) in 2 tasks
    Task definition: `web:7`
    Rollout: *COMPLETED*, begun 2026-11-18 08:20 UTC
    Tasks: 2 wanted, 2 running, 0 pending, 2 healthy
    Images: not verified: the settings say `unverified`
    Stopped last: 2026-11-18 08:28 UTC: `Scaling activity initiated by deployment`
    A rollback goes to: `1.4.0` (`sha256:000000000000`), `web:6`
    The latest versions:
    - `1.4.2` (`sha256:bbbbbbbbbbbb`), pushed 2026-11-09 04:53 UTC
    - `1.4.1` (`sha256:aaaaaaaaaaaa`), pushed 2026-11-08 01:06 UTC, runs
    - `1.4.0` (`sha256:000000000000`), pushed 2026-11-06 21:20 UTC
    [Deploy 1.4.2]Run("deploy sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb web")
    [Roll back]Run("deploy rollback web")
    "#);
    insta::assert_snapshot!(answer("deploy status", &cx_deploying(&rolling())).await, @r#"
    [info] # web
    Service: `service/prod/shop` in `eu-central-1`
    Runs: `1.4.1` (`sha256:aaaaaaaaaaaa`) in 1 task, `1.4.2` (`sha256:bbbbbbbbbbbb`) in 1 task
    Task definition: `web:8`
    Rollout: *IN_PROGRESS*: `1.4.2` (`web:8`), 1 of 2 tasks, begun 2026-11-18 08:20 UTC
    Tasks: 2 wanted, 2 running, 0 pending, 2 healthy
    Images: not verified: the settings say `unverified`
    A rollback stops it and goes back to: `1.4.1` (`sha256:aaaaaaaaaaaa`), `web:7`
    The latest versions:
    - `1.4.2` (`sha256:bbbbbbbbbbbb`), pushed 2026-11-09 04:53 UTC, runs
    - `1.4.1` (`sha256:aaaaaaaaaaaa`), pushed 2026-11-08 01:06 UTC, runs
    - `1.4.0` (`sha256:000000000000`), pushed 2026-11-06 21:20 UTC
    [Roll back]Run("deploy rollback web")
    "#);
}

#[tokio::test]
async fn status_says_what_it_does_not_know() {
    let service = FakeService::new();
    service.fails("ListServiceDeployments", Fault::Code("ThrottlingException", "Rate exceeded"));
    service.fails("DescribeImages", Fault::Code("AccessDeniedException", "no"));
    insta::assert_snapshot!(answer("deploy status web", &cx_deploying(&service)).await, @r"
    [info] # web
    Service: `service/prod/shop` in `eu-central-1`
    Runs: `sha256:aaaaaaaaaaaa` in 2 tasks
    Task definition: `web:7`
    Rollout: *COMPLETED*, begun 2026-11-18 08:20 UTC
    Tasks: 2 wanted, 2 running, 0 pending, 2 healthy
    Images: not verified: the settings say `unverified`
    A rollback goes to: not known: AWS is limiting our calls (`ThrottlingException`, `eu-central-1`, account `123456789012`): Rate exceeded.
    The versions in ECR are not known: AWS does not allow me `ecr:DescribeImages` (`AccessDeniedException`, `eu-central-1`, account `123456789012`): no.
    ");
    service.0.lock().scene = Scene::new(&[Dep::new("ecs-svc/7", 7, "COMPLETED", 2)], &[(7, "a"), (6, "0")]);
    let text = answer("deploy status web", &cx_deploying(&service)).await;
    assert!(text.contains("in 1 task, ") && text.contains("`1.4.0`"), "two versions at once are both told: {text}");
}

#[tokio::test]
async fn status_of_several_services_is_a_table() {
    let service = FakeService::new();
    let mut cx = cx_deploying(&service);
    let mut two = DeployConfig::clone(&cx.deploy);
    let mut api = two.services["web"].clone();
    api.container = "app".into();
    two.services.insert("api".into(), api);
    cx.deploy = Arc::new(two.clone());
    insta::assert_snapshot!(answer("deploy status", &cx).await, @r"
    [info] service | runs | rollout | tasks
    web | 1.4.1 | COMPLETED | 2/2
    - `api`: The task definition `web:7` has no container `app`. It is missing here. Check `deploy.services.api` in my settings.
    (`deploy status <service>` shows more.)
    ");
    cx.deploy = Arc::new(DeployConfig { own: Some("web".into()), ..two });
    let text = answer("deploy status", &cx).await;
    assert!(text.starts_with("[info] # web (this is me)") && text.contains("(I also deploy `api`.)"), "{text}");
    cx.sees = Arc::new(|_| false);
    cx.deploy = Arc::new(DeployConfig { own: None, ..DeployConfig::clone(&cx.deploy) });
    insta::assert_snapshot!(answer("deploy status", &cx).await, @"[info] There is no service that you may see.");
}

/// What one may not see is spelled out nowhere: not beside another, not for a wrong name, not as a choice.
#[tokio::test]
async fn no_name_of_a_service_is_told_to_whoever_may_not_see_it() {
    let mut cx = cx_deploying(&FakeService::new());
    let mut two = DeployConfig::clone(&cx.deploy);
    two.services.insert("hidden".into(), two.services["web"].clone());
    cx.deploy = Arc::new(two.clone());
    let lines = ["deploy status web", "deploy status wbe", "deploy 1.4.2", "deploy rollback wbe"];
    for line in lines {
        let said = answer(line, &cx).await;
        assert!(said.contains("hidden"), "{line}: {said}");
    }
    cx.shows = Arc::new(|target| target.name.as_deref() != Some("hidden"));
    for line in lines {
        let said = answer(line, &cx).await;
        assert!(!said.contains("hidden") && (said.contains("`web`") || line.contains("status web")), "{line}: {said}");
    }
    cx.shows = Arc::new(|_| false);
    for line in lines.into_iter().skip(1) {
        let said = answer(line, &cx).await;
        assert!(!said.contains("hidden") && !said.contains("`web`"), "{line}: {said}");
    }
    // a name as people type it
    for typed in ["Web", "web\u{200b}", "WEB"] {
        let said = answer(&format!("deploy status '{typed}'"), &cx_deploying(&FakeService::new())).await;
        assert!(said.starts_with("[info] # web"), "{typed}: {said}");
    }
}

#[tokio::test]
async fn what_could_not_be_read_of_a_service_is_said() {
    let service = FakeService::new();
    service.0.lock().stopped = Some((8, "b", "Task failed container health checks"));
    // none that runs is described
    service.0.lock().scene.tasks.clear();
    service.fails("DescribeTasks", Fault::Code("ThrottlingException", "slow down"));
    let said = answer("deploy status web", &cx_deploying(&service)).await;
    assert!(said.contains("Stopped last: not known: AWS is limiting our calls"), "{said}");
}

#[tokio::test]
async fn buttons_are_for_whoever_may() {
    let mut cx: Context = cx_deploying(&FakeService::new());
    cx.may = Arc::new(|row| row.name == "deploy status");
    assert!(!answer("deploy status", &cx).await.contains("Run("));
    assert!(answer("help deploy", &cx).await.contains("`deploy status`"), "what is below it is listed");
    assert!(!answer("help deploy", &cx).await.contains("rollback"));
    insta::assert_snapshot!(answer("help deploy", &self::cx()).await, @r"
    [info] # deploy
    Deploys a version to a service, me included, and follows it to its end.
    Usage: `deploy <version> [service]`
    - `<version>` – The version: a tag in ECR such as `1.4.2`, or a digest `sha256:…`
    - `<service>` – The service, by its name in my settings; without it, myself
    Examples:
    - `deploy 1.4.2`
    - `deploy 1.4.2 web`
    There is also:
    - `deploy status` – Shows what a service runs, its rollout, and the versions there are
    - `deploy rollback` – Brings back what a service ran before, or stops its rollout
    (It changes something in AWS.)
    ");
}
