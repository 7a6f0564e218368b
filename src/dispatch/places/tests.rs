use super::*;
use crate::domain::{RequestId, Source};
use crate::slack::api::Pacer;
use crate::slack::testing::{Action, Server, answer, run, status};
use crate::slack::{PacingConfig, Proxy, SlackConfig};
use secrecy::SecretString;

async fn places(said: impl Fn() -> Action + 'static) -> (Server, Places) {
    let server = Server::start(move |_| said()).await;
    let config = SlackConfig {
        api_url: server.url(),
        bot_token: "xoxb-secret".into(),
        pacing: PacingConfig { max_wait: Duration::ZERO, ..PacingConfig::default() },
        ..SlackConfig::default()
    };
    let proxy = Arc::new(Proxy::for_config(&config, None, None).expect("a valid proxy"));
    let api = WebApi::new(&config, proxy, Arc::new(Pacer::new(&config.pacing)));
    (server, Places::new(api, Arc::default()))
}

/// Whatever Slack says of a channel: shared is what is not known not to be.
#[test]
fn a_place_is_ones_own_only_where_slack_says_so() {
    let table = [
        (answer(r#"{"ok":true,"channel":{"id":"C1","is_ext_shared":false}}"#), Ok(Reach::Own)),
        (answer(r#"{"ok":true,"channel":{"id":"C1","is_ext_shared":true}}"#), Ok(Reach::Shared)),
        (answer(r#"{"ok":true,"channel":{"id":"C1"}}"#), Ok(Reach::Unknown)),
        (answer(r#"{"ok":true,"channel":{"id":"C1","is_ext_shared":"perhaps"}}"#), Ok(Reach::Unknown)),
        (answer(r#"{"ok":false,"error":"channel_not_found"}"#), Ok(Reach::Unknown)),
        (answer(r#"{"ok":false,"error":"missing_scope","needed":"groups:read"}"#), Ok(Reach::Unknown)),
        (status(503, "", ""), Err("retry")),
        (answer(r#"{"ok":false,"error":"invalid_auth"}"#), Err("auth")),
    ];
    for (said, expected) in table {
        run(async move {
            let answered = said.clone();
            let (server, places) = places(move || answered.clone()).await;
            for _ in 0..3 {
                let reach = places.reach(&"C1".into(), Trust::USUAL).await;
                assert_eq!(
                    reach.as_ref().map_err(ApiError::class),
                    expected.as_ref().map_err(|class| *class),
                    "{said:?}"
                );
            }
            assert_eq!(server.paths().len(), 1, "asked once: {said:?}");
            for alone in ["D1", "U1", "W1"] {
                assert_eq!(places.reach(&alone.into(), Trust::LITTLE).await, Ok(Reach::Own));
            }
            assert_eq!(server.paths().len(), 1);
        });
    }
}

#[test]
fn what_an_envelope_says_is_believed_for_as_long_as_what_slack_says() {
    run(async {
        let (server, places) = places(|| answer(r#"{"ok":true,"channel":{"is_ext_shared":true}}"#)).await;
        let channel = ChannelId::from("C1");
        places.heard.note(&channel, false);
        assert_eq!(places.reach(&channel, Trust::LITTLE).await, Ok(Reach::Own));
        assert!(server.paths().is_empty(), "nothing is asked that was said");
        places.heard.note(&channel, true);
        assert_eq!(places.reach(&channel, Trust::LITTLE).await, Ok(Reach::Shared));
        let old = Heard { shared: false, at: Instant::now() - Duration::from_secs(31) };
        places.heard.0.lock().insert(channel.clone(), old);
        assert_eq!(places.reach(&channel, Trust::USUAL).await, Ok(Reach::Own));
        assert_eq!(places.reach(&channel, Trust::LITTLE).await, Ok(Reach::Shared), "asked anew for a change");
        (0..MOST * 2).for_each(|number| places.heard.note(&ChannelId(format!("C{number}")), false));
        assert!(places.heard.0.lock().len() <= MOST);
    });
}

#[test]
fn where_others_read_no_answer_is_for_all() {
    let url = || SecretString::from("https://hooks.slack.com/x");
    let thread = |begun| ReplyTo::Thread { thread_ts: "1.5".to_owned(), begun };
    let beside = |response_url| ReplyTo::Beside { thread_ts: Some("1.5".to_owned()), response_url };
    let table = [
        (thread(false), "alone -"),
        (thread(true), "alone 1.5"),
        (ReplyTo::Channel, "alone -"),
        (beside(Some(url())), "presser"),
        (beside(None), "alone -"),
        (ReplyTo::Caller { response_url: Some(url()) }, "caller"),
        (ReplyTo::Caller { response_url: None }, "caller"),
        (ReplyTo::Presser { response_url: url() }, "presser"),
        (ReplyTo::Alone { thread_ts: Some("1.5".to_owned()) }, "alone 1.5"),
    ];
    for (reply_to, expected) in table {
        let request = Request {
            id: RequestId::new(1, 1),
            source: Source::Mention,
            team: "T1".into(),
            user: "U1".into(),
            channel: "C1".into(),
            text: "ec2 list".to_owned(),
            reply_to,
            accepted_at: jiff::Timestamp::UNIX_EPOCH,
            trigger: None,
        };
        for reach in [Reach::Shared, Reach::Unknown] {
            let spared = match &reach.spares(&request).reply_to {
                ReplyTo::Alone { thread_ts } => format!("alone {}", thread_ts.as_deref().unwrap_or("-")),
                ReplyTo::Presser { .. } => "presser".to_owned(),
                ReplyTo::Caller { .. } => "caller".to_owned(),
                open => panic!("{open:?}"),
            };
            assert_eq!(spared, expected, "{request:?}");
        }
        assert!(matches!(Reach::Own.spares(&request), Cow::Borrowed(_)));
    }
}
