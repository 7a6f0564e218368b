//! The walk of a change: its calls, the looks, the report.

use super::super::{Context, Found, Journalled, StepError};
use super::{CallOutcome, RunningChange, Stage};
use crate::domain::{CommandError, Plan};
use tokio::time::Instant;

/// Makes the planned calls, one after the other, waits, and reports. After a call that was refused or lost, no other is
/// made: what is not understood is not continued.
pub(in super::super) async fn execute(
    change: &mut dyn RunningChange,
    plan: &Plan,
    cx: &Context,
    journal: &dyn Journalled,
) -> Result<Found, CommandError> {
    let start = Instant::now();
    let (mut called, mut goes_well, mut shown) = (start, true, None);
    for step in &plan.steps {
        let outcome = if goes_well {
            let progress = change.progress(Stage::Calling(step), start.elapsed());
            // of several calls on one target the second may have nothing new to show
            if shown.as_ref() != Some(&progress) {
                (cx.progress)(progress.clone());
                shown = Some(progress);
            }
            let ready = change.prepare(step, cx).await;
            called = Instant::now();
            let made = match ready {
                Ok(()) => journal.step(step, Box::pin(change.call(step, cx))).await,
                // the calls before it may have changed something: it is told as theirs are
                Err(error) => Err(StepError::Refused(error)),
            };
            match made {
                Ok(()) => CallOutcome::Accepted,
                Err(StepError::Lost(cause)) => {
                    tracing::warn!(request = %cx.request, operation = %step.operation, %cause, "answer lost, looking");
                    CallOutcome::Lost
                }
                Err(StepError::Refused(error)) => CallOutcome::Refused(error),
            }
        } else {
            CallOutcome::NotTried
        };
        goes_well = matches!(outcome, CallOutcome::Accepted);
        if let Some(end) = change.take(step, outcome, cx) {
            return end;
        }
    }
    watch(change, start, called, cx).await;
    Ok(change.report(start.elapsed(), cx).await)
}

/// Looks at what is true now, as after calls whose answers were lost.
pub(in super::super) async fn verify(change: &mut dyn RunningChange, cx: &Context) -> Found {
    let start = Instant::now();
    watch(change, start, start, cx).await;
    change.report(start.elapsed(), cx).await
}

/// Looks until all has come to rest. The last call was `called` at this time, or before.
async fn watch(change: &mut dyn RunningChange, start: Instant, called: Instant, cx: &Context) {
    let left = || cx.aws.call_timeout().saturating_sub(called.elapsed());
    loop {
        let arrived = left().is_zero();
        change.look(arrived, cx).await;
        if change.is_at_rest() || start.elapsed() + cx.limits.poll > cx.limits.wait {
            return;
        }
        (cx.progress)(change.progress(Stage::Watching, start.elapsed()));
        // the asker of a call that never came is not to wait for a whole look more
        let pause = if !arrived && change.awaits_arrival() { cx.limits.poll.min(left()) } else { cx.limits.poll };
        tokio::time::sleep(pause).await;
    }
}
