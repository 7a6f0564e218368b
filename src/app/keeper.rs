//! The actor that keeps the lease: it says that this replica lives, hears who else does, and beside that has taken over
//! what those have left that are gone.

use crate::domain::{QueueName, ReplicaVitals, VitalsSource};
use crate::health::Board;
use crate::slack::socket::LinkBoard;
use crate::store::{Beaten, Card, Replica, Replicas, StoreError};
use crate::supervision::{self, supervised};
use actix::{Actor, AsyncContext, Context};
use jiff::Timestamp;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// How often the status is brought up to date where there is no lease to renew.
const ALONE: Duration = Duration::from_secs(5);

/// A lease has so many moments at which it is seen whether it is time for a beat, from memory. A beat that failed is
/// tried again at the next.
const MOMENTS: u32 = 10;

/// So many times in a lease it is renewed on the way out: its end must come behind the goodbye, though one beat fails.
const BEATS: u32 = 5;

/// What a keeper is made of; each life gets a copy.
#[derive(Clone)]
pub(super) struct KeeperParts {
    pub(super) replicas: Arc<dyn Replicas>,
    pub(super) board: Arc<Board>,
    pub(super) links: Arc<LinkBoard>,
    pub(super) started_at: Timestamp,
    /// Whether a look goes on, in whichever life, and whether the work of others is being taken over.
    pub(super) looking: Arc<AtomicBool>,
    pub(super) adopting: Arc<AtomicBool>,
    /// Whether the last beat came through, so that a change is logged once.
    pub(super) beating: Arc<AtomicBool>,
}

/// Keeps the lease.
pub(super) struct LeaseKeeper {
    parts: KeeperParts,
}

impl LeaseKeeper {
    pub(super) fn new(parts: KeeperParts) -> Self {
        Self { parts }
    }

    /// Beats and looks, each when it is time to.
    fn look(&self) {
        let lease = self.parts.replicas.lease();
        // nearer to this moment than to the next
        let is_due = |due: Duration| due <= lease.unwrap_or_default() / MOMENTS / 2;
        let due = self.parts.replicas.due_in();
        let (beat, look) = due.map_or((true, true), |due| (is_due(due.beat), is_due(due.look)));
        if !(beat || look) || self.parts.looking.swap(true, Ordering::AcqRel) {
            return;
        }
        let keeper = Self { parts: self.parts.clone() };
        let work = async move {
            let parts = &keeper.parts;
            let _done = Done(Arc::clone(&parts.looking));
            // a beat that comes when the lease is over is of no use
            let patience = lease.unwrap_or(ALONE);
            match tokio::time::timeout(patience, parts.beat_and_look(beat, look)).await {
                Ok(result) => parts.went(beat, result),
                Err(_) => parts.went(beat, Err(StoreError::Unavailable(format!("no answer within {patience:?}")))),
            }
            // one that was found gone is not left until the next moment
            keeper.adopt();
        };
        supervision::spawn_local_detached("lease", work).detach();
    }

    /// Takes over what others have left: nothing else waits for that, however long it takes.
    fn adopt(&self) {
        // who is on the way out would only hand it on
        if self.parts.board.is_draining() || self.parts.adopting.swap(true, Ordering::AcqRel) {
            return;
        }
        let parts = self.parts.clone();
        let adopt = async move {
            let _done = Done(Arc::clone(&parts.adopting));
            if let Err(error) = parts.replicas.adopt().await {
                metrics::counter!("dronebot_adoption_failures_total").increment(1);
                tracing::warn!(%error, "what others have left could not be looked for");
            }
        };
        supervision::spawn_local_detached("adoption", adopt).detach();
    }
}

/// A look is over, however it ended.
pub(super) struct Done(pub(super) Arc<AtomicBool>);

impl Drop for Done {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

impl KeeperParts {
    /// Renews the lease, and brings to the board who else lives.
    pub(super) async fn look(&self) -> Result<(), StoreError> {
        self.beat_and_look(true, true).await
    }

    async fn beat_and_look(&self, beat: bool, look: bool) -> Result<(), StoreError> {
        let beaten = if beat { self.beat().await } else { Ok(()) };
        // a table that takes no writes may be read all the same
        if look {
            self.look_at_all().await?;
        }
        beaten
    }

    async fn beat(&self) -> Result<(), StoreError> {
        if let Beaten::Reborn(name) = self.replicas.beat(&self.card()).await? {
            metrics::counter!("dronebot_lease_renewals_total", "outcome" => "reborn").increment(1);
            tracing::warn!(name = name.0, "others had given this replica up, and have its work; it goes on anew");
        }
        Ok(())
    }

    async fn look_at_all(&self) -> Result<(), StoreError> {
        let all = self.replicas.all().await?;
        let elsewhere =
            all.iter().filter(|replica| replica.is_alive && !replica.is_me).map(|other| other.card.connections);
        self.links.elsewhere(elsewhere.sum());
        self.board.replicas(all.iter().map(|replica| self.vitals(replica)).collect());
        Ok(())
    }

    /// Keeps the lease for as long as this is waited for, when the actor that did so stops: the others would take over what
    /// is still being noted, and count it as a death.
    pub(super) async fn hold(&self) {
        let Some(lease) = self.replicas.lease() else { return std::future::pending().await };
        loop {
            if let Err(error) = self.replicas.beat(&self.card()).await {
                tracing::warn!(%error, "lease is not renewed");
            }
            tokio::time::sleep(lease / BEATS).await;
        }
    }

    /// What came of a look, and of a beat if there was one.
    fn went(&self, beat: bool, result: Result<(), StoreError>) {
        let ok = result.is_ok();
        if beat {
            let outcome = if ok { "renewed" } else { "failed" };
            metrics::counter!("dronebot_lease_renewals_total", "outcome" => outcome).increment(1);
        }
        let before = self.beating.swap(ok, Ordering::AcqRel);
        match result {
            Err(error) if before => tracing::warn!(%error, "lease is not renewed"),
            Ok(()) if !before => tracing::info!("lease is renewed again"),
            _ => {}
        }
    }

    fn card(&self) -> Card {
        let vitals = self.board.vitals();
        let in_work = vitals.queues.iter().find(|queue| queue.name == QueueName::RequestsInWork);
        Card {
            host: vitals.host.clone(),
            body: vitals.body.id().to_owned(),
            zone: vitals.body.zone.clone().unwrap_or_default(),
            is_noticed: !vitals.notices.is_empty(),
            version: format!("{} {}", vitals.build.version, vitals.build.short()),
            started_ms: self.started_at.as_millisecond(),
            ready: self.board.ready().is_ok(),
            links: u32::try_from(vitals.links.iter().filter(|link| link.up).count()).unwrap_or(u32::MAX),
            connections: u32::try_from(vitals.links.len()).unwrap_or(u32::MAX),
            in_work: in_work.map_or(0, |queue| queue.depth),
        }
    }

    fn vitals(&self, replica: &Replica) -> ReplicaVitals {
        let Card { host, body, zone, is_noticed, version, ready, links, in_work, .. } = replica.card.clone();
        let since = crate::clock::system().now().duration_since(replica.seen).unsigned_abs();
        ReplicaVitals {
            name: replica.name.0.clone(),
            host,
            body,
            zone,
            is_noticed,
            version,
            is_me: replica.is_me,
            is_alive: replica.is_alive,
            is_ready: ready,
            links,
            in_work,
            seen: since,
        }
    }
}

impl Actor for LeaseKeeper {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        let Some(lease) = self.parts.replicas.lease() else {
            self.look();
            ctx.run_interval(ALONE, |keeper, _| keeper.look());
            return;
        };
        ctx.run_interval(lease / MOMENTS, |keeper, _| {
            keeper.look();
            keeper.adopt();
        });
    }
}

supervised!(LeaseKeeper, |self| LeaseKeeper::new(self.parts.clone()));

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Build;
    use crate::health::BoardSpec;
    use crate::store::{Due, ReplicaName};
    use async_trait::async_trait;
    use std::sync::atomic::AtomicUsize;
    use tokio::time::Instant;

    const LEASE: Duration = Duration::from_secs(10);

    /// Replicas of which only the calls are counted. Each second beat fails.
    #[derive(Default)]
    struct Counted {
        beats: parking_lot::Mutex<Vec<Instant>>,
        adoptions: AtomicUsize,
    }

    #[async_trait]
    impl Replicas for Counted {
        async fn beat(&self, _: &Card) -> Result<Beaten, StoreError> {
            let mut beats = self.beats.lock();
            beats.push(Instant::now());
            match beats.len() % 2 {
                0 => Err(StoreError::Unavailable("a test".to_owned())),
                _ => Ok(Beaten::Reborn(ReplicaName(String::new()))),
            }
        }
        async fn all(&self) -> Result<Vec<Replica>, StoreError> {
            Ok(Vec::new())
        }
        async fn adopt(&self) -> Result<(), StoreError> {
            self.adoptions.fetch_add(1, Ordering::Relaxed);
            Ok(())
        }
        fn due_in(&self) -> Option<Due> {
            None
        }
        async fn leave(&self) -> Result<(), StoreError> {
            Ok(())
        }
        fn lease(&self) -> Option<Duration> {
            Some(LEASE)
        }
    }

    fn keeper() -> (Arc<Counted>, KeeperParts) {
        let replicas = Arc::<Counted>::default();
        let board = Board::new(BoardSpec {
            build: Build { version: "1.4.2", revision: "unknown", created: "unknown", source: "unknown" },
            host: "host-1".to_owned(),
            policy_hash: String::new(),
            idle_bound: LEASE,
            needed_actors: Vec::new(),
        });
        let parts = KeeperParts {
            replicas: Arc::clone(&replicas) as Arc<dyn Replicas>,
            board,
            links: Arc::new(LinkBoard::new(0)),
            started_at: Timestamp::UNIX_EPOCH,
            looking: Arc::default(),
            adopting: Arc::default(),
            beating: Arc::default(),
        };
        (replicas, parts)
    }

    #[actix::test]
    async fn who_is_on_the_way_out_takes_nothing_over() {
        let (replicas, parts) = keeper();
        let keeper = LeaseKeeper::new(parts.clone());
        for expected in [1, 2] {
            keeper.adopt();
            while replicas.adoptions.load(Ordering::Relaxed) < expected || parts.adopting.load(Ordering::Acquire) {
                tokio::task::yield_now().await;
            }
        }
        parts.board.draining();
        keeper.adopt();
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        assert_eq!(replicas.adoptions.load(Ordering::Relaxed), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn the_lease_is_kept_until_the_goodbye_though_beats_fail() {
        let (replicas, parts) = keeper();
        let began = Instant::now();
        assert!(tokio::time::timeout(LEASE * 3, parts.hold()).await.is_err(), "it goes on until it is dropped");
        let beats = replicas.beats.lock().clone();
        assert_eq!(beats[0], began, "the actor may have beaten long ago");
        let renewed: Vec<Instant> = beats.into_iter().step_by(2).collect();
        assert!(renewed.windows(2).all(|two| two[1] - two[0] < LEASE / 2), "{renewed:?}");
    }
}
