//! How long dials may take and how long they wait, in virtual time with the settings of production.

use super::timing::*;
use super::*;

/// The pauses between the requests of a bench that never gets through, as its server sees them.
async fn gaps(bench: &Bench, count: usize) -> Vec<Duration> {
    let mut at = Vec::new();
    while at.len() <= count {
        let dials = bench.dials();
        while bench.dials() == dials {
            tokio::time::sleep(TICK).await;
        }
        at.push(now());
    }
    at.windows(2).map(|pair| pair[1] - pair[0]).collect()
}

// failure 13
#[test]
fn every_step_of_a_dial_is_bounded_against_a_black_hole() {
    // a host that swallows: no address, no answer, no upgrade, no hello
    let script = Script::of([Action::Hang, Action::Stall], [Action::Hang]);
    let trace = simulate(script, |mut bench| async move {
        turmoil::hold("bot", "slack");
        tokio::time::sleep(seconds(6)).await;
        turmoil::release("bot", "slack");
        let mut silent = bench.server.socket().await;
        silent.closed().await;
        let link = bench.up().await;
        drop((silent, link));
        bench.stopped().await;
    });
    let mut begun = Duration::ZERO;
    let mut failures = Vec::new();
    for (at, said) in &trace {
        match said.as_str() {
            "dialling" => begun = *at,
            "backing off" | "up" | "stopped" => {}
            failure => failures.push(format!("{} s: {failure}", (*at - begun).as_secs())),
        }
    }
    assert_eq!(
        failures,
        [
            "5 s: apps.connections.open: connect: connecting took too long",
            "10 s: apps.connections.open did not answer in time",
            "10 s: apps.connections.open did not answer in time",
            "10 s: the WebSocket did not open in time",
            "10 s: slack did not say hello in time",
        ]
    );
}

// failure 13
#[test]
fn a_socket_host_that_swallows_everything_is_given_up_and_asked_for_anew() {
    let script = Script { link_host: Some("wss"), ..Script::default() };
    let mut sim = turmoil::Builder::new().rng_seed(6).tick_duration(TICK).simulation_duration(seconds(600)).build();
    fastrand::seed(6);
    let way = Proxy::default().over(Arc::new(Simulated::default()));
    let (assemble, slot) = Bench::parts(real(), way, acks_all);
    let talk = Script::default();
    let (told, mut hears) = mpsc::unbounded_channel();
    sim.client("wss", async move {
        let mut server = Server::simulated(talk.slack()).await;
        let mut socket = server.socket().await;
        socket.hello().await;
        let _ = told.send(());
        socket.closed().await;
        Ok(())
    });
    sim.client("slack", async move {
        let server = Server::simulated(script.slack()).await;
        let mut bench = assemble(server, script);
        turmoil::hold("bot", "wss");
        bench.phase(LinkPhase::BackingOff).await;
        assert_about(now(), seconds(5));
        assert!(bench.errors().contains("connecting took too long"), "{}", bench.errors());
        turmoil::release("bot", "wss");
        before(seconds(60), "a link", hears.recv()).await;
        bench.phase(LinkPhase::Up).await;
        assert_eq!(bench.dials(), 2, "with a ticket of its own");
        let _ = bench.stop.send(true);
        Ok(())
    });
    sim.client("bot", async move {
        slot.await;
        Ok(())
    });
    sim.run().expect("the simulation ends well");
}

// failure 10
#[test]
fn pauses_after_refusals_double_to_a_minute_with_jitter() {
    let refusals = (0..14).map(|_| status(503, "", ""));
    simulate(Script::of(refusals, []), |mut bench| async move {
        for (gap, step) in gaps(&bench, 12).await.into_iter().zip([1, 2, 4, 8, 16, 32, 60, 60, 60, 60, 60, 60]) {
            assert!(gap + WAY >= seconds(step) / 2 && gap <= seconds(step) + WAY, "{gap:?} in the step of {step} s");
        }
        drop(bench.up().await);
        bench.stopped().await;
    });
}

// failure 26
#[test]
fn too_many_websockets_closes_first_and_comes_back_after_30_to_300_seconds() {
    let trace = simulate(Script::default(), |mut bench| async move {
        let mut pauses = Vec::new();
        for _ in 0..6 {
            let mut socket = bench.server.socket().await;
            let said = now();
            socket.disconnect("too_many_websockets").await;
            assert_eq!(socket.closed().await, Some(1000));
            assert!(now() - said < WAY, "closed at once");
            socket.ended().await;
            let dials = bench.dials();
            while bench.dials() == dials {
                tokio::time::sleep(TICK).await;
            }
            pauses.push((now() - said).as_secs());
        }
        for (pause, range) in pauses.iter().zip([30..=60, 60..=120, 120..=240, 150..=300, 150..=300, 150..=300]) {
            assert!(range.contains(pause), "{pauses:?}");
        }
        drop(bench.up().await);
        bench.stopped().await;
    });
    assert_eq!(times(&trace, "look for other processes").len(), 6, "the status says so");
}

// failure 26
#[test]
fn a_switched_off_socket_mode_is_only_looked_at_every_five_minutes() {
    simulate(Script::default(), |mut bench| async move {
        let mut socket = bench.up().await;
        for _ in 0..3 {
            let dials = bench.dials();
            socket.disconnect("link_disabled").await;
            socket.closed().await;
            let closed = now();
            socket = bench.server.socket().await;
            assert_about(now() - closed, seconds(300));
            assert_eq!(bench.dials(), dials + 1, "no more than one look");
            assert!(bench.errors().contains("Socket Mode is switched off"), "{}", bench.errors());
        }
        socket.hello().await;
        bench.phase(LinkPhase::Up).await;
        drop(socket);
        bench.stopped().await;
    });
}

// failure 33
#[test]
fn a_link_that_never_says_hello_is_replaced_after_ten_seconds() {
    let trace = simulate(Script::default(), |mut bench| async move {
        let mut silent = bench.server.socket().await;
        let opened = now();
        // it is alive otherwise
        silent.frame(true, PING, b"alive").await;
        assert_eq!(silent.closed().await, Some(1000));
        assert_about(now() - opened, seconds(10));
        let up = bench.up().await;
        drop((silent, up));
        bench.stopped().await;
    });
    assert_eq!(times(&trace, "did not say hello").len(), 1);
}
