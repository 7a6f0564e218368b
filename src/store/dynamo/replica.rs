//! The replicas: who lives, and what happens to the work of one that does not.
//!
//! A replica's row says how often it has beaten. Whoever watches compares beats, never clocks: one that has stood still
//! for a lease, by the watcher's own clock, is gone. First its row is marked so, which it cannot undo, then each of
//! its open requests is adopted by a conditional write that raises its fence.

use super::change::guard;
use super::item::{Item, item, number, text};
use super::row::{DEAD, Row, id_of, mark};
use super::table::{Ask, Guard, sort_key};
use super::{Dynamo, Watched, closed};
use crate::domain::RequestId;
use crate::store::{Beaten, Card, Replica, ReplicaName, Replicas, State, StoreError, What};
use async_trait::async_trait;
use aws_sdk_dynamodb::types::AttributeValue;
use futures_util::stream::{self, StreamExt};
use jiff::Timestamp;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::time::Instant;

/// A replica lives.
const ALIVE: &str = "alive";
/// Others have given it up.
const GONE: &str = "gone";
/// It has said goodbye.
const LEFT: &str = "left";

/// How long the row of a replica that is gone is kept at least, and its requests looked for: one that does not know yet
/// that it was given up may still accept some. It is kept for as long as anything is held in its name: nothing else leads
/// to what that is.
pub(super) const REMEMBERED: Duration = Duration::from_secs(600);

/// How often the dead letters are counted.
const RECOUNT: Duration = Duration::from_secs(600);

/// How many requests of a gone replica are adopted in one go.
const AT_ONCE: usize = 1_000;

/// How many of them side by side.
const SIDE_BY_SIDE: usize = 16;

/// How many replicas are looked at side by side.
const REPLICAS_AT_ONCE: usize = 4;

/// After a look that failed both are halved so often, and doubled by each look that did not. A table may still be at work
/// on what its caller has given up: whoever then asks as much as before keeps it from ever answering in time.
const HALVED: u32 = 2;

/// One that held nothing when it was looked at last is looked at again after this part of the time that it has been gone:
/// what it may still have accepted came soon after its end, if it came at all.
const LESS_OFTEN: u32 = 4;

/// Nor sooner than after this part of a lease, whatever came of the look: a table that is slow is not asked the faster.
const AT_MOST: u32 = 2;

/// One that held nothing when it had stood still for so many leases is noted as empty in its row.
const SETTLED: u32 = 4;

/// And is looked at no more often than this, by those too that were started since.
const QUIET: Duration = Duration::from_secs(60);

/// Says in a replica's row that it holds nothing.
const EMPTY: &str = "empty";

impl Dynamo {
    /// Joins the others under a new name.
    pub(super) async fn enter(&self) -> Result<ReplicaName, StoreError> {
        let name = ReplicaName::new(self.clock.now());
        let began = Instant::now();
        self.table.put(self.replica_item(&name, 1, ALIVE, &Card::default()), None).await?;
        let mut memory = self.memory.lock();
        memory.name = Some(name.clone());
        memory.beat = 1;
        memory.lease_ends = Some(began + self.lease);
        memory.rows.clear();
        Ok(name)
    }

    /// How many dead letters there are.
    pub(super) async fn count_dead(&self) -> Result<(), StoreError> {
        let ask = Ask { index: Some("held"), key: ("held", DEAD), descending: false, limit: usize::MAX };
        let dead = self.table.count(&ask).await?;
        let mut memory = self.memory.lock();
        memory.dead = dead;
        memory.counted = Some(Instant::now());
        Ok(())
    }

    /// The table forgets them one by one, and other replicas have theirs: now and then they are counted again.
    pub(super) async fn recount_dead(&self) -> Result<(), StoreError> {
        let counted = self.memory.lock().counted;
        match counted {
            Some(at) if at.elapsed() < RECOUNT => Ok(()),
            _ => self.count_dead().await,
        }
    }

    fn replica_item(&self, name: &ReplicaName, beat: u64, state: &str, card: &Card) -> Item {
        let card = serde_json::to_string(card).unwrap_or_default();
        item([
            ("pk", "replica".into()),
            ("sk", name.0.as_str().into()),
            ("beat", beat.cast_signed().into()),
            ("lease_ms", i64::try_from(self.lease.as_millis()).unwrap_or(i64::MAX).into()),
            ("state", state.into()),
            ("card", card.into()),
            ("seen", self.clock.now().as_millisecond().into()),
        ])
    }

    async fn replicas(&self) -> Result<Vec<Item>, StoreError> {
        let ask = Ask { index: None, key: ("pk", "replica"), descending: false, limit: usize::MAX };
        self.table.query(&ask).await
    }

    /// Takes over what belongs to replicas that are gone. A table that answers slowly does not keep the caller for longer
    /// than a lease and what was begun by then, and one that fails is asked for no more: the next look begins with those
    /// that this one did not come to.
    pub(super) async fn adopt(&self) -> Result<(), StoreError> {
        let went_well = self.look_at_all().await;
        let mut memory = self.memory.lock();
        memory.halved = if matches!(went_well, Ok(true)) { memory.halved.saturating_sub(1) } else { HALVED };
        went_well.map(drop)
    }

    /// One look; returns whether nothing in it failed.
    async fn look_at_all(&self) -> Result<bool, StoreError> {
        let me = self.name()?;
        let mut rows = self.replicas().await?;
        let watched = {
            let mut memory = self.memory.lock();
            memory.watched.retain(|name, _| rows.iter().any(|row| sort_key(row) == name.0));
            memory.watched.clone()
        };
        rows.retain(|row| sort_key(row) != me.0);
        rows.sort_by_key(|row| watched.get(&ReplicaName(sort_key(row).to_owned())).map(|seen| seen.due));
        let (began, failed) = (Instant::now(), AtomicBool::new(false));
        stream::iter(rows)
            .take_while(|_| std::future::ready(began.elapsed() < self.lease && !failed.load(Ordering::Relaxed)))
            .for_each_concurrent(self.side_by_side(REPLICAS_AT_ONCE), async |row| {
                if !Box::pin(self.adopt_from(row, &me)).await {
                    failed.store(true, Ordering::Relaxed);
                }
            })
            .await;
        Ok(!failed.into_inner())
    }

    /// So many of what may be done side by side, as the table has been.
    fn side_by_side(&self, at_most: usize) -> usize {
        at_most >> self.memory.lock().halved
    }

    /// Returns whether that did not fail.
    async fn adopt_from(&self, row: Item, me: &ReplicaName) -> bool {
        let name = ReplicaName(sort_key(&row).to_owned());
        let adopted = async {
            let Some(died) = self.is_gone(&name, &row).await? else { return Ok(()) };
            let Some(since) = self.is_due(&name) else { return Ok(()) };
            if self.adopt_all(&name, me, died).await? {
                self.holds_nothing(&name, row, since).await?;
            } else {
                // there may be more
                self.look_again(&name, Duration::ZERO);
            }
            Ok::<_, StoreError>(())
        };
        let adopted = adopted.await;
        if let Err(error) = &adopted {
            // a later look tries it again, after those that were not come to
            self.look_again(&name, self.lease / AT_MOST);
            tracing::warn!(replica = name.0, %error, "work of a replica could not be taken over yet");
        }
        adopted.is_ok()
    }

    /// Notes how often somebody has beaten, and tells since when that has stood still.
    fn watch(&self, name: &ReplicaName, beat: u64, is_empty: bool) -> Duration {
        let now = Instant::now();
        let new = Watched { beat, since: now, due: if is_empty { now + QUIET } else { now } };
        let mut memory = self.memory.lock();
        let watched = memory.watched.entry(name.clone()).or_insert(new);
        if watched.beat != beat {
            *watched = new;
        }
        watched.since.elapsed()
    }

    /// For how long a replica that is gone has stood still, where it is time to look for what it has left. The time of the
    /// next look is set before this one, which may fail.
    fn is_due(&self, name: &ReplicaName) -> Option<Duration> {
        let now = Instant::now();
        let mut memory = self.memory.lock();
        let watched = memory.watched.get_mut(name).filter(|watched| watched.due <= now)?;
        watched.due = now + self.lease / AT_MOST;
        Some(watched.since.elapsed())
    }

    fn look_again(&self, name: &ReplicaName, after: Duration) {
        if let Some(watched) = self.memory.lock().watched.get_mut(name) {
            watched.due = Instant::now() + after;
        }
    }

    /// A replica that is gone was found to hold nothing: it is forgotten when it has been gone for long, and looked at less
    /// often until then.
    async fn holds_nothing(&self, name: &ReplicaName, mut row: Item, since: Duration) -> Result<(), StoreError> {
        if since > self.remembered {
            self.table.delete("replica", &name.0, None).await?;
            self.memory.lock().watched.remove(name);
            return Ok(());
        }
        let is_settled = since >= self.lease * SETTLED;
        let at_least = if is_settled { QUIET } else { self.lease / AT_MOST };
        self.look_again(name, (since / LESS_OFTEN).max(at_least));
        let state = text(&row, "state").unwrap_or_default().to_owned();
        if is_settled && state != ALIVE && !row.contains_key(EMPTY) {
            row.insert(EMPTY.to_owned(), AttributeValue::Bool(true));
            self.table.put(row, Some(Guard::Is(vec![("state", state.into())]))).await?;
        }
        Ok(())
    }

    /// Whether what a replica has may be adopted, and if so, whether it died.
    async fn is_gone(&self, name: &ReplicaName, row: &Item) -> Result<Option<bool>, StoreError> {
        let beat = number(row, "beat").unwrap_or_default().cast_unsigned();
        let lease = Duration::from_millis(number(row, "lease_ms").unwrap_or_default().unsigned_abs());
        let state = text(row, "state").unwrap_or_default();
        let since = self.watch(name, beat, row.contains_key(EMPTY));
        if state == ALIVE {
            if since < lease {
                return Ok(None);
            }
            let mut gone = row.clone();
            gone.insert("state".to_owned(), AttributeValue::S(GONE.to_owned()));
            let as_seen = Guard::Is(vec![("state", ALIVE.into()), ("beat", beat.cast_signed().into())]);
            if !self.table.put(gone, Some(as_seen)).await? {
                return Ok(None);
            }
            tracing::warn!(replica = name.0, "replica has not renewed its lease; its work is taken over");
            metrics::counter!("dronebot_replicas_given_up_total").increment(1);
            return Ok(Some(true));
        }
        Ok(Some(state != LEFT))
    }

    /// Returns whether there was nothing.
    async fn adopt_all(&self, from: &ReplicaName, me: &ReplicaName, died: bool) -> Result<bool, StoreError> {
        let ask = Ask { index: Some("held"), key: ("held", &from.0), descending: false, limit: AT_ONCE };
        let found = self.table.query(&ask).await?;
        let ids: Vec<RequestId> = found.iter().filter_map(|item| text(item, "pk").and_then(id_of)).collect();
        let adopted = stream::iter(ids).map(|id| self.adopt_id(id, from, me, died));
        // one that fails keeps no other from being answered; the next look brings it again
        let failed =
            adopted.buffer_unordered(self.side_by_side(SIDE_BY_SIDE)).filter_map(async |adopted| adopted.err());
        match failed.collect::<Vec<_>>().await.pop() {
            Some(error) => Err(error),
            None => Ok(found.is_empty()),
        }
    }

    async fn adopt_id(
        &self,
        id: RequestId,
        from: &ReplicaName,
        me: &ReplicaName,
        died: bool,
    ) -> Result<(), StoreError> {
        // the index may lag behind
        match self.load(id).await? {
            Some(row) if row.holder == *from && row.is_open() => self.adopt_one(row, me, died).await,
            _ => Ok(()),
        }
    }

    async fn adopt_one(&self, row: Row, me: &ReplicaName, died: bool) -> Result<(), StoreError> {
        let (id, guard) = (row.request.id, guard(&row));
        let mut mine = Row { holder: me.clone(), ..row.clone() };
        mine.fence += 1;
        mine.version += 1;
        mine.mark = mark();
        mine.tell(self.clock.now(), &What::Adopted { from: row.holder, died });
        // what waits for people was in nobody's hands
        if died && !mine.state.is_final() && mine.state != State::AwaitingApproval {
            mine.deaths += 1;
        }
        if let Some(letter) = mine.letter.as_mut() {
            // it may have been sent, and nobody was left to say so
            letter.unsure |= died;
            // put off by another's clock: it is tried at once
            letter.not_before = letter.not_before.min(self.clock.now());
        }
        let written = self.write(&mine, guard).await?;
        if written || self.load(id).await?.is_some_and(|found| found.mark == mine.mark) {
            tracing::info!(req = %id, fence = mine.fence, state = mine.state.as_str(), "request adopted");
            metrics::counter!("dronebot_requests_adopted_total").increment(1);
            self.keep(mine);
        }
        Ok(())
    }
}

#[async_trait]
impl Replicas for Dynamo {
    async fn beat(&self, card: &Card) -> Result<Beaten, StoreError> {
        let me = self.name()?;
        let began = Instant::now();
        let (beat, left) = {
            let memory = self.memory.lock();
            (memory.beat + 1, memory.left)
        };
        if left {
            return Err(closed());
        }
        let lives = Guard::Is(vec![("state", ALIVE.into())]);
        if self.table.put(self.replica_item(&me, beat, ALIVE, card), Some(lives)).await? {
            let mut memory = self.memory.lock();
            if memory.name.as_ref() == Some(&me) {
                memory.beat = memory.beat.max(beat);
                memory.lease_ends = Some(began + self.lease);
            }
            return Ok(Beaten::Renewed);
        }
        // what it had is others' by now, and it begins anew
        self.memory.lock().lease_ends = None;
        Ok(Beaten::Reborn(self.enter().await?))
    }

    async fn all(&self) -> Result<Vec<Replica>, StoreError> {
        let me = self.name()?;
        let mut all = Vec::new();
        for row in self.replicas().await? {
            let name = ReplicaName(sort_key(&row).to_owned());
            let state = text(&row, "state").unwrap_or_default();
            let beat = number(&row, "beat").unwrap_or_default().cast_unsigned();
            let lease = Duration::from_millis(number(&row, "lease_ms").unwrap_or_default().unsigned_abs());
            let is_me = name == me;
            let since = if is_me { Duration::ZERO } else { self.watch(&name, beat, row.contains_key(EMPTY)) };
            let card = text(&row, "card").and_then(|card| serde_json::from_str(card).ok()).unwrap_or_default();
            let seen = Timestamp::from_millisecond(number(&row, "seen").unwrap_or_default()).unwrap_or_default();
            if state == LEFT {
                continue;
            }
            let is_alive = state == ALIVE && since < lease || is_me;
            all.push(Replica { name, card, is_me, is_alive, seen });
        }
        all.sort_by_key(|replica| (!replica.is_me, replica.name.clone()));
        Ok(all)
    }

    async fn leave(&self) -> Result<(), StoreError> {
        let me = self.name()?;
        let beat = {
            let mut memory = self.memory.lock();
            memory.lease_ends = None;
            memory.left = true;
            memory.beat + 1
        };
        let lives = Guard::Is(vec![("state", ALIVE.into())]);
        let said = self.table.put(self.replica_item(&me, beat, LEFT, &Card::default()), Some(lives)).await?;
        if said { Ok(()) } else { Err(closed()) }
    }

    fn lease(&self) -> Option<Duration> {
        Some(self.lease)
    }
}
