//! The commands: many people, many channels, each command recognisable in its answer.

use crate::support::{Door, HOME, World, fleet};
use aws_sdk_ec2::types::Tag;
use fastrand::Rng;
use futures_util::stream::{self, StreamExt};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::Duration;
use tokio::time::MissedTickBehavior;

const PEOPLE: usize = 24;
const CHANNELS: usize = 20;

/// Of so many instances one is changed only with the approval of somebody else,
const TAGGED: usize = 3;

/// but no more than about so many: for each instance that it shows Moto looks through all tags that there are.
const MOST_TAGGED: usize = 60;

/// The names of the channels.
pub fn rooms() -> impl Iterator<Item = String> {
    (0..CHANNELS).map(|number| format!("room{number}"))
}

/// Between two commands, of whomever.
const APART: Duration = Duration::from_millis(65);

/// So long a person waits for an answer before doing something else: what breaks slows people down.
const PATIENCE: Duration = Duration::from_secs(4);

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Mix {
    /// As people ask.
    People,
    /// Reboots alone, each of another instance.
    Reboots,
    /// Looks at one instance.
    Shows,
}

/// One command, and what is known of it from outside.
#[derive(Clone, Debug)]
pub struct Asked {
    pub door: Door,
    pub user: String,
    /// Whether this person asks for nothing else.
    pub asks_once: bool,
    pub channel: String,
    pub text: String,
    /// The instance that it alone changes.
    pub target: Option<String>,
    /// Whether others must approve that.
    pub needs_approval: bool,
    /// What Slack gave: `ts`, `event_id`, `envelope_id`.
    pub sent: Value,
}

pub struct Load {
    pub asked: Vec<Asked>,
}

impl Load {
    /// People, channels and instances, and the commands that they will give.
    pub async fn prepare(world: &World, commands: usize, seed: u64, mix: Mix) -> Self {
        let mut rng = Rng::with_seed(seed);
        let people: Vec<String> = (0..PEOPLE).map(|number| format!("UP{number}")).collect();
        let rooms = rooms().map(|name| json!({"name": name, "has_bot": true}));
        stream::iter(rooms).for_each_concurrent(8, async |room| drop(world.slack.post("channel", room).await)).await;
        let changes = match mix {
            Mix::People => commands / 8 + 1,
            Mix::Reboots => commands,
            Mix::Shows => 1,
        };
        let mut targets = fleet::many(&world.aws_url, HOME, None, changes).await.expect("the fleet is made");
        let tagged = match mix {
            Mix::People => tag(world, &targets).await,
            Mix::Reboots | Mix::Shows => BTreeSet::new(),
        };
        let mut asked = Vec::new();
        let mut hired = people.clone();
        for number in 0..commands {
            let user = people[rng.usize(..PEOPLE)].clone();
            let channel = format!("room{}", rng.usize(..CHANNELS));
            let (door, text, target) = one(&mut rng, mix, number, &mut targets);
            let needs_approval = target.as_ref().is_some_and(|id| tagged.contains(id));
            let (asks_once, sent) = (false, Value::Null);
            let mut asked_now = Asked { door, user, asks_once, channel, text, target, needs_approval, sent };
            if door != Door::Mention || asked_now.target.is_some() {
                // what one person alone reads is told apart by the person
                asked_now.user = format!("UQ{number}");
                asked_now.asks_once = true;
                hired.push(asked_now.user.clone());
            }
            asked.push(asked_now);
        }
        stream::iter(hired).for_each_concurrent(8, async |id| hire(world, &id).await).await;
        Self { asked }
    }

    /// Sends everything, one after the other, some before others are answered: so many people wait at once, at most.
    pub async fn send(&mut self, slack: &str, people: usize) {
        let mut turns = tokio::time::interval(APART);
        turns.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let turns = &tokio::sync::Mutex::new(turns);
        let sends = self.asked.iter_mut().map(|asked| async move {
            turns.lock().await.tick().await;
            asked.sent = send_one(slack, asked).await;
            await_answer(slack, asked).await;
        });
        stream::iter(sends).buffer_unordered(people).collect::<Vec<()>>().await;
    }
}

/// A command: by which door, what is said, and the instance that it alone changes.
fn one(rng: &mut Rng, mix: Mix, number: usize, targets: &mut Vec<String>) -> (Door, String, Option<String>) {
    let ping = (Door::Mention, "ping".to_owned(), None);
    let show = (Door::Mention, "ec2 show i-0123456789abcdef0".to_owned(), None);
    match mix {
        Mix::Shows => return show,
        Mix::Reboots => {
            let id = targets.pop().expect("an instance for each");
            return (Door::Mention, format!("ec2 reboot {id}"), Some(id));
        }
        Mix::People => {}
    }
    let token = format!("q{number}z");
    match rng.u32(..100) {
        0..40 => ping,
        40..50 => (Door::Mention, "whoami".to_owned(), None),
        50..55 => show,
        55..75 => (Door::Slash, format!("{token} please"), None),
        75..85 => (Door::Direct, format!("{token} please"), None),
        _ => match targets.pop() {
            Some(id) => {
                let door = if rng.bool() { Door::Mention } else { Door::Slash };
                let verb = if rng.bool() { "reboot" } else { "stop" };
                (door, format!("ec2 {verb} {id}"), Some(id))
            }
            None => ping,
        },
    }
}

/// Tags some of the instances; which.
async fn tag(world: &World, ids: &[String]) -> BTreeSet<String> {
    let apart = TAGGED.max(ids.len() / MOST_TAGGED);
    let tagged: Vec<String> = ids.iter().step_by(apart).cloned().collect();
    let client = fleet::client(&world.aws_url, HOME).await;
    let tag = Tag::builder().key("approval").value("required").build();
    client.create_tags().set_resources(Some(tagged.clone())).tags(tag).send().await.expect("they are tagged");
    tagged.into_iter().collect()
}

async fn hire(world: &World, id: &str) {
    world.slack.post("user", json!({"name": id.to_lowercase(), "id": id, "groups": ["operators"]})).await;
}

async fn send_one(slack: &str, asked: &Asked) -> Value {
    let (path, body) = match asked.door {
        Door::Slash => {
            ("slash", json!({"user": asked.user, "channel": asked.channel, "command": "/drone", "text": asked.text}))
        }
        Door::Mention => {
            ("say", json!({"user": asked.user, "channel": asked.channel, "text": format!("@drone {}", asked.text)}))
        }
        Door::Direct => ("say", json!({"user": asked.user, "channel": "dm", "text": asked.text})),
    };
    let client = awc::Client::builder().timeout(Duration::from_secs(30)).finish();
    let mut answer =
        client.post(format!("{slack}/control/{path}")).send_json(&body).await.expect("the sandbox answers");
    answer.json().await.expect("JSON")
}

/// As a person does: until the bot says something, or for as long as it is worth it.
async fn await_answer(slack: &str, asked: &Asked) {
    let (patience, since) = (PATIENCE.as_millis().to_string(), asked.sent["cursor"].as_u64().unwrap_or_default());
    let since = since.to_string();
    let channel = if asked.door == Door::Direct { "dm" } else { &asked.channel };
    let mut query = vec![("from", "bot"), ("channel", channel), ("timeout_ms", &patience), ("after", &since)];
    match asked.door {
        Door::Mention => query.extend(asked.sent["ts"].as_str().map(|ts| ("thread_ts", ts))),
        Door::Slash => query.extend([("user", asked.user.as_str()), ("ephemeral", "true")]),
        Door::Direct => query.push(("user", &asked.user)),
    }
    let client = awc::Client::builder().timeout(PATIENCE * 2).finish();
    let wait = client.get(format!("{slack}/control/wait")).query(&query).expect("a query");
    // whether it came is counted at the end
    let _ = wait.send().await;
}
