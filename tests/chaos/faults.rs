//! What goes wrong, at random: processes, actors, threads, links, envelopes, the store, the disk, the clock, AWS, Slack. All of
//! it from outside, but for the drills, which the bot does to itself when it is told to.

use crate::service::{Service, newest_link};
use crate::support::{Bot, Exit, Eye, NEVER, Shim, Trouble, World};
use fastrand::Rng;
use nix::sys::signal::Signal;
use serde_json::{Value, json};
use std::cell::Cell;
use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::rc::Rc;
use std::time::Duration;
use tokio::time::Instant;

/// Where the requests are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Store {
    /// In a table that two replicas share.
    Shared,
    /// In a file of the one bot's.
    File,
}

/// A kind of fault, how often it is done among all, and on which stores.
type Kind = (&'static str, u32, &'static [Store]);

const BOTH: &[Store] = &[Store::Shared, Store::File];
const SHARED: &[Store] = &[Store::Shared];
const FILE: &[Store] = &[Store::File];

const KINDS: &[Kind] = &[
    ("kill -9", 6, BOTH),
    ("replaced (SIGTERM)", 2, BOTH),
    ("asleep for longer than a lease", 2, SHARED),
    ("actor panics", 7, BOTH),
    ("actor hangs", 3, BOTH),
    ("thread sticks", 3, BOTH),
    ("link half open", 7, BOTH),
    ("link reset", 7, BOTH),
    ("link refreshed", 7, BOTH),
    ("envelope doubled", 14, BOTH),
    ("store slow", 7, BOTH),
    ("store loses answers", 6, SHARED),
    ("store fails", 6, SHARED),
    ("store full", 5, SHARED),
    ("store down", 3, SHARED),
    ("store locked", 3, FILE),
    ("disk full", 4, FILE),
    ("disk broken", 3, FILE),
    ("clock jumps", 7, BOTH),
    ("aws throttles, fails, or loses a call", 11, BOTH),
    ("slack fails or loses an answer", 12, BOTH),
];

/// How far a clock is set, in seconds.
const JUMPS: [i64; 11] = [-7_200, -900, -60, -5, 0, 5, 60, 900, 7_200, 93_600, 0];

const ACTORS: [&str; 11] = [
    "health-reporter",
    "lease-keeper",
    "courier",
    "courier",
    "aws-worker-0",
    "aws-worker-1",
    "dispatcher",
    "dispatcher",
    "home",
    "slack-0",
    "slack-1",
];

/// Breaks things, and starts again what has ended: the bot's own way out of what it cannot mend.
pub struct Saboteur {
    store: Store,
    /// Between two faults, in milliseconds.
    apart: Range<u64>,
    rng: Rng,
    kinds: Vec<Kind>,
    done: BTreeMap<&'static str, usize>,
    /// How long whoever was hit did not serve.
    pub service: Service,
    /// Ends of bots that nothing accounts for.
    pub misses: Vec<String>,
    /// Bots that will end by themselves, by process: why, and since when they serve nobody.
    ending: HashMap<u32, (&'static str, Instant)>,
}

async fn pause(millis: u64) {
    tokio::time::sleep(Duration::from_millis(millis)).await;
}

impl Saboteur {
    #[expect(clippy::disallowed_methods, reason = "what to leave out is told by the environment")]
    pub fn new(store: Store, seed: u64, apart: Range<u64>) -> Self {
        let without = std::env::var("DRONEBOT_CHAOS_WITHOUT").unwrap_or_default();
        let is_wanted = |kind: &&Kind| kind.2.contains(&store) && !without.split(',').any(|name| name == kind.0);
        Self {
            store,
            apart,
            rng: Rng::with_seed(seed ^ 0x5EED),
            kinds: KINDS.iter().filter(is_wanted).copied().collect(),
            done: BTreeMap::new(),
            service: Service::default(),
            misses: Vec::new(),
            ending: HashMap::new(),
        }
    }

    /// How often each kind was done.
    pub fn done(&self) -> &BTreeMap<&'static str, usize> {
        &self.done
    }

    /// Breaks things until the load is over.
    pub async fn work(&mut self, world: &mut World, over: &Cell<bool>) {
        while !over.get() {
            self.revive(world);
            let kind = self.kind();
            if self.one(world, kind).await {
                *self.done.entry(kind).or_default() += 1;
            }
            pause(self.rng.u64(self.apart.clone())).await;
        }
    }

    fn kind(&mut self) -> &'static str {
        let all: u32 = self.kinds.iter().map(|(_, weight, _)| *weight).sum();
        let mut left = self.rng.u32(..all);
        for (kind, weight, _) in &self.kinds {
            if left < *weight {
                return kind;
            }
            left -= weight;
        }
        unreachable!("the weights were summed up")
    }

    /// Does one thing; returns whether there was something to do it to.
    async fn one(&mut self, world: &mut World, kind: &'static str) -> bool {
        match (kind, self.store) {
            ("kill -9" | "replaced (SIGTERM)" | "asleep for longer than a lease", _) => self.process(world, kind).await,
            ("store locked", _) => self.lock(world, kind).await,
            ("actor panics" | "actor hangs" | "thread sticks", _) => return self.drill(world, kind).await,
            ("link half open" | "link reset" | "link refreshed", _) => return self.link(world, kind).await,
            ("envelope doubled", _) => return self.double(world).await,
            ("clock jumps", _) => self.clock(world, kind),
            ("aws throttles, fails, or loses a call", _) => self.aws(world),
            ("slack fails or loses an answer", _) => self.slack(world).await,
            (_, Store::Shared) => self.table(world, kind).await,
            (_, Store::File) => self.disk(world, kind).await,
        }
        true
    }

    fn jump(&mut self) -> i64 {
        JUMPS[self.rng.usize(..JUMPS.len())]
    }

    /// Any of the bots, from 0.
    fn some(&mut self, world: &World) -> usize {
        self.rng.usize(..1 + world.others.len())
    }

    /// Takes a bot out of the world; its place is free for another one.
    fn take(world: &mut World, index: usize) -> Bot {
        match index.checked_sub(1) {
            Some(other) => world.others.remove(other),
            None => {
                let bot = world.bot.take().expect("a bot");
                // the world's own is any of those that are left
                world.bot = world.others.pop();
                bot
            }
        }
    }

    /// A new bot in place of the one that was taken. It may take long to be ready: the store may be down.
    fn give_back<'a>(&mut self, world: &'a mut World) -> &'a Bot {
        let is_wrong = self.kinds.iter().any(|kind| kind.0 == "clock jumps") && self.rng.u32(..4) == 0;
        if is_wrong {
            // its machine has never had the right time
            let jump = self.jump();
            world.next_machine().set_clock(jump);
        }
        if world.bot.is_none() {
            world.start_bot();
            return world.bot();
        }
        world.one_more_unready();
        world.others.last().expect("one more")
    }

    /// Starts again what has ended because it could not mend itself.
    pub fn revive(&mut self, world: &mut World) {
        let mut index = 0;
        while index < 1 + world.others.len() {
            let bot = bot(world, index);
            let Some(exit) = bot.ended() else {
                index += 1;
                continue;
            };
            let expected = self.ending.remove(&bot.pid());
            let was_locked = matches!(expected, Some(("store locked", _)));
            let (kind, since) = match exit {
                Exit::Code(73) => expected.unwrap_or(("found stuck (73)", Instant::now())),
                Exit::Code(70) => ("gave up on restarts (70)", Instant::now()),
                Exit::Code(78) if was_locked => expected.expect("it was"),
                other => {
                    self.misses.push(format!("a bot ended with {other:?}; its log is the one of the run"));
                    ("ended otherwise", Instant::now())
                }
            };
            drop(Self::take(world, index));
            let eye = self.give_back(world).eye();
            self.service.until_ready(kind, since, eye);
        }
    }

    async fn process(&mut self, world: &mut World, kind: &'static str) {
        let since = Instant::now();
        let index = self.some(world);
        match kind {
            "kill -9" => {
                Self::take(world, index).kill();
                pause(self.rng.u64(..1_500)).await;
            }
            "replaced (SIGTERM)" => {
                let exit = Self::take(world, index).terminate().await;
                // it may have given up, or have been found stuck, just before it was told; or have heard no signals yet
                if !matches!(exit, Exit::Code(0 | 70 | 73) | Exit::Signal(15)) {
                    self.misses.push(format!("a bot that was told to end ended with {exit:?}"));
                }
            }
            _ => {
                let bot = bot(world, index);
                bot.signal(Signal::SIGSTOP);
                pause(self.rng.u64(1_500..6_000)).await;
                bot.signal(Signal::SIGCONT);
                return self.service.until_ready(kind, since, bot.eye());
            }
        }
        let eye = self.give_back(world).eye();
        self.service.until_ready(kind, since, eye);
    }

    /// Whoever opens the file now finds it locked. A bot waits a second for that to change, then it ends.
    async fn lock(&mut self, world: &mut World, kind: &'static str) {
        let since = Instant::now();
        Self::take(world, 0).kill();
        let machine = Rc::clone(world.next_machine());
        machine.lock_store();
        let bot = self.give_back(world);
        self.ending.insert(bot.pid(), (kind, since));
        self.service.until_ready(kind, since, bot.eye());
        pause(self.rng.u64(300..2_500)).await;
        machine.mend();
    }

    async fn drill(&mut self, world: &mut World, kind: &'static str) -> bool {
        let index = self.some(world);
        let bot = bot(world, index);
        let actor = ACTORS[self.rng.usize(..ACTORS.len())];
        let label = format!("actor=\"{actor}\"");
        let Some(before) = bot.metric("dronebot_actor_restarts", &[&label]).await else { return false };
        let word = match kind {
            "actor panics" => "panic",
            "actor hangs" => "hang",
            _ => "stick",
        };
        let since = Instant::now();
        match bot.drill(actor, word).await {
            Some((202, _)) => {}
            // it is not up to that yet, or not any more
            _ => return false,
        }
        match word {
            "stick" => drop(self.ending.insert(bot.pid(), (kind, since))),
            _ => self.service.until_restarted(kind, since, bot.eye(), actor, before),
        }
        true
    }

    async fn link(&mut self, world: &World, kind: &'static str) -> bool {
        let (links, newest) = (world.slack.links().await, newest_link(&world.slack.url).await);
        let (Some(link), Some(newest)) = (self.rng.choice(&links), newest) else { return false };
        let fault = match kind {
            "link half open" => json!({"socket": "half_open", "connection": link}),
            "link reset" => json!({"socket": "reset", "connection": link}),
            _ => {
                json!({"socket": "disconnect", "reason": "refresh_requested", "connection": link, "close_after_ms": 500})
            }
        };
        let since = Instant::now();
        let done = world.slack.try_post("fault", fault).await.is_some_and(|answer| answer["ok"] == true);
        if done {
            self.service.until_linked(kind, since, &world.slack.url, newest);
        }
        done
    }

    async fn double(&mut self, world: &World) -> bool {
        let (_, acks) = world.slack.get("acks", &[("limit", "30")]).await;
        let acks: Vec<Value> = acks["acks"].as_array().cloned().unwrap_or_default();
        let Some(ack) = self.rng.choice(&acks) else { return false };
        let identical = self.rng.bool();
        let again = json!({"envelope_id": ack["envelope_id"], "identical": identical});
        world.slack.try_post("redeliver", again).await.is_some_and(|answer| answer["ok"] == true)
    }

    fn clock(&mut self, world: &mut World, kind: &'static str) {
        let index = self.some(world);
        let bot = bot(world, index);
        bot.machine().set_clock(self.jump());
        self.service.while_unready(kind, Instant::now(), vec![bot.eye()]);
    }

    async fn disk(&mut self, world: &mut World, kind: &'static str) {
        let since = Instant::now();
        let machine: Rc<Shim> = Rc::clone(world.bot().machine());
        match kind {
            "disk full" => machine.fill_disk(),
            "disk broken" => machine.break_disk(),
            _ => machine.slow_disk(Duration::from_millis(self.rng.u64(100..1_500))),
        }
        self.service.while_unready(kind, since, eyes(world));
        pause(self.rng.u64(300..2_500)).await;
        machine.mend();
    }

    async fn table(&mut self, world: &World, kind: &'static str) {
        let some = self.rng.u32(1..6);
        let action = ["PutItem", "GetItem", "Query"][self.rng.usize(..3)];
        self.service.while_unready(kind, Instant::now(), eyes(world));
        match kind {
            "store slow" => {
                let delay = Duration::from_millis(self.rng.u64(200..1_500));
                world.table.break_next("PutItem", Trouble::Delay(delay), some);
            }
            "store loses answers" => world.table.break_next("PutItem", Trouble::LoseAnswer, some),
            "store fails" => world.table.break_next(action, Trouble::Error("InternalServerError", 500), some * 2),
            "store full" => {
                let full = Trouble::Error("ProvisionedThroughputExceededException", 400);
                world.table.break_next(action, full, some * 2);
            }
            _ => {
                world.table.set_down(true);
                pause(self.rng.u64(300..2_500)).await;
                world.table.set_down(false);
            }
        }
    }

    fn aws(&mut self, world: &World) {
        let actions = ["DescribeInstances", "RebootInstances", "StopInstances", "DryRun:StopInstances"];
        let trouble = match self.rng.u32(..6) {
            0 => Trouble::Error("RequestLimitExceeded", 503),
            1 => Trouble::Error("InternalError", 500),
            2 => Trouble::Delay(Duration::from_millis(1_500)),
            3 => Trouble::Late(Duration::from_millis(500)),
            4 => Trouble::LoseAnswer,
            _ => Trouble::Swallow,
        };
        world.aws.break_next(actions[self.rng.usize(..actions.len())], trouble, self.rng.u32(1..3));
    }

    async fn slack(&mut self, world: &World) {
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

    /// No more faults; everybody alive, and the clocks right again.
    pub async fn heal(&mut self, world: &mut World) {
        world.table.set_down(false);
        world.table.clear();
        world.aws.clear();
        world.slack.heal().await;
        for bot in bots(world) {
            bot.machine().mend();
            bot.machine().set_clock(0);
        }
        let begun = Instant::now();
        loop {
            self.revive(world);
            let mut all = true;
            for eye in eyes(world) {
                all &= eye.is_ready().await;
            }
            if all {
                return;
            }
            assert!(begun.elapsed() < NEVER * 2, "not everybody is ready again; the log:\n{}", world.log());
            pause(100).await;
        }
    }
}

/// A bot by its number.
fn bot(world: &mut World, index: usize) -> &mut Bot {
    match index.checked_sub(1) {
        Some(other) => &mut world.others[other],
        None => world.bot(),
    }
}

fn bots(world: &World) -> impl Iterator<Item = &Bot> {
    world.bot.iter().chain(&world.others)
}

fn eyes(world: &World) -> Vec<Eye> {
    bots(world).map(Bot::eye).collect()
}
