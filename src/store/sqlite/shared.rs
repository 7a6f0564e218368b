//! What the callers and the writer share: the queue of operations, and how the store is.

use super::book::Book;
use super::trouble::Trouble;
use crate::domain::{Drill, StoreVitals, UserId};
use crate::store::shares::Shares;
use crate::store::{Pulse, StoreError};
use async_trait::async_trait;
use parking_lot::{Condvar, Mutex};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::{Semaphore, TryAcquireError, oneshot, watch};
use tokio::time::Instant;

/// One operation on its way through the writer.
pub(super) trait Operation: Send {
    /// Does it within the open transaction and keeps its result. It may be done again after a rollback.
    fn run(&mut self, book: &mut Book) -> Result<(), rusqlite::Error>;
    /// Hands its result to the caller: what it wrote is durable.
    fn answer(self: Box<Self>);
    /// Tells the caller that nothing of it was written.
    fn refuse(self: Box<Self>, error: StoreError);
    /// Since when its caller has waited.
    fn since(&self) -> Instant;
}

/// An operation made of a closure.
pub(super) struct Call<T, F> {
    run: F,
    result: Option<Result<T, StoreError>>,
    since: Instant,
    caller: oneshot::Sender<Result<T, StoreError>>,
}

impl<T, F> Call<T, F> {
    /// The operation, and where its result will arrive.
    pub(super) fn new(run: F) -> (Self, oneshot::Receiver<Result<T, StoreError>>) {
        let (caller, result) = oneshot::channel();
        (Self { run, result: None, since: Instant::now(), caller }, result)
    }
}

impl<T, F> Operation for Call<T, F>
where
    T: Send,
    F: FnMut(&mut Book) -> Result<T, Trouble> + Send,
{
    fn run(&mut self, book: &mut Book) -> Result<(), rusqlite::Error> {
        self.result = Some(match (self.run)(book) {
            Ok(value) => Ok(value),
            Err(Trouble::Refused(error)) => Err(error),
            Err(Trouble::Broken(error)) => return Err(error),
        });
        Ok(())
    }

    fn answer(self: Box<Self>) {
        let result = self.result.unwrap_or_else(|| Err(StoreError::Failed("the operation was not run".to_owned())));
        // a caller that no longer waits has nobody to tell
        let _ = self.caller.send(result);
    }

    fn refuse(self: Box<Self>, error: StoreError) {
        let _ = self.caller.send(Err(error));
    }

    fn since(&self) -> Instant {
        self.since
    }
}

/// What the writer finds in the queue.
pub(super) enum Taken {
    /// Operations, in their order.
    Batch(Vec<Box<dyn Operation>>),
    /// Nothing for as long as it waited.
    Idle,
    /// Nothing, and nothing will come.
    Closed,
}

/// A batch that follows one of so many operations is gathered for a while: each sync costs the same however many share it,
/// and at such a rate there will be others. Who comes alone never waits for company.
const CROWD: usize = 6;

/// How long a batch is gathered at most, and how large it becomes before its time.
const GATHER: Duration = Duration::from_micros(600);
const GATHERED: usize = 96;

/// After a silence of this length the crowd is gone.
const PAUSE: Duration = Duration::from_millis(2);

/// How long operations for which no caller is kept waiting stay alone, before they get a sync of their own. The next
/// request, which comes in this time when there is any load at all, then neither waits for that sync nor pays for another.
const LINGER: Duration = Duration::from_millis(1);

/// How long a caller waits before the store counts as one that does not answer: Slack waits so long for an ack.
const PATIENCE: Duration = Duration::from_secs(3);

#[derive(Default)]
struct Queue {
    waiting: Vec<Box<dyn Operation>>,
    /// Whether somebody is kept waiting by what waits.
    urgent: bool,
    /// Whether the writer sleeps and must be woken.
    asleep: bool,
    /// It is woken when so many operations wait.
    wake_at: usize,
    /// How many operations the batch before had.
    last: usize,
    closed: bool,
    /// Whether the writer has closed the file and gone.
    gone: bool,
}

/// The queue of operations, and how the store is.
pub(in crate::store) struct Shared {
    queue: Mutex<Queue>,
    filled: Condvar,
    ended: Condvar,
    space: Semaphore,
    ok: AtomicBool,
    open: AtomicUsize,
    shares: Arc<Shares>,
    last_error: Mutex<Option<String>>,
    /// Since when the oldest of what the writer does just now has waited.
    in_hand: Mutex<Option<Instant>>,
    /// Whether the writer has gone without being told to.
    lost: watch::Sender<bool>,
}

/// What a caller does when the queue is full.
#[derive(Clone, Copy)]
pub(super) enum WhenFull {
    /// It is told so.
    Refuse,
    /// It waits for its turn.
    Wait,
    /// It waits for its turn, and no caller waits for it: its operation may stay for a moment until there are others.
    WaitForCompany,
}

impl Shared {
    pub(super) fn new(limit: usize, shares: Arc<Shares>) -> Self {
        Self {
            queue: Mutex::new(Queue::default()),
            filled: Condvar::new(),
            ended: Condvar::new(),
            space: Semaphore::new(limit.clamp(1, Semaphore::MAX_PERMITS)),
            ok: AtomicBool::new(true),
            open: AtomicUsize::new(0),
            shares,
            last_error: Mutex::new(None),
            in_hand: Mutex::new(None),
            lost: watch::Sender::new(false),
        }
    }

    /// Gives an operation to the writer.
    pub(super) async fn submit(&self, operation: Box<dyn Operation>, full: WhenFull) -> Result<(), StoreError> {
        let permit = match (self.space.try_acquire(), full) {
            (Ok(permit), _) => permit,
            (Err(TryAcquireError::Closed), _) => return Err(closed()),
            (Err(_), WhenFull::Refuse) => return Err(StoreError::Unavailable("its writer is too far behind".into())),
            (Err(_), WhenFull::Wait | WhenFull::WaitForCompany) => self.space.acquire().await.map_err(|_| closed())?,
        };
        permit.forget();
        self.push(operation, full)
    }

    /// Gives an operation to the writer for which no caller waits, if there is room.
    pub(super) fn submit_now(&self, operation: Box<dyn Operation>) -> Result<(), StoreError> {
        self.space.try_acquire().map_err(|_| closed())?.forget();
        self.push(operation, WhenFull::Refuse)
    }

    fn push(&self, operation: Box<dyn Operation>, full: WhenFull) -> Result<(), StoreError> {
        let mut queue = self.queue.lock();
        if queue.closed {
            return Err(closed());
        }
        let first = queue.waiting.is_empty();
        queue.waiting.push(operation);
        let hurries = !matches!(full, WhenFull::WaitForCompany);
        queue.urgent |= hurries;
        if queue.asleep && (first || hurries) && queue.waiting.len() >= queue.wake_at {
            queue.asleep = false;
            self.filled.notify_one();
        }
        Ok(())
    }

    /// Everything that waits; if nothing does, what comes within this time.
    pub(super) fn take(&self, patience: Duration) -> Taken {
        let mut queue = self.queue.lock();
        if queue.waiting.is_empty() && !queue.closed {
            let began = Instant::now();
            queue.asleep = true;
            self.filled.wait_for(&mut queue, patience);
            queue.asleep = false;
            if began.elapsed() > PAUSE {
                queue.last = 0;
            }
        }
        if !queue.waiting.is_empty() && !queue.urgent && !queue.closed {
            queue.asleep = true;
            self.filled.wait_while_for(&mut queue, |queue| !queue.urgent && !queue.closed, LINGER);
            queue.asleep = false;
        }
        if queue.last >= CROWD && !queue.closed {
            (queue.asleep, queue.wake_at) = (true, GATHERED);
            self.filled.wait_while_for(&mut queue, |queue| queue.waiting.len() < GATHERED && !queue.closed, GATHER);
            (queue.asleep, queue.wake_at) = (false, 0);
        }
        queue.urgent = false;
        let batch = std::mem::take(&mut queue.waiting);
        queue.last = batch.len();
        if !batch.is_empty() {
            self.space.add_permits(batch.len());
            return Taken::Batch(batch);
        }
        if queue.closed { Taken::Closed } else { Taken::Idle }
    }

    /// No operation is taken any more; those that wait will be done.
    pub(super) fn close(&self) {
        self.queue.lock().closed = true;
        self.space.close();
        self.filled.notify_one();
    }

    /// The writer is gone, and with it what still waited.
    pub(super) fn gone(&self) {
        self.space.close();
        let left = {
            let mut queue = self.queue.lock();
            self.lost.send_replace(!queue.closed);
            queue.closed = true;
            queue.gone = true;
            self.ended.notify_all();
            std::mem::take(&mut queue.waiting)
        };
        for operation in left {
            operation.refuse(closed());
        }
    }

    /// Whether the writer was gone within this time.
    pub(super) fn wait_until_gone(&self, patience: Duration) -> bool {
        let mut queue = self.queue.lock();
        self.ended.wait_while_for(&mut queue, |queue| !queue.gone, patience);
        queue.gone
    }

    /// What the writer does from now on, by the oldest who waits for it; `None` when it rests.
    pub(super) fn has_in_hand(&self, since: Option<Instant>) {
        *self.in_hand.lock() = since;
    }

    /// Whether the last write succeeded.
    pub(super) fn is_ok(&self) -> bool {
        self.ok.load(Ordering::Relaxed)
    }

    /// So much is open now.
    pub(super) fn opened(&self, open: usize) {
        self.open.store(open, Ordering::Relaxed);
    }

    /// A write succeeded.
    pub(super) fn succeeded(&self) {
        self.ok.store(true, Ordering::Relaxed);
    }

    /// A write failed.
    pub(super) fn failed(&self, error: &StoreError) {
        *self.last_error.lock() = Some(error.to_string());
        self.ok.store(false, Ordering::Relaxed);
        metrics::counter!("dronebot_store_errors_total").increment(1);
    }
}

#[async_trait]
impl Pulse for Shared {
    fn vitals(&self) -> StoreVitals {
        let in_hand = *self.in_hand.lock();
        let (closed, queued, waiting) = {
            let queue = self.queue.lock();
            (queue.closed, queue.waiting.len(), queue.waiting.first().map(|operation| operation.since()))
        };
        let oldest = in_hand.into_iter().chain(waiting).min();
        let overdue = oldest.map(|since| since.elapsed()).filter(|waited| *waited > PATIENCE);
        StoreVitals {
            kind: "sqlite".to_owned(),
            ok: self.is_ok() && !closed && overdue.is_none(),
            last_error: self.last_error.lock().clone(),
            open: self.open(),
            overdue,
            queued,
        }
    }

    fn queued(&self) -> usize {
        self.queue.lock().waiting.len()
    }

    fn open(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }

    fn open_of(&self, user: &UserId) -> usize {
        self.shares.of(user)
    }

    fn drill(&self, drill: Drill) -> bool {
        self.breaks(drill)
    }

    async fn lost(&self) {
        // it lasts as long as this store
        let _ = self.lost.subscribe().wait_for(|lost| *lost).await;
    }
}

pub(super) fn closed() -> StoreError {
    StoreError::Unavailable("it is closed".to_owned())
}
