//! What the ports of all services make their calls through: the credentials, the budget, and what is known of the account and
//! its regions. Each call waits for its turn, is timed and counted, and fails with a classified error that names its place.

use super::budget::Budget;
use super::call::Call;
use super::error::{NO_ACCOUNT, NO_REGION};
use super::{AwsConfig, AwsError, Class};
use crate::domain::{AccountId, AccountRegion};
use aws_config::{BehaviorVersion, SdkConfig};
use aws_sdk_ec2::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_types::{retry::RetryConfig, timeout::TimeoutConfig};
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::error::Error;
use std::time::Duration;
use tokio::sync::OnceCell;
use tokio::time::Instant;

/// For how long it is believed of a region that it takes the credentials.
const RECENT: Duration = Duration::from_secs(600);

/// The way of every call, shared by the ports.
pub(super) struct CallGate {
    pub(super) config: AwsConfig,
    /// The SDK's configuration, once it is asked for; `None` when finished clients were given.
    pub(super) sdk: Option<OnceCell<SdkConfig>>,
    /// The account to which the credentials belong, once AWS has told it.
    account: OnceCell<AccountId>,
    budget: Budget,
    /// When places last took the credentials.
    welcome: Mutex<BTreeMap<AccountRegion, Instant>>,
}

impl CallGate {
    /// One that reads the SDK's default chain on first use.
    pub(super) fn new(config: AwsConfig) -> Self {
        Self {
            sdk: Some(OnceCell::new()),
            account: OnceCell::new(),
            budget: Budget::new(config.rate_share),
            welcome: Mutex::default(),
            config,
        }
    }

    /// One that reads nothing of its surroundings: finished clients of this account are given.
    pub(super) fn finished(config: AwsConfig, account: AccountId) -> Self {
        Self { sdk: None, account: OnceCell::new_with(Some(account)), ..Self::new(config) }
    }

    /// One whose SDK has been configured.
    #[cfg(test)]
    pub(super) fn configured(config: AwsConfig, sdk: SdkConfig) -> Self {
        Self { sdk: Some(OnceCell::new_with(Some(sdk))), ..Self::new(config) }
    }

    /// The account to which the credentials belong, asked once.
    pub(super) async fn usual_account(&self) -> Result<AccountId, AwsError> {
        self.account.get_or_try_init(|| self.ask_account()).await.cloned()
    }

    /// The same, where it is known already.
    pub(super) fn known_account(&self) -> Option<&AccountId> {
        self.account.get()
    }

    /// What AWS owns is in the bot's account, so an answer that names its owner names the account: where STS is out of
    /// reach, nothing else needs it.
    pub(super) fn learn_account(&self, account: Option<&str>) {
        let account = account.map(AccountId::from).filter(AccountId::is_id);
        if let (Some(account), false) = (account, self.account.initialized()) {
            // asked or learned meanwhile is as good
            let _ = self.account.set(account);
        }
    }

    /// By what the clients and the tokens of a place are kept: the usual account has one name there, whether AWS has told its
    /// number by now or not.
    pub(super) fn key(&self, place: &AccountRegion) -> AccountRegion {
        let account = place.account.as_ref();
        let other = account.filter(|account| self.known_account().is_some_and(|usual| usual != *account));
        AccountRegion { account: other.cloned(), region: place.region.clone() }
    }

    /// Refuses an account that is known to be another than that of the credentials. Where theirs is not known yet, what is
    /// read tells it, and is refused then.
    #[expect(clippy::result_large_err, reason = "an error is rare, and becomes a sentence at once")]
    pub(super) fn admit(&self, call: &Call, place: &AccountRegion) -> Result<(), AwsError> {
        match (&place.account, self.known_account()) {
            (Some(account), Some(usual)) if account != usual => Err(no_account(call, place)),
            _ => Ok(()),
        }
    }

    /// The same for a call that changes something: where an account is named, the credentials are known to belong to it.
    #[expect(clippy::result_large_err, reason = "an error is rare, and becomes a sentence at once")]
    pub(super) fn admit_change(&self, call: &Call, place: &AccountRegion) -> Result<(), AwsError> {
        match &place.account {
            Some(account) if self.known_account() != Some(account) => Err(no_account(call, place)),
            _ => Ok(()),
        }
    }

    /// The region of commands that name none.
    pub(super) async fn default_region(&self) -> Result<String, AwsError> {
        if let Some(region) = &self.config.region {
            return Ok(region.clone());
        }
        let region = self.sdk().await.and_then(|sdk| sdk.region()).map(ToString::to_string);
        // AWS_REGION="" is no region
        let region = region.filter(|region| !region.is_empty());
        region.ok_or_else(|| {
            let message = "neither aws.region nor AWS_REGION is set";
            let own = AwsError::own("ec2", "choosing a region", "no region", Class::Input, message);
            AwsError { code: Some(NO_REGION.into()), ..own }
        })
    }

    /// That region, in the usual account.
    pub(super) async fn default_place(&self) -> Result<AccountRegion, AwsError> {
        Ok(AccountRegion::usual(self.default_region().await?))
    }

    /// The SDK's configuration, read on first use; `None` when finished clients were given.
    pub(super) async fn sdk(&self) -> Option<&SdkConfig> {
        let cell = self.sdk.as_ref()?;
        Some(cell.get_or_init(|| Box::pin(self.load())).await)
    }

    /// The same, where a call cannot be made without it.
    pub(super) async fn sdk_for(&self, call: &Call, place: &AccountRegion) -> Result<&SdkConfig, AwsError> {
        self.sdk().await.ok_or_else(|| {
            let message = "no client was given for this region";
            let own = AwsError::own(call.service(), call.operation(), &place.region, Class::NotSent, message);
            AwsError { account: place.account.clone(), ..own }
        })
    }

    pub(super) async fn load(&self) -> SdkConfig {
        let http =
            aws_smithy_http_client::Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https();
        let mut loader = aws_config::defaults(BehaviorVersion::latest()).http_client(http);
        if let Some(region) = &self.config.region {
            loader = loader.region(aws_config::Region::new(region.clone()));
        }
        loader.load().await
    }

    /// How a call that may be repeated is repeated.
    pub(super) fn retries(&self) -> RetryConfig {
        RetryConfig::standard().with_max_attempts(self.config.read_attempts)
    }

    /// How long so many attempts may take.
    pub(super) fn timeouts(&self, attempts: u32) -> TimeoutConfig {
        TimeoutConfig::builder()
            .connect_timeout(self.config.connect_timeout())
            .operation_attempt_timeout(self.config.call_timeout())
            .operation_timeout(self.config.call_timeout() * attempts)
            .build()
    }

    /// Makes a call when its turn has come, and times, counts and classifies it.
    pub(super) async fn observed<T, E>(
        &self,
        call: &'static Call,
        place: &AccountRegion,
        answer: impl Future<Output = Result<T, SdkError<E, HttpResponse>>>,
    ) -> Result<T, AwsError>
    where
        E: ProvideErrorMetadata + Error + 'static,
    {
        self.await_turn(call, place).await;
        self.told(call, place, answer).await
    }

    /// Waits until AWS's bucket has room for this call.
    pub(super) async fn await_turn(&self, call: &Call, place: &AccountRegion) {
        if let Some(bucket) = call.bucket {
            self.budget.take(&self.key(place), bucket).await;
        }
    }

    /// Makes a call whose turn has come.
    pub(super) async fn told<T, E>(
        &self,
        call: &'static Call,
        place: &AccountRegion,
        answer: impl Future<Output = Result<T, SdkError<E, HttpResponse>>>,
    ) -> Result<T, AwsError>
    where
        E: ProvideErrorMetadata + Error + 'static,
    {
        let start = Instant::now();
        let (operation, bucket) = (call.operation(), call.bucket);
        let result = answer.await.map_err(|error| AwsError::from_sdk(call, place, &error));
        let result = self.placed(place, result);
        let class = result.as_ref().map_or_else(|error| error.class.as_str(), |_| "ok");
        metrics::counter!("dronebot_aws_calls_total", "operation" => operation, "class" => class).increment(1);
        metrics::histogram!("dronebot_aws_call_seconds", "operation" => operation)
            .record(start.elapsed().as_secs_f64());
        if let Err(error) = &result {
            match (error.class, bucket) {
                (Class::DryRun, _) => {}
                (Class::Throttled, Some(bucket)) => self.budget.exhausted(&self.key(place), bucket),
                _ => tracing::warn!(operation, region = place.region, class, %error, "aws call failed"),
            }
        }
        result
    }

    /// Adds to an error what is known of its place.
    #[expect(clippy::result_large_err, reason = "an error is rare, and becomes a sentence at once")]
    fn placed<T>(&self, place: &AccountRegion, result: Result<T, AwsError>) -> Result<T, AwsError> {
        let key = self.key(place);
        let mut welcome = self.welcome.lock();
        match result {
            Ok(answer) => {
                welcome.retain(|_, at| at.elapsed() < RECENT);
                welcome.insert(key, Instant::now());
                Ok(answer)
            }
            Err(error) => {
                let is_near = |other: &AccountRegion| other.account == key.account && other.region != key.region;
                let elsewhere = welcome.iter().any(|(other, at)| is_near(other) && at.elapsed() < RECENT);
                let account = error.account.clone().or_else(|| self.known_account().cloned());
                Err(AwsError { account, elsewhere, ..error })
            }
        }
    }
}

/// That the program has no credentials for the account of a place.
fn no_account(call: &Call, place: &AccountRegion) -> AwsError {
    let message = "the credentials are not known to belong to this account";
    let own = AwsError::own(call.service(), call.operation(), &place.region, Class::NotSent, message);
    AwsError { code: Some(NO_ACCOUNT.into()), account: place.account.clone(), ..own }
}
