//! The Slack of the benchmarks: Socket Mode links, the few Web API methods that the bot calls, response_urls, and an EC2
//! that lists three instances. It notes when each command was sent, acknowledged and answered, and breaks what it is told
//! to break.

use super::lines::{self, Line};
use actix_web::web::{Bytes, Data, Payload, Query, ServiceConfig};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, rt, web};
use parking_lot::Mutex;
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::ops::Range;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};
use tokio::sync::Notify;

/// For so long Slack goes on to send on a link that is dead, because it does not know.
const UNAWARE: Duration = Duration::from_secs(1);

/// So many threads are kept, for the bot to look for its messages in.
const THREADS: usize = 20_000;

/// What is known of a command.
#[derive(Clone, Copy, Debug)]
pub struct Told {
    /// When it was sent first.
    pub sent: Instant,
    pub acked: Option<Duration>,
    pub answered: Option<Duration>,
    /// How many messages show an answer to it.
    pub shown: usize,
    /// When the newest of them came.
    pub shown_last: Option<Duration>,
    /// What happened to the last attempt at an answer that something happened to.
    pub trouble: Option<Trouble>,
    /// Whether a fault met it, so that its times say nothing of the bot's speed.
    pub hurt: bool,
}

/// How one Socket Mode link is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    Up,
    /// The bot was asked to make another one.
    Leaving,
    /// Half open since then: nothing passes, and nobody is told.
    Deaf(Instant),
}

struct Open {
    id: u64,
    session: actix_ws::Session,
    link: Link,
    cut: Arc<Notify>,
}

/// What happens to one HTTP call.
#[derive(Clone, Copy, Debug)]
pub enum Trouble {
    /// It is refused with 503.
    Unavailable,
    /// It is refused with 429 and this many seconds to wait.
    TooMany(u64),
    /// It is answered this much later.
    Hang(Duration),
    /// It is done, and its answer is lost.
    Lose,
}

#[derive(Default)]
struct Book {
    told: Vec<Told>,
    series: Option<Series>,
    /// Messages by the command in whose thread they are: `ts` and metadata.
    threads: BTreeMap<usize, Vec<(String, Value)>>,
    posted: usize,
    /// Answers that say that something could not be done.
    sorry: usize,
    /// Commands sent before this time are met by a fault that meets all.
    hurt_until: Option<Instant>,
}

/// A closed loop.
struct Series {
    range: Range<usize>,
    open: usize,
    done: Sender<()>,
}

impl Book {
    fn acked(&mut self, number: usize) {
        let Some(told) = self.told.get_mut(number).filter(|told| told.acked.is_none()) else { return };
        told.acked = Some(told.sent.elapsed());
        self.came(number);
    }

    /// An answer is shown; `replaces`: in the place of what was shown before.
    fn answered(&mut self, number: usize, replaces: bool) {
        let hurt = self.hurt_until.is_some_and(|until| Instant::now() < until);
        let Some(told) = self.told.get_mut(number) else { return };
        told.hurt |= hurt;
        if !(replaces && told.shown > 0) {
            told.shown += 1;
            told.shown_last = Some(told.sent.elapsed());
        }
        if told.answered.is_none() {
            told.answered = Some(told.sent.elapsed());
            self.came(number);
        }
    }

    fn hurt(&mut self, number: usize, trouble: Option<Trouble>) {
        if let Some(told) = self.told.get_mut(number) {
            told.hurt = true;
            told.trouble = trouble.or(told.trouble);
        }
    }

    fn came(&mut self, number: usize) {
        if let Some(series) = self.series.as_mut().filter(|series| series.range.contains(&number)) {
            series.open -= 1;
            if series.open == 0 {
                let _ = series.done.send(());
            }
        }
    }
}

pub struct Slack {
    base: String,
    line: fn(usize) -> Line,
    links: Mutex<Vec<Open>>,
    book: Mutex<Book>,
    troubles: Mutex<HashMap<&'static str, VecDeque<Trouble>>>,
    up: Sender<Instant>,
}

impl Slack {
    /// Serves it, on a thread of its own: its address, itself, and when each link was up.
    pub fn serve(
        line: fn(usize) -> Line,
        more: impl Fn(&mut ServiceConfig) + Clone + Send + 'static,
    ) -> (Data<Self>, Receiver<Instant>) {
        let (up, ups) = channel();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let slack = Data::new(Self {
            base,
            line,
            links: Mutex::default(),
            book: Mutex::default(),
            troubles: Mutex::default(),
            up,
        });
        let shared = slack.clone();
        std::thread::spawn(move || {
            let app = move || {
                App::new()
                    .app_data(shared.clone())
                    .configure(more.clone())
                    .route("/link", web::get().to(link))
                    .route("/respond", web::post().to(respond))
                    .route("/aws", web::post().to(aws))
                    .route("/aws/", web::post().to(aws))
                    .route("/api/{method}", web::post().to(api))
            };
            let server = HttpServer::new(app).workers(1).disable_signals().listen(listener).unwrap();
            rt::System::new().block_on(server.run()).unwrap();
        });
        (slack, ups)
    }

    pub fn base(&self) -> &str {
        &self.base
    }

    /// How many commands there were.
    pub fn count(&self) -> usize {
        self.book.lock().told.len()
    }

    pub fn told(&self, range: Range<usize>) -> Vec<Told> {
        self.book.lock().told[range].to_vec()
    }

    /// How many answers say that something could not be done.
    pub fn sorry(&self) -> usize {
        self.book.lock().sorry
    }

    pub fn line(&self, number: usize) -> Line {
        (self.line)(number)
    }

    /// The next `total` commands are a closed loop, whose end is told.
    pub fn begin(&self, total: usize) -> Receiver<()> {
        let (done, finished) = channel();
        let mut book = self.book.lock();
        let from = book.told.len();
        book.series = Some(Series { range: from..from + total, open: 2 * total, done });
        finished
    }

    /// Sends the next command of the closed loop, if it has one.
    pub async fn send_next(&self) {
        let number = {
            let mut book = self.book.lock();
            let number = book.told.len();
            if !book.series.as_ref().is_some_and(|series| series.range.contains(&number)) {
                return;
            }
            book.tell()
        };
        self.first(number).await;
    }

    /// Sends a new command; its number.
    pub async fn send(&self) -> usize {
        let number = self.book.lock().tell();
        self.first(number).await;
        number
    }

    async fn first(&self, number: usize) {
        let envelope = self.line(number).envelope(&self.base, number, 0, 0);
        self.book.lock().told[number].sent = Instant::now();
        self.write(number, envelope).await;
    }

    /// Sends a command again: as the same envelope, or as another copy of it.
    pub async fn deliver(&self, number: usize, copy: usize, attempt: usize) {
        let envelope = self.line(number).envelope(&self.base, number, copy, attempt);
        self.write(number + copy, envelope).await;
    }

    /// Sends on one of the links, each in its turn.
    async fn write(&self, turn: usize, envelope: String) {
        let session = {
            let links = self.links.lock();
            let usable = |open: &&Open| match open.link {
                Link::Up => true,
                Link::Leaving => false,
                Link::Deaf(since) => since.elapsed() < UNAWARE,
            };
            let usable: Vec<&Open> = links.iter().filter(usable).collect();
            match usable.get(turn % usable.len().max(1)) {
                Some(open) if open.link == Link::Up => open.session.clone(),
                // sent into the void
                _ => return,
            }
        };
        let mut session = session;
        let _ = session.text(envelope).await;
    }

    /// A fault met this command.
    pub fn hurt(&self, number: usize) {
        self.book.lock().hurt(number, None);
    }

    /// A fault meets every command that is answered within this time.
    pub fn hurt_all_for(&self, time: Duration) {
        self.book.lock().hurt_until = Some(Instant::now() + time);
    }

    /// The next calls of this kind (`respond`, or a method of the Web API) go wrong.
    pub fn trouble(&self, call: &'static str, trouble: Trouble, times: usize) {
        self.troubles.lock().entry(call).or_default().extend(std::iter::repeat_n(trouble, times));
    }

    fn next_trouble(&self, call: &str) -> Option<Trouble> {
        self.troubles.lock().get_mut(call)?.pop_front()
    }

    /// No more faults.
    pub fn heal(&self) {
        self.troubles.lock().clear();
    }

    /// The links by their numbers, oldest first.
    pub fn links(&self) -> Vec<(u64, Link)> {
        self.links.lock().iter().map(|open| (open.id, open.link)).collect()
    }

    /// Takes no link for open any more: the bot is gone.
    pub fn forget_links(&self) {
        self.links.lock().clear();
    }

    /// The link's end, without a word.
    pub fn reset(&self, id: u64) {
        if let Some(open) = self.links.lock().iter().find(|open| open.id == id) {
            open.cut.notify_one();
        }
    }

    /// Nothing passes on the link any more, and nobody is told.
    pub fn deafen(&self, id: u64) {
        self.set(id, Link::Deaf(Instant::now()));
    }

    /// Slack's own refresh: the bot is asked to make another link. [`Slack::reset`] ends the old one.
    pub async fn refresh(&self, id: u64) {
        self.set(id, Link::Leaving);
        let session = self.links.lock().iter().find(|open| open.id == id).map(|open| open.session.clone());
        if let Some(mut session) = session {
            let _ = session.text(json!({"type": "disconnect", "reason": "refresh_requested"}).to_string()).await;
        }
    }

    fn set(&self, id: u64, link: Link) {
        if let Some(open) = self.links.lock().iter_mut().find(|open| open.id == id) {
            open.link = link;
        }
    }

    fn is_deaf(&self, id: u64) -> bool {
        self.links.lock().iter().any(|open| open.id == id && matches!(open.link, Link::Deaf(_)))
    }
}

impl Book {
    fn tell(&mut self) -> usize {
        self.told.push(Told {
            sent: Instant::now(),
            acked: None,
            answered: None,
            shown: 0,
            shown_last: None,
            trouble: None,
            hurt: false,
        });
        self.told.len() - 1
    }
}

async fn link(request: HttpRequest, body: Payload, slack: Data<Slack>) -> actix_web::Result<HttpResponse> {
    let (response, mut session, mut frames) = actix_ws::handle(&request, body)?;
    rt::spawn(async move {
        let hello = json!({"type": "hello", "num_connections": 2, "debug_info": {"approximate_connection_time": 18060},
            "connection_info": {"app_id": "A1"}});
        let _ = session.text(hello.to_string()).await;
        let (id, cut) = (fastrand::u64(..), Arc::new(Notify::new()));
        slack.links.lock().push(Open { id, session: session.clone(), link: Link::Up, cut: Arc::clone(&cut) });
        let _ = slack.up.send(Instant::now());
        loop {
            let frame = tokio::select! {
                frame = frames.recv() => frame,
                () = cut.notified() => break,
            };
            let Some(Ok(frame)) = frame else { break };
            match frame {
                _ if slack.is_deaf(id) => {}
                actix_ws::Message::Text(text) => {
                    if let Some(number) = lines::acked(&text) {
                        slack.book.lock().acked(number);
                    }
                }
                actix_ws::Message::Ping(bytes) => {
                    let _ = session.pong(&bytes).await;
                }
                actix_ws::Message::Close(_) => break,
                _ => (),
            }
        }
        slack.links.lock().retain(|open| open.id != id);
    });
    Ok(response)
}

#[derive(serde::Deserialize)]
struct Number {
    n: usize,
}

async fn respond(number: Query<Number>, body: Bytes, slack: Data<Slack>) -> HttpResponse {
    let number = number.n;
    let text = String::from_utf8_lossy(&body);
    let trouble = slack.next_trouble("respond");
    if trouble.is_some() {
        slack.book.lock().hurt(number, trouble);
    }
    match trouble {
        Some(Trouble::Unavailable) => return HttpResponse::ServiceUnavailable().finish(),
        Some(Trouble::TooMany(seconds)) => {
            slack.hurt_all_for(Duration::from_secs(seconds + 2));
            return HttpResponse::TooManyRequests().insert_header(("Retry-After", seconds.to_string())).finish();
        }
        Some(Trouble::Hang(time)) => rt::time::sleep(time).await,
        Some(Trouble::Lose) | None => {}
    }
    {
        let mut book = slack.book.lock();
        book.answered(number, text.contains("\"replace_original\":true"));
        book.sorry += usize::from(text.contains("could not"));
    }
    slack.send_next().await;
    // what stands between the bot and Slack may say anything
    HttpResponse::Ok().body(if matches!(trouble, Some(Trouble::Lose)) { "<html></html>" } else { "ok" })
}

async fn api(request: HttpRequest, body: Bytes, slack: Data<Slack>) -> HttpResponse {
    let method = request.match_info().query("method").to_owned();
    let text = String::from_utf8_lossy(&body);
    let trouble = slack.next_trouble(&method);
    let thread = || serde_json::from_str::<Value>(&text).ok()?["thread_ts"].as_str().and_then(lines::number_of);
    if let (Some(_), "chat.postMessage", Some(number)) = (trouble, method.as_str(), thread()) {
        slack.book.lock().hurt(number, trouble);
    }
    match trouble {
        Some(Trouble::Unavailable) => return HttpResponse::ServiceUnavailable().finish(),
        Some(Trouble::TooMany(seconds)) => {
            slack.hurt_all_for(Duration::from_secs(seconds + 2));
            return HttpResponse::TooManyRequests().insert_header(("Retry-After", seconds.to_string())).finish();
        }
        Some(Trouble::Hang(time)) => {
            if method != "chat.postMessage" {
                slack.hurt_all_for(time + Duration::from_secs(1));
            }
            rt::time::sleep(time).await;
        }
        Some(Trouble::Lose) | None => {}
    }
    let answer = match method.as_str() {
        "apps.connections.open" => {
            let socket = slack.base.replace("http:", "ws:");
            json!({"ok": true, "url": format!("{socket}/link?ticket=t&app_id=A1")})
        }
        "auth.test" => {
            json!({"ok": true, "team_id": "T1", "user_id": "UBOT", "bot_id": "B1", "user": "drone", "team": "t"})
        }
        "users.info" => {
            let user = field(&body, "user");
            json!({"ok": true, "user": {"id": user, "team_id": "T1", "name": "maya", "profile": {"display_name": "Maya"}}})
        }
        "chat.postMessage" => post(&slack, &text),
        "conversations.replies" => replies(&slack, &field(&body, "ts")),
        "chat.update" => {
            let message: Value = serde_json::from_str(&text).unwrap_or_default();
            json!({"ok": true, "channel": message["channel"], "ts": message["ts"]})
        }
        _ => json!({"ok": true, "users": []}),
    };
    match trouble {
        Some(Trouble::Lose) => HttpResponse::Ok().content_type("text/html").body("<html></html>"),
        _ => HttpResponse::Ok().content_type("application/json").body(answer.to_string()),
    }
}

fn field(form: &[u8], name: &str) -> String {
    let found = url::form_urlencoded::parse(form).find(|(key, _)| key == name);
    found.map(|(_, value)| value.into_owned()).unwrap_or_default()
}

/// A message comes into its thread.
fn post(slack: &Slack, text: &str) -> Value {
    let message: Value = serde_json::from_str(text).unwrap_or_default();
    let mut book = slack.book.lock();
    book.posted += 1;
    let ts = format!("1800000000.{:06}", book.posted);
    if let Some(number) = message["thread_ts"].as_str().and_then(lines::number_of) {
        book.threads.entry(number).or_default().push((ts.clone(), message["metadata"].clone()));
        if book.threads.len() > THREADS {
            book.threads.pop_first();
        }
        book.answered(number, false);
        book.sorry += usize::from(text.contains("could not"));
    }
    json!({"ok": true, "channel": message["channel"], "ts": ts})
}

fn replies(slack: &Slack, thread: &str) -> Value {
    let book = slack.book.lock();
    let found = lines::number_of(thread).and_then(|number| book.threads.get(&number));
    let messages: Vec<Value> =
        found.into_iter().flatten().map(|(ts, metadata)| json!({"ts": ts, "metadata": metadata})).collect();
    json!({"ok": true, "messages": messages})
}

/// An EC2 and an STS that know as much as `ec2 list` asks.
async fn aws(body: Bytes) -> HttpResponse {
    let answer = match field(&body, "Action").as_str() {
        "GetCallerIdentity" => {
            "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><GetCallerIdentityResult>\
             <Arn>arn:aws:sts::123456789012:assumed-role/bench/bot</Arn><UserId>A:bot</UserId>\
             <Account>123456789012</Account></GetCallerIdentityResult></GetCallerIdentityResponse>"
                .to_owned()
        }
        "DescribeInstances" => {
            let instance = |number: usize| {
                format!(
                    "<item><instanceId>i-{number:017x}</instanceId><imageId>ami-1</imageId><instanceState><code>16</code>\
                     <name>running</name></instanceState><instanceType>t3.micro</instanceType>\
                     <launchTime>2026-01-01T00:00:00.000Z</launchTime><placement><availabilityZone>eu-central-1a\
                     </availabilityZone></placement><tagSet><item><key>Name</key><value>web-{number}</value></item></tagSet></item>"
                )
            };
            let instances: String = (1..=3).map(instance).collect();
            format!(
                "<DescribeInstancesResponse xmlns=\"http://ec2.amazonaws.com/doc/2016-11-15/\"><requestId>r</requestId>\
                 <reservationSet><item><reservationId>r-1</reservationId><ownerId>123456789012</ownerId><groupSet/>\
                 <instancesSet>{instances}</instancesSet></item></reservationSet></DescribeInstancesResponse>"
            )
        }
        _ => return HttpResponse::BadRequest().finish(),
    };
    HttpResponse::Ok().content_type("text/xml").body(answer)
}
