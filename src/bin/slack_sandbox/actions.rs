//! What people do: say, edit, delete, type a command, press a button. And what they see when the bot stays silent.

use serde_json::{Value, json};

use crate::chat::Message;
use crate::clock;
use crate::events::{click_payload, slash_payload};
use crate::hub::{Cargo, Envelope};
use crate::ids;
use crate::people::User;
use crate::state::State;
use crate::text;
use crate::urls::ResponseUrl;

/// The bot that tells people of failed commands.
const SLACKBOT: &str = "USLACKBOT";

/// A typed message.
#[derive(Debug, Default)]
pub struct Saying<'a> {
    /// As typed.
    pub text: &'a str,
    /// In this thread.
    pub thread_ts: Option<String>,
    /// Take `text` as Slack's own form and send no blocks.
    pub raw: bool,
    /// Turn quotes and dashes as a phone does.
    pub smart: bool,
}

/// A sent command or click.
#[derive(Debug)]
pub struct Sent {
    /// Its envelope; a click on an ephemeral message has one too.
    pub envelope: Envelope,
    /// Its trigger.
    pub trigger_id: String,
    /// Where answers go.
    pub response_url: String,
}

impl State {
    /// The person and the channel that a control call names, as ids.
    pub fn who_where(&self, user: &str, channel: &str) -> Result<(User, String, String), &'static str> {
        let user = self.directory.find_user(user).ok_or("user_not_found")?;
        let room = self.directory.find_channel(channel, Some(&user.id)).ok_or("channel_not_found")?;
        if !room.has(&user.id) {
            return Err("user_not_in_channel");
        }
        if room.archived {
            return Err("is_archived");
        }
        let name = if room.dm_with.is_some() { "directmessage" } else { &room.name };
        Ok((user.clone(), room.id.clone(), name.to_owned()))
    }

    /// A person says something. The message, and the event's envelope if the bot hears of it.
    pub fn say(
        &mut self,
        user: &str,
        channel: &str,
        saying: Saying,
    ) -> Result<(Message, String, Option<Envelope>), &'static str> {
        let (user, channel, _) = self.who_where(user, channel)?;
        let (text, blocks) = self.compose(&saying);
        let message = Message {
            user: user.id.clone(),
            bot_id: user.bot_id.clone(),
            text,
            blocks,
            thread_ts: saying.thread_ts,
            client_msg_id: user.bot_id.is_none().then(ids::uuid),
            via: "say",
            ..Message::default()
        };
        let message = self.chat.add(&channel, message);
        let envelope = self.announce(&channel, &message);
        Ok((message, channel, envelope))
    }

    fn compose(&self, saying: &Saying) -> (String, Option<Value>) {
        if saying.raw {
            return (saying.text.to_owned(), None);
        }
        let typed = if saying.smart { text::smart_punctuation(saying.text) } else { saying.text.to_owned() };
        let pieces = text::pieces(&typed, &self.directory);
        (text::message_text(&pieces), Some(text::rich_text(&pieces)))
    }

    /// A person edits a message of theirs.
    pub fn edit_own(
        &mut self,
        user: &str,
        channel: &str,
        ts: &str,
        saying: &Saying,
    ) -> Result<Option<Envelope>, &'static str> {
        let (user, channel, _) = self.who_where(user, channel)?;
        let message = self.chat.find(&channel, ts).ok_or("message_not_found")?;
        if message.user != user.id {
            return Err("cant_update_message");
        }
        let micros = message.micros;
        let (text, blocks) = self.compose(saying);
        let (before, after) = self.chat.edit(&channel, micros, Some(text), Some(blocks)).ok_or("message_not_found")?;
        Ok(self.announce_change(&channel, &before, &after))
    }

    /// A person deletes a message of theirs.
    pub fn delete_own(&mut self, user: &str, channel: &str, ts: &str) -> Result<Option<Envelope>, &'static str> {
        let (user, channel, _) = self.who_where(user, channel)?;
        let message = self.chat.find(&channel, ts).ok_or("message_not_found")?;
        if message.user != user.id {
            return Err("cant_delete_message");
        }
        let micros = message.micros;
        let (before, after) = self.chat.change(&channel, micros, |m| m.deleted = true).ok_or("message_not_found")?;
        Ok(self.announce_change(&channel, &before, &after))
    }

    /// A person types a slash command. With no link open they are told at once.
    pub fn slash(&mut self, user: &str, channel: &str, command: &str, typed: &str) -> Result<Sent, &'static str> {
        let (user, channel, name) = self.who_where(user, channel)?;
        let secret = ids::secret();
        let trigger = self.triggers.make(&user.id);
        let url = self.response_url(false, &secret);
        let text = if self.should_escape { text::slash_text(typed, &self.directory) } else { typed.to_owned() };
        let payload = slash_payload(&user, (&channel, &name), (command, &text), &trigger, &url);
        self.urls.insert(secret.clone(), ResponseUrl::new(&user.id, &channel));
        let cargo = Cargo::Slash {
            user: user.id.clone(),
            channel: channel.clone(),
            command: command.to_owned(),
            text: typed.to_owned(),
            secret,
        };
        let envelope = self.hand_over(cargo, payload, &user.id, &channel, command);
        Ok(Sent { envelope, trigger_id: trigger, response_url: url })
    }

    pub(crate) fn hand_over(
        &mut self,
        cargo: Cargo,
        payload: Value,
        user: &str,
        channel: &str,
        command: &str,
    ) -> Envelope {
        let connected = self.hub.has_links();
        let envelope = self.send(cargo, payload);
        if !connected {
            self.hub.forget(&envelope.id);
            self.tell_failure(user, channel, command, "dispatch_failed");
        }
        envelope
    }

    fn tell_failure(&mut self, user: &str, channel: &str, command: &str, error: &str) {
        let text = format!("{command} failed with the error \"{error}\"");
        let message = Message {
            user: SLACKBOT.into(),
            text,
            only_for: Some(user.to_owned()),
            via: "slackbot",
            ..Message::default()
        };
        self.chat.add(channel, message);
    }

    /// A person presses a button of a message.
    pub fn click(&mut self, user: &str, channel: &str, ts: &str, action_id: &str) -> Result<Sent, &'static str> {
        let (user, channel, name) = self.who_where(user, channel)?;
        let message =
            self.chat.find(&channel, ts).filter(|m| m.visible_to(Some(&user.id))).ok_or("message_not_found")?.clone();
        let action = button(message.blocks.as_ref(), action_id).ok_or("action_not_found")?;
        let secret = ids::secret();
        let trigger = self.triggers.make(&user.id);
        let url = self.response_url(true, &secret);
        let payload = click_payload(&user, (&channel, &name), &message, &action, &trigger, &url);
        let mut target = ResponseUrl::new(&user.id, &channel);
        target.original = Some(message.micros);
        target.of_click = true;
        target.thread_ts = message.thread_ts;
        self.urls.insert(secret, target);
        let cargo =
            Cargo::Click { user: user.id.clone(), channel: Some(channel.clone()), view: None, answerable: true };
        let envelope = self.hand_over(cargo, payload, &user.id, &channel, "The button");
        Ok(Sent { envelope, trigger_id: trigger, response_url: url })
    }

    /// The payload of a slash command's ack: an answer, or only the wish to show the command in the channel.
    pub fn answer_ack(&mut self, secret: &str, payload: &Value, place: (&str, &str), command: (&str, &str)) {
        if payload["response_type"] == "in_channel" {
            let text = format!("{} {}", command.0, text::escape(command.1)).trim_end().to_owned();
            self.chat.add(place.1, Message { user: place.0.to_owned(), text, via: "slash", ..Message::default() });
        }
        // An empty payload is a bare ack; a wrong one is ignored, as Slack does.
        let _ = self.answer(secret, payload, "ack");
    }

    /// What happens every few milliseconds: overdue envelopes.
    pub fn tick(&mut self) {
        for envelope in self.hub.overdue() {
            match envelope.cargo {
                Cargo::Slash { user, channel, command, .. } => {
                    self.tell_failure(&user, &channel, &command, "operation_timeout")
                }
                Cargo::Click { user, channel: Some(channel), .. } => {
                    self.tell_failure(&user, &channel, "The button", "operation_timeout");
                }
                Cargo::Click { view: Some(view), .. } | Cargo::Submission { view, .. } => {
                    self.views.trouble(&view);
                    self.chat.ring();
                }
                Cargo::Click { .. } | Cargo::Note | Cargo::Event { .. } => {}
            }
        }
    }
}

/// The `actions` entry of the button with this `action_id`.
pub(crate) fn button(blocks: Option<&Value>, action_id: &str) -> Option<Value> {
    let elements = |block: &'_ Value| -> Vec<Value> {
        block["elements"]
            .as_array()
            .into_iter()
            .flatten()
            .chain(std::iter::once(&block["accessory"]))
            .cloned()
            .collect()
    };
    let (block, element) = blocks?.as_array()?.iter().find_map(|block| {
        let pressed = elements(block).into_iter().find(|e| e["type"] == "button" && e["action_id"] == action_id);
        pressed.map(|element| (block, element))
    })?;
    let mut action = json!({
        "action_id": action_id, "block_id": block["block_id"], "type": "button", "text": element["text"],
        "action_ts": clock::ts(clock::micros()),
    });
    for key in ["value", "style"].into_iter().filter(|key| !element[*key].is_null()) {
        action[key] = element[key].clone();
    }
    Some(action)
}
