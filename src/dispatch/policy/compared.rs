//! What policies compare attributes with. A `forbid` of `resource.kind == "ec2.instance"` or `context.weekday == "Sunday"` is
//! well typed, accepted, and never applies: no request ever has that.

use crate::aws::{INSTANCE, SERVICE, is_region};
use crate::domain::Membership;
use cedar_policy::Policy;
use serde_json::Value;

/// The days as policies know them.
const DAYS: [&str; 7] = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];

const MEMBERSHIPS: [Membership; 5] =
    [Membership::Member, Membership::Guest, Membership::Outside, Membership::Inactive, Membership::Itself];

/// What this policy compares an attribute with that the attribute never is: `nothing is ever …: because`.
pub(super) fn strange(policy: &Policy) -> Vec<String> {
    let mut found = Vec::new();
    if let Ok(json) = policy.to_json() {
        walk(&json["conditions"], &mut |attribute, literal| {
            if let Some(form) = never(attribute, literal) {
                found.push(format!("`{attribute}` is never `{literal}`: {form}"));
            }
        });
    }
    found
}

/// The texts with which this policy compares an attribute, such as `resource.account`; `None` where it uses it in another way,
/// or cannot be read.
pub(super) fn compared_with(policy: &Policy, wanted: &str) -> Option<Vec<String>> {
    let json = policy.to_json().ok()?;
    let mut texts = Vec::new();
    walk(&json["conditions"], &mut |attribute, literal| {
        if let (true, Some(text)) = (attribute == wanted, literal.as_str()) {
            texts.push(text.to_owned());
        }
    });
    (uses(&json["conditions"], wanted, false) == 0).then_some(texts)
}

/// How often an expression uses an attribute otherwise than by comparing it with a literal. `is_compared`: the expression is
/// one side of such a comparison.
fn uses(expression: &Value, wanted: &str, is_compared: bool) -> usize {
    let of = &expression["."];
    if let (Some(name), Some((variable, attribute))) = (of["attr"].as_str(), wanted.split_once('.'))
        && name == attribute
    {
        // the same attribute of something that is not the variable itself may be the variable's all the same
        return usize::from(!is_compared || of["left"]["Var"] != variable);
    }
    match expression {
        Value::Array(parts) => parts.iter().map(|part| uses(part, wanted, false)).sum(),
        Value::Object(parts) => parts.iter().map(|(operator, operands)| uses_of(operator, operands, wanted)).sum(),
        _ => 0,
    }
}

/// The same of the operands of an operator.
fn uses_of(operator: &str, operands: &Value, wanted: &str) -> usize {
    let (left, right) = (&operands["left"], &operands["right"]);
    let is_literal = |side: &Value| side.get("Value").is_some();
    let lists_literals = || left["Set"].as_array().is_some_and(|set| set.iter().all(is_literal));
    match operator {
        "==" | "!=" => uses(left, wanted, is_literal(right)) + uses(right, wanted, is_literal(left)),
        "contains" => uses(left, wanted, false) + uses(right, wanted, lists_literals()),
        _ => uses(operands, wanted, false),
    }
}

/// Brings each comparison of an attribute with a literal within an expression in Cedar's JSON form.
fn walk(expression: &Value, bring: &mut impl FnMut(&str, &Value)) {
    match expression {
        Value::Array(parts) => parts.iter().for_each(|part| walk(part, bring)),
        Value::Object(parts) => {
            for (operator, operands) in parts {
                let (left, right) = (&operands["left"], &operands["right"]);
                match operator.as_str() {
                    "==" | "!=" => [(left, right), (right, left)].into_iter().for_each(|pair| compare(pair, bring)),
                    "contains" => {
                        let set = left["Set"].as_array().into_iter().flatten();
                        set.for_each(|literal| compare((right, literal), bring));
                    }
                    _ => {}
                }
                walk(operands, bring);
            }
        }
        _ => {}
    }
}

fn compare((attribute, literal): (&Value, &Value), bring: &mut impl FnMut(&str, &Value)) {
    let of = &attribute["."];
    if let (Some(variable), Some(name)) = (of["left"]["Var"].as_str(), of["attr"].as_str())
        && let Some(literal @ (Value::String(_) | Value::Number(_))) = literal.get("Value")
    {
        bring(&format!("{variable}.{name}"), literal);
    }
}

/// What an attribute of the shipped schema is like, where it is never this.
fn never(attribute: &str, literal: &Value) -> Option<String> {
    let text = literal.as_str().unwrap_or_default();
    let one_of = |known: &[&str]| {
        let known: Vec<String> = known.iter().map(|word| format!("`\"{word}\"`")).collect();
        format!("it is one of {}", known.join(", "))
    };
    let id_of = |kinds: &[char]| {
        let rest = text.strip_prefix(kinds).unwrap_or_default();
        !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
    };
    let (fits, form) = match attribute {
        "principal.membership" => {
            let known = MEMBERSHIPS.map(Membership::as_str);
            (known.contains(&text), one_of(&known))
        }
        "principal.team" => (id_of(&['T', 'E']), "it is an id of Slack's, like `\"T0123ABCD\"`".to_owned()),
        "context.channel" => {
            (id_of(&['C', 'D', 'G', 'U', 'W']), "it is an id of Slack's, like `\"C0123ABCD\"`".to_owned())
        }
        "context.weekday" => (DAYS.contains(&text), one_of(&DAYS)),
        "context.hour" => (literal.as_i64().is_some_and(|hour| (0..24).contains(&hour)), "it is 0 to 23".to_owned()),
        "resource.kind" => {
            let known = [INSTANCE, SERVICE];
            let known: Vec<&str> = known.iter().map(crate::domain::ResourceKind::as_str).collect();
            (known.contains(&text), one_of(&known))
        }
        "resource.account" => {
            let digits = text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit());
            (digits, "it is twelve digits, like `\"123456789012\"`".to_owned())
        }
        "resource.region" | "resource.name" => (is_region(text), "it is like `\"eu-central-1\"`".to_owned()),
        _ => (true, String::new()),
    };
    (!fits).then_some(form)
}
