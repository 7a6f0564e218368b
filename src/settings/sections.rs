//! The sections of the settings that are no room's own.

use crate::domain::ChannelId;
use serde::Deserialize;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// The health server.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HealthSettings {
    /// Where it listens.
    #[serde(deserialize_with = "address")]
    pub listen: SocketAddr,
}

/// The shape of log lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum LogFormat {
    /// For people.
    Text,
    /// For collectors.
    Json,
}

/// Where log lines go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum LogOutput {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

impl TryFrom<String> for LogFormat {
    type Error = String;
    fn try_from(word: String) -> Result<Self, String> {
        match word.as_str() {
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            _ => Err(format!("must be `text` or `json`, not `{word}`")),
        }
    }
}

impl TryFrom<String> for LogOutput {
    type Error = String;
    fn try_from(word: String) -> Result<Self, String> {
        match word.as_str() {
            "stdout" => Ok(Self::Stdout),
            "stderr" => Ok(Self::Stderr),
            _ => Err(format!("must be `stdout` or `stderr`, not `{word}`")),
        }
    }
}

/// The log.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogSettings {
    /// The shape of lines.
    pub format: LogFormat,
    /// What is logged: `info,dronebot::slack=debug`.
    pub filter: String,
    /// Where lines go.
    pub output: LogOutput,
}

/// The policies.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PolicySettings {
    /// The policy file; `None` means the built-in one.
    pub policies: Option<PathBuf>,
    /// The schema file; `None` means the built-in one.
    pub schema: Option<PathBuf>,
}

/// Restarts of actors.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SupervisionSettings {
    /// How many restarts within the window are normal.
    pub max_restarts: usize,
    /// The window.
    #[serde(rename = "window_seconds", deserialize_with = "seconds")]
    pub window: Duration,
    /// The first pause before a restart.
    #[serde(rename = "backoff_min_seconds", deserialize_with = "seconds")]
    pub backoff_min: Duration,
    /// The longest pause before a restart.
    #[serde(rename = "backoff_max_seconds", deserialize_with = "seconds")]
    pub backoff_max: Duration,
    /// After how long a thread that does not turn is taken for stuck.
    #[serde(rename = "stuck_after_seconds", deserialize_with = "seconds")]
    pub stuck_after: Duration,
    /// After how long an actor that gives no sign is taken for hung.
    #[serde(rename = "hung_after_seconds", deserialize_with = "seconds")]
    pub hung_after: Duration,
    /// Whether actors may be broken on purpose.
    pub drills: bool,
}

impl SupervisionSettings {
    /// Refuses values that cannot work; the error begins with the key.
    pub fn check(&self) -> Result<(), String> {
        if self.backoff_min > self.backoff_max {
            return Err("backoff_min_seconds must not be longer than backoff_max_seconds".into());
        }
        positive(&[
            ("window_seconds", self.window),
            ("stuck_after_seconds", self.stuck_after),
            ("hung_after_seconds", self.hung_after),
        ])
    }
}

/// Stopping.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShutdownSettings {
    /// How long a stop waits for running commands and waiting answers.
    #[serde(rename = "drain_seconds", deserialize_with = "seconds")]
    pub drain: Duration,
}

/// The body: the machine, task and image in which the bot runs.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BodySettings {
    /// Where it is said that the bot has moved to another body; `None`: nowhere.
    pub announce_channel: Option<ChannelId>,
    /// The digest of the image, where the program that started it knows it.
    pub image_digest: Option<String>,
    /// How often it is looked whether AWS takes the machine back; 0: never.
    #[serde(rename = "notice_poll_seconds", deserialize_with = "seconds")]
    pub notice_poll: Duration,
    /// Whether the bot leaves a machine of which AWS recommends it, while others go on.
    pub leave_on_rebalance: bool,
}

impl BodySettings {
    /// Refuses values that cannot work; the error begins with the key.
    pub fn check(&self) -> Result<(), String> {
        if let Some(channel) = self.announce_channel.as_ref().filter(|channel| !channel.is_id()) {
            return Err(format!("announce_channel must be a channel's id such as `C0123ABCD`, not `{channel}`"));
        }
        let is_digest = |digest: &String| {
            let hex = digest.strip_prefix("sha256:").unwrap_or_default();
            hex.len() == 64 && hex.bytes().all(|byte| byte.is_ascii_hexdigit())
        };
        match self.image_digest.as_ref().filter(|digest| !is_digest(digest)) {
            Some(digest) => Err(format!("image_digest must be `sha256:` and 64 hexadecimal digits, not `{digest}`")),
            None => Ok(()),
        }
    }
}

fn positive(durations: &[(&str, Duration)]) -> Result<(), String> {
    match durations.iter().find(|(_, duration)| duration.is_zero()) {
        Some((key, _)) => Err(format!("{key} must be longer than 0")),
        None => Ok(()),
    }
}

fn seconds<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let number = f64::deserialize(deserializer)?;
    Duration::try_from_secs_f64(number).map_err(|_| serde::de::Error::custom("must be a number of seconds, 0 or more"))
}

fn address<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<SocketAddr, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.parse().map_err(|_| {
        serde::de::Error::custom(format!("must be an address and a port such as `127.0.0.1:8080`, not `{text}`"))
    })
}
