//! The provider: the only place that builds SDK clients, and a leaf that knows nothing of Slack or of commands.
//!
//! Each service is a port of its own, with the calls that commands are made of. A call names its place, an account and a region
//! ([`AccountRegion`]): clients, the budget and errors are told apart by it. Today there are credentials for one account, the
//! usual one; a place in another is refused before anything is sent there.
//!
//! Nothing is built before it is needed: start-up and idle memory stay small, and a bot that is asked for nothing of AWS needs
//! none. Credentials, endpoint and region come from the SDK's default chain. Reading calls are retried by the SDK;
//! changing calls are made once, because a retry that the journal does not see is a second change.

mod advice;
mod budget;
pub mod call;
mod clients;
mod config;
mod ec2;
mod ecr;
mod ecs;
mod error;
mod gate;
mod identity;
mod image_name;
mod instance;
mod metadata;
mod pool;
mod region;
mod regions;
mod secrets;
mod service;
mod time;

pub use advice::{Trouble, places};
pub use budget::{before_reads, is_before_reads};
pub use call::Call;
pub use clients::Clients;
pub use config::{AwsConfig, MetadataUse};
pub use ec2::{Ec2Clients, Ec2Port, Filter, Power};
pub use ecr::{EcrPort, Image, ImageKey, Repository};
pub use ecs::{EcsClients, EcsPort};
pub use error::{AwsError, Class};
pub use identity::{AccountPort, Identity};
pub use image_name::{pinned, unpinned};
pub use instance::{Checks, INSTANCE, Instance, Protection, State, Volume};
pub use metadata::{Look, Metadata, MetadataSources};
pub use region::{is_region, region_like, region_of_place};
pub use regions::RegionPort;
pub use secrets::SecretPort;
pub use service::{Definition, Deployment, Past, Revision, Rollout, SERVICE, Service, ServiceAt, Task};

use crate::domain::{AccountId, AccountRegion};
use aws_config::SdkConfig;
use aws_smithy_types::{retry::RetryConfig, timeout::TimeoutConfig};
use gate::CallGate;
use pool::Pool;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// How long DynamoDB may take to be reached, to answer one attempt, and to answer with all of them; and the first pause
/// between two.
const TABLE_CONNECT: Duration = Duration::from_millis(800);
const TABLE_ATTEMPT: Duration = Duration::from_millis(1_000);
const TABLE_CALL: Duration = Duration::from_millis(2_200);
const TABLE_PAUSE: Duration = Duration::from_millis(50);

/// The provider: a port for each service, over the same credentials and the same budget. Cheap to make, shared by all
/// commands, each of which takes the ports that it needs.
pub struct Aws {
    /// The account in which the bot acts, and who it is there.
    pub accounts: AccountPort,
    /// The regions that there are.
    pub regions: RegionPort,
    /// Instances.
    pub ec2: Arc<Ec2Port>,
    /// Services of containers.
    pub ecs: EcsPort,
    /// Their images.
    pub ecr: EcrPort,
    /// Secrets by reference.
    pub secrets: SecretPort,
    gate: Arc<CallGate>,
}

impl Aws {
    /// A provider that builds its clients on first use, by the SDK's default chain.
    pub fn new(config: AwsConfig) -> Self {
        Self::of(CallGate::new(config), Pool::default(), Pool::default(), Pool::default())
    }

    /// A provider that consists of these finished clients, by region, in this account. It knows no other regions and
    /// reads no environment; `config.region` should name one of them.
    pub fn with_ec2_clients(
        config: AwsConfig,
        account: impl Into<AccountId>,
        clients: impl IntoIterator<Item = (String, Ec2Clients)>,
    ) -> Self {
        let placed = |(region, clients)| (AccountRegion::usual(region), clients);
        let clients = clients.into_iter().map(placed).collect();
        Self::of(CallGate::finished(config, account.into()), clients, Pool::default(), Pool::default())
    }

    /// The same with finished clients of ECS and ECR for one region.
    #[must_use]
    pub fn and_deploy_clients(self, region: &str, ecs: EcsClients, ecr: aws_sdk_ecr::Client) -> Self {
        let place = AccountRegion::usual(region);
        Self {
            ecs: EcsPort::new(Arc::clone(&self.gate), [(place.clone(), ecs)].into_iter().collect()),
            ecr: EcrPort::new(Arc::clone(&self.gate), [(place, ecr)].into_iter().collect()),
            ..self
        }
    }

    fn of(gate: CallGate, ec2: Pool<Ec2Clients>, ecs: Pool<EcsClients>, ecr: Pool<aws_sdk_ecr::Client>) -> Self {
        let gate = Arc::new(gate);
        let ec2 = Arc::new(Ec2Port::new(Arc::clone(&gate), ec2));
        Self {
            accounts: AccountPort::new(Arc::clone(&gate)),
            regions: RegionPort::new(Arc::clone(&gate), Arc::clone(&ec2)),
            ec2,
            ecs: EcsPort::new(Arc::clone(&gate), ecs),
            ecr: EcrPort::new(Arc::clone(&gate), ecr),
            secrets: SecretPort::new(Arc::clone(&gate)),
            gate,
        }
    }

    /// How long one attempt of a call may take. After that a call that was begun has arrived or never will.
    pub fn call_timeout(&self) -> Duration {
        self.gate.config.call_timeout()
    }

    /// A client for a DynamoDB table near by. It gives up soon: its caller has three seconds in all.
    pub async fn dynamodb(config: &AwsConfig) -> aws_sdk_dynamodb::Client {
        let sdk = CallGate::new(config.clone()).load().await;
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(TABLE_CONNECT)
            .operation_attempt_timeout(TABLE_ATTEMPT)
            .operation_timeout(TABLE_CALL)
            .build();
        Self::table_client(&sdk, timeouts)
    }

    /// A client for work on a table for which no request waits: making it.
    pub async fn patient_dynamodb(config: &AwsConfig) -> aws_sdk_dynamodb::Client {
        let gate = CallGate::new(config.clone());
        Self::table_client(&gate.load().await, gate.timeouts(3))
    }

    fn table_client(sdk: &SdkConfig, timeouts: TimeoutConfig) -> aws_sdk_dynamodb::Client {
        let retries = RetryConfig::standard().with_max_attempts(3).with_initial_backoff(TABLE_PAUSE);
        let config = aws_sdk_dynamodb::config::Builder::from(sdk).timeout_config(timeouts).retry_config(retries);
        aws_sdk_dynamodb::Client::from_conf(config.build())
    }
}

impl fmt::Debug for Aws {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Aws").field("config", &self.gate.config).finish_non_exhaustive()
    }
}

#[cfg(test)]
pub(crate) mod fake;
#[cfg(test)]
mod tests;
