//! Breaking things.
//!
//! `POST /control/fault` takes one of three forms:
//!
//! - a call: `{"api": {"method": "chat.postMessage" | "response_url" | "*", "times"?: 1, "skip"?: 0, …}}` with any of
//!   `error`, `status`, `retry_after`, `hang_ms`, `non_json: true | "text"`, `after_effect: true`, `drop: true`. `times` 0 is for ever.
//!   `hang_ms` alone delays the call; with `after_effect` the call is done and the connection dropped without an answer.
//! - an open link: `{"socket": "<what>", "connection"?: 3}`, all links where none is named. `<what>` is `half_open`, `thaw`, `reset`
//!   (TCP reset), `close` (close frame), `close_no_fin` (close frame, TCP left open for good), `drop` (TCP closed without a close frame), `no_pongs`
//!   (pings are not answered), `no_pings`, `ignore_pongs` (the client counts as silent), `ping_every` (with `ping_ms`; 0: as all
//!   links do), `disconnect` (with `reason`: `warning`, `refresh_requested`, `link_disabled`, `too_many_websockets`, …; the
//!   close frame follows after `close_after_ms`, by default 10 s, at once for the last two).
//! - the next connections: `{"dial": {"refuse"?: 503, "withhold_hello"?, "delay_hello_ms"?, "disconnect"?: "reason before hello",
//!   "num_connections"?}, "times"?: 1}`; and `{"ghosts": 3}`: registrations of dead connections, which swallow their share.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use actix_http::ws::{Item, Message as Frame};
use actix_web::{HttpResponse, web};
use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Reply, reply, sent};
use crate::faults::{ApiFault, DialFault};
use crate::hub::{Cargo, Link, Out};
use crate::ids;
use crate::socket;
use crate::state::{Sandbox, State};
use crate::wire::Wire;

/// What is to go wrong.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaultAsked {
    api: Option<ApiFault>,
    socket: Option<String>,
    connection: Option<u64>,
    reason: Option<String>,
    close_after_ms: Option<u64>,
    ping_ms: Option<u64>,
    dial: Option<DialFault>,
    times: Option<u32>,
    ghosts: Option<usize>,
}

/// `POST /control/fault`
pub async fn fault(asked: web::Json<FaultAsked>, sandbox: web::Data<Sandbox>) -> HttpResponse {
    reply(arm(&asked, &mut sandbox.lock()))
}

fn arm(asked: &FaultAsked, state: &mut State) -> Reply {
    let mut armed = 0;
    if let Some(fault) = &asked.api {
        state.faults.add_api(fault.clone());
        armed += 1;
    }
    if let Some(dial) = &asked.dial {
        state.faults.dial.push((dial.clone(), asked.times.unwrap_or(1)));
        armed += 1;
    }
    if let Some(ghosts) = asked.ghosts {
        state.hub.ghosts = ghosts;
        armed += 1;
    }
    if let Some(what) = &asked.socket {
        let hit = state.hub.links.iter_mut().filter(|l| asked.connection.is_none_or(|id| id == l.id));
        for link in hit {
            on_link(link, what, asked)?;
            armed += 1;
        }
        state.chat.ring();
    }
    Ok(json!({"armed": armed}))
}

fn on_link(link: &mut Link, what: &str, asked: &FaultAsked) -> Result<(), String> {
    let switches = &link.switches;
    match what {
        "half_open" => switches.frozen.store(true, Relaxed),
        "thaw" => switches.mend(),
        "no_pongs" => switches.mute_pongs.store(true, Relaxed),
        "no_pings" => switches.mute_pings.store(true, Relaxed),
        "ignore_pongs" => switches.ignore_pongs.store(true, Relaxed),
        "ping_every" => switches.ping_ms.store(asked.ping_ms.ok_or("ping_every needs ping_ms")?, Relaxed),
        "reset" => {
            if let Some(fd) = &link.socket {
                Wire::sever(fd);
            }
            link.socket = None;
            let _ = link.tx.send(Out::Abort);
        }
        "close" => socket::begin_close(&link.tx, switches),
        "close_no_fin" => {
            socket::begin_close(&link.tx, switches);
            switches.stay.store(true, Relaxed);
        }
        "drop" => {
            let _ = link.tx.send(Out::End);
        }
        "disconnect" => {
            let reason = asked.reason.as_deref().unwrap_or("refresh_requested");
            let notice = asked.close_after_ms.map(Duration::from_millis);
            socket::disconnect(link.tx.clone(), Arc::clone(switches), reason, notice);
        }
        other => return Err(format!("unknown socket fault: {other}")),
    }
    link.switches.turned.notify_one();
    Ok(())
}

/// `POST /control/faults/clear`
pub async fn clear(sandbox: web::Data<Sandbox>) -> HttpResponse {
    let mut state = sandbox.lock();
    state.faults.clear();
    state.hub.ghosts = 0;
    state.hub.links.iter().for_each(|link| link.switches.mend());
    state.chat.ring();
    reply(Ok(json!({})))
}

/// A frame of any kind. The first field given counts.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FrameAsked {
    connection: Option<u64>,
    text: Option<String>,
    json: Option<Value>,
    binary: Option<String>,
    fragments: Option<Vec<String>>,
    raw_hex: Option<String>,
    ping: Option<String>,
}

impl FrameAsked {
    fn frames(&self) -> Result<Vec<Out>, String> {
        let one = |frame| Ok(vec![Out::Frame(frame)]);
        if let Some(text) = &self.text {
            return one(Frame::Text(text.as_str().into()));
        }
        if let Some(json) = &self.json {
            return one(Frame::Text(json.to_string().into()));
        }
        if let Some(binary) = &self.binary {
            return one(Frame::Binary(Bytes::copy_from_slice(binary.as_bytes())));
        }
        if let Some(ping) = &self.ping {
            return one(Frame::Ping(Bytes::copy_from_slice(ping.as_bytes())));
        }
        if let Some(parts) = &self.fragments {
            return fragments(parts);
        }
        let hex = self.raw_hex.as_deref().ok_or("one of text, json, binary, fragments, raw_hex, ping is needed")?;
        let byte = |i: usize| hex.get(i..i + 2).and_then(|pair| u8::from_str_radix(pair, 16).ok());
        let bytes: Option<Vec<u8>> = (0..hex.len()).step_by(2).map(byte).collect();
        Ok(vec![Out::Raw(bytes.ok_or("raw_hex must be pairs of hex digits")?)])
    }
}

fn fragments(parts: &[String]) -> Result<Vec<Out>, String> {
    if parts.len() < 2 {
        return Err("fragments needs two parts or more".into());
    }
    let bytes = |part: &String| Bytes::copy_from_slice(part.as_bytes());
    let item = |(index, part): (usize, &String)| match index {
        0 => Item::FirstText(bytes(part)),
        _ if index + 1 == parts.len() => Item::Last(bytes(part)),
        _ => Item::Continue(bytes(part)),
    };
    Ok(parts.iter().enumerate().map(item).map(|item| Out::Frame(Frame::Continuation(item))).collect())
}

/// `POST /control/envelope`
pub async fn envelope(asked: web::Json<FrameAsked>, sandbox: web::Data<Sandbox>) -> HttpResponse {
    let frames = match asked.frames() {
        Ok(frames) => frames,
        Err(error) => return reply(Err(error)),
    };
    let mut state = sandbox.lock();
    let link = match asked.connection {
        Some(id) => state.hub.link(id),
        None => state.hub.any_link(),
    };
    let Some(link) = link else { return reply(Err("no such connection".into())) };
    for frame in frames {
        let _ = link.tx.send(frame);
    }
    reply(Ok(json!({"connection": link.id})))
}

/// An event of any kind.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EventAsked {
    event: Option<Value>,
    channel: Option<String>,
    payload: Option<Value>,
}

/// `POST /control/event`
pub async fn event(asked: web::Json<EventAsked>, sandbox: web::Data<Sandbox>) -> HttpResponse {
    let mut state = sandbox.lock();
    let envelope = match (&asked.event, &asked.payload) {
        (Some(event), _) => state.emit(event, asked.channel.as_deref().unwrap_or_default()),
        (None, Some(payload)) => {
            let event_id = payload["event_id"].as_str().map_or_else(ids::event, str::to_owned);
            state.hub.send(Cargo::Event { event_id, attempt: 0 }, Arc::from(payload.to_string()))
        }
        (None, None) => return reply(Err("event or payload is needed".into())),
    };
    reply(Ok(sent(Some(&envelope))))
}

/// Which envelope.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Redelivery {
    event_id: Option<String>,
    envelope_id: Option<String>,
    #[serde(default)]
    identical: bool,
}

/// `POST /control/redeliver`
pub async fn redeliver(asked: web::Json<Redelivery>, sandbox: web::Data<Sandbox>) -> HttpResponse {
    let Some(id) = asked.event_id.as_ref().or(asked.envelope_id.as_ref()) else {
        return reply(Err("event_id or envelope_id is needed".into()));
    };
    let envelope = sandbox.lock().hub.redeliver(id, asked.identical);
    reply(envelope.map(|e| sent(Some(&e))).ok_or_else(|| "not kept".into()))
}
