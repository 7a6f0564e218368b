//! The chat page in headless Chromium: the files of `tests/browser`, each against a sandbox of its own.

use std::path::{Path, PathBuf};

use crate::support::fleet::DEMO;
use crate::support::{Sandbox, World, node};

const CHROMIUM: &str = "/usr/bin/chromium";

/// Where the suite runs, if Node and Chromium are there.
fn suite() -> Option<PathBuf> {
    if !Path::new(CHROMIUM).exists() {
        node::skipped("browser", &format!("no {CHROMIUM}; install it with apt-get install chromium"));
        return None;
    }
    node::npm("browser")
}

fn passes(directory: &Path, file: &str, url: &str) {
    node::passes(directory, file, &[("SANDBOX", url), ("CHROMIUM", CHROMIUM)]);
}

/// The tests of a file that needs no bot.
fn passes_without_a_bot(file: &str) {
    let Some(directory) = suite() else { return };
    let slack = Sandbox::start(false);
    passes(&directory, file, &slack.url);
}

#[test]
fn the_page_shows_what_people_and_apps_write() {
    passes_without_a_bot("chat.test.mjs");
}

#[test]
fn the_page_offers_what_the_bot_offers() {
    passes_without_a_bot("act.test.mjs");
}

#[test]
fn the_page_breaks_things() {
    passes_without_a_bot("break.test.mjs");
}

#[actix_web::test]
async fn a_person_types_a_command_into_the_page_and_reads_the_answer() {
    let Some(directory) = suite() else { return };
    let world = World::new().await;
    world.fleet(DEMO).await;
    let url = world.slack.url.clone();
    let browsed = tokio::task::spawn_blocking(move || passes(&directory, "bot.test.mjs", &url)).await;
    if let Err(failed) = browsed {
        std::panic::resume_unwind(failed.into_panic());
    }
    world.ends_clean().await;
}
