//! The slack room.
