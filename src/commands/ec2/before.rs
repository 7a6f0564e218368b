//! How an instance was before it was changed: journalled with the step, read back when it is looked at again, and what a
//! person needs who wants it back as it was.

use crate::aws::Instance;
use serde::{Deserialize, Serialize};

/// The instance as it was when the change was planned.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Before {
    /// EC2's word for its state, `running`.
    pub(super) state: String,
    /// Its type, `m5.large`.
    pub(super) kind: String,
    /// Its zone, `eu-central-1a`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) zone: Option<String>,
    /// Its public address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) public_ip: Option<String>,
    /// Whether that address is elastic and outlives a stop.
    pub(super) elastic_ip: bool,
    /// Its address in its network.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) private_ip: Option<String>,
    /// When it was started last, as RFC 3339 writes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) launched: Option<String>,
    /// EC2's code for why it was in that state, empty where it told none; `None`: it was not asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) reason: Option<String>,
    /// EC2's words for its last change of state, with their time, in the same way.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) transition: Option<String>,
}

impl Before {
    pub(super) fn of(one: &Instance) -> Self {
        Self {
            state: one.state.as_str().to_owned(),
            kind: one.kind.clone(),
            zone: one.zone.clone(),
            public_ip: one.public_ip.clone(),
            elastic_ip: one.elastic_ip,
            private_ip: one.private_ip.clone(),
            launched: one.launched.map(|at| at.to_string()),
            reason: Some(one.state_reason.clone().unwrap_or_default()),
            transition: Some(one.transition.clone().unwrap_or_default()),
        }
    }
}
