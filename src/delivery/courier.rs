//! The actor that drains the outbox.

use super::lanes::{Lane, PER_LANE, Search, Unrecorded};
use super::parts::CourierParts;
use super::{letter, outcome};
use crate::slack::api::WebApi;
use crate::store::{Delivery, Letter, StoreError, Wanted};
use crate::supervision::{self, supervised};
use actix::{Actor, AsyncContext, Context, Handler, Message};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

/// New letters taken from the store by one poll.
const POLL_LIMIT: usize = 512;

/// How long a final answer waits in memory for its turn. Progress waits no longer than any call does: what it says is
/// old by then, and a newer state takes its place in the store.
const ANSWER_PATIENCE: Duration = Duration::from_secs(600);

/// A letter that has been tried less often is not given up.
const TRIED: u32 = 20;

/// An answer that breaks the sender so often goes without what it says.
const BREAKS: u32 = 2;

/// How long one poll may wait for the store.
const POLL_PATIENCE: Duration = Duration::from_secs(30);

/// Takes letters from the outbox to Slack.
pub struct Courier {
    parts: CourierParts,
    api: Option<Rc<WebApi>>,
}

impl Courier {
    /// A courier that has not started.
    pub fn new(parts: CourierParts) -> Self {
        Self { parts, api: None }
    }

    fn round(&self) -> Option<Round> {
        let api = self.api.clone()?;
        Some(Round { api, parts: self.parts.clone() })
    }
}

/// What driving lanes needs. It outlives the courier's life, so that what is on its way arrives.
#[derive(Clone)]
struct Round {
    api: Rc<WebApi>,
    parts: CourierParts,
}

impl Round {
    fn begin(&self, lane: Option<Lane>) {
        if let Some(lane) = lane {
            supervision::spawn_local_detached("delivery lane", drive(lane, self.clone())).detach();
        }
    }
}

impl Actor for Courier {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        self.api = Some(Rc::new((self.parts.web_api)()));
        look(ctx);
        ctx.run_interval(Duration::from_millis(self.parts.config.poll_ms), |_, ctx| look(ctx));
    }
}

/// Through the mailbox, so that letters announced before it are taken before it; when that is full, a later look does it.
fn look(ctx: &Context<Courier>) {
    let _ = ctx.address().try_send(Poll);
}

supervised!(Courier, |self| Courier::new(self.parts.clone()));

/// A letter that has just been put into the outbox: saves the wait for the next poll.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Deliver(pub Letter);

impl Handler<Deliver> for Courier {
    type Result = ();

    fn handle(&mut self, Deliver(letter): Deliver, _: &mut Self::Context) {
        let Some(round) = self.round() else { return };
        // the successor of a letter that Slack wanted later: the poll brings it when it is due
        if letter.not_before <= self.parts.turns.now() {
            round.begin(self.parts.lanes.push(letter));
        }
    }
}

/// Look into the outbox for letters that were not announced: after a crash, and those whose pause is over.
#[derive(Message)]
#[rtype(result = "()")]
struct Poll;

impl Handler<Poll> for Courier {
    type Result = ();

    fn handle(&mut self, _: Poll, _: &mut Self::Context) {
        let Some(round) = self.round() else { return };
        let Some(search) = self.parts.lanes.search() else { return };
        supervision::spawn_local_detached("outbox poll", poll(search, round)).detach();
    }
}

async fn poll(search: Search, round: Round) {
    let CourierParts { outbox, lanes, turns, .. } = &round.parts;
    // of each lane a few: a slow one must not hide what waits behind it
    let wanted = Wanted { limit: POLL_LIMIT, per_queue: PER_LANE, known: lanes.known() };
    match tokio::time::timeout(POLL_PATIENCE, outbox.due(turns.now(), wanted)).await {
        Ok(Ok(letters)) => {
            for letter in letters {
                round.begin(search.push(letter));
            }
        }
        Ok(Err(error)) => tracing::warn!(%error, "outbox could not be read"),
        Err(_) => tracing::warn!("outbox was not read in time"),
    }
}

/// Sends the letters of one lane until it is empty.
async fn drive(mut lane: Lane, round: Round) {
    while let Some(letter) = lane.next() {
        if let Some(search) = lane.running_dry() {
            supervision::spawn_local_detached("outbox poll", poll(search, round.clone())).detach();
        }
        if round.parts.outbox.mine_for(letter.id).is_none() {
            tracing::debug!(req = %letter.letter.request, "letter may be another replica's by now; left alone");
            continue;
        }
        let delivery = match expired(&letter, &round.parts) {
            Some(dead) => dead,
            None => attempt(&letter, &round).await,
        };
        lane.went(&letter, &delivery);
        let recorded = record(&letter, &delivery, &round.parts).await;
        if recorded == Recorded::Foreign {
            round.parts.lanes.forget(letter.letter.request);
        }
        // only now: what is counted as sent is known after a crash too
        report(&letter, &delivery);
        if recorded == Recorded::NotYet {
            let (kept, parts) = (lane.unrecorded(), round.parts.clone());
            supervision::spawn_local_detached("delivery record", record_later(kept, letter, delivery, parts)).detach();
        }
    }
}

/// One attempt. Its turn may be minutes away, and the lease may end before: so the store is asked again when the turn has
/// come, just before each call, and no call outlasts the lease.
async fn attempt(letter: &Letter, round: &Round) -> Delivery {
    let (outbox, id) = (Arc::clone(&round.parts.outbox), letter.id);
    let mut api = round.api.only_while(Rc::new(move || outbox.mine_for(id)));
    if letter.letter.last {
        api = api.patient(ANSWER_PATIENCE);
    }
    // a letter that breaks the sender is put off like one that Slack does not take: those behind it go on
    let put_off = || outcome::postponed(letter, &round.parts, "the sender broke".to_owned());
    match supervision::caught("delivery", letter::send(&api, letter, &round.parts)).await {
        Ok(delivery) => delivery,
        Err(_) if !letter.letter.last || round.parts.lanes.breaks(letter.id) < BREAKS => put_off(),
        // it would break it again and again: the asker is told that, rather than nothing
        Err(_) => {
            tracing::error!(req = %letter.letter.request, "answer breaks the sender; saying only that");
            let instead = letter::unsayable(letter);
            let sent = supervision::caught("delivery", letter::send(&api, &instead, &round.parts)).await;
            sent.unwrap_or_else(|_| put_off())
        }
    }
}

/// Whether the store knows what became of a letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Recorded {
    Yes,
    /// It is another replica's by now, or its request is forgotten: there is nobody to tell.
    Foreign,
    NotYet,
}

async fn record(letter: &Letter, delivery: &Delivery, parts: &CourierParts) -> Recorded {
    match parts.outbox.delivered(letter.id, delivery.clone()).await {
        Ok(()) => Recorded::Yes,
        Err(error @ (StoreError::Fenced(_) | StoreError::NotFound(_))) => {
            tracing::warn!(req = %letter.letter.request, %error, "delivery is not recorded");
            Recorded::Foreign
        }
        Err(error) => {
            tracing::error!(%error, req = %letter.letter.request, "delivery could not be recorded; trying again");
            Recorded::NotYet
        }
    }
}

/// The store still calls the letter waiting; until it knows better no task may find it there and send it again.
async fn record_later(kept: Unrecorded, letter: Letter, delivery: Delivery, parts: CourierParts) {
    let mut pause = Duration::from_millis(100);
    loop {
        tokio::time::sleep(pause).await;
        if record(&letter, &delivery, &parts).await != Recorded::NotYet {
            break;
        }
        pause = (pause * 2).min(Duration::from_secs(10));
    }
    drop(kept);
}

/// No person waits for a letter so old. It must have been tried too: its age alone may be a clock that was set.
fn expired(letter: &Letter, parts: &CourierParts) -> Option<Delivery> {
    let age = outcome::age(letter, parts);
    (age > Duration::from_secs(parts.config.give_up_hours * 3600) && letter.attempts >= TRIED)
        .then(|| Delivery::Dead { error: format!("not delivered within {} hours", parts.config.give_up_hours) })
}

fn report(letter: &Letter, delivery: &Delivery) {
    let (outcome, req) = match delivery {
        Delivery::Sent { .. } => ("sent", letter.letter.request),
        // its turn is too far off, and a newer state will take its place
        Delivery::Later { .. } if !letter.letter.last => ("later", letter.letter.request),
        Delivery::Later { error, not_before, .. } => {
            tracing::warn!(req = %letter.letter.request, attempts = letter.attempts + 1, %not_before, error, "delivery postponed");
            ("later", letter.letter.request)
        }
        Delivery::Dead { error } => {
            tracing::error!(req = %letter.letter.request, error, "reply cannot be delivered; kept as a dead letter");
            ("dead", letter.letter.request)
        }
    };
    metrics::counter!("dronebot_deliveries_total", "outcome" => outcome).increment(1);
    tracing::debug!(%req, outcome, last = letter.letter.last, "delivery");
}

#[cfg(test)]
mod tests;
