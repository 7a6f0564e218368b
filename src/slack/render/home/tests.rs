use super::*;
use crate::domain::{Press, UserId};
use serde_json::Value;

fn blocks(home: &Home) -> Vec<Value> {
    serde_json::from_str(render(home).expect("JSON").get()).expect("JSON")
}

fn row(line: &str) -> Row {
    Row { line: line.to_owned(), ..Row::default() }
}

#[test]
fn a_home_has_its_opening_its_sections_and_its_buttons() {
    let run = |line: &str| Button {
        label: "Run".to_owned(),
        press: Press::Run(line.to_owned()),
        danger: false,
        confirm: None,
        shown: None,
    };
    let home = Home {
        opening: vec![Line::new().text("I am ").bold("ready").text(".")],
        sections: vec![
            Section {
                title: "Waiting for you".to_owned(),
                lines: vec![Line::from("Nothing waits for you.")],
                ..Section::default()
            },
            Section {
                title: "Your last requests".to_owned(),
                lines: vec![],
                rows: vec![
                    Row { button: Some(run("ec2 list")), ..row("ec2 list – Lists instances") },
                    Row {
                        below: Some("Done · 5 min ago".to_owned()),
                        channel: Some("C0OPS".into()),
                        ..row("✅ ec2 show web-1")
                    },
                ],
                more: Some("2 more.".to_owned()),
            },
        ],
        closing: "As of 12:00 UTC".to_owned(),
    };
    insta::assert_snapshot!(render(&home).expect("JSON").get().replace("},{\"type\":\"", "},\n{\"type\":\""), @r#"
    [{"type":"rich_text","elements":[{"type":"rich_text_section","elements":[{"type":"text","text":"I am "},
    {"type":"text","text":"ready","style":{"bold":true}},
    {"type":"text","text":"."}]}]},
    {"type":"actions","elements":[{"type":"button","text":{"type":"plain_text","text":"Refresh","emoji":false},"action_id":"home:refresh"}]},
    {"type":"divider"},
    {"type":"header","text":{"type":"plain_text","text":"Waiting for you","emoji":false}},
    {"type":"rich_text","elements":[{"type":"rich_text_section","elements":[{"type":"text","text":"Nothing waits for you."}]}]},
    {"type":"divider"},
    {"type":"header","text":{"type":"plain_text","text":"Your last requests","emoji":false}},
    {"type":"section","text":{"type":"plain_text","text":"ec2 list – Lists instances","emoji":false},"accessory":{"type":"button","text":{"type":"plain_text","text":"Run","emoji":false},"action_id":"run:0","value":"ec2 list"}},
    {"type":"section","text":{"type":"plain_text","text":"✅ ec2 show web-1","emoji":false}},
    {"type":"context","elements":[{"type":"mrkdwn","text":"Done · 5 min ago · <#C0OPS>"}]},
    {"type":"context","elements":[{"type":"plain_text","text":"2 more.","emoji":false}]},
    {"type":"context","elements":[{"type":"plain_text","text":"As of 12:00 UTC","emoji":false}]}]
    "#);
}

#[test]
fn what_people_typed_is_plain_text_and_cannot_ring_anybody_or_name_a_channel() {
    let evil = "<!channel> *x* `y` <https://evil|ok> \u{202e}gnp\nsecond";
    let home = Home {
        opening: vec![Line::new().text(evil).user(UserId::from("U1"))],
        sections: vec![Section {
            title: evil.to_owned(),
            rows: vec![Row {
                below: Some(evil.to_owned()),
                channel: Some("C1> <!here".into()),
                ..row(&format!("{evil}{}", "x".repeat(1_000)))
            }],
            more: Some(evil.to_owned()),
            ..Section::default()
        }],
        closing: evil.to_owned(),
    };
    let blocks = blocks(&home);
    let section = blocks.iter().find(|block| block["type"] == "section").expect("a row");
    assert_eq!(section["text"]["type"], "plain_text");
    let line = section["text"]["text"].as_str().expect("words");
    assert!(line.starts_with("<!channel> *x* `y` <https://evil|ok> gnp second") && line.ends_with('…'), "{line}");
    assert!(line.len() <= LINE_CHARS);
    let marked: Vec<&Value> = blocks.iter().filter(|block| block["elements"][0]["type"] == "mrkdwn").collect();
    assert_eq!(marked.len(), 1);
    let small = marked[0]["elements"][0]["text"].as_str().expect("words");
    assert_eq!(small, "&lt;!channel&gt; *x* `y` &lt;https://evil|ok&gt; gnp second");
}

#[test]
fn a_long_home_is_cut_within_slacks_limits_and_says_so() {
    let button = |n: usize| Button {
        label: "Run again".to_owned(),
        press: Press::Run(format!("ec2 show web-{n}")),
        danger: false,
        confirm: None,
        shown: None,
    };
    let rows = (0..200).map(|n| Row { button: Some(button(n)), below: Some("Done".to_owned()), ..row("ec2 show") });
    let section = Section { title: "Many".to_owned(), rows: rows.collect(), ..Section::default() };
    let home = Home { opening: vec![Line::from("x")], sections: vec![section], closing: "end".to_owned() };
    let blocks = blocks(&home);
    assert!(blocks.len() <= 100, "{}", blocks.len());
    let shown = blocks.iter().filter(|block| block["type"] == "section").count();
    let left = format!("{} more lines find no place here.", 200 - shown);
    assert_eq!(blocks[blocks.len() - 2]["elements"][0]["text"], left.as_str());
    assert_eq!(blocks[blocks.len() - 1]["elements"][0]["text"], "end");
    let mut ids: Vec<&str> = blocks.iter().filter_map(|block| block["accessory"]["action_id"].as_str()).collect();
    assert_eq!((ids[0], ids.len()), ("run:0", shown));
    ids.dedup();
    assert_eq!(ids.len(), shown, "each button has its own name");
}

#[test]
fn a_line_too_long_for_a_button_has_none_rather_than_another_command() {
    let line = format!("ec2 show {}", "x".repeat(3_000));
    let press = Press::Run(line.clone());
    let button = Button { label: "Run again".to_owned(), press, danger: false, confirm: None, shown: None };
    let rows = vec![Row { button: Some(button), ..row(&line) }, row("")];
    let section = Section { title: "One".to_owned(), rows, ..Section::default() };
    let blocks = blocks(&Home { sections: vec![section], ..Home::default() });
    let rows: Vec<&Value> = blocks.iter().filter(|block| block["type"] == "section").collect();
    assert!(rows.iter().all(|row| row["accessory"].is_null()));
    assert_eq!(rows[1]["text"]["text"], "…", "slack refuses an empty text");
}
