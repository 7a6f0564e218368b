//! What a person pressed, filled in or chose: the payload of an `interactive` envelope.

use super::{lenient_bool, optional_secret, text_or_nothing};
use secrecy::SecretString;
use serde::Deserialize;
use std::collections::HashMap;

/// A button, a form or a shortcut. Read leniently, as everything that Slack sends.
#[derive(Clone, Debug, Deserialize)]
pub struct Interactive {
    /// `block_actions`, `view_submission`, `view_closed`, `message_action`, `shortcut`, …
    #[serde(rename = "type")]
    pub kind: Option<String>,
    /// The key of this one interaction: opens one modal within 3 seconds.
    pub trigger_id: Option<String>,
    /// When a shortcut was used: with its `callback_id`, its name.
    pub action_ts: Option<String>,
    /// Which shortcut.
    pub callback_id: Option<String>,
    /// Who did it.
    pub user: Option<InteractiveUser>,
    /// The workspace.
    pub team: Option<Named>,
    /// Where; absent in views.
    pub channel: Option<Named>,
    /// What the pressed button belongs to.
    pub container: Option<Container>,
    /// The message of the button or of the shortcut; absent or partial where it is ephemeral.
    pub message: Option<ShortMessage>,
    /// What was pressed.
    #[serde(default)]
    pub actions: Vec<Action>,
    /// The modal or the Home.
    pub view: Option<View>,
    /// Where answers go, where the button stands in a message: a capability, so a secret.
    #[serde(default, deserialize_with = "optional_secret")]
    pub response_url: Option<SecretString>,
}

/// Who pressed.
#[derive(Clone, Debug, Deserialize)]
pub struct InteractiveUser {
    /// `U…`
    pub id: Option<String>,
    /// The person's workspace.
    pub team_id: Option<String>,
}

/// Something with an id.
#[derive(Clone, Debug, Deserialize)]
pub struct Named {
    /// Its id.
    pub id: Option<String>,
}

/// What a pressed button belongs to.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Container {
    /// `message` or `view`.
    #[serde(rename = "type")]
    pub kind: Option<String>,
    /// The message.
    pub message_ts: Option<String>,
    /// Its channel.
    pub channel_id: Option<String>,
    /// Its thread.
    pub thread_ts: Option<String>,
    /// Whether only one person sees it.
    #[serde(default, deserialize_with = "lenient_bool")]
    pub is_ephemeral: bool,
    /// The view.
    pub view_id: Option<String>,
}

/// The message of a button or of a message shortcut.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct ShortMessage {
    /// Its name in its channel.
    pub ts: Option<String>,
    /// Its thread.
    pub thread_ts: Option<String>,
    /// Who wrote it.
    pub user: Option<String>,
    /// The bot that wrote it.
    pub bot_id: Option<String>,
    /// What was written, in Slack's text form.
    #[serde(default, deserialize_with = "text_or_nothing")]
    pub text: String,
}

/// One pressed element.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Action {
    /// Which.
    pub action_id: Option<String>,
    /// In which block.
    pub block_id: Option<String>,
    /// What it carries.
    pub value: Option<String>,
    /// When it was pressed.
    pub action_ts: Option<String>,
}

/// A modal or the Home.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct View {
    /// `V…`
    pub id: Option<String>,
    /// `modal` or `home`.
    #[serde(rename = "type")]
    pub kind: Option<String>,
    /// Which form.
    pub callback_id: Option<String>,
    /// What the bot put into it; nobody else can change it.
    #[serde(default, deserialize_with = "text_or_nothing")]
    pub private_metadata: String,
    /// Changes with each change of the view.
    pub hash: Option<String>,
    /// What was filled in.
    pub state: Option<ViewState>,
}

/// What was filled in, by block and action.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct ViewState {
    /// By `block_id`, then by `action_id`.
    #[serde(default)]
    pub values: HashMap<String, HashMap<String, ViewValue>>,
}

/// The value of one input.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct ViewValue {
    /// Of a text or number input.
    pub value: Option<String>,
    /// Of a select or radio buttons.
    pub selected_option: Option<Choice>,
    /// Of check boxes or a multi-select.
    pub selected_options: Option<Vec<Choice>>,
}

/// A chosen option.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Choice {
    /// What it stands for.
    pub value: Option<String>,
}

impl View {
    /// The value of one input, if it was filled in.
    pub fn value(&self, block_id: &str) -> Option<&ViewValue> {
        self.state.as_ref()?.values.get(block_id)?.values().next()
    }
}
