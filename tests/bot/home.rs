//! The Home: how the bot is, what waits, what one may run, what one asked lately.

use crate::support::{GUS, HOME, MAYA, NINA, Options, Seed, VERA, World, tidy, until};
use serde_json::{Value, json};
use std::time::Duration;

const WEB: Seed = Seed { region: HOME, name: "web-1", kind: "t3.micro", stopped: false, tags: &[] };

/// Somebody opens the Home; returns the event.
async fn opens(world: &World, who: &str) -> Value {
    world.slack.post("open_home", json!({"user": who})).await
}

/// The Home that this person sees now.
async fn page(world: &World, who: &str) -> Value {
    let (_, answer) = world.slack.get("views", &[("user", who)]).await;
    answer["home"].clone()
}

fn blocks(home: &Value) -> Vec<Value> {
    home["blocks"].as_array().cloned().unwrap_or_default()
}

/// The Home as one reads it, a line for each block, what can be pressed in brackets.
fn read(home: &Value) -> String {
    blocks(home).iter().map(line).collect::<Vec<_>>().join("\n")
}

fn line(block: &Value) -> String {
    let words = |part: &Value| part["text"].as_str().or(part["user_id"].as_str()).unwrap_or_default().to_owned();
    let all = |parts: &Value| parts.as_array().into_iter().flatten().map(words).collect::<String>();
    let button = |button: &Value| format!("[{}]", words(&button["text"]));
    match block["type"].as_str().expect("a type") {
        "header" => format!("# {}", words(&block["text"])),
        "section" if block["accessory"].is_null() => words(&block["text"]),
        "section" => format!("{} {}", words(&block["text"]), button(&block["accessory"])),
        "actions" => block["elements"].as_array().expect("elements").iter().map(button).collect(),
        "context" => format!("   {}", all(&block["elements"])),
        "divider" => "---".to_owned(),
        _ => block["elements"]
            .as_array()
            .expect("lines")
            .iter()
            .map(|part| all(&part["elements"]))
            .collect::<Vec<_>>()
            .join("\n"),
    }
}

/// A part of the Home, from its title on.
fn part(home: &Value, title: &str) -> String {
    let page = read(home);
    let rest = page.split(&format!("# {title}\n")).nth(1).unwrap_or_else(|| panic!("no {title}: {page}"));
    rest.split("\n---").next().expect("a part").to_owned()
}

/// Waits until the Home has this in this part.
async fn shows(world: &World, who: &str, title: &str, words: &str) -> Value {
    until(&format!("the home of {who} shows `{words}`"), async || {
        let home = page(world, who).await;
        !home.is_null() && part(&home, title).contains(words)
    })
    .await;
    page(world, who).await
}

/// Presses the button of this row.
async fn presses(world: &World, who: &str, row: &str) -> Value {
    let home = page(world, who).await;
    let found = blocks(&home).into_iter().find(|block| line(block).contains(row)).expect("the row");
    let button = if found["type"] == "actions" { &found["elements"][0] } else { &found["accessory"] };
    let action = button["action_id"].as_str().expect("a button");
    world.slack.post("click", json!({"user": who, "view_id": home["id"], "action_id": action})).await
}

async fn published(world: &World) -> u64 {
    world.slack.calls("views.publish").await
}

const WAITING: &str = "Waiting for you";
const LAST: &str = "Your last requests";

#[actix_web::test]
async fn an_operator_who_opens_the_home_sees_what_may_be_run_and_what_was_asked() {
    let world = World::new().await;
    world.asks(MAYA, "ec2 lsit").await;
    world.asks(VERA, "ping").await;
    world.asks(MAYA, "ping").await;
    let opened = opens(&world, MAYA).await;
    let home = shows(&world, MAYA, LAST, "ping").await;
    world.slack.acked(&opened["envelope_id"]).await;
    let text = tidy(read(&home).split("\n   As of").next().expect("a page"));
    let version = text.lines().next().expect("a line").to_owned();
    assert!(version.starts_with("I am ready: version 0.1.0 "), "{version}");
    insta::assert_snapshot!(text.replace(&version, "I am ready: version 0.1.0 REVISION."), @r"
    I am ready: version 0.1.0 REVISION.
    [Refresh]
    ---
    # Waiting for you
    Nothing waits for you.
    ---
    # What you may run: about me
    help – Lists what you may run, or explains one command [Run]
    ping – Says whether I am here, and how long the way took [Run]
    whoami – Says who you are to me, and what you may run [Run]
    approve – Approves a change that somebody else asked for [Fill in]
    decline – Declines a change that waits for approval, or calls your own off [Fill in]
    ---
    # What you may run: look
    version – Says which version and revision I am [Run]
    status – Says how I am: links to Slack, actors and their restarts, queues, store [Run]
    ec2 list – Lists instances, with their state and type [Run]
    ec2 show – Shows one instance: state, addresses, protection, tags, volumes [Fill in]
    deploy status – Shows what a service runs, its rollout, and the versions there are [Run]
    ---
    # What you may run: change
    ec2 start – Starts stopped instances, and waits until they run [Fill in]
    ec2 stop – Stops running instances, and waits until they are stopped [Fill in]
    ec2 reboot – Reboots running instances, and looks at their status checks [Fill in]
    deploy – Deploys a version to a service, me included, and follows it to its end [Fill in]
    deploy rollback – Brings back what a service ran before, or stops its rollout [Run]
    ---
    # What you may run: destroy
    ec2 terminate – Terminates instances for good, and waits until they are gone [Fill in]
    ---
    # Your last requests
    ✅ ping [Run again]
       done just now · asked by /drone · req XXXX · <#COPS>
    ❔ ec2 lsit
       not run just now · asked by /drone · req XXXX · <#COPS>
    ");
    world.ends_clean().await;
}

#[actix_web::test]
async fn a_home_lists_only_what_its_owner_asked_and_offers_nothing_that_is_not_permitted() {
    let world = World::new().await;
    world.asks(MAYA, "ping").await;
    for (who, may) in [(VERA, "ec2 list"), (NINA, "whoami")] {
        opens(&world, who).await;
        let home = shows(&world, who, LAST, "You have not asked me for anything lately.").await;
        let page = read(&home);
        assert!(page.contains(may) && !page.contains("ec2 stop"), "{page}");
    }
    opens(&world, GUS).await;
    let home = shows(&world, GUS, "What you may run", "Nothing.").await;
    insta::assert_snapshot!(part(&home, "What you may run"), @r"
    Nothing.
    I work for full members of this workspace only; you are a guest here.
    Ask one of them to do it for you, or an admin of the workspace to make you one.
    ");
    assert!(!read(&home).contains("[Run"), "{}", read(&home));
    world.ends_clean().await;
}

#[actix_web::test]
async fn an_open_home_follows_what_is_asked_until_it_is_done() {
    let world = World::with(Options { lag: Duration::from_secs(86_400), ..Options::default() }).await;
    world.fleet(&[WEB]).await;
    opens(&world, MAYA).await;
    shows(&world, MAYA, WAITING, "Nothing waits for you.").await;
    world.slack.slash(MAYA, "ops", "ec2 stop web-1").await;
    let home = shows(&world, MAYA, WAITING, "under way at AWS").await;
    insta::assert_snapshot!(tidy(&part(&home, WAITING)), @r"
    ⏳ ec2 stop web-1
       under way at AWS, waiting for it to end · asked just now by /drone · req XXXX · <#COPS>
    ");
    world.aws.arrive();
    let home = shows(&world, MAYA, LAST, "ec2 stop web-1").await;
    assert_eq!(part(&home, WAITING), "Nothing waits for you.");
    insta::assert_snapshot!(tidy(part(&home, LAST).split("\n   As of").next().expect("rows")), @r"
    ✅ ec2 stop web-1 [Run again]
       done just now · asked by /drone · req XXXX · <#COPS>
    ");
    world.ends_clean().await;
}

#[actix_web::test]
async fn what_is_pressed_on_the_home_is_answered_in_the_direct_message() {
    let world = World::new().await;
    world.fleet(&[WEB]).await;
    opens(&world, MAYA).await;
    shows(&world, MAYA, WAITING, "Nothing").await;
    let before = world.slack.cursor().await;
    presses(&world, MAYA, "ping – Says").await;
    let pong = world.slack.final_answer("dm", MAYA, None, before).await;
    assert!(pong.text.starts_with("Pong."), "{}", pong.text);
    // and again, from the list of what was asked
    shows(&world, MAYA, LAST, "\u{2705} ping").await;
    let before = world.slack.cursor().await;
    presses(&world, MAYA, "\u{2705} ping").await;
    let again = world.slack.final_answer("dm", MAYA, None, before).await;
    assert!(again.text.starts_with("Pong.") && again.ts != pong.ts, "{}", again.text);
    // what needs an argument opens its form
    presses(&world, MAYA, "ec2 show – Shows").await;
    until("the form opens", async || {
        let (_, answer) = world.slack.get("views", &[("user", MAYA)]).await;
        answer["views"][0]["title"]["text"] == "ec2 show"
    })
    .await;
    let before = world.slack.cursor().await;
    world.slack.post("submit", json!({"user": MAYA, "values": {"target": "web-1"}})).await;
    let shown = world.slack.final_answer("dm", MAYA, None, before).await;
    assert!(shown.text.contains("web-1"), "{}", shown.text);
    world.ends_clean().await;
}

#[actix_web::test]
async fn a_press_of_refresh_shows_the_home_anew_and_the_messages_tab_shows_none() {
    let world = World::new().await;
    world.slack.post("open_home", json!({"user": MAYA, "tab": "messages"})).await;
    world.still_works().await;
    assert_eq!(published(&world).await, 0);
    opens(&world, MAYA).await;
    shows(&world, MAYA, WAITING, "Nothing").await;
    let before = published(&world).await;
    let pressed = presses(&world, MAYA, "[Refresh]").await;
    world.slack.acked(&pressed["envelope_id"]).await;
    until("it is shown anew", async || published(&world).await > before).await;
    let mut world = world;
    world.rests().await;
    assert_eq!(world.count("SELECT count(*) FROM requests WHERE user = 'UMAYA'"), 0, "neither is a request");
}

#[actix_web::test]
async fn a_storm_of_requests_and_of_openings_is_shown_at_most_once_in_three_seconds() {
    let world = World::new().await;
    let began = tokio::time::Instant::now();
    let opened = opens(&world, MAYA).await;
    world.slack.acked(&opened["envelope_id"]).await;
    for number in 0..30 {
        let again = world.slack.redeliver(&opened["event_id"], number % 2 == 0).await;
        world.slack.acked(&again).await;
        world.slack.slash(MAYA, "ops", "ping").await;
    }
    // the last of them is not missed
    world.asks_in(MAYA, "general", "whoami").await;
    shows(&world, MAYA, LAST, "whoami").await;
    let most = began.elapsed().as_secs() / 3 + 1;
    let shown = published(&world).await;
    assert!(shown <= most, "{shown} times in {:?}", began.elapsed());
    world.ends_clean().await;
}

#[actix_web::test]
async fn a_home_that_slack_does_not_take_is_tried_again_and_costs_no_command() {
    let world = World::new().await;
    let breaks = async |how: Value| {
        let mut how = how;
        how["method"] = json!("views.publish");
        world.slack.fault(json!({"api": how})).await;
    };
    breaks(json!({"error": "hash_conflict"})).await;
    breaks(json!({"status": 503})).await;
    breaks(json!({"status": 429, "retry_after": 1})).await;
    opens(&world, MAYA).await;
    shows(&world, MAYA, WAITING, "Nothing").await;
    assert_eq!(published(&world).await, 4);
    // the Home Tab is switched off: said in the log, and left alone
    breaks(json!({"error": "not_enabled", "times": 0})).await;
    opens(&world, VERA).await;
    until("it is said", async || world.log().contains("switch on the Home Tab")).await;
    world.still_works().await;
    assert!(page(&world, VERA).await.is_null());
    world.slack.heal().await;
    opens(&world, VERA).await;
    shows(&world, VERA, WAITING, "Nothing").await;
    world.ends_clean().await;
}

#[actix_web::test]
async fn after_kill_9_the_home_is_shown_again_when_it_is_opened_and_says_what_still_waits() {
    let mut world = World::with(Options { lag: Duration::from_secs(86_400), ..Options::default() }).await;
    world.fleet(&[WEB]).await;
    opens(&world, MAYA).await;
    world.slack.slash(MAYA, "ops", "ec2 stop web-1").await;
    shows(&world, MAYA, WAITING, "under way at AWS").await;
    world.kill_bot();
    world.wake().await;
    let before = published(&world).await;
    opens(&world, MAYA).await;
    until("it is shown anew", async || published(&world).await > before).await;
    let home = page(&world, MAYA).await;
    assert!(part(&home, WAITING).contains("ec2 stop web-1"), "{}", part(&home, WAITING));
    world.aws.arrive();
    shows(&world, MAYA, LAST, "\u{2705} ec2 stop web-1").await;
    world.ends_clean().await;
}
