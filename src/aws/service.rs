//! An ECS service as the commands see it: only what they use, in plain types.

use super::image_name::pinned;
use super::time::time;
use crate::domain::{AccountId, AccountRegion, ResourceKind, Target};
use aws_sdk_ecs::types;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};

/// The label of a container that says which request made its task definition.
const MADE_BY: &str = "dronebot.request";

/// How many of the events of a service are read.
const EVENTS: usize = 50;

/// The kind of a service among targets.
pub const SERVICE: ResourceKind = ResourceKind::new("ecs:service");

/// Which service: where it is, and what it is called there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceAt {
    /// Its account; `None`: the usual one. It is not stored with a plan, whose steps say it.
    #[serde(skip)]
    pub account: Option<AccountId>,
    /// Its region.
    pub region: String,
    /// The name of its cluster.
    pub cluster: String,
    /// Its own name.
    pub service: String,
}

impl ServiceAt {
    /// Its id within account and region, as its ARN ends: `service/prod/web`.
    pub fn id(&self) -> String {
        format!("service/{}/{}", self.cluster, self.service)
    }

    /// The reverse of [`ServiceAt::id`].
    pub fn parse(region: &str, id: &str) -> Option<Self> {
        let (cluster, service) = id.strip_prefix("service/")?.split_once('/')?;
        let (cluster, service) = (cluster.to_owned(), service.to_owned());
        Some(Self { account: None, region: region.to_owned(), cluster, service })
    }

    /// Where it is asked about.
    pub fn place(&self) -> AccountRegion {
        AccountRegion { account: self.account.clone(), region: self.region.clone() }
    }
}

/// How far a deployment is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rollout {
    /// Tasks are being replaced.
    InProgress,
    /// The service is in a steady state with it.
    Completed,
    /// ECS has given it up.
    Failed,
    /// A state that this program does not know.
    Other(String),
}

impl Rollout {
    /// AWS's word.
    pub fn as_str(&self) -> &str {
        match self {
            Self::InProgress => "IN_PROGRESS",
            Self::Completed => "COMPLETED",
            Self::Failed => "FAILED",
            Self::Other(word) => word,
        }
    }

    fn parse(word: &str) -> Self {
        match word {
            "IN_PROGRESS" => Self::InProgress,
            "COMPLETED" => Self::Completed,
            "FAILED" => Self::Failed,
            other => Self::Other(other.to_owned()),
        }
    }
}

/// One deployment of a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deployment {
    /// `ecs-svc/123…`
    pub id: String,
    /// Whether it is the one that the service is to have.
    pub is_primary: bool,
    /// The ARN of its task definition.
    pub definition: String,
    /// How far it is, where ECS tells.
    pub rollout: Option<Rollout>,
    /// ECS's words about that.
    pub reason: Option<String>,
    /// Its tasks that are to run.
    pub desired: i32,
    /// Its tasks that run.
    pub running: i32,
    /// Its tasks that did not start, or were not healthy.
    pub failed: i32,
    /// When it began.
    pub since: Option<jiff::Timestamp>,
}

/// A service. Strings are untrusted where people can set them (tags).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Service {
    /// Whether it is there to be deployed to: neither deleted nor being drained.
    pub is_active: bool,
    /// Who replaces its tasks: `ECS`, `CODE_DEPLOY`, `EXTERNAL`.
    pub controller: String,
    /// How: `ROLLING`, `BLUE_GREEN`, …
    pub strategy: String,
    /// Whether a deployment whose tasks do not start is rolled back by ECS itself.
    pub rolls_back: bool,
    /// Tasks that are to run.
    pub desired: i32,
    /// Tasks that run.
    pub running: i32,
    /// Tasks on their way to run.
    pub pending: i32,
    /// Its deployments, as ECS lists them.
    pub deployments: Vec<Deployment>,
    /// The ARN of the service deployment that is under way, where ECS tells.
    pub under_way: Option<String>,
    /// What ECS says of it, the latest first: when, and its words.
    pub events: Vec<(jiff::Timestamp, String)>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
}

impl Service {
    pub(super) fn from_sdk(sdk: &types::Service) -> Self {
        let configuration = sdk.deployment_configuration();
        let breaker = configuration.and_then(types::DeploymentConfiguration::deployment_circuit_breaker);
        let strategy = configuration.and_then(types::DeploymentConfiguration::strategy);
        Self {
            is_active: sdk.status().is_none_or(|status| status == "ACTIVE"),
            controller: sdk.deployment_controller().map_or("ECS", |controller| controller.r#type().as_str()).to_owned(),
            strategy: strategy.map_or("ROLLING", |strategy| strategy.as_str()).to_owned(),
            rolls_back: breaker.is_some_and(|breaker| breaker.enable() && breaker.rollback()),
            desired: sdk.desired_count(),
            running: sdk.running_count(),
            pending: sdk.pending_count(),
            deployments: sdk.deployments().iter().map(deployment).collect(),
            under_way: sdk.current_service_deployment().filter(|arn| !arn.is_empty()).map(str::to_owned),
            events: sdk.events().iter().take(EVENTS).filter_map(event).collect(),
            tags: tags(sdk.tags()),
        }
    }

    /// The latest trouble of which ECS speaks since then.
    pub fn trouble(&self, since: jiff::Timestamp) -> Option<&(jiff::Timestamp, String)> {
        const TROUBLE: [&str; 5] = ["unable", "fail", "unhealthy", "error", "not "];
        let is_trouble = |words: &str| TROUBLE.iter().any(|word| words.contains(word));
        self.events.iter().filter(|(at, _)| *at >= since).find(|(_, words)| is_trouble(&words.to_lowercase()))
    }

    /// The deployment that it is to have.
    pub fn primary(&self) -> Option<&Deployment> {
        self.deployments.iter().find(|one| one.is_primary)
    }

    /// Whether tasks are being replaced now.
    pub fn is_rolling(&self) -> bool {
        match self.primary().and_then(|primary| primary.rollout.as_ref()) {
            Some(rollout) => *rollout == Rollout::InProgress,
            None => !self.is_steady(),
        }
    }

    /// Whether it has one deployment and as many tasks as it is to have.
    pub fn is_steady(&self) -> bool {
        self.deployments.len() == 1 && self.running == self.desired && self.pending == 0
    }

    /// What a policy judges.
    pub fn target(&self, at: &ServiceAt, name: &str, account: &AccountId) -> Target {
        Target {
            kind: SERVICE,
            id: at.id(),
            name: Some(name.to_owned()),
            account: account.clone(),
            region: at.region.clone(),
            tags: self.tags.clone(),
        }
    }
}

fn deployment(sdk: &types::Deployment) -> Deployment {
    Deployment {
        id: sdk.id().unwrap_or_default().to_owned(),
        is_primary: sdk.status() == Some("PRIMARY"),
        definition: sdk.task_definition().unwrap_or_default().to_owned(),
        rollout: sdk.rollout_state().map(|state| Rollout::parse(state.as_str())),
        reason: sdk.rollout_state_reason().filter(|reason| !reason.is_empty()).map(str::to_owned),
        desired: sdk.desired_count(),
        running: sdk.running_count(),
        failed: sdk.failed_tasks(),
        since: sdk.created_at().and_then(time),
    }
}

fn event(sdk: &types::ServiceEvent) -> Option<(jiff::Timestamp, String)> {
    Some((sdk.created_at().and_then(time)?, sdk.message().filter(|words| !words.is_empty())?.to_owned()))
}

fn tags(sdk: &[types::Tag]) -> BTreeMap<String, String> {
    let pair = |tag: &types::Tag| Some((tag.key()?.to_owned(), tag.value().unwrap_or_default().to_owned()));
    sdk.iter().filter_map(pair).collect()
}

/// Why a task stopped: in ECS's words for it, and for each of its containers that gave a reason or did not end well.
fn why_stopped(sdk: &types::Task) -> Option<String> {
    let of_container = |one: &types::Container| {
        let reason = one.reason().filter(|reason| !reason.is_empty()).map(str::to_owned);
        let code = one.exit_code().filter(|code| *code != 0).map(|code| format!("exit code {code}"));
        let both: Vec<String> = reason.into_iter().chain(code).collect();
        (!both.is_empty()).then(|| format!("{}: {}", one.name().unwrap_or("container"), both.join(", ")))
    };
    let of_task = sdk.stopped_reason().filter(|reason| !reason.is_empty()).map(str::to_owned);
    let all: Vec<String> = of_task.into_iter().chain(sdk.containers().iter().filter_map(of_container)).collect();
    (!all.is_empty()).then(|| all.join("; "))
}

/// One task, as far as one of its containers is concerned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Task {
    /// The ARN of its task definition.
    pub definition: String,
    /// Whether it runs: neither on its way to it nor away from it.
    pub is_running: bool,
    /// Whether its health check says so; `None` without one, or not yet.
    pub is_healthy: Option<bool>,
    /// The image of the container, as its task definition names it.
    pub image: Option<String>,
    /// The digest of what the container runs, where ECS tells.
    pub digest: Option<String>,
    /// When and why it stopped.
    pub stopped: Option<(jiff::Timestamp, String)>,
}

impl Task {
    pub(super) fn from_sdk(sdk: &types::Task, container: &str) -> Self {
        let container = sdk.containers().iter().find(|one| one.name() == Some(container));
        Self {
            definition: sdk.task_definition_arn().unwrap_or_default().to_owned(),
            is_running: sdk.last_status() == Some("RUNNING"),
            is_healthy: match sdk.health_status() {
                Some(types::HealthStatus::Healthy) => Some(true),
                Some(types::HealthStatus::Unhealthy) => Some(false),
                _ => None,
            },
            image: container.and_then(|one| one.image()).map(str::to_owned),
            digest: container.and_then(|one| one.image_digest()).map(str::to_owned),
            // one that is about to stop has a reason, and no time yet
            stopped: sdk.stopped_at().or(sdk.stopping_at()).and_then(time).and_then(|at| Some((at, why_stopped(sdk)?))),
        }
    }

    /// The digest of its image: what its task definition pins, else what ECS tells. Of an index ECS may tell the image of
    /// the platform, which people do not know by a version.
    pub fn runs(&self) -> Option<&str> {
        self.image.as_deref().and_then(pinned).or(self.digest.as_deref())
    }
}

/// One revision of a task definition.
#[derive(Clone, Debug, PartialEq)]
pub struct Definition {
    pub(super) sdk: types::TaskDefinition,
    pub(super) tags: Vec<types::Tag>,
}

impl Definition {
    /// Its ARN.
    pub fn arn(&self) -> &str {
        self.sdk.task_definition_arn().unwrap_or_default()
    }

    /// Its family.
    pub fn family(&self) -> &str {
        self.sdk.family().unwrap_or_default()
    }

    /// The number of the revision.
    pub fn revision(&self) -> i32 {
        self.sdk.revision()
    }

    /// Whether services may be given it.
    pub fn is_active(&self) -> bool {
        self.sdk.status().is_none_or(|status| *status == types::TaskDefinitionStatus::Active)
    }

    /// The image of a container.
    pub fn image(&self, container: &str) -> Option<&str> {
        self.sdk.container_definitions().iter().find(|one| one.name() == Some(container))?.image()
    }

    /// The same with another image in one container.
    #[must_use]
    pub fn with_image(&self, container: &str, image: &str) -> Self {
        let mut other = self.clone();
        for one in other.sdk.container_definitions.iter_mut().flatten() {
            if one.name() == Some(container) {
                one.image = Some(image.to_owned());
            }
        }
        other
    }

    /// The same with a note of the request that makes it.
    pub(super) fn made_by(&self, container: &str, request: &str) -> Self {
        let mut other = self.clone();
        for one in other.sdk.container_definitions.iter_mut().flatten() {
            if one.name() == Some(container) {
                one.docker_labels.get_or_insert_default().insert(MADE_BY.to_owned(), request.to_owned());
            }
        }
        other
    }

    /// Whether a task of the one is a task of the other: all is equal but what ECS adds, and the note of who made it.
    pub fn is_like(&self, other: &Self) -> bool {
        self.plain() == other.plain()
    }

    fn plain(&self) -> types::TaskDefinition {
        let mut plain = self.sdk.clone();
        (plain.task_definition_arn, plain.revision, plain.status) = (None, 0, None);
        (plain.registered_at, plain.registered_by) = (None, None);
        (plain.deregistered_at, plain.delete_requested_at) = (None, None);
        (plain.requires_attributes, plain.compatibilities) = (None, None);
        for one in plain.container_definitions.iter_mut().flatten() {
            let labels: HashMap<_, _> = one.docker_labels.take().unwrap_or_default();
            let labels: HashMap<_, _> = labels.into_iter().filter(|(key, _)| key != MADE_BY).collect();
            one.docker_labels = Some(labels).filter(|labels| !labels.is_empty());
        }
        plain
    }
}

/// A service deployment of the past, or the one under way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Past {
    /// Its ARN.
    pub arn: String,
    /// The ARN of the revision of the service that it brought.
    pub revision: String,
    /// `SUCCESSFUL`, `ROLLBACK_SUCCESSFUL`, `IN_PROGRESS`, …
    pub status: String,
    /// ECS's words about that.
    pub reason: Option<String>,
    /// When it was asked for.
    pub created: Option<jiff::Timestamp>,
}

/// A revision of a service, as far as one of its containers is concerned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revision {
    /// Its ARN.
    pub arn: String,
    /// The ARN of its task definition.
    pub definition: String,
    /// The digest of the container's image: resolved when it was deployed, or pinned.
    pub digest: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn definition(image: &str, label: Option<&str>) -> Definition {
        let labels = label.map(|by| HashMap::from([(MADE_BY.to_owned(), by.to_owned())]));
        let container =
            types::ContainerDefinition::builder().name("web").image(image).set_docker_labels(labels).build();
        let sdk = types::TaskDefinition::builder()
            .task_definition_arn(format!("arn:aws:ecs:eu-central-1:1:task-definition/web:{}", image.len()))
            .family("web")
            .revision(3)
            .container_definitions(container)
            .build();
        Definition { sdk, tags: Vec::new() }
    }

    #[test]
    fn revisions_are_alike_when_their_tasks_are() {
        let one = definition("r/web@sha256:aa", None);
        assert!(one.is_like(&definition("r/web@sha256:aa", Some("cmd-1"))), "who made it does not matter");
        assert!(one.is_like(&one.made_by("web", "cmd-2")));
        assert!(!one.is_like(&definition("r/web@sha256:bb", None)));
        assert!(one.is_like(&definition("r/web:1.0", None).with_image("web", "r/web@sha256:aa")));
        assert_eq!(definition("r/web:1.0", None).with_image("other", "x").image("web"), Some("r/web:1.0"));
    }

    #[test]
    fn a_service_is_named_as_its_arn_ends() {
        let at =
            ServiceAt { account: None, region: "eu-central-1".into(), cluster: "prod".into(), service: "web".into() };
        assert_eq!(at.id(), "service/prod/web");
        assert_eq!(ServiceAt::parse("eu-central-1", &at.id()), Some(at));
        assert_eq!(ServiceAt::parse("eu-central-1", "i-0abc"), None);
    }
}
