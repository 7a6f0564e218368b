//! An ECS service with its images in ECR, as a deployment finds it. It is made as the demo makes its own.

use super::made_service::{MadeService, ServicePlan, settings};
use super::{HOME, World};
use aws_sdk_ecs::types::Tag;
use serde_json::json;

/// The service of the tests: two tasks of version 1.4.1, by its tag; 1.4.0 and 1.4.2 are in ECR too.
const PLAN: ServicePlan = ServicePlan {
    region: HOME,
    cluster: "prod",
    service: "dronebot",
    container: "bot",
    repository: "team/dronebot",
    versions: &["1.4.0", "1.4.1", "1.4.2"],
    running: "1.4.1",
};

/// What the bot is told of it: as `drone` it is the bot itself.
pub fn listed() -> Vec<(&'static str, String)> {
    let own = [("DRONEBOT__DEPLOY__SELF", "drone".to_owned())];
    let keys = settings(&PLAN, "drone").into_iter().map(|(key, value)| (&*key.leak(), value));
    own.into_iter().chain(keys).collect()
}

/// The service of the tests.
pub struct Shop {
    made: MadeService,
    ecs: aws_sdk_ecs::Client,
    /// The repository, without tag and digest.
    pub repository: String,
}

impl Shop {
    /// Makes it.
    pub async fn open(world: &World) -> Self {
        let made = MadeService::make(&world.aws_url, PLAN).await.expect("a service");
        made.push_in_one_second().await.expect("versions of one second");
        Self { ecs: made.ecs.clone(), repository: made.address.clone(), made }
    }

    /// Another version is pushed; returns its digest.
    pub async fn push(&self, version: &str) -> String {
        self.made.push(version).await.expect("an image")
    }

    /// The digest of a version, if it is there.
    pub async fn digest(&self, version: &str) -> Option<String> {
        self.made.digest(version).await
    }

    /// An index of several images is pushed under this version.
    pub async fn push_index(&self, version: &str, parts: &[&str]) {
        let parts: Vec<_> = parts.iter().map(|digest| json!({"digest": digest, "size": 1})).collect();
        let kind = "application/vnd.oci.image.index.v1+json";
        let manifest = json!({"schemaVersion": 2, "mediaType": kind, "manifests": parts}).to_string();
        self.made.put(version, kind, &manifest).await.expect("an index");
    }

    /// A tag is put on the service.
    pub async fn tag(&self, key: &str, value: &str) {
        let found =
            self.ecs.describe_services().cluster("prod").services("dronebot").send().await.expect("the service");
        let arn = found.services().first().and_then(|service| service.service_arn()).expect("its arn").to_owned();
        let tag = Tag::builder().key(key).value(value).build();
        self.ecs.tag_resource().resource_arn(arn).tags(tag).send().await.expect("it is tagged");
    }

    /// The images of the task definitions that there are, in the order of their revisions.
    pub async fn images(&self) -> Vec<String> {
        let arns = self.ecs.list_task_definitions().family_prefix("dronebot").send().await.expect("task definitions");
        let mut images = Vec::new();
        for arn in arns.task_definition_arns() {
            let found = self.ecs.describe_task_definition().task_definition(arn).send().await.expect("a definition");
            let containers = found.task_definition().map(|one| one.container_definitions()).unwrap_or_default();
            images.extend(containers.first().and_then(|one| one.image()).map(str::to_owned));
        }
        images
    }

    /// The keys of a revision's tags.
    pub async fn tags_of(&self, revision: &str) -> Vec<String> {
        let ask = self.ecs.describe_task_definition().task_definition(revision);
        let found = ask.include(aws_sdk_ecs::types::TaskDefinitionField::Tags).send().await.expect("a definition");
        found.tags().iter().filter_map(|tag| tag.key().map(str::to_owned)).collect()
    }

    /// The image of a service's PRIMARY deployment: what runs, or is to run.
    pub async fn runs(&self) -> String {
        let found =
            self.ecs.describe_services().cluster("prod").services("dronebot").send().await.expect("the service");
        let service = found.services().first().expect("the service");
        let primary = service.deployments().iter().find(|one| one.status() == Some("PRIMARY")).expect("a deployment");
        let arn = primary.task_definition().expect("its definition");
        let found = self.ecs.describe_task_definition().task_definition(arn).send().await.expect("a definition");
        let containers = found.task_definition().map(|one| one.container_definitions()).unwrap_or_default();
        containers.first().and_then(|one| one.image()).unwrap_or_default().to_owned()
    }
}
