//! What several replicas do to each other.

use super::Cell;
use crate::clock::Clock;
use crate::domain::{Plan, RequestId};
use crate::store::contract::{PATIENCE, Place, id, letter, new, plan, sent, step, taken_up};
use crate::store::dynamo::row::Row;
use crate::store::dynamo::table::Guard;
use crate::store::dynamo::{Doubt, Dynamo};
use crate::store::{
    Accepted, Beaten, Card, Delivery, Entry, Final, Former, HouseEvent, Journal, Outbox, ReplicaName, State, Store,
    StoreError, Wanted, What,
};
use futures_util::future::join_all;
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

/// Looks until this replica has adopted so much.
async fn adopts(store: &Store, count: usize) -> Vec<Entry> {
    let begun = tokio::time::Instant::now();
    loop {
        let entries = taken_up(store).await;
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
    dead.journal.finish(id(3), Final::Succeeded, letter(3, "Done.", true)).await.unwrap();
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
    assert!(fenced(dead.journal.finish(id(1), Final::Failed, letter(1, "No.", true)).await.map(drop)));
    assert!(fenced(dead.outbox.delivered(letters[0].id, sent("1.1")).await));
    assert!(matches!(dead.journal.accept(new(4, &["event:4"])).await, Err(StoreError::Unavailable(_))));
    assert_eq!(dead.outbox.mine_for(letters[0].id), None);
    assert_eq!(dead.journal.held_for(id(2)), None);
    assert!(
        heir.outbox
            .mine_for(letters[0].id)
            .is_some_and(|left| left <= std::time::Duration::from_secs(cell.config().lease_seconds.into()))
    );
    assert!(heir.journal.held_for(id(2)).is_some());
    let Beaten::Reborn(_) = dead.replicas.beat(&Card::default()).await.unwrap() else { panic!("not reborn") };
    assert_eq!(dead.journal.unfinished().await.unwrap().waiting, 0);
    accept(&dead, 4).await;
    heir.journal.finish(id(1), Final::Succeeded, letter(1, "Done.", true)).await.unwrap();
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
    assert_eq!(taken_up(&heir).await.len(), 12);
    heir.close(PATIENCE).await.unwrap();
    dead.close(PATIENCE).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_heirs_each_request_goes_to_one() {
    let cell = Cell::on_moto();
    let dead = cell.silent_replica().await;
    // all within its lease, which it never renews
    join_all((0..20).map(|number| accept(&dead, number))).await;
    // neither is ever taken for gone by the other: its work would then be adopted before it hears of it
    let heirs = [cell.steady_replica().await, cell.steady_replica().await];
    let begun = tokio::time::Instant::now();
    loop {
        let (one, other) = tokio::join!(taken_up(&heirs[0]), taken_up(&heirs[1]));
        let ids = |entries: Vec<Entry>| entries.iter().map(|entry| entry.request.id).collect::<Vec<RequestId>>();
        let all = [ids(one), ids(other)].concat();
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
    one.journal.finish(id(1), Final::Failed, letter(1, "No.", true)).await.unwrap();
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
    store.journal.finish(id(1), Final::Succeeded, letter(1, &long, true)).await.unwrap();
    let heir = cell.open().await;
    let letters = heir.outbox.due(cell.clock().now(), Wanted::first(9)).await.unwrap();
    assert_eq!(format!("{:?}", letters[0].letter.reply), format!("{:?}", crate::store::contract::reply(&long)));
    heir.outbox.delivered(letters[0].id, sent("1.1")).await.unwrap();
    heir.close(PATIENCE).await.unwrap();
    store.close(PATIENCE).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_that_was_given_up_does_not_take_its_heir_s_targets_away() {
    let cell = Cell::on_moto();
    let dead = cell.silent_replica().await;
    accept(&dead, 1).await;
    let heir = cell.replica().await;
    adopts(&heir, 1).await;
    let both = Plan { targets: [plan(7).targets, plan(8).targets].concat(), ..plan(7) };
    heir.journal.planned(id(1), both.clone()).await.unwrap();
    accept(&heir, 2).await;
    // the one that was given up wakes and goes on where it was: with the same targets, and with one that is not free
    assert!(matches!(dead.journal.planned(id(1), plan(7)).await, Err(StoreError::Fenced(_))));
    heir.journal.planned(id(2), plan(9)).await.unwrap();
    let more = Plan { targets: [both.targets, plan(9).targets].concat(), ..plan(7) };
    assert!(matches!(dead.journal.planned(id(1), more).await, Err(StoreError::Busy { holder, .. }) if holder == id(2)));
    accept(&heir, 3).await;
    for target in [7, 8] {
        let third = heir.journal.planned(id(3), plan(target)).await;
        assert!(matches!(third, Err(StoreError::Busy { holder, .. }) if holder == id(1)), "{target}: {third:?}");
    }
    for store in [dead, heir] {
        store.close(PATIENCE).await.unwrap();
    }
}

/// A replica may die before its second beat, so that the last one is older than the process that takes its work over, on the same
/// host: what it did with the request tells that it lived on, and is no former life of that process.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_did_something_with_a_request_after_this_process_began_is_no_former_life_of_it() {
    for is_before in [true, false] {
        let cell = Cell::on_moto();
        let card = || Card { host: "one".into(), started_ms: cell.clock().now().as_millisecond(), ..Card::default() };
        let second = jiff::SignedDuration::from_secs(1);
        let dead = cell.silent_replica().await;
        dead.replicas.beat(&card()).await.unwrap();
        accept(&dead, 1).await;
        cell.clock().advance(second);
        if is_before {
            dead.journal.planned(id(1), plan(1)).await.unwrap();
            cell.clock().advance(second);
        }
        let heir = cell.replica_that_is(card()).await;
        if !is_before {
            cell.clock().advance(second);
            dead.journal.planned(id(1), plan(1)).await.unwrap();
        }
        adopts(&heir, 1).await;
        let other = Former::Other { host: Some("one".to_owned()), died: true };
        let expected = if is_before { Former::Own } else { other };
        assert_eq!(heir.journal.former(id(1)), expected);
        for store in [dead, heir] {
            store.close(PATIENCE).await.unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_adopted_request_says_from_whom_and_what_the_former_owner_says_is_not_told() {
    let cell = Cell::on_moto();
    let dead = cell.silent_replica().await;
    accept(&dead, 1).await;
    let heir = cell.replica().await;
    accept(&heir, 2).await;
    adopts(&heir, 2).await;
    let former = heir.journal.former(id(1));
    assert!(matches!(former, Former::Other { died: true, .. }), "{former:?}");
    assert_eq!(heir.journal.former(id(2)), Former::Own, "nobody else ever had it");
    assert!(dead.journal.planned(id(1), plan(1)).await.is_err());
    let last = heir.journal.finish(id(1), Final::Succeeded, letter(1, "Done.", true)).await.unwrap();
    heir.outbox.delivered(last.id, sent("1.1")).await.unwrap();
    // whoever asks is told the same, also one that is no replica
    let reader = crate::store::read_table(cell.client().await, cell.config(), cell.clock()).await.unwrap();
    let history = reader.history(id(1)).await.unwrap();
    assert_eq!(history, heir.audit.history(id(1)).await.unwrap());
    let fences: Vec<_> = history.iter().map(|event| event.fence).collect();
    assert_eq!(fences, [1, 2, 2, 2]);
    assert_eq!(history[1].what, What::Adopted { from: history[0].replica.clone(), died: true });
    assert_ne!(history[1].replica, history[0].replica);
    let refused = reader.record(HouseEvent::Stopped { why: "no".into() }).await;
    assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
    for store in [dead, heir] {
        store.close(PATIENCE).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_of_which_nothing_was_heard_can_never_come_to_be_later() {
    let cell = Cell::on_moto();
    let store = cell.dynamo().await;
    let long_ago = tokio::time::Instant::now() - Duration::from_secs(60);
    let doubt = Doubt { since: long_ago, adopting: None };
    store.memory.lock().doubtful.insert(id(1), doubt);
    // and one that came to be after all
    let row = Row::new(crate::store::contract::request(2), store.name().unwrap());
    assert!(store.write(&row, Guard::Free).await.unwrap());
    store.memory.lock().doubtful.insert(id(2), doubt);
    let entries = store.take_up().await.unwrap();
    assert_eq!(entries.iter().map(|entry| (entry.request.id, entry.late)).collect::<Vec<_>>(), [(id(2), true)]);
    // its write arrives at last
    let late = Row::new(crate::store::contract::request(1), store.name().unwrap());
    assert!(!store.write(&late, Guard::Free).await.unwrap());
    assert!(store.memory.lock().doubtful.is_empty());
}

/// An heir whose answer is lost holds what it does not know, and lives: nobody else would ever look for it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_that_was_adopted_by_a_write_whose_answer_was_lost_is_worked_on() {
    let cell = Cell::on_moto();
    let dead = cell.dynamo().await;
    for number in [1, 2, 3] {
        Journal::accept(&dead, new(number, &[])).await.unwrap();
    }
    let heir = cell.dynamo().await;
    let (me, long_ago) = (heir.name().unwrap(), tokio::time::Instant::now() - Duration::from_secs(60));
    let doubt = |adopting| Doubt { since: long_ago, adopting: Some(adopting) };
    let row = async |number| heir.load(id(number)).await.unwrap().unwrap();
    // the first arrived; the second has not, and may; of the third another was faster
    let other = ReplicaName("other".into());
    for (number, holder) in [(1, &me), (3, &other)] {
        let was = row(number).await;
        let adopted = Row { holder: holder.clone(), fence: 2, version: was.version + 1, ..was.clone() };
        assert!(heir.write(&adopted, super::super::change::guard(&was)).await.unwrap());
        heir.memory.lock().doubtful.insert(id(number), doubt(was.version));
    }
    let second = row(2).await.version;
    heir.memory.lock().doubtful.insert(id(2), doubt(second));
    heir.settle_doubts().await.unwrap();
    let held = || heir.memory.lock().rows.keys().copied().collect::<Vec<_>>();
    assert_eq!(held(), [id(1)], "and it is told to whoever works on it");
    assert!(!heir.memory.lock().rows[&id(1)].late, "its person was told nothing else");
    assert_eq!(heir.memory.lock().doubtful.keys().copied().collect::<Vec<_>>(), [id(2)]);
    // it arrives at last
    let was = row(2).await;
    let adopted = Row { holder: me, fence: 2, version: was.version + 1, ..was.clone() };
    assert!(heir.write(&adopted, super::super::change::guard(&was)).await.unwrap());
    heir.settle_doubts().await.unwrap();
    assert_eq!(held(), [id(1), id(2)]);
    assert!(heir.memory.lock().doubtful.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_accepted_under_a_name_that_others_gave_up_is_taken_back_or_theirs() {
    let cell = Cell::on_moto();
    let store = cell.dynamo().await;
    let lost = ReplicaName("lost".into());
    let mut rows = Vec::new();
    for number in [1, 2] {
        let row = Row::new(crate::store::contract::request(number), lost.clone());
        assert!(store.write(&row, Guard::Free).await.unwrap());
        rows.push(row);
    }
    let adopted = Row { holder: ReplicaName("heir".into()), fence: 2, version: 2, ..rows[1].clone() };
    assert!(store.write(&adopted, super::super::change::guard(&rows[1])).await.unwrap());
    let taken_back = store.accepted(rows[0].clone()).await;
    assert!(matches!(taken_back, Err(StoreError::Unavailable(_))), "{taken_back:?}");
    assert!(store.load(id(1)).await.unwrap().is_none());
    assert_eq!(store.accepted(rows[1].clone()).await.unwrap(), Accepted::New);
    assert_eq!(store.load(id(2)).await.unwrap().unwrap().holder, adopted.holder);
    assert_eq!(Journal::unfinished(&store).await.unwrap().waiting, 0, "neither is this one's");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_known_in_memory_is_never_older_than_what_was_known_before() {
    let cell = Cell::on_moto();
    let store = cell.dynamo().await;
    let known = |version| Row { version, ..Row::new(crate::store::contract::request(1), store.name().unwrap()) };
    store.keep(known(5));
    store.keep(known(3));
    assert_eq!(store.memory.lock().rows[&id(1)].version, 5);
    let mut closed = known(6);
    closed.state = State::Succeeded;
    store.keep(closed);
    assert!(store.memory.lock().rows.is_empty());
    store.keep(Row { holder: ReplicaName("former".into()), ..known(9) });
    assert!(store.memory.lock().rows.is_empty(), "that name is somebody else's now");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dead_letters_of_others_are_counted_now_and_then() {
    let cell = Cell::on_moto();
    let (one, other) = (cell.dynamo().await, cell.dynamo().await);
    Journal::accept(&one, new(1, &[])).await.unwrap();
    let last = one.finish(id(1), Final::Failed, letter(1, "No.", true)).await.unwrap();
    one.delivered(last.id, Delivery::Dead { error: "channel_not_found".into() }).await.unwrap();
    let depth = async |store: &Dynamo| Outbox::depth(store).await.unwrap().dead;
    assert_eq!((depth(&one).await, depth(&other).await), (1, 0));
    other.recount_dead().await.unwrap();
    assert_eq!(depth(&other).await, 0, "not each time");
    other.memory.lock().counted = None;
    other.recount_dead().await.unwrap();
    assert_eq!(depth(&other).await, 1);
}
