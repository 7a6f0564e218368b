//! What the Slack of the benchmarks has seen of each command.

use super::lines;
use parking_lot::Mutex;
use serde_json::Value;
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};
use tokio::sync::Notify;

/// So many threads are kept, for the bot to look for its messages in.
const THREADS: usize = 20_000;

/// What is known of a command.
#[derive(Clone, Copy, Debug)]
pub struct Told {
    /// When it was sent first.
    pub sent: Instant,
    /// Whether a delivery of it was written to an open link, or all went into the void.
    pub reached: bool,
    pub acked: Option<Duration>,
    pub answered: Option<Duration>,
    /// How many messages show an answer to it.
    pub shown: usize,
    /// When the newest of them came.
    pub shown_last: Option<Duration>,
    /// Whether what it shows now is no answer to what was asked: an apology, a refusal, nothing of the sort.
    pub amiss: bool,
    /// What happened to the last attempt at an answer that something happened to.
    pub trouble: Option<Trouble>,
    /// Whether a fault met it, so that its times say nothing of the bot's speed.
    pub hurt: bool,
}

impl Told {
    /// A command that is sent now.
    pub fn now() -> Self {
        Self {
            sent: Instant::now(),
            reached: false,
            acked: None,
            answered: None,
            shown: 0,
            shown_last: None,
            amiss: false,
            trouble: None,
            hurt: false,
        }
    }
}

/// What happens to one HTTP call.
#[derive(Clone, Copy, Debug)]
pub enum Trouble {
    /// It is refused with 503.
    Unavailable,
    /// It is refused with 429 and this many seconds to wait.
    TooMany(u64),
    /// It is answered this much later.
    Hang(Duration),
    /// It is done, and its answer is lost.
    Lose,
}

/// An answer as it came.
pub struct Answer<'a> {
    pub text: &'a str,
    /// It stands in the place of what was shown before.
    pub replaces: bool,
}

/// All that was seen, behind a lock.
#[derive(Default)]
pub struct Book(Mutex<Pages>);

#[derive(Default)]
struct Pages {
    told: Vec<Told>,
    series: Option<Series>,
    /// Messages by the command in whose thread they are: `ts` and metadata.
    threads: BTreeMap<usize, Vec<(String, Value)>>,
    posted: usize,
    /// The newest answer that was none to what was asked.
    amiss: Option<String>,
    /// How often each method of the Web API was called, and each response_url.
    calls: BTreeMap<String, usize>,
    /// Commands that are answered before this time are met by a fault that meets all.
    hurt_until: Option<Instant>,
}

/// A closed loop: so many commands are on their way until all of the range are answered.
struct Series {
    range: Range<usize>,
    in_flight: usize,
    /// Acknowledgements and answers that are still to come.
    open: usize,
    unanswered: usize,
    done: Sender<()>,
    /// Whoever sends the next commands.
    pump: Arc<Notify>,
}

impl Pages {
    fn came(&mut self, number: usize, is_answer: bool) {
        let Some(series) = self.series.as_mut().filter(|series| series.range.contains(&number)) else { return };
        series.open -= 1;
        series.unanswered -= usize::from(is_answer);
        if is_answer {
            series.pump.notify_one();
        }
        if series.open == 0 {
            let _ = series.done.send(());
        }
    }
}

impl Book {
    /// How many commands there were.
    pub fn count(&self) -> usize {
        self.0.lock().told.len()
    }

    pub fn told(&self, range: Range<usize>) -> Vec<Told> {
        self.0.lock().told[range].to_vec()
    }

    /// The newest answer that was none to what was asked.
    pub fn amiss(&self) -> Option<String> {
        self.0.lock().amiss.clone()
    }

    /// How often each method was called.
    pub fn calls(&self) -> BTreeMap<String, usize> {
        self.0.lock().calls.clone()
    }

    pub(super) fn called(&self, method: &str) {
        let mut pages = self.0.lock();
        match pages.calls.get_mut(method) {
            Some(calls) => *calls += 1,
            None => drop(pages.calls.insert(method.to_owned(), 1)),
        }
    }

    /// A new command; its number.
    pub(super) fn tell(&self) -> usize {
        let mut pages = self.0.lock();
        pages.told.push(Told::now());
        pages.told.len() - 1
    }

    /// It is sent now.
    pub(super) fn sent(&self, number: usize) {
        self.0.lock().told[number].sent = Instant::now();
    }

    /// A delivery of it was written to an open link.
    pub(super) fn reached(&self, number: usize) {
        self.0.lock().told[number].reached = true;
    }

    /// The next `total` commands are a closed loop; the range of their numbers.
    pub(super) fn begin(&self, total: usize, in_flight: usize, done: Sender<()>, pump: Arc<Notify>) -> Range<usize> {
        let mut pages = self.0.lock();
        let range = pages.told.len()..pages.told.len() + total;
        pages.series = Some(Series { range: range.clone(), in_flight, open: 2 * total, unanswered: total, done, pump });
        range
    }

    /// How many commands of the closed loop are to be sent now; nothing when all have been.
    pub(super) fn wanted(&self) -> Option<usize> {
        let pages = self.0.lock();
        let series = pages.series.as_ref()?;
        let left = series.range.end.checked_sub(pages.told.len()).filter(|left| *left > 0)?;
        let on_their_way = series.unanswered - left;
        Some(series.in_flight.saturating_sub(on_their_way).min(left))
    }

    pub(super) fn acked(&self, number: usize) {
        let mut pages = self.0.lock();
        let Some(told) = pages.told.get_mut(number).filter(|told| told.acked.is_none()) else { return };
        told.acked = Some(told.sent.elapsed());
        pages.came(number, false);
    }

    /// An answer is shown to what was asked.
    pub(super) fn answered(&self, number: usize, asked: &str, answer: &Answer<'_>) {
        let mut pages = self.0.lock();
        let hurt = pages.hurt_until.is_some_and(|until| Instant::now() < until);
        let Some(told) = pages.told.get_mut(number) else { return };
        told.hurt |= hurt;
        told.amiss = !lines::answers(asked, answer.text);
        if told.amiss {
            pages.amiss = Some(answer.text.to_owned());
        }
        let Some(told) = pages.told.get_mut(number) else { return };
        if !(answer.replaces && told.shown > 0) {
            told.shown += 1;
            told.shown_last = Some(told.sent.elapsed());
        }
        if told.answered.is_none() {
            told.answered = Some(told.sent.elapsed());
            pages.came(number, true);
        }
    }

    /// A fault met this command.
    pub(super) fn hurt(&self, number: usize, trouble: Option<Trouble>) {
        if let Some(told) = self.0.lock().told.get_mut(number) {
            told.hurt = true;
            told.trouble = trouble.or(told.trouble);
        }
    }

    /// A fault meets every command that is answered within this time.
    pub(super) fn hurt_all_for(&self, time: Duration) {
        self.0.lock().hurt_until = Some(Instant::now() + time);
    }

    /// A message comes; its `ts`.
    pub(super) fn posted(&self, thread: Option<usize>, metadata: &Value) -> String {
        let mut pages = self.0.lock();
        pages.posted += 1;
        let ts = format!("1800000000.{:06}", pages.posted);
        if let Some(number) = thread {
            pages.threads.entry(number).or_default().push((ts.clone(), metadata.clone()));
            if pages.threads.len() > THREADS {
                pages.threads.pop_first();
            }
        }
        ts
    }

    /// The messages in the thread of a command: `ts` and metadata.
    pub(super) fn thread(&self, number: Option<usize>) -> Vec<(String, Value)> {
        number.and_then(|number| self.0.lock().threads.get(&number).cloned()).unwrap_or_default()
    }
}
