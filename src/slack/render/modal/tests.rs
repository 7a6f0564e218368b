use super::*;
use crate::domain::Line;

fn view(form: &Form, memo: &Memo) -> Value {
    serde_json::from_str(modal(form, memo).expect("it fits").get()).expect("JSON")
}

fn field(name: &str, kind: FieldKind, value: Option<&str>) -> Field {
    Field {
        name: name.to_owned(),
        label: name.to_uppercase(),
        hint: Some(format!("What {name} is")),
        required: name == "target",
        kind,
        value: value.map(str::to_owned),
    }
}

fn form(fields: Vec<Field>) -> Form {
    Form { command: "ec2 stop".into(), intro: Some(Line::from("Stops it.")), fields, submit: "Run".into() }
}

#[test]
fn each_kind_of_field_has_its_input() {
    let sizes = FieldKind::Choice(vec!["small".into(), "large".into()]);
    let form = form(vec![
        field("target", FieldKind::Text { many: true }, Some("web-1")),
        field("count", FieldKind::Number, Some("3")),
        field("size", sizes.clone(), Some("large")),
        field("shape", sizes, Some("round")),
        field("force", FieldKind::Flag, Some("yes")),
    ]);
    let view = view(&form, &Memo::default());
    insta::assert_snapshot!(serde_json::to_string_pretty(&view["blocks"]).unwrap(), @r#"
    [
      {
        "type": "section",
        "text": {
          "type": "plain_text",
          "text": "Stops it.",
          "emoji": false
        }
      },
      {
        "type": "input",
        "block_id": "target",
        "label": {
          "type": "plain_text",
          "text": "TARGET",
          "emoji": false
        },
        "optional": false,
        "element": {
          "type": "plain_text_input",
          "action_id": "value",
          "initial_value": "web-1"
        },
        "hint": {
          "type": "plain_text",
          "text": "What target is",
          "emoji": false
        }
      },
      {
        "type": "input",
        "block_id": "count",
        "label": {
          "type": "plain_text",
          "text": "COUNT",
          "emoji": false
        },
        "optional": true,
        "element": {
          "is_decimal_allowed": false,
          "type": "number_input",
          "action_id": "value",
          "initial_value": "3"
        },
        "hint": {
          "type": "plain_text",
          "text": "What count is",
          "emoji": false
        }
      },
      {
        "type": "input",
        "block_id": "size",
        "label": {
          "type": "plain_text",
          "text": "SIZE",
          "emoji": false
        },
        "optional": true,
        "element": {
          "type": "static_select",
          "action_id": "value",
          "options": [
            {
              "text": {
                "type": "plain_text",
                "text": "small",
                "emoji": false
              },
              "value": "small"
            },
            {
              "text": {
                "type": "plain_text",
                "text": "large",
                "emoji": false
              },
              "value": "large"
            }
          ],
          "initial_option": {
            "text": {
              "type": "plain_text",
              "text": "large",
              "emoji": false
            },
            "value": "large"
          }
        },
        "hint": {
          "type": "plain_text",
          "text": "What size is",
          "emoji": false
        }
      },
      {
        "type": "input",
        "block_id": "shape",
        "label": {
          "type": "plain_text",
          "text": "SHAPE",
          "emoji": false
        },
        "optional": true,
        "element": {
          "type": "static_select",
          "action_id": "value",
          "options": [
            {
              "text": {
                "type": "plain_text",
                "text": "small",
                "emoji": false
              },
              "value": "small"
            },
            {
              "text": {
                "type": "plain_text",
                "text": "large",
                "emoji": false
              },
              "value": "large"
            }
          ]
        },
        "hint": {
          "type": "plain_text",
          "text": "What shape is",
          "emoji": false
        }
      },
      {
        "type": "input",
        "block_id": "force",
        "label": {
          "type": "plain_text",
          "text": "FORCE",
          "emoji": false
        },
        "optional": true,
        "element": {
          "type": "checkboxes",
          "action_id": "value",
          "options": [
            {
              "text": {
                "type": "plain_text",
                "text": "FORCE",
                "emoji": false
              },
              "value": "yes"
            }
          ],
          "initial_options": [
            {
              "text": {
                "type": "plain_text",
                "text": "FORCE",
                "emoji": false
              },
              "value": "yes"
            }
          ]
        },
        "hint": {
          "type": "plain_text",
          "text": "What force is",
          "emoji": false
        }
      }
    ]
    "#);
    assert_eq!((view["type"].as_str(), view["callback_id"].as_str()), (Some("modal"), Some("command")));
    assert_eq!(view["title"], json!({"type": "plain_text", "text": "ec2 stop", "emoji": false}));
}

#[test]
fn a_form_without_fields_shows_the_whole_line() {
    let line = "ec2 stop *web* `x` <!channel> --region eu-central-1";
    let view = view(&Form { command: line.to_owned(), ..form(vec![]) }, &Memo::default());
    assert_eq!(view["title"]["text"], "Run this?");
    assert_eq!(view["blocks"][1]["text"], json!({"type": "plain_text", "text": line, "emoji": false}));
    assert_eq!(Memo::read(view["private_metadata"].as_str().unwrap()).unwrap().command, line);
}

#[test]
fn a_memo_comes_back_as_it_was_and_shows_no_capability() {
    let memo = Memo {
        thread_ts: Some("1.2".into()),
        posted: true,
        response_url: Some("https://hooks.slack.com/commands/secret".into()),
        ..Memo::new(RequestId::new(1, 2), "C1".into())
    };
    assert!(!format!("{memo:?}").contains("hooks"));
    let view = view(&form(vec![]), &memo);
    let back = Memo::read(view["private_metadata"].as_str().unwrap()).expect("readable");
    assert_eq!((back.request, back.channel.as_ref()), (memo.request, memo.channel.as_ref()));
    assert_eq!(
        back.response_url.as_ref().map(|url| url.expose_secret()),
        Some("https://hooks.slack.com/commands/secret")
    );
    assert!(matches!(back.reply_to(), ReplyTo::Thread { thread_ts, .. } if thread_ts == "1.2"));
    for unreadable in ["", "{}", r#"{"v":2,"command":"ping"}"#, r#"{"v":1}"#] {
        assert!(Memo::read(unreadable).is_none(), "{unreadable}");
    }
}

/// Every text of the view with its place, so that each can be held against Slack's limit.
fn texts(value: &Value, place: &str, found: &mut Vec<(String, usize)>) {
    match value {
        Value::String(text) => found.push((place.to_owned(), text.encode_utf16().count())),
        Value::Array(items) => items.iter().for_each(|item| texts(item, place, found)),
        Value::Object(fields) => fields.iter().for_each(|(key, item)| {
            let place = if key == "text" { place.to_owned() } else { key.clone() };
            texts(item, &place, found);
        }),
        _ => {}
    }
}

proptest::proptest! {
    #[test]
    fn whatever_the_form_holds_the_modal_keeps_slacks_limits(
        words in proptest::collection::vec("\\PC{0,3}", 0..400),
        fields in 0usize..120,
        choices in 0usize..120,
    ) {
        let long = words.concat().repeat(8);
        let kinds = [
            FieldKind::Text { many: true },
            FieldKind::Number,
            FieldKind::Flag,
            FieldKind::Choice((0..choices).map(|n| format!("{n}{long}")).collect()),
            FieldKind::Choice((0..choices).map(|n| n.to_string()).collect()),
        ];
        let field = |n: usize| Field {
            name: format!("field{n}"),
            label: format!("x{long}"),
            hint: Some(long.clone()),
            required: true,
            kind: kinds[n % kinds.len()].clone(),
            value: Some(long.clone()),
        };
        let form = Form {
            command: format!("x{long}"),
            intro: Some(Line::from(format!("x{long}"))),
            fields: (0..fields).map(field).collect(),
            submit: format!("x{long}"),
        };
        let Some(view) = modal(&form, &Memo::default()) else {
            proptest::prop_assert!(fields > 20 || long.len() > 300, "a small form fits");
            return Ok(());
        };
        proptest::prop_assert!(view.get().len() <= 250 * 1024, "{}", view.get().len());
        let view: Value = serde_json::from_str(view.get()).unwrap();
        proptest::prop_assert!(view["blocks"].as_array().unwrap().len() <= 100);
        let mut found = Vec::new();
        texts(&view, "", &mut found);
        for (place, length) in found {
            let most = match place.as_str() {
                "title" | "submit" | "close" => 24,
                "private_metadata" | "initial_value" => 3_000,
                "label" | "hint" => 2_000,
                "options" | "initial_option" | "initial_options" => 75,
                "value" => 150,
                _ => 3_000,
            };
            proptest::prop_assert!(length <= most, "{place}: {length}");
        }
    }
}
