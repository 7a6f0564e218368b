use super::*;

// failure 10
#[test]
fn tokens_that_slack_refuses_for_good_end_the_slot_with_advice() {
    for code in [
        "invalid_auth",
        "not_authed",
        "account_inactive",
        "token_revoked",
        "token_expired",
        "not_allowed_token_type",
        "user_removed_from_team",
        "team_disabled",
        "missing_scope",
        "no_permission",
    ] {
        run(async move {
            let refusal = answer(format!(r#"{{"ok":false,"error":"{code}"}}"#));
            let bench = Bench::scripted([refusal], [], |_| {}, acks_all).await;
            let end = within("the slot to end", bench.end).await.expect("no panic");
            let SlotEnd::Fatal { reason } = end else { panic!("fatal, not {end:?}") };
            assert!(reason.contains(code) && !reason.contains("xapp-test"), "{reason}");
            assert_eq!(bench.server.paths().len(), 1);
            drop(bench.stop);
        });
    }
}

// failure 10
#[test]
fn everything_else_that_goes_wrong_while_dialling_is_tried_again() {
    run(async {
        let opens = [
            status(500, "", "oops"),
            answer("<html>captive portal</html>"),
            answer(r#"{"ok":false,"error":"internal_error"}"#),
            answer(r#"{"ok":false,"error":"forbidden_team"}"#),
            answer(r#"{"ok":false,"error":"fatal_error"}"#),
            answer(r#"{"ok":false,"error":"brand_new_error"}"#),
            status(401, "", r#"{"ok":false,"error":"service_unavailable"}"#),
            status(403, "", "forbidden"),
            answer(r#"{"ok":true}"#),
            answer(r#"{"ok":true,"url":"not a url"}"#),
            status(302, "location: http://example.com\r\n", ""),
            Action::Drop,
            Action::Hang,
            Action::Stall,
        ];
        let upgrades = [Action::Drop, Action::Hang, status(429, "retry-after: 1\r\n", "slow down")];
        let mut bench = Bench::scripted(opens, upgrades, |_| {}, acks_all).await;
        let mut silent = bench.server.socket().await;
        silent.closed().await;
        assert!(bench.errors().contains("hello"), "{}", bench.errors());
        let socket = bench.up().await;
        assert!(bench.script.opens.borrow().is_empty() && bench.script.upgrades.borrow().is_empty());
        assert_eq!(bench.dials(), 14 + 3 + 2);
        assert!(!bench.errors().contains("ticket"), "no ticket in {}", bench.errors());
        drop((silent, socket));
        bench.stopped().await;
    });
}

#[test]
fn a_rate_limited_open_waits_as_long_as_slack_says() {
    run(async {
        let limited = status(429, "retry-after: 1\r\n", r#"{"ok":false,"error":"ratelimited"}"#);
        let mut bench = Bench::scripted([limited], [], |_| {}, acks_all).await;
        let start = Instant::now();
        let socket = bench.up().await;
        assert!(start.elapsed() >= Duration::from_secs(1), "{:?}", start.elapsed());
        drop(socket);
        bench.stopped().await;
    });
}

// failure 26
#[test]
fn pauses_grow_although_hello_was_said_until_a_link_is_stable() {
    run(async {
        let mut bench = Bench::tuned(|config| config.stable_after = Duration::from_secs(60)).await;
        let mut gaps = Vec::new();
        for _ in 0..4 {
            drop(bench.up().await);
            let lost = Instant::now();
            let socket = bench.server.socket().await;
            gaps.push(lost.elapsed());
            drop(socket);
            // the connection that never said hello counts as a failure too
        }
        assert!(gaps[3] >= Duration::from_millis(150), "{gaps:?}");
        bench.stopped().await;
    });
}

// failure 11
#[test]
fn every_attempt_asks_for_a_ticket_of_its_own() {
    run(async {
        let upgrades = [Action::Drop, status(404, "", ""), status(503, "", ""), Action::Drop];
        let mut bench = Bench::scripted([], upgrades, |_| {}, acks_all).await;
        let first = bench.up().await;
        drop(first);
        let second = bench.up().await;
        let tickets: Vec<String> = bench.server.paths().into_iter().filter(|path| path.contains("ticket=")).collect();
        let mut known = tickets.clone();
        known.dedup();
        assert_eq!((tickets.len(), known.len(), bench.dials()), (6, 6, 6), "{tickets:?}");
        // and a used one opens nothing
        let (mut stream, head) =
            (tokio::net::TcpStream::connect(bench.server.address).await.expect("a stream"), &tickets[5]);
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        stream.write_all(format!("GET {head} HTTP/1.1\r\nhost: x\r\n\r\n").as_bytes()).await.expect("sent");
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).await.expect("an answer");
        assert_eq!(&answer, b"HTTP/1.1 404");
        drop((second, stream));
        bench.stopped().await;
    });
}
