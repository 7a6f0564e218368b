//! How others speak with a child.

use std::{sync::Arc, time::Duration};

use actix::{
    Actor, Context, Handler, Message,
    dev::{SendError, channel::AddressSender},
};
use tokio::{
    sync::watch,
    time::{Instant, timeout},
};

use super::{ChildStatus, Phase, slot::Slot};

/// Why a call was not answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// It is being restarted and will not be back within the deadline. The message was not handed over.
    #[error("the actor is being restarted, back in {retry_in:?}")]
    Restarting {
        /// When the next life begins.
        retry_in: Duration,
    },
    /// It is gone for good. The message was not handed over.
    #[error("the actor is down")]
    Down,
    /// The message was handed over and will not be answered: the life that took it failed, or the actor went down
    /// with the message still queued. It may or may not have had an effect.
    #[error("the actor crashed before it answered")]
    Crashed,
    /// There was no answer in time. It may still have an effect if the actor had begun with it; if not, it is skipped.
    #[error("the actor did not answer in time")]
    Timeout,
    /// Too much is in flight already. The message was not handed over.
    #[error("the actor is overloaded")]
    Overloaded,
}

/// Why a message was not handed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TellError {
    /// It is gone for good.
    #[error("the actor is down")]
    Down,
    /// Too much is queued already.
    #[error("the actor is overloaded")]
    Overloaded,
}

/// An address that holds through all lives of a child, together with its status. Works from any thread that has a
/// tokio runtime; cheap to clone.
pub struct Handle<A: Actor> {
    /// One sender for all clones: actix bounds the queue per sender, so only a shared one is truly bounded.
    mailbox: Arc<AddressSender<A>>,
    slot: Arc<Slot>,
}

impl<A: Actor> Clone for Handle<A> {
    fn clone(&self) -> Self {
        Handle { mailbox: Arc::clone(&self.mailbox), slot: Arc::clone(&self.slot) }
    }
}

impl<A: Actor<Context = Context<A>>> Handle<A> {
    pub(super) fn new(mailbox: AddressSender<A>, slot: Arc<Slot>) -> Self {
        Handle { mailbox: Arc::new(mailbox), slot }
    }

    /// Sends `message` when first polled, and waits for the answer until `deadline` has passed. A child that will be
    /// back from its back-off within the deadline is waited for.
    pub async fn call<M>(&self, message: M, deadline: Duration) -> Result<M::Result, CallError>
    where
        A: Handler<M>,
        M: Message + Send + 'static,
        M::Result: Send,
    {
        let _permit = self.slot.permits.try_acquire().map_err(|_| CallError::Overloaded)?;
        if let Some(retry_in) = self.back_in()
            && retry_in > deadline
        {
            return Err(CallError::Restarting { retry_in });
        }
        let answer = match self.mailbox.send(message) {
            Ok(answer) => answer,
            Err(SendError::Full(_)) => return Err(CallError::Overloaded),
            Err(SendError::Closed(_)) => return Err(CallError::Down),
        };
        match timeout(deadline, answer).await {
            Ok(Ok(answer)) => {
                self.slot.progress.record();
                Ok(answer)
            }
            Ok(Err(_)) => Err(CallError::Crashed),
            Err(_) => Err(CallError::Timeout),
        }
    }

    /// Puts `message` into the mailbox. It is handled in this life or a later one, however late, unless its own
    /// handling panics or the child goes down for good.
    pub fn tell<M>(&self, message: M) -> Result<(), TellError>
    where
        A: Handler<M>,
        M: Message + Send + 'static,
        M::Result: Send,
    {
        self.mailbox.try_send(message, true).map_err(|refused| match refused {
            SendError::Full(_) => TellError::Overloaded,
            SendError::Closed(_) => TellError::Down,
        })
    }

    fn back_in(&self) -> Option<Duration> {
        match self.slot.status.borrow().phase {
            Phase::BackOff { until } => Some(until.saturating_duration_since(Instant::now())),
            _ => None,
        }
    }
}

impl<A: Actor> Handle<A> {
    /// The name in the tree.
    pub fn name(&self) -> &str {
        self.slot.name()
    }

    /// How the child is now.
    pub fn status(&self) -> ChildStatus {
        self.slot.status()
    }

    /// Every change of the child's status.
    pub fn watch(&self) -> watch::Receiver<ChildStatus> {
        self.slot.status.subscribe()
    }

    /// Waits until the child's status satisfies `wanted`, and returns it.
    pub async fn wait_for(&self, wanted: impl FnMut(&ChildStatus) -> bool) -> ChildStatus {
        self.slot.wait_for(wanted).await
    }
}

impl<A: Actor> std::fmt::Debug for Handle<A> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Handle").field("child", &self.slot.name()).finish_non_exhaustive()
    }
}
