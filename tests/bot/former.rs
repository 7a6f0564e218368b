//! A journal that an older program left, with its file or its table as they were: this program reads it, and ends what that
//! one began. `former/` holds what commit b6b1f43 left when it was killed: a stop and a deployment whose calls were made, and
//! a stop that waits for an approval. Then a target had no kind, and a deployment's goal stood among the ids of its last call.

use crate::support::service::{Shop, listed};
use crate::support::{HOME, LEASE, MAYA, Options, Seed, World, fleet, tidy, until};
use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::Value;
use std::collections::HashMap;

const WEB: Seed = Seed { region: HOME, name: "web-1", kind: "t3.micro", stopped: false, tags: &[] };
const TAGGED: Seed = Seed { name: "web-2", tags: &[("approval", "required")], ..WEB };

/// What was left, in the words of this world: its account and its instances in place of those of then.
struct Left<'a> {
    text: &'a str,
    account: &'a str,
    instances: [&'a str; 2],
}

const FILE: Left<'_> = Left {
    text: include_str!("former/file.sql"),
    account: "100000000000",
    instances: ["i-abf8bb1ecb8daf8a8", "i-835cc9a583d63ab8a"],
};
const TABLE: Left<'_> = Left {
    text: include_str!("former/table.json"),
    account: "100000000001",
    instances: ["i-002786e805bf2a7d2", "i-51559a36ef2d81b7d"],
};

impl Left<'_> {
    fn in_words_of(&self, ids: &[String], shop: &Shop) -> String {
        let account: String = shop.repository.chars().take(self.account.len()).collect();
        let text = self.text.replace(self.account, &account);
        self.instances.iter().zip(ids).fold(text, |text, (then, now)| text.replace(then, now))
    }
}

/// A world in which the stop was made, and of the deployment nothing.
async fn world(lease: Option<u32>) -> (World, Vec<String>, Shop) {
    let options = Options { env: listed(), lease, asleep: true, ..Options::default() };
    let world = World::with(options).await;
    let ids = world.fleet(&[WEB, TAGGED]).await;
    let shop = Shop::open(&world).await;
    let client = fleet::client(&world.aws_url, HOME).await;
    client.stop_instances().instance_ids(&ids[0]).send().await.expect("it is stopped");
    (world, ids, shop)
}

/// What the person reads of the three requests, in their order.
async fn told(world: &World) -> String {
    until("all three are answered", async || world.answers("ops", MAYA, 0).await.len() >= 3).await;
    let mut said: Vec<String> = world.answers("ops", MAYA, 0).await.iter().map(|said| tidy(&said.text)).collect();
    said.sort();
    said.join("\n--\n")
}

#[actix_web::test]
async fn the_file_of_an_older_program_is_read_and_what_it_began_is_told() {
    let (mut world, ids, shop) = world(None).await;
    let file = rusqlite::Connection::open(world.folder.path().join("dronebot.db")).expect("a file");
    file.execute_batch(&FILE.in_words_of(&ids, &shop)).expect("the dump is read");
    drop(file);
    world.wake().await;
    insta::assert_snapshot!(told(&world).await, @"
    ⛔ Not approved: Nobody approved `ec2 stop web-2` within 15 minutes, so it was not run. Nothing was changed.
    On `web-2 (i-00000000000000001)`. Asked by @UMAYA.
    (req XXXX)
    --
    ✅ Done: I was restarted while running `ec2 stop web-1`.
    I looked: `web-1 (i-00000000000000001)` is stopped.
    `web-1 (i-00000000000000001)` has lost its public address `ADDRESS`; a start gives it another.
    (req XXXX)
    --
    ❌ Failed: I was restarted while running `deploy 1.4.2`.
    I looked: `drone` still has `1.4.1` (`dronebot:1`), so `1.4.2` (`sha256:0c0f9ca86c80`) was not deployed. Look with `deploy status drone`.
    (req XXXX)
    ");
    assert_eq!(world.aws.made().len(), 1, "the stop of this test alone: {:?}", world.aws.made());
    world.ends_clean().await;
}

/// The credentials are of another account by now: instances and services of the same names there say nothing of these.
#[actix_web::test]
async fn what_an_older_program_began_in_another_account_is_not_looked_at_and_that_is_said() {
    let (mut world, _ids, _shop) = world(None).await;
    let file = rusqlite::Connection::open(world.folder.path().join("dronebot.db")).expect("a file");
    file.execute_batch(&FILE.text.replace(FILE.account, "999999999999")).expect("the dump is read");
    drop(file);
    let looks = |world: &World| {
        let is_look =
            |call: &&(String, Vec<String>)| ["DescribeInstances", "DescribeServices"].contains(&call.0.as_str());
        world.aws.calls().iter().filter(is_look).count()
    };
    let before = looks(&world);
    world.wake().await;
    let told = told(&world).await;
    assert_eq!(told.matches("It was begun in the AWS account ").count(), 2, "{told}");
    assert_eq!(told.matches(" now, so I did not look: I cannot tell whether it was done.").count(), 2, "{told}");
    assert_eq!(looks(&world), before, "{:?}", world.aws.calls());
    world.ends_clean().await;
}

#[actix_web::test]
async fn the_table_of_an_older_program_is_read_and_what_it_began_is_told() {
    let (mut world, ids, shop) = world(Some(LEASE)).await;
    let table = fleet::table_client(&world.table_url, HOME).await;
    let items: Vec<HashMap<String, Value>> =
        serde_json::from_str(&TABLE.in_words_of(&ids, &shop)).expect("the items are read");
    for item in items {
        let item = item.into_iter().map(|(name, value)| (name, attribute(&value))).collect();
        table.put_item().table_name("dronebot").set_item(Some(item)).send().await.expect("it is written");
    }
    world.wake().await;
    insta::assert_snapshot!(told(&world).await, @"
    ⛔ Not approved: Nobody approved `ec2 stop web-2` within 15 minutes, so it was not run. Nothing was changed.
    On `web-2 (i-00000000000000001)`. Asked by @UMAYA.
    (req XXXX)
    --
    ✅ Done: I was restarted while running `ec2 stop web-1`.
    I looked: `web-1 (i-00000000000000001)` is stopped.
    `web-1 (i-00000000000000001)` has lost its public address `ADDRESS`; a start gives it another.
    (req XXXX)
    --
    ❌ Failed: I was restarted while running `deploy 1.4.2`.
    I looked: `drone` still has `1.4.1` (`dronebot:1`), so `1.4.2` (`sha256:0c0f9ca86c80`) was not deployed. Look with `deploy status drone`.
    (req XXXX)
    ");
    assert_eq!(world.aws.made().len(), 1, "the stop of this test alone: {:?}", world.aws.made());
    world.ends_clean().await;
}

fn attribute(value: &Value) -> AttributeValue {
    let text = |kind: &str| value[kind].as_str().map(str::to_owned);
    text("S").map(AttributeValue::S).or_else(|| text("N").map(AttributeValue::N)).expect("a text or a number")
}
