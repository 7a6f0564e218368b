//! The evaluation of one question: with the resource known, and ahead of it.

use super::question::approved;
use super::{Action, Policies, Resource, Situation};
use crate::domain::Principal;
use cedar_policy::{AuthorizationError, Decision, Effect, EntityTypeName, PolicyId, Request};

/// So many groups may be unread of those that policies forbid something to: each doubles the evaluations of a request.
const MOST_DOUBTS: usize = 5;

impl Policies {
    pub(super) fn evaluate(
        &self,
        principal: &Principal,
        action: Action<'_>,
        resource: &Resource<'_>,
        situation: &Situation,
    ) -> Found {
        let found = self.in_doubt(principal, |who| self.evaluate_as(who, action, resource, situation));
        match resource {
            Resource::Region { account: None, region } => self.in_each_account(region, found, |resource| {
                self.in_doubt(principal, |who| self.evaluate_as(who, action, resource, situation))
            }),
            _ => found,
        }
    }

    /// Where it is not known in which account a region is, what a `forbid` says of any account that it names counts: `found`
    /// is what they say of none of those. What a `permit` says of an account does not.
    fn in_each_account(&self, region: &str, found: Found, evaluate: impl Fn(&Resource<'_>) -> Found) -> Found {
        let named = &self.forbidding_accounts;
        let places = named.accounts.iter().map(|account| Resource::Region { account: Some(account), region });
        let mut in_each = places.map(|place| evaluate(&place));
        if found.forbids() {
            let is_free_in_one = in_each.any(|found| !found.forbids());
            return Found { is_account_doubted: is_free_in_one, ..found };
        }
        if !named.unclear.is_empty() {
            let policies = named.unclear.iter().cloned().collect();
            return Found { permitted: false, policies, is_account_doubted: true, unread: Vec::new() };
        }
        let forbidden = in_each.find(Found::forbids);
        forbidden.map_or(found, |found| Found { is_account_doubted: true, ..found })
    }

    /// Where it is not known whether the person is in a group, what a `forbid` says of its members counts, and so does what
    /// it says of everybody else. What a `permit` says of its members does not.
    fn in_doubt(&self, principal: &Principal, evaluate: impl Fn(&Principal) -> Found) -> Found {
        let found = evaluate(principal);
        let doubts: Vec<&String> = principal.unread.intersection(&self.forbidding_groups).collect();
        if doubts.is_empty() || found.forbids() {
            return found;
        }
        if doubts.len() > MOST_DOUBTS {
            return Found::unjudged(
                "slack does not let so many of the groups be read that policies forbid something to",
            );
        }
        for some in 1..1_u32 << doubts.len() {
            let of_these = doubts.iter().enumerate().filter(|(bit, _)| some & (1 << bit) != 0);
            let unread: Vec<String> = of_these.map(|(_, group)| (*group).clone()).collect();
            let groups = principal.groups.iter().chain(&unread).cloned().collect();
            let found = evaluate(&Principal { groups, ..principal.clone() });
            if found.forbids() {
                return Found { unread, ..found };
            }
        }
        found
    }

    fn evaluate_as(
        &self,
        principal: &Principal,
        action: Action<'_>,
        resource: &Resource<'_>,
        situation: &Situation,
    ) -> Found {
        let asked = || -> Result<_, String> {
            let context = self.known.context(situation)?;
            let (user, resource) = (self.known.user(principal)?, self.known.resource(resource)?);
            let action = self.known.action(action.name)?;
            let request = Request::new(user.uid(), action.uid.clone(), resource.uid(), context, None)
                .map_err(|error| error.to_string())?;
            Ok((request, action.with(user, Some(resource))?))
        };
        let (request, entities) = match asked() {
            Ok(asked) => asked,
            Err(error) => return Found::unjudged(&error),
        };
        let response = self.authorizer.is_authorized(&request, &self.set, &entities);
        let policies = response.diagnostics().reason().map(ToString::to_string).collect();
        let errors = response.diagnostics().errors().map(|error| match error {
            AuthorizationError::PolicyEvaluationError(error) => error.policy_id(),
        });
        self.settle(response.decision(), policies, errors)
    }

    pub(super) fn evaluate_ahead(&self, principal: &Principal, action: Action<'_>, situation: &Situation) -> Found {
        let situation = &self.context_use.seen(&approved(action, situation));
        self.memory.get(principal, action, situation, || self.evaluate_types(principal, action, situation))
    }

    fn evaluate_types(&self, principal: &Principal, action: Action<'_>, situation: &Situation) -> Found {
        let types = self.resources.get(action.name).map(Vec::as_slice).unwrap_or_default();
        let mut denied: Option<Found> = None;
        for resource in types {
            // there is one bot, so nothing of it is unknown
            let found = match self.known.is_bot(resource) {
                true => self.evaluate(principal, action, &Resource::Bot, situation),
                false => self.in_doubt(principal, |who| self.evaluate_type(who, action, resource, Some(situation))),
            };
            if found.permitted {
                return found;
            }
            denied.get_or_insert(found);
        }
        denied.unwrap_or_else(|| Found::unjudged("the action has no resource type"))
    }

    /// Whether it depends at least: on what it is done to, or on where, how and when it is asked.
    pub(super) fn evaluate_anywhere(&self, principal: &Principal, action: Action<'_>) -> bool {
        let types = self.resources.get(action.name).map(Vec::as_slice).unwrap_or_default();
        types.iter().any(|resource| self.evaluate_type(principal, action, resource, None).permitted)
    }

    /// Partial evaluation with a resource of which only the type is known, and perhaps with an unknown situation. No
    /// decision means: it depends.
    fn evaluate_type(
        &self,
        principal: &Principal,
        action: Action<'_>,
        resource: &EntityTypeName,
        situation: Option<&Situation>,
    ) -> Found {
        let asked = || -> Result<_, String> {
            let (user, action) = (self.known.user(principal)?, self.known.action(action.name)?);
            let request = Request::builder()
                .principal(user.uid())
                .action(action.uid.clone())
                .unknown_resource_with_type(resource.clone());
            let request = match situation {
                Some(situation) => request.context(self.known.context(situation)?),
                None => request,
            };
            Ok((request.build(), action.with(user, None)?))
        };
        let (request, entities) = match asked() {
            Ok(asked) => asked,
            Err(error) => return Found::unjudged(&error),
        };
        let response = self.authorizer.is_authorized_partial(&request, &self.set, &entities);
        let decision = response.decision().unwrap_or(Decision::Allow);
        let wanted = if decision == Decision::Allow { Effect::Permit } else { Effect::Forbid };
        let satisfied = response.definitely_satisfied().filter(|policy| policy.effect() == wanted);
        let policies = satisfied.map(|policy| policy.id().to_string()).collect();
        self.settle(decision, policies, response.definitely_errored())
    }

    /// A `forbid` that could not be evaluated counts as one that applies.
    fn settle<'e>(
        &self,
        decision: Decision,
        mut policies: Vec<String>,
        errors: impl Iterator<Item = &'e PolicyId>,
    ) -> Found {
        let broken: Vec<String> = errors
            .filter(|id| self.set.policy(id).is_none_or(|policy| policy.effect() == Effect::Forbid))
            .map(ToString::to_string)
            .collect();
        if !broken.is_empty() {
            tracing::error!(policies = ?broken, "forbidding policies could not be evaluated and count as applying");
            if decision == Decision::Allow {
                policies.clear();
            }
            policies.extend(broken);
            policies.sort();
            return Found { policies, ..Found::default() };
        }
        policies.sort();
        Found { permitted: decision == Decision::Allow, policies, ..Found::default() }
    }
}

/// The result of one evaluation: the policies that permit, or those that forbid.
#[derive(Clone, Default)]
pub(super) struct Found {
    pub permitted: bool,
    pub policies: Vec<String>,
    /// The groups that Slack does not let us read, for whose members it would be so.
    pub unread: Vec<String>,
    /// Whether it would be so in an account that may be the one that is meant, which is not known.
    pub is_account_doubted: bool,
}

impl Found {
    /// Whether a `forbid` says so, and not only the lack of a `permit`.
    pub fn forbids(&self) -> bool {
        !self.permitted && !self.policies.is_empty()
    }

    /// What cannot be judged is denied.
    pub fn unjudged(error: &str) -> Self {
        tracing::error!(error, "a request could not be judged and is denied");
        Self { policies: vec!["not-judged".to_owned()], ..Self::default() }
    }
}
