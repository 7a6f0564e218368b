//! The bot as a process.

use super::image::{self, Running};
use super::{NEVER, Place, Shim, net, program, until};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use std::fs::File;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::rc::{Rc, Weak};
use std::sync::atomic::{AtomicU32, Ordering};
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
    place: Place,
    shim: Option<Rc<Shim>>,
    alive: Rc<()>,
}

/// Looks at a bot from outside for as long as it is there.
#[derive(Clone)]
pub struct Eye {
    health: String,
    alive: Weak<()>,
}

impl Eye {
    /// Whether the bot was killed, or has ended and was put away.
    pub fn is_closed(&self) -> bool {
        self.alive.strong_count() == 0
    }

    /// Whether it would hear a command, keep it and answer it now.
    pub async fn is_ready(&self) -> bool {
        self.probe("/readyz").await.is_some_and(|(status, _)| status == 200)
    }

    /// A GET of a probe: status and body.
    pub async fn probe(&self, path: &str) -> Option<(u16, String)> {
        let client = awc::Client::builder().timeout(Duration::from_secs(5)).finish();
        let mut response = client.get(format!("{}{path}", self.health)).send().await.ok()?;
        let body = response.body().limit(16 << 20).await.ok()?;
        Some((response.status().as_u16(), String::from_utf8_lossy(&body).into_owned()))
    }

    /// The value of a metric: the sum over the series whose labels hold all of these words; `None` when there is none.
    pub async fn metric(&self, name: &str, labels: &[&str]) -> Option<f64> {
        let (_, text) = self.probe("/metrics").await?;
        let series = text.lines().filter(|line| {
            line.strip_prefix(name).is_some_and(|rest| rest.starts_with(['{', ' ']))
                && labels.iter().all(|l| line.contains(l))
        });
        let value = |line: &str| line.rsplit(' ').next().and_then(|value| value.parse::<f64>().ok()).expect("a number");
        series.map(value).reduce(|sum, value| sum + value)
    }
}

/// Runs the program with these arguments and variables alone, to its end.
pub fn run(arguments: &[&str], env: &[(&str, &str)]) -> Output {
    let mut command = Command::new(program("dronebot"));
    command.args(arguments).env_clear().env("PATH", "/usr/bin:/bin").envs(env.iter().copied());
    image::placed(&command).output().expect("the program starts")
}

/// The program with what it needs to know of its world.
pub fn command(slack: &str, aws: &str, folder: &Path) -> Command {
    command_in(None, slack, aws, folder)
}

/// The address of a sandbox as the hosts of a network call it; that on this machine stays.
fn as_neighbour(url: &str) -> String {
    match url.rsplit_once(':') {
        Some((host, port)) if !host.ends_with("//127.0.0.1") => format!("http://{}:{port}", net::NEIGHBOUR),
        _ => url.to_owned(),
    }
}

/// The same in a network namespace.
fn command_in(netns: Option<&str>, slack: &str, aws: &str, folder: &Path) -> Command {
    let sandbox = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/sandbox.toml");
    let mut command = match netns {
        // it becomes the bot: the process stays the same
        Some(netns) => {
            let mut command = Command::new(net::program().expect("ip"));
            command.args(["netns", "exec", netns, program("dronebot")]);
            command
        }
        None => Command::new(program("dronebot")),
    };
    command
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("DRONEBOT_CONFIG", sandbox)
        .env("DRONEBOT__SLACK__API_URL", format!("{}/api", as_neighbour(slack)))
        .env("DRONEBOT__SLACK__APP_TOKEN", "xapp-sandbox")
        .env("DRONEBOT__SLACK__BOT_TOKEN", "xoxb-sandbox")
        .env("DRONEBOT__STORE__PATH", folder.join("dronebot.db"))
        .env("DRONEBOT__LOG__FILTER", "info,dronebot=debug")
        .env("DRONEBOT__COMMANDS__POLL_SECONDS", "1")
        .env("DRONEBOT__SLACK__CLOSE_GRACE_SECONDS", "0.1")
        .env("AWS_ENDPOINT_URL", aws)
        .env("AWS_REGION", super::HOME)
        .env("AWS_ACCESS_KEY_ID", "testing")
        .env("AWS_SECRET_ACCESS_KEY", "testing")
        .env("AWS_EC2_METADATA_DISABLED", "true");
    command
}

/// A port that nobody listens on, below those that the system deals out by itself: it stays free until the bot takes it.
fn free_port() -> u16 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let first = std::process::id().wrapping_mul(101);
    loop {
        let port = 10_000 + first.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed)) % 20_000;
        let port = u16::try_from(port).expect("a port");
        if std::net::TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

impl Bot {
    /// Starts it there, on that machine.
    pub fn start(
        (slack, aws): (&str, &str),
        folder: &Path,
        env: &[(&'static str, String)],
        place: Place,
        shim: Option<Rc<Shim>>,
    ) -> Self {
        let log = File::options().create(true).append(true).open(folder.join("bot.log")).expect("a log");
        let own = place.folder.map_or_else(|| folder.to_owned(), |name| folder.join(name));
        std::fs::create_dir_all(&own).expect("a folder");
        let port = match &place.netns {
            // nobody else is there
            Some(_) => 8080,
            None => free_port(),
        };
        let health = format!("{}:{port}", place.address);
        let mut call = command_in(place.netns.as_deref(), slack, aws, &own);
        call.current_dir(&own).env("DRONEBOT__HEALTH__LISTEN", &health);
        call.envs(env.iter().map(|(key, value)| (*key, value.as_str())));
        call.envs(shim.iter().flat_map(|shim| shim.env()));
        let running = image::start(&call, &log, &own);
        let health = format!("http://{health}");
        Self { running, folder: folder.to_path_buf(), health, place, shim, alive: Rc::default() }
    }

    /// Looks at it from outside.
    pub fn eye(&self) -> Eye {
        Eye { health: self.health.clone(), alive: Rc::downgrade(&self.alive) }
    }

    /// Where it runs.
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// The machine under it.
    pub fn machine(&self) -> &Rc<Shim> {
        self.shim.as_ref().expect("a machine that can be broken: Options::shim")
    }

    /// A GET of a probe: status and body.
    pub async fn probe(&self, path: &str) -> Option<(u16, String)> {
        self.eye().probe(path).await
    }

    /// Where its probes are.
    pub fn address(&self) -> String {
        self.health.clone()
    }

    /// A probe's JSON.
    pub async fn json(&self, path: &str) -> (u16, Value) {
        let (status, body) = self.probe(path).await.expect("the probe answers");
        (status, serde_json::from_str(&body).expect("JSON"))
    }

    /// Has an actor break itself; the status and text that the probes' server answers.
    pub async fn drill(&self, actor: &str, kind: &str) -> Option<(u16, String)> {
        let client = awc::Client::builder().timeout(Duration::from_secs(5)).finish();
        let mut response = client.post(format!("{}/drill/{actor}/{kind}", self.health)).send().await.ok()?;
        let body = response.body().await.ok()?;
        Some((response.status().as_u16(), String::from_utf8_lossy(&body).into_owned()))
    }

    /// Waits until it is ready.
    pub async fn ready(&mut self) {
        let begun = tokio::time::Instant::now();
        loop {
            if self.probe("/readyz").await.is_some_and(|(status, _)| status == 200) {
                return;
            }
            let ended = self.ended();
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
        self.eye().metric(name, labels).await
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

    /// How it has ended, if it has.
    pub fn ended(&mut self) -> Option<Exit> {
        let status = self.running.child.try_wait().expect("its status")?;
        match status.code() {
            // how docker tells of kill -9
            Some(137) if image::is_contained() => Some(Exit::Signal(Signal::SIGKILL as i32)),
            code => code.map(Exit::Code).or(status.signal().map(Exit::Signal)),
        }
    }

    /// Waits until it ends by itself.
    pub async fn exit(&mut self) -> Exit {
        let ended = std::cell::Cell::new(None);
        let bot = std::cell::RefCell::new(&mut *self);
        until("the bot ends", async || {
            ended.set(bot.borrow_mut().ended());
            ended.get().is_some()
        })
        .await;
        ended.get().expect("it ended")
    }
}
