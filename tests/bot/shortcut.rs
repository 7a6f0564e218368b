//! "Run this again", the shortcut on a message.

use crate::support::{GUS, HOME, MAYA, Message, OMAR, Options, Seed, VERA, World, tidy, until};
use serde_json::{Value, json};

const WEB: Seed = Seed { region: HOME, name: "web-1", kind: "t3.micro", stopped: false, tags: &[] };

/// Somebody uses the shortcut on a message.
async fn again(world: &World, who: &str, channel: &str, ts: &str) -> Value {
    let asked = json!({"user": who, "callback_id": "run_again", "channel": channel, "ts": ts});
    world.slack.post("shortcut", asked).await
}

/// What this person sees of the bot there, later than the cursor, once there is something final.
async fn answer(world: &World, who: &str, channel: &str, since: u64) -> Message {
    world.slack.final_answer(channel, who, None, since).await
}

/// The modal that this person sees.
async fn modal(world: &World, who: &str) -> Value {
    let found = async || world.slack.get("views", &[("user", who)]).await.1["views"][0].clone();
    until("a modal opens", async || !found().await.is_null()).await;
    found().await
}

async fn agrees(world: &World, who: &str) {
    let sent = world.slack.post("submit", json!({"user": who})).await;
    world.slack.acked(&sent["envelope_id"]).await;
}

fn called(world: &World, action: &str) -> usize {
    world.aws.calls().iter().filter(|(called, _)| called == action).count()
}

#[actix_web::test]
async fn on_an_answer_of_the_bot_what_led_to_it_is_run_as_whoever_used_the_shortcut() {
    let world = World::new().await;
    let asked = world.says(MAYA, "ops", "@drone whoami").await;
    let first = world.slack.final_answer("ops", MAYA, Some(&asked), 0).await;
    assert!(first.text.contains("maya"), "{}", first.text);
    let before = world.slack.cursor().await;
    again(&world, VERA, "ops", &first.ts).await;
    let second = world.slack.final_answer("ops", MAYA, Some(&asked), before).await;
    assert!(second.text.contains("vera"), "it is Vera's, in the same thread for all to see: {}", second.text);
    // and of that one too
    let before = world.slack.cursor().await;
    again(&world, OMAR, "ops", &second.ts).await;
    let third = world.slack.final_answer("ops", MAYA, Some(&asked), before).await;
    assert!(third.text.contains("omar"), "{}", third.text);
    // where nothing was said but the bot's name, its answer was help
    let named = world.says(MAYA, "ops", "@drone").await;
    let help = world.slack.final_answer("ops", MAYA, Some(&named), 0).await;
    let before = world.slack.cursor().await;
    again(&world, MAYA, "ops", &help.ts).await;
    assert_eq!(world.slack.final_answer("ops", MAYA, Some(&named), before).await.text, help.text);
    world.ends_clean().await;
}

#[actix_web::test]
async fn on_what_somebody_wrote_it_runs_the_line_in_the_thread_of_that_message() {
    let world = World::new().await;
    let plain = world.says(OMAR, "ops", "whoami").await;
    let before = world.slack.cursor().await;
    again(&world, MAYA, "ops", &plain).await;
    let said = world.slack.final_answer("ops", OMAR, Some(&plain), before).await;
    assert!(said.text.contains("maya"), "{}", said.text);
    // in the direct message, beside it
    let direct = world.says(MAYA, "dm", "ping").await;
    answer(&world, MAYA, "dm", before).await;
    let before = world.slack.cursor().await;
    again(&world, MAYA, "dm", &direct).await;
    let said = answer(&world, MAYA, "dm", before).await;
    assert!(said.text.starts_with("Pong.") && said.thread_ts.is_none(), "{said:?}");
    world.ends_clean().await;
}

#[actix_web::test]
async fn where_the_bot_is_no_member_the_caller_alone_is_answered() {
    let world = World::new().await;
    world.slack.post("channel", json!({"name": "quiet", "has_bot": false})).await;
    let plain = world.says(OMAR, "quiet", "whoami").await;
    again(&world, MAYA, "quiet", &plain).await;
    let said = answer(&world, MAYA, "quiet", 0).await;
    assert!(said.ephemeral && said.text.contains("maya"), "{said:?}");
    assert!(world.slack.from_bot("quiet", OMAR, 0).await.is_empty());
    world.ends_clean().await;
}

#[actix_web::test]
async fn a_change_is_shown_first_and_made_when_the_person_says_so() {
    let world = World::new().await;
    world.fleet(&[WEB]).await;
    let asked = world.says(MAYA, "ops", "@drone ec2 reboot web-1").await;
    // edited in place: the answer stands in what was its progress
    let first = world.slack.final_answer("ops", MAYA, Some(&asked), 0).await;
    assert_eq!(called(&world, "RebootInstances"), 1, "{}", first.text);
    let before = world.slack.cursor().await;
    again(&world, OMAR, "ops", &first.ts).await;
    let shown = modal(&world, OMAR).await;
    let words: Vec<&str> =
        shown["blocks"].as_array().expect("blocks").iter().filter_map(|b| b["text"]["text"].as_str()).collect();
    insta::assert_snapshot!(format!("{}\n{}\n[{}]", shown["title"]["text"].as_str().unwrap(), words.join("\n"), shown["submit"]["text"].as_str().unwrap()), @r"
    Run this?
    This changes something in AWS. It is run as you, and judged as if you typed it now:
    ec2 reboot web-1
    [Run again]
    ");
    assert_eq!(called(&world, "RebootInstances"), 1, "nothing is done by looking");
    agrees(&world, OMAR).await;
    let second = world.slack.final_answer("ops", MAYA, Some(&asked), before).await;
    assert!(second.text.contains("\u{2705}"), "{}", second.text);
    assert_eq!(called(&world, "RebootInstances"), 2);
    assert_eq!(world.slack.from_bot("ops", OMAR, before).await.len(), 1, "the modal was all the question there was");
    world.ends_clean().await;
}

#[actix_web::test]
async fn a_change_that_nobody_agrees_to_is_not_made() {
    let mut world = World::new().await;
    world.fleet(&[WEB]).await;
    let plain = world.says(VERA, "ops", "ec2 stop web-1").await;
    again(&world, MAYA, "ops", &plain).await;
    modal(&world, MAYA).await;
    world.slack.post("close_view", json!({"user": MAYA})).await;
    world.still_works().await;
    world.rests().await;
    assert_eq!(called(&world, "StopInstances"), 0);
    assert!(world.slack.from_bot("ops", MAYA, 0).await.is_empty());
}

#[actix_web::test]
async fn where_no_modal_opens_the_question_has_a_button() {
    let world = World::new().await;
    world.fleet(&[WEB]).await;
    world.slack.fault(json!({"api": {"method": "views.open", "error": "expired_trigger_id"}})).await;
    let plain = world.says(VERA, "ops", "ec2 reboot web-1").await;
    let before = world.slack.cursor().await;
    again(&world, MAYA, "ops", &plain).await;
    let asked = world.slack.final_answer("ops", MAYA, Some(&plain), before).await;
    insta::assert_snapshot!(asked.text, @r"
    ❔ Not run: I ask before I run `ec2 reboot web-1` again, because it changes something. Nothing was done. Press the button, or type it.
    ▸ Run again: ec2 reboot web-1
    ");
    assert_eq!(called(&world, "RebootInstances"), 0);
    let before = world.slack.cursor().await;
    let click = json!({"user": MAYA, "channel": "ops", "ts": asked.ts, "action_id": "run:0"});
    world.slack.post("click", click).await;
    let done = world.slack.final_answer("ops", MAYA, Some(&plain), before).await;
    assert!(done.text.contains("\u{2705}"), "{}", done.text);
    assert_eq!(called(&world, "RebootInstances"), 1);
    world.ends_clean().await;
}

#[actix_web::test]
async fn it_is_judged_as_the_person_who_used_it_and_a_refusal_is_theirs_alone() {
    let world = World::new().await;
    let plain = world.says(MAYA, "ops", "ec2 stop web-1").await;
    again(&world, VERA, "ops", &plain).await;
    let said = answer(&world, VERA, "ops", 0).await;
    assert!(said.ephemeral, "{said:?}");
    insta::assert_snapshot!(tidy(&said.text), @r"
    ⛔ Refused: `ec2 stop` needs the group operators; you are in viewers. Nothing was changed.
    Ask @UMAYA or @UOMAR.
    (req XXXX)
    ");
    let harmless = world.says(MAYA, "ops", "ping").await;
    let before = world.slack.cursor().await;
    again(&world, GUS, "ops", &harmless).await;
    let said = answer(&world, GUS, "ops", before).await;
    assert!(said.ephemeral && said.text.contains("full members"), "{said:?}");
    assert!(world.slack.from_bot("ops", MAYA, 0).await.is_empty(), "nobody else reads of it");
    assert!(world.aws.calls().is_empty());
    world.ends_clean().await;
}

#[actix_web::test]
async fn a_message_without_a_command_is_told_so_to_its_finder_alone() {
    let world = World::new().await;
    let mut said = Vec::new();
    for words in ["good morning", "help yourself to the cake", "ec2"] {
        let (plain, before) = (world.says(OMAR, "ops", words).await, world.slack.cursor().await);
        again(&world, MAYA, "ops", &plain).await;
        let answer = answer(&world, MAYA, "ops", before).await;
        assert!(answer.ephemeral, "{answer:?}");
        said.push(answer.text);
    }
    insta::assert_snapshot!(said.join("\n--\n"), @r"
    ❔ Not run: I find no command in that message. Nothing was run. Use this on an answer of mine, or on a message that says a command, such as `ec2 list`.
    --
    ❔ Not run: I do not know `yourself`. Say `help` for the list.
    --
    ❔ Not run: I find no command in that message. Nothing was run. Use this on an answer of mine, or on a message that says a command, such as `ec2 list`.
    ");
    assert!(world.slack.from_bot("ops", OMAR, 0).await.is_empty());
    world.ends_clean().await;
}

#[actix_web::test]
async fn what_a_button_on_the_home_led_to_is_found_again_in_the_direct_message() {
    let world = World::new().await;
    world.slack.post("open_home", json!({"user": MAYA})).await;
    let home = async || world.slack.get("views", &[("user", MAYA)]).await.1["home"].clone();
    until("the home is shown", async || !home().await.is_null()).await;
    let page = home().await;
    let says = |row: &&Value| row["accessory"]["value"].as_str().is_some_and(|value| value.starts_with("whoami ~"));
    let row = page["blocks"].as_array().expect("blocks").iter().find(says);
    let action = row.expect("a row")["accessory"]["action_id"].clone();
    world.slack.post("click", json!({"user": MAYA, "view_id": page["id"], "action_id": action})).await;
    let first = answer(&world, MAYA, "dm", 0).await;
    assert!(first.text.contains("maya"), "{}", first.text);
    let before = world.slack.cursor().await;
    again(&world, MAYA, "dm", &first.ts).await;
    let second = answer(&world, MAYA, "dm", before).await;
    assert_eq!(second.text, first.text);
    world.ends_clean().await;
}

#[actix_web::test]
async fn a_shortcut_that_is_delivered_again_is_answered_once_and_one_that_is_used_twice_twice() {
    let mut world = World::new().await;
    let plain = world.says(OMAR, "ops", "ping").await;
    let used = again(&world, MAYA, "ops", &plain).await;
    for identical in [true, false, true] {
        let envelope = world.slack.redeliver(&used["envelope_id"], identical).await;
        world.slack.acked(&envelope).await;
    }
    again(&world, MAYA, "ops", &plain).await;
    world.still_works().await;
    world.rests().await;
    let said = world.answers("ops", OMAR, 0).await;
    assert_eq!(said.len(), 2, "{said:?}");
    assert!(said.iter().all(|answer| answer.thread_ts.as_deref() == Some(plain.as_str())), "{said:?}");
    assert_eq!(world.count("SELECT count(*) FROM requests WHERE source = 'shortcut'"), 2);
}

#[actix_web::test]
async fn killed_between_the_shortcut_and_its_answer_the_next_life_answers_once_in_the_thread() {
    let env = vec![("DRONEBOT__DELIVERY__RETRY_MIN_MS", "50".into()), ("DRONEBOT__DELIVERY__POLL_MS", "100".into())];
    let mut world = World::with(Options { env, ..Options::default() }).await;
    let asked = world.says(MAYA, "ops", "@drone whoami").await;
    let first = world.slack.final_answer("ops", MAYA, Some(&asked), 0).await;
    // no answer gets through until the bot is dead
    world.slack.fault(json!({"api": {"method": "chat.postMessage", "status": 503, "times": 0}})).await;
    let before = world.slack.cursor().await;
    let used = again(&world, VERA, "ops", &first.ts).await;
    world.slack.acked(&used["envelope_id"]).await;
    world.kill_bot();
    world.slack.heal().await;
    world.wake().await;
    let second = world.slack.final_answer("ops", MAYA, Some(&asked), before).await;
    assert!(second.text.contains("vera"), "{}", second.text);
    let late = world.slack.redeliver(&used["envelope_id"], false).await;
    world.slack.acked(&late).await;
    world.still_works().await;
    world.rests().await;
    assert_eq!(world.answers("ops", MAYA, before).await.len(), 1);
}
