//! Whatever people, AWS and Slack do, in any order and with a crash between any two: what the rules promise holds. The model
//! keeps a request as a backend does, and asks the rules for everything that it decides.

use super::*;
use crate::domain::Tone;
use crate::store::contract::{id, letter, sent};
use crate::store::{Delivery, LONGEST_WAIT};
use jiff::SignedDuration;
use proptest::prelude::*;
use std::collections::BTreeMap;

/// A letter that waits.
#[derive(Clone, Copy, Debug)]
struct Mail {
    number: usize,
    last: bool,
    terms: LetterTerms,
}

/// A request, as a backend keeps it.
struct Case {
    state: State,
    steps: BTreeMap<u32, StepState>,
    letter: Option<Mail>,
    /// Of each letter that was ever put in, by its number, whether it is the answer.
    posted: Vec<bool>,
    deaths: u32,
    /// How many processes have died while one of them had it, counted beside the rules.
    died_with_it: u32,
    /// What happened.
    told: Vec<What>,
    /// How often each step was started, and how often the provider refused it.
    started: BTreeMap<u32, (u32, u32)>,
    /// Answers that Slack has, and those that it will never take.
    answered: usize,
    buried: usize,
}

/// Two requests that want the same target.
struct World {
    cases: [Case; 2],
    /// Who has the target.
    lock: Option<usize>,
    now: Timestamp,
}

impl Case {
    fn new() -> Self {
        Self {
            state: State::Accepted,
            steps: BTreeMap::new(),
            letter: None,
            posted: Vec::new(),
            deaths: 0,
            died_with_it: 0,
            told: Vec::new(),
            started: BTreeMap::new(),
            answered: 0,
            buried: 0,
        }
    }

    fn post(&mut self, last: bool, now: Timestamp) {
        let terms = LetterTerms::of(last, now, self.letter.map(|before| before.terms));
        assert!(terms.unsure || self.letter.is_none_or(|before| !before.terms.unsure), "a doubt was forgotten");
        self.letter = Some(Mail { number: self.posted.len(), last, terms });
        self.posted.push(last);
    }

    fn delivered(&mut self, number: usize, delivery: &Delivery) {
        let waiting = self.letter.filter(|letter| letter.number == number);
        let before = self.letter;
        for effect in settle(waiting.map(|letter| letter.last), delivery) {
            match (effect, &mut self.letter) {
                (Effect::Remove, letter) => self.answered += usize::from(letter.take().is_some_and(|one| one.last)),
                (Effect::PutOff { not_before, unsure, .. }, Some(letter)) => {
                    letter.terms = letter.terms.put_off(not_before, unsure);
                }
                (Effect::Bury { .. }, letter) => self.buried += usize::from(letter.take().is_some_and(|one| one.last)),
                (Effect::DoubtSuccessor, Some(letter)) => letter.terms.unsure = true,
                (Effect::Tell(what), _) => self.told.push(what),
                (Effect::ShowProgress(_) | Effect::ShowAnswer(_), _) => {}
                // it has had its end already
                (Effect::PutOff { .. } | Effect::DoubtSuccessor, None) => {}
            }
        }
        if let (Some(before), Some(after)) = (before, self.letter) {
            assert_eq!(before.number, after.number, "a delivery puts no letter in");
            assert!(after.terms.unsure || !before.terms.unsure, "a doubt was forgotten");
        }
    }

    fn check(&self) {
        let answers = self.posted.iter().filter(|last| **last).count();
        assert_eq!(answers, usize::from(self.state.is_final()), "each end has its one answer");
        let after = self.posted.iter().skip_while(|last| !**last).skip(1).count();
        assert_eq!(after, 0, "nothing follows the answer");
        let waits = usize::from(self.letter.is_some_and(|letter| letter.last));
        assert_eq!(waits + self.answered + self.buried, answers, "an answer waits until Slack has it, or never will");
        assert!(!self.state.is_final() || self.letter.is_none_or(|letter| letter.last), "progress stands in its way");
        assert_eq!(self.deaths, self.died_with_it, "{:?}", self.state);
        let ended = self.told.iter().filter(|what| matches!(what, What::Finished { .. })).count();
        let given_up = self.told.iter().filter(|what| matches!(what, What::Poison { .. })).count();
        assert!(ended == answers && given_up <= ended, "{:?}", self.told);
        for (step, (started, refused)) in &self.started {
            assert!(*started <= refused + 1, "step {step} was started again, and nobody had refused it");
        }
        assert!(self.started.is_empty() || self.state == State::Running || self.state.is_final());
    }
}

/// What may happen.
#[derive(Clone, Debug)]
enum Act {
    Progress,
    Wait,
    Plan,
    Start(u32),
    End(u32, StepState),
    Finish(Final),
    /// Of one of the letters that were ever put in.
    Deliver(usize, Delivery),
    /// The process that has everything ends, and another one takes it over.
    Hand {
        died: bool,
    },
    /// The clock goes on, or is set back.
    Tick(i64),
}

fn delivery(kind: usize, seconds: i64, now: Timestamp) -> Delivery {
    let not_before = now + SignedDuration::from_secs(seconds);
    match kind {
        0 => sent("1700000000.000100"),
        1 => Delivery::Sent { ts: None },
        2 => Delivery::Dead { error: "channel_not_found".to_owned() },
        kind => Delivery::Later { not_before, error: "ratelimited".to_owned(), unsure: kind == 4 },
    }
}

fn start() -> Timestamp {
    "2026-03-01T12:00:00Z".parse().unwrap()
}

fn end() -> impl Strategy<Value = Final> {
    prop_oneof![
        Just(Final::Refused),
        Just(Final::Succeeded),
        Just(Final::Failed),
        Just(Final::Unknown),
        (0u32..3, any::<bool>()).prop_map(|(deaths, begun)| Final::Poison { deaths, begun }),
    ]
}

fn act() -> impl Strategy<Value = Act> {
    let ended = prop_oneof![Just(StepState::Started), Just(StepState::Done), Just(StepState::Failed)];
    prop_oneof![
        4 => Just(Act::Progress),
        2 => Just(Act::Wait),
        4 => Just(Act::Plan),
        5 => (0u32..3).prop_map(Act::Start),
        5 => (0u32..3, ended).prop_map(|(step, state)| Act::End(step, state)),
        2 => end().prop_map(Act::Finish),
        6 => (0usize..6, 0usize..5, -5i64..400).prop_map(|(letter, kind, seconds)| {
            Act::Deliver(letter, delivery(kind, seconds, start()))
        }),
        3 => any::<bool>().prop_map(|died| Act::Hand { died }),
        2 => (-60i64..600).prop_map(Act::Tick),
    ]
}

impl World {
    fn new() -> Self {
        Self { cases: [Case::new(), Case::new()], lock: None, now: start() }
    }

    /// Does it, as a backend would; what the rules forbid is left.
    fn act(&mut self, who: usize, act: Act) -> Result<(), StoreError> {
        let (now, id) = (self.now, id(who as u64));
        let case = &mut self.cases[who];
        let from = case.state;
        match act {
            Act::Progress => {
                check_progress(&letter(who as u64, "Working.", false))?;
                if case.state.takes_progress() {
                    case.post(false, now);
                }
            }
            Act::Wait => {
                case.state = advance(id, from, State::AwaitingApproval)?;
                case.post(false, now);
                self.free(who, from);
            }
            Act::Plan => {
                let to = advance(id, from, State::Planned)?;
                if self.lock.is_some_and(|holder| holder != who) {
                    return Err(StoreError::Busy { target: "i-1".to_owned(), holder: id });
                }
                (case.state, self.lock) = (to, Some(who));
            }
            Act::Start(index) => {
                let to = begin_running(id, from)?;
                let step = start_step(id, index, case.steps.get(&index).copied())?;
                case.state = to;
                case.steps.insert(index, step);
                case.started.entry(index).or_default().0 += 1;
            }
            Act::End(index, state) => {
                check_running(id, from)?;
                if end_step(id, index, case.steps.get(&index).copied(), state)? {
                    case.steps.insert(index, state);
                    case.started.entry(index).or_default().1 += u32::from(state == StepState::Failed);
                }
            }
            Act::Finish(end) => {
                case.state = advance(id, from, end.state())?;
                let (given_up, finished) = told_of_end(end, &Reply::new(Tone::Done), None);
                case.told.extend(given_up.into_iter().chain([finished]));
                case.post(true, now);
                assert_eq!(case.letter.map(|letter| letter.terms.not_before), Some(now), "an answer waits for nobody");
                self.free(who, from);
            }
            Act::Deliver(number, delivery) => {
                if number < case.posted.len() {
                    case.delivered(number, &delivery);
                }
            }
            Act::Hand { died } => self.hand(Inheritance { died, at: now }),
            Act::Tick(seconds) => self.now += SignedDuration::from_secs(seconds),
        }
        Ok(())
    }

    fn free(&mut self, who: usize, from: State) {
        if frees_targets(from, self.cases[who].state) {
            self.lock.take_if(|holder| *holder == who);
        }
    }

    fn hand(&mut self, heir: Inheritance) {
        for case in &mut self.cases {
            let has_it = matches!(case.state, State::Accepted | State::Planned | State::Running);
            case.died_with_it += u32::from(heir.died && has_it);
            if is_open(case.state, case.letter.is_some()) {
                case.deaths += u32::from(heir.counts_death(case.state));
            }
            if let Some(letter) = &mut case.letter {
                let before = letter.terms;
                letter.terms = heir.letter(before);
                assert!(is_due(letter.terms.not_before, heir.at), "an heir tries it at once");
                assert_eq!(letter.terms.unsure, before.unsure || heir.died);
            }
        }
    }

    fn check(&self) {
        self.cases.iter().for_each(Case::check);
        for (who, case) in self.cases.iter().enumerate() {
            let changes = matches!(case.state, State::Planned | State::Running);
            assert_eq!(self.lock == Some(who), changes, "{:?} and the target is {:?}'s", case.state, self.lock);
        }
        assert!(self.lock.is_none_or(|holder| self.cases[holder].state.keeps_targets()));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn in_any_order_of_events_and_crashes_the_rules_hold(
        acts in prop::collection::vec((0usize..2, act()), 1..60),
    ) {
        let mut world = World::new();
        for (who, act) in acts {
            let before = world.cases.each_ref().map(|case| (case.state, case.deaths, case.posted.len()));
            let is_hand = matches!(act, Act::Hand { .. });
            let done = world.act(who, act);
            for (case, (state, deaths, posted)) in world.cases.iter().zip(before) {
                prop_assert!(!state.is_final() || case.state == state, "a final state was left");
                prop_assert!(case.deaths == deaths || (is_hand && case.deaths == deaths + 1));
                prop_assert!(done.is_ok() || (case.state == state && case.posted.len() == posted), "half of it was done");
            }
            world.check();
        }
    }

    #[test]
    fn a_letter_is_due_when_its_time_has_come_or_its_clock_was_wrong(seconds in -2_000i64..2_000) {
        let ahead = SignedDuration::from_secs(seconds);
        let is_wrong = ahead > SignedDuration::try_from(LONGEST_WAIT).unwrap();
        prop_assert_eq!(is_due(start() + ahead, start()), seconds <= 0 || is_wrong);
    }
}

#[test]
fn what_waits_for_people_or_has_its_answer_is_in_no_hands() {
    let in_hands: Vec<State> = State::ALL.into_iter().filter(|state| state.is_in_hands()).collect();
    assert_eq!(in_hands, [State::Accepted, State::Planned, State::Running]);
    for state in State::ALL {
        for died in [true, false] {
            let heir = Inheritance { died, at: start() };
            assert_eq!(heir.counts_death(state), died && in_hands.contains(&state), "{state:?}");
        }
        assert_eq!(is_open(state, false), !state.is_final());
        assert!(is_open(state, true) && state.takes_progress() != state.is_final());
    }
}

#[test]
fn targets_are_given_back_where_a_request_stops_or_waits() {
    for from in State::ALL.into_iter().filter(|from| *from != State::Accepted) {
        for to in State::ALL.into_iter().filter(|to| from.may_become(*to)) {
            let goes_on = matches!(to, State::Planned | State::Running);
            assert_eq!(frees_targets(from, to), !goes_on, "{from:?} -> {to:?}");
        }
    }
}

#[test]
fn a_step_is_started_once_unless_the_provider_has_refused_it() {
    let all = [None, Some(StepState::Started), Some(StepState::Done), Some(StepState::Failed)];
    let may_start = all.map(|found| start_step(id(1), 0, found).is_ok());
    assert_eq!(may_start, [true, false, false, true]);
    let ends = |end| all.map(|found| end_step(id(1), 0, found, end).ok());
    assert_eq!(ends(StepState::Done), [None, Some(true), Some(false), None]);
    assert_eq!(ends(StepState::Failed), [None, Some(true), None, Some(false)]);
    assert_eq!(ends(StepState::Started), [None, Some(false), None, None]);
    let why = end_step(id(1), 4, None, StepState::Done).unwrap_err().to_string();
    assert!(why.ends_with("is not started and cannot become done"), "{why}");
}

#[test]
fn a_letter_takes_the_terms_of_the_one_in_whose_place_it_comes() {
    let (now, later) = (start(), start() + SignedDuration::from_secs(30));
    let terms = |not_before, unsure| LetterTerms { not_before, unsure };
    assert_eq!(LetterTerms::of(false, now, None), terms(now, false));
    // progress waits as long as Slack has said, the answer does not; both must be looked for where Slack may have one
    assert_eq!(LetterTerms::of(false, now, Some(terms(later, true))), terms(later, true));
    assert_eq!(LetterTerms::of(true, now, Some(terms(later, true))), terms(now, true));
    assert_eq!(LetterTerms::of(false, later, Some(terms(now, false))), terms(later, false));
    assert_eq!(terms(now, true).put_off(later, false), terms(later, true));
}

#[test]
fn each_letter_goes_by_its_own_door() {
    let (progress, answer) = (letter(1, "Working.", false), letter(1, "Done.", true));
    assert!(check_question(id(1), &progress).is_ok() && check_question(id(1), &answer).is_err());
    assert!(check_answer(id(1), &answer).is_ok() && check_answer(id(1), &progress).is_err());
    assert!(check_progress(&progress).is_ok() && check_progress(&answer).is_err());
    assert!(check_question(id(2), &progress).is_err() && check_answer(id(2), &answer).is_err(), "of another request");
}

#[test]
fn what_follows_from_a_delivery_is_the_same_for_all() {
    let later = |unsure| Delivery::Later { not_before: start(), error: "ratelimited".to_owned(), unsure };
    let dead = Delivery::Dead { error: "no".to_owned() };
    let check = |last: Option<bool>, delivery: &Delivery, expected: &[&str]| {
        let found: Vec<String> = settle(last, delivery).map(|effect| format!("{effect:?}")).collect();
        let is_so = found.iter().zip(expected).all(|(found, expected)| found.starts_with(*expected));
        assert!(is_so && found.len() == expected.len(), "{found:?}");
    };
    let told = "Tell(Delivered { ts: Some(\"1.1\"), last: true })";
    check(Some(true), &sent("1.1"), &["Remove", "ShowAnswer(\"1.1\")", told]);
    check(Some(true), &Delivery::Sent { ts: None }, &["Remove", "Tell(Delivered { ts: None, last: true })"]);
    check(Some(false), &sent("1.1"), &["Remove", "ShowProgress(\"1.1\")"]);
    check(Some(false), &Delivery::Sent { ts: None }, &["Remove"]);
    check(Some(false), &later(true), &["PutOff { "]);
    check(Some(true), &dead, &["Bury { error: \"no\" }", "Tell(Dead { error: \"no\" })"]);
    // one in whose place another one waits
    check(None, &sent("1.1"), &["ShowProgress(\"1.1\")"]);
    check(None, &later(true), &["DoubtSuccessor"]);
    for quiet in [later(false), dead.clone(), Delivery::Sent { ts: None }] {
        check(None, &quiet, &[]);
    }
}
