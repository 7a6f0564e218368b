//! The log: text for people or JSON for collectors, filtered, and with a last line of defence against secrets.
//!
//! Nothing secret is logged by intent: tokens are `SecretString`s, URLs with capabilities are not formatted. What slips
//! through all the same (a library's error, a panic's message) is masked in the line's bytes before they are written.

use crate::settings::{LogFormat, LogOutput, LogSettings};
use parking_lot::Mutex;
use std::borrow::Cow;
use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::os::fd::AsFd;
use std::time::Duration;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::time::FormatTime;
use tracing_subscriber::util::SubscriberInitExt;

mod writer;

use writer::LogWriter;

#[cfg(test)]
mod tests;

/// Why logging cannot begin, as one line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TelemetryError {
    /// The filter is not one.
    #[error("`log.filter` {filter:?} is not a filter such as info,dronebot::slack=debug: {reason}")]
    Filter {
        /// As it was set.
        filter: String,
        /// Why not.
        reason: String,
    },
    /// Standard output or error is closed.
    #[error("the log cannot be written: {0}")]
    Closed(String),
    /// Something else in the process logs already.
    #[error("the log was set up twice")]
    Twice,
}

/// The end of the process waits no longer for its last lines to be written.
const LAST_LINES: Duration = Duration::from_secs(1);

/// The log of the process.
static LOG: Mutex<Option<LogWriter>> = Mutex::new(None);

/// Begins logging for the whole process. [`finish`] ends it.
///
/// # Errors
/// The filter cannot be parsed, there is nothing to write to, or logging has begun before.
pub fn init(settings: &LogSettings) -> Result<(), TelemetryError> {
    let filter = parse_filter(&settings.filter)?;
    let (output, ansi) = match settings.output {
        LogOutput::Stdout => (io::stdout().as_fd().try_clone_to_owned(), io::stdout().is_terminal()),
        LogOutput::Stderr => (io::stderr().as_fd().try_clone_to_owned(), io::stderr().is_terminal()),
    };
    let output = output.map_err(|error| TelemetryError::Closed(error.to_string()))?;
    let writer = LogWriter::start(File::from(output)).map_err(|error| TelemetryError::Closed(error.to_string()))?;
    let ansi = ansi && settings.format == LogFormat::Text;
    *LOG.lock() = Some(writer.clone());
    // also takes what libraries say through the `log` crate
    subscriber(settings.format, filter, Redacting(writer), ansi, Utc).try_init().map_err(|_| TelemetryError::Twice)?;
    Ok(())
}

/// Writes what waits, for a second at most: the last that is done before the process ends.
pub fn finish() {
    let writer = LOG.lock().clone();
    if let Some(writer) = writer {
        writer.finish(LAST_LINES);
    }
}

/// How many lines were lost, because the reader of the log was too slow.
pub fn lost_lines() -> u64 {
    LOG.lock().as_ref().map_or(0, LogWriter::lost)
}

/// The subscriber behind [`init`], with any writer.
fn subscriber<W, T>(
    format: LogFormat,
    filter: EnvFilter,
    writer: Redacting<W>,
    ansi: bool,
    time: T,
) -> Box<dyn tracing::Subscriber + Send + Sync>
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
    T: FormatTime + Send + Sync + 'static,
{
    let builder =
        tracing_subscriber::fmt().with_env_filter(filter).with_timer(time).with_ansi(ansi).with_writer(writer);
    match format {
        LogFormat::Text => Box::new(builder.finish()),
        LogFormat::Json => Box::new(builder.json().flatten_event(true).with_current_span(false).finish()),
    }
}

fn parse_filter(filter: &str) -> Result<EnvFilter, TelemetryError> {
    EnvFilter::builder()
        .parse(filter)
        .map_err(|error| TelemetryError::Filter { filter: filter.to_owned(), reason: error.to_string() })
}

/// The time of a line: UTC, to the millisecond.
struct Utc;

impl FormatTime for Utc {
    fn format_time(&self, w: &mut tracing_subscriber::fmt::format::Writer<'_>) -> std::fmt::Result {
        use crate::clock::Clock;
        write!(w, "{:.3}", crate::clock::SystemClock.now())
    }
}

/// Makes writers that mask secrets. The subscriber writes a whole line in one call.
#[derive(Clone, Debug)]
pub struct Redacting<M>(pub M);

impl<'w, M: MakeWriter<'w>> MakeWriter<'w> for Redacting<M> {
    type Writer = RedactingWriter<M::Writer>;
    fn make_writer(&'w self) -> Self::Writer {
        RedactingWriter(self.0.make_writer())
    }
}

/// Masks secrets in each piece that is written.
#[derive(Debug)]
pub struct RedactingWriter<W>(W);

impl<W: Write> Write for RedactingWriter<W> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.write_all(&redact(line))?;
        Ok(line.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// What stands in place of the secret part.
const MASK: &[u8] = "…".as_bytes();

/// A secret within a line: what of it stays, and where it ends.
struct Found {
    /// Bytes from the start of the match that are shown.
    keep: usize,
    /// Bytes of the whole match.
    len: usize,
}

/// Masks what looks like a secret: Slack's tokens, tickets, response_urls and webhooks, AWS key ids, authorization
/// headers, passwords in URLs. Lines without any are not copied.
pub fn redact(line: &[u8]) -> Cow<'_, [u8]> {
    let mut clean: Option<Vec<u8>> = None;
    let (mut at, mut copied) = (0, 0);
    while at < line.len() {
        // one comparison for most bytes: only these begin a secret
        let found = match line[at] {
            b'x' => slack_token(&line[at..]),
            b't' => after(&line[at..], b"ticket=", is_url_byte),
            b'h' => after(&line[at..], b"hooks.slack.com/", is_url_byte),
            b'/' => path_capability(&line[at..]),
            b':' => url_password(&line[at..]),
            b'A' | b'a' => aws_key(&line[at..]).or_else(|| authorization(&line[at..])),
            b'B' | b'b' => bearer(&line[at..]),
            _ => None,
        };
        match found {
            Some(Found { keep, len }) => {
                let clean = clean.get_or_insert_with(|| Vec::with_capacity(line.len()));
                clean.extend_from_slice(&line[copied..at + keep]);
                clean.extend_from_slice(MASK);
                at += len;
                copied = at;
            }
            None => at += 1,
        }
    }
    match clean {
        Some(mut clean) => {
            clean.extend_from_slice(&line[copied..]);
            Cow::Owned(clean)
        }
        None => Cow::Borrowed(line),
    }
}

fn run(bytes: &[u8], of: impl Fn(u8) -> bool) -> usize {
    bytes.iter().take_while(|byte| of(**byte)).count()
}

fn is_url_byte(byte: u8) -> bool {
    byte.is_ascii_graphic()
        && !matches!(byte, b'"' | b'\'' | b'`' | b'<' | b'>' | b'&' | b'\\' | b')' | b'}' | b']' | b',' | b';')
}

fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.')
}

/// A prefix that stays and what follows it, if anything does.
fn after(bytes: &[u8], prefix: &[u8], of: fn(u8) -> bool) -> Option<Found> {
    let rest = bytes.strip_prefix(prefix)?;
    let len = run(rest, of);
    (len > 0).then_some(Found { keep: prefix.len(), len: prefix.len() + len })
}

/// `xoxb-…`, `xoxe.xoxp-…`, `xapp-…`, `xwfp-…`.
fn slack_token(bytes: &[u8]) -> Option<Found> {
    let prefix = match bytes {
        [b'x', b'o', b'x', b'a' | b'b' | b'e' | b'p' | b'r' | b's' | b'c' | b'd', b'-' | b'.', ..] => 5,
        [b'x', b'a', b'p', b'p', b'-', ..] | [b'x', b'w', b'f', b'p', b'-', ..] => 5,
        _ => return None,
    };
    let len = run(&bytes[prefix..], is_token_byte);
    (len > 0).then_some(Found { keep: prefix, len: prefix + len })
}

/// The path of a response_url or a webhook, whatever its host: `/commands/T…/…`.
fn path_capability(bytes: &[u8]) -> Option<Found> {
    let prefixes: [&[u8]; 4] = [b"/commands/T", b"/actions/T", b"/services/T", b"/workflows/T"];
    prefixes.iter().find_map(|prefix| after(bytes, prefix, is_url_byte))
}

/// `://user:password@`
fn url_password(bytes: &[u8]) -> Option<Found> {
    let rest = bytes.strip_prefix(b"://")?;
    let authority = run(rest, |byte| byte.is_ascii_graphic() && !matches!(byte, b'/' | b'?' | b'#' | b'"' | b'\\'));
    let at = rest[..authority].iter().rposition(|byte| *byte == b'@')?;
    Some(Found { keep: 3, len: 3 + at })
}

/// `AKIA…`, `ASIA…`
fn aws_key(bytes: &[u8]) -> Option<Found> {
    let rest = bytes.strip_prefix(b"AKIA").or_else(|| bytes.strip_prefix(b"ASIA"))?;
    let len = run(rest, |byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
    (len >= 12).then_some(Found { keep: 4, len: 4 + len })
}

/// `Authorization: Bearer …`, `"authorization":"…"`, `authorization = …`: to the end of the value.
fn authorization(bytes: &[u8]) -> Option<Found> {
    const NAME: &[u8] = b"authorization";
    if bytes.len() <= NAME.len() || !bytes[..NAME.len()].eq_ignore_ascii_case(NAME) {
        return None;
    }
    let sign = run(&bytes[NAME.len()..], |byte| matches!(byte, b'"' | b'\\' | b':' | b'=' | b' ' | b'\''));
    let signs = &bytes[NAME.len()..NAME.len() + sign];
    if !signs.iter().any(|byte| matches!(byte, b':' | b'=')) {
        return None;
    }
    let keep = NAME.len() + sign;
    let len = run(&bytes[keep..], |byte| !matches!(byte, b'"' | b'\\' | b'\n' | b'\r' | b'}' | b'\''));
    (len > 0).then_some(Found { keep, len: keep + len })
}

/// `Bearer …` by itself.
fn bearer(bytes: &[u8]) -> Option<Found> {
    const WORD: &[u8] = b"bearer ";
    if bytes.len() <= WORD.len() || !bytes[..WORD.len()].eq_ignore_ascii_case(WORD) {
        return None;
    }
    // words of ordinary sentences ("bearer of news") are shorter than any token
    let len = run(&bytes[WORD.len()..], |byte| is_token_byte(byte) || matches!(byte, b'/' | b'+' | b'=' | b'~'));
    (len >= 12).then_some(Found { keep: WORD.len(), len: WORD.len() + len })
}
