//! One letter, one attempt: the form in its place, a final answer as a whole, or its one message.

use super::outcome::judge;
use super::parts::CourierParts;
use super::sending::{Sending, footer};
use super::{open, send, whole};
use crate::domain::Reply;
use crate::slack::api::WebApi;
use crate::slack::render::render;
use crate::store::{Delivery, Letter, NewLetter, Way};

/// Tries to deliver a letter.
pub(super) async fn send(api: &WebApi, letter: &Letter, parts: &CourierParts) -> Delivery {
    if open::opened(api, letter, parts).await {
        return Delivery::Sent { ts: None };
    }
    if letter.letter.last {
        return whole::send(api, letter, parts).await;
    }
    // progress is one message, whatever it says
    let message = render(&letter.letter.reply, footer(letter).as_deref());
    match send::send(api, &Sending::first(letter), &message, parts).await {
        Ok(ts) => Delivery::Sent { ts },
        Err(error) => judge(error, letter, parts),
    }
}

/// What is sent in the place of an answer that breaks the sender: how it ended, and no more.
pub(super) fn unsayable(letter: &Letter) -> Letter {
    let reply = Reply::new(letter.letter.reply.tone).sentence(
        "I have an answer, and something on my side breaks when I write it down. Look at its targets before anything else, \
         and tell the platform team.",
    );
    let letter = letter.clone();
    Letter { letter: NewLetter { reply, trigger: None, ..letter.letter }, way: Way::default(), ..letter }
}
