//! Admission: how much is taken in. What is accepted stays in memory until its answer is delivered, so there is a bound to it;
//! beyond that a request is refused at the door, in words and without a trace in the journal.
//!
//! No one takes the room of all. One person may have so much open and no more, whatever room there is. People who may run
//! nothing are heard once a minute. Part of the room is for people who may change something: however many look, a change
//! gets in.
//!
//! The words cost Slack something too, and so are bounded: a slash command and a form are told in their acknowledgement,
//! which costs nothing; everybody else by a message, once a minute for each person and so many in all. Where the bot can tell
//! a person nothing now, Slack does: it delivers a mention again, and shows that a button did nothing.

use crate::dispatch::Callers;
use crate::domain::{Request, UserId};
use crate::store::StoreHealth;
use parking_lot::Mutex;
use std::collections::{HashMap, HashSet, VecDeque};
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// The longest line that is taken, in bytes: far longer than anybody types, and short enough for thousands of them to be
/// kept in memory.
const LONGEST: usize = 8_000;

/// The part of the room that is for `status` alone: how the bot is must be heard when nothing else goes.
const KEPT_FOR_STATUS: usize = 10;

/// The part of the room that is for people who may change something.
const KEPT_FOR_CHANGES: usize = 4;

/// What a person may say who has as much open as one may, and how many more of such lines: how the bot is, and what lets
/// one's own work go on or end.
const ALWAYS_TAKEN: [&str; 3] = ["status", "approve", "decline"];
const MORE_OF_THESE: usize = 5;

/// For how long somebody who has been told is not told again, and how many people are told within that time.
const TOLD_FOR: Duration = Duration::from_secs(60);
const PEOPLE: usize = 40;

/// How many keys of refused deliveries are remembered.
const KEYS: usize = 8_192;

/// Between two lines in the log.
const LOG_EVERY: Duration = Duration::from_secs(10);

/// How much may be open at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// In all.
    pub most: usize,
    /// Of one person.
    pub each: usize,
}

/// How much is open already. Asked for each request, so it must answer at once.
pub trait Open: Send + Sync {
    /// In all.
    fn in_all(&self) -> usize;
    /// Of one person.
    fn of(&self, user: &UserId) -> usize;
}

impl Open for StoreHealth {
    fn in_all(&self) -> usize {
        self.open()
    }
    fn of(&self, user: &UserId) -> usize {
        self.open_of(user)
    }
}

/// The bound to what is open.
pub struct Gate {
    room: Room,
    open: Box<dyn Open>,
    callers: Arc<Callers>,
    /// Requests on their way into the journal, which does not count them yet.
    entering: Mutex<Way>,
    numbers: RandomState,
    refused: Mutex<Memory>,
}

/// How many are on their way, and of each person. It holds no person who has nothing on its way. A person is a number here:
/// two of the same would share a share for a moment, which does no harm.
#[derive(Default)]
struct Way {
    all: usize,
    people: HashMap<u64, usize>,
}

/// A request on its way into the journal, until dropped.
pub(super) struct Entering {
    gate: Arc<Gate>,
    person: u64,
}

/// Why a request is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// So much is open.
    Full(usize),
    /// So much is open of this one person.
    Share(usize),
    /// This person may run nothing, and was told so a moment ago.
    Stranger,
    /// Its line has so many bytes.
    Long(usize),
}

/// What is remembered of those who were refused.
#[derive(Default)]
struct Memory {
    told: HashMap<UserId, Instant>,
    keys: HashSet<String>,
    /// The same keys, the oldest first.
    order: VecDeque<String>,
    /// How many, since when that was logged.
    count: u64,
    logged: Option<Instant>,
}

/// How somebody hears of a refusal who cannot be told in the acknowledgement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Word {
    /// By a message.
    Due,
    /// Not again: it was said a moment ago, and that it holds for a while.
    Said,
    /// Not by us: too many have to be told.
    TooMany,
}

impl Gate {
    /// A gate that lets in so much, by what is open already and what is known of those who call.
    pub fn new(room: Room, callers: Arc<Callers>, open: impl Open + 'static) -> Self {
        let (entering, numbers, refused) = Default::default();
        Self { room, open: Box::new(open), callers, entering, numbers, refused }
    }

    /// Lets a request in, or tells why not.
    pub(super) fn admit(self: &Arc<Self>, request: &Request) -> Result<Entering, Refused> {
        match request.text.len() {
            _ if self.callers.was_told(&request.user) => Err(Refused::Stranger),
            long if long > LONGEST => Err(Refused::Long(long)),
            _ => self.enter(request),
        }
    }

    /// Lets a request in where there is room for it: first of this person's share, then of the room of all.
    fn enter(self: &Arc<Self>, request: &Request) -> Result<Entering, Refused> {
        let user = &request.user;
        // first in, then looked: of two at once not both see the last free place
        let person = self.numbers.hash_one(user);
        let (ahead, ahead_of_user) = self.entering.lock().begin(person);
        let entering = Entering { gate: Arc::clone(self), person };
        let (mine, all) = (ahead_of_user + self.open.of(user), ahead + self.open.in_all());
        let share = self.share(&request.text);
        if mine >= share {
            self.log(all, Some((user, mine)));
            // one that is entering and in the journal already counts twice for a moment, so this may say more than there is
            return Err(Refused::Share(share));
        }
        if all >= self.room_for(request) {
            self.log(all, None);
            return Err(Refused::Full(all));
        }
        // last, as it takes the one hearing in a while of somebody who may run nothing
        match self.callers.may_call(user) {
            true => Ok(entering),
            false => Err(Refused::Stranger),
        }
    }

    fn share(&self, text: &str) -> usize {
        let more = ALWAYS_TAKEN.iter().any(|word| begins_with(text, word));
        self.room.each + if more { MORE_OF_THESE } else { 0 }
    }

    fn room_for(&self, request: &Request) -> usize {
        let Room { most, .. } = self.room;
        match (begins_with(&request.text, "status"), self.callers.may_change(&request.user)) {
            (true, _) => most,
            (false, true) => most - most / KEPT_FOR_STATUS,
            (false, false) => most - most / KEPT_FOR_STATUS - most / KEPT_FOR_CHANGES,
        }
    }

    /// What was let in did not get into the journal: its sender has heard nothing.
    pub(super) fn was_not_taken(&self, request: &Request) {
        self.callers.was_not_heard(&request.user);
    }

    /// Remembers the keys of a delivery that was refused, and of which its sender knows.
    pub(super) fn remember(&self, keys: Vec<String>) {
        let mut refused = self.refused.lock();
        for key in keys {
            if refused.keys.insert(key.clone()) {
                refused.order.push_back(key);
            }
        }
        while refused.order.len() > KEYS {
            if let Some(oldest) = refused.order.pop_front() {
                refused.keys.remove(&oldest);
            }
        }
    }

    /// Whether a delivery was refused before. Its acknowledgement was lost: it is not to be run behind the back of somebody
    /// who was told that it is not.
    pub(super) fn was_refused(&self, keys: &[String]) -> bool {
        let refused = self.refused.lock();
        keys.iter().any(|key| refused.keys.contains(key))
    }

    /// Whether this person is to be told now. If telling fails, the caller must [`Gate::forget`] the person.
    pub(super) fn word(&self, user: &UserId) -> Word {
        let now = Instant::now();
        let mut refused = self.refused.lock();
        refused.told.retain(|_, told| now.duration_since(*told) < TOLD_FOR);
        if refused.told.contains_key(user) {
            return Word::Said;
        }
        if refused.told.len() >= PEOPLE {
            return Word::TooMany;
        }
        refused.told.insert(user.clone(), now);
        Word::Due
    }

    /// This person could not be told.
    pub(super) fn forget(&self, user: &UserId) {
        self.refused.lock().told.remove(user);
    }

    fn log(&self, open: usize, person: Option<(&UserId, usize)>) {
        let mut refused = self.refused.lock();
        refused.count += 1;
        if refused.logged.is_some_and(|logged| logged.elapsed() < LOG_EVERY) {
            return;
        }
        let (Room { most, each }, count) = (self.room, refused.count);
        match person {
            Some((user, mine)) => {
                tracing::warn!(%user, mine, each, open, refused = count, "one person has too much open; more of theirs is refused");
            }
            None => tracing::warn!(open, most, refused = count, "too much is open; new commands are refused"),
        }
        refused.count = 0;
        refused.logged = Some(Instant::now());
    }
}

impl Way {
    /// Counts one more; tells how many there were before, and how many of this person's.
    fn begin(&mut self, person: u64) -> (usize, usize) {
        self.all += 1;
        let mine = self.people.entry(person).or_default();
        *mine += 1;
        (self.all - 1, *mine - 1)
    }

    fn end(&mut self, person: u64) {
        self.all -= 1;
        if let Some(mine) = self.people.get_mut(&person) {
            *mine -= 1;
            if *mine == 0 {
                self.people.remove(&person);
            }
        }
    }
}

impl Drop for Entering {
    fn drop(&mut self) {
        self.gate.entering.lock().end(self.person);
    }
}

fn begins_with(text: &str, word: &str) -> bool {
    text.split_whitespace().next().is_some_and(|first| first.eq_ignore_ascii_case(word))
}

impl Refused {
    /// What somebody reads whose request was refused.
    pub(super) fn sentence(self) -> String {
        match self {
            Self::Full(open) => format!(
                "I have {open} commands in hand, which is as many as I can keep, so I did not take this one. Nothing was run. \
                 Try again in a minute; `status` says how I am."
            ),
            Self::Share(open) => format!(
                "I have {open} commands of yours in hand, which is as many as I keep for one person, so I did not take this \
                 one. Nothing was run. Say it again when some of them are answered; `status`, `approve` and `decline` I \
                 take all the same."
            ),
            Self::Stranger => {
                "You may run nothing here, and I told you so a moment ago, so I did not read this one. Nothing \
                               was run. The people who run this bot can let you in."
                    .to_owned()
            }
            Self::Long(bytes) => format!(
                "What you sent is {bytes} bytes long, and a command may have {LONGEST} at most, so I did not take it. Nothing \
                 was run. Say it in fewer words, or in parts."
            ),
        }
    }

    /// The same in a message, which comes once a minute.
    pub(super) fn message(self) -> String {
        match self {
            Self::Full(_) => {
                format!("{} Until then I take no others either, and say so once a minute.", self.sentence())
            }
            Self::Share(_) | Self::Stranger | Self::Long(_) => format!("{} I say so once a minute.", self.sentence()),
        }
    }

    /// The word for it in the metrics.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Full(_) => "overload",
            Self::Share(_) => "share",
            Self::Stranger => "stranger",
            Self::Long(_) => "too_long",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dispatch::Rights;
    use crate::domain::{ReplyTo, RequestId, Source};
    use std::sync::atomic::{AtomicUsize, Ordering};

    fn request(text: &str) -> Request {
        Request {
            id: RequestId::new(1, 1),
            source: Source::Mention,
            team: "T1".into(),
            user: "U1".into(),
            channel: "C1".into(),
            text: text.to_owned(),
            reply_to: ReplyTo::Channel,
            accepted_at: jiff::Timestamp::UNIX_EPOCH,
            trigger: None,
        }
    }

    fn by(user: usize, text: &str) -> Request {
        Request { user: UserId(format!("U{user}")), ..request(text) }
    }

    fn callers() -> Arc<Callers> {
        Arc::new(Callers::new(TOLD_FOR))
    }

    /// So much is open, and of each person so much.
    struct Counted(Arc<AtomicUsize>, usize);

    impl Open for Counted {
        fn in_all(&self) -> usize {
            self.0.load(Ordering::SeqCst)
        }
        fn of(&self, _: &UserId) -> usize {
            self.1
        }
    }

    fn gate(most: usize) -> (Arc<Gate>, Arc<AtomicUsize>) {
        gate_of(Room { most, each: usize::MAX - MORE_OF_THESE }, 0, callers())
    }

    fn gate_of(room: Room, of_each: usize, callers: Arc<Callers>) -> (Arc<Gate>, Arc<AtomicUsize>) {
        let open = Arc::new(AtomicUsize::new(0));
        (Arc::new(Gate::new(room, callers, Counted(Arc::clone(&open), of_each))), open)
    }

    fn is_empty(gate: &Gate) -> bool {
        let way = gate.entering.lock();
        way.all == 0 && way.people.is_empty()
    }

    #[test]
    fn what_is_open_and_what_is_entering_have_one_bound_and_the_last_tenth_is_for_status() {
        let (gate, open) = gate(20);
        let entering: Vec<_> = (0..18).map(|_| gate.enter(&request("ping")).expect("room")).collect();
        assert_eq!(gate.enter(&request("ping")).err(), Some(Refused::Full(18)));
        let status = [" Status ", "status"].map(|text| gate.enter(&request(text)).expect("kept"));
        assert_eq!(gate.enter(&request("status")).err(), Some(Refused::Full(20)), "there is a bound to it too");
        drop((entering, status));
        open.store(17, Ordering::SeqCst);
        let last = gate.enter(&request("ping")).expect("room");
        assert!(gate.enter(&request("statuses")).is_err() && gate.enter(&request("")).is_err());
        drop(last);
        open.store(100, Ordering::SeqCst);
        assert_eq!(gate.enter(&request("ping")).err(), Some(Refused::Full(100)));
        assert!(is_empty(&gate), "who was refused is not entering");
    }

    #[test]
    fn each_person_has_a_share_whatever_room_there_is_and_a_few_words_beyond_it() {
        let room = Room { most: 5_000, each: 20 };
        for open in [0, 7, 19] {
            let (gate, _) = gate_of(room, open, callers());
            let enter = |user: usize, text: &str| gate.enter(&by(user, text));
            let mut mine: Vec<_> = (open..20).map(|_| enter(1, "ec2 list").expect("its share")).collect();
            for line in ["ec2 list", "help", "", "statuses", "ec2 stop status"] {
                assert_eq!(enter(1, line).err(), Some(Refused::Share(20)), "{line}");
            }
            let others: Vec<_> = (2..200).map(|user| enter(user, "ec2 list").expect("another's share")).collect();
            let words = ["status", "approve 7F3K", "Decline 7F3K", "status", "status"];
            mine.extend(words.map(|line| enter(1, line).expect("a word beyond it")));
            assert_eq!(enter(1, "approve 7F3K").err(), Some(Refused::Share(25)));
            assert_eq!(gate.entering.lock().people.len(), 199);
            drop(mine.pop());
            assert_eq!(enter(1, "ec2 list").err(), Some(Refused::Share(20)), "the words count");
            drop((mine, others));
            assert!(is_empty(&gate));
        }
        let said = Refused::Share(20).message();
        assert!(said.contains("20 commands of yours") && said.contains("Nothing was run"), "{said}");
    }

    #[test]
    fn who_only_looks_leaves_a_fourth_of_the_room_to_whoever_may_change_something() {
        let callers = callers();
        let (viewer, operator, unknown) = (by(1, "ec2 list"), by(2, "ec2 list"), by(3, "ec2 list"));
        callers.learn(&viewer.user, || Rights::Reads);
        callers.learn(&operator.user, || Rights::Changes);
        let (gate, open) = gate_of(Room { most: 100, each: 20 }, 0, callers);
        let heard = |request: &Request| gate.enter(request).is_ok();
        let status = Request { text: "status".to_owned(), ..viewer.clone() };
        for (full, expected) in [
            (64, [true, true, true, true]),
            (65, [false, true, true, true]),
            (89, [false, true, true, true]),
            (90, [false, false, false, true]),
            (100, [false, false, false, false]),
        ] {
            open.store(full, Ordering::SeqCst);
            let found = [heard(&viewer), heard(&operator), heard(&unknown), heard(&status)];
            assert_eq!(found, expected, "{full} open: a viewer, an operator, somebody unknown, a status");
        }
        assert!(is_empty(&gate));
    }

    #[tokio::test(start_paused = true)]
    async fn who_may_run_nothing_is_let_in_once_a_minute_and_only_if_it_was_taken() {
        let callers = callers();
        let (gate, open) = gate_of(Room { most: 100, each: 20 }, 0, Arc::clone(&callers));
        let guest = by(1, "help");
        assert!(gate.enter(&guest).is_ok(), "nobody knows yet");
        callers.learn(&guest.user, || Rights::Nothing);
        let heard = || (0..200).filter(|_| gate.enter(&guest).is_ok()).count();
        assert_eq!(heard(), 0);
        assert_eq!(gate.enter(&guest).err(), Some(Refused::Stranger));
        tokio::time::advance(TOLD_FOR).await;
        open.store(100, Ordering::SeqCst);
        assert_eq!(gate.enter(&guest).err(), Some(Refused::Full(100)), "no minute is taken for that");
        open.store(0, Ordering::SeqCst);
        assert_eq!(heard(), 1);
        gate.was_not_taken(&guest);
        assert_eq!(heard(), 1, "the journal had failed");
        assert!(gate.enter(&by(2, "help")).is_ok() && is_empty(&gate));
        // however long, and however much is open
        open.store(100, Ordering::SeqCst);
        assert_eq!(gate.admit(&by(1, &"x".repeat(LONGEST + 1))).err(), Some(Refused::Stranger));
        assert_eq!(gate.admit(&guest).err(), Some(Refused::Stranger));
    }

    #[test]
    fn a_line_has_a_longest_length_whatever_it_says() {
        let (gate, open) = gate(20);
        for word in ["ping", "status", "ec2 list --region ", "ä", "🚀", "\n"] {
            let line = |bytes: usize| request(&word.repeat(bytes / word.len() + 1)[..bytes - bytes % word.len()]);
            assert!(gate.admit(&line(LONGEST)).is_ok(), "{word:?}");
            let refused = gate.admit(&line(LONGEST + 100)).err();
            assert!(matches!(refused, Some(Refused::Long(bytes)) if bytes > LONGEST), "{word:?} {refused:?}");
        }
        assert!(is_empty(&gate));
        open.store(20, Ordering::SeqCst);
        assert_eq!(gate.admit(&request("ping")).err(), Some(Refused::Full(20)));
        assert!(Refused::Long(12_000).message().len() < 300);
    }

    #[test]
    fn of_many_at_once_no_more_than_the_bound_get_in() {
        let (gate, _) = gate(50);
        let enter = || {
            let gate = Arc::clone(&gate);
            move || (0..1_000).filter_map(|_| gate.enter(&request("ping")).ok()).collect::<Vec<_>>()
        };
        let all = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(enter())).collect();
            threads.into_iter().flat_map(|thread| thread.join().expect("it ends")).collect::<Vec<_>>()
        });
        assert!(all.len() <= 45 && gate.entering.lock().all == all.len(), "{}", all.len());
        // those who looked at the same moment may all have been sent away; one alone gets the free place
        assert_eq!(gate.enter(&request("ping")).is_ok(), all.len() < 45);
    }

    #[tokio::test(start_paused = true)]
    async fn each_person_is_told_once_a_minute_and_not_everybody_at_once() {
        let (gate, _) = gate(1);
        let user = |number: usize| UserId(format!("U{number}"));
        assert_eq!(gate.word(&user(0)), Word::Due);
        assert_eq!(gate.word(&user(0)), Word::Said);
        gate.forget(&user(0));
        assert_eq!(gate.word(&user(0)), Word::Due, "Slack did not take it");
        assert!((1..PEOPLE).all(|number| gate.word(&user(number)) == Word::Due));
        assert_eq!(gate.word(&user(PEOPLE)), Word::TooMany);
        assert_eq!(gate.word(&user(7)), Word::Said);
        tokio::time::advance(TOLD_FOR).await;
        assert_eq!(gate.word(&user(PEOPLE)), Word::Due);
        assert_eq!(gate.word(&user(0)), Word::Due);
        assert_eq!(gate.refused.lock().told.len(), 2, "who was told long ago leaves no memory");
    }

    #[test]
    fn what_was_refused_is_known_again_and_the_oldest_of_it_forgotten() {
        let (gate, _) = gate(1);
        let keys = |number: usize| vec![format!("envelope:{number}"), format!("event:{number}")];
        assert!(!gate.was_refused(&keys(0)));
        (0..KEYS).for_each(|number| gate.remember(keys(number)));
        gate.remember(keys(KEYS - 1));
        assert!(!gate.was_refused(&keys(0)));
        assert!(gate.was_refused(&["envelope:new".to_owned(), format!("event:{}", KEYS - 1)]));
        let refused = gate.refused.lock();
        assert_eq!((refused.keys.len(), refused.order.len()), (KEYS, KEYS));
    }
}
