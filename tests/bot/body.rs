//! The bot and its body: it knows where it runs, says once that it moved, and hands over when AWS takes the body back.

use crate::support::{Exit, HOME, LEASE, MAYA, Message, Metadata, Options, Seed, Trouble, World, until};
use serde_json::Value;
use std::net::TcpListener;
use std::time::Duration;

const WEB: Seed = Seed { region: HOME, name: "web-1", kind: "t3.micro", stopped: false, tags: &[] };

/// Instances stay on their way until the test lets them arrive.
const NEVER_BY_ITSELF: Duration = Duration::from_secs(86_400);

const INTERRUPTION: &str = "/latest/meta-data/spot/instance-action";

type Env = Vec<(&'static str, String)>;

fn on(metadata: &Metadata, more: &[(&'static str, &str)]) -> Env {
    let more = more.iter().map(|(key, value)| (*key, (*value).to_owned()));
    metadata.env().into_iter().chain(more).collect()
}

/// The bot's next life begins on this instance.
fn moves_to(world: &mut World, metadata: &Metadata) {
    metadata.env().iter().for_each(|(key, value)| world.more_env(key, value));
}

async fn said_in_ops(world: &World) -> Vec<Message> {
    let said = world.slack.all_from_bot("ops", None).await;
    said.into_iter().filter(|said| said.text.starts_with("I moved") || said.text.contains("one more body")).collect()
}

/// The body stands in the store, and what is to be said of it is said.
async fn is_settled(world: &mut World, body: &str) {
    until("the body is known", async || {
        world.bot.as_ref().expect("a bot").metric("dronebot_body_info", &[body]).await == Some(1.0)
    })
    .await;
}

/// And the store remembers it: another life can tell that it has moved.
async fn is_remembered(world: &mut World, body: &str) {
    is_settled(world, body).await;
    let remembered = format!("body is remembered body=\"{body}\"");
    until("the store remembers it", async || world.log().contains(&remembered)).await;
}

#[actix_web::test]
async fn the_bot_knows_its_instance_its_task_and_its_image_and_shows_them() {
    let metadata = Metadata::start("i-0123456789abcdef0", "eu-central-1b");
    let image = format!("sha256:{}", "ab".repeat(32));
    metadata.runs_task("158d1c8083dd49d6b527399fd6414f5c", &format!("registry/dronebot@{image}"));
    let address = format!("{}/v4/here", metadata.url);
    let env = on(&metadata, &[("ECS_CONTAINER_METADATA_URI_V4", &address)]);
    let mut world = World::with(Options { env, ..Options::default() }).await;
    is_settled(&mut world, "i-0123456789abcdef0").await;
    let (_, version) = world.bot().json("/version").await;
    let expected = [
        ("instance", "i-0123456789abcdef0"),
        ("zone", "eu-central-1b"),
        ("task", "158d1c8083dd49d6b527399fd6414f5c"),
        ("image", &image),
    ];
    for (name, value) in expected {
        assert_eq!(version[name], value, "{version}");
    }
    let labels = ["zone=\"eu-central-1b\"", "instance_type=\"t3.micro\"", "lifecycle=\"spot\"", image.as_str()];
    assert_eq!(world.bot().metric("dronebot_body_info", &labels).await, Some(1.0));
    let text = world.asks(MAYA, "status").await;
    for words in [
        "`i-0123456789abcdef0`, eu-central-1b, t3.micro, spot",
        "`158d1c8083dd49d6b527399fd6414f5c` of `dronebot:26` in `ops`",
        "`sha256:abababababab`",
    ] {
        assert!(text.contains(words), "{words} is not in\n{text}");
    }
    assert_eq!(metadata.refused(), 0, "no question was asked without a token");
    world.ends_clean().await;
}

#[actix_web::test]
async fn the_image_that_was_configured_goes_before_what_ecs_says() {
    let metadata = Metadata::start("i-0123456789abcdef0", "eu-central-1b");
    metadata.runs_task("158d1c8083dd49d6b527399fd6414f5c", "registry/dronebot:1");
    let (address, image) = (format!("{}/v4/here", metadata.url), format!("sha256:{}", "cd".repeat(32)));
    let more = [("ECS_CONTAINER_METADATA_URI_V4", address.as_str()), ("DRONEBOT__BODY__IMAGE_DIGEST", &image)];
    let mut world = World::with(Options { env: on(&metadata, &more), ..Options::default() }).await;
    is_settled(&mut world, &image).await;
    assert_eq!(world.bot().json("/version").await.1["image"], image.as_str());
    world.ends_clean().await;
}

#[actix_web::test]
async fn a_service_that_never_answers_delays_nothing_and_a_refusing_one_is_not_missed() {
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let endpoint = |port: u16| {
        let address = format!("http://127.0.0.1:{port}");
        vec![("AWS_EC2_METADATA_DISABLED", "false".to_owned()), ("AWS_EC2_METADATA_SERVICE_ENDPOINT", address)]
    };
    let mut env = endpoint(silent.local_addr().expect("its address").port());
    env.push(("DRONEBOT__AWS__METADATA", "on".to_owned()));
    let mut world = World::with(Options { env, ..Options::default() }).await;
    world.still_works().await;
    assert_eq!(world.bot().metric("dronebot_body_info", &[]).await, None, "it goes on asking");
    world.rests().await;
    let port = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a port").port();
    for (key, value) in endpoint(port) {
        world.more_env(key, &value);
    }
    world.more_env("DRONEBOT__AWS__METADATA", "auto");
    world.wake().await;
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").expect("a host");
    is_settled(&mut world, &format!("body=\"{}\"", host.trim())).await;
    world.ends_clean().await;
}

/// One bot and one store, from instance to instance, killed at the worst moments of saying so.
#[actix_web::test]
async fn a_move_is_said_once_whatever_dies_meanwhile() {
    let bodies: Vec<Metadata> = (0..4).map(|n| Metadata::start(&format!("i-000{n}"), "eu-central-1a")).collect();
    let mut env = on(&bodies[0], &[("DRONEBOT__BODY__ANNOUNCE_CHANNEL", "COPS")]);
    env.push(("DRONEBOT__DELIVERY__POLL_MS", "200".to_owned()));
    let mut world = World::with(Options { env, slack_proxy: true, ..Options::default() }).await;
    is_remembered(&mut world, "i-0000").await;
    // the first body is no move, and neither is a restart in it
    world.rests().await;
    world.wake().await;
    is_remembered(&mut world, "i-0000").await;
    world.rests().await;
    assert_eq!(said_in_ops(&world).await.len(), 0);

    // a quiet move
    moves_to(&mut world, &bodies[1]);
    world.wake().await;
    let text = "I moved: from i-0000 (eu-central-1a) to i-0001 (eu-central-1a), version";
    world.slack.hears("ops", MAYA, text, 0).await;
    world.rests().await;
    world.wake().await;
    is_remembered(&mut world, "i-0001").await;
    world.rests().await;
    assert_eq!(said_in_ops(&world).await.len(), 1);

    // killed when Slack has the message and the bot does not know, and when neither has it
    for (number, trouble, is_shown) in [(2, Trouble::LoseAnswer, true), (3, Trouble::Swallow, false)] {
        let web_api = std::sync::Arc::clone(world.web_api.as_ref().expect("the proxy"));
        web_api.break_next("chat.postMessage", trouble, 1);
        let posts = || web_api.calls().iter().filter(|(call, _)| call == "chat.postMessage").count();
        let before = posts();
        moves_to(&mut world, &bodies[number]);
        world.wake().await;
        until("it is on its way", async || posts() > before).await;
        if is_shown {
            world.slack.hears("ops", MAYA, &format!("to i-000{number} ("), 0).await;
        }
        world.kill_bot();
        world.wake().await;
        world.slack.hears("ops", MAYA, &format!("to i-000{number} ("), 0).await;
        world.rests().await;
        let said = said_in_ops(&world).await;
        assert_eq!(said.len(), number, "{said:#?}");
    }
}

/// Whether this says that the bot lives in that body now. While the machine stands still a process looks at no other, and what
/// it did not hear is no death: then it has one more body, and does not know that the last one is gone.
fn tells_of(text: &str, id: &str) -> bool {
    text.contains(&format!("to {id} (")) || text.contains(&format!("more body: {id} ("))
}

/// On a shared store, with the process killed after each of its calls in turn.
#[actix_web::test]
async fn a_process_killed_at_any_call_of_a_move_leaves_it_said_once() {
    let first = Metadata::start("i-first", "eu-central-1a");
    let mut env = on(&first, &[("DRONEBOT__BODY__ANNOUNCE_CHANNEL", "COPS")]);
    env.push(("DRONEBOT__DELIVERY__POLL_MS", "200".to_owned()));
    // looks of a busy machine are half a second apart, which is deafness to a lease of one second
    let mut world = World::with(Options { env, lease: Some(LEASE), ..Options::default() }).await;
    let note = async |world: &World| {
        let client = crate::support::fleet::table_client(&world.table_url, HOME).await;
        let key = |text: &str| aws_sdk_dynamodb::types::AttributeValue::S(text.to_owned());
        let call = client.get_item().table_name("dronebot").key("pk", key("note#bodies")).key("sk", key("-"));
        let item = call.consistent_read(true).send().await.expect("the table is read").item;
        item.and_then(|item| Some(item.get("text")?.as_s().ok()?.clone())).unwrap_or_default()
    };
    let remembered = |world: &World| world.log().matches("body is remembered").count();
    until("the first body is remembered", async || remembered(&world) == 1).await;
    let mut killed = 0;
    for point in 0..8 {
        world.kill_bot();
        let id = format!("i-point{point}");
        let body = Metadata::start(&id, "eu-central-1b");
        moves_to(&mut world, &body);
        world.wake().await;
        world.table.hold(point, true);
        let before = remembered(&world);
        until("it is held, or has said all", async || world.table.is_held() || remembered(&world) > before).await;
        killed += usize::from(world.table.is_held());
        world.kill_bot();
        world.table.pass();
        world.wake().await;
        until("it is said", async || said_in_ops(&world).await.iter().any(|said| tells_of(&said.text, &id))).await;
        until("it is struck out", async || {
            let note = note(&world).await;
            note.contains(&id) && !note.contains("news")
        })
        .await;
    }
    assert!(killed >= 5, "only {killed} points were met");
    world.rests().await;
    let said: Vec<String> = said_in_ops(&world).await.into_iter().map(|said| said.text).collect();
    for point in 0..8 {
        let times = said.iter().filter(|text| tells_of(text, &format!("i-point{point}"))).count();
        assert_eq!(times, 1, "i-point{point}: {said:#?}");
    }
    assert_eq!(said.len(), 8, "{said:#?}");
}

#[actix_web::test]
async fn several_replicas_that_start_at_once_are_each_said_once() {
    let [a, b, c, d] = ["i-000a", "i-000b", "i-000c", "i-000d"].map(|id| Metadata::start(id, "eu-central-1c"));
    let mut env = on(&a, &[("DRONEBOT__BODY__ANNOUNCE_CHANNEL", "COPS")]);
    env.push(("DRONEBOT__DELIVERY__POLL_MS", "200".to_owned()));
    let mut world = World::with(Options { env, lease: Some(LEASE), asleep: true, ..Options::default() }).await;
    world.start_bot();
    // two processes in one body are one body
    world.one_more_unready();
    moves_to(&mut world, &b);
    world.one_more_unready();
    let told = async |world: &World, many: usize| {
        until("all is said", async || said_in_ops(world).await.len() >= many).await;
        let texts: Vec<String> = said_in_ops(world).await.into_iter().map(|said| said.text).collect();
        texts
    };
    let texts = told(&world, 1).await;
    assert!(texts[0].starts_with("I have one more body: i-000"), "{texts:?}");
    world.bot().ready().await;
    world.rests().await;
    // both bodies are replaced, at the same time
    moves_to(&mut world, &c);
    world.start_bot();
    moves_to(&mut world, &d);
    world.one_more_unready();
    let texts = told(&world, 3).await;
    let has = |from: &str, to: &str| {
        texts.iter().any(|text| text.starts_with(&format!("I moved: from {from} (eu-central-1c) to {to} (")))
    };
    let straight = has("i-000a", "i-000c") && has("i-000b", "i-000d");
    assert!(straight || has("i-000a", "i-000d") && has("i-000b", "i-000c"), "{texts:#?}");
    world.bot().ready().await;
    world.rests().await;
    assert_eq!(said_in_ops(&world).await.len(), 3);
}

/// Two replicas on instances of their own. The one that works on the only command is `world.bot`; returned is its
/// instance's metadata, and the other's.
async fn two_at_work(more: &[(&'static str, &str)]) -> (World, Metadata, Metadata, String) {
    let (one, other) = (Metadata::start("i-000a", "eu-central-1a"), Metadata::start("i-000b", "eu-central-1b"));
    let mut env = on(&one, more);
    env.push(("DRONEBOT__DELIVERY__POLL_MS", "200".to_owned()));
    let mut world = World::with(Options { env, lease: Some(LEASE), lag: NEVER_BY_ITSELF, ..Options::default() }).await;
    moves_to(&mut world, &other);
    world.one_more().await;
    world.fleet(&[WEB]).await;
    let ts = world.says(MAYA, "ops", "@drone ec2 stop web-1").await;
    until("the stop is called", async || world.aws.calls().iter().any(|(call, _)| call == "StopInstances")).await;
    let accepted = world.bot().metric("dronebot_requests_total", &["accepted"]).await.unwrap_or_default();
    if accepted > 0.0 {
        return (world, one, other, ts);
    }
    let bot = world.others.pop().and_then(|it| world.bot.replace(it)).expect("a bot");
    world.others.push(bot);
    (world, other, one, ts)
}

/// What the shared store's audit log has of the replicas.
async fn house_events(world: &World) -> Vec<String> {
    let client = crate::support::fleet::table_client(&world.table_url, HOME).await;
    let found = client.scan().table_name("dronebot").consistent_read(true).send().await.expect("the table is read");
    let body = |item: &std::collections::HashMap<String, aws_sdk_dynamodb::types::AttributeValue>| {
        let is_house = item.get("pk").and_then(|pk| pk.as_s().ok()).is_some_and(|pk| pk == "house");
        item.get("body").filter(|_| is_house).and_then(|body| body.as_s().ok()).cloned()
    };
    found.items().iter().filter_map(body).collect()
}

/// `world.bot` itself knows that another one is ready: whoever answers `status` first may know it sooner.
async fn knows_of_the_other(world: &mut World) {
    let (_, version) = world.bot().json("/version").await;
    let own = format!("`{}`, ", version["instance"].as_str().expect("its instance"));
    until("it knows of the other", async || {
        let status = world.asks(MAYA, "status").await;
        status.contains(&own) && status.matches(" ready ").count() == 2 && !status.contains("not ready")
    })
    .await;
}

#[actix_web::test]
async fn a_replica_whose_instance_is_taken_back_hands_over_and_the_other_finishes() {
    let (mut world, mine, _, ts) = two_at_work(&[("DRONEBOT__SHUTDOWN__DRAIN_SECONDS", "3")]).await;
    knows_of_the_other(&mut world).await;
    mine.interrupts_in(Duration::from_secs(120));
    let noticed = tokio::time::Instant::now();
    let (status, body) = {
        let found = std::cell::RefCell::new((0, Value::Null));
        until("it says so", async || {
            *found.borrow_mut() = world.bot.as_ref().expect("a bot").json("/readyz").await;
            found.borrow().1.to_string().contains("AWS takes i-000")
        })
        .await;
        found.into_inner()
    };
    assert_eq!(status, 503, "{body}");
    assert_eq!(world.bot().json("/livez").await.0, 200, "it is not to be killed");
    let log = world.log();
    let drains = log.lines().find(|line| line.contains("draining seconds=")).expect("it drains");
    assert!(drains.contains("seconds=3"), "the other one goes on, so it has no longer than always: {drains}\n{log}");
    assert_eq!(world.bot().exit().await, Exit::Code(0), "{}", world.log());
    assert!(noticed.elapsed() < Duration::from_secs(20), "two minutes at most, and {:?}", noticed.elapsed());
    world.bot = world.others.pop();
    until("the other one has it", async || world.log().contains("request adopted")).await;
    assert!(!world.log().contains("its work is taken over"), "it said goodbye, and was not given up");
    world.aws.arrive();
    let answer = world.slack.final_answer("ops", MAYA, Some(&ts), 0).await;
    assert!(answer.text.contains("is stopped"), "{}", answer.text);
    let audit = house_events(&world).await.join("\n");
    assert!(audit.contains(r#""what":"interrupted""#) && audit.contains("AWS takes i-000"), "{audit}");
    assert!(audit.contains(r#""what":"handed_over""#) && audit.contains(r#""left":1"#), "{audit}");
    world.rests().await;
    let answers = world.answers("ops", MAYA, 0).await;
    assert_eq!(answers.iter().filter(|said| said.thread_ts.as_deref() == Some(&ts)).count(), 1, "{answers:#?}");
    assert_eq!(world.aws.calls().iter().filter(|(call, _)| call == "StopInstances").count(), 1);
}

#[actix_web::test]
async fn a_lone_bot_whose_instance_is_taken_back_uses_the_time_that_is_left() {
    let metadata = Metadata::start("i-000a", "eu-central-1a");
    // told to end it would not wait at all; nobody else goes on, so the two minutes are its own
    let env = on(&metadata, &[("DRONEBOT__SHUTDOWN__DRAIN_SECONDS", "0")]);
    let mut world = World::with(Options { env, lag: NEVER_BY_ITSELF, ..Options::default() }).await;
    world.fleet(&[WEB]).await;
    let ts = world.says(MAYA, "ops", "@drone ec2 stop web-1").await;
    world.slack.hears("ops", MAYA, "⏳", 0).await;
    metadata.interrupts_in(Duration::from_secs(120));
    until("it drains", async || world.log().contains("AWS takes i-000a (eu-central-1a) back")).await;
    until("the links are closed", async || world.slack.links().await.is_empty()).await;
    world.aws.arrive();
    assert_eq!(world.bot().exit().await, Exit::Code(0), "{}", world.log());
    world.leaves_nothing();
    let audit = world.texts("SELECT body FROM house").join("\n");
    assert!(audit.contains(r#""what":"interrupted""#) && !audit.contains("handed_over"), "{audit}");
    let answer = world.slack.final_answer("ops", MAYA, Some(&ts), 0).await;
    assert!(answer.text.starts_with("✅ Done") && !answer.text.contains("restarted"), "{}", answer.text);
    assert_eq!(world.answers("ops", MAYA, 0).await.len(), 1);
}

#[actix_web::test]
async fn what_a_lone_bot_cannot_finish_in_time_the_next_body_does() {
    let (old, new) = (Metadata::start("i-000a", "eu-central-1a"), Metadata::start("i-000b", "eu-central-1b"));
    let mut world = World::with(Options { env: on(&old, &[]), lag: NEVER_BY_ITSELF, ..Options::default() }).await;
    world.fleet(&[WEB]).await;
    let ts = world.says(MAYA, "ops", "@drone ec2 stop web-1").await;
    world.slack.hears("ops", MAYA, "⏳", 0).await;
    old.interrupts_in(Duration::from_secs(17));
    let noticed = tokio::time::Instant::now();
    assert_eq!(world.bot().exit().await, Exit::Code(0), "{}", world.log());
    assert!(noticed.elapsed() < Duration::from_secs(17), "{:?}", noticed.elapsed());
    assert!(world.log().contains("commands still run"), "{}", world.log());
    let audit = world.texts("SELECT body FROM house").join("\n");
    assert!(audit.contains(r#""left":1"#), "{audit}");
    world.bot = None;
    moves_to(&mut world, &new);
    world.wake().await;
    world.aws.arrive();
    let answer = world.slack.final_answer("ops", MAYA, Some(&ts), 0).await;
    assert!(answer.text.contains("is stopped"), "{}", answer.text);
    world.rests().await;
    assert_eq!(world.answers("ops", MAYA, 0).await.len(), 1);
}

/// ECS or systemd may say SIGTERM too, while the bot leaves by itself: that is no second request to hurry.
#[actix_web::test]
async fn a_bot_that_leaves_by_itself_and_is_told_to_end_drains_as_whoever_is_told() {
    use nix::sys::signal::Signal;
    let metadata = Metadata::start("i-000a", "eu-central-1a");
    let env = on(&metadata, &[("DRONEBOT__SHUTDOWN__DRAIN_SECONDS", "2")]);
    let mut world = World::with(Options { env, lag: NEVER_BY_ITSELF, ..Options::default() }).await;
    world.fleet(&[WEB]).await;
    world.says(MAYA, "ops", "@drone ec2 stop web-1").await;
    world.slack.hears("ops", MAYA, "⏳", 0).await;
    metadata.interrupts_in(Duration::from_secs(120));
    until("the links are closed", async || world.slack.links().await.is_empty()).await;
    world.bot().signal(Signal::SIGTERM);
    assert_eq!(world.bot().exit().await, Exit::Code(0), "{}", world.log());
    assert!(world.log().contains("commands still run"), "{}", world.log());
    world.bot = None;
    world.aws.arrive();
    world.more_env("AWS_EC2_METADATA_DISABLED", "true");
    world.wake().await;
    until("it is answered", async || world.answers("ops", MAYA, 0).await.len() == 1).await;
    world.ends_clean().await;
}

#[actix_web::test]
async fn a_recommendation_to_leave_is_said_and_not_followed_by_itself() {
    let metadata = Metadata::start("i-000a", "eu-central-1a");
    let mut world = World::with(Options { env: on(&metadata, &[]), ..Options::default() }).await;
    metadata.recommends_to_leave();
    until("it is counted", async || {
        world.bot.as_ref().expect("a bot").metric("dronebot_body_notices_total", &["rebalance"]).await == Some(1.0)
    })
    .await;
    let text = world.asks(MAYA, "status").await;
    assert!(text.contains("AWS recommends since 12:04:05 UTC to leave i-000a (eu-central-1a)"), "{text}");
    let before = metadata.asked(INTERRUPTION);
    until("it goes on looking", async || metadata.asked(INTERRUPTION) > before + 3).await;
    assert_eq!(world.bot().metric("dronebot_body_notices_total", &[]).await, Some(1.0), "it is said once");
    assert_eq!(world.bot().json("/readyz").await.0, 200);
    world.ends_clean().await;
}

#[actix_web::test]
async fn whoever_follows_recommendations_leaves_only_while_somebody_stays() {
    let (one, other) = (Metadata::start("i-000a", "eu-central-1a"), Metadata::start("i-000b", "eu-central-1b"));
    let env = on(&one, &[("DRONEBOT__BODY__LEAVE_ON_REBALANCE", "true")]);
    let mut world = World::with(Options { env, lease: Some(LEASE), ..Options::default() }).await;
    moves_to(&mut world, &other);
    world.one_more().await;
    knows_of_the_other(&mut world).await;
    // both hear it at once: each of them would leave if the other stayed
    one.recommends_to_leave();
    other.recommends_to_leave();
    until("both say so", async || {
        let text = world.asks(MAYA, "status").await;
        text.contains("AWS recommends") && text.contains("AWS has told the replica on")
    })
    .await;
    let looks = one.asked(INTERRUPTION);
    until("a few leases go by", async || one.asked(INTERRUPTION) > looks + 20).await;
    assert_eq!(world.bot().json("/readyz").await.0, 200);
    assert_eq!(world.others[0].json("/readyz").await.0, 200);
    // somebody comes who has heard no such thing; of the two one goes, then the other
    let third = Metadata::start("i-000c", "eu-central-1c");
    moves_to(&mut world, &third);
    world.one_more().await;
    assert_eq!(world.bot().exit().await, Exit::Code(0), "{}", world.log());
    assert_eq!(world.others[0].exit().await, Exit::Code(0), "{}", world.log());
    world.others.remove(0);
    world.bot = world.others.pop();
    world.still_works().await;
    world.ends_clean().await;
}

#[actix_web::test]
async fn a_token_that_is_good_no_more_is_replaced_and_the_notice_heard() {
    let metadata = Metadata::start("i-000a", "eu-central-1a");
    let mut world = World::with(Options { env: on(&metadata, &[]), ..Options::default() }).await;
    until("it looks", async || metadata.asked(INTERRUPTION) > 1).await;
    metadata.forgets_tokens();
    until("it is refused", async || metadata.refused() > 0).await;
    metadata.interrupts_in(Duration::from_secs(120));
    assert_eq!(world.bot().exit().await, Exit::Code(0), "{}", world.log());
}

#[actix_web::test]
async fn nobody_looks_for_notices_where_that_is_switched_off() {
    let metadata = Metadata::start("i-000a", "eu-central-1a");
    let mut env = on(&metadata, &[]);
    env.push(("DRONEBOT__BODY__NOTICE_POLL_SECONDS", "0".to_owned()));
    let mut world = World::with(Options { env, ..Options::default() }).await;
    metadata.interrupts_in(Duration::from_secs(120));
    is_settled(&mut world, "i-000a").await;
    world.still_works().await;
    assert_eq!(metadata.asked(INTERRUPTION), 0);
    world.ends_clean().await;
}
