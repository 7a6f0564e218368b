//! The fault switches of the Web API and of new connections. Those of open links are in `hub::Switches`.

use serde::Deserialize;
use serde_json::Value;

/// What goes wrong with a call.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApiFault {
    /// `chat.postMessage`, `response_url`, or `*`.
    pub method: String,
    /// How many calls it meets; default 1, 0 for ever.
    #[serde(default)]
    pub times: Option<u32>,
    /// Calls that pass before it begins.
    #[serde(default)]
    pub skip: u32,
    /// Answer `{"ok":false,"error":…}`.
    pub error: Option<String>,
    /// HTTP status; alone, or with `error` or `retry_after`. 429 where `retry_after` is given.
    pub status: Option<u16>,
    /// `Retry-After` in seconds.
    pub retry_after: Option<u64>,
    /// Wait before anything else.
    pub hang_ms: Option<u64>,
    /// Answer 200 with this text, which is no JSON.
    pub non_json: Option<Value>,
    /// Do what was asked, then drop the connection without an answer.
    #[serde(default)]
    pub after_effect: bool,
    /// Drop the connection without doing anything.
    #[serde(default)]
    pub drop: bool,
}

impl ApiFault {
    /// Whether it answers in place of the method.
    pub fn replaces(&self) -> bool {
        self.error.is_some()
            || self.status.is_some()
            || self.retry_after.is_some()
            || self.non_json.is_some()
            || self.drop
    }
}

/// What happens to the next connections.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DialFault {
    /// Answer the upgrade with this status.
    pub refuse: Option<u16>,
    /// Never say hello.
    pub withhold_hello: bool,
    /// Say hello this late.
    pub delay_hello_ms: u64,
    /// Say `disconnect` with this reason instead of hello, then close.
    pub disconnect: Option<String>,
    /// Claim this number of connections in hello.
    pub num_connections: Option<u64>,
}

/// All that are armed.
#[derive(Debug, Default)]
pub struct Faults {
    /// Of calls.
    pub api: Vec<(ApiFault, u32)>,
    /// Of new connections, with how many they still meet; 0 for ever.
    pub dial: Vec<(DialFault, u32)>,
}

impl Faults {
    /// Arms a fault of calls.
    pub fn add_api(&mut self, fault: ApiFault) {
        let times = fault.times.unwrap_or(1);
        self.api.push((fault, times));
    }

    /// The fault that meets this call, if any.
    pub fn take_api(&mut self, method: &str) -> Option<ApiFault> {
        let index = self.api.iter().position(|(fault, _)| fault.method == method || fault.method == "*")?;
        let (fault, times) = &mut self.api[index];
        if fault.skip > 0 {
            fault.skip -= 1;
            return None;
        }
        let taken = fault.clone();
        if *times == 1 {
            self.api.remove(index);
        } else if *times > 1 {
            *times -= 1;
        }
        Some(taken)
    }

    /// The fault that meets this connection, if any.
    pub fn take_dial(&mut self) -> Option<DialFault> {
        let (fault, times) = self.dial.first_mut()?;
        let taken = fault.clone();
        if *times == 1 {
            self.dial.remove(0);
        } else if *times > 1 {
            *times -= 1;
        }
        Some(taken)
    }

    /// Disarms all.
    pub fn clear(&mut self) {
        self.api.clear();
        self.dial.clear();
    }
}
