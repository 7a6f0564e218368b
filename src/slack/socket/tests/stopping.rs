use super::*;

/// Where in a dial the stop comes.
#[derive(Clone, Copy, Debug, PartialEq)]
enum At {
    Fetch,
    Handshake,
    Hello,
    BackOff,
    Overlap,
}

// failure 7
#[test]
fn a_stop_in_any_phase_ends_cleanly_and_leaves_no_late_socket() {
    for at in [At::Fetch, At::Handshake, At::Hello, At::BackOff, At::Overlap] {
        run(async move {
            let (opens, upgrades) = match at {
                At::Fetch => (vec![Action::Hang], vec![]),
                At::Handshake => (vec![], vec![Action::Hang]),
                At::BackOff => (vec![status(500, "", "")], vec![]),
                At::Hello | At::Overlap => (vec![], vec![]),
            };
            let tune = |config: &mut SlackConfig| {
                let never = Duration::from_secs(30);
                (config.open_timeout, config.dial_timeout, config.hello_timeout) = (never, never, never);
                (config.backoff_min, config.backoff_max) = (never, never);
            };
            let mut bench = Bench::scripted(opens, upgrades, tune, acks_all).await;
            let wanted = if at == At::Handshake { 2 } else { 1 };
            within("the requests", async {
                while bench.server.paths().len() < wanted {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
            })
            .await;
            let mut held = Vec::new();
            match at {
                At::Hello => held.push(bench.server.socket().await),
                At::BackOff => bench.phase(LinkPhase::BackingOff).await,
                At::Overlap => {
                    let mut old = bench.up().await;
                    old.disconnect("warning").await;
                    held.extend([old, bench.server.socket().await]);
                }
                At::Fetch | At::Handshake => {}
            }
            if let Some(newest) = held.last_mut() {
                newest.answers().await;
            }
            let begun = Instant::now();
            let _ = bench.stop.send(true);
            for mut socket in held {
                assert_eq!(socket.closed().await, Some(1000), "{at:?}");
                socket.ended().await;
            }
            let requests = bench.server.paths().len();
            let end = within("the slot to stop", &mut bench.end).await.expect("no panic");
            assert_eq!(end, SlotEnd::Stopped);
            assert!(begun.elapsed() < Duration::from_secs(1), "{at:?}: {:?}", begun.elapsed());
            bench.server.deserted().await;
            assert_eq!(bench.server.paths().len(), requests, "{at:?}: nothing is dialled after the stop");
        });
    }
}

#[test]
fn a_stop_waits_a_little_for_what_is_being_decided() {
    run(async {
        let (started, mut starts) = mpsc::unbounded_channel();
        let mut bench = Bench::with(
            |_| {},
            move |envelope| {
                let _ = started.send(());
                Box::pin(async move {
                    let wait = if envelope.envelope_id == "soon" { 50 } else { 60_000 };
                    tokio::time::sleep(Duration::from_millis(wait)).await;
                    Disposition::Ack
                })
            },
        )
        .await;
        let mut socket = bench.up().await;
        socket.envelope("soon").await;
        socket.envelope("never").await;
        for _ in 0..2 {
            within("the sink", starts.recv()).await.expect("called");
        }
        let start = Instant::now();
        let reader = async {
            assert_eq!(socket.ack().await, "soon");
            assert_eq!(socket.closed().await, Some(1000));
            drop(socket);
        };
        let (end, ()) = tokio::join!(bench.stopped(), reader);
        assert_eq!(end, SlotEnd::Stopped);
        assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
    });
}
