//! The ports.

use super::item::text;
use super::letters::settle;
use super::row::{Row, shown};
use super::table::{Ask, Table};
use super::{Dynamo, Memory, row};
use crate::domain::{
    ApprovalRequest, ChannelId, Decision, Drill, Plan, ReplyTo, RequestId, Step, StoreVitals, Target, UserId,
};
use crate::store::ledger;
use crate::store::{
    Accepted, Asked, Backend, Delivery, Entry, Final, Former, Held, Journal, Letter, LetterId, NewLetter, NewRequest,
    Outbox, Pulse, Queue, QueueDepth, Recent, State, StepRecord, StepState, StoreError, Wanted, Way, What,
};
use async_trait::async_trait;
use jiff::Timestamp;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

/// How far back somebody's past is looked through.
const PAST: usize = 200;

#[async_trait]
impl Journal for Dynamo {
    async fn accept(&self, new: NewRequest) -> Result<Accepted, StoreError> {
        Dynamo::accept(self, new).await
    }

    async fn awaiting_approval(
        &self,
        approval: &ApprovalRequest,
        reply_to: &ReplyTo,
        letter: NewLetter,
    ) -> Result<Letter, StoreError> {
        let id = approval.request;
        ledger::check_question(id, &letter)?;
        // planned before a restart, when it was permitted without the others
        let before = self.targets_of(id);
        let posted = self
            .change(id, |row| {
                row.state = ledger::advance(id, row.state, State::AwaitingApproval)?;
                let now = self.clock.now();
                row.tell(now, &What::awaiting_approval(approval));
                row.plan = Some(approval.plan.clone());
                row.request.reply_to = reply_to.clone();
                row.post(letter.clone(), now);
                row.waiting().ok_or_else(super::closed)
            })
            .await?;
        self.unlock(id, &before).await;
        Ok(posted)
    }

    async fn planned(&self, id: RequestId, plan: Plan) -> Result<(), StoreError> {
        let targets: Vec<String> = plan.targets.iter().map(Target::key).collect();
        let told = What::planned(&plan);
        let before = self.targets_of(id);
        self.lock(id, &targets).await?;
        let planned = self
            .change(id, |row| {
                row.state = ledger::advance(id, row.state, State::Planned)?;
                row.tell(self.clock.now(), &told);
                row.plan = Some(plan.clone());
                Ok(())
            })
            .await;
        // where it was not planned the locks stay: they are the request's, and the replica that has it now may need them
        if planned.is_ok() {
            let left: Vec<String> = before.into_iter().filter(|target| !targets.contains(target)).collect();
            self.unlock(id, &left).await;
        }
        planned
    }

    async fn known(&self, keys: &[String]) -> Result<Option<RequestId>, StoreError> {
        self.name()?;
        for key in keys {
            if let Some(holder) = self.holder_of(key).await? {
                return Ok(Some(holder));
            }
        }
        Ok(None)
    }

    fn held_for(&self, id: RequestId) -> Option<Duration> {
        let memory = self.memory.lock();
        let left = memory.lease_ends?.left(self.clock.asleep())?;
        (left >= self.margin() && memory.rows.contains_key(&id)).then_some(left)
    }

    async fn step_started(&self, id: RequestId, step: Step) -> Result<(), StoreError> {
        self.change(id, |row| {
            row.state = ledger::begin_running(id, row.state)?;
            let state = ledger::start_step(id, step.index, row.step(step.index))?;
            row.steps.retain(|record| record.step.index != step.index);
            row.steps.push(StepRecord { step: step.clone(), state });
            row.steps.sort_by_key(|record| record.step.index);
            row.tell(self.clock.now(), &What::StepStarted { step: step.clone() });
            Ok(())
        })
        .await?;
        // the call comes next: a replica that adopts the request must not look before it has arrived
        self.name_with_lease(self.margin()).map(drop)
    }

    async fn step_ended(&self, id: RequestId, index: u32, state: StepState) -> Result<(), StoreError> {
        self.change(id, |row| {
            ledger::check_running(id, row.state)?;
            if ledger::end_step(id, index, row.step(index), state)? {
                let ended = row.steps.iter_mut().filter(|record| record.step.index == index);
                ended.for_each(|record| record.state = state);
                row.tell(self.clock.now(), &What::StepEnded { index, state });
            }
            Ok(())
        })
        .await
    }

    async fn finish_judged(
        &self,
        id: RequestId,
        end: Final,
        letter: NewLetter,
        decision: Option<Arc<Decision>>,
    ) -> Result<Letter, StoreError> {
        ledger::check_answer(id, &letter)?;
        let targets = self.targets_of(id);
        let posted = self
            .change(id, |row| {
                row.state = ledger::advance(id, row.state, end.state())?;
                let now = self.clock.now();
                row.finished_at = Some(now);
                let (given_up, finished) = ledger::told_of_end(end, &letter.reply, decision.clone());
                given_up.iter().chain([&finished]).for_each(|what| row.tell(now, what));
                row.post(letter.clone(), now);
                row.waiting().ok_or_else(super::closed)
            })
            .await?;
        self.unlock(id, &targets).await;
        // the trigger is kept in memory alone
        Ok(Letter { letter: NewLetter { trigger: letter.trigger, ..posted.letter }, ..posted })
    }

    fn held(&self, wanted: &mut dyn FnMut(&Held) -> bool) -> Vec<Entry> {
        let memory = self.memory.lock();
        let open = memory.rows.values().filter(|row| !row.state.is_final());
        let mut open: Vec<&Row> = open.filter(|row| wanted(&row.held())).collect();
        open.sort_by_key(|row| (row.request.accepted_at, row.request.id));
        open.into_iter().map(Row::entry).collect()
    }

    fn former(&self, id: RequestId) -> Former {
        self.former_of(id)
    }

    async fn found(&self) {
        self.found.notified().await;
    }

    async fn recent(&self, user: &UserId, limit: usize) -> Result<Recent, StoreError> {
        self.name()?;
        let ask = Ask { index: Some("asked"), key: ("asked", user.as_str()), descending: true, limit: PAST };
        let mut recent = Recent::default();
        for item in self.table.query(&ask).await? {
            let id = text(&item, "pk").and_then(row::id_of);
            // what this replica holds it knows better than an index that lags behind
            let known = id.and_then(|id| self.memory.lock().rows.get(&id).cloned());
            let row = match known {
                Some(row) => Some(row),
                None => self.read(&item).await?,
            };
            match row {
                Some(row) if row.state.is_final() && recent.ended.len() < limit => recent.ended.push(row.asked()),
                Some(row) if !row.state.is_final() => recent.open.push(row.asked()),
                _ => {}
            }
        }
        recent.open.reverse();
        recent.more_open = recent.open.len().saturating_sub(limit) as u64;
        recent.open.truncate(limit);
        Ok(recent)
    }

    async fn answered_by(&self, channel: &ChannelId, ts: &str) -> Result<Option<Asked>, StoreError> {
        self.name()?;
        let key = shown(channel.as_str(), ts);
        let ask = Ask { index: Some("shown"), key: ("shown", &key), descending: true, limit: 1 };
        match self.table.query(&ask).await?.first() {
            Some(item) => Ok(self.read(item).await?.map(|row| row.asked())),
            None => Ok(None),
        }
    }

    async fn unfinished(&self) -> Result<QueueDepth, StoreError> {
        self.name()?;
        let memory = self.memory.lock();
        let open = memory.rows.values().filter(|row| !row.state.is_final());
        let oldest = open.clone().map(|row| row.request.accepted_at).min();
        Ok(QueueDepth { waiting: open.count() as u64, oldest, dead: 0 })
    }
}

#[async_trait]
impl Outbox for Dynamo {
    async fn put(&self, letter: NewLetter) -> Result<Option<Letter>, StoreError> {
        ledger::check_progress(&letter)?;
        let posted = self
            .change(letter.request, |row| {
                if !row.state.takes_progress() {
                    return Err(StoreError::Transition {
                        id: letter.request,
                        from: row.state.as_str(),
                        to: "progress",
                    });
                }
                row.post(letter.clone(), self.clock.now());
                Ok(row.waiting())
            })
            .await;
        match posted {
            Err(StoreError::Transition { .. }) => Ok(None),
            other => other,
        }
    }

    async fn due(&self, now: Timestamp, wanted: Wanted) -> Result<Vec<Letter>, StoreError> {
        self.name()?;
        let memory = self.memory.lock();
        let mut due: Vec<&Row> = memory.rows.values().filter(|row| has_due(row, now)).collect();
        due.sort_by_key(|row| (row.letter.as_ref().map(|letter| letter.created_at), row.request.id));
        let mut queues: HashMap<Queue, usize> = HashMap::new();
        let mut letters = Vec::new();
        for row in due {
            let Some(letter) = row.letter.as_ref() else { continue };
            let count = queues.entry(letter.letter.queue()).or_default();
            *count += 1;
            let id = LetterId { request: row.request.id, number: letter.number };
            if *count <= wanted.per_queue && !wanted.known.contains(&id) {
                letters.extend(row.waiting());
            }
            if letters.len() >= wanted.limit {
                break;
            }
        }
        Ok(letters)
    }

    async fn delivered(&self, id: LetterId, delivery: Delivery) -> Result<(), StoreError> {
        let known = self.memory.lock().rows.contains_key(&id.request);
        if !known && self.load(id.request).await?.is_none_or(|row| row.letter.is_none()) {
            return Ok(());
        }
        let mut died = false;
        self.change(id.request, |row| {
            died = settle(row, id.number, &delivery, self.clock.now());
            Ok(())
        })
        .await?;
        if died {
            self.memory.lock().dead += 1;
        }
        Ok(())
    }

    async fn note(&self, id: LetterId, way: &Way) -> Result<(), StoreError> {
        let noted = self.change(id.request, |row| {
            if let Some(letter) = row.letter.as_mut().filter(|letter| letter.number == id.number) {
                letter.way = way.clone();
            }
            Ok(())
        });
        match noted.await {
            // there is no such letter any more
            Err(StoreError::NotFound(_)) => Ok(()),
            other => other,
        }
    }

    fn mine_for(&self, id: LetterId) -> Option<Duration> {
        self.held_for(id.request)
    }

    async fn depth(&self) -> Result<QueueDepth, StoreError> {
        self.name()?;
        let memory = self.memory.lock();
        let waiting = memory.rows.values().filter_map(|row| row.letter.as_ref());
        let oldest = waiting.clone().map(|letter| letter.created_at).min();
        Ok(QueueDepth { waiting: waiting.count() as u64, oldest, dead: memory.dead })
    }
}

#[async_trait]
impl Backend for Dynamo {
    async fn close(&self, _: Duration) -> Result<(), StoreError> {
        self.memory.lock().closed = true;
        self.table.close();
        Ok(())
    }

    fn pulse(&self) -> Arc<dyn Pulse> {
        Arc::new(Heart { table: Arc::clone(&self.table), memory: Arc::clone(&self.memory) })
    }
}

/// Tells how the store is, without keeping it open.
struct Heart {
    table: Arc<Table>,
    memory: Arc<Mutex<Memory>>,
}

#[async_trait]
impl Pulse for Heart {
    fn vitals(&self) -> StoreVitals {
        StoreVitals { open: self.open(), ..self.table.vitals() }
    }

    fn queued(&self) -> usize {
        self.table.queued()
    }

    fn open(&self) -> usize {
        self.memory.lock().rows.len()
    }

    fn open_of(&self, user: &UserId) -> usize {
        self.memory.lock().shares.of(user)
    }

    /// There is no such thread.
    fn drill(&self, _: Drill) -> bool {
        false
    }

    /// Never: there is nothing of it in this process that could end.
    async fn lost(&self) {
        std::future::pending().await
    }
}

impl Dynamo {
    /// The targets that a request has locked.
    fn targets_of(&self, id: RequestId) -> Vec<String> {
        let memory = self.memory.lock();
        let plan = memory.rows.get(&id).and_then(|row| row.plan.as_ref());
        plan.map(|plan| plan.targets.iter().map(Target::key).collect()).unwrap_or_default()
    }
}

fn has_due(row: &Row, now: Timestamp) -> bool {
    row.letter.as_ref().is_some_and(|letter| ledger::is_due(letter.not_before, now))
}
