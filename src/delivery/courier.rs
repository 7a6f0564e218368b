//! The actor that drains the outbox.

use super::lanes::{Lane, Lanes, Look};
use super::{DeliveryConfig, send};
use crate::clock::Clock;
use crate::slack::api::WebApi;
use crate::store::{Delivery, Letter, Outbox};
use crate::supervision::{self, supervised};
use actix::{Actor, AsyncContext, Context, Handler, Message};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

/// Letters taken from the store by one poll.
const POLL_LIMIT: usize = 512;

/// What a courier is made of; each life gets a copy.
#[derive(Clone)]
pub struct CourierParts {
    /// Where the letters are.
    pub outbox: Arc<dyn Outbox>,
    /// The letters in memory, shared by all lives.
    pub lanes: Arc<Lanes>,
    /// The time of day.
    pub clock: Arc<dyn Clock>,
    /// Builds the life's own client: it belongs to one thread.
    pub web_api: Arc<dyn Fn() -> WebApi + Send + Sync>,
    /// Bounds.
    pub config: DeliveryConfig,
}

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

    fn take(&self, letter: Letter) {
        let Some(api) = self.api.clone() else { return };
        if let Some(lane) = self.parts.lanes.push(letter) {
            supervision::spawn_local_detached("delivery lane", drive(lane, api, self.parts.clone())).detach();
        }
    }
}

impl Actor for Courier {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        self.api = Some(Rc::new((self.parts.web_api)()));
        ctx.notify(Poll);
        ctx.run_interval(Duration::from_millis(self.parts.config.poll_ms), |_, ctx| ctx.notify(Poll));
    }
}

supervised!(Courier, |self| Courier::new(self.parts.clone()));

/// A letter that has just been put into the outbox: saves the wait for the next poll.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Deliver(pub Letter);

impl Handler<Deliver> for Courier {
    type Result = ();

    fn handle(&mut self, Deliver(letter): Deliver, _: &mut Self::Context) {
        self.take(letter);
    }
}

/// Look into the outbox for letters that nobody announced: after a crash, and those whose pause is over.
#[derive(Message)]
#[rtype(result = "()")]
struct Poll;

impl Handler<Poll> for Courier {
    type Result = ();

    fn handle(&mut self, _: Poll, ctx: &mut Self::Context) {
        let outbox = Arc::clone(&self.parts.outbox);
        let now = self.parts.clock.now();
        let courier = ctx.address();
        let look = self.parts.lanes.look();
        supervision::spawn_local_detached("outbox poll", async move {
            match outbox.due(now, POLL_LIMIT).await {
                Ok(letters) => {
                    // the mailbox is this actor's own; a full one means the next poll brings the letters again
                    let _ = courier.try_send(Due { letters, _look: look });
                }
                Err(error) => tracing::warn!(%error, "outbox could not be read"),
            }
        })
        .detach();
    }
}

/// What a look into the outbox found.
#[derive(Message)]
#[rtype(result = "()")]
struct Due {
    letters: Vec<Letter>,
    _look: Look,
}

impl Handler<Due> for Courier {
    type Result = ();

    fn handle(&mut self, Due { letters, _look }: Due, _: &mut Self::Context) {
        for letter in letters {
            self.take(letter);
        }
    }
}

/// Sends the letters of one lane until it is empty.
async fn drive(mut lane: Lane, api: Rc<WebApi>, parts: CourierParts) {
    while let Some(letter) = lane.next() {
        let delivery = match expired(&letter, &parts) {
            Some(dead) => dead,
            None => send::send(&api, &letter, &parts).await,
        };
        report(&letter, &delivery);
        if let Delivery::Sent { ts } = &delivery {
            lane.sent(&letter, ts.as_deref());
        }
        if let Err(error) = parts.outbox.delivered(letter.id, delivery).await {
            // the letter may be sent once more after a restart: said in the README's limits
            tracing::error!(%error, req = %letter.letter.request, "delivery could not be recorded");
        }
        if parts.lanes.take_left_in_store() {
            tracing::debug!("outbox holds more letters than memory; the poll brings them");
        }
    }
}

fn expired(letter: &Letter, parts: &CourierParts) -> Option<Delivery> {
    let age = parts.clock.now().duration_since(letter.created_at).unsigned_abs();
    (age > Duration::from_secs(parts.config.give_up_hours * 3600))
        .then(|| Delivery::Dead { error: format!("not delivered within {} hours", parts.config.give_up_hours) })
}

fn report(letter: &Letter, delivery: &Delivery) {
    let (outcome, req) = match delivery {
        Delivery::Sent { .. } => ("sent", letter.letter.request),
        Delivery::Later { error, not_before } => {
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
