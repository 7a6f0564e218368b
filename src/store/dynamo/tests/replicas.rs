//! What several replicas do to each other.

use super::Cell;
use crate::clock::Clock;
use crate::domain::RequestId;
use crate::store::contract::{PATIENCE, Place, id, letter, new, plan, sent, step};
use crate::store::{Accepted, Beaten, Card, Entry, State, Store, StoreError, Wanted, init_table, join};
use futures_util::future::join_all;
use std::collections::HashSet;
use std::sync::Arc;

/// Looks until this replica has adopted so much.
async fn adopts(store: &Store, count: usize) -> Vec<Entry> {
    let begun = tokio::time::Instant::now();
    loop {
        let entries = store.journal.take_up().await.unwrap();
        if entries.len() >= count {
            return entries;
        }
        assert!(begun.elapsed() < PATIENCE, "never adopted: {entries:?}");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}

async fn accept(store: &Store, number: u64) {
    let key = format!("event:{number}");
    assert_eq!(store.journal.accept(new(number, &[&key])).await.unwrap(), Accepted::New);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_work_of_a_dead_replica_is_adopted_and_what_it_says_afterwards_is_refused() {
    let cell = Cell::on_moto();
    let dead = cell.silent_replica().await;
    accept(&dead, 1).await;
    accept(&dead, 2).await;
    dead.journal.planned(id(2), plan(2)).await.unwrap();
    dead.journal.step_started(id(2), step(0)).await.unwrap();
    accept(&dead, 3).await;
    dead.journal.finish(id(3), State::Succeeded, letter(3, "Done.", true)).await.unwrap();
    let heir = cell.replica().await;
    let entries = adopts(&heir, 2).await;
    let states: Vec<_> = entries.iter().map(|entry| (entry.request.id, entry.state, entry.deaths)).collect();
    assert_eq!(states, [(id(1), State::Accepted, 1), (id(2), State::Running, 1)]);
    assert_eq!(entries[1].steps.len(), 1);
    let letters = heir.outbox.due(cell.clock().now(), Wanted::first(9)).await.unwrap();
    assert_eq!(letters.iter().map(|letter| (letter.id.request, letter.unsure)).collect::<Vec<_>>(), [(id(3), true)]);

    // the dead one was only asleep
    let fenced = |result: Result<(), StoreError>| matches!(result, Err(StoreError::Fenced(_)));
    assert!(fenced(dead.journal.planned(id(1), plan(1)).await));
    assert!(fenced(dead.journal.step_started(id(2), step(1)).await));
    assert!(fenced(dead.journal.finish(id(1), State::Failed, letter(1, "No.", true)).await.map(drop)));
    assert!(fenced(dead.outbox.delivered(letters[0].id, sent("1.1")).await));
    assert!(matches!(dead.journal.accept(new(4, &["event:4"])).await, Err(StoreError::Unavailable(_))));
    assert_eq!(dead.outbox.mine_for(letters[0].id), None);
    assert_eq!(dead.journal.held_for(id(2)), None);
    assert!(heir.outbox.mine_for(letters[0].id).is_some_and(|left| left <= std::time::Duration::from_secs(1)));
    assert!(heir.journal.held_for(id(2)).is_some());
    let Beaten::Reborn(_) = dead.replicas.beat(&Card::default()).await.unwrap() else { panic!("not reborn") };
    assert_eq!(dead.journal.unfinished().await.unwrap().waiting, 0);
    accept(&dead, 4).await;
    heir.journal.finish(id(1), State::Succeeded, letter(1, "Done.", true)).await.unwrap();
    dead.close(PATIENCE).await.unwrap();
    heir.close(PATIENCE).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_has_looked_at_the_others_knows_at_the_lease_s_end_that_one_is_gone() {
    let cell = Cell::on_moto();
    let dead = cell.silent_replica().await;
    join_all((0..12).map(|number| accept(&dead, number))).await;
    let heir = cell.replica().await;
    let lives = async || heir.replicas.all().await.unwrap().iter().filter(|replica| replica.is_alive).count();
    assert_eq!(lives().await, 2);
    let begun = tokio::time::Instant::now();
    while lives().await == 2 {
        assert!(begun.elapsed() < PATIENCE, "it never fell silent");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    // and all of its work is there with the first look
    assert_eq!(heir.journal.take_up().await.unwrap().len(), 12);
    heir.close(PATIENCE).await.unwrap();
    dead.close(PATIENCE).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_heirs_each_request_goes_to_one() {
    let cell = Cell::on_moto();
    let dead = cell.silent_replica().await;
    for number in 0..20 {
        accept(&dead, number).await;
    }
    let heirs = [cell.replica().await, cell.replica().await];
    let begun = tokio::time::Instant::now();
    loop {
        let (one, other) = tokio::join!(heirs[0].journal.take_up(), heirs[1].journal.take_up());
        let ids = |entries: Vec<Entry>| entries.iter().map(|entry| entry.request.id).collect::<Vec<RequestId>>();
        let all = [ids(one.unwrap()), ids(other.unwrap())].concat();
        assert_eq!(all.iter().collect::<HashSet<_>>().len(), all.len(), "nothing is held by two");
        if all.len() == 20 {
            break;
        }
        assert!(begun.elapsed() < PATIENCE, "only {} were adopted", all.len());
    }
    for heir in heirs {
        heir.close(PATIENCE).await.unwrap();
    }
    dead.close(PATIENCE).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_delivery_that_reaches_several_replicas_at_once_is_new_for_one() {
    let cell = Cell::on_moto();
    let replicas = [cell.replica().await, cell.replica().await, cell.replica().await];
    for round in 0..15_u64 {
        let offers = replicas.iter().enumerate().map(|(number, store)| {
            let journal = Arc::clone(&store.journal);
            let number = round * 10 + number as u64;
            let (own, shared) = (format!("envelope:{number}"), [format!("event:{round}"), format!("message:{round}")]);
            async move { (number, journal.accept(new(number, &[&own, &shared[0], &shared[1]])).await.unwrap()) }
        });
        let answers = join_all(offers).await;
        let fresh: Vec<u64> =
            answers.iter().filter(|(_, answer)| *answer == Accepted::New).map(|(number, _)| *number).collect();
        assert_eq!(fresh.len(), 1, "{answers:?}");
        let others = answers.iter().filter(|(_, answer)| *answer == Accepted::Duplicate(id(fresh[0]))).count();
        assert_eq!(others, 2, "{answers:?}");
    }
    for store in replicas {
        store.close(PATIENCE).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_of_a_request_that_never_came_to_be_do_not_keep_the_next_delivery_out() {
    let cell = Cell::on_moto();
    let store = cell.replica().await;
    // as a process leaves it that dies between the keys and the request
    let key = crate::store::dynamo::item::item([
        ("pk", "key#event:1".into()),
        ("sk", "-".into()),
        ("request", id(1).to_string().into()),
    ]);
    cell.client().await.put_item().table_name(&cell.config().table).set_item(Some(key)).send().await.unwrap();
    assert_eq!(store.journal.accept(new(2, &["event:1", "envelope:2"])).await.unwrap(), Accepted::New);
    // and if it had only been slow, it is too late now
    assert!(store.journal.accept(new(1, &["event:other"])).await.is_err());
    assert_eq!(store.journal.accept(new(3, &["event:1"])).await.unwrap(), Accepted::Duplicate(id(2)));
    store.close(PATIENCE).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_target_is_locked_against_all_replicas_and_free_when_its_holder_is_answered() {
    let cell = Cell::on_moto();
    let (one, other) = (cell.replica().await, cell.replica().await);
    accept(&one, 1).await;
    accept(&other, 2).await;
    one.journal.planned(id(1), plan(7)).await.unwrap();
    assert!(
        matches!(other.journal.planned(id(2), plan(7)).await, Err(StoreError::Busy { holder, .. }) if holder == id(1))
    );
    one.journal.finish(id(1), State::Failed, letter(1, "No.", true)).await.unwrap();
    other.journal.planned(id(2), plan(7)).await.unwrap();
    for store in [one, other] {
        store.close(PATIENCE).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reply_that_is_too_long_for_one_item_is_kept_in_pieces() {
    let cell = Cell::on_moto();
    let store = cell.silent_replica().await;
    accept(&store, 1).await;
    let long = "ä".repeat(500_000);
    store.journal.finish(id(1), State::Succeeded, letter(1, &long, true)).await.unwrap();
    let heir = cell.open().await;
    let letters = heir.outbox.due(cell.clock().now(), Wanted::first(9)).await.unwrap();
    assert_eq!(format!("{:?}", letters[0].letter.reply), format!("{:?}", crate::store::contract::reply(&long)));
    heir.outbox.delivered(letters[0].id, sent("1.1")).await.unwrap();
    heir.close(PATIENCE).await.unwrap();
    store.close(PATIENCE).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_table_that_is_not_there_foreign_or_newer_is_refused_with_what_to_do() {
    let cell = Cell::on_moto();
    let client = cell.client().await;
    let config = cell.config();
    let refused = async || match join(client.clone(), config, cell.clock()).await {
        Err(StoreError::Open(text)) => text,
        other => panic!("{:?}", other.map(|_| "opened")),
    };
    assert!(refused().await.contains("is not there; run `dronebot store init`"));
    assert!(init_table(&client, config).await.unwrap(), "made");
    assert!(!init_table(&client, config).await.unwrap(), "was there");
    let newer = crate::store::dynamo::item::item([("pk", "schema".into()), ("sk", "-".into()), ("version", 7.into())]);
    client.put_item().table_name(&config.table).set_item(Some(newer)).send().await.unwrap();
    assert!(refused().await.contains("it has schema 7, and this program knows only 1 and older; nothing was changed"));
    client
        .delete_item()
        .table_name(&config.table)
        .set_key(Some(crate::store::dynamo::item::item([("pk", "schema".into()), ("sk", "-".into())])))
        .send()
        .await
        .unwrap();
    assert!(refused().await.contains("it is not a table of this program"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_row_of_a_newer_program_is_left_alone() {
    let cell = Cell::on_moto();
    let dead = cell.silent_replica().await;
    accept(&dead, 1).await;
    accept(&dead, 2).await;
    let client = cell.client().await;
    let key = crate::store::dynamo::item::item([("pk", format!("request#{}", id(1)).into()), ("sk", "-".into())]);
    let read = || client.get_item().table_name(&cell.config().table).set_key(Some(key.clone())).send();
    let mut row = read().await.unwrap().item.unwrap();
    row.insert("v".into(), aws_sdk_dynamodb::types::AttributeValue::N("2".into()));
    client.put_item().table_name(&cell.config().table).set_item(Some(row.clone())).send().await.unwrap();
    let heir = cell.open().await;
    let entries = heir.journal.take_up().await.unwrap();
    assert_eq!(entries.iter().map(|entry| entry.request.id).collect::<Vec<_>>(), [id(2)]);
    assert_eq!(read().await.unwrap().item.unwrap(), row, "untouched");
    for store in [heir, dead] {
        store.close(PATIENCE).await.unwrap();
    }
}
