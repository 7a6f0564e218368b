//! The policies as the other rooms ask them: about a person, here and now.

use super::callers::Rights;
use super::places::Reach;
use super::policy::{Action, Deny, Policies, Reason, Resource, Situation, Verdict, refusal, refusal_saying, shut_out};
use crate::commands::{Catalog, Enters, MayOrWhy, Row, SeesOrWhy};
use crate::domain::{
    ApprovalRequest, ChannelId, Line, Membership, Plan, Principal, Refusal, Request, RequestId, Risk, Source, Target,
    UserId,
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
}

struct Asking {
    principal: Principal,
    situation: Situation,
    /// Who reads where it was asked.
    reach: Reach,
    members: Members,
    /// What was asked; nothing for a Home, which decides nothing.
    asked: Option<(RequestId, String)>,
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
        let asked = Some((request.id, request.text.clone()));
        Self { policies, catalog, asking: Arc::new(Asking { principal, situation, reach, members, asked }) }
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
        Self { policies, catalog, asking: Arc::new(Asking { principal, situation, reach, members, asked: None }) }
    }

    /// [`Permits::ahead`], for the record. A change that could be made is not decided yet: that is decided with its plan.
    pub(super) fn decide_ahead(&self, row: &'static Row) -> Result<(), Refusal> {
        let judge = |situation: &Situation| self.judged_ahead(row, situation);
        let verdict = judge(&self.asking.situation);
        if !verdict.is_permit() || row.risk < Risk::Change {
            self.record(row, "any", &verdict);
        }
        self.refused(row, verdict, judge)
    }

    /// The refusal of a row that this person cannot run on anything; asked before anything is read.
    pub(super) fn ahead(&self, row: &Row) -> Result<(), Refusal> {
        let judge = |situation: &Situation| self.judged_ahead(row, situation);
        self.refused(row, judge(&self.asking.situation), judge)
    }

    fn judged_ahead(&self, row: &Row, situation: &Situation) -> Verdict {
        self.policies.judge_ahead(&self.asking.principal, action(row), situation)
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
        let Verdict::Deny(deny) = self.policies.judge_ahead(principal, action(help), situation) else { return Ok(()) };
        let member = Principal { membership: Membership::Member, ..principal.clone() };
        let as_member = self.policies.could(&member, action(help), situation);
        Err(shut_out(&deny, principal, as_member, &self.others(&deny.who_could), outcome))
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
        Arc::new(move |account, region| permits.need(row, &Resource::Region { account, region }).map(drop))
    }

    /// Refuses a plan of which any target, or the region of any, may not be changed, and says how many others must
    /// approve it.
    pub(super) fn judge(&self, row: &'static Row) -> Judge {
        let permits = self.clone();
        Arc::new(move |plan: &Plan| {
            names_something(plan)?;
            resources(plan).try_fold(Need::default(), |need, resource| {
                let of_this = permits.need(row, &resource)?;
                Ok(if of_this.approvals > need.approvals { of_this } else { need })
            })
        })
    }

    /// What the change of one target needs, or of anything in a region.
    fn need(&self, row: &'static Row, resource: &Resource<'_>) -> Result<Need, Refusal> {
        let Asking { principal, situation, .. } = &*self.asking;
        let action = action(row);
        let judge = |situation: &Situation| self.policies.judge_region(principal, action, resource, situation);
        let verdict = judge(situation);
        self.record_on(row, resource, &verdict);
        match verdict {
            Verdict::Permit { .. } => Ok(Need::default()),
            Verdict::Needs { approvals, reasons } => {
                let could = self.policies.who_could(action, resource, situation);
                let contacts = self.others(&could).into_iter().take(CONTACTS).collect();
                Ok(Need { approvals, reasons: reasons.into_iter().map(|reason| reason.text).collect(), contacts })
            }
            deny @ Verdict::Deny(_) => self.refused(row, deny, judge).map(|()| Need::default()),
        }
    }

    /// Whose permits these are.
    pub(super) fn user(&self) -> &UserId {
        &self.asking.principal.user
    }

    /// Refuses a person who could not make this change even if others approved it: nor can they approve it for others.
    pub(super) fn may_approve(&self, row: &'static Row, approval: &ApprovalRequest) -> Result<(), Refusal> {
        let Asking { principal, situation, .. } = &*self.asking;
        names_something(&approval.plan)?;
        resources(&approval.plan).try_for_each(|resource| {
            let judge =
                |situation: &Situation| self.policies.judge_region(principal, action(row), &resource, situation);
            let verdict = judge(situation);
            self.record_on(row, &resource, &verdict);
            // the asker cannot be asked to approve it; that it waits on is said beside the reason
            let Verdict::Deny(deny) = verdict else { return Ok(()) };
            let others = self.others_than(&approval.user, &deny.who_could);
            Err(self.of_place(refusal_saying(&deny, row.name, principal, &others, ""), &deny, judge))
        })
    }

    /// Some who could approve it.
    pub(super) fn could_approve(&self, row: &'static Row, approval: &ApprovalRequest) -> Vec<UserId> {
        let Asking { situation, .. } = &*self.asking;
        let target = approval.plan.targets.first();
        let could = target.map(|target| self.policies.who_could(action(row), &Resource::Target(target), situation));
        let others = self.others_than(&approval.user, &could.unwrap_or_default());
        others.into_iter().take(CONTACTS).collect()
    }

    /// A region is recorded only where it is more than where a target is.
    fn record_on(&self, row: &Row, resource: &Resource<'_>, verdict: &Verdict) {
        match resource {
            Resource::Target(target) => self.record(row, &target.key(), verdict),
            Resource::Region { account, region } if !verdict.is_permit() => {
                self.record(row, &format!("{account}/{region}"), verdict);
            }
            Resource::Region { .. } | Resource::Bot => {}
        }
    }

    /// One line of the log for a decision: who asked for what, on what, and what which policies say. What people and AWS
    /// have written is quoted, so that it cannot look like a line of its own.
    fn record(&self, row: &Row, on: &str, verdict: &Verdict) {
        let Asking { principal, situation, asked, .. } = &*self.asking;
        let Some((request, line)) = asked else { return };
        let of = |reasons: &[Reason]| reasons.iter().map(|reason| reason.policy.clone()).collect();
        let (word, approvals, policies): (_, _, Vec<String>) = match verdict {
            Verdict::Permit { policies } => ("permit", situation.approvals, policies.clone()),
            Verdict::Needs { approvals, reasons } => ("needs_approval", *approvals, of(reasons)),
            Verdict::Deny(deny) => ("deny", situation.approvals, of(&deny.reasons)),
        };
        tracing::info!(
            target: "audit",
            req = %request,
            user = ?principal.user.as_str(),
            team = ?principal.team.as_str(),
            channel = ?situation.channel.as_str(),
            source = situation.source.as_str(),
            action = row.action,
            ?line,
            ?on,
            verdict = word,
            approvals,
            ?policies,
            policy_hash = self.policies.hash(),
            "decision"
        );
    }

    /// The members of these groups, without the one who asks.
    fn others(&self, groups: &[String]) -> Vec<UserId> {
        let mut others: Vec<UserId> = Vec::new();
        for user in groups.iter().filter_map(|group| self.asking.members.get(group)).flatten() {
            if *user != self.asking.principal.user && !others.contains(user) {
                others.push(user.clone());
            }
        }
        others
    }

    /// The refusal of what is denied.
    fn refused(&self, row: &Row, verdict: Verdict, judge: impl Fn(&Situation) -> Verdict) -> Result<(), Refusal> {
        let Verdict::Deny(deny) = verdict else { return Ok(()) };
        let contacts = self.others(&deny.who_could);
        Err(self.of_place(refusal(&deny, row.name, &self.asking.principal, &contacts), &deny, judge))
    }

    /// Where the place counts as shared only because Slack does not tell, and that matters, the refusal says so: `judge` is asked
    /// how it would be otherwise.
    fn of_place(&self, mut refusal: Refusal, deny: &Deny, judge: impl Fn(&Situation) -> Verdict) -> Refusal {
        if self.asking.reach == Reach::Unknown {
            let own = Situation { external: false, ..self.asking.situation.clone() };
            if !matches!(judge(&own), Verdict::Deny(other) if other.reasons == deny.reasons) {
                refusal.lines.push(place_unknown());
            }
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
    Err(Refusal { lines: vec![line] })
}

/// What a plan touches: the regions of its targets, each once, and then the targets.
fn resources(plan: &Plan) -> impl Iterator<Item = Resource<'_>> {
    let places: BTreeSet<(&str, &str)> =
        plan.targets.iter().map(|target| (target.account.as_str(), target.region.as_str())).collect();
    let regions = places.into_iter().map(|(account, region)| Resource::Region { account, region });
    regions.chain(plan.targets.iter().map(Resource::Target))
}

/// As fine as policies see it: all that is asked within one second is the same situation.
fn whole_second(time: jiff::Timestamp) -> jiff::Timestamp {
    jiff::Timestamp::from_second(time.as_second()).unwrap_or(time)
}

pub(super) fn action(row: &Row) -> Action<'_> {
    Action { name: row.action, risk: row.risk }
}

#[cfg(test)]
mod tests;
