//! What an implementation is beside its ports.

use super::StoreError;
use crate::domain::{Drill, StoreVitals, UserId};
use async_trait::async_trait;
use std::sync::Arc;
use std::time::Duration;

/// What is the same for every implementation, beside the ports.
#[async_trait]
pub(super) trait Backend: Send + Sync {
    /// [`super::Store::close`].
    async fn close(&self, patience: Duration) -> Result<(), StoreError>;

    /// How it is.
    fn pulse(&self) -> Arc<dyn Pulse>;
}

/// What tells how a store is, without keeping it open.
#[async_trait]
pub(super) trait Pulse: Send + Sync {
    /// [`super::StoreHealth::vitals`].
    fn vitals(&self) -> StoreVitals;

    /// [`super::StoreHealth::queued`].
    fn queued(&self) -> usize;

    /// [`super::StoreHealth::open`].
    fn open(&self) -> usize;

    /// [`super::StoreHealth::open_of`].
    fn open_of(&self, user: &UserId) -> usize;

    /// [`super::StoreHealth::drill`].
    fn drill(&self, drill: Drill) -> bool;

    /// [`super::StoreHealth::lost`].
    async fn lost(&self);
}
