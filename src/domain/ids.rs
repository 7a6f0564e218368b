//! Identifiers as types, so that a channel is never passed where a user is meant.

use serde::{Deserialize, Serialize};
use std::fmt;

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub String);

        impl $name {
            /// The identifier as Slack, or AWS, writes it.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
        impl From<&str> for $name {
            fn from(id: &str) -> Self {
                Self(id.to_owned())
            }
        }
        impl From<String> for $name {
            fn from(id: String) -> Self {
                Self(id)
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

text_id!(
    /// A Slack user, `U…` or `W…`.
    UserId
);
text_id!(
    /// A Slack channel, `C…`, `G…`, or a direct message, `D…`.
    ChannelId
);
text_id!(
    /// A Slack workspace, `T…` (or `E…` for an organisation).
    TeamId
);
text_id!(
    /// An AWS account, twelve digits.
    AccountId
);

impl AccountId {
    /// Whether it has the form of AWS's ids of accounts.
    pub fn is_id(&self) -> bool {
        self.0.len() == 12 && self.0.bytes().all(|byte| byte.is_ascii_digit())
    }
}

impl ChannelId {
    /// Whether it has the form of Slack's ids of channels and conversations.
    pub fn is_id(&self) -> bool {
        let rest = self.0.strip_prefix(['C', 'G', 'D']).unwrap_or_default();
        !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
    }

    /// Whether it names a person: Slack opens the direct message itself when something is posted there, and knows
    /// nothing by this name when something is to be edited.
    pub fn is_person(&self) -> bool {
        self.0.starts_with(['U', 'W'])
    }

    /// Whether it is a direct message: nobody else reads there.
    pub fn is_direct(&self) -> bool {
        self.0.starts_with('D')
    }
}

/// One accepted request. Sortable by time; people see only [`RequestId::short`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RequestId(pub ulid::Ulid);

impl RequestId {
    /// An id for a request accepted at this many milliseconds after the Unix epoch.
    pub fn new(unix_millis: u64, random: u128) -> Self {
        Self(ulid::Ulid::from_parts(unix_millis, random))
    }

    /// The four characters that a person reads out: `7F3K`.
    pub fn short(&self) -> String {
        let full = self.0.to_string();
        full[full.len() - 4..].to_owned()
    }

    /// Milliseconds after the Unix epoch at which the request was accepted.
    pub fn unix_millis(&self) -> u64 {
        self.0.timestamp_ms()
    }

    /// The id from its 26 characters.
    pub fn parse(text: &str) -> Option<Self> {
        ulid::Ulid::from_string(text).ok().map(Self)
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl fmt::Debug for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl Serialize for RequestId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for RequestId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| serde::de::Error::custom("not a request id"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_id_survives_a_round_trip_and_has_a_short_form() {
        let id = RequestId::new(1_700_000_000_000, 0xDEAD_BEEF);
        assert_eq!(RequestId::parse(&id.to_string()), Some(id));
        assert_eq!(id.short().len(), 4);
        assert!(id.to_string().ends_with(&id.short()));
    }

    #[test]
    fn an_account_is_twelve_digits() {
        assert!(AccountId::from("123456789012").is_id());
        for other in ["", "12345678901", "1234567890123", "12345678901a", "amazon", "１23456789012"] {
            assert!(!AccountId::from(other).is_id(), "{other}");
        }
    }
}
