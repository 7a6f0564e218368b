//! How a planned deployment is made and followed. Every call is journalled before it is made and made once. Then ECS is
//! asked until the service has come to rest: with the wanted digest in its tasks, or without.

use super::super::{Context, Found, Journalled, StepError, words};
use super::goal::{Goal, REGISTER, STOP, UPDATE, Wanted, short};
use super::verdict::{Report, Seen, Verdict};
use crate::aws::{AwsError, Class, Definition, Deployment, Rollout, Service, Task, pinned};
use crate::domain::{CommandError, Failure, Line, Plan, Reply, Step, Tone};
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::Instant;

/// How many looks may find the service unchanged after a call whose answer was lost, before it counts as not made. ECS's
/// descriptions lag behind its changes. Besides, the call must have had the time that a call may take: until then it may
/// still be on its way.
const LOOKS_AFTER_LOSS: u32 = 3;
/// The same after a call that ECS accepted, where a change is sure to come; and how many looks may find other digests in
/// the tasks of a rollout that is called completed.
const LOOKS_AFTER_ACCEPT: u32 = 10;
/// How many looks one after the other may be refused before that is believed.
const REFUSED_LOOKS: u32 = 10;

/// Makes the planned calls, follows the rollout, and reports. After a call that was refused or lost, no other is made.
pub(super) async fn execute(plan: &Plan, cx: &Context, journal: &dyn Journalled) -> Result<Found, CommandError> {
    let start = Instant::now();
    let mut goal = Goal::of(plan).ok_or_else(|| unreadable(plan))?;
    let made = Mutex::new(None);
    let (mut accepted, mut called) = (true, start);
    show(&goal, "asking AWS", start, cx);
    for step in &plan.steps {
        let wanted = match step.operation.as_str() {
            REGISTER => Some(wanted(&goal, cx).await?),
            _ => None,
        };
        // what is made already needs no call; every call has its turn before the journal says that it begins
        let is_there = matches!(wanted, Some((_, Some(_))));
        if !is_there {
            cx.aws.deploy_turn(&goal.at.region).await;
        }
        called = Instant::now();
        let call: futures_util::future::BoxFuture<'_, _> = match step.operation.as_str() {
            REGISTER => Box::pin(register(&goal, step, wanted, cx, &made)),
            UPDATE => Box::pin(update(&goal, cx, &made)),
            STOP => Box::pin(stop(&goal, cx)),
            _ => return Err(unreadable(plan)),
        };
        match journal.step(step, call).await {
            Ok(()) => {}
            Err(StepError::Refused(error)) => return Err(error),
            Err(StepError::Lost(cause)) => {
                tracing::warn!(request = %cx.request, operation = %step.operation, %cause, "answer lost, looking");
                if step.operation == REGISTER {
                    return Ok(Found::NotDone(Reply::new(Tone::Failed).sentence(&unregistered(&goal))));
                }
                accepted = false;
            }
        }
        if step.operation == REGISTER {
            goal.to = made.lock().take();
        }
    }
    if cx.deploy.own.as_ref() == Some(&goal.name) {
        (cx.bequeath)();
    }
    let begun = made.into_inner();
    let lead = if accepted { "" } else { "AWS did not confirm it. I looked: " };
    Ok(follow(plan, &goal, Told { accepted, begun, called }, lead, start, cx).await)
}

/// Looks at what is true now, as after a call whose answer was lost.
pub(super) async fn verify(plan: &Plan, cx: &Context) -> Result<Found, CommandError> {
    let goal = Goal::of(plan).ok_or_else(|| unreadable(plan))?;
    let start = Instant::now();
    let told = Told { accepted: false, begun: None, called: start };
    Ok(follow(plan, &goal, told, "I looked: ", start, cx).await)
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

/// What becomes of a call that failed: it was not made, or nobody knows.
fn failed(goal: &Goal, error: &AwsError) -> StepError {
    match error.may_have_happened() {
        true => StepError::Lost(error.to_string()),
        false => StepError::Refused(error.failure(&format!("`{}` was not changed.", goal.name)).into()),
    }
}

/// The revision that is to be made, and its ARN if it is there: a former life of this request, or somebody else, may have
/// made it.
async fn wanted(goal: &Goal, cx: &Context) -> Result<(Definition, Option<String>), CommandError> {
    let region = &goal.at.region;
    let not_made = |error: AwsError| error.failure(&format!("`{}` was not changed.", goal.name));
    let base = goal.base.as_deref().unwrap_or(&goal.from);
    let base = cx.aws.definition(region, base).await.map_err(not_made)?;
    let wanted = base.with_image(&goal.container, &goal.image);
    let found = cx.aws.definition_like(region, &wanted, super::previous::REVISIONS).await.map_err(not_made)?;
    Ok((wanted, found.map(|found| found.arn().to_owned())))
}

/// Makes the revision, unless it is there.
async fn register(
    goal: &Goal,
    step: &Step,
    wanted: Option<(Definition, Option<String>)>,
    cx: &Context,
    made: &Mutex<Option<String>>,
) -> Result<(), StepError> {
    let region = &goal.at.region;
    let wanted = match wanted {
        Some((wanted, None)) => wanted,
        there => {
            *made.lock() = there.and_then(|(_, arn)| arn);
            return Ok(());
        }
    };
    let most = super::previous::REVISIONS;
    let error = match cx.aws.register(region, &wanted, &goal.container, &step.token).await {
        Ok(arn) => {
            *made.lock() = Some(arn);
            return Ok(());
        }
        Err(error) => error,
    };
    let mut looks = if error.may_have_happened() { LOOKS_AFTER_LOSS } else { 0 };
    while looks > 0 {
        if let Ok(Some(found)) = cx.aws.definition_like(region, &wanted, most).await {
            *made.lock() = Some(found.arn().to_owned());
            return Ok(());
        }
        looks -= 1;
        tokio::time::sleep(cx.limits.poll).await;
    }
    Err(failed(goal, &error))
}

async fn update(goal: &Goal, cx: &Context, begun: &Mutex<Option<String>>) -> Result<(), StepError> {
    let to = goal.to.as_deref().unwrap_or_default();
    match cx.aws.update_service(&goal.at, to, to == goal.from).await {
        Ok(id) => {
            *begun.lock() = id;
            Ok(())
        }
        Err(error) => Err(failed(goal, &error)),
    }
}

async fn stop(goal: &Goal, cx: &Context) -> Result<(), StepError> {
    let deployment = goal.under_way.as_deref().unwrap_or_default();
    cx.aws.roll_back(&goal.at.region, deployment).await.map_err(|error| failed(goal, &error))
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

/// What is known of the call that begins it.
struct Told {
    /// Whether ECS accepted it; otherwise its answer was lost.
    accepted: bool,
    /// The deployment that it began, where ECS told.
    begun: Option<String>,
    /// When it was made, or what is certain to be later.
    called: Instant,
}

async fn follow(plan: &Plan, goal: &Goal, told: Told, lead: &'static str, start: Instant, cx: &Context) -> Found {
    let wanted = Wanted::of(goal, cx).await;
    let accepted = told.accepted;
    let mut watch = Watch {
        goal,
        wanted: &wanted,
        cx,
        told,
        moved: false,
        still: 0,
        stray: 0,
        ours: BTreeMap::new(),
        given_up: None,
        seen: None,
        trouble: None,
        refused: 0,
    };
    let verdict = watch.until_it_rests(start).await;
    let (seen, given_up) = (watch.seen.take(), watch.given_up.take());
    let report = Report { plan, goal, wanted: &wanted, lead, accepted, given_up, took: start.elapsed() };
    report.found(verdict, seen, cx).await
}

struct Watch<'a> {
    goal: &'a Goal,
    wanted: &'a Wanted,
    cx: &'a Context,
    told: Told,
    /// Whether the wanted task definition has been seen as the one that the service is to have.
    moved: bool,
    /// How many looks found the service as it was before.
    still: u32,
    /// How many looks found a completed rollout with other digests.
    stray: u32,
    /// Which task definitions pin the wanted digest, by ARN.
    ours: BTreeMap<String, bool>,
    /// Why ECS has given the wanted task definition up, while it said so.
    given_up: Option<String>,
    seen: Option<Seen>,
    trouble: Option<AwsError>,
    /// How many looks were refused, one after the other.
    refused: u32,
}

impl Watch<'_> {
    async fn until_it_rests(&mut self, start: Instant) -> Verdict {
        loop {
            let verdict = match self.look().await {
                Ok(()) => self.judge(),
                // Trouble while waiting is no outcome: a throttle or an expired token passes, and a refusal may.
                Err(error) => {
                    let is_refused = matches!(error.class, Class::Denied | Class::Input);
                    self.refused = if is_refused { self.refused + 1 } else { 0 };
                    self.trouble = Some(error.clone());
                    (self.refused >= REFUSED_LOOKS).then_some(Verdict::Blind(error))
                }
            };
            if let Some(verdict) = verdict {
                return verdict;
            }
            if start.elapsed() + self.cx.limits.poll > self.cx.limits.wait {
                return self.trouble.take().map_or(Verdict::Slow, Verdict::Blind);
            }
            show(self.goal, &self.state(), start, self.cx);
            tokio::time::sleep(self.cx.limits.poll).await;
        }
    }

    async fn look(&mut self) -> Result<(), AwsError> {
        let Some(service) = self.cx.aws.service(&self.goal.at).await? else {
            self.seen = Some(Seen { service: None, tasks: Vec::new() });
            return Ok(());
        };
        let tasks = self.cx.aws.tasks(&self.goal.at, &self.goal.container).await?;
        for arn in service.deployments.iter().map(|one| &one.definition) {
            if !self.ours.contains_key(arn) && self.goal.to.is_none() {
                let definition = self.cx.aws.definition(&self.goal.at.region, arn).await?;
                let digest = definition.image(&self.goal.container).and_then(pinned);
                self.ours.insert(arn.clone(), digest == Some(self.goal.digest()));
            }
        }
        let failed = service.deployments.iter().find(|one| one.rollout == Some(Rollout::Failed) && self.is_ours(one));
        if let Some(reason) = failed.and_then(|one| one.reason.clone()) {
            self.given_up = Some(reason);
        }
        self.seen = Some(Seen { service: Some(service), tasks });
        self.trouble = None;
        self.refused = 0;
        Ok(())
    }

    fn is_ours(&self, deployment: &Deployment) -> bool {
        match &self.goal.to {
            Some(to) => deployment.definition == *to,
            None => self.ours.get(&deployment.definition).copied().unwrap_or_default(),
        }
    }

    /// Where the service has come to rest, if it has.
    fn judge(&mut self) -> Option<Verdict> {
        let seen = self.seen.clone()?;
        let Some(service) = seen.service.as_ref().filter(|service| service.is_active) else {
            return Some(Verdict::Gone);
        };
        let primary = service.primary()?;
        let is_before = primary.definition == self.goal.from;
        if self.is_ours(primary) {
            // the deployment that was there before, of the same task definition
            let is_old = self.told.begun.as_ref().is_some_and(|begun| *begun != primary.id);
            if is_before && is_old { self.unmoved() } else { self.rollout(service, primary, &seen.tasks) }
        } else if self.goes_back(service, primary) {
            let rests = primary.rollout.as_ref().map_or(service.is_steady(), |rollout| *rollout != Rollout::InProgress);
            rests.then_some(Verdict::RolledBack)
        } else if is_before {
            // that a rollout is to be stopped does not show before ECS begins to
            let is_coming = self.goal.under_way.is_some() && self.told.accepted && service.is_rolling();
            if is_coming { None } else { self.unmoved() }
        } else {
            Some(Verdict::Overtaken)
        }
    }

    fn unmoved(&mut self) -> Option<Verdict> {
        self.still += 1;
        let patience = if self.told.accepted { LOOKS_AFTER_ACCEPT } else { LOOKS_AFTER_LOSS };
        let arrived = self.told.accepted || self.told.called.elapsed() >= self.cx.aws.call_timeout();
        (self.still >= patience && arrived).then_some(Verdict::Unchanged)
    }

    fn rollout(&mut self, service: &Service, primary: &Deployment, tasks: &[Task]) -> Option<Verdict> {
        self.moved = true;
        if primary.rollout == Some(Rollout::Failed) {
            return Some(Verdict::Failed);
        }
        if is_so(self.goal, self.wanted, service, tasks) {
            return Some(Verdict::Reached);
        }
        if primary.rollout == Some(Rollout::Completed) {
            self.stray += 1;
            return (self.stray >= LOOKS_AFTER_ACCEPT).then_some(Verdict::Different);
        }
        None
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
        let (of_it, all) = (running.clone().filter(|task| self.wanted.runs_in(task)).count(), running.count());
        let digest = short(self.goal.digest());
        let word = rollout.map_or("in progress", Rollout::as_str);
        format!("rollout {}, {of_it} of {all} running tasks have `{digest}`", words::name(word))
    }
}

/// Shows work in progress: one message for the whole deployment.
fn show(goal: &Goal, state: &str, start: Instant, cx: &Context) {
    let elapsed = Duration::from_secs(start.elapsed().as_secs());
    let doing = if goal.under_way.is_some() { "Rolling back" } else { "Deploying" };
    let line = Line::sentence(&format!("{doing} `{}`: {state}… {}", words::name(&goal.name), words::span(elapsed)));
    (cx.progress)(Reply::new(Tone::Progress).text(line));
}
