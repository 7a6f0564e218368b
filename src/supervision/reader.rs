//! How the children of a tree are, read from outside.

use std::sync::Arc;

use super::{ChildStatus, group::Group};

/// Reads the status of all children of a tree, from any thread.
#[derive(Clone)]
pub struct StatusReader {
    pub(super) group: Arc<Group>,
}

impl StatusReader {
    /// How each child is, in start order.
    pub fn read(&self) -> Vec<ChildStatus> {
        self.group.slots().iter().map(|slot| slot.status()).collect()
    }
}
