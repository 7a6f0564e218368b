//! The sections of the rooms, with the keys of their own `Config` structs.

use secrecy::SecretString;
use serde::{Deserialize, Deserializer};
use std::path::PathBuf;

/// The `slack` section.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the room's own struct documents its keys")]
pub struct SlackSection {
    pub api_url: String,
    #[serde(deserialize_with = "secret")]
    pub app_token: SecretString,
    #[serde(deserialize_with = "secret")]
    pub bot_token: SecretString,
    #[serde(default, deserialize_with = "optional_secret")]
    pub proxy_url: Option<SecretString>,
    pub connections: usize,
    pub ping_interval_seconds: f64,
    pub idle_timeout_seconds: f64,
    pub open_timeout_seconds: f64,
    pub dial_timeout_seconds: f64,
    pub hello_timeout_seconds: f64,
    pub write_timeout_seconds: f64,
    pub backoff_min_seconds: f64,
    pub backoff_max_seconds: f64,
    pub stable_after_seconds: f64,
    pub too_many_backoff_seconds: f64,
    pub disabled_recheck_seconds: f64,
    pub overlap_seconds: f64,
    pub close_grace_seconds: f64,
    pub stop_grace_seconds: f64,
    pub max_in_flight: usize,
    pub api_timeout_seconds: f64,
    pub api_connections: usize,
    pub pacing: PacingSection,
}

/// The `slack.pacing` section.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the room's own struct documents its keys")]
pub struct PacingSection {
    pub tier2_per_minute: u32,
    pub tier3_per_minute: u32,
    pub tier4_per_minute: u32,
    pub posts_per_minute: u32,
    pub channel_interval_seconds: f64,
    pub max_wait_seconds: f64,
}

impl SlackSection {
    /// Refuses values that cannot work; the error begins with the key.
    pub fn check(&self) -> Result<(), String> {
        if !(1..=10).contains(&self.connections) {
            return Err("connections must be between 1 and 10, Slack's limit for an app".to_owned());
        }
        Ok(())
    }
}

/// The `store` section.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the room's own struct documents its keys")]
pub struct StoreSection {
    pub path: PathBuf,
    pub retention_days: u32,
    pub dedupe_days: u32,
    pub queue_limit: usize,
    pub cache_kib: u32,
    pub log_mib: u32,
    pub max_mib: u32,
}

/// The `aws` section.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the room's own struct documents its keys")]
pub struct AwsSection {
    #[serde(default)]
    pub region: Option<String>,
    pub regions: Vec<String>,
    pub call_timeout_seconds: u64,
    pub connect_timeout_seconds: u64,
    pub read_attempts: u32,
    pub rate_share: f64,
}

fn secret<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SecretString, D::Error> {
    String::deserialize(deserializer).map(SecretString::from)
}

fn optional_secret<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<SecretString>, D::Error> {
    Option::<String>::deserialize(deserializer).map(|text| text.map(SecretString::from))
}
