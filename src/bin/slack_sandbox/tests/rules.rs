//! Rules of Slack that a bot meets only when something is wrong with it.

use super::*;
use awc::http::header::DATE;

#[actix_web::test]
async fn a_missing_scope_is_named_and_the_headers_tell_what_is_granted() {
    let slack = Slack::start(3000);
    slack.control("settings", json!({"scopes": ["chat:write", "users:read"]})).await;
    let refused = slack.form("usergroups.list", &[]).await;
    assert_eq!(refused["error"], "missing_scope");
    assert_eq!(refused["needed"], "usergroups:read");
    assert_eq!(refused["provided"], "chat:write,users:read");
    let request = slack.client.post(format!("{}/api/users.info", slack.base)).bearer_auth("xoxb-sandbox");
    let response = request.send_form(&[("user", "UMAYA")]).await.expect("an answer");
    assert_eq!(response.headers().get("x-oauth-scopes").expect("scopes"), "chat:write,users:read");
    assert_eq!(response.headers().get("x-accepted-oauth-scopes").expect("scopes"), "users:read");
    slack.control("settings", json!({"app_scopes": ["authorizations:read"]})).await;
    let (_, body) = slack.post("/api/apps.connections.open", Some("xapp-sandbox"), &json!({})).await;
    assert!(body.contains("\"needed\":\"connections:write\""), "{body}");
    slack.stop().await;
}

#[actix_web::test]
async fn slacks_clock_can_be_wrong_for_the_reader() {
    let slack = Slack::start(3000);
    slack.control("settings", json!({"clock_skew_s": 3600})).await;
    let date = async || {
        let request = slack.client.post(format!("{}/api/auth.test", slack.base)).bearer_auth("xoxb-sandbox");
        let response = request.send().await.expect("an answer");
        let date = response.headers().get(DATE).expect("a date").to_str().expect("ASCII").to_owned();
        let date: std::time::SystemTime = date.parse::<awc::http::header::HttpDate>().expect("a date").into();
        date.duration_since(std::time::UNIX_EPOCH).expect("after 1970").as_secs()
    };
    let now = crate::clock::micros() / 1_000_000;
    assert!(date().await >= now + 3599);
    slack.control("settings", json!({"clock_skew_s": 0})).await;
    assert!(date().await <= now + 60);
    slack.stop().await;
}

#[actix_web::test]
async fn a_method_beyond_its_tier_is_told_when_to_come_again_and_others_go_on() {
    let slack = Slack::start(3000);
    for _ in 0..20 {
        assert_eq!(slack.form("usergroups.list", &[]).await["ok"], true);
    }
    let request = slack.client.post(format!("{}/api/usergroups.list", slack.base)).bearer_auth("xoxb-sandbox");
    let response = request.send().await.expect("an answer");
    assert_eq!(response.status().as_u16(), 429);
    let after: u64 =
        response.headers().get("retry-after").expect("a time").to_str().expect("ASCII").parse().expect("s");
    assert!((1..=3).contains(&after), "{after}");
    assert_eq!(slack.form("users.info", &[("user", "UMAYA")]).await["ok"], true);
    slack.stop().await;
}

#[actix_web::test]
async fn a_reply_in_a_thread_changes_its_parent_and_the_bot_hears_of_that_as_of_an_edit() {
    let slack = Slack::start(3000);
    let (mut socket, _) = slack.connect().await;
    let said = slack.control("say", json!({"user": "maya", "channel": "dm", "text": "ping"})).await;
    let first = next(&mut socket).await;
    ack(&mut socket, &first, None).await;
    let reply = json!({"user": "maya", "channel": "dm", "text": "again", "thread_ts": said["ts"]});
    slack.control("say", reply).await;
    let changed = next(&mut socket).await["payload"]["event"].clone();
    assert_eq!(changed["subtype"], "message_changed");
    assert_eq!(changed["message"]["ts"], said["ts"]);
    assert_eq!(changed["message"]["text"], changed["previous_message"]["text"], "nobody edited it");
    assert_eq!(changed["message"]["reply_count"], 1);
    assert_eq!(next(&mut socket).await["payload"]["event"]["text"], "again");
    slack.stop().await;
}

#[actix_web::test]
async fn a_resent_envelope_is_the_identical_one_and_a_retry_is_another() {
    let slack = Slack::start(3000);
    let (mut socket, _) = slack.connect().await;
    slack.control("say", json!({"user": "maya", "channel": "dm", "text": "ping"})).await;
    let first = next(&mut socket).await;
    ack(&mut socket, &first, None).await;
    let id = first["envelope_id"].clone();
    slack.control("redeliver", json!({"envelope_id": id, "identical": true})).await;
    assert_eq!(next(&mut socket).await, first);
    slack.control("redeliver", json!({"envelope_id": id})).await;
    let retried = next(&mut socket).await;
    assert_ne!(retried["envelope_id"], first["envelope_id"]);
    assert_eq!(retried["payload"], first["payload"]);
    assert_eq!((&retried["retry_attempt"], &retried["retry_reason"]), (&json!(1), &json!("timeout")));
    slack.stop().await;
}

#[actix_web::test]
async fn an_answer_that_fits_no_thread_number_is_posted_beside_it() {
    let slack = Slack::start(3000);
    let parent = slack.api("chat.postMessage", json!({"channel": "COPS", "text": "parent"})).await;
    let number: f64 = parent["ts"].as_str().expect("a ts").parse().expect("a number");
    let posted = slack.api("chat.postMessage", json!({"channel": "COPS", "text": "x", "thread_ts": number})).await;
    assert!(posted["message"]["thread_ts"].is_null(), "a number is no thread: {posted}");
    slack.stop().await;
}
