//! Slack's short names of emoji. A message brings its emoji as characters too; a slash command has the short names alone:
//! of `web-🚀` only `web-:rocket:` is left.

use std::collections::HashMap;
use std::sync::LazyLock;

/// The names, each with its characters.
static NAMES: LazyLock<HashMap<&str, &str>> = LazyLock::new(|| {
    let lines = include_str!("emoji.txt").lines().filter(|line| !line.starts_with("# "));
    lines.filter_map(|line| line.split_once(' ')).collect()
});

/// The tones of skin are names of their own, behind that of their emoji.
const SKIN_TONE: &str = "skin-tone-";

/// A text with the characters of each emoji in place of its name. What Slack has no emoji for stays as it is.
pub(super) fn spelled(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    // where the emoji begins that was just written
    let mut before: Option<usize> = None;
    let mut rest = text;
    while let Some(character) = rest.chars().next() {
        let found = shortcode(rest).map(|length| (length, &rest[1..length - 1]));
        match found.and_then(|(length, name)| Some((length, name, *NAMES.get(name)?))) {
            Some((length, name, characters)) => {
                // of an emoji that is made of several the first has the tone
                let first = before.filter(|_| name.starts_with(SKIN_TONE)).and_then(|start| {
                    let first = out[start..].chars().next()?;
                    Some(start + first.len_utf8())
                });
                before = Some(first.map_or(out.len(), |_| before.unwrap_or_default()));
                out.insert_str(first.unwrap_or(out.len()), characters);
                rest = &rest[length..];
            }
            None => {
                out.push(character);
                before = None;
                rest = &rest[character.len_utf8()..];
            }
        }
    }
    out
}

/// How long the short name is, with its colons, that the text begins with. Whether Slack has one of that name is another
/// matter: a workspace has emoji of its own.
pub(super) fn shortcode(text: &str) -> Option<usize> {
    let inner = text.strip_prefix(':')?;
    let end = inner.find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | '+' | '-' | '\'')))?;
    (end > 0 && inner[end..].starts_with(':')).then_some(end + 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_whole_and_each_name_is_one_that_slack_writes() {
        let lines: Vec<&str> = include_str!("emoji.txt").lines().filter(|line| !line.starts_with("# ")).collect();
        assert!(lines.is_sorted_by(|one, two| one.split(' ').next() < two.split(' ').next()));
        assert_eq!((lines.len(), NAMES.len()), (1_972, 1_972));
        for (name, characters) in &*NAMES {
            assert_eq!(shortcode(&format!(":{name}:")), Some(name.len() + 2), "{name}");
            assert!(!characters.is_empty() && !characters.contains([' ', ':']), "{name}: {characters:?}");
        }
    }

    #[test]
    fn a_name_becomes_its_characters_and_what_is_no_name_stays() {
        for (text, expected) in [
            ("web-:rocket:", "web-🚀"),
            (":rocket::fire:-1", "🚀🔥-1"),
            (":+1: :thumbsup: :-1:", "👍 👍 👎"),
            ("x:wave::skin-tone-4:", "x👋🏽"),
            (":male-cook::skin-tone-3:!", "👨🏼\u{200D}🍳!"),
            ("db :skin-tone-2:", "db 🏻"),
            (":flag-de: :de:", "🇩🇪 🇩🇪"),
            // Slack's name is another one than elsewhere
            (":umbrella: :email: :knife_fork_plate:", "☂ ✉ 🍽"),
            ("arn:aws:ec2:x", "arn:aws:ec2:x"),
            (":our_own: : :: :a", ":our_own: : :: :a"),
            ("::key::", ":🔑:"),
            ("ä:key", "ä:key"),
        ] {
            assert_eq!(spelled(text), expected, "{text}");
        }
    }
}
