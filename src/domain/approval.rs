//! The approval of a change by others: what they are shown, what they say, and where it stands.

mod word;

pub use word::{WordRecord, WordRefusal};

use super::{Approval, Plan, RequestId, UserId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// The word by which somebody approves a plan.
pub const APPROVE: &str = "approve";

/// A plan that waits for others to approve it. It is bound to that plan: what is planned otherwise when it is granted is
/// not done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApprovalRequest {
    /// The request whose plan it is.
    pub request: RequestId,
    /// Who asked for the change: anybody but that person may approve.
    pub user: UserId,
    /// The command line.
    pub text: String,
    /// The plan, as it is shown to the people who may approve.
    pub plan: Plan,
    /// How many people must approve.
    pub needed: u32,
    /// When it was asked.
    pub asked_at: Timestamp,
    /// Until when it may be approved.
    pub expires_at: Timestamp,
    /// Who has approved.
    pub given: Vec<Approval>,
    /// Who has declined.
    pub declined: Option<Approval>,
    /// When it was found to be out of time, and the asker was told so: a replica whose clock says otherwise is late.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed_at: Option<Timestamp>,
    /// What people said of it, in the order in which it was heard: what was taken, and of what was refused some.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub words: Vec<WordRecord>,
}

/// Where an approval stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// So many people are still needed.
    Pending(u32),
    /// Enough people approved in time.
    Granted,
    /// Somebody declined.
    Declined(UserId),
    /// Its time is over.
    Expired,
}

/// What a person says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Word {
    /// Let it be done.
    Approve,
    /// Let it not be done.
    Decline,
}

/// Why a person's word is not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotTaken {
    /// It is the person's own change, of which somebody else must say that it may be done.
    Own,
    /// The person has said so already.
    Said,
    /// It is decided.
    Decided(Standing),
}

impl ApprovalRequest {
    /// Where it stands at this time.
    pub fn standing(&self, now: Timestamp) -> Standing {
        let given = u32::try_from(self.given.len()).unwrap_or(u32::MAX);
        match (&self.declined, self.needed.saturating_sub(given)) {
            (Some(declined), _) => Standing::Declined(declined.by.clone()),
            (None, 0) => Standing::Granted,
            (None, _) if self.closed_at.is_some() || !self.is_open(now) => Standing::Expired,
            (None, left) => Standing::Pending(left),
        }
    }

    /// Whether this is a time at which it may be approved. One that was asked long after this time was asked by a clock that
    /// was wrong, or this one is: it would wait for as long as the clock was wrong.
    fn is_open(&self, now: Timestamp) -> bool {
        now < self.expires_at && self.asked_at.duration_since(now) < self.expires_at.duration_since(self.asked_at)
    }

    /// Whether it was found to be out of time because two clocks do not agree when that is.
    pub fn is_of_another_clock(&self, now: Timestamp) -> bool {
        self.closed_at.unwrap_or(now) < self.asked_at
    }

    /// Takes a person's word. The asker of the change cannot approve it, but may call it off.
    ///
    /// # Errors
    /// Why the word changes nothing.
    pub fn take(&mut self, word: Word, by: &UserId, now: Timestamp) -> Result<(), NotTaken> {
        let said = Approval { by: by.clone(), at: now };
        let has_approved = self.given.iter().any(|approval| approval.by == *by);
        let has_declined = self.declined.as_ref().is_some_and(|declined| declined.by == *by);
        match (word, self.standing(now)) {
            (Word::Approve, _) if *by == self.user => Err(NotTaken::Own),
            (Word::Approve, _) if has_approved => Err(NotTaken::Said),
            (Word::Decline, _) if has_declined => Err(NotTaken::Said),
            (Word::Approve, Standing::Pending(_)) => {
                self.given.push(said);
                Ok(())
            }
            (Word::Decline, Standing::Pending(_)) => {
                self.declined = Some(said);
                Ok(())
            }
            (_, decided) => Err(NotTaken::Decided(decided)),
        }
    }

    /// Ends it, unless it is decided. Whether that changed anything.
    pub fn close(&mut self, now: Timestamp) -> bool {
        let is_decided = matches!(self.standing(now), Standing::Granted | Standing::Declined(_));
        if is_decided || self.closed_at.is_some() {
            return false;
        }
        self.closed_at = Some(now);
        true
    }

    /// Whether this is the plan that was shown. Who approved it, and what the policies decided, is no part of what was shown; nor is a
    /// detail, where a program showed it that knew none and wrote all of it into the steps, nor the account of a step, where it
    /// knew one only, which the targets have.
    pub fn is_for(&self, plan: &Plan) -> bool {
        let shown = |plan: &Plan, detail, steps| Plan {
            policies: None,
            approved: Vec::new(),
            decision: None,
            detail,
            steps,
            ..plan.clone()
        };
        let detail = self.plan.detail.as_ref().and(plan.detail.clone());
        let mut steps = plan.steps.clone();
        for (step, then) in steps.iter_mut().zip(&self.plan.steps) {
            step.account = then.account.as_ref().and(step.account.take());
        }
        let then = shown(&self.plan, self.plan.detail.clone(), self.plan.steps.clone());
        then == shown(plan, detail, steps)
    }

    /// When the last word that was needed came.
    pub fn decided_at(&self) -> Timestamp {
        let said = self.given.iter().chain(&self.declined).map(|approval| approval.at);
        said.max().unwrap_or(self.asked_at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{AccountId, Step};
    use jiff::SignedDuration;
    use std::collections::BTreeMap;

    fn start() -> Timestamp {
        "2026-03-01T12:00:00Z".parse().unwrap()
    }

    fn after(seconds: i64) -> Timestamp {
        start() + SignedDuration::from_secs(seconds)
    }

    fn asked(needed: u32) -> ApprovalRequest {
        let plan =
            Plan { command: "ec2 stop".to_owned(), text: "stop i-0abc in eu-central-1".to_owned(), ..Plan::default() };
        ApprovalRequest {
            request: RequestId::new(1, 1),
            user: "UMAYA".into(),
            text: "ec2 stop web-1".to_owned(),
            plan,
            needed,
            asked_at: start(),
            expires_at: after(900),
            given: Vec::new(),
            declined: None,
            closed_at: None,
            words: Vec::new(),
        }
    }

    #[test]
    fn it_is_granted_by_as_many_others_as_are_needed_each_once() {
        let (maya, jon, ann) = ("UMAYA".into(), "UJON".into(), "UANN".into());
        let mut approval = asked(2);
        assert_eq!(approval.take(Word::Approve, &maya, after(1)), Err(NotTaken::Own));
        assert_eq!(approval.take(Word::Approve, &jon, after(2)), Ok(()));
        assert_eq!(approval.take(Word::Approve, &jon, after(3)), Err(NotTaken::Said));
        assert_eq!(approval.standing(after(3)), Standing::Pending(1));
        assert_eq!(approval.take(Word::Approve, &ann, after(4)), Ok(()));
        assert_eq!((approval.standing(after(4)), approval.decided_at()), (Standing::Granted, after(4)));
        assert_eq!(approval.standing(after(90_000)), Standing::Granted, "granted in time");
        let late = approval.take(Word::Decline, &maya, after(5));
        assert_eq!(late, Err(NotTaken::Decided(Standing::Granted)));
    }

    #[test]
    fn one_who_declines_is_enough_and_it_may_be_called_off() {
        for by in ["UJON", "UMAYA"] {
            let by: UserId = by.into();
            let mut approval = asked(1);
            assert_eq!(approval.take(Word::Decline, &by, after(1)), Ok(()));
            assert_eq!(approval.standing(after(1)), Standing::Declined(by.clone()));
            assert_eq!(approval.take(Word::Decline, &by, after(2)), Err(NotTaken::Said));
            let late = approval.take(Word::Approve, &"UANN".into(), after(3));
            assert_eq!(late, Err(NotTaken::Decided(Standing::Declined(by))));
        }
    }

    #[test]
    fn its_time_ends() {
        let mut approval = asked(1);
        assert_eq!(approval.standing(after(899)), Standing::Pending(1));
        let late = approval.take(Word::Approve, &"UJON".into(), after(900));
        assert_eq!(late, Err(NotTaken::Decided(Standing::Expired)));
        assert!(approval.given.is_empty());
        // asked by a clock that was ahead by more than its whole time, it would wait for as long as that
        assert_eq!(asked(1).standing(after(-899)), Standing::Pending(1));
        assert_eq!(asked(1).standing(after(-900)), Standing::Expired);
        assert!(asked(1).is_of_another_clock(after(-900)) && !asked(1).is_of_another_clock(after(900)));
        // a replica that has said so has said it for all, whatever their clocks say
        let mut approval = asked(1);
        assert!(approval.close(after(900)) && !approval.close(after(901)));
        let late = approval.take(Word::Approve, &"UJON".into(), after(890));
        assert_eq!(late, Err(NotTaken::Decided(Standing::Expired)));
        let mut granted = asked(1);
        assert_eq!(granted.take(Word::Approve, &"UJON".into(), after(899)), Ok(()));
        assert!(!granted.close(after(900)), "it was granted in time");
    }

    #[test]
    fn it_is_bound_to_its_plan() {
        let approval = asked(1);
        let permitted = Plan { policies: Some("e3b0".to_owned()), ..approval.plan.clone() };
        assert!(approval.is_for(&permitted));
        let other = Plan { text: "stop i-0def in eu-central-1".to_owned(), ..permitted.clone() };
        assert!(!approval.is_for(&other));
        // a detail counts where it was shown; a program of before showed none
        let detailed = |number: u32| Plan { detail: Some(Box::new(number.into())), ..permitted.clone() };
        assert!(approval.is_for(&detailed(1)));
        let shown = ApprovalRequest { plan: detailed(1), ..approval };
        assert!(shown.is_for(&detailed(1)) && !shown.is_for(&detailed(2)) && !shown.is_for(&permitted));
    }

    #[test]
    fn a_plan_shown_by_a_program_that_knew_one_account_is_the_same_with_it() {
        let step = |account: Option<&str>, region: &str| Step {
            index: 0,
            operation: "ec2:StopInstances".to_owned(),
            account: account.map(AccountId::from),
            region: region.to_owned(),
            targets: vec!["i-0abc".to_owned()],
            token: "t".to_owned(),
            before: BTreeMap::new(),
        };
        let plan = |step: Step| Plan { steps: vec![step], ..asked(1).plan };
        let shown = |step: Step| ApprovalRequest { plan: plan(step), ..asked(1) };
        let (one, other) = (Some("111111111111"), Some("222222222222"));
        let of_before = shown(step(None, "eu-central-1"));
        assert!(of_before.is_for(&plan(step(one, "eu-central-1"))));
        assert!(!of_before.is_for(&plan(step(one, "us-east-1"))));
        let of_now = shown(step(one, "eu-central-1"));
        assert!(of_now.is_for(&plan(step(one, "eu-central-1"))));
        assert!(
            !of_now.is_for(&plan(step(other, "eu-central-1"))) && !of_now.is_for(&plan(step(None, "eu-central-1")))
        );
        let none = ApprovalRequest { plan: Plan { steps: Vec::new(), ..asked(1).plan }, ..asked(1) };
        assert!(!none.is_for(&plan(step(one, "eu-central-1"))));
    }
}
