//! Futures outside of actors. Nothing else in the project spawns, so no panic goes unseen and no result is lost.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use actix::ResponseFuture;
use futures_util::FutureExt;
use tokio::task::{AbortHandle, JoinError, JoinHandle};
use tracing::Instrument;

use super::{Panicked, panics};

/// Why a task has no result.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TaskError {
    /// It panicked.
    #[error(transparent)]
    Panicked(#[from] Panicked),
    /// It was aborted, or its runtime has ended.
    #[error("aborted before it ended")]
    Cancelled,
}

type OnPanic = Box<dyn FnOnce(&Panicked) + Send>;

/// How a detached future is run; [`spawn_detached`] and [`spawn_local_detached`] are the short forms.
pub struct Detached {
    name: &'static str,
    on_panic: Option<OnPanic>,
}

impl Detached {
    /// A future that logs and metrics call `name`.
    pub fn named(name: &'static str) -> Self {
        Detached { name, on_panic: None }
    }

    /// Calls `notice` if the future panics, on its thread.
    pub fn on_panic(mut self, notice: impl FnOnce(&Panicked) + Send + 'static) -> Self {
        self.on_panic = Some(Box::new(notice));
        self
    }

    /// Spawns on the runtime of this thread.
    #[expect(clippy::disallowed_methods, reason = "this is the place that supervises it")]
    pub fn spawn<F>(self, future: F) -> Task<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        Task::of(tokio::spawn(self.guarded(future)))
    }

    /// Spawns on this thread.
    #[expect(clippy::disallowed_methods, reason = "this is the place that supervises it")]
    pub fn spawn_local<F>(self, future: F) -> Task<F::Output>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        Task::of(tokio::task::spawn_local(self.guarded(future)))
    }

    /// Spawns on a given runtime.
    pub(super) fn spawn_on<F>(self, runtime: &tokio::runtime::Handle, future: F) -> Task<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        Task::of(runtime.spawn(self.guarded(future)))
    }

    /// Runs `work` where blocking is allowed.
    pub(super) fn block_on<T>(
        self,
        runtime: &tokio::runtime::Handle,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Task<T>
    where
        T: Send + 'static,
    {
        let span = tracing::Span::current();
        Task::of(runtime.spawn_blocking(move || {
            let _inside = span.enter();
            panics::catch(work).map_err(|panicked| self.notice(panicked))
        }))
    }

    async fn caught<F: Future>(self, future: F) -> Result<F::Output, Panicked> {
        let caught = std::panic::AssertUnwindSafe(future).catch_unwind().await;
        caught.map_err(|payload| self.notice(panics::read(payload)))
    }

    fn guarded<F: Future>(self, future: F) -> impl Future<Output = Result<F::Output, Panicked>> {
        // the span of the caller, so that the request id stays on every line
        self.caught(future).in_current_span()
    }

    fn notice(self, panicked: Panicked) -> Panicked {
        metrics::counter!("dronebot_task_panics_total", "task" => self.name).increment(1);
        tracing::error!(task = self.name, panic = panicked.text, location = panicked.location, "task panicked");
        if let Some(on_panic) = self.on_panic {
            // a notice that panics itself has been logged by the hook, and must not hide the first panic
            let _ = panics::catch(|| on_panic(&panicked));
        }
        panicked
    }
}

/// Spawns a future on the runtime of this thread; its panic is logged, counted and returned to the caller that awaits the task.
pub fn spawn_detached<F>(name: &'static str, future: F) -> Task<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    Detached::named(name).spawn(future)
}

/// As [`spawn_detached`], for a future that stays on this thread. Needs an actix system or a `LocalSet`.
pub fn spawn_local_detached<F>(name: &'static str, future: F) -> Task<F::Output>
where
    F: Future + 'static,
    F::Output: 'static,
{
    Detached::named(name).spawn_local(future)
}

/// Awaits a future whose panic is logged, counted and returned, without a task of its own: for work that is spawned
/// already and must end in an answer.
pub async fn caught<F: Future>(name: &'static str, future: F) -> Result<F::Output, Panicked> {
    Detached::named(name).caught(future).await
}

/// The answer of a handler that takes its time. actix runs it as a task of its own: it outlives a restart of the actor,
/// its panic hits only its caller, and the log lines keep the actor's span.
pub fn reply_later<T: 'static>(future: impl Future<Output = T> + 'static) -> ResponseFuture<T> {
    Box::pin(future.in_current_span())
}

/// A spawned future. Awaiting it gives the result; dropping it lets the future go on, unless
/// [`Task::abort_on_drop`] was asked for.
#[derive(Debug)]
#[must_use = "a task that nobody keeps goes on unseen; drop it on purpose with `.detach()`"]
pub struct Task<T> {
    handle: JoinHandle<Result<T, Panicked>>,
    abort_on_drop: bool,
}

impl<T> Task<T> {
    fn of(handle: JoinHandle<Result<T, Panicked>>) -> Self {
        Task { handle, abort_on_drop: false }
    }

    /// Ends the future at its next await.
    pub fn abort(&self) {
        self.handle.abort();
    }

    /// What can abort it from elsewhere.
    pub fn abort_handle(&self) -> AbortHandle {
        self.handle.abort_handle()
    }

    /// Whether it has ended.
    pub fn is_finished(&self) -> bool {
        self.handle.is_finished()
    }

    /// Makes the future end when the task is dropped.
    pub fn abort_on_drop(mut self) -> Self {
        self.abort_on_drop = true;
        self
    }

    /// Lets the future go on without anyone waiting for it.
    pub fn detach(mut self) {
        self.abort_on_drop = false;
    }
}

impl<T> Drop for Task<T> {
    fn drop(&mut self) {
        if self.abort_on_drop {
            self.handle.abort();
        }
    }
}

impl<T> Future for Task<T> {
    type Output = Result<T, TaskError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.handle).poll(cx).map(|ended| match ended {
            Ok(result) => result.map_err(TaskError::from),
            Err(error) => Err(from_join(error)),
        })
    }
}

fn from_join(error: JoinError) -> TaskError {
    match error.try_into_panic() {
        // the future's drop panicked, outside of the catch
        Ok(payload) => TaskError::Panicked(panics::read(payload)),
        Err(_) => TaskError::Cancelled,
    }
}
