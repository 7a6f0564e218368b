//! Names as people mean them: without what nobody sees, what a phone or Slack writes otherwise, and the case of letters.

use super::emoji::spelled;
use crate::domain::is_invisible;

/// A name without what nobody sees or a keyboard does not have: blanks as one space and none at the ends, quotes and
/// dashes straight, letters small.
pub(super) fn folded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            character if is_invisible(character) => {}
            character if character.is_whitespace() || character.is_control() => {
                if !out.is_empty() && !out.ends_with(' ') {
                    out.push(' ');
                }
            }
            '\u{201C}'..='\u{201F}' | '\u{2033}' | '\u{FF02}' => out.push('"'),
            // a backtick is shown as an apostrophe
            '\u{2018}'..='\u{201B}' | '\u{2032}' | '\u{FF07}' | '`' => out.push('\''),
            '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{FE58}' | '\u{FE63}' | '\u{FF0D}' => out.push('-'),
            character => out.extend(character.to_lowercase()),
        }
    }
    out.truncate(out.trim_end().len());
    out
}

/// A folded name with its emoji as characters, in whichever form they were.
pub(super) fn meant(text: &str) -> String {
    let name = folded(text);
    if name.contains(':') { folded(&spelled(&name)) } else { name }
}
