//! The writer: one thread, one connection, one sync for all that waits.

use super::book::Book;
use super::shared::{Operation, Shared, Taken};
use super::trouble::failure;
use super::upkeep::{Caretaker, fold};
use crate::store::StoreError;
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use tokio::time::Instant;

/// Starts the thread. It ends when the queue is closed, after all that was in it.
pub(super) fn start(book: Book, shared: Arc<Shared>, caretaker: Caretaker) -> Result<(), StoreError> {
    std::thread::Builder::new()
        .name("store-writer".to_owned())
        .spawn(move || {
            // dropped last, also by a panic: then the file is closed
            let _farewell = Farewell(Arc::clone(&shared));
            Writer { book, shared, caretaker }.work();
        })
        .map(|_| ())
        .map_err(|error| StoreError::Open(format!("the store's writer thread cannot be started: {error}")))
}

struct Farewell(Arc<Shared>);

impl Drop for Farewell {
    fn drop(&mut self) {
        self.0.gone();
    }
}

struct Writer {
    book: Book,
    shared: Arc<Shared>,
    caretaker: Caretaker,
}

type Batch = Vec<Box<dyn Operation>>;

impl Writer {
    fn work(mut self) {
        loop {
            match self.shared.take(self.caretaker.pause(&self.book, self.shared.is_ok())) {
                Taken::Batch(batch) => {
                    self.shared.has_in_hand(batch.first().map(|operation| operation.since()));
                    self.batch(batch);
                    self.shared.has_in_hand(None);
                    self.care(|writer| writer.caretaker.after_batch(&mut writer.book, &writer.shared));
                }
                Taken::Idle => self.care(|writer| writer.caretaker.idle(&mut writer.book, &writer.shared)),
                Taken::Closed => break,
            }
        }
        if let Err(error) = fold(&self.book, "TRUNCATE") {
            tracing::warn!(%error, "log was not folded into the store; the next start does it");
        }
    }

    /// Does a batch in one transaction. An operation that panics is taken out and the others are done again.
    fn batch(&mut self, mut batch: Batch) {
        while !batch.is_empty() {
            let began = Instant::now();
            match self.transact(&mut batch) {
                Ok(wrote) => {
                    if wrote {
                        count(batch.len(), began);
                    }
                    self.shared.succeeded();
                    // before anybody hears of it: the caller that asks next is counted upon what has just come in
                    self.shared.opened(self.book.work.open());
                    batch.into_iter().for_each(Operation::answer);
                    return;
                }
                Err(Broken::Sqlite(error)) => {
                    self.book.roll_back();
                    let error = failure(&error);
                    tracing::error!(%error, operations = batch.len(), "transaction failed");
                    self.shared.failed(&error);
                    batch.into_iter().for_each(|operation| operation.refuse(error.clone()));
                    return;
                }
                Err(Broken::Panic(index, panic)) => {
                    self.book.roll_back();
                    let error = StoreError::Failed(format!("the operation panicked: {}", message(&*panic)));
                    tracing::error!(%error, "operation panicked in the store's writer");
                    self.shared.failed(&error);
                    batch.remove(index).refuse(error);
                }
            }
        }
    }

    /// Runs every operation and commits; returns whether anything was written.
    fn transact(&mut self, batch: &mut Batch) -> Result<bool, Broken> {
        self.book.begin()?;
        let before = self.book.connection.total_changes();
        for (index, operation) in batch.iter_mut().enumerate() {
            catch_unwind(AssertUnwindSafe(|| operation.run(&mut self.book)))
                .map_err(|panic| Broken::Panic(index, panic))??;
        }
        let wrote = self.book.connection.total_changes() != before;
        self.book.commit()?;
        Ok(wrote)
    }

    /// Looks after the file. What fails here is no caller's operation: it is logged and tried again later.
    fn care(&mut self, task: impl FnOnce(&mut Self) -> rusqlite::Result<()>) {
        let error = match catch_unwind(AssertUnwindSafe(|| task(self))) {
            Ok(Ok(())) => return,
            Ok(Err(error)) => failure(&error),
            Err(panic) => StoreError::Failed(format!("the store's upkeep panicked: {}", message(&*panic))),
        };
        tracing::error!(%error, "upkeep of the store failed");
        self.book.roll_back();
        self.shared.failed(&error);
        self.caretaker.rest();
    }
}

enum Broken {
    Sqlite(rusqlite::Error),
    Panic(usize, Box<dyn Any + Send>),
}

impl From<rusqlite::Error> for Broken {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

fn count(operations: usize, began: Instant) {
    metrics::counter!("dronebot_store_commits_total").increment(1);
    metrics::histogram!("dronebot_store_batch_size").record(operations as f64);
    metrics::histogram!("dronebot_store_commit_seconds").record(began.elapsed().as_secs_f64());
}

fn message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("without a message")
}
