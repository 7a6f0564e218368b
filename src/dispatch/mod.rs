//! The dispatch room.

pub mod policy;
