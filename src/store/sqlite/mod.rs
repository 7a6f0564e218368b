//! The store in one SQLite file, for a bot of one replica.
//!
//! One thread, the writer, owns the connection. It takes every operation that waits, runs them in one transaction,
//! syncs once, and then answers them all: a group commit. Since all reads pass through it too, no caller sees what is
//! not durable.

mod approvals;
mod audit;
mod book;
mod drill;
mod file;
mod held;
mod keys;
mod left;
mod letters;
mod notes;
mod past;
mod port;
mod requests;
mod rows;
mod shared;
mod trouble;
mod upkeep;
mod work;
mod writer;

#[cfg(test)]
mod speed;
#[cfg(test)]
mod tests;

pub(super) use audit::Reader;
pub(super) use file::inspect;
pub(super) use port::Sqlite;
pub(super) use upkeep::Upkeep;
