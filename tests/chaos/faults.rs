//! What goes wrong, at random, all from outside: processes, links, envelopes, the store, AWS, Slack.

use crate::support::{Bot, HOME, Trouble, World, fleet};
use aws_sdk_dynamodb::types::AttributeValue;
use fastrand::Rng;
use nix::sys::signal::Signal;
use serde_json::json;
use std::cell::Cell;
use std::collections::BTreeMap;
use std::time::Duration;

/// One fault, and when it was (the sandbox's clock is this machine's).
pub struct Fault {
    pub what: &'static str,
    pub at: f64,
}

pub struct Saboteur {
    rng: Rng,
    plant: Option<String>,
    pub planted: bool,
    pub faults: Vec<Fault>,
}

/// What is done, and how often among a hundred.
const KINDS: [(&str, u32); 13] = [
    ("kill -9", 7),
    ("replaced (SIGTERM)", 2),
    ("asleep for longer than a lease", 2),
    ("link half open", 8),
    ("link reset", 8),
    ("link refreshed", 8),
    ("envelope doubled", 15),
    ("store slow", 8),
    ("store loses answers", 8),
    ("store fails", 8),
    ("store down", 3),
    ("aws throttles, fails, or loses a call", 11),
    ("slack fails or loses an answer", 12),
];

#[expect(clippy::disallowed_methods, reason = "the test's own clock")]
pub fn now() -> f64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970").as_secs_f64()
}

async fn pause(millis: u64) {
    tokio::time::sleep(Duration::from_millis(millis)).await;
}

impl Saboteur {
    pub fn new(seed: u64, plant: Option<&str>) -> Self {
        let rng = Rng::with_seed(seed ^ 0x5EED);
        Self { rng, plant: plant.map(str::to_owned), planted: false, faults: Vec::new() }
    }

    /// How often each kind was done.
    pub fn kinds(&self) -> BTreeMap<&'static str, usize> {
        let mut kinds = BTreeMap::new();
        for fault in &self.faults {
            *kinds.entry(fault.what).or_default() += 1;
        }
        kinds
    }

    /// Breaks things until the load is over.
    pub async fn work(&mut self, world: &mut World, over: &Cell<bool>) {
        if self.plant.is_some() {
            return self.plant(world, over).await;
        }
        while !over.get() {
            let kind = self.kind();
            self.faults.push(Fault { what: kind, at: now() });
            self.one(world, kind).await;
            pause(self.rng.u64(20..250)).await;
        }
    }

    fn kind(&mut self) -> &'static str {
        let all: u32 = KINDS.iter().map(|(_, weight)| *weight).sum();
        let mut left = self.rng.u32(..all);
        for (kind, weight) in KINDS {
            if left < weight {
                return kind;
            }
            left -= weight;
        }
        KINDS[0].0
    }

    async fn one(&mut self, world: &mut World, kind: &'static str) {
        let some = self.rng.u32(1..6);
        match kind {
            "kill -9" => {
                self.take(world).kill();
                pause(self.rng.u64(..1_500)).await;
                self.give_back(world).await;
            }
            "replaced (SIGTERM)" => {
                self.take(world).terminate().await;
                self.give_back(world).await;
            }
            "asleep for longer than a lease" => {
                let index = self.rng.usize(..world.others.len());
                world.others[index].signal(Signal::SIGSTOP);
                pause(self.rng.u64(1_000..4_500)).await;
                world.others[index].signal(Signal::SIGCONT);
            }
            "link half open" | "link reset" | "link refreshed" => {
                let links = world.slack.links().await;
                if links.is_empty() {
                    return;
                }
                let link = links[self.rng.usize(..links.len())];
                let fault = match kind {
                    "link half open" => json!({"socket": "half_open", "connection": link}),
                    "link reset" => json!({"socket": "reset", "connection": link}),
                    _ => {
                        json!({"socket": "disconnect", "reason": "refresh_requested", "connection": link, "close_after_ms": 500})
                    }
                };
                let _ = world.slack.try_post("fault", fault).await;
            }
            "envelope doubled" => {
                let (_, acks) = world.slack.get("acks", &[("limit", "30")]).await;
                let acks = acks["acks"].as_array().cloned().unwrap_or_default();
                if let Some(ack) = self.rng.choice(&acks) {
                    let identical = self.rng.bool();
                    let again = json!({"envelope_id": ack["envelope_id"], "identical": identical});
                    let _ = world.slack.try_post("redeliver", again).await;
                }
            }
            "store slow" => {
                let delay = Duration::from_millis(self.rng.u64(200..1_500));
                world.table.break_next("PutItem", Trouble::Delay(delay), some);
            }
            "store loses answers" => world.table.break_next("PutItem", Trouble::LoseAnswer, some),
            "store fails" => {
                let action = ["PutItem", "GetItem", "Query"][self.rng.usize(..3)];
                world.table.break_next(action, Trouble::Error("InternalServerError", 500), some * 2);
            }
            "store down" => {
                world.table.set_down(true);
                pause(self.rng.u64(300..2_500)).await;
                world.table.set_down(false);
            }
            "aws throttles, fails, or loses a call" => {
                let actions = ["DescribeInstances", "RebootInstances", "StopInstances", "DryRun:StopInstances"];
                let trouble = match self.rng.u32(..5) {
                    0 => Trouble::Error("RequestLimitExceeded", 503),
                    1 => Trouble::Error("InternalError", 500),
                    2 => Trouble::Delay(Duration::from_millis(1_500)),
                    3 => Trouble::LoseAnswer,
                    _ => Trouble::Swallow,
                };
                world.aws.break_next(actions[self.rng.usize(..actions.len())], trouble, some.min(2));
            }
            _ => {
                let how = match self.rng.u32(..4) {
                    0 => json!({"after_effect": true}),
                    1 => json!({"status": 503}),
                    2 => json!({"retry_after": 1}),
                    _ => json!({"hang_ms": 800}),
                };
                let methods = ["chat.postMessage", "chat.postMessage", "chat.update", "users.info"];
                let mut fault = json!({"method": methods[self.rng.usize(..methods.len())], "times": 1});
                fault.as_object_mut().expect("a fault").extend(how.as_object().expect("how").clone());
                let _ = world.slack.try_post("fault", json!({"api": fault})).await;
            }
        }
    }

    /// Any of the replicas; the other one is the world's own from then on.
    fn take(&mut self, world: &mut World) -> Bot {
        let other = world.others.pop().expect("another replica");
        if self.rng.bool() { other } else { world.bot.replace(other).expect("a bot") }
    }

    /// A new replica in place of the one that was taken. It may take long to be ready: the store may be down.
    async fn give_back(&mut self, world: &mut World) {
        world.one_more_unready();
        pause(200).await;
    }

    /// No more faults; everybody alive.
    pub async fn heal(&mut self, world: &mut World) {
        world.table.set_down(false);
        world.table.clear();
        world.aws.clear();
        world.slack.heal().await;
        world.bot().ready().await;
        for other in &mut world.others {
            other.ready().await;
        }
    }

    /// A bug as the bot might have it: done to the table, when a replica with work has just died.
    async fn plant(&mut self, world: &mut World, over: &Cell<bool>) {
        let plant = self.plant.clone().unwrap_or_default();
        // instances take their time, so that there is work in every hand
        world.aws.set_lag(Duration::from_secs(20));
        while !over.get() || !self.planted {
            pause(50).await;
            let client = fleet::table_client(&world.table_url, HOME).await;
            let Ok(found) = client.scan().table_name("dronebot").send().await else { continue };
            for item in found.items() {
                let text = |name: &str| item.get(name).and_then(|value| value.as_s().ok()).cloned().unwrap_or_default();
                let body = text("body");
                let is_changing = body.contains("StopInstances") || body.contains("RebootInstances");
                let fits = match plant.as_str() {
                    // one whose answer is sure not to have been given before everybody dies
                    "drop_letter" => text("state") == "running" && is_changing,
                    _ => text("state") == "running" && is_changing && body.contains(r#""state":"done""#),
                };
                if self.planted || text("held").is_empty() || !fits {
                    continue;
                }
                self.planted = true;
                self.faults.push(Fault { what: "planted", at: now() });
                let mut item = item.clone();
                if plant == "drop_letter" {
                    // as if its row had been dropped: nobody looks for it any more
                    item.remove("held");
                    item.insert("state".into(), AttributeValue::S("succeeded".into()));
                } else {
                    // as if a begun step were forgotten: whoever takes it up makes the call again
                    item.insert("state".into(), AttributeValue::S("accepted".into()));
                    item.insert("body".into(), AttributeValue::S(forget(&body)));
                }
                item.insert("version".into(), AttributeValue::N("1000000".into()));
                let _ = client.put_item().table_name("dronebot").set_item(Some(item)).send().await;
                // whoever had it must not go on with what it knows
                let other = world.others.pop().expect("another replica");
                let one = world.bot.replace(other).expect("a bot");
                one.kill();
                world.bot.take().expect("a bot").kill();
                world.aws.set_lag(Duration::ZERO);
                world.aws.arrive();
                world.start_bot();
                world.one_more_unready();
                break;
            }
        }
    }
}

/// The body without its plan and steps.
fn forget(body: &str) -> String {
    let mut body: serde_json::Value = serde_json::from_str(body).expect("JSON");
    body["steps"] = json!([]);
    body["plan"] = serde_json::Value::Null;
    body.to_string()
}
