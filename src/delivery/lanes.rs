//! The letters in memory. A lane is one channel, or one response_url: within it letters go one after the other, and
//! no lane waits for another. It outlives the courier's lives, so that a restarted courier never sends beside its
//! former self.

use crate::domain::{ChannelId, RequestId};
use crate::store::{Address, Letter};
use parking_lot::Mutex;
use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

/// At most this many letters are held in memory; the others wait in the store.
const IN_MEMORY: usize = 4_096;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum LaneKey {
    Channel(ChannelId),
    Request(RequestId),
}

fn lane_of(letter: &Letter) -> LaneKey {
    match &letter.letter.address {
        Address::ResponseUrl { .. } => LaneKey::Request(letter.letter.request),
        Address::Post { channel, .. } | Address::Ephemeral { channel, .. } => LaneKey::Channel(channel.clone()),
    }
}

#[derive(Debug, Default)]
struct State {
    queues: HashMap<LaneKey, VecDeque<Letter>>,
    known: HashSet<i64>,
    latest: HashMap<RequestId, String>,
    left_in_store: bool,
    /// Looks into the store whose letters have not arrived yet.
    looks: usize,
    /// Letters that were settled while such a look was on its way: what it saw of them is old.
    settled: HashSet<i64>,
}

/// All lanes.
#[derive(Debug, Default)]
pub struct Lanes {
    state: Mutex<State>,
}

/// A look into the store: as long as it lives, letters that are settled meanwhile are not taken in again.
pub(super) struct Look(Arc<Lanes>);

impl Drop for Look {
    fn drop(&mut self) {
        let mut state = self.0.state.lock();
        state.looks -= 1;
        if state.looks == 0 {
            state.settled.clear();
        }
    }
}

/// The right to send the letters of one lane, one after the other. Dropped early (a panic), it gives its letters back
/// to the store, where the next poll finds them.
pub(super) struct Lane {
    lanes: Arc<Lanes>,
    key: LaneKey,
    current: Option<i64>,
    ended: bool,
}

impl Lanes {
    /// Takes a letter in. Returns a lane when nobody is sending on the letter's lane yet: the caller must then drive it.
    pub(super) fn push(self: &Arc<Self>, letter: Letter) -> Option<Lane> {
        let key = lane_of(&letter);
        let mut state = self.state.lock();
        let State { queues, known, left_in_store, settled, .. } = &mut *state;
        if known.contains(&letter.id) || settled.contains(&letter.id) {
            return None;
        }
        if known.len() >= IN_MEMORY {
            *left_in_store = true;
            return None;
        }
        known.insert(letter.id);
        let idle = !queues.contains_key(&key);
        let queue = queues.entry(key.clone()).or_default();
        // a newer letter of the same request makes a waiting progress letter pointless
        queue.retain(|waiting| {
            let superseded = waiting.letter.request == letter.letter.request && !waiting.letter.last;
            if superseded {
                known.remove(&waiting.id);
            }
            !superseded
        });
        queue.push_back(letter);
        idle.then(|| Lane { lanes: Arc::clone(self), key, current: None, ended: false })
    }

    /// Begins a look into the store; to be kept until all that it found has been pushed.
    pub(super) fn look(self: &Arc<Self>) -> Look {
        self.state.lock().looks += 1;
        Look(Arc::clone(self))
    }

    /// Whether letters were left in the store for lack of room since the last time this was asked.
    pub(super) fn take_left_in_store(&self) -> bool {
        let mut state = self.state.lock();
        let room = state.known.len() < IN_MEMORY / 2;
        room && std::mem::take(&mut state.left_in_store)
    }

    /// Letters in memory: waiting or on their way.
    pub fn len(&self) -> usize {
        self.state.lock().known.len()
    }

    /// Whether no letter is in memory.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Lane {
    /// The next letter to send, with the `ts` of the message that it edits; `None` ends the lane.
    pub(super) fn next(&mut self) -> Option<Letter> {
        let mut state = self.lanes.state.lock();
        if let Some(done) = self.current.take() {
            state.known.remove(&done);
            if state.looks > 0 {
                state.settled.insert(done);
            }
        }
        let next = state.queues.get_mut(&self.key).and_then(VecDeque::pop_front);
        match next {
            Some(mut letter) => {
                if let Some(ts) = state.latest.get(&letter.letter.request) {
                    letter.replaces = Some(ts.clone());
                }
                self.current = Some(letter.id);
                Some(letter)
            }
            None => {
                state.queues.remove(&self.key);
                self.ended = true;
                None
            }
        }
    }

    /// Remembers where a letter went, so that the next one of its request is edited in.
    pub(super) fn sent(&self, letter: &Letter, ts: Option<&str>) {
        let mut state = self.lanes.state.lock();
        match ts {
            Some(ts) if !letter.letter.last => {
                state.latest.insert(letter.letter.request, ts.to_owned());
            }
            _ => {
                state.latest.remove(&letter.letter.request);
            }
        }
    }
}

impl Drop for Lane {
    fn drop(&mut self) {
        if self.ended {
            return;
        }
        let mut state = self.lanes.state.lock();
        if let Some(current) = self.current.take() {
            state.known.remove(&current);
        }
        for letter in state.queues.remove(&self.key).unwrap_or_default() {
            state.known.remove(&letter.id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Reply, Tone};
    use crate::store::NewLetter;

    fn letter(id: i64, request: u128, channel: &str, last: bool) -> Letter {
        Letter {
            id,
            letter: NewLetter {
                request: RequestId::new(1, request),
                address: Address::Post { channel: channel.into(), thread_ts: None },
                reply: Reply::new(Tone::Info),
                last,
            },
            attempts: 0,
            created_at: jiff::Timestamp::UNIX_EPOCH,
            not_before: jiff::Timestamp::UNIX_EPOCH,
            replaces: None,
        }
    }

    #[test]
    fn letters_of_one_channel_go_one_after_the_other_and_channels_do_not_wait_for_each_other() {
        let lanes = Arc::new(Lanes::default());
        let mut first = lanes.push(letter(1, 1, "C1", true)).expect("a new lane");
        assert!(lanes.push(letter(2, 2, "C1", true)).is_none(), "the lane is being driven");
        assert!(lanes.push(letter(3, 3, "C2", true)).is_some(), "another channel has its own lane");
        assert_eq!(first.next().map(|l| l.id), Some(1));
        assert_eq!(first.next().map(|l| l.id), Some(2));
        assert!(first.next().is_none());
        assert!(lanes.push(letter(4, 4, "C1", true)).is_some(), "an ended lane can start again");
    }

    #[test]
    fn a_letter_known_already_is_not_taken_twice() {
        let lanes = Arc::new(Lanes::default());
        let _lane = lanes.push(letter(1, 1, "C1", true));
        assert!(lanes.push(letter(1, 1, "C1", true)).is_none());
        assert_eq!(lanes.len(), 1);
    }

    #[test]
    fn a_letter_that_was_settled_while_the_store_was_read_is_not_taken_again() {
        let lanes = Arc::new(Lanes::default());
        let mut lane = lanes.push(letter(1, 1, "C1", true)).expect("a new lane");
        lane.next();
        let look = lanes.look();
        assert!(lane.next().is_none(), "letter 1 is settled, and the look may have seen it waiting");
        assert!(lanes.push(letter(1, 1, "C1", true)).is_none());
        assert!(lanes.push(letter(2, 2, "C1", true)).is_some(), "others are taken in");
        drop(look);
        let again = lanes.push(letter(1, 1, "C2", true));
        assert!(again.is_some(), "a later look finds it only if it waits again");
    }

    #[test]
    fn a_final_answer_supersedes_waiting_progress_and_edits_the_progress_message_that_was_sent() {
        let lanes = Arc::new(Lanes::default());
        let mut lane = lanes.push(letter(1, 1, "C1", false)).expect("a new lane");
        let progress = lane.next().expect("the first progress letter");
        lanes.push(letter(2, 1, "C1", false));
        lanes.push(letter(3, 1, "C1", true));
        lane.sent(&progress, Some("111.222"));
        let last = lane.next().expect("the final answer");
        assert_eq!((last.id, last.replaces.as_deref()), (3, Some("111.222")));
        lane.sent(&last, Some("111.222"));
        assert!(lane.next().is_none());
        assert!(lanes.is_empty());
    }

    #[test]
    fn a_lane_that_dies_gives_its_letters_back_to_the_store() {
        let lanes = Arc::new(Lanes::default());
        let mut lane = lanes.push(letter(1, 1, "C1", true)).expect("a new lane");
        lanes.push(letter(2, 2, "C1", true));
        lane.next();
        drop(lane);
        assert!(lanes.is_empty());
        assert!(lanes.push(letter(1, 1, "C1", true)).is_some(), "the poll brings them again");
    }
}
