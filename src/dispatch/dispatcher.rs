//! The actor through which every request goes. Its mailbox holds nothing that the journal does not: what a crash of it
//! loses is found again when it starts, and every half minute besides. What the replica has come by otherwise, it is told.

use super::approvals;
use super::desk::Desk;
use super::incoming::{How, Incoming};
use super::parts::DeskParts;
use crate::execution::Answer;
use crate::store::{Entry, Held};
use crate::supervision::{self, Task, supervised};
use actix::{Actor, Addr, AsyncContext, Context, Handler, Message};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Between two looks for requests that no task works on.
const SWEEP_EVERY: Duration = Duration::from_secs(30);

/// A request that this process accepted less than this ago may still be in a mailbox; the sweep leaves it alone.
const SWEEP_AGE: Duration = Duration::from_secs(10);

/// Between two looks at what waits for others.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Finds, parses, judges, hands on.
pub struct Dispatcher {
    parts: DeskParts,
    desk: Option<Rc<Desk>>,
    looking: Arc<AtomicBool>,
    /// Waits for what the journal finds, for as long as this life lasts.
    _finding: Option<Task<()>>,
}

/// One look at what waits for others, until dropped.
struct Look(Arc<AtomicBool>);

impl Drop for Look {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

impl Dispatcher {
    /// A dispatcher that has not started.
    pub fn new(parts: DeskParts) -> Self {
        Self { parts, desk: None, looking: Arc::default(), _finding: None }
    }
}

impl Actor for Dispatcher {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        self.desk = Some(Rc::new(Desk::new(self.parts.clone())));
        ctx.notify(TakeUp { older_than: Duration::ZERO });
        self._finding = Some(self.find(ctx.address()));
        let every = self.parts.sweep_every.unwrap_or(SWEEP_EVERY);
        ctx.run_interval(every, |_, ctx| ctx.notify(TakeUp { older_than: SWEEP_AGE }));
        ctx.run_interval(LOOK_EVERY, |dispatcher, ctx| dispatcher.look_at_approvals(ctx));
    }
}

impl Dispatcher {
    /// Takes up what the journal has found, as soon as it has.
    fn find(&self, dispatcher: Addr<Self>) -> Task<()> {
        let journal = Arc::clone(&self.parts.shop.desk.journal);
        supervision::spawn_local_detached("find", async move {
            loop {
                journal.found().await;
                // behind what was found before, so that this is in work by then; the next sweep brings what finds no room
                let _ = dispatcher.try_send(TakeUp { older_than: SWEEP_AGE });
            }
        })
    }

    /// Work goes on with each request whose approval is decided.
    fn look_at_approvals(&self, ctx: &Context<Self>) {
        // a store that is slow is not asked more often for it
        if self.parts.flights.is_closed()
            || self.parts.shop.awaiting.ids().is_empty()
            || self.looking.swap(true, Ordering::AcqRel)
        {
            return;
        }
        let (look, parts) = (Look(Arc::clone(&self.looking)), self.parts.clone());
        let dispatcher = ctx.address().recipient();
        supervision::spawn_local_detached("look at approvals", async move {
            let _look = look;
            approvals::look(&parts, &dispatcher).await;
        })
        .detach();
    }
}

supervised!(Dispatcher, |self| Dispatcher::new(self.parts.clone()));

impl Handler<Incoming> for Dispatcher {
    type Result = ();

    fn handle(&mut self, Incoming { request, how }: Incoming, _: &mut Self::Context) {
        let Some(desk) = self.desk.clone() else { return };
        if matches!(how, How::TakenUp { .. }) && self.parts.flights.is_closed() {
            // the journal has it for the next process
            return;
        }
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
                    true => {
                        let former = desk.parts.shop.desk.journal.former(request.id);
                        Answer::bug_after_begin(&request, &former, &desk.parts.catalog)
                    }
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

/// Take up what no task works on: what was found, and what was accepted so long ago that it must have been lost.
#[derive(Message)]
#[rtype(result = "()")]
struct TakeUp {
    older_than: Duration,
}

impl Handler<TakeUp> for Dispatcher {
    type Result = ();

    fn handle(&mut self, TakeUp { older_than }: TakeUp, ctx: &mut Self::Context) {
        if self.parts.flights.is_closed() {
            return;
        }
        // what is in work now may end meanwhile, and would be found as it stood before
        let in_work = self.parts.flights.ids();
        // what waits for others is looked at by itself
        let awaiting = self.parts.shop.awaiting.ids();
        let mut is_due = |held: &Held| {
            (held.is_found || held.since >= older_than) && !in_work.contains(&held.id) && !awaiting.contains(&held.id)
        };
        let dispatcher = ctx.address();
        for Entry { request, state, plan, deaths, late, .. } in self.parts.shop.desk.journal.held(&mut is_due) {
            tracing::debug!(req = %request.id, state = state.as_str(), "unfinished in the journal");
            let how = if late { How::Late } else { How::TakenUp { state, plan, deaths } };
            // the next sweep brings it again if this mailbox is full
            let _ = dispatcher.try_send(Incoming { request, how });
        }
    }
}
