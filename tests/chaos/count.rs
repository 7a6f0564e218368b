//! What was seen, from the records of the sandbox and of the proxies alone, and the report of it.

use crate::acts::modals;
use crate::approver::Approver;
use crate::faults::Saboteur;
use crate::form::Ceilings;
use crate::load::{Asked, Kind, Load, Way};
use crate::support::{Message, World};
use crate::tally::{Seen, Taken, Tally};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::time::Duration;

/// The calls that change something.
const CHANGES: [&str; 5] =
    ["StopInstances", "RebootInstances", "StartInstances", "UpdateService", "StopServiceDeployment"];

/// The records of a long run, in bytes.
const RECORDS: usize = 1 << 30;

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
            let _ = writeln!(text, "  {name:<52} {value}");
        }
        text
    }
}

async fn records(world: &World, path: &str) -> Value {
    let client = awc::Client::builder().timeout(Duration::from_secs(120)).finish();
    let query = client.get(format!("{}/control/{path}", world.slack.url)).query(&[("limit", "100000000")]);
    let mut answer = query.expect("a query").send().await.expect("the sandbox answers");
    answer.json().limit(RECORDS).await.expect("JSON")
}

/// What Slack holds of each envelope and event.
async fn acks(world: &World) -> BTreeMap<String, Taken> {
    let answer = records(world, "acks").await;
    let acks = answer["acks"].as_array().cloned().unwrap_or_default();
    let all = answer["count"].as_u64().and_then(|count| usize::try_from(count).ok());
    assert_eq!(all, Some(acks.len()), "the sandbox has forgotten the first acks: ask for fewer commands");
    let mut held = BTreeMap::new();
    for ack in &acks {
        let taken = match ack["ignored"].as_str() {
            None if ack["payload"]["response_action"] == "errors" => Taken::Refused,
            None => Taken::InTime,
            // it says that it is not taken, and Slack had said so before
            Some("late") if ack["payload"]["response_action"] == "errors" => continue,
            Some("late") => Taken::Late,
            // too large, or of no envelope that Slack knows: that is no acknowledgement
            Some(_) => continue,
        };
        for id in [&ack["envelope_id"], &ack["event_id"]].into_iter().filter_map(Value::as_str) {
            let known = held.entry(id.to_owned()).or_insert(taken);
            *known = taken.max(*known);
        }
    }
    held
}

/// Those who asked by a form: whose form is open, and whose says that there was trouble.
async fn forms(world: &World, asked: &[Asked]) -> (BTreeSet<String>, BTreeSet<String>) {
    let (mut opened, mut troubled) = (BTreeSet::new(), BTreeSet::new());
    for asked in asked.iter().filter(|asked| matches!(asked.kind, Kind::NoTarget(_))) {
        let shown = modals(&world.slack.url, &asked.user).await;
        if shown.iter().any(|view| !view["failed"].is_null()) {
            troubled.insert(asked.user.clone());
        }
        if !shown.is_empty() {
            opened.insert(asked.user.clone());
        }
    }
    (opened, troubled)
}

async fn seen(world: &World, asked: &[Asked], approver: &Approver) -> Seen {
    let messages: Vec<Message> =
        serde_json::from_value(records(world, "messages").await["messages"].take()).expect("messages");
    let mut changes: BTreeMap<String, usize> = BTreeMap::new();
    for (action, ids) in world.aws.made() {
        if CHANGES.contains(&action.as_str()) {
            ids.into_iter().for_each(|id| *changes.entry(id).or_default() += 1);
        }
    }
    let (opened, troubled) = forms(world, asked).await;
    Seen { messages, acks: acks(world).await, troubled, opened, changes, approved: approver.approved.clone() }
}

/// Counts everything. `misses` were found before.
pub async fn count(
    world: &World,
    load: &Load,
    saboteur: &Saboteur,
    approver: &Approver,
    (rest, whole): (Duration, Duration),
    ceilings: Ceilings,
    misses: Vec<String>,
) -> Report {
    let asked: Vec<Asked> = load.asked.iter().chain(&approver.words).cloned().collect();
    let seen = seen(world, &asked, approver).await;
    let mut tally = Tally::of(&asked, &seen, ceilings.within(saboteur.service.ready()));
    tally.misses.extend(misses);
    let faults: usize = saboteur.done().values().sum();
    tally.misses.extend(saboteur.ends.misses(faults));
    let accepted = tally.count(|_| true, |taken| taken >= Taken::Late);
    let mut lines: Vec<(String, String)> =
        figures(&tally, &seen, approver).into_iter().map(|(name, number)| (name.to_owned(), number)).collect();
    if let Some(ready) = saboteur.service.ready() {
        lines.push(("of the time of all replicas they were ready".into(), format!("{:.0} %", ready * 100.0)));
    }
    let struck = format!("{faults}: {} to AWS, {} to the table", world.aws.struck(), world.table.struck());
    lines.push(("faults, and the calls that they struck".into(), struck));
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
    Report { accepted, faults, misses: tally.misses, lines }
}

fn figures(tally: &Tally, seen: &Seen, approver: &Approver) -> Vec<(&'static str, String)> {
    let of = |way: Way| {
        let count = |taken: Taken| tally.count(|by| by == way, |end| end == taken);
        let [in_time, late, refused, never] =
            [Taken::InTime, Taken::Late, Taken::Refused, Taken::Never].map(|taken| count(taken).to_string());
        format!("{in_time} / {late} / {refused} / {never}")
    };
    let number = |number: usize| number.to_string();
    vec![
        ("commands", number(tally.asked)),
        ("taken in time / late / refused / never: mentions", of(Way::Mention)),
        ("  direct messages", of(Way::Direct)),
        ("  slash commands", of(Way::Slash)),
        ("  forms", of(Way::Form)),
        ("  buttons", of(Way::Press)),
        ("not taken, as Slack told the person", number(tally.told)),
        ("not taken, and Slack brings it no more", number(tally.lost)),
        ("answered though Slack had said that it failed", number(tally.surprised)),
        ("answered", number(tally.answered)),
        ("unanswered", number(tally.unanswered)),
        ("answers to what was asked", number(tally.right)),
        ("apologies", number(tally.sorry)),
        ("outcome unknown", number(tally.unknown)),
        ("answered more than once", number(tally.doubled)),
        ("the same where one person alone sees it", number(tally.whispered_twice)),
        ("answers to no command", number(tally.strays)),
        ("progress left beside the answer", number(tally.left_over)),
        ("answers that are not true", number(tally.lies)),
        ("files", number(tally.files)),
        ("changes made at AWS", number(seen.changes.values().sum())),
        ("changes shown to others", number(approver.shown.len())),
        ("of those approved", number(approver.approved.len())),
        ("of those made", number(tally.approved)),
    ]
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
