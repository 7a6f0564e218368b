//! The instances that the demo starts with. The tests include this file too.

use aws_config::BehaviorVersion;
use aws_config::Region;
use aws_sdk_ec2::Client;
use aws_sdk_ec2::config::Credentials;
use aws_sdk_ec2::error::DisplayErrorContext;
use aws_sdk_ec2::types::{InstanceType, ResourceType, Tag, TagSpecification};
use aws_smithy_http_client::Builder;
use parking_lot::Mutex;
use std::collections::{BTreeMap, HashMap};

/// One instance to be made.
pub struct Seed {
    /// Its region.
    pub region: &'static str,
    /// Its Name tag.
    pub name: &'static str,
    /// Its type.
    pub kind: &'static str,
    /// Whether it is stopped after it was made.
    pub stopped: bool,
    /// Its other tags.
    pub tags: &'static [(&'static str, &'static str)],
}

const fn seed(
    region: &'static str,
    name: &'static str,
    kind: &'static str,
    stopped: bool,
    tags: &'static [(&'static str, &'static str)],
) -> Seed {
    Seed { region, name, kind, stopped, tags }
}

const EU: &str = "eu-central-1";
const US: &str = "us-east-1";

/// The fleet of the demo: two regions, a stopped one, a protected one, one that others must approve, a name that two share,
/// one of a group.
pub const DEMO: &[Seed] = &[
    seed(EU, "web-1", "t3.micro", false, &[("env", "prod"), ("team", "shop")]),
    seed(EU, "web-2", "t3.micro", false, &[("env", "prod"), ("team", "shop")]),
    seed(EU, "worker-1", "m5.large", false, &[("env", "staging"), ("team", "shop")]),
    seed(EU, "worker-2", "m5.large", true, &[("env", "staging"), ("team", "shop")]),
    seed(EU, "db-1", "r5.large", false, &[("env", "prod"), ("team", "data"), ("protected", "true")]),
    seed(EU, "build", "c5.xlarge", false, &[("env", "ci")]),
    seed(EU, "build", "c5.xlarge", true, &[("env", "ci")]),
    seed(EU, "asg-web", "t3.small", false, &[("env", "prod"), ("aws:autoscaling:groupName", "shop-web")]),
    seed(US, "edge-1", "t3.nano", false, &[("env", "prod"), ("team", "edge")]),
    seed(US, "edge-2", "t3.nano", true, &[("env", "prod"), ("team", "edge"), ("approval", "required")]),
];

/// A client of Moto at this address, in this region.
pub async fn client(url: &str, region: &str) -> Client {
    Client::new(&sdk(url, region).await)
}

/// The SDK's configuration for the AWS at this address.
pub async fn sdk(url: &str, region: &str) -> aws_config::SdkConfig {
    aws_config::defaults(BehaviorVersion::latest())
        .region(Region::new(region.to_owned()))
        .endpoint_url(url)
        .credentials_provider(Credentials::new("testing", "testing", None, None, "moto"))
        .http_client(Builder::new().build_http())
        .load()
        .await
}

/// Makes so many running instances, all with this name, or without one.
#[allow(dead_code, reason = "the demo has a small fleet; the tests break a large one")]
pub async fn many(url: &str, region: &'static str, name: Option<&str>, count: usize) -> Result<Vec<String>, String> {
    let client = client(url, region).await;
    let image = image(&client, region).await?;
    let count = i32::try_from(count).map_err(text)?;
    let tags = name.map(|name| {
        let tag = Tag::builder().key("Name").value(name).build();
        vec![TagSpecification::builder().resource_type(ResourceType::Instance).tags(tag).build()]
    });
    let run = client.run_instances().image_id(image).instance_type(InstanceType::T3Micro).set_tag_specifications(tags);
    let made =
        run.min_count(count).max_count(count).send().await.map_err(|error| DisplayErrorContext(error).to_string())?;
    Ok(made.instances().iter().filter_map(|instance| instance.instance_id().map(str::to_owned)).collect())
}

/// A client of the DynamoDB at this address.
#[allow(dead_code, reason = "the demo has no shared store; the tests do")]
pub async fn table_client(url: &str, region: &str) -> aws_sdk_dynamodb::Client {
    aws_sdk_dynamodb::Client::new(&sdk(url, region).await)
}

/// Makes these instances; returns their ids in the same order.
pub async fn plant(url: &str, seeds: &[Seed]) -> Result<Vec<String>, String> {
    let mut ids = Vec::new();
    let mut known: HashMap<&str, (Client, String)> = HashMap::new();
    let trouble = |error| format!("Moto did not take the fleet: {error}");
    for seed in seeds {
        if !known.contains_key(seed.region) {
            let client = client(url, seed.region).await;
            let image = image(&client, seed.region).await.map_err(trouble)?;
            known.insert(seed.region, (client, image));
        }
        let (client, image) = &known[seed.region];
        ids.push(plant_one(client, image, seed).await.map_err(trouble)?);
    }
    Ok(ids)
}

/// An image to start from. A Moto that was started elsewhere lists hundreds, which keeps it busy for a second, so it is asked once for a region.
async fn image(client: &Client, region: &'static str) -> Result<String, String> {
    static KNOWN: Mutex<BTreeMap<&str, String>> = Mutex::new(BTreeMap::new());
    if let Some(known) = KNOWN.lock().get(region) {
        return Ok(known.clone());
    }
    let image = ask_image(client).await?;
    KNOWN.lock().insert(region, image.clone());
    Ok(image)
}

async fn ask_image(client: &Client) -> Result<String, String> {
    let images = client.describe_images().owners("amazon").send().await.map_err(text)?;
    let image = images.images().first().and_then(|image| image.image_id());
    image.map(str::to_owned).ok_or_else(|| "no image to start from".to_owned())
}

async fn plant_one(client: &Client, image: &str, seed: &Seed) -> Result<String, String> {
    let named = ("Name", seed.name);
    let tags =
        std::iter::once(&named).chain(seed.tags).map(|(key, value)| Tag::builder().key(*key).value(*value).build());
    let tags = TagSpecification::builder().resource_type(ResourceType::Instance).set_tags(Some(tags.collect())).build();
    let run = client
        .run_instances()
        .image_id(image)
        .instance_type(InstanceType::from(seed.kind))
        .min_count(1)
        .max_count(1)
        .tag_specifications(tags)
        .send()
        .await
        .map_err(text)?;
    let id = run.instances().first().and_then(|instance| instance.instance_id()).ok_or("no instance made")?.to_owned();
    if seed.stopped {
        client.stop_instances().instance_ids(&id).send().await.map_err(text)?;
    }
    Ok(id)
}

fn text(error: impl std::error::Error) -> String {
    DisplayErrorContext(error).to_string()
}
