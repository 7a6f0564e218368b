//! Socket Mode's socket: `/link/?ticket=…&app_id=…`. One reader task and one body per link; frames are made here, not by a
//! WebSocket library, because the sandbox must also be able to send what no library would.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::task::{Context, Poll};
use std::time::Duration;

use actix_codec::{Decoder, Encoder};
use actix_http::ws::{self, CloseCode, Codec, Frame, Item, Message};
use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use bytes::{Bytes, BytesMut};
use futures_util::{Stream, StreamExt};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::clock::{self, Instant};
use crate::faults::DialFault;
use crate::hub::{Ack, Cargo, MAX_LINKS, Out, Switches};
use crate::people::APP;
use crate::state::Sandbox;
use crate::wire::Wire;

/// Acks of this size and more are ignored, silently.
const MAX_ACK: usize = 20_480;
/// Largest frame we read.
const MAX_FRAME: usize = 1024 * 1024;
/// From `disconnect` with a warning or refresh to the close frame.
const NOTICE: Duration = Duration::from_secs(10);
/// How long we wait for the answer to a close frame.
const NO_REPLY: Duration = Duration::from_secs(60);
/// The life of a connection with `debug_reconnects`.
pub const DEBUG_LIFE: Duration = Duration::from_secs(360);
/// What hello says about the life of a connection.
const CONNECTION_TIME: u64 = 18_060;

/// The query of `/link/`.
#[derive(Debug, Deserialize)]
pub struct Query {
    #[serde(default)]
    ticket: String,
    #[serde(default)]
    debug_reconnects: String,
}

/// The handler of `/link/`.
pub async fn link(
    request: HttpRequest,
    payload: web::Payload,
    query: web::Query<Query>,
    sandbox: web::Data<Sandbox>,
) -> HttpResponse {
    let fault = sandbox.lock().faults.take_dial().unwrap_or_default();
    if let Some(status) = fault.refuse {
        return refuse(status, "refused");
    }
    let redeemed = sandbox.lock().hub.redeem(&query.ticket);
    if let Err(error) = redeemed {
        return refuse(404, error);
    }
    let Ok(mut response) = ws::handshake(request.head()) else { return refuse(400, "no_websocket_upgrade") };
    let (tx, rx) = unbounded_channel();
    let (id, switches, crowded) = {
        let mut state = sandbox.lock();
        let crowded = state.hub.links.len() + state.hub.ghosts >= MAX_LINKS;
        let (id, switches) = state.hub.open(tx.clone(), Wire::of(&request).handle());
        state.chat.ring();
        (id, switches, crowded)
    };
    let short_life = (query.debug_reconnects == "true").then(|| sandbox.lock().options.debug_life);
    if let Some(life) = short_life {
        recycle(&tx, &switches, life);
    }
    let life = short_life.map_or(CONNECTION_TIME, |life| life.as_secs());
    let body = LinkBody { rx, codec: Codec::new(), switches: Arc::clone(&switches), ended: false };
    let driver = Driver { sandbox: sandbox.into_inner(), id, tx, switches, life, closed_at: None, unanswered: 0 };
    clock::spawn(driver.drive(Reader::new(payload), fault, crowded));
    let head = response.finish();
    let mut out = HttpResponse::build(head.status());
    for (name, value) in head.headers() {
        out.insert_header((name.clone(), value.clone()));
    }
    out.upgrade("websocket").streaming(body)
}

/// With `debug_reconnects=true` a connection is refreshed after about six minutes, so that one can watch it.
fn recycle(tx: &UnboundedSender<Out>, switches: &Arc<Switches>, life: Duration) {
    let (tx, switches) = (tx.clone(), Arc::clone(switches));
    clock::spawn(async move {
        tokio::select! {
            () = tokio::time::sleep(life) => disconnect(tx, switches, "warning", None),
            () = tx.closed() => {}
        }
    });
}

fn refuse(status: u16, error: &str) -> HttpResponse {
    HttpResponse::build(StatusCode::from_u16(status).unwrap_or(StatusCode::NOT_FOUND))
        .json(json!({"ok": false, "error": error}))
}

/// What the link sends, encoded.
struct LinkBody {
    rx: UnboundedReceiver<Out>,
    codec: Codec,
    switches: Arc<Switches>,
    ended: bool,
}

/// A body that breaks off.
#[derive(Debug, thiserror::Error)]
#[error("connection reset on demand")]
struct Broken;

impl actix_web::ResponseError for Broken {}

impl Stream for LinkBody {
    type Item = Result<Bytes, Broken>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        if this.ended {
            return Poll::Ready(None);
        }
        let mut out = BytesMut::new();
        while out.len() < 64 * 1024 {
            match this.rx.poll_recv(cx) {
                Poll::Ready(Some(Out::Frame(_) | Out::Raw(_))) if this.switches.frozen.load(Relaxed) => {}
                Poll::Ready(Some(Out::Frame(frame))) => {
                    let _ = this.codec.encode(frame, &mut out);
                }
                Poll::Ready(Some(Out::Raw(bytes))) => out.extend_from_slice(&bytes),
                Poll::Ready(Some(Out::Abort)) => return Poll::Ready(Some(Err(Broken))),
                Poll::Ready(Some(Out::End) | None) => {
                    this.ended = true;
                    break;
                }
                Poll::Pending if out.is_empty() => return Poll::Pending,
                Poll::Pending => break,
            }
        }
        if out.is_empty() { Poll::Ready(None) } else { Poll::Ready(Some(Ok(out.freeze()))) }
    }
}

/// What the client sends, decoded.
struct Reader {
    payload: web::Payload,
    codec: Codec,
    buffer: BytesMut,
}

impl Reader {
    fn new(payload: web::Payload) -> Self {
        Reader { payload, codec: Codec::new().max_size(MAX_FRAME), buffer: BytesMut::new() }
    }

    /// The next frame; `None` when the client is gone or talks nonsense. Safe to cancel.
    async fn next(&mut self) -> Option<Frame> {
        loop {
            if let Some(frame) = self.codec.decode(&mut self.buffer).ok()? {
                return Some(frame);
            }
            let bytes = self.payload.next().await?.ok()?;
            self.buffer.extend_from_slice(&bytes);
        }
    }
}

/// One link's life.
struct Driver {
    sandbox: Arc<Sandbox>,
    id: u64,
    tx: UnboundedSender<Out>,
    switches: Arc<Switches>,
    /// What hello says about it, in seconds.
    life: u64,
    closed_at: Option<Instant>,
    unanswered: u32,
}

/// What comes in as an ack.
#[derive(Deserialize)]
struct AckFrame {
    envelope_id: String,
    #[serde(default)]
    payload: Option<Value>,
}

impl Driver {
    fn send(&self, frame: Message) {
        let _ = self.tx.send(Out::Frame(frame));
    }

    async fn drive(mut self, mut reader: Reader, fault: DialFault, crowded: bool) {
        let mut every = self.cadence();
        let mut pings = tokio::time::interval_at(Instant::now() + every, every);
        let mut hello = std::pin::pin!(tokio::time::sleep(Duration::from_millis(fault.delay_hello_ms)));
        let (mut greeted, mut given_up) = (false, false);
        loop {
            let frozen = self.switches.frozen.load(Relaxed);
            let linger = self.closed_at.unwrap_or_else(|| Instant::now() + Duration::from_secs(3600));
            tokio::select! {
                () = &mut hello, if !greeted => {
                    greeted = true;
                    self.greet(&fault, crowded);
                }
                frame = reader.next(), if !frozen || given_up => match frame {
                    // its client is not told: it is as deaf as before
                    Some(_) if given_up => {}
                    Some(frame) => self.take(frame),
                    None => break,
                },
                _ = pings.tick(), if self.closed_at.is_none() && !given_up => match self.ping() {
                    true => {}
                    false if frozen => {
                        given_up = true;
                        self.leave();
                    }
                    false => break,
                },
                () = tokio::time::sleep_until(linger), if self.closed_at.is_some() && !self.switches.stay.load(Relaxed) => break,
                () = self.switches.turned.notified() => {
                    self.turned();
                    if self.cadence() != every {
                        every = self.cadence();
                        pings = tokio::time::interval_at(Instant::now() + every, every);
                    }
                }
                () = self.tx.closed() => break,
            }
        }
        self.leave();
        let _ = self.tx.send(Out::End);
    }

    /// Between two pings: its own time, or that of all links.
    fn cadence(&self) -> Duration {
        match self.switches.ping_ms.load(Relaxed) {
            0 => self.sandbox.lock().options.ping_interval,
            own => Duration::from_millis(own),
        }
    }

    /// A switch was turned. A client that never answers our close frame is dropped in the end.
    fn turned(&mut self) {
        if self.switches.closing.load(Relaxed) {
            self.closed_at.get_or_insert(Instant::now() + NO_REPLY);
        }
    }

    /// Not registered any more: no envelopes, not counted.
    fn leave(&self) {
        let mut state = self.sandbox.lock();
        state.hub.close(self.id);
        state.chat.ring();
    }

    fn greet(&mut self, fault: &DialFault, crowded: bool) {
        if fault.withhold_hello {
            return;
        }
        let reason = fault.disconnect.as_deref().or(crowded.then_some("too_many_websockets"));
        let mut state = self.sandbox.lock();
        let count = fault.num_connections.unwrap_or((state.hub.links.len() + state.hub.ghosts) as u64);
        let debug = json!({"host": "applink-sandbox", "build_number": 1, "approximate_connection_time": self.life});
        let connection = json!({"app_id": APP});
        if let Some(reason) = reason {
            let frame = json!({"type": "disconnect", "reason": reason, "num_connections": count, "debug_info": debug,
                "connection_info": connection});
            drop(state);
            self.send(Message::Text(frame.to_string().into()));
            begin_close(&self.tx, &self.switches);
            return;
        }
        let frame =
            json!({"type": "hello", "num_connections": count, "debug_info": debug, "connection_info": connection});
        if let Some(link) = state.hub.link(self.id) {
            link.ready = true;
        }
        let _ = self.tx.send(Out::Frame(Message::Text(frame.to_string().into())));
        state.chat.ring();
    }

    /// Sends a ping; `false` when the client has answered none of the last three.
    fn ping(&mut self) -> bool {
        if self.switches.mute_pings.load(Relaxed) {
            return true;
        }
        self.unanswered += 1;
        if self.switches.frozen.load(Relaxed) {
            // it is lost on the way, and so is the answer: Slack too gives up a link of which it hears nothing
            return self.unanswered <= 3;
        }
        if let Some(link) = self.sandbox.lock().hub.link(self.id) {
            link.pings += 1;
        }
        self.send(Message::Ping(Bytes::from_static(b"Ping from applink-sandbox")));
        self.unanswered <= 3
    }

    fn take(&mut self, frame: Frame) {
        match frame {
            Frame::Text(text) => self.ack(&text, None),
            Frame::Continuation(Item::FirstText(text) | Item::FirstBinary(text)) => self.ack(&text, Some("fragmented")),
            Frame::Continuation(_) | Frame::Binary(_) => {}
            Frame::Ping(bytes) => {
                if !self.switches.mute_pongs.load(Relaxed) {
                    if let Some(link) = self.sandbox.lock().hub.link(self.id) {
                        link.answered += 1;
                    }
                    self.send(Message::Pong(bytes));
                }
            }
            Frame::Pong(_) if self.switches.ignore_pongs.load(Relaxed) => {}
            Frame::Pong(_) => {
                self.unanswered = 0;
                if let Some(link) = self.sandbox.lock().hub.link(self.id) {
                    link.pongs += 1;
                }
            }
            Frame::Close(reason) => self.closed(reason),
        }
    }

    /// The closing handshake is complete. TCP stays open for a while: Slack leaves closing it to the client.
    fn closed(&mut self, reason: Option<ws::CloseReason>) {
        if !self.switches.closing.swap(true, Relaxed) {
            self.send(Message::Close(reason));
        }
        self.leave();
        let linger = Instant::now() + self.sandbox.lock().options.close_linger;
        self.closed_at = Some(self.closed_at.map_or(linger, |at| at.min(linger)));
    }

    fn ack(&self, text: &[u8], ignored: Option<&'static str>) {
        let frame = serde_json::from_slice::<AckFrame>(text).ok();
        let ignored = ignored.or((text.len() >= MAX_ACK).then_some("too_large"));
        let ignored = ignored.or(frame.is_none().then_some("malformed"));
        let frame = frame.unwrap_or(AckFrame { envelope_id: String::new(), payload: None });
        let ack = Ack {
            envelope_id: frame.envelope_id,
            event_id: None,
            kind: "",
            latency: None,
            payload: frame.payload.clone(),
            link: self.id,
            at: clock::micros(),
            ignored,
            size: text.len(),
        };
        let mut state = self.sandbox.lock();
        let settled = state.hub.ack(ack);
        match (settled.map(|e| e.cargo), frame.payload) {
            (Some(Cargo::Slash { secret, user, channel, command, text, .. }), Some(payload)) => {
                state.answer_ack(&secret, &payload, (&user, &channel), (&command, &text));
            }
            (Some(Cargo::Submission { user, view }), payload) => {
                state.answer_submission(&user, &view, payload.as_ref())
            }
            _ => {}
        }
    }
}

/// Sends the close frame; the link gets no envelopes from now on.
pub fn begin_close(tx: &UnboundedSender<Out>, switches: &Switches) {
    if !switches.closing.swap(true, Relaxed) {
        let reason = ws::CloseReason { code: CloseCode::Normal, description: None };
        let _ = tx.send(Out::Frame(Message::Close(Some(reason))));
        switches.turned.notify_one();
    }
}

/// Says `disconnect` and closes about ten seconds later, or after `notice`.
pub fn disconnect(tx: UnboundedSender<Out>, switches: Arc<Switches>, reason: &str, notice: Option<Duration>) {
    let frame = json!({"type": "disconnect", "reason": reason, "debug_info": {"host": "applink-sandbox"}});
    let _ = tx.send(Out::Frame(Message::Text(frame.to_string().into())));
    let at_once = matches!(reason, "link_disabled" | "too_many_websockets");
    let notice = notice.unwrap_or(if at_once { Duration::ZERO } else { NOTICE });
    clock::spawn(async move {
        tokio::time::sleep(notice).await;
        begin_close(&tx, &switches);
    });
}
