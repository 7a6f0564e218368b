//! The ports, on the callers' side: values become rows here, so that the writer's thread has less to do.

use super::approvals::{self, WaitingRow};
use super::book::Book;
use super::held::HeldRequests;
use super::letters::{self, LetterRow, Posted};
use super::shared::{Call, Shared, WhenFull, closed};
use super::trouble::Trouble;
use super::upkeep::{Caretaker, Upkeep};
use super::{audit, file, left, past, requests, writer};
use crate::clock::Clock;
use crate::domain::{ApprovalRequest, ChannelId, Decision, Plan, ReplyTo, RequestId, Step, Target, UserId};
use crate::store::ledger;
use crate::store::wire::{AddressRow, json, place};
use crate::store::{
    Accepted, Asked, AuditLog, Backend, Beaten, Card, Delivery, Due, Entry, Event, Final, Held, HouseEntry, HouseEvent,
    Journal, Letter, LetterId, NewLetter, NewRequest, Outbox, Pulse, QueueDepth, Recent, Replica, ReplicaName,
    Replicas, StepState, StoreConfig, StoreError, Wanted, Way, What,
};
use async_trait::async_trait;
use jiff::Timestamp;
use parking_lot::Mutex;
use std::sync::Arc;
use std::time::Duration;

/// No other process can have the file.
const FOR_EVER: Duration = Duration::from_secs(86_400);

/// The store in a SQLite file. Dropping it closes it after what was asked before.
pub(in crate::store) struct Sqlite {
    shared: Arc<Shared>,
    clock: Arc<dyn Clock>,
    card: Mutex<Card>,
    held: Arc<HeldRequests>,
    name: ReplicaName,
}

impl Sqlite {
    pub(in crate::store) fn open(
        config: &StoreConfig,
        clock: Arc<dyn Clock>,
        upkeep: Upkeep,
    ) -> Result<Self, StoreError> {
        let connection = file::open(config)?;
        let name = ReplicaName::new(clock.now());
        let book = left::begin(connection, Arc::clone(&clock), &name, upkeep.tail);
        let book = book.map_err(|error| file::Reason::from(error).refusal(&config.path))?;
        let shared = Arc::new(Shared::new(config.queue_limit, Arc::clone(&book.work.shares)));
        shared.opened(book.work.open());
        let held = Arc::clone(&book.held);
        writer::start(book, Arc::clone(&shared), Caretaker::new(config, upkeep))?;
        Ok(Self { shared, clock, card: Mutex::default(), held, name })
    }

    /// Has the writer do this, and waits until it is durable.
    pub(super) async fn call<T, F>(&self, full: WhenFull, run: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnMut(&mut Book) -> Result<T, Trouble> + Send + 'static,
    {
        let (call, result) = Call::new(run);
        self.shared.submit(Box::new(call), full).await?;
        result.await.map_err(|_| closed())?
    }
}

#[async_trait]
impl Backend for Sqlite {
    async fn close(&self, patience: Duration) -> Result<(), StoreError> {
        self.shared.close();
        let shared = Arc::clone(&self.shared);
        // a thread is awaited, so the time is the machine's, not tokio's
        let gone = tokio::task::spawn_blocking(move || shared.wait_until_gone(patience)).await;
        match gone {
            Ok(true) => Ok(()),
            _ => Err(StoreError::Unavailable(format!("its writer did not end within {patience:?}"))),
        }
    }

    fn pulse(&self) -> Arc<dyn Pulse> {
        Arc::clone(&self.shared) as Arc<dyn Pulse>
    }
}

/// The file is locked against every other process, so the process that has it open is the only replica.
#[async_trait]
impl Replicas for Sqlite {
    async fn beat(&self, card: &Card) -> Result<Beaten, StoreError> {
        *self.card.lock() = card.clone();
        Ok(Beaten::Renewed)
    }

    async fn all(&self) -> Result<Vec<Replica>, StoreError> {
        let card = self.card.lock().clone();
        let name = self.name.clone();
        Ok(vec![Replica { name, card, is_me: true, is_alive: true, seen: self.clock.now() }])
    }

    /// There are no others.
    async fn adopt(&self) -> Result<(), StoreError> {
        Ok(())
    }

    fn due_in(&self) -> Option<Due> {
        None
    }

    async fn leave(&self) -> Result<(), StoreError> {
        self.call(WhenFull::Wait, left::leave).await
    }

    fn lease(&self) -> Option<Duration> {
        None
    }
}

impl Drop for Sqlite {
    fn drop(&mut self) {
        self.shared.close();
    }
}

fn row(letter: &NewLetter) -> Result<LetterRow, StoreError> {
    Ok(LetterRow {
        request: letter.request,
        address: AddressRow::from(&letter.address),
        reply: json(&letter.reply)?,
        last: letter.last,
    })
}

fn posted(letter: NewLetter, posted: Posted) -> Letter {
    let Posted { id, created_at, not_before, replaces, unsure } = posted;
    let id = LetterId { request: letter.request, number: id };
    Letter { id, letter, attempts: 0, created_at, not_before, replaces, way: Way::default(), unsure }
}

#[async_trait]
impl Journal for Sqlite {
    async fn accept(&self, new: NewRequest) -> Result<Accepted, StoreError> {
        let NewRequest { request, mut keys } = new;
        // the list of keys has one to a line
        keys.iter_mut().filter(|key| key.contains(['\n', '\r'])).for_each(|key| *key = key.replace(['\n', '\r'], " "));
        self.call(WhenFull::Refuse, move |book| requests::accept(book, &request, &keys)).await
    }

    async fn awaiting_approval(
        &self,
        approval: &ApprovalRequest,
        reply_to: &ReplyTo,
        letter: NewLetter,
    ) -> Result<Letter, StoreError> {
        let id = approval.request;
        ledger::check_question(id, &letter)?;
        let (place, thread_ts, _) = place(reply_to);
        let row = WaitingRow {
            plan: json(&approval.plan)?,
            place,
            thread_ts: thread_ts.map(str::to_owned),
            reply_to: reply_to.clone(),
            letter: row(&letter)?,
            told: json(&What::awaiting_approval(approval))?,
        };
        let added = self.call(WhenFull::Wait, move |book| approvals::awaiting_approval(book, id, &row)).await?;
        Ok(posted(letter, added))
    }

    async fn planned(&self, id: RequestId, plan: Plan) -> Result<(), StoreError> {
        let targets: Vec<String> = plan.targets.iter().map(Target::key).collect();
        let told = json(&What::planned(&plan))?;
        let plan = json(&plan)?;
        self.call(WhenFull::Wait, move |book| requests::planned(book, id, &plan, &targets, &told)).await
    }

    async fn known(&self, keys: &[String]) -> Result<Option<RequestId>, StoreError> {
        let keys = keys.to_vec();
        self.call(WhenFull::Refuse, move |book| requests::known(book, &keys)).await
    }

    fn held_for(&self, _: RequestId) -> Option<Duration> {
        Some(FOR_EVER)
    }

    async fn step_started(&self, id: RequestId, step: Step) -> Result<(), StoreError> {
        let (index, body) = (step.index, json(&step)?);
        let told = json(&What::StepStarted { step })?;
        self.call(WhenFull::Wait, move |book| requests::step_started(book, id, index, &body, &told)).await
    }

    async fn step_ended(&self, id: RequestId, index: u32, state: StepState) -> Result<(), StoreError> {
        self.call(WhenFull::Wait, move |book| requests::step_ended(book, id, index, state)).await
    }

    async fn finish_judged(
        &self,
        id: RequestId,
        end: Final,
        letter: NewLetter,
        decision: Option<Arc<Decision>>,
    ) -> Result<Letter, StoreError> {
        ledger::check_answer(id, &letter)?;
        let row = row(&letter)?;
        let (given_up, finished) = ledger::told_of_end(end, &letter.reply, decision);
        let told = (given_up.as_ref().map(json).transpose()?, json(&finished)?);
        let added = self.call(WhenFull::Wait, move |book| requests::finish(book, id, end.state(), &row, &told)).await?;
        Ok(posted(letter, added))
    }

    fn held(&self, wanted: &mut dyn FnMut(&Held) -> bool) -> Vec<Entry> {
        self.held.wanted(wanted)
    }

    /// Never: what a former life has left is there from the start.
    async fn found(&self) {
        std::future::pending().await
    }

    async fn recent(&self, user: &UserId, limit: usize) -> Result<Recent, StoreError> {
        let user = user.clone();
        self.call(WhenFull::Wait, move |book| past::recent(book, user.as_str(), limit)).await
    }

    async fn answered_by(&self, channel: &ChannelId, ts: &str) -> Result<Option<Asked>, StoreError> {
        let (channel, ts) = (channel.clone(), ts.to_owned());
        // asked before a request is accepted, so it is refused as that would be
        self.call(WhenFull::Refuse, move |book| past::answered_by(book, channel.as_str(), &ts)).await
    }

    async fn unfinished(&self) -> Result<QueueDepth, StoreError> {
        self.call(WhenFull::Wait, |book| Ok(book.work.unfinished())).await
    }
}

#[async_trait]
impl Outbox for Sqlite {
    async fn put(&self, letter: NewLetter) -> Result<Option<Letter>, StoreError> {
        ledger::check_progress(&letter)?;
        let row = row(&letter)?;
        let added = self.call(WhenFull::Wait, move |book| letters::put(book, &row)).await?;
        Ok(added.map(|added| posted(letter, added)))
    }

    async fn due(&self, now: Timestamp, wanted: Wanted) -> Result<Vec<Letter>, StoreError> {
        self.call(WhenFull::Wait, move |book| letters::due(book, now, &wanted)).await
    }

    async fn delivered(&self, id: LetterId, delivery: Delivery) -> Result<(), StoreError> {
        self.call(WhenFull::WaitForCompany, move |book| letters::delivered(book, id.number, &delivery)).await
    }

    async fn note(&self, id: LetterId, way: &Way) -> Result<(), StoreError> {
        let way = json(way)?;
        self.call(WhenFull::WaitForCompany, move |book| letters::note(book, id.number, &way)).await
    }

    fn mine_for(&self, _: LetterId) -> Option<Duration> {
        Some(FOR_EVER)
    }

    async fn depth(&self) -> Result<QueueDepth, StoreError> {
        self.call(WhenFull::Wait, |book| Ok(book.work.depth())).await
    }
}

#[async_trait]
impl AuditLog for Sqlite {
    async fn history(&self, id: RequestId) -> Result<Vec<Event>, StoreError> {
        self.call(WhenFull::Wait, move |book| Ok(audit::history(&book.connection, id)?)).await
    }

    async fn record(&self, what: HouseEvent) -> Result<(), StoreError> {
        let body = json(&what)?;
        self.call(WhenFull::Wait, move |book| audit::record(book, &body)).await
    }

    async fn house(&self, limit: usize) -> Result<Vec<HouseEntry>, StoreError> {
        self.call(WhenFull::Wait, move |book| Ok(audit::house(&book.connection, limit)?)).await
    }
}
