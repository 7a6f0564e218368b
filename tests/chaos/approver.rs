//! Somebody who says a word on what waits for approval, by its button or in a direct message: mostly yes, sometimes no, and
//! now and then nothing.

use crate::acts::{action, post};
use crate::load::{Asked, Kind, Way};
use crate::support::{Message, Sandbox};
use fastrand::Rng;
use serde_json::json;
use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use tokio::time::Instant;

/// Who it is.
pub const BOSS: &str = "UBOSS";

/// Between two looks at all channels: often enough for who approves, seldom enough to leave the machine to the bots.
const LOOK: Duration = Duration::from_secs(2);

/// A word that has no answer after so long is said again: whoever heard it may have died.
const AGAIN: Duration = Duration::from_secs(5);

/// What is said of a change.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Word {
    Approve,
    Decline,
    Nothing,
}

/// A change that waits.
struct Waiting {
    id: String,
    word: Word,
    /// The room and the message that asks, where its button is pressed; nothing where the word is typed.
    button: Option<(String, Message)>,
    said: Option<Instant>,
}

pub struct Approver {
    slack: Sandbox,
    rng: Rng,
    /// The channels, each with how far it was read.
    rooms: BTreeMap<String, u64>,
    heard: u64,
    waiting: BTreeMap<String, Waiting>,
    /// The instances whose change was shown.
    pub shown: BTreeSet<String>,
    /// Those to whose change a yes was said.
    pub approved: BTreeSet<String>,
    /// The words, which are commands too.
    pub words: Vec<Asked>,
}

/// The instance that a text names first.
pub fn instance(text: &str) -> Option<String> {
    let id = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '-');
    id.filter(|word| word.starts_with("i-")).map(str::to_owned).next()
}

impl Approver {
    pub async fn new(slack: String, rooms: impl Iterator<Item = String>, seed: u64) -> Self {
        let slack = Sandbox::at(slack);
        slack.post("user", json!({"name": "boss", "id": BOSS, "groups": ["operators"]})).await;
        Self {
            slack,
            rng: Rng::with_seed(seed ^ 0xA99),
            rooms: rooms.map(|room| (room, 0)).collect(),
            heard: 0,
            waiting: BTreeMap::new(),
            shown: BTreeSet::new(),
            approved: BTreeSet::new(),
            words: Vec::new(),
        }
    }

    /// Reads and speaks until the load is over.
    pub async fn work(&mut self, over: &Cell<bool>) {
        while !over.get() {
            self.turn().await;
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Reads what is new, and says what is to be said.
    pub async fn turn(&mut self) {
        for room in self.rooms.keys().cloned().collect::<Vec<_>>() {
            let since = self.rooms[&room];
            let (said, newest) = self.unread(&room, None, since).await;
            said.iter().for_each(|message| self.sees(&room, message));
            self.rooms.insert(room, newest);
        }
        let (answers, newest) = self.unread("dm", Some(BOSS), self.heard).await;
        self.heard = newest;
        for target in answers.iter().filter_map(|answer| instance(&answer.text)) {
            // whatever it says, the word was heard
            self.waiting.remove(&target);
        }
        for (target, mut waiting) in std::mem::take(&mut self.waiting) {
            let is_due = waiting.said.is_none_or(|said| said.elapsed() > AGAIN);
            if waiting.word == Word::Nothing || is_due && !self.says(&target, &mut waiting).await {
                continue;
            }
            self.waiting.insert(target, waiting);
        }
    }

    /// Says the word; returns whether it may have to be said again.
    async fn says(&mut self, target: &str, waiting: &mut Waiting) -> bool {
        let (word, label) = match waiting.word {
            Word::Approve => ("approve", "Approve"),
            _ => ("decline", "Decline"),
        };
        waiting.said = Some(Instant::now());
        let line = format!("{word} {}", waiting.id);
        let kind = Kind::Word(target.to_owned(), waiting.id.clone());
        let asked = match &waiting.button {
            Some((room, message)) => {
                let mut asked = Asked::new(Way::Press, kind, BOSS, room, &line);
                asked.thread = message.thread_ts.clone().or_else(|| Some(message.ts.clone()));
                let press =
                    json!({"user": BOSS, "channel": room, "ts": message.ts, "action_id": action(message, label)});
                asked.sent = post(&self.slack.url, "click", &press).await;
                asked
            }
            None => {
                let mut asked = Asked::new(Way::Direct, kind, BOSS, "dm", &line);
                let say = json!({"user": BOSS, "channel": "dm", "text": line});
                asked.sent = post(&self.slack.url, "say", &say).await;
                asked
            }
        };
        // the message may have its answer by now, and no button any more
        let is_said = asked.sent["ok"] == true;
        if is_said {
            if waiting.word == Word::Approve {
                self.approved.insert(target.to_owned());
            }
            self.words.push(asked);
        }
        is_said
    }

    fn sees(&mut self, room: &str, message: &Message) {
        let id = message.text.split("Approve: approve ").nth(1).and_then(|rest| rest.get(..26));
        let (Some(id), Some(target)) = (id, instance(&message.text)) else { return };
        if self.shown.insert(target.clone()) {
            let word = match self.rng.u32(..10) {
                0..7 => Word::Approve,
                7..9 => Word::Decline,
                _ => Word::Nothing,
            };
            let button = self.rng.bool().then(|| (room.to_owned(), message.clone()));
            self.waiting.insert(target, Waiting { id: id.to_owned(), word, button, said: None });
        }
    }

    /// What is new there, and how far it is read then.
    async fn unread(&self, channel: &str, user: Option<&str>, since: u64) -> (Vec<Message>, u64) {
        let text = since.to_string();
        let mut query = vec![("channel", channel), ("since", text.as_str()), ("limit", "100000")];
        query.extend(user.map(|user| ("user", user)));
        let (_, answer) = self.slack.get("messages", &query).await;
        let said: Vec<Message> = serde_json::from_value(answer["messages"].clone()).unwrap_or_default();
        let newest = said.iter().map(|message| message.cursor).max().unwrap_or(since).max(since);
        (said, newest)
    }
}
