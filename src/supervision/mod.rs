//! Actors that cannot stay dead: a small library over actix that knows nothing of the bot.
//!
//! actix's own supervisor does not survive a panic and knows neither back-off nor limit. Here every actor runs in a
//! Guard (`guard.rs`), a future around actix's public `ContextFut` that catches what the actor does to itself and builds
//! it anew in place: the mailbox, every address and every queued message outlive the life that failed.
//!
//! ```text
//!   Tree ──starts, stops, counts restarts──► Guard ──polls──► actix ContextFut ──► your actor
//!    │                                         ▲ │
//!    └─► Handle: call, tell, status ───────────┘ └─► busy mark ◄── Watchdog (its own OS thread)
//! ```
//!
//! - [`ChildSpec`] says how one actor is kept: restart type, back-off, shutdown time, heartbeat, thread, admission.
//! - [`Tree`] starts children in order, stops them in reverse, and escalates when they are restarted too often.
//! - [`Handle`] is how others speak with an actor: with a deadline, and with an honest error.
//! - [`Drills`] break an actor on purpose, on a game day.
//! - [`Watchdog`] names a thread that is stuck inside one poll; nothing else can be done about one in the process.
//! - [`spawn_detached`], [`spawn_local_detached`] and [`WorkerRuntime`] are the only ways to spawn a future.
//!
//! What an actor has to know:
//!
//! - Its resources are taken in `started`, never in its constructor, and its value is replaced by a fresh one for
//!   each life ([`supervised!`](crate::supervised)). State that must survive belongs into a store.
//! - Handlers are synchronous or return a detached `ResponseFuture` ([`reply_later`]). A `ResponseActFuture` dies with
//!   its neighbours' panic, and `ctx.wait` without a time limit stops the mailbox.
//! - Never `ctx.cancel_future`: actix 0.13.5 carries pending cancellations over a restart, where they hit the next
//!   life's futures. Timers carry an epoch, or live in a task that aborts when dropped.
//! - An actor with work to finish returns `Running::Continue` from `stopping` and calls `ctx.stop()` itself when it is
//!   done; it has its shutdown time for that.
//! - An outage of something outside is no failure of the actor: retry inside one life, do not stop or panic.

mod backoff;
mod body;
mod breath;
mod detached;
mod drill;
mod group;
mod guard;
mod handle;
mod heart;
mod intensity;
mod life;
mod panics;
mod reader;
mod rest_for_one;
mod runtime;
mod seed;
mod slot;
mod spec;
mod status;
#[cfg(test)]
mod tests;
mod tree;
mod unwinding;
mod watchdog;

pub use crate::supervised;
pub use backoff::{Backoff, BackoffSpec};
pub use detached::{Detached, Task, TaskError, caught, reply_later, spawn_detached, spawn_local_detached};
pub use drill::Drills;
pub use group::{Escalation, NoSuchChild};
pub use handle::{CallError, Handle, TellError};
pub use heart::Heartbeat;
pub use intensity::{Intensity, IntensityMeter};
pub use panics::{Panicked, install_panic_hook};
pub use reader::StatusReader;
pub use runtime::WorkerRuntime;
pub use slot::{Child, Progress};
pub use spec::{ChildSpec, HeartbeatSpec, Placement, Restart, Strategy, TreeSpec};
pub use status::{ChildStatus, FailureKind, FailureRecord, Phase};
pub use tree::{StopOutcome, Tree};
pub use watchdog::{OnStuck, Pulses, Stuck, Verdict, VerdictReader, Watchdog, WatchdogSpec, exit_when_stuck};

/// Exit code of a process whose tree escalated: restarting actors did not help. `EX_SOFTWARE` of sysexits.h.
pub const EXIT_ESCALATED: u8 = 70;

/// Exit code of a process that the watchdog ended because a thread was stuck inside one poll.
pub const EXIT_STUCK: u8 = 73;
