//! The end, in the order of the walk: the door closes first, the last answer leaves last.

use super::{End, House, Running};
use crate::clock;
use crate::dispatch::Boarded;
use crate::store::{Delivery, HouseEvent, StoreError};
use crate::supervision::{StopOutcome, Tree};
use futures_util::future::join_all;
use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::{Instant, timeout_at};

/// How long the connections may take beyond their own bounds.
const MARGIN: Duration = Duration::from_secs(1);

/// How long the dispatcher may take to look at what was journalled last.
const BOARDING: Duration = Duration::from_secs(1);

/// How long all actors together may take to stop; each has its own, shorter bound.
const ACTORS: Duration = Duration::from_secs(5);

/// How long the store and the probes' server may take, side by side; the server looks once a second whether it may go.
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
        () = close(running, drain, &end) => end.clone(),
        // asked twice means: now. Everything unfinished stands in the journal
        () = signals.next() => End::Hurried,
    }
}

/// Takes no longer than the drain time and the few seconds of [`ACTORS`] and [`LAST`].
async fn close(mut running: Running, drain: Duration, end: &End) {
    let Running { house, tree, closing, open, dispatcher, server, .. } = &mut running;
    let deadline = Instant::now() + drain;
    house.board.draining();
    closing.send_replace(true);
    let slack = &house.settings.slack;
    let close = deadline.min(Instant::now() + slack.stop_grace + slack.close_grace + MARGIN);
    if timeout_at(close, open.none()).await.is_err() {
        tracing::warn!("a connection did not close in time");
    }
    // what was acknowledged last may still be in the dispatcher's mailbox
    if let Err(error) = dispatcher.call(Boarded, BOARDING.min(deadline.duration_since(Instant::now()))).await {
        tracing::warn!(%error, "dispatcher does not answer; its requests wait in the journal");
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
    stop_actors(tree).await;
    farewell(house, end).await;
    let store = async {
        if let Err(error) = house.store.close(LAST).await {
            tracing::error!(%error, "store was not closed cleanly");
        }
    };
    let _ = tokio::join!(store, tokio::time::timeout(LAST, server.stop(true)));
    tracing::info!("drained");
}

/// Says goodbye, so that what is left is no death of its owner. Not when it breaks: what broke it may be among what it had
/// in its hands. And not when nobody can be told which answers may be there already.
async fn farewell(house: &House, end: &End) {
    let noted = match tokio::time::timeout(LAST, last_words(house, end)).await {
        Ok(Ok(())) => true,
        Ok(Err(error)) => {
            tracing::warn!(%error, "the end was not noted");
            false
        }
        Err(_) => {
            tracing::warn!("the end was not noted in time");
            false
        }
    };
    if !noted || matches!(end, End::Escalated(_)) {
        return;
    }
    if let Err(error) = house.store.replicas.leave().await {
        tracing::warn!(%error, "the other replicas could not be told");
    }
}

/// No letter goes out any more, and one that is on its way must be looked for before it is sent again.
async fn last_words(house: &House, end: &End) -> Result<(), StoreError> {
    let store = &house.store;
    let not_before = clock::system().now();
    let unsure = |id| {
        let error = "on its way when the bot ended".to_owned();
        store.outbox.delivered(id, Delivery::Later { not_before, error, unsure: true })
    };
    for told in join_all(house.lanes.close().into_iter().map(unsure)).await {
        match told {
            // others have it, and look for it
            Err(StoreError::Fenced(_)) => {}
            other => other?,
        }
    }
    let left = store.journal.unfinished().await?.waiting + store.outbox.depth().await?.waiting;
    if left > 0 {
        store.audit.record(HouseEvent::HandedOver { left }).await?;
    }
    let why = match end {
        End::Drained | End::Hurried => "it was told to".to_owned(),
        End::Misconfigured(why) | End::Escalated(why) => why.clone(),
    };
    store.audit.record(HouseEvent::Stopped { why }).await
}

async fn stop_actors(tree: &Tree) {
    let Ok(outcomes) = tokio::time::timeout(ACTORS, tree.stop()).await else {
        tracing::warn!("actors did not stop in time; the end of the process stops them");
        return;
    };
    for (name, outcome) in outcomes {
        if outcome != StopOutcome::Stopped {
            tracing::warn!(name, ?outcome, "actor did not stop by itself");
        }
    }
}
