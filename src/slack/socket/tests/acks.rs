use super::*;

// failure 19, failure 37
#[test]
fn what_an_ack_may_carry() {
    run(async {
        let mut bench = Bench::with(
            |_| {},
            |envelope| {
                Box::pin(async move {
                    let raw = |text: String| RawValue::from_string(text).expect("JSON");
                    match envelope.envelope_id.as_str() {
                        "leave" => Disposition::Leave,
                        "large" => Disposition::AckWith(raw(format!("{:?}", "x".repeat(ACK_LIMIT)))),
                        _ => Disposition::AckWith(raw(r#"{"text":"done"}"#.to_owned())),
                    }
                })
            },
        )
        .await;
        let mut socket = bench.up().await;
        socket.envelope("leave").await;
        socket.envelope("with").await;
        assert_eq!(socket.json().await.to_string(), r#"{"envelope_id":"with","payload":{"text":"done"}}"#);
        socket.envelope("large").await;
        assert_eq!(socket.json().await.to_string(), r#"{"envelope_id":"large"}"#);
        socket
            .text(r#"{"type":"events_api","envelope_id":"event","accepts_response_payload":false,"payload":{}}"#)
            .await;
        assert_eq!(socket.json().await.to_string(), r#"{"envelope_id":"event"}"#);
        socket.envelope("quo\\\"te").await;
        assert_eq!(socket.ack().await, "quo\"te");
        drop(socket);
        bench.stopped().await;
    });
}

// failure 17, failure 20
#[test]
fn envelopes_above_the_limit_in_work_are_left() {
    run(async {
        let mut bench =
            Bench::with(|config| config.max_in_flight = 2, |_| Box::pin(std::future::pending::<Disposition>())).await;
        let mut socket = bench.up().await;
        for id in ["a", "b", "c"] {
            socket.envelope(id).await;
        }
        socket.frame(true, PING, b"alive").await;
        loop {
            match socket.next().await {
                Some((PONG, payload)) if payload == b"alive" => break,
                Some((PING, _)) => {}
                other => panic!("no acknowledgement: {other:?}"),
            }
        }
        drop(socket);
        bench.stopped().await;
    });
}

// failure 20
#[test]
fn many_envelopes_are_all_acknowledged_though_they_finish_in_any_order() {
    run(async {
        let mut bench = Bench::with(
            |_| {},
            |envelope| {
                Box::pin(async move {
                    let number: u64 = envelope.envelope_id.parse().expect("a number");
                    if number.is_multiple_of(7) {
                        tokio::time::sleep(Duration::from_millis(number % 5)).await;
                    }
                    Disposition::Ack
                })
            },
        )
        .await;
        let mut socket = bench.up().await;
        let mut expected: Vec<u64> = (0..3_000).collect();
        for number in &expected {
            socket.envelope(&number.to_string()).await;
        }
        let mut acks = Vec::new();
        while acks.len() < expected.len() {
            acks.push(socket.ack().await.parse::<u64>().expect("a number"));
        }
        acks.sort_unstable();
        expected.sort_unstable();
        assert_eq!(acks, expected);
        drop(socket);
        bench.stopped().await;
    });
}

// failure 17, failure 20
#[test]
fn a_store_that_takes_its_time_neither_stops_the_reader_nor_the_acks_of_others() {
    run(async {
        let mut bench = Bench::with(
            |config| config.idle_timeout = Duration::from_millis(300),
            |envelope| {
                Box::pin(async move {
                    if envelope.envelope_id.starts_with("slow") {
                        std::future::pending::<()>().await;
                    }
                    Disposition::Ack
                })
            },
        )
        .await;
        let mut socket = bench.up().await;
        for number in 0..500 {
            socket.envelope(&format!("slow-{number}")).await;
        }
        // three times as long as a link may be silent: it is read, and answers pings, all the while
        for number in 0..18 {
            socket.frame(true, PING, b"alive").await;
            socket.envelope(&number.to_string()).await;
            assert_eq!(socket.ack().await, number.to_string());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        assert_eq!((bench.dials(), *bench.recorder.delivered.lock()), (1, 518));
        drop(socket);
        bench.stopped().await;
    });
}
