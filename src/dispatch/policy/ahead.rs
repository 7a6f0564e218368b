//! The latest evaluations ahead of a resource. A partial evaluation costs as much as the rest of a request's way through
//! the dispatcher, and `help` asks for one per command. The key is all that an evaluation sees, its time included, so
//! what is found here is what would be found anew.

use super::{Action, Found, Situation};
use crate::domain::Principal;
use parking_lot::Mutex;
use std::collections::VecDeque;

/// Enough for the commands of a few people within the same second.
const MOST: usize = 32;

/// What was found lately, the newest first.
#[derive(Default)]
pub(super) struct Lately {
    found: Mutex<VecDeque<Entry>>,
}

struct Entry {
    situation: Situation,
    principal: Principal,
    action: String,
    found: Found,
}

impl Entry {
    fn is_for(&self, principal: &Principal, action: Action<'_>, situation: &Situation) -> bool {
        self.action == action.name && self.situation == *situation && self.principal == *principal
    }
}

impl Lately {
    /// What was found for the same question, or what `evaluate` finds now.
    pub(super) fn get(
        &self,
        principal: &Principal,
        action: Action<'_>,
        situation: &Situation,
        evaluate: impl FnOnce() -> Found,
    ) -> Found {
        if let Some(entry) = self.found.lock().iter().find(|entry| entry.is_for(principal, action, situation)) {
            return entry.found.clone();
        }
        let found = evaluate();
        let entry = Entry {
            situation: situation.clone(),
            principal: principal.clone(),
            action: action.name.to_owned(),
            found: found.clone(),
        };
        let mut kept = self.found.lock();
        kept.truncate(MOST - 1);
        kept.push_front(entry);
        found
    }
}
