//! The shortcut "Run this again" on a message.

use super::{Stamp, Translated, who};
use crate::dispatch::Identity;
use crate::domain::{ChannelId, ReplyTo, Request, Source};
use crate::slack::payload::{Envelope, Interactive, Named, ShortMessage};
use crate::slack::text::normalise;
use crate::store::NewRequest;
use secrecy::SecretString;

/// The `callback_id` of the shortcut.
const CALLBACK: &str = "run_again";

/// A request for what is asked by a message.
#[derive(Debug)]
pub(in crate::intake) struct Again {
    /// The request, with the message's own words; without any where the bot itself wrote it.
    pub(in crate::intake) new: NewRequest,
    /// The message's name in the request's channel.
    pub(in crate::intake) ts: String,
}

pub(super) fn again(envelope: &Envelope, payload: Interactive, identity: &Identity, stamp: Stamp) -> Translated {
    if payload.callback_id.as_deref() != Some(CALLBACK) {
        return Translated::Ignored("other_shortcut");
    }
    let channel = payload.channel.as_ref().and_then(|Named { id }| id.clone());
    let (Some((user, team)), Some(channel), Some(message)) = (who(&payload), channel, &payload.message) else {
        return Translated::Ignored("incomplete_shortcut");
    };
    let Some(ts) = message.ts.clone() else { return Translated::Ignored("incomplete_shortcut") };
    let mut keys = vec![format!("envelope:{}", envelope.envelope_id)];
    keys.extend(payload.trigger_id.as_ref().map(|id| format!("trigger:{id}")));
    keys.extend(payload.action_ts.as_ref().map(|at| format!("shortcut:{user}:{at}:{CALLBACK}")));
    let text = match is_ours(message, identity) {
        true => String::new(),
        false => normalise(&message.text, Some(identity.bot_user.as_str())),
    };
    // in a direct message there is no other person to be spared the answer
    let thread_ts = message.thread_ts.clone().or_else(|| (!channel.starts_with('D')).then(|| ts.clone()));
    let request = Request {
        id: stamp.id,
        source: Source::Shortcut,
        team,
        user,
        channel: ChannelId(channel),
        text,
        reply_to: ReplyTo::Beside { thread_ts, response_url: payload.response_url },
        accepted_at: stamp.at,
        trigger: payload.trigger_id.map(SecretString::from),
    };
    Translated::Again(Box::new(Again { new: NewRequest { request, keys }, ts }))
}

/// What the bot says is no command, whatever it begins with.
fn is_ours(message: &ShortMessage, identity: &Identity) -> bool {
    message.user.as_deref() == Some(identity.bot_user.as_str())
        || (message.bot_id.is_some() && message.bot_id == identity.bot_id)
}
