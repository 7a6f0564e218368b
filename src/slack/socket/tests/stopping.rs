use super::*;

#[test]
fn a_stop_in_any_phase_leaves_nothing_behind() {
    run(async {
        // while asking for a ticket, opening the WebSocket, waiting for hello, backing off
        let hang = || Box::pin(async { Disposition::Ack }) as LocalBoxFuture<'static, Disposition>;
        for (opens, upgrades) in [
            (vec![Action::Hang], vec![]),
            (vec![], vec![Action::Hang]),
            (vec![], vec![]),
            (vec![status(500, "", "")], vec![]),
        ] {
            let bench = Bench::scripted(opens, upgrades, |_| {}, move |_| hang()).await;
            within("a request", async {
                while bench.server.paths().is_empty() {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
            })
            .await;
            tokio::time::sleep(Duration::from_millis(10)).await;
            assert_eq!(bench.stopped().await, SlotEnd::Stopped);
        }
    });
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
