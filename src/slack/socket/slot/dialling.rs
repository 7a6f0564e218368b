//! Who dials when: one dial at a time, with growing pauses, and the end of links.

use super::super::dial::{DialError, Socket, advice};
use super::super::link::{End, Link, Patience, Stage};
use super::Slot;
use std::rc::Rc;
use std::time::Duration;
use tokio::time::Instant;

/// A link and its successor: Slack counts every socket towards the ten that an app may have.
const SOCKETS: usize = 2;

/// The longest pause while Slack cannot be reached at all: a dial that does not arrive costs Slack nothing, and the bot is to
/// be back within seconds of the network.
const OUT_OF_REACH: Duration = Duration::from_secs(5);

/// What becomes of a link that has come to its end.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// It is gone.
    Drop,
    /// It is said goodbye to, and dropped a little later.
    Close,
}

impl Slot {
    pub(super) fn start_dial(&mut self) {
        self.redial_at = None;
        let dialler = Rc::clone(&self.dialler);
        self.dial = Some(Box::pin(async move { dialler.dial().await }));
    }

    /// One dial at a time: nothing happens while one is on its way or waits for its hello.
    pub(super) fn redial_in(&mut self, pause: Duration) {
        let waiting = |link: &Link| matches!(link.stage, Stage::AwaitingHello { .. });
        if self.stopping || self.dial.is_some() || self.redial_at.is_some() || self.links.iter().any(waiting) {
            return;
        }
        if pause.is_zero() && self.has_room() {
            return self.start_dial();
        }
        self.redial_at = Some(Instant::now() + pause);
        self.make_room();
    }

    /// Whether one more socket may be opened.
    pub(super) fn has_room(&self) -> bool {
        self.links.len() < SOCKETS
    }

    /// The sockets there are, and the one on its way.
    pub(super) fn sockets(&self) -> usize {
        self.links.len() + usize::from(self.dial.is_some())
    }

    /// A link that is still read although its successor is being replaced too has had its time.
    fn make_room(&mut self) {
        if self.has_room() {
            return;
        }
        let retiring = |link: &&mut Link| matches!(link.stage, Stage::Retiring { .. });
        let superseded = self.links.iter_mut().rev().filter(retiring).skip(1);
        superseded.for_each(|link| link.close(self.config.close_grace, &self.meters));
    }

    pub(super) fn dialled(&mut self, result: Result<Socket, DialError>) {
        match result {
            Ok(socket) => {
                let config = &self.config;
                let patience =
                    Patience { ping: config.ping_interval, idle: config.idle_timeout, write: config.write_timeout };
                self.links.push(Link::new(self.next_id, socket, patience, config.hello_timeout));
                self.next_id += 1;
            }
            Err(DialError::Fatal { code }) => {
                let reason = advice(&code);
                tracing::error!(slot = self.number, "{reason}");
                self.observer.failed(self.number, &reason);
                self.fatal = Some(reason);
            }
            Err(DialError::Retry { after, reason, text, reached }) => {
                let most = if reached { Duration::MAX } else { OUT_OF_REACH.mul_f64(0.5 + fastrand::f64() / 2.0) };
                let pause = self.backoff.next().min(most).max(after.unwrap_or_default());
                self.failed(reason, &text);
                tracing::warn!(
                    slot = self.number,
                    reason,
                    text,
                    pause_seconds = pause.as_secs_f64(),
                    "slack connection failed"
                );
                self.redial_in(pause);
            }
        }
    }

    pub(super) fn failed(&self, reason: &'static str, text: &str) {
        self.meters.reconnect(reason);
        self.observer.failed(self.number, text);
    }

    /// Whether a link that said hello then has lasted; if so the next pauses are short again.
    pub(super) fn was_stable(&mut self, since: Instant) -> bool {
        let stable = since.elapsed() >= self.config.stable_after;
        if stable && self.strange == 0 {
            self.backoff.reset();
            self.crowded.reset();
        }
        stable
    }

    /// A link has come to its end, or is given up.
    pub(super) fn lost(&mut self, id: u64, end: &End, fate: Fate) {
        let Some(index) = self.links.iter().position(|link| link.id == id) else { return };
        let stage = self.links[index].stage;
        match fate {
            Fate::Drop => drop(self.links.remove(index)),
            Fate::Close => self.links[index].close(self.config.close_grace, &self.meters),
        }
        let stable = match stage {
            Stage::Closing { .. } => return,
            // its successor is on its way already
            Stage::Retiring { .. } => return,
            Stage::AwaitingHello { .. } => false,
            Stage::Up { since } => self.was_stable(since),
        };
        self.failed(end.reason, &end.text);
        // a moment even after a long life: when Slack drops everybody, not everybody comes back at once. Where Slack counts
        // connections that no process holds, each that breaks may become one more of them
        let pause = if stable && self.strange == 0 {
            self.config.backoff_min.mul_f64(fastrand::f64() / 4.0)
        } else {
            self.backoff.next()
        };
        tracing::warn!(
            slot = self.number,
            reason = end.reason,
            text = end.text,
            pause_seconds = pause.as_secs_f64(),
            "slack connection lost"
        );
        self.redial_in(pause);
    }
}
