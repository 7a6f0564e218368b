//! Envelopes and acks.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use crate::clock::{self, Instant};

/// What an envelope carries, and what has to happen when no ack comes.
#[derive(Debug, Clone)]
pub enum Cargo {
    /// An event; delivered again under the same `event_id`.
    Event {
        /// `Ev…`.
        event_id: String,
        /// Deliveries before this one.
        attempt: u32,
    },
    /// A slash command; lost when unacked, and the user is told.
    Slash {
        /// Who typed it.
        user: String,
        /// Where.
        channel: String,
        /// `/drone`.
        command: String,
        /// As typed, for in_channel answers.
        text: String,
        /// The secret of its response URL.
        secret: String,
    },
    /// A click or a shortcut; lost when unacked, and the user is told.
    Click {
        /// Who clicked.
        user: String,
        /// Where; `None` in a view.
        channel: Option<String>,
        /// The view.
        view: Option<String>,
        /// Whether the ack may carry an answer: not of shortcuts, nor of what happens within views.
        answerable: bool,
    },
    /// A filled-in modal; lost when unacked, and the user is told.
    Submission {
        /// Who filled it in.
        user: String,
        /// The modal.
        view: String,
    },
    /// Something of which nobody waits for an answer: a closed modal.
    Note,
}

impl Cargo {
    /// `events_api`, `slash_commands` or `interactive`.
    pub fn kind(&self) -> &'static str {
        match self {
            Cargo::Event { .. } => "events_api",
            Cargo::Slash { .. } => "slash_commands",
            Cargo::Click { .. } | Cargo::Submission { .. } | Cargo::Note => "interactive",
        }
    }
}

/// An envelope that was sent, or waits for a link.
#[derive(Debug, Clone)]
pub struct Envelope {
    /// UUID.
    pub id: String,
    /// What it carries.
    pub cargo: Cargo,
    /// The payload, as JSON text.
    pub payload: Arc<str>,
    /// When it was sent.
    pub sent: Instant,
    /// To which link; `None` when there was none, or a ghost.
    pub link: Option<u64>,
}

impl Envelope {
    /// The event that it carries, if it carries one.
    pub(super) fn event_id(&self) -> Option<String> {
        let payload: Value = serde_json::from_str(&self.payload).ok()?;
        payload["event_id"].as_str().map(str::to_owned)
    }

    pub(super) fn text(&self) -> String {
        let (kind, id, payload) = (self.cargo.kind(), &self.id, &self.payload);
        match &self.cargo {
            Cargo::Event { attempt, .. } => {
                let reason = if *attempt == 0 { "" } else { "timeout" };
                format!(
                    r#"{{"envelope_id":"{id}","payload":{payload},"type":"{kind}","accepts_response_payload":false,"retry_attempt":{attempt},"retry_reason":"{reason}"}}"#
                )
            }
            cargo => {
                let accepts = match cargo {
                    Cargo::Click { answerable, .. } => *answerable,
                    Cargo::Note => false,
                    _ => true,
                };
                format!(
                    r#"{{"envelope_id":"{id}","payload":{payload},"type":"{kind}","accepts_response_payload":{accepts}}}"#
                )
            }
        }
    }
}

/// An ack as it came in.
#[derive(Debug, Clone)]
pub struct Ack {
    /// Of which envelope.
    pub envelope_id: String,
    /// Of which event, where it is one: the same in every attempt.
    pub event_id: Option<String>,
    /// `events_api`, … or empty for an envelope nobody waits for.
    pub kind: &'static str,
    /// From delivery to ack; `None` when nobody waits for it.
    pub latency: Option<Duration>,
    /// Its payload.
    pub payload: Option<Value>,
    /// Over which link.
    pub link: u64,
    /// When, in microseconds.
    pub at: u64,
    /// Why Slack pays no heed to it: `too_large`, `late`, `unknown`, `fragmented`.
    pub ignored: Option<&'static str>,
    /// Bytes of the frame.
    pub size: usize,
}

impl Ack {
    /// For the control API.
    pub fn json(&self) -> Value {
        json!({
            "envelope_id": self.envelope_id, "event_id": self.event_id, "type": self.kind, "latency_ms": self.latency.map(|l| l.as_secs_f64() * 1000.0),
            "payload": self.payload, "connection": self.link, "time": clock::ts(self.at), "ignored": self.ignored, "size": self.size,
        })
    }
}
