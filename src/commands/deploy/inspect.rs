//! How one looks at a service.

use super::super::Inspect;

/// By `deploy status`.
pub(super) const INSPECT: Inspect = Inspect {
    command: "deploy status",
    line: |target| match &target.name {
        Some(name) => format!("deploy status {name}"),
        None => "deploy status".to_owned(),
    },
};
