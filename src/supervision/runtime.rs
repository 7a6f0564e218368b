//! The threads for work that must not hold up an actor, such as every AWS call.

use std::{future::Future, io, sync::Arc};

use tokio::runtime::{Builder, Handle, Runtime};

use super::{Task, detached::Detached};

/// A shared multi-thread runtime; cheap to clone. When the last clone is dropped it ends in the background, and what
/// still ran there is cancelled at its next await.
#[derive(Clone, Debug)]
pub struct WorkerRuntime {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    handle: Handle,
    runtime: Option<Runtime>,
}

impl WorkerRuntime {
    /// Starts `threads` (at least one) threads called `name`.
    ///
    /// # Errors
    /// The operating system gives no thread.
    pub fn new(name: &str, threads: usize) -> io::Result<Self> {
        let runtime =
            Builder::new_multi_thread().worker_threads(threads.max(1)).thread_name(name).enable_all().build()?;
        Ok(WorkerRuntime { inner: Arc::new(Inner { handle: runtime.handle().clone(), runtime: Some(runtime) }) })
    }

    /// Runs a future there. Its panic is logged, counted and returned to the caller that awaits the task.
    pub fn spawn<F>(&self, name: &'static str, future: F) -> Task<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        Detached::named(name).spawn_on(&self.inner.handle, future)
    }

    /// Runs work that blocks, on a thread kept for that. It cannot be aborted once it has begun.
    pub fn spawn_blocking<T>(&self, name: &'static str, work: impl FnOnce() -> T + Send + 'static) -> Task<T>
    where
        T: Send + 'static,
    {
        Detached::named(name).block_on(&self.inner.handle, work)
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        // the plain drop of a runtime blocks, which tokio forbids on an async thread
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
