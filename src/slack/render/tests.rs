use super::*;
use crate::domain::UserId;
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

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn every_reply_keeps_slacks_limits_and_has_no_control_form(parts in proptest::collection::vec(any_part(), 0..60)) {
        let message = render(&Reply { tone: Tone::Failed, parts, form: None }, Some("req 7F3K"));
        prop_assert!(message.text.encode_utf16().count() < 4_000);
        prop_assert!(!message.text.contains(['<', '>']));
        for (at, _) in message.text.match_indices('&') {
            let rest = &message.text[at..];
            prop_assert!(["&amp;", "&lt;", "&gt;"].iter().any(|entity| rest.starts_with(entity)), "{}", rest);
        }
        let blocks = blocks(&message);
        prop_assert!(blocks.len() <= 50, "{} blocks", blocks.len());
        for block in &blocks {
            match block["type"].as_str() {
                Some("header") => prop_assert!(block["text"]["text"].as_str().is_some_and(|text| text.chars().count() <= 150)),
                Some("rich_text" | "context") => {
                    let json = block.to_string();
                    prop_assert!(!json.contains("\"text\":\"\""), "an empty element: {}", json);
                    prop_assert!(!block["elements"].as_array().is_some_and(Vec::is_empty));
                }
                other => prop_assert!(false, "{:?}", other),
            }
        }
    }
}
