//! The port for time of day. Only this file asks the system; timers inside actors use tokio's clock, which tests
//! can turn by hand.

use std::sync::Arc;

/// Tells the time of day.
pub trait Clock: Send + Sync {
    /// Now.
    fn now(&self) -> jiff::Timestamp;
}

/// The machine's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the clock that everyone else asks")]
    fn now(&self) -> jiff::Timestamp {
        jiff::Timestamp::now()
    }
}

/// The machine's clock behind the port.
pub fn system() -> Arc<dyn Clock> {
    Arc::new(SystemClock)
}
