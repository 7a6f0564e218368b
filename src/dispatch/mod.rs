//! Finds the command, parses it, finds out who asks, asks the policies, and hands on. What is not understood or not
//! permitted gets its answer here, and nothing was read for it.

mod approvals;
mod cache;
mod callers;
mod desk;
mod dispatcher;
pub mod forms;
mod groups;
mod home;
mod people;
mod permits;
mod places;
pub mod policy;
mod shortcuts;

pub use callers::{Callers, Rights};
pub use desk::{Desk, DeskParts};
pub use dispatcher::{Boarded, Dispatcher, How, Incoming};
pub use groups::{GroupConfig, GroupsConfig};
pub use home::{HomeKeeper, HomeOpened, HomeParts};
pub use people::{Identity, PeopleParts};
pub use places::HeardPlaces;
