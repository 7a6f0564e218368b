//! What DynamoDB's time to live does, done sooner: Moto looks at every item for each question to an index, and so a long run
//! would be a test of Moto.

use crate::support::{HOME, fleet};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{AttributeValue, DeleteRequest, WriteRequest};
use std::cell::Cell;
use std::collections::HashMap;
use std::time::Duration;
use tokio::time::Instant;

/// What has been finished for so long comes up no more: Slack has long stopped to deliver it.
const KEPT: Duration = Duration::from_secs(90);

/// Between two looks.
const EVERY: Duration = Duration::from_secs(20);

/// So many items one call deletes.
const AT_ONCE: usize = 25;

type Item = HashMap<String, AttributeValue>;

/// Deletes what is finished and old, until the load is over.
pub async fn forget(table: &str, over: &Cell<bool>) {
    let client = fleet::table_client(table, HOME).await;
    let mut seen: HashMap<String, Instant> = HashMap::new();
    let mut looked = Instant::now();
    while !over.get() {
        tokio::time::sleep(Duration::from_millis(200)).await;
        if looked.elapsed() < EVERY {
            continue;
        }
        looked = Instant::now();
        let scan = client.scan().table_name("dronebot").projection_expression("pk, sk, held, expires");
        // by pages, of which one holds a few hundred requests. What is not deleted now is deleted later
        let Ok(found) = scan.into_paginator().items().send().collect::<Result<Vec<Item>, _>>().await else { continue };
        let is_finished = |item: &&Item| {
            let kind = item["pk"].as_s().expect("a name").split('#').next().unwrap_or_default();
            ["request", "key"].contains(&kind) && item.contains_key("expires") && !item.contains_key("held")
        };
        let mut old = Vec::new();
        for item in found.iter().filter(is_finished) {
            let since = *seen.entry(item["pk"].as_s().expect("a name").clone()).or_insert_with(Instant::now);
            if since.elapsed() > KEPT {
                old.push(item);
            }
        }
        delete(&client, &old).await;
    }
}

async fn delete(client: &Client, items: &[&Item]) {
    for some in items.chunks(AT_ONCE) {
        let delete = |item: &&Item| {
            let key = ["pk", "sk"].map(|name| (name.to_owned(), item[name].clone()));
            let request = DeleteRequest::builder().set_key(Some(key.into())).build().expect("a key");
            WriteRequest::builder().delete_request(request).build()
        };
        let _ = client.batch_write_item().request_items("dronebot", some.iter().map(delete).collect()).send().await;
    }
}
