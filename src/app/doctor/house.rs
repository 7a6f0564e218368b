//! What is on this machine: settings, policies, the store.

use super::Finding;
use crate::app::load_policies;
use crate::aws::Aws;
use crate::commands::Catalog;
use crate::settings::Settings;
use crate::store::{self, Condition, StoreError, StoreKind};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

pub(super) async fn examine(settings: &Settings, catalog: &Catalog) -> Vec<Finding> {
    let mut found = vec![Finding::ok("settings", "they can be used")];
    found.extend(settings.token_files.iter().filter_map(|(key, path)| open_file(key, path)));
    found.extend(policies(settings, catalog));
    found.push(store(settings).await);
    found
}

/// What others on this machine may do with a file that holds a secret: write it, or read it without being in its group.
const TOO_MUCH: u32 = 0o027;

/// A file of a secret that others on this machine can read or write. What is mounted into a container may be so by its
/// nature, and nobody else is there, so it is a warning.
fn open_file(key: &str, path: &Path) -> Option<Finding> {
    let mode = std::fs::metadata(path).ok()?.permissions().mode() & 0o777;
    (mode & TOO_MUCH != 0).then(|| {
        let so =
            format!("`{}`, which holds {key}, is open to others on this machine (mode {mode:04o})", path.display());
        Finding::warning("settings", so, "make it the bot's own (chmod 600), unless nobody else can be on this machine")
    })
}

fn policies(settings: &Settings, catalog: &Catalog) -> Vec<Finding> {
    const CHECK: &str = "policies";
    let policies = match load_policies(settings, catalog) {
        Ok(policies) => policies,
        Err(error) => {
            let to_do = "mend the file of policy.policies, or leave that setting empty for the built-in policies";
            return error.lines().map(|line| Finding::problem(CHECK, line, to_do)).collect();
        }
    };
    let mut found =
        vec![Finding::ok(CHECK, format!("{} policies ({}) can be used", policies.count(), policies.hash()))];
    found.extend(policies.unknown_groups().iter().map(|group| {
        let so = format!("they name the group `{group}`, which the settings do not have");
        Finding::warning(CHECK, so, format!("add [groups.{group}], or take it out of the policies"))
    }));
    found.extend(policies.left_open().iter().map(|(so, to_do)| Finding::warning(CHECK, so.clone(), to_do)));
    found
}

async fn store(settings: &Settings) -> Finding {
    const CHECK: &str = "store";
    if settings.store.kind == StoreKind::Dynamodb {
        let table = &settings.store.table;
        let client = Aws::dynamodb(&settings.aws).await;
        return match store::inspect_table(client, &settings.store).await {
            Ok(_) => Finding::ok(CHECK, format!("the table `{table}` can be used")),
            Err(error) => unusable(CHECK, error),
        };
    }
    let file = settings.store.path.display();
    match store::inspect(&settings.store) {
        Ok(Condition::Usable) => Finding::ok(CHECK, format!("`{file}` can be opened")),
        Ok(Condition::Missing) => Finding::ok(CHECK, format!("`{file}` is not there yet; the first start makes it")),
        Ok(Condition::InUse) => Finding::warning(
            CHECK,
            format!("`{file}` is in use: a bot runs on it"),
            "this is fine if that bot is the one; a second one needs a store.path of its own",
        ),
        Err(error) => unusable(CHECK, error),
    }
}

fn unusable(check: &'static str, error: StoreError) -> Finding {
    let text = match error {
        StoreError::Open(text) => text,
        error => error.to_string(),
    };
    match text.split_once("; ") {
        Some((so, to_do)) => Finding::problem(check, so, to_do),
        None => Finding::problem(check, text, "see the section store of the settings"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{Permissions, set_permissions};

    #[test]
    fn a_secret_that_others_can_read_or_write_is_named_with_what_to_do() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        let table = [
            (0o400, false),
            (0o600, false),
            (0o640, false),
            (0o440, false),
            (0o644, true),
            (0o604, true),
            (0o602, true),
            (0o660, true),
            (0o666, true),
        ];
        for (mode, is_open) in table {
            set_permissions(file.path(), Permissions::from_mode(mode)).expect("it is ours");
            let found = open_file("slack.bot_token", file.path()).map(|finding| finding.so);
            assert_eq!(found.is_some(), is_open, "{mode:o}: {found:?}");
            let said = format!("slack.bot_token, is open to others on this machine (mode {mode:04o})");
            assert!(found.is_none_or(|so| so.contains(&said)));
        }
        assert!(open_file("slack.bot_token", Path::new("/nowhere/token")).is_none(), "that is told by the settings");
    }
}
