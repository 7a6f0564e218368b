//! What the metadata services say of the machine and the task in which the bot runs: IMDSv2 for an EC2 instance, the task
//! metadata endpoint (version 4) for a task of ECS. Neither needs credentials, and neither is there on a laptop, so
//! the bot does not wait long for an answer.

use crate::domain::{Body, EcsTask, Notice};
use aws_config::imds::Client;
use aws_config::imds::client::error::ImdsError;
use aws_config::provider_config::ProviderConfig;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use jiff::Timestamp;
use parking_lot::Mutex;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// How long all of one look may take.
const PATIENCE: Duration = Duration::from_secs(1);

/// What of an answer is read.
const ENOUGH: usize = 256 * 1024;

/// Where EC2 tells what an instance is, for how long it is ours, and what becomes of it.
const DOCUMENT: &str = "/latest/dynamic/instance-identity/document";
const LIFECYCLE: &str = "/latest/meta-data/instance-life-cycle";
const INTERRUPTION: &str = "/latest/meta-data/spot/instance-action";
const REBALANCE: &str = "/latest/meta-data/events/recommendations/rebalance";

/// Between a notice and what it says, where it does not say when: EC2 promises two minutes.
const TWO_MINUTES: jiff::SignedDuration = jiff::SignedDuration::from_secs(120);

/// Which services there may be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MetadataSources {
    /// Whether EC2's is asked. Its address is the SDK's own affair (`AWS_EC2_METADATA_SERVICE_ENDPOINT`).
    pub ec2: bool,
    /// Where this container's endpoint of ECS is (`ECS_CONTAINER_METADATA_URI_V4`).
    pub ecs: Option<String>,
}

/// Asks the metadata services.
#[derive(Debug)]
pub struct Metadata {
    ec2: Option<Mutex<Client>>,
    ecs: Option<String>,
}

/// What one look found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Look {
    /// What is known of the body now.
    pub body: Body,
    /// The services that did not answer, each with why.
    pub silent: Vec<String>,
}

impl Metadata {
    /// Asks these services.
    pub fn new(sources: &MetadataSources) -> Self {
        Self { ec2: sources.ec2.then(|| Mutex::new(client())), ecs: sources.ecs.clone() }
    }

    /// Whether EC2's service is asked and says nothing at all, which is not to say no: what it answers to a container gets
    /// lost where the instance's hop limit is 1.
    pub async fn is_mute(&self) -> bool {
        let Some(client) = self.client() else { return false };
        let began = Instant::now();
        let answer = tokio::time::timeout(PATIENCE, get(&client, DOCUMENT)).await;
        // the client's own patience is as long
        !matches!(answer, Ok(Ok(_))) && began.elapsed() >= PATIENCE.mul_f32(0.9)
    }

    /// Adds what the services say to what is known of the body.
    pub async fn look(&self, known: Body) -> Look {
        let until = Instant::now() + PATIENCE;
        let (machine, task) = tokio::join!(self.machine(until), self.task(until));
        let mut look = Look { body: known, silent: Vec::new() };
        match machine {
            Ok(Some((document, lifecycle))) => document.fill(&mut look.body, lifecycle),
            Ok(None) => {}
            Err(error) => look.silent.push(format!("instance metadata: {error}")),
        }
        match task {
            Ok(Some((task, container))) => task.fill(&mut look.body, container),
            Ok(None) => {}
            Err(error) => look.silent.push(format!("task metadata: {error}")),
        }
        look
    }

    async fn machine(&self, until: Instant) -> Result<Option<(Document, Option<String>)>, String> {
        let Some(client) = self.client() else { return Ok(None) };
        let get = |path| timeout_at(until, get(&client, path));
        let document = get(DOCUMENT).await.map_err(|_| "no answer in time".to_owned())?;
        let document = document.map_err(|error| self.failed(error))?;
        let document = document.ok_or_else(|| "it has no identity document".to_owned())?;
        let document = serde_json::from_str(&document).map_err(|error| format!("identity document: {error}"))?;
        // which machine it is matters more than for how long
        let lifecycle = get(LIFECYCLE).await.ok().and_then(Result::ok).flatten();
        Ok(Some((document, lifecycle)))
    }

    async fn task(&self, until: Instant) -> Result<Option<(Task, Container)>, String> {
        let Some(address) = &self.ecs else { return Ok(None) };
        let address = address.trim_end_matches('/');
        let (task, container) = (format!("{address}/task"), address.to_owned());
        let both = async { tokio::join!(fetch(&task), fetch(&container)) };
        let (task, container) = timeout_at(until, both).await.map_err(|_| "no answer in time".to_owned())?;
        Ok(Some((task?, container.unwrap_or_default())))
    }

    /// Whether AWS says that the instance will not last.
    ///
    /// # Errors
    /// The service did not answer, or said what the bot does not understand.
    pub async fn notices(&self, now: Timestamp) -> Result<Vec<Notice>, String> {
        let Some(client) = self.client() else { return Ok(Vec::new()) };
        let both = async { tokio::join!(get(&client, INTERRUPTION), get(&client, REBALANCE)) };
        let both = tokio::time::timeout(PATIENCE * 2, both).await;
        let (interruption, rebalance) = both.map_err(|_| "no answer in time".to_owned())?;
        let mut notices = Vec::new();
        // an interruption counts, whatever became of the other question
        if let Some(text) = interruption.map_err(|error| self.failed(error))? {
            notices.push(interruption_of(&text, now));
        }
        if let Ok(Some(text)) = rebalance {
            let said = serde_json::from_str::<Recommendation>(&text).ok();
            let at = said.and_then(|said| said.notice_time.parse().ok()).unwrap_or(now);
            notices.push(Notice::Rebalance { at });
        }
        Ok(notices)
    }

    fn client(&self) -> Option<Client> {
        self.ec2.as_ref().map(|client| client.lock().clone())
    }

    /// The SDK keeps a token for as long as it was given for, also when it is good no more: a machine that was asleep
    /// may find it so. A new client begins with a new one.
    fn failed(&self, error: Silence) -> String {
        if let (Silence::Refused, Some(kept)) = (&error, &self.ec2) {
            *kept.lock() = client();
        }
        error.to_string()
    }
}

fn client() -> Client {
    let http = aws_smithy_http_client::Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https();
    let config = ProviderConfig::without_region().with_http_client(http);
    // the caller asks again
    let client = Client::builder().configure(&config).max_attempts(1);
    client.connect_timeout(PATIENCE).read_timeout(PATIENCE).operation_timeout(PATIENCE).build()
}

/// Why EC2's service says nothing.
#[derive(Debug, thiserror::Error)]
enum Silence {
    #[error("it answers 401: the token is good no more")]
    Refused,
    #[error("it answers {0}")]
    Status(u16),
    #[error("{0}")]
    Other(String),
}

/// A notice that cannot be read is a notice all the same.
fn interruption_of(text: &str, now: Timestamp) -> Notice {
    let soon = now.checked_add(TWO_MINUTES).unwrap_or(now);
    match serde_json::from_str::<InstanceAction>(text) {
        Ok(InstanceAction { action, time }) => {
            let at = time.and_then(|time| time.parse().ok()).unwrap_or(soon);
            Notice::Interruption { action, at }
        }
        Err(error) => {
            tracing::warn!(%error, "notice of interruption cannot be read");
            Notice::Interruption { action: "unknown".to_owned(), at: soon }
        }
    }
}

/// What is at a path of EC2's service; `None` when nothing is.
async fn get(client: &Client, path: &str) -> Result<Option<String>, Silence> {
    match client.get(path).await {
        Ok(text) => Ok(Some(text.as_ref().to_owned())),
        // the SDK's own words would be the whole answer
        Err(ImdsError::ErrorResponse(answer)) => match answer.response().status().as_u16() {
            404 => Ok(None),
            401 => Err(Silence::Refused),
            status => Err(Silence::Status(status)),
        },
        Err(error) => Err(Silence::Other(error.to_string())),
    }
}

async fn fetch<T: DeserializeOwned>(address: &str) -> Result<T, String> {
    let client = awc::Client::builder().timeout(PATIENCE).disable_redirects().finish();
    let mut answer = client.get(address).send().await.map_err(|error| error.to_string())?;
    if answer.status() != 200 {
        return Err(format!("it answers {}", answer.status().as_u16()));
    }
    let bytes = answer.body().limit(ENOUGH).await.map_err(|error| error.to_string())?;
    serde_json::from_slice(&bytes).map_err(|error| error.to_string())
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    instance_id: String,
    instance_type: Option<String>,
    availability_zone: Option<String>,
    region: Option<String>,
}

impl Document {
    fn fill(self, body: &mut Body, lifecycle: Option<String>) {
        body.instance = Some(self.instance_id);
        body.instance_type = self.instance_type;
        body.zone = self.availability_zone;
        body.region = self.region;
        body.lifecycle = lifecycle;
    }
}

#[derive(Deserialize)]
struct InstanceAction {
    action: String,
    time: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Recommendation {
    notice_time: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Task {
    cluster: String,
    #[serde(rename = "TaskARN")]
    arn: String,
    family: String,
    revision: String,
    availability_zone: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Container {
    image: Option<String>,
    #[serde(rename = "ImageID")]
    image_id: Option<String>,
}

impl Task {
    /// What EC2 itself said of the place goes before; what was configured as the image goes before both.
    fn fill(self, body: &mut Body, container: Container) {
        let last = |arn: &str| arn.rsplit('/').next().unwrap_or_default().to_owned();
        // arn:aws:ecs:eu-central-1:123456789012:task/ops/158d1c…
        let region = self.arn.split(':').nth(3).filter(|region| !region.is_empty()).map(str::to_owned);
        body.region = body.region.take().or(region);
        body.zone = body.zone.take().or(self.availability_zone);
        body.image = body.image.take().or_else(|| container.digest());
        body.task = Some(EcsTask {
            cluster: last(&self.cluster),
            id: last(&self.arn),
            definition: format!("{}:{}", self.family, self.revision),
        });
    }
}

impl Container {
    /// The digest by which the image was asked for is the registry's. Docker's own id of it is another number, and better
    /// than none.
    fn digest(self) -> Option<String> {
        let asked = self.image.as_deref().and_then(|image| image.split_once('@'));
        asked.map(|(_, digest)| digest.to_owned()).or(self.image_id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn task(json: &str, container: &str) -> Body {
        let (task, container): (Task, Container) =
            (serde_json::from_str(json).unwrap(), serde_json::from_str(container).unwrap());
        let mut body = Body { zone: Some("eu-central-1a".into()), ..Body::default() };
        task.fill(&mut body, container);
        body
    }

    const TASK: &str = r#"{"Cluster": "arn:aws:ecs:us-west-2:111122223333:cluster/ops", "Family": "dronebot",
        "TaskARN": "arn:aws:ecs:us-west-2:111122223333:task/ops/158d1c8083dd49d6b527399fd6414f5c", "Revision": "26",
        "AvailabilityZone": "us-west-2d", "LaunchType": "EC2", "Containers": []}"#;

    #[test]
    fn a_task_is_named_by_the_last_part_of_its_arn_and_does_not_overrule_the_machine() {
        let body = task(TASK, r#"{"Image": "r/drone:1", "ImageID": "sha256:d691"}"#);
        let EcsTask { cluster, id, definition } = body.task.unwrap();
        let named = (cluster.as_str(), id.as_str(), definition.as_str());
        assert_eq!(named, ("ops", "158d1c8083dd49d6b527399fd6414f5c", "dronebot:26"));
        assert_eq!(body.zone.as_deref(), Some("eu-central-1a"), "EC2 knows better");
        assert_eq!(body.region.as_deref(), Some("us-west-2"));
        assert_eq!(body.image.as_deref(), Some("sha256:d691"));
    }

    #[test]
    fn the_registry_s_digest_goes_before_docker_s_id() {
        let body = task(TASK, r#"{"Image": "r/drone@sha256:aaaa", "ImageID": "sha256:bbbb"}"#);
        assert_eq!(body.image.as_deref(), Some("sha256:aaaa"));
        assert_eq!(task(TASK, "{}").image, None);
    }

    #[test]
    fn a_notice_that_cannot_be_read_is_one_all_the_same() {
        let now = "2026-11-24T12:00:00Z".parse().unwrap();
        let soon = "2026-11-24T12:02:00Z".parse().unwrap();
        let read = |text: &str| interruption_of(text, now);
        let at = "2026-11-24T12:01:30Z".parse().unwrap();
        let expected = Notice::Interruption { action: "stop".into(), at };
        assert_eq!(read(r#"{"action": "stop", "time": "2026-11-24T12:01:30Z"}"#), expected);
        assert_eq!(read(r#"{"action": "stop"}"#), Notice::Interruption { action: "stop".into(), at: soon });
        assert_eq!(read("nonsense"), Notice::Interruption { action: "unknown".into(), at: soon });
    }

    #[tokio::test]
    async fn where_no_service_is_asked_nothing_is_silent() {
        let known = Body { host: "laptop".into(), ..Body::default() };
        let metadata = Metadata::new(&MetadataSources::default());
        assert_eq!(metadata.look(known.clone()).await, Look { body: known, silent: Vec::new() });
        assert_eq!(metadata.notices(Timestamp::UNIX_EPOCH).await, Ok(Vec::new()));
    }
}
