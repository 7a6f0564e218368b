#![expect(clippy::disallowed_methods, reason = "a build script is told by its environment")]
//! Asks git which commit the program is built from and when that was made, so that every copy of it can say so. An image's build
//! has no git: src/main.rs is told it by the environment, without this script, which would have the whole library compiled anew for
//! another commit. It is the commit's time, not the build's: the same commit gives the same program.

use std::process::Command;

fn main() {
    link();
    // without a line of this kind any file of the package would be one
    println!("cargo:rerun-if-changed=build.rs");
    // in a linked work tree these are not under .git; a path that does not exist would mean building anew each time
    for name in ["HEAD", "logs/HEAD"] {
        if let Some(path) = git(&["rev-parse", "--git-path", name]).filter(|path| std::path::Path::new(path).exists()) {
            println!("cargo:rerun-if-changed={path}");
        }
    }
    let revision = git(&["rev-parse", "HEAD"]);
    let epoch = git(&["show", "--no-patch", "--format=%ct", "HEAD"]);
    for (name, value) in [("DRONEBOT_GIT_REVISION", revision), ("DRONEBOT_GIT_EPOCH", epoch)] {
        if let Some(value) = value {
            println!("cargo:rustc-env={name}={value}");
        }
    }
}

fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok()?;
    let said = String::from_utf8(output.stdout).ok()?.trim().to_owned();
    (output.status.success() && !said.is_empty()).then_some(said)
}

/// The same function made from several types is kept once, and the addresses that the loader corrects are kept as a list of
/// differences (which asks for glibc 2.36): an eighth less of the program in memory. Known to lld, which is rustc's own linker
/// on this platform; where another one was chosen nothing is asked of it.
fn link() {
    let set = |name: &str| std::env::var(name).unwrap_or_default();
    if set("TARGET") == "x86_64-unknown-linux-gnu" && set("PROFILE") == "release" && set("RUSTC_LINKER").is_empty() {
        println!("cargo:rustc-link-arg-bins=-Wl,--icf=all,-z,pack-relative-relocs");
    }
}
