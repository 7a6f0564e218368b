//! The few small things that the bots must not forget, by name.

use super::StoreError;
use async_trait::async_trait;
use jiff::Timestamp;

/// Notes that all who share the store read and rewrite.
#[async_trait]
pub trait Notes: Send + Sync {
    /// The note of this name, if there is one.
    async fn noted(&self, name: &str) -> Result<Option<String>, StoreError>;

    /// Rewrites it, if it still is as it was read (`None`: it was not there). `false`: another write was faster, or this
    /// very write came through and its answer was lost. The caller that gets that reads again. It may be forgotten after
    /// `until` (`None`: it is kept for ever).
    async fn rewrite(
        &self,
        name: &str,
        was: Option<&str>,
        text: &str,
        until: Option<Timestamp>,
    ) -> Result<bool, StoreError>;

    /// What stands after `kind/` in the names of the notes of this kind that end in these four characters, the last in
    /// alphabetical order first, at most `limit`. An index has them: it costs the same however many notes and requests
    /// there are. One that was written a moment ago may still be missing.
    async fn ending(&self, kind: &str, tail: &str, limit: usize) -> Result<Vec<String>, StoreError>;
}

/// How many of a name's last characters the index of [`Notes::ending`] has.
const TAIL: usize = 4;

/// Kind, name and tail of a note `kind/name`; a note of another name is in no index.
pub(in crate::store) fn indexed(name: &str) -> Option<(&str, &str, &str)> {
    let (kind, rest) = name.split_once('/')?;
    let start = rest.char_indices().rev().nth(TAIL - 1)?.0;
    Some((kind, rest, &rest[start..]))
}
