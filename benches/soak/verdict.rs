//! The quarters side by side, and what may not have grown.

use crate::load::{self, Fault};
use crate::support::{Bot, Folder, Slack, Told, percentile};
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
            commands: slack.count(),
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

/// Everything that was seen.
pub struct Soak {
    pub begun: Instant,
    pub time: Duration,
    pub told: Vec<Told>,
    pub samples: Vec<Sample>,
    pub floor: Vec<(Instant, Duration)>,
    pub faults: Vec<Fault>,
    pub sorry: usize,
}

/// A quarter of the time.
struct Quarter {
    rss: f64,
    anon: f64,
    fds: usize,
    /// At least and at most.
    fds_range: (usize, usize),
    tasks: usize,
    file: f64,
    ack: Vec<Duration>,
    answer: Vec<Duration>,
    floor: Vec<Duration>,
    commands: usize,
    hurt: usize,
}

/// Resident memory may grow by this factor.
const MEMORY: f64 = 1.05;

/// A link that is being replaced has so many more descriptors.
const LINK: usize = 2;

/// So many calls more may hang at once.
const BURST: usize = 4;

/// The median may grow by this factor, beside what the machine itself became slower by.
const MEDIAN: f64 = 1.25;

/// So may the slowest of a hundred: fewer values, so more noise.
const SLOWEST: f64 = 1.5;

/// A difference below this is noise, whatever the factor.
const NOISE: Duration = Duration::from_micros(300);

/// The same for the slowest of a hundred.
const LOUD: Duration = Duration::from_millis(10);

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
            ack,
            answer,
            floor,
            commands: told.len(),
            hurt: told.iter().filter(|told| told.hurt).count(),
        }
    }

    /// Prints what was seen, and gives what is wrong with it.
    pub fn judge(&self, folder: &Folder, ended: ExitStatus) -> Vec<String> {
        let quarters: Vec<Quarter> = (0..4).map(|which| self.quarter(which)).collect();
        print(&quarters);
        let mut failures = Vec::new();
        if !ended.success() {
            failures.push(format!("the bot ended with {ended}"));
        }
        compare(&quarters[1], &quarters[3], &mut failures);
        self.count(folder, &mut failures);
        failures
    }

    /// What became of the commands: by what Slack saw, and by what the store says.
    fn count(&self, folder: &Folder, failures: &mut Vec<String>) {
        let of = |is: &dyn Fn(&Told) -> bool| self.told.iter().filter(|told| is(told)).count();
        let (taken, answered) = (of(&|told| told.acked.is_some()), of(&|told| told.shown > 0));
        let missing = of(&|told| told.acked.is_some() && told.shown == 0);
        let doubled = of(&|told| told.shown > 1);
        let well = self.told.iter().filter(|told| !told.hurt);
        let slowest = well.filter_map(|told| told.answered).max().unwrap_or_default();
        println!("\n  commands sent {}, acknowledged {taken}, answered {answered}", self.told.len());
        println!("  unanswered {missing}, answered twice {doubled}");
        println!("  slowest answer to one that no fault met {:.1} s", slowest.as_secs_f64());
        let odd = |told: &&(usize, &Told)| told.1.shown > 1 || told.1.acked.is_some() && told.1.shown == 0;
        for (number, told) in self.told.iter().enumerate().collect::<Vec<_>>().iter().filter(odd).take(20) {
            println!("    {number} {:?}: {told:?}", load::line(*number));
        }
        println!("  answers that say that something could not be done {}", self.sorry);
        let mut kinds: BTreeMap<Fault, usize> = BTreeMap::new();
        for fault in &self.faults {
            *kinds.entry(fault).or_default() += 1;
        }
        println!("  faults {}: {kinds:?}", self.faults.len());
        for (what, count) in [("answer is missing", missing), ("answer came twice", doubled)] {
            if count > 0 {
                failures.push(format!("{count} times an {what}"));
            }
        }
        let connection = rusqlite::Connection::open(folder.store()).unwrap();
        let rows = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap_or(-1);
        let requests = rows("SELECT count(*) FROM requests");
        let (open, letters) =
            (rows("SELECT count(*) FROM requests WHERE finished_at IS NULL"), rows("SELECT count(*) FROM letters"));
        let (deliveries, known) = (rows("SELECT count(*) FROM deliveries"), rows("SELECT count(*) FROM known"));
        println!("  rows: requests {requests}, deliveries {deliveries}, marks {known}, letters {letters}, open {open}");
        if usize::try_from(requests).ok() != Some(answered) {
            failures.push(format!("{answered} commands were answered, and {requests} requests are in the store"));
        }
        if open != 0 || letters != 0 {
            failures.push(format!("{open} requests and {letters} letters are left in the store"));
        }
    }
}

fn print(quarters: &[Quarter]) {
    let line = |name: &str, value: &dyn Fn(&Quarter) -> String| {
        let values: String = quarters.iter().map(|quarter| format!("{:>12}", value(quarter))).collect();
        println!("  {name:<30}{values}");
    };
    let time = |times: &[Duration], part| format!("{:.2} ms", percentile(times, part).as_secs_f64() * 1e3);
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
    line("ack p50", &|quarter| time(&quarter.ack, 0.5));
    line("ack p99", &|quarter| time(&quarter.ack, 0.99));
    line("answer p50", &|quarter| time(&quarter.answer, 0.5));
    line("answer p99", &|quarter| time(&quarter.answer, 0.99));
    line("floor: echo with a sync, p50", &|quarter| time(&quarter.floor, 0.5));
    line("floor: echo with a sync, p99", &|quarter| time(&quarter.floor, 0.99));
}

/// What grew from the second quarter to the last.
fn compare(second: &Quarter, last: &Quarter, failures: &mut Vec<String>) {
    if last.rss > second.rss * MEMORY {
        failures.push(format!("resident memory grew from {:.2} to {:.2} MiB", second.rss, last.rss));
    }
    let ((least, most), (least_now, most_now)) = (second.fds_range, last.fds_range);
    for (what, before, now, more) in [
        ("median", second.fds, last.fds, LINK),
        ("at least", least, least_now, LINK),
        ("at most", most, most_now, LINK + BURST),
    ] {
        if now > before + more {
            failures.push(format!("file descriptors, {what}, grew from {before} to {now}"));
        }
    }
    if last.tasks > second.tasks {
        failures.push(format!("threads grew from {} to {}", second.tasks, last.tasks));
    }
    for (what, part, most, noise) in [("median", 0.5, MEDIAN, NOISE), ("slowest of a hundred", 0.99, SLOWEST, LOUD)] {
        let at = |times: &[Duration]| percentile(times, part).as_secs_f64();
        let machine = (at(&last.floor) / at(&second.floor).max(1e-9)).max(1.0);
        for (door, before, now) in
            [("acknowledgement", &second.ack, &last.ack), ("answer", &second.answer, &last.answer)]
        {
            let (before, now) = (at(before), at(now));
            if now > before * most * machine && now - before > noise.as_secs_f64() {
                let (before, now) = (before * 1e3, now * 1e3);
                failures
                    .push(format!("the {what} {door} grew from {before:.2} to {now:.2} ms (machine x{machine:.2})"));
            }
        }
    }
}
