//! A token that may be replaced while the bot runs.

use crate::domain::SecretReference;
use async_trait::async_trait;
use parking_lot::RwLock;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Deserializer};
use std::fmt;
use std::sync::Arc;

/// A token of Slack's. All clones are one token: a replacement shows in each of them, and the code that needs it reads it anew
/// for each call.
#[derive(Clone, Default)]
pub struct Token(Arc<Inner>);

#[derive(Default)]
struct Inner {
    value: RwLock<SecretString>,
    reference: Option<SecretReference>,
}

impl Token {
    /// The token in force; empty while it has not been read from where it is kept.
    pub fn get(&self) -> SecretString {
        self.0.value.read().clone()
    }

    /// Where it is kept, when the configuration says that instead of the token itself.
    pub fn reference(&self) -> Option<&SecretReference> {
        self.0.reference.as_ref()
    }

    /// Puts another token in its place. Whether it is another one.
    pub fn replace(&self, token: SecretString) -> bool {
        let mut value = self.0.value.write();
        let is_another = value.expose_secret() != token.expose_secret();
        *value = token;
        is_another
    }

    fn kept_at(reference: SecretReference) -> Self {
        Self(Arc::new(Inner { value: RwLock::default(), reference: Some(reference) }))
    }
}

impl From<&str> for Token {
    fn from(token: &str) -> Self {
        SecretString::from(token.trim().to_owned()).into()
    }
}

impl From<SecretString> for Token {
    fn from(token: SecretString) -> Self {
        Self(Arc::new(Inner { value: RwLock::new(token), reference: None }))
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0.reference {
            Some(reference) => write!(f, "Token({reference})"),
            None => f.write_str("Token([REDACTED])"),
        }
    }
}

impl<'de> Deserialize<'de> for Token {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        match SecretReference::read(&text).map_err(serde::de::Error::custom)? {
            Some(reference) => Ok(Self::kept_at(reference)),
            None => Ok(text.as_str().into()),
        }
    }
}

/// Where the tokens come from, for the connection that meets a Slack that refuses one.
#[async_trait]
pub trait TokenSource: Send + Sync {
    /// Whether they are kept somewhere where another one may appear: a file, or AWS.
    fn may_change(&self) -> bool;

    /// Reads them again where they are kept, and puts what is new there in force.
    async fn look_again(&self);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_copies_are_one_token_and_none_can_be_printed() {
        let token = Token::from(" xoxb-1\n");
        let copy = token.clone();
        assert!(token.replace(SecretString::from("xoxb-2")));
        assert!(!token.replace(SecretString::from("xoxb-2")), "the same again is no rotation");
        assert_eq!(copy.get().expose_secret(), "xoxb-2");
        assert!(!format!("{copy:?}").contains("xoxb"));
    }

    #[test]
    fn a_reference_is_no_token_until_it_has_been_read() {
        let token: Token = serde_json::from_str(r#""ssm:/dronebot/bot""#).expect("a reference");
        assert_eq!(token.reference().map(ToString::to_string).as_deref(), Some("ssm:/dronebot/bot"));
        assert!(token.get().expose_secret().is_empty());
        assert!(serde_json::from_str::<Token>(r#""ssm:""#).is_err());
    }
}
