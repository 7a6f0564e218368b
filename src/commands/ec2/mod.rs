//! The commands on EC2 instances, and what they share: how targets (`selector`, `targets`) and regions (`regions`) are named
//! and found, and how a change of power is planned (`change`) from what was there (`before`), made and watched (`run`), and
//! reported (`verdict`).

mod before;
mod change;
pub(super) mod list;
mod names;
mod near;
pub(super) mod reboot;
mod regions;
mod run;
mod selector;
pub(super) mod show;
pub(super) mod start;
pub(super) mod stop;
mod targets;
pub(super) mod terminate;
mod verdict;

use super::{Place, Reach};

/// EC2 is called in the regions that the settings name, or in any.
pub(super) const REACH: Reach = Reach {
    services: &["ec2"],
    places: |named| match named.regions {
        [] => vec![Place::from([("region", "*".to_owned())])],
        regions => regions.iter().map(|region| Place::from([("region", region.clone())])).collect(),
    },
};

#[cfg(test)]
mod tests;
