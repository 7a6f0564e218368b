//! What can be set about AWS. Credentials cannot: they come from the SDK's default chain alone.

use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Whether the metadata services of EC2 and ECS are asked what this machine is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", try_from = "String")]
pub enum MetadataUse {
    /// They are asked a few times, and not missed when they are not there.
    #[default]
    Auto,
    /// They are there, and are asked until they answer.
    On,
    /// They are not asked.
    Off,
}

impl TryFrom<String> for MetadataUse {
    type Error = String;
    fn try_from(word: String) -> Result<Self, String> {
        match word.as_str() {
            "auto" => Ok(Self::Auto),
            "on" => Ok(Self::On),
            "off" => Ok(Self::Off),
            _ => Err(format!("must be `auto`, `on` or `off`, not `{word}`")),
        }
    }
}

/// The `aws` section of the configuration.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AwsConfig {
    /// The region of commands that name none. Default: what the SDK's chain says (`AWS_REGION`, profile, instance).
    pub region: Option<String>,
    /// The regions that `--region all` means; beside [`AwsConfig::region`], no other may be named. Default: empty, which asks
    /// DescribeRegions for those the account has.
    pub regions: Vec<String>,
    /// How long one attempt of one call may take, in seconds. Default: 10.
    pub call_timeout_seconds: u64,
    /// How long to wait for a connection, in seconds. Default: 3.
    pub connect_timeout_seconds: u64,
    /// How often a reading call is tried in all; a changing call is tried once, always. Default: 3.
    pub read_attempts: u32,
    /// The share of AWS's documented request rates that this bot allows itself, above 0 and up to 1, so that it does
    /// not starve others of the account. Default: 0.3.
    pub rate_share: f64,
    /// Whether the metadata services are asked what this machine is. Default: auto.
    pub metadata: MetadataUse,
}

impl Default for AwsConfig {
    fn default() -> Self {
        Self {
            region: None,
            regions: Vec::new(),
            call_timeout_seconds: 10,
            connect_timeout_seconds: 3,
            read_attempts: 3,
            rate_share: 0.3,
            metadata: MetadataUse::Auto,
        }
    }
}

impl AwsConfig {
    /// The first value that cannot be used, as one line that names the key, or `Ok`.
    pub fn validate(&self) -> Result<(), String> {
        for region in self.region.iter().chain(&self.regions) {
            if !super::region::is_region(region) {
                return Err(format!("aws.region and aws.regions must be regions such as eu-central-1, not {region:?}"));
            }
        }
        if self.call_timeout_seconds == 0 || self.connect_timeout_seconds == 0 {
            return Err("aws.call_timeout_seconds and aws.connect_timeout_seconds must be at least 1".into());
        }
        if self.read_attempts == 0 {
            return Err("aws.read_attempts must be at least 1".into());
        }
        if !(self.rate_share > 0.0 && self.rate_share <= 1.0) {
            return Err("aws.rate_share must be above 0 and at most 1".into());
        }
        Ok(())
    }

    pub(super) fn call_timeout(&self) -> Duration {
        Duration::from_secs(self.call_timeout_seconds)
    }

    pub(super) fn connect_timeout(&self) -> Duration {
        Duration::from_secs(self.connect_timeout_seconds)
    }
}
