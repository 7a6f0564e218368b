//! The form that takes the place of its letter: once, and while the trigger of the person's own act is good.

use super::parts::CourierParts;
use crate::slack::api::WebApi;
use crate::slack::render::modal::{Memo, modal};
use crate::store::{Address, Letter};
use std::time::Duration;

/// Slack takes a trigger for three seconds after the person's act. What is left then is too little for a call.
const TRIGGER_LIFE: Duration = Duration::from_millis(2_500);

/// Whether the person has the form now instead of the letter's text.
///
/// A call whose answer is lost may have opened it. The text is sent all the same: neither it nor the form does anything
/// by itself, and a person with neither would be left guessing.
pub(super) async fn opened(api: &WebApi, letter: &Letter, parts: &CourierParts) -> bool {
    let (Some(trigger), Some(form)) = (&letter.letter.trigger, &letter.letter.reply.form) else { return false };
    let request = letter.letter.request;
    let now = u64::try_from(parts.clock.now().as_millisecond()).unwrap_or_default();
    let age = Duration::from_millis(now.saturating_sub(request.unix_millis()));
    if letter.attempts > 0 || age > TRIGGER_LIFE {
        count("late");
        return false;
    }
    let Some(view) = modal(form, &memo(letter)) else {
        tracing::warn!(req = %request, command = form.command, "form is too large for a modal");
        count("too_large");
        return false;
    };
    let (outcome, is_open) = match tokio::time::timeout(TRIGGER_LIFE, api.views_open(trigger, &view)).await {
        Ok(Ok(())) => ("opened", true),
        Ok(Err(error)) => {
            tracing::info!(req = %request, %error, "form was not opened; sending the text");
            (error.class(), false)
        }
        Err(_) => {
            tracing::info!(req = %request, "slack did not say in time whether the form is open; sending the text");
            ("timeout", false)
        }
    };
    count(outcome);
    is_open
}

/// The answer to what is filled in goes where the letter would have gone.
fn memo(letter: &Letter) -> Memo {
    let memo = |channel: &crate::domain::ChannelId| Memo::new(letter.letter.request, channel.clone());
    match &letter.letter.address {
        Address::ResponseUrl { url, channel, .. } => Memo { response_url: Some(url.clone()), ..memo(channel) },
        Address::ClickUrl { url, channel, .. } => Memo { click_url: Some(url.clone()), ..memo(channel) },
        Address::Post { channel, thread_ts, .. } => {
            Memo { posted: true, thread_ts: thread_ts.clone(), ..memo(channel) }
        }
        Address::Beside { channel, thread_ts, url: Some(url), .. } => {
            let (thread_ts, click_url) = (thread_ts.clone(), Some(url.clone()));
            Memo { posted: true, thread_ts, click_url, ..memo(channel) }
        }
        Address::Beside { channel, url: None, .. } | Address::Ephemeral { channel, .. } => memo(channel),
    }
}

fn count(outcome: &'static str) {
    metrics::counter!("dronebot_forms_total", "outcome" => outcome).increment(1);
}
