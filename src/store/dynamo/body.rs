//! The JSON of a row.

use crate::domain::{Plan, Step};
use crate::store::{ReplicaName, Way};
use serde::{Deserialize, Serialize};

/// What is not asked for by itself, as JSON. What is added here has a default, so that old rows stay readable.
#[derive(Serialize, Deserialize)]
pub(super) struct Body {
    pub(super) source: String,
    pub(super) team: String,
    pub(super) user: String,
    pub(super) channel: String,
    pub(super) text: String,
    pub(super) place: String,
    #[serde(default)]
    pub(super) thread_ts: Option<String>,
    #[serde(default)]
    pub(super) url: Option<String>,
    pub(super) accepted_at: i64,
    #[serde(default)]
    pub(super) finished_at: Option<i64>,
    #[serde(default)]
    pub(super) plan: Option<Plan>,
    #[serde(default)]
    pub(super) steps: Vec<StepBody>,
    #[serde(default)]
    pub(super) progress_ts: Option<String>,
    #[serde(default)]
    pub(super) letter: Option<LetterBody>,
    #[serde(default)]
    pub(super) dead: Option<LetterBody>,
    #[serde(default)]
    pub(super) letters: i64,
    /// What happened, event by event: what a newer program adds there is kept as it is.
    #[serde(default)]
    pub(super) history: Vec<serde_json::Value>,
}

#[derive(Serialize, Deserialize)]
pub(super) struct StepBody {
    pub(super) state: String,
    pub(super) step: Step,
}

#[derive(Serialize, Deserialize)]
pub(super) struct LetterBody {
    pub(super) number: i64,
    pub(super) kind: String,
    pub(super) channel: String,
    #[serde(default)]
    pub(super) user: Option<String>,
    #[serde(default)]
    pub(super) thread_ts: Option<String>,
    #[serde(default)]
    pub(super) url: Option<String>,
    pub(super) reply: serde_json::Value,
    pub(super) last: bool,
    pub(super) attempts: u32,
    pub(super) created_at: i64,
    pub(super) not_before: i64,
    #[serde(default)]
    pub(super) way: Way,
    #[serde(default)]
    pub(super) unsure: bool,
    #[serde(default)]
    pub(super) error: Option<String>,
}

/// An event as a row has it.
#[derive(Serialize, Deserialize)]
pub(super) struct EventBody<W> {
    pub(super) at: i64,
    pub(super) replica: ReplicaName,
    pub(super) fence: i64,
    #[serde(flatten)]
    pub(super) what: W,
}
