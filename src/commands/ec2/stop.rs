//! `ec2 stop`: stops running instances. What lives in memory and on instance-store disks is lost, a lent public
//! address goes, and an Auto Scaling group may replace the instance: the plan says which of these apply.

use super::super::args;
use super::super::{Command, Context, Found, Journalled, Planned, Row, Scope};
use super::change::{Change, On};
use super::names::{INSPECT, STOP};
use super::{regions, run};
use crate::aws::{Power, State, call};
use crate::domain::{CommandError, Plan, Risk};
use async_trait::async_trait;

/// What to stop.
#[derive(clap::Args, Clone, Debug)]
struct Stop {
    #[command(flatten)]
    on: On,
}

/// The row of `ec2 stop`.
pub(in super::super) const ROW: Row = Row {
    name: STOP,
    summary: "Stops running instances, and waits until they are stopped",
    examples: &["ec2 stop web-1", "ec2 stop i-0123456789abcdef0 web-2 --region us-east-1", "ec2 stop tag:env=dev"],
    risk: Risk::Change,
    action: "ec2:stop",
    calls: &[
        &call::DESCRIBE_INSTANCES,
        &call::DESCRIBE_INSTANCE_ATTRIBUTE,
        &call::DESCRIBE_INSTANCE_TYPES,
        &call::DESCRIBE_REGIONS,
        &call::STOP_INSTANCES,
    ],
    inspect: Some(&INSPECT),
    parse: |words| Ok(Box::new(args::parse::<Stop>(words)?)),
    usage: || args::usage::<Stop>(ROW.name),
    options: args::options::<Stop>,
    definition: args::definition::<Stop>,
};

const CHANGE: Change = Change {
    command: ROW.name,
    power: Power::Stop,
    verb: "stop",
    past: "stopped",
    doing: "Stopping",
    from: State::Running,
    via: Some(State::Stopping),
    goal: State::Stopped,
};

#[async_trait]
impl Command for Stop {
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
