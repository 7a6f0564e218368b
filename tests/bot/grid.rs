//! An Enterprise Grid: the workspace belongs to an organisation, and people have ids of it. The app is installed to the
//! workspace alone, and a person is served by every door.

use crate::support::{HOME, Options, Seed, World, until};
use serde_json::json;

const WANDA: &str = "W0WANDA";
const WEB: Seed = Seed { region: HOME, name: "web-1", kind: "t3.micro", stopped: false, tags: &[] };

#[actix_web::test]
async fn somebody_of_the_organisation_is_served_by_every_door() {
    let mut world = World::with(Options { asleep: true, ..Options::default() }).await;
    world.slack.post("settings", json!({"grid": "workspace"})).await;
    world.slack.post("user", json!({"name": "wanda", "id": WANDA, "groups": ["operators", "viewers"]})).await;
    world.fleet(&[WEB]).await;
    world.start_bot();
    world.bot().ready().await;

    let by_slash = world.asks_in(WANDA, "ops", "whoami").await;
    assert!(by_slash.ephemeral && by_slash.text.contains("a full member of this workspace"), "{}", by_slash.text);
    let ts = world.says(WANDA, "ops", "@drone ec2 show").await;
    let usage = world.slack.final_answer("ops", WANDA, Some(&ts), 0).await;
    world.says(WANDA, "dm", "ping").await;
    let direct = world.slack.final_answer("dm", WANDA, None, 0).await;
    assert!(direct.text.starts_with("Pong."), "{}", direct.text);

    // a button, and the form behind it
    world.slack.presses(WANDA, &usage, "Fill in a form").await;
    world.slack.modal(WANDA).await;
    let before = world.slack.cursor().await;
    world.slack.submits(WANDA, json!({"target": "web-1"})).await;
    let shown = world.slack.final_answer("ops", WANDA, Some(&ts), before).await;
    assert!(shown.text.starts_with("web-1"), "{}", shown.text);
    world.slack.modal_closes(WANDA).await;

    // a shortcut on a message, and the Home
    let said = world.says(WANDA, "ops", "ping").await;
    let before = world.slack.cursor().await;
    let shortcut = json!({"user": WANDA, "callback_id": "run_again", "channel": "ops", "ts": said});
    world.slack.post("shortcut", shortcut).await;
    until("the shortcut is answered", async || {
        world.answers("ops", WANDA, before).await.iter().any(|answer| answer.text.starts_with("Pong."))
    })
    .await;
    world.slack.post("open_home", json!({"user": WANDA})).await;
    until("the home is shown", async || {
        let (_, answer) = world.slack.get("views", &[("user", WANDA)]).await;
        answer["home"].to_string().contains("Your last requests")
    })
    .await;
    world.ends_clean().await;
}
