//! What the actors of the house are made of.

use super::House;
use super::keeper::KeeperParts;
use super::reporter::{HealthReporter, ReporterParts};
use crate::aws::Aws;
use crate::clock;
use crate::delivery::{Courier, CourierParts};
use crate::dispatch::{DeskParts, Dispatcher, Identity, PeopleParts};
use crate::domain::VitalsSource;
use crate::execution::{AnswerDesk, Locks, WorkerPool, Workshop};
use crate::intake::{Gate, SelfTest};
use crate::supervision::{Child, Handle};
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
        Arc::new(Gate::new(self.settings.execution.max_open, move || health.open()))
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

    pub(super) fn desk(&self, shop: Workshop, pool: WorkerPool, identity: Arc<OnceCell<Identity>>) -> DeskParts {
        let people = PeopleParts {
            groups: Arc::new(self.settings.groups.clone()),
            web_api: Arc::clone(&self.web_api),
            identity,
        };
        DeskParts {
            people,
            policies: Arc::clone(&self.policies),
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
