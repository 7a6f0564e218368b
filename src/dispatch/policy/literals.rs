//! What policies name. A name that no request ever has makes a policy that is accepted and never applies: a `forbid` of a
//! region that is written `frankfurt`, of another bot, of a group that the settings do not have.

use super::compared;
use super::entities::BOT;
use super::load::{PolicyError, Source};
use crate::aws::is_region;
use cedar_policy::{Effect, EntityUid, Policy, PolicySet};
use std::collections::BTreeSet;

/// The groups that the policies speak of.
pub(super) fn groups_named(set: &PolicySet) -> BTreeSet<String> {
    let literals = set.policies().flat_map(Policy::entity_literals);
    let groups = literals.filter(|uid| uid.type_name().to_string() == "Group");
    groups.map(|uid| uid.id().unescaped().to_owned()).collect()
}

/// The groups that a `forbid` speaks of.
pub(super) fn groups_forbidding(set: &PolicySet) -> BTreeSet<String> {
    let forbids = set.policies().filter(|policy| policy.effect() == Effect::Forbid).cloned();
    PolicySet::from_policies(forbids).map(|forbids| groups_named(&forbids)).unwrap_or_else(|_| groups_named(set))
}

/// Refuses every policy that names what no request can have.
pub(super) fn check(source: &Source, set: &PolicySet, groups: &BTreeSet<String>) -> Result<(), PolicyError> {
    let mut problems = Vec::new();
    for policy in set.policies() {
        let offset = policy.as_ref().loc().map(|loc| loc.start());
        let forbids = policy.effect() == Effect::Forbid;
        for words in compared::strange(policy) {
            problems.push((offset, source.at(offset, &format!("for policy `{}`, {words}", policy.id()))));
        }
        for uid in policy.entity_literals() {
            if let Some(because) = strange(&uid, forbids, groups) {
                let words = format!("for policy `{}`, nothing is ever `{uid}`: {because}", policy.id());
                problems.push((offset, source.at(offset, &words)));
            }
        }
    }
    problems.sort();
    problems.dedup();
    match problems.is_empty() {
        true => Ok(()),
        false => Err(PolicyError { problems: problems.into_iter().map(|(_, problem)| problem).collect() }),
    }
}

/// Why no request has this, if none can.
fn strange(uid: &EntityUid, forbids: bool, groups: &BTreeSet<String>) -> Option<String> {
    let id = uid.id().unescaped();
    let capitals = |text: &str| text.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
    let (fits, form) = match uid.type_name().to_string().as_str() {
        "Bot" => (id == BOT, format!("the bot is `Bot::\"{BOT}\"`")),
        "Region" => (is_region(id), "a region is like `Region::\"eu-central-1\"`".to_owned()),
        "Account" => {
            let digits = id.len() == 12 && id.bytes().all(|byte| byte.is_ascii_digit());
            (digits, "an account is twelve digits, like `Account::\"123456789012\"`".to_owned())
        }
        "User" => {
            let member = id.len() > 1 && id.starts_with(['U', 'W']) && capitals(id);
            (member, "a person is a member id of Slack's, like `User::\"U0123ABCD\"`".to_owned())
        }
        "Target" => {
            let instance = id.strip_prefix("i-").is_some_and(|hex| hex.bytes().all(|byte| byte.is_ascii_hexdigit()));
            let service = id.starts_with("service/") && id.split('/').count() == 3 && !id.contains('#');
            let form = "a target is like `Target::\"i-0123456789abcdef0\"` or `Target::\"service/prod/web\"`";
            (instance || service, form.to_owned())
        }
        // one that permits nothing is only warned of
        "Group" if forbids => (groups.contains(id), format!("the settings have no [groups.{id}]")),
        _ => (true, String::new()),
    };
    (!fits).then_some(form)
}
