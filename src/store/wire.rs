//! Between values and what a store keeps of them, the same for every implementation.

use crate::domain::{ChannelId, Reply, ReplyTo, RequestId, Tone, UserId};
use crate::store::{Address, StoreError};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;

/// A value as JSON.
pub(super) fn json<T: Serialize>(value: &T) -> Result<String, StoreError> {
    serde_json::to_string(value)
        .map_err(|error| StoreError::Failed(format!("value cannot be written as JSON: {error}")))
}

/// JSON that a program of another version may have written. What cannot be read is logged and left out, so that it
/// does not keep all else from being taken up.
pub(super) fn readable<T: serde::de::DeserializeOwned>(
    text: &str,
    request: RequestId,
    what: &'static str,
) -> Option<T> {
    serde_json::from_str(text)
        .inspect_err(|error| tracing::error!(%request, what, %error, "stored value cannot be read"))
        .ok()
}

/// What is sent in place of a reply that cannot be read.
pub(super) fn unreadable() -> Reply {
    Reply::new(Tone::Unknown).sentence(
        "My answer was written by another version of me and I cannot read it, so I do not know what was done. \
         Please look before you try again.",
    )
}

/// The `place`, `thread_ts` and `url` of a request.
pub(super) fn place(reply_to: &ReplyTo) -> (&'static str, Option<&str>, Option<&str>) {
    match reply_to {
        ReplyTo::Caller { response_url } => ("caller", None, response_url.as_ref().map(|url| url.expose_secret())),
        ReplyTo::Presser { response_url } => ("presser", None, Some(response_url.expose_secret())),
        ReplyTo::Thread { thread_ts, begun: false } => ("thread", Some(thread_ts), None),
        ReplyTo::Thread { thread_ts, begun: true } => ("in_thread", Some(thread_ts), None),
        ReplyTo::Channel => ("channel", None, None),
        ReplyTo::Beside { thread_ts, response_url } => {
            ("beside", thread_ts.as_deref(), response_url.as_ref().map(|url| url.expose_secret()))
        }
    }
}

/// The reverse of [`place`].
pub(super) fn reply_to(place: &str, thread_ts: Option<String>, response_url: Option<SecretString>) -> ReplyTo {
    match (place, response_url) {
        ("thread", _) => ReplyTo::Thread { thread_ts: thread_ts.unwrap_or_default(), begun: false },
        ("in_thread", _) => ReplyTo::Thread { thread_ts: thread_ts.unwrap_or_default(), begun: true },
        ("channel", _) => ReplyTo::Channel,
        ("beside", response_url) => ReplyTo::Beside { thread_ts, response_url },
        ("presser", Some(response_url)) => ReplyTo::Presser { response_url },
        (_, response_url) => ReplyTo::Caller { response_url },
    }
}

/// An address in its parts.
pub(super) struct AddressRow {
    pub(super) kind: String,
    pub(super) channel: String,
    pub(super) user: Option<String>,
    pub(super) thread_ts: Option<String>,
    pub(super) url: Option<SecretString>,
}

impl From<&Address> for AddressRow {
    fn from(address: &Address) -> Self {
        let (kind, channel, user, thread_ts, url) = match address {
            Address::ResponseUrl { url, channel, user } => ("response_url", channel, Some(user), None, Some(url)),
            Address::ClickUrl { url, channel, user } => ("click_url", channel, Some(user), None, Some(url)),
            Address::Post { channel, thread_ts, asker } => ("post", channel, asker.as_ref(), thread_ts.as_ref(), None),
            Address::Beside { channel, thread_ts, user, url } => {
                ("beside", channel, Some(user), thread_ts.as_ref(), url.as_ref())
            }
            Address::Ephemeral { channel, thread_ts, user } => {
                ("ephemeral", channel, Some(user), thread_ts.as_ref(), None)
            }
        };
        Self {
            kind: kind.to_owned(),
            channel: channel.0.clone(),
            user: user.map(|user| user.0.clone()),
            thread_ts: thread_ts.cloned(),
            url: url.cloned(),
        }
    }
}

impl From<AddressRow> for Address {
    fn from(AddressRow { kind, channel, user, thread_ts, url }: AddressRow) -> Self {
        let (channel, asker) = (ChannelId(channel), user.map(UserId));
        if kind == "post" {
            return Self::Post { channel, thread_ts, asker };
        }
        let user = asker.unwrap_or_else(|| UserId(String::new()));
        match (kind.as_str(), url) {
            ("response_url", Some(url)) => Self::ResponseUrl { url, channel, user },
            ("click_url", Some(url)) => Self::ClickUrl { url, channel, user },
            ("beside", url) => Self::Beside { channel, thread_ts, user, url },
            _ => Self::Ephemeral { channel, thread_ts, user },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_read_as_it_was_written_and_one_of_an_older_version_without_its_asker() {
        let post = |asker: Option<&str>| Address::Post {
            channel: "C1".into(),
            thread_ts: Some("1.5".to_owned()),
            asker: asker.map(UserId::from),
        };
        for asker in [Some("U1"), None] {
            let row = AddressRow::from(&post(asker));
            assert_eq!(row.user.as_deref(), asker);
            let Address::Post { channel, thread_ts, asker: read } = Address::from(row) else { panic!("a post") };
            assert_eq!((channel.as_str(), thread_ts.as_deref()), ("C1", Some("1.5")));
            assert_eq!(read.as_ref().map(UserId::as_str), asker);
        }
    }
}
