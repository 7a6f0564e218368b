//! A test that fails leaves what its world was like, and one that passes leaves nothing.

use crate::support::{MAYA, World, failed};

const NAME: &str = "leftovers::planted";

/// Runs a test of that name, as the runner does: on a thread that is named after it.
fn run(fails: bool) -> std::thread::Result<()> {
    let test = move || {
        actix_web::rt::System::new().block_on(async move {
            let world = World::new().await;
            world.asks(MAYA, "ec2 list").await;
            assert!(!fails, "this failure is planted");
            world.ends_clean().await;
        });
    };
    std::thread::Builder::new().name(NAME.to_owned()).spawn(test).expect("a thread").join()
}

#[test]
fn a_failed_test_leaves_the_logs_of_bot_slack_aws_and_proxy_until_it_passes() {
    let left = failed::place_of(NAME);
    // this test may have failed before
    let _ = std::fs::remove_dir_all(&left);
    assert!(run(true).is_err(), "it was to fail");
    let (mut bot, mut slack, mut calls, mut aws) = (0, 0, 0, 0);
    let mut folders = vec![left.clone()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("it is kept").map(|entry| entry.expect("an entry").path()) {
            if entry.is_dir() {
                folders.push(entry);
                continue;
            }
            let text = String::from_utf8_lossy(&std::fs::read(&entry).expect("a file")).into_owned();
            let name = entry.file_name().expect("a name").to_string_lossy().into_owned();
            bot += u32::from(name == "bot.log" && text.contains("command finished"));
            slack += u32::from(name.starts_with("slack-") && text.contains("apps.connections.open"));
            calls += u32::from(name == "calls-aws.log" && text.contains("DescribeInstances"));
            aws += u32::from(name.starts_with("moto-") && text.contains("POST /"));
        }
    }
    assert!(bot == 1 && slack > 0 && calls == 1 && aws == 1, "{bot} {slack} {calls} {aws} in {}", left.display());
    run(false).expect("it passes now");
    assert!(!left.exists(), "what its failure left is gone");
}
