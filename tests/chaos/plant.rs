//! Bugs as the bot might have them, done to its table: the counting must find each.

use crate::load::Mix;
use crate::support::{HOME, NEVER, Trouble, World, fleet};
use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::json;
use std::collections::HashMap;
use std::time::Duration;
use tokio::time::Instant;

/// A bug.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Plant {
    /// A command that was accepted is forgotten, and with it its answer.
    DropLetter,
    /// That a call was begun is forgotten, and whoever takes the command up makes it again.
    BlindStep,
}

impl Plant {
    /// By its name in the environment.
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "drop_letter" => Some(Self::DropLetter),
            "blind_step" => Some(Self::BlindStep),
            _ => None,
        }
    }

    /// The commands among which there are some to which it can be done.
    pub fn mix(self) -> Mix {
        match self {
            Self::DropLetter => Mix::Shows,
            Self::BlindStep => Mix::Reboots,
        }
    }

    /// Waits for a command to which it can be done, does it, and kills whoever may know better.
    pub async fn work(self, world: &mut World) {
        // AWS takes its time, so that there is work in every hand
        match self {
            Self::DropLetter => {
                world.aws.break_next("DescribeInstances", Trouble::Delay(Duration::from_secs(2)), u32::MAX);
            }
            Self::BlindStep => world.aws.break_next("RebootInstances", Trouble::LoseAnswer, u32::MAX),
        }
        let begun = Instant::now();
        let mut item = loop {
            if let Some(item) = self.fitting(world).await {
                break item;
            }
            assert!(begun.elapsed() < NEVER * 2, "nothing to plant {self:?} in");
            tokio::time::sleep(Duration::from_millis(50)).await;
        };
        // whoever had it must not go on with what it knows
        world.kill_bot();
        std::mem::take(&mut world.others).into_iter().for_each(crate::support::Bot::kill);
        match self {
            Self::DropLetter => {
                // as if its row had been dropped: nobody looks for it any more
                item.remove("held");
                item.insert("state".into(), AttributeValue::S("succeeded".into()));
            }
            Self::BlindStep => {
                let body = forget(&text(&item, "body"));
                item.insert("state".into(), AttributeValue::S("accepted".into()));
                item.insert("body".into(), AttributeValue::S(body));
            }
        }
        item.insert("version".into(), AttributeValue::N("1000000".into()));
        let client = fleet::table_client(&world.table_url, HOME).await;
        client.put_item().table_name("dronebot").set_item(Some(item)).send().await.expect("it is planted");
        world.aws.clear();
        world.start_bot();
        world.one_more_unready();
    }

    async fn fitting(self, world: &World) -> Option<HashMap<String, AttributeValue>> {
        let client = fleet::table_client(&world.table_url, HOME).await;
        let found = client.scan().table_name("dronebot").send().await.ok()?;
        let rebooted: Vec<String> = world.aws.made().into_iter().flat_map(|(_, ids)| ids).collect();
        let fits = |item: &&HashMap<String, AttributeValue>| {
            let body = text(item, "body");
            let has = match self {
                Self::DropLetter => text(item, "state") == "accepted",
                Self::BlindStep => text(item, "state") == "running" && rebooted.iter().any(|id| body.contains(id)),
            };
            has && !text(item, "held").is_empty()
        };
        found.items().iter().find(fits).cloned()
    }
}

fn text(item: &HashMap<String, AttributeValue>, name: &str) -> String {
    item.get(name).and_then(|value| value.as_s().ok()).cloned().unwrap_or_default()
}

/// The body without its plan and steps.
fn forget(body: &str) -> String {
    let mut body: serde_json::Value = serde_json::from_str(body).expect("JSON");
    body["steps"] = json!([]);
    body["plan"] = serde_json::Value::Null;
    body.to_string()
}
