//! The supervision room.
