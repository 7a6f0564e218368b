//! The courier: takes letters from the outbox to Slack, each lane in order, paced, retried, with a plain-text
//! fallback. Nothing is held here that is not in the store: a crash costs a restart and the rows stay.

mod courier;
mod elsewhere;
mod lanes;
mod letter;
mod once;
mod open;
mod outcome;
mod parts;
mod replace;
mod send;
mod sending;
mod whole;

pub use courier::{Courier, Deliver};
pub use lanes::Lanes;
pub use parts::CourierParts;

use serde::Deserialize;

/// Bounds of delivery.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeliveryConfig {
    /// The first pause after a failed delivery, in milliseconds; it doubles with each attempt.
    pub retry_min_ms: u64,
    /// The longest pause between attempts, in seconds.
    pub retry_max_seconds: u64,
    /// How often the outbox is searched for letters that were not announced, in milliseconds.
    pub poll_ms: u64,
    /// A letter that Slack has not taken after this many hours becomes a dead letter.
    pub give_up_hours: u64,
}

impl DeliveryConfig {
    /// Refuses values that cannot work; the error begins with the key.
    pub fn check(&self) -> Result<(), String> {
        let positive = [
            ("retry_min_ms", self.retry_min_ms),
            ("retry_max_seconds", self.retry_max_seconds),
            ("poll_ms", self.poll_ms),
            ("give_up_hours", self.give_up_hours),
        ];
        match positive.iter().find(|(_, value)| *value == 0) {
            Some((key, _)) => Err(format!("{key} must be at least 1")),
            None => Ok(()),
        }
    }
}

impl Default for DeliveryConfig {
    fn default() -> Self {
        Self { retry_min_ms: 1_000, retry_max_seconds: 60, poll_ms: 1_000, give_up_hours: 24 }
    }
}
