use std::time::Duration;

use tokio::time::{Instant, pause};

use super::actors::*;
use crate::supervision::{CallError, ChildSpec, Handle, Strategy, TellError, WorkerRuntime};

#[actix::test]
async fn during_a_back_off_a_short_deadline_is_refused_at_once_and_a_long_one_waits() {
    pause();
    let tree = patient_tree(Strategy::OneForOne);
    let spec = ChildSpec::new("probe").backoff(exactly(Duration::from_millis(400)));
    let probe = add(&tree, spec, &Script::default()).await;
    assert_eq!(probe.call(Boom, SOON).await, Err(CallError::Crashed));
    let began = Instant::now();
    let refused = probe.call(Ping, Duration::from_millis(100)).await;
    assert_eq!(refused, Err(CallError::Restarting { retry_in: Duration::from_millis(400) }));
    assert_eq!(began.elapsed(), Duration::ZERO);
    assert_eq!(probe.call(Ping, Duration::from_secs(2)).await, Ok(2));
    assert!(began.elapsed() >= Duration::from_millis(400));
}

#[actix::test]
async fn a_call_to_a_hung_actor_ends_at_its_deadline_and_is_skipped_later() {
    pause();
    let script = Script::default();
    let (tree, probe) = one(&script).await;
    script.take_events();
    let note = probe.call(Note("noted".to_owned()), Duration::from_secs(1));
    let (hung, note) = tokio::join!(probe.call(Hang, Duration::from_secs(1)), note);
    assert_eq!((hung, note), (Err(CallError::Timeout), Err(CallError::Timeout)));
    tree.kill_child("probe", "hangs").expect("a child");
    assert_eq!(probe.call(Ping, SOON).await, Ok(2));
    assert_eq!(script.events(), ["probe started"], "nobody waits for the note any more");
}

#[actix::test]
async fn more_calls_than_may_be_in_flight_are_refused() {
    pause();
    let tree = patient_tree(Strategy::OneForOne);
    let probe = add(&tree, ChildSpec::new("probe").max_in_flight(3), &Script::default()).await;
    let later = || probe.call(Later(Duration::from_secs(1)), SOON);
    let refused = async {
        // the mailbox is empty again, but three replies are still owed
        tokio::time::sleep(Duration::from_millis(500)).await;
        probe.call(Ping, SOON).await
    };
    let answers = tokio::join!(later(), later(), later(), refused);
    assert_eq!(answers, (Ok(1), Ok(1), Ok(1), Err(CallError::Overloaded)));
    assert_eq!(probe.call(Ping, SOON).await, Ok(1), "what was answered makes room");
}

#[actix::test]
async fn more_messages_than_may_be_queued_are_refused_over_all_clones_of_a_handle() {
    pause();
    let script = Script::default();
    let tree = patient_tree(Strategy::OneForOne);
    let probe = add(&tree, ChildSpec::new("probe").max_in_flight(4), &script).await;
    let tell = |handle: &Handle<Probe>| handle.clone().tell(Note("told".to_owned()));
    for _ in 0..3 {
        let told: Vec<_> = (0..100).map(|_| tell(&probe)).collect();
        assert_eq!(told.iter().filter(|told| told.is_ok()).count(), 4);
        assert_eq!(told[99], Err(TellError::Overloaded));
        assert_eq!(probe.call(Ping, SOON).await, Err(CallError::Overloaded));
        tokio::task::yield_now().await;
        assert_eq!(probe.call(Ping, SOON).await, Ok(1));
    }
    assert_eq!(script.events().iter().filter(|event| *event == "probe told").count(), 12);
}

#[actix::test]
async fn messages_told_during_a_back_off_are_handled_by_the_next_life_in_order() {
    pause();
    let script = Script::default();
    let tree = patient_tree(Strategy::OneForOne);
    let spec = ChildSpec::new("probe").backoff(exactly(Duration::from_secs(9)));
    let probe = add(&tree, spec, &script).await;
    assert_eq!(probe.call(Boom, SOON).await, Err(CallError::Crashed));
    for number in 1..=3 {
        assert_eq!(probe.tell(Note(number.to_string())), Ok(()));
    }
    assert_eq!(probe.call(Ping, Duration::from_secs(10)).await, Ok(2));
    assert_eq!(script.events(), ["probe started", "probe started", "probe 1", "probe 2", "probe 3"]);
}

#[actix::test]
async fn a_stopped_actor_is_down() {
    pause();
    let (tree, probe) = one(&Script::default()).await;
    tree.stop().await;
    assert_eq!(probe.call(Ping, SOON).await, Err(CallError::Down));
    assert_eq!(probe.tell(Ping), Err(TellError::Down));
}

#[actix::test]
async fn a_handle_works_from_other_threads() {
    let (_tree, probe) = one(&Script::default()).await;
    let workers = WorkerRuntime::new("handle-test", 2).expect("threads");
    let callers = (0..8).map(|_| {
        let probe = probe.clone();
        workers.spawn("caller", async move {
            let mut answered = 0;
            for _ in 0..500 {
                answered += u64::from(probe.call(Ping, SOON).await.is_ok());
            }
            answered
        })
    });
    let answered = futures_util::future::join_all(callers).await;
    assert!(answered.iter().all(|answered| *answered == Ok(500)), "{answered:?}");
}

#[test]
fn a_handle_can_be_sent_and_shared() {
    fn can<T: Send + Sync + Clone>() {}
    can::<Handle<Probe>>();
    can::<crate::supervision::StatusReader>();
    can::<crate::supervision::VerdictReader>();
}
