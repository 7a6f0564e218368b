//! The slot: who dials when, which link is for what, and how acknowledgements find their way.

mod acks;
mod dialling;
mod says;

use super::backoff::Backoff;
use super::dial::{DialError, Dialler, Socket};
use super::link::{End, Link, LinkEvent, Stage};
use super::meters::Meters;
use super::{Disposition, EnvelopeSink, LinkObserver, LinkPhase, SlotEnd};
use crate::slack::config::SlackConfig;
use crate::slack::proxy::Proxy;
use dialling::Fate;
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

/// After so many events without a rest the network and the clock get their turn although more work is ready.
const REST_EVERY: usize = 64;
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
    /// How many sockets the observer knows of.
    shown: usize,
    /// How many connections of this app Slack counts that are none of this process.
    strange: u32,
    stopping: bool,
    fatal: Option<String>,
    shed: u64,
    unknown: u64,
    /// How many events were looked for.
    busy: usize,
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
            // from the whole of the setting to ten times that: a pause is at least half of its step
            crowded: Backoff::new(
                config.too_many_backoff.saturating_mul(2),
                config.too_many_backoff.saturating_mul(10),
            ),
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
            shown: 0,
            strange: 0,
            stopping: false,
            fatal: None,
            shed: 0,
            unknown: 0,
            busy: 0,
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
        self.observer.sockets(self.number, 0);
        self.set_phase(LinkPhase::Stopped);
    }

    fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<Event> {
        self.busy += 1;
        if self.busy.is_multiple_of(REST_EVERY) {
            if let Some((id, end)) = self.flush(cx) {
                return Poll::Ready(Event::Link(id, LinkEvent::Ended(end)));
            }
            if self.deadline().is_some_and(|deadline| deadline <= Instant::now()) {
                return Poll::Ready(Event::Tick);
            }
        }
        if let Poll::Ready(Some((ticket, disposition))) = self.in_flight.poll_next_unpin(cx) {
            return Poll::Ready(Event::Decided(ticket, disposition));
        }
        let count = self.links.len();
        for turn in 0..count {
            // in turns, so that a busy link does not silence its successor
            let link = &mut self.links[(self.busy + turn) % count];
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
        let Some(deadline) = self.deadline() else { return Poll::Pending };
        if self.timer.is_elapsed() || deadline < self.timer.deadline() {
            self.timer.as_mut().reset(deadline);
        }
        self.timer.as_mut().poll(cx).map(|()| Event::Tick)
    }

    fn deadline(&self) -> Option<Instant> {
        let redial_at = self.redial_at.filter(|_| self.has_room());
        self.links.iter().map(Link::deadline).chain(redial_at).min()
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
        if self.redial_at.is_some_and(|at| at <= now) && self.has_room() {
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
        let open = self.sockets();
        if self.shown != open {
            self.shown = open;
            self.observer.sockets(self.number, open);
        }
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
