//! The SDK's moments.

use aws_smithy_types::DateTime;

/// A moment as the rest of the program has it.
pub(super) fn time(moment: &DateTime) -> Option<jiff::Timestamp> {
    jiff::Timestamp::from_second(moment.secs()).ok()
}
