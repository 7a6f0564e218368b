//! The words of a refusal: what is refused and why, that nothing was done, and who could.

use super::Deny;
use crate::domain::{Line, Membership, Principal, Refusal, Risk, UserId};

/// How many people a refusal names.
const PEOPLE: usize = 3;

/// The refusal that a person reads. `command` is the command's name, `ec2 stop`; `contacts` are people who could do
/// it (the members of the groups in `deny.who_could`), of whom a few are named and none is notified.
pub fn refusal(deny: &Deny, command: &str, principal: &Principal, contacts: &[UserId]) -> Refusal {
    refusal_saying(deny, command, principal, contacts, nothing(deny.risk))
}

/// The same. `outcome` says what came of it, or nothing where that is said elsewhere.
pub fn refusal_saying(
    deny: &Deny,
    command: &str,
    principal: &Principal,
    contacts: &[UserId],
    outcome: &str,
) -> Refusal {
    let first = match deny.reasons.first() {
        Some(reason) => forbidden(deny, command).text(format!(": {}.", reason.text)),
        None if deny.who_could.is_empty() => subject(deny, command).text(" is not permitted here by any policy."),
        None => lacking(deny, command, principal),
    };
    let mut lines = vec![with(first, outcome)];
    lines.extend(deny.reasons.iter().skip(1).map(|reason| Line::from(format!("Also: {}.", reason.text))));
    if !deny.unread.is_empty() {
        let line = bold_list(Line::from("Slack does not tell me who is in "), &deny.unread, " and in ");
        lines.push(line.text(", so what is forbidden to its members is forbidden to all who may be one."));
    }
    if deny.is_account_doubted {
        lines.push(Line::from(
            "AWS does not tell me now in which account I act, so what is forbidden in one is forbidden here.",
        ));
    }
    // who operates what is nothing for guests and strangers: a member knows whom to ask, and can
    match principal.membership {
        _ if deny.who_could.is_empty() => {}
        Membership::Member => lines.push(whom_to_ask(deny, contacts)),
        _ => lines.push(Line::from("Ask a full member of this workspace to do it for you.")),
    }
    Refusal::of(lines)
}

/// The refusal of somebody to whom not even help is permitted. It is about the person: no command is named that nobody
/// typed. `as_member`: a full member of the workspace would be permitted it.
pub fn shut_out(deny: &Deny, principal: &Principal, as_member: bool, contacts: &[UserId], outcome: &str) -> Refusal {
    let you = match principal.membership {
        Membership::Guest => "you are a guest here",
        Membership::Outside => "you belong to another workspace",
        Membership::Inactive => "your account is not an active one",
        Membership::Member | Membership::Itself => "",
    };
    let first = match deny.reasons.first() {
        _ if as_member && !you.is_empty() => {
            let first = Line::from(format!("I work for full members of this workspace only; {you}."));
            let ask = Line::from("Ask one of them to do it for you, or an admin of the workspace to make you one.");
            return Refusal::of(vec![with(first, outcome), ask]);
        }
        Some(reason) => Line::from(format!("You may run nothing here: {}.", reason.text)),
        None => Line::from("You may run nothing here: no policy permits it to you."),
    };
    let ask = (!deny.who_could.is_empty()).then(|| match principal.membership {
        Membership::Member => whom_to_ask(deny, contacts),
        _ => Line::from("Ask a full member of this workspace to do it for you."),
    });
    Refusal::of([with(first, outcome)].into_iter().chain(ask).collect())
}

/// A sentence, and what came of it.
fn with(line: Line, outcome: &str) -> Line {
    if outcome.is_empty() { line } else { line.text(format!(" {outcome}")) }
}

fn nothing(risk: Risk) -> &'static str {
    match risk {
        Risk::Change | Risk::Destroy => "Nothing was changed.",
        Risk::Basic | Risk::Read => "Nothing was done.",
    }
}

fn subject(deny: &Deny, command: &str) -> Line {
    let line = Line::new().code(command);
    match &deny.target {
        Some(target) => line.text(" on ").code(target),
        None => line,
    }
}

fn forbidden(deny: &Deny, command: &str) -> Line {
    let line = Line::new().code(command).text(" may not be run");
    match &deny.target {
        Some(target) => line.text(" on ").code(target),
        None => line,
    }
}

/// `ec2 stop` needs the group *operators*; you are in *viewers*.
fn lacking(deny: &Deny, command: &str, principal: &Principal) -> Line {
    let line = subject(deny, command);
    let line = match principal.membership {
        Membership::Member => bold_list(line.text(" needs the group "), &deny.who_could, " or "),
        _ => line.text(" is for members of some groups"),
    };
    let groups: Vec<String> = principal.groups.iter().cloned().collect();
    let line = match (groups.is_empty(), principal.membership) {
        (_, Membership::Guest) => line.text("; you are a guest here"),
        (_, Membership::Outside) => line.text("; you belong to another workspace"),
        (_, Membership::Inactive) => line.text("; your account is not an active one"),
        (_, Membership::Itself) => line.text("; this is a self-test"),
        (true, Membership::Member) => line.text("; you are in no group"),
        (false, Membership::Member) => bold_list(line.text("; you are in "), &groups, " and "),
    };
    line.text(".")
}

/// Ask @maya or @jon.
fn whom_to_ask(deny: &Deny, contacts: &[UserId]) -> Line {
    if contacts.is_empty() {
        return bold_list(Line::from("Ask somebody in "), &deny.who_could, " or ").text(".");
    }
    let named = &contacts[..contacts.len().min(PEOPLE)];
    let mut line = Line::from("Ask ");
    for (index, user) in named.iter().enumerate() {
        line = line.text(joint(index, named.len(), " or ")).user(user.clone());
    }
    line.text(".")
}

fn bold_list(line: Line, words: &[String], last: &'static str) -> Line {
    let add = |line: Line, (index, word): (usize, &String)| line.text(joint(index, words.len(), last)).bold(word);
    words.iter().enumerate().fold(line, add)
}

/// What stands before the item at `index` of `count`.
fn joint(index: usize, count: usize, last: &'static str) -> &'static str {
    match index {
        0 => "",
        _ if index + 1 == count => last,
        _ => ", ",
    }
}
