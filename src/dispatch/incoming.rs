//! What comes to the dispatcher, and how.

use crate::domain::{Plan, Request};
use crate::store::State;
use actix::Message;

/// How a request comes to the dispatcher.
#[derive(Clone, Debug)]
pub enum How {
    /// From Slack, just now.
    Fresh,
    /// From Slack, but so slowly journalled that Slack has told the person that it failed.
    Late,
    /// From Slack, out of a thread that asks more than people do: it is told so, once.
    Crowded,
    /// From Slack, the bot's own word to a person who pressed a button that the bot did not make, or not for that place.
    Forged {
        /// What the button says, of which nothing is run.
        line: String,
    },
    /// From the journal, where it stood like this when no task worked on it.
    TakenUp {
        /// Its state.
        state: State,
        /// Its plan.
        plan: Option<Plan>,
        /// How many lives of processes have ended with it in hand.
        deaths: u32,
    },
}

impl How {
    /// Whether calls may have been made already.
    pub(super) fn is_begun(&self) -> bool {
        matches!(self, Self::TakenUp { state: State::Running, .. })
    }
}

/// A journalled request to be worked on.
#[derive(Message, Debug)]
#[rtype(result = "()")]
pub struct Incoming {
    /// The request.
    pub request: Request,
    /// How it comes.
    pub how: How,
}
