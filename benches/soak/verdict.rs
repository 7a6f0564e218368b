//! The quarters side by side, from what was seen; `judge.rs` says what may not have grown.

use crate::judge::{self, Counts, Quarter, Times};
use crate::load::{self, Fault};
use crate::support::{Bot, Folder, Journal, Slack, Told, percentile};
use std::collections::BTreeMap;
use std::process::ExitStatus;
use std::time::{Duration, Instant};

/// What the process was at one moment.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    pub at: Duration,
    /// How many commands there had been.
    pub commands: usize,
    pub rss: f64,
    pub anon: f64,
    pub fds: usize,
    pub tasks: usize,
    /// The store, in MiB.
    pub file: f64,
}

impl Sample {
    pub fn of(bot: &Bot, slack: &Slack, folder: &Folder, begun: Instant) -> Self {
        Self {
            at: begun.elapsed(),
            commands: slack.book().count(),
            rss: bot.memory("VmRSS"),
            anon: bot.memory("RssAnon"),
            fds: bot.entries("fd"),
            tasks: bot.entries("task"),
            file: folder.store_size() as f64 / f64::from(1 << 20),
        }
    }
}

/// Sorted times to the acknowledgement and to the answer, of those that no fault met.
pub fn latencies(told: &[Told]) -> (Vec<Duration>, Vec<Duration>) {
    let well = || told.iter().filter(|told| !told.hurt);
    let mut ack: Vec<Duration> = well().filter_map(|told| told.acked).collect();
    let mut answer: Vec<Duration> = well().filter_map(|told| told.answered).collect();
    ack.sort_unstable();
    answer.sort_unstable();
    (ack, answer)
}

fn times(sorted: &[Duration]) -> Times {
    Times { median: percentile(sorted, 0.5), slowest: percentile(sorted, 0.99) }
}

/// Everything that was seen.
pub struct Soak {
    pub begun: Instant,
    pub time: Duration,
    pub told: Vec<Told>,
    pub samples: Vec<Sample>,
    pub floor: Vec<(Instant, Duration)>,
    pub faults: Vec<Fault>,
}

fn mean(values: impl Iterator<Item = f64> + Clone) -> f64 {
    values.clone().sum::<f64>() / (values.count() as f64).max(1.0)
}

/// Open descriptors have two levels: calls that had to wait for one that hung leave some thirty connections in awc's pool, which
/// hands them out in turn and closes them by their age, 75 s. What is leaked raises both; the median also tells how much of the
/// time the pool was full.
fn extremes(values: impl Iterator<Item = usize> + Clone) -> (usize, usize) {
    (values.clone().min().unwrap_or_default(), values.max().unwrap_or_default())
}

fn median(values: impl Iterator<Item = usize>) -> usize {
    let mut values: Vec<usize> = values.collect();
    values.sort_unstable();
    values.get(values.len() / 2).copied().unwrap_or_default()
}

impl Soak {
    fn quarter(&self, which: u32) -> Quarter {
        let (from, to) = (self.time / 4 * which, self.time / 4 * (which + 1));
        let within = |at: Duration| at >= from && at < to;
        let samples: Vec<Sample> = self.samples.iter().filter(|sample| within(sample.at)).copied().collect();
        let told = self.told.iter().filter(|told| within(told.sent.saturating_duration_since(self.begun)));
        let told: Vec<Told> = told.copied().collect();
        let (ack, answer) = latencies(&told);
        let floor = self.floor.iter().filter(|(at, _)| within(at.saturating_duration_since(self.begun)));
        let mut floor: Vec<Duration> = floor.map(|(_, took)| *took).collect();
        floor.sort_unstable();
        Quarter {
            rss: mean(samples.iter().map(|sample| sample.rss)),
            anon: mean(samples.iter().map(|sample| sample.anon)),
            fds: median(samples.iter().map(|sample| sample.fds)),
            fds_range: extremes(samples.iter().map(|sample| sample.fds)),
            tasks: median(samples.iter().map(|sample| sample.tasks)),
            file: samples.last().map_or(0.0, |sample| sample.file),
            ack: times(&ack),
            answer: times(&answer),
            floor: times(&floor),
            commands: told.len(),
            hurt: told.iter().filter(|told| told.hurt).count(),
        }
    }

    /// Prints what was seen, and gives what is wrong with it.
    pub fn judge(&self, folder: &Folder, ended: ExitStatus) -> Vec<String> {
        let quarters = [0, 1, 2, 3].map(|which| self.quarter(which));
        print(&quarters);
        let counts = self.counts(&Journal::of(folder));
        self.print_counts(&counts);
        judge::judge(&quarters, &counts, ended)
    }

    fn counts(&self, journal: &Journal) -> Counts {
        let of = |is: &dyn Fn(&Told) -> bool| self.told.iter().filter(|told| is(told)).count();
        println!("\n  rows: {journal:?}");
        Counts {
            sent: self.told.len(),
            reached: of(&|told| told.reached),
            acked: of(&|told| told.acked.is_some()),
            answered: of(&|told| told.shown > 0),
            missing: of(&|told| told.acked.is_some() && told.shown == 0),
            doubled: of(&|told| told.shown > 1),
            sorry: of(&|told| told.amiss),
            requests: journal.requests,
            open: journal.open,
            letters: journal.letters,
        }
    }

    fn print_counts(&self, counts: &Counts) {
        let well = self.told.iter().filter(|told| !told.hurt);
        let slowest = well.filter_map(|told| told.answered).max().unwrap_or_default();
        println!("  {counts:?}");
        println!("  slowest answer to one that no fault met {:.1} s", slowest.as_secs_f64());
        let odd = |told: &&(usize, &Told)| told.1.shown > 1 || told.1.acked.is_some() && told.1.shown == 0;
        for (number, told) in self.told.iter().enumerate().collect::<Vec<_>>().iter().filter(odd).take(20) {
            println!("    {number} {:?}: {told:?}", load::line(*number));
        }
        let mut kinds: BTreeMap<Fault, usize> = BTreeMap::new();
        for fault in &self.faults {
            *kinds.entry(fault).or_default() += 1;
        }
        println!("  faults {}: {kinds:?}", self.faults.len());
    }
}

fn print(quarters: &[Quarter; 4]) {
    let line = |name: &str, value: &dyn Fn(&Quarter) -> String| {
        let values: String = quarters.iter().map(|quarter| format!("{:>12}", value(quarter))).collect();
        println!("  {name:<30}{values}");
    };
    let time = |time: Duration| format!("{:.2} ms", time.as_secs_f64() * 1e3);
    println!("\n  {:<30}{:>12}{:>12}{:>12}{:>12}", "quarter of the time", "first", "second", "third", "last");
    line("commands", &|quarter| quarter.commands.to_string());
    line("met by a fault", &|quarter| quarter.hurt.to_string());
    line("resident memory, MiB", &|quarter| format!("{:.2}", quarter.rss));
    line("of that anonymous", &|quarter| format!("{:.2}", quarter.anon));
    line("file descriptors, median", &|quarter| quarter.fds.to_string());
    line("file descriptors, at least", &|quarter| quarter.fds_range.0.to_string());
    line("file descriptors, at most", &|quarter| quarter.fds_range.1.to_string());
    line("threads", &|quarter| quarter.tasks.to_string());
    line("store at the end, MiB", &|quarter| format!("{:.1}", quarter.file));
    line("ack p50", &|quarter| time(quarter.ack.median));
    line("ack p99", &|quarter| time(quarter.ack.slowest));
    line("answer p50", &|quarter| time(quarter.answer.median));
    line("answer p99", &|quarter| time(quarter.answer.slowest));
    line("floor: echo with a sync, p50", &|quarter| time(quarter.floor.median));
    line("floor: echo with a sync, p99", &|quarter| time(quarter.floor.slowest));
}
