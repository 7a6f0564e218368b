//! As whom the bot acts, and by whose clock.

use super::AwsError;
use super::call::{self, Call};
use super::gate::CallGate;
use crate::domain::AccountId;
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::BeforeDeserializationInterceptorContextRef;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;
use jiff::Timestamp;
use parking_lot::Mutex;
use std::sync::Arc;

/// As whom AWS knows the bot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The account.
    pub account: AccountId,
    /// The role or user, `arn:aws:sts::…:assumed-role/…`.
    pub arn: String,
}

/// Notes the `Date` of an answer, whatever the answer says.
#[derive(Clone, Debug, Default)]
struct SeenDate(Arc<Mutex<Option<Timestamp>>>);

impl Intercept for SeenDate {
    fn name(&self) -> &'static str {
        "SeenDate"
    }

    fn read_before_deserialization(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let date = context.response().headers().get("date");
        let date = date.and_then(|date| jiff::fmt::rfc2822::parse(date).ok());
        *self.0.lock() = date.map(|date| date.timestamp());
        Ok(())
    }
}

/// The account in which the bot acts, and its identity there, as STS tells them.
pub struct AccountPort {
    gate: Arc<CallGate>,
}

impl AccountPort {
    pub(super) fn new(gate: Arc<CallGate>) -> Self {
        Self { gate }
    }

    /// The account to which the credentials belong: as an answer of AWS has told it, or by GetCallerIdentity; asked once.
    pub async fn usual(&self) -> Result<AccountId, AwsError> {
        self.gate.usual_account().await
    }

    /// The same, where it is known already.
    pub fn known(&self) -> Option<AccountId> {
        self.gate.known_account().cloned()
    }

    /// As whom the bot acts, by GetCallerIdentity, and the time of day by AWS's clock where it answered at all.
    pub async fn identity(&self) -> (Result<Identity, AwsError>, Option<Timestamp>) {
        let date = SeenDate::default();
        let identity = self.gate.ask_identity(date.clone()).await;
        let date = *date.0.lock();
        (identity, date)
    }
}

impl CallGate {
    async fn ask_identity(&self, date: SeenDate) -> Result<Identity, AwsError> {
        const CALL: &Call = &call::GET_CALLER_IDENTITY;
        let place = self.default_place().await?;
        let sdk = self.sdk_for(CALL, &place).await?;
        let conf = aws_sdk_sts::config::Builder::from(sdk)
            .region(aws_sdk_sts::config::Region::new(place.region.clone()))
            .retry_config(self.retries())
            .timeout_config(self.timeouts(self.config.read_attempts))
            .interceptor(date)
            .build();
        let call = aws_sdk_sts::Client::from_conf(conf).get_caller_identity().send();
        let identity = self.observed(CALL, &place, Box::pin(call)).await?;
        let word = |word: Option<&str>| word.unwrap_or_default().to_owned();
        Ok(Identity { account: word(identity.account()).into(), arn: word(identity.arn()) })
    }

    pub(super) async fn ask_account(&self) -> Result<AccountId, AwsError> {
        Ok(self.ask_identity(SeenDate::default()).await?.account)
    }
}
