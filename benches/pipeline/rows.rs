//! One row of the table: a program, driven by one kind of load.

use crate::support::{Bot, Folder, Journal, Line, Log, Run, Slack, look_late, micros, percentile, run, unpaced};
use actix_web::rt;
use actix_web::web::Data;
use serde_json::{Value, json};
use std::process::Command;
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

/// Commands before those that count: everybody is known by then.
const WARM: usize = 500;

/// How many commands are on their way where the answers a second are counted.
pub const MANY: usize = 50;

/// How long a command that was sent as the first is waited for, before another one is sent: a program may be connected
/// before it can answer.
const FIRST: Duration = Duration::from_secs(1);

/// A Slack with one kind of load.
pub struct Place {
    pub slack: Data<Slack>,
    ups: Receiver<Instant>,
}

impl Place {
    pub fn new(line: fn(usize) -> Line) -> Self {
        let (slack, ups) = Slack::serve(line, |_| ());
        Self { slack, ups }
    }

    /// Waits for the first answer after a start; the number of the first command.
    pub fn first_answer(&self) -> usize {
        self.ups.recv_timeout(Duration::from_secs(60)).expect("it connects");
        let first = self.slack.book().count();
        let system = rt::System::new();
        for _ in 0..20 {
            let number = system.block_on(self.slack.send());
            let sent = Instant::now();
            while sent.elapsed() < FIRST {
                if self.slack.book().told(number..number + 1)[0].answered.is_some() {
                    return first;
                }
                std::thread::sleep(Duration::from_micros(200));
            }
        }
        panic!("it answers nothing");
    }

    /// The program is gone.
    pub fn forget(&self) {
        self.slack.forget_links();
        while self.ups.try_recv().is_ok() {}
    }
}

/// How a row is measured.
pub struct Plan<'a> {
    pub name: &'a str,
    pub log: Log,
    pub one: usize,
    pub many: usize,
}

/// What was measured.
pub struct Row {
    pub name: String,
    pub first: Duration,
    pub idle: f64,
    pub peak: f64,
    pub one: Run,
    pub many: Run,
    /// CPU per command, in microseconds.
    pub cpu: f64,
    /// Lines and bytes of the log per command.
    pub said: (f64, f64),
}

/// The bot with a file of its own, which is looked into at the end.
pub fn bot(place: &Place, folder: &Folder, plan: &Plan<'_>) -> Row {
    folder.empty();
    let bot = Bot::start(place.slack.base(), folder, &plan.log, &unpaced());
    let (row, commands, bot) = measure(place, bot, plan);
    assert!(bot.stop().success(), "it ends well");
    place.forget();
    Journal::of(folder).assert_holds(commands);
    row
}

/// Another program.
pub fn peer(place: &Place, command: Command, plan: &Plan<'_>) -> Row {
    let (row, _, bot) = measure(place, Bot::peer(command, place.slack.base()), plan);
    drop(bot);
    place.forget();
    row
}

/// Starts, to the first answer, each with an empty store; sorted.
pub fn starts(place: &Place, folder: &Folder, count: usize) -> Vec<Duration> {
    let mut starts: Vec<Duration> = (0..count)
        .map(|_| {
            folder.empty();
            let bot = Bot::start(place.slack.base(), folder, &Log::Pipe, &unpaced());
            place.first_answer();
            let took = bot.started.elapsed();
            drop(bot);
            place.forget();
            took
        })
        .collect();
    starts.sort_unstable();
    starts
}

fn measure(place: &Place, bot: Bot, plan: &Plan<'_>) -> (Row, usize, Bot) {
    let slack = &place.slack;
    let from = place.first_answer();
    let first = bot.started.elapsed();
    // the other links come meanwhile
    look_late(slack, from);
    let idle = bot.memory("VmRSS");
    run(slack, WARM, MANY);
    let one = run(slack, plan.one, 1);
    run(slack, WARM, MANY);
    let (cpu, lines, bytes) = (bot.cpu(), bot.said.lines(), bot.said.bytes());
    let many = run(slack, plan.many, MANY);
    let each = |value: f64| value / plan.many as f64;
    let row = Row {
        name: plan.name.to_owned(),
        first,
        idle,
        peak: bot.memory("VmHWM"),
        cpu: each((bot.cpu() - cpu).as_secs_f64() * 1e6),
        said: (each((bot.said.lines() - lines) as f64), each((bot.said.bytes() - bytes) as f64)),
        one,
        many,
    };
    look_late(slack, from);
    (row, slack.book().count() - from, bot)
}

impl Row {
    pub fn print_head() {
        println!(
            "  {:<24}{:>9}{:>9}{:>9}{:>9}{:>9}{:>9}{:>9}{:>8}{:>8}{:>8}{:>7}{:>7}",
            "",
            "answers",
            "CPU",
            "ack p50",
            "ack p50",
            "p99",
            "answer",
            "answer",
            "first",
            "idle",
            "peak",
            "log",
            "log"
        );
        println!(
            "  {:<24}{:>9}{:>9}{:>9}{:>9}{:>9}{:>9}{:>9}{:>8}{:>8}{:>8}{:>7}{:>7}",
            "in flight",
            "/s, 50",
            "us, 50",
            "us, 1",
            "us, 50",
            "us, 50",
            "p50, 1",
            "p50, 50",
            "ms",
            "MB",
            "MB",
            "lines",
            "bytes"
        );
    }

    pub fn print(&self) {
        let us = |times: &[Duration], part| micros(percentile(times, part)).round();
        println!(
            "  {:<24}{:>9.0}{:>9.1}{:>9}{:>9}{:>9}{:>9}{:>9}{:>8.0}{:>8.1}{:>8.1}{:>7.2}{:>7.0}",
            self.name,
            self.many.rate(),
            self.cpu,
            us(&self.one.ack, 0.5),
            us(&self.many.ack, 0.5),
            us(&self.many.ack, 0.99),
            us(&self.one.answer, 0.5),
            us(&self.many.answer, 0.5),
            self.first.as_secs_f64() * 1e3,
            self.idle,
            self.peak,
            self.said.0,
            self.said.1,
        );
    }

    pub fn json(&self) -> Value {
        let two = |times: &[Duration]| json!([micros(percentile(times, 0.5)), micros(percentile(times, 0.99))]);
        json!({
            "answers_per_second": self.many.rate(), "cpu_us": self.cpu, "first_ms": self.first.as_secs_f64() * 1e3,
            "idle_mb": self.idle, "peak_mb": self.peak, "log_lines": self.said.0, "log_bytes": self.said.1,
            "ack_us_1_in_flight": two(&self.one.ack), "ack_us_50_in_flight": two(&self.many.ack),
            "answer_us_1_in_flight": two(&self.one.answer), "answer_us_50_in_flight": two(&self.many.answer),
        })
    }
}
