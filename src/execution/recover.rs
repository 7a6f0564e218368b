//! Looking instead of repeating: after a crash, a panic or a lost answer, the provider is asked what is true, and the
//! person is told that. It is asked in the account in which the calls were made, or not at all: what is seen in another says
//! nothing of them.

use super::answer::Answer;
use super::inspection::with_command;
use super::job::Job;
use super::workshop::Workshop;
use crate::aws;
use crate::commands::{Catalog, Context, Found};
use crate::domain::{AccountId, CommandError, Line, Part, Plan, Reply, Target, Tone};
use std::time::Duration;

/// What `verify` may take beyond the command's own waiting time.
const MARGIN: Duration = Duration::from_secs(60);

/// Asks once: `verify` itself waits while targets are on their way from one state to another.
pub(super) async fn look(job: &Job, plan: &Plan, shop: &Workshop, why: Line) -> Answer {
    let _locked = shop.locks.take(&plan.targets, &job.request.text, &job.request);
    let limit = job.context.limits.wait + MARGIN;
    let verifying = aws::before_reads(verify(job, plan));
    let found = tokio::time::timeout(limit, verifying).await;
    let mut answer = match found {
        Ok(Ok(found)) => Answer::of_found(found),
        Ok(Err(error)) => {
            tracing::warn!(req = %job.request.id, ?error, "verification failed");
            Answer::unknown(Reply::new(Tone::Unknown).text(unseen(plan, &job.context.catalog)))
        }
        Err(_) => Answer::unknown(Reply::new(Tone::Unknown).text(unseen(plan, &job.context.catalog))),
    };
    answer.reply.parts.insert(0, Part::Text(why.text(".")));
    answer
}

/// What is so now, unless the plan is of an account that this program does not have.
async fn verify(job: &Job, plan: &Plan) -> Result<Found, CommandError> {
    if let Some((account, usual)) = other_account(plan, &job.context).await {
        tracing::warn!(req = %job.request.id, %account, %usual, "the credentials are of another account; not looked at");
        return Ok(Found::Unknown(Reply::new(Tone::Unknown).text(out_of_reach(plan, account, &usual))));
    }
    job.command.verify(plan, &job.context).await
}

/// The account of a plan, where that is another than the one to which the credentials belong, and that one.
async fn other_account<'a>(plan: &'a Plan, cx: &Context) -> Option<(&'a AccountId, AccountId)> {
    // where STS does not tell it, what is looked at tells it, and is not believed where it is another's
    let usual = tokio::time::timeout(cx.aws.call_timeout(), cx.aws.accounts.usual()).await.ok()?.ok()?;
    let of_steps = plan.steps.iter().filter_map(|step| step.account.as_ref());
    // a step that was written before it had an account is of the usual one, unless its targets say that this was another
    let of_targets = plan.targets.iter().map(|target| &target.account).filter(|account| account.is_id());
    let other = of_steps.chain(of_targets).find(|account| **account != usual)?;
    Some((other, usual))
}

fn out_of_reach(plan: &Plan, account: &AccountId, usual: &AccountId) -> Line {
    let line = Line::from("It was begun in the AWS account ")
        .code(account.as_str())
        .text(", and my credentials are of ")
        .code(usual.as_str())
        .text(" now, so I did not look: I cannot tell whether it was done. Check ");
    named(line, plan, Target::label).text(" in that account.")
}

/// That this happened while the request was being run.
pub(super) fn while_running(what: &str, job: &Job) -> Line {
    Line::from(format!("{what} while running ")).code(&job.request.text)
}

fn unseen(plan: &Plan, catalog: &Catalog) -> Line {
    let line = Line::new().text("AWS does not answer, so I cannot tell whether it was done. ");
    let inspect = catalog.inspect(&plan.command);
    let said = inspect.map_or("Check ", |_| "Check with ");
    let shown = |target: &Target| inspect.map_or_else(|| target.label(), |inspect| (inspect.line)(target));
    named(line.text(said), plan, shown).text(".")
}

/// The first few targets of a plan.
fn named(line: Line, plan: &Plan, name: impl Fn(&Target) -> String) -> Line {
    plan.targets.iter().take(3).enumerate().fold(line, |line, (index, target)| {
        let line = if index > 0 { line.text(", ") } else { line };
        line.code(name(target))
    })
}

/// When even looking breaks: what was asked, and that its outcome is not known.
pub(super) fn unseen_answer(job: &Job) -> Answer {
    let line = Line::new()
        .text("Something broke on my side while running ")
        .code(&job.request.text)
        .text(", and again when I looked. I do not know whether it was done; check its targets");
    let line = with_command(line, &job.request.text, &job.context.catalog)
        .text(" and give ")
        .code(format!("req {}", job.request.id.short()))
        .text(" to the platform team.");
    Answer::unknown(Reply::new(Tone::Unknown).text(line))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{ResourceKind, Target};
    use std::collections::BTreeMap;

    #[test]
    fn what_could_not_be_seen_is_named_with_the_command_that_shows_it() {
        let target = |id: &str, name: Option<&str>| Target {
            kind: ResourceKind::new("any:thing"),
            id: id.to_owned(),
            name: name.map(str::to_owned),
            account: "123456789012".into(),
            region: "eu-central-1".to_owned(),
            tags: BTreeMap::new(),
        };
        let plan = |command: &str, targets| Plan {
            command: command.to_owned(),
            text: String::new(),
            detail: None,
            targets,
            ..Plan::default()
        };
        let instances = || vec![target("i-0abc", Some("web-1")), target("i-0def", None)];
        for (command, targets, shown) in [
            (
                "ec2 stop",
                instances(),
                "Check with ec2 show i-0abc --region eu-central-1, ec2 show i-0def --region eu-central-1.",
            ),
            ("deploy rollback", vec![target("service/prod/shop", Some("web"))], "Check with deploy status web."),
            ("of a newer program", instances(), "Check web-1 (i-0abc), i-0def."),
        ] {
            let said = unseen(&plan(command, targets), &Catalog::built_in()).plain();
            assert!(said.ends_with(shown), "{said}");
        }
    }
}
