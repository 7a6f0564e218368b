//! The two clients of a service in a place: one that may repeat a call, and one that makes it once.

use super::gate::CallGate;
use aws_smithy_types::{retry::RetryConfig, timeout::TimeoutConfig};

/// The clients of one service in one region of an account: finished adapters.
#[derive(Clone, Debug)]
pub struct Clients<C> {
    /// For calls that may be repeated.
    pub read: C,
    /// For calls that change something: one attempt, no retry of its own.
    pub change: C,
}

impl<C> Clients<C> {
    /// Both, as `build` makes a client that retries so and takes so long.
    pub(super) fn built(gate: &CallGate, build: impl Fn(RetryConfig, TimeoutConfig) -> C) -> Self {
        Self {
            read: build(gate.retries(), gate.timeouts(gate.config.read_attempts)),
            change: build(RetryConfig::disabled(), gate.timeouts(1)),
        }
    }
}
