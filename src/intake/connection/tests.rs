//! The supervised actor over a simulated network: what it costs when the network is gone.
#![expect(clippy::disallowed_methods, reason = "the Slack of the simulation is tasks of the test")]

use super::*;
use crate::slack::SlackConfig;
use crate::slack::api::Pacer;
use crate::slack::payload::Envelope;
use crate::slack::socket::{Disposition, LinkBoard};
use crate::slack::testing::{Action, PING, PONG, Request, Server, Simulated, Socket, VIRTUALLY_NEVER, answer, before};
use crate::supervision::{ChildSpec, Handle, Phase, Tree, TreeSpec};
use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use std::cell::Cell;
use std::rc::Rc;
use std::sync::atomic::Ordering;

#[tokio::test]
async fn the_drain_waits_for_the_last_living_link_and_not_for_its_actor() {
    let links = OpenLinks::default();
    let kept = links.clone();
    assert!(links.none().now_or_never().is_some(), "none was opened");
    let (first, second) = (kept.open(), kept.open());
    drop(first);
    assert!(links.none().now_or_never().is_none());
    drop(second);
    assert!(links.none().now_or_never().is_some(), "though others keep the count");
}

/// Tokens that stand in the configuration itself.
struct Given;

#[async_trait::async_trait]
impl TokenSource for Given {
    fn may_change(&self) -> bool {
        false
    }

    async fn look_again(&self) {}
}

/// Takes whatever comes.
struct Open;

impl EnvelopeSink for Open {
    fn envelope(&self, _: Envelope) -> LocalBoxFuture<'static, Disposition> {
        Box::pin(async { Disposition::Ack })
    }
}

/// What the two hosts of a simulation share.
struct Shared {
    board: Arc<LinkBoard>,
    network: Arc<Simulated>,
    closing: watch::Sender<bool>,
    /// The actors, once they have started.
    actors: std::cell::RefCell<Vec<Handle<SlackConnection>>>,
    escalated: Cell<bool>,
    /// Why, and how long after the start, a connection said that nothing but a person can help.
    fatal: std::cell::RefCell<Option<(String, Duration)>>,
}

/// Two supervised connections with the settings of production, until the door closes.
async fn bot(shared: Rc<Shared>, closes: watch::Receiver<bool>) -> turmoil::Result {
    let config = Arc::new(SlackConfig {
        api_url: "http://slack/api".to_owned(),
        app_token: "xapp-test".into(),
        bot_token: "xoxb-test".into(),
        ..SlackConfig::default()
    });
    let proxy = Arc::new(Proxy::default().over(Arc::clone(&shared.network) as _));
    let pacer = Arc::new(Pacer::new(&config.pacing));
    let (fatal, mut fatals) = mpsc::unbounded_channel();
    let (open, identity) = (OpenLinks::default(), Arc::new(OnceCell::new()));
    // as the bot itself: not more than five restarts in a minute
    let tree = Tree::new(TreeSpec::new("bot").intensity(5, Duration::from_secs(60)));
    for slot in 0..config.connections {
        let web_api = {
            let (config, proxy, pacer) = (Arc::clone(&config), Arc::clone(&proxy), Arc::clone(&pacer));
            Arc::new(move || WebApi::new(&config, Arc::clone(&proxy), Arc::clone(&pacer)))
        };
        let parts = ConnectionParts {
            slot,
            config: Arc::clone(&config),
            proxy: Arc::clone(&proxy),
            tokens: Arc::new(Given),
            web_api,
            door: Arc::new(Open),
            identity: Arc::clone(&identity),
            observer: Arc::clone(&shared.board) as _,
            closing: closes.clone(),
            fatal: fatal.clone(),
            open: open.clone(),
        };
        let spec = ChildSpec::new(format!("slack-{slot}"))
            .heartbeat(Duration::from_secs(5), Duration::from_secs(15))
            .shutdown(Duration::from_secs(2));
        let actor = tree.add(spec, move |_| SlackConnection::new(parts.clone())).await;
        shared.actors.borrow_mut().push(actor);
    }
    let mut closed = closes.clone();
    tokio::select! {
        _ = closed.wait_for(|closing| *closing) => open.none().await,
        _ = tree.escalated() => shared.escalated.set(true),
        Some(reason) = fatals.recv() => {
            let at = turmoil::sim_elapsed().expect("a simulation");
            *shared.fatal.borrow_mut() = Some((reason, at));
        }
    }
    tree.stop().await;
    Ok(())
}

/// A Slack that counts its calls.
fn slack(calls: Rc<Cell<usize>>) -> impl Fn(&Request) -> Action {
    move |request| {
        calls.set(calls.get() + 1);
        match request.path() {
            "/api/auth.test" => answer(r#"{"ok":true,"user_id":"UBOT","bot_id":"BBOT","team_id":"T1"}"#),
            "/api/apps.connections.open" => {
                answer(format!(r#"{{"ok":true,"url":"ws://slack/link/?ticket={}"}}"#, calls.get()))
            }
            _ => Action::Upgrade,
        }
    }
}

/// Says hello, answers pings, and ends with the connection.
async fn serve(mut socket: Socket) {
    socket.hello().await;
    while let Some((opcode, payload)) = socket.next().await {
        if opcode == PING {
            socket.frame(true, PONG, &payload).await;
        }
    }
}

/// How the network is gone.
#[derive(Clone, Copy, Debug)]
enum Outage {
    /// Packets vanish; what was under way comes when the network is back.
    Swallows,
    /// Connections are refused, and what was sent is lost.
    Refuses,
    /// So it is, and no name can be resolved either.
    NoNames,
}

fn an_hour_without(outage: Outage) {
    fastrand::seed(9);
    let mut sim = turmoil::Builder::new()
        .rng_seed(9)
        .tick_duration(Duration::from_millis(200))
        // every dial of the outage knocks when the network is back
        .tcp_capacity(8_192)
        .simulation_duration(Duration::from_secs(2 * 3600))
        .build();
    let (closing, closes) = watch::channel(false);
    let shared = Rc::new(Shared {
        board: Arc::new(LinkBoard::new(2)),
        network: Arc::default(),
        closing,
        actors: Default::default(),
        escalated: Cell::new(false),
        fatal: Default::default(),
    });
    let calls = Rc::new(Cell::new(0));
    let up = |shared: &Shared| shared.board.vitals().iter().filter(|link| link.up).count();
    let side = Rc::clone(&shared);
    sim.client("slack", async move {
        let mut server = Server::simulated(slack(Rc::clone(&calls))).await;
        let (accepted, mut greeted) = mpsc::unbounded_channel();
        tokio::task::spawn_local(async move {
            while let Some(socket) = server.sockets.recv().await {
                let _ = accepted.send(());
                tokio::task::spawn_local(serve(socket));
            }
        });
        let both = async |side: &Shared| {
            let settled = async {
                while up(side) < 2 {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            };
            before(VIRTUALLY_NEVER, "both links", settled).await;
        };
        both(&side).await;
        tokio::time::sleep(Duration::from_secs(90)).await;
        let before_it = calls.get();
        match outage {
            Outage::Swallows => turmoil::hold("bot", "slack"),
            Outage::Refuses | Outage::NoNames => turmoil::partition("bot", "slack"),
        }
        side.network.no_names.store(matches!(outage, Outage::NoNames), Ordering::Relaxed);
        tokio::time::sleep(Duration::from_secs(3600)).await;
        assert_eq!(up(&side), 0, "{outage:?}: the outage is known");
        assert_eq!(calls.get(), before_it, "nothing came through");
        while greeted.try_recv().is_ok() {}
        turmoil::release("bot", "slack");
        turmoil::repair("bot", "slack");
        side.network.no_names.store(false, Ordering::Relaxed);
        let back = tokio::time::Instant::now();
        both(&side).await;
        let took = back.elapsed();
        assert!(took < Duration::from_secs(11), "{outage:?}: back {took:?} after the network");
        let opened = calls.get() - before_it;
        assert!(opened <= 8, "{outage:?}: {opened} calls to come back with two links");
        for actor in side.actors.borrow().iter() {
            let status = actor.status();
            assert_eq!((status.phase, status.incarnation, status.restarts), (Phase::Up, 1, 0), "{outage:?}");
        }
        side.closing.send(true).expect("the bot runs");
        Ok(())
    });
    sim.client("bot", bot(Rc::clone(&shared), closes));
    sim.run().expect("the simulation ends well");
    assert!(!shared.escalated.get(), "{outage:?}");
    assert_eq!(*shared.fatal.borrow(), None, "{outage:?}");
}

// failure 10, failure 32
#[test]
fn an_hour_without_a_network_restarts_nothing_and_is_over_within_seconds_of_its_return() {
    for outage in [Outage::Swallows, Outage::Refuses, Outage::NoNames] {
        an_hour_without(outage);
    }
}

/// A Slack that refuses the app's token while it is told to, and throws the links out then.
async fn moody_slack(refuses: watch::Receiver<bool>, calls: Rc<Cell<usize>>) {
    let now = refuses.clone();
    let count = Rc::clone(&calls);
    let good = slack(calls);
    let mut server = Server::simulated(move |request: &Request| match request.path() {
        "/api/apps.connections.open" if *now.borrow() => {
            count.set(count.get() + 1);
            answer(r#"{"ok":false,"error":"account_inactive"}"#)
        }
        _ => good(request),
    })
    .await;
    tokio::task::spawn_local(async move {
        while let Some(socket) = server.sockets.recv().await {
            let mut refuses = refuses.clone();
            tokio::task::spawn_local(async move {
                tokio::select! {
                    () = serve(socket) => {}
                    _ = refuses.wait_for(|refuses| *refuses) => {}
                }
            });
        }
    });
}

/// A simulation of a bot beside a Slack that is played by this.
fn simulate<F: Future<Output = turmoil::Result> + 'static>(play: impl FnOnce(Rc<Shared>) -> F) -> Rc<Shared> {
    fastrand::seed(9);
    let mut sim = turmoil::Builder::new()
        .rng_seed(9)
        .tick_duration(Duration::from_millis(100))
        .simulation_duration(Duration::from_secs(3600))
        .build();
    let (closing, closes) = watch::channel(false);
    let shared = Rc::new(Shared {
        board: Arc::new(LinkBoard::new(2)),
        network: Arc::default(),
        closing,
        actors: Default::default(),
        escalated: Cell::new(false),
        fatal: Default::default(),
    });
    sim.client("slack", play(Rc::clone(&shared)));
    sim.client("bot", bot(Rc::clone(&shared), closes));
    sim.run().expect("the simulation ends well");
    assert!(!shared.escalated.get());
    shared
}

#[test]
fn a_refusal_of_a_token_that_has_worked_must_last_for_minutes() {
    let seconds = Duration::from_secs;
    let shared = simulate(|shared| async move {
        let (refuse, refuses) = watch::channel(false);
        let calls = Rc::new(Cell::new(0));
        moody_slack(refuses, Rc::clone(&calls)).await;
        let both = async || {
            let settled = async {
                while shared.board.vitals().iter().filter(|link| link.up).count() < 2 {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            };
            before(VIRTUALLY_NEVER, "both links", settled).await;
        };
        both().await;
        // an incident, and another one: neither is long
        for _ in 0..2 {
            tokio::time::sleep(seconds(60)).await;
            let asked = calls.get();
            refuse.send_replace(true);
            tokio::time::sleep(seconds(150)).await;
            assert_eq!(*shared.fatal.borrow(), None);
            assert!(calls.get() - asked <= 80, "{} calls in 150 s", calls.get() - asked);
            refuse.send_replace(false);
            let back = tokio::time::Instant::now();
            both().await;
            assert!(back.elapsed() < seconds(11), "{:?}", back.elapsed());
        }
        // this time it is meant
        let revoked = turmoil::sim_elapsed().expect("a simulation");
        refuse.send_replace(true);
        tokio::time::sleep(seconds(240)).await;
        let (reason, at) = shared.fatal.borrow().clone().expect("it is said");
        assert!(reason.contains("account_inactive"), "{reason}");
        let lasted = at - revoked;
        assert!((seconds(180)..seconds(200)).contains(&lasted), "{lasted:?}");
        turmoil::Result::<()>::Ok(())
    });
    assert!(shared.fatal.borrow().is_some());
}

#[test]
fn a_token_that_never_worked_is_wrong_at_once() {
    let shared = simulate(|_| async move {
        let (_refuse, refuses) = watch::channel(true);
        moody_slack(refuses, Rc::default()).await;
        tokio::time::sleep(Duration::from_secs(60)).await;
        turmoil::Result::<()>::Ok(())
    });
    let (reason, at) = shared.fatal.borrow().clone().expect("it is said");
    assert!(reason.contains("account_inactive") && at < Duration::from_secs(10), "{reason} after {at:?}");
}
