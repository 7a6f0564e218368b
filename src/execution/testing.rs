//! What the tests of execution and dispatch stand on: everything behind the dispatcher, with a true store.

use super::{AnswerDesk, Awaiting, AwsWorker, ExecutionConfig, Flights, Locks, WorkerPool, Workshop};
use crate::clock;
use crate::delivery::{Courier, CourierParts, DeliveryConfig};
use crate::domain::{ApprovalRequest, ChannelId, Decision, Plan, Step, UserId};
use crate::domain::{ReplyTo, Request, RequestId, Source};
use crate::slack::api::{Pacer, WebApi};
use crate::slack::{Proxy, SlackConfig};
use crate::store::{
    self, Accepted, Asked, Entry, Final, Former, Held, Journal, Letter, NewLetter, NewRequest, QueueDepth, Recent,
    StepState, Store, StoreConfig, StoreError, Wanted,
};
use crate::supervision::{ChildSpec, Tree, TreeSpec, WorkerRuntime};
use async_trait::async_trait;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tokio::sync::Notify;

/// A journal with a lease that is found to hold so often, each time for this long; and all that it holds was found.
pub(crate) struct Leased {
    pub(crate) finds: Notify,
    journal: Arc<dyn Journal>,
    lease: Duration,
    renewals: AtomicU32,
}

impl Leased {
    pub(crate) fn new(journal: Arc<dyn Journal>, lease: Duration, renewals: u32) -> Self {
        Self { journal, lease, renewals: AtomicU32::new(renewals), finds: Notify::new() }
    }
}

#[async_trait]
impl Journal for Leased {
    fn held_for(&self, _: RequestId) -> Option<Duration> {
        let one_less = |left: u32| left.checked_sub(1);
        self.renewals.fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_less).ok().map(|_| self.lease)
    }
    async fn accept(&self, new: NewRequest) -> Result<Accepted, StoreError> {
        self.journal.accept(new).await
    }
    async fn known(&self, keys: &[String]) -> Result<Option<RequestId>, StoreError> {
        self.journal.known(keys).await
    }
    async fn awaiting_approval(
        &self,
        approval: &ApprovalRequest,
        reply_to: &ReplyTo,
        letter: NewLetter,
    ) -> Result<Letter, StoreError> {
        self.journal.awaiting_approval(approval, reply_to, letter).await
    }
    async fn planned(&self, id: RequestId, plan: Plan) -> Result<(), StoreError> {
        self.journal.planned(id, plan).await
    }
    async fn step_started(&self, id: RequestId, step: Step) -> Result<(), StoreError> {
        self.journal.step_started(id, step).await
    }
    async fn step_ended(&self, id: RequestId, index: u32, state: StepState) -> Result<(), StoreError> {
        self.journal.step_ended(id, index, state).await
    }
    async fn finish_judged(
        &self,
        id: RequestId,
        end: Final,
        letter: NewLetter,
        decision: Option<Arc<Decision>>,
    ) -> Result<Letter, StoreError> {
        self.journal.finish_judged(id, end, letter, decision).await
    }
    fn held(&self, wanted: &mut dyn FnMut(&Held) -> bool) -> Vec<Entry> {
        self.journal.held(&mut |held| wanted(&Held { is_found: true, ..*held }))
    }
    fn former(&self, id: RequestId) -> Former {
        self.journal.former(id)
    }
    async fn found(&self) {
        self.finds.notified().await;
    }
    async fn recent(&self, user: &UserId, limit: usize) -> Result<Recent, StoreError> {
        self.journal.recent(user, limit).await
    }
    async fn answered_by(&self, channel: &ChannelId, ts: &str) -> Result<Option<Asked>, StoreError> {
        self.journal.answered_by(channel, ts).await
    }
    async fn unfinished(&self) -> Result<QueueDepth, StoreError> {
        self.journal.unfinished().await
    }
}

/// A house without Slack: the courier has nobody to give its letters to.
pub(crate) struct House {
    pub(crate) store: Store,
    pub(crate) shop: Workshop,
    pub(crate) pool: WorkerPool,
    pub(crate) flights: Arc<Flights>,
    pub(crate) tree: Tree,
    _folder: tempfile::TempDir,
}

impl House {
    pub(crate) async fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let config = StoreConfig { path: folder.path().join("bot.db"), ..StoreConfig::default() };
        let store = store::open(&config, clock::system()).expect("the store opens");
        let slack = SlackConfig { api_url: "http://127.0.0.1:9/api".to_owned(), ..SlackConfig::default() };
        let proxy = Arc::new(Proxy::for_config(&slack, None, None).expect("a valid proxy"));
        let parts = CourierParts {
            outbox: Arc::clone(&store.outbox),
            lanes: Arc::default(),
            clock: clock::system(),
            turns: clock::system(),
            web_api: Arc::new(move || WebApi::new(&slack, Arc::clone(&proxy), Arc::new(Pacer::new(&slack.pacing)))),
            config: DeliveryConfig { retry_min_ms: 3_600_000, retry_max_seconds: 3_600, ..DeliveryConfig::default() },
        };
        let tree = Tree::new(TreeSpec::new("test"));
        let courier = tree.add(ChildSpec::new("courier"), move |_| Courier::new(parts.clone())).await;
        let shop = Workshop {
            desk: AnswerDesk {
                journal: Arc::clone(&store.journal),
                courier,
                clock: clock::system(),
                onlookers: Arc::default(),
            },
            outbox: Arc::clone(&store.outbox),
            approvals: Arc::clone(&store.approvals),
            awaiting: Arc::<Awaiting>::default(),
            locks: Arc::new(Locks::default()),
            runtime: WorkerRuntime::new("test-worker", 1).expect("a thread"),
            policies: "e3b0c44298fc".into(),
            config: ExecutionConfig::default(),
        };
        let worker = {
            let shop = shop.clone();
            tree.add(ChildSpec::new("worker"), move |_| AwsWorker::new(shop.clone())).await
        };
        let pool = WorkerPool::new(vec![worker], 1);
        Self { store, shop, pool, flights: Arc::default(), tree, _folder: folder }
    }

    /// A request as a mention brings it, not yet journalled.
    pub(crate) fn a_request(&self, number: u128) -> Request {
        Request {
            id: RequestId::new(1, number),
            source: Source::Mention,
            team: "T1".into(),
            user: "U1".into(),
            channel: "C1".into(),
            text: "test stop i-1".to_owned(),
            reply_to: ReplyTo::Thread { thread_ts: "1.2".to_owned(), begun: false },
            accepted_at: clock::system().now(),
            trigger: None,
        }
    }

    pub(crate) async fn accept(&self, number: u128) -> Request {
        self.accept_this(self.a_request(number)).await
    }

    pub(crate) async fn accept_this(&self, request: Request) -> Request {
        let new = NewRequest { request: request.clone(), keys: vec![format!("event:{}", request.id)] };
        assert_eq!(self.store.journal.accept(new).await.expect("accepted"), Accepted::New);
        request
    }

    pub(crate) async fn letters(&self) -> Vec<String> {
        let later = clock::system().now() + jiff::SignedDuration::from_hours(2);
        let letters = self.store.outbox.due(later, Wanted::first(100)).await.expect("the outbox is read");
        letters.iter().map(|letter| crate::commands::testing::plain(&letter.letter.reply)).collect()
    }

    pub(crate) async fn ends(self) {
        assert!(self.store.journal.held(&mut |_| true).is_empty(), "every request is final");
        self.tree.stop().await;
        self.store.close(Duration::from_secs(5)).await.expect("closed");
    }
}
