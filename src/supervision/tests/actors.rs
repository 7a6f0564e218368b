//! An actor that does to itself whatever a test tells it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use actix::prelude::*;
use parking_lot::Mutex;

use crate::supervision::{
    BackoffSpec, Child, ChildSpec, Handle, Strategy, Tree, TreeSpec, reply_later, spawn_local_detached, supervised,
};

/// What the lives of a probe share: its instructions, and what it did.
#[derive(Clone, Default)]
pub struct Script {
    /// So many times `started` still panics.
    pub started_panics: Arc<AtomicUsize>,
    /// So many times the factory still panics.
    pub factory_panics: Arc<AtomicUsize>,
    /// So many times `stopped` still panics.
    pub stopped_panics: Arc<AtomicUsize>,
    /// So many times the drop still panics.
    pub drop_panics: Arc<AtomicUsize>,
    /// `stopping` says no.
    pub refuses_to_stop: Arc<AtomicBool>,
    /// What it did, as `name event`.
    pub events: Arc<Mutex<Vec<String>>>,
}

impl Script {
    pub fn note(&self, event: String) {
        self.events.lock().push(event);
    }

    pub fn events(&self) -> Vec<String> {
        self.events.lock().clone()
    }

    pub fn take_events(&self) -> Vec<String> {
        std::mem::take(&mut *self.events.lock())
    }
}

fn due(counter: &AtomicUsize) -> bool {
    counter.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok()
}

pub struct Probe {
    child: Child,
    script: Script,
    dirty: bool,
}

impl Probe {
    pub fn new(child: &Child, script: &Script) -> Self {
        assert!(!due(&script.factory_panics), "the factory panics");
        Probe { child: child.clone(), script: script.clone(), dirty: false }
    }

    fn note(&self, what: &str) {
        self.script.note(format!("{} {what}", self.child.name()));
    }
}

supervised!(Probe, |self| Probe { child: self.child.clone(), script: self.script.clone(), dirty: false });

impl Actor for Probe {
    type Context = Context<Self>;

    fn started(&mut self, _: &mut Context<Self>) {
        self.note("started");
        assert!(!due(&self.script.started_panics), "started panics");
    }

    fn stopping(&mut self, _: &mut Context<Self>) -> Running {
        if self.script.refuses_to_stop.load(Ordering::Relaxed) { Running::Continue } else { Running::Stop }
    }

    fn stopped(&mut self, _: &mut Context<Self>) {
        self.note("stopped");
        assert!(!due(&self.script.stopped_panics), "stopped panics");
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        assert!(!due(&self.script.drop_panics), "drop panics");
    }
}

macro_rules! message {
    ($(#[$doc:meta])* $name:ident $(($($field:ty),*))? -> $result:ty, $response:ty, |$this:ident, $message:ident, $ctx:ident| $body:expr) => {
        $(#[$doc])*
        pub struct $name $(($(pub $field),*))?;
        impl Message for $name {
            type Result = $result;
        }
        impl Handler<$name> for Probe {
            type Result = $response;
            fn handle(&mut $this, $message: $name, $ctx: &mut Context<Self>) -> Self::Result {
                $body
            }
        }
    };
}

message!(/// Which life answers?
    Ping -> u64, u64, |self, _m, _ctx| self.child.incarnation());
message!(/// Has this life been changed by a message before?
    IsDirty -> bool, bool, |self, _m, _ctx| self.dirty);
message!(/// Panics in the handler, half way through a change.
    Boom -> (), (), |self, _m, _ctx| { self.dirty = true; panic!("boom in a handler") });
message!(/// Panics in a future spawned into the context.
    BoomInSpawn -> (), (), |self, _m, ctx| { ctx.spawn(async { panic!("boom in a spawned future") }.into_actor(self)); });
message!(/// Panics in the detached reply.
    BoomDetached -> (), ResponseFuture<()>, |self, _m, _ctx| reply_later(async { tokio::task::yield_now().await; panic!("boom in a reply") }));
message!(/// Panics with something that is no text, and whose own drop panics.
    BoomWithBomb -> (), (), |self, _m, _ctx| std::panic::panic_any(Bomb));
message!(/// Stops of its own will.
    StopSelf -> (), (), |self, _m, ctx| ctx.stop());
message!(/// Ends without any callback.
    TerminateSelf -> (), (), |self, _m, ctx| ctx.terminate());
message!(/// Never returns from an await, and takes no message meanwhile.
    Hang -> (), AtomicResponse<Self, ()>, |self, _m, _ctx| AtomicResponse::new(Box::pin(std::future::pending::<()>().into_actor(self))));
message!(/// Works for so long, and takes no message meanwhile.
Work(Duration) -> u64, AtomicResponse<Self, u64>, |self, m, _ctx| {
    let life = self.child.incarnation();
    AtomicResponse::new(Box::pin(async move { tokio::time::sleep(m.0).await; life }.into_actor(self)))
});
message!(/// Works for so long in a task of its own, whose answer takes a few turns of the thread to arrive.
WorkElsewhere(Duration) -> u64, AtomicResponse<Self, u64>, |self, m, _ctx| {
    let life = self.child.incarnation();
    let work = spawn_local_detached("work", async move {
        tokio::time::sleep(m.0).await;
        for _ in 0..5 {
            tokio::task::yield_now().await;
        }
        life
    });
    AtomicResponse::new(Box::pin(async move { work.await.expect("no panic") }.into_actor(self)))
});
message!(/// One long work in so many steps, each recorded as progress.
Steps(u32, Duration) -> u64, AtomicResponse<Self, u64>, |self, m, _ctx| {
    let (life, progress) = (self.child.incarnation(), self.child.progress());
    AtomicResponse::new(Box::pin(async move {
        for _ in 0..m.0 {
            tokio::time::sleep(m.1).await;
            progress.record();
        }
        life
    }.into_actor(self)))
});
message!(/// Answers after so long, detached.
Later(Duration) -> u64, ResponseFuture<u64>, |self, m, _ctx| {
    let life = self.child.incarnation();
    reply_later(async move { tokio::time::sleep(m.0).await; life })
});
message!(/// Blocks the thread.
    Block(Duration) -> (), (), |self, m, _ctx| std::thread::sleep(m.0));
message!(/// Blocks the thread from a detached reply.
    BlockLater(Duration) -> (), ResponseFuture<()>, |self, m, _ctx| reply_later(async move { std::thread::sleep(m.0) }));
message!(/// Ends the thread it lives on.
    EndThread -> (), (), |self, _m, _ctx| { Arbiter::current().stop(); });
message!(/// Which thread?
    ThreadName -> String, String, |self, _m, _ctx| format!("{:?}", std::thread::current().id()));
message!(/// Notes something, answers nothing of interest.
    Note(String) -> (), (), |self, m, _ctx| self.note(&m.0));

/// A panic payload whose drop panics.
pub struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("the payload panics");
    }
}

/// No wait between lives.
pub fn at_once() -> BackoffSpec {
    BackoffSpec { min: Duration::ZERO, max: Duration::ZERO, ..BackoffSpec::default() }
}

/// A wait of exactly `wait` between lives.
pub fn exactly(wait: Duration) -> BackoffSpec {
    BackoffSpec { min: wait, max: wait, jitter: 0.0, ..BackoffSpec::default() }
}

/// A tree that never escalates.
pub fn patient_tree(strategy: Strategy) -> Tree {
    Tree::new(TreeSpec::new("test").strategy(strategy).intensity(usize::MAX, Duration::from_secs(60)))
}

pub async fn add(tree: &Tree, spec: ChildSpec, script: &Script) -> Handle<Probe> {
    let script = script.clone();
    tree.add(spec, move |child| Probe::new(child, &script)).await
}

/// One probe in a patient tree, restarted at once, and the tree.
pub async fn one(script: &Script) -> (Tree, Handle<Probe>) {
    let tree = patient_tree(Strategy::OneForOne);
    let handle = add(&tree, ChildSpec::new("probe").backoff(at_once()), script).await;
    (tree, handle)
}

pub const SOON: Duration = Duration::from_secs(5);
