//! What a command is about to do, exactly, before it does it.

use super::Approval;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The longest name, in characters, of one among many targets.
const LONGEST_NAME: usize = 40;

/// One resolved resource that a command acts on: what a policy judges.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// The provider's id as its ARN ends, `i-0abc…` or `service/prod/web`. What follows a `#` is a part of it that may be
    /// changed while another command changes the rest: `service/prod/web#7` is its rollout under way.
    pub id: String,
    /// Its Name tag (untrusted text), if it has one; of a service the name by which it is deployed.
    pub name: Option<String>,
    /// The AWS account.
    pub account: String,
    /// The AWS region.
    pub region: String,
    /// Its tags (untrusted text).
    pub tags: BTreeMap<String, String>,
}

/// One provider call of a plan. It is journalled before it is made, so that a crash leaves a trace to verify.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// Which step of the plan, from 0.
    pub index: u32,
    /// The IAM name of the call, `ec2:StopInstances`.
    pub operation: String,
    /// Where it is made.
    pub region: String,
    /// The ids it names.
    pub targets: Vec<String>,
    /// Derived from the request id and the index: the same in every attempt.
    pub token: String,
    /// How the targets were when it was planned, by their ids: what a person needs who wants them back as they were.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub before: BTreeMap<String, Before>,
}

/// How a target was before a step.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Before {
    /// The provider's word for its state, `running`.
    pub state: String,
    /// What kind of machine it is, `m5.large`.
    pub kind: String,
    /// Where it stands, `eu-central-1a`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
    /// Its address in the world.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub public_ip: Option<String>,
    /// Whether that address is its own and outlives a stop.
    pub elastic_ip: bool,
    /// Its address in its network.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub private_ip: Option<String>,
    /// When it was started last, as RFC 3339 writes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub launched: Option<String>,
    /// The provider's code for why it was in that state, empty where it told none; `None`: it was not asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The provider's words for its last change of state, with their time, in the same way.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transition: Option<String>,
}

/// What will happen, in full. It is journalled, and it is all that `verify` needs after a restart.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// The name of the command's row, `ec2 stop`.
    pub command: String,
    /// The canonical text of the change, the same for the same change: `stop i-0abc in eu-central-1`.
    pub text: String,
    /// Every target of the command, those that need no change included.
    pub targets: Vec<Target>,
    /// The calls to be made, in order.
    pub steps: Vec<Step>,
    /// What a person should know before it happens: data that will be lost, an address that will change.
    pub cautions: Vec<String>,
    /// The hash of the policies by which it was permitted, once it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policies: Option<String>,
    /// Who has approved it, where that was needed, once they have.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub approved: Vec<Approval>,
}

impl Plan {
    /// The names by which people know the targets, `web-1 (i-0abc)`.
    pub fn target_names(&self) -> Vec<String> {
        self.targets.iter().map(Target::label).collect()
    }
}

impl Target {
    /// What names it among all accounts and regions: `123456789012/eu-central-1/i-0abc`.
    pub fn key(&self) -> String {
        format!("{}/{}/{}", self.account, self.region, self.id)
    }

    /// What a policy knows it by: a part is judged as the whole.
    pub fn resource(&self) -> &str {
        self.id.split('#').next().unwrap_or_default()
    }

    /// What it is: `ec2:instance` or `ecs:service`. Its id tells.
    pub fn kind(&self) -> &'static str {
        if self.id.starts_with("service/") { "ecs:service" } else { "ec2:instance" }
    }

    /// The same with a long name cut, so that many are shown in one place, and of each the whole id.
    pub fn short_label(&self) -> String {
        let cut = |name: &String| match name.char_indices().nth(LONGEST_NAME) {
            Some((end, _)) => format!("{}…", &name[..end]),
            None => name.clone(),
        };
        Self { name: self.name.as_ref().map(cut), ..self.clone() }.label()
    }

    /// `web-1 (i-0abc)`, or the bare id of a nameless one.
    pub fn label(&self) -> String {
        match &self.name {
            Some(name) if !name.is_empty() => format!("{name} ({})", self.id),
            _ => self.id.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_tells_what_it_is_of() {
        let target = |id: &str| Target {
            id: id.to_owned(),
            name: None,
            account: "123456789012".to_owned(),
            region: "eu-central-1".to_owned(),
            tags: BTreeMap::new(),
        };
        assert_eq!(target("i-0abc").kind(), "ec2:instance");
        assert_eq!(target("service/prod/web").kind(), "ecs:service");
    }

    #[test]
    fn a_part_is_another_lock_and_the_same_resource() {
        let target = |id: &str| Target {
            id: id.to_owned(),
            name: None,
            account: "123456789012".to_owned(),
            region: "eu-central-1".to_owned(),
            tags: BTreeMap::new(),
        };
        let (whole, part) = (target("service/prod/web"), target("service/prod/web#7"));
        assert_ne!(whole.key(), part.key());
        assert_eq!((whole.resource(), whole.kind()), (part.resource(), part.kind()));
    }
}
