//! The heartbeat of one child: a message through its own mailbox that must come back, or else there must be progress.

use std::{pin::Pin, task::Poll};

use actix::{Actor, Context, Handler, dev::channel::AddressSender};
use std::future::Future;
use tokio::{
    sync::oneshot,
    time::{Instant, Sleep, sleep},
};

use super::{HeartbeatSpec, Progress};

/// Asks an actor whether it still takes messages. [`supervised!`](crate::supervised) writes the handler.
#[derive(Clone, Copy, Debug)]
pub struct Heartbeat;

impl actix::Message for Heartbeat {
    type Result = ();
}

/// Makes an actor one that a tree can keep: gives it the handler of [`Heartbeat`], and `restarting` as the replacement
/// of the old value by a fresh one, because the old one may be half changed.
///
/// ```
/// # use dronebot::supervision::supervised;
/// struct Counter { from: u64, count: u64 }
/// impl actix::Actor for Counter { type Context = actix::Context<Self>; }
/// supervised!(Counter, |self| Counter { from: self.from, count: self.from });
/// ```
#[macro_export]
macro_rules! supervised {
    ($actor:ty, |$this:ident| $fresh:expr) => {
        impl ::actix::Supervised for $actor {
            fn restarting(&mut $this, _: &mut ::actix::Context<Self>) {
                let fresh: Self = $fresh;
                *$this = fresh;
            }
        }

        impl ::actix::Handler<$crate::supervision::Heartbeat> for $actor {
            type Result = ();

            fn handle(&mut self, _: $crate::supervision::Heartbeat, _: &mut ::actix::Context<Self>) {}
        }
    };
}

/// The state of one life's heartbeat. At most one heartbeat is under way.
pub(super) struct Heart {
    spec: HeartbeatSpec,
    progress: Progress,
    timer: Pin<Box<Sleep>>,
    awaited: Option<Awaited>,
}

struct Awaited {
    answer: oneshot::Receiver<()>,
    progress_then: u64,
}

impl Heart {
    pub(super) fn new(spec: HeartbeatSpec, progress: Progress) -> Self {
        Heart { spec, progress, timer: Box::pin(sleep(spec.every)), awaited: None }
    }

    /// Ready when the child hangs. Must be called after the actor was polled, so that an answer that was only waiting
    /// for the thread has been given.
    pub(super) fn poll<A>(&mut self, mailbox: &AddressSender<A>, cx: &mut std::task::Context<'_>) -> Poll<()>
    where
        A: Actor<Context = Context<A>> + Handler<Heartbeat>,
    {
        loop {
            let answered = match &mut self.awaited {
                Some(awaited) => Pin::new(&mut awaited.answer).poll(cx).is_ready(),
                None => false,
            };
            if answered {
                self.rest();
            }
            if self.timer.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            match &self.awaited {
                None => self.beat(mailbox),
                Some(awaited) if self.may_go_on(awaited) => self.look_again(),
                Some(_) => return Poll::Ready(()),
            }
        }
    }

    fn rest(&mut self) {
        self.awaited = None;
        self.timer.as_mut().reset(Instant::now() + self.spec.every);
    }

    fn beat<A>(&mut self, mailbox: &AddressSender<A>)
    where
        A: Actor<Context = Context<A>> + Handler<Heartbeat>,
    {
        // this sender is the guard's own, so it has a place in the mailbox even when that is full
        match mailbox.send(Heartbeat) {
            Ok(answer) => {
                self.awaited = Some(Awaited { answer, progress_then: self.progress.count() });
                self.timer.as_mut().reset(Instant::now() + self.spec.deadline);
            }
            Err(_) => self.rest(),
        }
    }

    /// Work was done, or this thread was held up by somebody else so that nothing could be done.
    fn may_go_on(&self, awaited: &Awaited) -> bool {
        let overdue = Instant::now().saturating_duration_since(self.timer.deadline());
        self.progress.count() != awaited.progress_then || overdue > self.spec.deadline / 2
    }

    fn look_again(&mut self) {
        let progress_now = self.progress.count();
        if let Some(awaited) = &mut self.awaited {
            awaited.progress_then = progress_now;
        }
        self.timer.as_mut().reset(Instant::now() + self.spec.deadline);
    }
}
