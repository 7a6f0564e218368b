//! `ec2 terminate`: ends instances for good. Nothing brings one back, so the person who approves it reads of each what goes with
//! it and what stays, and what AWS protects is not tried. AWS ends what it can of a call over several availability zones and
//! refuses it all the same, so each zone has a call of its own: of a call that was refused, nothing was done.

use super::super::args;
use super::super::{Command, Context, Found, Journalled, Planned, Row, Scope, words};
use super::before::Before;
use super::change::{Change, NOTHING, On, Precautions, label};
use super::names::{INSPECT, TERMINATE};
use super::stop::disks_lost;
use super::{regions, run};
use crate::aws::{AwsError, Class, Instance, Power, Protection, State, Volume, call};
use crate::domain::{CommandError, Line, Plan, Refusal, Risk};
use async_trait::async_trait;
use futures_util::future::{join, join_all};

/// What to terminate.
#[derive(clap::Args, Clone, Debug)]
struct Terminate {
    #[command(flatten)]
    on: On,
}

/// The row of `ec2 terminate`.
pub(in super::super) const ROW: Row = Row {
    name: TERMINATE,
    summary: "Terminates instances for good, and waits until they are gone",
    examples: &["ec2 terminate web-1", "ec2 terminate i-0123456789abcdef0 --region us-east-1"],
    risk: Risk::Destroy,
    action: "ec2:terminate",
    calls: &[
        &call::DESCRIBE_INSTANCES,
        &call::DESCRIBE_INSTANCE_ATTRIBUTE,
        &call::DESCRIBE_INSTANCE_TYPES,
        &call::DESCRIBE_REGIONS,
        &call::TERMINATE_INSTANCES,
    ],
    inspect: Some(&INSPECT),
    parse: |words| Ok(Box::new(args::parse::<Terminate>(words)?)),
    usage: || args::usage::<Terminate>(ROW.name),
    options: args::options::<Terminate>,
    definition: args::definition::<Terminate>,
};

const CHANGE: Change = Change {
    command: ROW.name,
    power: Power::Terminate,
    verb: "terminate",
    noun: "termination",
    past: "terminated",
    doing: "Terminating",
    from: &[State::Pending, State::Running, State::Stopping, State::Stopped],
    via: Some(State::ShuttingDown),
    goal: State::Terminated,
    zones_apart: true,
    precautions: &TerminatePrecautions,
};

#[async_trait]
impl Command for Terminate {
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

/// What goes with an instance, what comes in its place, and what AWS keeps from its end.
#[derive(Debug)]
struct TerminatePrecautions;

#[async_trait]
impl Precautions for TerminatePrecautions {
    async fn examine(&self, needed: &[&Instance], cx: &Context) -> Result<Vec<String>, CommandError> {
        let asked = needed.iter().map(|one| async {
            let place = one.place();
            cx.aws.ec2.protection(&place, &one.id).await
        });
        let (known, mut disks) = join(join_all(asked), disks_lost(needed, cx)).await;
        let known = needed.iter().copied().zip(known);
        let (mut cautions, mut refused) = (Vec::new(), Vec::new());
        for (one, protection) in known {
            match protected(protection)? {
                Protected::No => cautions.push(unprotected(&label(one))),
                Protected::NotKnown => cautions.push(unread(&label(one))),
                Protected::By(names) => refused.push(Line::sentence(&held(&label(one), &names))),
            }
            cautions.extend(what_follows(one, disks.remove(one.id.as_str())));
        }
        if refused.is_empty() {
            return Ok(cautions);
        }
        refused.push(Line::from(NOTHING));
        Err(Refusal::of(refused).into())
    }

    fn outlived(&self, label: &str, _: &Before) -> Vec<String> {
        vec![unprotected(label), unread(label)]
    }
}

/// Whether AWS would refuse to terminate an instance.
enum Protected {
    No,
    /// By these of its attributes.
    By(Vec<&'static str>),
    NotKnown,
}

/// Stop protection keeps an instance from its end as well.
fn protected(protection: Result<Protection, AwsError>) -> Result<Protected, CommandError> {
    match protection {
        Ok(Protection { stop: false, termination: false }) => Ok(Protected::No),
        Ok(Protection { stop, termination }) => {
            let names = [(termination, "DisableApiTermination"), (stop, "DisableApiStop")];
            Ok(Protected::By(names.into_iter().filter_map(|(is_on, name)| is_on.then_some(name)).collect()))
        }
        // Not being allowed to read it is no reason: AWS itself refuses to terminate what is protected.
        Err(error) if error.class == Class::Denied => Ok(Protected::NotKnown),
        Err(error) => Err(error.failure(NOTHING).into()),
    }
}

fn held(label: &str, names: &[&str]) -> String {
    format!(
        "`{label}` is protected from termination ({}): AWS answers `OperationNotPermitted` to that, so I do not try. Its owner \
         can take the protection off; then send the command again.",
        words::list(names, "and")
    )
}

fn unprotected(label: &str) -> String {
    format!("`{label}` has no termination protection.")
}

fn unread(label: &str) -> String {
    format!("I may not read whether `{label}` has termination protection; AWS refuses to terminate what has it.")
}

/// What its end brings with it. Sentences that hold before it and after it.
fn what_follows(one: &Instance, disks: Option<String>) -> Vec<String> {
    let label = label(one);
    let mut cautions = vec![volumes(&label, &one.volumes)];
    if one.root_is_instance_store {
        cautions.push(format!("`{label}` boots from an instance-store volume: all data on it is lost."));
    }
    cautions.extend(disks);
    if let Some(group) = one.scaling_group().map(words::name) {
        cautions
            .push(format!("`{label}` is in the Auto Scaling group `{group}`, which may launch another in its place."));
    }
    if one.spot {
        cautions.push(format!("`{label}` is a Spot instance: if its request is persistent, AWS launches another."));
    }
    cautions
}

/// Which volumes go with it, and which stay.
fn volumes(label: &str, volumes: &[Volume]) -> String {
    let (go, stay): (Vec<&Volume>, Vec<&Volume>) = volumes.iter().partition(|volume| volume.deleted_with_instance);
    let ids =
        |volumes: &[&Volume]| words::list(&volumes.iter().map(|volume| volume.id.as_str()).collect::<Vec<_>>(), "and");
    let what_goes = match go.len() {
        0 => format!("No EBS volume goes with `{label}`"),
        1 => format!("The volume {} goes with `{label}`", ids(&go)),
        _ => format!("The volumes {} go with `{label}`", ids(&go)),
    };
    match stay.len() {
        0 => format!("{what_goes}."),
        1 => format!("{what_goes}; {} stays.", ids(&stay)),
        _ => format!("{what_goes}; {} stay.", ids(&stay)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::Context;
    use super::super::super::testing::{answer, cx_on, executed, planned, verified};
    use crate::aws::fake::{FakeRegion, Fault, Machine};

    fn one(state: &str) -> FakeRegion {
        FakeRegion::new(vec![Machine::new("i-1", "web-1", state)])
    }

    fn on(region: &FakeRegion) -> Context {
        cx_on(&[("eu-central-1", region)])
    }

    #[tokio::test]
    async fn a_plan_says_of_each_what_goes_what_stays_and_what_comes_in_its_place() {
        let region = FakeRegion::new(vec![
            Machine::new("i-1", "web-1", "running").tag("aws:autoscaling:groupName", "web").with(|machine| {
                machine.more_volumes = vec![("vol-0bbb", false), ("vol-0ccc", true), ("vol-0ddd", false)];
            }),
            Machine::new("i-2", "web-2", "stopped").with(|machine| machine.spot = true),
        ]);
        insta::assert_snapshot!(answer("ec2 terminate web-1 web-2", &on(&region)).await, @r"
        [plan] terminate i-1, i-2 in eu-central-1
        target web-1 (i-1) eu-central-1 123456789012
        target web-2 (i-2) eu-central-1 123456789012
        step 0 ec2:TerminateInstances eu-central-1 i-1 i-2
        caution `web-1 (i-1)` has no termination protection.
        caution The volumes `vol-0aaa` and `vol-0ccc` go with `web-1 (i-1)`; `vol-0bbb` and `vol-0ddd` stay.
        caution `web-1 (i-1)` is in the Auto Scaling group `web`, which may launch another in its place.
        caution `web-2 (i-2)` has no termination protection.
        caution The volume `vol-0aaa` goes with `web-2 (i-2)`.
        caution `web-2 (i-2)` is a Spot instance: if its request is persistent, AWS launches another.
        ");
        assert!(region.0.lock().changes().is_empty(), "planning only reads");
        assert_eq!(super::volumes("web-1", &[]), "No EBS volume goes with `web-1`.");
    }

    #[tokio::test]
    async fn it_begins_in_every_state_but_gone() {
        for state in ["pending", "running", "stopping", "stopped"] {
            planned("ec2 terminate i-1", &on(&one(state))).await;
        }
        for state in ["shutting-down", "terminated"] {
            let expected = format!("[info] `web-1 (i-1)` is already *{state}*. Nothing was changed.");
            assert_eq!(answer("ec2 terminate i-1", &on(&one(state))).await, expected);
        }
        let said = answer("ec2 terminate i-1", &on(&one("dreaming"))).await;
        assert!(said.contains("it must be `pending`, `running`, `stopping` or `stopped` for that"), "{said}");
    }

    #[tokio::test]
    async fn what_aws_protects_is_refused_with_its_words_and_code() {
        let region = one("running");
        region.0.lock().machine("i-1").termination_protected = true;
        insta::assert_snapshot!(answer("ec2 terminate web-1", &on(&region)).await, @r"
        [refused] `web-1 (i-1)` is protected from termination (`DisableApiTermination`): AWS answers `OperationNotPermitted` to that, so I do not try. Its owner can take the protection off; then send the command again.
        Nothing was changed.
        ");
        // what may not be stopped may not be ended either
        region.0.lock().machine("i-1").stop_protected = true;
        let both = answer("ec2 terminate web-1", &on(&region)).await;
        assert!(both.contains("(`DisableApiTermination` and `DisableApiStop`)"), "{both}");
        let words = "The instance 'i-1' may not be terminated. Modify its 'disableApiTermination' instance attribute and try again.";
        region.fails("TerminateInstances(dry)", Fault::Code("OperationNotPermitted", words));
        insta::assert_snapshot!(answer("ec2 terminate web-1", &on(&region)).await, @"[refused] AWS does not permit this on it (`OperationNotPermitted`, `eu-central-1`, account `123456789012`): The instance 'i-1' may not be terminated. Modify its 'disableApiTermination' instance attribute and try again. Nothing was changed. Its owner can take the protection off.");
        assert!(region.0.lock().changes().is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn what_may_not_be_read_of_the_protection_is_said_and_left_to_aws() {
        let region = one("running");
        for _ in 0..2 {
            region.fails("DescribeInstanceAttribute", Fault::Code("UnauthorizedOperation", "no"));
        }
        let plan = planned("ec2 terminate web-1", &on(&region)).await;
        let unread =
            "I may not read whether `web-1 (i-1)` has termination protection; AWS refuses to terminate what has it.";
        assert_eq!(plan.cautions[0], unread);
        region.0.lock().faults.clear();
        region.fails("DescribeInstanceAttribute", Fault::Code("SomethingNew", "no"));
        let failed = answer("ec2 terminate web-1", &on(&region)).await;
        assert!(failed.starts_with("[failed] ") && failed.contains("Nothing was changed."), "{failed}");
    }

    /// AWS ends what it can of a call over several zones and calls it refused.
    #[tokio::test(start_paused = true)]
    async fn each_zone_has_a_call_of_its_own_and_none_is_made_after_one_that_was_refused() {
        let region = FakeRegion::new((1..4).map(|n| Machine::new(&format!("i-{n}"), "web", "running")).collect());
        let cx = on(&region);
        region.0.lock().machine("i-2").zone = "eu-central-1b".into();
        let plan = planned("ec2 terminate i-1 i-2 i-3", &cx).await;
        assert_eq!(plan.text, "terminate i-1, i-3 in eu-central-1; i-2 in eu-central-1");
        region.fails("TerminateInstances", Fault::Code("OperationNotPermitted", "no"));
        let text = executed("ec2 terminate i-1 i-2 i-3", &cx).await;
        assert!(text.starts_with("NotDone [failed]") && text.contains("`web (i-2)` was not tried"), "{text}");
        assert_eq!(region.0.lock().changes(), ["TerminateInstances i-1 i-3"]);
    }

    #[tokio::test(start_paused = true)]
    async fn it_is_made_once_and_awaited_until_it_is_gone() {
        let region = one("running");
        insta::assert_snapshot!(executed("ec2 terminate web-1", &on(&region)).await, @r"
        Done [done] `web-1 (i-1)`: running → *terminated* after 3 s.
        (The volume `vol-0aaa` goes with `web-1 (i-1)`.)
        ");
        assert_eq!(region.0.lock().changes(), ["TerminateInstances i-1"]);
        // the state in which it was is the one that is told
        let stopped = executed("ec2 terminate web-1", &on(&one("stopped"))).await;
        assert!(stopped.contains(": stopped → *terminated* after 3 s."), "{stopped}");
    }

    /// Whatever others do to it meanwhile, and however AWS's descriptions lag.
    #[tokio::test(start_paused = true)]
    async fn nothing_but_gone_is_its_end() {
        for (path, expected) in [
            (vec!["running", "stopping", "shutting-down", "terminated"], "Done [done] "),
            (vec!["shutting-down", "running", "terminated"], "Done [done] "),
            (
                vec!["shutting-down"],
                "Unknown [unknown] `web-1 (i-1)` is still *shutting-down* after 1 min, and I stopped",
            ),
            (
                vec!["running"],
                "Unknown [unknown] `web-1 (i-1)` is still *running* after 27 s, although AWS accepted the termination.",
            ),
            (
                vec!["stopped"],
                "Unknown [unknown] `web-1 (i-1)` is *stopped* after 27 s, although AWS accepted the termination.",
            ),
        ] {
            let region = one("running");
            region.0.lock().after.insert("TerminateInstances", path.clone());
            let text = executed("ec2 terminate web-1", &on(&region)).await;
            assert!(text.starts_with(expected), "{path:?}: {text}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_lost_answer_is_looked_after_and_not_repeated() {
        let region = one("running");
        region.fails("TerminateInstances", Fault::Lost { happened: true });
        insta::assert_snapshot!(executed("ec2 terminate web-1", &on(&region)).await, @r"
        Done [done] AWS did not confirm it. I looked: `web-1 (i-1)` is *terminated*.
        (The volume `vol-0aaa` goes with `web-1 (i-1)`.)
        ");
        assert_eq!(region.0.lock().changes(), ["TerminateInstances i-1"]);
        let region = one("running");
        region.fails("TerminateInstances", Fault::Lost { happened: false });
        insta::assert_snapshot!(executed("ec2 terminate web-1", &on(&region)).await, @"NotDone [failed] AWS did not confirm it. I looked: `web-1 (i-1)` is still *running*, so it was not terminated. Look with `ec2 show i-1 --region eu-central-1`. To try again, say `ec2 terminate i-1 --region eu-central-1`.");
        assert_eq!(region.0.lock().changes(), ["TerminateInstances i-1"]);
    }

    /// Another role or a view that lags shows nothing either.
    #[tokio::test(start_paused = true)]
    async fn what_aws_shows_no_more_is_gone_only_if_it_was_seen_on_its_way() {
        let region = one("running");
        let cx = on(&region);
        let plan = planned("ec2 terminate web-1", &cx).await;
        region.0.lock().machines.clear();
        let text = verified("ec2 terminate web-1", &plan, &cx).await;
        insta::assert_snapshot!(text, @"Unknown [unknown] I looked: `web-1 (i-1)` is not shown by AWS any more, which does not prove that it is gone. Look with `ec2 show i-1 --region eu-central-1`.");
        assert!(region.0.lock().changes().is_empty(), "verifying only reads");
    }

    /// The views of AWS lag: what was seen on its way is not called untouched because one shows it as it was.
    #[tokio::test(start_paused = true)]
    async fn what_was_on_its_way_is_never_told_as_not_terminated() {
        let region = one("running");
        region.fails("TerminateInstances", Fault::Lost { happened: true });
        let path = vec!["running", "shutting-down", "running", "running", "running", "running"];
        region.0.lock().after.insert("TerminateInstances", path);
        let text = executed("ec2 terminate web-1", &on(&region)).await;
        assert!(text.starts_with("Unknown ") && !text.contains("not terminated"), "{text}");
    }
}
