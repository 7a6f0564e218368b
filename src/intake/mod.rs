//! The door: from an envelope to a journalled request. Accept, de-duplicate, acknowledge, translate; nothing is parsed,
//! judged or asked of AWS here, so that an acknowledgement takes one write to the disk and no more.

mod connection;
mod doorkeeper;
mod threads;
mod translate;

pub use connection::{ConnectionParts, OpenLinks, SlackConnection};
pub use doorkeeper::Doorkeeper;
pub use threads::Threads;
