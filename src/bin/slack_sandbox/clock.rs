//! The sandbox's own clock and task helper: the only file of this program that asks the time or starts a task.

use std::future::Future;
use std::time::Duration;

pub use tokio::time::Instant;

/// Microseconds since 1970: the number behind every `ts`.
#[expect(clippy::disallowed_methods, reason = "the sandbox shares no code with the bot and so has a clock of its own")]
pub fn micros() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}

/// Starts a task on the calling worker thread. Nobody supervises it: the sandbox is a stand-in, not a service.
#[expect(clippy::disallowed_methods, reason = "the sandbox has no supervision tree")]
pub fn spawn(task: impl Future<Output = ()> + 'static) {
    actix_web::rt::spawn(task);
}

/// `1700000000.000100` from microseconds.
pub fn ts(micros: u64) -> String {
    format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000)
}

/// Microseconds from `1700000000.000100`; `None` for anything that is not a `ts` string.
pub fn parse_ts(ts: &str) -> Option<u64> {
    let (seconds, fraction) = ts.split_once('.')?;
    if fraction.len() != 6 {
        return None;
    }
    Some(seconds.parse::<u64>().ok()?.checked_mul(1_000_000)? + fraction.parse::<u64>().ok()?)
}

/// The `Date` header of an answer, so many seconds ahead of the truth.
#[expect(clippy::disallowed_methods, reason = "the sandbox shares no code with the bot and so has a clock of its own")]
pub fn http_date(ahead: i64) -> String {
    let now = std::time::SystemTime::now();
    let shift = Duration::from_secs(ahead.unsigned_abs());
    let then = if ahead < 0 { now - shift } else { now + shift };
    actix_web::http::header::HttpDate::from(then).to_string()
}
