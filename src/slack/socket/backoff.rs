//! Pauses between dials: doubling, capped, with jitter.

use std::time::Duration;

/// A row of growing pauses.
#[derive(Debug)]
pub(super) struct Backoff {
    min: Duration,
    max: Duration,
    failures: u32,
}

impl Backoff {
    pub(super) fn new(min: Duration, max: Duration) -> Self {
        Self { min, max: max.max(min), failures: 0 }
    }

    /// The next pause: between half and the whole of the current step, so that many bots do not dial as one.
    pub(super) fn next(&mut self) -> Duration {
        let step = self.min.saturating_mul(1_u32.checked_shl(self.failures.min(20)).unwrap_or(u32::MAX)).min(self.max);
        self.failures = self.failures.saturating_add(1);
        step.mul_f64(0.5 + fastrand::f64() / 2.0)
    }

    /// The link was stable: the next pause is the shortest again.
    pub(super) fn reset(&mut self) {
        self.failures = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_the_cap_and_start_again_after_a_reset() {
        let mut backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(60));
        for step in [1, 2, 4, 8, 16, 32, 60, 60, 60] {
            let pause = backoff.next().as_secs_f64();
            assert!((f64::from(step) / 2.0..=f64::from(step)).contains(&pause), "{pause} in step {step}");
        }
        (0..100).for_each(|_| assert!(backoff.next() <= Duration::from_secs(60)));
        backoff.reset();
        assert!(backoff.next() <= Duration::from_secs(1));
    }
}
