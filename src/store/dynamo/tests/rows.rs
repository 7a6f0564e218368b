//! Rows of other programs, older and newer, and when the table may forget one.

use super::Cell;
use crate::clock::Clock;
use crate::store::contract::{PATIENCE, Place, id, letter, new, plan, request, sent};
use crate::store::dynamo::item::{item, number, text};
use crate::store::dynamo::row::{Row, Waiting, pk};
use crate::store::{
    Accepted, AuditLog, Card, Delivery, Final, Journal, Outbox, ReplicaName, Replicas, State, Wanted, Way, What,
};
use aws_sdk_dynamodb::types::AttributeValue;
use jiff::SignedDuration;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_open_is_kept_and_what_is_not_may_be_forgotten_in_its_time() {
    let cell = Cell::on_moto();
    let store = cell.dynamo().await;
    for number in 1..=4 {
        let key = format!("event:{number}");
        assert_eq!(Journal::accept(&store, new(number, &[&key])).await.unwrap(), Accepted::New);
    }
    store.planned(id(2), plan(2)).await.unwrap();
    for number in [3, 4] {
        let last = store.finish(id(number), Final::Succeeded, letter(number, "Done.", true)).await.unwrap();
        if number == 3 {
            let waits = cell.item(&pk(id(3)), "-").await.unwrap();
            assert!(!waits.contains_key("expires"), "its answer waits");
            store.delivered(last.id, sent("1.1")).await.unwrap();
        } else {
            store.delivered(last.id, Delivery::Dead { error: "channel_not_found".into() }).await.unwrap();
        }
    }
    let expires = async |name: &str| number(&cell.item(name, "-").await.unwrap(), "expires");
    let after = |days: u32| {
        let then = cell.clock().now() + SignedDuration::from_hours(24 * i64::from(days));
        Some(then.as_second())
    };
    let (retention, dedupe) = (after(cell.config().retention_days), after(cell.config().dedupe_days));
    for (name, expected) in [
        (pk(id(1)), None),
        (pk(id(2)), None),
        (pk(id(3)), retention),
        (pk(id(4)), retention),
        ("key#event:1".to_owned(), dedupe),
        ("lock#123456789012/eu-central-1/i-2".to_owned(), retention),
    ] {
        assert_eq!(expires(&name).await, expected, "{name}");
    }
    let live = cell.client().await.describe_time_to_live().table_name(&cell.config().table).send().await.unwrap();
    let live = live.time_to_live_description.unwrap();
    assert_eq!(live.attribute_name(), Some("expires"));
    assert_eq!(live.time_to_live_status().map(|status| status.as_str()), Some("ENABLED"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_row_of_an_older_program_is_adopted_and_answered() {
    let cell = Cell::on_moto();
    let heir = cell.dynamo().await;
    // no more than a row must have: what was added later is missing
    let body = r#"{"source":"slash_command","team":"T0001","user":"U0MAYA","channel":"C0OPS","text":"ping",
        "place":"channel","accepted_at":1772366400000000000}"#;
    let lost = item([
        ("pk", "replica".into()),
        ("sk", "long-gone".into()),
        ("beat", 7.into()),
        ("lease_ms", 1.into()),
        ("state", "gone".into()),
        ("card", "{}".into()),
        ("seen", 0.into()),
    ]);
    let row = item([
        ("pk", pk(id(1)).into()),
        ("sk", "-".into()),
        ("v", 1.into()),
        ("state", "accepted".into()),
        ("holder", "long-gone".into()),
        ("held", "long-gone".into()),
        ("fence", 4.into()),
        ("version", 9.into()),
        ("mark", "0123456789abcdef".into()),
        ("asked", "U0MAYA".into()),
        ("body", body.into()),
    ]);
    cell.plant(lost).await;
    cell.plant(row).await;
    let entries = heir.take_up().await.unwrap();
    assert_eq!((entries.len(), entries[0].state, entries[0].request.text.as_str()), (1, State::Accepted, "ping"));
    let last = heir.finish(id(1), Final::Succeeded, letter(1, "Pong.", true)).await.unwrap();
    heir.delivered(last.id, sent("1.1")).await.unwrap();
    let history = heir.history(id(1)).await.unwrap();
    assert_eq!(history.iter().map(|event| event.fence).collect::<Vec<_>>(), [0, 5, 5, 5]);
    assert!(matches!(&history[0].what, What::Accepted { text, .. } if text == "ping"));
    assert_eq!(history[0].replica.0, "?", "nobody wrote down who accepted it");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_newer_program_added_to_a_row_survives_the_writes_of_this_one() {
    let cell = Cell::on_moto();
    let dead = cell.dynamo().await;
    Journal::accept(&dead, new(1, &[])).await.unwrap();
    dead.planned(id(1), plan(1)).await.unwrap();
    dead.step_started(id(1), plan(1).steps[0].clone()).await.unwrap();
    dead.put(letter(1, "Working…", false)).await.unwrap();
    dead.leave().await.unwrap();
    let mut row = cell.item(&pk(id(1)), "-").await.unwrap();
    let mut body: serde_json::Value = serde_json::from_str(text(&row, "body").unwrap()).unwrap();
    for place in ["", "/plan", "/steps/0", "/steps/0/step", "/letter", "/history/0"] {
        body.pointer_mut(place).unwrap()["mood"] = place.into();
    }
    row.insert("body".into(), AttributeValue::S(body.to_string()));
    row.insert("mood".into(), AttributeValue::S("wild".into()));
    cell.plant(row).await;

    let heir = cell.dynamo().await;
    let begun = tokio::time::Instant::now();
    while heir.take_up().await.unwrap().is_empty() {
        assert!(begun.elapsed() < PATIENCE);
    }
    let waiting = heir.due(cell.clock().now(), Wanted::first(9)).await.unwrap().remove(0);
    let later = Delivery::Later { not_before: cell.clock().now(), error: "busy".into(), unsure: false };
    heir.delivered(waiting.id, later).await.unwrap();
    heir.step_ended(id(1), 0, crate::store::StepState::Done).await.unwrap();
    let kept = cell.item(&pk(id(1)), "-").await.unwrap();
    assert_eq!(text(&kept, "mood"), Some("wild"));
    let body: serde_json::Value = serde_json::from_str(text(&kept, "body").unwrap()).unwrap();
    for place in ["", "/plan", "/steps/0", "/steps/0/step", "/letter", "/history/0"] {
        assert_eq!(body.pointer(place).unwrap()["mood"], place, "{body:#}");
    }
    assert_eq!(body["steps"][0]["state"], "done");
    assert_eq!(body["letter"]["attempts"], 1);
    // the answer is no letter of that program, and all else is still its
    heir.finish(id(1), Final::Succeeded, letter(1, "Done.", true)).await.unwrap();
    let kept = cell.item(&pk(id(1)), "-").await.unwrap();
    let body: serde_json::Value = serde_json::from_str(text(&kept, "body").unwrap()).unwrap();
    assert_eq!(body["mood"], "");
    assert!(body["letter"].get("mood").is_none(), "{body:#}");
}

/// A row with a letter to a place for which this program lacks a word is one that cannot be read.
#[tokio::test]
async fn a_letter_to_a_place_of_a_newer_program_is_sent_to_nobody() {
    let mut row = Row::new(request(1), ReplicaName("R".to_owned()));
    let at = row.request.accepted_at;
    row.letter = Some(Waiting {
        number: 1,
        letter: letter(1, "Working…", false),
        attempts: 0,
        created_at: at,
        not_before: at,
        way: Way::default(),
        unsure: false,
        error: None,
    });
    let (item, body) = (row.item(at), row.body().unwrap());
    assert!(Row::read(&item, &body).unwrap().letter.is_some());
    let strange = body.replace("\"kind\":\"response_url\"", "\"kind\":\"pigeon\"");
    assert_eq!(Row::read(&item, &strange).unwrap_err(), "`pigeon` is no place for a letter");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_row_that_cannot_be_read_is_left_alone_and_named_once() {
    let cell = Cell::on_moto();
    let dead = cell.dynamo().await;
    for number in 1..=5 {
        Journal::accept(&dead, new(number, &[])).await.unwrap();
    }
    let broken = [("v", AttributeValue::N("2".into())), ("state", AttributeValue::S("pondering".into()))];
    let broken = broken.into_iter().chain([("body", AttributeValue::S("{".into()))]).zip(1..);
    let mut planted = Vec::new();
    for ((name, value), number) in broken {
        let mut row = cell.item(&pk(id(number)), "-").await.unwrap();
        row.insert(name.into(), value);
        cell.plant(row.clone()).await;
        planted.push(row);
    }
    // what a newer program tells that this one has no word for
    let mut told = cell.item(&pk(id(4)), "-").await.unwrap();
    let mut body: serde_json::Value = serde_json::from_str(text(&told, "body").unwrap()).unwrap();
    let strange = serde_json::json!({"at": 1, "replica": "R", "fence": 1, "what": "pondered", "how": "long"});
    body["history"].as_array_mut().unwrap().push(strange.clone());
    told.insert("body".into(), AttributeValue::S(body.to_string()));
    cell.plant(told).await;
    let heir = cell.dynamo().await;
    let begun = tokio::time::Instant::now();
    let entries = loop {
        heir.beat(&Card::default()).await.unwrap();
        let entries = heir.take_up().await.unwrap();
        if entries.len() == 2 {
            break entries;
        }
        assert!(begun.elapsed() < PATIENCE, "{entries:?}");
    };
    assert_eq!(entries.iter().map(|entry| entry.request.id).collect::<Vec<_>>(), [id(4), id(5)]);
    for row in planted {
        let name = text(&row, "pk").unwrap();
        assert_eq!(cell.item(name, "-").await.unwrap(), row, "untouched");
        assert!(heir.memory.lock().strange.contains(name), "{name}");
    }
    let due = heir.due(cell.clock().now(), Wanted::first(9)).await.unwrap();
    assert!(due.is_empty());
    // it is kept as it was, and all else is told
    assert_eq!(heir.history(id(4)).await.unwrap().len(), 2);
    let kept = cell.item(&pk(id(4)), "-").await.unwrap();
    let body: serde_json::Value = serde_json::from_str(text(&kept, "body").unwrap()).unwrap();
    assert_eq!(body["history"][1], strange);
}
