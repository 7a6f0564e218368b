//! Looking for one of the bot's own messages by its metadata.

use super::{ApiError, Method, WebApi};
use crate::domain::ChannelId;
use crate::slack::payload::null_is_default;
use serde::Deserialize;
use serde_json::Value;

/// Messages asked for at once.
const PAGE: &str = "200";

/// How many pages are looked through, the newest first: what is not among a thousand messages is taken as not there.
const PAGES: usize = 5;

/// Where to look.
#[derive(Clone, Copy, Debug)]
pub struct Seek<'a> {
    /// The channel; `D…` for a direct message.
    pub channel: &'a ChannelId,
    /// The thread, if it is in one.
    pub thread_ts: Option<&'a str>,
    /// No message before this `ts`.
    pub oldest: &'a str,
    /// Not this one.
    pub except: Option<&'a str>,
}

#[derive(Debug, Deserialize)]
struct Page {
    #[serde(default, deserialize_with = "null_is_default")]
    messages: Vec<Found>,
    #[serde(default, deserialize_with = "null_is_default")]
    response_metadata: Cursor,
}

#[derive(Debug, Default, Deserialize)]
struct Cursor {
    #[serde(default, deserialize_with = "null_is_default")]
    next_cursor: String,
}

#[derive(Debug, Deserialize)]
struct Found {
    ts: String,
    #[serde(default, deserialize_with = "null_is_default")]
    metadata: Value,
}

impl WebApi {
    /// The `ts` of the first message found whose metadata is meant.
    pub async fn seek(&self, seek: &Seek<'_>, is_meant: impl Fn(&Value) -> bool) -> Result<Option<String>, ApiError> {
        let method = match seek.thread_ts {
            Some(_) => Method::ConversationsReplies,
            None => Method::ConversationsHistory,
        };
        let mut cursor = String::new();
        for _ in 0..PAGES {
            let mut fields = vec![
                ("channel", seek.channel.as_str()),
                ("oldest", seek.oldest),
                ("include_all_metadata", "true"),
                ("limit", PAGE),
            ];
            fields.extend(seek.thread_ts.map(|ts| ("ts", ts)));
            if !cursor.is_empty() {
                fields.push(("cursor", &cursor));
            }
            let page: Page = match self.form(method, &fields).await {
                // whose parent is gone has no messages
                Err(ApiError::Rejected { code }) if code == "thread_not_found" => return Ok(None),
                page => page?,
            };
            let is_found = |found: &Found| seek.except != Some(found.ts.as_str()) && is_meant(&found.metadata);
            if let Some(found) = page.messages.into_iter().find(is_found) {
                return Ok(Some(found.ts));
            }
            cursor = page.response_metadata.next_cursor;
            if cursor.is_empty() {
                break;
            }
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn null_is_as_good_as_missing_in_a_page_of_messages() {
        let page = serde_json::json!({"messages": [{"ts": "1.5", "metadata": "x"}],
            "response_metadata": {"next_cursor": "x"}});
        crate::slack::testing::null_is_as_missing::<Page>(&page);
    }
}
