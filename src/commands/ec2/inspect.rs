//! How one looks at an instance.

use super::super::Inspect;

/// By `ec2 show`.
pub(super) const INSPECT: Inspect =
    Inspect { command: "ec2 show", line: |target| format!("ec2 show {} --region {}", target.id, target.region) };
