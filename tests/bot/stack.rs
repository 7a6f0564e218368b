//! The CloudFormation template: what AWS's own linter says of it, and what becomes of it when it is made.

use crate::support::venv::Venv;
use crate::support::{Options, World, command, target};
use dronebot::commands::{Catalog, DeployConfig, Named, ServiceConfig, iam_document};
use dronebot::domain::SecretReference;
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Stdio};

const LINTER: Venv<'_> =
    Venv { folder: "cfn-lint-venv", what: "cfn-lint", requirements: include_str!("../stack/requirements.txt") };

fn here(path: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn strings(list: &Value) -> BTreeSet<String> {
    list.as_array().expect("a list").iter().filter_map(Value::as_str).map(str::to_owned).collect()
}

/// What the bot calls there: for all commands, for the store that the stack has made already, for its tokens.
fn calls_of_the_bot() -> BTreeSet<String> {
    let made_already = ["dynamodb:CreateTable", "dynamodb:UpdateTimeToLive"];
    let services = [("dronebot".to_owned(), ServiceConfig::default())].into();
    let deploy = DeployConfig { own: Some("dronebot".to_owned()), services };
    let token = SecretReference::read("ssm:/dronebot/bot-token").expect("well formed").expect("a reference");
    let named = Named { deploy: &deploy, regions: &[], table: "dronebot", secrets: &[token] };
    let catalog = Catalog::built_in();
    let policies = [None, Some("store"), Some("secrets")];
    let policies = policies.map(|name| iam_document(&catalog, name, named).expect("a policy"));
    let statements = policies.iter().flat_map(|policy| policy["Statement"].as_array().expect("statements"));
    let calls = statements.flat_map(|statement| strings(&statement["Action"]));
    calls.filter(|call| !made_already.contains(&call.as_str())).collect()
}

#[test]
fn the_linter_of_cloudformation_has_nothing_to_say() {
    let python = LINTER.install(&target(), |said| eprintln!("tests: {said}")).expect("cfn-lint is installed");
    let linter = python.with_file_name("cfn-lint");
    let templates = [here("delivery/stack.yaml"), here("delivery/ci-roles.yaml")];
    let output = Command::new(linter).args(templates).stdin(Stdio::null()).output().expect("it runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

#[test]
fn a_log_that_takes_no_lines_blocks_nothing() {
    let stack = std::fs::read_to_string(here("delivery/stack.yaml")).expect("the stack");
    let drivers: Vec<&str> = stack.split("LogDriver:").skip(1).map(|rest| rest.split("\n\n").next().unwrap()).collect();
    assert!(!drivers.is_empty());
    for driver in drivers {
        assert!(driver.trim_start().starts_with("awslogs\n") && driver.contains("mode: non-blocking\n"), "{driver}");
    }
}

/// What holds the bot, wherever it runs in a container: no new rights, no capability, so much memory and so many processes.
#[test]
fn every_container_has_its_bounds() {
    let read = |path: &str| std::fs::read_to_string(here(path)).expect("a file");
    for path in ["compose.yaml", "delivery/compose.yaml"] {
        let file: Value = serde_saphyr::from_str(&read(path)).expect("YAML");
        let services = file["services"].as_object().expect("services");
        for (name, service) in services {
            // what all of them have stands once
            let of = |key: &str| match &service[key] {
                Value::Null => file["x-drone"][key].clone(),
                own => own.clone(),
            };
            assert_eq!(of("cap_drop"), serde_json::json!(["ALL"]), "{path} {name}");
            assert_eq!(of("security_opt"), serde_json::json!(["no-new-privileges:true"]), "{path} {name}");
            assert!(
                of("mem_limit").is_string() && of("pids_limit").as_u64().is_some_and(|most| most <= 256),
                "{path} {name}"
            );
        }
    }
    let stack = read("delivery/stack.yaml");
    for line in [
        "DockerSecurityOptions: [no-new-privileges]",
        "- { Name: nproc, SoftLimit: 256, HardLimit: 256 }",
        "Memory: 256",
        "ReadonlyRootFilesystem: true",
        "MetadataOptions: { HttpTokens: required, HttpPutResponseHopLimit: 1 }",
        "NetworkMode: host",
        "DeletionProtectionEnabled: true",
        "PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true }",
        "SSESpecification: { SSEEnabled: true, SSEType: KMS }",
        "- { Name: DRONEBOT__HEALTH__LISTEN, Value: \"127.0.0.1:8080\" }",
    ] {
        assert!(stack.contains(&format!(" {line}\n")), "{line}");
    }
}

#[actix_web::test]
async fn the_stack_is_made_as_it_is_written_and_the_bot_joins_its_table() {
    let mut world = World::with(Options { asleep: true, ..Options::default() }).await;
    let python = target().join("moto-venv/bin/python");
    let aws = world.aws_url.clone();
    let made = actix_web::rt::task::spawn_blocking(move || {
        Command::new(python)
            .arg(here("tests/stack/create.py"))
            .arg("staging")
            .env_clear()
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env("AWS_ENDPOINT_URL", aws)
            .env("AWS_ACCESS_KEY_ID", "testing")
            .env("AWS_SECRET_ACCESS_KEY", "testing")
            .env("VERSION", env!("CARGO_PKG_VERSION"))
            .stdin(Stdio::null())
            .output()
            .expect("python runs")
    });
    let made = made.await.expect("it ends");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let made: Value = serde_json::from_slice(&made.stdout).expect("what was made, as JSON");
    assert_eq!(strings(&made["allowed"]), calls_of_the_bot());

    for (name, value) in made["environment"].as_object().expect("variables") {
        // the tokens of the sandbox and its people are in no Parameter Store
        let of_slack = name.contains("TOKEN") || name.contains("GROUPS");
        // and several bots of these tests share this machine's ports
        let is_kept = of_slack || ["AWS_REGION", "DRONEBOT__HEALTH__LISTEN"].contains(&name.as_str());
        if !is_kept {
            world.more_env(name.clone().leak(), value.as_str().expect("text"));
        }
    }
    world.wake().await;
    world.still_works().await;
    let mut init = command(&world.slack.url, &world.aws_url, world.folder.path());
    init.env("DRONEBOT__STORE__KIND", "dynamodb").env("DRONEBOT__STORE__TABLE", "dronebot-staging");
    let init = init.args(["store", "init"]).output().expect("the program starts");
    let said = String::from_utf8_lossy(&init.stdout);
    assert!(init.status.success() && said.contains("nothing was changed"), "{init:?}");
    let bot = world.bot.take().expect("the bot runs");
    assert_eq!(bot.terminate().await, crate::support::Exit::Code(0), "{}", world.log());
}
