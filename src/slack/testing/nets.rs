//! Networks for tests: turmoil's simulated one, and pairs of pipes in memory.

use crate::slack::network::{BoxStream, Drops, Network};
use actix_rt::net::{ActixStream, Ready};
use futures_util::future::LocalBoxFuture;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};
use tokio::sync::mpsc;

/// Makes a stream that is always worth a try one that awc takes.
#[derive(Debug)]
pub(crate) struct Tried<S>(pub(crate) S);

impl<S: AsyncRead + Unpin> AsyncRead for Tried<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Tried<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> ActixStream for Tried<S> {
    fn poll_read_ready(&self, _: &mut Context<'_>) -> Poll<io::Result<Ready>> {
        Poll::Ready(Ok(Ready::READABLE))
    }
    fn poll_write_ready(&self, _: &mut Context<'_>) -> Poll<io::Result<Ready>> {
        Poll::Ready(Ok(Ready::WRITABLE))
    }
}

/// The network of a simulation; only of use inside one.
#[derive(Debug, Default)]
pub(crate) struct Simulated {
    /// Names cannot be resolved.
    pub(crate) no_names: AtomicBool,
}

impl Network for Simulated {
    fn resolve(&self, host: &str, port: u16) -> LocalBoxFuture<'static, io::Result<Vec<SocketAddr>>> {
        let found = match self.no_names.load(Ordering::Relaxed) {
            true => Err(io::Error::other("failed to lookup address information")),
            false => Ok(vec![SocketAddr::new(turmoil::lookup(host), port)]),
        };
        Box::pin(async { found })
    }

    fn connect(&self, address: SocketAddr, _: Drops) -> LocalBoxFuture<'static, io::Result<BoxStream>> {
        Box::pin(async move {
            let stream = turmoil::net::TcpStream::connect(address).await?;
            Ok(Box::new(Tried(stream)) as BoxStream)
        })
    }
}

/// What is open at the client's end, and the most that ever was.
#[derive(Debug, Default)]
pub(crate) struct Count {
    open: AtomicUsize,
    most: AtomicUsize,
    made: AtomicUsize,
}

impl Count {
    pub(crate) fn open(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }
    pub(crate) fn most(&self) -> usize {
        self.most.load(Ordering::Relaxed)
    }
    pub(crate) fn made(&self) -> usize {
        self.made.load(Ordering::Relaxed)
    }
}

/// The client's end of a pipe, counted for as long as it is held.
#[derive(Debug)]
struct Counted {
    pipe: DuplexStream,
    count: Arc<Count>,
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.count.open.fetch_sub(1, Ordering::Relaxed);
    }
}

impl AsyncRead for Counted {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.pipe).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Counted {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.pipe).poll_write(cx, bytes)
    }
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.pipe).poll_flush(cx)
    }
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.pipe).poll_shutdown(cx)
    }
}

/// A network of pipes: every connection comes out at the other end. Each port is counted for itself.
#[derive(Debug)]
pub(crate) struct Pipes {
    accepted: mpsc::UnboundedSender<Tried<DuplexStream>>,
    /// The connections to port 80, where the Web API is.
    pub(crate) calls: Arc<Count>,
    /// All others.
    pub(crate) links: Arc<Count>,
}

impl Pipes {
    pub(crate) fn new() -> (Self, mpsc::UnboundedReceiver<Tried<DuplexStream>>) {
        let (accepted, incoming) = mpsc::unbounded_channel();
        (Self { accepted, calls: Arc::default(), links: Arc::default() }, incoming)
    }
}

impl Network for Pipes {
    fn resolve(&self, _: &str, port: u16) -> LocalBoxFuture<'static, io::Result<Vec<SocketAddr>>> {
        Box::pin(async move { Ok(vec![SocketAddr::from(([10, 0, 0, 1], port))]) })
    }

    fn connect(&self, address: SocketAddr, _: Drops) -> LocalBoxFuture<'static, io::Result<BoxStream>> {
        let count = Arc::clone(if address.port() == 80 { &self.calls } else { &self.links });
        let accepted = self.accepted.clone();
        Box::pin(async move {
            let (near, far) = tokio::io::duplex(64 * 1024);
            accepted.send(Tried(far)).map_err(|_| io::ErrorKind::ConnectionRefused)?;
            count.made.fetch_add(1, Ordering::Relaxed);
            let open = count.open.fetch_add(1, Ordering::Relaxed) + 1;
            count.most.fetch_max(open, Ordering::Relaxed);
            Ok(Box::new(Tried(Counted { pipe: near, count })) as BoxStream)
        })
    }
}
