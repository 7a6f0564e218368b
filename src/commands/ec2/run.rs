//! How a planned change is made and watched. Every call waits for its turn, is journalled, and is then made, once. Then AWS is
//! asked, again and again and for all targets of a region in one call, until each target has come to rest somewhere:
//! where it should, or where somebody else has put it.

use super::super::{Context, Found, Journalled, StepError, words};
use super::before::Before;
use super::change::Change;
use super::verdict::{Report, Seen, Verdict};
use crate::aws::{AwsError, Class, Filter, Instance, Power, State};
use crate::domain::{CommandError, Line, Part, Plan, Reply, Step, Target, Tone};
use futures_util::future::join_all;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use tokio::time::Instant;

/// How many looks may find a target unchanged after a call whose answer was lost, before it counts as not made. AWS's
/// descriptions lag behind its changes. Besides, the call must have had the time that a call may take: until then it may
/// still be on its way.
const LOOKS_AFTER_LOSS: u32 = 3;
/// The same after a call that AWS accepted, where a change is sure to come.
const LOOKS_AFTER_ACCEPT: u32 = 10;
/// How many looks one after the other may be refused before that is believed: a role is mended, a policy takes its time.
const REFUSED_LOOKS: u32 = 10;

/// Makes the planned calls, one after the other, waits, and reports. After a call that was refused or lost, no other is
/// made: what is not understood is not continued.
pub(super) async fn execute(
    change: &Change,
    plan: &Plan,
    cx: &Context,
    journal: &dyn Journalled,
) -> Result<Found, CommandError> {
    let start = Instant::now();
    let mut called = start;
    let mut report = Report::new(change, plan, "AWS did not confirm it. I looked: ");
    for step in &plan.steps {
        if report.is_interrupted() {
            report.not_tried(step);
            continue;
        }
        show(change, &targets_of(plan, step), &BTreeMap::new(), start, cx);
        cx.aws.turn(&step.region, change.power).await;
        called = Instant::now();
        match journal.step(step, Box::pin(call(change, plan, step, cx))).await {
            Ok(()) => report.accepted(step),
            Err(StepError::Lost(cause)) => {
                tracing::warn!(request = %cx.request, operation = %step.operation, %cause, "answer lost, looking");
                report.lost(step);
            }
            // Nothing at all was done: the sentence of the refusal says it all.
            Err(StepError::Refused(error)) if step.index == 0 && plan.steps.len() == 1 => return Err(error),
            Err(StepError::Refused(error)) => report.refused(step, error),
        }
    }
    watch(change, &mut report, cx, (start, called)).await;
    Ok(report.found(start.elapsed()))
}

/// Looks at what is true now, as after a call whose answer was lost.
pub(super) async fn verify(change: &Change, plan: &Plan, cx: &Context) -> Found {
    let start = Instant::now();
    let mut report = Report::new(change, plan, "I looked: ");
    plan.steps.iter().for_each(|step| report.lost(step));
    watch(change, &mut report, cx, (start, start)).await;
    report.found(start.elapsed())
}

async fn call(change: &Change, plan: &Plan, step: &Step, cx: &Context) -> Result<(), StepError> {
    let result = cx.aws.power(&step.region, change.power, &step.targets).await;
    result.map_err(|error| match error.may_have_happened() {
        true => StepError::Lost(error.to_string()),
        false => {
            let names: Vec<String> = targets_of(plan, step).iter().map(|target| words::label(target)).collect();
            let was = if names.len() == 1 { "was" } else { "were" };
            let not_done = format!("{} {was} not {}.", words::list(&names, "and"), change.past);
            StepError::Refused(error.failure(&not_done).into())
        }
    })
}

fn targets_of<'a>(plan: &'a Plan, step: &Step) -> Vec<&'a Target> {
    plan.targets.iter().filter(|target| target.region == step.region && step.targets.contains(&target.id)).collect()
}

/// What is known of a watched target so far.
#[derive(Debug)]
struct Watched<'a> {
    target: &'a Target,
    accepted: bool,
    /// Whether it has been seen on its way.
    moved: bool,
    /// How many looks found it as it was before, or not at all.
    still: u32,
    /// How many looks were refused, one after the other.
    refused: u32,
    /// How it was when it was planned.
    before: Option<Before>,
    last: Option<Instance>,
    trouble: Option<AwsError>,
    verdict: Option<Verdict>,
}

/// Looks until all have come to rest. The last call was `called` at this time, or before.
async fn watch(change: &Change, report: &mut Report<'_>, cx: &Context, (start, called): (Instant, Instant)) {
    let mut watched: Vec<Watched<'_>> = report
        .watched()
        .into_iter()
        .map(|(target, accepted)| Watched {
            target,
            accepted,
            moved: false,
            still: 0,
            refused: 0,
            before: report.before(target),
            last: None,
            trouble: None,
            verdict: None,
        })
        .collect();
    loop {
        let left = cx.aws.call_timeout().saturating_sub(called.elapsed());
        look(change, &mut watched, left.is_zero(), cx).await;
        let resting = watched.iter().all(|one| one.verdict.is_some());
        if resting || start.elapsed() + cx.limits.poll > cx.limits.wait {
            break;
        }
        let states =
            watched.iter().filter_map(|one| Some((&*one.target.id, one.last.as_ref()?.state.clone()))).collect();
        let targets: Vec<&Target> = watched.iter().map(|one| one.target).collect();
        show(change, &targets, &states, start, cx);
        // whoever waits for a call that never came is not to wait for a whole look more
        let on_its_way = !left.is_zero() && watched.iter().any(|one| one.verdict.is_none() && !one.accepted);
        let left = cx.aws.call_timeout().saturating_sub(called.elapsed());
        tokio::time::sleep(if on_its_way { cx.limits.poll.min(left) } else { cx.limits.poll }).await;
    }
    let checks = if change.power == Power::Reboot { checks(&watched, cx).await } else { BTreeMap::new() };
    for one in watched {
        let verdict = one.verdict.unwrap_or(match (&one.last, one.trouble) {
            (_, Some(error)) => Verdict::Blind(error),
            (Some(_), None) => Verdict::Slow,
            (None, None) => Verdict::Vanished,
        });
        let seen =
            Seen { accepted: one.accepted, verdict, checks: checks.get(&one.target.id).cloned(), instance: one.last };
        report.saw(one.target, seen);
    }
}

/// One look at every target that has not come to rest, in one call for each region. `arrived`: no call can be on its way any
/// more.
async fn look(change: &Change, watched: &mut [Watched<'_>], arrived: bool, cx: &Context) {
    let mut by_region: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for one in watched.iter().filter(|one| one.verdict.is_none()) {
        by_region.entry(one.target.region.clone()).or_default().push(one.target.id.clone());
    }
    let asked = by_region.iter().map(|(region, ids)| async move {
        let filters = [Filter::ids(ids)];
        (region, cx.aws.instances(region, &filters).await)
    });
    for (region, answer) in join_all(asked).await {
        for one in watched.iter_mut().filter(|one| one.verdict.is_none() && one.target.region == *region) {
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
        // Trouble while waiting is no outcome: a throttle or an expired token passes, and a refusal may.
        let is_refused = matches!(error.class, Class::Denied | Class::Input);
        self.refused = if is_refused { self.refused + 1 } else { 0 };
        self.verdict = (self.refused >= REFUSED_LOOKS).then(|| Verdict::Blind(error.clone()));
        self.trouble = Some(error.clone());
    }

    fn learn(&mut self, change: &Change, found: Option<&Instance>, arrived: bool) {
        self.trouble = None;
        self.refused = 0;
        let patience = if self.accepted { LOOKS_AFTER_ACCEPT } else { LOOKS_AFTER_LOSS };
        let Some(found) = found else {
            self.still += 1;
            self.verdict = (self.still >= patience).then_some(Verdict::Vanished);
            return;
        };
        self.last = Some(found.clone());
        let state = &found.state;
        self.verdict = if state.is_gone() {
            Some(Verdict::Elsewhere)
        } else if change.via.is_none() {
            // The state shows nothing of this change, so one look is as good as ten.
            Some(if *state == change.goal { Verdict::Reached } else { Verdict::Elsewhere })
        } else if *state == change.goal {
            Some(Verdict::Reached)
        } else if Some(state) == change.via.as_ref() {
            self.moved = true;
            None
        } else if *state == change.from && self.came_back(change, found) {
            Some(Verdict::Elsewhere)
        } else if *state == change.from && !self.moved {
            self.still += 1;
            (self.still >= patience && (self.accepted || arrived)).then_some(Verdict::Unchanged)
        } else {
            Some(Verdict::Elsewhere)
        };
    }
}

impl Watched<'_> {
    /// Whether it left its state and has come back to it, between two looks or before the first: AWS gives another reason
    /// for that state than when it was planned, or another time; and what runs was launched anew.
    fn came_back(&self, change: &Change, found: &Instance) -> bool {
        let Some(before) = &self.before else { return false };
        let is_new = |was: Option<&String>, is: Option<&String>| was.zip(is).is_some_and(|(was, is)| was != is);
        let launched = found.launched.map(|at| at.to_string());
        is_new(before.reason.as_ref(), found.state_reason.as_ref())
            || is_new(before.transition.as_ref(), found.transition.as_ref())
            || (change.from == State::Running && is_new(before.launched.as_ref(), launched.as_ref()))
    }
}

/// What the status checks say of the targets, where AWS tells.
async fn checks(watched: &[Watched<'_>], cx: &Context) -> BTreeMap<String, crate::aws::Checks> {
    let regions: BTreeSet<&str> = watched.iter().map(|one| one.target.region.as_str()).collect();
    let asked =
        regions.into_iter().map(|region| {
            let here = watched.iter().filter(|one| one.target.region == region && one.last.is_some());
            let ids: Vec<String> = here.map(|one| one.target.id.clone()).collect();
            async move {
                if ids.is_empty() { BTreeMap::new() } else { cx.aws.checks(region, &ids).await.unwrap_or_default() }
            }
        });
    join_all(asked).await.into_iter().flatten().collect()
}

/// Shows work in progress: one message for the whole change.
fn show(change: &Change, targets: &[&Target], states: &BTreeMap<&str, State>, start: Instant, cx: &Context) {
    let elapsed = Duration::from_secs(start.elapsed().as_secs());
    let line = |target: &&Target| {
        let state = states.get(target.id.as_str()).map_or("asking AWS", State::as_str);
        let line = Line::new().text(format!("{} ", change.doing)).code(words::label(target));
        line.text(format!(": {}… {}", words::name(state), words::span(elapsed)))
    };
    let reply = Reply::new(Tone::Progress);
    (cx.progress)(match targets {
        [one] => reply.text(line(one)),
        many => reply.part(Part::List(many.iter().map(line).collect())),
    });
}
