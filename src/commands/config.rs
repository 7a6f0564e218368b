//! The bounds of commands.

use super::Limits;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// The `commands` section of the configuration.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CommandsConfig {
    /// A change of more targets than this by one command is refused. Default: 5.
    pub max_targets: usize,
    /// How many rows one page of a list has. Default: 20.
    pub page_size: usize,
    /// How long a change waits for its final state, in seconds. Default: 600.
    pub wait_seconds: f64,
    /// How often it looks while it waits, in seconds. Default: 3.
    pub poll_seconds: f64,
}

impl Default for CommandsConfig {
    fn default() -> Self {
        Self { max_targets: 5, page_size: 20, wait_seconds: 600.0, poll_seconds: 3.0 }
    }
}

impl CommandsConfig {
    /// The first value that cannot be used, as one line that names the key, or `Ok`.
    pub fn validate(&self) -> Result<(), String> {
        if self.max_targets == 0 {
            return Err("commands.max_targets must be at least 1".into());
        }
        if self.page_size == 0 {
            return Err("commands.page_size must be at least 1".into());
        }
        for (key, seconds) in [("wait_seconds", self.wait_seconds), ("poll_seconds", self.poll_seconds)] {
            if !(seconds > 0.0 && seconds < 86_400.0) {
                return Err(format!("commands.{key} must be longer than 0 and shorter than a day"));
            }
        }
        Ok(())
    }

    /// The bounds as commands take them.
    pub fn limits(&self) -> Limits {
        Limits {
            max_targets: self.max_targets,
            page_size: self.page_size,
            wait: Duration::from_secs_f64(self.wait_seconds),
            poll: Duration::from_secs_f64(self.poll_seconds),
        }
    }
}
