//! The composition root: the only place that names concrete adapters. It lists the supervision tree, in start order,
//! which is the reverse of the walk: the courier first, the connections last.

mod adapters;
mod body;
pub mod doctor;
mod drain;
pub mod history;
mod keeper;
mod parts;
mod policies;
mod reporter;
mod stores;
mod systemd;
mod tokens;

pub use policies::load_policies;
pub use stores::init_store;

use crate::commands::Catalog;
use crate::delivery::Lanes;
use crate::dispatch::policy::Policies;
use crate::dispatch::{Callers, Dispatcher, HeardPlaces, HomeKeeper, HomeParts};
use crate::domain::{Build, VitalsSource};
use crate::execution::Flights;
use crate::health::{self, Board, Metrics};
use crate::intake::{ConnectionParts, OpenLinks, SlackConnection};
use crate::settings::Settings;
use crate::slack::Proxy;
use crate::slack::api::{Pacer, WebApi};
use crate::slack::socket::{LinkBoard, LinkObserver};
use crate::store::{HouseEvent, Store};
use crate::supervision::{
    self, ChildSpec, Handle, Placement, Task, Tree, TreeSpec, Watchdog, WatchdogSpec, WorkerRuntime, exit_when_stuck,
};
use actix_web::dev::ServerHandle;
use body::{BodyParts, BodyWatch};
use drain::Signals;
use futures_util::future::LocalBoxFuture;
use keeper::LeaseKeeper;
use secrecy::ExposeSecret;
use std::sync::Arc;
use std::time::Duration;
use tokens::{TokenKeeper, Tokens};
use tokio::sync::{OnceCell, mpsc, watch};

/// Exit code of a bot that cannot work as it is configured (`EX_CONFIG` of sysexits.h): restarting does not help.
pub const EXIT_CONFIG: u8 = 78;

/// Messages that may wait for one actor: everything in them is in the store too.
const MAILBOX: usize = 16_384;

/// Threads for provider calls.
const WORKER_THREADS: usize = 2;

/// Why the bot ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// It was told to, and has drained.
    Drained,
    /// It was told to twice.
    Hurried,
    /// It cannot work as it is configured; the line says what to do.
    Misconfigured(String),
    /// Restarting actors did not help, or the store has ended.
    Escalated(String),
}

impl End {
    /// The exit code.
    pub fn code(&self) -> u8 {
        match self {
            Self::Drained => 0,
            Self::Hurried => 130,
            Self::Misconfigured(_) => EXIT_CONFIG,
            Self::Escalated(_) => crate::supervision::EXIT_ESCALATED,
        }
    }

    /// Whether nothing has broken. Otherwise what is open dies with this life: it may be what broke it.
    fn is_calm(&self) -> bool {
        match self {
            Self::Drained | Self::Misconfigured(_) => true,
            Self::Hurried | Self::Escalated(_) => false,
        }
    }
}

/// What all actors are built from.
struct House {
    settings: Arc<Settings>,
    store: Store,
    board: Arc<Board>,
    links: Arc<LinkBoard>,
    metrics: Metrics,
    catalog: Arc<Catalog>,
    policies: Arc<Policies>,
    callers: Arc<Callers>,
    web_api: Arc<dyn Fn() -> WebApi + Send + Sync>,
    lanes: Arc<Lanes>,
    flights: Arc<Flights>,
    runtime: WorkerRuntime,
    tokens: Arc<Tokens>,
}

/// The running bot.
struct Running {
    house: House,
    tree: Tree,
    closing: watch::Sender<bool>,
    fatal: mpsc::UnboundedReceiver<String>,
    leave: mpsc::UnboundedReceiver<body::Leave>,
    open: OpenLinks,
    dispatcher: Handle<Dispatcher>,
    server: ServerHandle,
    _watchdog: Watchdog,
    /// Shows the watchdog that this thread turns, also between the actors on it.
    _main_thread: Task<()>,
    /// Tells systemd how it goes, where there is one.
    _systemd: Option<Task<()>>,
}

/// Runs the bot until it ends. Must be called inside an actix system. A boxed future, as of each of the program's tasks: what
/// is awaited in another crate is compiled there once more, and this is everything. The program says which one it is: this library
/// does not know it, so that another commit with the same library does not compile it anew.
pub fn run(settings: Settings, build: Build) -> LocalBoxFuture<'static, End> {
    Box::pin(live(settings, build))
}

async fn live(settings: Settings, build: Build) -> End {
    // from the first moment: one that is told to end while it starts ends as one that runs
    let mut signals = match Signals::listen() {
        Ok(signals) => signals,
        Err(error) => return End::Escalated(format!("signals cannot be heard: {error}")),
    };
    match start(settings, build, &mut signals).await {
        Ok(Some(running)) => drain::until_the_end(running, signals).await,
        Ok(None) => End::Drained,
        Err(line) => End::Misconfigured(line),
    }
}

async fn start(settings: Settings, build: Build, signals: &mut Signals) -> Result<Option<Running>, String> {
    let settings = Arc::new(settings);
    let catalog = Arc::new(Catalog::built_in());
    let policies = Arc::new(load_policies(&settings, &catalog)?);
    for group in policies.unknown_groups() {
        tracing::warn!(group, "policies name a group that the configuration does not have");
    }
    for (so, to_do) in policies.left_open() {
        tracing::warn!(to_do, "{so}");
    }
    let tokens = Arc::new(Tokens::of(&settings));
    tokio::select! {
        first = tokens.first() => first?,
        // AWS may not answer for long, and nothing has begun yet
        () = signals.next() => return Ok(None),
    }
    let store = tokio::select! {
        opened = stores::open(&settings) => opened.map_err(|error| error.to_string())?,
        () = signals.next() => return Ok(None),
    };
    let runtime = WorkerRuntime::new("aws-worker", WORKER_THREADS).map_err(|error| format!("no threads: {error}"))?;
    let metrics = Metrics::install().map_err(|error| error.to_string())?;
    let links = Arc::new(LinkBoard::new(settings.slack.connections));
    let board = adapters::board(build, &settings, &policies, &store, &links);
    let serving = health::serve(Arc::clone(&board), metrics.clone(), settings.health.listen)
        .map_err(|error| error.to_string())?;
    let build = &board.spec().build;
    tracing::info!(
        version = build.version,
        revision = build.revision,
        created = build.created,
        source = build.source,
        policies = policies.hash(),
        probes = %serving.address,
        "dronebot starts"
    );
    supervision::spawn_local_detached("probes", serving.server).detach();
    let proxy = Arc::new(proxy(&settings)?);
    let pacer = Arc::new(Pacer::new(&settings.slack.pacing));
    let web_api = {
        let (settings, proxy) = (Arc::clone(&settings), Arc::clone(&proxy));
        Arc::new(move || WebApi::new(&settings.slack, Arc::clone(&proxy), Arc::clone(&pacer)))
    };
    let callers = Arc::new(Callers::new(settings.execution.stranger_pause()));
    let house = House {
        settings,
        store,
        board,
        links,
        metrics,
        catalog,
        policies,
        callers,
        web_api,
        lanes: Arc::default(),
        flights: Arc::default(),
        runtime,
        tokens,
    };
    grow(house, proxy, serving.handle).await.map(Some)
}

fn proxy(settings: &Settings) -> Result<Proxy, String> {
    let https_proxy = settings.proxy.https_proxy.as_ref().map(|address| address.expose_secret());
    Proxy::for_config(&settings.slack, https_proxy, settings.proxy.no_proxy.as_deref())
        .map_err(|error| error.to_string())
}

/// Starts the actors: each takes handles of those started before it.
async fn grow(house: House, proxy: Arc<Proxy>, server: ServerHandle) -> Result<Running, String> {
    let supervision = &house.settings.supervision;
    let tree = Tree::new(TreeSpec::new("dronebot").intensity(supervision.max_restarts, supervision.window));
    let limit = WatchdogSpec { limit: supervision.stuck_after, ..WatchdogSpec::default() };
    let watchdog = Watchdog::start(limit, tree.pulses(), exit_when_stuck(crate::telemetry::finish))
        .map_err(|error| format!("no thread for the watchdog: {error}"))?;
    let main_thread = tree.pulses().watch_this_thread("main");
    adapters::attach(&house.board, tree.status(), watchdog.reader());
    if supervision.drills {
        adapters::allow_drills(&house.board, tree.drills(), house.store.health.clone());
    }

    tree.add(house.spec("health-reporter"), house.reporter()).await;
    let keeper = house.keeper();
    // before the first connection, so that those of the others are not taken for strangers
    if let Err(error) = keeper.look().await {
        tracing::warn!(%error, "the other replicas are not known yet");
    }
    tree.add(house.spec("lease-keeper"), move |_| LeaseKeeper::new(keeper.clone())).await;
    let tokens = Arc::clone(&house.tokens);
    tree.add(house.spec("token-keeper"), move |_| TokenKeeper::new(Arc::clone(&tokens), Arc::default())).await;
    // what goes to Slack is written on another core than what is decided
    let courier = tree.add(house.spec("courier").placement(Placement::OwnThread), house.courier()).await;
    let shop = house.workshop(courier);
    let pool = house.workers(&tree, &shop).await;
    let (identity, places) = (Arc::new(OnceCell::new()), Arc::new(HeardPlaces::default()));
    let desk = house.desk(shop, pool, Arc::clone(&identity), Arc::clone(&places));
    let parts = HomeParts::of(&desk);
    let dispatcher = tree.add(house.spec("dispatcher"), move |_| Dispatcher::new(desk.clone())).await;
    let home = tree.add(house.spec("home"), move |_| HomeKeeper::new(parts.clone())).await;

    let (leaving, leave) = mpsc::unbounded_channel();
    let parts = BodyParts::of(&house, dispatcher.clone(), leaving);
    tree.add(house.spec("body-watch"), move |_| BodyWatch::new(parts.clone())).await;

    let (closing, closes) = watch::channel(false);
    let (fatal, fatals) = mpsc::unbounded_channel();
    let open = OpenLinks::default();
    let gate = house.gate();
    if let Some(door) = house.self_test(&dispatcher, &gate) {
        adapters::allow_self_tests(&house.board, door);
    }
    let door = Arc::new(house.doorkeeper(dispatcher.clone(), home, Arc::clone(&identity), places, gate));
    for slot in 0..house.settings.slack.connections {
        let parts = ConnectionParts {
            slot,
            config: Arc::new(house.settings.slack.clone()),
            proxy: Arc::clone(&proxy),
            tokens: Arc::clone(&house.tokens) as _,
            web_api: Arc::clone(&house.web_api),
            door: Arc::clone(&door) as _,
            identity: Arc::clone(&identity),
            observer: Arc::clone(&house.links) as Arc<dyn LinkObserver>,
            closing: closes.clone(),
            fatal: fatal.clone(),
            open: open.clone(),
        };
        let spec = house.spec(&format!("slack-{slot}")).placement(Placement::OwnThread);
        tree.add(spec, move |_| SlackConnection::new(parts.clone())).await;
    }
    house.board.started();
    let systemd = house.settings.surroundings.systemd;
    let systemd = systemd.then(|| systemd::tell(Arc::clone(&house.board), watchdog.reader(), house.runtime.clone()));
    house.begins().await;
    Ok(Running {
        house,
        tree,
        closing,
        fatal: fatals,
        leave,
        open,
        dispatcher,
        server,
        _watchdog: watchdog,
        _main_thread: main_thread,
        _systemd: systemd,
    })
}

impl House {
    /// Notes that this replica has begun to work. The work does not wait for the note.
    async fn begins(&self) {
        let build = &self.board.spec().build;
        let started = HouseEvent::Started {
            host: self.board.vitals().host,
            version: format!("{} {}", build.version, build.revision),
            policies: self.policies.hash().to_owned(),
        };
        if let Err(error) = self.store.audit.record(started).await {
            tracing::warn!(%error, "the start was not noted");
        }
    }

    fn spec(&self, name: &str) -> ChildSpec {
        let supervision = &self.settings.supervision;
        let backoff = crate::supervision::BackoffSpec {
            min: supervision.backoff_min,
            max: supervision.backoff_max,
            ..Default::default()
        };
        ChildSpec::new(name)
            .backoff(backoff)
            .max_in_flight(MAILBOX)
            .heartbeat(supervision.hung_after / 3, supervision.hung_after)
            .shutdown(Duration::from_secs(2))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_life_that_broke_says_no_goodbye() {
        let ends = [End::Drained, End::Misconfigured(String::new()), End::Hurried, End::Escalated(String::new())];
        assert_eq!(ends.each_ref().map(End::is_calm), [true, true, false, false]);
    }
}
