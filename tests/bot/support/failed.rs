//! What a test that failed leaves behind: `target/failed/<test>/` has the logs and stores of its worlds, what the Slack sandbox
//! saw, and the calls that came through its proxies. A test that passes takes away what its last failure left.

use super::proxy::Control;
use super::target;
use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The end of a longer file is kept; what is no text goes if it is longer.
const LONGEST: u64 = 16 << 20;

/// The oldest goes when more tests than this have failed.
const MOST: usize = 30;

/// How long a sandbox may take to say what it saw: it may be stopped, or dead.
const PATIENCE: Duration = Duration::from_secs(3);

/// What a sandbox is asked for.
const RECORDS: [&str; 5] = ["log?limit=5000", "messages?limit=5000", "acks?limit=5000", "connections", "state"];

/// Where the logs of this test go: the test runner names the thread of a test after it.
pub fn place() -> PathBuf {
    place_of(std::thread::current().name().unwrap_or("unnamed"))
}

/// Where the logs of the test with this name go.
pub fn place_of(test: &str) -> PathBuf {
    target().join("failed").join(test.replace("::", "."))
}

/// The folder of a world, with the bot's store and log.
pub struct Folder(Option<tempfile::TempDir>);

impl Folder {
    pub fn fresh() -> Self {
        let folder = tempfile::Builder::new().prefix("dronebot-").tempdir_in(env!("CARGO_TARGET_TMPDIR"));
        Self(Some(folder.expect("a folder")))
    }

    pub fn path(&self) -> &Path {
        self.0.as_ref().expect("it is there until it is dropped").path()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let _ = fs::remove_dir_all(place());
            return;
        }
        let Some(folder) = self.0.take().map(tempfile::TempDir::keep) else { return };
        let kept = place().join(folder.file_name().unwrap_or_default());
        // the same file system: both are under target/
        if fs::create_dir_all(place()).and_then(|()| fs::rename(&folder, &kept)).is_ok() {
            shorten(&kept);
        }
        tell();
        sweep();
    }
}

/// Keeps a text of a test that fails.
pub fn keep(name: &str, text: &[u8]) {
    let written = fs::create_dir_all(place()).and_then(|()| fs::write(place().join(name), text));
    // the test's own failure must stay the one that is read
    if written.is_ok() {
        shorten(&place());
    }
}

/// Keeps the calls that came through a proxy.
pub fn keep_calls(name: &str, proxy: &Control) {
    keep(&format!("calls-{name}.log"), proxy.story().join("\n").as_bytes());
}

/// Keeps the end of a log that several tests share.
pub fn keep_end(log: &Path) {
    let mut end = Vec::new();
    let read = File::open(log).and_then(|mut file| {
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(1 << 20)))?;
        file.read_to_end(&mut end)
    });
    if read.is_ok() {
        keep(&log.file_name().unwrap_or_default().to_string_lossy(), &end);
    }
}

/// Keeps what the sandbox at this address saw, if it still says so.
pub fn keep_sandbox(url: &str) {
    let Some(address) = url.strip_prefix("http://") else { return };
    let port = address.rsplit(':').next().unwrap_or_default();
    for record in RECORDS {
        let name = record.split('?').next().unwrap_or_default();
        match get(address, record) {
            Ok(answer) => keep(&format!("slack-{port}-{name}.json"), &answer),
            // it will not answer the others either
            Err(_) => return,
        }
    }
}

/// A plain GET: no runtime of the test turns any more.
fn get(address: &str, record: &str) -> std::io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect_timeout(&address.parse().map_err(std::io::Error::other)?, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    write!(stream, "GET /control/{record} HTTP/1.0\r\nHost: sandbox\r\n\r\n")?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    let body = answer.windows(4).position(|four| four == b"\r\n\r\n").map_or(0, |at| at + 4);
    Ok(answer.split_off(body))
}

/// Cuts what is too long.
fn shorten(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let (path, length) = (entry.path(), entry.metadata().map_or(0, |known| known.len()));
        if path.is_dir() {
            shorten(&path);
        } else if length > LONGEST {
            let end = File::open(&path).and_then(|mut file| {
                let mut end = Vec::new();
                file.seek(SeekFrom::Start(length - LONGEST))?;
                file.read_to_end(&mut end).map(|_| end)
            });
            let is_text = path.extension().is_some_and(|kind| kind == "log" || kind == "json");
            let _ = match end {
                Ok(end) if is_text => fs::write(&path, end),
                _ => fs::remove_file(&path),
            };
        }
    }
}

#[expect(
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "it stands beside the failure, and says when that was"
)]
fn tell() {
    let ended = jiff::Timestamp::now().strftime("%H:%M:%S");
    eprintln!("\nwhat is left of this test, which failed at {ended} UTC: {}", place().display());
}

/// Takes away the oldest of too many.
fn sweep() {
    let folders = fs::read_dir(target().join("failed")).into_iter().flatten().flatten();
    let mut by_age: Vec<_> =
        folders.filter_map(|entry| Some((entry.metadata().ok()?.modified().ok()?, entry.path()))).collect();
    by_age.sort();
    for (_, oldest) in by_age.iter().take(by_age.len().saturating_sub(MOST)) {
        let _ = fs::remove_dir_all(oldest);
    }
}
