//! A form as Slack's modal, and what the modal remembers until it is sent.

use super::{clean, plain_text};
use crate::domain::{ChannelId, Field, FieldKind, Form, ReplyTo, RequestId};
use crate::slack::seal;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Value, json};

/// The `callback_id` of every form.
pub const CALLBACK: &str = "command";

/// Characters of a title and of the words on the buttons below; Slack takes 24.
const TITLE: usize = 24;
/// Characters of a label, a hint or a text input; Slack takes 2,000, 2,000 and 3,000.
const LONGEST: usize = 1_900;
/// Characters of the intro; Slack takes 3,000 in a section.
const INTRO: usize = 2_800;
/// Characters of the memo; Slack takes 3,000, and the seal is to have room.
const MEMO: usize = 3_000 - seal::LENGTH;
/// Bytes of a view; Slack takes 250 KB.
const VIEW: usize = 240_000;
/// Inputs of one modal; Slack takes 100 blocks.
const FIELDS: usize = 90;
/// Options of one select, and characters of each; Slack takes 100 of 75.
const OPTIONS: (usize, usize) = (100, 75);

/// What a modal remembers for when it is sent: its command, and where the answer goes. Slack gives it back to the bot
/// and shows it to nobody; the response_url in it is one that Slack gave out itself.
#[derive(Clone, Debug, Default)]
pub struct Memo {
    /// The words before the fields; the form says them.
    pub command: String,
    /// The request that asked for the form.
    pub request: Option<RequestId>,
    /// Where that was asked.
    pub channel: Option<ChannelId>,
    /// In which thread, if the answer is posted in one.
    pub thread_ts: Option<String>,
    /// Whether the answer is posted for all of the channel.
    pub posted: bool,
    /// The response_url of a slash command.
    pub response_url: Option<SecretString>,
    /// The response_url of a click.
    pub click_url: Option<SecretString>,
}

#[derive(Serialize, Deserialize)]
struct Written {
    v: u8,
    command: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    request: Option<RequestId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    channel: Option<ChannelId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    thread_ts: Option<String>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    posted: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    response_url: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    click_url: Option<String>,
}

/// The form of the memo that this program writes and reads.
const VERSION: u8 = 1;

impl Memo {
    /// A memo of a request, for an answer to the caller alone.
    pub fn new(request: RequestId, channel: ChannelId) -> Self {
        Self { request: Some(request), channel: Some(channel), ..Self::default() }
    }

    /// Reads what [`modal`] wrote; `None` for what another version of the program wrote.
    pub fn read(private_metadata: &str) -> Option<Self> {
        let written: Written = serde_json::from_str(private_metadata).ok()?;
        let Written { v, command, request, channel, thread_ts, posted, response_url, click_url } = written;
        (v == VERSION).then(|| Self {
            command,
            request,
            channel,
            thread_ts,
            posted,
            response_url: response_url.map(SecretString::from),
            click_url: click_url.map(SecretString::from),
        })
    }

    /// Where the answer goes.
    pub fn reply_to(self) -> ReplyTo {
        match (self.click_url, self.posted, self.thread_ts) {
            (Some(url), true, thread_ts) => ReplyTo::Beside { thread_ts, response_url: Some(url) },
            (Some(response_url), false, _) => ReplyTo::Presser { response_url },
            // what asked for the form stands in it
            (None, true, Some(thread_ts)) => ReplyTo::Thread { thread_ts, begun: true },
            (None, true, None) => ReplyTo::Channel,
            (None, false, _) => ReplyTo::Caller { response_url: self.response_url },
        }
    }

    fn write(&self, command: &str) -> Option<String> {
        let exposed = |url: &Option<SecretString>| url.as_ref().map(|url| url.expose_secret().to_owned());
        let written = Written {
            v: VERSION,
            command: command.to_owned(),
            request: self.request,
            channel: self.channel.clone(),
            thread_ts: self.thread_ts.clone(),
            posted: self.posted,
            response_url: exposed(&self.response_url),
            click_url: exposed(&self.click_url),
        };
        serde_json::to_string(&written).ok().filter(|memo| memo.encode_utf16().count() <= MEMO)
    }
}

/// The form as a view for views.open; `None` when it is too large for one.
pub fn modal(form: &Form, memo: &Memo) -> Option<Box<RawValue>> {
    if form.fields.len() > FIELDS {
        return None;
    }
    let mut blocks = Vec::with_capacity(form.fields.len() + 2);
    if let Some(intro) = &form.intro {
        blocks.push(words(&intro.plain()));
    }
    let title = if form.fields.is_empty() {
        // what is agreed to stands there whole, and where no formatting can pretend anything
        blocks.push(words(&form.command));
        "Run this?"
    } else {
        &form.command
    };
    blocks.extend(form.fields.iter().map(input));
    let view = json!({
        "type": "modal",
        "callback_id": CALLBACK,
        "title": plain_text(short(title)),
        "submit": plain_text(short(&form.submit)),
        "close": plain_text("Cancel".to_owned()),
        "private_metadata": memo.write(&form.command)?,
        "blocks": blocks,
    });
    to_raw_value(&view).ok().filter(|view| view.get().len() <= VIEW)
}

/// At most as long as a title, in the larger of the units that Slack may count.
fn short(words: &str) -> String {
    let words = clean(words, 200);
    if words.encode_utf16().count() <= TITLE {
        return words;
    }
    let mut room = TITLE - 1;
    let fits = |c: &char| {
        let left = room.checked_sub(c.len_utf16());
        room = left.unwrap_or(0);
        left.is_some()
    };
    words.chars().take_while(fits).chain(['…']).collect()
}

fn words(text: &str) -> Value {
    json!({"type": "section", "text": plain_text(clean(text, INTRO))})
}

fn input(field: &Field) -> Value {
    let optional = !field.required || field.kind == FieldKind::Flag;
    let mut block = json!({
        "type": "input",
        "block_id": field.name,
        "label": plain_text(clean(&field.label, LONGEST)),
        "optional": optional,
        "element": element(field),
    });
    if let Some(hint) = &field.hint {
        block["hint"] = json!(plain_text(clean(hint, LONGEST)));
    }
    block
}

fn element(field: &Field) -> Value {
    let said = field.value.as_deref().filter(|value| !value.is_empty() && value.len() <= LONGEST);
    match &field.kind {
        FieldKind::Number => text_input("number_input", json!({"is_decimal_allowed": false}), said),
        FieldKind::Flag => {
            let options = [option("yes", &field.label)];
            let mut element = json!({"type": "checkboxes", "action_id": ACTION, "options": options});
            if said.is_some() {
                element["initial_options"] = json!(options);
            }
            element
        }
        FieldKind::Choice(choices) if is_select(choices) => {
            let options: Vec<Value> = choices.iter().map(|choice| option(choice, choice)).collect();
            let mut element = json!({"type": "static_select", "action_id": ACTION, "options": options});
            if let Some(said) = said.filter(|said| choices.iter().any(|choice| choice == said)) {
                element["initial_option"] = option(said, said);
            }
            element
        }
        FieldKind::Choice(_) | FieldKind::Text { .. } => text_input("plain_text_input", json!({}), said),
    }
}

/// The `action_id` of the one element of every input.
const ACTION: &str = "value";

fn text_input(kind: &str, mut element: Value, said: Option<&str>) -> Value {
    element["type"] = json!(kind);
    element["action_id"] = json!(ACTION);
    if let Some(said) = said {
        element["initial_value"] = json!(said);
    }
    element
}

fn is_select(choices: &[String]) -> bool {
    let (most, longest) = OPTIONS;
    (1..=most).contains(&choices.len()) && choices.iter().all(|choice| (1..=longest).contains(&choice.len()))
}

fn option(value: &str, words: &str) -> Value {
    json!({"text": plain_text(clean(words, OPTIONS.1)), "value": value})
}

#[cfg(test)]
mod tests;
