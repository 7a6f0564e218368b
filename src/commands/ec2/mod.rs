//! The commands on EC2 instances, and what they share: how targets (`targets`) and regions (`regions`) are named and found, and how a change
//! of power is planned (`change`), made and watched (`run`), and reported (`verdict`).

mod change;
pub(super) mod list;
mod near;
pub(super) mod reboot;
mod regions;
mod run;
pub(super) mod show;
pub(super) mod start;
pub(super) mod stop;
mod targets;
mod verdict;

#[cfg(test)]
mod tests;
