//! How fast the bot may call AWS. AWS counts per account, region and kind of call, and everybody in the account
//! shares the same buckets; so the bot takes a share of the documented rate and waits for its turn, which costs
//! milliseconds, where being throttled costs everybody seconds.

use parking_lot::Mutex;
use std::collections::HashMap;
use std::time::Duration;
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
            Self::EcsRead => (50.0, 20.0),
            Self::EcsWrite => (20.0, 1.0),
            Self::EcrRead => (50.0, 20.0),
        }
    }

    /// The service whose calls they are, as IAM names it.
    pub(super) fn service(self) -> &'static str {
        match self {
            Self::Describe | Self::Mutate | Self::Start => "ec2",
            Self::EcsRead | Self::EcsWrite => "ecs",
            Self::EcrRead => "ecr",
        }
    }
}

/// The buckets of every region.
#[derive(Debug)]
pub(super) struct Budget {
    share: f64,
    levels: Mutex<HashMap<(String, Bucket), Level>>,
}

#[derive(Clone, Copy, Debug)]
struct Level {
    tokens: f64,
    at: Instant,
}

impl Budget {
    /// Buckets that hold this share of the documented sizes, and refill with this share of the documented rates.
    pub(super) fn new(share: f64) -> Self {
        Self { share, levels: Mutex::new(HashMap::new()) }
    }

    /// Waits for one token. Callers are served in the order in which they came.
    pub(super) async fn take(&self, region: &str, bucket: Bucket) {
        let wait = self.reserve(region, bucket);
        if !wait.is_zero() {
            metrics::counter!("dronebot_aws_paced_total", "bucket" => bucket.name()).increment(1);
            tokio::time::sleep(wait).await;
        }
    }

    /// AWS said that we call too often: whatever we thought was left is not.
    pub(super) fn exhausted(&self, region: &str, bucket: Bucket) {
        let now = Instant::now();
        let mut levels = self.levels.lock();
        let level = levels.entry((region.to_owned(), bucket)).or_insert(Level { tokens: 0.0, at: now });
        level.tokens = level.tokens.min(0.0);
        level.at = now;
    }

    /// Takes one token, on credit if there is none, and tells how long to wait for it.
    fn reserve(&self, region: &str, bucket: Bucket) -> Duration {
        let (capacity, refill) = bucket.documented();
        // One token must fit into the smallest bucket, or nothing would ever be allowed.
        let (capacity, refill) = ((capacity * self.share).max(1.0), refill * self.share);
        let now = Instant::now();
        let mut levels = self.levels.lock();
        let level = levels.entry((region.to_owned(), bucket)).or_insert(Level { tokens: capacity, at: now });
        let gained = now.duration_since(level.at).as_secs_f64() * refill;
        level.tokens = (level.tokens + gained).min(capacity) - 1.0;
        level.at = now;
        Duration::from_secs_f64((-level.tokens / refill).max(0.0))
    }
}

impl Bucket {
    fn name(self) -> &'static str {
        match self {
            Self::Describe => "describe",
            Self::Mutate => "mutate",
            Self::Start => "start",
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
        let start = Instant::now();
        for _ in 0..calls {
            budget.take(region, bucket).await;
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
    async fn after_a_throttle_the_next_call_waits() {
        let budget = Budget::new(0.5);
        budget.exhausted("eu-central-1", Bucket::Describe);
        assert!(elapsed(&budget, "eu-central-1", Bucket::Describe, 1).await >= Duration::from_millis(100));
    }
}
