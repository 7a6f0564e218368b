//! Text frames: what Slack says over a connection, parsed in one pass with the payload left raw.

use super::super::payload::{Envelope, EnvelopeKind};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::collections::HashMap;

/// A text frame.
#[derive(Debug)]
pub(super) enum Frame {
    /// The connection is usable.
    Hello { num_connections: Option<u32> },
    /// Slack will close the connection.
    Disconnect(Reason),
    /// A delivery.
    Envelope(Envelope),
    /// Not understood, but it wants an acknowledgement: it would only come again.
    Unknown { envelope_id: String, kind: String },
    /// Not understood; `&'static str` says how, for the metrics.
    Bad(&'static str),
}

/// Why Slack closes a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reason {
    /// In about ten seconds.
    Warning,
    /// Now.
    Refresh,
    /// Socket Mode is switched off in the app's settings.
    LinkDisabled,
    /// The app has ten connections already.
    TooMany,
    /// Something new.
    Other,
}

impl Reason {
    fn parse(reason: &str) -> Self {
        match reason {
            "warning" => Self::Warning,
            "refresh_requested" => Self::Refresh,
            "link_disabled" => Self::LinkDisabled,
            "too_many_websockets" => Self::TooMany,
            _ => Self::Other,
        }
    }

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Warning => "warning",
            Self::Refresh => "refresh_requested",
            Self::LinkDisabled => "link_disabled",
            Self::TooMany => "too_many_websockets",
            Self::Other => "disconnect",
        }
    }
}

/// The usual shape, read without a copy of anything but what is kept.
#[derive(Deserialize)]
struct Shape<'a> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
    #[serde(default)]
    envelope_id: Option<String>,
    #[serde(default)]
    payload: Option<Box<RawValue>>,
    #[serde(default)]
    retry_attempt: Option<u32>,
    #[serde(default)]
    retry_reason: Option<String>,
    #[serde(default)]
    accepts_response_payload: bool,
    #[serde(default)]
    num_connections: Option<u32>,
    #[serde(borrow, default)]
    reason: Cow<'a, str>,
}

/// Reads a text frame that came by this slot.
pub(super) fn parse(bytes: &[u8], slot: usize) -> Frame {
    match serde_json::from_slice::<Shape<'_>>(bytes) {
        Ok(shape) => read(shape, slot),
        Err(_) => match std::str::from_utf8(bytes) {
            Err(_) => Frame::Bad("not_utf8"),
            Ok(text) => salvage(text, slot),
        },
    }
}

fn read(shape: Shape<'_>, slot: usize) -> Frame {
    match (shape.kind.as_ref(), shape.envelope_id) {
        ("hello", _) => Frame::Hello { num_connections: shape.num_connections },
        ("disconnect", _) => Frame::Disconnect(Reason::parse(&shape.reason)),
        (kind, Some(envelope_id)) => match EnvelopeKind::parse(kind) {
            Some(kind) => Frame::Envelope(Envelope {
                envelope_id,
                kind,
                payload: shape.payload.unwrap_or_else(|| RawValue::NULL.to_owned()),
                retry_attempt: shape.retry_attempt,
                retry_reason: shape.retry_reason.filter(|reason| !reason.is_empty()),
                accepts_response_payload: shape.accepts_response_payload,
                slot,
            }),
            None => Frame::Unknown { envelope_id, kind: kind.to_owned() },
        },
        (_, None) => Frame::Bad("unknown_type"),
    }
}

/// Reads a frame whose fields have other types than expected, field by field, so that one odd field does not cost a
/// delivery.
fn salvage(text: &str, slot: usize) -> Frame {
    let Ok(fields) = serde_json::from_str::<HashMap<String, Box<RawValue>>>(text) else {
        return Frame::Bad("not_json");
    };
    fn field<'a, T: Deserialize<'a>>(fields: &'a HashMap<String, Box<RawValue>>, name: &str) -> Option<T> {
        fields.get(name).and_then(|raw| serde_json::from_str(raw.get()).ok())
    }
    let shape = Shape {
        kind: Cow::Owned(field::<String>(&fields, "type").unwrap_or_default()),
        envelope_id: field(&fields, "envelope_id"),
        payload: fields.get("payload").cloned(),
        retry_attempt: field(&fields, "retry_attempt"),
        retry_reason: field(&fields, "retry_reason"),
        accepts_response_payload: field(&fields, "accepts_response_payload").unwrap_or(false),
        num_connections: field(&fields, "num_connections"),
        reason: Cow::Owned(field::<String>(&fields, "reason").unwrap_or_default()),
    };
    read(shape, slot)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Frame {
        parse(text.as_bytes(), 1)
    }

    #[test]
    fn an_envelope_is_read_with_its_payload_untouched() {
        let Frame::Envelope(envelope) = parsed(
            r#"{"payload":{"a" : [1, 2]},"envelope_id":"e-1","type":"events_api","accepts_response_payload":false,"retry_attempt":1,"retry_reason":"timeout","x":{}}"#,
        ) else {
            panic!("an envelope")
        };
        assert_eq!((envelope.envelope_id.as_str(), envelope.kind, envelope.slot), ("e-1", EnvelopeKind::EventsApi, 1));
        assert_eq!(envelope.payload.get(), r#"{"a" : [1, 2]}"#);
        assert_eq!((envelope.retry_attempt, envelope.retry_reason.as_deref()), (Some(1), Some("timeout")));
    }

    #[test]
    fn an_odd_field_costs_no_delivery() {
        let odd = r#"{"type":"events_api","envelope_id":"e","retry_attempt":"first","accepts_response_payload":"no","payload":"p"}"#;
        assert!(matches!(parsed(odd), Frame::Envelope(envelope) if envelope.payload.get() == "\"p\""));
        assert!(
            matches!(parsed(r#"{"type":7,"envelope_id":"e"}"#), Frame::Unknown { envelope_id, .. } if envelope_id == "e")
        );
        assert!(
            matches!(parsed(r#"{"type":"slash_commands","envelope_id":"e"}"#), Frame::Envelope(envelope) if envelope.payload.get() == "null")
        );
        assert!(matches!(
            parsed(r#"{"type":"hello","num_connections":"two"}"#),
            Frame::Hello { num_connections: None }
        ));
    }

    #[test]
    fn what_cannot_be_read_says_how() {
        assert!(matches!(parsed("{"), Frame::Bad("not_json")));
        assert!(matches!(parsed("[1]"), Frame::Bad("not_json")));
        assert!(matches!(parsed(r#"{"type":"new"}"#), Frame::Bad("unknown_type")));
        assert!(matches!(parse(b"\xff\xfe", 0), Frame::Bad("not_utf8")));
        assert!(matches!(parsed(r#"{"type":"disconnect","reason":"warning"}"#), Frame::Disconnect(Reason::Warning)));
        assert!(matches!(parsed(r#"{"type":"disconnect"}"#), Frame::Disconnect(Reason::Other)));
        assert!(matches!(parsed(r#"{"type":"disconnect","reason":null}"#), Frame::Disconnect(Reason::Other)));
    }
}
