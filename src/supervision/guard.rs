//! The future in which an actor lives.
//!
//! It owns actix's public `ContextFut`, polls it inside `catch_unwind`, and after a failure calls `ContextFut::restart`
//! (public for supervisors like this one), which keeps the mailbox. In each poll: orders, then the actor, then the
//! timers that judge it.
//!
//! ```text
//!             ┌───────────── resume ────────────── Held ◄── hold ──┐
//!             ▼                                                    │
//!   Due ─► Living ── failure, restart allowed ─► BackOff ─► Living ┤
//!             │                                     │              │
//!             └── stop, or no restart ──────────────┴──────────────┴──► Done
//! ```
//!
//! The rebuild happens when a life ends, not when the next begins: sockets and timers of the failed life close at once.
//! A `ContextFut` that is dropped runs the actor's callbacks, so it is terminated first wherever it is thrown away.

use std::{
    future::Future,
    pin::Pin,
    task::{Context as TaskContext, Poll},
};

use actix::{Actor, Context, Handler, Supervised};
use tracing::Span;

use super::{
    Heartbeat,
    life::{Life, Turn},
    seed::Seed,
};

/// So many changes of life in one poll; then others on the thread have their turn.
const CHANGES_PER_POLL: usize = 8;

/// The guard of one child. See the module's description.
pub(super) struct Guard<A: Actor<Context = Context<A>>> {
    span: Span,
    span_of: u64,
    life: Life<A>,
}

impl<A> Guard<A>
where
    A: Actor<Context = Context<A>> + Supervised + Handler<Heartbeat>,
{
    pub(super) fn new(seed: Seed<A>) -> Self {
        seed.slot.pulse.settle();
        Guard {
            span: tracing::error_span!("actor", name = seed.slot.name(), incarnation = 1),
            span_of: 1,
            life: Life::new(seed),
        }
    }
}

impl<A> Future for Guard<A>
where
    A: Actor<Context = Context<A>> + Supervised + Handler<Heartbeat>,
{
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<()> {
        let this = self.get_mut();
        for _ in 0..CHANGES_PER_POLL {
            if this.span_of != this.life.incarnation.max(1) {
                this.span_of = this.life.incarnation;
                this.span = tracing::error_span!("actor", name = this.life.slot.name(), incarnation = this.span_of);
            }
            let _inside = this.span.enter();
            this.life.slot.pulse.enter();
            let turn = this.life.turn(cx);
            this.life.slot.pulse.leave();
            match turn {
                Turn::Wait => return Poll::Pending,
                Turn::Done => return Poll::Ready(()),
                Turn::Again => {}
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}
