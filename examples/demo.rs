//! `cargo demo`: builds the three programs and starts `demo` (src/bin/demo). It is an example because cargo builds what an example
//! needs as it builds what a test needs, with the features of both: after `cargo demo` a `cargo test` builds no dependency
//! anew, nor the other way round, and nothing that is only for tests gets into a release.
#![expect(clippy::print_stderr, reason = "a program for people at a terminal")]

use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, ExitCode};

fn main() -> ExitCode {
    let error = match build() {
        // the process becomes the demo: signals reach it
        Ok(mut demo) => format!("the demo could not be started ({})", demo.exec()),
        Err(error) => error,
    };
    eprintln!("demo: {error}");
    ExitCode::FAILURE
}

/// What `cargo run` tells this program of its package. Build scripts look at some of it (ring's at all of it), so a build that
/// inherits it builds their crates anew, and the next one without it once more.
const OF_THE_PACKAGE: [&str; 19] = [
    "CARGO_MANIFEST_DIR",
    "CARGO_MANIFEST_LINKS",
    "CARGO_MANIFEST_PATH",
    "CARGO_PKG_AUTHORS",
    "CARGO_PKG_DESCRIPTION",
    "CARGO_PKG_HOMEPAGE",
    "CARGO_PKG_LICENSE",
    "CARGO_PKG_LICENSE_FILE",
    "CARGO_PKG_NAME",
    "CARGO_PKG_README",
    "CARGO_PKG_REPOSITORY",
    "CARGO_PKG_RUST_VERSION",
    "CARGO_PKG_VERSION",
    "CARGO_PKG_VERSION_MAJOR",
    "CARGO_PKG_VERSION_MINOR",
    "CARGO_PKG_VERSION_PATCH",
    "CARGO_PKG_VERSION_PRE",
    "CARGO_PRIMARY_PACKAGE",
    "OUT_DIR",
];

/// Builds all programs as this one was built, and returns the call of the demo.
fn build() -> Result<Command, String> {
    let own = std::env::current_exe().map_err(|error| error.to_string())?;
    // target/debug/examples/demo
    let programs = own.parent().and_then(Path::parent).ok_or("where am I?")?;
    let mut cargo = Command::new(env!("CARGO"));
    // with the example among them the features are those of this build
    cargo.args(["build", "--bins", "--example", "demo"]).current_dir(env!("CARGO_MANIFEST_DIR"));
    for name in OF_THE_PACKAGE {
        cargo.env_remove(name);
    }
    if programs.ends_with("release") {
        cargo.arg("--release");
    }
    let status = cargo.status().map_err(|error| format!("cargo could not be started ({error})"))?;
    if !status.success() {
        return Err("the build failed; its message stands above".to_owned());
    }
    let mut demo = Command::new(programs.join("demo"));
    demo.args(std::env::args_os().skip(1));
    Ok(demo)
}
