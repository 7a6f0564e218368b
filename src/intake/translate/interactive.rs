//! Pressed buttons and filled-in forms. What is not sealed as the bot seals it runs nothing: its person is told so.

use super::{Means, Stamp, Translated, shortcut, who};
use crate::dispatch::forms::Answers;
use crate::domain::{ChannelId, ReplyTo, Request, Source, TeamId, UserId};
use crate::slack::Seals;
use crate::slack::payload::{Action, Envelope, Interactive, View, ViewValue};
use crate::slack::render::home::REFRESH;
use crate::slack::render::modal::{CALLBACK, Memo};
use crate::store::NewRequest;
use secrecy::SecretString;

/// A filled-in form as a request.
#[derive(Debug)]
pub(in crate::intake) struct Submission {
    pub(in crate::intake) new: NewRequest,
    /// The field on which it is said that the request was not journalled; `None` where the form has none.
    pub(in crate::intake) field: Option<String>,
}

/// What is said on a field of a form that stays open.
#[derive(Debug)]
pub(in crate::intake) struct FieldError {
    pub(in crate::intake) field: String,
    pub(in crate::intake) sentence: String,
}

pub(super) fn interactive(envelope: &Envelope, payload: Interactive, means: Means<'_>, stamp: Stamp) -> Translated {
    match payload.kind.as_deref() {
        Some("block_actions") if payload.actions.iter().any(is_refresh) => match who(&payload) {
            Some((user, _)) => Translated::Home(user),
            None => Translated::Ignored("incomplete_action"),
        },
        Some("block_actions") => press(envelope, payload, means.seals, stamp),
        Some("message_action") => shortcut::again(envelope, payload, means.identity, stamp),
        Some("view_submission") => submission(envelope, payload, means, stamp),
        _ => Translated::Ignored("other_interaction"),
    }
}

fn is_refresh(action: &Action) -> bool {
    action.action_id.as_deref() == Some(REFRESH)
}

fn press(envelope: &Envelope, payload: Interactive, seals: &Seals, stamp: Stamp) -> Translated {
    let pressed = payload.actions.iter().find_map(|action| {
        let id = action.action_id.as_deref()?;
        let source = match id.split(':').next()? {
            "run" => Source::Button,
            "form" => Source::FormButton,
            _ => return None,
        };
        Some((source, id, action.value.as_deref()?, press_keys(&payload, action)))
    });
    let Some((source, action, value, keys)) = pressed else { return Translated::Ignored("other_action") };
    let Some((user, team)) = who(&payload) else { return Translated::Ignored("incomplete_action") };
    let mut all = vec![format!("envelope:{}", envelope.envelope_id)];
    all.extend(payload.trigger_id.as_ref().map(|id| format!("trigger:{id}")));
    all.extend(keys);
    let (channel, reply_to) = place(&payload, &user);
    // what is for one person may have been sent to the person, and what Slack made of that is a direct message
    let person = channel.is_direct().then_some(user.as_str());
    let places: Vec<&str> = std::iter::once(channel.as_str()).chain(person).collect();
    let (source, text, reply_to, forged) = match seals.pressed(action, value, &places) {
        Ok(line) => (source, line.to_owned(), reply_to, None),
        Err(line) => {
            not_ours(stamp, &user, &channel, "button");
            (Source::House, strange_button(line), to_presser(&payload, reply_to), Some(line.to_owned()))
        }
    };
    let trigger = payload.trigger_id.map(SecretString::from);
    let request = Request { id: stamp.id, source, team, user, channel, text, reply_to, accepted_at: stamp.at, trigger };
    let new = Box::new(NewRequest { request, keys: all });
    match forged {
        Some(line) => Translated::Forged(new, line),
        None => Translated::Request(new),
    }
}

/// Notes that somebody has pressed or sent what the bot did not make, or not like this.
fn not_ours(stamp: Stamp, user: &UserId, channel: &ChannelId, what: &'static str) {
    tracing::warn!(req = %stamp.id, %user, %channel, what, "its seal does not fit, so it runs nothing");
    metrics::counter!("dronebot_seals_refused_total", "what" => what).increment(1);
}

/// What is said of a button that is none of ours. It is the bot's own word, so Slack need not be asked who it is.
fn strange_button(line: &str) -> String {
    let so = "I cannot tell that I made this button for this place: my token or my version has changed since, or somebody \
              else made it. Nothing was run.";
    match line.chars().nth(LINE_SHOWN) {
        None if !line.trim().is_empty() => format!("{so} If this is what you want, type it: {line}"),
        _ => format!("{so} Type what you want instead."),
    }
}

/// What of a button's line is repeated.
const LINE_SHOWN: usize = 300;

/// A word about a button is for the presser alone.
fn to_presser(payload: &Interactive, beside: ReplyTo) -> ReplyTo {
    match (&payload.response_url, beside) {
        (_, ReplyTo::Channel) => ReplyTo::Channel,
        (Some(url), _) => ReplyTo::Presser { response_url: url.clone() },
        (None, ReplyTo::Thread { thread_ts, begun }) => ReplyTo::Alone { thread_ts: begun.then_some(thread_ts) },
        (None, other) => other,
    }
}

/// Two presses of one button by one person within a second are one: a double click comes as two, each with a trigger of
/// its own. A press has the keys of its second and of the next, so that the turn of a second does not part them.
fn press_keys(payload: &Interactive, action: &Action) -> Vec<String> {
    let container = payload.container.as_ref();
    let message = payload.message.as_ref().and_then(|message| message.ts.as_deref());
    let view = payload.view.as_ref().and_then(|view| view.id.as_deref());
    let place = container.and_then(|container| container.message_ts.as_deref()).or(message).or(view);
    let user = payload.user.as_ref().and_then(|user| user.id.as_deref());
    let second = action.action_ts.as_deref().and_then(|ts| ts.split('.').next()?.parse::<u64>().ok());
    let (Some(place), Some(user), Some(second)) = (place, user, second) else { return Vec::new() };
    let id = action.action_id.as_deref().unwrap_or_default();
    [second, second + 1].map(|second| format!("press:{user}:{place}:{id}:{second}")).into()
}

/// Where the answer to a press goes: beside the button.
fn place(payload: &Interactive, user: &UserId) -> (ChannelId, ReplyTo) {
    let container = payload.container.as_ref();
    let named = payload.channel.as_ref().and_then(|channel| channel.id.clone());
    let Some(channel) = named.or_else(|| container?.channel_id.clone()) else {
        // in the Home: nobody else sees it, so nobody else reads the answer
        return (ChannelId(user.0.clone()), ReplyTo::Channel);
    };
    let message = payload.message.as_ref();
    let alone = container.is_some_and(|container| container.is_ephemeral);
    let thread = container.and_then(|c| c.thread_ts.clone()).or_else(|| message?.thread_ts.clone());
    let own = container.and_then(|c| c.message_ts.clone()).or_else(|| message?.ts.clone());
    let reply_to = match (alone, &payload.response_url, thread) {
        (true, Some(url), _) => ReplyTo::Presser { response_url: url.clone() },
        (true, None, _) => ReplyTo::Caller { response_url: None },
        (false, _, Some(thread_ts)) => ReplyTo::Thread { thread_ts, begun: true },
        (false, _, None) => match own.filter(|_| !channel.starts_with('D')) {
            Some(thread_ts) => ReplyTo::Thread { thread_ts, begun: false },
            None => ReplyTo::Channel,
        },
    };
    (ChannelId(channel), reply_to)
}

fn submission(envelope: &Envelope, payload: Interactive, means: Means<'_>, stamp: Stamp) -> Translated {
    let Some((user, team)) = who(&payload) else { return Translated::Ignored("incomplete_form") };
    let Some(view) = payload.view.filter(|view| view.callback_id.as_deref() == Some(CALLBACK)) else {
        return Translated::Ignored("other_form");
    };
    let mut keys = vec![format!("envelope:{}", envelope.envelope_id)];
    keys.extend(payload.trigger_id.as_ref().map(|id| format!("trigger:{id}")));
    let hash = view.hash.as_deref().unwrap_or_default();
    keys.extend(view.id.as_ref().map(|id| format!("view:{id}:{hash}")));
    let memo = means.seals.remembered(&view.private_metadata);
    if memo.is_none() {
        not_ours(stamp, &user, &ChannelId::from(user.as_str()), "form");
    }
    let Some(mut memo) = memo.and_then(Memo::read) else { return strange_form(&view, user, team, keys, stamp) };
    let command = std::mem::take(&mut memo.command);
    let first = means.forms.fields(&command).into_iter().find(|name| shown(&view).any(|shown| shown == name));
    let text = match (means.forms.fill(&command, &answers(&view)), &first) {
        (Ok(line), _) => line,
        // nowhere to say it in the form: the answer does
        (Err(_), None) => command,
        (Err(wrong), Some(first)) => {
            let field = if shown(&view).any(|shown| shown == wrong.field) { &wrong.field } else { first };
            return Translated::Wrong(FieldError { field: field.clone(), sentence: wrong.sentence });
        }
    };
    let channel = memo.channel.clone().unwrap_or_else(|| ChannelId(user.0.clone()));
    tracing::debug!(req = %stamp.id, opener = ?memo.request, "form was sent");
    let request = Request {
        id: stamp.id,
        source: Source::Modal,
        team,
        user,
        channel,
        text,
        reply_to: memo.reply_to(),
        accepted_at: stamp.at,
        trigger: None,
    };
    Translated::Submission(Box::new(Submission { new: NewRequest { request, keys }, field: first }))
}

/// What is said of a form that is none of ours: on its first field, and where it has none, by direct message.
fn strange_form(view: &View, user: UserId, team: TeamId, keys: Vec<String>, stamp: Stamp) -> Translated {
    let sentence = "I cannot tell that I made this form: my token or my version has changed since, or somebody else made \
                    it. Nothing was done. Open it again, or type the command.";
    if let Some(field) = shown(view).next() {
        return Translated::Wrong(FieldError { field: field.to_owned(), sentence: sentence.to_owned() });
    }
    let (channel, text) = (ChannelId(user.0.clone()), sentence.to_owned());
    let (source, reply_to, trigger) = (Source::House, ReplyTo::Channel, None);
    let request = Request { id: stamp.id, source, team, user, channel, text, reply_to, accepted_at: stamp.at, trigger };
    Translated::Request(Box::new(NewRequest { request, keys }))
}

/// The names of the inputs that the form has.
fn shown(view: &View) -> impl Iterator<Item = &str> {
    view.state.iter().flat_map(|state| state.values.keys().map(String::as_str))
}

/// What was filled in. Spaces around a value are a phone's, and an empty one is none.
fn answers(view: &View) -> Answers {
    let filled = |name: &str| -> Vec<String> {
        let Some(ViewValue { value, selected_option, selected_options }) = view.value(name) else { return Vec::new() };
        let chosen = selected_option.iter().chain(selected_options.iter().flatten());
        let chosen = chosen.filter_map(|choice| choice.value.clone());
        let typed = value.iter().map(|value| value.trim().to_owned()).filter(|value| !value.is_empty());
        typed.chain(chosen).collect()
    };
    shown(view).map(|name| (name.to_owned(), filled(name))).collect()
}
