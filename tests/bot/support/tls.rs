//! A company's network: a proxy that everything must go through, and TLS that only the company's authority vouches for.

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Slack's Web API, as a company's gateway may call it. Its name is as long as the sandbox's addresses need: `ws://` becomes
/// `wss://` in passing, and what it becomes is Slack's own, for no other is followed. Nothing here leaves the machine.
const API: &str = "xslack.com";

/// The company: nothing outside is reached but through its proxy, and names are resolved by nobody else.
pub struct Company {
    /// Where the proxy listens.
    pub proxy: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
}

/// A file beside this one. The key was made for these tests and opens nothing else.
fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bot/support/tls").join(name)
}

impl Company {
    /// The certificate of its authority.
    pub fn authority() -> String {
        file("ca.pem").to_string_lossy().into_owned()
    }

    /// Slack's Web API as seen from inside.
    pub fn api_url() -> String {
        format!("https://{API}/api")
    }

    /// Puts TLS before this sandbox, and a proxy before that.
    #[expect(clippy::disallowed_methods, reason = "servers of the test")]
    pub async fn before(sandbox: &str) -> Self {
        let sandbox = sandbox.trim_start_matches("http://").to_owned();
        let certificate = CertificateDer::from_pem_file(file("slack.pem")).expect("a certificate");
        let key = PrivateKeyDer::from_pem_file(file("slack.key")).expect("a key");
        let config = rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key)
            .expect("they fit");
        let tls = tokio_rustls::TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let proxy = listener.local_addr().expect("its address");
        let asked = Arc::<Mutex<Vec<String>>>::default();
        let log = Arc::clone(&asked);
        actix_rt::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                actix_rt::spawn(tunnel(stream, tls.clone(), sandbox.clone(), Arc::clone(&log)));
            }
        });
        Self { proxy, asked }
    }

    /// The heads of the CONNECT requests so far.
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().expect("no panic").clone()
    }
}

async fn tunnel(mut stream: TcpStream, tls: tokio_rustls::TlsAcceptor, sandbox: String, log: Arc<Mutex<Vec<String>>>) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let Ok(byte) = stream.read_u8().await else { return };
        head.push(byte);
    }
    log.lock().expect("no panic").push(String::from_utf8_lossy(&head).into_owned());
    let _ = stream.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await;
    let (Ok(stream), Ok(inner)) = (tls.accept(stream).await, TcpStream::connect(sandbox).await) else { return };
    let (mut from_bot, mut to_bot) = tokio::io::split(stream);
    let (mut from_slack, mut to_slack) = inner.into_split();
    let up = async {
        let _ = tokio::io::copy(&mut from_bot, &mut to_slack).await;
        let _ = to_slack.shutdown().await;
    };
    tokio::join!(up, down(&mut from_slack, &mut to_bot));
}

/// The sandbox speaks of itself without TLS. What it says of its addresses is made true, byte for byte.
async fn down(from: &mut (impl AsyncRead + Unpin), to: &mut (impl AsyncWrite + Unpin)) {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(read) = from.read(&mut buffer).await {
        if read == 0 {
            break;
        }
        let plain = [(format!("ws://{API}"), "wss://slack.com"), (format!("http://{API}"), "https://slack.com")];
        for (said, true_one) in &plain {
            let places: Vec<usize> = (0..read).filter(|at| buffer[*at..read].starts_with(said.as_bytes())).collect();
            places.iter().for_each(|at| buffer[*at..at + said.len()].copy_from_slice(true_one.as_bytes()));
        }
        if to.write_all(&buffer[..read]).await.is_err() {
            break;
        }
    }
    let _ = to.shutdown().await;
}
