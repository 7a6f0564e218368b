//! The pace: below Slack's limits per method and per channel, and silent where Slack asked for silence. One for the
//! whole process, as Slack counts by app and workspace.
//!
//! A call first waits until its channel is free and only then takes a place in the order of its method, so that a
//! channel that waits keeps nothing from the others. Slack's "too many" is taken to be about the channel; when another
//! channel is told the same within a minute, it is about the method. Whatever was told so goes at half its rate for a
//! while, without bursts: a limit that is lower than the documented one costs a refusal now and then, not a loop.

use super::super::config::PacingConfig;
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
    /// chat.delete
    Delete,
    /// chat.postEphemeral
    PostEphemeral,
    /// users.info
    UsersInfo,
    /// usergroups.users.list
    UsergroupsUsersList,
    /// usergroups.list
    UsergroupsList,
    /// views.publish
    ViewsPublish,
    /// views.open
    ViewsOpen,
    /// conversations.info
    ConversationsInfo,
    /// conversations.open
    ConversationsOpen,
    /// conversations.history
    ConversationsHistory,
    /// conversations.replies
    ConversationsReplies,
    /// files.getUploadURLExternal
    GetUploadUrl,
    /// The bytes of a file, to the address that Slack gave for them.
    Upload,
    /// files.completeUploadExternal
    CompleteUpload,
    /// files.info
    FilesInfo,
    /// A POST to a response_url. Stays the last: the length of [`Method::ALL`] is counted by it.
    ResponseUrl,
}

impl Method {
    /// Every method, in the order of the declaration.
    pub const ALL: [Self; Self::ResponseUrl as usize + 1] = [
        Self::AuthTest,
        Self::PostMessage,
        Self::Update,
        Self::Delete,
        Self::PostEphemeral,
        Self::UsersInfo,
        Self::UsergroupsUsersList,
        Self::UsergroupsList,
        Self::ViewsPublish,
        Self::ViewsOpen,
        Self::ConversationsInfo,
        Self::ConversationsOpen,
        Self::ConversationsHistory,
        Self::ConversationsReplies,
        Self::GetUploadUrl,
        Self::Upload,
        Self::CompleteUpload,
        Self::FilesInfo,
        Self::ResponseUrl,
    ];

    /// Slack's name for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AuthTest => "auth.test",
            Self::PostMessage => "chat.postMessage",
            Self::Update => "chat.update",
            Self::Delete => "chat.delete",
            Self::PostEphemeral => "chat.postEphemeral",
            Self::UsersInfo => "users.info",
            Self::UsergroupsUsersList => "usergroups.users.list",
            Self::UsergroupsList => "usergroups.list",
            Self::ViewsPublish => "views.publish",
            Self::ConversationsInfo => "conversations.info",
            Self::ConversationsOpen => "conversations.open",
            Self::ConversationsHistory => "conversations.history",
            Self::ConversationsReplies => "conversations.replies",
            Self::GetUploadUrl => "files.getUploadURLExternal",
            Self::Upload => "upload_url",
            Self::CompleteUpload => "files.completeUploadExternal",
            Self::FilesInfo => "files.info",
            Self::ResponseUrl => "response_url",
            Self::ViewsOpen => "views.open",
        }
    }

    /// The scopes of the bot token that it needs, if it needs any. The manifest and `dronebot doctor` follow from this.
    pub fn scopes(self) -> &'static [&'static str] {
        match self {
            Self::AuthTest | Self::Upload | Self::ViewsPublish | Self::ViewsOpen | Self::ResponseUrl => &[],
            Self::PostMessage | Self::Update | Self::Delete | Self::PostEphemeral => &["chat:write"],
            Self::UsersInfo => &["users:read"],
            Self::UsergroupsUsersList | Self::UsergroupsList => &["usergroups:read"],
            // whether other organisations read in a channel, a private channel, a direct message of several
            Self::ConversationsInfo => &["channels:read", "groups:read", "mpim:read"],
            Self::ConversationsOpen => &["im:write"],
            // whether a message whose answer was lost is there: in a channel, a private channel, a direct message
            Self::ConversationsHistory | Self::ConversationsReplies => {
                &["channels:history", "groups:history", "im:history"]
            }
            Self::GetUploadUrl | Self::CompleteUpload => &["files:write"],
            // whether a file whose answer was lost is there
            Self::FilesInfo => &["files:read"],
        }
    }

    /// Whether doing it twice is the same as doing it once.
    pub(super) fn is_repeatable(self) -> bool {
        !matches!(
            self,
            Self::PostMessage | Self::PostEphemeral | Self::CompleteUpload | Self::ResponseUrl | Self::ViewsOpen
        )
    }

    fn per_minute(self, config: &PacingConfig) -> Option<u32> {
        match self {
            Self::AuthTest => Some(600),
            Self::PostMessage => Some(config.posts_per_minute),
            Self::Update
            | Self::Delete
            | Self::ConversationsInfo
            | Self::ConversationsOpen
            | Self::ConversationsHistory
            | Self::ConversationsReplies => Some(config.tier3_per_minute),
            Self::PostEphemeral
            | Self::UsersInfo
            | Self::ViewsOpen
            | Self::ViewsPublish
            | Self::GetUploadUrl
            | Self::CompleteUpload
            | Self::FilesInfo => Some(config.tier4_per_minute),
            Self::UsergroupsUsersList | Self::UsergroupsList => Some(config.tier2_per_minute),
            Self::Upload | Self::ResponseUrl => None,
        }
    }
}

/// For how long the "too many" of one channel is remembered: Slack counts by the minute.
const REFUSED: Duration = Duration::from_secs(60);

/// For how long a rate that Slack refused is halved.
const CALM: Duration = Duration::from_secs(300);

/// The most times that a rate is halved.
const HALVED_MOST: u32 = 4;

/// A rate with a burst, and what Slack has said against it.
#[derive(Debug)]
struct Rate {
    interval: Duration,
    burst: Duration,
    /// The time at which the next call would be exactly in pace.
    due: Option<Instant>,
    held_until: Option<Instant>,
    /// Places taken before the last hold are void.
    generation: u64,
    /// How often the rate is halved at present, and since when.
    halved: u32,
    halved_at: Option<Instant>,
}

impl Rate {
    fn new(interval: Duration, burst: Duration) -> Self {
        Self { interval, burst, due: None, held_until: None, generation: 0, halved: 0, halved_at: None }
    }

    fn per_minute(calls: u32) -> Self {
        let calls = calls.max(1);
        let interval = Duration::from_secs(60) / calls;
        // a quarter of a minute's calls may come at once
        Self::new(interval, interval * (calls / 4))
    }

    fn wait(&self, now: Instant) -> Duration {
        let until = |at: Option<Instant>, now| at.and_then(|at: Instant| at.checked_duration_since(now));
        let (pace, held) = (until(self.due, now + self.burst), until(self.held_until, now));
        pace.max(held).unwrap_or_default()
    }

    /// Takes the next place, and says when it is.
    fn take(&mut self, now: Instant) -> Instant {
        if self.halved > 0 && self.halved_at.is_none_or(|at| now >= at + CALM) {
            self.halved -= 1;
            self.halved_at = Some(now);
        }
        let at = now + self.wait(now);
        self.due = Some(self.due.map_or(at, |due| due.max(at)) + self.interval * 2_u32.pow(self.halved));
        at
    }

    /// Nothing until then; `limited`: because there were too many.
    fn hold(&mut self, now: Instant, until: Instant, limited: bool) {
        let first = self.held_until.is_none_or(|held| held <= now);
        self.held_until = Some(self.held_until.map_or(until, |held| held.max(until)));
        self.generation += 1;
        // who waits takes a new place: one after the other from then on, with no burst
        self.due = self.held_until.map(|until| until + self.burst);
        // what was on its way at the same time is refused for the same reason
        if limited && first {
            self.halved = (self.halved + 1).min(HALVED_MOST);
            self.halved_at = self.held_until;
        }
    }

    /// Whether there is nothing to remember of it.
    fn is_rested(&self, now: Instant) -> bool {
        self.wait(now).is_zero() && self.halved_at.is_none_or(|at| now >= at + CALM)
    }
}

#[derive(Debug)]
struct Turn {
    rate: Rate,
    /// The channel that was last told "too many", and when.
    refused: Option<(String, Instant)>,
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
    /// The pace of each channel; those that rest are swept out now and then.
    channels: HashMap<String, Rate>,
    sweep_at: usize,
}

/// A call that waits for its turn.
#[derive(Debug)]
pub(super) struct Booking<'a> {
    method: Method,
    channel: Option<&'a str>,
    /// Its place in the order of its method, and the generation of that order.
    place: Option<(Instant, u64)>,
}

impl<'a> Booking<'a> {
    pub(super) fn new(method: Method, channel: Option<&'a str>) -> Self {
        Self { method, channel, place: None }
    }
}

impl Pacer {
    /// A pace with nothing used up.
    pub fn new(config: &PacingConfig) -> Self {
        let rate = |method: Method| match method.per_minute(config) {
            Some(calls) => Rate::per_minute(calls),
            None => Rate::new(Duration::ZERO, Duration::ZERO),
        };
        let methods = Method::ALL.into_iter().map(|method| (method, Turn { rate: rate(method), refused: None }));
        Self {
            state: Mutex::new(State { methods: methods.collect(), channels: HashMap::new(), sweep_at: 256 }),
            channel_interval: config.channel_interval,
        }
    }

    /// How long until this method may be called, channels aside: for what is better made when its turn comes.
    pub fn next_turn(&self, method: Method) -> Duration {
        let now = Instant::now();
        self.state.lock().methods.get(&method).map(|turn| turn.rate.wait(now)).unwrap_or_default()
    }

    /// Whether the call may go now (`None`: its turn is taken), or how long until it must ask again. When that is longer
    /// than `patience` it is the error.
    pub(super) fn ask(&self, booking: &mut Booking<'_>, patience: Duration) -> Result<Option<Duration>, Duration> {
        let now = Instant::now();
        let mut state = self.state.lock();
        let wait = state.wait(booking, now);
        if !wait.is_zero() {
            return if wait > patience { Err(wait) } else { Ok(Some(wait)) };
        }
        let Some(turn) = state.methods.get_mut(&booking.method) else { return Ok(None) };
        let current = booking.place.filter(|(_, generation)| *generation == turn.rate.generation);
        if current.is_none() {
            let wait = turn.rate.wait(now);
            if wait > patience {
                return Err(wait);
            }
            let at = turn.rate.take(now);
            booking.place = Some((at, turn.rate.generation));
            if at > now {
                return Ok(Some(at - now));
            }
        }
        if let Some(channel) = booking.channel.filter(|_| !self.channel_interval.is_zero()) {
            state.sweep(now);
            state.channel(channel, self.channel_interval).take(now);
        }
        Ok(None)
    }

    /// Slack asked for silence; `limited`: because there were too many calls, not because of a fault of its own.
    pub(super) fn refused(&self, method: Method, channel: Option<&str>, after: Duration, limited: bool) {
        let now = Instant::now();
        let until = now + after;
        let mut state = self.state.lock();
        let Some(turn) = state.methods.get_mut(&method) else { return };
        let before = turn.refused.take().filter(|(_, at)| now < *at + REFUSED);
        match channel {
            Some(channel) if limited && before.as_ref().is_none_or(|(other, _)| other == channel) => {
                turn.refused = Some((channel.to_owned(), now));
                state.channel(channel, self.channel_interval).hold(now, until, limited);
            }
            _ => turn.rate.hold(now, until, limited),
        }
    }
}

impl State {
    /// How long until the call's channel is free, and until the place that it has comes.
    fn wait(&self, booking: &Booking<'_>, now: Instant) -> Duration {
        let channel = booking.channel.and_then(|channel| self.channels.get(channel));
        let free = channel.map(|rate| rate.wait(now)).unwrap_or_default();
        let generation = self.methods.get(&booking.method).map(|turn| turn.rate.generation);
        let place = booking.place.filter(|(_, of)| Some(*of) == generation);
        let place = place.and_then(|(at, _)| at.checked_duration_since(now)).unwrap_or_default();
        free.max(place)
    }

    fn channel(&mut self, channel: &str, interval: Duration) -> &mut Rate {
        self.channels.entry(channel.to_owned()).or_insert_with(|| Rate::new(interval, Duration::ZERO))
    }

    fn sweep(&mut self, now: Instant) {
        if self.channels.len() >= self.sweep_at {
            self.channels.retain(|_, rate| !rate.is_rested(now));
            self.sweep_at = (self.channels.len() * 2).max(256);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(6_000);

    /// Waits for a turn; when it came, after the beginning.
    async fn turn(pacer: &Pacer, method: Method, channel: Option<&str>) -> Duration {
        let (began, mut booking) = (Instant::now(), Booking::new(method, channel));
        while let Some(wait) = pacer.ask(&mut booking, LONG).expect("patience") {
            tokio::time::sleep(wait).await;
        }
        began.elapsed()
    }

    /// The same for many that begin at once: when each turn came, in whole seconds, in their order.
    async fn turns(pacer: &Pacer, method: Method, channels: &[&str]) -> Vec<u64> {
        let all = channels.iter().map(|channel| turn(pacer, method, Some(*channel).filter(|name| !name.is_empty())));
        futures_util::future::join_all(all).await.iter().map(Duration::as_secs).collect()
    }

    fn now(pacer: &Pacer, method: Method, channel: &str) -> Result<Option<Duration>, Duration> {
        pacer.ask(&mut Booking::new(method, Some(channel)), Duration::ZERO)
    }

    fn pacer(posts_per_minute: u32) -> Pacer {
        Pacer::new(&PacingConfig { posts_per_minute, ..PacingConfig::default() })
    }

    #[tokio::test(start_paused = true)]
    async fn one_message_a_second_to_a_channel_and_channels_do_not_wait_for_each_other() {
        let pacer = pacer(300);
        assert_eq!(turns(&pacer, Method::PostMessage, &["C1", "C1", "C1", "C2"]).await, [0, 1, 2, 0]);
        assert_eq!(now(&pacer, Method::PostMessage, "C1"), Err(Duration::from_secs(1)));
        assert_eq!(now(&pacer, Method::PostMessage, "C9"), Ok(None));
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(now(&pacer, Method::PostMessage, "C1"), Ok(None));
    }

    #[tokio::test(start_paused = true)]
    async fn a_wait_that_is_too_long_takes_no_turn() {
        let pacer = pacer(300);
        pacer.refused(Method::UsersInfo, None, Duration::from_secs(30), true);
        for _ in 0..3 {
            let asked = pacer.ask(&mut Booking::new(Method::UsersInfo, None), Duration::from_secs(2));
            assert_eq!(asked, Err(Duration::from_secs(30)));
        }
        assert_eq!(pacer.ask(&mut Booking::new(Method::Update, None), Duration::ZERO), Ok(None), "another method");
        tokio::time::advance(Duration::from_secs(30)).await;
        assert_eq!(pacer.ask(&mut Booking::new(Method::UsersInfo, None), Duration::ZERO), Ok(None));
    }

    #[tokio::test(start_paused = true)]
    async fn a_tier_allows_a_short_burst_and_then_its_rate_in_the_order_of_the_calls() {
        let pacer = pacer(300);
        let turns = turns(&pacer, Method::Update, &[""; 62]).await;
        assert_eq!(turns.iter().filter(|at| **at == 0).count(), 13);
        assert!(turns.is_sorted());
        assert!((58..=60).contains(&turns[61]), "{turns:?}");
    }

    // failure 30
    #[tokio::test(start_paused = true)]
    async fn too_many_for_one_channel_is_about_that_channel_and_for_two_about_the_method() {
        let pacer = pacer(300);
        let after = Duration::from_secs(30);
        pacer.refused(Method::PostMessage, Some("C1"), after, true);
        assert_eq!(now(&pacer, Method::PostMessage, "C1"), Err(after));
        assert_eq!(now(&pacer, Method::PostMessage, "C2"), Ok(None), "another channel goes on");
        pacer.refused(Method::PostMessage, Some("C1"), after, true);
        assert_eq!(now(&pacer, Method::PostMessage, "C3"), Ok(None), "the same channel says no more than before");
        pacer.refused(Method::PostMessage, Some("C2"), after, true);
        assert_eq!(now(&pacer, Method::PostMessage, "C4"), Err(after), "the second channel");
        tokio::time::advance(after).await;
        assert_eq!(now(&pacer, Method::PostMessage, "C4"), Ok(None));
        assert_eq!(now(&pacer, Method::PostMessage, "C5"), Err(Duration::from_millis(400)), "half the rate, no burst");
    }

    #[tokio::test(start_paused = true)]
    async fn a_fault_of_slacks_own_holds_the_method_and_slows_nothing() {
        let pacer = pacer(300);
        pacer.refused(Method::PostMessage, Some("C1"), Duration::from_secs(5), false);
        assert_eq!(now(&pacer, Method::PostMessage, "C2"), Err(Duration::from_secs(5)));
        tokio::time::advance(Duration::from_secs(5)).await;
        assert_eq!(now(&pacer, Method::PostMessage, "C2"), Ok(None));
        assert_eq!(now(&pacer, Method::PostMessage, "C3"), Err(Duration::from_millis(200)));
    }

    // failure 30
    #[tokio::test(start_paused = true)]
    async fn who_waits_when_slack_asks_for_silence_waits_anew() {
        let pacer = pacer(60);
        for channel in 0..16 {
            turn(&pacer, Method::PostMessage, Some(&format!("B{channel}"))).await;
        }
        let waiting = turns(&pacer, Method::PostMessage, &["C1", "C2", "C3"]);
        let silence = async {
            tokio::time::sleep(Duration::from_millis(500)).await;
            pacer.refused(Method::PostMessage, None, Duration::from_secs(30), true);
        };
        let (waited, ()) = tokio::join!(waiting, silence);
        assert_eq!(waited, [30, 32, 34]);
    }

    // failure 30
    #[tokio::test(start_paused = true)]
    async fn a_channel_that_must_wait_keeps_no_place_from_the_others() {
        let pacer = pacer(60);
        pacer.refused(Method::PostMessage, Some("C1"), Duration::from_secs(60), true);
        let held = turn(&pacer, Method::PostMessage, Some("C1"));
        let others = async {
            for channel in 0..16 {
                assert_eq!(turn(&pacer, Method::PostMessage, Some(&format!("B{channel}"))).await, Duration::ZERO);
            }
        };
        let (waited, ()) = tokio::join!(held, others);
        assert_eq!(waited, Duration::from_secs(60));
    }

    #[tokio::test(start_paused = true)]
    async fn a_rate_that_was_refused_comes_back_after_a_while() {
        let pacer = pacer(60);
        pacer.refused(Method::PostMessage, None, Duration::from_secs(1), true);
        turns(&pacer, Method::PostMessage, &["C1"]).await;
        assert_eq!(turns(&pacer, Method::PostMessage, &["C2", "C3"]).await, [2, 4]);
        tokio::time::advance(CALM).await;
        turns(&pacer, Method::PostMessage, &["D1"; 1]).await;
        let pace: Vec<&str> = ["E", "F", "G", "H", "I", "J", "K", "L", "M", "N", "O", "P", "Q", "R", "S", "T"].to_vec();
        let pace = turns(&pacer, Method::PostMessage, &pace).await;
        assert_eq!(pace[15] - pace[14], 1, "{pace:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn forgotten_channels_leave_no_memory() {
        let pacer = pacer(60_000_000);
        for index in 0..2_000 {
            turn(&pacer, Method::PostMessage, Some(&format!("C{index}"))).await;
            tokio::time::advance(Duration::from_millis(100)).await;
        }
        assert!(pacer.state.lock().channels.len() <= 256);
    }
}
