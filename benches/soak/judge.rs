//! What a soak may not show. It knows figures alone, so that `tests/counts` can hand it made-up ones: a judge that calls a
//! deaf bot innocent is worth nothing.

use std::process::ExitStatus;
use std::time::Duration;

/// Of the commands that reached the bot so many must be acknowledged. Those that were on a link when it was cut are not.
const ACKED: f64 = 0.99;

/// So many of all may have been sent into the void: on a link that was half open, or when there was none.
const VOID: f64 = 0.05;

/// So many of a quarter's commands may be met by a fault. They leave the latencies, so that more would leave nothing to
/// compare; the driver breaks less than this.
const HURT: f64 = 0.20;

/// So many of the answers may be another than what was asked: an apology, a refusal.
const SORRY: f64 = 0.005;

/// Resident memory may grow by this factor.
const MEMORY: f64 = 1.05;

/// A link that is being replaced has so many more descriptors.
const LINK: usize = 2;

/// So many calls more may hang at once.
const BURST: usize = 4;

/// The median may grow by this factor, beside what the machine itself became slower by.
const MEDIAN: f64 = 1.25;

/// So may the slowest of a hundred: fewer values, so more noise.
const SLOWEST: f64 = 1.5;

/// A machine that became slower than this is no excuse for more.
const MACHINE: f64 = 2.0;

/// A difference below this is noise, whatever the factor.
const NOISE: Duration = Duration::from_micros(300);

/// The same for the slowest of a hundred.
const LOUD: Duration = Duration::from_millis(10);

/// The median, and the slowest of a hundred.
#[derive(Clone, Copy, Debug, Default)]
pub struct Times {
    pub median: Duration,
    pub slowest: Duration,
}

/// A quarter of the time.
#[derive(Clone, Debug, Default)]
pub struct Quarter {
    /// Resident memory, and what of it is anonymous, in MiB.
    pub rss: f64,
    pub anon: f64,
    pub fds: usize,
    /// At least and at most.
    pub fds_range: (usize, usize),
    pub tasks: usize,
    /// The store, in MiB.
    pub file: f64,
    pub ack: Times,
    pub answer: Times,
    /// What a bare echo took meanwhile.
    pub floor: Times,
    pub commands: usize,
    /// Met by a fault.
    pub hurt: usize,
}

/// What became of the commands: by what Slack saw, and by what the store says.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counts {
    pub sent: usize,
    /// Written to a link that was open.
    pub reached: usize,
    pub acked: usize,
    pub answered: usize,
    /// Acknowledged, and not answered.
    pub missing: usize,
    pub doubled: usize,
    /// Answered with something else than what was asked.
    pub sorry: usize,
    /// Rows of the store: requests, those without an end, and letters that wait.
    pub requests: usize,
    pub open: usize,
    pub letters: usize,
}

/// Everything that is wrong.
pub fn judge(quarters: &[Quarter; 4], counts: &Counts, ended: ExitStatus) -> Vec<String> {
    let mut failures = Vec::new();
    if !ended.success() {
        failures.push(format!("the bot ended with {ended}"));
    }
    count(counts, &mut failures);
    for (quarter, which) in quarters.iter().zip(["first", "second", "third", "last"]) {
        if quarter.commands == 0 || quarter.hurt as f64 > quarter.commands as f64 * HURT {
            let Quarter { hurt, commands, .. } = quarter;
            failures.push(format!("{hurt} of the {commands} commands of the {which} quarter were met by a fault"));
        }
    }
    let [_, second, _, last] = quarters;
    grown(second, last, &mut failures);
    slower(second, last, &mut failures);
    failures
}

fn count(counts: &Counts, failures: &mut Vec<String>) {
    let Counts { sent, reached, acked, answered, missing, doubled, sorry, requests, open, letters } = *counts;
    if sent == 0 || (sent - reached) as f64 > sent as f64 * VOID {
        failures.push(format!("of {sent} commands only {reached} found an open link"));
    }
    if reached == 0 || (acked as f64) < reached as f64 * ACKED {
        failures.push(format!("of {reached} commands that reached the bot only {acked} were acknowledged"));
    }
    for (what, count) in [("answer is missing", missing), ("answer came twice", doubled)] {
        if count > 0 {
            failures.push(format!("{count} times an {what}"));
        }
    }
    if sorry as f64 > answered as f64 * SORRY {
        failures.push(format!("{sorry} of {answered} answers were none to what was asked"));
    }
    if requests != answered {
        failures.push(format!("{answered} commands were answered, and {requests} requests are in the store"));
    }
    if open != 0 || letters != 0 {
        failures.push(format!("{open} requests and {letters} letters are left in the store"));
    }
}

/// What the process holds that it did not hold before.
fn grown(second: &Quarter, last: &Quarter, failures: &mut Vec<String>) {
    if last.rss > second.rss * MEMORY {
        failures.push(format!("resident memory grew from {:.2} to {:.2} MiB", second.rss, last.rss));
    }
    let ((least, most), (least_now, most_now)) = (second.fds_range, last.fds_range);
    for (what, before, now, more) in [
        ("median", second.fds, last.fds, LINK),
        ("at least", least, least_now, LINK),
        ("at most", most, most_now, LINK + BURST),
    ] {
        if now > before + more {
            failures.push(format!("file descriptors, {what}, grew from {before} to {now}"));
        }
    }
    if last.tasks > second.tasks {
        failures.push(format!("threads grew from {} to {}", second.tasks, last.tasks));
    }
}

/// What takes longer than before.
fn slower(second: &Quarter, last: &Quarter, failures: &mut Vec<String>) {
    type Part = fn(&Times) -> Duration;
    let parts: [(&str, Part, f64, Duration); 2] = [
        ("median", |times| times.median, MEDIAN, NOISE),
        ("slowest of a hundred", |times| times.slowest, SLOWEST, LOUD),
    ];
    for (what, part, most, noise) in parts {
        let at = |times: &Times| part(times).as_secs_f64();
        let machine = (at(&last.floor) / at(&second.floor).max(1e-9)).clamp(1.0, MACHINE);
        for (door, before, now) in
            [("acknowledgement", &second.ack, &last.ack), ("answer", &second.answer, &last.answer)]
        {
            let (before, now) = (at(before), at(now));
            if now > before * most * machine && now - before > noise.as_secs_f64() {
                let (before, now) = (before * 1e3, now * 1e3);
                failures
                    .push(format!("the {what} {door} grew from {before:.2} to {now:.2} ms (machine x{machine:.2})"));
            }
        }
    }
}
