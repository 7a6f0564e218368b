//! Secrets by reference, read where they are kept. What is read is never logged, and stands in no error.

use super::call::{self, Call};
use super::gate::CallGate;
use super::{AwsError, Class};
use crate::domain::SecretReference;
use secrecy::SecretString;
use std::sync::Arc;

/// The secrets that Parameter Store and Secrets Manager keep.
pub struct SecretPort {
    gate: Arc<CallGate>,
}

impl SecretPort {
    pub(super) fn new(gate: Arc<CallGate>) -> Self {
        Self { gate }
    }

    /// The secret that is kept there.
    pub async fn secret(&self, reference: &SecretReference) -> Result<SecretString, AwsError> {
        match reference {
            SecretReference::Parameter(name) => self.parameter(name).await,
            SecretReference::Secret { id, key } => self.secret_value(id, key.as_deref()).await,
        }
    }

    async fn parameter(&self, name: &str) -> Result<SecretString, AwsError> {
        const CALL: &Call = &call::GET_PARAMETER;
        let place = self.gate.default_place().await?;
        let sdk = self.gate.sdk_for(CALL, &place).await?;
        let conf = aws_sdk_ssm::config::Builder::from(sdk)
            .region(aws_sdk_ssm::config::Region::new(place.region.clone()))
            .retry_config(self.gate.retries())
            .timeout_config(self.gate.timeouts(self.gate.config.read_attempts));
        let client = aws_sdk_ssm::Client::from_conf(conf.build());
        let call = client.get_parameter().name(name).with_decryption(true).send();
        let answer = self.gate.observed(CALL, &place, Box::pin(call)).await?;
        let value = answer.parameter().and_then(|parameter| parameter.value());
        value.map(SecretString::from).ok_or_else(|| empty(CALL, &place.region, "the parameter has no value"))
    }

    async fn secret_value(&self, id: &str, key: Option<&str>) -> Result<SecretString, AwsError> {
        const CALL: &Call = &call::GET_SECRET_VALUE;
        let place = self.gate.default_place().await?;
        let sdk = self.gate.sdk_for(CALL, &place).await?;
        let conf = aws_sdk_secretsmanager::config::Builder::from(sdk)
            .region(aws_sdk_secretsmanager::config::Region::new(place.region.clone()))
            .retry_config(self.gate.retries())
            .timeout_config(self.gate.timeouts(self.gate.config.read_attempts));
        let client = aws_sdk_secretsmanager::Client::from_conf(conf.build());
        let call = client.get_secret_value().secret_id(id).send();
        let answer = self.gate.observed(CALL, &place, Box::pin(call)).await?;
        let text = answer.secret_string().ok_or_else(|| empty(CALL, &place.region, "the secret is no text"))?;
        let Some(key) = key else { return Ok(SecretString::from(text)) };
        // an error of the parser could repeat what it met
        let fields: serde_json::Value = serde_json::from_str(text).unwrap_or_default();
        let value = fields.get(key).and_then(serde_json::Value::as_str);
        value
            .map(SecretString::from)
            .ok_or_else(|| empty(CALL, &place.region, &format!("its JSON has no text `{key}`")))
    }
}

/// AWS answered, and what it has is no secret that could be used.
fn empty(call: &Call, region: &str, what: &str) -> AwsError {
    AwsError::own(call.service(), call.operation(), region, Class::NotFound, what)
}
