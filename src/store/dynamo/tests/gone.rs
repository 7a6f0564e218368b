//! Replicas that are gone, of which a long-lived table has many.

use super::Cell;
use crate::store::contract::{PATIENCE, id, new, request};
use crate::store::dynamo::row::{Row, pk};
use crate::store::dynamo::table::Guard;
use crate::store::dynamo::{Dynamo, Watched};
use crate::store::{Card, Journal, Replicas};
use aws_sdk_dynamodb::types::{
    AttributeValue, CreateGlobalSecondaryIndexAction, DeleteGlobalSecondaryIndexAction, GlobalSecondaryIndexUpdate,
    KeySchemaElement, KeyType, Projection, ProjectionType,
};
use std::time::Duration;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_that_is_gone_is_remembered_for_as_long_as_anything_is_held_in_its_name() {
    let cell = Cell::on_moto();
    let dead = cell.dynamo().await;
    let name = dead.name().unwrap();
    assert!(!cell.item("replica", &name.0).await.unwrap().contains_key("expires"), "no night is too long");
    for number in [1, 2] {
        Journal::accept(&dead, new(number, &[])).await.unwrap();
    }
    // what this program cannot read it cannot adopt
    let mut newer = cell.item(&pk(id(1)), "-").await.unwrap();
    newer.insert("v".into(), AttributeValue::N("2".into()));
    cell.plant(newer.clone()).await;
    let mut heir = cell.dynamo().await;
    heir.remembered = Duration::ZERO;
    let begun = tokio::time::Instant::now();
    while heir.take_up().await.unwrap().is_empty() {
        heir.beat(&Card::default()).await.unwrap();
        assert!(begun.elapsed() < PATIENCE);
    }
    for _ in 0..3 {
        assert_eq!(heir.take_up().await.unwrap().len(), 1);
        assert!(cell.item("replica", &name.0).await.is_some(), "it leads to the other one");
    }
    assert_eq!(cell.item(&pk(id(1)), "-").await.unwrap(), newer, "untouched");
    newer.remove("held");
    cell.plant(newer).await;
    heir.take_up().await.unwrap();
    assert!(cell.item("replica", &name.0).await.is_none());
    heir.take_up().await.unwrap();
    assert!(!heir.memory.lock().watched.contains_key(&name));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_that_are_gone_cost_less_and_less_and_none_of_them_is_forgotten() {
    let cell = Cell::on_moto();
    let mut dead = Vec::new();
    for number in 0..20 {
        let store = cell.dynamo().await;
        dead.push(store.name().unwrap());
        if number == 19 {
            Journal::accept(&store, new(1, &[])).await.unwrap();
        }
    }
    let heir = cell.dynamo().await;
    let begun = tokio::time::Instant::now();
    while heir.take_up().await.unwrap().is_empty() {
        heir.beat(&Card::default()).await.unwrap();
        assert!(begun.elapsed() < PATIENCE);
    }
    let looked = || -> Vec<_> {
        let memory = heir.memory.lock();
        dead.iter().map(|name| memory.watched[name].due).collect()
    };
    // one that has been gone for long is not asked at each look
    let now = tokio::time::Instant::now();
    // and a little longer: what a busy machine did not look at is forgiven, and does not count
    let long_ago = now - Duration::from_secs(420);
    let is_due = |watched: &mut Watched| (watched.since, watched.due) = (long_ago, now);
    heir.memory.lock().watched.values_mut().for_each(is_due);
    heir.take_up().await.unwrap();
    let next = looked();
    assert!(next.iter().all(|due| *due >= now + Duration::from_secs(100)), "each was looked at: {next:?} at {now:?}");
    heir.take_up().await.unwrap();
    assert_eq!(looked(), next);
    // and again when its time has come: what arrived late is found
    let late = Row::new(request(2), dead[7].clone());
    assert!(heir.write(&late, Guard::Free).await.unwrap());
    heir.memory.lock().watched.values_mut().for_each(|watched| watched.due = now);
    // all of them became due together, and were noted as empty: a table is asked for one of them in each look
    let mut asked = 0;
    let taken = loop {
        let taken: Vec<_> = heir.take_up().await.unwrap().iter().map(|entry| entry.request.id).collect();
        let due = looked();
        let so_far = due.iter().filter(|due| **due != now).count();
        assert!(so_far <= asked + 1, "{so_far} after {asked}: {due:?}");
        asked = so_far;
        if taken.len() == 2 {
            break taken;
        }
        assert!(begun.elapsed() < PATIENCE);
    };
    assert_eq!(taken, [id(1), id(2)]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_was_noted_as_empty_a_week_ago_is_forgotten_by_whoever_looks() {
    let cell = Cell::on_moto();
    let heir = cell.dynamo().await;
    let hours = |hours| heir.clock.now() - jiff::SignedDuration::from_hours(hours);
    for (name, seen, is_empty) in [("old", hours(200), true), ("young", hours(100), true), ("held", hours(200), false)]
    {
        let mut row = cell.item("replica", &heir.name().unwrap().0).await.unwrap();
        row.insert("sk".into(), AttributeValue::S(name.into()));
        row.insert("state".into(), AttributeValue::S("gone".into()));
        row.insert("seen".into(), AttributeValue::N(seen.as_millisecond().to_string()));
        if is_empty {
            row.insert("empty".into(), AttributeValue::Bool(true));
        }
        cell.plant(row).await;
    }
    for _ in 0..3 {
        heir.take_up().await.unwrap();
        // the time of each has come
        let now = tokio::time::Instant::now();
        heir.memory.lock().watched.values_mut().for_each(|watched| watched.due = now);
    }
    heir.take_up().await.unwrap();
    let is_there = async |name| cell.item("replica", name).await.is_some();
    assert!(!is_there("old").await && is_there("young").await && is_there("held").await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_one_found_empty_for_long_those_that_start_later_do_not_ask_for_at_each_look() {
    let cell = Cell::on_moto();
    let dead = cell.dynamo().await;
    let name = dead.name().unwrap();
    let heir = cell.dynamo().await;
    let begun = tokio::time::Instant::now();
    let is_empty = async || cell.item("replica", &name.0).await.unwrap().contains_key("empty");
    while !is_empty().await {
        heir.take_up().await.unwrap();
        heir.beat(&Card::default()).await.unwrap();
        assert!(begun.elapsed() < PATIENCE);
    }
    assert!(begun.elapsed() > heir.lease * 4, "not as long as something may be on its way");
    let due = |store: &Dynamo| store.memory.lock().watched[&name].due;
    let (before, minute) = (tokio::time::Instant::now(), Duration::from_secs(60));
    heir.take_up().await.unwrap();
    let late_comer = cell.dynamo().await;
    late_comer.take_up().await.unwrap();
    assert!(due(&late_comer) >= before + minute, "{:?} at {before:?}", due(&late_comer));
    let late = Row::new(request(1), name.clone());
    assert!(heir.write(&late, Guard::Free).await.unwrap());
    late_comer.memory.lock().watched.get_mut(&name).unwrap().due = before;
    assert_eq!(late_comer.take_up().await.unwrap().len(), 1, "it is found when its time has come");
    assert!(due(&late_comer) <= tokio::time::Instant::now(), "and there may be more");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_look_that_fails_is_not_repeated_at_once_and_loses_nothing() {
    let cell = Cell::on_moto();
    let dead = cell.dynamo().await;
    let name = dead.name().unwrap();
    Journal::accept(&dead, new(1, &[])).await.unwrap();
    let heir = cell.dynamo().await;
    without_index(&cell).await;
    let due = || heir.memory.lock().watched.get(&name).map(|watched| watched.due);
    let begun = tokio::time::Instant::now();
    heir.take_up().await.unwrap();
    let seen = due();
    while due() == seen {
        heir.beat(&Card::default()).await.unwrap();
        heir.take_up().await.unwrap();
        assert!(begun.elapsed() < PATIENCE);
    }
    let next = due().unwrap();
    assert!(next >= begun + heir.lease + heir.lease / 2, "a lease until it was gone, and half of one: {next:?}");
    heir.memory.lock().watched.get_mut(&name).unwrap().due = next + Duration::from_secs(60);
    heir.take_up().await.unwrap();
    assert_eq!(due(), Some(next + Duration::from_secs(60)), "it was not looked at");

    with_index(&cell).await;
    heir.memory.lock().watched.get_mut(&name).unwrap().due = next;
    while heir.take_up().await.unwrap().is_empty() {
        assert!(begun.elapsed() < PATIENCE);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_table_that_fails_is_asked_for_one_replica_at_a_time_until_it_answers() {
    let cell = Cell::on_moto();
    let mut dead = Vec::new();
    for _ in 0..12 {
        dead.push(cell.dynamo().await.name().unwrap());
    }
    let heir = cell.dynamo().await;
    // all are known to be gone
    let begun = tokio::time::Instant::now();
    let are_given_up = async || {
        let gone = AttributeValue::S("gone".into());
        for name in &dead {
            if cell.item("replica", &name.0).await.unwrap()["state"] != gone {
                return false;
            }
        }
        true
    };
    while !are_given_up().await {
        heir.beat(&Card::default()).await.unwrap();
        heir.take_up().await.unwrap();
        assert!(begun.elapsed() < PATIENCE);
    }
    // how many of them one look asks the table for
    let looks = async || {
        let before = tokio::time::Instant::now();
        heir.memory.lock().watched.values_mut().for_each(|watched| watched.due = before);
        heir.beat(&Card::default()).await.unwrap();
        heir.take_up().await.unwrap();
        let memory = heir.memory.lock();
        dead.iter().filter(|name| memory.watched[*name].due != before).count()
    };
    assert_eq!(looks().await, 12);
    without_index(&cell).await;
    let first = looks().await;
    assert!((1..=4).contains(&first), "those that were asked for when the first one failed: {first}");
    assert_eq!(looks().await, 1);
    assert_eq!(looks().await, 1);
    with_index(&cell).await;
    for halved in [1, 0, 0] {
        assert_eq!(looks().await, 12, "one after the other, but all");
        assert_eq!(heir.memory.lock().halved, halved);
    }
}

/// Takes from the table the index by which it knows who holds what.
async fn without_index(cell: &Cell) {
    let delete = DeleteGlobalSecondaryIndexAction::builder().index_name("held").build().unwrap();
    let update = GlobalSecondaryIndexUpdate::builder().delete(delete).build();
    let call = cell.client().await.update_table().table_name(&cell.config().table);
    call.global_secondary_index_updates(update).send().await.unwrap();
}

/// Gives the table back the index by which it knows who holds what.
async fn with_index(cell: &Cell) {
    let key = |name: &str, kind| KeySchemaElement::builder().attribute_name(name).key_type(kind).build().unwrap();
    let all = Projection::builder().projection_type(ProjectionType::KeysOnly).build();
    let create = CreateGlobalSecondaryIndexAction::builder().index_name("held").projection(all);
    let create = create.key_schema(key("held", KeyType::Hash)).key_schema(key("pk", KeyType::Range)).build().unwrap();
    let call = cell.client().await.update_table().table_name(&cell.config().table);
    let update = GlobalSecondaryIndexUpdate::builder().create(create).build();
    call.global_secondary_index_updates(update).send().await.unwrap();
}
