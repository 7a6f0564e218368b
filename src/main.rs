//! The program: settings, telemetry, the bot, an exit code.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "the program's own words to a terminal")]

use clap::{Parser, Subcommand};
use dronebot::app::{self, End};
use dronebot::commands::{Catalog, DeployConfig, Named, iam_document};
use dronebot::domain::Build;
use dronebot::settings::{Environment, Settings, SettingsError};
use dronebot::{health, supervision, telemetry};
use jiff::Timestamp;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::LazyLock;
use std::time::Duration;

/// When the commit was made of which this was built, as RFC 3339.
static CREATED: LazyLock<String> = LazyLock::new(|| {
    let seconds =
        told([option_env!("DRONEBOT_EPOCH"), option_env!("SOURCE_DATE_EPOCH"), option_env!("DRONEBOT_GIT_EPOCH")]);
    let created = seconds.parse().ok().and_then(|seconds| Timestamp::from_second(seconds).ok());
    created.map_or_else(|| UNKNOWN.to_owned(), |created| created.to_string())
});

/// Which program this is. An image's build has no git and is told by its environment, and then another commit with the same
/// sources compiles this file alone; elsewhere the build script has asked git.
static BUILD: LazyLock<Build> = LazyLock::new(|| Build {
    version: env!("CARGO_PKG_VERSION"),
    revision: told([option_env!("DRONEBOT_REVISION"), option_env!("DRONEBOT_GIT_REVISION"), None]),
    created: CREATED.as_str(),
    source: told([option_env!("DRONEBOT_SOURCE"), option_env!("CARGO_PKG_REPOSITORY"), None]),
});

/// What `-V` says after the name.
static SHORT_VERSION: LazyLock<String> = LazyLock::new(|| format!("{} ({})", BUILD.version, BUILD.revision));

/// What `--version` says after the name.
static LONG_VERSION: LazyLock<String> = LazyLock::new(|| {
    let Build { version, revision, created, source } = &*BUILD;
    format!("{version}\nrevision: {revision}\ncreated: {created}\nsource: {source}")
});

const UNKNOWN: &str = "unknown";

/// The first of these that says something.
fn told(given: [Option<&'static str>; 3]) -> &'static str {
    let says = |value: &&str| !value.is_empty() && *value != UNKNOWN;
    given.into_iter().flatten().map(str::trim).find(says).unwrap_or(UNKNOWN)
}

#[derive(Parser)]
#[command(name = "dronebot", version = SHORT_VERSION.as_str(), long_version = LONG_VERSION.as_str(), about)]
struct Arguments {
    /// A settings file over the built-in defaults (or DRONEBOT_CONFIG); `config/default.toml` shows every key.
    #[arg(long, global = true)]
    config: Option<PathBuf>,
    #[command(subcommand)]
    task: Option<Task>,
}

#[derive(Subcommand)]
enum Task {
    /// Runs the bot (the default).
    Run,
    /// Prints the effective settings, secrets masked, or what is wrong with them.
    CheckConfig,
    /// Says whether the bot could work here, and what to do where it could not: tokens, scopes, Socket Mode, clocks,
    /// AWS identity and permissions, store, policies. It changes nothing.
    Doctor {
        /// Prints JSON.
        #[arg(long)]
        json: bool,
        /// Also opens a Socket Mode connection and closes it at Slack's hello. What Slack delivers by it in that moment
        /// is not acknowledged: an event comes again, whoever typed a command is told that it failed.
        #[arg(long)]
        link: bool,
    },
    /// Looks after the store.
    Store {
        #[command(subcommand)]
        task: StoreTask,
    },
    /// Prints the IAM policy that the bot's AWS role needs: of all commands, of one class of them, of the store,
    /// or of the secrets that AWS keeps. What the settings name narrows it.
    IamPolicy {
        /// basic, read, change, destroy, store, or secrets.
        class: Option<String>,
    },
    /// Asks a running bot on this machine whether it is alive; for container health checks.
    Healthcheck {
        /// The probe to ask.
        #[arg(long)]
        url: Option<String>,
    },
}

#[derive(Subcommand)]
enum StoreTask {
    /// Makes the DynamoDB table that several replicas share (`store.kind = "dynamodb"`), or what of it is missing. What is
    /// in it stays.
    Init,
    /// Prints all that happened to a request: who asked what, the plan, each call with how its targets were before, the
    /// answer, and which replica did it.
    Show {
        /// The four characters that people are shown (`7F3K`), or the 26 of the log.
        request: String,
    },
    /// Prints what happened to the replicas lately: when they started and ended, and why.
    Audit {
        /// How many events, the latest.
        #[arg(long, default_value_t = 50)]
        limit: usize,
    },
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let settings = Settings::load(arguments.config.as_deref(), &Environment::of_process());
    if let Some(Task::Healthcheck { url }) = arguments.task {
        return healthcheck(url, settings.ok().as_ref());
    }
    if let Some(Task::Doctor { json, link }) = arguments.task {
        return doctor(settings, json, link);
    }
    if let Some(Task::IamPolicy { class }) = arguments.task {
        return iam_policy(class.as_deref(), settings);
    }
    let settings = match settings {
        Ok(settings) => settings,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::from(app::EXIT_CONFIG);
        }
    };
    match arguments.task {
        Some(Task::CheckConfig) => check_config(&settings),
        Some(Task::Store { task }) => look_after_store(&settings, task),
        _ => run(settings),
    }
}

/// A broken configuration is no reason to call a bot dead that has been started with a good one: the default address is
/// asked then.
fn healthcheck(url: Option<String>, settings: Option<&Settings>) -> ExitCode {
    let listen = settings.map_or_else(|| ([127, 0, 0, 1], 8080).into(), |settings| settings.health.listen);
    let url = url.unwrap_or_else(|| health::healthcheck_url(listen));
    match health::healthcheck(&url, Duration::from_secs(4)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// The role is made before there are tokens, so settings that cannot be used are no reason to print nothing.
fn iam_policy(class: Option<&str>, settings: Result<Settings, SettingsError>) -> ExitCode {
    let (deploy, regions, table, secrets) = match settings {
        Ok(settings) => {
            let (regions, secrets) = (settings.regions(), settings.secret_references());
            (settings.deploy, regions, settings.store.table, secrets)
        }
        Err(_) => {
            eprintln!(
                "the settings cannot be used (`dronebot check-config` says why), so they narrow nothing here, and nothing may \
                 be deployed by this policy"
            );
            (DeployConfig::default(), Vec::new(), "dronebot".to_owned(), Vec::new())
        }
    };
    let named = Named { deploy: &deploy, regions: &regions, table: &table, secrets: &secrets };
    match iam_document(&Catalog::built_in(), class, named) {
        Some(policy) => {
            println!("{policy:#}");
            ExitCode::SUCCESS
        }
        None => {
            eprintln!("there is no such class; say basic, read, change, destroy, store, secrets, or nothing for all");
            ExitCode::from(app::EXIT_CONFIG)
        }
    }
}

fn check_config(settings: &Settings) -> ExitCode {
    match app::load_policies(settings, &Catalog::built_in()) {
        Ok(policies) => {
            print!("{}", settings.effective());
            println!("# {} policies, {}", policies.count(), policies.hash());
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(app::EXIT_CONFIG)
        }
    }
}

fn doctor(settings: Result<Settings, SettingsError>, json: bool, link: bool) -> ExitCode {
    // a second provider cannot be there yet
    let _ = rustls::crypto::ring::default_provider().install_default();
    let diagnosis = match settings {
        Ok(settings) => {
            let catalog = Catalog::built_in();
            actix::System::new().block_on(app::doctor::examine(&settings, &catalog, link))
        }
        Err(error) => app::doctor::Diagnosis::of_settings(&error),
    };
    print!("{}", if json { diagnosis.json() } else { diagnosis.text() });
    ExitCode::from(diagnosis.code())
}

fn look_after_store(settings: &Settings, task: StoreTask) -> ExitCode {
    // a second provider cannot be there yet
    let _ = rustls::crypto::ring::default_provider().install_default();
    let done = actix::System::new().block_on(async {
        match task {
            StoreTask::Init => app::init_store(settings).await.map(|line| line + "\n"),
            StoreTask::Show { request } => app::history::show(settings, &request).await,
            StoreTask::Audit { limit } => app::history::audit(settings, limit).await,
        }
    });
    match done {
        Ok(text) => {
            print!("{text}");
            ExitCode::SUCCESS
        }
        Err(line) => {
            eprintln!("{line}");
            ExitCode::from(app::EXIT_CONFIG)
        }
    }
}

fn run(settings: Settings) -> ExitCode {
    supervision::install_panic_hook();
    if let Err(error) = telemetry::init(&settings.log) {
        eprintln!("{error}");
        return ExitCode::from(app::EXIT_CONFIG);
    }
    if rustls::crypto::ring::default_provider().install_default().is_err() {
        tracing::debug!("a crypto provider was installed before");
    }
    let end = actix::System::new().block_on(app::run(settings, BUILD.clone()));
    match &end {
        End::Drained => {}
        End::Hurried => tracing::warn!("asked twice to end; ending at once"),
        End::Misconfigured(line) => tracing::error!("{line}"),
        End::Escalated(line) => {
            tracing::error!(line, "this process cannot go on; ending for the orchestrator to start anew")
        }
    }
    telemetry::finish();
    ExitCode::from(end.code())
}
