//! What the actors of the house are made of.

use super::House;
use super::keeper::KeeperParts;
use super::reporter::{HealthReporter, ReporterParts};
use crate::aws::Aws;
use crate::clock;
use crate::delivery::{Courier, CourierParts};
use crate::dispatch::forms::Forms;
use crate::dispatch::{DeskParts, Dispatcher, HeardPlaces, HomeKeeper, Identity, PeopleParts};
use crate::domain::VitalsSource;
use crate::execution::{AnswerDesk, AwsWorker, Locks, WorkerPool, Workshop};
use crate::intake::{Doorkeeper, Gate, Room, SelfTest};
use crate::slack::Seals;
use crate::supervision::{Child, Handle, Tree};
use std::sync::Arc;
use tokio::sync::OnceCell;

impl House {
    pub(super) fn reporter(&self) -> impl Fn(&Child) -> HealthReporter + Send + 'static {
        let parts = ReporterParts {
            board: Arc::clone(&self.board),
            metrics: self.metrics.clone(),
            store: self.store.clone(),
            lanes: Arc::clone(&self.lanes),
            flights: Arc::clone(&self.flights),
            looking: Arc::default(),
        };
        move |_| HealthReporter::new(parts.clone())
    }

    pub(super) fn gate(&self) -> Arc<Gate> {
        let health = self.store.health.clone();
        let execution = &self.settings.execution;
        let room = Room { most: execution.max_open, each: execution.max_open_each };
        Arc::new(Gate::new(room, Arc::clone(&self.callers), health))
    }

    /// The door for self-tests, where the settings have one.
    pub(super) fn self_test(&self, dispatcher: &Handle<Dispatcher>, gate: &Arc<Gate>) -> Option<SelfTest> {
        let config = &self.settings.selftest;
        Some(SelfTest {
            channel: config.channel.clone()?,
            secret: config.secret.clone(),
            journal: Arc::clone(&self.store.journal),
            dispatcher: dispatcher.clone(),
            clock: clock::system(),
            gate: Arc::clone(gate),
        })
    }

    pub(super) fn keeper(&self) -> KeeperParts {
        KeeperParts {
            replicas: Arc::clone(&self.store.replicas),
            board: Arc::clone(&self.board),
            links: Arc::clone(&self.links),
            started_at: clock::system().now(),
            looking: Arc::default(),
            adopting: Arc::default(),
            beating: Arc::new(true.into()),
        }
    }

    pub(super) fn courier(&self) -> impl Fn(&Child) -> Courier + Send + 'static {
        let parts = CourierParts {
            outbox: Arc::clone(&self.store.outbox),
            lanes: Arc::clone(&self.lanes),
            clock: clock::system(),
            turns: Arc::new(clock::Onward::new(clock::system())),
            web_api: Arc::clone(&self.web_api),
            config: self.settings.delivery.clone(),
        };
        move |_| Courier::new(parts.clone())
    }

    pub(super) fn workshop(&self, courier: Handle<Courier>) -> Workshop {
        Workshop {
            approvals: Arc::clone(&self.store.approvals),
            awaiting: Arc::default(),
            desk: AnswerDesk {
                journal: Arc::clone(&self.store.journal),
                courier,
                clock: clock::system(),
                onlookers: Arc::default(),
            },
            outbox: Arc::clone(&self.store.outbox),
            locks: Arc::new(Locks::default()),
            runtime: self.runtime.clone(),
            policies: self.policies.hash().into(),
            config: self.settings.execution.clone(),
        }
    }

    pub(super) async fn workers(&self, tree: &Tree, shop: &Workshop) -> WorkerPool {
        let mut workers = Vec::new();
        for number in 0..self.settings.execution.workers.max(1) {
            let shop = shop.clone();
            let spec = self.spec(&format!("aws-worker-{number}"));
            workers.push(tree.add(spec, move |_| AwsWorker::new(shop.clone())).await);
        }
        WorkerPool::new(workers, self.settings.execution.max_running)
    }

    pub(super) fn doorkeeper(
        &self,
        dispatcher: Handle<Dispatcher>,
        home: Handle<HomeKeeper>,
        identity: Arc<OnceCell<Identity>>,
        places: Arc<HeardPlaces>,
        gate: Arc<Gate>,
    ) -> Doorkeeper {
        Doorkeeper {
            journal: Arc::clone(&self.store.journal),
            dispatcher,
            home,
            identity,
            clock: clock::system(),
            threads: Arc::default(),
            gate,
            seals: Seals::new(self.settings.slack.app_token.clone()),
            forms: Forms::new(Arc::clone(&self.catalog)),
            places,
            web_api: Arc::clone(&self.web_api),
        }
    }

    pub(super) fn desk(
        &self,
        shop: Workshop,
        pool: WorkerPool,
        identity: Arc<OnceCell<Identity>>,
        places: Arc<HeardPlaces>,
    ) -> DeskParts {
        let people = PeopleParts {
            groups: Arc::new(self.settings.groups.clone()),
            web_api: Arc::clone(&self.web_api),
            identity,
        };
        DeskParts {
            people,
            places,
            catalog: Arc::clone(&self.catalog),
            policies: Arc::clone(&self.policies),
            callers: Arc::clone(&self.callers),
            pool,
            shop,
            flights: Arc::clone(&self.flights),
            aws: Arc::new(Aws::new(self.settings.aws.clone())),
            vitals: Arc::clone(&self.board) as Arc<dyn VitalsSource>,
            clock: clock::system(),
            limits: self.settings.commands.limits(),
            deploy: Arc::new(self.settings.deploy.clone()),
            // a lease's end is to be noticed soon after it: others wait for their answers
            sweep_every: self.store.replicas.lease().map(|lease| lease / 6),
        }
    }
}
