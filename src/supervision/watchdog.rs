//! The one thread that notices when another is stuck.
//!
//! A blocking call or a deadlock inside a handler stops its whole thread: no timer, heartbeat or probe on that thread
//! can tell. Rust cannot kill a thread, so all that is left is to name it and to end the process. Each guard marks when
//! it is inside a poll, and a thread's own task counts as long as it turns; an OS thread reads both.

use std::{
    collections::HashMap,
    fmt, io,
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, AtomicU64, Ordering},
        mpsc,
    },
    thread,
    time::Duration,
};

use parking_lot::{Mutex, RwLock};

use super::{
    Task,
    breath::{self, Breath},
    panics, spawn_local_detached,
};

/// How often to look, and what is too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WatchdogSpec {
    /// The pause between two looks; also the precision.
    pub every: Duration,
    /// One poll of an actor, or one silence of a thread, may take so long.
    pub limit: Duration,
}

impl Default for WatchdogSpec {
    fn default() -> Self {
        WatchdogSpec { every: Duration::from_millis(50), limit: Duration::from_secs(10) }
    }
}

/// Who is stuck.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stuck {
    /// The actor inside whose poll the thread is, or the thread that does not turn.
    pub name: String,
    /// What the operating system calls the thread.
    pub thread: String,
    /// For how long it was seen so.
    pub held_for: Duration,
    /// Whether `name` is an actor; otherwise it is a thread that is stuck outside of any actor.
    pub in_actor: bool,
}

impl fmt::Display for Stuck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Stuck { name, thread, held_for, in_actor } = self;
        match in_actor {
            true => write!(f, "actor {name} has been inside one poll for {held_for:?} (thread {thread})"),
            false => write!(f, "thread {name} has not turned for {held_for:?} (thread {thread})"),
        }
    }
}

/// Whether the actors' threads turn; what liveness is to be fed from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// They do.
    Alive,
    /// One does not.
    Stuck(Stuck),
}

/// The mark of one actor or thread. For an actor it is odd inside a poll; for a thread it only has to move.
#[derive(Debug)]
pub(super) struct Pulse {
    name: String,
    in_actor: bool,
    count: AtomicU64,
    thread: Mutex<Thread>,
}

/// The thread on which a pulse beats.
#[derive(Debug, Default)]
struct Thread {
    name: String,
    number: String,
}

impl Pulse {
    fn new(name: &str, in_actor: bool) -> Arc<Self> {
        Arc::new(Pulse { name: name.to_owned(), in_actor, count: AtomicU64::new(0), thread: Mutex::default() })
    }

    /// Notes the thread on which it will beat.
    pub(super) fn settle(&self) {
        let thread = thread::current();
        let name = format!("{} {:?}", thread.name().unwrap_or("unnamed"), thread.id());
        *self.thread.lock() = Thread { name, number: breath::this_thread() };
    }

    /// A poll begins. There is one writer only, so load and store are enough.
    pub(super) fn enter(&self) {
        self.count.store(self.count.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed);
    }

    /// A poll has ended.
    pub(super) fn leave(&self) {
        self.enter();
    }

    /// There will be no more polls, also after a poll that ended in a panic.
    pub(super) fn rest(&self) {
        self.count.fetch_add(self.count.load(Ordering::Relaxed) & 1, Ordering::Relaxed);
    }

    fn may_be_stuck(&self, count: u64) -> bool {
        !self.in_actor || count & 1 == 1
    }
}

/// The marks of all actors of a tree, and of threads that asked for it; cheap to clone.
#[derive(Clone, Debug)]
pub struct Pulses {
    all: Arc<RwLock<Vec<Weak<Pulse>>>>,
    /// How often a thread beats, in milliseconds; a watchdog sets it by its own limit.
    beat_ms: Arc<AtomicU64>,
}

impl Default for Pulses {
    fn default() -> Self {
        Pulses { all: Arc::default(), beat_ms: Arc::new(AtomicU64::new(500)) }
    }
}

impl Pulses {
    pub(super) fn of_actor(&self, name: &str) -> Arc<Pulse> {
        self.add(Pulse::new(name, true))
    }

    /// Watches the present thread as a whole, also outside of actors, as long as the task is kept. Threads of
    /// [`Placement::OwnThread`](super::Placement::OwnThread) are watched without it; it is for the main thread.
    pub fn watch_this_thread(&self, name: &str) -> Task<()> {
        let pulse = self.add(Pulse::new(name, false));
        pulse.settle();
        let beat_ms = Arc::clone(&self.beat_ms);
        let beat = async move {
            loop {
                pulse.enter();
                tokio::time::sleep(Duration::from_millis(beat_ms.load(Ordering::Relaxed))).await;
            }
        };
        spawn_local_detached("thread-pulse", beat).abort_on_drop()
    }

    fn beat_for(&self, limit: Duration) {
        let beat = (limit / 8).clamp(Duration::from_millis(10), Duration::from_secs(1));
        self.beat_ms.store(beat.as_millis() as u64, Ordering::Relaxed);
    }

    fn add(&self, pulse: Arc<Pulse>) -> Arc<Pulse> {
        self.all.write().push(Arc::downgrade(&pulse));
        pulse
    }

    fn living(&self) -> Vec<Arc<Pulse>> {
        let mut all = self.all.write();
        all.retain(|pulse| pulse.strong_count() > 0);
        all.iter().filter_map(Weak::upgrade).collect()
    }
}

/// What is done about a stuck thread.
pub type OnStuck = Box<dyn Fn(Stuck) + Send>;

/// The watching thread; it ends when this is dropped.
#[derive(Debug)]
pub struct Watchdog {
    reader: VerdictReader,
    stop: Arc<AtomicBool>,
}

/// Reads the verdict from any thread.
#[derive(Clone, Debug)]
pub struct VerdictReader {
    verdict: Arc<RwLock<Verdict>>,
}

impl VerdictReader {
    /// What the watchdog saw last.
    pub fn verdict(&self) -> Verdict {
        self.verdict.read().clone()
    }
}

impl Watchdog {
    /// Starts to watch. `on_stuck` is called on the watching thread, once for each time something is stuck;
    /// production gives [`exit_when_stuck`].
    ///
    /// # Errors
    /// The operating system gives no thread.
    pub fn start(spec: WatchdogSpec, pulses: Pulses, on_stuck: OnStuck) -> io::Result<Self> {
        Self::start_by(spec, pulses, on_stuck, Breath::of)
    }

    /// Starts to watch, and is told by this how a thread is.
    pub(super) fn start_by(
        spec: WatchdogSpec,
        pulses: Pulses,
        on_stuck: OnStuck,
        breath: fn(&str) -> Option<Breath>,
    ) -> io::Result<Self> {
        let reader = VerdictReader { verdict: Arc::new(RwLock::new(Verdict::Alive)) };
        let stop = Arc::new(AtomicBool::new(false));
        pulses.beat_for(spec.limit);
        let mut watch =
            Watch { spec, pulses, on_stuck, breath, verdict: Arc::clone(&reader.verdict), seen: HashMap::new() };
        let stopped = Arc::clone(&stop);
        thread::Builder::new().name("watchdog".to_owned()).spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                thread::sleep(spec.every);
                watch.look();
            }
        })?;
        Ok(Watchdog { reader, stop })
    }

    /// What it saw last.
    pub fn verdict(&self) -> Verdict {
        self.reader.verdict()
    }

    /// A reader of the verdict, for the liveness probe.
    pub fn reader(&self) -> VerdictReader {
        self.reader.clone()
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

struct Watch {
    spec: WatchdogSpec,
    pulses: Pulses,
    on_stuck: OnStuck,
    breath: fn(&str) -> Option<Breath>,
    verdict: Arc<RwLock<Verdict>>,
    /// By the address of the pulse.
    seen: HashMap<usize, Seen>,
}

struct Seen {
    count: u64,
    held_for: Duration,
    told: bool,
    /// It has moved under this watch; a thread that has not may still beat at an earlier, slower pace.
    moved: bool,
    /// What it was seen to do since it has been held for half of its limit.
    breath: breath::Seen,
    /// It was told that it waits for the machine.
    excused: bool,
}

impl Seen {
    fn new(count: u64, moved: bool) -> Self {
        Seen { count, held_for: Duration::ZERO, told: false, moved, breath: breath::Seen::default(), excused: false }
    }
}

/// A thread that waits for the machine may take so many times its limit: another process would wait for the same.
const OUT_OF_BREATH: u32 = 6;

impl Watch {
    /// Time is counted in looks, not read from a clock: when the whole machine or process was asleep, no actor is blamed.
    fn look(&mut self) {
        let living = self.pulses.living();
        let mut longest: Option<(bool, Stuck)> = None;
        let mut seen = HashMap::with_capacity(living.len());
        for pulse in &living {
            let key = Arc::as_ptr(pulse) as usize;
            let mut now = self.advance(self.seen.get(&key), pulse);
            let limit = self.limit_of(pulse);
            if now.held_for >= limit && now.held_for < limit * OUT_OF_BREATH && now.breath.is_out_of_breath() {
                if !std::mem::replace(&mut now.excused, true) {
                    excuse(stuck(pulse, now.held_for));
                }
            } else if now.held_for >= limit {
                let stuck = stuck(pulse, now.held_for);
                // an actor says more than its thread
                let rank = |stuck: &Stuck| (stuck.in_actor, stuck.held_for);
                if longest.as_ref().is_none_or(|(_, other)| rank(&stuck) > rank(other)) {
                    longest = Some((now.told, stuck));
                }
                now.told = true;
            }
            seen.insert(key, now);
        }
        self.seen = seen;
        self.conclude(longest);
    }

    /// A thread's pulse is slower than an actor's mark, and the actor is to be named first.
    fn limit_of(&self, pulse: &Pulse) -> Duration {
        if pulse.in_actor { self.spec.limit } else { self.spec.limit + self.spec.limit / 4 }
    }

    fn advance(&self, before: Option<&Seen>, pulse: &Pulse) -> Seen {
        let count = pulse.count.load(Ordering::Relaxed);
        let Some(before) = before else { return Seen::new(count, false) };
        let same = before.count == count;
        if !same || !pulse.may_be_stuck(count) || !pulse.in_actor && !before.moved {
            return Seen::new(count, before.moved || !same);
        }
        let mut now = Seen { held_for: before.held_for + self.spec.every, ..*before };
        if now.held_for >= self.limit_of(pulse) / 2 {
            now.breath.look((self.breath)(&pulse.thread.lock().number), self.spec.every);
        }
        now
    }

    fn conclude(&self, longest: Option<(bool, Stuck)>) {
        match longest {
            None => *self.verdict.write() = Verdict::Alive,
            Some((told, stuck)) => {
                *self.verdict.write() = Verdict::Stuck(stuck.clone());
                if !told {
                    // the watch goes on even if this panics; the hook has logged it
                    let _ = panics::catch(|| (self.on_stuck)(stuck));
                }
            }
        }
    }
}

fn stuck(pulse: &Pulse, held_for: Duration) -> Stuck {
    Stuck { name: pulse.name.clone(), thread: pulse.thread.lock().name.clone(), held_for, in_actor: pulse.in_actor }
}

/// Logs which actor waits for the machine, by a helper thread: no log that stalls may keep the watch from going on.
fn excuse(stuck: Stuck) {
    let line = move || {
        let why = "it waits for the machine's disk or processor, and is given more time";
        tracing::warn!(actor = stuck.name, thread = stuck.thread, "{stuck}; {why}");
    };
    // without a thread it goes unsaid
    let _ = thread::Builder::new().name("watchdog-log".to_owned()).spawn(line);
}

/// Logs who is stuck, does what is `last` to be done (the log is written by a thread of its own), and ends the process with
/// [`EXIT_STUCK`](super::EXIT_STUCK).
#[expect(clippy::disallowed_methods, reason = "the watchdog may end the process: the stuck thread cannot return")]
pub fn exit_when_stuck(last: fn()) -> OnStuck {
    Box::new(move |stuck| {
        // the stuck thread may hold the log's own lock, so the line is written by a helper that is not waited for long
        let (written, wait) = mpsc::channel();
        let helper = thread::Builder::new().name("watchdog-log".to_owned()).spawn(move || {
            tracing::error!(actor = stuck.name, thread = stuck.thread, "{stuck}, ending the process");
            last();
            // the caller has gone on if it took long
            let _ = written.send(());
        });
        if helper.is_ok() {
            // either it was written or the process ends without it
            let _ = wait.recv_timeout(Duration::from_secs(1));
        }
        std::process::exit(i32::from(super::EXIT_STUCK))
    })
}
