//! What the policies decide, in the form in which it is kept with the request that it is about. The room
//! [`dispatch`](crate::dispatch) makes each decision, in one place; all other rooms carry it, and the store keeps it with what it led to.

pub(crate) mod kept;

use super::{Membership, UserId};
use serde::{Deserialize, Serialize};
use std::cmp::Ordering;
use std::collections::BTreeSet;

/// What the policies say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ruling {
    /// It may be done.
    Permit,
    /// It may be done once so many others have approved it.
    NeedsApproval,
    /// It may not be done.
    Deny,
}

impl Ruling {
    /// The word for it in the log and in the store.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Permit => "permit",
            Self::NeedsApproval => "needs_approval",
            Self::Deny => "deny",
        }
    }
}

/// Who reads in the place where it was asked, as far as the policies are told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PlaceReaders {
    /// The bot's own organisation, or the asker alone.
    #[default]
    Own,
    /// Another organisation too.
    Shared,
    /// Slack does not tell, so it counts as shared.
    Unknown,
}

impl PlaceReaders {
    fn is_own(&self) -> bool {
        *self == Self::Own
    }
}

/// What the policies were told of the person and of the place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JudgedFacts {
    /// What the person is in the bot's workspace.
    #[serde(default = "member", skip_serializing_if = "Membership::is_member")]
    pub membership: Membership,
    /// The groups that the person is in.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<String>,
    /// The groups of which Slack does not tell whether the person is in them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unread: Vec<String>,
    /// Who reads where it was asked.
    #[serde(default, skip_serializing_if = "PlaceReaders::is_own")]
    pub readers: PlaceReaders,
}

fn member() -> Membership {
    Membership::Member
}

/// A full member in no group, where no other organisation reads.
impl Default for JudgedFacts {
    fn default() -> Self {
        let (membership, readers) = (Membership::Member, PlaceReaders::Own);
        Self { membership, groups: Vec::new(), unread: Vec::new(), readers }
    }
}

impl JudgedFacts {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// What the policies decided of one person's request, or of a person's word on a change: what they say, which of them, by
/// which facts, and whose approval it needs. What is as usual takes no room in the store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// What they say.
    pub ruling: Ruling,
    /// The ids of those that say so; none where no policy permits it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub policies: Vec<String>,
    /// The ids of those that permit it once it is approved; where it needs no approval, `policies` has them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub permits: Vec<String>,
    /// The target or the region for which it is so (untrusted text), where it is not so for all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on: Option<String>,
    /// Whose rights were judged, where they are not the asker's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub about: Option<UserId>,
    /// How many others must approve it.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub needed: u32,
    /// Who has approved it, where that was needed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub given: Vec<UserId>,
    /// What the policies were told of the person and of the place.
    #[serde(default, skip_serializing_if = "JudgedFacts::is_default")]
    pub facts: JudgedFacts,
}

fn is_zero(needed: &u32) -> bool {
    *needed == 0
}

impl Decision {
    /// Of two decisions on parts of one plan, what they come to for the whole: the stricter, and of two alike what both rest on.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        match (self.ruling, self.needed).cmp(&(other.ruling, other.needed)) {
            Ordering::Less => other,
            Ordering::Greater => self,
            Ordering::Equal => {
                let both = |one: Vec<String>, other: Vec<String>| {
                    let both: BTreeSet<String> = one.into_iter().chain(other).collect();
                    both.into_iter().collect()
                };
                Self {
                    policies: both(self.policies, other.policies),
                    permits: both(self.permits, other.permits),
                    on: self.on.filter(|on| other.on.as_ref() == Some(on)),
                    ..self
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    fn decision(ruling: Ruling, policies: &[&str], on: Option<&str>, needed: u32) -> Decision {
        Decision {
            ruling,
            policies: policies.iter().map(|policy| (*policy).to_owned()).collect(),
            permits: Vec::new(),
            on: on.map(str::to_owned),
            about: None,
            needed,
            given: Vec::new(),
            facts: JudgedFacts::default(),
        }
    }

    #[test]
    fn of_the_parts_of_a_plan_the_strictest_decides_and_of_equals_all_are_named() {
        let permit = |policies: &[&str]| decision(Ruling::Permit, policies, None, 0);
        let needs = |policy: &str, on: &str, needed| decision(Ruling::NeedsApproval, &[policy], Some(on), needed);
        let deny = decision(Ruling::Deny, &["no"], Some("web-1"), 0);
        // a region in which nothing is forbidden names no policy
        let all = permit(&[]).and(permit(&["b", "a"])).and(permit(&["a"]));
        assert_eq!(all, permit(&["a", "b"]));
        assert_eq!(all.clone().and(needs("two", "db-1", 2)).and(needs("one", "web-1", 1)), needs("two", "db-1", 2));
        assert_eq!(needs("two", "db-1", 2).and(needs("two", "db-1", 2)), needs("two", "db-1", 2));
        let both = decision(Ruling::NeedsApproval, &["one", "other"], None, 1);
        assert_eq!(needs("other", "db-1", 1).and(needs("one", "web-1", 1)), both, "it is so for more than one");
        assert_eq!(deny.clone().and(all.clone()).and(needs("two", "db-1", 2)), deny);
        assert_eq!(all.and(deny.clone()), deny);
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Kept {
        text: String,
        #[serde(default, with = "kept", skip_serializing_if = "Option::is_none")]
        decision: Option<Arc<Decision>>,
    }

    #[test]
    fn what_is_as_usual_takes_no_room_and_what_cannot_be_read_hides_nothing_else() {
        let with = |decision: Option<Decision>| Kept { text: "x".to_owned(), decision: decision.map(Arc::new) };
        let written = |kept: &Kept| serde_json::to_string(kept).expect("json");
        let usual = with(Some(decision(Ruling::Permit, &["members-basic"], None, 0)));
        assert_eq!(written(&usual), r#"{"text":"x","decision":{"ruling":"permit","policies":["members-basic"]}}"#);
        let facts = JudgedFacts {
            membership: Membership::Guest,
            groups: vec!["viewers".to_owned()],
            unread: vec!["oncall".to_owned()],
            readers: PlaceReaders::Unknown,
        };
        let (about, given) = (Some("UOMAR".into()), vec!["UJON".into()]);
        let all = Decision { about, given, facts, ..decision(Ruling::NeedsApproval, &["two"], Some("db-1"), 2) };
        let all = with(Some(all));
        assert_eq!(
            written(&all),
            r#"{"text":"x","decision":{"ruling":"needs_approval","policies":["two"],"on":"db-1","about":"UOMAR","needed":2,"given":["UJON"],"facts":{"membership":"guest","groups":["viewers"],"unread":["oncall"],"readers":"unknown"}}}"#
        );
        for kept in [with(None), usual, all] {
            assert_eq!(serde_json::from_str::<Kept>(&written(&kept)).expect("it is read"), kept);
        }
        for strange in [r#"{"ruling":"perhaps"}"#, r#"{"ruling":"permit","facts":{"membership":"robot"}}"#, "7", "null"]
        {
            let text = format!(r#"{{"text":"x","decision":{strange}}}"#);
            assert_eq!(serde_json::from_str::<Kept>(&text).expect("it is read"), with(None), "{strange}");
        }
    }
}
