#![expect(clippy::disallowed_methods, reason = "a build script is told by its environment")]
//! Tells the program which commit it was built from, so that every copy of it can say so: the revision, when it was
//! created, and where its source is. An image's build has no git and says it by `DRONEBOT_REVISION`,
//! `DRONEBOT_EPOCH` and `DRONEBOT_SOURCE`; elsewhere git is asked. Created is the commit's time, not the build's: the
//! same commit gives the same program.

use std::process::Command;

fn main() {
    link();
    // in a linked work tree these are not under .git; a path that does not exist would mean building anew each time
    for name in ["HEAD", "logs/HEAD"] {
        if let Some(path) = git(&["rev-parse", "--git-path", name]).filter(|path| std::path::Path::new(path).exists()) {
            println!("cargo:rerun-if-changed={path}");
        }
    }
    let revision = given("DRONEBOT_REVISION").or_else(|| git(&["rev-parse", "HEAD"]));
    let seconds = given("DRONEBOT_EPOCH").or_else(|| given("SOURCE_DATE_EPOCH"));
    let seconds = seconds.or_else(|| git(&["show", "--no-patch", "--format=%ct", "HEAD"]));
    let created = seconds.and_then(|seconds| seconds.parse().ok()).map(rfc3339);
    let source = given("DRONEBOT_SOURCE").or_else(|| given("CARGO_PKG_REPOSITORY"));
    for (name, value) in [("REVISION", revision), ("CREATED", created), ("SOURCE", source)] {
        println!("cargo:rustc-env=DRONEBOT_{name}={}", value.as_deref().unwrap_or("unknown"));
    }
}

fn given(name: &str) -> Option<String> {
    println!("cargo:rerun-if-env-changed={name}");
    std::env::var(name)
        .ok()
        .map(|value| value.trim().to_owned())
        .filter(|value| !value.is_empty() && value != "unknown")
}

fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok()?;
    let said = String::from_utf8(output.stdout).ok()?.trim().to_owned();
    (output.status.success() && !said.is_empty()).then_some(said)
}

/// Seconds since 1970 as `2026-11-24T22:00:00Z`. The date is Howard Hinnant's `civil_from_days`.
fn rfc3339(seconds: u64) -> String {
    let days = seconds / 86_400 + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let months_since_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * months_since_march + 2) / 5 + 1;
    let month = if months_since_march < 10 { months_since_march + 3 } else { months_since_march - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    let (hour, minute, second) = (seconds / 3_600 % 24, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
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
