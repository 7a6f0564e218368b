use std::{cell::Cell, rc::Rc, time::Duration};

use fastrand::Rng;
use tokio::time::pause;

use super::actors::*;
use crate::supervision::{
    BackoffSpec, CallError, ChildSpec, Handle, Phase, StopOutcome, Strategy, spawn_local_detached,
};

const MESSAGES: u32 = 10_000;
const CLIENTS: u32 = 4;

/// What became of the messages of one run.
#[derive(Default)]
struct Tally {
    answered: Cell<u32>,
    innocent_lost: Cell<u32>,
    poison: Cell<u32>,
    poison_survived: Cell<u32>,
}

fn more(cell: &Cell<u32>) {
    cell.set(cell.get() + 1);
}

#[derive(Clone, Copy, Debug)]
enum Style {
    Sync,
    Detached,
}

async fn send_one(probe: Handle<Probe>, style: Style, poisoned: bool, tally: Rc<Tally>) {
    const DEADLINE: Duration = Duration::from_secs(60);
    if poisoned {
        more(&tally.poison);
        let result = match style {
            Style::Sync => probe.call(Boom, DEADLINE).await,
            Style::Detached => probe.call(BoomDetached, DEADLINE).await,
        };
        if result != Err(CallError::Crashed) {
            more(&tally.poison_survived);
        }
        return;
    }
    let result = match style {
        Style::Sync => probe.call(Ping, DEADLINE).await,
        Style::Detached => probe.call(Later(Duration::ZERO), DEADLINE).await,
    };
    more(if result.is_ok() { &tally.answered } else { &tally.innocent_lost });
}

/// 10,000 messages of four clients with `window` in flight each, about 1 % of them poisoned. With detached handlers half
/// of the poison still goes off in a synchronous one, so that lives end under the replies of others.
async fn storm(style: Style, window: usize, backoff: BackoffSpec) -> (Rc<Tally>, u64) {
    use futures_util::StreamExt;
    let seed = fastrand::u64(..);
    println!("{style:?}, window {window}: seed {seed}");
    let tree = patient_tree(Strategy::OneForOne);
    let probe = add(&tree, ChildSpec::new("probe").backoff(backoff), &Script::default()).await;
    let tally = Rc::new(Tally::default());
    let clients = (0..CLIENTS).map(|client| {
        let (probe, tally) = (probe.clone(), tally.clone());
        let mut rng = Rng::with_seed(seed.wrapping_add(u64::from(client)));
        spawn_local_detached("client", async move {
            let calls = (0..MESSAGES / CLIENTS).map(move |_| {
                let poisoned = rng.u32(..100) == 0;
                let style = if poisoned && rng.bool() { Style::Sync } else { style };
                send_one(probe.clone(), style, poisoned, tally.clone())
            });
            futures_util::stream::iter(calls).buffer_unordered(window).collect::<Vec<()>>().await;
        })
    });
    for client in clients.collect::<Vec<_>>() {
        client.await.expect("a client");
    }
    (tally, probe.status().panics)
}

async fn assert_nobody_innocent_is_lost(style: Style, backoff: BackoffSpec) {
    for window in [1, 16] {
        let (tally, panics) = storm(style, window, backoff).await;
        assert_eq!(tally.innocent_lost.get(), 0, "{style:?} window {window}");
        assert_eq!(tally.poison_survived.get(), 0, "{style:?} window {window}");
        assert_eq!(tally.answered.get() + tally.poison.get(), MESSAGES);
        assert!(tally.poison.get() > 30 && panics > 10, "{} poisoned, {panics} panics", tally.poison.get());
    }
}

#[actix::test]
async fn of_10000_messages_with_1_percent_panics_no_innocent_one_is_lost_with_synchronous_handlers() {
    assert_nobody_innocent_is_lost(Style::Sync, at_once()).await;
}

#[actix::test]
async fn of_10000_messages_with_1_percent_panics_no_innocent_one_is_lost_with_detached_replies() {
    assert_nobody_innocent_is_lost(Style::Detached, at_once()).await;
}

#[actix::test]
async fn of_10000_messages_none_is_lost_when_each_panic_costs_a_back_off() {
    pause();
    let backoff = BackoffSpec { max: Duration::from_millis(400), ..BackoffSpec::default() };
    assert_nobody_innocent_is_lost(Style::Sync, backoff).await;
    assert_nobody_innocent_is_lost(Style::Detached, backoff).await;
}

#[derive(Default)]
struct Soaked {
    innocent: Cell<u32>,
    innocent_lost: Cell<u32>,
    hangs: Cell<u32>,
    stops: Cell<u32>,
}

async fn soak_one(probe: Handle<Probe>, kind: u32, pause: Duration, soaked: Rc<Soaked>) {
    const DEADLINE: Duration = Duration::from_secs(86_400);
    let outcome = match kind {
        0..2 => probe.call(Boom, DEADLINE).await.err(),
        2..4 => probe.call(BoomInSpawn, DEADLINE).await.err(),
        4..6 => probe.call(BoomDetached, DEADLINE).await.err(),
        6..8 => {
            more(&soaked.hangs);
            probe.call(Hang, DEADLINE).await.err()
        }
        8..10 => {
            more(&soaked.stops);
            probe.call(StopSelf, DEADLINE).await.err()
        }
        _ => {
            more(&soaked.innocent);
            let answer = match kind % 2 {
                0 => probe.call(Ping, DEADLINE).await,
                _ => probe.call(Later(pause), DEADLINE).await,
            };
            if answer.is_err() {
                more(&soaked.innocent_lost);
            }
            None
        }
    };
    assert!(matches!(outcome, None | Some(CallError::Crashed)), "{outcome:?}");
}

/// One actor under a random mixture of everything, on virtual time.
async fn soak(seed: u64) -> Duration {
    let began = tokio::time::Instant::now();
    let mut rng = Rng::with_seed(seed);
    let tree = patient_tree([Strategy::OneForOne, Strategy::RestForOne][rng.usize(..2)]);
    let spec = |name| ChildSpec::new(name).heartbeat(Duration::from_secs(1), Duration::from_secs(2));
    let first = add(&tree, spec("first"), &Script::default()).await;
    let second = add(&tree, spec("second"), &Script::default()).await;
    let soaked = Rc::new(Soaked::default());
    let mut calls = Vec::new();
    for _ in 0..500 {
        if rng.u32(..4) == 0 {
            tokio::time::sleep(Duration::from_millis(rng.u64(..20_000))).await;
        }
        let probe = if rng.bool() { &first } else { &second };
        let pause = Duration::from_millis(rng.u64(..5_000));
        calls.push(spawn_local_detached("call", soak_one(probe.clone(), rng.u32(..100), pause, soaked.clone())));
    }
    for call in calls {
        call.await.expect("a call that ends");
    }
    assert_eq!(soaked.innocent_lost.get(), 0, "of {} innocent messages", soaked.innocent.get());
    for probe in [&first, &second] {
        let status = probe.wait_for(|status| status.phase.is_up()).await;
        let failures = status.panics + status.kills + status.stops;
        assert_eq!(status.restarts, failures, "{status:?}");
        assert!(status.incarnation > status.restarts, "{status:?}");
    }
    let sum = |count: fn(&crate::supervision::ChildStatus) -> u64| count(&first.status()) + count(&second.status());
    assert!(sum(|status| status.kills) <= u64::from(soaked.hangs.get()));
    assert!(sum(|status| status.stops) <= u64::from(soaked.stops.get()));
    assert!(sum(|status| status.restarts) > 0);
    assert!(tree.stop().await.iter().all(|(_, outcome)| *outcome == StopOutcome::Stopped));
    assert!([first, second].iter().all(|probe| probe.status().phase == Phase::Stopped));
    began.elapsed()
}

#[actix::test]
async fn a_soak_over_many_seeds_loses_no_innocent_message_and_always_comes_to_rest() {
    pause();
    let mut virtual_time = Duration::ZERO;
    for seed in (0..15).chain((0..5).map(|_| fastrand::u64(..))) {
        fastrand::seed(seed);
        println!("seed {seed}");
        virtual_time += soak(seed).await;
    }
    println!("{virtual_time:?} of virtual time");
}

/// What a message costs, beside the same actor without a guard. Run with `--ignored --nocapture`, for figures with
/// `--release`.
#[actix::test]
#[ignore = "a measurement"]
async fn cost_of_the_guard() {
    use actix::Actor;
    struct Plain;
    impl Actor for Plain {
        type Context = actix::Context<Self>;
    }
    impl actix::Handler<Ping> for Plain {
        type Result = u64;
        fn handle(&mut self, _: Ping, _: &mut Self::Context) -> u64 {
            1
        }
    }
    crate::supervision::supervised!(Plain, |self| Plain);
    const ROUNDS: u32 = 300_000;
    let tree = patient_tree(Strategy::OneForOne);
    let plain = Plain.start();
    let stock = actix::Supervisor::start(|_| Plain);
    let guarded = tree.add(ChildSpec::new("plain"), |_| Plain).await;
    for _ in 0..3 {
        for (name, address) in [("plain actor", &plain), ("actix supervisor", &stock)] {
            let began = tokio::time::Instant::now();
            for _ in 0..ROUNDS {
                address.send(Ping).await.expect("an answer");
            }
            println!("{name}: {:?}", began.elapsed() / ROUNDS);
        }
        let began = tokio::time::Instant::now();
        for _ in 0..ROUNDS {
            tokio::time::timeout(SOON, plain.send(Ping)).await.expect("in time").expect("an answer");
        }
        println!("plain actor with a deadline: {:?}", began.elapsed() / ROUNDS);
        let began = tokio::time::Instant::now();
        for _ in 0..ROUNDS {
            guarded.call(Ping, SOON).await.expect("an answer");
        }
        println!("guard and handle: {:?}", began.elapsed() / ROUNDS);
    }
}
