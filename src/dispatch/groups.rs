//! Groups: names that policies speak of, filled from the configuration and from Slack's user groups.

use crate::domain::UserId;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

/// The `groups` section of the settings: `[groups.operators]`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct GroupsConfig(pub BTreeMap<String, GroupConfig>);

/// Who is in one group.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct GroupConfig {
    /// Slack users, `U…`.
    pub users: Vec<UserId>,
    /// Slack user groups, `S…`: a person in one of them is in this group.
    pub slack_usergroups: Vec<String>,
}

impl GroupsConfig {
    /// The names of all groups.
    pub fn names(&self) -> BTreeSet<String> {
        self.0.keys().cloned().collect()
    }

    /// Every Slack user group that fills a group, once.
    pub fn slack_usergroups(&self) -> BTreeSet<&str> {
        self.0.values().flat_map(|group| group.slack_usergroups.iter().map(String::as_str)).collect()
    }

    /// The groups that a person is in; `in_usergroup` says whether a Slack user group has the person.
    pub fn of(&self, user: &UserId, in_usergroup: impl Fn(&str) -> bool) -> BTreeSet<String> {
        let holds = |group: &GroupConfig| {
            group.users.contains(user) || group.slack_usergroups.iter().any(|id| in_usergroup(id))
        };
        self.0.iter().filter(|(_, group)| holds(group)).map(|(name, _)| name.clone()).collect()
    }

    /// Refuses what is no id of Slack's; the error begins with the key.
    pub fn check(&self) -> Result<(), String> {
        let is_id = |id: &str, first: &[char]| {
            id.starts_with(first) && id.len() > 1 && id.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
        };
        for (name, group) in &self.0 {
            if let Some(user) = group.users.iter().find(|user| !is_id(user.as_str(), &['U', 'W'])) {
                return Err(format!(
                    "{name}.users must hold Slack's member ids such as `U0123ABCD`, not `{user}`; \
                     a person's profile in Slack has \"Copy member ID\""
                ));
            }
            if let Some(id) = group.slack_usergroups.iter().find(|id| !is_id(id, &['S'])) {
                return Err(format!(
                    "{name}.slack_usergroups must hold ids of Slack user groups such as `S0123ABCD`, not `{id}`"
                ));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_is_in_a_group_by_name_or_by_a_slack_user_group() {
        let group = |users: &[&str], slack: &[&str]| GroupConfig {
            users: users.iter().map(|id| UserId::from(*id)).collect(),
            slack_usergroups: slack.iter().map(ToString::to_string).collect(),
        };
        let groups = GroupsConfig(BTreeMap::from([
            ("operators".to_owned(), group(&["U1"], &["S1"])),
            ("viewers".to_owned(), group(&[], &["S1", "S2"])),
        ]));
        let of = |user: &str, ids: &[&str]| groups.of(&UserId::from(user), |id| ids.contains(&id));
        assert_eq!(of("U1", &[]), BTreeSet::from(["operators".to_owned()]));
        assert_eq!(of("U2", &["S1"]), groups.names());
        assert_eq!(of("U2", &["S9"]), BTreeSet::new());
        assert_eq!(groups.slack_usergroups(), BTreeSet::from(["S1", "S2"]));
    }
}
