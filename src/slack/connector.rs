//! How a TCP connection to Slack is made, directly or through a proxy, and the HTTP clients built on it.
//! The same way serves the Web API, response_url and Socket Mode.

use super::network::{self, BoxStream, Drops, Network};
use super::proxy::{Proxy, Route};
use super::tls;
use actix_service::Service;
use actix_tls::connect::{ConnectError, ConnectInfo, Connection};
use awc::http::Uri;
use awc::{Client, Connector};
use futures_util::future::LocalBoxFuture;
use secrecy::ExposeSecret;
use std::cell::OnceCell;
use std::io;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// How long a connection is used. awc hands its idle ones out in turn, so that none is idle for long: of those that a burst
/// made, each is kept for so long, however few are needed. A handshake in so much time costs less than thirty open sockets.
const LIFETIME: Duration = Duration::from_secs(20);

/// The longest answer of a proxy that is read.
const PROXY_HEAD_LIMIT: usize = 8 * 1024;

/// What awc asks for a connection. awc lays TLS over the stream itself.
#[derive(Clone)]
struct Dial {
    proxy: Arc<Proxy>,
    drops: Drops,
}

impl Service<ConnectInfo<Uri>> for Dial {
    type Response = Connection<Uri, BoxStream>;
    type Error = ConnectError;
    type Future = LocalBoxFuture<'static, Result<Self::Response, Self::Error>>;

    fn poll_ready(&self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&self, info: ConnectInfo<Uri>) -> Self::Future {
        let (proxy, drops) = (Arc::clone(&self.proxy), self.drops);
        Box::pin(async move {
            let uri = info.request().clone();
            let secure = is_secure(&uri);
            let host = uri.host().ok_or(ConnectError::Unresolved)?.to_owned();
            let port = uri.port_u16().unwrap_or(if secure { 443 } else { 80 });
            let stream = match proxy.route(secure, &host, port) {
                Some(route) => tunnel(proxy.network(), route, &host, port, drops).await,
                None => network::connect(proxy.network(), &host, port, drops).await,
            };
            Ok(Connection::new(uri, stream.map_err(ConnectError::Io)?))
        })
    }
}

/// A connection to the host through the proxy's CONNECT.
async fn tunnel(network: &dyn Network, route: &Route, host: &str, port: u16, drops: Drops) -> io::Result<BoxStream> {
    let mut stream = network::connect(network, &route.host, route.port, drops)
        .await
        .map_err(|error| io::Error::new(error.kind(), format!("proxy cannot be reached: {error}")))?;
    let mut request = format!("CONNECT {host}:{port} HTTP/1.1\r\nHost: {host}:{port}\r\n");
    if let Some(authorization) = &route.authorization {
        request.push_str("Proxy-Authorization: ");
        request.push_str(authorization.expose_secret());
        request.push_str("\r\n");
    }
    request.push_str("\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut head = Vec::with_capacity(256);
    while !head.ends_with(b"\r\n\r\n") {
        if head.len() >= PROXY_HEAD_LIMIT {
            return Err(io::Error::other("proxy's answer is too long"));
        }
        // byte by byte, as what follows the head belongs to the tunnel; this is done once per connection
        head.push(stream.read_u8().await.map_err(|_| io::Error::other("proxy closed the connection"))?);
    }
    let line = head.split(|byte| *byte == b'\r').next().unwrap_or_default();
    let status = line.split(|byte| *byte == b' ').nth(1).and_then(|status| std::str::from_utf8(status).ok());
    match status {
        Some(status) if status.len() == 3 && status.starts_with('2') => Ok(stream),
        Some(status) if status.len() == 3 && status.bytes().all(|byte| byte.is_ascii_digit()) => {
            Err(io::Error::other(format!("proxy refused with status {status}")))
        }
        _ => Err(io::Error::other("proxy's answer is not HTTP")),
    }
}

/// Whether an address needs TLS.
pub(super) fn is_secure(uri: &Uri) -> bool {
    matches!(uri.scheme_str(), Some("https" | "wss"))
}

/// The HTTP clients of one thread and one purpose: a live WebSocket holds a place in its client's pool, so Socket Mode
/// and the Web API have one each.
pub(super) struct Http {
    proxy: Arc<Proxy>,
    connections: usize,
    connect_timeout: Duration,
    drops: Drops,
    plain: OnceCell<Client>,
    secure: OnceCell<Client>,
}

impl Http {
    /// Clients that hold at most this many connections (0: no limit) and take at most so long for TCP and for TLS each.
    pub(super) fn new(proxy: Arc<Proxy>, connections: usize, connect_timeout: Duration, drops: Drops) -> Self {
        Self { proxy, connections, connect_timeout, drops, plain: OnceCell::new(), secure: OnceCell::new() }
    }

    /// The client for this address; TLS is set up when the first https or wss address comes.
    pub(super) fn client(&self, uri: &Uri) -> Result<&Client, tls::TlsError> {
        if !is_secure(uri) {
            return Ok(self.plain.get_or_init(|| self.build(None)));
        }
        if let Some(client) = self.secure.get() {
            return Ok(client);
        }
        let config = tls::client_config()?;
        Ok(self.secure.get_or_init(|| self.build(Some(config))))
    }

    fn build(&self, tls: Option<Arc<rustls::ClientConfig>>) -> Client {
        let connector = Connector::new()
            .max_http_version(awc::http::Version::HTTP_11)
            .connector(Dial { proxy: Arc::clone(&self.proxy), drops: self.drops })
            .limit(self.connections)
            .conn_lifetime(LIFETIME)
            .timeout(self.connect_timeout)
            .handshake_timeout(self.connect_timeout);
        let connector = match tls {
            Some(config) => connector.rustls_0_23(config),
            None => connector,
        };
        // the caller bounds every call as a whole, so awc's own timer is off
        Client::builder().connector(connector).disable_timeout().disable_redirects().finish()
    }
}
