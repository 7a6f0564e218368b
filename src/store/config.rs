//! The settings of the store.

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Where the store is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StoreKind {
    /// A file, for a bot of one replica.
    #[default]
    Sqlite,
    /// A DynamoDB table, for several replicas. Its address, region and credentials come from the AWS SDK's default chain.
    Dynamodb,
}

/// The settings of the store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StoreConfig {
    /// A SQLite file or a DynamoDB table.
    pub kind: StoreKind,
    /// The DynamoDB table. `dronebot store init` makes it.
    pub table: String,
    /// For how many seconds a replica that is silent is taken to be alive: after that the others take its work over.
    pub lease_seconds: u32,
    /// The SQLite file. It holds response_urls, so it and its companions are readable by their owner alone; its folder
    /// is created when it is missing.
    pub path: PathBuf,
    /// For how many days finished requests and dead letters are kept.
    pub retention_days: u32,
    /// For how many days the keys of deliveries are known, so that a delivery that comes again is recognised. Slack's
    /// last redelivery comes after a day: 2 is the least.
    pub dedupe_days: u32,
    /// How many operations may wait for the writer. A new request beyond that is refused (and so not acknowledged);
    /// operations on accepted requests wait for their turn.
    pub queue_limit: usize,
    /// The size of SQLite's page cache, in KiB.
    pub cache_kib: u32,
    /// The size in MiB that SQLite's log reaches under load before it is folded into the file. A larger one is folded
    /// less often, for longer.
    pub log_mib: u32,
    /// The size in MiB that the file may reach; beyond it writes fail as if the disk were full. 0: no bound of its own.
    pub max_mib: u32,
}

impl Default for StoreConfig {
    fn default() -> Self {
        Self {
            kind: StoreKind::default(),
            table: "dronebot".to_owned(),
            lease_seconds: 10,
            path: PathBuf::from("dronebot.db"),
            retention_days: 30,
            dedupe_days: 7,
            queue_limit: 4096,
            cache_kib: 2048,
            log_mib: 16,
            max_mib: 0,
        }
    }
}

/// The shortest lease: a call to the table may take 2.2 s, and three must fit, or replicas give each other up for nothing.
const LEAST_LEASE: u32 = 7;

/// The fewest days for which deliveries must be known: Slack's last redelivery, and a day more.
const LEAST_DEDUPE_DAYS: u32 = 2;

impl StoreConfig {
    /// Refuses values that cannot work; the error begins with the key. The calls to a simulated table take no time.
    ///
    /// # Errors
    /// What is wrong.
    pub fn check(&self, is_simulated: bool) -> Result<(), String> {
        if self.kind == StoreKind::Dynamodb && self.lease_seconds < LEAST_LEASE && !is_simulated {
            let lease = self.lease_seconds;
            return Err(format!(
                "lease_seconds is {lease} and must be at least {LEAST_LEASE}: a call to the table may take 2.2 s, and three of \
                 them must fit"
            ));
        }
        Ok(())
    }

    /// For how long what has ended is kept.
    pub(super) fn retention(&self) -> SignedDuration {
        SignedDuration::from_hours(24 * i64::from(self.retention_days))
    }

    /// What is wrong with the settings, with the name of the key.
    pub(super) fn fault(&self) -> Option<String> {
        let days = self.dedupe_days;
        if self.lease_seconds == 0 {
            return Some("store.lease_seconds must be at least 1".to_owned());
        }
        if self.table.is_empty() {
            return Some("store.table must be the name of a DynamoDB table".to_owned());
        }
        (days < LEAST_DEDUPE_DAYS)
            .then(|| format!("store.dedupe_days is {days} and must be at least {LEAST_DEDUPE_DAYS}"))
    }
}
