//! The counting, from the records of the sandbox and of the proxies alone.

use crate::faults::Saboteur;
use crate::load::{Asked, Door, Load};
use crate::support::{Message, World};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::time::Duration;

/// What came of it.
pub struct Report {
    pub commands: usize,
    pub accepted: usize,
    pub answered: usize,
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

/// Every message of the bot, by channel.
async fn said(world: &World, load: &Load) -> BTreeMap<String, Vec<Message>> {
    let channels: BTreeSet<String> =
        load.asked.iter().filter(|a| a.door != Door::Direct).map(|a| a.channel.clone()).collect();
    let mut said = BTreeMap::new();
    for channel in channels {
        said.insert(channel.clone(), world.slack.all_from_bot(&channel, None).await);
    }
    let people: BTreeSet<String> =
        load.asked.iter().filter(|a| a.door == Door::Direct).map(|a| a.user.clone()).collect();
    for user in people {
        said.insert(user.clone(), world.slack.all_from_bot("dm", Some(&user)).await);
    }
    said
}

fn is_answer_to(asked: &Asked, message: &Message) -> bool {
    match asked.door {
        Door::Mention => message.thread_ts.as_deref() == asked.sent["ts"].as_str(),
        Door::Slash => message.only_for.as_deref() == Some(asked.user.as_str()),
        Door::Direct => true,
    }
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
    let slashes = load.asked.iter().filter(|asked| asked.door == Door::Slash);
    let known: BTreeSet<&str> = slashes.map(|asked| asked.user.as_str()).collect();
    let stray = |message: &&Message| {
        let is_known = message.only_for.as_deref().is_none_or(|user| known.contains(user));
        !is_known && !taken.contains(&(message.channel.clone(), message.ts.clone()))
    };
    said.iter().filter(stray).collect()
}

/// Counts everything.
pub async fn count(world: &World, load: &Load, saboteur: &Saboteur, rest: Duration, whole: Duration) -> Report {
    let said = said(world, load).await;
    let (_, acks) = world.slack.get("acks", &[("limit", "20000")]).await;
    let acks = acks["acks"].as_array().cloned().unwrap_or_default();
    let of = |key: &str| -> BTreeSet<String> {
        acks.iter()
            .filter(|ack| ack["ignored"].is_null())
            .filter_map(|ack| ack[key].as_str().map(str::to_owned))
            .collect()
    };
    let (envelopes, events) = (of("envelope_id"), of("event_id"));
    let mut changes: BTreeMap<String, usize> = BTreeMap::new();
    for (action, ids) in world.aws.made() {
        if ["StopInstances", "RebootInstances", "StartInstances"].contains(&action.as_str()) {
            ids.into_iter().for_each(|id| *changes.entry(id).or_default() += 1);
        }
    }
    let mut report = Report {
        commands: load.asked.len(),
        accepted: 0,
        answered: 0,
        faults: saboteur.faults.len(),
        misses: Vec::new(),
        lines: Vec::new(),
    };
    let (mut doubled, mut unanswered, mut refused, mut times) = (0, 0, 0, Vec::new());
    let mut taken = BTreeSet::new();
    for asked in &load.asked {
        let place = if asked.door == Door::Direct { &asked.user } else { &asked.channel };
        let answers = answers_to(asked, &said[place], &mut taken);
        let has = |set: &BTreeSet<String>, key: &str| asked.sent[key].as_str().is_some_and(|id| set.contains(id));
        let accepted = has(&envelopes, "envelope_id") || has(&events, "event_id");
        let finals = answers.iter().filter(|answer| !answer.is_progress()).count();
        report.accepted += usize::from(accepted);
        report.answered += usize::from(finals > 0);
        times.extend(answers.iter().filter_map(|answer| answer.ts.parse::<f64>().ok()));
        let name = || format!("{:?} `{}` in {} ({})", asked.door, asked.text, asked.channel, asked.sent);
        if accepted && finals == 0 {
            unanswered += 1;
            report.misses.push(format!("never answered: {}", name()));
        }
        if answers.len() > 1 {
            doubled += 1;
            let texts: Vec<&str> = answers.iter().map(|answer| answer.text.as_str()).collect();
            report.misses.push(format!("answered {} times: {} {texts:#?}", answers.len(), name()));
        }
        if !accepted && finals == 0 {
            refused += 1;
        }
        let made = asked.target.as_ref().and_then(|id| changes.get(id)).copied().unwrap_or_default();
        if made > 1 {
            report.misses.push(format!("{made} calls that change: {}", name()));
        }
        if made > 0 && finals == 0 {
            report.misses.push(format!("changed, and nobody was told: {}", name()));
        }
    }
    for message in said.values().flat_map(|said| too_many(load, said, &taken)) {
        doubled += 1;
        report.misses.push(format!("answers no command, or one a second time: {message:?}"));
    }
    let service = to_service(saboteur, &mut times);
    report.lines = vec![
        ("commands".into(), report.commands.to_string()),
        ("accepted (acknowledged)".into(), report.accepted.to_string()),
        ("not taken, as Slack told the person".into(), refused.to_string()),
        ("answered".into(), report.answered.to_string()),
        ("unanswered".into(), unanswered.to_string()),
        ("answered more than once".into(), doubled.to_string()),
        ("changes made at AWS".into(), changes.values().sum::<usize>().to_string()),
        ("most changes for one command".into(), changes.values().max().copied().unwrap_or_default().to_string()),
        ("faults".into(), report.faults.to_string()),
        ("from a fault to the next answer, p50 / max".into(), service),
        ("all at rest after the last fault".into(), format!("{:.1} s", rest.as_secs_f64())),
        ("the whole run".into(), format!("{:.0} s", whole.as_secs_f64())),
    ];
    report.lines.extend(saboteur.kinds().into_iter().map(|(kind, count)| (format!("  {kind}"), count.to_string())));
    if !report.misses.is_empty() {
        let _ = std::fs::write(std::env::temp_dir().join("dronebot-chaos.log"), world.log());
    }
    report
}

/// The time from each fault to the next message of the bot.
fn to_service(saboteur: &Saboteur, times: &mut [f64]) -> String {
    times.sort_by(f64::total_cmp);
    let mut gaps: Vec<f64> = Vec::new();
    for fault in &saboteur.faults {
        let next = times.partition_point(|at| *at < fault.at);
        gaps.extend(times.get(next).map(|at| at - fault.at));
    }
    gaps.sort_by(f64::total_cmp);
    match (gaps.get(gaps.len() / 2), gaps.last()) {
        (Some(middle), Some(most)) => format!("{middle:.2} s / {most:.2} s"),
        _ => "-".to_owned(),
    }
}
