//! What people and AWS put into names, tags, errors and commands reaches nobody as anything but letters: no mention, no
//! link, no formatting, through the real Slack forms of what the bot sends.

use crate::support::{HOME, MAYA, Message, Seed, Trouble, World, until};
use serde_json::Value;

const NASTY: &[Seed] = &[
    Seed {
        region: HOME,
        name: "<!channel> *b* `c` <https://evil.test|Approve>",
        kind: "t3.micro",
        stopped: false,
        tags: &[("env", "<@UMAYA>"), ("<!here>", "```"), ("owner", "&lt;!channel&gt;\u{202e}txt"), ("x", "a\u{200b}b")],
    },
    Seed {
        region: HOME, name: "```\n✅ Done: approved", kind: "t3.micro", stopped: false, tags: &[("env", "</pre>")]
    },
];

/// What Slack would act on, in a message as it was sent.
fn check(message: &Message) {
    let text = &message.text;
    assert!(!text.contains('<'), "markup in the text: {text}");
    assert!(!text.contains(['\u{202e}', '\u{200b}', '\r']), "{text}");
    assert!(!text.lines().any(|line| line.starts_with("✅ Done")), "{text}");
    assert_eq!(text.matches('`').count() % 2, 0, "{text}");
    let mut kinds = Vec::new();
    collect(&message.blocks, &mut kinds);
    assert!(!kinds.is_empty(), "there are blocks");
    for kind in kinds {
        let harmless = [
            "header",
            "rich_text",
            "rich_text_section",
            "rich_text_list",
            "rich_text_preformatted",
            "context",
            "actions",
            "button",
            "text",
            "plain_text",
        ];
        assert!(harmless.contains(&kind.as_str()), "{kind} in {}", message.blocks);
    }
}

fn collect(value: &Value, kinds: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            kinds.extend(fields.get("type").and_then(Value::as_str).map(str::to_owned));
            fields.values().for_each(|value| collect(value, kinds));
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, kinds)),
        _ => {}
    }
}

#[actix_web::test]
async fn nothing_that_others_wrote_notifies_links_or_formats() {
    let world = World::new().await;
    let ids = world.fleet(NASTY).await;
    let long = "x".repeat(3_000);
    let lines = [
        "ec2 list".to_owned(),
        "ec2 list --region all".to_owned(),
        format!("ec2 show {}", ids[0]),
        format!("ec2 show {}", ids[1]),
        "ec2 stop name:`<!here>`*".to_owned(),
        "<!channel> <https://evil.test|Approve> `x` ```".to_owned(),
        "ec2 show '<!subteam^S1> *x* `y'".to_owned(),
        "ec2 list --region '<!here>'".to_owned(),
        "ec2 list --tag '`<@UMAYA>`'".to_owned(),
        "ec2 list --state \u{202e}<!everyone>".to_owned(),
        format!("ec2 show {long}"),
        "help <!channel>".to_owned(),
    ];
    for line in &lines {
        check(&world.asks_in(MAYA, "ops", line).await);
        // in the channel, where somebody could be notified
        let before = world.slack.cursor().await;
        let ts = world.says(MAYA, "ops", &format!("@drone {line}")).await;
        check(&world.slack.final_answer("ops", MAYA, Some(&ts), before).await);
    }
    let shown = world.asks_in(MAYA, "ops", &format!("ec2 show {}", ids[0])).await;
    assert!(shown.text.starts_with("&lt;!channel&gt; *b* 'c' &lt;https://evil.test|Approve&gt;\n"), "{}", shown.text);
    assert!(shown.text.contains("`env=&lt;@UMAYA&gt;`"), "{}", shown.text);
    assert!(shown.text.contains("`owner=&amp;lt;!channel&amp;gt;txt`"), "{}", shown.text);
    world.ends_clean().await;
}

#[actix_web::test]
async fn a_line_that_is_too_long_is_refused_at_every_door_and_not_journalled() {
    let world = World::new().await;
    let long = format!("ec2 list --region {}", "aa-aaa-1,".repeat(1_500));
    let refused = "bytes long, and a command may have 8000 at most, so I did not take it. Nothing was run.";
    let before = world.slack.cursor().await;
    world.slack.slash(MAYA, "ops", &long).await;
    // by a message once a minute, to whoever wrote it alone
    for _ in 0..3 {
        world.says(MAYA, "general", &format!("@drone {long}")).await;
    }
    let bot = world.bot.as_ref().expect("the bot runs");
    let counted = async |source, result| {
        bot.metric("dronebot_requests_total", &[source, result]).await.unwrap_or_default() as usize
    };
    until("all were refused", async || counted("app_mention", "too_long").await == 3).await;
    until("the command too", async || counted("slash_command", "too_long").await == 1).await;
    for (channel, via) in [("ops", "ack"), ("general", "chat.postEphemeral")] {
        let told = async || {
            let said = world.slack.messages(channel, MAYA, before).await;
            said.into_iter().filter(|said| said.via == via).collect::<Vec<_>>()
        };
        until("she is told", async || !told().await.is_empty()).await;
        let told = told().await;
        assert!(told.len() == 1 && told[0].text.contains(refused), "{told:#?}");
    }
    assert!(world.asks(MAYA, "ping").await.starts_with("Pong"));
    assert_eq!(counted("app_mention", "accepted").await, 0);
    world.ends_clean().await;
}

#[actix_web::test]
async fn an_error_of_aws_is_letters_too() {
    let world = World::new().await;
    world.fleet(NASTY).await;
    let trouble = Trouble::Error("<!channel>`*_<https://evil.test|Approve>", 400);
    world.aws.break_next("DescribeInstances", trouble.clone(), 9);
    check(&world.asks_in(MAYA, "ops", "ec2 list").await);
    check(&world.asks_in(MAYA, "ops", "ec2 stop name:web").await);
    world.ends_clean().await;
}
