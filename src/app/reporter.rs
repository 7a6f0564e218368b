//! The actor that keeps the status board true where no other actor writes to it: how much waits where.

use super::keeper::Done;
use crate::delivery::Lanes;
use crate::domain::{QueueName, QueueVitals};
use crate::execution::Flights;
use crate::health::{Board, Metrics};
use crate::store::{QueueDepth, Store, StoreError};
use crate::supervision::{self, supervised};
use crate::telemetry;
use actix::{Actor, AsyncContext, Context};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Between two looks at the queues.
const EVERY: Duration = Duration::from_secs(1);

/// What a reporter is made of; each life gets a copy.
#[derive(Clone)]
pub(super) struct ReporterParts {
    pub(super) board: Arc<Board>,
    pub(super) metrics: Metrics,
    pub(super) store: Store,
    pub(super) lanes: Arc<Lanes>,
    pub(super) flights: Arc<Flights>,
    /// Whether a look goes on, in whichever life: in a store that hangs they would pile up.
    pub(super) looking: Arc<AtomicBool>,
}

/// Keeps the status board.
pub(super) struct HealthReporter {
    parts: ReporterParts,
    /// How many lines of the log are known to be lost.
    lost: u64,
}

impl HealthReporter {
    pub(super) fn new(parts: ReporterParts) -> Self {
        Self { parts, lost: telemetry::lost_lines() }
    }

    /// Says in the log itself that it has a hole.
    fn tell_lost_lines(&mut self) {
        let lost = telemetry::lost_lines();
        metrics::counter!("dronebot_log_lines_lost_total").absolute(lost);
        if lost > self.lost {
            tracing::warn!(lines = lost - self.lost, "lines of the log were lost: nobody read them in time");
            self.lost = lost;
        }
    }

    fn look(&mut self) {
        self.parts.metrics.upkeep();
        self.tell_lost_lines();
        if self.parts.looking.swap(true, Ordering::AcqRel) {
            return;
        }
        let parts = self.parts.clone();
        let done = Done(Arc::clone(&parts.looking));
        let look = async move {
            let _done = done;
            // a store that does not answer is on the board already, by its own health
            if let Err(error) = report(&parts).await {
                tracing::debug!(%error, "queues could not be counted");
            }
        };
        supervision::spawn_local_detached("queue report", look).detach();
    }
}

async fn report(parts: &ReporterParts) -> Result<(), StoreError> {
    let unfinished = parts.store.journal.unfinished().await?;
    let outbox = parts.store.outbox.depth().await?;
    let now = crate::clock::system().now();
    let waiting = |name: QueueName, depth: QueueDepth| QueueVitals {
        name,
        depth: depth.waiting,
        oldest: depth.oldest.map(|oldest| now.duration_since(oldest).unsigned_abs()),
    };
    let count = |name: QueueName, depth: u64| QueueVitals { name, depth, oldest: None };
    parts.board.queue(waiting(QueueName::UnfinishedRequests, unfinished));
    parts.board.queue(count(QueueName::RequestsInWork, parts.flights.len() as u64));
    parts.board.queue(waiting(QueueName::Outbox, outbox));
    parts.board.queue(count(QueueName::LettersOnTheirWay, parts.lanes.len() as u64));
    parts.board.queue(count(QueueName::DeadLetters, outbox.dead));
    Ok(())
}

impl Actor for HealthReporter {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        self.look();
        ctx.run_interval(EVERY, |reporter, _| reporter.look());
    }
}

supervised!(HealthReporter, |self| HealthReporter::new(self.parts.clone()));
