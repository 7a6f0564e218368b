//! The accounts that a `forbid` speaks of. Before AWS has told in which account the bot acts, each of them may be the one.

use super::compared;
use crate::domain::AccountId;
use cedar_policy::{Effect, Policy, PolicySet};
use std::collections::BTreeSet;

/// Which accounts some policies name.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct AccountsNamed {
    /// Each, however it is named: `resource in Account::"123456789012"`, `resource.account == "123456789012"`.
    pub(super) accounts: BTreeSet<AccountId>,
    /// The policies that look at the account in another way, such as `resource.account like "12*"`: which they mean cannot be
    /// listed.
    pub(super) unclear: BTreeSet<String>,
}

impl AccountsNamed {
    /// Those of each `forbid`.
    pub(super) fn forbidding(set: &PolicySet) -> Self {
        let mut named = Self::default();
        set.policies().filter(|policy| policy.effect() == Effect::Forbid).for_each(|policy| named.add(policy));
        named
    }

    fn add(&mut self, policy: &Policy) {
        let literals = policy.entity_literals();
        let literals = literals.iter().filter(|uid| uid.type_name().to_string() == "Account");
        self.accounts.extend(literals.map(|uid| AccountId::from(uid.id().unescaped().to_owned())));
        match compared::compared_with(policy, "resource.account") {
            Some(texts) => self.accounts.extend(texts.into_iter().map(AccountId::from)),
            None => {
                self.unclear.insert(policy.id().to_string());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::str::FromStr;

    fn named(condition: &str) -> (Vec<String>, usize) {
        let text = format!("forbid (principal, action, resource) when {{ {condition} }};");
        let named = AccountsNamed::forbidding(&PolicySet::from_str(&text).expect("a policy"));
        (named.accounts.iter().map(ToString::to_string).collect(), named.unclear.len())
    }

    #[test]
    fn an_account_is_found_however_a_forbid_names_it() {
        let one = || vec!["111111111111".to_owned()];
        for (condition, accounts, unclear) in [
            ("true", vec![], 0),
            ("resource in Account::\"111111111111\"", one(), 0),
            ("resource is Target && resource.account == \"111111111111\"", one(), 0),
            ("\"111111111111\" != resource.account", one(), 0),
            ("[\"111111111111\"].contains(resource.account)", one(), 0),
            ("resource has account && resource.region == \"eu-north-1\"", vec![], 0),
            ("resource.account like \"1*\"", vec![], 1),
            ("[resource.account].contains(principal.team)", vec![], 1),
            ("[\"1\", principal.team].contains(resource.account)", vec![], 1),
            ("(if principal has x then resource else resource).account == \"1\"", vec![], 1),
            ("resource == Region::\"eu-north-1\" && resource[\"account\"] < \"2\"", vec![], 1),
        ] {
            assert_eq!(named(condition), (accounts, unclear), "{condition}");
        }
    }

    #[test]
    fn what_a_permit_names_is_no_doubt() {
        let text = "permit (principal, action, resource in Account::\"111111111111\");";
        let set = PolicySet::from_str(text).expect("a policy");
        assert_eq!(AccountsNamed::forbidding(&set), AccountsNamed::default());
        let scope = "forbid (principal, action, resource in Account::\"111111111111\");";
        let set = PolicySet::from_str(scope).expect("a policy");
        assert_eq!(AccountsNamed::forbidding(&set).accounts, BTreeSet::from(["111111111111".into()]));
    }
}
