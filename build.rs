#![expect(clippy::disallowed_methods, reason = "a build script is told by its environment")]
//! Tells the program which git revision it was built from: `DRONEBOT_REVISION` where the build has no git (an image),
//! else what git says.

use std::process::Command;

fn main() {
    println!("cargo:rerun-if-env-changed=DRONEBOT_REVISION");
    println!("cargo:rerun-if-changed=.git/HEAD");
    println!("cargo:rerun-if-changed=.git/logs/HEAD");
    let given = std::env::var("DRONEBOT_REVISION").ok().filter(|revision| !revision.is_empty());
    let revision = given.or_else(from_git).unwrap_or_else(|| "unknown".to_owned());
    println!("cargo:rustc-env=DRONEBOT_REVISION={revision}");
}

fn from_git() -> Option<String> {
    let output = Command::new("git").args(["rev-parse", "--short=12", "HEAD"]).output().ok()?;
    let revision = String::from_utf8(output.stdout).ok()?.trim().to_owned();
    (output.status.success() && !revision.is_empty()).then_some(revision)
}
