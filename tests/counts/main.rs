//! What a command costs, in counts that do not depend on the machine: transactions, pages and bytes of the store's log,
//! allocations, lines of the log, calls to Slack, calls to DynamoDB. A count that rises above its bound fails; a benchmark
//! would show the same as noise. `cargo test --test counts` prints the counts.
//!
//! It also judges the driver of the benchmarks and the judge of the soak, by made-up figures.
#![allow(clippy::disallowed_methods, reason = "the tests are outside of the bot")]
#![allow(clippy::unwrap_used, reason = "a test that cannot run must say so at once")]

mod body;
mod bounds;
mod commands;
mod driver;
mod soak;
mod table;
mod wal;

#[allow(dead_code, reason = "the soak prints more than it judges")]
#[path = "../../benches/soak/judge.rs"]
mod judge;
#[allow(dead_code, reason = "shared with the tests of tests/bot")]
#[path = "../bot/support/shim.rs"]
mod shim;
#[allow(dead_code, unused_imports, reason = "shared with the benchmarks")]
#[path = "../../benches/support/mod.rs"]
mod support;

use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};
use std::alloc::System;

/// Counts for the whole process: that of [`body`], where the bot runs.
#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// For [`shim`].
fn target() -> std::path::PathBuf {
    support::target()
}
