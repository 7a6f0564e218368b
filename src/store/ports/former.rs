//! Who had a request before this process.

use super::Card;

/// Who had a request before this process, as far as that is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Former {
    /// A former life of this process, or none.
    Own,
    /// Another replica.
    Other {
        /// The host on which it ran, where that is known.
        host: Option<String>,
        /// Whether it ended without a goodbye.
        died: bool,
    },
}

impl Former {
    /// Of the replica that has said this of itself, and was alive for the last time at `seen_ms` as far as is known, when `me`
    /// has the request now. One of the same host that had fallen silent before this process began is a former life of it.
    pub(in crate::store) fn of(card: &Card, seen_ms: i64, died: bool, me: &Card) -> Self {
        let is_own = !card.host.is_empty() && card.host == me.host && seen_ms <= me.started_ms;
        match is_own {
            true => Self::Own,
            false => Self::Other { host: (!card.host.is_empty()).then(|| card.host.clone()), died },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_former_life_is_of_the_same_host_and_had_ended_before_this_one_began() {
        let card = |host: &str, started_ms| Card { host: host.to_owned(), started_ms, ..Card::default() };
        let me = card("a", 1_000);
        let other = |host: &str, died| Former::Other { host: Some(host.to_owned()), died };
        for (former, seen_ms, died, expected) in [
            (card("a", 10), 900, true, Former::Own),
            (card("a", 10), 900, false, Former::Own),
            // both lived at once, on one machine
            (card("a", 10), 1_001, true, other("a", true)),
            (card("b", 10), 900, true, other("b", true)),
            (card("b", 10), 2_000, false, other("b", false)),
            (card("", 10), 900, true, Former::Other { host: None, died: true }),
        ] {
            assert_eq!(Former::of(&former, seen_ms, died, &me), expected, "{former:?} {seen_ms}");
        }
    }
}
