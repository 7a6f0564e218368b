//! What was meant by a line that begins with no command: what people say for one, else the name that is the least unlike it.

use super::super::{Row, words};
use super::{Catalog, meant};
use crate::domain::{Button, Risk, UsageError};

/// How unlike a name may be to be suggested: this share of its letters.
const NEAR: f64 = 0.45;

/// The same for a command whose work cannot be undone: a letter or two of its own name.
const NEAR_DESTROY: f64 = 0.2;

/// The sentence on a line that begins with no command, with what was meant as a button.
pub(super) fn unknown(catalog: &Catalog, words: &[String]) -> UsageError {
    let first = words.first().map(String::as_str).unwrap_or_default();
    let group = catalog.group(first);
    if words.len() == 1 && !group.is_empty() {
        let text = format!(
            "`{}` needs one of {} after it. Say `help {0}` for what each does.",
            words::name(first),
            words::list(&group, "or")
        );
        return UsageError::sentence(&text);
    }
    match meant::meaning(catalog, words).or_else(|| nearest(catalog, words)) {
        Some((row, length)) => {
            let said = words::name(&words[..length].join(" ").to_lowercase());
            let text = format!("I do not know `{said}`. Did you mean `{}`? Say `help` for the list.", row.name);
            UsageError::sentence(&text).buttons(corrected(catalog, row.name, &words[length..]).into_iter().collect())
        }
        None => {
            let said = words[..words.len().min(if group.is_empty() { 1 } else { 2 })].join(" ");
            // `never say @drone ec2 stop web-1` is no command, and whoever wrote it reads why
            let named = words.iter().skip(1).any(|word| word.starts_with("<@"));
            let hint = if named { " If it was meant for me, begin with my name and the command." } else { "" };
            UsageError::sentence(&format!("I do not know `{}`. Say `help` for the list.{hint}", words::name(&said)))
        }
    }
}

/// The corrected line as a button. One that changes something is shown as a form first: a guess never runs it.
fn corrected(catalog: &Catalog, name: &str, rest: &[String]) -> Option<Button> {
    let line = words::line(name.split(' ').chain(rest.iter().map(String::as_str)))?;
    match catalog.parse(&line) {
        Ok((row, _)) if row.risk < Risk::Change => Some(Button::run(words::cut(&line, 60), line)),
        _ => Some(Button::form(format!("{}…", words::cut(&line, 60)), line)),
    }
}

/// The command whose name, or what people say for it, is the least unlike the first words, and how many of them that
/// are. Of what is equally far, what only reads is meant: a mistyped read is never guessed into a change. What cannot be undone
/// is meant only by what is all but its own name.
fn nearest(catalog: &Catalog, words: &[String]) -> Option<(&'static Row, usize)> {
    let names = catalog.rows().iter().map(|row| (row.name.to_owned(), *row));
    let all = names.chain(meant::below(catalog, Risk::Change)).flat_map(|(name, row)| {
        alike(words, &name).into_iter().map(move |(distance, share, length)| (distance, row, share, length))
    });
    let most = |row: &Row| if row.risk == Risk::Destroy { NEAR_DESTROY } else { NEAR };
    let near = all.filter(|(_, row, share, _)| *share <= most(row));
    let order = |a: &(usize, &'static Row, f64, usize), b: &(usize, &'static Row, f64, usize)| {
        (a.0, a.1.risk).cmp(&(b.0, b.1.risk)).then(a.2.total_cmp(&b.2))
    };
    near.min_by(order).map(|(_, row, _, length)| (row, length))
}

/// How unlike the first words are to a name, or the first word to the end of a name (`stop` for `ec2 stop`): in letters,
/// and as a share of the name. With how many of the words that are.
fn alike(words: &[String], name: &str) -> Vec<(usize, f64, usize)> {
    let unlike = |said: &str, name: &str| {
        // a text this long is no mistyped name, and comparing all of it would hold up everybody else
        let far = said.len() > 8 * name.len();
        let distance = if far { usize::MAX } else { strsim::damerau_levenshtein(said, name) };
        (distance, distance as f64 / name.chars().count() as f64)
    };
    let parts: Vec<&str> = name.split(' ').collect();
    let said = |length: usize| words[..length].join(" ").to_lowercase();
    let starts = 1..=parts.len().min(words.len());
    let alike = |length: usize, name: &str| {
        let (distance, share) = unlike(&said(length), name);
        (distance, share, length)
    };
    let mut found: Vec<_> = starts.map(|length| alike(length, name)).collect();
    if let (Some(_), Some(last)) = (words.first(), parts.last()) {
        found.push(alike(1, last));
    }
    found
}
