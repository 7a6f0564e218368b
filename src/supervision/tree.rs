//! A supervisor: its children, started in order and stopped in reverse.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use actix::{Actor, Arbiter, Context, Handler, Supervised, dev::channel::channel};
use tokio::{
    sync::mpsc,
    time::{Instant, timeout},
};

use super::{
    Child, ChildSpec, Drills, Escalation, FailureKind, FailureRecord, Handle, Heartbeat, NoSuchChild, Phase, Placement,
    Pulses, StatusReader, Strategy, TreeSpec,
    group::Group,
    guard::Guard,
    rest_for_one,
    seed::Seed,
    slot::{Control, Slot},
};

/// What a stop waits beyond the shutdown time before it calls a child unresponsive: its thread is stuck.
const GRACE: Duration = Duration::from_secs(1);

/// How a child stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopOutcome {
    /// By itself, or it was not alive.
    Stopped,
    /// It was killed when its shutdown time was over.
    Killed,
    /// Not at all: its thread is stuck. It was left behind.
    Unresponsive,
}

/// A supervisor. Dropping it stops nothing; [`Tree::stop`] does.
pub struct Tree {
    group: Arc<Group>,
    pulses: Pulses,
    coordinator: Option<tokio::task::AbortHandle>,
}

impl Tree {
    /// A tree without children. Must be called inside an actix system.
    pub fn new(spec: TreeSpec) -> Self {
        let (failures, failed) = mpsc::unbounded_channel();
        let strategy = spec.strategy;
        let group = Arc::new(Group::new(spec, failures));
        let coordinator = (strategy == Strategy::RestForOne).then(|| {
            let coordinate = rest_for_one::coordinate(Arc::downgrade(&group), failed);
            super::spawn_local_detached("rest-for-one", coordinate).abort_handle()
        });
        Tree { group, pulses: Pulses::default(), coordinator }
    }

    /// Registers a child after all others, starts it, and waits until `started` has run or failed. So what a child's
    /// factory takes handles of has been started before.
    ///
    /// `factory` makes the actor, on the thread where it will live; it is called for the first life, and again only if
    /// it panicked. Later lives come from [`supervised!`](super::supervised).
    pub async fn add<A>(&self, spec: ChildSpec, factory: impl Fn(&Child) -> A + Send + 'static) -> Handle<A>
    where
        A: Actor<Context = Context<A>> + Supervised + Handler<Heartbeat>,
    {
        let (sender, mailbox) = channel(spec.max_in_flight.max(1));
        let placement = spec.placement;
        let (index, slot, orders) = self.register(spec);
        let handle = Handle::new(sender.clone(), Arc::clone(&slot));
        let seed = Seed {
            index,
            slot: Arc::clone(&slot),
            group: Arc::clone(&self.group),
            orders,
            mailbox,
            sender,
            factory: Box::new(factory),
        };
        match placement {
            Placement::Shared => spawn_guard(seed),
            Placement::OwnThread => self.spawn_on_own_thread(seed),
        }
        slot.wait_for(|status| status.phase != Phase::Starting).await;
        handle
    }

    fn register(&self, mut spec: ChildSpec) -> (usize, Arc<Slot>, mpsc::UnboundedReceiver<Control>) {
        let mut slots = self.group.slots.write();
        let index = slots.len();
        if slots.iter().any(|slot| slot.name() == spec.name) {
            spec.name = format!("{}#{index}", spec.name);
            tracing::warn!(name = spec.name, "a child of that name exists, so this one was given a number");
        }
        let pulse = self.pulses.of_actor(&spec.name);
        let (slot, orders) = Slot::new(spec, pulse);
        slots.push(Arc::clone(&slot));
        (index, slot, orders)
    }

    fn spawn_on_own_thread<A>(&self, seed: Seed<A>)
    where
        A: Actor<Context = Context<A>> + Supervised + Handler<Heartbeat>,
    {
        match Arbiter::try_new() {
            Ok(arbiter) => {
                let (pulses, slot) = (self.pulses.clone(), Arc::clone(&seed.slot));
                if !arbiter.spawn_fn(move || spawn_guard_and_end_thread(seed, pulses)) {
                    self.not_started(&slot, "its thread ended before it began".to_owned());
                }
            }
            Err(error) => self.not_started(&seed.slot, format!("cannot start a thread: {error}")),
        }
    }

    fn not_started(&self, slot: &Slot, text: String) {
        let failure = FailureRecord { kind: FailureKind::Killed, text, location: None, at: Instant::now() };
        slot.status.send_modify(|status| {
            status.last_failure = Some(failure.clone());
            status.enter(Phase::Dead);
        });
        self.group.escalate(slot.name(), failure);
    }

    /// How each child is, from any thread at any time.
    pub fn status(&self) -> StatusReader {
        StatusReader { group: Arc::clone(&self.group) }
    }

    /// How its children are broken on purpose, from any thread.
    pub fn drills(&self) -> Drills {
        Drills { group: Arc::clone(&self.group) }
    }

    /// What a watchdog watches.
    pub fn pulses(&self) -> Pulses {
        self.pulses.clone()
    }

    /// Waits until children were restarted too often.
    pub async fn escalated(&self) -> Escalation {
        let mut seen = self.group.escalation.subscribe();
        match seen.wait_for(Option::is_some).await.map(|first| first.clone()) {
            Ok(Some(escalation)) => escalation,
            // the sender lives in the group, and `wait_for` returns only what satisfies it
            Ok(None) | Err(_) => std::future::pending().await,
        }
    }

    /// Stops one child for good, within its shutdown time, and waits for it. Called in turn for each, this gives any
    /// order of stopping.
    pub async fn stop_child(&self, name: &str) -> Result<StopOutcome, NoSuchChild> {
        let slot = self.find(name)?;
        Ok(stop(&slot).await)
    }

    /// Stops all children in reverse order of their start, each within its shutdown time, and says how each stopped,
    /// in the order of stopping.
    pub async fn stop(&self) -> Vec<(String, StopOutcome)> {
        self.group.stopping.store(true, Ordering::Release);
        if let Some(coordinator) = &self.coordinator {
            coordinator.abort();
        }
        let mut outcomes = Vec::new();
        for slot in self.group.slots().iter().rev() {
            outcomes.push((slot.name().to_owned(), stop(slot).await));
        }
        outcomes
    }

    /// Ends the present life of a child as a failure; what follows is what its specification says.
    pub fn kill_child(&self, name: &str, why: &str) -> Result<(), NoSuchChild> {
        self.find(name)?.order(Control::Kill(why.to_owned()));
        Ok(())
    }

    fn find(&self, name: &str) -> Result<Arc<Slot>, NoSuchChild> {
        self.group.find(name)
    }
}

#[expect(clippy::disallowed_methods, reason = "the guard is what catches; nothing outside it can panic")]
fn spawn_guard<A>(seed: Seed<A>)
where
    A: Actor<Context = Context<A>> + Supervised + Handler<Heartbeat>,
{
    tokio::task::spawn_local(Guard::new(seed));
}

#[expect(clippy::disallowed_methods, reason = "the guard is what catches; nothing outside it can panic")]
fn spawn_guard_and_end_thread<A>(seed: Seed<A>, pulses: Pulses)
where
    A: Actor<Context = Context<A>> + Supervised + Handler<Heartbeat>,
{
    tokio::task::spawn_local(async move {
        let _watched = pulses.watch_this_thread(&format!("of {}", seed.slot.name()));
        Guard::new(seed).await;
        Arbiter::current().stop();
    });
}

async fn stop(slot: &Slot) -> StopOutcome {
    let kills = slot.status.borrow().kills;
    slot.order(Control::Stop);
    match timeout(slot.spec.shutdown + GRACE, slot.wait_for(|status| status.phase.is_final())).await {
        Ok(status) if status.kills > kills => {
            tracing::warn!(name = slot.name(), "actor did not stop in time and was killed");
            StopOutcome::Killed
        }
        Ok(_) => StopOutcome::Stopped,
        Err(_) => {
            tracing::error!(name = slot.name(), "actor cannot be stopped, its thread is stuck");
            StopOutcome::Unresponsive
        }
    }
}
