//! What a deployment came to, and the sentences for it. What ECS accepted is told as a change; what was lost is told as what
//! was seen.

use super::super::{Context, Found, words};
use super::goal::{Goal, Wanted, known, named, says, short};
use super::names::ROLLBACK;
use super::plan::is_for_before;
use crate::aws::{AwsError, Deployment, Past, Rollout, Service, Task, pinned};
use crate::domain::{Line, Plan, Reply, Tone};
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::time::Duration;

/// Where a service came to rest.
#[derive(Clone, Debug)]
pub(super) enum Verdict {
    /// With the wanted digest in all its tasks.
    Reached,
    /// With a rollout that ECS calls completed, and other digests in its tasks.
    Different,
    /// With a rollout that ECS has given up.
    Failed,
    /// With what it had before, because ECS put it back.
    RolledBack,
    /// With what it had before.
    Unchanged,
    /// With something that this deployment does not lead to.
    Overtaken,
    /// Still on its way when the watching ended.
    Slow,
    /// ECS does not show it.
    Gone,
    /// AWS could not be asked.
    Blind(AwsError),
}

/// What was seen last.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    /// The service, if it was there.
    pub(super) service: Option<Service>,
    /// Its tasks.
    pub(super) tasks: Vec<Task>,
}

/// What the sentences are made of.
pub(super) struct Report<'a> {
    pub(super) plan: &'a Plan,
    pub(super) goal: &'a Goal,
    pub(super) wanted: &'a Wanted,
    /// What stands before that which was only seen.
    pub(super) lead: &'static str,
    /// Whether ECS accepted the call; otherwise its answer was lost.
    pub(super) accepted: bool,
    /// Why ECS has given it up, where it said so.
    pub(super) given_up: Option<String>,
    pub(super) took: Duration,
}

impl Report<'_> {
    /// The whole of it.
    pub(super) async fn found(&self, verdict: Verdict, seen: Option<Seen>, cx: &Context) -> Found {
        // somebody who looks late sees what it was before, whether it was put back or never left
        let past = match verdict {
            Verdict::RolledBack | Verdict::Unchanged | Verdict::Failed => self.put_back(cx).await,
            _ => None,
        };
        let verdict = match verdict {
            Verdict::Unchanged if past.is_some() => Verdict::RolledBack,
            other => other,
        };
        let reason = past.as_ref().and_then(|past| past.reason.clone()).or(self.given_up.clone());
        let mut text = format!("{}{}", self.lead, self.sentence(&verdict, seen.as_ref(), reason.as_deref(), cx).await);
        if matches!(verdict, Verdict::Failed | Verdict::RolledBack | Verdict::Slow) {
            text += &self.why_tasks_stopped(cx).await;
            text += &self.trouble(&verdict, seen.as_ref(), past.as_ref().and_then(|past| past.created), cx);
        }
        let look = format!(" Look with `deploy status {}`.", self.goal.name);
        match verdict {
            Verdict::Reached => {
                let reply = Reply::new(Tone::Done).sentence(&(text + &self.before(cx).await));
                let cautions = self.plan.cautions.iter().filter(|caution| !is_for_before(caution));
                let cautions = cautions.map(|caution| Line::sentence(caution));
                Found::Done(cautions.fold(reply, Reply::note))
            }
            Verdict::Slow | Verdict::Gone | Verdict::Blind(_) => Found::Unknown(reply(Tone::Unknown, &text, &look)),
            Verdict::Unchanged if self.accepted => Found::Unknown(reply(Tone::Unknown, &text, &look)),
            Verdict::Different | Verdict::Failed | Verdict::RolledBack | Verdict::Unchanged | Verdict::Overtaken => {
                Found::NotDone(reply(Tone::Failed, &text, &look))
            }
        }
    }

    async fn sentence(&self, verdict: &Verdict, seen: Option<&Seen>, past: Option<&str>, cx: &Context) -> String {
        let (name, version) = (words::name(&self.goal.name), self.wanted.says());
        let service = seen.and_then(|seen| seen.service.as_ref());
        let tasks = seen.map(|seen| seen.tasks.as_slice()).unwrap_or_default();
        let primary = service.and_then(Service::primary);
        let is_told = matches!(verdict, Verdict::RolledBack | Verdict::Unchanged | Verdict::Overtaken);
        let has = match primary.filter(|_| is_told) {
            Some(primary) => self.has(primary, cx).await,
            None => "another task definition".to_owned(),
        };
        let rollout = primary.and_then(|primary| primary.rollout.as_ref()).map_or("in progress", Rollout::as_str);
        let rollout = words::name(rollout);
        let reason = past.or(primary.and_then(|primary| primary.reason.as_deref()));
        let because = reason.map(|reason| format!(" (`{}`)", words::reason(reason))).unwrap_or_default();
        let took = words::span(self.took);
        match verdict {
            Verdict::Reached if self.goal.under_way.is_some() => {
                let stopped = match &self.goal.was {
                    Some(digest) => named(Some(digest), &self.goal.from, self.goal, cx).await,
                    None => format!("`{}`", super::goal::revision(&self.goal.from)),
                };
                let (lead, after) = match self.accepted {
                    true => (format!("I stopped the rollout of {stopped}"), format!(", after {took}")),
                    false => (format!("the rollout of {stopped} is stopped"), String::new()),
                };
                format!("{lead}; `{name}` runs {version} again, and {}{after}.", every(tasks))
            }
            Verdict::Reached => {
                let after = if self.accepted { format!(", after {took}") } else { String::new() };
                format!("`{name}` runs {version}: the rollout is COMPLETED, and {}{after}.", every(tasks))
            }
            Verdict::Different => format!(
                "ECS calls the rollout of {version} to `{name}` COMPLETED, but {}. It does not run what was asked for.",
                self.share(tasks)
            ),
            Verdict::Failed => format!(
                "{version} was not deployed to `{name}`: ECS has given the rollout up{because}, and has not put back what \
                 was before. {} `deploy rollback {name}` puts it back.",
                self.running(tasks, cx).await
            ),
            Verdict::RolledBack => format!(
                "{version} was not deployed to `{name}`: it was rolled back to {has}{because}. {}",
                self.running(tasks, cx).await
            ),
            Verdict::Unchanged if self.accepted => {
                format!("`{name}` still has {has} after {took}, although AWS accepted the change.")
            }
            Verdict::Unchanged if self.goal.under_way.is_some() => {
                format!("`{name}` still has {has}, and its rollout ({rollout}) was not stopped.")
            }
            Verdict::Unchanged => format!("`{name}` still has {has}, so {version} was not deployed."),
            Verdict::Overtaken => format!(
                "`{name}` was given {has} meanwhile, not by this command, so it is not {version} that it runs. {}",
                self.running(tasks, cx).await
            ),
            Verdict::Slow => format!(
                "the rollout of {version} to `{name}` is {rollout} after {took}, and I stopped watching: {}.",
                self.share(tasks)
            ),
            Verdict::Gone => format!("AWS does not show the service `{name}` any more, or not as an active one."),
            Verdict::Blind(error) => {
                format!("I cannot tell whether {version} was deployed to `{name}`: {}", error.what_is_so())
            }
        }
    }

    /// The latest deployment, where ECS's memory says that it brought the wanted digest and was put back.
    async fn put_back(&self, cx: &Context) -> Option<Past> {
        let past = cx.aws.ecs.past(&self.goal.at).await.ok()?;
        let latest = past.into_iter().next().filter(|latest| latest.status.starts_with("ROLLBACK"))?;
        if self.goal.under_way.is_some() {
            return None;
        }
        let arns = [latest.revision.clone()];
        let brought = cx.aws.ecs.revisions(&self.goal.at, &self.goal.container, &arns).await.ok()?;
        let is_ours = brought.first().is_some_and(|one| one.digest.as_deref() == Some(self.goal.digest()));
        is_ours.then_some(latest)
    }

    /// Why the latest task of the wanted version stopped, where ECS still knows.
    async fn why_tasks_stopped(&self, cx: &Context) -> String {
        let stopped = match cx.aws.ecs.stopped_tasks(&self.goal.at, &self.goal.container).await {
            Ok(stopped) => stopped,
            Err(error) => return format!(" Why its tasks stopped is not known: {}", error.what_is_so()),
        };
        let of_it = stopped.iter().find(|task| self.wanted.runs_in(task));
        match of_it.and_then(|task| task.stopped.as_ref()) {
            Some((_, reason)) => format!(" The latest of its tasks stopped: `{}`.", words::reason(reason)),
            None => String::new(),
        }
    }

    /// What ECS says of trouble since it began: of a rollout that hangs nothing else tells why.
    fn trouble(&self, verdict: &Verdict, seen: Option<&Seen>, put_back: Option<Timestamp>, cx: &Context) -> String {
        let Some(service) = seen.and_then(|seen| seen.service.as_ref()) else { return String::new() };
        // of what was put back, the deployment that brought it is listed no more: ECS's memory may tell when it began, and else
        // it is known since when it was watched
        let is_there = matches!(verdict, Verdict::Slow | Verdict::Failed);
        let began = service.primary().and_then(|primary| primary.since).filter(|_| is_there);
        let watched = cx.clock.now().checked_sub(jiff::SignedDuration::try_from(self.took).unwrap_or_default());
        match began.or(put_back).or(watched.ok()).and_then(|since| service.trouble(since)) {
            Some((at, words)) => format!(" ECS said at {}: `{}`.", at.strftime("%H:%M UTC"), words::reason(words)),
            None => String::new(),
        }
    }

    /// What was there before, and where a rollback would lead now.
    async fn before(&self, cx: &Context) -> String {
        let Goal { from, to, name, under_way, was, .. } = self.goal;
        if to.as_ref() == Some(from) || under_way.is_some() {
            return String::new();
        }
        let (before, name) = (named(was.as_deref(), from, self.goal, cx).await, words::name(name));
        match self.plan.command == ROLLBACK {
            // a person who rolls back twice in panic is back where the trouble was
            true => format!(" Before: {before}; a second `deploy rollback {name}` would bring that again."),
            false => format!(" Before: {before}; `deploy rollback {name}` goes back."),
        }
    }

    /// What the service has, by its version where that is known.
    async fn has(&self, primary: &Deployment, cx: &Context) -> String {
        let goal = self.goal;
        if primary.definition == goal.from && goal.was.is_some() {
            return named(goal.was.as_deref(), &goal.from, goal, cx).await;
        }
        let definition = cx.aws.ecs.definition(&goal.at.place(), &primary.definition).await.ok();
        let image = definition.as_ref().and_then(|definition| definition.image(&goal.container));
        named(image.and_then(pinned), &primary.definition, goal, cx).await
    }

    /// `1 of 2 running tasks has `sha256:…``
    fn share(&self, tasks: &[Task]) -> String {
        let running: Vec<&Task> = tasks.iter().filter(|task| task.is_running).collect();
        let of_it = running.iter().filter(|task| self.wanted.runs_in(task)).count();
        let have = if of_it == 1 { "has" } else { "have" };
        format!("{of_it} of {} {have} `{}`", words::count(running.len(), "running task"), short(self.goal.digest()))
    }

    /// `Its 2 tasks run `1.4.1` (`sha256:…`).`
    async fn running(&self, tasks: &[Task], cx: &Context) -> String {
        let mut by_digest: BTreeMap<&str, usize> = BTreeMap::new();
        for digest in tasks.iter().filter(|task| task.is_running).filter_map(Task::runs) {
            *by_digest.entry(digest).or_default() += 1;
        }
        if by_digest.is_empty() {
            return "None of its tasks runs.".to_owned();
        }
        let base = crate::aws::unpinned(&self.goal.image);
        let mut parts = Vec::new();
        for (digest, count) in by_digest {
            let image = known(&format!("{base}@{digest}"), &self.goal.at.region, cx).await;
            let version = says(image.as_ref().and_then(crate::aws::Image::version), digest);
            let run = if count == 1 { "runs" } else { "run" };
            parts.push(format!("{} {run} {version}", words::count(count, "task")));
        }
        format!("{}.", parts.join(", "))
    }
}

fn reply(tone: Tone, text: &str, look: &str) -> Reply {
    Reply::new(tone).sentence(&format!("{}{look}", capital(text)))
}

/// With its first letter in upper case.
fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

/// `its 2 tasks run that digest`
fn every(tasks: &[Task]) -> String {
    let running: Vec<&Task> = tasks.iter().filter(|task| task.is_running).collect();
    let sick = running.iter().filter(|task| task.is_healthy == Some(false)).count();
    let but = if sick > 0 { format!(", but {sick} of them not healthy") } else { String::new() };
    match running.len() {
        0 => "no task is to run".to_owned(),
        1 => format!("its one task runs that digest{but}"),
        many => format!("its {many} tasks run that digest{but}"),
    }
}
