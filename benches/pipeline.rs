//! The whole way of one command, measured from outside: the bot as a process of its own, a driver that plays Slack on
//! loopback, every command journalled, authorized and answered. `cargo bench --bench pipeline` prints a table and
//! writes `target/bench-pipeline.json`.
//!
//! The floor beside it, in the same run: a bare WebSocket echo with one fdatasync. Absolute numbers belong to the
//! machine; the ratio to the floor is the figure to compare.
#![expect(clippy::print_stdout, reason = "a benchmark prints its table")]
#![expect(clippy::disallowed_methods, reason = "a benchmark measures wall time, outside of the bot")]
#![expect(clippy::unwrap_used, reason = "a benchmark that cannot run must say so at once")]

use actix_web::web::{Bytes, Data, Payload, Query};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, rt, web};
use futures_util::{SinkExt, StreamExt};
use parking_lot::Mutex;
use serde_json::json;
use std::collections::HashMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

const STARTS: usize = 5;
const ONE: usize = 3_000;
const MANY: usize = 60_000;
/// A command's number is its series' size times this, plus its place in the series.
const SERIES: usize = 1_000_000;

/// One series of commands.
#[derive(Default)]
struct Series {
    total: usize,
    next: usize,
    sent: Vec<Option<Instant>>,
    ack: Vec<Duration>,
    answer: Vec<Duration>,
    acked: Vec<bool>,
    answered: Vec<bool>,
    twice: usize,
    done: Option<Sender<()>>,
}

/// The Slack of the benchmark.
struct Slack {
    base: Mutex<String>,
    links: Mutex<Vec<(u64, actix_ws::Session)>>,
    series: Mutex<Series>,
    up: Sender<Instant>,
    floor: Mutex<Floor>,
}

#[derive(Default)]
struct Floor {
    session: Option<actix_ws::Session>,
    left: usize,
    sent: Option<Instant>,
    times: Vec<Duration>,
    done: Option<Sender<()>>,
}

impl Slack {
    fn envelope(&self, index: usize) -> String {
        let base = self.base.lock().clone();
        format!(
            "{{\"envelope_id\":\"e-{index}\",\"type\":\"slash_commands\",\"accepts_response_payload\":true,\"payload\":{{\
             \"token\":\"t\",\"team_id\":\"T1\",\"team_domain\":\"d\",\"channel_id\":\"C1\",\"channel_name\":\"ops\",\
             \"user_id\":\"U1\",\"user_name\":\"maya\",\"command\":\"/drone\",\"text\":\"ping\",\"api_app_id\":\"A1\",\
             \"is_enterprise_install\":\"false\",\"response_url\":\"{base}/respond?n={index}\",\"trigger_id\":\"{base}.{index}\"}}}}"
        )
    }

    async fn send_next(&self) {
        let index = {
            let mut series = self.series.lock();
            if series.next == series.total {
                return;
            }
            series.next += 1;
            series.next - 1
        };
        let text = self.envelope(self.series.lock().total * SERIES + index);
        let mut link = {
            let links = self.links.lock();
            links[index % links.len()].1.clone()
        };
        self.series.lock().sent[index] = Some(Instant::now());
        let _ = link.text(text).await;
    }

    fn acked(&self, number: usize) {
        let mut series = self.series.lock();
        let Some((index, sent)) = series.sent_at(number) else { return };
        if std::mem::replace(&mut series.acked[index], true) {
            return;
        }
        series.ack.push(sent.elapsed());
        series.end_if_complete();
    }

    fn answered(&self, number: usize) {
        let mut series = self.series.lock();
        let Some((index, sent)) = series.sent_at(number) else { return };
        if std::mem::replace(&mut series.answered[index], true) {
            series.twice += 1;
            return;
        }
        series.answer.push(sent.elapsed());
        series.end_if_complete();
    }
}

impl Series {
    fn of(total: usize, done: Sender<()>) -> Self {
        Self {
            total,
            sent: vec![None; total],
            acked: vec![false; total],
            answered: vec![false; total],
            done: Some(done),
            ..Self::default()
        }
    }

    /// A command's place in this series and when it was sent; `None` for one of an earlier series.
    fn sent_at(&self, number: usize) -> Option<(usize, Instant)> {
        let index = number.checked_sub(self.total * SERIES)?;
        Some((index, self.sent.get(index).copied().flatten()?))
    }

    fn end_if_complete(&mut self) {
        if self.ack.len() == self.total
            && self.answer.len() == self.total
            && let Some(done) = self.done.take()
        {
            let _ = done.send(());
        }
    }
}

async fn api(request: HttpRequest, slack: Data<Slack>) -> HttpResponse {
    let base = slack.base.lock().clone();
    let answer = match request.path() {
        "/api/apps.connections.open" => {
            json!({"ok": true, "url": format!("{}/link?ticket=t&app_id=A1", base.replace("http:", "ws:"))})
        }
        "/api/auth.test" => {
            json!({"ok": true, "team_id": "T1", "user_id": "UBOT", "bot_id": "B1", "user": "drone", "team": "t"})
        }
        "/api/users.info" => {
            json!({"ok": true, "user": {"id": "U1", "team_id": "T1", "name": "maya", "profile": {"display_name": "Maya"}}})
        }
        _ => json!({"ok": true, "users": []}),
    };
    HttpResponse::Ok().content_type("application/json").body(answer.to_string())
}

#[derive(serde::Deserialize)]
struct Number {
    n: usize,
}

async fn respond(number: Query<Number>, _: Bytes, slack: Data<Slack>) -> HttpResponse {
    slack.answered(number.n);
    slack.send_next().await;
    HttpResponse::Ok().body("ok")
}

async fn link(request: HttpRequest, body: Payload, slack: Data<Slack>) -> actix_web::Result<HttpResponse> {
    let (response, mut session, mut frames) = actix_ws::handle(&request, body)?;
    rt::spawn(async move {
        let hello = json!({"type": "hello", "num_connections": 2, "debug_info": {"approximate_connection_time": 18060},
            "connection_info": {"app_id": "A1"}});
        let _ = session.text(hello.to_string()).await;
        let number = fastrand::u64(..);
        slack.links.lock().push((number, session.clone()));
        let _ = slack.up.send(Instant::now());
        while let Some(Ok(frame)) = frames.recv().await {
            match frame {
                actix_ws::Message::Text(text) => {
                    let index = text.split("\"e-").nth(1).and_then(|rest| rest.split('"').next());
                    if let Some(index) = index.and_then(|index| index.parse::<usize>().ok()) {
                        slack.acked(index);
                    }
                }
                actix_ws::Message::Ping(bytes) => {
                    let _ = session.pong(&bytes).await;
                }
                actix_ws::Message::Close(_) => break,
                _ => (),
            }
        }
        slack.links.lock().retain(|(link, _)| *link != number);
    });
    Ok(response)
}

/// The driver's side of the floor: sends a frame as large as an envelope and waits for its echo.
async fn floor(request: HttpRequest, body: Payload, slack: Data<Slack>) -> actix_web::Result<HttpResponse> {
    let (response, session, mut frames) = actix_ws::handle(&request, body)?;
    slack.floor.lock().session = Some(session.clone());
    let _ = slack.up.send(Instant::now());
    rt::spawn(async move {
        let mut session = session;
        while let Some(Ok(frame)) = frames.recv().await {
            if !matches!(frame, actix_ws::Message::Text(_)) {
                continue;
            }
            let again = {
                let mut floor = slack.floor.lock();
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
                let text = slack.envelope(0);
                slack.floor.lock().sent = Some(Instant::now());
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

fn serve() -> (String, Data<Slack>, Receiver<Instant>) {
    let (up, ups) = channel();
    let slack = Data::new(Slack {
        base: Mutex::default(),
        links: Mutex::default(),
        series: Mutex::default(),
        up,
        floor: Mutex::default(),
    });
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    *slack.base.lock() = base.clone();
    let shared = slack.clone();
    std::thread::spawn(move || {
        let app = move || {
            App::new()
                .app_data(shared.clone())
                .route("/link", web::get().to(link))
                .route("/floor", web::get().to(floor))
                .route("/respond", web::post().to(respond))
                .default_service(web::to(api))
        };
        let server = HttpServer::new(app).workers(1).disable_signals().listen(listener).unwrap();
        rt::System::new().block_on(server.run()).unwrap();
    });
    (base, slack, ups)
}

/// The bot of this build, or another one to compare with.
fn program() -> std::ffi::OsString {
    std::env::var_os("DRONEBOT_BENCH_PROGRAM").unwrap_or_else(|| env!("CARGO_BIN_EXE_dronebot").into())
}

struct Bot {
    child: Child,
    started: Instant,
}

impl Bot {
    fn start(base: &str, folder: &Path) -> Self {
        let started = Instant::now();
        let child = Command::new(program())
            .env_clear()
            .env("DRONEBOT__SLACK__API_URL", format!("{base}/api"))
            .env("DRONEBOT__SLACK__APP_TOKEN", "xapp-bench")
            .env("DRONEBOT__SLACK__BOT_TOKEN", "xoxb-bench")
            .env("DRONEBOT__STORE__PATH", folder.join("bench.db"))
            .env("DRONEBOT__HEALTH__LISTEN", "127.0.0.1:0")
            .env("DRONEBOT__LOG__FILTER", "warn")
            .env("AWS_REGION", "eu-central-1")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap();
        Self { child, started }
    }

    fn proc(&self, file: &str) -> String {
        std::fs::read_to_string(format!("/proc/{}/{file}", self.child.id())).unwrap_or_default()
    }

    /// User and system time so far.
    fn cpu(&self) -> Duration {
        let stat = self.proc("stat");
        let after = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect::<Vec<_>>();
        let ticks: u64 = after[11].parse::<u64>().unwrap() + after[12].parse::<u64>().unwrap();
        Duration::from_millis(ticks * 10)
    }

    fn memory(&self, field: &str) -> f64 {
        let status = self.proc("status");
        let line = status.lines().find(|line| line.starts_with(field)).unwrap_or_default();
        line.split_whitespace().nth(1).and_then(|kb| kb.parse::<f64>().ok()).unwrap_or_default() / 1024.0
    }
}

impl Drop for Bot {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn run(slack: &Data<Slack>, total: usize, in_flight: usize) -> (Vec<Duration>, Vec<Duration>, Duration) {
    let (done, finished) = channel();
    *slack.series.lock() = Series::of(total, done);
    let begun = Instant::now();
    let system = rt::System::new();
    for _ in 0..in_flight {
        system.block_on(slack.send_next());
    }
    finished.recv_timeout(Duration::from_secs(120)).expect("the bot answers every command");
    let took = begun.elapsed();
    let mut series = slack.series.lock();
    assert_eq!(series.twice, 0, "no command is answered twice");
    let mut ack = std::mem::take(&mut series.ack);
    let mut answer = std::mem::take(&mut series.answer);
    ack.sort();
    answer.sort();
    (ack, answer, took)
}

fn percentile(sorted: &[Duration], part: f64) -> Duration {
    let index = ((sorted.len() as f64 - 1.0) * part).round() as usize;
    sorted.get(index).copied().unwrap_or_default()
}

fn micros(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e7).round() / 10.0
}

fn measure_floor(base: &str, slack: &Data<Slack>, ups: &Receiver<Instant>, folder: &Path) -> Vec<Duration> {
    echo(base, folder.join("floor.bin"));
    ups.recv_timeout(Duration::from_secs(10)).expect("the echo connects");
    let (done, finished) = channel();
    let mut session = {
        let mut floor = slack.floor.lock();
        floor.left = ONE;
        floor.done = Some(done);
        floor.sent = Some(Instant::now());
        floor.session.clone().unwrap()
    };
    rt::System::new().block_on(async { session.text(slack.envelope(0)).await.unwrap() });
    finished.recv_timeout(Duration::from_secs(120)).expect("the echo answers");
    let mut times = std::mem::take(&mut slack.floor.lock().times);
    times.sort();
    times
}

fn main() {
    let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("target");
    let folder = target.join(format!("bench-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let (base, slack, ups) = serve();

    let mut starts = Vec::new();
    for _ in 0..STARTS {
        let bot = Bot::start(&base, &folder);
        ups.recv_timeout(Duration::from_secs(20)).expect("the bot connects");
        run(&slack, 1, 1);
        starts.push(bot.started.elapsed());
        drop(bot);
        slack.links.lock().clear();
        while ups.try_recv().is_ok() {}
        let _ = std::fs::remove_file(folder.join("bench.db"));
        let _ = std::fs::remove_file(folder.join("bench.db-wal"));
    }
    starts.sort();

    let floor = measure_floor(&base, &slack, &ups, &folder);

    let bot = Bot::start(&base, &folder);
    for _ in 0..2 {
        ups.recv_timeout(Duration::from_secs(20)).expect("the bot connects twice");
    }
    run(&slack, 1, 1);
    let idle = bot.memory("VmRSS");
    let (ack_one, answer_one, _) = run(&slack, ONE, 1);
    let before = bot.cpu();
    let (ack_many, answer_many, took) = run(&slack, MANY, 50);
    let cpu = (bot.cpu() - before).as_secs_f64() * 1e6 / MANY as f64;
    let peak = bot.memory("VmHWM");
    drop(bot);
    let _ = std::fs::remove_dir_all(&folder);

    let rate = MANY as f64 / took.as_secs_f64();
    let ratio = percentile(&ack_one, 0.5).as_secs_f64() / percentile(&floor, 0.5).as_secs_f64();
    let rows: Vec<(&str, f64, &str)> = vec![
        ("start to first answer (median of 5)", micros(percentile(&starts, 0.5)) / 1000.0, "ms"),
        ("floor: echo + fdatasync, p50", micros(percentile(&floor, 0.5)), "us"),
        ("floor: echo + fdatasync, p99", micros(percentile(&floor, 0.99)), "us"),
        ("ack p50, 1 in flight", micros(percentile(&ack_one, 0.5)), "us"),
        ("ack p99, 1 in flight", micros(percentile(&ack_one, 0.99)), "us"),
        ("ack p50 / floor p50", (ratio * 100.0).round() / 100.0, "x"),
        ("answer p50, 1 in flight", micros(percentile(&answer_one, 0.5)), "us"),
        ("answer p99, 1 in flight", micros(percentile(&answer_one, 0.99)), "us"),
        ("ack p50, 50 in flight", micros(percentile(&ack_many, 0.5)), "us"),
        ("ack p99, 50 in flight", micros(percentile(&ack_many, 0.99)), "us"),
        ("answer p50, 50 in flight", micros(percentile(&answer_many, 0.5)), "us"),
        ("answer p99, 50 in flight", micros(percentile(&answer_many, 0.99)), "us"),
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
    let report = target.join("bench-pipeline.json");
    std::fs::write(&report, serde_json::to_string_pretty(&figures).unwrap()).unwrap();
    println!("\n  written to {}", report.display());
}
