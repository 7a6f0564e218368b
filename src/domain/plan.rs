//! What a command is about to do, exactly, before it does it.

use super::{AccountId, AccountRegion, Decision, Facts, Target, UserId};
use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;

/// One provider call of a plan. It is journalled before it is made, so that a crash leaves a trace to verify.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// Which step of the plan, from 0.
    pub index: u32,
    /// The IAM name of the call, `ec2:StopInstances`.
    pub operation: String,
    /// In which account it is made; `None` where a program wrote it that knew one account only, the usual one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<AccountId>,
    /// In which region.
    pub region: String,
    /// The ids it names.
    pub targets: Vec<String>,
    /// Derived from the request id and the index: the same in every attempt.
    pub token: String,
    /// How the targets were when it was planned, by their ids: what a person needs who wants them back as they were.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub before: BTreeMap<String, Facts>,
}

impl Step {
    /// Where it is made.
    pub fn place(&self) -> AccountRegion {
        AccountRegion { account: self.account.clone(), region: self.region.clone() }
    }
}

/// What somebody said of a plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approval {
    /// Who.
    pub by: UserId,
    /// When.
    pub at: Timestamp,
}

/// What will happen, in full. It is journalled, and it is all that `verify` needs after a restart.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// The name of the command's row, `ec2 stop`.
    pub command: String,
    /// The canonical text of the change, the same for the same change: `stop i-0abc in eu-central-1`.
    pub text: String,
    /// Every target of the command, those that need no change included.
    pub targets: Vec<Target>,
    /// The calls to be made, in order.
    pub steps: Vec<Step>,
    /// What the command itself needs to know of it beside the calls, as a value of a type of its own; none where it needs
    /// nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<Box<Value>>,
    /// What a person should know before it happens: data that will be lost, an address that will change.
    pub cautions: Vec<String>,
    /// The hash of the policies by which it was permitted, once it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policies: Option<String>,
    /// Who has approved it, where that was needed, once they have.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub approved: Vec<Approval>,
    /// What the policies decided of it, once they have. It is kept with what happened, and not with the plan.
    #[serde(skip)]
    pub decision: Option<Arc<Decision>>,
}

impl Plan {
    /// The names by which people know the targets, `web-1 (i-0abc)`.
    pub fn target_names(&self) -> Vec<String> {
        self.targets.iter().map(Target::label).collect()
    }

    /// The detail as the command's own type; `None` where it is of another, or there is none.
    pub fn detail<T: DeserializeOwned>(&self) -> Option<T> {
        T::deserialize(self.detail.as_deref()?).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_that_was_written_before_it_had_an_account_is_of_the_usual_one() {
        let before =
            r#"{"index":0,"operation":"ec2:StopInstances","region":"eu-central-1","targets":["i-1"],"token":"t"}"#;
        let step: Step = serde_json::from_str(before).expect("a step");
        assert_eq!(step.place(), AccountRegion::usual("eu-central-1"));
        // and a program of before reads what is written of it now
        assert_eq!(serde_json::to_string(&step).expect("JSON"), before);
        let step = Step { account: Some("123456789012".into()), ..step };
        let stored = serde_json::to_string(&step).expect("JSON");
        let read: Step = serde_json::from_str(&stored).expect("a step");
        assert_eq!(read.place(), AccountRegion::new("123456789012", "eu-central-1"));
    }
}
