//! The numbers behind `/metrics`. Rooms count through the `metrics` facade; what the board knows is added when asked.

use super::HealthError;
use super::board::Board;
use crate::domain::{ActorPhase, VitalsSource};
use metrics::gauge;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle, PrometheusRecorder};
use std::sync::Arc;

/// Bounds of durations in seconds: an ack is below a millisecond, a stop of an instance takes minutes.
const SECONDS: [f64; 17] =
    [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 120.0, 600.0];

/// Bounds of everything else that is spread.
const AMOUNTS: [f64; 10] = [1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 1_000.0, 10_000.0, 100_000.0];

/// The recorder and its text.
#[derive(Clone)]
pub struct Metrics {
    recorder: Arc<PrometheusRecorder>,
    handle: PrometheusHandle,
}

impl std::fmt::Debug for Metrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Metrics")
    }
}

impl Metrics {
    /// A recorder into which no code counts yet but through [`Metrics::recorder`].
    pub fn detached() -> Self {
        let builder = PrometheusBuilder::new();
        // the bounds are constants and not empty, the only error there is
        let builder = match builder.set_buckets(&AMOUNTS) {
            Ok(builder) => builder.set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS),
            Err(error) => Err(error),
        };
        let recorder = Arc::new(builder.unwrap_or_else(|_| PrometheusBuilder::new()).build_recorder());
        Self { handle: recorder.handle(), recorder }
    }

    /// The recorder of the whole process.
    ///
    /// # Errors
    /// The process has one already.
    pub fn install() -> Result<Self, HealthError> {
        let new = Self::detached();
        metrics::set_global_recorder(Arc::clone(&new.recorder)).map_err(|_| HealthError::Twice)?;
        Ok(new)
    }

    /// The recorder itself.
    pub fn recorder(&self) -> &dyn metrics::Recorder {
        &*self.recorder
    }

    /// Folds what histograms have gathered. To be called every few seconds, scraped or not, or they grow.
    pub fn upkeep(&self) {
        self.handle.run_upkeep();
    }

    /// Prometheus' text, with the board's numbers as of now.
    pub fn render(&self, board: &Board) -> String {
        metrics::with_local_recorder(self.recorder(), || export(board));
        self.handle.run_upkeep();
        self.handle.render()
    }
}

/// The board's numbers as gauges.
#[expect(clippy::cast_precision_loss, reason = "a gauge is a float; counts beyond 2^53 do not occur")]
fn export(board: &Board) {
    let vitals = board.vitals();
    let yes = |is: bool| if is { 1.0 } else { 0.0 };
    let labels = [
        ("version", vitals.build.version.to_owned()),
        ("revision", vitals.build.revision.to_owned()),
        ("policy", board.spec().policy_hash.clone()),
    ];
    gauge!("dronebot_build_info", &labels).set(1.0);
    gauge!("dronebot_uptime_seconds").set(vitals.uptime.as_secs_f64());
    gauge!("dronebot_live").set(yes(board.live().is_ok()));
    gauge!("dronebot_ready").set(yes(board.readiness(&vitals).is_ok()));
    gauge!("dronebot_store_up").set(yes(vitals.store.ok));
    gauge!("dronebot_open").set(vitals.store.open as f64);
    for actor in vitals.actors {
        gauge!("dronebot_actor_restarts", "actor" => actor.name.clone()).set(actor.restarts as f64);
        gauge!("dronebot_actor_up", "actor" => actor.name).set(yes(actor.phase == ActorPhase::Up));
    }
    for link in vitals.links {
        let slot = link.slot.to_string();
        gauge!("dronebot_link_up", "slot" => slot.clone()).set(yes(link.up));
        if let Some(age) = link.last_frame {
            gauge!("dronebot_link_silence_seconds", "slot" => slot.clone()).set(age.as_secs_f64());
        }
        if let Some(age) = link.last_event {
            gauge!("dronebot_link_event_age_seconds", "slot" => slot.clone()).set(age.as_secs_f64());
        }
        if let Some(count) = link.num_connections {
            gauge!("dronebot_link_app_connections", "slot" => slot.clone()).set(f64::from(count));
        }
        gauge!("dronebot_link_strange_connections", "slot" => slot).set(f64::from(link.strange_connections));
    }
    let count = |alive: bool| vitals.replicas.iter().filter(|replica| replica.is_alive == alive).count() as f64;
    gauge!("dronebot_replicas", "state" => "alive").set(count(true));
    gauge!("dronebot_replicas", "state" => "gone").set(count(false));
    for queue in vitals.queues {
        let oldest = queue.oldest.unwrap_or_default().as_secs_f64();
        gauge!("dronebot_queue_depth", "queue" => queue.name.as_str()).set(queue.depth as f64);
        gauge!("dronebot_queue_oldest_seconds", "queue" => queue.name.as_str()).set(oldest);
    }
}
