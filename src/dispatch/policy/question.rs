//! What the policies are asked, and what they say.

use crate::domain::{AccountId, AccountRegion, ChannelId, Risk, Source as Door, Target};

/// The action of a command's row: its Cedar name (`ec2:stop`) and its class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Action<'a> {
    /// `ec2:stop`
    pub name: &'a str,
    /// The parent action.
    pub risk: Risk,
}

impl From<crate::commands::Action> for Action<'static> {
    fn from(action: crate::commands::Action) -> Self {
        Self { name: action.name, risk: action.risk }
    }
}

/// What an action is done to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resource<'a> {
    /// The bot itself.
    Bot,
    /// A region as a whole, before its targets are known.
    Region {
        /// The AWS account; `None`: it is not known yet, and what is forbidden in any counts.
        account: Option<&'a AccountId>,
        /// The AWS region.
        region: &'a str,
    },
    /// A resolved target with its tags.
    Target(&'a Target),
}

impl<'a> From<&'a AccountRegion> for Resource<'a> {
    fn from(place: &'a AccountRegion) -> Self {
        Self::Region { account: place.account.as_ref(), region: &place.region }
    }
}

/// How and when it was asked: the context of a policy.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Situation {
    /// Where it was asked.
    pub channel: ChannelId,
    /// Whether that is the bot's own direct message.
    pub direct_message: bool,
    /// Whether people of another organisation may read there.
    pub external: bool,
    /// By which door it came.
    pub source: Door,
    /// When it is judged.
    pub time: jiff::Timestamp,
    /// How many others have approved it.
    pub approvals: u32,
}

/// A policy may ask for the approval of so many others, and no more.
pub const MOST_APPROVALS: u32 = 5;

/// The situation in which as many others have approved as a policy may ask for: what could be permitted at all. Only a
/// change can be approved.
pub(super) fn approved(action: Action<'_>, situation: &Situation) -> Situation {
    let approvals = if action.risk >= Risk::Change { MOST_APPROVALS } else { situation.approvals };
    Situation { approvals, ..situation.clone() }
}

/// What the policies say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Permitted.
    Permit {
        /// The ids of the policies that permit it.
        policies: Vec<String>,
    },
    /// Permitted if so many others approve.
    Needs {
        /// How many.
        approvals: u32,
        /// The `forbid` policies that apply without them.
        reasons: Vec<Reason>,
        /// The ids of the policies that permit it with them.
        permits: Vec<String>,
    },
    /// Not permitted.
    Deny(Deny),
}

impl Verdict {
    /// Whether it is permitted.
    pub fn is_permit(&self) -> bool {
        matches!(self, Self::Permit { .. })
    }
}

/// Why something is not permitted, and who could do it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deny {
    /// The class of the refused action: decides whether "nothing was changed" or "nothing was done".
    pub risk: Risk,
    /// The refused target by name (untrusted text), when it is one.
    pub target: Option<String>,
    /// The `forbid` policies that apply, by id. Empty when there is simply no `permit`.
    pub reasons: Vec<Reason>,
    /// The groups whose full member would be permitted, sorted. Empty when there is none.
    pub who_could: Vec<String>,
    /// The groups of which Slack does not tell who is in them, and whose members it is forbidden to.
    pub unread: Vec<String>,
    /// Whether it is forbidden because the account is not known, and may be one in which it is.
    pub is_account_doubted: bool,
}

/// A `forbid` policy that applies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    /// Its `@id`.
    pub policy: String,
    /// Its `@reason`, a clause that ends a sentence, without a full stop.
    pub text: String,
}
