//! To whom a call may go. Envelopes and answers bring addresses (a response_url, an upload_url, the socket's), and a person
//! who could forge one would have the bot call any machine that it reaches. Only Slack's own are followed, and only by TLS.

use awc::http::Uri;
use std::net::IpAddr;

/// Slack, where nothing else is configured.
const SLACK: &str = "slack.com";

/// Where the Web API is, and so who is Slack here.
#[derive(Clone, Debug)]
pub(super) struct Origin {
    host: String,
    is_near: bool,
}

impl Origin {
    /// Slack as this address of its Web API tells: `https://slack.com/api`, `https://slack-gov.com/api`, or a sandbox.
    pub(super) fn of(api_url: &str) -> Self {
        let host = api_url.parse::<Uri>().ok().and_then(|uri| uri.host().map(str::to_ascii_lowercase));
        let host = host.unwrap_or_default();
        Self { is_near: is_near(&host), host }
    }

    /// Whether this is an address of Slack's. What calls it must dial this very value: a text could be read in two ways.
    pub(super) fn leads_to(&self, uri: &Uri) -> bool {
        let Some(authority) = uri.authority().filter(|authority| !authority.as_str().contains('@')) else {
            return false;
        };
        let host = authority.host().to_ascii_lowercase();
        let is_secure = matches!(uri.scheme_str(), Some("https" | "wss"));
        match self.is_near {
            // a sandbox speaks of itself by the name by which it was asked, and has no TLS
            true => is_near(&host) || is_secure && is_within(&host, SLACK),
            false => is_secure && (is_within(&host, SLACK) || is_within(&host, &self.host)),
        }
    }

    /// Whether the Web API itself may be asked without TLS, which every call's token goes over.
    pub(super) fn is_near(&self) -> bool {
        self.is_near
    }
}

fn is_within(host: &str, domain: &str) -> bool {
    !domain.is_empty()
        && host
            .strip_suffix(domain)
            .is_some_and(|before| before.is_empty() || before.len() > 1 && before.ends_with('.'))
}

/// Whether a host is this machine, or a neighbour in a network of containers: a name without a dot is nobody's on the
/// internet.
fn is_near(host: &str) -> bool {
    match host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>() {
        Ok(ip) => ip.is_loopback(),
        // a number is an address too, written in another way
        Err(_) => host.starts_with(|first: char| first.is_ascii_alphabetic()) && !host.contains(['.', ':']),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_address_of_slacks_is_followed_unless_the_api_is_a_sandbox_here() {
        let [slack, government, company] =
            ["https://slack.com/api", "https://slack-gov.com/api", "https://slack.corp.example/api"].map(Origin::of);
        let sandboxes =
            ["http://127.0.0.1:8484/api", "http://localhost/api", "http://[::1]:1/api", "http://sandbox:8484/api"]
                .map(Origin::of);
        let table = [
            // address, by Slack, by GovSlack, by a gateway of a company's own, by a sandbox
            ("https://hooks.slack.com/commands/T1/2/secret", [true, true, true, true]),
            ("https://slack.com/api/x", [true, true, true, true]),
            ("wss://wss-primary.slack.com/link/?ticket=1", [true, true, true, true]),
            ("https://FILES.Slack.COM:443/upload/v1/x", [true, true, true, true]),
            ("wss://wss.slack-gov.com/link/", [false, true, false, false]),
            ("https://slack.corp.example/commands/x", [false, false, true, false]),
            ("http://hooks.slack.com/commands/x", [false, false, false, false]),
            ("ws://wss-primary.slack.com/link/", [false, false, false, false]),
            ("ftp://files.slack.com/x", [false, false, false, false]),
            ("https://slack.com.evil.test/x", [false, false, false, false]),
            ("https://evilslack.com/x", [false, false, false, false]),
            ("https://.slack.com/x", [false, false, false, false]),
            ("https://slack.com@evil.test/x", [false, false, false, false]),
            ("https://evil.test@slack.com/x", [false, false, false, false]),
            ("https://evil.test/?slack.com", [false, false, false, false]),
            ("http://169.254.169.254/latest/meta-data/", [false, false, false, false]),
            ("https://10.0.0.7/x", [false, false, false, false]),
            ("http://2852039166/x", [false, false, false, false]),
            ("http://[fd00::1]/x", [false, false, false, false]),
            ("http://127.0.0.1:8999/x", [false, false, false, true]),
            ("ws://localhost:1/link/", [false, false, false, true]),
            ("http://[::1]:9/x", [false, false, false, true]),
            ("http://sandbox:8484/x", [false, false, false, true]),
            ("/commands/x", [false, false, false, false]),
        ];
        for (address, [by_slack, by_government, by_company, by_sandbox]) in table {
            let uri: Uri = address.parse().unwrap_or_default();
            assert_eq!(slack.leads_to(&uri), by_slack, "{address}");
            assert_eq!(government.leads_to(&uri), by_government, "{address} by GovSlack");
            assert_eq!(company.leads_to(&uri), by_company, "{address} by a gateway");
            for sandbox in &sandboxes {
                assert_eq!(sandbox.leads_to(&uri), by_sandbox, "{address} by {sandbox:?}");
            }
        }
    }

    #[test]
    fn what_is_no_address_leads_nowhere() {
        for api_url in ["", "slack.com", "/api", "https://"] {
            let uri: Uri = "https://evil.test/x".parse().expect("an address");
            assert!(!Origin::of(api_url).leads_to(&uri), "{api_url:?}");
        }
    }
}
