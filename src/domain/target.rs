//! What a command acts on: one thing at the provider, of a kind that its service names.

use super::{AccountId, AccountRegion};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

/// The longest name, in characters, of one among many targets.
const LONGEST_NAME: usize = 40;

/// What kind of thing a target is, `ec2:instance`. The port of its service names it, and it is stored with the target: no
/// other part of the program tells it from the form of an id.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ResourceKind(Cow<'static, str>);

impl ResourceKind {
    /// The kind of this name.
    pub const fn new(name: &'static str) -> Self {
        Self(Cow::Borrowed(name))
    }

    /// Its name, `ec2:instance`.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ResourceKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One resolved resource that a command acts on: what a policy judges.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "StoredTarget")]
pub struct Target {
    /// What it is.
    pub kind: ResourceKind,
    /// The provider's id as its ARN ends, `i-0abc…` or `service/prod/web`. What follows a `#` is a part of it that may be
    /// changed while another command changes the rest: `service/prod/web#7` is its rollout under way.
    pub id: String,
    /// Its Name tag (untrusted text), if it has one; of a service the name by which it is deployed.
    pub name: Option<String>,
    /// The AWS account.
    pub account: AccountId,
    /// The AWS region.
    pub region: String,
    /// Its tags (untrusted text).
    pub tags: BTreeMap<String, String>,
}

/// A target as it is stored. Programs before 0.2 stored no kind, and knew two.
#[derive(Deserialize)]
struct StoredTarget {
    kind: Option<ResourceKind>,
    id: String,
    name: Option<String>,
    account: AccountId,
    region: String,
    tags: BTreeMap<String, String>,
}

impl From<StoredTarget> for Target {
    fn from(stored: StoredTarget) -> Self {
        let StoredTarget { kind, id, name, account, region, tags } = stored;
        let kind = kind.unwrap_or(match id.starts_with("service/") {
            true => ResourceKind::new("ecs:service"),
            false => ResourceKind::new("ec2:instance"),
        });
        Self { kind, id, name, account, region, tags }
    }
}

impl Target {
    /// What names it among all accounts and regions: `123456789012/eu-central-1/i-0abc`.
    pub fn key(&self) -> String {
        format!("{}/{}/{}", self.account, self.region, self.id)
    }

    /// Where it is.
    pub fn place(&self) -> AccountRegion {
        AccountRegion::new(self.account.clone(), self.region.as_str())
    }

    /// What a policy knows it by: a part is judged as the whole.
    pub fn resource(&self) -> &str {
        self.id.split('#').next().unwrap_or_default()
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

    fn target(id: &str) -> Target {
        Target {
            kind: ResourceKind::new("ecs:service"),
            id: id.to_owned(),
            name: None,
            account: "123456789012".into(),
            region: "eu-central-1".to_owned(),
            tags: BTreeMap::new(),
        }
    }

    #[test]
    fn a_part_is_another_lock_and_the_same_resource() {
        let (whole, part) = (target("service/prod/web"), target("service/prod/web#7"));
        assert_ne!(whole.key(), part.key());
        assert_eq!(whole.resource(), part.resource());
    }

    #[test]
    fn the_kind_is_stored_and_no_id_tells_it() {
        let queue = Target { kind: ResourceKind::new("sqs:queue"), ..target("i-looks-like-one") };
        let stored = serde_json::to_string(&queue).expect("JSON");
        let read: Target = serde_json::from_str(&stored).expect("a target");
        assert_eq!(read, queue);
    }

    #[test]
    fn a_target_of_a_program_that_stored_no_kind_is_of_the_two_that_it_knew() {
        let kind = |id: &str| {
            let stored = format!(r#"{{"id":"{id}","name":null,"account":"1","region":"eu-central-1","tags":{{}}}}"#);
            serde_json::from_str::<Target>(&stored).expect("a target").kind.to_string()
        };
        assert_eq!((kind("i-0abc"), kind("service/prod/web#7")), ("ec2:instance".into(), "ecs:service".into()));
    }
}
