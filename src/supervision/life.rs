//! The lives of one actor: how each begins, is polled and judged, and what follows its end. See [`guard`](super::guard).

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context as TaskContext, Poll},
    time::Duration,
};

use actix::{Actor, Context, Handler, Supervised, dev::channel::AddressSender};
use tokio::{
    sync::{mpsc, oneshot},
    time::{Instant, Sleep, sleep, sleep_until},
};

use super::{
    Backoff, Child, FailureKind, FailureRecord, Heartbeat, Panicked, Phase, Restart,
    body::Body,
    drill::Drilled,
    group::Group,
    heart::Heart,
    seed::Seed,
    slot::{Control, Slot},
};

enum Stage {
    Due,
    Living,
    BackOff(Pin<Box<Sleep>>),
    Held { not_before: Instant },
    Done,
}

/// A life that was asked to end.
struct Leaving {
    asked: bool,
    patience: Pin<Box<Sleep>>,
    /// The caller that waits for the hold; `None` if it is to stop for good.
    held_for: Option<oneshot::Sender<()>>,
}

/// What a turn of a life asks of the guard.
pub(super) enum Turn {
    /// Nothing to do until woken.
    Wait,
    /// Something changed: another turn.
    Again,
    /// There will be no more life.
    Done,
}

/// One actor through all its lives.
pub(super) struct Life<A: Actor<Context = Context<A>>> {
    index: usize,
    pub(super) slot: Arc<Slot>,
    group: Arc<Group>,
    orders: mpsc::UnboundedReceiver<Control>,
    /// Also what keeps the mailbox open when no other code has an address.
    sender: AddressSender<A>,
    body: Body<A>,
    stage: Stage,
    leaving: Option<Leaving>,
    heart: Option<Heart>,
    backoff: Backoff,
    born: Instant,
    /// This life has got through its first poll.
    up: bool,
    drilled: Drilled,
    pub(super) incarnation: u64,
    /// The rebuild after the last failure is still owed because it panicked.
    unbuilt: bool,
}

impl<A> Life<A>
where
    A: Actor<Context = Context<A>> + Supervised + Handler<Heartbeat>,
{
    pub(super) fn new(seed: Seed<A>) -> Self {
        Life {
            index: seed.index,
            backoff: Backoff::new(seed.slot.spec.backoff),
            slot: seed.slot,
            group: seed.group,
            orders: seed.orders,
            sender: seed.sender,
            body: Body::Unborn(Context::with_receiver(seed.mailbox), seed.factory),
            stage: Stage::Due,
            leaving: None,
            heart: None,
            born: Instant::now(),
            up: false,
            drilled: Drilled::default(),
            incarnation: 0,
            unbuilt: false,
        }
    }

    pub(super) fn turn(&mut self, cx: &mut TaskContext<'_>) -> Turn {
        while let Poll::Ready(Some(order)) = self.orders.poll_recv(cx) {
            self.obey(order);
        }
        match &mut self.stage {
            Stage::Due => self.begin(),
            Stage::BackOff(until) => match until.as_mut().poll(cx) {
                Poll::Ready(()) => self.begin(),
                Poll::Pending => Turn::Wait,
            },
            Stage::Held { .. } => Turn::Wait,
            Stage::Living => self.live(cx),
            Stage::Done => Turn::Done,
        }
    }

    fn obey(&mut self, order: Control) {
        match (order, &self.stage) {
            (_, Stage::Done) => {}
            (Control::Kill(why), Stage::Living) => self.killed(why),
            (Control::Kill(_), _) => {}
            (Control::Drill(drill), Stage::Living) => self.drilled.0 = Some(drill),
            (Control::Drill(_), _) => {}
            (Control::Resume, Stage::Held { not_before }) => {
                let until = *not_before;
                self.wait_until(until);
            }
            (Control::Resume, _) => {}
            (Control::Stop, Stage::Living) => self.leave(None),
            (Control::Stop, _) => self.finish(Phase::Stopped),
            (Control::Hold(done), Stage::Living) => self.leave(Some(done)),
            (Control::Hold(done), stage) => {
                let not_before = match stage {
                    Stage::BackOff(until) => until.deadline(),
                    Stage::Held { not_before } => *not_before,
                    _ => Instant::now(),
                };
                self.hold(not_before, done);
            }
        }
    }

    /// Begins a life: rebuilds what a panic left unbuilt, and makes the actor if it never was.
    fn begin(&mut self) -> Turn {
        self.incarnation += 1;
        let incarnation = self.incarnation;
        self.slot.status.send_modify(|status| {
            status.incarnation = incarnation;
            status.enter(Phase::Starting);
        });
        self.born = Instant::now();
        self.up = false;
        self.drilled = Drilled::default();
        self.stage = Stage::Living;
        let spec = &self.slot.spec;
        self.heart = spec.heartbeat.map(|heartbeat| Heart::new(heartbeat, self.slot.progress.clone()));
        if let Err(panicked) = self.build() {
            self.panicked(panicked);
        }
        Turn::Again
    }

    fn build(&mut self) -> Result<(), Panicked> {
        if self.unbuilt {
            self.rebuild()?;
        }
        self.body.make(&Child { slot: Arc::clone(&self.slot) })
    }

    fn rebuild(&mut self) -> Result<(), Panicked> {
        self.unbuilt = true;
        self.body.rebuild()?;
        self.unbuilt = false;
        Ok(())
    }

    fn live(&mut self, cx: &mut TaskContext<'_>) -> Turn {
        loop {
            match self.drilled.poll(|| self.body.poll(cx)) {
                Ok(Poll::Ready(())) => self.stopped(),
                Err(panicked) => self.panicked(panicked),
                Ok(Poll::Pending) => {
                    self.now_up();
                    if self.ask_to_stop() {
                        continue;
                    }
                    return self.judge(cx);
                }
            }
            return Turn::Again;
        }
    }

    fn now_up(&mut self) {
        if !std::mem::replace(&mut self.up, true) && self.leaving.is_none() {
            self.slot.status.send_modify(|status| status.enter(Phase::Up));
        }
    }

    /// An order to stop is passed on only after a poll, so that what was queued before it is still handled.
    fn ask_to_stop(&mut self) -> bool {
        match &mut self.leaving {
            Some(leaving) if !leaving.asked => {
                leaving.asked = true;
                self.body.ask_to_stop();
                true
            }
            _ => false,
        }
    }

    /// Looks for a hang, or for the end of the patience with a life that is leaving.
    fn judge(&mut self, cx: &mut TaskContext<'_>) -> Turn {
        if let Some(leaving) = &mut self.leaving {
            if leaving.patience.as_mut().poll(cx).is_pending() {
                return Turn::Wait;
            }
            self.killed(format!("did not stop within {:?}", self.slot.spec.shutdown));
            return Turn::Again;
        }
        let Some(heart) = &mut self.heart else { return Turn::Wait };
        if heart.poll(&self.sender, cx).is_pending() {
            return Turn::Wait;
        }
        let deadline = self.slot.spec.heartbeat.map_or(Duration::ZERO, |heartbeat| heartbeat.deadline);
        self.killed(format!("missed its heartbeat: no answer and no progress within {deadline:?}"));
        Turn::Again
    }

    fn leave(&mut self, held_for: Option<oneshot::Sender<()>>) {
        match &mut self.leaving {
            // it stops for good already; a caller that asks for a hold learns it from the dropped channel
            Some(Leaving { held_for: None, .. }) => {}
            // a hold that turns into a stop, or that somebody else waits for now
            Some(leaving) => leaving.held_for = held_for,
            None => {
                let patience = Box::pin(sleep(self.slot.spec.shutdown));
                self.leaving = Some(Leaving { asked: false, patience, held_for });
                self.slot.status.send_modify(|status| status.enter(Phase::Stopping));
            }
        }
    }

    fn panicked(&mut self, panicked: Panicked) {
        self.count("dronebot_actor_panics_total");
        self.slot.status.send_modify(|status| status.panics += 1);
        self.end(FailureKind::Panicked, panicked.text, panicked.location);
    }

    fn killed(&mut self, why: String) {
        self.count("dronebot_actor_kills_total");
        self.slot.status.send_modify(|status| status.kills += 1);
        self.end(FailureKind::Killed, why, None);
    }

    fn stopped(&mut self) {
        if self.leaving.is_none() {
            self.count("dronebot_actor_stops_total");
            self.slot.status.send_modify(|status| status.stops += 1);
        }
        self.end(FailureKind::Stopped, "stopped of its own will".to_owned(), None);
    }

    /// A life has ended: decides what follows.
    fn end(&mut self, kind: FailureKind, text: String, location: Option<String>) {
        self.heart = None;
        let failure = FailureRecord { kind, text, location, at: Instant::now() };
        let leaving = self.leaving.take();
        let expected =
            kind == FailureKind::Stopped && (leaving.is_some() || self.slot.spec.restart != Restart::Permanent);
        if !expected {
            self.slot.status.send_modify(|status| status.last_failure = Some(failure.clone()));
        }
        match (leaving, self.slot.spec.restart) {
            // a sibling's failure ends a temporary child for good; the dropped channel says when
            (Some(Leaving { held_for: Some(done), .. }), Restart::Permanent | Restart::Transient) => {
                self.renew();
                self.hold(Instant::now(), done);
            }
            (Some(leaving), _) => self.leave_behind(leaving, &failure),
            (None, Restart::Transient | Restart::Temporary) if kind == FailureKind::Stopped => {
                self.finish(Phase::Stopped)
            }
            (None, Restart::Temporary) => {
                tracing::error!(%failure, "actor failed and is not to be restarted");
                self.finish(Phase::Dead);
            }
            (None, Restart::Permanent | Restart::Transient) => self.restart_or_escalate(failure),
        }
    }

    fn leave_behind(&mut self, leaving: Leaving, failure: &FailureRecord) {
        if failure.kind != FailureKind::Stopped {
            tracing::error!(%failure, "actor failed while it was stopping");
        }
        self.finish(Phase::Stopped);
        drop(leaving);
    }

    fn restart_or_escalate(&mut self, failure: FailureRecord) {
        if !self.group.spend(Instant::now()) {
            tracing::error!(%failure, "actor failed and was restarted too often: giving up");
            self.finish(Phase::Dead);
            self.group.escalate(self.slot.name(), failure);
            return;
        }
        let wait = self.backoff.after(self.born.elapsed(), fastrand::f64());
        tracing::error!(%failure, retry_in_ms = wait.as_millis() as u64, "actor failed, restarting");
        self.count("dronebot_actor_restarts_total");
        self.slot.status.send_modify(|status| status.restarts += 1);
        self.renew();
        let until = Instant::now() + wait;
        self.wait_until(until);
        if self.group.failed(self.index) {
            // the coordinator resumes it when those that depend on it are held
            self.stage = Stage::Held { not_before: until };
        }
    }

    /// Rebuilds now, unless that failed before: then it is tried when the next life begins, and counts as its failure.
    fn renew(&mut self) {
        if self.unbuilt {
            return;
        }
        if let Err(panicked) = self.rebuild() {
            self.note(panicked);
        }
    }

    fn wait_until(&mut self, until: Instant) {
        if until <= Instant::now() {
            self.slot.status.send_modify(|status| status.enter(Phase::Starting));
            self.stage = Stage::Due;
        } else {
            self.slot.status.send_modify(|status| status.enter(Phase::BackOff { until }));
            self.stage = Stage::BackOff(Box::pin(sleep_until(until)));
        }
    }

    fn hold(&mut self, not_before: Instant, done: oneshot::Sender<()>) {
        self.stage = Stage::Held { not_before };
        self.slot.status.send_modify(|status| status.enter(Phase::Starting));
        // the caller may have changed its mind
        let _ = done.send(());
    }
}

impl<A: Actor<Context = Context<A>>> Life<A> {
    /// No life follows. The body goes first, so that a reader of the phase finds the mailbox closed.
    fn finish(&mut self, phase: Phase) {
        self.stage = Stage::Done;
        self.leaving = None;
        if let Err(panicked) = self.body.discard() {
            self.note(panicked);
        }
        self.slot.status.send_modify(|status| status.enter(phase));
    }

    /// A panic between two lives.
    fn note(&self, Panicked { text, location }: Panicked) {
        self.count("dronebot_actor_panics_total");
        self.slot.status.send_modify(|status| {
            status.panics += 1;
            status.last_failure =
                Some(FailureRecord { kind: FailureKind::Panicked, text, location, at: Instant::now() });
        });
    }

    fn count(&self, metric: &'static str) {
        metrics::counter!(metric, "actor" => self.slot.name().to_owned()).increment(1);
    }
}

impl<A: Actor<Context = Context<A>>> Drop for Life<A> {
    /// The thread's runtime ends under a living actor, or the guard itself panicked.
    fn drop(&mut self) {
        self.slot.pulse.rest();
        if matches!(self.stage, Stage::Done) {
            return;
        }
        let text = "its thread ended under it".to_owned();
        let failure = FailureRecord { kind: FailureKind::Killed, text, location: None, at: Instant::now() };
        self.slot.status.send_modify(|status| status.last_failure = Some(failure.clone()));
        self.finish(Phase::Dead);
        self.group.escalate(self.slot.name(), failure);
    }
}
