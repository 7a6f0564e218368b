//! Places that take no answer, and words that are not quite to the bot: whoever asked hears of it all the same.

use crate::support::{HOME, MAYA, OMAR, Options, Seed, World, until};
use serde_json::json;
use std::time::Duration;

const DB: Seed =
    Seed { region: HOME, name: "db-1", kind: "t3.micro", stopped: false, tags: &[("approval", "required")] };
const ROCKET: Seed = Seed { region: HOME, name: "web-🚀", kind: "t3.micro", stopped: false, tags: &[] };

/// The id in `approve 7F3K`.
fn named(text: &str) -> String {
    let rest = text.split("`approve ").nth(1).and_then(|rest| rest.get(..4));
    rest.unwrap_or_else(|| panic!("{text}")).to_owned()
}

#[actix_web::test]
async fn the_answer_of_a_change_finds_its_asker_when_its_channel_is_closed() {
    let world = World::new().await;
    let ids = world.fleet(&[DB]).await;
    world.says(MAYA, "ops", "@drone ec2 stop db-1").await;
    let asked = world.slack.hears("ops", OMAR, "Approval needed", 0).await;
    world.slack.post("channel", json!({"name": "ops", "archived": true})).await;
    world.says(OMAR, "dm", &format!("approve {}", named(&asked.text))).await;
    let told = world.slack.hears("dm", MAYA, "stopped after", 0).await;
    assert!(told.text.starts_with("You asked this where I cannot show you my answer: in <#COPS>"), "{}", told.text);
    assert_eq!(world.state(HOME, &ids[0]).await, "stopped");
    world.ends_clean().await;
}

/// A workspace may let messages be edited for a while only, and not be deleted by apps at all.
#[actix_web::test]
async fn where_slack_refuses_edits_no_message_is_left_as_if_the_work_went_on() {
    let world = World::with(Options { lag: Duration::from_secs(2), ..Options::default() }).await;
    world.fleet(&[Seed { name: "web-1", tags: &[], ..DB }, Seed { name: "web-2", tags: &[], ..DB }]).await;
    for (name, may_delete) in [("web-1", true), ("web-2", false)] {
        let ts = world.says(MAYA, "ops", &format!("@drone ec2 stop {name}")).await;
        let in_thread = async || {
            let said = world.slack.from_bot("ops", MAYA, 0).await;
            let said = said.into_iter().filter(|message| message.thread_ts.as_deref() == Some(&ts));
            said.collect::<Vec<_>>()
        };
        until("its progress is shown", async || in_thread().await.iter().any(|message| message.is_progress())).await;
        let refuses = async |method: &str, code: &str| {
            world.slack.fault(json!({"api": {"method": method, "error": code, "times": 0}})).await;
        };
        refuses("chat.update", "edit_window_closed").await;
        if !may_delete {
            refuses("chat.delete", "cant_delete_message").await;
        }
        let is_answer = |text: &str| text.contains("stopped after");
        until("it is answered anew", async || in_thread().await.iter().any(|message| is_answer(&message.text))).await;
        let said = in_thread().await;
        let (answers, others): (Vec<_>, Vec<_>) = said.iter().partition(|message| is_answer(&message.text));
        assert_eq!(answers.len(), 1, "{said:#?}");
        let out_of_date =
            answers[0].text.contains("is out of date") && answers[0].text.contains("`edit_window_closed`");
        assert_eq!(out_of_date, !may_delete, "{}", answers[0].text);
        let standing: Vec<_> = others.iter().filter(|message| !message.deleted).collect();
        assert_eq!(standing.len(), usize::from(!may_delete), "{said:#?}");
        world.slack.heal().await;
    }
    world.ends_clean().await;
}

#[actix_web::test]
async fn a_question_that_nobody_else_can_see_says_so_and_what_to_do() {
    let world = World::new().await;
    world.fleet(&[DB]).await;
    world.slack.slash(MAYA, "random", "ec2 stop db-1").await;
    let asked = world.slack.hears("random", MAYA, "Approval needed", 0).await;
    let said = "Nobody else sees this question, as I cannot post in <#CRANDOM> (`not_in_channel`).";
    assert!(asked.text.starts_with(said), "{}", asked.text);
    assert!(!asked.text.contains("Approve:"), "it cannot be the asker's: {}", asked.text);
    world.says(OMAR, "dm", &format!("approve {}", named(&asked.text))).await;
    world.slack.hears("random", MAYA, "stopped after", 0).await;
    world.ends_clean().await;
}

#[actix_web::test]
async fn nobody_who_names_the_bot_is_dropped_without_a_word() {
    let world = World::new().await;
    world.fleet(&[ROCKET]).await;
    for text in ["hey @drone ping", "@omar @drone ping", "ping @drone"] {
        let before = world.slack.cursor().await;
        world.says(MAYA, "ops", text).await;
        world.slack.hears("ops", MAYA, "Pong.", before).await;
    }
    // an emoji is a shortcode by the time it comes here
    for text in ["@drone ec2 show web-🚀", "ec2 show web-🚀"] {
        let (before, place) = (world.slack.cursor().await, if text.starts_with('@') { "ops" } else { "dm" });
        world.says(MAYA, place, text).await;
        world.slack.hears(place, MAYA, "t3.micro", before).await;
    }
    let before = world.slack.cursor().await;
    world.slack.slash(MAYA, "ops", "ec2 show web-🚀").await;
    world.slack.hears("ops", MAYA, "t3.micro", before).await;
    world.slack.slash(MAYA, "ops", "ec2 stop web-🚀").await;
    world.slack.hears("ops", MAYA, "Did you mean this one?", before).await;
    // an edit is not run, and that is said once
    let quiet = world.says(MAYA, "ops", "drone ec2 list").await;
    let direct = world.says(MAYA, "dm", "pnig").await;
    for (place, ts) in [("ops", quiet), ("dm", direct)] {
        let edit = async |text: &str| {
            let edit = json!({"user": MAYA, "channel": place, "ts": ts, "text": text});
            world.slack.post("edit", edit).await;
        };
        let told = async || {
            let said = world.slack.from_bot(place, MAYA, 0).await;
            said.iter().filter(|message| message.text.contains("I do not run what is edited")).count()
        };
        edit("@drone ping").await;
        until("the edit is answered", async || told().await == 1).await;
        edit("@drone ec2 list").await;
        world.still_works().await;
        assert_eq!(told().await, 1, "once for each message");
    }
    world.ends_clean().await;
}
