//! What actix gives of an actor: its `ContextFut`, with every call into it caught.

use std::{
    future::Future,
    pin::Pin,
    task::{Context as TaskContext, Poll},
};

use actix::{Actor, ActorContext, Context, Supervised, dev::ContextFut};

use super::{Child, Panicked, panics, seed::Factory};

/// An actor, before, in and after all its lives. The mailbox is in it, and is closed when it goes.
pub(super) enum Body<A: Actor<Context = Context<A>>> {
    /// Its factory has not succeeded yet.
    Unborn(Context<A>, Factory<A>),
    /// It exists.
    Born(ContextFut<A, Context<A>>),
    /// It was thrown away.
    Gone,
}

impl<A: Actor<Context = Context<A>>> Body<A> {
    /// Makes the actor if it never was.
    pub(super) fn make(&mut self, child: &Child) -> Result<(), Panicked> {
        let Body::Unborn(_, factory) = self else { return Ok(()) };
        let actor = panics::catch(|| factory(child))?;
        if let Body::Unborn(context, _) = std::mem::replace(self, Body::Gone) {
            *self = Body::Born(context.into_future(actor));
        }
        Ok(())
    }

    /// Replaces the actor and drops all that its last life had spawned. Both run code of the actor, which may panic.
    pub(super) fn rebuild(&mut self) -> Result<(), Panicked>
    where
        A: Supervised,
    {
        match self {
            Body::Born(body) => panics::catch(|| body.restart()).map(|_connected| ()),
            Body::Unborn(..) | Body::Gone => Ok(()),
        }
    }

    /// Ready when the actor has stopped.
    pub(super) fn poll(&mut self, cx: &mut TaskContext<'_>) -> Result<Poll<()>, Panicked> {
        match self {
            Body::Born(body) => panics::catch(|| Pin::new(body).poll(cx)),
            Body::Unborn(..) | Body::Gone => Ok(Poll::Ready(())),
        }
    }

    /// Asks the actor to stop; the next poll runs its `stopping` and `stopped`.
    pub(super) fn ask_to_stop(&mut self) {
        if let Body::Born(body) = self {
            body.ctx().stop();
        }
    }

    /// Throws the actor away without running its callbacks; its own drop, and that of queued messages, may panic.
    pub(super) fn discard(&mut self) -> Result<(), Panicked> {
        let mut body = std::mem::replace(self, Body::Gone);
        if let Body::Born(body) = &mut body {
            body.ctx().terminate();
        }
        panics::catch(|| drop(body))
    }
}
