//! An ECS service with its images in ECR, as a deployment finds it: Moto keeps it, and what happens to it over time is played in
//! front of Moto ([`super::rollouts`]), so it must be made through the proxy. The tests include this file too.

use super::fleet;
use aws_sdk_ec2::error::DisplayErrorContext;
use aws_sdk_ecr::types::ImageIdentifier;
use aws_sdk_ecs::types::{ContainerDefinition, LaunchType, Tag};
use serde_json::json;
use std::collections::BTreeSet;

/// What tells one service from another.
#[derive(Clone, Copy)]
pub struct ServicePlan {
    /// Its region.
    pub region: &'static str,
    /// Its cluster.
    pub cluster: &'static str,
    /// Its name there, and that of its task definitions.
    pub service: &'static str,
    /// The container that gets the versions.
    pub container: &'static str,
    /// The repository of its images.
    pub repository: &'static str,
    /// The versions that are in ECR.
    pub versions: &'static [&'static str],
    /// Which of them its two tasks run.
    pub running: &'static str,
}

/// The service of the demo. Its bot is no service: it runs on this machine.
pub const DEMO: ServicePlan = ServicePlan {
    region: "eu-central-1",
    cluster: "prod",
    service: "shop-web",
    container: "web",
    repository: "team/shop-web",
    versions: &["1.4.0", "1.4.1", "1.4.2", BROKEN],
    running: "1.4.1",
};

/// The version of the demo that does not start: ECS takes it back.
pub const BROKEN: &str = "1.5.0";

/// The settings by which the bot may deploy it, as `name`.
pub fn settings(plan: &ServicePlan, name: &str) -> Vec<(String, String)> {
    let values = [
        ("CLUSTER", plan.cluster),
        ("SERVICE", plan.service),
        ("CONTAINER", plan.container),
        ("REPOSITORY", plan.repository),
        // Moto keeps what it is given, and no pipeline has signed it
        ("UNVERIFIED", "true"),
    ];
    let key = |last: &str| format!("DRONEBOT__DEPLOY__SERVICES__{}__{last}", name.to_uppercase());
    values.into_iter().map(|(last, value)| (key(last), value.to_owned())).collect()
}

/// The settings by which the bot of the demo may deploy its service, as `shop`. compose.yaml repeats them, and a test compares.
pub fn demo_settings() -> Vec<(String, String)> {
    settings(&DEMO, "shop")
}

/// A service that there is.
pub struct MadeService {
    plan: ServicePlan,
    /// A client of ECS.
    pub ecs: aws_sdk_ecs::Client,
    ecr: aws_sdk_ecr::Client,
    /// The address of the repository, without tag and digest.
    pub address: String,
}

impl MadeService {
    /// Makes it in the AWS at this address: two tasks of the running version, by its tag.
    pub async fn make(url: &str, plan: ServicePlan) -> Result<Self, String> {
        let config = fleet::sdk(url, plan.region).await;
        let (ecs, ecr) = (aws_sdk_ecs::Client::new(&config), aws_sdk_ecr::Client::new(&config));
        let made = ecr.create_repository().repository_name(plan.repository).send().await.map_err(text)?;
        let address = made.repository().and_then(|made| made.repository_uri()).ok_or("a repository without address")?;
        let service = Self { plan, ecs, ecr, address: address.to_owned() };
        for version in plan.versions {
            service.push(version).await?;
        }
        service.start().await?;
        Ok(service)
    }

    /// Pushes all versions anew until all are of one second: the bot says which of two was pushed later, and AWS counts seconds.
    #[allow(dead_code, reason = "the tests compare what the bot says; the demo does not")]
    pub async fn push_in_one_second(&self) -> Result<(), String> {
        loop {
            let known = self.ecr.describe_images().repository_name(self.plan.repository).send().await.map_err(text)?;
            let pushed: BTreeSet<i64> =
                known.image_details().iter().filter_map(|image| Some(image.image_pushed_at()?.secs())).collect();
            if pushed.len() <= 1 {
                return Ok(());
            }
            let tag = |version: &&str| ImageIdentifier::builder().image_tag(*version).build();
            let ids = self.plan.versions.iter().map(tag).collect();
            let forget = self.ecr.batch_delete_image().repository_name(self.plan.repository).set_image_ids(Some(ids));
            forget.send().await.map_err(text)?;
            for version in self.plan.versions {
                self.push(version).await?;
            }
        }
    }

    async fn start(&self) -> Result<(), String> {
        let ServicePlan { cluster, service, container, running, .. } = self.plan;
        self.ecs.create_cluster().cluster_name(cluster).send().await.map_err(text)?;
        let image = format!("{}:{running}", self.address);
        let container = ContainerDefinition::builder().name(container).image(image).memory(512).build();
        let register = self.ecs.register_task_definition().family(service).container_definitions(container);
        // as delivery/deploy leaves it
        let tag = |key: &str, value: &str| Tag::builder().key(key).value(value).build();
        let before = tag("dronebot:before", &format!("{service}:0"));
        register.tags(tag("team", "night")).tags(before).send().await.map_err(text)?;
        let create = self.ecs.create_service().cluster(cluster).service_name(service);
        let create = create.task_definition(format!("{service}:1")).desired_count(2).launch_type(LaunchType::Ec2);
        create.tags(tag("env", "prod")).send().await.map_err(text)?;
        Ok(())
    }

    /// Another version is pushed; returns its digest.
    pub async fn push(&self, version: &str) -> Result<String, String> {
        let layer = format!("sha256:{:0>64}", version.replace('.', ""));
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": {"digest": layer, "size": 1},
            "layers": [{"digest": layer, "size": 1, "mediaType": "application/vnd.oci.image.layer.v1.tar"}],
        });
        self.put(version, "application/vnd.oci.image.manifest.v1+json", &manifest.to_string()).await
    }

    /// A manifest is pushed under this tag; returns its digest.
    pub async fn put(&self, tag: &str, kind: &str, manifest: &str) -> Result<String, String> {
        let put = self.ecr.put_image().repository_name(self.plan.repository).image_tag(tag);
        let put = put.image_manifest(manifest).image_manifest_media_type(kind).send().await.map_err(text)?;
        let digest = put.image().and_then(|image| image.image_id()).and_then(|id| id.image_digest());
        digest.map(str::to_owned).ok_or_else(|| "an image without digest".to_owned())
    }

    /// The digest of a version, if it is there.
    pub async fn digest(&self, version: &str) -> Option<String> {
        let id = ImageIdentifier::builder().image_tag(version).build();
        let ask = self.ecr.describe_images().repository_name(self.plan.repository).image_ids(id);
        ask.send().await.ok()?.image_details().first()?.image_digest().map(str::to_owned)
    }
}

fn text(error: impl std::error::Error) -> String {
    DisplayErrorContext(error).to_string()
}
