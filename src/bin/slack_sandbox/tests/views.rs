//! Modals, the Home and shortcuts, as a bot and a person see them.

use super::*;

fn plain(text: &str) -> Value {
    json!({"type": "plain_text", "text": text})
}

fn input(block: &str, element: Value) -> Value {
    json!({"type": "input", "block_id": block, "label": plain("Label"), "element": element})
}

fn modal(blocks: Value) -> Value {
    json!({"type": "modal", "title": plain("Stop"), "submit": plain("Run"), "callback_id": "command", "blocks": blocks})
}

fn target() -> Value {
    modal(json!([input("target", json!({"type": "plain_text_input", "action_id": "a"}))]))
}

/// Types a command, acks it, and returns its trigger.
async fn trigger(slack: &Slack, socket: &mut Socket) -> String {
    let sent = slack.control("slash", json!({"user": "maya", "channel": "ops", "text": "form"})).await;
    let envelope = next(socket).await;
    ack(socket, &envelope, None).await;
    sent["trigger_id"].as_str().expect("a trigger").to_owned()
}

async fn open(slack: &Slack, socket: &mut Socket, view: Value) -> Value {
    let trigger = trigger(slack, socket).await;
    slack.api("views.open", json!({"trigger_id": trigger, "view": view})).await
}

#[actix_web::test]
async fn a_trigger_opens_one_modal_and_an_unknown_one_none() {
    let slack = Slack::start(3000);
    let (mut socket, _) = slack.connect().await;
    let trigger = trigger(&slack, &mut socket).await;
    let args = json!({"trigger_id": trigger, "view": target()});
    let opened = slack.api("views.open", args.clone()).await;
    assert_eq!(opened["ok"], true, "{opened}");
    assert_eq!(opened["view"]["state"]["values"]["target"]["a"]["value"], Value::Null);
    assert_eq!(slack.api("views.open", args).await["error"], "exchanged_trigger_id");
    let unknown = slack.api("views.open", json!({"trigger_id": "1.2.3", "view": target()})).await;
    assert_eq!(unknown["error"], "invalid_trigger_id");
    let seen = slack.get("views?user=maya").await;
    assert_eq!(seen["views"][0]["id"], opened["view"]["id"]);
    assert_eq!(slack.get("views?user=vera").await["views"], json!([]));
    slack.stop().await;
}

#[actix_web::test]
async fn a_view_beyond_slacks_limits_is_refused_with_the_place() {
    let slack = Slack::start(3000);
    let (mut socket, _) = slack.connect().await;
    let mut long = target();
    long["title"] = plain(&"t".repeat(25));
    let mut mute = target();
    mute["submit"] = Value::Null;
    let mut secretive = target();
    secretive["private_metadata"] = json!("x".repeat(3001));
    let odd = modal(json!([input("a", json!({"type": "button", "action_id": "a", "text": plain("x")}))]));
    let unlabelled = modal(json!([{"type": "input", "block_id": "a", "element": {"type": "plain_text_input"}}]));
    let many = modal(json!(vec![json!({"type": "divider"}); 101]));
    let empty_select = modal(json!([input("a", json!({"type": "static_select", "options": []}))]));
    for (view, at) in [
        (long, "/view/title/text"),
        (mute, "/view"),
        (secretive, "/view/private_metadata"),
        (odd, "/view/blocks/0/element/type"),
        (unlabelled, "/view/blocks/0/label"),
        (many, "/view/blocks"),
        (empty_select, "/view/blocks/0/element/options"),
        (json!({"type": "home", "blocks": []}), "/view/type"),
    ] {
        let refused = open(&slack, &mut socket, view).await;
        assert_eq!(refused["error"], "invalid_arguments", "{at}");
        let messages = refused["response_metadata"]["messages"].to_string();
        assert!(messages.contains(&format!("[json-pointer:{at}]")), "{at}: {messages}");
    }
    let mut large = target();
    large["blocks"] = json!(vec![json!({"type": "section", "text": plain(&"x".repeat(3000))}); 90]);
    assert_eq!(open(&slack, &mut socket, large).await["error"], "view_too_large");
    slack.stop().await;
}

#[actix_web::test]
async fn a_submission_shows_errors_on_their_fields_and_a_bare_ack_closes_the_modal() {
    let slack = Slack::start(3000);
    let (mut socket, _) = slack.connect().await;
    open(&slack, &mut socket, target()).await;
    let empty = slack.control("submit", json!({"user": "maya"})).await;
    assert_eq!(empty["error"], "required: target", "Slack's own client does not send it");

    slack.control("submit", json!({"user": "maya", "values": {"target": "web-1"}})).await;
    let envelope = next(&mut socket).await;
    assert_eq!(envelope["accepts_response_payload"], true);
    assert_eq!(envelope["payload"]["type"], "view_submission");
    assert_eq!(envelope["payload"]["view"]["state"]["values"]["target"]["a"]["value"], "web-1");
    let errors = json!({"response_action": "errors", "errors": {"target": "There is none."}});
    ack(&mut socket, &envelope, Some(errors)).await;
    let seen = changed(&slack, |seen| seen["views"][0]["errors"]["target"] == "There is none.").await;
    assert_eq!(seen["views"][0]["state"]["values"]["target"]["a"]["value"], "web-1", "nothing typed is lost");

    slack.control("submit", json!({"user": "maya", "values": {"target": "web-2"}})).await;
    let envelope = next(&mut socket).await;
    ack(&mut socket, &envelope, None).await;
    changed(&slack, |seen| seen["views"] == json!([])).await;
    slack.stop().await;
}

/// Maya's views, once they are so.
async fn changed(slack: &Slack, wanted: impl Fn(&Value) -> bool) -> Value {
    loop {
        let seen = slack.get("views?user=maya").await;
        if wanted(&seen) {
            return seen;
        }
        let cursor = &seen["cursor"];
        slack.get(&format!("changes?since={cursor}&timeout_ms=5000")).await;
    }
}

#[actix_web::test]
async fn modals_lie_on_each_other_three_deep_and_are_updated_and_cleared() {
    let slack = Slack::start(3000);
    let (mut socket, _) = slack.connect().await;
    let first = open(&slack, &mut socket, target()).await;
    for depth in 2..=3 {
        slack.control("submit", json!({"user": "maya", "values": {"target": "x"}})).await;
        let envelope = next(&mut socket).await;
        ack(&mut socket, &envelope, Some(json!({"response_action": "push", "view": target()}))).await;
        let seen = changed(&slack, |seen| seen["views"].as_array().is_some_and(|v| v.len() == depth)).await;
        assert_eq!(seen["views"][depth - 1]["root_view_id"], first["view"]["id"]);
        assert_eq!(seen["views"][depth - 1]["previous_view_id"], seen["views"][depth - 2]["id"]);
    }
    let trigger = trigger(&slack, &mut socket).await;
    let fourth = slack.api("views.push", json!({"trigger_id": trigger, "view": target()})).await;
    assert_eq!(fourth["error"], "push_limit_reached");

    let mut other = target();
    other["title"] = plain("Other");
    let id = first["view"]["id"].clone();
    let hash = first["view"]["hash"].clone();
    let updated = slack.api("views.update", json!({"view_id": id, "hash": hash, "view": other})).await;
    assert_eq!(updated["view"]["title"]["text"], "Other");
    let stale = slack.api("views.update", json!({"view_id": id, "hash": hash, "view": other})).await;
    assert_eq!(stale["error"], "hash_conflict");

    slack.control("submit", json!({"user": "maya", "values": {"target": "x"}})).await;
    let envelope = next(&mut socket).await;
    ack(&mut socket, &envelope, Some(json!({"response_action": "clear"}))).await;
    changed(&slack, |seen| seen["views"] == json!([])).await;
    slack.stop().await;
}

#[actix_web::test]
async fn a_submission_without_a_proper_answer_is_told_as_trouble_and_never_sent_again() {
    let slack = Slack::start(200);
    let (mut socket, _) = slack.connect().await;
    open(&slack, &mut socket, target()).await;
    slack.control("submit", json!({"user": "maya", "values": {"target": "x"}})).await;
    let unanswered = next(&mut socket).await;
    changed(&slack, |seen| seen["views"][0]["failed"].is_string()).await;
    slack.control("submit", json!({"user": "maya"})).await;
    let second = next(&mut socket).await;
    assert_ne!(second["envelope_id"], unanswered["envelope_id"]);
    assert_ne!(second["payload"]["trigger_id"], unanswered["payload"]["trigger_id"], "a new one, not a redelivery");
    ack(&mut socket, &second, Some(json!({"response_action": "errors", "errors": {"nowhere": "x"}}))).await;
    changed(&slack, |seen| seen["views"][0]["failed"].is_string()).await;
    slack.stop().await;
}

#[actix_web::test]
async fn a_closed_modal_is_told_where_the_bot_asked_for_it() {
    let slack = Slack::start(3000);
    let (mut socket, _) = slack.connect().await;
    let mut view = target();
    view["notify_on_close"] = json!(true);
    let opened = open(&slack, &mut socket, view).await;
    slack.control("close_view", json!({"user": "maya"})).await;
    let envelope = next(&mut socket).await;
    assert_eq!(envelope["payload"]["type"], "view_closed");
    assert_eq!(envelope["payload"]["view"]["id"], opened["view"]["id"]);
    assert_eq!(envelope["payload"]["is_cleared"], false);
    slack.stop().await;
}

#[actix_web::test]
async fn a_home_is_published_pressed_and_opened() {
    let slack = Slack::start(3000);
    let (mut socket, _) = slack.connect().await;
    slack.control("open_home", json!({"user": "maya"})).await;
    let envelope = next(&mut socket).await;
    assert_eq!(envelope["payload"]["event"]["type"], "app_home_opened");
    assert_eq!(envelope["payload"]["event"]["tab"], "home");
    ack(&mut socket, &envelope, None).await;
    let button = json!({"type": "button", "action_id": "run:0", "value": "ping", "text": plain("Ping")});
    let home = json!({"type": "home", "blocks": [{"type": "actions", "elements": [button]}]});
    let published = slack.api("views.publish", json!({"user_id": "UMAYA", "view": home})).await;
    let id = published["view"]["id"].clone();
    let stale = slack.api("views.publish", json!({"user_id": "UMAYA", "view": home, "hash": "1.x"})).await;
    assert_eq!(stale["error"], "hash_conflict");
    assert_eq!(slack.get("views?user=maya").await["home"]["id"], id);

    slack.control("click", json!({"user": "maya", "view_id": id, "action_id": "run:0"})).await;
    let pressed = next(&mut socket).await;
    assert_eq!(pressed["accepts_response_payload"], false);
    let payload = &pressed["payload"];
    assert_eq!(payload["container"], json!({"type": "view", "view_id": id}));
    assert_eq!(payload["actions"][0]["value"], "ping");
    assert!(payload["response_url"].is_null() && payload["channel"].is_null(), "{payload}");
    slack.stop().await;
}

#[actix_web::test]
async fn a_message_shortcut_carries_its_message_and_an_address_for_answers() {
    let slack = Slack::start(3000);
    let (mut socket, _) = slack.connect().await;
    let posted = slack.api("chat.postMessage", json!({"channel": "COPS", "text": "hello"})).await;
    let ts = posted["ts"].clone();
    let asked = json!({"user": "maya", "callback_id": "run_again", "channel": "ops", "ts": ts});
    slack.control("shortcut", asked).await;
    let envelope = next(&mut socket).await;
    let payload = &envelope["payload"];
    assert_eq!(payload["type"], "message_action");
    assert_eq!(payload["callback_id"], "run_again");
    assert_eq!(payload["message"]["ts"], ts);
    assert_eq!(payload["channel"]["id"], "COPS");
    let url = payload["response_url"].as_str().expect("an address").to_owned();
    ack(&mut socket, &envelope, None).await;
    let (status, _) = slack.post(&url, None, &json!({"text": "run again"})).await;
    assert_eq!(status, 200);
    assert!(slack.texts("maya").await.contains(&"run again".to_owned()));
    assert!(!slack.texts("vera").await.contains(&"run again".to_owned()), "for the caller alone");
    slack.stop().await;
}
