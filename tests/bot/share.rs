//! No one person takes the room of all: whoever asks without end gets a share, and whoever may run nothing is heard once
//! in a while.

use crate::support::{GUS, HOME, MAYA, Message, NINA, OLGA, Options, Seed, VERA, World, until};
use futures_util::future::join_all;
use serde_json::json;
use std::time::Duration;
use tokio::time::Instant;

/// What one person may have open, and how much is asked.
const EACH: usize = 20;
const LINES: usize = 200;

/// The first words of what is said to somebody whose share is taken.
const TAKEN: &str = "I have 20 commands of yours in hand";

/// Those that were told in an acknowledgement, and the others.
fn by_ack(said: Vec<Message>) -> (Vec<Message>, Vec<Message>) {
    said.into_iter().partition(|said| said.via == "ack")
}

#[actix_web::test]
async fn of_one_who_asks_without_end_a_share_is_journalled_and_everybody_else_is_heard() {
    let env = vec![
        ("DRONEBOT__DELIVERY__RETRY_MIN_MS", "50".to_owned()),
        ("DRONEBOT__DELIVERY__RETRY_MAX_SECONDS", "1".to_owned()),
        ("DRONEBOT__DELIVERY__POLL_MS", "100".to_owned()),
        ("DRONEBOT__AWS__RATE_SHARE", "1.0".to_owned()),
    ];
    let mut world = World::with(Options { env, ..Options::default() }).await;
    world.fleet(&[Seed { region: HOME, name: "web-1", kind: "t3.micro", stopped: false, tags: &[] }]).await;
    // nothing is answered by response_url, so what is asked by slash command stays open
    world.slack.fault(json!({"api": {"method": "response_url", "status": 503, "times": 0}})).await;
    let sent = join_all((0..LINES).map(|_| world.slack.slash(VERA, "ops", "ec2 list"))).await;
    for envelope in &sent {
        world.slack.acked(&envelope["envelope_id"]).await;
    }
    let counted = async |world: &World, result: &'static str| {
        let bot = world.bot.as_ref().expect("the bot runs");
        bot.metric("dronebot_requests_total", &["slash_command", result]).await.unwrap_or_default() as usize
    };
    assert_eq!((counted(&world, "accepted").await, counted(&world, "share").await), (EACH, LINES - EACH));
    assert_eq!(counted(&world, "overload").await, 0);

    // an operator reads and changes as if nothing were
    let began = Instant::now();
    for (line, words) in [("@drone ec2 list", "web-1"), ("@drone ec2 stop web-1", "stopped")] {
        let ts = world.says(MAYA, "general", line).await;
        let answer = world.slack.final_answer("general", MAYA, Some(&ts), 0).await;
        assert!(answer.text.contains(words), "{}", answer.text);
    }
    assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
    // and she herself hears how the bot is, and why nothing else of hers is taken
    let ts = world.says(VERA, "general", "@drone status").await;
    assert!(world.slack.final_answer("general", VERA, Some(&ts), 0).await.text.contains("Dronebot"));
    world.says(VERA, "general", "@drone ping").await;
    let told = world.slack.hears("general", VERA, TAKEN, 0).await;
    assert_eq!((told.via.as_str(), told.only_for.as_deref()), ("chat.postEphemeral", Some(VERA)));

    world.slack.heal().await;
    let said = async |world: &World| by_ack(world.answers("ops", VERA, 0).await);
    until("what was taken is answered", async || said(&world).await.1.len() == EACH).await;
    let (refused, answered) = said(&world).await;
    assert_eq!(refused.len(), LINES - EACH, "each of the others was told in its acknowledgement");
    assert!(refused.iter().all(|said| said.text.contains(TAKEN) && said.text.contains("Nothing was run")));
    assert!(answered.iter().all(|said| said.text.contains("web-1")), "{answered:#?}");
    assert!(world.asks_in(VERA, "ops", "ping").await.text.starts_with("Pong."), "there is room again");

    world.rests().await;
    let journalled = world.count("SELECT count(*) FROM requests WHERE user = 'UVERA'");
    assert_eq!(usize::try_from(journalled).expect("a count"), EACH + 2, "beside the status and the last ping");
}

#[actix_web::test]
async fn who_may_run_nothing_is_told_so_once_and_then_journalled_no_more() {
    const MANY: usize = 30;
    let mut world = World::new().await;
    let mut since = Vec::new();
    for (who, place) in [(GUS, "ops"), (OLGA, "partners")] {
        let refusal = world.asks(who, "ec2 stop web-1").await;
        assert!(refusal.contains("only for full members"), "{refusal}");
        since.push((who, place, world.slack.cursor().await));
        let sent = join_all((0..MANY).map(|_| world.slack.slash(who, place, "help"))).await;
        for envelope in &sent {
            world.slack.acked(&envelope["envelope_id"]).await;
        }
        join_all((0..MANY).map(|_| world.says(who, "dm", "status"))).await;
    }
    // a member who may do little is heard each time
    for _ in 0..3 {
        let refusal = world.asks(NINA, "ec2 list").await;
        assert!(refusal.contains("needs the group"), "{refusal}");
    }
    world.still_works().await;
    world.rests().await;
    for (who, place, since) in since {
        let (whispers, others) = by_ack(world.answers(place, who, since).await);
        assert_eq!((whispers.len(), others.len()), (MANY, 0), "{who}: {others:#?}");
        assert!(whispers.iter().all(|said| said.text.contains("You may run nothing here")), "{whispers:#?}");
        assert_eq!(world.answers("dm", who, since).await.len(), 0, "{who} was told a moment ago");
        let journalled = world.count(&format!("SELECT count(*) FROM requests WHERE user = '{who}'"));
        assert_eq!(journalled, 1, "{who}");
    }
}
