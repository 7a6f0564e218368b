//! The policies as the other rooms ask them: about a person, here and now.

use super::callers::Rights;
use super::decision::{Asked, Asking, Decided, action};
use super::places::Reach;
use super::policy::{Deny, Policies, Resource, Situation, Verdict, refusal, refusal_saying, shut_out};
use crate::commands::{Catalog, Enters, MayOrWhy, Row, SeesOrWhy};
use crate::domain::{
    AccountId, ApprovalRequest, ChannelId, Decision, Line, Membership, Plan, Principal, Refusal, Request, Risk, Source,
    Target, UserId,
};
use crate::execution::{Judge, Need};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Who is in which group, as far as is known: whom a refusal may name.
pub(super) type Members = Arc<BTreeMap<String, Vec<UserId>>>;

/// How many people are named who could approve.
const CONTACTS: usize = 3;

/// Everything that is the same for all questions of one request.
#[derive(Clone)]
pub(super) struct Permits {
    policies: Arc<Policies>,
    catalog: Arc<Catalog>,
    asking: Arc<Asking>,
    members: Members,
}

impl Permits {
    pub(super) fn new(
        policies: Arc<Policies>,
        catalog: Arc<Catalog>,
        principal: Principal,
        members: Members,
        request: &Request,
        time: jiff::Timestamp,
        reach: Reach,
    ) -> Self {
        let direct = request.source == Source::DirectMessage || request.channel.as_str().starts_with('D');
        let situation = Situation {
            channel: request.channel.clone(),
            direct_message: direct || request.channel.is_person(),
            external: reach.is_external(),
            source: request.source,
            time: whole_second(time),
            approvals: 0,
        };
        let (line, is_of_another) = (request.text.clone(), principal.user != request.user);
        let asked = Some(Asked { request: request.id, line, is_of_another });
        Self { policies, catalog, members, asking: Arc::new(Asking { principal, situation, reach, asked }) }
    }

    /// As a button on this person's Home would be judged.
    pub(super) fn at_home(
        policies: Arc<Policies>,
        catalog: Arc<Catalog>,
        principal: Principal,
        members: Members,
        time: jiff::Timestamp,
    ) -> Self {
        let channel = ChannelId::from(principal.user.as_str());
        let time = whole_second(time);
        let source = Source::Button;
        let situation = Situation { channel, direct_message: true, external: false, source, time, approvals: 0 };
        let reach = Reach::Own;
        Self { policies, catalog, members, asking: Arc::new(Asking { principal, situation, reach, asked: None }) }
    }

    /// [`Permits::ahead`], for the record: what is decided of a command that changes nothing. A change that could be made is not
    /// decided yet: that is decided with its plan.
    pub(super) fn decide_ahead(&self, row: &'static Row) -> Result<Option<Arc<Decision>>, Refusal> {
        let decided = self.asking.decide(&self.policies, row, None);
        let is_of_its_plan = decided.verdict.is_permit() && row.risk >= Risk::Change;
        if !is_of_its_plan {
            self.asking.record(&self.policies, row, "any", &decided.decision);
        }
        let decision = Arc::clone(&decided.decision);
        self.refused(row, None, decided)?;
        Ok((!is_of_its_plan).then_some(decision))
    }

    /// The refusal of a row that this person cannot run on anything; asked before anything is read.
    pub(super) fn ahead(&self, row: &Row) -> Result<(), Refusal> {
        self.refused(row, None, self.asking.decide(&self.policies, row, None))
    }

    /// Whether this person could run a row on anything at all, from a place of one's own.
    pub(super) fn could_elsewhere(&self, row: &Row) -> bool {
        let own = Situation { external: false, ..self.asking.situation.clone() };
        self.policies.could(&self.asking.principal, action(row), &own)
    }

    /// The refusal of a person who may not even have help, and so nothing at all: it is about the person and not about a
    /// command, which need not be what was typed. It says of what was asked that this came of it.
    pub(super) fn shut_out(&self, outcome: &str) -> Result<(), Refusal> {
        let Some(help) = self.catalog.help() else { return Ok(()) };
        let Asking { principal, situation, .. } = &*self.asking;
        let Decided { decision, verdict } = self.asking.decide(&self.policies, help, None);
        let Verdict::Deny(deny) = verdict else { return Ok(()) };
        let member = Principal { membership: Membership::Member, ..principal.clone() };
        let as_member = self.policies.could(&member, action(help), situation);
        Err(shut_out(&deny, principal, as_member, &self.others(&deny.who_could), outcome).by(decision))
    }

    /// [`Permits::ahead`], as a command asks it.
    pub(super) fn may_or_why(&self) -> MayOrWhy {
        let permits = self.clone();
        Arc::new(move |row| permits.ahead(row))
    }

    /// The refusal to show this resource.
    pub(super) fn sees_or_why(&self, row: &'static Row) -> SeesOrWhy {
        let permits = self.clone();
        Arc::new(move |target| permits.need(row, &Resource::Target(target)).map(drop))
    }

    /// Whether the person could run a row on anything at all: what help shows.
    pub(super) fn may(&self) -> Arc<dyn Fn(&Row) -> bool + Send + Sync> {
        let permits = self.clone();
        Arc::new(move |row| permits.policies.could(&permits.asking.principal, action(row), &permits.asking.situation))
    }

    /// How far this person may go, wherever they ask.
    pub(super) fn rights(&self) -> Rights {
        let Asking { principal, .. } = &*self.asking;
        let ever = |changing: bool| {
            let is_one = |row: &Row| (row.risk >= Risk::Change) == changing;
            self.catalog.rows().iter().any(|row| is_one(row) && self.policies.could_ever(principal, action(row)))
        };
        if ever(true) {
            return Rights::Changes;
        }
        // of a group that cannot be read the bot does not know what its members may
        if !principal.unread.is_empty() || ever(false) { Rights::Reads } else { Rights::Nothing }
    }

    /// Whether the row may show this resource.
    pub(super) fn sees(&self, row: &'static Row) -> Arc<dyn Fn(&Target) -> bool + Send + Sync> {
        let permits = self.clone();
        Arc::new(move |target| {
            let Asking { principal, situation, .. } = &*permits.asking;
            permits.policies.permits(principal, action(row), &Resource::Target(target), situation)
        })
    }

    /// Whether this resource may be shown by the row, or by the row that shows what it changes.
    pub(super) fn shows(&self, row: &'static Row) -> Arc<dyn Fn(&Target) -> bool + Send + Sync> {
        let sees = self.sees(row);
        let inspects = row.inspect.and_then(|inspect| self.catalog.row(inspect.command)).map(|row| self.sees(row));
        Arc::new(move |target| sees(target) || inspects.as_ref().is_some_and(|inspects| inspects(target)))
    }

    /// The refusal of a region of an account in which the row may not be run; asked before the region is.
    pub(super) fn enters(&self, row: &'static Row) -> Enters {
        let permits = self.clone();
        Arc::new(move |place| permits.need(row, &Resource::from(place)).map(drop))
    }

    /// Refuses a plan of which any target, or the region of any, may not be changed, and says how many others must
    /// approve it.
    pub(super) fn judge(&self, row: &'static Row) -> Judge {
        let permits = self.clone();
        Arc::new(move |plan: &Plan| {
            names_something(plan)?;
            resources(plan).try_fold(Need::default(), |need, resource| Ok(need.and(permits.need(row, &resource)?)))
        })
    }

    /// What the change of one target needs, or of anything in a region.
    fn need(&self, row: &'static Row, resource: &Resource<'_>) -> Result<Need, Refusal> {
        let Decided { decision, verdict } = self.decide_on(row, resource);
        match verdict {
            Verdict::Permit { .. } => Ok(Need { decision: Some(Arc::unwrap_or_clone(decision)), ..Need::default() }),
            Verdict::Needs { approvals, reasons, .. } => {
                let could = self.policies.who_could(action(row), resource, &self.asking.situation);
                let contacts = self.others(&could).into_iter().take(CONTACTS).collect();
                let reasons = reasons.into_iter().map(|reason| reason.text).collect();
                Ok(Need { approvals, reasons, contacts, decision: Some(Arc::unwrap_or_clone(decision)) })
            }
            deny @ Verdict::Deny(_) => {
                let decided = Decided { decision, verdict: deny };
                self.refused(row, Some(resource), decided).map(|()| Need::default())
            }
        }
    }

    /// What is decided of one target, or of a region, for the record.
    fn decide_on(&self, row: &Row, resource: &Resource<'_>) -> Decided {
        let decided = self.asking.decide(&self.policies, row, Some(resource));
        self.asking.record_on(&self.policies, row, resource, &decided.decision);
        decided
    }

    /// Whose permits these are.
    pub(super) fn user(&self) -> &UserId {
        &self.asking.principal.user
    }

    /// Decides whether this person may say a word on a change. A person who could not make it even if others approved it may not.
    pub(super) fn may_approve(
        &self,
        row: &'static Row,
        approval: &ApprovalRequest,
    ) -> Result<Option<Arc<Decision>>, Refusal> {
        names_something(&approval.plan)?;
        let mut all: Option<Decision> = None;
        for resource in resources(&approval.plan) {
            let Decided { decision, verdict } = self.decide_on(row, &resource).of_word();
            if let Verdict::Deny(deny) = verdict {
                // the asker cannot be asked to approve it; that it waits on is said beside the reason
                let others = self.others_than(&approval.user, &deny.who_could);
                let refusal = refusal_saying(&deny, row.name, &self.asking.principal, &others, "");
                return Err(self.of_place(refusal, row, Some(&resource), &deny).by(decision));
            }
            let of_this = Arc::unwrap_or_clone(decision);
            all = Some(match all {
                Some(all) => all.and(of_this),
                None => of_this,
            });
        }
        Ok(all.map(Arc::new))
    }

    /// Some who could approve it.
    pub(super) fn could_approve(&self, row: &'static Row, approval: &ApprovalRequest) -> Vec<UserId> {
        let Asking { situation, .. } = &*self.asking;
        let target = approval.plan.targets.first();
        let could = target.map(|target| self.policies.who_could(action(row), &Resource::Target(target), situation));
        let others = self.others_than(&approval.user, &could.unwrap_or_default());
        others.into_iter().take(CONTACTS).collect()
    }

    /// The members of these groups, without the one who asks.
    fn others(&self, groups: &[String]) -> Vec<UserId> {
        let mut others: Vec<UserId> = Vec::new();
        for user in groups.iter().filter_map(|group| self.members.get(group)).flatten() {
            if *user != self.asking.principal.user && !others.contains(user) {
                others.push(user.clone());
            }
        }
        others
    }

    /// The refusal of what is denied.
    fn refused(
        &self,
        row: &Row,
        on: Option<&Resource<'_>>,
        Decided { decision, verdict }: Decided,
    ) -> Result<(), Refusal> {
        let Verdict::Deny(deny) = verdict else { return Ok(()) };
        let contacts = self.others(&deny.who_could);
        let refusal = refusal(&deny, row.name, &self.asking.principal, &contacts);
        Err(self.of_place(refusal, row, on, &deny).by(decision))
    }

    /// Where the place counts as shared only because Slack does not tell, and that matters, the refusal says so.
    fn of_place(&self, mut refusal: Refusal, row: &Row, on: Option<&Resource<'_>>, deny: &Deny) -> Refusal {
        if self.asking.is_for_want_of_the_place(&self.policies, row, on, deny) {
            refusal.lines.push(place_unknown());
        }
        refusal
    }

    /// The same, without this person either.
    fn others_than(&self, user: &UserId, groups: &[String]) -> Vec<UserId> {
        self.others(groups).into_iter().filter(|other| other != user).collect()
    }
}

fn place_unknown() -> Line {
    Line::from("Slack does not tell me whether this channel is shared with another organisation, so I take it for one that is. ")
        .text("In a private channel I have to be a member to know; whether I lack a scope, ")
        .code("dronebot doctor")
        .text(" says.")
}

/// Refuses a plan without targets: there is nothing in it of which the policies could be asked.
fn names_something(plan: &Plan) -> Result<(), Refusal> {
    if !plan.targets.is_empty() {
        return Ok(());
    }
    let line = Line::new()
        .code(&plan.command)
        .text(" came to a plan that names no target, so I cannot judge who may do it. Nothing was changed. ")
        .text("This is a mistake of mine: please tell the platform team.");
    Err(Refusal::of(vec![line]))
}

/// What a plan touches: the regions of its targets, each once, and then the targets.
fn resources(plan: &Plan) -> impl Iterator<Item = Resource<'_>> {
    let places: BTreeSet<(&AccountId, &str)> =
        plan.targets.iter().map(|target| (&target.account, target.region.as_str())).collect();
    let regions = places.into_iter().map(|(account, region)| Resource::Region { account: Some(account), region });
    regions.chain(plan.targets.iter().map(Resource::Target))
}

/// As fine as policies see it: all that is asked within one second is the same situation.
fn whole_second(time: jiff::Timestamp) -> jiff::Timestamp {
    jiff::Timestamp::from_second(time.as_second()).unwrap_or(time)
}

#[cfg(test)]
mod tests;
