use super::fake::{FakeRegion, Fault, Machine};
use super::*;
use aws_sdk_ec2::config::{Credentials, Region};
use std::time::Duration;
use tokio::io::AsyncReadExt;

#[test]
fn a_provider_is_made_without_building_anything() {
    let aws = Aws::new(AwsConfig::default());
    assert!(aws.ec2.lock().is_empty());
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
