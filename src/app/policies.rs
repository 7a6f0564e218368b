//! The policies that the settings name.

use crate::commands::COMMANDS;
use crate::dispatch::policy::{Policies, Source};
use crate::domain::Risk;
use crate::settings::Settings;

/// The policies as configured, checked against the schema and the table of commands.
pub fn load_policies(settings: &Settings) -> Result<Policies, String> {
    let policies = match &settings.policy.policies {
        Some(path) => Source::file(path).map_err(|error| error.to_string())?,
        None => Source::built_in_policies(),
    };
    let schema = match &settings.policy.schema {
        Some(path) => Source::file(path).map_err(|error| error.to_string())?,
        None => Source::built_in_schema(),
    };
    let actions: Vec<(&str, Risk)> = COMMANDS.iter().map(|row| (row.action, row.risk)).collect();
    Policies::load(&policies, &schema, &actions, &settings.groups.names()).map_err(|error| error.to_string())
}
