//! Which service is meant, and what it is now. Only what is listed in the configuration is ever asked about.

use super::super::folded::meant;
use super::super::{Context, words};
use super::config::{DeployConfig, ServiceConfig};
use super::goal::{revision, with_revision};
use crate::aws::{AwsError, Definition, Repository, Service, ServiceAt, Task, pinned, unpinned};
use crate::domain::{CommandError, Failure, Line, Refusal, Target, UsageError};
use futures_util::future::join_all;

/// A listed service.
#[derive(Clone, Debug)]
pub(super) struct Chosen {
    /// The name by which people know it.
    pub(super) name: String,
    /// Which one it is.
    pub(super) at: ServiceAt,
    /// What is listed of it.
    pub(super) config: ServiceConfig,
    /// Whether it is the bot itself.
    pub(super) is_self: bool,
}

/// The service that a word means: without one the bot itself, or the only one there is.
pub(super) async fn choose(word: Option<&str>, cx: &Context, not_done: &str) -> Result<Chosen, CommandError> {
    let DeployConfig { own, services } = cx.deploy.as_ref();
    if services.is_empty() {
        return Err(nothing_listed(not_done).into());
    }
    let names: Vec<&str> = services.keys().map(String::as_str).collect();
    let name = match word {
        Some(word) => match names.iter().find(|name| meant(name) == meant(word)) {
            Some(name) => name,
            None => return Err(unlisted(word, &names_shown(cx).await, not_done).into()),
        },
        None => match (own, names.as_slice()) {
            (Some(own), _) => own.as_str(),
            (None, [only]) => only,
            (None, _) => return Err(which(&names_shown(cx).await, not_done).into()),
        },
    };
    let Some((name, config)) = services.get_key_value(name) else { return Err(nothing_listed(not_done).into()) };
    let at = place(config, cx).await.map_err(|error| error.failure(not_done))?;
    Ok(Chosen { name: name.clone(), at, config: config.clone(), is_self: own.as_ref() == Some(name) })
}

/// A word that names no listed service. Only those are spelled out that the person may see.
fn unlisted(word: &str, names: &[String], not_done: &str) -> UsageError {
    let listed = match names {
        [] => "`deploy status` shows those that you may see".to_owned(),
        names => format!("I deploy {}", words::list(names, "and")),
    };
    UsageError::sentence(&format!(
        "{} is not among the services that I deploy. {not_done} {listed}; `deploy.services` in my settings lists them.",
        words::said(word)
    ))
}

fn which(names: &[String], not_done: &str) -> UsageError {
    UsageError::sentence(&match names {
        [] => format!("Say which service is meant, by its name in my settings. {not_done}"),
        names => format!("Say which service is meant: {}. {not_done}", words::list(names, "or")),
    })
}

/// The names of the listed services that the person may see. One that cannot be read now is left out: its tags are not known.
pub(super) async fn names_shown(cx: &Context) -> Vec<String> {
    let Ok(all) = all(cx).await else { return Vec::new() };
    let asked = all.iter().map(|one| async move {
        let service = one.service(cx, "").await.ok()?;
        let target = one.target(&service, cx, "").await.ok()?;
        (cx.shows)(&target).then(|| one.name.clone())
    });
    let mut names: Vec<String> = join_all(asked).await.into_iter().flatten().collect();
    names.sort();
    names
}

/// Every listed service, the bot itself first.
pub(super) async fn all(cx: &Context) -> Result<Vec<Chosen>, AwsError> {
    let DeployConfig { own, services } = cx.deploy.as_ref();
    let mut chosen = Vec::new();
    for (name, config) in services {
        let at = place(config, cx).await?;
        chosen.push(Chosen { name: name.clone(), at, config: config.clone(), is_self: own.as_ref() == Some(name) });
    }
    chosen.sort_by_key(|one| !one.is_self);
    Ok(chosen)
}

async fn place(config: &ServiceConfig, cx: &Context) -> Result<ServiceAt, AwsError> {
    let region = match &config.region {
        Some(region) => region.clone(),
        None => cx.aws.regions.default_region().await?,
    };
    Ok(ServiceAt { account: None, region, cluster: config.cluster.clone(), service: config.service.clone() })
}

pub(super) fn nothing_listed(not_done: &str) -> Refusal {
    Refusal::sentence(&format!(
        "I deploy nothing: my settings list no service. {not_done} Set `deploy.services.<name>` with `cluster`, `service`, \
         `container`, `repository` and either `provenance_key` or `unverified`, and `deploy.self` for myself."
    ))
}

/// A service as AWS shows it now.
#[derive(Clone, Debug)]
pub(super) struct Present {
    /// Which one.
    pub(super) chosen: Chosen,
    /// The service itself.
    pub(super) service: Service,
    /// The task definition that it is to have.
    pub(super) definition: Definition,
    /// The image of its container, without tag and digest.
    pub(super) base: String,
    /// Where its images are.
    pub(super) repository: Repository,
}

impl Chosen {
    /// The service as AWS shows it, before anything else is read.
    pub(super) async fn service(&self, cx: &Context, not_done: &str) -> Result<Service, CommandError> {
        let found = cx.aws.ecs.service(&self.at).await.map_err(|error| error.failure(not_done))?;
        let ServiceAt { region, cluster, service, .. } = &self.at;
        let gone = || {
            let text = format!(
                "AWS has no service `{}` in the cluster `{}` in `{region}`. {not_done} Check `deploy.services.{}` in my \
                 settings.",
                words::name(service),
                words::name(cluster),
                self.name
            );
            Failure::sentence(&text, "service not found")
        };
        Ok(found.filter(|service| service.is_active).ok_or_else(gone)?)
    }

    /// What a policy judges.
    pub(super) async fn target(&self, service: &Service, cx: &Context, not_done: &str) -> Result<Target, CommandError> {
        let account = cx.aws.accounts.usual().await.map_err(|error| error.failure(not_done))?;
        Ok(service.target(&self.at, &self.name, &account))
    }

    /// The rest of what is to be known of it.
    pub(super) async fn present(self, service: Service, cx: &Context, not_done: &str) -> Result<Present, CommandError> {
        let wrong = |text: &str| {
            let text = format!("{text} {not_done} Check `deploy.services.{}` in my settings.", self.name);
            CommandError::from(Failure::sentence(&text, "service is not as configured"))
        };
        let Some(primary) = service.primary() else {
            return Err(wrong(&format!("ECS shows no deployment of `{}`.", self.name)));
        };
        let definition = cx.aws.ecs.definition(&self.at.place(), &primary.definition).await;
        let definition = definition.map_err(|error| error.failure(not_done))?;
        let (container, revision) = (words::name(&self.config.container), revision(definition.arn()));
        let Some(image) = definition.image(&self.config.container) else {
            return Err(wrong(&format!("The task definition `{revision}` has no container `{container}`.")));
        };
        let repository = Repository::of_image(image, &self.at.region);
        let Some(repository) = repository.filter(|found| found.name == self.config.repository) else {
            return Err(wrong(&format!(
                "The container `{container}` of `{revision}` runs `{}`, which is not of the repository `{}`.",
                words::name(image),
                words::name(&self.config.repository)
            )));
        };
        let base = unpinned(image).to_owned();
        Ok(Present { chosen: self, service, definition, base, repository })
    }
}

impl Present {
    /// Its tasks that run or are to run.
    pub(super) async fn tasks(&self, cx: &Context) -> Result<Vec<Task>, AwsError> {
        cx.aws.ecs.tasks(&self.chosen.at, &self.chosen.config.container).await
    }

    /// The image of its container as the task definition names it.
    pub(super) fn image(&self) -> &str {
        self.definition.image(&self.chosen.config.container).unwrap_or_default()
    }

    /// The digest that it is to run: what the task definition pins, else what its tasks run, if they agree.
    pub(super) fn digest(&self, tasks: &[Task]) -> Option<String> {
        if let Some(digest) = pinned(self.image()) {
            return Some(digest.to_owned());
        }
        let mut of_it = tasks.iter().filter(|task| task.definition == self.definition.arn()).map(Task::runs);
        let first = of_it.next()??;
        of_it.all(|other| other == Some(first)).then(|| first.to_owned())
    }

    /// ``"`1.4.2` (`web:8`), 1 of 2 tasks"``: how far the rollout under way is, of this version where it is known.
    pub(super) fn progress(&self, version: Option<&str>) -> Line {
        let Some(primary) = self.service.primary() else { return Line::new() };
        Line::sentence(&format!(
            "{}, {} of {}",
            with_revision(version, &primary.definition),
            primary.running,
            words::count(usize::try_from(primary.desired).unwrap_or_default(), "task")
        ))
    }
}
