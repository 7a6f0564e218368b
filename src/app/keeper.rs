//! The actor that keeps the lease: it says that this replica lives, and hears who else does.

use crate::domain::{ReplicaVitals, VitalsSource};
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

/// What a keeper is made of; each life gets a copy.
#[derive(Clone)]
pub(super) struct KeeperParts {
    pub(super) replicas: Arc<dyn Replicas>,
    pub(super) board: Arc<Board>,
    pub(super) links: Arc<LinkBoard>,
    pub(super) started_at: Timestamp,
    /// Whether a look goes on, in whichever life.
    pub(super) looking: Arc<AtomicBool>,
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

    fn look(&self) {
        if self.parts.looking.swap(true, Ordering::AcqRel) {
            return;
        }
        let parts = self.parts.clone();
        let look = async move {
            let _done = Done(Arc::clone(&parts.looking));
            // a beat that comes when the lease is over helps nobody
            let patience = parts.replicas.lease().unwrap_or(ALONE);
            match tokio::time::timeout(patience, parts.look()).await {
                Ok(result) => parts.went(result),
                Err(_) => parts.went(Err(StoreError::Unavailable(format!("no answer within {patience:?}")))),
            }
        };
        supervision::spawn_local_detached("lease", look).detach();
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
        let card = self.card();
        if let Beaten::Reborn(name) = self.replicas.beat(&card).await? {
            metrics::counter!("dronebot_lease_renewals_total", "outcome" => "reborn").increment(1);
            tracing::warn!(name = name.0, "others had given this replica up, and have its work; it goes on anew");
        }
        let all = self.replicas.all().await?;
        let elsewhere =
            all.iter().filter(|replica| replica.is_alive && !replica.is_me).map(|other| other.card.connections);
        self.links.elsewhere(elsewhere.sum());
        self.board.replicas(all.iter().map(|replica| self.vitals(replica)).collect());
        Ok(())
    }

    fn went(&self, result: Result<(), StoreError>) {
        let ok = result.is_ok();
        let outcome = if ok { "renewed" } else { "failed" };
        metrics::counter!("dronebot_lease_renewals_total", "outcome" => outcome).increment(1);
        let before = self.beating.swap(ok, Ordering::AcqRel);
        match result {
            Err(error) if before => tracing::warn!(%error, "lease is not renewed"),
            Ok(()) if !before => tracing::info!("lease is renewed again"),
            _ => {}
        }
    }

    fn card(&self) -> Card {
        let vitals = self.board.vitals();
        let in_work = vitals.queues.iter().find(|queue| queue.name == "requests in work");
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
        self.look();
        let every = self.parts.replicas.lease().map_or(ALONE, |lease| lease / 3);
        ctx.run_interval(every, |keeper, _| keeper.look());
    }
}

supervised!(LeaseKeeper, |self| LeaseKeeper::new(self.parts.clone()));
