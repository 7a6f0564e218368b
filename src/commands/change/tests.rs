//! The kernel with a change that a test scripts: what it does is the same for every service.

use super::super::testing::cx as context;
use super::super::{Context, Found, Journalled, StepError};
use super::*;
use crate::domain::{Failure, Plan, Tone};
use futures_util::future::BoxFuture;

/// What became of each call, by its number.
#[derive(Clone, Copy)]
enum Call {
    Ok,
    Lost,
    Refused,
}

/// Makes calls as they are scripted, rests after so many looks, and notes all that is asked of it.
struct Scripted {
    calls: Vec<Call>,
    rests_after: u32,
    looks: u32,
    said: Vec<String>,
}

#[async_trait]
impl RunningChange for Scripted {
    async fn prepare(&mut self, step: &Step, _: &Context) -> Result<(), CommandError> {
        self.said.push(format!("prepare {}", step.index));
        Ok(())
    }

    async fn call(&mut self, step: &Step, _: &Context) -> Result<(), StepError> {
        self.said.push(format!("call {}", step.index));
        match self.calls[usize::try_from(step.index).expect("a number")] {
            Call::Ok => Ok(()),
            Call::Lost => Err(StepError::Lost("no answer".to_owned())),
            Call::Refused => Err(StepError::Refused(Failure::sentence("no", "no").into())),
        }
    }

    fn take(&mut self, step: &Step, outcome: CallOutcome, _: &Context) -> Option<Result<Found, CommandError>> {
        let word = match outcome {
            CallOutcome::Accepted => "accepted",
            CallOutcome::Lost => "lost",
            CallOutcome::Refused(_) => "refused",
            CallOutcome::NotTried => "not tried",
        };
        self.said.push(format!("{} {word}", step.index));
        None
    }

    fn progress(&self, _: Stage<'_>, _: Duration) -> Reply {
        Reply::new(Tone::Progress)
    }

    async fn look(&mut self, arrived: bool, _: &Context) {
        self.looks += 1;
        self.said.push(format!("look {}", if arrived { "after" } else { "before" }));
    }

    fn is_at_rest(&self) -> bool {
        self.looks >= self.rests_after
    }

    fn awaits_arrival(&self) -> bool {
        true
    }

    async fn report(&mut self, _: Duration, _: &Context) -> Found {
        Found::Done(Reply::new(Tone::Done))
    }
}

/// Journals nothing.
struct NoJournal;

#[async_trait]
impl Journalled for NoJournal {
    async fn step(&self, _: &Step, call: BoxFuture<'_, Result<(), StepError>>) -> Result<(), StepError> {
        call.await
    }
}

fn plan(steps: usize) -> Plan {
    let step = |index: u32| Step {
        index,
        operation: "test:Change".to_owned(),
        account: None,
        region: "eu-central-1".to_owned(),
        targets: Vec::new(),
        token: String::new(),
        before: std::collections::BTreeMap::new(),
    };
    Plan { steps: (0..).take(steps).map(step).collect(), ..Plan::default() }
}

async fn run(calls: &[Call], rests_after: u32) -> String {
    let mut change = Scripted { calls: calls.to_vec(), rests_after, looks: 0, said: Vec::new() };
    let ended = execute(&mut change, &plan(calls.len()), &context(), &NoJournal).await;
    assert!(matches!(ended, Ok(Found::Done(_))), "{ended:?}");
    change.said.join(", ")
}

#[tokio::test(start_paused = true)]
async fn no_call_is_made_after_one_that_did_not_go_well() {
    insta::assert_snapshot!(run(&[Call::Ok, Call::Ok], 1).await, @"prepare 0, call 0, 0 accepted, prepare 1, call 1, 1 accepted, look before");
    insta::assert_snapshot!(run(&[Call::Lost, Call::Ok], 1).await, @"prepare 0, call 0, 0 lost, 1 not tried, look before");
    insta::assert_snapshot!(run(&[Call::Ok, Call::Refused, Call::Ok], 1).await, @"prepare 0, call 0, 0 accepted, prepare 1, call 1, 1 refused, 2 not tried, look before");
}

/// Looks are far apart here: whoever waits for a call that never came is looked at as soon as it would have arrived.
#[tokio::test(start_paused = true)]
async fn a_call_whose_answer_was_lost_is_looked_at_when_it_must_have_arrived() {
    let mut cx = context();
    cx.limits.poll = Duration::from_secs(3_000);
    cx.limits.wait = Duration::from_secs(10_000);
    let mut change = Scripted { calls: vec![Call::Lost], rests_after: 2, looks: 0, said: Vec::new() };
    let start = tokio::time::Instant::now();
    let _ = execute(&mut change, &plan(1), &cx, &NoJournal).await;
    assert_eq!(start.elapsed(), cx.aws.call_timeout());
    assert_eq!(change.said[3..], ["look before", "look after"]);
}

/// What never rests is reported when the time is over, and never before.
#[tokio::test(start_paused = true)]
async fn what_never_rests_is_looked_at_until_the_time_is_over() {
    let cx = context();
    let mut change = Scripted { calls: vec![], rests_after: u32::MAX, looks: 0, said: Vec::new() };
    let start = tokio::time::Instant::now();
    verify(&mut change, &cx).await;
    let most = cx.limits.wait.as_millis() / cx.limits.poll.as_millis();
    assert!(start.elapsed() <= cx.limits.wait, "{:?}", start.elapsed());
    assert!(u128::from(change.looks) >= most, "{} of {most}", change.looks);
}

#[test]
fn a_look_is_believed_after_as_many_as_it_takes() {
    let looks = |accepted: bool, arrived: bool| {
        let mut patience = Patience::new(accepted);
        (1..50).find(|_| patience.is_unchanged(arrived))
    };
    assert_eq!((looks(true, false), looks(false, true), looks(false, false)), (Some(10), Some(3), None));
    let mut patience = Patience::new(false);
    assert_eq!((1..50).find(|_| patience.is_missing()), Some(3));
    assert_eq!((1..50).find(|_| patience.is_another()), Some(10));
}
