//! The status board: what rooms report, and the questions it answers.

use super::judgement::{Judgement, Seen};
use super::spec::BoardSpec;
use crate::domain::{
    ActorVitals, Body, Drill, LinkVitals, Notice, QueueName, QueueVitals, ReplicaVitals, SelfTestAnswer, SelfTestCall,
    StoreVitals, Vitals, VitalsSource,
};
use futures_util::future::BoxFuture;
use parking_lot::RwLock;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::time::Instant;

type Watch<T> = RwLock<Option<Box<dyn Fn() -> T + Send + Sync>>>;

/// Breaks an actor on purpose; whether there is such an actor.
type Breaks = Box<dyn Fn(&str, Drill) -> bool + Send + Sync>;

/// Takes a self-test in.
type Tests = Arc<dyn Fn(SelfTestCall) -> BoxFuture<'static, SelfTestAnswer> + Send + Sync>;

/// The status board. Shared; every method takes `&self`. What is registered with `watch_…` is called at each
/// question, from the server's thread, and must answer at once.
pub struct Board {
    spec: BoardSpec,
    began: Instant,
    body: RwLock<Body>,
    notices: RwLock<Vec<Notice>>,
    replicas: RwLock<Vec<ReplicaVitals>>,
    queues: RwLock<BTreeMap<QueueName, (QueueVitals, Instant)>>,
    links: Watch<Vec<LinkVitals>>,
    actors: Watch<Vec<ActorVitals>>,
    store: Watch<StoreVitals>,
    liveness: Watch<Result<(), String>>,
    drills: RwLock<Option<Breaks>>,
    self_tests: RwLock<Option<Tests>>,
    started: AtomicBool,
    draining: AtomicBool,
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
            body: RwLock::new(Body { host: spec.host.clone(), ..Body::default() }),
            notices: RwLock::default(),
            spec,
            began: Instant::now(),
            replicas: RwLock::default(),
            queues: RwLock::default(),
            links: RwLock::new(None),
            actors: RwLock::new(None),
            store: RwLock::new(None),
            liveness: RwLock::new(None),
            drills: RwLock::new(None),
            self_tests: RwLock::new(None),
            started: AtomicBool::new(false),
            draining: AtomicBool::new(false),
        })
    }

    /// Reports a queue. The age of its oldest grows until it is reported again.
    pub fn queue(&self, vitals: QueueVitals) {
        self.queues.write().insert(vitals.name, (vitals, Instant::now()));
    }

    /// Reports who shares the store.
    pub fn replicas(&self, replicas: Vec<ReplicaVitals>) {
        *self.replicas.write() = replicas;
    }

    /// Reports what is known of the body.
    pub fn body(&self, body: Body) {
        *self.body.write() = body;
    }

    /// Reports that AWS says the body will not last. It takes the place of what was said of the same kind.
    pub fn notice(&self, notice: Notice) {
        let mut notices = self.notices.write();
        notices.retain(|known| known.as_str() != notice.as_str());
        notices.push(notice);
    }

    /// From whom the Slack links are read.
    pub fn watch_links(&self, read: impl Fn() -> Vec<LinkVitals> + Send + Sync + 'static) {
        *self.links.write() = Some(Box::new(read));
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

    /// Who breaks an actor on purpose, by name, and says whether there is such an actor. Without this nobody does.
    pub fn allow_drills(&self, run: impl Fn(&str, Drill) -> bool + Send + Sync + 'static) {
        *self.drills.write() = Some(Box::new(run));
    }

    /// Who takes self-tests in, and looks at their signatures. Without this nobody does.
    pub fn allow_self_tests(
        &self,
        ask: impl Fn(SelfTestCall) -> BoxFuture<'static, SelfTestAnswer> + Send + Sync + 'static,
    ) {
        *self.self_tests.write() = Some(Arc::new(ask));
    }

    /// The door for self-tests; `None` where there is none.
    pub(super) fn self_tests(&self) -> Option<Tests> {
        self.self_tests.read().clone()
    }

    /// Breaks an actor, if there is one of that name; `None` where drills are not allowed.
    pub(super) fn drill(&self, actor: &str, drill: Drill) -> Option<bool> {
        self.drills.read().as_ref().map(|run| run(actor, drill))
    }

    pub(super) fn allows_drills(&self) -> bool {
        self.drills.read().is_some()
    }

    /// Everything has been started.
    pub fn started(&self) {
        self.started.store(true, Ordering::Relaxed);
    }

    /// The bot is on its way out: no longer ready, still alive.
    pub fn draining(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    /// Whether it is so.
    pub fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
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
            draining: self.is_draining(),
            store_watched: self.store.read().is_some(),
        };
        Judgement::ready(&self.spec, seen, vitals)
    }
}

impl VitalsSource for Board {
    fn vitals(&self) -> Vitals {
        let aged = |(vitals, at): &(QueueVitals, Instant)| QueueVitals {
            oldest: vitals.oldest.map(|age| age + at.elapsed()),
            ..vitals.clone()
        };
        let unknown = || StoreVitals {
            kind: "unknown".to_owned(),
            ok: false,
            last_error: None,
            open: 0,
            overdue: None,
            queued: 0,
        };
        Vitals {
            build: self.spec.build.clone(),
            host: self.spec.host.clone(),
            body: self.body.read().clone(),
            notices: self.notices.read().clone(),
            uptime: self.began.elapsed(),
            actors: self.actors.read().as_ref().map(|read| read()).unwrap_or_default(),
            links: self.links.read().as_ref().map(|read| read()).unwrap_or_default(),
            queues: self.queues.read().values().map(aged).collect(),
            replicas: self.replicas.read().clone(),
            store: self.store.read().as_ref().map_or_else(unknown, |read| read()),
        }
    }
}
