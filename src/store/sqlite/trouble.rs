//! Why an operation was not done.

use super::rows;
use crate::store::StoreError;

/// Why an operation was not done.
pub(super) enum Trouble {
    /// It may not be done. Nothing was written.
    Refused(StoreError),
    /// SQLite failed: the whole transaction is void.
    Broken(rusqlite::Error),
}

impl From<rusqlite::Error> for Trouble {
    fn from(error: rusqlite::Error) -> Self {
        match rows::strange(error) {
            // of this request alone: the words are read before anything is written
            Ok(strange) => Self::Refused(strange),
            Err(error) => Self::Broken(error),
        }
    }
}

impl From<StoreError> for Trouble {
    fn from(error: StoreError) -> Self {
        Self::Refused(error)
    }
}

/// What an operation gives.
pub(super) type Done<T> = Result<T, Trouble>;

/// What a failure of SQLite is to a caller.
pub(super) fn failure(error: &rusqlite::Error) -> StoreError {
    StoreError::Failed(error.to_string())
}
