//! The provider: the only place that builds SDK clients, and a leaf that knows nothing of Slack or of commands.
//!
//! Nothing is built before it is needed: start-up and idle memory stay small, and a bot that is asked for nothing of AWS needs
//! none. Credentials, endpoint and region come from the SDK's default chain. Reading calls are retried by the SDK;
//! changing calls are made once, because a retry that the journal does not see is a second change.

mod advice;
mod budget;
pub mod call;
mod config;
mod ec2;
mod ecr;
mod ecs;
mod error;
mod identity;
mod image_name;
mod instance;
mod metadata;
mod pool;
mod region;
mod secrets;
mod service;
mod time;

pub use advice::{Trouble, places};
pub use budget::{before_reads, is_before_reads};
pub use call::Call;
pub use config::{AwsConfig, MetadataUse};
pub use ec2::{Filter, Power};
pub use ecr::{Image, ImageKey, Repository};
pub use error::{AwsError, Class};
pub use identity::Identity;
pub use image_name::{pinned, unpinned};
pub use instance::{Checks, INSTANCE, Instance, Protection, State, Volume};
pub use metadata::{Look, Metadata, MetadataSources};
pub use region::{is_region, region_like, region_of_place};
pub use service::{Definition, Deployment, Past, Revision, Rollout, SERVICE, Service, ServiceAt, Task};

use aws_config::{BehaviorVersion, SdkConfig};
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_smithy_types::{retry::RetryConfig, timeout::TimeoutConfig};
use budget::Budget;
use parking_lot::Mutex;
use pool::Pool;
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;
use tokio::sync::OnceCell;
use tokio::time::Instant;

/// How long DynamoDB may take to be reached, to answer one attempt, and to answer with all of them; and the first pause
/// between two.
const TABLE_CONNECT: Duration = Duration::from_millis(800);
const TABLE_ATTEMPT: Duration = Duration::from_millis(1_000);
const TABLE_CALL: Duration = Duration::from_millis(2_200);
const TABLE_PAUSE: Duration = Duration::from_millis(50);

/// How old the list of the account's regions must be for a name that it lacks to have AWS asked again.
const REGIONS_AGE: Duration = Duration::from_secs(60);

/// The clients of one service in one region: finished adapters.
#[derive(Clone, Debug)]
pub struct Clients<C> {
    /// For calls that may be repeated.
    pub read: C,
    /// For calls that change something: one attempt, no retry of its own.
    pub change: C,
}

/// The EC2 clients of one region.
pub type Ec2Clients = Clients<aws_sdk_ec2::Client>;
/// The ECS clients of one region.
pub type EcsClients = Clients<aws_sdk_ecs::Client>;

/// The provider. Cheap to make, shared by all commands.
pub struct Aws {
    config: AwsConfig,
    /// The SDK's configuration, once it is asked for; `None` when finished clients were given.
    sdk: Option<OnceCell<SdkConfig>>,
    ec2: Pool<Ec2Clients>,
    ecs: Pool<EcsClients>,
    /// Nothing is changed in ECR, so these may all repeat.
    ecr: Pool<aws_sdk_ecr::Client>,
    account: OnceCell<String>,
    /// When regions last took the credentials.
    welcome: Mutex<BTreeMap<String, Instant>>,
    /// The regions that there are, and when AWS said so.
    regions: tokio::sync::Mutex<Option<(Instant, Vec<String>)>>,
    budget: Budget,
}

impl Aws {
    /// A provider that builds its clients on first use, by the SDK's default chain.
    pub fn new(config: AwsConfig) -> Self {
        Self {
            sdk: Some(OnceCell::new()),
            ec2: Pool::default(),
            ecs: Pool::default(),
            ecr: Pool::default(),
            account: OnceCell::new(),
            welcome: Mutex::default(),
            regions: tokio::sync::Mutex::default(),
            budget: Budget::new(config.rate_share),
            config,
        }
    }

    /// A provider that consists of these finished clients, by region, in this account. It knows no other regions and
    /// reads no environment; `config.region` should name one of them.
    pub fn with_ec2_clients(
        config: AwsConfig,
        account: impl Into<String>,
        clients: impl IntoIterator<Item = (String, Ec2Clients)>,
    ) -> Self {
        Self {
            sdk: None,
            ec2: clients.into_iter().collect(),
            ecs: Pool::default(),
            ecr: Pool::default(),
            account: OnceCell::new_with(Some(account.into())),
            welcome: Mutex::default(),
            regions: tokio::sync::Mutex::default(),
            budget: Budget::new(config.rate_share),
            config,
        }
    }

    /// How long one attempt of a call may take. After that a call that was begun has arrived or never will.
    pub fn call_timeout(&self) -> Duration {
        self.config.call_timeout()
    }

    /// The same with finished clients of ECS and ECR for one region.
    #[must_use]
    pub fn and_deploy_clients(self, region: &str, ecs: EcsClients, ecr: aws_sdk_ecr::Client) -> Self {
        self.ecs.keep(region, ecs);
        self.ecr.keep(region, ecr);
        self
    }

    /// The account in which the bot acts, 12 digits: as an answer of AWS has told it, or by GetCallerIdentity; asked once.
    pub async fn account(&self) -> Result<String, AwsError> {
        self.account.get_or_try_init(|| self.ask_account()).await.cloned()
    }

    /// What AWS owns is in the bot's account, so an answer that names its owner names the account: where STS is out of
    /// reach, nothing else needs it.
    fn learn_account(&self, account: Option<&str>) {
        let is_one = |account: &&str| account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit());
        if let (Some(account), false) = (account.filter(is_one), self.account.initialized()) {
            // asked or learned meanwhile is as good
            let _ = self.account.set(account.to_owned());
        }
    }

    /// The region of commands that name none.
    pub async fn default_region(&self) -> Result<String, AwsError> {
        if let Some(region) = &self.config.region {
            return Ok(region.clone());
        }
        let region = self.sdk().await.and_then(|sdk| sdk.region()).map(ToString::to_string);
        // AWS_REGION="" is no region
        let region = region.filter(|region| !region.is_empty());
        region.ok_or_else(|| {
            let message = "neither aws.region nor AWS_REGION is set";
            let own = AwsError::own("ec2", "choosing a region", "no region", Class::Input, message);
            AwsError { code: Some(error::NO_REGION.into()), ..own }
        })
    }

    /// The regions that `all` means, sorted: the configured ones, or those that are enabled for the account; asked once.
    pub async fn all_regions(&self) -> Result<Vec<String>, AwsError> {
        self.regions_with(&[]).await
    }

    /// Those of these regions that commands may name: what `all` means, and the region of commands that name none.
    /// Nothing but this keeps a made-up name from becoming a client, a host name and a connection.
    pub async fn known_of(&self, names: &[String]) -> Result<Vec<String>, AwsError> {
        let default = self.default_region().await.ok();
        let (own, others): (Vec<_>, Vec<_>) = names.iter().cloned().partition(|name| Some(name) == default.as_ref());
        let all = if others.is_empty() { Vec::new() } else { self.regions_with(&others).await? };
        Ok(own.into_iter().chain(others.into_iter().filter(|name| all.contains(name))).collect())
    }

    /// The regions that there are. One of these that is missing may have been enabled since AWS was asked.
    async fn regions_with(&self, names: &[String]) -> Result<Vec<String>, AwsError> {
        let mut known = self.regions.lock().await;
        if let Some((asked, regions)) = known.as_ref()
            && (asked.elapsed() < REGIONS_AGE || names.iter().all(|name| regions.contains(name)))
        {
            return Ok(regions.clone());
        }
        let regions = self.ask_regions().await?;
        *known = Some((Instant::now(), regions.clone()));
        Ok(regions)
    }

    async fn ask_regions(&self) -> Result<Vec<String>, AwsError> {
        let mut regions = if !self.config.regions.is_empty() {
            self.config.regions.clone()
        } else if self.sdk.is_none() {
            self.ec2.regions()
        } else {
            self.describe_regions().await?
        };
        regions.sort();
        regions.dedup();
        Ok(regions)
    }

    /// The clients of a region, built on first use.
    async fn ec2(&self, call: &'static Call, region: &str) -> Result<Ec2Clients, AwsError> {
        if let Some(clients) = self.ec2.get(region) {
            return Ok(clients);
        }
        let Some(sdk) = self.sdk().await else { return Err(self.unknown_region(call, region)) };
        let build = |retries: RetryConfig, timeouts: TimeoutConfig| {
            let conf = aws_sdk_ec2::config::Builder::from(sdk)
                .region(aws_sdk_ec2::config::Region::new(region.to_owned()))
                .retry_config(retries)
                .timeout_config(timeouts);
            aws_sdk_ec2::Client::from_conf(conf.build())
        };
        let clients = Ec2Clients {
            read: build(self.retries(), self.timeouts(self.config.read_attempts)),
            change: build(RetryConfig::disabled(), self.timeouts(1)),
        };
        Ok(self.ec2.keep(region, clients))
    }

    /// The SDK's configuration, read on first use; `None` when finished clients were given.
    async fn sdk(&self) -> Option<&SdkConfig> {
        let cell = self.sdk.as_ref()?;
        Some(cell.get_or_init(|| Box::pin(self.load())).await)
    }

    async fn load(&self) -> SdkConfig {
        let http =
            aws_smithy_http_client::Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https();
        let mut loader = aws_config::defaults(BehaviorVersion::latest()).http_client(http);
        if let Some(region) = &self.config.region {
            loader = loader.region(aws_config::Region::new(region.clone()));
        }
        loader.load().await
    }

    /// A client for a DynamoDB table near by. It gives up soon: its caller has three seconds in all.
    pub async fn dynamodb(config: &AwsConfig) -> aws_sdk_dynamodb::Client {
        let sdk = Self::new(config.clone()).load().await;
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(TABLE_CONNECT)
            .operation_attempt_timeout(TABLE_ATTEMPT)
            .operation_timeout(TABLE_CALL)
            .build();
        Self::table_client(&sdk, timeouts)
    }

    /// A client for work on a table for which no request waits: making it.
    pub async fn patient_dynamodb(config: &AwsConfig) -> aws_sdk_dynamodb::Client {
        let aws = Self::new(config.clone());
        Self::table_client(&aws.load().await, aws.timeouts(3))
    }

    fn table_client(sdk: &SdkConfig, timeouts: TimeoutConfig) -> aws_sdk_dynamodb::Client {
        let retries = RetryConfig::standard().with_max_attempts(3).with_initial_backoff(TABLE_PAUSE);
        let config = aws_sdk_dynamodb::config::Builder::from(sdk).timeout_config(timeouts).retry_config(retries);
        aws_sdk_dynamodb::Client::from_conf(config.build())
    }

    fn retries(&self) -> RetryConfig {
        RetryConfig::standard().with_max_attempts(self.config.read_attempts)
    }

    fn timeouts(&self, attempts: u32) -> TimeoutConfig {
        TimeoutConfig::builder()
            .connect_timeout(self.config.connect_timeout())
            .operation_attempt_timeout(self.config.call_timeout())
            .operation_timeout(self.config.call_timeout() * attempts)
            .build()
    }

    fn unknown_region(&self, call: &Call, region: &str) -> AwsError {
        AwsError::own(call.service(), call.operation(), region, Class::NotSent, "no client was given for this region")
    }
}

impl fmt::Debug for Aws {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Aws").field("config", &self.config).finish_non_exhaustive()
    }
}

#[cfg(test)]
pub(crate) mod fake;
#[cfg(test)]
mod tests;
