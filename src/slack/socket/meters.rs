//! The counters of one slot, looked up once: a look-up per frame would cost more than the frame.

use metrics::{Counter, Gauge, Histogram};

pub(super) struct Meters {
    slot: String,
    pub(super) text_in: Counter,
    pub(super) binary_in: Counter,
    pub(super) fragment_in: Counter,
    pub(super) ping_in: Counter,
    pub(super) pong_in: Counter,
    pub(super) close_in: Counter,
    pub(super) ack_out: Counter,
    pub(super) ping_out: Counter,
    pub(super) pong_out: Counter,
    pub(super) close_out: Counter,
    pub(super) acked: Counter,
    pub(super) ack_seconds: Histogram,
    pub(super) up: Gauge,
}

fn frames(direction: &'static str, kind: &'static str) -> Counter {
    metrics::counter!("dronebot_slack_frames_total", "direction" => direction, "kind" => kind)
}

impl Meters {
    pub(super) fn new(slot: usize) -> Self {
        let slot = slot.to_string();
        Self {
            text_in: frames("in", "text"),
            binary_in: frames("in", "binary"),
            fragment_in: frames("in", "fragment"),
            ping_in: frames("in", "ping"),
            pong_in: frames("in", "pong"),
            close_in: frames("in", "close"),
            ack_out: frames("out", "ack"),
            ping_out: frames("out", "ping"),
            pong_out: frames("out", "pong"),
            close_out: frames("out", "close"),
            acked: metrics::counter!("dronebot_slack_acks_total", "result" => "written"),
            ack_seconds: metrics::histogram!("dronebot_slack_ack_seconds"),
            up: metrics::gauge!("dronebot_slack_links_up", "slot" => slot.clone()),
            slot,
        }
    }

    /// An envelope that was not acknowledged on purpose, or whose acknowledgement came to nothing.
    pub(super) fn unacked(&self, result: &'static str) {
        metrics::counter!("dronebot_slack_acks_total", "result" => result).increment(1);
    }

    pub(super) fn bad_frame(&self, kind: &'static str) {
        metrics::counter!("dronebot_slack_bad_frames_total", "kind" => kind).increment(1);
    }

    pub(super) fn reconnect(&self, reason: &'static str) {
        metrics::counter!("dronebot_slack_reconnects_total", "slot" => self.slot.clone(), "reason" => reason)
            .increment(1);
    }
}
