//! As whom the bot acts, and by whose clock.

use super::call::{self, Call};
use super::{Aws, AwsError};
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
    /// The account, 12 digits.
    pub account: String,
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

impl Aws {
    /// As whom the bot acts, by GetCallerIdentity, and the time of day by AWS's clock where it answered at all.
    pub async fn identity(&self) -> (Result<Identity, AwsError>, Option<Timestamp>) {
        let date = SeenDate::default();
        let identity = self.ask_identity(date.clone()).await;
        let date = *date.0.lock();
        (identity, date)
    }

    async fn ask_identity(&self, date: SeenDate) -> Result<Identity, AwsError> {
        const CALL: &Call = &call::GET_CALLER_IDENTITY;
        let region = self.default_region().await?;
        let Some(sdk) = self.sdk().await else { return Err(self.unknown_region(CALL, &region)) };
        let conf = aws_sdk_sts::config::Builder::from(sdk)
            .region(aws_sdk_sts::config::Region::new(region.clone()))
            .retry_config(self.retries())
            .timeout_config(self.timeouts(self.config.read_attempts))
            .interceptor(date)
            .build();
        let call = aws_sdk_sts::Client::from_conf(conf).get_caller_identity().send();
        let identity = self.observed(CALL, &region, Box::pin(call)).await?;
        let word = |word: Option<&str>| word.unwrap_or_default().to_owned();
        Ok(Identity { account: word(identity.account()), arn: word(identity.arn()) })
    }

    pub(super) async fn ask_account(&self) -> Result<String, AwsError> {
        Ok(self.ask_identity(SeenDate::default()).await?.account)
    }
}
