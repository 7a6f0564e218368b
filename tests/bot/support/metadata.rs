//! The metadata services of EC2 (IMDSv2 and nothing older) and of ECS, as a bot meets them on an instance: a token by PUT
//! with its time to live, 401 without one, 404 for what is not so.

use actix_web::web::Data;
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, rt, web};
use parking_lot::Mutex;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

const TTL: &str = "x-aws-ec2-metadata-token-ttl-seconds";
const TOKEN: &str = "x-aws-ec2-metadata-token";

/// What there is to be read.
#[derive(Default)]
struct Facts {
    paths: BTreeMap<String, String>,
    tokens: BTreeSet<String>,
    /// How often each path was asked for, with a good token where one is needed.
    asked: BTreeMap<String, u64>,
    /// How often somebody came without a good token.
    refused: u64,
}

/// The services of one instance.
pub struct Metadata {
    pub url: String,
    facts: Arc<Mutex<Facts>>,
}

impl Metadata {
    /// A spot instance with this id, in this zone of eu-central-1.
    #[expect(clippy::disallowed_methods, reason = "a thread of the tests, not of the bot")]
    pub fn start(instance: &str, zone: &str) -> Self {
        let facts = Arc::new(Mutex::new(Facts::default()));
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("its address"));
        let data = Data::from(Arc::clone(&facts));
        std::thread::spawn(move || {
            let app = move || App::new().app_data(data.clone()).default_service(web::to(answer));
            let server = HttpServer::new(app).workers(1).disable_signals().listen(listener).expect("it listens");
            let _ = rt::System::new().block_on(server.run());
        });
        let metadata = Self { url, facts };
        let document = json!({
            "accountId": "123456789012", "architecture": "x86_64", "availabilityZone": zone, "imageId": "ami-0abc",
            "instanceId": instance, "instanceType": "t3.micro", "pendingTime": "2026-11-24T10:00:00Z",
            "privateIp": "10.0.0.7", "region": "eu-central-1", "version": "2017-09-30",
        });
        metadata.tells("/latest/dynamic/instance-identity/document", &document.to_string());
        metadata.tells("/latest/meta-data/instance-life-cycle", "spot");
        metadata
    }

    /// From now on this is read at this path.
    pub fn tells(&self, path: &str, text: &str) {
        self.facts.lock().paths.insert(path.to_owned(), text.to_owned());
    }

    /// A task of ECS runs there too, from this image.
    pub fn runs_task(&self, id: &str, image: &str) {
        let task = json!({
            "Cluster": "ops", "TaskARN": format!("arn:aws:ecs:eu-central-1:123456789012:task/ops/{id}"),
            "Family": "dronebot", "Revision": "26", "AvailabilityZone": "eu-central-1z", "LaunchType": "EC2",
        });
        self.tells("/v4/here/task", &task.to_string());
        let container = json!({"Name": "dronebot", "Image": image, "ImageID": "sha256:0000"});
        self.tells("/v4/here", &container.to_string());
    }

    /// AWS takes the instance back after this time.
    #[expect(clippy::disallowed_methods, reason = "the simulated cloud has a clock of its own")]
    pub fn interrupts_in(&self, time: Duration) {
        let at = jiff::Timestamp::now() + jiff::SignedDuration::try_from(time).expect("a time");
        let notice = json!({"action": "terminate", "time": at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()});
        self.tells("/latest/meta-data/spot/instance-action", &notice.to_string());
    }

    /// AWS recommends to leave the instance.
    pub fn recommends_to_leave(&self) {
        let notice = json!({"noticeTime": "2026-11-24T12:04:05Z"});
        self.tells("/latest/meta-data/events/recommendations/rebalance", &notice.to_string());
    }

    /// No token that was given is good any more.
    pub fn forgets_tokens(&self) {
        self.facts.lock().tokens.clear();
    }

    /// How often a path was asked for.
    pub fn asked(&self, path: &str) -> u64 {
        self.facts.lock().asked.get(path).copied().unwrap_or_default()
    }

    /// How often somebody came without a good token.
    pub fn refused(&self) -> u64 {
        self.facts.lock().refused
    }

    /// What a bot on this instance finds in its environment; it is quick to look.
    pub fn env(&self) -> [(&'static str, String); 3] {
        [
            ("AWS_EC2_METADATA_DISABLED", "false".to_owned()),
            ("AWS_EC2_METADATA_SERVICE_ENDPOINT", self.url.clone()),
            ("DRONEBOT__BODY__NOTICE_POLL_SECONDS", "0.2".to_owned()),
        ]
    }
}

async fn answer(request: HttpRequest, facts: Data<Mutex<Facts>>) -> HttpResponse {
    let header = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let mut facts = facts.lock();
    let path = request.path().to_owned();
    if path == "/latest/api/token" {
        let ttl = header(TTL).and_then(|ttl| ttl.parse::<u32>().ok()).filter(|ttl| (1..=21_600).contains(ttl));
        return match ttl.filter(|_| request.method() == "PUT") {
            None => HttpResponse::BadRequest().finish(),
            Some(ttl) => {
                let token = format!("token-{}", fastrand::u64(..));
                facts.tokens.insert(token.clone());
                HttpResponse::Ok().insert_header((TTL, ttl.to_string())).body(token)
            }
        };
    }
    if path.starts_with("/latest/") && header(TOKEN).is_none_or(|token| !facts.tokens.contains(&token)) {
        facts.refused += 1;
        return HttpResponse::Unauthorized().finish();
    }
    *facts.asked.entry(path.clone()).or_default() += 1;
    match facts.paths.get(&path) {
        Some(text) => HttpResponse::Ok().body(text.clone()),
        None => HttpResponse::NotFound().finish(),
    }
}
