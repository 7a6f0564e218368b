//! The status board: what rooms report, and the questions it answers.

use super::judgement::{Judgement, Seen};
use crate::domain::{ActorVitals, Build, LinkVitals, QueueVitals, StoreVitals, Vitals, VitalsSource};
use parking_lot::RwLock;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use tokio::time::Instant;

/// What does not change while the bot runs.
#[derive(Clone, Debug)]
pub struct BoardSpec {
    /// Version and revision.
    pub build: Build,
    /// The host's name.
    pub host: String,
    /// The hash of the policies.
    pub policy_hash: String,
    /// After how long without a frame a link no longer counts as up: Slack's idle timeout.
    pub idle_bound: Duration,
    /// The actors without which no command is answered, by their names in the supervision tree.
    pub needed_actors: Vec<String>,
}

type Watch<T> = RwLock<Option<Box<dyn Fn() -> T + Send + Sync>>>;

/// The status board. Shared; every method takes `&self` and none blocks.
pub struct Board {
    spec: BoardSpec,
    began: Instant,
    links: RwLock<BTreeMap<usize, Link>>,
    queues: RwLock<BTreeMap<String, (QueueVitals, Instant)>>,
    actors: Watch<Vec<ActorVitals>>,
    store: Watch<StoreVitals>,
    liveness: Watch<Result<(), String>>,
    started: AtomicBool,
    draining: AtomicBool,
}

struct Link {
    vitals: LinkVitals,
    /// Milliseconds from the board's beginning to the last frame, plus one; 0 before any frame.
    last_frame: AtomicU64,
}

impl std::fmt::Debug for Board {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Board").field("spec", &self.spec).finish_non_exhaustive()
    }
}

impl Board {
    /// A board on which nothing has been reported yet: alive, not started, not ready.
    pub fn new(spec: BoardSpec) -> Arc<Self> {
        Arc::new(Self {
            spec,
            began: Instant::now(),
            links: RwLock::default(),
            queues: RwLock::default(),
            actors: RwLock::new(None),
            store: RwLock::new(None),
            liveness: RwLock::new(None),
            started: AtomicBool::new(false),
            draining: AtomicBool::new(false),
        })
    }

    /// Reports a link. A `last_frame` in it is taken as of now; `None` keeps the time that [`Board::frame`] noted.
    pub fn link(&self, vitals: LinkVitals) {
        let reported = vitals.last_frame.map(|ago| self.mark(ago));
        let mut links = self.links.write();
        let known = links.get(&vitals.slot).map_or(0, |link| link.last_frame.load(Ordering::Relaxed));
        let last_frame = AtomicU64::new(reported.unwrap_or(known));
        links.insert(vitals.slot, Link { vitals, last_frame });
    }

    /// Notes that a frame arrived on a link that has been reported. Cheap enough for every frame.
    pub fn frame(&self, slot: usize) {
        if let Some(link) = self.links.read().get(&slot) {
            link.last_frame.store(self.mark(Duration::ZERO), Ordering::Relaxed);
        }
    }

    /// Reports a queue. The age of its oldest grows until it is reported again.
    pub fn queue(&self, vitals: QueueVitals) {
        self.queues.write().insert(vitals.name.clone(), (vitals, Instant::now()));
    }

    /// From whom the supervision tree is read.
    pub fn watch_actors(&self, read: impl Fn() -> Vec<ActorVitals> + Send + Sync + 'static) {
        *self.actors.write() = Some(Box::new(read));
    }

    /// From whom the store's state is read.
    pub fn watch_store(&self, read: impl Fn() -> StoreVitals + Send + Sync + 'static) {
        *self.store.write() = Some(Box::new(read));
    }

    /// Who knows whether the actor system turns; `Err` says what does not.
    pub fn watch_liveness(&self, read: impl Fn() -> Result<(), String> + Send + Sync + 'static) {
        *self.liveness.write() = Some(Box::new(read));
    }

    /// Everything has been started.
    pub fn started(&self) {
        self.started.store(true, Ordering::Relaxed);
    }

    /// The bot is on its way out: no longer ready, still alive.
    pub fn draining(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    /// What does not change.
    pub fn spec(&self) -> &BoardSpec {
        &self.spec
    }

    /// Does the actor system turn?
    pub fn live(&self) -> Judgement {
        let verdict = self.liveness.read().as_ref().map_or(Ok(()), |read| read());
        Judgement::live(verdict)
    }

    /// Would a command be heard, kept and answered now?
    pub fn ready(&self) -> Judgement {
        self.readiness(&self.vitals())
    }

    /// Has everything been started? Once it has, this stays so.
    pub fn startup(&self) -> Judgement {
        Judgement::startup(self.started.load(Ordering::Relaxed))
    }

    pub(super) fn readiness(&self, vitals: &Vitals) -> Judgement {
        let seen = Seen {
            started: self.started.load(Ordering::Relaxed),
            draining: self.draining.load(Ordering::Relaxed),
            store_watched: self.store.read().is_some(),
        };
        Judgement::ready(&self.spec, seen, vitals)
    }

    /// A moment this long ago as milliseconds since the board began, plus one.
    fn mark(&self, ago: Duration) -> u64 {
        let since = self.began.elapsed().saturating_sub(ago);
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX - 1) + 1
    }

    fn link_vitals(&self, link: &Link) -> LinkVitals {
        let last_frame = match link.last_frame.load(Ordering::Relaxed) {
            0 => None,
            mark => Some(self.began.elapsed().saturating_sub(Duration::from_millis(mark - 1))),
        };
        LinkVitals { last_frame, ..link.vitals.clone() }
    }
}

impl VitalsSource for Board {
    fn vitals(&self) -> Vitals {
        let aged = |(vitals, at): &(QueueVitals, Instant)| QueueVitals {
            oldest: vitals.oldest.map(|age| age + at.elapsed()),
            ..vitals.clone()
        };
        let unknown = || StoreVitals { kind: "unknown".to_owned(), ok: false, last_error: None };
        Vitals {
            build: self.spec.build.clone(),
            host: self.spec.host.clone(),
            uptime: self.began.elapsed(),
            actors: self.actors.read().as_ref().map(|read| read()).unwrap_or_default(),
            links: self.links.read().values().map(|link| self.link_vitals(link)).collect(),
            queues: self.queues.read().values().map(aged).collect(),
            store: self.store.read().as_ref().map_or_else(unknown, |read| read()),
        }
    }
}
