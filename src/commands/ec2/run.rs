//! How a change of power is made and looked at: for all targets of a place in one call, until each target has come to rest
//! somewhere, where it should or where somebody else has put it.

use super::super::change::{self, CallOutcome, Patience, RunningChange, Stage};
use super::super::{Context, Found, Journalled, StepError, words};
use super::before::Before;
use super::change::Change;
use super::verdict::{Report, Seen, Verdict};
use crate::aws::{AwsError, Checks, Filter, Instance, Power, State};
use crate::domain::{AccountRegion, CommandError, Line, Part, Plan, Reply, Step, Target, Tone};
use async_trait::async_trait;
use futures_util::future::join_all;
use std::collections::BTreeMap;
use std::time::Duration;

/// Makes the planned calls, waits, and reports.
pub(super) async fn execute(
    change: &Change,
    plan: &Plan,
    cx: &Context,
    journal: &dyn Journalled,
) -> Result<Found, CommandError> {
    let mut running = PowerChange::new(change, plan, "AWS did not confirm it. I looked: ");
    change::execute(&mut running, plan, cx, journal).await
}

/// Looks at what is true now, as after a call whose answer was lost.
pub(super) async fn verify(change: &Change, plan: &Plan, cx: &Context) -> Found {
    let mut running = PowerChange::new(change, plan, "I looked: ");
    plan.steps.iter().for_each(|step| running.report.called(step, CallOutcome::Lost));
    change::verify(&mut running, cx).await
}

/// A change of power that is being made.
struct PowerChange<'a> {
    change: &'a Change,
    plan: &'a Plan,
    report: Report<'a>,
    /// What is looked at, once the calls are made.
    watched: Option<Vec<Watched<'a>>>,
}

/// What is known of a watched target so far.
#[derive(Debug)]
struct Watched<'a> {
    target: &'a Target,
    /// Where its call was made.
    place: AccountRegion,
    accepted: bool,
    /// Whether it has been seen on its way.
    moved: bool,
    patience: Patience,
    /// How it was when it was planned.
    before: Option<Before>,
    last: Option<Instance>,
    trouble: Option<AwsError>,
    verdict: Option<Verdict>,
}

impl<'a> PowerChange<'a> {
    fn new(change: &'a Change, plan: &'a Plan, lead: &'static str) -> Self {
        Self { change, plan, report: Report::new(change, plan, lead), watched: None }
    }

    fn watched(&self) -> &[Watched<'a>] {
        self.watched.as_deref().unwrap_or_default()
    }

    /// The targets whose change may have been made.
    fn to_watch(&self) -> Vec<Watched<'a>> {
        let watched = |(target, accepted)| Watched {
            target,
            place: place_of(self.plan, target),
            accepted,
            moved: false,
            patience: Patience::new(accepted),
            before: self.report.before(target),
            last: None,
            trouble: None,
            verdict: None,
        };
        self.report.watched().into_iter().map(watched).collect()
    }
}

#[async_trait]
impl RunningChange for PowerChange<'_> {
    async fn prepare(&mut self, step: &Step, cx: &Context) -> Result<(), CommandError> {
        cx.aws.ec2.turn(&step.place(), self.change.power).await;
        Ok(())
    }

    async fn call(&mut self, step: &Step, cx: &Context) -> Result<(), StepError> {
        let result = cx.aws.ec2.power(&step.place(), self.change.power, &step.targets).await;
        result.map_err(|error| match error.may_have_happened() {
            true => StepError::Lost(error.to_string()),
            false => {
                let names: Vec<String> =
                    targets_of(self.plan, step).iter().map(|target| words::label(target)).collect();
                let was = if names.len() == 1 { "was" } else { "were" };
                let not_done = format!("{} {was} not {}.", words::list(&names, "and"), self.change.past);
                StepError::Refused(error.failure(&not_done).into())
            }
        })
    }

    fn take(&mut self, step: &Step, outcome: CallOutcome, _: &Context) -> Option<Result<Found, CommandError>> {
        match outcome {
            // nothing at all was done: the sentence of the refusal says it all
            CallOutcome::Refused(error) if self.plan.steps.len() == 1 => Some(Err(error)),
            outcome => {
                self.report.called(step, outcome);
                None
            }
        }
    }

    fn progress(&self, stage: Stage<'_>, elapsed: Duration) -> Reply {
        let (targets, states): (Vec<&Target>, BTreeMap<&str, &State>) = match stage {
            Stage::Calling(step) => (targets_of(self.plan, step), BTreeMap::new()),
            Stage::Watching => {
                let watched = self.watched().iter();
                let states =
                    watched.clone().filter_map(|one| Some((one.target.id.as_str(), &one.last.as_ref()?.state)));
                (watched.map(|one| one.target).collect(), states.collect())
            }
        };
        let elapsed = Duration::from_secs(elapsed.as_secs());
        let line = |target: &&Target| {
            let state = states.get(target.id.as_str()).map_or("asking AWS", |state| state.as_str());
            let line = Line::new().text(format!("{} ", self.change.doing)).code(words::label(target));
            line.text(format!(": {}… {}", words::name(state), words::span(elapsed)))
        };
        let reply = Reply::new(Tone::Progress);
        match targets.as_slice() {
            [one] => reply.text(line(one)),
            many => reply.part(Part::List(many.iter().map(line).collect())),
        }
    }

    async fn look(&mut self, arrived: bool, cx: &Context) {
        let mut watched = self.watched.take().unwrap_or_else(|| self.to_watch());
        look(self.change, &mut watched, arrived, cx).await;
        self.watched = Some(watched);
    }

    fn is_at_rest(&self) -> bool {
        self.watched().iter().all(|one| one.verdict.is_some())
    }

    fn awaits_arrival(&self) -> bool {
        self.watched().iter().any(|one| one.verdict.is_none() && !one.accepted)
    }

    async fn report(&mut self, took: Duration, cx: &Context) -> Found {
        let watched = self.watched.take().unwrap_or_default();
        let checks = if self.change.power == Power::Reboot { checks(&watched, cx).await } else { BTreeMap::new() };
        for one in watched {
            let verdict = one.verdict.unwrap_or(match (&one.last, one.trouble) {
                (_, Some(error)) => Verdict::Blind(error),
                (Some(_), None) => Verdict::Slow,
                (None, None) => Verdict::Vanished,
            });
            let checks = match checks.get(&one.place) {
                Some(Ok(checks)) => Ok(checks.get(&one.target.id).cloned()),
                Some(Err(error)) => Err(error.clone()),
                None => Ok(None),
            };
            self.report.saw(one.target, Seen { accepted: one.accepted, verdict, checks, instance: one.last });
        }
        self.report.found(took)
    }
}

fn targets_of<'a>(plan: &'a Plan, step: &Step) -> Vec<&'a Target> {
    plan.targets.iter().filter(|target| is_of(step, target)).collect()
}

/// Whether the call of a step is made on this target.
fn is_of(step: &Step, target: &Target) -> bool {
    let of_account = step.account.as_ref().is_none_or(|account| *account == target.account);
    of_account && step.region == target.region && step.targets.contains(&target.id)
}

/// Where the call of a target was made, as its step says.
fn place_of(plan: &Plan, target: &Target) -> AccountRegion {
    let step = plan.steps.iter().find(|step| is_of(step, target));
    step.map_or_else(|| target.place(), Step::place)
}

/// One look at every target that has not come to rest, in one call for each place. `arrived`: no call can be on its way any
/// more.
async fn look(change: &Change, watched: &mut [Watched<'_>], arrived: bool, cx: &Context) {
    let mut by_place: BTreeMap<AccountRegion, Vec<String>> = BTreeMap::new();
    for one in watched.iter().filter(|one| one.verdict.is_none()) {
        by_place.entry(one.place.clone()).or_default().push(one.target.id.clone());
    }
    let asked = by_place.iter().map(|(place, ids)| async move {
        let filters = [Filter::ids(ids)];
        (place, cx.aws.ec2.instances(place, &filters).await)
    });
    for (place, answer) in join_all(asked).await {
        for one in watched.iter_mut().filter(|one| one.verdict.is_none() && one.place == *place) {
            match &answer {
                Ok(instances) => {
                    one.learn(change, instances.iter().find(|found| found.id == one.target.id), arrived);
                }
                Err(error) => one.fail(error),
            }
        }
    }
}

impl Watched<'_> {
    fn fail(&mut self, error: &AwsError) {
        self.verdict = self.patience.is_blind(error).then(|| Verdict::Blind(error.clone()));
        self.trouble = Some(error.clone());
    }

    fn learn(&mut self, change: &Change, found: Option<&Instance>, arrived: bool) {
        self.trouble = None;
        self.patience.answered();
        let Some(found) = found else {
            // that AWS shows nothing does not prove that it ended: another role or a view that lags shows nothing either
            let verdict = if change.is_end() && self.moved { Verdict::Gone } else { Verdict::Vanished };
            self.verdict = self.patience.is_missing().then_some(verdict);
            return;
        };
        self.patience.found();
        self.last = Some(found.clone());
        let state = &found.state;
        // the goal first: of a termination it is to be gone
        self.verdict = if *state == change.goal {
            Some(Verdict::Reached)
        } else if Some(state) == change.via.as_ref() {
            self.moved = true;
            None
        } else if change.is_end() {
            // somebody may stop or start it meanwhile, and it goes all the same; of what was on its way a view may lag
            (!self.moved && self.patience.is_unchanged(arrived)).then_some(Verdict::Unchanged)
        } else if state.is_gone() || change.via.is_none() {
            // The state shows nothing of a change that passes through none, so one look is as good as ten.
            Some(Verdict::Elsewhere)
        } else if change.begins_in(state) && self.came_back(change, found) {
            Some(Verdict::Elsewhere)
        } else if change.begins_in(state) && !self.moved {
            self.patience.is_unchanged(arrived).then_some(Verdict::Unchanged)
        } else {
            Some(Verdict::Elsewhere)
        };
    }

    /// Whether it left its state and has come back to it, between two looks or before the first: AWS gives another reason
    /// for that state than when it was planned, or another time; and what runs was launched anew.
    fn came_back(&self, change: &Change, found: &Instance) -> bool {
        let Some(before) = &self.before else { return false };
        let is_new = |was: Option<&String>, is: Option<&String>| was.zip(is).is_some_and(|(was, is)| was != is);
        let launched = found.launched.map(|at| at.to_string());
        is_new(before.reason.as_ref(), found.state_reason.as_ref())
            || is_new(before.transition.as_ref(), found.transition.as_ref())
            || (change.begins_in(&State::Running) && is_new(before.launched.as_ref(), launched.as_ref()))
    }
}

/// What the status checks say of the targets, by place.
async fn checks(
    watched: &[Watched<'_>],
    cx: &Context,
) -> BTreeMap<AccountRegion, Result<BTreeMap<String, Checks>, AwsError>> {
    let mut by_place: BTreeMap<AccountRegion, Vec<String>> = BTreeMap::new();
    for one in watched.iter().filter(|one| one.last.is_some()) {
        by_place.entry(one.place.clone()).or_default().push(one.target.id.clone());
    }
    let asked = by_place.into_iter().map(|(place, ids)| async move {
        let checks = cx.aws.ec2.checks(&place, &ids).await;
        (place, checks)
    });
    join_all(asked).await.into_iter().collect()
}
