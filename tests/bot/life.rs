//! How the program starts and ends: signals, exit codes, and the one line that says what is wrong.

use crate::support::{Exit, HOME, LEASE, MAYA, NINA, Options, Seed, Trouble, VERA, World, run, until};
use nix::sys::signal::Signal;
use std::net::TcpListener;
use std::process::Output;
use std::time::Duration;

/// The least that the program needs; the store is a file that no test opens.
const TOKENS: [(&str, &str); 2] =
    [("DRONEBOT__SLACK__APP_TOKEN", "xapp-sandbox"), ("DRONEBOT__SLACK__BOT_TOKEN", "xoxb-sandbox")];

fn with_tokens<'a>(more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    TOKENS.iter().chain(more).copied().collect()
}

fn lines(bytes: &[u8]) -> Vec<String> {
    String::from_utf8_lossy(bytes).lines().map(str::to_owned).collect()
}

/// The one line with which a program that cannot start says why.
fn complaint(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(78), "{output:?}");
    assert!(output.stdout.is_empty(), "{output:?}");
    let said = lines(&output.stderr);
    assert_eq!(said.len(), 1, "{said:?}");
    said[0].clone()
}

/// The last line of the log, which says why the program ended.
async fn ends_misconfigured(world: &mut World) -> String {
    let exit = world.bot().exit().await;
    assert_eq!(exit, Exit::Code(78), "{}", world.log());
    world.log().lines().last().expect("a line").to_owned()
}

#[actix_web::test]
async fn a_told_bot_finishes_what_runs_answers_it_and_ends_with_0() {
    let mut world = World::new().await;
    world.fleet(&[Seed { region: HOME, name: "web-1", kind: "t3.micro", stopped: false, tags: &[] }]).await;
    let before = world.aws.calls().len();
    world.aws.break_next("DescribeInstances", Trouble::Delay(Duration::from_millis(1_500)), 1);
    world.slack.slash(VERA, "ops", "ec2 list").await;
    until("AWS is asked", async || world.aws.calls().len() > before).await;
    let bot = world.bot();
    bot.signal(Signal::SIGTERM);
    until("it says that it stops", async || {
        bot.probe("/readyz").await.is_some_and(|(status, body)| status == 503 && body.contains("draining"))
    })
    .await;
    assert_eq!(bot.json("/livez").await.0, 200, "a draining bot is not to be killed");
    // the door is closed: what is said now waits for the next life, or for another replica
    until("the links are closed", async || world.slack.links().await.is_empty()).await;
    assert_eq!(world.bot().exit().await, Exit::Code(0), "{}", world.log());
    world.leaves_nothing();
    let answers = world.answers("ops", VERA, 0).await;
    assert_eq!(answers.len(), 1, "{answers:?}");
    assert!(answers[0].text.contains("web-1"), "{}", answers[0].text);
}

#[actix_web::test]
async fn an_interrupt_from_the_terminal_drains_too() {
    let mut world = World::new().await;
    world.still_works().await;
    world.bot().signal(Signal::SIGINT);
    assert_eq!(world.bot().exit().await, Exit::Code(0), "{}", world.log());
    world.leaves_nothing();
}

#[actix_web::test]
async fn asked_twice_it_ends_at_once_and_the_next_life_finishes() {
    let mut world = World::new().await;
    world.fleet(&[Seed { region: HOME, name: "web-1", kind: "t3.micro", stopped: false, tags: &[] }]).await;
    let before = world.aws.calls().len();
    world.aws.break_next("DescribeInstances", Trouble::LoseAnswer, 1);
    world.slack.slash(VERA, "ops", "ec2 list").await;
    until("AWS is asked", async || world.aws.calls().len() > before).await;
    world.bot().signal(Signal::SIGTERM);
    until("it drains", async || world.log().contains("draining")).await;
    world.bot().signal(Signal::SIGTERM);
    assert_eq!(world.bot().exit().await, Exit::Code(130), "{}", world.log());
    world.bot = None;
    world.wake().await;
    let answer = world.slack.final_answer("ops", VERA, None, 0).await;
    assert!(answer.text.contains("web-1"), "{}", answer.text);
    world.ends_clean().await;
}

#[actix_web::test]
async fn a_drain_is_bounded() {
    let env = vec![("DRONEBOT__SHUTDOWN__DRAIN_SECONDS", "1".to_owned())];
    let mut world = World::with(Options { env, ..Options::default() }).await;
    let before = world.aws.calls().len();
    world.aws.break_next("DescribeInstances", Trouble::LoseAnswer, 1);
    world.slack.slash(VERA, "ops", "ec2 list").await;
    until("AWS is asked", async || world.aws.calls().len() > before).await;
    let told = tokio::time::Instant::now();
    let exit = world.bot.take().expect("it runs").terminate().await;
    assert_eq!(exit, Exit::Code(0), "{}", world.log());
    // one second of draining; the end after it has 5 s for the actors, 3 s for the store and the probes
    assert!(told.elapsed() < Duration::from_secs(1 + 5 + 3), "it took {:?}", told.elapsed());
    assert!(world.log().contains("commands still run"), "{}", world.log());
    world.wake().await;
    world.slack.final_answer("ops", VERA, None, 0).await;
    world.ends_clean().await;
}

#[actix_web::test]
async fn the_last_answer_of_a_change_that_ends_within_the_drain_leaves_before_the_bot_does() {
    let lag = Duration::from_secs(86_400);
    let mut world = World::with(Options { lag, ..Options::default() }).await;
    world.fleet(&[Seed { region: HOME, name: "web-1", kind: "t3.micro", stopped: false, tags: &[] }]).await;
    let ts = world.says(MAYA, "ops", "@drone ec2 stop web-1").await;
    world.slack.hears("ops", MAYA, "⏳", 0).await;
    // what AWS has not taken yet could not arrive
    until("AWS has taken it", async || world.aws.made().iter().any(|(made, _)| made == "StopInstances")).await;
    // Slack takes its time for the last message
    let hold = serde_json::json!({"api": {"method": "chat.update", "hang_ms": 800, "times": 0}});
    world.slack.fault(hold).await;
    world.bot().signal(Signal::SIGTERM);
    until("it drains", async || world.log().contains("draining")).await;
    world.aws.arrive();
    assert_eq!(world.bot().exit().await, Exit::Code(0), "{}", world.log());
    world.leaves_nothing();
    let answers = world.answers("ops", MAYA, 0).await;
    assert_eq!(answers.len(), 1, "{answers:?}");
    assert!(answers[0].text.starts_with("✅ Done") && answers[0].thread_ts.as_deref() == Some(&ts), "{answers:?}");
}

#[actix_web::test]
async fn what_is_said_while_a_bot_is_told_to_end_is_answered_once_by_it_or_by_the_next() {
    // Slack brings a mention four times in all, later and later, and the next life is there by then
    let env = vec![
        ("DRONEBOT__SLACK__PACING__CHANNEL_INTERVAL_SECONDS", "0.1".to_owned()),
        ("DRONEBOT__EXECUTION__MAX_OPEN_EACH", "100".to_owned()),
    ];
    let mut world = World::with(Options { env, ..Options::default() }).await;
    let hasty = serde_json::json!({"ack_timeout_ms": 1_000, "retry_after_ms": [0, 2_000, 6_000]});
    world.slack.post("settings", hasty).await;
    let mut asked = Vec::new();
    for number in 0..24 {
        asked.push(world.says(NINA, "general", "@drone ping").await);
        if number == 8 {
            world.bot().signal(Signal::SIGTERM);
        }
    }
    assert_eq!(world.bot().exit().await, Exit::Code(0), "{}", world.log());
    world.leaves_nothing();
    world.bot = None;
    world.wake().await;
    until("all are answered", async || world.answers("general", NINA, 0).await.len() >= asked.len()).await;
    world.rests().await;
    let answers = world.answers("general", NINA, 0).await;
    for ts in &asked {
        assert_eq!(answers.iter().filter(|said| said.thread_ts.as_ref() == Some(ts)).count(), 1, "{ts}: {answers:#?}");
    }
    assert_eq!(answers.len(), asked.len());
}

/// A bot that has been started and whose start takes its time.
async fn starting() -> World {
    let mut world = World::with(Options { lease: Some(LEASE), asleep: true, ..Options::default() }).await;
    // who else is there is asked before the first connection is dialled
    world.table.break_next("Query", Trouble::Delay(Duration::from_millis(900)), 4);
    world.start_bot();
    until("it starts", async || {
        let bot = world.bot.as_ref().expect("it runs");
        bot.probe("/startupz").await.is_some_and(|(status, body)| status == 503 && body.contains("starting"))
    })
    .await;
    world
}

#[actix_web::test]
async fn the_startup_probe_fails_until_everything_is_started_and_never_again() {
    let mut world = starting().await;
    assert_eq!(world.bot().json("/livez").await.0, 200, "who starts slowly is not to be killed");
    assert_eq!(world.bot().json("/readyz").await.0, 503);
    world.bot().ready().await;
    assert_eq!(world.bot().json("/startupz").await.0, 200);
    world.slack.kill();
    until("it is deaf", async || world.bot.as_ref().expect("it runs").json("/readyz").await.0 == 503).await;
    assert_eq!(world.bot().json("/startupz").await.0, 200, "what was started stays so");
    world.slack.revive();
    world.bot().ready().await;
    world.ends_clean().await;
}

#[actix_web::test]
async fn one_that_is_told_to_end_while_it_starts_ends_as_one_that_runs() {
    let mut world = starting().await;
    world.bot().signal(Signal::SIGTERM);
    assert_eq!(world.bot().exit().await, Exit::Code(0), "{}", world.log());
    assert!(world.log().contains("drained"), "{}", world.log());
}

#[actix_web::test]
async fn a_busy_port_is_one_clear_line() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("its address").to_string();
    let env = vec![("DRONEBOT__HEALTH__LISTEN", address.clone())];
    let mut world = World::with(Options { env, asleep: true, ..Options::default() }).await;
    world.start_bot();
    let line = ends_misconfigured(&mut world).await;
    let said =
        format!("{address} is taken by another process; stop that, or set health.listen to another address and port");
    assert!(line.contains(&said), "{line}");
}

#[actix_web::test]
async fn a_wrong_token_ends_the_bot_with_a_line_that_names_it() {
    for (key, token, says) in [
        (
            "DRONEBOT__SLACK__BOT_TOKEN",
            "xoxb-wrong",
            "(invalid_auth): set DRONEBOT__SLACK__BOT_TOKEN to the xoxb- token",
        ),
        ("DRONEBOT__SLACK__APP_TOKEN", "xapp-wrong", "(invalid_auth): check slack.app_token"),
        ("DRONEBOT__SLACK__BOT_TOKEN", "xapp-sandbox", "bot_token"),
    ] {
        let env = vec![(key, token.to_owned())];
        let mut world = World::with(Options { env, asleep: true, ..Options::default() }).await;
        world.start_bot();
        let exit = world.bot().exit().await;
        assert_eq!(exit, Exit::Code(78), "{}", world.log());
        let log = world.log();
        let last = log.lines().last().expect("a line");
        assert!(last.contains(says), "{last}");
        assert!(!log.contains(token), "{log}");
    }
}

#[actix_web::test]
async fn a_second_bot_on_the_same_store_is_refused() {
    let mut world = World::new().await;
    let path = world.folder.path().join("dronebot.db");
    let path = path.to_str().expect("a path");
    let env = with_tokens(&[("DRONEBOT__STORE__PATH", path), ("DRONEBOT__HEALTH__LISTEN", "127.0.0.1:0")]);
    let second = run(&[], &env);
    assert_eq!(second.status.code(), Some(78), "{second:?}");
    let said = [lines(&second.stdout), lines(&second.stderr)].concat();
    let line = said.last().expect("a line");
    assert!(line.contains("is in use by another process; only one may have it; stop that one"), "{said:?}");
    assert!(line.contains(path), "{line}");
    world.bot().ready().await;
    world.still_works().await;
    world.ends_clean().await;
}

#[test]
fn an_unknown_key_is_named_with_its_source() {
    let said = complaint(&run(&[], &with_tokens(&[("DRONEBOT__SLACK__CONECTIONS", "3")])));
    assert!(said.contains("`slack.conections`") && said.contains("DRONEBOT__SLACK__CONECTIONS"), "{said}");
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("bot.toml");
    std::fs::write(&file, "[store]\npth = \"x.db\"\n").expect("a file");
    let path = file.to_str().expect("a path");
    let said = complaint(&run(&["--config", path], &TOKENS));
    assert!(said.contains("`store.pth`") && said.contains(path), "{said}");
}

#[test]
fn missing_tokens_are_each_named() {
    let output = run(&[], &[]);
    assert_eq!(output.status.code(), Some(78));
    let said = lines(&output.stderr);
    assert_eq!(said.len(), 2, "{said:?}");
    assert!(said[0].contains("`slack.app_token` is missing: set DRONEBOT__SLACK__APP_TOKEN"), "{said:?}");
    assert!(said[1].contains("`slack.bot_token` is missing: set DRONEBOT__SLACK__BOT_TOKEN"), "{said:?}");
}

#[test]
fn a_wrong_type_and_a_static_aws_key_are_refused() {
    let said = complaint(&run(&[], &with_tokens(&[("DRONEBOT__SLACK__CONNECTIONS", "two")])));
    assert!(said.contains("`slack.connections`") && said.contains("DRONEBOT__SLACK__CONNECTIONS"), "{said}");
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("bot.toml");
    std::fs::write(&file, "[aws]\naccess_key_id = \"AKIAABCDEFGHIJKLMNOP\"\n").expect("a file");
    let said = complaint(&run(&["--config", file.to_str().expect("a path")], &TOKENS));
    assert!(said.contains("static AWS key") && !said.contains("AKIA"), "{said}");
}

#[test]
fn check_config_shows_what_is_in_force_without_secrets() {
    let output = run(&["check-config"], &with_tokens(&[("DRONEBOT__SLACK__CONNECTIONS", "3")]));
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let said = lines(&output.stdout);
    let line = |key: &str| said.iter().find(|line| line.starts_with(key)).cloned().unwrap_or_default();
    assert!(line("connections = 3").contains("DRONEBOT__SLACK__CONNECTIONS"), "{said:?}");
    assert!(line("bot_token = \"********\"").contains("DRONEBOT__SLACK__BOT_TOKEN"), "{said:?}");
    assert!(!said.join("\n").contains("-sandbox"), "{said:?}");
    // and what is wrong with the policies
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("policies.cedar");
    std::fs::write(&file, "@id(\"a\") permit (principal, action in Action::\"raed\", resource);").expect("a file");
    let path = file.to_str().expect("a path");
    let said = complaint(&run(&["check-config"], &with_tokens(&[("DRONEBOT__POLICY__POLICIES", path)])));
    assert!(said.contains(path) && said.contains("raed"), "{said}");
}

#[actix_web::test]
async fn healthcheck_asks_the_running_bot() {
    let mut world = World::new().await;
    let address = world.bot().health().trim_start_matches("http://").to_owned();
    let asks = |address: &str| run(&["healthcheck"], &with_tokens(&[("DRONEBOT__HEALTH__LISTEN", address)]));
    assert_eq!(asks(&address).status.code(), Some(0));
    let ready = format!("http://{address}/readyz");
    assert_eq!(run(&["healthcheck", "--url", &ready], &[]).status.code(), Some(0), "no settings are needed for it");
    world.ends_clean().await;
    let gone = asks(&address);
    assert_eq!(gone.status.code(), Some(1));
    assert!(lines(&gone.stderr)[0].contains(&format!("http://{address}/livez")), "{gone:?}");
}

#[actix_web::test]
async fn the_version_is_the_same_wherever_it_is_asked() {
    let output = run(&["--version"], &[]);
    assert_eq!(output.status.code(), Some(0));
    let said = lines(&output.stdout);
    let [first, rest @ ..] = said.as_slice() else { panic!("nothing is said") };
    assert_eq!(first, concat!("dronebot ", env!("CARGO_PKG_VERSION")));
    let said: Vec<(&str, &str)> = rest.iter().map(|line| line.split_once(": ").expect("a name and a value")).collect();
    let [("revision", revision), ("created", _), ("source", _)] = said.as_slice() else { panic!("{said:?}") };
    let short = run(&["-V"], &[]);
    assert_eq!(lines(&short.stdout), [format!("{first} ({revision})")]);
    let env = vec![("DRONEBOT__LOG__FORMAT", "json".to_owned())];
    let mut world = World::with(Options { env, ..Options::default() }).await;
    let (_, version) = world.bot().json("/version").await;
    let log = std::fs::read_to_string(world.folder.path().join("bot.log")).expect("a log");
    let logged = log.lines().find(|line| line.contains("dronebot starts")).expect("the start is logged");
    let logged: serde_json::Value = serde_json::from_str(logged).expect("JSON");
    let answer = world.asks(MAYA, "version").await;
    for (name, value) in said.iter().chain(&[("version", env!("CARGO_PKG_VERSION"))]) {
        assert_eq!(version[name], *value, "{name} in {version}");
        assert_eq!(logged[name], *value, "{name} in {logged}");
        assert!(answer.contains(value), "{name} in {answer}");
    }
    world.ends_clean().await;
}

#[test]
fn the_build_is_named_by_the_whole_revision_and_the_time_of_the_commit() {
    let output = run(&["--version"], &[]);
    let said = lines(&output.stdout);
    let git = |arguments: &[&str]| {
        let output = std::process::Command::new("git").args(arguments).env("TZ", "UTC").output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let date = "--date=format-local:%Y-%m-%dT%H:%M:%SZ";
    let (Some(head), Some(created)) =
        (git(&["rev-parse", "HEAD"]), git(&["show", "--no-patch", date, "--format=%cd", "HEAD"]))
    else {
        return assert_eq!(
            said[1..3],
            ["revision: unknown", "created: unknown"],
            "a build without git was told nothing"
        );
    };
    assert_eq!(said[1..3], [format!("revision: {head}"), format!("created: {created}")]);
}
