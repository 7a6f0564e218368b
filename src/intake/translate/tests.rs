use super::*;
use crate::commands::Catalog;
use crate::slack::testing::a_seal;
use proptest::prelude::*;
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use std::sync::Arc;

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
    match translated(kind, payload) {
        Translated::Request(new) | Translated::Forged(new, _) => Ok(*new),
        Translated::Submission(sent) => Ok(sent.new),
        Translated::Wrong(FieldError { field, sentence }) => panic!("{field}: {sentence}"),
        Translated::Again(again) => Ok(again.new),
        Translated::Home(user) => panic!("the home of {user}"),
        Translated::Ignored(reason) => Err(reason),
    }
}

fn translated(kind: EnvelopeKind, payload: &Value) -> Translated {
    noting(kind, payload, &HeardPlaces::default())
}

fn noting(kind: EnvelopeKind, payload: &Value, places: &HeardPlaces) -> Translated {
    let identity = Identity { bot_user: "UBOT".into(), bot_id: Some("BBOT".to_owned()), team: "T1".into() };
    let stamp = Stamp { id: RequestId::new(1, 1), at: jiff::Timestamp::UNIX_EPOCH };
    let forms = Forms::new(Arc::new(Catalog::built_in()));
    let means = Means { identity: &identity, seals: &a_seal(), forms: &forms, places };
    translate(&envelope(kind, payload), means, stamp)
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
        ReplyTo::Presser { response_url } => format!("presser by {}", response_url.expose_secret()),
        ReplyTo::Alone { thread_ts } => format!("alone {}", thread_ts.as_deref().unwrap_or("-")),
        ReplyTo::Thread { thread_ts, begun: false } => format!("thread {thread_ts}"),
        ReplyTo::Thread { thread_ts, begun: true } => format!("begun thread {thread_ts}"),
        ReplyTo::Channel => "channel".to_owned(),
        ReplyTo::Beside { thread_ts, response_url } => {
            let url = response_url.as_ref().map_or("nobody", |url| url.expose_secret());
            format!("beside {} or {url}", thread_ts.as_deref().unwrap_or("the message"))
        }
    }
}

#[test]
fn a_slash_command_is_answered_to_its_caller_even_without_a_response_url() {
    let new = slash(json!({})).expect("a request");
    assert_eq!(place(&new), "caller by https://hooks.slack.com/commands/secret");
    assert_eq!(new.keys, ["trigger:1.2.3"]);
    assert!(!format!("{new:?}").contains("hooks"), "a capability is not shown");
    let bare = slash(json!({"response_url": null, "trigger_id": null})).expect("a request");
    assert_eq!((place(&bare).as_str(), bare.keys.len()), ("caller", 1));
}

#[test]
fn nothing_but_spaces_is_an_empty_line_which_is_help() {
    for text in ["", "   ", "\u{a0}\u{a0}", "\n\t "] {
        let new = slash(json!({"text": text})).expect("a request");
        assert_eq!(new.request.text, "");
        let (row, _) = Catalog::built_in().parse(&new.request.text).expect("help");
        assert_eq!(row.name, "help");
    }
    assert_eq!(event(json!({"text": "<@UBOT>"})).expect("a request").request.text, "");
}

#[test]
fn a_very_long_text_is_a_request_like_any_other() {
    let new = slash(json!({"text": "ec2 stop ".to_owned() + &"x".repeat(40_000)})).expect("a request");
    assert_eq!(new.request.text.len(), 40_009);
    let unknown = slash(json!({"text": "ü".repeat(40_000)})).expect("a request");
    assert!(Catalog::built_in().parse(&unknown.request.text).is_err());
}

#[test]
fn a_mention_is_answered_in_its_thread_and_a_direct_message_where_it_stands() {
    assert_eq!(place(&event(json!({})).expect("a request")), "thread 5.6");
    assert_eq!(place(&event(json!({"thread_ts": "1.1"})).expect("a request")), "begun thread 1.1");
    let direct = json!({"type": "message", "channel_type": "im", "channel": "D1", "text": "ping"});
    assert_eq!(place(&event(direct.clone()).expect("a request")), "channel");
    let mut threaded = direct;
    threaded["thread_ts"] = json!("1.1");
    assert_eq!(place(&event(threaded).expect("a request")), "begun thread 1.1");
}

// failure 22
#[test]
fn one_message_that_comes_as_two_events_has_a_key_in_common() {
    let mention = event(json!({"channel": "D1"})).expect("a request");
    let message = event(json!({"type": "message", "channel_type": "im", "channel": "D1"})).expect("a request");
    let common = "message:T1:D1:5.6".to_owned();
    assert!(mention.keys.contains(&common) && message.keys.contains(&common));
    assert_eq!(mention.request.text, message.request.text);
}

// failure 9, failure 36
#[test]
fn what_asks_nothing_of_the_bot_is_ignored_with_a_reason() {
    let reasons: Vec<_> = [
        json!({"user": "UBOT"}),
        json!({"bot_id": "BBOT"}),
        json!({"bot_id": "BOTHER"}),
        json!({"edited": {"ts": "5.7"}, "bot_id": "BOTHER"}),
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
            "bot_message",
            "other_subtype",
            "not_addressed",
            "other_event",
            "incomplete_event"
        ]
    );
    assert_eq!(slash(json!({"user_id": null})).expect_err("ignored"), "incomplete_slash_command");
    assert_eq!(read(EnvelopeKind::SlashCommands, &json!([])).expect_err("ignored"), "malformed_slash_command");
    assert_eq!(read(EnvelopeKind::EventsApi, &json!("x")).expect_err("ignored"), "malformed_event");
    assert_eq!(read(EnvelopeKind::Interactive, &json!([])).expect_err("ignored"), "malformed_interaction");
    for (payload, reason) in [
        (json!({}), "other_interaction"),
        (json!({"type": "view_closed"}), "other_interaction"),
        (json!({"type": "block_actions"}), "other_action"),
        (json!({"type": "block_actions", "actions": [{"action_id": "run:0"}]}), "other_action"),
        (json!({"type": "block_actions", "actions": [{"action_id": "vote:0", "value": "x"}]}), "other_action"),
        (json!({"type": "block_actions", "actions": [{"action_id": "run:0", "value": "x"}]}), "incomplete_action"),
        (json!({"type": "view_submission"}), "incomplete_form"),
        (json!({"type": "view_submission", "user": {"id": "U1"}, "view": {"callback_id": "poll"}}), "other_form"),
    ] {
        assert_eq!(read(EnvelopeKind::Interactive, &payload).expect_err("ignored"), reason, "{payload}");
    }
}

#[test]
fn what_an_event_says_of_its_place_is_noted_and_nothing_else_is() {
    let long = std::time::Duration::from_secs(60);
    for (said, noted) in [
        (json!(true), Some(true)),
        (json!(false), Some(false)),
        (json!("true"), Some(true)),
        (json!("false"), Some(false)),
        (json!("perhaps"), None),
        (json!(1), None),
        (Value::Null, None),
    ] {
        let places = HeardPlaces::default();
        let event = json!({"type": "app_mention", "user": "U1", "text": "<@UBOT> ping", "ts": "5.6", "channel": "C1"});
        let mut payload = json!({"type": "event_callback", "team_id": "T1", "event_id": "Ev1", "event": event});
        payload["is_ext_shared_channel"] = said.clone();
        assert!(matches!(noting(EnvelopeKind::EventsApi, &payload, &places), Translated::Request(_)));
        assert_eq!(places.said(&"C1".into(), long), noted, "{said}");
        payload.as_object_mut().expect("an object").remove("is_ext_shared_channel");
        let silent = HeardPlaces::default();
        noting(EnvelopeKind::EventsApi, &payload, &silent);
        assert_eq!(silent.said(&"C1".into(), long), None);
    }
}

/// A press of a button that the bot made, as far as the changes leave it so.
fn click(action: &str, changes: Value) -> NewRequest {
    let mut payload = pressed(action, changes);
    let text = |place: &str| payload.pointer(place).and_then(Value::as_str).unwrap_or_default().to_owned();
    let (channel, user) = (text("/channel/id"), text("/user/id"));
    let place = if channel.is_empty() { user } else { channel };
    let sealed = a_seal().button(&text("/actions/0/action_id"), &text("/actions/0/value"), &place);
    payload["actions"][0]["value"] = json!(sealed);
    read(EnvelopeKind::Interactive, &payload).expect("a request")
}

/// A press, without a seal.
fn pressed(action: &str, changes: Value) -> Value {
    let mut payload = json!({"type": "block_actions", "user": {"id": "U2", "team_id": "T1"}, "trigger_id": "7.8.9",
        "channel": {"id": "C1"}, "container": {"type": "message", "message_ts": "5.6", "channel_id": "C1"},
        "response_url": "https://hooks.slack.com/actions/secret",
        "actions": [{"action_id": action, "value": "ec2 show i-1", "action_ts": "1700000000.25"}]});
    payload.as_object_mut().expect("an object").extend(changes.as_object().expect("an object").clone());
    payload
}

/// Each kind of button that the bot makes, in each place where it puts one, with one thing about its press changed.
#[test]
fn a_press_of_what_the_bot_did_not_make_so_runs_nothing_and_its_person_is_told() {
    let message = json!({});
    let ephemeral =
        json!({"container": {"type": "message", "message_ts": "5.6", "channel_id": "C1", "is_ephemeral": true}});
    let direct =
        json!({"channel": {"id": "D1"}, "container": {"type": "message", "message_ts": "5.6", "channel_id": "D1"}});
    let home = json!({"channel": null, "container": {"type": "view", "view_id": "V1"}, "response_url": null,
        "view": {"id": "V1", "type": "home"}});
    let url = "https://hooks.slack.com/actions/secret";
    let places = [
        ("a message", &message, "C1", format!("presser by {url}")),
        ("what one person sees", &ephemeral, "C1", format!("presser by {url}")),
        ("a direct message", &direct, "D1", "channel".to_owned()),
        ("a direct message by the person's id", &direct, "U2", "channel".to_owned()),
        ("a home", &home, "U2", "channel".to_owned()),
    ];
    let buttons = [
        ("run:0", Source::Button, "ec2 stop web-2"),
        ("run:4", Source::Button, "ec2 list --page 2"),
        ("run:1", Source::Button, "approve 01JD8Z3K4M5N6P7Q8R9SATBVCW/0123456789ab"),
        ("form:2", Source::FormButton, "ec2 stop"),
    ];
    for (what, changes, place_of, told) in &places {
        for (action, source, line) in buttons {
            let press = |action: &str, value: &str, more: Value| {
                let mut payload = pressed(action, (*changes).clone());
                payload["actions"][0]["value"] = json!(value);
                payload.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
                read(EnvelopeKind::Interactive, &payload).expect("a request")
            };
            let value = a_seal().button(action, line, place_of);
            let made = press(action, &value, json!({}));
            assert_eq!((made.request.source, made.request.text.as_str()), (source, line), "{what}");
            let seal = &value[line.len()..];
            let moved = a_seal().button(action, line, "C2");
            let forged = [
                ("no seal", press(action, line, json!({}))),
                ("another line", press(action, &format!("ec2 stop db-1{seal}"), json!({}))),
                ("another plan", press(action, &format!("{line}0{seal}"), json!({}))),
                ("another button", press("run:77", &value, json!({}))),
                (
                    "a button for a form's",
                    press(if source == Source::Button { "form:0" } else { "run:0" }, &value, json!({})),
                ),
                ("another place", press(action, &moved, json!({}))),
                (
                    "another app's",
                    press(action, &Seals::new("xapp-other".into()).button(action, line, place_of), json!({})),
                ),
            ];
            for (why, forged) in forged {
                let Request { source, text, .. } = &forged.request;
                assert_eq!(*source, Source::House, "{what}, {why}: nothing of it is run");
                assert!(text.starts_with("I cannot tell that I made this button"), "{what}, {why}: {text}");
                assert!(text.contains("Nothing was run.") && text.contains("type it: "), "{what}, {why}: {text}");
                assert_eq!(place(&forged), *told, "{what}, {why}");
                assert!(forged.keys.iter().any(|key| key.starts_with("press:")), "told once for a double click");
            }
        }
    }
    // what it says goes on, to be noted where it is a word on a change, and is no request
    let mut word = pressed("run:1", json!({}));
    word["actions"][0]["value"] = json!("approve 7F3K ~AAAA");
    match translated(EnvelopeKind::Interactive, &word) {
        Translated::Forged(new, line) => {
            assert_eq!((new.request.source, line.as_str()), (Source::House, "approve 7F3K"));
        }
        other => panic!("{other:?}"),
    }
    // somebody else's home and direct message
    for (changes, place_of) in [(&home, "U3"), (&direct, "D2"), (&direct, "U3")] {
        let mut payload = pressed("run:0", changes.clone());
        payload["actions"][0]["value"] = json!(a_seal().button("run:0", "ping", place_of));
        assert_eq!(read(EnvelopeKind::Interactive, &payload).expect("a word").request.source, Source::House);
    }
    let mut thread = pressed("run:0", json!({"response_url": null}));
    thread["container"]["thread_ts"] = json!("1.1");
    assert_eq!(place(&read(EnvelopeKind::Interactive, &thread).expect("a word")), "alone 1.1");
    let mut long = pressed("run:0", json!({}));
    long["actions"][0]["value"] = json!("ec2 stop web-1 ".repeat(100));
    let long = read(EnvelopeKind::Interactive, &long).expect("a word").request.text;
    assert!(long.len() < 300 && long.ends_with("Type what you want instead."), "{long}");
}

#[test]
fn a_press_is_a_request_of_the_presser_and_is_answered_beside_the_button() {
    let new = click("run:0", json!({}));
    let Request { source, user, text, .. } = &new.request;
    assert_eq!((*source, user.as_str(), text.as_str()), (Source::Button, "U2", "ec2 show i-1"));
    assert_eq!(place(&new), "thread 5.6");
    assert_eq!(click("form:3", json!({})).request.source, Source::FormButton);
    let container = |extra: Value| {
        let mut container = json!({"type": "message", "message_ts": "5.6", "channel_id": "C1"});
        container.as_object_mut().expect("an object").extend(extra.as_object().expect("an object").clone());
        json!({"container": container})
    };
    assert_eq!(place(&click("run:0", container(json!({"thread_ts": "1.1"})))), "begun thread 1.1");
    let alone = click("run:0", container(json!({"is_ephemeral": true})));
    assert_eq!(place(&alone), "presser by https://hooks.slack.com/actions/secret");
    assert!(!format!("{alone:?}").contains("hooks"), "a capability is not shown");
    let direct = click("run:0", json!({"channel": {"id": "D1"}}));
    assert_eq!((place(&direct).as_str(), direct.request.channel.as_str()), ("channel", "D1"));
    let home = json!({"channel": null, "container": {"type": "view", "view_id": "V1"}, "response_url": null,
        "view": {"id": "V1", "type": "home"}});
    let home = click("run:0", home);
    assert_eq!((place(&home).as_str(), home.request.channel.as_str()), ("channel", "U2"));
}

#[test]
fn a_double_click_has_a_key_in_common_and_a_later_click_has_none() {
    let at = |ts: &str, trigger: &str| {
        let actions = json!([{"action_id": "run:0", "value": "x", "action_ts": ts}]);
        let keys = click("run:0", json!({"actions": actions, "trigger_id": trigger})).keys;
        keys.into_iter().filter(|key| !key.starts_with("envelope:")).collect::<Vec<_>>()
    };
    let common = |a: &[String], b: &[String]| a.iter().any(|key| b.contains(key));
    let first = at("1700000000.990000", "1");
    assert!(common(&first, &at("1700000000.990000", "1")), "the same");
    assert!(common(&first, &at("1700000001.400000", "2")), "over the turn of a second");
    assert!(!common(&first, &at("1700000002.000000", "3")), "meant");
    let other = click("run:0", json!({"user": {"id": "U3"}, "trigger_id": "4"})).keys;
    assert!(!common(&click("run:0", json!({"trigger_id": "5"})).keys[1..], &other[1..]), "somebody else");
}

/// A form of `ec2 stop` as it comes back.
fn sent(command: &str, metadata: Value, values: Value) -> Translated {
    let mut memo = json!({"v": 1, "command": command, "channel": "C1"});
    memo.as_object_mut().expect("an object").extend(metadata.as_object().expect("an object").clone());
    remembering(&a_seal().form(&memo.to_string()), values)
}

fn remembering(private_metadata: &str, values: Value) -> Translated {
    let payload = json!({"type": "view_submission", "user": {"id": "U2", "team_id": "T1"}, "team": {"id": "T1"},
        "trigger_id": "7.8.9", "view": {"id": "V1", "hash": "h1", "callback_id": "command",
        "private_metadata": private_metadata, "state": {"values": values}}});
    translated(EnvelopeKind::Interactive, &payload)
}

#[test]
fn a_form_that_the_bot_did_not_make_so_does_nothing_and_its_person_is_told() {
    let memo = r#"{"v":1,"command":"ec2 stop","channel":"C1"}"#;
    let sealed = a_seal().form(memo);
    let forged = [
        memo.to_owned(),
        String::new(),
        sealed.replace("ec2 stop", "ec2 reboot"),
        sealed.replace("C1", "C2"),
        sealed.replace('}', r#","posted":true}"#),
        Seals::new("xapp-other".into()).form(memo),
    ];
    for metadata in forged {
        let Translated::Wrong(FieldError { field, sentence }) = remembering(&metadata, stop("web-1", "")) else {
            panic!("{metadata}")
        };
        assert!(sentence.starts_with("I cannot tell that I made this form"), "{sentence}");
        assert!(field == "target" || field == "region");
        // one without a field to say it on
        let Translated::Request(word) = remembering(&metadata, json!({})) else { panic!("{metadata}") };
        assert_eq!((word.request.source, word.request.channel.as_str()), (Source::House, "U2"));
        assert!(word.request.text.contains("Nothing was done.") && word.keys.contains(&"view:V1:h1".to_owned()));
    }
    assert!(matches!(remembering(&sealed, stop("web-1", "")), Translated::Submission(_)));
}

fn stop(target: &str, region: &str) -> Value {
    json!({"target": {"value": {"type": "plain_text_input", "value": target}},
        "region": {"value": {"type": "plain_text_input", "value": region}}})
}

#[test]
fn a_filled_in_form_is_the_line_that_one_would_have_typed() {
    let Translated::Submission(right) = sent("ec2 stop", json!({}), stop(" web-1 “web 2” ", "")) else { panic!() };
    assert_eq!(right.new.request.text, "ec2 stop web-1 'web 2'");
    assert_eq!(right.new.keys, ["envelope:E1", "trigger:7.8.9", "view:V1:h1"]);
    assert_eq!((right.new.request.source, right.field.as_deref()), (Source::Modal, Some("target")));
    for (metadata, wanted) in [
        (json!({}), "caller"),
        (json!({"response_url": "https://x/secret"}), "caller by https://x/secret"),
        (json!({"click_url": "https://x/secret"}), "presser by https://x/secret"),
        (json!({"posted": true}), "channel"),
        (json!({"posted": true, "thread_ts": "1.1"}), "begun thread 1.1"),
    ] {
        let Translated::Submission(sent) = sent("ec2 stop", metadata, stop("web-1", "")) else { panic!() };
        assert_eq!(place(&sent.new), wanted);
        assert!(!format!("{sent:?}").contains("secret"));
    }
    // a whole line that needed nothing but a yes
    let Translated::Submission(yes) = sent("ec2 stop web-1", json!({}), json!({})) else { panic!() };
    assert_eq!((yes.new.request.text.as_str(), yes.field), ("ec2 stop web-1", None));
}

#[test]
fn what_is_wrong_in_a_form_is_said_on_the_field_it_belongs_to() {
    let wrong = |command: &str, metadata: Value, values: Value| match sent(command, metadata, values) {
        Translated::Wrong(FieldError { field, sentence }) => format!("{field}: {sentence}"),
        other => panic!("{other:?}"),
    };
    let said = [
        wrong("ec2 stop", json!({}), stop("web-1", "frankfurt")),
        wrong("ec2 stop", json!({}), stop("web-*", "")),
        wrong("ec2 stop", json!({}), stop("", "eu-central-1")),
        wrong("ec2 stop", json!({}), stop("\"web 1", "")),
        wrong("ec2 stop", json!({}), stop("web\u{0}1", "")),
        wrong("ec2 stop", json!({"v": 2}), stop("web-1", "")).replace("region: ", "target: "),
    ];
    insta::assert_snapshot!(said.join("\n"), @r#"
    region: Region must be an AWS region such as eu-central-1, not frankfurt.
    target: Target must name one instance, and web-* is a pattern. If you mean every instance whose name fits, say name:web-*.
    target: Target is missing.
    target: A quotation mark is not closed. Nothing was done. Write names with spaces like "web 1".
    target: This holds a character that cannot be typed. Nothing was done.
    target: I cannot tell that I made this form: my token or my version has changed since, or somebody else made it. Nothing was done. Open it again, or type the command.
    "#);
}

fn home_opened(event: Value) -> Translated {
    let mut payload = json!({"type": "event_callback", "team_id": "T1", "event_id": "Ev1", "event": event});
    payload["event"]["type"] = json!("app_home_opened");
    translated(EnvelopeKind::EventsApi, &payload)
}

#[test]
fn an_opened_home_and_a_press_of_refresh_are_no_requests_and_ask_for_the_same_page() {
    let opened = home_opened(json!({"user": "U1", "tab": "home", "channel": "D1", "view": {"id": "V1"}}));
    assert!(matches!(opened, Translated::Home(user) if user.as_str() == "U1"));
    let pressed = json!({"type": "block_actions", "user": {"id": "U1"}, "container": {"type": "view", "view_id": "V1"},
        "view": {"id": "V1", "type": "home"}, "actions": [{"action_id": "home:refresh", "action_ts": "1.2"}]});
    let pressed = translated(EnvelopeKind::Interactive, &pressed);
    assert!(matches!(pressed, Translated::Home(user) if user.as_str() == "U1"));
    for other in [json!({"user": "U1", "tab": "messages"}), json!({"user": "U1"}), json!({"tab": "home"})] {
        assert!(matches!(home_opened(other), Translated::Ignored("other_tab")));
    }
}

fn shortcut(message: Value, changes: Value) -> Result<Again, &'static str> {
    let mut payload = json!({"type": "message_action", "callback_id": "run_again", "trigger_id": "7.8.9",
        "action_ts": "1700000000.25", "user": {"id": "U2", "team_id": "T1"}, "channel": {"id": "C1"}, "message_ts": "5.6",
        "response_url": "https://hooks.slack.com/app/secret", "message": {"type": "message", "user": "U1", "ts": "5.6"}});
    payload["message"].as_object_mut().expect("an object").extend(message.as_object().expect("an object").clone());
    payload.as_object_mut().expect("an object").extend(changes.as_object().expect("an object").clone());
    match translated(EnvelopeKind::Interactive, &payload) {
        Translated::Again(again) => {
            assert!(
                !format!("{again:?}").contains("hooks") && !format!("{again:?}").contains("7.8.9\"))"),
                "{again:?}"
            );
            Ok(*again)
        }
        Translated::Ignored(reason) => Err(reason),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_shortcut_asks_for_what_the_message_says_as_whoever_used_it() {
    let again = shortcut(json!({"text": "<@UBOT> ec2 list —region `all`"}), json!({})).expect("a request");
    let Request { source, user, text, channel, .. } = &again.new.request;
    assert_eq!((*source, user.as_str(), channel.as_str()), (Source::Shortcut, "U2", "C1"));
    assert_eq!((text.as_str(), again.ts.as_str()), ("ec2 list --region all", "5.6"));
    assert_eq!(again.new.keys, ["envelope:E1", "trigger:7.8.9", "shortcut:U2:1700000000.25:run_again"]);
}

#[test]
fn the_answer_to_a_shortcut_stands_beside_its_message() {
    let beside = |message: Value, changes: Value| place(&shortcut(message, changes).expect("a request").new);
    assert_eq!(beside(json!({}), json!({})), "beside 5.6 or https://hooks.slack.com/app/secret");
    assert_eq!(beside(json!({"thread_ts": "1.1"}), json!({"response_url": null})), "beside 1.1 or nobody");
    let direct = json!({"channel": {"id": "D1"}});
    assert_eq!(beside(json!({}), direct.clone()), "beside the message or https://hooks.slack.com/app/secret");
    assert_eq!(beside(json!({"thread_ts": "1.1"}), direct), "beside 1.1 or https://hooks.slack.com/app/secret");
}

#[test]
fn what_the_bot_itself_wrote_is_no_command_whatever_it_begins_with() {
    for message in [json!({"user": "UBOT", "text": "help"}), json!({"user": null, "bot_id": "BBOT", "text": "ping"})] {
        assert_eq!(shortcut(message, json!({})).expect("a request").new.request.text, "");
    }
    let other = shortcut(json!({"user": "UOTHER", "bot_id": "BOTHER", "text": "ping"}), json!({}));
    assert_eq!(other.expect("a request").new.request.text, "ping");
}

#[test]
fn a_shortcut_that_is_not_ours_or_lacks_its_message_is_ignored() {
    assert_eq!(shortcut(json!({}), json!({"callback_id": "remind"})).expect_err("ignored"), "other_shortcut");
    assert_eq!(shortcut(json!({}), json!({"callback_id": null})).expect_err("ignored"), "other_shortcut");
    for lacking in [json!({"channel": null}), json!({"message": null}), json!({"user": null})] {
        assert_eq!(shortcut(json!({}), lacking).expect_err("ignored"), "incomplete_shortcut");
    }
    assert_eq!(shortcut(json!({"ts": null}), json!({})).expect_err("ignored"), "incomplete_shortcut");
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

// failure 9: it has no event
#[test]
fn too_many_events_are_told_of_without_an_event() {
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
    // failure 31
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

// failure 31
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

#[test]
fn whoever_edits_a_message_to_the_bot_is_told_once_that_edits_are_not_run() {
    let mention = event(json!({"edited": {"user": "U1", "ts": "5.7"}})).expect("a word");
    assert_eq!((mention.request.source, place(&mention).as_str()), (Source::House, "caller"));
    assert!(mention.request.text.contains("I do not run what is edited"));
    // another edit of the same message, and the message itself under its own key
    let again = event(json!({"edited": {"user": "U1", "ts": "9.9"}})).expect("a word");
    assert_eq!(again.keys, mention.keys);
    assert_ne!(event(json!({})).expect("a request").keys, mention.keys);
    let said =
        |text: &str| json!({"type": "message", "user": "U1", "text": text, "ts": "5.6", "edited": {"ts": "5.7"}});
    let changed = |now: Value, before: &str| {
        json!({"type": "message", "subtype": "message_changed", "hidden": true, "channel": "D1", "channel_type": "im",
            "user": null, "text": null, "ts": "5.8", "message": now, "previous_message": {"text": before, "user": "U1"}})
    };
    let direct = event(changed(said("ec2 list"), "ec2 lsit")).expect("a word");
    assert_eq!((direct.keys[0].as_str(), place(&direct).as_str()), ("edited:T1:D1:5.6", "channel"));
    assert_eq!(direct.request.user.as_str(), "U1");
    // nobody has edited anything: a link was unfurled, a reply came, the bot edits its own, a channel talks
    let mut reply = said("ec2 list");
    reply.as_object_mut().expect("an object").remove("edited");
    let mut own = said("now");
    own["user"] = json!("UBOT");
    let mut elsewhere = changed(said("ec2 list"), "ec2 lsit");
    elsewhere["channel"] = json!("C1");
    elsewhere["channel_type"] = json!("channel");
    for quiet in [changed(said("same"), "same"), changed(reply, "before"), changed(own, "before"), elsewhere] {
        assert_eq!(event(quiet.clone()).expect_err("ignored"), "edit", "{quiet}");
    }
}

#[test]
fn a_person_is_answered_whatever_subtype_slack_adds_one_day() {
    for subtype in ["huddle_thread", "of_2031"] {
        assert_eq!(event(json!({"subtype": subtype})).expect("a request").request.text, "ping");
        let direct =
            json!({"type": "message", "channel_type": "im", "channel": "D1", "text": "ping", "subtype": subtype});
        assert_eq!(event(direct.clone()).expect_err("ignored"), "other_subtype", "nothing says that a person wrote it");
        let mut numbered = direct;
        numbered["client_msg_id"] = json!("0b5c");
        assert_eq!(event(numbered).expect("a request").request.text, "ping");
    }
}

// failure 36
#[test]
fn a_writer_that_cannot_be_read_is_nobody_who_may_ask() {
    for odd in
        [json!({"bot_id": 7}), json!({"bot_profile": "x"}), json!({"subtype": {}}), json!({"user": {"id": "U1"}})]
    {
        assert_eq!(event(odd.clone()).expect_err("ignored"), "other_event", "{odd}");
    }
}
