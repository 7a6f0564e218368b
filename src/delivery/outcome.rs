//! What an attempt means for its letter.

use super::parts::CourierParts;
use crate::slack::api::ApiError;
use crate::store::{Delivery, LONGEST_WAIT, Letter};
use jiff::SignedDuration;
use std::time::Duration;

/// What an error means for the letter: never lost because of a passing fault, never tried for ever against a no.
///
/// A lost answer is tried again. Where Slack has a way to say the same thing twice (an edit, a response_url with
/// `replace_original`) it is used and the person reads one answer. A message by chat.postMessage is looked for before it
/// is posted again. One by chat.postEphemeral cannot be, and an answer that comes twice does less harm than one that
/// never comes.
pub(super) fn judge(error: ApiError, letter: &Letter, parts: &CourierParts) -> Delivery {
    match &error {
        ApiError::Config { .. } | ApiError::Rejected { .. } => Delivery::Dead { error: error.to_string() },
        ApiError::Auth { .. } => {
            later(letter.unsure, Duration::from_secs(parts.config.retry_max_seconds), parts, error.to_string())
        }
        // our own pace: nothing has failed, so nothing is doubled
        ApiError::Paced { after } => later(letter.unsure, *after, parts, error.to_string()),
        ApiError::Retry { after: Some(after), .. } => {
            later(letter.unsure, (*after).max(backoff(letter, parts)), parts, error.to_string())
        }
        ApiError::Retry { after: None, .. } => later(letter.unsure, backoff(letter, parts), parts, error.to_string()),
        ApiError::Ambiguous { .. } => postponed(letter, parts, error.to_string()),
    }
}

/// Put off for as long as its attempts so far say. Slack may have it all the same.
pub(super) fn postponed(letter: &Letter, parts: &CourierParts, error: String) -> Delivery {
    later(true, backoff(letter, parts), parts, error)
}

fn backoff(letter: &Letter, parts: &CourierParts) -> Duration {
    let doubled = parts.config.retry_min_ms.saturating_mul(1 << letter.attempts.min(16));
    Duration::from_millis(doubled).min(Duration::from_secs(parts.config.retry_max_seconds))
}

/// How long ago it was put in; nothing when that is yet to come, as after a clock was set back.
pub(super) fn age(letter: &Letter, parts: &CourierParts) -> Duration {
    Duration::try_from(parts.clock.now().duration_since(letter.created_at)).unwrap_or_default()
}

fn later(unsure: bool, pause: Duration, parts: &CourierParts, error: String) -> Delivery {
    // where Slack wants more, the pace keeps the next attempt back without a call
    let pause = SignedDuration::try_from(pause.min(LONGEST_WAIT)).unwrap_or(SignedDuration::from_secs(60));
    let now = parts.turns.now();
    Delivery::Later { not_before: now.checked_add(pause).unwrap_or(now), error, unsure }
}
