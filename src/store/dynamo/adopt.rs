//! What happens to the work of a replica that is gone. First its row is marked so, which it cannot undo, then each of
//! its open requests is adopted by a conditional write that raises its fence. Each is this replica's from then on, and
//! told at once, whatever becomes of the others.

use super::change::guard;
use super::item::{Item, number, text};
use super::replica::{ALIVE, EMPTY, GONE, LEFT, QUIET};
use super::row::{DEAD, Row, id_of, mark};
use super::table::{Ask, Guard, REPLICAS};
use super::{Doubt, Dynamo};
use crate::domain::RequestId;
use crate::store::ledger::Inheritance;
use crate::store::{ReplicaName, StoreError, What};
use aws_sdk_dynamodb::types::AttributeValue;
use futures_util::stream::{self, StreamExt};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::time::Instant;

/// How long the row of a replica that is gone is kept at least, and its requests looked for: one that does not know yet
/// that it was given up may still accept some. It is kept for as long as anything is held in its name: nothing else leads
/// to what that is.
pub(super) const REMEMBERED: Duration = Duration::from_secs(600);

/// How often the dead letters are counted.
const RECOUNT: Duration = Duration::from_secs(600);

/// How many requests of a gone replica are adopted in one go.
const AT_ONCE: usize = 1_000;

/// How many of them side by side.
pub(super) const SIDE_BY_SIDE: usize = 16;

/// How many replicas are looked at side by side.
const REPLICAS_AT_ONCE: usize = 4;

/// After a look that failed both are halved so often, and doubled by each look that did not. A table may still be at work
/// on what its caller has given up: a caller that then asks as much as before keeps it from ever answering in time.
const HALVED: u32 = 2;

/// One that held nothing when it was looked at last is looked at again after this part of the time that it has been gone:
/// what it may still have accepted came soon after its end, if it came at all.
const LESS_OFTEN: u32 = 4;

/// Nor sooner than after this part of a lease, whatever came of the look: a table that is slow is not asked the faster.
const AT_MOST: u32 = 2;

/// One that held nothing when it had stood still for so many leases is noted as empty in its row.
const SETTLED: u32 = 4;

/// Of those that are noted as empty so many are asked for in one look, those that wait longest first: in a table that has
/// hundreds of them, all that became due together would keep it busy for longer than until they are due again.
const QUIET_AT_ONCE: usize = 1;

/// One that is noted as empty and has not been seen for so long, by the clock on the wall, is forgotten by the replica that looks at
/// it: where none lives for [`REMEMBERED`], each would leave its row for ever.
const ANCIENT: jiff::SignedDuration = jiff::SignedDuration::from_hours(7 * 24);

impl Dynamo {
    /// [`crate::store::Replicas::adopt`]: what others have left, and what this one did not hear of, side by side.
    pub(super) async fn take_over(&self) -> Result<(), StoreError> {
        let (adopted, settled, counted) = tokio::join!(self.adopt_others(), self.settle_doubts(), self.recount_dead());
        if let Err(error) = counted {
            tracing::debug!(%error, "dead letters were not counted");
        }
        adopted.and(settled)
    }

    /// How many dead letters there are.
    pub(super) async fn count_dead(&self) -> Result<(), StoreError> {
        let ask = Ask { index: Some("held"), key: ("held", DEAD), descending: false, limit: usize::MAX };
        // also when that fails, so that they are not counted again at once
        self.memory.lock().counted = Some(Instant::now());
        let dead = self.table.count(&ask).await?;
        self.memory.lock().dead = dead;
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

    /// Takes over what belongs to replicas that are gone. A table that answers slowly keeps this from beginning with
    /// another one for no longer than a lease, and one that fails is asked for no more: the next time those come first
    /// that this one did not come to.
    async fn adopt_others(&self) -> Result<(), StoreError> {
        let me = self.name()?;
        let rows = self.others();
        let (began, failed, asked) = (Instant::now(), AtomicBool::new(false), AtomicBool::new(false));
        stream::iter(rows)
            .take_while(|_| std::future::ready(began.elapsed() < self.lease && !failed.load(Ordering::Relaxed)))
            .for_each_concurrent(self.side_by_side(REPLICAS_AT_ONCE), async |(name, row)| {
                match Box::pin(self.adopt_from(&name, row, &me)).await {
                    Ok(found) => asked.fetch_or(found, Ordering::Relaxed),
                    Err(()) => failed.fetch_or(true, Ordering::Relaxed),
                };
            })
            .await;
        let mut memory = self.memory.lock();
        match (failed.into_inner(), asked.into_inner()) {
            (true, _) => memory.halved = HALVED,
            (false, true) => memory.halved = memory.halved.saturating_sub(1),
            // the table was not asked
            (false, false) => {}
        }
        Ok(())
    }

    /// The others as they were looked at last, those first whose work was to be looked for first; of those that hold nothing
    /// as far as is known, no more than [`QUIET_AT_ONCE`].
    fn others(&self) -> Vec<(ReplicaName, Item)> {
        let memory = self.memory.lock();
        let mut rows: Vec<_> = memory.others.iter().map(|(name, row)| (name.clone(), row.clone())).collect();
        rows.sort_by_key(|(name, _)| memory.watched.get(name).map(|seen| seen.due));
        let mut quiet = 0;
        rows.retain(|(_, row)| {
            quiet += usize::from(row.contains_key(EMPTY));
            quiet <= QUIET_AT_ONCE || !row.contains_key(EMPTY)
        });
        rows
    }

    /// So many of what may be done side by side, as the table has been.
    pub(super) fn side_by_side(&self, at_most: usize) -> usize {
        at_most >> self.memory.lock().halved
    }

    /// Returns whether the table was asked.
    async fn adopt_from(&self, name: &ReplicaName, row: Item, me: &ReplicaName) -> Result<bool, ()> {
        let adopted = async {
            let Some(died) = self.is_gone(name, &row).await? else { return Ok(false) };
            let Some(since) = self.is_due(name) else { return Ok(false) };
            if self.adopt_all(name, me, died).await? {
                self.holds_nothing(name, row, since).await?;
            } else {
                // there may be more
                self.look_again(name, Duration::ZERO);
            }
            Ok::<_, StoreError>(true)
        };
        adopted.await.map_err(|error| {
            // a later look tries it again, after those that were not come to
            self.look_again(name, self.lease / AT_MOST);
            metrics::counter!("dronebot_adoption_failures_total").increment(1);
            tracing::warn!(replica = name.0, %error, "work of a replica could not be taken over yet");
        })
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
        if since > self.remembered || self.is_ancient(&row) {
            self.table.delete(REPLICAS, &name.0, None).await?;
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

    fn is_ancient(&self, row: &Item) -> bool {
        let seen = number(row, "seen").and_then(|seen| jiff::Timestamp::from_millisecond(seen).ok());
        row.contains_key(EMPTY) && seen.is_some_and(|seen| self.clock.now().duration_since(seen) > ANCIENT)
    }

    /// Whether what a replica has may be adopted, and if so, whether it died.
    async fn is_gone(&self, name: &ReplicaName, row: &Item) -> Result<Option<bool>, StoreError> {
        let state = text(row, "state").unwrap_or_default();
        if state != ALIVE {
            return Ok(Some(state != LEFT));
        }
        let lease = self.memory.lock().watched.get(name).map(|seen| seen.lease);
        let is_silent = lease.zip(self.silence(name)).is_some_and(|(lease, silence)| silence >= lease);
        if !is_silent {
            return Ok(None);
        }
        let mut gone = row.clone();
        gone.insert("state".to_owned(), AttributeValue::S(GONE.to_owned()));
        // one that has beaten since it was looked at lives
        let beat = number(row, "beat").unwrap_or_default();
        let as_seen = Guard::Is(vec![("state", ALIVE.into()), ("beat", beat.into())]);
        if !self.table.put(gone.clone(), Some(as_seen)).await? {
            return Ok(None);
        }
        tracing::warn!(replica = name.0, "replica has not renewed its lease; its work is taken over");
        metrics::counter!("dronebot_replicas_given_up_total").increment(1);
        if let Some(known) = self.memory.lock().others.get_mut(name) {
            *known = gone;
        }
        Ok(Some(true))
    }

    /// Returns whether there was nothing.
    async fn adopt_all(&self, from: &ReplicaName, me: &ReplicaName, died: bool) -> Result<bool, StoreError> {
        let ask = Ask { index: Some("held"), key: ("held", &from.0), descending: false, limit: AT_ONCE };
        let found = self.table.query(&ask).await?;
        let mut ids: Vec<RequestId> = found.iter().filter_map(|item| text(item, "pk").and_then(id_of)).collect();
        // two heirs that both began with the first would race for each
        fastrand::shuffle(&mut ids);
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
            Some(row) if row.holder == *from && row.is_open() => Box::pin(self.adopt_one(row, me, died)).await,
            _ => Ok(()),
        }
    }

    async fn adopt_one(&self, row: Row, me: &ReplicaName, died: bool) -> Result<(), StoreError> {
        let (id, row_version, guard) = (row.request.id, row.version, guard(&row));
        let mut mine = Row { holder: me.clone(), ..row.clone() };
        mine.fence += 1;
        mine.version += 1;
        mine.mark = mark();
        let heir = Inheritance { died, at: self.clock.now() };
        mine.tell(heir.at, &What::Adopted { from: row.holder, died });
        mine.deaths += u32::from(heir.counts_death(mine.state));
        if let Some(letter) = mine.letter.as_mut() {
            letter.wait_on(heir.letter(letter.terms()));
        }
        self.memory.lock().doubtful.insert(id, Doubt { since: Instant::now(), adopting: Some(row_version) });
        let written = self.write(&mine, guard).await?;
        self.memory.lock().doubtful.remove(&id);
        if written || self.load(id).await?.is_some_and(|found| found.mark == mine.mark) {
            tracing::info!(req = %id, fence = mine.fence, state = mine.state.as_str(), "request adopted");
            metrics::counter!("dronebot_requests_adopted_total").increment(1);
            self.keep_found(mine);
        }
        Ok(())
    }
}
