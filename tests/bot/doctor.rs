//! `dronebot doctor`: whether the bot could work, and what to do where it could not.

use crate::support::service::{Shop, listed};
use crate::support::{HOME, MAYA, Options, Seed, Trouble, World, command, image, run, tidy};
use dronebot::slack::scopes;
use serde_json::{Value, json};

/// The exit code, and what is told, without what differs from run to run.
fn doctor(world: &World, arguments: &[&str], env: &[(&str, &str)]) -> (i32, String) {
    let mut doctor = command(&world.slack.url, &world.aws_url, world.folder.path());
    let call = doctor.arg("doctor").args(arguments).envs(env.iter().copied());
    let output = image::placed(call).output().expect("it runs");
    let (told, logged) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(logged, "");
    for secret in ["xoxb-sandbox", "xapp-sandbox", "ticket", "testing"] {
        assert!(!told.contains(secret), "`{secret}`: {told}");
    }
    let told = told.replace(&world.folder.path().display().to_string(), "FOLDER");
    (output.status.code().expect("it ends by itself"), tidy(&accounts(&told)))
}

/// Account numbers are different in each world.
fn accounts(text: &str) -> String {
    let digits = |part: &str| part.len() == 12 && part.bytes().all(|byte| byte.is_ascii_digit());
    let parts = text.split_inclusive(|c: char| !c.is_ascii_digit());
    let named = parts.map(|part| {
        let bare = part.trim_end_matches(|c: char| !c.is_ascii_digit());
        if digits(bare) { format!("ACCOUNT{}", &part[12..]) } else { part.to_owned() }
    });
    named.collect()
}

async fn asleep() -> World {
    let world = World::with(Options { asleep: true, ..Options::default() }).await;
    world.fleet(&[Seed { region: HOME, name: "web-1", kind: "t3.micro", stopped: false, tags: &[] }]).await;
    let needed: Vec<&str> = scopes::of_bot_token().into_keys().collect();
    world.slack.post("settings", json!({"scopes": needed})).await;
    world
}

#[actix_web::test]
async fn all_is_well_and_nothing_was_changed() {
    let world = asleep().await;
    let (code, told) = doctor(&world, &[], &[]);
    insta::assert_snapshot!(told, @"
    ✅ settings: They can be used.
    ✅ policies: 12 policies (107672de4d56) can be used.
    ✅ store: `FOLDER/dronebot.db` is not there yet; the first start makes it.
    ✅ app token: Slack takes it for Socket Mode (connections:write).
    ✅ Socket Mode: Slack offers a connection; it was not opened (--link opens one for a moment).
    ✅ bot token: Slack knows it as `drone` (UDRONE) in `Sandbox`.
    ✅ scopes: The bot token has all that is needed: app_mentions:read, channels:history, channels:read, chat:write, commands, files:read, files:write, groups:history, groups:read, im:history, im:write, mpim:read, usergroups:read, users:read.
    ✅ clock: This machine and Slack agree.
    ✅ user groups: `SOPERATORS` has members: 2.
    ✅ user groups: `SVIEWERS` has members: 1.
    ✅ AWS identity: Account ACCOUNT, as `arn:aws:sts::ACCOUNT:user/moto`.
    ✅ AWS clock: This machine and AWS agree.
    ✅ AWS region: `eu-central-1` answers.
    ✅ AWS permissions: DescribeInstances, DescribeInstanceStatus, DescribeInstanceAttribute, DescribeInstanceTypes, DescribeRegions, StartInstances, StopInstances, RebootInstances, TerminateInstances are allowed, tried on `i-00000000000000001` by DryRun.
    The bot can work like this: 0 to mend, 0 to know.
    ");
    assert_eq!(code, 0);
    let left = std::fs::read_dir(world.folder.path()).expect("the folder").count();
    assert_eq!(left, 0, "no file was made");
    assert_eq!(world.slack.links().await, [0; 0], "no connection was opened");
    let changes = ["StartInstances", "StopInstances", "RebootInstances", "TerminateInstances"];
    let changed = world.aws.calls().into_iter().filter(|(action, _)| changes.contains(&action.as_str()));
    assert_eq!(changed.count(), 0, "changes are rehearsed only");
}

#[actix_web::test]
async fn a_link_is_opened_for_a_moment_where_that_is_asked_for() {
    let world = asleep().await;
    let (code, told) = doctor(&world, &["--link"], &[]);
    assert!(
        told.contains("✅ Socket Mode: A connection opens, and Slack says hello; no bot is connected.\n"),
        "{told}"
    );
    assert_eq!(code, 0);
    world.slack.fault(json!({"ghosts": 3})).await;
    let (code, told) = doctor(&world, &["--link"], &[]);
    assert!(told.contains("⚠️ Socket Mode: Slack counts 3 more connections; one bot has at most 2.\n"), "{told}");
    assert_eq!(code, 0);
    for (reason, said) in [
        ("link_disabled", "❌ Socket Mode: Socket Mode is switched off; switch it on in the app's settings.\n"),
        ("too_many_websockets", "❌ Socket Mode: The app has its ten connections already; stop the other processes"),
    ] {
        world.slack.fault(json!({"dial": {"disconnect": reason}})).await;
        let (code, told) = doctor(&world, &["--link"], &[]);
        assert!(told.contains(said), "{told}");
        assert_eq!(code, 78);
    }
}

#[actix_web::test]
async fn a_bot_that_runs_is_seen_and_not_disturbed() {
    let mut world = World::new().await;
    let links = world.slack.links().await;
    let (code, told) = doctor(&world, &["--link"], &[]);
    assert!(told.contains("⚠️ store: `FOLDER/dronebot.db` is in use: a bot runs on it.\n"), "{told}");
    assert!(told.contains("2 more are open, as one running bot has them.\n"), "{told}");
    assert_eq!(code, 0);
    assert_eq!(world.slack.links().await, links);
    assert!(world.asks(MAYA, "ping").await.starts_with("Pong"));
    world.kill_bot();
    let journal = world.folder.path().join("dronebot.db-wal");
    let before = std::fs::read(&journal).expect("what the killed bot left");
    let (_, told) = doctor(&world, &[], &[]);
    assert!(told.contains("✅ store: `FOLDER/dronebot.db` can be opened.\n"), "{told}");
    assert!(before == std::fs::read(&journal).expect("it is still there"), "its log is left as it was");
    world.wake().await;
    world.ends_clean().await;
}

/// What cannot be undone is rehearsed only where a rehearsal is known to be one.
#[actix_web::test]
async fn an_endpoint_that_ignores_dry_run_is_a_problem_and_nothing_is_terminated_by_it() {
    let world = asleep().await;
    world.aws.break_next("DryRun:RebootInstances", Trouble::Reword("DryRun=true", "DryRun=false"), 9);
    let (code, told) = doctor(&world, &[], &[]);
    assert!(told.contains("may have started, stopped or rebooted `i-00000000000000001` on this check"), "{told}");
    assert!(told.contains("give the bot no AWS_ENDPOINT_URL that ignores DryRun"), "{told}");
    assert_eq!(code, 78, "{told}");
    let calls = world.aws.calls();
    assert!(!calls.iter().any(|(call, _)| call.contains("TerminateInstances")), "{calls:?}");
}

#[actix_web::test]
async fn every_problem_is_told_with_what_to_do() {
    let world = asleep().await;
    world.slack.fault(json!({"api": {"method": "usergroups.list", "error": "missing_scope", "times": 0}})).await;
    for action in ["DryRun:StopInstances", "DescribeInstanceTypes"] {
        world.aws.break_next(action, Trouble::Error("UnauthorizedOperation", 403), 9);
    }
    let env = [
        ("DRONEBOT__SLACK__APP_TOKEN", "xapp-of-another-app"),
        ("DRONEBOT__SLACK__BOT_TOKEN", "xoxb-revoked"),
        ("DRONEBOT__STORE__PATH", "/dev/null/dronebot.db"),
    ];
    let (code, told) = doctor(&world, &[], &env);
    insta::assert_snapshot!(told, @"
    ✅ settings: They can be used.
    ✅ policies: 12 policies (107672de4d56) can be used.
    ❌ store: /dev/null/dronebot.db: Not a directory (os error 20).
       → Check the rights on the folder, or set store.path to another file.
    ❌ app token: Slack refuses the app token (invalid_auth).
       → Check slack.app_token: Slack does not know it.
    ❌ bot token: Slack does not accept the bot token (`invalid_auth`).
       → Set slack.bot_token to the Bot User OAuth Token of OAuth & Permissions; install the app again if there is none.
    ❌ user groups: The bot token lacks a scope for this (`missing_scope`).
       → Add what is missing under OAuth & Permissions, and install the app again.
    ✅ AWS identity: Account ACCOUNT, as `arn:aws:sts::ACCOUNT:user/moto`.
    ✅ AWS clock: This machine and AWS agree.
    ✅ AWS region: `eu-central-1` answers.
    ❌ AWS permissions: AWS does not allow `ec2:DescribeInstanceTypes`.
       → Allow ec2:DescribeInstanceTypes to the bot's role (`dronebot iam-policy` prints the whole policy).
    ❌ AWS permissions: AWS does not allow `ec2:StopInstances`.
       → Allow ec2:StopInstances to the bot's role (`dronebot iam-policy` prints the whole policy).
    ✅ AWS permissions: DescribeInstances, DescribeInstanceStatus, DescribeInstanceAttribute, DescribeRegions, StartInstances, RebootInstances, TerminateInstances are allowed, tried on `i-00000000000000001` by DryRun.
    The bot cannot work like this: 6 to mend, 0 to know.
    ");
    assert_eq!(code, 78);
}

#[actix_web::test]
async fn services_that_may_be_deployed_are_looked_at() {
    let world = asleep().await;
    let _shop = Shop::open(&world).await;
    let look = |other: &[(&'static str, &'static str)]| {
        let listed = listed();
        let env: Vec<(&str, &str)> =
            listed.iter().map(|(key, value)| (*key, value.as_str())).chain(other.iter().copied()).collect();
        let (code, told) = doctor(&world, &[], &env);
        let lines: Vec<&str> = told.lines().skip_while(|line| !line.contains("deploy:")).take(2).collect();
        (code, lines.join("\n"))
    };
    let (code, told) = look(&[]);
    insta::assert_snapshot!(told, @"
    ✅ deploy: `drone` is `service/prod/dronebot`, with 3 tagged images in `team/dronebot`.
    ⚠️ deploy: `drone`: any image of `team/dronebot` may be deployed, whoever built it.
    ");
    assert_eq!(code, 0);
    let (code, told) = look(&[("DRONEBOT__DEPLOY__SERVICES__DRONE__CONTAINER", "web")]);
    insta::assert_snapshot!(told, @r"
    ❌ deploy: `drone`: it has no container `web`.
       → See deploy.services.drone in the settings.
    ");
    assert_eq!(code, 78);
    insta::assert_snapshot!(look(&[("DRONEBOT__DEPLOY__SERVICES__DRONE__SERVICE", "other")]).1, @r"
    ❌ deploy: `drone`: there is no service `other` in the cluster `prod`.
       → See deploy.services.drone in the settings.
    ");
    insta::assert_snapshot!(look(&[("DRONEBOT__DEPLOY__SERVICES__DRONE__REPOSITORY", "other")]).1, @r"
    ❌ deploy: `drone`: its container `bot` runs no image of the repository `other`.
       → See deploy.services.drone in the settings.
    ");
    insta::assert_snapshot!(look(&[("DRONEBOT__DEPLOY__SERVICES__DRONE__CLUSTER", "other")]).1, @r"
    ❌ deploy: AWS does not know this (`ClusterNotFoundException`, `eu-central-1`): Cluster not found.
       → See deploy.services in the settings.
    ");
    world.aws.break_next("DescribeImages", Trouble::Error("AccessDeniedException", 400), 9);
    insta::assert_snapshot!(look(&[]).1, @"
    ❌ deploy: AWS does not allow me `ecr:DescribeImages` (`AccessDeniedException`, `eu-central-1`, account `ACCOUNT`): User: arn:aws:sts::ACCOUNT:assumed-role/dronebot/task is not authorized to perform: ecr:DescribeImages because no identity-based policy allows the ecr:DescribeImages action.
       → Allow ecr:DescribeImages to the bot's role (`dronebot iam-policy` prints the whole policy).
    ");
}

#[actix_web::test]
async fn a_missing_scope_and_one_too_many_and_a_wrong_clock_are_told() {
    let world = asleep().await;
    let granted = [
        "app_mentions:read",
        "chat:write",
        "commands",
        "files:read",
        "files:write",
        "im:history",
        "im:write",
        "users:read",
        "channels:history",
        "channels:read",
        "groups:history",
        "groups:read",
        "mpim:read",
        "pins:write",
    ];
    world.slack.post("settings", json!({"scopes": granted, "app_scopes": [], "clock_skew_s": 240})).await;
    let (code, told) = doctor(&world, &[], &[]);
    let told: Vec<&str> = told.lines().skip(3).take_while(|line| !line.contains("AWS identity")).collect();
    let told = told.join("\n").replace("239 seconds", "240 seconds").replace("241 seconds", "240 seconds");
    insta::assert_snapshot!(told, @r#"
        ❌ app token: Slack refuses the app token (missing_scope).
           → The app-level token needs the scope connections:write; make a new one under Basic Information.
        ✅ bot token: Slack knows it as `drone` (UDRONE) in `Sandbox`.
        ❌ scopes: The bot token lacks `usergroups:read` (for usergroups.users.list, usergroups.list).
           → Add usergroups:read under OAuth & Permissions, and install the app again.
        ⚠️ scopes: The bot token also has what is not needed: pins:write.
           → Take it out under OAuth & Permissions, and install the app again.
        ⚠️ clock: The clock of this machine is 240 seconds behind that of Slack.
           → Set this machine's clock, and let NTP keep it (timedatectl set-ntp true).
        ❌ user groups: The bot token lacks a scope for this (`missing_scope`).
           → Add what is missing under OAuth & Permissions, and install the app again.
        "#);
    assert_eq!(code, 78);
}

#[actix_web::test]
async fn user_groups_that_slack_does_not_have_are_named() {
    let world = asleep().await;
    let env = [
        ("DRONEBOT__GROUPS__VIEWERS__SLACK_USERGROUPS", "SGONE"),
        ("DRONEBOT__GROUPS__OPERATORS__SLACK_USERGROUPS", "SEMPTY"),
    ];
    world.slack.post("group", json!({"handle": "empty", "id": "SEMPTY", "users": []})).await;
    let (code, told) = doctor(&world, &[], &env);
    let groups: Vec<&str> = told.lines().skip_while(|line| !line.contains("user groups")).take(4).collect();
    insta::assert_snapshot!(groups.join("\n"), @r#"
        ⚠️ user groups: Nobody is in the user group `SEMPTY`.
           → Add its people in Slack.
        ❌ user groups: Slack has no user group `SGONE`, or it is disabled.
           → Take it out of [groups], or enable the user group in Slack again.
        "#);
    assert_eq!(code, 78);
}

#[actix_web::test]
async fn a_slack_and_an_aws_that_cannot_be_reached_are_told_and_not_waited_for() {
    let mut world = asleep().await;
    world.slack.kill();
    let env =
        [("AWS_ENDPOINT_URL", "http://127.0.0.1:9"), ("DRONEBOT__SLACK__PROXY_URL", "http://maya:pa55@127.0.0.1:9")];
    let (code, told) = doctor(&world, &[], &env);
    assert!(!told.contains("pa55"));
    insta::assert_snapshot!(told, @"
    ✅ settings: They can be used.
    ✅ policies: 12 policies (107672de4d56) can be used.
    ✅ store: `FOLDER/dronebot.db` is not there yet; the first start makes it.
    ❌ app token: Slack cannot be asked: apps.connections.open: connect: cannot connect: proxy cannot be reached: Connection refused (os error 111).
       → Check the network, slack.api_url, and the proxy (slack.proxy_url, HTTPS_PROXY, NO_PROXY).
    ❌ bot token: Slack cannot be asked (`connect`).
       → Check the network, slack.api_url, and the proxy (slack.proxy_url, HTTPS_PROXY, NO_PROXY).
    ❌ user groups: Slack cannot be asked (`connect`).
       → Check the network, slack.api_url, and the proxy (slack.proxy_url, HTTPS_PROXY, NO_PROXY).
    ❌ AWS identity: I cannot reach AWS STS in `eu-central-1`.
       → Check the network, the region's name and AWS_ENDPOINT_URL; the proxy of the settings is for Slack alone.
    ❌ AWS region: I cannot reach AWS EC2 in `eu-central-1`.
       → Check the network, the region's name and AWS_ENDPOINT_URL; the proxy of the settings is for Slack alone.
    The bot cannot work like this: 5 to mend, 0 to know.
    ");
    assert_eq!(code, 78);
}

#[actix_web::test]
async fn a_slack_and_an_aws_that_say_nothing_are_waited_for_ten_seconds() {
    let world = asleep().await;
    world.slack.fault(json!({"api": {"method": "*", "hang_ms": 60_000, "times": 0}})).await;
    for action in ["GetCallerIdentity", "DescribeInstances"] {
        world.aws.break_next(action, Trouble::Swallow, 9);
    }
    let began = tokio::time::Instant::now();
    let (code, told) = doctor(&world, &[], &[]);
    assert!(began.elapsed().as_secs() < 15, "{:?}", began.elapsed());
    assert_eq!(code, 78);
    for check in ["app token", "bot token", "user groups", "AWS identity", "AWS region"] {
        assert!(told.contains(&format!("❌ {check}: ")), "{check}: {told}");
    }
}

#[actix_web::test]
async fn missing_credentials_and_a_missing_region_are_told() {
    let world = asleep().await;
    let none = [("AWS_ACCESS_KEY_ID", ""), ("AWS_SECRET_ACCESS_KEY", ""), ("AWS_EC2_METADATA_DISABLED", "true")];
    let (code, told) = doctor(&world, &[], &none);
    let aws: Vec<&str> = told.lines().skip_while(|line| !line.contains("AWS")).collect();
    insta::assert_snapshot!(aws.join("\n"), @r#"
        ❌ AWS identity: No AWS credentials are found.
           → Give the bot a role (instance profile, task role, IRSA), or set AWS_PROFILE or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.
        The bot cannot work like this: 1 to mend, 0 to know.
        "#);
    assert_eq!(code, 78);
    let (code, told) = doctor(&world, &[], &[("AWS_REGION", ""), ("AWS_EC2_METADATA_DISABLED", "true")]);
    assert!(told.contains("❌ AWS region: No region is set.\n   → Set aws.region, or AWS_REGION.\n"), "{told}");
    assert_eq!(code, 78);
}

#[actix_web::test]
async fn a_metadata_service_that_says_nothing_is_told_with_the_hop_limit() {
    let world = asleep().await;
    let mute = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = format!("http://{}", mute.local_addr().expect("an address"));
    let none = [
        ("AWS_ACCESS_KEY_ID", ""),
        ("AWS_SECRET_ACCESS_KEY", ""),
        ("AWS_EC2_METADATA_DISABLED", "false"),
        ("AWS_EC2_METADATA_SERVICE_ENDPOINT", address.as_str()),
    ];
    let (code, told) = doctor(&world, &[], &none);
    assert!(told.contains("EC2's metadata service did not answer in time"), "{told}");
    assert!(told.contains("--http-put-response-hop-limit 2"), "{told}");
    assert_eq!(code, 78);
}

#[actix_web::test]
async fn a_program_reads_the_same_as_json() {
    let world = asleep().await;
    let (code, told) = doctor(&world, &["--json"], &[("DRONEBOT__SLACK__BOT_TOKEN", "xoxb-revoked")]);
    let told: Value = serde_json::from_str(&told).expect("JSON");
    assert_eq!((code, &told["ok"]), (78, &json!(false)));
    let findings = told["findings"].as_array().expect("findings");
    let bot = findings.iter().find(|finding| finding["check"] == "bot token").expect("it is told");
    assert_eq!(bot["verdict"], "problem");
    assert!(bot["to_do"].as_str().is_some_and(|to_do| to_do.contains("slack.bot_token")), "{bot}");
}

#[test]
fn settings_that_cannot_be_read_are_all_that_is_told() {
    let output = run(&["doctor"], &[("DRONEBOT__SLACK__APP_TOKEN", "xoxb-77-secret"), ("DRONEBOT__STORE__PTAH", "x")]);
    assert_eq!(output.status.code(), Some(78));
    insta::assert_snapshot!(String::from_utf8_lossy(&output.stdout), @r#"
        ❌ settings: `store.ptah` is not a setting (variable DRONEBOT__STORE__PTAH); did you mean DRONEBOT__STORE__PATH?
        ❌ settings: `slack.bot_token` is missing: set DRONEBOT__SLACK__BOT_TOKEN to it or to where AWS keeps it (ssm:…, secretsmanager:…), or DRONEBOT__SLACK__BOT_TOKEN_FILE to a file that holds it; it is the bot token (xoxb-…) of "OAuth & Permissions" in the app's settings.
        ❌ settings: `slack.app_token` must be a token that starts with `xapp-`; this is one of another kind (variable DRONEBOT__SLACK__APP_TOKEN).
           → Change it there; config/default.toml shows every key, and nothing else was checked.
        The bot cannot work like this: 3 to mend, 0 to know.
        "#);
}
