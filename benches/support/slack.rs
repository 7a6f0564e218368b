//! The Slack of the benchmarks: Socket Mode links, and the commands that go over them. It breaks what it is told to break;
//! what it hears over HTTP is in `web.rs`, what it has seen in `book.rs`.

use super::book::{Book, Trouble};
use super::lines::{self, Line};
use super::web;
use actix_web::web::{Data, Payload, ServiceConfig};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, rt};
use parking_lot::Mutex;
use serde_json::json;
use std::collections::{HashMap, VecDeque};
use std::ops::Range;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};
use tokio::sync::Notify;

/// For so long Slack goes on to send on a link that is dead, because it does not know.
const UNAWARE: Duration = Duration::from_secs(1);

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

pub struct Slack {
    base: String,
    line: fn(usize) -> Line,
    links: Mutex<Vec<Open>>,
    book: Book,
    troubles: Mutex<HashMap<&'static str, VecDeque<Trouble>>>,
    up: Sender<Instant>,
    /// A command of the closed loop was answered.
    pump: Arc<Notify>,
}

impl Slack {
    /// Serves it, on threads of its own: itself, and when each link was up.
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
            book: Book::default(),
            troubles: Mutex::default(),
            up,
            pump: Arc::default(),
        });
        let shared = slack.clone();
        std::thread::spawn(move || {
            let served = shared.clone();
            let app = move || {
                App::new()
                    .app_data(served.clone())
                    .configure(more.clone())
                    .route("/link", actix_web::web::get().to(link))
                    .configure(web::routes)
            };
            // two threads, as a peer that is faster than the driver would seem slower than it is
            let server = HttpServer::new(app).workers(2).disable_signals().listen(listener).unwrap();
            rt::System::new().block_on(async move {
                rt::spawn(pump(shared));
                server.run().await.unwrap();
            });
        });
        (slack, ups)
    }

    pub fn base(&self) -> &str {
        &self.base
    }

    /// What it has seen.
    pub fn book(&self) -> &Book {
        &self.book
    }

    pub fn line(&self, number: usize) -> Line {
        (self.line)(number)
    }

    /// The next `total` commands are a closed loop, in which `in_flight` are on their way at any time: the range of their
    /// numbers, and when all are acknowledged and answered.
    pub fn begin(&self, total: usize, in_flight: usize) -> (Range<usize>, Receiver<()>) {
        let (done, finished) = channel();
        let range = self.book.begin(total, in_flight, done, Arc::clone(&self.pump));
        self.pump.notify_one();
        (range, finished)
    }

    /// Sends a new command; its number.
    pub async fn send(&self) -> usize {
        let number = self.book.tell();
        let envelope = self.line(number).envelope(&self.base, number, 0, 0);
        self.book.sent(number);
        self.write(number, number, envelope).await;
        number
    }

    /// Sends a command again: as the same envelope, or as another copy of it.
    pub async fn deliver(&self, number: usize, copy: usize, attempt: usize) {
        let envelope = self.line(number).envelope(&self.base, number, copy, attempt);
        self.write(number, number + copy, envelope).await;
    }

    /// Sends on one of the links, each in its turn.
    async fn write(&self, number: usize, turn: usize, envelope: String) {
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
        if session.text(envelope).await.is_ok() {
            self.book.reached(number);
        }
    }

    /// A fault met this command.
    pub fn hurt(&self, number: usize) {
        self.book.hurt(number, None);
    }

    /// The next calls of this kind (`respond`, or a method of the Web API) go wrong.
    pub fn trouble(&self, call: &'static str, trouble: Trouble, times: usize) {
        self.troubles.lock().entry(call).or_default().extend(std::iter::repeat_n(trouble, times));
    }

    pub(super) fn next_trouble(&self, call: &str) -> Option<Trouble> {
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

/// Sends the commands of closed loops. The driver's other thread hears the answers: as many as came meanwhile are replaced
/// at once, in a burst, as by any driver that does not send from within the answer.
async fn pump(slack: Data<Slack>) {
    loop {
        slack.pump.notified().await;
        while let Some(wanted @ 1..) = slack.book.wanted() {
            for _ in 0..wanted {
                slack.send().await;
            }
        }
    }
}

async fn link(request: HttpRequest, body: Payload, slack: Data<Slack>) -> actix_web::Result<HttpResponse> {
    let (response, mut session, mut frames) = actix_ws::handle(&request, body)?;
    rt::spawn(async move {
        let hello = json!({"type": "hello", "num_connections": 2, "debug_info": {"approximate_connection_time": 18060},
            "connection_info": {"app_id": "A0DRONE4OPS"}});
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
                        slack.book.acked(number);
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
