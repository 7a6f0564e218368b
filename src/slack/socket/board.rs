//! What the status shows of the connections.

use super::{LinkObserver, LinkPhase};
use crate::domain::LinkVitals;
use parking_lot::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tokio::time::Instant;

/// Remembers the last news of each slot.
#[derive(Debug)]
pub struct LinkBoard {
    elsewhere: AtomicU32,
    slots: Vec<Mutex<Slot>>,
    /// When a link that was up was seen last, if none is up now.
    last_up: Mutex<Option<Instant>>,
}

#[derive(Debug)]
struct Slot {
    phase: LinkPhase,
    last_frame: Option<Instant>,
    last_event: Option<Instant>,
    sockets: usize,
    connections: Option<u32>,
    /// What Slack counts beyond those of this process.
    others: u32,
    last_error: Option<String>,
}

impl LinkBoard {
    /// A board for so many slots, none of which has been heard of.
    pub fn new(slots: usize) -> Self {
        let slot = || Slot {
            phase: LinkPhase::Dialling,
            last_frame: None,
            last_event: None,
            sockets: 0,
            connections: None,
            others: 0,
            last_error: None,
        };
        let slots = (0..slots).map(|_| Mutex::new(slot())).collect();
        Self { elsewhere: AtomicU32::new(0), slots, last_up: Mutex::new(None) }
    }

    /// How the connections are now.
    pub fn vitals(&self) -> Vec<LinkVitals> {
        let elsewhere = self.elsewhere.load(Ordering::Relaxed);
        let vitals = |(index, slot): (usize, &Mutex<Slot>)| {
            let slot = slot.lock();
            LinkVitals {
                slot: index,
                phase: slot.phase.as_str().to_owned(),
                up: slot.phase.is_up(),
                last_frame: slot.last_frame.map(|at| at.elapsed()),
                last_event: slot.last_event.map(|at| at.elapsed()),
                num_connections: slot.connections,
                strange_connections: slot.others.saturating_sub(elsewhere),
                last_error: slot.last_error.clone(),
            }
        };
        self.slots.iter().enumerate().map(vitals).collect()
    }

    /// How many connections the other replicas hold now.
    pub fn elsewhere(&self, links: u32) {
        self.elsewhere.store(links, Ordering::Relaxed);
    }

    /// Whether any connection is usable.
    pub fn any_up(&self) -> bool {
        self.slots.iter().any(|slot| slot.lock().phase.is_up())
    }

    fn with(&self, slot: usize, change: impl FnOnce(&mut Slot)) {
        if let Some(slot) = self.slots.get(slot) {
            change(&mut slot.lock());
        }
    }
}

impl LinkObserver for LinkBoard {
    fn phase(&self, slot: usize, phase: LinkPhase) {
        self.with(slot, |slot| {
            if slot.phase.is_up() || phase.is_up() {
                *self.last_up.lock() = Some(Instant::now());
            }
            slot.phase = phase;
        });
    }
    fn heard(&self, slot: usize) {
        self.with(slot, |slot| slot.last_frame = Some(Instant::now()));
    }
    fn delivered(&self, slot: usize) {
        self.with(slot, |slot| slot.last_event = Some(Instant::now()));
    }
    fn sockets(&self, slot: usize, open: usize) -> usize {
        self.with(slot, |slot| slot.sockets = open);
        self.slots.iter().map(|slot| slot.lock().sockets).sum()
    }
    fn connections(&self, slot: usize, count: u32, others: u32) {
        // it is the app that is counted: the last word holds for every slot
        for (index, known) in self.slots.iter().enumerate() {
            let mut known = known.lock();
            known.others = others;
            if index == slot {
                known.connections = Some(count);
            }
        }
    }
    fn elsewhere(&self) -> u32 {
        self.elsewhere.load(Ordering::Relaxed)
    }
    fn acked(&self, _: usize, _: Duration) {}
    fn failed(&self, slot: usize, error: &str) {
        self.with(slot, |slot| slot.last_error = Some(error.to_owned()));
    }
    fn last_up(&self) -> Option<Instant> {
        if self.any_up() { Some(Instant::now()) } else { *self.last_up.lock() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // failure 33
    #[tokio::test(start_paused = true)]
    async fn the_board_shows_the_last_news_of_each_slot() {
        let board = LinkBoard::new(2);
        assert_eq!(board.last_up(), None, "none ever was");
        board.phase(1, LinkPhase::Replacing);
        board.heard(1);
        board.connections(1, 3, 1);
        board.delivered(1);
        assert_eq!((board.sockets(0, 1), board.sockets(1, 2), board.sockets(0, 0)), (1, 3, 2));
        board.failed(1, "closed");
        board.phase(7, LinkPhase::Up);
        tokio::time::advance(Duration::from_secs(4)).await;
        let vitals = board.vitals();
        assert_eq!((vitals[0].up, vitals[0].phase.as_str(), vitals[0].last_frame), (false, "dialling", None));
        assert_eq!((vitals[1].up, vitals[1].phase.as_str()), (true, "replacing"));
        assert_eq!(vitals[1].last_frame, Some(Duration::from_secs(4)));
        assert_eq!((vitals[0].last_event, vitals[1].last_event), (None, Some(Duration::from_secs(4))));
        assert_eq!((vitals[0].strange_connections, vitals[1].strange_connections), (1, 1));
        assert_eq!((vitals[1].num_connections, vitals[1].last_error.as_deref()), (Some(3), Some("closed")));
        board.elsewhere(1);
        assert_eq!(board.vitals()[0].strange_connections, 0, "another replica has it");
        assert!(board.any_up());
        tokio::time::advance(Duration::from_secs(4)).await;
        board.phase(1, LinkPhase::BackingOff);
        let down = Instant::now();
        tokio::time::advance(Duration::from_secs(4)).await;
        board.phase(1, LinkPhase::Dialling);
        assert_eq!(board.last_up(), Some(down), "when it went down");
    }
}
