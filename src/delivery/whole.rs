//! A final answer as a whole: its messages one after the other, and its file. What Slack has taken is noted before the
//! next call, so that an answer that is interrupted goes on where it stopped.
//!
//! The bytes go first, as no person sees them yet: when Slack does not take them, the message says so from the start. Then
//! the messages. Then the file is shown; where the answer to that is lost, it is looked for before it is shown again.

use super::outcome::judge;
use super::parts::CourierParts;
use super::send;
use super::sending::{Sending, footer};
use crate::domain::{ChannelId, UserId};
use crate::slack::api::{ApiError, ShareFile, WebApi};
use crate::slack::render::{Answer, File, FilePlace, answer};
use crate::store::{Address, Delivery, FileWay, Letter, StoreError, Way};
use std::time::Duration;

/// After so many attempts an answer goes without its file: what it says is worth more than the rest of it.
const FILE_ATTEMPTS: u32 = 3;

/// A final answer on its way.
struct Whole<'a> {
    api: &'a WebApi,
    letter: &'a Letter,
    parts: &'a CourierParts,
    way: Way,
}

/// Tries to deliver a final answer.
pub(super) async fn send(api: &WebApi, letter: &Letter, parts: &CourierParts) -> Delivery {
    let mut whole = Whole { api, letter, parts, way: letter.way.clone() };
    match whole.go().await {
        Ok(ts) => Delivery::Sent { ts },
        Err(error) => judge(error, letter, parts),
    }
}

impl Whole<'_> {
    async fn go(&mut self) -> Result<Option<String>, ApiError> {
        let reply = &self.letter.letter.reply;
        let footer = footer(self.letter);
        let Answer { mut messages, file } = answer(reply, footer.as_deref(), &FilePlace::Below);
        if let Some(file) = &file {
            self.upload(file).await?;
            // what is said depends on what became of the file
            messages = answer(reply, footer.as_deref(), &self.place()).messages;
        }
        let mut ts = None;
        for (index, message) in messages.iter().enumerate().skip(self.way.sent) {
            let sending = if index == 0 { Sending::first(self.letter) } else { Sending::next(self.letter, index) };
            let sent = send::send(self.api, &sending, message, self.parts).await?;
            ts = ts.or(sent);
            self.way.sent = index + 1;
            if self.way.sent < messages.len() || matches!(self.way.file, FileWay::Uploaded { .. }) {
                self.note().await?;
            }
        }
        if let (Some(file), FileWay::Uploaded { id, room }) = (&file, self.way.file.clone()) {
            self.show(file, &id, &room).await?;
        }
        Ok(ts)
    }

    fn place(&self) -> FilePlace {
        match (&self.way.file, &self.letter.letter.address) {
            (FileWay::Missing { code }, _) => FilePlace::Missing(code.clone()),
            (_, Address::Post { .. }) => FilePlace::Below,
            // a file in the channel would be seen by all
            _ => FilePlace::Direct,
        }
    }

    /// Gives Slack the bytes. Not after the first message: that has said what there is.
    async fn upload(&mut self, file: &File) -> Result<(), ApiError> {
        if self.way.sent > 0 || self.way.file != FileWay::Unsent {
            return Ok(());
        }
        match self.uploaded(file).await {
            Ok(way) => self.way.file = way,
            Err(error) if error.is_final() || self.letter.attempts >= FILE_ATTEMPTS => {
                tracing::warn!(req = %self.letter.letter.request, %error, "file could not be uploaded; answering without it");
                self.way.file = FileWay::Missing { code: error.code().to_owned() };
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }

    async fn uploaded(&self, file: &File) -> Result<FileWay, ApiError> {
        let room = match &self.letter.letter.address {
            // by a person's id Slack posts, but shows no file
            Address::Post { channel, .. } if channel.is_person() => {
                self.api.open_direct(&UserId::from(channel.as_str())).await?
            }
            Address::Post { channel, .. } => channel.clone(),
            // a file in the channel would be seen by all
            Address::ResponseUrl { user, .. }
            | Address::ClickUrl { user, .. }
            | Address::Beside { user, .. }
            | Address::Ephemeral { user, .. } => self.api.open_direct(user).await?,
        };
        let id = self.api.upload_file(&file.name, &file.content).await?.id;
        Ok(FileWay::Uploaded { id, room })
    }

    /// Shows the file: where the answer belongs, or where that place takes nothing, to the asker.
    async fn show(&self, file: &File, id: &str, room: &ChannelId) -> Result<(), ApiError> {
        let thread_ts = match &self.letter.letter.address {
            Address::Post { thread_ts, .. } => thread_ts.as_deref(),
            _ => None,
        };
        let Err(error) = self.share(file, id, room, thread_ts).await else { return Ok(()) };
        if !error.is_final() {
            return Err(error);
        }
        let asker = match &self.letter.letter.address {
            Address::Post { asker, .. } if !room.is_direct() => asker.as_ref(),
            _ => None,
        };
        let moved = match asker {
            Some(asker) => match self.api.open_direct(asker).await {
                Ok(direct) => self.share(file, id, &direct, None).await,
                Err(error) => Err(error),
            },
            None => Err(error),
        };
        match moved {
            Err(error) if error.is_final() => self.without(file, &error).await,
            shared => shared,
        }
    }

    /// The last word about a file that Slack does not show after all.
    async fn without(&self, file: &File, error: &ApiError) -> Result<(), ApiError> {
        tracing::warn!(req = %self.letter.letter.request, %error, "file is uploaded but cannot be shown");
        let last = Answer::without_file(&file.name, error.code());
        send::send(self.api, &Sending::next(self.letter, usize::MAX), &last, self.parts).await?;
        Ok(())
    }

    /// Shows the file in one place, once.
    async fn share(&self, file: &File, id: &str, room: &ChannelId, thread_ts: Option<&str>) -> Result<(), ApiError> {
        // an earlier attempt may have shown it
        if matches!(self.letter.way.file, FileWay::Uploaded { .. }) {
            match self.api.is_file_shared(id, room).await {
                Ok(true) => return Ok(()),
                Ok(false) => {}
                // it cannot be looked at: shown twice does less harm than never
                Err(error) if error.is_final() => {
                    tracing::warn!(req = %self.letter.letter.request, %error, "cannot tell whether a file is shown already");
                }
                Err(error) => return Err(error),
            }
        }
        self.api.share_file(&ShareFile { id, title: &file.title, channel: room, thread_ts }).await
    }

    /// Makes it durable how far the letter is. Nothing more is said before that, and nothing at all when the letter is
    /// another replica's by now: that one goes on with it.
    async fn note(&self) -> Result<(), ApiError> {
        let mut pause = Duration::from_millis(100);
        while let Err(error) = self.parts.outbox.note(self.letter.id, &self.way).await {
            if matches!(error, StoreError::Fenced(_)) {
                return Err(ApiError::Retry { after: None, code: "fenced".to_owned() });
            }
            let req = self.letter.letter.request;
            tracing::error!(%req, %error, "progress of a delivery could not be noted; trying again");
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(Duration::from_secs(10));
        }
        Ok(())
    }
}
