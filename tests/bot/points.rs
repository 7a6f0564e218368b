//! Death at any point. Each call that a command makes on its way (to AWS, to Slack, to the shared store) is a point before
//! it and a point after it, and so is each sync of the SQLite file; before a sync, what was not synced is lost too, as when
//! the power fails. At each the process is killed, and another one finishes what it has left: the same store opened again,
//! or another replica. Then the promises are looked at from outside. In a second series the first death is always the same,
//! after the change was made and before that was known, and its successor dies at each point of its own life.

mod asked;

use crate::support::service::{self, Shop};
use crate::support::{Control, Door, Exit, HOME, LEASE, MAYA, Message, NEVER, OMAR, Options, Seed, World, fleet};
use asked::Asked;
use futures_util::stream::{self, StreamExt};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::Instant;

const WEB: Seed = Seed { region: HOME, name: "web-1", kind: "t3.micro", stopped: false, tags: &[] };
const DB: Seed = Seed { region: "us-east-1", name: "web-1", kind: "t3.micro", stopped: false, tags: &[] };

/// One that is changed only with the approval of somebody else.
const TAGGED: Seed = Seed { tags: &[("approval", "required")], ..WEB };

/// Between two presses of whoever approves: one that nobody heard is not brought again by Slack, be it because he died,
const PRESS: Duration = Duration::from_millis(1_500);

/// or because his disk took longer than a press waits for its acknowledgement.
const UNHEARD: Duration = Duration::from_secs(5);

/// A name as long as a list shows them: forty of them do not fit one message.
const LONG_NAME: &str = "a-name-as-long-as-a-list-shows-them-12345";

/// How many worlds of a test live at once.
const AT_ONCE: usize = 4;

/// And how many of all the tests here: each is a handful of processes, and sixteen of them on two cores made each other late.
static WORLDS: Semaphore = Semaphore::const_new(8);

/// Between two looks: they cost the machine more than what is looked at.
const LOOK: Duration = Duration::from_millis(250);

/// To whom the call goes.
#[derive(Clone, Copy, Debug, PartialEq)]
enum To {
    Aws,
    Slack,
    /// The shared store.
    Store,
    /// The file.
    Disk,
}

/// What there is at AWS.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fleet {
    /// One instance here, and one of the same name in another region.
    Two,
    /// One that others must approve to be changed.
    Tagged,
    /// So many, all of one long name.
    Many(usize),
    /// A service at ECS, which is the bot itself.
    Shop,
}

/// A command, and what it does at AWS.
#[derive(Clone, Copy)]
struct Case {
    door: Door,
    text: &'static str,
    fleet: Fleet,
    /// The changing call, and the state that it leads to, where that shows it.
    change: Option<(&'static str, Option<&'static str>)>,
    targets: usize,
}

const PING: Case = Case { door: Door::Mention, text: "ping", fleet: Fleet::Two, change: None, targets: 0 };
const LIST: Case = Case { text: "ec2 list", ..PING };
/// Its answer is several messages.
const LIST_IN_PARTS: Case = Case { fleet: Fleet::Many(40), ..LIST };
/// Its answer has a file.
const LIST_WITH_FILE: Case = Case { fleet: Fleet::Many(41), ..LIST };
const STOP: Case =
    Case { text: "ec2 stop web-1", change: Some(("StopInstances", Some("stopped"))), targets: 1, ..PING };
const STOP_BY_SLASH: Case = Case { door: Door::Slash, ..STOP };
const STOP_TWO: Case = Case { text: "ec2 stop web-1 --region eu-central-1,us-east-1", targets: 2, ..STOP };
const STOP_APPROVED: Case = Case { fleet: Fleet::Tagged, ..STOP };
const STOP_APPROVED_BY_SLASH: Case = Case { door: Door::Slash, ..STOP_APPROVED };
const STOP_BY_FORM: Case = Case { door: Door::Form, ..STOP };
const STOP_BY_BUTTON: Case = Case { door: Door::Press, ..STOP };
const DEPLOY: Case = Case { text: "deploy 1.4.2", fleet: Fleet::Shop, change: Some(("UpdateService", None)), ..STOP };
const TERMINATE: Case = Case {
    text: "ec2 terminate web-1",
    fleet: Fleet::Tagged,
    change: Some(("TerminateInstances", Some("terminated"))),
    ..STOP
};
const REBOOT: Case = Case { text: "ec2 reboot web-1", change: Some(("RebootInstances", None)), ..STOP };

/// Where the process dies.
#[derive(Clone, Debug)]
struct Point {
    to: To,
    number: usize,
    after: bool,
    call: String,
}

/// What the person reads when nobody dies.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Whole {
    messages: usize,
    files: usize,
}

/// Where the calls are made, and which of them is deadly.
struct Gates {
    world: World,
    case: Case,
    ids: Vec<String>,
    asked: Asked,
    /// When somebody pressed to approve it, and the envelope of that.
    pressed: Option<(Instant, String)>,
    /// Whether the process has died since the beginning.
    has_died: bool,
}

impl Gates {
    async fn new(case: Case, shared: bool) -> Self {
        let mut env = vec![
            ("DRONEBOT__DELIVERY__POLL_MS", "100".into()),
            ("DRONEBOT__DELIVERY__RETRY_MIN_MS", "50".into()),
            ("DRONEBOT__AWS__RATE_SHARE", "1.0".into()),
            ("DRONEBOT__COMMANDS__PAGE_SIZE", "40".into()),
            ("DRONEBOT__SLACK__PACING__CHANNEL_INTERVAL_SECONDS", "0.1".into()),
        ];
        if case.fleet == Fleet::Shop {
            env.extend(service::listed());
        }
        let lease = shared.then_some(LEASE);
        let options = Options { lease, slack_proxy: true, shim: !shared, env, ..Options::default() };
        let world = World::with(options).await;
        // a life enters its body by the clock, not for the command
        world.table.overlook("note#bodies");
        // Slack brings a mention four times in all, later and later: the next life is there by then
        world.slack.post("settings", json!({"ack_timeout_ms": 1_000, "retry_after_ms": [0, 1_000, 5_000]})).await;
        let ids = match case.fleet {
            Fleet::Two => world.fleet(&[WEB, DB]).await,
            Fleet::Tagged => world.fleet(&[TAGGED]).await,
            Fleet::Many(count) => {
                fleet::many(&world.aws_url, HOME, Some(LONG_NAME), count).await.expect("the fleet is made")
            }
            Fleet::Shop => {
                Shop::open(&world).await;
                vec![]
            }
        };
        let mut gates = Self { world, case, ids, asked: Asked::default(), pressed: None, has_died: false };
        gates.prepare().await;
        gates
    }

    fn control(&self, to: To) -> Option<&Arc<Control>> {
        match to {
            To::Aws => Some(&self.world.aws),
            To::Store => Some(&self.world.table),
            To::Slack => self.world.web_api.as_ref(),
            To::Disk => None,
        }
    }

    /// The calls so far; of the syncs, those of the present life.
    fn calls(&self, to: To) -> Vec<String> {
        match self.control(to) {
            Some(control) => control.calls().into_iter().map(|(call, _)| call).collect(),
            None => vec!["sync".to_owned(); self.world.bot.as_ref().map_or(0, |bot| bot.machine().syncs())],
        }
    }

    /// From now on, or from the next life on when there is none, this point is deadly.
    fn arm(&mut self, point: &Point) {
        match (self.control(point.to), &self.world.bot) {
            (Some(control), _) => control.hold(point.number, point.after),
            (None, Some(bot)) => bot.machine().die(point.number, point.after),
            (None, None) => self.world.next_machine().die(point.number, point.after),
        }
    }

    fn is_reached(&mut self, to: To) -> bool {
        match self.control(to) {
            Some(control) => control.is_held(),
            None => self.world.bot().ended().is_some(),
        }
    }

    /// Somebody else approves it as long as it is asked for.
    async fn approve(&mut self) {
        if self.case.fleet != Fleet::Tagged || self.is_pressed().await {
            return;
        }
        if let Some(asking) = self.said().await.iter().find(|message| message.text.contains("Approval needed")) {
            let at = Instant::now();
            let (channel, ts) = (&asking.channel, &asking.ts);
            let press = json!({"user": OMAR, "channel": channel, "ts": ts, "action_id": asking.button("Approve")});
            // it may have its answer by now, and no button any more
            let sent = self.world.slack.try_post("click", press).await.unwrap_or_default();
            self.pressed = Some((at, sent["envelope_id"].as_str().unwrap_or_default().to_owned()));
        }
    }

    /// Whether a press is with somebody. A death may have taken one with it; a machine that is only slow has it, and a second
    /// press would be more calls; of one that was not acknowledged in its time Slack told the presser, and that was all.
    async fn is_pressed(&self) -> bool {
        let Some((at, envelope)) = &self.pressed else { return false };
        match at.elapsed() {
            passed if self.has_died => passed < PRESS,
            passed => passed < UNHEARD || !self.world.slack.acks(envelope).await.is_empty(),
        }
    }

    async fn is_answered(&self) -> bool {
        self.said().await.iter().any(|message| !message.is_progress())
    }

    async fn files(&self) -> usize {
        self.world.slack.get("files", &[]).await.1["files"].as_array().map_or(0, Vec::len)
    }

    async fn whole(&self) -> Whole {
        let said = self.said_whole().await;
        Whole { messages: said.len(), files: self.files().await }
    }

    /// Waits for the process to come to the point, and kills it there. A run that makes fewer calls than the recorded one
    /// comes to its end; returns whether this one did not.
    async fn dies(&mut self, to: To) -> Result<bool, String> {
        let begun = Instant::now();
        let mut looked = Instant::now();
        while !self.is_reached(to) {
            if begun.elapsed() > NEVER {
                return Err("the point is never reached".to_owned());
            }
            if looked.elapsed() > LOOK {
                looked = Instant::now();
                self.approve().await;
                if self.is_over().await && self.world.is_quiet().await {
                    break;
                }
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let reached = self.is_reached(to);
        self.world.kill_bot();
        self.has_died = true;
        if let Some(control) = self.control(to) {
            control.pass();
        }
        Ok(reached)
    }

    /// Whether an answer is owed: Slack holds an acknowledgement of it, be it one that came when Slack had given up.
    async fn is_owed(&self) -> bool {
        let (_, acks) = self.world.slack.get("acks", &[("limit", "100000")]).await;
        let is_of_it = |ack: &Value| {
            ["envelope_id", "event_id"]
                .iter()
                .any(|id| !self.asked.sent[id].is_null() && ack[id] == self.asked.sent[id])
                && (ack["ignored"].is_null() || ack["ignored"] == "late")
        };
        acks["acks"].as_array().is_some_and(|acks| acks.iter().any(is_of_it))
    }

    /// Whether it was answered, or was never taken and will not come again.
    async fn is_over(&self) -> bool {
        let (_, acks) = self.world.slack.get("acks", &[]).await;
        let is_pending = acks["pending"].as_array().is_some_and(|pending| !pending.is_empty());
        self.is_answered().await || !is_pending && !self.is_owed().await
    }

    /// The next life finishes everything.
    async fn finishes(&mut self) -> Result<(), String> {
        self.world.wake().await;
        let begun = Instant::now();
        while !self.is_over().await {
            if begun.elapsed() > NEVER {
                return Err("never answered".to_owned());
            }
            self.approve().await;
            tokio::time::sleep(LOOK).await;
        }
        while !self.world.is_quiet().await {
            if begun.elapsed() > NEVER {
                return Err("never at rest".to_owned());
            }
            // one that was accepted by a process that died before it could say so
            self.approve().await;
            tokio::time::sleep(LOOK).await;
        }
        Ok(())
    }

    /// What is wrong with how it ended.
    async fn judge(&self, wanted: Whole) -> Option<String> {
        let said = self.said_whole().await;
        if said.is_empty() && !self.is_owed().await {
            if !self.made().is_empty() {
                return Some("it was changed, and nobody was told".to_owned());
            }
            // a mention comes again; of everything else Slack tells the person itself, once
            return match (self.case.door, self.told().await) {
                (Door::Mention | Door::Direct, _) => Some("nobody took it".to_owned()),
                (_, 1) => None,
                (_, times) => Some(format!("nobody took it, and Slack told the person {times} times")),
            };
        }
        let found = self.whole().await;
        if found != wanted {
            return Some(format!("{found:?} in place of {wanted:?}: {said:#?}"));
        }
        let texts: BTreeSet<&str> = said.iter().map(|message| message.text.as_str()).collect();
        if texts.len() != said.len() || said.iter().any(Message::is_progress) {
            return Some(format!("not each once: {said:#?}"));
        }
        let (action, state) = self.case.change?;
        let calls = self.world.aws.calls().iter().filter(|(call, _)| call == action).count();
        if calls > self.case.targets {
            return Some(format!("{calls} calls of {action}"));
        }
        let is_done = match state {
            Some(state) => {
                let mut states = vec![self.world.state(HOME, &self.ids[0]).await];
                if self.case.targets == 2 {
                    states.push(self.world.state("us-east-1", &self.ids[1]).await);
                }
                states.iter().all(|found| found == state)
            }
            None => self.made().len() == self.case.targets,
        };
        let answer = &said[0];
        let lies = answer.says_done() && !is_done || answer.says_not_done() && is_done;
        lies.then(|| format!("`{}` is not true", answer.text))
    }

    /// The changes that AWS made.
    fn made(&self) -> Vec<(String, Vec<String>)> {
        let action = self.case.change.map(|(action, _)| action);
        self.world.aws.made().into_iter().filter(|(made, _)| Some(made.as_str()) == action).collect()
    }
}

/// The points of a command when nobody dies, in their order, and what is read then.
async fn recorded(case: Case, shared: bool, to: To) -> (Vec<Point>, Whole) {
    let mut gates = Gates::new(case, shared).await;
    let before = gates.calls(to).len();
    gates.send().await;
    let begun = Instant::now();
    while !gates.is_answered().await {
        assert!(begun.elapsed() < NEVER, "never answered");
        gates.approve().await;
        tokio::time::sleep(LOOK).await;
    }
    let points = points_since(&mut gates, to, before).await;
    let whole = gates.whole().await;
    gates.world.rests().await;
    (points, whole)
}

/// Waits for rest; the points from this call on.
async fn points_since(gates: &mut Gates, to: To, before: usize) -> Vec<Point> {
    while !gates.world.is_quiet().await {
        tokio::time::sleep(LOOK).await;
    }
    let calls = gates.calls(to).split_off(before);
    let both =
        |(number, call): (usize, String)| [false, true].map(|after| Point { to, number, after, call: call.clone() });
    calls.into_iter().enumerate().flat_map(both).collect()
}

/// The first death of the second series: AWS made the change, and its answer never came.
async fn first_death(gates: &mut Gates) -> Result<(), String> {
    let (action, _) = gates.case.change.expect("a change");
    gates.world.aws.hold_next(action, true);
    gates.send().await;
    gates.dies(To::Aws).await.map(drop)
}

/// The points of the life after the first death.
async fn recorded_recovery(case: Case, shared: bool, to: To) -> (Vec<Point>, Whole) {
    let mut gates = Gates::new(case, shared).await;
    first_death(&mut gates).await.expect("it dies");
    let before = gates.calls(to).len();
    gates.finishes().await.expect("it is finished");
    let points = points_since(&mut gates, to, before).await;
    let whole = gates.whole().await;
    gates.world.rests().await;
    (points, whole)
}

/// Kills the process at one point, and says what is wrong afterwards. Returns whether the point was reached.
async fn die(case: Case, shared: bool, point: &Point, wanted: Whole, in_recovery: bool) -> Result<bool, String> {
    let mut gates = Gates::new(case, shared).await;
    let ended = async {
        if in_recovery {
            first_death(&mut gates).await?;
            gates.arm(point);
            gates.world.start_bot();
        } else {
            gates.arm(point);
            gates.send().await;
        }
        let reached = gates.dies(point.to).await?;
        gates.finishes().await?;
        match gates.judge(wanted).await {
            Some(wrong) => Err(format!("(reached: {reached}) {wrong}")),
            None => Ok(reached),
        }
    };
    ended.await.map_err(|wrong| {
        let Point { to, number, after, call } = point;
        let moment = if *after { "after" } else { "before" };
        format!(
            "{:?} `{}`, {moment} {to:?} {call} (call {number}): {wrong}\n{}",
            case.door,
            case.text,
            gates.world.log()
        )
    })
}

/// So many of a hundred recorded points must be reached: not every run makes as many calls as the recorded one.
fn least_of(to: To) -> usize {
    match to {
        // progress is edited by the clock
        To::Aws | To::Slack | To::Store => 90,
        // several operations may share a sync
        To::Disk => 50,
    }
}

/// Every point of a command, several at a time.
async fn every_point(case: Case, shared: bool, to: To, in_recovery: bool) {
    let (points, wanted) = match in_recovery {
        false => recorded(case, shared, to).await,
        true => recorded_recovery(case, shared, to).await,
    };
    assert!(!points.is_empty(), "no call to {to:?}");
    assert!(wanted.messages > 0, "{wanted:?}");
    let deaths = points.iter().map(|point| async move {
        let _place = WORLDS.acquire().await.expect("it is never closed");
        die(case, shared, point, wanted, in_recovery).await
    });
    let ends: Vec<Result<bool, String>> = stream::iter(deaths).buffered(AT_ONCE).collect().await;
    let count = ends.len();
    let missed: Vec<&Point> =
        points.iter().zip(&ends).filter(|(_, end)| **end == Ok(false)).map(|(point, _)| point).collect();
    let missed = format!("{missed:?}");
    let reached = ends.iter().filter(|end| **end == Ok(true)).count();
    let wrong: Vec<String> = ends.into_iter().filter_map(Result::err).collect();
    assert!(wrong.is_empty(), "{} of {count} points:\n{}", wrong.len(), wrong.join("\n--\n"));
    let mut least = count * least_of(to) / 100;
    if reached < least {
        // a run that was recorded while the machine stood still has calls that the clock has made
        let again = match in_recovery {
            false => recorded(case, shared, to).await.0.len(),
            true => recorded_recovery(case, shared, to).await.0.len(),
        };
        least = count.min(again) * least_of(to) / 100;
    }
    assert!(reached >= least, "died at {reached} of {count} points only, and not at {least}; not at {missed}");
}

/// What the other tests of this file rest on: the machine does lose what was not synced, and keeps what was.
#[actix_web::test]
async fn a_command_that_was_not_synced_when_the_power_failed_is_gone_and_was_not_acked() {
    for (after, kept) in [(false, 0), (true, 1)] {
        let mut world = World::with(Options { shim: true, ..Options::default() }).await;
        world.bot().machine().die(0, after);
        let sent = world.slack.slash(MAYA, "ops", "ping").await;
        assert_eq!(world.bot().exit().await, Exit::Signal(9), "{}", world.log());
        assert!(world.slack.acks(sent["envelope_id"].as_str().expect("an id")).await.is_empty());
        assert_eq!(world.count("SELECT count(*) FROM requests"), kept, "after the sync: {after}");
        world.bot = None;
        world.wake().await;
        if after {
            world.slack.final_answer("ops", MAYA, None, 0).await;
        }
        world.ends_clean().await;
    }
}

/// A test per command, store and receiver of its calls.
macro_rules! points {
    ($($(#[$when:meta])? $name:ident: $case:ident, $shared:literal, $to:ident, $in_recovery:literal;)*) => {
        $($(#[$when])? #[actix_web::test] async fn $name() {
            every_point($case, $shared, To::$to, $in_recovery).await;
        })*
    };
}

/// Those that make each door of each kind of change die at each receiver of its calls; together they take longer than the gate.
macro_rules! at_night {
    ($($name:ident: $case:ident, $shared:literal, $to:ident, $in_recovery:literal;)*) => {
        points! { $(#[ignore = "a night's: `.ci/night` runs it"] $name: $case, $shared, $to, $in_recovery;)* }
    };
}

points! {
    a_ping_dies_at_each_call_to_slack: PING, false, Slack, false;
    a_ping_dies_at_each_sync_of_the_file: PING, false, Disk, false;
    a_list_dies_at_each_call_to_aws: LIST, false, Aws, false;
    a_list_dies_at_each_sync_of_the_file: LIST, false, Disk, false;
    a_list_of_several_messages_dies_at_each_call_to_slack: LIST_IN_PARTS, false, Slack, false;
    a_list_with_a_file_dies_at_each_call_to_slack: LIST_WITH_FILE, false, Slack, false;
    a_stop_dies_at_each_call_to_aws: STOP, false, Aws, false;
    a_stop_dies_at_each_call_to_slack: STOP, false, Slack, false;
    a_stop_dies_at_each_sync_of_the_file: STOP, false, Disk, false;
    a_stop_by_slash_command_dies_at_each_call_to_aws: STOP_BY_SLASH, false, Aws, false;
    a_stop_by_slash_command_dies_at_each_sync_of_the_file: STOP_BY_SLASH, false, Disk, false;
    a_stop_by_slash_command_dies_at_each_call_to_slack: STOP_BY_SLASH, false, Slack, false;
    a_stop_by_form_dies_at_each_sync_of_the_file: STOP_BY_FORM, false, Disk, false;
    a_stop_by_form_dies_at_each_call_to_the_shared_store: STOP_BY_FORM, true, Store, false;
    a_stop_by_button_dies_at_each_sync_of_the_file: STOP_BY_BUTTON, false, Disk, false;
    a_deployment_of_itself_dies_at_each_call_to_aws: DEPLOY, false, Aws, false;
    a_deployment_of_itself_dies_at_each_sync_of_the_file: DEPLOY, false, Disk, false;
    a_deployment_of_itself_dies_at_each_call_to_the_shared_store: DEPLOY, true, Store, false;
    a_stop_in_two_regions_dies_at_each_call_to_aws: STOP_TWO, false, Aws, false;
    an_approved_stop_dies_at_each_call_to_aws: STOP_APPROVED, false, Aws, false;
    an_approved_stop_dies_at_each_call_to_slack: STOP_APPROVED, false, Slack, false;
    an_approved_stop_dies_at_each_sync_of_the_file: STOP_APPROVED, false, Disk, false;
    an_approved_stop_by_slash_command_dies_at_each_sync_of_the_file: STOP_APPROVED_BY_SLASH, false, Disk, false;
    an_approved_stop_dies_at_each_call_to_the_shared_store: STOP_APPROVED, true, Store, false;
    an_approved_termination_dies_at_each_call_to_aws: TERMINATE, false, Aws, false;
    an_approved_termination_dies_at_each_call_to_the_shared_store: TERMINATE, true, Store, false;
    a_recovery_of_a_termination_dies_at_each_call_to_aws: TERMINATE, false, Aws, true;
    a_reboot_dies_at_each_call_to_aws: REBOOT, false, Aws, false;
    a_ping_dies_at_each_call_to_the_shared_store: PING, true, Store, false;
    a_list_dies_at_each_call_to_the_shared_store: LIST, true, Store, false;
    a_stop_dies_at_each_call_to_the_shared_store: STOP, true, Store, false;
    a_stop_by_slash_command_dies_at_each_call_to_the_shared_store: STOP_BY_SLASH, true, Store, false;
    a_stop_in_two_regions_dies_at_each_call_to_the_shared_store: STOP_TWO, true, Store, false;
    a_stop_on_the_shared_store_dies_at_each_call_to_aws: STOP, true, Aws, false;
    a_recovery_dies_at_each_call_to_aws: STOP, false, Aws, true;
    a_recovery_dies_at_each_call_to_slack: STOP, false, Slack, true;
    a_recovery_dies_at_each_sync_of_the_file: STOP, false, Disk, true;
    a_recovery_dies_at_each_call_to_the_shared_store: STOP, true, Store, true;
}

at_night! {
    a_stop_by_form_dies_at_each_call_to_aws: STOP_BY_FORM, false, Aws, false;
    a_stop_by_form_dies_at_each_call_to_slack: STOP_BY_FORM, false, Slack, false;
    a_stop_by_button_dies_at_each_call_to_aws: STOP_BY_BUTTON, false, Aws, false;
    a_stop_by_button_dies_at_each_call_to_slack: STOP_BY_BUTTON, false, Slack, false;
    a_stop_by_button_dies_at_each_call_to_the_shared_store: STOP_BY_BUTTON, true, Store, false;
    an_approved_stop_by_slash_command_dies_at_each_call_to_aws: STOP_APPROVED_BY_SLASH, false, Aws, false;
    an_approved_stop_by_slash_command_dies_at_each_call_to_slack: STOP_APPROVED_BY_SLASH, false, Slack, false;
    an_approved_stop_by_slash_command_dies_at_each_call_to_the_shared_store: STOP_APPROVED_BY_SLASH, true, Store, false;
    an_approved_termination_dies_at_each_call_to_slack: TERMINATE, false, Slack, false;
    an_approved_termination_dies_at_each_sync_of_the_file: TERMINATE, false, Disk, false;
    a_recovery_of_a_termination_dies_at_each_call_to_slack: TERMINATE, false, Slack, true;
    a_recovery_of_a_termination_dies_at_each_sync_of_the_file: TERMINATE, false, Disk, true;
    a_recovery_of_a_termination_dies_at_each_call_to_the_shared_store: TERMINATE, true, Store, true;
    a_deployment_of_itself_dies_at_each_call_to_slack: DEPLOY, false, Slack, false;
    a_stop_in_two_regions_dies_at_each_call_to_slack: STOP_TWO, false, Slack, false;
    a_stop_in_two_regions_dies_at_each_sync_of_the_file: STOP_TWO, false, Disk, false;
    a_reboot_dies_at_each_call_to_slack: REBOOT, false, Slack, false;
    a_reboot_dies_at_each_sync_of_the_file: REBOOT, false, Disk, false;
    a_reboot_dies_at_each_call_to_the_shared_store: REBOOT, true, Store, false;
}
