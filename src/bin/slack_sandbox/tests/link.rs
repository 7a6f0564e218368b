//! Tickets, hello, envelopes, acks, redelivery, disconnects and broken links.

use super::*;

// failure 11
#[actix_web::test]
async fn a_ticket_opens_one_link_and_no_second() {
    let slack = Slack::start(3000);
    let url = slack.ticket_url().await;
    let mut socket = slack.dial(&url).await.expect("the first dial");
    let hello = next(&mut socket).await;
    assert_eq!(hello["num_connections"], 1);
    assert_eq!(hello["connection_info"]["app_id"], "ADRONE00001");
    assert!(hello["debug_info"]["approximate_connection_time"].is_u64());
    assert!(slack.dial(&url).await.is_err(), "a used ticket");
    assert!(slack.dial(&url.replace("ticket=", "ticket=x")).await.is_err(), "an unknown ticket");
    slack.stop().await;
}

#[actix_web::test]
async fn only_the_app_token_opens_connections_and_only_the_bot_token_does_the_rest() {
    let slack = Slack::start(3000);
    for (method, token, error) in [
        ("apps.connections.open", None, "not_authed"),
        ("apps.connections.open", Some("xoxb-sandbox"), "not_allowed_token_type"),
        ("apps.connections.open", Some("xapp-wrong"), "invalid_auth"),
        ("auth.test", Some("xapp-sandbox"), "not_allowed_token_type"),
        ("auth.test", Some("xoxb-wrong"), "invalid_auth"),
        ("auth.test", None, "not_authed"),
    ] {
        let (_, body) = slack.post(&format!("/api/{method}"), token, &json!({})).await;
        assert_eq!(
            serde_json::from_str::<Value>(&body).expect("JSON"),
            json!({"ok": false, "error": error}),
            "{method} {token:?}"
        );
    }
    slack.stop().await;
}

#[actix_web::test]
async fn a_slash_command_is_answered_in_its_ack_and_by_its_response_url() {
    let slack = Slack::start(3000);
    let (mut socket, _) = slack.connect().await;
    let typed = slack.control("slash", json!({"user": "maya", "channel": "ops", "text": "ec2 list @omar"})).await;
    let envelope = next(&mut socket).await;
    assert_eq!(envelope["envelope_id"], typed["envelope_id"]);
    assert_eq!(envelope["type"], "slash_commands");
    assert_eq!(envelope["accepts_response_payload"], true);
    let payload = &envelope["payload"];
    assert_eq!((&payload["command"], &payload["text"]), (&json!("/drone"), &json!("ec2 list <@UOMAR|omar>")));
    assert_eq!((&payload["user_id"], &payload["channel_id"]), (&json!("UMAYA"), &json!("COPS")));
    ack(&mut socket, &envelope, Some(json!({"text": "working"}))).await;
    let seen = slack.get("wait?channel=ops&user=maya&contains=working").await;
    assert_eq!((&seen["message"]["ephemeral"], &seen["message"]["via"]), (&json!(true), &json!("ack")));

    let url = payload["response_url"].as_str().expect("a url").to_owned();
    let replaced = json!({"text": "done", "replace_original": true});
    assert_eq!(slack.post(&url, None, &replaced).await, (200, "ok".into()));
    assert_eq!(slack.texts("maya").await, ["done"]);
    assert!(slack.texts("omar").await.is_empty(), "ephemeral answers are for the caller alone");
    assert_eq!(slack.post(&url, None, &json!({"text": "all", "response_type": "in_channel"})).await.0, 200);
    assert_eq!(slack.texts("omar").await, ["all"]);
    let acks = slack.get("acks").await;
    assert_eq!(acks["acks"][0]["envelope_id"], typed["envelope_id"]);
    assert!(acks["acks"][0]["latency_ms"].as_f64().is_some_and(|ms| ms > 0.0));
    slack.stop().await;
}

#[actix_web::test]
async fn a_response_url_takes_five_answers() {
    let slack = Slack::start(3000);
    let (mut socket, _) = slack.connect().await;
    slack.control("slash", json!({"user": "maya", "channel": "ops", "text": "ping"})).await;
    let envelope = next(&mut socket).await;
    ack(&mut socket, &envelope, None).await;
    let url = envelope["payload"]["response_url"].as_str().expect("a url").to_owned();
    for n in 1..=5 {
        assert_eq!(slack.post(&url, None, &json!({"text": format!("{n}")})).await.0, 200, "answer {n}");
    }
    let (status, body) = slack.post(&url, None, &json!({"text": "6"})).await;
    assert_eq!(
        (status, serde_json::from_str::<Value>(&body).expect("JSON")),
        (404, json!({"ok": false, "error": "used_url"}))
    );
    assert_eq!(slack.texts("maya").await, ["1", "2", "3", "4", "5"]);
    slack.stop().await;
}

#[actix_web::test]
async fn an_unacked_event_comes_again_under_a_new_envelope_and_the_same_event_id() {
    let slack = Slack::start(100);
    let (mut socket, _) = slack.connect().await;
    slack.control("say", json!({"user": "maya", "channel": "ops", "text": "@drone ping"})).await;
    let mut seen = Vec::new();
    for attempt in 0..4 {
        let envelope = next(&mut socket).await;
        assert_eq!(envelope["retry_attempt"], attempt);
        assert_eq!(envelope["retry_reason"], if attempt == 0 { "" } else { "timeout" });
        assert_eq!(envelope["payload"]["event"]["type"], "app_mention");
        seen.push((envelope["envelope_id"].clone(), envelope["payload"]["event_id"].clone()));
    }
    assert!(seen.windows(2).all(|w| w[0].0 != w[1].0 && w[0].1 == w[1].1));
    slack.stop().await;
}

#[actix_web::test]
async fn an_acked_event_comes_again_only_on_demand() {
    let slack = Slack::start(100);
    let (mut socket, _) = slack.connect().await;
    let said = slack.control("say", json!({"user": "maya", "channel": "dm", "text": "hi"})).await;
    let first = next(&mut socket).await;
    ack(&mut socket, &first, None).await;
    slack.control("redeliver", json!({"event_id": said["event_id"], "identical": true})).await;
    let same = next(&mut socket).await;
    assert_eq!(same, first);
    ack(&mut socket, &same, None).await;
    slack.control("redeliver", json!({"envelope_id": said["envelope_id"]})).await;
    let again = next(&mut socket).await;
    assert_ne!(again["envelope_id"], first["envelope_id"]);
    assert_eq!((&again["payload"], &again["retry_attempt"]), (&first["payload"], &json!(1)));
    slack.stop().await;
}

#[actix_web::test]
async fn a_lost_command_is_reported_to_the_user_and_not_sent_again() {
    let slack = Slack::start(100);
    slack.control("slash", json!({"user": "maya", "channel": "ops", "text": "a"})).await;
    assert_eq!(slack.texts("maya").await, ["/drone failed with the error \"dispatch_failed\""]);
    let (mut socket, _) = slack.connect().await;
    slack.control("slash", json!({"user": "maya", "channel": "ops", "text": "b"})).await;
    assert_eq!(next(&mut socket).await["payload"]["text"], "b");
    let told = slack.get("wait?user=maya&contains=operation_timeout").await;
    assert_eq!(told["message"]["text"], "/drone failed with the error \"operation_timeout\"");
    slack.control("say", json!({"user": "maya", "channel": "ops", "text": "@drone next"})).await;
    assert_eq!(next(&mut socket).await["type"], "events_api", "nothing came between");
    slack.stop().await;
}

#[actix_web::test]
async fn acks_that_are_too_large_or_in_fragments_do_not_count() {
    let slack = Slack::start(60_000);
    let (mut socket, _) = slack.connect().await;
    for sort in ["too_large", "fragmented"] {
        slack.control("slash", json!({"user": "maya", "channel": "ops", "text": sort})).await;
        let envelope = next(&mut socket).await;
        if sort == "too_large" {
            ack(&mut socket, &envelope, Some(json!({"text": "x".repeat(20_480)}))).await;
        } else {
            let text = json!({"envelope_id": envelope["envelope_id"]}).to_string();
            let (one, two) = text.split_at(10);
            let first = awc::ws::Message::Continuation(actix_http::ws::Item::FirstText(bytes(one)));
            socket.send(first).await.expect("sent");
            socket.send(Message::Continuation(actix_http::ws::Item::Last(bytes(two)))).await.expect("sent");
        }
        slack.control("say", json!({"user": "maya", "channel": "dm", "text": "marker"})).await;
        let marker = next(&mut socket).await;
        ack(&mut socket, &marker, None).await;
        while slack.get("acks").await["acks"]
            .as_array()
            .is_none_or(|acks| acks.last().is_none_or(|a| a["ignored"] != Value::Null))
        {
            tokio::task::yield_now().await;
        }
        let acks = slack.get("acks").await;
        let reasons: Vec<&Value> = acks["acks"].as_array().expect("acks").iter().map(|a| &a["ignored"]).collect();
        assert!(reasons.contains(&&json!(sort)), "{reasons:?}");
        assert!(acks["pending"].as_array().expect("pending").contains(&envelope["envelope_id"]));
    }
    slack.stop().await;
}

#[actix_web::test]
async fn an_ack_counts_below_20480_bytes() {
    let slack = Slack::start(60_000);
    let (mut socket, _) = slack.connect().await;
    for (size, ignored) in [(20_479, Value::Null), (20_480, json!("too_large"))] {
        slack.control("slash", json!({"user": "maya", "channel": "ops", "text": "x"})).await;
        let envelope = next(&mut socket).await;
        let frame = |text: &str| json!({"envelope_id": envelope["envelope_id"], "payload": {"text": text}}).to_string();
        let frame = frame(&"x".repeat(size - frame("").len()));
        assert_eq!(frame.len(), size);
        socket.send(Message::Text(frame.into())).await.expect("sent");
        let id = envelope["envelope_id"].as_str().expect("an id");
        let came = once(&slack, &format!("acks?envelope_id={id}"), |seen| seen["acks"][0].is_object()).await;
        assert_eq!((&came["acks"][0]["size"], &came["acks"][0]["ignored"]), (&json!(size), &ignored));
    }
    assert_eq!(slack.texts("maya").await.len(), 1, "what the first one said is shown");
    slack.stop().await;
}

#[actix_web::test]
async fn ten_links_at_most_and_each_envelope_to_one_of_them() {
    let slack = Slack::start(60_000);
    let mut sockets = Vec::new();
    for n in 1..=10 {
        let (socket, hello) = slack.connect().await;
        assert_eq!(hello["num_connections"], n);
        sockets.push(socket);
    }
    let mut eleventh = slack.dial(&slack.ticket_url().await).await.expect("an upgrade");
    assert_eq!(next(&mut eleventh).await["reason"], "too_many_websockets");
    assert!(matches!(frame(&mut eleventh).await, Some(Frame::Close(_))));
    for _ in 0..60 {
        slack.control("slash", json!({"user": "maya", "channel": "ops", "text": "x"})).await;
    }
    let connections = slack.get("connections").await;
    let ready = connections["connections"].as_array().expect("links").iter().filter(|l| l["ready"] == true);
    let delivered: Vec<u64> = ready.map(|l| l["delivered"].as_u64().unwrap_or_default()).collect();
    assert_eq!(delivered.iter().sum::<u64>(), 60);
    assert!(delivered.iter().filter(|n| **n > 0).count() > 3, "spread at random: {delivered:?}");
    slack.stop().await;
}

#[actix_web::test]
async fn disconnects_and_broken_links_look_as_they_do_on_the_wire() {
    let slack = Slack::start(60_000);
    let (mut socket, _) = slack.connect().await;
    slack.control("fault", json!({"socket": "disconnect", "reason": "warning", "close_after_ms": 50})).await;
    assert_eq!(next(&mut socket).await["reason"], "warning");
    let Some(Frame::Close(Some(reason))) = frame(&mut socket).await else { panic!("no close frame") };
    assert_eq!(u16::from(reason.code), 1000);

    let (mut socket, _) = slack.connect().await;
    slack.control("fault", json!({"socket": "reset"})).await;
    assert!(frame(&mut socket).await.is_none(), "a reset ends the stream");

    let (mut socket, _) = slack.connect().await;
    slack.control("envelope", json!({"fragments": ["{\"a\":", "1", "}"]})).await;
    let parts = [frame(&mut socket).await, frame(&mut socket).await, frame(&mut socket).await];
    assert!(parts.iter().all(|part| matches!(part, Some(Frame::Continuation(_)))), "{parts:?}");
    slack.control("envelope", json!({"text": "{no json"})).await;
    assert!(matches!(frame(&mut socket).await, Some(Frame::Text(text)) if text == "{no json"));

    slack.control("fault", json!({"dial": {"refuse": 503}})).await;
    assert!(slack.dial(&slack.ticket_url().await).await.is_err());
    slack.control("fault", json!({"dial": {"disconnect": "link_disabled"}})).await;
    let mut socket = slack.dial(&slack.ticket_url().await).await.expect("an upgrade");
    assert_eq!(next(&mut socket).await["reason"], "link_disabled");
    slack.stop().await;
}

#[actix_web::test]
async fn a_half_open_link_is_silent_until_it_thaws() {
    let slack = Slack::start(60_000);
    slack.control("settings", json!({"ping_ms": 60_000})).await;
    let (mut socket, _) = slack.connect().await;
    slack.control("fault", json!({"socket": "half_open"})).await;
    slack.control("slash", json!({"user": "maya", "channel": "ops", "text": "into the void"})).await;
    socket.send(Message::Ping(bytes("are you there?"))).await.expect("sent");
    let silence = tokio::time::timeout(Duration::from_millis(500), frame(&mut socket)).await;
    assert!(silence.is_err(), "{silence:?}");
    slack.control("fault", json!({"socket": "thaw"})).await;
    slack.control("slash", json!({"user": "maya", "channel": "ops", "text": "back"})).await;
    assert_eq!(next(&mut socket).await["payload"]["text"], "back");
    slack.stop().await;
}

#[actix_web::test]
async fn a_half_open_link_gets_nothing_more_when_slack_has_given_it_up_and_its_client_is_not_told() {
    let slack = Slack::start(60_000);
    let (mut socket, _) = slack.connect().await;
    slack.control("fault", json!({"socket": "half_open"})).await;
    let is_counted = |seen: &Value| !seen["connections"].as_array().expect("links").is_empty();
    assert!(is_counted(&slack.get("connections").await), "as Slack counts what it has not noticed");
    once(&slack, "connections", |seen| !is_counted(seen)).await;
    slack.control("fault", json!({"socket": "thaw"})).await;
    socket.send(Message::Ping(bytes("are you there?"))).await.expect("sent");
    let silence = tokio::time::timeout(Duration::from_millis(500), frame(&mut socket)).await;
    assert!(silence.is_err(), "{silence:?}");
    slack.stop().await;
}

/// What a route shows, once it is so.
async fn once(slack: &Slack, route: &str, wanted: impl Fn(&Value) -> bool) -> Value {
    let begun = crate::clock::Instant::now();
    loop {
        let seen = slack.get(route).await;
        if wanted(&seen) {
            return seen;
        }
        assert!(begun.elapsed() < PATIENCE, "never: {seen}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// A client that answers pings, and does nothing else until its link ends.
fn answering(mut socket: Socket) {
    crate::clock::spawn(async move {
        while let Some(Ok(frame)) = socket.next().await {
            if let Frame::Ping(bytes) = frame
                && socket.send(Message::Pong(bytes)).await.is_err()
            {
                break;
            }
        }
    });
}

fn of(seen: &Value, link: usize, what: &str) -> u64 {
    seen["connections"][link][what].as_u64().expect("a number")
}

#[actix_web::test]
async fn a_hello_can_be_withheld_or_come_late() {
    let slack = Slack::start(3000);
    slack.control("fault", json!({"dial": {"withhold_hello": true}})).await;
    let mut silent = slack.dial(&slack.ticket_url().await).await.expect("an upgrade");
    let seen = once(&slack, "connections", |seen| seen["connections"][0].is_object()).await;
    assert_eq!(seen["connections"][0]["ready"], false);
    slack.control("slash", json!({"user": "maya", "channel": "ops", "text": "a"})).await;
    assert_eq!(slack.texts("maya").await, ["/drone failed with the error \"dispatch_failed\""], "it gets no envelopes");
    slack.control("envelope", json!({"connection": 1, "json": {"type": "marker"}})).await;
    assert_eq!(next(&mut silent).await["type"], "marker", "no hello came before it");

    slack.control("fault", json!({"dial": {"delay_hello_ms": 400}})).await;
    let url = slack.ticket_url().await;
    let begun = crate::clock::Instant::now();
    let mut late = slack.dial(&url).await.expect("an upgrade");
    assert_eq!(next(&mut late).await["type"], "hello");
    assert!(begun.elapsed() >= Duration::from_millis(400), "{:?}", begun.elapsed());
    let begun = crate::clock::Instant::now();
    slack.connect().await;
    assert!(begun.elapsed() < Duration::from_millis(400), "each fault met one connection");
    slack.stop().await;
}

#[actix_web::test]
async fn a_link_can_be_made_not_to_answer_pings() {
    let slack = Slack::start(3000);
    let (mut socket, _) = slack.connect().await;
    slack.control("fault", json!({"socket": "no_pongs"})).await;
    socket.send(Message::Ping(bytes("are you there?"))).await.expect("sent");
    // what comes after the ping has been read when this ack is there, so the pong would be on its way
    slack.control("slash", json!({"user": "maya", "channel": "ops", "text": "x"})).await;
    let envelope = next(&mut socket).await;
    ack(&mut socket, &envelope, None).await;
    once(&slack, "acks", |seen| seen["count"] == 1).await;
    slack.control("fault", json!({"socket": "thaw"})).await;
    socket.send(Message::Ping(bytes("and now?"))).await.expect("sent");
    let pong = async {
        loop {
            if let Some(Ok(Frame::Pong(bytes))) = socket.next().await {
                return bytes;
            }
        }
    };
    let first = tokio::time::timeout(PATIENCE, pong).await.expect("a pong in time");
    assert_eq!(first, bytes("and now?"), "the first ping was never answered");
    slack.stop().await;
}

#[actix_web::test]
async fn how_often_a_link_is_pinged_can_be_turned_for_one_and_for_all_at_any_time() {
    let slack = Slack::start(3000);
    for _ in 0..3 {
        answering(slack.connect().await.0);
    }
    // one never, one often; the third as it was
    slack.control("fault", json!({"socket": "no_pings", "connection": 1})).await;
    slack.control("fault", json!({"socket": "ping_every", "ping_ms": 50, "connection": 2})).await;
    let begun = slack.get("connections").await;
    let seen = once(&slack, "connections", |seen| of(seen, 2, "pings") >= of(&begun, 2, "pings") + 2).await;
    assert_eq!(of(&seen, 0, "pings"), of(&begun, 0, "pings"));
    let grown = |link| of(&seen, link, "pings") - of(&begun, link, "pings");
    assert!(grown(1) > 3 * grown(2), "{} and {}", grown(1), grown(2));
    assert_eq!((of(&seen, 1, "ping_ms"), of(&seen, 2, "ping_ms")), (50, 0));
    assert_eq!(slack.control("fault", json!({"socket": "ping_every"})).await["error"], "ping_every needs ping_ms");

    // an hour for all is not for the one that has its own; and a second for the new ones, the open ones and those mended
    let settings = slack.control("settings", json!({"ping_ms": 3_600_000})).await;
    assert_eq!(settings["settings"]["ping_ms"], 3_600_000);
    let begun = slack.get("connections").await;
    let seen = once(&slack, "connections", |seen| of(seen, 1, "pings") >= of(&begun, 1, "pings") + 5).await;
    assert!(of(&seen, 2, "pings") <= of(&begun, 2, "pings") + 1);
    slack.control("faults/clear", json!({})).await;
    slack.control("settings", json!({"ping_ms": 5})).await;
    let begun = slack.get("connections").await;
    once(&slack, "connections", |seen| (0..3).all(|n| of(seen, n, "pings") > of(&begun, n, "pings"))).await;
    slack.stop().await;
}

#[actix_web::test]
async fn a_client_whose_pongs_are_ignored_is_dropped_and_others_are_not() {
    let slack = Slack::start(3000);
    slack.control("settings", json!({"ping_ms": 10})).await;
    for _ in 0..2 {
        answering(slack.connect().await.0);
    }
    once(&slack, "connections", |seen| of(seen, 0, "pongs") > 2 && of(seen, 1, "pongs") > 2).await;
    slack.control("fault", json!({"socket": "ignore_pongs", "connection": 1})).await;
    let left =
        once(&slack, "connections", |seen| seen["connections"].as_array().is_some_and(|all| all.len() == 1)).await;
    assert_eq!(of(&left, 0, "id"), 2);
    slack.stop().await;
}

#[actix_web::test]
async fn bytes_of_any_kind_can_be_sent() {
    let slack = Slack::start(3000);
    let (mut socket, _) = slack.connect().await;
    slack.control("envelope", json!({"raw_hex": "8105" .to_owned() + "68656c6c6f"})).await;
    assert!(matches!(frame(&mut socket).await, Some(Frame::Text(text)) if text == "hello"));
    for wrong in ["8", "xx"] {
        assert_eq!(slack.control("envelope", json!({"raw_hex": wrong})).await["ok"], false, "{wrong}");
    }
    // an opcode that there is not
    slack.control("envelope", json!({"raw_hex": "8b00"})).await;
    assert!(frame(&mut socket).await.is_none(), "the client's library gives the link up");
    slack.stop().await;
}

#[actix_web::test]
async fn a_connection_that_asks_for_it_is_short_lived() {
    let slack = Slack::start(3000);
    let (_lasting, hello) = slack.connect().await;
    assert_eq!(hello["debug_info"]["approximate_connection_time"], 18_060);
    let url = slack.ticket_url().await + "&debug_reconnects=true";
    let begun = crate::clock::Instant::now();
    let mut socket = slack.dial(&url).await.expect("an upgrade");
    assert_eq!(next(&mut socket).await["debug_info"]["approximate_connection_time"], DEBUG_LIFE.as_secs());
    let warning = next(&mut socket).await;
    assert_eq!((&warning["type"], &warning["reason"]), (&json!("disconnect"), &json!("warning")));
    assert!(begun.elapsed() >= DEBUG_LIFE, "{:?}", begun.elapsed());
    assert_eq!(crate::socket::DEBUG_LIFE, Duration::from_secs(360));
    slack.stop().await;
}
