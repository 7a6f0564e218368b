//! The few small things that the bots must not forget, by name.

use super::StoreError;
use async_trait::async_trait;

/// Notes that all who share the store read and rewrite. They are kept for ever.
#[async_trait]
pub trait Notes: Send + Sync {
    /// The note of this name, if there is one.
    async fn noted(&self, name: &str) -> Result<Option<String>, StoreError>;

    /// Rewrites it, if it still is as it was read (`None`: it was not there). `false`: somebody else was faster, or this
    /// very write came through and its answer was lost. Whoever gets that reads again.
    async fn rewrite(&self, name: &str, was: Option<&str>, text: &str) -> Result<bool, StoreError>;
}
