//! The counting, from the records of the sandbox and of the proxies alone.

use crate::approver::{Approver, instance};
use crate::faults::Saboteur;
use crate::load::{Asked, Load};
use crate::support::{Door, Message, World};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::time::Duration;

/// What came of it.
pub struct Report {
    pub accepted: usize,
    pub faults: usize,
    pub misses: Vec<String>,
    lines: Vec<(String, String)>,
}

impl Report {
    /// The figures, for people.
    pub fn table(&self) -> String {
        let mut text = String::new();
        for (name, value) in &self.lines {
            let _ = writeln!(text, "  {name:<44} {value}");
        }
        text
    }
}

/// What was counted.
#[derive(Default)]
struct Tally {
    accepted: usize,
    refused: usize,
    answered: usize,
    unanswered: usize,
    doubled: usize,
    left_over: usize,
    lies: usize,
    /// Changes that were made because somebody approved them.
    approved: usize,
    misses: Vec<String>,
}

/// Every message of the bot, by channel; what people asked in direct messages by person.
async fn said(world: &World, load: &Load) -> BTreeMap<String, Vec<Message>> {
    let mut said = BTreeMap::new();
    for asked in &load.asked {
        let place = place(asked);
        if said.contains_key(place) {
            continue;
        }
        let messages = match asked.door {
            Door::Direct => world.slack.all_from_bot("dm", Some(place)).await,
            _ => world.slack.all_from_bot(place, None).await,
        };
        said.insert(place.to_owned(), messages);
    }
    said
}

fn place(asked: &Asked) -> &str {
    if asked.door == Door::Direct { &asked.user } else { &asked.channel }
}

fn is_answer_to(asked: &Asked, message: &Message) -> bool {
    let is_for_them_alone = asked.asks_once && message.only_for.as_deref() == Some(asked.user.as_str());
    if asked.needs_approval && asked.door == Door::Slash && message.only_for.is_none() {
        return is_open_answer_to(asked, message);
    }
    match asked.door {
        Door::Mention => message.thread_ts.as_deref() == asked.sent["ts"].as_str() || is_for_them_alone,
        Door::Slash => is_for_them_alone,
        Door::Direct => true,
    }
}

/// What others must approve is shown to all, and its answer takes that message's place: it is about the same instance, or
/// was before it was edited.
fn is_open_answer_to(asked: &Asked, message: &Message) -> bool {
    let before = message.history.iter().filter_map(|before| before["text"].as_str());
    let is_about = |text: &str| instance(text) == asked.target;
    message.thread_ts.is_none() && std::iter::once(message.text.as_str()).chain(before).any(is_about)
}

/// The answers to this command. That a mention was refused is told the person alone, beside the thread, and nothing in
/// Slack says which mention it is about: each of these that nobody has taken yet answers one of the person's mentions.
fn answers_to<'a>(asked: &Asked, said: &'a [Message], taken: &mut BTreeSet<(String, String)>) -> Vec<&'a Message> {
    let answers: Vec<&Message> = said.iter().filter(|message| is_answer_to(asked, message)).collect();
    if asked.door != Door::Mention || !answers.is_empty() {
        return answers;
    }
    let whispered = said.iter().find(|message| {
        let key = (message.channel.clone(), message.ts.clone());
        message.only_for.as_deref() == Some(asked.user.as_str()) && taken.insert(key)
    });
    whispered.into_iter().collect()
}

/// Messages for single persons that answer no command.
fn too_many<'a>(load: &Load, said: &'a [Message], taken: &BTreeSet<(String, String)>) -> Vec<&'a Message> {
    // whoever asks once is told apart by the person, by whatever door
    let once = load.asked.iter().filter(|asked| asked.asks_once);
    let known: BTreeSet<&str> = once.map(|asked| asked.user.as_str()).collect();
    let stray = |message: &&Message| {
        let is_known = message.only_for.as_deref().is_none_or(|user| known.contains(user));
        !is_known && !taken.contains(&(message.channel.clone(), message.ts.clone()))
    };
    said.iter().filter(stray).collect()
}

fn is_by_ephemeral(answer: &Message) -> bool {
    answer.only_for.is_some() && answer.via == "chat.postEphemeral"
}

/// The ids of what was acknowledged: envelopes and events.
async fn acknowledged(world: &World) -> BTreeSet<String> {
    let (_, answer) = world.slack.get("acks", &[("limit", "1000000")]).await;
    let acks = answer["acks"].as_array().cloned().unwrap_or_default();
    let all = answer["count"].as_u64().and_then(|count| usize::try_from(count).ok());
    assert_eq!(all, Some(acks.len()), "the sandbox has forgotten the first acks: ask for fewer commands");
    let taken = acks.iter().filter(|ack| ack["ignored"].is_null());
    let ids = taken.flat_map(|ack| [ack["envelope_id"].as_str(), ack["event_id"].as_str()]);
    ids.flatten().map(str::to_owned).collect()
}

/// Counts everything.
pub async fn count(
    world: &World,
    load: &Load,
    saboteur: &Saboteur,
    approver: &Approver,
    rest: Duration,
    whole: Duration,
) -> Report {
    let (said, acknowledged) = (said(world, load).await, acknowledged(world).await);
    let mut changes: BTreeMap<String, usize> = BTreeMap::new();
    for (action, ids) in world.aws.made() {
        if ["StopInstances", "RebootInstances", "StartInstances"].contains(&action.as_str()) {
            ids.into_iter().for_each(|id| *changes.entry(id).or_default() += 1);
        }
    }
    let mut tally = Tally { misses: saboteur.misses.clone(), ..Tally::default() };
    let mut taken = BTreeSet::new();
    for asked in &load.asked {
        let answers = answers_to(asked, &said[place(asked)], &mut taken);
        let has = |key: &str| asked.sent[key].as_str().is_some_and(|id| acknowledged.contains(id));
        let made = asked.target.as_ref().and_then(|id| changes.get(id)).copied().unwrap_or_default();
        tally.add(asked, &answers, has("envelope_id") || has("event_id"), made);
        let approved = asked.target.as_ref().is_some_and(|id| approver.approved.contains(id));
        if asked.needs_approval && made > 0 {
            tally.approved += 1;
            if !approved {
                tally.misses.push(format!("{made} changes that nobody approved: `{}`", asked.text));
            }
        }
    }
    for message in said.values().flat_map(|said| too_many(load, said, &taken)) {
        tally.doubled += 1;
        tally.misses.push(format!("answers no command, or one a second time: {message:?}"));
    }
    let figures = [
        ("commands", load.asked.len()),
        ("accepted (acknowledged)", tally.accepted),
        ("not taken, as Slack told the person", tally.refused),
        ("answered", tally.answered),
        ("unanswered", tally.unanswered),
        ("answered more than once", tally.doubled),
        ("progress left beside the answer", tally.left_over),
        ("answers that are not true", tally.lies),
        ("changes made at AWS", changes.values().sum()),
        ("most changes for one command", changes.values().max().copied().unwrap_or_default()),
        ("changes shown to others", approver.shown.len()),
        ("of those approved", approver.approved.len()),
        ("of those made", tally.approved),
        ("faults", saboteur.done().values().sum()),
    ];
    let mut lines: Vec<(String, String)> =
        figures.iter().map(|(name, number)| ((*name).to_owned(), number.to_string())).collect();
    lines.push(("all at rest after the last fault".into(), format!("{:.1} s", rest.as_secs_f64())));
    lines.push(("the whole run".into(), format!("{:.0} s", whole.as_secs_f64())));
    lines.push(("fault, how often".into(), "until whoever was hit serves again: p50 / max".into()));
    lines.extend(costs(saboteur));
    if !tally.misses.is_empty() {
        let path = std::env::temp_dir().join("dronebot-chaos.log");
        if std::fs::write(&path, world.log()).is_ok() {
            lines.push(("the bots' log".into(), path.display().to_string()));
        }
    }
    Report { accepted: tally.accepted, faults: saboteur.done().values().sum(), misses: tally.misses, lines }
}

/// What each kind of fault cost.
fn costs(saboteur: &Saboteur) -> Vec<(String, String)> {
    let mut kinds: BTreeMap<&str, usize> = saboteur.service.kinds().into_iter().map(|kind| (kind, 0)).collect();
    kinds.extend(saboteur.done());
    let cost = |(kind, count): (&str, usize)| {
        let times = saboteur.service.of(kind);
        let times = times.map_or("-".to_owned(), |(middle, most)| format!("{middle:.1} s / {most:.1} s"));
        // what followed from faults was not done by anybody
        let count = if count == 0 { "-".to_owned() } else { count.to_string() };
        (format!("  {kind}"), format!("{count:<5} {times}"))
    };
    kinds.into_iter().map(cost).collect()
}

impl Tally {
    fn add(&mut self, asked: &Asked, answers: &[&Message], accepted: bool, made: usize) {
        let finals: Vec<&&Message> = answers.iter().filter(|answer| !answer.is_progress()).collect();
        let texts = || answers.iter().map(|answer| answer.text.as_str()).collect::<Vec<_>>();
        let miss = |what: &str| {
            format!("{what}: {:?} `{}` in {} ({}) {:#?}", asked.door, asked.text, asked.channel, asked.sent, texts())
        };
        self.accepted += usize::from(accepted);
        self.answered += usize::from(!finals.is_empty());
        self.refused += usize::from(!accepted && finals.is_empty());
        if accepted && finals.is_empty() {
            self.unanswered += 1;
            self.misses.push(miss("never answered"));
        }
        if finals.len() > 1 {
            self.doubled += 1;
            // what one person alone sees cannot be looked for, and by chat.postEphemeral it cannot be replaced
            let is_known_limit = finals.iter().filter(|answer| !is_by_ephemeral(answer)).count() <= 1
                && finals.iter().all(|answer| answer.only_for.is_some());
            if !is_known_limit {
                self.misses.push(miss(&format!("answered {} times", finals.len())));
            }
        }
        if !finals.is_empty() && finals.len() < answers.len() {
            self.left_over += 1;
            // what one person alone sees can be replaced by its response_url only, and Slack takes those for half an hour
            if !finals.iter().all(|answer| is_by_ephemeral(answer)) {
                self.misses.push(miss("progress stands beside the answer"));
            }
        }
        if made > 1 {
            self.misses.push(miss(&format!("{made} calls that change")));
        }
        if made > 0 && finals.is_empty() {
            self.misses.push(miss("changed, and nobody was told"));
        }
        let is_lie = |answer: &&&Message| answer.says_done() && made == 0 || answer.says_not_done() && made > 0;
        if asked.target.is_some() && finals.iter().any(is_lie) {
            self.lies += 1;
            self.misses.push(miss(&format!("not true, {made} changes were made")));
        }
    }
}
