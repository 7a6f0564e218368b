//! The bot as a process.

use super::image::{self, Running};
use super::{NEVER, program, until};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use std::fs::File;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Output};
use std::time::Duration;

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// With this exit code.
    Code(i32),
    /// By this signal.
    Signal(i32),
}

/// A running bot; killed when dropped.
pub struct Bot {
    running: Running,
    folder: PathBuf,
    health: String,
}

/// Runs the program with these arguments and variables alone, to its end.
pub fn run(arguments: &[&str], env: &[(&str, &str)]) -> Output {
    let mut command = Command::new(program("dronebot"));
    command.args(arguments).env_clear().env("PATH", "/usr/bin:/bin").envs(env.iter().copied());
    image::placed(&command).output().expect("the program starts")
}

/// The program with what it needs to know of its world.
pub fn command(slack: &str, aws: &str, folder: &Path) -> Command {
    let sandbox = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/sandbox.toml");
    let mut command = Command::new(program("dronebot"));
    command
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("DRONEBOT_CONFIG", sandbox)
        .env("DRONEBOT__SLACK__API_URL", format!("{slack}/api"))
        .env("DRONEBOT__SLACK__APP_TOKEN", "xapp-sandbox")
        .env("DRONEBOT__SLACK__BOT_TOKEN", "xoxb-sandbox")
        .env("DRONEBOT__STORE__PATH", folder.join("dronebot.db"))
        .env("DRONEBOT__LOG__FILTER", "info,dronebot=debug")
        .env("DRONEBOT__COMMANDS__POLL_SECONDS", "1")
        .env("DRONEBOT__SLACK__CLOSE_GRACE_SECONDS", "0.1")
        .env("AWS_ENDPOINT_URL", aws)
        .env("AWS_REGION", super::HOME)
        .env("AWS_ACCESS_KEY_ID", "testing")
        .env("AWS_SECRET_ACCESS_KEY", "testing");
    command
}

impl Bot {
    pub fn start(slack: &str, aws: &str, folder: &Path, env: &[(&'static str, String)]) -> Self {
        let log = File::options().create(true).append(true).open(folder.join("bot.log")).expect("a log");
        let port =
            std::net::TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a port").port();
        let mut call = command(slack, aws, folder);
        call.env("DRONEBOT__HEALTH__LISTEN", format!("127.0.0.1:{port}"));
        call.envs(env.iter().map(|(key, value)| (*key, value.as_str())));
        let folder = folder.to_path_buf();
        Self { running: image::start(&call, &log, &folder), folder, health: format!("http://127.0.0.1:{port}") }
    }

    /// A GET of a probe: status and body.
    pub async fn probe(&self, path: &str) -> Option<(u16, String)> {
        let client = awc::Client::builder().timeout(Duration::from_secs(5)).finish();
        let mut response = client.get(format!("{}{path}", self.health)).send().await.ok()?;
        let body = response.body().limit(16 << 20).await.ok()?;
        Some((response.status().as_u16(), String::from_utf8_lossy(&body).into_owned()))
    }

    /// A probe's JSON.
    pub async fn json(&self, path: &str) -> (u16, Value) {
        let (status, body) = self.probe(path).await.expect("the probe answers");
        (status, serde_json::from_str(&body).expect("JSON"))
    }

    /// Waits until it is ready.
    pub async fn ready(&mut self) {
        let begun = tokio::time::Instant::now();
        loop {
            if self.probe("/readyz").await.is_some_and(|(status, _)| status == 200) {
                return;
            }
            let ended = self.running.child.try_wait().expect("its status");
            assert!(ended.is_none(), "the bot ended: {ended:?}; its log:\n{}", self.log());
            assert!(begun.elapsed() < NEVER, "the bot is not ready; its log:\n{}", self.log());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.join("bot.log")).unwrap_or_default()
    }

    /// The address of its probes.
    pub fn health(&self) -> &str {
        &self.health
    }

    /// The value of a metric: the sum over the series whose labels hold all of these words; `None` when there is none.
    pub async fn metric(&self, name: &str, labels: &[&str]) -> Option<f64> {
        let (_, text) = self.probe("/metrics").await.expect("the probe answers");
        let series = text.lines().filter(|line| {
            line.strip_prefix(name).is_some_and(|rest| rest.starts_with(['{', ' ']))
                && labels.iter().all(|l| line.contains(l))
        });
        let value = |line: &str| line.rsplit(' ').next().and_then(|value| value.parse::<f64>().ok()).expect("a number");
        series.map(value).reduce(|sum, value| sum + value)
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.running.pid.expect("it has a process")
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(i32::try_from(self.pid()).expect("a pid"));
        kill(pid, signal).expect("the signal is sent");
    }

    /// kill -9, and waits until it is gone.
    pub fn kill(mut self) {
        let pid = self.running.pid.and_then(|pid| i32::try_from(pid).ok());
        // it may have ended by itself
        let _ = pid.map(|pid| kill(Pid::from_raw(pid), Signal::SIGKILL));
        self.running.child.wait().expect("it is gone");
    }

    /// SIGTERM, and how it ended.
    pub async fn terminate(mut self) -> Exit {
        self.signal(Signal::SIGTERM);
        self.exit().await
    }

    /// Waits until it ends by itself.
    pub async fn exit(&mut self) -> Exit {
        let ended = std::cell::Cell::new(None::<ExitStatus>);
        let child = std::cell::RefCell::new(&mut self.running.child);
        until("the bot ends", async || {
            ended.set(child.borrow_mut().try_wait().expect("its status"));
            ended.get().is_some()
        })
        .await;
        let status = ended.get().expect("it ended");
        match status.code() {
            // how docker tells of kill -9
            Some(137) if image::is_contained() => Exit::Signal(Signal::SIGKILL as i32),
            code => code.map(Exit::Code).or(status.signal().map(Exit::Signal)).expect("a reason"),
        }
    }
}
