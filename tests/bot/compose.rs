//! The demo of `docker compose up`: that compose.yaml tells its bot what `cargo demo` tells its own, and that the program which
//! is its AWS does what it says there.

use crate::support::made_service::{BROKEN, DEMO, demo_settings};
use crate::support::{Exit, MAYA, NEVER, Options, World, fleet, own_moto, until};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

fn services() -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("compose.yaml");
    let text = std::fs::read_to_string(path).expect("compose.yaml");
    let file: Value = serde_saphyr::from_str(&text).expect("YAML");
    file["services"].clone()
}

/// The setting that the demo gets by another service `shop` must stand in compose.yaml too, and nothing else of that kind.
#[test]
fn the_bot_of_compose_may_deploy_what_that_of_cargo_demo_may() {
    let environment = services()["bot"]["environment"].clone();
    let told = environment.as_object().expect("variables").iter();
    let told: BTreeMap<String, String> = told
        .filter(|(name, _)| name.starts_with("DRONEBOT__DEPLOY__"))
        .map(|(name, value)| {
            (name.clone(), value.as_str().expect("a text, in quotes where YAML reads it otherwise").into())
        })
        .collect();
    assert_eq!(told, demo_settings().into_iter().collect());
    assert_eq!(environment["AWS_REGION"], DEMO.region);
}

#[test]
fn the_bot_of_compose_asks_the_demos_aws_and_that_asks_moto() {
    let services = services();
    let (bot, aws) = (&services["bot"], &services["aws"]);
    let call = json!(["/usr/local/bin/demo", "aws", "--endpoint", "http://moto:5000", "--listen", "0.0.0.0:5001"]);
    assert_eq!(aws["entrypoint"], call);
    assert_eq!(bot["environment"]["AWS_ENDPOINT_URL"], "http://aws:5001");
    let look = json!(["CMD", "/usr/local/bin/demo", "healthcheck", "http://127.0.0.1:5001"]);
    assert_eq!(aws["healthcheck"]["test"], look);
    // what it makes is made once it is healthy, and made anew whenever it has ended
    assert_eq!(bot["depends_on"]["aws"]["condition"], "service_healthy");
    assert_eq!(aws["restart"], "unless-stopped");
    for name in ["sandbox", "aws", "bot"] {
        assert_eq!(services[name]["read_only"], true, "{name}");
        // the images' own user is none that compose may change
        assert_eq!((&services[name]["user"], &services[name]["privileged"]), (&Value::Null, &Value::Null), "{name}");
    }
}

/// A `demo aws`; killed when dropped.
struct DemoAws {
    child: Child,
    url: String,
}

impl Drop for DemoAws {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl DemoAws {
    /// Starts one before this Moto, and waits until it serves.
    fn start(moto: &str) -> Self {
        let mut demo = Command::new(env!("CARGO_BIN_EXE_demo"));
        demo.args(["aws", "--endpoint", moto, "--listen", "127.0.0.1:0"]).stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = demo.spawn().expect("the demo starts");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("its output")).read_line(&mut line).expect("its address");
        let url = line.trim().rsplit(' ').next().filter(|url| url.starts_with("http")).unwrap_or_default().to_owned();
        let started = Self { child, url };
        assert!(!started.url.is_empty(), "it says no address, but {line:?}");
        started
    }

    fn is_healthy(&self) -> bool {
        let mut demo = Command::new(env!("CARGO_BIN_EXE_demo"));
        demo.args(["healthcheck", &self.url]).stdin(Stdio::null()).stderr(Stdio::null());
        demo.status().expect("the demo starts").success()
    }

    /// Waits until it ends.
    async fn exit(&mut self) -> Exit {
        let child = std::cell::RefCell::new(&mut self.child);
        until("the demo ends", async || child.borrow_mut().try_wait().expect("its status").is_some()).await;
        let status = self.child.wait().expect("its status");
        Exit::Code(status.code().expect("it ends by itself"))
    }
}

#[actix_web::test]
async fn the_aws_of_compose_deploys_and_is_made_anew_when_moto_has_forgotten_it() {
    let moto = own_moto();
    fleet::plant(&moto.url, &fleet::DEMO[..1]).await.expect("something of a life before");
    let mut aws = DemoAws::start(&moto.url);
    assert!(aws.is_healthy());
    let mut env: Vec<(&'static str, String)> = vec![("AWS_ENDPOINT_URL", aws.url.clone())];
    env.extend(demo_settings().into_iter().map(|(key, value)| (&*key.leak(), value)));
    let world = World::with(Options { env, ..Options::default() }).await;

    let fleet = fleet::DEMO.iter().filter(|seed| seed.region == DEMO.region).count();
    let list = world.asks(MAYA, "ec2 list").await;
    assert!(list.starts_with(&format!("{fleet} instances in `{}`", DEMO.region)), "{list}");
    // as in `cargo demo`: the proxy plays the rollout, and takes this version back
    let answer = world.asks(MAYA, &format!("deploy {BROKEN}")).await;
    assert!(answer.contains("rolled back to `1.4.1`"), "{answer}");

    let reset =
        awc::Client::builder().timeout(NEVER).finish().post(format!("{}/moto-api/reset", moto.url)).send().await;
    assert!(reset.expect("Moto answers").status().is_success());
    assert_eq!(aws.exit().await, Exit::Code(1), "whoever started it is to start it again");
    assert!(!aws.is_healthy());
    let mut again = DemoAws::start(&moto.url);
    assert!(again.is_healthy());
    kill(Pid::from_raw(i32::try_from(again.child.id()).expect("a pid")), Signal::SIGTERM).expect("it is told");
    assert_eq!(again.exit().await, Exit::Code(0));
    world.ends_clean().await;
}
