//! Which regions there are: those that commands may name, and the one of commands that name none.

use super::gate::CallGate;
use super::{AwsError, Ec2Port};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// How old the list of the account's regions must be for a name that it lacks to have AWS asked again.
const REGIONS_AGE: Duration = Duration::from_secs(60);

/// The regions of the account.
pub struct RegionPort {
    gate: Arc<CallGate>,
    ec2: Arc<Ec2Port>,
    /// The regions that there are, and when AWS said so.
    known: tokio::sync::Mutex<Option<(Instant, Vec<String>)>>,
}

impl RegionPort {
    pub(super) fn new(gate: Arc<CallGate>, ec2: Arc<Ec2Port>) -> Self {
        Self { gate, ec2, known: tokio::sync::Mutex::default() }
    }

    /// The region of commands that name none.
    pub async fn default_region(&self) -> Result<String, AwsError> {
        self.gate.default_region().await
    }

    /// The regions that `all` means, sorted: the configured ones, or those that are enabled for the account; asked once.
    pub async fn all(&self) -> Result<Vec<String>, AwsError> {
        self.with(&[]).await
    }

    /// Those of these regions that commands may name: what `all` means, and the region of commands that name none.
    /// Nothing but this keeps a made-up name from becoming a client, a host name and a connection.
    pub async fn known_of(&self, names: &[String]) -> Result<Vec<String>, AwsError> {
        let default = self.default_region().await.ok();
        let (own, others): (Vec<_>, Vec<_>) = names.iter().cloned().partition(|name| Some(name) == default.as_ref());
        let all = if others.is_empty() { Vec::new() } else { self.with(&others).await? };
        Ok(own.into_iter().chain(others.into_iter().filter(|name| all.contains(name))).collect())
    }

    /// The regions that are enabled for the account, as AWS says now.
    pub async fn enabled(&self) -> Result<Vec<String>, AwsError> {
        self.ec2.regions(&self.gate.default_place().await?).await
    }

    /// The regions that there are. One of these that is missing may have been enabled since AWS was asked.
    async fn with(&self, names: &[String]) -> Result<Vec<String>, AwsError> {
        let mut known = self.known.lock().await;
        if let Some((asked, regions)) = known.as_ref()
            && (asked.elapsed() < REGIONS_AGE || names.iter().all(|name| regions.contains(name)))
        {
            return Ok(regions.clone());
        }
        let regions = self.ask().await?;
        *known = Some((Instant::now(), regions.clone()));
        Ok(regions)
    }

    async fn ask(&self) -> Result<Vec<String>, AwsError> {
        let mut regions = if !self.gate.config.regions.is_empty() {
            self.gate.config.regions.clone()
        } else if self.gate.sdk.is_none() {
            self.ec2.built()
        } else {
            self.enabled().await?
        };
        regions.sort();
        regions.dedup();
        Ok(regions)
    }
}
