use super::*;
use proptest::prelude::*;

fn bare(raw: &str) -> String {
    normalise(raw, Some("UBOT"))
}

#[test]
fn slacks_forms_are_undone() {
    let table = [
        // entities, once
        ("a &lt;b&gt; &amp; c", "a <b> & c"),
        ("&amp;lt;", "&lt;"),
        ("a & b &copy;", "a & b &copy;"),
        // links that Slack made itself
        ("show <http://example.com|example.com>", "show example.com"),
        (
            "show <http://ip-10-0-0-1.eu-west-1.compute.internal|ip-10-0-0-1.eu-west-1.compute.internal>",
            "show ip-10-0-0-1.eu-west-1.compute.internal",
        ),
        ("tag <mailto:maya@example.com|maya@example.com>", "tag maya@example.com"),
        ("get <https://example.com/a?b=1&amp;c=2>", "get https://example.com/a?b=1&c=2"),
        ("get <https://example.com/|https://example.com>", "get https://example.com"),
        ("call <tel:+491234|+491234>", "call +491234"),
        ("show <http://example.com|Example.com>", "show Example.com"),
        // a label that says something else is not believed
        ("get <https://evil.test|example.com>", "get https://evil.test"),
        ("get <mailto:a@b.c|support>", "get a@b.c"),
        // people, channels, groups: the id alone
        ("ask <@U1|maya>", "ask <@U1>"),
        ("ask <@W1>", "ask <@W1>"),
        ("in <#C1|ops> and <#C2|>", "in <#C1> and <#C2>"),
        ("group <!subteam^S1|@oncall>", "group <!subteam^S1>"),
        ("hey <!here|here> <!channel>", "hey @here @channel"),
        ("at <!date^1^{date}|noon>", "at noon"),
        // punctuation and spaces
        ("name=“web 1” it’s", "name=\"web 1\" it's"),
        ("list —region eu-west-1", "list --region eu-west-1"),
        ("list –region=eu-west-1", "list --region=eu-west-1"),
        ("list —-region x", "list --region x"),
        ("list web–1 a—b", "list web-1 a-b"),
        ("run — x", "run -- x"),
        ("note \"a — b\"", "note \"a — b\""),
        ("ec2\u{a0}list\u{2003}now", "ec2 list now"),
        ("ec2\u{200b} li\u{2060}st\u{feff}", "ec2 list"),
        ("a\nb\tc", "a b c"),
        // formatting
        ("*ec2 stop i-0abc*", "ec2 stop i-0abc"),
        ("`ec2 list`", "ec2 list"),
        ("```ec2 list```", "ec2 list"),
        ("```\nec2 list\n```", "ec2 list"),
        ("_*ec2 list*_", "ec2 list"),
        ("ec2 *stop* `i-0abc` _now_ ~x~", "ec2 stop i-0abc now x"),
        ("ec2 list --name=*web*", "ec2 list --name=web"),
        ("ec2 list `--region` *`eu-west-1`*", "ec2 list --region eu-west-1"),
        ("ec2 list `--name web-*`", "ec2 list --name web-*"),
        // what only looks like formatting
        ("ec2 list web-* *-db", "ec2 list web-* *-db"),
        ("ec2 list my_name_x snake_case", "ec2 list my_name_x snake_case"),
        ("ec2 list *", "ec2 list *"),
        ("say \"*bold*\"", "say \"*bold*\""),
        // the bot
        ("<@UBOT> ping", "ping"),
        ("<@UBOT|drone>: ping", "ping"),
        ("  <@UBOT>,ping", "ping"),
        ("*<@UBOT>* ping", "ping"),
        ("*<@UBOT> ping*", "ping"),
        ("*<@UBOT> ping* now", "ping now"),
        ("<@UBOT>", ""),
        ("<@UOTHER> ping", "<@UOTHER> ping"),
        ("tell <@UBOT>", "tell <@UBOT>"),
        // what is not a token
        ("a < b > c", "a < b > c"),
        ("a <b", "a <b"),
        ("", ""),
        (":wave: hi", ":wave: hi"),
    ];
    for (raw, expected) in table {
        assert_eq!(bare(raw), expected, "from {raw:?}");
    }
}

/// What Slack and a phone's keyboard make of an ordinary command.
fn as_slack_sends(words: &[String], dress: u8) -> String {
    let escape = |word: &str| word.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let dressed = |(index, word): (usize, &String)| {
        let way = (usize::from(dress) + index) % 6;
        let plain = escape(word);
        match way {
            0 if word.starts_with("--") => plain.replacen("--", "—", 1),
            1 if word.starts_with("--") => plain.replacen("--", "–", 1),
            2 if !word.starts_with('-') && word.contains('.') => format!("<http://{plain}|{plain}>"),
            3 if word.contains('@') => format!("<mailto:{plain}|{plain}>"),
            4 if !word.starts_with('-') => format!("*{plain}*"),
            5 if !word.starts_with('-') => format!("`{plain}`"),
            _ => plain,
        }
    };
    let line: Vec<String> = words.iter().enumerate().map(dressed).collect();
    let space = if dress.is_multiple_of(2) { "\u{a0}" } else { " " };
    let line = line.join(space);
    match dress % 5 {
        0 => format!("<@UBOT> {line}"),
        1 => format!("<@UBOT|drone>: {line}\u{200b}"),
        2 => format!("\u{feff}{line} "),
        _ => line,
    }
}

proptest! {
    #[test]
    fn a_command_of_ordinary_words_survives_slack(
        words in proptest::collection::vec("(--)?[a-z][a-z0-9]{0,8}([-.:/=@&<>][a-z0-9]{1,6}){0,2}", 1..7),
        dress in 0u8..60,
    ) {
        let sent = as_slack_sends(&words, dress);
        prop_assert_eq!(bare(&sent), words.join(" "), "sent as {}", sent);
    }

    #[test]
    fn quoted_words_survive_smart_quotes(inner in "[a-zA-Z0-9]([a-z A-Z0-9*_-]{0,20}[a-z0-9])?") {
        let sent = format!("ec2 list —name “{inner}”");
        prop_assert_eq!(bare(&sent), format!("ec2 list --name \"{inner}\""));
    }

    #[test]
    fn nothing_makes_it_fail_and_twice_is_as_once_for_plain_words(raw in ".{0,200}") {
        let once = bare(&raw);
        prop_assert!(!once.contains(['\u{a0}', '\u{200b}']), "{:?}", once);
        prop_assert_eq!(once.trim(), once.as_str());
    }
}
