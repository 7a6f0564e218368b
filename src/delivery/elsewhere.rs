//! What is said of a place that takes no message: above the answer, which comes by direct message, and above a question
//! for others that only the asker can see. And what is said of a message that Slack does not let be changed any more.

use super::sending::footer;
use crate::domain::{APPROVE, ChannelId, Line, Part, Reply};
use crate::slack::api::{ApiError, Message};
use crate::slack::render::{below, elsewhere, render};
use crate::store::Letter;

/// An answer, below the line that says where it was asked.
pub(super) fn answer(message: &Message, channel: &ChannelId, no: &ApiError) -> Message {
    let after = Line::from(" (").code(no.code()).text("), so my answer comes here.");
    elsewhere(message, &Line::from("You asked this where I cannot show you my answer: in "), channel, &after)
}

/// A message that could not take the place of the one that shows the progress, nor could that be taken away: below the line
/// that says so.
pub(super) fn outdated(message: &Message, code: &str) -> Message {
    let line = Line::from(
        "A message of mine that still says that I am working on this is out of date: Slack lets me neither change it nor take \
         it away (",
    );
    below(message, &line.code(code).text("). This is what became of it."))
}

/// A question for others that the asker alone sees: what to do, and no button that cannot be the asker's. `None` for
/// every other letter.
pub(super) fn question(letter: &Letter, message: &Message, channel: &ChannelId, no: &ApiError) -> Option<Message> {
    if !letter.letter.asks_for_approval() {
        return None;
    }
    let asked = render(&for_asker(&letter.letter.reply), footer(letter).as_deref());
    let asked = if message.blocks.is_some() { asked } else { asked.without_blocks() };
    let after = Line::from(" (")
        .code(no.code())
        .text("). Ask somebody who may approve it to send me ")
        .code(format!("{APPROVE} {}", letter.letter.request.short()))
        .text(" by direct message, or ask again in a channel where I am a member.");
    Some(elsewhere(&asked, &Line::from("Nobody else sees this question, as I cannot post in "), channel, &after))
}

fn for_asker(reply: &Reply) -> Reply {
    let mut reply = reply.clone();
    for part in &mut reply.parts {
        if let Part::Buttons(buttons) = part {
            buttons.retain(|button| button.line().split(' ').next() != Some(APPROVE));
        }
    }
    reply
}
