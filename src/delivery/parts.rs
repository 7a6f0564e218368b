//! What a courier is made of.

use super::DeliveryConfig;
use super::lanes::Lanes;
use crate::clock::Clock;
use crate::slack::api::WebApi;
use crate::store::Outbox;
use std::sync::Arc;

/// What a courier is made of; each life gets a copy.
#[derive(Clone)]
pub struct CourierParts {
    /// Where the letters are.
    pub outbox: Arc<dyn Outbox>,
    /// The letters in memory, shared by all lives.
    pub lanes: Arc<Lanes>,
    /// The time of day.
    pub clock: Arc<dyn Clock>,
    /// The same, but never set back: by it letters wait.
    pub turns: Arc<dyn Clock>,
    /// Builds the life's own client: it belongs to one thread.
    pub web_api: Arc<dyn Fn() -> WebApi + Send + Sync>,
    /// Bounds.
    pub config: DeliveryConfig,
}
