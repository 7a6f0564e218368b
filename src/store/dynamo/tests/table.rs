//! The table itself: made by this program, by a template, or by somebody else for something else.

use super::Cell;
use crate::store::contract::{PATIENCE, Place, id, new};
use crate::store::dynamo::item::{item, number};
use crate::store::{Accepted, Condition, Journal, StoreError, TableMade, init_table, inspect_table, join, read_table};
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, Projection, ProjectionType,
    ScalarAttributeType,
};

fn keys(hash: &str, range: &str) -> Vec<KeySchemaElement> {
    let key = |name: &str, kind: KeyType| {
        KeySchemaElement::builder().attribute_name(name).key_type(kind).build().expect("a key")
    };
    vec![key(hash, KeyType::Hash), key(range, KeyType::Range)]
}

/// Makes the table as a template would: with these keys, and these indexes with what they hold.
async fn template(cell: &Cell, hash: &str, indexes: &[(&str, ProjectionType)]) {
    let client = cell.client().await;
    let mut call = client.create_table().table_name(&cell.config().table).billing_mode(BillingMode::PayPerRequest);
    let names = [hash, "sk"].into_iter().chain(indexes.iter().map(|(name, _)| *name)).chain(["pk"]);
    let mut seen = std::collections::HashSet::new();
    for name in names.filter(|name| !(hash != "pk" && *name == "pk" && indexes.is_empty())) {
        if seen.insert(name) {
            let word = AttributeDefinition::builder().attribute_name(name).attribute_type(ScalarAttributeType::S);
            call = call.attribute_definitions(word.build().expect("an attribute"));
        }
    }
    call = call.set_key_schema(Some(keys(hash, "sk")));
    for (name, projected) in indexes {
        let index = GlobalSecondaryIndex::builder()
            .index_name(*name)
            .set_key_schema(Some(keys(name, "pk")))
            .projection(Projection::builder().projection_type(projected.clone()).build());
        call = call.global_secondary_indexes(index.build().expect("an index"));
    }
    call.send().await.expect("the table is made");
}

const WHOLE: [(&str, ProjectionType); 3] =
    [("held", ProjectionType::KeysOnly), ("asked", ProjectionType::All), ("shown", ProjectionType::All)];

async fn refused(cell: &Cell) -> String {
    match join(cell.client().await, cell.config(), cell.clock()).await {
        Err(StoreError::Open(text)) => text,
        other => panic!("{:?}", other.map(|_| "opened")),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_table_that_is_not_there_or_newer_is_refused_with_what_to_do() {
    let cell = Cell::on_moto();
    let client = cell.client().await;
    assert!(refused(&cell).await.contains("is not there; run `dronebot store init`"));
    assert_eq!(init_table(&client, cell.config()).await.unwrap(), TableMade::New);
    assert_eq!(init_table(&client, cell.config()).await.unwrap(), TableMade::AsItWas);
    cell.plant(item([("pk", "schema".into()), ("sk", "-".into()), ("version", 7.into())])).await;
    let text = refused(&cell).await;
    assert!(text.contains("it has schema 7, and this program knows only 1 and older; nothing was changed"), "{text}");
    let init = init_table(&client, cell.config()).await.unwrap_err().to_string();
    assert!(init.contains("it has schema 7"), "{init}");
    assert_eq!(number(&cell.item("schema", "-").await.unwrap(), "version"), Some(7));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_table_of_a_template_is_joined_without_init() {
    for cell in [Cell::on_moto(), Cell::on_dynalite()] {
        if !cell.is_there() {
            continue;
        }
        template(&cell, "pk", &WHOLE).await;
        // a look changes nothing
        assert_eq!(inspect_table(cell.client().await, cell.config()).await.unwrap(), Condition::Usable);
        assert_eq!(cell.item("schema", "-").await, None);
        let store = join(cell.client().await, cell.config(), cell.clock()).await.unwrap();
        assert_eq!(store.journal.accept(new(1, &["event:1"])).await.unwrap(), Accepted::New);
        assert_eq!(number(&cell.item("schema", "-").await.unwrap(), "version"), Some(1));
        store.close(PATIENCE).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_table_without_an_index_is_refused_and_init_adds_it() {
    let cell = Cell::on_moto();
    template(&cell, "pk", &WHOLE[1..2]).await;
    let text = refused(&cell).await;
    assert!(text.contains("it has no index `held`; run `dronebot store init`, which adds it"), "{text}");
    let client = cell.client().await;
    assert_eq!(init_table(&client, cell.config()).await.unwrap(), TableMade::Completed);
    assert_eq!(init_table(&client, cell.config()).await.unwrap(), TableMade::AsItWas);
    let store = join(client, cell.config(), cell.clock()).await.unwrap();
    assert_eq!(store.journal.accept(new(1, &["event:1"])).await.unwrap(), Accepted::New);
    assert_eq!(store.journal.recent(&"U0MAYA".into(), 9).await.unwrap().open.len(), 1);
    store.close(PATIENCE).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_table_that_is_laid_out_otherwise_is_refused_and_left_as_it_was() {
    let cell = Cell::on_moto();
    template(&cell, "id", &[]).await;
    let text = refused(&cell).await;
    assert!(text.contains("its keys are not `pk` and `sk`") && text.contains("nothing was changed"), "{text}");
    let cell = Cell::on_moto();
    let mut indexes = WHOLE;
    indexes[2].1 = ProjectionType::KeysOnly;
    template(&cell, "pk", &indexes).await;
    let text = refused(&cell).await;
    assert!(text.contains("its index `shown` must have the keys `shown` and `pk`, with all attributes"), "{text}");
    assert_eq!(cell.item("schema", "-").await, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn init_of_a_newer_program_raises_the_schema() {
    let cell = Cell::on_moto();
    let client = cell.client().await;
    init_table(&client, cell.config()).await.unwrap();
    // as a program of before left it
    cell.plant(item([("pk", "schema".into()), ("sk", "-".into()), ("version", 0.into())])).await;
    let version = async || number(&cell.item("schema", "-").await.unwrap(), "version");
    // whoever only joins leaves it to the others that are older
    join(client.clone(), cell.config(), cell.clock()).await.unwrap().close(PATIENCE).await.unwrap();
    assert_eq!(version().await, Some(0));
    assert_eq!(init_table(&client, cell.config()).await.unwrap(), TableMade::Completed);
    assert_eq!(version().await, Some(1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_at_a_terminal_finds_any_request_by_its_short_id() {
    let cell = Cell::on_moto();
    let store = cell.dynamo().await;
    for number in [1, 2] {
        Journal::accept(&store, new(number, &[])).await.unwrap();
    }
    let archive = read_table(cell.client().await, cell.config(), cell.clock()).await.unwrap();
    assert_eq!(archive.find(&id(2).short(), 9).await.unwrap(), [id(2)]);
    assert!(archive.find("ZZZZ", 9).await.unwrap().is_empty());
}
