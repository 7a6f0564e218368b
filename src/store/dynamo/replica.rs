//! The replicas: who lives.
//!
//! A replica's row says how often it has beaten. A replica that watches compares beats, never clocks: one that has stood still
//! for a lease, by the watcher's own clock and as long as the watcher could look, is gone.

use super::item::{Item, item, number, text};
use super::row::Row;
use super::table::{Ask, Guard, REPLICAS, sort_key};
use super::{Dynamo, LeaseEnd, Watched, closed};
use crate::domain::RequestId;
use crate::store::{Beaten, Card, Due, Former, Replica, ReplicaName, Replicas, StoreError};
use async_trait::async_trait;
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::Instant;

/// A replica lives.
pub(super) const ALIVE: &str = "alive";
/// Others have given it up.
pub(super) const GONE: &str = "gone";
/// It has said goodbye.
pub(super) const LEFT: &str = "left";

/// Says in a replica's row that it holds nothing.
pub(super) const EMPTY: &str = "empty";

/// One that is noted as empty is looked at no more often than this, by those too that were started since.
pub(super) const QUIET: Duration = Duration::from_secs(60);

/// So many fifths of a lease lie between two looks at the others, and between two beats; more between beats while no
/// other lives and nothing is in hand: no replica is there to take anything over then. Between the first looks it is less: a
/// replica that starts is seldom the only one to, and one that dies soon after counts as silent only from when it was seen.
const PACE: u32 = 2;
const PACE_ALONE: u32 = 3;
const PACE_AT_FIRST: u32 = 1;
const PARTS: u32 = 5;

/// So many looks are the first ones.
const FIRST_LOOKS: u32 = 10;

/// One whose lease is over is looked at this part of a lease later: a moment too soon would be a look in vain.
const AFTER_THE_END: u32 = 20;

/// A replica that could not look at the others for more than so many fifths of a lease was deaf. They may have been as deaf:
/// of that time no more counts as silence than this part of a lease, so that they can beat before anybody blames them. Looks
/// come at moments of a tenth of a lease, two fifths apart or, where the table takes longer than half a moment, one moment
/// later: with half of a lease as the bound each look at a slow table was deaf, and a death was found four times as late.
const DEAF: u32 = 3;
const COUNTED: u32 = 4;

impl Dynamo {
    /// Joins the others under a new name.
    pub(super) async fn enter(&self) -> Result<ReplicaName, StoreError> {
        let name = ReplicaName::new(self.clock.now());
        let ends = self.a_lease_from_now();
        self.table.put(self.replica_item(&name, 1, ALIVE, &Card::default()), None).await?;
        let mut memory = self.memory.lock();
        memory.name = Some(name.clone());
        memory.beat = 1;
        memory.lease_ends = Some(ends);
        memory.drop_all();
        Ok(name)
    }

    fn a_lease_from_now(&self) -> LeaseEnd {
        LeaseEnd { asleep: self.clock.asleep(), at: Instant::now() + self.lease }
    }

    fn replica_item(&self, name: &ReplicaName, beat: u64, state: &str, card: &Card) -> Item {
        let card = serde_json::to_string(card).unwrap_or_default();
        item([
            ("pk", REPLICAS.into()),
            ("sk", name.0.as_str().into()),
            ("beat", beat.cast_signed().into()),
            ("lease_ms", i64::try_from(self.lease.as_millis()).unwrap_or(i64::MAX).into()),
            ("state", state.into()),
            ("card", card.into()),
            ("seen", self.clock.now().as_millisecond().into()),
        ])
    }

    /// Reads the rows of all replicas, and keeps what they show of the others.
    async fn replicas(&self, me: &ReplicaName) -> Result<Vec<Item>, StoreError> {
        let ask = Ask { index: None, key: ("pk", REPLICAS), descending: false, limit: usize::MAX };
        let rows = self.table.query(&ask).await?;
        self.saw(rows.iter().filter(|row| sort_key(row) != me.0));
        Ok(rows)
    }

    /// Notes since when each of the others has stood still.
    fn saw<'a>(&self, rows: impl Iterator<Item = &'a Item>) {
        let now = Instant::now();
        let mut memory = self.memory.lock();
        let gap = memory.looked.map_or(Duration::ZERO, |at| now - at);
        let is_deaf = gap > self.lease / PARTS * DEAF;
        let forgiven = if is_deaf { gap - self.lease / COUNTED } else { Duration::ZERO };
        if is_deaf {
            tracing::info!(
                seconds = gap.as_secs_f64(),
                "the other replicas were not looked at for long; little of that counts as silence of theirs"
            );
        }
        memory.looked = Some(now);
        memory.looks += 1;
        let before = std::mem::take(&mut memory.watched);
        let watch = |row: &Item| {
            let name = ReplicaName(sort_key(row).to_owned());
            let seen = Watched {
                beat: number(row, "beat").unwrap_or_default().cast_unsigned(),
                since: now,
                due: if row.contains_key(EMPTY) { now + QUIET } else { now },
                lease: Duration::from_millis(number(row, "lease_ms").unwrap_or_default().unsigned_abs()),
                is_alive: text(row, "state") == Some(ALIVE),
            };
            let watched = match before.get(&name) {
                Some(known) if known.beat == seen.beat => {
                    Watched { since: known.since + forgiven, due: known.due, ..seen }
                }
                _ => seen,
            };
            (name, watched, row.clone())
        };
        let (mut watched, mut others) = (BTreeMap::new(), BTreeMap::new());
        for (name, seen, row) in rows.map(watch) {
            watched.insert(name.clone(), seen);
            others.insert(name, row);
        }
        memory.watched = watched;
        memory.others = others;
    }

    /// [`crate::store::Journal::former`].
    pub(super) fn former_of(&self, id: RequestId) -> Former {
        let memory = self.memory.lock();
        let adopted_from = memory.rows.get(&id).and_then(Row::adopted_from);
        let Some((from, died, acted)) = adopted_from else { return Former::Own };
        let row = memory.others.get(&from);
        let card = row.and_then(|row| serde_json::from_str(text(row, "card")?).ok()).unwrap_or_default();
        let beat = row.and_then(|row| number(row, "seen")).unwrap_or(i64::MAX);
        // it may have died before its next beat, and what it did with the request shows that it lived longer
        Former::of(&card, beat.max(acted.as_millisecond()), died, &memory.card)
    }

    /// How long a replica had stood still when it was looked at last.
    pub(super) fn silence(&self, name: &ReplicaName) -> Option<Duration> {
        let memory = self.memory.lock();
        let watched = memory.watched.get(name)?;
        Some(memory.looked?.saturating_duration_since(watched.since))
    }
}

#[async_trait]
impl Replicas for Dynamo {
    async fn beat(&self, card: &Card) -> Result<Beaten, StoreError> {
        let me = self.name()?;
        let ends = self.a_lease_from_now();
        let beat = {
            let mut memory = self.memory.lock();
            if memory.left {
                return Err(closed());
            }
            // counted before it is written: one whose answer is lost may stand in the row, and the next must differ from it
            memory.beat += 1;
            memory.card = card.clone();
            memory.beat
        };
        let lives = Guard::Is(vec![("state", ALIVE.into())]);
        if self.table.put(self.replica_item(&me, beat, ALIVE, card), Some(lives)).await? {
            let mut memory = self.memory.lock();
            if memory.name.as_ref() == Some(&me) {
                memory.lease_ends = memory.lease_ends.max(Some(ends));
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
        for row in self.replicas(&me).await? {
            let name = ReplicaName(sort_key(&row).to_owned());
            let state = text(&row, "state").unwrap_or_default();
            if state == LEFT {
                continue;
            }
            let lease = Duration::from_millis(number(&row, "lease_ms").unwrap_or_default().unsigned_abs());
            let card = text(&row, "card").and_then(|card| serde_json::from_str(card).ok()).unwrap_or_default();
            let seen = Timestamp::from_millisecond(number(&row, "seen").unwrap_or_default()).unwrap_or_default();
            let is_me = name == me;
            let is_alive = is_me || state == ALIVE && self.silence(&name).is_some_and(|silence| silence < lease);
            all.push(Replica { name, card, is_me, is_alive, seen });
        }
        all.sort_by_key(|replica| (!replica.is_me, replica.name.clone()));
        Ok(all)
    }

    async fn adopt(&self) -> Result<(), StoreError> {
        Box::pin(self.take_over()).await
    }

    async fn leave(&self) -> Result<(), StoreError> {
        let me = self.name()?;
        let (beat, card) = {
            let mut memory = self.memory.lock();
            memory.lease_ends = None;
            memory.left = true;
            (memory.beat + 1, memory.card.clone())
        };
        let lives = Guard::Is(vec![("state", ALIVE.into())]);
        let said = self.table.put(self.replica_item(&me, beat, LEFT, &card), Some(lives)).await?;
        if said { Ok(()) } else { Err(closed()) }
    }

    fn lease(&self) -> Option<Duration> {
        Some(self.lease)
    }

    fn due_in(&self) -> Option<Due> {
        let memory = self.memory.lock();
        let (now, part) = (Instant::now(), self.lease / PARTS);
        // one that is silent is looked at when its lease is over, and then as often as all
        let ends = memory.watched.values().filter(|seen| seen.is_alive).map(|seen| seen.since + seen.lease);
        let next_end = ends.filter(|end| memory.looked.is_some_and(|looked| *end > looked)).min();
        let is_alone = next_end.is_none() && memory.rows.is_empty();
        // one whose lease has ended, in a suspended machine too, beats at once
        let held = memory.lease_ends.filter(|ends| ends.left(self.clock.asleep()).is_some());
        let beaten = held.and_then(|ends| ends.at.checked_sub(self.lease));
        let beat = beaten.map(|beaten| beaten + part * if is_alone { PACE_ALONE } else { PACE });
        let pace = part * if memory.looks < FIRST_LOOKS { PACE_AT_FIRST } else { PACE };
        let end = next_end.map(|end| end + self.lease / AFTER_THE_END);
        let look = memory.looked.map(|looked| end.map_or(looked + pace, |end| end.min(looked + pace)));
        let left = |due: Option<Instant>| due.unwrap_or(now).saturating_duration_since(now);
        Some(Due { beat: left(beat), look: left(look) })
    }
}
