//! A message in the place of the one that shows the progress. Slack does not always let that be edited: a workspace may
//! allow edits for a while only, somebody may have deleted it, the channel may be closed by then.

use super::sending::{BY_RESPONSE_URL, Sending, is_no_of_place};
use super::{elsewhere, once};
use crate::domain::{ChannelId, UserId};
use crate::slack::api::{ApiError, DeleteMessage, Message, UpdateMessage, WebApi};
use std::borrow::Cow;

/// What became of the message that is to be replaced.
pub(super) enum Replaced<'a> {
    /// It says the new thing, or is left as it was: its `ts`.
    Edited(String),
    /// There is none any more, or Slack does not let it be changed: then what is sent says so, and that one stands.
    Not(Cow<'a, Message>, Option<&'a str>),
}

/// Edits the message that is to be replaced. One that Slack does not let be edited any more is not left as if the work went
/// on: it is taken away, and where Slack does not do that either, what is sent in its place says that it is out of date.
pub(super) async fn replace<'a>(
    api: &WebApi,
    sending: &Sending<'a>,
    channel: &ChannelId,
    message: &'a Message,
) -> Result<Replaced<'a>, ApiError> {
    let there_is_none = Ok(Replaced::Not(Cow::Borrowed(message), None));
    let Some(ts) = sending.replaces.filter(|ts| *ts != BY_RESPONSE_URL) else { return there_is_none };
    let request = sending.letter.letter.request;
    // by a person's id Slack posts, but finds nothing to edit
    let room = match channel.is_person() {
        false => channel.clone(),
        true => match api.open_direct(&UserId::from(channel.as_str())).await {
            Err(error) if is_no_of_place(&error) => return there_is_none,
            room => room?,
        },
    };
    let mark = once::mark(request, sending.index);
    let error = match api.update(&UpdateMessage { channel: &room, ts, message, metadata: Some(&mark) }).await {
        Ok(_) => return Ok(Replaced::Edited(ts.to_owned())),
        Err(error) if is_no_of_place(&error) => error,
        Err(error) => return Err(error),
    };
    if is_gone(&error) {
        tracing::info!(req = %request, %error, "message is gone; sending anew");
        return there_is_none;
    }
    if !sending.letter.letter.must_arrive() {
        // more progress would be more messages; what ends it takes this one away
        tracing::info!(req = %request, %error, "message cannot be edited; its progress stands still");
        return Ok(Replaced::Edited(ts.to_owned()));
    }
    match api.delete(&DeleteMessage { channel: &room, ts }).await {
        Ok(()) => {
            tracing::info!(req = %request, %error, "message cannot be edited; taken away, and sending anew");
            there_is_none
        }
        Err(no) if is_gone(&no) => there_is_none,
        Err(no) => {
            tracing::warn!(req = %request, %error, %no, "message can neither be edited nor taken away; saying so");
            Ok(Replaced::Not(Cow::Owned(elsewhere::outdated(message, error.code())), Some(ts)))
        }
    }
}

fn is_gone(error: &ApiError) -> bool {
    error.code() == "message_not_found"
}
