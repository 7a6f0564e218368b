//! One WebSocket with what awc leaves out: messages put together from fragments, pings answered and sent, one close
//! reply, and an end that is always bounded.

use super::dial::{MESSAGE_LIMIT, Socket};
use super::meters::Meters;
use awc::ws::{CloseCode, CloseReason, Frame, Message};
use bytes::{Bytes, BytesMut};
use futures_util::{Sink, Stream};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::Instant;

/// What a link is for at the moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// Open, not yet usable.
    AwaitingHello {
        /// When the patience ends.
        until: Instant,
    },
    /// Usable: Slack said hello.
    Up {
        /// When it did.
        since: Instant,
    },
    /// Being replaced; still read and answered.
    Retiring {
        /// When it is closed, if its successor is up by then.
        until: Instant,
    },
    /// A close frame was sent; what still arrives is thrown away.
    Closing {
        /// When the TCP connection is dropped.
        until: Instant,
    },
}

/// What comes out of a link.
#[derive(Debug)]
pub(super) enum LinkEvent {
    /// A whole text message.
    Text(Bytes),
    /// Something that was counted and needs nothing more.
    Bad(&'static str),
    /// The other side closes; the reply is on its way.
    Closed(Option<u16>),
    /// The connection is gone.
    Ended(End),
}

/// What ended a link: a word for the metrics, a sentence for the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct End {
    pub(super) reason: &'static str,
    pub(super) text: String,
}

impl End {
    pub(super) fn new(reason: &'static str, text: impl Into<String>) -> Self {
        Self { reason, text: text.into() }
    }
}

/// How long things may take on a link.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    pub(super) ping: Duration,
    pub(super) idle: Duration,
    pub(super) write: Duration,
}

/// One WebSocket.
pub(super) struct Link {
    /// Its number among the slot's links: what arrives late for an old link is never taken for a new one's.
    pub(super) id: u64,
    pub(super) stage: Stage,
    socket: Socket,
    fragments: Fragments,
    patience: Patience,
    last_frame: Instant,
    next_ping: Instant,
    /// Since when written bytes wait for the network.
    unsent_since: Option<Instant>,
    /// When the envelopes arrived whose acknowledgements wait for the network.
    unsent_acks: Vec<Instant>,
    close_sent: bool,
    ended: bool,
    /// Whether frames have arrived since the owner last asked.
    heard: bool,
}

impl Link {
    pub(super) fn new(id: u64, socket: Socket, patience: Patience, hello_timeout: Duration) -> Self {
        let now = Instant::now();
        Self {
            id,
            stage: Stage::AwaitingHello { until: now + hello_timeout },
            socket,
            fragments: Fragments::default(),
            patience,
            last_frame: now,
            next_ping: now + patience.ping,
            unsent_since: None,
            unsent_acks: Vec::new(),
            close_sent: false,
            ended: false,
            heard: false,
        }
    }

    /// Whether any frame has arrived since the last question.
    pub(super) fn was_heard(&mut self) -> bool {
        std::mem::take(&mut self.heard)
    }

    /// Whether acknowledgements can still be written.
    pub(super) fn is_open(&self) -> bool {
        !self.close_sent && !self.ended
    }

    /// The next thing that the owner must know.
    pub(super) fn poll_event(&mut self, cx: &mut Context<'_>, meters: &Meters) -> Poll<LinkEvent> {
        loop {
            let frame = match Pin::new(&mut self.socket).poll_next(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(None) => return Poll::Ready(self.end("closed", "the connection was closed")),
                Poll::Ready(Some(Err(error))) => {
                    // after some errors the codec repeats them for ever: one is the end
                    return Poll::Ready(self.end("protocol", &format!("the connection failed: {error}")));
                }
                Poll::Ready(Some(Ok(frame))) => frame,
            };
            self.last_frame = Instant::now();
            self.heard = true;
            if let Some(event) = self.take(frame, meters) {
                return Poll::Ready(event);
            }
        }
    }

    fn take(&mut self, frame: Frame, meters: &Meters) -> Option<LinkEvent> {
        match frame {
            Frame::Text(bytes) => {
                meters.text_in.increment(1);
                self.is_open().then_some(LinkEvent::Text(bytes))
            }
            Frame::Ping(bytes) => {
                meters.ping_in.increment(1);
                self.write(Message::Pong(bytes));
                meters.pong_out.increment(1);
                None
            }
            Frame::Pong(_) => {
                meters.pong_in.increment(1);
                None
            }
            Frame::Binary(_) => {
                meters.binary_in.increment(1);
                Some(LinkEvent::Bad("binary"))
            }
            Frame::Continuation(item) => {
                meters.fragment_in.increment(1);
                match self.fragments.take(item) {
                    Some(Ok(bytes)) => self.is_open().then_some(LinkEvent::Text(bytes)),
                    Some(Err(kind)) => Some(LinkEvent::Bad(kind)),
                    None => None,
                }
            }
            Frame::Close(reason) => {
                meters.close_in.increment(1);
                let first = self.is_open();
                self.send_close(reason.as_ref().map_or(CloseCode::Normal, |reason| reason.code));
                first.then(|| LinkEvent::Closed(reason.map(|reason| u16::from(reason.code))))
            }
        }
    }

    fn end(&mut self, reason: &'static str, text: &str) -> LinkEvent {
        self.ended = true;
        // rustls adds the address of its manual
        let text = text.split(": http").next().unwrap_or(text);
        LinkEvent::Ended(End::new(reason, text))
    }

    /// Puts an acknowledgement into the write buffer.
    pub(super) fn write_ack(&mut self, text: String, received: Instant) {
        self.write(Message::Text(text.into()));
        self.unsent_acks.push(received);
    }

    /// Says goodbye once and gives the other side until then to end the connection.
    pub(super) fn close(&mut self, grace: Duration, meters: &Meters) {
        if self.is_open() {
            self.send_close(CloseCode::Normal);
            meters.close_out.increment(1);
        }
        if !matches!(self.stage, Stage::Closing { .. }) {
            self.stage = Stage::Closing { until: Instant::now() + grace };
        }
    }

    fn send_close(&mut self, code: CloseCode) {
        if self.is_open() {
            self.write(Message::Close(Some(CloseReason { code, description: None })));
            self.close_sent = true;
        }
    }

    fn write(&mut self, message: Message) {
        if !self.is_open() {
            return;
        }
        // the codec refuses nothing that is written here: it only fails on fragments
        if Pin::new(&mut self.socket).write(message).is_ok() {
            self.unsent_since.get_or_insert_with(Instant::now);
        }
    }

    /// Gives the written bytes to the network, as far as it takes them.
    pub(super) fn poll_flush(&mut self, cx: &mut Context<'_>, mut acked: impl FnMut(Duration)) -> Option<End> {
        if self.ended || self.unsent_since.is_none() {
            return None;
        }
        match Sink::<Message>::poll_flush(Pin::new(&mut self.socket), cx) {
            Poll::Ready(Ok(())) => {
                self.unsent_since = None;
                let now = Instant::now();
                self.unsent_acks.drain(..).for_each(|received| acked(now - received));
                None
            }
            Poll::Ready(Err(error)) => {
                self.ended = true;
                Some(End::new("write", format!("cannot write: {error}")))
            }
            Poll::Pending => None,
        }
    }

    /// When the link next needs a look, if nothing arrives.
    pub(super) fn deadline(&self) -> Instant {
        let idle = self.last_frame + self.patience.idle;
        let open = match self.stage {
            Stage::Closing { until } => until,
            Stage::AwaitingHello { until } => until.min(idle).min(self.next_ping),
            // one that is overdue waits for its successor's hello, not for the clock
            Stage::Retiring { until } if until > Instant::now() => until.min(idle).min(self.next_ping),
            Stage::Up { .. } | Stage::Retiring { .. } => idle.min(self.next_ping),
        };
        self.unsent_since.map_or(open, |since| open.min(since + self.patience.write))
    }

    /// What time has done to the link: a ping that is due is written; an end is returned.
    pub(super) fn tick(&mut self, now: Instant, meters: &Meters) -> Option<End> {
        if self.unsent_since.is_some_and(|since| now >= since + self.patience.write) {
            self.ended = true;
            return Some(End::new("write_timeout", "the network takes no bytes"));
        }
        match self.stage {
            Stage::Closing { until } if now >= until => {
                self.ended = true;
                return Some(End::new("closed", "closed"));
            }
            Stage::AwaitingHello { until } if now >= until => {
                return Some(End::new("hello_timeout", "slack did not say hello in time"));
            }
            _ => {}
        }
        if now >= self.last_frame + self.patience.idle && !matches!(self.stage, Stage::Closing { .. }) {
            return Some(End::new("idle", format!("no frame for {} seconds", self.patience.idle.as_secs_f32())));
        }
        if now >= self.next_ping {
            self.next_ping = now + self.patience.ping;
            if self.is_open() {
                self.write(Message::Ping(Bytes::from_static(b"dronebot")));
                meters.ping_out.increment(1);
            }
        }
        None
    }
}

/// A message in pieces.
#[derive(Default)]
struct Fragments {
    buffer: BytesMut,
    state: Assembling,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Assembling {
    #[default]
    Nothing,
    Text,
    /// Binary, or too much: read to its end and thrown away.
    Discarded(&'static str),
}

impl Fragments {
    /// Adds a piece; a whole text message comes out with its last one.
    fn take(&mut self, item: actix_http::ws::Item) -> Option<Result<Bytes, &'static str>> {
        use actix_http::ws::Item;
        let (bytes, last) = match item {
            Item::FirstText(bytes) => {
                self.buffer.clear();
                self.state = Assembling::Text;
                (bytes, false)
            }
            Item::FirstBinary(bytes) => {
                self.state = Assembling::Discarded("binary");
                (bytes, false)
            }
            Item::Continue(bytes) => (bytes, false),
            Item::Last(bytes) => (bytes, true),
        };
        if self.state == Assembling::Text {
            if self.buffer.len() + bytes.len() > MESSAGE_LIMIT {
                self.state = Assembling::Discarded("too_large");
                self.buffer = BytesMut::new();
            } else {
                self.buffer.extend_from_slice(&bytes);
            }
        }
        if !last {
            return None;
        }
        match std::mem::take(&mut self.state) {
            Assembling::Text => Some(Ok(self.buffer.split().freeze())),
            Assembling::Discarded(kind) => Some(Err(kind)),
            Assembling::Nothing => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_http::ws::Item;

    #[test]
    fn pieces_make_a_message_and_too_many_are_thrown_away_as_one() {
        let mut fragments = Fragments::default();
        assert!(fragments.take(Item::FirstText("hel".into())).is_none());
        assert!(fragments.take(Item::Continue("lo ".into())).is_none());
        assert_eq!(fragments.take(Item::Last("world".into())), Some(Ok(Bytes::from("hello world"))));
        let megabyte = Bytes::from(vec![b'x'; 1024 * 1024]);
        assert!(fragments.take(Item::FirstText(megabyte.clone())).is_none());
        (0..20).for_each(|_| assert!(fragments.take(Item::Continue(megabyte.clone())).is_none()));
        assert_eq!(fragments.take(Item::Last("end".into())), Some(Err("too_large")));
        assert!(fragments.take(Item::FirstBinary("b".into())).is_none());
        assert_eq!(fragments.take(Item::Last("b".into())), Some(Err("binary")));
        assert!(fragments.take(Item::FirstText("a".into())).is_none());
        assert_eq!(fragments.take(Item::Last("b".into())), Some(Ok(Bytes::from("ab"))));
    }
}
