use super::call;
use super::fake::{FakeRegion, Fault, Machine};
use super::gate::CallGate;
use super::*;
use aws_config::BehaviorVersion;
use aws_sdk_ec2::config::{Credentials, Region};
use aws_sdk_ec2::error::ConnectorError;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

#[test]
fn a_provider_is_made_without_building_anything() {
    let aws = Aws::new(AwsConfig::default());
    assert!(aws.built().is_empty());
    assert!(aws.gate.sdk.as_ref().is_some_and(|cell| !cell.initialized()));
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

/// Where the tests make their calls.
fn home() -> AccountRegion {
    AccountRegion::usual("eu-central-1")
}

async fn class_at(endpoint: &str, credentials: bool) -> Class {
    let ids = ["i-1".to_owned()];
    at(endpoint, credentials).ec2.power(&home(), Power::Stop, &ids).await.expect_err("nobody answers").class
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

/// The changing calls, every one of every service.
const CHANGES: [&str; 7] = [
    "StartInstances",
    "StopInstances",
    "RebootInstances",
    "TerminateInstances",
    "RegisterTaskDefinition",
    "UpdateService",
    "StopServiceDeployment",
];

/// A provider whose EC2 and ECS are at this address.
fn all_at(endpoint: &str, http: &aws_smithy_runtime_api::client::http::SharedHttpClient) -> Aws {
    let key = Credentials::new("test", "test", None, None, "test");
    let sdk = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-central-1"))
        .retry_config(RetryConfig::disabled())
        .endpoint_url(endpoint)
        .http_client(http.clone())
        .credentials_provider(aws_sdk_ec2::config::SharedCredentialsProvider::new(key))
        .build();
    let (ec2, ecs) = (aws_sdk_ec2::Client::new(&sdk), aws_sdk_ecs::Client::new(&sdk));
    let clients = Ec2Clients { read: ec2.clone(), change: ec2 };
    Aws::with_ec2_clients(AwsConfig::default(), "123456789012", [("eu-central-1".to_owned(), clients)])
        .and_deploy_clients(
            "eu-central-1",
            EcsClients { read: ecs.clone(), change: ecs },
            aws_sdk_ecr::Client::new(&sdk),
        )
}

async fn make(aws: &Aws, operation: &str) -> Result<(), AwsError> {
    let (place, ids) = (&home(), ["i-1".to_owned()]);
    let at = ServiceAt { account: None, region: place.region.clone(), cluster: "prod".into(), service: "web".into() };
    let sdk = aws_sdk_ecs::types::TaskDefinition::builder().family("web").build();
    match operation {
        "StartInstances" => aws.ec2.power(place, Power::Start, &ids).await,
        "StopInstances" => aws.ec2.power(place, Power::Stop, &ids).await,
        "RebootInstances" => aws.ec2.power(place, Power::Reboot, &ids).await,
        "TerminateInstances" => aws.ec2.power(place, Power::Terminate, &ids).await,
        "RegisterTaskDefinition" => {
            aws.ecs.register(place, &Definition { sdk, tags: Vec::new() }, "web", "r-1").await.map(drop)
        }
        "UpdateService" => aws.ecs.update_service(&at, "web:2", false).await.map(drop),
        _ => aws.ecs.roll_back(place, "arn:aws:ecs:eu-central-1:123456789012:service-deployment/prod/web/1").await,
    }
}

/// Takes whole requests, and answers each with this.
async fn answers_with(listener: tokio::net::TcpListener, head: String, body: &str) {
    loop {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut asked = Vec::new();
        loop {
            let text = String::from_utf8_lossy(&asked).to_lowercase();
            let length = text.split("content-length: ").nth(1).and_then(|rest| rest.split("\r\n").next()?.parse().ok());
            if let (Some(at), Some(length)) = (text.find("\r\n\r\n"), length.or(Some(0_usize)))
                && asked.len() >= at + 4 + length
            {
                break;
            }
            if stream.read_buf(&mut asked).await.unwrap() == 0 {
                break;
            }
        }
        let answer = format!("{head}content-length: {}\r\nconnection: close\r\n\r\n{body}", body.len());
        stream.write_all(answer.as_bytes()).await.unwrap();
    }
}

/// The error of a call that is answered so.
async fn answered(
    http: &aws_smithy_runtime_api::client::http::SharedHttpClient,
    operation: &str,
    (status, kind, body): (u16, &str, &str),
) -> AwsError {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let aws = all_at(&format!("http://{}", listener.local_addr().unwrap()), http);
    let head = format!("HTTP/1.1 {status} X\r\ncontent-type: {kind}\r\n");
    tokio::select! {
        result = make(&aws, operation) => result.expect_err("nothing of AWS's says that it went well"),
        () = answers_with(listener, head, body) => unreachable!("it answers for ever"),
    }
}

/// Whatever the status and the body: without a code of AWS's own the call may have been made.
#[tokio::test]
async fn what_is_not_aws_s_own_refusal_promises_nothing() {
    let http = aws_smithy_http_client::Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https();
    let bodies = [
        ("text/html", "<html><body>Access denied by your proxy</body></html>"),
        ("text/html", ""),
        ("text/plain", "upstream connect error"),
        ("text/xml", "<?xml version=\"1.0\"?><Response><Errors><Error><Co"),
        ("text/xml", "<Response></Response>"),
        ("application/json", "{}"),
        ("application/json", "[]"),
        ("application/json", r#"{"message":"Forbidden"}"#),
    ];
    for operation in CHANGES {
        for status in [200, 302, 400, 401, 403, 404, 407, 408, 413, 429, 500, 502, 503, 504] {
            for (kind, body) in bodies {
                let error = answered(&http, operation, (status, kind, body)).await;
                let case = format!("{operation} answered {status} {kind} {body}: {error}");
                assert!(error.may_have_happened(), "{case}");
                // an answer that cannot be read has no status that the SDK tells
                assert!(error.status.is_none_or(|seen| seen == status), "{case}");
                assert!(!error.what_is_so().contains("did not accept"), "{case}: {}", error.what_is_so());
            }
        }
    }
}

/// With one, known or new, it is a refusal.
#[tokio::test]
async fn aws_s_own_code_is_a_refusal() {
    let http = aws_smithy_http_client::Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https();
    for operation in CHANGES {
        for (code, status, class) in [
            ("UnauthorizedOperation", 403, Class::Denied),
            ("ThrottlingException", 400, Class::Throttled),
            ("RequestLimitExceeded", 503, Class::Throttled),
            ("InsufficientInstanceCapacity", 500, Class::Capacity),
            ("SomethingNew", 400, Class::Input),
        ] {
            let xml = format!(
                "<Response><Errors><Error><Code>{code}</Code><Message>no</Message></Error></Errors>\
                 <RequestID>r-1</RequestID></Response>"
            );
            let json = format!(r#"{{"__type":"{code}","message":"no"}}"#);
            let (kind, body) = match operation.ends_with("Instances") {
                true => ("text/xml", &xml),
                false => ("application/x-amz-json-1.1", &json),
            };
            let error = answered(&http, operation, (status, kind, body)).await;
            assert_eq!((error.class, error.may_have_happened()), (class, false), "{operation} {code}: {error}");
        }
    }
}

#[tokio::test]
async fn all_pages_are_read() {
    let machines = (0..7).map(|n| Machine::new(&format!("i-{n}"), "web", "running")).collect();
    let region = FakeRegion::new(machines);
    region.0.lock().page = 3;
    let aws = fake::aws(&[("eu-central-1", &region)]);
    assert_eq!(aws.ec2.instances(&home(), &[]).await.unwrap().len(), 7);
    assert_eq!(region.0.lock().calls.len(), 3);
}

#[tokio::test]
async fn a_dry_run_tells_whether_it_would_be_allowed() {
    let region = FakeRegion::new(vec![Machine::new("i-1", "web", "running")]);
    let aws = fake::aws(&[("eu-central-1", &region)]);
    let ids = ["i-1".to_owned()];
    assert_eq!(aws.ec2.may_power(&home(), Power::Stop, &ids).await, Ok(()));
    region
        .fails("StopInstances(dry)", Fault::Code("UnauthorizedOperation", "Encoded authorization failure message: x"));
    let denied = aws.ec2.may_power(&home(), Power::Stop, &ids).await.expect_err("denied");
    assert_eq!((denied.class, denied.message.as_str()), (Class::Denied, ""));
    assert!(region.0.lock().changes().is_empty());
}

#[tokio::test]
async fn a_region_without_a_client_is_not_reached() {
    let aws = fake::aws(&[("eu-central-1", &FakeRegion::default())]);
    let error = aws.ec2.instances(&AccountRegion::usual("us-east-1"), &[]).await.expect_err("unknown region");
    assert_eq!(error.class, Class::NotSent);
    assert_eq!(aws.regions.all().await.unwrap(), ["eu-central-1"]);
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
    let places: Vec<AccountRegion> = regions.iter().map(AccountRegion::usual).collect();
    let answers = aws.ec2.instances_in(&places, &[]).await;
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
    let gate = CallGate::configured(config, sdk);
    let aws = Aws::of(gate, Pool::default(), Pool::default(), Pool::default());
    for region in invented(1_500) {
        aws.ec2.clients(&call::DESCRIBE_INSTANCES, &AccountRegion::usual(region)).await.expect("a client");
    }
    assert_eq!(aws.built().len(), 40);
}

#[tokio::test]
async fn only_what_is_set_or_enabled_may_be_named() {
    let names = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
    let set = AwsConfig { region: Some("eu-north-1".into()), regions: names(&["us-east-1"]), ..AwsConfig::default() };
    let aws = Aws::new(set);
    let asked = [names(&["us-east-1", "eu-north-1", "eu-central-1"]), invented(1_500)].concat();
    assert_eq!(aws.regions.known_of(&asked).await.unwrap(), ["eu-north-1", "us-east-1"]);
    let enabled = fake::aws(&[("eu-central-1", &FakeRegion::default()), ("us-east-1", &FakeRegion::default())]);
    assert_eq!(enabled.regions.known_of(&asked).await.unwrap(), ["eu-central-1", "us-east-1"]);
    assert!(aws.built().is_empty(), "nothing is built to know that");
}

/// Whether it is the account of the credentials or another decides before anything is sent.
#[tokio::test]
async fn a_place_in_another_account_is_not_reached() {
    let region = FakeRegion::new(vec![Machine::new("i-1", "web", "running")]);
    let aws = fake::aws(&[("eu-central-1", &region)]);
    let (own, other) =
        (AccountRegion::new("123456789012", "eu-central-1"), AccountRegion::new("999999999999", "eu-central-1"));
    let ids = ["i-1".to_owned()];
    let read = aws.ec2.instances(&other, &[]).await.expect_err("another account");
    let change = aws.ec2.power(&other, Power::Stop, &ids).await.expect_err("another account");
    for error in [read, change] {
        assert_eq!((error.class, error.account.as_ref()), (Class::NotSent, other.account.as_ref()), "{error}");
        assert_eq!(error.what_is_so(), "I have no credentials that I know to be of the AWS account `999999999999`.");
    }
    assert!(region.0.lock().calls.is_empty(), "nothing was sent");
    assert_eq!(aws.ec2.instances(&own, &[]).await.expect("the usual account").len(), 1);
    assert_eq!(aws.built(), ["eu-central-1"], "by its number or without it, it is one account");
}

/// An EC2 that answers each call with one instance of account 111111111111; of which account the credentials are is not known.
fn unasked(listener: &tokio::net::TcpListener) -> Aws {
    let http = aws_smithy_http_client::Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https();
    let key = Credentials::new("test", "test", None, None, "test");
    let sdk = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .endpoint_url(format!("http://{}", listener.local_addr().unwrap()))
        .http_client(http)
        .credentials_provider(aws_sdk_ec2::config::SharedCredentialsProvider::new(key))
        .build();
    let config = AwsConfig { region: Some("eu-central-1".into()), ..AwsConfig::default() };
    let gate = CallGate::configured(config, sdk);
    Aws::of(gate, Pool::default(), Pool::default(), Pool::default())
}

#[tokio::test]
async fn before_the_account_is_known_what_is_read_tells_it_and_nothing_is_changed_on_a_guess() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (aws, ids) = (unasked(&listener), ["i-1".to_owned()]);
    let other = AccountRegion::new("999999999999", "eu-central-1");
    let own = AccountRegion::new("111111111111", "eu-central-1");
    let body = "<DescribeInstancesResponse><reservationSet><item><ownerId>111111111111</ownerId><instancesSet><item>\
                <instanceId>i-1</instanceId></item></instancesSet></item></reservationSet></DescribeInstancesResponse>";
    let asked = async {
        let guessed = aws.ec2.power(&own, Power::Stop, &ids).await.expect_err("its account is not known yet");
        assert_eq!(guessed.class, Class::NotSent);
        let foreign = aws.ec2.instances(&other, &[]).await.expect_err("what came is another account's");
        assert_eq!(foreign.account, other.account);
        assert_eq!(aws.accounts.known(), own.account);
        assert_eq!(aws.ec2.instances(&own, &[]).await.expect("it is this one").len(), 1);
    };
    tokio::select! {
        () = asked => {}
        () = answers_with(listener, "HTTP/1.1 200 X\r\ncontent-type: text/xml\r\n".to_owned(), body) => {}
    }
}
