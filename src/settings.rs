//! Settings: built-in defaults, then a file, then the environment, then files for secrets, become one validated value.
//!
//! `config/default.toml` is the list of what can be set: a key that is not in it is an error, and its values say of
//! which type an override must be. Whatever is wrong is told as one line with the key, its source and what to do, and
//! everything that is wrong is told at once. Only this file reads the environment of the process (the SDK and rustls
//! read their own variables).

mod effective;
mod layers;
mod secret_files;
mod secrets;
mod sections;
#[cfg(test)]
mod tests;

pub use effective::Effective;
pub use sections::{
    BodySettings, HealthSettings, LogFormat, LogOutput, LogSettings, PolicySettings, ShutdownSettings,
    SupervisionSettings,
};

use crate::aws::AwsConfig;
use crate::commands::{CommandsConfig, DeployConfig};
use crate::delivery::DeliveryConfig;
use crate::dispatch::GroupsConfig;
use crate::domain::SecretReference;
use crate::execution::ExecutionConfig;
use crate::intake::SelfTestConfig;
use crate::slack::SlackConfig;
use crate::store::StoreConfig;
use layers::Layers;
use secrecy::SecretString;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// The built-in settings.
const DEFAULTS: &str = include_str!("../config/default.toml");

/// The variable that names the configuration file when `--config` does not.
const FILE_VARIABLE: &str = "DRONEBOT_CONFIG";

/// Everything that can be set, validated.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Slack.
    pub slack: SlackConfig,
    /// The store.
    pub store: StoreConfig,
    /// AWS.
    pub aws: AwsConfig,
    /// The bounds of commands.
    pub commands: CommandsConfig,
    /// What may be deployed.
    pub deploy: DeployConfig,
    /// Running commands.
    pub execution: ExecutionConfig,
    /// Sending answers.
    pub delivery: DeliveryConfig,
    /// The policies.
    pub policy: PolicySettings,
    /// The groups.
    pub groups: GroupsConfig,
    /// The health server.
    pub health: HealthSettings,
    /// The self-test.
    pub selftest: SelfTestConfig,
    /// The log.
    pub log: LogSettings,
    /// Restarts.
    pub supervision: SupervisionSettings,
    /// Stopping.
    pub shutdown: ShutdownSettings,
    /// The body.
    pub body: BodySettings,
    /// The proxy of the environment.
    pub proxy: ProxyVariables,
    /// The files from which secrets were read, by key.
    pub token_files: BTreeMap<&'static str, PathBuf>,
    /// What the environment says of the program that started the bot.
    pub surroundings: Surroundings,
    effective: Effective,
}

/// What the environment says about proxies, unparsed.
#[derive(Clone, Debug, Default)]
pub struct ProxyVariables {
    /// `https_proxy` or `HTTPS_PROXY`. It may hold a password.
    pub https_proxy: Option<SecretString>,
    /// `no_proxy` or `NO_PROXY`.
    pub no_proxy: Option<String>,
}

/// What the environment says of the program that started the bot: AWS's and systemd's own variables.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Surroundings {
    /// `ECS_CONTAINER_METADATA_URI_V4`: where ECS tells what this task is.
    pub ecs_metadata: Option<String>,
    /// `AWS_EC2_METADATA_DISABLED=true`: EC2 is not to be asked what this machine is.
    pub ec2_metadata_disabled: bool,
    /// `NOTIFY_SOCKET` is set: systemd wants to hear how it goes.
    pub systemd: bool,
    /// `AWS_REGION` or `AWS_DEFAULT_REGION`: the region of commands that name none, where the settings do not say it.
    pub region: Option<String>,
}

impl Surroundings {
    fn of(environment: &Environment) -> Self {
        let disabled = environment.text("AWS_EC2_METADATA_DISABLED");
        Self {
            ecs_metadata: environment.text("ECS_CONTAINER_METADATA_URI_V4").map(str::to_owned),
            ec2_metadata_disabled: disabled.is_some_and(|word| word.eq_ignore_ascii_case("true")),
            systemd: environment.text("NOTIFY_SOCKET").is_some(),
            region: environment
                .text("AWS_REGION")
                .or_else(|| environment.text("AWS_DEFAULT_REGION"))
                .map(str::to_owned),
        }
    }
}

/// Whether DynamoDB is at an address that is none of AWS's: a simulation.
fn has_simulated_table(environment: &Environment) -> bool {
    let address = environment.text("AWS_ENDPOINT_URL_DYNAMODB").or_else(|| environment.text("AWS_ENDPOINT_URL"));
    let host = address.and_then(|address| url::Url::parse(address).ok()?.host_str().map(str::to_ascii_lowercase));
    host.is_some_and(|host| !host.contains(".amazonaws."))
}

/// Drills break actors for every caller of the probes, which have no login: only this machine may.
fn open_drills(health: &HealthSettings, supervision: &SupervisionSettings) -> Option<String> {
    (supervision.drills && !health.listen.ip().is_loopback()).then(|| {
        format!(
            "`supervision.drills` must be off where `health.listen` ({}) is open to other machines: the probes have no login, \
             and everybody who reaches them could break the bot; listen at 127.0.0.1, or switch drills off",
            health.listen
        )
    })
}

/// Why the settings cannot be used. Shown one problem per line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", problems.join("\n"))]
pub struct SettingsError {
    /// Each with its key and source.
    pub problems: Vec<String>,
}

/// The variables of a process.
#[derive(Clone, Default)]
pub struct Environment(BTreeMap<String, OsString>);

impl Environment {
    /// The variables of this process.
    pub fn of_process() -> Self {
        // a name that is not UTF-8 is none of ours
        std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value))).collect()
    }

    /// The value of a variable that is set, is text, and is not empty.
    fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).and_then(|value| value.to_str()).filter(|value| !value.trim().is_empty())
    }

    fn iter(&self) -> impl Iterator<Item = (&str, &OsString)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value))
    }
}

impl std::fmt::Debug for Environment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl<K: Into<String>, V: Into<OsString>> FromIterator<(K, V)> for Environment {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(variables: I) -> Self {
        Self(variables.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
    }
}

impl Settings {
    /// Reads the settings. `file` is that of `--config`; without it DRONEBOT_CONFIG is asked.
    ///
    /// # Errors
    /// Everything that is wrong, a line each.
    pub fn load(file: Option<&Path>, environment: &Environment) -> Result<Self, SettingsError> {
        let file = file.map(PathBuf::from).or_else(|| environment.text(FILE_VARIABLE).map(PathBuf::from));
        let mut problems = Vec::new();
        let mut layers = Layers::defaults(DEFAULTS).map_err(|problem| SettingsError { problems: vec![problem] })?;
        if let Some(file) = &file {
            layers.add_file(file, &mut problems);
        }
        layers.add_environment(environment, &mut problems);
        let token_files = secret_files::resolve(&mut layers, environment, &mut problems);
        let settings = Self::read(&mut layers, environment, &mut problems);
        let settings = settings.map(|settings| Self { token_files, ..settings });
        match settings {
            Some(settings) if problems.is_empty() => Ok(settings),
            _ => Err(SettingsError { problems }),
        }
    }

    /// Every section is read even when another has failed, so that all problems are told.
    fn read(layers: &mut Layers, environment: &Environment, problems: &mut Vec<String>) -> Option<Self> {
        let slack = layers.section("slack", SlackConfig::check, problems);
        let is_simulated = has_simulated_table(environment);
        let store = layers.section("store", |store: &StoreConfig| store.check(is_simulated), problems);
        let aws = layers.section("aws", AwsConfig::validate, problems);
        let commands = layers.section("commands", CommandsConfig::validate, problems);
        let deploy = layers.section("deploy", DeployConfig::validate, problems);
        let execution = layers.section("execution", ExecutionConfig::check, problems);
        let delivery = layers.section("delivery", DeliveryConfig::check, problems);
        let policy = layers.section("policy", |_: &PolicySettings| Ok(()), problems);
        let groups = layers.section("groups", GroupsConfig::check, problems);
        let health = layers.section("health", |_: &HealthSettings| Ok(()), problems);
        let selftest = layers.section("selftest", SelfTestConfig::check, problems);
        let log = layers.section("log", |_: &LogSettings| Ok(()), problems);
        let supervision = layers.section("supervision", SupervisionSettings::check, problems);
        let body = layers.section("body", BodySettings::check, problems);
        let shutdown = layers.section("shutdown", |_: &ShutdownSettings| Ok(()), problems);
        if let (Some(health), Some(supervision)) = (&health, &supervision) {
            problems.extend(open_drills(health, supervision));
        }
        let either = |lower: &str, upper: &str| environment.text(lower).or_else(|| environment.text(upper));
        let proxy = ProxyVariables {
            https_proxy: either("https_proxy", "HTTPS_PROXY").map(SecretString::from),
            no_proxy: either("no_proxy", "NO_PROXY").map(str::to_owned),
        };
        Some(Self {
            slack: slack?,
            store: store?,
            aws: aws?,
            commands: commands?,
            deploy: deploy?,
            execution: execution?,
            delivery: delivery?,
            policy: policy?,
            groups: groups?,
            health: health?,
            selftest: selftest?,
            log: log?,
            supervision: supervision?,
            shutdown: shutdown?,
            body: body?,
            surroundings: Surroundings::of(environment),
            effective: Effective::of(layers, proxy.https_proxy.is_some()),
            token_files: BTreeMap::new(),
            proxy,
        })
    }

    /// The regions in which commands can act, where the settings list them: with that of commands that name none. Empty
    /// means any.
    pub fn regions(&self) -> Vec<String> {
        let listed = &self.aws.regions;
        if listed.is_empty() {
            return Vec::new();
        }
        let home = self.aws.region.as_ref().or(self.surroundings.region.as_ref());
        let all: std::collections::BTreeSet<&String> = listed.iter().chain(home).collect();
        all.into_iter().cloned().collect()
    }

    /// The secrets that AWS keeps, by what names them.
    pub fn secret_references(&self) -> Vec<SecretReference> {
        let tokens = self.slack.tokens().into_iter().map(|(_, _, token)| token);
        tokens
            .chain([&self.slack.proxy_url, &self.selftest.secret])
            .filter_map(|token| token.reference().cloned())
            .collect()
    }

    /// What is in force and where each value came from, as TOML with secrets masked.
    pub fn effective(&self) -> &Effective {
        &self.effective
    }
}
