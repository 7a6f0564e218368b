use super::*;
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

#[test]
fn one_message_that_comes_as_two_events_has_a_key_in_common() {
    let mention = event(json!({"channel": "D1"})).expect("a request");
    let message = event(json!({"type": "message", "channel_type": "im", "channel": "D1"})).expect("a request");
    let common = "message:T1:D1:5.6".to_owned();
    assert!(mention.keys.contains(&common) && message.keys.contains(&common));
    assert_eq!(mention.request.text, message.request.text);
}

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
}

#[test]
fn a_mention_is_read_from_its_blocks_and_from_its_text_where_they_are_not_understood() {
    let blocks = |kind: &str| {
        json!([{"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": [
            {"type": "user", "user_id": "UBOT"}, {"type": "text", "text": " ec2 list "},
            {"type": kind, "text": "web-*", "url": 5, "style": {"bold": true}}]}]}])
    };
    let text = "<@UBOT> ec2 list *web-**";
    let read = |blocks: Value| event(json!({"text": text, "blocks": blocks})).expect("a request").request.text;
    assert_eq!(read(blocks("text")), "ec2 list web-*");
    assert_eq!(read(blocks("link")), "ec2 list *web-**");
    assert_eq!(read(json!("x")), "ec2 list *web-**");
    assert_eq!(read(Value::Null), "ec2 list *web-**");
}
