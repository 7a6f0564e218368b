//! Forms and buttons: what a person fills in or presses instead of typing.

use crate::support::{GUS, HOME, MAYA, Message, NINA, OMAR, Options, Seed, VERA, World, tidy, until};
use serde_json::{Value, json};
use std::time::Duration;

const WEB: Seed = Seed { region: HOME, name: "web-1", kind: "t3.micro", stopped: false, tags: &[] };

fn made(world: &World, action: &str) -> usize {
    world.aws.calls().iter().filter(|(call, _)| call == action).count()
}

/// What a person sees of a modal, line by line.
fn read(modal: &Value) -> String {
    let mut lines = vec![format!("# {}", modal["title"]["text"].as_str().unwrap_or_default())];
    for block in modal["blocks"].as_array().expect("blocks") {
        let words = |value: &Value| value["text"].as_str().unwrap_or_default().to_owned();
        if block["type"] == "section" {
            lines.push(words(&block["text"]));
            continue;
        }
        let element = &block["element"];
        let star = if block["optional"] == true { "" } else { "*" };
        let kind = element["type"].as_str().unwrap_or_default();
        let said = element["initial_value"].as_str().unwrap_or_default();
        lines.push(format!("{}{star} [{kind}: {said}]", words(&block["label"])));
        lines.extend(block.get("hint").map(|hint| format!("  {}", words(hint))));
        let error = modal["errors"][block["block_id"].as_str().unwrap_or_default()].as_str();
        lines.extend(error.map(|error| format!("  ! {error}")));
    }
    lines.push(format!(
        "[{}] [{}]",
        modal["submit"]["text"].as_str().unwrap_or_default(),
        modal["close"]["text"].as_str().unwrap_or_default()
    ));
    lines.extend(modal["failed"].as_str().map(|failed| format!("! {failed}")));
    lines.join("\n")
}

/// Has the bot ask Slack who this person is: a trigger lives for three seconds, and on a busy machine the first command
/// of a person may take as long.
async fn known(world: &World, who: &str) {
    world.asks_in(who, "general", "ping").await;
}

/// Everything that the bot said to this person there, progress left out.
async fn said(world: &World, channel: &str, who: &str) -> Vec<Message> {
    world.answers(channel, who, 0).await
}

#[actix_web::test]
async fn a_slash_command_without_its_argument_opens_a_form_and_what_is_filled_in_runs_in_place() {
    let mut world = World::new().await;
    known(&world, MAYA).await;
    let ids = world.fleet(&[WEB]).await;
    let typed = world.slack.slash(MAYA, "ops", "ec2 stop --region eu-central-1").await;
    insta::assert_snapshot!(read(&world.slack.modal(MAYA).await), @r"
    # ec2 stop
    Stops running instances, and waits until they are stopped.
    Target* [plain_text_input: ]
      An instance: its id, its name, name:web-* for all names that fit, or tag:key=value for all that have the tag. Several are separated by spaces.
    Region [plain_text_input: eu-central-1]
      Where the instances are: a region, several by commas; without it, the usual one
    [Run] [Cancel]
    ");
    assert!(said(&world, "ops", MAYA).await.is_empty(), "the form is the answer");

    // a wrong value stays in the form, with what is wrong on its field
    world.slack.submits(MAYA, json!({"target": "web-1", "region": "frankfurt"})).await;
    until("the error is shown", async || !world.slack.modal(MAYA).await["errors"]["region"].is_null()).await;
    insta::assert_snapshot!(read(&world.slack.modal(MAYA).await), @r"
    # ec2 stop
    Stops running instances, and waits until they are stopped.
    Target* [plain_text_input: ]
      An instance: its id, its name, name:web-* for all names that fit, or tag:key=value for all that have the tag. Several are separated by spaces.
    Region [plain_text_input: eu-central-1]
      Where the instances are: a region, several by commas; without it, the usual one
      ! Region must be an AWS region such as eu-central-1, not frankfurt.
    [Run] [Cancel]
    ");
    world.slack.submits(MAYA, json!({"target": "web-*", "region": "eu-central-1"})).await;
    until("the error is shown", async || !world.slack.modal(MAYA).await["errors"]["target"].is_null()).await;
    assert!(said(&world, "ops", MAYA).await.is_empty() && made(&world, "DescribeInstances") == 0, "nothing was run");

    // the right one closes it, and is answered where the slash command would have been
    let sent = world.slack.submits(MAYA, json!({"target": " web-1 ", "region": "eu-central-1"})).await;
    world.slack.modal_closes(MAYA).await;
    for identical in [true, false] {
        let again = world.slack.redeliver(&sent["envelope_id"], identical).await;
        world.slack.acked(&again).await;
    }
    let answer = world.slack.final_answer("ops", MAYA, None, 0).await;
    insta::assert_snapshot!(tidy(&answer.text), @r"
    ✅ Done: `web-1 (i-00000000000000001)`: running → stopped after N s.
    `web-1 (i-00000000000000001)` has lost its public address `ADDRESS`; a start gives it another.
    (req XXXX)
    ");
    assert_eq!((answer.ephemeral, answer.via.as_str()), (true, "response_url"));
    world.rests().await;
    assert_eq!(said(&world, "ops", MAYA).await.len(), 1, "one answer");
    assert_eq!(made(&world, "StopInstances"), 1);
    assert_eq!(world.state(HOME, &ids[0]).await, "stopped");
    let journalled = world.texts("SELECT source || ': ' || text FROM requests WHERE text <> 'ping' ORDER BY id");
    assert_eq!(
        journalled,
        ["slash_command: ec2 stop --region eu-central-1", "modal: ec2 stop web-1 --region eu-central-1"]
    );
    let trigger = typed["trigger_id"].as_str().expect("a trigger");
    assert!(!world.log().contains(trigger), "a trigger is a capability");
}

#[actix_web::test]
async fn whoever_could_not_run_the_command_gets_no_form() {
    let world = World::new().await;
    insta::assert_snapshot!(world.reads(VERA, "ec2 stop").await, @r"
    ⛔ Refused: `ec2 stop` needs the group operators; you are in viewers. Nothing was changed.
    Ask @UMAYA or @UOMAR.
    (req XXXX)
    ");
    assert_eq!(world.slack.calls("views.open").await, 0);
    world.ends_clean().await;
}

#[actix_web::test]
async fn a_mention_without_its_argument_gets_a_button_for_the_form_and_is_answered_in_its_thread() {
    let mut world = World::new().await;
    known(&world, NINA).await;
    known(&world, VERA).await;
    world.fleet(&[WEB]).await;
    let ts = world.says(MAYA, "ops", "@drone ec2 show").await;
    let usage = world.slack.final_answer("ops", MAYA, Some(&ts), 0).await;
    insta::assert_snapshot!(tidy(&usage.text), @r"
    ❔ Not run: `<target>` is missing.
    Usage: `ec2 show <target> [--region <region>]…`
    ▸ Fill in a form: ec2 show
    ");
    // anybody may press, and is judged as who presses
    world.slack.presses(NINA, &usage, "Fill in a form").await;
    let refusal = world.slack.hears("ops", NINA, "Refused", usage.cursor).await;
    assert!(refusal.text.contains("you are in no group") && refusal.thread_ts.as_deref() == Some(ts.as_str()));
    assert!(world.slack.modals(NINA).await.is_empty());

    world.slack.presses(VERA, &usage, "Fill in a form").await;
    world.slack.modal(VERA).await;
    let before = world.slack.cursor().await;
    world.slack.submits(VERA, json!({"target": "web-1"})).await;
    let answer = world.slack.final_answer("ops", OMAR, Some(&ts), before).await;
    assert!(answer.text.starts_with("web-1") && !answer.ephemeral, "{}", answer.text);
    world.slack.modal_closes(VERA).await;
    world.rests().await;
    let thread = said(&world, "ops", MAYA).await;
    assert_eq!(thread.len(), 2, "usage, answer: {thread:?}");
}

#[actix_web::test]
async fn in_a_direct_message_form_and_answer_stay_there() {
    let world = World::new().await;
    known(&world, VERA).await;
    world.fleet(&[WEB]).await;
    world.says(VERA, "dm", "ec2 show").await;
    let usage = world.slack.final_answer("dm", VERA, None, 0).await;
    world.slack.presses(VERA, &usage, "Fill in a form").await;
    world.slack.modal(VERA).await;
    let before = world.slack.cursor().await;
    world.slack.submits(VERA, json!({"target": "web-1"})).await;
    let answer = world.slack.final_answer("dm", VERA, None, before).await;
    assert!(answer.text.starts_with("web-1") && answer.thread_ts.is_none(), "{answer:?}");
    world.ends_clean().await;
}

#[actix_web::test]
async fn where_slack_opens_no_form_the_text_says_it_and_has_the_button() {
    let mut world = World::new().await;
    known(&world, MAYA).await;
    world.slack.fault(json!({"api": {"method": "views.open", "error": "expired_trigger_id"}})).await;
    let usage = world.asks_in(MAYA, "ops", "ec2 stop").await;
    insta::assert_snapshot!(tidy(&usage.text), @r"
    ❔ Not run: `<target>` is missing.
    Usage: `ec2 stop <target>… [--region <region>]…`
    ▸ Fill in a form: ec2 stop
    ");
    assert!(usage.ephemeral && world.slack.modals(MAYA).await.is_empty());
    // the trigger of the button is a new one
    world.slack.presses(MAYA, &usage, "Fill in a form").await;
    world.slack.modal(MAYA).await;

    // Slack is slower than its trigger lives
    world.slack.post("close_view", json!({"user": MAYA})).await;
    world.slack.fault(json!({"api": {"method": "views.open", "hang_ms": 8_000}})).await;
    let late = world.asks_in(MAYA, "ops", "ec2 start").await;
    assert!(late.text.contains("`&lt;target&gt;` is missing"), "{}", late.text);

    // an answer that is lost: both the form and the text, and neither does anything by itself
    world.slack.fault(json!({"api": {"method": "views.open", "after_effect": true}})).await;
    let lost = world.asks_in(MAYA, "ops", "ec2 reboot").await;
    assert!(lost.text.contains("`&lt;target&gt;` is missing"), "{}", lost.text);
    assert_eq!(world.slack.modal(MAYA).await["title"]["text"], "ec2 reboot");
    world.rests().await;
    assert_eq!(said(&world, "ops", MAYA).await.len(), 3);
    assert!(world.aws.calls().is_empty());
}

#[actix_web::test]
async fn killed_before_the_form_was_open_the_next_life_says_it_in_words() {
    let mut world = World::new().await;
    known(&world, MAYA).await;
    world.slack.fault(json!({"api": {"method": "views.open", "hang_ms": 60_000}})).await;
    let typed = world.slack.slash(MAYA, "ops", "ec2 stop").await;
    // journalled, and the form hangs
    world.slack.acked(&typed["envelope_id"]).await;
    assert!(said(&world, "ops", MAYA).await.is_empty());
    world.kill_bot();
    world.wake().await;
    let usage = world.slack.final_answer("ops", MAYA, None, 0).await;
    assert!(usage.text.contains("`&lt;target&gt;` is missing"), "{}", usage.text);
    world.rests().await;
    assert_eq!(said(&world, "ops", MAYA).await.len(), 1);
    assert!(world.slack.modals(MAYA).await.is_empty(), "a trigger that may have been used is not tried again");
}

#[actix_web::test]
async fn a_form_that_the_journal_does_not_take_stays_open_and_works_after_a_restart() {
    let env = vec![
        ("DRONEBOT__STORE__MAX_MIB", "1".into()),
        // one person fills it
        ("DRONEBOT__EXECUTION__MAX_OPEN_EACH", "5000".into()),
        ("DRONEBOT__DELIVERY__RETRY_MIN_MS", "50".into()),
        ("DRONEBOT__DELIVERY__POLL_MS", "100".into()),
    ];
    let mut world = World::with(Options { env, ..Options::default() }).await;
    known(&world, MAYA).await;
    world.fleet(&[WEB]).await;
    world.slack.slash(MAYA, "ops", "ec2 stop").await;
    world.slack.modal(MAYA).await;
    world.slack.ack_timeout(Duration::from_millis(1_500)).await;
    // an answer that is delivered would make room
    world.slack.fault(json!({"api": {"method": "response_url", "status": 503, "times": 0}})).await;
    let refused = |world: &World| world.log().matches("request not journalled").count();
    // an answer that is stored makes room in its request's page: full is what stays full
    for size in [8_000, 4_000, 100, 1, 1, 1, 1, 1] {
        let before = refused(&world);
        while refused(&world) == before {
            let sent = world.slack.slash(OMAR, "general", &"x".repeat(size)).await;
            let id = sent["envelope_id"].as_str().expect("an id").to_owned();
            until("it is acked, or not journalled", async || {
                refused(&world) > before || !world.slack.acks(&id).await.is_empty()
            })
            .await;
        }
    }
    world.slack.submits(MAYA, json!({"target": "web-1"})).await;
    until("the error is shown", async || world.slack.modal(MAYA).await["errors"] != json!({})).await;
    let modal = world.slack.modal(MAYA).await;
    insta::assert_snapshot!(read(&modal), @r"
    # ec2 stop
    Stops running instances, and waits until they are stopped.
    Target* [plain_text_input: ]
      An instance: its id, its name, name:web-* for all names that fit, or tag:key=value for all that have the tag. Several are separated by spaces.
      ! I could not write this down, so nothing was done. Send it again.
    Region [plain_text_input: ]
      Where the instances are: a region, several by commas; without it, the usual one
    [Run] [Cancel]
    ");
    assert_eq!(modal["state"]["values"]["target"]["value"]["value"], "web-1", "nothing filled in is lost");

    // there is space again; the form knows by itself where its answer goes
    world.kill_bot();
    world.slack.heal().await;
    world.more_env("DRONEBOT__STORE__MAX_MIB", "0");
    world.wake().await;
    world.slack.submits(MAYA, json!({})).await;
    world.slack.modal_closes(MAYA).await;
    let answer = world.slack.final_answer("ops", MAYA, None, 0).await;
    assert!(answer.text.contains("running → stopped"), "{}", answer.text);
    world.rests().await;
    assert_eq!(made(&world, "StopInstances"), 1);
    assert_eq!(world.count("SELECT count(*) FROM requests WHERE source = 'modal'"), 1);
}

#[actix_web::test]
async fn a_button_is_judged_by_who_presses_it_and_answered_in_its_thread() {
    let mut world = World::new().await;
    let ids = world.fleet(&[WEB]).await;
    let ts = world.says(MAYA, "ops", "@drone ec2 show web-1").await;
    let shown = world.slack.final_answer("ops", MAYA, Some(&ts), 0).await;
    let actions = shown.blocks.as_array().expect("blocks").iter().find(|block| block["type"] == "actions");
    let stop = &actions.expect("buttons")["elements"][0];
    assert_eq!((stop["text"]["text"].as_str(), stop["style"].as_str()), (Some("Stop"), Some("danger")));
    let question = stop["confirm"]["text"]["text"].as_str().expect("a question");
    assert_eq!(question, format!("Stop web-1 ({}) in eu-central-1?", ids[0]));

    world.slack.presses(VERA, &shown, "Stop").await;
    let refusal = world.slack.hears("ops", VERA, "Refused", shown.cursor).await;
    insta::assert_snapshot!(tidy(&refusal.text), @r"
    ⛔ Refused: `ec2 stop` needs the group operators; you are in viewers. Nothing was changed.
    Ask @UMAYA or @UOMAR.
    (req XXXX)
    ");
    assert_eq!(refusal.thread_ts.as_deref(), Some(ts.as_str()));
    assert_eq!(made(&world, "StopInstances"), 0);

    // a double click, and the same delivery again, are one press
    let pressed = world.slack.presses(MAYA, &shown, "Stop").await;
    let twice = world.slack.presses(MAYA, &shown, "Stop").await;
    let again = world.slack.redeliver(&pressed["envelope_id"], false).await;
    for envelope in [&twice["envelope_id"], &again] {
        world.slack.acked(envelope).await;
    }
    let done = world.slack.hears("ops", NINA, "→ stopped", shown.cursor).await;
    assert_eq!(done.thread_ts.as_deref(), Some(ts.as_str()));
    let (id, text) = (pressed["envelope_id"].as_str().expect("an id"), json!({}));
    for ack in world.slack.acks(id).await {
        assert!(ack["payload"].is_null() || ack["payload"] == text, "a press is acked bare: {ack}");
    }
    world.rests().await;
    assert_eq!(made(&world, "StopInstances"), 1);
    let thread = said(&world, "ops", NINA).await;
    assert_eq!(thread.len(), 2, "shown, stopped: {thread:?}");
    assert_eq!(world.count("SELECT count(*) FROM requests WHERE source = 'button'"), 2);
}

/// The refusals among these, each with its thread and with who alone reads it.
fn refusals(said: &[Message]) -> Vec<(&str, Option<&str>)> {
    let refused = said.iter().filter(|message| message.text.contains("Refused"));
    refused.map(|message| (message.only_for.as_deref().unwrap_or("all"), message.thread_ts.as_deref())).collect()
}

#[actix_web::test]
async fn a_refusal_of_a_mention_or_a_press_is_read_by_nobody_else() {
    // a guest is refused again and again here
    let env = vec![("DRONEBOT__EXECUTION__TELL_STRANGERS_EVERY_SECONDS", "0".to_owned())];
    let mut world = World::with(Options { env, ..Options::default() }).await;
    let ids = world.fleet(&[WEB, Seed { name: "db-1", tags: &[("protected", "true")], ..WEB }]).await;
    let hears = async |who: &str, since: u64| world.slack.hears("ops", who, "Refused", since).await;
    // what would have begun a thread is answered beside it: in a thread without replies Slack shows nobody anything
    world.says(NINA, "ops", "@drone ec2 list").await;
    let first = hears(NINA, 0).await;
    assert_eq!((first.via.as_str(), first.ephemeral), ("chat.postEphemeral", true));
    let ts = world.says(MAYA, "ops", "@drone ec2 show web-1").await;
    let shown = world.slack.final_answer("ops", MAYA, Some(&ts), 0).await;
    // in the thread: words, a button that runs, one that asks for a form, and a form that is filled in
    let before = world.slack.cursor().await;
    world.slack.say(NINA, "ops", "@drone ec2 stop web-1", Some(&ts)).await;
    hears(NINA, before).await;
    world.slack.presses(VERA, &shown, "Stop").await;
    hears(VERA, before).await;
    world.slack.say(MAYA, "ops", "@drone ec2 stop", Some(&ts)).await;
    let usage = world.slack.hears("ops", MAYA, "is missing", before).await;
    world.slack.presses(GUS, &usage, "Fill in a form").await;
    hears(GUS, before).await;
    world.slack.presses(MAYA, &usage, "Fill in a form").await;
    world.slack.modal(MAYA).await;
    world.slack.submits(MAYA, json!({"target": "db-1"})).await;
    assert!(hears(MAYA, before).await.text.contains("tagged as protected"));
    // who has left meanwhile reads it in the direct message, where all is for one person anyway
    let gone = json!({"api": {"method": "chat.postEphemeral", "error": "user_not_in_channel"}});
    world.slack.fault(gone).await;
    world.slack.presses(GUS, &shown, "Stop").await;
    assert!(!world.slack.hears("dm", GUS, "Refused", before).await.ephemeral);
    world.says(NINA, "dm", "ec2 list").await;
    let direct = world.slack.hears("dm", NINA, "Refused", before).await;
    assert_eq!((direct.ephemeral, direct.thread_ts), (false, None));
    world.rests().await;
    let all = world.slack.all_from_bot("ops", None).await;
    let thread = Some(ts.as_str());
    assert_eq!(refusals(&all), [(NINA, None), (NINA, thread), (VERA, thread), (GUS, thread), (MAYA, thread)]);
    assert!(refusals(&said(&world, "ops", OMAR).await).is_empty(), "nobody else reads them");
    assert_eq!((made(&world, "StopInstances"), world.state(HOME, &ids[1]).await.as_str()), (0, "running"));
}

#[actix_web::test]
async fn a_button_in_a_message_for_one_person_is_answered_to_that_person_alone_and_stays() {
    let mut world = World::new().await;
    world.fleet(&[WEB]).await;
    let shown = world.asks_in(MAYA, "ops", "ec2 show web-1").await;
    assert!(shown.ephemeral);
    world.slack.presses(MAYA, &shown, "Stop").await;
    let done = world.slack.hears("ops", MAYA, "→ stopped", shown.cursor).await;
    assert_eq!((done.ephemeral, done.via.as_str()), (true, "response_url"));
    world.rests().await;
    let all = said(&world, "ops", MAYA).await;
    let kept = all.iter().find(|message| message.ts == shown.ts).expect("the message with the button");
    assert_eq!((kept.text.as_str(), kept.edits), (shown.text.as_str(), 0));
    assert_eq!(all.len(), 2, "{all:?}");
    assert!(said(&world, "ops", NINA).await.is_empty());
}

#[actix_web::test]
async fn what_was_meant_and_the_next_page_are_one_press_away() {
    let env = vec![("DRONEBOT__COMMANDS__PAGE_SIZE", "1".into())];
    let mut world = World::with(Options { env, ..Options::default() }).await;
    let ids = world.fleet(&[WEB, Seed { name: "web-2", ..WEB }]).await;
    let typo = world.asks_in(VERA, "ops", "ec2 lsit --state running").await;
    let presses = |message: &Message, label: &'static str| {
        let (message, since) = (message.clone(), message.cursor);
        let slack = &world.slack;
        async move {
            slack.presses(VERA, &message, label).await;
            slack.final_answer("ops", VERA, None, since).await
        }
    };
    let first = presses(&typo, "ec2 list --state running").await;
    assert!(first.text.contains(&ids[0]) && !first.text.contains(&ids[1]), "{}", first.text);
    let second = presses(&first, "Next page").await;
    assert!(second.text.contains(&ids[1]) && !second.text.contains(&ids[0]), "{}", second.text);

    // what changes something is never run by a guess
    let typo = world.asks_in(MAYA, "ops", "ec2 stpo web-1").await;
    world.slack.presses(MAYA, &typo, "ec2 stop web-1…").await;
    let modal = world.slack.modal(MAYA).await;
    assert_eq!(modal["state"]["values"]["target"]["value"]["value"], "web-1");
    let viewers = world.asks_in(VERA, "ops", "ec2 stpo web-1").await;
    assert!(!viewers.blocks.to_string().contains("button"), "not for whoever could not");
    world.rests().await;
    assert_eq!(made(&world, "StopInstances"), 0);
}

#[actix_web::test]
async fn an_ambiguous_name_has_a_button_for_each_that_is_meant() {
    let world = World::new().await;
    let ids = world.fleet(&[WEB, WEB]).await;
    let question = world.asks_in(MAYA, "ops", "ec2 stop web-1").await;
    world.slack.presses(MAYA, &question, &format!("Show {}", ids[1])).await;
    let shown = world.slack.final_answer("ops", MAYA, None, question.cursor).await;
    assert!(shown.text.contains(&ids[1]), "{}", shown.text);
    assert_eq!(made(&world, "StopInstances"), 0);
    world.ends_clean().await;
}
