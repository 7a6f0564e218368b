//! The programs of `delivery/` by themselves: their own tests in Python, against Moto's ECR and a scripted ECS; that each tells
//! how it is used; and the end-to-end tests against the image.

use crate::engine::{ROOT, alone, deliver, docker};
use crate::support::target;
use crate::support::venv::Venv;
use std::path::Path;
use std::process::Command;

const PROGRAMS: [&str; 13] = [
    "advisories",
    "attest",
    "build",
    "deploy",
    "install-cosign",
    "pin",
    "promote",
    "push",
    "resolve",
    "rollback",
    "scan-secrets",
    "smoke",
    "status",
];

const BOTO: Venv<'_> = Venv {
    folder: "delivery-venv",
    what: "boto3 for the delivery programs",
    requirements: include_str!("../../delivery/requirements.txt"),
};

#[test]
fn the_programs_do_what_they_say_against_a_registry_ecr_and_ecs() {
    let python = BOTO.install(&target(), |said| eprintln!("tests: {said}")).expect("boto3 is installed");
    let moto = crate::support::moto();
    let output = Command::new(python)
        .args(["-m", "unittest", "discover", "--start-directory", "tests/delivery", "--pattern", "test_*.py"])
        .current_dir(ROOT)
        .env("PYTHONPATH", Path::new(ROOT).join("delivery"))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("AWS_ENDPOINT_URL", &moto.url)
        .env("AWS_REGION", "eu-central-1")
        .env("AWS_DEFAULT_REGION", "eu-central-1")
        .env("AWS_ACCESS_KEY_ID", "testing")
        .env("AWS_SECRET_ACCESS_KEY", "testing")
        // each test says itself whether it is in CI
        .env_remove("CI")
        .output()
        .expect("python runs");
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}");
    assert!(told.contains("\nOK") && !told.contains("Ran 0 tests"), "{told}");
}

#[actix_web::test]
async fn each_program_tells_how_it_is_used_and_how_it_ends() {
    for program in PROGRAMS.into_iter().chain(["test-image"]) {
        let help = deliver(program, &["--help"], &[]).await.ends(0);
        assert!(help.contains("exit codes:") && help.contains("usage:"), "{program}: {help}");
        deliver(program, &["--no-such-option"], &[]).await.ends(2);
    }
}

#[actix_web::test]
async fn the_end_to_end_tests_pass_against_the_image() {
    if docker().await.is_none() {
        return;
    }
    let _turn = alone().await;
    let image = deliver("build", &[], &[]).await.ends(0);
    let tried = deliver("test-image", &[&image], &[]).await;
    assert_eq!(tried.code, 0, "{}\n{}", tried.out, tried.told);
    let passed = tried.out.lines().find(|line| line.starts_with("test result: ok")).expect("tests ran");
    eprintln!("delivery: against {image}: {passed}");
}
