//! `ec2 start`: starts stopped instances. It costs money and gives a new public address, and loses nothing.

use super::super::args;
use super::super::{Command, Context, Found, Journalled, Planned, Row, Scope};
use super::change::{Change, NoPrecautions, On};
use super::names::{INSPECT, START};
use super::{regions, run};
use crate::aws::{Power, State, call};
use crate::domain::{CommandError, Plan, Risk};
use async_trait::async_trait;

/// What to start.
#[derive(clap::Args, Clone, Debug)]
struct Start {
    #[command(flatten)]
    on: On,
}

/// The row of `ec2 start`.
pub(in super::super) const ROW: Row = Row {
    name: START,
    summary: "Starts stopped instances, and waits until they run",
    examples: &["ec2 start web-1", "ec2 start i-0123456789abcdef0 web-2 --region us-east-1", "ec2 start tag:env=dev"],
    risk: Risk::Change,
    action: "ec2:start",
    calls: &[&call::DESCRIBE_INSTANCES, &call::DESCRIBE_REGIONS, &call::START_INSTANCES],
    inspect: Some(&INSPECT),
    parse: |words| Ok(Box::new(args::parse::<Start>(words)?)),
    usage: || args::usage::<Start>(ROW.name),
    options: args::options::<Start>,
    definition: args::definition::<Start>,
};

const CHANGE: Change = Change {
    command: ROW.name,
    power: Power::Start,
    verb: "start",
    noun: "start",
    past: "started",
    doing: "Starting",
    from: &[State::Stopped],
    via: Some(State::Pending),
    goal: State::Running,
    zones_apart: false,
    precautions: &NoPrecautions,
};

#[async_trait]
impl Command for Start {
    fn scope(&self) -> Scope {
        regions::scope(&self.on.region)
    }

    async fn plan(&self, cx: &Context) -> Result<Planned, CommandError> {
        CHANGE.plan(&self.on, cx).await
    }

    async fn execute(&self, plan: &Plan, cx: &Context, journal: &dyn Journalled) -> Result<Found, CommandError> {
        run::execute(&CHANGE, plan, cx, journal).await
    }

    async fn verify(&self, plan: &Plan, cx: &Context) -> Result<Found, CommandError> {
        Ok(run::verify(&CHANGE, plan, cx).await)
    }
}
