use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use crate::supervision::{
    Detached, Task, TaskError, WorkerRuntime, install_panic_hook, spawn_detached, spawn_local_detached,
};

async fn assert_panicked(task: Task<u32>, text: &str) {
    match task.await {
        Err(TaskError::Panicked(panicked)) => {
            assert_eq!(panicked.text, text);
            let location = panicked.location.expect("a location");
            assert!(location.starts_with("src/supervision/tests/detached.rs:"), "{location}");
        }
        other => panic!("{other:?}"),
    }
}

#[actix::test]
async fn a_panic_in_a_detached_future_is_returned_with_its_location() {
    install_panic_hook();
    assert_panicked(spawn_detached("test", async { panic!("one") }), "one").await;
    assert_panicked(spawn_local_detached("test", async { panic!("{}", "two") }), "two").await;
    let workers = WorkerRuntime::new("detached-test", 1).expect("threads");
    assert_panicked(workers.spawn("test", async { panic!("three") }), "three").await;
    assert_panicked(workers.spawn_blocking("test", || panic!("four")), "four").await;
    assert_eq!(workers.spawn("test", async { 5 }).await, Ok(5));
    let thread = workers.spawn("test", async { std::thread::current().name().map(str::to_owned) }).await;
    assert_eq!(thread, Ok(Some("detached-test".to_owned())));
}

#[actix::test]
async fn a_panic_in_a_detached_future_can_be_noticed_by_nobody_but_a_callback() {
    let noticed = Arc::new(AtomicUsize::new(0));
    let count = noticed.clone();
    let notice = move |_: &crate::supervision::Panicked| {
        count.fetch_add(1, Ordering::Relaxed);
        panic!("and the callback panics too");
    };
    let task = Detached::named("test").on_panic(notice).spawn(async { panic!("first") });
    match task.await {
        Err(TaskError::Panicked(panicked)) => assert_eq!(panicked.text, "first"),
        Ok(()) | Err(_) => panic!("no panic"),
    }
    assert_eq!(noticed.load(Ordering::Relaxed), 1);
}

#[actix::test]
async fn a_future_whose_drop_panics_is_a_panic() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("in drop");
        }
    }
    let bomb = Bomb;
    let result = spawn_local_detached("test", async move {
        let _bomb = bomb;
    });
    assert!(matches!(result.await, Err(TaskError::Panicked(panicked)) if panicked.text == "in drop"));
}

#[actix::test]
async fn a_panic_raised_without_the_hook_is_not_given_the_place_of_an_earlier_one() {
    install_panic_hook();
    let _ = std::panic::catch_unwind(|| panic!("earlier"));
    let task = spawn_local_detached("test", async { std::panic::resume_unwind(Box::new("later")) });
    match task.await {
        Err(TaskError::Panicked(panicked)) => assert_eq!((panicked.text.as_str(), panicked.location), ("later", None)),
        other => panic!("{other:?}"),
    }
}

#[actix::test]
async fn a_task_goes_on_when_dropped_unless_it_was_to_be_aborted() {
    let (sender, receiver) = tokio::sync::oneshot::channel();
    spawn_local_detached("test", async move {
        tokio::task::yield_now().await;
        let _ = sender.send(());
    })
    .detach();
    assert_eq!(receiver.await, Ok(()));

    let (sender, receiver) = tokio::sync::oneshot::channel::<()>();
    drop(
        spawn_local_detached("test", async move {
            std::future::pending::<()>().await;
            drop(sender);
        })
        .abort_on_drop(),
    );
    assert!(receiver.await.is_err());
}

#[actix::test]
async fn a_worker_runtime_may_be_dropped_inside_an_async_thread() {
    let workers = WorkerRuntime::new("dropped", 1).expect("threads");
    let task = workers.spawn("test", std::future::pending::<()>());
    drop(workers);
    assert_eq!(task.await, Err(TaskError::Cancelled));
}
