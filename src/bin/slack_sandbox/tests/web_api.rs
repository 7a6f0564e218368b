//! Messages, limits, people, and faults of calls.

use super::*;

#[actix_web::test]
async fn the_bot_posts_edits_reacts_and_deletes_and_people_see_it() {
    let slack = Slack::start(3000);
    let said = slack.control("say", json!({"user": "maya", "channel": "ops", "text": "@drone hi"})).await;
    let posted =
        slack.api("chat.postMessage", json!({"channel": "COPS", "text": "one", "thread_ts": said["ts"]})).await;
    assert_eq!((&posted["ok"], &posted["message"]["bot_id"]), (&json!(true), &json!("BDRONE")));
    let edited = slack.api("chat.update", json!({"channel": "COPS", "ts": posted["ts"], "text": "two"})).await;
    assert_eq!(edited["ok"], true);
    let seen = slack.get("messages?channel=ops&user=omar").await;
    let reply = &seen["messages"][1];
    assert_eq!((&reply["text"], &reply["thread_ts"], &reply["edits"]), (&json!("two"), &said["ts"], &json!(1)));
    assert_eq!(reply["history"][0]["text"], "one");
    assert_eq!(seen["messages"][0]["reply_count"], 1);
    let reaction = json!({"channel": "COPS", "timestamp": said["ts"], "name": "eyes"});
    assert_eq!(slack.api("reactions.add", reaction.clone()).await["ok"], true);
    assert_eq!(slack.api("reactions.add", reaction).await["error"], "already_reacted");
    assert_eq!(
        slack.api("chat.update", json!({"channel": "COPS", "ts": said["ts"], "text": "x"})).await["error"],
        "cant_update_message"
    );
    assert_eq!(slack.api("chat.delete", json!({"channel": "COPS", "ts": posted["ts"]})).await["ok"], true);
    assert_eq!(
        slack.api("chat.update", json!({"channel": "COPS", "ts": posted["ts"], "text": "x"})).await["error"],
        "message_not_found"
    );
    slack.stop().await;
}

#[actix_web::test]
async fn what_is_posted_with_a_persons_token_names_the_program_beside_the_person() {
    let slack = Slack::start(3000);
    let (mut socket, _) = slack.connect().await;
    let as_maya = async |method: &str, args: Value| {
        let (_, body) = slack.post(&format!("/api/{method}"), Some("xoxp-UMAYA"), &args).await;
        serde_json::from_str::<Value>(&body).expect("JSON")
    };
    let args = json!({"channel": "COPS", "text": "<@UDRONE> ping"});
    let posted = as_maya("chat.postMessage", args.clone()).await;
    let event = next(&mut socket).await["payload"]["event"].clone();
    assert_eq!((&event["type"], &event["user"]), (&json!("app_mention"), &json!("UMAYA")));
    for said in [&posted["message"], &event] {
        assert_eq!((&said["bot_id"], &said["app_id"]), (&json!("BSCRIPTS"), &json!("ASCRIPTS001")), "{said}");
        assert_eq!((&said["bot_profile"]["app_id"], &said["client_msg_id"]), (&json!("ASCRIPTS001"), &Value::Null));
    }
    // what the person types is the person's own
    slack.control("say", json!({"user": "maya", "channel": "ops", "text": "@drone ping"})).await;
    let typed = next(&mut socket).await["payload"]["event"].clone();
    assert_eq!((&typed["bot_id"], &typed["app_id"]), (&Value::Null, &Value::Null), "{typed}");
    let seen = as_maya("conversations.history", json!({"channel": "COPS"})).await;
    assert_eq!(seen["messages"].as_array().expect("messages").len(), 2);
    assert_eq!(as_maya("conversations.history", json!({"channel": "CNOWHERE"})).await["error"], "channel_not_found");
    assert_eq!(as_maya("users.info", json!({"user": "UOMAR"})).await["error"], "not_allowed_token_type");
    let (_, body) = slack.post("/api/chat.postMessage", Some("xoxp-UNOBODY"), &args).await;
    assert!(body.contains("invalid_auth"), "{body}");
    slack.stop().await;
}

#[actix_web::test]
async fn an_ephemeral_message_is_seen_by_one() {
    let slack = Slack::start(3000);
    let args = json!({"channel": "COPS", "user": "UMAYA", "text": "psst"});
    assert!(slack.api("chat.postEphemeral", args).await["message_ts"].is_string());
    assert_eq!(slack.texts("maya").await, ["psst"]);
    assert!(slack.texts("omar").await.is_empty());
    slack.stop().await;
}

#[actix_web::test]
async fn an_ephemeral_message_in_a_thread_is_seen_only_where_somebody_has_replied() {
    let slack = Slack::start(3000);
    let said = slack.control("say", json!({"user": "maya", "channel": "ops", "text": "parent"})).await;
    let whisper = json!({"channel": "COPS", "user": "UMAYA", "text": "psst", "thread_ts": said["ts"]});
    assert!(slack.api("chat.postEphemeral", whisper.clone()).await["message_ts"].is_string(), "nothing is said of it");
    assert_eq!(slack.texts("maya").await, ["parent"]);
    slack.api("chat.postMessage", json!({"channel": "COPS", "text": "reply", "thread_ts": said["ts"]})).await;
    slack.api("chat.postEphemeral", whisper).await;
    assert_eq!(slack.texts("maya").await, ["parent", "reply", "psst"]);
    let seen = slack.get("messages?channel=ops&user=maya").await;
    assert_eq!(seen["messages"][2]["thread_ts"], said["ts"]);
    assert_eq!(slack.texts("omar").await, ["parent", "reply"]);
    slack.stop().await;
}

/// Method, its arguments with so much in one of them, what is taken and the error beyond it.
type Bound = (&'static str, fn(usize) -> Value, usize, &'static str);

const BOUNDS: &[Bound] = &[
    ("chat.update", |n| json!({"channel": "COPS", "text": "é".repeat(n)}), 4000, "msg_too_long"),
    ("chat.postMessage", |n| json!({"channel": "COPS", "markdown_text": "é".repeat(n)}), 12_000, "msg_too_long"),
    (
        "chat.postMessage",
        |n| json!({"channel": "COPS", "attachments": vec![json!({"text": "a"}); n]}),
        100,
        "too_many_attachments",
    ),
    (
        "chat.postMessage",
        |n| json!({"channel": "COPS", "blocks": vec![json!({"type": "divider"}); n]}),
        50,
        "invalid_blocks",
    ),
    (
        "views.publish",
        |n| json!({"user_id": "UMAYA", "view": {"type": "home", "blocks": vec![json!({"type": "divider"}); n]}}),
        100,
        "invalid_arguments",
    ),
    (
        "files.completeUploadExternal",
        |n| json!({"files": [{"id": "FNONE"}], "channels": vec!["CGENERAL"; n].join(",")}),
        100,
        "channels_limit_exceeded",
    ),
];

#[actix_web::test]
async fn a_call_is_taken_at_each_limit_and_refused_one_beyond_it() {
    let slack = Slack::start(3000);
    slack.control("settings", json!({"rate_limits": false})).await;
    let posted = slack.api("chat.postMessage", json!({"channel": "COPS", "text": "x"})).await;
    for (method, with, limit, error) in BOUNDS {
        let call = async |size| {
            let mut args = with(size);
            args["ts"] = posted["ts"].clone();
            slack.api(method, args).await["error"].clone()
        };
        // of the files, none is there to be shared
        let taken = if *method == "files.completeUploadExternal" { json!("file_not_found") } else { Value::Null };
        assert_eq!((call(*limit).await, call(limit + 1).await), (taken, json!(error)), "{method} {limit}");
    }
    let warning = async |length: usize| {
        let args = json!({"channel": "COPS", "text": "é".repeat(length)});
        let posted = slack.api("chat.postMessage", args).await;
        let kept = posted["message"]["text"].as_str().expect("a text").chars().count();
        (posted["warning"].clone(), kept)
    };
    assert_eq!(warning(40_000).await, (Value::Null, 40_000));
    assert_eq!(warning(40_001).await, (json!("message_truncated"), 40_000));
    for (field, value, beyond, length, longer, error) in [
        ("alt_txt", "é".repeat(1000), "é".repeat(1001), "3", "3", "alt_txt_too_large"),
        ("snippet_type", "text".into(), "text".into(), "1000000", "1000001", "snippet_too_large"),
    ] {
        let file = [("filename", "a.txt"), ("length", length), (field, &value)];
        assert_eq!(slack.form("files.getUploadURLExternal", &file).await["ok"], true, "{field}");
        let file = [("filename", "a.txt"), ("length", longer), (field, &beyond)];
        assert_eq!(slack.form("files.getUploadURLExternal", &file).await["error"], error);
    }
    let (most, more) = (crate::files::SIZE.to_string(), (crate::files::SIZE + 1).to_string());
    let file =
        async |length: &str| slack.form("files.getUploadURLExternal", &[("filename", "a"), ("length", length)]).await;
    assert_eq!(file(&most).await["ok"], true);
    assert_eq!(file(&more).await["error"], "file_upload_size_restricted");
    slack.stop().await;
}

#[actix_web::test]
async fn calls_beyond_slacks_limits_get_slacks_errors() {
    let slack = Slack::start(3000);
    let long = "x".repeat(4001);
    let posted = slack.api("chat.postMessage", json!({"channel": "CGENERAL", "text": "x".repeat(40_001)})).await;
    assert_eq!((&posted["ok"], &posted["warning"]), (&json!(true), &json!("message_truncated")));
    for (method, args, error) in [
        ("chat.postMessage", json!({"channel": "COPS"}), "no_text"),
        ("chat.postMessage", json!({"channel": "CNOWHERE", "text": "x"}), "channel_not_found"),
        ("chat.postMessage", json!({"channel": "CRANDOM", "text": "x"}), "not_in_channel"),
        (
            "chat.postMessage",
            json!({"channel": "COPS", "blocks": vec![json!({"type": "divider"}); 51]}),
            "invalid_blocks",
        ),
        ("chat.postMessage", json!({"channel": "COPS", "blocks": "no json"}), "invalid_blocks_format"),
        ("chat.update", json!({"channel": "CGENERAL", "ts": posted["ts"], "text": long}), "msg_too_long"),
        ("chat.update", json!({"channel": "CGENERAL", "ts": "1.000000", "text": "x"}), "message_not_found"),
        ("chat.postEphemeral", json!({"channel": "COPS", "user": "UNOBODY", "text": "x"}), "user_not_found"),
        ("users.info", json!({"user": "UNOBODY"}), "user_not_found"),
        ("usergroups.users.list", json!({"usergroup": "SNONE"}), "no_such_subteam"),
        ("views.unknown", json!({}), "unknown_method"),
    ] {
        assert_eq!(slack.api(method, args.clone()).await["error"], error, "{method} {args}");
    }
    slack.stop().await;
}

#[actix_web::test]
async fn one_message_a_second_after_a_short_burst() {
    let slack = Slack::start(3000);
    let mut refused = None;
    for n in 0..8 {
        let args = json!({"channel": "COPS", "text": format!("{n}")});
        let (status, body) = slack.post("/api/chat.postMessage", Some("xoxb-sandbox"), &args).await;
        if status == 429 {
            refused = Some(body);
            break;
        }
    }
    assert!(refused.is_some_and(|body| body.contains("ratelimited")));
    slack.control("settings", json!({"rate_limits": false})).await;
    for _ in 0..8 {
        assert_eq!(slack.api("chat.postMessage", json!({"channel": "COPS", "text": "x"})).await["ok"], true);
    }
    slack.stop().await;
}

#[actix_web::test]
async fn people_and_groups_are_as_seeded() {
    let slack = Slack::start(3000);
    let gus = slack.form("users.info", &[("user", "UGUS")]).await;
    assert_eq!(gus["user"]["is_restricted"], true);
    let olga = slack.form("users.info", &[("user", "UOLGA")]).await;
    assert_eq!((&olga["user"]["is_stranger"], &olga["user"]["team_id"]), (&json!(true), &json!("TOUTSIDE")));
    let operators = slack.form("usergroups.users.list", &[("usergroup", "SOPERATORS")]).await;
    assert_eq!(operators["users"], json!(["UMAYA", "UOMAR"]));
    assert_eq!(slack.api("conversations.open", json!({"users": "UMAYA"})).await["channel"]["id"], "DMAYA");
    let added = slack.control("user", json!({"name": "<!channel>", "id": "UEVIL", "groups": ["viewers"]})).await;
    assert_eq!(added["user"]["id"], "UEVIL");
    assert_eq!(slack.form("users.info", &[("user", "UEVIL")]).await["user"]["name"], "<!channel>");
    slack.stop().await;
}

#[actix_web::test]
async fn faults_meet_the_calls_they_name() {
    let slack = Slack::start(3000);
    let fault = |api: Value| slack.control("fault", json!({"api": api}));
    let hello = json!({"channel": "COPS", "text": "x"});
    let post = || slack.post("/api/chat.postMessage", Some("xoxb-sandbox"), &hello);
    fault(json!({"method": "chat.postMessage", "error": "fatal_error", "times": 2})).await;
    assert!(post().await.1.contains("fatal_error"));
    assert!(post().await.1.contains("fatal_error"));
    assert_eq!(post().await.0, 200);
    fault(json!({"method": "*", "status": 503, "non_json": "<html>"})).await;
    assert_eq!(post().await, (503, "<html>".into()));
    fault(json!({"method": "chat.postMessage", "retry_after": 7})).await;
    assert_eq!(post().await.0, 429);
    let before = slack.texts("maya").await.len();
    fault(json!({"method": "chat.postMessage", "after_effect": true})).await;
    let lost = slack.client.post(format!("{}/api/chat.postMessage", slack.base)).bearer_auth("xoxb-sandbox");
    assert!(lost.send_json(&json!({"channel": "COPS", "text": "done, answer lost"})).await.is_err());
    assert_eq!(slack.texts("maya").await.len(), before + 1);
    let log = slack.get("log?method=chat.postMessage").await;
    assert_eq!(log["total"], 6);
    assert_eq!(log["calls"][5]["status"], 0);
    assert!(!log.to_string().contains("xoxb"), "tokens are not kept");
    slack.stop().await;
}

#[actix_web::test]
async fn what_people_do_in_a_dm_is_told_to_the_bot() {
    let slack = Slack::start(60_000);
    let (mut socket, _) = slack.connect().await;
    let said = slack.control("say", json!({"user": "maya", "channel": "dm", "text": "see example.com & co"})).await;
    let event = next(&mut socket).await["payload"]["event"].clone();
    assert_eq!(
        (&event["type"], &event["channel_type"], &event["user"]),
        (&json!("message"), &json!("im"), &json!("UMAYA"))
    );
    assert_eq!(event["text"], "see <http://example.com|example.com> &amp; co");
    assert_eq!(event["blocks"][0]["type"], "rich_text");
    assert!(event["client_msg_id"].is_string());
    slack.control("edit", json!({"user": "maya", "channel": "dm", "ts": said["ts"], "text": "edited"})).await;
    let event = next(&mut socket).await["payload"]["event"].clone();
    assert_eq!((&event["subtype"], &event["hidden"]), (&json!("message_changed"), &json!(true)));
    assert_eq!(event["message"]["text"], "edited");
    let posted = slack.api("chat.postMessage", json!({"channel": "UMAYA", "text": "mine"})).await;
    let event = next(&mut socket).await["payload"]["event"].clone();
    assert_eq!((&event["bot_id"], &event["ts"]), (&json!("BDRONE"), &posted["ts"]));
    slack.stop().await;
}

#[actix_web::test]
async fn a_click_replaces_its_message() {
    let slack = Slack::start(60_000);
    let (mut socket, _) = slack.connect().await;
    let button =
        json!({"type": "button", "action_id": "go", "value": "7", "text": {"type": "plain_text", "text": "Go"}});
    let blocks = json!([{"type": "actions", "block_id": "b", "elements": [button]}]);
    let posted = slack.api("chat.postMessage", json!({"channel": "COPS", "text": "sure?", "blocks": blocks})).await;
    let none = json!({"user": "omar", "channel": "ops", "ts": posted["ts"], "action_id": "stop"});
    assert_eq!(slack.control("click", none).await["error"], "action_not_found");
    slack.control("click", json!({"user": "omar", "channel": "ops", "ts": posted["ts"], "action_id": "go"})).await;
    let envelope = next(&mut socket).await;
    ack(&mut socket, &envelope, None).await;
    let payload = &envelope["payload"];
    assert_eq!((&envelope["type"], &payload["type"]), (&json!("interactive"), &json!("block_actions")));
    assert_eq!((&payload["actions"][0]["value"], &payload["actions"][0]["block_id"]), (&json!("7"), &json!("b")));
    let url = payload["response_url"].as_str().expect("a url");
    assert_eq!(slack.post(url, None, &json!({"text": "gone"})).await.0, 200);
    let seen = slack.get("messages?channel=ops&user=vera").await;
    assert_eq!((&seen["messages"][0]["text"], &seen["messages"][0]["blocks"]), (&json!("gone"), &Value::Null));
    slack.stop().await;
}

#[actix_web::test]
async fn waiting_ends_with_a_match_or_with_what_was_there_instead() {
    let slack = Slack::start(3000);
    let waiting = slack.get("wait?channel=ops&user=maya&contains=needle&timeout_ms=5000");
    let posting = async {
        slack.api("chat.postMessage", json!({"channel": "COPS", "text": "hay"})).await;
        slack.api("chat.postMessage", json!({"channel": "COPS", "text": "a needle"})).await;
    };
    let (found, ()) = futures_util::future::join(waiting, posting).await;
    assert_eq!(found["message"]["text"], "a needle");
    let missed = slack.get(&format!("wait?channel=ops&after={}&timeout_ms=50", found["cursor"])).await;
    assert_eq!((&missed["error"], missed["latest"].as_array().map(Vec::len)), (&json!("timeout"), Some(2)));
    slack.stop().await;
}

#[actix_web::test]
async fn the_page_loads_nothing_from_elsewhere_and_parses_nothing_as_html() {
    let slack = Slack::start(3000);
    let read = async |path: &str| {
        let mut response = slack.client.get(format!("{}{path}", slack.base)).send().await.expect("an answer");
        let policy = response.headers().get("content-security-policy").and_then(|v| v.to_str().ok());
        let policy = policy.unwrap_or_default().to_owned();
        let text = response.body().limit(1_000_000).await.expect("a text");
        (policy, String::from_utf8_lossy(&text).into_owned())
    };
    let (policy, page) = read("/").await;
    assert!(
        policy.starts_with("default-src 'none'") && !policy.contains("unsafe") && !policy.contains("http"),
        "{policy}"
    );
    assert!(policy.contains("require-trusted-types-for 'script'"), "{policy}");
    let loads: Vec<&str> =
        page.split(['"', '\'']).filter(|word| word.contains("/page.") || word.contains("//")).collect();
    assert_eq!(loads, ["/page.css", "/page.js"]);
    let (_, style) = read("/page.css").await;
    assert!(style.contains("#app") && !style.contains("url(") && !style.contains("@import"), "its style loads nothing");
    let (_, script) = read("/page.js").await;
    assert!(script.contains("become(here.me)"), "the whole script");
    for way in ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function"] {
        assert!(!script.contains(way), "{way}");
    }
    slack.stop().await;
}
