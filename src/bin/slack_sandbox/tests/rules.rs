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

/// Posts until Slack wants no more for the moment; how often it was taken.
async fn until_limited(post: impl AsyncFn() -> (u16, String)) -> usize {
    for taken in 0..20 {
        let (status, body) = post().await;
        if status == 429 {
            assert!(body.contains("ratelimited"), "{body}");
            return taken;
        }
        assert_eq!(status, 200, "{body}");
    }
    panic!("never limited");
}

#[actix_web::test]
async fn every_way_to_write_into_a_channel_counts_towards_its_one_message_a_second() {
    let slack = Slack::start(3000);
    let (mut socket, _) = slack.connect().await;
    let post = async || {
        let args = json!({"channel": "COPS", "text": "x"});
        slack.post("/api/chat.postMessage", Some("xoxb-sandbox"), &args).await
    };
    let url = async |socket: &mut Socket| {
        slack.control("slash", json!({"user": "maya", "channel": "ops", "text": "ping"})).await;
        let envelope = next(socket).await;
        ack(socket, &envelope, None).await;
        envelope["payload"]["response_url"].as_str().expect("a url").to_owned()
    };
    let (public, alone) = (url(&mut socket).await, url(&mut socket).await);
    let respond = async || slack.post(&public, None, &json!({"text": "all", "response_type": "in_channel"})).await;
    let share = async || {
        let place = slack.form("files.getUploadURLExternal", &[("filename", "a.txt"), ("length", "3")]).await;
        let upload = slack.client.post(place["upload_url"].as_str().expect("a URL")).send_body("abc").await;
        assert_eq!(upload.expect("an answer").status().as_u16(), 200);
        let args = json!({"files": [{"id": place["file_id"]}], "channel_id": "COPS"});
        slack.post("/api/files.completeUploadExternal", Some("xoxb-sandbox"), &args).await
    };
    let begun = crate::clock::Instant::now();
    let shared = until_limited(share).await;
    let taken = until_limited(post).await + until_limited(respond).await + shared;
    let most = 6 + begun.elapsed().as_secs() as usize;
    assert!((5..=most).contains(&taken), "{taken} in {:?}", begun.elapsed());
    assert_eq!(slack.get("files").await["files"].as_array().map(Vec::len), Some(shared), "nothing else was shared");
    // what one person alone reads is no message of the channel
    for n in 1..=5 {
        assert_eq!(slack.post(&alone, None, &json!({"text": "alone"})).await.0, 200, "answer {n}");
    }
    slack.stop().await;
}

#[actix_web::test]
async fn a_private_channel_is_read_by_a_scope_of_its_own() {
    let slack = Slack::start(3000);
    slack.control("channel", json!({"name": "secret", "private": true, "has_bot": true})).await;
    slack.control("settings", json!({"scopes": ["channels:history", "im:history"]})).await;
    let read = async |channel: &str| slack.form("conversations.history", &[("channel", channel)]).await;
    assert_eq!((read("COPS").await["ok"].clone(), read("DMAYA").await["ok"].clone()), (json!(true), json!(true)));
    let refused = read("CSECRET").await;
    assert_eq!((&refused["error"], &refused["needed"]), (&json!("missing_scope"), &json!("groups:history")));
    slack.control("settings", json!({"scopes": ["groups:history"]})).await;
    assert_eq!(read("CSECRET").await["ok"], true);
    slack.stop().await;
}

#[actix_web::test]
async fn what_is_typed_behind_a_command_is_marked_only_where_the_manifest_says_so() {
    let slack = Slack::start(3000);
    let (mut socket, _) = slack.connect().await;
    let typed = async |socket: &mut Socket| {
        let text = "for @maya in #ops & example.com";
        slack.control("slash", json!({"user": "maya", "channel": "ops", "text": text})).await;
        let envelope = next(socket).await;
        ack(socket, &envelope, None).await;
        envelope["payload"]["text"].clone()
    };
    let marked = "for <@UMAYA|maya> in <#COPS|ops> &amp; <http://example.com|example.com>";
    assert_eq!(typed(&mut socket).await, marked);
    slack.control("settings", json!({"should_escape": false})).await;
    assert_eq!(typed(&mut socket).await, "for @maya in #ops & example.com");
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
