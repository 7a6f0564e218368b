//! Why a Web API call did not succeed, in classes that say what to do next.

use super::pacer::Method;
use super::transport::{Answer, CallError};
use serde::Deserialize;
use std::time::Duration;

/// Why a call did not succeed. Codes are Slack's own or short words of ours; never a token, an address or a body.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ApiError {
    /// The token is not accepted and will not be: stop and tell the operator.
    #[error("slack does not accept the token: {code}")]
    Auth {
        /// Slack's code, `invalid_auth`.
        code: String,
    },
    /// The app lacks a scope, a membership or a setting: tell the operator, do not repeat.
    #[error("slack does not permit this to the app: {code}")]
    Config {
        /// Slack's code, `missing_scope`.
        code: String,
    },
    /// It was not done; try again, not before `after` where that is given.
    #[error("slack cannot do this now: {code}")]
    Retry {
        /// How long Slack asks to wait.
        after: Option<Duration>,
        /// `ratelimited`, `http_503`, `connect`, `fenced`, …
        code: String,
    },
    /// It was not sent: the bot's own pace has no room for it yet.
    #[error("the pace of calls to slack has no room for this yet")]
    Paced {
        /// When there will be.
        after: Duration,
    },
    /// It may have been done: the answer was lost. Do not blindly repeat.
    #[error("it is not known whether slack did this: {code}")]
    Ambiguous {
        /// `timeout`, `connection_lost`, `fatal_error`, …
        code: String,
    },
    /// Slack refuses this very call and always will.
    #[error("slack refuses this: {code}")]
    Rejected {
        /// Slack's code, `msg_too_long`.
        code: String,
    },
}

impl ApiError {
    /// The class in one word, as the metrics have it.
    pub fn class(&self) -> &'static str {
        match self {
            Self::Auth { .. } => "auth",
            Self::Config { .. } => "config",
            Self::Retry { .. } | Self::Paced { .. } => "retry",
            Self::Ambiguous { .. } => "ambiguous",
            Self::Rejected { .. } => "rejected",
        }
    }

    /// The code.
    pub fn code(&self) -> &str {
        match self {
            Self::Auth { code }
            | Self::Config { code }
            | Self::Retry { code, .. }
            | Self::Ambiguous { code }
            | Self::Rejected { code } => code,
            Self::Paced { .. } => "paced",
        }
    }

    /// Whether Slack will never take this call.
    pub fn is_final(&self) -> bool {
        matches!(self, Self::Config { .. } | Self::Rejected { .. })
    }
}

/// The code of a call that its fence did not let through, or did not let go on.
pub(super) const FENCED: &str = "fenced";

/// A failure before it is known whether the method may be repeated.
#[derive(Debug)]
pub(super) enum Failed {
    Known(ApiError),
    /// Sent, and the answer is lost.
    Lost(String),
}

impl Failed {
    pub(super) fn paced(wait: Duration) -> Self {
        Self::Known(ApiError::Paced { after: wait })
    }

    pub(super) fn fenced() -> Self {
        Self::Known(ApiError::Retry { after: None, code: FENCED.to_owned() })
    }

    pub(super) fn lost(code: &str) -> Self {
        Self::Lost(code.to_owned())
    }

    /// A lost answer of a method that may be repeated is worth a retry; of one that posts it is not.
    pub(super) fn class(self, method: Method) -> ApiError {
        match self {
            Self::Known(error) => error,
            Self::Lost(code) if method.is_repeatable() => ApiError::Retry { after: None, code },
            Self::Lost(code) => ApiError::Ambiguous { code },
        }
    }
}

impl From<CallError> for Failed {
    fn from(error: CallError) -> Self {
        match error {
            CallError::NotSent { code, detail } => {
                tracing::debug!(code, detail, "slack call was not sent");
                Self::Known(ApiError::Retry { after: None, code: code.to_owned() })
            }
            CallError::Lost { code } => Self::lost(code),
        }
    }
}

#[derive(Deserialize)]
struct Head {
    ok: bool,
    #[serde(default)]
    error: Option<String>,
    #[serde(default)]
    needed: Option<String>,
}

/// Judges the answer of a Web API method: HTTP 200 for nearly everything, `ok` in the body.
pub(super) fn web_api(answer: &Answer) -> Result<(), Failed> {
    status(answer)?;
    let head: Head = serde_json::from_slice(&answer.body).map_err(|_| Failed::lost("not_json"))?;
    if head.ok {
        return Ok(());
    }
    let code = safe_code(head.error.as_deref().unwrap_or("no_error_code"));
    if let Some(needed) = &head.needed {
        tracing::warn!(needed = safe_code(needed), "the bot token lacks a scope; add it and reinstall the app");
    }
    Err(classify(code, answer.retry_after))
}

/// Judges the answer of a response_url: `ok` as text or in JSON.
pub(super) fn response_url(answer: &Answer) -> Result<(), Failed> {
    // a page of something between us and Slack, which may say 200 about anything
    if answer.status < 300 && answer.body.trim_ascii_start().starts_with(b"<") {
        return Err(Failed::lost("not_json"));
    }
    if let Ok(head) = serde_json::from_slice::<Head>(&answer.body) {
        if head.ok && answer.status < 300 {
            return Ok(());
        }
        if answer.status < 500 && answer.status != 429 {
            let code = safe_code(head.error.as_deref().unwrap_or("no_error_code"));
            return Err(classify(code, answer.retry_after));
        }
    }
    if answer.status == 404 || answer.status == 410 {
        return Err(Failed::Known(ApiError::Rejected { code: "expired_url".to_owned() }));
    }
    status(answer)
}

pub(super) fn status(answer: &Answer) -> Result<(), Failed> {
    let code = || format!("http_{}", answer.status);
    let known = |error| Err(Failed::Known(error));
    match answer.status {
        200..300 => Ok(()),
        429 => known(ApiError::Retry {
            after: Some(answer.retry_after.unwrap_or(Duration::from_secs(30))),
            code: "ratelimited".to_owned(),
        }),
        // a redirect comes from something between us and Slack, which saw nothing
        300..400 | 407 | 408 | 500.. => known(ApiError::Retry { after: answer.retry_after, code: code() }),
        _ => known(ApiError::Rejected { code: code() }),
    }
}

fn classify(code: String, retry_after: Option<Duration>) -> Failed {
    Failed::Known(match code.as_str() {
        "invalid_auth"
        | "not_authed"
        | "account_inactive"
        | "token_revoked"
        | "token_expired"
        | "user_removed_from_team"
        | "team_disabled" => ApiError::Auth { code },
        "missing_scope"
        | "no_permission"
        | "not_in_channel"
        | "channel_not_found"
        | "is_archived"
        | "messages_tab_disabled"
        | "not_enabled"
        | "not_allowed_token_type"
        | "ekm_access_denied"
        | "accesslimited"
        | "org_login_required"
        | "team_access_not_granted"
        | "forbidden_team" => ApiError::Config { code },
        _ if code.starts_with("restricted_action") => ApiError::Config { code },
        code_of_limit if is_limit(code_of_limit) => {
            ApiError::Retry { after: Some(retry_after.unwrap_or(Duration::from_secs(30))), code }
        }
        "service_unavailable" | "internal_error" | "request_timeout" | "team_added_to_org" => {
            ApiError::Retry { after: retry_after, code }
        }
        "fatal_error" => return Failed::Lost(code),
        _ => ApiError::Rejected { code },
    })
}

/// Whether a code says that there were too many calls.
pub(super) fn is_limit(code: &str) -> bool {
    matches!(code, "ratelimited" | "rate_limited" | "message_limit_exceeded")
}

/// An error code as it may be logged: what does not look like a code is not repeated.
pub(crate) fn safe_code(code: &str) -> String {
    let plain =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'_' | b':' | b'.' | b',');
    if !code.is_empty() && code.len() <= 80 && code.bytes().all(plain) {
        code.to_owned()
    } else {
        "unreadable_error_code".to_owned()
    }
}
