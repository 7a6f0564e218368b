//! `slack-sandbox`: the Slack that runs on a laptop.
//!
//! One process, one HTTP port: the Web API (`/api/<method>`), Socket Mode (`/link/`), response URLs (`/commands/…`,
//! `/actions/…`), a chat page (`/`) where one can be several people, and a control API (`/control/…`, see [`control`]) by which
//! tests talk and break things. It shares no code with the bot: what both believe about Slack is written down twice, so
//! that one checks the other.
//!
//! The walk: a person acts (`actions`) → the message is kept (`chat`) and an envelope is made (`events`, `hub`) → one link
//! carries it (`socket`) → the bot acks, and answers through `api` → `chat` again → whoever waits is woken (`control`).
//! All state is behind one lock (`state`) that nobody holds over an await.

mod actions;
mod api;
mod chat;
mod clock;
mod control;
mod events;
mod faults;
mod files;
mod grid;
mod hub;
mod ids;
mod interact;
mod limits;
mod page;
mod people;
mod socket;
mod state;
mod text;
mod triggers;
mod urls;
mod views;
mod wire;

#[cfg(test)]
mod tests;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use actix_web::dev::Server;
use actix_web::{App, HttpServer, web};
use clap::Parser;
use tokio::signal::unix::{SignalKind, signal};

use crate::state::{Options, Sandbox};

/// How long a connection without a call is kept.
const KEPT: Duration = Duration::from_secs(75);

/// Between two looks for overdue envelopes.
const TICK: Duration = Duration::from_millis(25);

/// The Slack that runs on a laptop: Web API, Socket Mode, a chat page, and switches to break things.
#[derive(Debug, Parser)]
#[command(name = "slack-sandbox", version)]
struct Arguments {
    /// Where to listen: `address:port` or a port of 127.0.0.1; port 0 takes any free one.
    #[arg(long, default_value = "127.0.0.1:0", value_parser = listen_address)]
    listen: SocketAddr,
    /// A file to write the port to, once it is open.
    #[arg(long)]
    port_file: Option<PathBuf>,
    /// The bot token that is right.
    #[arg(long, default_value = "xoxb-sandbox")]
    bot_token: String,
    /// The app-level token that is right.
    #[arg(long, default_value = "xapp-sandbox")]
    app_token: String,
    /// Limit nothing by rate: for load tests.
    #[arg(long)]
    no_rate_limits: bool,
    /// Milliseconds between pings to a client.
    #[arg(long, default_value_t = 10_000)]
    ping_ms: u64,
    /// Milliseconds an envelope may stay unacked.
    #[arg(long, default_value_t = 3000)]
    ack_timeout_ms: u64,
    /// Milliseconds TCP stays open after the closing handshake; like Slack we leave closing it to the client.
    #[arg(long, default_value_t = 5000)]
    close_linger_ms: u64,
    /// Messages kept per channel, and calls kept in the log.
    #[arg(long, default_value_t = 5000)]
    history: usize,
    /// Threads that serve requests.
    #[arg(long, default_value_t = 1)]
    workers: usize,
    /// Ask a running sandbox at this URL whether it is well, and exit with 0 or 1.
    #[arg(long, value_name = "URL")]
    healthcheck: Option<String>,
}

fn listen_address(text: &str) -> Result<SocketAddr, String> {
    if let Ok(port) = text.parse::<u16>() {
        return Ok(SocketAddr::from(([127, 0, 0, 1], port)));
    }
    text.replace("localhost:", "127.0.0.1:").parse().map_err(|_| "use address:port, such as 127.0.0.1:8080".to_owned())
}

#[actix_web::main]
#[expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "the ready line is for the parent process, errors are for the terminal"
)]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if let Some(url) = &arguments.healthcheck {
        return match healthy(url) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("slack-sandbox: {url} is not well: {error}");
                ExitCode::FAILURE
            }
        };
    }
    let listener = match TcpListener::bind(arguments.listen) {
        Ok(listener) => listener,
        Err(error) => {
            eprintln!(
                "slack-sandbox: cannot listen on {}: {error}; stop what uses the port or choose another with --listen",
                arguments.listen
            );
            return ExitCode::from(2);
        }
    };
    let run = async {
        let address = listener.local_addr()?;
        let server = serve(listener, arguments.options(address), arguments.workers)?;
        if let Some(path) = &arguments.port_file {
            std::fs::write(path, format!("{}\n", address.port()))?;
        }
        println!("slack-sandbox listening on http://{}", reachable(address));
        std::io::stdout().flush()?;
        until_signal(server).await
    };
    match run.await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("slack-sandbox: {error}");
            ExitCode::FAILURE
        }
    }
}

impl Arguments {
    fn options(&self, address: SocketAddr) -> Options {
        Options {
            bot_token: self.bot_token.clone(),
            app_token: self.app_token.clone(),
            rate_limits: !self.no_rate_limits,
            ping_interval: Duration::from_millis(self.ping_ms.max(1)),
            close_linger: Duration::from_millis(self.close_linger_ms),
            ack_timeout: Duration::from_millis(self.ack_timeout_ms),
            history: self.history.max(1),
            debug_life: socket::DEBUG_LIFE,
            base_url: format!("http://{}", reachable(address)),
        }
    }
}

/// The address to tell: 127.0.0.1 where we listen everywhere.
fn reachable(address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() { SocketAddr::from(([127, 0, 0, 1], address.port())) } else { address }
}

/// The server on this listener, and the ticker beside it.
fn serve(listener: TcpListener, options: Options, workers: usize) -> std::io::Result<Server> {
    let sandbox = web::Data::new(Sandbox::new(options));
    let ticking = sandbox.clone();
    clock::spawn(async move {
        let mut ticks = tokio::time::interval(TICK);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
        loop {
            ticks.tick().await;
            ticking.lock().tick();
        }
    });
    let server = HttpServer::new(move || {
        App::new()
            .app_data(sandbox.clone())
            .app_data(web::PayloadConfig::new(4 * 1024 * 1024))
            .app_data(
                web::JsonConfig::default()
                    .limit(4 * 1024 * 1024)
                    .content_type_required(false)
                    .error_handler(control::bad_json),
            )
            .app_data(web::QueryConfig::default().error_handler(control::bad_query))
            .route("/api/{method}", web::to(api::call))
            .route("/upload/v1/{secret}", web::post().to(api::files::upload))
            .route("/files-pri/{id}/{name}", web::get().to(api::files::content))
            .route("/link/", web::get().to(socket::link))
            .route("/commands/{team}/{number}/{secret}", web::post().to(api::response_url))
            .route("/actions/{team}/{number}/{secret}", web::post().to(api::response_url))
            .configure(control::routes)
            .configure(page::routes)
    });
    Ok(server
        .on_connect(wire::Wire::keep)
        // longer than clients keep theirs, so that none sends into one that is being closed; and a slow client is no reason for a 408
        .keep_alive(KEPT)
        .client_request_timeout(Duration::ZERO)
        .workers(workers.max(1))
        .disable_signals()
        .shutdown_timeout(1)
        .listen(listener)?
        .run())
}

async fn until_signal(server: Server) -> std::io::Result<()> {
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let handle = server.handle();
    let mut server = std::pin::pin!(server);
    tokio::select! {
        ended = &mut server => return ended,
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    let ((), ended) = tokio::join!(handle.stop(false), server);
    ended
}

/// `GET /health` by hand, so that the image needs no curl.
fn healthy(url: &str) -> Result<(), String> {
    let url = url::Url::parse(url).map_err(|e| e.to_string())?;
    let address = url.socket_addrs(|| None).map_err(|e| e.to_string())?;
    let address = address.first().ok_or("no address")?;
    let wait = Duration::from_secs(3);
    let mut stream = TcpStream::connect_timeout(address, wait).map_err(|e| e.to_string())?;
    stream.set_read_timeout(Some(wait)).map_err(|e| e.to_string())?;
    stream
        .write_all(b"GET /health HTTP/1.1\r\nHost: sandbox\r\nConnection: close\r\n\r\n")
        .map_err(|e| e.to_string())?;
    let mut status = [0; 12];
    stream.read_exact(&mut status).map_err(|e| e.to_string())?;
    if &status == b"HTTP/1.1 200" { Ok(()) } else { Err(String::from_utf8_lossy(&status).into_owned()) }
}
