//! `ec2 reboot`: reboots running instances. AWS answers at once and the state stays `running` all the time, so there
//! is no proof of a reboot from outside: the answer says what AWS accepted and what the status checks say, not more.

use super::super::args;
use super::super::{Command, Context, Found, Journalled, Planned, Row, Scope, words};
use super::change::{Change, On, Precautions, label};
use super::names::{INSPECT, REBOOT};
use super::{regions, run};
use crate::aws::{Instance, Power, State, call};
use crate::domain::{CommandError, Plan, Risk};
use async_trait::async_trait;

/// What to reboot.
#[derive(clap::Args, Clone, Debug)]
struct Reboot {
    #[command(flatten)]
    on: On,
}

/// The row of `ec2 reboot`.
pub(in super::super) const ROW: Row = Row {
    name: REBOOT,
    summary: "Reboots running instances, and looks at their status checks",
    examples: &["ec2 reboot web-1", "ec2 reboot i-0123456789abcdef0 --region us-east-1"],
    risk: Risk::Change,
    action: "ec2:reboot",
    calls: &[
        &call::DESCRIBE_INSTANCES,
        &call::DESCRIBE_INSTANCE_STATUS,
        &call::DESCRIBE_REGIONS,
        &call::REBOOT_INSTANCES,
    ],
    inspect: Some(&INSPECT),
    parse: |words| Ok(Box::new(args::parse::<Reboot>(words)?)),
    usage: || args::usage::<Reboot>(ROW.name),
    options: args::options::<Reboot>,
    definition: args::definition::<Reboot>,
};

const CHANGE: Change = Change {
    command: ROW.name,
    power: Power::Reboot,
    verb: "reboot",
    noun: "reboot",
    past: "rebooted",
    doing: "Rebooting",
    from: &[State::Running],
    via: None,
    goal: State::Running,
    zones_apart: false,
    precautions: &RebootPrecautions,
};

/// What is said before a reboot.
#[derive(Debug)]
struct RebootPrecautions;

#[async_trait]
impl Precautions for RebootPrecautions {
    async fn examine(&self, needed: &[&Instance], _: &Context) -> Result<Vec<String>, CommandError> {
        let caution = |one: &&Instance| {
            let group = words::name(one.scaling_group()?);
            Some(format!(
                "`{}` is in the Auto Scaling group `{group}`, which may replace it if its health checks fail meanwhile.",
                label(one)
            ))
        };
        Ok(needed.iter().filter_map(caution).collect())
    }
}

#[async_trait]
impl Command for Reboot {
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
