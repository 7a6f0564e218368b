//! The commands, and what goes wrong meanwhile.

use crate::support::{Door, Line, Link, Slack, Trouble, channel, person};
use actix_web::rt;
use fastrand::Rng;
use std::collections::{BTreeSet, VecDeque};
use std::time::{Duration, Instant};

const PEOPLE: usize = 200;
const CHANNELS: usize = 300;

/// For so long Slack waits for an acknowledgement.
const SLACK_WAITS: Duration = Duration::from_secs(3);

/// How long what was not acknowledged is delivered again after the last new command.
const LAST: Duration = Duration::from_secs(60);

/// What people ask, and how often among a hundred.
const TEXTS: [(&str, usize); 5] = [("ping", 60), ("whoami", 15), ("help", 10), ("version", 11), ("ec2 list", 4)];

pub fn people() -> Vec<String> {
    (0..PEOPLE).map(person).collect()
}

/// What the command of this number is.
pub fn line(number: usize) -> Line {
    // the same each time, and as if at random
    let dice = (number as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32;
    let dice = usize::try_from(dice).unwrap_or_default();
    let mut left = dice % 100;
    let text = TEXTS.iter().find(|(_, share)| {
        let found = left < *share;
        left = left.saturating_sub(*share);
        found
    });
    Line {
        door: if number.is_multiple_of(3) { Door::Mention } else { Door::Slash },
        user: person((dice / 100) % PEOPLE),
        // a channel gets no two messages within the second that Slack asks for between them
        channel: channel((number / 3) % CHANNELS),
        text: text.map_or("ping", |(text, _)| text),
    }
}

/// Something that was broken.
pub type Fault = &'static str;

/// Gives commands at their rate until then, doubles some, and delivers again what was not acknowledged.
pub async fn give(slack: &Slack, until: Instant, rate: f64, seed: u64) {
    let mut rng = Rng::with_seed(seed);
    let interval = Duration::from_secs_f64(1.0 / rate);
    let mut due = Instant::now();
    let mut waiting = Waiting::default();
    while due < until {
        rt::time::sleep_until(due.into()).await;
        let number = slack.send().await;
        waiting.sent.push_back((Instant::now() + SLACK_WAITS, number, 0));
        if rng.u32(..10) == 0 {
            // most come again at once, some after a while, and one now and then that nobody remembers
            let (again, later) = match rng.u32(..10) {
                0 => (rng.usize(..=number), Duration::ZERO),
                1..4 => (number, Duration::from_millis(rng.u64(..5_000))),
                _ => (number, Duration::from_millis(rng.u64(..20))),
            };
            let copy = if rng.bool() { 0 } else { rng.usize(1..1_000) };
            waiting.doubled.insert((Instant::now() + later, again, copy));
        }
        waiting.turn(slack).await;
        due += interval;
    }
    let last = Instant::now() + LAST;
    while Instant::now() < last && waiting.turn(slack).await {
        rt::time::sleep(Duration::from_millis(100)).await;
    }
}

#[derive(Default)]
struct Waiting {
    /// Commands by the time at which Slack gives their delivery up, and how often they were delivered again.
    sent: VecDeque<(Instant, usize, usize)>,
    /// Deliveries that come once more: when, of which command, as which copy.
    doubled: BTreeSet<(Instant, usize, usize)>,
}

impl Waiting {
    /// Does what is due; whether anything is left.
    async fn turn(&mut self, slack: &Slack) -> bool {
        let now = Instant::now();
        while let Some(&again) = self.doubled.first().filter(|(at, ..)| *at <= now) {
            self.doubled.remove(&again);
            let (_, number, copy) = again;
            slack.deliver(number, copy, usize::from(copy > 0)).await;
        }
        while let Some((_, number, attempt)) = self.sent.front().copied().filter(|(at, ..)| *at <= now) {
            self.sent.pop_front();
            if slack.book().told(number..number + 1)[0].acked.is_some() {
                continue;
            }
            slack.hurt(number);
            // whoever typed a command was told that it failed; an event comes again
            if line(number).door == Door::Mention {
                slack.deliver(number, 1_000 + attempt, attempt + 1).await;
                self.sent.push_back((now + SLACK_WAITS, number, attempt + 1));
            }
        }
        !(self.sent.is_empty() && self.doubled.is_empty())
    }
}

/// What is broken, and how often among a hundred.
const FAULTS: [(Fault, u32); 12] = [
    ("link reset", 12),
    ("link half open", 4),
    ("link refreshed", 12),
    ("response_url: 503", 16),
    ("response_url: hangs", 12),
    ("response_url: 429", 3),
    ("response_url: answer lost", 10),
    ("chat.postMessage: 503", 12),
    ("chat.postMessage: hangs", 6),
    ("chat.postMessage: 429", 2),
    ("chat.postMessage: answer lost", 6),
    ("users.info: 503", 5),
];

/// How long a "too many" hurts everything: the second that it asks for, and until what waited is through.
const TOO_MANY_HURTS: Duration = Duration::from_secs(3);

/// The part of a quarter that may be hurt by them. Such a command is not judged by its times, so that too many of these
/// would leave nothing to judge.
const TOO_MANY_AT_MOST: f64 = 0.12;

/// Whether another "too many" fits into this quarter of the time.
fn has_room(done: &[(Instant, Fault)], begun: Instant, until: Instant) -> bool {
    let quarter = (until - begun) / 4;
    let which = |at: Instant| (at - begun).as_secs_f64() / quarter.as_secs_f64();
    let now = which(Instant::now()).floor();
    let there = done.iter().filter(|(at, fault)| fault.ends_with("429") && which(*at).floor() == now).count();
    TOO_MANY_HURTS.mul_f64(there as f64 + 1.0) <= quarter.mul_f64(TOO_MANY_AT_MOST)
}

/// Breaks something each other second until then; what it was.
pub async fn break_things(slack: &Slack, until: Instant, seed: u64) -> Vec<Fault> {
    let mut rng = Rng::with_seed(seed ^ 0x5EED);
    let begun = Instant::now();
    let mut done: Vec<(Instant, Fault)> = Vec::new();
    let mut leaving: VecDeque<(Instant, u64)> = VecDeque::new();
    loop {
        rt::time::sleep(Duration::from_millis(rng.u64(1_000..3_000))).await;
        while let Some((_, link)) = leaving.front().copied().filter(|(at, _)| *at <= Instant::now()) {
            leaving.pop_front();
            slack.reset(link);
        }
        if Instant::now() >= until {
            break;
        }
        let mut left = rng.u32(..FAULTS.iter().map(|(_, share)| *share).sum::<u32>());
        let fault = FAULTS.iter().find(|(_, share)| {
            let found = left < *share;
            left = left.saturating_sub(*share);
            found
        });
        let fault = fault.map_or(FAULTS[0].0, |(fault, _)| *fault);
        if fault.ends_with("429") && !has_room(&done, begun, until) {
            continue;
        }
        if one(slack, fault, &mut rng, &mut leaving).await {
            done.push((Instant::now(), fault));
        }
    }
    slack.heal();
    done.into_iter().map(|(_, fault)| fault).collect()
}

/// Breaks this; whether it could be broken.
async fn one(slack: &Slack, fault: Fault, rng: &mut Rng, leaving: &mut VecDeque<(Instant, u64)>) -> bool {
    let some = rng.usize(1..4);
    let hang = Trouble::Hang(Duration::from_millis(rng.u64(1_000..3_000)));
    match fault {
        "link reset" | "link half open" | "link refreshed" => {
            let links = slack.links();
            let up: Vec<u64> = links.iter().filter(|(_, link)| *link == Link::Up).map(|(id, _)| *id).collect();
            // one is left, so that commands come through
            let Some(link) = rng.choice(&up).copied().filter(|_| up.len() > 1) else { return false };
            match fault {
                "link reset" => slack.reset(link),
                "link half open" => slack.deafen(link),
                _ => {
                    slack.refresh(link).await;
                    leaving.push_back((Instant::now() + Duration::from_secs(5), link));
                }
            }
        }
        "response_url: 503" => slack.trouble("respond", Trouble::Unavailable, some),
        "response_url: hangs" => slack.trouble("respond", hang, some),
        "response_url: 429" => slack.trouble("respond", Trouble::TooMany(1), 1),
        "response_url: answer lost" => slack.trouble("respond", Trouble::Lose, some),
        "chat.postMessage: 503" => slack.trouble("chat.postMessage", Trouble::Unavailable, some),
        "chat.postMessage: hangs" => slack.trouble("chat.postMessage", hang, some),
        "chat.postMessage: 429" => slack.trouble("chat.postMessage", Trouble::TooMany(1), 1),
        "chat.postMessage: answer lost" => slack.trouble("chat.postMessage", Trouble::Lose, some),
        _ => slack.trouble("users.info", Trouble::Unavailable, 1),
    }
    true
}
