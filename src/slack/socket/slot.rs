//! The slot: who dials when, which link is for what, and how acknowledgements find their way.

use super::backoff::Backoff;
use super::dial::{DialError, Dialler, Socket, advice};
use super::frame::{self, Frame, Reason};
use super::link::{End, Link, LinkEvent, Patience, Stage};
use super::meters::Meters;
use super::{ACK_LIMIT, Disposition, EnvelopeSink, LinkObserver, LinkPhase, SlotEnd};
use crate::slack::config::SlackConfig;
use crate::slack::payload::Envelope;
use crate::slack::proxy::Proxy;
use bytes::Bytes;
use futures_util::future::LocalBoxFuture;
use futures_util::stream::{FuturesUnordered, StreamExt};
use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, Sleep};

/// After so many unflushed acknowledgements the network gets them even when more work is ready.
const FLUSH_EVERY: usize = 128;
/// How long an acknowledgement waits for a connection: beyond this Slack has long given up on it.
const HOMELESS_FOR: Duration = Duration::from_secs(10);
/// How many acknowledgements wait for a connection.
const HOMELESS_LIMIT: usize = 4_096;

/// Keeps one usable connection until it is told to stop (`true`, or the sender is gone) or the token is refused for
/// good. Runs on the current thread; everything else that can go wrong is retried for ever.
pub async fn run_slot(
    config: Arc<SlackConfig>,
    proxy: Arc<Proxy>,
    slot: usize,
    sink: Rc<dyn EnvelopeSink>,
    observer: Arc<dyn LinkObserver>,
    stop: watch::Receiver<bool>,
) -> SlotEnd {
    // large, and moved often by those who run it
    Box::pin(Slot::new(config, proxy, slot, sink, observer).run(stop)).await
}

struct Slot {
    config: Arc<SlackConfig>,
    number: usize,
    sink: Rc<dyn EnvelopeSink>,
    observer: Arc<dyn LinkObserver>,
    meters: Meters,
    dialler: Rc<Dialler>,
    links: Vec<Link>,
    next_id: u64,
    dial: Option<LocalBoxFuture<'static, Result<Socket, DialError>>>,
    redial_at: Option<Instant>,
    backoff: Backoff,
    crowded: Backoff,
    in_flight: FuturesUnordered<InFlight>,
    homeless: VecDeque<Ack>,
    timer: Pin<Box<Sleep>>,
    phase: Option<LinkPhase>,
    stopping: bool,
    fatal: Option<String>,
    shed: u64,
}

/// An acknowledgement on its way.
struct Ack {
    text: String,
    received: Instant,
}

/// An envelope in the sink's hands.
struct InFlight {
    work: LocalBoxFuture<'static, Disposition>,
    ticket: Option<AckTicket>,
}

/// What is needed to acknowledge an envelope.
struct AckTicket {
    link: u64,
    envelope_id: String,
    accepts_payload: bool,
    received: Instant,
}

impl Future for InFlight {
    type Output = (Option<AckTicket>, Disposition);

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.work.as_mut().poll(cx).map(|disposition| (self.ticket.take(), disposition))
    }
}

enum Event {
    Decided(Option<AckTicket>, Disposition),
    Link(u64, LinkEvent),
    Dialled(Result<Socket, DialError>),
    Tick,
    Stop,
}

impl Slot {
    fn new(
        config: Arc<SlackConfig>,
        proxy: Arc<Proxy>,
        number: usize,
        sink: Rc<dyn EnvelopeSink>,
        observer: Arc<dyn LinkObserver>,
    ) -> Self {
        Self {
            dialler: Rc::new(Dialler::new(Arc::clone(&config), proxy)),
            backoff: Backoff::new(config.backoff_min, config.backoff_max),
            crowded: Backoff::new(config.too_many_backoff, config.too_many_backoff.saturating_mul(10)),
            config,
            number,
            sink,
            observer,
            meters: Meters::new(number),
            links: Vec::new(),
            next_id: 0,
            dial: None,
            redial_at: None,
            in_flight: FuturesUnordered::new(),
            homeless: VecDeque::new(),
            timer: Box::pin(tokio::time::sleep(Duration::from_secs(3600))),
            phase: None,
            stopping: false,
            fatal: None,
            shed: 0,
        }
    }

    async fn run(mut self, mut stop: watch::Receiver<bool>) -> SlotEnd {
        let now = stop.clone();
        // a sender that is gone can say nothing any more, which means the same
        let mut told = Box::pin(async move { drop(stop.wait_for(|stop| *stop).await) });
        self.start_dial();
        while self.fatal.is_none() {
            self.show_phase();
            let event = std::future::poll_fn(|cx| {
                if *now.borrow() {
                    return Poll::Ready(Event::Stop);
                }
                match self.poll_event(cx) {
                    Poll::Ready(event) => Poll::Ready(event),
                    Poll::Pending => told.as_mut().poll(cx).map(|()| Event::Stop),
                }
            });
            match event.await {
                Event::Stop => break,
                event => self.handle(event),
            }
        }
        self.wind_up().await;
        match self.fatal.take() {
            Some(reason) => SlotEnd::Fatal { reason },
            None => SlotEnd::Stopped,
        }
    }

    /// Says what is still to be said, within bounds, and closes.
    async fn wind_up(&mut self) {
        self.stopping = true;
        self.dial = None;
        self.redial_at = None;
        let mut patience = Box::pin(tokio::time::sleep(self.config.stop_grace));
        while !self.in_flight.is_empty() {
            let next = std::future::poll_fn(|cx| match self.in_flight.poll_next_unpin(cx) {
                Poll::Ready(next) => Poll::Ready(next),
                Poll::Pending => {
                    self.flush(cx);
                    patience.as_mut().poll(cx).map(|()| None)
                }
            });
            match next.await {
                Some((ticket, disposition)) => self.answer(ticket, disposition),
                None => break,
            }
        }
        if !self.in_flight.is_empty() {
            tracing::warn!(slot = self.number, envelopes = self.in_flight.len(), "stopped before these were decided");
            self.in_flight.clear();
        }
        self.links.iter_mut().for_each(|link| link.close(self.config.close_grace, &self.meters));
        while !self.links.is_empty() {
            let event = std::future::poll_fn(|cx| self.poll_event(cx)).await;
            self.handle(event);
        }
        self.set_phase(LinkPhase::Stopped);
    }

    fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<Event> {
        if self.links.iter().any(|link| link.unsent_acks() >= FLUSH_EVERY)
            && let Some((id, end)) = self.flush(cx)
        {
            return Poll::Ready(Event::Link(id, LinkEvent::Ended(end)));
        }
        if let Poll::Ready(Some((ticket, disposition))) = self.in_flight.poll_next_unpin(cx) {
            return Poll::Ready(Event::Decided(ticket, disposition));
        }
        for link in &mut self.links {
            let polled = link.poll_event(cx, &self.meters);
            if link.was_heard() {
                self.observer.heard(self.number);
            }
            if let Poll::Ready(event) = polled {
                return Poll::Ready(Event::Link(link.id, event));
            }
        }
        if let Some(dial) = &mut self.dial
            && let Poll::Ready(result) = dial.as_mut().poll(cx)
        {
            self.dial = None;
            return Poll::Ready(Event::Dialled(result));
        }
        // nothing more to do: what was written in this round goes out as one piece
        if let Some((id, end)) = self.flush(cx) {
            return Poll::Ready(Event::Link(id, LinkEvent::Ended(end)));
        }
        self.poll_timer(cx)
    }

    /// The timer is only moved when it would ring too late; ringing too early costs one look.
    fn poll_timer(&mut self, cx: &mut Context<'_>) -> Poll<Event> {
        let deadline = self.links.iter().map(Link::deadline).chain(self.redial_at).min();
        let Some(deadline) = deadline else { return Poll::Pending };
        if self.timer.is_elapsed() || deadline < self.timer.deadline() {
            self.timer.as_mut().reset(deadline);
        }
        self.timer.as_mut().poll(cx).map(|()| Event::Tick)
    }

    fn flush(&mut self, cx: &mut Context<'_>) -> Option<(u64, End)> {
        let (meters, observer, slot) = (&self.meters, &self.observer, self.number);
        let acked = |latency: Duration| {
            meters.acked.increment(1);
            meters.ack_out.increment(1);
            meters.ack_seconds.record(latency.as_secs_f64());
            observer.acked(slot, latency);
        };
        self.links.iter_mut().find_map(|link| link.poll_flush(cx, acked).map(|end| (link.id, end)))
    }

    fn handle(&mut self, event: Event) {
        match event {
            Event::Decided(ticket, disposition) => self.answer(ticket, disposition),
            Event::Link(id, LinkEvent::Text(bytes)) => self.text(id, &bytes),
            Event::Link(_, LinkEvent::Bad(kind)) => self.bad(kind),
            Event::Link(id, LinkEvent::Closed(code)) => {
                let code = code.map_or_else(|| "without a code".to_owned(), |code| format!("with code {code}"));
                self.lost(id, &End::new("closed", format!("slack closed the connection {code}")), Fate::Close);
            }
            Event::Link(id, LinkEvent::Ended(end)) => self.lost(id, &end, Fate::Drop),
            Event::Dialled(result) => self.dialled(result),
            Event::Tick => self.tick(),
            Event::Stop => {}
        }
    }

    // ---- what Slack says

    fn text(&mut self, id: u64, bytes: &Bytes) {
        match frame::parse(bytes, self.number) {
            Frame::Envelope(envelope) => self.accept(id, envelope),
            Frame::Hello { num_connections } => self.hello(id, num_connections),
            Frame::Disconnect(reason) => self.disconnect(id, reason),
            Frame::Unknown { envelope_id, kind } => {
                tracing::warn!(
                    slot = self.number,
                    kind = kind.get(..40).unwrap_or(&kind),
                    "unknown envelope acknowledged"
                );
                self.meters.bad_frame("unknown_type");
                let ticket = AckTicket { link: id, envelope_id, accepts_payload: false, received: Instant::now() };
                self.answer(Some(ticket), Disposition::Ack);
            }
            Frame::Bad(kind) => self.bad(kind),
        }
    }

    fn bad(&self, kind: &'static str) {
        self.meters.bad_frame(kind);
        tracing::debug!(slot = self.number, kind, "bad frame ignored");
    }

    fn accept(&mut self, id: u64, envelope: Envelope) {
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

    fn hello(&mut self, id: u64, num_connections: Option<u32>) {
        let now = Instant::now();
        let Some(link) = self.links.iter_mut().find(|link| link.id == id) else { return };
        if !matches!(link.stage, Stage::AwaitingHello { .. }) {
            return;
        }
        link.stage = Stage::Up { since: now };
        tracing::info!(slot = self.number, num_connections, "slack connection is up");
        if let Some(count) = num_connections {
            self.observer.connections(self.number, count);
            let expected = self.config.connections + self.links.len() - 1;
            if usize::try_from(count).is_ok_and(|count| count > expected) {
                tracing::warn!(
                    slot = self.number,
                    count,
                    expected,
                    "slack counts more connections than expected: another process uses this app's token, or slack has \
                     not noticed that old ones are gone; commands may go there"
                );
            }
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

    fn disconnect(&mut self, id: u64, reason: Reason) {
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
    fn disabled(&mut self) {
        let text = "Socket Mode is switched off in the app's settings; switch it on under Settings > Socket Mode";
        self.failed("link_disabled", text);
        tracing::warn!(slot = self.number, recheck = ?self.config.disabled_recheck, "{text}");
        self.dial = None;
        self.links.iter_mut().for_each(|link| link.close(self.config.close_grace, &self.meters));
        self.redial_at = None;
        self.redial_in(self.config.disabled_recheck);
    }

    // ---- acknowledgements

    fn answer(&mut self, ticket: Option<AckTicket>, disposition: Disposition) {
        let Some(ticket) = ticket else { return };
        let Ok(id) = serde_json::to_string(&ticket.envelope_id) else { return };
        let bare = || format!("{{\"envelope_id\":{id}}}");
        let text = match disposition {
            Disposition::Leave => return self.meters.unacked("left"),
            Disposition::Ack => bare(),
            Disposition::AckWith(_) if !ticket.accepts_payload => bare(),
            Disposition::AckWith(payload) => {
                let full = format!("{{\"envelope_id\":{id},\"payload\":{payload}}}");
                if full.len() < ACK_LIMIT {
                    full
                } else {
                    tracing::warn!(slot = self.number, bytes = full.len(), "answer too long for an acknowledgement");
                    self.meters.unacked("payload_dropped");
                    bare()
                }
            }
        };
        self.write(ticket.link, Ack { text, received: ticket.received });
    }

    /// Writes on the connection the envelope came by, else on any that is usable, else keeps it for the next one.
    fn write(&mut self, id: u64, ack: Ack) {
        let own = self.links.iter().position(|link| link.id == id && link.is_open());
        let usable = |link: &Link| link.is_open() && matches!(link.stage, Stage::Up { .. } | Stage::Retiring { .. });
        let link = own.or_else(|| self.links.iter().rposition(usable));
        match link.and_then(|index| self.links.get_mut(index)) {
            Some(link) => link.write_ack(ack.text, ack.received),
            None if self.homeless.len() < HOMELESS_LIMIT => self.homeless.push_back(ack),
            None => self.meters.unacked("expired"),
        }
    }

    // ---- dialling

    fn start_dial(&mut self) {
        self.redial_at = None;
        let dialler = Rc::clone(&self.dialler);
        self.dial = Some(Box::pin(async move { dialler.dial().await }));
    }

    /// One dial at a time: nothing happens while one is on its way or waits for its hello.
    fn redial_in(&mut self, pause: Duration) {
        let waiting = |link: &Link| matches!(link.stage, Stage::AwaitingHello { .. });
        if self.stopping || self.dial.is_some() || self.redial_at.is_some() || self.links.iter().any(waiting) {
            return;
        }
        if pause.is_zero() {
            self.start_dial();
        } else {
            self.redial_at = Some(Instant::now() + pause);
        }
    }

    fn dialled(&mut self, result: Result<Socket, DialError>) {
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
            Err(DialError::Retry { after, reason, text }) => {
                let pause = self.backoff.next().max(after.unwrap_or_default());
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

    fn failed(&self, reason: &'static str, text: &str) {
        self.meters.reconnect(reason);
        self.observer.failed(self.number, text);
    }

    /// Whether a link that said hello then has lasted; if so the next pauses are short again.
    fn was_stable(&mut self, since: Instant) -> bool {
        let stable = since.elapsed() >= self.config.stable_after;
        if stable {
            self.backoff.reset();
            self.crowded.reset();
        }
        stable
    }

    /// A link has come to its end, or is given up.
    fn lost(&mut self, id: u64, end: &End, fate: Fate) {
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
        // a moment even after a long life: when Slack drops everybody, not everybody comes back at once
        let pause = if stable { self.config.backoff_min.mul_f64(fastrand::f64() / 4.0) } else { self.backoff.next() };
        tracing::warn!(
            slot = self.number,
            reason = end.reason,
            text = end.text,
            pause_seconds = pause.as_secs_f64(),
            "slack connection lost"
        );
        self.redial_in(pause);
    }

    // ---- time

    fn tick(&mut self) {
        let now = Instant::now();
        let mut ended = Vec::new();
        for link in &mut self.links {
            if let Some(end) = link.tick(now, &self.meters) {
                // one that can still write says goodbye, so that Slack does not count it for longer than needed
                let fate = if link.is_open() { Fate::Close } else { Fate::Drop };
                ended.push((link.id, end, fate));
            }
        }
        for (id, end, fate) in ended {
            self.lost(id, &end, fate);
        }
        self.retire_overdue(now);
        if self.redial_at.is_some_and(|at| at <= now) {
            self.start_dial();
        }
    }

    /// Closes links whose successor is up and whose time is over.
    fn retire_overdue(&mut self, now: Instant) {
        if !self.links.iter().any(|link| matches!(link.stage, Stage::Up { .. })) {
            return;
        }
        for link in &mut self.links {
            if matches!(link.stage, Stage::Retiring { until } if until <= now) {
                link.close(self.config.close_grace, &self.meters);
            }
        }
    }

    fn show_phase(&mut self) {
        let any = |wanted: fn(&Stage) -> bool| self.links.iter().any(|link| wanted(&link.stage));
        let phase = if any(|stage| matches!(stage, Stage::Up { .. })) {
            LinkPhase::Up
        } else if any(|stage| matches!(stage, Stage::Retiring { .. })) {
            LinkPhase::Replacing
        } else if self.dial.is_some() || any(|stage| matches!(stage, Stage::AwaitingHello { .. })) {
            LinkPhase::Dialling
        } else {
            LinkPhase::BackingOff
        };
        self.set_phase(phase);
    }

    fn set_phase(&mut self, phase: LinkPhase) {
        if self.phase != Some(phase) {
            self.phase = Some(phase);
            self.meters.up.set(if phase.is_up() { 1.0 } else { 0.0 });
            self.observer.phase(self.number, phase);
        }
    }
}

/// What becomes of a link that has come to its end.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// It is gone.
    Drop,
    /// It is said goodbye to, and dropped a little later.
    Close,
}
