//! The whole way of one command, measured from outside: the bot as a process of its own, a driver that plays Slack on
//! loopback. `cargo bench --bench pipeline` prints a table and writes `target/bench-pipeline.json`.
//!
//! The load is meant to be as hard as real use: 200 people in 10,007 channels, a fifth of them by mention, envelopes with
//! all of Slack's fields, a log at `info` into a pipe. Every command must be answered by *Pong*, once, also when one looks
//! again later, and be in the journal when the bot has ended. What a kinder load gives is the row below it, and beside it
//! stand the peers that [`support::peers`] is told of.
//!
//! The floor, in the same run: a bare WebSocket echo with one fdatasync. Absolute numbers belong to the machine; the ratios
//! to the floor and to the peers are the figures to compare. `DRONEBOT_PROGRAM` is another bot than that of this build.
#![expect(clippy::print_stdout, reason = "a benchmark prints its table")]
#![expect(clippy::disallowed_methods, reason = "a benchmark measures wall time, outside of the bot")]
#![expect(clippy::unwrap_used, reason = "a benchmark that cannot run must say so at once")]

#[path = "pipeline/floor.rs"]
mod floor;
#[path = "pipeline/rows.rs"]
mod rows;
#[path = "pipeline/table.rs"]
mod table;

#[allow(dead_code, unused_imports, reason = "shared with the other benchmarks")]
mod support;

use rows::{Place, Plan, Row};
use serde_json::json;
use std::time::Duration;
use support::{Door, Folder, Line, Log, Slack, channel, micros, peers, percentile, person, target};

const STARTS: usize = 5;
const PEOPLE: usize = 200;

/// A prime, so that the mentions come to all of them; and so many that none gets two messages within the second that the
/// bot leaves between them.
const CHANNELS: usize = 10_007;

/// What people do.
fn many(number: usize) -> Line {
    Line {
        door: if number.is_multiple_of(5) { Door::Mention } else { Door::Slash },
        user: person((number + number / 5) % PEOPLE),
        channel: channel(number % CHANNELS),
        text: "ping",
    }
}

/// The same by slash command alone: not every peer hears mentions.
fn slash(number: usize) -> Line {
    Line { door: Door::Slash, ..many(number) }
}

/// The kindest load: one person, one channel.
fn easy(_: usize) -> Line {
    Line { door: Door::Slash, user: person(0), channel: channel(0), text: "ping" }
}

fn main() {
    let folder = Folder::new("bench");
    let data = floor::Shared::default();
    let (floors, _) = Slack::serve(slash, floor::routes(data.clone()));
    let mut floor = floor::measure(&floors, &data, &folder, 3_000);
    let hard = Place::new(many);
    let starts = rows::starts(&hard, &folder, STARTS);

    println!("\n  Every command answered by Pong, once, and found in the journal at the end\n");
    Row::print_head();
    let mut all = Vec::new();
    let mut add = |row: Row| {
        row.print();
        all.push(row);
    };
    add(rows::bot(&hard, &folder, &Plan { name: "dronebot", log: Log::Pipe, one: 2_000, many: 40_000 }));
    // again beside what it is compared with: a machine has better and worse minutes
    let after = floor::measure(&floors, &data, &folder, 3_000);
    if percentile(&after, 0.5) < percentile(&floor, 0.5) {
        floor = after;
    }
    let kind = Plan { name: "  one channel, no log", log: Log::File, one: 2_000, many: 40_000 };
    add(rows::bot(&Place::new(easy), &folder, &kind));
    let alike = Place::new(slash);
    add(rows::bot(&alike, &folder, &Plan { name: "  no mentions", log: Log::Pipe, one: 2_000, many: 20_000 }));
    let peers = peers::named();
    for peer in peers.iter().flatten() {
        let plan = Plan { name: &peer.name, log: Log::Pipe, one: 2_000, many: 20_000 };
        add(rows::peer(&alike, peer.command(), &plan));
    }
    if let Err(why) = &peers {
        println!("\n  {why}");
    }
    let figures = headline(&all, &floor, &starts);
    let replica = table::measure(&folder);
    replica.print();

    let rows: serde_json::Map<_, _> = all.iter().map(|row| (row.name.trim().to_owned(), row.json())).collect();
    let report = target().join("bench-pipeline.json");
    let whole = json!({"headline": figures, "rows": rows, "table": replica.json()});
    std::fs::write(&report, serde_json::to_string_pretty(&whole).unwrap()).unwrap();
    println!("\n  written to {}", report.display());
}

/// Prints the figures to compare.
fn headline(all: &[Row], floor: &[Duration], starts: &[Duration]) -> serde_json::Map<String, serde_json::Value> {
    let (bot, floor_p50) = (&all[0], percentile(floor, 0.5).as_secs_f64());
    let mut figures = vec![
        ("floor: echo + fdatasync, p50, us".to_owned(), micros(percentile(floor, 0.5))),
        ("floor: echo + fdatasync, p99, us".to_owned(), micros(percentile(floor, 0.99))),
        ("answers in the time of a floor, 50 in flight".to_owned(), bot.many.rate() * floor_p50),
        ("CPU of a command, us".to_owned(), bot.cpu),
        ("ack p50, 1 in flight, over the floor".to_owned(), percentile(&bot.one.ack, 0.5).as_secs_f64() / floor_p50),
        (format!("start to first answer, median of {STARTS}, ms"), micros(percentile(starts, 0.5)) / 1e3),
    ];
    // the third row is the one that is driven as the peers are
    if let [_, _, alike, peers @ ..] = all {
        for peer in peers {
            figures.push((format!("answers/s, times {}", peer.name), alike.many.rate() / peer.many.rate()));
            figures.push((format!("CPU, times {}", peer.name), alike.cpu / peer.cpu));
        }
    }
    println!();
    for (name, value) in &figures {
        println!("  {name:<46}{value:>10.2}");
    }
    figures.into_iter().map(|(name, value)| (name, json!(value))).collect()
}
