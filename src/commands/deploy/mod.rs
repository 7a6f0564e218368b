//! The commands that deploy ECS services, the bot itself among them, and what they share: which services may be deployed
//! (`config`), what runs now (`present`) and what ran before (`previous`), how a deployment is planned (`plan`), what it is
//! to come to (`goal`), how it is made and followed (`run`), and reported (`verdict`).
//!
//! A version is a tag in ECR. It is resolved to its digest once, when the deployment is planned, and from then on the digest
//! is what counts: the task definition pins it, and it is done when the tasks run it. ECS's "stable" alone is no proof: a
//! service is stable after a rollback too.

mod config;
mod goal;
mod names;
mod plan;
mod present;
mod previous;
mod provenance;
mod public_key;
pub(super) mod rollback;
mod run;
pub(super) mod status;
mod verdict;
pub(super) mod version;

pub use config::{DeployConfig, ServiceConfig};

use super::{Place, Reach};

/// ECS and ECR are called for the services that the settings list, and with their roles.
pub(super) const REACH: Reach = Reach {
    services: &["ecs", "ecr", "iam"],
    places: |named| named.deploy.services.values().flat_map(places).collect(),
};

/// A service once for each role that it runs with. One of which none is named runs with any.
fn places(one: &ServiceConfig) -> Vec<Place> {
    let arn = |role: &String| match role.starts_with("arn:") {
        true => role.clone(),
        false => format!("arn:aws:iam::*:role/{}", role.trim_start_matches('/')),
    };
    let roles = match one.roles.as_slice() {
        [] => vec!["arn:aws:iam::*:role/*".to_owned()],
        roles => roles.iter().map(arn).collect(),
    };
    let place = |role| {
        Place::from([
            ("region", one.region.clone().unwrap_or_else(|| "*".to_owned())),
            ("cluster", one.cluster.clone()),
            ("service", one.service.clone()),
            ("repository", one.repository.clone()),
            ("role", role),
        ])
    };
    roles.into_iter().map(place).collect()
}

#[cfg(test)]
mod tests;
