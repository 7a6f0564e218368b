//! What a policy file of one's own leaves open for what cannot be undone. The class `destroy` came after such files: a permit
//! for every action has it, and a `forbid` for every change does not. Nothing of it is wrong; each is told at the start and by
//! the doctor.

use crate::domain::Risk;
use cedar_policy::{ActionConstraint, Effect, EntityUid, Policy, PolicySet};

/// Each thing that is left open, with what to write.
pub(super) fn left_open(set: &PolicySet, actions: &[(&str, Risk)]) -> Vec<(String, String)> {
    let destroys = |policy: &&Policy| names(policy, Risk::Destroy, actions);
    let (forbids, permits): (Vec<&Policy>, Vec<&Policy>) =
        set.policies().partition(|policy| policy.effect() == Effect::Forbid);
    let changes_alone =
        forbids.iter().filter(|policy| names_class(policy, Risk::Change) && !names(policy, Risk::Destroy, actions));
    let mut open: Vec<(String, String)> = changes_alone
        .map(|policy| {
            (
                format!("the policy `{}` forbids changes, and not what cannot be undone", policy.id()),
                "let it say `action in [Action::\"change\", Action::\"destroy\"]`".to_owned(),
            )
        })
        .collect();
    let asks = |policy: &&Policy| destroys(policy) && policy.to_string().contains("context.approvals");
    if permits.iter().any(destroys) && !forbids.iter().any(asks) {
        open.push((
            format!("what cannot be undone ({}) is permitted without the approval of a second person", ends(actions)),
            "add the policy `second-person-to-destroy` of the shipped ones".to_owned(),
        ));
    }
    open
}

/// The actions of the class that cannot be undone.
fn ends(actions: &[(&str, Risk)]) -> String {
    let ends = actions.iter().filter(|(_, risk)| *risk == Risk::Destroy).map(|(action, _)| format!("`{action}`"));
    ends.collect::<Vec<_>>().join(", ")
}

/// Whether a policy is for all of a class.
fn names_class(policy: &Policy, class: Risk) -> bool {
    let is_class = |uid: &EntityUid| {
        let name: &str = uid.id().unescaped();
        name == class.as_str()
    };
    match policy.action_constraint() {
        ActionConstraint::Any => true,
        ActionConstraint::Eq(uid) => is_class(&uid),
        ActionConstraint::In(uids) => uids.iter().any(is_class),
    }
}

/// Whether it is for all of a class, or for a command of it.
fn names(policy: &Policy, class: Risk, actions: &[(&str, Risk)]) -> bool {
    let is_of_it = |uid: &EntityUid| {
        let name: &str = uid.id().unescaped();
        actions.iter().any(|(action, risk)| *risk == class && *action == name)
    };
    let by_name = match policy.action_constraint() {
        ActionConstraint::Any => true,
        ActionConstraint::Eq(uid) => is_of_it(&uid),
        ActionConstraint::In(uids) => uids.iter().any(is_of_it),
    };
    by_name || names_class(policy, class)
}
