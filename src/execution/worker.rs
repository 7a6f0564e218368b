//! An actor that runs jobs. The work itself is on the worker runtime; the actor watches over it, so that a job that
//! panics still ends in an answer.

use super::answer::Answer;
use super::job::{Job, Stage};
use super::recover;
use super::run::work;
use super::workshop::Workshop;
use crate::supervision::{self, TaskError, supervised};
use actix::{Actor, Context, Handler, Message};
use parking_lot::Mutex;
use std::sync::Arc;
use tokio::sync::OwnedSemaphorePermit;

/// Runs jobs.
pub struct AwsWorker {
    shop: Workshop,
}

impl AwsWorker {
    /// A worker that has not started.
    pub fn new(shop: Workshop) -> Self {
        Self { shop }
    }
}

impl Actor for AwsWorker {
    type Context = Context<Self>;
}

supervised!(AwsWorker, |self| AwsWorker::new(self.shop.clone()));

/// A place for a job, until dropped.
pub(super) struct Place {
    _permit: OwnedSemaphorePermit,
    _common: Option<OwnedSemaphorePermit>,
}

impl Place {
    pub(super) fn new(permit: OwnedSemaphorePermit, common: Option<OwnedSemaphorePermit>) -> Self {
        Self { _permit: permit, _common: common }
    }
}

/// Run this job.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct Run {
    pub(super) job: Job,
    pub(super) place: Place,
}

impl Handler<Run> for AwsWorker {
    type Result = ();

    fn handle(&mut self, Run { job, place }: Run, _: &mut Self::Context) {
        let shop = self.shop.clone();
        let job = Arc::new(job);
        supervision::spawn_local_detached("job watch", async move {
            let stage: Arc<Mutex<Stage>> = Arc::default();
            let task = {
                let (job, shop, stage) = (Arc::clone(&job), shop.clone(), Arc::clone(&stage));
                shop.runtime.clone().spawn("job", async move { work(&job, &shop, &stage).await })
            };
            if let Err(broken) = task.await {
                after_panic(job, shop, stage, broken).await;
            }
            drop(place);
        })
        .detach();
    }
}

async fn after_panic(job: Arc<Job>, shop: Workshop, stage: Arc<Mutex<Stage>>, broken: TaskError) {
    tracing::error!(req = %job.request.id, command = job.row.name, %broken, "job broke");
    let stage = stage.lock().clone();
    let answer = match stage {
        Stage::Reading => Answer::bug(job.row.name, &job.request),
        Stage::Running(plan) => {
            let (watched, house) = (Arc::clone(&job), shop.clone());
            let why = recover::while_running("Something broke on my side", &job);
            let look = async move { recover::look(&watched, &plan, &house, why).await };
            match shop.runtime.spawn("look after panic", look).await {
                Ok(answer) => answer,
                Err(_) => recover::unseen_answer(&job),
            }
        }
    };
    shop.desk.give(&job.request, job.row.name, answer).await;
}
