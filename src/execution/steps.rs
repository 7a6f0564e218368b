//! The journal's side of a step: written before the call, and after it what the provider said. In between, the lease: a
//! call that outlasts it is given up, so that a replica that adopts the request knows when it can no longer arrive.

use super::job::Stage;
use crate::clock::{Held, while_held};
use crate::commands::{Journalled, StepError};
use crate::domain::{Failure, Plan, RequestId, Step};
use crate::store::{Journal, StepState};
use async_trait::async_trait;
use futures_util::future::BoxFuture;
use parking_lot::Mutex;
use std::sync::Arc;

/// The steps of one running change.
pub(super) struct Steps {
    pub(super) request: RequestId,
    pub(super) plan: Plan,
    pub(super) journal: Arc<dyn Journal>,
    pub(super) stage: Arc<Mutex<Stage>>,
}

#[async_trait]
impl Journalled for Steps {
    async fn step(&self, step: &Step, call: BoxFuture<'_, Result<(), StepError>>) -> Result<(), StepError> {
        if let Err(error) = self.journal.step_started(self.request, step.clone()).await {
            return Err(not_made(error.to_string()));
        }
        *self.stage.lock() = Stage::Running(self.plan.clone());
        tracing::info!(req = %self.request, operation = step.operation, region = step.region, targets = ?step.targets, "call begins");
        let answer = match while_held(|| self.journal.held_for(self.request), call).await {
            Held::Done(answer) => answer,
            Held::Never => Err(not_made("the lease is over".to_owned())),
            Held::Ended => Err(StepError::Lost("the lease ended before AWS answered".to_owned())),
        };
        let state = match &answer {
            Ok(()) => StepState::Done,
            Err(StepError::Refused(_)) => StepState::Failed,
            // stays "started": after a crash it must be looked at
            Err(StepError::Lost(cause)) => {
                tracing::warn!(req = %self.request, operation = step.operation, cause, "answer of call was lost");
                return answer;
            }
        };
        if let Err(error) = self.journal.step_ended(self.request, step.index, state).await {
            tracing::warn!(req = %self.request, %error, "end of step could not be journalled");
        }
        answer
    }
}

fn not_made(cause: String) -> StepError {
    let text = "I cannot write to my journal, so I did not make the change. Try again when the store works; `status` \
                shows it.";
    StepError::Refused(Failure::sentence(text, cause).into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Plan;
    use crate::execution::testing::{House, Leased};
    use crate::slack::testing::run;
    use std::cell::Cell;
    use std::time::Duration;

    fn plan() -> Plan {
        let step = Step {
            index: 0,
            operation: "ec2:StopInstances".to_owned(),
            account: None,
            region: "eu-central-1".to_owned(),
            targets: vec!["i-1".to_owned()],
            token: "t".to_owned(),
            before: std::collections::BTreeMap::new(),
        };
        let (command, text) = ("test stop".to_owned(), "stop i-1".to_owned());
        Plan { command, text, steps: vec![step], ..Plan::default() }
    }

    #[test]
    fn a_call_is_made_while_the_lease_holds_and_given_up_when_it_ends() {
        run(async {
            let house = House::new().await;
            let moment = Duration::from_millis(40);
            // how often the lease is found to hold, and how long the call takes
            for (number, renewals, takes, said, state) in [
                (1, 0, Duration::ZERO, "refused", StepState::Failed),
                (2, 1, Duration::ZERO, "ok", StepState::Done),
                (3, 1, moment * 1_000, "lost", StepState::Started),
                (4, 50, moment * 3, "ok", StepState::Done),
            ] {
                let request = house.accept(number).await;
                house.store.journal.planned(request.id, plan()).await.expect("planned");
                let journal = Arc::new(Leased::new(Arc::clone(&house.store.journal), moment, renewals));
                let stage = Arc::default();
                let steps = Steps { request: request.id, plan: plan(), journal, stage };
                let begun = Arc::new(parking_lot::Mutex::new(Cell::new(false)));
                let noted = Arc::clone(&begun);
                let call = async move {
                    noted.lock().set(true);
                    tokio::time::sleep(takes).await;
                    Ok(())
                };
                let answer = match steps.step(&plan().steps[0], Box::pin(call)).await {
                    Ok(()) => "ok",
                    Err(StepError::Refused(_)) => "refused",
                    Err(StepError::Lost(_)) => "lost",
                };
                assert_eq!(answer, said, "request {number}");
                assert_eq!(begun.lock().get(), renewals > 0, "request {number}");
                let entries = house.store.journal.held(&mut |_| true);
                let entry = entries.iter().find(|entry| entry.request.id == request.id).expect("it is open");
                assert_eq!(entry.steps[0].state, state, "request {number}");
            }
            house.tree.stop().await;
        });
    }
}
