//! The bot whose allocations are counted: it runs in this program, started once more as a process of its own, so that
//! nothing of the driver is counted with it. Each line that comes on standard input is answered on standard error with the
//! counts so far.

use crate::ALLOCATOR;
use crate::support::{Bot, Folder, Log};
use dronebot::app::{self, End};
use dronebot::domain::Build;
use dronebot::settings::{Environment, Settings};
use dronebot::{supervision, telemetry};
use std::io::{BufRead, BufReader, Write};
use std::process::{ChildStderr, Command, Stdio};

/// Set for the process that is the bot.
const BODY: &str = "DRONEBOT_COUNTS_BODY";

/// The word before the counts: a panic says something on standard error too.
const MARK: &str = "allocated";

#[test]
#[ignore = "it is the bot of the other tests, in a process of its own"]
fn the_bot() {
    if std::env::var_os(BODY).is_none() {
        return;
    }
    std::thread::spawn(|| {
        for _ in std::io::stdin().lock().lines().map_while(Result::ok) {
            let stats = ALLOCATOR.stats();
            let (count, bytes) = (stats.allocations + stats.reallocations, stats.bytes_allocated);
            writeln!(std::io::stderr().lock(), "{MARK} {count} {bytes}").unwrap();
        }
    });
    // what src/main.rs does
    supervision::install_panic_hook();
    let settings = Settings::load(None, &Environment::of_process()).unwrap();
    telemetry::init(&settings.log).unwrap();
    rustls::crypto::ring::default_provider().install_default().unwrap();
    let build = Build { version: "1.4.2", revision: "unknown", created: "unknown", source: "unknown" };
    let end = actix::System::new().block_on(app::run(settings, build));
    assert_eq!(end, End::Drained);
}

/// The bot, and the way to ask for its counts.
pub struct Body {
    pub bot: Bot,
    counts: BufReader<ChildStderr>,
}

impl Body {
    pub fn start(base: &str, folder: &Folder, env: &[(&str, String)]) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "body::the_bot", "--ignored", "--nocapture", "--test-threads=1"]);
        command.stderr(Stdio::piped());
        // what main has, where a test's thread has less
        let own = [(BODY, "1".to_owned()), ("RUST_MIN_STACK", (8 << 20).to_string())];
        let env: Vec<_> = own.into_iter().chain(env.iter().cloned()).collect();
        let mut bot = Bot::by(command, base, folder, &Log::Pipe, &env);
        let counts = BufReader::new(bot.stderr());
        Self { bot, counts }
    }

    /// How many allocations there were so far, and of how many bytes.
    pub fn allocated(&mut self) -> (usize, usize) {
        self.bot.stdin().write_all(b"\n").unwrap();
        let mut line = String::new();
        loop {
            line.clear();
            assert!(self.counts.read_line(&mut line).unwrap() > 0, "the bot has ended");
            let mut words = line.split_whitespace();
            if words.next() == Some(MARK) {
                let mut number = || words.next().unwrap().parse().unwrap();
                return (number(), number());
            }
            writeln!(std::io::stderr().lock(), "the bot: {line}").unwrap();
        }
    }
}
