//! The bot as a process, or a peer in its place, and what the kernel says of it.

use super::Folder;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::fs::File;
use std::io::Read;
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// The name of its file.
pub const STORE: &str = "bench.db";

/// Where its log goes.
pub enum Log {
    /// Into a file under `target/`, with nothing below a warning: what the kindest operator would do.
    File,
    /// At `info` into a pipe that somebody reads, as under systemd and in a container.
    Pipe,
}

/// What came out of the bot's log so far.
#[derive(Debug, Default)]
pub struct Said {
    lines: AtomicUsize,
    bytes: AtomicUsize,
}

impl Said {
    pub fn lines(&self) -> usize {
        self.lines.load(Ordering::Relaxed)
    }

    pub fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Reads a pipe to its end.
    fn drain(self: Arc<Self>, mut pipe: ChildStdout) {
        std::thread::spawn(move || {
            let mut some = [0; 1 << 16];
            while let Ok(read @ 1..) = pipe.read(&mut some) {
                let lines = some[..read].iter().filter(|byte| **byte == b'\n').count();
                self.lines.fetch_add(lines, Ordering::Relaxed);
                self.bytes.fetch_add(read, Ordering::Relaxed);
            }
        });
    }
}

pub struct Bot {
    child: Child,
    pub started: Instant,
    pub said: Arc<Said>,
}

/// The bot of this build, or another one: a release build, or one to compare with.
fn program() -> std::ffi::OsString {
    let named = ["DRONEBOT_PROGRAM", "DRONEBOT_BENCH_PROGRAM"].into_iter().find_map(std::env::var_os);
    named.unwrap_or_else(|| env!("CARGO_BIN_EXE_dronebot").into())
}

/// The settings with which any of the benchmarks starts the bot.
fn settings(command: &mut Command, base: &str, folder: &Folder) {
    command
        .env_clear()
        .env("DRONEBOT__SLACK__API_URL", format!("{base}/api"))
        .env("DRONEBOT__SLACK__APP_TOKEN", "xapp-bench")
        .env("DRONEBOT__SLACK__BOT_TOKEN", "xoxb-bench")
        .env("DRONEBOT__STORE__PATH", folder.store())
        .env("DRONEBOT__HEALTH__LISTEN", "127.0.0.1:0")
        // no machine is asked what it is: on some it takes seconds until nobody has answered
        .env("DRONEBOT__AWS__METADATA", "off")
        .env("AWS_REGION", "eu-central-1");
}

impl Bot {
    pub fn start(base: &str, folder: &Folder, log: &Log, env: &[(&str, String)]) -> Self {
        Self::by(Command::new(program()), base, folder, log, env)
    }

    /// The bot by another command line, with the same settings; its standard error goes where the command says.
    pub fn by(mut command: Command, base: &str, folder: &Folder, log: &Log, env: &[(&str, String)]) -> Self {
        settings(&mut command, base, folder);
        let filter = match log {
            Log::File => "warn",
            Log::Pipe => "info",
        };
        command.env("DRONEBOT__LOG__FILTER", filter).envs(env.iter().map(|(key, value)| (*key, value)));
        match log {
            Log::File => command.stdout(File::create(super::target().join("bench-bot.log")).unwrap()),
            Log::Pipe => command.stdout(Stdio::piped()),
        };
        Self::run(&mut command)
    }

    /// Another program, which is told by `SLACK_API` where Slack is.
    pub fn peer(mut command: Command, base: &str) -> Self {
        command.env("SLACK_API", format!("{base}/api/")).stdout(Stdio::piped()).stderr(Stdio::null());
        Self::run(&mut command)
    }

    fn run(command: &mut Command) -> Self {
        let started = Instant::now();
        let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
        let said = Arc::<Said>::default();
        if let Some(pipe) = child.stdout.take() {
            Arc::clone(&said).drain(pipe);
        }
        Self { child, started, said }
    }

    /// Its standard input.
    pub fn stdin(&mut self) -> &mut ChildStdin {
        self.child.stdin.as_mut().unwrap()
    }

    /// Its standard error, where it was started with a pipe for it; once.
    pub fn stderr(&mut self) -> ChildStderr {
        self.child.stderr.take().unwrap()
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
