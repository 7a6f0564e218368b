//! The way out: which requests go through a proxy, over which network. Built from strings: only the settings read the
//! environment.

use super::SlackConfig;
use super::network::{self, Network};
use base64::Engine as _;
use secrecy::{ExposeSecret, SecretString};
use std::net::IpAddr;
use std::sync::Arc;

/// A proxy address or exception that cannot be used. Never holds the address itself, which may contain a password.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProxyError {
    /// Not a URL.
    #[error("the proxy's address is not a URL such as http://host:port")]
    NotAUrl,
    /// A scheme other than `http`.
    #[error("a proxy is reached by http only, not by {0}")]
    Scheme(String),
}

/// The proxy and its exceptions. The default is no proxy.
#[derive(Clone, Debug)]
pub struct Proxy {
    route: Option<Route>,
    exceptions: Vec<Exception>,
    network: Arc<dyn Network>,
}

impl Default for Proxy {
    fn default() -> Self {
        Self { route: None, exceptions: Vec::new(), network: network::tcp() }
    }
}

/// Where the proxy is.
#[derive(Clone, Debug)]
pub(super) struct Route {
    pub(super) host: String,
    pub(super) port: u16,
    /// The value of `Proxy-Authorization`.
    pub(super) authorization: Option<SecretString>,
    /// Set by the bot's own configuration: for every address, loopback and plain http included.
    explicit: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Exception {
    host: HostRule,
    port: Option<u16>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum HostRule {
    All,
    Ip(IpAddr),
    Net(IpAddr, u8),
    /// The name itself and all names below it.
    Domain(String),
    /// Only names below it.
    Suffix(String),
}

impl Proxy {
    /// The proxy by the conventions of the environment: `HTTPS_PROXY` for https and wss, except for what `NO_PROXY`
    /// lists and for this machine itself.
    pub fn new(https_proxy: Option<&str>, no_proxy: Option<&str>) -> Result<Self, ProxyError> {
        let address = https_proxy.map(str::trim).filter(|address| !address.is_empty());
        let route = address.map(|address| Route::parse(address, false)).transpose()?;
        Ok(Self { route, exceptions: parse_exceptions(no_proxy.unwrap_or_default()), ..Self::default() })
    }

    /// As [`Proxy::new`], but `proxy_url` of the configuration, if set, wins and serves every scheme.
    pub fn for_config(
        config: &SlackConfig,
        https_proxy: Option<&str>,
        no_proxy: Option<&str>,
    ) -> Result<Self, ProxyError> {
        let address = config.proxy_url.get();
        if address.expose_secret().is_empty() {
            return Self::new(https_proxy, no_proxy);
        }
        let route = Route::parse(address.expose_secret(), true)?;
        Ok(Self { route: Some(route), exceptions: parse_exceptions(no_proxy.unwrap_or_default()), ..Self::default() })
    }

    /// The same over another network than the machine's own TCP.
    pub fn over(self, network: Arc<dyn Network>) -> Self {
        Self { network, ..self }
    }

    pub(super) fn network(&self) -> &dyn Network {
        &*self.network
    }

    /// The proxy to be used for this address, or `None` for a direct connection.
    pub(super) fn route(&self, secure: bool, host: &str, port: u16) -> Option<&Route> {
        let route = self.route.as_ref()?;
        let host = host.trim_start_matches('[').trim_end_matches(']').trim_end_matches('.').to_ascii_lowercase();
        let ip: Option<IpAddr> = host.parse().ok();
        let local = host == "localhost" || ip.is_some_and(|ip| ip.is_loopback());
        if !route.explicit && (!secure || local) {
            return None;
        }
        let excepted = self.exceptions.iter().any(|exception| exception.matches(&host, ip, port));
        (!excepted).then_some(route)
    }
}

impl Route {
    fn parse(address: &str, explicit: bool) -> Result<Self, ProxyError> {
        let with_scheme = if address.contains("://") { address.to_owned() } else { format!("http://{address}") };
        let url = url::Url::parse(&with_scheme).map_err(|_| ProxyError::NotAUrl)?;
        if url.scheme() != "http" {
            return Err(ProxyError::Scheme(url.scheme().to_owned()));
        }
        let host = url.host_str().ok_or(ProxyError::NotAUrl)?.trim_matches(['[', ']']).to_owned();
        let authorization = (!url.username().is_empty()).then(|| {
            let decode = |text: &str| percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned();
            let pair = format!("{}:{}", decode(url.username()), decode(url.password().unwrap_or_default()));
            SecretString::from(format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(pair)))
        });
        Ok(Self { host, port: url.port_or_known_default().unwrap_or(80), authorization, explicit })
    }
}

fn parse_exceptions(text: &str) -> Vec<Exception> {
    text.split([',', ' ']).map(str::trim).filter(|entry| !entry.is_empty()).map(Exception::parse).collect()
}

impl Exception {
    fn parse(entry: &str) -> Self {
        let entry = entry.to_ascii_lowercase();
        if let Some(host) = HostRule::address(&entry) {
            return Self { host, port: None };
        }
        let (name, port) = match entry.rsplit_once(':') {
            Some((name, port)) => match port.parse() {
                Ok(port) => (name, Some(port)),
                Err(_) => (entry.as_str(), None),
            },
            None => (entry.as_str(), None),
        };
        let host = HostRule::address(name).unwrap_or_else(|| HostRule::name(name));
        Self { host, port }
    }

    fn matches(&self, host: &str, ip: Option<IpAddr>, port: u16) -> bool {
        if self.port.is_some_and(|only| only != port) {
            return false;
        }
        match &self.host {
            HostRule::All => true,
            HostRule::Ip(rule) => ip == Some(*rule),
            HostRule::Net(net, bits) => ip.is_some_and(|ip| in_net(ip, *net, *bits)),
            HostRule::Domain(name) => host == name || is_below(host, name),
            HostRule::Suffix(name) => is_below(host, name),
        }
    }
}

impl HostRule {
    fn address(text: &str) -> Option<Self> {
        if text == "*" {
            return Some(Self::All);
        }
        let bare = text.trim_start_matches('[').trim_end_matches(']');
        if let Some((net, bits)) = bare.split_once('/') {
            return Some(Self::Net(net.parse().ok()?, bits.parse().ok()?));
        }
        bare.parse().ok().map(Self::Ip)
    }

    fn name(text: &str) -> Self {
        let text = text.trim_end_matches('.');
        match text.strip_prefix("*.").or_else(|| text.strip_prefix('.')) {
            Some(suffix) => Self::Suffix(suffix.to_owned()),
            None => Self::Domain(text.to_owned()),
        }
    }
}

fn is_below(host: &str, name: &str) -> bool {
    host.strip_suffix(name).is_some_and(|rest| rest.ends_with('.'))
}

fn in_net(ip: IpAddr, net: IpAddr, bits: u8) -> bool {
    match (ip, net) {
        (IpAddr::V4(ip), IpAddr::V4(net)) if bits <= 32 => {
            let mask = u32::MAX.checked_shl(32 - u32::from(bits)).unwrap_or(0);
            ip.to_bits() & mask == net.to_bits() & mask
        }
        (IpAddr::V6(ip), IpAddr::V6(net)) if bits <= 128 => {
            let mask = u128::MAX.checked_shl(128 - u32::from(bits)).unwrap_or(0);
            ip.to_bits() & mask == net.to_bits() & mask
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxied(no_proxy: &str, host: &str, port: u16) -> bool {
        Proxy::new(Some("http://proxy:3128"), Some(no_proxy)).expect("valid").route(true, host, port).is_some()
    }

    // failure 27
    #[test]
    fn exceptions_match_by_name_suffix_address_net_and_port() {
        let table = [
            ("", "slack.com", 443, true),
            ("*", "slack.com", 443, false),
            ("slack.com", "slack.com", 443, false),
            ("slack.com", "wss-primary.slack.com", 443, false),
            ("slack.com", "notslack.com", 443, true),
            (".slack.com", "slack.com", 443, true),
            (".slack.com", "hooks.slack.com", 443, false),
            ("*.slack.com", "hooks.slack.com", 443, false),
            ("SLACK.com", "Slack.COM.", 443, false),
            ("slack.com:8443", "slack.com", 443, true),
            ("slack.com:443", "slack.com", 443, false),
            ("example.org, 10.0.0.1", "10.0.0.1", 443, false),
            ("10.0.0.0/8", "10.9.9.9", 443, false),
            ("10.0.0.0/8", "11.0.0.1", 443, true),
            ("fd00::/8", "[fd12::1]", 443, false),
            ("[::2]:8443", "[::2]", 8443, false),
            ("[::2]:8443", "[::2]", 443, true),
            ("", "localhost", 443, false),
            ("", "127.0.0.1", 443, false),
        ];
        for (no_proxy, host, port, expected) in table {
            assert_eq!(proxied(no_proxy, host, port), expected, "NO_PROXY={no_proxy} {host}:{port}");
        }
    }

    #[test]
    fn the_environments_proxy_is_for_https_and_the_configurations_for_all() {
        let environment = Proxy::new(Some("proxy:3128"), None).expect("valid");
        assert!(environment.route(false, "slack.com", 80).is_none());
        let config = SlackConfig {
            proxy_url: SecretString::from("http://u:p%40ss@127.0.0.1:8080").into(),
            ..SlackConfig::default()
        };
        let explicit = Proxy::for_config(&config, None, Some("excepted.test")).expect("valid");
        let route = explicit.route(false, "127.0.0.1", 80).expect("proxied");
        assert_eq!((route.host.as_str(), route.port), ("127.0.0.1", 8080));
        assert_eq!(route.authorization.as_ref().expect("credentials").expose_secret(), "Basic dTpwQHNz");
        assert!(explicit.route(true, "excepted.test", 443).is_none());
        assert!(!format!("{explicit:?}").contains("dTpwQHNz"));
    }

    #[test]
    fn an_address_that_cannot_be_used_is_refused_without_being_repeated() {
        assert_eq!(
            Proxy::new(Some("socks5://u:secret@h:1"), None).expect_err("socks"),
            ProxyError::Scheme("socks5".into())
        );
        assert_eq!(Proxy::new(Some("http://"), None).expect_err("empty"), ProxyError::NotAUrl);
        assert!(Proxy::new(Some("  "), None).expect("none").route.is_none());
    }
}
