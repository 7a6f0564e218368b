//! The slot against a Slack that misbehaves.
#![expect(clippy::disallowed_methods, reason = "the slot under test is a task of the test")]

mod acks;
mod dial_timing;
mod dialling;
mod frames;
mod liveness;
mod orders;
mod refresh;
mod stopping;
mod timing;
mod way_out;

use super::*;
use crate::slack::testing::*;
use crate::slack::{Proxy, SlackConfig};
use parking_lot::Mutex;
use secrecy::SecretString;
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::Future;
use std::rc::Rc;
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;

fn config(url: String) -> SlackConfig {
    let millis = Duration::from_millis;
    SlackConfig {
        api_url: url,
        app_token: "xapp-test".into(),
        ping_interval: millis(100),
        idle_timeout: millis(2_000),
        open_timeout: millis(300),
        dial_timeout: millis(300),
        hello_timeout: millis(300),
        write_timeout: millis(500),
        backoff_min: millis(40),
        backoff_max: millis(320),
        stable_after: Duration::ZERO,
        too_many_backoff: millis(200),
        disabled_recheck: millis(300),
        overlap: millis(300),
        close_grace: millis(100),
        stop_grace: millis(200),
        ..SlackConfig::default()
    }
}

/// What the slot says of itself.
struct Recorder {
    phases: mpsc::UnboundedSender<LinkPhase>,
    errors: Mutex<Vec<String>>,
    connections: Mutex<Vec<(u32, u32)>>,
    delivered: Mutex<usize>,
    most_sockets: Mutex<usize>,
    heard: Mutex<usize>,
    /// Everything, with the simulation's time.
    trace: Mutex<Vec<(Duration, String)>>,
}

impl Recorder {
    fn new() -> (Arc<Self>, mpsc::UnboundedReceiver<LinkPhase>) {
        let (phases, seen) = mpsc::unbounded_channel();
        let recorder = Self {
            phases,
            errors: Mutex::default(),
            connections: Mutex::default(),
            delivered: Mutex::default(),
            most_sockets: Mutex::default(),
            heard: Mutex::default(),
            trace: Mutex::default(),
        };
        (Arc::new(recorder), seen)
    }

    fn note(&self, what: &str) {
        if let Some(now) = turmoil::sim_elapsed() {
            self.trace.lock().push((now, what.to_owned()));
        }
    }
}

impl LinkObserver for Recorder {
    fn phase(&self, _: usize, phase: LinkPhase) {
        self.note(phase.as_str());
        let _ = self.phases.send(phase);
    }
    fn heard(&self, _: usize) {
        *self.heard.lock() += 1;
    }
    fn delivered(&self, _: usize) {
        *self.delivered.lock() += 1;
    }
    fn sockets(&self, _: usize, open: usize) -> usize {
        let mut most = self.most_sockets.lock();
        *most = open.max(*most);
        open
    }
    fn connections(&self, _: usize, count: u32, strange: u32) {
        self.connections.lock().push((count, strange));
    }
    fn acked(&self, _: usize, _: Duration) {}
    fn failed(&self, _: usize, error: &str) {
        self.note(error);
        self.errors.lock().push(error.to_owned());
    }
}

type Decide = dyn Fn(Envelope) -> LocalBoxFuture<'static, Disposition>;

struct Sink(Rc<Decide>);

impl EnvelopeSink for Sink {
    fn envelope(&self, envelope: Envelope) -> LocalBoxFuture<'static, Disposition> {
        (self.0)(envelope)
    }
}

fn acks_all(_: Envelope) -> LocalBoxFuture<'static, Disposition> {
    Box::pin(async { Disposition::Ack })
}

/// What the next requests get; later ones succeed.
#[derive(Clone, Default)]
struct Script {
    opens: Rc<RefCell<VecDeque<Action>>>,
    upgrades: Rc<RefCell<VecDeque<Action>>>,
    /// Where tickets lead, if not to the host that gave them.
    link_host: Option<&'static str>,
}

impl Script {
    fn of(opens: impl IntoIterator<Item = Action>, upgrades: impl IntoIterator<Item = Action>) -> Self {
        let deal = |actions: VecDeque<Action>| Rc::new(RefCell::new(actions));
        let (opens, upgrades) = (opens.into_iter().collect(), upgrades.into_iter().collect());
        Self { opens: deal(opens), upgrades: deal(upgrades), link_host: None }
    }

    /// A Slack that hands out a new ticket at each open, and takes each ticket once.
    fn slack(&self) -> impl Fn(&Request) -> Action + 'static {
        let Self { opens, upgrades, link_host } = self.clone();
        let tickets = Cell::new(0);
        let used = RefCell::new(Vec::<String>::new());
        move |request| {
            if request.path() == "/api/apps.connections.open" {
                assert_eq!(request.header("authorization"), Some("Bearer xapp-test"));
                tickets.set(tickets.get() + 1);
                let host = link_host.or(request.header("host")).unwrap_or_default();
                let good = format!(r#"{{"ok":true,"url":"ws://{host}/link/?ticket={}&app_id=a"}}"#, tickets.get());
                return opens.borrow_mut().pop_front().unwrap_or_else(|| answer(good));
            }
            let ticket = request.path().to_owned();
            if used.borrow().contains(&ticket) {
                return status(404, "", "a used ticket came again");
            }
            used.borrow_mut().push(ticket);
            upgrades.borrow_mut().pop_front().unwrap_or(Action::Upgrade)
        }
    }
}

/// A slot with the Slack it talks to.
struct Bench {
    server: Server,
    script: Script,
    recorder: Arc<Recorder>,
    phases: mpsc::UnboundedReceiver<LinkPhase>,
    stop: watch::Sender<bool>,
    end: oneshot::Receiver<SlotEnd>,
    patience: Duration,
}

/// The slot's side of a bench, to be run somewhere.
type Running = LocalBoxFuture<'static, ()>;

impl Bench {
    async fn new() -> Self {
        Self::with(|_| {}, acks_all).await
    }

    async fn tuned(tune: impl FnOnce(&mut SlackConfig)) -> Self {
        Self::with(tune, acks_all).await
    }

    async fn with(
        tune: impl FnOnce(&mut SlackConfig),
        decide: impl Fn(Envelope) -> LocalBoxFuture<'static, Disposition> + 'static,
    ) -> Self {
        Self::scripted([], [], tune, decide).await
    }

    /// `opens` and `upgrades` are what the first requests get.
    async fn scripted(
        opens: impl IntoIterator<Item = Action>,
        upgrades: impl IntoIterator<Item = Action>,
        tune: impl FnOnce(&mut SlackConfig),
        decide: impl Fn(Envelope) -> LocalBoxFuture<'static, Disposition> + 'static,
    ) -> Self {
        let script = Script::of(opens, upgrades);
        let server = Server::start(script.slack()).await;
        let mut config = config(server.url());
        tune(&mut config);
        let (bench, slot) = Self::parts(config, Proxy::default(), decide);
        tokio::task::spawn_local(slot);
        bench(server, script)
    }

    /// What makes the bench when its server is there, and its slot.
    fn parts(
        config: SlackConfig,
        way: Proxy,
        decide: impl Fn(Envelope) -> LocalBoxFuture<'static, Disposition> + 'static,
    ) -> (impl FnOnce(Server, Script) -> Self, Running) {
        let (recorder, phases) = Recorder::new();
        let (stop, stopped) = watch::channel(false);
        let observer: Arc<dyn LinkObserver> = Arc::clone(&recorder) as _;
        let sink: Rc<dyn EnvelopeSink> = Rc::new(Sink(Rc::new(decide)));
        let slot = run_slot(Arc::new(config), Arc::new(way), 0, sink, observer, stopped);
        let (ended, end) = oneshot::channel();
        let running = Box::pin(async move {
            let _ = ended.send(slot.await);
        });
        let assemble = |server: Server, script| {
            let patience = server.patience;
            Self { server, script, recorder, phases, stop, end, patience }
        };
        (assemble, running)
    }

    /// A connection that has said hello.
    async fn up(&mut self) -> Socket {
        let mut socket = self.server.socket().await;
        socket.hello().await;
        self.phase(LinkPhase::Up).await;
        socket
    }

    async fn phase(&mut self, wanted: LinkPhase) {
        let reached = async { while self.phases.recv().await != Some(wanted) {} };
        before(self.patience, wanted.as_str(), reached).await;
    }

    async fn stopped(mut self) -> SlotEnd {
        let _ = self.stop.send(true);
        let end = before(self.patience, "the slot to stop", &mut self.end).await.expect("no panic");
        self.server.deserted().await;
        end
    }

    fn errors(&self) -> String {
        self.recorder.errors.lock().join(" | ")
    }

    fn dials(&self) -> usize {
        self.server.paths().iter().filter(|path| path.ends_with("open")).count()
    }
}

/// Collects everything that is logged on this thread.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    /// Runs a test whose log is collected from this level on.
    fn of(self, level: tracing::Level, test: impl Future<Output = ()>) {
        let subscriber = tracing_subscriber::fmt().with_max_level(level).with_writer(move || self.clone()).finish();
        // with a single subscriber alive, tracing asks whichever thread meets a log line first whether anybody wants it,
        // and remembers the answer: a test beside this one would silence the line for good
        let _second = tracing::Dispatch::new(tracing_subscriber::registry());
        tracing::subscriber::with_default(subscriber, || run(test));
    }

    fn text(&self) -> String {
        String::from_utf8(self.0.lock().clone()).expect("text")
    }
}

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
