//! The chat page in headless Chromium, by keyboard, mouse and on a phone's width: the files of `tests/browser`.

use std::path::{Path, PathBuf};

use crate::support::{Sandbox, node};

const CHROMIUM: &str = "/usr/bin/chromium";

/// Where the suite runs, where Node and Chromium are there.
fn suite() -> Option<PathBuf> {
    if !Path::new(CHROMIUM).exists() {
        node::skipped("browser", &format!("no {CHROMIUM}; install it with apt-get install chromium"));
        return None;
    }
    node::npm("browser")
}

/// Runs one file of the suite against a sandbox of its own.
fn passes(file: &str) {
    let Some(directory) = suite() else { return };
    let slack = Sandbox::start(false);
    node::passes(&directory, file, &[("SANDBOX", &slack.url), ("CHROMIUM", CHROMIUM)]);
}

#[test]
fn the_page_shows_what_people_and_apps_write() {
    passes("chat.test.mjs");
}
