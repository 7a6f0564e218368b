//! The commands that deploy ECS services, the bot itself among them, and what they share: which services may be deployed
//! (`config`), what runs now (`present`) and what ran before (`previous`), how a deployment is planned (`plan`), what it is
//! to come to (`goal`), how it is made and followed (`run`), and reported (`verdict`).
//!
//! A version is a tag in ECR. It is resolved to its digest once, when the deployment is planned, and from then on the digest
//! is what counts: the task definition pins it, and it is done when the tasks run it. ECS's "stable" alone is no proof: a
//! service is stable after a rollback too.

mod config;
mod goal;
mod plan;
mod present;
mod previous;
mod provenance;
pub(super) mod rollback;
mod run;
pub(super) mod status;
mod verdict;
pub(super) mod version;

pub use config::{DeployConfig, ServiceConfig};

#[cfg(test)]
mod tests;
