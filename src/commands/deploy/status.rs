//! `deploy status`: what a service runs, how far its rollout is, what it could run, and where a rollback would go.

use super::super::args;
use super::super::{Command, Context, Planned, Row, Scope, words};
use super::goal::{revision, says, short};
use super::names::{self, DEPLOY, ROLLBACK, STATUS};
use super::plan;
use super::present::{self, Chosen, Present};
use super::previous::previous;
use super::provenance;
use crate::aws::{AwsError, Image, Rollout, Service, Task, call};
use crate::domain::{Button, CommandError, Line, Part, Reply, Risk, Table, Tone};
use async_trait::async_trait;
use futures_util::future::join3;
use std::collections::BTreeMap;

/// How many of the latest versions are shown.
const LATEST: usize = 5;

const NOT_DONE: &str = "Nothing could be shown.";

/// The same of one among several services.
const MISSING: &str = "It is missing here.";

/// What to show.
#[derive(clap::Args, Clone, Debug)]
pub(super) struct Status {
    /// The service, by its name in my settings; without it, myself, or all
    #[arg(value_name = "service")]
    service: Option<String>,
}

/// The row of `deploy status`.
pub(in super::super) const ROW: Row = Row {
    name: STATUS,
    summary: "Shows what a service runs, its rollout, and the versions there are",
    examples: &["deploy status", "deploy status web"],
    risk: Risk::Read,
    action: "deploy:status",
    calls: &[
        &call::BATCH_GET_IMAGE,
        &call::DESCRIBE_IMAGES,
        &call::DESCRIBE_SERVICE_REVISIONS,
        &call::DESCRIBE_SERVICES,
        &call::DESCRIBE_TASK_DEFINITION,
        &call::DESCRIBE_TASKS,
        &call::LIST_SERVICE_DEPLOYMENTS,
        &call::LIST_TASK_DEFINITIONS,
        &call::LIST_TASKS,
    ],
    inspect: None,
    parse: |words| Ok(Box::new(args::parse::<Status>(words)?)),
    usage: || args::usage::<Status>(ROW.name),
    options: args::options::<Status>,
    definition: args::definition::<Status>,
};

#[async_trait]
impl Command for Status {
    fn scope(&self) -> Scope {
        Scope::Bot
    }

    async fn plan(&self, cx: &Context) -> Result<Planned, CommandError> {
        let is_one = self.service.is_some() || cx.deploy.own.is_some() || cx.deploy.services.len() < 2;
        let reply = if is_one { self.one(cx).await? } else { every(cx).await? };
        Ok(Planned::Answer(reply))
    }
}

impl Status {
    async fn one(&self, cx: &Context) -> Result<Reply, CommandError> {
        let chosen = present::choose(self.service.as_deref(), cx, NOT_DONE).await?;
        let service = chosen.service(cx, NOT_DONE).await?;
        let target = chosen.target(&service, cx, NOT_DONE).await?;
        (cx.sees_or_why)(&target)?;
        if let Some(by) = plan::foreign(&service).filter(|_| service.primary().is_none()) {
            return Ok(elsewhere(&chosen, &service, &by));
        }
        let present = chosen.present(service, cx, NOT_DONE).await?;
        let tasks = present.tasks(cx).await.map_err(|error| error.failure(NOT_DONE))?;
        let (images, before, stopped) = join3(
            cx.aws.ecr.images(&present.repository),
            previous(&present, &tasks, cx),
            cx.aws.ecs.stopped_tasks(&present.chosen.at, &present.chosen.config.container),
        )
        .await;
        let doubt = match &before {
            Ok(Some(before)) => provenance::doubt_or_why(&present, before.digest(), cx).await,
            _ => None,
        };
        let page = Page { present: &present, tasks: &tasks, images, doubt };
        let before = before.map(|before| before.map(|before| (before.digest().to_owned(), before)));
        let others = present::names_shown(cx).await;
        Ok(page.render(before, &stopped, &others, cx))
    }
}

/// What there is to say of a service whose deployments ECS does not show: another deploys it.
fn elsewhere(chosen: &Chosen, service: &Service, by: &str) -> Reply {
    let Service { desired, running, pending, .. } = service;
    let fields = vec![
        ("Service".into(), Line::new().code(chosen.at.id()).text(" in ").code(&chosen.at.region)),
        ("Deployed".into(), Line::sentence(by)),
        ("Tasks".into(), Line::from(format!("{desired} wanted, {running} running, {pending} pending"))),
    ];
    let reply = Reply::new(Tone::Info).title(words::name(&chosen.name)).part(Part::Fields(fields));
    reply.text("What deploys it knows its versions and its rollouts; I do not.")
}

/// One line for each listed service that the person may see.
async fn every(cx: &Context) -> Result<Reply, CommandError> {
    let all = present::all(cx).await.map_err(|error| error.failure(NOT_DONE))?;
    let mut table =
        Table { head: ["service", "runs", "rollout", "tasks"].map(str::to_owned).to_vec(), rows: Vec::new() };
    let mut missing = Vec::new();
    for chosen in all {
        let name = chosen.name.clone();
        match row(chosen, cx).await {
            Ok(Some(row)) => table.rows.push(row),
            // nothing tells that it is there
            Ok(None) => {}
            Err(CommandError::Failed(failure)) => missing.extend(failure.lines.into_iter().map(|line| of(&name, line))),
            Err(_) => missing.push(of(&name, Line::from("it could not be read."))),
        }
    }
    let mut reply = Reply::new(Tone::Info);
    if !table.rows.is_empty() {
        reply = reply.part(Part::Table(table));
    }
    if !missing.is_empty() {
        reply = reply.part(Part::List(missing));
    }
    if reply.parts.is_empty() {
        return Ok(reply.sentence("There is no service that you may see."));
    }
    Ok(reply.note(Line::sentence("`deploy status <service>` shows more.")))
}

/// What is said of one among several services.
fn of(name: &str, line: Line) -> Line {
    let mut said = Line::new().code(words::name(name)).text(": ");
    said.0.extend(line.0);
    said
}

async fn row(chosen: Chosen, cx: &Context) -> Result<Option<Vec<String>>, CommandError> {
    let service = chosen.service(cx, MISSING).await?;
    if !(cx.sees)(&chosen.target(&service, cx, MISSING).await?) {
        return Ok(None);
    }
    if let Some(controller) = Some(&service.controller).filter(|_| service.primary().is_none())
        && plan::foreign(&service).is_some()
    {
        let (name, Service { running, desired, .. }) = (words::name(&chosen.name), &service);
        let by = format!("by {}", words::name(controller));
        return Ok(Some(vec![name, "not known".to_owned(), by, format!("{running}/{desired}")]));
    }
    let present = chosen.present(service, cx, MISSING).await?;
    let tasks = present.tasks(cx).await.map_err(|error| error.failure(MISSING))?;
    let digest = present.digest(&tasks);
    let image = match &digest {
        Some(digest) => super::goal::known(&format!("{}@{digest}", present.base), &present.chosen.at.region, cx).await,
        None => None,
    };
    let version = image.as_ref().and_then(Image::version).map(words::name);
    let runs = version.or(digest.map(|digest| short(&digest))).unwrap_or_else(|| "not known".to_owned());
    let Service { running, desired, .. } = present.service;
    Ok(Some(vec![words::name(&present.chosen.name), runs, rollout(&present.service), format!("{running}/{desired}")]))
}

fn rollout(service: &Service) -> String {
    let known = service.primary().and_then(|primary| primary.rollout.as_ref());
    words::name(known.map_or(if service.is_steady() { "steady" } else { "in progress" }, Rollout::as_str))
}

/// When and why a task stopped last; nothing where none did.
fn stopped_last(stopped: &Result<Vec<Task>, AwsError>) -> Option<Line> {
    match stopped {
        Ok(stopped) => {
            let (at, reason) = stopped.first()?.stopped.as_ref()?;
            let at = at.strftime("%Y-%m-%d %H:%M UTC");
            Some(Line::from(format!("{at}: ")).code(words::reason(reason)))
        }
        Err(error) => Some(Line::sentence(&format!("not known: {}", error.what_is_so()))),
    }
}

/// What the page of one service is made of.
struct Page<'a> {
    present: &'a Present,
    tasks: &'a [Task],
    images: Result<Vec<Image>, AwsError>,
    /// Why what ran before is not verified, where it should be.
    doubt: Option<String>,
}

type Before = Result<Option<(String, super::previous::Previous)>, AwsError>;

impl Page<'_> {
    fn render(&self, before: Before, stopped: &Result<Vec<Task>, AwsError>, names: &[String], cx: &Context) -> Reply {
        let Present { chosen, service, definition, .. } = self.present;
        let mut fields: Vec<(String, Line)> = vec![
            ("Service".into(), Line::new().code(chosen.at.id()).text(" in ").code(&chosen.at.region)),
            ("Runs".into(), self.runs()),
            ("Task definition".into(), Line::new().code(revision(definition.arn()))),
            ("Rollout".into(), self.rollout()),
            ("Tasks".into(), self.counts()),
        ];
        let unverified = || ("Images".to_owned(), Line::sentence("not verified: the settings say `unverified`"));
        fields.extend(chosen.config.unverified.then(unverified));
        fields.extend(plan::foreign(service).map(|by| ("Deployed".to_owned(), Line::sentence(&by))));
        fields.extend(stopped_last(stopped).map(|line| ("Stopped last".to_owned(), line)));
        let began = service.primary().and_then(|primary| primary.since).filter(|_| service.is_rolling());
        if let Some((at, words)) = began.and_then(|since| service.trouble(since)) {
            let at = at.strftime("%Y-%m-%d %H:%M UTC");
            fields.push(("ECS says".into(), Line::from(format!("{at}: ")).code(words::reason(words))));
        }
        let goes = match (service.is_rolling(), &before) {
            (true, Ok(Some(_))) => "A rollback stops it and goes back to",
            (_, Ok(None)) => "A rollback",
            _ => "A rollback goes to",
        };
        // the one who deploys it rolls it back
        if plan::foreign(service).is_none() {
            fields.push((goes.into(), self.goes_to(&before)));
        }
        let title = if chosen.is_self { format!("{} (this is me)", chosen.name) } else { chosen.name.clone() };
        let mut reply = Reply::new(Tone::Info).title(words::name(&title)).part(Part::Fields(fields));
        reply = match &self.images {
            Ok(images) if images.is_empty() => reply.text("ECR has no tagged image of it."),
            Ok(images) => reply.text("The latest versions:").part(Part::List(self.latest(images))),
            Err(error) => reply.sentence(&format!("The versions in ECR are not known: {}", error.what_is_so())),
        };
        let others: Vec<&str> = names.iter().map(String::as_str).filter(|name| *name != chosen.name).collect();
        if !others.is_empty() {
            let text = format!("I also deploy {}.", words::list(&others, "and"));
            reply = reply.note(Line::sentence(&text));
        }
        // what would be refused is not offered; to stop a rollout names no image, and is
        let goes_back = matches!(before, Ok(Some(_))) && (service.is_rolling() || self.doubt.is_none());
        reply.buttons(self.buttons(goes_back, cx))
    }

    fn version(&self, digest: &str) -> Option<&str> {
        let images = self.images.as_deref().unwrap_or_default();
        images.iter().find(|image| image.digest == digest).and_then(Image::version)
    }

    /// The version of a digest, and the digest.
    fn says(&self, digest: &str) -> String {
        says(self.version(digest), digest)
    }

    fn runs(&self) -> Line {
        let mut by_digest: BTreeMap<Option<&str>, usize> = BTreeMap::new();
        for task in self.tasks.iter().filter(|task| task.is_running) {
            *by_digest.entry(task.runs()).or_default() += 1;
        }
        if by_digest.is_empty() {
            return Line::from("nothing");
        }
        let part = |(digest, count): (&Option<&str>, &usize)| {
            let version =
                digest.map_or_else(|| "an image that ECS does not tell".to_owned(), |digest| self.says(digest));
            format!("{version} in {}", words::count(*count, "task"))
        };
        Line::sentence(&by_digest.iter().map(part).collect::<Vec<_>>().join(", "))
    }

    fn rollout(&self) -> Line {
        let service = &self.present.service;
        let mut line = Line::new().bold(rollout(service));
        let Some(primary) = service.primary() else { return line };
        if service.is_rolling() {
            line = line.text(": ");
            let digest = self.present.digest(self.tasks);
            line.0.extend(self.present.progress(digest.as_deref().and_then(|digest| self.version(digest))).0);
        }
        if primary.failed > 0 {
            line =
                line.text(format!(", {} failed", words::count(usize::try_from(primary.failed).unwrap_or(0), "task")));
        }
        if let Some(since) = primary.since {
            line = line.text(format!(", begun {}", since.strftime("%Y-%m-%d %H:%M UTC")));
        }
        match primary.reason.as_deref().filter(|_| primary.rollout != Some(Rollout::Completed)) {
            Some(reason) => line.text(" ").code(words::reason(reason)),
            None => line,
        }
    }

    fn counts(&self) -> Line {
        let Service { desired, pending, .. } = self.present.service;
        let running = self.tasks.iter().filter(|task| task.is_running);
        let healthy = running.clone().filter(|task| task.is_healthy == Some(true)).count();
        let sick = running.clone().filter(|task| task.is_healthy == Some(false)).count();
        let running = running.count();
        let health = match (healthy, sick) {
            (0, 0) => "no health check".to_owned(),
            (healthy, 0) => format!("{healthy} healthy"),
            (healthy, sick) => format!("{healthy} healthy, {sick} not"),
        };
        Line::from(format!("{desired} wanted, {running} running, {pending} pending, {health}"))
    }

    fn goes_to(&self, before: &Before) -> Line {
        match before {
            Ok(Some((digest, before))) => {
                let text = format!("{}, `{}`", self.says(digest), revision(before.definition.arn()));
                let guess = if before.is_guess { " (a guess: ECS does not tell what ran before)" } else { "" };
                let doubt = self.doubt.as_ref().map(|why| match self.present.service.is_rolling() {
                    true => format!("; it is not verified: {why}"),
                    false => format!("; I do not roll back to it: {why}"),
                });
                Line::sentence(&format!("{text}{guess}{}", doubt.unwrap_or_default()))
            }
            Ok(None) => Line::from("not possible: nothing is known that it ran before"),
            Err(error) => Line::sentence(&format!("not known: {}", error.what_is_so())),
        }
    }

    fn latest(&self, images: &[Image]) -> Vec<Line> {
        let running: Vec<&str> = self.tasks.iter().filter_map(Task::runs).collect();
        let line = |image: &Image| {
            let pushed = image.pushed.map(|at| format!(", pushed {}", at.strftime("%Y-%m-%d %H:%M UTC")));
            let runs = if running.contains(&image.digest.as_str()) { ", runs" } else { "" };
            let mut line = Line::sentence(&says(image.version(), &image.digest));
            line = line.text(pushed.unwrap_or_default());
            line.text(runs)
        };
        images.iter().take(LATEST).map(line).collect()
    }

    /// What can be done with it as it is now, for a person who may.
    fn buttons(&self, goes_back: bool, cx: &Context) -> Vec<Button> {
        let (name, service) = (&self.present.chosen.name, &self.present.service);
        let mut buttons = Vec::new();
        if plan::foreign(service).is_some() {
            return buttons;
        }
        let digest = self.present.digest(self.tasks);
        let newest = self.images.as_ref().ok().and_then(|images| images.first());
        let newest = newest.filter(|image| Some(&image.digest) != digest.as_ref() && !service.is_rolling());
        if let Some(version) = newest.and_then(Image::version).filter(|_| cx.permitted(DEPLOY).is_some()) {
            // what a tag means may be something else when it is pressed
            let line = newest.and_then(|image| names::deploy(&image.digest, name));
            buttons.extend(line.map(|line| {
                let question = names::question(version, name, self.present.chosen.config.unverified);
                Button::run(format!("Deploy {}", words::cut(version, 40)), line).confirm(question)
            }));
        }
        if let Some(back) = cx.permitted(ROLLBACK).filter(|_| goes_back) {
            let line = words::line(back.name.split(' ').chain([name.as_str()]));
            let question = Line::from(format!("Roll {} back?", words::name(name)));
            buttons.extend(line.map(|line| Button::run("Roll back", line).confirm(question).danger()));
        }
        buttons
    }
}
