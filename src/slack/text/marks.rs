//! The marks of Slack's formatting in text: `*bold*`, `_italic_`, `~struck~`, `` `code` ``.
//!
//! The rule. What stands in quotes is literal. Backticks that close are code: they go, and what stands between them
//! stays as it is. Of the other three, a pair is formatting, and goes, when
//!
//! 1. the first stands at the start of a word and before a letter, a digit, a quote, a token or `--`: not after `=`, where
//!    a value begins, and not before a single `-`;
//! 2. the second stands at the end of a word and after a letter, a digit, a quote or a token: not after `-` or `.`, as in
//!    `web-*`;
//! 3. no newline is between them, and where one word is between them, no third of their kind, as in `*a*b*`.
//!
//! Marks in a row count as one place, so that `*_both_*` is twice formatted. All other marks are letters: `web-*`, `*-db`,
//! `my_name_x`, `tag:a_b=c_d`, `--name=*web*`, a star alone.

use super::pieces::{Piece, pieces};
use std::ops::Range;

const MARKS: [char; 3] = ['*', '_', '~'];

/// The text without its formatting.
pub(super) fn undone(text: &str) -> String {
    let pieces = pieces(text, true);
    let gone = pairs(text, &pieces);
    let mut gone = gone.iter().copied().peekable();
    let mut out = String::with_capacity(text.len());
    for piece in pieces {
        match piece {
            Piece::Quoted(range) | Piece::Code { inner: range, fence: false } => out.push_str(&text[range]),
            Piece::Code { inner, fence: true } => {
                // a block of its own is a word of its own
                let after = inner.end + 3;
                spaced(&mut out, text[inner].trim());
                if text[after..].chars().next().is_some_and(|next| !next.is_whitespace()) {
                    out.push(' ');
                }
            }
            Piece::Words(range) => {
                let mut from = range.start;
                while let Some(at) = gone.next_if(|at| *at < range.end) {
                    out.push_str(&text[from..at]);
                    from = at + 1;
                }
                out.push_str(&text[from..range.end]);
            }
        }
    }
    out
}

fn spaced(out: &mut String, block: &str) {
    if !out.is_empty() && !out.ends_with(char::is_whitespace) {
        out.push(' ');
    }
    out.push_str(block);
}

/// A mark that stands where it may open.
#[derive(Clone, Copy)]
struct Opener {
    at: usize,
    /// How many words had begun before it.
    words: usize,
    /// Whether another of its kind has been passed.
    crossed: bool,
}

/// Where the marks are that are formatting, in order.
fn pairs(text: &str, pieces: &[Piece]) -> Vec<usize> {
    let mut gone = Vec::new();
    let mut openers: [Option<Opener>; 3] = [None; 3];
    let mut words = 0;
    for range in pieces.iter().filter_map(words_of) {
        let mut run: Option<Run> = None;
        for (offset, character) in text[range.clone()].char_indices() {
            let at = range.start + offset;
            match character {
                '\n' => {
                    openers = [None; 3];
                    words += 1;
                }
                character if character.is_whitespace() => words += 1,
                _ => {}
            }
            let Some(kind) = MARKS.iter().position(|mark| *mark == character) else {
                run = None;
                continue;
            };
            let run = run.get_or_insert_with(|| Run::new(text, at));
            match &mut openers[kind] {
                Some(open) if run.closes && at > open.at + 1 => {
                    if words > open.words || !open.crossed {
                        gone.extend([open.at, at]);
                    }
                    openers[kind] = None;
                }
                slot if run.opens => *slot = Some(Opener { at, words, crossed: false }),
                Some(open) => open.crossed = true,
                None => {}
            }
        }
    }
    gone.sort_unstable();
    gone
}

fn words_of(piece: &Piece) -> Option<Range<usize>> {
    match piece {
        Piece::Words(range) => Some(range.clone()),
        Piece::Quoted(_) | Piece::Code { .. } => None,
    }
}

/// Marks in a row.
struct Run {
    opens: bool,
    closes: bool,
}

impl Run {
    /// The run of marks that begins here.
    fn new(text: &str, at: usize) -> Self {
        let before = text[..at].chars().next_back();
        let after = text[at..].trim_start_matches(MARKS);
        let next = after.chars().next();
        let opens = before.is_none_or(|before| before.is_whitespace() || before == '(')
            && (next.is_some_and(|next| next.is_alphanumeric() || "\"'`<@#".contains(next) || is_dash(next))
                || after.starts_with("--"));
        let ended = |text: &str| text.chars().next().is_none_or(char::is_whitespace);
        let closes = before.is_some_and(|before| before.is_alphanumeric() || "\"'`>)!?".contains(before))
            && (ended(after) || after.strip_prefix([',', ';', ':', '.', '!', '?', ')']).is_some_and(ended));
        Self { opens, closes }
    }
}

fn is_dash(character: char) -> bool {
    matches!(character, '\u{2012}'..='\u{2015}')
}
