//! Virtual environments for Python under `target/`, each made once from its pinned requirements. The tests include this file too.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What is to be installed.
pub struct Venv<'a> {
    /// Its folder under `target/`.
    pub folder: &'a str,
    /// What it is, for people.
    pub what: &'a str,
    /// The content of its requirements file, every version pinned, and every file of it by its hash.
    pub requirements: &'a str,
}

impl Venv<'_> {
    /// Makes sure that all is installed; says what it does while it does it. Returns the environment's `python`.
    pub fn install(&self, target: &Path, say: impl Fn(&str)) -> Result<PathBuf, String> {
        let venv = target.join(self.folder);
        let python = venv.join("bin/python");
        let stamp = venv.join("dronebot-requirements.txt");
        fs::create_dir_all(target).map_err(|error| format!("cannot create {}: {error}", target.display()))?;
        // two test runs at once must not install into the same place
        let lock = File::create(target.join(format!("{}.lock", self.folder)))
            .map_err(|error| format!("cannot lock: {error}"))?;
        lock.lock().map_err(|error| format!("cannot lock {}: {error}", target.display()))?;
        if fs::read_to_string(&stamp).is_ok_and(|installed| installed == self.requirements) {
            return Ok(python);
        }
        say(&format!("installing {} into target/{} (once, about half a minute)", self.what, self.folder));
        let _ = fs::remove_dir_all(&venv);
        run(
            Command::new("python3").args(["-m", "venv"]).arg(&venv),
            "python3 could not make a virtual environment: install Python 3 with its venv module \
             (Debian: apt-get install python3 python3-venv)",
        )?;
        let requirements = venv.join("requirements.txt");
        fs::write(&requirements, self.requirements)
            .map_err(|error| format!("cannot write {}: {error}", requirements.display()))?;
        run(
            Command::new(&python)
                .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes", "-r"])
                .arg(&requirements),
            &format!(
                "pip could not install {}: this step needs the network (PyPI, or a mirror by PIP_INDEX_URL) once",
                self.what
            ),
        )?;
        fs::write(&stamp, self.requirements).map_err(|error| format!("cannot write {}: {error}", stamp.display()))?;
        Ok(python)
    }
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
