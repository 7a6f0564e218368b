use super::*;
use crate::domain::{ChannelId, Membership, TeamId};
use crate::slack::testing::*;
use crate::slack::{PacingConfig, SlackConfig};
use std::cell::Cell;

fn config(url: String) -> SlackConfig {
    SlackConfig {
        api_url: url,
        bot_token: "xoxb-secret".into(),
        api_timeout: Duration::from_millis(250),
        pacing: PacingConfig { max_wait: Duration::ZERO, channel_interval: Duration::ZERO, ..PacingConfig::default() },
        ..SlackConfig::default()
    }
}

fn client(config: &SlackConfig) -> WebApi {
    let proxy = Proxy::for_config(config, None, None).expect("a valid proxy");
    WebApi::new(config, Arc::new(proxy), Arc::new(Pacer::new(&config.pacing)))
}

async fn serving(handler: impl Fn(&Request) -> Action + 'static) -> (Server, WebApi) {
    let server = Server::start(handler).await;
    let api = client(&config(server.url()));
    (server, api)
}

fn message() -> Message {
    let blocks = serde_json::value::RawValue::from_string(r#"[{"type":"divider"}]"#.to_owned()).expect("JSON");
    Message { text: "hello &amp; goodbye".to_owned(), blocks: Some(blocks) }
}

async fn post(api: &WebApi, message: &Message) -> Result<Posted, ApiError> {
    let channel = ChannelId::from("C1");
    api.post_message(&PostMessage { channel: &channel, thread_ts: Some("1.000002"), message, metadata: None }).await
}

fn class(result: Result<Posted, ApiError>) -> String {
    match result {
        Ok(_) => "ok".to_owned(),
        Err(error) => {
            let shown = format!("{error} {error:?}");
            assert!(!shown.contains("xoxb") && !shown.contains("http://"), "{shown}");
            format!("{} {}", error.class(), error.code())
        }
    }
}

#[test]
fn a_message_is_posted_as_json_that_slack_reads_nothing_into() {
    run(async {
        let (server, api) = serving(|_| answer(r#"{"ok":true,"channel":"C1","ts":"1.000003","message":{}}"#)).await;
        let mut event_payload = serde_json::Map::new();
        event_payload.insert("request".to_owned(), "01ABC".into());
        let metadata = Metadata { event_type: "dronebot_reply".to_owned(), event_payload };
        let (channel, message) = (ChannelId::from("C1"), message());
        let posted = api
            .post_message(&PostMessage {
                channel: &channel,
                thread_ts: Some("1.000002"),
                message: &message,
                metadata: Some(&metadata),
            })
            .await
            .expect("posted");
        assert_eq!((posted.channel.as_str(), posted.ts.as_str()), ("C1", "1.000003"));
        let request = server.requests.borrow()[0].clone();
        assert_eq!(request.path(), "/api/chat.postMessage");
        assert_eq!(request.header("authorization"), Some("Bearer xoxb-secret"));
        assert_eq!(request.header("content-type"), Some("application/json; charset=utf-8"));
        insta::assert_snapshot!(request.body.replace(",\"", ",\n\""), @r#"
        {"channel":"C1",
        "thread_ts":"1.000002",
        "text":"hello &amp; goodbye",
        "blocks":[{"type":"divider"}],
        "unfurl_links":false,
        "unfurl_media":false,
        "parse":"none",
        "link_names":false,
        "metadata":{"event_type":"dronebot_reply",
        "event_payload":{"request":"01ABC"}}}
        "#);
    });
}

#[test]
fn an_edit_to_text_alone_takes_the_blocks_away() {
    run(async {
        let (server, api) = serving(|_| answer(r#"{"ok":true,"channel":"D1","ts":"1.1","text":""}"#)).await;
        let (channel, message) = (ChannelId::from("D1"), message().without_blocks());
        api.update(&UpdateMessage { channel: &channel, ts: "1.1", message: &message, metadata: None })
            .await
            .expect("edited");
        let body = server.requests.borrow()[0].json();
        assert_eq!((body["ts"].as_str(), body["blocks"].as_array().map(Vec::len)), (Some("1.1"), Some(0)));
        post(&api, &message).await.expect("posted");
        assert!(server.requests.borrow()[1].json().get("blocks").is_none());
    });
}

#[test]
fn look_ups_are_forms_and_read_leniently() {
    run(async {
        let (server, api) = serving(|request| match request.path() {
            "/api/auth.test" => status(
                200,
                "x-oauth-scopes: chat:write, commands\r\n",
                r#"{"ok":true,"url":"u","team_id":"T1","user_id":"UB","bot_id":"B1","new":1}"#,
            ),
            "/api/users.info" => answer(
                r#"{"ok":true,"user":{"id":"U1","team_id":"T1","name":"maya","is_restricted":true,"profile":{"display_name":"","real_name":"Maya B"}}}"#,
            ),
            "/api/usergroups.users.list" => answer(r#"{"ok":true,"users":["U1","U2"]}"#),
            _ => answer(r#"{"ok":true,"usergroups":[{"id":"S1","handle":"oncall"}]}"#),
        })
        .await;
        let who = api.auth_test().await.expect("authed");
        assert_eq!(
            (who.user_id, who.scopes),
            (Some(UserId::from("UB")), Some(vec!["chat:write".to_owned(), "commands".to_owned()]))
        );
        let maya = api.users_info(&UserId::from("U1&x")).await.expect("known");
        assert_eq!((maya.shown_name(), maya.membership(&TeamId::from("T1"))), ("Maya B", Membership::Guest));
        assert_eq!(maya.membership(&TeamId::from("T2")), Membership::Outside);
        assert_eq!(api.usergroups_users_list("S1").await.expect("members").len(), 2);
        assert_eq!(api.usergroups_list().await.expect("groups")[0].handle, "oncall");
        assert_eq!(server.requests.borrow()[1].body, "user=U1%26x");
        let kind = server.requests.borrow()[1].header("content-type").map(str::to_owned);
        assert_eq!(kind.as_deref(), Some("application/x-www-form-urlencoded"));
    });
}

#[test]
fn every_failure_has_the_class_that_says_what_to_do_next() {
    let refused = |code: &str| answer(format!(r#"{{"ok":false,"error":"{code}","needed":"chat:write"}}"#));
    let table = [
        (refused("invalid_auth"), "auth invalid_auth"),
        (refused("token_revoked"), "auth token_revoked"),
        (refused("missing_scope"), "config missing_scope"),
        (refused("not_in_channel"), "config not_in_channel"),
        (refused("restricted_action_thread_only_channel"), "config restricted_action_thread_only_channel"),
        (refused("msg_too_long"), "rejected msg_too_long"),
        (refused("invalid_blocks"), "rejected invalid_blocks"),
        (refused("SELECT * FROM xoxb-secret"), "rejected unreadable_error_code"),
        (refused("internal_error"), "retry internal_error"),
        (refused("service_unavailable"), "retry service_unavailable"),
        (refused("ratelimited"), "retry ratelimited"),
        (refused("fatal_error"), "ambiguous fatal_error"),
        (answer(r#"{"ok":false}"#), "rejected no_error_code"),
        (answer("<html>"), "ambiguous not_json"),
        (answer(r#"{"ok":true}"#), "ambiguous unexpected_answer"),
        (status(503, "", "down"), "retry http_503"),
        (status(302, "location: http://elsewhere.test\r\n", ""), "retry http_302"),
        (status(400, "", "bad"), "rejected http_400"),
        (Action::Drop, "ambiguous connection_lost"),
        (Action::Hang, "ambiguous timeout"),
        (Action::Stall, "ambiguous timeout"),
    ];
    for (action, expected) in table {
        run(async move {
            let shown = format!("{action:?}");
            let (_server, api) = serving(move |_| action.clone()).await;
            assert_eq!(class(post(&api, &message()).await), expected, "{shown}");
        });
    }
}

#[test]
fn a_lost_answer_may_be_repeated_where_doing_it_twice_is_doing_it_once() {
    for action in [Action::Drop, Action::Hang, Action::Stall] {
        run(async move {
            let (_server, api) = serving(move |_| action.clone()).await;
            let (channel, message) = (ChannelId::from("C1"), message());
            let edit = UpdateMessage { channel: &channel, ts: "1.1", message: &message, metadata: None };
            assert_eq!(api.update(&edit).await.expect_err("lost").class(), "retry");
            assert_eq!(api.users_info(&UserId::from("U1")).await.expect_err("lost").class(), "retry");
            let user = UserId::from("U1");
            let whisper = PostEphemeral { channel: &channel, user: &user, thread_ts: None, message: &message };
            assert_eq!(api.post_ephemeral(&whisper).await.expect_err("lost").class(), "ambiguous");
        });
    }
}

#[test]
fn what_cannot_have_been_sent_may_be_repeated() {
    run(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        drop(listener);
        let api = client(&config(format!("http://{address}/api")));
        assert_eq!(class(post(&api, &message()).await), "retry connect");
    });
    run(async {
        let server = Server::start(|_| Action::Hang).await;
        let api = client(&SlackConfig { api_connections: 1, ..config(server.url()) });
        let message = message();
        let (first, second) = tokio::join!(post(&api, &message), async {
            tokio::time::sleep(Duration::from_millis(50)).await;
            let patience = Duration::from_millis(50);
            api.inner.wire.post(&server.url(), None, Content::Form(String::new()), patience).await
        });
        assert_eq!(class(first), "ambiguous timeout");
        assert!(matches!(second, Err(CallError::NotSent { code: "busy", .. })), "{second:?}");
    });
}

#[test]
fn slacks_retry_after_silences_the_channel_and_no_other_method() {
    run(async {
        let first = Cell::new(true);
        let (server, api) = serving(move |request| {
            if request.path().ends_with("postMessage") && first.replace(false) {
                return status(429, "retry-after: 1\r\n", r#"{"ok":false,"error":"ratelimited"}"#);
            }
            answer(r#"{"ok":true,"channel":"C1","ts":"1.1","user":{"id":"U1"}}"#)
        })
        .await;
        let message = message();
        let second = Duration::from_secs(1);
        assert_eq!(
            post(&api, &message).await.expect_err("limited"),
            ApiError::Retry { after: Some(second), code: "ratelimited".to_owned() }
        );
        let Err(ApiError::Paced { after: wait }) = post(&api, &message).await else { panic!("held") };
        assert!(wait <= second, "{wait:?}");
        assert_eq!(server.requests.borrow().len(), 1, "nothing is sent while Slack wants silence");
        api.users_info(&UserId::from("U1")).await.expect("another method");
        tokio::time::sleep(wait).await;
        post(&api, &message).await.expect("after the silence");
    });
}

#[test]
fn one_channel_gets_one_message_a_second_and_the_call_waits_for_a_short_turn() {
    run(async {
        let server = Server::start(|_| answer(r#"{"ok":true,"channel":"C1","ts":"1.1"}"#)).await;
        let mut config = config(server.url());
        config.pacing.channel_interval = Duration::from_millis(300);
        config.pacing.max_wait = Duration::from_millis(400);
        let api = client(&config);
        let start = Instant::now();
        let message = message();
        post(&api, &message).await.expect("at once");
        post(&api, &message).await.expect("in its turn");
        assert!(start.elapsed() >= Duration::from_millis(300), "{:?}", start.elapsed());
        let impatient = post(&api.patient(Duration::from_millis(100)), &message).await;
        let Err(ApiError::Paced { after: wait }) = impatient else { panic!("{impatient:?}") };
        assert!(wait > Duration::from_millis(100), "{wait:?}");
        assert_eq!(server.requests.borrow().len(), 2);
    });
}

#[test]
fn answers_through_a_response_url() {
    let table = [
        (answer("ok"), "ok"),
        (answer(r#"{"ok":true}"#), "ok"),
        (answer(r#"{"ok":false,"error":"used_url"}"#), "rejected used_url"),
        (status(404, "", r#"{"ok":false,"error":"expired_url"}"#), "rejected expired_url"),
        (status(404, "", "<html>"), "rejected expired_url"),
        (status(429, "retry-after: 3\r\n", ""), "retry ratelimited"),
        (status(500, "", r#"{"ok":false,"error":"x"}"#), "retry http_500"),
        (Action::Hang, "ambiguous timeout"),
    ];
    for (action, expected) in table {
        run(async move {
            let (server, api) = serving(move |_| action.clone()).await;
            let url = SecretString::from(format!("http://{}/commands/T1/secret", server.address));
            let message = message();
            let respond =
                Respond { channel: &"C1".into(), message: &message, in_channel: false, replace_original: true };
            let outcome = match api.respond(&url, &respond).await {
                Ok(()) => "ok".to_owned(),
                Err(error) => format!("{} {}", error.class(), error.code()),
            };
            assert_eq!(outcome, expected);
            let request = server.requests.borrow()[0].clone();
            assert_eq!(request.header("authorization"), None, "the token is not for this address");
            assert_eq!(request.json()["response_type"], "ephemeral");
            assert_eq!(request.json()["replace_original"], true);
        });
    }
}

#[test]
fn an_address_that_is_not_slacks_is_not_called_whoever_gives_it() {
    run(async {
        let nobody = Server::start(|_| answer("ok")).await;
        let target = nobody.address;
        // a proxy would bring the call to whatever host is named
        let proxy = Server::start(move |_| Action::Tunnel(target)).await;
        let config = SlackConfig {
            proxy_url: SecretString::from(format!("http://{}", proxy.address)).into(),
            ..config("https://slack.com/api".to_owned())
        };
        let api = client(&config);
        for url in ["http://127.0.0.1:8999/x", "http://hooks.slack.com/x", "https://slack.com.evil.test/x", "nonsense"]
        {
            let message = message();
            let channel = "C1".into();
            let respond = Respond { channel: &channel, message: &message, in_channel: false, replace_original: false };
            let refused = api.respond(&SecretString::from(url), &respond).await.expect_err(url);
            assert_eq!(refused, ApiError::Rejected { code: "foreign_url".to_owned() }, "{url}");
        }
        assert!(nobody.requests.borrow().is_empty() && proxy.requests.borrow().is_empty());
    });
}

#[test]
fn a_file_is_not_uploaded_to_an_address_that_is_not_slacks() {
    run(async {
        let given = answer(r#"{"ok":true,"upload_url":"https://evil.test/upload","file_id":"F1"}"#);
        let (server, api) = serving(move |_| given.clone()).await;
        let refused = api.upload_file("list.csv", "a,b").await.expect_err("evil.test is not Slack");
        assert_eq!(refused, ApiError::Rejected { code: "foreign_url".to_owned() });
        assert_eq!(server.requests.borrow().len(), 1, "only the address was asked for");
    });
}

#[test]
fn calls_share_one_connection() {
    run(async {
        let (server, api) = serving(|_| answer("ok")).await;
        let url = SecretString::from(format!("http://{}/commands", server.address));
        let message = message();
        for _ in 0..50 {
            let respond =
                Respond { channel: &"C1".into(), message: &message, in_channel: false, replace_original: false };
            api.respond(&url, &respond).await.expect("ok");
        }
        assert!(server.requests.borrow().iter().all(|request| request.connection == 0));
    });
}

// failure 27
#[test]
fn a_proxy_gets_connect_with_its_credentials_and_the_tunnel_carries_the_call() {
    run(async {
        let slack = Server::start(|_| answer(r#"{"ok":true,"channel":"C1","ts":"1.1"}"#)).await;
        let target = slack.address;
        let proxy = Server::start(move |_| Action::Tunnel(target)).await;
        let proxied = |no_proxy: Option<&str>, host: &str| {
            let config = SlackConfig {
                proxy_url: SecretString::from(format!("http://bot:p%40ss@{}", proxy.address)).into(),
                ..config(format!("http://{host}/api"))
            };
            let proxy = Proxy::for_config(&config, None, no_proxy).expect("valid");
            WebApi::new(&config, Arc::new(proxy), Arc::new(Pacer::new(&config.pacing)))
        };
        // a name that only the proxy can resolve
        post(&proxied(None, "slack.invalid:8080"), &message()).await.expect("through the proxy");
        let connect = proxy.requests.borrow()[0].clone();
        assert!(connect.head.starts_with("CONNECT slack.invalid:8080 HTTP/1.1\r\n"), "{}", connect.head);
        assert_eq!(connect.header("proxy-authorization"), Some("Basic Ym90OnBAc3M="));
        assert_eq!(slack.requests.borrow()[0].header("authorization"), Some("Bearer xoxb-secret"));
        assert_eq!(slack.requests.borrow()[0].header("proxy-authorization"), None);
        post(&proxied(Some("127.0.0.1"), &target.to_string()), &message()).await.expect("past the proxy");
        assert_eq!((proxy.requests.borrow().len(), slack.requests.borrow().len()), (1, 2));
    });
}

#[test]
fn a_proxy_that_refuses_means_that_nothing_was_sent() {
    run(async {
        let proxy = Server::start(|_| status(407, "", "")).await;
        let config = SlackConfig {
            proxy_url: SecretString::from(format!("http://bot:wrong@{}", proxy.address)).into(),
            ..config("http://slack.invalid/api".to_owned())
        };
        assert_eq!(class(post(&client(&config), &message()).await), "retry connect");
    });
}

#[test]
fn https_goes_through_the_environments_proxy_and_offers_http_1_1_only() {
    run(async {
        let slack = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let target = slack.local_addr().expect("an address");
        let proxy = Server::start(move |_| Action::Tunnel(target)).await;
        let config =
            SlackConfig { dial_timeout: Duration::from_secs(5), ..config("https://slack.invalid/api".to_owned()) };
        let environment = Proxy::new(Some(&format!("http://{}", proxy.address)), None).expect("valid");
        let api = WebApi::new(&config, Arc::new(environment), Arc::new(Pacer::new(&config.pacing)));
        let greeting = async {
            use tokio::io::AsyncReadExt;
            let (mut stream, _) = slack.accept().await.expect("a tunnel");
            let mut bytes = vec![0; 2048];
            let read = stream.read(&mut bytes).await.expect("a greeting");
            String::from_utf8_lossy(&bytes[..read]).into_owned()
        };
        let message = message();
        let (result, greeting) = tokio::join!(post(&api, &message), within("a TLS greeting", greeting));
        assert_eq!(class(result), "retry connect", "TLS did not come about, so nothing was sent");
        assert!(greeting.starts_with("\u{16}\u{3}"), "a TLS record");
        assert!(greeting.contains("slack.invalid") && greeting.contains("http/1.1") && !greeting.contains("\u{2}h2"));
    });
}

#[test]
fn a_home_is_published_to_one_person_and_what_hinders_it_has_its_class() {
    run(async {
        let errors = ["", "hash_conflict", "not_enabled", "ratelimited"];
        let next = Cell::new(0);
        let (server, api) = serving(move |_| {
            let error = errors[next.replace(next.get() + 1)];
            if error.is_empty() {
                answer(r#"{"ok":true,"view":{"id":"V1","type":"home"}}"#)
            } else {
                answer(format!(r#"{{"ok":false,"error":"{error}"}}"#))
            }
        })
        .await;
        let blocks = RawValue::from_string(r#"[{"type":"divider"}]"#.to_owned()).expect("JSON");
        let user = UserId::from("U1");
        let publish = || api.views_publish(&user, &blocks);
        assert_eq!(publish().await, Ok(()));
        let request = server.requests.borrow()[0].clone();
        assert_eq!(request.path(), "/api/views.publish");
        let view = serde_json::json!({"type": "home", "blocks": [{"type": "divider"}]});
        assert_eq!(request.json(), serde_json::json!({"user_id": "U1", "view": view}));
        assert_eq!(publish().await, Err(ApiError::Rejected { code: "hash_conflict".into() }));
        assert_eq!(publish().await, Err(ApiError::Config { code: "not_enabled".into() }));
        let slow = publish().await;
        assert!(matches!(slow, Err(ApiError::Retry { after: Some(_), .. })), "{slow:?}");
        // Slack asked for silence, and is left alone
        assert!(matches!(publish().await, Err(ApiError::Paced { .. })));
        assert_eq!(server.requests.borrow().len(), 4);
    });
}

#[test]
fn a_fence_is_asked_when_the_turn_has_come_and_ends_a_call_that_outlasts_it() {
    run(async {
        let hangs = std::rc::Rc::new(Cell::new(false));
        let silent = std::rc::Rc::clone(&hangs);
        let server = Server::start(move |_| match silent.get() {
            true => Action::Hang,
            false => answer(r#"{"ok":true,"channel":"C1","ts":"1.000003","message":{}}"#),
        })
        .await;
        let pacing = PacingConfig { channel_interval: Duration::from_millis(300), ..PacingConfig::default() };
        let config = SlackConfig { pacing, api_timeout: Duration::from_secs(10), ..config(server.url()) };
        let left = std::rc::Rc::new(Cell::new(Some(Duration::from_secs(60))));
        let asked = std::rc::Rc::clone(&left);
        let api = client(&config).only_while(std::rc::Rc::new(move || asked.get()));
        let message = message();
        assert_eq!(class(post(&api, &message).await), "ok");
        // it is lost while the next call waits for its channel
        let lost = async {
            tokio::time::sleep(Duration::from_millis(50)).await;
            left.set(None);
        };
        let (result, ()) = tokio::join!(post(&api, &message), lost);
        assert_eq!(class(result), "retry fenced");
        assert_eq!(server.paths().len(), 1, "nothing was sent");
        // it ends while Slack is silent, once it has been renewed
        hangs.set(true);
        left.set(Some(Duration::from_millis(100)));
        let began = Instant::now();
        let lost = async {
            tokio::time::sleep(Duration::from_millis(600)).await;
            left.set(None);
        };
        let (result, ()) = tokio::join!(post(&api, &message), lost);
        assert_eq!(class(result), "ambiguous fenced");
        let took = began.elapsed();
        assert!(took >= Duration::from_millis(600) && took < Duration::from_secs(5), "{took:?}");
        assert_eq!(server.paths().len(), 2);
    });
}

/// Whatever leaves by the Web API, by each of its ways: its buttons and forms are sealed for where they go.
#[test]
fn every_button_and_form_that_is_sent_is_sealed_for_its_place() {
    run(async {
        let server = Server::start(|_| answer(r#"{"ok":true,"channel":"C1","ts":"1.5"}"#)).await;
        let api = client(&SlackConfig { app_token: "xapp-secret".into(), ..config(server.url()) });
        let blocks =
            r#"[{"type":"actions","elements":[{"type":"button","action_id":"run:0","value":"ec2 stop web-1"}]}]"#;
        let blocks = RawValue::from_string(blocks.to_owned()).expect("JSON");
        let message = Message { text: "Stop?".to_owned(), blocks: Some(blocks.clone()) };
        let (channel, user) = (&ChannelId::from("C1"), &UserId::from("U1"));
        let url = SecretString::from(format!("http://{}/commands", server.address));
        let post = PostMessage { channel, thread_ts: None, message: &message, metadata: None };
        api.post_message(&post).await.expect("posted");
        let to_person = PostMessage { channel: &"U1".into(), ..post.clone() };
        api.post_message(&to_person).await.expect("posted");
        let update = UpdateMessage { channel, ts: "1.5", message: &message, metadata: None };
        api.update(&update).await.expect("edited");
        let whisper = PostEphemeral { channel, user, thread_ts: None, message: &message };
        api.post_ephemeral(&whisper).await.expect("whispered");
        let respond = Respond { channel, message: &message, in_channel: false, replace_original: false };
        api.respond(&url, &respond).await.expect("answered");
        api.views_publish(user, &blocks).await.expect("shown");
        let view =
            RawValue::from_string(r#"{"type":"modal","private_metadata":"{\"v\":1}"}"#.to_owned()).expect("JSON");
        api.views_open(&SecretString::from("1.2.3"), &view).await.expect("opened");
        let sent: Vec<_> = server.requests.borrow().iter().map(Request::json).collect();
        let seals = a_seal();
        let places = ["C1", "U1", "C1", "C1", "C1", "U1"];
        for (sent, place) in sent.iter().zip(places) {
            let blocks = if sent["view"].is_null() { &sent["blocks"] } else { &sent["view"]["blocks"] };
            let value = blocks[0]["elements"][0]["value"].as_str().expect("a value");
            assert_eq!(seals.pressed("run:0", value, &[place]), Ok("ec2 stop web-1"), "{sent}");
            assert!(seals.pressed("run:0", value, &["C2"]).is_err());
        }
        let metadata = sent[6]["view"]["private_metadata"].as_str().expect("a memo");
        assert_eq!(seals.remembered(metadata), Some(r#"{"v":1}"#));
        assert_eq!(sent.len(), 7);
    });
}
