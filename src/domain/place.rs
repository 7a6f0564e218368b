//! Where at AWS something is, or a call is made.

use super::AccountId;
use std::fmt;

/// A region of an account: by this the clients, the tokens of the budget and the policies are kept apart. AWS counts its rates,
/// and gives its rights, for each by itself.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccountRegion {
    /// The account. `None`: the usual one, to which the credentials belong, whichever that is. AWS tells when it is asked.
    pub account: Option<AccountId>,
    /// The region, `eu-central-1`.
    pub region: String,
}

impl AccountRegion {
    /// A region of this account.
    pub fn new(account: impl Into<AccountId>, region: impl Into<String>) -> Self {
        Self { account: Some(account.into()), region: region.into() }
    }

    /// A region of the usual account.
    pub fn usual(region: impl Into<String>) -> Self {
        Self { account: None, region: region.into() }
    }
}

impl fmt::Display for AccountRegion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.account {
            Some(account) => write!(f, "{account}/{}", self.region),
            None => f.write_str(&self.region),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_region_of_two_accounts_is_two_places() {
        let (one, other) = (AccountRegion::new("111111111111", "eu-north-1"), AccountRegion::usual("eu-north-1"));
        assert_ne!(one, other);
        assert_ne!(one, AccountRegion::new("222222222222", "eu-north-1"));
        assert_eq!((one.to_string(), other.to_string()), ("111111111111/eu-north-1".into(), "eu-north-1".into()));
    }
}
