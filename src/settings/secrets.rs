//! Which keys are secrets, and which may not be set at all.

use config::ValueKind;

/// A key whose value is never shown.
pub(super) struct Secret {
    pub key: &'static str,
    /// What to do when it is not there; `None` when it may be missing.
    pub missing: Option<&'static str>,
}

/// All of them. Each has a sibling `<key>_file`.
pub(super) const SECRETS: &[Secret] = &[
    Secret {
        key: "slack.app_token",
        missing: Some("it is the app-level token (xapp-…) of \"Basic Information\" in the app's settings"),
    },
    Secret {
        key: "slack.bot_token",
        missing: Some("it is the bot token (xoxb-…) of \"OAuth & Permissions\" in the app's settings"),
    },
    Secret { key: "slack.proxy_url", missing: None },
    Secret { key: "selftest.secret", missing: None },
];

/// Whether the key's value is never shown.
pub(super) fn is_secret(key: &str) -> bool {
    SECRETS.iter().any(|secret| secret.key == key)
}

/// Why this value may not be in the configuration: credentials of AWS have no place there.
pub(super) fn static_aws_key(key: &str, kind: &ValueKind) -> Option<&'static str> {
    const NAMES: [&str; 6] =
        ["accesskeyid", "accesskey", "secretaccesskey", "secretkey", "sessiontoken", "securitytoken"];
    let name: String = key.rsplit('.').next().unwrap_or_default().chars().filter(char::is_ascii_alphabetic).collect();
    let name = name.to_ascii_lowercase();
    let refused = NAMES.contains(&name.strip_prefix("aws").unwrap_or(&name)) || holds_key_id(kind);
    refused.then_some(
        "a static AWS key does not belong in a configuration, where it is copied and never expires; take it out (and \
         revoke it if the file was shared) and let the bot run with a role, which the SDK finds by itself",
    )
}

fn holds_key_id(kind: &ValueKind) -> bool {
    match kind {
        ValueKind::String(text) => is_key_id_in(text),
        ValueKind::Array(items) => items.iter().any(|item| holds_key_id(&item.kind)),
        _ => false,
    }
}

/// `AKIA…` and `ASIA…` with 16 more characters.
fn is_key_id_in(text: &str) -> bool {
    let is_id = |window: &[u8]| {
        matches!(&window[..4], b"AKIA" | b"ASIA")
            && window[4..].iter().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
    };
    text.as_bytes().windows(20).any(is_id)
}
