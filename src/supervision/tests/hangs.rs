use std::time::Duration;

use tokio::time::{Instant, pause};

use super::actors::*;
use crate::supervision::{CallError, ChildSpec, FailureKind, Handle, Strategy, Tree};

async fn with_heartbeat() -> (Tree, Handle<Probe>) {
    let tree = patient_tree(Strategy::OneForOne);
    let spec = ChildSpec::new("probe").backoff(at_once()).heartbeat(Duration::from_secs(1), Duration::from_secs(2));
    let probe = add(&tree, spec, &Script::default()).await;
    (tree, probe)
}

const LONG: Duration = Duration::from_secs(3600);

#[actix::test]
async fn an_actor_that_hangs_in_an_await_is_restarted_and_its_queue_is_answered_by_the_next_life() {
    pause();
    let (_tree, probe) = with_heartbeat().await;
    let began = Instant::now();
    let (hung, queued) = tokio::join!(probe.call(Hang, LONG), probe.call(Ping, LONG));
    assert_eq!((hung, queued), (Err(CallError::Crashed), Ok(2)));
    let took = began.elapsed();
    assert!(took >= Duration::from_secs(3) && took < Duration::from_millis(3_100), "{took:?}");
    let status = probe.status();
    assert_eq!((status.kills, status.panics), (1, 0));
    let failure = status.last_failure.expect("a failure");
    assert_eq!(failure.kind, FailureKind::Killed);
    assert_eq!(failure.text, "missed its heartbeat: no answer and no progress within 2s");
}

#[actix::test]
async fn an_idle_actor_lives_on() {
    pause();
    let (_tree, probe) = with_heartbeat().await;
    tokio::time::sleep(Duration::from_secs(86_400)).await;
    assert_eq!(probe.call(Ping, SOON).await, Ok(1));
}

#[actix::test]
async fn a_busy_actor_whose_heartbeat_waits_behind_its_queue_is_not_shot() {
    pause();
    let (_tree, probe) = with_heartbeat().await;
    let work = (0..60).map(|_| probe.call(Work(Duration::from_millis(500)), LONG));
    let answers = futures_util::future::join_all(work).await;
    assert!(answers.iter().all(|answer| *answer == Ok(1)), "{answers:?}");
    assert_eq!(probe.status().kills, 0);
}

#[actix::test]
async fn one_long_work_that_records_its_progress_is_not_shot() {
    pause();
    let (_tree, probe) = with_heartbeat().await;
    assert_eq!(probe.call(Steps(60, Duration::from_millis(500)), LONG).await, Ok(1));
    assert_eq!(probe.status().kills, 0);
}

#[actix::test]
async fn one_long_work_without_progress_is_shot() {
    pause();
    let (_tree, probe) = with_heartbeat().await;
    assert_eq!(probe.call(Work(Duration::from_secs(30)), LONG).await, Err(CallError::Crashed));
    assert_eq!(probe.status().kills, 1);
}

#[actix::test]
async fn progress_that_ends_is_noticed() {
    pause();
    let (_tree, probe) = with_heartbeat().await;
    let steps = probe.call(Steps(10, Duration::from_millis(500)), LONG);
    let (steps, hung, queued) = tokio::join!(steps, probe.call(Hang, LONG), probe.call(Ping, LONG));
    assert_eq!((steps, hung, queued), (Ok(1), Err(CallError::Crashed), Ok(2)));
}

#[actix::test]
async fn an_actor_is_not_shot_because_another_held_up_their_thread() {
    let tree = patient_tree(Strategy::OneForOne);
    let beat = |name| ChildSpec::new(name).heartbeat(Duration::from_millis(20), Duration::from_millis(50));
    let innocent = add(&tree, beat("innocent"), &Script::default()).await;
    let blocker = add(&tree, ChildSpec::new("blocker"), &Script::default()).await;
    for _ in 0..5 {
        assert_eq!(blocker.call(Block(Duration::from_millis(150)), SOON).await, Ok(()));
        assert_eq!(innocent.call(Ping, SOON).await, Ok(1));
    }
    assert_eq!(innocent.status().kills, 0);
}

#[actix::test]
async fn a_heartbeat_gets_through_a_full_mailbox() {
    pause();
    let tree = patient_tree(Strategy::OneForOne);
    let spec = ChildSpec::new("probe")
        .backoff(at_once())
        .max_in_flight(2)
        .heartbeat(Duration::from_secs(1), Duration::from_secs(2));
    let probe = add(&tree, spec, &Script::default()).await;
    for round in 1..4 {
        let (hung, queued) = tokio::join!(probe.call(Hang, LONG), probe.call(Ping, LONG));
        assert_eq!((hung, queued), (Err(CallError::Crashed), Ok(round + 1)));
    }
}

#[actix::test]
async fn an_actor_whose_work_could_not_go_on_because_its_thread_was_held_up_is_not_shot() {
    let tree = patient_tree(Strategy::OneForOne);
    let spec = ChildSpec::new("innocent").heartbeat(Duration::from_millis(20), Duration::from_millis(200));
    let innocent = add(&tree, spec, &Script::default()).await;
    let blocker = add(&tree, ChildSpec::new("blocker").without_heartbeat(), &Script::default()).await;
    let work = innocent.call(WorkElsewhere(Duration::from_millis(100)), SOON);
    let block = async {
        // by now the heartbeat is on its way, behind the work
        tokio::time::sleep(Duration::from_millis(50)).await;
        blocker.call(Block(Duration::from_millis(600)), SOON).await
    };
    assert_eq!(tokio::join!(work, block), (Ok(1), Ok(())));
    assert_eq!(innocent.status().kills, 0);
}
