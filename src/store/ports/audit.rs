//! What happened, in the order in which it did: to one request, and to the house. An event of a request is written by the
//! same write as the transition that it tells of, so neither is there without the other. What people said of a change is
//! written with its approval, which belongs to no replica, and is told among the events of the request.

use super::{ReplicaName, State, StepState, StoreError};
use crate::domain::decision::kept;
use crate::domain::{ApprovalRequest, Decision, Plan, Reply, RequestId, Step, UserId, WordRecord};
use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::sync::Arc;

/// Something that happened to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// When, by the clock of the replica that wrote it.
    pub at: Timestamp,
    /// Which replica had the request then.
    pub replica: ReplicaName,
    /// The fence of that replica's right: it grows whenever the request changes hands.
    pub fence: i64,
    /// What it was.
    pub what: What,
}

/// What happened to a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum What {
    /// It was journalled.
    Accepted {
        /// Who asked.
        user: UserId,
        /// The command line.
        text: String,
    },
    /// A change was planned, and others were asked to approve it.
    AwaitingApproval {
        /// What it would do, in the canonical text of the plan.
        text: String,
        /// The plan's hash ([`plan_hash`]).
        plan: String,
        /// How many people must approve.
        needed: u32,
        /// What the policies decided of it, where that is kept.
        #[serde(default, with = "kept", skip_serializing_if = "Option::is_none")]
        decision: Option<Arc<Decision>>,
    },
    /// Somebody said a word on the change.
    Word {
        /// Who said what, and whether it was taken.
        said: WordRecord,
    },
    /// A change was planned and permitted.
    Planned {
        /// What it would do, in the canonical text of the plan.
        text: String,
        /// The plan's hash ([`plan_hash`]).
        plan: String,
        /// The hash of the policies that permitted it, where that is known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        policies: Option<String>,
        /// Who approved it, where that was needed.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        approved: Vec<UserId>,
        /// What the policies decided of it, where that is kept.
        #[serde(default, with = "kept", skip_serializing_if = "Option::is_none")]
        decision: Option<Arc<Decision>>,
    },
    /// A call was about to be made.
    StepStarted {
        /// The call, with how its targets were before it.
        step: Step,
    },
    /// The provider answered the call.
    StepEnded {
        /// Which step.
        index: u32,
        /// What the answer was.
        state: StepState,
    },
    /// It got its final answer.
    Finished {
        /// What it came to.
        state: State,
        /// What the person was told, as [`Reply::for_the_record`] keeps it.
        reply: Reply,
        /// What the policies decided, where they decided what it came to and that is kept.
        #[serde(default, with = "kept", skip_serializing_if = "Option::is_none")]
        decision: Option<Arc<Decision>>,
    },
    /// Another replica, or the next life of the process, took it over.
    Adopted {
        /// Who had it before.
        from: ReplicaName,
        /// Whether that one died with it, rather than saying goodbye.
        died: bool,
    },
    /// Slack took a message.
    Delivered {
        /// The message's `ts`, where Slack tells.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        ts: Option<String>,
        /// Whether it was the final answer.
        last: bool,
    },
    /// Slack will never take the letter: it is a dead letter.
    Dead {
        /// Why.
        error: String,
    },
    /// Processes have died with it, so it is not tried again.
    Poison {
        /// How many.
        deaths: u32,
    },
}

impl What {
    /// A change was planned and permitted.
    pub(in crate::store) fn planned(plan: &Plan) -> Self {
        Self::Planned {
            text: plan.text.clone(),
            plan: plan_hash(plan),
            policies: plan.policies.clone(),
            approved: plan.approved.iter().map(|approval| approval.by.clone()).collect(),
            decision: plan.decision.clone(),
        }
    }

    /// Others were asked to approve a change.
    pub(in crate::store) fn awaiting_approval(approval: &ApprovalRequest) -> Self {
        let ApprovalRequest { plan, needed, .. } = approval;
        let (text, decision) = (plan.text.clone(), plan.decision.clone());
        Self::AwaitingApproval { text, plan: plan_hash(plan), needed: *needed, decision }
    }
}

/// Something that happened to a replica.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HouseEntry {
    /// When, by its clock.
    pub at: Timestamp,
    /// Which replica.
    pub replica: ReplicaName,
    /// What it was.
    pub what: HouseEvent,
}

/// What happened to a replica. It belongs to no request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum HouseEvent {
    /// It began to work.
    Started {
        /// The host it runs on.
        host: String,
        /// Version and revision of the program.
        version: String,
        /// The hash of its policies.
        policies: String,
    },
    /// It ends.
    Stopped {
        /// Why.
        why: String,
    },
    /// It was told that its host will be taken away.
    Interrupted {
        /// What was said, and by whom.
        notice: String,
    },
    /// It let go of what it had, for the others to take.
    HandedOver {
        /// How many requests and letters were left.
        left: u64,
    },
}

/// The plan in one short word: the beginning of the SHA-256 of its JSON. Buttons carry it, and programs of two versions may
/// share a store, so what only one of them writes is no part of it: the kind of a target and the plan's detail. Whether a plan
/// is the one that was approved is compared by the whole of it.
pub fn plan_hash(plan: &Plan) -> String {
    let mut json = serde_json::to_value(plan).unwrap_or_default();
    if let Some(plan) = json.as_object_mut() {
        plan.shift_remove("detail");
    }
    for target in json["targets"].as_array_mut().into_iter().flatten().filter_map(serde_json::Value::as_object_mut) {
        target.shift_remove("kind");
    }
    let json = serde_json::to_vec(&json).unwrap_or_default();
    Sha256::digest(json).iter().take(6).map(|byte| format!("{byte:02x}")).collect()
}

/// What happened. Kept for as long as the request it tells of, and for the house as long as a request is.
#[async_trait]
pub trait AuditLog: Send + Sync {
    /// All that happened to a request, and was said of it, in order; nothing for one that is not known, or known no more.
    async fn history(&self, id: RequestId) -> Result<Vec<Event>, StoreError>;

    /// Notes that something happened to this replica.
    async fn record(&self, what: HouseEvent) -> Result<(), StoreError>;

    /// What happened to the replicas lately, newest first.
    async fn house(&self, limit: usize) -> Result<Vec<HouseEntry>, StoreError>;
}

/// What happened, for a person at a terminal: a running bot has none of this.
#[async_trait]
pub trait Archive: AuditLog {
    /// The requests that people know by this short id ([`RequestId::short`]), newest first, at most `limit`. It looks
    /// through everything, and on DynamoDB needs the right to `dynamodb:Scan`, which the bot's own role lacks.
    async fn find(&self, short: &str, limit: usize) -> Result<Vec<RequestId>, StoreError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A button that an older program showed is pressed after the upgrade, and the other way round.
    #[test]
    fn a_plan_has_the_same_word_in_the_program_before_kinds_and_details() {
        let dump = include_str!("../../../tests/bot/former/file.sql");
        let mut plans = 0;
        for (start, _) in dump.match_indices(r#"{"command":"#) {
            let end = start + dump[start..].find('\'').expect("it ends");
            let Some(Ok(plan)) = serde_json::Deserializer::from_str(&dump[start..end]).into_iter::<Plan>().next()
            else {
                panic!("{}", &dump[start..end]);
            };
            let told = format!(r#""plan":"{}""#, plan_hash(&plan));
            assert!(dump.contains(&told), "{told} of {}", plan.text);
            plans += 1;
        }
        assert!(plans >= 4, "{plans}");
    }
}
