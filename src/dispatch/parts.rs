//! What the dispatcher is made of.

use super::callers::Callers;
use super::people::PeopleParts;
use super::places::HeardPlaces;
use super::policy::Policies;
use crate::aws::Aws;
use crate::clock::Clock;
use crate::commands::{Catalog, DeployConfig, Limits};
use crate::domain::VitalsSource;
use crate::execution::{Flights, WorkerPool, Workshop};
use std::sync::Arc;
use std::time::Duration;

/// What the dispatcher is made of; each life gets a copy.
#[derive(Clone)]
pub struct DeskParts {
    /// How to find out who asks.
    pub people: PeopleParts,
    /// What envelopes said of their places.
    pub places: Arc<HeardPlaces>,
    /// Which commands there are.
    pub catalog: Arc<Catalog>,
    /// Who may run what.
    pub policies: Arc<Policies>,
    /// What the door knows of people.
    pub callers: Arc<Callers>,
    /// Who runs it.
    pub pool: WorkerPool,
    /// What runs need; its desk gives the answers.
    pub shop: Workshop,
    /// Which requests are in work, over all lives.
    pub flights: Arc<Flights>,
    /// The provider.
    pub aws: Arc<Aws>,
    /// How the bot is.
    pub vitals: Arc<dyn VitalsSource>,
    /// The time of day.
    pub clock: Arc<dyn Clock>,
    /// Bounds of commands.
    pub limits: Limits,
    /// What may be deployed.
    pub deploy: Arc<DeployConfig>,
    /// How often to look for work that nobody has, where others may leave some.
    pub sweep_every: Option<Duration>,
}
