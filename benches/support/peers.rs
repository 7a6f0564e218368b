//! Other bots beside this one: any program that answers `/drone ping` with `pong`.
//!
//! `DRONEBOT_BENCH_PEERS="slack-morphism=/path/to/peer; bolt-js=node /path/to/app.cjs"` names them. A peer reads from
//! `SLACK_API` where the Web API is (it ends with a slash), takes any token for good, connects by Socket Mode, acknowledges
//! a slash command and posts its answer to the command's response_url.

use std::process::Command;

/// The variable.
const NAMED: &str = "DRONEBOT_BENCH_PEERS";

/// A peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    pub name: String,
    words: Vec<String>,
}

impl Peer {
    pub fn command(&self) -> Command {
        let mut command = Command::new(&self.words[0]);
        command.args(&self.words[1..]);
        command
    }
}

/// Those that are named, or how to name some.
pub fn named() -> Result<Vec<Peer>, String> {
    let text = std::env::var(NAMED).unwrap_or_default();
    let peers = parse(&text)?;
    if peers.is_empty() {
        return Err(format!(
            "no peers beside it: {NAMED}=\"NAME=COMMAND; NAME=COMMAND\" names programs that answer `/drone ping` with `pong`, \
             with the Web API at $SLACK_API (benches/support/peers.rs)"
        ));
    }
    Ok(peers)
}

/// `NAME=COMMAND`, separated by semicolons.
pub fn parse(text: &str) -> Result<Vec<Peer>, String> {
    let parts = text.split(';').map(str::trim).filter(|part| !part.is_empty());
    parts
        .map(|part| {
            let wrong = || format!("{NAMED}: {part:?} is not NAME=COMMAND");
            let (name, command) = part.split_once('=').ok_or_else(wrong)?;
            let words = shlex::split(command).filter(|words| !words.is_empty()).ok_or_else(wrong)?;
            Ok(Peer { name: name.trim().to_owned(), words })
        })
        .collect()
}
