//! What Slack sends, read leniently: unknown fields are ignored, nearly every field may be missing, and what is not
//! understood stays raw. A closed model of an open protocol loses messages on the day Slack adds a word.

mod interactive;

pub use interactive::{
    Action, Choice, Container, Interactive, InteractiveUser, Named, ShortMessage, View, ViewState, ViewValue,
};

use secrecy::SecretString;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

/// What an envelope carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EnvelopeKind {
    /// An event of the Events API: read the payload as [`EventCallback`].
    EventsApi,
    /// A slash command: read the payload as [`SlashCommand`].
    SlashCommands,
    /// A button, a modal, a shortcut: read the payload as [`Interactive`].
    Interactive,
}

impl EnvelopeKind {
    /// Slack's name for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::EventsApi => "events_api",
            Self::SlashCommands => "slash_commands",
            Self::Interactive => "interactive",
        }
    }

    /// The reverse of [`EnvelopeKind::as_str`].
    pub fn parse(name: &str) -> Option<Self> {
        [Self::EventsApi, Self::SlashCommands, Self::Interactive].into_iter().find(|kind| kind.as_str() == name)
    }
}

/// One delivery over Socket Mode. The same delivery may come again, under the same or another envelope id.
#[derive(Clone, Debug)]
pub struct Envelope {
    /// What an acknowledgement names.
    pub envelope_id: String,
    /// What it carries.
    pub kind: EnvelopeKind,
    /// The payload, not yet parsed; JSON `null` when Slack sent none.
    pub payload: Box<RawValue>,
    /// Which attempt at an event this is: 0 or missing for the first. Never a reason to drop it, as the retry may be
    /// the only delivery that arrived.
    pub retry_attempt: Option<u32>,
    /// Slack's reason for the attempt, free text (`timeout`).
    pub retry_reason: Option<String>,
    /// Whether the acknowledgement may carry an answer.
    pub accepts_response_payload: bool,
    /// Which of the connections it came by.
    pub slot: usize,
}

impl Envelope {
    /// The payload as a slash command.
    pub fn slash_command(&self) -> Result<SlashCommand, serde_json::Error> {
        serde_json::from_str(self.payload.get())
    }

    /// The payload as an event.
    pub fn event(&self) -> Result<EventCallback, serde_json::Error> {
        serde_json::from_str(self.payload.get())
    }

    /// The payload as an interaction.
    pub fn interactive(&self) -> Result<Interactive, serde_json::Error> {
        serde_json::from_str(self.payload.get())
    }
}

/// A slash command. Without the deprecated verification token, which nothing may rely on.
#[derive(Clone, Deserialize)]
pub struct SlashCommand {
    /// The workspace.
    #[serde(default, deserialize_with = "odd_is_none")]
    pub team_id: Option<String>,
    /// The organisation, on an Enterprise Grid.
    #[serde(default, deserialize_with = "odd_is_none")]
    pub enterprise_id: Option<String>,
    /// Where it was typed.
    pub channel_id: Option<String>,
    /// That channel's name; `directmessage` for one.
    #[serde(default, deserialize_with = "odd_is_none")]
    pub channel_name: Option<String>,
    /// Who typed it.
    pub user_id: Option<String>,
    /// The command itself, `/drone`.
    #[serde(default, deserialize_with = "odd_is_none")]
    pub command: Option<String>,
    /// What follows the command; may be empty.
    #[serde(default, deserialize_with = "text_or_nothing")]
    pub text: String,
    /// The app.
    #[serde(default, deserialize_with = "odd_is_none")]
    pub api_app_id: Option<String>,
    /// Where answers go: a capability, so a secret.
    #[serde(default, deserialize_with = "optional_secret")]
    pub response_url: Option<SecretString>,
    /// The key of this one command: unique, and valid for 3 seconds.
    #[serde(default, deserialize_with = "odd_is_none")]
    pub trigger_id: Option<String>,
}

impl std::fmt::Debug for SlashCommand {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SlashCommand")
            .field("team_id", &self.team_id)
            .field("channel_id", &self.channel_id)
            .field("user_id", &self.user_id)
            .field("command", &self.command)
            .finish_non_exhaustive()
    }
}

/// The payload of an `events_api` envelope.
#[derive(Clone, Debug, Deserialize)]
pub struct EventCallback {
    /// `event_callback`, or `app_rate_limited`, which has no event.
    #[serde(rename = "type", default, deserialize_with = "odd_is_none")]
    pub kind: Option<String>,
    /// `Ev…`: the same in every retry of one event.
    #[serde(default, deserialize_with = "odd_is_none")]
    pub event_id: Option<String>,
    /// When it happened, in seconds after the Unix epoch.
    #[serde(default, deserialize_with = "odd_is_none")]
    pub event_time: Option<i64>,
    /// The workspace.
    #[serde(default, deserialize_with = "odd_is_none")]
    pub team_id: Option<String>,
    /// The workspace in whose context the app got it (shared channels).
    #[serde(default, deserialize_with = "odd_is_none")]
    pub context_team_id: Option<String>,
    /// The organisation, on an Enterprise Grid.
    #[serde(default, deserialize_with = "odd_is_none")]
    pub enterprise_id: Option<String>,
    /// The app.
    #[serde(default, deserialize_with = "odd_is_none")]
    pub api_app_id: Option<String>,
    /// Whether the channel is shared with another organisation; nothing where Slack does not say.
    #[serde(default, deserialize_with = "said_bool")]
    pub is_ext_shared_channel: Option<bool>,
    /// What happened.
    #[serde(default)]
    pub event: Event,
}

/// What happened.
#[derive(Clone, Debug, Default)]
pub enum Event {
    /// Somebody named the bot in a channel.
    AppMention(MessageEvent),
    /// A message the bot may see.
    Message(MessageEvent),
    /// Somebody opened the app's own page.
    AppHomeOpened(HomeOpened),
    /// Something else, by its type; its fields stay raw.
    Other {
        /// Slack's name for it, empty if it has none.
        kind: String,
        /// The whole event.
        raw: Box<RawValue>,
    },
    /// The payload has no event.
    #[default]
    None,
}

impl<'de> Deserialize<'de> for Event {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Head {
            #[serde(rename = "type", default)]
            kind: Option<String>,
        }
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        if raw.get() == "null" {
            return Ok(Self::None);
        }
        let kind = serde_json::from_str::<Head>(raw.get()).ok().and_then(|head| head.kind).unwrap_or_default();
        // a message that does not fit the model is kept raw rather than failing the whole event
        Ok(match (kind.as_str(), serde_json::from_str(raw.get())) {
            ("app_mention", Ok(event)) => Self::AppMention(event),
            ("message", Ok(event)) => Self::Message(event),
            ("app_home_opened", _) => match serde_json::from_str(raw.get()) {
                Ok(opened) => Self::AppHomeOpened(opened),
                Err(_) => Self::Other { kind, raw },
            },
            _ => Self::Other { kind, raw },
        })
    }
}

/// A message as an event: `app_mention` or `message`.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct MessageEvent {
    /// Who wrote it.
    pub user: Option<String>,
    /// What was written, in Slack's text form.
    #[serde(default, deserialize_with = "text_or_nothing")]
    pub text: String,
    /// The same as blocks, `rich_text` from people's clients, unread: the better source for
    /// [`super::text::command_line`].
    pub blocks: Option<Box<RawValue>>,
    /// The message's name in its channel.
    pub ts: Option<String>,
    /// When the event happened, in the same form.
    #[serde(default, deserialize_with = "odd_is_none")]
    pub event_ts: Option<String>,
    /// The thread it belongs to.
    pub thread_ts: Option<String>,
    /// Where it was written.
    pub channel: Option<String>,
    /// `im` for a direct message; `app_mention` has none.
    pub channel_type: Option<String>,
    /// The workspace of the event.
    #[serde(default, deserialize_with = "odd_is_none")]
    pub team: Option<String>,
    /// The workspace of the writer, in shared channels.
    #[serde(default, deserialize_with = "odd_is_none")]
    pub user_team: Option<String>,
    /// The workspace it was written in, in shared channels.
    #[serde(default, deserialize_with = "odd_is_none")]
    pub source_team: Option<String>,
    /// What else it is: `message_changed`, `bot_message`, `file_share`, …
    pub subtype: Option<String>,
    /// The bot that wrote it.
    pub bot_id: Option<String>,
    /// The bot that wrote it, in detail.
    pub bot_profile: Option<BotProfile>,
    /// The app that wrote it.
    pub app_id: Option<String>,
    /// Set by human clients only: the same for one message that comes as two events.
    #[serde(default, deserialize_with = "odd_is_none")]
    pub client_msg_id: Option<String>,
    /// Present when the message was edited after it was sent.
    pub edited: Option<Box<RawValue>>,
    /// Of a change: the message as it is now.
    #[serde(default, deserialize_with = "odd_is_none")]
    pub message: Option<Box<Self>>,
    /// Of a change: the message as it was.
    #[serde(default, deserialize_with = "odd_is_none")]
    pub previous_message: Option<Box<Self>>,
    /// Whether Slack shows it to no person (the outer form of an edit).
    #[serde(default, deserialize_with = "lenient_bool")]
    pub hidden: bool,
}

/// Somebody opened the app's own page, or its messages.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct HomeOpened {
    /// Who.
    pub user: Option<String>,
    /// `home` or `messages`.
    pub tab: Option<String>,
    /// The person's direct message with the bot.
    pub channel: Option<String>,
}

/// The bot that wrote a message.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct BotProfile {
    /// `B…`
    pub id: Option<String>,
    /// `A…`
    pub app_id: Option<String>,
}

impl MessageEvent {
    /// Whether a program wrote it. Two bots that answer each other never stop, so these are ignored.
    pub fn is_from_bot(&self) -> bool {
        self.bot_id.is_some()
            || self.bot_profile.is_some()
            || self.app_id.is_some()
            || self.subtype.as_deref() == Some("bot_message")
            || self.user.as_deref() == Some("USLACKBOT")
    }

    /// Whether it tells of a change of an earlier message: an edit, a deletion, a reply or an unfurled link.
    pub fn is_change(&self) -> bool {
        self.hidden
            || self.edited.is_some()
            || matches!(self.subtype.as_deref(), Some("message_changed" | "message_deleted" | "message_replied"))
    }

    /// Whether a person said something with it: no subtype, or one that is still a person's words. One that Slack adds
    /// one day is a person's words where a person's client has numbered them.
    pub fn is_from_person(&self) -> bool {
        self.is_said(self.client_msg_id.is_some())
    }

    /// Whether a person named the bot with it: as [`Self::is_from_person`], and of a subtype that the bot does not know yet too.
    pub fn is_mention_by_person(&self) -> bool {
        self.is_said(true)
    }

    fn is_said(&self, whatever: bool) -> bool {
        let subtype = self.subtype.as_deref().unwrap_or_default();
        let words = matches!(subtype, "" | "file_share" | "thread_broadcast" | "me_message");
        let said = words || (whatever && !is_told_by_slack(subtype));
        said && self.user.is_some() && !self.is_from_bot() && !self.is_change()
    }

    /// The message of a person that this says was edited. A link that is unfurled and a reply change a message too, and
    /// no one has edited it.
    pub fn edited_by_person(&self) -> Option<&Self> {
        let now = match self.subtype.as_deref() {
            Some("message_changed") => self.message.as_deref()?,
            _ => self,
        };
        now.edited.as_ref()?;
        let is_other = self.previous_message.as_deref().is_none_or(|before| before.text != now.text);
        let as_said = Self { edited: None, ..now.clone() };
        (is_other && as_said.is_mention_by_person()).then_some(now)
    }

    /// Whether it was written in the bot's own direct message.
    pub fn is_direct(&self) -> bool {
        self.channel_type.as_deref() == Some("im")
            || (self.channel_type.is_none() && self.channel.as_deref().is_some_and(|channel| channel.starts_with('D')))
    }

    /// The workspace the writer belongs to, as far as the event says.
    pub fn writer_team(&self) -> Option<&str> {
        self.user_team.as_deref().or(self.source_team.as_deref()).or(self.team.as_deref())
    }
}

/// Whether a message of this subtype is Slack's own account of what somebody did, and nothing that anybody said.
fn is_told_by_slack(subtype: &str) -> bool {
    let groups = ["channel_", "group_", "bot_", "pinned_", "unpinned_", "reminder_", "ekm_", "message_", "sh_room_"];
    groups.iter().any(|group| subtype.starts_with(group)) || subtype == "tombstone"
}

/// Slack sends `text: null` for messages that are only blocks.
pub(super) fn text_or_nothing<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    Ok(Option::<String>::deserialize(deserializer)?.unwrap_or_default())
}

/// A field that has another type than it had: it is as good as missing, and costs no delivery.
pub(super) fn odd_is_none<'de, D: Deserializer<'de>, T: serde::de::DeserializeOwned>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    let raw = Box::<RawValue>::deserialize(deserializer)?;
    Ok(serde_json::from_str(raw.get()).ok())
}

/// `null` where a value was: as if it were missing.
pub(super) fn null_is_default<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(
    deserializer: D,
) -> Result<T, D::Error> {
    Ok(Option::<T>::deserialize(deserializer)?.unwrap_or_default())
}

/// Slack writes some booleans as the strings `"true"` and `"false"`. What is neither is not true.
pub(super) fn lenient_bool<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    Ok(said_bool(deserializer)?.unwrap_or_default())
}

/// The same where it matters whether it was said.
pub(super) fn said_bool<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<bool>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Form {
        Bool(bool),
        Text(String),
        Other(serde::de::IgnoredAny),
    }
    Ok(match Form::deserialize(deserializer)? {
        Form::Bool(value) => Some(value),
        Form::Text(text) if text == "true" || text == "false" => Some(text == "true"),
        Form::Text(_) | Form::Other(_) => None,
    })
}

pub(super) fn optional_secret<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<SecretString>, D::Error> {
    Ok(Option::<String>::deserialize(deserializer)?.map(SecretString::from))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(json: &str) -> EventCallback {
        serde_json::from_str(json).expect("lenient")
    }

    #[test]
    fn a_mention_is_read_with_unknown_fields_around_it() {
        let callback = event(
            r#"{"token":"x","team_id":"T1","type":"event_callback","event_id":"Ev1","event_time":1,"new":{"a":[1]},
                "authorizations":[{}],"is_ext_shared_channel":false,
                "event":{"type":"app_mention","user":"U1","text":"<@UB> ping","ts":"1.2","channel":"C1","blocks":[{"type":"new"}]}}"#,
        );
        let Event::AppMention(message) = &callback.event else { panic!("{callback:?}") };
        assert_eq!(message.text, "<@UB> ping");
        assert!(message.is_from_person() && !message.is_direct());
        assert_eq!(callback.event_id.as_deref(), Some("Ev1"));
    }

    // failure 9, failure 31
    #[test]
    fn what_is_not_understood_stays_raw_and_a_missing_event_is_no_error() {
        let limited = event(r#"{"type":"app_rate_limited","minute_rate_limited":5}"#);
        assert!(matches!(limited.event, Event::None));
        let other = event(r#"{"type":"event_callback","event":{"type":"tokens_revoked","tokens":{}}}"#);
        assert!(matches!(other.event, Event::Other { kind, .. } if kind == "tokens_revoked"));
        let odd = event(r#"{"type":"event_callback","event":{"type":"message","user":{"id":"U1"}}}"#);
        assert!(matches!(odd.event, Event::Other { kind, .. } if kind == "message"));
        let bare = event(r#"{"type":"event_callback","event":["x"],"is_ext_shared_channel":"true"}"#);
        assert_eq!(bare.is_ext_shared_channel, Some(true));
    }

    // failure 36
    #[test]
    fn bots_edits_and_joins_are_not_a_persons_words() {
        let message = |json: &str| serde_json::from_str::<MessageEvent>(json).expect("lenient");
        for (json, bot) in [
            (r#"{"user":"U1","bot_id":"B1"}"#, true),
            (r#"{"user":"U1","bot_profile":{"id":"B1"}}"#, true),
            (r#"{"user":"U1","app_id":"A1"}"#, true),
            (r#"{"subtype":"bot_message"}"#, true),
            (r#"{"user":"USLACKBOT"}"#, true),
            (r#"{"user":"U1","subtype":"message_changed","hidden":true}"#, false),
            (r#"{"user":"U1","edited":{"ts":"1"}}"#, false),
            (r#"{"user":"U1","subtype":"channel_join","client_msg_id":"x"}"#, false),
            (r#"{"user":"U1","subtype":"group_topic"}"#, false),
        ] {
            assert_eq!(message(json).is_from_bot(), bot, "{json}");
            assert!(!message(json).is_from_person() && !message(json).is_mention_by_person(), "{json}");
        }
        let new = r#"{"user":"U1","subtype":"of_2031","client_msg_id":"x"}"#;
        assert!(message(new).is_from_person() && message(new).is_mention_by_person());
        let bare = r#"{"user":"U1","subtype":"of_2031"}"#;
        assert!(!message(bare).is_from_person() && message(bare).is_mention_by_person());
        assert!(message(r#"{"user":"U1","text":null,"subtype":"file_share","channel_type":"im"}"#).is_from_person());
    }

    #[test]
    fn a_slash_command_keeps_its_response_url_to_itself() {
        let command: SlashCommand = serde_json::from_str(
            r#"{"command":"/drone","text":"ping","user_id":"U1","channel_id":"C1","team_id":"T1","trigger_id":"1.2",
                "response_url":"https://hooks.slack.com/commands/secret","is_enterprise_install":"false"}"#,
        )
        .expect("valid");
        assert!(!format!("{command:?}").contains("hooks"));
        assert!(!format!("{:?}", command.response_url).contains("hooks"));
        assert_eq!(command.text, "ping");
    }
}
