//! The store of several replicas: how many calls of DynamoDB a command costs, and what is left of the speed when each of
//! them takes as long as in AWS.

use crate::rows::Place;
use crate::support::table::{Calls, Table};
use crate::support::{Bot, Door, Folder, Line, Log, Run, look_late, person, run, unpaced};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// What a call of DynamoDB takes in its own region, or a little less.
const CALL: Duration = Duration::from_millis(10);

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

/// What it is, its lines, and how many of them, one at a time.
type Kind = (&'static str, fn(usize) -> Line, usize);

/// Whose calls are counted.
const KINDS: [Kind; 3] = [
    ("ping, by slash command", crate::slash, 100),
    ("ping, by mention", |number| Line { door: Door::Mention, ..crate::many(number) }, 100),
    ("ec2 list", |number| Line { text: "ec2 list", ..crate::slash(number) }, 100),
];

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
    for (name, line, count) in KINDS {
        let (place, table) = (Place::new(line), Table::serve(Duration::ZERO));
        let bot = Bot::start(place.slack.base(), folder, &Log::Pipe, &settings(&place, &table));
        let from = place.first_answer();
        look_late(&place.slack, from);
        let before = table.calls();
        run(&place.slack, count, 1);
        std::thread::sleep(Duration::from_millis(200));
        replica.count(name, &table.calls().since(&before), count as f64);
        look_late(&place.slack, from);
        assert!(bot.stop().success(), "it ends well");
    }
    replica.rest(folder);
    replica.race(folder);
    replica
}

impl Replica {
    /// What is called while nobody asks for anything.
    fn rest(&mut self, folder: &Folder) {
        let (place, table) = (Place::new(crate::many), Table::serve(Duration::ZERO));
        let bot = Bot::start(place.slack.base(), folder, &Log::Pipe, &settings(&place, &table));
        let from = place.first_answer();
        look_late(&place.slack, from);
        let (before, begun) = (table.calls(), Instant::now());
        std::thread::sleep(REST);
        let minutes = begun.elapsed().as_secs_f64() / 60.0;
        self.count("at rest, a minute", &table.calls().since(&before), minutes);
        assert!(bot.stop().success(), "it ends well");
    }

    fn race(&mut self, folder: &Folder) {
        let (place, table) = (Place::new(crate::many), Table::serve(CALL));
        let bot = Bot::start(place.slack.base(), folder, &Log::Pipe, &settings(&place, &table));
        let from = place.first_answer();
        run(&place.slack, 1_000, 50);
        for (count, in_flight) in FAST {
            self.fast.push((in_flight, run(&place.slack, count, in_flight)));
        }
        look_late(&place.slack, from);
        assert!(bot.stop().success(), "it ends well");
    }

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
