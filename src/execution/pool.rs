//! The workers together: who takes the next job, and how many may run.

use super::job::Job;
use super::worker::{AwsWorker, Place, Run};
use crate::domain::Refusal;
use crate::supervision::Handle;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::Semaphore;

/// This part of the room is for people who may change something: those who only read cannot fill it.
const KEPT_FOR_CHANGES: usize = 4;

/// The worker actors behind one door.
#[derive(Clone)]
pub struct WorkerPool {
    workers: Arc<[Handle<AwsWorker>]>,
    next: Arc<AtomicUsize>,
    permits: Arc<Semaphore>,
    /// The places that are for everybody.
    common: Arc<Semaphore>,
    max_running: usize,
}

impl WorkerPool {
    /// A pool of these workers that runs at most `max_running` jobs.
    pub fn new(workers: Vec<Handle<AwsWorker>>, max_running: usize) -> Self {
        Self {
            workers: workers.into(),
            next: Arc::default(),
            permits: Arc::new(Semaphore::new(max_running)),
            common: Arc::new(Semaphore::new(max_running - max_running / KEPT_FOR_CHANGES)),
            max_running,
        }
    }

    /// Hands a job to a worker, or gives the reason why not: nothing was done then. `kept` says that the asker may have a
    /// place of those that are kept for changes.
    pub fn submit(&self, job: Job, kept: bool) -> Result<(), Refusal> {
        let name = job.row.name;
        match self.place(kept) {
            Some(place) => self.hand(job, place),
            None => Err(Refusal::sentence(&format!(
                "I am busy with {} commands. `{name}` was not run. Try again in a minute.",
                self.running()
            ))),
        }
    }

    fn place(&self, kept: bool) -> Option<Place> {
        let common = match kept {
            true => None,
            false => Some(Arc::clone(&self.common).try_acquire_owned().ok()?),
        };
        let permit = Arc::clone(&self.permits).try_acquire_owned().ok()?;
        Some(Place::new(permit, common))
    }

    /// The same for a job that comes out of the journal, which waits until there is room: of what a former life had in
    /// hand nothing can be refused as if it had just been asked.
    pub async fn submit_in_turn(&self, job: Job) -> Result<(), Refusal> {
        match Arc::clone(&self.permits).acquire_owned().await {
            Ok(permit) => self.hand(job, Place::new(permit, None)),
            Err(_) => Err(Self::restarting(job.row.name)),
        }
    }

    fn hand(&self, job: Job, place: Place) -> Result<(), Refusal> {
        let name = job.row.name;
        let turn = self.next.fetch_add(1, Ordering::Relaxed) % self.workers.len();
        // a worker in back-off keeps its mailbox; only a dead tree refuses, and then the process is ending
        self.workers[turn].tell(Run { job, place }).map_err(|_| Self::restarting(name))
    }

    fn restarting(name: &str) -> Refusal {
        Refusal::sentence(&format!("My workers are being restarted. `{name}` was not run. Try again in a minute."))
    }

    /// Takes every place, until dropped.
    #[cfg(test)]
    pub(crate) fn fill(&self) -> Vec<tokio::sync::OwnedSemaphorePermit> {
        std::iter::from_fn(|| Arc::clone(&self.permits).try_acquire_owned().ok()).collect()
    }

    /// How many jobs run or wait for a worker.
    pub fn running(&self) -> usize {
        self.max_running - self.permits.available_permits()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_only_reads_leaves_a_fourth_of_the_room_to_whoever_may_change_something() {
        for (most, common) in [(256, 192), (8, 6), (4, 3), (1, 1)] {
            let pool = WorkerPool::new(Vec::new(), most);
            let reads: Vec<_> = std::iter::from_fn(|| pool.place(false)).collect();
            assert_eq!((reads.len(), pool.running()), (common, common), "of {most}");
            let changes: Vec<_> = std::iter::from_fn(|| pool.place(true)).collect();
            assert_eq!(changes.len(), most - common);
            drop(reads);
            let all: Vec<_> = std::iter::from_fn(|| pool.place(true)).collect();
            assert_eq!(all.len(), common, "they may have all of it");
            assert!(pool.place(false).is_none());
            assert_eq!(pool.common.available_permits(), common, "who found no place holds none");
            drop((all, changes));
            assert_eq!(pool.running(), 0);
        }
    }
}
