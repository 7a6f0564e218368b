//! `deploy rollback`: brings back what ran before. A rollout under way is rolled back by ECS; else the version before is
//! deployed by its digest, on the same way as any other: an image that the settings want verified is verified then too.

use super::super::args;
use super::super::{Command, Context, Found, Journalled, Planned, Row, Scope, words};
use super::goal::{Goal, known, says, with_revision};
use super::names::{INSPECT, ROLLBACK};
use super::plan::{self, Change, NOTHING};
use super::present::{self, Present};
use super::previous::{Previous, previous};
use super::provenance::{self, ImageRoute};
use super::run;
use crate::aws::{AwsError, Image, ImageKey, Task, call};
use crate::domain::{CommandError, Failure, Plan, Refusal, Risk, Target};
use async_trait::async_trait;

/// What to roll back.
#[derive(clap::Args, Clone, Debug)]
pub(super) struct Rollback {
    /// The service, by its name in my settings; without it, myself
    #[arg(value_name = "service")]
    service: Option<String>,
}

/// The row of `deploy rollback`.
pub(in super::super) const ROW: Row = Row {
    name: ROLLBACK,
    summary: "Brings back what a service ran before, or stops its rollout",
    examples: &["deploy rollback", "deploy rollback web"],
    risk: Risk::Change,
    action: "deploy:rollback",
    calls: &[
        &call::BATCH_GET_IMAGE,
        &call::DESCRIBE_IMAGES,
        &call::DESCRIBE_SERVICE_REVISIONS,
        &call::DESCRIBE_SERVICES,
        &call::DESCRIBE_TASK_DEFINITION,
        &call::DESCRIBE_TASKS,
        &call::LIST_SERVICE_DEPLOYMENTS,
        &call::LIST_TASK_DEFINITIONS,
        &call::LIST_TASKS,
        &call::REGISTER_TASK_DEFINITION,
        &call::STOP_SERVICE_DEPLOYMENT,
        &call::UPDATE_SERVICE,
    ],
    inspect: Some(&INSPECT),
    parse: |words| Ok(Box::new(args::parse::<Rollback>(words)?)),
    usage: || args::usage::<Rollback>(ROW.name),
    options: args::options::<Rollback>,
    definition: args::definition::<Rollback>,
};

#[async_trait]
impl Command for Rollback {
    fn scope(&self) -> Scope {
        Scope::Bot
    }

    async fn plan(&self, cx: &Context) -> Result<Planned, CommandError> {
        let chosen = present::choose(self.service.as_deref(), cx, NOTHING).await?;
        let service = chosen.service(cx, NOTHING).await?;
        let target = chosen.target(&service, cx, NOTHING).await?;
        if let Some(hidden) = plan::hidden(ROW.name, "roll back", &chosen, &target, cx) {
            return Ok(hidden);
        }
        plan::refuse_foreign(&chosen, &service)?;
        let present = chosen.present(service, cx, NOTHING).await?;
        let tasks = present.tasks(cx).await.map_err(|error| error.failure(NOTHING))?;
        let before = previous(&present, &tasks, cx).await.map_err(|error| error.failure(NOTHING))?;
        let Some(before) = before else { return Err(nothing_before(&present, &tasks, cx).await.into()) };
        if present.service.is_rolling() {
            return Ok(Planned::Change(stop(&present, &tasks, &before, target, cx).await?));
        }
        Ok(Planned::Change(back(&present, &tasks, &before, target, cx).await?))
    }

    async fn execute(&self, plan: &Plan, cx: &Context, journal: &dyn Journalled) -> Result<Found, CommandError> {
        run::execute(plan, cx, journal).await
    }

    async fn verify(&self, plan: &Plan, cx: &Context) -> Result<Found, CommandError> {
        run::verify(plan, cx).await
    }
}

async fn nothing_before(present: &Present, tasks: &[Task], cx: &Context) -> Refusal {
    let name = words::name(&present.chosen.name);
    let image = match present.digest(tasks) {
        Some(digest) => known(&format!("{}@{digest}", present.base), &present.chosen.at.region, cx).await,
        None => None,
    };
    Refusal::sentence(&format!(
        "Nothing is known that `{name}` ran before {}, so there is nothing to go back to. {NOTHING} `deploy <version> \
         {name}` deploys a version that you name.",
        with_revision(image.as_ref().and_then(Image::version), present.definition.arn())
    ))
}

/// Deploys what ran before, by its digest.
async fn back(
    present: &Present,
    tasks: &[Task],
    before: &Previous,
    target: Target,
    cx: &Context,
) -> Result<Plan, CommandError> {
    let key = ImageKey::Digest(before.digest().to_owned());
    let found = cx.aws.ecr.image(&present.repository, &key).await.map_err(|error| error.failure(NOTHING))?;
    let Some(to) = found else {
        return Err(Refusal::sentence(&format!(
            "Before, `{}` ran {}, and ECR does not have that image any more. {NOTHING} `deploy status {0}` shows what it \
             has.",
            words::name(&present.chosen.name),
            says(None, before.digest())
        ))
        .into());
    };
    provenance::require(ImageRoute::Rollback, present, &to, cx).await?;
    let change = Change {
        command: ROW.name,
        verb: "roll back",
        present,
        tasks,
        target,
        base: &before.definition,
        image: before.image.clone(),
        to,
        tag: None,
    };
    let version = change.to.version().map(str::to_owned);
    let mut plan = change.plan(cx).await?;
    plan.cautions.extend(before.is_guess.then(|| guess(before, version.as_deref())));
    Ok(plan)
}

/// Lets ECS roll back the rollout under way.
async fn stop(
    present: &Present,
    tasks: &[Task],
    before: &Previous,
    target: Target,
    cx: &Context,
) -> Result<Plan, CommandError> {
    let chosen = &present.chosen;
    let under_way = under_way(present, cx).await.map_err(|error| error.failure(NOTHING))?;
    let Some(under_way) = under_way else {
        let text = format!(
            "A rollout to `{}` is in progress, and ECS does not tell me which, so I cannot stop it. {NOTHING} Try again when \
             it has ended.",
            words::name(&chosen.name)
        );
        return Err(Failure::sentence(&text, "no service deployment in progress is listed").into());
    };
    if under_way.status.starts_with("ROLLBACK") || under_way.status.starts_with("STOP") {
        let name = words::name(&chosen.name);
        let text =
            format!("`{name}` is being rolled back already. {NOTHING} `deploy status {name}` shows how far it is.");
        return Err(Refusal::sentence(&text).into());
    }
    // the request that brought the rollout may be following it still, and must not stand in the way of the one that stops it
    let number = under_way.arn.rsplit('/').next().unwrap_or_default();
    let target = Target { id: format!("{}#{number}", target.id), ..target };
    let goal = Goal {
        name: chosen.name.clone(),
        at: chosen.at.clone(),
        container: chosen.config.container.clone(),
        image: before.image.clone(),
        from: present.definition.arn().to_owned(),
        to: Some(before.definition.arn().to_owned()),
        base: None,
        under_way: Some(under_way.arn),
        tag: None,
        was: present.digest(tasks),
    };
    let was = goal.was.clone();
    let mut plan = plan::made(ROW.name, "stop the rollout to", goal, was.as_deref(), target, cx);
    plan.cautions.extend(unverified(present, before, cx).await);
    if before.is_guess {
        let image = known(&before.image, &chosen.at.region, cx).await;
        plan.cautions.push(guess(before, image.as_ref().and_then(Image::version)));
    }
    Ok(plan)
}

/// That what ECS goes back to is not verified, where it should be. That is no reason to let the rollout go on: the call names no
/// image, ECS alone knows to which it goes back, and it had that one before.
async fn unverified(present: &Present, before: &Previous, cx: &Context) -> Option<String> {
    if present.chosen.config.unverified {
        return Some(plan::UNVERIFIED.to_owned());
    }
    let why = provenance::doubt_or_why(present, before.digest(), cx).await?;
    Some(format!("ECS goes back to {}, which is not verified: {why}", says(None, before.digest())))
}

/// The service deployment that is in progress.
async fn under_way(present: &Present, cx: &Context) -> Result<Option<crate::aws::Past>, AwsError> {
    let past = cx.aws.ecs.past(&present.chosen.at).await?;
    let named = present.service.under_way.as_ref();
    let is_open =
        |status: &str| status.ends_with("IN_PROGRESS") || status.ends_with("REQUESTED") || status == "PENDING";
    Ok(past.into_iter().find(|one| named == Some(&one.arn) || named.is_none() && is_open(&one.status)))
}

fn guess(before: &Previous, version: Option<&str>) -> String {
    format!(
        "That {} ran before is a guess: it is the latest older revision with another image, and ECS does not tell more.",
        with_revision(version, before.definition.arn())
    )
}
