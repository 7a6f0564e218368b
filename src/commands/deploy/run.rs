//! How a planned deployment is made and looked at: ECS is asked until the service has come to rest, with the wanted digest in
//! its tasks, or without.

use super::super::change::{self, CallOutcome, LOOKS_AFTER_LOSS, Patience, RunningChange, Stage};
use super::super::{Context, Found, Journalled, StepError, words};
use super::goal::{Goal, REGISTER, STOP, UPDATE, Wanted, short};
use super::verdict::{Report, Seen, Verdict};
use crate::aws::{AwsError, Definition, Deployment, Rollout, Service, Task, pinned};
use crate::domain::{CommandError, Failure, Line, Plan, Reply, Step, Tone};
use async_trait::async_trait;
use std::collections::BTreeMap;
use std::time::Duration;

/// Makes the planned calls, follows the rollout, and reports.
pub(super) async fn execute(plan: &Plan, cx: &Context, journal: &dyn Journalled) -> Result<Found, CommandError> {
    let goal = Goal::of(plan).ok_or_else(|| unreadable(plan))?;
    change::execute(&mut DeployChange::new(plan, goal, true), plan, cx, journal).await
}

/// Looks at what is true now, as after a call whose answer was lost.
pub(super) async fn verify(plan: &Plan, cx: &Context) -> Result<Found, CommandError> {
    let goal = Goal::of(plan).ok_or_else(|| unreadable(plan))?;
    Ok(change::verify(&mut DeployChange::new(plan, goal, false), cx).await)
}

fn unreadable(plan: &Plan) -> CommandError {
    let text = format!("I do not understand the plan of `{}` any more. Nothing was changed by it now.", plan.command);
    Failure::sentence(&text, "plan without the ids of a deployment").into()
}

fn unregistered(goal: &Goal) -> String {
    format!(
        "AWS did not confirm the new revision of the task definition, and I do not find it, so I went no further. `{0}` was \
         not changed. Look with `deploy status {0}`, and try again.",
        goal.name
    )
}

/// What becomes of a call that failed: it was not made, or its outcome is not known.
fn failed(goal: &Goal, error: &AwsError) -> StepError {
    match error.may_have_happened() {
        true => StepError::Lost(error.to_string()),
        false => StepError::Refused(error.failure(&format!("`{}` was not changed.", goal.name)).into()),
    }
}

/// The revision that is to be made, and its ARN if it is there: a former life of this request, or somebody else, may have
/// made it.
async fn wanted(goal: &Goal, cx: &Context) -> Result<(Definition, Option<String>), CommandError> {
    let place = &goal.at.place();
    let not_made = |error: AwsError| error.failure(&format!("`{}` was not changed.", goal.name));
    let base = goal.base.as_deref().unwrap_or(&goal.from);
    let base = cx.aws.ecs.definition(place, base).await.map_err(not_made)?;
    let wanted = base.with_image(&goal.container, &goal.image);
    let found = cx.aws.ecs.definition_like(place, &wanted, super::previous::REVISIONS).await.map_err(not_made)?;
    Ok((wanted, found.map(|found| found.arn().to_owned())))
}

/// A deployment that is being made.
struct DeployChange<'a> {
    plan: &'a Plan,
    goal: Goal,
    /// Whether its calls are made by this life, which therefore knows what ECS said to them.
    is_first_life: bool,
    /// Whether ECS accepted the call that begins it; otherwise its answer was lost.
    accepted: bool,
    /// The revision that is to be made, and its ARN if it is there already.
    revision: Option<(Definition, Option<String>)>,
    /// The ARN of the revision that was made or found.
    made: Option<String>,
    /// The deployment that it began, where ECS told.
    begun: Option<String>,
    /// The image that the tasks are to run.
    wanted: Option<Wanted>,
    /// Whether the wanted task definition has been seen as the one that the service is to have.
    moved: bool,
    patience: Patience,
    /// Which task definitions pin the wanted digest, by ARN.
    ours: BTreeMap<String, bool>,
    /// Why ECS has given the wanted task definition up, while it said so.
    given_up: Option<String>,
    seen: Option<Seen>,
    trouble: Option<AwsError>,
    verdict: Option<Verdict>,
}

#[async_trait]
impl RunningChange for DeployChange<'_> {
    async fn prepare(&mut self, step: &Step, cx: &Context) -> Result<(), CommandError> {
        self.revision = match step.operation.as_str() {
            REGISTER => Some(wanted(&self.goal, cx).await?),
            UPDATE | STOP => None,
            _ => return Err(unreadable(self.plan)),
        };
        // what is made already needs no call
        if !matches!(self.revision, Some((_, Some(_)))) {
            cx.aws.ecs.deploy_turn(&self.goal.at.place()).await;
        }
        Ok(())
    }

    async fn call(&mut self, step: &Step, cx: &Context) -> Result<(), StepError> {
        match step.operation.as_str() {
            REGISTER => self.register(step, cx).await,
            UPDATE => self.update(cx).await,
            _ => self.stop(cx).await,
        }
    }

    fn take(&mut self, step: &Step, outcome: CallOutcome, cx: &Context) -> Option<Result<Found, CommandError>> {
        let registers = step.operation == REGISTER;
        match outcome {
            CallOutcome::Accepted if registers => self.goal.to = self.made.take(),
            CallOutcome::Accepted | CallOutcome::NotTried => {}
            CallOutcome::Lost if registers => {
                let reply = Reply::new(Tone::Failed).sentence(&unregistered(&self.goal));
                return Some(Ok(Found::NotDone(reply)));
            }
            CallOutcome::Lost => {
                self.accepted = false;
                self.patience = Patience::new(false);
            }
            CallOutcome::Refused(error) => return Some(Err(error)),
        }
        if !registers && cx.deploy.own.as_ref() == Some(&self.goal.name) {
            (cx.bequeath)();
        }
        None
    }

    fn progress(&self, stage: Stage<'_>, elapsed: Duration) -> Reply {
        let (state, elapsed) = match stage {
            // the same before each call, and so it is shown once
            Stage::Calling(_) => ("asking AWS".to_owned(), Duration::ZERO),
            Stage::Watching => (self.state(), elapsed),
        };
        let elapsed = words::span(Duration::from_secs(elapsed.as_secs()));
        let doing = if self.goal.under_way.is_some() { "Rolling back" } else { "Deploying" };
        let line = Line::sentence(&format!("{doing} `{}`: {state}… {elapsed}", words::name(&self.goal.name)));
        Reply::new(Tone::Progress).text(line)
    }

    async fn look(&mut self, arrived: bool, cx: &Context) {
        if self.wanted.is_none() {
            self.wanted = Some(Wanted::of(&self.goal, cx).await);
        }
        self.verdict = match self.ask(cx).await {
            Ok(()) => {
                self.trouble = None;
                self.patience.answered();
                self.judge(arrived)
            }
            Err(error) => {
                let is_blind = self.patience.is_blind(&error);
                self.trouble = Some(error.clone());
                is_blind.then_some(Verdict::Blind(error))
            }
        };
    }

    fn is_at_rest(&self) -> bool {
        self.verdict.is_some()
    }

    fn awaits_arrival(&self) -> bool {
        false
    }

    async fn report(&mut self, took: Duration, cx: &Context) -> Found {
        let slow = self.trouble.take().map_or(Verdict::Slow, Verdict::Blind);
        let verdict = self.verdict.take().unwrap_or(slow);
        let wanted = match self.wanted.take() {
            Some(wanted) => wanted,
            None => Wanted::of(&self.goal, cx).await,
        };
        let lead = match (self.is_first_life, self.accepted) {
            (true, true) => "",
            (true, false) => "AWS did not confirm it. I looked: ",
            (false, _) => "I looked: ",
        };
        let (accepted, given_up) = (self.accepted, self.given_up.take());
        let seen = self.seen.take();
        let report = Report { plan: self.plan, goal: &self.goal, wanted: &wanted, lead, accepted, given_up, took };
        report.found(verdict, seen, cx).await
    }
}

impl<'a> DeployChange<'a> {
    fn new(plan: &'a Plan, goal: Goal, is_first_life: bool) -> Self {
        Self {
            plan,
            goal,
            is_first_life,
            accepted: is_first_life,
            revision: None,
            made: None,
            begun: None,
            wanted: None,
            moved: false,
            patience: Patience::new(is_first_life),
            ours: BTreeMap::new(),
            given_up: None,
            seen: None,
            trouble: None,
            verdict: None,
        }
    }

    /// Makes the revision, unless it is there.
    async fn register(&mut self, step: &Step, cx: &Context) -> Result<(), StepError> {
        let place = &self.goal.at.place();
        let wanted = match self.revision.take() {
            Some((wanted, None)) => wanted,
            there => {
                self.made = there.and_then(|(_, arn)| arn);
                return Ok(());
            }
        };
        let most = super::previous::REVISIONS;
        let error = match cx.aws.ecs.register(place, &wanted, &self.goal.container, &step.token).await {
            Ok(arn) => {
                self.made = Some(arn);
                return Ok(());
            }
            Err(error) => error,
        };
        let mut looks = if error.may_have_happened() { LOOKS_AFTER_LOSS } else { 0 };
        while looks > 0 {
            if let Ok(Some(found)) = cx.aws.ecs.definition_like(place, &wanted, most).await {
                self.made = Some(found.arn().to_owned());
                return Ok(());
            }
            looks -= 1;
            tokio::time::sleep(cx.limits.poll).await;
        }
        Err(failed(&self.goal, &error))
    }

    async fn update(&mut self, cx: &Context) -> Result<(), StepError> {
        let to = self.goal.to.as_deref().unwrap_or_default();
        let begun = cx.aws.ecs.update_service(&self.goal.at, to, to == self.goal.from).await;
        self.begun = begun.map_err(|error| failed(&self.goal, &error))?;
        Ok(())
    }

    async fn stop(&self, cx: &Context) -> Result<(), StepError> {
        let deployment = self.goal.under_way.as_deref().unwrap_or_default();
        let stopped = cx.aws.ecs.roll_back(&self.goal.at.place(), deployment).await;
        stopped.map_err(|error| failed(&self.goal, &error))
    }

    async fn ask(&mut self, cx: &Context) -> Result<(), AwsError> {
        let Some(service) = cx.aws.ecs.service(&self.goal.at).await? else {
            self.seen = Some(Seen { service: None, tasks: Vec::new() });
            return Ok(());
        };
        let tasks = cx.aws.ecs.tasks(&self.goal.at, &self.goal.container).await?;
        for arn in service.deployments.iter().map(|one| &one.definition) {
            if !self.ours.contains_key(arn) && self.goal.to.is_none() {
                let definition = cx.aws.ecs.definition(&self.goal.at.place(), arn).await?;
                let digest = definition.image(&self.goal.container).and_then(pinned);
                self.ours.insert(arn.clone(), digest == Some(self.goal.digest()));
            }
        }
        let failed = service.deployments.iter().find(|one| one.rollout == Some(Rollout::Failed) && self.is_ours(one));
        if let Some(reason) = failed.and_then(|one| one.reason.clone()) {
            self.given_up = Some(reason);
        }
        self.seen = Some(Seen { service: Some(service), tasks });
        Ok(())
    }

    fn is_ours(&self, deployment: &Deployment) -> bool {
        match &self.goal.to {
            Some(to) => deployment.definition == *to,
            None => self.ours.get(&deployment.definition).copied().unwrap_or_default(),
        }
    }

    /// Where the service has come to rest, if it has.
    fn judge(&mut self, arrived: bool) -> Option<Verdict> {
        let seen = self.seen.clone()?;
        let Some(service) = seen.service.as_ref().filter(|service| service.is_active) else {
            return Some(Verdict::Gone);
        };
        let primary = service.primary()?;
        let is_before = primary.definition == self.goal.from;
        if self.is_ours(primary) {
            // the deployment that was there before, of the same task definition
            let is_old = self.begun.as_ref().is_some_and(|begun| *begun != primary.id);
            if is_before && is_old { self.unmoved(arrived) } else { self.rollout(service, primary, &seen.tasks) }
        } else if self.goes_back(service, primary) {
            let rests = primary.rollout.as_ref().map_or(service.is_steady(), |rollout| *rollout != Rollout::InProgress);
            rests.then_some(Verdict::RolledBack)
        } else if is_before {
            // that a rollout is to be stopped does not show before ECS begins to
            let is_coming = self.goal.under_way.is_some() && self.accepted && service.is_rolling();
            if is_coming { None } else { self.unmoved(arrived) }
        } else {
            Some(Verdict::Overtaken)
        }
    }

    fn unmoved(&mut self, arrived: bool) -> Option<Verdict> {
        self.patience.is_unchanged(arrived).then_some(Verdict::Unchanged)
    }

    fn rollout(&mut self, service: &Service, primary: &Deployment, tasks: &[Task]) -> Option<Verdict> {
        self.moved = true;
        if primary.rollout == Some(Rollout::Failed) {
            return Some(Verdict::Failed);
        }
        if self.wanted.as_ref().is_some_and(|wanted| is_so(&self.goal, wanted, service, tasks)) {
            return Some(Verdict::Reached);
        }
        let is_called_done = primary.rollout == Some(Rollout::Completed);
        (is_called_done && self.patience.is_another()).then_some(Verdict::Different)
    }

    /// Whether the service is being put back, or has been: ECS says so, or it had the wanted task definition before.
    fn goes_back(&self, service: &Service, primary: &Deployment) -> bool {
        let says_so = primary.reason.as_ref().is_some_and(|reason| reason.to_lowercase().contains("rolling back"));
        let has_failed = service
            .deployments
            .iter()
            .any(|one| !one.is_primary && one.rollout == Some(Rollout::Failed) && self.is_ours(one));
        let was_there = self.moved && primary.definition == self.goal.from;
        // of a rollout that is to be stopped these are the wanted words
        self.goal.under_way.is_none() && (says_so || has_failed || was_there)
    }

    /// How far it is, in a few words.
    fn state(&self) -> String {
        let Some(Seen { service: Some(service), tasks }) = &self.seen else { return "asking AWS".to_owned() };
        let rollout = service.primary().and_then(|primary| primary.rollout.as_ref());
        let running = tasks.iter().filter(|task| task.is_running);
        let (of_it, all) = (
            running.clone().filter(|task| self.wanted.as_ref().is_some_and(|wanted| wanted.runs_in(task))).count(),
            running.count(),
        );
        let digest = short(self.goal.digest());
        let word = rollout.map_or("in progress", Rollout::as_str);
        format!("rollout {}, {of_it} of {all} running tasks have `{digest}`", words::name(word))
    }
}

/// Whether the service is at rest with the wanted digest in all its tasks.
pub(super) fn is_so(goal: &Goal, wanted: &Wanted, service: &Service, tasks: &[Task]) -> bool {
    let Some(primary) = service.primary() else { return false };
    let rests = match &primary.rollout {
        Some(rollout) => *rollout == Rollout::Completed,
        None => service.is_steady(),
    };
    let running: Vec<&Task> = tasks.iter().filter(|task| task.is_running).collect();
    let enough = i32::try_from(running.len()).is_ok_and(|running| running >= service.desired);
    // without any task only the task definition tells
    let is_meant = !running.is_empty() || goal.to.as_ref() == Some(&primary.definition);
    rests && enough && is_meant && running.iter().all(|task| wanted.runs_in(task))
}
