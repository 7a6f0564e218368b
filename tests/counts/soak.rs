//! The judge of the soak, by made-up figures: each thing that may not be is called wrong, and it alone.

use crate::judge::{Counts, Quarter, Times, judge};
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::time::Duration;

/// A quarter in which all went well.
fn quarter() -> Quarter {
    let times =
        |median, slowest| Times { median: Duration::from_micros(median), slowest: Duration::from_micros(slowest) };
    Quarter {
        rss: 30.0,
        anon: 12.0,
        fds: 40,
        fds_range: (34, 70),
        tasks: 12,
        file: 20.0,
        ack: times(900, 4_000),
        answer: times(3_000, 12_000),
        floor: times(400, 2_000),
        commands: 45_000,
        hurt: 3_000,
    }
}

/// An hour in which all went well: a few commands were sent into the void.
fn counts() -> Counts {
    Counts {
        sent: 180_000,
        reached: 179_000,
        acked: 178_800,
        answered: 178_800,
        missing: 0,
        doubled: 0,
        sorry: 100,
        requests: 178_800,
        open: 0,
        letters: 0,
    }
}

/// What is said of an hour that differs from a good one in this.
fn verdict(change: impl FnOnce(&mut [Quarter; 4], &mut Counts)) -> Vec<String> {
    let (mut quarters, mut counts) = ([quarter(), quarter(), quarter(), quarter()], counts());
    change(&mut quarters, &mut counts);
    judge(&quarters, &counts, ExitStatus::from_raw(0))
}

/// Exactly one thing is wrong, and the verdict says so in these words.
#[track_caller]
fn is_wrong(words: &str, change: impl FnOnce(&mut [Quarter; 4], &mut Counts)) {
    let failures = verdict(change);
    assert!(failures.len() == 1 && failures[0].contains(words), "{words:?} is not what is said: {failures:?}");
}

#[test]
fn an_hour_in_which_all_went_well_is_called_good() {
    assert_eq!(verdict(|_, _| ()), Vec::<String>::new());
}

#[test]
fn a_bot_that_hears_nothing_is_called_wrong() {
    // nothing acknowledged, nothing answered, nothing kept: no answer is missing
    is_wrong("only 0 were acknowledged", |_, counts| {
        *counts = Counts { acked: 0, answered: 0, sorry: 0, requests: 0, ..*counts };
    });
    is_wrong("only 177000 were acknowledged", |_, counts| {
        *counts = Counts { acked: 177_000, answered: 177_000, requests: 177_000, ..*counts };
    });
}

#[test]
fn a_bot_without_a_link_is_called_wrong() {
    is_wrong("only 90000 found an open link", |_, counts| {
        *counts = Counts { reached: 90_000, acked: 90_000, answered: 90_000, requests: 90_000, ..*counts };
    });
}

#[test]
fn an_hour_in_which_nothing_was_asked_is_called_wrong() {
    let failures = verdict(|quarters, counts| {
        quarters.iter_mut().for_each(|quarter| (quarter.commands, quarter.hurt) = (0, 0));
        *counts = Counts::default();
    });
    assert_eq!(failures.len(), 6, "{failures:?}");
}

#[test]
fn too_many_that_a_fault_met_are_called_wrong() {
    is_wrong("of the third quarter were met by a fault", |quarters, _| quarters[2].hurt = 9_500);
    assert!(verdict(|quarters, _| quarters[2].hurt = 8_900).is_empty());
}

#[test]
fn answers_that_are_none_are_called_wrong() {
    is_wrong("1000 of 178800 answers were none", |_, counts| counts.sorry = 1_000);
    is_wrong("2 times an answer is missing", |_, counts| counts.missing = 2);
    is_wrong("1 times an answer came twice", |_, counts| counts.doubled = 1);
}

#[test]
fn a_journal_that_does_not_hold_what_was_answered_is_called_wrong() {
    is_wrong("178799 requests are in the store", |_, counts| counts.requests -= 1);
    is_wrong("1 requests and 0 letters are left", |_, counts| counts.open = 1);
    is_wrong("0 requests and 3 letters are left", |_, counts| counts.letters = 3);
}

#[test]
fn what_grew_is_called_wrong() {
    is_wrong("resident memory grew", |quarters, _| quarters[3].rss *= 1.06);
    is_wrong("file descriptors, median", |quarters, _| quarters[3].fds += 3);
    is_wrong("file descriptors, at least", |quarters, _| quarters[3].fds_range.0 += 3);
    is_wrong("file descriptors, at most", |quarters, _| quarters[3].fds_range.1 += 7);
    is_wrong("threads grew", |quarters, _| quarters[3].tasks += 1);
    // the first quarter is the start, in which things may grow
    assert!(verdict(|quarters, _| quarters[0].rss = 20.0).is_empty());
}

#[test]
fn what_became_slower_is_called_wrong_unless_the_machine_did() {
    is_wrong("the median acknowledgement grew", |quarters, _| quarters[3].ack.median *= 2);
    is_wrong("the slowest of a hundred answer grew", |quarters, _| quarters[3].answer.slowest *= 2);
    let slower = |machine: u32| {
        verdict(|quarters, _| {
            quarters[3].ack.median *= 2;
            quarters[3].floor.median *= machine;
        })
    };
    assert!(slower(2).is_empty());
    // and a machine that stands still is no excuse for everything
    is_wrong("the median acknowledgement grew", |quarters, _| {
        quarters[3].ack.median *= 4;
        quarters[3].floor.median *= 100;
    });
}

#[test]
fn an_end_with_an_error_is_called_wrong() {
    let failures = judge(&[quarter(), quarter(), quarter(), quarter()], &counts(), ExitStatus::from_raw(70 << 8));
    assert!(failures.len() == 1 && failures[0].contains("the bot ended with"), "{failures:?}");
}
