//! What systemd hears of the bot on a plain host, by a real socket from the real process; and whether the unit that is
//! shipped is one that systemd takes.

use crate::support::{Exit, Options, World, command, node, program, target, until};
use std::cell::RefCell;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;
use tokio::time::Instant;

const UNIT: &str = include_str!("../../delivery/dronebot.service");

/// The socket on which systemd listens.
struct Socket {
    socket: UnixDatagram,
    path: PathBuf,
    /// Every line with the time at which it was read.
    heard: RefCell<Vec<(Instant, String)>>,
}

impl Socket {
    fn new(folder: &Path) -> Self {
        let path = folder.join("notify");
        let socket = UnixDatagram::bind(&path).expect("a socket");
        socket.set_nonblocking(true).expect("it does not block");
        Self { socket, path, heard: RefCell::default() }
    }

    fn env(&self, watchdog: Duration) -> Vec<(&'static str, String)> {
        let path = self.path.to_str().expect("a path").to_owned();
        vec![("NOTIFY_SOCKET", path), ("WATCHDOG_USEC", watchdog.as_micros().to_string())]
    }

    /// All lines so far.
    fn lines(&self) -> Vec<String> {
        let mut datagram = [0; 4096];
        let mut heard = self.heard.borrow_mut();
        while let Ok(length) = self.socket.recv(&mut datagram) {
            let text = String::from_utf8(datagram[..length].to_vec()).expect("text");
            heard.extend(text.lines().map(|line| (Instant::now(), line.to_owned())));
        }
        heard.iter().map(|(_, line)| line.clone()).collect()
    }

    fn count(&self, line: &str) -> usize {
        self.lines().iter().filter(|heard| *heard == line).count()
    }

    /// When this line was read last.
    fn last(&self, line: &str) -> Instant {
        self.lines();
        let heard = self.heard.borrow();
        heard.iter().rev().find(|(_, heard)| heard == line).map(|(at, _)| *at).expect("it was heard")
    }
}

/// A world whose bot is not started yet, and the socket beside its folder.
async fn asleep(env: Vec<(&'static str, String)>) -> (World, Socket) {
    let mut world = World::with(Options { asleep: true, env, ..Options::default() }).await;
    let socket = Socket::new(world.folder.path());
    for (key, value) in socket.env(Duration::from_millis(400)) {
        world.more_env(key, &value);
    }
    (world, socket)
}

#[actix_web::test]
async fn systemd_hears_that_the_bot_is_ready_that_it_turns_how_it_goes_and_that_it_stops() {
    let (mut world, socket) = asleep(Vec::new()).await;
    world.start_bot();
    until("READY=1", async || socket.count("READY=1") == 1).await;
    assert_eq!(world.bot().json("/startupz").await.0, 200, "ready means that everything has been started");
    assert_eq!(socket.lines()[0], "READY=1", "nothing was said before");
    until("it turns", async || socket.count("WATCHDOG=1") > 3).await;
    until("how it goes", async || socket.count("STATUS=ready; 2 of 2 links to Slack") == 1).await;
    // Slack is gone: not ready, and alive, so systemd goes on to be patient
    world.slack.kill();
    until("it says so", async || socket.lines().iter().any(|line| line.starts_with("STATUS=not ready: "))).await;
    let before = socket.count("WATCHDOG=1");
    until("it turns all the same", async || socket.count("WATCHDOG=1") > before + 3).await;
    world.slack.revive();
    world.bot().ready().await;
    world.bot().signal(nix::sys::signal::Signal::SIGTERM);
    assert_eq!(world.bot().exit().await, Exit::Code(0), "{}", world.log());
    let lines = socket.lines();
    let stopping = lines.iter().position(|line| line == "STOPPING=1").expect("it said so");
    assert_eq!(lines[stopping + 1], "EXTEND_TIMEOUT_USEC=35000000", "20 s of draining and the end");
    assert_eq!(lines[stopping + 2], "STATUS=draining");
    assert_eq!(socket.count("READY=1"), 1);
}

#[actix_web::test]
async fn a_socket_that_nobody_has_costs_nothing_but_a_line_in_the_log() {
    let (mut world, socket) = asleep(Vec::new()).await;
    std::fs::remove_file(&socket.path).expect("it is gone");
    world.wake().await;
    world.still_works().await;
    assert!(world.log().contains("systemd does not listen"), "{}", world.log());
    world.ends_clean().await;
}

#[actix_web::test]
async fn a_stuck_thread_ends_systemd_s_patience_before_it_ends_the_process() {
    const LIMIT: Duration = Duration::from_secs(3);
    let (world, socket) = asleep(Vec::new()).await;
    let port = std::net::TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a port").port();
    let mut bot = command(&world.slack.url, &world.aws_url, world.folder.path())
        .envs(socket.env(Duration::from_millis(400)))
        .env("DRONEBOT__HEALTH__LISTEN", format!("127.0.0.1:{port}"))
        .env("DRONEBOT__SUPERVISION__STUCK_AFTER_SECONDS", LIMIT.as_secs().to_string())
        .env("DRONEBOT__SUPERVISION__DRILLS", "true")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("the bot starts");
    until("it turns", async || socket.count("WATCHDOG=1") > 2).await;
    let drill = format!("http://127.0.0.1:{port}/drill/dispatcher/stick");
    let told = awc::Client::default().post(drill).send().await.expect("it is told");
    assert_eq!(told.status(), 202);
    let ended = RefCell::new(None);
    let process = RefCell::new(&mut bot);
    until("it ends", async || {
        socket.lines();
        *ended.borrow_mut() = process.borrow_mut().try_wait().expect("its status");
        ended.borrow().is_some()
    })
    .await;
    let silent = socket.last("WATCHDOG=1").elapsed();
    assert_eq!(ended.into_inner().and_then(|status| status.code()), Some(73), "a stuck thread");
    // the main thread may turn a little longer than the first that is stuck, but never until the end
    assert!(silent >= LIMIT / 2, "patience was renewed {silent:?} before the end");
}

fn analyze(arguments: &[&str], unit: &Path) -> Option<Output> {
    let output = Command::new("systemd-analyze").args(arguments).arg(unit).stdin(Stdio::null()).output();
    match output {
        Ok(output) => Some(output),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        Err(error) => panic!("systemd-analyze: {error}"),
    }
}

/// The unit with the program where this machine has it.
fn unit(folder: &Path) -> PathBuf {
    let path = folder.join("dronebot.service");
    assert!(UNIT.contains("ExecStart=/usr/local/bin/dronebot\n"));
    std::fs::write(&path, UNIT.replace("/usr/local/bin/dronebot\n", &format!("{}\n", program("dronebot"))))
        .expect("a unit");
    path
}

#[test]
fn systemd_takes_the_unit_and_finds_it_well_shut_off() {
    let folder = tempfile::Builder::new().prefix("unit-").tempdir_in(target()).expect("a folder");
    let unit = unit(folder.path());
    let Some(output) = analyze(&["verify", "--man=no"], &unit) else {
        return node::skipped("systemd", "no systemd-analyze; install it (Debian: apt-get install systemd)");
    };
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    // of 10.0 for a service that may everything; not more than 1.5
    let output = analyze(&["security", "--offline=true", "--no-pager", "--threshold=15"], &unit).expect("it is there");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

#[test]
fn the_unit_knows_the_exit_codes_and_the_times_of_the_program() {
    let value = |key: &str| {
        let line = UNIT.lines().find_map(|line| line.strip_prefix(&format!("{key}=")));
        line.unwrap_or_else(|| panic!("no {key}")).to_owned()
    };
    assert_eq!(value("RestartPreventExitStatus"), dronebot::app::EXIT_CONFIG.to_string());
    assert_eq!((value("Type").as_str(), value("Restart").as_str()), ("notify", "on-failure"));
    let tokens: dronebot::settings::Environment =
        [("DRONEBOT__SLACK__APP_TOKEN", "xapp-1-test"), ("DRONEBOT__SLACK__BOT_TOKEN", "xoxb-1-test")]
            .into_iter()
            .collect();
    let settings = dronebot::settings::Settings::load(None, &tokens).expect("the defaults can be used");
    let seconds = |key: &str| Duration::from_secs(value(key).parse().expect("seconds"));
    // actors 5 s, store and server 3 s, connections and dispatcher within the drain
    assert!(seconds("TimeoutStopSec") >= settings.shutdown.drain + Duration::from_secs(5 + 3 + 5));
    assert!(
        seconds("WatchdogSec") > settings.supervision.stuck_after * 2,
        "the bot's own watchdog names the thread first"
    );
    // every variable that it sets is a setting
    let environment = UNIT.lines().filter_map(|line| line.strip_prefix("Environment=DRONEBOT__"));
    let defaults = include_str!("../../config/default.toml");
    for variable in environment {
        let key = variable.split('=').next().unwrap_or_default().rsplit("__").next().unwrap_or_default().to_lowercase();
        assert!(defaults.contains(&format!("\n{key} = ")), "{variable}");
    }
}
