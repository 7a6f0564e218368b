//! What a name that no instance has may mean: the same name as one types it, or one that is like it. What is shown can be
//! typed back, though Slack, a phone and a terminal each write it in their own way.

use super::super::emoji::shortcode;
use super::super::folded::meant;
use super::super::words;
use super::selector::Selector;
use crate::aws::Instance;

/// How unlike a name may be to be offered: this share of its letters.
const NEAR: f64 = 0.34;

/// A longer word is compared as a whole only: letter by letter it would hold up everybody else.
const LONGEST: usize = 64;

/// What stands for an emoji, where it may be meant otherwise: by the name of a workspace's own, or as one of its kind.
const EMOJI: char = '\u{FFFC}';

/// A folded name in which each run of emoji, as characters or as shortcodes, is one sign.
fn sketched(folded: &str) -> String {
    let mut out = String::with_capacity(folded.len());
    let mut rest = folded;
    while let Some(character) = rest.chars().next() {
        let length = shortcode(rest).or_else(|| is_emoji(character).then(|| character.len_utf8()));
        match length {
            Some(_) if out.ends_with(EMOJI) => {}
            Some(_) => out.push(EMOJI),
            None => out.push(character),
        }
        rest = &rest[length.unwrap_or_else(|| character.len_utf8())..];
    }
    out
}

fn is_emoji(character: char) -> bool {
    matches!(character,
        '\u{1F000}'..='\u{1FAFF}' | '\u{2600}'..='\u{27BF}' | '\u{2190}'..='\u{21FF}' | '\u{2300}'..='\u{23FF}'
        | '\u{25A0}'..='\u{25FF}' | '\u{2B00}'..='\u{2BFF}' | '\u{20E3}' | '\u{203C}' | '\u{2049}' | '\u{3030}'
        | '\u{303D}' | '\u{3297}' | '\u{3299}' | '\u{00A9}' | '\u{00AE}')
}

/// Whether an instance has what is named, as one types it.
pub(super) fn is_same(selector: &Selector, instance: &Instance) -> bool {
    match selector {
        Selector::Name(name) => instance.name().is_some_and(|own| meant(own) == meant(name)),
        Selector::Tag(key, value) => {
            let (key, value) = (meant(key), meant(value));
            instance.tags.iter().any(|(own, is)| meant(own) == key && meant(is) == value)
        }
        Selector::Pattern(pattern) => instance.name().is_some_and(|own| words::meets(&meant(pattern), &meant(own))),
        Selector::Id(_) => false,
    }
}

/// The parts of a word that somebody may have meant as several targets.
pub(super) fn parts(typed: &str) -> Vec<&str> {
    typed.split(',').map(str::trim).filter(|part| !part.is_empty()).collect()
}

/// The instances whose names are like what was typed, the likest first.
pub(super) fn nearest<'a>(typed: &str, all: &[&'a Instance]) -> Vec<&'a Instance> {
    let mut found: Vec<(f64, &Instance)> = Vec::new();
    for part in std::iter::once(typed).chain(parts(typed)) {
        let wanted = meant(part.trim_end_matches('…'));
        let near = |one: &&'a Instance| Some((unlike(&wanted, &meant(one.name()?))?, *one));
        found.extend(all.iter().filter_map(near));
    }
    found.sort_by(|(unlike, one), (other, two)| {
        unlike
            .total_cmp(other)
            .then_with(|| (&one.region, one.name(), &one.id).cmp(&(&two.region, two.name(), &two.id)))
    });
    let mut nearest: Vec<&Instance> = Vec::new();
    for (_, one) in found {
        if !nearest.iter().any(|known| known.region == one.region && known.id == one.id) {
            nearest.push(one);
        }
    }
    nearest
}

/// How unlike two folded names are; `None` when they have nothing in common.
fn unlike(wanted: &str, name: &str) -> Option<f64> {
    if wanted.is_empty() {
        return None;
    }
    if wanted == name || sketched(wanted) == sketched(name) {
        return Some(0.0);
    }
    let (long, short) = (wanted.chars().count().max(name.chars().count()), wanted.chars().count());
    let distance = if long > LONGEST { usize::MAX } else { strsim::damerau_levenshtein(wanted, name) };
    let unlike = distance as f64 / long as f64;
    if unlike <= NEAR {
        return Some(unlike);
    }
    // the beginning of a name, or one that is shown cut
    (short >= 3 && name.starts_with(wanted)).then_some(NEAR)
}

/// `web-1 (i-0abc)`, with the id whole, for a button.
pub(super) fn button_label(verb: &str, instance: &Instance) -> String {
    const MOST: usize = 60;
    let room = MOST.saturating_sub(verb.chars().count() + 1);
    format!("{verb} {}", words::label_within(instance.name().unwrap_or_default(), &instance.id, room))
}

#[cfg(test)]
mod tests {
    use super::super::super::folded::folded;
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn emoji_are_the_same_in_both_of_their_forms() {
        for (typed, name) in [
            ("web-:rocket:", "web-🚀"),
            ("web-:rocket:-1", "web-🚀-1"),
            (":flag-de: db", "🇩🇪 db"),
            ("x:wave::skin-tone-3:", "x👋🏽"),
            ("a🔑b", "a:key:b"),
        ] {
            assert_eq!(sketched(&folded(typed)), sketched(&folded(name)), "{typed}");
        }
        assert_ne!(sketched("arn:x"), sketched("arn::x"));
    }

    proptest! {
        /// What is shown of a name is the name, if it is not cut.
        #[test]
        fn the_printed_form_of_a_name_folds_to_the_name(
            name in "[a-zA-Z0-9 \u{a0}\u{200b}\u{2060}\u{feff}\u{ad}`'\"“”’–—_.:#-]{0,70}"
        ) {
            prop_assert_eq!(folded(&words::name(&name)), folded(&name));
            prop_assert_eq!(folded(&folded(&name)), folded(&name));
            // as a terminal, a phone and Slack write it
            let mut first = name.chars();
            let capital: String = first.next().into_iter().flat_map(char::to_uppercase).chain(first).collect();
            prop_assert_eq!(folded(&format!(" {capital}\u{a0}")), folded(&name));
        }

        #[test]
        fn an_id_is_whole_however_long_the_name(name in "\\PC{0,300}") {
            let id = "i-0123456789abcdef0";
            let label = words::label_within(&name, id, 80);
            prop_assert!(label.contains(id) && label.chars().count() <= 80, "{}", label);
        }
    }
}
