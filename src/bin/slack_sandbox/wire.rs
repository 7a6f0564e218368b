//! The TCP stream under a request, which actix-web does not give: for what only a broken network does to it.

use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

use actix_web::HttpRequest;
use actix_web::dev::Extensions;

/// A second handle of the TCP stream under a request.
#[derive(Debug, Clone, Default)]
pub struct Wire(Option<Arc<OwnedFd>>);

impl Wire {
    /// For `HttpServer::on_connect`: keeps a handle with the connection, and turns Nagle's algorithm off.
    pub fn keep(stream: &dyn std::any::Any, extensions: &mut Extensions) {
        if let Some(stream) = stream.downcast_ref::<tokio::net::TcpStream>() {
            let _ = stream.set_nodelay(true);
            extensions.insert(Wire(stream.as_fd().try_clone_to_owned().ok().map(Arc::new)));
        }
    }

    /// Of this request's connection.
    pub fn of(request: &HttpRequest) -> Wire {
        request.conn_data::<Wire>().cloned().unwrap_or_default()
    }

    /// What [`Wire::sever`] takes, as long as the link is there.
    pub fn handle(self) -> Option<Arc<OwnedFd>> {
        self.0
    }

    fn stream(fd: &OwnedFd) -> Option<std::net::TcpStream> {
        fd.try_clone().ok().map(std::net::TcpStream::from)
    }

    /// Closes the connection at once, whatever is still to be said.
    pub fn cut(&self) {
        if let Some(stream) = self.0.as_deref().and_then(Wire::stream) {
            let _ = stream.shutdown(std::net::Shutdown::Both);
        }
    }

    /// From now on closing means a reset.
    pub fn sever(fd: &OwnedFd) {
        if let Some(stream) = Wire::stream(fd)
            && let Ok(stream) = tokio::net::TcpStream::from_std(stream)
        {
            let _ = stream.set_zero_linger();
        }
    }
}
