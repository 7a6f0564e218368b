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
        words: Vec::new(),
    }
}

fn word(word: Word, by: &UserId, now: Timestamp) -> WordRecord {
    WordRecord::new(by.clone(), now, word)
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
    assert_eq!(store.approvals.say(id(1), &word(Word::Approve, &people[0], now)).await.unwrap(), None);
    store.approvals.ask(&asked(1, 4, now)).await.unwrap();
    // all at once, each of them twice
    let words: Vec<WordRecord> = people.iter().chain(&people).map(|by| word(Word::Approve, by, now)).collect();
    let words = words.iter().map(|said| store.approvals.say(id(1), said));
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
    let late = store.approvals.say(id(1), &word(Word::Decline, &people[0], now)).await.unwrap().unwrap();
    assert_eq!(late.taken, Err(NotTaken::Decided(Standing::Granted)));
    // what is decided cannot be ended, and what is ended cannot be decided
    let decided = store.approvals.close(id(1), now).await.unwrap().unwrap();
    assert_eq!(decided.standing(now), Standing::Granted);
    assert_eq!(store.approvals.close(id(2), now).await.unwrap(), None);
    store.approvals.ask(&asked(2, 1, now)).await.unwrap();
    let approves = word(Word::Approve, &people[0], now);
    let (said, end) = tokio::join!(store.approvals.say(id(2), &approves), store.approvals.close(id(2), now));
    let (said, end) = (said.unwrap().unwrap(), end.unwrap().unwrap());
    let granted = end.standing(now) == Standing::Granted;
    assert_eq!(said.taken.is_ok(), granted, "{said:?} {end:?}");
    let again = word(Word::Approve, &people[1], now - SignedDuration::from_mins(1));
    let again = store.approvals.say(id(2), &again).await;
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
    let said = word(Word::Approve, &"U0OMAR".into(), place.clock().now());
    store.approvals.say(id(1), &said).await.unwrap().unwrap();
    let kept = store.notes.noted(&name).await.unwrap().unwrap();
    let kept: serde_json::Value = serde_json::from_str(&kept).unwrap();
    assert_eq!((kept["shown_in"].as_str(), kept["given"].as_array().map(Vec::len)), (Some("C0OPS"), Some(1)));
    assert!(store.approvals.asked(id(1)).await.unwrap().is_some());
    store.close(PATIENCE).await.unwrap();
}

/// What the policies decided, with nothing left out.
fn decision(policy: &str) -> Arc<Decision> {
    Arc::new(Decision {
        ruling: Ruling::NeedsApproval,
        policies: vec![policy.to_owned()],
        permits: vec!["operators-change".to_owned()],
        on: Some("web-1 (i-0abc)".to_owned()),
        about: Some("U0OMAR".into()),
        needed: 2,
        given: vec!["U0JON".into()],
        facts: JudgedFacts {
            membership: Membership::Guest,
            groups: vec!["operators".to_owned()],
            unread: vec!["oncall".to_owned()],
            readers: PlaceReaders::Shared,
        },
    })
}

pub(crate) async fn what_was_decided_stands_in_the_history_with_what_it_led_to(place: &dyn Place) {
    let store = place.open().await;
    accepted(&store, 1).await;
    let judged = |policy: &str| Plan { decision: Some(decision(policy)), ..plan(1) };
    let question = ApprovalRequest { plan: judged("asked"), ..approval(1) };
    store.journal.awaiting_approval(&question, &beside(1), letter(1, "Approve?", false)).await.unwrap();
    store.journal.planned(id(1), judged("planned")).await.unwrap();
    let end = letter(1, "Done.", true);
    store.journal.finish_judged(id(1), Final::Refused, end, Some(decision("finished"))).await.unwrap();
    let store = reopen(place, store).await;
    let history = store.audit.history(id(1)).await.unwrap();
    let told = |event: &Event| match &event.what {
        What::AwaitingApproval { decision, .. } | What::Planned { decision, .. } | What::Finished { decision, .. } => {
            decision.clone()
        }
        _ => None,
    };
    let told: Vec<Arc<Decision>> = history.iter().filter_map(told).collect();
    assert_eq!(told, ["asked", "planned", "finished"].map(decision));
    // it is no part of the plan, so that what was approved is what is planned, by whatever policies
    assert_eq!(plan_hash(&judged("asked")), plan_hash(&plan(1)));
    store.close(PATIENCE).await.unwrap();
}

pub(crate) async fn each_word_on_a_change_stands_in_its_history_and_refused_ones_do_not_fill_it(place: &dyn Place) {
    let store = place.open().await;
    accepted(&store, 1).await;
    let words = async |store: &Store| -> Vec<WordRecord> {
        let said = |event: Event| match event.what {
            What::Word { said } => {
                assert_eq!(event.at, said.at);
                Some(said)
            }
            _ => None,
        };
        store.audit.history(id(1)).await.unwrap().into_iter().filter_map(said).collect()
    };
    let moment = || {
        place.clock().advance(SignedDuration::from_secs(1));
        place.clock().now()
    };
    store.approvals.refuse(id(1), &word(Word::Approve, &"U0MAYA".into(), moment())).await.unwrap();
    assert!(words(&store).await.is_empty(), "no approval was asked for");
    store.approvals.ask(&asked(1, 2, moment())).await.unwrap();
    waits(&store, 1).await.unwrap();
    let guest = word(Word::Approve, &"U0GUS".into(), moment()).judged(Some(decision("full-members-only")));
    let guest = guest.refused(WordRefusal::NotPermitted);
    store.approvals.refuse(id(1), &guest).await.unwrap();
    let own = word(Word::Approve, &"U0MAYA".into(), moment()).judged(Some(decision("operators-change")));
    assert_eq!(store.approvals.say(id(1), &own).await.unwrap().unwrap().taken, Err(NotTaken::Own));
    let omar = word(Word::Approve, &"U0OMAR".into(), moment()).judged(Some(decision("operators-change")));
    assert_eq!(store.approvals.say(id(1), &omar).await.unwrap().unwrap().taken, Ok(()));
    // what was said already is said again without a trace
    let again = word(Word::Approve, &"U0OMAR".into(), moment());
    assert_eq!(store.approvals.say(id(1), &again).await.unwrap().unwrap().taken, Err(NotTaken::Said));
    let told = [guest, own.refused(WordRefusal::Own), omar];
    assert_eq!(words(&store).await, told);
    // which replica had the request then
    let kinds = ["accepted", "awaiting_approval", "word", "word", "word"].map(|kind| (kind.to_owned(), 1));
    assert_eq!(super::told(&store, 1).await, kinds);
    // asked anew, they count no more, and are known
    let store = reopen(place, store).await;
    store.approvals.ask(&asked(1, 2, moment())).await.unwrap();
    assert!(store.approvals.asked(id(1)).await.unwrap().unwrap().given.is_empty());
    assert_eq!(words(&store).await, told);
    // one person's words without end take no room of another's
    for _ in 0..3 * ApprovalRequest::REFUSED_EACH {
        let own = word(Word::Approve, &"U0MAYA".into(), moment());
        assert_eq!(store.approvals.say(id(1), &own).await.unwrap().unwrap().taken, Err(NotTaken::Own));
    }
    let forged = word(Word::Decline, &"U0VERA".into(), moment()).refused(WordRefusal::Forged);
    store.approvals.refuse(id(1), &forged).await.unwrap();
    let kept = words(&store).await;
    let of_maya = kept.iter().filter(|said| said.by.as_str() == "U0MAYA").count();
    assert_eq!((of_maya, kept.last()), (ApprovalRequest::REFUSED_EACH, Some(&forged)));
    let vera = word(Word::Decline, &"U0VERA".into(), moment());
    assert_eq!(store.approvals.say(id(1), &vera).await.unwrap().unwrap().taken, Ok(()));
    let late = word(Word::Approve, &"U0OMAR".into(), moment());
    let late_said = store.approvals.say(id(1), &late).await.unwrap().unwrap();
    assert!(matches!(late_said.taken, Err(NotTaken::Decided(Standing::Declined(_)))), "{late_said:?}");
    let kept = words(&store).await;
    assert_eq!(kept[kept.len() - 2..], [vera, late.refused(WordRefusal::Declined)]);
    store.close(PATIENCE).await.unwrap();
}
