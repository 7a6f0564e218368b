//! By which door a command comes, and what has to be there before: a form that is open, a message with a button.

use super::{Case, Gates};
use crate::support::{Door, MAYA, Message, until};
use serde_json::{Value, json};

/// How a command was asked for.
#[derive(Default)]
pub(super) struct Asked {
    /// What came before it is none of its answers.
    since: u64,
    /// The thread in which it is answered, where it is one.
    thread: Option<String>,
    /// The message whose button is pressed.
    shown: Option<Message>,
    /// What Slack gave for it: the ids of its envelope and event.
    pub(super) sent: Value,
}

impl Asked {
    /// Whether this message may be an answer to it.
    fn fits(&self, message: &Message) -> bool {
        match &self.thread {
            Some(ts) => message.thread_ts.as_ref() == Some(ts) || message.only_for.as_deref() == Some(MAYA),
            None => true,
        }
    }
}

/// What is no answer to the command: what the one who approves is told, and the words that a slow machine says beside a form.
fn is_beside_it(message: &Message) -> bool {
    ["is approved and runs now", "You have approved", "was approved already", "`&lt;target&gt;` is missing"]
        .iter()
        .any(|said| message.text.contains(said))
}

impl Gates {
    /// A person comes as far as the form or the button.
    pub(super) async fn prepare(&mut self) {
        let Case { door, text, .. } = self.case;
        match door {
            Door::Form => {
                let verb = text.rsplit_once(' ').map_or(text, |(verb, _)| verb);
                let opens = async || !self.world.slack.modals(MAYA).await.is_empty();
                // a machine that is so slow that the trigger expires says in words what is missing
                while !opens().await {
                    let typed = self.world.slack.slash(MAYA, "ops", verb).await;
                    let since = typed["cursor"].as_u64().unwrap_or_default();
                    until("a form or words", async || {
                        opens().await || !self.world.slack.from_bot("ops", MAYA, since).await.is_empty()
                    })
                    .await;
                }
            }
            Door::Press => {
                let ts = self.world.slack.say(MAYA, "ops", "@drone ec2 show web-1", None).await;
                self.asked.shown = Some(self.world.slack.final_answer("ops", MAYA, Some(&ts), 0).await);
                self.asked.thread = Some(ts);
            }
            Door::Mention | Door::Direct | Door::Slash => return,
        }
        while !self.world.is_quiet().await {
            tokio::time::sleep(super::LOOK).await;
        }
        self.asked.since = self.world.slack.cursor().await;
    }

    /// The command is sent.
    pub(super) async fn send(&mut self) {
        let Case { door, text, .. } = self.case;
        let slack = &self.world.slack;
        self.asked.sent = match (door, &self.asked.shown) {
            (Door::Slash, _) => slack.slash(MAYA, "ops", text).await,
            (Door::Form, _) => slack.post("submit", json!({"user": MAYA, "values": {"target": "web-1"}})).await,
            (Door::Press, Some(shown)) => slack.presses(MAYA, shown, "Stop").await,
            _ => slack.tells(MAYA, "ops", &format!("@drone {text}")).await,
        };
        if matches!(door, Door::Mention | Door::Direct) {
            self.asked.thread = self.asked.sent["ts"].as_str().map(str::to_owned);
        }
    }

    /// Everything that the bot said in answer, the progress too.
    pub(super) async fn said(&self) -> Vec<Message> {
        let said = self.world.slack.from_bot("ops", MAYA, self.asked.since).await;
        // a file is a message too
        let fits = |message: &Message| self.asked.fits(message) && !message.text.is_empty() && !is_beside_it(message);
        said.into_iter().filter(fits).collect()
    }

    /// The same without what a death may leave, where somebody has died.
    pub(super) async fn said_whole(&self) -> Vec<Message> {
        let said = self.said().await;
        if self.has_died { without_known_limits(said) } else { said }
    }

    /// How often Slack itself has told the person that it failed: in the form, or in words.
    pub(super) async fn told(&self) -> usize {
        if self.case.door == Door::Form {
            return self.world.slack.modals(MAYA).await.iter().filter(|view| !view["failed"].is_null()).count();
        }
        let said = self.world.slack.messages("ops", MAYA, 0).await;
        said.iter().filter(|message| message.user.as_deref() == Some("USLACKBOT")).count()
    }
}

/// What one person alone sees cannot be looked for at Slack: after a death it may stand there a second time, and progress that
/// no `response_url` replaces any more may stand beside it. Everything else is kept.
fn without_known_limits(said: Vec<Message>) -> Vec<Message> {
    let is_whispered = |message: &Message| message.only_for.is_some() && message.via == "chat.postEphemeral";
    let is_over = said.iter().any(|message| is_whispered(message) && !message.is_progress());
    let mut kept: Vec<Message> = Vec::new();
    let mut spared = 0;
    for message in said {
        let again = is_whispered(&message) && kept.iter().any(|one| one.text == message.text);
        let left = is_over && message.only_for.is_some() && message.is_progress();
        match (again || left) && spared < 2 {
            true => spared += 1,
            false => kept.push(message),
        }
    }
    kept
}
