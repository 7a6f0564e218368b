//! The store of several replicas: one DynamoDB table.
//!
//! One item holds everything of a request (its state, plan, steps, waiting letter), so that each transition is one
//! conditional write; nothing here needs a transaction. Who may write is in the item: the replica that holds it, the fence,
//! which grows whenever another replica adopts it, and the version. What a replica holds it also has in memory, as it
//! alone writes it; the table is read when a request is adopted, or somebody looks back.
//!
//! | `pk` | `sk` | what it is |
//! |---|---|---|
//! | `request#<ULID>` | `-` | a request with all that belongs to it |
//! | `request#<ULID>` | `piece#<mark>#<n>` | a piece of a body that is too long for one item |
//! | `key#<key>` | `-` | a key of a delivery, and which request has it |
//! | `lock#<target>` | `-` | which request may change a target |
//! | `note#<name>` | `-` | a note; one of the name `kind/…` stands in the index `held` as well |
//! | `replica` | `<name>` | a replica and its last beat |
//! | `house` | a ULID | something that happened to a replica |
//! | `schema` | `-` | the version of all this |
//!
//! The indexes (`held`, `asked`, `shown`) lag behind in DynamoDB, so nothing is decided by them: what they name is read
//! again, or written with a condition.

mod accept;
mod adopt;
mod audit;
mod body;
mod change;
mod flow;
mod item;
mod letters;
mod lock;
mod notes;
mod port;
mod replica;
mod row;
mod setup;
mod table;
mod turns;

#[cfg(test)]
mod tests;

use super::shares::Shares;
use super::{Card, ReplicaName, StoreConfig, StoreError};
use crate::clock::Clock;
use crate::domain::RequestId;
use item::Item;
use parking_lot::Mutex;
use row::Row;
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::Duration;
use table::Table;
use tokio::sync::Notify;
use tokio::time::Instant;
use turns::Turns;

pub(super) use setup::{init, inspect};

/// When a lease ends. The time for which the machine was suspended counts, though the clock of timers stood still.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct LeaseEnd {
    at: Instant,
    /// For how long the machine had been suspended when the lease began.
    asleep: Duration,
}

impl LeaseEnd {
    /// What is left of it, if anything is, on a machine that was suspended for so long.
    fn left(self, asleep: Duration) -> Option<Duration> {
        let suspended = asleep.saturating_sub(self.asleep);
        self.at.checked_duration_since(Instant::now())?.checked_sub(suspended)
    }
}

/// What this replica knows without asking.
#[derive(Default)]
struct Memory {
    /// Its name for now.
    name: Option<ReplicaName>,
    /// Until when it may act on what it holds.
    lease_ends: Option<LeaseEnd>,
    /// What it said last, and of itself.
    beat: u64,
    card: Card,
    /// Every request that it holds and that is open: without an answer, or with a letter that waits.
    rows: BTreeMap<RequestId, Row>,
    /// How much of that is whose.
    shares: Shares,
    /// Requests of which this replica did not hear whether they were accepted, or adopted: the table may have them.
    doubtful: BTreeMap<RequestId, Doubt>,
    /// Dead letters in the table, when they were counted last, and those since.
    dead: u64,
    counted: Option<Instant>,
    /// The others, as they are seen from here, and their rows.
    watched: BTreeMap<ReplicaName, Watched>,
    others: BTreeMap<ReplicaName, Item>,
    /// When they were looked at last, and how often.
    looked: Option<Instant>,
    looks: u32,
    /// How often the number of looks at them side by side is halved, as the table failed.
    halved: u32,
    /// Rows that could not be read and were named in the log.
    strange: HashSet<String>,
    left: bool,
    closed: bool,
}

impl Memory {
    fn hold(&mut self, row: Row) {
        self.shares.begin(row.request.id, &row.request.user);
        self.rows.insert(row.request.id, row);
    }

    fn drop_row(&mut self, id: RequestId) {
        self.shares.end(id);
        self.rows.remove(&id);
    }

    fn drop_all(&mut self) {
        self.shares.recount([]);
        self.rows.clear();
    }
}

/// A row that was written, and of which nothing was heard.
#[derive(Clone, Copy)]
struct Doubt {
    since: Instant,
    /// The version of the row that was to be adopted; none of one that was to be accepted.
    adopting: Option<i64>,
}

/// What is known of another replica.
#[derive(Clone, Copy)]
struct Watched {
    beat: u64,
    /// Since when that has stood still.
    since: Instant,
    /// When its work is looked for next, once it is gone.
    due: Instant,
    /// How long its lease is.
    lease: Duration,
    /// Whether it has neither said goodbye nor been given up.
    is_alive: bool,
}

/// The store in a DynamoDB table.
pub(super) struct Dynamo {
    table: Arc<Table>,
    clock: Arc<dyn Clock>,
    memory: Arc<Mutex<Memory>>,
    turns: Turns,
    /// Something was found: adopted, or journalled unheard.
    found: Notify,
    /// Whether the table was made by somebody else and is used for the first time.
    is_unmarked: bool,
    lease: Duration,
    /// How long the row of a replica that is gone is kept at least.
    remembered: Duration,
    retention: jiff::SignedDuration,
    dedupe: jiff::SignedDuration,
}

impl Dynamo {
    /// The store, when its table is there and its schema is known. Nothing is written yet but this replica's own row, and
    /// the schema where a template has made the table.
    pub(super) async fn connect(
        client: aws_sdk_dynamodb::Client,
        config: &StoreConfig,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, StoreError> {
        let dynamo = Self::look(client, config, clock).await?;
        if dynamo.is_unmarked {
            setup::mark(&dynamo.table).await?;
        }
        dynamo.enter().await?;
        dynamo.count_dead().await?;
        Ok(dynamo)
    }

    /// The same, to be looked at alone: without a name it can write nothing.
    pub(super) async fn look(
        client: aws_sdk_dynamodb::Client,
        config: &StoreConfig,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, StoreError> {
        let table = Arc::new(Table::new(client, config.table.clone()));
        let schema = setup::check(&table).await?;
        let days = |days: u32| jiff::SignedDuration::from_hours(24 * i64::from(days));
        Ok(Self {
            table,
            clock,
            memory: Arc::default(),
            turns: Turns::default(),
            found: Notify::new(),
            is_unmarked: schema.is_none(),
            lease: Duration::from_secs(config.lease_seconds.into()),
            remembered: adopt::REMEMBERED,
            retention: config.retention(),
            dedupe: days(config.dedupe_days),
        })
    }

    /// The name of this replica, as long as the store is open and the lease holds.
    fn name(&self) -> Result<ReplicaName, StoreError> {
        let memory = self.memory.lock();
        if memory.closed {
            return Err(closed());
        }
        memory.name.clone().ok_or_else(closed)
    }

    /// What must be left of the lease when a call begins: it is to arrive before anybody else looks.
    fn margin(&self) -> Duration {
        self.lease / 3
    }

    /// The name, if what it holds is still its own for a while: no other adopts it before that.
    fn name_with_lease(&self, margin: Duration) -> Result<ReplicaName, StoreError> {
        let name = self.name()?;
        let ends = self.memory.lock().lease_ends;
        match ends.and_then(|ends| ends.left(self.clock.asleep())) {
            Some(left) if left > margin => Ok(name),
            _ => Err(StoreError::Unavailable(
                "this replica could not renew its lease, so others may have its work".into(),
            )),
        }
    }
}

fn closed() -> StoreError {
    StoreError::Unavailable("it is closed".to_owned())
}
