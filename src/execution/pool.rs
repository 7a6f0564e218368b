//! The workers together: who takes the next job, and how many may run.

use super::job::Job;
use super::worker::{AwsWorker, Run};
use crate::domain::Refusal;
use crate::supervision::Handle;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The worker actors behind one door.
#[derive(Clone)]
pub struct WorkerPool {
    workers: Arc<[Handle<AwsWorker>]>,
    next: Arc<AtomicUsize>,
    permits: Arc<Semaphore>,
    max_running: usize,
}

impl WorkerPool {
    /// A pool of these workers that runs at most `max_running` jobs.
    pub fn new(workers: Vec<Handle<AwsWorker>>, max_running: usize) -> Self {
        Self {
            workers: workers.into(),
            next: Arc::default(),
            permits: Arc::new(Semaphore::new(max_running)),
            max_running,
        }
    }

    /// Hands a job to a worker, or gives the reason why not: nothing was done then.
    pub fn submit(&self, job: Job) -> Result<(), Refusal> {
        let name = job.row.name;
        match Arc::clone(&self.permits).try_acquire_owned() {
            Ok(permit) => self.hand(job, permit),
            Err(_) => Err(Refusal::sentence(&format!(
                "I am busy with {} commands. `{name}` was not run. Try again in a minute.",
                self.max_running
            ))),
        }
    }

    /// The same for a job that comes out of the journal, which waits until there is room: of what a former life had in
    /// hand nothing can be refused as if it had just been asked.
    pub async fn submit_in_turn(&self, job: Job) -> Result<(), Refusal> {
        match Arc::clone(&self.permits).acquire_owned().await {
            Ok(permit) => self.hand(job, permit),
            Err(_) => Err(Self::restarting(job.row.name)),
        }
    }

    fn hand(&self, job: Job, permit: OwnedSemaphorePermit) -> Result<(), Refusal> {
        let name = job.row.name;
        let turn = self.next.fetch_add(1, Ordering::Relaxed) % self.workers.len();
        // a worker in back-off keeps its mailbox; only a dead tree refuses, and then the process is ending
        self.workers[turn].tell(Run { job, permit }).map_err(|_| Self::restarting(name))
    }

    fn restarting(name: &str) -> Refusal {
        Refusal::sentence(&format!("My workers are being restarted. `{name}` was not run. Try again in a minute."))
    }

    /// Takes every place, until dropped.
    #[cfg(test)]
    pub(crate) fn fill(&self) -> Vec<OwnedSemaphorePermit> {
        std::iter::from_fn(|| Arc::clone(&self.permits).try_acquire_owned().ok()).collect()
    }

    /// How many jobs run or wait for a worker.
    pub fn running(&self) -> usize {
        self.max_running - self.permits.available_permits()
    }
}
