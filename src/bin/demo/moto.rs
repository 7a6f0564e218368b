//! Moto, the simulated AWS: installed into a virtual environment under `target/` once, then started on a free port.
//! The tests include this file too.

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use super::venv::Venv;

const REQUIREMENTS: &str = include_str!("requirements.txt");

const SERVER: &str = include_str!("moto_server.py");

/// The one image of Amazon's that there is: what instances are made of.
const IMAGES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/bin/demo/amis.json");

/// How long Moto may take to answer after its start.
const START: Duration = Duration::from_secs(60);

/// A running Moto; killed when dropped, where this process has started it.
pub struct Moto {
    /// Its address, `http://127.0.0.1:PORT`.
    pub url: String,
    /// Where it says what it was asked, if anywhere; gone with it, where it was started here.
    pub log: Option<PathBuf>,
    pub child: Option<Child>,
}

impl Drop for Moto {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
            self.log.iter().for_each(|log| drop(fs::remove_file(log)));
        }
    }
}

/// Makes sure that Moto is installed; says what it does while it does it. Returns the environment's `python`.
pub fn install(target: &Path, say: impl Fn(&str)) -> Result<PathBuf, String> {
    Venv { folder: "moto-venv", what: "Moto, the simulated AWS,", requirements: REQUIREMENTS }.install(target, say)
}

/// Starts Moto on this port (0: a free one) and waits until it answers. The log, where one is wanted, is a new file.
pub fn start(python: &Path, port: u16, log: Option<PathBuf>) -> Result<Moto, String> {
    let listener = TcpListener::bind(("127.0.0.1", port)).map_err(|error| {
        format!("port {port} is not free for Moto ({error}): stop what uses it, or choose another port")
    })?;
    let port = listener.local_addr().map_err(|error| error.to_string())?.port();
    drop(listener);
    let said = match &log {
        Some(log) => fs::File::create(log).map_err(|error| format!("cannot write {}: {error}", log.display()))?.into(),
        None => Stdio::null(),
    };
    let child = Command::new(python)
        .args(["-c", SERVER, "-H", "127.0.0.1", "-p", &port.to_string()])
        // else each account gets hundreds of images, a seventh of a second of work and two megabytes in each region
        .env("MOTO_AMIS_PATH", IMAGES)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(said)
        .spawn()
        .map_err(|error| format!("Moto could not be started ({error}): remove target/moto-venv and try again"))?;
    let mut moto = Moto { url: format!("http://127.0.0.1:{port}"), log, child: Some(child) };
    let mut waited = Duration::ZERO;
    while !answers(port) {
        if let Some(Ok(Some(status))) = moto.child.as_mut().map(Child::try_wait) {
            return Err(format!("Moto ended at once ({status}): remove target/moto-venv and try again"));
        }
        if waited > START {
            return Err(format!("Moto did not answer within {} seconds", START.as_secs()));
        }
        sleep(Duration::from_millis(50));
        waited += Duration::from_millis(50);
    }
    Ok(moto)
}

fn answers(port: u16) -> bool {
    let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)) else { return false };
    let _ = stream.set_read_timeout(Some(Duration::from_secs(2)));
    let request = "GET /moto-api/data.json HTTP/1.0\r\nHost: localhost\r\n\r\n";
    let mut head = [0; 12];
    stream.write_all(request.as_bytes()).is_ok() && stream.read_exact(&mut head).is_ok() && head.ends_with(b"200")
}
