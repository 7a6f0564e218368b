use super::*;
use proptest::prelude::*;

fn bare(raw: &str) -> String {
    normalise(raw, Some("UBOT"))
}

/// Each row as text, and what was typed.
fn undoes(table: &[(&str, &str)]) {
    for (raw, expected) in table {
        assert_eq!(bare(raw), *expected, "from {raw:?}");
    }
}

#[test]
fn entities_are_decoded_once() {
    undoes(&[
        ("a &lt;b&gt; &amp; c", "a <b> & c"),
        ("&amp;lt;", "&lt;"),
        ("&amp;amp;amp;", "&amp;amp;"),
        ("a & b &copy; &", "a & b &copy; &"),
        ("a < b > c", "a < b > c"),
        ("a <b", "a <b"),
        ("", ""),
    ]);
}

#[test]
fn people_channels_and_groups_are_their_ids_alone() {
    undoes(&[
        ("ask <@U1|maya>", "ask <@U1>"),
        ("ask <@W1>", "ask <@W1>"),
        ("--owner=<@U123|name>", "--owner=<@U123>"),
        ("in <#C1|ops> and <#C2|>", "in <#C1> and <#C2>"),
        ("group <!subteam^S1|@oncall>", "group <!subteam^S1>"),
        ("hey <!here|here> <!channel>", "hey @here @channel"),
        ("at <!date^1^{date}|noon>", "at noon"),
    ]);
}

#[test]
fn links_that_slack_made_are_what_was_typed_and_other_labels_are_not_believed() {
    undoes(&[
        ("show <http://example.com|example.com>", "show example.com"),
        (
            "show <http://ip-10-0-0-1.eu-west-1.compute.internal|ip-10-0-0-1.eu-west-1.compute.internal>",
            "show ip-10-0-0-1.eu-west-1.compute.internal",
        ),
        ("a <http://arn.aws.com:443/x|arn.aws.com:443/x>", "a arn.aws.com:443/x"),
        ("tag <mailto:maya@example.com|maya@example.com>", "tag maya@example.com"),
        ("get <https://example.com/a?b=1&amp;c=2>", "get https://example.com/a?b=1&c=2"),
        ("get <https://example.com/|https://example.com>", "get https://example.com"),
        ("get <http://example.com/a%7Cb|example.com/a|b>", "get example.com/a|b"),
        ("call <tel:+491234|+491234>", "call +491234"),
        ("show <http://example.com|Example.com>", "show Example.com"),
        ("--url=<http://a.dev|a.dev>,<http://b.dev|b.dev>", "--url=a.dev,b.dev"),
        ("get <https://evil.test|example.com>", "get https://evil.test"),
        ("get <mailto:a@b.c|support>", "get a@b.c"),
    ]);
}

#[test]
fn smart_punctuation_is_what_the_keyboard_has() {
    undoes(&[
        ("name=“web 1” it’s", "name=\"web 1\" it's"),
        ("name=„web 1“ ‘db 1’", "name=\"web 1\" 'db 1'"),
        ("list —region eu-west-1", "list --region eu-west-1"),
        ("list –region=eu-west-1", "list --region=eu-west-1"),
        ("list —-region x", "list --region x"),
        ("list\n—region x", "list --region x"),
        ("list web–1 a—b", "list web-1 a-b"),
        ("run — x", "run -- x"),
        ("note \"a — b\"", "note \"a — b\""),
        ("note 'a — *b*'", "note 'a — *b*'"),
        ("it’s —x it’s", "it's --x it's"),
    ]);
}

#[test]
fn odd_spaces_are_spaces_and_what_nobody_sees_is_gone() {
    undoes(&[
        ("ec2\u{a0}list\u{2003}now", "ec2 list now"),
        ("ec2\u{200b} li\u{2060}st\u{feff}", "ec2 list"),
        ("ec2\u{202e} list\u{7}", "ec2 list"),
        ("a\nb\tc", "a b c"),
        ("ec2 stop\n• i-1\n• i-2", "ec2 stop i-1 i-2"),
        ("&gt; ec2 list", "ec2 list"),
    ]);
}

#[test]
fn pasted_formatting_is_undone() {
    undoes(&[
        ("*ec2 stop i-0abc*", "ec2 stop i-0abc"),
        ("`ec2 list`", "ec2 list"),
        ("```ec2 list```", "ec2 list"),
        ("```\nec2 list\n```", "ec2 list"),
        ("ec2 stop ```i-1\ni-2```now", "ec2 stop i-1 i-2 now"),
        ("_*ec2 list*_", "ec2 list"),
        ("ec2 *stop* `i-0abc` _now_ ~x~", "ec2 stop i-0abc now x"),
        ("ec2 *stop*, (_now_)", "ec2 stop, (now)"),
        ("ec2 list --name=`web-*`", "ec2 list --name=web-*"),
        ("ec2 list `--region` *`eu-west-1`*", "ec2 list --region eu-west-1"),
        ("ec2 list `--name web-*`", "ec2 list --name web-*"),
        ("*ec2 list --name \"web 1\"*", "ec2 list --name \"web 1\""),
        ("*—region eu* _x_", "--region eu x"),
        ("*ec2 stop <@U1>* now", "ec2 stop <@U1> now"),
        // code is literal
        ("`*x*` `_y_`", "*x* _y_"),
        // beside a pattern, a word is still unmarked
        ("ec2 list *db *web*", "ec2 list *db web"),
        ("*ec2 list web-* now*", "ec2 list web-* now"),
    ]);
}

#[test]
fn arguments_that_only_look_formatted_stay() {
    let same = [
        "ec2 list web-* *-db",
        "ec2 list *-db web-*",
        "ec2 list name:web-* name:*-db",
        "ec2 list *db *web",
        "ec2 list *a*,*b*",
        "ec2 list *a*b*",
        "ec2 list *web*.example.com",
        "ec2 list *10.0.*",
        "ec2 list --name=*web*",
        "ec2 list my_name_x snake_case tag:a_b=c_d",
        "ec2 list --tag=_x_ ~/a b~",
        "ec2 list * ** ***",
        "ec2 list _ ~ `",
        "say \"*bold* `x`\" '_y_'",
        "say \\*x\\*",
    ];
    for line in same {
        assert_eq!(bare(line), line);
    }
}

#[test]
fn emoji_stay_by_name() {
    undoes(&[(":wave: hi", ":wave: hi"), ("ec2 list --tag env=:prod:", "ec2 list --tag env=:prod:")]);
}

#[test]
fn the_bots_name_at_the_start_is_no_part_of_the_command() {
    undoes(&[
        ("<@UBOT> ping", "ping"),
        ("<@UBOT|drone>: ping", "ping"),
        ("  <@UBOT>,ping", "ping"),
        ("<@UBOT> : ping", "ping"),
        ("<@UBOT> <@UBOT> ping", "ping"),
        ("<@UBOT>\n• ping", "ping"),
        ("<@UBOT> *ping*", "ping"),
        ("*<@UBOT>* ping", "ping"),
        ("*<@UBOT> ping*", "ping"),
        ("*<@UBOT> ping* now", "ping now"),
        ("```<@UBOT> ping```", "ping"),
        ("<@UBOT>", ""),
        ("<@UOTHER> ping", "<@UOTHER> ping"),
        ("tell <@UBOT>", "tell"),
    ]);
}

#[test]
fn the_bot_may_be_named_later_where_the_meaning_stays() {
    undoes(&[
        ("<@UMAYA> <@UBOT> ec2 list", "ec2 list"),
        ("hey <@UBOT> ec2 list", "ec2 list"),
        ("Hi, <@UMAYA>! <@UBOT>: ec2 list", "ec2 list"),
        ("*hey* <@UBOT|drone>, ec2 stop web-1", "ec2 stop web-1"),
        ("<!subteam^S1|ops> <@UBOT> ping", "ping"),
        ("ec2 list <@UBOT>", "ec2 list"),
        ("ec2 list, <@UBOT>!", "ec2 list"),
        ("hey <@UBOT>", "hey"),
        // what stands before may turn the meaning, so nothing is made of it
        ("never say <@UBOT> ec2 stop web-1", "never say <@UBOT> ec2 stop web-1"),
        ("<@UMAYA> does not <@UBOT> ec2 stop web-1", "<@UMAYA> does not <@UBOT> ec2 stop web-1"),
    ]);
}

/// What the blocks say, and where they are not understood, `text`.
fn tree(elements: &str) -> String {
    let blocks = format!(r#"[{{"type":"rich_text","block_id":"x","elements":[{elements}]}}]"#);
    command_line("text", Some(&blocks), Some("UBOT"))
}

/// One section.
fn section(elements: &str) -> String {
    tree(&format!(r#"{{"type":"rich_text_section","elements":[{elements}]}}"#))
}

#[test]
fn each_element_of_the_blocks_is_what_was_typed() {
    let table = [
        (r#"{"type":"user","user_id":"UBOT"},{"type":"text","text":": ping <b> &amp; c"}"#, "ping <b> &amp; c"),
        (r#"{"type":"user","user_id":"U1","style":{"bold":true}}"#, "<@U1>"),
        (r#"{"type":"channel","channel_id":"C1"},{"type":"usergroup","usergroup_id":"S1"}"#, "<#C1><!subteam^S1>"),
        (r#"{"type":"broadcast","range":"here"}"#, "@here"),
        (r#"{"type":"link","url":"http://a.dev","text":"a.dev"}"#, "a.dev"),
        (r#"{"type":"link","url":"https://evil.test","text":"a.dev"}"#, "https://evil.test"),
        (r#"{"type":"link","url":"https://a.dev/?a=1&b=2"}"#, "https://a.dev/?a=1&b=2"),
        (r#"{"type":"link","url":"mailto:a@b.dev","text":"a@b.dev"}"#, "a@b.dev"),
        // what the shortcode swallowed
        (
            r#"{"type":"text","text":"arn"},{"type":"emoji","name":"aws","unicode":"1f"},{"type":"text","text":"s3"}"#,
            "arn:aws:s3",
        ),
        (r#"{"type":"emoji","name":"wave","skin_tone":3}"#, ":wave::skin-tone-3:"),
        // what nobody types as letters is the character
        (r#"{"type":"text","text":"show web-"},{"type":"emoji","name":"rocket","unicode":"1f680"}"#, "show web-🚀"),
        (r#"{"type":"emoji","name":"flag-de","unicode":"1f1e9-1f1ea"},{"type":"text","text":" db"}"#, "🇩🇪 db"),
        (r#"{"type":"text","text":"a "},{"type":"emoji","name":"odd","unicode":"xyz"}"#, "a :odd:"),
        (r#"{"type":"text","text":"a "},{"type":"emoji","name":"odd","unicode":"d800"}"#, "a :odd:"),
        (r#"{"type":"date","timestamp":1,"format":"{date}","fallback":"noon"}"#, "noon"),
        (r##"{"type":"color","value":"#ff0000"}"##, "#ff0000"),
        (r#"{"type":"invention","text":"of 2031"}"#, "of 2031"),
        (
            r#"{"type":"text","text":"ec2 "},{"type":"text","text":"stop","style":{"bold":true,"new":7}},{"type":"text","text":" x"}"#,
            "ec2 stop x",
        ),
        (r#"{"type":"text","text":"web-*","style":{"code":true}}"#, "web-*"),
        (r#"{"type":"text","text":"ec2 list *web* —region “a  b”\u00a0\u200b"}"#, "ec2 list *web* --region \"a  b\""),
        // typed in quotes or as a value, where Slack's formatting was none
        (
            r#"{"type":"text","text":"--name \""},{"type":"text","text":"web","style":{"bold":true}},{"type":"text","text":"\""}"#,
            "--name \"*web*\"",
        ),
        (r#"{"type":"text","text":"--name="},{"type":"text","text":"web","style":{"bold":true}}"#, "--name=*web*"),
    ];
    for (elements, expected) in table {
        assert_eq!(section(elements), expected, "{elements}");
    }
}

#[test]
fn sections_lists_quotes_and_code_blocks_are_lines_of_one_command() {
    let words = tree(
        r#"{"type":"rich_text_section","elements":[{"type":"user","user_id":"UBOT"},{"type":"text","text":" ec2 stop"}]},
        {"type":"rich_text_list","style":"bullet","elements":[
            {"type":"rich_text_section","elements":[{"type":"text","text":"i-1"}]},
            {"type":"rich_text_section","elements":[{"type":"text","text":"i-2"}]}]},
        {"type":"rich_text_quote","elements":[{"type":"text","text":"i-3"}]},
        {"type":"rich_text_preformatted","elements":[{"type":"text","text":"i-4\ni-5"}]}"#,
    );
    assert_eq!(words, "ec2 stop i-1 i-2 i-3 i-4 i-5");
}

#[test]
fn blocks_that_cannot_be_read_as_a_whole_leave_the_word_to_the_text() {
    for elements in [
        r#"{"type":"invention"}"#,
        r#"{"type":"user"}"#,
        r#"{"type":"user","user_id":"U1> <!channel"}"#,
        r#"{"type":"text","text":5}"#,
        r#"{"type":"text","text":" "}"#,
        "",
        "7",
    ] {
        assert_eq!(section(elements), "text", "{elements}");
    }
    let deep = format!(r#"{}"x"{}"#, r#"{"type":"rich_text_list","elements":["#.repeat(500), "]}".repeat(500));
    assert_eq!(tree(&deep), "text");
    let others =
        ["", "null", "{}", "[]", "[5]", "[[[", "\u{0}", r#"[{"type":"section","text":{"type":"mrkdwn","text":"x"}}]"#];
    for blocks in others {
        assert_eq!(command_line("text", Some(blocks), None), "text", "{blocks}");
    }
}

/// What this thread has worked so far: others on the machine do not count.
fn spent() -> std::time::Duration {
    let clock = nix::time::ClockId::CLOCK_THREAD_CPUTIME_ID;
    nix::time::clock_gettime(clock).expect("a thread has a clock").into()
}

#[test]
fn long_texts_take_time_in_proportion() {
    let pieces = [
        "*a ", "`", "``", "` \n", "\"\\", "'", " '", "<", "<a|", "*_~", "&", "```", "\u{2014}", "_a_ ", "*a*b", "“ ’",
        "x=*a ",
    ];
    for piece in pieces {
        let time = |times: usize| {
            let text = piece.repeat(times);
            let begun = spent();
            bare(&text);
            spent() - begun
        };
        // where ten times the length took a hundred times the time, it would show above thirty; what is too short to be
        // measured says nothing
        let (short, long) = (time(20_000).max(std::time::Duration::from_millis(10)), time(200_000));
        assert!(long < short * 30, "{piece:?}: {short:?} and {long:?}");
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

    #[test]
    fn marks_quotes_and_tokens_in_any_order_make_nothing_fail(
        raw in "[a1 *_~`\"'<>@#!|&;:\\\\=—–“’\u{200b}\n.-]{0,80}",
    ) {
        let once = bare(&raw);
        prop_assert_eq!(once.trim(), once.as_str());
        prop_assert!(!once.contains(['\n', '\u{200b}', '“']), "{:?}", once);
    }

    #[test]
    fn no_blocks_make_it_fail(blocks in any_json(), cut in 0usize..400) {
        let json = format!("[{{\"type\":\"rich_text\",\"elements\":[{blocks}]}}]");
        let whole = command_line("text", Some(&json), Some("UBOT"));
        prop_assert_eq!(whole.trim(), whole.as_str());
        let cut = json.char_indices().nth(cut).map_or(json.len(), |(at, _)| at);
        let text = command_line("text", Some(&json[..cut]), None);
        prop_assert!(cut == json.len() || text == "text");
    }
}

/// JSON in which much looks like blocks.
fn any_json() -> impl Strategy<Value = serde_json::Value> {
    use serde_json::{Value, json};
    let word = prop_oneof![
        proptest::sample::select(vec!["text", "link", "user", "emoji", "rich_text_section", "rich_text_list"])
            .prop_map(str::to_owned),
        ".{0,12}",
        "[*_~`\"'= a—]{0,12}",
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        word.clone().prop_map(Value::from),
    ];
    let key = prop_oneof![
        proptest::sample::select(vec!["type", "text", "elements", "style", "url", "user_id", "name"])
            .prop_map(str::to_owned),
        ".{0,6}",
    ];
    leaf.prop_recursive(6, 64, 6, move |inner| {
        let styled = (word.clone(), proptest::collection::vec(inner.clone(), 0..5), any::<[bool; 4]>());
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            proptest::collection::vec((key.clone(), inner), 0..5)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
            styled.prop_map(|(kind, elements, [bold, italic, code, strike])| {
                let style = json!({"bold": bold, "italic": italic, "code": code, "strike": strike});
                json!({"type": kind, "text": "*a* \"b", "elements": elements, "style": style})
            }),
        ]
    })
}

/// Each character that nobody sees, in what is typed: it is no part of a word.
#[test]
fn nothing_invisible_is_read() {
    let hidden =
        (0..=0x10_FFFF_u32).filter_map(char::from_u32).filter(|character| crate::domain::is_invisible(*character));
    for character in hidden {
        assert_eq!(super::characters::plain(&format!("we{character}b{character}")), "web", "{character:?}");
    }
}
