use std::{sync::atomic::Ordering, time::Duration};

use tokio::time::{Instant, pause, sleep, timeout};

use super::actors::*;
use crate::supervision::{
    CallError, ChildSpec, FailureKind, NoSuchChild, Phase, Placement, Restart, StopOutcome, Strategy, Tree, TreeSpec,
    WorkerRuntime,
};

async fn three(tree: &Tree, script: &Script) -> Vec<crate::supervision::Handle<Probe>> {
    let mut handles = Vec::new();
    for name in ["a", "b", "c"] {
        handles.push(add(tree, ChildSpec::new(name).backoff(exactly(Duration::from_secs(1))), script).await);
    }
    handles
}

fn lives(tree: &Tree) -> Vec<(String, u64)> {
    tree.status().read().into_iter().map(|status| (status.name, status.incarnation)).collect()
}

#[actix::test]
async fn children_start_in_order_and_stop_in_reverse() {
    pause();
    let script = Script::default();
    let tree = patient_tree(Strategy::OneForOne);
    let _handles = three(&tree, &script).await;
    assert_eq!(script.take_events(), ["a started", "b started", "c started"]);
    let outcomes = tree.stop().await;
    assert_eq!(script.take_events(), ["c stopped", "b stopped", "a stopped"]);
    let expected = ["c", "b", "a"].map(|name| (name.to_owned(), StopOutcome::Stopped));
    assert_eq!(outcomes, expected);
    assert!(tree.status().read().iter().all(|status| status.phase == Phase::Stopped && status.last_failure.is_none()));
}

#[actix::test]
async fn children_can_be_stopped_in_an_order_of_the_callers_choice() {
    pause();
    let script = Script::default();
    let tree = patient_tree(Strategy::RestForOne);
    let _handles = three(&tree, &script).await;
    script.take_events();
    for name in ["b", "c"] {
        assert_eq!(tree.stop_child(name).await, Ok(StopOutcome::Stopped));
    }
    assert_eq!(tree.stop_child("b").await, Ok(StopOutcome::Stopped), "again changes nothing");
    tree.stop().await;
    assert_eq!(script.take_events(), ["b stopped", "c stopped", "a stopped"]);
    assert_eq!(tree.stop_child("d").await, Err(NoSuchChild("d".to_owned())));
}

#[actix::test]
async fn a_child_that_refuses_to_stop_is_killed_in_time() {
    pause();
    let script = Script::default();
    let tree = patient_tree(Strategy::OneForOne);
    add(&tree, ChildSpec::new("willing"), &script).await;
    let stubborn = Script::default();
    stubborn.refuses_to_stop.store(true, Ordering::Relaxed);
    let handle = add(&tree, ChildSpec::new("stubborn").shutdown(Duration::from_secs(3)), &stubborn).await;
    let began = Instant::now();
    let outcomes = tree.stop().await;
    assert_eq!(began.elapsed().as_secs(), 3);
    let expected = [("stubborn", StopOutcome::Killed), ("willing", StopOutcome::Stopped)];
    assert_eq!(outcomes, expected.map(|(name, outcome)| (name.to_owned(), outcome)));
    let status = handle.status();
    assert_eq!((status.phase, status.kills), (Phase::Stopped, 1));
    let failure = status.last_failure.expect("a failure");
    assert_eq!((failure.kind, failure.text.as_str()), (FailureKind::Killed, "did not stop within 3s"));
    assert_eq!(stubborn.take_events(), ["stubborn started"], "a kill runs no callback");
}

#[actix::test]
async fn a_child_that_finishes_its_work_before_it_stops_is_given_its_shutdown_time() {
    pause();
    struct Finisher(Script, bool);
    impl actix::Actor for Finisher {
        type Context = actix::Context<Self>;
        fn stopping(&mut self, ctx: &mut Self::Context) -> actix::Running {
            if std::mem::replace(&mut self.1, true) {
                return actix::Running::Stop;
            }
            let script = self.0.clone();
            let finish = async move {
                sleep(Duration::from_secs(2)).await;
                script.note("finished".to_owned());
            };
            let finish = actix::fut::wrap_future::<_, Self>(finish);
            let finish = actix::ActorFutureExt::map(finish, |(), _, ctx: &mut Self::Context| {
                actix::ActorContext::stop(ctx);
            });
            actix::AsyncContext::spawn(ctx, finish);
            actix::Running::Continue
        }
    }
    crate::supervision::supervised!(Finisher, |self| Finisher(self.0.clone(), false));
    let script = Script::default();
    let tree = patient_tree(Strategy::OneForOne);
    let shared = script.clone();
    tree.add(ChildSpec::new("finisher"), move |_| Finisher(shared.clone(), false)).await;
    assert_eq!(tree.stop().await, [("finisher".to_owned(), StopOutcome::Stopped)]);
    assert_eq!(script.events(), ["finished"]);
}

#[actix::test]
async fn what_was_queued_before_a_stop_is_handled_before_it() {
    pause();
    let (tree, probe) = one(&Script::default()).await;
    let pings = futures_util::future::join_all((0..100).map(|_| probe.call(Ping, SOON)));
    let (pings, _) = tokio::join!(pings, tree.stop());
    assert!(pings.iter().all(|ping| *ping == Ok(1)), "{pings:?}");
}

#[actix::test]
async fn a_child_in_back_off_stops_at_once_without_another_life() {
    pause();
    let script = Script::default();
    let tree = patient_tree(Strategy::OneForOne);
    let spec = ChildSpec::new("probe").backoff(exactly(Duration::from_secs(30)));
    let probe = add(&tree, spec, &script).await;
    assert_eq!(probe.call(Boom, SOON).await, Err(CallError::Crashed));
    let (queued, outcomes) = tokio::join!(probe.call(Ping, Duration::from_secs(60)), tree.stop());
    assert_eq!(outcomes, [("probe".to_owned(), StopOutcome::Stopped)]);
    assert_eq!(queued, Err(CallError::Crashed), "taken, and never answered");
    assert_eq!(script.events(), ["probe started"]);
}

#[actix::test]
async fn a_hung_child_stops_when_it_is_asked() {
    pause();
    let (tree, probe) = one(&Script::default()).await;
    let (hung, outcomes) = tokio::join!(probe.call(Hang, SOON), tree.stop());
    assert_eq!((hung, outcomes[0].1), (Err(CallError::Crashed), StopOutcome::Stopped));
}

#[actix::test]
async fn one_for_one_restarts_only_the_one_that_failed() {
    pause();
    let script = Script::default();
    let tree = patient_tree(Strategy::OneForOne);
    let handles = three(&tree, &script).await;
    assert_eq!(handles[0].call(Boom, SOON).await, Err(CallError::Crashed));
    handles[0].wait_for(|status| status.incarnation == 2 && status.phase.is_up()).await;
    sleep(Duration::from_secs(60)).await;
    assert_eq!(lives(&tree), [("a".to_owned(), 2), ("b".to_owned(), 1), ("c".to_owned(), 1)]);
}

#[actix::test]
async fn rest_for_one_stops_those_after_the_failed_one_and_starts_them_again_in_order() {
    pause();
    let script = Script::default();
    let tree = patient_tree(Strategy::RestForOne);
    let handles = three(&tree, &script).await;
    script.take_events();
    let (boom, queued) = tokio::join!(handles[1].call(Boom, SOON), async {
        handles[2].wait_for(|status| status.phase == Phase::Starting).await;
        handles[2].call(Ping, SOON).await
    });
    assert_eq!((boom, queued), (Err(CallError::Crashed), Ok(2)), "what waits for a stopped sibling is kept");
    assert_eq!(script.take_events(), ["c stopped", "b started", "c started"]);
    assert_eq!(lives(&tree), [("a".to_owned(), 1), ("b".to_owned(), 2), ("c".to_owned(), 2)]);
    assert_eq!(handles[2].status().restarts, 0, "it did not fail");

    assert_eq!(handles[0].call(Boom, SOON).await, Err(CallError::Crashed));
    handles[2].wait_for(|status| status.incarnation == 3 && status.phase.is_up()).await;
    assert_eq!(script.take_events(), ["c stopped", "b stopped", "a started", "b started", "c started"]);
}

#[actix::test]
async fn rest_for_one_begins_from_the_lowest_when_several_fail_together() {
    pause();
    let script = Script::default();
    let tree = patient_tree(Strategy::RestForOne);
    let handles = three(&tree, &script).await;
    let booms = tokio::join!(handles[2].call(Boom, SOON), handles[0].call(Boom, SOON), handles[1].call(Boom, SOON));
    assert_eq!(booms, (Err(CallError::Crashed), Err(CallError::Crashed), Err(CallError::Crashed)));
    script.take_events();
    handles[2].wait_for(|status| status.incarnation == 2 && status.phase.is_up()).await;
    assert_eq!(script.take_events(), ["a started", "b started", "c started"]);

    // one that fails when its turn comes is waited for
    script.started_panics.store(2, Ordering::Relaxed);
    assert_eq!(handles[0].call(Boom, SOON).await, Err(CallError::Crashed));
    handles[2].wait_for(|status| status.incarnation == 3 && status.phase.is_up()).await;
    assert_eq!(
        script.take_events(),
        ["c stopped", "b stopped", "a started", "a started", "a started", "b started", "c started"]
    );
}

#[actix::test]
async fn rest_for_one_kills_a_sibling_that_does_not_stop_in_time() {
    pause();
    let tree = patient_tree(Strategy::RestForOne);
    let first = add(&tree, ChildSpec::new("first").backoff(at_once()), &Script::default()).await;
    let stubborn = Script::default();
    stubborn.refuses_to_stop.store(true, Ordering::Relaxed);
    let second = add(&tree, ChildSpec::new("second").shutdown(Duration::from_secs(2)), &stubborn).await;
    assert_eq!(first.call(Boom, SOON).await, Err(CallError::Crashed));
    let status = second.wait_for(|status| status.incarnation == 2 && status.phase.is_up()).await;
    assert_eq!((status.kills, status.restarts), (1, 0));
}

#[actix::test]
async fn a_tree_that_stops_during_a_round_of_rest_for_one_stops() {
    pause();
    let script = Script::default();
    let tree = patient_tree(Strategy::RestForOne);
    let handles = three(&tree, &script).await;
    assert_eq!(handles[0].call(Boom, SOON).await, Err(CallError::Crashed));
    handles[1].wait_for(|status| status.phase == Phase::Starting).await;
    assert_eq!(timeout(Duration::from_secs(1), tree.stop()).await.map(|outcomes| outcomes.len()), Ok(3));
    sleep(Duration::from_secs(60)).await;
    assert!(tree.status().read().iter().all(|status| status.phase == Phase::Stopped));
}

#[actix::test]
async fn the_restart_intensity_is_counted_over_all_children_in_a_sliding_window() {
    pause();
    let tree = Tree::new(TreeSpec::new("test").intensity(3, Duration::from_secs(10)));
    let a = add(&tree, ChildSpec::new("a").backoff(at_once()), &Script::default()).await;
    let b = add(&tree, ChildSpec::new("b").backoff(at_once()), &Script::default()).await;
    let began = Instant::now();
    for (probe, at) in [(&a, 0), (&b, 4), (&a, 8), (&b, 11), (&a, 15)] {
        tokio::time::sleep_until(began + Duration::from_secs(at)).await;
        assert_eq!(probe.call(Boom, SOON).await, Err(CallError::Crashed));
        assert!(probe.call(Ping, SOON).await.is_ok(), "at {at} s");
    }
    // at 17 s those of 8, 11 and 15 s still count
    tokio::time::sleep_until(began + Duration::from_secs(17)).await;
    assert_eq!(b.call(Boom, SOON).await, Err(CallError::Crashed));
    assert_eq!(tree.escalated().await.child, "b");
    assert_eq!(
        (a.status().phase, b.status().phase),
        (Phase::Up, Phase::Dead),
        "the others go on until they are drained"
    );
    assert_eq!(tree.stop().await[1], ("a".to_owned(), StopOutcome::Stopped));
}

#[actix::test]
async fn a_child_can_be_killed_by_name_and_returns() {
    pause();
    let (tree, probe) = one(&Script::default()).await;
    assert_eq!(tree.kill_child("probe", "asked by a test"), Ok(()));
    let status = probe.wait_for(|status| status.incarnation == 2 && status.phase.is_up()).await;
    assert_eq!(status.last_failure.expect("a failure").to_string(), "killed: asked by a test");
    assert!(tree.kill_child("nobody", "").is_err());
}

#[actix::test]
async fn the_status_can_be_read_from_another_thread_at_any_time() {
    let (tree, probe) = one(&Script::default()).await;
    let reader = tree.status();
    let done = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let ended = done.clone();
    let read = move || {
        let mut last = 0;
        while !ended.load(Ordering::Relaxed) {
            let status = reader.read().remove(0);
            assert!(status.incarnation >= last && status.incarnation <= status.restarts + 1);
            last = status.incarnation;
        }
        reader.read().remove(0)
    };
    let workers = WorkerRuntime::new("reader", 1).expect("a thread");
    let reading = workers.spawn_blocking("reader", read);
    for _ in 0..200 {
        assert_eq!(probe.call(Boom, SOON).await, Err(CallError::Crashed));
    }
    assert_eq!(probe.call(Ping, SOON).await, Ok(201));
    done.store(true, Ordering::Relaxed);
    assert_eq!(reading.await.expect("the reader").incarnation, 201);
}

#[actix::test]
async fn a_child_with_a_thread_of_its_own_is_supervised_like_the_others() {
    let script = Script::default();
    let tree = patient_tree(Strategy::RestForOne);
    let spec = ChildSpec::new("own").backoff(at_once()).placement(Placement::OwnThread);
    let own = add(&tree, spec, &script).await;
    let shared = add(&tree, ChildSpec::new("shared"), &script).await;
    assert_eq!(script.take_events(), ["own started", "shared started"]);
    assert_ne!(own.call(ThreadName, SOON).await, shared.call(ThreadName, SOON).await);
    assert_eq!(own.call(Boom, SOON).await, Err(CallError::Crashed));
    shared.wait_for(|status| status.incarnation == 2 && status.phase.is_up()).await;
    assert_eq!(own.call(Ping, SOON).await, Ok(2));
    assert!(tree.stop().await.iter().all(|(_, outcome)| *outcome == StopOutcome::Stopped));
    assert_eq!(own.call(Ping, SOON).await, Err(CallError::Down));
}

#[actix::test]
async fn a_child_whose_thread_is_stuck_is_left_behind() {
    let tree = patient_tree(Strategy::OneForOne);
    let spec = ChildSpec::new("stuck").own_thread().shutdown(Duration::from_millis(50));
    let stuck = add(&tree, spec, &Script::default()).await;
    assert_eq!(stuck.tell(Block(Duration::from_secs(3))), Ok(()));
    assert_eq!(tree.stop().await, [("stuck".to_owned(), StopOutcome::Unresponsive)]);
}

#[actix::test]
async fn a_second_child_of_the_same_name_gets_a_number() {
    pause();
    let tree = patient_tree(Strategy::OneForOne);
    for _ in 0..2 {
        add(&tree, ChildSpec::new("twin"), &Script::default()).await;
    }
    assert_eq!(lives(&tree), [("twin".to_owned(), 1), ("twin#1".to_owned(), 1)]);
}

#[actix::test]
async fn a_temporary_sibling_ends_with_the_failure_of_one_before_it() {
    pause();
    let tree = patient_tree(Strategy::RestForOne);
    let first = add(&tree, ChildSpec::new("first").backoff(at_once()), &Script::default()).await;
    let once = add(&tree, ChildSpec::new("once").restart(Restart::Temporary), &Script::default()).await;
    let last = add(&tree, ChildSpec::new("last"), &Script::default()).await;
    assert_eq!(first.call(Boom, SOON).await, Err(CallError::Crashed));
    last.wait_for(|status| status.incarnation == 2 && status.phase.is_up()).await;
    assert_eq!(once.status().phase, Phase::Stopped);
}

async fn a_willing_and_two_slow(tree: &Tree) -> (Vec<crate::supervision::Handle<Probe>>, Script) {
    let script = Script::default();
    let slow = Script { events: script.events.clone(), ..Script::default() };
    slow.refuses_to_stop.store(true, Ordering::Relaxed);
    let mut handles = vec![add(tree, ChildSpec::new("a").backoff(at_once()), &script).await];
    for name in ["b", "c"] {
        let spec = ChildSpec::new(name).backoff(at_once()).shutdown(Duration::from_secs(2));
        handles.push(add(tree, spec, &slow).await);
    }
    script.take_events();
    (handles, script)
}

#[actix::test]
async fn rest_for_one_starts_nobody_before_all_that_depend_on_it_have_stopped() {
    pause();
    let tree = patient_tree(Strategy::RestForOne);
    let (handles, _) = a_willing_and_two_slow(&tree).await;
    let began = Instant::now();
    assert_eq!(handles[0].call(Boom, SOON).await, Err(CallError::Crashed));
    handles[0].wait_for(|status| status.incarnation == 2).await;
    assert_eq!(began.elapsed().as_secs(), 4, "two of them took two seconds each");
    assert!(handles[1..].iter().all(|handle| handle.status().kills == 1));
}

#[actix::test]
async fn rest_for_one_begins_anew_when_a_lower_child_fails_while_a_higher_one_still_stops() {
    pause();
    let tree = patient_tree(Strategy::RestForOne);
    let (handles, script) = a_willing_and_two_slow(&tree).await;
    assert_eq!(handles[1].call(Boom, SOON).await, Err(CallError::Crashed));
    sleep(Duration::from_secs(1)).await;
    assert_eq!(handles[2].status().phase, Phase::Stopping);
    assert_eq!(handles[0].call(Boom, SOON).await, Err(CallError::Crashed));
    handles[2].wait_for(|status| status.incarnation == 2 && status.phase.is_up()).await;
    assert_eq!(script.events(), ["a started", "b started", "c started"]);
    assert_eq!(lives(&tree), [("a".to_owned(), 2), ("b".to_owned(), 2), ("c".to_owned(), 2)]);
}

#[actix::test]
async fn rest_for_one_starts_nobody_after_one_that_was_given_up() {
    pause();
    let script = Script::default();
    let tree = Tree::new(TreeSpec::new("test").strategy(Strategy::RestForOne).intensity(2, Duration::from_secs(60)));
    let handles = three(&tree, &script).await;
    script.started_panics.store(usize::MAX, Ordering::Relaxed);
    assert_eq!(handles[1].call(Boom, SOON).await, Err(CallError::Crashed));
    assert_eq!(tree.escalated().await.child, "b");
    sleep(Duration::from_secs(60)).await;
    let phases: Vec<_> = tree.status().read().into_iter().map(|status| status.phase).collect();
    assert_eq!(phases, [Phase::Up, Phase::Dead, Phase::Starting]);
    assert_eq!(tree.stop().await.len(), 3);
}

#[actix::test]
async fn a_child_whose_thread_ends_under_it_is_dead_and_escalates() {
    let script = Script::default();
    let tree = patient_tree(Strategy::OneForOne);
    let own = add(&tree, ChildSpec::new("own").own_thread(), &script).await;
    assert_eq!(own.tell(EndThread), Ok(()));
    let escalation = tree.escalated().await;
    assert_eq!((escalation.child.as_str(), escalation.failure.text.as_str()), ("own", "its thread ended under it"));
    assert_eq!(own.status().phase, Phase::Dead);
    assert_eq!(own.call(Ping, SOON).await, Err(CallError::Down));
    assert_eq!(script.events(), ["own started"], "what is thrown away runs no callback");
}
