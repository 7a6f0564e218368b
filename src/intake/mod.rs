//! The door: from an envelope to a journalled request. Accept, de-duplicate, acknowledge, translate; nothing is judged
//! or asked of AWS here, so that an acknowledgement takes one write to the disk and no more. Only a filled-in form is
//! read before it is journalled, because what is wrong in it can be said on its field as long as it is not acknowledged;
//! and for a shortcut on a message the journal is asked what that message answers. When too much is open, a request is told
//! so and not taken. Beside Slack's doors there is one more, for a signed self-test.

mod connection;
mod doorkeeper;
mod gate;
mod selftest;
mod threads;
mod translate;

pub use connection::{ConnectionParts, OpenLinks, SlackConnection};
pub use doorkeeper::Doorkeeper;
pub use gate::{Gate, Room};
pub use selftest::{SelfTest, SelfTestConfig};
pub use threads::Threads;
