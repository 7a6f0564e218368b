//! What a change came to, target by target, and the sentences for it. What was accepted is told as a change; what was
//! lost is told as what was seen.

use super::super::change::CallOutcome;
use super::super::{Found, words};
use super::before::Before;
use super::change::{Change, NOTHING};
use crate::aws::{AwsError, Checks, Instance, Power, State};
use crate::domain::{CommandError, Line, Part, Plan, Reply, Step, Target, Tone};
use std::time::Duration;

/// Where a target came to rest.
#[derive(Clone, Debug)]
pub(super) enum Verdict {
    /// Where it should be.
    Reached,
    /// Where it was before.
    Unchanged,
    /// Somewhere that this change does not lead to.
    Elsewhere,
    /// Still on its way when the waiting ended.
    Slow,
    /// AWS does not show it.
    Vanished,
    /// AWS showed it on its way to its end, and then no more.
    Gone,
    /// AWS could not be asked.
    Blind(AwsError),
}

/// What was seen of a target.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    /// Whether AWS accepted the call; otherwise its answer was lost.
    pub(super) accepted: bool,
    /// Where the target came to rest.
    pub(super) verdict: Verdict,
    /// The target as it was last seen.
    pub(super) instance: Option<Instance>,
    /// Its status checks, where AWS has any of it and they were asked for.
    pub(super) checks: Result<Option<Checks>, AwsError>,
}

/// Collects what happens, and says it.
#[derive(Debug)]
pub(super) struct Report<'a> {
    change: &'a Change,
    plan: &'a Plan,
    /// What stands before that which was only seen.
    lead: &'static str,
    calls: Vec<(Step, CallOutcome)>,
    seen: Vec<(&'a Target, Seen)>,
}

/// How far a target is from what was wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rank {
    Done,
    NotDone,
    Unknown,
}

impl<'a> Report<'a> {
    /// A report with nothing in it. `lead` stands before what was only seen, such as `I looked: `.
    pub(super) fn new(change: &'a Change, plan: &'a Plan, lead: &'static str) -> Self {
        Self { change, plan, lead, calls: Vec::new(), seen: Vec::new() }
    }

    /// What became of the call of a step.
    pub(super) fn called(&mut self, step: &Step, outcome: CallOutcome) {
        self.calls.push((step.clone(), outcome));
    }

    /// The targets to look at, and whether AWS accepted their change.
    pub(super) fn watched(&self) -> Vec<(&'a Target, bool)> {
        let made =
            self.calls.iter().filter(|(_, outcome)| matches!(outcome, CallOutcome::Accepted | CallOutcome::Lost));
        made.flat_map(|(step, outcome)| {
            let accepted = matches!(outcome, CallOutcome::Accepted);
            let (region, ids) = (step.region.clone(), step.targets.clone());
            let of_step = move |target: &&Target| target.region == region && ids.contains(&target.id);
            self.plan.targets.iter().filter(of_step).map(move |target| (target, accepted))
        })
        .collect()
    }

    /// How a target was when its change was planned.
    pub(super) fn before(&self, target: &Target) -> Option<Before> {
        let mut steps = self.plan.steps.iter().filter(|step| step.region == target.region);
        steps.find_map(|step| step.before.get(&target.id))?.read()
    }

    pub(super) fn saw(&mut self, target: &'a Target, seen: Seen) {
        self.seen.push((target, seen));
    }

    /// The whole of it, after this time.
    pub(super) fn found(&self, took: Duration) -> Found {
        let mut ranks: Vec<Rank> = self.seen.iter().map(|(_, seen)| self.rank(seen)).collect();
        let refused =
            self.calls.iter().filter(|(_, outcome)| matches!(outcome, CallOutcome::Refused(_) | CallOutcome::NotTried));
        ranks.extend(refused.flat_map(|(step, _)| step.targets.iter().map(|_| Rank::NotDone)));
        let mut lines: Vec<Line> = self.seen.iter().map(|(target, seen)| self.line(target, seen, took)).collect();
        lines.extend(self.unmade());
        lines.extend(self.untouched());
        let said = |reply: Reply| match <[Line; 1]>::try_from(lines) {
            Ok([only]) => reply.text(only),
            Err(many) => reply.part(Part::List(many)),
        };
        let (done, all) = (ranks.iter().filter(|rank| **rank == Rank::Done).count(), ranks.len());
        if ranks.contains(&Rank::Unknown) {
            Found::Unknown(said(Reply::new(Tone::Unknown)))
        } else if done == all {
            // without an approval no person has read before what is lost
            let lost = self.addresses_lost().into_iter().chain(self.cautions());
            Found::Done(lost.fold(said(Reply::new(Tone::Done)), Reply::note))
        } else if done == 0 {
            Found::NotDone(said(Reply::new(Tone::Failed)))
        } else {
            let was = if done == 1 { "was" } else { "were" };
            let reply = Reply::new(Tone::Partly).text(format!("{done} of {all} {was} {}.", self.change.past));
            Found::Partly(self.addresses_lost().into_iter().fold(said(reply), Reply::note))
        }
    }

    /// What was said before that the change would cost, and holds after it as well.
    fn cautions(&self) -> impl Iterator<Item = Line> {
        let befores = self.plan.targets.iter().filter_map(|target| Some((target, self.before(target)?)));
        let outlived: Vec<String> = befores
            .flat_map(|(target, before)| self.change.precautions.outlived(&words::label(target), &before))
            .collect();
        let others = self.plan.cautions.iter().filter(move |caution| !outlived.contains(caution));
        others.map(|caution| Line::sentence(caution))
    }

    /// EC2's word for the state that a target was in.
    fn was(&self, target: &Target) -> String {
        let before = self.before(target).map(|before| before.state).filter(|state| !state.is_empty());
        before.or_else(|| self.change.from.first().map(State::to_string)).unwrap_or_default()
    }

    /// The addresses that are gone.
    fn addresses_lost(&self) -> Vec<Line> {
        let lost = |(target, seen): &(&Target, Seen)| {
            let before = self.before(target).filter(|before| !before.elastic_ip)?;
            let ip = before.public_ip.as_deref()?;
            let has = seen.instance.as_ref().and_then(|instance| instance.public_ip.as_deref());
            let is_lost = matches!(seen.verdict, Verdict::Reached) && has != Some(ip);
            let (label, ip) = (words::label(target), words::name(ip));
            let text = format!("`{label}` has lost its public address `{ip}`; a start gives it another.");
            (self.change.power == Power::Stop && is_lost).then(|| Line::sentence(&text))
        };
        self.seen.iter().filter_map(lost).collect()
    }

    fn rank(&self, seen: &Seen) -> Rank {
        match &seen.verdict {
            // A lost reboot leaves no trace to look for.
            Verdict::Reached if self.change.power == Power::Reboot && !seen.accepted => Rank::Unknown,
            Verdict::Reached | Verdict::Gone => Rank::Done,
            Verdict::Unchanged if seen.accepted => Rank::Unknown,
            Verdict::Unchanged | Verdict::Elsewhere => Rank::NotDone,
            Verdict::Slow | Verdict::Vanished | Verdict::Blind(_) => Rank::Unknown,
        }
    }

    fn line(&self, target: &Target, seen: &Seen, took: Duration) -> Line {
        let name = words::label(target);
        let state = seen.instance.as_ref().map_or("not known", |instance| instance.state.as_str());
        let Change { noun, past, .. } = self.change;
        let was = self.was(target);
        let is = if state == was { " is still " } else { " is " };
        let look = format!(" Look with `ec2 show {} --region {}`.", target.id, target.region);
        let (line, rest) = match &seen.verdict {
            Verdict::Reached if self.change.power == Power::Reboot => return self.rebooted(&name, seen, &look),
            Verdict::Reached if seen.accepted => {
                let line = words::says(&name, &format!(": {was} → "), state, &format!(" after {}.", words::span(took)));
                (line, self.new_address(seen))
            }
            Verdict::Reached => (words::says(&name, " is ", state, "."), self.new_address(seen)),
            Verdict::Unchanged if seen.accepted => {
                let after = format!(" after {}, although AWS accepted the {noun}.", words::span(took));
                (words::says(&name, is, state, &after), look)
            }
            Verdict::Unchanged => (
                words::says(&name, is, state, &format!(", so it was not {past}.")),
                format!("{look} To try again, say `{} {} --region {}`.", self.change.command, target.id, target.region),
            ),
            Verdict::Elsewhere => {
                (words::says(&name, " is ", state, &format!(", not {}: ", self.change.goal)), self.why(seen))
            }
            Verdict::Slow => {
                let after = format!(" after {}, and I stopped waiting.", words::span(took));
                (words::says(&name, " is still ", state, &after), look)
            }
            Verdict::Gone => {
                let words = " was on its way to its end, and AWS does not show it any more, so it is gone.";
                (Line::new().code(&name).text(words), String::new())
            }
            Verdict::Vanished if self.change.is_end() => {
                let words = " is not shown by AWS any more, which does not prove that it is gone.";
                (Line::new().code(&name).text(words), look)
            }
            Verdict::Vanished => (Line::new().code(&name).text(" is not shown by AWS any more, or not yet."), look),
            Verdict::Blind(error) => {
                let line = Line::new().text("I cannot tell whether ").code(&name).text(format!(" was {past}: "));
                let seen = seen.instance.as_ref().map(|last| format!(" It was {} when I last saw it.", last.state));
                (line, format!("{}{}{look}", error.what_is_so(), seen.unwrap_or_default()))
            }
        };
        let mut line =
            if seen.accepted || matches!(seen.verdict, Verdict::Blind(_)) { line } else { self.looked(line) };
        line.0.extend(Line::sentence(&rest).0);
        line
    }

    fn looked(&self, line: Line) -> Line {
        let mut looked = Line::from(self.lead);
        looked.0.extend(line.0);
        looked
    }

    /// AWS gives no proof of a reboot, and so neither do we.
    fn rebooted(&self, name: &str, seen: &Seen, look: &str) -> Line {
        let checks = match &seen.checks {
            Ok(Some(checks)) => {
                format!("its status checks say instance {}, system {}", checks.instance, checks.system)
            }
            Ok(None) => "AWS does not tell its status checks".to_owned(),
            Err(_) => "I could not read its status checks".to_owned(),
        };
        let why = seen.checks.as_ref().err().map(|error| format!(" The checks: {}", error.what_is_so()));
        let why = why.unwrap_or_default();
        if seen.accepted {
            let line = Line::new().text("AWS accepted the reboot of ").code(name);
            let mut line = line.text(format!(
                "; it is running, {checks}. AWS gives no proof of a reboot: the uptime on the instance does."
            ));
            line.0.extend(Line::sentence(&why).0);
            return line;
        }
        let mut line = self.looked(words::says(
            name,
            " is ",
            "running",
            &format!(", {checks}; whether it was rebooted, AWS does not tell."),
        ));
        line.0.extend(Line::sentence(&format!("{look} The uptime on the instance tells.{why}")).0);
        line
    }

    fn new_address(&self, seen: &Seen) -> String {
        let ip = seen.instance.as_ref().and_then(|instance| instance.public_ip.as_deref());
        match (self.change.power, ip) {
            (Power::Start, Some(ip)) => format!(" Its public address is `{}`.", words::name(ip)),
            _ => String::new(),
        }
    }

    /// Who or what brought it there.
    fn why(&self, seen: &Seen) -> String {
        let Some(instance) = &seen.instance else { return "I do not know why.".to_owned() };
        let code = instance.state_reason.as_deref().map(words::name).unwrap_or_default();
        let because = match (&instance.state, code.as_str()) {
            (_, "Server.InsufficientInstanceCapacity") => "AWS has no capacity for its type in its zone",
            (_, "Server.SpotInstanceTermination" | "Server.SpotInstanceShutdown") => "AWS took the Spot instance back",
            (_, "Client.VolumeLimitExceeded") => "the account's limit of volumes is reached",
            (_, "Client.InvalidSnapshot.NotFound") => "its snapshot was not found",
            (_, "Client.InstanceInitiatedShutdown") => "it shut itself down",
            (_, "Server.InternalError" | "Client.InternalError") => {
                "AWS could not launch it; often its volumes' key may not be used"
            }
            (State::Stopping | State::Stopped, code)
                if self.change.power == Power::Start && !code.is_empty() && !code.contains("UserInitiated") =>
            {
                "AWS did not get it to run"
            }
            // a person, an Auto Scaling group, a schedule: AWS does not tell
            (State::Pending | State::Running, _) => "it was started meanwhile, not by this command",
            (State::Stopping | State::Stopped, _) => "it was stopped meanwhile, not by this command",
            (State::ShuttingDown | State::Terminated, _) if instance.scaling_group().is_some() => {
                "it was terminated meanwhile, not by this command; its Auto Scaling group may have done it"
            }
            (State::ShuttingDown | State::Terminated, _) => "it was terminated meanwhile, not by this command",
            (State::Other(_), _) => "I do not know that state",
        };
        let words = instance.state_words.as_deref().map(words::name).unwrap_or_default();
        // AWS's message begins with its code
        let words = words.strip_prefix(&code).unwrap_or(&words).trim_start_matches([':', ' ']).replace('`', "'");
        let words = if words.is_empty() { String::new() } else { format!(": {words}") };
        let code = if code.is_empty() { String::new() } else { format!(" (`{code}`{words})") };
        format!("{because}{code}. Look with `ec2 show {} --region {}`.", instance.id, instance.region)
    }

    /// The targets of calls that were refused or never made.
    fn unmade(&self) -> Vec<Line> {
        let mut lines = Vec::new();
        for (step, outcome) in &self.calls {
            match outcome {
                CallOutcome::Accepted | CallOutcome::Lost => {}
                CallOutcome::NotTried => lines
                    .push(Line::sentence(&format!("{} not tried, because the one before failed.", self.names(step)))),
                CallOutcome::Refused(CommandError::Usage(error)) => lines.extend(error.lines.clone()),
                CallOutcome::Refused(CommandError::Refused(error)) => lines.extend(error.lines.clone()),
                CallOutcome::Refused(CommandError::Failed(error)) => lines.extend(error.lines.clone()),
                CallOutcome::Refused(CommandError::Unknown(error)) => lines.extend(error.lines.clone()),
            }
        }
        lines
    }

    fn names(&self, step: &Step) -> String {
        let of_step = |target: &&Target| target.region == step.region && step.targets.contains(&target.id);
        let names: Vec<String> = self.plan.targets.iter().filter(of_step).map(words::label).collect();
        let was = if names.len() == 1 { "was" } else { "were" };
        format!("{} {was}", words::list(&names, "and"))
    }

    /// The targets that needed nothing.
    fn untouched(&self) -> Vec<Line> {
        let needed = |target: &Target| {
            self.plan.steps.iter().any(|step| step.region == target.region && step.targets.contains(&target.id))
        };
        let others = self.plan.targets.iter().filter(|target| !needed(target));
        others
            .map(|target| {
                // the plan keeps no state of what needed nothing
                let way = if self.change.via.is_some() { ", or on its way there. " } else { ". " };
                words::says(&words::label(target), " was already ", self.change.goal.as_str(), way).text(NOTHING)
            })
            .collect()
    }
}
