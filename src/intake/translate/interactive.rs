//! Pressed buttons and filled-in forms.

use super::{Stamp, Translated, shortcut};
use crate::dispatch::Identity;
use crate::dispatch::forms::{self, Answers};
use crate::domain::{ChannelId, ReplyTo, Request, Source, TeamId, UserId};
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

pub(super) fn interactive(envelope: &Envelope, payload: Interactive, identity: &Identity, stamp: Stamp) -> Translated {
    match payload.kind.as_deref() {
        Some("block_actions") if payload.actions.iter().any(is_refresh) => match who(&payload) {
            Some((user, _)) => Translated::Home(user),
            None => Translated::Ignored("incomplete_action"),
        },
        Some("block_actions") => press(envelope, payload, stamp),
        Some("message_action") => shortcut::again(envelope, payload, identity, stamp),
        Some("view_submission") => submission(envelope, payload, stamp),
        _ => Translated::Ignored("other_interaction"),
    }
}

fn is_refresh(action: &Action) -> bool {
    action.action_id.as_deref() == Some(REFRESH)
}

/// Who did it, and that person's workspace.
pub(super) fn who(payload: &Interactive) -> Option<(UserId, TeamId)> {
    let user = payload.user.as_ref()?;
    let team = user.team_id.clone().or_else(|| payload.team.as_ref()?.id.clone());
    Some((UserId(user.id.clone()?), TeamId(team.unwrap_or_default())))
}

fn press(envelope: &Envelope, payload: Interactive, stamp: Stamp) -> Translated {
    let pressed = payload.actions.iter().find_map(|action| {
        let source = match action.action_id.as_deref()?.split(':').next()? {
            "run" => Source::Button,
            "form" => Source::FormButton,
            _ => return None,
        };
        Some((source, action.value.clone()?, press_keys(&payload, action)))
    });
    let Some((source, text, keys)) = pressed else { return Translated::Ignored("other_action") };
    let Some((user, team)) = who(&payload) else { return Translated::Ignored("incomplete_action") };
    let mut all = vec![format!("envelope:{}", envelope.envelope_id)];
    all.extend(payload.trigger_id.as_ref().map(|id| format!("trigger:{id}")));
    all.extend(keys);
    let (channel, reply_to) = place(&payload, &user);
    let trigger = payload.trigger_id.map(SecretString::from);
    let request = Request { id: stamp.id, source, team, user, channel, text, reply_to, accepted_at: stamp.at, trigger };
    Translated::Request(Box::new(NewRequest { request, keys: all }))
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

fn submission(envelope: &Envelope, payload: Interactive, stamp: Stamp) -> Translated {
    let Some((user, team)) = who(&payload) else { return Translated::Ignored("incomplete_form") };
    let Some(view) = payload.view.filter(|view| view.callback_id.as_deref() == Some(CALLBACK)) else {
        return Translated::Ignored("other_form");
    };
    let Some(mut memo) = Memo::read(&view.private_metadata) else {
        let sentence = "Another version of me made this form, and nothing was done. Open it again.".to_owned();
        let field = shown(&view).next().unwrap_or_default().to_owned();
        return Translated::Wrong(FieldError { field, sentence });
    };
    let command = std::mem::take(&mut memo.command);
    let first = forms::fields(&command).into_iter().find(|name| shown(&view).any(|shown| shown == name));
    let text = match (forms::fill(&command, &answers(&view)), &first) {
        (Ok(line), _) => line,
        // nowhere to say it in the form: the answer does
        (Err(_), None) => command,
        (Err(wrong), Some(first)) => {
            let field = if shown(&view).any(|shown| shown == wrong.field) { &wrong.field } else { first };
            return Translated::Wrong(FieldError { field: field.clone(), sentence: wrong.sentence });
        }
    };
    let mut keys = vec![format!("envelope:{}", envelope.envelope_id)];
    keys.extend(payload.trigger_id.as_ref().map(|id| format!("trigger:{id}")));
    let hash = view.hash.as_deref().unwrap_or_default();
    keys.extend(view.id.as_ref().map(|id| format!("view:{id}:{hash}")));
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
