//! How the bot is, for whoever asks over HTTP: probes, metrics, version.
//!
//! Rooms write to the [`Board`]; nothing here asks them anything that could block. Three questions are kept apart.
//! *Liveness* (`/livez`): does the actor system turn? Only a restart would help, so an outage of Slack or AWS never
//! makes it fail. *Readiness* (`/readyz`): would a command be heard, kept and answered now? *Startup* (`/startupz`):
//! has everything been started? Each answers 200 or 503 with its causes as JSON.

mod board;
mod check;
mod http;
mod judgement;
mod numbers;
#[cfg(test)]
mod tests;

pub use board::{Board, BoardSpec};
pub use check::{healthcheck, healthcheck_url};
pub use http::{Serving, serve};
pub use judgement::{Cause, Judgement};
pub use numbers::Metrics;

/// Why the health side cannot begin, as one line.
#[derive(Debug, thiserror::Error)]
pub enum HealthError {
    /// The port is taken.
    #[error("{listen} is taken by another process; stop that, or set health.listen to another address and port")]
    Busy {
        /// What was to be listened on.
        listen: std::net::SocketAddr,
    },
    /// The address cannot be listened on.
    #[error("health.listen {listen} cannot be listened on: {reason}")]
    Listen {
        /// What was to be listened on.
        listen: std::net::SocketAddr,
        /// Why not.
        reason: String,
    },
    /// Something else in the process counts already.
    #[error("the metrics were set up twice")]
    Twice,
}
