//! Many commands for a long time, with faults: does anything grow? The bot is a process of its own, its store a SQLite
//! file; the driver plays Slack, gives 50 commands a second whether they are answered or not, and breaks links, doubles
//! deliveries and refuses calls. At the end the quarters of the time are compared, and it fails when memory, file
//! descriptors, threads or latency grew, when any command was answered not at all or twice, or when too few were taken or
//! answered with what was asked.
//!
//! `cargo bench --bench soak` takes an hour. `DRONEBOT_SOAK_SECONDS`, `DRONEBOT_SOAK_RATE` and `DRONEBOT_SOAK_SEED` choose
//! another run; `DRONEBOT_PROGRAM` is another bot than that of this build.
#![expect(clippy::print_stdout, reason = "a benchmark prints its table")]
#![expect(clippy::disallowed_methods, reason = "a benchmark measures wall time, outside of the bot")]
#![expect(clippy::unwrap_used, reason = "a benchmark that cannot run must say so at once")]

#[path = "soak/judge.rs"]
mod judge;
#[path = "soak/load.rs"]
mod load;
#[path = "soak/verdict.rs"]
mod verdict;

#[allow(dead_code, unused_imports, reason = "shared with the other benchmarks")]
mod support;

use actix_web::rt;
use actix_web::web::Data;
use load::Fault;
use parking_lot::Mutex;
use std::fs::File;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::FileExt;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};
use support::{Bot, Folder, Log, Slack, percentile};
use verdict::{Sample, Soak};

/// How often the process is looked at.
const EVERY: Duration = Duration::from_secs(10);

/// How long what is on its way at the end may take: the courier's longest pause between two attempts, twice.
const REST: Duration = Duration::from_secs(120);

/// How long after that it is looked whether an answer came twice.
const LATE: Duration = Duration::from_secs(2);

/// What is chosen by the environment.
struct Choice {
    time: Duration,
    rate: f64,
    seed: u64,
}

fn choice() -> Choice {
    let number = |name: &str| std::env::var(name).ok().and_then(|value| value.parse::<u64>().ok());
    Choice {
        time: Duration::from_secs(number("DRONEBOT_SOAK_SECONDS").unwrap_or(3_600).max(40)),
        rate: number("DRONEBOT_SOAK_RATE").unwrap_or(50).max(1) as f64,
        seed: number("DRONEBOT_SOAK_SEED").unwrap_or_else(|| fastrand::u64(..1 << 32)),
    }
}

fn settings(base: &str) -> Vec<(&'static str, String)> {
    let more = [
        ("DRONEBOT__GROUPS__VIEWERS__USERS", load::people().join(",")),
        ("AWS_ENDPOINT_URL", format!("{base}/aws")),
        ("AWS_ACCESS_KEY_ID", "bench".into()),
        ("AWS_SECRET_ACCESS_KEY", "bench".into()),
    ];
    support::unpaced().into_iter().chain(more).collect()
}

/// What a bare echo takes that writes and syncs what it got, on this machine while it is as busy as it is: what of the
/// latency, and of its growth, is not the bot's.
struct Floor(Arc<Mutex<Vec<(Instant, Duration)>>>);

impl Floor {
    fn start(folder: &Folder) -> Self {
        let (times, file) = (Arc::new(Mutex::new(Vec::new())), File::create(folder.path().join("floor.bin")).unwrap());
        let shared = Arc::clone(&times);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut near = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let mut far = listener.accept().unwrap().0;
        std::thread::spawn(move || {
            let mut frame = [0; 4096];
            while far.read_exact(&mut frame).is_ok() {
                file.write_all_at(&frame, 0).unwrap();
                file.sync_data().unwrap();
                far.write_all(&frame[..64]).unwrap();
            }
        });
        std::thread::spawn(move || {
            loop {
                let begun = Instant::now();
                near.write_all(&[7; 4096]).unwrap();
                near.read_exact(&mut [0; 64]).unwrap();
                shared.lock().push((begun, begun.elapsed()));
                std::thread::sleep(Duration::from_millis(100));
            }
        });
        Self(times)
    }
}

/// Looks at the process until the time is over, or it ended.
fn watch(bot: &mut Bot, slack: &Slack, folder: &Folder, begun: Instant, time: Duration, log: &mut File) -> Vec<Sample> {
    let mut samples = Vec::new();
    let mut window = 0;
    writeln!(
        log,
        "seconds,commands,rss_mib,anon_mib,fds,tasks,file_mib,ack_p50_us,ack_p99_us,answer_p50_us,answer_p99_us"
    )
    .unwrap();
    while begun.elapsed() < time && bot.ended().is_none() {
        std::thread::sleep(EVERY.min(time.saturating_sub(begun.elapsed())));
        let sample = Sample::of(bot, slack, folder, begun);
        // those of the ten seconds before, as the newest are still on their way
        let until = samples.last().map_or(0, |last: &Sample| last.commands);
        let (ack, answer) = verdict::latencies(&slack.book().told(window..until));
        window = until;
        let micros = |times: &[Duration], part| percentile(times, part).as_micros();
        let line = format!(
            "{:.0},{},{:.2},{:.2},{},{},{:.1},{},{},{},{}",
            sample.at.as_secs_f64(),
            sample.commands,
            sample.rss,
            sample.anon,
            sample.fds,
            sample.tasks,
            sample.file,
            micros(&ack, 0.5),
            micros(&ack, 0.99),
            micros(&answer, 0.5),
            micros(&answer, 0.99),
        );
        writeln!(log, "{line}").unwrap();
        if samples.len() % 6 == 0 {
            println!("  {line}");
        }
        samples.push(sample);
    }
    samples
}

/// Waits until every command that was taken is answered.
fn rest(slack: &Slack) {
    let begun = Instant::now();
    let waits =
        || slack.book().told(0..slack.book().count()).iter().any(|told| told.acked.is_some() && told.shown == 0);
    while waits() && begun.elapsed() < REST {
        std::thread::sleep(Duration::from_millis(200));
    }
    // and whether one comes twice
    std::thread::sleep(LATE);
}

fn main() -> ExitCode {
    let Choice { time, rate, seed } = choice();
    let folder = Folder::new("soak");
    let report = support::target().join("bench-soak.csv");
    let (slack, ups) = Slack::serve(load::line, |_| ());
    let floor = Floor::start(&folder);
    let mut bot = Bot::start(slack.base(), &folder, &Log::File, &settings(slack.base()));
    let up = |ups: &Receiver<Instant>| ups.recv_timeout(Duration::from_secs(60)).expect("the bot connects");
    up(&ups);
    up(&ups);
    println!("soak: {}s of {rate} commands a second, seed {seed}, pid {}", time.as_secs(), bot.pid());
    println!("  seconds,commands,rss_mib,anon_mib,fds,tasks,file_mib,ack p50,p99,answer p50,p99 (us)");
    let begun = Instant::now();
    let driver = drive(&slack, begun + time, rate, seed);
    let mut log = File::create(&report).unwrap();
    let samples = watch(&mut bot, &slack, &folder, begun, time, &mut log);
    let ended_early = bot.ended();
    let faults = if ended_early.is_none() { driver.join().unwrap() } else { Vec::new() };
    rest(&slack);
    let ended = ended_early.unwrap_or_else(|| bot.stop());
    let floor = std::mem::take(&mut *floor.0.lock());
    let told = slack.book().told(0..slack.book().count());
    let soak = Soak { begun, time, told, samples, floor, faults };
    let failures = soak.judge(&folder, ended);
    println!("\n  every {}s in {}; what the bot logged in bench-bot.log beside it", EVERY.as_secs(), report.display());
    for failure in &failures {
        println!("  FAILED: {failure}");
    }
    if failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Gives the load and the faults, on a thread of its own; what was broken.
fn drive(slack: &Data<Slack>, until: Instant, rate: f64, seed: u64) -> std::thread::JoinHandle<Vec<Fault>> {
    let slack = slack.clone();
    std::thread::spawn(move || {
        rt::System::new().block_on(async move {
            let load = load::give(&slack, until, rate, seed);
            let faults = load::break_things(&slack, until, seed);
            let ((), faults) = futures_util::join!(load, faults);
            faults
        })
    })
}
