//! Links to Slack that break in every way Slack and networks know, and messages that are none of the bot's.

use crate::support::{MAYA, NINA, OMAR, Options, VERA, World, until};
use serde_json::json;

/// A bot that notices and mends quickly.
async fn brisk(connections: usize) -> World {
    let set = |key, value: &str| (key, value.to_owned());
    let env = vec![
        set("DRONEBOT__SLACK__CONNECTIONS", &connections.to_string()),
        set("DRONEBOT__SLACK__PING_INTERVAL_SECONDS", "0.5"),
        set("DRONEBOT__SLACK__IDLE_TIMEOUT_SECONDS", "2"),
        set("DRONEBOT__SLACK__BACKOFF_MIN_SECONDS", "0.05"),
        set("DRONEBOT__SLACK__BACKOFF_MAX_SECONDS", "0.3"),
        set("DRONEBOT__SLACK__OVERLAP_SECONDS", "1"),
        set("DRONEBOT__SLACK__TOO_MANY_BACKOFF_SECONDS", "0.2"),
        set("DRONEBOT__SLACK__DISABLED_RECHECK_SECONDS", "0.3"),
    ];
    World::with(Options { env, ..Options::default() }).await
}

/// Waits until none of these links is left and as many others are usable.
async fn replaced(world: &World, old: &[u64]) {
    until("the links are new ones", async || {
        let now = world.slack.links().await;
        now.len() == old.len() && now.iter().all(|id| !old.contains(id))
    })
    .await;
}

// failure 1
#[actix_web::test]
async fn a_refresh_leaves_no_gap_in_which_nobody_listens() {
    for reason in ["refresh_requested", "warning"] {
        let world = brisk(1).await;
        let old = world.slack.links().await;
        world.slack.fault(json!({"socket": "disconnect", "reason": reason, "close_after_ms": 3000})).await;
        let mut texts = Vec::new();
        loop {
            let links = world.slack.links().await;
            assert!(!links.is_empty(), "{reason}: nobody listens");
            // what is said at any moment of the change is heard: a slash command without a link fails at once
            let text = format!("word{:03}", texts.len());
            world.slack.slash(NINA, "ops", &text).await;
            texts.push(text);
            if links.iter().all(|id| !old.contains(id)) {
                break;
            }
            assert!(texts.len() < 900, "{reason}: the link is not replaced");
            tokio::time::sleep(std::time::Duration::from_millis(40)).await;
        }
        assert!(texts.len() > 2, "there was an overlap");
        for text in &texts {
            world.slack.hears("ops", NINA, text, 0).await;
        }
        let said = world.slack.messages("ops", NINA, 0).await;
        assert!(said.iter().all(|message| !message.text.contains("failed with the error")), "{reason}");
        let answers = world.answers("ops", NINA, 0).await;
        assert_eq!(answers.len(), texts.len(), "{reason}: each once");
        world.ends_clean().await;
    }
}

#[actix_web::test]
async fn links_that_slack_breaks_are_dialled_anew() {
    let world = brisk(2).await;
    for fault in ["reset", "close", "drop", "close_no_fin"] {
        let old = world.slack.links().await;
        world.slack.fault(json!({"socket": fault})).await;
        replaced(&world, &old).await;
        world.still_works().await;
    }
    for reason in ["too_many_websockets", "link_disabled"] {
        let old = world.slack.links().await;
        world.slack.fault(json!({"socket": "disconnect", "reason": reason})).await;
        replaced(&world, &old).await;
        world.still_works().await;
    }
    world.ends_clean().await;
}

// failure 10
#[actix_web::test]
async fn a_dial_that_goes_wrong_is_tried_again() {
    let world = brisk(1).await;
    for fault in [
        json!({"dial": {"refuse": 503}, "times": 2}),
        json!({"dial": {"disconnect": "warning"}}),
        json!({"api": {"method": "apps.connections.open", "status": 503, "times": 2}}),
        json!({"api": {"method": "apps.connections.open", "error": "internal_error"}}),
        json!({"api": {"method": "apps.connections.open", "non_json": true}}),
        json!({"api": {"method": "apps.connections.open", "retry_after": 1}}),
    ] {
        let old = world.slack.links().await;
        world.slack.fault(fault.clone()).await;
        world.slack.fault(json!({"socket": "drop"})).await;
        replaced(&world, &old).await;
        world.still_works().await;
    }
    world.ends_clean().await;
}

// failure 12, failure 14
#[actix_web::test]
async fn a_half_open_link_is_noticed() {
    let world = brisk(2).await;
    let old = world.slack.links().await;
    world.slack.fault(json!({"socket": "half_open"})).await;
    // Slack counts the dead ones on, until it notices too
    until("new links beside the dead ones", async || {
        world.slack.links().await.iter().filter(|id| !old.contains(id)).count() == 2
    })
    .await;
    world.slack.heal().await;
    replaced(&world, &old).await;
    world.still_works().await;
    let log = world.log();
    let lost = log.lines().filter(|line| line.contains("slack connection lost") && line.contains("reason=\"idle\""));
    assert_eq!(lost.count(), 2, "each once, and for that reason: {log}");
    world.ends_clean().await;
}

// failure 21, failure 22
#[actix_web::test]
async fn an_event_that_went_to_a_dead_link_comes_again_and_is_answered_once() {
    let mut world = brisk(1).await;
    world.slack.ack_timeout(std::time::Duration::from_secs(2)).await;
    let old = world.slack.links().await;
    world.slack.fault(json!({"socket": "half_open"})).await;
    let ts = world.says(NINA, "ops", "@drone ping").await;
    until("a new link", async || world.slack.links().await.iter().any(|id| !old.contains(id))).await;
    world.slack.heal().await;
    world.slack.final_answer("ops", NINA, Some(&ts), 0).await;
    world.rests().await;
    assert_eq!(world.answers("ops", NINA, 0).await.len(), 1);
    assert_eq!(world.count("SELECT count(*) FROM requests"), 1);
}

// failure 9, failure 18, failure 31
#[actix_web::test]
async fn strange_frames_neither_end_a_link_nor_stop_it() {
    let mut world = brisk(1).await;
    let links = world.slack.links().await;
    let strange = [
        json!({"text": "this is no JSON"}),
        json!({"text": ""}),
        json!({"text": "[1,2,3]"}),
        json!({"text": "null"}),
        json!({"json": {"no": "type"}}),
        json!({"json": {"type": "mystery"}}),
        json!({"json": {"type": "events_api"}}),
        json!({"json": {"type": 7, "envelope_id": []}}),
        json!({"binary": "bytes"}),
        json!({"ping": "are you there?"}),
        json!({"json": {"type": "hello", "num_connections": 9, "extra": {"deep": [1, 2, {"er": true}]}}}),
    ];
    for frame in strange {
        world.slack.post("envelope", frame).await;
    }
    let enveloped = [
        json!({"type": "mystery", "envelope_id": "strange-1", "payload": {"x": 1}}),
        json!({"type": "events_api", "envelope_id": "strange-2", "payload": {"event": {"type": "team_join"}}}),
        json!({"type": "events_api", "envelope_id": "strange-3", "payload": 17}),
        json!({"type": "slash_commands", "envelope_id": "strange-4", "payload": {}}),
        json!({"type": "slash_commands", "envelope_id": "strange-5"}),
        json!({"type": "interactive", "envelope_id": "strange-6", "payload": {"type": "view_submission"}}),
    ];
    for envelope in enveloped {
        world.slack.post("envelope", json!({"json": envelope})).await;
        world.slack.acked(&envelope["envelope_id"]).await;
    }
    world.still_works().await;
    assert_eq!(world.slack.links().await, links, "the link is the same");
    assert!(world.bot().metric("dronebot_slack_bad_frames_total", &[]).await.is_some_and(|bad| bad >= 4.0));
    assert_eq!(world.bot().metric("dronebot_actor_restarts", &[]).await, Some(0.0));
    world.ends_clean().await;
}

#[actix_web::test]
async fn an_envelope_in_fragments_is_one_command() {
    let world = brisk(1).await;
    let envelope = json!({"type": "slash_commands", "envelope_id": "in-fragments", "accepts_response_payload": true,
        "payload": {"command": "/drone", "text": "wörd17", "user_id": NINA, "channel_id": "COPS", "team_id": "TSANDBOX",
            "trigger_id": "1.2.3"}});
    let text = envelope.to_string();
    let (first, rest) = text.split_at(40);
    let (second, third) = rest.split_at(30);
    world.slack.post("envelope", json!({"fragments": [first, second, third]})).await;
    world.slack.acked(&envelope["envelope_id"]).await;
    let answer = world.slack.hears("ops", NINA, "wörd17", 0).await;
    assert!(answer.ephemeral, "a command without a response_url is answered to the caller all the same");
    world.ends_clean().await;
}

// failure 36
#[actix_web::test]
async fn what_bots_write_asks_nothing_and_an_edit_only_that_it_is_sent_anew() {
    let mut world = World::new().await;
    world.slack.post("settings", json!({"channel_messages": true})).await;
    let mut ignored = Vec::new();
    // another bot that names this one: two bots must not talk for ever
    ignored.push(world.slack.tells("UPAGER", "ops", "@drone ec2 list").await);
    // people who speak of it to each other, not to it
    ignored.push(world.slack.tells(OMAR, "ops", "good morning").await);
    // its own account
    let own = json!({"type": "message", "channel_type": "im", "user": "UDRONE", "bot_id": "BDRONE", "text": "ping",
        "channel": "DNINA", "ts": "1700000000.000100"});
    ignored.push(world.slack.post("event", json!({"event": own, "channel": "DNINA"})).await);
    let asked = world.slack.tells(NINA, "dm", "ping").await;
    world.slack.final_answer("dm", NINA, None, 0).await;
    // an edit of what was asked is not run, and that is said; a deletion asks nothing
    let ts = asked["ts"].clone();
    world.slack.post("edit", json!({"user": NINA, "channel": "dm", "ts": ts, "text": "help"})).await;
    world.slack.hears("dm", NINA, "I do not run what is edited", 0).await;
    ignored.push(world.slack.post("delete", json!({"user": NINA, "channel": "dm", "ts": ts})).await);
    for subtype in ["channel_join", "channel_topic", "bot_message", "message_replied", "thread_broadcast_unknown"] {
        let event = json!({"type": "message", "subtype": subtype, "channel_type": "im", "user": NINA, "text": "ping",
            "channel": "DNINA", "ts": format!("17000000{:02}.000200", ignored.len())});
        ignored.push(world.slack.post("event", json!({"event": event, "channel": "DNINA"})).await);
    }
    for envelope in &ignored {
        world.slack.acked(&envelope["envelope_id"]).await;
    }
    world.still_works().await;
    world.rests().await;
    assert_eq!(world.count("SELECT count(*) FROM requests"), 3, "the ping, the word about its edit, and the last one");
    assert_eq!(world.answers("dm", NINA, 0).await.len(), 2);
    assert_eq!(world.answers("ops", MAYA, 0).await.len(), 0);
}

#[actix_web::test]
async fn a_sentence_means_the_same_in_every_form_that_slack_gives_it() {
    let mut world = World::new().await;
    let typed = [
        ("@drone ec2 list --name \"web 1\"", false, false),
        ("@drone ec2 list --name \"web 1\"", true, false),
        ("@drone: ec2 list --name \"web 1\"", false, false),
        ("  @drone,   ec2 list --name \"web 1\"  ", false, false),
        ("<@UDRONE> ec2 list —name “web 1”", false, true),
        ("<@UDRONE>\u{a0}ec2\u{a0}list –name „web 1“", false, true),
        ("<@UDRONE> `ec2 list --name \"web 1\"`", false, true),
        ("<@UDRONE> *ec2 list* --name \"web 1\"", false, true),
        ("<@UDRONE>\n```ec2 list --name \"web 1\"```", false, true),
    ];
    for (text, smart, raw) in typed {
        let body = json!({"user": MAYA, "channel": "ops", "text": text, "smart": smart, "raw": raw});
        let said = world.slack.post("say", body).await;
        world.slack.acked(&said["envelope_id"]).await;
    }
    let links = [
        ("<@UDRONE> ec2 show <http://web-1.example.com|web-1.example.com>", "ec2 show web-1.example.com"),
        ("<@UDRONE> ec2 show <https://web.example/a?b=1&amp;c=2>", "ec2 show https://web.example/a?b=1&c=2"),
        ("<@UDRONE> ec2 show <mailto:ops@example.com|ops@example.com>", "ec2 show ops@example.com"),
        ("<@UDRONE> ec2 show a&lt;b&gt;c&amp;amp;d", "ec2 show a<b>c&amp;d"),
        ("<@UDRONE> ec2 show <@UNINA|nina> <#COPS|ops>", "ec2 show <@UNINA> <#COPS>"),
    ];
    for (text, _) in links {
        let said =
            world.slack.post("say", json!({"user": VERA, "channel": "general", "text": text, "raw": true})).await;
        world.slack.acked(&said["envelope_id"]).await;
    }
    world.kill_bot();
    let forms = world.texts("SELECT text FROM requests WHERE user = 'UMAYA' ORDER BY id");
    assert_eq!(forms, vec!["ec2 list --name \"web 1\""; typed.len()]);
    let read = world.texts("SELECT text FROM requests WHERE user = 'UVERA' ORDER BY id");
    assert_eq!(read, links.map(|(_, meant)| meant));
}
