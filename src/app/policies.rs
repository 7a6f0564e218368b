//! The policies that the settings name.

use crate::commands::Catalog;
use crate::dispatch::policy::{Policies, Source};
use crate::settings::Settings;

/// The policies as configured, checked against the schema and the commands that there are.
pub fn load_policies(settings: &Settings, catalog: &Catalog) -> Result<Policies, String> {
    let policies = match &settings.policy.policies {
        Some(path) => Source::file(path).map_err(|error| error.to_string())?,
        None => Source::built_in_policies(),
    };
    let schema = match &settings.policy.schema {
        Some(path) => Source::file(path).map_err(|error| error.to_string())?,
        None => Source::built_in_schema(),
    };
    Policies::load(&policies, &schema, &catalog.actions(), &settings.groups.names()).map_err(|error| error.to_string())
}
