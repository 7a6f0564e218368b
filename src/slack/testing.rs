//! A small HTTP and WebSocket server, written by hand so that tests can misbehave on every byte.
#![expect(clippy::disallowed_methods, reason = "the server's connections are tasks of the test")]

mod nets;

pub(crate) use nets::*;

use super::network::{BoxStream, Stream};
use futures_util::future::LocalBoxFuture;
use std::cell::{Cell, RefCell};
use std::future::Future;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

/// The seals of the app of a test.
pub(crate) fn a_seal() -> super::Seals {
    super::Seals::new("xapp-secret".into())
}

/// How long a test may take before it counts as stuck: one that shows 400 people their Homes takes twenty seconds of a slow machine.
const STUCK: Duration = Duration::from_secs(60);

/// Runs a test on one thread, bounded.
pub(crate) fn run(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("runtime");
    let bounded = async { tokio::time::timeout(STUCK, test).await.expect("the test ends in time") };
    tokio::task::LocalSet::new().block_on(&runtime, bounded);
}

/// What counts as never, where time is real.
const NEVER: Duration = Duration::from_secs(5);

/// What counts as never, where it is not.
pub(crate) const VIRTUALLY_NEVER: Duration = Duration::from_secs(24 * 3600);

/// Waits, but not for ever.
pub(crate) async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    before(NEVER, what, future).await
}

/// Waits, but not longer than this.
pub(crate) async fn before<T>(patience: Duration, what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(patience, future).await {
        Ok(value) => value,
        Err(_) => panic!("waited in vain for {what}"),
    }
}

/// One request as it came.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) head: String,
    pub(crate) body: String,
    /// Which connection it came by, counted from 0.
    pub(crate) connection: usize,
}

impl Request {
    pub(crate) fn path(&self) -> &str {
        self.head.split(' ').nth(1).unwrap_or_default()
    }
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).expect("a JSON body")
    }
}

/// What the server does with a request.
#[derive(Clone, Debug)]
pub(crate) enum Action {
    /// Answers.
    Answer { status: u16, headers: String, body: String },
    /// Reads on and never answers.
    Hang,
    /// Sends the head of an answer and a part of its body, then nothing.
    Stall,
    /// Closes the connection without a word.
    Drop,
    /// Opens a WebSocket and hands it to the test.
    Upgrade,
    /// Connects the client with this address (the server is a proxy).
    Tunnel(SocketAddr),
}

pub(crate) fn answer(body: impl Into<String>) -> Action {
    Action::Answer { status: 200, headers: String::new(), body: body.into() }
}

pub(crate) fn status(status: u16, headers: &str, body: &str) -> Action {
    Action::Answer { status, headers: headers.to_owned(), body: body.to_owned() }
}

type Handler = dyn Fn(Request) -> LocalBoxFuture<'static, Action>;

/// The server.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) requests: Rc<RefCell<Vec<Request>>>,
    pub(crate) sockets: mpsc::UnboundedReceiver<Socket>,
    /// How many TCP connections are open.
    pub(crate) open: Rc<Cell<usize>>,
    pub(crate) patience: Duration,
}

impl Server {
    pub(crate) async fn start(handler: impl Fn(&Request) -> Action + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let (accepted, incoming) = mpsc::unbounded_channel();
        tokio::task::spawn_local(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let _ = stream.set_nodelay(true);
                let _ = accepted.send(stream);
            }
        });
        Self::over(incoming, NEVER, handler).at(address)
    }

    /// Inside a simulation, on the port 80 of its host.
    pub(crate) async fn simulated(handler: impl Fn(&Request) -> Action + 'static) -> Self {
        let listener = turmoil::net::TcpListener::bind("0.0.0.0:80").await.expect("a port");
        let (accepted, incoming) = mpsc::unbounded_channel();
        tokio::task::spawn_local(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let _ = accepted.send(Tried(stream));
            }
        });
        Self::over(incoming, VIRTUALLY_NEVER, handler)
    }

    /// Serves what comes in.
    pub(crate) fn over(
        mut incoming: mpsc::UnboundedReceiver<impl Stream + 'static>,
        patience: Duration,
        handler: impl Fn(&Request) -> Action + 'static,
    ) -> Self {
        let requests = Rc::new(RefCell::new(Vec::new()));
        let open = Rc::new(Cell::new(0));
        let (upgraded, sockets) = mpsc::unbounded_channel();
        let handler: Rc<Handler> = Rc::new(move |request| {
            let action = handler(&request);
            Box::pin(async move { action })
        });
        let (log, count) = (Rc::clone(&requests), Rc::clone(&open));
        tokio::task::spawn_local(async move {
            let mut connection = 0;
            while let Some(stream) = incoming.recv().await {
                let guest = Guest { connection, patience, alive: Alive::new(&count), upgraded: upgraded.clone() };
                tokio::task::spawn_local(serve(Box::new(stream), guest, Rc::clone(&handler), Rc::clone(&log)));
                connection += 1;
            }
        });
        Self { address: SocketAddr::from(([0, 0, 0, 0], 80)), requests, sockets, open, patience }
    }

    fn at(self, address: SocketAddr) -> Self {
        Self { address, ..self }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/api", self.address)
    }

    pub(crate) async fn socket(&mut self) -> Socket {
        before(self.patience, "a WebSocket", self.sockets.recv()).await.expect("the server runs")
    }

    pub(crate) fn paths(&self) -> Vec<String> {
        self.requests.borrow().iter().map(|request| request.path().to_owned()).collect()
    }

    /// Waits until no connection is left: those that no test has taken must be ended by the client.
    pub(crate) async fn deserted(&mut self) {
        while let Ok(mut socket) = self.sockets.try_recv() {
            socket.ended().await;
        }
        before(self.patience, "all connections to end", async {
            while self.open.get() > 0 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        })
        .await;
    }
}

/// Counts a connection for as long as it lives.
pub(crate) struct Alive(Rc<Cell<usize>>);

impl Alive {
    fn new(count: &Rc<Cell<usize>>) -> Self {
        count.set(count.get() + 1);
        Self(Rc::clone(count))
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

/// A connection's way through the server.
struct Guest {
    connection: usize,
    patience: Duration,
    alive: Alive,
    upgraded: mpsc::UnboundedSender<Socket>,
}

async fn serve(mut stream: BoxStream, guest: Guest, handler: Rc<Handler>, log: Rc<RefCell<Vec<Request>>>) {
    while let Some(request) = read_request(&mut stream, guest.connection).await {
        log.borrow_mut().push(request.clone());
        match handler(request.clone()).await {
            Action::Answer { status, headers, body } => {
                let head = format!("HTTP/1.1 {status} Status\r\ncontent-length: {}\r\n{headers}\r\n", body.len());
                if stream.write_all((head + &body).as_bytes()).await.is_err() {
                    return;
                }
            }
            Action::Drop => return,
            Action::Hang => return drain(&mut stream).await,
            Action::Stall => {
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"ok\":").await;
                return drain(&mut stream).await;
            }
            Action::Upgrade => {
                let accept =
                    actix_http::ws::hash_key(request.header("sec-websocket-key").unwrap_or_default().as_bytes());
                let accept = String::from_utf8_lossy(&accept).into_owned();
                let head = format!(
                    "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\nsec-websocket-accept: {accept}\r\n\r\n"
                );
                if stream.write_all(head.as_bytes()).await.is_ok() {
                    let socket = Socket { stream, patience: guest.patience, _alive: guest.alive };
                    let _ = guest.upgraded.send(socket);
                }
                return;
            }
            Action::Tunnel(to) => {
                let Ok(mut other) = TcpStream::connect(to).await else { return };
                let _ = stream.write_all(b"HTTP/1.1 200 Connection established\r\nvia: test\r\n\r\n").await;
                let _ = tokio::io::copy_bidirectional(&mut stream, &mut other).await;
                return;
            }
        }
    }
}

async fn drain(stream: &mut BoxStream) {
    let mut buffer = [0; 1024];
    while matches!(stream.read(&mut buffer).await, Ok(read) if read > 0) {}
}

async fn read_request(stream: &mut BoxStream, connection: usize) -> Option<Request> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).ok()?;
    let mut request = Request { head, body: String::new(), connection };
    let length = request.header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.ok()?;
    request.body = String::from_utf8(body).ok()?;
    Some(request)
}

pub(crate) const TEXT: u8 = 1;
pub(crate) const BINARY: u8 = 2;
pub(crate) const CLOSE: u8 = 8;
pub(crate) const PING: u8 = 9;
pub(crate) const PONG: u8 = 10;

/// The server's end of a WebSocket.
pub(crate) struct Socket {
    pub(crate) stream: BoxStream,
    patience: Duration,
    _alive: Alive,
}

impl Socket {
    /// Sends one frame as it is.
    pub(crate) async fn frame(&mut self, last: bool, opcode: u8, payload: &[u8]) {
        let mut bytes = vec![opcode | if last { 0x80 } else { 0 }];
        match payload.len() {
            length @ 0..126 => bytes.push(length as u8),
            length @ 126..65536 => {
                bytes.push(126);
                bytes.extend((length as u16).to_be_bytes());
            }
            length => {
                bytes.push(127);
                bytes.extend((length as u64).to_be_bytes());
            }
        }
        bytes.extend(payload);
        let _ = self.stream.write_all(&bytes).await;
    }

    pub(crate) async fn text(&mut self, text: &str) {
        self.frame(true, TEXT, text.as_bytes()).await;
    }

    pub(crate) async fn hello(&mut self) {
        self.text(r#"{"type":"hello","num_connections":1,"debug_info":{"approximate_connection_time":18060},"connection_info":{"app_id":"A1"}}"#).await;
    }

    pub(crate) async fn envelope(&mut self, id: &str) {
        self.text(&format!(
            r#"{{"envelope_id":"{id}","type":"slash_commands","accepts_response_payload":true,"payload":{{"text":"ping"}}}}"#
        ))
        .await;
    }

    pub(crate) async fn disconnect(&mut self, reason: &str) {
        self.text(&format!(r#"{{"type":"disconnect","reason":"{reason}","debug_info":{{"host":"h"}}}}"#)).await;
    }

    /// The next frame of the client, or `None` at the end of the connection.
    pub(crate) async fn next(&mut self) -> Option<(u8, Vec<u8>)> {
        before(self.patience, "a frame", async {
            let first = self.stream.read_u8().await.ok()?;
            let second = self.stream.read_u8().await.ok()?;
            assert_eq!(first & 0x80, 0x80, "the client sends whole frames");
            assert_eq!(second & 0x80, 0x80, "the client masks its frames");
            let length = match second & 0x7f {
                126 => usize::from(self.stream.read_u16().await.ok()?),
                127 => usize::try_from(self.stream.read_u64().await.ok()?).ok()?,
                length => usize::from(length),
            };
            let mut mask = [0; 4];
            self.stream.read_exact(&mut mask).await.ok()?;
            let mut payload = vec![0; length];
            self.stream.read_exact(&mut payload).await.ok()?;
            payload.iter_mut().enumerate().for_each(|(index, byte)| *byte ^= mask[index % 4]);
            Some((first & 0x0f, payload))
        })
        .await
    }

    /// The next text frame as JSON; pings in between are passed over.
    pub(crate) async fn json(&mut self) -> serde_json::Value {
        loop {
            match self.next().await {
                Some((TEXT, payload)) => return serde_json::from_slice(&payload).expect("JSON"),
                Some((PING | PONG, _)) => {}
                other => panic!("a text frame, not {other:?}"),
            }
        }
    }

    /// The id that the next acknowledgement names.
    pub(crate) async fn ack(&mut self) -> String {
        self.json().await["envelope_id"].as_str().expect("an acknowledgement").to_owned()
    }

    /// Waits until the client reads this connection as a WebSocket.
    pub(crate) async fn answers(&mut self) {
        self.frame(true, PING, b"hear me").await;
        while self.next().await.expect("a frame") != (PONG, b"hear me".to_vec()) {}
    }

    /// Reads on to the close frame and gives its code.
    pub(crate) async fn closed(&mut self) -> Option<u16> {
        loop {
            match self.next().await {
                Some((CLOSE, payload)) => return payload.get(..2).map(|code| u16::from_be_bytes([code[0], code[1]])),
                Some(_) => {}
                None => panic!("the connection ended without a close frame"),
            }
        }
    }

    /// Reads on to the end of the connection.
    pub(crate) async fn ended(&mut self) {
        while self.next().await.is_some() {}
    }
}

/// Each field of an answer in turn: with `null` it is read as without it.
pub(crate) fn null_is_as_missing<T: serde::de::DeserializeOwned + std::fmt::Debug>(full: &serde_json::Value) {
    let read = |value: serde_json::Value| format!("{:?}", serde_json::from_value::<T>(value).ok());
    assert_ne!(read(full.clone()), "None", "{full}");
    for place in places(full, "") {
        let (parent, field) = place.rsplit_once('/').expect("a field");
        let changed = |value: Option<serde_json::Value>| {
            let mut changed = full.clone();
            let object = changed.pointer_mut(parent).and_then(serde_json::Value::as_object_mut).expect("an object");
            match value {
                Some(value) => drop(object.insert(field.to_owned(), value)),
                None => drop(object.remove(field)),
            }
            changed
        };
        assert_eq!(read(changed(Some(serde_json::Value::Null))), read(changed(None)), "{place} of {full}");
    }
}

/// Where the fields are, as JSON pointers.
fn places(value: &serde_json::Value, at: &str) -> Vec<String> {
    let below = |name: &str, value: &serde_json::Value| places(value, &format!("{at}/{name}"));
    match value {
        serde_json::Value::Object(fields) => fields
            .iter()
            .flat_map(|(name, value)| [vec![format!("{at}/{name}")], below(name, value)].concat())
            .collect(),
        serde_json::Value::Array(items) => {
            items.iter().enumerate().flat_map(|(index, value)| below(&index.to_string(), value)).collect()
        }
        _ => Vec::new(),
    }
}
