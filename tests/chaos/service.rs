//! How long a fault costs: from the fault until whoever was hit serves again, watched beside everything else.

use crate::support::Eye;
use serde_json::Value;
use std::cell::RefCell;
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

/// The times, by kind of fault.
#[derive(Clone, Default)]
pub struct Service {
    times: Rc<RefCell<BTreeMap<&'static str, Vec<f64>>>>,
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
