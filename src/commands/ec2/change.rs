//! How a change of power is planned: exactly which instances, whether they are in a state for it, whether IAM would
//! allow it, and what a person should know before. Planning only reads.

use super::super::args::{self, RegionWord};
use super::super::change::token;
use super::super::{Context, Planned, words};
use super::before::Before;
use super::regions;
use super::selector::Selector;
use super::targets::Search;
use crate::aws::{AwsError, Class, Instance, Power, State};
use crate::domain::{
    AccountId, CommandError, Facts, Line, Part, Plan, Refusal, Reply, RequestId, Step, Tone, UnknownOutcome,
};
use async_trait::async_trait;
use futures_util::future::try_join_all;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

pub(super) use super::super::change::NOTHING_CHANGED as NOTHING;

/// What a change is made on.
#[derive(clap::Args, Clone, Debug)]
pub(super) struct On {
    /// An instance: its id, its name, `name:web-*` for all names that fit, or `tag:key=value` for all that have the tag
    #[arg(value_name = "target", required = true, value_parser = Selector::read)]
    pub(super) target: Vec<Selector>,
    /// Where the instances are: a region, several by commas; without it, the usual one
    #[arg(long, value_name = "region", value_delimiter = ',', value_parser = named_region)]
    pub(super) region: Vec<RegionWord>,
}

/// A change names its regions.
fn named_region(text: &str) -> Result<RegionWord, String> {
    match args::region(text)? {
        RegionWord::All => Err("must name regions when something is changed, not `all`".into()),
        named => Ok(named),
    }
}

/// A change of power, as data.
#[derive(Debug)]
pub(super) struct Change {
    /// The row's name.
    pub(super) command: &'static str,
    /// The call.
    pub(super) power: Power,
    /// `stop`
    pub(super) verb: &'static str,
    /// `termination`, of which AWS may have accepted one.
    pub(super) noun: &'static str,
    /// `stopped`
    pub(super) past: &'static str,
    /// `Stopping`
    pub(super) doing: &'static str,
    /// The states in one of which an instance must be.
    pub(super) from: &'static [State],
    /// The state that it passes through, if the change shows in states at all.
    pub(super) via: Option<State>,
    /// The state in which it ends.
    pub(super) goal: State,
    /// Whether the instances of each availability zone have a call of their own.
    pub(super) zones_apart: bool,
    /// What this change looks at, beyond what all of them do.
    pub(super) precautions: &'static dyn Precautions,
}

/// What one change of power looks at while it is planned, when AWS has said that it would be allowed.
#[async_trait]
pub(super) trait Precautions: fmt::Debug + Sync {
    /// Refuses what AWS would not do although a rehearsal said nothing of it; else what a person should know before it
    /// happens. Sentences; names in backticks.
    async fn examine(&self, needed: &[&Instance], cx: &Context) -> Result<Vec<String>, CommandError>;

    /// Which of the sentences about an instance are worth nothing once it is changed.
    fn outlived(&self, label: &str, before: &Before) -> Vec<String> {
        let _ = (label, before);
        Vec::new()
    }
}

/// A change of which there is nothing to know.
#[derive(Debug)]
pub(super) struct NoPrecautions;

#[async_trait]
impl Precautions for NoPrecautions {
    async fn examine(&self, _: &[&Instance], _: &Context) -> Result<Vec<String>, CommandError> {
        Ok(Vec::new())
    }
}

impl Change {
    /// Plans the change, or answers that nothing needs to be changed.
    pub(super) async fn plan(&self, on: &On, cx: &Context) -> Result<Planned, CommandError> {
        let failure = |error: AwsError| error.failure(NOTHING);
        let named = on.target.iter().map(Selector::typed).collect::<BTreeSet<String>>().len();
        if named > cx.limits.max_targets {
            return Err(too_many_named(named, cx.limits.max_targets).into());
        }
        let places = regions::entered(&on.region, cx, NOTHING).await?.places;
        let search = Search {
            selectors: &on.target,
            places: &places,
            not_done: NOTHING,
            only_seen: false,
            changing: Some(self.command),
        };
        let found = search.run(cx).await?;
        let account = cx.aws.accounts.usual().await.map_err(failure)?;
        if found.len() > cx.limits.max_targets {
            return Err(too_many(on, found.len(), cx.limits.max_targets).into());
        }
        let result = self.plan_found(&found, &account, cx).await;
        // What a plan shows is judged before anybody sees it, and an answer is not. Where a target may not be seen, a plan
        // without steps goes to the judge in the answer's place: the refusal has its reason, and who could, from there.
        let hidden = found.iter().any(|one| !(cx.sees)(&one.target(&account)));
        match result {
            Ok(Planned::Answer(_)) | Err(_) if hidden => Ok(Planned::Change(Plan {
                command: self.command.to_owned(),
                text: self.text(&[]),
                targets: found.iter().map(|one| one.target(&account)).collect(),
                ..Plan::default()
            })),
            result => Ok(result?),
        }
    }

    async fn plan_found(&self, found: &[Instance], account: &AccountId, cx: &Context) -> Result<Planned, CommandError> {
        let (needed, others): (Vec<&Instance>, Vec<&Instance>) =
            found.iter().partition(|one| self.begins_in(&one.state));
        let (already, unfit): (Vec<&Instance>, Vec<&Instance>) = others.into_iter().partition(|one| self.is_so(one));
        if !unfit.is_empty() {
            return Err(self.unfit(&unfit).into());
        }
        if needed.is_empty() {
            return Ok(Planned::Answer(self.already(&already)));
        }
        let steps = self.steps(&needed, account, cx.request);
        self.rehearse(&steps, cx).await?;
        let cautions = self.precautions.examine(&needed, cx).await?;
        Ok(Planned::Change(Plan {
            command: self.command.to_owned(),
            text: self.text(&steps),
            targets: found.iter().map(|one| one.target(account)).collect(),
            cautions,
            steps,
            ..Plan::default()
        }))
    }

    /// Whether it can be made of an instance in this state.
    pub(super) fn begins_in(&self, state: &State) -> bool {
        self.from.contains(state)
    }

    /// Whether the instance is to be gone for good: then nothing but that is its end, whatever else becomes of it meanwhile.
    pub(super) fn is_end(&self) -> bool {
        self.goal.is_gone()
    }

    /// Whether nothing needs to be done: it is there, or on its way.
    fn is_so(&self, one: &Instance) -> bool {
        self.via.is_some() && (one.state == self.goal || Some(&one.state) == self.via.as_ref())
    }

    fn already(&self, already: &[&Instance]) -> Reply {
        let line = |one: &Instance| words::says(&label(one), " is already ", one.state.as_str(), ".");
        let reply = Reply::new(Tone::Info);
        match already {
            [one] => {
                let mut line = line(one);
                line = line.text(format!(" {NOTHING}"));
                reply.text(line)
            }
            many => reply.part(Part::List(many.iter().map(|one| line(one)).collect())).text(NOTHING),
        }
    }

    /// Why instances in these states cannot be changed now, or ever.
    fn unfit(&self, unfit: &[&Instance]) -> Refusal {
        let line = |one: &Instance| {
            let because = match (&one.state, self.power) {
                (State::Terminated, _) => "it is gone for good".to_owned(),
                (State::ShuttingDown, _) => "it is being terminated".to_owned(),
                (State::Pending, _) => format!("{} it when it runs", self.verb),
                (State::Stopping, Power::Start) => "start it when it is stopped".to_owned(),
                (State::Stopping, _) => "it is being stopped".to_owned(),
                (State::Stopped, _) => "only a running instance can be rebooted; `ec2 start` starts it".to_owned(),
                _ => {
                    let states: Vec<&str> = self.from.iter().map(State::as_str).collect();
                    format!("it must be {} for that", words::list(&states, "or"))
                }
            };
            let mut line = words::says(&label(one), " is ", one.state.as_str(), ": ");
            line.0.extend(Line::sentence(&format!("{because}.")).0);
            line
        };
        let mut lines: Vec<Line> = unfit.iter().map(|one| line(one)).collect();
        lines.push(Line::from(NOTHING));
        Refusal::of(lines)
    }

    /// One call for each region, or for each of its zones, ids sorted.
    fn steps(&self, needed: &[&Instance], account: &AccountId, request: RequestId) -> Vec<Step> {
        let mut by_place: BTreeMap<(&str, Option<&str>), BTreeMap<String, Facts>> = BTreeMap::new();
        for one in needed {
            let zone = one.zone.as_deref().filter(|_| self.zones_apart);
            by_place.entry((&one.region, zone)).or_default().insert(one.id.clone(), Facts::of(&Before::of(one)));
        }
        by_place
            .into_iter()
            .zip(0..)
            .map(|(((region, _), before), index)| Step {
                index,
                operation: self.power.call().name.to_owned(),
                account: Some(account.clone()),
                region: region.to_owned(),
                targets: before.keys().cloned().collect(),
                token: token(request, index),
                before,
            })
            .collect()
    }

    /// `stop i-0abc, i-0def in eu-central-1`
    fn text(&self, steps: &[Step]) -> String {
        let parts: Vec<String> =
            steps.iter().map(|step| format!("{} in {}", step.targets.join(", "), step.region)).collect();
        format!("{} {}", self.verb, parts.join("; "))
    }

    /// Asks AWS whether each call would be allowed.
    async fn rehearse(&self, steps: &[Step], cx: &Context) -> Result<(), CommandError> {
        let asked = steps.iter().map(|step| async {
            let place = step.place();
            cx.aws.ec2.may_power(&place, self.power, &step.targets).await
        });
        match try_join_all(asked).await {
            Ok(_) => Ok(()),
            Err(error) if error.is_ignored_rehearsal() => {
                let text = "The AWS endpoint did not understand that it was only a rehearsal, and may have made the \
                            change. Look with `ec2 list`, and tell the platform team.";
                Err(UnknownOutcome { lines: vec![Line::sentence(text)], cause: error.to_string() }.into())
            }
            // nothing is amiss: somebody holds it, and AWS says how
            Err(error) if error.class == Class::Protected => Err(Refusal::of(error.failure(NOTHING).lines).into()),
            Err(error) => Err(error.failure(NOTHING).into()),
        }
    }
}

/// Before AWS is asked: each word means one instance at least.
fn too_many_named(named: usize, most: usize) -> Refusal {
    Refusal::sentence(&format!(
        "You name {named} targets, and one command may change {most} at most. {NOTHING} Name fewer, or do it in parts."
    ))
}

fn too_many(on: &On, found: usize, most: usize) -> Refusal {
    let typed: Vec<String> = on.target.iter().map(Selector::typed).collect();
    Refusal::sentence(&format!(
        "{} {} {}, and one command may change {most} at most. {NOTHING} Name fewer, or do it in parts.",
        words::list(&typed, "and"),
        if typed.len() == 1 { "means" } else { "mean" },
        words::count(found, "instance"),
    ))
}

/// An instance as a sentence names it.
pub(super) fn label(one: &Instance) -> String {
    words::label_of(one.name().unwrap_or_default(), &one.id)
}
