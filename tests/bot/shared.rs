//! Places that another organisation reads too, and buttons that the bot did not make.

use crate::support::{HOME, MAYA, Message, NINA, OLGA, OMAR, Seed, VERA, World};
use serde_json::json;

const WEB: Seed = Seed { region: HOME, name: "web-1", kind: "t3.micro", stopped: false, tags: &[] };
const DB: Seed = Seed { name: "db-1", tags: &[("approval", "required")], ..WEB };

/// Why nothing is changed there.
const SHARED: &str = "nothing is changed from a place where people of another organisation may read; ask in a channel of your \
                      own organisation, or in a direct message to me. Nothing was changed.";

fn made(world: &World, action: &str) -> usize {
    world.aws.calls().iter().filter(|(call, _)| call == action).count()
}

#[actix_web::test]
async fn what_another_organisation_reads_too_is_answered_to_the_asker_alone_and_changes_nothing() {
    let mut world = World::new().await;
    let ids = world.fleet(&[WEB, DB]).await;
    // olga's organisation reads in #partners: a mention, a reply in a thread that has begun, a command, a press
    let ts = world.says(VERA, "partners", "@drone ec2 show web-1").await;
    let shown = world.slack.hears("partners", VERA, "t3.micro", 0).await;
    world.slack.say(MAYA, "partners", "look", Some(&ts)).await;
    world.slack.say(MAYA, "partners", "@drone ec2 show db-1", Some(&ts)).await;
    let in_thread = world.slack.hears("partners", MAYA, "t3.micro", 0).await;
    world.slack.slash(MAYA, "partners", "ec2 show web-1").await;
    let by_command = world.slack.hears("partners", MAYA, "t3.micro", in_thread.cursor).await;
    for (who, answer) in [(VERA, &shown), (MAYA, &in_thread), (MAYA, &by_command)] {
        assert_eq!((answer.ephemeral, answer.only_for.as_deref()), (true, Some(who)), "{answer:?}");
    }
    assert_eq!(in_thread.thread_ts.as_deref(), Some(ts.as_str()));
    // a change, by each way; of what needs approval nobody is asked
    let refused = async |since: u64| world.slack.hears("partners", MAYA, SHARED, since).await;
    let mut since = by_command.cursor;
    for text in ["@drone ec2 stop web-1", "@drone ec2 stop db-1"] {
        world.says(MAYA, "partners", text).await;
        since = refused(since).await.cursor;
    }
    for text in ["ec2 stop web-1", "ec2 stop db-1", "ec2 stop"] {
        world.slack.slash(MAYA, "partners", text).await;
        since = refused(since).await.cursor;
    }
    // nor is a button offered for what would be refused
    assert!(!by_command.blocks.to_string().contains("ec2 stop"), "{}", by_command.blocks);
    // nor is one approved from there that was asked elsewhere
    let asked_at = world.slack.cursor().await;
    world.slack.slash(MAYA, "ops", "ec2 stop db-1").await;
    let question = world.slack.hears("ops", OMAR, "Approval needed", asked_at).await;
    let id = question.text.split("`approve ").nth(1).and_then(|rest| rest.get(..4)).expect("an id").to_owned();
    world.slack.slash(OMAR, "partners", &format!("approve {id}")).await;
    world.slack.hears("partners", OMAR, "nothing is changed from a place", since).await;
    assert_eq!(made(&world, "StopInstances"), 0);
    // whoever is of the other organisation has read nothing of all this, and is refused alone
    let read = async || world.slack.from_bot("partners", OLGA, 0).await;
    assert!(read().await.is_empty(), "{:?}", read().await);
    world.says(OLGA, "partners", "@drone ec2 show db-1").await;
    world.slack.hears("partners", OLGA, "only for full members", 0).await;
    assert_eq!(read().await.len(), 1);
    // in the direct message, and among one's own, all goes as ever
    world.says(OMAR, "dm", &format!("approve {id}")).await;
    world.slack.hears("ops", NINA, "stopped after", 0).await;
    assert_eq!((made(&world, "StopInstances"), world.state(HOME, &ids[1]).await.as_str()), (1, "stopped"));
    world.rests().await;
    assert!(world.slack.from_bot("partners", NINA, 0).await.is_empty(), "nobody else of ours either");
}

#[actix_web::test]
async fn a_place_of_which_slack_does_not_tell_who_reads_there_is_taken_for_shared_and_said_so() {
    let world = World::new().await;
    world.fleet(&[WEB]).await;
    world.slack.post("channel", json!({"name": "closed", "private": true, "has_bot": false})).await;
    let shown = world.asks_in(MAYA, "closed", "ec2 show web-1").await;
    assert!(shown.ephemeral && shown.text.contains("t3.micro"), "{}", shown.text);
    let refused = world.asks_in(MAYA, "closed", "ec2 stop web-1").await;
    assert!(refused.text.contains(SHARED), "{}", refused.text);
    let why = "Slack does not tell me whether this channel is shared with another organisation, so I take it for one that is.";
    assert!(refused.text.contains(why) && refused.text.contains("I have to be a member"), "{}", refused.text);
    // a scope that is missing is the same: what an event does not say is not known. Here the event says it
    let scopes =
        ["app_mentions:read", "chat:write", "commands", "im:history", "im:write", "usergroups:read", "users:read"];
    world.slack.post("settings", json!({"scopes": scopes})).await;
    let refused = world.asks_in(MAYA, "general", "ec2 stop web-1").await;
    assert!(refused.text.contains(why), "{}", refused.text);
    assert_eq!(made(&world, "StopInstances"), 0);
    let ts = world.says(MAYA, "general", "@drone ec2 stop web-1").await;
    let done = world.slack.final_answer("general", NINA, Some(&ts), 0).await;
    assert!(done.text.contains("stopped after"), "{}", done.text);
    world.ends_clean().await;
}

/// Whoever got hold of a response_url posts as the bot.
pub(crate) async fn forge(url: &str, value: &str) {
    let button = json!({"type": "button", "action_id": "run:0", "value": value,
        "text": {"type": "plain_text", "text": "Next page"}});
    let blocks = json!([{"type": "actions", "elements": [button]}]);
    let message = json!({"response_type": "ephemeral", "text": "20 of 40 instances.", "blocks": blocks});
    let sent = awc::Client::default().post(url).send_json(&message).await.expect("slack takes it");
    assert!(sent.status().is_success());
}

#[actix_web::test]
async fn a_button_that_the_bot_did_not_make_for_this_place_runs_nothing_and_its_presser_is_told() {
    let world = World::new().await;
    world.fleet(&[WEB]).await;
    // what the bot makes for #general says nothing in #ops
    let general = world.asks_in(MAYA, "general", "ec2 show web-1").await;
    let value = |message: &Message, label: &str| {
        let blocks = message.blocks.as_array().expect("blocks").iter();
        let mut buttons = blocks.filter_map(|block| block["elements"].as_array()).flatten();
        let button = buttons.find(|element| element["text"]["text"] == label).expect("a button");
        button["value"].as_str().expect("a value").to_owned()
    };
    let elsewhere = value(&general, "Stop");
    assert!(elsewhere.starts_with("ec2 stop i-") && elsewhere.contains(" ~"), "{elsewhere}");
    let line = elsewhere.split(" ~").next().expect("a line").to_owned();
    for forged in [line.as_str(), &elsewhere, "ec2 stop web-1 ~AAAA"] {
        let before = world.slack.cursor().await;
        let sent = world.slack.slash(MAYA, "ops", "ping").await;
        world.slack.hears("ops", MAYA, "Pong.", before).await;
        forge(sent["response_url"].as_str().expect("a url"), forged).await;
        let page = world.slack.hears("ops", MAYA, "20 of 40 instances.", before).await;
        world.slack.presses(MAYA, &page, "Next page").await;
        let told = world.slack.hears("ops", MAYA, "I cannot tell that I made this button", page.cursor).await;
        assert!(told.ephemeral && told.text.contains("Nothing was run."), "{}", told.text);
        assert!(told.text.contains("type it: ec2 stop "), "{}", told.text);
    }
    assert_eq!(made(&world, "StopInstances"), 0);
    let bot = world.bot.as_ref().expect("it runs");
    assert_eq!(bot.metric("dronebot_seals_refused_total", &["what=\"button\""]).await, Some(3.0));
    // the bot's own goes as ever
    world.slack.presses(MAYA, &general, "Stop").await;
    world.slack.hears("general", MAYA, "→ stopped", general.cursor).await;
    assert_eq!(made(&world, "StopInstances"), 1);
    world.ends_clean().await;
}
