//! Storms of answers, in virtual time: the real courier, pace and outbox, and a Slack that keeps its limits.

use super::super::*;
use crate::clock::Clock;
use crate::delivery::{DeliveryConfig, Lanes};
use crate::domain::{Reply, ReplyTo, Request, RequestId, Source, Tone};
use crate::slack::SlackConfig;
use crate::slack::api::{Answer, CallError, Content, Pacer, Wire};
use crate::store::{
    self, Address, Final, LetterId, NewLetter, NewRequest, Outbox, QueueDepth, Store, StoreConfig, StoreError, Way,
};
use crate::supervision::{ChildSpec, Handle, Tree, TreeSpec};
use async_trait::async_trait;
use awc::http::header::HeaderValue;
use futures_util::future::{LocalBoxFuture, join_all};
use jiff::Timestamp;
use parking_lot::Mutex;
use std::collections::{BTreeMap, HashMap};
use tokio::runtime;
use tokio::time::{Instant, sleep};

/// Virtual time stands still while something real is waited for.
async fn held<T: Send + 'static>(real: impl Future<Output = T> + Send + 'static) -> T {
    let here = runtime::Handle::current();
    tokio::task::spawn_blocking(move || here.block_on(real)).await.expect("it ends")
}

/// Virtual time as a time of day, for the store's own thread too.
struct VirtualClock {
    began: Instant,
    seen: Mutex<Timestamp>,
}

impl Clock for VirtualClock {
    fn now(&self) -> Timestamp {
        let mut seen = self.seen.lock();
        if runtime::Handle::try_current().is_ok() {
            *seen = Timestamp::UNIX_EPOCH + self.began.elapsed();
        }
        *seen
    }
}

/// The real outbox, for which virtual time waits.
struct HeldOutbox(Arc<dyn Outbox>);

#[async_trait]
impl Outbox for HeldOutbox {
    async fn put(&self, letter: NewLetter) -> Result<Option<Letter>, StoreError> {
        let outbox = Arc::clone(&self.0);
        held(async move { outbox.put(letter).await }).await
    }
    async fn due(&self, now: Timestamp, wanted: Wanted) -> Result<Vec<Letter>, StoreError> {
        let outbox = Arc::clone(&self.0);
        held(async move { outbox.due(now, wanted).await }).await
    }
    async fn delivered(&self, id: LetterId, delivery: Delivery) -> Result<(), StoreError> {
        let outbox = Arc::clone(&self.0);
        held(async move { outbox.delivered(id, delivery).await }).await
    }
    async fn note(&self, id: LetterId, way: &Way) -> Result<(), StoreError> {
        let (outbox, way) = (Arc::clone(&self.0), way.clone());
        held(async move { outbox.note(id, &way).await }).await
    }
    fn mine_for(&self, id: LetterId) -> Option<Duration> {
        self.0.mine_for(id)
    }
    async fn depth(&self) -> Result<QueueDepth, StoreError> {
        let outbox = Arc::clone(&self.0);
        held(async move { outbox.depth().await }).await
    }
}

/// Calls that Slack still takes.
struct Bucket {
    left: f64,
    most: f64,
    per_second: f64,
    at: Instant,
}

impl Bucket {
    fn new(most: f64, per_second: f64) -> Self {
        Self { left: most, most, per_second, at: Instant::now() }
    }

    /// Takes one, or says how long to wait.
    fn take(&mut self) -> Result<(), f64> {
        self.left = (self.left + self.at.elapsed().as_secs_f64() * self.per_second).min(self.most);
        self.at = Instant::now();
        // a nanosecond lost in rounding is no offence
        if self.left < 0.999_999 {
            return Err(((1.0 - self.left) / self.per_second).ceil().max(1.0));
        }
        self.left -= 1.0;
        Ok(())
    }
}

/// A call that Slack has seen.
#[derive(Clone, Debug)]
struct Seen {
    at: Duration,
    path: String,
    channel: String,
    text: String,
    /// The message that it became or edited.
    ts: String,
    refused: bool,
}

struct SlackState {
    posts: Bucket,
    tiers: HashMap<&'static str, Bucket>,
    channels: HashMap<String, Bucket>,
    seen: Vec<Seen>,
}

/// A Slack that takes a message a second in a channel, so many a minute in the workspace, and its tiers.
struct LimitedSlack {
    began: Instant,
    state: Mutex<SlackState>,
}

impl LimitedSlack {
    fn new(posts_per_minute: f64) -> Self {
        let tier = |calls: f64| Bucket::new(calls, calls / 60.0);
        let tiers = HashMap::from([("chat.update", tier(50.0)), ("chat.postEphemeral", tier(100.0))]);
        let posts = Bucket::new(posts_per_minute / 3.0, posts_per_minute / 60.0);
        let state = SlackState { posts, tiers, channels: HashMap::new(), seen: Vec::new() };
        Self { began: Instant::now(), state: Mutex::new(state) }
    }

    fn take(&self, path: &str, body: &serde_json::Value) -> Result<String, f64> {
        let mut state = self.state.lock();
        let word = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
        let channel = word("channel");
        let taken = if path == "chat.postMessage" {
            let one_a_second = state.channels.entry(channel.clone()).or_insert_with(|| Bucket::new(1.0, 1.0));
            one_a_second.take().and_then(|()| state.posts.take())
        } else {
            state.tiers.get_mut(path).map_or(Ok(()), Bucket::take)
        };
        let number = state.seen.len();
        let ts = Some(word("ts")).filter(|ts| !ts.is_empty()).unwrap_or_else(|| format!("{number}.000001"));
        let (at, path, text) = (self.began.elapsed(), path.to_owned(), word("text"));
        state.seen.push(Seen { at, path, channel, text, ts: ts.clone(), refused: taken.is_err() });
        taken.map(|()| ts)
    }

    fn seen(&self) -> Vec<Seen> {
        self.state.lock().seen.clone()
    }

    fn refused(&self) -> usize {
        self.state.lock().seen.iter().filter(|seen| seen.refused).count()
    }
}

struct Line(Arc<LimitedSlack>);

impl Wire for Line {
    fn post<'a>(
        &'a self,
        url: &'a str,
        _: Option<&'a HeaderValue>,
        content: Content,
        _: Duration,
    ) -> LocalBoxFuture<'a, Result<Answer, CallError>> {
        Box::pin(async move {
            let Content::Json(body) = content else { panic!("nothing is asked by form here") };
            let body = serde_json::from_slice(&body).expect("JSON");
            let taken = self.0.take(url.rsplit('/').next().expect("a method"), &body);
            sleep(Duration::from_millis(80)).await;
            let (status, wait, body) = match taken {
                Ok(ts) => (200, None, serde_json::json!({"ok": true, "channel": body["channel"], "ts": ts})),
                Err(wait) => (429, Some(wait), serde_json::json!({"ok": false, "error": "ratelimited"})),
            };
            let retry_after = wait.map(Duration::from_secs_f64);
            Ok(Answer { status, retry_after, scopes: None, date: None, body: body.to_string().into() })
        })
    }
}

/// The parts of the bot that a storm goes through.
struct Storm {
    slack: Arc<LimitedSlack>,
    store: Store,
    outbox: Arc<dyn Outbox>,
    lanes: Arc<Lanes>,
    tree: Tree,
    courier: Handle<Courier>,
    began: Instant,
    _folder: tempfile::TempDir,
}

fn id(number: u64) -> RequestId {
    RequestId::new(1, number.into())
}

fn thread(channel: &str, number: u64) -> Address {
    Address::Post { channel: channel.into(), thread_ts: Some(format!("{number}.5")), asker: None }
}

fn letter(number: u64, address: Address, text: &str, last: bool) -> NewLetter {
    NewLetter { request: id(number), address, reply: Reply::new(Tone::Info).text(text), last, trigger: None }
}

impl Storm {
    async fn begin(posts_per_minute: f64) -> Self {
        let clock: Arc<dyn Clock> =
            Arc::new(VirtualClock { began: Instant::now(), seen: Mutex::new(Timestamp::UNIX_EPOCH) });
        // its syncs are not what is tested here
        let memory = std::path::Path::new("/dev/shm");
        let folder = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
        let folder = folder.expect("a folder");
        let config = StoreConfig { path: folder.path().join("storm.db"), ..StoreConfig::default() };
        let store = store::open(&config, Arc::clone(&clock)).expect("the store opens");
        let slack = Arc::new(LimitedSlack::new(posts_per_minute));
        let config = SlackConfig { api_url: "http://slack/api".to_owned(), ..SlackConfig::default() };
        let (wire, pacer) = (Arc::clone(&slack), Arc::new(Pacer::new(&config.pacing)));
        let outbox: Arc<dyn Outbox> = Arc::new(HeldOutbox(Arc::clone(&store.outbox)));
        let parts = CourierParts {
            outbox: Arc::clone(&outbox),
            lanes: Arc::default(),
            turns: Arc::clone(&clock),
            clock,
            web_api: Arc::new(move || WebApi::over(Box::new(Line(Arc::clone(&wire))), &config, Arc::clone(&pacer))),
            config: DeliveryConfig::default(),
        };
        let lanes = Arc::clone(&parts.lanes);
        let tree = Tree::new(TreeSpec::new("storm"));
        let spec = ChildSpec::new("courier").max_in_flight(16_384);
        let courier = tree.add(spec, move |_| Courier::new(parts.clone())).await;
        let began = Instant::now();
        Self { slack, store, outbox, lanes, tree, courier, began, _folder: folder }
    }

    async fn accept(&self, numbers: impl Iterator<Item = u64>) {
        let journal = Arc::clone(&self.store.journal);
        let requests = numbers.map(|number| Request {
            id: id(number),
            source: Source::Mention,
            team: "T1".into(),
            user: "U1".into(),
            channel: "C1".into(),
            text: "ping".to_owned(),
            reply_to: ReplyTo::Channel,
            accepted_at: Timestamp::UNIX_EPOCH,
            trigger: None,
        });
        let new: Vec<_> =
            requests.map(|request| NewRequest { keys: vec![format!("envelope:{}", request.id)], request }).collect();
        held(async move {
            for some in new.chunks(512) {
                join_all(some.iter().map(|new| journal.accept(new.clone()))).await;
            }
        })
        .await;
    }

    /// Final answers, all at once.
    async fn answer(&self, letters: Vec<NewLetter>) {
        self.accept(letters.iter().map(|letter| u64::try_from(letter.request.0.random()).expect("small"))).await;
        self.finish(letters).await;
    }

    async fn finish(&self, letters: Vec<NewLetter>) {
        let journal = Arc::clone(&self.store.journal);
        let stored = held(async move {
            let mut stored = Vec::new();
            for some in letters.chunks(512) {
                let some = some.iter().cloned();
                let done = some.map(|letter| journal.finish(letter.request, Final::Succeeded, letter));
                stored.extend(join_all(done).await.into_iter().map(|letter| letter.expect("finished")));
            }
            stored
        });
        for letter in stored.await {
            let _ = self.courier.tell(Deliver(letter));
        }
    }

    async fn progress(&self, letter: NewLetter) {
        if let Some(letter) = self.outbox.put(letter).await.expect("stored") {
            let _ = self.courier.tell(Deliver(letter));
        }
    }

    /// Waits until all is delivered; how long that took, and the most letters in memory.
    async fn calm(&self) -> (Duration, usize) {
        let mut most = 0;
        loop {
            most = most.max(self.lanes.len());
            if self.lanes.is_empty() && self.outbox.depth().await.expect("counted").waiting == 0 {
                return (self.began.elapsed(), most);
            }
            sleep(Duration::from_secs(2)).await;
        }
    }

    /// When each text was taken by Slack as the state of a message, in the order of the calls.
    fn taken(&self) -> Vec<Seen> {
        self.slack.seen().into_iter().filter(|seen| !seen.refused).collect()
    }

    async fn end(self) {
        self.tree.stop().await;
        let store = self.store.clone();
        held(async move { store.close(Duration::from_secs(10)).await }).await.expect("closed");
    }
}

async fn storm(test: impl Future<Output = ()>) {
    tokio::task::LocalSet::new().run_until(test).await;
}

/// How often each text was taken.
fn counts(seen: &[Seen]) -> BTreeMap<&str, usize> {
    let mut counts = BTreeMap::new();
    seen.iter().for_each(|seen| *counts.entry(seen.text.as_str()).or_default() += 1);
    counts
}

// failure 30
#[tokio::test(start_paused = true)]
async fn ten_thousand_answers_to_one_channel_go_one_a_second_and_hold_up_nobody_else() {
    storm(async {
        let storm = Storm::begin(300.0).await;
        let many = (0..10_000).map(|number| letter(number, thread("C1", number), &format!("answer {number}"), true));
        storm.answer(many.collect()).await;
        sleep(Duration::from_secs(100)).await;
        let by_url = Address::ResponseUrl {
            url: "http://slack/by-url".to_owned().into(),
            channel: "C1".into(),
            user: "U1".into(),
        };
        let whisper = Address::Ephemeral { channel: "C1".into(), thread_ts: None, user: "U2".into() };
        let quick = [(20_000, by_url), (20_001, whisper), (20_002, thread("C2", 1))];
        let quick = quick.map(|(number, address)| letter(number, address, &format!("quick {number}"), true));
        let asked = storm.began.elapsed();
        storm.answer(quick.to_vec()).await;
        let (took, most) = storm.calm().await;

        let taken = storm.taken();
        let waited: Vec<_> = taken.iter().filter(|seen| seen.text.starts_with("quick")).map(|s| s.at - asked).collect();
        assert_eq!(waited.len(), 3);
        assert!(waited.iter().all(|waited| *waited < Duration::from_millis(200)), "{waited:?}");
        let counts = counts(&taken);
        assert!(counts.len() == 10_003 && counts.values().all(|count| *count == 1), "each once");
        let in_order = taken.iter().filter(|seen| seen.channel == "C1" && seen.path == "chat.postMessage");
        let in_order: Vec<u64> = in_order.map(|s| s.text["answer ".len()..].parse().expect("a number")).collect();
        assert!(in_order.is_sorted(), "in the order in which they were given");
        assert_eq!(storm.slack.refused(), 0);
        assert!((9_999..10_100).contains(&took.as_secs()), "{took:?}");
        assert!(most <= PER_LANE + 5, "{most} letters in memory");
        storm.end().await;
    })
    .await;
}

// failure 30
#[tokio::test(start_paused = true)]
async fn ten_thousand_answers_to_200_channels_go_as_fast_as_the_workspace_takes_them() {
    storm(async {
        let storm = Storm::begin(300.0).await;
        let many = (0..10_000).map(|number| {
            letter(number, thread(&format!("C{}", number % 200), number), &format!("answer {number}"), true)
        });
        storm.answer(many.collect()).await;
        let (took, most) = storm.calm().await;
        let taken = storm.taken();
        let counts = counts(&taken);
        assert!(counts.len() == 10_000 && counts.values().all(|count| *count == 1), "each once");
        assert_eq!(storm.slack.refused(), 0);
        // 75 at once, then five a second
        let ideal = Duration::from_secs((10_000 - 75) / 5);
        println!(
            "10,000 answers over 200 channels: {took:?}; the ideal is {ideal:?}; {most} letters in memory at most"
        );
        assert!(took < ideal.mul_f64(1.02), "{took:?}");
        assert!(most <= 200 * (PER_LANE + 1), "{most} letters in memory");
        let last: BTreeMap<&str, Duration> = taken.iter().map(|seen| (seen.channel.as_str(), seen.at)).collect();
        assert!(last.values().all(|at| *at > took.mul_f64(0.9)), "no channel had to wait for another's end");
        storm.end().await;
    })
    .await;
}

// failure 30
#[tokio::test(start_paused = true)]
async fn of_progress_the_newest_is_shown_and_never_after_the_answer() {
    storm(async {
        let storm = Storm::begin(300.0).await;
        let place = |number: u64| thread(&format!("C{}", number % 10), number);
        storm.accept(0..300).await;
        for round in 0..5 {
            for number in 0..300 {
                storm.progress(letter(number, place(number), &format!("{number} at {round}"), false)).await;
            }
            sleep(Duration::from_secs(3)).await;
        }
        let answers = (0..300).map(|number| letter(number, place(number), &format!("{number} done"), true));
        storm.finish(answers.collect()).await;
        let (took, most) = storm.calm().await;
        let taken = storm.taken();
        let mut shown: BTreeMap<u64, Vec<&Seen>> = BTreeMap::new();
        for seen in &taken {
            let number = seen.text.split(' ').next().and_then(|number| number.parse().ok()).expect("a number");
            shown.entry(number).or_default().push(seen);
        }
        assert_eq!(shown.len(), 300);
        for (number, seen) in &shown {
            assert!(seen.iter().all(|other| other.ts == seen[0].ts), "one message: {seen:?}");
            assert_eq!(seen.iter().filter(|seen| seen.text.ends_with("done")).count(), 1, "{seen:?}");
            assert!(seen.last().is_some_and(|seen| seen.text == format!("{number} done")), "{seen:?}");
        }
        let progress = taken.iter().filter(|seen| !seen.text.ends_with("done")).count();
        assert!(progress < 700, "{progress} of 1,500 progress letters were worth a call");
        assert_eq!(storm.slack.refused(), 0);
        assert!(took < Duration::from_secs(420), "{took:?}");
        assert!(most <= 10 * (PER_LANE + 1), "{most}");
        storm.end().await;
    })
    .await;
}

// failure 30
#[tokio::test(start_paused = true)]
async fn a_slack_that_takes_less_than_documented_refuses_a_handful_and_not_in_a_loop() {
    storm(async {
        let storm = Storm::begin(120.0).await;
        let many = (0..2_000).map(|number| {
            letter(number, thread(&format!("C{}", number % 50), number), &format!("answer {number}"), true)
        });
        storm.answer(many.collect()).await;
        let (took, _) = storm.calm().await;
        let taken = storm.taken();
        let counts = counts(&taken);
        assert!(counts.len() == 2_000 && counts.values().all(|count| *count == 1), "each once");
        let refused = storm.slack.refused();
        println!("2,000 answers at 120 a minute: {took:?}, {refused} refused");
        assert!((1..25).contains(&refused), "{refused} refused");
        let ideal = Duration::from_secs((2_000 - 40) / 2);
        assert!(took < ideal * 2, "{took:?}");
        storm.end().await;
    })
    .await;
}
