//! Death at any point: each call that a command makes on its way (to AWS, to Slack, to the shared store) is a point
//! before it and a point after it. At each the process is killed, and another one finishes what it has left: the same store
//! opened again, or another replica. Then the promises are looked at from outside.

use crate::support::{Control, HOME, MAYA, Message, NEVER, Options, Seed, World};
use futures_util::stream::{self, StreamExt};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

const WEB: Seed = Seed { region: HOME, name: "web-1", kind: "t3.micro", stopped: false, tags: &[] };
const DB: Seed = Seed { region: "us-east-1", name: "web-1", kind: "t3.micro", stopped: false, tags: &[] };

/// How many worlds live at once.
const AT_ONCE: usize = 4;

/// Between two looks: they cost the machine more than what is looked at.
const LOOK: Duration = Duration::from_millis(250);

/// By which door the command comes.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Door {
    Mention,
    Slash,
}

/// To whom the call goes.
#[derive(Clone, Copy, Debug, PartialEq)]
enum To {
    Aws,
    Slack,
    Store,
}

/// A command, and what it does at AWS.
#[derive(Clone, Copy)]
struct Case {
    door: Door,
    text: &'static str,
    /// The changing call, and the state that it leads to.
    change: Option<(&'static str, &'static str)>,
}

const PING: Case = Case { door: Door::Mention, text: "ping", change: None };
const LIST: Case = Case { door: Door::Mention, text: "ec2 list", change: None };
const STOP: Case = Case { door: Door::Mention, text: "ec2 stop web-1", change: Some(("StopInstances", "stopped")) };
const STOP_BY_SLASH: Case = Case { door: Door::Slash, ..STOP };
const STOP_TWO: Case = Case {
    door: Door::Mention,
    text: "ec2 stop web-1 --region eu-central-1,us-east-1",
    change: Some(("StopInstances", "stopped")),
};

async fn world(shared: bool) -> World {
    let env = vec![
        ("DRONEBOT__DELIVERY__POLL_MS", "100".into()),
        ("DRONEBOT__DELIVERY__RETRY_MIN_MS", "50".into()),
        ("DRONEBOT__AWS__RATE_SHARE", "1.0".into()),
    ];
    let lease = shared.then_some(2);
    let world = World::with(Options { lease, slack_proxy: true, env, ..Options::default() }).await;
    world.slack.ack_timeout(Duration::from_millis(1_000)).await;
    world
}

fn gate(world: &World, to: To) -> Arc<Control> {
    match to {
        To::Aws => Arc::clone(&world.aws),
        To::Store => Arc::clone(&world.table),
        To::Slack => Arc::clone(world.web_api.as_ref().expect("a proxy")),
    }
}

fn made(world: &World, action: &str) -> usize {
    world.aws.calls().iter().filter(|(call, _)| call == action).count()
}

/// The command is sent; returns the thread in which its answer is to be.
async fn send(world: &World, case: &Case) -> Option<String> {
    match case.door {
        Door::Mention => Some(world.says(MAYA, "ops", &format!("@drone {}", case.text)).await),
        Door::Slash => {
            world.slack.slash(MAYA, "ops", case.text).await;
            None
        }
    }
}

async fn finals(world: &World, thread: Option<&str>) -> Vec<Message> {
    let said = world.answers("ops", MAYA, 0).await;
    said.into_iter().filter(|answer| thread.is_none_or(|ts| answer.thread_ts.as_deref() == Some(ts))).collect()
}

/// The calls that the command makes when nobody dies, in their order.
async fn recorded(case: &Case, shared: bool, to: To) -> Vec<String> {
    let mut world = world(shared).await;
    world.fleet(&[WEB, DB]).await;
    let control = gate(&world, to);
    let before = control.calls().len();
    let thread = send(&world, case).await;
    world.slack.final_answer("ops", MAYA, thread.as_deref(), 0).await;
    while !world.is_quiet().await {
        tokio::time::sleep(LOOK).await;
    }
    let calls = control.calls().split_off(before);
    world.rests().await;
    calls.into_iter().map(|(call, _)| call).collect()
}

/// Kills the process at one point, and says what is wrong afterwards.
async fn die(case: &Case, shared: bool, to: To, number: usize, after: bool, call: &str) -> Result<(), String> {
    let mut world = world(shared).await;
    let ids = world.fleet(&[WEB, DB]).await;
    let point = format!(
        "{:?} `{}`, {} {to:?} {call} (call {number})",
        case.door,
        case.text,
        if after { "after" } else { "before" }
    );
    let control = gate(&world, to);
    control.hold(number, after);
    let thread = send(&world, case).await;
    let begun = Instant::now();
    // a run that makes fewer calls than the recorded one comes to its end
    while !control.is_held() && finals(&world, thread.as_deref()).await.is_empty() {
        if begun.elapsed() > NEVER {
            return Err(format!("{point}: never reached\n{}", world.log()));
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let reached = control.is_held();
    world.kill_bot();
    control.pass();
    world.wake().await;
    let told = world.log().contains("request accepted");
    let wanted = case.door == Door::Mention || told;
    while wanted && finals(&world, thread.as_deref()).await.is_empty() {
        if begun.elapsed() > NEVER * 2 {
            return Err(format!("{point}: never answered\n{}", world.log()));
        }
        tokio::time::sleep(LOOK).await;
    }
    while !world.is_quiet().await {
        if begun.elapsed() > NEVER * 2 {
            return Err(format!("{point}: never at rest\n{}", world.log()));
        }
        tokio::time::sleep(LOOK).await;
    }
    let answers = finals(&world, thread.as_deref()).await;
    let wrong = judge(case, &world, &ids, &answers, wanted).await;
    let log = world.log();
    drop(world);
    match wrong {
        Some(wrong) => Err(format!("{point} (reached: {reached}): {wrong}\n{answers:#?}\n{log}")),
        None => Ok(()),
    }
}

/// What is wrong with how it ended.
async fn judge(case: &Case, world: &World, ids: &[String], answers: &[Message], wanted: bool) -> Option<String> {
    if wanted && answers.len() != 1 || answers.len() > 1 {
        return Some(format!("{} final answers", answers.len()));
    }
    let (action, state) = case.change?;
    let targets = if case.text.contains("us-east-1") { 2 } else { 1 };
    let calls = made(world, action);
    if calls > targets {
        return Some(format!("{calls} calls of {action}"));
    }
    let mut states = vec![world.state(HOME, &ids[0]).await];
    if targets == 2 {
        states.push(world.state("us-east-1", &ids[1]).await);
    }
    let is_done = states.iter().all(|found| found == state);
    let Some(answer) = answers.first() else {
        return (calls > 0).then(|| "it was changed, and nobody was told".to_owned());
    };
    let says_done = answer.text.starts_with("✅");
    let says_not = answer.text.starts_with("❌") || answer.text.starts_with("⛔");
    let lies = says_done && !is_done || says_not && is_done;
    lies.then(|| format!("`{}` is not true: {states:?}", answer.text))
}

/// Every point of a command, several at a time.
async fn every_point(case: Case, shared: bool, to: To) {
    let calls = recorded(&case, shared, to).await;
    assert!(!calls.is_empty(), "no call to {to:?}");
    let points = calls.iter().enumerate().flat_map(|(number, call)| [(number, false, call), (number, true, call)]);
    let deaths = points.map(|(number, after, call)| {
        let case = &case;
        async move { die(case, shared, to, number, after, call).await }
    });
    let ends: Vec<Result<(), String>> = stream::iter(deaths).buffer_unordered(AT_ONCE).collect().await;
    let count = ends.len();
    let wrong: Vec<String> = ends.into_iter().filter_map(Result::err).collect();
    assert!(wrong.is_empty(), "{} of {count} points:\n{}", wrong.len(), wrong.join("\n--\n"));
}

/// A test per command, store and receiver of its calls.
macro_rules! points {
    ($($name:ident: $case:ident, $shared:literal, $to:ident;)*) => {
        $(#[actix_web::test] async fn $name() { every_point($case, $shared, To::$to).await; })*
    };
}

points! {
    a_ping_dies_at_each_call_to_slack: PING, false, Slack;
    a_list_dies_at_each_call_to_aws: LIST, false, Aws;
    a_stop_dies_at_each_call_to_aws: STOP, false, Aws;
    a_stop_dies_at_each_call_to_slack: STOP, false, Slack;
    a_stop_by_slash_command_dies_at_each_call_to_aws: STOP_BY_SLASH, false, Aws;
    a_stop_in_two_regions_dies_at_each_call_to_aws: STOP_TWO, false, Aws;
    a_ping_dies_at_each_call_to_the_shared_store: PING, true, Store;
    a_stop_dies_at_each_call_to_the_shared_store: STOP, true, Store;
    a_stop_by_slash_command_dies_at_each_call_to_the_shared_store: STOP_BY_SLASH, true, Store;
    a_stop_on_the_shared_store_dies_at_each_call_to_aws: STOP, true, Aws;
}
