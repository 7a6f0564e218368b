//! What is promised of changes that wait for others.

use super::*;

fn asked(number: u64, needed: u32, now: Timestamp) -> ApprovalRequest {
    ApprovalRequest {
        request: id(number),
        user: "U0MAYA".into(),
        text: "ec2 stop web-1".into(),
        plan: plan(number),
        needed,
        asked_at: now,
        expires_at: now + SignedDuration::from_mins(15),
        given: Vec::new(),
        declined: None,
        closed_at: None,
    }
}

fn beside(number: u64) -> ReplyTo {
    ReplyTo::Beside { thread_ts: None, response_url: Some(url(number)) }
}

/// What one other person is asked about a request.
pub(crate) fn approval(number: u64) -> ApprovalRequest {
    asked(number, 1, request(number).accepted_at)
}

/// Brings an accepted request to where others are asked.
pub(super) async fn waits(store: &Store, number: u64) -> Result<Letter, StoreError> {
    let approval = approval(number);
    store.journal.awaiting_approval(&approval, &beside(number), letter(number, "Approve?", false)).await
}

pub(crate) async fn what_waits_for_others_is_kept_with_what_they_are_shown(place: &dyn Place) {
    let mut store = place.open().await;
    accepted(&store, 1).await;
    for wrong in [letter(1, "Approve?", true), letter(2, "Approve?", false)] {
        let approval = asked(1, 1, place.clock().now());
        let refused = store.journal.awaiting_approval(&approval, &beside(1), wrong).await;
        assert!(matches!(refused, Err(StoreError::Failed(_))), "{refused:?}");
    }
    let first = waits(&store, 1).await.unwrap();
    assert!(!first.letter.last && first.replaces.is_none());
    assert!(matches!(waits(&store, 1).await, Err(StoreError::Transition { .. })), "they are asked once");
    // whoever dies meanwhile had nothing of it in hand
    for _ in 0..3 {
        store = reopen(place, store).await;
        let entries = taken_up(&store).await;
        let [entry] = &entries[..] else { panic!("{entries:?}") };
        assert_eq!((entry.state, entry.deaths, &entry.plan), (State::AwaitingApproval, 0, &Some(plan(1))));
        match &entry.request.reply_to {
            ReplyTo::Beside { thread_ts: None, response_url: Some(kept) } => {
                assert_eq!(kept.expose_secret(), url(1).expose_secret());
            }
            other => panic!("{other:?}"),
        }
    }
    let waiting = due(&store, place.clock().now()).await;
    assert_eq!(waiting.len(), 1);
    store.outbox.delivered(waiting[0].id, sent("7.1")).await.unwrap();
    let last = store.journal.finish(id(1), Final::Refused, letter(1, "Nobody approved it.", true)).await.unwrap();
    assert_eq!(last.replaces.as_deref(), Some("7.1"), "the answer takes its place");
    let kinds: Vec<String> = told(&store, 1).await.into_iter().map(|(kind, _)| kind).collect();
    let asked = kinds.iter().filter(|kind| *kind == "awaiting_approval").count();
    assert_eq!((asked, kinds.last().map(String::as_str)), (1, Some("finished")), "{kinds:?}");
    store.close(PATIENCE).await.unwrap();
}

pub(crate) async fn what_waits_for_others_locks_no_target(place: &dyn Place) {
    let store = place.open().await;
    let same = |number| Plan { targets: plan(1).targets, ..plan(number) };
    accepted(&store, 1).await;
    accepted(&store, 2).await;
    waits(&store, 1).await.unwrap();
    store.journal.planned(id(2), same(2)).await.unwrap();
    let busy = store.journal.planned(id(1), plan(1)).await;
    assert!(matches!(&busy, Err(StoreError::Busy { holder, .. }) if *holder == id(2)), "{busy:?}");
    // one that was planned before a restart lets its targets go when others must approve it
    waits(&store, 2).await.unwrap();
    store.journal.planned(id(1), plan(1)).await.unwrap();
    store.close(PATIENCE).await.unwrap();
}

pub(crate) async fn each_word_on_a_change_counts_once_whoever_hears_it(place: &dyn Place) {
    let store = place.open().await;
    let now = place.clock().now();
    let people: Vec<UserId> = (0..6).map(|number| UserId(format!("U{number}"))).collect();
    assert_eq!(store.approvals.asked(id(1)).await.unwrap(), None);
    assert_eq!(store.approvals.say(id(1), Word::Approve, &people[0], now).await.unwrap(), None);
    store.approvals.ask(&asked(1, 4, now)).await.unwrap();
    // all at once, each of them twice
    let words = people.iter().chain(&people).map(|by| store.approvals.say(id(1), Word::Approve, by, now));
    let said = futures_util::future::join_all(words).await;
    let said = said.into_iter().map(|said| said.unwrap().expect("somebody was asked"));
    let taken: HashSet<UserId> = said
        .zip(people.iter().chain(&people))
        .filter(|(said, _)| said.taken.is_ok())
        .map(|(_, by)| by.clone())
        .collect();
    let store = reopen(place, store).await;
    let approval = store.approvals.asked(id(1)).await.unwrap().unwrap();
    let given: HashSet<UserId> = approval.given.iter().map(|given| given.by.clone()).collect();
    assert_eq!((approval.given.len(), given.len(), approval.standing(now)), (4, 4, Standing::Granted));
    assert_eq!(taken, given, "who counts was told so, and nobody else");
    let late = store.approvals.say(id(1), Word::Decline, &people[0], now).await.unwrap().unwrap();
    assert_eq!(late.taken, Err(NotTaken::Decided(Standing::Granted)));
    // what is decided cannot be ended, and what is ended cannot be decided
    let decided = store.approvals.close(id(1), now).await.unwrap().unwrap();
    assert_eq!(decided.standing(now), Standing::Granted);
    assert_eq!(store.approvals.close(id(2), now).await.unwrap(), None);
    store.approvals.ask(&asked(2, 1, now)).await.unwrap();
    let (word, end) =
        tokio::join!(store.approvals.say(id(2), Word::Approve, &people[0], now), store.approvals.close(id(2), now));
    let (word, end) = (word.unwrap().unwrap(), end.unwrap().unwrap());
    let granted = end.standing(now) == Standing::Granted;
    assert_eq!(word.taken.is_ok(), granted, "{word:?} {end:?}");
    let again = store.approvals.say(id(2), Word::Approve, &people[1], now - SignedDuration::from_mins(1)).await;
    assert!(again.unwrap().unwrap().taken.is_err());
    // asked anew, what was said before is forgotten
    store.approvals.ask(&asked(1, 1, now)).await.unwrap();
    store.approvals.ask(&asked(1, 1, now)).await.unwrap();
    let approval = store.approvals.asked(id(1)).await.unwrap().unwrap();
    assert_eq!(approval.standing(now), Standing::Pending(1));
    store.close(PATIENCE).await.unwrap();
}

pub(crate) async fn what_a_newer_program_noted_of_an_approval_stays(place: &dyn Place) {
    let store = place.open().await;
    store.approvals.ask(&approval(1)).await.unwrap();
    let name = format!("approval/{}", id(1));
    let was = store.notes.noted(&name).await.unwrap().unwrap();
    let mut newer: serde_json::Value = serde_json::from_str(&was).unwrap();
    newer["shown_in"] = "C0OPS".into();
    assert!(store.notes.rewrite(&name, Some(&was), &newer.to_string(), None).await.unwrap());
    store.approvals.say(id(1), Word::Approve, &"U0OMAR".into(), place.clock().now()).await.unwrap().unwrap();
    let kept = store.notes.noted(&name).await.unwrap().unwrap();
    let kept: serde_json::Value = serde_json::from_str(&kept).unwrap();
    assert_eq!((kept["shown_in"].as_str(), kept["given"].as_array().map(Vec::len)), (Some("C0OPS"), Some(1)));
    assert!(store.approvals.asked(id(1)).await.unwrap().is_some());
    store.close(PATIENCE).await.unwrap();
}
