//! People who go on giving commands while versions change, and the counting of their answers from the sandbox's records.

use crate::support::{Message, Sandbox};
use serde_json::{Value, json};
use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

const CHANNELS: usize = 20;

/// Between two commands.
const PAUSE: Duration = Duration::from_millis(300);

/// How long the last answers may take.
const REST: Duration = Duration::from_secs(90);

struct Asked {
    /// By a slash command, whose answer this person alone sees; else by a mention, answered in its thread.
    slash: bool,
    user: String,
    channel: String,
    sent: Value,
}

/// What came of the commands.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Count {
    pub given: usize,
    pub lost: Vec<String>,
    pub unanswered: Vec<String>,
    pub answered_twice: Vec<String>,
}

/// The commands so far.
#[derive(Default)]
pub struct Load {
    asked: Vec<Asked>,
}

impl Load {
    /// People and channels.
    pub async fn prepare(slack: &Sandbox) -> Self {
        for number in 0..CHANNELS {
            slack.post("channel", json!({"name": format!("load{number}"), "has_bot": true})).await;
        }
        Self::default()
    }

    /// Gives commands until it is over.
    pub async fn go_on(&mut self, slack: &Sandbox, over: &Cell<bool>) {
        while !over.get() {
            let number = self.asked.len();
            let (user, channel, slash) =
                (format!("UL{number}"), format!("load{}", number % CHANNELS), number.is_multiple_of(3));
            slack.post("user", json!({"name": user.to_lowercase(), "id": user, "groups": ["viewers"]})).await;
            let sent = if slash {
                slack.slash(&user, &channel, "whoami").await
            } else {
                slack.tells(&user, &channel, "@drone ping").await
            };
            self.asked.push(Asked { slash, user, channel, sent });
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// How many commands there were.
    pub fn given(&self) -> usize {
        self.asked.len()
    }

    /// Waits for the last answers and counts them all.
    pub async fn count(&self, slack: &Sandbox) -> Count {
        let begun = tokio::time::Instant::now();
        loop {
            let count = self.look(slack).await;
            if count.unanswered.is_empty() || begun.elapsed() > REST {
                return count;
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    }

    async fn look(&self, slack: &Sandbox) -> Count {
        let mut said: BTreeMap<String, Vec<Message>> = BTreeMap::new();
        for number in 0..CHANNELS {
            let channel = format!("load{number}");
            let messages = slack.all_from_bot(&channel, None).await;
            said.insert(channel, messages);
        }
        let (_, acks) = slack.get("acks", &[("limit", "20000")]).await;
        let acks = acks["acks"].as_array().cloned().expect("acks");
        let taken = acks.iter().filter(|ack| ack["ignored"].is_null());
        // an event may come again under another envelope, so it counts by its own id
        let keys = |ack: &Value| ["envelope_id", "event_id"].map(|key| ack[key].as_str().map(str::to_owned));
        let taken: BTreeSet<String> = taken.flat_map(keys).flatten().collect();
        let mut count = Count { given: self.asked.len(), ..Count::default() };
        for asked in &self.asked {
            let is_answer = |message: &&Message| match asked.slash {
                true => message.only_for.as_deref() == Some(asked.user.as_str()),
                false => message.thread_ts.as_deref() == asked.sent["ts"].as_str(),
            };
            let answers = said[&asked.channel].iter().filter(is_answer).count();
            let name = || format!("{} in {}: {}", asked.user, asked.channel, asked.sent);
            if !["envelope_id", "event_id"]
                .iter()
                .any(|key| asked.sent[key].as_str().is_some_and(|id| taken.contains(id)))
            {
                count.lost.push(name());
            }
            match answers {
                0 => count.unanswered.push(name()),
                1 => {}
                _ => count.answered_twice.push(name()),
            }
        }
        count
    }
}
