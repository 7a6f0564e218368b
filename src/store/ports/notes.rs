//! The few small things that the bots must not forget, by name.

use super::StoreError;
use async_trait::async_trait;
use jiff::Timestamp;

/// Notes that all who share the store read and rewrite.
#[async_trait]
pub trait Notes: Send + Sync {
    /// The note of this name, if there is one.
    async fn noted(&self, name: &str) -> Result<Option<String>, StoreError>;

    /// Rewrites it, if it still is as it was read (`None`: it was not there). `false`: somebody else was faster, or this
    /// very write came through and its answer was lost. Whoever gets that reads again. It may be forgotten after `until`
    /// (`None`: it is kept for ever).
    async fn rewrite(
        &self,
        name: &str,
        was: Option<&str>,
        text: &str,
        until: Option<Timestamp>,
    ) -> Result<bool, StoreError>;
}
