//! What people said of a change that waits for approval, as it is kept with it: who, when, and why it was not taken where it
//! was not.

use super::{ApprovalRequest, NotTaken, Standing, Word};
use crate::domain::decision::kept;
use crate::domain::{Decision, UserId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Why a word on a change was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WordRefusal {
    /// The person asked for the change, so somebody else must approve it.
    Own,
    /// The policies do not let the person decide on it.
    NotPermitted,
    /// The button was shown with another plan than the one that waits.
    OtherPlan,
    /// The bot did not make the button, or not for that place.
    Forged,
    /// Somebody had declined it.
    Declined,
    /// Enough people had approved it.
    Granted,
    /// Its time was over.
    Expired,
    /// Another reason, of a newer program.
    #[serde(other)]
    Other,
}

impl WordRefusal {
    /// Why this word was not taken; nothing for one that the person had said before.
    pub fn of(not: &NotTaken) -> Option<Self> {
        match not {
            NotTaken::Said => None,
            NotTaken::Own => Some(Self::Own),
            NotTaken::Decided(Standing::Declined(_)) => Some(Self::Declined),
            NotTaken::Decided(Standing::Granted) => Some(Self::Granted),
            NotTaken::Decided(Standing::Expired | Standing::Pending(_)) => Some(Self::Expired),
        }
    }
}

/// One word that somebody said on a change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WordRecord {
    /// Who said it.
    pub by: UserId,
    /// When, by the clock of the replica that heard it.
    pub at: Timestamp,
    /// What was said.
    pub word: Word,
    /// Why it was not taken, where it was not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<WordRefusal>,
    /// What the policies decided of it, where it was they that decided.
    #[serde(default, with = "kept", skip_serializing_if = "Option::is_none")]
    pub decision: Option<Arc<Decision>>,
}

impl WordRecord {
    /// A word that is to be taken.
    pub fn new(by: UserId, at: Timestamp, word: Word) -> Self {
        Self { by, at, word, refused: None, decision: None }
    }

    /// With what the policies decided of it.
    #[must_use]
    pub fn judged(self, decision: Option<Arc<Decision>>) -> Self {
        Self { decision, ..self }
    }

    /// As one that is not taken, and why. That the policies would have let it be taken is nothing to be kept then.
    #[must_use]
    pub fn refused(self, why: WordRefusal) -> Self {
        let decision = self.decision.filter(|_| why == WordRefusal::NotPermitted);
        Self { refused: Some(why), decision, ..self }
    }
}

impl ApprovalRequest {
    /// So many refused words of one person are kept.
    pub const REFUSED_EACH: usize = 3;

    /// So many are kept of all people together.
    pub const REFUSED_MOST: usize = 30;

    /// Keeps a word. Of the refused ones, which may be without end, only so many are kept: `false` for one too many. A word that
    /// is kept already is not kept twice.
    pub fn keep(&mut self, said: WordRecord) -> bool {
        if self.words.contains(&said) {
            return true;
        }
        let refused = || self.words.iter().filter(|word| word.refused.is_some());
        let is_room = refused().filter(|word| word.by == said.by).count() < Self::REFUSED_EACH
            && refused().count() < Self::REFUSED_MOST;
        if said.refused.is_some() && !is_room {
            return false;
        }
        self.words.push(said);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{JudgedFacts, Ruling};

    fn decision() -> Option<Arc<Decision>> {
        let (policies, facts) = (vec!["operators-change".to_owned()], JudgedFacts::default());
        let (on, about, permits, given) = (None, None, Vec::new(), Vec::new());
        Some(Arc::new(Decision { ruling: Ruling::Permit, policies, permits, on, about, needed: 0, given, facts }))
    }

    fn word(by: &str, number: i64) -> WordRecord {
        let at = Timestamp::from_second(number).expect("a time");
        WordRecord::new(by.into(), at, Word::Approve).judged(decision())
    }

    #[test]
    fn no_person_fills_the_record_and_one_alone_gets_less() {
        let mut approval: ApprovalRequest = serde_json::from_value(serde_json::json!({
            "request": "01JD8Z3K4M5N6P7Q8R9SATBVCW", "user": "UMAYA", "text": "ec2 stop web-1", "needed": 1,
            "plan": {"command": "", "text": "", "targets": [], "steps": [], "cautions": []},
            "asked_at": "2026-03-01T12:00:00Z", "expires_at": "2026-03-01T12:15:00Z", "given": [], "declined": null,
        }))
        .expect("what an older program wrote");
        assert!(approval.words.is_empty());
        let refused = |by: &str, number| word(by, number).refused(WordRefusal::Own);
        let kept = |approval: &mut ApprovalRequest, by: &str| {
            (0..100).filter(|number| approval.keep(refused(by, *number))).count()
        };
        assert_eq!(kept(&mut approval, "UMAYA"), ApprovalRequest::REFUSED_EACH);
        assert!(approval.keep(refused("UMAYA", 0)), "it stands there already");
        assert_eq!(approval.words.len(), ApprovalRequest::REFUSED_EACH);
        // one person's words take nothing from another's
        assert!(approval.keep(word("UMAYA", 200)) && approval.keep(word("UOMAR", 200)));
        let all: usize = (0..50).map(|other| kept(&mut approval, &format!("U{other}"))).sum();
        assert_eq!(all, ApprovalRequest::REFUSED_MOST - ApprovalRequest::REFUSED_EACH);
        assert!(approval.keep(word("UVERA", 300)), "what is taken is always kept");
        assert_eq!(approval.words.len(), ApprovalRequest::REFUSED_MOST + 3);
    }

    #[test]
    fn a_word_is_read_as_it_was_written_and_a_reason_of_a_newer_program_is_another() {
        assert_eq!(word("UMAYA", 1).refused(WordRefusal::Own).decision, None);
        let denied = word("UMAYA", 1).refused(WordRefusal::NotPermitted);
        assert_eq!(denied.decision, decision());
        for said in [word("UMAYA", 1), denied] {
            let text = serde_json::to_string(&said).expect("json");
            assert_eq!(serde_json::from_str::<WordRecord>(&text).expect("it is read"), said);
        }
        let newer = r#"{"by":"UMAYA","at":"2026-03-01T12:00:00Z","word":"decline","refused":"of_another_planet"}"#;
        let newer: WordRecord = serde_json::from_str(newer).expect("it is read");
        assert_eq!((newer.word, newer.refused), (Word::Decline, Some(WordRefusal::Other)));
    }
}
