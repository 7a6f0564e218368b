//! The HTTP server of the probes: one small worker of its own beside the actors, without any signal handling. Where drills
//! are allowed, `POST /drill/<actor>/<kind>` breaks an actor, and where self-tests are, a signed `POST /selftest` asks for
//! one; elsewhere there is no such thing.

use super::{Board, HealthError, Judgement, Metrics};
use crate::domain::{Drill, SelfTestAnswer, SelfTestCall, VitalsSource};
use actix_web::dev::{Server, ServerHandle};
use actix_web::http::header::{CACHE_CONTROL, ContentType};
use actix_web::web::{self, Data, Path, Query};
use actix_web::{App, HttpRequest, HttpResponse, HttpResponseBuilder, HttpServer};
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

/// How long a connection may be open on which nothing is asked. So many others are waited for by a probe at the worst, and an
/// orchestrator kills what does not answer its probes.
const SPEECHLESS: Duration = Duration::from_secs(1);

/// The same, after something was asked on it.
const QUIET: Duration = Duration::from_secs(5);

/// What there is, for a caller that asks for something else.
const PATHS: [&str; 5] = ["/livez", "/readyz", "/startupz", "/metrics", "/version"];

/// How an actor can be broken.
const DRILLS: [&str; 3] = ["panic", "hang", "stick"];

/// For how long a thread is stuck that is told no other time: longer than any watchdog bears.
const STUCK_FOR: f64 = 60.0;

/// A server that listens and is not driven yet.
pub struct Serving {
    /// The server, to be driven to its end by the code that supervises it.
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
            .route("/drill/{actor}/{kind}", web::post().to(drill))
            .route("/selftest", web::post().to(self_test))
            .default_service(web::to(elsewhere))
    })
    .workers(1)
    .disable_signals()
    .keep_alive(QUIET)
    .client_request_timeout(SPEECHLESS)
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
    let told = serde_json::json!({
        "version": spec.build.version,
        "revision": spec.build.revision,
        "created": spec.build.created,
        "source": spec.build.source,
        "policy": spec.policy_hash,
    });
    fresh(HttpResponse::Ok()).json(with_place(told, &board))
}

/// Which image runs, and where, as far as it is known: what a deployment compares.
fn with_place(mut told: serde_json::Value, board: &Board) -> serde_json::Value {
    let body = board.vitals().body;
    let task = body.task.map(|task| task.id);
    for (name, value) in [("image", body.image), ("instance", body.instance), ("task", task), ("zone", body.zone)] {
        if let Some(value) = value {
            told[name] = value.into();
        }
    }
    told
}

/// For how long.
#[derive(serde::Deserialize)]
struct Lasting {
    seconds: Option<f64>,
}

async fn drill(board: Data<Board>, path: Path<(String, String)>, request: HttpRequest) -> HttpResponse {
    if !board.allows_drills() {
        return elsewhere().await;
    }
    let (actor, kind) = path.into_inner();
    let seconds = Query::<Lasting>::from_query(request.query_string()).ok().map(|lasting| lasting.seconds);
    let time = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds.unwrap_or(STUCK_FOR)).ok());
    let drill = match (kind.as_str(), time) {
        ("panic", _) => Drill::Panic,
        ("hang", _) => Drill::Hang,
        ("stick", Some(time)) => Drill::Stick(time),
        ("stick", None) => return plain(HttpResponse::BadRequest(), "seconds must be a number, 0 or more"),
        _ => return plain(HttpResponse::NotFound(), &format!("no drill {kind}; there are {}", DRILLS.join(", "))),
    };
    if board.drill(&actor, drill) == Some(true) {
        return plain(HttpResponse::Accepted(), &format!("{actor} is told to {kind}"));
    }
    let names: Vec<String> = board.vitals().actors.into_iter().map(|actor| actor.name).collect();
    plain(HttpResponse::NotFound(), &format!("no actor {actor}; there are {}", names.join(", ")))
}

async fn self_test(board: Data<Board>, request: HttpRequest) -> HttpResponse {
    let Some(ask) = board.self_tests() else { return elsewhere().await };
    if board.is_draining() {
        return refused(
            HttpResponse::ServiceUnavailable(),
            "I am on my way out, so I run no self-test. Ask another replica.",
        );
    }
    let header = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let call = SelfTestCall {
        timestamp: header("x-dronebot-timestamp").to_owned(),
        nonce: header("x-dronebot-nonce").to_owned(),
        signature: header("x-dronebot-signature").to_owned(),
    };
    match ask(call).await {
        SelfTestAnswer::Accepted { request, channel } => {
            fresh(HttpResponse::Accepted()).json(serde_json::json!({"request": request, "channel": channel}))
        }
        SelfTestAnswer::Unsigned(why) => refused(HttpResponse::Unauthorized(), why),
        SelfTestAnswer::Replayed(first) => {
            let error = format!("This call was taken before, as {first}. Sign another.");
            refused(HttpResponse::Conflict(), &error)
        }
        SelfTestAnswer::NotNow(why) => refused(HttpResponse::ServiceUnavailable(), &why),
    }
}

fn refused(mut response: HttpResponseBuilder, error: &str) -> HttpResponse {
    response.insert_header((CACHE_CONTROL, "no-store"));
    response.json(serde_json::json!({"error": error}))
}

async fn elsewhere() -> HttpResponse {
    plain(HttpResponse::NotFound(), &format!("not found; there is {}", PATHS.join(", ")))
}

fn plain(response: HttpResponseBuilder, text: &str) -> HttpResponse {
    fresh(response).content_type(ContentType::plaintext()).body(format!("{text}\n"))
}
