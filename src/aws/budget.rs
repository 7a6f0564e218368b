//! How fast the bot may call AWS. AWS counts per account, region and kind of call, and everybody in the account
//! shares the same buckets; so the bot takes a share of the documented rate and waits for its turn, which costs
//! milliseconds, where being throttled costs everybody seconds.

use crate::domain::AccountRegion;
use parking_lot::Mutex;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::Instant;

/// The kinds of calls that AWS counts separately.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Bucket {
    /// Describe calls with a filter, ids or a page size.
    Describe,
    /// Changes without a bucket of their own: StopInstances, RebootInstances.
    Mutate,
    /// StartInstances.
    Start,
    /// TerminateInstances.
    Terminate,
    /// Reading calls of ECS.
    EcsRead,
    /// Changing calls of ECS.
    EcsWrite,
    /// Reading calls of ECR.
    EcrRead,
}

impl Bucket {
    /// The documented capacity, and the tokens that come back each second. ECS and ECR count by finer groups of calls:
    /// here is the smallest of each.
    fn documented(self) -> (f64, f64) {
        match self {
            Self::Describe => (100.0, 20.0),
            Self::Mutate => (50.0, 5.0),
            Self::Start => (5.0, 2.0),
            Self::Terminate => (100.0, 5.0),
            Self::EcsRead => (50.0, 20.0),
            Self::EcsWrite => (20.0, 1.0),
            Self::EcrRead => (50.0, 20.0),
        }
    }
}

/// The buckets that are kept before those are forgotten that are full: an account has fewer regions.
const KEPT: usize = 512;

tokio::task_local! {
    /// Set while a change is worked on.
    static CHANGES: ();
}

/// Works on a change: its calls come before those of commands that only read.
pub async fn before_reads<T>(work: impl Future<Output = T>) -> T {
    CHANGES.scope((), work).await
}

/// Whether this is work on a change.
pub fn is_before_reads() -> bool {
    CHANGES.try_with(|()| ()).is_ok()
}

/// The buckets of every region of every account.
#[derive(Debug)]
pub(super) struct Budget {
    share: f64,
    lanes: Mutex<HashMap<Key, Lane>>,
}

type Key = (AccountRegion, Bucket);

/// Where a caller stands: changes before reads, and then in the order in which they came.
type Rank = (bool, u64);

/// A bucket, and who waits for a token of it.
#[derive(Debug)]
struct Lane {
    tokens: f64,
    at: Instant,
    waiting: BTreeMap<Rank, Arc<Notify>>,
    came: u64,
}

/// A caller's rank, until it is dropped: a caller that gives up takes nothing from those behind.
struct Turn<'a> {
    budget: &'a Budget,
    key: Key,
    rank: Rank,
    called: Arc<Notify>,
}

/// What a caller waits for.
enum Wait {
    Turn,
    Token(Duration),
}

impl Budget {
    /// Buckets that hold this share of the documented sizes, and refill with this share of the documented rates.
    pub(super) fn new(share: f64) -> Self {
        Self { share, lanes: Mutex::default() }
    }

    /// Waits for one token. Callers are served in the order in which they came, those that work on a change first.
    pub(super) async fn take(&self, place: &AccountRegion, bucket: Bucket) {
        let turn = self.enter(place, bucket);
        let mut waited = false;
        while let Some(wait) = self.wait(&turn) {
            if !waited {
                metrics::counter!("dronebot_aws_paced_total", "bucket" => bucket.name()).increment(1);
                waited = true;
            }
            match wait {
                Wait::Turn => turn.called.notified().await,
                Wait::Token(after) => tokio::time::sleep(after).await,
            }
        }
    }

    /// AWS said that we call too often: whatever we thought was left is not.
    pub(super) fn exhausted(&self, place: &AccountRegion, bucket: Bucket) {
        let mut lanes = self.lanes.lock();
        let lane = lanes.entry((place.clone(), bucket)).or_insert_with(|| Lane::holding(0.0));
        lane.tokens = lane.tokens.min(0.0);
        lane.at = Instant::now();
    }

    fn enter(&self, place: &AccountRegion, bucket: Bucket) -> Turn<'_> {
        let (capacity, _) = self.bounds(bucket);
        let mut lanes = self.lanes.lock();
        if lanes.len() >= KEPT {
            lanes.retain(|key, lane| {
                let (capacity, refill) = self.bounds(key.1);
                lane.refill(capacity, refill);
                !lane.waiting.is_empty() || lane.tokens < capacity
            });
        }
        let key = (place.clone(), bucket);
        let lane = lanes.entry(key.clone()).or_insert_with(|| Lane::holding(capacity));
        lane.came += 1;
        let (rank, called) = ((!is_before_reads(), lane.came), Arc::new(Notify::new()));
        lane.waiting.insert(rank, Arc::clone(&called));
        Turn { budget: self, key, rank, called }
    }

    /// Takes a token, or tells what is to be waited for.
    fn wait(&self, turn: &Turn<'_>) -> Option<Wait> {
        let (capacity, refill) = self.bounds(turn.key.1);
        let mut lanes = self.lanes.lock();
        let lane = lanes.get_mut(&turn.key)?;
        if lane.waiting.first_key_value().is_some_and(|(first, _)| *first != turn.rank) {
            return Some(Wait::Turn);
        }
        lane.refill(capacity, refill);
        let missing = 1.0 - lane.tokens;
        if missing > ROUNDING {
            return Some(Wait::Token(Duration::from_secs_f64(missing / refill)));
        }
        lane.tokens -= 1.0;
        None
    }

    fn bounds(&self, bucket: Bucket) -> (f64, f64) {
        let (capacity, refill) = bucket.documented();
        // One token must fit into the smallest bucket, or nothing would ever be allowed.
        ((capacity * self.share).max(1.0), refill * self.share)
    }
}

/// What a token may lack because a time is a sum of fractions.
const ROUNDING: f64 = 1e-6;

impl Lane {
    fn holding(tokens: f64) -> Self {
        Self { tokens, at: Instant::now(), waiting: BTreeMap::new(), came: 0 }
    }

    fn refill(&mut self, capacity: f64, refill: f64) {
        let now = Instant::now();
        self.tokens = (self.tokens + now.duration_since(self.at).as_secs_f64() * refill).min(capacity);
        self.at = now;
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut lanes = self.budget.lanes.lock();
        let Some(lane) = lanes.get_mut(&self.key) else { return };
        lane.waiting.remove(&self.rank);
        if let Some((_, next)) = lane.waiting.first_key_value() {
            next.notify_one();
        }
    }
}

impl Bucket {
    fn name(self) -> &'static str {
        match self {
            Self::Describe => "describe",
            Self::Mutate => "mutate",
            Self::Start => "start",
            Self::Terminate => "terminate",
            Self::EcsRead => "ecs_read",
            Self::EcsWrite => "ecs_write",
            Self::EcrRead => "ecr_read",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn elapsed(budget: &Budget, region: &str, bucket: Bucket, calls: usize) -> Duration {
        elapsed_at(budget, &AccountRegion::usual(region), bucket, calls).await
    }

    async fn elapsed_at(budget: &Budget, place: &AccountRegion, bucket: Bucket, calls: usize) -> Duration {
        let start = Instant::now();
        for _ in 0..calls {
            budget.take(place, bucket).await;
        }
        start.elapsed()
    }

    #[tokio::test(start_paused = true)]
    async fn a_burst_is_free_and_then_calls_are_paced_at_the_share_of_the_rate() {
        let budget = Budget::new(0.5);
        assert_eq!(elapsed(&budget, "eu-central-1", Bucket::Describe, 50).await, Duration::ZERO);
        let paced = elapsed(&budget, "eu-central-1", Bucket::Describe, 20).await;
        assert!((1.9..2.2).contains(&paced.as_secs_f64()), "20 calls at 10/s took {paced:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn regions_and_kinds_of_calls_do_not_share_a_bucket() {
        let budget = Budget::new(0.2);
        assert_eq!(elapsed(&budget, "eu-central-1", Bucket::Start, 1).await, Duration::ZERO);
        assert_eq!(elapsed(&budget, "us-east-1", Bucket::Start, 1).await, Duration::ZERO);
        assert_eq!(elapsed(&budget, "eu-central-1", Bucket::Mutate, 1).await, Duration::ZERO);
        assert!(elapsed(&budget, "eu-central-1", Bucket::Start, 1).await > Duration::from_secs(2));
    }

    #[tokio::test(start_paused = true)]
    async fn two_accounts_in_one_region_do_not_share_tokens() {
        let budget = Budget::new(0.2);
        let (one, other) =
            (AccountRegion::new("111111111111", "eu-central-1"), AccountRegion::new("222222222222", "eu-central-1"));
        assert_eq!(elapsed_at(&budget, &one, Bucket::Start, 1).await, Duration::ZERO);
        assert_eq!(elapsed_at(&budget, &other, Bucket::Start, 1).await, Duration::ZERO);
        assert!(elapsed_at(&budget, &one, Bucket::Start, 1).await > Duration::from_secs(2));
        // nor does a throttle of the one slow the other down
        budget.exhausted(&one, Bucket::Describe);
        assert_eq!(elapsed_at(&budget, &other, Bucket::Describe, 1).await, Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn after_a_throttle_the_next_call_waits() {
        let budget = Budget::new(0.5);
        budget.exhausted(&AccountRegion::usual("eu-central-1"), Bucket::Describe);
        assert!(elapsed(&budget, "eu-central-1", Bucket::Describe, 1).await >= Duration::from_millis(100));
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_gives_up_takes_nothing_from_those_behind() {
        let budget = Budget::new(0.5);
        elapsed(&budget, "eu-central-1", Bucket::Describe, 50).await;
        // a thousand calls of a command that is given up
        let place = AccountRegion::usual("eu-central-1");
        let all = (0..1_000).map(|_| budget.take(&place, Bucket::Describe));
        let given_up = tokio::time::timeout(Duration::from_millis(250), futures_util::future::join_all(all)).await;
        assert!(given_up.is_err());
        let next = elapsed(&budget, "eu-central-1", Bucket::Describe, 1).await;
        assert!(next <= Duration::from_millis(100), "{next:?}");
        assert!(budget.lanes.lock().values().all(|lane| lane.waiting.is_empty()));
    }

    #[tokio::test(start_paused = true)]
    async fn reads_yield_to_changes_and_go_on_after_them() {
        let budget = Budget::new(0.5);
        elapsed(&budget, "eu-central-1", Bucket::Describe, 50).await;
        let start = Instant::now();
        let place = AccountRegion::usual("eu-central-1");
        let reads = futures_util::future::join_all((0..400).map(|_| budget.take(&place, Bucket::Describe)));
        let change = async {
            tokio::time::sleep(Duration::from_millis(150)).await;
            before_reads(elapsed(&budget, "eu-central-1", Bucket::Describe, 5)).await
        };
        let (_, change) = futures_util::future::join(reads, change).await;
        assert!(change <= Duration::from_millis(550), "five calls of a change at 10/s took {change:?}");
        let all = start.elapsed().as_secs_f64();
        assert!((40.4..41.5).contains(&all), "405 calls at 10/s took {all} s");
    }

    #[tokio::test(start_paused = true)]
    async fn the_buckets_of_regions_that_nobody_asks_any_more_are_forgotten() {
        let budget = Budget::new(1.0);
        for number in 0..4 * KEPT {
            budget.take(&AccountRegion::usual(format!("r-{number}")), Bucket::Describe).await;
            tokio::time::advance(Duration::from_secs(1)).await;
        }
        assert!(budget.lanes.lock().len() <= KEPT);
    }
}
