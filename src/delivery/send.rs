//! One message, one attempt: which method, and what to fall back to.

use super::outcome::age;
use super::parts::CourierParts;
use super::replace::{Replaced, replace};
use super::sending::{BY_RESPONSE_URL, Sending, is_about_form, is_no_of_place};
use super::{elsewhere, once};
use crate::domain::{ChannelId, UserId};
use crate::slack::api::{ApiError, Message, PostEphemeral, PostMessage, Respond, UpdateMessage, WebApi};
use crate::store::{Address, Letter};
use secrecy::SecretString;
use std::time::Duration;

/// Slack takes answers on a response_url for 30 minutes; a minute is kept for the way.
const RESPONSE_URL_LIFE: Duration = Duration::from_secs(29 * 60);

/// Sends one message, as plain text where Slack does not like the blocks.
pub(super) async fn send(
    api: &WebApi,
    sending: &Sending<'_>,
    message: &Message,
    parts: &CourierParts,
) -> Result<Option<String>, ApiError> {
    match attempt(api, sending, message, parts).await {
        Err(error) if is_about_form(&error) => {
            let req = sending.letter.letter.request;
            tracing::error!(%req, %error, "slack refused the blocks; sending plain text");
            attempt(api, sending, &message.without_blocks(), parts).await
        }
        sent => sent,
    }
}

async fn attempt(
    api: &WebApi,
    sending: &Sending<'_>,
    message: &Message,
    parts: &CourierParts,
) -> Result<Option<String>, ApiError> {
    let letter = sending.letter;
    match &letter.letter.address {
        Address::ResponseUrl { url, channel, user } => {
            // after an attempt whose fate is unknown, replacing is the form that shows the answer once. A form may have been
            // opened all the same, and what it led to is said by this url too: that is not replaced
            let lost = sending.again && sending.index == 0 && letter.letter.reply.form.is_none();
            let replace = sending.replaces == Some(BY_RESPONSE_URL) || lost;
            respond(api, letter, url, (channel, user), message, replace, parts).await
        }
        // what this url replaces is the message with the button, which stays
        Address::ClickUrl { url, channel, user } => {
            respond(api, letter, url, (channel, user), message, false, parts).await
        }
        Address::Post { channel, thread_ts, asker } => {
            let (message, place) = match replace(api, sending, channel, message).await? {
                Replaced::Edited(ts) => return Ok(Some(ts)),
                Replaced::Not(message, stands) => (message, Place { channel, thread_ts: thread_ts.as_deref(), stands }),
            };
            match publish(api, sending, place, &message).await {
                Err(error) if is_no_of_place(&error) => {
                    to_asker(api, sending, (channel, asker.as_ref()), &message, error).await
                }
                posted => posted,
            }
        }
        Address::Beside { channel, thread_ts, .. } => {
            let (message, stands) = match replace(api, sending, channel, message).await? {
                Replaced::Edited(ts) => return Ok(Some(ts)),
                Replaced::Not(message, stands) => (message, stands),
            };
            beside(api, sending, Place { channel, thread_ts: thread_ts.as_deref(), stands }, &message, parts).await
        }
        Address::Ephemeral { channel, thread_ts, user } => match replace(api, sending, channel, message).await? {
            // what all have seen begin is not left as if it went on
            Replaced::Edited(ts) => Ok(Some(ts)),
            Replaced::Not(message, _) => to_caller(api, channel, thread_ts.as_deref(), user, &message).await,
        },
    }
}

/// Where a message is posted.
#[derive(Clone, Copy)]
struct Place<'a> {
    channel: &'a ChannelId,
    thread_ts: Option<&'a str>,
    /// A message there that it could not take the place of.
    stands: Option<&'a str>,
}

/// Beside somebody's message, and to the caller alone where that place takes nothing.
async fn beside(
    api: &WebApi,
    sending: &Sending<'_>,
    place: Place<'_>,
    message: &Message,
    parts: &CourierParts,
) -> Result<Option<String>, ApiError> {
    let (letter, channel) = (sending.letter, place.channel);
    let Address::Beside { user, url, .. } = &letter.letter.address else { return Ok(None) };
    // a place that was closed for the progress is not knocked at again for the answer; a question for others is
    // another matter: its progress may have been for the caller alone
    let closed = sending.replaces == Some(BY_RESPONSE_URL) && !letter.letter.asks_for_approval();
    let mut alone = None;
    if !closed {
        match publish(api, sending, place, message).await {
            Err(error) if is_no_of_place(&error) => {
                tracing::info!(req = %letter.letter.request, %error, "not posted there; answering the caller alone");
                alone = elsewhere::question(letter, message, channel, &error);
            }
            posted => return posted,
        }
    }
    let message = alone.as_ref().unwrap_or(message);
    match url {
        // nothing is replaced there, so more progress would be more messages
        _ if closed && !letter.letter.last => Ok(letter.replaces.clone()),
        Some(url) => respond(api, letter, url, (channel, user), message, false, parts).await,
        None => to_caller(api, channel, None, user, message).await.map(|_| Some(BY_RESPONSE_URL.to_owned())),
    }
}

/// By response_url; where that is used up, to the caller otherwise.
async fn respond(
    api: &WebApi,
    letter: &Letter,
    url: &SecretString,
    (channel, user): (&ChannelId, &UserId),
    message: &Message,
    replace: bool,
    parts: &CourierParts,
) -> Result<Option<String>, ApiError> {
    let otherwise = async || match letter.letter.must_arrive() {
        true => to_caller(api, channel, None, user, message).await,
        // the answer could not take its place there, and it would stand beside that for ever
        false => Ok(letter.replaces.clone()),
    };
    // what is to be replaced can be replaced there alone, so that is tried whatever our clock says
    if age(letter, parts) > RESPONSE_URL_LIFE && !replace {
        return otherwise().await;
    }
    let answer = Respond { channel, message, in_channel: false, replace_original: replace };
    match api.respond(url, &answer).await {
        Ok(()) => Ok(Some(BY_RESPONSE_URL.to_owned())),
        Err(error) if is_no_of_place(&error) => {
            tracing::info!(req = %letter.letter.request, %error, "response_url is used up; answering otherwise");
            otherwise().await
        }
        Err(error) => Err(error),
    }
}

/// What its place does not take for good, by direct message to the asker, who reads where it was asked.
async fn to_asker(
    api: &WebApi,
    sending: &Sending<'_>,
    (channel, asker): (&ChannelId, Option<&UserId>),
    message: &Message,
    no: ApiError,
) -> Result<Option<String>, ApiError> {
    let letter = sending.letter;
    // what a direct message does not take, it does not take by another name
    let direct = asker.map(|asker| ChannelId::from(asker.as_str())).filter(ChannelId::is_person);
    let Some(direct) = direct.filter(|_| !channel.is_direct() && !channel.is_person()) else { return Err(no) };
    // what became of the message in the channel is still worth knowing; one of the direct message is not in its place
    let shown = letter.replaces.clone();
    if !letter.letter.must_arrive() {
        tracing::info!(req = %letter.letter.request, %no, "place takes no progress; its answer will go to the asker");
        return Ok(shown);
    }
    tracing::warn!(req = %letter.letter.request, %no, "place takes no answer; telling the asker by direct message");
    let message =
        elsewhere::question(letter, message, channel, &no).unwrap_or_else(|| elsewhere::answer(message, channel, &no));
    let place = Place { channel: &direct, thread_ts: None, stands: None };
    publish(api, sending, place, &message).await.map(|_| shown)
}

/// As a new message of the channel.
async fn publish(
    api: &WebApi,
    sending: &Sending<'_>,
    Place { channel, thread_ts, stands }: Place<'_>,
    message: &Message,
) -> Result<Option<String>, ApiError> {
    let request = sending.letter.letter.request;
    if sending.again
        && let Some((room, ts)) = once::find(api, sending.letter, sending.index, channel, thread_ts, stands).await?
    {
        tracing::info!(req = %request, "message was posted already");
        let mark = once::mark(request, sending.index);
        // what is there may be an older state of it
        let edit = UpdateMessage { channel: &room, ts: &ts, message, metadata: Some(&mark) };
        return match api.update(&edit).await {
            Err(error) if is_no_of_place(&error) => Ok(Some(ts)),
            updated => updated.map(|_| Some(ts)),
        };
    }
    let mark = once::mark(request, sending.index);
    let post = PostMessage { channel, thread_ts, message, metadata: Some(&mark) };
    Ok(Some(api.post_message(&post).await?.ts))
}

/// To one person alone: in the channel, and where the bot or the person is not a member, by direct message.
async fn to_caller(
    api: &WebApi,
    channel: &ChannelId,
    thread_ts: Option<&str>,
    user: &UserId,
    message: &Message,
) -> Result<Option<String>, ApiError> {
    let whisper = PostEphemeral { channel, user, thread_ts, message };
    match api.post_ephemeral(&whisper).await {
        Ok(()) => Ok(None),
        Err(error) if is_no_of_place(&error) => {
            // Slack opens the direct message when it is given a person's id
            let direct = ChannelId::from(user.as_str());
            let moved =
                (!channel.is_direct() && !channel.is_person()).then(|| elsewhere::answer(message, channel, &error));
            post(api, &direct, None, moved.as_ref().unwrap_or(message)).await.map(|_| None)
        }
        Err(error) => Err(error),
    }
}

async fn post(
    api: &WebApi,
    channel: &ChannelId,
    thread_ts: Option<&str>,
    message: &Message,
) -> Result<String, ApiError> {
    let posted = api.post_message(&PostMessage { channel, thread_ts, message, metadata: None }).await?;
    Ok(posted.ts)
}
