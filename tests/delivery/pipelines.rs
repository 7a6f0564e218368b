//! The pipelines are thin: each step is a program of `delivery/` or `.ci/run`, which runs the README's test command with no suite
//! left out, in the agreed order, and nothing in them is a key.

use crate::engine::ROOT;
use serde_json::Value;
use std::path::Path;

const CIRCLE: &str = ".circleci/config.yml";
const GITHUB: &str = ".github/workflows/delivery.yml";

/// The jobs of a delivery in their order, in either pipeline. The approval on GitHub is that of its environment, so what comes
/// after it is one job there.
fn jobs(name: &str) -> Vec<&'static str> {
    let mut jobs = vec!["test", "build", "publish", "staging", "production"];
    if name == CIRCLE {
        jobs.insert(4, "promote");
    }
    jobs
}

/// Jobs that run what others wrote (build scripts, pip, npm), and so may enter nothing.
const UNTRUSTED: [&str; 4] = ["advisories", "night", "test", "build"];

/// What is used of others, each by its whole hash, beside the checkout.
const USED: [&str; 3] = ["actions/upload-artifact@", "actions/download-artifact@", "sigstore/cosign-installer@"];

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

/// What a step runs; `None` for one that fetches the source, the image or cosign.
fn command(step: &Value) -> Option<String> {
    let run = &step["run"];
    let command = run.as_str().or_else(|| run["command"].as_str());
    let hands_over = |name: &str| step.get(name).is_some();
    if command.is_none() && !["persist_to_workspace", "attach_workspace"].into_iter().any(hands_over) {
        let uses = step.as_str().or_else(|| step["uses"].as_str()).expect("a step runs or uses something");
        let known = USED.into_iter().chain(["actions/checkout@"]).any(|action| uses.starts_with(action));
        assert!(uses == "checkout" || known, "{uses}");
    }
    command.map(str::to_owned)
}

fn commands(name: &str) -> Vec<String> {
    steps(&yaml(name), &jobs(name)).iter().filter_map(command).collect()
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
        let commands = commands(name);
        let mut order = Vec::new();
        for command in &commands {
            let first = command.split(' ').next().expect("a word");
            if let Some(program) = first.strip_prefix("delivery/") {
                let file = Path::new(ROOT).join("delivery").join(program);
                let mode = std::os::unix::fs::PermissionsExt::mode(&file.metadata().expect("a program").permissions());
                assert_ne!(mode & 0o100, 0, "{name}: {command}");
                if program != "install-cosign" {
                    order.push(program.to_owned());
                }
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

/// What takes too long for the gate runs each night in both: chaos as it ships, the long run, and the crash points of each door.
#[test]
fn each_night_everything_breaks_for_long_and_as_it_ships() {
    let (github, circle) = (yaml(GITHUB), yaml(CIRCLE));
    assert_eq!(github["jobs"]["night"]["if"], "github.event_name == 'schedule'");
    assert!(text(GITHUB).contains("\n  schedule:\n"));
    let daily = &circle["workflows"]["daily"];
    assert!(daily["triggers"][0]["schedule"]["cron"].is_string());
    assert!(daily["jobs"].as_array().is_some_and(|jobs| jobs.contains(&Value::from("night"))), "{daily}");
    for pipeline in [github, circle] {
        let commands: Vec<String> = steps(&pipeline, &["night"]).iter().filter_map(command).collect();
        assert_eq!(commands, ["bash .ci/night"]);
    }
    let night = text(".ci/night");
    for form in ["DRONEBOT_CHAOS_FORM=shipped", "DRONEBOT_CHAOS_COMMANDS=10000"] {
        assert!(night.contains(&format!("{form} cargo test --release --locked --test chaos whatever ")), "{form}");
    }
    assert!(night.contains("cargo test --release --locked --test bot points -- --ignored"));
}

#[test]
fn production_comes_after_staging_and_an_approval_and_both_after_the_tests() {
    let github = yaml(GITHUB);
    for (job, needs) in [("build", "test"), ("publish", "build"), ("staging", "publish")] {
        assert_eq!(github["jobs"][job]["needs"], needs);
    }
    assert_eq!(github["jobs"]["production"]["needs"], "staging");
    assert_eq!(github["jobs"]["production"]["environment"], "production", "its reviewers approve");
    let circle = yaml(CIRCLE);
    let flow = circle["workflows"]["delivery"]["jobs"].as_array().expect("jobs");
    let of = |name: &str| flow.iter().find_map(|job| job.get(name)).unwrap_or_else(|| panic!("no job {name}"));
    for (job, needs) in [("build", "test"), ("publish", "build"), ("staging", "publish"), ("promote", "approve")] {
        assert_eq!(of(job)["requires"][0], needs);
    }
    assert_eq!(of("approve")["type"], "approval");
    assert_eq!(of("approve")["requires"][0], "staging");
    assert_eq!(of("production")["requires"][0], "promote");
    for name in ["build", "publish", "staging", "promote", "production"] {
        assert_eq!(of(name)["filters"]["branches"]["only"], "main", "{name}");
    }
    assert_eq!(github["jobs"]["build"]["if"], "github.event_name == 'push' && github.ref == 'refs/heads/main'");
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
    for job in ["publish", "staging", "production"] {
        assert_eq!(github["jobs"][job]["permissions"], serde_json::json!({"contents": "read", "id-token": "write"}));
        assert!(github["jobs"][job]["environment"].is_string(), "{job}: a role is bound to an environment");
    }
}

/// The build script of any dependency could take the token of its job, and with it the role.
#[test]
fn what_runs_others_code_can_enter_nothing() {
    let (github, circle) = (yaml(GITHUB), yaml(CIRCLE));
    let contexts = |flow: &str| -> Vec<Value> {
        let jobs = circle["workflows"][flow]["jobs"].as_array().cloned().expect("jobs");
        // without anything but its name it has no context either
        let named = |job: &Value| UNTRUSTED.iter().find_map(|name| job.get(*name)).cloned();
        jobs.iter().filter_map(named).collect()
    };
    for job in contexts("delivery").iter().chain(&contexts("daily")) {
        assert!(job["context"].is_null(), "{job}");
    }
    for name in UNTRUSTED {
        let job = &github["jobs"][name];
        assert!(job["permissions"].is_null() && job["environment"].is_null() && job["env"].is_null(), "{name}");
    }
    // and what can enter something builds and tests nothing
    for name in [GITHUB, CIRCLE] {
        let trusted: Vec<&str> = jobs(name).into_iter().filter(|job| !UNTRUSTED.contains(job)).collect();
        for command in steps(&yaml(name), &trusted).iter().filter_map(command) {
            let builds = ["cargo", "npm", ".ci/run", "delivery/build", "delivery/test-image", "delivery/scan-secrets"];
            assert!(!builds.iter().any(|word| command.contains(word)), "{name}: {command}");
        }
    }
}

/// The trust of the roles: both words of the token, whole, and equal.
#[test]
fn the_roles_of_ci_are_for_one_audience_and_one_subject_each() {
    let template = text("delivery/ci-roles.yaml");
    let roles: Vec<&str> = template.split("Type: AWS::IAM::Role\n").skip(1).collect();
    assert_eq!(roles.len(), 2);
    for role in roles {
        let trust = role.split("Policies:").next().expect("a trust policy");
        assert_eq!(trust.matches("Effect: Allow").count(), 1, "{trust}");
        assert!(trust.contains("Action: sts:AssumeRoleWithWebIdentity\n"), "{trust}");
        let condition = trust.split("Condition:\n").nth(1).expect("a condition");
        let lines: Vec<&str> = condition.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        assert_eq!(lines[0], "StringEquals:", "a pattern lets in whatever fits it");
        assert_eq!(lines[1], "\"token.actions.githubusercontent.com:aud\": sts.amazonaws.com");
        let subject = lines[2].strip_prefix("\"token.actions.githubusercontent.com:sub\": !Ref ").expect("a subject");
        let parameter = template.split(&format!("\n  {subject}:\n")).nth(1).expect("a parameter");
        let pattern =
            parameter.lines().find_map(|line| line.trim().strip_prefix("AllowedPattern: ")).expect("a pattern");
        assert!(pattern.starts_with("\"repo:[") && !pattern.contains(".*") && !pattern.contains('?'), "{pattern}");
        assert_eq!(lines.len(), 3, "{condition}");
    }
}

#[test]
fn what_others_wrote_is_pinned_by_its_whole_hash() {
    let mut all = jobs(GITHUB);
    all.extend(["advisories", "night"]);
    let uses = steps(&yaml(GITHUB), &all);
    for action in uses.iter().filter_map(|step| step["uses"].as_str()) {
        let hash = action.rsplit('@').next().expect("a hash");
        assert!(hash.len() == 40 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()), "{action}");
    }
    assert!(!text(CIRCLE).contains("orbs:"), "an orb is somebody else's code");
}

/// Everything that pip installs is the very file that was looked at.
#[test]
fn what_pip_installs_is_pinned_by_its_hash() {
    let lists = [
        "delivery/requirements.txt",
        "src/bin/demo/requirements.txt",
        "tests/clients/python/requirements.txt",
        "tests/stack/requirements.txt",
        ".ci/node-requirements.txt",
    ];
    for list in lists {
        let text = text(list).replace("\\\n", "");
        let pins: Vec<&str> = text.lines().filter(|line| !line.starts_with('#') && !line.trim().is_empty()).collect();
        assert!(pins.len() > 1, "{list}");
        for pin in pins {
            assert!(pin.contains("==") && pin.contains("--hash=sha256:"), "{list}: {pin}");
        }
    }
    for place in ["delivery/drone/identity.py", "src/bin/demo/venv.rs", ".ci/beside"] {
        assert!(text(place).contains("--require-hashes"), "{place}");
    }
}
