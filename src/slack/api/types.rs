//! What the Web API's methods take and give, as far as the bot uses it.

use crate::domain::{ChannelId, Membership, TeamId, UserId};
use crate::slack::payload::{null_is_default, odd_is_none};
use serde::ser::SerializeMap;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::value::RawValue;

/// A rendered message: its blocks and their plain-text twin.
#[derive(Clone, Debug)]
pub struct Message {
    /// The whole message as text, escaped: notification, screen reader, and all there is when Slack refuses the blocks.
    pub text: String,
    /// The Block Kit array, serialised; `None` for a message of text alone.
    pub blocks: Option<Box<RawValue>>,
}

impl Message {
    /// The same message without blocks: the fallback when Slack answers `invalid_blocks`.
    #[must_use]
    pub fn without_blocks(&self) -> Self {
        Self { text: self.text.clone(), blocks: None }
    }

    /// Writes the fields of the message and the arguments that keep Slack from reading more into them.
    fn write<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        map.serialize_entry("text", &self.text)?;
        optional(map, "blocks", self.blocks.as_deref())?;
        map.serialize_entry("unfurl_links", &false)?;
        map.serialize_entry("unfurl_media", &false)?;
        map.serialize_entry("parse", "none")?;
        map.serialize_entry("link_names", &false)
    }
}

/// What a message carries for programs: by it a message can be found again.
#[derive(Clone, Debug, Serialize)]
pub struct Metadata {
    /// The kind, `dronebot_reply`.
    pub event_type: String,
    /// Its fields.
    pub event_payload: serde_json::Map<String, serde_json::Value>,
}

/// chat.postMessage
#[derive(Clone, Debug)]
pub struct PostMessage<'a> {
    /// Where.
    pub channel: &'a ChannelId,
    /// In which thread, if in one.
    pub thread_ts: Option<&'a str>,
    /// What.
    pub message: &'a Message,
    /// For programs.
    pub metadata: Option<&'a Metadata>,
}

impl Serialize for PostMessage<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("channel", self.channel)?;
        optional(&mut map, "thread_ts", self.thread_ts)?;
        self.message.write(&mut map)?;
        optional(&mut map, "metadata", self.metadata)?;
        map.end()
    }
}

/// chat.update
#[derive(Clone, Debug)]
pub struct UpdateMessage<'a> {
    /// Where; `D…` for a direct message, never the person's id.
    pub channel: &'a ChannelId,
    /// Which message.
    pub ts: &'a str,
    /// What it shall say.
    pub message: &'a Message,
    /// For programs.
    pub metadata: Option<&'a Metadata>,
}

/// chat.delete
#[derive(Clone, Debug, Serialize)]
pub struct DeleteMessage<'a> {
    /// Where; `D…` for a direct message, never the person's id.
    pub channel: &'a ChannelId,
    /// Which message.
    pub ts: &'a str,
}

impl Serialize for UpdateMessage<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("channel", self.channel)?;
        map.serialize_entry("ts", self.ts)?;
        self.message.write(&mut map)?;
        if self.message.blocks.is_none() {
            // an edit without blocks must also take the old ones away
            map.serialize_entry("blocks", &[(); 0])?;
        }
        optional(&mut map, "metadata", self.metadata)?;
        map.end()
    }
}

/// chat.postEphemeral
#[derive(Clone, Debug)]
pub struct PostEphemeral<'a> {
    /// Where.
    pub channel: &'a ChannelId,
    /// To whom.
    pub user: &'a UserId,
    /// In which thread, if in one.
    pub thread_ts: Option<&'a str>,
    /// What.
    pub message: &'a Message,
}

impl Serialize for PostEphemeral<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("channel", self.channel)?;
        map.serialize_entry("user", self.user)?;
        optional(&mut map, "thread_ts", self.thread_ts)?;
        self.message.write(&mut map)?;
        map.end()
    }
}

/// A POST to a response_url.
#[derive(Clone, Debug)]
pub struct Respond<'a> {
    /// Where that leads, which Slack knows.
    pub channel: &'a ChannelId,
    /// What.
    pub message: &'a Message,
    /// Whether the whole channel sees it; otherwise the caller alone.
    pub in_channel: bool,
    /// Whether it takes the place of the message that the url belongs to: the bot's own last answer through it.
    pub replace_original: bool,
}

impl Serialize for Respond<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("response_type", if self.in_channel { "in_channel" } else { "ephemeral" })?;
        map.serialize_entry("replace_original", &self.replace_original)?;
        self.message.write(&mut map)?;
        map.end()
    }
}

fn optional<M: SerializeMap>(map: &mut M, key: &str, value: Option<impl Serialize>) -> Result<(), M::Error> {
    value.map_or(Ok(()), |value| map.serialize_entry(key, &value))
}

/// views.publish
#[derive(Serialize)]
pub(super) struct PublishHome<'a> {
    pub(super) user_id: &'a UserId,
    pub(super) view: HomeView<'a>,
}

/// The Home of one person.
#[derive(Serialize)]
pub(super) struct HomeView<'a> {
    #[serde(rename = "type")]
    pub(super) kind: &'static str,
    pub(super) blocks: &'a RawValue,
}

/// views.open
#[derive(Serialize)]
pub(super) struct OpenView<'a> {
    pub(super) trigger_id: &'a str,
    pub(super) view: &'a RawValue,
}

/// An answer of which nothing is wanted.
#[derive(Deserialize)]
pub(super) struct Nothing {}

/// Who the bot is.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct AuthTest {
    /// The workspace's address.
    pub url: Option<String>,
    /// The workspace's name.
    pub team: Option<String>,
    /// The bot's user name.
    pub user: Option<String>,
    /// The workspace.
    pub team_id: Option<TeamId>,
    /// The bot as a user: what a mention names.
    pub user_id: Option<UserId>,
    /// The bot as a bot, `B…`.
    pub bot_id: Option<String>,
    /// The organisation, on an Enterprise Grid.
    pub enterprise_id: Option<String>,
    /// Whether it is installed for a whole organisation.
    #[serde(default, deserialize_with = "null_is_default")]
    pub is_enterprise_install: bool,
    /// The scopes of the token, where Slack tells.
    #[serde(skip)]
    pub scopes: Option<Vec<String>>,
    /// The time of day by Slack's clock (the `Date` header).
    #[serde(skip)]
    pub date: Option<jiff::Timestamp>,
}

/// A message that was posted or edited.
#[derive(Clone, Debug, Deserialize)]
pub struct Posted {
    /// Where it is; the direct message's own id when it was sent to a person.
    pub channel: ChannelId,
    /// Its name in the channel.
    pub ts: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct Conversation {
    pub(super) channel: ConversationInfo,
}

/// What is wanted to be known of a channel.
#[derive(Debug, Deserialize)]
pub(super) struct ConversationInfo {
    /// Whether it is shared with another organisation.
    #[serde(default, deserialize_with = "odd_is_none")]
    pub(super) is_ext_shared: Option<bool>,
}

#[derive(Debug, Deserialize)]
pub(super) struct User {
    pub(super) user: UserInfo,
}

#[derive(Debug, Deserialize)]
pub(super) struct Users {
    #[serde(default, deserialize_with = "null_is_default")]
    pub(super) users: Vec<UserId>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Usergroups {
    #[serde(default, deserialize_with = "null_is_default")]
    pub(super) usergroups: Vec<Usergroup>,
}

/// A user group of the workspace.
#[derive(Clone, Debug, Deserialize)]
pub struct Usergroup {
    /// `S…`
    pub id: String,
    /// What people type after the @.
    #[serde(default, deserialize_with = "null_is_default")]
    pub handle: String,
    /// Its title (untrusted text).
    #[serde(default, deserialize_with = "null_is_default")]
    pub name: String,
}

/// What Slack knows of a person. All names are untrusted text.
#[derive(Clone, Debug, Deserialize)]
pub struct UserInfo {
    /// The person.
    pub id: UserId,
    /// The workspace the person belongs to.
    pub team_id: Option<TeamId>,
    /// The login name.
    pub name: Option<String>,
    /// The full name.
    pub real_name: Option<String>,
    /// Whether the account is deactivated.
    #[serde(default, deserialize_with = "null_is_default")]
    pub deleted: bool,
    /// Whether it is a program.
    #[serde(default, deserialize_with = "null_is_default")]
    pub is_bot: bool,
    /// A guest of several channels, or of one.
    #[serde(default, deserialize_with = "null_is_default")]
    pub is_restricted: bool,
    /// A guest of one channel.
    #[serde(default, deserialize_with = "null_is_default")]
    pub is_ultra_restricted: bool,
    /// A person of another workspace.
    #[serde(default, deserialize_with = "null_is_default")]
    pub is_stranger: bool,
    /// Time zone, `Europe/Berlin`.
    pub tz: Option<String>,
    /// Names as shown.
    #[serde(default, deserialize_with = "null_is_default")]
    pub profile: UserProfile,
    /// On an Enterprise Grid: the workspaces the person is in.
    pub enterprise_user: Option<EnterpriseUser>,
}

/// A person on an Enterprise Grid.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct EnterpriseUser {
    /// The workspaces the person is in.
    #[serde(default, deserialize_with = "null_is_default")]
    pub teams: Vec<TeamId>,
}

/// A person's names as shown.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct UserProfile {
    /// The name that people see; may be empty.
    pub display_name: Option<String>,
    /// The full name.
    pub real_name: Option<String>,
    /// Only with the scope users:read.email.
    pub email: Option<String>,
}

impl UserInfo {
    /// The name that people see in Slack (untrusted text).
    pub fn shown_name(&self) -> &str {
        [
            self.profile.display_name.as_deref(),
            self.profile.real_name.as_deref(),
            self.real_name.as_deref(),
            self.name.as_deref(),
        ]
        .into_iter()
        .flatten()
        .find(|name| !name.is_empty())
        .unwrap_or_else(|| self.id.as_str())
    }

    /// What the person is in this workspace. What is not said counts against the person.
    pub fn membership(&self, home: &TeamId) -> Membership {
        let grid = self.enterprise_user.as_ref().is_some_and(|user| user.teams.contains(home));
        if self.deleted || self.is_bot {
            Membership::Inactive
        } else if self.is_stranger || !(grid || self.team_id.as_ref() == Some(home)) {
            Membership::Outside
        } else if self.is_restricted || self.is_ultra_restricted {
            Membership::Guest
        } else {
            Membership::Member
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::slack::testing::null_is_as_missing;
    use serde_json::json;

    #[test]
    fn null_is_as_good_as_missing_in_every_field_of_an_answer() {
        let user = json!({"id": "U1", "team_id": "T1", "name": "maya", "real_name": "Maya", "deleted": false,
            "is_bot": false, "is_restricted": false, "is_ultra_restricted": false, "is_stranger": false, "tz": "UTC",
            "profile": {"display_name": "maya", "real_name": "Maya", "email": "m@x.dev"},
            "enterprise_user": {"teams": ["T1"]}});
        null_is_as_missing::<User>(&json!({"ok": true, "user": user}));
        null_is_as_missing::<Conversation>(&json!({"channel": {"id": "C1", "is_ext_shared": true}}));
        null_is_as_missing::<Users>(&json!({"ok": true, "users": ["U1"]}));
        null_is_as_missing::<Usergroups>(&json!({"usergroups": [{"id": "S1", "handle": "ops", "name": "Ops"}]}));
        null_is_as_missing::<Posted>(&json!({"channel": "C1", "ts": "1.5"}));
        null_is_as_missing::<AuthTest>(&json!({"url": "https://x", "team": "x", "user": "drone", "team_id": "T1",
            "user_id": "U1", "bot_id": "B1", "enterprise_id": "E1", "is_enterprise_install": false}));
        // what Slack leaves out makes no one a member
        let nobody = json!({"id": "U1", "is_bot": null, "profile": null, "enterprise_user": {"teams": null}});
        let nobody: UserInfo = serde_json::from_value(nobody).expect("lenient");
        assert_eq!(nobody.membership(&"T1".into()), Membership::Outside);
    }
}
