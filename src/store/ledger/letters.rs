//! The rules for letters: which may be put in, how one takes the place of another, and what follows from its delivery.

use crate::domain::RequestId;
use crate::store::{Delivery, LONGEST_WAIT, NewLetter, StoreError, What};
use jiff::{SignedDuration, Timestamp};

/// On which terms a letter waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::store) struct LetterTerms {
    /// Not to be tried before this time.
    pub(in crate::store) not_before: Timestamp,
    /// Whether Slack may have it, or one in whose place it stands, without anybody knowing: it must be looked for.
    pub(in crate::store) unsure: bool,
}

impl LetterTerms {
    /// Of a letter that is put in now, in the place of one that waits, if one does. Of a request there is never more than
    /// one: a later letter says more.
    pub(in crate::store) fn of(last: bool, now: Timestamp, before: Option<Self>) -> Self {
        let not_before = match before {
            // it was put off because Slack said so: that holds for its successor too
            Some(before) if !last => before.not_before.max(now),
            // the answer is tried at once
            _ => now,
        };
        Self { not_before, unsure: before.is_some_and(|before| before.unsure) }
    }

    /// After one more try that failed. What Slack may have it goes on perhaps having.
    pub(in crate::store) fn put_off(self, not_before: Timestamp, unsure: bool) -> Self {
        Self { not_before, unsure: self.unsure || unsure }
    }
}

/// Whether a letter that is put off until then is due.
pub(in crate::store) fn is_due(not_before: Timestamp, now: Timestamp) -> bool {
    let ahead = not_before.duration_since(now);
    ahead <= SignedDuration::ZERO || ahead.unsigned_abs() > LONGEST_WAIT
}

/// Others are asked by a letter of the request that is not its answer.
pub(in crate::store) fn check_question(id: RequestId, letter: &NewLetter) -> Result<(), StoreError> {
    match letter.request == id && !letter.last {
        true => Ok(()),
        false => Err(StoreError::Failed(format!("others are asked about request {id} only by a letter of its own"))),
    }
}

/// The answer is the last letter of the request.
pub(in crate::store) fn check_answer(id: RequestId, letter: &NewLetter) -> Result<(), StoreError> {
    match letter.request == id && letter.last {
        true => Ok(()),
        false => Err(StoreError::Failed(format!("request {id} is finished only by its own last letter"))),
    }
}

/// Progress is not the answer, which would be there without the request's end.
pub(in crate::store) fn check_progress(letter: &NewLetter) -> Result<(), StoreError> {
    match letter.last {
        false => Ok(()),
        true => Err(StoreError::Failed(format!("the last letter of request {} goes by finish", letter.request))),
    }
}

/// One thing that follows from what became of a letter. A backend does them in the order in which they come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::store) enum Effect<'a> {
    /// Slack has the letter: it waits no more.
    Remove,
    /// The letter is tried again, and has been tried once more.
    PutOff {
        /// When.
        not_before: Timestamp,
        /// Why.
        error: &'a str,
        /// Whether Slack may have it all the same.
        unsure: bool,
    },
    /// The letter is dead, and has been tried once more. Its capability is forgotten: it goes nowhere.
    Bury {
        /// Why.
        error: &'a str,
    },
    /// Later letters of the request are edited into this message. Where that is new, it is told.
    ShowProgress(&'a str),
    /// This message holds the answer, if it is one of the channel: what one person saw is found by nobody.
    ShowAnswer(&'a str),
    /// Slack may have the letter in whose place another one waits.
    DoubtSuccessor,
    /// This happened.
    Tell(What),
}

/// What follows from a delivery. `last` says of a letter that waits whether it is the final answer; it is `None` of one in
/// whose place a later letter has come while it was on its way, where what became of it is still worth knowing.
pub(in crate::store) fn settle(last: Option<bool>, delivery: &Delivery) -> impl Iterator<Item = Effect<'_>> {
    let effects = match (last, delivery) {
        (Some(true), Delivery::Sent { ts }) => {
            let told = What::Delivered { ts: ts.clone(), last: true };
            [Some(Effect::Remove), ts.as_deref().map(Effect::ShowAnswer), Some(Effect::Tell(told))]
        }
        (Some(false), Delivery::Sent { ts }) => [Some(Effect::Remove), ts.as_deref().map(Effect::ShowProgress), None],
        (Some(_), Delivery::Later { not_before, error, unsure }) => {
            [Some(Effect::PutOff { not_before: *not_before, error, unsure: *unsure }), None, None]
        }
        (Some(_), Delivery::Dead { error }) => {
            [Some(Effect::Bury { error }), Some(Effect::Tell(What::Dead { error: error.clone() })), None]
        }
        (None, Delivery::Sent { ts }) => [ts.as_deref().map(Effect::ShowProgress), None, None],
        (None, Delivery::Later { unsure: true, .. }) => [Some(Effect::DoubtSuccessor), None, None],
        (None, Delivery::Later { .. } | Delivery::Dead { .. }) => [None, None, None],
    };
    effects.into_iter().flatten()
}
