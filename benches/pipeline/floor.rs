//! The floor: what a command costs that is only heard, kept and acknowledged. A bare WebSocket echo that writes each frame
//! to a file and syncs it, on the same driver in the same run.

use crate::support::{Folder, Slack};
use actix_web::web::{Data, Payload, ServiceConfig, get};
use actix_web::{HttpRequest, HttpResponse, rt};
use futures_util::{SinkExt, StreamExt};
use parking_lot::Mutex;
use std::io::Write;
use std::path::PathBuf;
use std::sync::mpsc::{Sender, channel};
use std::time::{Duration, Instant};

#[derive(Default)]
pub struct Floor {
    envelope: String,
    session: Option<actix_ws::Session>,
    left: usize,
    sent: Option<Instant>,
    times: Vec<Duration>,
    done: Option<Sender<()>>,
}

pub type Shared = Data<Mutex<Floor>>;

/// Serves the driver's side of it.
pub fn routes(floor: Shared) -> impl Fn(&mut ServiceConfig) + Clone + Send + 'static {
    move |config| {
        config.app_data(floor.clone()).route("/floor", get().to(serve));
    }
}

/// The driver's side: sends a frame as large as an envelope and waits for its echo.
async fn serve(request: HttpRequest, body: Payload, floor: Shared) -> actix_web::Result<HttpResponse> {
    let (response, session, mut frames) = actix_ws::handle(&request, body)?;
    let up = {
        let mut floor = floor.lock();
        floor.session = Some(session.clone());
        floor.done.take()
    };
    if let Some(up) = up {
        let _ = up.send(());
    }
    rt::spawn(async move {
        let mut session = session;
        while let Some(Ok(frame)) = frames.recv().await {
            if !matches!(frame, actix_ws::Message::Text(_)) {
                continue;
            }
            let next = floor.lock().echoed();
            if let Some(text) = next {
                let _ = session.text(text).await;
            }
        }
    });
    Ok(response)
}

impl Floor {
    /// An echo came; the next frame.
    fn echoed(&mut self) -> Option<String> {
        if let Some(sent) = self.sent.take() {
            self.times.push(sent.elapsed());
        }
        self.left = self.left.saturating_sub(1);
        if self.left > 0 {
            self.sent = Some(Instant::now());
            return Some(self.envelope.clone());
        }
        if let Some(done) = self.done.take() {
            let _ = done.send(());
        }
        None
    }
}

/// The bare echo: a WebSocket client that writes each frame to a file, syncs it, and sends a short frame back.
fn echo(base: &str, file: PathBuf) {
    let url = format!("{}/floor", base.replace("http:", "ws:"));
    std::thread::spawn(move || {
        rt::System::new().block_on(async move {
            let mut file = std::fs::File::create(file).unwrap();
            let (_, mut socket) = awc::Client::builder().finish().ws(url).connect().await.unwrap();
            while let Some(Ok(frame)) = socket.next().await {
                if let awc::ws::Frame::Text(text) = frame {
                    file.write_all(&text).unwrap();
                    file.sync_data().unwrap();
                    socket.send(awc::ws::Message::Text("{\"envelope_id\":\"e-0\"}".into())).await.unwrap();
                }
            }
        });
    });
}

/// So many echoes, one at a time; their times, sorted.
pub fn measure(slack: &Slack, floor: &Mutex<Floor>, folder: &Folder, count: usize) -> Vec<Duration> {
    let (up, connected) = channel();
    let envelope = slack.line(0).envelope(slack.base(), 0, 0, 0);
    *floor.lock() = Floor { envelope, done: Some(up), ..Floor::default() };
    echo(slack.base(), folder.path().join("floor.bin"));
    connected.recv_timeout(Duration::from_secs(10)).expect("the echo connects");
    let (done, finished) = channel();
    let (mut session, text) = {
        let mut floor = floor.lock();
        floor.left = count;
        floor.done = Some(done);
        floor.sent = Some(Instant::now());
        (floor.session.clone().unwrap(), floor.envelope.clone())
    };
    rt::System::new().block_on(async { session.text(text).await.unwrap() });
    finished.recv_timeout(Duration::from_secs(120)).expect("the echo answers");
    let mut times = std::mem::take(&mut floor.lock().times);
    times.sort_unstable();
    times
}
