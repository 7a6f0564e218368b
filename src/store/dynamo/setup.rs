//! The table itself: made once, by `dronebot store init` or by the stack's template, and checked at each start.

use super::item::{item, number};
use super::table::{Table, short};
use crate::store::{Condition, StoreConfig, StoreError};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::client::Waiters;
use aws_sdk_dynamodb::error::{DisplayErrorContext, SdkError};
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, Projection, ProjectionType,
    ScalarAttributeType, TimeToLiveSpecification,
};
use std::time::Duration;

/// The version of the table's layout; an older program refuses a newer table.
const SCHEMA: i64 = 1;

/// How long AWS may take to make a table.
const MAKING: Duration = Duration::from_secs(120);

/// The indexes, by the attribute that they are asked by, and whether they hold whole rows.
const INDEXES: [(&str, bool); 3] = [("held", false), ("asked", true), ("shown", true)];

/// Makes the table, and what of it is missing. Returns whether it was made just now.
pub(in crate::store) async fn init(client: &Client, config: &StoreConfig) -> Result<bool, StoreError> {
    let name = &config.table;
    let made = make(client, name).await?;
    client
        .wait_until_table_exists()
        .table_name(name)
        .wait(MAKING)
        .await
        .map_err(|error| open(name, &format!("AWS did not finish it: {error}")))?;
    expire(client, name).await;
    let table = Table::new(client.clone(), name.clone());
    let schema = item([("pk", "schema".into()), ("sk", "-".into()), ("version", SCHEMA.into())]);
    table.put(schema, Some(super::table::Guard::Free)).await?;
    check(&table).await?;
    Ok(made)
}

async fn make(client: &Client, name: &str) -> Result<bool, StoreError> {
    let failed = |error: &dyn std::fmt::Display| {
        open(name, &format!("it cannot be made: {}; check the credentials and their rights", short(&error.to_string())))
    };
    let mut call = client.create_table().table_name(name).billing_mode(BillingMode::PayPerRequest);
    for attribute in ["pk", "sk", "held", "asked", "shown"] {
        let kind = ScalarAttributeType::S;
        let definition = AttributeDefinition::builder().attribute_name(attribute).attribute_type(kind).build();
        call = call.attribute_definitions(definition.map_err(|error| failed(&error))?);
    }
    for (attribute, kind) in [("pk", KeyType::Hash), ("sk", KeyType::Range)] {
        call = call.key_schema(key(attribute, kind).map_err(|error| failed(&error))?);
    }
    for (attribute, whole) in INDEXES {
        let kind = if whole { ProjectionType::All } else { ProjectionType::KeysOnly };
        let index = GlobalSecondaryIndex::builder()
            .index_name(attribute)
            .key_schema(key(attribute, KeyType::Hash).map_err(|error| failed(&error))?)
            .key_schema(key("pk", KeyType::Range).map_err(|error| failed(&error))?)
            .projection(Projection::builder().projection_type(kind).build())
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

/// Whether the table is there, and is one that this program knows.
pub(super) async fn check(table: &Table) -> Result<(), StoreError> {
    let name = &table.name;
    let described = table.client.describe_table().table_name(name).send().await;
    if let Err(error) = described {
        let why = short(&DisplayErrorContext(&error).to_string());
        let passes =
            matches!(error, SdkError::TimeoutError(_) | SdkError::DispatchFailure(_) | SdkError::ResponseError(_))
                || error.raw_response().is_some_and(|response| response.status().is_server_error());
        let missing = error.as_service_error().is_some_and(|error| error.is_resource_not_found_exception());
        return Err(match (passes, missing) {
            (true, _) => StoreError::Unavailable(format!("table {name}: {why}")),
            (_, true) => open(name, "it is not there; run `dronebot store init`, or set store.table to another one"),
            _ => open(name, &format!("{why}; check the region, the credentials and their rights")),
        });
    }
    let schema = table.get("schema", "-").await?;
    match schema.as_ref().and_then(|item| number(item, "version")) {
        Some(found) if found <= SCHEMA => Ok(()),
        Some(found) => Err(open(
            name,
            &format!(
                "it has schema {found}, and this program knows only {SCHEMA} and older; nothing was changed; run the newer \
                 program again, or set store.table to another one"
            ),
        )),
        None => Err(open(
            name,
            "it is not a table of this program, or `dronebot store init` did not come to its end; run it, or set store.table to another one",
        )),
    }
}

/// Looks at the table and changes nothing.
pub(in crate::store) async fn inspect(client: Client, config: &StoreConfig) -> Result<Condition, StoreError> {
    let table = Table::new(client, config.table.clone());
    check(&table).await.map(|()| Condition::Usable)
}

fn open(table: &str, what: &str) -> StoreError {
    StoreError::Open(format!("table {table}: {what}"))
}
