//! The pace: below Slack's limits per method and per channel, and silent where Slack asked for silence. One for the
//! whole process, as Slack counts by app and workspace.

use super::super::config::PacingConfig;
use crate::domain::ChannelId;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::time::Duration;
use tokio::time::Instant;

/// The methods the bot calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Method {
    /// auth.test
    AuthTest,
    /// chat.postMessage
    PostMessage,
    /// chat.update
    Update,
    /// chat.postEphemeral
    PostEphemeral,
    /// reactions.add
    ReactionsAdd,
    /// users.info
    UsersInfo,
    /// usergroups.users.list
    UsergroupsUsersList,
    /// usergroups.list
    UsergroupsList,
    /// views.publish
    ViewsPublish,
    /// A POST to a response_url.
    ResponseUrl,
    /// views.open
    ViewsOpen,
}

impl Method {
    const ALL: [Self; 11] = [
        Self::AuthTest,
        Self::PostMessage,
        Self::Update,
        Self::PostEphemeral,
        Self::ReactionsAdd,
        Self::UsersInfo,
        Self::UsergroupsUsersList,
        Self::UsergroupsList,
        Self::ViewsPublish,
        Self::ResponseUrl,
        Self::ViewsOpen,
    ];

    /// Slack's name for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AuthTest => "auth.test",
            Self::PostMessage => "chat.postMessage",
            Self::Update => "chat.update",
            Self::PostEphemeral => "chat.postEphemeral",
            Self::ReactionsAdd => "reactions.add",
            Self::UsersInfo => "users.info",
            Self::UsergroupsUsersList => "usergroups.users.list",
            Self::UsergroupsList => "usergroups.list",
            Self::ViewsPublish => "views.publish",
            Self::ResponseUrl => "response_url",
            Self::ViewsOpen => "views.open",
        }
    }

    /// Whether doing it twice is the same as doing it once.
    pub(super) fn is_repeatable(self) -> bool {
        !matches!(self, Self::PostMessage | Self::PostEphemeral | Self::ResponseUrl | Self::ViewsOpen)
    }

    fn per_minute(self, config: &PacingConfig) -> Option<u32> {
        match self {
            Self::AuthTest => Some(600),
            Self::PostMessage => Some(config.posts_per_minute),
            Self::Update | Self::ReactionsAdd => Some(config.tier3_per_minute),
            Self::PostEphemeral | Self::UsersInfo | Self::ViewsOpen | Self::ViewsPublish => {
                Some(config.tier4_per_minute)
            }
            Self::UsergroupsUsersList | Self::UsergroupsList => Some(config.tier2_per_minute),
            Self::ResponseUrl => None,
        }
    }
}

/// A rate with a burst: the time at which the next call would be exactly in pace.
#[derive(Clone, Copy, Debug)]
struct Rate {
    interval: Duration,
    burst: Duration,
    due: Option<Instant>,
}

impl Rate {
    fn per_minute(calls: u32) -> Self {
        let calls = calls.max(1);
        let interval = Duration::from_secs(60) / calls;
        // a quarter of a minute's calls may come at once
        Self { interval, burst: interval * (calls / 4), due: None }
    }

    fn wait(&self, now: Instant) -> Duration {
        self.due.and_then(|due| due.checked_duration_since(now + self.burst)).unwrap_or_default()
    }

    fn take(&mut self, now: Instant) {
        self.due = Some(self.due.map_or(now, |due| due.max(now)) + self.interval);
    }
}

#[derive(Debug)]
struct Turn {
    rate: Option<Rate>,
    held_until: Option<Instant>,
}

/// The pace of all calls of this process. Cheap: a look and a note under a lock, never awaited under it.
#[derive(Debug)]
pub struct Pacer {
    state: Mutex<State>,
    channel_interval: Duration,
}

#[derive(Debug)]
struct State {
    methods: HashMap<Method, Turn>,
    /// When each channel may get its next message; those in the past are swept out now and then.
    channels: HashMap<String, Instant>,
    sweep_at: usize,
}

impl Pacer {
    /// A pace with nothing used up.
    pub fn new(config: &PacingConfig) -> Self {
        let turn = |method: Method| Turn { rate: method.per_minute(config).map(Rate::per_minute), held_until: None };
        let methods = Method::ALL.into_iter().map(|method| (method, turn(method))).collect();
        Self {
            state: Mutex::new(State { methods, channels: HashMap::new(), sweep_at: 256 }),
            channel_interval: config.channel_interval,
        }
    }

    /// How long until a message may be posted to this channel: for scheduling instead of sleeping.
    pub fn next_free(&self, channel: &ChannelId) -> Duration {
        let now = Instant::now();
        self.state.lock().wait(Method::PostMessage, Some(channel.as_str()), now)
    }

    /// How long until this method may be called, channels aside.
    pub fn next_turn(&self, method: Method) -> Duration {
        let now = Instant::now();
        self.state.lock().wait(method, None, now)
    }

    /// Takes a turn: how long to wait before the call. When that is longer than `max_wait` no turn is taken and the
    /// wait is the error.
    pub(super) fn take(&self, method: Method, channel: Option<&str>, max_wait: Duration) -> Result<Duration, Duration> {
        let now = Instant::now();
        let mut state = self.state.lock();
        let wait = state.wait(method, channel, now);
        if wait > max_wait {
            return Err(wait);
        }
        if let Some(rate) = state.methods.get_mut(&method).and_then(|turn| turn.rate.as_mut()) {
            rate.take(now + wait);
        }
        if let Some(channel) = channel {
            state.sweep(now);
            state.channels.insert(channel.to_owned(), now + wait + self.channel_interval);
        }
        Ok(wait)
    }

    /// Slack asked for silence on this method.
    pub(super) fn hold(&self, method: Method, duration: Duration) {
        let until = Instant::now() + duration;
        if let Some(turn) = self.state.lock().methods.get_mut(&method) {
            turn.held_until = Some(turn.held_until.map_or(until, |earlier| earlier.max(until)));
        }
    }
}

impl State {
    fn wait(&self, method: Method, channel: Option<&str>, now: Instant) -> Duration {
        let until = |at: Option<Instant>| at.and_then(|at| at.checked_duration_since(now)).unwrap_or_default();
        let turn = self.methods.get(&method);
        let held = until(turn.and_then(|turn| turn.held_until));
        let rate = turn.and_then(|turn| turn.rate).map(|rate| rate.wait(now)).unwrap_or_default();
        let channel = until(channel.and_then(|channel| self.channels.get(channel)).copied());
        held.max(rate).max(channel)
    }

    fn sweep(&mut self, now: Instant) {
        if self.channels.len() >= self.sweep_at {
            self.channels.retain(|_, free| *free > now);
            self.sweep_at = (self.channels.len() * 2).max(256);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(600);

    #[tokio::test(start_paused = true)]
    async fn one_message_a_second_to_a_channel_and_channels_do_not_wait_for_each_other() {
        let pacer = Pacer::new(&PacingConfig::default());
        let waits: Vec<_> = (0..3).map(|_| pacer.take(Method::PostMessage, Some("C1"), LONG).expect("long")).collect();
        assert_eq!(waits, [0, 1, 2].map(Duration::from_secs));
        assert_eq!(pacer.take(Method::PostMessage, Some("C2"), LONG), Ok(Duration::ZERO));
        assert_eq!(pacer.next_free(&"C1".into()), Duration::from_secs(3));
        assert_eq!(pacer.next_free(&"C9".into()), Duration::ZERO);
        tokio::time::advance(Duration::from_secs(3)).await;
        assert_eq!(pacer.next_free(&"C1".into()), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn a_wait_that_is_too_long_takes_no_turn() {
        let pacer = Pacer::new(&PacingConfig::default());
        pacer.hold(Method::UsersInfo, Duration::from_secs(30));
        for _ in 0..3 {
            assert_eq!(pacer.take(Method::UsersInfo, None, Duration::from_secs(2)), Err(Duration::from_secs(30)));
        }
        assert_eq!(pacer.next_turn(Method::Update), Duration::ZERO);
        tokio::time::advance(Duration::from_secs(30)).await;
        assert_eq!(pacer.take(Method::UsersInfo, None, Duration::ZERO), Ok(Duration::ZERO));
    }

    #[tokio::test(start_paused = true)]
    async fn a_tier_allows_a_short_burst_and_then_its_rate() {
        let pacer = Pacer::new(&PacingConfig::default());
        let start = Instant::now();
        let mut last = Duration::ZERO;
        for _ in 0..62 {
            last = pacer.take(Method::Update, None, LONG).expect("long");
        }
        assert!(Duration::from_secs(58) < last && last < Duration::from_secs(62), "{last:?}");
        assert_eq!(start, Instant::now());
        let burst = Pacer::new(&PacingConfig::default());
        let free = (0..50).take_while(|_| burst.take(Method::Update, None, Duration::ZERO).is_ok()).count();
        assert_eq!(free, 13);
    }

    #[tokio::test(start_paused = true)]
    async fn forgotten_channels_leave_no_memory() {
        let pacer = Pacer::new(&PacingConfig { posts_per_minute: 60_000_000, ..PacingConfig::default() });
        for index in 0..2_000 {
            pacer.take(Method::PostMessage, Some(&format!("C{index}")), LONG).expect("long");
            tokio::time::advance(Duration::from_millis(100)).await;
        }
        assert!(pacer.state.lock().channels.len() <= 256);
    }
}
