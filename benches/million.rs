//! Does a long past make the bot slow? The store is filled with finished requests, their deliveries and their keys, as
//! many as `DRONEBOT_MILLION_ROWS` says (default: none, a hundred thousand, a million), and the bot is measured on each:
//! its start, its acknowledgements and answers, its memory. Each command must be answered by *Pong*, once, and be in the
//! journal at the end. `cargo bench --bench million` prints a table.
//! `DRONEBOT_PROGRAM` is another bot than that of this build.
#![expect(clippy::print_stdout, reason = "a benchmark prints its table")]
#![expect(clippy::disallowed_methods, reason = "a benchmark measures wall time, outside of the bot")]
#![expect(clippy::unwrap_used, reason = "a benchmark that cannot run must say so at once")]

#[allow(dead_code, unused_imports, reason = "shared with the other benchmarks")]
mod support;

use actix_web::web::Data;
use rusqlite::{Connection, params};
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use support::{
    Bot, Door, Folder, Journal, Line, Log, Slack, channel, look_late, micros, percentile, person, run, unpaced,
};

const STARTS: usize = 3;
const ONE: usize = 2_000;
const MANY: usize = 10_000;
const PEOPLE: usize = 200;
const CHANNELS: usize = 2_003;

/// The past lies within these days: long enough ago to be past, and not so long that it is forgotten.
const DAYS: u64 = 6;

fn ping(number: usize) -> Line {
    let (user, channel) = (person(number % PEOPLE), channel(number % CHANNELS));
    Line { door: Door::Slash, user, channel, text: "ping" }
}

/// What was measured with one past.
struct Figures {
    rows: u64,
    /// The first start after the store was filled, which may have to catch up.
    first: Duration,
    start: Duration,
    ack: [Duration; 2],
    answer: [Duration; 2],
    ack_many: [Duration; 2],
    rate: f64,
    idle: f64,
    peak: f64,
    file: f64,
}

struct Place {
    slack: Data<Slack>,
    ups: Receiver<Instant>,
    folder: Folder,
}

impl Place {
    /// A start, to the first answer.
    fn start(&self) -> (Bot, Duration) {
        let bot = Bot::start(self.slack.base(), &self.folder, &Log::Pipe, &unpaced());
        self.ups.recv_timeout(Duration::from_secs(120)).expect("the bot connects");
        run(&self.slack, 1, 1);
        let took = bot.started.elapsed();
        (bot, took)
    }

    fn stop(&self, bot: Bot) {
        assert!(bot.stop().success());
        self.slack.forget_links();
        while self.ups.try_recv().is_ok() {}
    }

    fn measure(&self, rows: u64) -> Figures {
        let from = self.slack.book().count();
        self.folder.empty();
        // the bot itself makes the schema
        let (bot, _) = self.start();
        self.stop(bot);
        fill(&mut Connection::open(self.folder.store()).unwrap(), rows);
        let (bot, first) = self.start();
        self.stop(bot);
        let mut starts: Vec<Duration> = (0..STARTS)
            .map(|_| {
                let (bot, took) = self.start();
                self.stop(bot);
                took
            })
            .collect();
        starts.sort();
        let (bot, _) = self.start();
        let idle = bot.memory("VmRSS");
        let one = run(&self.slack, ONE, 1);
        let many = run(&self.slack, MANY, 50);
        let peak = bot.memory("VmHWM");
        let file = self.folder.store_size() as f64 / f64::from(1 << 20);
        look_late(&self.slack, from);
        self.stop(bot);
        let asked = self.slack.book().count() - from;
        Journal::of(&self.folder).assert_holds(usize::try_from(rows).unwrap() + asked);
        let two = |times: &[Duration]| [percentile(times, 0.5), percentile(times, 0.99)];
        Figures {
            rows,
            first,
            start: percentile(&starts, 0.5),
            ack: two(&one.ack),
            answer: two(&one.answer),
            ack_many: two(&many.ack),
            rate: many.rate(),
            idle,
            peak,
            file,
        }
    }
}

/// Puts finished requests into the store, as the bot leaves them: a third were mentions with three keys, the others slash
/// commands with two.
fn fill(connection: &mut Connection, rows: u64) {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as u64;
    let begin = now - DAYS * 24 * 3_600_000;
    // what the bot itself told of a ping
    let told = "SELECT seq, body FROM audit WHERE request = (SELECT request FROM audit LIMIT 1) ORDER BY seq";
    let history: Vec<(i64, String)> = {
        let mut told = connection.prepare(told).unwrap();
        told.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap().map(Result::unwrap).collect()
    };
    assert!(!history.is_empty(), "the bot keeps a history");
    let transaction = connection.transaction().unwrap();
    {
        let mut request = transaction
            .prepare(
                "INSERT INTO requests (id, state, attempts, accepted_at, finished_at, source, team, user, channel, text, \
                 place, thread_ts, progress_ts, life) VALUES (?1, 'succeeded', 0, ?2, ?3, ?4, 'T0ACME4EVER', ?5, ?6, 'ping', ?7, ?8, \
                 ?9, 1)",
            )
            .unwrap();
        let mut delivery =
            transaction.prepare("INSERT INTO deliveries (request, at, keys) VALUES (?1, ?2, ?3)").unwrap();
        let mut event =
            transaction.prepare("INSERT INTO audit (request, life, seq, at, body) VALUES (?1, 1, ?2, ?3, ?4)").unwrap();
        for row in 0..rows {
            let at = begin + (now - begin) * row / rows;
            let id = ulid::Ulid::from_parts(at, u128::from(fastrand::u64(..))).to_bytes();
            let nanos = |millis: u64| (millis * 1_000_000).cast_signed();
            let (user, channel) = (person(fastrand::usize(..PEOPLE)), channel(fastrand::usize(..CHANNELS)));
            let uuid = || format!("{:032x}", fastrand::u128(..));
            let ts = format!("{}.{:06}", at / 1_000, row % 1_000_000);
            let is_mention = row % 3 == 0;
            let (source, place, shown) = match is_mention {
                true => ("mention", "thread", Some(&ts)),
                false => ("slash_command", "caller", None),
            };
            let keys = match is_mention {
                true => format!("envelope:{}\nmessage:T0ACME4EVER:{channel}:{ts}\nevent:Ev{}", uuid(), uuid()),
                false => format!("envelope:{}\ntrigger:1338.{row}.{}", uuid(), uuid()),
            };
            request.execute(params![id, nanos(at), nanos(at + 2), source, user, channel, place, shown, shown]).unwrap();
            delivery.execute(params![id, nanos(at), keys]).unwrap();
            for (seq, body) in &history {
                event.execute(params![id, seq, nanos(at), body]).unwrap();
            }
        }
    }
    transaction.commit().unwrap();
}

fn main() {
    let named = std::env::var("DRONEBOT_MILLION_ROWS").ok();
    let sizes: Vec<u64> = match &named {
        Some(list) => list.split(',').map(|rows| rows.trim().parse().unwrap()).collect(),
        None => vec![0, 100_000, 1_000_000],
    };
    let (slack, ups) = Slack::serve(ping, |_| ());
    let place = Place { slack, ups, folder: Folder::new("million") };
    let all: Vec<Figures> = sizes.into_iter().map(|rows| place.measure(rows)).collect();
    let line = |name: &str, unit: &str, value: &dyn Fn(&Figures) -> f64| {
        let values: String = all.iter().map(|figures| format!("{:>12.1}", value(figures))).collect();
        let ratio = all.last().map_or(1.0, value) / all.first().map_or(1.0, value);
        println!("  {name:<34}{values} {unit:<3} x{ratio:.2}");
    };
    println!(
        "\n  {:<34}{}",
        "finished requests in the store",
        all.iter().map(|f| format!("{:>12}", f.rows)).collect::<String>()
    );
    line("first start, to the first answer", "ms", &|f| micros(f.first) / 1e3);
    line("start, to the first answer", "ms", &|f| micros(f.start) / 1e3);
    for (part, name) in [(0, "p50"), (1, "p99")] {
        line(&format!("ack {name}, 1 in flight"), "us", &|f| micros(f.ack[part]));
        line(&format!("answer {name}, 1 in flight"), "us", &|f| micros(f.answer[part]));
        line(&format!("ack {name}, 50 in flight"), "us", &|f| micros(f.ack_many[part]));
    }
    line("commands per second, 50 in flight", "/s", &|f| f.rate);
    line("resident memory, idle", "MiB", &|f| f.idle);
    line("resident memory, peak", "MiB", &|f| f.peak);
    line("store", "MiB", &|f| f.file);
}
