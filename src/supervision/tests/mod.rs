//! Tests of supervision, on virtual time wherever one thread suffices.

mod actors;
mod detached;
mod drills;
mod handles;
mod hangs;
mod lives;
mod losses;
mod pure;
mod trees;
mod watchdog;
