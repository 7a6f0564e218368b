//! How a child is, readable at any time from any thread.

use std::fmt;

use tokio::time::Instant;

/// Where a child stands in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Its life is about to begin, or waits for those it depends on.
    Starting,
    /// It handles messages.
    Up,
    /// Its last life failed; messages wait in its mailbox.
    BackOff {
        /// When the next life begins.
        until: Instant,
    },
    /// It was asked to stop.
    Stopping,
    /// It has stopped and will not return.
    Stopped,
    /// It failed and will not return.
    Dead,
}

impl Phase {
    /// Whether it handles messages.
    pub fn is_up(&self) -> bool {
        matches!(self, Phase::Up)
    }

    /// Whether it waits for its next life after a failure.
    pub fn is_back_off(&self) -> bool {
        matches!(self, Phase::BackOff { .. })
    }

    /// Whether no life will follow.
    pub fn is_final(&self) -> bool {
        matches!(self, Phase::Stopped | Phase::Dead)
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Phase::Starting => "starting",
            Phase::Up => "up",
            Phase::BackOff { .. } => "back-off",
            Phase::Stopping => "stopping",
            Phase::Stopped => "stopped",
            Phase::Dead => "dead",
        })
    }
}

/// What ended a life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureKind {
    /// It panicked.
    Panicked,
    /// It was killed: it hung, did not stop in time, or somebody asked for it.
    Killed,
    /// It stopped of its own will though it should go on.
    Stopped,
}

impl fmt::Display for FailureKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            FailureKind::Panicked => "panicked",
            FailureKind::Killed => "killed",
            FailureKind::Stopped => "stopped",
        })
    }
}

/// One failure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailureRecord {
    /// What ended the life.
    pub kind: FailureKind,
    /// The panic's message, or why it was killed.
    pub text: String,
    /// `file:line:column` of the panic, if the panic hook is installed.
    pub location: Option<String>,
    /// When.
    pub at: Instant,
}

impl fmt::Display for FailureRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind, self.text)?;
        match &self.location {
            Some(location) => write!(f, " at {location}"),
            None => Ok(()),
        }
    }
}

/// How a child is.
#[derive(Clone, Debug)]
pub struct ChildStatus {
    /// Its name.
    pub name: String,
    /// Where it stands.
    pub phase: Phase,
    /// Which life this is, from 1; 0 before the first.
    pub incarnation: u64,
    /// How many lives ended in a failure and were followed by another.
    pub restarts: u64,
    /// How often it panicked, also while it was being rebuilt or dropped.
    pub panics: u64,
    /// How often it was killed.
    pub kills: u64,
    /// How often it stopped of its own will.
    pub stops: u64,
    /// The last failure.
    pub last_failure: Option<FailureRecord>,
    /// Since when it is in this phase.
    pub since: Instant,
}

impl ChildStatus {
    pub(super) fn unborn(name: &str) -> Self {
        ChildStatus {
            name: name.to_owned(),
            phase: Phase::Starting,
            incarnation: 0,
            restarts: 0,
            panics: 0,
            kills: 0,
            stops: 0,
            last_failure: None,
            since: Instant::now(),
        }
    }

    pub(super) fn enter(&mut self, phase: Phase) {
        self.phase = phase;
        self.since = Instant::now();
    }
}
