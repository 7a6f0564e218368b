//! Guards: tags by which people keep a target from being changed. A guard that is misspelt guards all the same: a tag that
//! protects nothing without a word is worse than one that protects too much, which the next refusal shows.

use super::Target;
use std::collections::BTreeMap;

/// The tags that protect, as they are written in small letters. IAM does not tell the cases of a tag's key apart.
pub const PROTECTING: [&str; 2] = ["protected", "drone-protected"];

/// The one value, in any case of letters, with which a tag that protects does not.
pub const UNPROTECTED: &str = "false";

/// The tag that asks for the approval of others.
const APPROVAL: &str = "approval";

/// The values, in any case of letters, with which it does not.
const UNASKED: [&str; 2] = ["false", "none"];

/// What a tag keeps from being done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Guarded {
    /// Nothing changes it.
    Protected,
    /// So many others must approve a change of it.
    Approvals(u32),
}

/// A tag that guards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Guard<'a> {
    /// The tag's key as it is (untrusted text).
    pub key: &'a str,
    /// Its value as it is (untrusted text).
    pub value: &'a str,
    /// What it does.
    pub guarded: Guarded,
}

/// The tags of these that guard. A key is read without what a reader does not see of it: its case, blanks around it, characters
/// without a width. A value guards unless it is exactly one of the few that do not.
pub fn guards(tags: &BTreeMap<String, String>) -> impl Iterator<Item = Guard<'_>> {
    // most keys are too short for any of the names: of a long list every tag comes here
    let long = tags.iter().filter(|(key, _)| key.len() >= APPROVAL.len());
    long.filter_map(|(key, value)| {
        let is = |word: &&str| value.eq_ignore_ascii_case(word);
        let guarded = match read(key) {
            name if PROTECTING.contains(&name.as_str()) => (!is(&UNPROTECTED)).then_some(Guarded::Protected),
            name if name == APPROVAL => (!UNASKED.iter().any(is)).then(|| Guarded::Approvals(approvals(value))),
            _ => None,
        };
        guarded.map(|guarded| Guard { key, value, guarded })
    })
}

/// A number asks for so many, and every other word for one.
fn approvals(value: &str) -> u32 {
    value.trim().parse::<u32>().unwrap_or(1).max(1)
}

fn read(key: &str) -> String {
    let seen: String = key.chars().filter(|character| !super::is_invisible(*character)).collect();
    seen.trim().to_lowercase()
}

impl Target {
    /// Whether a tag protects it.
    pub fn is_protected(&self) -> bool {
        guards(&self.tags).any(|guard| guard.guarded == Guarded::Protected)
    }

    /// How many others its tags ask to approve.
    pub fn approvals(&self) -> u32 {
        let asked = guards(&self.tags).map(|guard| match guard.guarded {
            Guarded::Approvals(approvals) => approvals,
            Guarded::Protected => 0,
        });
        asked.max().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each spelling of each key with each value: what it does is that of the plain spelling.
    #[test]
    fn a_guard_guards_however_it_is_spelt() {
        let spellings = |name: &str| {
            let capital: String =
                name.chars().take(1).flat_map(char::to_uppercase).chain(name.chars().skip(1)).collect();
            let plain = [name.to_owned(), name.to_uppercase(), capital];
            let around = |key: &String| {
                [
                    key.clone(),
                    format!(" {key}"),
                    format!("{key}  "),
                    format!("\t{key}\n"),
                    format!("{key}\u{a0}"),
                    format!("\u{200b}{key}\u{feff}"),
                    format!("{}\u{ad}{}", &key[..3], &key[3..]),
                ]
            };
            plain.iter().flat_map(around).collect::<Vec<_>>()
        };
        let target = |key: &str, value: &str| Target {
            kind: crate::domain::ResourceKind::new("ec2:instance"),
            id: "i-0abc".to_owned(),
            name: None,
            account: "123456789012".into(),
            region: "eu-central-1".to_owned(),
            tags: BTreeMap::from([(key.to_owned(), value.to_owned())]),
        };
        let values =
            ["true", "", "yes", "no", "TRUE ", "1", " false", "false ", "required", "Required", "required ", "0"];
        for name in PROTECTING {
            for key in spellings(name) {
                for value in values.iter().chain(&["none", "2"]) {
                    assert!(target(&key, value).is_protected(), "{key:?}={value:?}");
                }
                for value in ["false", "False", "FALSE"] {
                    assert!(!target(&key, value).is_protected(), "{key:?}={value:?}");
                }
            }
        }
        for key in spellings(APPROVAL) {
            for value in values {
                assert_eq!(target(&key, value).approvals(), 1, "{key:?}={value:?}");
            }
            for (value, approvals) in [("2", 2), (" 3 ", 3), ("none", 0), ("None", 0), ("false", 0), ("FALSE", 0)] {
                assert_eq!(target(&key, value).approvals(), approvals, "{key:?}={value:?}");
            }
        }
        for key in ["unprotected", "protected-by", "approvals-log", "aproval", "pro tected"] {
            let target = target(key, "true");
            assert!(!target.is_protected() && target.approvals() == 0, "{key}");
        }
    }
}
