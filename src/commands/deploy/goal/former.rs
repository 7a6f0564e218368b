//! The goal of a plan that was journalled before a plan had a detail: it stood among the ids of the last call, each of which
//! tells by its form what it is of. Rows of then are read for as long as a journal may hold them.

use super::{Goal, REGISTER};
use crate::aws::{ServiceAt, pinned};
use crate::domain::Plan;

/// What stood before the tag that was typed, and before the digest that ran.
pub(super) const TAG: &str = "tag:";
pub(super) const WAS: &str = "was:";

pub(super) fn goal(plan: &Plan) -> Option<Goal> {
    let last = plan.steps.last()?;
    let at = ServiceAt::parse(&last.region, last.targets.first()?)?;
    let is_definition = |id: &&String| id.contains(":task-definition/");
    let mut definitions = last.targets.iter().filter(is_definition).cloned();
    let register = plan.steps.iter().find(|step| step.operation == REGISTER);
    let marked = |mark| last.targets.iter().skip(2).find_map(|id| id.strip_prefix(mark)).map(str::to_owned);
    Some(Goal {
        name: plan.targets.first()?.name.clone()?,
        at,
        container: last.targets.get(1)?.clone(),
        image: last.targets.iter().find(|id| pinned(id).is_some())?.clone(),
        from: definitions.next()?,
        to: definitions.next(),
        base: register.and_then(|step| step.targets.iter().find(is_definition).cloned()),
        under_way: last.targets.iter().find(|id| id.contains(":service-deployment/")).cloned(),
        tag: marked(TAG),
        was: marked(WAS),
    })
}
