//! One command from plan to answer: the walk of a job.

use super::answer::Answer;
use super::former::{broke, interrupted};
use super::job::{Job, Stage, Task};
use super::steps::Steps;
use super::workshop::Workshop;
use super::{approvals, progress, recover};
use crate::aws;
use crate::commands::{Context, Planned};
use crate::domain::{CommandError, Decision, Failure, Line, Plan, Refusal, RequestId, Risk, Target};
use crate::store::{Final, StoreError};
use parking_lot::Mutex;
use std::sync::Arc;
use std::time::Duration;

/// How long an answer waits for the last progress message to be put into the outbox.
const PROGRESS_PATIENCE: Duration = Duration::from_secs(5);

/// Runs a job to its answer. A panic inside is the caller's to catch.
pub async fn run(job: &Job, shop: &Workshop) {
    let stage = Arc::default();
    work(job, shop, &stage).await;
}

pub(super) async fn work(job: &Job, shop: &Workshop, stage: &Arc<Mutex<Stage>>) {
    let working = Box::pin(async {
        match &job.task {
            Task::Run | Task::Approved(_) => run_command(job, shop, stage).await,
            Task::Verify(plan) => {
                *stage.lock() = Stage::Running(plan.clone());
                let former = shop.desk.journal.former(job.request.id);
                Some(recover::look(job, plan, shop, interrupted(&former, &job.request.text)).await)
            }
            Task::LastLook(plan, deaths) => {
                tracing::error!(req = %job.request.id, deaths, "processes died with request in hand; one more look");
                *stage.lock() = Stage::Running(plan.clone());
                let former = shop.desk.journal.former(job.request.id);
                let why = recover::while_running(&broke(&former, *deaths), job);
                Some(recover::look(job, plan, shop, why).await)
            }
        }
    });
    let answer = match job.row.risk {
        Risk::Change | Risk::Destroy => aws::before_reads(working).await,
        Risk::Basic | Risk::Read => working.await,
    };
    if let Some(answer) = answer {
        let decision = answer.decision.clone().or_else(|| job.decision.clone());
        shop.desk.give(&job.request, job.row.name, Answer { decision, ..answer }).await;
    }
}

/// `None` when the journal says that the request is further than this job knows.
async fn run_command(job: &Job, shop: &Workshop, stage: &Arc<Mutex<Stage>>) -> Option<Answer> {
    match plan_and_execute(job, shop, stage).await {
        Ok(answer) => answer,
        // who has seen what was to be approved is told what became of it
        Err(error) if matches!(job.task, Task::Approved(_)) => {
            Some(Answer { alone: false, ..Answer::of_error(&error, &job.request) })
        }
        Err(error) => Some(Answer::of_error(&error, &job.request)),
    }
}

async fn plan_and_execute(
    job: &Job,
    shop: &Workshop,
    stage: &Arc<Mutex<Stage>>,
) -> Result<Option<Answer>, CommandError> {
    let deadline = Duration::from_secs(shop.config.read_deadline_seconds);
    let planned =
        tokio::time::timeout(deadline, job.command.plan(&job.context)).await.map_err(|_| too_slow(job, deadline))??;
    let plan = match planned {
        Planned::Answer(reply) => return Ok(Some(Answer::ok(reply))),
        Planned::Change(plan) => plan,
    };
    let need = (job.judge)(&plan)?;
    let approved = match &job.task {
        Task::Approved(approval)
            if !approval.is_for(&plan) || (approval.given.len() as u64) < need.approvals.into() =>
        {
            return Err(approvals::void(approval).into());
        }
        Task::Approved(approval) => approval.given.clone(),
        Task::Run | Task::Verify(_) | Task::LastLook(..) if need.approvals > 0 => {
            let plan = Plan { decision: need.decision.clone().map(Arc::new), ..plan };
            // asked or not: the answer comes when they have spoken, or from the replica that has the request
            return approvals::ask(job, plan, &need, shop).await.map(|_| None);
        }
        Task::Run | Task::Verify(_) | Task::LastLook(..) => Vec::new(),
    };
    let given = approved.iter().map(|approval| approval.by.clone()).collect();
    let decision = need.decision.map(|decision| Arc::new(Decision { given, ..decision }));
    let plan = Plan { policies: Some(shop.policies.to_string()), approved, decision, ..plan };
    let _locked = shop.locks.take(&plan.targets, &job.request.text, &job.request)?;
    if let Err(error) = shop.desk.journal.planned(job.request.id, plan.clone()).await {
        if let StoreError::Transition { .. } | StoreError::Fenced(_) = error {
            // read from the journal before it was begun or answered, or another replica has it: to say anything now
            // could be a lie. If it has no answer, the next sweep brings it as it stands
            tracing::warn!(req = %job.request.id, %error, "request is further than was thought; left to the journal");
            return Ok(None);
        }
        if let StoreError::Busy { target, holder } = &error {
            return Err(busy(&plan, target, *holder).into());
        }
        let line = Line::from("I cannot write to my journal, so ").code(&job.request.text);
        let line = line.text(" was not run. Nothing was changed. Try again when the store works; ").code("status");
        return Err(Failure { lines: vec![line.text(" shows it.")], cause: error.to_string() }.into());
    }
    execute(job, plan, shop, stage).await.map(Some)
}

async fn execute(job: &Job, plan: Plan, shop: &Workshop, stage: &Arc<Mutex<Stage>>) -> Result<Answer, CommandError> {
    let (sink, replies) = progress::channel();
    let reporter = progress::report(job.request.clone(), replies, Arc::clone(&shop.outbox), shop.desk.courier.clone());
    let reporting = shop.runtime.spawn("progress", reporter).abort_on_drop();
    let flight = Arc::clone(&job.flight);
    let bequeath = Arc::new(move || flight.bequeath());
    let context = Context { progress: sink, bequeath, ..job.context.clone() };
    let journal = Arc::clone(&shop.desk.journal);
    let steps = Steps { request: job.request.id, plan: plan.clone(), journal, stage: Arc::clone(stage) };
    let limit = context.limits.wait + Duration::from_secs(120);
    let found = tokio::time::timeout(limit, job.command.execute(&plan, &context, &steps)).await;
    // the command's sender is in it: without that the reporter ends, and no progress comes behind the answer
    drop(context);
    let _ = tokio::time::timeout(PROGRESS_PATIENCE, reporting).await;
    let answer = match found {
        Ok(found) => found.map(Answer::of_found)?,
        Err(_) => {
            let why = recover::while_running("AWS did not answer in time", job);
            recover::look(job, &plan, shop, why).await
        }
    };
    let answer = match shop.locks.came_between(&plan.targets, &job.request).filter(|_| answer.end != Final::Succeeded) {
        Some(line) => Answer { reply: answer.reply.text(line), ..answer },
        None => answer,
    };
    Ok(match approvals::approved_by(&job.request, &plan) {
        Some(line) => Answer { reply: answer.reply.text(line), ..answer },
        None => answer,
    })
}

/// Another replica changes it: what it does is known here by its request alone.
fn busy(plan: &Plan, target: &str, holder: RequestId) -> Refusal {
    let named = plan.targets.iter().find(|one| one.key() == target);
    let line = Line::new()
        .code(named.map_or_else(|| target.to_owned(), Target::label))
        .text(format!(" is being changed by another command (req {}). ", holder.short()))
        .text("Nothing was changed by your command. Send it again when that one is done.");
    Refusal::of(vec![line])
}

fn too_slow(job: &Job, deadline: Duration) -> CommandError {
    let text = format!(
        "AWS did not answer `{}` within {} seconds. Nothing was changed. Try again in a minute.",
        job.row.name,
        deadline.as_secs()
    );
    Failure::sentence(&text, "read deadline").into()
}

#[cfg(test)]
mod tests;
