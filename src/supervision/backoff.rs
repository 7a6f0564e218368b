//! How long to wait before the next life.

use std::time::Duration;

/// The shape of a growing, capped and jittered wait.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BackoffSpec {
    /// The first wait.
    pub min: Duration,
    /// No wait is longer than this, jitter aside.
    pub max: Duration,
    /// What each wait is multiplied with to give the next; at least 1.
    pub factor: f64,
    /// Up to this share is added at random, so that many that fail together do not return together: 0.2 is +20 %.
    pub jitter: f64,
    /// A life at least this long begins the row anew.
    pub healthy_after: Duration,
}

impl Default for BackoffSpec {
    fn default() -> Self {
        BackoffSpec {
            min: Duration::from_millis(200),
            max: Duration::from_secs(30),
            factor: 2.0,
            jitter: 0.2,
            healthy_after: Duration::from_secs(60),
        }
    }
}

impl BackoffSpec {
    /// The longest wait that can come out, jitter included.
    pub fn ceiling(&self) -> Duration {
        stretched(self.max.max(self.min), self.jitter)
    }
}

/// Counts failures in a row and says how long to wait after each.
#[derive(Clone, Debug)]
pub struct Backoff {
    spec: BackoffSpec,
    in_a_row: u32,
}

impl Backoff {
    /// A row that has not begun.
    pub fn new(spec: BackoffSpec) -> Self {
        Backoff { spec, in_a_row: 0 }
    }

    /// The wait after a life that lasted `lived`. `luck` in 0..1 chooses the jitter; it is given so that a test
    /// can choose it.
    pub fn after(&mut self, lived: Duration, luck: f64) -> Duration {
        if lived >= self.spec.healthy_after {
            self.in_a_row = 0;
        }
        let wait = self.spec.min.as_secs_f64() * self.spec.factor.max(1.0).powi(self.in_a_row.min(1_000) as i32);
        self.in_a_row = self.in_a_row.saturating_add(1);
        // f64::min turns an overflow to infinity into the cap
        let capped = wait.min(self.spec.max.max(self.spec.min).as_secs_f64());
        stretched(Duration::from_secs_f64(capped), self.spec.jitter * luck.clamp(0.0, 1.0))
    }

    /// How many failures this row has.
    pub fn in_a_row(&self) -> u32 {
        self.in_a_row
    }
}

fn stretched(wait: Duration, share: f64) -> Duration {
    wait.mul_f64(1.0 + share.max(0.0))
}
