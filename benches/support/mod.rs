//! What the benchmarks share: a driver that plays Slack (and EC2) on loopback, and the bot as a process of its own.

mod bot;
mod lines;
mod slack;

pub use bot::Bot;
pub use lines::{Door, Line};
pub use slack::{Link, Slack, Told, Trouble};

use actix_web::rt;
use actix_web::web::Data;
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

/// What a run of commands took, sorted.
pub struct Run {
    pub ack: Vec<Duration>,
    pub answer: Vec<Duration>,
    pub took: Duration,
}

/// A closed loop: `in_flight` commands are on their way at any time, each answer brings the next command.
pub fn run(slack: &Data<Slack>, total: usize, in_flight: usize) -> Run {
    let finished = slack.begin(total);
    let from = slack.count();
    let begun = Instant::now();
    let system = rt::System::new();
    for _ in 0..in_flight {
        system.block_on(slack.send_next());
    }
    finished.recv_timeout(Duration::from_secs(120)).expect("the bot answers every command");
    let took = begun.elapsed();
    let told = slack.told(from..from + total);
    assert!(told.iter().all(|told| told.shown == 1), "no command is answered twice");
    let sorted = |times: Vec<Duration>| {
        let mut times = times;
        times.sort();
        times
    };
    let ack = sorted(told.iter().filter_map(|told| told.acked).collect());
    let answer = sorted(told.iter().filter_map(|told| told.answered).collect());
    Run { ack, answer, took }
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
