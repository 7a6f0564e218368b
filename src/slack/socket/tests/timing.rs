//! The link's timing with the settings of production, over a simulated network in virtual time.

use super::*;

pub(super) fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// The settings of production.
pub(super) fn real() -> SlackConfig {
    SlackConfig {
        api_url: "http://slack/api".to_owned(),
        app_token: "xapp-test".into(),
        connections: 1,
        ..SlackConfig::default()
    }
}

/// Whatever a test looks at when its simulation is over.
pub(super) type Trace = Vec<(Duration, String)>;

/// Runs a slot on the host `bot` against the Slack that the test plays on the host `slack`; gives what the slot said of
/// itself, with the time. The same every time.
pub(super) fn simulate<F: Future<Output = ()> + 'static>(
    script: Script,
    play: impl FnOnce(Bench) -> F + 'static,
) -> Trace {
    simulate_with(script, acks_all, play)
}

pub(super) fn simulate_with<F: Future<Output = ()> + 'static>(
    script: Script,
    decide: impl Fn(Envelope) -> LocalBoxFuture<'static, Disposition> + 'static,
    play: impl FnOnce(Bench) -> F + 'static,
) -> Trace {
    fastrand::seed(6);
    let mut sim = turmoil::Builder::new()
        .rng_seed(6)
        .tick_duration(TICK)
        .min_message_latency(Duration::from_millis(5))
        .max_message_latency(Duration::from_millis(40))
        .simulation_duration(seconds(2 * 3600))
        .build();
    let way = Proxy::default().over(Arc::new(Simulated::default()));
    let (assemble, slot) = Bench::parts(real(), way, decide);
    let traced = Rc::new(RefCell::new(None));
    let recorder = Rc::clone(&traced);
    sim.client("slack", async move {
        let server = Server::simulated(script.slack()).await;
        let bench = assemble(server, script);
        *recorder.borrow_mut() = Some(Arc::clone(&bench.recorder));
        play(bench).await;
        Ok(())
    });
    sim.client("bot", async move {
        slot.await;
        Ok(())
    });
    sim.run().expect("the simulation ends well");
    let recorder = traced.borrow_mut().take().expect("it began");
    recorder.trace.lock().clone()
}

/// The time of the simulation.
pub(super) fn now() -> Duration {
    turmoil::sim_elapsed().expect("inside a simulation")
}

/// How much later than expected something may happen: the way through the network, a few times.
pub(super) const WAY: Duration = Duration::from_millis(1_000);

/// How finely the simulated network is looked at: an hour has 72,000 of them, which take about a second.
pub(super) const TICK: Duration = Duration::from_millis(50);

#[track_caller]
pub(super) fn assert_about(took: Duration, expected: Duration) {
    assert!(took >= expected && took <= expected + WAY, "{took:?}, not {expected:?}");
}

/// The times at which something with these words was said.
pub(super) fn times(trace: &Trace, words: &str) -> Vec<Duration> {
    trace.iter().filter(|(_, said)| said.contains(words)).map(|(at, _)| *at).collect()
}

/// Reads and answers pings for so long; the pings that came.
pub(super) async fn tend(socket: &mut Socket, how_long: Duration) -> usize {
    let mut pings = 0;
    let end = tokio::time::Instant::now() + how_long;
    while let Ok(frame) = tokio::time::timeout_at(end, socket.next()).await {
        match frame {
            Some((PING, payload)) => {
                pings += 1;
                socket.frame(true, PONG, &payload).await;
            }
            Some(_) => {}
            None => panic!("the link ended at {:?}", now()),
        }
    }
    pings
}

// failure 1
#[test]
fn there_is_a_usable_link_at_every_moment_of_a_refresh() {
    let trace = simulate(Script::default(), |mut bench| async move {
        let mut old = bench.up().await;
        tend(&mut old, seconds(60)).await;
        old.disconnect("warning").await;
        let asked = now();
        let mut new = bench.server.socket().await;
        assert!(now() - asked < WAY, "dialled at once, {:?}", now() - asked);
        // Slack takes its time with the hello, and says meanwhile what it has to say over the old link
        for number in 0..8 {
            old.envelope(&format!("before-{number}")).await;
            assert_eq!(old.ack().await, format!("before-{number}"));
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
        new.hello().await;
        bench.phase(LinkPhase::Up).await;
        while now() - asked < seconds(9) {
            old.envelope("old").await;
            new.envelope("new").await;
            assert_eq!((old.ack().await, new.ack().await), ("old".to_owned(), "new".to_owned()));
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
        assert_eq!(old.closed().await, Some(1000));
        assert_about(now() - asked, seconds(10));
        // Slack never closes TCP itself
        old.ended().await;
        assert_about(now() - asked, seconds(11));
        assert_eq!((bench.dials(), turmoil::established_tcp_stream_count_on("bot")), (2, 1));
        drop((old, new));
        bench.stopped().await;
    });
    let said: Vec<&str> = trace.iter().map(|(_, said)| said.as_str()).collect();
    assert_eq!(said, ["dialling", "up", "replacing", "up", "stopped"], "there is always a link");
}

// failure 12, failure 14, failure 32
#[test]
fn a_half_open_link_is_noticed_and_replaced_without_waiting_for_tcp() {
    let trace = simulate(Script::default(), |mut bench| async move {
        let mut dead = bench.up().await;
        tend(&mut dead, seconds(100)).await;
        // nothing arrives any more, and nobody is told
        turmoil::hold("bot", "slack");
        bench.phase(LinkPhase::BackingOff).await;
        tokio::time::sleep(seconds(20)).await;
        turmoil::release("bot", "slack");
        let back = now();
        let mut new = bench.up().await;
        assert!(now() - back < seconds(10), "{:?}", now() - back);
        // what the network had kept comes after all: the bot has said goodbye and let go
        dead.ended().await;
        new.envelope("e").await;
        assert_eq!(new.ack().await, "e");
        drop((dead, new));
        bench.stopped().await;
    });
    let deaf = times(&trace, "no frame for 45 seconds")[0];
    // the last pong came with the last ping, at most ten seconds before the hold
    assert!(deaf >= seconds(135) && deaf <= seconds(146), "{deaf:?}");
    assert!(times(&trace, "connecting took too long").len() >= 2, "{trace:?}");
}

// failure 13
#[test]
fn a_network_that_takes_no_more_bytes_ends_the_link_after_the_write_timeout() {
    let answer_much = |_| -> LocalBoxFuture<'static, Disposition> {
        let text = format!("{:?}", "x".repeat(15_000));
        Box::pin(async { Disposition::AckWith(RawValue::from_string(text).expect("JSON")) })
    };
    let trace = simulate_with(Script::default(), answer_much, |mut bench| async move {
        let mut stuck = bench.up().await;
        for number in 0..400 {
            stuck.envelope(&number.to_string()).await;
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let next = bench.up().await;
        assert_eq!(bench.dials(), 2);
        drop((stuck, next));
        bench.stopped().await;
    });
    let stuck = times(&trace, "takes no bytes")[0];
    assert!(stuck >= seconds(5) && stuck <= seconds(15), "{stuck:?}");
}

// failure 15
#[test]
fn a_quiet_but_healthy_link_lives_on() {
    let trace = simulate(Script::default(), |mut bench| async move {
        let mut quiet = bench.up().await;
        let pings = tend(&mut quiet, seconds(1800)).await;
        assert!((178..=180).contains(&pings), "one every ten seconds: {pings}");
        assert_eq!(bench.dials(), 1);
        drop(quiet);
        bench.stopped().await;
    });
    assert_eq!(trace.iter().filter(|(_, said)| said == "up").count(), 1, "{trace:?}");
}

// failure 35
#[test]
fn slacks_own_pings_keep_a_link_alive_that_answers_none_of_ours() {
    simulate(Script::default(), |mut bench| async move {
        let mut socket = bench.server.socket().await;
        // from the first byte on, before any hello
        socket.frame(true, PING, b"first").await;
        while socket.next().await != Some((PONG, b"first".to_vec())) {}
        socket.hello().await;
        for _ in 0..20 {
            tokio::time::sleep(seconds(40)).await;
            socket.frame(true, PING, b"are you there").await;
            while socket.next().await != Some((PONG, b"are you there".to_vec())) {}
        }
        assert_eq!((bench.dials(), bench.errors().as_str()), (1, ""));
        drop(socket);
        bench.stopped().await;
    });
}

// failure 4, failure 34
#[test]
fn a_close_is_tried_once_and_then_the_connection_is_dropped() {
    let trace = simulate(Script::default(), |mut bench| async move {
        let mut socket = bench.up().await;
        bench.stop.send(true).expect("it runs");
        assert_eq!(socket.closed().await, Some(1000));
        let said = now();
        // no answer to the close, and TCP stays open: no second close, no ping, and an end after a second
        assert_eq!(socket.next().await, None, "nothing follows the close");
        assert_about(now() - said, seconds(1));
        drop(socket);
        bench.stopped().await;
    });
    assert_eq!(trace.last().map(|(_, said)| said.as_str()), Some("stopped"));
    assert!(trace.iter().all(|(_, said)| !said.contains("no frame")), "{trace:?}");
}

#[test]
fn a_simulation_runs_the_same_way_each_time() {
    let run = || {
        simulate(
            Script::of([status(500, "", ""), Action::Drop, Action::Hang], [Action::Drop]),
            |mut bench| async move {
                let socket = bench.up().await;
                turmoil::partition("bot", "slack");
                bench.phase(LinkPhase::BackingOff).await;
                tokio::time::sleep(seconds(30)).await;
                turmoil::repair("bot", "slack");
                let next = bench.up().await;
                drop((socket, next));
                bench.stopped().await;
            },
        )
    };
    let first = run();
    assert!(first.len() > 10, "{first:?}");
    assert_eq!(first, run());
}
