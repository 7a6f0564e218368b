//! Whatever a person types, the command line's parser gets the words that were meant: through Slack's escaping, linking
//! and formatting and a phone's smart punctuation, from the text, from the blocks, and from a slash command.

mod slack;

use dronebot::commands::split;
use dronebot::slack::text::{command_line, normalise};
use proptest::prelude::*;
use slack::{Kind, Look, Way, Word, sent};

fn word(kind: Kind, meant: String) -> Word {
    Word { meant, kind, look: Look::Plain }
}

/// Words as people type them at this bot.
fn any_word() -> impl Strategy<Value = Word> {
    let letters = |meant: String| word(Kind::Letters, meant);
    let option = "--[a-z][a-z-]{0,8}[a-z](=[a-z0-9:*.,-]{0,6}[a-z0-9])?";
    prop_oneof![
        "[a-z][a-z0-9]{0,9}".prop_map(letters),
        "i-[0-9a-f]{8,17}".prop_map(letters),
        option.prop_map(letters),
        // names, tags and patterns
        "[a-z][a-z0-9]{0,5}([-_][a-z0-9]{1,5}){0,3}".prop_map(letters),
        "tag:[a-z]{1,5}(_[a-z]{1,4})?=[a-z0-9]{1,5}([_&<>][a-z0-9]{1,4})?".prop_map(letters),
        "name:[a-z]{1,5}-\\*".prop_map(letters),
        "[a-z]{1,5}-\\*".prop_map(letters),
        "\\*-[a-z]{1,5}".prop_map(letters),
        "[a-z]{1,5}[&<>][a-z]{1,5}".prop_map(letters),
        Just(letters("*".to_owned())),
        "arn:aws:[a-z]{2,4}:eu-west-1:[0-9]{12}:[a-z]{3,8}/[a-z-]{1,8}[a-z]".prop_map(letters),
        // an ARN and a tag in which Slack sees an emoji
        "[a-z]{2,8}".prop_map(|service| word(Kind::Emoji(3, 8), format!("arn:aws:{service}:::x"))),
        "[a-z]{2,8}".prop_map(|name| word(Kind::Emoji(8, 10 + name.len()), format!("tag:env=:{name}:"))),
        // quoted
        "\"[a-zA-Z0-9][a-zA-Z0-9 *_~&<>'.-]{0,14}[a-zA-Z0-9]\"".prop_map(|meant| word(Kind::Quoted, meant)),
        "(--name|tag:Name)=\"[a-z][a-z *_]{0,8}[a-z]\"".prop_map(|meant| word(Kind::Quoted, meant)),
        // what Slack links
        "https://[a-z]{2,6}\\.dev(/[a-z]{1,5}){0,2}(\\?a=[a-z]{1,3}&b=[0-9])?".prop_map(|meant| word(Kind::Url, meant)),
        "[a-zA-Z]{2,6}(-[0-9]{1,3}){0,4}\\.([a-z]{2,5}\\.)?(com|dev|internal)(:[0-9]{2,4})?(/[a-z]{1,5})?"
            .prop_map(|meant| word(Kind::Host, meant)),
        "[a-z]{1,6}[.+]?[a-z0-9]{1,4}@[a-z]{2,6}\\.com".prop_map(|meant| word(Kind::Email, meant)),
        Just(word(Kind::Person("U123"), "<@U123>".to_owned())),
        Just(word(Kind::Channel("C123"), "<#C123>".to_owned())),
    ]
}

/// A word in some look; only words that begin and end with letters can be emphasised so that it can be told.
fn any_styled_word() -> impl Strategy<Value = Word> {
    let look = prop_oneof![
        4 => Just(Look::Plain),
        1 => Just(Look::Bold),
        1 => Just(Look::Italic),
        1 => Just(Look::Struck),
        1 => Just(Look::Code),
    ];
    (any_word(), look).prop_map(|(mut word, look)| {
        let plain = word.meant.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-.:/@=".contains(&byte));
        let plain = plain && word.meant.ends_with(|last: char| last.is_ascii_alphanumeric());
        let quoted = matches!(word.kind, Kind::Quoted);
        word.look = match look {
            Look::Code if !quoted && !matches!(word.kind, Kind::Person(_) | Kind::Channel(_)) => Look::Code,
            Look::Code => Look::Plain,
            look if plain || (quoted && !word.meant.contains(['*', '_', '~'])) => look,
            _ => Look::Plain,
        };
        word
    })
}

fn any_way() -> impl Strategy<Value = Way> {
    let space = prop_oneof![Just(' '), Just('\u{a0}'), Just('\u{2003}')];
    (any::<bool>(), space, 0u8..4, prop::bool::weighted(0.15)).prop_map(|(smart, space, naming, fenced)| Way {
        smart,
        space,
        naming,
        fenced,
    })
}

/// The words that the parser shall see: the quotes are the shell's.
fn meant(line: &[Word]) -> Vec<String> {
    line.iter().map(|word| word.meant.replace('"', "")).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn every_command_survives_slack_by_text_by_blocks_and_as_a_slash_command(
        line in proptest::collection::vec(any_styled_word(), 1..7),
        way in any_way(),
    ) {
        let sent = sent(&line, way);
        let expected = Some(meant(&line));
        let bot = Some("UBOT");
        let by_text = normalise(&sent.text, bot);
        let by_blocks = command_line("not this", Some(&sent.blocks), bot);
        prop_assert_eq!(split(&by_text).ok(), expected.clone(), "text {:?}", sent);
        prop_assert_eq!(split(&by_blocks).ok(), expected.clone(), "blocks {:?}", sent);
        prop_assert_eq!(&by_text, &by_blocks, "both say the same: {:?}", sent);
        prop_assert_eq!(split(&normalise(&sent.slash, bot)).ok(), expected, "slash {:?}", sent);
    }

    #[test]
    fn a_whole_line_in_bold_or_code_is_the_line(
        line in proptest::collection::vec("[a-z][a-z0-9:=/]{0,8}[a-z0-9]", 1..6),
        mark in prop_oneof![Just("*"), Just("_"), Just("~"), Just("`"), Just("```"), Just("*_")],
    ) {
        let words = line.join(" ");
        let closing: String = mark.chars().rev().collect();
        prop_assert_eq!(normalise(&format!("{mark}<@UBOT> {words}{closing}"), Some("UBOT")), words.clone());
        prop_assert_eq!(normalise(&format!("<@UBOT> {mark}{words}{closing}"), Some("UBOT")), words);
    }
}
