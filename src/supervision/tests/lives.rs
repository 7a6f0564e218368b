use std::{
    sync::{
        Arc, Weak,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use parking_lot::Mutex;
use tokio::time::{Instant, pause};

use super::actors::*;
use crate::supervision::{
    Backoff, BackoffSpec, CallError, Child, ChildSpec, EXIT_ESCALATED, EXIT_STUCK, FailureKind, Phase, Restart,
    Strategy, TaskError, Tree, TreeSpec, install_panic_hook, spawn_local_detached, supervised,
};

#[actix::test]
async fn a_panic_in_a_handler_costs_its_caller_and_nobody_else() {
    pause();
    install_panic_hook();
    let (_tree, probe) = one(&Script::default()).await;
    let (before, boom, after) = tokio::join!(probe.call(Ping, SOON), probe.call(Boom, SOON), probe.call(Ping, SOON));
    assert_eq!((before, boom, after), (Ok(1), Err(CallError::Crashed), Ok(2)));
    assert_eq!(probe.call(IsDirty, SOON).await, Ok(false), "the second life is a fresh value");

    let status = probe.status();
    assert_eq!((status.phase, status.incarnation, status.restarts, status.panics), (Phase::Up, 2, 1, 1));
    let failure = status.last_failure.expect("a failure");
    assert_eq!((failure.kind, failure.text.as_str()), (FailureKind::Panicked, "boom in a handler"));
    let location = failure.location.expect("a location");
    assert!(location.starts_with("src/supervision/tests/actors.rs:"), "{location}");
}

#[actix::test]
async fn a_panic_in_started_is_followed_by_another_life() {
    pause();
    let script = Script::default();
    script.started_panics.store(2, Ordering::Relaxed);
    let (_tree, probe) = one(&script).await;
    assert_eq!(probe.call(Ping, SOON).await, Ok(3));
    assert_eq!(script.events(), ["probe started", "probe started", "probe started"]);
    assert_eq!(probe.status().last_failure.expect("a failure").text, "started panics");
}

#[actix::test]
async fn a_panic_in_the_factory_is_followed_by_another_life() {
    pause();
    let script = Script::default();
    script.factory_panics.store(2, Ordering::Relaxed);
    let (_tree, probe) = one(&script).await;
    assert_eq!(probe.call(Ping, SOON).await, Ok(3));
    assert_eq!(script.events(), ["probe started"]);
}

#[actix::test]
async fn a_panic_in_a_spawned_future_is_followed_by_another_life() {
    pause();
    let (_tree, probe) = one(&Script::default()).await;
    assert_eq!(probe.call(BoomInSpawn, SOON).await, Ok(()));
    probe.wait_for(|status| status.incarnation == 2 && status.phase.is_up()).await;
    assert_eq!(probe.call(Ping, SOON).await, Ok(2));
    assert_eq!(probe.status().last_failure.expect("a failure").text, "boom in a spawned future");
}

#[actix::test]
async fn a_panic_in_a_detached_reply_hits_only_its_caller() {
    pause();
    let (_tree, probe) = one(&Script::default()).await;
    let (boom, ping) = tokio::join!(probe.call(BoomDetached, SOON), probe.call(Ping, SOON));
    assert_eq!((boom, ping), (Err(CallError::Crashed), Ok(1)));
    assert_eq!(probe.status().panics, 0);
}

#[actix::test]
async fn a_detached_reply_outlives_a_restart_of_its_actor() {
    pause();
    let (_tree, probe) = one(&Script::default()).await;
    let later = Later(Duration::from_secs(1));
    let (later, boom) = tokio::join!(probe.call(later, SOON), probe.call(Boom, SOON));
    assert_eq!((later, boom), (Ok(1), Err(CallError::Crashed)));
    assert_eq!(probe.call(Ping, SOON).await, Ok(2));
}

#[actix::test]
async fn a_panic_that_carries_no_text_and_panics_again_when_dropped_is_borne() {
    pause();
    let (_tree, probe) = one(&Script::default()).await;
    assert_eq!(probe.call(BoomWithBomb, SOON).await, Err(CallError::Crashed));
    assert_eq!(probe.call(Ping, SOON).await, Ok(2));
    assert_eq!(probe.status().last_failure.expect("a failure").text, "a panic without a text");
}

#[actix::test]
async fn a_permanent_actor_that_stops_itself_is_started_again() {
    pause();
    let script = Script::default();
    let (_tree, probe) = one(&script).await;
    assert_eq!(probe.call(StopSelf, SOON).await, Ok(()));
    assert_eq!(probe.call(Ping, SOON).await, Ok(2));
    assert_eq!(probe.call(TerminateSelf, SOON).await, Ok(()));
    assert_eq!(probe.call(Ping, SOON).await, Ok(3));
    let status = probe.status();
    assert_eq!((status.stops, status.panics, status.restarts), (2, 0, 2));
    assert_eq!(status.last_failure.expect("a failure").kind, FailureKind::Stopped);
    let events = ["probe started", "probe stopped", "probe started", "probe stopped", "probe started"];
    assert_eq!(script.events(), events);
}

#[actix::test]
async fn a_panic_in_stopped_and_then_in_drop_does_not_end_the_process() {
    pause();
    let script = Script::default();
    let (tree, probe) = one(&script).await;
    script.stopped_panics.store(1, Ordering::Relaxed);
    script.drop_panics.store(1, Ordering::Relaxed);
    assert_eq!(probe.call(StopSelf, SOON).await, Ok(()));
    let status = probe.wait_for(|status| status.panics == 2 && status.phase.is_up()).await;
    assert_eq!(status.last_failure.expect("a failure").text, "drop panics");
    assert!(probe.call(Ping, SOON).await.is_ok());

    script.stopped_panics.store(1, Ordering::Relaxed);
    script.drop_panics.store(1, Ordering::Relaxed);
    tree.stop().await;
    let status = probe.status();
    assert_eq!((status.phase, status.panics), (Phase::Stopped, 4));
    assert_eq!(probe.call(Ping, SOON).await, Err(CallError::Down));
}

#[actix::test]
async fn an_actor_whose_drop_always_panics_spends_the_budget_and_is_given_up() {
    pause();
    let script = Script::default();
    let tree = Tree::new(TreeSpec::new("test").intensity(3, Duration::from_secs(60)));
    let probe = add(&tree, ChildSpec::new("probe").backoff(at_once()), &script).await;
    script.drop_panics.store(usize::MAX, Ordering::Relaxed);
    assert_eq!(probe.call(Boom, SOON).await, Err(CallError::Crashed));
    assert_eq!(tree.escalated().await.child, "probe");
    assert_eq!(probe.status().phase, Phase::Dead);
    script.drop_panics.store(0, Ordering::Relaxed);
}

#[actix::test]
async fn an_actor_that_always_fails_in_started_backs_off_spends_the_budget_and_escalates() {
    pause();
    install_panic_hook();
    let began = Instant::now();
    let script = Script::default();
    script.started_panics.store(usize::MAX, Ordering::Relaxed);
    let tree = Tree::new(TreeSpec::new("bot").intensity(5, Duration::from_secs(60)));
    let spec = ChildSpec::new("probe").backoff(BackoffSpec { jitter: 0.0, ..BackoffSpec::default() });
    let probe = add(&tree, spec, &script).await;
    assert_eq!(probe.status().phase, Phase::BackOff { until: began + Duration::from_millis(200) });

    let escalation = tree.escalated().await;
    // 0.2 + 0.4 + 0.8 + 1.6 + 3.2, each rounded up to the timer's millisecond
    let took = began.elapsed();
    assert!((6_200..6_210).contains(&took.as_millis()), "{took:?}");
    let status = probe.status();
    assert_eq!((status.phase, status.incarnation, status.restarts, status.panics), (Phase::Dead, 6, 5, 6));
    assert_eq!(script.events().len(), 6);
    assert_eq!((escalation.tree.as_str(), escalation.child.as_str()), ("bot", "probe"));
    assert_eq!(Some(&escalation.failure), status.last_failure.as_ref());
    assert!(escalation.to_string().starts_with("bot needed more than 5 restarts in 60s; last probe panicked: started"));
    assert_eq!(probe.call(Ping, SOON).await, Err(CallError::Down));
    let codes = [0, 1, 101, 134, EXIT_ESCALATED, EXIT_STUCK];
    assert!(codes.iter().enumerate().all(|(i, code)| !codes[..i].contains(code)), "each end has a code of its own");
}

#[actix::test]
async fn an_actor_that_always_stops_in_started_does_not_hold_up_its_thread() {
    struct Quitter;
    impl actix::Actor for Quitter {
        type Context = actix::Context<Self>;
        fn started(&mut self, ctx: &mut Self::Context) {
            actix::ActorContext::stop(ctx);
        }
    }
    supervised!(Quitter, |self| Quitter);
    let tree = patient_tree(Strategy::OneForOne);
    let quitter = spawn_local_detached("add", async move {
        tree.add(ChildSpec::new("quits").backoff(at_once()), |_: &Child| Quitter).await
    });
    // others on the thread have their turns between its lives
    for _ in 0..1000 {
        tokio::task::yield_now().await;
    }
    quitter.abort();
    assert_eq!(quitter.await.map(|_| ()).err(), Some(TaskError::Cancelled));
}

#[actix::test]
async fn a_transient_actor_returns_after_a_panic_but_not_after_it_stopped() {
    pause();
    let tree = patient_tree(Strategy::OneForOne);
    let spec = ChildSpec::new("probe").backoff(at_once()).restart(Restart::Transient);
    let probe = add(&tree, spec, &Script::default()).await;
    assert_eq!(probe.call(Boom, SOON).await, Err(CallError::Crashed));
    assert_eq!(probe.call(Ping, SOON).await, Ok(2));
    assert_eq!(probe.call(StopSelf, SOON).await, Ok(()));
    let status = probe.wait_for(|status| status.phase.is_final()).await;
    assert_eq!((status.phase, status.stops), (Phase::Stopped, 1));
    assert_eq!(status.last_failure.expect("the panic").kind, FailureKind::Panicked);
    assert_eq!(probe.call(Ping, SOON).await, Err(CallError::Down));
}

#[actix::test]
async fn a_temporary_actor_never_returns_and_never_escalates() {
    pause();
    let tree = Tree::new(TreeSpec::new("test").intensity(0, Duration::from_secs(60)));
    let spec = ChildSpec::new("probe").restart(Restart::Temporary);
    let probe = add(&tree, spec, &Script::default()).await;
    assert_eq!(probe.call(Boom, SOON).await, Err(CallError::Crashed));
    assert_eq!(probe.wait_for(|status| status.phase.is_final()).await.phase, Phase::Dead);
    assert!(tokio::time::timeout(Duration::from_secs(3600), tree.escalated()).await.is_err());
}

#[actix::test]
async fn a_long_healthy_life_begins_the_back_off_anew() {
    pause();
    let tree = patient_tree(Strategy::OneForOne);
    let backoff = BackoffSpec { jitter: 0.0, ..BackoffSpec::default() };
    let probe = add(&tree, ChildSpec::new("probe").backoff(backoff), &Script::default()).await;
    let mut waits = Vec::new();
    for rest in [0, 0, 0, 59, 61] {
        tokio::time::sleep(Duration::from_secs(rest)).await;
        assert_eq!(probe.call(Boom, SOON).await, Err(CallError::Crashed));
        let status = probe.status();
        let Phase::BackOff { until } = status.phase else { panic!("{status:?}") };
        waits.push((until - status.since).as_millis());
        probe.wait_for(|status| status.phase.is_up()).await;
    }
    assert_eq!(waits, [200, 400, 800, 1600, 200]);
}

#[actix::test]
async fn what_a_failed_life_had_open_is_closed_at_once_not_after_the_back_off() {
    pause();
    struct Holder(Arc<Mutex<Weak<()>>>);
    impl actix::Actor for Holder {
        type Context = actix::Context<Self>;
        fn started(&mut self, ctx: &mut Self::Context) {
            let socket = Arc::new(());
            *self.0.lock() = Arc::downgrade(&socket);
            let hold = async move {
                std::future::pending::<()>().await;
                drop(socket);
            };
            actix::AsyncContext::spawn(ctx, actix::fut::wrap_future(hold));
            let fail = async {
                tokio::time::sleep(Duration::from_secs(1)).await;
                panic!("fails while another future holds the socket");
            };
            actix::AsyncContext::spawn(ctx, actix::fut::wrap_future(fail));
        }
    }
    supervised!(Holder, |self| Holder(self.0.clone()));
    let socket = Arc::new(Mutex::new(Weak::new()));
    let shared = socket.clone();
    let tree = patient_tree(Strategy::OneForOne);
    let spec = ChildSpec::new("holder").backoff(exactly(Duration::from_secs(30)));
    let holder = tree.add(spec, move |_| Holder(shared.clone())).await;
    assert!(socket.lock().upgrade().is_some());
    holder.wait_for(|status| status.phase.is_back_off()).await;
    assert!(socket.lock().upgrade().is_none());
}

#[actix::test]
async fn a_connection_that_reconnects_inside_one_life_never_spends_the_budget() {
    pause();
    struct Link(Arc<AtomicUsize>);
    impl actix::Actor for Link {
        type Context = actix::Context<Self>;
        fn started(&mut self, ctx: &mut Self::Context) {
            let dials = self.0.clone();
            let dial = async move {
                let mut backoff = Backoff::new(BackoffSpec::default());
                loop {
                    dials.fetch_add(1, Ordering::Relaxed);
                    tokio::time::sleep(backoff.after(Duration::ZERO, 0.5)).await;
                }
            };
            actix::AsyncContext::spawn(ctx, actix::fut::wrap_future(dial));
        }
    }
    supervised!(Link, |self| Link(self.0.clone()));
    let dials: Arc<AtomicUsize> = Arc::default();
    let counted = Arc::clone(&dials);
    let tree = Tree::new(TreeSpec::new("test").intensity(1, Duration::from_secs(60)));
    let link = tree.add(ChildSpec::new("link"), move |_| Link(counted.clone())).await;
    assert!(tokio::time::timeout(Duration::from_secs(3600), tree.escalated()).await.is_err());
    let status = link.status();
    assert_eq!((status.phase, status.incarnation, status.restarts), (Phase::Up, 1, 0));
    assert!(dials.load(Ordering::Relaxed) > 100);
}
