//! What Slack says over a link, and what the slot does about it.

use super::super::Disposition;
use super::super::frame::{self, Frame, Reason};
use super::super::link::{End, Stage};
use super::{AckTicket, Fate, HOMELESS_FOR, InFlight, Slot};
use crate::slack::payload::Envelope;
use bytes::Bytes;
use std::time::Duration;
use tokio::time::Instant;

impl Slot {
    pub(super) fn text(&mut self, id: u64, bytes: &Bytes) {
        match frame::parse(bytes, self.number) {
            Frame::Envelope(envelope) => self.accept(id, envelope),
            Frame::Hello { num_connections } => self.hello(id, num_connections),
            Frame::Disconnect(reason) => self.disconnect(id, reason),
            Frame::Unknown { envelope_id, kind } => {
                self.unknown += 1;
                if self.unknown.is_power_of_two() {
                    let kind: String = kind.chars().take(40).collect();
                    tracing::warn!(slot = self.number, kind, unknown = self.unknown, "unknown envelope acknowledged");
                }
                self.meters.bad_frame("unknown_type");
                let ticket = AckTicket { link: id, envelope_id, accepts_payload: false, received: Instant::now() };
                self.answer(Some(ticket), Disposition::Ack);
            }
            Frame::Bad(kind) => self.bad(kind),
        }
    }

    pub(super) fn bad(&self, kind: &'static str) {
        self.meters.bad_frame(kind);
        tracing::debug!(slot = self.number, kind, "bad frame ignored");
    }

    pub(super) fn accept(&mut self, id: u64, envelope: Envelope) {
        self.observer.delivered(self.number);
        if self.in_flight.len() >= self.config.max_in_flight {
            self.meters.unacked("shed");
            self.shed += 1;
            if self.shed.is_power_of_two() {
                tracing::warn!(
                    slot = self.number,
                    shed = self.shed,
                    "too many envelopes in work; left to be sent again"
                );
            }
            return;
        }
        let ticket = AckTicket {
            link: id,
            envelope_id: envelope.envelope_id.clone(),
            accepts_payload: envelope.accepts_response_payload,
            received: Instant::now(),
        };
        self.in_flight.push(InFlight { work: self.sink.envelope(envelope), ticket: Some(ticket) });
    }

    pub(super) fn hello(&mut self, id: u64, num_connections: Option<u32>) {
        let now = Instant::now();
        let Some(link) = self.links.iter_mut().find(|link| link.id == id) else { return };
        if !matches!(link.stage, Stage::AwaitingHello { .. }) {
            return;
        }
        link.stage = Stage::Up { since: now };
        tracing::info!(slot = self.number, num_connections, "slack connection is up");
        if let Some(count) = num_connections {
            self.counted(count);
        }
        self.retire_overdue(now);
        let homeless = std::mem::take(&mut self.homeless);
        for ack in homeless {
            if now.duration_since(ack.received) < HOMELESS_FOR {
                self.write(id, ack);
            } else {
                self.meters.unacked("expired");
            }
        }
    }

    /// Slack counts those of other processes too, and those that it does not yet know to be gone. It deals envelopes out
    /// to all of them.
    fn counted(&mut self, count: u32) {
        let own = self.observer.sockets(self.number, self.sockets());
        let others = count.saturating_sub(u32::try_from(own).unwrap_or(u32::MAX));
        self.strange = others.saturating_sub(self.observer.elsewhere());
        self.observer.connections(self.number, count, others);
        if self.strange > 0 {
            tracing::error!(
                slot = self.number,
                count,
                own,
                "slack counts connections that are not ours: another process uses this app's token, or slack has not \
                 noticed that old ones are gone; what goes there is lost to us"
            );
        }
    }

    pub(super) fn disconnect(&mut self, id: u64, reason: Reason) {
        let Some(link) = self.links.iter_mut().find(|link| link.id == id) else { return };
        let stage = link.stage;
        tracing::info!(slot = self.number, reason = reason.as_str(), "slack asks to disconnect");
        let text = format!("slack asked to disconnect: {}", reason.as_str());
        match (stage, reason) {
            (Stage::Closing { .. }, _) => {}
            (_, Reason::LinkDisabled) => self.disabled(),
            (Stage::Retiring { .. }, Reason::TooMany) => link.close(self.config.close_grace, &self.meters),
            (_, Reason::TooMany) => {
                link.close(self.config.close_grace, &self.meters);
                self.failed(reason.as_str(), "slack has ten connections of this app already; look for other processes");
                let pause = self.crowded.next();
                tracing::error!(
                    slot = self.number,
                    pause_seconds = pause.as_secs_f64(),
                    "slack has ten connections of this app already: look for other processes with its token"
                );
                self.redial_in(pause);
            }
            (Stage::AwaitingHello { .. }, _) => self.lost(id, &End::new(reason.as_str(), text), Fate::Close),
            (Stage::Retiring { .. }, _) => {}
            (Stage::Up { since }, _) => {
                let until = Instant::now() + self.config.overlap;
                link.stage = Stage::Retiring { until };
                self.meters.reconnect(reason.as_str());
                let at_once = self.was_stable(since) && reason != Reason::Other;
                let pause = if at_once { Duration::ZERO } else { self.backoff.next() };
                self.redial_in(pause);
            }
        }
    }

    /// Socket Mode is switched off: only a person can switch it on again, so there is no hurry.
    pub(super) fn disabled(&mut self) {
        let text = "Socket Mode is switched off in the app's settings; switch it on under Settings > Socket Mode";
        self.failed("link_disabled", text);
        tracing::error!(slot = self.number, recheck = ?self.config.disabled_recheck, "{text}");
        self.dial = None;
        self.links.iter_mut().for_each(|link| link.close(self.config.close_grace, &self.meters));
        self.redial_at = None;
        self.redial_in(self.config.disabled_recheck);
    }
}
