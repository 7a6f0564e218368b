//! The sandbox under Slack's own clients, unchanged but for the API's base URL and the tokens: `tests/clients` has one program
//! per language, and each test here runs one client through one group of behaviours against a sandbox of its own.
//! What they show is that the sandbox is a Slack which Slack's SDKs accept; and so what the bot is tested against.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::support::venv::Venv;
use crate::support::{Sandbox, node, target};

const PYTHON: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/clients/python");
const SDKS: Venv<'_> = Venv {
    folder: "slack-sdk-venv",
    what: "Slack's SDKs for Python",
    requirements: include_str!("../clients/python/requirements.txt"),
};

/// How strict the sandbox is by rate.
#[derive(Clone, Copy, PartialEq)]
enum Rates {
    Free,
    Limited,
}

/// Runs `main.py <client> <group>`; panics with everything it said where a check does not hold.
#[expect(clippy::print_stderr, reason = "whoever runs the tests waits for it")]
fn python(client: &str, group: &str, rates: Rates) {
    let python = SDKS.install(&target(), |said| eprintln!("tests: {said}")).expect("Slack's SDKs are installed");
    let slack = Sandbox::start(rates == Rates::Limited);
    let mut command = Command::new(python);
    command.arg(Path::new(PYTHON).join("main.py")).args([client, group]).stdin(Stdio::null());
    // the source tree stays clean, and a proxy is for the world, not for 127.0.0.1
    command.env("PYTHONDONTWRITEBYTECODE", "1").env("SANDBOX", &slack.url);
    for proxy in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"] {
        command.env_remove(proxy);
    }
    let output = command.output().expect("python runs");
    let said = String::from_utf8_lossy(&output.stdout);
    let complained = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{client} {group}: {}\n{said}\n{complained}", output.status);
    assert!(said.trim_end().ends_with("behaviours hold"), "{client} {group} did not come to its end:\n{said}");
}

/// Runs one file of the JavaScript suite, where Node is there.
fn javascript(file: &str, rates: Rates) {
    let Some(directory) = node::npm("clients/javascript") else { return };
    let slack = Sandbox::start(rates == Rates::Limited);
    node::passes(&directory, file, &[("SANDBOX", &slack.url)]);
}

/// A test per client and group of behaviours.
macro_rules! tests {
    ($($name:ident: $run:ident($($what:literal),+; $rates:ident);)*) => {
        $(#[test] fn $name() { $run($($what),+, Rates::$rates); })*
    };
}

tests! {
    bolt_for_python_hears_and_answers: python("bolt-builtin", "messages"; Free);
    bolt_for_python_looks_things_up: python("bolt-builtin", "lookups"; Free);
    bolt_for_python_has_modals_home_and_shortcuts: python("bolt-builtin", "modals"; Free);
    bolt_for_python_uploads_files: python("bolt-builtin", "files"; Free);
    async_bolt_for_python_hears_and_answers: python("bolt-aiohttp", "messages"; Free);
    async_bolt_for_python_looks_things_up: python("bolt-aiohttp", "lookups"; Free);
    async_bolt_for_python_has_modals_home_and_shortcuts: python("bolt-aiohttp", "modals"; Free);
    async_bolt_for_python_uploads_files: python("bolt-aiohttp", "files"; Free);
    the_builtin_python_client_gets_hello_and_redeliveries: python("builtin", "links"; Free);
    the_builtin_python_client_outlives_its_links: python("builtin", "endings"; Free);
    the_builtin_python_client_waits_when_limited: python("builtin", "limits"; Limited);
    the_aiohttp_python_client_gets_hello_and_redeliveries: python("aiohttp", "links"; Free);
    the_aiohttp_python_client_outlives_its_links: python("aiohttp", "endings"; Free);
    the_aiohttp_python_client_waits_when_limited: python("aiohttp", "limits"; Limited);
    bolt_for_javascript_hears_and_answers: javascript("messages.test.mjs"; Free);
    bolt_for_javascript_has_modals_home_and_shortcuts: javascript("modals.test.mjs"; Free);
    the_javascript_web_client_looks_things_up: javascript("lookups.test.mjs"; Free);
    the_javascript_web_client_uploads_files: javascript("files.test.mjs"; Free);
    the_javascript_web_client_waits_when_limited: javascript("limits.test.mjs"; Limited);
    the_javascript_socket_client_gets_hello_and_redeliveries: javascript("links.test.mjs"; Free);
    the_javascript_socket_client_outlives_its_links: javascript("endings.test.mjs"; Free);
}
