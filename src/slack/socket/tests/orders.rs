//! Whatever Slack does in whatever order: one dial at a time, two sockets at most, and a link in the end.

use super::*;
use proptest::prelude::*;
use tokio::runtime::{Handle, LocalOptions};

/// What Slack, or the network, does next.
#[derive(Clone, Debug)]
enum Deed {
    Hello(usize),
    Disconnect(usize, &'static str),
    /// A close frame; TCP stays open.
    Close(usize),
    /// TCP ends.
    Drop(usize),
    Envelope(usize),
    Garbage(usize),
    /// What the protocol forbids.
    Nonsense(usize),
    Ping(usize),
    RefuseOpens(usize),
    RefuseUpgrades(usize),
    Wait(u64),
}

/// Which of the sockets that Slack still holds, counted from the newest; the stale ones are among them.
fn deed() -> impl Strategy<Value = Deed> {
    let which = 0..4_usize;
    let reasons = prop::sample::select(vec![
        "warning",
        "refresh_requested",
        "warning",
        "refresh_requested",
        "too_many_websockets",
        "link_disabled",
        "new",
    ]);
    prop_oneof![
        8 => Just(Deed::Hello(0)),
        2 => which.clone().prop_map(Deed::Hello),
        4 => (which.clone(), reasons).prop_map(|(which, reason)| Deed::Disconnect(which, reason)),
        2 => which.clone().prop_map(Deed::Close),
        2 => which.clone().prop_map(Deed::Drop),
        2 => which.clone().prop_map(Deed::Envelope),
        1 => which.clone().prop_map(Deed::Garbage),
        1 => which.clone().prop_map(Deed::Nonsense),
        1 => which.prop_map(Deed::Ping),
        1 => (1..3_usize).prop_map(Deed::RefuseOpens),
        1 => (1..3_usize).prop_map(Deed::RefuseUpgrades),
        8 => prop_oneof![4 => 0..50_u64, 4 => 50..2_000_u64, 1 => 2_000..70_000_u64].prop_map(Deed::Wait),
    ]
}

/// Slack's end of all that happens.
struct Stage {
    bench: Bench,
    held: Vec<Socket>,
    network: Arc<Pipes>,
}

impl Stage {
    fn at(&self, which: usize) -> Option<usize> {
        let newest = self.held.len().checked_sub(1)?;
        Some(newest - which % self.held.len())
    }

    async fn play(&mut self, deed: &Deed) {
        let refuse = |script: &Rc<RefCell<VecDeque<Action>>>, count| {
            script.borrow_mut().extend((0..count).map(|_| status(503, "", "")));
        };
        match *deed {
            Deed::RefuseOpens(count) => refuse(&self.bench.script.opens, count),
            Deed::RefuseUpgrades(count) => refuse(&self.bench.script.upgrades, count),
            Deed::Wait(millis) => tokio::time::sleep(Duration::from_millis(millis)).await,
            Deed::Drop(which) => drop(self.at(which).map(|index| self.held.remove(index))),
            Deed::Hello(which)
            | Deed::Disconnect(which, _)
            | Deed::Close(which)
            | Deed::Envelope(which)
            | Deed::Garbage(which)
            | Deed::Nonsense(which)
            | Deed::Ping(which) => {
                if let Some(index) = self.at(which) {
                    say(&mut self.held[index], deed).await;
                }
            }
        }
        // the bot has its turn before the next deed
        tokio::time::sleep(Duration::from_millis(2)).await;
        while let Ok(socket) = self.bench.server.sockets.try_recv() {
            self.held.push(socket);
        }
    }

    fn check(&self) -> Result<(), TestCaseError> {
        prop_assert!(self.network.links.most() <= 2, "{} sockets at once", self.network.links.most());
        prop_assert!(self.network.calls.most() <= 1, "{} calls at once", self.network.calls.most());
        prop_assert!(*self.bench.recorder.most_sockets.lock() <= 2);
        Ok(())
    }
}

async fn say(socket: &mut Socket, deed: &Deed) {
    match deed {
        Deed::Hello(_) => socket.hello().await,
        Deed::Disconnect(_, reason) => socket.disconnect(reason).await,
        Deed::Close(_) => socket.frame(true, CLOSE, &1000_u16.to_be_bytes()).await,
        Deed::Envelope(_) => socket.envelope("e").await,
        Deed::Garbage(_) => socket.text("{garbage").await,
        Deed::Nonsense(_) => socket.frame(true, 0x0b, b"?").await,
        _ => socket.frame(true, PING, b"p").await,
    }
}

/// Plays the deeds, then lets Slack be well again; there must be one usable link then, and nothing after a stop.
async fn drama(deeds: Vec<Deed>) -> Result<(), TestCaseError> {
    let (network, incoming) = Pipes::new();
    let network = Arc::new(network);
    let config = SlackConfig {
        // the Web API and the sockets on ports of their own, to be counted apart
        api_url: "http://slack/api".to_owned(),
        app_token: "xapp-test".into(),
        connections: 1,
        ..SlackConfig::default()
    };
    let way = Proxy::default().over(Arc::clone(&network) as _);
    let (assemble, slot) = Bench::parts(config, way, acks_all);
    let script = Script { link_host: Some("slack:443"), ..Script::default() };
    let server = Server::over(incoming, VIRTUALLY_NEVER, script.slack());
    tokio::task::spawn_local(slot);
    let mut stage = Stage { bench: assemble(server, script), held: Vec::new(), network };
    for deed in &deeds {
        stage.play(deed).await;
        stage.check()?;
    }
    stage.bench.script.opens.borrow_mut().clear();
    stage.bench.script.upgrades.borrow_mut().clear();
    // every socket is greeted from now on; each lives until the bot ends it
    let live = |mut socket: Socket| {
        tokio::task::spawn_local(async move {
            socket.hello().await;
            while let Some((opcode, payload)) = socket.next().await {
                if opcode == PING {
                    socket.frame(true, PONG, &payload).await;
                }
            }
        })
    };
    stage.held.drain(..).for_each(|socket| drop(live(socket)));
    let well = Instant::now() + Duration::from_secs(1_000);
    while Instant::now() < well {
        while let Ok(socket) = stage.bench.server.sockets.try_recv() {
            drop(live(socket));
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
        stage.check()?;
    }
    let mut last = None;
    while let Ok(phase) = stage.bench.phases.try_recv() {
        last = Some(phase);
    }
    prop_assert!(last.is_none_or(|last| last == LinkPhase::Up), "{last:?} after all is well");
    prop_assert_eq!(stage.network.links.open(), 1);
    let Stage { bench, network, .. } = stage;
    prop_assert_eq!(bench.stopped().await, SlotEnd::Stopped);
    prop_assert_eq!((network.links.open(), network.calls.open()), (0, 0), "nothing is left");
    Ok(())
}

fn virtually(test: impl Future<Output = Result<(), TestCaseError>>) -> Result<(), TestCaseError> {
    // unlike a set of local tasks, such a runtime counts them
    let mut builder = tokio::runtime::Builder::new_current_thread();
    let runtime = builder.enable_time().start_paused(true).build_local(LocalOptions::default()).expect("a runtime");
    runtime.block_on(test)
}

/// The tasks there are, of both ends.
fn tasks() -> usize {
    Handle::current().metrics().num_alive_tasks()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    // failure 5, failure 6, failure 8, failure 25
    #[test]
    fn in_any_order_of_events_one_dial_is_in_flight_and_two_sockets_are_open_at_most(
        deeds in prop::collection::vec(deed(), 1..40)
    ) {
        virtually(drama(deeds))?;
    }
}

// failure 3, failure 32
#[test]
fn a_thousand_reconnects_leave_no_socket_and_no_task_and_hold_nothing() {
    virtually(async {
        let (network, incoming) = Pipes::new();
        let network = Arc::new(network);
        let held = Rc::new(());
        let alive = Rc::downgrade(&held);
        let config = SlackConfig {
            api_url: "http://slack/api".to_owned(),
            app_token: "xapp-test".into(),
            connections: 1,
            ..SlackConfig::default()
        };
        let way = Proxy::default().over(Arc::clone(&network) as _);
        let (assemble, slot) = Bench::parts(config, way, move |envelope| {
            let held = Rc::clone(&held);
            Box::pin(async move {
                drop(held);
                acks_all(envelope).await
            })
        });
        let script = Script { link_host: Some("slack:443"), ..Script::default() };
        let server = Server::over(incoming, VIRTUALLY_NEVER, script.slack());
        tokio::task::spawn_local(slot);
        let mut bench = assemble(server, script);
        let mut replaced = None;
        let mut few = None;
        for number in 0..1_000 {
            let mut socket = bench.up().await;
            drop(replaced.take());
            socket.envelope("e").await;
            assert_eq!(socket.ack().await, "e");
            // beside those of the first link, at most those of one that is on its way out
            let few = *few.get_or_insert_with(tasks);
            assert!(tasks() <= 2 * few, "{} tasks after {number} reconnects, {few} at first", tasks());
            match number % 5 {
                0 => socket.disconnect("refresh_requested").await,
                1 => {
                    socket.frame(true, CLOSE, &1000_u16.to_be_bytes()).await;
                    socket.closed().await;
                }
                2 => socket.frame(true, 0x0b, b"?").await,
                3 => continue,
                // silence, until the bot has had enough
                _ => socket.ended().await,
            }
            replaced = Some(socket);
        }
        drop(replaced);
        assert_eq!(network.links.made(), 1_000);
        assert!(network.links.open() <= 2 && network.links.most() <= 2 && network.calls.most() <= 1);
        assert_eq!(bench.stopped().await, SlotEnd::Stopped);
        assert_eq!((network.links.open(), network.calls.open()), (0, 0));
        assert!(alive.upgrade().is_none(), "what the slot was made of is gone with it");
        drop(network);
        before(VIRTUALLY_NEVER, "the last task to end", async {
            while tasks() > 0 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        })
        .await;
        Ok(())
    })
    .expect("no property fails");
}
