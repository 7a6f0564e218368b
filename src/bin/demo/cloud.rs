//! The simulated AWS of the demo: a fleet and a service in Moto, and before it the proxy that plays what Moto does not model.
//! `cargo demo` starts a Moto of its own for it; for compose.yaml it is a program, `demo aws`.

use crate::{fleet, proxy, service};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

/// How long the demo's instances and rollouts take: long enough to be watched, and to kill the bot meanwhile.
const LAG: Duration = Duration::from_secs(12);

/// How long Moto may take to answer after its start.
const START: Duration = Duration::from_secs(60);

/// How often we look whether Moto still has what we planted.
const LOOK: Duration = Duration::from_secs(5);

/// How long one answer may take.
const ANSWER: Duration = Duration::from_secs(15);

/// What was planted, and the proxy before it.
pub struct Cloud {
    /// The proxy's address on this machine.
    pub url: String,
    control: Arc<proxy::Control>,
    moto: String,
}

impl Cloud {
    /// Plants the fleet and the service in an empty Moto.
    pub async fn plant(moto: &str) -> Result<Self, String> {
        // boxed like what follows: the SDK's calls are large on the stack
        Box::pin(fleet::plant(moto, fleet::DEMO)).await?;
        let (url, control) = proxy::start(moto.to_owned(), None)?;
        let made = Box::pin(service::MadeService::make(&url, service::DEMO)).await;
        let made = made.map_err(|error| format!("Moto did not take the service: {error}"))?;
        let broken = Box::pin(made.digest(service::BROKEN)).await;
        control.rollouts.breaks(broken.ok_or("the broken version is not in ECR")?);
        control.set_lag(LAG);
        Ok(Self { url, control, moto: moto.to_owned() })
    }

    /// Opens a second door of the proxy, for other machines.
    fn open(&self, listen: SocketAddr) -> Result<String, String> {
        proxy::open(listen, &self.control, self.moto.clone(), None)
    }

    /// Waits until Moto has lost what was planted. A Moto that does not answer is only an AWS that is down, which people may
    /// want to try.
    async fn lost(&self) {
        let ecs = aws_sdk_ecs::Client::new(&fleet::sdk(&self.moto, service::DEMO.region).await);
        loop {
            sleep(LOOK).await;
            let found = ecs.describe_clusters().clusters(service::DEMO.cluster).send().await;
            if found.is_ok_and(|found| found.clusters().is_empty()) {
                return;
            }
        }
    }
}

/// Is the simulated AWS until Moto has lost it; then this process must be started anew, for the proxy remembers rollouts that
/// Moto does not.
pub async fn serve(moto: &str, listen: SocketAddr) -> Result<(), String> {
    empty(moto).await?;
    let cloud = Cloud::plant(moto).await?;
    // only now, so that no bot meets half a fleet
    let address = cloud.open(listen)?;
    println!("demo: simulated AWS at {address}");
    Box::pin(cloud.lost()).await;
    Err("Moto was started again and has lost the fleet and the service; start this again too".to_owned())
}

/// Empties Moto as soon as it answers: what was planted before is unknown to this process's proxy.
async fn empty(moto: &str) -> Result<(), String> {
    let address = url::Url::parse(moto).map_err(|error| format!("{moto} is no address: {error}"))?;
    let is_of_aws = address.host_str().is_some_and(|host| host.contains("amazonaws.") || host.ends_with(".aws"));
    if address.scheme() != "http" || is_of_aws {
        return Err(format!("{moto} is no Moto: this empties it first, so it must be one, by http://"));
    }
    let emptied = async {
        while ask("POST", moto, "/moto-api/reset").await != Ok(200) {
            sleep(Duration::from_millis(500)).await;
        }
    };
    timeout(START, emptied).await.map_err(|_| format!("no Moto answers at {moto}"))
}

/// Whether a `demo aws` serves at this address: the image has no curl.
pub async fn healthy(url: &str) -> Result<(), String> {
    match ask("GET", url, "/health").await? {
        200 => Ok(()),
        status => Err(format!("{url} answers {status}")),
    }
}

/// The status by which an HTTP server answers.
async fn ask(method: &str, url: &str, path: &str) -> Result<u16, String> {
    let url = url::Url::parse(url).map_err(|error| format!("{url} is no address: {error}"))?;
    let host = url.host_str().ok_or("an address without host")?;
    let port = url.port_or_known_default().ok_or("an address without port")?;
    let request = format!("{method} {path} HTTP/1.0\r\nHost: {host}:{port}\r\nContent-Length: 0\r\n\r\n");
    let answered = async {
        let mut stream = TcpStream::connect((host, port)).await?;
        stream.write_all(request.as_bytes()).await?;
        // "HTTP/1.0 200"
        let mut head = [0; 12];
        stream.read_exact(&mut head).await.map(|_| head)
    };
    let head = timeout(ANSWER, answered).await.map_err(|_| format!("{url} does not answer"))?;
    let head = head.map_err(|error| format!("{url} does not answer ({error})"))?;
    let status = String::from_utf8_lossy(&head[9..]).parse();
    status.map_err(|_| format!("{url} does not speak HTTP"))
}
