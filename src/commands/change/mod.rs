//! The change kernel: how a planned change is made, watched and told, the same for every service. A service says what is its
//! own, by a [`RunningChange`]: its calls, how it looks, what a look means, and the sentences. What holds for all stands here:
//! each call waits for its turn, is journalled and is then made, once; after a call that was refused or lost no other is made;
//! then AWS is asked, again and again, until everything has come to rest somewhere, or the patience ends.

mod patience;
mod run;

pub(super) use patience::{LOOKS_AFTER_LOSS, Patience};
pub(super) use run::{execute, verify};

use super::{Context, Found, StepError};
use crate::domain::{CommandError, Reply, Step};
use async_trait::async_trait;
use std::time::Duration;

/// The sentence of every plan that comes to nothing.
pub(super) const NOTHING_CHANGED: &str = "Nothing was changed.";

/// The longest idempotency token, or note of a request, that AWS takes everywhere.
const LONGEST_TOKEN: usize = 64;

/// The token of a step: the same in every attempt.
pub(super) fn token(request: crate::domain::RequestId, index: u32) -> String {
    format!("cmd-{request}-{index}").chars().take(LONGEST_TOKEN).collect()
}

/// What became of the call of a step.
#[derive(Debug)]
pub(super) enum CallOutcome {
    /// AWS accepted it.
    Accepted,
    /// Its answer was lost: it may have been made.
    Lost,
    /// AWS refused it: nothing was changed by it.
    Refused(CommandError),
    /// It was not made, because the one before did not go well.
    NotTried,
}

/// Where a change is, for the message that shows it.
#[derive(Clone, Copy, Debug)]
pub(super) enum Stage<'a> {
    /// The call of this step is about to be made.
    Calling(&'a Step),
    /// The calls are made, and AWS is asked what has come of them.
    Watching,
}

/// A change that is being made: what a service gives to the kernel.
#[async_trait]
pub(super) trait RunningChange: Send {
    /// Finds what the call of a step needs, and waits for its turn: between the journal's word that a call begins and the call
    /// itself there is to be no time. An error is taken as a refusal of the call.
    async fn prepare(&mut self, step: &Step, cx: &Context) -> Result<(), CommandError>;

    /// Makes the call of a step, once.
    async fn call(&mut self, step: &Step, cx: &Context) -> Result<(), StepError>;

    /// Takes what became of the call of a step. What it returns is the end of the change, in place of watching.
    fn take(&mut self, step: &Step, outcome: CallOutcome, cx: &Context) -> Option<Result<Found, CommandError>>;

    /// What a person reads meanwhile.
    fn progress(&self, stage: Stage<'_>, elapsed: Duration) -> Reply;

    /// Looks once at what has not come to rest. `arrived`: no call can be on its way any more.
    async fn look(&mut self, arrived: bool, cx: &Context);

    /// Whether everything has come to rest.
    fn is_at_rest(&self) -> bool;

    /// Whether a call whose answer was lost keeps it from rest: then it is looked at as soon as that call has arrived.
    fn awaits_arrival(&self) -> bool;

    /// What it came to.
    async fn report(&mut self, took: Duration, cx: &Context) -> Found;
}

#[cfg(test)]
mod tests;
