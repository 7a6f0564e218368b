//! How much is taken in. What is accepted stays in memory until its answer is delivered, so there is a bound to it; beyond
//! that a request is refused at the door, in words and without a trace in the journal.
//!
//! The words cost Slack something too, and so are bounded: a slash command and a form are told in their acknowledgement,
//! which costs nothing; everybody else by a message, once a minute for each person and so many in all. Whoever can be
//! told nothing now is left to Slack: it delivers a mention again, and shows that a button did nothing.

use crate::domain::{Request, UserId};
use parking_lot::Mutex;
use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::time::Instant;

/// The longest line that is taken, in bytes: far longer than anybody types, and short enough for thousands of them to be
/// kept in memory.
const LONGEST: usize = 8_000;

/// The part of the room that is for `status` alone: how the bot is must be heard when nothing else goes.
const KEPT_FOR_STATUS: usize = 10;

/// For how long somebody who has been told is not told again, and how many people are told within that time.
const TOLD_FOR: Duration = Duration::from_secs(60);
const PEOPLE: usize = 40;

/// How many keys of refused deliveries are remembered.
const KEYS: usize = 8_192;

/// Between two lines in the log.
const LOG_EVERY: Duration = Duration::from_secs(10);

/// The bound to what is open.
pub struct Gate {
    most: usize,
    open: Box<dyn Fn() -> usize + Send + Sync>,
    /// Requests on their way into the journal, which does not count them yet.
    entering: AtomicUsize,
    refused: Mutex<Memory>,
}

/// A request on its way into the journal, until dropped.
pub(super) struct Entering(Arc<Gate>);

/// Why a request is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// So much is open.
    Full(usize),
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
    /// A gate that lets in at most so much, by what is open already.
    pub fn new(most: usize, open: impl Fn() -> usize + Send + Sync + 'static) -> Self {
        Self { most, open: Box::new(open), entering: AtomicUsize::new(0), refused: Mutex::default() }
    }

    /// Lets a request in, or tells why not.
    pub(super) fn admit(self: &Arc<Self>, request: &Request) -> Result<Entering, Refused> {
        match request.text.len() {
            long if long > LONGEST => Err(Refused::Long(long)),
            _ => self.enter(request).map_err(Refused::Full),
        }
    }

    /// Lets a request in where there is room, or tells how much is open.
    fn enter(self: &Arc<Self>, request: &Request) -> Result<Entering, usize> {
        let most = match is_status(&request.text) {
            true => self.most,
            false => self.most - self.most / KEPT_FOR_STATUS,
        };
        // first in, then looked: of two at once not both see the last free place
        let entering = Entering(Arc::clone(self));
        let ahead = self.entering.fetch_add(1, Ordering::SeqCst);
        let open = ahead + (self.open)();
        if open < most {
            return Ok(entering);
        }
        self.log(open);
        Err(open)
    }

    /// Remembers the keys of a delivery that was refused, and that whoever sent it knows.
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

    /// Whether this person is to be told now. Whoever is told of it but cannot be must be forgotten again.
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

    fn log(&self, open: usize) {
        let mut refused = self.refused.lock();
        refused.count += 1;
        if refused.logged.is_some_and(|logged| logged.elapsed() < LOG_EVERY) {
            return;
        }
        tracing::warn!(open, most = self.most, refused = refused.count, "too much is open; new commands are refused");
        refused.count = 0;
        refused.logged = Some(Instant::now());
    }
}

impl Drop for Entering {
    fn drop(&mut self) {
        self.0.entering.fetch_sub(1, Ordering::SeqCst);
    }
}

fn is_status(text: &str) -> bool {
    text.split_whitespace().next().is_some_and(|word| word.eq_ignore_ascii_case("status"))
}

impl Refused {
    /// What somebody reads whose request was refused.
    pub(super) fn sentence(self) -> String {
        match self {
            Self::Full(open) => format!(
                "I have {open} commands in hand, which is as many as I can keep, so I did not take this one. Nothing was run. \
                 Try again in a minute; `status` says how I am."
            ),
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
            Self::Long(_) => format!("{} I say so once a minute.", self.sentence()),
        }
    }

    /// The word for it in the metrics.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Full(_) => "overload",
            Self::Long(_) => "too_long",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{ReplyTo, RequestId, Source};

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

    fn gate(most: usize) -> (Arc<Gate>, Arc<AtomicUsize>) {
        let open = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&open);
        (Arc::new(Gate::new(most, move || counted.load(Ordering::SeqCst))), open)
    }

    #[test]
    fn what_is_open_and_what_is_entering_have_one_bound_and_the_last_tenth_is_for_status() {
        let (gate, open) = gate(20);
        let entering: Vec<_> = (0..18).map(|_| gate.enter(&request("ping")).expect("room")).collect();
        assert_eq!(gate.enter(&request("ping")).err(), Some(18));
        let status = [gate.enter(&request(" Status ")).expect("kept"), gate.enter(&request("status")).expect("kept")];
        assert_eq!(gate.enter(&request("status")).err(), Some(20), "there is a bound to it too");
        drop((entering, status));
        open.store(17, Ordering::SeqCst);
        let last = gate.enter(&request("ping")).expect("room");
        assert!(gate.enter(&request("statuses")).is_err() && gate.enter(&request("")).is_err());
        drop(last);
        open.store(100, Ordering::SeqCst);
        assert_eq!(gate.enter(&request("ping")).err(), Some(100));
        assert_eq!(gate.entering.load(Ordering::SeqCst), 0, "who was refused is not entering");
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
        assert_eq!(gate.entering.load(Ordering::SeqCst), 0);
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
        assert!(all.len() <= 45 && gate.entering.load(Ordering::SeqCst) == all.len(), "{}", all.len());
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
