//! The bounds, each with what it counts and what it was when it was set. One that fails names what became dearer: find out
//! why, and raise it only for a reason that is worth it. One that is far above its count is to be lowered.

use std::io::Write;

/// The most that something may be.
pub struct Bound {
    pub what: &'static str,
    pub most: f64,
}

const fn at_most(most: f64, what: &'static str) -> Bound {
    Bound { what, most }
}

/// Several that are counted together, in this order.
pub struct Bounds<const N: usize>(pub [Bound; N]);

impl<const N: usize> Bounds<N> {
    pub fn counted(&'static self, values: &[f64; N]) -> Vec<Counted> {
        self.0.iter().zip(values).map(|(bound, value)| Counted::of(bound, *value)).collect()
    }
}

// At rest.

/// Everything that turns by itself: heartbeats, pings, the reporter of each second. Today 1.
pub const IDLE_ALLOCATIONS: Bound = at_most(1e9, "at rest: allocations a second");

/// Today none: the file of a bot that nobody asks is left alone.
pub const IDLE_COMMITS: Bound = at_most(0.0, "at rest: transactions in 3 s");

// One command, when nothing is left to do for the one before.

/// A slash command, answered by its response_url.
pub const SLASH: Bounds<8> = Bounds([
    // acceptance, end with its answer, and that Slack has it: three
    at_most(1e9, "slash: transactions"),
    at_most(1e9, "slash: pages written to the log"),
    at_most(1e9, "slash: bytes written to the log"),
    at_most(1e9, "slash: allocations"),
    at_most(1e9, "slash: bytes allocated"),
    // command finished: one
    at_most(1.0, "slash: lines logged"),
    at_most(1e9, "slash: bytes logged"),
    // the answer: one
    at_most(1.0, "slash: calls to Slack"),
]);

/// A mention, answered by a message in its thread.
pub const MENTION: Bounds<8> = Bounds([
    at_most(1e9, "mention: transactions"),
    at_most(1e9, "mention: pages written to the log"),
    at_most(1e9, "mention: bytes written to the log"),
    at_most(1e9, "mention: allocations"),
    at_most(1e9, "mention: bytes allocated"),
    at_most(1.0, "mention: lines logged"),
    at_most(1e9, "mention: bytes logged"),
    at_most(1.0, "mention: calls to Slack"),
]);

/// Fifty slash commands that come at once, where a sync takes longer than everything else.
pub const AT_ONCE: Bounds<4> = Bounds([
    at_most(1e9, "50 at once: transactions of all"),
    at_most(1e9, "50 at once: pages written to the log, each"),
    at_most(1e9, "50 at once: allocations, each"),
    at_most(1e9, "50 at once: bytes allocated, each"),
]);

/// A slash command, by the table.
pub const TABLE: Bounds<4> = Bounds([
    at_most(1e9, "table: writing calls"),
    at_most(1e9, "table: reading calls"),
    at_most(1e9, "table: write units"),
    at_most(1e9, "table: bytes sent"),
]);

pub const REST_WRITES: Bound = at_most(1e9, "table: writing calls a minute at rest");
pub const REST_READS: Bound = at_most(1e9, "table: reading calls a minute at rest");

/// A count beside its bound.
pub struct Counted {
    bound: &'static Bound,
    value: f64,
}

impl Counted {
    pub fn of(bound: &'static Bound, value: f64) -> Self {
        Self { bound, value }
    }

    fn is_above(&self) -> bool {
        // a count is a whole number, and its mean a fraction that floating point does not hold exactly
        self.value > self.bound.most + 1e-6
    }
}

/// Says it, whatever the harness does with what a test prints.
pub fn print_line(line: &str) {
    writeln!(std::io::stderr().lock(), "  {line}").unwrap();
}

/// Prints the counts.
pub fn print(title: &str, counts: &[Counted]) {
    let lines = counts.iter().map(|counted| {
        let Bound { what, most } = counted.bound;
        format!("  {what:<46}{:>12.2}   at most {most:.2}\n", counted.value)
    });
    let text: String = lines.collect();
    write!(std::io::stderr().lock(), "\n  {title}\n\n{text}").unwrap();
}

/// Fails where a count is above its bound, and names all of them.
pub fn check(counts: &[Counted]) {
    let above: Vec<String> = counts
        .iter()
        .filter(|counted| counted.is_above())
        .map(|counted| format!("{}: {:.2}, at most {:.2}", counted.bound.what, counted.value, counted.bound.most))
        .collect();
    assert!(above.is_empty(), "a command costs more than it did:\n{}", above.join("\n"));
}
