//! The lease: how often it is renewed, who counts as silent, and whose a target is.

use super::Cell;
use crate::store::contract::{PATIENCE, Place, id, letter, new, plan};
use crate::store::dynamo::Dynamo;
use crate::store::dynamo::item::number;
use crate::store::{Beaten, Card, Journal, Replicas, StoreError};
use std::time::Duration;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_was_deaf_blames_nobody_and_finds_a_death_all_the_same() {
    let cell = Cell::on_fast();
    let (one, other) = (cell.dynamo().await, cell.dynamo().await);
    Journal::accept(&other, new(1, &[])).await.unwrap();
    one.take_up().await.unwrap();
    // a few outages, each longer than a lease; whoever hears again first looks before the others have beaten
    for _ in 0..3 {
        cell.table().refuse("", "");
        tokio::time::sleep(one.lease + one.lease / 2).await;
        assert!(one.take_up().await.is_err());
        cell.table().refuse_nothing();
        assert!(one.take_up().await.unwrap().is_empty(), "nobody died");
        assert_eq!(other.beat(&Card::default()).await.unwrap(), Beaten::Renewed);
        one.take_up().await.unwrap();
    }
    // this time it has died, in an outage
    cell.table().refuse("", "");
    tokio::time::sleep(one.lease * 2).await;
    cell.table().refuse_nothing();
    let begun = tokio::time::Instant::now();
    while one.take_up().await.unwrap().is_empty() {
        assert!(begun.elapsed() < PATIENCE);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(begun.elapsed() < one.lease * 2, "{:?}", begun.elapsed());
    assert_eq!(one.take_up().await.unwrap()[0].deaths, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_looks_at_a_slow_table_finds_a_death_in_time() {
    let cell = Cell::on_fast().for_lease(2);
    let (one, other) = (cell.dynamo().await, cell.dynamo().await);
    Journal::accept(&other, new(1, &[])).await.unwrap();
    one.take_up().await.unwrap();
    // it has died; the looks are as far apart as where each of the table's answers takes longer than half a moment
    let (mut looked, mut looks, mut late) = (tokio::time::Instant::now(), 0, 0);
    loop {
        tokio::time::sleep(one.lease / 2 + one.lease / 25).await;
        late += usize::from(looked.elapsed() > one.lease * 29 / 50);
        looked = tokio::time::Instant::now();
        looks += 1;
        if !one.take_up().await.unwrap().is_empty() {
            break;
        }
        assert!(looks < 3 + 2 * late, "{looks} looks, {late} of them later than they should have been");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_beat_whose_answer_was_lost_has_a_number_of_its_own() {
    let cell = Cell::on_fast();
    let store = cell.dynamo().await;
    let name = store.name().unwrap();
    let stands = async || number(&cell.item("replica", &name.0).await.unwrap(), "beat").unwrap();
    cell.table().delay(Duration::from_millis(300));
    let card = Card::default();
    let lost = tokio::time::timeout(Duration::from_millis(150), store.beat(&card)).await;
    assert!(lost.is_err(), "its answer comes later");
    cell.table().delay(Duration::ZERO);
    let first = stands().await;
    assert_eq!(first, 2, "it was written all the same");
    assert_eq!(store.beat(&card).await.unwrap(), Beaten::Renewed);
    assert_ne!(stands().await, first, "else nobody sees that the lease was renewed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_target_of_an_approved_change_is_nobody_else_s_while_it_is_being_planned() {
    let cell = Cell::on_fast();
    let (one, other) = (cell.dynamo().await, cell.dynamo().await);
    for (store, number) in [(&one, 1), (&other, 2)] {
        Journal::accept(store, new(number, &[])).await.unwrap();
    }
    let target = vec![plan(1).targets[0].key()];
    let approval = crate::store::contract::approval(1);
    let reply_to = crate::store::contract::request(1).reply_to;
    one.awaiting_approval(&approval, &reply_to, letter(1, "May I?", false)).await.unwrap();
    // the two halves of `planned`, and another one between them
    one.lock(id(1), &target).await.unwrap();
    let taken = other.planned(id(2), plan(1)).await;
    assert!(matches!(taken, Err(StoreError::Busy { holder, .. }) if holder == id(1)), "{taken:?}");
    one.planned(id(1), plan(1)).await.unwrap();
    // one that was left behind before others were asked is in nobody's way
    Journal::accept(&one, new(3, &[])).await.unwrap();
    let target = vec![plan(3).targets[0].key()];
    one.lock(id(3), &target).await.unwrap();
    let approval = crate::store::contract::approval(3);
    one.awaiting_approval(&approval, &reply_to, letter(3, "May I?", false)).await.unwrap();
    other.planned(id(2), plan(3)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_is_alone_beats_less_often_and_one_whose_beat_failed_at_once() {
    let cell = Cell::on_fast();
    let one = cell.dynamo().await;
    let (lease, beat) = (one.lease, |store: &Dynamo| store.due_in().unwrap().beat);
    let round = async |store: &Dynamo| {
        store.beat(&Card::default()).await.unwrap();
        store.all().await.unwrap();
    };
    let near = |due: Duration, part: f64| (due.as_secs_f64() - lease.as_secs_f64() * part).abs() < 0.15;
    round(&one).await;
    assert!(near(beat(&one), 0.6), "{:?}", beat(&one));
    // with something in hand
    Journal::accept(&one, new(1, &[])).await.unwrap();
    assert!(near(beat(&one), 0.4), "{:?}", beat(&one));
    one.memory.lock().rows.clear();
    // with others
    let other = cell.dynamo().await;
    round(&one).await;
    assert!(near(beat(&one), 0.4), "{:?}", beat(&one));
    other.leave().await.unwrap();
    round(&one).await;
    assert!(near(beat(&one), 0.6), "{:?}", beat(&one));
    tokio::time::sleep(lease * 7 / 10).await;
    cell.table().refuse("PutItem", "");
    assert!(one.beat(&Card::default()).await.is_err());
    assert_eq!(beat(&one), Duration::ZERO, "it is tried again");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_falls_silent_is_looked_at_when_its_lease_is_over_and_not_before() {
    let cell = Cell::on_fast();
    let one = cell.dynamo().await;
    let (lease, look) = (one.lease, |store: &Dynamo| store.due_in().unwrap().look);
    assert_eq!(look(&one), Duration::ZERO, "it has not looked at anybody");
    one.memory.lock().looks = 100;
    one.all().await.unwrap();
    // the pace at which all look is no deafness
    assert!(look(&one) > lease / 3 && look(&one) < lease / 2, "{:?}", look(&one));
    let _silent = cell.dynamo().await;
    one.all().await.unwrap();
    let seen = tokio::time::Instant::now();
    tokio::time::sleep(lease * 4 / 10).await;
    one.all().await.unwrap();
    tokio::time::sleep(lease * 4 / 10).await;
    one.all().await.unwrap();
    let due = seen.elapsed() + look(&one);
    assert!(due > lease && due < lease * 12 / 10, "{due:?}");
    tokio::time::sleep(look(&one)).await;
    let alive = one.all().await.unwrap().iter().filter(|replica| replica.is_alive).count();
    assert_eq!(alive, 1, "that look finds it gone");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_whose_machine_was_suspended_for_a_lease_acts_on_nothing_before_it_has_beaten() {
    let cell = Cell::on_fast();
    let one = cell.dynamo().await;
    Journal::accept(&one, new(1, &[])).await.unwrap();
    one.planned(id(1), plan(1)).await.unwrap();
    one.all().await.unwrap();
    one.beat(&Card::default()).await.unwrap();
    let before = one.held_for(id(1)).unwrap();
    cell.clock().suspend(one.lease / 4);
    let left = one.held_for(id(1)).unwrap();
    assert!(left <= before - one.lease / 4, "{left:?} of {before:?}");
    cell.clock().suspend(one.lease);
    // no timer has moved, and the others may have its work
    assert_eq!((one.held_for(id(1)), one.due_in().map(|due| due.beat)), (None, Some(Duration::ZERO)));
    let begun = one.step_started(id(1), plan(1).steps[0].clone()).await;
    assert!(matches!(begun, Err(StoreError::Unavailable(_))), "{begun:?}");
    assert_eq!(one.beat(&Card::default()).await.unwrap(), Beaten::Renewed);
    assert!(one.held_for(id(1)).is_some_and(|left| left > one.lease / 2));
}
