//! Finds the command, parses it, finds out who asks, asks the policies, and hands on. What is not understood or not
//! permitted gets its answer here, and nothing was read for it.

mod approvals;
mod cache;
mod callers;
mod decision;
mod desk;
mod dispatcher;
pub mod forms;
mod groups;
mod home;
mod incoming;
mod parts;
mod people;
mod permits;
mod places;
pub mod policy;
mod shortcuts;
mod stopped;

pub use callers::{Callers, Rights};
pub use desk::Desk;
pub use dispatcher::{Boarded, Dispatcher};
pub use groups::{GroupConfig, GroupsConfig};
pub use home::{HomeKeeper, HomeOpened, HomeParts};
pub use incoming::{How, Incoming};
pub use parts::DeskParts;
pub use people::{Identity, PeopleParts};
pub use places::HeardPlaces;
