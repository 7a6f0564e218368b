//! A word of a list's line that belongs to no option.

use super::super::super::{args, split, words};
use super::super::names::{LIST, SHOW};
use super::super::show;
use super::List;
use crate::aws::{State, is_region};
use crate::domain::{Button, Line, UsageError};

/// The error with what the word may have been meant for, to be pressed. All of it only reads.
pub(super) fn meant(error: UsageError, words: &[String]) -> UsageError {
    let (mut options, mut strays): (Vec<&str>, Vec<&str>) = (Vec::new(), Vec::new());
    let mut words = words.iter().map(String::as_str);
    while let Some(word) = words.next() {
        match word.starts_with('-') {
            // every option takes a value
            true if !word.contains('=') => options.extend([word].into_iter().chain(words.next())),
            true => options.push(word),
            false => strays.push(word),
        }
    }
    let [word] = strays[..] else { return error };
    if !word.contains(char::is_alphanumeric) {
        return error;
    }
    let list = |option: &str| format!("{} {option} {}", LIST, words::quoted(word));
    let lower = word.to_lowercase();
    let lines = match State::parse(&lower) {
        State::Other(_) if is_region(&lower) || lower == "all" => vec![list("--region")],
        State::Other(_) if args::tag(word).is_ok() => vec![list("--tag")],
        State::Other(_) => vec![format!("{SHOW} {}", words::quoted(word)), list("--name")],
        _ => vec![list("--state")],
    };
    let with = |line: &String| words::line(options.iter().copied()).map(|rest| format!("{line} {rest}"));
    let lines: Vec<String> = lines.iter().filter_map(with).map(|line| line.trim_end().to_owned()).collect();
    let lines: Vec<String> = lines.into_iter().filter(|line| is_understood(line)).collect();
    if lines.is_empty() {
        return error;
    }
    let text =
        format!("I do not know what to do with {}. Did you mean {}?", words::said(word), words::list(&lines, "or"));
    let buttons = lines.iter().map(|line| Button::run(words::cut(line, 60), line.clone())).collect();
    UsageError { lines: vec![Line::sentence(&text)], ..error }.buttons(buttons)
}

/// Whether a line of this command, or of the one that shows an instance, is understood: not every command has every option.
fn is_understood(line: &str) -> bool {
    let of = |command: &str| line.strip_prefix(command).and_then(|rest| split(rest).ok());
    match (of(LIST), of(SHOW)) {
        (Some(words), _) => args::parse::<List>(&words).is_ok(),
        (None, Some(words)) => show::understands(&words),
        (None, None) => false,
    }
}
