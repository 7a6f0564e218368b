use super::fake::{FakeRegion, Fault, Machine};
use super::*;
use aws_sdk_ec2::config::{Credentials, Region};
use aws_sdk_ec2::error::ConnectorError;
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncReadExt;

#[test]
fn a_provider_is_made_without_building_anything() {
    let aws = Aws::new(AwsConfig::default());
    assert!(aws.ec2.regions().is_empty());
    assert!(aws.sdk.as_ref().is_some_and(|cell| !cell.initialized()));
}

#[test]
fn a_configuration_that_cannot_be_used_names_its_key() {
    let unusable = [
        AwsConfig { region: Some("frankfurt".into()), ..AwsConfig::default() },
        AwsConfig { call_timeout_seconds: 0, ..AwsConfig::default() },
        AwsConfig { read_attempts: 0, ..AwsConfig::default() },
        AwsConfig { rate_share: 0.0, ..AwsConfig::default() },
        AwsConfig { rate_share: f64::NAN, ..AwsConfig::default() },
    ];
    for config in unusable {
        assert!(config.validate().is_err_and(|line| line.starts_with("aws.")), "{config:?}");
    }
    assert_eq!(AwsConfig::default().validate(), Ok(()));
    let unknown = serde_json::from_str::<AwsConfig>(r#"{"access_key_id": "AKIA"}"#);
    assert!(unknown.is_err_and(|error| error.to_string().contains("unknown field")));
}

/// A provider whose one region is at this address, over true HTTP.
fn at(endpoint: &str, credentials: bool) -> Aws {
    let http = aws_smithy_http_client::Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https();
    let timeouts = TimeoutConfig::builder().operation_timeout(Duration::from_millis(300)).build();
    let mut conf = aws_sdk_ec2::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-central-1"))
        .retry_config(RetryConfig::disabled())
        .timeout_config(timeouts)
        .endpoint_url(endpoint)
        .http_client(http);
    if credentials {
        conf = conf.credentials_provider(Credentials::new("test", "test", None, None, "test"));
    }
    let client = aws_sdk_ec2::Client::from_conf(conf.build());
    let clients = Ec2Clients { read: client.clone(), change: client };
    Aws::with_ec2_clients(AwsConfig::default(), "123456789012", [("eu-central-1".to_owned(), clients)])
}

async fn class_at(endpoint: &str, credentials: bool) -> Class {
    let ids = ["i-1".to_owned()];
    at(endpoint, credentials).power("eu-central-1", Power::Stop, &ids).await.expect_err("nobody answers").class
}

#[tokio::test]
async fn a_refused_connection_promises_that_nothing_was_sent() {
    let port = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    assert_eq!(class_at(&format!("http://127.0.0.1:{port}"), true).await, Class::NotSent);
    assert_eq!(class_at("http://no-such-host.invalid", true).await, Class::NotSent);
}

#[tokio::test]
async fn silence_and_a_reset_after_the_request_promise_nothing() {
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", silent.local_addr().unwrap());
    assert_eq!(class_at(&endpoint, true).await, Class::Lost);

    let resets = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", resets.local_addr().unwrap());
    let server = async {
        let (mut stream, _) = resets.accept().await.unwrap();
        let _ = stream.read(&mut [0; 4096]).await;
    };
    let (class, ()) = futures_util::future::join(class_at(&endpoint, true), server).await;
    assert_eq!(class, Class::Lost);
}

#[tokio::test]
async fn without_credentials_nothing_is_sent_and_it_says_so() {
    assert_eq!(class_at("http://127.0.0.1:9", false).await, Class::Credentials);
}

#[tokio::test]
async fn all_pages_are_read() {
    let machines = (0..7).map(|n| Machine::new(&format!("i-{n}"), "web", "running")).collect();
    let region = FakeRegion::new(machines);
    region.0.lock().page = 3;
    let aws = fake::aws(&[("eu-central-1", &region)]);
    assert_eq!(aws.instances("eu-central-1", &[]).await.unwrap().len(), 7);
    assert_eq!(region.0.lock().calls.len(), 3);
}

#[tokio::test]
async fn a_dry_run_tells_whether_it_would_be_allowed() {
    let region = FakeRegion::new(vec![Machine::new("i-1", "web", "running")]);
    let aws = fake::aws(&[("eu-central-1", &region)]);
    let ids = ["i-1".to_owned()];
    assert_eq!(aws.may_power("eu-central-1", Power::Stop, &ids).await, Ok(()));
    region
        .fails("StopInstances(dry)", Fault::Code("UnauthorizedOperation", "Encoded authorization failure message: x"));
    let denied = aws.may_power("eu-central-1", Power::Stop, &ids).await.expect_err("denied");
    assert_eq!((denied.class, denied.message.as_str()), (Class::Denied, ""));
    assert!(region.0.lock().changes().is_empty());
}

#[tokio::test]
async fn a_region_without_a_client_is_not_reached() {
    let aws = fake::aws(&[("eu-central-1", &FakeRegion::default())]);
    let error = aws.instances("us-east-1", &[]).await.expect_err("unknown region");
    assert_eq!(error.class, Class::NotSent);
    assert_eq!(aws.all_regions().await.unwrap(), ["eu-central-1"]);
}

/// A connection that is never made, and counts how many wait for it at once.
#[derive(Clone, Debug, Default)]
struct Nowhere(Arc<parking_lot::Mutex<(usize, usize)>>);

impl HttpConnector for Nowhere {
    fn call(&self, _: HttpRequest) -> HttpConnectorFuture {
        let waiting = Arc::clone(&self.0);
        HttpConnectorFuture::new(async move {
            {
                let mut waiting = waiting.lock();
                waiting.0 += 1;
                waiting.1 = waiting.1.max(waiting.0);
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
            waiting.lock().0 -= 1;
            Err(ConnectorError::io("no such host".into()))
        })
    }
}

#[tokio::test(start_paused = true)]
async fn a_few_regions_are_asked_at_a_time() {
    let nowhere = Nowhere::default();
    let connector = nowhere.clone();
    let conf = aws_sdk_ec2::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-central-1"))
        .retry_config(RetryConfig::disabled())
        .credentials_provider(Credentials::new("test", "test", None, None, "test"))
        .http_client(http_client_fn(move |_: &HttpConnectorSettings, _: &_| {
            SharedHttpConnector::new(connector.clone())
        }));
    let client = aws_sdk_ec2::Client::from_conf(conf.build());
    let regions: Vec<String> = (0..30).map(|number| format!("eu-north-{number}")).collect();
    let clients =
        regions.iter().map(|region| (region.clone(), Ec2Clients { read: client.clone(), change: client.clone() }));
    let aws = Aws::with_ec2_clients(AwsConfig::default(), "123456789012", clients);
    let answers = aws.instances_in(&regions, &[]).await;
    let told: Vec<String> = answers.into_iter().map(|answer| answer.expect_err("no host").region).collect();
    assert_eq!(told, regions, "each in its place");
    assert_eq!(*nowhere.0.lock(), (0, 8));
}

/// Regions as somebody makes them up who knows the form of their names.
fn invented(many: usize) -> Vec<String> {
    let letter = |number: usize| char::from(b'a' + u8::try_from(number % 26).unwrap());
    let name = |number: usize| format!("aa-{}{}{}-1", letter(number / 676), letter(number / 26), letter(number));
    (0..many).map(name).collect()
}

#[tokio::test]
async fn the_clients_of_many_regions_are_not_kept() {
    let config = AwsConfig { region: Some("eu-central-1".into()), ..AwsConfig::default() };
    let sdk = SdkConfig::builder().behavior_version(BehaviorVersion::latest()).build();
    let aws = Aws { sdk: Some(OnceCell::new_with(Some(sdk))), ..Aws::new(config) };
    for region in invented(1_500) {
        aws.ec2("DescribeInstances", &region).await.expect("a client");
    }
    assert_eq!(aws.built().len(), 40);
}

#[tokio::test]
async fn only_what_is_set_or_enabled_may_be_named() {
    let names = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
    let set = AwsConfig { region: Some("eu-north-1".into()), regions: names(&["us-east-1"]), ..AwsConfig::default() };
    let aws = Aws::new(set);
    let asked = [names(&["us-east-1", "eu-north-1", "eu-central-1"]), invented(1_500)].concat();
    assert_eq!(aws.known_of(&asked).await.unwrap(), ["eu-north-1", "us-east-1"]);
    let enabled = fake::aws(&[("eu-central-1", &FakeRegion::default()), ("us-east-1", &FakeRegion::default())]);
    assert_eq!(enabled.known_of(&asked).await.unwrap(), ["eu-central-1", "us-east-1"]);
    assert!(aws.built().is_empty(), "nothing is built to know that");
}
