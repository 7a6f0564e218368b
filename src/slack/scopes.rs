//! What the bot needs from Slack, and which scope that takes. The app manifest (config/slack-manifest.yaml) and
//! `dronebot doctor` are compared with it. A method, or an event, that is added does not compile before its scope is named.

use super::api::Method;
use super::payload::Event;
use std::collections::BTreeMap;

/// The scope of the app-level token: Socket Mode.
pub const OF_APP_TOKEN: &str = "connections:write";

/// The scope of `/drone` and of shortcuts.
pub const OF_COMMANDS: &str = "commands";

/// The message shortcut, by its callback id.
pub const RUN_AGAIN: &str = "run_again";

/// An event that the app subscribes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Subscription {
    /// Somebody named the bot.
    AppMention,
    /// A direct message to the bot.
    DirectMessage,
    /// Somebody opened the app's own page. Stays the last: the length of [`Subscription::ALL`] is counted by it.
    AppHomeOpened,
}

impl Subscription {
    /// Every one.
    pub const ALL: [Self; Self::AppHomeOpened as usize + 1] =
        [Self::AppMention, Self::DirectMessage, Self::AppHomeOpened];

    /// Slack's name for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AppMention => "app_mention",
            Self::DirectMessage => "message.im",
            Self::AppHomeOpened => "app_home_opened",
        }
    }

    /// The scope that it takes, if it takes any.
    pub fn scope(self) -> Option<&'static str> {
        match self {
            Self::AppMention => Some("app_mentions:read"),
            Self::DirectMessage => Some("im:history"),
            Self::AppHomeOpened => None,
        }
    }

    /// The subscription by which an event comes; `None` for what the bot does not read.
    pub fn of(event: &Event) -> Option<Self> {
        match event {
            Event::AppMention(_) => Some(Self::AppMention),
            Event::Message(_) => Some(Self::DirectMessage),
            Event::AppHomeOpened(_) => Some(Self::AppHomeOpened),
            Event::Other { .. } | Event::None => None,
        }
    }
}

/// The scopes of the bot token, each with what it is for, in Slack's words.
pub fn of_bot_token() -> BTreeMap<&'static str, Vec<&'static str>> {
    let methods =
        Method::ALL.into_iter().flat_map(|method| method.scopes().iter().map(move |scope| (*scope, method.as_str())));
    let events = Subscription::ALL.into_iter().filter_map(|event| Some((event.scope()?, event.as_str())));
    let mut scopes = BTreeMap::<_, Vec<_>>::from([(OF_COMMANDS, vec!["/drone", "shortcuts"])]);
    methods.chain(events).for_each(|(scope, what)| scopes.entry(scope).or_default().push(what));
    scopes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_event_that_is_read_is_subscribed_to() {
        let event = |kind: &str| serde_json::from_value::<Event>(serde_json::json!({"type": kind})).expect("an event");
        let read =
            ["app_mention", "message", "app_home_opened", "reaction_added"].map(|kind| Subscription::of(&event(kind)));
        assert_eq!(read[..3], Subscription::ALL.map(Some));
        assert_eq!(read[3], None);
    }

    #[test]
    fn every_scope_has_its_use() {
        let all = of_bot_token();
        assert_eq!(all["chat:write"], ["chat.postMessage", "chat.update", "chat.delete", "chat.postEphemeral"]);
        assert_eq!(all["im:history"], ["conversations.history", "conversations.replies", "message.im"]);
        assert!(all.values().all(|uses| !uses.is_empty()));
    }
}
