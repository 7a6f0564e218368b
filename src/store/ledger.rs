//! The rules of the ledger, written once: what may follow what, and what else follows from it. They read and write nothing. A
//! backend reads what a request has come to, asks here, and writes what it is told on the condition that nobody has written
//! since. So two backends differ in how they keep a request, and never in what they allow.
//!
//! The words of several people on one approval are counted elsewhere, for every backend too:
//! [`ApprovalRequest::take`](crate::domain::ApprovalRequest::take), by way of the notes.

mod letters;
#[cfg(test)]
mod tests;

pub(super) use letters::{Effect, LetterTerms, check_answer, check_progress, check_question, is_due, settle};

use super::{Final, State, StepState, StoreError, What};
use crate::domain::{Decision, Reply, RequestId};
use jiff::Timestamp;
use std::sync::Arc;

impl State {
    /// Whether a process has a request of this state in its hands, so that the request may be what the process dies of. One
    /// that waits for people is in no process's hands, nor is one that has its answer.
    pub(super) fn is_in_hands(self) -> bool {
        !self.is_final() && self != Self::AwaitingApproval
    }

    /// Whether a request of this state keeps others from the targets that it has locked. One that waits for people may wait
    /// for long, and is planned anew before it changes anything.
    pub(super) fn keeps_targets(self) -> bool {
        self.is_in_hands()
    }

    /// Whether a request of this state may still show its progress: that never follows the answer.
    pub(super) fn takes_progress(self) -> bool {
        !self.is_final()
    }
}

/// Goes from one state to another, if the drawing has an arrow between them.
pub(super) fn advance(id: RequestId, from: State, to: State) -> Result<State, StoreError> {
    match from.may_become(to) {
        true => Ok(to),
        false => Err(illegal(id, from, to)),
    }
}

/// Goes into the state in which calls are made, or stays in it: a plan may have many steps.
pub(super) fn begin_running(id: RequestId, from: State) -> Result<State, StoreError> {
    match from {
        State::Running => Ok(from),
        _ => advance(id, from, State::Running),
    }
}

/// Only of a running request may a step end.
pub(super) fn check_running(id: RequestId, from: State) -> Result<(), StoreError> {
    match from {
        State::Running => Ok(()),
        _ => Err(illegal(id, from, State::Running)),
    }
}

/// Whether a step may be started that has come this far: the provider has refused it, or nobody has asked for it yet.
pub(super) fn start_step(id: RequestId, index: u32, found: Option<StepState>) -> Result<StepState, StoreError> {
    match found {
        None | Some(StepState::Failed) => Ok(StepState::Started),
        Some(found) => Err(StoreError::Failed(format!("step {index} of request {id} is {} already", found.as_str()))),
    }
}

/// Whether the end of a step that has come this far is news. That it ended so may be said twice, and is written once.
pub(super) fn end_step(
    id: RequestId,
    index: u32,
    found: Option<StepState>,
    end: StepState,
) -> Result<bool, StoreError> {
    match found {
        Some(StepState::Started) if end != StepState::Started => Ok(true),
        Some(found) if found == end => Ok(false),
        found => {
            let found = found.map_or("not started", StepState::as_str);
            let end = end.as_str();
            Err(StoreError::Failed(format!("step {index} of request {id} is {found} and cannot become {end}")))
        }
    }
}

/// Whether a request gives back what it may have locked, on its way from one state to another.
pub(super) fn frees_targets(from: State, to: State) -> bool {
    // before its first plan it has none
    from != State::Accepted && !to.keeps_targets()
}

/// Whether there is anything left to do for a request: until then it is somebody's, and nothing of it may be forgotten.
pub(super) fn is_open(state: State, has_letter: bool) -> bool {
    !state.is_final() || has_letter
}

/// What is told when a request gets its final answer: that it was given up, where it was, and what it came to.
pub(super) fn told_of_end(end: Final, reply: &Reply, decision: Option<Arc<Decision>>) -> (Option<What>, What) {
    let given_up = match end {
        Final::Poison { deaths, .. } => Some(What::Poison { deaths }),
        _ => None,
    };
    (given_up, What::Finished { state: end.state(), reply: reply.for_the_record(), decision })
}

/// What a process takes over from one that is gone: a former life of its own, or another replica.
#[derive(Clone, Copy, Debug)]
pub(super) struct Inheritance {
    /// Whether the other one died, rather than saying goodbye.
    pub(super) died: bool,
    /// When it is taken over.
    pub(super) at: Timestamp,
}

impl Inheritance {
    /// Whether the other one's death counts as one of a request in this state.
    pub(super) fn counts_death(self, state: State) -> bool {
        self.died && state.is_in_hands()
    }

    /// On which terms a letter goes on waiting. The other one may have sent it, and died before it said so; and the other
    /// one's clock put it off, which may have been wrong: it is tried at once.
    pub(super) fn letter(self, terms: LetterTerms) -> LetterTerms {
        LetterTerms { not_before: terms.not_before.min(self.at), unsure: terms.unsure || self.died }
    }
}

fn illegal(id: RequestId, from: State, to: State) -> StoreError {
    StoreError::Transition { id, from: from.as_str(), to: to.as_str() }
}
