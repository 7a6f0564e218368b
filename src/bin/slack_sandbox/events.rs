//! What the bot is told: the payloads of events, commands and clicks, and when they are sent.

use serde_json::{Value, json};

use crate::chat::Message;
use crate::clock;
use crate::hub::{Cargo, Envelope};
use crate::ids;
use crate::people::{APP, BOT_USER, TEAM, User};
use crate::state::State;

/// The deprecated verification token; nobody may authorise by it.
pub const VERIFICATION: &str = "sandboxVerificationToken";

impl State {
    /// Sends an event to the app.
    pub fn emit(&mut self, event: &Value, channel: &str) -> Envelope {
        let event_id = ids::event();
        let shared = self.directory.channel(channel).is_some_and(|c| c.shared);
        let payload = json!({
            "token": VERIFICATION, "team_id": TEAM, "context_team_id": TEAM, "context_enterprise_id": null, "api_app_id": APP,
            "event": event, "type": "event_callback", "event_id": event_id, "event_time": clock::micros() / 1_000_000,
            "authorizations": [{
                "enterprise_id": null, "team_id": TEAM, "user_id": BOT_USER, "is_bot": true, "is_enterprise_install": false
            }],
            "is_ext_shared_channel": shared, "event_context": format!("4-{}", ids::secret()),
        });
        self.send(Cargo::Event { event_id, attempt: 0 }, payload)
    }

    /// The events that a new message causes. The first one's envelope, if any.
    pub fn announce(&mut self, channel: &str, message: &Message) -> Option<Envelope> {
        let room = self.directory.channel(channel)?;
        let (direct, heard) = (room.dm_with.is_some(), room.has_bot());
        if message.only_for.is_some() || !heard {
            return None;
        }
        self.announce_reply(channel, message, direct);
        if direct {
            let event = self.message_event(channel, message, "im");
            return Some(self.emit(&event, channel));
        }
        let mut envelope = None;
        if message.user != BOT_USER && message.text.contains("<@UDRONE>") {
            envelope = Some(self.mention(channel, message));
        }
        if self.channel_messages {
            let event = self.message_event(channel, message, "channel");
            envelope = Some(self.emit(&event, channel));
        }
        envelope
    }

    /// A reply changes its parent: Slack tells of that as of an edit, though nobody has edited anything.
    fn announce_reply(&mut self, channel: &str, reply: &Message, direct: bool) {
        let parent = reply.thread_ts.as_deref().and_then(|ts| self.chat.find(channel, ts)).cloned();
        let Some(parent) = parent.filter(|_| direct || self.channel_messages) else { return };
        let mut before = parent.clone();
        before.replies = before.replies.saturating_sub(1);
        self.announce_change(channel, &before, &parent);
    }

    fn mention(&mut self, channel: &str, message: &Message) -> Envelope {
        let mut event = self.message_event(channel, message, "");
        event["type"] = json!("app_mention");
        if let Some(fields) = event.as_object_mut() {
            fields.remove("channel_type");
        }
        self.emit(&event, channel)
    }

    fn message_event(&self, channel: &str, message: &Message, channel_type: &str) -> Value {
        let mut event = message.json();
        event["channel"] = json!(channel);
        event["event_ts"] = json!(message.ts());
        event["channel_type"] = json!(channel_type);
        if let Some(user) = self.directory.user(&message.user).filter(|u| u.stranger) {
            event["user_team"] = json!(user.team);
            event["source_team"] = json!(user.team);
            event["team"] = json!(user.team);
            event["user_profile"] = json!({"real_name": user.real_name, "display_name": user.name, "team": user.team,
                "is_restricted": user.restricted, "is_ultra_restricted": user.ultra_restricted});
        }
        event
    }

    /// The events that an edit or a deletion causes.
    pub fn announce_change(&mut self, channel: &str, before: &Message, after: &Message) -> Option<Envelope> {
        let room = self.directory.channel(channel)?;
        let (direct, heard) = (room.dm_with.is_some(), room.has_bot());
        if !heard || after.only_for.is_some() {
            return None;
        }
        if direct || self.channel_messages {
            let now = clock::ts(clock::micros());
            let kind = if direct { "im" } else { "channel" };
            let mut event = json!({
                "type": "message", "channel": channel, "channel_type": kind, "hidden": true, "ts": now, "event_ts": now,
                "previous_message": before.json(),
            });
            if after.deleted {
                event["subtype"] = json!("message_deleted");
                event["deleted_ts"] = json!(after.ts());
            } else {
                event["subtype"] = json!("message_changed");
                event["message"] = after.json();
            }
            return Some(self.emit(&event, channel));
        }
        let mentions = |m: &Message| m.text.contains("<@UDRONE>");
        let newly = !after.deleted && after.user != BOT_USER && mentions(after) && !mentions(before);
        newly.then(|| self.mention(channel, after))
    }

    /// Where answers to this command or click go.
    pub fn response_url(&self, of_click: bool, secret: &str) -> String {
        let kind = if of_click { "actions" } else { "commands" };
        format!("{}/{kind}/{TEAM}/{}/{secret}", self.options.base_url, ids::number())
    }
}

/// The payload of a slash command.
pub fn slash_payload(user: &User, channel: (&str, &str), command: (&str, &str), trigger: &str, url: &str) -> Value {
    let domain = if user.stranger { "outside" } else { "sandbox" };
    json!({
        "token": VERIFICATION, "team_id": user.team, "team_domain": domain, "channel_id": channel.0, "channel_name": channel.1,
        "user_id": user.id, "user_name": user.name, "command": command.0, "text": command.1, "api_app_id": APP,
        "is_enterprise_install": "false", "response_url": url, "trigger_id": trigger,
    })
}

/// The payload of a click on a button.
pub fn click_payload(
    user: &User,
    channel: (&str, &str),
    message: &Message,
    action: &Value,
    trigger: &str,
    url: &str,
) -> Value {
    let mut container = json!({
        "type": "message", "message_ts": message.ts(), "channel_id": channel.0, "is_ephemeral": message.only_for.is_some(),
    });
    if let Some(thread) = &message.thread_ts {
        container["thread_ts"] = json!(thread);
    }
    let mut payload = json!({
        "type": "block_actions",
        "user": {"id": user.id, "username": user.name, "name": user.name, "team_id": user.team},
        "api_app_id": APP, "token": VERIFICATION, "container": container, "trigger_id": trigger,
        "team": {"id": TEAM, "domain": "sandbox"}, "enterprise": null, "is_enterprise_install": false,
        "channel": {"id": channel.0, "name": channel.1}, "state": {"values": {}}, "response_url": url, "actions": [action],
    });
    if message.only_for.is_none() {
        payload["message"] = message.json();
    }
    payload
}
