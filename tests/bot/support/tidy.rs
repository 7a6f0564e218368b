//! A reply as a snapshot keeps it: what differs from run to run is replaced by something as wide, so that a table stays
//! a table.

use std::collections::BTreeMap;

/// The beginnings of AWS's ids.
const IDS: [&str; 5] = ["i-", "vol-", "vpc-", "subnet-", "ami-"];

/// The units of a duration that differs from run to run. What took minutes, hours or days is wrong in a test, and stays.
const UNITS: [&str; 2] = ["ms", "s"];

/// So many minutes a machine that is busy may take.
const BUSY: u32 = 2;

/// Undoes Slack's escapes, and replaces ids by numbers in the order of their appearance, and durations of seconds, the
/// date of today, addresses (those of a private network by another word), accounts and request ids by words.
pub fn tidy(text: &str) -> String {
    let text = text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&");
    let mut seen: BTreeMap<&'static str, BTreeMap<String, usize>> = BTreeMap::new();
    let mut out = String::new();
    let mut before = String::new();
    let mut rest = text.as_str();
    while !rest.is_empty() {
        let inside = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | ':');
        let end = rest.find(|c| !inside(c)).unwrap_or(rest.len());
        if end == 0 {
            let step = rest.chars().next().map_or(1, char::len_utf8);
            out.push_str(&rest[..step]);
            rest = &rest[step..];
            continue;
        }
        let (word, after) = rest.split_at(end);
        let bare = word.trim_end_matches(['.', ':']);
        let next = after.trim_start().split(|c: char| !c.is_ascii_alphabetic()).next().unwrap_or_default();
        if let Some(left) = busy(bare, after) {
            out.push_str("N s");
            rest = left;
            continue;
        }
        match stand_in(bare, &before, next, &mut seen) {
            Some(other) => out.push_str(&other),
            None => out.push_str(bare),
        }
        out.push_str(&word[bare.len()..]);
        before = bare.to_owned();
        rest = after;
    }
    out
}

/// What follows a minute or two, which count as seconds.
fn busy<'a>(word: &str, after: &'a str) -> Option<&'a str> {
    let left = after.strip_prefix(" min").filter(|_| word.parse::<u32>().is_ok_and(|minutes| minutes <= BUSY))?;
    let seconds = left.strip_prefix(' ').map(|left| left.trim_start_matches(|c: char| c.is_ascii_digit()));
    Some(seconds.and_then(|left| left.strip_prefix(" s")).unwrap_or(left))
}

/// Whether it is the date of a test that runs now.
#[expect(clippy::disallowed_methods, reason = "the simulated cloud has a clock of its own")]
fn is_today(date: &str) -> bool {
    let now = jiff::Timestamp::now();
    let days = [-24, 0, 24].map(|hours| now + jiff::SignedDuration::from_hours(hours));
    days.iter().any(|day| day.strftime("%Y-%m-%d").to_string() == date)
}

fn stand_in(
    word: &str,
    before: &str,
    next: &str,
    seen: &mut BTreeMap<&'static str, BTreeMap<String, usize>>,
) -> Option<String> {
    if let Some((start, hex)) = IDS.iter().find_map(|start| Some((*start, word.strip_prefix(start)?)))
        && hex.len() >= 8
        && hex.bytes().all(|byte| byte.is_ascii_hexdigit())
    {
        let known = seen.entry(start).or_default();
        let number = known.len() + 1;
        let number = *known.entry(hex.to_owned()).or_insert(number);
        return Some(format!("{start}{number:0width$}", width = hex.len()));
    }
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let parts: Vec<&str> = word.split(['.', '-', ':']).collect();
    let numbers = parts.iter().all(|part| digits(part));
    if before == "req" {
        return Some("XXXX".into());
    }
    if numbers && parts.len() == 1 && UNITS.contains(&next) {
        return Some("N".into());
    }
    if numbers && parts.len() == 1 && word.len() == 12 {
        return Some("ACCOUNT".into());
    }
    match (numbers, parts.len()) {
        (true, 4) if word.contains('.') && parts[0] == "10" => Some("PRIVATE".into()),
        (true, 4) if word.contains('.') => Some("ADDRESS".into()),
        (true, 3) if word.contains('-') && is_today(word) => Some("DATE".into()),
        (true, 2) if word.contains(':') => Some("TIME".into()),
        _ => None,
    }
}

#[test]
fn what_differs_from_run_to_run_is_replaced() {
    let text = "`web (i-0123456789abcdef0)` &lt;i-1&gt; i-0123456789abcdef0: 198.51.100.7 and 10.0.3.4, up 4 s or 1 min 4 s \
                or 2 min, 11:52 UTC (req 7F3K)";
    assert_eq!(
        tidy(text),
        "`web (i-00000000000000001)` <i-1> i-00000000000000001: ADDRESS and PRIVATE, up N s or N s or N s, TIME UTC (req XXXX)"
    );
}

#[test]
fn what_would_be_wrong_is_not_hidden() {
    for text in ["after 3 min", "after 1 h 6 min", "57 d 20 h ago", "on 1970-01-01", "within 6 seconds"] {
        assert_eq!(tidy(text), text);
    }
}
