//! What an answer says: whether it is one to what was asked.

use crate::deploys;
use crate::load::{Asked, Kind};

/// What an answer is to a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Said {
    /// What was asked, whatever came of it.
    Right,
    /// That it did not work, and not because of what was asked.
    Sorry,
    /// That nobody knows what came of it.
    Unknown,
    /// Something else.
    Another,
}

/// How the bot says that it is the bot's own fault, or Slack's.
const SORRY: [&str; 15] = [
    "omething broke on my side",
    "I broke ",
    "of mine broke twice",
    "I am busy with",
    "I was restarted",
    "My workers are being restarted",
    "I could not ask Slack who you are",
    "I could not ask Slack whether this channel",
    "commands in hand, which is as many as I can keep",
    "could not be opened in time",
    "This thread has asked me more",
    "I cannot write to my journal",
    "I cannot reach my journal",
    "Slack does not tell me",
    "My journal was slow",
];

/// How it begins where it is AWS's.
const OF_AWS: [&str; 3] = ["AWS ", "ECS ", "ECR "];

/// What is said to somebody who says a word on the change of another.
const TO_THE_APPROVER: [&str; 12] = [
    "one of my clocks was wrong when it was asked",
    "is approved and runs now",
    "has your approval",
    "is called off",
    "is declined and will not be run",
    "You have approved",
    "You have declined",
    "somebody else must approve it",
    "was declined by",
    "was approved already",
    "Nothing was approved",
    "so your word on",
];

fn is_to_the_approver(text: &str) -> bool {
    TO_THE_APPROVER.iter().any(|words| text.contains(words)) || text.contains("had to be approved by")
}

/// Whether it shows what was asked for.
fn shows(asked: &Asked, text: &str) -> bool {
    match &asked.kind {
        Kind::Ping => text.starts_with("Pong"),
        Kind::Whoami => text.contains("You are: ") && text.contains(&format!("`{}`", asked.user)),
        Kind::Missing => text.contains("I found no instance `i-0123456789abcdef0`"),
        Kind::Token(token) => text.contains(&format!("`{token}")) && text.starts_with('❔'),
        Kind::List => text.contains("Page 1 of 3."),
        Kind::Page => text.contains("Page 2 of 3."),
        Kind::Change(id) | Kind::Contested(id) => text.contains(id.as_str()) && !is_to_the_approver(text),
        Kind::Forbidden(_) => text.contains("`ec2 reboot` needs the group operators"),
        // by either of its names
        Kind::Deploy(_) | Kind::Rollback => {
            [deploys::NAME, deploys::SERVICE].iter().any(|name| text.contains(&format!("`{name}")))
        }
        Kind::DeployStatus => text.contains(&format!("service/prod/{}", deploys::SERVICE)),
        Kind::NoTarget(_) => text.contains("is missing.") && text.contains("Usage: "),
        Kind::Word(target, id) => is_to_the_approver(text) && (text.contains(target.as_str()) || text.contains(id)),
    }
}

/// Whether it names what was typed.
fn names(asked: &Asked, text: &str) -> bool {
    text.contains(&format!("`{}`", asked.text))
}

/// The text without the sign before it.
fn bare(text: &str) -> &str {
    text.split_once(": ").filter(|_| is_bad(text)).map_or(text, |(_, rest)| rest)
}

fn is_bad(text: &str) -> bool {
    text.starts_with(['❌', '⛔', '⚠', '❔'])
}

/// The id of the request in the small print.
pub fn request(text: &str) -> Option<&str> {
    text.lines().last()?.strip_prefix("(req ")?.strip_suffix(')')
}

/// How well it answers this command, beside others that it may answer.
pub fn fit(asked: &Asked, text: &str) -> usize {
    usize::from(shows(asked, text)) * 2 + usize::from(names(asked, text))
}

/// What it is to this command.
pub fn read(asked: &Asked, text: &str) -> Said {
    let is_of_aws = || {
        let first = bare(text);
        is_bad(text) && (OF_AWS.iter().any(|words| first.starts_with(words)) || first.contains("AWS "))
    };
    if text.starts_with('⚠') {
        return Said::Unknown;
    }
    if is_bad(text) && SORRY.iter().any(|words| text.contains(words)) {
        return Said::Sorry;
    }
    if shows(asked, text) {
        return Said::Right;
    }
    if is_of_aws() || is_bad(text) && names(asked, text) { Said::Sorry } else { Said::Another }
}

/// Whether it says that this very command made the change; what was only seen may be another's.
pub fn claims(text: &str) -> bool {
    text.starts_with('✅') && !["looked", "while running"].iter().any(|words| text.contains(words))
}

/// Whether it says that this command changed nothing.
pub fn denies(text: &str) -> bool {
    let is_said = ["Nothing was changed", "was not changed", "was not rebooted", "was not deployed to", "already."];
    !text.starts_with('✅') && is_said.iter().any(|words| text.contains(words)) && !text.contains("rolled back")
}
