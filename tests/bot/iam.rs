//! What the bot's AWS role needs: the calls that each command really makes are those of its row, and no row names a call that
//! is never made.

use crate::approvals::{DB, asking, becomes, named, presses};
use crate::support::service::{Shop, listed};
use crate::support::{Ending, HOME, LEASE, MAYA, OMAR, Options, Seed, Trouble, World, command, run};
use dronebot::commands::{Catalog, STORE_CALLS};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// AWS allows it to everybody who has credentials.
const ALWAYS: &str = "sts:GetCallerIdentity";

/// It is made once in a life, by whoever needs it first.
const ONCE: &str = "ec2:DescribeRegions";

const WEB: Seed = Seed { region: HOME, name: "web-1", kind: "m5d.large", stopped: false, tags: &[] };

/// Everything that is said in the test below, and before it what goes wrong then.
const LINES: &[(&str, &[&str])] = &[
    ("help", &[]),
    ("ping", &[]),
    ("whoami", &[]),
    ("version", &[]),
    ("status", &[]),
    ("ec2 list --region all", &[]),
    ("ec2 show web-1", &[]),
    ("ec2 show web-1 --region all", &[]),
    ("ec2 stop web-1", &[]),
    ("ec2 start web-1", &[]),
    ("ec2 reboot web-1", &[]),
    ("deploy status", &[]),
    ("deploy status drone", &["ListServiceDeployments"]),
    ("deploy 1.4.2", &[]),
    ("deploy rollback", &[]),
    ("deploy rollback", &["ListServiceDeployments"]),
    ("deploy 2.0.0", &[]),
    ("deploy status drone", &["ListServiceDeployments"]),
    ("deploy rollback", &[]),
    ("deploy rollback", &[]),
    ("deploy stauts", &[]),
];

/// The same service once more, of which only signed images are deployed: whether they are, is asked for its status too.
const SIGNED: [(&str, &str); 6] = [
    ("DRONEBOT__DEPLOY__SERVICES__SIGNED__CLUSTER", "prod"),
    ("DRONEBOT__DEPLOY__SERVICES__SIGNED__SERVICE", "dronebot"),
    ("DRONEBOT__DEPLOY__SERVICES__SIGNED__CONTAINER", "bot"),
    ("DRONEBOT__DEPLOY__SERVICES__SIGNED__REPOSITORY", "team/dronebot"),
    ("DRONEBOT__DEPLOY__SERVICES__SIGNED__SOURCE", "https://git.test/team/dronebot"),
    (
        "DRONEBOT__DEPLOY__SERVICES__SIGNED__PROVENANCE_KEY",
        "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEM39wGE84xQZr7Wr5SzIHde2cRGqDSyIIS88MYMr7wFsdQUrS38mAhz737aLR0Wli7/ziyWGPIVFyskvz5KN9Vw==",
    ),
];

fn calls(world: &World) -> Vec<String> {
    world.aws.named()
}

/// The command's row, by the longest name that the line begins with.
fn row(line: &str) -> &'static str {
    let catalog = Catalog::built_in();
    let names = catalog
        .rows()
        .iter()
        .map(|row| row.name)
        .filter(|name| line.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with(' ')));
    names.max_by_key(|name| name.len()).expect("a command")
}

#[actix_web::test]
async fn each_command_makes_the_calls_of_its_row_and_no_other() {
    let mut env = listed();
    env.push(("DRONEBOT__COMMANDS__WAIT_SECONDS", "2".to_owned()));
    env.extend(SIGNED.map(|(key, value)| (key, value.to_owned())));
    let world = World::with(Options { env, ..Options::default() }).await;
    world.fleet(&[WEB]).await;
    let shop = Shop::open(&world).await;
    let parts = [shop.digest("1.4.0").await.expect("pushed"), shop.digest("1.4.1").await.expect("pushed")];
    shop.push_index("2.0.0", &[&parts[0], &parts[1]]).await;
    let mut made: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for (line, troubles) in LINES {
        for action in *troubles {
            world.aws.break_next(action, Trouble::Error("AccessDeniedException", 400), 10);
        }
        let before = calls(&world).len();
        world.asks(MAYA, line).await;
        world.aws.clear();
        let called = calls(&world).split_off(before).into_iter().filter(|call| call != ALWAYS);
        made.entry(row(line)).or_default().extend(called);
    }
    // a rollout that ECS puts back, and one that is stopped
    let mut asks = async |line: &'static str| {
        let before = calls(&world).len();
        world.asks(MAYA, line).await;
        made.entry(row(line)).or_default().extend(calls(&world).split_off(before));
    };
    world.aws.rollouts.end(Ending::RollsBack);
    asks("deploy 1.4.0").await;
    world.aws.set_lag(Duration::from_secs(86_400));
    asks("deploy 1.4.0").await;
    asks("deploy rollback").await;
    asks("deploy status signed").await;
    // one that others must approve, and with which the instance goes
    let before = calls(&world).len();
    world.slack.slash(MAYA, "ops", "ec2 terminate web-1").await;
    let message = asking(&world, "ops", OMAR).await;
    presses(&world, OMAR, &message, "Approve").await;
    becomes(&world, "ops", MAYA, &message).await;
    made.entry("ec2 terminate").or_default().extend(calls(&world).split_off(before));

    let mut somewhere = BTreeSet::new();
    for row in Catalog::built_in().rows() {
        let listed: BTreeSet<String> = row.calls.iter().map(|call| call.name.to_owned()).collect();
        let called = made.remove(row.name).unwrap_or_default();
        let called: BTreeSet<String> = called.into_iter().filter(|call| call != ALWAYS).collect();
        let strange: Vec<_> = called.difference(&listed).collect();
        assert!(strange.is_empty(), "`{}` makes calls that its row does not name: {strange:?}", row.name);
        somewhere.extend(called.iter().cloned());
        let unused: Vec<_> =
            listed.difference(&called).filter(|call| *call != ONCE || !somewhere.contains(ONCE)).collect();
        assert!(unused.is_empty(), "`{}` never makes these calls of its row: {unused:?}", row.name);
    }
    assert!(made.is_empty(), "{made:?}");
    world.ends_clean().await;
}

#[actix_web::test]
async fn the_store_makes_the_calls_of_its_policy_and_no_other() {
    let world = World::with(Options { lease: Some(LEASE), ..Options::default() }).await;
    world.fleet(&[DB]).await;
    world.asks(MAYA, "ping").await;
    // all that is typed about what waits: whoever reads the message in another channel has no buttons
    world.slack.slash(MAYA, "ops", "ec2 stop db-1").await;
    let message = asking(&world, "ops", OMAR).await;
    let (short, _) = named(&message);
    world.reads(OMAR, "approve ZZZZ").await;
    let said = world.reads(OMAR, &format!("approve {short}")).await;
    assert!(said.contains("is approved and runs now"), "{said}");
    becomes(&world, "ops", MAYA, &message).await;
    let called: BTreeSet<String> = world.table.named().into_iter().collect();
    let listed: BTreeSet<String> = STORE_CALLS.iter().map(ToString::to_string).collect();
    let strange: Vec<_> = called.difference(&listed).collect();
    assert!(strange.is_empty(), "{strange:?}");
    let unused: Vec<&String> = listed.difference(&called).collect();
    assert!(unused.is_empty(), "{unused:?}");
    world.ends_clean().await;
}

fn actions(policy: &Value) -> BTreeSet<&str> {
    let statements = policy["Statement"].as_array().expect("statements").iter();
    statements
        .flat_map(|one| one["Action"].as_array().expect("actions"))
        .map(|one| one.as_str().expect("one"))
        .collect()
}

#[actix_web::test]
async fn a_policy_is_printed_for_each_class_with_and_without_settings() {
    let world = World::with(Options { asleep: true, ..Options::default() }).await;
    let print = |class: &[&str]| {
        let mut command = command(&world.slack.url, &world.aws_url, world.folder.path());
        let output = command.arg("iam-policy").args(class).envs(listed()).output().expect("it runs");
        (output.status.code(), serde_json::from_slice::<Value>(&output.stdout).unwrap_or_default())
    };
    let (code, change) = print(&["change"]);
    assert_eq!(code, Some(0));
    assert!(actions(&change).contains("ecs:UpdateService"));
    assert!(change.to_string().contains("arn:aws:ecs:*:*:service/prod/dronebot"), "{change}");
    assert!(change.to_string().contains("arn:aws:iam::*:role/*"), "no role is named: {change}");
    let narrow = [
        ("DRONEBOT__AWS__REGIONS", "eu-central-1"),
        ("DRONEBOT__DEPLOY__SERVICES__DRONE__ROLES", "dronebot-task,arn:aws:iam::123456789012:role/dronebot-execution"),
    ];
    let mut command = command(&world.slack.url, &world.aws_url, world.folder.path());
    let narrowed = command.args(["iam-policy", "change"]).envs(listed()).envs(narrow).output().expect("it runs");
    let narrowed = String::from_utf8_lossy(&narrowed.stdout).into_owned();
    for (wanted, is_there) in [
        ("arn:aws:iam::*:role/dronebot-task", true),
        ("arn:aws:iam::123456789012:role/dronebot-execution", true),
        ("arn:aws:ec2:eu-central-1:*:instance/*", true),
        ("aws:RequestedRegion", true),
        ("role/*", false),
        ("arn:aws:ec2:*", false),
    ] {
        assert_eq!(narrowed.contains(wanted), is_there, "{wanted}: {narrowed}");
    }
    let (code, destroy) = print(&["destroy"]);
    assert_eq!(code, Some(0));
    assert!(actions(&destroy).contains("ec2:TerminateInstances"), "{destroy}");
    assert!(!actions(&change).contains("ec2:TerminateInstances"), "{change}");
    let (_, read) = print(&["read"]);
    assert!(actions(&read).iter().all(|call| !call.contains("Update") && !call.contains("Stop")), "{read}");
    let (_, basic) = print(&["basic"]);
    assert!(actions(&basic).is_empty());
    let (_, store) = print(&["store"]);
    assert!(store.to_string().contains("table/dronebot"), "{store}");
    assert_eq!(print(&["everything"]).0, Some(78));

    let bare = run(&["iam-policy"], &[]);
    assert!(bare.status.success(), "a role is made before there are tokens");
    let all: Value = serde_json::from_slice(&bare.stdout).expect("JSON");
    let of_ec2: BTreeSet<&str> = actions(&read).into_iter().filter(|call| call.starts_with("ec2:")).collect();
    assert!(actions(&all).is_superset(&of_ec2) && actions(&all).contains("ec2:StopInstances"));
    // nothing may be deployed by it, so nothing of that is granted, and no role can be passed on
    assert!(actions(&all).iter().all(|call| call.starts_with("ec2:") || *call == "ecs:UpdateService"), "{all}");
    assert!(!all.to_string().contains("PassRole") && !all.to_string().contains("ecr:"), "{all}");
    assert!(String::from_utf8_lossy(&bare.stderr).contains("the settings cannot be used"));
}
