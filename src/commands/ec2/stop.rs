//! `ec2 stop`: stops running instances. What lives in memory and on instance-store disks is lost, a lent public
//! address goes, and an Auto Scaling group may replace the instance: the plan says which of these apply.

use super::super::args;
use super::super::{Command, Context, Found, Journalled, Planned, Row, Scope, words};
use super::before::Before;
use super::change::{Change, NOTHING, On, Precautions, label};
use super::names::{INSPECT, STOP};
use super::{regions, run};
use crate::aws::{Class, Instance, Power, State, call};
use crate::domain::{AccountRegion, CommandError, Line, Plan, Refusal, Risk};
use async_trait::async_trait;
use futures_util::future::join_all;
use std::collections::{BTreeMap, BTreeSet};

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
    noun: "stop",
    past: "stopped",
    doing: "Stopping",
    from: &[State::Running],
    via: Some(State::Stopping),
    goal: State::Stopped,
    zones_apart: false,
    precautions: &StopPrecautions,
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

/// What is lost by a stop, and what cannot be stopped.
#[derive(Debug)]
struct StopPrecautions;

#[async_trait]
impl Precautions for StopPrecautions {
    async fn examine(&self, needed: &[&Instance], cx: &Context) -> Result<Vec<String>, CommandError> {
        refuse_protected(needed, cx).await?;
        let mut disks = disks_lost(needed, cx).await;
        Ok(needed.iter().flat_map(|one| cautions(one, disks.remove(one.id.as_str()))).collect())
    }

    /// Afterwards it is told what was lost.
    fn outlived(&self, label: &str, before: &Before) -> Vec<String> {
        before.public_ip.iter().map(|ip| loses_address(label, ip)).collect()
    }
}

fn loses_address(label: &str, ip: &str) -> String {
    format!("`{label}` loses its public address `{}`; a start gives it another.", words::name(ip))
}

/// Whether an instance type comes with instance-store disks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Disks {
    Yes,
    No,
    NotKnown,
}

/// What is to be said of the instance-store disks of instances that are stopped or ended, by their ids.
pub(super) async fn disks_lost<'a>(needed: &[&'a Instance], cx: &Context) -> BTreeMap<&'a str, String> {
    let (label, kind) = (|one: &Instance| label(one), |one: &Instance| words::name(&one.kind));
    let said = |(one, disks): (&'a Instance, Disks)| {
        let said = match disks {
            Disks::Yes => {
                format!("`{}` is an `{}` with instance-store disks: all data on them is lost.", label(one), kind(one))
            }
            Disks::NotKnown => format!(
                "I could not find out whether `{}` (`{}`) has instance-store disks; data on such disks is lost.",
                label(one),
                kind(one)
            ),
            Disks::No => return None,
        };
        Some((one.id.as_str(), said))
    };
    disks(needed, cx).await.into_iter().filter_map(said).collect()
}

async fn disks<'a>(needed: &[&'a Instance], cx: &Context) -> Vec<(&'a Instance, Disks)> {
    let mut kinds: BTreeMap<AccountRegion, BTreeSet<String>> = BTreeMap::new();
    for one in needed {
        kinds.entry(one.place()).or_default().insert(one.kind.clone());
    }
    let asked = kinds.iter().map(|(place, kinds)| cx.aws.ec2.instance_store_kinds(place, kinds));
    let answers: BTreeMap<&AccountRegion, _> = kinds.keys().zip(join_all(asked).await).collect();
    let of = |one: &Instance| match answers.get(&one.place()) {
        Some(Ok(with_disks)) if with_disks.contains(&one.kind) => Disks::Yes,
        Some(Ok(_)) => Disks::No,
        _ => Disks::NotKnown,
    };
    needed.iter().map(|one| (*one, of(one))).collect()
}

/// What a person should know before an instance is stopped.
fn cautions(one: &Instance, disks: Option<String>) -> Vec<String> {
    let label = label(one);
    let mut cautions = Vec::new();
    if let Some(group) = one.scaling_group().map(words::name) {
        cautions.push(format!(
            "`{label}` is in the Auto Scaling group `{group}`, which may terminate and replace a stopped instance."
        ));
    }
    cautions.extend(disks);
    if let Some(ip) = one.public_ip.as_deref().filter(|_| !one.elastic_ip) {
        cautions.push(loses_address(&label, ip));
    }
    if one.spot {
        cautions.push(format!(
            "`{label}` is a Spot instance: AWS stops it only if its request is persistent, and may have no capacity to start it again."
        ));
    }
    if one.hibernates {
        cautions.push(format!(
            "`{label}` is set up for hibernation, but this is a plain stop: what is in its memory is lost."
        ));
    }
    cautions
}

/// Refuses to stop what AWS would not stop: a dry run says nothing of it.
async fn refuse_protected(needed: &[&Instance], cx: &Context) -> Result<(), CommandError> {
    let asked = needed.iter().map(|one| async {
        let place = one.place();
        cx.aws.ec2.stop_protection(&place, &one.id).await
    });
    let mut lines = Vec::new();
    for (one, answer) in needed.iter().zip(join_all(asked).await) {
        let because = match answer {
            Ok(true) => {
                "has stop protection (`DisableApiStop`), so I do not stop it. Its owner can take the protection off."
            }
            // Not being allowed to read it is no reason: AWS itself refuses to stop what is protected.
            Err(error) if error.class != Class::Denied => return Err(error.failure(NOTHING).into()),
            Ok(false) | Err(_) if one.root_is_instance_store => {
                "boots from an instance-store volume, so AWS cannot stop it, only terminate it."
            }
            Ok(false) | Err(_) => continue,
        };
        lines.push(Line::sentence(&format!("`{}` {because}", label(one))));
    }
    if lines.is_empty() {
        return Ok(());
    }
    lines.push(Line::from(NOTHING));
    Err(Refusal::of(lines).into())
}
