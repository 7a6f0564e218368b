use super::*;

#[test]
fn a_link_is_up_only_after_hello_and_envelopes_are_acknowledged() {
    run(async {
        let mut bench = Bench::new().await;
        let mut socket = bench.server.socket().await;
        assert!(bench.phases.try_recv().is_ok_and(|phase| phase == LinkPhase::Dialling));
        assert!(bench.phases.try_recv().is_err(), "not up before hello");
        socket.hello().await;
        bench.phase(LinkPhase::Up).await;
        socket.envelope("e-1").await;
        assert_eq!(socket.json().await.to_string(), r#"{"envelope_id":"e-1"}"#);
        assert_eq!(*bench.recorder.connections.lock(), [(1, 0)]);
        let goodbye = async {
            assert_eq!(socket.closed().await, Some(1000));
            drop(socket);
        };
        let (end, ()) = tokio::join!(bench.stopped(), goodbye);
        assert_eq!(end, SlotEnd::Stopped);
    });
}

// failure 35
#[test]
fn fragments_are_put_together_and_a_ping_between_them_is_answered() {
    run(async {
        let mut bench = Bench::new().await;
        let mut socket = bench.up().await;
        let text = br#"{"envelope_id":"e-1","type":"events_api","payload":{}}"#;
        socket.frame(false, TEXT, &text[..7]).await;
        socket.frame(true, PING, b"between").await;
        socket.frame(false, 0, &text[7..30]).await;
        socket.frame(true, 0, &text[30..]).await;
        let pong = loop {
            match socket.next().await.expect("a frame") {
                (PING, _) => {}
                (PONG, payload) => break payload,
                other => panic!("the pong comes first, not {other:?}"),
            }
        };
        assert_eq!(pong, b"between");
        assert_eq!(socket.ack().await, "e-1");
        let large = format!(r#"{{"envelope_id":"e-2","type":"events_api","payload":"{}"}}"#, "x".repeat(200_000));
        socket.text(&large).await;
        assert_eq!(socket.ack().await, "e-2");
        drop(socket);
        bench.stopped().await;
    });
}

// failure 9, failure 18, failure 31
#[test]
fn bad_frames_are_passed_over_and_unknown_envelopes_acknowledged() {
    run(async {
        let seen = Rc::new(Cell::new(0));
        let count = Rc::clone(&seen);
        let mut bench = Bench::with(
            |_| {},
            move |_| {
                count.set(count.get() + 1);
                Box::pin(async { Disposition::Ack })
            },
        )
        .await;
        let mut socket = bench.up().await;
        socket.text("{broken").await;
        socket.frame(true, TEXT, b"\xff\xfe").await;
        socket.frame(true, BINARY, b"{}").await;
        // no envelopes, in the words of Slack
        socket.text(r#"{"type":"app_rate_limited","team_id":"T1","minute_rate_limited":1,"api_app_id":"A1"}"#).await;
        socket.text(r#"{"type":"brand_new"}"#).await;
        socket.text(r#"{"type":"brand_new","envelope_id":"unknown"}"#).await;
        assert_eq!(socket.ack().await, "unknown");
        assert_eq!(seen.get(), 0);
        socket.text(r#"{"type":"events_api","envelope_id":"no-payload","retry_attempt":"x"}"#).await;
        assert_eq!(socket.ack().await, "no-payload");
        assert_eq!((seen.get(), bench.dials()), (1, 1));
        drop(socket);
        bench.stopped().await;
    });
}

// failure 16
#[test]
fn a_broken_protocol_ends_the_connection_once() {
    run(async {
        let mut bench = Bench::new().await;
        let mut socket = bench.up().await;
        socket.frame(true, 0x0b, b"an opcode that does not exist").await;
        socket.ended().await;
        let next = bench.up().await;
        assert_eq!(bench.dials(), 2);
        assert_eq!(bench.recorder.errors.lock().len(), 1, "{}", bench.errors());
        drop((socket, next));
        bench.stopped().await;
    });
}

// failure 16, failure 18
#[test]
fn however_much_nonsense_comes_the_log_stays_short() {
    let log = Log::default();
    log.clone().of(tracing::Level::INFO, async {
        let mut bench = Bench::new().await;
        let mut socket = bench.up().await;
        for number in 0..1_000 {
            socket.text("{garbage").await;
            socket.frame(true, BINARY, b"bytes").await;
            socket.text(&format!(r#"{{"type":"brand_new","envelope_id":"{number}"}}"#)).await;
            assert_eq!(socket.ack().await, number.to_string());
        }
        // after such a frame the codec gives the same error for ever
        socket.frame(true, 0x0b, b"?").await;
        socket.ended().await;
        let next = bench.up().await;
        assert_eq!((bench.dials(), bench.recorder.errors.lock().len()), (2, 1));
        drop((socket, next));
        bench.stopped().await;
    });
    let log = log.text();
    assert_eq!(log.matches("slack connection lost").count(), 1, "{log}");
    assert_eq!(log.matches("unknown envelope").count(), 10, "the 1st, 2nd, 4th … 512th: {log}");
    assert!(log.lines().count() < 20, "{log}");
}

// failure 2
#[test]
fn connections_that_nobody_holds_are_recorded_and_alerted_and_slow_the_next_dial() {
    let log = Log::default();
    log.clone().of(tracing::Level::INFO, async {
        let mut bench = Bench::tuned(|config| {
            config.backoff_min = Duration::from_millis(400);
            config.backoff_max = Duration::from_secs(2);
        })
        .await;
        let mut gaps = Vec::new();
        for count in [3, 4, 1, 1] {
            let mut socket = bench.server.socket().await;
            socket.text(&format!(r#"{{"type":"hello","num_connections":{count}}}"#)).await;
            bench.phase(LinkPhase::Up).await;
            drop(socket);
            bench.phase(LinkPhase::BackingOff).await;
            let lost = Instant::now();
            bench.phase(LinkPhase::Dialling).await;
            gaps.push(lost.elapsed());
        }
        assert_eq!(*bench.recorder.connections.lock(), [(3, 2), (4, 3), (1, 0), (1, 0)]);
        // 400 and 800 ms with jitter while there are ghosts; a moment when there are none
        assert!(gaps[0] >= Duration::from_millis(190) && gaps[1] >= Duration::from_millis(390), "{gaps:?}");
        assert!(gaps[2] <= Duration::from_millis(180) && gaps[3] <= Duration::from_millis(180), "{gaps:?}");
        bench.stopped().await;
    });
    let log = log.text();
    let alerts: Vec<&str> = log.lines().filter(|line| line.contains("connections that are not ours")).collect();
    assert_eq!(alerts.len(), 2, "{log}");
    assert!(alerts.iter().all(|line| line.contains("ERROR")), "{log}");
}
