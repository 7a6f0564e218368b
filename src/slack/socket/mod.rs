//! Socket Mode: one slot keeps one usable connection to Slack, for ever.
//!
//! A slot runs inside one actor's life as one future: nothing is spawned, so dropping it leaves nothing behind. What
//! arrives goes to an [`EnvelopeSink`], many at once; acknowledgements are written as they become ready, on the
//! connection the envelope came by or, if that has gone, on its successor.

mod backoff;
mod board;
mod dial;
mod frame;
mod link;
mod meters;
pub mod probe;
mod slot;

pub use board::LinkBoard;
pub use slot::run_slot;

use super::payload::Envelope;
use futures_util::future::LocalBoxFuture;
use serde_json::value::RawValue;
use std::time::Duration;
use tokio::time::Instant;

/// An acknowledgement of this size goes out bare. Slack silently ignores one of 20,480 bytes or more, and says so nowhere
/// that a change of that number would be noticed.
pub const ACK_LIMIT: usize = 16 * 1024;

/// What is to be said to Slack about an envelope.
#[derive(Debug)]
pub enum Disposition {
    /// It was received: Slack forgets it.
    Ack,
    /// It was received, and this is the answer. Sent as a bare acknowledgement when Slack would not take an answer here
    /// or it is [`ACK_LIMIT`] bytes or longer.
    AckWith(Box<RawValue>),
    /// It was not accepted: Slack delivers an event again, and tells the user of a command that it failed.
    Leave,
}

/// The taker of what Slack delivers. Called on the slot's thread; the future may take its time without holding up
/// other envelopes, but Slack waits three seconds.
pub trait EnvelopeSink {
    /// Takes an envelope and decides what is said about it.
    fn envelope(&self, envelope: Envelope) -> LocalBoxFuture<'static, Disposition>;
}

impl<T: EnvelopeSink + ?Sized> EnvelopeSink for std::sync::Arc<T> {
    fn envelope(&self, envelope: Envelope) -> LocalBoxFuture<'static, Disposition> {
        (**self).envelope(envelope)
    }
}

/// What a slot is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkPhase {
    /// Opening a connection while there is none.
    Dialling,
    /// A connection is usable.
    Up,
    /// A connection is usable for a little longer, and its successor is on its way.
    Replacing,
    /// Waiting before the next dial.
    BackingOff,
    /// At its end.
    Stopped,
}

impl LinkPhase {
    /// The word in the status.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Dialling => "dialling",
            Self::Up => "up",
            Self::Replacing => "replacing",
            Self::BackingOff => "backing off",
            Self::Stopped => "stopped",
        }
    }

    /// Whether envelopes can arrive.
    pub fn is_up(self) -> bool {
        matches!(self, Self::Up | Self::Replacing)
    }
}

/// An observer of how the connections are. Called from the slots' threads, so it must be quick. [`LinkBoard`]
/// is one that keeps what the status shows.
pub trait LinkObserver: Send + Sync {
    /// The slot does something else now.
    fn phase(&self, slot: usize, phase: LinkPhase);
    /// Frames have arrived, just now.
    fn heard(&self, slot: usize);
    /// An envelope has arrived, just now.
    fn delivered(&self, slot: usize);
    /// The slot holds so many sockets now. Returns how many all slots of this process hold.
    fn sockets(&self, slot: usize, open: usize) -> usize;
    /// How many connections Slack counts for this app, and how many of these are none of this process.
    fn connections(&self, slot: usize, count: u32, others: u32);
    /// How many connections of this app other replicas hold, as far as is known: those are no strangers.
    fn elsewhere(&self) -> u32 {
        0
    }
    /// An acknowledgement was written so long after its envelope arrived.
    fn acked(&self, slot: usize, latency: Duration);
    /// A dial or a connection failed. The text holds no secret.
    fn failed(&self, slot: usize, error: &str);
    /// When a link of this process was up last, whichever; `None` when none ever was.
    fn last_up(&self) -> Option<Instant> {
        None
    }
}

/// How a slot ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SlotEnd {
    /// It was asked to.
    Stopped,
    /// Slack will never accept the token.
    Fatal {
        /// What is wrong and what to do, in one line.
        reason: String,
    },
}

#[cfg(test)]
mod tests;
