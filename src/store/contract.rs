//! What every implementation of the ports promises, as tests over any [`Store`]. An implementation says how it is
//! opened ([`Place`]) and calls [`contract!`].

use super::*;
use crate::domain::*;
use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use parking_lot::Mutex;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use secrecy::{ExposeSecret, SecretString};
use std::collections::{HashMap, HashSet};

mod approvals;
pub(crate) use approvals::{
    approval, each_word_on_a_change_counts_once_whoever_hears_it,
    each_word_on_a_change_stands_in_its_history_and_refused_ones_do_not_fill_it,
    what_a_newer_program_noted_of_an_approval_stays, what_waits_for_others_is_kept_with_what_they_are_shown,
    what_waits_for_others_locks_no_target, what_was_decided_stands_in_the_history_with_what_it_led_to,
};

pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A clock that stands until it is moved.
pub(crate) struct TestClock {
    now: Mutex<Timestamp>,
    asleep: Mutex<Duration>,
}

impl TestClock {
    pub(crate) fn new() -> Arc<Self> {
        let now = "2026-03-01T12:00:00Z".parse().unwrap();
        Arc::new(Self { now: Mutex::new(now), asleep: Mutex::default() })
    }
    pub(crate) fn advance(&self, by: SignedDuration) {
        let mut now = self.now.lock();
        *now += by;
    }
    /// The machine is suspended for so long.
    pub(crate) fn suspend(&self, by: Duration) {
        *self.asleep.lock() += by;
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        *self.now.lock()
    }
    fn asleep(&self) -> Duration {
        *self.asleep.lock()
    }
}

/// Somewhere a store is kept, to be opened again and again.
#[async_trait]
pub(crate) trait Place: Send + Sync {
    /// Whether it is there at all: a suite that needs what this machine lacks is skipped, loudly.
    fn is_there(&self) -> bool {
        true
    }
    /// How many deliveries it can take at once.
    fn crowd(&self) -> u64 {
        1_000
    }
    async fn open(&self) -> Store;
    fn clock(&self) -> Arc<TestClock>;
}

pub(crate) async fn reopen(place: &dyn Place, store: Store) -> Store {
    store.close(PATIENCE).await.unwrap();
    place.open().await
}

pub(crate) fn id(number: u64) -> RequestId {
    let start: Timestamp = "2026-03-01T12:00:00Z".parse().unwrap();
    RequestId::new(start.as_millisecond() as u64 + number, u128::from(number) * 7919)
}

fn nowhere() -> LetterId {
    LetterId { request: id(1), number: 424_242 }
}

pub(crate) fn request(number: u64) -> Request {
    let id = id(number);
    Request {
        id,
        source: Source::SlashCommand,
        team: "T0001".into(),
        user: "U0MAYA".into(),
        channel: "C0OPS".into(),
        text: "ec2 stop web-1".into(),
        reply_to: ReplyTo::Caller { response_url: Some(url(number)) },
        accepted_at: Timestamp::from_millisecond(id.0.timestamp_ms() as i64).unwrap(),
        trigger: None,
    }
}

pub(crate) fn url(number: u64) -> SecretString {
    format!("https://hooks.slack.example/commands/secret-{number}").into()
}

pub(crate) fn new(number: u64, keys: &[&str]) -> NewRequest {
    NewRequest { request: request(number), keys: keys.iter().map(|key| (*key).to_owned()).collect() }
}

pub(crate) fn reply(text: &str) -> Reply {
    Reply::new(Tone::Done).sentence(text)
}

pub(crate) fn letter(number: u64, text: &str, last: bool) -> NewLetter {
    let address = Address::ResponseUrl { url: url(number), channel: "C0OPS".into(), user: "U0MAYA".into() };
    NewLetter { request: id(number), address, reply: reply(text), last, trigger: None }
}

pub(crate) fn sent(ts: &str) -> Delivery {
    Delivery::Sent { ts: Some(ts.to_owned()) }
}

pub(crate) fn plan(number: u64) -> Plan {
    Plan {
        command: "ec2 stop".into(),
        text: "stop i-0abc in eu-central-1".into(),
        targets: vec![Target {
            kind: ResourceKind::new("ec2:instance"),
            id: format!("i-{number}"),
            name: Some("web-1".into()),
            account: "123456789012".into(),
            region: "eu-central-1".into(),
            tags: [("env".to_owned(), "prod".to_owned())].into(),
        }],
        steps: vec![step(0)],
        detail: Some(Box::new(serde_json::json!({"goal": "stopped", "looks": 3}))),
        cautions: vec!["data on instance stores is lost".into()],
        policies: Some("e3b0c44298fc".into()),
        approved: Vec::new(),
        decision: None,
    }
}

pub(crate) fn step(index: u32) -> Step {
    let before = Facts::of(&serde_json::json!({"state": "running", "kind": "t3.micro", "public_ip": "203.0.113.7"}));
    Step {
        index,
        operation: "ec2:StopInstances".into(),
        account: None,
        region: "eu-central-1".into(),
        targets: vec!["i-0abc".into()],
        token: format!("token-{index}"),
        before: [("i-0abc".to_owned(), before)].into(),
    }
}

/// What leaves a request in this state.
fn end(state: State) -> Final {
    let all = [Final::Refused, Final::Succeeded, Final::Failed, Final::Unknown];
    all.into_iter().find(|end| end.state() == state).expect("a final state")
}

/// Everything of a letter, its secret included.
fn shown(letter: &Letter) -> String {
    let secret = match &letter.letter.address {
        Address::ResponseUrl { url, .. } | Address::ClickUrl { url, .. } => url.expose_secret(),
        _ => "",
    };
    format!("{letter:?} {secret}")
}

async fn due(store: &Store, now: Timestamp) -> Vec<Letter> {
    store.outbox.due(now, Wanted::first(100)).await.unwrap()
}

/// What the store holds when it has looked at all replicas, and taken over what those that are gone have left.
pub(crate) async fn taken_up(store: &Store) -> Vec<Entry> {
    store.replicas.all().await.expect("the replicas are read");
    store.replicas.adopt().await.expect("what they left is taken over");
    store.journal.held(&mut |_| true)
}

async fn accepted(store: &Store, number: u64) {
    let key = format!("event:{number}");
    assert_eq!(store.journal.accept(new(number, &[&key])).await.unwrap(), Accepted::New);
}

pub(crate) async fn what_was_accepted_elsewhere_is_known_to_be_found(place: &dyn Place) {
    let store = place.open().await;
    accepted(&store, 1).await;
    brought_to(&store, 2, State::Running).await;
    let found = |store: &Store| {
        let mut seen = Vec::new();
        store.journal.held(&mut |held| {
            seen.push((held.id, held.is_found));
            true
        });
        seen
    };
    assert_eq!(found(&store), [(id(1), false), (id(2), false)]);
    let entries = store.journal.held(&mut |held| held.id == id(2));
    assert_eq!((entries.len(), entries[0].state, entries[0].steps.len()), (1, State::Running, 1));
    assert_eq!(entries[0].plan.as_ref().map(plan_hash), Some(plan_hash(&plan(2))));
    let store = reopen(place, store).await;
    accepted(&store, 3).await;
    assert_eq!(found(&store), [(id(1), true), (id(2), true), (id(3), false)]);
    // what has its answer is nobody's to look at
    store.journal.finish(id(2), Final::Unknown, letter(2, "Who knows?", true)).await.unwrap();
    assert_eq!(found(&store), [(id(1), true), (id(3), false)]);
    store.close(PATIENCE).await.unwrap();
}

/// Brings a new request into this state.
async fn brought_to(store: &Store, number: u64, state: State) {
    accepted(store, number).await;
    match state {
        State::Accepted => {}
        State::AwaitingApproval => drop(approvals::waits(store, number).await.unwrap()),
        State::Planned => store.journal.planned(id(number), plan(number)).await.unwrap(),
        State::Running => {
            store.journal.planned(id(number), plan(number)).await.unwrap();
            store.journal.step_started(id(number), step(0)).await.unwrap();
        }
        last => drop(store.journal.finish(id(number), end(last), letter(number, "Done.", true)).await.unwrap()),
    }
}

/// Asks for this transition, by the method that makes it.
async fn ask(store: &Store, number: u64, to: State) -> Result<(), StoreError> {
    match to {
        State::Accepted => unreachable!("no method leads back"),
        State::AwaitingApproval => approvals::waits(store, number).await.map(|_| ()),
        State::Planned => store.journal.planned(id(number), plan(number)).await,
        // a step that nobody has begun: of one that is begun the store itself forbids a repetition
        State::Running => store.journal.step_started(id(number), step(fastrand::u32(1..))).await,
        last => store.journal.finish(id(number), end(last), letter(number, "Done.", true)).await.map(|_| ()),
    }
}

pub(crate) async fn a_request_is_new_once_for_all_its_keys(place: &dyn Place) {
    let store = place.open().await;
    let first = store.journal.accept(new(1, &["envelope:a", "event:1", "message:T:C:1.1"])).await.unwrap();
    assert_eq!(first, Accepted::New);
    for keys in [&["envelope:a"][..], &["envelope:b", "event:1"], &["message:T:C:1.1", "event:2"]] {
        let again = store.journal.accept(new(2, keys)).await.unwrap();
        assert_eq!(again, Accepted::Duplicate(id(1)), "{keys:?}");
    }
    // the keys that came only with a duplicate are known too
    for key in ["envelope:b", "event:2"] {
        assert_eq!(store.journal.accept(new(3, &[key])).await.unwrap(), Accepted::Duplicate(id(1)), "{key}");
    }
    assert_eq!(store.journal.accept(new(4, &["envelope:", "event:", "event:11"])).await.unwrap(), Accepted::New);
    assert_eq!(store.journal.unfinished().await.unwrap().waiting, 2);
    // two requests have a key each: it is one of them
    let both = store.journal.accept(new(5, &["event:11", "event:1"])).await.unwrap();
    assert!([Accepted::Duplicate(id(4)), Accepted::Duplicate(id(1))].contains(&both), "{both:?}");
    store.close(PATIENCE).await.unwrap();
}

pub(crate) async fn keys_are_known_after_a_restart(place: &dyn Place) {
    let store = place.open().await;
    store.journal.accept(new(1, &["event:1", "trigger:1"])).await.unwrap();
    store.journal.accept(new(2, &["event:1", "envelope:late"])).await.unwrap();
    store.journal.finish(id(1), Final::Succeeded, letter(1, "Done.", true)).await.unwrap();
    let store = reopen(place, store).await;
    for key in ["event:1", "trigger:1", "envelope:late"] {
        assert_eq!(store.journal.accept(new(3, &[key])).await.unwrap(), Accepted::Duplicate(id(1)), "{key}");
    }
    store.close(PATIENCE).await.unwrap();
}

pub(crate) async fn of_a_crowd_of_concurrent_deliveries_each_request_is_new_once(place: &dyn Place) {
    let store = place.open().await;
    let half = place.crowd() / 2;
    let calls = (0..2 * half).map(|n| {
        let keys = [format!("envelope:{n}"), format!("event:{}", n % half)];
        let journal = Arc::clone(&store.journal);
        async move { (n, journal.accept(NewRequest { request: request(n), keys: keys.to_vec() }).await.unwrap()) }
    });
    let mut winners = HashMap::new();
    let mut duplicates = Vec::new();
    for (n, accepted) in futures_util::future::join_all(calls).await {
        match accepted {
            Accepted::New => assert_eq!(winners.insert(n % half, id(n)), None, "event {} was new twice", n % half),
            Accepted::Duplicate(of) => duplicates.push((n % half, of)),
        }
    }
    assert_eq!((winners.len() as u64, duplicates.len() as u64), (half, half));
    assert!(duplicates.iter().all(|(event, of)| winners[event] == *of));
    assert_eq!(store.journal.unfinished().await.unwrap().waiting, half);
    store.close(PATIENCE).await.unwrap();
}

pub(crate) async fn a_refused_operation_does_not_concern_its_neighbours(place: &dyn Place) {
    let store = place.open().await;
    accepted(&store, 1).await;
    let journal = &store.journal;
    // polled together, so that they go to the writer together
    let (before, refused, same, after) = tokio::join!(
        journal.accept(new(2, &["event:2"])),
        journal.step_started(id(1), step(0)),
        journal.accept(new(1, &["event:other"])),
        journal.accept(new(3, &["event:3"])),
    );
    assert_eq!((before.unwrap(), after.unwrap()), (Accepted::New, Accepted::New));
    assert!(matches!(refused, Err(StoreError::Transition { from: "accepted", to: "running", .. })), "{refused:?}");
    assert!(matches!(same, Err(StoreError::Failed(_))), "{same:?}");
    let store = reopen(place, store).await;
    assert_eq!(store.journal.unfinished().await.unwrap().waiting, 3);
    // the key may be known by the name that was refused
    let other = store.journal.accept(new(9, &["event:other"])).await.unwrap();
    assert!([Accepted::New, Accepted::Duplicate(id(1))].contains(&other), "{other:?}");
    store.close(PATIENCE).await.unwrap();
}

pub(crate) async fn every_transition_is_as_drawn(place: &dyn Place) {
    let store = place.open().await;
    let mut number = 0;
    for from in State::ALL {
        for to in State::ALL.into_iter().filter(|to| *to != State::Accepted) {
            number += 1;
            brought_to(&store, number, from).await;
            let legal = from.may_become(to) || (from, to) == (State::Running, State::Running);
            match ask(&store, number, to).await {
                Ok(()) => assert!(legal, "{from:?} -> {to:?} was allowed"),
                Err(StoreError::Transition { id: of, from: was, to: asked }) => {
                    assert!(!legal, "{from:?} -> {to:?} was refused");
                    assert_eq!((of, was, asked), (id(number), from.as_str(), to.as_str()));
                }
                Err(other) => panic!("{from:?} -> {to:?}: {other}"),
            }
        }
    }
    for wrong in [letter(2, "Done.", true), letter(1, "Working.", false)] {
        assert!(matches!(store.journal.finish(id(1), Final::Failed, wrong).await, Err(StoreError::Failed(_))));
    }
    for missing in [State::Planned, State::Running, State::Failed] {
        assert!(matches!(ask(&store, 999, missing).await, Err(StoreError::NotFound(_))), "{missing:?}");
    }
    store.close(PATIENCE).await.unwrap();
}

/// Any sequence of operations on one request gives what the drawing says, with a restart anywhere between.
pub(crate) async fn any_sequence_of_transitions_is_as_drawn(place: &dyn Place) {
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig { cases: 40, ..Default::default() });
    let sequence = || prop::collection::vec((1..State::ALL.len(), prop::bool::weighted(0.05)), 1..12);
    let mut store = place.open().await;
    for number in 0..runner.config().cases {
        let number = u64::from(number);
        accepted(&store, number).await;
        let mut state = State::Accepted;
        for (to, restart) in sequence().new_tree(&mut runner).unwrap().current() {
            if restart {
                store = reopen(place, store).await;
            }
            let to = State::ALL[to];
            let legal = state.may_become(to) || (state, to) == (State::Running, State::Running);
            let result = ask(&store, number, to).await;
            assert_eq!(result.is_ok(), legal, "{state:?} -> {to:?}: {result:?}");
            if legal {
                state = to;
            }
        }
        let open = taken_up(&store).await.into_iter().find(|entry| entry.request.id == id(number));
        assert_eq!(open.map(|entry| entry.state), (!state.is_final()).then_some(state));
    }
    store.close(PATIENCE).await.unwrap();
}

pub(crate) async fn steps_are_kept_and_a_done_step_is_not_started_again(place: &dyn Place) {
    let store = place.open().await;
    let journal = &store.journal;
    brought_to(&store, 1, State::Planned).await;
    let early = journal.step_ended(id(1), 0, StepState::Done).await;
    assert!(matches!(early, Err(StoreError::Transition { from: "planned", .. })), "{early:?}");
    for index in 0..3 {
        journal.step_started(id(1), step(index)).await.unwrap();
    }
    journal.step_ended(id(1), 0, StepState::Done).await.unwrap();
    journal.step_ended(id(1), 0, StepState::Done).await.unwrap();
    journal.step_ended(id(1), 1, StepState::Failed).await.unwrap();
    for (index, state) in [(0, StepState::Failed), (1, StepState::Started), (7, StepState::Done)] {
        let odd = journal.step_ended(id(1), index, state).await;
        assert!(matches!(odd, Err(StoreError::Failed(_))), "step {index} became {state:?}");
    }
    // neither what is done nor what may have been done is done again
    for (index, found) in [(0, "done"), (2, "started")] {
        let again = journal.step_started(id(1), step(index)).await;
        let Err(StoreError::Failed(why)) = again else { panic!("step {index} was started again: {again:?}") };
        assert_eq!(why, format!("step {index} of request {} is {found} already", id(1)));
    }
    let store = reopen(place, store).await;
    let entry = taken_up(&store).await.remove(0);
    let states: Vec<_> = entry.steps.iter().map(|record| (record.step.clone(), record.state)).collect();
    let expected = [(step(0), StepState::Done), (step(1), StepState::Failed), (step(2), StepState::Started)];
    assert_eq!(states, expected);
    assert!(store.journal.step_started(id(1), step(2)).await.is_err(), "after a death neither");
    // a call that was refused may be made again
    store.journal.step_started(id(1), step(1)).await.unwrap();
    assert_eq!(taken_up(&store).await[0].steps[1].state, StepState::Started);
    store.close(PATIENCE).await.unwrap();
}

pub(crate) async fn unfinished_requests_are_taken_up_with_all_they_have(place: &dyn Place) {
    let store = place.open().await;
    let thread = Request {
        source: Source::Mention,
        reply_to: ReplyTo::Thread { thread_ts: "1.5".into(), begun: false },
        text: "ec2 list — “prod”\n".into(),
        ..request(2)
    };
    let direct = Request { source: Source::DirectMessage, reply_to: ReplyTo::Channel, ..request(3) };
    let bare = Request { reply_to: ReplyTo::Caller { response_url: None }, ..request(4) };
    let begun = ReplyTo::Thread { thread_ts: "1.5".into(), begun: true };
    let reply = Request { source: Source::Mention, reply_to: begun, ..request(7) };
    let pressed =
        Request { source: Source::FormButton, reply_to: ReplyTo::Presser { response_url: url(6) }, ..request(6) };
    let all = [request(1), thread, direct, bare, pressed, reply];
    // accepted in the opposite order: they are taken up by age
    for request in all.iter().rev() {
        let keys = vec![format!("event:{}", request.id)];
        store.journal.accept(NewRequest { request: request.clone(), keys }).await.unwrap();
    }
    brought_to(&store, 5, State::Succeeded).await;
    store.journal.planned(id(1), plan(1)).await.unwrap();
    let progress = store.outbox.put(letter(1, "Stopping.", false)).await.unwrap().unwrap();
    store.outbox.delivered(progress.id, sent("17.1")).await.unwrap();
    let mut store = store;
    for attempt in 1..=2 {
        store = reopen(place, store).await;
        let entries = taken_up(&store).await;
        let expected: Vec<_> = all.iter().map(|request| format!("{request:?}")).collect();
        assert_eq!(entries.iter().map(|entry| format!("{:?}", entry.request)).collect::<Vec<_>>(), expected);
        assert!(entries.iter().all(|entry| entry.deaths == attempt));
        let ReplyTo::Caller { response_url: Some(found) } = &entries[0].request.reply_to else { panic!("no url") };
        assert_eq!(found.expose_secret(), url(1).expose_secret());
        let ReplyTo::Presser { response_url: found } = &entries[4].request.reply_to else { panic!("no url") };
        assert_eq!(found.expose_secret(), url(6).expose_secret());
        let plans: Vec<_> = entries.iter().map(|entry| (entry.state, entry.plan.clone())).collect();
        assert_eq!(plans[0], (State::Planned, Some(plan(1))));
        assert_eq!(plans[1], (State::Accepted, None));
        assert_eq!(entries[0].progress_ts.as_deref(), Some("17.1"));
    }
    store.close(PATIENCE).await.unwrap();
}

pub(crate) async fn the_final_answer_is_put_in_once_and_is_due(place: &dyn Place) {
    let store = place.open().await;
    let now = place.clock().now();
    accepted(&store, 1).await;
    let first = store.journal.finish(id(1), Final::Succeeded, letter(1, "Stopped `i-0abc`.", true)).await.unwrap();
    assert_eq!((first.attempts, first.created_at, first.not_before), (0, now, now));
    let second = store.journal.finish(id(1), Final::Failed, letter(1, "Not stopped.", true)).await;
    assert!(matches!(second, Err(StoreError::Transition { from: "succeeded", to: "failed", .. })), "{second:?}");
    assert_eq!(due(&store, now).await.iter().map(shown).collect::<Vec<_>>(), [shown(&first)]);
    let store = reopen(place, store).await;
    // a letter that changes hands may have been sent before
    let again: Vec<_> = due(&store, now)
        .await
        .into_iter()
        .inspect(|letter| assert!(letter.unsure))
        .map(|letter| Letter { unsure: false, ..letter })
        .collect();
    assert_eq!(again.iter().map(shown).collect::<Vec<_>>(), [shown(&first)]);
    store.outbox.delivered(first.id, sent("response_url")).await.unwrap();
    assert!(due(&store, now).await.is_empty());
    let third = store.journal.finish(id(1), Final::Failed, letter(1, "Not stopped.", true)).await;
    assert!(matches!(third, Err(StoreError::Transition { from: "succeeded", .. })), "{third:?}");
    store.close(PATIENCE).await.unwrap();
}

pub(crate) async fn of_fifty_concurrent_final_answers_one_stands(place: &dyn Place) {
    let store = place.open().await;
    brought_to(&store, 1, State::Running).await;
    let calls = (0..50).map(|n| {
        let journal = Arc::clone(&store.journal);
        async move { journal.finish(id(1), Final::Succeeded, letter(1, &format!("Answer {n}."), true)).await }
    });
    let results = futures_util::future::join_all(calls).await;
    let (good, bad): (Vec<_>, Vec<_>) = results.into_iter().partition(Result::is_ok);
    assert!(bad.iter().all(|result| matches!(result, Err(StoreError::Transition { .. }))));
    assert_eq!((good.len(), bad.len()), (1, 49));
    let waiting = due(&store, place.clock().now()).await;
    assert_eq!(waiting.iter().map(shown).collect::<Vec<_>>(), [shown(good[0].as_ref().unwrap())]);
    store.close(PATIENCE).await.unwrap();
}

pub(crate) async fn no_progress_follows_the_final_answer(place: &dyn Place) {
    let store = place.open().await;
    let now = place.clock().now();
    accepted(&store, 1).await;
    let progress = store.outbox.put(letter(1, "Stopping.", false)).await.unwrap().unwrap();
    let last = store.journal.finish(id(1), Final::Succeeded, letter(1, "Stopped.", true)).await.unwrap();
    assert!(last.id > progress.id);
    // the one that waited is not sent any more, and a late one does not come in
    assert!(store.outbox.put(letter(1, "Still stopping.", false)).await.unwrap().is_none());
    assert_eq!(due(&store, now).await.iter().map(|letter| letter.id).collect::<Vec<_>>(), [last.id]);
    store.outbox.delivered(last.id, sent("1.1")).await.unwrap();
    assert!(store.outbox.put(letter(1, "Still stopping.", false)).await.unwrap().is_none());
    assert_eq!(store.outbox.depth().await.unwrap(), QueueDepth::default());
    assert!(matches!(store.outbox.put(letter(2, "Of nothing.", false)).await, Err(StoreError::NotFound(_))));
    accepted(&store, 3).await;
    assert!(matches!(store.outbox.put(letter(3, "Final?", true)).await, Err(StoreError::Failed(_))));
    store.close(PATIENCE).await.unwrap();
}

pub(crate) async fn a_later_progress_letter_takes_the_place_of_a_waiting_one(place: &dyn Place) {
    let store = place.open().await;
    let (clock, outbox) = (place.clock(), &store.outbox);
    accepted(&store, 1).await;
    let first = outbox.put(letter(1, "1 of 3.", false)).await.unwrap().unwrap();
    let later = clock.now() + SignedDuration::from_secs(30);
    outbox
        .delivered(first.id, Delivery::Later { not_before: later, error: "rate limited".into(), unsure: false })
        .await
        .unwrap();
    let second = outbox.put(letter(1, "2 of 3.", false)).await.unwrap().unwrap();
    assert!(second.id > first.id);
    assert_eq!(second.not_before, later, "Slack asked to wait: that holds for the next one too");
    assert!(due(&store, clock.now()).await.is_empty());
    let waiting = due(&store, later).await;
    assert_eq!(waiting.iter().map(shown).collect::<Vec<_>>(), [shown(&second)]);
    // what is told of the first one, sent in the meantime, does not end the second
    outbox.delivered(first.id, sent("9.1")).await.unwrap();
    let waiting = due(&store, later).await;
    assert_eq!(waiting.len(), 1);
    assert_eq!((waiting[0].id, waiting[0].replaces.as_deref()), (second.id, Some("9.1")));
    store.close(PATIENCE).await.unwrap();
}

pub(crate) async fn later_letters_edit_the_message_of_the_first(place: &dyn Place) {
    let store = place.open().await;
    let (now, outbox) = (place.clock().now(), &store.outbox);
    accepted(&store, 1).await;
    let first = outbox.put(letter(1, "1 of 3.", false)).await.unwrap().unwrap();
    assert_eq!(first.replaces, None);
    outbox.delivered(first.id, sent("5.1")).await.unwrap();
    outbox.delivered(first.id, sent("5.1")).await.unwrap();
    let second = outbox.put(letter(1, "2 of 3.", false)).await.unwrap().unwrap();
    assert_eq!(second.replaces.as_deref(), Some("5.1"));
    outbox.delivered(second.id, Delivery::Sent { ts: None }).await.unwrap();
    let last = store.journal.finish(id(1), Final::Succeeded, letter(1, "Done.", true)).await.unwrap();
    assert_eq!(last.replaces.as_deref(), Some("5.1"));
    let store = reopen(place, store).await;
    assert_eq!(due(&store, now).await[0].replaces.as_deref(), Some("5.1"));
    // in hand while the final answer came: the answer is edited into it all the same
    accepted(&store, 2).await;
    let progress = store.outbox.put(letter(2, "1 of 3.", false)).await.unwrap().unwrap();
    let last = store.journal.finish(id(2), Final::Succeeded, letter(2, "Done.", true)).await.unwrap();
    assert_eq!(last.replaces, None);
    store.outbox.delivered(progress.id, sent("6.1")).await.unwrap();
    let found = due(&store, now).await.into_iter().find(|letter| letter.id == last.id).unwrap();
    assert_eq!(found.replaces.as_deref(), Some("6.1"));
    store.close(PATIENCE).await.unwrap();
}

pub(crate) async fn the_successor_of_a_letter_that_may_be_there_may_be_there_too(place: &dyn Place) {
    let store = place.open().await;
    let (now, outbox) = (place.clock().now(), &store.outbox);
    let lost = |unsure| Delivery::Later { not_before: now, error: "timeout".into(), unsure };
    for number in 1..=4 {
        accepted(&store, number).await;
    }
    // put off while it waited for its pace, and put off because its answer was lost
    for (number, unsure) in [(1, false), (2, true)] {
        let first = outbox.put(letter(number, "1 of 3.", false)).await.unwrap().unwrap();
        outbox.delivered(first.id, lost(unsure)).await.unwrap();
        let second = outbox.put(letter(number, "2 of 3.", false)).await.unwrap().unwrap();
        assert_eq!(second.unsure, unsure);
        let last = store.journal.finish(id(number), Final::Succeeded, letter(number, "Done.", true)).await.unwrap();
        assert_eq!(last.unsure, unsure);
    }
    // its answer was lost when it had been overtaken
    for (number, last) in [(3, false), (4, true)] {
        let first = outbox.put(letter(number, "1 of 3.", false)).await.unwrap().unwrap();
        let next = match last {
            false => outbox.put(letter(number, "2 of 3.", false)).await.unwrap().unwrap(),
            true => store.journal.finish(id(number), Final::Succeeded, letter(number, "Done.", true)).await.unwrap(),
        };
        assert!(!next.unsure);
        outbox.delivered(first.id, lost(true)).await.unwrap();
    }
    let unsure = async |store: &Store| {
        let letters = due(store, now).await;
        letters.iter().map(|letter| (letter.letter.request, letter.unsure)).collect::<Vec<_>>()
    };
    let expected = [(id(1), false), (id(2), true), (id(3), true), (id(4), true)];
    assert_eq!(unsure(&store).await, expected);
    // a goodbye is not where it is forgotten
    store.replicas.leave().await.unwrap();
    let store = reopen(place, store).await;
    assert_eq!(unsure(&store).await, expected);
    store.close(PATIENCE).await.unwrap();
}

pub(crate) async fn a_letter_put_off_waits_and_counts(place: &dyn Place) {
    let store = place.open().await;
    let clock = place.clock();
    brought_to(&store, 1, State::Succeeded).await;
    let start = clock.now();
    let first = due(&store, start).await.remove(0);
    for attempt in 1..=3u32 {
        let not_before = start + SignedDuration::from_secs(60 * i64::from(attempt));
        store
            .outbox
            .delivered(first.id, Delivery::Later { not_before, error: "429".into(), unsure: attempt == 3 })
            .await
            .unwrap();
        assert!(due(&store, not_before - SignedDuration::from_nanos(1)).await.is_empty());
        let again = due(&store, not_before).await;
        assert_eq!((again[0].id, again[0].attempts, again[0].not_before), (first.id, attempt, not_before));
    }
    let store = reopen(place, store).await;
    // by another life, and so perhaps by another clock: whoever has it now tries it at once
    let again = due(&store, start).await;
    assert_eq!((again[0].attempts, again[0].unsure), (3, true));
    store.close(PATIENCE).await.unwrap();
}

pub(crate) async fn a_clock_that_is_set_back_keeps_no_letter(place: &dyn Place) {
    let store = place.open().await;
    let clock = place.clock();
    brought_to(&store, 1, State::Succeeded).await;
    let start = clock.now();
    let first = due(&store, start).await.remove(0);
    let minute = SignedDuration::from_secs(60);
    let later = Delivery::Later { not_before: start + minute, error: "429".into(), unsure: false };
    store.outbox.delivered(first.id, later).await.unwrap();
    let longest = SignedDuration::try_from(LONGEST_WAIT).unwrap();
    assert!(due(&store, start + minute - longest).await.is_empty(), "as long as a letter may be put off");
    assert_eq!(due(&store, start - longest).await.len(), 1);
    clock.advance(-minute * 10);
    let store = reopen(place, store).await;
    assert_eq!(due(&store, clock.now()).await.len(), 1);
    clock.advance(minute * 10);
    store.close(PATIENCE).await.unwrap();
}

pub(crate) async fn a_key_is_known_without_being_taken(place: &dyn Place) {
    let store = place.open().await;
    let known = async |store: &Store, keys: &[&str]| {
        let keys: Vec<String> = keys.iter().map(|key| (*key).to_owned()).collect();
        store.journal.known(&keys).await.unwrap()
    };
    assert_eq!(known(&store, &["event:1", "envelope:1"]).await, None);
    assert_eq!(store.journal.accept(new(1, &["event:1", "envelope:1"])).await.unwrap(), Accepted::New, "not taken");
    assert_eq!(known(&store, &["event:2", "envelope:1"]).await, Some(id(1)));
    assert_eq!(known(&store, &["event:2", "envelope:2"]).await, None);
    store.journal.finish(id(1), Final::Succeeded, letter(1, "Done.", true)).await.unwrap();
    let store = reopen(place, store).await;
    assert_eq!(known(&store, &["event:1"]).await, Some(id(1)));
    store.close(PATIENCE).await.unwrap();
}

pub(crate) async fn what_is_open_is_counted_without_being_asked_for(place: &dyn Place) {
    let store = place.open().await;
    assert_eq!(store.health.open(), 0);
    let shares = |store: &Store| ["U0MAYA", "U0VERA"].map(|user| store.health.open_of(&user.into()));
    for number in 1..=3 {
        accepted(&store, number).await;
        assert_eq!(store.health.open(), usize::try_from(number).unwrap(), "as soon as it is accepted");
        assert_eq!(shares(&store), [usize::try_from(number).unwrap(), 0]);
    }
    assert_eq!(store.journal.accept(new(9, &["event:1"])).await.unwrap(), Accepted::Duplicate(id(1)));
    assert_eq!(shares(&store), [3, 0], "what came again is no more");
    let answer = store.journal.finish(id(1), Final::Succeeded, letter(1, "Done.", true)).await.unwrap();
    assert_eq!(store.health.open(), 3, "its answer waits");
    assert_eq!(shares(&store), [3, 0], "and is its asker's until then");
    store.outbox.delivered(answer.id, sent("1.1")).await.unwrap();
    assert_eq!((store.health.open(), shares(&store)), (2, [2, 0]));
    let answer = store.journal.finish(id(2), Final::Failed, letter(2, "No.", true)).await.unwrap();
    store.outbox.delivered(answer.id, Delivery::Dead { error: "gone".into() }).await.unwrap();
    assert_eq!((store.health.open(), shares(&store)), (1, [1, 0]));
    let mut vera = new(4, &["event:4"]);
    vera.request.user = "U0VERA".into();
    assert_eq!(store.journal.accept(vera).await.unwrap(), Accepted::New);
    store.journal.finish(id(4), Final::Succeeded, letter(4, "Done.", true)).await.unwrap();
    let store = reopen(place, store).await;
    assert_eq!((store.health.open(), shares(&store)), (2, [1, 1]), "the next life has it in hand too");
    store.close(PATIENCE).await.unwrap();
}

pub(crate) async fn a_dead_letter_is_kept_and_not_sent(place: &dyn Place) {
    let store = place.open().await;
    let now = place.clock().now();
    brought_to(&store, 1, State::Failed).await;
    let first = due(&store, now).await.remove(0);
    store.outbox.delivered(first.id, Delivery::Dead { error: "channel_not_found".into() }).await.unwrap();
    let expected = QueueDepth { waiting: 0, oldest: None, dead: 1 };
    assert_eq!(store.outbox.depth().await.unwrap(), expected);
    store.outbox.delivered(first.id, Delivery::Dead { error: "channel_not_found".into() }).await.unwrap();
    store.outbox.delivered(nowhere(), sent("1.1")).await.unwrap();
    let store = reopen(place, store).await;
    assert_eq!(store.outbox.depth().await.unwrap(), expected);
    assert!(due(&store, now).await.is_empty());
    store.close(PATIENCE).await.unwrap();
}

pub(crate) async fn how_far_a_letter_has_come_is_known_after_a_restart(place: &dyn Place) {
    let store = place.open().await;
    let now = place.clock().now();
    brought_to(&store, 1, State::Succeeded).await;
    brought_to(&store, 2, State::Succeeded).await;
    let first = due(&store, now).await.remove(0);
    assert_eq!(first.way, Way::default());
    let file = FileWay::Uploaded { id: "F1".into(), room: "D0MAYA".into() };
    let way = Way { sent: 1, file };
    store.outbox.note(first.id, &Way { sent: 1, file: FileWay::Unsent }).await.unwrap();
    store.outbox.note(first.id, &way).await.unwrap();
    store.outbox.note(nowhere(), &way).await.unwrap();
    let later = Delivery::Later { not_before: now, error: "timeout".into(), unsure: true };
    store.outbox.delivered(first.id, later).await.unwrap();
    let store = reopen(place, store).await;
    let ways: Vec<Way> = due(&store, now).await.into_iter().map(|letter| letter.way).collect();
    assert_eq!(ways, [way, Way::default()]);
    store.close(PATIENCE).await.unwrap();
}

pub(crate) async fn letters_come_oldest_first_and_no_more_than_asked(place: &dyn Place) {
    let store = place.open().await;
    for number in 1..=5 {
        brought_to(&store, number, State::Succeeded).await;
    }
    accepted(&store, 6).await;
    store.outbox.put(letter(6, "1 of 2.", false)).await.unwrap();
    store.outbox.put(letter(6, "2 of 2.", false)).await.unwrap();
    let now = place.clock().now();
    let few = store.outbox.due(now, Wanted::first(2)).await.unwrap();
    assert_eq!(few.iter().map(|letter| letter.letter.request).collect::<Vec<_>>(), [id(1), id(2)]);
    let all = due(&store, now).await;
    assert_eq!(all.iter().map(|letter| letter.letter.request).collect::<Vec<_>>(), (1..=6).map(id).collect::<Vec<_>>());
    assert!(all.is_sorted_by_key(|letter| letter.id));
    store.close(PATIENCE).await.unwrap();
}

pub(crate) async fn of_each_queue_come_no_more_letters_than_asked(place: &dyn Place) {
    let store = place.open().await;
    let to = |number: u64, address: Address| NewLetter { address, ..letter(number, "Done.", true) };
    let post = |channel: &str| Address::Post { channel: channel.into(), thread_ts: None, asker: None };
    let whisper = || Address::Ephemeral { channel: "C1".into(), thread_ts: None, user: "U0MAYA".into() };
    let mut letters: Vec<NewLetter> = (1..=5).map(|number| to(number, post("C1"))).collect();
    letters.extend((6..=8).map(|number| to(number, whisper())));
    letters.push(to(9, post("C2")));
    letters.extend((10..=11).map(|number| letter(number, "Done.", true)));
    let queues: HashSet<Queue> = letters.iter().map(NewLetter::queue).collect();
    assert_eq!(queues.len(), 5, "a channel, its whispers, another channel, two response_urls");
    for new in letters {
        accepted(&store, u64::try_from(new.request.0.random() / 7919).unwrap()).await;
        store.journal.finish(new.request, Final::Succeeded, new).await.unwrap();
    }
    let now = place.clock().now();
    let all = due(&store, now).await;
    let numbers = |letters: &[Letter]| -> Vec<u128> {
        letters.iter().map(|letter| letter.letter.request.0.random() / 7919).collect()
    };
    let wanted = Wanted { per_queue: 2, ..Wanted::first(100) };
    let few = store.outbox.due(now, wanted.clone()).await.unwrap();
    assert_eq!(numbers(&few), [1, 2, 6, 7, 9, 10, 11]);
    let store = reopen(place, store).await;
    let known = [&all[0], &all[5], &all[9]].map(|letter| letter.id).into();
    let others = store.outbox.due(now, Wanted { known, ..wanted.clone() }).await.unwrap();
    assert_eq!(numbers(&others), [2, 7, 9, 11], "those that are known count for their queue");
    store.outbox.delivered(all[1].id, sent("1.1")).await.unwrap();
    let next = store.outbox.due(now, wanted).await.unwrap();
    assert_eq!(numbers(&next), [1, 3, 6, 7, 9, 10, 11]);
    store.close(PATIENCE).await.unwrap();
}

pub(crate) async fn the_depths_are_right_after_a_restart_too(place: &dyn Place) {
    let store = place.open().await;
    let start = place.clock().now();
    assert_eq!(store.journal.unfinished().await.unwrap(), QueueDepth::default());
    for number in 1..=4 {
        accepted(&store, number).await;
    }
    place.clock().advance(SignedDuration::from_secs(5));
    for number in 1..=2 {
        store.journal.finish(id(number), Final::Refused, letter(number, "No.", true)).await.unwrap();
        place.clock().advance(SignedDuration::from_secs(5));
    }
    let letters = QueueDepth { waiting: 2, oldest: Some(start + SignedDuration::from_secs(5)), dead: 0 };
    let requests = QueueDepth { waiting: 2, oldest: Some(request(3).accepted_at), dead: 0 };
    assert_eq!(store.outbox.depth().await.unwrap(), letters);
    assert_eq!(store.journal.unfinished().await.unwrap(), requests);
    let store = reopen(place, store).await;
    assert_eq!(store.outbox.depth().await.unwrap(), letters);
    assert_eq!(store.journal.unfinished().await.unwrap(), requests);
    store.close(PATIENCE).await.unwrap();
}

pub(crate) async fn what_a_person_asked_lately_is_theirs_alone_newest_first(place: &dyn Place) {
    let store = place.open().await;
    let of = |number: u64, user: &str| {
        let text = format!("ec2 show web-{number}");
        NewRequest {
            request: Request { user: user.into(), text, ..request(number) },
            keys: vec![format!("event:{number}")],
        }
    };
    assert_eq!(store.journal.recent(&"U0MAYA".into(), 10).await.unwrap(), Recent::default());
    for number in 1..=30 {
        let user = if number % 3 == 0 { "U0OMAR" } else { "U0MAYA" };
        store.journal.accept(of(number, user)).await.unwrap();
    }
    for number in (1..=30).filter(|number| ![2, 3, 7, 25, 26].contains(number)) {
        let end = if number == 29 { Final::Failed } else { Final::Succeeded };
        let answer = store.journal.finish(id(number), end, letter(number, "Done.", true)).await.unwrap();
        if number == 29 {
            // what Slack never takes is known to whoever asked
            store.outbox.delivered(answer.id, Delivery::Dead { error: "is_archived".into() }).await.unwrap();
        }
    }
    store.journal.planned(id(7), plan(7)).await.unwrap();
    let store = reopen(place, store).await;
    let numbers = |asked: &[Asked]| asked.iter().map(|asked| asked.text.clone()).collect::<Vec<_>>().join(" ");
    let maya = store.journal.recent(&"U0MAYA".into(), 3).await.unwrap();
    assert_eq!(numbers(&maya.open), "ec2 show web-2 ec2 show web-7 ec2 show web-25");
    assert_eq!(maya.more_open, 1, "web-26");
    assert_eq!(numbers(&maya.ended), "ec2 show web-29 ec2 show web-28 ec2 show web-23");
    let states: Vec<_> = maya.open.iter().chain(&maya.ended).map(|asked| asked.state).collect();
    assert_eq!(
        states,
        [State::Accepted, State::Planned, State::Accepted, State::Failed, State::Succeeded, State::Succeeded]
    );
    let now = place.clock().now();
    let expected = Asked {
        id: id(29),
        text: "ec2 show web-29".into(),
        source: Source::SlashCommand,
        channel: "C0OPS".into(),
        state: State::Failed,
        accepted_at: request(29).accepted_at,
        finished_at: Some(now),
        undelivered: Some("is_archived".into()),
        tone: Some(Tone::Done),
    };
    assert_eq!(maya.ended[0], expected);
    assert!(maya.ended[1..].iter().all(|asked| asked.undelivered.is_none()));
    let omar = store.journal.recent(&"U0OMAR".into(), 100).await.unwrap();
    assert_eq!((numbers(&omar.open).as_str(), omar.more_open, omar.ended.len()), ("ec2 show web-3", 0, 9));
    assert_eq!(store.journal.recent(&"U0NINA".into(), 10).await.unwrap(), Recent::default());
    store.close(PATIENCE).await.unwrap();
}

pub(crate) async fn a_posted_message_leads_back_to_its_request(place: &dyn Place) {
    let store = place.open().await;
    let thread = |number: u64, channel: &str| {
        let reply_to = ReplyTo::Thread { thread_ts: "1.5".into(), begun: number > 1 };
        let text = format!("ec2 show web-{number}");
        let request = Request { reply_to, text, channel: channel.into(), ..request(number) };
        NewRequest { request, keys: vec![format!("event:{number}")] }
    };
    let post = |number: u64, channel: &str, last: bool| {
        let address =
            Address::Post { channel: channel.into(), thread_ts: Some("1.5".into()), asker: Some("U0MAYA".into()) };
        NewLetter { address, ..letter(number, "Done.", last) }
    };
    for (number, channel) in [(1, "C0OPS"), (2, "C0OPS"), (3, "C0DEV")] {
        store.journal.accept(thread(number, channel)).await.unwrap();
    }
    // an answer at once, one that was shown as progress first, and one of the same ts in another channel
    let answer = store.journal.finish(id(1), Final::Succeeded, post(1, "C0OPS", true)).await.unwrap();
    store.outbox.delivered(answer.id, sent("7.1")).await.unwrap();
    let progress = store.outbox.put(post(2, "C0OPS", false)).await.unwrap().unwrap();
    store.outbox.delivered(progress.id, sent("7.2")).await.unwrap();
    let other = store.journal.finish(id(3), Final::Failed, post(3, "C0DEV", true)).await.unwrap();
    store.outbox.delivered(other.id, sent("7.1")).await.unwrap();
    // what only its caller saw is no message of the channel
    accepted(&store, 4).await;
    let alone = store.journal.finish(id(4), Final::Succeeded, letter(4, "Done.", true)).await.unwrap();
    store.outbox.delivered(alone.id, sent("response_url")).await.unwrap();
    let found = async |store: &Store, channel: &str, ts: &str| {
        let asked = store.journal.answered_by(&channel.into(), ts).await.unwrap();
        asked.map(|asked| (asked.id, asked.text, asked.state))
    };
    let first = Some((id(1), "ec2 show web-1".to_owned(), State::Succeeded));
    assert_eq!(found(&store, "C0OPS", "7.1").await, first);
    assert_eq!(found(&store, "C0OPS", "7.2").await, Some((id(2), "ec2 show web-2".to_owned(), State::Accepted)));
    assert_eq!(found(&store, "C0DEV", "7.1").await.map(|found| found.0), Some(id(3)));
    for (channel, ts) in [("C0OPS", "7.3"), ("C0NEW", "7.1"), ("C0OPS", "response_url"), ("C0OPS", "")] {
        assert_eq!(found(&store, channel, ts).await, None, "{channel} {ts}");
    }
    let last = store.journal.finish(id(2), Final::Unknown, post(2, "C0OPS", true)).await.unwrap();
    assert_eq!(last.replaces.as_deref(), Some("7.2"));
    store.outbox.delivered(last.id, sent("7.9")).await.unwrap();
    let store = reopen(place, store).await;
    assert_eq!(found(&store, "C0OPS", "7.1").await, first);
    assert_eq!(found(&store, "C0OPS", "7.9").await.map(|found| found.2), Some(State::Unknown), "it was posted anew");
    store.close(PATIENCE).await.unwrap();
}

pub(crate) async fn a_letter_beside_a_message_keeps_its_place_and_its_secret(place: &dyn Place) {
    let store = place.open().await;
    for (number, thread_ts) in [(1, Some("1.5")), (2, None)] {
        let reply_to = ReplyTo::Beside { thread_ts: thread_ts.map(str::to_owned), response_url: Some(url(number)) };
        let request = Request { source: Source::Shortcut, reply_to, ..request(number) };
        store.journal.accept(NewRequest { request, keys: vec![] }).await.unwrap();
        let (user, url) = ("U0MAYA".into(), Some(url(number)));
        let address = Address::Beside { channel: "C0OPS".into(), thread_ts: thread_ts.map(str::to_owned), user, url };
        let letter = NewLetter { address, ..letter(number, "Working.", false) };
        store.outbox.put(letter).await.unwrap();
    }
    let now = place.clock().now();
    let before: Vec<_> = taken_up(&store).await.iter().map(|entry| format!("{:?}", entry.request)).collect();
    let letters: Vec<_> = due(&store, now).await.iter().map(|letter| format!("{:?}", letter.letter.address)).collect();
    let store = reopen(place, store).await;
    let after = taken_up(&store).await;
    assert_eq!(after.iter().map(|entry| format!("{:?}", entry.request)).collect::<Vec<_>>(), before);
    let ReplyTo::Beside { thread_ts, response_url: Some(found) } = &after[0].request.reply_to else {
        panic!("{after:?}")
    };
    assert_eq!((thread_ts.as_deref(), found.expose_secret()), (Some("1.5"), url(1).expose_secret()));
    let found = due(&store, now).await;
    assert_eq!(found.iter().map(|letter| format!("{:?}", letter.letter.address)).collect::<Vec<_>>(), letters);
    let Address::Beside { url: Some(secret), .. } = &found[1].letter.address else { panic!("{found:?}") };
    assert_eq!(secret.expose_secret(), url(2).expose_secret());
    store.close(PATIENCE).await.unwrap();
}

pub(crate) async fn a_target_is_one_requests_alone_until_its_final_answer(place: &dyn Place) {
    let store = place.open().await;
    for number in 1..=3 {
        accepted(&store, number).await;
    }
    store.journal.planned(id(1), plan(1)).await.unwrap();
    let both = Plan { targets: [plan(1).targets, plan(2).targets].concat(), ..plan(2) };
    let refused = store.journal.planned(id(2), both.clone()).await;
    let Err(StoreError::Busy { target, holder }) = refused else { panic!("{refused:?}") };
    assert_eq!((target.as_str(), holder), ("123456789012/eu-central-1/i-1", id(1)));
    // it holds none of them, and can be answered
    store.journal.planned(id(3), plan(2)).await.unwrap();
    // a plan made anew lets go of what it does not name any more
    store.journal.planned(id(3), plan(3)).await.unwrap();
    let store = reopen(place, store).await;
    taken_up(&store).await;
    assert!(matches!(store.journal.planned(id(2), both.clone()).await, Err(StoreError::Busy { .. })), "also later");
    store.journal.finish(id(1), Final::Succeeded, letter(1, "Done.", true)).await.unwrap();
    store.journal.planned(id(2), both).await.unwrap();
    store.close(PATIENCE).await.unwrap();
}

pub(crate) async fn whoever_says_goodbye_has_not_died(place: &dyn Place) {
    let store = place.open().await;
    accepted(&store, 1).await;
    let deaths = async |store: &Store| taken_up(store).await.iter().map(|e| e.deaths).sum::<u32>();
    assert_eq!(deaths(&store).await, 0);
    store.replicas.leave().await.unwrap();
    let store = reopen(place, store).await;
    assert_eq!(deaths(&store).await, 0);
    let store = reopen(place, store).await;
    assert_eq!(deaths(&store).await, 1, "without a word");
    assert_eq!(deaths(&store).await, 1, "looking is no death");
    store.replicas.leave().await.unwrap();
    let store = reopen(place, store).await;
    assert_eq!(deaths(&store).await, 1);
    store.close(PATIENCE).await.unwrap();
}

pub(crate) async fn a_replica_shows_what_it_says_of_itself(place: &dyn Place) {
    let store = place.open().await;
    let card = Card { host: "drone-1".into(), version: "1.2.3".into(), links: 2, ready: true, ..Card::default() };
    assert_eq!(store.replicas.beat(&card).await.unwrap(), Beaten::Renewed);
    let all = store.replicas.all().await.unwrap();
    assert_eq!((all[0].is_me, all[0].is_alive, &all[0].card), (true, true, &card));
    store.close(PATIENCE).await.unwrap();
}

pub(crate) async fn a_note_is_rewritten_only_as_it_was_read_and_outlives_the_process(place: &dyn Place) {
    let store = place.open().await;
    let notes = &store.notes;
    assert_eq!(notes.noted("bodies").await.unwrap(), None);
    assert!(!notes.rewrite("bodies", Some("what never was"), "no", None).await.unwrap());
    assert!(notes.rewrite("bodies", None, "one", None).await.unwrap());
    assert!(!notes.rewrite("bodies", None, "two", None).await.unwrap(), "it is there already");
    assert!(!notes.rewrite("bodies", Some("zero"), "two", None).await.unwrap(), "it was another");
    // of many who have read the same, one rewrites it
    let at_once = (0..20).map(|number| async move {
        notes.rewrite("bodies", Some("one"), &format!("by {number}"), None).await.unwrap()
    });
    let wrote = futures_util::future::join_all(at_once).await;
    assert_eq!(wrote.iter().filter(|wrote| **wrote).count(), 1, "{wrote:?}");
    let winner = wrote.iter().position(|wrote| *wrote).unwrap();
    assert_eq!(notes.noted("left").await.unwrap(), None, "no fact of the store's own");
    let store = reopen(place, store).await;
    assert_eq!(store.notes.noted("bodies").await.unwrap(), Some(format!("by {winner}")));
    store.close(PATIENCE).await.unwrap();
}

/// The kinds of what happened, in order, with the fence.
async fn told(store: &Store, number: u64) -> Vec<(String, i64)> {
    let history = store.audit.history(id(number)).await.unwrap();
    let kind = |event: &Event| serde_json::to_value(&event.what).unwrap()["what"].as_str().unwrap().to_owned();
    history.iter().map(|event| (kind(event), event.fence)).collect()
}

pub(crate) async fn everything_that_happened_to_a_request_stands_in_its_history(place: &dyn Place) {
    let store = place.open().await;
    let start = place.clock().now();
    brought_to(&store, 1, State::Running).await;
    place.clock().advance(SignedDuration::from_secs(5));
    store.journal.step_ended(id(1), 0, StepState::Done).await.unwrap();
    let progress = store.outbox.put(letter(1, "Stopping.", false)).await.unwrap().unwrap();
    store.outbox.delivered(progress.id, sent("5.1")).await.unwrap();
    let again = store.outbox.put(letter(1, "Still stopping.", false)).await.unwrap().unwrap();
    store.outbox.delivered(again.id, sent("5.1")).await.unwrap();
    let store = reopen(place, store).await;
    // what was refused has not happened
    assert!(store.journal.planned(id(1), plan(1)).await.is_err());
    let reply = reply("Stopped `i-0abc`.").buttons(vec![Button::run("Start it", "ec2 start i-0abc")]);
    let last = NewLetter { reply, ..letter(1, "", true) };
    let last = store.journal.finish(id(1), Final::Succeeded, last).await.unwrap();
    store.outbox.delivered(last.id, sent("5.1")).await.unwrap();
    let first = [("accepted", 1), ("planned", 1), ("step_started", 1), ("step_ended", 1), ("delivered", 1)];
    let then = [("adopted", 2), ("finished", 2), ("delivered", 2)];
    let expected: Vec<_> = first.iter().chain(&then).map(|(kind, fence)| ((*kind).to_owned(), *fence)).collect();
    assert_eq!(told(&store, 1).await, expected);
    let history = store.audit.history(id(1)).await.unwrap();
    let what = |at: usize| history[at].what.clone();
    assert_eq!(what(0), What::Accepted { user: "U0MAYA".into(), text: "ec2 stop web-1".into() });
    assert_eq!(history[0].at, request(1).accepted_at);
    assert_eq!(
        what(1),
        What::Planned {
            text: plan(1).text,
            plan: plan_hash(&plan(1)),
            policies: plan(1).policies,
            approved: Vec::new(),
            decision: None,
        }
    );
    assert_eq!((history[2].at, what(2)), (start, What::StepStarted { step: step(0) }));
    let five = start + SignedDuration::from_secs(5);
    assert_eq!((history[3].at, what(3)), (five, What::StepEnded { index: 0, state: StepState::Done }));
    assert_eq!(what(4), What::Delivered { ts: Some("5.1".into()), last: false });
    assert_eq!(what(5), What::Adopted { from: history[0].replica.clone(), died: true });
    let kept = Reply::new(Tone::Done).sentence("Stopped `i-0abc`.");
    assert_eq!(what(6), What::Finished { state: State::Succeeded, reply: kept, decision: None });
    assert_eq!(what(7), What::Delivered { ts: Some("5.1".into()), last: true });
    assert_ne!(history[5].replica, history[0].replica);
    assert!(history[..5].iter().all(|event| event.replica == history[0].replica));
    assert!(history[5..].iter().all(|event| event.replica == history[5].replica));
    store.close(PATIENCE).await.unwrap();
}

pub(crate) async fn a_request_is_found_by_the_name_that_people_know(place: &dyn Place) {
    let store = place.open().await;
    for number in 1..=9 {
        accepted(&store, number).await;
    }
    // of the same short name, and older
    let old = RequestId::new(1, id(4).0.random());
    store.journal.accept(NewRequest { request: Request { id: old, ..request(4) }, keys: vec![] }).await.unwrap();
    // of all that was accepted only what others are asked about is found, and the newest first
    let (short, asked) = (id(4).short(), async |limit| store.approvals.asked_as(&id(4).short(), limit).await.unwrap());
    assert!(asked(10).await.is_empty());
    for one in [old, id(4), id(5)] {
        store.approvals.ask(&ApprovalRequest { request: one, ..approval(4) }).await.unwrap();
    }
    assert_eq!((asked(10).await, asked(1).await), (vec![id(4), old], vec![id(4)]));
    // it stays found, whatever was said
    store.approvals.close(old, place.clock().now()).await.unwrap();
    assert_eq!(asked(10).await, [id(4), old]);
    assert!(store.approvals.asked_as("ZZZZ", 10).await.unwrap().is_empty());
    assert!(store.approvals.asked_as(&short[1..], 10).await.unwrap().is_empty(), "the whole of the short id");
    assert!(store.audit.history(id(99)).await.unwrap().is_empty());
    store.journal.finish(id(4), Final::Failed, letter(4, "No.", true)).await.unwrap();
    let dead = due(&store, place.clock().now()).await.remove(0);
    store.outbox.delivered(dead.id, Delivery::Dead { error: "channel_not_found".into() }).await.unwrap();
    let kinds: Vec<String> = told(&store, 4).await.into_iter().map(|(kind, _)| kind).collect();
    assert_eq!(kinds, ["accepted", "finished", "dead"]);
    // one that is given up says so, and why
    for (number, begun, state) in [(5, false, State::Failed), (6, true, State::Unknown)] {
        let end = Final::Poison { deaths: 3, begun };
        store.journal.finish(id(number), end, letter(number, "I broke.", true)).await.unwrap();
        let history = store.audit.history(id(number)).await.unwrap();
        assert_eq!(history[1].what, What::Poison { deaths: 3 });
        assert!(matches!(history[2].what, What::Finished { state: found, .. } if found == state));
    }
    store.close(PATIENCE).await.unwrap();
}

pub(crate) async fn what_happened_to_the_house_is_told_newest_first(place: &dyn Place) {
    let store = place.open().await;
    assert!(store.audit.house(10).await.unwrap().is_empty());
    let started = |host: &str| HouseEvent::Started {
        host: host.to_owned(),
        version: "1.2.3 abc".into(),
        policies: "e3b0c44298fc".into(),
    };
    store.audit.record(started("drone-1")).await.unwrap();
    place.clock().advance(SignedDuration::from_secs(5));
    let ended = HouseEvent::Stopped { why: "it was told to".into() };
    store.audit.record(ended.clone()).await.unwrap();
    store.replicas.leave().await.unwrap();
    let store = reopen(place, store).await;
    place.clock().advance(SignedDuration::from_secs(5));
    store.audit.record(started("drone-2")).await.unwrap();
    let all = store.audit.house(10).await.unwrap();
    let told: Vec<HouseEvent> = all.iter().map(|entry| entry.what.clone()).collect();
    assert_eq!(told, [started("drone-2"), ended, started("drone-1")]);
    assert_eq!(all[0].at.duration_since(all[2].at), SignedDuration::from_secs(10));
    assert!(all[0].replica != all[1].replica && all[1].replica == all[2].replica);
    assert_eq!(store.audit.house(1).await.unwrap(), all[..1]);
    store.close(PATIENCE).await.unwrap();
}

pub(crate) async fn a_closed_store_has_done_what_was_asked_and_says_that_it_is_closed(place: &dyn Place) {
    let store = place.open().await;
    let asked: Vec<_> = (0..200u64)
        .map(|n| {
            let journal = Arc::clone(&store.journal);
            async move { journal.accept(new(n, &[&format!("event:{n}")])).await }
        })
        .collect();
    let (results, closed) = tokio::join!(futures_util::future::join_all(asked), store.close(PATIENCE));
    closed.unwrap();
    let done = results.iter().filter(|result| result.is_ok()).count() as u64;
    assert!(results.iter().all(|result| matches!(result, Ok(Accepted::New) | Err(StoreError::Unavailable(_)))));
    assert!(matches!(store.journal.unfinished().await, Err(StoreError::Unavailable(_))));
    assert!(matches!(store.journal.accept(new(900, &[])).await, Err(StoreError::Unavailable(_))));
    assert!(!store.health.vitals().ok);
    store.close(PATIENCE).await.unwrap();
    let store = place.open().await;
    assert_eq!(store.journal.unfinished().await.unwrap().waiting, done);
    store.close(PATIENCE).await.unwrap();
}

/// The tests of the contract, for the places that this function makes.
macro_rules! contract {
    ($make:path: $($name:ident),* $(,)?) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                let place = $make();
                if crate::store::contract::Place::is_there(&place) {
                    crate::store::contract::$name(&place).await;
                }
            }
        )*
    };
    ($make:path) => {
        crate::store::contract::contract! { $make:
            a_request_is_new_once_for_all_its_keys,
            keys_are_known_after_a_restart,
            of_a_crowd_of_concurrent_deliveries_each_request_is_new_once,
            a_refused_operation_does_not_concern_its_neighbours,
            every_transition_is_as_drawn,
            any_sequence_of_transitions_is_as_drawn,
            steps_are_kept_and_a_done_step_is_not_started_again,
            unfinished_requests_are_taken_up_with_all_they_have,
            what_was_accepted_elsewhere_is_known_to_be_found,
            the_final_answer_is_put_in_once_and_is_due,
            of_fifty_concurrent_final_answers_one_stands,
            no_progress_follows_the_final_answer,
            a_later_progress_letter_takes_the_place_of_a_waiting_one,
            later_letters_edit_the_message_of_the_first,
            the_successor_of_a_letter_that_may_be_there_may_be_there_too,
            a_letter_put_off_waits_and_counts,
            a_clock_that_is_set_back_keeps_no_letter,
            a_key_is_known_without_being_taken,
            what_is_open_is_counted_without_being_asked_for,
            a_dead_letter_is_kept_and_not_sent,
            how_far_a_letter_has_come_is_known_after_a_restart,
            letters_come_oldest_first_and_no_more_than_asked,
            of_each_queue_come_no_more_letters_than_asked,
            the_depths_are_right_after_a_restart_too,
            what_a_person_asked_lately_is_theirs_alone_newest_first,
            a_posted_message_leads_back_to_its_request,
            a_letter_beside_a_message_keeps_its_place_and_its_secret,
            a_target_is_one_requests_alone_until_its_final_answer,
            whoever_says_goodbye_has_not_died,
            a_replica_shows_what_it_says_of_itself,
            a_note_is_rewritten_only_as_it_was_read_and_outlives_the_process,
            what_waits_for_others_is_kept_with_what_they_are_shown,
            what_waits_for_others_locks_no_target,
            each_word_on_a_change_counts_once_whoever_hears_it,
            what_a_newer_program_noted_of_an_approval_stays,
            what_was_decided_stands_in_the_history_with_what_it_led_to,
            each_word_on_a_change_stands_in_its_history_and_refused_ones_do_not_fill_it,
            everything_that_happened_to_a_request_stands_in_its_history,
            a_request_is_found_by_the_name_that_people_know,
            what_happened_to_the_house_is_told_newest_first,
            a_closed_store_has_done_what_was_asked_and_says_that_it_is_closed,
        }
    };
}
pub(crate) use contract;
