//! What goes wrong, at random: processes, actors, threads, links, envelopes, the store, the disk, the clock, AWS, Slack. All of
//! it from outside, but for the drills, which the bot does to itself when it is told to.

use crate::ends::Ends;
use crate::service::{Service, newest_link};
use crate::support::{Bot, Exit, Eye, NEVER, Shim, Trouble, World};
use fastrand::Rng;
use nix::sys::signal::Signal;
use serde_json::{Value, json};
use std::cell::Cell;
use std::collections::{BTreeMap, HashSet};
use std::ops::Range;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};
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
    ("store down for longer than a lease", 1, SHARED),
    ("store locked", 3, FILE),
    ("disk full", 4, FILE),
    ("disk broken", 3, FILE),
    ("disk hangs", 2, FILE),
    ("log stalled", 4, BOTH),
    ("clock jumps", 7, BOTH),
    ("aws throttles, fails, or loses a call", 11, BOTH),
    ("slack fails or loses an answer", 12, BOTH),
];

/// How long a table fails at most that was told to fail some calls. Without an end to it troubles gather while nobody calls: bots
/// that cannot open their store ask for it less and less often, and meet what was meant for calls of long ago, for ever.
const BROKEN: Duration = Duration::from_secs(2);

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
    /// For how long a silent replica is taken to be alive.
    lease: Duration,
    /// Between two faults, in milliseconds.
    apart: Range<u64>,
    rng: Rng,
    kinds: Vec<Kind>,
    done: BTreeMap<&'static str, usize>,
    /// How long whoever was hit did not serve.
    pub service: Service,
    /// Whether what is finished leaves the store within the run.
    pub is_forgetful: bool,
    /// The events that came twice.
    doubled: HashSet<String>,
    /// How bots ended.
    pub ends: Ends,
}

/// So old an envelope may be that comes again, where what is finished is soon forgotten.
const YOUNG: Duration = Duration::from_secs(5);

/// A process that was started is there by then.
const THERE: Duration = Duration::from_secs(10);

async fn pause(millis: u64) {
    tokio::time::sleep(Duration::from_millis(millis)).await;
}

impl Saboteur {
    #[expect(clippy::disallowed_methods, reason = "what to leave out is told by the environment")]
    pub fn new(store: Store, lease: Duration, seed: u64, apart: Range<u64>) -> Self {
        let without = std::env::var("DRONEBOT_CHAOS_WITHOUT").unwrap_or_default();
        let is_wanted = |kind: &&Kind| kind.2.contains(&store) && !without.split(',').any(|name| name == kind.0);
        Self {
            store,
            lease,
            apart,
            rng: Rng::with_seed(seed ^ 0x5EED),
            kinds: KINDS.iter().filter(is_wanted).copied().collect(),
            done: BTreeMap::new(),
            service: Service::default(),
            is_forgetful: false,
            doubled: HashSet::new(),
            ends: Ends::default(),
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
            self.service.replicas(eyes(world));
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
            ("log stalled" | "disk hangs" | "store down for longer than a lease", _) => self.lasting(world, kind),
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
            let pid = bot.pid();
            let (kind, since) = self.ends.account(pid, exit);
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
                let mut bot = Self::take(world, index);
                // a process that has not come to its first line hears no signal
                while since.elapsed() < THERE && bot.ended().is_none() && bot.probe("/livez").await.is_none() {
                    pause(20).await;
                }
                let pid = bot.pid();
                let exit = bot.terminate().await;
                if exit != Exit::Code(0) {
                    // it may have given up, or have been found stuck, just before it was told
                    self.ends.account(pid, exit);
                }
            }
            _ => {
                let bot = bot(world, index);
                bot.signal(Signal::SIGSTOP);
                let lease = u64::try_from(self.lease.as_millis()).expect("millis");
                pause(self.rng.u64(lease / 2..lease * 2)).await;
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
        self.ends.expect(bot.pid(), kind, since);
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
            "stick" => self.ends.expect(bot.pid(), kind, since),
            _ => {
                self.ends.drilled(bot.pid());
                self.service.until_restarted(kind, since, bot.eye(), actor, before);
            }
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
        let young: Vec<&Value> = acks.iter().filter(|ack| self.may_double(ack)).collect();
        let Some(ack) = self.rng.choice(&young) else { return false };
        self.doubled.extend(ack["event_id"].as_str().map(str::to_owned));
        let identical = self.rng.bool();
        let again = json!({"envelope_id": ack["envelope_id"], "identical": identical});
        world.slack.try_post("redeliver", again).await.is_some_and(|answer| answer["ok"] == true)
    }

    /// Whether an envelope may come again. Of a long run in a table one of just now, and once: Slack's own tries of it take more
    /// than a minute, and what is finished is forgotten there after a minute and a half (`forget.rs`) in place of days.
    fn may_double(&self, ack: &Value) -> bool {
        if !self.is_forgetful {
            return true;
        }
        let at = ack["time"].as_str().and_then(|time| time.parse().ok()).map(Duration::from_secs_f64);
        let is_young = at.is_some_and(|at| (UNIX_EPOCH + at).elapsed().is_ok_and(|age| age < YOUNG));
        is_young && ack["event_id"].as_str().is_none_or(|event| !self.doubled.contains(event))
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

    /// What goes on for a while beside other faults.
    fn lasting(&mut self, world: &mut World, kind: &'static str) {
        self.service.while_unready(kind, Instant::now(), eyes(world));
        if kind == "store down for longer than a lease" {
            let time = self.lease + Duration::from_millis(self.rng.u64(500..3_000));
            world.table.set_down(true);
            let table = Arc::clone(&world.table);
            return after(time, move || table.set_down(false));
        }
        let index = self.some(world);
        let machine = Rc::clone(bot(world, index).machine());
        let time = Duration::from_millis(self.rng.u64(1_000..7_000));
        match kind {
            "disk hangs" => {
                machine.hang_disk();
                after(time, move || machine.release_disk());
            }
            _ => {
                machine.stall_log();
                after(time, move || machine.read_log());
            }
        }
    }

    async fn table(&mut self, world: &World, kind: &'static str) {
        let some = self.rng.u32(1..6);
        let action = ["PutItem", "GetItem", "Query"][self.rng.usize(..3)];
        self.service.while_unready(kind, Instant::now(), eyes(world));
        match kind {
            "store slow" => {
                let delay = Duration::from_millis(self.rng.u64(200..1_500));
                world.table.break_for(BROKEN, "PutItem", Trouble::Delay(delay), some);
            }
            "store loses answers" => world.table.break_for(BROKEN, "PutItem", Trouble::LoseAnswer, some),
            "store fails" => {
                let fails = Trouble::Error("InternalServerError", 500);
                world.table.break_for(BROKEN, action, fails, some * 2);
            }
            "store full" => {
                let full = Trouble::Error("ProvisionedThroughputExceededException", 400);
                world.table.break_for(BROKEN, action, full, some * 2);
            }
            _ => {
                world.table.set_down(true);
                pause(self.rng.u64(300..2_500)).await;
                world.table.set_down(false);
            }
        }
    }

    fn aws(&mut self, world: &World) {
        let actions = [
            "DescribeInstances",
            "DescribeInstances",
            "RebootInstances",
            "StopInstances",
            "DryRun:StopInstances",
            "UpdateService",
            "DescribeServices",
        ];
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
        let methods = [
            "chat.postMessage",
            "chat.postMessage",
            "chat.update",
            "chat.postEphemeral",
            "response_url",
            "views.open",
            "files.completeUploadExternal",
            "users.info",
        ];
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

/// Does something later, whatever else goes on meanwhile.
#[expect(clippy::disallowed_methods, reason = "the end of a fault of the test")]
fn after(time: Duration, end: impl FnOnce() + 'static) {
    actix_web::rt::spawn(async move {
        tokio::time::sleep(time).await;
        end();
    });
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
