use super::*;
use parking_lot::Mutex;
use proptest::prelude::*;
use std::sync::Arc;

fn masked(line: &str) -> String {
    String::from_utf8(redact(line.as_bytes()).into_owned()).unwrap()
}

#[test]
fn secrets_are_masked_whatever_surrounds_them() {
    let table = [
        ("token xoxb-1234-5678-AbCd end", "token xoxb-… end"),
        ("\"xapp-1-A0-12-abcdef\"", "\"xapp-…\""),
        ("xoxe.xoxp-1-Mi0yLTEx,next", "xoxe.…,next"),
        ("xoxp-1 xoxa-2 xoxr-3 xoxs-4 xoxe-5 xwfp-6", "xoxp-… xoxa-… xoxr-… xoxs-… xoxe-… xwfp-…"),
        (
            "wss://wss-primary.slack.com/link/?ticket=1a2b-3c4d&app_id=2",
            "wss://wss-primary.slack.com/link/?ticket=…&app_id=2",
        ),
        ("post https://hooks.slack.com/commands/T1/2/x3 failed", "post https://hooks.slack.com/… failed"),
        ("http://127.0.0.1:9/commands/T1/2/x3: refused", "http://127.0.0.1:9/commands/T… refused"),
        ("http://127.0.0.1:9/actions/TA/1\"", "http://127.0.0.1:9/actions/T…\""),
        ("key AKIAIOSFODNN7EXAMPLE and ASIAIOSFODNN7EXAMPLE.", "key AKIA… and ASIA…."),
        ("Authorization: Bearer abc.def\nnext", "Authorization: …\nnext"),
        (r#"{"authorization":"Bearer xoxb-1","a":1}"#, r#"{"authorization":"…","a":1}"#),
        (r#"{\"Authorization\": \"AWS4-HMAC-SHA256 Credential=AKIA\"}"#, r#"{\"Authorization\": \"…\"}"#),
        ("proxy-authorization: Basic dXNlcjpwYXNz", "proxy-authorization: …"),
        ("sent bearer abcdefghijkl/+=. then", "sent bearer … then"),
        ("via http://me:hunter2@proxy:3128/x", "via http://…@proxy:3128/x"),
        ("a xoxb-1", "a xoxb-…"),
    ];
    for (line, expected) in table {
        assert_eq!(masked(line), expected, "{line}");
    }
}

#[test]
fn ordinary_lines_stay_as_they_are_and_are_not_copied() {
    for line in [
        "",
        "command ec2 stop i-0abc in https://ec2.eu-central-1.amazonaws.com/",
        "xoxb- xapp- xox ticket= tickets hooks.slack.com AKIA ASIAN AUTHORIZATION failed, the bearer of news",
        "authorization failed: no policy permits it",
        "mail a@b.example to everyone: //x@y",
        "grüße über alles…",
    ] {
        assert!(matches!(redact(line.as_bytes()), Cow::Borrowed(_)), "{}", masked(line));
    }
}

proptest! {
    #[test]
    fn no_token_survives_in_any_line(before in "[ -~]*", token in "[A-Za-z0-9]{12,40}", kind in "xox[abeprs]-|xapp-|xwfp-", after in "[ \"',)}].*") {
        let secret = format!("Q9{token}");
        let line = format!("{before}{kind}{secret}{after}");
        prop_assume!(!before.contains(&secret) && !after.contains(&secret));
        prop_assert!(!masked(&line).contains(&secret), "{}", masked(&line));
    }

    #[test]
    fn any_bytes_are_survived_and_masking_twice_is_masking_once(line in proptest::collection::vec(any::<u8>(), 0..200)) {
        let once = redact(&line).into_owned();
        prop_assert_eq!(redact(&once).len(), once.len());
    }
}

#[derive(Clone, Default)]
struct Page(Arc<Mutex<Vec<u8>>>);

impl Write for Page {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.lock().extend_from_slice(line);
        Ok(line.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

struct Noon;

impl FormatTime for Noon {
    fn format_time(&self, w: &mut tracing_subscriber::fmt::format::Writer<'_>) -> std::fmt::Result {
        w.write_str("2026-11-23T12:00:00.000Z")
    }
}

/// What is logged through the whole subscriber.
fn logged(format: LogFormat, filter: &str) -> String {
    let page = Page::default();
    let writer = page.clone();
    let set = subscriber(format, parse_filter(filter).unwrap(), Redacting(move || writer.clone()), false, Noon);
    tracing::subscriber::with_default(set, || {
        let span = tracing::info_span!("actor", name = "slack", incarnation = 1);
        let _inside = span.enter();
        tracing::info!(req = "7F3K", token = "xoxb-1-2-abc", "link is up");
        tracing::debug!("dialled wss://x/?ticket=abc");
    });
    let page = page.0.lock().clone();
    String::from_utf8(page).unwrap()
}

#[test]
fn a_line_is_text_or_json_filtered_and_masked() {
    insta::assert_snapshot!(logged(LogFormat::Text, "info"), @r#"2026-11-23T12:00:00.000Z  INFO actor{name="slack" incarnation=1}: dronebot::telemetry::tests: link is up req="7F3K" token="xoxb-…""#);
    insta::assert_snapshot!(logged(LogFormat::Json, "debug"), @r#"
    {"timestamp":"2026-11-23T12:00:00.000Z","level":"INFO","message":"link is up","req":"7F3K","token":"xoxb-…","target":"dronebot::telemetry::tests","spans":[{"incarnation":1,"name":"slack","name":"actor"}]}
    {"timestamp":"2026-11-23T12:00:00.000Z","level":"DEBUG","message":"dialled wss://x/?ticket=…","target":"dronebot::telemetry::tests","spans":[{"incarnation":1,"name":"slack","name":"actor"}]}
    "#);
    assert_eq!(logged(LogFormat::Text, "warn"), "");
}

#[test]
fn a_filter_that_is_none_is_one_line() {
    let error =
        init(&LogSettings { format: LogFormat::Text, output: LogOutput::Stderr, filter: "info,dronebot=lots".into() })
            .expect_err("accepted");
    let line = error.to_string();
    assert!(line.starts_with("`log.filter` \"info,dronebot=lots\" is not a filter") && !line.contains('\n'), "{line}");
}

#[test]
fn the_time_of_a_line_is_utc_to_the_millisecond() {
    let mut text = String::new();
    Utc.format_time(&mut tracing_subscriber::fmt::format::Writer::new(&mut text)).unwrap();
    assert_eq!((text.len(), &text[19..20], &text[23..]), (24, ".", "Z"), "{text}");
}
