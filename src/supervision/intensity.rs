//! How many restarts are too many, in OTP's words the restart intensity.

use std::{collections::VecDeque, time::Duration};

use tokio::time::Instant;

/// At most `max_restarts` within any `window`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Intensity {
    /// So many restarts are borne; one more escalates.
    pub max_restarts: usize,
    /// The length of the sliding window.
    pub window: Duration,
}

impl Default for Intensity {
    fn default() -> Self {
        Intensity { max_restarts: 5, window: Duration::from_secs(60) }
    }
}

/// Counts restarts in a sliding window.
#[derive(Debug)]
pub struct IntensityMeter {
    intensity: Intensity,
    spent: VecDeque<Instant>,
}

impl IntensityMeter {
    /// Nothing spent yet.
    pub fn new(intensity: Intensity) -> Self {
        IntensityMeter { intensity, spent: VecDeque::new() }
    }

    /// Spends one restart at `now`; false if that is one too many. A restart exactly one window old no longer counts.
    pub fn spend(&mut self, now: Instant) -> bool {
        while self.spent.front().is_some_and(|then| now.saturating_duration_since(*then) >= self.intensity.window) {
            self.spent.pop_front();
        }
        if self.spent.len() >= self.intensity.max_restarts {
            return false;
        }
        self.spent.push_back(now);
        true
    }
}
