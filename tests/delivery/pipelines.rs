//! The pipelines are thin: each step is a program of `delivery/` or `.ci/run`, which runs the README's test command with no suite
//! left out, in the agreed order, and nothing in them is a key.

use crate::engine::ROOT;
use serde_json::Value;
use std::path::Path;

const CIRCLE: &str = ".circleci/config.yml";
const GITHUB: &str = ".github/workflows/delivery.yml";

/// The order of a delivery.
const ORDER: [&str; 11] = [
    ".ci/run",
    "scan-secrets",
    "build",
    "test-image",
    "push",
    "attest",
    "deploy",
    "smoke",
    "promote",
    "deploy",
    "smoke",
];

fn text(name: &str) -> String {
    std::fs::read_to_string(Path::new(ROOT).join(name)).expect("the pipeline is there")
}

fn yaml(name: &str) -> Value {
    serde_saphyr::from_str(&text(name)).expect("the pipeline is YAML")
}

/// The steps of these jobs, one after the other.
fn steps(pipeline: &Value, jobs: &[&str]) -> Vec<Value> {
    let of = |job: &&str| pipeline["jobs"][*job]["steps"].as_array().cloned().expect("steps");
    jobs.iter().flat_map(of).collect()
}

/// What a step runs; `None` for one that fetches the source.
fn command(step: &Value) -> Option<String> {
    let run = &step["run"];
    let command = run.as_str().or_else(|| run["command"].as_str());
    if command.is_none() {
        let uses = step.as_str().or_else(|| step["uses"].as_str()).expect("a step runs or uses something");
        assert!(uses == "checkout" || uses.starts_with("actions/checkout@"), "{uses}");
    }
    command.map(str::to_owned)
}

fn commands(pipeline: &Value) -> Vec<String> {
    steps(pipeline, &["test", "staging", "production"]).iter().filter_map(command).collect()
}

#[test]
fn the_gate_is_the_test_command_of_the_readme_and_no_suite_may_be_skipped_in_it() {
    let gate = text(".ci/run");
    assert!(gate.contains("\nexport DRONEBOT_SUITES=all "), "a suite that cannot run fails");
    assert!(gate.contains(" cargo test --locked --no-fail-fast "), "all of it, to its end");
    assert!(text("README.md").contains("\ncargo test "), "the README has another test command");
    let left_out = gate.lines().filter(|line| line.contains("cargo test") && line.contains("--skip"));
    let only_what_has_run = |line: &str| line.contains("DRONEBOT_SUITES=docker");
    left_out.for_each(|line| assert!(only_what_has_run(line), "{line}"));
    // what cannot run is named at the end too, and fails where a deployment hangs on it
    assert!(gate.contains(r#"printf 'NOT RUN: %s\n' "${left_out[@]}""#), "a suite that is left out is named");
    assert!(gate.contains(r#"[ -z "${CI:-}" ] || failed+="#), "a pipeline without an engine is red");
}

#[test]
fn each_step_is_a_program_of_delivery_or_the_gate() {
    for name in [CIRCLE, GITHUB] {
        let commands = commands(&yaml(name));
        let mut order = Vec::new();
        for command in &commands {
            let first = command.split(' ').next().expect("a word");
            if let Some(program) = first.strip_prefix("delivery/") {
                let file = Path::new(ROOT).join("delivery").join(program);
                let mode = std::os::unix::fs::PermissionsExt::mode(&file.metadata().expect("a program").permissions());
                assert_ne!(mode & 0o100, 0, "{name}: {command}");
                order.push(program.to_owned());
            } else {
                assert_eq!(command, "bash .ci/run", "{name}");
                order.push(".ci/run".to_owned());
            }
            assert!(!command.contains(['\n', ';', '&', '|']), "{name}: more than one call: {command}");
        }
        assert_eq!(order, ORDER, "{name}");
        let gates = commands.iter().filter(|command| command.contains("smoke"));
        gates.for_each(|smoke| assert!(smoke.ends_with("--or-rollback"), "{name}: {smoke}"));
        let deploys = commands.iter().filter(|command| command.contains("delivery/deploy"));
        deploys.for_each(|deploy| assert!(deploy.contains("$(delivery/resolve "), "{name}: by digest alone: {deploy}"));
    }
}

#[test]
fn production_comes_after_staging_and_an_approval_and_both_after_the_tests() {
    let github = yaml(GITHUB);
    assert_eq!(github["jobs"]["staging"]["needs"], "test");
    assert_eq!(github["jobs"]["production"]["needs"], "staging");
    assert_eq!(github["jobs"]["production"]["environment"], "production", "its reviewers approve");
    let circle = yaml(CIRCLE);
    let flow = circle["workflows"]["delivery"]["jobs"].as_array().expect("jobs");
    let of = |name: &str| flow.iter().find_map(|job| job.get(name)).unwrap_or_else(|| panic!("no job {name}"));
    assert_eq!(of("staging")["requires"][0], "test");
    assert_eq!(of("approve")["type"], "approval");
    assert_eq!(of("approve")["requires"][0], "staging");
    assert_eq!(of("production")["requires"][0], "approve");
    for name in ["staging", "production"] {
        assert_eq!(of(name)["filters"]["branches"]["only"], "main", "{name}");
    }
    assert_eq!(github["jobs"]["staging"]["if"], "github.ref == 'refs/heads/main'");
}

#[test]
fn no_pipeline_names_a_key_and_aws_is_entered_by_oidc() {
    for name in [CIRCLE, GITHUB] {
        let text = text(name);
        for key in
            ["ACCESS_KEY", "SECRET_KEY", "AWS_SECRET", "SESSION_TOKEN", "secrets.", "PASSWORD", "xoxb", "xoxp", "AKIA"]
        {
            assert!(!text.contains(key), "{name} names {key}");
        }
        assert!(text.contains("DRONE_AWS_ROLE"), "{name}");
    }
    let github = yaml(GITHUB);
    assert_eq!(github["permissions"], serde_json::json!({"contents": "read"}));
    for job in ["staging", "production"] {
        assert_eq!(github["jobs"][job]["permissions"], serde_json::json!({"contents": "read", "id-token": "write"}));
    }
    assert!(github["jobs"]["test"]["permissions"].is_null(), "tests vouch for nothing");
}

#[test]
fn what_others_wrote_is_pinned_by_its_whole_hash() {
    let uses = steps(&yaml(GITHUB), &["test", "staging", "production"]);
    for action in uses.iter().filter_map(|step| step["uses"].as_str()) {
        let hash = action.rsplit('@').next().expect("a hash");
        assert!(hash.len() == 40 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()), "{action}");
    }
    assert!(!text(CIRCLE).contains("orbs:"), "an orb is somebody else's code");
}
