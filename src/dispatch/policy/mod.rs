//! Who may do what: Cedar policies, deny by default.
//!
//! A request is judged on the *resolved* command: the person with groups and membership, the action with its class as
//! parent, the resource with its AWS tags, and the situation. Policies and schema are texts from the configuration
//! (or the built-in ones); [`Policies::load`] refuses to start with a policy that the schema does not bear out.
//!
//! Three decisions that are stricter than Cedar's own: a `forbid` that cannot be evaluated forbids (Cedar would skip
//! it), a `forbid` that names an account forbids where the account is not known yet, and a request whose entities cannot be
//! built is denied.

mod accounts;
mod ahead;
mod compared;
mod context_use;
mod ends;
mod entities;
mod evaluate;
mod literals;
mod load;
mod question;
mod refusal;
#[cfg(test)]
mod tests;

pub use load::{PolicyError, Source};
pub use question::{Action, Deny, MOST_APPROVALS, Reason, Resource, Situation, Verdict};
pub use refusal::{refusal, refusal_saying, shut_out};

use crate::domain::{Membership, Principal, Risk, TeamId, UserId};
use accounts::AccountsNamed;
use cedar_policy::{ActionConstraint, Authorizer, EntityTypeName, EntityUid, PolicyId, PolicySet};
use context_use::ContextUse;
use entities::Known;
use evaluate::Found;
use question::approved;
use std::collections::{BTreeMap, BTreeSet};

/// The loaded, validated policies.
pub struct Policies {
    set: PolicySet,
    authorizer: Authorizer,
    known: Known,
    /// The resource types of each action, from the schema.
    resources: BTreeMap<String, Vec<EntityTypeName>>,
    /// The groups of the configuration, each with a person who is in that group alone.
    probes: BTreeMap<String, Principal>,
    /// Groups that policies name and the configuration does not have.
    left_open: Vec<(String, String)>,
    unknown_groups: BTreeSet<String>,
    /// Groups that a `forbid` names.
    forbidding_groups: BTreeSet<String>,
    /// Accounts that a `forbid` names.
    forbidding_accounts: AccountsNamed,
    hash: String,
    /// What they look at of a situation.
    context_use: ContextUse,
    /// The actions of which they want to know who reads where it is asked.
    place_readers: Vec<ActionConstraint>,
    /// What was found ahead of a resource.
    memory: ahead::Memory,
}

impl std::fmt::Debug for Policies {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Policies").field("count", &self.count()).field("hash", &self.hash).finish_non_exhaustive()
    }
}

impl Policies {
    /// Parses the policies and the schema, validates the one against the other, and checks that the schema lists
    /// exactly `actions` (`("ec2:stop", Risk::Change)`, in any order), each in its class. `groups` are the groups of
    /// the configuration: those that refusals may name.
    ///
    /// # Errors
    /// Every mistake, each as one line with file, line and reason.
    pub fn load(
        policies: &Source,
        schema: &Source,
        actions: &[(&str, Risk)],
        groups: &BTreeSet<String>,
    ) -> Result<Self, PolicyError> {
        let loaded = load::load(policies, schema, actions)?;
        let known = Known::new(actions).map_err(PolicyError::one)?;
        known
            .conforms(&loaded.schema, &loaded.resources)
            .map_err(|error| PolicyError::one(format!("{}: {error}", schema.name())))?;
        literals::check(policies, &loaded.set, groups)?;
        let left_open = ends::left_open(&loaded.set, actions);
        let unknown_groups = literals::groups_named(&loaded.set).into_iter().filter(|name| !groups.contains(name));
        Ok(Self {
            left_open,
            unknown_groups: unknown_groups.collect(),
            forbidding_groups: literals::groups_forbidding(&loaded.set),
            forbidding_accounts: AccountsNamed::forbidding(&loaded.set),
            context_use: ContextUse::of(&loaded.set),
            place_readers: ContextUse::place_readers(&loaded.set),
            set: loaded.set,
            authorizer: Authorizer::new(),
            known,
            resources: loaded.resources,
            probes: groups.iter().map(|group| (group.clone(), probe(group))).collect(),
            hash: loaded.hash,
            memory: ahead::Memory::default(),
        })
    }

    /// The first 12 hex digits of the SHA-256 of the policies' text: what `sha256sum config/policies.cedar` begins
    /// with.
    pub fn hash(&self) -> &str {
        &self.hash
    }

    /// Whether who reads where it is asked can matter to what they say of an action.
    pub fn look_at_place(&self, action: Action<'_>) -> bool {
        let classes = Risk::ALL.map(Risk::as_str);
        let may_be = |uid: &EntityUid| {
            let name: &str = uid.id().unescaped();
            // a group of actions that a schema of one's own makes may have it as a member
            let is_another = classes.contains(&name) || self.resources.contains_key(name);
            name == action.name || name == action.risk.as_str() || !is_another
        };
        self.place_readers.iter().any(|constraint| match constraint {
            ActionConstraint::Any => true,
            ActionConstraint::Eq(uid) => may_be(uid),
            ActionConstraint::In(uids) => uids.iter().any(may_be),
        })
    }

    /// How many policies there are.
    pub fn count(&self) -> usize {
        self.set.num_of_policies()
    }

    /// What they leave open for what cannot be undone: what is so, and what to write. For a warning at start.
    pub fn left_open(&self) -> &[(String, String)] {
        &self.left_open
    }

    /// The groups that policies name and the configuration does not have: a typing mistake, or a group that nobody is
    /// in. For a warning at start.
    pub fn unknown_groups(&self) -> &BTreeSet<String> {
        &self.unknown_groups
    }

    /// Judges one action on one resource.
    pub fn judge(
        &self,
        principal: &Principal,
        action: Action<'_>,
        resource: &Resource<'_>,
        situation: &Situation,
    ) -> Verdict {
        let found = self.evaluate(principal, action, resource, situation);
        if found.permitted {
            return Verdict::Permit { policies: found.policies };
        }
        let approved = self.evaluate(principal, action, resource, &approved(action, situation));
        if approved.permitted {
            let approvals = self.approvals_for(principal, action, resource, situation);
            return Verdict::Needs { approvals, reasons: self.reasons(found.policies), permits: approved.policies };
        }
        let target = match resource {
            Resource::Target(target) => Some(target.label()),
            Resource::Bot | Resource::Region { .. } => None,
        };
        Verdict::Deny(Deny {
            risk: action.risk,
            target,
            // not those that others could lift: the asker is not to be sent to them
            reasons: self.reasons(approved.policies),
            who_could: self.who_could(action, resource, situation),
            unread: approved.unread,
            is_account_doubted: approved.is_account_doubted,
        })
    }

    /// Judges a region before anything in it is asked, and again before anything in it is changed. What may be done there
    /// is said of each target, so here a `forbid` alone counts: a person who may change what is tagged so has no permit for all
    /// of the region, and needs none.
    pub fn judge_region(
        &self,
        principal: &Principal,
        action: Action<'_>,
        resource: &Resource<'_>,
        situation: &Situation,
    ) -> Verdict {
        let Resource::Region { region, .. } = resource else {
            return self.judge(principal, action, resource, situation);
        };
        let types = self.resources.get(action.name).map(Vec::as_slice).unwrap_or_default();
        if !types.iter().any(|kind| self.known.is_region(kind)) {
            return Verdict::Permit { policies: Vec::new() };
        }
        let forbids = |who: &Principal, approvals: u32| {
            let found = self.evaluate(who, action, resource, &Situation { approvals, ..situation.clone() });
            if found.permitted { Found::default() } else { found }
        };
        let is_free = |who: &Principal, approvals: u32| forbids(who, approvals).policies.is_empty();
        let now = forbids(principal, situation.approvals);
        if now.policies.is_empty() {
            return Verdict::Permit { policies: now.policies };
        }
        let most = approved(action, situation).approvals;
        if let Some(approvals) = (situation.approvals + 1..=most).find(|given| is_free(principal, *given)) {
            return Verdict::Needs { approvals, reasons: self.reasons(now.policies), permits: Vec::new() };
        }
        let could = |who: &Principal| is_free(who, most) && self.could(who, action, situation);
        let found = forbids(principal, most);
        Verdict::Deny(Deny {
            risk: action.risk,
            target: Some((*region).to_owned()),
            reasons: self.reasons(found.policies),
            unread: found.unread,
            is_account_doubted: found.is_account_doubted,
            who_could: self.probes.iter().filter(|(_, who)| could(who)).map(|(group, _)| group.clone()).collect(),
        })
    }

    /// With how many approvals a change is permitted that is permitted with the most.
    fn approvals_for(
        &self,
        principal: &Principal,
        action: Action<'_>,
        resource: &Resource<'_>,
        situation: &Situation,
    ) -> u32 {
        let with = |approvals: u32| {
            let situation = Situation { approvals, ..situation.clone() };
            self.evaluate(principal, action, resource, &situation).permitted
        };
        (situation.approvals + 1..MOST_APPROVALS).find(|approvals| with(*approvals)).unwrap_or(MOST_APPROVALS)
    }

    /// [`Policies::judge`] without its reasons, and as if others had approved: for the rows of a list, of which many may be left out.
    pub fn permits(
        &self,
        principal: &Principal,
        action: Action<'_>,
        resource: &Resource<'_>,
        situation: &Situation,
    ) -> bool {
        self.evaluate(principal, action, resource, &approved(action, situation)).permitted
    }

    /// Judges an action before its resource is known: `Deny` only if it is denied whatever the resource. It is asked
    /// before anything is read.
    pub fn judge_ahead(&self, principal: &Principal, action: Action<'_>, situation: &Situation) -> Verdict {
        let found = self.evaluate_ahead(principal, action, situation);
        if found.permitted {
            return Verdict::Permit { policies: found.policies };
        }
        let who_could = self.probes.iter().filter(|(_, probe)| self.could(probe, action, situation));
        Verdict::Deny(Deny {
            risk: action.risk,
            target: None,
            reasons: self.reasons(found.policies),
            unread: found.unread,
            is_account_doubted: found.is_account_doubted,
            who_could: who_could.map(|(group, _)| group.clone()).collect(),
        })
    }

    /// Whether the person could do this to anything at all: what help shows. `false` only if it is denied whatever
    /// the resource.
    pub fn could(&self, principal: &Principal, action: Action<'_>, situation: &Situation) -> bool {
        self.evaluate_ahead(principal, action, situation).permitted
    }

    /// Whether the person could do this to anything at all, wherever and whenever it is asked.
    pub fn could_ever(&self, principal: &Principal, action: Action<'_>) -> bool {
        self.evaluate_anywhere(principal, action)
    }

    /// The groups of the configuration whose full member, in no other group, would be permitted this, if need be with
    /// the approval of others.
    pub fn who_could(&self, action: Action<'_>, resource: &Resource<'_>, situation: &Situation) -> Vec<String> {
        let situation = approved(action, situation);
        self.probes
            .iter()
            .filter(|(_, probe)| self.evaluate(probe, action, resource, &situation).permitted)
            .map(|(group, _)| group.clone())
            .collect()
    }

    fn reasons(&self, policies: Vec<String>) -> Vec<Reason> {
        let text = |id: &str| {
            let id = PolicyId::new(id);
            self.set.annotation(&id, "reason").unwrap_or("the policies of this bot could not be evaluated").to_owned()
        };
        policies.into_iter().map(|policy| Reason { text: text(&policy), policy }).collect()
    }
}

/// A full member who is in one group alone.
fn probe(group: &str) -> Principal {
    Principal {
        user: UserId::from("U0"),
        team: TeamId::from("T0"),
        name: String::new(),
        membership: Membership::Member,
        groups: BTreeSet::from([group.to_owned()]),
        unread: BTreeSet::new(),
    }
}
