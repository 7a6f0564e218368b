//! How often the table is asked: for a command, and at rest.

use super::Cell;
use crate::store::contract::{id, letter, new, sent};
use crate::store::dynamo::Dynamo;
use crate::store::{Card, Final, Journal, Outbox, Replicas};
use futures_util::future::join_all;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_that_changes_nothing_is_four_writes_and_no_read() {
    let cell = Cell::on_fast();
    let store = cell.dynamo().await;
    let before = cell.table().calls();
    Journal::accept(&store, new(1, &["trigger:1"])).await.unwrap();
    let last = store.finish(id(1), Final::Succeeded, letter(1, "Pong.", true)).await.unwrap();
    store.delivered(last.id, sent("1.1")).await.unwrap();
    let calls = cell.table().calls().since(&before);
    assert_eq!((calls.writes(), calls.reads()), (4, 0), "{calls}");
}

/// As the keeper does: at each tenth of a lease it looks whether it is time.
async fn keeps(store: &Dynamo, leases: u32) {
    for _ in 0..leases * 10 {
        let due = store.due_in().unwrap();
        if due.beat <= store.lease / 20 {
            store.beat(&Card::default()).await.unwrap();
        }
        if due.look <= store.lease / 20 {
            store.all().await.unwrap();
        }
        store.adopt().await.unwrap();
        tokio::time::sleep(store.lease / 10).await;
    }
}

/// Six leases of ten seconds are a minute.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn at_rest_one_replica_writes_ten_times_a_minute_and_reads_fifteen_and_each_of_two_does_both_fifteen_times() {
    for (replicas, most) in [(1, 10), (2, 15)] {
        let cell = Cell::on_fast();
        let stores = join_all((0..replicas).map(|_| cell.dynamo())).await;
        join_all(stores.iter().map(|store| keeps(store, 3))).await;
        let before = cell.table().calls();
        join_all(stores.iter().map(|store| keeps(store, 6))).await;
        let calls = cell.table().calls().since(&before);
        // a minute may begin just before a beat
        let (writes, reads) = (calls.writes() / replicas, calls.reads() / replicas);
        assert!(writes <= most + 1 && reads <= 16, "{replicas}: {calls}");
    }
}
