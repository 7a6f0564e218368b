use super::*;
use crate::domain::{
    ActorPhase, ActorVitals, Build, Drill, LinkVitals, QueueName, QueueVitals, StoreVitals, VitalsSource,
};
use parking_lot::Mutex;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

fn board() -> Arc<Board> {
    Board::new(BoardSpec {
        build: Build {
            version: "0.1.0",
            revision: "abc123",
            created: "2026-11-24T10:00:00Z",
            source: "https://git.test/drone",
        },
        host: "host-1".into(),
        policy_hash: "e3b0c44298fc".into(),
        idle_bound: Duration::from_secs(45),
        needed_actors: vec!["dispatcher".into(), "courier".into()],
    })
}

fn actor(name: &str, phase: ActorPhase) -> ActorVitals {
    ActorVitals {
        name: name.into(),
        phase,
        incarnation: 3,
        restarts: 2,
        last_failure: (phase != ActorPhase::Up).then(|| "panicked at src/x.rs:1".to_owned()),
        since: Duration::from_secs(5),
    }
}

fn link(slot: usize, up: bool, error: Option<&str>) -> LinkVitals {
    LinkVitals {
        slot,
        phase: if up { "up" } else { "dialling" }.into(),
        up,
        last_frame: up.then_some(Duration::ZERO),
        last_event: up.then_some(Duration::ZERO),
        num_connections: up.then_some(2),
        strange_connections: 0,
        last_error: error.map(str::to_owned),
    }
}

fn well() -> StoreVitals {
    StoreVitals { kind: "sqlite".into(), ok: true, last_error: None, open: 3, overdue: None, queued: 0 }
}

/// A board on which everything is as it should be.
fn healthy() -> Arc<Board> {
    let board = board();
    board.watch_actors(|| vec![actor("courier", ActorPhase::Up), actor("dispatcher", ActorPhase::Up)]);
    board.watch_store(well);
    board.watch_links(|| vec![link(0, true, None), link(1, false, Some("connection refused"))]);
    board.started();
    board
}

#[test]
fn a_store_that_does_not_answer_is_a_cause_and_an_error_of_before_is_not_blamed() {
    let board = healthy();
    let overdue = Some(Duration::from_millis(4_200));
    board.watch_store(move || StoreVitals { ok: false, last_error: Some("old".into()), overdue, queued: 3, ..well() });
    insta::assert_debug_snapshot!(causes(&board.ready()), @r#"
    [
        "store: no answer for 4 s, 3 operations wait; its disk may hang",
    ]
    "#);
    assert!(board.live().is_ok(), "another start would meet the same disk");
}

fn causes(judgement: &Judgement) -> Vec<String> {
    judgement.causes.iter().map(|cause| format!("{}: {}", cause.cause, cause.detail)).collect()
}

#[test]
fn a_new_board_is_alive_and_neither_started_nor_ready() {
    let board = board();
    assert!(board.live().is_ok());
    assert_eq!(board.startup().status, "starting");
    insta::assert_debug_snapshot!(causes(&board.ready()), @r#"
    [
        "starting: not everything has been started yet",
        "slack_links: no link has been opened yet",
        "store: not opened yet",
        "actor: dispatcher does not exist yet",
        "actor: courier does not exist yet",
    ]
    "#);
}

#[test]
fn one_usable_link_a_store_and_the_needed_actors_make_it_ready() {
    let board = healthy();
    assert_eq!(causes(&board.ready()), Vec::<String>::new());
    assert_eq!(board.startup().status, "ok");
}

// failure 12, failure 33
#[test]
fn a_link_that_is_up_and_silent_is_deaf_and_not_ready() {
    let board = healthy();
    let silent = |seconds: Option<u64>| {
        let last_frame = seconds.map(Duration::from_secs);
        move || vec![LinkVitals { last_frame, ..link(0, true, None) }, link(1, false, Some("connection refused"))]
    };
    board.watch_links(silent(Some(45)));
    assert!(board.ready().is_ok());
    board.watch_links(silent(Some(46)));
    insta::assert_debug_snapshot!(causes(&board.ready()), @r#"
    [
        "slack_links: 0 of 2 links usable: link 0 is up but silent for 46 s; link 1 is dialling, last error: connection refused",
    ]
    "#);
    assert!(board.live().is_ok(), "an outage of Slack is no reason to restart");
    board.watch_links(silent(None));
    assert!(!board.ready().is_ok(), "up, but nothing was ever heard");
}

#[test]
fn each_thing_that_fails_is_a_cause() {
    let board = healthy();
    board.watch_links(|| vec![link(0, false, Some("invalid_auth"))]);
    board.watch_store(|| StoreVitals { ok: false, last_error: Some("disk full".into()), ..well() });
    board.watch_actors(|| vec![actor("courier", ActorPhase::BackOff)]);
    board.draining();
    insta::assert_debug_snapshot!(causes(&board.ready()), @r#"
    [
        "draining: the bot is stopping and takes no new commands",
        "slack_links: 0 of 1 links usable: link 0 is dialling, last error: invalid_auth",
        "store: its last operation failed: disk full",
        "actor: dispatcher does not exist yet",
        "actor: courier is back-off, last failure: panicked at src/x.rs:1",
    ]
    "#);
    assert!(board.live().is_ok() && board.startup().is_ok());
}

#[test]
fn the_watchdog_alone_decides_liveness() {
    let board = healthy();
    board.watch_liveness(|| Err("thread main has not turned for 11 s".into()));
    assert_eq!(board.live().status, "stuck");
    assert_eq!(causes(&board.live()), ["watchdog: thread main has not turned for 11 s"]);
    assert!(board.ready().is_ok());
}

#[tokio::test(start_paused = true)]
async fn what_waits_in_a_queue_grows_older_by_itself() {
    let board = board();
    board.queue(QueueVitals { name: QueueName::Outbox, depth: 2, oldest: Some(Duration::from_secs(3)) });
    tokio::time::advance(Duration::from_secs(4)).await;
    assert_eq!(board.vitals().queues[0].oldest, Some(Duration::from_secs(7)));
    assert_eq!(board.vitals().uptime, Duration::from_secs(4));
}

/// A server on a port of its own; drives it and gives its handle.
fn up(board: &Arc<Board>, metrics: &Metrics) -> (SocketAddr, actix_web::dev::ServerHandle) {
    let serving = serve(Arc::clone(board), metrics.clone(), "127.0.0.1:0".parse().unwrap()).unwrap();
    let (address, handle) = (serving.address, serving.handle.clone());
    #[expect(clippy::disallowed_methods, reason = "the test stands in for the supervisor")]
    actix_rt::spawn(serving.server);
    (address, handle)
}

async fn get(address: SocketAddr, path: &str) -> (u16, String) {
    let client = awc::Client::new();
    let mut answer = client.get(format!("http://{address}{path}")).send().await.unwrap();
    let body = answer.body().await.unwrap();
    (answer.status().as_u16(), String::from_utf8(body.to_vec()).unwrap())
}

#[actix_web::test]
async fn the_probes_answer_over_http_with_their_causes() {
    let board = board();
    let (address, handle) = up(&board, &Metrics::detached());
    assert_eq!(get(address, "/livez").await, (200, r#"{"status":"ok","causes":[]}"#.into()));
    let (status, body) = get(address, "/readyz").await;
    assert_eq!(status, 503);
    let body: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert_eq!(body["status"], "unready");
    assert_eq!(body["causes"][1]["cause"], "slack_links");
    assert_eq!(body["causes"][1]["detail"], "no link has been opened yet");
    assert_eq!(get(address, "/startupz").await.0, 503);
    board.started();
    assert_eq!(get(address, "/startupz").await.0, 200);
    board.watch_actors(|| vec![actor("courier", ActorPhase::Up), actor("dispatcher", ActorPhase::Up)]);
    board.watch_store(well);
    board.watch_links(|| vec![link(0, true, None)]);
    assert_eq!(get(address, "/readyz").await, (200, r#"{"status":"ok","causes":[]}"#.into()));
    board.draining();
    assert_eq!(get(address, "/readyz").await.0, 503);
    assert_eq!(get(address, "/livez").await.0, 200);
    let (status, body) = get(address, "/version").await;
    let body: serde_json::Value = serde_json::from_str(&body).unwrap();
    let expected = serde_json::json!({
        "version": "0.1.0",
        "revision": "abc123",
        "created": "2026-11-24T10:00:00Z",
        "source": "https://git.test/drone",
        "policy": "e3b0c44298fc",
    });
    assert_eq!((status, body), (200, expected));
    let (status, body) = get(address, "/").await;
    assert_eq!((status, body.contains("/readyz")), (404, true));
    handle.stop(true).await;
    assert!(awc::Client::new().get(format!("http://{address}/livez")).send().await.is_err());
}

#[actix_web::test]
async fn the_metrics_hold_what_rooms_counted_and_what_the_board_knows() {
    let (board, metrics) = (healthy(), Metrics::detached());
    board.queue(QueueVitals { name: QueueName::Outbox, depth: 7, oldest: Some(Duration::from_secs(3)) });
    metrics::with_local_recorder(metrics.recorder(), || {
        metrics::counter!("dronebot_frames_total", "kind" => "hello").increment(2);
        metrics::histogram!("dronebot_ack_seconds").record(0.0007);
        metrics::histogram!("dronebot_batch").record(3.0);
    });
    let (address, handle) = up(&board, &metrics);
    let (status, text) = get(address, "/metrics").await;
    assert_eq!(status, 200);
    for line in [
        "dronebot_frames_total{kind=\"hello\"} 2",
        "dronebot_ack_seconds_bucket{le=\"0.0005\"} 0",
        "dronebot_ack_seconds_bucket{le=\"0.001\"} 1",
        "dronebot_batch_bucket{le=\"5\"} 1",
        "dronebot_actor_restarts{actor=\"courier\"} 2",
        "dronebot_actor_up{actor=\"dispatcher\"} 1",
        "dronebot_link_up{slot=\"0\"} 1",
        "dronebot_link_up{slot=\"1\"} 0",
        "dronebot_link_app_connections{slot=\"0\"} 2",
        "dronebot_link_strange_connections{slot=\"0\"} 0",
        "dronebot_link_event_age_seconds{slot=\"0\"} 0",
        "dronebot_queue_depth{queue=\"outbox\"} 7",
        "dronebot_store_up 1",
        "dronebot_open 3",
        "dronebot_ready 1",
        "dronebot_live 1",
        "dronebot_build_info{version=\"0.1.0\",revision=\"abc123\",policy=\"e3b0c44298fc\"} 1",
    ] {
        assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
    }
    handle.stop(false).await;
}

#[actix_web::test]
async fn a_panic_in_what_a_room_registered_costs_one_answer() {
    let board = board();
    let broken = Arc::new(Mutex::new(true));
    let seen = Arc::clone(&broken);
    board.watch_store(move || if *seen.lock() { panic!("the store's closure") } else { well() });
    let (address, handle) = up(&board, &Metrics::detached());
    assert!(awc::Client::new().get(format!("http://{address}/readyz")).send().await.is_err());
    *broken.lock() = false;
    assert_eq!(get(address, "/readyz").await.0, 503);
    assert_eq!(get(address, "/livez").await.0, 200);
    handle.stop(false).await;
}

#[actix_web::test]
async fn drills_are_run_only_where_they_are_allowed() {
    let board = healthy();
    let (address, handle) = up(&board, &Metrics::detached());
    let post = async |path: &str| {
        let mut response = awc::Client::new().post(format!("http://{address}/drill/{path}")).send().await.unwrap();
        let body = response.body().await.unwrap();
        (response.status().as_u16(), String::from_utf8(body.to_vec()).unwrap())
    };
    for path in ["courier/panic", "nobody/panic", "courier/stick?seconds=x"] {
        let (status, body) = post(path).await;
        assert!(status == 404 && body.starts_with("not found; there is /livez"), "{path}: {body}");
    }
    let told = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&told);
    board.allow_drills(move |actor, drill| {
        seen.lock().push((actor.to_owned(), drill));
        actor == "courier"
    });
    let answers = [
        ("courier/panic", 202, "courier is told to panic\n"),
        ("courier/hang", 202, "courier is told to hang\n"),
        ("courier/stick?seconds=1.5", 202, "courier is told to stick\n"),
        ("courier/stick", 202, "courier is told to stick\n"),
        ("courier/stick?seconds=-1", 400, "seconds must be a number, 0 or more\n"),
        ("courier/dance", 404, "no drill dance; there are panic, hang, stick\n"),
        ("nobody/panic", 404, "no actor nobody; there are courier, dispatcher\n"),
    ];
    for (path, status, body) in answers {
        assert_eq!(post(path).await, (status, body.to_owned()), "{path}");
    }
    let courier = |drill| ("courier".to_owned(), drill);
    let wanted = [
        courier(Drill::Panic),
        courier(Drill::Hang),
        courier(Drill::Stick(Duration::from_millis(1_500))),
        courier(Drill::Stick(Duration::from_secs(60))),
        ("nobody".to_owned(), Drill::Panic),
    ];
    assert_eq!(*told.lock(), wanted);
    handle.stop(false).await;
}

/// More of them than there are places, and each with half a question.
#[actix_web::test]
async fn who_asks_nothing_keeps_no_probe_waiting_for_long() {
    use tokio::io::AsyncWriteExt;
    let (address, handle) = up(&healthy(), &Metrics::detached());
    let mut speechless = Vec::new();
    for _ in 0..330 {
        let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
        stream.write_all(b"GET /livez HTTP/1.1\r\n").await.unwrap();
        speechless.push(stream);
    }
    let begun = tokio::time::Instant::now();
    assert_eq!(get(address, "/livez").await.0, 200);
    assert!(begun.elapsed() < Duration::from_secs(4), "{:?}", begun.elapsed());
    handle.stop(false).await;
}

#[actix_web::test]
async fn a_self_test_is_asked_only_where_there_are_some() {
    use crate::domain::{RequestId, SelfTestAnswer, SelfTestCall};
    let board = healthy();
    let (address, handle) = up(&board, &Metrics::detached());
    let post = async |nonce: &str| {
        let ask = awc::Client::new().post(format!("http://{address}/selftest"));
        let ask = ask.insert_header(("x-dronebot-timestamp", "1795000000")).insert_header(("X-Dronebot-Nonce", nonce));
        let mut response = ask.insert_header(("x-dronebot-signature", "v1=00")).send().await.unwrap();
        let body = response.body().await.unwrap();
        (response.status().as_u16(), String::from_utf8(body.to_vec()).unwrap())
    };
    let (status, body) = post("signed").await;
    assert!(status == 404 && body.starts_with("not found; there is /livez"), "{body}");
    let told = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&told);
    board.allow_self_tests(move |call: SelfTestCall| {
        let answer = match call.nonce.as_str() {
            "signed" => SelfTestAnswer::Accepted { request: RequestId::new(7, 7), channel: "C1".into() },
            "again" => SelfTestAnswer::Replayed(RequestId::new(7, 7)),
            "busy" => SelfTestAnswer::NotNow("Too much is open.".to_owned()),
            _ => SelfTestAnswer::Unsigned("The signature is not right."),
        };
        seen.lock().push(call);
        Box::pin(async move { answer })
    });
    let id = RequestId::new(7, 7);
    let taken = serde_json::json!({"request": id, "channel": "C1"});
    let error = |words: &str| serde_json::json!({"error": words});
    for (nonce, status, body) in [
        ("signed", 202, taken),
        ("forged", 401, error("The signature is not right.")),
        ("again", 409, error(&format!("This call was taken before, as {id}. Sign another."))),
        ("busy", 503, error("Too much is open.")),
    ] {
        let (code, said) = post(nonce).await;
        assert_eq!((code, serde_json::from_str::<serde_json::Value>(&said).unwrap()), (status, body), "{nonce}");
    }
    let first = told.lock()[0].clone();
    assert_eq!((first.timestamp.as_str(), first.signature.as_str()), ("1795000000", "v1=00"));
    board.draining();
    assert_eq!(post("signed").await.0, 503);
    assert_eq!(told.lock().len(), 4, "who is on the way out takes nothing in");
    assert_eq!(get(address, "/selftest").await.0, 404, "a look is no self-test");
    handle.stop(false).await;
}

#[actix_web::test]
async fn a_busy_port_is_one_clear_line() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let listen = taken.local_addr().unwrap();
    let error = serve(board(), Metrics::detached(), listen).expect_err("served");
    assert_eq!(
        error.to_string(),
        format!("{listen} is taken by another process; stop that, or set health.listen to another address and port")
    );
}

#[actix_web::test]
async fn the_healthcheck_says_what_the_probe_says() {
    let board = board();
    let (address, handle) = up(&board, &Metrics::detached());
    let check = move || healthcheck(&healthcheck_url(address), Duration::from_secs(5));
    assert_eq!(actix_web::web::block(check).await.unwrap(), Ok(()));
    board.watch_liveness(|| Err("thread main is stuck".into()));
    let error = actix_web::web::block(check).await.unwrap().expect_err("healthy");
    assert!(error.contains("answered 503") && error.contains("thread main is stuck"), "{error}");
    handle.stop(true).await;
    let error = actix_web::web::block(check).await.unwrap().expect_err("healthy");
    assert!(error.starts_with(&format!("http://{address}/livez: ")) && !error.contains('\n'), "{error}");
}

#[test]
fn the_healthcheck_asks_over_loopback() {
    let url = |listen: &str| healthcheck_url(listen.parse().unwrap());
    assert_eq!(url("0.0.0.0:8080"), "http://127.0.0.1:8080/livez");
    assert_eq!(url("[::]:8080"), "http://[::1]:8080/livez");
    assert_eq!(url("10.0.0.1:9"), "http://10.0.0.1:9/livez");
    assert!(healthcheck("https://x/", Duration::from_secs(1)).is_err());
    assert!(healthcheck("nonsense", Duration::from_secs(1)).is_err());
}
