//! Suites that run in Node: their packages are installed into `target/` once, from a lock file, and their files run there.
//! Where Node is missing a suite says so and is skipped; with `DRONEBOT_SUITES=all` that is a failure.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};

use super::target;

/// The oldest Node that the suites run in.
const OLDEST: u32 = 20;

/// Installs the packages of `tests/<folder>` (with a `package-lock.json`) into `target/<folder>` and puts the suite's files
/// beside them, because Node looks for packages from where a file lies. Returns that directory, or `None` after a
/// SKIPPED line where it cannot be.
pub fn npm(folder: &str) -> Option<PathBuf> {
    static KNOWN: Mutex<BTreeMap<String, Option<PathBuf>>> = Mutex::new(BTreeMap::new());
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(installed) = known.get(folder) {
        return installed.clone();
    }
    let installed = node().and_then(|()| install(folder));
    let installed = match installed {
        Ok(directory) => Some(directory),
        Err(missing) => {
            skipped(folder, &missing);
            None
        }
    };
    known.insert(folder.to_owned(), installed.clone());
    installed
}

/// Says that a suite cannot run here. Fails where every suite was asked for.
pub fn skipped(suite: &str, missing: &str) {
    let line = format!("{suite} suite SKIPPED: {missing}");
    assert!(
        std::env::var_os("DRONEBOT_SUITES").is_none_or(|wanted| wanted != "all"),
        "{line} (DRONEBOT_SUITES=all: this is a failure)"
    );
    // written past the capture of a test's output, so that a passing run shows it
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// Runs one file of the suite with Node's test runner; panics with everything it said where a test fails.
pub fn passes(directory: &Path, file: &str, env: &[(&str, &str)]) {
    let mut command = Command::new("node");
    command.args(["--test", "--test-reporter=spec", file]).current_dir(directory).stdin(Stdio::null());
    // inside `cargo test` under a Node of its own this variable makes the runner silent
    command.env_remove("NODE_TEST_CONTEXT").envs(env.iter().copied());
    let output = command.output().expect("node runs");
    let said = String::from_utf8_lossy(&output.stdout);
    let complained = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{file}: {}\n{said}\n{complained}", output.status);
    assert!(!said.contains("ℹ tests 0"), "{file} has no tests:\n{said}");
}

/// Whether Node is there, or what is missing.
pub fn node() -> Result<(), String> {
    let advice = format!("install Node {OLDEST} or newer with npm (Debian: apt-get install nodejs npm)");
    let version = said("node", &["--version"]).ok_or_else(|| format!("no node on the PATH; {advice}"))?;
    let major = version.trim_start_matches('v').split('.').next().and_then(|major| major.parse::<u32>().ok());
    if major.is_none_or(|major| major < OLDEST) {
        return Err(format!("node is {version}; {advice}"));
    }
    said("npm", &["--version"]).map(|_| ()).ok_or_else(|| format!("no npm on the PATH; {advice}"))
}

/// What a program says on one line, where it is there.
fn said(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).stdin(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

fn install(folder: &str) -> Result<PathBuf, String> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(folder);
    let directory = target().join(folder);
    fs::create_dir_all(&directory).map_err(|error| format!("cannot create {}: {error}", directory.display()))?;
    // two test runs at once must not install into the same place
    let lock = File::create(directory.join(".lock")).map_err(|error| format!("cannot lock: {error}"))?;
    lock.lock().map_err(|error| format!("cannot lock {}: {error}", directory.display()))?;
    copy(&source, &directory).map_err(|error| format!("cannot copy {}: {error}", source.display()))?;
    let wanted =
        fs::read_to_string(source.join("package-lock.json")).map_err(|error| format!("no lock file: {error}"))?;
    let stamp = directory.join("node_modules/.dronebot-lock.json");
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(directory);
    }
    let _ = writeln!(std::io::stderr(), "tests: npm ci into target/{folder} (once)");
    let output = Command::new("npm")
        .args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"])
        .current_dir(&directory)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("npm does not run: {error}"))?;
    if !output.status.success() {
        let complained = String::from_utf8_lossy(&output.stderr);
        let errors: Vec<&str> = complained.lines().filter(|line| line.starts_with("npm error")).take(4).collect();
        return Err(format!("npm ci failed, it needs the registry (or a mirror of it) once; {}", errors.join(" ")));
    }
    fs::write(&stamp, wanted).map_err(|error| format!("cannot write {}: {error}", stamp.display()))?;
    Ok(directory)
}

/// Copies a suite's files, each in one step: another run may be reading them.
fn copy(from: &Path, to: &Path) -> std::io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (name, path) = (entry.file_name(), entry.path());
        if name == "node_modules" {
            continue;
        }
        if path.is_dir() {
            copy(&path, &to.join(name))?;
            continue;
        }
        let whole = to.join(&name);
        let text = fs::read(&path)?;
        if fs::read(&whole).is_ok_and(|there| there == text) {
            continue;
        }
        let part = to.join(format!(".{}.part", name.to_string_lossy()));
        fs::write(&part, text)?;
        fs::rename(part, whole)?;
    }
    Ok(())
}
