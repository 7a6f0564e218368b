//! What an envelope asks, if it asks anything.

use crate::dispatch::forms::Forms;
use crate::dispatch::{HeardPlaces, Identity};
use crate::domain::{ChannelId, ReplyTo, Request, RequestId, Source, TeamId, UserId};
use crate::slack::Seals;
use crate::slack::payload::{Envelope, EnvelopeKind, Event, EventCallback, Interactive, MessageEvent, SlashCommand};
use crate::slack::text::{command_line, normalise};
use crate::store::NewRequest;
use secrecy::SecretString;
use serde_json::value::RawValue;

mod interactive;
mod shortcut;

pub(super) use interactive::{FieldError, Submission};
pub(super) use shortcut::Again;

/// An envelope, understood.
#[derive(Debug)]
pub(super) enum Translated {
    /// A request.
    Request(Box<NewRequest>),
    /// The word to a person who pressed a button that the bot did not make, or not for that place, and what that button says.
    Forged(Box<NewRequest>, String),
    /// A filled-in form that is right.
    Submission(Box<Submission>),
    /// A filled-in form in which something is wrong.
    Wrong(FieldError),
    /// A request for what is asked by a message, as far as its words tell. Where it is one of the bot's own, the journal
    /// knows better.
    Again(Box<Again>),
    /// This person wants to see the Home.
    Home(UserId),
    /// Nothing to do, and why: the label in metrics.
    Ignored(&'static str),
}

/// By what an envelope is read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Means<'a> {
    /// Who the bot is.
    pub(super) identity: &'a Identity,
    /// By which its own buttons and forms are known.
    pub(super) seals: &'a Seals,
    /// What the forms are of which the answers come.
    pub(super) forms: &'a Forms,
    /// Where it is noted what an envelope says of its place.
    pub(super) places: &'a HeardPlaces,
}

/// The parts of a request that do not come from Slack.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stamp {
    pub(super) id: RequestId,
    pub(super) at: jiff::Timestamp,
}

/// Reads an envelope. Anything not understood is ignored with a reason: it is acknowledged all the same.
pub(super) fn translate(envelope: &Envelope, means: Means<'_>, stamp: Stamp) -> Translated {
    match envelope.kind {
        EnvelopeKind::SlashCommands => match envelope.slash_command() {
            Ok(command) => slash_command(envelope, command, means.identity, stamp),
            Err(_) => Translated::Ignored("malformed_slash_command"),
        },
        EnvelopeKind::EventsApi => match envelope.event() {
            Ok(callback) => event(callback, means, stamp),
            Err(_) => Translated::Ignored("malformed_event"),
        },
        EnvelopeKind::Interactive => match envelope.interactive() {
            Ok(payload) => interactive::interactive(envelope, payload, means, stamp),
            Err(_) => Translated::Ignored("malformed_interaction"),
        },
    }
}

fn slash_command(envelope: &Envelope, command: SlashCommand, identity: &Identity, stamp: Stamp) -> Translated {
    let (Some(user), Some(channel)) = (command.user_id, command.channel_id) else {
        return Translated::Ignored("incomplete_slash_command");
    };
    // however often it comes, its trigger is the same; each key is an item of the store, so there is none without need
    let key = match &command.trigger_id {
        Some(id) => format!("trigger:{id}"),
        None => format!("envelope:{}", envelope.envelope_id),
    };
    let keys = vec![key];
    let request = Request {
        id: stamp.id,
        source: Source::SlashCommand,
        team: TeamId(command.team_id.unwrap_or_default()),
        user: UserId(user),
        channel: ChannelId(channel),
        text: normalise(&command.text, Some(identity.bot_user.as_str())),
        reply_to: ReplyTo::Caller { response_url: command.response_url },
        accepted_at: stamp.at,
        trigger: command.trigger_id.map(SecretString::from),
    };
    Translated::Request(Box::new(NewRequest { request, keys }))
}

fn event(callback: EventCallback, means: Means<'_>, stamp: Stamp) -> Translated {
    let Means { identity, places, .. } = means;
    if callback.kind.as_deref() == Some("app_rate_limited") {
        return Translated::Ignored("app_rate_limited");
    }
    let (event, source) = match callback.event {
        Event::AppMention(event) => (event, Source::Mention),
        Event::Message(event) => (event, Source::DirectMessage),
        Event::AppHomeOpened(opened) => {
            return match (opened.user, opened.tab.as_deref()) {
                (Some(user), Some("home")) => Translated::Home(UserId(user)),
                _ => Translated::Ignored("other_tab"),
            };
        }
        Event::Other { .. } | Event::None => return Translated::Ignored("other_event"),
    };
    if let Some(word) = edited(&event, source, callback.team_id.as_deref(), identity, stamp) {
        return Translated::Request(Box::new(word));
    }
    if let Some(reason) = not_for_us(&event, source, identity) {
        return Translated::Ignored(reason);
    }
    let (Some(user), Some(channel), Some(ts)) = (event.user, event.channel, event.ts) else {
        return Translated::Ignored("incomplete_event");
    };
    let channel = ChannelId(channel);
    if let Some(shared) = callback.is_ext_shared_channel {
        places.note(&channel, shared);
    }
    let team = callback.team_id.or(event.team).unwrap_or_default();
    // a message may be told of by two events, and each of them may come again in another envelope: it stays this message
    let keys = vec![format!("message:{team}:{channel}:{ts}")];
    let reply_to = match (source, event.thread_ts) {
        (_, Some(thread_ts)) => ReplyTo::Thread { thread_ts, begun: true },
        (Source::Mention, None) => ReplyTo::Thread { thread_ts: ts, begun: false },
        _ => ReplyTo::Channel,
    };
    let request = Request {
        id: stamp.id,
        source,
        team: TeamId(team),
        user: UserId(user),
        channel,
        text: command_line(&event.text, event.blocks.as_deref().map(RawValue::get), Some(identity.bot_user.as_str())),
        reply_to,
        accepted_at: stamp.at,
        trigger: None,
    };
    Translated::Request(Box::new(NewRequest { request, keys }))
}

/// Who did it, and that person's workspace.
fn who(payload: &Interactive) -> Option<(UserId, TeamId)> {
    let user = payload.user.as_ref()?;
    let team = user.team_id.clone().or_else(|| payload.team.as_ref()?.id.clone());
    Some((UserId(user.id.clone()?), TeamId(team.unwrap_or_default())))
}

/// What is said to a person who edits a message to the bot.
const EDITED: &str = "I do not run what is edited: I cannot tell what was meant before. Nothing was done because of the edit. \
                      Send it anew.";

/// The word to a person who edited a message to the bot: said once for each message, to that person alone.
fn edited(
    event: &MessageEvent,
    source: Source,
    team: Option<&str>,
    identity: &Identity,
    stamp: Stamp,
) -> Option<NewRequest> {
    let message = event.edited_by_person()?;
    let is_direct = event.is_direct();
    if source == Source::DirectMessage && !is_direct {
        return None;
    }
    let (user, channel, ts) = (message.user.clone()?, event.channel.clone()?, message.ts.clone()?);
    if user == identity.bot_user.as_str() {
        return None;
    }
    let team = team.or(event.team.as_deref()).unwrap_or_default().to_owned();
    let keys = vec![format!("edited:{team}:{channel}:{ts}")];
    let reply_to = match (is_direct, &message.thread_ts) {
        (true, Some(thread_ts)) => ReplyTo::Thread { thread_ts: thread_ts.clone(), begun: true },
        (true, None) => ReplyTo::Channel,
        (false, _) => ReplyTo::Caller { response_url: None },
    };
    let request = Request {
        id: stamp.id,
        // nothing of it is run, so Slack need not be asked who it is
        source: Source::House,
        team: TeamId(team),
        user: UserId(user),
        channel: ChannelId(channel),
        text: EDITED.to_owned(),
        reply_to,
        accepted_at: stamp.at,
        trigger: None,
    };
    Some(NewRequest { request, keys })
}

/// Why a message is none of ours, if it is none: what bots write (loops), edits, and what is said to others.
fn not_for_us(event: &MessageEvent, source: Source, identity: &Identity) -> Option<&'static str> {
    let own = event.user.as_deref() == Some(identity.bot_user.as_str())
        || (event.bot_id.is_some() && event.bot_id == identity.bot_id);
    if own {
        Some("own_message")
    } else if event.is_from_bot() {
        Some("bot_message")
    } else if event.is_change() {
        Some("edit")
    } else if !(event.is_from_person() || source == Source::Mention && event.is_mention_by_person()) {
        Some("other_subtype")
    } else if source == Source::DirectMessage && !event.is_direct() {
        Some("not_addressed")
    } else {
        None
    }
}

#[cfg(test)]
mod tests;
