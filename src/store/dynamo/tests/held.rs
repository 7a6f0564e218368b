//! What a replica holds, and how it comes by what others have left: whatever the table does meanwhile.

use super::Cell;
use crate::store::contract::{PATIENCE, id, letter, new};
use crate::store::dynamo::{Doubt, Dynamo};
use crate::store::{Entry, Final, Held, Journal, Replicas};
use futures_util::FutureExt;
use std::time::Duration;

async fn accept(store: &Dynamo, numbers: std::ops::RangeInclusive<u64>) {
    for number in numbers {
        Journal::accept(store, new(number, &[&format!("event:{number}")])).await.unwrap();
    }
}

fn held(store: &Dynamo) -> Vec<Entry> {
    store.held(&mut |_| true)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_held_is_there_whatever_becomes_of_the_table() {
    let cell = Cell::on_fast();
    let dead = cell.dynamo().await;
    accept(&dead, 1..=2).await;
    let heir = cell.dynamo().await;
    accept(&heir, 3..=3).await;
    let begun = tokio::time::Instant::now();
    while heir.take_up().await.unwrap().len() < 3 {
        assert!(begun.elapsed() < PATIENCE);
    }
    // the others cannot be looked at, nor anything else
    cell.table().refuse("", "");
    assert!(heir.all().await.is_err());
    let mut seen = Vec::new();
    let mut wanted = |held: &Held| {
        seen.push((held.id, held.is_found));
        held.id != id(2)
    };
    let entries: Vec<_> = heir.held(&mut wanted).iter().map(|entry| entry.request.id).collect();
    assert_eq!(entries, [id(1), id(3)]);
    assert_eq!(seen, [(id(1), true), (id(2), true), (id(3), false)], "of the last one a mailbox may know");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_request_is_told_as_it_is_adopted_and_one_that_fails_keeps_no_other_back() {
    let cell = Cell::on_fast();
    let dead = cell.dynamo().await;
    accept(&dead, 1..=20).await;
    let heir = cell.dynamo().await;
    assert!(heir.found().now_or_never().is_none(), "nothing was found yet");
    cell.table().refuse("GetItem", &id(7).to_string());
    let begun = tokio::time::Instant::now();
    let told = async {
        while held(&heir).len() < 19 {
            heir.found().await;
        }
    };
    let looks = async {
        loop {
            heir.take_up().await.unwrap();
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::select! {
        told = tokio::time::timeout(PATIENCE, told) => told.expect("each is told"),
        () = looks => {}
    }
    assert!(held(&heir).iter().all(|entry| entry.request.id != id(7)));
    cell.table().refuse_nothing();
    while held(&heir).len() < 20 {
        heir.take_up().await.unwrap();
        assert!(begun.elapsed() < PATIENCE, "the last one is not forgotten");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn how_long_a_request_is_held_is_counted_from_when_this_process_got_it() {
    let cell = Cell::on_fast();
    let dead = cell.dynamo().await;
    accept(&dead, 1..=1).await;
    let since = |store: &Dynamo| {
        let mut since = None;
        store.held(&mut |held| {
            since = Some(held.since);
            true
        });
        since
    };
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    assert!(since(&dead).is_some_and(|since| since >= Duration::from_secs(1)));
    // a change of it does not make it younger
    let plan = crate::store::contract::plan(1);
    dead.planned(id(1), plan).await.unwrap();
    assert!(since(&dead).is_some_and(|since| since >= Duration::from_secs(1)));
    let heir = cell.dynamo().await;
    let begun = tokio::time::Instant::now();
    while since(&heir).is_none() {
        heir.take_up().await.unwrap();
        assert!(begun.elapsed() < PATIENCE);
    }
    assert!(since(&heir).is_some_and(|since| since < Duration::from_millis(900)), "{:?}", since(&heir));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn doubts_are_settled_side_by_side_and_keep_no_adoption_back() {
    let cell = Cell::on_fast();
    let store = cell.dynamo().await;
    let dead = cell.dynamo().await;
    accept(&dead, 500..=500).await;
    let long_ago = tokio::time::Instant::now() - Duration::from_secs(60);
    let doubt = Doubt { since: long_ago, adopting: None };
    store.memory.lock().doubtful.extend((1..=160).map(|number| (id(number), doubt)));
    let begun = tokio::time::Instant::now();
    while store.all().await.unwrap().iter().filter(|replica| replica.is_alive).count() == 2 {
        assert!(begun.elapsed() < PATIENCE);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    cell.table().delay(Duration::from_millis(20));
    let begun = tokio::time::Instant::now();
    let adopted = async {
        store.found().await;
        store.memory.lock().doubtful.len()
    };
    let (in_doubt, settled) = tokio::join!(adopted, async {
        store.adopt().await.unwrap();
        begun.elapsed()
    });
    assert!(store.memory.lock().doubtful.is_empty());
    // two calls for each: one after the other they take 6.4 s
    assert!(settled < Duration::from_secs(3), "{settled:?}");
    assert!(in_doubt > 0, "what was adopted is told while doubts are still being settled");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_final_is_held_no_more() {
    let cell = Cell::on_fast();
    let store = cell.dynamo().await;
    accept(&store, 1..=2).await;
    store.finish(id(1), Final::Succeeded, letter(1, "Done.", true)).await.unwrap();
    assert_eq!(held(&store).iter().map(|entry| entry.request.id).collect::<Vec<_>>(), [id(2)]);
}
