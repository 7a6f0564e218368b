//! A secret by reference: the name of a place that holds it, never the secret itself.

use std::fmt;

/// Where a secret is kept. It may be shown: it says where to look, and opens nothing by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretReference {
    /// `ssm:<name>`: a parameter of AWS Systems Manager Parameter Store.
    Parameter(String),
    /// `secretsmanager:<name or ARN>[#<key>]`: a secret of AWS Secrets Manager, or one key of its JSON.
    Secret {
        /// Its name or ARN.
        id: String,
        /// The key of its JSON that holds the value.
        key: Option<String>,
    },
}

const PARAMETER: &str = "ssm:";
const SECRET: &str = "secretsmanager:";

impl SecretReference {
    /// Reads a reference. `None` when the text is none: then it is a value.
    ///
    /// # Errors
    /// It begins as a reference does, and names nothing.
    pub fn read(text: &str) -> Result<Option<Self>, String> {
        let text = text.trim();
        let fits = |name: &str| !name.is_empty() && name.chars().all(|c| c.is_ascii_graphic());
        if let Some(name) = text.strip_prefix(PARAMETER) {
            let wrong = || "must name a parameter after `ssm:`, as in ssm:/dronebot/bot-token".to_owned();
            return if fits(name) { Ok(Some(Self::Parameter(name.to_owned()))) } else { Err(wrong()) };
        }
        let Some(rest) = text.strip_prefix(SECRET) else { return Ok(None) };
        let (id, key) = rest.split_once('#').map_or((rest, None), |(id, key)| (id, Some(key)));
        if !fits(id) || key.is_some_and(|key| !fits(key)) {
            return Err(
                "must name a secret after `secretsmanager:`, as in secretsmanager:dronebot/slack#bot_token".to_owned()
            );
        }
        Ok(Some(Self::Secret { id: id.to_owned(), key: key.map(str::to_owned) }))
    }
}

impl fmt::Display for SecretReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Parameter(name) => write!(f, "{PARAMETER}{name}"),
            Self::Secret { id, key: Some(key) } => write!(f, "{SECRET}{id}#{key}"),
            Self::Secret { id, key: None } => write!(f, "{SECRET}{id}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_is_told_from_a_value_and_shown_as_it_was_written() {
        for text in [
            "ssm:/dronebot/bot-token",
            "secretsmanager:dronebot/slack",
            "secretsmanager:arn:aws:secretsmanager:eu-central-1:123456789012:secret:slack-AbC#bot_token",
        ] {
            let reference = SecretReference::read(&format!(" {text}\n")).expect("well formed").expect("a reference");
            assert_eq!(reference.to_string(), text);
        }
        assert_eq!(SecretReference::read("xoxb-1-2"), Ok(None));
        assert_eq!(SecretReference::read("http://me:ssm:x@proxy:3128"), Ok(None));
    }

    #[test]
    fn a_reference_to_nothing_is_refused() {
        for text in ["ssm:", "ssm: /x", "secretsmanager:", "secretsmanager:#key", "secretsmanager:name#"] {
            assert!(SecretReference::read(text).is_err(), "{text}");
        }
    }
}
