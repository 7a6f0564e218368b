//! The actor through which every request goes. Its mailbox holds nothing that the journal does not: what a crash of it
//! loses is read again when it starts, and every half minute besides.

use super::approvals;
use super::desk::{Desk, DeskParts};
use crate::domain::{Plan, Request};
use crate::execution::Answer;
use crate::store::{Entry, State};
use crate::supervision::{self, supervised};
use actix::{Actor, AsyncContext, Context, Handler, Message};
use jiff::SignedDuration;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Between two looks for requests that nobody works on.
const SWEEP_EVERY: Duration = Duration::from_secs(30);

/// A request younger than this may still be in a mailbox; the sweep leaves it alone.
const SWEEP_AGE: SignedDuration = SignedDuration::from_secs(10);

/// Between two looks at what waits for others.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Finds, parses, judges, hands on.
pub struct Dispatcher {
    parts: DeskParts,
    desk: Option<Rc<Desk>>,
    sweeping: Arc<AtomicBool>,
    looking: Arc<AtomicBool>,
}

/// One look for requests that nobody works on, or that wait for others, until dropped.
struct Sweep(Arc<AtomicBool>);

impl Drop for Sweep {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

impl Dispatcher {
    /// A dispatcher that has not started.
    pub fn new(parts: DeskParts) -> Self {
        Self { parts, desk: None, sweeping: Arc::default(), looking: Arc::default() }
    }
}

impl Actor for Dispatcher {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        self.desk = Some(Rc::new(Desk::new(self.parts.clone())));
        ctx.notify(TakeUp { older_than: SignedDuration::ZERO });
        let every = self.parts.sweep_every.unwrap_or(SWEEP_EVERY);
        ctx.run_interval(every, |_, ctx| ctx.notify(TakeUp { older_than: SWEEP_AGE }));
        ctx.run_interval(LOOK_EVERY, |dispatcher, ctx| dispatcher.look_at_approvals(ctx));
    }
}

impl Dispatcher {
    /// Whatever waits for others no longer is worked on.
    fn look_at_approvals(&self, ctx: &Context<Self>) {
        // a store that is slow is not asked more often for it
        if self.parts.shop.awaiting.ids().is_empty() || self.looking.swap(true, Ordering::AcqRel) {
            return;
        }
        let (look, parts, dispatcher) = (Sweep(Arc::clone(&self.looking)), self.parts.clone(), ctx.address());
        supervision::spawn_local_detached("look at approvals", async move {
            let _look = look;
            approvals::look(&parts, &dispatcher).await;
        })
        .detach();
    }
}

supervised!(Dispatcher, |self| Dispatcher::new(self.parts.clone()));

/// How a request comes to the dispatcher.
#[derive(Clone, Debug)]
pub enum How {
    /// From Slack, just now.
    Fresh,
    /// From Slack, but so slowly journalled that Slack has told the person that it failed.
    Late,
    /// From Slack, out of a thread that asks more than people do: it is told so, once.
    Crowded,
    /// From the journal, where it stood like this when nobody worked on it.
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

impl Handler<Incoming> for Dispatcher {
    type Result = ();

    fn handle(&mut self, Incoming { request, how }: Incoming, _: &mut Self::Context) {
        let Some(desk) = self.desk.clone() else { return };
        let Some(flight) = self.parts.flights.board(request.id) else { return };
        self.parts.shop.desk.onlookers.changed(&request.user);
        supervision::spawn_local_detached("request", async move {
            // kept until the answer stands, so that no sweep takes the request up beside it
            let flight = Arc::new(flight);
            let begun = how.is_begun();
            let work = desk.work(&request, how, Arc::clone(&flight));
            if let Err(panicked) = supervision::caught("request", work).await {
                tracing::error!(req = %request.id, %panicked, "request broke in the dispatcher");
                let answer = match begun {
                    true => Answer::bug_after_begin(&request),
                    false => Answer::bug("your command", &request),
                };
                desk.parts.shop.desk.give(&request, "unknown", answer).await;
            }
        })
        .detach();
    }
}

/// Answers when every request that was told before it is in work or has been answered: for the drain.
#[derive(Message, Clone, Copy, Debug)]
#[rtype(result = "()")]
pub struct Boarded;

impl Handler<Boarded> for Dispatcher {
    type Result = ();

    fn handle(&mut self, _: Boarded, _: &mut Self::Context) {}
}

/// Read from the journal what nobody works on.
#[derive(Message)]
#[rtype(result = "()")]
struct TakeUp {
    older_than: SignedDuration,
}

impl Handler<TakeUp> for Dispatcher {
    type Result = ();

    fn handle(&mut self, TakeUp { older_than }: TakeUp, ctx: &mut Self::Context) {
        let journal = Arc::clone(&self.parts.shop.desk.journal);
        let now = self.parts.clock.now();
        let dispatcher = ctx.address();
        // a journal that is slow is not asked more often for it
        if self.sweeping.swap(true, Ordering::AcqRel) {
            return;
        }
        let sweep = Sweep(Arc::clone(&self.sweeping));
        // what is in work now may end while the journal is read, and would be found there as it stood before
        let in_work = self.parts.flights.ids();
        // what waits for others is looked at by itself
        let awaiting = self.parts.shop.awaiting.ids();
        supervision::spawn_local_detached("take up", async move {
            let _sweep = sweep;
            let entries = match journal.take_up().await {
                Ok(entries) => entries,
                Err(error) => {
                    tracing::error!(%error, "journal could not be read; unfinished requests wait");
                    return;
                }
            };
            let due = |entry: &Entry| {
                let age = now.duration_since(entry.request.accepted_at);
                // what comes from the future came before the clock was set back
                (age >= older_than || age.is_negative())
                    && !in_work.contains(&entry.request.id)
                    && !awaiting.contains(&entry.request.id)
            };
            for Entry { request, state, plan, deaths, late, .. } in entries.into_iter().filter(due) {
                tracing::debug!(req = %request.id, state = state.as_str(), "unfinished in the journal");
                let how = if late { How::Late } else { How::TakenUp { state, plan, deaths } };
                // the next sweep brings it again if this mailbox is closed
                let _ = dispatcher.try_send(Incoming { request, how });
            }
        })
        .detach();
    }
}
