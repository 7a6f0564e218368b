//! Characters as on a keyboard.

use super::pieces::{Piece, pieces};
use crate::domain::is_invisible;

/// Quotes, hyphens and spaces as on a keyboard, and nothing invisible. Lines stay.
pub(super) fn plain(text: &str) -> String {
    let plain = |character: char| match character {
        '\n' => Some('\n'),
        '\u{201C}' | '\u{201D}' | '\u{201E}' | '\u{201F}' | '\u{2033}' | '\u{FF02}' => Some('"'),
        '\u{2018}' | '\u{2019}' | '\u{201A}' | '\u{201B}' | '\u{2032}' | '\u{FF07}' => Some('\''),
        // hyphens that look like one; the longer dashes depend on where they stand
        '\u{2010}' | '\u{2011}' | '\u{2212}' | '\u{FE63}' | '\u{FF0D}' => Some('-'),
        invisible if is_invisible(invisible) => None,
        character if character.is_whitespace() => Some(' '),
        character if character.is_control() => None,
        character => Some(character),
    };
    text.chars().filter_map(plain).collect()
}

/// Lists and quotes have their sign at the start of each line of the text; in the tree they have none.
pub(super) fn without_bullets(text: &str) -> String {
    let line = |line: &'_ str| -> String {
        let words = line.trim_start_matches(' ');
        let bare = words.strip_prefix(['•', '◦', '▪', '>']).map(|rest| rest.strip_prefix(' ').unwrap_or(rest));
        bare.unwrap_or(line).to_owned()
    };
    text.split('\n').map(line).collect::<Vec<_>>().join("\n")
}

/// Long dashes at the start of an option become `--`; elsewhere they become `-`, as in a range or between words.
/// Inside quotes they stay.
pub(super) fn with_option_dashes(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 4);
    for piece in pieces(text, false) {
        match piece {
            Piece::Quoted(range) | Piece::Code { inner: range, .. } => out.push_str(&text[range]),
            Piece::Words(range) => dashes(&mut out, &text[range]),
        }
    }
    out
}

fn dashes(out: &mut String, words: &str) {
    let is_dash = |character: &char| matches!(character, '\u{2012}'..='\u{2015}');
    let mut characters = words.chars().peekable();
    while let Some(character) = characters.next() {
        if !is_dash(&character) {
            out.push(character);
        } else if out.is_empty() || out.ends_with(' ') {
            // "—-name" is what becomes of "---name"; one pair of dashes is always meant
            while characters.next_if(|next| *next == '-' || is_dash(next)).is_some() {}
            let option = characters.peek().is_none_or(|next| next.is_alphanumeric() || *next == ' ');
            out.push_str(if option { "--" } else { "-" });
        } else {
            out.push('-');
        }
    }
}
