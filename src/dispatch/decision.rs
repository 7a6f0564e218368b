//! The one place where a decision is made: of whether a person may run a command on anything at all, of whether on these
//! targets, and of whether the person may decide on somebody else's change. What it is made of, the policies say.

use super::places::Reach;
use super::policy::{Action, Deny, Policies, Reason, Resource, Situation, Verdict};
use crate::commands::Row;
use crate::domain::{AccountRegion, Decision, JudgedFacts, PlaceReaders, Principal, RequestId, Ruling};
use std::sync::Arc;

/// Who asks for what, and where: what is the same for all questions of one request.
pub(super) struct Asking {
    pub(super) principal: Principal,
    pub(super) situation: Situation,
    /// Who reads where it was asked.
    pub(super) reach: Reach,
    /// What was asked; nothing for a Home, which decides nothing.
    pub(super) asked: Option<Asked>,
}

/// The request for which it is asked.
pub(super) struct Asked {
    pub(super) request: RequestId,
    pub(super) line: String,
    /// Whether the person who is judged is another than the asker: where an approval is looked at again.
    pub(super) is_of_another: bool,
}

/// A decision, and the verdict that it was made of: a refusal says more than is kept.
pub(super) struct Decided {
    pub(super) decision: Arc<Decision>,
    pub(super) verdict: Verdict,
}

impl Decided {
    /// The same of a word on a change: that others must approve it is known already, and one who may make it then may say so.
    pub(super) fn of_word(self) -> Self {
        let Verdict::Needs { permits: policies, .. } = self.verdict else { return self };
        let decision = Decision {
            ruling: Ruling::Permit,
            policies: policies.clone(),
            permits: Vec::new(),
            on: None,
            needed: 0,
            ..Arc::unwrap_or_clone(self.decision)
        };
        Self { decision: Arc::new(decision), verdict: Verdict::Permit { policies } }
    }
}

impl Asking {
    /// Decides whether it may be done: to a resource, or, where none is known yet, to anything at all.
    pub(super) fn decide(&self, policies: &Policies, row: &Row, on: Option<&Resource<'_>>) -> Decided {
        let verdict = self.verdict(policies, row, on, &self.situation);
        let ids = |reasons: &[Reason]| reasons.iter().map(|reason| reason.policy.clone()).collect();
        let (ruling, policies, needed, permits) = match &verdict {
            Verdict::Permit { policies } => (Ruling::Permit, policies.clone(), 0, Vec::new()),
            Verdict::Needs { approvals, reasons, permits } => {
                (Ruling::NeedsApproval, ids(reasons), *approvals, permits.clone())
            }
            Verdict::Deny(deny) => (Ruling::Deny, ids(&deny.reasons), 0, Vec::new()),
        };
        let asked_by_another = self.asked.as_ref().is_some_and(|asked| asked.is_of_another);
        let decision = Decision {
            ruling,
            policies,
            permits,
            // what is permitted is so for the whole of it
            on: on.filter(|_| ruling != Ruling::Permit).and_then(name),
            about: asked_by_another.then(|| self.principal.user.clone()),
            needed,
            given: Vec::new(),
            facts: self.facts(),
        };
        Decided { decision: Arc::new(decision), verdict }
    }

    /// What the policies say in this situation, which may be another than the one in which it was asked.
    fn verdict(&self, policies: &Policies, row: &Row, on: Option<&Resource<'_>>, situation: &Situation) -> Verdict {
        match on {
            None => policies.judge_ahead(&self.principal, action(row), situation),
            Some(resource) => policies.judge_region(&self.principal, action(row), resource, situation),
        }
    }

    /// Whether it is only denied because Slack does not tell who reads where it was asked.
    pub(super) fn is_for_want_of_the_place(
        &self,
        policies: &Policies,
        row: &Row,
        on: Option<&Resource<'_>>,
        deny: &Deny,
    ) -> bool {
        let own = || Situation { external: false, ..self.situation.clone() };
        let otherwise = || self.verdict(policies, row, on, &own());
        self.reach == Reach::Unknown && !matches!(otherwise(), Verdict::Deny(other) if other.reasons == deny.reasons)
    }

    fn facts(&self) -> JudgedFacts {
        let Principal { membership, groups, unread, .. } = &self.principal;
        JudgedFacts {
            membership: *membership,
            groups: groups.iter().cloned().collect(),
            unread: unread.iter().cloned().collect(),
            readers: match self.reach {
                Reach::Own => PlaceReaders::Own,
                Reach::Shared => PlaceReaders::Shared,
                Reach::Unknown => PlaceReaders::Unknown,
            },
        }
    }

    /// One line of the log for a decision: who asked for what, on what, and what which policies say. What people and AWS
    /// have written is quoted, so that it cannot look like a line of its own.
    pub(super) fn record(&self, policies: &Policies, row: &Row, on: &str, decision: &Decision) {
        let Self { principal, situation, asked, .. } = self;
        let Some(Asked { request, line, .. }) = asked else { return };
        let approvals = decision.needed.max(situation.approvals);
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
            verdict = decision.ruling.as_str(),
            approvals,
            policies = ?decision.policies,
            policy_hash = policies.hash(),
            "decision"
        );
    }

    /// The same for a resource. A region is recorded only where it is more than where a target is.
    pub(super) fn record_on(&self, policies: &Policies, row: &Row, resource: &Resource<'_>, decision: &Decision) {
        match resource {
            Resource::Target(target) => self.record(policies, row, &target.key(), decision),
            Resource::Region { .. } if decision.ruling != Ruling::Permit => {
                self.record(policies, row, decision.on.as_deref().unwrap_or_default(), decision);
            }
            Resource::Region { .. } | Resource::Bot => {}
        }
    }
}

/// The action of a row.
pub(super) fn action(row: &Row) -> Action<'_> {
    Action { name: row.action, risk: row.risk }
}

/// By what a resource is known in a decision.
fn name(resource: &Resource<'_>) -> Option<String> {
    match resource {
        Resource::Target(target) => Some(target.label()),
        Resource::Region { account, region } => {
            let place = AccountRegion { account: account.cloned(), region: (*region).to_owned() };
            Some(place.to_string())
        }
        Resource::Bot => None,
    }
}
