//! The end, in the order of the walk: the door closes first, the last answer leaves last.

use super::body::Leave;
use super::{End, House, Running, systemd};
use crate::clock;
use crate::dispatch::Boarded;
use crate::store::{Delivery, HouseEvent, LetterId, StoreError};
use crate::supervision::{StopOutcome, Tree};
use futures_util::future::join_all;
use std::collections::HashSet;
use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

/// How long the connections may take beyond their own bounds.
const MARGIN: Duration = Duration::from_secs(1);

/// How long the dispatcher may take to look at what was journalled last.
const BOARDING: Duration = Duration::from_secs(1);

/// How long all actors together may take to stop; each has its own, shorter bound.
const ACTORS: Duration = Duration::from_secs(5);

/// How long the store and the probes' server may take, side by side; the server looks once a second whether it may go.
const LAST: Duration = Duration::from_secs(3);

/// SIGTERM and SIGINT. One that came while no task waited is not forgotten.
pub(super) struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// From now on a signal does not end the process by itself.
    pub(super) fn listen() -> std::io::Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    pub(super) async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => (),
            _ = self.interrupt.recv() => (),
        }
    }
}

/// Waits for a reason to end, and ends.
pub(super) async fn until_the_end(mut running: Running, mut signals: Signals) -> End {
    let drain = running.house.settings.shutdown.drain;
    let (end, leave) = tokio::select! {
        () = signals.next() => (End::Drained, None),
        Some(leave) = running.leave.recv() => (End::Drained, Some(leave)),
        Some(reason) = running.fatal.recv() => (End::Misconfigured(reason), None),
        escalation = running.tree.escalated() => (End::Escalated(escalation.to_string()), None),
        () = running.house.store.health.lost() => (End::Escalated("the store's writer is gone".to_owned()), None),
    };
    let by_itself = leave.is_some();
    let Leave { why, within } = leave.unwrap_or(Leave { why: "draining".to_owned(), within: drain });
    tracing::info!(seconds = within.as_secs_f64(), why, "draining");
    if running.house.settings.surroundings.systemd {
        systemd::stopping(&why, within);
    }
    let (sooner, deadline) = watch::channel(Instant::now() + within);
    let hurry = async {
        if by_itself {
            signals.next().await;
            // told for the first time: from now on it has no longer than anybody who is told
            sooner.send_modify(|deadline| *deadline = (*deadline).min(Instant::now() + drain));
        }
        signals.next().await;
    };
    tokio::select! {
        () = close(running, Deadline(deadline), &end) => end.clone(),
        // asked twice means: now. Everything unfinished stands in the journal
        () = hurry => End::Hurried,
    }
}

/// When the drain is over. It may be brought nearer.
struct Deadline(watch::Receiver<Instant>);

impl Deadline {
    /// The future's result, if it comes in time; `most` is a bound of its own.
    async fn in_time<T>(&mut self, most: Option<Duration>, work: impl Future<Output = T>) -> Option<T> {
        let most = most.map(|most| Instant::now() + most);
        tokio::pin!(work);
        loop {
            let deadline = *self.0.borrow_and_update();
            tokio::select! {
                biased;
                done = &mut work => return Some(done),
                () = sleep_until(most.map_or(deadline, |most| most.min(deadline))) => return None,
                Ok(()) = self.0.changed() => {}
            }
        }
    }
}

/// Takes no longer than the drain time and the few seconds of [`ACTORS`] and [`LAST`].
async fn close(mut running: Running, mut deadline: Deadline, end: &End) {
    let Running { house, tree, closing, open, dispatcher, server, .. } = &mut running;
    house.board.draining();
    house.flights.close();
    closing.send_replace(true);
    let slack = &house.settings.slack;
    let close = slack.stop_grace + slack.close_grace + MARGIN;
    if deadline.in_time(Some(close), open.none()).await.is_none() {
        tracing::warn!("a connection did not close in time");
    }
    // what was acknowledged last may still be in the dispatcher's mailbox
    match deadline.in_time(None, dispatcher.call(Boarded, BOARDING)).await {
        Some(Ok(())) => {}
        Some(Err(error)) => tracing::warn!(%error, "dispatcher does not answer; its requests wait in the journal"),
        None => tracing::warn!("dispatcher does not answer in time; its requests wait in the journal"),
    }
    if deadline.in_time(None, house.flights.idle()).await.is_none() {
        tracing::warn!(commands = house.flights.len(), "commands still run; they are looked at after the next start");
    }
    let delivered = async {
        while house.store.outbox.depth().await.is_ok_and(|depth| depth.waiting > 0) || !house.lanes.is_empty() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    if deadline.in_time(None, delivered).await.is_none() {
        tracing::warn!("answers still wait; they are sent after the next start");
    }
    let keeper = house.keeper();
    // the courier's thread ends with it, and with the thread what is on its way
    let on_their_way = house.lanes.close();
    let noted = async {
        stop_actors(tree).await;
        noted(house, on_their_way, end).await
    };
    let noted = tokio::select! {
        noted = noted => noted,
        () = keeper.hold() => false,
    };
    farewell(house, end, noted).await;
    let store = async {
        if let Err(error) = house.store.close(LAST).await {
            tracing::error!(%error, "store was not closed cleanly");
        }
    };
    let _ = tokio::join!(store, tokio::time::timeout(LAST, server.stop(true)));
    tracing::info!("drained");
}

/// Whether all is noted that the next process must know.
async fn noted(house: &House, on_their_way: HashSet<LetterId>, end: &End) -> bool {
    match tokio::time::timeout(LAST, last_words(house, on_their_way, end)).await {
        Ok(Ok(())) => true,
        Ok(Err(error)) => {
            tracing::warn!(%error, "the end was not noted");
            false
        }
        Err(_) => {
            tracing::warn!("the end was not noted in time");
            false
        }
    }
}

/// Says goodbye, so that what is left is no death of its owner. Not when it breaks: what broke it may be among what it had
/// in its hands. And not when nobody can be told which answers may be there already.
async fn farewell(house: &House, end: &End, noted: bool) {
    if !noted || !end.is_calm() {
        return;
    }
    if let Err(error) = house.store.replicas.leave().await {
        tracing::warn!(%error, "the other replicas could not be told");
    }
}

/// One that is on its way must be looked for before it is sent again.
async fn last_words(house: &House, on_their_way: HashSet<LetterId>, end: &End) -> Result<(), StoreError> {
    let store = &house.store;
    let not_before = clock::system().now();
    let unsure = |id| {
        let error = "on its way when the bot ended".to_owned();
        store.outbox.delivered(id, Delivery::Later { not_before, error, unsure: true })
    };
    for told in join_all(on_their_way.into_iter().map(unsure)).await {
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
