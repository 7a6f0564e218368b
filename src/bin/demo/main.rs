//! `cargo demo`: the whole thing on one machine. The Slack sandbox with its chat page, Moto with a seeded fleet, and
//! the bot between them, started again whenever it dies. compose.yaml runs the three as containers; there this program is the
//! simulated AWS alone.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program for people at a terminal")]

mod cloud;
mod fleet;
mod moto;
mod proxy;
mod rollouts;
mod service;
mod venv;

use clap::{Parser, Subcommand};
use parking_lot::Mutex;
use std::env;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{ExitCode, Stdio};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::signal::unix::{SignalKind, signal};

#[derive(Parser)]
#[command(about = "Slack sandbox, simulated AWS and bot on this machine")]
struct Arguments {
    /// Port of the chat page.
    #[arg(long, default_value_t = 8484)]
    page_port: u16,
    /// Port of the bot's probes.
    #[arg(long, default_value_t = 8080)]
    health_port: u16,
    /// Port of the simulated AWS; 0 takes a free one.
    #[arg(long, default_value_t = 0)]
    moto_port: u16,
    #[command(subcommand)]
    task: Option<Task>,
}

#[derive(Subcommand)]
enum Task {
    /// Be only the simulated AWS: empty a Moto that runs already, make the demo's fleet and service there, and serve the proxy
    /// before it.
    Aws {
        /// The address of Moto.
        #[arg(long)]
        endpoint: String,
        /// Where the proxy listens.
        #[arg(long, default_value = "127.0.0.1:5001")]
        listen: SocketAddr,
    },
    /// Ask a running `demo aws` at this URL whether it serves, and exit with 0 or 1.
    Healthcheck {
        /// Its address.
        url: String,
    },
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let done = match &arguments.task {
        Some(Task::Aws { endpoint, listen }) => until_stopped(cloud::serve(endpoint, *listen)).await,
        Some(Task::Healthcheck { url }) => cloud::healthy(url).await,
        None => demo(&arguments).await,
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("demo: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn demo(arguments: &Arguments) -> Result<(), String> {
    let children = Children::default();
    let done = until_stopped(run(arguments, &children)).await;
    children.end().await;
    println!("\ndemo: ended, nothing runs any more");
    done
}

/// Works until the process is told to end.
async fn until_stopped(work: impl Future<Output = Result<(), String>>) -> Result<(), String> {
    let stopped = stop_signal()?;
    tokio::select! {
        done = work => done,
        () = stopped => Ok(()),
    }
}

/// The programs that the demo has started. They end with it, and it waits for them.
#[derive(Default)]
struct Children {
    all: Mutex<Vec<Arc<tokio::sync::Mutex<Child>>>>,
}

impl Children {
    fn keep(&self, child: Child) -> Arc<tokio::sync::Mutex<Child>> {
        let child = Arc::new(tokio::sync::Mutex::new(child));
        self.all.lock().push(Arc::clone(&child));
        child
    }

    async fn end(&self) {
        let all = std::mem::take(&mut *self.all.lock());
        for child in all.iter().rev() {
            let mut child = child.lock().await;
            let Some(id) = child.id() else { continue };
            // asked first, so that the bot drains; whoever stays is killed
            let _ = Command::new("kill").args(["-TERM", &id.to_string()]).status().await;
            if tokio::time::timeout(Duration::from_secs(5), child.wait()).await.is_err() {
                let _ = child.kill().await;
            }
        }
    }
}

fn stop_signal() -> Result<impl Future<Output = ()>, String> {
    let mut interrupt = signal(SignalKind::interrupt()).map_err(|error| error.to_string())?;
    let mut terminate = signal(SignalKind::terminate()).map_err(|error| error.to_string())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => (),
            _ = terminate.recv() => (),
        }
    })
}

async fn run(arguments: &Arguments, children: &Children) -> Result<(), String> {
    let target = target_folder();
    let (python, bins) = (install(target.clone()).await?, programs()?);
    let moto = moto::start(&python, arguments.moto_port, None)?;
    println!("demo: simulated AWS at {}", moto.url);
    let cloud = cloud::Cloud::plant(&moto.url).await?;
    let page = format!("http://127.0.0.1:{}", arguments.page_port);
    let sandbox = children.keep(start_sandbox(&bins, arguments.page_port).await?);
    let store = target.join("demo").join(format!("dronebot-{}.db", std::process::id()));
    let _ = std::fs::create_dir_all(target.join("demo"));
    let bot = keep_bot(children, &bins, arguments, &page, &cloud.url, &store);
    println!("demo: probes at http://127.0.0.1:{}/readyz, log in target/demo/dronebot.log", arguments.health_port);
    println!("\n    open {page} and type:  /drone ec2 list");
    println!(
        "    and to deploy:  /drone deploy status, /drone deploy 1.4.2, /drone deploy {} (does not start)\n",
        service::BROKEN
    );
    println!("demo: Ctrl-C ends everything");
    let ended = tokio::select! {
        ended = bot => ended,
        _ = async { sandbox.lock().await.wait().await } => Err("the Slack sandbox ended".to_owned()),
    };
    for suffix in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(format!("{}{suffix}", store.display()));
    }
    ended
}

fn target_folder() -> PathBuf {
    #[expect(clippy::disallowed_methods, reason = "cargo's own variable, in a program that cargo starts")]
    let folder = env::var("CARGO_TARGET_DIR").map(PathBuf::from);
    folder.unwrap_or_else(|_| Path::new(env!("CARGO_MANIFEST_DIR")).join("target"))
}

async fn install(target: PathBuf) -> Result<PathBuf, String> {
    tokio::task::spawn_blocking(move || moto::install(&target, |said| println!("demo: {said}")))
        .await
        .map_err(|error| error.to_string())?
}

/// The folder of the two other programs, which examples/demo.rs builds beside this one.
fn programs() -> Result<PathBuf, String> {
    let own = env::current_exe().map_err(|error| error.to_string())?;
    let folder = own.parent().map(Path::to_path_buf).ok_or("where am I?")?;
    let is_there = |name: &&str| folder.join(name).exists();
    match ["dronebot", "slack-sandbox"].iter().find(|name| !is_there(name)) {
        Some(missing) => Err(format!("there is no {missing} in {}; start the demo by: cargo demo", folder.display())),
        None => Ok(folder),
    }
}

async fn start_sandbox(bins: &Path, port: u16) -> Result<Child, String> {
    let mut sandbox = Command::new(bins.join("slack-sandbox"))
        .args(["--listen", &format!("127.0.0.1:{port}")])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| format!("the Slack sandbox could not be started ({error})"))?;
    let output = sandbox.stdout.take().ok_or("no output of the Slack sandbox")?;
    let mut lines = BufReader::new(output).lines();
    match lines.next_line().await {
        Ok(Some(line)) => println!("demo: {line}"),
        _ => {
            return Err("the Slack sandbox did not start; choose another port with: cargo demo --page-port 8585".into());
        }
    }
    Ok(sandbox)
}

/// Runs the bot, and runs it again when it dies: the demo plays the orchestrator.
async fn keep_bot(
    children: &Children,
    bins: &Path,
    arguments: &Arguments,
    page: &str,
    aws: &str,
    store: &Path,
) -> Result<(), String> {
    let log = store.with_file_name("dronebot.log");
    loop {
        let file = std::fs::File::options().create(true).append(true).open(&log).map_err(|error| error.to_string())?;
        let bot = Command::new(bins.join("dronebot"))
            .env("DRONEBOT__SLACK__API_URL", format!("{page}/api"))
            .env("DRONEBOT__SLACK__APP_TOKEN", "xapp-sandbox")
            .env("DRONEBOT__SLACK__BOT_TOKEN", "xoxb-sandbox")
            .env("DRONEBOT__STORE__PATH", store)
            .env("DRONEBOT__HEALTH__LISTEN", format!("127.0.0.1:{}", arguments.health_port))
            .env("DRONEBOT_CONFIG", Path::new(env!("CARGO_MANIFEST_DIR")).join("config/sandbox.toml"))
            .env("AWS_ENDPOINT_URL", aws)
            .env("AWS_REGION", "eu-central-1")
            .env("AWS_ACCESS_KEY_ID", "testing")
            .env("AWS_SECRET_ACCESS_KEY", "testing")
            .envs(service::demo_settings())
            .stdin(Stdio::null())
            .stdout(file.try_clone().map_err(|error| error.to_string())?)
            .stderr(file)
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| format!("the bot could not be started ({error})"))?;
        println!("demo: bot runs, process {} (try: kill -9 {0})", bot.id().unwrap_or_default());
        let bot = children.keep(bot);
        let status = bot.lock().await.wait().await.map_err(|error| error.to_string())?;
        if status.code() == Some(78) {
            let said = std::fs::read_to_string(&log).unwrap_or_default();
            let last = said.lines().last().unwrap_or_default();
            let reason = last.split_once("dronebot: ").map_or(last, |(_, reason)| reason);
            return Err(format!(
                "the bot cannot start: {reason} (another port for its probes: cargo demo --health-port 8181)"
            ));
        }
        println!("demo: the bot ended ({status}); starting it again");
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}
