//! What must not be forgotten. The ports are the [`Journal`] (requests, their states and steps), the [`Outbox`] (replies
//! on their way to Slack), the [`ApprovalStore`] (what others are asked), the [`AuditLog`] (what happened) and [`Replicas`] (who shares the store); the implementations
//! are private behind [`open`] (a SQLite file) and [`join`] (a DynamoDB table). What may follow what, and what else follows from
//! it, is in `ledger`, for both.

mod approvals;
mod backend;
mod condition;
mod config;
#[cfg(test)]
mod contract;
mod dynamo;
mod ledger;
mod ports;
mod shares;
mod sqlite;
mod wire;

use crate::clock::Clock;
use crate::domain::{Drill, StoreVitals, UserId};
use backend::{Backend, Pulse};
use std::sync::Arc;
use std::time::Duration;

pub use condition::{Condition, TableMade};
pub use config::{StoreConfig, StoreKind};
pub use ports::{
    Accepted, Address, ApprovalStore, Archive, Asked, AuditLog, Beaten, Card, Delivery, Due, Entry, Event, FileWay,
    Final, Former, Held, HouseEntry, HouseEvent, Journal, LONGEST_WAIT, Letter, LetterId, NewLetter, NewRequest, Notes,
    Outbox, Queue, QueueDepth, Recent, Replica, ReplicaName, Replicas, Said, State, StepRecord, StepState, StoreError,
    Wanted, Way, What, plan_hash,
};

/// An open store: its ports, and how it is. Clones share it; it is closed by [`Store::close`], or soon after the last
/// clone is gone.
#[derive(Clone)]
pub struct Store {
    /// Requests, their states and their steps.
    pub journal: Arc<dyn Journal>,
    /// Replies on their way to Slack.
    pub outbox: Arc<dyn Outbox>,
    /// What happened.
    pub audit: Arc<dyn AuditLog>,
    /// Who shares the store.
    pub replicas: Arc<dyn Replicas>,
    /// What waits for the approval of others.
    pub approvals: Arc<dyn ApprovalStore>,
    /// Small things that must not be forgotten.
    pub notes: Arc<dyn Notes>,
    /// How the store is, to be read at any time.
    pub health: StoreHealth,
    backend: Arc<dyn Backend>,
}

impl Store {
    /// Takes no more work, finishes what was given, and closes the file. Waits for at most `patience`
    /// ([`StoreError::Unavailable`] when that was not enough: what was answered is durable all the same). A store that is
    /// closed already is closed with success.
    pub async fn close(&self, patience: Duration) -> Result<(), StoreError> {
        self.backend.close(patience).await
    }
}

/// How the store is. Reading it never waits for the store's work.
#[derive(Clone)]
pub struct StoreHealth {
    pulse: Arc<dyn Pulse>,
}

impl StoreHealth {
    /// Whether it writes and answers in time, and the last error, if there ever was one.
    pub fn vitals(&self) -> StoreVitals {
        self.pulse.vitals()
    }

    /// How many operations wait for the writer.
    pub fn queued(&self) -> usize {
        self.pulse.queued()
    }

    /// How much of this replica's work is open: requests without a final answer, and letters that wait. It is what the
    /// replica holds in memory.
    pub fn open(&self) -> usize {
        self.pulse.open()
    }

    /// How many of the requests that are open were asked by this person: without a final answer, or with one that waits.
    pub fn open_of(&self, user: &UserId) -> usize {
        self.pulse.open_of(user)
    }

    /// Breaks the thread that writes, on purpose; whether there is one.
    pub fn drill(&self, drill: Drill) -> bool {
        self.pulse.drill(drill)
    }

    /// Waits until the store has ended without being closed: this process can use it no more.
    pub async fn lost(&self) {
        self.pulse.lost().await;
    }
}

/// Looks at the file of the store, and changes nothing: neither the file nor its schema, nor what its log holds.
pub fn inspect(config: &StoreConfig) -> Result<Condition, StoreError> {
    match config.fault() {
        Some(fault) => Err(StoreError::Open(fault)),
        None => sqlite::inspect(config),
    }
}

/// Opens the store, creating or migrating it where needed. [`StoreError::Open`] names the file and says what to do;
/// [`StoreError::Failed`] does too, and the same call may work later: the disk is full, or fails.
/// Blocks for as long as that takes: milliseconds, and up to a second when another process holds the file.
pub fn open(config: &StoreConfig, clock: Arc<dyn Clock>) -> Result<Store, StoreError> {
    if let Some(fault) = config.fault() {
        return Err(StoreError::Open(fault));
    }
    let backend = Arc::new(sqlite::Sqlite::open(config, clock, sqlite::Upkeep::default())?);
    Ok(assemble(backend, config))
}

/// Opens the store in the table of several replicas. [`StoreError::Open`] names the table and says what to do.
pub async fn join(
    client: aws_sdk_dynamodb::Client,
    config: &StoreConfig,
    clock: Arc<dyn Clock>,
) -> Result<Store, StoreError> {
    match config.fault() {
        Some(fault) => Err(StoreError::Open(fault)),
        None => Ok(assemble(Arc::new(dynamo::Dynamo::connect(client, config, clock).await?), config)),
    }
}

/// Makes the table of several replicas, or what of it is missing.
pub async fn init_table(client: &aws_sdk_dynamodb::Client, config: &StoreConfig) -> Result<TableMade, StoreError> {
    dynamo::init(client, config).await
}

/// Looks at the table of several replicas, and changes nothing.
pub async fn inspect_table(client: aws_sdk_dynamodb::Client, config: &StoreConfig) -> Result<Condition, StoreError> {
    dynamo::inspect(client, config).await
}

/// What happened, read from the file of a bot that does not run. Nothing is changed: no life begins, and nothing ages.
pub fn read(config: &StoreConfig) -> Result<Arc<dyn Archive>, StoreError> {
    match config.fault() {
        Some(fault) => Err(StoreError::Open(fault)),
        None => Ok(Arc::new(sqlite::Reader::open(config)?)),
    }
}

/// What happened, read from the table of several replicas, by one that is none of them.
pub async fn read_table(
    client: aws_sdk_dynamodb::Client,
    config: &StoreConfig,
    clock: Arc<dyn Clock>,
) -> Result<Arc<dyn Archive>, StoreError> {
    match config.fault() {
        Some(fault) => Err(StoreError::Open(fault)),
        None => Ok(Arc::new(dynamo::Dynamo::look(client, config, clock).await?)),
    }
}

fn assemble<B: Journal + Outbox + AuditLog + Replicas + Notes + Backend + 'static>(
    backend: Arc<B>,
    config: &StoreConfig,
) -> Store {
    let notes = Arc::clone(&backend) as Arc<dyn Notes>;
    Store {
        approvals: Arc::new(approvals::Noted::new(notes, config.retention())),
        journal: Arc::clone(&backend) as Arc<dyn Journal>,
        outbox: Arc::clone(&backend) as Arc<dyn Outbox>,
        audit: Arc::clone(&backend) as Arc<dyn AuditLog>,
        replicas: Arc::clone(&backend) as Arc<dyn Replicas>,
        notes: Arc::clone(&backend) as Arc<dyn Notes>,
        health: StoreHealth { pulse: backend.pulse() },
        backend,
    }
}
