//! The children of one supervisor, in order, and the count of their restarts.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use actix::{Actor, Arbiter, Context, Handler, Supervised, dev::channel::channel};
use parking_lot::{Mutex, RwLock};
use tokio::{
    sync::{mpsc, watch},
    time::{Instant, timeout},
};

use super::{
    Child, ChildSpec, Drills, FailureKind, FailureRecord, Handle, Heartbeat, Intensity, IntensityMeter, Phase,
    Placement, Pulses, StatusReader, Strategy, TreeSpec,
    guard::{Guard, Seed},
    rest_for_one,
    slot::{Control, Slot},
};

/// What a stop waits beyond the shutdown time before it calls a child unresponsive: its thread is stuck.
const GRACE: Duration = Duration::from_secs(1);

/// Children were restarted more often than the intensity allows. Nothing else is stopped by it: the caller that waits for this
/// drains, stops the tree, and ends the process with [`EXIT_ESCALATED`](super::EXIT_ESCALATED).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Escalation {
    /// The tree.
    pub tree: String,
    /// The child whose failure was one too many.
    pub child: String,
    /// That failure.
    pub failure: FailureRecord,
    /// What would have been borne.
    pub intensity: Intensity,
}

impl fmt::Display for Escalation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Intensity { max_restarts, window } = self.intensity;
        write!(f, "{} needed more than {max_restarts} restarts in {window:?}; ", self.tree)?;
        write!(f, "last {} {}", self.child, self.failure)
    }
}

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

/// There is no such child.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no child is called {0}")]
pub struct NoSuchChild(pub String);

/// What the guards of one tree share.
pub(super) struct Group {
    name: String,
    strategy: Strategy,
    intensity: Intensity,
    meter: Mutex<IntensityMeter>,
    slots: RwLock<Vec<Arc<Slot>>>,
    escalation: watch::Sender<Option<Escalation>>,
    failures: mpsc::UnboundedSender<usize>,
    stopping: AtomicBool,
}

impl Group {
    pub(super) fn slots(&self) -> Vec<Arc<Slot>> {
        self.slots.read().clone()
    }

    /// Spends one restart; false if it is one too many.
    pub(super) fn spend(&self, now: Instant) -> bool {
        self.meter.lock().spend(now)
    }

    pub(super) fn escalate(&self, child: &str, failure: FailureRecord) {
        if self.stopping.load(Ordering::Acquire) {
            return;
        }
        metrics::counter!("dronebot_escalations_total", "tree" => self.name.clone()).increment(1);
        let escalation =
            Escalation { tree: self.name.clone(), child: child.to_owned(), failure, intensity: self.intensity };
        tracing::error!(%escalation, "restarting does not help, escalating");
        self.escalation.send_if_modified(|first| {
            let unset = first.is_none();
            if unset {
                *first = Some(escalation);
            }
            unset
        });
    }

    /// A child failed and is to be restarted. Says whether it has to wait until it is resumed.
    pub(super) fn failed(&self, index: usize) -> bool {
        // during a stop no caller listens any more, and what is still to stop goes on by itself
        self.strategy == Strategy::RestForOne && self.failures.send(index).is_ok()
    }
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
        let group = Arc::new(Group {
            meter: Mutex::new(IntensityMeter::new(spec.intensity)),
            name: spec.name,
            strategy: spec.strategy,
            intensity: spec.intensity,
            slots: RwLock::default(),
            escalation: watch::Sender::new(None),
            failures,
            stopping: AtomicBool::new(false),
        });
        let coordinator = (spec.strategy == Strategy::RestForOne).then(|| {
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
        find(&self.group, name)
    }
}

pub(super) fn find(group: &Group, name: &str) -> Result<Arc<Slot>, NoSuchChild> {
    let slots = group.slots.read();
    slots.iter().find(|slot| slot.name() == name).cloned().ok_or_else(|| NoSuchChild(name.to_owned()))
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
