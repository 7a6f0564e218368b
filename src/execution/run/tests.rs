use crate::commands::testing::cx;
use crate::commands::{Command, Context, Found, Journalled, Planned, Row, Scope};
use crate::domain::{
    CommandError, Decision, JudgedFacts, Plan, Refusal, Reply, ReplyTo, Request, Risk, Ruling, Step, Target, Tone,
    UsageError, Word,
};
use crate::execution::testing::House;
use crate::execution::{Job, Need, Task, answer::Answer};
use crate::slack::testing::{run, within};
use crate::store::{Address, Event, State, Wanted, What};
use async_trait::async_trait;
use secrecy::SecretString;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// A command that breaks where a test wants it to.
#[derive(Clone, Default)]
struct Scripted {
    breaks: &'static [&'static str],
    reads: bool,
    calls: Arc<AtomicU32>,
}

impl Scripted {
    fn at(&self, place: &str) {
        assert!(crate::aws::is_before_reads(), "reads yield to a change");
        assert!(!self.breaks.contains(&place), "broken at {place}");
    }
}

#[async_trait]
impl Command for Scripted {
    fn scope(&self) -> Scope {
        Scope::Bot
    }
    async fn plan(&self, _: &Context) -> Result<Planned, CommandError> {
        self.at("plan");
        if self.reads {
            return Ok(Planned::Answer(Reply::new(Tone::Info).text("read")));
        }
        Ok(Planned::Change(plan()))
    }
    async fn execute(&self, plan: &Plan, cx: &Context, journal: &dyn Journalled) -> Result<Found, CommandError> {
        self.at("execute");
        (cx.progress)(Reply::new(Tone::Progress).text("working"));
        let calls = Arc::clone(&self.calls);
        let call = async move {
            calls.fetch_add(1, Ordering::SeqCst);
            Ok(())
        };
        let _ = journal.step(&plan.steps[0], Box::pin(call)).await;
        self.at("after the call");
        Ok(Found::Done(Reply::new(Tone::Done).text("executed")))
    }
    async fn verify(&self, _: &Plan, _: &Context) -> Result<Found, CommandError> {
        self.at("verify");
        Ok(Found::Done(Reply::new(Tone::Done).text("it is stopped")))
    }
}

static ROW: Row = Row {
    name: "test stop",
    summary: "",
    examples: &[],
    risk: Risk::Change,
    action: "test:stop",
    calls: &[],
    inspect: None,
    parse: |_| Err(UsageError::sentence("not parsed")),
    usage: || "test stop".to_owned(),
    definition: || clap::Command::new("test"),
    options: Vec::new,
};

fn plan() -> Plan {
    let target = Target {
        kind: crate::aws::INSTANCE,
        id: "i-1".to_owned(),
        name: None,
        account: "123456789012".into(),
        region: "eu-central-1".to_owned(),
        tags: BTreeMap::new(),
    };
    let step = Step {
        index: 0,
        operation: "ec2:StopInstances".to_owned(),
        account: None,
        region: "eu-central-1".to_owned(),
        targets: vec!["i-1".to_owned()],
        token: "t".to_owned(),
        before: Default::default(),
    };
    Plan {
        command: "test stop".to_owned(),
        text: "stop i-1".to_owned(),
        targets: vec![target],
        steps: vec![step],
        ..Plan::default()
    }
}

impl House {
    fn job(&self, request: &Request, command: &Scripted, task: Task) -> Job {
        Job {
            request: request.clone(),
            row: &ROW,
            command: Box::new(command.clone()),
            context: cx(),
            judge: Arc::new(|_| Ok(Need::default())),
            task,
            decision: None,
            alone: false,
            flight: Arc::new(self.flights.board(request.id).expect("not in work")),
        }
    }

    /// Runs a command to its end and returns what waits for its person.
    async fn runs(&self, request: &Request, command: &Scripted, task: Task) -> Vec<String> {
        self.pool.submit(self.job(request, command, task), true).expect("there is room");
        within("the request to end", self.flights.idle()).await;
        within("its place to be free", async {
            while self.pool.running() > 0 {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        })
        .await;
        self.letters().await
    }
}

fn breaking(breaks: &'static [&'static str]) -> Scripted {
    Scripted { breaks, ..Scripted::default() }
}

#[test]
fn a_panic_before_any_call_is_a_failure_of_ours_that_changed_nothing() {
    run(async {
        for place in [&["plan"], &["execute"]] {
            let house = House::new().await;
            let request = house.accept(1).await;
            let said = house.runs(&request, &breaking(place), Task::Run).await;
            assert_eq!(said.len(), 1, "{said:?}");
            assert!(said[0].starts_with("[failed] Something broke on my side while running `test stop`. Nothing was"));
            house.ends().await;
        }
    });
}

#[test]
fn a_panic_after_a_call_is_looked_at_and_the_call_is_not_repeated() {
    run(async {
        let house = House::new().await;
        let request = house.accept(1).await;
        let command = breaking(&["after the call"]);
        let said = house.runs(&request, &command, Task::Run).await;
        let expected = "[done] Something broke on my side while running `test stop i-1`.\nit is stopped";
        assert_eq!(said, [expected]);
        assert_eq!(command.calls.load(Ordering::SeqCst), 1);
        house.ends().await;
    });
}

#[test]
fn when_looking_breaks_too_nobody_knows() {
    run(async {
        let house = House::new().await;
        let request = house.accept(1).await;
        let said = house.runs(&request, &breaking(&["after the call", "verify"]), Task::Run).await;
        assert_eq!(said.len(), 1);
        assert!(said[0].starts_with("[unknown] ") && said[0].contains("I do not know whether it was done"), "{said:?}");
        house.ends().await;
    });
}

#[test]
fn a_request_that_breaks_whoever_looks_at_it_twice_is_answered_and_not_looked_at_again() {
    run(async {
        let house = House::new().await;
        let request = house.accept(1).await;
        house.store.journal.planned(request.id, plan()).await.expect("planned");
        house.store.journal.step_started(request.id, plan().steps[0].clone()).await.expect("begun");
        let said = house.runs(&request, &breaking(&["verify"]), Task::Verify(plan())).await;
        assert_eq!(said.len(), 1);
        assert!(said[0].starts_with("[unknown] Something broke on my side while running `test stop i-1`"), "{said:?}");
        // nothing is left in the journal that would be taken up again
        house.ends().await;
    });
}

#[test]
fn a_request_that_is_running_is_only_looked_at() {
    run(async {
        let house = House::new().await;
        let request = house.accept(1).await;
        let command = breaking(&[]);
        let said = house.runs(&request, &command, Task::Verify(plan())).await;
        assert_eq!(said, ["[done] I was restarted while running `test stop i-1`.\nit is stopped"]);
        assert_eq!(command.calls.load(Ordering::SeqCst), 0);
        house.ends().await;
    });
}

/// A service of the same name in another account says nothing of the one that was changed.
#[test]
fn what_was_begun_in_another_account_is_not_looked_at_in_this_one_and_that_is_said() {
    run(async {
        let house = House::new().await;
        let mut of_steps = plan();
        of_steps.steps[0].account = Some("999999999999".into());
        // a program that wrote no account with a step wrote it with the target
        let mut of_targets = plan();
        of_targets.targets[0].account = "999999999999".into();
        for (number, (plan, task)) in (1_u8..).zip([
            (of_steps.clone(), Task::Verify(of_steps.clone())),
            (of_targets.clone(), Task::Verify(of_targets)),
            (of_steps.clone(), Task::LastLook(of_steps, 2)),
        ]) {
            let request = house.accept(number.into()).await;
            house.store.journal.planned(request.id, plan.clone()).await.expect("planned");
            house.store.journal.step_started(request.id, plan.steps[0].clone()).await.expect("begun");
            // it would break if it looked
            let said = house.runs(&request, &breaking(&["verify"]), task).await;
            let told = "\nIt was begun in the AWS account `999999999999`, and my credentials are of `123456789012` now, so I \
                        did not look: I cannot tell whether it was done. Check `i-1` in that account.";
            let is_told = |said: &String| said.starts_with("[unknown] I ") && said.ends_with(told);
            assert!(said.len() == usize::from(number) && said.iter().all(is_told), "{said:?}");
        }
        house.ends().await;
    });
}

#[test]
fn what_was_begun_in_this_account_or_before_steps_had_one_is_looked_at() {
    run(async {
        let house = House::new().await;
        let mut of_now = plan();
        of_now.steps[0].account = Some("123456789012".into());
        for (number, plan) in (1_u8..).zip([of_now, plan()]) {
            let request = house.accept(number.into()).await;
            house.store.journal.planned(request.id, plan.clone()).await.expect("planned");
            house.store.journal.step_started(request.id, plan.steps[0].clone()).await.expect("begun");
            let said = house.runs(&request, &breaking(&[]), Task::Verify(plan)).await;
            let told = "[done] I was restarted while running `test stop i-1`.\nit is stopped";
            assert!(said.len() == usize::from(number) && said.iter().all(|said| said == told), "{said:?}");
        }
        house.ends().await;
    });
}

#[test]
fn a_change_that_the_journal_knows_better_is_neither_made_nor_answered() {
    run(async {
        let house = House::new().await;
        let (answered, begun) = (house.accept(1).await, house.accept(2).await);
        house.shop.desk.give(&answered, "test stop", Answer::ok(Reply::new(Tone::Done).text("first"))).await;
        house.store.journal.planned(begun.id, plan()).await.expect("planned");
        house.store.journal.step_started(begun.id, plan().steps[0].clone()).await.expect("begun");
        let command = breaking(&[]);
        house.runs(&answered, &command, Task::Run).await;
        assert_eq!(house.runs(&begun, &command, Task::Run).await, ["[done] first"]);
        assert_eq!(command.calls.load(Ordering::SeqCst), 0);
        let left = house.store.journal.held(&mut |_| true);
        assert_eq!(
            left.iter().map(|entry| (entry.request.id, entry.state)).collect::<Vec<_>>(),
            [(begun.id, State::Running)]
        );
        house.runs(&begun, &command, Task::Verify(plan())).await;
        house.ends().await;
    });
}

#[test]
fn a_done_change_has_one_answer_and_no_progress_behind_it() {
    run(async {
        let house = House::new().await;
        for number in 1..30 {
            let request = house.accept(number).await;
            let said = house.runs(&request, &breaking(&[]), Task::Run).await;
            assert_eq!(said.len(), number as usize, "one letter each: {said:?}");
            assert!(said.iter().all(|said| said == "[done] executed"), "{said:?}");
        }
        house.ends().await;
    });
}

#[test]
fn more_than_may_run_is_refused_and_the_place_is_free_again_after_a_panic() {
    run(async {
        let house = House::new().await;
        let (first, second) = (house.accept(1).await, house.accept(2).await);
        house.pool.submit(house.job(&first, &breaking(&["plan"]), Task::Run), true).expect("there is room");
        let refusal = house.pool.submit(house.job(&second, &breaking(&[]), Task::Run), true);
        let refusal = refusal.expect_err("one at a time");
        assert_eq!(
            refusal.lines[0].plain(),
            "I am busy with 1 commands. test stop was not run. Try again in a minute."
        );
        within("the first to end", self::idle(&house)).await;
        assert_eq!(house.runs(&second, &breaking(&[]), Task::Run).await.len(), 2);
        house.ends().await;
    });
}

async fn idle(house: &House) {
    house.flights.idle().await;
    while house.pool.running() > 0 {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

#[test]
fn a_reading_command_has_its_plan_as_its_answer() {
    run(async {
        let house = House::new().await;
        let request = house.accept(1).await;
        let command = Scripted { reads: true, ..Scripted::default() };
        assert_eq!(house.runs(&request, &command, Task::Run).await, ["[info] read"]);
        house.ends().await;
    });
}

/// What the policies decided stands in the audit, with what it led to: the answer, the question to others, the plan.
#[test]
fn what_was_decided_is_kept_with_what_it_led_to() {
    run(async {
        let house = House::new().await;
        let decision = |ruling, policy: &str| Decision {
            ruling,
            policies: vec![policy.to_owned()],
            permits: Vec::new(),
            on: None,
            about: None,
            needed: 0,
            given: Vec::new(),
            facts: JudgedFacts::default(),
        };
        let kept = async |request: &Request| -> Vec<(&'static str, Option<Arc<Decision>>)> {
            let history = house.store.audit.history(request.id).await.expect("it is read");
            let told = |event: Event| match event.what {
                What::AwaitingApproval { decision, .. } => Some(("asks", decision)),
                What::Planned { decision, .. } => Some(("planned", decision)),
                What::Finished { decision, .. } => Some(("finished", decision)),
                _ => None,
            };
            history.into_iter().filter_map(told).collect()
        };
        let runs = async |number: u128, command: Scripted, change: &dyn Fn(Job) -> Job| {
            let request = house.accept(number).await;
            let job = change(house.job(&request, &command, Task::Run));
            house.pool.submit(job, true).expect("there is room");
            within("it to end", idle(&house)).await;
            request
        };
        let read = Arc::new(decision(Ruling::Permit, "viewers-read"));
        let reads = Scripted { reads: true, ..Scripted::default() };
        let request = runs(1, reads, &|job| Job { decision: Some(Arc::clone(&read)), ..job }).await;
        assert_eq!(kept(&request).await, [("finished", Some(read))]);

        let needs = |decision: Decision, approvals| {
            let need = Need { approvals, decision: Some(decision), ..Need::default() };
            move |job| Job { judge: Arc::new(move |_| Ok(need.clone())), ..job }
        };
        let permit = decision(Ruling::Permit, "operators-change");
        let request = runs(2, Scripted::default(), &|job| needs(permit.clone(), 0)(job)).await;
        assert_eq!(kept(&request).await, [("planned", Some(Arc::new(permit))), ("finished", None)]);

        let asks = Decision { needed: 1, ..decision(Ruling::NeedsApproval, "second-person") };
        let request = runs(3, Scripted::default(), &|job| needs(asks.clone(), 1)(job)).await;
        assert_eq!(kept(&request).await, [("asks", Some(Arc::new(asks.clone())))]);
        // granted, it is planned again, and says who has approved it
        let mut approval = house.shop.approvals.asked(request.id).await.expect("read").expect("it waits");
        let now = crate::clock::system().now();
        approval.take(Word::Approve, &"UOMAR".into(), now).expect("it is taken");
        house.shop.awaiting.take(request.id).expect("it waits");
        let task = Task::Approved(Box::new(approval));
        let job = needs(asks.clone(), 1)(house.job(&request, &Scripted::default(), task));
        house.pool.submit(job, true).expect("there is room");
        within("it to end", idle(&house)).await;
        let given = Decision { given: vec!["UOMAR".into()], ..asks.clone() };
        let told = [("asks", Some(Arc::new(asks))), ("planned", Some(Arc::new(given))), ("finished", None)];
        assert_eq!(kept(&request).await, told);

        let deny = Arc::new(decision(Ruling::Deny, "protected-tag"));
        let refusal = Refusal::sentence("It may not be done.").by(Arc::clone(&deny));
        let judge = move |_: &Plan| Err(refusal.clone());
        let request = runs(4, Scripted::default(), &|job| Job { judge: Arc::new(judge.clone()), ..job }).await;
        assert_eq!(kept(&request).await, [("finished", Some(deny))]);
        house.ends().await;
    });
}

#[test]
fn of_two_parts_the_one_that_needs_more_approvals_is_what_a_plan_needs() {
    let decision = |ruling, policy: &str, needed| {
        let (policies, facts) = (vec![policy.to_owned()], JudgedFacts::default());
        let (permits, on, about, given) = (Vec::new(), None, None, Vec::new());
        Some(Decision { ruling, policies, permits, on, about, needed, given, facts })
    };
    let need = |approvals, reason: &str, decision: Option<Decision>| Need {
        approvals,
        reasons: vec![reason.to_owned()],
        contacts: Vec::new(),
        decision,
    };
    let none = || Need { decision: decision(Ruling::Permit, "operators-change", 0), ..Need::default() };
    let one = || need(1, "one", decision(Ruling::NeedsApproval, "second-person", 1));
    let two = || need(2, "two", decision(Ruling::NeedsApproval, "two-others", 2));
    for (parts, whole) in [
        (vec![none(), one(), two()], two()),
        (vec![two(), none(), one()], two()),
        (vec![Need::default(), one(), none()], one()),
        (vec![none(), Need::default()], none()),
    ] {
        assert_eq!(parts.into_iter().reduce(Need::and).expect("some"), whole);
    }
}

/// By each way of asking for one person alone: what others must approve is shown to them, but not where people of another
/// organisation would see it too.
#[test]
fn what_others_must_approve_is_not_shown_where_another_organisation_reads() {
    run(async {
        let house = House::new().await;
        let url = || SecretString::from("https://hooks.slack.com/x");
        let ways = [
            ReplyTo::Caller { response_url: Some(url()) },
            ReplyTo::Caller { response_url: None },
            ReplyTo::Presser { response_url: url() },
            ReplyTo::Alone { thread_ts: Some("1.5".to_owned()) },
        ];
        let mut number = 0;
        for (reply_to, alone) in ways.iter().flat_map(|way| [(way, false), (way, true)]) {
            number += 1;
            let request = Request { reply_to: reply_to.clone(), ..house.a_request(number) };
            let request = house.accept_this(request).await;
            let need = Need { approvals: 1, ..Need::default() };
            let job = house.job(&request, &Scripted::default(), Task::Run);
            let job = Job { alone, judge: Arc::new(move |_| Ok(need.clone())), ..job };
            house.pool.submit(job, false).expect("there is room");
            within("others to be asked", idle(&house)).await;
            let later = crate::clock::system().now() + jiff::SignedDuration::from_hours(2);
            let due = house.store.outbox.due(later, Wanted::first(100)).await.expect("the outbox is read");
            let letter = due.into_iter().map(|letter| letter.letter).find(|letter| letter.request == request.id);
            let letter = letter.expect("a question");
            let said = crate::commands::testing::plain(&letter.reply);
            let is_open = matches!(letter.address, Address::Beside { .. } | Address::Post { .. });
            let was_alone = matches!(reply_to, ReplyTo::Alone { .. });
            assert_eq!(is_open, !alone && !was_alone, "{reply_to:?} {alone}: {:?}", letter.address);
            assert_eq!(said.contains("[Approve]"), !alone, "{said}");
            assert_eq!(said.contains("Nobody else sees this question"), alone, "{said}");
            assert!(said.contains("[Decline]"), "{said}");
            let over = Answer::refused(&Refusal::sentence("It is over."));
            house.shop.desk.give(&request, "test stop", over).await;
        }
        house.ends().await;
    });
}
