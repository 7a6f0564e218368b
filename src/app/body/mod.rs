//! The actor that finds out in which body the bot lives, says once that it moved there, and hears when AWS takes the body
//! back.

mod moves;
mod notices;

use super::House;
use super::keeper::Done;
use crate::aws::{Metadata, MetadataSources, MetadataUse};
use crate::clock::{self, Clock};
use crate::dispatch::Dispatcher;
use crate::domain::{Body, Notice, VitalsSource};
use crate::health::Board;
use crate::settings::{BodySettings, Settings};
use crate::store::Store;
use crate::supervision::{self, Handle, supervised};
use actix::{Actor, AsyncContext, Context};
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::mpsc::UnboundedSender;
use tokio::time::Instant;

/// Between two looks, where notices are not looked for more often.
const EVERY: Duration = Duration::from_secs(1);

/// How often services are asked that may not be there.
const TRIES: u32 = 3;

/// How long the store may take to remember a body; the next look goes on with it.
const PATIENCE: Duration = Duration::from_secs(5);

/// Between two looks for bodies in which no replica lives any more.
const FORGET_EVERY: Duration = Duration::from_secs(60);

/// Why the bot leaves its body, and how long it has to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Leave {
    /// What AWS said.
    pub(super) why: String,
    /// How long it may drain.
    pub(super) within: Duration,
}

/// What the actor is made of; each life gets a copy.
#[derive(Clone)]
pub(super) struct BodyParts {
    board: Arc<Board>,
    metadata: Arc<Metadata>,
    store: Store,
    clock: Arc<dyn Clock>,
    dispatcher: Handle<Dispatcher>,
    settings: BodySettings,
    /// Whether the services are there for certain.
    patient: bool,
    version: String,
    drain: Duration,
    leaving: UnboundedSender<Leave>,
    /// Whether a look goes on, in whichever life.
    looking: Arc<AtomicBool>,
    memory: Arc<Mutex<Memory>>,
}

/// What is known, over all lives.
#[derive(Default)]
struct Memory {
    tries: u32,
    /// The body is as well known as it will be.
    found: bool,
    ready_since: Option<Instant>,
    /// The body is recorded in the store, and its announcement has been made.
    settled: bool,
    forgot: Option<Instant>,
    empty: moves::Empty,
    looked: Option<Instant>,
    /// Whether EC2 did not answer when it was asked for notices.
    deaf: bool,
    met: Vec<(Notice, Instant)>,
    leaving: bool,
}

impl BodyParts {
    /// What the actor of this house is made of. Whatever it hears goes to `leaving`.
    pub(super) fn of(house: &House, dispatcher: Handle<Dispatcher>, leaving: UnboundedSender<Leave>) -> Self {
        let settings = &house.settings;
        let image = settings.body.image_digest.clone();
        let host = house.board.spec().host.clone();
        house.board.body(Body { host, image, ..Body::default() });
        Self {
            board: Arc::clone(&house.board),
            metadata: Arc::new(Metadata::new(&sources(settings))),
            store: house.store.clone(),
            clock: clock::system(),
            dispatcher,
            settings: settings.body.clone(),
            patient: settings.aws.metadata == MetadataUse::On,
            version: house.board.spec().build.version.to_owned(),
            drain: settings.shutdown.drain,
            leaving,
            looking: Arc::default(),
            memory: Arc::default(),
        }
    }

    fn body(&self) -> Body {
        self.board.vitals().body
    }

    async fn look(&self) {
        let found = self.memory.lock().found;
        if !found && !self.find().await {
            return;
        }
        self.watch().await;
        match tokio::time::timeout(PATIENCE, self.remember()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::debug!(%error, "store does not remember the body yet"),
            Err(_) => tracing::debug!("store does not remember the body in time"),
        }
    }

    /// Whether the body is known now, or will not be known better.
    async fn find(&self) -> bool {
        let look = self.metadata.look(self.body()).await;
        self.board.body(look.body.clone());
        let over = {
            let mut memory = self.memory.lock();
            memory.tries += 1;
            memory.found = look.silent.is_empty() || !self.patient && memory.tries >= TRIES;
            memory.found
        };
        for silent in &look.silent {
            tracing::debug!(over, "{silent}");
        }
        if over {
            known(&look.body);
        }
        over
    }

    async fn remember(&self) -> Result<(), crate::store::StoreError> {
        let lease = self.store.replicas.lease();
        let settled = self.memory.lock().settled;
        if !settled {
            if !self.board.ready().is_ok() {
                return Ok(());
            }
            let since = self.memory.lock().ready_since.get_or_insert_with(Instant::now).elapsed();
            // one that has died just now looks alive for as long as its lease is
            if lease.is_some_and(|lease| since < lease + lease / 2) {
                return Ok(());
            }
            self.settle().await?;
            tracing::debug!(body = self.body().id(), "body is remembered");
            self.memory.lock().settled = true;
            return Ok(());
        }
        let due = self.memory.lock().forgot.is_none_or(|at| at.elapsed() >= FORGET_EVERY);
        if lease.is_some() && due {
            self.memory.lock().forgot = Some(Instant::now());
            let mut empty = std::mem::take(&mut self.memory.lock().empty);
            let forgot = self.forget(&mut empty).await;
            self.memory.lock().empty = empty;
            forgot?;
        }
        Ok(())
    }
}

/// Who is asked what this machine is.
fn sources(settings: &Settings) -> MetadataSources {
    let (wanted, around) = (settings.aws.metadata != MetadataUse::Off, &settings.surroundings);
    MetadataSources {
        ec2: wanted && !around.ec2_metadata_disabled,
        ecs: around.ecs_metadata.clone().filter(|_| wanted),
    }
}

/// Says once what the body is.
fn known(body: &Body) {
    let word = |word: &Option<String>| word.clone().unwrap_or_default();
    let labels = [
        ("body", body.id().to_owned()),
        ("zone", word(&body.zone)),
        ("instance_type", word(&body.instance_type)),
        ("lifecycle", word(&body.lifecycle)),
        ("image", word(&body.image)),
    ];
    metrics::gauge!("dronebot_body_info", &labels).set(1.0);
    tracing::info!(
        body = body.id(),
        zone = body.zone,
        instance_type = body.instance_type,
        lifecycle = body.lifecycle,
        task = body.task.as_ref().map(|task| task.id.as_str()),
        image = body.image,
        "body is known"
    );
}

/// Knows the body.
pub(super) struct BodyWatch {
    parts: BodyParts,
}

impl BodyWatch {
    pub(super) fn new(parts: BodyParts) -> Self {
        Self { parts }
    }

    fn look(&self) {
        if self.parts.looking.swap(true, Ordering::AcqRel) {
            return;
        }
        let parts = self.parts.clone();
        let done = Done(Arc::clone(&parts.looking));
        let look = async move {
            let _done = done;
            parts.look().await;
        };
        supervision::spawn_local_detached("body", look).detach();
    }
}

impl Actor for BodyWatch {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        self.look();
        let poll = self.parts.settings.notice_poll;
        let every = if poll.is_zero() { EVERY } else { poll.min(EVERY) };
        ctx.run_interval(every, |watch, _| watch.look());
    }
}

supervised!(BodyWatch, |self| BodyWatch::new(self.parts.clone()));
