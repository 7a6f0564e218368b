//! What a `ping` costs a bot with a file of its own.

use crate::body::Body;
use crate::bounds::{self, Counted};
use crate::shim::Shim;
use crate::support::{Door, Folder, Line, Slack, channel, look_late, person, run, unpaced};
use crate::wal::Wal;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Commands before those that count: by then everybody is known, and what grows once has grown.
const WARM: usize = 600;

/// Commands that are counted together, one at a time, and how often.
const FEW: usize = 20;
const SERIES: usize = 5;

/// Commands that come at once, and how often they are counted.
const BURST: usize = 50;
const BURSTS: usize = 3;

/// How long a sync of the store takes where commands come at once: longer than everything else that the bot does for all of
/// them, on any machine, so that what shares a transaction does not depend on how fast it is.
const SYNC: Duration = Duration::from_millis(250);

/// After an answer, until the store has noted that Slack has it.
const SETTLED: Duration = Duration::from_millis(30);

/// How long it is counted what the bot does while nobody asks for anything.
const REST: Duration = Duration::from_secs(3);

/// The store's log begins anew now and then, and what was counted meanwhile is not whole. It is counted again, so often.
const AGAIN: usize = 10;

/// Whether the next commands come by mention.
static BY_MENTION: AtomicBool = AtomicBool::new(false);

fn line(number: usize) -> Line {
    let door = if BY_MENTION.load(Ordering::Relaxed) { Door::Mention } else { Door::Slash };
    Line { door, user: person(number % 200), channel: channel(number % 2_003), text: "ping" }
}

/// What was counted at one moment, or between two.
#[derive(Clone, Debug, Default)]
struct Snapshot {
    allocations: f64,
    allocated: f64,
    lines: f64,
    said: f64,
    wal: Wal,
    commits: f64,
    pages: f64,
    written: f64,
    calls: BTreeMap<String, usize>,
}

impl Snapshot {
    fn add(&mut self, other: Self, part: f64) {
        self.allocations += other.allocations * part;
        self.allocated += other.allocated * part;
        self.lines += other.lines * part;
        self.said += other.said * part;
        self.commits += other.commits * part;
        self.pages += other.pages * part;
        self.written += other.written * part;
        for (call, times) in other.calls {
            *self.calls.entry(call).or_default() += times;
        }
    }
}

struct Place {
    slack: actix_web::web::Data<Slack>,
    folder: Folder,
    body: Body,
    /// What the bot allocates in a second while it has nothing to do.
    idle: (f64, f64),
}

impl Place {
    fn snapshot(&mut self) -> Snapshot {
        let (allocations, allocated) = self.body.allocated();
        Snapshot {
            allocations: allocations as f64,
            allocated: allocated as f64,
            lines: self.body.bot.said.lines() as f64,
            said: self.body.bot.said.bytes() as f64,
            wal: Wal::read(&self.folder.store_log()),
            calls: self.slack.book().calls(),
            ..Snapshot::default()
        }
    }

    /// What happens meanwhile, without what would happen anyway.
    fn during(&mut self, act: impl Fn(&Slack)) -> Option<Snapshot> {
        let (before, begun) = (self.snapshot(), Instant::now());
        act(&self.slack);
        let (after, took) = (self.snapshot(), begun.elapsed().as_secs_f64());
        let wal = after.wal.since(&before.wal)?;
        let calls = after.calls.into_iter().map(|(name, calls)| {
            let had = before.calls.get(&name).copied().unwrap_or_default();
            (name, calls - had)
        });
        Some(Snapshot {
            allocations: after.allocations - before.allocations - self.idle.0 * took,
            allocated: after.allocated - before.allocated - self.idle.1 * took,
            lines: after.lines - before.lines,
            said: after.said - before.said,
            wal,
            commits: wal.commits as f64,
            pages: wal.pages as f64,
            written: wal.bytes as f64,
            calls: calls.filter(|(_, calls)| *calls > 0).collect(),
        })
    }

    /// The mean of so many times that were seen as a whole.
    fn counted(&mut self, times: usize, act: impl Fn(&Slack)) -> Snapshot {
        let mut all = Snapshot::default();
        let mut left = times;
        for _ in 0..times + AGAIN {
            // one that is not counted: the log may begin anew with it
            run(&self.slack, 1, 1);
            std::thread::sleep(SETTLED);
            if let Some(found) = self.during(&act) {
                all.add(found, 1.0 / times as f64);
                left -= 1;
            }
            if left == 0 {
                return all;
            }
        }
        panic!("the store's log begins anew all the time");
    }
}

/// One at a time, each when nothing is left to do for the one before.
fn one_by_one(slack: &Slack) {
    for _ in 0..FEW {
        run(slack, 1, 1);
        std::thread::sleep(SETTLED);
    }
}

/// All at once, and then nothing until all are done.
fn at_once(slack: &Slack) {
    run(slack, BURST, BURST);
    std::thread::sleep(3 * SYNC);
}

#[test]
fn a_command_costs_no_more_than_it_did() {
    let folder = Folder::new("counts");
    let machine = Shim::new(folder.path());
    let (slack, ups) = Slack::serve(line, |_| ());
    let shim = machine.env().map(|(key, value)| (key, value.display().to_string()));
    // the log begins anew as seldom as may be
    let settings = [("DRONEBOT__STORE__LOG_MIB", "64".to_owned())];
    let env: Vec<_> = unpaced().into_iter().chain(shim).chain(settings).collect();
    let body = Body::start(slack.base(), &folder, &env);
    for _ in 0..2 {
        ups.recv_timeout(Duration::from_secs(60)).expect("the bot connects twice");
    }
    let mut place = Place { slack, folder, body, idle: (0.0, 0.0) };
    run(&place.slack, WARM, BURST);
    BY_MENTION.store(true, Ordering::Relaxed);
    run(&place.slack, WARM, BURST);
    let rest = place.counted(1, |_| std::thread::sleep(REST));
    place.idle = (rest.allocations / REST.as_secs_f64(), rest.allocated / REST.as_secs_f64());

    let mut counts =
        vec![Counted::of(&bounds::IDLE_ALLOCATIONS, place.idle.0), Counted::of(&bounds::IDLE_COMMITS, rest.commits)];
    for (by_mention, bounds, call) in
        [(false, &bounds::SLASH, "response_url"), (true, &bounds::MENTION, "chat.postMessage")]
    {
        BY_MENTION.store(by_mention, Ordering::Relaxed);
        let found = place.counted(SERIES, one_by_one);
        assert_eq!(found.calls.keys().collect::<Vec<_>>(), [call], "what Slack is asked for a command");
        let each = |value: f64| value / FEW as f64;
        counts.extend(bounds.counted(&[
            each(found.commits),
            each(found.pages),
            each(found.written),
            each(found.allocations),
            each(found.allocated),
            each(found.lines),
            each(found.said),
            found.calls.values().sum::<usize>() as f64 / (FEW * SERIES) as f64,
        ]));
    }
    BY_MENTION.store(false, Ordering::Relaxed);
    machine.slow_disk(SYNC);
    let found = place.counted(BURSTS, at_once);
    machine.mend();
    let each = |value: f64| value / BURST as f64;
    counts.extend(bounds::AT_ONCE.counted(&[
        found.commits,
        each(found.pages),
        each(found.allocations),
        each(found.allocated),
    ]));
    look_late(&place.slack, 0);
    bounds::print("what a ping costs", &counts);
    assert!(place.body.bot.stop().success(), "the bot ends well");
    bounds::check(&counts);
}
