//! What became of letters.

use super::row::{Row, Waiting};
use crate::domain::ReplyTo;
use crate::store::{Address, Delivery, What};
use jiff::Timestamp;

/// What became of a letter. Returns whether it is dead.
pub(super) fn settle(row: &mut Row, number: i64, delivery: &Delivery, now: Timestamp) -> bool {
    let Some(letter) = row.letter.take_if(|letter| letter.number == number) else {
        // a later letter has taken its place while it was on its way: what it became is still worth knowing
        if let Delivery::Sent { ts: Some(ts) } = delivery {
            show_progress(row, ts, now);
        }
        if let (Delivery::Later { unsure: true, .. }, Some(successor)) = (delivery, &mut row.letter) {
            successor.unsure = true;
        }
        return false;
    };
    match delivery {
        Delivery::Sent { ts } => {
            let is_message =
                matches!(row.request.reply_to, ReplyTo::Thread { .. } | ReplyTo::Channel | ReplyTo::Beside { .. });
            match ts {
                Some(ts) if !letter.letter.last => show_progress(row, ts, now),
                Some(ts) if is_message => row.progress_ts = Some(ts.clone()),
                _ => {}
            }
            if letter.letter.last {
                row.tell(now, &What::Delivered { ts: ts.clone(), last: true });
            }
            false
        }
        Delivery::Later { not_before, error, unsure } => {
            let unsure = letter.unsure || *unsure;
            let attempts = letter.attempts + 1;
            row.letter =
                Some(Waiting { attempts, not_before: *not_before, unsure, error: Some(error.clone()), ..letter });
            false
        }
        Delivery::Dead { error } => {
            let attempts = letter.attempts + 1;
            row.tell(now, &What::Dead { error: error.clone() });
            row.dead = Some(Waiting { attempts, error: Some(error.clone()), ..letter }.without_url());
            true
        }
    }
}

/// The message in which later letters of the request are edited in.
fn show_progress(row: &mut Row, ts: &str, now: Timestamp) {
    if row.progress_ts.as_deref() != Some(ts) {
        row.progress_ts = Some(ts.to_owned());
        row.tell(now, &What::Delivered { ts: Some(ts.to_owned()), last: false });
    }
}

impl Waiting {
    /// A dead letter goes nowhere: its capability is forgotten.
    fn without_url(mut self) -> Self {
        let (channel, user) = match self.letter.address {
            Address::ResponseUrl { channel, user, .. } | Address::ClickUrl { channel, user, .. } => (channel, user),
            Address::Beside { channel, thread_ts, user, .. } => {
                self.letter.address = Address::Beside { channel, thread_ts, user, url: None };
                return self;
            }
            other => {
                self.letter.address = other;
                return self;
            }
        };
        self.letter.address = Address::Ephemeral { channel, thread_ts: None, user };
        self
    }
}
