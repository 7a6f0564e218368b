//! What people call a command: other words for what this bot can do, before any distance of letters.

use super::{COMMANDS, Row, deploy, ec2, help, whoami};
use crate::domain::Risk;

/// One of the commands, and what people say for it.
struct Meaning {
    /// The word before these, if the command has one.
    group: &'static str,
    said: &'static [&'static str],
    row: &'static Row,
}

static MEANINGS: &[Meaning] = &[
    Meaning { group: "ec2", said: &["restart", "bounce", "cycle", "power-cycle"], row: &ec2::reboot::ROW },
    Meaning {
        group: "ec2",
        said: &["status", "state", "describe", "desc", "info", "get", "details", "inspect", "check", "stats"],
        row: &ec2::show::ROW,
    },
    Meaning {
        group: "ec2",
        said: &["ls", "instances", "all", "find", "search", "describe-instances", "inventory"],
        row: &ec2::list::ROW,
    },
    Meaning { group: "ec2", said: &["launch", "boot", "power-on", "poweron", "resume", "wake"], row: &ec2::start::ROW },
    Meaning {
        group: "ec2",
        said: &["shutdown", "halt", "power-off", "poweroff", "suspend", "pause", "shut-down"],
        row: &ec2::stop::ROW,
    },
    Meaning { group: "ec2", said: &["kill", "delete", "destroy", "remove", "rm"], row: &ec2::terminate::ROW },
    Meaning { group: "deploy", said: &["undo", "revert", "back", "roll-back"], row: &deploy::rollback::ROW },
    Meaning { group: "deploy", said: &["show", "state", "describe", "info", "list", "ls"], row: &deploy::status::ROW },
    Meaning { group: "", said: &["release", "ship", "rollout"], row: &deploy::version::ROW },
    Meaning { group: "", said: &["who", "me", "id"], row: &whoami::ROW },
    Meaning { group: "", said: &["commands", "usage", "man", "?"], row: &help::ROW },
];

/// The command that the first words mean, and how many of them are its name: `ec2 restart`, or `restart` alone.
pub(super) fn meaning(words: &[String]) -> Option<(&'static Row, usize)> {
    let word = |at: usize| words.get(at).map(|word| word.to_lowercase()).unwrap_or_default();
    let (first, second) = (word(0), word(1));
    let whole = MEANINGS.iter().find(|one| !one.group.is_empty() && one.group == first && one.said.contains(&&*second));
    // without its group a word is the end of a command's own name, or else the first that means anything
    let is_own = COMMANDS.iter().any(|row| row.name.split(' ').next_back() == Some(first.as_str()));
    let alone = MEANINGS.iter().find(|one| !is_own && one.said.contains(&&*first));
    whole.map(|one| (one.row, 2)).or_else(|| alone.map(|one| (one.row, 1)))
}

/// Every phrase for a command of a lower class than this, with its row: a word that is as near to a phrase for a read as to a
/// change is no change.
pub(super) fn below(class: Risk) -> impl Iterator<Item = (String, &'static Row)> {
    let lower = MEANINGS.iter().filter(move |one| one.row.risk < class);
    lower.flat_map(|one| one.said.iter().map(move |said| (format!("{} {said}", one.group).trim().to_owned(), one.row)))
}
