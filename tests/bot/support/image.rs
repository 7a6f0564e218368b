//! The bot as a container: with `DRONEBOT_IMAGE` the tests run against that very image, which is what will be deployed. The
//! container has the network of this machine, no right at all, and a root that nobody can write to.

use super::target;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// What the image sets for itself, and no test means.
const OF_THE_IMAGE: [&str; 3] = ["DRONEBOT__STORE__PATH", "DRONEBOT__HEALTH__LISTEN", "DRONEBOT__LOG__FORMAT"];

/// The image to try, if one is named.
fn image() -> Option<&'static str> {
    static IMAGE: OnceLock<Option<String>> = OnceLock::new();
    IMAGE
        .get_or_init(|| {
            std::env::var_os("DRONEBOT_IMAGE").and_then(|name| name.into_string().ok()).filter(|name| !name.is_empty())
        })
        .as_deref()
}

/// The Docker client; a newer one beside it may not be able to speak to the engine.
pub fn docker() -> Command {
    Command::new(std::env::var_os("DRONE_DOCKER").unwrap_or_else(|| "docker".into()))
}

/// This call of the program, as it is to be run: by itself, or in a container.
pub fn placed(call: &Command) -> Command {
    placed_as(call, &fresh_name())
}

fn fresh_name() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    format!("dronebot-test-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed))
}

fn placed_as(call: &Command, name: &str) -> Command {
    let variables: Vec<(String, String)> = call
        .get_envs()
        .filter_map(|(key, value)| Some((key.to_str()?.to_owned(), value?.to_str()?.to_owned())))
        .collect();
    let Some(image) = image() else {
        let mut command = Command::new(call.get_program());
        command.args(call.get_args()).env_clear().envs(variables).stdin(Stdio::null());
        call.get_current_dir().map(|folder| command.current_dir(folder));
        return command;
    };
    let mut command = docker();
    command.args(["run", "--rm", "--pull", "never", "--name", name, "--network", "host", "--read-only"]);
    command.args([
        "--cap-drop",
        "ALL",
        "--security-opt",
        "no-new-privileges",
        "--no-healthcheck",
        "--log-driver",
        "none",
    ]);
    let temporary = std::env::temp_dir();
    for (folder, mode) in
        [(Path::new(env!("CARGO_MANIFEST_DIR")), "ro"), (&target().join("tmp"), "rw"), (&temporary, "rw")]
    {
        command.args(["--volume", &format!("{0}:{0}:{mode}", folder.display())]);
    }
    for name in OF_THE_IMAGE {
        command.args(["--env", name]).env_remove(name);
    }
    for (key, value) in variables.iter().filter(|(key, _)| key != "PATH") {
        command.args(["--env", &format!("{key}={value}")]);
    }
    command.arg(image).args(call.get_args()).stdin(Stdio::null());
    command
}

/// A running bot: the process that this one waits for, and the process that is the bot.
pub struct Running {
    pub child: Child,
    pub pid: Option<u32>,
    name: Option<String>,
}

impl Drop for Running {
    fn drop(&mut self) {
        // the client's death is not the container's
        if let Some(name) = &self.name
            && matches!(self.child.try_wait(), Ok(None))
        {
            let _ = docker().args(["rm", "--force", name]).stdout(Stdio::null()).stderr(Stdio::null()).status();
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Starts the bot; in a container it may take a moment until there is a process.
pub fn start(call: &Command, log: &std::fs::File, folder: &PathBuf) -> Running {
    let name = fresh_name();
    let mut command = placed_as(call, &name);
    command.stdout(log.try_clone().expect("a log")).stderr(log.try_clone().expect("a log"));
    if image().is_none() {
        let child = command.spawn().expect("the bot starts");
        let pid = Some(child.id());
        return Running { child, pid, name: None };
    }
    // the container's user is not ours
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o777);
    std::fs::set_permissions(folder, mode).expect("its mode is set");
    let child = command.spawn().expect("the container starts");
    let mut running = Running { child, pid: None, name: Some(name.clone()) };
    while running.pid.is_none() && matches!(running.child.try_wait(), Ok(None)) {
        let asked = docker().args(["inspect", "--format", "{{.State.Pid}}", &name]).output().expect("docker runs");
        let pid = String::from_utf8_lossy(&asked.stdout).trim().parse().ok();
        running.pid = pid.filter(|pid| *pid > 0);
        std::thread::sleep(Duration::from_millis(10));
    }
    running
}

/// Whether the program is tried as a container.
pub fn is_contained() -> bool {
    image().is_some()
}
