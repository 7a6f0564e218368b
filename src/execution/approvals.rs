//! Asking others: a change that the policies permit only with the approval of others is shown to them, and waits. It
//! holds nothing meanwhile: no place among the running, no target, no drain.

use super::answer::{Answer, address};
use super::awaiting::{Need, Waiting};
use super::job::Job;
use super::workshop::Workshop;
use crate::delivery::Deliver;
use crate::domain::{
    APPROVE, Approval, ApprovalRequest, Button, CommandError, Failure, Line, Part, Plan, Refusal, Reply, ReplyTo,
    Request, Target, Tone, UserId,
};
use crate::store::{NewLetter, StoreError, plan_hash};
use jiff::{SignedDuration, Timestamp};

/// Shows the plan to the others. `false`: the journal says that the request is further than this job knows.
pub(super) async fn ask(job: &Job, plan: Plan, need: &Need, shop: &Workshop) -> Result<bool, CommandError> {
    let now = shop.desk.clock.now();
    let within = i64::try_from(shop.config.approve_within_seconds).unwrap_or(i64::MAX);
    let approval = ApprovalRequest {
        request: job.request.id,
        user: job.request.user.clone(),
        text: job.request.text.clone(),
        plan: plan.clone(),
        needed: need.approvals,
        asked_at: now,
        expires_at: now.checked_add(SignedDuration::from_secs(within)).unwrap_or(Timestamp::MAX),
        given: Vec::new(),
        declined: None,
        closed_at: None,
        words: Vec::new(),
    };
    let reply_to = if job.alone { job.request.reply_to.clone() } else { open_place(&job.request) };
    let request = Request { reply_to, trigger: None, ..job.request.clone() };
    let reply = if job.alone { shown_alone(&approval, need) } else { shown(&approval, need) };
    let letter = NewLetter { request: request.id, address: address(&request), reply, last: false, trigger: None };
    shop.approvals.ask(&approval).await.map_err(|error| unwritten(&request, error))?;
    match shop.desk.journal.awaiting_approval(&approval, &request.reply_to, letter).await {
        Ok(letter) => {
            tracing::info!(req = %request.id, needed = need.approvals, "others are asked to approve");
            metrics::counter!("dronebot_approvals_asked_total").increment(1);
            // a courier that is down finds the letter in the outbox
            let _ = shop.desk.courier.tell(Deliver(letter));
            shop.desk.onlookers.changed(&request.user);
            shop.awaiting.add(Waiting { request, plan, deaths: 0 });
            Ok(true)
        }
        Err(error @ (StoreError::Transition { .. } | StoreError::Fenced(_))) => {
            tracing::warn!(req = %request.id, %error, "request is further than was thought; nobody is asked");
            Ok(false)
        }
        Err(error) => {
            // no word is to be taken for what is not going to be done
            if let Err(error) = shop.approvals.close(approval.request, now).await {
                tracing::warn!(req = %approval.request, %error, "what nobody is asked about was not closed");
            }
            // the journal may have it all the same, and the others may read the question: the answer takes its place
            let answer = Answer::of_error(&unwritten(&request, error), &request);
            shop.desk.give(&request, job.row.name, answer).await;
            Ok(false)
        }
    }
}

fn unwritten(request: &Request, error: StoreError) -> CommandError {
    let line = Line::from("I cannot write to my journal, so ")
        .code(&request.text)
        .text(" cannot wait for approval and was not run. Nothing was changed. Try again when the store works; ")
        .code("status")
        .text(" shows it.");
    Failure { lines: vec![line], cause: error.to_string() }.into()
}

/// Where others can see it. What only the caller would see goes beside: to the channel where the bot may post.
fn open_place(request: &Request) -> ReplyTo {
    match &request.reply_to {
        ReplyTo::Caller { response_url } => ReplyTo::Beside { thread_ts: None, response_url: response_url.clone() },
        ReplyTo::Presser { response_url } => {
            ReplyTo::Beside { thread_ts: None, response_url: Some(response_url.clone()) }
        }
        other => other.clone(),
    }
}

/// What the others read.
fn shown(approval: &ApprovalRequest, need: &Need) -> Reply {
    let ApprovalRequest { request, plan, .. } = approval;
    let approve =
        Button::run("Approve", format!("{APPROVE} {request}")).confirm(question(plan)).of_shown(plan_hash(plan));
    asking(approval, need).buttons(vec![approve, decline(approval)]).note(how(approval))
}

/// What is asked once more before a press approves: the plan and its targets by name, or as much as is shown there, and no
/// id cut. Slack shows people there by nothing but their ids.
fn question(plan: &Plan) -> String {
    let whole = format!("This will be done: {}", plan.text);
    let names: Vec<String> = plan.targets.iter().map(Target::short_label).collect();
    let named = format!("{whole}. On {}.", names.join(", "));
    let fits = |text: &String| text.chars().count() <= Button::QUESTION;
    if fits(&named) {
        return named;
    }
    if fits(&whole) {
        return whole;
    }
    const MORE: &str = " and more: all of it stands in the message.";
    let room = whole.char_indices().nth(Button::QUESTION - MORE.len()).map_or(whole.len(), |(end, _)| end);
    let end = whole[..room].rfind(' ').unwrap_or(room);
    format!("{}{MORE}", whole[..end].trim_end_matches(','))
}

/// What the asker reads where no other person may: a question that the others must be told of.
fn shown_alone(approval: &ApprovalRequest, need: &Need) -> Reply {
    let line = Line::from(
        "Nobody else sees this question, as people of another organisation may read here. Ask somebody who may ",
    )
    .text("approve it to send me ")
    .code(format!("{APPROVE} {}", approval.request.short()))
    .text(" by direct message.");
    asking(approval, need).text(line).buttons(vec![decline(approval)]).note(how(approval))
}

fn decline(approval: &ApprovalRequest) -> Button {
    Button::run("Decline", format!("decline {}", approval.request)).danger()
}

/// Who asks for what, on what.
fn asking(approval: &ApprovalRequest, need: &Need) -> Reply {
    let ApprovalRequest { user, text, plan, needed, .. } = approval;
    let first = Line::new().user(user.clone()).text(" asks for ").code(text.as_str());
    let first = match need.reasons.first() {
        Some(reason) => first.text(format!(": {reason}.")),
        None => first.text("."),
    };
    let mut reply = Reply::new(Tone::Approval).text(first).part(Part::Fields(fields(plan, *needed, &need.contacts)));
    if !plan.cautions.is_empty() {
        reply = reply.part(Part::List(plan.cautions.iter().map(|caution| Line::sentence(caution)).collect()));
    }
    reply
}

fn fields(plan: &Plan, needed: u32, contacts: &[UserId]) -> Vec<(String, Line)> {
    let others = match needed {
        1 => "one other person".to_owned(),
        others => format!("{others} other people"),
    };
    vec![
        ("Will be done".to_owned(), Line::new().code(plan.text.as_str())),
        ("On".to_owned(), targets(Line::new(), plan)),
        ("Needs".to_owned(), such_as(Line::from(format!("the approval of {others} who may run it")), contacts)),
    ]
}

/// People are named here, and not in a note: Slack shows ids there.
fn such_as(line: Line, contacts: &[UserId]) -> Line {
    contacts.iter().enumerate().fold(line, |line, (index, contact)| {
        line.text(if index == 0 { ", such as " } else { ", " }).user(contact.clone())
    })
}

/// Until when, and by which words.
fn how(approval: &ApprovalRequest) -> Line {
    Line::from(format!("Until {}, here or with ", approval.expires_at.strftime("%H:%M UTC")))
        .code(format!("{APPROVE} {}", approval.request.short()))
        .text(" where I am.")
}

/// What is said when the plan is not any more what was approved.
pub(super) fn void(approval: &ApprovalRequest) -> Refusal {
    let line = Line::from("What ")
        .code(&approval.text)
        .text(" would do is not any more what was approved, so I did not run it. Nothing was changed. ")
        .text("Send it again, and the new plan will be shown.");
    Refusal::of(vec![line, concerning(approval)])
}

/// What a final word on a change is about: all that was to be changed, who asked, and who had approved.
pub fn concerning(approval: &ApprovalRequest) -> Line {
    people(targets(Line::from("On "), &approval.plan).text(". "), &approval.user, &approval.given)
}

/// Who asked for a change and who approved it, below its answer; nothing where no approval was needed.
pub(super) fn approved_by(request: &Request, plan: &Plan) -> Option<Line> {
    (!plan.approved.is_empty()).then(|| people(Line::new(), &request.user, &plan.approved))
}

fn targets(line: Line, plan: &Plan) -> Line {
    plan.targets.iter().enumerate().fold(line, |line, (index, target)| {
        let line = if index == 0 { line } else { line.text(", ") };
        line.code(target.short_label())
    })
}

fn people(line: Line, asker: &UserId, given: &[Approval]) -> Line {
    let line = line.text("Asked by ").user(asker.clone());
    let line = given.iter().enumerate().fold(line, |line, (index, approval)| {
        line.text(if index == 0 { ", approved by " } else { " and " }).user(approval.by.clone())
    });
    line.text(".")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ResourceKind;
    use std::collections::BTreeMap;

    fn plan(targets: usize, name: &str) -> Plan {
        let target = |index: usize| Target {
            kind: ResourceKind::new("ec2:instance"),
            id: format!("i-{index:017x}"),
            name: Some(name.to_owned()).filter(|name| !name.is_empty()),
            account: "123456789012".into(),
            region: "eu-central-1".to_owned(),
            tags: BTreeMap::new(),
        };
        let targets: Vec<Target> = (0..targets).map(target).collect();
        let ids: Vec<&str> = targets.iter().map(|target| target.id.as_str()).collect();
        Plan { text: format!("stop {} in eu-central-1", ids.join(", ")), targets, ..Plan::default() }
    }

    #[test]
    fn no_question_is_longer_than_what_is_shown_and_no_id_in_it_is_cut() {
        for count in 1..=40 {
            for name in ["", "web-1", "x".repeat(250).as_str(), "🚀 rocket"] {
                let plan = plan(count, name);
                let asked = question(&plan);
                assert!(asked.chars().count() <= Button::QUESTION, "{count} {name}: {asked}");
                let shown =
                    asked.split(|c: char| !c.is_alphanumeric() && c != '-').filter(|word| word.starts_with("i-"));
                assert!(shown.clone().all(|id| id.len() == 19), "{asked}");
                let shown: std::collections::BTreeSet<&str> = shown.collect();
                assert!(shown.len() == count || asked.ends_with("all of it stands in the message."), "{asked}");
                assert!(!asked.contains(",,") && !asked.contains(", and more"), "{asked}");
            }
        }
        assert!(question(&plan(2, "web-1")).ends_with("On web-1 (i-00000000000000000), web-1 (i-00000000000000001)."));
    }
}
