//! One message per answer. Slack has no key by which a post is done once, so each message carries which one it is, and
//! one that may have been posted already (its answer was lost, its process died, another replica had it) is looked for
//! before it is posted again.

use crate::domain::{ChannelId, RequestId, UserId};
use crate::slack::api::{ApiError, Metadata, Seek, WebApi};
use crate::store::Letter;
use serde_json::{Map, Value, json};

/// The kind of our metadata.
const EVENT_TYPE: &str = "dronebot.answer";

/// How much the clocks of Slack and of this machine may differ, in milliseconds: two days, as one may have been set wrong
/// when the request came. A look back that far costs more only where more was said.
const SKEW: u64 = 2 * 86_400_000;

/// What a message carries: which request it answers, and which of the answer's messages it is. The first is the one that
/// showed progress too.
pub(super) fn mark(request: RequestId, index: usize) -> Metadata {
    let mut event_payload = Map::new();
    event_payload.insert("request".to_owned(), json!(request));
    event_payload.insert("message".to_owned(), json!(index));
    Metadata { event_type: EVENT_TYPE.to_owned(), event_payload }
}

fn is_marked(metadata: &Value, request: RequestId, index: usize) -> bool {
    metadata["event_type"] == EVENT_TYPE
        && metadata["event_payload"]["request"] == json!(request)
        && metadata["event_payload"]["message"] == json!(index)
}

/// Looks for the message, if it is not that one: where it can be edited, and its `ts`. `None` when it is not there, or cannot be looked for:
/// posted twice does less harm than never.
pub(super) async fn find(
    api: &WebApi,
    letter: &Letter,
    index: usize,
    channel: &ChannelId,
    thread_ts: Option<&str>,
    except: Option<&str>,
) -> Result<Option<(ChannelId, String)>, ApiError> {
    let request = letter.letter.request;
    let room = match channel.is_person() {
        true => api.open_direct(&UserId::from(channel.as_str())).await?,
        false => channel.clone(),
    };
    let since = request.unix_millis().saturating_sub(SKEW);
    let oldest = format!("{}.{:03}000", since / 1_000, since % 1_000);
    let seek = Seek { channel: &room, thread_ts, oldest: &oldest, except };
    let found = api.seek(&seek, |metadata| is_marked(metadata, request, index)).await;
    metrics::counter!("dronebot_delivery_lookups_total", "outcome" => outcome(&found)).increment(1);
    match found {
        Ok(ts) => Ok(ts.map(|ts| (room, ts))),
        Err(error) if error.is_final() => {
            tracing::warn!(req = %request, %error, "cannot tell whether an answer is there already; posting it");
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

fn outcome(found: &Result<Option<String>, ApiError>) -> &'static str {
    match found {
        Ok(Some(_)) => "found",
        Ok(None) => "absent",
        Err(error) => error.class(),
    }
}
