//! The secrets that are kept elsewhere, in a file or in AWS: read at the start, and again and again while the bot runs, so
//! that a rotated token is taken up without a restart.

use crate::aws::{Aws, AwsError, Class, SecretPort};
use crate::domain::SecretReference;
use crate::settings::Settings;
use crate::slack::{Token, TokenSource, check_token};
use crate::supervision::{self, supervised};
use actix::{Actor, AsyncContext, Context};
use async_trait::async_trait;
use secrecy::{ExposeSecret, SecretString};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Where a secret is kept.
enum Place {
    File(PathBuf),
    Aws(SecretReference),
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Aws(reference) => write!(f, "{reference}"),
        }
    }
}

/// A secret that is kept elsewhere.
struct Kept {
    key: &'static str,
    /// How such a token begins; empty for what is no token.
    prefix: &'static str,
    token: Token,
    place: Place,
}

/// Why a secret could not be read, as one line.
struct Unread {
    line: String,
    /// Whether it may be read soon: AWS did not answer.
    soon: bool,
}

/// All secrets that are kept elsewhere.
pub(super) struct Tokens {
    kept: Vec<Kept>,
    secrets: SecretPort,
    /// How often to look again.
    every: Duration,
}

impl Tokens {
    /// Those of the settings.
    pub(super) fn of(settings: &Settings) -> Self {
        let proxy = ("proxy_url", "", &settings.slack.proxy_url);
        let selftest = ("selftest", "", &settings.selftest.secret);
        let all = settings.slack.tokens().into_iter().chain([proxy, selftest]);
        let kept = all.filter_map(|(name, prefix, token)| {
            let key = match name {
                "app_token" => "slack.app_token",
                "bot_token" => "slack.bot_token",
                "selftest" => "selftest.secret",
                _ => "slack.proxy_url",
            };
            let file = settings.token_files.get(key).map(|path| Place::File(path.clone()));
            let place = token.reference().map(|reference| Place::Aws(reference.clone())).or(file)?;
            Some(Kept { key, prefix, token: token.clone(), place })
        });
        Self {
            kept: kept.collect(),
            secrets: Aws::new(settings.aws.clone()).secrets,
            every: settings.slack.token_refresh,
        }
    }

    /// Reads those that AWS keeps, before the start: nothing works without them. An outage is waited for.
    ///
    /// # Errors
    /// One cannot be read, or is no such secret: a line that says what to do.
    pub(super) async fn first(&self) -> Result<(), String> {
        for kept in self.kept.iter().filter(|kept| matches!(kept.place, Place::Aws(_))) {
            let mut pause = Duration::from_millis(500);
            loop {
                match self.read(kept).await {
                    Ok(secret) => {
                        kept.token.replace(secret);
                        break;
                    }
                    Err(unread) if !unread.soon => return Err(unread.line),
                    Err(unread) => tracing::warn!(reason = unread.line, "secret cannot be read; trying again"),
                }
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(Duration::from_secs(30));
            }
        }
        Ok(())
    }

    /// Reads those that AWS keeps, once.
    ///
    /// # Errors
    /// The first that cannot be read, as a line.
    pub(super) async fn once(&self) -> Result<(), String> {
        for kept in self.kept.iter().filter(|kept| matches!(kept.place, Place::Aws(_))) {
            kept.token.replace(self.read(kept).await.map_err(|unread| unread.line)?);
        }
        Ok(())
    }

    async fn read(&self, kept: &Kept) -> Result<SecretString, Unread> {
        let Kept { key, prefix, place, .. } = kept;
        let secret = match place {
            Place::File(path) => std::fs::read_to_string(path)
                .map(SecretString::from)
                .map_err(|error| Unread { line: format!("{key}: {place} cannot be read: {error}"), soon: true })?,
            Place::Aws(reference) => {
                self.secrets.secret(reference).await.map_err(|error| unread(key, place, &error))?
            }
        };
        let secret = SecretString::from(secret.expose_secret().trim().to_owned());
        let checked = match (prefix.is_empty(), secret.expose_secret().is_empty()) {
            (true, false) => Ok(()),
            _ => check_token(prefix, &secret),
        };
        checked.map_err(|wrong| Unread { line: format!("{key} {wrong}: {place} holds it"), soon: false })?;
        Ok(secret)
    }
}

fn unread(key: &str, place: &Place, error: &AwsError) -> Unread {
    let to_do = match error.class {
        Class::NotFound => "check its name, the region, and that it holds a text",
        Class::Denied => {
            "allow the bot's role ssm:GetParameter or secretsmanager:GetSecretValue on it, and kms:Decrypt on its key"
        }
        Class::Credentials => "check the bot's AWS role",
        _ => "check the network and AWS",
    };
    // without credentials at the very start they may still be on their way: a role is not always there with the host
    let soon =
        matches!(error.class, Class::Throttled | Class::Server | Class::Lost | Class::NotSent | Class::Credentials);
    Unread { line: format!("{key}: {place} cannot be read ({error}); {to_do}"), soon }
}

#[async_trait]
impl TokenSource for Tokens {
    fn may_change(&self) -> bool {
        !self.kept.is_empty()
    }

    /// What cannot be read, or is no such token, leaves the old one in force.
    async fn look_again(&self) {
        for kept in &self.kept {
            let outcome = match self.read(kept).await {
                Ok(secret) => {
                    let is_another = kept.token.replace(secret);
                    if is_another {
                        tracing::info!(key = kept.key, place = %kept.place, "secret was rotated; the new one is in force");
                    }
                    if is_another { "rotated" } else { "same" }
                }
                Err(unread) => {
                    tracing::warn!(reason = unread.line, "secret cannot be read again; the one in force stays");
                    "failed"
                }
            };
            metrics::counter!("dronebot_secret_reads_total", "outcome" => outcome).increment(1);
        }
    }
}

/// The actor that looks for rotated tokens.
pub(super) struct TokenKeeper {
    tokens: Arc<Tokens>,
    /// Whether a look goes on, in whichever life.
    looking: Arc<AtomicBool>,
}

impl TokenKeeper {
    pub(super) fn new(tokens: Arc<Tokens>, looking: Arc<AtomicBool>) -> Self {
        Self { tokens, looking }
    }

    fn look(&self) {
        if self.looking.swap(true, Ordering::AcqRel) {
            return;
        }
        let (tokens, looking) = (Arc::clone(&self.tokens), Arc::clone(&self.looking));
        let look = async move {
            tokens.look_again().await;
            looking.store(false, Ordering::Release);
        };
        supervision::spawn_local_detached("token look", look).detach();
    }
}

impl Actor for TokenKeeper {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        if self.tokens.may_change() {
            ctx.run_interval(self.tokens.every, |keeper, _| keeper.look());
        }
    }
}

supervised!(TokenKeeper, |self| TokenKeeper::new(Arc::clone(&self.tokens), Arc::default()));
