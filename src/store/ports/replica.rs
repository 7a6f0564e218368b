//! The bots that share a store. Each is one life of one process; it says several times in a lease that it lives.

use super::StoreError;
use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// The name of a replica: a new one for each life of a process, and again for one that others have given up.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ReplicaName(pub String);

impl ReplicaName {
    /// A name that no replica had before.
    pub(in crate::store) fn new(now: Timestamp) -> Self {
        let millis = u64::try_from(now.as_millisecond()).unwrap_or_default();
        Self(ulid::Ulid::from_parts(millis, fastrand::u128(..)).to_string())
    }

    /// The name of a holder from before names were kept.
    pub(in crate::store) fn unknown() -> Self {
        Self("?".to_owned())
    }
}

/// What a replica says about itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Card {
    /// The host it runs on.
    pub host: String,
    /// Its body's id, once it knows it.
    pub body: String,
    /// The zone of its body, where it is known.
    pub zone: String,
    /// Whether AWS has said that its body will not last.
    pub is_noticed: bool,
    /// Version and revision of the program.
    pub version: String,
    /// When its process started, in milliseconds since the Unix epoch.
    pub started_ms: i64,
    /// Whether it is ready.
    pub ready: bool,
    /// How many links to Slack it has.
    pub links: u32,
    /// How many it wants to have, and so may have at any moment.
    pub connections: u32,
    /// How many requests it is working on.
    pub in_work: u64,
}

/// A replica as the store knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replica {
    /// Its name.
    pub name: ReplicaName,
    /// What it said last.
    pub card: Card,
    /// Whether it is the one that asks.
    pub is_me: bool,
    /// Whether it has said within its lease that it lives.
    pub is_alive: bool,
    /// When it said so last, by its own clock.
    pub seen: Timestamp,
}

/// What became of a beat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Beaten {
    /// The lease is renewed.
    Renewed,
    /// Others had given this replica up and taken its work over. It goes on under a new name, with nothing in its hands.
    Reborn(ReplicaName),
}

/// How long until it is time to say that this replica lives, and to look at all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Due {
    /// For [`Replicas::beat`].
    pub beat: Duration,
    /// For [`Replicas::all`].
    pub look: Duration,
}

/// Who shares the store.
///
/// No two clocks are compared: a replica is gone when its beat has not changed for a lease, by the clock of the one that watches.
#[async_trait]
pub trait Replicas: Send + Sync {
    /// Says that this replica lives, and renews its lease.
    async fn beat(&self, card: &Card) -> Result<Beaten, StoreError>;

    /// Everybody who shares the store, this one first.
    async fn all(&self) -> Result<Vec<Replica>, StoreError>;

    /// Takes over what belongs to replicas that are gone, as the last look at all of them has shown it, and finds what was
    /// journalled without that anybody heard of it. Each request is there as soon as it is taken over
    /// ([`Journal::found`](super::Journal::found)), whatever becomes of the others.
    async fn adopt(&self) -> Result<(), StoreError>;

    /// How long until it is time for a beat, and for a look. From memory. `None` where no other replica can share the store.
    fn due_in(&self) -> Option<Due>;

    /// Goodbye: what is left of this replica's work may be adopted at once, and counts as no death of its owner.
    async fn leave(&self) -> Result<(), StoreError>;

    /// How long a lease is. `None` where no other replica can share the store.
    fn lease(&self) -> Option<Duration>;
}
