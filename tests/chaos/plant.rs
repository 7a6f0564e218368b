//! Bugs as the bot might have them, done to its table, or between it and Slack: the counting must find each.

use crate::load::Mix;
use crate::support::{HOME, NEVER, Trouble, World, fleet};
use crate::thief;
use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::json;
use std::cell::Cell;
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
    /// An answer is posted a second time.
    SecondPost,
    /// What was not done is told as done.
    Lie,
    /// An answer for one person alone is taken for delivered and shown to nobody.
    LostWhisper,
    /// Commands are acknowledged before they are in the journal, by a process that dies then.
    AckBeforeJournal,
}

/// What Slack says to a whisper that it shows.
const SHOWN: &str = r#"{"ok":true,"message_ts":"1790000000.000100"}"#;

impl Plant {
    /// By its name in the environment.
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "drop_letter" => Some(Self::DropLetter),
            "blind_step" => Some(Self::BlindStep),
            "second_post" => Some(Self::SecondPost),
            "lie" => Some(Self::Lie),
            "lost_whisper" => Some(Self::LostWhisper),
            "ack_before_journal" => Some(Self::AckBeforeJournal),
            _ => None,
        }
    }

    /// The commands among which there are some to which it can be done.
    pub fn mix(self) -> Mix {
        match self {
            Self::DropLetter => Mix::Shows,
            Self::BlindStep | Self::Lie => Mix::Reboots,
            Self::SecondPost | Self::AckBeforeJournal => Mix::Pings,
            Self::LostWhisper => Mix::Refused,
        }
    }

    /// So many commands are asked for while it is done.
    pub fn commands(self) -> usize {
        match self {
            // Slack gives each delivery to one of its links at random: of twelve, one run in ten had none for the thief
            Self::AckBeforeJournal => 80,
            _ => 12,
        }
    }

    /// What has to be there before the first command.
    pub fn prepare(self, world: &World) {
        let slack = world.web_api.as_ref().expect("a proxy before Slack");
        match self {
            // AWS takes its time, so that there is work in every hand
            Self::DropLetter => {
                world.aws.break_next("DescribeInstances", Trouble::Delay(Duration::from_secs(2)), u32::MAX);
            }
            Self::BlindStep => world.aws.break_next("RebootInstances", Trouble::LoseAnswer, u32::MAX),
            Self::SecondPost => slack.break_next("chat.postMessage", Trouble::Twice, 1),
            Self::LostWhisper => slack.break_next("chat.postEphemeral", Trouble::Pretend(SHOWN), 1),
            Self::Lie => {
                let refused = Trouble::Error("UnauthorizedOperation", 403);
                world.aws.break_next("RebootInstances", refused.clone(), u32::MAX);
                world.aws.break_next("DryRun:RebootInstances", refused, u32::MAX);
                for method in ["chat.postMessage", "chat.update"] {
                    slack.break_next(method, Trouble::Reword("❌", "✅"), u32::MAX);
                }
            }
            Self::AckBeforeJournal => {}
        }
    }

    /// Does it while there are commands.
    pub async fn work(self, world: &mut World, over: &Cell<bool>) {
        match self {
            Self::DropLetter | Self::BlindStep => self.rewrite(world).await,
            Self::AckBeforeJournal => thief::steal(&world.slack.url, over).await,
            Self::SecondPost | Self::Lie | Self::LostWhisper => {}
        }
    }

    /// Waits for a command to which it can be done, does it to its row, and kills whoever may know better.
    async fn rewrite(self, world: &mut World) {
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
            _ => {
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
                _ => text(item, "state") == "running" && rebooted.iter().any(|id| body.contains(id)),
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
