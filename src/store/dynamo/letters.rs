//! How letters wait, and what became of them.

use super::row::{Row, Waiting};
use crate::store::ledger::{self, Effect, LetterTerms};
use crate::store::wire::is_of_the_channel;
use crate::store::{Address, Delivery, NewLetter, Way, What};
use jiff::Timestamp;

impl Row {
    /// Puts a letter in, in the place of one that waits.
    pub(super) fn post(&mut self, letter: NewLetter, now: Timestamp) {
        self.letters += 1;
        let before = self.letter.as_ref().map(Waiting::terms);
        let LetterTerms { not_before, unsure } = LetterTerms::of(letter.last, now, before);
        let letter = NewLetter { trigger: None, ..letter };
        let (number, way) = (self.letters, Way::default());
        self.letter =
            Some(Waiting { number, letter, attempts: 0, created_at: now, not_before, way, unsure, error: None });
    }
}

/// What became of a letter. Returns whether it is dead.
pub(super) fn settle(row: &mut Row, number: i64, delivery: &Delivery, now: Timestamp) -> bool {
    let waiting = row.letter.as_ref().filter(|letter| letter.number == number);
    let mut died = false;
    for effect in ledger::settle(waiting.map(|letter| letter.letter.last), delivery) {
        match effect {
            Effect::Remove => row.letter = None,
            Effect::PutOff { not_before, error, unsure } => {
                if let Some(letter) = &mut row.letter {
                    letter.wait_on(letter.terms().put_off(not_before, unsure));
                    letter.attempts += 1;
                    letter.error = Some(error.to_owned());
                }
            }
            Effect::Bury { error } => {
                died = true;
                if let Some(letter) = row.letter.take() {
                    let (attempts, error) = (letter.attempts + 1, Some(error.to_owned()));
                    row.dead = Some(Waiting { attempts, error, ..letter }.without_url());
                }
            }
            Effect::ShowProgress(ts) => show_progress(row, ts, now),
            Effect::ShowAnswer(ts) => show_answer(row, ts),
            Effect::DoubtSuccessor => row.letter.iter_mut().for_each(|successor| successor.unsure = true),
            Effect::Tell(what) => row.tell(now, &what),
        }
    }
    died
}

/// The message in which later letters of the request are edited in.
fn show_progress(row: &mut Row, ts: &str, now: Timestamp) {
    if row.progress_ts.as_deref() != Some(ts) {
        row.progress_ts = Some(ts.to_owned());
        row.tell(now, &What::Delivered { ts: Some(ts.to_owned()), last: false });
    }
}

/// The message that holds the answer, if it is one of the channel.
fn show_answer(row: &mut Row, ts: &str) {
    if is_of_the_channel(&row.request.reply_to) {
        row.progress_ts = Some(ts.to_owned());
    }
}

impl Waiting {
    /// On which terms it waits.
    pub(super) fn terms(&self) -> LetterTerms {
        LetterTerms { not_before: self.not_before, unsure: self.unsure }
    }

    /// It waits on these terms from now on.
    pub(super) fn wait_on(&mut self, terms: LetterTerms) {
        (self.not_before, self.unsure) = (terms.not_before, terms.unsure);
    }

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
