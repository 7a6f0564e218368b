use super::*;

// failure 1
#[test]
fn a_refresh_dials_first_and_the_old_link_is_still_heard() {
    run(async {
        let mut bench = Bench::new().await;
        let mut old = bench.up().await;
        old.disconnect("warning").await;
        let mut new = bench.server.socket().await;
        old.envelope("on-old-before").await;
        assert_eq!(old.ack().await, "on-old-before");
        old.disconnect("refresh_requested").await;
        new.hello().await;
        bench.phase(LinkPhase::Up).await;
        old.envelope("on-old-after").await;
        assert_eq!(old.ack().await, "on-old-after");
        new.envelope("on-new").await;
        assert_eq!(new.ack().await, "on-new");
        old.closed().await;
        old.ended().await;
        new.envelope("still").await;
        assert_eq!(new.ack().await, "still");
        assert_eq!(bench.dials(), 2);
        drop((old, new));
        bench.stopped().await;
    });
}

// failure 5, failure 6
#[test]
fn an_old_link_that_slack_closes_during_the_overlap_causes_no_second_dial() {
    run(async {
        let mut bench = Bench::new().await;
        let mut old = bench.up().await;
        old.disconnect("refresh_requested").await;
        let mut new = bench.server.socket().await;
        old.frame(true, CLOSE, &1000_u16.to_be_bytes()).await;
        old.closed().await;
        old.ended().await;
        new.hello().await;
        bench.phase(LinkPhase::Up).await;
        new.envelope("e").await;
        assert_eq!(new.ack().await, "e");
        tokio::time::sleep(Duration::from_millis(400)).await;
        assert_eq!(bench.dials(), 2);
        drop((old, new));
        bench.stopped().await;
    });
}

#[test]
fn an_ack_whose_connection_has_gone_goes_out_on_the_next_one() {
    run(async {
        let (decide, decision) = oneshot::channel::<()>();
        let decision = RefCell::new(Some(decision));
        let mut bench = Bench::with(
            |_| {},
            move |_| {
                let decision = decision.borrow_mut().take();
                Box::pin(async move {
                    if let Some(decision) = decision {
                        let _ = decision.await;
                    }
                    Disposition::Ack
                })
            },
        )
        .await;
        let mut old = bench.up().await;
        old.envelope("slow").await;
        old.envelope("fast").await;
        assert_eq!(old.ack().await, "fast", "one envelope does not hold up another");
        drop(old);
        bench.phase(LinkPhase::BackingOff).await;
        decide.send(()).expect("waiting");
        let mut new = bench.up().await;
        assert_eq!(new.ack().await, "slow");
        drop(new);
        bench.stopped().await;
    });
}

// failure 8
#[test]
fn a_disconnect_before_hello_leads_to_another_dial() {
    run(async {
        let mut bench = Bench::new().await;
        for reason in ["warning", "refresh_requested", "something_new"] {
            let mut socket = bench.server.socket().await;
            socket.disconnect(reason).await;
            socket.closed().await;
        }
        let last = bench.up().await;
        assert_eq!(bench.dials(), 4);
        drop(last);
        bench.stopped().await;
    });
}

// failure 26
#[test]
fn too_many_websockets_closes_first_and_waits_long() {
    run(async {
        let mut bench = Bench::tuned(|config| config.stable_after = Duration::from_secs(60)).await;
        let mut socket = bench.server.socket().await;
        socket.disconnect("too_many_websockets").await;
        socket.closed().await;
        let closed = Instant::now();
        let next = bench.up().await;
        assert!(closed.elapsed() >= Duration::from_millis(90), "{:?}", closed.elapsed());
        assert!(bench.errors().contains("ten connections"), "{}", bench.errors());
        drop((socket, next));
        bench.stopped().await;
    });
}

// failure 26
#[test]
fn a_switched_off_socket_mode_is_looked_at_again_slowly() {
    run(async {
        let mut bench = Bench::new().await;
        let mut socket = bench.up().await;
        socket.disconnect("link_disabled").await;
        socket.closed().await;
        let closed = Instant::now();
        bench.phase(LinkPhase::BackingOff).await;
        assert!(bench.errors().contains("switched off"), "{}", bench.errors());
        let next = bench.up().await;
        assert!(closed.elapsed() >= Duration::from_millis(250), "{:?}", closed.elapsed());
        drop((socket, next));
        bench.stopped().await;
    });
}

// failure 8
#[test]
fn a_disconnect_is_borne_in_every_state_and_for_every_reason() {
    for reason in ["warning", "refresh_requested", "link_disabled", "too_many_websockets", "brand_new"] {
        run(async move {
            let mut bench = Bench::new().await;
            // before hello
            let mut early = bench.server.socket().await;
            early.disconnect(reason).await;
            assert_eq!(early.closed().await, Some(1000));
            // while it is being closed
            early.disconnect(reason).await;
            early.ended().await;
            // on a link that is up, again while its successor is on its way, and once more while that is up
            let mut old = bench.up().await;
            old.disconnect("warning").await;
            old.disconnect(reason).await;
            let mut new = bench.up().await;
            old.disconnect(reason).await;
            new.envelope("e").await;
            assert_eq!(new.ack().await, "e");
            assert!(*bench.recorder.most_sockets.lock() <= 2);
            drop((early, old, new));
            bench.stopped().await;
        });
    }
}

// failure 1, failure 6
#[test]
fn an_old_link_that_slack_closes_when_its_successor_is_up_is_not_replaced_again() {
    run(async {
        let mut bench = Bench::new().await;
        let mut old = bench.up().await;
        old.disconnect("refresh_requested").await;
        let mut new = bench.up().await;
        old.frame(true, CLOSE, &1000_u16.to_be_bytes()).await;
        old.closed().await;
        old.ended().await;
        for _ in 0..10 {
            new.envelope("e").await;
            assert_eq!(new.ack().await, "e");
            tokio::time::sleep(Duration::from_millis(30)).await;
        }
        assert_eq!((bench.dials(), bench.errors().as_str()), (2, ""));
        drop((old, new));
        bench.stopped().await;
    });
}

// failure 6
#[test]
fn a_successor_that_is_replaced_too_makes_the_oldest_go_before_a_third_is_dialled() {
    run(async {
        let mut bench = Bench::tuned(|config| config.overlap = Duration::from_secs(10)).await;
        let mut oldest = bench.up().await;
        oldest.disconnect("warning").await;
        let mut old = bench.up().await;
        old.disconnect("warning").await;
        assert_eq!(oldest.closed().await, Some(1000));
        assert_eq!(bench.dials(), 2, "no third socket beside two");
        oldest.ended().await;
        old.envelope("heard all the while").await;
        assert_eq!(old.ack().await, "heard all the while");
        let new = bench.up().await;
        assert_eq!((bench.dials(), *bench.recorder.most_sockets.lock()), (3, 2));
        drop((oldest, old, new));
        bench.stopped().await;
    });
}

// failure 25
#[test]
fn a_link_that_breaks_in_several_ways_at_once_is_dialled_once() {
    run(async {
        let mut bench = Bench::new().await;
        let mut socket = bench.up().await;
        socket.disconnect("refresh_requested").await;
        socket.disconnect("warning").await;
        socket.frame(true, CLOSE, &1000_u16.to_be_bytes()).await;
        socket.frame(true, 0x0b, b"?").await;
        drop(socket);
        let mut next = bench.up().await;
        for number in 0..20 {
            next.envelope(&number.to_string()).await;
            assert_eq!(next.ack().await, number.to_string());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert_eq!(bench.dials(), 2);
        drop(next);
        bench.stopped().await;
    });
}
