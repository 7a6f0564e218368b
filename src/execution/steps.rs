//! The journal's side of a step: written before the call, and after it what the provider said.

use super::job::Stage;
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
            let text = "I cannot write to my journal, so I did not make the change. Try again when the store works; \
                        `status` shows it.";
            return Err(StepError::Refused(Failure::sentence(text, error.to_string()).into()));
        }
        *self.stage.lock() = Stage::Running(self.plan.clone());
        tracing::info!(req = %self.request, operation = step.operation, region = step.region, targets = ?step.targets, "call begins");
        let answer = call.await;
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
