//! What the tests of commands stand on: a context, and replies as plain text.

use super::{
    Catalog, Command, Context, DeployConfig, Found, Journalled, Limits, Planned, Row, Scope, ServiceConfig, StepError,
    args,
};
use crate::aws::fake::ecs::FakeService;
use crate::aws::fake::{FakeRegion, aws};
use crate::clock::Clock;
use crate::domain::{
    ActorPhase, ActorVitals, Body, Build, CommandError, Line, LinkVitals, Membership, Part, Plan, Principal, QueueName,
    QueueVitals, Reply, RequestId, Risk, Source, Span, Step, StoreVitals, Tone, UsageError, Vitals, VitalsSource,
};
use async_trait::async_trait;
use futures_util::future::BoxFuture;
use parking_lot::Mutex;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// When the tests' requests were accepted.
const ACCEPTED: u64 = 1_795_000_000_000;

/// Where to look.
#[derive(clap::Args, Debug)]
struct FleetReport {
    /// Where the fleet is
    #[arg(value_name = "place")]
    place: Option<String>,
}

const FLEET_REPORT: &str = "fleet report";

/// A command that the program does not have. The policies know it as `version`.
pub(crate) static FLEET: Row = Row {
    name: FLEET_REPORT,
    summary: "Reports on the fleet",
    examples: &["fleet report"],
    risk: Risk::Read,
    action: "version",
    calls: &[],
    inspect: None,
    parse: |words| Ok(Box::new(args::parse::<FleetReport>(words)?)),
    usage: || args::usage::<FleetReport>(FLEET_REPORT),
    options: args::options::<FleetReport>,
    definition: args::definition::<FleetReport>,
};

#[async_trait]
impl Command for FleetReport {
    fn scope(&self) -> Scope {
        Scope::Bot
    }

    async fn plan(&self, _: &Context) -> Result<Planned, CommandError> {
        let line = match &self.place {
            Some(place) => Line::from("All is well in ").code(place).text("."),
            None => Line::from("All is well."),
        };
        Ok(Planned::Answer(Reply::new(Tone::Info).text(line)))
    }
}

struct At(i64);

impl Clock for At {
    fn now(&self) -> jiff::Timestamp {
        jiff::Timestamp::from_millisecond(self.0).expect("time")
    }
}

struct Healthy;

impl VitalsSource for Healthy {
    fn vitals(&self) -> Vitals {
        vitals()
    }
}

/// A healthy bot with one restart behind it.
pub(crate) fn vitals() -> Vitals {
    let actor = |name: &str, restarts| ActorVitals {
        name: name.into(),
        phase: ActorPhase::Up,
        incarnation: restarts + 1,
        restarts,
        last_failure: (restarts > 0).then(|| "panic at src/dispatch/mod.rs:7: oops".into()),
        since: Duration::from_secs(4000),
    };
    Vitals {
        build: Build {
            version: "0.1.0",
            revision: "abc1234",
            created: "2026-11-24T10:00:00Z",
            source: "https://git.test/drone",
        },
        host: "drone-1".into(),
        body: Body { host: "drone-1".into(), ..Body::default() },
        notices: Vec::new(),
        uptime: Duration::from_secs(11_100),
        actors: vec![actor("courier", 0), actor("dispatcher", 1)],
        links: vec![LinkVitals {
            slot: 0,
            phase: "up".into(),
            up: true,
            last_frame: Some(Duration::from_secs(3)),
            last_event: Some(Duration::from_secs(40)),
            num_connections: Some(1),
            strange_connections: 0,
            last_error: None,
        }],
        queues: vec![QueueVitals { name: QueueName::Outbox, depth: 2, oldest: Some(Duration::from_secs(1)) }],
        store: StoreVitals { kind: "sqlite".into(), ok: true, last_error: None, open: 0, overdue: None, queued: 0 },
        replicas: Vec::new(),
    }
}

/// A line of the program's own commands, read.
pub(crate) fn parse(text: &str) -> Result<(&'static Row, Box<dyn Command>), UsageError> {
    Catalog::built_in().parse(text)
}

/// A context over one empty region, for somebody who may everything.
pub(crate) fn cx() -> Context {
    cx_on(&[("eu-central-1", &FakeRegion::default())])
}

/// A context over these regions.
pub(crate) fn cx_on(regions: &[(&str, &FakeRegion)]) -> Context {
    Context {
        request: RequestId::new(ACCEPTED, 7),
        source: Source::SlashCommand,
        principal: Principal {
            user: "U01".into(),
            team: "T01".into(),
            name: "Maya".into(),
            membership: Membership::Member,
            groups: BTreeSet::from(["operators".into(), "viewers".into()]),
            unread: BTreeSet::new(),
        },
        catalog: Arc::new(Catalog::built_in()),
        may: Arc::new(|_| true),
        may_or_why: Arc::new(|_| Ok(())),
        sees_or_why: Arc::new(|_| Ok(())),
        sees: Arc::new(|_| true),
        shows: Arc::new(|_| true),
        enters: Arc::new(|_| Ok(())),
        aws: aws(regions),
        vitals: Arc::new(Healthy),
        clock: Arc::new(At(ACCEPTED as i64 + 42)),
        deploy: Arc::default(),
        limits: Limits { max_targets: 3, page_size: 5, wait: Duration::from_secs(60), poll: Duration::from_secs(3) },
        progress: Arc::new(|_| {}),
        bequeath: Arc::new(|| {}),
        decide: Arc::new(|which, word| {
            let said = Reply::new(Tone::Done).text(format!("{word:?} {which}"));
            Box::pin(async move { Ok(said) })
        }),
    }
}

/// A context over one service that may be deployed as `web`.
pub(crate) fn cx_deploying(service: &FakeService) -> Context {
    let web = ServiceConfig {
        cluster: "prod".into(),
        service: "shop".into(),
        container: "web".into(),
        repository: "team/web".into(),
        unverified: true,
        ..ServiceConfig::default()
    };
    let deploy = DeployConfig { own: None, services: BTreeMap::from([("web".to_owned(), web)]) };
    Context { aws: service.aws(), deploy: Arc::new(deploy), ..cx() }
}

/// What a person reads after typing this: the answer, the plan, or the error.
pub(crate) async fn answer(text: &str, cx: &Context) -> String {
    let command = match cx.catalog.parse(text) {
        Ok((_, command)) => command,
        Err(error) => return error_text(&error.into()),
    };
    match command.plan(cx).await {
        Ok(Planned::Answer(reply)) => plain(&reply),
        Ok(Planned::Change(plan)) => plan_text(&plan),
        Err(error) => error_text(&error),
    }
}

/// The plan of a line that is expected to have one.
pub(crate) async fn planned(text: &str, cx: &Context) -> Plan {
    let (_, command) = parse(text).unwrap_or_else(|error| panic!("{error:?}"));
    match command.plan(cx).await {
        Ok(Planned::Change(plan)) => plan,
        other => panic!("no plan: {other:?}"),
    }
}

/// What a person reads after this line was planned and executed.
pub(crate) async fn executed(text: &str, cx: &Context) -> String {
    let plan = planned(text, cx).await;
    let (_, command) = parse(text).unwrap_or_else(|error| panic!("{error:?}"));
    found_text(command.execute(&plan, cx, &Ledger::default()).await)
}

/// What a person reads when this line was planned, and then only verified.
pub(crate) async fn verified(text: &str, plan: &Plan, cx: &Context) -> String {
    let (_, command) = parse(text).unwrap_or_else(|error| panic!("{error:?}"));
    found_text(command.verify(plan, cx).await)
}

pub(crate) fn found_text(found: Result<Found, CommandError>) -> String {
    match found {
        Ok(Found::Done(reply)) => format!("Done {}", plain(&reply)),
        Ok(Found::NotDone(reply)) => format!("NotDone {}", plain(&reply)),
        Ok(Found::Unknown(reply)) => format!("Unknown {}", plain(&reply)),
        Ok(Found::Partly(reply)) => format!("Partly {}", plain(&reply)),
        Err(error) => error_text(&error),
    }
}

/// A journal that remembers, and whether the call was made after it was journalled.
#[derive(Default)]
pub(crate) struct Ledger(pub Mutex<Vec<String>>);

#[async_trait]
impl Journalled for Ledger {
    async fn step(&self, step: &Step, call: BoxFuture<'_, Result<(), StepError>>) -> Result<(), StepError> {
        self.0.lock().push(format!("started {} {}", step.index, step.operation));
        let result = call.await;
        let word = match &result {
            Ok(()) => "done",
            Err(StepError::Refused(_)) => "refused",
            Err(StepError::Lost(_)) => "lost",
        };
        self.0.lock().push(format!("{word} {}", step.index));
        result
    }
}

/// How long a changing call waited: before it stood in the journal, and from then until it was made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Waited {
    pub before: Duration,
    pub within: Duration,
}

/// A journal that notes how long each call waited.
struct Stopwatch {
    since: Mutex<Instant>,
    waited: Mutex<Vec<Waited>>,
}

#[async_trait]
impl Journalled for Stopwatch {
    async fn step(&self, _: &Step, call: BoxFuture<'_, Result<(), StepError>>) -> Result<(), StepError> {
        let began = Instant::now();
        let before = began - *self.since.lock();
        let made = call.await;
        self.waited.lock().push(Waited { before, within: began.elapsed() });
        *self.since.lock() = Instant::now();
        made
    }
}

/// How long each call of a line waits where others have used up what the account may do at once, by taking turns. Needs a
/// paused clock.
pub(crate) async fn waited_for_turns(line: &str, cx: &Context, take: impl AsyncFn()) -> Vec<Waited> {
    let plan = planned(line, cx).await;
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(1) {
        take().await;
    }
    let (_, command) = parse(line).unwrap_or_else(|error| panic!("{error:?}"));
    let stopwatch = Stopwatch { since: Mutex::new(Instant::now()), waited: Mutex::default() };
    command.execute(&plan, cx, &stopwatch).await.expect("it is made");
    stopwatch.waited.into_inner()
}

fn plan_text(plan: &Plan) -> String {
    let mut lines = vec![format!("[plan] {}", plan.text)];
    lines.extend(
        plan.targets.iter().map(|target| format!("target {} {} {}", target.label(), target.region, target.account)),
    );
    lines.extend(
        plan.steps
            .iter()
            .map(|step| format!("step {} {} {} {}", step.index, step.operation, step.region, step.targets.join(" "))),
    );
    lines.extend(plan.cautions.iter().map(|caution| format!("caution {caution}")));
    lines.join("\n")
}

fn error_text(error: &CommandError) -> String {
    let (word, lines, candidates) = match error {
        CommandError::Usage(error) => ("usage", &error.lines, error.candidates.as_slice()),
        CommandError::Refused(error) => ("refused", &error.lines, &[][..]),
        CommandError::Failed(error) => ("failed", &error.lines, &[][..]),
        CommandError::Unknown(error) => ("unknown", &error.lines, &[][..]),
    };
    let lines = lines.iter().map(marked).chain(candidates.iter().map(|line| format!("- {}", marked(line))));
    format!("[{word}] {}", lines.collect::<Vec<_>>().join("\n"))
}

/// A reply as text: names in backticks, emphasis in stars.
pub(crate) fn plain(reply: &Reply) -> String {
    let mut lines = Vec::new();
    for part in &reply.parts {
        match part {
            Part::Title(title) => lines.push(format!("# {title}")),
            Part::Text(line) => lines.push(marked(line)),
            Part::Note(line) => lines.push(format!("({})", marked(line))),
            Part::List(items) => lines.extend(items.iter().map(|line| format!("- {}", marked(line)))),
            Part::Fields(fields) => {
                lines.extend(fields.iter().map(|(name, line)| format!("{name}: {}", marked(line))));
            }
            Part::Buttons(buttons) => {
                lines.extend(buttons.iter().map(|button| format!("[{}]{:?}", button.label, button.press)));
            }
            Part::Table(table) => {
                lines.push(table.head.join(" | "));
                lines.extend(table.rows.iter().map(|row| {
                    assert_eq!(row.len(), table.head.len(), "as many cells as the head");
                    row.join(" | ")
                }));
            }
        }
    }
    let tone = match reply.tone {
        Tone::Info => "info",
        Tone::Done => "done",
        Tone::Progress => "progress",
        Tone::Approval => "approval",
        Tone::Usage => "usage",
        Tone::Refused => "refused",
        Tone::Failed => "failed",
        Tone::Unknown => "unknown",
        Tone::Partly => "partly",
        Tone::NotApproved => "not approved",
        Tone::CalledOff => "called off",
    };
    format!("[{tone}] {}", lines.join("\n"))
}

fn marked(line: &Line) -> String {
    line.0
        .iter()
        .map(|span| match span {
            Span::Plain(text) => text.clone(),
            Span::Code(text) => format!("`{text}`"),
            Span::Bold(text) => format!("*{text}*"),
            Span::User(user) => format!("@{user}"),
        })
        .collect()
}
