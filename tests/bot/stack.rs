//! The CloudFormation template: what AWS's own linter says of it, and what becomes of it when it is made.

use crate::support::venv::Venv;
use crate::support::{Options, World, command, target};
use std::path::Path;
use std::process::{Command, Stdio};

const LINTER: Venv<'_> =
    Venv { folder: "cfn-lint-venv", what: "cfn-lint", requirements: include_str!("../stack/requirements.txt") };

fn here(path: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

#[test]
#[expect(clippy::print_stderr, reason = "whoever runs the tests waits for it")]
fn the_linter_of_cloudformation_has_nothing_to_say() {
    let python = LINTER.install(&target(), |said| eprintln!("tests: {said}")).expect("cfn-lint is installed");
    let linter = python.with_file_name("cfn-lint");
    let output = Command::new(linter).arg(here("delivery/stack.yaml")).stdin(Stdio::null()).output().expect("it runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
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
            .stdin(Stdio::null())
            .output()
            .expect("python runs")
    });
    let made = made.await.expect("it ends");
    let said = String::from_utf8_lossy(&made.stdout);
    assert_eq!(said.trim(), "the stack stands", "{}", String::from_utf8_lossy(&made.stderr));

    world.more_env("DRONEBOT__STORE__KIND", "dynamodb");
    world.more_env("DRONEBOT__STORE__TABLE", "dronebot-staging");
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
