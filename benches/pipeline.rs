//! The whole way of one command, measured from outside: the bot as a process of its own, a driver that plays Slack on
//! loopback, every command journalled, authorized and answered. `cargo bench --bench pipeline` prints a table and
//! writes `target/bench-pipeline.json`.
//!
//! The floor beside it, in the same run: a bare WebSocket echo with one fdatasync. Absolute numbers belong to the
//! machine; the ratio to the floor is the figure to compare.
#![expect(clippy::print_stdout, reason = "a benchmark prints its table")]
#![expect(clippy::disallowed_methods, reason = "a benchmark measures wall time, outside of the bot")]
#![expect(clippy::unwrap_used, reason = "a benchmark that cannot run must say so at once")]

#[allow(dead_code, unused_imports, reason = "shared with the other benchmarks")]
mod support;

use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse, rt, web};
use futures_util::{SinkExt, StreamExt};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::io::Write;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};
use support::{Bot, Door, Folder, Line, Slack, micros, percentile, run, target};

const STARTS: usize = 5;
const ONE: usize = 3_000;
const MANY: usize = 60_000;

/// Every command is the same: `/drone ping`.
fn ping(_: usize) -> Line {
    Line { door: Door::Slash, user: "U1".into(), channel: "C1".into(), text: "ping" }
}

#[derive(Default)]
struct Floor {
    envelope: String,
    session: Option<actix_ws::Session>,
    left: usize,
    sent: Option<Instant>,
    times: Vec<Duration>,
    done: Option<Sender<()>>,
}

/// The driver's side of the floor: sends a frame as large as an envelope and waits for its echo.
async fn floor(request: HttpRequest, body: Payload, floor: Data<Mutex<Floor>>) -> actix_web::Result<HttpResponse> {
    let (response, session, mut frames) = actix_ws::handle(&request, body)?;
    let up = {
        let mut floor = floor.lock();
        floor.session = Some(session.clone());
        floor.done.take()
    };
    if let Some(up) = up {
        let _ = up.send(());
    }
    rt::spawn(async move {
        let mut session = session;
        while let Some(Ok(frame)) = frames.recv().await {
            if !matches!(frame, actix_ws::Message::Text(_)) {
                continue;
            }
            let again = {
                let mut floor = floor.lock();
                if let Some(sent) = floor.sent.take() {
                    floor.times.push(sent.elapsed());
                }
                floor.left = floor.left.saturating_sub(1);
                if floor.left == 0
                    && let Some(done) = floor.done.take()
                {
                    let _ = done.send(());
                }
                floor.left > 0
            };
            if again {
                let text = floor.lock().envelope.clone();
                floor.lock().sent = Some(Instant::now());
                let _ = session.text(text).await;
            }
        }
    });
    Ok(response)
}

/// The bare echo: a WebSocket client that writes each frame to a file, syncs it, and sends a short frame back.
fn echo(base: &str, file: PathBuf) {
    let url = format!("{}/floor", base.replace("http:", "ws:"));
    std::thread::spawn(move || {
        rt::System::new().block_on(async move {
            let mut file = std::fs::File::create(file).unwrap();
            let (_, mut socket) = awc::Client::builder().finish().ws(url).connect().await.unwrap();
            while let Some(Ok(frame)) = socket.next().await {
                if let awc::ws::Frame::Text(text) = frame {
                    file.write_all(&text).unwrap();
                    file.sync_data().unwrap();
                    socket.send(awc::ws::Message::Text("{\"envelope_id\":\"e-0\"}".into())).await.unwrap();
                }
            }
        });
    });
}

fn measure_floor(slack: &Slack, floor: &Mutex<Floor>, folder: &Folder) -> Vec<Duration> {
    let (up, connected) = channel();
    *floor.lock() = Floor { envelope: ping(0).envelope(slack.base(), 0, 0, 0), done: Some(up), ..Floor::default() };
    echo(slack.base(), folder.path().join("floor.bin"));
    connected.recv_timeout(Duration::from_secs(10)).expect("the echo connects");
    let (done, finished) = channel();
    let (mut session, text) = {
        let mut floor = floor.lock();
        floor.left = ONE;
        floor.done = Some(done);
        floor.sent = Some(Instant::now());
        (floor.session.clone().unwrap(), floor.envelope.clone())
    };
    rt::System::new().block_on(async { session.text(text).await.unwrap() });
    finished.recv_timeout(Duration::from_secs(120)).expect("the echo answers");
    let mut times = std::mem::take(&mut floor.lock().times);
    times.sort();
    times
}

/// Starts with an empty store, to the first answer.
fn measure_starts(slack: &Data<Slack>, ups: &Receiver<Instant>, folder: &Folder) -> Vec<Duration> {
    let mut starts = Vec::new();
    for _ in 0..STARTS {
        let bot = Bot::start(slack.base(), folder, &[]);
        ups.recv_timeout(Duration::from_secs(20)).expect("the bot connects");
        run(slack, 1, 1);
        starts.push(bot.started.elapsed());
        drop(bot);
        slack.forget_links();
        while ups.try_recv().is_ok() {}
        folder.empty();
    }
    starts.sort();
    starts
}

fn main() {
    let folder = Folder::new("bench");
    let floor_data = Data::new(Mutex::new(Floor::default()));
    let shared = floor_data.clone();
    let (slack, ups) = Slack::serve(ping, move |config| {
        config.app_data(shared.clone()).route("/floor", web::get().to(floor));
    });
    let starts = measure_starts(&slack, &ups, &folder);
    let floor = measure_floor(&slack, &floor_data, &folder);

    let bot = Bot::start(slack.base(), &folder, &[]);
    for _ in 0..2 {
        ups.recv_timeout(Duration::from_secs(20)).expect("the bot connects twice");
    }
    run(&slack, 1, 1);
    let idle = bot.memory("VmRSS");
    let one = run(&slack, ONE, 1);
    let before = bot.cpu();
    let many = run(&slack, MANY, 50);
    let cpu = (bot.cpu() - before).as_secs_f64() * 1e6 / MANY as f64;
    let peak = bot.memory("VmHWM");
    drop(bot);

    let rate = MANY as f64 / many.took.as_secs_f64();
    let ratio = percentile(&one.ack, 0.5).as_secs_f64() / percentile(&floor, 0.5).as_secs_f64();
    let rows: Vec<(&str, f64, &str)> = vec![
        ("start to first answer (median of 5)", micros(percentile(&starts, 0.5)) / 1000.0, "ms"),
        ("floor: echo + fdatasync, p50", micros(percentile(&floor, 0.5)), "us"),
        ("floor: echo + fdatasync, p99", micros(percentile(&floor, 0.99)), "us"),
        ("ack p50, 1 in flight", micros(percentile(&one.ack, 0.5)), "us"),
        ("ack p99, 1 in flight", micros(percentile(&one.ack, 0.99)), "us"),
        ("ack p50 / floor p50", (ratio * 100.0).round() / 100.0, "x"),
        ("answer p50, 1 in flight", micros(percentile(&one.answer, 0.5)), "us"),
        ("answer p99, 1 in flight", micros(percentile(&one.answer, 0.99)), "us"),
        ("ack p50, 50 in flight", micros(percentile(&many.ack, 0.5)), "us"),
        ("ack p99, 50 in flight", micros(percentile(&many.ack, 0.99)), "us"),
        ("answer p50, 50 in flight", micros(percentile(&many.answer, 0.5)), "us"),
        ("answer p99, 50 in flight", micros(percentile(&many.answer, 0.99)), "us"),
        ("commands per second, 50 in flight", rate.round(), "/s"),
        ("CPU per command, 50 in flight", (cpu * 10.0).round() / 10.0, "us"),
        ("resident memory, idle", (idle * 10.0).round() / 10.0, "MB"),
        ("resident memory, peak", (peak * 10.0).round() / 10.0, "MB"),
    ];
    println!("\n{} commands, each journalled, authorized and answered\n", MANY + ONE);
    for (name, value, unit) in &rows {
        println!("  {name:<38} {value:>10} {unit}");
    }
    let figures: HashMap<_, _> = rows.iter().map(|(name, value, unit)| (format!("{name} [{unit}]"), value)).collect();
    let report = target().join("bench-pipeline.json");
    std::fs::write(&report, serde_json::to_string_pretty(&figures).unwrap()).unwrap();
    println!("\n  written to {}", report.display());
}
