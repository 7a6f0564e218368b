//! What people do beside talking: fill in modals, press in views, open the Home, use shortcuts.

use serde_json::{Map, Value, json};

use crate::actions::{Sent, button};
use crate::clock;
use crate::events::VERIFICATION;
use crate::hub::{Cargo, Envelope};
use crate::ids;
use crate::limits;
use crate::people::{APP, TEAM, User};
use crate::state::State;
use crate::urls::ResponseUrl;

/// The shortcuts of the app: as its manifest declares them.
pub const SHORTCUTS: &[(&str, &str, &str)] = &[("run_again", "Run this again", "message")];

fn person(user: &User) -> Value {
    json!({"id": user.id, "username": user.name, "name": user.name, "team_id": user.team})
}

/// What every interaction has.
fn interaction(kind: &str, user: &User, trigger: Option<&str>) -> Value {
    let mut payload = json!({
        "type": kind, "team": {"id": TEAM, "domain": "sandbox"}, "user": person(user), "api_app_id": APP, "token": VERIFICATION,
        "enterprise": null, "is_enterprise_install": false,
    });
    if let Some(trigger) = trigger {
        payload["trigger_id"] = json!(trigger);
    }
    payload
}

impl State {
    /// The person, and the view that a control call means: by id, or the modal on top.
    fn who_sees(&self, user: &str, view: Option<&str>) -> Result<(User, String), String> {
        let user = self.directory.find_user(user).ok_or("user_not_found")?.clone();
        let stack = self.views.stack(&user.id);
        let found = match view {
            None => stack.last(),
            Some(id) => stack.iter().chain(self.views.home(&user.id)).find(|view| view.id == id),
        };
        let id = found.ok_or("view_not_found")?.id.clone();
        Ok((user, id))
    }

    /// A person sends a modal. What does not fit is told at once, as Slack's own client does.
    pub fn submit(&mut self, user: &str, view: Option<&str>, values: &Map<String, Value>) -> Result<Sent, String> {
        let (user, id) = self.who_sees(user, view)?;
        let view = self.views.find(&id).ok_or("view_not_found")?;
        if view.body["type"] != "modal" {
            return Err("not_a_modal".to_owned());
        }
        view.fill(values)?;
        view.failed = None;
        view.errors = json!({});
        let shown = view.json();
        let trigger = self.triggers.make(&user.id);
        let mut payload = interaction("view_submission", &user, Some(&trigger));
        payload["view"] = shown;
        payload["response_urls"] = json!([]);
        let cargo = Cargo::Submission { user: user.id.clone(), view: id.clone() };
        let connected = self.hub.has_links();
        let envelope = self.send(cargo, payload);
        if !connected {
            self.hub.forget(&envelope.id);
            self.views.trouble(&id);
        }
        self.chat.ring();
        Ok(Sent { envelope, trigger_id: trigger, response_url: String::new() })
    }

    /// The bot's ack of a submission.
    pub fn answer_submission(&mut self, user: &str, view: &str, payload: Option<&Value>) {
        self.views.answer(user, view, payload, |body| limits::view(body, "modal").ok());
        self.chat.ring();
    }

    /// A person closes a modal; the bot hears of it where it asked to.
    pub fn close_view(&mut self, user: &str, view: Option<&str>) -> Result<Option<Envelope>, String> {
        let (user, id) = self.who_sees(user, view)?;
        let all = self.views.find(&id).is_some_and(|view| view.body["clear_on_close"] == true);
        let closed = self.views.close(&user.id, &id, all).ok_or("view_not_found")?;
        self.chat.ring();
        if closed.body["notify_on_close"] != true {
            return Ok(None);
        }
        let mut payload = interaction("view_closed", &user, None);
        payload["view"] = closed.json();
        payload["is_cleared"] = json!(all);
        Ok(Some(self.send(Cargo::Note, payload)))
    }

    /// A person presses a button of a modal or of the Home.
    pub fn click_view(&mut self, user: &str, view: &str, action_id: &str) -> Result<Sent, String> {
        let (user, id) = self.who_sees(user, Some(view))?;
        let view = self.views.find(&id).ok_or("view_not_found")?;
        let action = button(Some(&view.body["blocks"]), action_id).ok_or("action_not_found")?;
        let shown = view.json();
        let trigger = self.triggers.make(&user.id);
        let mut payload = interaction("block_actions", &user, Some(&trigger));
        payload["container"] = json!({"type": "view", "view_id": id});
        payload["state"] = shown["state"].clone();
        payload["view"] = shown;
        payload["actions"] = json!([action]);
        let cargo = Cargo::Click { user: user.id.clone(), channel: None, view: Some(id.clone()), answerable: false };
        let connected = self.hub.has_links();
        let envelope = self.send(cargo, payload);
        if !connected {
            self.hub.forget(&envelope.id);
            self.views.trouble(&id);
            self.chat.ring();
        }
        Ok(Sent { envelope, trigger_id: trigger, response_url: String::new() })
    }

    /// A person opens the app's own page or its messages.
    pub fn open_home(&mut self, user: &str, tab: &str) -> Result<Envelope, String> {
        let user = self.directory.find_user(user).ok_or("user_not_found")?.id.clone();
        let channel = self.directory.open_dm(&user).ok_or("user_not_found")?;
        let now = clock::micros();
        let mut event = json!({
            "type": "app_home_opened", "user": user, "channel": channel, "tab": tab, "event_ts": clock::ts(now),
        });
        if let Some(home) = self.views.home(&user).filter(|_| tab == "home") {
            event["view"] = home.json();
        }
        Ok(self.emit(&event, &channel))
    }

    /// A person uses a shortcut: on a message, or from anywhere.
    pub fn shortcut(&mut self, user: &str, callback_id: &str, on: Option<(&str, &str)>) -> Result<Sent, String> {
        let Some((channel, ts)) = on else {
            let user = self.directory.find_user(user).ok_or("user_not_found")?.clone();
            let trigger = self.triggers.make(&user.id);
            let mut payload = interaction("shortcut", &user, Some(&trigger));
            payload["callback_id"] = json!(callback_id);
            payload["action_ts"] = json!(clock::ts(clock::micros()));
            let cargo = Cargo::Click { user: user.id.clone(), channel: None, view: None, answerable: false };
            let envelope = self.send(cargo, payload);
            return Ok(Sent { envelope, trigger_id: trigger, response_url: String::new() });
        };
        let (user, channel, name) = self.who_where(user, channel)?;
        let message = self.chat.find(&channel, ts).filter(|m| m.visible_to(Some(&user.id)) && !m.deleted);
        let message = message.ok_or("message_not_found")?.clone();
        if message.only_for.is_some() {
            // Slack offers no shortcuts on ephemeral messages
            return Err("message_is_ephemeral".to_owned());
        }
        let secret = ids::secret();
        let trigger = self.triggers.make(&user.id);
        let url = self.response_url(true, &secret);
        let mut payload = interaction("message_action", &user, Some(&trigger));
        payload["callback_id"] = json!(callback_id);
        payload["action_ts"] = json!(clock::ts(clock::micros()));
        payload["channel"] = json!({"id": channel, "name": name});
        payload["message_ts"] = json!(message.ts());
        payload["message"] = message.json();
        payload["response_url"] = json!(url);
        self.urls.insert(secret, ResponseUrl::new(&user.id, &channel));
        let cargo =
            Cargo::Click { user: user.id.clone(), channel: Some(channel.clone()), view: None, answerable: false };
        let envelope = self.hand_over(cargo, payload, &user.id, &channel, "The shortcut");
        Ok(Sent { envelope, trigger_id: trigger, response_url: url })
    }
}
