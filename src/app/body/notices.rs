//! What is done when AWS says that the body will not last. An interruption is certain and two minutes away: the bot
//! drains, hands over what is left and ends. A rebalance recommendation is said to people; a bot that is set so leaves
//! then, as long as somebody stays.

use super::{BodyParts, Leave};
use crate::domain::{Notice, ReplicaVitals, VitalsSource};
use crate::store::HouseEvent;
use jiff::Timestamp;
use std::time::Duration;
use tokio::time::Instant;

/// What of the time until the body is gone is kept for the end itself: actors, goodbye, store, process.
const RESERVE: Duration = Duration::from_secs(15);

/// How long the audit log may take: its write must not cost the time that is left.
const WRITING: Duration = Duration::from_secs(2);

/// There is always this much for draining.
const LEAST: Duration = Duration::from_secs(1);

impl BodyParts {
    /// Looks for notices, when it is time to.
    pub(super) async fn watch(&self) {
        let every = self.settings.notice_poll;
        if every.is_zero() || self.body().instance.is_none() {
            return;
        }
        {
            let mut memory = self.memory.lock();
            if memory.looked.is_some_and(|at| at.elapsed() < every) {
                return;
            }
            memory.looked = Some(Instant::now());
        }
        let notices = self.metadata.notices(self.clock.now()).await;
        self.heard(notices.as_ref().err());
        for notice in notices.unwrap_or_default() {
            self.meet(notice).await;
        }
        self.consider();
    }

    /// Logs it when EC2 stops to answer, and when it does again.
    fn heard(&self, error: Option<&String>) {
        let was = std::mem::replace(&mut self.memory.lock().deaf, error.is_some());
        match error {
            Some(error) if !was => tracing::warn!(error, "ec2 does not say whether it takes this instance back"),
            None if was => tracing::info!("ec2 says again whether it takes this instance back"),
            _ => {}
        }
    }

    async fn meet(&self, notice: Notice) {
        {
            let mut memory = self.memory.lock();
            if memory.met.iter().any(|(known, _)| known.as_str() == notice.as_str()) {
                return;
            }
            memory.met.push((notice.clone(), Instant::now()));
        }
        let said = notice.says_of(&self.body().name());
        tracing::warn!(notice = notice.as_str(), "{said}");
        metrics::counter!("dronebot_body_notices_total", "kind" => notice.as_str()).increment(1);
        self.board.notice(notice.clone());
        let record = self.store.audit.record(HouseEvent::Interrupted { notice: said.clone() });
        match tokio::time::timeout(WRITING, record).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::error!(%error, "notice does not stand in the audit log"),
            Err(_) => tracing::error!("notice was not written to the audit log in time"),
        }
        if let Notice::Interruption { at, .. } = notice {
            let others = self.board.vitals().replicas.iter().any(goes_on);
            self.leave(said, budget(at, self.clock.now(), self.drain, others));
        }
    }

    /// A recommendation is followed where that is wanted and somebody stays who has heard no such thing. It is waited for
    /// a lease, so that of two who heard it at once neither takes the other for one that stays.
    fn consider(&self) {
        let Some(lease) = self.store.replicas.lease().filter(|_| self.settings.leave_on_rebalance) else { return };
        let recommended = {
            let memory = self.memory.lock();
            let is_due = |(notice, met): &&(Notice, Instant)| {
                matches!(notice, Notice::Rebalance { .. }) && met.elapsed() >= lease
            };
            memory.met.iter().find(is_due).map(|(notice, _)| notice.clone())
        };
        let Some(notice) = recommended else { return };
        let stays = |replica: &ReplicaVitals| goes_on(replica) && !replica.is_noticed;
        if self.board.vitals().replicas.iter().any(stays) {
            self.leave(notice.says_of(&self.body().name()), self.drain);
        }
    }

    fn leave(&self, why: String, within: Duration) {
        if !std::mem::replace(&mut self.memory.lock().leaving, true) {
            // no task hears it where the bot ends already
            let _ = self.leaving.send(Leave { why, within });
        }
    }
}

/// Whether a replica will take up what this one leaves.
fn goes_on(replica: &ReplicaVitals) -> bool {
    !replica.is_me && replica.is_alive && replica.is_ready
}

/// How long may be drained: as always where others go on at once, else as long as the body lasts.
fn budget(at: Timestamp, now: Timestamp, drain: Duration, others: bool) -> Duration {
    let left = Duration::try_from(at.duration_since(now)).unwrap_or_default().saturating_sub(RESERVE).max(LEAST);
    if others { drain.min(left) } else { left }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_remains_is_used_where_nobody_else_goes_on_and_never_more_than_remains() {
        let now: Timestamp = "2026-11-24T12:00:00Z".parse().unwrap();
        let (drain, second) = (Duration::from_secs(20), Duration::from_secs(1));
        let at = |seconds: i64| now + jiff::SignedDuration::from_secs(seconds);
        assert_eq!(budget(at(120), now, drain, true), drain);
        assert_eq!(budget(at(120), now, drain, false), Duration::from_secs(105));
        assert_eq!(budget(at(25), now, drain, true), Duration::from_secs(10));
        assert_eq!(budget(at(5), now, drain, false), second);
        assert_eq!(budget(at(-30), now, drain, true), second, "its time is over already");
    }
}
