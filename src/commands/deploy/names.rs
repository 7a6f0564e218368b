//! The names by which the commands on services offer one another, and the lines of their buttons: a button needs no more of a
//! command than its name.

use super::super::{Inspect, words};
use crate::domain::Line;

pub(super) const DEPLOY: &str = "deploy";
pub(super) const STATUS: &str = "deploy status";
pub(super) const ROLLBACK: &str = "deploy rollback";

/// How one looks at a service.
pub(super) const INSPECT: Inspect = Inspect {
    command: STATUS,
    line: |target| match &target.name {
        Some(name) => format!("{STATUS} {name}"),
        None => STATUS.to_owned(),
    },
};

/// The line that deploys a version.
pub(super) fn deploy(version: &str, service: &str) -> Option<String> {
    words::line([DEPLOY, version, service])
}

/// The question before a version is deployed.
pub(super) fn question(version: &str, service: &str, unverified: bool) -> Line {
    let unverified = if unverified { " Its image is not verified." } else { "" };
    Line::from(format!("Deploy {} to {}?{unverified}", words::name(version), words::name(service)))
}
