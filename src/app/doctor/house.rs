//! What is on this machine: settings, policies, the store.

use super::Finding;
use crate::app::load_policies;
use crate::aws::Aws;
use crate::settings::Settings;
use crate::store::{self, Condition, StoreError, StoreKind};

pub(super) async fn examine(settings: &Settings) -> Vec<Finding> {
    let mut found = vec![Finding::ok("settings", "they can be used")];
    found.extend(policies(settings));
    found.push(store(settings).await);
    found
}

fn policies(settings: &Settings) -> Vec<Finding> {
    const CHECK: &str = "policies";
    let policies = match load_policies(settings) {
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
