//! Files, by the three calls that Slack wants: an address to upload to, the bytes, and where to show it. No person sees
//! anything before the third, so the first two may be repeated.

use super::pacer::Method;
use super::transport::Content;
use super::{ApiError, WebApi, encode, error};
use crate::domain::{ChannelId, UserId};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::time::Instant;

/// A file that is uploaded and not shown yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Uploaded {
    /// `F…`
    pub id: String,
}

/// Where a file is to be shown.
#[derive(Clone, Debug)]
pub struct ShareFile<'a> {
    /// The file.
    pub id: &'a str,
    /// Its title (untrusted text).
    pub title: &'a str,
    /// In which channel.
    pub channel: &'a ChannelId,
    /// In which thread, if in one.
    pub thread_ts: Option<&'a str>,
}

/// files.getUploadURLExternal
#[derive(Deserialize)]
struct UploadUrl {
    /// A capability: any holder of it may upload.
    #[serde(deserialize_with = "secret")]
    upload_url: SecretString,
    file_id: String,
}

fn secret<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<SecretString, D::Error> {
    String::deserialize(deserializer).map(SecretString::from)
}

/// files.completeUploadExternal
#[derive(Serialize)]
struct Complete<'a> {
    files: [Titled<'a>; 1],
    channel_id: &'a ChannelId,
    #[serde(skip_serializing_if = "Option::is_none")]
    thread_ts: Option<&'a str>,
}

#[derive(Serialize)]
struct Titled<'a> {
    id: &'a str,
    title: &'a str,
}

#[derive(Serialize)]
struct OpenDirect<'a> {
    users: &'a UserId,
}

#[derive(Deserialize)]
struct Opened {
    channel: Channel,
}

#[derive(Deserialize)]
struct Channel {
    id: ChannelId,
}

#[derive(Deserialize)]
struct Info {
    #[serde(default)]
    file: Value,
}

impl WebApi {
    /// Uploads a file that [`WebApi::share_file`] then shows. Without that Slack drops it.
    pub async fn upload_file(&self, name: &str, content: &str) -> Result<Uploaded, ApiError> {
        let length = content.len().to_string();
        let fields = [("filename", name), ("length", length.as_str())];
        let place: UploadUrl = self.form(Method::GetUploadUrl, &fields).await?;
        let (method, started) = (Method::Upload, Instant::now());
        let bytes = Content::Bytes(content.as_bytes().to_vec());
        let result = self.given(method, &place.upload_url, bytes).await;
        let result = result.and_then(|answer| error::status(&answer));
        self.record(method, None, started, result)?;
        Ok(Uploaded { id: place.file_id })
    }

    /// Shows an uploaded file in a channel. After a lost answer, ask [`WebApi::is_file_shared`] before repeating it.
    pub async fn share_file(&self, share: &ShareFile<'_>) -> Result<(), ApiError> {
        let ShareFile { id, title, channel, thread_ts } = *share;
        let body = Complete { files: [Titled { id, title }], channel_id: channel, thread_ts };
        let body = Content::Json(encode(&body)?);
        self.send(Method::CompleteUpload, Some(channel.as_str()), body).await.map(|_| ())
    }

    /// Whether a file is shown in a channel. One that was never completed is no file yet.
    pub async fn is_file_shared(&self, id: &str, channel: &ChannelId) -> Result<bool, ApiError> {
        let info: Info = match self.form(Method::FilesInfo, &[("file", id)]).await {
            Err(ApiError::Rejected { code }) if code == "file_not_found" => return Ok(false),
            info => info?,
        };
        let listed = |list: &str| {
            let channels = info.file[list].as_array();
            channels.is_some_and(|channels| channels.iter().any(|one| one.as_str() == Some(channel.as_str())))
        };
        let shared = |kind: &str| info.file["shares"][kind].get(channel.as_str()).is_some();
        Ok(["channels", "groups", "ims"].into_iter().any(listed) || ["public", "private"].into_iter().any(shared))
    }

    /// The direct message with a person, opened if it was not.
    pub async fn open_direct(&self, user: &UserId) -> Result<ChannelId, ApiError> {
        let opened: Opened = self.json(Method::ConversationsOpen, None, &OpenDirect { users: user }).await?;
        Ok(opened.channel.id)
    }
}
