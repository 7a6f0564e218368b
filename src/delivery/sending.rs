//! What is sent of a letter, and what an error says of it.

use crate::domain::Tone;
use crate::slack::api::ApiError;
use crate::store::Letter;

/// The `replaces` mark of a message sent by response_url, which has no `ts`.
pub(super) const BY_RESPONSE_URL: &str = "response_url";

/// One message of a letter.
pub(super) struct Sending<'a> {
    pub(super) letter: &'a Letter,
    /// Which of the letter's messages.
    pub(super) index: usize,
    /// The message that it edits.
    pub(super) replaces: Option<&'a str>,
    /// Whether it may have been sent before.
    pub(super) again: bool,
}

impl<'a> Sending<'a> {
    /// The first message of a letter: it takes the place of the progress message.
    pub(super) fn first(letter: &'a Letter) -> Self {
        Self { letter, index: 0, replaces: letter.replaces.as_deref(), again: letter.unsure }
    }

    /// A message after the first: nothing is its to replace.
    pub(super) fn next(letter: &'a Letter, index: usize) -> Self {
        // of those that are not noted as sent, only the first can have been
        Self { letter, index, replaces: None, again: letter.unsure && index == letter.way.sent }
    }
}

/// The request id, where somebody may have to ask about it.
pub(super) fn footer(letter: &Letter) -> Option<String> {
    let wanted = !matches!(letter.letter.reply.tone, Tone::Info | Tone::Usage);
    wanted.then(|| format!("req {}", letter.letter.request.short()))
}

/// Whether it is the place that will never take this call; another may.
pub(super) fn is_no_of_place(error: &ApiError) -> bool {
    error.is_final() && !is_about_form(error)
}

/// Whether Slack does not like the form of the blocks: plain text still gets through.
pub(super) fn is_about_form(error: &ApiError) -> bool {
    let ApiError::Rejected { code } = error else { return false };
    code.contains("block") || code.contains("too_long") || code.starts_with("invalid_arg")
}
