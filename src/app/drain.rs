//! The end, in the order of the walk: the door closes first, the last answer leaves last.

use super::{End, Running};
use crate::supervision::StopOutcome;
use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::{Instant, timeout_at};

/// How long the connections may take to acknowledge what is journalled and to close.
const CLOSE: Duration = Duration::from_secs(3);

/// How long the probes' server may take: it looks once a second whether it may go.
const LAST: Duration = Duration::from_secs(3);

struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => (),
            _ = self.interrupt.recv() => (),
        }
    }
}

/// Waits for a reason to end, and ends.
pub(super) async fn until_the_end(mut running: Running) -> End {
    let signals = signal(SignalKind::terminate())
        .and_then(|terminate| Ok(Signals { terminate, interrupt: signal(SignalKind::interrupt())? }));
    let mut signals = match signals {
        Ok(signals) => signals,
        Err(error) => return End::Escalated(format!("signals cannot be heard: {error}")),
    };
    let end = tokio::select! {
        () = signals.next() => End::Drained,
        Some(reason) = running.fatal.recv() => End::Misconfigured(reason),
        escalation = running.tree.escalated() => End::Escalated(escalation.to_string()),
    };
    let drain = running.house.settings.shutdown.drain;
    tracing::info!(seconds = drain.as_secs_f64(), "draining");
    tokio::select! {
        () = close(running, drain) => end,
        // asked twice means: now. Everything unfinished stands in the journal
        () = signals.next() => End::Hurried,
    }
}

async fn close(mut running: Running, drain: Duration) {
    let Running { house, tree, closing, open_links, server, .. } = &mut running;
    let deadline = Instant::now() + drain;
    house.board.draining();
    closing.send_replace(true);
    let doors = open_links.wait_for(|open| *open == 0);
    if timeout_at(deadline.min(Instant::now() + CLOSE), doors).await.is_err() {
        tracing::warn!("a connection did not close in time");
    }
    if timeout_at(deadline, house.flights.idle()).await.is_err() {
        tracing::warn!(commands = house.flights.len(), "commands still run; they are looked at after the next start");
    }
    let delivered = async {
        while house.store.outbox.depth().await.is_ok_and(|depth| depth.waiting > 0) || !house.lanes.is_empty() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    if timeout_at(deadline, delivered).await.is_err() {
        tracing::warn!("answers still wait; they are sent after the next start");
    }
    for (name, outcome) in tree.stop().await {
        if outcome != StopOutcome::Stopped {
            tracing::warn!(name, ?outcome, "actor did not stop by itself");
        }
    }
    if let Err(error) = house.store.close(Duration::from_secs(5)).await {
        tracing::error!(%error, "store was not closed cleanly");
    }
    let _ = tokio::time::timeout(LAST, server.stop(true)).await;
    tracing::info!("drained");
}
