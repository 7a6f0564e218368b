//! The HTTP server of the probes: one small worker of its own beside the actors, without any signal handling.

use super::{Board, HealthError, Judgement, Metrics};
use actix_web::dev::{Server, ServerHandle};
use actix_web::http::header::{CACHE_CONTROL, ContentType};
use actix_web::web::{self, Data};
use actix_web::{App, HttpResponse, HttpResponseBuilder, HttpServer};
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

/// What there is, for whoever asks for something else.
const PATHS: [&str; 5] = ["/livez", "/readyz", "/startupz", "/metrics", "/version"];

/// A server that listens and is not driven yet.
pub struct Serving {
    /// The server, to be driven to its end by whoever supervises it.
    pub server: Server,
    /// Stops it: `handle.stop(true).await`.
    pub handle: ServerHandle,
    /// Where it listens; the port is chosen when 0 was asked for.
    pub address: SocketAddr,
}

impl std::fmt::Debug for Serving {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Serving").field("address", &self.address).finish_non_exhaustive()
    }
}

/// Listens at once; answers from the moment that the server is polled.
///
/// # Errors
/// The address cannot be listened on, as one line.
pub fn serve(board: Arc<Board>, metrics: Metrics, listen: SocketAddr) -> Result<Serving, HealthError> {
    let failed = |error: io::Error| match error.kind() {
        io::ErrorKind::AddrInUse => HealthError::Busy { listen },
        _ => HealthError::Listen { listen, reason: error.to_string() },
    };
    let listener = TcpListener::bind(listen).map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    let (board, metrics) = (Data::from(board), Data::new(metrics));
    let server = HttpServer::new(move || {
        App::new()
            .app_data(board.clone())
            .app_data(metrics.clone())
            .route("/livez", web::get().to(live))
            .route("/readyz", web::get().to(ready))
            .route("/startupz", web::get().to(startup))
            .route("/metrics", web::get().to(numbers))
            .route("/version", web::get().to(version))
            .default_service(web::to(elsewhere))
    })
    .workers(1)
    .disable_signals()
    .keep_alive(Duration::from_secs(15))
    .client_request_timeout(Duration::from_secs(5))
    .max_connections(256)
    .shutdown_timeout(1)
    .listen(listener)
    .map_err(failed)?
    .run();
    Ok(Serving { handle: server.handle(), server, address })
}

fn fresh(mut response: HttpResponseBuilder) -> HttpResponseBuilder {
    response.insert_header((CACHE_CONTROL, "no-store"));
    response
}

fn told(judgement: &Judgement) -> HttpResponse {
    let response = if judgement.is_ok() { HttpResponse::Ok() } else { HttpResponse::ServiceUnavailable() };
    fresh(response).json(judgement)
}

async fn live(board: Data<Board>) -> HttpResponse {
    told(&board.live())
}

async fn ready(board: Data<Board>) -> HttpResponse {
    told(&board.ready())
}

async fn startup(board: Data<Board>) -> HttpResponse {
    told(&board.startup())
}

async fn numbers(board: Data<Board>, metrics: Data<Metrics>) -> HttpResponse {
    let text = metrics.render(&board);
    fresh(HttpResponse::Ok()).content_type("text/plain; version=0.0.4; charset=utf-8").body(text)
}

async fn version(board: Data<Board>) -> HttpResponse {
    let spec = board.spec();
    fresh(HttpResponse::Ok()).json(serde_json::json!({
        "version": spec.build.version,
        "revision": spec.build.revision,
        "created": spec.build.created,
        "source": spec.build.source,
        "policy": spec.policy_hash,
    }))
}

async fn elsewhere() -> HttpResponse {
    let text = format!("not found; there is {}\n", PATHS.join(", "));
    HttpResponse::NotFound().content_type(ContentType::plaintext()).body(text)
}
