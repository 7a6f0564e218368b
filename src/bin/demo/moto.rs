//! Moto, the simulated AWS: installed into a virtual environment under `target/` once, then started on a free port.
//! The tests include this file too.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

const REQUIREMENTS: &str = include_str!("requirements.txt");

/// How long Moto may take to answer after its start.
const START: Duration = Duration::from_secs(60);

/// A running Moto; killed when dropped.
pub struct Moto {
    /// Its address, `http://127.0.0.1:PORT`.
    pub url: String,
    child: Child,
}

impl Drop for Moto {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Makes sure that Moto is installed; says what it does while it does it. Returns the environment's `python`.
pub fn install(target: &Path, say: impl Fn(&str)) -> Result<PathBuf, String> {
    let venv = target.join("moto-venv");
    let python = venv.join("bin/python");
    let stamp = venv.join("dronebot-requirements.txt");
    fs::create_dir_all(target).map_err(|error| format!("cannot create {}: {error}", target.display()))?;
    // two test runs at once must not install into the same place
    let lock = File::create(target.join("moto-venv.lock")).map_err(|error| format!("cannot lock: {error}"))?;
    lock.lock().map_err(|error| format!("cannot lock {}: {error}", target.display()))?;
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == REQUIREMENTS) {
        return Ok(python);
    }
    say("installing Moto, the simulated AWS, into target/moto-venv (once, about half a minute)");
    let _ = fs::remove_dir_all(&venv);
    run(
        Command::new("python3").args(["-m", "venv"]).arg(&venv),
        "python3 could not make a virtual environment: install Python 3 with its venv module \
         (Debian: apt-get install python3 python3-venv)",
    )?;
    let requirements = venv.join("requirements.txt");
    fs::write(&requirements, REQUIREMENTS)
        .map_err(|error| format!("cannot write {}: {error}", requirements.display()))?;
    run(
        Command::new(&python)
            .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r"])
            .arg(&requirements),
        "pip could not install Moto: this step needs the network (PyPI, or a mirror by PIP_INDEX_URL) once",
    )?;
    fs::write(&stamp, REQUIREMENTS).map_err(|error| format!("cannot write {}: {error}", stamp.display()))?;
    Ok(python)
}

fn run(command: &mut Command, advice: &str) -> Result<(), String> {
    let output = command.stdin(Stdio::null()).output().map_err(|error| format!("{advice} ({error})"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let last = said.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("no message");
    Err(format!("{advice} ({last})"))
}

/// Starts Moto on this port (0: a free one) and waits until it answers.
pub fn start(python: &Path, port: u16) -> Result<Moto, String> {
    let listener = TcpListener::bind(("127.0.0.1", port)).map_err(|error| {
        format!("port {port} is not free for Moto ({error}): stop what uses it, or choose another port")
    })?;
    let port = listener.local_addr().map_err(|error| error.to_string())?.port();
    drop(listener);
    let child = Command::new(python)
        .args(["-m", "moto.server", "-H", "127.0.0.1", "-p", &port.to_string()])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| format!("Moto could not be started ({error}): remove target/moto-venv and try again"))?;
    let mut moto = Moto { url: format!("http://127.0.0.1:{port}"), child };
    let mut waited = Duration::ZERO;
    while !answers(port) {
        if let Ok(Some(status)) = moto.child.try_wait() {
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
