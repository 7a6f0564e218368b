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

/// Everything that turns by itself: heartbeats, pings of the links, the reporter of each second. Today 245 to 330.
pub const IDLE_ALLOCATIONS: Bound = at_most(350.0, "at rest: allocations a second");

/// Today none: the file of a bot that nobody asks is left alone.
pub const IDLE_COMMITS: Bound = at_most(0.0, "at rest: transactions in 3 s");

// One command, when nothing is left to do for the one before. Those of one and three are exact; what is allocated spreads by
// 1 %, and the pages by 2 %, as ids are random.

/// A slash command, answered by its response_url.
pub const SLASH: Bounds<8> = Bounds([
    // that it is accepted, how it ended with its answer, and that Slack has the answer
    at_most(3.0, "slash: transactions"),
    // today 11.6 to 12.0
    at_most(13.0, "slash: pages written to the log"),
    // a page has 4,096 bytes and a frame around it 24
    at_most(13.0 * 4_120.0, "slash: bytes written to the log"),
    // today 271
    at_most(285.0, "slash: allocations"),
    // today 102,400
    at_most(113_000.0, "slash: bytes allocated"),
    // *audit: decision* (who, where, what, the verdict and its policies) and *command finished*
    at_most(2.0, "slash: lines logged"),
    // today 513 to 515
    at_most(560.0, "slash: bytes logged"),
    // the answer
    at_most(1.0, "slash: calls to Slack"),
]);

/// A mention, answered by a message in its thread.
pub const MENTION: Bounds<8> = Bounds([
    at_most(3.0, "mention: transactions"),
    // today 14.0 to 14.4
    at_most(15.5, "mention: pages written to the log"),
    at_most(15.5 * 4_120.0, "mention: bytes written to the log"),
    // today 332
    at_most(355.0, "mention: allocations"),
    // today 105,900
    at_most(117_000.0, "mention: bytes allocated"),
    at_most(2.0, "mention: lines logged"),
    // today 513 to 515
    at_most(560.0, "mention: bytes logged"),
    at_most(1.0, "mention: calls to Slack"),
]);

/// Fifty slash commands that come at once, where a sync takes longer than everything else.
pub const AT_ONCE: Bounds<4> = Bounds([
    // the first, the 49 others, their two ends in as many, and that Slack has the answers
    at_most(5.0, "50 at once: transactions of all"),
    // today 1.02 to 1.15: most pages are shared by several
    at_most(1.3, "50 at once: pages written to the log, each"),
    // today 254
    at_most(270.0, "50 at once: allocations, each"),
    // today 102,800
    at_most(113_000.0, "50 at once: bytes allocated, each"),
]);

/// A slash command, by the table.
pub const TABLE: Bounds<4> = Bounds([
    // today 4.01: four, and the lease that is renewed meanwhile
    at_most(4.4, "table: writing calls"),
    // today 0.01: none, but for what is asked meanwhile at rest
    at_most(0.2, "table: reading calls"),
    // today 13.01, half of them the indexes'
    at_most(15.4, "table: write units"),
    // today 4,730
    at_most(5_400.0, "table: bytes sent"),
]);

/// The lease, renewed twice in ten seconds, and the schema. Today 12.
pub const REST_WRITES: Bound = at_most(22.0, "table: writing calls a minute at rest");

/// The other replicas, and what they left. Today 30.
pub const REST_READS: Bound = at_most(70.0, "table: reading calls a minute at rest");

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
