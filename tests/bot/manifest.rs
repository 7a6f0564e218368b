//! The app manifest against what the code calls and reads: no scope is missing, and none is there that nothing needs.

use dronebot::slack::scopes::{self, Subscription};
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::Path;

fn manifest() -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/slack-manifest.yaml");
    let text = std::fs::read_to_string(path).expect("the manifest is there");
    serde_saphyr::from_str(&text).expect("the manifest is YAML")
}

fn words(list: &Value) -> BTreeSet<&str> {
    list.as_array().expect("a list").iter().map(|word| word.as_str().expect("a word")).collect()
}

#[test]
fn it_asks_for_the_scopes_of_what_is_called_and_read_and_for_no_other() {
    let manifest = manifest();
    let wanted: BTreeSet<&str> = scopes::of_bot_token().into_keys().collect();
    assert_eq!(words(&manifest["oauth_config"]["scopes"]["bot"]), wanted);
    assert_eq!(manifest["oauth_config"]["scopes"].as_object().expect("scopes").len(), 1, "of the bot alone");
}

#[test]
fn it_subscribes_to_the_events_that_are_read_and_to_no_other() {
    let manifest = manifest();
    let wanted: BTreeSet<&str> = Subscription::ALL.map(Subscription::as_str).into();
    assert_eq!(words(&manifest["settings"]["event_subscriptions"]["bot_events"]), wanted);
}

#[test]
fn it_opens_the_doors_of_the_bot_by_socket_mode_alone() {
    let manifest = manifest();
    let (features, settings) = (&manifest["features"], &manifest["settings"]);
    assert_eq!(settings["socket_mode_enabled"], true);
    assert_eq!(settings["interactivity"]["is_enabled"], true);
    assert_eq!(settings["token_rotation_enabled"], false);
    assert_eq!(settings["org_deploy_enabled"], false);
    let home = &features["app_home"];
    assert_eq!(home["home_tab_enabled"], true);
    assert_eq!((&home["messages_tab_enabled"], &home["messages_tab_read_only_enabled"]), (&true.into(), &false.into()));
    let commands = features["slash_commands"].as_array().expect("commands");
    assert_eq!(commands.len(), 1);
    assert_eq!((&commands[0]["command"], &commands[0]["should_escape"]), (&"/drone".into(), &true.into()));
    let shortcuts = features["shortcuts"].as_array().expect("shortcuts");
    assert_eq!(shortcuts.len(), 1);
    assert_eq!(shortcuts[0]["type"], "message");
    assert_eq!(shortcuts[0]["callback_id"], scopes::RUN_AGAIN);
    assert!(!manifest.to_string().contains("url"), "no address is needed, and none is allowed");
}

#[test]
fn its_texts_are_no_longer_than_slack_takes() {
    let manifest = manifest();
    let limits = [
        ("/display_information/name", 35),
        ("/display_information/description", 140),
        ("/features/bot_user/display_name", 80),
        ("/features/slash_commands/0/command", 32),
        ("/features/slash_commands/0/description", 2_000),
        ("/features/slash_commands/0/usage_hint", 1_000),
        ("/features/shortcuts/0/name", 24),
        ("/features/shortcuts/0/description", 150),
        ("/features/shortcuts/0/callback_id", 255),
    ];
    for (place, most) in limits {
        let text = manifest.pointer(place).and_then(Value::as_str).unwrap_or_else(|| panic!("no {place}"));
        assert!((1..=most).contains(&text.chars().count()), "{place}: {text}");
    }
}
