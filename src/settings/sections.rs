//! The sections of the settings that are no room's own.

use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
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
}

impl SupervisionSettings {
    /// Refuses values that cannot work; the error begins with the key.
    pub fn check(&self) -> Result<(), String> {
        if self.backoff_min > self.backoff_max {
            return Err("backoff_min_seconds must not be longer than backoff_max_seconds".into());
        }
        positive(&[("window_seconds", self.window), ("stuck_after_seconds", self.stuck_after)])
    }
}

/// The bounds of commands.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CommandSettings {
    /// A change of more targets than this is refused.
    pub max_targets: usize,
    /// Rows of one page of a list.
    pub page_size: usize,
    /// How long to wait for a final state.
    #[serde(rename = "wait_seconds", deserialize_with = "seconds")]
    pub wait: Duration,
    /// How often to look while waiting.
    #[serde(rename = "poll_seconds", deserialize_with = "seconds")]
    pub poll: Duration,
}

impl CommandSettings {
    /// Refuses values that cannot work; the error begins with the key.
    pub fn check(&self) -> Result<(), String> {
        if self.max_targets == 0 {
            return Err("max_targets must be at least 1".into());
        }
        if self.page_size == 0 {
            return Err("page_size must be at least 1".into());
        }
        positive(&[("wait_seconds", self.wait), ("poll_seconds", self.poll)])
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

/// The groups of the bot, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct GroupsConfig(pub BTreeMap<String, GroupConfig>);

/// Who is in one group.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct GroupConfig {
    /// Slack's ids of people, `U…`.
    pub users: BTreeSet<String>,
    /// Slack's ids of user groups, `S…`, whose members are in this group.
    pub slack_usergroups: BTreeSet<String>,
}

impl GroupsConfig {
    /// The names of all groups.
    pub fn names(&self) -> BTreeSet<String> {
        self.0.keys().cloned().collect()
    }

    /// The groups that a person is in. `members` are the people of each Slack user group, by its id; a user group
    /// that is not in it has nobody.
    pub fn membership(&self, user: &str, members: &BTreeMap<String, BTreeSet<String>>) -> BTreeSet<String> {
        let is_in = |group: &GroupConfig| {
            let of = |id: &String| members.get(id).is_some_and(|people| people.contains(user));
            group.users.contains(user) || group.slack_usergroups.iter().any(of)
        };
        self.0.iter().filter(|(_, group)| is_in(group)).map(|(name, _)| name.clone()).collect()
    }

    /// The people of these groups, each once, in the order of the groups: whom a refusal may name.
    pub fn people(&self, groups: &[String], members: &BTreeMap<String, BTreeSet<String>>) -> Vec<String> {
        let mut people: Vec<String> = Vec::new();
        for group in groups.iter().filter_map(|name| self.0.get(name)) {
            let of_slack = group.slack_usergroups.iter().filter_map(|id| members.get(id)).flatten();
            for user in group.users.iter().chain(of_slack) {
                if !people.contains(user) {
                    people.push(user.clone());
                }
            }
        }
        people
    }

    /// The Slack user groups whose members have to be known.
    pub fn usergroups(&self) -> BTreeSet<String> {
        self.0.values().flat_map(|group| group.slack_usergroups.iter().cloned()).collect()
    }

    /// Refuses what is no id of Slack's; the error begins with the key.
    pub fn check(&self) -> Result<(), String> {
        let is_id = |id: &str, first: &[char]| {
            id.starts_with(first) && id.len() > 1 && id.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
        };
        for (name, group) in &self.0 {
            if let Some(user) = group.users.iter().find(|user| !is_id(user, &['U', 'W'])) {
                return Err(format!(
                    "{name}.users must hold Slack's member ids such as `U0123ABCD`, not `{user}`; \
                     a person's profile in Slack has \"Copy member ID\""
                ));
            }
            if let Some(id) = group.slack_usergroups.iter().find(|id| !is_id(id, &['S'])) {
                return Err(format!(
                    "{name}.slack_usergroups must hold ids of Slack user groups such as `S0123ABCD`, not `{id}`"
                ));
            }
        }
        Ok(())
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
