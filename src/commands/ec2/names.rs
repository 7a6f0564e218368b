//! The names by which the commands on instances offer one another: a button needs no more of a command than its name.

use super::super::Inspect;

pub(super) const LIST: &str = "ec2 list";
pub(super) const SHOW: &str = "ec2 show";
pub(super) const START: &str = "ec2 start";
pub(super) const STOP: &str = "ec2 stop";
pub(super) const REBOOT: &str = "ec2 reboot";
pub(super) const TERMINATE: &str = "ec2 terminate";

/// How one looks at an instance.
pub(super) const INSPECT: Inspect =
    Inspect { command: SHOW, line: |target| format!("{SHOW} {} --region {}", target.id, target.region) };
