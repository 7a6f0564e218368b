//! How long everything takes in a run: short, so that much is seen in little time; long, so that ten thousand commands come
//! through; or as it ships, for a night.

use std::ops::Range;
use std::time::Duration;

/// A run of more commands than this is a long one.
const LONG: usize = 1_000;

/// The times of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    Short,
    Long,
    /// Pacing, lease and time-outs as they ship, and Slack's own limits and retries.
    Shipped,
}

/// What may not be taken, by how much breaks.
#[derive(Clone, Copy, Debug)]
pub struct Ceilings {
    /// Of the commands that Slack brings once and of which it tells the person.
    pub not_taken: f64,
    /// Of those that Slack brings again and again.
    pub lost: f64,
    /// Whether the time in which the replicas were ready lowers them.
    pub is_derived: bool,
}

/// So much more than the replicas were away may not be taken: what breaks under way makes nobody unready.
const UNDER_WAY: f64 = 0.10;

impl Ceilings {
    /// Nor more than the share of their time in which the replicas were not ready explains: whoever says that it is ready takes
    /// what comes, and four deliveries in ten seconds seldom all find nobody. In a short run one fault is too much of a share.
    pub fn within(self, ready: Option<f64>) -> Self {
        let Some(ready) = ready.filter(|_| self.is_derived) else { return self };
        let away = (1.0 - ready + UNDER_WAY).min(1.0);
        Self { not_taken: self.not_taken.min(away), lost: self.lost.min(away.powi(2)), ..self }
    }
}

/// What makes a run short.
const HASTE: [(&str, &str); 19] = [
    ("DRONEBOT__DELIVERY__POLL_MS", "200"),
    ("DRONEBOT__DELIVERY__RETRY_MIN_MS", "100"),
    ("DRONEBOT__DELIVERY__RETRY_MAX_SECONDS", "2"),
    ("DRONEBOT__AWS__RATE_SHARE", "1.0"),
    ("DRONEBOT__AWS__CALL_TIMEOUT_SECONDS", "3"),
    ("DRONEBOT__SLACK__API_TIMEOUT_SECONDS", "3"),
    ("DRONEBOT__SLACK__IDLE_TIMEOUT_SECONDS", "5"),
    ("DRONEBOT__SLACK__PING_INTERVAL_SECONDS", "1"),
    ("DRONEBOT__SLACK__BACKOFF_MIN_SECONDS", "0.1"),
    ("DRONEBOT__SLACK__BACKOFF_MAX_SECONDS", "1"),
    ("DRONEBOT__SLACK__TOO_MANY_BACKOFF_SECONDS", "1"),
    ("DRONEBOT__SLACK__PACING__CHANNEL_INTERVAL_SECONDS", "0.02"),
    ("DRONEBOT__SLACK__PACING__POSTS_PER_MINUTE", "30000"),
    ("DRONEBOT__SLACK__PACING__TIER2_PER_MINUTE", "6000"),
    ("DRONEBOT__SLACK__PACING__TIER3_PER_MINUTE", "6000"),
    ("DRONEBOT__SLACK__PACING__TIER4_PER_MINUTE", "6000"),
    ("DRONEBOT__SUPERVISION__HUNG_AFTER_SECONDS", "3"),
    ("DRONEBOT__SUPERVISION__STUCK_AFTER_SECONDS", "2"),
    ("DRONEBOT__SHUTDOWN__DRAIN_SECONDS", "5"),
];

/// What every run needs.
const ALWAYS: [(&str, &str); 4] = [
    ("DRONEBOT__SUPERVISION__DRILLS", "true"),
    ("DRONEBOT__EXECUTION__APPROVE_WITHIN_SECONDS", "30"),
    // few people ask what hundreds would
    ("DRONEBOT__EXECUTION__MAX_OPEN_EACH", "5000"),
    ("DRONEBOT__LOG__FILTER", "info,dronebot::intake=debug,dronebot::delivery=debug"),
];

impl Form {
    /// As the environment says, or else by how many commands there are.
    #[expect(clippy::disallowed_methods, reason = "the form of a run is told by its environment")]
    pub fn of(commands: usize) -> Self {
        match std::env::var("DRONEBOT_CHAOS_FORM").as_deref() {
            Ok("shipped") => Self::Shipped,
            Ok(other) => panic!("DRONEBOT_CHAOS_FORM is `shipped` or not set, not `{other}`"),
            Err(_) if commands > LONG => Self::Long,
            Err(_) => Self::Short,
        }
    }

    /// The bot's settings.
    pub fn settings(self) -> Vec<(&'static str, String)> {
        let haste: &[_] = if self == Self::Shipped { &[] } else { &HASTE };
        haste.iter().chain(&ALWAYS).map(|(key, value)| (*key, (*value).to_owned())).collect()
    }

    /// For how long a silent replica is taken to be alive.
    pub fn lease(self) -> Duration {
        Duration::from_secs(match self {
            Self::Short => 3,
            // the shortest that the settings take before a real table: a call may take 2.2 s, and three must fit
            Self::Long => 7,
            Self::Shipped => 10,
        })
    }

    /// The pauses before an event comes again: Slack's own, or as much less than that as the run is shorter. They are to outages
    /// and leases what Slack's are: a lease of seven seconds is not longer than all tries.
    pub fn retries(self) -> [Duration; 3] {
        let part = match self {
            Self::Short => 30,
            Self::Long => 5,
            Self::Shipped => 1,
        };
        [0, 60, 300].map(|pause| Duration::from_secs(pause / part))
    }

    /// So many people wait for an answer at the same time.
    pub fn people(self) -> usize {
        if self == Self::Long { 32 } else { 16 }
    }

    /// Between two commands, of whomever. When nothing breaks, Moto's table takes about fifteen commands a second: a long run asks
    /// for half of that, so that what is not taken is what the faults cost, and not what Moto has no room for.
    pub fn between_commands(self) -> Duration {
        Duration::from_millis(match self {
            Self::Short => 65,
            Self::Long => 130,
            Self::Shipped => 600,
        })
    }

    /// So long a person waits for an answer before doing something else: what breaks slows people down.
    pub fn patience(self) -> Duration {
        Duration::from_secs(if self == Self::Shipped { 20 } else { 4 })
    }

    /// Between two faults, in milliseconds.
    pub fn between_faults(self) -> Range<u64> {
        match self {
            Self::Short => 20..250,
            Self::Long => 150..700,
            Self::Shipped => 1_000..6_000,
        }
    }

    /// What may not be taken, however long the replicas were away. In a short run something breaks every eighth of a second, so
    /// that about half of all deliveries find nobody; what is asked in calm must all be taken.
    pub fn ceilings(self) -> Ceilings {
        let is_derived = self != Self::Short;
        let (not_taken, lost) = match self {
            Self::Short => (0.80, 0.12),
            Self::Long => (0.45, 0.05),
            Self::Shipped => (0.30, 0.03),
        };
        Ceilings { not_taken, lost, is_derived }
    }

    /// Whether what is finished leaves the table sooner than it would, so that Moto is not what is tested.
    pub fn forgets(self) -> bool {
        self == Self::Long
    }

    /// How long everything may take to come to rest when nothing breaks any more.
    pub fn rest(self) -> Duration {
        Duration::from_secs(if self == Self::Shipped { 1_200 } else { 180 })
    }

    /// After rest, so long until nothing can come late any more: a lease, the longest pause before a retry, and a look.
    pub fn late(self) -> Duration {
        Duration::from_secs(match self {
            Self::Short => 8,
            Self::Long | Self::Shipped => 75,
        })
    }
}

#[test]
fn what_may_not_be_taken_is_no_more_than_the_time_away_explains() {
    let within = |form: Form, ready: Option<f64>| {
        let Ceilings { not_taken, lost, .. } = form.ceilings().within(ready);
        [not_taken, lost].map(|share| (share * 100.0).round())
    };
    assert_eq!(within(Form::Long, None), [45.0, 5.0]);
    assert_eq!(within(Form::Long, Some(0.2)), [45.0, 5.0], "no more than what a form allows");
    assert_eq!(within(Form::Long, Some(0.8)), [30.0, 5.0]);
    assert_eq!(within(Form::Long, Some(1.0)), [10.0, 1.0]);
    assert_eq!(within(Form::Short, Some(0.9)), [80.0, 12.0]);
}
