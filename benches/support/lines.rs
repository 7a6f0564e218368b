//! The commands, and the envelopes in which Slack delivers them, with all the fields that the real ones have. Everything
//! follows from a command's number, so that any of them can be delivered again at any time.

use serde_json::{Value, json};

/// By which door a command comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Door {
    Slash,
    Mention,
}

/// One command.
#[derive(Clone, Debug)]
pub struct Line {
    pub door: Door,
    pub user: String,
    pub channel: String,
    pub text: &'static str,
}

/// The workspace.
pub const TEAM: &str = "T0ACME4EVER";

/// A person, and a channel, by a number: ids as long as Slack's.
pub fn person(number: usize) -> String {
    format!("U0P{number:08}")
}

pub fn channel(number: usize) -> String {
    format!("C0C{number:08}")
}

/// What every answer to a line has in it. An apology has none of it, and neither has a refusal.
const WORDS: [(&str, &str); 5] =
    [("ping", "pong"), ("whoami", "you are"), ("help", "about me"), ("version", "revision"), ("ec2 list", "web-1")];

/// Whether this is an answer to what the line asks, as far as its words tell.
pub fn answers(asked: &str, answer: &str) -> bool {
    let word = WORDS.iter().find(|(line, _)| *line == asked);
    // the answer is JSON, in which a word may be part of a text or of a block
    word.is_none_or(|(_, word)| answer.to_lowercase().contains(word))
}

/// The `ts` of the first mention, in seconds.
const FIRST: usize = 1_900_000_000;

/// The `ts` of the message that is this command.
pub fn ts(number: usize) -> String {
    format!("{}.{:06}", FIRST + number / 1_000_000, number % 1_000_000)
}

/// The reverse of [`ts`].
pub fn number_of(ts: &str) -> Option<usize> {
    let (seconds, micros) = ts.split_once('.')?;
    let seconds = seconds.parse::<usize>().ok()?.checked_sub(FIRST)?;
    Some(seconds * 1_000_000 + micros.parse::<usize>().ok()?)
}

/// Digits that look like chance and follow from the number: nothing of the envelopes may compress or repeat better than
/// the real ones.
fn dice(number: usize, salt: u64) -> u64 {
    let mut mixed = (number as u64).wrapping_add(salt).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed ^ (mixed >> 31)
}

/// An envelope's id: a UUID, as Slack's are. The command's number is its first part.
fn envelope_id(number: usize, copy: usize) -> String {
    let dice = dice(number, copy as u64);
    format!(
        "{number:08x}-{copy:04x}-4{:03x}-8{:03x}-{:012x}",
        dice >> 52,
        (dice >> 40) & 0xFFF,
        dice & 0xFFFF_FFFF_FFFF
    )
}

/// The command of an acknowledgement.
pub fn acked(frame: &str) -> Option<usize> {
    #[derive(serde::Deserialize)]
    struct Ack<'a> {
        #[serde(borrow)]
        envelope_id: &'a str,
    }
    let Ack { envelope_id } = serde_json::from_str(frame).ok()?;
    usize::from_str_radix(envelope_id.split('-').next()?, 16).ok()
}

impl Line {
    /// The delivery of this command. Another `copy` has another envelope id; an `attempt` above 0 says so.
    pub fn envelope(&self, base: &str, number: usize, copy: usize, attempt: usize) -> String {
        let id = envelope_id(number, copy);
        match self.door {
            Door::Slash => json!({
                "envelope_id": id, "payload": self.slash(base, number), "type": "slash_commands",
                "accepts_response_payload": true,
            }),
            Door::Mention => json!({
                "envelope_id": id, "payload": self.mention(number), "type": "events_api",
                "accepts_response_payload": false, "retry_attempt": attempt,
                "retry_reason": if attempt > 0 { "timeout" } else { "" },
            }),
        }
        .to_string()
    }

    fn slash(&self, base: &str, number: usize) -> Value {
        let (dice, more) = (dice(number, 1), dice(number, 2));
        json!({
            "token": "Kxt3Wq0ZbV7yNc5rLm2Hs8Pd", "team_id": TEAM, "team_domain": "acme-operations",
            "channel_id": self.channel, "channel_name": "ops-eu-central", "user_id": self.user,
            "user_name": "maya.lindqvist", "command": "/drone", "text": self.text, "api_app_id": "A0DRONE4OPS",
            "is_enterprise_install": "false",
            "response_url": format!("{base}/commands/{TEAM}/{number}/{dice:016x}{:08x}", more >> 32),
            "trigger_id": format!("{}.738474920.{dice:016x}{more:016x}", 13_345_224_609 + number),
        })
    }

    fn mention(&self, number: usize) -> Value {
        let (ts, dice) = (ts(number), dice(number, 3));
        let (event, message) = (format!("Ev{number:09X}"), format!("{dice:08x}-5b1d-4e0a-9c3f-{:012x}", dice >> 16));
        let words = json!([{"type": "user", "user_id": "UBOT"}, {"type": "text", "text": format!(" {}", self.text)}]);
        json!({
            "token": "Kxt3Wq0ZbV7yNc5rLm2Hs8Pd", "team_id": TEAM, "context_team_id": TEAM,
            "context_enterprise_id": null, "api_app_id": "A0DRONE4OPS",
            "event": {
                "user": self.user, "type": "app_mention", "ts": ts, "client_msg_id": message,
                "text": format!("<@UBOT> {}", self.text), "team": TEAM,
                "blocks": [{"type": "rich_text", "block_id": format!("{:05x}", dice >> 44),
                    "elements": [{"type": "rich_text_section", "elements": words}]}],
                "channel": self.channel, "event_ts": ts,
            },
            "type": "event_callback", "event_id": event, "event_time": FIRST,
            "authorizations": [{"enterprise_id": null, "team_id": TEAM, "user_id": "UBOT", "is_bot": true,
                "is_enterprise_install": false}],
            "is_ext_shared_channel": false,
            "event_context": format!("4-eyJldCI6ImFwcF9tZW50aW9uIiwidGlkIjoiVDBBQ01FNEVWRVIiLCJhaWQiOiJBMERST05FNE9QUyJ9{dice:x}"),
        })
    }
}
