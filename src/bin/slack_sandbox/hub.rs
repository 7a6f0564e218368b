//! Socket Mode without the sockets: tickets, links, envelopes, acks and redelivery, as state that no await ever holds.

mod envelope;

pub use envelope::{Ack, Cargo, Envelope};

use std::collections::{HashMap, VecDeque};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use actix_http::ws::Message as Frame;
use serde_json::{Value, json};
use tokio::sync::{Notify, mpsc};

use crate::clock::{self, Instant};
use crate::ids;

/// Links an app may hold.
pub const MAX_LINKS: usize = 10;
/// How long a ticket may be used.
const TICKET_LIFE: Duration = Duration::from_secs(30);
/// How many acks are kept.
const ACKS: usize = 200_000;
/// Pauses before the deliveries of an event after the first. Slack's own are at once, after 1 and after 5 minutes; a test has
/// no six minutes.
pub const RETRY_AFTER: [Duration; 3] = [Duration::ZERO; 3];

/// What is sent to a link's body.
#[derive(Debug)]
pub enum Out {
    /// A WebSocket frame.
    Frame(Frame),
    /// Bytes that need be no frame at all.
    Raw(Vec<u8>),
    /// End the stream: TCP is closed in order.
    End,
    /// Break the stream: with a zero linger the peer sees a reset.
    Abort,
}

/// Switches of one link that its reader and writer look at.
#[derive(Debug, Default)]
pub struct Switches {
    /// Neither reads nor writes any more: half open.
    pub frozen: AtomicBool,
    /// Does not answer pings.
    pub mute_pongs: AtomicBool,
    /// Sends no pings.
    pub mute_pings: AtomicBool,
    /// Takes no notice of pongs: the client has answered no ping, and is dropped in the end.
    pub ignore_pongs: AtomicBool,
    /// Milliseconds between its pings; 0 where it pings as all links do.
    pub ping_ms: AtomicU64,
    /// Close frame sent; waits for the peer.
    pub closing: AtomicBool,
    /// Leave TCP open after the closing handshake, for good.
    pub stay: AtomicBool,
    /// Rings when a switch was turned.
    pub turned: Notify,
}

/// One open connection.
#[derive(Debug)]
pub struct Link {
    /// 1, 2, 3, … in the order of connecting.
    pub id: u64,
    /// To its body.
    pub tx: mpsc::UnboundedSender<Out>,
    /// Said hello, and so gets envelopes.
    pub ready: bool,
    /// Its switches.
    pub switches: Arc<Switches>,
    /// A second handle of its TCP stream, for resets.
    pub socket: Option<Arc<OwnedFd>>,
    /// When it opened, in microseconds.
    pub opened: u64,
    /// Envelopes given to it.
    pub delivered: u64,
    /// Acks it sent.
    pub acked: u64,
    /// Pings it sent.
    pub pings: u64,
    /// Pongs it sent.
    pub pongs: u64,
    /// Pings of its client that were answered.
    pub answered: u64,
}

/// Tickets, links, envelopes and acks.
#[derive(Debug, Default)]
pub struct Hub {
    tickets: HashMap<String, (Instant, bool)>,
    ticket_order: VecDeque<String>,
    /// Open links.
    pub links: Vec<Link>,
    next_link: u64,
    /// Registrations of connections that are gone, which Slack still counts and still sends to.
    pub ghosts: usize,
    pending: HashMap<String, Envelope>,
    deadlines: VecDeque<(Instant, String)>,
    /// Events that come again later, and when.
    waiting: Vec<(Instant, Envelope)>,
    /// The last envelopes, to be sent again on demand.
    sent: VecDeque<Envelope>,
    /// The last acks.
    pub acks: VecDeque<Ack>,
    /// All acks since the start or the last reset.
    pub ack_count: u64,
    /// How long an envelope may stay unacked.
    pub ack_timeout: Duration,
    /// The pauses before the deliveries of an event after the first.
    pub retry_after: Vec<Duration>,
}

impl Hub {
    /// An empty hub.
    pub fn new(ack_timeout: Duration) -> Self {
        Hub { ack_timeout, retry_after: RETRY_AFTER.to_vec(), ..Hub::default() }
    }

    /// A new ticket.
    pub fn ticket(&mut self) -> String {
        let ticket = ids::uuid();
        if self.ticket_order.len() == 1000
            && let Some(old) = self.ticket_order.pop_front()
        {
            self.tickets.remove(&old);
        }
        self.ticket_order.push_back(ticket.clone());
        self.tickets.insert(ticket.clone(), (Instant::now(), false));
        ticket
    }

    /// Spends a ticket; why not, if it cannot be spent.
    pub fn redeem(&mut self, ticket: &str) -> Result<(), &'static str> {
        let (made, used) = self.tickets.get_mut(ticket).ok_or("unknown_ticket")?;
        if *used {
            return Err("used_ticket");
        }
        if made.elapsed() > TICKET_LIFE {
            return Err("expired_ticket");
        }
        *used = true;
        Ok(())
    }

    /// Registers a link.
    pub fn open(&mut self, tx: mpsc::UnboundedSender<Out>, socket: Option<Arc<OwnedFd>>) -> (u64, Arc<Switches>) {
        self.next_link += 1;
        let switches = Arc::new(Switches::default());
        self.links.push(Link {
            id: self.next_link,
            tx,
            ready: false,
            switches: Arc::clone(&switches),
            socket,
            opened: clock::micros(),
            delivered: 0,
            acked: 0,
            pings: 0,
            pongs: 0,
            answered: 0,
        });
        (self.next_link, switches)
    }

    /// Forgets a link.
    pub fn close(&mut self, id: u64) {
        self.links.retain(|link| link.id != id);
    }

    /// By id.
    pub fn link(&mut self, id: u64) -> Option<&mut Link> {
        self.links.iter_mut().find(|link| link.id == id)
    }

    /// A link at random among those that get envelopes.
    pub fn any_link(&mut self) -> Option<&mut Link> {
        let ready: Vec<usize> = (0..self.links.len()).filter(|i| self.links[*i].is_open()).collect();
        let chosen = fastrand::usize(..(ready.len() + self.ghosts).max(1));
        ready.get(chosen).map(|index| &mut self.links[*index])
    }

    /// Whether anything is registered that could take an envelope.
    pub fn has_links(&self) -> bool {
        self.ghosts > 0 || self.links.iter().any(Link::is_open)
    }

    /// Sends a payload to exactly one connection and waits for its ack.
    pub fn send(&mut self, cargo: Cargo, payload: Arc<str>) -> Envelope {
        self.deliver(Envelope { id: ids::uuid(), cargo, payload, sent: Instant::now(), link: None })
    }

    fn deliver(&mut self, mut envelope: Envelope) -> Envelope {
        envelope.sent = Instant::now();
        let text = envelope.text();
        envelope.link = self.any_link().map(|link| {
            link.delivered += 1;
            let _ = link.tx.send(Out::Frame(Frame::Text(text.into())));
            link.id
        });
        self.deadlines.push_back((envelope.sent + self.ack_timeout, envelope.id.clone()));
        self.pending.insert(envelope.id.clone(), envelope.clone());
        if self.sent.len() == 2000 {
            self.sent.pop_front();
        }
        self.sent.push_back(envelope.clone());
        envelope
    }

    /// Delivers a kept envelope once more: the identical one, or a new one with the next attempt.
    pub fn redeliver(&mut self, id: &str, identical: bool) -> Option<Envelope> {
        let found = |e: &&Envelope| e.id == id || matches!(&e.cargo, Cargo::Event { event_id, .. } if event_id == id);
        let mut envelope = self.sent.iter().rev().find(found)?.clone();
        if !identical {
            envelope.id = ids::uuid();
            if let Cargo::Event { attempt, .. } = &mut envelope.cargo {
                *attempt += 1;
            }
        }
        Some(self.deliver(envelope))
    }

    /// Takes in an ack and returns the envelope it settles, unless Slack would pay no heed.
    pub fn ack(&mut self, mut ack: Ack) -> Option<Envelope> {
        self.ack_count += 1;
        if let Some(link) = self.link(ack.link) {
            link.acked += 1;
        }
        let settled = if ack.ignored.is_none() { self.pending.remove(&ack.envelope_id) } else { None };
        if let Some(envelope) = &settled {
            ack.kind = envelope.cargo.kind();
            ack.event_id = envelope.event_id();
            ack.latency = Some(envelope.sent.elapsed());
        } else if ack.ignored.is_none() {
            let known = self.sent.iter().rev().find(|e| e.id == ack.envelope_id);
            ack.ignored = Some(if known.is_some() { "late" } else { "unknown" });
            ack.kind = known.map_or("", |e| e.cargo.kind());
            ack.event_id = known.and_then(Envelope::event_id);
        }
        if self.acks.len() == ACKS {
            self.acks.pop_front();
        }
        self.acks.push_back(ack);
        settled
    }

    /// Takes out what is overdue: events are delivered again, everything else is returned as lost.
    pub fn overdue(&mut self) -> Vec<Envelope> {
        let now = Instant::now();
        let mut lost = Vec::new();
        while self.deadlines.front().is_some_and(|(deadline, _)| *deadline <= now) {
            let Some((_, id)) = self.deadlines.pop_front() else { break };
            let Some(mut envelope) = self.pending.remove(&id) else { continue };
            let pauses = &self.retry_after;
            match &mut envelope.cargo {
                Cargo::Event { attempt, .. } if (*attempt as usize) < pauses.len() => {
                    let pause = pauses[*attempt as usize];
                    *attempt += 1;
                    envelope.id = ids::uuid();
                    self.waiting.push((now + pause, envelope));
                }
                _ => lost.push(envelope),
            }
        }
        let (due, waiting) = std::mem::take(&mut self.waiting).into_iter().partition(|(at, _)| *at <= now);
        self.waiting = waiting;
        for (_, envelope) in due {
            self.deliver(envelope);
        }
        lost
    }

    /// A lost command or click of which nobody needs to hear any more.
    pub fn forget(&mut self, id: &str) {
        self.pending.remove(id);
    }

    /// Envelopes that wait for their ack, and those that come again.
    pub fn pending(&self) -> impl Iterator<Item = &Envelope> {
        self.pending.values().chain(self.waiting.iter().map(|(_, envelope)| envelope))
    }

    /// Forgets envelopes and acks, not the links.
    pub fn clear(&mut self) {
        self.pending.clear();
        self.deadlines.clear();
        self.waiting.clear();
        self.sent.clear();
        self.acks.clear();
        self.ack_count = 0;
        self.ghosts = 0;
    }
}

impl Switches {
    /// Back to a link that works, as far as a link can be mended.
    pub fn mend(&self) {
        for switch in [&self.frozen, &self.mute_pongs, &self.mute_pings, &self.ignore_pongs] {
            switch.store(false, Ordering::Relaxed);
        }
        self.ping_ms.store(0, Ordering::Relaxed);
        self.turned.notify_one();
    }
}

impl Link {
    /// Gets envelopes.
    pub fn is_open(&self) -> bool {
        self.ready && !self.switches.closing.load(Ordering::Relaxed)
    }

    /// For the control API.
    pub fn json(&self) -> Value {
        let on = |switch: &AtomicBool| switch.load(Ordering::Relaxed);
        json!({
            "id": self.id, "ready": self.ready, "opened": clock::ts(self.opened), "delivered": self.delivered, "acked": self.acked,
            "pings": self.pings, "pongs": self.pongs, "answered": self.answered, "half_open": on(&self.switches.frozen), "closing": on(&self.switches.closing),
            "no_pongs": on(&self.switches.mute_pongs), "no_pings": on(&self.switches.mute_pings),
            "pongs_ignored": on(&self.switches.ignore_pongs), "ping_ms": self.switches.ping_ms.load(Ordering::Relaxed),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tick(hub: &mut Hub, seconds: u64) -> Option<u32> {
        let before = hub.sent.len();
        let _ = hub.overdue();
        let sent = hub.sent.back().filter(|_| hub.sent.len() > before)?;
        assert_eq!(sent.sent, Instant::now(), "{seconds}");
        match sent.cargo {
            Cargo::Event { attempt, .. } => Some(attempt),
            _ => None,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_event_comes_again_after_the_pauses_and_then_never() {
        let mut hub = Hub::new(Duration::from_secs(3));
        hub.retry_after = [0, 60, 300].map(Duration::from_secs).to_vec();
        let first = hub.send(Cargo::Event { event_id: "Ev1".into(), attempt: 0 }, Arc::from(r#"{"event_id":"Ev1"}"#));
        let mut came = Vec::new();
        for second in 0..400 {
            came.extend(tick(&mut hub, second).map(|attempt| (second, attempt)));
            assert_eq!(hub.pending().count(), usize::from(second < 372), "{second}");
            tokio::time::advance(Duration::from_secs(1)).await;
        }
        assert_eq!(came, [(3, 1), (66, 2), (369, 3)]);
        let late = Ack {
            envelope_id: first.id,
            event_id: None,
            kind: "",
            latency: None,
            payload: None,
            link: 1,
            at: 0,
            ignored: None,
            size: 0,
        };
        assert!(hub.ack(late).is_none());
        let kept = hub.acks.back().expect("it is kept");
        assert_eq!((kept.ignored, kept.event_id.as_deref()), (Some("late"), Some("Ev1")));
    }

    #[tokio::test(start_paused = true)]
    async fn a_ticket_is_good_once_and_for_half_a_minute() {
        let mut hub = Hub::new(Duration::from_secs(3));
        let (first, second) = (hub.ticket(), hub.ticket());
        assert_eq!(hub.redeem("no ticket"), Err("unknown_ticket"));
        assert_eq!(hub.redeem(&first), Ok(()));
        assert_eq!(hub.redeem(&first), Err("used_ticket"));
        tokio::time::advance(TICKET_LIFE).await;
        let third = hub.ticket();
        assert_eq!(hub.redeem(&second), Ok(()));
        tokio::time::advance(TICKET_LIFE + Duration::from_millis(1)).await;
        assert_eq!(hub.redeem(&third), Err("expired_ticket"));
        assert_eq!(TICKET_LIFE, Duration::from_secs(30));
    }
}
