//! How bots ended, and whether something accounts for it.

use crate::support::Exit;
use std::collections::HashMap;
use tokio::time::Instant;

/// One bot in so many faults, and one more, may find itself stuck that nobody had told to be: the machine may have been busy.
const STUCK: usize = 150;

/// What is known of ends that are to come, by process, and of those that came.
#[derive(Default)]
pub struct Ends {
    /// Bots that will end by themselves: why, and since when they serve nobody.
    expected: HashMap<u32, (&'static str, Instant)>,
    /// How often an actor of a bot was told to panic or to hang: too often, and the bot gives up.
    drilled: HashMap<u32, u32>,
    found_stuck: usize,
    misses: Vec<String>,
}

impl Ends {
    /// This bot will end by itself.
    pub fn expect(&mut self, pid: u32, kind: &'static str, since: Instant) {
        self.expected.insert(pid, (kind, since));
    }

    /// An actor of this bot was told to panic or to hang.
    pub fn drilled(&mut self, pid: u32) {
        *self.drilled.entry(pid).or_default() += 1;
    }

    /// Why a bot has ended, and since when it serves nobody.
    pub fn account(&mut self, pid: u32, exit: Exit) -> (&'static str, Instant) {
        let expected = self.expected.remove(&pid);
        let drills = self.drilled.remove(&pid).unwrap_or_default();
        match (exit, expected) {
            (Exit::Code(73), Some(expected)) => expected,
            (Exit::Code(73), None) => {
                self.found_stuck += 1;
                ("found stuck (73)", Instant::now())
            }
            (Exit::Code(70), _) if drills > 0 => ("gave up on restarts (70)", Instant::now()),
            (Exit::Code(78), Some(expected)) if expected.0 == "store locked" => expected,
            (other, _) => {
                self.misses.push(format!("a bot ended with {other:?}; its log is the one of the run"));
                ("ended otherwise", Instant::now())
            }
        }
    }

    /// What is wrong with how they ended, after so many faults.
    pub fn misses(&self, faults: usize) -> Vec<String> {
        let mut misses = self.misses.clone();
        if self.found_stuck > 1 + faults / STUCK {
            misses.push(format!("{} bots were found stuck that nobody had told to be", self.found_stuck));
        }
        misses
    }
}
