//! The policies as the other rooms ask them: about a person, here and now.

use super::policy::{Action, Policies, Resource, Situation, Verdict, refusal};
use crate::commands::Row;
use crate::domain::{ChannelId, Plan, Principal, Refusal, Request, Source, Target, UserId};
use crate::execution::Judge;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Who is in which group, as far as is known: whom a refusal may name.
pub(super) type Members = Arc<BTreeMap<String, Vec<UserId>>>;

/// Everything that is the same for all questions of one request.
#[derive(Clone)]
pub(super) struct Permits {
    policies: Arc<Policies>,
    asking: Arc<Asking>,
}

struct Asking {
    principal: Principal,
    situation: Situation,
    members: Members,
}

impl Permits {
    pub(super) fn new(
        policies: Arc<Policies>,
        principal: Principal,
        members: Members,
        request: &Request,
        time: jiff::Timestamp,
    ) -> Self {
        let direct = request.source == Source::DirectMessage || request.channel.as_str().starts_with('D');
        let situation = Situation {
            channel: request.channel.clone(),
            direct_message: direct || request.channel.is_person(),
            source: request.source,
            time: whole_second(time),
        };
        Self { policies, asking: Arc::new(Asking { principal, situation, members }) }
    }

    /// As a button on this person's Home would be judged.
    pub(super) fn at_home(
        policies: Arc<Policies>,
        principal: Principal,
        members: Members,
        time: jiff::Timestamp,
    ) -> Self {
        let channel = ChannelId::from(principal.user.as_str());
        let time = whole_second(time);
        let situation = Situation { channel, direct_message: true, source: Source::Button, time };
        Self { policies, asking: Arc::new(Asking { principal, situation, members }) }
    }

    /// The refusal of a row that this person cannot run on anything; asked before anything is read.
    pub(super) fn ahead(&self, row: &'static Row) -> Result<(), Refusal> {
        let verdict = self.policies.judge_ahead(&self.asking.principal, action(row), &self.asking.situation);
        self.refused(row, verdict)
    }

    /// Whether the person could run a row on anything at all: what help shows.
    pub(super) fn may(&self) -> Arc<dyn Fn(&Row) -> bool + Send + Sync> {
        let permits = self.clone();
        Arc::new(move |row| permits.policies.could(&permits.asking.principal, action(row), &permits.asking.situation))
    }

    /// Whether the row may show this resource.
    pub(super) fn sees(&self, row: &'static Row) -> Arc<dyn Fn(&Target) -> bool + Send + Sync> {
        let permits = self.clone();
        Arc::new(move |target| {
            let Asking { principal, situation, .. } = &*permits.asking;
            permits.policies.permits(principal, action(row), &Resource::Target(target), situation)
        })
    }

    /// Refuses a plan of which any target may not be changed.
    pub(super) fn judge(&self, row: &'static Row) -> Judge {
        let permits = self.clone();
        Arc::new(move |plan: &Plan| {
            plan.targets.iter().try_for_each(|target| permits.refused(row, permits.verdict(row, target)))
        })
    }

    fn verdict(&self, row: &Row, target: &Target) -> Verdict {
        let Asking { principal, situation, .. } = &*self.asking;
        self.policies.judge(principal, action(row), &Resource::Target(target), situation)
    }

    fn refused(&self, row: &'static Row, verdict: Verdict) -> Result<(), Refusal> {
        let Verdict::Deny(deny) = verdict else { return Ok(()) };
        let members = deny.who_could.iter().filter_map(|group| self.asking.members.get(group)).flatten();
        let contacts: Vec<UserId> = members.filter(|user| **user != self.asking.principal.user).cloned().collect();
        Err(refusal(&deny, row.name, &self.asking.principal, &contacts))
    }
}

/// As fine as policies see it: all that is asked within one second is the same situation.
fn whole_second(time: jiff::Timestamp) -> jiff::Timestamp {
    jiff::Timestamp::from_second(time.as_second()).unwrap_or(time)
}

fn action(row: &Row) -> Action<'_> {
    Action { name: row.action, risk: row.risk }
}
