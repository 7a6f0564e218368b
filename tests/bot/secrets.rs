//! Promise 8: secrets never leave. A whole run with everything logged, through commands and failures, and then
//! everything that came out of the bot is searched for everything that should not have.

use crate::support::{Exit, GUS, HOME, MAYA, NINA, OLGA, OMAR, Options, Seed, Trouble, VERA, World, run, until};
use serde_json::{Value, json};

/// What the bot is given, of no other meaning.
const KEY_ID: &str = "AKIADRONEBOTSECRETS1";
const KEY: &str = "wJalrXUtnFEMIdronebotK7MDENGbPxRfiCYEXAMPLE";
const SESSION: &str = "FwoGZXIvYXdzEdronebotSessionToken";

/// Drives the bot through what it can do and what can fail; returns the secrets that it met on the way.
async fn a_busy_day(world: &mut World) -> Vec<String> {
    let mut secrets = Vec::new();
    let url = |sent: &Value| {
        let url = sent["response_url"].as_str().expect("a url").to_owned();
        url.rsplit('/').next().expect("a secret").to_owned()
    };
    world.fleet(&[Seed { region: HOME, name: "web-1", kind: "t3.micro", stopped: false, tags: &[] }]).await;
    for (who, text) in [
        (MAYA, "help"),
        (MAYA, "whoami"),
        (MAYA, "status"),
        (VERA, "ec2 list --region all"),
        (MAYA, "ec2 show web-1"),
        (MAYA, "ec2 stop web-1"),
        (MAYA, "ec2 stpo web-1"),
        (NINA, "ec2 list"),
        (GUS, "ping"),
        (OLGA, "ec2 stop web-1"),
    ] {
        let before = world.slack.cursor().await;
        let place = if who == OLGA { "partners" } else { "ops" };
        let sent = world.slack.slash(who, place, text).await;
        secrets.push(url(&sent));
        world.slack.final_answer(place, who, None, before).await;
    }
    for code in ["UnauthorizedOperation", "AuthFailure", "RequestLimitExceeded", "ServiceUnavailable"] {
        world.aws.break_next("DescribeInstances", Trouble::Error(code, 400), 3);
        world.asks(VERA, "ec2 list").await;
    }
    let faults = [
        json!({"method": "response_url", "status": 503}),
        json!({"method": "response_url", "drop": true}),
        json!({"method": "response_url", "after_effect": true}),
        json!({"method": "response_url", "non_json": true}),
        json!({"method": "response_url", "error": "used_url", "status": 404}),
    ];
    for (number, fault) in faults.into_iter().enumerate() {
        world.slack.fault(json!({"api": fault})).await;
        let sent = world.slack.slash(NINA, "ops", &format!("word{number}")).await;
        secrets.push(url(&sent));
        world.slack.hears("ops", NINA, &format!("word{number}"), 0).await;
    }
    for fault in [json!({"status": 500}), json!({"error": "invalid_blocks"}), json!({"drop": true})] {
        let mut fault = fault;
        fault["method"] = json!("chat.postMessage");
        world.slack.fault(json!({"api": fault})).await;
        let ts = world.says(OMAR, "general", "@drone ping").await;
        world.slack.final_answer("general", OMAR, Some(&ts), 0).await;
    }
    // tickets: links that break, and dials that are refused
    for fault in [
        json!({"dial": {"refuse": 503}, "times": 2}),
        json!({"api": {"method": "apps.connections.open", "non_json": true}}),
        json!({"api": {"method": "apps.connections.open", "error": "internal_error"}}),
        json!({"socket": "reset"}),
    ] {
        world.slack.fault(fault).await;
    }
    until("both links are up again", async || world.slack.links().await.len() == 2).await;
    for frame in [json!({"text": "no JSON"}), json!({"json": {"type": "mystery", "envelope_id": "e1"}})] {
        world.slack.post("envelope", frame).await;
    }
    // an envelope that cannot be read as a whole, with a response_url in it
    let broken = json!({"type": "slash_commands", "envelope_id": "e2", "payload": {"text": 17, "user_id": [],
        "response_url": "http://127.0.0.1/commands/T1/2/brokenEnvelopeSecret"}});
    world.slack.post("envelope", json!({"json": broken})).await;
    world.slack.acked(&broken["envelope_id"]).await;
    secrets.push("brokenEnvelopeSecret".to_owned());
    // a kill, a letter that waits meanwhile, and the life after it
    world.slack.fault(json!({"api": {"method": "response_url", "status": 503, "times": 0}})).await;
    let sent = world.slack.slash(VERA, "general", "ping").await;
    secrets.push(url(&sent));
    world.slack.acked(&sent["envelope_id"]).await;
    world.kill_bot();
    world.slack.heal().await;
    world.wake().await;
    world.slack.final_answer("general", VERA, None, 0).await;
    for call in world.slack.log("apps.connections.open").await {
        if let Some(url) = call["response"]["url"].as_str() {
            let ticket = url.split("ticket=").nth(1).and_then(|rest| rest.split('&').next()).expect("a ticket");
            secrets.push(ticket.to_owned());
        }
    }
    secrets
}

// failure 28
#[actix_web::test]
async fn no_secret_leaves_the_bot_in_a_whole_run_with_everything_logged() {
    let set = |key, value: &str| (key, value.to_owned());
    let env = vec![
        set("DRONEBOT__LOG__FILTER", "trace"),
        set("DRONEBOT__SLACK__BACKOFF_MIN_SECONDS", "0.05"),
        set("DRONEBOT__SLACK__BACKOFF_MAX_SECONDS", "0.2"),
        set("DRONEBOT__DELIVERY__RETRY_MIN_MS", "50"),
        set("DRONEBOT__DELIVERY__POLL_MS", "100"),
        set("AWS_ACCESS_KEY_ID", KEY_ID),
        set("AWS_SECRET_ACCESS_KEY", KEY),
        set("AWS_SESSION_TOKEN", SESSION),
        set("HTTPS_PROXY", "http://someone:proxyPassword@127.0.0.1:1"),
        set("NO_PROXY", "127.0.0.1,localhost"),
    ];
    let mut world = World::with(Options { env: env.clone(), ..Options::default() }).await;
    let mut secrets = a_busy_day(&mut world).await;
    assert!(secrets.len() > 20, "{}", secrets.len());
    secrets.extend(["xoxb-sandbox", "xapp-sandbox", KEY_ID, KEY, SESSION, "proxyPassword"].map(str::to_owned));

    let mut came_out = Vec::new();
    for path in ["/livez", "/readyz", "/startupz", "/version", "/metrics"] {
        came_out.push((path, world.bot().probe(path).await.expect("it answers").1));
    }
    let exit = world.bot.take().expect("it runs").terminate().await;
    assert_eq!(exit, Exit::Code(0));
    world.leaves_nothing();
    came_out.push(("the log", world.log()));
    assert!(world.log().contains("TRACE"), "everything was logged");
    let (_, said) = world.slack.get("messages", &[("limit", "5000")]).await;
    came_out.push(("the replies", said["messages"].to_string()));
    let bodies = ["chat.postMessage", "chat.postEphemeral", "chat.update", "response_url"];
    for method in bodies {
        let args: Vec<String> = world.slack.log(method).await.iter().map(|call| call["args"].to_string()).collect();
        came_out.push((method, args.concat()));
    }
    let env: Vec<(&str, &str)> = env.iter().map(|(key, value)| (*key, value.as_str())).collect();
    let tokens = [("DRONEBOT__SLACK__APP_TOKEN", "xapp-sandbox"), ("DRONEBOT__SLACK__BOT_TOKEN", "xoxb-sandbox")];
    let with_tokens = [env.as_slice(), &tokens].concat();
    for arguments in [&["check-config"][..], &["healthcheck"], &["--version"]] {
        let output = run(arguments, &with_tokens);
        came_out.push(("the program's words", format!("{output:?}")));
    }
    // a token in the wrong place, a token under a wrong key
    let misplaced = [
        ("DRONEBOT__SLACK__APP_TOKEN", "xoxb-sandbox"),
        ("DRONEBOT__SLACK__BOT_TOKEN", "xapp-sandbox"),
        ("DRONEBOT__SLACK__TOKEN", "xoxb-sandbox"),
        ("DRONEBOT__SLACK__CONNECTIONS", "xoxb-sandbox"),
        ("DRONEBOT__AWS__SECRET_ACCESS_KEY", KEY),
    ];
    let output = run(&["check-config"], &misplaced);
    assert_eq!(output.status.code(), Some(78), "{output:?}");
    came_out.push(("complaints", format!("{output:?}")));

    for (place, text) in came_out {
        for secret in &secrets {
            let found = text.find(secret.as_str()).map(|at| {
                let start = text[..at].char_indices().rev().take(200).last().map_or(0, |(start, _)| start);
                &text[start..at]
            });
            assert!(found.is_none(), "{secret} stands in {place} after: {}", found.unwrap_or_default());
        }
    }
}
