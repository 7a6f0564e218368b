//! What is taken at its limit and refused one beyond it.

use super::*;

fn code(value: Value) -> &'static str {
    blocks(value).map_or_else(|e| e.code, |_| "ok")
}

fn section(text: &str) -> Value {
    json!({"type": "section", "text": {"type": "mrkdwn", "text": text}})
}

#[test]
fn blocks_that_are_no_blocks_are_refused() {
    let button = |id: &str| json!({"type": "button", "action_id": id, "text": plain("Go")});
    let actions = |elements: Vec<Value>| json!([{"type": "actions", "elements": elements}]);
    assert_eq!(code(json!([section("hi")])), "ok");
    assert_eq!(code(json!([section("")])), "invalid_blocks");
    assert_eq!(code(json!({"type": "section"})), "invalid_blocks_format");
    assert_eq!(code(json!([{"type": "sektion"}])), "invalid_blocks");
    assert_eq!(code(json!([{"type": "header", "text": {"type": "mrkdwn", "text": "h"}}])), "invalid_blocks");
    assert_eq!(code(actions(vec![])), "invalid_blocks");
    assert_eq!(code(actions(vec![button("a"), button("b")])), "ok");
    assert_eq!(code(actions(vec![button("a"), button("a")])), "invalid_blocks");
    let twice = json!([{"type": "divider", "block_id": "a"}, {"type": "divider", "block_id": "a"}]);
    assert_eq!(code(twice), "invalid_blocks");
}

#[test]
fn blocks_without_ids_get_some() {
    let checked = blocks(json!([section("hi")])).expect("fine blocks");
    assert!(checked[0]["block_id"].as_str().is_some_and(|id| id.len() == 5));
}

#[tokio::test(start_paused = true)]
async fn a_channel_takes_a_burst_and_then_one_message_a_second() {
    let mut limits = RateLimits::default();
    for _ in 0..5 {
        assert_eq!(limits.post("COPS"), Ok(()));
    }
    assert_eq!(limits.post("COPS"), Err(1));
    assert_eq!(limits.post("CGENERAL"), Ok(()), "another channel has a bucket of its own");
    tokio::time::advance(std::time::Duration::from_secs(1)).await;
    assert_eq!(limits.post("COPS"), Ok(()));
    assert_eq!(limits.post("COPS"), Err(1));
}

fn plain(text: &str) -> Value {
    json!({"type": "plain_text", "text": text})
}

fn long(length: usize) -> String {
    "é".repeat(length)
}

/// A button with this field of this length.
fn button(field: &str, length: usize) -> Value {
    let mut button = json!({"type": "button", "action_id": "a", "text": plain("Go")});
    button[field] = json!(long(length));
    button
}

/// A button that asks first, with a text of this length at this place.
fn asking(field: &str, length: usize) -> Value {
    let mut button = json!({"type": "button", "action_id": "a", "text": plain("Go")});
    button["confirm"] = json!({"title": plain("t"), "text": plain("t"), "confirm": plain("y"), "deny": plain("n")});
    button["confirm"][field] = plain(&long(length));
    button
}

fn actions(element: Value) -> Value {
    json!([{"type": "actions", "elements": [element]}])
}

fn choices(count: usize) -> Vec<Value> {
    (0..count).map(|n| json!({"text": plain("o"), "value": n.to_string()})).collect()
}

fn chooser(kind: &str, count: usize) -> Value {
    actions(json!({"type": kind, "action_id": "a", "options": choices(count)}))
}

fn option(field: &str, value: Value) -> Value {
    let mut option = json!({"text": plain("o"), "value": "v"});
    option[field] = value;
    actions(json!({"type": "static_select", "action_id": "a", "options": [option]}))
}

/// A select of this many groups, the first with a label of this length and this many options.
fn grouped(groups: usize, label: usize, options: usize) -> Value {
    let mut all: Vec<Value> = (0..groups).map(|_| json!({"label": plain("g"), "options": choices(1)})).collect();
    all[0] = json!({"label": plain(&long(label)), "options": choices(options)});
    actions(json!({"type": "static_select", "action_id": "a", "option_groups": all}))
}

/// What has a limit, the limit, a message's blocks with so much of it, and where the error is.
type Row = (&'static str, usize, fn(usize) -> Value, &'static str);

const MESSAGE: &[Row] = &[
    ("blocks", 50, |n| json!(vec![json!({"type": "divider"}); n]), ""),
    ("block_id", 255, |n| json!([{"type": "divider", "block_id": long(n)}]), "/0/block_id"),
    ("text of a section", 3000, |n| json!([section(&long(n))]), "/0/text/text"),
    ("fields", 10, |n| json!([{"type": "section", "fields": vec![plain("f"); n]}]), "/0/fields"),
    ("a field", 2000, |n| json!([{"type": "section", "fields": [plain(&long(n))]}]), "/0/fields/0/text"),
    ("header", 150, |n| json!([{"type": "header", "text": plain(&long(n))}]), "/0/text/text"),
    ("context", 10, |n| json!([{"type": "context", "elements": vec![plain("c"); n]}]), "/0/elements"),
    ("markdown", 12_000, |n| json!([{"type": "markdown", "text": long(n)}]), "/0/text"),
    (
        "actions",
        25,
        |n| {
            let button = |n: usize| json!({"type": "button", "action_id": n.to_string(), "text": plain("b")});
            json!([{"type": "actions", "elements": (0..n).map(button).collect::<Vec<_>>()}])
        },
        "/0/elements",
    ),
    (
        "text of a button",
        75,
        |n| actions(json!({"type": "button", "action_id": "a", "text": plain(&long(n))})),
        "/0/elements/0/text/text",
    ),
    ("value of a button", 2000, |n| actions(button("value", n)), "/0/elements/0/value"),
    ("url of a button", 3000, |n| actions(button("url", n)), "/0/elements/0/url"),
    ("action_id", 255, |n| actions(button("action_id", n)), "/0/elements/0/action_id"),
    (
        "action_id beside a section",
        255,
        |n| json!([{"type": "section", "text": plain("s"), "accessory": button("action_id", n)}]),
        "/0/accessory/action_id",
    ),
    ("title of a question", 100, |n| actions(asking("title", n)), "/0/elements/0/confirm/title/text"),
    ("text of a question", 300, |n| actions(asking("text", n)), "/0/elements/0/confirm/text/text"),
    ("yes", 30, |n| actions(asking("confirm", n)), "/0/elements/0/confirm/confirm/text"),
    ("no", 30, |n| actions(asking("deny", n)), "/0/elements/0/confirm/deny/text"),
    ("options of a select", 100, |n| chooser("static_select", n), "/0/elements/0/options"),
    ("options of several", 100, |n| chooser("multi_static_select", n), "/0/elements/0/options"),
    ("radio buttons", 10, |n| chooser("radio_buttons", n), "/0/elements/0/options"),
    ("check boxes", 10, |n| chooser("checkboxes", n), "/0/elements/0/options"),
    ("overflow", 5, |n| chooser("overflow", n), "/0/elements/0/options"),
    ("text of an option", 75, |n| option("text", plain(&long(n))), "/0/elements/0/options/0/text/text"),
    ("value of an option", 150, |n| option("value", json!(long(n))), "/0/elements/0/options/0/value"),
    ("groups of options", 100, |n| grouped(n, 1, 1), "/0/elements/0/option_groups"),
    ("label of a group", 75, |n| grouped(1, n, 1), "/0/elements/0/option_groups/0/label/text"),
    ("options of a group", 100, |n| grouped(2, 1, n), "/0/elements/0/option_groups/0/options"),
];

#[test]
fn a_message_is_taken_at_each_limit_and_refused_one_beyond_it() {
    for (what, limit, with, at) in MESSAGE {
        assert_eq!(blocks(with(*limit)).map(|_| ()), Ok(()), "{what}: {limit}");
        let error = blocks(with(limit + 1)).expect_err(what);
        let place = format!("[json-pointer:/blocks{at}]");
        assert_eq!(error.code, "invalid_blocks", "{what}");
        assert!(matches!(&error.messages[..], [only] if only.ends_with(&place)), "{what}: {:?}", error.messages);
    }
}

/// A modal with one input whose element has this field, and this field of its own.
fn asks(element: (&str, Value), field: (&str, Value)) -> Value {
    let mut input = json!({"type": "plain_text_input", "action_id": "a"});
    input[element.0] = element.1;
    let mut block = json!({"type": "input", "block_id": "b", "label": plain("l"), "element": input});
    block[field.0] = field.1;
    json!({"type": "modal", "title": plain("t"), "submit": plain("s"), "blocks": [block]})
}

/// A modal with this field.
fn titled(field: &str, value: Value) -> Value {
    let mut view = json!({"type": "modal", "title": plain("t"), "blocks": []});
    view[field] = value;
    view
}

const NONE: (&str, Value) = ("nothing", Value::Null);

const MODAL: &[Row] = &[
    ("blocks", 100, |n| titled("blocks", json!(vec![json!({"type": "divider"}); n])), "/blocks"),
    ("title", 24, |n| titled("title", plain(&long(n))), "/title/text"),
    ("submit", 24, |n| titled("submit", plain(&long(n))), "/submit/text"),
    ("close", 24, |n| titled("close", plain(&long(n))), "/close/text"),
    ("private_metadata", 3000, |n| titled("private_metadata", json!(long(n))), "/private_metadata"),
    ("callback_id", 255, |n| titled("callback_id", json!(long(n))), "/callback_id"),
    ("external_id", 255, |n| titled("external_id", json!(long(n))), "/external_id"),
    ("label", 2000, |n| asks(NONE, ("label", plain(&long(n)))), "/blocks/0/label/text"),
    ("hint", 2000, |n| asks(NONE, ("hint", plain(&long(n)))), "/blocks/0/hint/text"),
    ("placeholder", 150, |n| asks(("placeholder", plain(&long(n))), NONE), "/blocks/0/element/placeholder/text"),
    ("initial_value", 3000, |n| asks(("initial_value", json!(long(n))), NONE), "/blocks/0/element/initial_value"),
    ("max_length", 3000, |n| asks(("max_length", json!(n)), NONE), "/blocks/0/element/max_length"),
];

#[test]
fn a_modal_is_taken_at_each_limit_and_refused_one_beyond_it() {
    for (what, limit, with, at) in MODAL {
        assert_eq!(view(with(*limit), "modal").map(|_| ()), Ok(()), "{what}: {limit}");
        let error = view(with(limit + 1), "modal").expect_err(what);
        let place = format!("[json-pointer:/view{at}]");
        assert_eq!(error.code, "invalid_arguments", "{what}");
        assert!(matches!(&error.messages[..], [only] if only.ends_with(&place)), "{what}: {:?}", error.messages);
    }
    let home = |n| json!({"type": "home", "blocks": vec![json!({"type": "divider"}); n]});
    assert!(view(home(100), "home").is_ok() && view(home(101), "home").is_err());
    // bytes of the whole, which no single limit keeps
    let whole = |bytes: usize| {
        let mut view = titled("blocks", json!(vec![section(&"x".repeat(3000)); 82]));
        view["padding"] = json!("");
        let rest = bytes - view.to_string().len();
        view["padding"] = json!("x".repeat(rest));
        view
    };
    assert_eq!(view(whole(250 * 1024), "modal").map(|_| ()), Ok(()));
    assert_eq!(view(whole(250 * 1024 + 1), "modal").map(|_| ()), Err("view_too_large".into()));
}

#[test]
fn what_is_chosen_first_is_one_of_the_options_in_groups_too() {
    let select = |first: &str| {
        let groups =
            json!([{"label": plain("g"), "options": choices(1)}, {"label": plain("h"), "options": choices(3)}]);
        let first = json!({"text": plain("o"), "value": first});
        actions(json!({"type": "static_select", "action_id": "a", "option_groups": groups, "initial_option": first}))
    };
    assert_eq!(code(select("2")), "ok");
    assert_eq!(code(select("3")), "invalid_blocks");
    let both = json!({"type": "static_select", "action_id": "a", "options": choices(1),
        "option_groups": [{"label": plain("g"), "options": choices(1)}]});
    assert_eq!(code(actions(both)), "invalid_blocks");
    assert_eq!(code(grouped(1, 1, 0)), "invalid_blocks", "a group without options");
}

#[test]
fn what_may_be_read_of_a_channel_depends_on_its_kind() {
    for (place, kind) in [(Place::Public, "channels"), (Place::Private, "groups"), (Place::Direct, "im")] {
        assert_eq!(scope("conversations.history", place), Some(&*format!("{kind}:history")));
        assert_eq!(scope("conversations.replies", place), Some(&*format!("{kind}:history")));
        assert_eq!(scope("conversations.info", place), Some(&*format!("{kind}:read")));
        assert_eq!(scope("chat.postMessage", place), Some("chat:write"));
    }
}
