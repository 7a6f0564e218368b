//! Where streams come from: the machine's own TCP, unless somebody gives another network. The timing of the links is
//! tested over a simulated one.

use actix_rt::net::ActixStream;
use futures_util::future::LocalBoxFuture;
use std::fmt::Debug;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// How long one of several addresses may take: one that swallows packets must not use up the time of the next.
const ONE_OF_SEVERAL: Duration = Duration::from_secs(3);

/// A connection that awc can lay TLS and HTTP over.
pub trait Stream: ActixStream + Debug {}

impl<T: ActixStream + Debug> Stream for T {}

/// A connection of any network.
pub type BoxStream = Box<dyn Stream>;

/// What becomes of bytes that the network has not taken yet when a connection is dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drops {
    /// They are still sent: a goodbye arrives.
    Politely,
    /// They are forgotten. A call that was given up must not arrive minutes later, when a cut network is mended.
    Abruptly,
}

/// Names and connections.
pub trait Network: Debug + Send + Sync {
    /// The addresses of a host.
    fn resolve(&self, host: &str, port: u16) -> LocalBoxFuture<'static, io::Result<Vec<SocketAddr>>>;
    /// A connection to one of them. Not bounded: the caller is.
    fn connect(&self, address: SocketAddr, drops: Drops) -> LocalBoxFuture<'static, io::Result<BoxStream>>;
}

/// The machine's own.
#[derive(Clone, Copy, Debug)]
struct Tcp;

impl Network for Tcp {
    fn resolve(&self, host: &str, port: u16) -> LocalBoxFuture<'static, io::Result<Vec<SocketAddr>>> {
        let host = host.to_owned();
        Box::pin(async move { Ok(tokio::net::lookup_host((host, port)).await?.collect()) })
    }

    fn connect(&self, address: SocketAddr, drops: Drops) -> LocalBoxFuture<'static, io::Result<BoxStream>> {
        Box::pin(async move {
            let stream = tokio::net::TcpStream::connect(address).await?;
            stream.set_nodelay(true)?;
            if drops == Drops::Abruptly {
                stream.set_zero_linger()?;
            }
            Ok(Box::new(stream) as BoxStream)
        })
    }
}

/// The machine's own network.
pub(super) fn tcp() -> Arc<dyn Network> {
    Arc::new(Tcp)
}

/// Tries the addresses of a host one after the other; the caller bounds the whole.
pub(super) async fn connect(network: &dyn Network, host: &str, port: u16, drops: Drops) -> io::Result<BoxStream> {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let addresses = network.resolve(bare, port).await?;
    let mut failure = io::Error::new(io::ErrorKind::NotFound, "no address for this host");
    let several = addresses.len() > 1;
    for address in addresses {
        let stream = network.connect(address, drops);
        let stream = if several {
            tokio::time::timeout(ONE_OF_SEVERAL, stream).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
        } else {
            stream.await
        };
        match stream {
            Ok(stream) => return Ok(stream),
            Err(error) => failure = error,
        }
    }
    Err(failure)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    /// What the other side meets when a connection is dropped that has sent this and not read the answer.
    async fn met(drops: Drops) -> io::Result<usize> {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("its address");
        let stream = connect(&Tcp, "127.0.0.1", address.port(), drops);
        let (stream, accepted) = tokio::join!(stream, listener.accept());
        let (mut stream, (mut other, _)) = (stream.expect("connected"), accepted.expect("accepted"));
        stream.write_all(b"x").await.expect("it is sent");
        let mut read = [0; 8];
        assert_eq!(other.read(&mut read).await.expect("it is read"), 1);
        drop(stream);
        other.read(&mut read).await
    }

    #[tokio::test]
    async fn a_connection_for_calls_is_reset_when_it_is_dropped_and_one_for_a_link_is_closed() {
        assert_eq!(met(Drops::Politely).await.expect("an end"), 0);
        assert_eq!(met(Drops::Abruptly).await.expect_err("a reset").kind(), io::ErrorKind::ConnectionReset);
    }
}
