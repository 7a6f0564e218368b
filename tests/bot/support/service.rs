//! An ECS service with its images in ECR, as a deployment finds it.

use super::{HOME, World};
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_ecs::types::{ContainerDefinition, LaunchType, Tag};
use aws_smithy_http_client::Builder;
use serde_json::json;

/// What the bot is told of it: as `drone` it is the bot itself.
pub fn listed() -> Vec<(&'static str, String)> {
    [
        ("DRONEBOT__DEPLOY__SELF", "drone"),
        ("DRONEBOT__DEPLOY__SERVICES__DRONE__CLUSTER", "prod"),
        ("DRONEBOT__DEPLOY__SERVICES__DRONE__SERVICE", "dronebot"),
        ("DRONEBOT__DEPLOY__SERVICES__DRONE__CONTAINER", "bot"),
        ("DRONEBOT__DEPLOY__SERVICES__DRONE__REPOSITORY", "team/dronebot"),
    ]
    .map(|(key, value)| (key, value.to_owned()))
    .to_vec()
}

async fn config(url: &str) -> SdkConfig {
    aws_config::defaults(BehaviorVersion::latest())
        .region(Region::new(HOME))
        .endpoint_url(url)
        .credentials_provider(aws_sdk_ec2::config::Credentials::new("testing", "testing", None, None, "moto"))
        .http_client(Builder::new().build_http())
        .load()
        .await
}

/// The service of the tests.
pub struct Shop {
    ecs: aws_sdk_ecs::Client,
    ecr: aws_sdk_ecr::Client,
    /// The repository, without tag and digest.
    pub repository: String,
}

impl Shop {
    /// Two tasks of version 1.4.1, by its tag; 1.4.0 and 1.4.2 are in ECR too.
    pub async fn open(world: &World) -> Self {
        let config = config(&world.aws_url).await;
        let (ecs, ecr) = (aws_sdk_ecs::Client::new(&config), aws_sdk_ecr::Client::new(&config));
        let made = ecr.create_repository().repository_name("team/dronebot").send().await.expect("a repository");
        let repository = made.repository().and_then(|made| made.repository_uri()).expect("its address").to_owned();
        let shop = Self { ecs, ecr, repository };
        for version in ["1.4.0", "1.4.1", "1.4.2"] {
            shop.push(version).await;
        }
        shop.ecs.create_cluster().cluster_name("prod").send().await.expect("a cluster");
        let image = format!("{}:1.4.1", shop.repository);
        let container = ContainerDefinition::builder().name("bot").image(image).memory(512).build();
        let register = shop.ecs.register_task_definition().family("dronebot").container_definitions(container);
        // as delivery/deploy leaves it
        let tag = |key: &str, value: &str| Tag::builder().key(key).value(value).build();
        let register = register.tags(tag("team", "night")).tags(tag("dronebot:before", "dronebot:0"));
        register.send().await.expect("a task definition");
        let service = shop.ecs.create_service().cluster("prod").service_name("dronebot").task_definition("dronebot:1");
        let tag = Tag::builder().key("env").value("prod").build();
        let service = service.desired_count(2).launch_type(LaunchType::Ec2).tags(tag);
        service.send().await.expect("a service");
        shop
    }

    /// Another version is pushed; returns its digest.
    pub async fn push(&self, version: &str) -> String {
        let layer = format!("sha256:{:0>64}", version.replace('.', ""));
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": {"digest": layer, "size": 1},
            "layers": [{"digest": layer, "size": 1, "mediaType": "application/vnd.oci.image.layer.v1.tar"}],
        });
        let put = self.ecr.put_image().repository_name("team/dronebot").image_tag(version);
        let put = put.image_manifest(manifest.to_string()).send().await.expect("an image");
        let id = put.image().and_then(|image| image.image_id()).expect("its id");
        id.image_digest().expect("its digest").to_owned()
    }

    /// The digest of a version, if it is there.
    pub async fn digest(&self, version: &str) -> Option<String> {
        let id = aws_sdk_ecr::types::ImageIdentifier::builder().image_tag(version).build();
        let found = self.ecr.describe_images().repository_name("team/dronebot").image_ids(id).send().await.ok()?;
        found.image_details().first()?.image_digest().map(str::to_owned)
    }

    /// An index of several images is pushed under this version.
    pub async fn push_index(&self, version: &str, parts: &[&str]) {
        let parts: Vec<_> = parts.iter().map(|digest| json!({"digest": digest, "size": 1})).collect();
        let kind = "application/vnd.oci.image.index.v1+json";
        let manifest = json!({"schemaVersion": 2, "mediaType": kind, "manifests": parts}).to_string();
        let put = self.ecr.put_image().repository_name("team/dronebot").image_tag(version);
        put.image_manifest(manifest).image_manifest_media_type(kind).send().await.expect("an index");
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
