//! What happened, as an operator reads it at a terminal: `dronebot store show` and `dronebot store audit`.

use crate::approvals::{DB, asking, becomes, named, presses};
use crate::shared::forge;
use crate::support::{GUS, HOME, LEASE, MAYA, NINA, OMAR, Options, Seed, VERA, World, tidy};
use std::time::Duration;

const WEB: Seed = Seed { region: HOME, name: "web-1", kind: "t3.micro", stopped: false, tags: &[] };

/// What the program prints.
fn told(world: &World, arguments: &[&str]) -> String {
    let output = world.program(arguments);
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).expect("text")
}

/// The one line with which it says why it tells nothing.
fn refused(world: &World, arguments: &[&str]) -> String {
    let output = world.program(arguments);
    assert_eq!(output.status.code(), Some(78), "{output:?}");
    assert!(output.stdout.is_empty(), "{output:?}");
    let said = String::from_utf8(output.stderr).expect("text");
    assert_eq!(said.lines().count(), 1, "{said}");
    said
}

/// The short name that a person was shown.
fn name(answer: &str) -> String {
    let (_, name) = answer.split_once("(req ").expect("a name");
    name[..4].to_owned()
}

/// Without times, names of replicas, and ids.
fn labels(story: &str) -> Vec<String> {
    let events = story.lines().skip(1).filter(|line| !line.starts_with(' '));
    events.map(|line| line[26..].split("  ").next().expect("a label").trim().to_owned()).collect()
}

#[actix_web::test]
async fn the_story_of_a_command_is_told_when_the_bot_has_let_go_of_its_file() {
    let mut world = World::with(Options { lag: Duration::ZERO, ..Options::default() }).await;
    let ids = world.fleet(&[WEB]).await;
    let answer = world.asks(MAYA, "ec2 stop web-1").await;
    let name = name(&answer);
    for arguments in [&["store", "show", &name][..], &["store", "audit"]] {
        let said = refused(&world, arguments);
        assert!(said.contains("dronebot.db is in use by a running bot") && said.contains("nothing was read"), "{said}");
    }
    assert!(tidy(&world.asks(MAYA, "ping").await).starts_with("Pong."), "the bot was not troubled");
    world.rests().await;
    let story = told(&world, &["store", "show", &name]);
    assert!(story.starts_with("request ") && story.contains(&format!("(req {name})")), "{story}");
    let expected = ["accepted", "planned", "step 0 begins", "step 0 ends", "finished", "delivered"];
    let mut found = labels(&story);
    found.dedup();
    assert!(expected.iter().all(|label| found.iter().any(|found| found == label)), "{story}");
    for said in [
        format!("{MAYA} asked: ec2 stop web-1"),
        format!("stop {} in {HOME}", ids[0]),
        format!("{} before: state running, kind t3.micro", ids[0]),
        "policies ".to_owned(),
        "| ".to_owned(),
        ", fence 1".to_owned(),
    ] {
        assert!(story.contains(&said), "{said}: {story}");
    }
    assert_eq!(told(&world, &["store", "show", &name.to_lowercase()]), story, "looking changes nothing");
    let house = told(&world, &["store", "audit"]);
    let lines: Vec<&str> = house.lines().collect();
    assert_eq!(lines.len(), 2, "{house}");
    assert!(lines[0].contains("started") && lines[0].contains(", version "), "{house}");
    assert!(lines[1].contains("stopped") && lines[1].contains("it was told to"), "{house}");
    assert_eq!(told(&world, &["store", "audit", "--limit", "1"]).lines().count(), 1);
    let missing = refused(&world, &["store", "show", "01KJMTCYR00000000000000007"]);
    assert!(
        missing.contains("has no request 01KJMTCYR00000000000000007; a finished one is kept for 30 days"),
        "{missing}"
    );
    assert!(refused(&world, &["store", "show", "web-1"]).contains("`web-1` is not the name of a request"));
    // it has begun no life, and taken none
    world.wake().await;
    world.ends_clean().await;
}

/// Without times, and with words in place of what differs from run to run.
fn quiet(story: &str) -> String {
    let word = |word: &str| {
        let (bare, end) = word.strip_suffix(',').map_or((word, ""), |bare| (bare, ","));
        let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        let name = match bare.len() {
            12 if bare.bytes().all(|byte| byte.is_ascii_hexdigit()) => "HASH",
            26 if bare.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit()) => "REPLICA",
            _ if bare.split_once('.').is_some_and(|(one, other)| is_number(one) && is_number(other)) => "TS",
            _ => bare,
        };
        format!("{name}{end}")
    };
    let line = |line: &str| line[26..].split(' ').map(word).collect::<Vec<_>>().join(" ");
    tidy(&story.lines().skip(1).map(line).collect::<Vec<_>>().join("\n"))
}

/// An asker who approves what is their own, a person without the right, a guest, and a button that somebody made up: each reads a
/// refusal, and all of it stands with the change on which they said a word.
#[actix_web::test]
async fn why_an_approval_was_refused_stands_in_the_story_of_the_change() {
    let mut world = World::with(Options { lag: Duration::ZERO, ..Options::default() }).await;
    world.fleet(&[DB]).await;
    let refused = name(&world.asks(NINA, "ec2 stop db-1").await);
    world.says(MAYA, "ops", "@drone ec2 stop db-1").await;
    let message = asking(&world, "ops", OMAR).await;
    let (short, whole) = named(&message);
    presses(&world, MAYA, &message, "Approve").await;
    presses(&world, VERA, &message, "Approve").await;
    let guest = world.asks(GUS, &format!("approve {whole}")).await;
    assert!(guest.contains("only for full members"), "{guest}");
    let before = world.slack.cursor().await;
    let sent = world.slack.slash(OMAR, "ops", "ping").await;
    world.slack.hears("ops", OMAR, "Pong.", before).await;
    forge(sent["response_url"].as_str().expect("a url"), &format!("approve {whole}")).await;
    let page = world.slack.hears("ops", OMAR, "20 of 40 instances.", before).await;
    world.slack.presses(OMAR, &page, "Next page").await;
    world.slack.hears("ops", OMAR, "I cannot tell that I made this button", page.cursor).await;
    presses(&world, OMAR, &message, "Approve").await;
    becomes(&world, "ops", MAYA, &message).await;
    world.rests().await;
    let story = quiet(&told(&world, &["store", "show", &short]));
    let (decided, done) = story.split_once("step 0 begins").expect("it was done");
    insta::assert_snapshot!(decided, @r"
    accepted        UMAYA asked: ec2 stop db-1
                    by replica REPLICA, fence 1
    asks others     stop i-00000000000000001 in eu-central-1
                    plan HASH, 1 must approve
                    needs the approval of 1 by second-person on db-1 (i-00000000000000001), then permitted by operators-change
                    as member, in operators
    delivered       progress, message TS
    not taken       UMAYA's approval was not taken: who asks for a change cannot approve it
    not taken       UVERA's approval was not taken: the policies do not permit it
                    refused on db-1 (i-00000000000000001): no policy permits it
                    as member, in viewers
    not taken       UGUS's approval was not taken: the policies do not permit it
                    refused by full-members-only
                    as guest, in no group
    not taken       UOMAR's approval was not taken: the bot did not make the button, or not for that place
    approved        by UOMAR
                    permitted by operators-change
                    as member, in operators
    planned         stop i-00000000000000001 in eu-central-1
                    plan HASH, policies HASH
                    needs the approval of 1 by second-person on db-1 (i-00000000000000001), then permitted by operators-change
                    as member, in operators
                    approved by UOMAR
    ");
    assert!(done.contains("finished        succeeded"), "{done}");
    let story = quiet(&told(&world, &["store", "show", &refused]));
    insta::assert_snapshot!(story.split("                |").next().unwrap_or_default(), @r"
    accepted        UNINA asked: ec2 stop db-1
                    by replica REPLICA, fence 1
    finished        refused
                    refused: no policy permits it
                    as member, in no group
    ");
    world.wake().await;
    world.ends_clean().await;
}

#[actix_web::test]
async fn without_a_store_it_says_so() {
    let world = World::with(Options { asleep: true, ..Options::default() }).await;
    let said = refused(&world, &["store", "show", "7F3K"]);
    assert!(said.contains("dronebot.db is not there: the first start of the bot makes it"), "{said}");
}

#[actix_web::test]
async fn on_the_shared_store_it_is_told_while_the_bots_run() {
    let env = vec![("DRONEBOT__DELIVERY__POLL_MS", "200".into())];
    let mut world = World::with(Options { lease: Some(LEASE), env, ..Options::default() }).await;
    world.fleet(&[WEB]).await;
    let name = name(&world.asks(MAYA, "ec2 stop web-1").await);
    let story = told(&world, &["store", "show", &name]);
    assert!(story.contains(&format!("{MAYA} asked: ec2 stop web-1")) && story.contains("finished"), "{story}");
    let house = told(&world, &["store", "audit"]);
    assert!(house.lines().count() == 1 && house.contains("started"), "{house}");
    let missing = refused(&world, &["store", "show", "ZZZZ"]);
    assert!(missing.contains("table dronebot has no request ZZZZ"), "{missing}");
    world.rests().await;
    assert!(told(&world, &["store", "audit"]).contains("stopped"));
}
