//! What people and AWS put into names, tags, errors and commands reaches nobody as anything but letters: no mention, no
//! link, no formatting, through the real Slack forms of what the bot sends.

use crate::support::{HOME, MAYA, Message, Seed, Trouble, World};
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
async fn an_error_of_aws_is_letters_too() {
    let world = World::new().await;
    world.fleet(NASTY).await;
    let trouble = Trouble::Error("<!channel>`*_<https://evil.test|Approve>", 400);
    world.aws.break_next("DescribeInstances", trouble.clone(), 9);
    check(&world.asks_in(MAYA, "ops", "ec2 list").await);
    check(&world.asks_in(MAYA, "ops", "ec2 stop name:web").await);
    world.ends_clean().await;
}
