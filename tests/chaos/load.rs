//! The commands: many people, many channels, each command recognisable in its answer.

use crate::support::fleet;
use crate::support::{HOME, World};
use fastrand::Rng;
use futures_util::stream::{self, StreamExt};
use serde_json::{Value, json};
use std::time::Duration;

const PEOPLE: usize = 24;
const CHANNELS: usize = 20;

/// How many people type at the same time.
const AT_ONCE: usize = 6;

/// By which door.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Door {
    Mention,
    Direct,
    Slash,
}

/// One command, and what is known of it from outside.
#[derive(Clone, Debug)]
pub struct Asked {
    pub door: Door,
    pub user: String,
    pub channel: String,
    pub text: String,
    /// The instance that it alone changes.
    pub target: Option<String>,
    /// What Slack gave: `ts`, `event_id`, `envelope_id`.
    pub sent: Value,
}

pub struct Load {
    pub asked: Vec<Asked>,
    pause: Duration,
}

impl Load {
    /// People, channels and instances, and the commands that they will give.
    pub async fn prepare(world: &World, commands: usize, seed: u64) -> Self {
        let mut rng = Rng::with_seed(seed);
        let people: Vec<String> = (0..PEOPLE).map(|number| format!("UP{number}")).collect();
        for id in &people {
            hire(world, id).await;
        }
        for number in 0..CHANNELS {
            let name = format!("room{number}");
            world.slack.post("channel", json!({"name": name, "has_bot": true})).await;
        }
        let changes = commands / 8 + 1;
        let mut targets = fleet::many(&world.aws_url, HOME, None, changes).await.expect("the fleet is made");
        let mut asked = Vec::new();
        for number in 0..commands {
            let mut user = people[rng.usize(..PEOPLE)].clone();
            let channel = format!("room{}", rng.usize(..CHANNELS));
            let token = format!("q{number}z");
            let (door, text, target) = match rng.u32(..100) {
                0..40 => (Door::Mention, "ping".to_owned(), None),
                40..50 => (Door::Mention, "whoami".to_owned(), None),
                50..55 => (Door::Mention, "ec2 show i-0123456789abcdef0".to_owned(), None),
                55..75 => (Door::Slash, format!("{token} please"), None),
                75..85 => (Door::Direct, format!("{token} please"), None),
                _ => match targets.pop() {
                    Some(id) => {
                        let door = if rng.bool() { Door::Mention } else { Door::Slash };
                        let verb = if rng.bool() { "reboot" } else { "stop" };
                        (door, format!("ec2 {verb} {id}"), Some(id))
                    }
                    None => (Door::Mention, "ping".to_owned(), None),
                },
            };
            if door != Door::Mention {
                // what one person alone reads is told apart by the person
                user = format!("UQ{number}");
                hire(world, &user).await;
            }
            asked.push(Asked { door, user, channel, text, target, sent: Value::Null });
        }
        Self { asked, pause: Duration::from_millis(400) }
    }

    /// Sends everything, some at the same time.
    pub async fn send(&mut self, slack: &str) {
        let pause = self.pause;
        let sends = self.asked.iter_mut().map(|asked| async move {
            asked.sent = send_one(slack, asked).await;
            tokio::time::sleep(pause).await;
        });
        stream::iter(sends).buffer_unordered(AT_ONCE).collect::<Vec<()>>().await;
    }
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
