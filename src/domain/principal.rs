//! Who asks.

use super::{TeamId, UserId};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// What a person is in the bot's workspace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Membership {
    /// A full member of the bot's own workspace.
    Member,
    /// A single- or multi-channel guest.
    Guest,
    /// A person of another workspace, met in a shared channel.
    Outside,
    /// Deactivated, or a bot.
    Inactive,
    /// The bot itself, in a self-test.
    #[serde(rename = "self")]
    Itself,
}

impl Membership {
    /// The word used in policies and replies.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Member => "member",
            Self::Guest => "guest",
            Self::Outside => "outside",
            Self::Inactive => "inactive",
            Self::Itself => "self",
        }
    }

    pub(super) fn is_member(&self) -> bool {
        *self == Self::Member
    }
}

/// A person with everything a policy may look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    /// Slack's id of the person.
    pub user: UserId,
    /// The workspace the person belongs to.
    pub team: TeamId,
    /// The name that people see in Slack (untrusted text).
    pub name: String,
    /// Full member, guest, outsider.
    pub membership: Membership,
    /// Groups of the bot (`viewers`, `operators`, …) from the configuration and from Slack user groups.
    pub groups: BTreeSet<String>,
    /// Groups of the bot of which Slack does not tell whether the person is in them.
    pub unread: BTreeSet<String>,
}
