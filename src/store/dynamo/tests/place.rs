//! Where the tables of the tests are.

#[path = "../../../../benches/support/table.rs"]
mod fast;
#[path = "../../../bin/demo/moto.rs"]
mod moto;
#[path = "../../../../tests/bot/support/node.rs"]
#[allow(dead_code, reason = "shared with the suites of tests/bot, which run whole files")]
mod node;
#[path = "../../../bin/demo/venv.rs"]
mod venv;

use crate::store::contract::taken_up;
use crate::store::contract::{Place, TestClock};
use crate::store::dynamo::Dynamo;
use crate::store::dynamo::item::{Item, item};
use crate::store::{Card, Entry, Journal, Replicas, Store, StoreConfig, StoreError, StoreKind, init_table, join};
use async_trait::async_trait;
use aws_config::{BehaviorVersion, Region};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::Credentials;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

/// The folder `target/`.
fn target() -> PathBuf {
    let program = std::env::current_exe().expect("the test's own path");
    program.ancestors().nth(3).expect("target/debug/deps").to_path_buf()
}

/// A DynamoDB on this machine; it ends with the last test that uses it.
struct Server {
    url: String,
    _moto: Option<moto::Moto>,
    fast: Option<fast::Table>,
    child: Option<Child>,
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

type Shared = Mutex<Weak<Server>>;

fn shared(place: &'static Shared, start: fn() -> Option<Server>) -> Option<Arc<Server>> {
    let mut shared = place.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(running) = shared.upgrade() {
        return Some(running);
    }
    let running = Arc::new(start()?);
    *shared = Arc::downgrade(&running);
    Some(running)
}

fn start_moto() -> Option<Server> {
    let python = moto::install(&target(), |said| eprintln!("tests: {said}")).expect("Moto is installed");
    let moto = moto::start(&python, 0, None).expect("Moto starts");
    Some(Server { url: moto.url.clone(), _moto: Some(moto), fast: None, child: None })
}

fn start_dynalite() -> Option<Server> {
    let folder = node::npm("dynalite")?;
    let mut command = Command::new("node");
    command.arg("serve.cjs").current_dir(folder).stdin(Stdio::null()).stdout(Stdio::piped());
    let mut child = command.spawn().expect("node runs");
    let mut line = String::new();
    BufReader::new(child.stdout.take().expect("its output")).read_line(&mut line).expect("its address");
    Some(Server { url: line.trim().to_owned(), _moto: None, fast: None, child: Some(child) })
}

impl Dynamo {
    /// What it holds when it has looked at all replicas, and taken over what those that are gone have left.
    pub(super) async fn take_up(&self) -> Result<Vec<Entry>, StoreError> {
        Replicas::all(self).await?;
        Replicas::adopt(self).await?;
        Ok(Journal::held(self, &mut |_| true))
    }
}

/// The lease before a server that other tests use too, in seconds: it may be late by one without anybody having died.
const UNHURRIED: u32 = 3;

/// A table of its own for one test.
pub(super) struct Cell {
    server: Option<Arc<Server>>,
    clock: Arc<TestClock>,
    config: StoreConfig,
}

impl Cell {
    fn on(server: Option<Arc<Server>>) -> Self {
        static TABLES: AtomicU32 = AtomicU32::new(0);
        let table = format!("dronebot-{}", TABLES.fetch_add(1, Ordering::Relaxed));
        let config = StoreConfig { kind: StoreKind::Dynamodb, table, lease_seconds: 1, ..StoreConfig::default() };
        Self { server, clock: TestClock::new(), config }
    }

    pub(super) fn on_moto() -> Self {
        static MOTO: Shared = Mutex::new(Weak::new());
        Self::on(shared(&MOTO, start_moto)).for_lease(UNHURRIED)
    }

    pub(super) fn on_dynalite() -> Self {
        static DYNALITE: Shared = Mutex::new(Weak::new());
        Self::on(shared(&DYNALITE, start_dynalite)).for_lease(UNHURRIED)
    }

    /// On the table of the benchmarks, one for each cell: it answers at once, counts, and can be told to fail.
    pub(super) fn on_fast() -> Self {
        let table = fast::Table::serve(Duration::ZERO);
        Self::on(Some(Arc::new(Server { url: table.url().to_owned(), _moto: None, fast: Some(table), child: None })))
    }

    /// With this lease.
    pub(super) fn for_lease(mut self, seconds: u32) -> Self {
        self.config.lease_seconds = seconds;
        self
    }

    /// The table of [`Cell::on_fast`].
    pub(super) fn table(&self) -> &fast::Table {
        self.server.as_ref().and_then(|server| server.fast.as_ref()).expect("a fast table")
    }

    /// A client of this DynamoDB.
    pub(super) async fn client(&self) -> Client {
        let config = aws_config::defaults(BehaviorVersion::latest())
            .region(Region::new("eu-central-1"))
            .endpoint_url(&self.server.as_ref().expect("a server").url)
            .credentials_provider(Credentials::new("testing", "testing", None, None, "test"))
            .http_client(aws_smithy_http_client::Builder::new().build_http())
            .load()
            .await;
        Client::new(&config)
    }

    pub(super) fn config(&self) -> &StoreConfig {
        &self.config
    }

    /// The store itself, which never beats.
    pub(super) async fn dynamo(&self) -> Dynamo {
        let client = self.client().await;
        init_table(&client, &self.config).await.expect("the table is made");
        Dynamo::connect(client, &self.config, self.clock.clone()).await.expect("the store opens")
    }

    /// What the table has under this name.
    pub(super) async fn item(&self, pk: &str, sk: &str) -> Option<Item> {
        let key = item([("pk", pk.into()), ("sk", sk.into())]);
        let client = self.client().await;
        client.get_item().table_name(&self.config.table).set_key(Some(key)).send().await.expect("it is read").item
    }

    /// Puts this into the table, as somebody else would.
    pub(super) async fn plant(&self, item: Item) {
        let client = self.client().await;
        client.put_item().table_name(&self.config.table).set_item(Some(item)).send().await.expect("it is written");
    }

    /// One more replica, which beats by itself until it leaves or is closed.
    pub(super) async fn replica(&self) -> Store {
        self.replica_that_is(Card::default()).await
    }

    /// The same, which says this of itself.
    pub(super) async fn replica_that_is(&self, card: Card) -> Store {
        let store = self.silent_replica().await;
        let replicas = Arc::clone(&store.replicas);
        replicas.beat(&card).await.expect("it is there");
        let beats = async move {
            while replicas.beat(&card).await.is_ok() {
                tokio::time::sleep(Duration::from_millis(250)).await;
            }
        };
        drop(crate::supervision::spawn_detached("beats", beats));
        store
    }

    /// One more replica, which never beats.
    pub(super) async fn silent_replica(&self) -> Store {
        self.with_lease(self.config.lease_seconds).await
    }

    /// One more replica, which nobody takes for gone, however slow the machine is.
    pub(super) async fn steady_replica(&self) -> Store {
        self.with_lease(3_600).await
    }

    async fn with_lease(&self, lease_seconds: u32) -> Store {
        let client = self.client().await;
        let config = StoreConfig { lease_seconds, ..self.config.clone() };
        init_table(&client, &config).await.expect("the table is made");
        join(client, &config, self.clock.clone()).await.expect("the store opens")
    }
}

#[async_trait]
impl Place for Cell {
    fn is_there(&self) -> bool {
        self.server.is_some()
    }

    fn crowd(&self) -> u64 {
        40
    }

    /// Opened when whoever had it before is gone and its work is adopted, as a file would be.
    async fn open(&self) -> Store {
        let store = self.replica().await;
        loop {
            taken_up(&store).await;
            let all = store.replicas.all().await.expect("the replicas are read");
            if !all.iter().any(|replica| replica.is_alive && !replica.is_me) {
                taken_up(&store).await;
                return store;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    fn clock(&self) -> Arc<TestClock> {
        self.clock.clone()
    }
}
