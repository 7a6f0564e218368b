//! The store of several replicas: how many calls of DynamoDB a command costs, and what is left of the speed when each of
//! them takes as long as in AWS.

use crate::rows::Place;
use crate::support::table::{Calls, Table};
use crate::support::{Bot, Door, Folder, Line, Log, Run, look_late, person, run, unpaced};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// What a call of DynamoDB takes in its own region, or a little less.
const CALL: Duration = Duration::from_millis(10);

/// Commands of which the calls are counted, one at a time.
const COUNTED: usize = 100;

/// How long nothing is asked of the bot while the calls are counted that it makes all the same.
const REST: Duration = Duration::from_secs(60);

/// Commands of which the speed is measured, and how many are on their way.
const FAST: [(usize, usize); 2] = [(10_000, 50), (20_000, 400)];

/// What was counted and measured.
#[derive(Default)]
pub struct Replica {
    /// What, and the calls of one.
    calls: Vec<(&'static str, Vec<(String, f64)>)>,
    /// How many were in flight, and the commands a second.
    fast: Vec<(usize, Run)>,
}

fn list(number: usize) -> Line {
    Line { text: "ec2 list", ..crate::many(number) }
}

fn mention(number: usize) -> Line {
    Line { door: Door::Mention, ..crate::many(number) }
}

/// What a bot needs beside the table.
fn settings(place: &Place, table: &Table) -> Vec<(&'static str, String)> {
    let people: Vec<String> = (0..crate::PEOPLE).map(person).collect();
    let more = [
        ("DRONEBOT__GROUPS__VIEWERS__USERS", people.join(",")),
        ("AWS_ENDPOINT_URL", format!("{}/aws", place.slack.base())),
    ];
    unpaced().into_iter().chain(table.env()).chain(more).collect()
}

/// Counts the calls of one replica that has a table of its own, and measures it.
pub fn measure(folder: &Folder) -> Replica {
    let mut replica = Replica::default();
    for (name, line) in [
        ("ping, by slash command", crate::slash as fn(usize) -> Line),
        ("ping, by mention", mention),
        ("ec2 list", list),
    ] {
        let (place, table) = (Place::new(line), Table::serve(Duration::ZERO));
        let bot = Bot::start(place.slack.base(), folder, &Log::Pipe, &settings(&place, &table));
        let from = place.first_answer();
        look_late(&place.slack, from);
        let before = table.calls();
        run(&place.slack, COUNTED, 1);
        std::thread::sleep(Duration::from_millis(200));
        replica.count(name, &table.calls().since(&before), COUNTED as f64);
        look_late(&place.slack, from);
        if line == list as fn(usize) -> Line {
            let (before, begun) = (table.calls(), Instant::now());
            std::thread::sleep(REST);
            let minutes = begun.elapsed().as_secs_f64() / 60.0;
            replica.count("at rest, a minute", &table.calls().since(&before), minutes);
        }
        assert!(bot.stop().success(), "it ends well");
    }
    let (place, table) = (Place::new(crate::many), Table::serve(CALL));
    let bot = Bot::start(place.slack.base(), folder, &Log::Pipe, &settings(&place, &table));
    let from = place.first_answer();
    run(&place.slack, 1_000, 50);
    for (count, in_flight) in FAST {
        replica.fast.push((in_flight, run(&place.slack, count, in_flight)));
    }
    look_late(&place.slack, from);
    assert!(bot.stop().success(), "it ends well");
    replica
}

impl Replica {
    fn count(&mut self, what: &'static str, calls: &Calls, by: f64) {
        let mut each: Vec<(String, f64)> =
            calls.made.iter().map(|(name, count)| (name.clone(), *count as f64 / by)).collect();
        each.push(("writes".into(), calls.writes() as f64 / by));
        each.push(("reads".into(), calls.reads() as f64 / by));
        each.push(("write units".into(), calls.write_units / by));
        each.push(("read units".into(), calls.read_units / by));
        self.calls.push((what, each));
    }

    pub fn print(&self) {
        println!("\n  The table of several replicas: calls of DynamoDB\n");
        for (what, calls) in &self.calls {
            let calls: Vec<String> = calls.iter().map(|(name, count)| format!("{count:.2} {name}")).collect();
            println!("  {what:<24}{}", calls.join(", "));
        }
        println!("\n  One replica, {} ms a call\n", CALL.as_millis());
        for (in_flight, run) in &self.fast {
            println!("  {:<24}{:.0} answers/s", format!("{in_flight} in flight"), run.rate());
        }
    }

    pub fn json(&self) -> Value {
        let calls = self.calls.iter().map(|(what, calls)| json!({"what": what, "calls": calls})).collect::<Vec<_>>();
        let fast =
            self.fast.iter().map(|(in_flight, run)| json!({"in_flight": in_flight, "answers_per_second": run.rate()}));
        json!({"calls": calls, "call_ms": CALL.as_millis(), "speed": fast.collect::<Vec<_>>()})
    }
}
