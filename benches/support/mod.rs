//! What the benchmarks share: a driver that plays Slack (and EC2) on loopback, and the bot as a process of its own.

mod book;
mod bot;
mod ec2;
mod journal;
mod lines;
pub mod peers;
mod slack;
#[allow(clippy::type_complexity, reason = "an index leads from a name to names")]
pub mod table;
mod web;

pub use book::{Book, Told, Trouble};
pub use bot::{Bot, Log};
pub use journal::Journal;
pub use lines::{Door, Line, acked, answers, channel, person};
pub use slack::{Link, Slack};

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// A folder of this run, gone when dropped.
pub struct Folder(PathBuf);

impl Folder {
    pub fn new(name: &str) -> Self {
        let folder = target().join(format!("{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The bot's file and its log, in bytes.
    pub fn store_size(&self) -> u64 {
        let size = |name: &str| std::fs::metadata(self.0.join(name)).map_or(0, |file| file.len());
        size(bot::STORE) + size(&format!("{}-wal", bot::STORE))
    }

    /// The bot's file.
    pub fn store(&self) -> PathBuf {
        self.0.join(bot::STORE)
    }

    /// The log of the bot's file.
    pub fn store_log(&self) -> PathBuf {
        self.0.join(format!("{}-wal", bot::STORE))
    }

    /// Nothing is in the store.
    pub fn empty(&self) {
        for end in ["", "-wal", "-shm"] {
            let _ = std::fs::remove_file(self.0.join(format!("{}{end}", bot::STORE)));
        }
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Cargo's folder for what is built and measured.
pub fn target() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("target")
}

/// Settings under which no pace of the bot is in the way: this Slack takes more than the real one.
pub fn unpaced() -> Vec<(&'static str, String)> {
    vec![
        ("DRONEBOT__SLACK__PACING__POSTS_PER_MINUTE", "6000000".into()),
        ("DRONEBOT__SLACK__PACING__TIER3_PER_MINUTE", "60000".into()),
        ("DRONEBOT__SLACK__PACING__TIER4_PER_MINUTE", "60000".into()),
        // few people ask what hundreds would
        ("DRONEBOT__EXECUTION__MAX_OPEN_EACH", "5000".into()),
    ]
}

/// What a run of commands took, sorted.
pub struct Run {
    pub range: Range<usize>,
    pub ack: Vec<Duration>,
    pub answer: Vec<Duration>,
    pub took: Duration,
}

impl Run {
    /// Commands a second.
    pub fn rate(&self) -> f64 {
        self.range.len() as f64 / self.took.as_secs_f64()
    }
}

/// How long a run may take.
const PATIENCE: Duration = Duration::from_secs(120);

/// How long after the last answer it is looked whether another one came: longer than a courier that is not sure of its
/// delivery waits before it looks again.
const LATE: Duration = Duration::from_secs(2);

/// A closed loop: `in_flight` commands are on their way at any time, each answer brings the next command. Each must be
/// answered, and with what was asked: an apology is no speed.
pub fn run(slack: &Slack, total: usize, in_flight: usize) -> Run {
    let begun = Instant::now();
    let (range, finished) = slack.begin(total, in_flight);
    if finished.recv_timeout(PATIENCE).is_err() {
        let told = slack.book().told(range.start..slack.book().count());
        let missing = |is: fn(&Told) -> bool| told.iter().filter(|told| is(told)).count();
        let (unacked, unanswered) = (missing(|told| told.acked.is_none()), missing(|told| told.answered.is_none()));
        panic!("of {} commands sent, {unacked} were not acknowledged and {unanswered} not answered", told.len());
    }
    let took = begun.elapsed();
    let told = slack.book().told(range.clone());
    let amiss = told.iter().filter(|told| told.amiss).count();
    assert_eq!(
        amiss,
        0,
        "of {total} answers so many are none to what was asked; the newest: {:?}",
        slack.book().amiss()
    );
    let sorted = |times: Vec<Duration>| {
        let mut times = times;
        times.sort_unstable();
        times
    };
    let ack = sorted(told.iter().filter_map(|told| told.acked).collect());
    let answer = sorted(told.iter().filter_map(|told| told.answered).collect());
    Run { range, ack, answer, took }
}

/// Looks again, later: no command since this one may have been answered twice.
pub fn look_late(slack: &Slack, since: usize) {
    std::thread::sleep(LATE);
    let told = slack.book().told(since..slack.book().count());
    let doubled = told.iter().filter(|told| told.shown > 1).count();
    assert_eq!(doubled, 0, "so many of {} commands were answered twice", told.len());
}

/// The value below which this part of the sorted values lies.
pub fn percentile(sorted: &[Duration], part: f64) -> Duration {
    let index = ((sorted.len() as f64 - 1.0) * part).round() as usize;
    sorted.get(index).copied().unwrap_or_default()
}

/// In microseconds, to a tenth.
pub fn micros(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e7).round() / 10.0
}
