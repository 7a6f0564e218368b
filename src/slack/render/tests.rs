use super::*;
use crate::domain::{Attachment, Button, Press, UserId};
use proptest::prelude::*;
use serde_json::Value;

fn blocks(message: &Message) -> Vec<Value> {
    message.blocks.as_ref().map(|raw| serde_json::from_str(raw.get()).expect("json")).unwrap_or_default()
}

#[test]
fn a_refusal_has_its_sign_with_its_word_and_the_request_id() {
    let reply = Reply::new(Tone::Refused).sentence("`ec2 stop` needs the group *operators*. Nothing was changed.");
    let message = render(&reply, Some("req 7F3K"));
    insta::assert_snapshot!(message.text, @"
    ⛔ Refused: `ec2 stop` needs the group *operators*. Nothing was changed.
    (req 7F3K)
    ");
    insta::assert_snapshot!(message.blocks.expect("blocks").get().replace("},{", "},\n{"), @r#"
    [{"type":"rich_text","elements":[{"type":"rich_text_section","elements":[{"type":"text","text":"⛔ "},
    {"type":"text","text":"Refused","style":{"bold":true}},
    {"type":"text","text":": "},
    {"type":"text","text":"ec2 stop","style":{"code":true}},
    {"type":"text","text":" needs the group *operators*. Nothing was changed."}]}]},
    {"type":"context","elements":[{"type":"plain_text","text":"req 7F3K","emoji":false}]}]
    "#);
}

#[test]
fn a_table_is_aligned_and_its_twin_cannot_be_broken_out_of() {
    let table = Table {
        head: vec!["id".into(), "name".into(), "state".into()],
        rows: vec![
            vec!["i-1".into(), "web```<!channel>".into(), "running".into()],
            vec!["i-0123".into(), "a\nb".into(), "stopped".into()],
        ],
    };
    let reply = Reply::new(Tone::Info).title("2 instances").part(Part::Table(table)).note("eu-west-1");
    let message = render(&reply, None);
    insta::assert_snapshot!(message.text, @"
    2 instances
    ```
    id      name              state
    i-1     web'''&lt;!channel&gt;  running
    i-0123  a b               stopped
    ```
    eu-west-1
    ");
    let blocks = blocks(&message);
    assert_eq!(blocks[0]["text"]["text"], "2 instances");
    assert_eq!(
        blocks[1]["elements"][0]["elements"][0]["text"],
        "id      name              state\ni-1     web```<!channel>  running\ni-0123  a b               stopped"
    );
    assert_eq!(blocks[2]["elements"][0]["text"], "eu-west-1");
}

#[test]
fn people_are_elements_in_the_blocks_and_words_in_the_twin() {
    let reply = Reply::new(Tone::Done)
        .text(Line::new().text("Approved by ").user(UserId::from("U1")).text("."))
        .part(Part::Fields(vec![("Name".into(), Line::from("<@U2>"))]))
        .part(Part::List(vec![Line::new().code("a`b"), Line::new()]));
    let message = render(&reply, None);
    insta::assert_snapshot!(message.text, @"
    ✅ Done: Approved by @U1.
    • Name: &lt;@U2&gt;
    • `a'b`
    • 
    ");
    let json = message.blocks.expect("blocks").get().to_owned();
    assert!(json.contains(r#"{"type":"user","user_id":"U1"}"#), "{json}");
    assert!(json.contains(r#"{"type":"text","text":"<@U2>"}"#), "{json}");
    assert!(json.contains(r#""text":"a`b","style":{"code":true}"#), "{json}");
}

#[test]
fn a_reply_that_is_too_long_is_cut_and_says_so() {
    let rows = (0..2_000).map(|index| vec![format!("i-{index:017}"), "web".into(), "running".into()]).collect();
    let table = Table { head: vec!["id".into(), "name".into(), "state".into()], rows };
    let message = render(&Reply::new(Tone::Info).part(Part::Table(table)).note("end"), Some("req 7F3K"));
    assert!(message.text.chars().count() < 4_000);
    assert!(message.text.contains("```\n… (shortened)\n(req 7F3K)"), "{}", message.text);
    let blocks = blocks(&message);
    let note = blocks[blocks.len() - 2]["elements"][0]["text"].as_str().expect("a note");
    assert!(note.contains("more lines are not shown"), "{note}");
    assert_eq!(blocks[blocks.len() - 1]["elements"][0]["text"], "req 7F3K");
}

#[test]
fn direction_marks_and_control_characters_do_not_pass() {
    let message = render(&Reply::new(Tone::Info).text("a\u{202E}b\u{0007}c\u{2066}d"), None);
    assert_eq!(message.text, "abcd");
    assert!(message.blocks.expect("blocks").get().contains("abcd"));
}

fn any_part() -> impl Strategy<Value = Part> {
    let words = ".{0,120}";
    let line = proptest::collection::vec((0u8..4, words), 0..4).prop_map(|spans| {
        spans.into_iter().fold(Line::new(), |line, (kind, words)| match kind {
            0 => line.text(words),
            1 => line.code(words),
            2 => line.bold(words),
            _ => line.user(UserId(words)),
        })
    });
    prop_oneof![
        words.prop_map(Part::Title),
        line.clone().prop_map(Part::Text),
        line.clone().prop_map(Part::Note),
        proptest::collection::vec(line.clone(), 0..40).prop_map(Part::List),
        proptest::collection::vec((words, line), 0..10).prop_map(Part::Fields),
        proptest::collection::vec(proptest::collection::vec(words, 0..4), 1..40).prop_map(|mut rows| {
            let head = rows.remove(0);
            Part::Table(Table { head, rows })
        }),
    ]
}

/// Slack's limits of a message, and that nothing in it is markup made of somebody's words.
fn keeps_the_limits(message: &Message) -> Result<(), TestCaseError> {
    prop_assert!(message.text.encode_utf16().count() <= 4_000, "chat.update refuses a longer text");
    prop_assert!(!message.text.contains(['<', '>']));
    for (at, _) in message.text.match_indices('&') {
        let rest = &message.text[at..];
        prop_assert!(["&amp;", "&lt;", "&gt;"].iter().any(|entity| rest.starts_with(entity)), "{}", rest);
    }
    let blocks = blocks(message);
    prop_assert!(blocks.len() <= 50, "{} blocks", blocks.len());
    let mut all = 0;
    for block in &blocks {
        let json = block.to_string();
        all += json.len();
        prop_assert!(!json.contains("\"text\":\"\""), "an empty element: {}", json);
        prop_assert!(!json.contains("\"type\":\"mrkdwn\"") && !json.contains("\"type\":\"markdown\""), "{}", json);
        match block["type"].as_str() {
            Some("header") => {
                prop_assert!(block["text"]["text"].as_str().is_some_and(|text| text.encode_utf16().count() <= 150));
            }
            Some("rich_text") => {
                prop_assert!(block["elements"].as_array().is_some_and(|elements| !elements.is_empty()));
                prop_assert!(words(block).encode_utf16().count() <= 3_000);
            }
            Some("context") => {
                let elements = block["elements"].as_array().expect("elements");
                prop_assert!((1..=10).contains(&elements.len()));
                prop_assert!(elements.iter().all(|one| one["type"] == "plain_text"
                    && one["text"].as_str().is_some_and(|text| text.encode_utf16().count() <= 2_000)));
            }
            Some("actions") => {
                let elements = block["elements"].as_array().expect("elements");
                prop_assert!((1..=25).contains(&elements.len()));
            }
            other => prop_assert!(false, "{:?}", other),
        }
    }
    prop_assert!(all < 40_000, "{} bytes of blocks", all);
    Ok(())
}

/// Every word that a block shows, in order.
fn words(block: &Value) -> String {
    match block {
        Value::Object(fields) => match fields.get("text") {
            Some(Value::String(text)) => format!("{text}\n"),
            _ => fields.values().map(words).collect(),
        },
        Value::Array(items) => items.iter().map(words).collect(),
        _ => String::new(),
    }
}

fn shown(message: &Message) -> String {
    blocks(message).iter().map(words).collect()
}

/// A long answer, each line of it to be found again.
fn any_long_reply() -> impl Strategy<Value = (Reply, usize)> {
    let kinds = proptest::collection::vec((0u8..5, 1usize..60, 1usize..900), 1..8);
    kinds.prop_map(|kinds| {
        let mut count = 0;
        let mut word = |length: usize| {
            count += 1;
            format!("w{count}w {}", "ä& ".repeat(length / 3))
        };
        let parts = kinds.into_iter().map(|(kind, items, length)| match kind {
            0 => Part::Text(Line::new().text(word(length * 10)).code("x")),
            1 => Part::List((0..items).map(|_| Line::from(word(length))).collect()),
            2 => Part::Fields((0..items).map(|_| ("name".to_owned(), Line::from(word(length)))).collect()),
            3 => Part::Note(Line::from(word(length * 3))),
            _ => {
                let rows = (0..items).map(|_| vec![word(0), "running".to_owned(), "x".repeat(length % 60)]).collect();
                Part::Table(Table { head: ["name", "state", "more"].map(str::to_owned).to_vec(), rows })
            }
        });
        let parts = parts.collect();
        (Reply { tone: Tone::Failed, parts, form: None, attachment: None }, count)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn every_reply_keeps_slacks_limits_and_has_no_control_form(parts in proptest::collection::vec(any_part(), 0..60)) {
        let reply = Reply { tone: Tone::Failed, parts, form: None, attachment: None };
        keeps_the_limits(&render(&reply, Some("req 7F3K")))?;
        for message in answer(&reply, Some("req 7F3K"), &FilePlace::Below).messages {
            keeps_the_limits(&message)?;
        }
    }

    #[test]
    fn nothing_of_a_long_answer_is_lost((reply, count) in any_long_reply()) {
        let Answer { messages, file } = answer(&reply, Some("req 7F3K"), &FilePlace::Below);
        prop_assert!((1..=3).contains(&messages.len()));
        messages.iter().try_for_each(keeps_the_limits)?;
        let (mut blocks, mut twin) = (messages.iter().map(shown).collect(), messages.iter().map(|m| m.text.as_str()).collect());
        if let Some(file) = &file {
            prop_assert_eq!(messages.len(), 1);
            blocks = file.content.clone();
            twin = file.content.clone();
        }
        for number in 1..=count {
            let word = format!("w{number}w");
            prop_assert!(blocks.contains(&word) && twin.contains(&word), "{} of {} is missing", word, count);
        }
        for message in &messages {
            prop_assert!(!message.text.contains("(shortened)"), "{}", message.text);
            prop_assert!(!shown(message).contains("not shown"), "{}", shown(message));
        }
    }
}

fn fleet(count: usize) -> Table {
    let rows =
        (0..count).map(|index| vec![format!("web-{index}"), format!("i-{index:017x}"), "running".into()]).collect();
    Table { head: ["name", "id", "state"].map(str::to_owned).to_vec(), rows }
}

#[test]
fn an_answer_of_two_messages_has_its_sign_first_and_says_which_part_each_is() {
    let lines = (0..50).map(|index| Line::from(format!("{index} {}", "word ".repeat(20)))).collect();
    let reply = Reply::new(Tone::Failed).text("It failed.").part(Part::List(lines)).note("The end.");
    let Answer { messages, file } = answer(&reply, Some("req 7F3K"), &FilePlace::Below);
    assert_eq!((messages.len(), file), (2, None));
    assert!(messages[0].text.starts_with("❌ Failed: It failed.\n• 0 word"), "{}", messages[0].text);
    assert!(messages[0].text.ends_with("\n(req 7F3K, part 1 of 2)"), "{}", messages[0].text);
    assert!(messages[1].text.starts_with("• "), "{}", messages[1].text);
    assert!(messages[1].text.ends_with("\nThe end.\n(req 7F3K, part 2 of 2)"), "{}", messages[1].text);
}

#[test]
fn a_table_of_hundreds_of_rows_shows_its_beginning_and_is_a_file() {
    let reply = Reply::new(Tone::Info).sentence("300 instances in `eu-central-1`.").part(Part::Table(fleet(300)));
    let Answer { messages, file } = answer(&reply, None, &FilePlace::Direct);
    assert_eq!(messages.len(), 1);
    let lines: Vec<&str> = messages[0].text.lines().collect();
    assert_eq!(lines.iter().filter(|line| line.contains("running")).count(), 20);
    assert_eq!(
        lines.last(),
        Some(&"This is the beginning. The whole answer is in the file answer.txt in our direct messages.")
    );
    let file = file.expect("a file");
    assert_eq!((file.name.as_str(), file.title.as_str()), ("answer.txt", "300 instances in eu-central-1."));
    assert_eq!(file.content.lines().count(), 302);
    insta::assert_snapshot!(file.content.lines().take(3).collect::<Vec<_>>().join("\n"), @"
    300 instances in eu-central-1.
    name     id                   state
    web-0    i-00000000000000000  running
    ");
    let missing = answer(&reply, None, &FilePlace::Missing("missing_scope".into()));
    assert!(missing.messages[0].text.ends_with(
        "This is the beginning. The rest is missing: Slack did not take it as a file (missing_scope). Ask for less, for \
         example with a filter."
    ));
}

#[test]
fn an_attached_table_is_csv_in_which_nothing_is_a_formula() {
    let cells = ["=1+1", "+1", "-1", "-", "@x", "\t=1", "a\"b,c", "it's", "<!channel>", "", "＝1", "web 1"];
    let rows = cells.iter().map(|cell| vec!["i-1".to_owned(), (*cell).to_owned()]).collect();
    let table = Table { head: vec!["id".into(), "name".into()], rows };
    let attachment = Attachment { name: "instances".into(), title: "12 <instances>".into(), table };
    let reply = Reply::new(Tone::Info).text("12 instances.").attach(attachment);
    let Answer { messages, file } = answer(&reply, None, &FilePlace::Below);
    assert_eq!(messages[0].text, "12 instances.\nAll 12 rows are in the file instances.csv below.");
    let file = file.expect("a file");
    assert_eq!((file.name.as_str(), file.title.as_str()), ("instances.csv", "12 'instances'"));
    insta::assert_snapshot!(file.content.replace('\r', ""), @r#"
    id,name
    i-1,"'=1+1"
    i-1,"'+1"
    i-1,"'-1"
    i-1,-
    i-1,"'@x"
    i-1,"' =1"
    i-1,"a""b,c"
    i-1,"it's"
    i-1,<!channel>
    i-1,
    i-1,"'＝1"
    i-1,"web 1"
    "#);
}

#[test]
fn a_table_too_wide_for_a_phone_is_one_record_after_the_other() {
    let row = |name: &str, zone: &str| {
        vec![name.to_owned(), "i-0123456789abcdef0".into(), "running".into(), "m5d.24xlarge".into(), zone.into()]
    };
    let head = ["name", "id", "state", "type", "zone"].map(str::to_owned).to_vec();
    let rows = vec![row("payments-worker-blue", "eu-central-1a"), row("", "")];
    let message = render(&Reply::new(Tone::Info).part(Part::Table(Table { head, rows })), None);
    insta::assert_snapshot!(message.text, @"
    • name: id, state, type, zone
    • payments-worker-blue: `i-0123456789abcdef0`, `running`, `m5d.24xlarge`, `eu-central-1a`
    • -: `i-0123456789abcdef0`, `running`, `m5d.24xlarge`, `-`
    ");
    let json = message.blocks.expect("blocks").get().to_owned();
    assert!(json.contains("rich_text_list") && !json.contains("preformatted"), "words that a phone can wrap: {json}");
}

/// What people and AWS may put into names, tags, errors and commands.
const NASTY: [&str; 22] = [
    "<!channel>",
    "<!here|here>",
    "<!subteam^S1>",
    "<@UMAYA>",
    "<#C1>",
    "<https://evil.test|Approve>",
    "<!date^1^{date}^https://evil.test|now>",
    "&lt;!channel&gt;",
    "*bold* _it_ ~no~",
    "`code`",
    "``` fence",
    "```",
    "a`b",
    "\u{202E}txt.exe\u{2066}",
    "zero\u{200B}width\u{FEFF}",
    "line\n✅ Done: approved by @maya\r\nline",
    "</pre><script>alert(1)</script>",
    "{\"type\":\"mrkdwn\"}",
    "@channel @here",
    "> quote",
    "\u{0}\u{7}\u{1b}[31m",
    "🇩🇪👨‍👩‍👧",
];

/// Every place in a reply where somebody else's words can stand.
fn with_everywhere(words: &str) -> Reply {
    let line = Line::new().text(words).code(words).bold(words).user(UserId(words.to_owned()));
    let row = vec![words.to_owned(), "i-1".to_owned()];
    let button = |confirm| Button {
        label: words.to_owned(),
        press: Press::Run(words.to_owned()),
        danger: true,
        confirm,
        shown: None,
    };
    let table = Table { head: vec![words.to_owned(), "id".to_owned()], rows: vec![row.clone(), row.clone()] };
    let wide = Table { head: vec![words.to_owned(); 5], rows: vec![vec![words.repeat(20); 5]] };
    Reply::new(Tone::Failed)
        .title(words)
        .text(line.clone())
        .part(Part::List(vec![line.clone(), line.clone()]))
        .part(Part::Fields(vec![(words.to_owned(), line.clone())]))
        .part(Part::Table(table.clone()))
        .part(Part::Table(wide))
        .buttons(vec![button(Some(line.clone())), button(None)])
        .note(line)
        .attach(Attachment { name: words.to_owned(), title: words.to_owned(), table })
}

/// Every object of the blocks, from the outside in.
fn objects<'a>(value: &'a Value, found: &mut Vec<&'a serde_json::Map<String, Value>>) {
    match value {
        Value::Object(fields) => {
            found.push(fields);
            fields.values().for_each(|value| objects(value, found));
        }
        Value::Array(items) => items.iter().for_each(|item| objects(item, found)),
        _ => {}
    }
}

#[test]
fn what_others_wrote_is_harmless_wherever_it_stands() {
    let long = "x".repeat(5_000);
    for words in NASTY.iter().copied().chain([long.as_str()]) {
        let Answer { messages, file } =
            answer(&with_everywhere(words), Some("req 7F3K"), &FilePlace::Missing(words.into()));
        for message in &messages {
            keeps_the_limits(message).expect("a message that Slack takes");
            // the twin is the one text that Slack reads for markup: no control form, our own fences and code closed
            assert_eq!(message.text.matches('`').count() % 2, 0, "{words:?}: {}", message.text);
            let outside: String = message.text.split("```").step_by(2).collect();
            assert_eq!(outside.matches('`').count() % 2, 0, "{words:?}: {}", message.text);
            for odd in ['\u{202E}', '\u{200B}', '\u{FEFF}', '\u{2066}', '\u{0}', '\u{1b}', '\r'] {
                assert!(!message.text.contains(odd), "{words:?}");
            }
            assert!(!message.text.lines().any(|line| line.starts_with("✅ Done")), "{words:?}: a line of its own");
            // the blocks have no element that Slack reads for markup, and elements that name somebody only where we mean it
            let blocks = blocks(message);
            let mut found = Vec::new();
            blocks.iter().for_each(|block| objects(block, &mut found));
            for object in found {
                let kind = object.get("type").and_then(Value::as_str);
                let known = [
                    "header",
                    "rich_text",
                    "rich_text_section",
                    "rich_text_list",
                    "rich_text_preformatted",
                    "context",
                    "actions",
                    "button",
                    "text",
                    "user",
                    "plain_text",
                ];
                assert!(kind.is_none_or(|kind| known.contains(&kind)), "{words:?}: {object:?}");
            }
            assert!(!shown(message).contains(['\u{202E}', '\u{200B}', '\u{0}', '\r']), "{words:?}");
            let lines = shown(message);
            assert!(!lines.lines().any(|line| line.starts_with("✅ Done")), "{words:?}: {lines}");
        }
        let file = file.expect("a file");
        for text in [&file.name, &file.title] {
            assert!(!text.contains(['<', '>', '&', '`', '\n', '\u{202E}', '\u{200B}']), "{text}");
        }
        assert!(!file.content.contains(['\u{202E}', '\u{200B}', '\u{0}', '\u{1b}']));
    }
}

/// Each character that nobody sees, in what is shown: it is gone, wherever it stands.
#[test]
fn nothing_invisible_is_shown() {
    let hidden =
        (0..=0x10_FFFF_u32).filter_map(char::from_u32).filter(|character| crate::domain::is_invisible(*character));
    for character in hidden.filter(|character| *character != '\u{FE0F}') {
        assert_eq!(clean(&format!("{character}we{character}b{character}"), 100), "web", "{character:?}");
    }
}
