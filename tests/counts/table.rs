//! What a command costs a bot that shares a table with others: its calls of DynamoDB.

use crate::bounds::{self, Counted};
use crate::support::table::Table;
use crate::support::{Bot, Door, Folder, Line, Log, Slack, channel, look_late, person, run, unpaced};
use std::time::Duration;

/// Commands that are counted together.
const SOME: usize = 100;

/// How long it is counted what the bot asks while nobody asks for anything.
const REST: Duration = Duration::from_secs(30);

fn line(number: usize) -> Line {
    Line { door: Door::Slash, user: person(number % 200), channel: channel(number % 2_003), text: "ping" }
}

#[test]
fn a_command_makes_no_more_calls_of_the_table_than_it_did() {
    let folder = Folder::new("counts-table");
    let table = Table::serve(Duration::ZERO);
    let (slack, ups) = Slack::serve(line, |_| ());
    let env: Vec<_> = unpaced().into_iter().chain(table.env()).collect();
    let bot = Bot::start(slack.base(), &folder, &Log::Pipe, &env);
    for _ in 0..2 {
        ups.recv_timeout(Duration::from_secs(60)).expect("the bot connects twice");
    }
    run(&slack, 2 * SOME, 10);
    look_late(&slack, 0);

    let before = table.calls();
    std::thread::sleep(REST);
    let rest = table.calls().since(&before);
    let minutes = REST.as_secs_f64() / 60.0;

    let before = table.calls();
    run(&slack, SOME, 1);
    look_late(&slack, 0);
    let found = table.calls().since(&before);
    let each = |value: f64| value / SOME as f64;
    let mut counts = bounds::TABLE.counted(&[
        each(found.writes() as f64),
        each(found.reads() as f64),
        each(found.write_units),
        each(found.bytes as f64),
    ]);
    counts.push(Counted::of(&bounds::REST_WRITES, rest.writes() as f64 / minutes));
    counts.push(Counted::of(&bounds::REST_READS, rest.reads() as f64 / minutes));
    bounds::print("what a ping costs by the table", &counts);
    bounds::print_line(&format!("{SOME} commands: {found}"));
    bounds::print_line(&format!("{REST:?} at rest: {rest}"));
    assert!(bot.stop().success(), "the bot ends well");
    bounds::check(&counts);
}
