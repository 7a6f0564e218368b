//! The commands, and the envelopes in which Slack delivers them. Everything follows from a command's number, so that any
//! of them can be delivered again at any time.

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

/// The command of an acknowledgement.
pub fn acked(frame: &str) -> Option<usize> {
    frame.split("\"e-").nth(1)?.split('-').next()?.parse().ok()
}

impl Line {
    /// The delivery of this command. Another `copy` has another envelope id; an `attempt` above 0 says so.
    pub fn envelope(&self, base: &str, number: usize, copy: usize, attempt: usize) -> String {
        match self.door {
            Door::Slash => self.slash(base, number, copy),
            Door::Mention => json!({
                "envelope_id": format!("e-{number}-{copy}"), "type": "events_api", "accepts_response_payload": false,
                "payload": self.mention(number), "retry_attempt": attempt,
                "retry_reason": if attempt > 0 { "timeout" } else { "" },
            })
            .to_string(),
        }
    }

    fn slash(&self, base: &str, number: usize, copy: usize) -> String {
        let Self { user, channel, text, .. } = self;
        format!(
            "{{\"envelope_id\":\"e-{number}-{copy}\",\"type\":\"slash_commands\",\"accepts_response_payload\":true,\
             \"payload\":{{\"token\":\"t\",\"team_id\":\"T1\",\"team_domain\":\"d\",\"channel_id\":\"{channel}\",\
             \"channel_name\":\"ops\",\"user_id\":\"{user}\",\"user_name\":\"maya\",\"command\":\"/drone\",\
             \"text\":\"{text}\",\"api_app_id\":\"A1\",\"is_enterprise_install\":\"false\",\
             \"response_url\":\"{base}/respond?n={number}\",\"trigger_id\":\"1338.{number}.0123456789abcdef\"}}}}"
        )
    }

    fn mention(&self, number: usize) -> Value {
        let ts = ts(number);
        json!({
            "token": "t", "team_id": "T1", "api_app_id": "A1", "type": "event_callback",
            "event": {"type": "app_mention", "user": self.user, "text": format!("<@UBOT> {}", self.text), "ts": ts,
                "channel": self.channel, "event_ts": ts, "team": "T1"},
            "event_id": format!("Ev{number:012}"), "event_time": FIRST,
            "authorizations": [{"team_id": "T1", "user_id": "UBOT", "is_bot": true}],
        })
    }
}
