//! How names, times and lists are put into sentences.

use crate::domain::{Line, Target, is_invisible};
use std::time::Duration;

/// The longest name that is shown in a sentence.
const LONGEST: usize = 80;

/// The longest reason that is shown in a sentence: ECS gives 1,024 letters of each container, and a message takes no more of two.
const LONGEST_REASON: usize = 2_000;

/// A name from outside, made fit to stand between backticks: no backtick, no control or direction characters, and
/// not longer than a line.
pub(super) fn name(text: &str) -> String {
    cut_at(clean(text), LONGEST)
}

/// The provider's words for why something is so: the same, and whole as far as a message can take them.
pub(super) fn reason(text: &str) -> String {
    cut_at(clean(text), LONGEST_REASON)
}

/// As [`name`], and whole: an id is nothing when it is cut.
fn clean(text: &str) -> String {
    text.chars()
        .filter(|c| !is_invisible(*c))
        .map(|c| {
            if c == '`' {
                '\''
            } else if c.is_control() {
                ' '
            } else {
                c
            }
        })
        .collect()
}

/// A target's label, fit for backticks.
pub(super) fn label(target: &Target) -> String {
    label_of(target.name.as_deref().unwrap_or_default(), &target.id)
}

/// `web-1 (i-0abc)`, or the bare id of what has no name. However long the name, the id is whole.
pub(super) fn label_of(text: &str, id: &str) -> String {
    label_within(text, id, LONGEST)
}

/// As [`label_of`], in at most this many characters where the id leaves room for a name.
pub(super) fn label_within(text: &str, id: &str, most: usize) -> String {
    let id = clean(id);
    let room = most.saturating_sub(id.chars().count() + " ()".len());
    match cut(text, room).trim() {
        "" => id,
        _ if room == 0 => id,
        shown => format!("{shown} ({id})"),
    }
}

/// What somebody typed, set off; that it was nothing is said.
pub(super) fn said(text: &str) -> String {
    if text.trim().is_empty() { "an empty word".to_owned() } else { format!("`{}`", name(text)) }
}

/// At most this many characters, the cut marked.
pub(super) fn cut(text: &str, most: usize) -> String {
    cut_at(name(text), most)
}

fn cut_at(clean: String, most: usize) -> String {
    if clean.chars().count() <= most {
        return clean;
    }
    clean.chars().take(most.saturating_sub(1)).chain(['…']).collect()
}

/// `12 s`, `4 min`, `3 h 5 min`, `2 d 7 h`: two units at most.
pub(super) fn span(time: Duration) -> String {
    let seconds = time.as_secs();
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    let both = |big: u64, unit: &str, small: u64, small_unit: &str| {
        if small == 0 { format!("{big} {unit}") } else { format!("{big} {unit} {small} {small_unit}") }
    };
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => both(minutes, "min", seconds % 60, "s"),
        3600..86_400 => both(hours, "h", minutes % 60, "min"),
        _ => both(days, "d", hours % 24, "h"),
    }
}

/// `1 instance`, `3 instances`.
pub(super) fn count(number: usize, one: &str) -> String {
    if number == 1 { format!("1 {one}") } else { format!("{number} {one}s") }
}

/// ``"`a`, `b` and `c`"``, each fit for backticks.
pub(super) fn list<T: AsRef<str>>(names: &[T], last: &str) -> String {
    let quoted: Vec<String> = names.iter().map(|n| format!("`{}`", name(n.as_ref()))).collect();
    match quoted.split_last() {
        Some((tail, head)) if !head.is_empty() => format!("{} {last} {tail}", head.join(", ")),
        Some((only, _)) => only.clone(),
        None => String::new(),
    }
}

/// Words as a line that is split into exactly these; `None` where one holds what cannot be typed.
pub(super) fn line<'a>(words: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let words: Option<Vec<String>> =
        words.into_iter().map(|word| (!word.contains('\0')).then(|| quoted(word))).collect();
    words.map(|words| words.join(" "))
}

/// One word of a line, bare where that is enough. It may hold anything but a NUL.
pub(super) fn quoted(word: &str) -> String {
    let bare = |c: char| !c.is_whitespace() && !c.is_control() && !matches!(c, '"' | '\'' | '\\');
    if !word.is_empty() && word.chars().all(bare) {
        return word.to_owned();
    }
    shlex::try_quote(word).map_or_else(|_| String::new(), std::borrow::Cow::into_owned)
}

/// The first word.
pub(super) fn first(text: &str) -> &str {
    text.split_whitespace().next().unwrap_or_default()
}

/// A line in which one name is set off and one word emphasised.
pub(super) fn says(what: &str, between: &str, word: &str, after: &str) -> Line {
    Line::new().code(name(what)).text(between).bold(name(word)).text(after)
}

/// Whether a name meets a pattern in which `*` is any text and `?` is any character.
pub(super) fn meets(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    let (mut p, mut t) = (0, 0);
    // Where the last star stands, and how much of the text it has taken so far.
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(&c) if c == '?' || c == text[t] => {
                p += 1;
                t += 1;
            }
            _ => match star {
                Some((at, taken)) => {
                    star = Some((at, taken + 1));
                    p = at + 1;
                    t = taken + 1;
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_break_out_of_a_sentence() {
        assert_eq!(name("a`b\nc\u{202e}d"), "a'b cd");
        assert_eq!(name(&"x".repeat(200)).chars().count(), LONGEST);
    }

    #[test]
    fn times_have_two_units_at_most() {
        let table = [(0, "0 s"), (59, "59 s"), (60, "1 min"), (75, "1 min 15 s"), (3600, "1 h"), (93_784, "1 d 2 h")];
        for (seconds, words) in table {
            assert_eq!(span(Duration::from_secs(seconds)), words);
        }
    }

    #[test]
    fn patterns_mean_what_they_mean_in_a_shell() {
        for (pattern, text, is) in [
            ("web-*", "web-1", true),
            ("web-*", "db-1", false),
            ("*-1", "web-1-1", true),
            ("w?b", "web", true),
            ("w?b", "wb", false),
            ("*", "", true),
            ("", "", true),
            ("", "a", false),
            ("a*b*c", "axxbyyc", true),
            ("web", "web-1", false),
        ] {
            assert_eq!(meets(pattern, text), is, "{pattern} {text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn a_pattern_made_of_a_text_meets_it(text in "[a-c]{0,12}", at in 0usize..12) {
            let at = at.min(text.len());
            let pattern = format!("{}*{}", &text[..at], &text[at..]);
            assert!(meets(&pattern, &text));
            assert!(meets(&"?".repeat(text.len()), &text));
        }
    }
}
