use super::*;

// failure 27
#[test]
fn socket_mode_goes_through_the_proxy_as_well() {
    run(async {
        let mut slack = Server::start(|request| match request.path() {
            "/api/apps.connections.open" => answer(r#"{"ok":true,"url":"ws://slack-wss/link/?ticket=1"}"#),
            _ => Action::Upgrade,
        })
        .await;
        let target = slack.address;
        let proxy = Server::start(move |_| Action::Tunnel(target)).await;
        // names that only the proxy resolves; without a dot they are a sandbox's, which alone is called without TLS
        let config = SlackConfig {
            proxy_url: SecretString::from(format!("http://{}", proxy.address)).into(),
            ..config("http://slack-api/api".to_owned())
        };
        let route = Proxy::for_config(&config, None, None).expect("valid");
        let (stop, stopped) = watch::channel(false);
        let sink: Rc<dyn EnvelopeSink> = Rc::new(Sink(Rc::new(acks_all)));
        let board = Arc::new(LinkBoard::new(1));
        let slot = run_slot(Arc::new(config), Arc::new(route), 0, sink, Arc::clone(&board) as _, stopped);
        let talk = async {
            let mut socket = slack.socket().await;
            socket.hello().await;
            socket.envelope("e").await;
            assert_eq!(socket.ack().await, "e");
            assert!(board.any_up());
            stop.send(true).expect("running");
        };
        let (end, ()) = tokio::join!(slot, talk);
        assert_eq!(end, SlotEnd::Stopped);
        assert_eq!(proxy.paths(), ["slack-api:80", "slack-wss:80"]);
    });
}

// failure 28
#[test]
fn no_token_and_no_ticket_is_ever_logged_or_shown() {
    let log = Log::default();
    log.clone().of(tracing::Level::TRACE, async {
        let opens =
            [answer(r#"{"ok":true,"url":"ws://[bad/?ticket=9"}"#), answer(r#"{"ok":false,"error":"xapp-test"}"#)];
        let upgrades = [status(404, "", "ticket=1"), Action::Drop, Action::Hang];
        let mut bench = Bench::scripted(opens, upgrades, |_| {}, acks_all).await;
        let mut socket = bench.up().await;
        // what Slack puts into frames: the old verification token, a capability, a workflow's token
        socket.text(r#"{"type":"slash_commands","envelope_id":"e","payload":{"token":"verification","response_url":"https://hooks.slack.com/x"}}"#).await;
        assert_eq!(socket.ack().await, "e");
        socket.text(r#"{"type":"events_api","envelope_id":"f","payload":{"event":{"type":"function_executed","bot_access_token":"xwfp-1"}}}"#).await;
        assert_eq!(socket.ack().await, "f");
        socket.text(r#"{"type":"brand_new","envelope_id":"g","payload":{"bot_access_token":"xwfp-1"}}"#).await;
        assert_eq!(socket.ack().await, "g");
        socket.text("{broken ticket=5 xoxb-1").await;
        socket.disconnect("link_disabled").await;
        socket.closed().await;
        assert!(!bench.errors().contains("ticket") && !bench.errors().contains("xapp-test"), "{}", bench.errors());
        drop(socket);
        bench.stopped().await;
    });
    let log = log.text();
    assert!(log.contains("slack connection is up"), "the log was collected");
    for secret in ["xapp-test", "ticket=", "hooks.slack.com", "verification", "xwfp-1", "xoxb-1"] {
        assert!(!log.contains(secret), "{secret} in the log");
    }
}
