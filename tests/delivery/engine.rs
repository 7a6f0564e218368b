//! The Docker engine of this machine, and the programs of `delivery/`.

use std::path::{Path, PathBuf};
use std::process::Output;
use tokio::process::Command;

/// The root of this project.
pub const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// Where the source is, as the images of these tests say; a clone has another address than what it was cloned from.
const SOURCE: &str = "https://git.test/dronebot";

/// One heavy test after the other: what one builds would make another one's bots late.
pub async fn alone() -> tokio::sync::MutexGuard<'static, ()> {
    static TURN: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());
    TURN.lock().await
}

/// How a program ended, and what it said.
pub struct Done {
    pub code: i32,
    /// What the next program may take.
    pub out: String,
    /// What people read.
    pub told: String,
}

impl Done {
    fn of(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).trim().to_owned();
        Self { code: output.status.code().unwrap_or(-1), out: text(output.stdout), told: text(output.stderr) }
    }

    /// That it ended with this code; returns what it gave.
    pub fn ends(self, code: i32) -> String {
        assert_eq!(self.code, code, "it said:\n{}\n{}", self.told, self.out);
        self.out
    }

    /// That it ended with this code and said this.
    pub fn says(self, code: i32, words: &str) -> String {
        assert!(self.told.contains(words), "`{words}` is not in:\n{}\n{}", self.told, self.out);
        self.ends(code)
    }
}

/// Runs a program of `delivery/`.
pub async fn deliver(program: &str, arguments: &[&str], env: &[(&str, &str)]) -> Done {
    deliver_from(Path::new(ROOT), program, arguments, env).await
}

/// The same, as it is in another clone.
pub async fn deliver_from(root: &Path, program: &str, arguments: &[&str], env: &[(&str, &str)]) -> Done {
    let mut command = Command::new(root.join("delivery").join(program));
    command.args(arguments).envs(env.iter().copied()).env("PYTHONDONTWRITEBYTECODE", "1").env("DRONE_SOURCE", SOURCE);
    // as on a laptop, wherever the tests run
    command.env_remove("CI");
    Done::of(command.output().await.expect("the program starts"))
}

/// Runs a program that is not ours; panics with what it says when it fails.
pub async fn runs(program: impl AsRef<std::ffi::OsStr>, arguments: &[&str], env: &[(&str, &str)]) -> String {
    let done = Command::new(&program).args(arguments).envs(env.iter().copied()).output().await;
    let done = Done::of(done.expect("the program starts"));
    assert_eq!(done.code, 0, "{} {arguments:?}: {}", program.as_ref().display(), done.told);
    done.out
}

/// The client of an engine that answers and can build; `None` after a SKIPPED line where there is none.
pub async fn docker() -> Option<PathBuf> {
    if std::env::var_os("DRONEBOT_ENGINE").is_some_and(|when| when == "later") {
        tell("delivery suite: what needs a Docker engine comes in a run of its own (DRONEBOT_ENGINE=later)");
        return None;
    }
    let asked = Command::new("python3")
        .args(["-c", "from drone import engine; print(engine.client())"])
        .current_dir(Path::new(ROOT).join("delivery"))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .output()
        .await;
    let found = asked.ok().map(Done::of).filter(|done| done.code == 0).map(|done| PathBuf::from(done.out));
    if found.is_none() {
        let line = "delivery suite SKIPPED: no Docker engine answers; install and start one (Debian: apt-get install docker.io)";
        let wanted = std::env::var_os("DRONEBOT_SUITES").is_some_and(|wanted| wanted == "docker");
        assert!(!wanted, "{line} (DRONEBOT_SUITES=docker: this is a failure)");
        tell(line);
    }
    found
}

/// Written past the capture of a test's output, so that a passing run shows it.
fn tell(line: &str) {
    let _ = std::io::Write::write_fmt(&mut std::io::stderr(), format_args!("{line}\n"));
}
