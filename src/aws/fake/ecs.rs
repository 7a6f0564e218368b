//! A service of ECS, with its images in ECR, that does what Moto does not: rolls out, gives up, rolls back, is overtaken.
//! Each look sees the next scene of what a test has written; answers come through the SDK's own mocks, and are lost below
//! them.

use super::{Fault, meta};
use crate::aws::{Aws, AwsConfig, Clients, Ec2Clients, EcsClients};
use aws_sdk_ecr::operation::batch_get_image::{BatchGetImageError, BatchGetImageOutput};
use aws_sdk_ecr::operation::describe_images::{DescribeImagesError, DescribeImagesOutput};
use aws_sdk_ecs::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_ecs::error::ConnectorError;
use aws_sdk_ecs::operation::describe_service_revisions::DescribeServiceRevisionsOutput;
use aws_sdk_ecs::operation::describe_services::{DescribeServicesError, DescribeServicesOutput};
use aws_sdk_ecs::operation::describe_task_definition::DescribeTaskDefinitionOutput;
use aws_sdk_ecs::operation::describe_tasks::{DescribeTasksError, DescribeTasksOutput};
use aws_sdk_ecs::operation::list_service_deployments::{ListServiceDeploymentsError, ListServiceDeploymentsOutput};
use aws_sdk_ecs::operation::list_task_definitions::ListTaskDefinitionsOutput;
use aws_sdk_ecs::operation::list_tasks::ListTasksOutput;
use aws_sdk_ecs::operation::register_task_definition::{RegisterTaskDefinitionError, RegisterTaskDefinitionOutput};
use aws_sdk_ecs::operation::stop_service_deployment::{StopServiceDeploymentError, StopServiceDeploymentOutput};
use aws_sdk_ecs::operation::update_service::{UpdateServiceError, UpdateServiceOutput};
use aws_sdk_ecs::primitives::DateTime;
use aws_sdk_ecs::types;
use aws_smithy_mocks::{MockResponse, MockResponseInterceptor, Rule, RuleMode, mock};
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::retry::RetryConfig;
use parking_lot::Mutex;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// The repository of the fake images, without tag and digest.
pub(crate) const REPOSITORY: &str = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/team/web";

const REGION: &str = "eu-central-1";
const ARN: &str = "arn:aws:ecs:eu-central-1:123456789012";

/// The digest of the version with this letter: `a` is `sha256:aaaa…`.
pub(crate) fn digest(letter: &str) -> String {
    format!("sha256:{}", letter.repeat(64))
}

/// The ARN of a revision of `web`.
pub(crate) fn web(revision: i32) -> String {
    format!("{ARN}:task-definition/web:{revision}")
}

/// One deployment of a scene.
#[derive(Clone, Debug)]
pub(crate) struct Dep {
    pub id: &'static str,
    pub revision: i32,
    pub primary: bool,
    pub state: &'static str,
    pub reason: Option<&'static str>,
    pub running: i32,
}

impl Dep {
    pub(crate) fn new(id: &'static str, revision: i32, state: &'static str, running: i32) -> Self {
        Self { id, revision, primary: true, state, reason: None, running }
    }

    pub(crate) fn old(self) -> Self {
        Self { primary: false, ..self }
    }

    pub(crate) fn because(self, reason: &'static str) -> Self {
        Self { reason: Some(reason), ..self }
    }
}

/// What one look sees.
#[derive(Clone, Debug, Default)]
pub(crate) struct Scene {
    pub deps: Vec<Dep>,
    /// Running tasks: revision, and the letter of the digest that ECS tells.
    pub tasks: Vec<(i32, &'static str)>,
}

impl Scene {
    pub(crate) fn new(deps: &[Dep], tasks: &[(i32, &'static str)]) -> Self {
        Self { deps: deps.to_vec(), tasks: tasks.to_vec() }
    }
}

/// An image: tags, letter of its digest, when it was pushed.
#[derive(Clone, Debug)]
pub(crate) struct Picture {
    pub tags: Vec<&'static str>,
    pub letter: &'static str,
    pub pushed: i64,
    /// Of an index: the letters of its parts.
    pub parts: Vec<&'static str>,
}

/// What the fake service is and does next.
#[derive(Debug, Default)]
pub(crate) struct Stage {
    pub definitions: Vec<types::TaskDefinition>,
    pub scene: Scene,
    /// What the next looks see, one after the other; the last stays.
    pub ahead: VecDeque<Scene>,
    /// What they see after such a call.
    pub after: BTreeMap<&'static str, Vec<Scene>>,
    pub images: Vec<Picture>,
    /// What lies beside the images, by its tag.
    pub manifests: BTreeMap<String, String>,
    /// Service deployments, the newest first: status, revision of the task definition, letter of its digest, reason.
    pub past: Vec<(&'static str, i32, &'static str, Option<&'static str>)>,
    /// A stopped task: revision, letter, reason.
    pub stopped: Option<(i32, &'static str, &'static str)>,
    /// So many stopped before it, and are listed before it.
    pub stopped_earlier: i64,
    pub tags: BTreeMap<String, String>,
    pub gone: bool,
    /// What another container of that task says: its reason, and its exit code.
    pub sidecar: Option<(&'static str, i32)>,
    /// Events of the service, the latest first.
    pub events: Vec<(i64, &'static str)>,
    pub controller: Option<types::DeploymentControllerType>,
    pub strategy: Option<types::DeploymentStrategy>,
    pub rolls_back: bool,
    pub desired: i32,
    pub faults: BTreeMap<&'static str, VecDeque<Fault>>,
    /// Every changing call: `UpdateService web:8`.
    pub changes: Vec<String>,
    /// How many calls of each kind there were.
    pub calls: BTreeMap<String, usize>,
}

impl Stage {
    fn fault(&mut self, operation: &str) -> Option<Fault> {
        *self.calls.entry(operation.to_owned()).or_default() += 1;
        self.faults.get_mut(operation)?.pop_front()
    }

    fn loses(&self, operation: &str) -> bool {
        let next = self.faults.get(operation).and_then(VecDeque::front);
        matches!(next, Some(Fault::Lost { .. } | Fault::NotSent))
    }

    fn register(&mut self, image: &str, definition: types::TaskDefinition) -> types::TaskDefinition {
        let revision = self.definitions.iter().map(types::TaskDefinition::revision).max().unwrap_or(0) + 1;
        self.changes.push(format!("RegisterTaskDefinition {}", image.replace(REPOSITORY, "")));
        let mut made = definition;
        (made.revision, made.task_definition_arn) = (revision, Some(web(revision)));
        made.family = Some("web".to_owned());
        self.definitions.push(made.clone());
        made
    }

    fn change(&mut self, operation: &'static str, what: &str) {
        self.changes.push(format!("{operation} {}", what.rsplit('/').next().unwrap_or_default()));
        if let Some(scenes) = self.after.get(operation) {
            self.ahead = scenes.clone().into();
        }
    }

    fn service(&self) -> types::Service {
        let breaker = types::DeploymentCircuitBreaker::builder().enable(self.rolls_back).rollback(self.rolls_back);
        let configuration = types::DeploymentConfiguration::builder().deployment_circuit_breaker(breaker.build());
        let configuration = configuration.set_strategy(self.strategy.clone()).build();
        let event = |(at, words): &(i64, &'static str)| {
            types::ServiceEvent::builder().created_at(DateTime::from_secs(*at)).message(*words).build()
        };
        let controller = self.controller.clone().unwrap_or(types::DeploymentControllerType::Ecs);
        let controller = types::DeploymentController::builder().r#type(controller).build().expect("a controller");
        let dep = |dep: &Dep| {
            types::Deployment::builder()
                .id(dep.id)
                .status(if dep.primary { "PRIMARY" } else { "ACTIVE" })
                .task_definition(web(dep.revision))
                .rollout_state(dep.state.into())
                .set_rollout_state_reason(dep.reason.map(str::to_owned))
                .desired_count(self.desired)
                .running_count(dep.running)
                .created_at(DateTime::from_secs(1_794_990_000))
                .build()
        };
        let tags = self.tags.iter().map(|(key, value)| types::Tag::builder().key(key).value(value).build());
        let running = i32::try_from(self.scene.tasks.len()).expect("few");
        types::Service::builder()
            .service_name("shop")
            .status(if self.gone { "INACTIVE" } else { "ACTIVE" })
            .deployment_configuration(configuration)
            .deployment_controller(controller)
            .desired_count(self.desired)
            .running_count(running)
            .set_deployments(Some(self.scene.deps.iter().map(dep).collect()))
            .set_events(Some(self.events.iter().map(event).collect()))
            .set_tags(Some(tags.collect()))
            .build()
    }

    fn task(&self, revision: i32, letter: &str) -> types::Task {
        let definition = self.definitions.iter().find(|one| one.revision() == revision).expect("a revision");
        let image = definition.container_definitions().first().and_then(|one| one.image()).unwrap_or_default();
        let container = types::Container::builder().name("web").image(image);
        let container = container.set_image_digest((letter != "-").then(|| digest(letter))).build();
        types::Task::builder()
            .task_definition_arn(web(revision))
            .last_status("RUNNING")
            .health_status(types::HealthStatus::Healthy)
            .containers(container)
            .build()
    }
}

/// A revision of `web` with this image.
pub(crate) fn definition(revision: i32, image: &str) -> types::TaskDefinition {
    let container = types::ContainerDefinition::builder()
        .name("web")
        .image(image)
        .environment(types::KeyValuePair::builder().name("MODE").value("prod").build())
        .build();
    types::TaskDefinition::builder()
        .task_definition_arn(web(revision))
        .family("web")
        .revision(revision)
        .status(types::TaskDefinitionStatus::Active)
        .execution_role_arn("arn:aws:iam::123456789012:role/execution")
        .container_definitions(container)
        .build()
}

/// A handle on the fake service.
#[derive(Clone, Debug)]
pub(crate) struct FakeService(pub Arc<Mutex<Stage>>);

/// A rule that answers from the stage; what is lost passes through to the wire.
macro_rules! rule {
    ($self:ident, $call:path, $operation:literal, $error:ident, |$stage:ident, $input:ident| $answer:expr) => {{
        let (stage, seen) = ($self.0.clone(), $self.0.clone());
        mock!($call).match_requests(move |_| !seen.lock().loses($operation)).then_compute_response(move |$input| {
            let mut locked = stage.lock();
            let $stage = &mut *locked;
            if let Some(Fault::Code(code, message)) = $stage.fault($operation) {
                return MockResponse::Error($error::generic(meta(code, message)));
            }
            MockResponse::Output($answer)
        })
    }};
    ($self:ident, $call:path, $operation:literal, |$stage:ident, $input:ident| $answer:expr) => {{
        let stage = $self.0.clone();
        mock!($call).then_compute_response(move |$input| {
            let mut locked = stage.lock();
            let $stage = &mut *locked;
            let _ = $stage.fault($operation);
            MockResponse::Output($answer)
        })
    }};
}

type Ecs = aws_sdk_ecs::Client;
type Ecr = aws_sdk_ecr::Client;

impl FakeService {
    /// Two tasks of `web:7`, which pins version 1.4.1 (`a`); before it `web:6` with 1.4.0 (`0`). In ECR there is 1.4.2 (`b`).
    pub(crate) fn new() -> Self {
        let picture = |tag, letter, pushed| Picture { tags: vec![tag], letter, pushed, parts: Vec::new() };
        let pinned = |letter: &str| format!("{REPOSITORY}@{}", digest(letter));
        Self(Arc::new(Mutex::new(Stage {
            definitions: vec![definition(6, &pinned("0")), definition(7, &pinned("a"))],
            scene: Scene::new(&[Dep::new("ecs-svc/7", 7, "COMPLETED", 2)], &[(7, "a"), (7, "a")]),
            images: vec![
                picture("1.4.0", "0", 1_794_000_000),
                picture("1.4.1", "a", 1_794_100_000),
                picture("1.4.2", "b", 1_794_200_000),
            ],
            past: vec![("SUCCESSFUL", 7, "a", None), ("SUCCESSFUL", 6, "0", None)],
            rolls_back: true,
            desired: 2,
            ..Stage::default()
        })))
    }

    pub(crate) fn fails(&self, operation: &'static str, fault: Fault) {
        self.0.lock().faults.entry(operation).or_default().push_back(fault);
    }

    /// What the looks see after a changing call.
    pub(crate) fn after(&self, operation: &'static str, scenes: &[Scene]) {
        self.0.lock().after.insert(operation, scenes.to_vec());
    }

    /// The provider with nothing but this service.
    pub(crate) fn aws(&self) -> Arc<Aws> {
        let config = AwsConfig { region: Some(REGION.to_owned()), rate_share: 1.0, ..AwsConfig::default() };
        let nothing: [(String, Ec2Clients); 0] = [];
        let clients: EcsClients = Clients { read: self.ecs(), change: self.ecs() };
        Arc::new(Aws::with_ec2_clients(config, "123456789012", nothing).and_deploy_clients(REGION, clients, self.ecr()))
    }

    fn ecs(&self) -> Ecs {
        let mut mocks = MockResponseInterceptor::new().rule_mode(RuleMode::MatchAny).allow_passthrough();
        for rule in &self.looks().into_iter().chain(self.memories()).chain(self.changes()).collect::<Vec<_>>() {
            mocks = mocks.with_rule(rule);
        }
        let wire = Wire(self.0.clone());
        let http = http_client_fn(move |_: &HttpConnectorSettings, _: &_| SharedHttpConnector::new(wire.clone()));
        let conf = aws_sdk_ecs::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(REGION))
            .credentials_provider(Credentials::new("test", "test", None, None, "test"))
            .retry_config(RetryConfig::disabled())
            .http_client(http)
            .interceptor(mocks);
        Ecs::from_conf(conf.build())
    }

    fn ecr(&self) -> Ecr {
        let mut mocks = MockResponseInterceptor::new().rule_mode(RuleMode::MatchAny).allow_passthrough();
        for rule in &self.registry() {
            mocks = mocks.with_rule(rule);
        }
        let wire = Wire(self.0.clone());
        let http = http_client_fn(move |_: &HttpConnectorSettings, _: &_| SharedHttpConnector::new(wire.clone()));
        let conf = aws_sdk_ecr::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(REGION))
            .credentials_provider(Credentials::new("test", "test", None, None, "test"))
            .retry_config(RetryConfig::disabled())
            .http_client(http)
            .interceptor(mocks);
        Ecr::from_conf(conf.build())
    }

    fn looks(&self) -> Vec<Rule> {
        vec![
            rule!(self, Ecs::describe_services, "DescribeServices", DescribeServicesError, |stage, _input| {
                if let Some(scene) = stage.ahead.pop_front() {
                    stage.scene = scene;
                }
                DescribeServicesOutput::builder().services(stage.service()).build()
            }),
            rule!(self, Ecs::list_tasks, "ListTasks", |stage, input| {
                let arns: Vec<String> = match input.desired_status() {
                    Some(types::DesiredStatus::Stopped) => {
                        let ago = (0..=stage.stopped_earlier).rev().map(|ago| format!("stopped-{ago}"));
                        ago.filter(|_| stage.stopped.is_some()).collect()
                    }
                    _ => (0..stage.scene.tasks.len()).map(|number| number.to_string()).collect(),
                };
                ListTasksOutput::builder().set_task_arns(Some(arns)).build()
            }),
            rule!(self, Ecs::describe_tasks, "DescribeTasks", DescribeTasksError, |stage, input| {
                let task = |arn: &String| match arn.parse::<usize>() {
                    Ok(number) => {
                        let (revision, letter) = stage.scene.tasks[number];
                        stage.task(revision, letter)
                    }
                    Err(_) => {
                        let (revision, letter, reason) = stage.stopped.expect("a stopped task");
                        let mut task = stage.task(revision, letter);
                        task.last_status = Some("STOPPED".to_owned());
                        let ago: i64 = arn.trim_start_matches("stopped-").parse().expect("a number");
                        task.stopped_at = Some(DateTime::from_secs(1_794_990_500 - ago));
                        let reason = if ago == 0 { reason } else { "of one that stopped earlier" };
                        task.stopped_reason = Some(reason.to_owned());
                        if let (Some((reason, code)), Some(containers)) = (stage.sidecar, &mut task.containers) {
                            let sidecar = types::Container::builder().name("sidecar").reason(reason).exit_code(code);
                            containers.push(sidecar.build());
                        }
                        task
                    }
                };
                DescribeTasksOutput::builder().set_tasks(Some(input.tasks().iter().map(task).collect())).build()
            }),
        ]
    }

    fn memories(&self) -> Vec<Rule> {
        vec![
            rule!(self, Ecs::describe_task_definition, "DescribeTaskDefinition", |stage, input| {
                let wanted = input.task_definition().expect("an arn");
                let found = stage.definitions.iter().find(|one| one.task_definition_arn() == Some(wanted));
                DescribeTaskDefinitionOutput::builder().set_task_definition(found.cloned()).build()
            }),
            rule!(self, Ecs::list_task_definitions, "ListTaskDefinitions", |stage, _input| {
                let arns = stage.definitions.iter().map(|one| web(one.revision())).collect();
                ListTaskDefinitionsOutput::builder().set_task_definition_arns(Some(arns)).build()
            }),
            rule!(
                self,
                Ecs::list_service_deployments,
                "ListServiceDeployments",
                ListServiceDeploymentsError,
                |stage, _input| {
                    let newest = i64::try_from(stage.past.len()).expect("few");
                    let brief = |(age, (status, revision, _, reason)): (i64, &(&str, i32, _, Option<&str>))| {
                        types::ServiceDeploymentBrief::builder()
                            .service_deployment_arn(format!("{ARN}:service-deployment/prod/shop/{}", newest - age))
                            .target_service_revision_arn(format!("{ARN}:service-revision/prod/shop/{revision}"))
                            .status((*status).into())
                            .set_status_reason(reason.map(str::to_owned))
                            .created_at(DateTime::from_secs(1_794_000_000 - age))
                            .build()
                    };
                    let briefs = (0..).zip(&stage.past).map(brief).collect();
                    ListServiceDeploymentsOutput::builder().set_service_deployments(Some(briefs)).build()
                }
            ),
            rule!(self, Ecs::describe_service_revisions, "DescribeServiceRevisions", |stage, input| {
                let revision = |arn: &String| {
                    let number: i32 = arn.rsplit('/').next().and_then(|number| number.parse().ok()).expect("a number");
                    let letter = stage.past.iter().find(|one| one.1 == number).expect("a past").2;
                    let image = types::ContainerImage::builder().container_name("web").image_digest(digest(letter));
                    types::ServiceRevision::builder()
                        .service_revision_arn(arn)
                        .task_definition(web(number))
                        .container_images(image.build())
                        .build()
                };
                let revisions = input.service_revision_arns().iter().map(revision).collect();
                DescribeServiceRevisionsOutput::builder().set_service_revisions(Some(revisions)).build()
            }),
        ]
    }

    fn changes(&self) -> Vec<Rule> {
        vec![
            rule!(
                self,
                Ecs::register_task_definition,
                "RegisterTaskDefinition",
                RegisterTaskDefinitionError,
                |stage, input| {
                    let image = input.container_definitions()[0].image().unwrap_or_default().to_owned();
                    let definition = types::TaskDefinition::builder()
                        .set_execution_role_arn(input.execution_role_arn.clone())
                        .set_container_definitions(input.container_definitions.clone())
                        .build();
                    let made = stage.register(&image, definition);
                    RegisterTaskDefinitionOutput::builder().task_definition(made).build()
                }
            ),
            rule!(self, Ecs::update_service, "UpdateService", UpdateServiceError, |stage, input| {
                stage.change("UpdateService", input.task_definition().unwrap_or_default());
                let primary = types::Deployment::builder().id("ecs-svc/new").status("PRIMARY").build();
                UpdateServiceOutput::builder().service(types::Service::builder().deployments(primary).build()).build()
            }),
            rule!(
                self,
                Ecs::stop_service_deployment,
                "StopServiceDeployment",
                StopServiceDeploymentError,
                |stage, input| {
                    stage.change("StopServiceDeployment", input.service_deployment_arn().unwrap_or_default());
                    StopServiceDeploymentOutput::builder()
                        .set_service_deployment_arn(input.service_deployment_arn().map(str::to_owned))
                        .build()
                }
            ),
        ]
    }

    fn registry(&self) -> Vec<Rule> {
        let detail = |picture: &Picture| {
            let kind = match picture.parts.is_empty() {
                true => "application/vnd.oci.image.manifest.v1+json",
                false => "application/vnd.oci.image.index.v1+json",
            };
            aws_sdk_ecr::types::ImageDetail::builder()
                .image_digest(digest(picture.letter))
                .set_image_tags(Some(picture.tags.iter().map(ToString::to_string).collect()))
                .image_pushed_at(DateTime::from_secs(picture.pushed))
                .image_manifest_media_type(kind)
                .build()
        };
        let stage = self.0.clone();
        let describe = mock!(Ecr::describe_images).then_compute_response(move |input| {
            let mut stage = stage.lock();
            if let Some(Fault::Code(code, message)) = stage.fault("DescribeImages") {
                return MockResponse::Error(DescribeImagesError::generic(meta(code, message)));
            }
            assert_eq!((input.registry_id(), input.repository_name()), (Some("123456789012"), Some("team/web")));
            let is_meant = |picture: &&Picture| {
                input.image_ids().is_empty()
                    || input.image_ids().iter().any(|id| {
                        id.image_digest() == Some(&digest(picture.letter))
                            || id.image_tag().is_some_and(|tag| picture.tags.contains(&tag))
                    })
            };
            let found: Vec<_> = stage.images.iter().filter(is_meant).map(detail).collect();
            if found.is_empty() && !input.image_ids().is_empty() {
                return MockResponse::Error(DescribeImagesError::generic(meta("ImageNotFoundException", "no image")));
            }
            MockResponse::Output(DescribeImagesOutput::builder().set_image_details(Some(found)).build())
        });
        let stage = self.0.clone();
        let manifest = mock!(Ecr::batch_get_image).then_compute_response(move |input| {
            let mut stage = stage.lock();
            if let Some(Fault::Code(code, message)) = stage.fault("BatchGetImage") {
                return MockResponse::Error(BatchGetImageError::generic(meta(code, message)));
            }
            if let Some(tag) = input.image_ids()[0].image_tag() {
                let image = |manifest: &String| aws_sdk_ecr::types::Image::builder().image_manifest(manifest).build();
                let found = stage.manifests.get(tag).map(image);
                return MockResponse::Output(
                    BatchGetImageOutput::builder().set_images(Some(found.into_iter().collect())).build(),
                );
            }
            let wanted = input.image_ids()[0].image_digest().expect("a digest").to_owned();
            let picture = stage.images.iter().find(|picture| digest(picture.letter) == wanted).expect("an image");
            let parts: Vec<_> =
                picture.parts.iter().map(|letter| serde_json::json!({"digest": digest(letter)})).collect();
            let manifest = serde_json::json!({"manifests": parts}).to_string();
            let image = aws_sdk_ecr::types::Image::builder().image_manifest(manifest).build();
            MockResponse::Output(BatchGetImageOutput::builder().images(image).build())
        });
        vec![describe, manifest]
    }
}

/// The HTTP client below the mocks: where answers are lost.
#[derive(Clone, Debug)]
struct Wire(Arc<Mutex<Stage>>);

impl HttpConnector for Wire {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let target = request.headers().get("x-amz-target").unwrap_or_default().to_owned();
        let operation = target.rsplit('.').next().unwrap_or_default();
        let body: serde_json::Value =
            serde_json::from_slice(request.body().bytes().unwrap_or_default()).unwrap_or_default();
        let mut stage = self.0.lock();
        if !stage.loses(operation) {
            // The mocks put their answer in the place of this one.
            return HttpConnectorFuture::ready(Ok(HttpResponse::new(
                200.try_into().expect("status"),
                SdkBody::from("{}"),
            )));
        }
        let error = match stage.fault(operation) {
            Some(Fault::Lost { happened }) => {
                match operation {
                    _ if !happened => stage.changes.push(format!("{operation} (lost)")),
                    "RegisterTaskDefinition" => {
                        let image = body["containerDefinitions"][0]["image"].as_str().unwrap_or_default().to_owned();
                        let mut made = stage.definitions.last().cloned().expect("a definition");
                        for one in made.container_definitions.iter_mut().flatten() {
                            one.image = Some(image.clone());
                        }
                        stage.register(&image, made);
                    }
                    "UpdateService" => {
                        stage.change("UpdateService", body["taskDefinition"].as_str().unwrap_or_default());
                    }
                    _ => {
                        stage
                            .change("StopServiceDeployment", body["serviceDeploymentArn"].as_str().unwrap_or_default());
                    }
                }
                ConnectorError::timeout("no answer within 10 s".into())
            }
            _ => ConnectorError::io("dns error: no such host".into()),
        };
        HttpConnectorFuture::ready(Err(error))
    }
}
