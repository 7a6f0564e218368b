use super::*;

// failure 15
#[test]
fn pings_are_sent_and_a_quiet_but_healthy_link_lives() {
    run(async {
        let mut bench = Bench::tuned(|config| config.idle_timeout = Duration::from_millis(400)).await;
        let mut socket = bench.up().await;
        let start = Instant::now();
        while start.elapsed() < Duration::from_millis(1_300) {
            if let Some((PING, payload)) = socket.next().await {
                socket.frame(true, PONG, &payload).await;
            }
        }
        assert_eq!(bench.dials(), 1);
        drop(socket);
        bench.stopped().await;
    });
}

// failure 12, failure 14
#[test]
fn a_link_without_any_frame_is_dead_and_replaced() {
    run(async {
        let mut bench = Bench::tuned(|config| config.idle_timeout = Duration::from_millis(250)).await;
        let mut deaf = bench.up().await;
        let up = Instant::now();
        let mut next = bench.up().await;
        assert!(up.elapsed() >= Duration::from_millis(240), "{:?}", up.elapsed());
        assert!(bench.errors().contains("no frame for"), "{}", bench.errors());
        deaf.closed().await;
        deaf.ended().await;
        next.envelope("e-1").await;
        assert_eq!(next.ack().await, "e-1");
        drop((deaf, next));
        bench.stopped().await;
    });
}

// failure 3, failure 4
#[test]
fn a_close_is_answered_once_and_the_connection_dropped_though_slack_keeps_it_open() {
    run(async {
        let mut bench = Bench::new().await;
        let mut socket = bench.up().await;
        socket.frame(true, CLOSE, &1000_u16.to_be_bytes()).await;
        assert_eq!(socket.closed().await, Some(1000));
        let replied = Instant::now();
        while let Some((opcode, _)) = socket.next().await {
            assert_ne!(opcode, CLOSE, "one close is enough");
        }
        assert!(replied.elapsed() < Duration::from_secs(1));
        let next = bench.up().await;
        drop((socket, next));
        bench.stopped().await;
    });
}

// failure 13
#[test]
fn a_network_that_takes_no_bytes_ends_the_link() {
    run(async {
        let mut bench = Bench::with(
            |config| config.idle_timeout = Duration::from_secs(15),
            |_| {
                Box::pin(async {
                    let text = format!("{:?}", "x".repeat(15_000));
                    Disposition::AckWith(RawValue::from_string(text).expect("JSON"))
                })
            },
        )
        .await;
        let mut stuck = bench.up().await;
        for number in 0..800 {
            stuck.envelope(&number.to_string()).await;
        }
        let next = bench.up().await;
        assert!(bench.errors().contains("takes no bytes"), "{}", bench.errors());
        drop((stuck, next));
        bench.stopped().await;
    });
}
