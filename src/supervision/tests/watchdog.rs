use std::{process::Command, sync::mpsc, time::Duration};

use tokio::time::Instant;

use super::actors::*;
use crate::supervision::breath::Breath;
use crate::supervision::{
    ChildSpec, EXIT_STUCK, Strategy, Stuck, Tree, Verdict, Watchdog, WatchdogSpec, exit_when_stuck, install_panic_hook,
};

const FAST: WatchdogSpec = WatchdogSpec { every: Duration::from_millis(10), limit: Duration::from_millis(200) };

fn watch(tree: &Tree) -> (Watchdog, mpsc::Receiver<Stuck>) {
    let (sender, receiver) = mpsc::channel();
    let on_stuck = Box::new(move |stuck| {
        let _ = sender.send(stuck);
    });
    (Watchdog::start(FAST, tree.pulses(), on_stuck).expect("a thread"), receiver)
}

/// The same, where the machine says this of every thread.
fn watch_by(tree: &Tree, breath: fn(&str) -> Option<Breath>) -> (Watchdog, mpsc::Receiver<Stuck>) {
    let (sender, receiver) = mpsc::channel();
    let on_stuck = Box::new(move |stuck| {
        let _ = sender.send(stuck);
    });
    (Watchdog::start_by(FAST, tree.pulses(), on_stuck, breath).expect("a thread"), receiver)
}

#[actix::test]
async fn a_thread_that_waits_for_the_machine_is_given_more_time_but_not_for_ever() {
    let waits: [fn(&str) -> Option<Breath>; 2] =
        [|_| Some(Breath { state: 'D', cpu: Duration::ZERO }), |_| Some(Breath { state: 'R', cpu: Duration::ZERO })];
    for breath in waits {
        let tree = patient_tree(Strategy::OneForOne);
        let blocker = add(&tree, ChildSpec::new("blocker").own_thread(), &Script::default()).await;
        let (watchdog, stuck) = watch_by(&tree, breath);
        assert_eq!(blocker.call(Block(FAST.limit * 3), FAST.limit * 50).await, Ok(()));
        assert_eq!((watchdog.verdict(), stuck.try_recv().is_err()), (Verdict::Alive, true), "the machine is slow");
        assert_eq!(blocker.tell(Block(FAST.limit * 10)), Ok(()));
        let named = stuck.recv_timeout(Duration::from_secs(20)).expect("a stuck actor");
        assert!(named.held_for >= FAST.limit * 6, "{named:?}");
    }
}

/// Waits on this thread, which is not the stuck one.
fn until(mut condition: impl FnMut() -> bool) {
    let began = Instant::now();
    while !condition() {
        assert!(began.elapsed() < Duration::from_secs(10), "it never happened");
        std::thread::yield_now();
    }
}

#[actix::test]
async fn an_actor_that_blocks_its_thread_is_named_once_and_cleared_when_it_returns() {
    let tree = patient_tree(Strategy::OneForOne);
    let blocker = add(&tree, ChildSpec::new("blocker").own_thread(), &Script::default()).await;
    let innocent = add(&tree, ChildSpec::new("innocent"), &Script::default()).await;
    let (watchdog, stuck) = watch(&tree);
    assert_eq!(watchdog.verdict(), Verdict::Alive);
    assert_eq!(blocker.tell(Block(Duration::from_millis(800))), Ok(()));
    let named = stuck.recv_timeout(Duration::from_secs(10)).expect("a stuck actor");
    assert_eq!((named.name.as_str(), named.in_actor), ("blocker", true));
    assert!(named.held_for >= FAST.limit, "{named:?}");
    assert!(named.thread.contains("arbiter"), "{named:?}");
    assert!(matches!(watchdog.verdict(), Verdict::Stuck(stuck) if stuck.name == "blocker"));
    assert_eq!(innocent.call(Ping, SOON).await, Ok(1));
    until(|| watchdog.verdict() == Verdict::Alive);
    assert!(stuck.try_recv().is_err(), "it is told once");
}

#[actix::test]
async fn a_thread_that_is_stuck_outside_of_any_actor_is_noticed_too() {
    let tree = patient_tree(Strategy::OneForOne);
    let (watchdog, stuck) = watch(&tree);
    let watched = tree.pulses().watch_this_thread("main");
    tokio::time::sleep(FAST.limit * 3).await;
    assert_eq!(watchdog.verdict(), Verdict::Alive, "a thread that turns is alive");
    // this thread is the one that is stuck: in a wait for its own watchdog
    let named = stuck.recv_timeout(Duration::from_secs(10)).expect("a stuck thread");
    assert_eq!((named.name.as_str(), named.in_actor), ("main", false));
    drop(watched);
    tokio::task::yield_now().await;
    until(|| watchdog.verdict() == Verdict::Alive);
}

#[actix::test]
async fn a_thread_that_still_beats_at_the_pace_from_before_the_watch_is_not_blamed() {
    let tree = patient_tree(Strategy::OneForOne);
    let _watched = tree.pulses().watch_this_thread("main");
    tokio::task::yield_now().await;
    let (watchdog, stuck) = watch(&tree);
    tokio::time::sleep(FAST.limit * 4).await;
    assert_eq!((watchdog.verdict(), stuck.try_recv().is_err()), (Verdict::Alive, true));
}

#[actix::test]
async fn a_detached_reply_that_blocks_a_thread_of_its_own_is_noticed_too() {
    let tree = patient_tree(Strategy::OneForOne);
    let blocker = add(&tree, ChildSpec::new("blocker").own_thread(), &Script::default()).await;
    let (_watchdog, stuck) = watch(&tree);
    // its thread has beaten a few times under the watch
    tokio::time::sleep(Duration::from_millis(700)).await;
    assert_eq!(blocker.tell(BlockLater(Duration::from_millis(1_500))), Ok(()));
    let named = stuck.recv_timeout(Duration::from_secs(10)).expect("a stuck thread");
    assert_eq!((named.name.as_str(), named.in_actor), ("of blocker", false));
}

#[actix::test]
async fn of_a_stuck_thread_and_the_actor_that_blocks_it_the_actor_is_named() {
    let tree = patient_tree(Strategy::OneForOne);
    let blocker = add(&tree, ChildSpec::new("blocker"), &Script::default()).await;
    let (_watchdog, stuck) = watch(&tree);
    let _watched = tree.pulses().watch_this_thread("main");
    tokio::time::sleep(FAST.limit).await;
    assert_eq!(blocker.call(Block(Duration::from_millis(1_000)), SOON).await, Ok(()));
    assert_eq!(stuck.try_recv().expect("a stuck actor").name, "blocker");
}

#[actix::test]
async fn an_actor_that_waits_or_is_in_back_off_is_not_stuck() {
    let tree = patient_tree(Strategy::OneForOne);
    let spec = ChildSpec::new("probe").backoff(exactly(Duration::from_secs(60)));
    let probe = add(&tree, spec, &Script::default()).await;
    let (watchdog, stuck) = watch(&tree);
    let hung = probe.call(Hang, FAST.limit * 3).await;
    assert!(hung.is_err());
    tree.kill_child("probe", "hangs").expect("a child");
    tokio::time::sleep(FAST.limit * 3).await;
    assert!(probe.status().phase.is_back_off());
    assert_eq!((watchdog.verdict(), stuck.try_recv().is_err()), (Verdict::Alive, true));
}

/// Not a test of its own: the process in which the next test lets a thread get stuck.
#[test]
#[ignore = "ends its process; run by the test below"]
fn a_process_whose_actor_deadlocks() {
    if std::env::var_os("DRONEBOT_TEST_DEADLOCK").is_none() {
        return;
    }
    tracing_subscriber::fmt().with_writer(std::io::stderr).with_ansi(false).init();
    install_panic_hook();
    actix::System::new().block_on(async {
        let tree = patient_tree(Strategy::OneForOne);
        let worker = add(&tree, ChildSpec::new("aws-worker"), &Script::default()).await;
        let _ = worker.call(Boom, SOON).await;
        let _watchdog = Watchdog::start(FAST, tree.pulses(), exit_when_stuck(|| ())).expect("a thread");
        let _ = worker.call(Block(Duration::from_secs(60)), SOON).await;
    });
}

#[test]
fn a_process_with_a_stuck_thread_names_the_actor_in_its_log_and_ends_with_its_own_code() {
    let output = Command::new(std::env::current_exe().expect("this test"))
        .args(["--ignored", "--exact", "--nocapture"])
        .arg("supervision::tests::watchdog::a_process_whose_actor_deadlocks")
        .env("DRONEBOT_TEST_DEADLOCK", "1")
        .output()
        .expect("the process runs");
    let log = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(i32::from(EXIT_STUCK)), "{log}");
    assert!(log.contains("actor aws-worker has been inside one poll for 2"), "{log}");
    let panic = log.lines().find(|line| line.contains(": panic ")).expect("a line of the panic hook");
    assert!(panic.contains("actor{name=\"aws-worker\" incarnation=1}"), "{panic}");
    assert!(panic.contains("location=\"src/supervision/tests/actors.rs:"), "{panic}");
}
