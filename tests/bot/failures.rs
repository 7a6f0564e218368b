//! What other clients of Slack got wrong as a whole program, each with the number of its row among the 37 known failures.
//! The rest stand beside the code of the link: `src/slack/socket/tests`, `src/intake`.

use crate::support::{Company, HOME, MAYA, NINA, Options, Seed, World, until};
use serde_json::json;
use std::time::Duration;

fn set(key: &'static str, value: &str) -> (&'static str, String) {
    (key, value.to_owned())
}

fn a_reboot() -> Seed {
    Seed { region: HOME, name: "web-1", kind: "t3.micro", stopped: false, tags: &[] }
}

/// The open files, sockets among them, and the threads of the bot.
fn holdings(pid: u32) -> (usize, usize) {
    let count = |what: &str| std::fs::read_dir(format!("/proc/{pid}/{what}")).expect("it runs").count();
    (count("fd"), count("task"))
}

// failure 3, failure 32
#[actix_web::test]
async fn a_thousand_reconnects_leave_no_thread_and_no_file_descriptor() {
    let env = vec![
        set("DRONEBOT__SLACK__CONNECTIONS", "1"),
        set("DRONEBOT__SLACK__BACKOFF_MIN_SECONDS", "0.001"),
        set("DRONEBOT__SLACK__BACKOFF_MAX_SECONDS", "0.004"),
        set("DRONEBOT__SLACK__STABLE_AFTER_SECONDS", "0"),
        set("DRONEBOT__SLACK__CLOSE_GRACE_SECONDS", "0.01"),
        set("DRONEBOT__LOG__FILTER", "warn"),
    ];
    let mut world = World::with(Options { env, ..Options::default() }).await;
    world.still_works().await;
    let pid = world.bot().pid();
    let (files, threads) = holdings(pid);
    let dials = async || world.slack.calls("apps.connections.open").await;
    let begun = dials().await;
    world.slack.fault(json!({"dial": {"disconnect": "warning"}, "times": 600})).await;
    world.slack.fault(json!({"dial": {"refuse": 503}, "times": 300})).await;
    for round in 0..100 {
        let before = dials().await;
        let how = ["reset", "close", "drop", "close_no_fin"][round % 4];
        world.slack.fault(json!({"socket": how})).await;
        until("it dials again", async || dials().await > before && !world.slack.links().await.is_empty()).await;
    }
    assert!(dials().await - begun >= 1_000, "{} reconnects", dials().await - begun);
    world.still_works().await;
    until("what is closing is closed", async || holdings(pid).0 <= files + 2).await;
    let after = holdings(pid);
    assert!(after.1 <= threads, "{threads} threads before, {after:?} after");
    assert_eq!(world.bot().metric("dronebot_actor_restarts", &[]).await, Some(0.0));
    world.ends_clean().await;
}

// failure 2
#[actix_web::test]
async fn ghosts_among_the_connections_are_told_by_metric_status_and_log() {
    let mut world = World::new().await;
    let strange = ["dronebot_link_strange_connections"];
    assert_eq!(world.bot().metric(strange[0], &[]).await, Some(0.0));
    world.slack.fault(json!({"ghosts": 3})).await;
    world.slack.fault(json!({"socket": "reset"})).await;
    let bot = world.bot.as_ref().expect("it runs");
    until("they are counted by both links", async || {
        let told = world.log().matches("slack counts connections that are not ours").count();
        told >= 2 && bot.metric(strange[0], &[]).await >= Some(6.0)
    })
    .await;
    // they swallow their share of what Slack delivers, so no more of them for the question
    world.slack.fault(json!({"ghosts": 0})).await;
    let status = world.asks(MAYA, "status").await;
    assert!(status.contains("connections of this app that are not mine"), "{status}");
    world.ends_clean().await;
}

// failure 21, failure 23
#[actix_web::test]
async fn a_retry_is_done_like_any_other_delivery_and_the_log_tells_which_attempt_it_was() {
    let mut world = World::with(Options { asleep: true, ..Options::default() }).await;
    // nobody listens: the first attempt reaches nobody
    let asked = world.slack.tells(NINA, "ops", "@drone ping").await;
    world.wake().await;
    let again = world.slack.redeliver(&asked["event_id"], false).await;
    world.slack.acked(&again).await;
    let ts = asked["ts"].as_str().expect("a ts");
    world.slack.final_answer("ops", NINA, Some(ts), 0).await;
    let log = world.log();
    let line = log.lines().find(|line| line.contains("request accepted")).expect("a line");
    assert!(!line.contains("retry_attempt=0") && line.contains("retry_reason=\"timeout\""), "{line}");
    world.rests().await;
    assert_eq!(world.answers("ops", NINA, 0).await.len(), 1);
    assert_eq!(world.count("SELECT count(*) FROM requests"), 1);
}

// failure 24
#[actix_web::test]
async fn what_was_said_while_nobody_listened_is_not_looked_up_and_changes_nothing_later() {
    let mut world = World::with(Options { asleep: true, ..Options::default() }).await;
    world.fleet(&[a_reboot()]).await;
    // said into the void: no event of it ever comes
    world.slack.ack_timeout(Duration::from_secs(3_600)).await;
    world.slack.tells(MAYA, "ops", "@drone ec2 reboot web-1").await;
    world.wake().await;
    world.still_works().await;
    for method in ["conversations.history", "conversations.replies", "search.messages"] {
        assert_eq!(world.slack.calls(method).await, 0, "{method}");
    }
    let reboots = world.aws.calls().iter().filter(|(action, _)| action == "RebootInstances").count();
    assert_eq!(reboots, 0);
    world.ends_clean().await;
}

// failure 27
#[actix_web::test]
async fn web_api_socket_and_response_url_all_go_through_the_proxy_by_tls_of_the_companys_authority() {
    let mut world = World::with(Options { asleep: true, ..Options::default() }).await;
    let company = Company::before(&world.slack.url).await;
    world.more_env("DRONEBOT__SLACK__API_URL", &Company::api_url());
    world.more_env("HTTPS_PROXY", &format!("http://bot:pass@{}", company.proxy));
    world.more_env("NO_PROXY", "elsewhere.test,127.0.0.1");
    world.more_env("SSL_CERT_FILE", &Company::authority());
    world.wake().await;
    // answered by response_url, and by chat.postMessage
    let whispered = world.asks_in(NINA, "ops", "ping").await;
    assert_eq!((whispered.via.as_str(), whispered.text.starts_with("Pong.")), ("response_url", true), "{whispered:?}");
    let ts = world.says(NINA, "ops", "@drone ping").await;
    world.slack.final_answer("ops", NINA, Some(&ts), 0).await;
    let asked = company.asked();
    // credentials are for the proxy alone, and only names go out: nobody here could have resolved them
    assert!(asked.iter().all(|head| head.contains("Proxy-Authorization: Basic Ym90OnBhc3M=")), "{asked:?}");
    for host in ["CONNECT xslack.com:443 ", "CONNECT slack.com:443 "] {
        assert!(asked.iter().any(|head| head.starts_with(host)), "{host} in {asked:?}");
    }
    world.ends_clean().await;
}

// failure 27
#[actix_web::test]
async fn a_file_goes_through_the_proxy_too() {
    let env = vec![set("DRONEBOT__COMMANDS__PAGE_SIZE", "1")];
    let mut world = World::with(Options { asleep: true, env, ..Options::default() }).await;
    world.fleet(&[a_reboot(), Seed { name: "web-2", ..a_reboot() }]).await;
    let company = Company::before(&world.slack.url).await;
    world.more_env("DRONEBOT__SLACK__API_URL", &Company::api_url());
    world.more_env("HTTPS_PROXY", &format!("http://bot:pass@{}", company.proxy));
    world.more_env("NO_PROXY", "127.0.0.1");
    world.more_env("SSL_CERT_FILE", &Company::authority());
    world.wake().await;
    let ts = world.says(MAYA, "ops", "@drone ec2 list").await;
    world.slack.final_answer("ops", MAYA, Some(&ts), 0).await;
    let files = async || world.slack.get("files", &[]).await.1["files"].as_array().cloned().expect("files");
    until("the file is there", async || !files().await.is_empty()).await;
    let rows = files().await[0]["content"].as_str().expect("text").lines().count();
    assert_eq!(rows, 3, "a head and two instances");
    // the sandbox gives the address of the upload as its own; inside it has another name, which only the proxy knows
    let upload = world.slack.log("upload").await;
    assert_eq!((upload.len(), &upload[0]["status"]), (1, &json!(200)));
    assert!(company.asked().iter().any(|head| head.starts_with("CONNECT slack.com:443 ")));
    world.ends_clean().await;
}

// failure 27
#[actix_web::test]
async fn an_authority_that_the_machine_does_not_know_is_not_trusted() {
    let mut world = World::with(Options { asleep: true, ..Options::default() }).await;
    let company = Company::before(&world.slack.url).await;
    world.more_env("DRONEBOT__SLACK__API_URL", &Company::api_url());
    world.more_env("HTTPS_PROXY", &format!("http://{}", company.proxy));
    world.start_bot();
    until("it says why it is not connected", async || world.log().contains("UnknownIssuer")).await;
    assert_eq!(world.slack.calls("auth.test").await, 0, "no token was shown");
    let bot = world.bot();
    assert_eq!(bot.probe("/readyz").await.map(|(status, _)| status), Some(503));
    assert_eq!(bot.probe("/livez").await.map(|(status, _)| status), Some(200));
    world.ends_clean().await;
}

// failure 26
#[actix_web::test]
async fn a_switched_off_socket_mode_alerts_by_log_and_probe_and_is_over_when_it_is_on_again() {
    let env = vec![set("DRONEBOT__SLACK__DISABLED_RECHECK_SECONDS", "1")];
    let mut world = World::with(Options { env, ..Options::default() }).await;
    let ready = async |world: &World| world.bot.as_ref().expect("it runs").probe("/readyz").await.expect("an answer");
    assert_eq!(ready(&world).await.0, 200);
    world.slack.fault(json!({"dial": {"disconnect": "link_disabled"}, "times": 0})).await;
    world.slack.fault(json!({"socket": "disconnect", "reason": "link_disabled"})).await;
    until("it is not ready", async || ready(&world).await.0 == 503).await;
    let (_, said) = ready(&world).await;
    assert!(said.contains("slack_links") && said.contains("Socket Mode is switched off"), "{said}");
    let alerts = |world: &World| {
        let log = world.log();
        let of =
            |line: &&str| line.contains("ERROR") && line.contains("Socket Mode is switched off in the app's settings");
        log.lines().filter(of).count()
    };
    // each slot says so, and again at each look
    until("the log has it at the level of errors", async || alerts(&world) >= 4).await;
    assert_eq!(world.bot().probe("/livez").await.map(|(status, _)| status), Some(200));
    world.slack.heal().await;
    until("it is ready again", async || ready(&world).await.0 == 200).await;
    world.still_works().await;
    assert_eq!(world.bot().metric("dronebot_actor_restarts", &[]).await, Some(0.0));
    world.ends_clean().await;
}

// failure 33
#[actix_web::test]
async fn how_long_ago_a_frame_and_an_event_came_is_a_metric() {
    let mut world = World::new().await;
    let bot = world.bot();
    assert!(bot.metric("dronebot_link_silence_seconds", &["slot=\"0\""]).await.is_some());
    assert_eq!(bot.metric("dronebot_link_event_age_seconds", &[]).await, None, "none came yet");
    world.asks(NINA, "ping").await;
    let age = world.bot().metric("dronebot_link_event_age_seconds", &[]).await.expect("one came");
    assert!(age < 30.0, "{age}");
    world.ends_clean().await;
}

// failure 36
#[actix_web::test]
async fn a_thread_that_asks_without_end_is_told_so_once_and_then_left_alone() {
    let env = vec![set("DRONEBOT__SLACK__PACING__CHANNEL_INTERVAL_SECONDS", "0.05")];
    let mut world = World::with(Options { env, ..Options::default() }).await;
    let first = world.says(NINA, "ops", "@drone ping").await;
    world.slack.final_answer("ops", NINA, Some(&first), 0).await;
    // somebody who looks like a person answers every answer
    for _ in 1..30 {
        let body = json!({"user": NINA, "channel": "ops", "text": "@drone ping", "thread_ts": first});
        let said = world.slack.post("say", body).await;
        world.slack.acked(&said["envelope_id"]).await;
    }
    world.slack.hears("ops", NINA, "This thread has asked me more", 0).await;
    // elsewhere it goes on
    let elsewhere = world.says(NINA, "ops", "@drone ping").await;
    world.slack.final_answer("ops", NINA, Some(&elsewhere), 0).await;
    world.rests().await;
    let said = world.answers("ops", NINA, 0).await;
    let in_thread = said.iter().filter(|answer| answer.thread_ts.as_deref() == Some(&first)).count();
    assert_eq!(in_thread, 20, "{said:?}");
    assert_eq!(said.iter().filter(|answer| answer.text.contains("This thread has asked me more")).count(), 1);
}
