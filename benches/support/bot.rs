//! The bot as a process, and what the kernel says of it.

use super::{Folder, target};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::fs::File;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// The name of its file.
pub const STORE: &str = "bench.db";

pub struct Bot {
    child: Child,
    pub started: Instant,
}

/// The bot of this build, or another one: a release build, or one to compare with.
fn program() -> std::ffi::OsString {
    let named = ["DRONEBOT_PROGRAM", "DRONEBOT_BENCH_PROGRAM"].into_iter().find_map(std::env::var_os);
    named.unwrap_or_else(|| env!("CARGO_BIN_EXE_dronebot").into())
}

impl Bot {
    pub fn start(base: &str, folder: &Folder, env: &[(&str, String)]) -> Self {
        let log = File::create(target().join("bench-bot.log")).unwrap();
        let started = Instant::now();
        let child = Command::new(program())
            .env_clear()
            .env("DRONEBOT__SLACK__API_URL", format!("{base}/api"))
            .env("DRONEBOT__SLACK__APP_TOKEN", "xapp-bench")
            .env("DRONEBOT__SLACK__BOT_TOKEN", "xoxb-bench")
            .env("DRONEBOT__STORE__PATH", folder.store())
            .env("DRONEBOT__HEALTH__LISTEN", "127.0.0.1:0")
            .env("DRONEBOT__LOG__FILTER", "warn")
            .env("AWS_REGION", "eu-central-1")
            .envs(env.iter().map(|(key, value)| (*key, value)))
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap();
        Self { child, started }
    }

    fn proc(&self, file: &str) -> String {
        std::fs::read_to_string(format!("/proc/{}/{file}", self.child.id())).unwrap_or_default()
    }

    /// User and system time so far.
    pub fn cpu(&self) -> Duration {
        let stat = self.proc("stat");
        let after = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect::<Vec<_>>();
        let ticks: u64 = after[11].parse::<u64>().unwrap() + after[12].parse::<u64>().unwrap();
        Duration::from_millis(ticks * 10)
    }

    /// A line of its `status` in MiB: VmRSS, RssAnon, VmHWM.
    pub fn memory(&self, field: &str) -> f64 {
        let status = self.proc("status");
        let line = status.lines().find(|line| line.starts_with(field)).unwrap_or_default();
        line.split_whitespace().nth(1).and_then(|kb| kb.parse::<f64>().ok()).unwrap_or_default() / 1024.0
    }

    /// How many entries this folder of the process has: `fd`, `task`.
    pub fn entries(&self, folder: &str) -> usize {
        std::fs::read_dir(format!("/proc/{}/{folder}", self.child.id())).map_or(0, Iterator::count)
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// How it ended, if it did.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().unwrap()
    }

    /// SIGTERM, and how it ended.
    pub fn stop(mut self) -> ExitStatus {
        kill(Pid::from_raw(self.child.id().cast_signed()), Signal::SIGTERM).unwrap();
        self.child.wait().unwrap()
    }
}

impl Drop for Bot {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
