//! Long answers, their files, and the one message of a long job.

use crate::support::fleet::client;
use crate::support::{HOME, MAYA, NEVER, OMAR, Options, Seed, VERA, World, until};
use aws_sdk_ec2::types::{InstanceType, ResourceType, Tag, TagSpecification};
use serde_json::{Value, json};
use std::time::Duration;

/// Three hundred instances; one has a name that a spreadsheet would take for a formula.
async fn three_hundred(world: &World) {
    let ec2 = client(&world.aws_url, HOME).await;
    let images = ec2.describe_images().owners("amazon").send().await.expect("images");
    let image = images.images().first().and_then(|image| image.image_id()).expect("an image").to_owned();
    for (name, count) in [("web", 299), ("=HYPERLINK(\"https://evil.test\")", 1)] {
        let tag = Tag::builder().key("Name").value(name).build();
        let tags = TagSpecification::builder().resource_type(ResourceType::Instance).tags(tag).build();
        let run = ec2.run_instances().image_id(&image).instance_type(InstanceType::T3Micro).tag_specifications(tags);
        run.min_count(count).max_count(count).send().await.expect("instances");
    }
}

/// The files that people can see.
async fn files(world: &World) -> Vec<Value> {
    world.slack.get("files", &[]).await.1["files"].as_array().cloned().expect("files")
}

#[actix_web::test]
async fn a_list_of_300_instances_is_a_page_in_the_thread_and_all_of_it_in_a_file_below() {
    let world = World::new().await;
    three_hundred(&world).await;
    let before = world.slack.cursor().await;
    let ts = world.says(VERA, "ops", "@drone ec2 list").await;
    let answer = world.slack.final_answer("ops", VERA, Some(&ts), before).await;
    let lines: Vec<&str> = answer.text.lines().collect();
    assert_eq!(lines[0], "300 instances in `eu-central-1`: 300 running.");
    assert_eq!(lines.iter().filter(|line| line.contains("t3.micro")).count(), 20);
    assert_eq!(
        lines[lines.len() - 3..],
        [
            "Page 1 of 15. The next: `ec2 list --page 2`",
            "▸ Next page: ec2 list --page 2",
            "All 300 rows are in the file instances.csv below."
        ]
    );
    until("the file is there", async || !files(&world).await.is_empty()).await;
    let files = files(&world).await;
    assert_eq!(files.len(), 1);
    let file = &files[0];
    assert_eq!(
        (&file["name"], &file["channel"], &file["thread_ts"]),
        (&json!("instances.csv"), &json!("COPS"), &json!(ts))
    );
    assert_eq!(file["title"], "300 instances in eu-central-1: 300 running.");
    let rows: Vec<&str> = file["content"].as_str().expect("text").split("\r\n").filter(|row| !row.is_empty()).collect();
    assert_eq!(rows.len(), 301);
    assert_eq!(rows[0], "name,id,state,type,region,zone,private_ip,public_ip,launched,tags");
    assert!(rows[1].starts_with("\"'=HYPERLINK(\"\"https://evil.test\"\")\",i-"), "{}", rows[1]);
    // a page that was asked for is all that was asked for
    assert!(world.asks(VERA, "ec2 list --page 15").await.contains("Page 15 of 15, the last."));
    assert_eq!(world.slack.calls("files.completeUploadExternal").await, 1);
    world.ends_clean().await;
}

#[actix_web::test]
async fn what_only_the_caller_sees_has_its_file_in_the_callers_direct_messages() {
    let world = World::new().await;
    three_hundred(&world).await;
    let before = world.slack.cursor().await;
    let answer = world.asks_in(VERA, "ops", "ec2 list").await;
    assert_eq!(answer.only_for.as_deref(), Some(VERA));
    assert!(
        answer.text.ends_with("All 300 rows are in the file instances.csv in our direct messages."),
        "{}",
        answer.text
    );
    until("the file is there", async || !files(&world).await.is_empty()).await;
    assert_eq!(files(&world).await[0]["channel"], "DVERA");
    assert_eq!(world.slack.from_bot("ops", OMAR, before).await.len(), 0, "nothing of it is in the channel");
    world.ends_clean().await;
}

#[actix_web::test]
async fn a_slack_that_takes_no_files_is_said_from_the_start() {
    let world = World::new().await;
    three_hundred(&world).await;
    world.slack.fault(json!({"api": {"method": "files.getUploadURLExternal", "error": "file_uploads_disabled"}})).await;
    let said = world.asks(VERA, "ec2 list").await;
    assert!(
        said.ends_with("The file with all rows is missing: Slack did not take it (file_uploads_disabled)."),
        "{said}"
    );
    assert_eq!(files(&world).await.len(), 0);
    world.ends_clean().await;
}

#[actix_web::test]
async fn a_bot_killed_before_the_file_is_shown_shows_it_in_its_next_life_and_says_nothing_twice() {
    let mut world = World::new().await;
    three_hundred(&world).await;
    world.slack.fault(json!({"api": {"method": "files.completeUploadExternal", "drop": true, "times": 0}})).await;
    let before = world.slack.cursor().await;
    let ts = world.says(MAYA, "ops", "@drone ec2 list").await;
    world.slack.final_answer("ops", MAYA, Some(&ts), before).await;
    until("it is about to show the file", async || world.slack.calls("files.completeUploadExternal").await > 0).await;
    world.kill_bot();
    world.slack.heal().await;
    world.wake().await;
    until("the file is there", async || !files(&world).await.is_empty()).await;
    world.still_works().await;
    assert_eq!(files(&world).await.len(), 1);
    let said = world.slack.from_bot("ops", MAYA, before).await;
    let texts = said.iter().filter(|message| !message.text.is_empty()).count();
    assert_eq!(texts, 1, "the message itself was noted: {said:?}");
    world.ends_clean().await;
}

#[actix_web::test]
async fn a_long_job_has_one_message_edited_every_three_seconds_at_most() {
    let lag = Duration::from_secs(9);
    let world = World::with(Options { lag, ..Options::default() }).await;
    let web = Seed { region: HOME, name: "web-1", kind: "t3.micro", stopped: false, tags: &[("env", "dev")] };
    world.fleet(&[web]).await;
    let before = world.slack.cursor().await;
    let begun = tokio::time::Instant::now();
    let ts = world.says(MAYA, "ops", "@drone ec2 stop web-1").await;
    world.slack.final_answer("ops", MAYA, Some(&ts), before).await;
    let took = begun.elapsed();
    assert!(took < NEVER && took > lag, "{took:?}");
    // the bot looks each second: without a bound there would be as many edits; the last of them is the answer
    let edits = world.slack.calls("chat.update").await;
    assert!((2..=took.as_secs() / 3 + 1).contains(&edits), "{edits} edits in {took:?}");
    assert_eq!(world.slack.calls("chat.postMessage").await, 1, "one message, edited in place");
    assert_eq!(world.slack.from_bot("ops", MAYA, before).await.len(), 1);
    world.ends_clean().await;
}
