//! The harness: one [`World`] per test, with a Slack sandbox, an AWS account and a bot of its own.

mod bot;
pub mod failed;
#[allow(dead_code, reason = "shared with the demo, which uses all of it")]
#[path = "../../../src/bin/demo/fleet.rs"]
pub mod fleet;
pub mod image;
#[path = "../../../src/bin/demo/service.rs"]
pub mod made_service;
mod metadata;
#[path = "../../../src/bin/demo/moto.rs"]
mod moto;
mod net;
pub mod node;
#[path = "../../../src/bin/demo/proxy.rs"]
pub mod proxy;
#[path = "../../../src/bin/demo/rollouts.rs"]
pub mod rollouts;
mod sandbox;
pub mod service;
mod shim;
mod tidy;
mod tls;
#[path = "../../../src/bin/demo/venv.rs"]
pub mod venv;

#[allow(unused_imports, reason = "shared with tests/chaos")]
pub use bot::Eye;
pub use bot::{Bot, Exit, command, run};
pub use fleet::Seed;
pub use metadata::Metadata;
pub use net::{Net, Place};
pub use proxy::{Control, Trouble};
pub use rollouts::Ending;
pub use sandbox::{Door, Message, Sandbox};
pub use shim::Shim;
pub use tidy::tidy;
pub use tls::Company;

use aws_sdk_dynamodb::types::AttributeValue;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, OnceLock, Weak};
use std::time::Duration;

/// An operator.
pub const MAYA: &str = "UMAYA";
/// Another operator.
pub const OMAR: &str = "UOMAR";
/// A viewer.
pub const VERA: &str = "UVERA";
/// A full member of no group.
pub const NINA: &str = "UNINA";
/// A guest.
pub const GUS: &str = "UGUS";
/// A person of another workspace.
pub const OLGA: &str = "UOLGA";

/// The region of commands that name none.
pub const HOME: &str = "eu-central-1";

/// How long anything in a test may take before it counts as never.
pub const NEVER: Duration = Duration::from_secs(30);

/// The lease of replicas whose end a test waits for, in seconds: a machine that stands still for two of them, with thirty worlds
/// on two cores, must not take a life for a death.
pub const LEASE: u32 = 4;

/// One Moto for the whole run; each world is an account of its own in it. It ends with the last world that uses it,
/// because a static value is never dropped and would outlive the run. Where each test is a process of its own, as under
/// cargo-nextest, somebody else starts it for all (tests/nextest/moto.py).
pub fn moto() -> Arc<moto::Moto> {
    static SHARED: Mutex<Weak<moto::Moto>> = Mutex::new(Weak::new());
    moto_in(&SHARED, "DRONEBOT_TEST_MOTO")
}

/// Another one for the shared stores: making instances keeps Moto busy for longer than a store may take to answer.
fn moto_of_tables() -> Arc<moto::Moto> {
    static SHARED: Mutex<Weak<moto::Moto>> = Mutex::new(Weak::new());
    moto_in(&SHARED, "DRONEBOT_TEST_MOTO_OF_TABLES")
}

fn moto_in(place: &'static Mutex<Weak<moto::Moto>>, running_at: &str) -> Arc<moto::Moto> {
    if let Some(url) = std::env::var_os(running_at).and_then(|url| url.into_string().ok()) {
        let log = std::env::var_os(format!("{running_at}_LOG")).map(PathBuf::from);
        return Arc::new(moto::Moto { url, log, child: None });
    }
    let mut shared = place.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    if let Some(running) = shared.upgrade() {
        return running;
    }
    let running = Arc::new(own_moto());
    *shared = Arc::downgrade(&running);
    running
}

/// One that no other test uses, and that may be emptied.
#[expect(clippy::print_stderr, reason = "whoever runs the tests waits for it")]
pub fn own_moto() -> moto::Moto {
    let python = moto::install(&target(), |said| eprintln!("tests: {said}")).expect("Moto is installed");
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let log = target().join("tmp").join(format!("moto-{}-{number}.log", std::process::id()));
    let moto = moto::start(&python, 0, Some(log)).expect("Moto starts");
    moto.child.iter().for_each(|child| prefer(child.id()));
    moto
}

/// All worlds wait for it: among forty processes on two cores it would get a fortieth of them. Who may not do that does without.
fn prefer(process: u32) {
    let mut renice = std::process::Command::new("renice");
    let _ = renice.args(["-n", "-10", "-p", &process.to_string()]).output();
}

/// The folder `target/`.
pub fn target() -> PathBuf {
    // CARGO_TARGET_TMPDIR is target/tmp
    Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("target has tmp").to_path_buf()
}

/// What a world is made of, where a test wants it otherwise.
#[derive(Default)]
pub struct Options {
    /// More environment variables for the bot; they win over the harness's own.
    pub env: Vec<(&'static str, String)>,
    /// How long instances take to change their state.
    pub lag: Duration,
    /// Do not start the bot yet.
    pub asleep: bool,
    /// Limit the sandbox's rates as Slack does.
    pub rate_limits: bool,
    /// The store is a DynamoDB table that several replicas can share, with a lease of so many seconds.
    pub lease: Option<u32>,
    /// The Web API is called by a proxy that can hold calls.
    pub slack_proxy: bool,
    /// The machines under the bots can be broken.
    pub shim: bool,
    /// The replicas are on hosts of their own, which can be cut off.
    pub net: Option<Net>,
}

/// An item of the shared store.
type Item = HashMap<String, AttributeValue>;

fn text_of(item: &Item, name: &str) -> Option<String> {
    item.get(name)?.as_s().ok().cloned()
}

/// A replica as the shared store has it.
#[derive(Clone, Debug, PartialEq)]
pub struct Lease {
    pub name: String,
    /// `alive`, `gone` or `left`.
    pub state: String,
    /// Another one for each renewal.
    pub beat: String,
    /// What it says of itself.
    pub card: serde_json::Value,
}

/// The proxies of a world, by what is behind them; they end with it.
struct Proxies(Vec<(&'static str, Arc<Control>)>);

impl Drop for Proxies {
    fn drop(&mut self) {
        for (name, proxy) in &self.0 {
            if std::thread::panicking() {
                failed::keep_calls(name, proxy);
            }
            proxy.close();
        }
    }
}

/// A Moto that worlds share.
struct Shared(Arc<moto::Moto>);

impl Drop for Shared {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.log.iter().for_each(|log| failed::keep_end(log));
        }
    }
}

/// Everything that one test needs.
pub struct World {
    /// The Slack of this test.
    pub slack: Sandbox,
    /// The bot; `None` while it is dead.
    pub bot: Option<Bot>,
    /// The proxy in front of AWS: faults, lag, the calls that were made.
    pub aws: Arc<Control>,
    /// The address of that proxy.
    pub aws_url: String,
    /// Where the bot's database and log are.
    pub folder: failed::Folder,
    /// The replicas beside the bot, where the store is shared.
    pub others: Vec<Bot>,
    /// The proxy in front of the shared store.
    pub table: Arc<Control>,
    /// Another way to the shared store, for the tests: nothing is broken there, and nothing is counted.
    pub table_url: String,
    /// The proxy in front of Slack's Web API, where a test wants it.
    pub web_api: Option<Arc<Control>>,
    /// Whether the store is shared.
    is_shared: bool,
    env: Vec<(&'static str, String)>,
    shim: bool,
    /// The machine for the next life, where something about it was arranged before.
    next_machine: Option<Rc<Shim>>,
    _moto: Shared,
    _tables: Option<Shared>,
    _proxies: Proxies,
    /// The network between the hosts, where they have one. Dropped after the bots.
    pub net: Option<Net>,
}

impl World {
    /// A world with a ready bot.
    pub async fn new() -> Self {
        Self::with(Options::default()).await
    }

    /// A world as the options say.
    pub async fn with(options: Options) -> Self {
        static ACCOUNTS: AtomicU32 = AtomicU32::new(0);
        let moto = moto();
        // twelve digits; other processes may use the same Moto
        let number = u64::from(std::process::id()) * 10_000 + u64::from(ACCOUNTS.fetch_add(1, Ordering::Relaxed));
        let account = (100_000_000_000 + number).to_string();
        let address = options.net.as_ref().map_or_else(|| "127.0.0.1".to_owned(), Net::address);
        let proxy = |url: String, account| proxy::start_at(&address, url, account).expect("the proxy starts");
        let (aws_url, aws) = proxy(moto.url.clone(), Some(account.clone()));
        aws.set_lag(options.lag);
        let tables = options.lease.map(|_| moto_of_tables());
        let url = tables.as_ref().map_or_else(|| moto.url.clone(), |tables| tables.url.clone());
        let (bots_table_url, table) = proxy(url.clone(), Some(account.clone()));
        let (table_url, tests_own) = proxy(url, Some(account));
        let mut proxies = Proxies(vec![("aws", Arc::clone(&aws)), ("table", Arc::clone(&table)), ("tests", tests_own)]);
        let slack = Sandbox::start_at(&format!("{address}:0"), options.rate_limits);
        let folder = failed::Folder::fresh();
        let mut env = Vec::new();
        if let Some(lease) = options.lease {
            env.push(("DRONEBOT__STORE__KIND", "dynamodb".to_owned()));
            env.push(("DRONEBOT__STORE__LEASE_SECONDS", lease.to_string()));
            env.push(("AWS_ENDPOINT_URL_DYNAMODB", bots_table_url));
        }
        let mut web_api = None;
        if options.slack_proxy {
            let (url, control) = proxy(slack.url.clone(), None);
            env.push(("DRONEBOT__SLACK__API_URL", format!("{url}/api")));
            proxies.0.push(("slack", Arc::clone(&control)));
            web_api = Some(control);
        }
        env.extend(options.env);
        let is_shared = options.lease.is_some();
        let others = Vec::new();
        let mut world = Self {
            slack,
            bot: None,
            aws,
            aws_url,
            folder,
            others,
            table,
            table_url,
            web_api,
            is_shared,
            env,
            shim: options.shim,
            next_machine: None,
            _moto: Shared(moto),
            _tables: tables.map(Shared),
            _proxies: proxies,
            net: options.net,
        };
        if is_shared {
            world.init_table();
        }
        if !options.asleep {
            world.wake().await;
        }
        world
    }

    /// Starts the bot and waits until it is ready.
    pub async fn wake(&mut self) {
        self.start_bot();
        self.bot().ready().await;
    }

    /// Starts the bot without waiting.
    pub fn start_bot(&mut self) {
        assert!(self.bot.is_none(), "the bot runs already");
        self.bot = Some(self.launch(0));
    }

    /// A new process, on this host where there are hosts.
    fn launch(&mut self, host: usize) -> Bot {
        let place = self.net.as_ref().map(|net| net.place(host)).unwrap_or_default();
        let shim = self.shim.then(|| Rc::clone(self.next_machine()));
        self.next_machine = None;
        Bot::start((&self.slack.url, &self.aws_url), self.folder.path(), &self.env, place, shim)
    }

    /// The machine under the bot's next life, to arrange something about it beforehand.
    pub fn next_machine(&mut self) -> &Rc<Shim> {
        self.next_machine.get_or_insert_with(|| Shim::new(self.folder.path()))
    }

    /// `dronebot store init`
    fn init_table(&self) {
        let output = self.program(&["store", "init"]);
        assert!(output.status.success(), "{output:?}");
    }

    /// Runs the program with these arguments, in the bot's environment, to its end.
    pub fn program(&self, arguments: &[&str]) -> std::process::Output {
        let mut command = command(&self.slack.url, &self.aws_url, self.folder.path());
        command.envs(self.env.iter().map(|(key, value)| (*key, value.as_str()))).args(arguments);
        image::placed(&command).output().expect("the program starts")
    }

    /// Whether nobody has anything to do any more for any request.
    pub async fn is_quiet(&mut self) -> bool {
        if self.is_shared {
            return self.held().await.is_empty();
        }
        // as of now, where the queues are those of the last second
        self.bot().metric("dronebot_open", &[]).await == Some(0.0)
    }

    /// One more replica that shares the store, ready.
    pub async fn one_more(&mut self) {
        let mut bot = self.launch(1);
        bot.ready().await;
        self.others.push(bot);
    }

    /// One more replica that shares the store, not waited for.
    pub fn one_more_unready(&mut self) {
        let bot = self.launch(1);
        self.others.push(bot);
    }

    /// The requests in the shared store with which somebody still has something to do.
    pub async fn held(&self) -> Vec<String> {
        let client = fleet::table_client(&self.table_url, HOME).await;
        // only what somebody holds is in this index
        let found = client.scan().table_name("dronebot").index_name("held").send().await.expect("the table is read");
        // only what somebody holds, and the notes of approvals, which are looked up by it until they are old
        let is_held = |item: &&Item| {
            text_of(item, "held").is_some_and(|holder| !holder.starts_with('#') && !holder.starts_with("note#"))
        };
        let mut held = Vec::new();
        for item in found.items().iter().filter(is_held) {
            let key = ["pk", "sk"].map(|name| (name.to_owned(), item[name].clone()));
            let whole = client.get_item().table_name("dronebot").set_key(Some(key.into())).send().await;
            held.push(format!("{:?}", whole.ok().and_then(|found| found.item).unwrap_or_else(|| item.clone())));
        }
        held
    }

    /// The replicas that the shared store knows.
    pub async fn replicas(&self) -> Vec<Lease> {
        let client = fleet::table_client(&self.table_url, HOME).await;
        let query = client.query().table_name("dronebot").key_condition_expression("pk = :pk");
        let found = query.expression_attribute_values(":pk", AttributeValue::S("replica".to_owned())).send().await;
        let lease = |item: &Item| Lease {
            name: text_of(item, "sk").unwrap_or_default(),
            state: text_of(item, "state").unwrap_or_default(),
            beat: item.get("beat").and_then(|beat| beat.as_n().ok()).cloned().unwrap_or_default(),
            card: text_of(item, "card").and_then(|card| serde_json::from_str(&card).ok()).unwrap_or_default(),
        };
        found.expect("the table is read").items().iter().map(lease).collect()
    }

    /// Sets a variable for the bot's next lives.
    pub fn more_env(&mut self, key: &'static str, value: &str) {
        self.env.retain(|(known, _)| *known != key);
        self.env.push((key, value.to_owned()));
    }

    /// The running bot.
    pub fn bot(&mut self) -> &mut Bot {
        self.bot.as_mut().expect("the bot runs")
    }

    /// kill -9.
    pub fn kill_bot(&mut self) {
        self.bot.take().expect("the bot runs").kill();
    }

    /// Makes instances; returns their ids.
    pub async fn fleet(&self, seeds: &[Seed]) -> Vec<String> {
        fleet::plant(&self.aws_url, seeds).await.expect("the fleet is made")
    }

    /// What EC2 itself says of an instance's state.
    pub async fn state(&self, region: &str, id: &str) -> String {
        let found = fleet::client(&self.aws_url, region).await.describe_instances().instance_ids(id).send().await;
        let found = found.expect("AWS answers");
        let state = found.reservations().first().and_then(|r| r.instances().first()).and_then(|i| i.state());
        state.and_then(|state| state.name()).map(|name| name.as_str().to_owned()).expect("a state")
    }

    /// A person types `/drone …` in #ops (Olga, who is not there, in #partners); returns the final answer as that person
    /// reads it.
    pub async fn asks(&self, who: &str, text: &str) -> String {
        self.asks_in(who, if who == OLGA { "partners" } else { "ops" }, text).await.text
    }

    /// The same, fit for a snapshot.
    pub async fn reads(&self, who: &str, text: &str) -> String {
        tidy(&self.asks(who, text).await)
    }

    /// The same in another channel, with everything that is known of the answer.
    pub async fn asks_in(&self, who: &str, channel: &str, text: &str) -> Message {
        let before = self.slack.cursor().await;
        self.slack.slash(who, channel, text).await;
        self.slack.final_answer(channel, who, None, before).await
    }

    /// A person writes a message (with `@drone` for a mention); returns its `ts`.
    pub async fn says(&self, who: &str, channel: &str, text: &str) -> String {
        self.slack.say(who, channel, text, None).await
    }

    /// Ends the bot by SIGTERM and checks that it left nothing behind: exit code 0, no unfinished request, no letter in
    /// the outbox, no secret in its log. Every test ends with it.
    pub async fn ends_clean(mut self) {
        self.rests().await;
    }

    /// The same, where the test looks at what was said when all was done.
    pub async fn rests(&mut self) {
        let bot = self.bot.take().expect("the bot runs");
        let exit = bot.terminate().await;
        assert_eq!(exit, Exit::Code(0), "a told bot drains and exits 0; its log:\n{}", self.log());
        for other in std::mem::take(&mut self.others) {
            assert_eq!(other.terminate().await, Exit::Code(0), "log:\n{}", self.log());
        }
        if self.is_shared {
            let held = self.held().await;
            assert!(held.is_empty(), "left behind: {held:#?}; log:\n{}", self.log());
        } else {
            self.leaves_nothing();
        }
        self.log_is_clean();
    }

    /// The checks of [`World::ends_clean`] on what a dead bot left.
    pub fn leaves_nothing(&self) {
        let unfinished = self.count(
            "SELECT count(*) FROM requests WHERE state IN ('accepted', 'awaiting_approval', 'planned', 'running')",
        );
        assert_eq!(unfinished, 0, "requests without a final answer; log:\n{}", self.log());
        let waiting = self.count("SELECT count(*) FROM letters WHERE dead_at IS NULL");
        assert_eq!(waiting, 0, "letters that were not delivered; log:\n{}", self.log());
    }

    /// That nothing secret stands in the log, nor anything that only stands beside secrets.
    fn log_is_clean(&self) {
        let log = self.log();
        for secret in ["xoxb-sandbox", "xapp-sandbox", "ticket=", "/commands/T", "AKIA", "aws_secret"] {
            assert!(!log.contains(secret), "`{secret}` stands in the log:\n{log}");
        }
    }

    /// A number from the dead bot's database.
    pub fn count(&self, sql: &str) -> i64 {
        let path = self.folder.path().join("dronebot.db");
        let db = rusqlite::Connection::open(path).expect("the database opens");
        db.query_row(sql, [], |row| row.get(0)).expect("the query runs")
    }

    /// Texts from the dead bot's database.
    pub fn texts(&self, sql: &str) -> Vec<String> {
        let path = self.folder.path().join("dronebot.db");
        let db = rusqlite::Connection::open(path).expect("the database opens");
        let mut query = db.prepare(sql).expect("the query is right");
        let rows = query.query_map([], |row| row.get(0)).expect("the query runs");
        rows.map(|row| row.expect("a text")).collect()
    }

    /// Everything final that the bot said to this person there since the cursor.
    pub async fn answers(&self, channel: &str, who: &str, since: u64) -> Vec<Message> {
        let said = self.slack.from_bot(channel, who, since).await;
        said.into_iter().filter(|message| !message.is_progress()).collect()
    }

    /// Sends a `ping` through the whole bot by slash command and waits for its answer: what was asked before and is
    /// to be ignored has been ignored by then.
    pub async fn still_works(&self) {
        let answer = self.asks_in(OMAR, "general", "ping").await;
        assert!(answer.text.starts_with("Pong."), "{}", answer.text);
    }

    /// The bot's log so far, over all its lives.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("bot.log")).unwrap_or_default()
    }
}

/// Waits until a condition holds; polls, because what it looks at cannot tell by itself.
pub async fn until<F: Future<Output = bool>>(what: &str, mut holds: impl FnMut() -> F) {
    let begun = tokio::time::Instant::now();
    while !holds().await {
        assert!(begun.elapsed() < NEVER, "never: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// The path of a program of this project.
pub fn program(name: &str) -> &'static str {
    static PATHS: OnceLock<[(&str, &str); 2]> = OnceLock::new();
    let paths = PATHS.get_or_init(|| {
        [("dronebot", env!("CARGO_BIN_EXE_dronebot")), ("slack-sandbox", env!("CARGO_BIN_EXE_slack-sandbox"))]
    });
    paths.iter().find(|(known, _)| *known == name).map(|(_, path)| *path).expect("a program of this project")
}
