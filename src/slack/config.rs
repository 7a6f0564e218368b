//! Everything about Slack that can be set, with the values that suit the real Slack.

use super::origin::Origin;
use super::token::Token;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Deserializer};
use std::time::Duration;

/// The `slack` section of the settings. Every duration is a number of seconds (fractions allowed) and says so in its key.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SlackConfig {
    /// Where the Web API is: `https://slack.com/api`, or the sandbox.
    pub api_url: String,
    /// The app-level token (`xapp-…`, scope `connections:write`): opens connections.
    pub app_token: Token,
    /// The bot token (`xoxb-…`): everything else.
    pub bot_token: Token,
    /// An HTTP proxy for every request to Slack, `http://user:password@host:port`. Wins over the environment.
    pub proxy_url: Token,
    /// How often it is looked whether another token is kept where they come from: a file, Parameter Store or Secrets
    /// Manager.
    #[serde(rename = "token_refresh_seconds", deserialize_with = "seconds")]
    pub token_refresh: Duration,
    /// How many Socket Mode connections are kept: 2 cover Slack's refreshes, 10 is Slack's limit for an app.
    pub connections: usize,
    /// How often a quiet connection is pinged.
    #[serde(rename = "ping_interval_seconds", deserialize_with = "seconds")]
    pub ping_interval: Duration,
    /// After how long without any frame a connection is taken for dead.
    #[serde(rename = "idle_timeout_seconds", deserialize_with = "seconds")]
    pub idle_timeout: Duration,
    /// How long asking Slack for the address of a new connection may take.
    #[serde(rename = "open_timeout_seconds", deserialize_with = "seconds")]
    pub open_timeout: Duration,
    /// How long TCP, TLS and the WebSocket upgrade together may take.
    #[serde(rename = "dial_timeout_seconds", deserialize_with = "seconds")]
    pub dial_timeout: Duration,
    /// How long Slack's hello may take after the upgrade.
    #[serde(rename = "hello_timeout_seconds", deserialize_with = "seconds")]
    pub hello_timeout: Duration,
    /// How long written bytes may wait for the network to take them.
    #[serde(rename = "write_timeout_seconds", deserialize_with = "seconds")]
    pub write_timeout: Duration,
    /// The first pause after a failed dial.
    #[serde(rename = "backoff_min_seconds", deserialize_with = "seconds")]
    pub backoff_min: Duration,
    /// The longest pause after a failed dial.
    #[serde(rename = "backoff_max_seconds", deserialize_with = "seconds")]
    pub backoff_max: Duration,
    /// How long a connection must last for the pauses to start from the shortest again.
    #[serde(rename = "stable_after_seconds", deserialize_with = "seconds")]
    pub stable_after: Duration,
    /// The first pause after Slack says that the app has too many connections; the longest is ten times this.
    #[serde(rename = "too_many_backoff_seconds", deserialize_with = "seconds")]
    pub too_many_backoff: Duration,
    /// How often it is looked whether a switched-off Socket Mode is on again.
    #[serde(rename = "disabled_recheck_seconds", deserialize_with = "seconds")]
    pub disabled_recheck: Duration,
    /// How long a connection that Slack replaces is still read after the new one is up.
    #[serde(rename = "overlap_seconds", deserialize_with = "seconds")]
    pub overlap: Duration,
    /// How long the other side has to end a closed connection before it is dropped.
    #[serde(rename = "close_grace_seconds", deserialize_with = "seconds")]
    pub close_grace: Duration,
    /// How long a stop waits for acknowledgements that are being worked on.
    #[serde(rename = "stop_grace_seconds", deserialize_with = "seconds")]
    pub stop_grace: Duration,
    /// How many envelopes of one connection may be in work; those above it are left unacknowledged.
    pub max_in_flight: usize,
    /// How long a Web API call may take, its answer's body included.
    #[serde(rename = "api_timeout_seconds", deserialize_with = "seconds")]
    pub api_timeout: Duration,
    /// How many connections for Web API calls one thread may hold.
    pub api_connections: usize,
    /// How fast the bot may call.
    pub pacing: PacingConfig,
}

/// The `slack.pacing` section: the pace below Slack's rate limits.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PacingConfig {
    /// Calls a minute of a tier 2 method (usergroups.users.list).
    pub tier2_per_minute: u32,
    /// Calls a minute of a tier 3 method (chat.update).
    pub tier3_per_minute: u32,
    /// Calls a minute of a tier 4 method (chat.postEphemeral, users.info).
    pub tier4_per_minute: u32,
    /// Messages a minute to the whole workspace. Slack publishes no number but "several hundred".
    pub posts_per_minute: u32,
    /// The time between two messages to one channel.
    #[serde(rename = "channel_interval_seconds", deserialize_with = "seconds")]
    pub channel_interval: Duration,
    /// A call waits for its turn this long itself; a longer wait is handed back to the caller.
    #[serde(rename = "max_wait_seconds", deserialize_with = "seconds")]
    pub max_wait: Duration,
}

impl Default for SlackConfig {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self {
            api_url: "https://slack.com/api".to_owned(),
            app_token: Token::default(),
            bot_token: Token::default(),
            proxy_url: Token::default(),
            token_refresh: seconds(60),
            connections: 2,
            ping_interval: seconds(10),
            idle_timeout: seconds(45),
            open_timeout: seconds(10),
            dial_timeout: seconds(10),
            hello_timeout: seconds(10),
            write_timeout: seconds(5),
            backoff_min: seconds(1),
            backoff_max: seconds(60),
            stable_after: seconds(60),
            too_many_backoff: seconds(30),
            disabled_recheck: seconds(300),
            overlap: seconds(10),
            close_grace: seconds(1),
            stop_grace: seconds(2),
            max_in_flight: 8_192,
            api_timeout: seconds(10),
            api_connections: 64,
            pacing: PacingConfig::default(),
        }
    }
}

impl Default for PacingConfig {
    fn default() -> Self {
        Self {
            tier2_per_minute: 20,
            tier3_per_minute: 50,
            tier4_per_minute: 100,
            posts_per_minute: 300,
            channel_interval: Duration::from_secs(1),
            max_wait: Duration::from_secs(2),
        }
    }
}

impl SlackConfig {
    /// Refuses values that cannot work. The error names the key and never a secret.
    pub fn check(&self) -> Result<(), String> {
        let scheme = url::Url::parse(&self.api_url).map_err(|error| format!("api_url is not a URL: {error}"))?;
        if !matches!(scheme.scheme(), "http" | "https") || scheme.host_str().is_none() {
            return Err("api_url must be an http or https URL".to_owned());
        }
        if scheme.scheme() == "http" && !self.origin().is_near() {
            return Err(
                "api_url must be an https URL: the tokens would be sent in clear. Without TLS there is only a Slack \
                        sandbox on this machine (127.0.0.1, localhost) or beside it (a host whose name has no dot)"
                    .to_owned(),
            );
        }
        for (key, prefix, token) in self.tokens() {
            if token.reference().is_none() {
                check_token(prefix, &token.get()).map_err(|wrong| format!("{key} {wrong}"))?;
            }
        }
        if !(1..=10).contains(&self.connections) {
            return Err("connections must be between 1 and 10, Slack's limit for an app".to_owned());
        }
        if self.idle_timeout <= self.ping_interval {
            return Err("idle_timeout_seconds must be longer than ping_interval_seconds".to_owned());
        }
        if self.backoff_min > self.backoff_max {
            return Err("backoff_min_seconds must not be longer than backoff_max_seconds".to_owned());
        }
        let zero = [
            ("token_refresh_seconds", self.token_refresh),
            ("ping_interval_seconds", self.ping_interval),
            ("open_timeout_seconds", self.open_timeout),
            ("dial_timeout_seconds", self.dial_timeout),
            ("hello_timeout_seconds", self.hello_timeout),
            ("write_timeout_seconds", self.write_timeout),
            ("backoff_min_seconds", self.backoff_min),
            ("api_timeout_seconds", self.api_timeout),
        ];
        match zero.iter().find(|(_, value)| value.is_zero()) {
            Some((key, _)) => Err(format!("{key} must be longer than 0")),
            None => Ok(()),
        }
    }

    /// The tokens: the key, how such a token begins, and the token.
    pub fn tokens(&self) -> [(&'static str, &'static str, &Token); 2] {
        [("app_token", "xapp-", &self.app_token), ("bot_token", "xoxb-", &self.bot_token)]
    }

    /// Whose addresses are followed.
    pub(super) fn origin(&self) -> Origin {
        Origin::of(&self.api_url)
    }

    /// The address of a Web API method.
    pub(super) fn method_url(&self, method: &str) -> String {
        format!("{}/{method}", self.api_url.trim_end_matches('/'))
    }
}

/// What is wrong with a token, said behind its key; no part of it is repeated.
///
/// # Errors
/// It is empty, of another kind, or no token at all.
pub fn check_token(prefix: &str, token: &SecretString) -> Result<(), String> {
    let token = token.expose_secret();
    if token.trim().is_empty() {
        return Err("is missing".to_owned());
    }
    let known = ["xapp-", "xoxb-", "xoxp-", "xoxe.", "xoxe-"];
    if !token.starts_with(prefix) && known.iter().any(|other| token.starts_with(other)) {
        return Err(format!("must be a token that starts with `{prefix}`; this is one of another kind"));
    }
    if !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err("holds characters that no token has".to_owned());
    }
    Ok(())
}

fn seconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let number = f64::deserialize(deserializer)?;
    Duration::try_from_secs_f64(number).map_err(|_| serde::de::Error::custom("must be a number of seconds, 0 or more"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_in_seconds_and_unknown_keys_are_refused() {
        let config: SlackConfig = serde_json::from_str(
            r#"{"idle_timeout_seconds": 30, "backoff_min_seconds": 0.25, "app_token": " xapp-1 \n"}"#,
        )
        .expect("valid");
        assert_eq!(config.idle_timeout, Duration::from_secs(30));
        assert_eq!(config.backoff_min, Duration::from_millis(250));
        assert_eq!(config.app_token.get().expose_secret(), "xapp-1");
        assert_eq!(config.connections, 2);
        assert!(serde_json::from_str::<SlackConfig>(r#"{"idle_timeout": 30}"#).is_err());
        assert!(serde_json::from_str::<SlackConfig>(r#"{"idle_timeout_seconds": -1}"#).is_err());
    }

    #[test]
    fn a_configuration_that_cannot_work_is_refused_by_the_name_of_its_key() {
        let good = SlackConfig {
            app_token: Token::from("xapp-1"),
            bot_token: Token::from("xoxb-1"),
            ..SlackConfig::default()
        };
        assert_eq!(good.check(), Ok(()));
        let swapped = SlackConfig { app_token: Token::from("xoxb-77"), ..good.clone() };
        let error = swapped.check().expect_err("a bot token opens no connection");
        assert!(error.contains("app_token") && !error.contains("77"), "{error}");
        assert!(SlackConfig { connections: 11, ..good.clone() }.check().expect_err("11").contains("connections"));
        assert!(
            SlackConfig { api_url: "slack.com".into(), ..good.clone() }.check().expect_err("url").contains("api_url")
        );
        for (address, is_fine) in [
            ("https://slack.com/api", true),
            ("https://slack-gov.com/api", true),
            ("http://127.0.0.1:8484/api", true),
            ("http://sandbox:8484/api", true),
            ("http://slack.com/api", false),
            ("http://10.0.0.7/api", false),
        ] {
            let checked = SlackConfig { api_url: address.into(), ..good.clone() }.check();
            assert_eq!(checked.is_ok(), is_fine, "{address}: {checked:?}");
        }
        assert!(!format!("{good:?}").contains("xapp-1"));
    }
}
