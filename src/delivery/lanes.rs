//! The letters in memory. A lane is the head of one of the outbox's queues (a channel, what single persons see in one,
//! or one response_url): within it letters go one after the other, and no lane waits for another. A lane holds a few
//! letters; the rest waits in the store, so that a storm in one channel neither fills the memory nor keeps the others
//! out. Lanes outlive the courier's lives, so that a restarted courier never sends beside its former self.

use crate::domain::RequestId;
use crate::store::{Delivery, Letter, LetterId, Queue};
use parking_lot::Mutex;
use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// At most this many letters are held in memory; the others wait in the store.
const IN_MEMORY: usize = 4_096;

/// How many of them may wait for the pace of a channel: the others are answers that could go at once, and a storm in the
/// channels must not keep those out.
const PACED: usize = IN_MEMORY / 4 * 3;

/// At most this many letters of a lane wait in memory: more than it sends until its next letters have been fetched.
pub(super) const PER_LANE: usize = 8;

/// A letter's announcement may be on its way for so long, after a search has found the letter.
const ANNOUNCED_WITHIN: Duration = Duration::from_secs(60);

#[derive(Debug, Default)]
struct State {
    queues: HashMap<Queue, VecDeque<Letter>>,
    /// The lanes that were full: the store may have more for them.
    more: HashSet<Queue>,
    known: HashSet<LetterId>,
    /// Of those, the ones that are being sent, or were and are not recorded.
    sending: HashSet<LetterId>,
    /// Whether no letter goes out any more.
    closed: bool,
    /// The message of a request that its next letter edits.
    latest: HashMap<RequestId, String>,
    /// The requests of which Slack may have a message that the bot does not know of.
    unsure: HashSet<RequestId>,
    /// How often a letter broke the sender.
    broke: HashMap<LetterId, u32>,
    /// While the store is searched: the newest letter of each request that came or went in the meantime. What the
    /// search brings may be older than that.
    overtaken: Option<HashMap<RequestId, i64>>,
    /// The letters that a search has found of late: who put one in announces it a moment later, when it may have been
    /// delivered already.
    found: HashSet<LetterId>,
    /// The same, oldest first.
    found_at: VecDeque<(Instant, LetterId)>,
}

impl State {
    /// A search has found this letter.
    fn find(&mut self, id: LetterId) {
        let now = Instant::now();
        while let Some((_, old)) = self.found_at.front().copied().filter(|(at, _)| now - *at >= ANNOUNCED_WITHIN) {
            self.found_at.pop_front();
            self.found.remove(&old);
        }
        if self.found.insert(id) {
            self.found_at.push_back((now, id));
        }
    }

    fn note(&mut self, id: LetterId) {
        if let Some(overtaken) = &mut self.overtaken {
            let newest = overtaken.entry(id.request).or_insert(id.number);
            *newest = id.number.max(*newest);
        }
    }

    fn forget(&mut self, request: RequestId) {
        self.latest.remove(&request);
        self.unsure.remove(&request);
        self.broke.retain(|id, _| id.request != request);
    }

    /// A letter leaves memory, because the store knows what became of it.
    fn settle(&mut self, id: LetterId) {
        self.known.remove(&id);
        self.sending.remove(&id);
        self.note(id);
    }
}

/// All lanes.
#[derive(Debug, Default)]
pub struct Lanes {
    state: Mutex<State>,
}

/// The right to send the letters of one lane, one after the other. Dropped early (a panic), it gives its letters back
/// to the store, where the next search finds them.
pub(super) struct Lane {
    lanes: Arc<Lanes>,
    key: Queue,
    current: Option<LetterId>,
    ended: bool,
}

/// A search of the store for letters. While it goes on, letters are delivered, and what it brings at last may be
/// history: such letters are not taken again.
pub(super) struct Search {
    lanes: Arc<Lanes>,
}

/// A letter whose fate the store does not know yet: as long as this is kept, no task sends it again.
pub(super) struct Unrecorded {
    lanes: Arc<Lanes>,
    letter: Option<LetterId>,
}

impl Lanes {
    /// Takes in a letter that was announced. Returns a lane when no task is sending on the letter's lane yet: the caller
    /// must then drive it.
    pub(super) fn push(self: &Arc<Self>, letter: Letter) -> Option<Lane> {
        // a search was faster; if it did not take the letter after all, the next one does
        let is_late = self.state.lock().found.contains(&letter.id);
        if is_late { None } else { self.take(letter) }
    }

    fn take(self: &Arc<Self>, letter: Letter) -> Option<Lane> {
        let key = letter.letter.queue();
        let mut state = self.state.lock();
        if state.known.contains(&letter.id) {
            return None;
        }
        let (request, id) = (letter.letter.request, letter.id);
        let mut pointless = Vec::new();
        if let Some(queue) = state.queues.get_mut(&key) {
            if queue.iter().any(|waiting| waiting.letter.request == request && waiting.id > id) {
                return None;
            }
            // a newer letter of the same request makes a waiting progress letter pointless
            queue.retain(|waiting| {
                let superseded = waiting.letter.request == request && !waiting.letter.last;
                if superseded {
                    pointless.push(waiting.id);
                }
                !superseded
            });
        }
        pointless.into_iter().for_each(|id| state.settle(id));
        let waiting = state.queues.get(&key).map_or(0, VecDeque::len);
        let most = if matches!(key, Queue::Request(_)) { IN_MEMORY } else { PACED };
        if waiting + 1 >= PER_LANE {
            state.more.insert(key.clone());
        }
        if waiting >= PER_LANE || state.known.len() >= most {
            return None;
        }
        state.known.insert(id);
        state.note(id);
        let idle = !state.queues.contains_key(&key);
        state.queues.entry(key.clone()).or_default().push_back(letter);
        idle.then(|| Lane { lanes: Arc::clone(self), key, current: None, ended: false })
    }

    /// Begins a search, which must be done before the store is asked; `None` while another goes on.
    pub(super) fn search(self: &Arc<Self>) -> Option<Search> {
        let mut state = self.state.lock();
        if state.overtaken.is_some() {
            return None;
        }
        state.overtaken = Some(HashMap::new());
        drop(state);
        Some(Search { lanes: Arc::clone(self) })
    }

    /// The letters in memory, by number.
    pub(super) fn known(&self) -> HashSet<LetterId> {
        self.state.lock().known.clone()
    }

    /// What is remembered of a request that another replica has by now.
    pub(super) fn forget(&self, request: RequestId) {
        self.state.lock().forget(request);
    }

    /// A letter broke the sender: how often by now.
    pub(super) fn breaks(&self, id: LetterId) -> u32 {
        let mut state = self.state.lock();
        let times = state.broke.entry(id).or_default();
        *times += 1;
        *times
    }

    /// The end: no letter goes out any more. Returns those that are on their way, of which this process will not know in time what
    /// becomes of them.
    pub fn close(&self) -> HashSet<LetterId> {
        let mut state = self.state.lock();
        state.closed = true;
        state.sending.clone()
    }

    /// Letters in memory: waiting, on their way, or sent and not yet recorded.
    pub fn len(&self) -> usize {
        self.state.lock().known.len()
    }

    /// Whether no letter is in memory.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Search {
    /// As [`Lanes::push`], for a letter that the search has found.
    pub(super) fn push(&self, letter: Letter) -> Option<Lane> {
        let overtaken = {
            let state = self.lanes.state.lock();
            let newest = state.overtaken.as_ref().and_then(|overtaken| overtaken.get(&letter.letter.request));
            newest.is_some_and(|newest| *newest >= letter.id.number)
        };
        if overtaken {
            return None;
        }
        self.lanes.state.lock().find(letter.id);
        self.lanes.take(letter)
    }
}

impl Drop for Search {
    fn drop(&mut self) {
        self.lanes.state.lock().overtaken = None;
    }
}

impl Drop for Unrecorded {
    fn drop(&mut self) {
        if let Some(id) = self.letter.take() {
            self.lanes.state.lock().settle(id);
        }
    }
}

impl Lane {
    /// The next letter to send, with the `ts` of the message that it edits; `None` ends the lane.
    pub(super) fn next(&mut self) -> Option<Letter> {
        let mut state = self.lanes.state.lock();
        if let Some(id) = self.current.take() {
            state.settle(id);
        }
        let next = match state.closed {
            true => None,
            false => state.queues.get_mut(&self.key).and_then(VecDeque::pop_front),
        };
        match next {
            Some(mut letter) => {
                if let Some(ts) = state.latest.get(&letter.letter.request) {
                    letter.replaces = Some(ts.clone());
                }
                letter.unsure |= state.unsure.contains(&letter.letter.request);
                self.current = Some(letter.id);
                state.sending.insert(letter.id);
                Some(letter)
            }
            None => {
                let left = state.queues.remove(&self.key).unwrap_or_default();
                for letter in left {
                    state.known.remove(&letter.id);
                }
                state.more.remove(&self.key);
                self.ended = true;
                None
            }
        }
    }

    /// A search for more, when the lane was full and is running dry; `None` too while another search goes on.
    pub(super) fn running_dry(&self) -> Option<Search> {
        let mut state = self.lanes.state.lock();
        let waiting = state.queues.get(&self.key).map_or(0, VecDeque::len);
        if waiting > PER_LANE / 2 || state.overtaken.is_some() || !state.more.remove(&self.key) {
            return None;
        }
        state.overtaken = Some(HashMap::new());
        Some(Search { lanes: Arc::clone(&self.lanes) })
    }

    /// Remembers where a letter went, so that the next one of its request is edited in.
    pub(super) fn went(&self, letter: &Letter, delivery: &Delivery) {
        let request = letter.letter.request;
        let mut state = self.lanes.state.lock();
        match delivery {
            Delivery::Sent { ts: Some(ts) } if !letter.letter.last => {
                state.latest.insert(request, ts.clone());
            }
            Delivery::Sent { .. } | Delivery::Dead { .. } if letter.letter.last => {
                state.forget(request);
            }
            // a newer letter may take its place, which has not been tried yet
            Delivery::Later { unsure: true, .. } => {
                state.unsure.insert(request);
            }
            _ => {}
        }
    }

    /// Lets the lane go on although the store could not record what became of the present letter.
    pub(super) fn unrecorded(&mut self) -> Unrecorded {
        Unrecorded { lanes: Arc::clone(&self.lanes), letter: self.current.take() }
    }
}

impl Drop for Lane {
    fn drop(&mut self) {
        if self.ended {
            return;
        }
        let mut state = self.lanes.state.lock();
        if let Some(id) = self.current.take() {
            state.known.remove(&id);
            state.sending.remove(&id);
            state.unsure.insert(id.request);
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
    use crate::store::Address;
    use crate::store::{NewLetter, Way};

    fn letter(number: i64, request: u128, channel: &str, last: bool) -> Letter {
        let request = RequestId::new(1, request);
        Letter {
            id: LetterId { request, number },
            letter: NewLetter {
                request,
                address: Address::Post { channel: channel.into(), thread_ts: None, asker: None },
                reply: Reply::new(Tone::Info),
                last,
                trigger: None,
            },
            attempts: 0,
            created_at: jiff::Timestamp::UNIX_EPOCH,
            not_before: jiff::Timestamp::UNIX_EPOCH,
            replaces: None,
            way: Way::default(),
            unsure: false,
        }
    }

    impl Lane {
        fn is_empty(&self) -> bool {
            self.lanes.state.lock().queues.get(&self.key).is_none_or(VecDeque::is_empty)
        }
    }

    fn sent(ts: &str) -> Delivery {
        Delivery::Sent { ts: Some(ts.to_owned()) }
    }

    /// Sends everything on a lane and returns the letters' numbers.
    fn all(lane: Option<Lane>) -> Vec<i64> {
        let Some(mut lane) = lane else { return Vec::new() };
        std::iter::from_fn(|| lane.next()).map(|letter| letter.id.number).collect()
    }

    #[test]
    fn letters_of_one_channel_go_one_after_the_other_and_channels_do_not_wait_for_each_other() {
        let lanes = Arc::new(Lanes::default());
        let mut first = lanes.push(letter(1, 1, "C1", true)).expect("a new lane");
        assert!(lanes.push(letter(2, 2, "C1", true)).is_none(), "the lane is being driven");
        assert!(lanes.push(letter(3, 3, "C2", true)).is_some(), "another channel has its own lane");
        assert_eq!(first.next().map(|l| l.id.number), Some(1));
        assert_eq!(first.next().map(|l| l.id.number), Some(2));
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
    fn a_final_answer_supersedes_waiting_progress_and_edits_the_progress_message_that_was_sent() {
        let lanes = Arc::new(Lanes::default());
        let mut lane = lanes.push(letter(1, 1, "C1", false)).expect("a new lane");
        let progress = lane.next().expect("the first progress letter");
        lanes.push(letter(2, 1, "C1", false));
        lanes.push(letter(3, 1, "C1", true));
        lane.went(&progress, &sent("111.222"));
        let last = lane.next().expect("the final answer");
        assert_eq!((last.id.number, last.replaces.as_deref()), (3, Some("111.222")));
        lane.went(&last, &sent("111.222"));
        assert!(lane.next().is_none());
        assert!(lanes.is_empty());
    }

    #[test]
    fn at_the_end_no_letter_goes_out_any_more_and_those_on_their_way_are_named() {
        let lanes = Arc::new(Lanes::default());
        let mut lane = lanes.push(letter(1, 1, "C1", true)).expect("a new lane");
        lanes.push(letter(2, 2, "C1", true));
        let mut other = lanes.push(letter(3, 3, "C2", true)).expect("a new lane");
        let sending = lane.next().expect("the first letter").id;
        let unrecorded = other.next().expect("its letter").id;
        let kept = other.unrecorded();
        assert!(other.next().is_none());
        assert_eq!(lanes.close(), HashSet::from([sending, unrecorded]));
        assert!(lane.next().is_none(), "the second stays in the store");
        assert_eq!(lanes.close(), HashSet::from([unrecorded]));
        drop(kept);
        assert!(lanes.is_empty());
    }

    #[test]
    fn of_a_request_that_is_another_replica_s_nothing_is_remembered() {
        let lanes = Arc::new(Lanes::default());
        let mut lane = lanes.push(letter(1, 1, "C1", false)).expect("a new lane");
        let progress = lane.next().expect("the progress letter");
        lane.went(&progress, &sent("111.222"));
        let lost =
            Delivery::Later { not_before: jiff::Timestamp::UNIX_EPOCH, error: "timeout".to_owned(), unsure: true };
        lane.went(&progress, &lost);
        lanes.forget(progress.id.request);
        let state = lanes.state.lock();
        assert!(state.latest.is_empty() && state.unsure.is_empty());
    }

    // failure 30
    #[test]
    fn a_lane_holds_a_few_letters_and_asks_for_more_before_it_runs_dry() {
        let lanes = Arc::new(Lanes::default());
        let mut lane = lanes.push(letter(1, 1, "C1", true)).expect("a new lane");
        (2..100).for_each(|id| assert!(lanes.push(letter(id, u128::from(id.unsigned_abs()), "C1", true)).is_none()));
        assert_eq!(lanes.len(), PER_LANE, "the rest waits in the store");
        let (mut sent, mut in_store) = (Vec::new(), 9..=12);
        while let Some(sending) = lane.next() {
            sent.push(sending.id.number);
            if let Some(search) = lane.running_dry() {
                assert!(!lane.is_empty(), "while there is something to send");
                assert!(lane.running_dry().is_none(), "one search at a time");
                for id in in_store.by_ref() {
                    search.push(letter(id, u128::from(id.unsigned_abs()), "C1", true));
                }
            }
        }
        assert_eq!(sent, (1..=12).collect::<Vec<_>>(), "what the search brought too, in order");
        assert!(lanes.is_empty());
    }

    // failure 30
    #[test]
    fn a_storm_in_all_channels_leaves_room_for_answers_that_wait_for_no_channel() {
        let lanes = Arc::new(Lanes::default());
        let driven: Vec<_> = (0..5_000).map(|id| lanes.push(letter(id, 1, &format!("C{id}"), true))).collect();
        assert_eq!(lanes.len(), PACED);
        let quick = letter(9_000, 9_000, "C1", true);
        let address =
            Address::ResponseUrl { url: "http://slack/x".to_owned().into(), channel: "C1".into(), user: "U1".into() };
        let quick = Letter { letter: NewLetter { address, ..quick.letter.clone() }, ..quick };
        assert_eq!(all(lanes.push(quick)), [9_000]);
        drop(driven);
    }

    #[test]
    fn a_final_answer_takes_the_place_of_progress_in_a_lane_that_is_full() {
        let lanes = Arc::new(Lanes::default());
        let mut lane = lanes.push(letter(0, 100, "C1", true)).expect("a new lane");
        (1..=8).for_each(|id| assert!(lanes.push(letter(id, u128::from(id.unsigned_abs()), "C1", id != 4)).is_none()));
        lanes.push(letter(20, 4, "C1", true));
        let sent: Vec<i64> = std::iter::from_fn(|| lane.next()).map(|letter| letter.id.number).collect();
        assert_eq!(sent, [0, 1, 2, 3, 5, 6, 7, 20]);
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

    #[test]
    fn a_letter_that_was_delivered_while_the_store_was_searched_is_not_sent_again() {
        let lanes = Arc::new(Lanes::default());
        let lane = lanes.push(letter(1, 1, "C1", true));
        let search = lanes.search().expect("no other search");
        assert!(lanes.search().is_none(), "one search at a time");
        assert_eq!(all(lane), [1]);
        // put and delivered within the search
        assert_eq!(all(lanes.push(letter(2, 2, "C1", true))), [2]);
        assert_eq!(all(search.push(letter(1, 1, "C1", true))), [0; 0]);
        assert_eq!(all(search.push(letter(2, 2, "C1", true))), [0; 0]);
        assert_eq!(all(search.push(letter(3, 3, "C1", true))), [3], "one that nobody announced");
        drop(search);
        let later = lanes.search().expect("the first has ended");
        assert_eq!(all(later.push(letter(1, 1, "C1", true))), [1], "it was postponed, and is due now");
    }

    #[tokio::test(start_paused = true)]
    async fn a_letter_that_is_announced_after_a_search_has_found_and_delivered_it_is_not_sent_again() {
        let lanes = Arc::new(Lanes::default());
        let search = lanes.search().expect("no other search");
        assert_eq!(all(search.push(letter(1, 1, "C1", true))), [1]);
        drop(search);
        assert_eq!(all(lanes.push(letter(1, 1, "C1", true))), [0; 0]);
        tokio::time::advance(ANNOUNCED_WITHIN).await;
        let search = lanes.search().expect("no other search");
        assert_eq!(all(search.push(letter(1, 1, "C1", true))), [1], "it was postponed, and is due now");
        assert_eq!(all(search.push(letter(2, 2, "C1", true))), [2]);
        assert_eq!(lanes.state.lock().found.len(), 2);
        tokio::time::advance(ANNOUNCED_WITHIN).await;
        search.push(letter(3, 3, "C1", true));
        let state = lanes.state.lock();
        assert_eq!((state.found.len(), state.found_at.len()), (1, 1), "and none is remembered for ever");
    }

    #[test]
    fn progress_never_follows_the_final_answer() {
        let lanes = Arc::new(Lanes::default());
        let search = lanes.search().expect("no other search");
        assert_eq!(all(lanes.push(letter(2, 1, "C1", true))), [2]);
        assert_eq!(all(search.push(letter(1, 1, "C1", false))), [0; 0], "found, and taken back in the meantime");
        let mut lane = lanes.push(letter(4, 3, "C1", true));
        assert!(lanes.push(letter(3, 3, "C1", false)).is_none(), "announced late");
        assert_eq!(all(lane.take()), [4]);
        assert!(lanes.is_empty());
    }

    #[test]
    fn nothing_is_remembered_of_a_request_that_has_its_answer_or_that_another_has() {
        let lanes = Arc::new(Lanes::default());
        for ends in [true, false] {
            let mut lane = lanes.push(letter(1, 1, "C1", false)).expect("a new lane");
            let progress = lane.next().expect("it");
            lane.went(&progress, &sent("1.1"));
            let error = "timeout".to_owned();
            lane.went(&progress, &Delivery::Later { not_before: progress.not_before, error, unsure: true });
            assert_eq!([lanes.breaks(progress.id), lanes.breaks(progress.id)], [1, 2]);
            match ends {
                true => lane.went(&letter(2, 1, "C1", true), &sent("1.1")),
                false => lanes.forget(progress.letter.request),
            }
            assert!(lane.next().is_none());
            let state = lanes.state.lock();
            assert!(state.latest.is_empty() && state.unsure.is_empty() && state.broke.is_empty(), "{state:?}");
        }
    }

    #[test]
    fn a_letter_that_was_sent_and_not_recorded_stays_known_while_its_lane_goes_on() {
        let lanes = Arc::new(Lanes::default());
        let mut lane = lanes.push(letter(1, 1, "C1", true)).expect("a new lane");
        lane.next();
        let kept = lane.unrecorded();
        assert!(lane.next().is_none());
        assert!(lanes.push(letter(1, 1, "C1", true)).is_none(), "found again in the store");
        drop(kept);
        assert!(lanes.is_empty());
    }
}
