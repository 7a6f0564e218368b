//! The commands: each by a person of its own, in many channels, and each recognisable in its answer.

use crate::acts;
use crate::deploys;
use crate::support::{HOME, World, fleet};
use aws_sdk_ec2::types::Tag;
use fastrand::Rng;
use futures_util::stream::{self, StreamExt};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::Duration;
use tokio::time::MissedTickBehavior;

const CHANNELS: usize = 20;

/// Of so many instances one is changed only with the approval of somebody else,
const TAGGED: usize = 3;

/// but no more than about so many: for each instance that it shows Moto looks through all tags that there are.
const MOST_TAGGED: usize = 200;

/// Where there are enough instances for a list of several pages and a file; nobody changes them.
const LISTED: &str = "us-east-1";

/// So many are there: three pages.
const ROWS: usize = 45;

/// So many commands come when nothing breaks any more.
const CALM: usize = 12;

/// An instance that is nowhere.
const MISSING: &str = "i-0123456789abcdef0";

/// The names of the channels.
pub fn rooms() -> impl Iterator<Item = String> {
    (0..CHANNELS).map(|number| format!("room{number}"))
}

/// By which way a command comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Way {
    Mention,
    Direct,
    Slash,
    /// A form that was filled in and sent.
    Form,
    /// A button.
    Press,
}

impl Way {
    /// Whether Slack brings it again by itself when it is not acknowledged; of everything else it tells the person.
    pub fn comes_again(self) -> bool {
        matches!(self, Self::Mention | Self::Direct)
    }
}

/// What a command asks for, as far as its answer is to show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    Ping,
    Whoami,
    /// A look at an instance that is not there.
    Missing,
    /// Words that nobody understands, this one among them.
    Token(String),
    /// A list with a file.
    List,
    /// Its second page, by its button.
    Page,
    /// A change of the instance that this command alone changes.
    Change(String),
    /// A change of an instance that several people change.
    Contested(String),
    /// A change by somebody who may not.
    Forbidden(String),
    /// A deployment of a version.
    Deploy(&'static str),
    /// A deployment of what ran before.
    Rollback,
    DeployStatus,
    /// A change without its target: what it is asked for by is a form.
    NoTarget(String),
    /// A word on the change of this instance, which has this request id.
    Word(String, String),
}

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Mix {
    /// As people ask.
    People,
    /// Reboots alone, each of another instance.
    Reboots,
    /// Looks at one instance.
    Shows,
    Pings,
    /// Reboots by people who may not.
    Refused,
}

/// One command, and what is known of it from outside.
#[derive(Clone, Debug)]
pub struct Asked {
    pub way: Way,
    pub kind: Kind,
    /// Nobody else's, but for the words of who approves.
    pub user: String,
    pub channel: String,
    pub text: String,
    /// Whether others must approve that.
    pub needs_approval: bool,
    /// What Slack gave: `ts`, `event_id`, `envelope_id`.
    pub sent: Value,
    /// The thread in which it is answered, where it is one.
    pub thread: Option<String>,
    /// Whether the person saw a form in place of an answer.
    pub opened: bool,
    /// Whether it was asked when nothing broke any more.
    pub calm: bool,
}

impl Asked {
    pub fn new(way: Way, kind: Kind, user: &str, channel: &str, text: &str) -> Self {
        let (user, channel, text) = (user.to_owned(), channel.to_owned(), text.to_owned());
        let (sent, thread) = (Value::Null, None);
        Self { way, kind, user, channel, text, needs_approval: false, sent, thread, opened: false, calm: false }
    }

    /// The instance that it alone changes, if it does.
    pub fn target(&self) -> Option<&str> {
        match &self.kind {
            Kind::Change(id) | Kind::Forbidden(id) => Some(id),
            _ => None,
        }
    }

    /// What several commands change, this one among them.
    pub fn contested(&self) -> Option<&str> {
        match &self.kind {
            Kind::Contested(id) => Some(id),
            Kind::Deploy(_) | Kind::Rollback => Some(deploys::SERVICE),
            _ => None,
        }
    }
}

pub struct Load {
    plan: Vec<Asked>,
    calm: Vec<Asked>,
    /// What was asked, the presses and forms too.
    pub asked: Vec<Asked>,
}

/// What the commands are made of.
struct Stock {
    rng: Rng,
    mix: Mix,
    /// Instances of which each is changed by one command.
    targets: Vec<String>,
    tagged: BTreeSet<String>,
    contested: Vec<String>,
    commands: usize,
}

impl Load {
    /// People, channels and instances, and the commands that they will give.
    pub async fn prepare(world: &World, commands: usize, seed: u64, mix: Mix) -> Self {
        let rooms = rooms().map(|name| json!({"name": name, "has_bot": true}));
        stream::iter(rooms).for_each_concurrent(8, async |room| drop(world.slack.post("channel", room).await)).await;
        let changes = match mix {
            Mix::People => commands / 5 + 1,
            Mix::Reboots | Mix::Refused => commands,
            Mix::Shows | Mix::Pings => 1,
        };
        let targets = fleet::many(&world.aws_url, HOME, None, changes).await.expect("the fleet is made");
        let (mut tagged, mut contested) = (BTreeSet::new(), Vec::new());
        if mix == Mix::People {
            tagged = tag(world, &targets).await;
            let several = commands / 60 + 1;
            contested = fleet::many(&world.aws_url, HOME, None, several).await.expect("the fleet is made");
            fleet::many(&world.aws_url, LISTED, Some("listed"), ROWS).await.expect("the fleet is made");
            deploys::open(world).await;
        }
        let mut stock = Stock { rng: Rng::with_seed(seed), mix, targets, tagged, contested, commands };
        let plan: Vec<Asked> = (0..commands).map(|number| stock.one(number)).collect();
        let calm: Vec<Asked> = (commands..commands + CALM).map(calm).collect();
        let people =
            plan.iter().chain(&calm).map(|asked| (asked.user.clone(), matches!(asked.kind, Kind::Forbidden(_))));
        let pressers = plan.iter().filter(|asked| asked.kind == Kind::List).map(|asked| (presser(asked), false));
        let people: Vec<(String, bool)> = people.chain(pressers).collect();
        stream::iter(people).for_each_concurrent(8, async |(id, stranger)| hire(world, &id, stranger).await).await;
        Self { plan, calm, asked: Vec::new() }
    }

    /// Sends some more when nothing breaks any more: a bot that has gone deaf on the way hears none of these.
    pub async fn send_in_calm(&mut self, slack: &str, patience: Duration) {
        for asked in std::mem::take(&mut self.calm) {
            self.asked.extend(acts::act(slack, asked, patience).await);
        }
    }

    /// Sends everything, one after the other, some before others are answered: so many people wait at once, at most.
    pub async fn send(&mut self, slack: &str, people: usize, apart: Duration, patience: Duration) {
        let mut turns = tokio::time::interval(apart);
        turns.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let turns = &tokio::sync::Mutex::new(turns);
        let acts = std::mem::take(&mut self.plan).into_iter().map(|asked| async move {
            turns.lock().await.tick().await;
            acts::act(slack, asked, patience).await
        });
        let asked: Vec<Vec<Asked>> = stream::iter(acts).buffer_unordered(people).collect().await;
        self.asked = asked.into_iter().flatten().collect();
    }
}

/// Who presses a button of the answer to this command.
pub fn presser(asked: &Asked) -> String {
    format!("{}P", asked.user)
}

impl Stock {
    fn one(&mut self, number: usize) -> Asked {
        let (user, channel) = (format!("UQ{number}"), format!("room{}", self.rng.usize(..CHANNELS)));
        let (way, kind, text) = match self.mix {
            Mix::Shows => missing(),
            Mix::Pings => ping(),
            Mix::Reboots => {
                let id = self.targets.pop().expect("an instance for each");
                (Way::Mention, Kind::Change(id.clone()), format!("ec2 reboot {id}"))
            }
            Mix::Refused => self.forbidden(),
            Mix::People => self.of_people(number),
        };
        let mut asked = Asked::new(way, kind, &user, &channel, &text);
        asked.needs_approval = match &asked.kind {
            Kind::Change(id) | Kind::NoTarget(id) => self.tagged.contains(id),
            _ => false,
        };
        asked
    }

    fn of_people(&mut self, number: usize) -> (Way, Kind, String) {
        let token = format!("q{number}z");
        let door = if self.rng.bool() { Way::Mention } else { Way::Slash };
        match self.rng.u32(..100) {
            0..28 => ping(),
            28..36 => (Way::Mention, Kind::Whoami, "whoami".to_owned()),
            36..40 => missing(),
            40..54 => (Way::Slash, Kind::Token(token.clone()), format!("{token} please")),
            54..64 => (Way::Direct, Kind::Token(token.clone()), format!("{token} please")),
            64..68 => (Way::Mention, Kind::List, format!("ec2 list --region {LISTED}")),
            68 => (door, Kind::Rollback, format!("deploy rollback {}", deploys::NAME)),
            69..72 => {
                let version = if self.rng.bool() { "1.4.2" } else { "1.4.0" };
                (door, Kind::Deploy(version), format!("deploy {version} {}", deploys::NAME))
            }
            72..74 => (door, Kind::DeployStatus, format!("deploy status {}", deploys::NAME)),
            74..80 => {
                // those that come at about the same time are about the same one
                let id = self.contested[number * self.contested.len() / self.commands].clone();
                (door, Kind::Contested(id.clone()), format!("ec2 reboot {id}"))
            }
            80..82 if !self.targets.is_empty() => self.forbidden(),
            82..86 if !self.targets.is_empty() => {
                let id = self.targets.pop().expect("one is left");
                (Way::Slash, Kind::NoTarget(id), "ec2 stop".to_owned())
            }
            _ => match self.targets.pop() {
                Some(id) => {
                    let verb = if self.rng.bool() { "reboot" } else { "stop" };
                    (door, Kind::Change(id.clone()), format!("ec2 {verb} {id}"))
                }
                None => ping(),
            },
        }
    }

    fn forbidden(&mut self) -> (Way, Kind, String) {
        let id = self.targets.pop().expect("an instance for each");
        (Way::Mention, Kind::Forbidden(id.clone()), format!("ec2 reboot {id}"))
    }
}

fn calm(number: usize) -> Asked {
    let token = format!("q{number}z");
    let (way, kind, text) = match number % 3 {
        0 => ping(),
        1 => (Way::Slash, Kind::Token(token.clone()), format!("{token} please")),
        _ => (Way::Direct, Kind::Token(token.clone()), format!("{token} please")),
    };
    let asked = Asked::new(way, kind, &format!("UQ{number}"), &format!("room{}", number % CHANNELS), &text);
    Asked { calm: true, ..asked }
}

fn ping() -> (Way, Kind, String) {
    (Way::Mention, Kind::Ping, "ping".to_owned())
}

fn missing() -> (Way, Kind, String) {
    (Way::Mention, Kind::Missing, format!("ec2 show {MISSING}"))
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

async fn hire(world: &World, id: &str, stranger: bool) {
    let groups: &[&str] = if stranger { &[] } else { &["operators"] };
    world.slack.post("user", json!({"name": id.to_lowercase(), "id": id, "groups": groups})).await;
}
