//! What people call a command: other words for what this bot can do, before any distance of letters.

use super::super::Row;
use super::Catalog;
use crate::domain::Risk;

/// One of the commands, and what people say for it.
struct Meaning {
    /// The word before these, if the command has one.
    group: &'static str,
    said: &'static [&'static str],
    /// The command's own name: a catalogue without it means nothing by these.
    name: &'static str,
}

static MEANINGS: &[Meaning] = &[
    Meaning { group: "ec2", said: &["restart", "bounce", "cycle", "power-cycle"], name: "ec2 reboot" },
    Meaning {
        group: "ec2",
        said: &["status", "state", "describe", "desc", "info", "get", "details", "inspect", "check", "stats"],
        name: "ec2 show",
    },
    Meaning {
        group: "ec2",
        said: &["ls", "instances", "all", "find", "search", "describe-instances", "inventory"],
        name: "ec2 list",
    },
    Meaning { group: "ec2", said: &["launch", "boot", "power-on", "poweron", "resume", "wake"], name: "ec2 start" },
    Meaning {
        group: "ec2",
        said: &["shutdown", "halt", "power-off", "poweroff", "suspend", "pause", "shut-down"],
        name: "ec2 stop",
    },
    Meaning { group: "ec2", said: &["kill", "delete", "destroy", "remove", "rm"], name: "ec2 terminate" },
    Meaning { group: "deploy", said: &["undo", "revert", "back", "roll-back"], name: "deploy rollback" },
    Meaning { group: "deploy", said: &["show", "state", "describe", "info", "list", "ls"], name: "deploy status" },
    Meaning { group: "", said: &["release", "ship", "rollout"], name: "deploy" },
    Meaning { group: "", said: &["who", "me", "id"], name: "whoami" },
    Meaning { group: "", said: &["commands", "usage", "man", "?"], name: "help" },
];

/// The command of this catalogue that the first words mean, and how many of them are its name: `ec2 restart`, or `restart`
/// alone.
pub(super) fn meaning(catalog: &Catalog, words: &[String]) -> Option<(&'static Row, usize)> {
    let word = |at: usize| words.get(at).map(|word| word.to_lowercase()).unwrap_or_default();
    let (first, second) = (word(0), word(1));
    let mut known = meanings(catalog);
    let whole = known.find(|(one, _)| !one.group.is_empty() && one.group == first && one.said.contains(&&*second));
    // without its group a word is the end of a command's own name, or else the first that means anything
    let is_own = catalog.rows().iter().any(|row| row.name.split(' ').next_back() == Some(first.as_str()));
    let alone = || meanings(catalog).find(|(one, _)| !is_own && one.said.contains(&&*first));
    whole.map(|(_, row)| (row, 2)).or_else(|| alone().map(|(_, row)| (row, 1)))
}

/// Every phrase for a command of a lower class than this, with its row: a word that is as near to a phrase for a read as to a
/// change is no change.
pub(in super::super) fn below(catalog: &Catalog, class: Risk) -> impl Iterator<Item = (String, &'static Row)> {
    let lower = meanings(catalog).filter(move |(_, row)| row.risk < class);
    lower.flat_map(|(one, row)| {
        one.said.iter().map(move |said| (format!("{} {said}", one.group).trim().to_owned(), row))
    })
}

/// The meanings whose command this catalogue has.
fn meanings(catalog: &Catalog) -> impl Iterator<Item = (&'static Meaning, &'static Row)> {
    MEANINGS.iter().filter_map(|one| Some((one, catalog.row(one.name)?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_means_a_command_of_the_program() {
        let catalog = Catalog::built_in();
        assert!(MEANINGS.iter().all(|one| catalog.row(one.name).is_some()));
    }
}
