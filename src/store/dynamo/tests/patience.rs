//! What the table cannot do just now is tried again for as long as Slack waits for the acknowledgement.

use super::Cell;
use crate::store::contract::{id, new};
use crate::store::{Accepted, Beaten, Card, Journal, Replicas};
use std::time::Duration;
use tokio::time::Instant;

/// An outage that is over before Slack gives up.
const SHORT: Duration = Duration::from_millis(900);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_comes_in_a_short_outage_is_accepted_once_when_it_is_over() {
    let cell = Cell::on_fast().for_lease(5);
    let store = cell.dynamo().await;
    for (number, (action, when)) in (1..).zip([("", ""), ("PutItem", "request#"), ("PutItem", "key#")]) {
        cell.table().refuse(action, when);
        let heals = async {
            tokio::time::sleep(SHORT).await;
            cell.table().refuse_nothing();
        };
        let key = format!("event:{number}");
        let (accepted, ()) = tokio::join!(Journal::accept(&store, new(number, &[&key])), heals);
        assert_eq!(accepted.unwrap(), Accepted::New, "{action} {when}");
        // Slack's next delivery of it
        let again = Journal::accept(&store, new(number + 10, &[&key])).await;
        assert_eq!(again.unwrap(), Accepted::Duplicate(id(number)), "{action} {when}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_comes_when_the_lease_is_lost_waits_for_the_next_beat() {
    let cell = Cell::on_fast();
    let store = cell.dynamo().await;
    tokio::time::sleep(store.lease + store.lease / 10).await;
    let beats = async {
        tokio::time::sleep(SHORT).await;
        assert_eq!(store.beat(&Card::default()).await.unwrap(), Beaten::Renewed);
    };
    let (accepted, ()) = tokio::join!(Journal::accept(&store, new(1, &[])), beats);
    assert_eq!(accepted.unwrap(), Accepted::New);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_outage_that_lasts_is_told_before_slack_gives_up_and_the_table_is_asked_ever_less_often() {
    let cell = Cell::on_fast().for_lease(10);
    let store = cell.dynamo().await;
    cell.table().refuse("", "");
    let (begun, before) = (Instant::now(), cell.table().calls());
    let refused = Journal::accept(&store, new(1, &["event:1"])).await;
    assert!(refused.is_err() && begun.elapsed() < Duration::from_secs(3), "{refused:?} after {:?}", begun.elapsed());
    let asked = cell.table().calls().since(&before).writes();
    assert!((4..=12).contains(&asked), "asked {asked} times");
}
