//! The table itself: made once, by `dronebot store init` or by the stack's template, and checked at each start.

use super::item::{Item, item, number};
use super::table::{Guard, Table, short};
use crate::store::{Condition, StoreConfig, StoreError, TableMade};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::client::Waiters;
use aws_sdk_dynamodb::error::{DisplayErrorContext, SdkError};
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, CreateGlobalSecondaryIndexAction, GlobalSecondaryIndex,
    GlobalSecondaryIndexUpdate, IndexStatus, KeySchemaElement, KeyType, Projection, ProjectionType,
    ScalarAttributeType, TableDescription, TableStatus, TimeToLiveSpecification,
};
use std::time::Duration;

/// The version of the table's layout; an older program refuses a newer table.
const SCHEMA: i64 = 1;

/// How long AWS may take to make a table, or an index of it.
const MAKING: Duration = Duration::from_secs(120);

/// Between two looks whether it has.
const LOOK: Duration = Duration::from_millis(500);

/// The indexes, by the attribute that they are asked by, and whether they hold whole rows.
const INDEXES: [(&str, bool); 3] = [("held", false), ("asked", true), ("shown", true)];

/// Makes the table, and what of it is missing. What is in it stays.
pub(in crate::store) async fn init(client: &Client, config: &StoreConfig) -> Result<TableMade, StoreError> {
    let name = &config.table;
    let is_new = make(client, name).await?;
    client
        .wait_until_table_exists()
        .table_name(name)
        .wait(MAKING)
        .await
        .map_err(|error| open(name, &format!("AWS did not finish it: {error}")))?;
    let table = Table::new(client.clone(), name.clone());
    let added = complete(&table).await?;
    expire(client, name).await;
    let found = check(&table).await?;
    let raised = found.is_some_and(|found| found < SCHEMA);
    match found {
        Some(found) if raised => drop(table.put(schema(), Some(Guard::Is(vec![("version", found.into())]))).await?),
        Some(_) => {}
        None => mark(&table).await?,
    }
    Ok(match (is_new, added.is_empty() && !raised) {
        (true, _) => TableMade::New,
        (false, true) => TableMade::AsItWas,
        (false, false) => TableMade::Completed,
    })
}

fn schema() -> Item {
    item([("pk", "schema".into()), ("sk", "-".into()), ("version", SCHEMA.into())])
}

/// Says in the table which layout it has. One that somebody else has marked at the same time is marked.
pub(super) async fn mark(table: &Table) -> Result<(), StoreError> {
    table.put(schema(), Some(Guard::Free)).await.map(drop)
}

/// Adds the indexes that are missing; AWS makes one at a time. Returns their names.
async fn complete(table: &Table) -> Result<Vec<&'static str>, StoreError> {
    let name = &table.name;
    let mut added = Vec::new();
    for (attribute, whole) in INDEXES {
        let description = described(table).await?;
        if description.global_secondary_indexes().iter().any(|index| index.index_name() == Some(attribute)) {
            continue;
        }
        let failed = |error: &dyn std::fmt::Display| {
            open(name, &format!("its index `{attribute}` cannot be made: {}", short(&error.to_string())))
        };
        let index = CreateGlobalSecondaryIndexAction::builder()
            .index_name(attribute)
            .key_schema(key(attribute, KeyType::Hash).map_err(|error| failed(&error))?)
            .key_schema(key("pk", KeyType::Range).map_err(|error| failed(&error))?)
            .projection(projection(whole))
            .build()
            .map_err(|error| failed(&error))?;
        table
            .client
            .update_table()
            .table_name(name)
            .attribute_definitions(word(attribute).map_err(|error| failed(&error))?)
            .attribute_definitions(word("pk").map_err(|error| failed(&error))?)
            .global_secondary_index_updates(GlobalSecondaryIndexUpdate::builder().create(index).build())
            .send()
            .await
            .map_err(|error| failed(&DisplayErrorContext(&error)))?;
        settled(table).await?;
        added.push(attribute);
    }
    Ok(added)
}

/// Waits until AWS has made what it was asked for.
async fn settled(table: &Table) -> Result<(), StoreError> {
    let until = tokio::time::Instant::now() + MAKING;
    while let Err(StoreError::Unavailable(why)) = layout(table).await {
        if tokio::time::Instant::now() > until {
            return Err(open(&table.name, &format!("AWS did not finish it in time: {why}; run it again later")));
        }
        tokio::time::sleep(LOOK).await;
    }
    Ok(())
}

async fn make(client: &Client, name: &str) -> Result<bool, StoreError> {
    let failed = |error: &dyn std::fmt::Display| {
        open(name, &format!("it cannot be made: {}; check the credentials and their rights", short(&error.to_string())))
    };
    let mut call = client.create_table().table_name(name).billing_mode(BillingMode::PayPerRequest);
    for attribute in ["pk", "sk", "held", "asked", "shown"] {
        call = call.attribute_definitions(word(attribute).map_err(|error| failed(&error))?);
    }
    for (attribute, kind) in [("pk", KeyType::Hash), ("sk", KeyType::Range)] {
        call = call.key_schema(key(attribute, kind).map_err(|error| failed(&error))?);
    }
    for (attribute, whole) in INDEXES {
        let index = GlobalSecondaryIndex::builder()
            .index_name(attribute)
            .key_schema(key(attribute, KeyType::Hash).map_err(|error| failed(&error))?)
            .key_schema(key("pk", KeyType::Range).map_err(|error| failed(&error))?)
            .projection(projection(whole))
            .build()
            .map_err(|error| failed(&error))?;
        call = call.global_secondary_indexes(index);
    }
    match call.send().await {
        Ok(_) => Ok(true),
        Err(error) if error.as_service_error().is_some_and(|error| error.is_resource_in_use_exception()) => Ok(false),
        Err(error) => Err(failed(&DisplayErrorContext(&error))),
    }
}

fn projection(whole: bool) -> Projection {
    let kind = if whole { ProjectionType::All } else { ProjectionType::KeysOnly };
    Projection::builder().projection_type(kind).build()
}

fn word(name: &str) -> Result<AttributeDefinition, aws_sdk_dynamodb::error::BuildError> {
    AttributeDefinition::builder().attribute_name(name).attribute_type(ScalarAttributeType::S).build()
}

fn key(name: &str, kind: KeyType) -> Result<KeySchemaElement, aws_sdk_dynamodb::error::BuildError> {
    KeySchemaElement::builder().attribute_name(name).key_type(kind).build()
}

/// Lets the table forget what is old. Without it everything works, and is kept.
async fn expire(client: &Client, name: &str) {
    let specification = TimeToLiveSpecification::builder().enabled(true).attribute_name("expires").build();
    let Ok(specification) = specification else { return };
    let call = client.update_time_to_live().table_name(name).time_to_live_specification(specification).send();
    if let Err(error) = call.await {
        // it says so too when it is on already
        tracing::info!(error = %DisplayErrorContext(&error), "time to live was not switched on");
    }
}

/// Whether the table is there, and is laid out as this program needs it. The version that it says it has; none for one
/// that somebody else has made, by a template or by hand, and nobody has used.
pub(super) async fn check(table: &Table) -> Result<Option<i64>, StoreError> {
    layout(table).await?;
    let schema = table.get("schema", "-").await?;
    match schema.as_ref().and_then(|item| number(item, "version")) {
        Some(found) if found > SCHEMA => Err(open(
            &table.name,
            &format!(
                "it has schema {found}, and this program knows only {SCHEMA} and older; nothing was changed; run the newer \
                 program again, or set store.table to another one"
            ),
        )),
        found => Ok(found),
    }
}

async fn described(table: &Table) -> Result<TableDescription, StoreError> {
    let name = &table.name;
    let error = match table.client.describe_table().table_name(name).send().await {
        Ok(answer) => return answer.table.ok_or_else(|| StoreError::Failed(format!("table {name}: no description"))),
        Err(error) => error,
    };
    let why = short(&DisplayErrorContext(&error).to_string());
    let passes = matches!(error, SdkError::TimeoutError(_) | SdkError::DispatchFailure(_) | SdkError::ResponseError(_))
        || error.raw_response().is_some_and(|response| response.status().is_server_error());
    let missing = error.as_service_error().is_some_and(|error| error.is_resource_not_found_exception());
    Err(match (passes, missing) {
        (true, _) => StoreError::Unavailable(format!("table {name}: {why}")),
        (_, true) => open(name, "it is not there; run `dronebot store init`, or set store.table to another one"),
        _ => open(name, &format!("{why}; check the region, the credentials and their rights")),
    })
}

/// Whether the table's keys and indexes are as they must be, and made.
async fn layout(table: &Table) -> Result<(), StoreError> {
    let description = described(table).await?;
    let name = &table.name;
    let making = |what: &str| StoreError::Unavailable(format!("table {name}: AWS is still making {what}"));
    if !is_keyed(description.key_schema(), "pk", "sk") {
        return Err(open(
            name,
            "its keys are not `pk` and `sk`, so it is not a table for this program; nothing was changed; set store.table \
             to another one",
        ));
    }
    if description.table_status() == Some(&TableStatus::Creating) {
        return Err(making("it"));
    }
    for (attribute, whole) in INDEXES {
        let mut indexes = description.global_secondary_indexes().iter();
        let Some(index) = indexes.find(|index| index.index_name() == Some(attribute)) else {
            return Err(open(
                name,
                &format!(
                    "it has no index `{attribute}`; run `dronebot store init`, which adds it, or set store.table to another one"
                ),
            ));
        };
        let projection = index.projection().and_then(|projection| projection.projection_type());
        if !is_keyed(index.key_schema(), attribute, "pk") || (whole && projection != Some(&ProjectionType::All)) {
            let all = if whole { ", with all attributes projected" } else { "" };
            return Err(open(
                name,
                &format!(
                    "its index `{attribute}` must have the keys `{attribute}` and `pk`{all}; nothing was changed; delete the \
                     index and run `dronebot store init`, or set store.table to another one"
                ),
            ));
        }
        if index.index_status() == Some(&IndexStatus::Creating) {
            return Err(making(&format!("its index `{attribute}`")));
        }
    }
    Ok(())
}

fn is_keyed(keys: &[KeySchemaElement], hash: &str, range: &str) -> bool {
    let has =
        |name: &str, kind: &KeyType| keys.iter().any(|key| key.attribute_name() == name && key.key_type() == kind);
    has(hash, &KeyType::Hash) && has(range, &KeyType::Range)
}

/// Looks at the table and changes nothing.
pub(in crate::store) async fn inspect(client: Client, config: &StoreConfig) -> Result<Condition, StoreError> {
    let table = Table::new(client, config.table.clone());
    check(&table).await.map(|_| Condition::Usable)
}

fn open(table: &str, what: &str) -> StoreError {
    StoreError::Open(format!("table {table}: {what}"))
}
