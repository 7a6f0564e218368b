//! How long a fault costs: from the fault until whoever was hit serves again, watched beside everything else.

use crate::support::Eye;
use futures_util::future::join_all;
use serde_json::Value;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;
use tokio::time::Instant;

/// Between two looks.
const LOOK: Duration = Duration::from_millis(100);

/// A fault that shows only in a while: so long it is watched for.
const WINDOW: Duration = Duration::from_secs(3);

/// After this long nobody waits any more: other faults have come in between.
const ENOUGH: Duration = Duration::from_secs(60);

/// A replica that does not say at once that it is ready is not.
const AT_ONCE: Duration = Duration::from_millis(500);

/// The times, by kind of fault, and how much of its time each replica was ready.
#[derive(Clone, Default)]
pub struct Service {
    times: Rc<RefCell<BTreeMap<&'static str, Vec<f64>>>>,
    replicas: Rc<RefCell<Vec<Eye>>>,
    ready: Rc<Cell<Ready>>,
}

/// The seconds of all replicas, and those of them in which they were ready.
#[derive(Clone, Copy, Default)]
struct Ready {
    all: f64,
    ready: f64,
}

impl Service {
    /// Half of them took at most the first, all of them at most the second.
    pub fn of(&self, kind: &str) -> Option<(f64, f64)> {
        let times = self.times.borrow();
        let mut sorted = times.get(kind)?.clone();
        sorted.sort_by(f64::total_cmp);
        Some((sorted[sorted.len() / 2], *sorted.last()?))
    }

    /// The kinds of which there are times.
    pub fn kinds(&self) -> Vec<&'static str> {
        self.times.borrow().keys().copied().collect()
    }

    /// Of the time of all replicas the share in which they were ready, where that was watched.
    pub fn ready(&self) -> Option<f64> {
        let Ready { all, ready } = self.ready.get();
        (all > 0.0).then(|| ready / all)
    }

    /// These are the replicas now; one that was killed is one of them until another takes its place.
    pub fn replicas(&self, eyes: Vec<Eye>) {
        *self.replicas.borrow_mut() = eyes;
    }

    /// Looks at all replicas again and again until that is over.
    pub async fn watch_all(&self, over: &Cell<bool>) {
        let mut looked = Instant::now();
        while !over.get() {
            tokio::time::sleep(LOOK).await;
            let eyes = self.replicas.borrow().clone();
            let looks = eyes.iter().map(async |eye| {
                !eye.is_closed() && tokio::time::timeout(AT_ONCE, eye.is_ready()).await.unwrap_or(false)
            });
            let ready = join_all(looks).await.into_iter().filter(|is_ready| *is_ready).count();
            let Ready { all, ready: before } = self.ready.get();
            let past = looked.elapsed().as_secs_f64();
            looked = Instant::now();
            self.ready.set(Ready { all: all + past * eyes.len() as f64, ready: before + past * ready as f64 });
        }
    }

    fn took(&self, kind: &'static str, time: Duration) {
        self.times.borrow_mut().entry(kind).or_default().push(time.as_secs_f64());
    }

    /// Watches until the bot is ready.
    pub fn until_ready(&self, kind: &'static str, since: Instant, eye: Eye) {
        let look = eye.clone();
        self.until(kind, since, Some(eye), async move || look.is_ready().await);
    }

    /// Watches until this actor of the bot has been started again, once more than so often, and works.
    pub fn until_restarted(&self, kind: &'static str, since: Instant, eye: Eye, actor: &str, before: f64) {
        let (look, label) = (eye.clone(), format!("actor=\"{actor}\""));
        self.until(kind, since, Some(eye), async move || {
            look.metric("dronebot_actor_restarts", &[&label]).await > Some(before)
                && look.metric("dronebot_actor_up", &[&label]).await == Some(1.0)
        });
    }

    /// Watches until Slack has a link that is newer than this one.
    pub fn until_linked(&self, kind: &'static str, since: Instant, slack: &str, newest: u64) {
        let slack = slack.to_owned();
        self.until(kind, since, None, async move || newest_link(&slack).await > Some(newest));
    }

    #[expect(clippy::disallowed_methods, reason = "a watcher of the test")]
    fn until(&self, kind: &'static str, since: Instant, eye: Option<Eye>, holds: impl AsyncFn() -> bool + 'static) {
        let service = self.clone();
        actix_web::rt::spawn(async move {
            while since.elapsed() < ENOUGH && !eye.as_ref().is_some_and(Eye::is_closed) {
                if holds().await {
                    service.took(kind, since.elapsed());
                    return;
                }
                tokio::time::sleep(LOOK).await;
            }
        });
    }

    /// Watches for a while whether one of these bots is not ready, and then until all are: it may be that none is bothered.
    #[expect(clippy::disallowed_methods, reason = "a watcher of the test")]
    pub fn while_unready(&self, kind: &'static str, since: Instant, eyes: Vec<Eye>) {
        let service = self.clone();
        actix_web::rt::spawn(async move {
            let mut bad = Duration::ZERO;
            while since.elapsed() < ENOUGH {
                let mut all = true;
                for eye in &eyes {
                    all &= eye.is_ready().await;
                    if eye.is_closed() {
                        return;
                    }
                }
                if !all {
                    bad = since.elapsed();
                } else if since.elapsed() > WINDOW {
                    service.took(kind, bad);
                    return;
                }
                tokio::time::sleep(LOOK).await;
            }
        });
    }
}

/// The newest link of those that carry something.
pub async fn newest_link(slack: &str) -> Option<u64> {
    let client = awc::Client::builder().timeout(Duration::from_secs(5)).finish();
    let mut answer = client.get(format!("{slack}/control/connections")).send().await.ok()?;
    let answer: Value = answer.json().await.ok()?;
    let carries = |link: &&Value| link["ready"] == true && link["closing"] == false && link["half_open"] == false;
    let links = answer["connections"].as_array()?.iter().filter(carries);
    Some(links.filter_map(|link| link["id"].as_u64()).max().unwrap_or(0))
}
