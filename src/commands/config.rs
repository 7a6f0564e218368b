//! The bounds of commands.

use super::Limits;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// The `commands` section of the configuration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CommandsConfig {
    /// A change of more targets than this by one command is refused. Default: 10.
    pub max_targets: usize,
    /// How many rows one page of a list has. Default: 20.
    pub page_size: usize,
    /// How long a change waits for its final state, in seconds. Default: 600.
    pub wait_seconds: u64,
    /// How often it looks while it waits, in seconds. Default: 3.
    pub poll_seconds: u64,
}

impl Default for CommandsConfig {
    fn default() -> Self {
        Self { max_targets: 10, page_size: 20, wait_seconds: 600, poll_seconds: 3 }
    }
}

impl CommandsConfig {
    /// The first value that cannot be used, as one line that names the key, or `Ok`.
    pub fn validate(&self) -> Result<(), String> {
        if self.max_targets == 0 || self.page_size == 0 || self.wait_seconds == 0 || self.poll_seconds == 0 {
            return Err("commands.max_targets, page_size, wait_seconds and poll_seconds must be at least 1".into());
        }
        Ok(())
    }

    /// The bounds as commands take them.
    pub fn limits(&self) -> Limits {
        Limits {
            max_targets: self.max_targets,
            page_size: self.page_size,
            wait: Duration::from_secs(self.wait_seconds),
            poll: Duration::from_secs(self.poll_seconds),
        }
    }
}
