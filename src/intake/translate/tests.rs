use super::*;
use proptest::prelude::*;
use secrecy::ExposeSecret;
use serde_json::{Value, json};

fn envelope(kind: EnvelopeKind, payload: &Value) -> Envelope {
    Envelope {
        envelope_id: "E1".to_owned(),
        kind,
        payload: serde_json::value::to_raw_value(payload).expect("JSON"),
        retry_attempt: None,
        retry_reason: None,
        accepts_response_payload: true,
        slot: 0,
    }
}

fn read(kind: EnvelopeKind, payload: &Value) -> Result<NewRequest, &'static str> {
    let identity = Identity { bot_user: "UBOT".into(), bot_id: Some("BBOT".to_owned()), team: "T1".into() };
    let stamp = Stamp { id: RequestId::new(1, 1), at: jiff::Timestamp::UNIX_EPOCH };
    match translate(&envelope(kind, payload), &identity, stamp) {
        Translated::Request(new) => Ok(*new),
        Translated::Ignored(reason) => Err(reason),
    }
}

fn slash(changes: Value) -> Result<NewRequest, &'static str> {
    let mut payload = json!({"command": "/drone", "text": "ping", "user_id": "U1", "channel_id": "C1", "team_id": "T1",
        "trigger_id": "1.2.3", "response_url": "https://hooks.slack.com/commands/secret"});
    payload.as_object_mut().expect("an object").extend(changes.as_object().expect("an object").clone());
    read(EnvelopeKind::SlashCommands, &payload)
}

fn event(changes: Value) -> Result<NewRequest, &'static str> {
    let mut event = json!({"type": "app_mention", "user": "U1", "text": "<@UBOT> ping", "ts": "5.6", "channel": "C1"});
    event.as_object_mut().expect("an object").extend(changes.as_object().expect("an object").clone());
    let payload = json!({"type": "event_callback", "team_id": "T1", "event_id": "Ev1", "event": event});
    read(EnvelopeKind::EventsApi, &payload)
}

fn place(new: &NewRequest) -> String {
    match &new.request.reply_to {
        ReplyTo::Caller { response_url: Some(url) } => format!("caller by {}", url.expose_secret()),
        ReplyTo::Caller { response_url: None } => "caller".to_owned(),
        ReplyTo::Thread { thread_ts } => format!("thread {thread_ts}"),
        ReplyTo::Channel => "channel".to_owned(),
    }
}

#[test]
fn a_slash_command_is_answered_to_its_caller_even_without_a_response_url() {
    let new = slash(json!({})).expect("a request");
    assert_eq!(place(&new), "caller by https://hooks.slack.com/commands/secret");
    assert_eq!(new.keys, ["envelope:E1", "trigger:1.2.3"]);
    assert!(!format!("{new:?}").contains("hooks"), "a capability is not shown");
    let bare = slash(json!({"response_url": null, "trigger_id": null})).expect("a request");
    assert_eq!((place(&bare).as_str(), bare.keys.len()), ("caller", 1));
}

#[test]
fn nothing_but_spaces_is_an_empty_line_which_is_help() {
    for text in ["", "   ", "\u{a0}\u{a0}", "\n\t "] {
        let new = slash(json!({"text": text})).expect("a request");
        assert_eq!(new.request.text, "");
        let (row, _) = crate::commands::parse(&new.request.text).expect("help");
        assert_eq!(row.name, "help");
    }
    assert_eq!(event(json!({"text": "<@UBOT>"})).expect("a request").request.text, "");
}

#[test]
fn a_very_long_text_is_a_request_like_any_other() {
    let new = slash(json!({"text": "ec2 stop ".to_owned() + &"x".repeat(40_000)})).expect("a request");
    assert_eq!(new.request.text.len(), 40_009);
    let unknown = slash(json!({"text": "ü".repeat(40_000)})).expect("a request");
    assert!(crate::commands::parse(&unknown.request.text).is_err());
}

#[test]
fn a_mention_is_answered_in_its_thread_and_a_direct_message_where_it_stands() {
    assert_eq!(place(&event(json!({})).expect("a request")), "thread 5.6");
    assert_eq!(place(&event(json!({"thread_ts": "1.1"})).expect("a request")), "thread 1.1");
    let direct = json!({"type": "message", "channel_type": "im", "channel": "D1", "text": "ping"});
    assert_eq!(place(&event(direct.clone()).expect("a request")), "channel");
    let mut threaded = direct;
    threaded["thread_ts"] = json!("1.1");
    assert_eq!(place(&event(threaded).expect("a request")), "thread 1.1");
}

// row 22
#[test]
fn one_message_that_comes_as_two_events_has_a_key_in_common() {
    let mention = event(json!({"channel": "D1"})).expect("a request");
    let message = event(json!({"type": "message", "channel_type": "im", "channel": "D1"})).expect("a request");
    let common = "message:T1:D1:5.6".to_owned();
    assert!(mention.keys.contains(&common) && message.keys.contains(&common));
    assert_eq!(mention.request.text, message.request.text);
}

// row 9, row 36
#[test]
fn what_asks_nothing_of_the_bot_is_ignored_with_a_reason() {
    let reasons: Vec<_> = [
        json!({"user": "UBOT"}),
        json!({"bot_id": "BBOT"}),
        json!({"bot_id": "BOTHER"}),
        json!({"edited": {"ts": "5.7"}}),
        json!({"subtype": "channel_join"}),
        json!({"type": "message"}),
        json!({"type": "reaction_added"}),
        json!({"ts": null}),
    ]
    .into_iter()
    .map(|changes| event(changes).expect_err("ignored"))
    .collect();
    assert_eq!(
        reasons,
        [
            "own_message",
            "own_message",
            "bot_message",
            "edit",
            "other_subtype",
            "not_addressed",
            "other_event",
            "incomplete_event"
        ]
    );
    assert_eq!(slash(json!({"user_id": null})).expect_err("ignored"), "incomplete_slash_command");
    assert_eq!(read(EnvelopeKind::SlashCommands, &json!([])).expect_err("ignored"), "malformed_slash_command");
    assert_eq!(read(EnvelopeKind::EventsApi, &json!("x")).expect_err("ignored"), "malformed_event");
    assert_eq!(read(EnvelopeKind::Interactive, &json!({})).expect_err("ignored"), "interactive");
    // row 9: it has no event
    let limited = json!({"type": "app_rate_limited", "team_id": "T1", "minute_rate_limited": 1, "api_app_id": "A1"});
    assert_eq!(read(EnvelopeKind::EventsApi, &limited).expect_err("ignored"), "app_rate_limited");
}

/// JSON of any shape.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[a-z_]{1,8}", inner, 0..4)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

/// Payloads as they come, for each to be spoilt in one place.
fn payloads() -> [(EnvelopeKind, Value); 3] {
    let event = json!({"type": "app_mention", "user": "U1", "text": "<@UBOT> ping", "ts": "5.6", "channel": "C1",
        "blocks": [{"type": "rich_text", "elements": [{"type": "brand_new"}]}], "bot_profile": {}, "files": []});
    [
        (
            EnvelopeKind::SlashCommands,
            json!({"command": "/drone", "text": "ping", "user_id": "U1", "channel_id": "C1", "team_id": "T1",
                "trigger_id": "1.2.3", "response_url": "https://hooks.slack.com/commands/secret", "brand_new": {}}),
        ),
        (
            EnvelopeKind::EventsApi,
            json!({"type": "event_callback", "team_id": "T1", "event_id": "Ev1", "event": event}),
        ),
        (EnvelopeKind::Interactive, json!({"type": "block_actions", "user": {"id": "U1"}, "actions": [{"type": "x"}]})),
    ]
}

fn spoil(value: &mut Value, place: &mut usize, by: &Value) {
    if *place == 0 {
        *value = by.clone();
    }
    *place = place.wrapping_sub(1);
    match value {
        Value::Object(fields) if *place < usize::MAX / 2 => {
            fields.values_mut().for_each(|field| spoil(field, place, by))
        }
        Value::Array(items) if *place < usize::MAX / 2 => items.iter_mut().for_each(|item| spoil(item, place, by)),
        _ => {}
    }
}

proptest! {
    // row 31
    #[test]
    fn whatever_slack_puts_into_any_field_is_a_request_or_ignored_with_a_reason(
        kind in 0..3_usize, place in 0..16_usize, by in any_json(), more in any_json()
    ) {
        let (kind, mut payload) = payloads()[kind].clone();
        payload.as_object_mut().expect("an object").insert("brand_new_field".to_owned(), more);
        spoil(&mut payload, &mut place.clone(), &by);
        match read(kind, &payload) {
            Ok(new) => prop_assert!(!new.keys.is_empty()),
            Err(reason) => prop_assert!(!reason.is_empty()),
        }
    }
}

// row 31
#[test]
fn fields_and_elements_that_slack_adds_cost_nothing() {
    let new = event(json!({"blocks": [{"type": "brand_new", "elements": {"a": 1}}], "assistant_thread": {"x": [1]},
        "channel_type": "brand_new", "team": null, "user_profile": 7}));
    assert_eq!(new.expect("a request").request.text, "ping");
    let odd = json!({"is_enterprise_install": "brand new", "gateway": {"a": [1, 2]}, "channel_name": 7,
        "enterprise_id": {"id": "E1"}, "api_app_id": []});
    assert_eq!(slash(odd).expect("a request").request.text, "ping");
    let odd = json!({"type": 7, "team_id": "T1", "event_id": {}, "event_time": "now", "event": {"type": "app_mention",
        "user": "U1", "text": "<@UBOT> ping", "ts": "5.6", "channel": "C1", "client_msg_id": 5, "user_team": {}}});
    assert_eq!(read(EnvelopeKind::EventsApi, &odd).expect("a request").request.text, "ping");
}

// row 36
#[test]
fn a_writer_that_cannot_be_read_is_nobody_who_may_ask() {
    for odd in
        [json!({"bot_id": 7}), json!({"bot_profile": "x"}), json!({"subtype": {}}), json!({"user": {"id": "U1"}})]
    {
        assert_eq!(event(odd.clone()).expect_err("ignored"), "other_event", "{odd}");
    }
}
