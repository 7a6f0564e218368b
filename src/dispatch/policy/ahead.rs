//! The evaluations ahead of a resource. A partial evaluation costs as much as the rest of a request's way through the
//! dispatcher, and `help` asks for one per command. The key is all that an evaluation sees, its time included, so what is
//! found here is what would be found anew.

use super::evaluate::Found;
use super::{Action, Situation};
use crate::domain::{Membership, Principal, TeamId, UserId};
use parking_lot::Mutex;
use std::collections::HashMap;

/// Enough for the commands of a hundred people. Where there are more, the memory begins anew: that costs them one evaluation.
const MOST: usize = 2_048;

/// What an evaluation sees of a request, and nothing else.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Question {
    user: UserId,
    team: TeamId,
    membership: Membership,
    groups: Vec<String>,
    unread: Vec<String>,
    action: String,
    situation: Situation,
}

/// What was found.
#[derive(Default)]
pub(super) struct Memory {
    found: Mutex<HashMap<Question, Found>>,
}

impl Memory {
    /// What was found for the same question, or what `evaluate` finds now.
    pub(super) fn get(
        &self,
        principal: &Principal,
        action: Action<'_>,
        situation: &Situation,
        evaluate: impl FnOnce() -> Found,
    ) -> Found {
        let question = Question {
            user: principal.user.clone(),
            team: principal.team.clone(),
            membership: principal.membership,
            groups: principal.groups.iter().cloned().collect(),
            unread: principal.unread.iter().cloned().collect(),
            action: action.name.to_owned(),
            situation: situation.clone(),
        };
        if let Some(found) = self.found.lock().get(&question) {
            return found.clone();
        }
        let found = evaluate();
        let mut kept = self.found.lock();
        if kept.len() >= MOST {
            kept.clear();
        }
        kept.insert(question, found.clone());
        found
    }
}
