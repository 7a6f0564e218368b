use std::time::Duration;

use tokio::time::{Instant, pause};

use super::actors::*;
use crate::domain::Drill;
use crate::supervision::{
    CallError, ChildSpec, FailureKind, NoSuchChild, Strategy, Watchdog, WatchdogSpec, install_panic_hook,
};

const LONG: Duration = Duration::from_secs(3600);

#[actix::test]
async fn a_child_that_is_told_to_panic_is_restarted_as_after_any_panic() {
    install_panic_hook();
    let (tree, probe) = one(&Script::default()).await;
    assert_eq!(probe.call(Ping, SOON).await, Ok(1));
    tree.drills().run("probe", Drill::Panic).expect("a child");
    let status = probe.wait_for(|status| status.incarnation == 2 && status.phase.is_up()).await;
    assert_eq!((status.panics, status.restarts), (1, 1));
    let failure = status.last_failure.expect("a failure");
    assert_eq!((failure.kind, failure.text.as_str()), (FailureKind::Panicked, "told to panic, by a drill"));
    assert_eq!(probe.call(Ping, SOON).await, Ok(2), "the drill is over with the life");
}

#[actix::test]
async fn a_child_that_is_told_to_hang_is_found_by_its_heartbeat_and_its_queue_is_answered_by_the_next_life() {
    pause();
    let tree = patient_tree(Strategy::OneForOne);
    let spec = ChildSpec::new("probe").backoff(at_once()).heartbeat(Duration::from_secs(1), Duration::from_secs(2));
    let probe = add(&tree, spec, &Script::default()).await;
    let began = Instant::now();
    tree.drills().run("probe", Drill::Hang).expect("a child");
    assert_eq!(probe.call(Ping, LONG).await, Ok(2));
    let took = began.elapsed();
    assert!(took >= Duration::from_secs(3) && took < Duration::from_millis(3_100), "{took:?}");
    assert_eq!((probe.status().kills, probe.status().panics), (1, 0));
}

#[actix::test]
async fn a_child_that_was_told_to_hang_can_still_be_stopped() {
    pause();
    let tree = patient_tree(Strategy::OneForOne);
    let spec = ChildSpec::new("probe").without_heartbeat().shutdown(Duration::from_secs(2));
    let probe = add(&tree, spec, &Script::default()).await;
    tree.drills().run("probe", Drill::Hang).expect("a child");
    assert_eq!(probe.call(Ping, Duration::from_secs(600)).await, Err(CallError::Timeout));
    tree.stop().await;
    assert!(probe.status().phase.is_final());
    assert_eq!(probe.status().kills, 1);
}

#[actix::test]
async fn a_child_that_is_told_to_stick_is_named_by_the_watchdog_and_goes_on_afterwards() {
    let tree = patient_tree(Strategy::OneForOne);
    let probe = add(&tree, ChildSpec::new("probe").own_thread(), &Script::default()).await;
    let (sender, stuck) = std::sync::mpsc::channel();
    let spec = WatchdogSpec { every: Duration::from_millis(10), limit: Duration::from_millis(200) };
    let tell = Box::new(move |who: crate::supervision::Stuck| {
        let _ = sender.send(who.name);
    });
    let _watchdog = Watchdog::start(spec, tree.pulses(), tell).expect("a thread");
    tree.drills().run("probe", Drill::Stick(Duration::from_millis(800))).expect("a child");
    assert_eq!(stuck.recv_timeout(Duration::from_secs(10)).as_deref(), Ok("probe"));
    assert_eq!(probe.call(Ping, SOON).await, Ok(1), "it is the same life");
}

#[actix::test]
async fn a_drill_finds_its_child_by_name_and_leaves_one_alone_that_has_failed_already() {
    pause();
    let tree = patient_tree(Strategy::OneForOne);
    let spec = ChildSpec::new("probe").backoff(exactly(Duration::from_secs(60)));
    let probe = add(&tree, spec, &Script::default()).await;
    let drills = tree.drills();
    assert_eq!(drills.run("nobody", Drill::Panic), Err(NoSuchChild("nobody".to_owned())));
    drills.run("probe", Drill::Panic).expect("a child");
    probe.wait_for(|status| status.phase.is_back_off()).await;
    drills.run("probe", Drill::Panic).expect("a child");
    let status = probe.wait_for(|status| status.phase.is_up()).await;
    assert_eq!(probe.call(Ping, SOON).await, Ok(2));
    assert_eq!((status.panics, status.incarnation), (1, 2));
}
