//! Payloads of an Enterprise Grid, of every kind of envelope.

use super::*;

const MODES: [&str; 3] = ["off", "workspace", "organisation"];

fn text(words: &str) -> Value {
    json!({"type": "plain_text", "text": words})
}

fn button(action: &str) -> Value {
    json!({"type": "actions", "elements": [{"type": "button", "action_id": action, "text": text("Press"), "value": "x"}]})
}

/// The next envelope, acked.
async fn taken(socket: &mut Socket) -> Value {
    let envelope = next(socket).await;
    ack(socket, &envelope, None).await;
    envelope
}

/// Has a person do everything of which the app is told, and returns each envelope by what was done.
async fn everything(slack: &Slack, socket: &mut Socket, who: &str) -> Vec<(&'static str, Value)> {
    let mut told = Vec::new();
    let control = async |route: &str, body: Value| {
        let answer = slack.control(route, body.clone()).await;
        assert_eq!(answer["ok"], true, "{route} {body}: {answer}");
        answer
    };
    let said = control("say", json!({"user": who, "channel": "ops", "text": "@drone ping"})).await;
    told.push(("app_mention", taken(socket).await));
    control("say", json!({"user": who, "channel": "dm", "text": "ping"})).await;
    told.push(("message", taken(socket).await));
    control("open_home", json!({"user": who})).await;
    told.push(("app_home_opened", taken(socket).await));
    control("slash", json!({"user": who, "channel": "ops", "text": "ping"})).await;
    let slash = taken(socket).await;
    let trigger = slash["payload"]["trigger_id"].clone();
    told.push(("slash", slash));
    let posted = slack.api("chat.postMessage", json!({"channel": "COPS", "text": "x", "blocks": [button("a")]})).await;
    control("click", json!({"user": who, "channel": "ops", "ts": posted["ts"], "action_id": "a"})).await;
    told.push(("block_actions", taken(socket).await));
    control("shortcut", json!({"user": who, "callback_id": "c", "channel": "ops", "ts": said["ts"]})).await;
    told.push(("message_action", taken(socket).await));
    control("shortcut", json!({"user": who, "callback_id": "c"})).await;
    told.push(("shortcut", taken(socket).await));
    let view = json!({"type": "modal", "title": text("T"), "submit": text("S"), "callback_id": "v", "notify_on_close": true,
        "blocks": [button("b"), {"type": "input", "block_id": "i", "label": text("L"),
            "element": {"type": "plain_text_input", "action_id": "a"}}]});
    let opened = slack.api("views.open", json!({"trigger_id": trigger, "view": view})).await;
    assert_eq!(opened["ok"], true, "{opened}");
    control("click", json!({"user": who, "view_id": opened["view"]["id"], "action_id": "b"})).await;
    let pressed = taken(socket).await;
    let trigger = pressed["payload"]["trigger_id"].clone();
    told.push(("block_actions in a view", pressed));
    control("submit", json!({"user": who, "values": {"i": "web-1"}})).await;
    told.push(("view_submission", taken(socket).await));
    slack.api("views.open", json!({"trigger_id": trigger, "view": view})).await;
    control("close_view", json!({"user": who})).await;
    told.push(("view_closed", taken(socket).await));
    told
}

/// What Slack says of workspace, organisation and installation in this payload.
fn fault(mode: &str, kind: &str, payload: &Value) -> Option<String> {
    let (is_grid, is_org) = (mode != "off", mode == "organisation");
    let enterprise = if is_grid { json!("ESANDBOX") } else { Value::Null };
    let organisation = if is_grid { json!("ESANDBOX") } else { json!("TSANDBOX") };
    let expected: Vec<(&str, Value)> = match kind {
        "events_api" => vec![
            ("/team_id", json!("TSANDBOX")),
            ("/context_team_id", json!("TSANDBOX")),
            ("/enterprise_id", enterprise.clone()),
            ("/context_enterprise_id", enterprise.clone()),
            ("/authorizations/0/enterprise_id", enterprise),
            ("/authorizations/0/team_id", if is_org { Value::Null } else { json!("TSANDBOX") }),
            ("/authorizations/0/is_enterprise_install", json!(is_org)),
        ],
        "slash_commands" => vec![
            ("/team_id", json!("TSANDBOX")),
            ("/enterprise_id", enterprise),
            ("/is_enterprise_install", json!(is_org.to_string())),
        ],
        _ => vec![
            ("/user/team_id", json!("TSANDBOX")),
            ("/team/id", if is_org { Value::Null } else { json!("TSANDBOX") }),
            ("/team/enterprise_id", if is_org { Value::Null } else { enterprise.clone() }),
            ("/enterprise/id", enterprise),
            ("/is_enterprise_install", json!(is_org)),
        ],
    };
    let installed = payload["view"].is_object() && kind == "interactive";
    let at = "/view/app_installed_team_id";
    let view = installed.then(|| (at, if is_org { organisation } else { json!("TSANDBOX") }));
    let wrong = |(at, value): &(&str, Value)| payload.pointer(at).unwrap_or(&Value::Null) != value;
    expected.into_iter().chain(view).find(wrong).map(|(at, value)| format!("{at} is not {value}"))
}

#[actix_web::test]
async fn every_envelope_says_of_the_organisation_what_slack_says() {
    for mode in MODES {
        let slack = Slack::start(3000);
        assert_eq!(slack.control("settings", json!({"grid": mode})).await["settings"]["grid"], mode);
        let person = json!({"name": "wanda", "id": "W0WANDA", "groups": ["operators"]});
        assert_eq!(slack.control("user", person).await["user"]["id"], "W0WANDA");
        let (mut socket, _) = slack.connect().await;
        let told = everything(&slack, &mut socket, "W0WANDA").await;
        assert_eq!(told.len(), 10);
        for (what, envelope) in &told {
            let (kind, payload) = (envelope["type"].as_str().expect("a kind"), &envelope["payload"]);
            assert_eq!(fault(mode, kind, payload), None, "{mode}, {what}: {envelope:#}");
            assert!(payload.to_string().contains("W0WANDA"), "{mode}, {what}: {envelope:#}");
        }
        slack.stop().await;
    }
}

#[actix_web::test]
async fn the_web_api_tells_of_which_organisation_the_person_and_the_app_are() {
    for mode in MODES {
        let slack = Slack::start(3000);
        slack.control("settings", json!({"grid": mode})).await;
        let (is_grid, is_org) = (mode != "off", mode == "organisation");
        let auth = slack.api("auth.test", json!({})).await;
        let installed = (auth["team_id"].as_str(), auth["is_enterprise_install"].as_bool());
        assert_eq!(installed, (Some(if is_org { "ESANDBOX" } else { "TSANDBOX" }), Some(is_org)), "{mode}");
        assert_eq!(auth["enterprise_id"].as_str(), is_grid.then_some("ESANDBOX"), "{mode}");
        let maya = slack.form("users.info", &[("user", "UMAYA")]).await;
        assert_eq!(maya["user"]["team_id"], if is_org { "ESANDBOX" } else { "TSANDBOX" }, "{mode}");
        let teams = if is_grid { json!(["TSANDBOX"]) } else { Value::Null };
        assert_eq!(maya["user"]["enterprise_user"]["teams"], teams, "{mode}");
        let olga = slack.form("users.info", &[("user", "UOLGA")]).await;
        assert_eq!(olga["user"]["team_id"], "TOUTSIDE", "{mode}");
        // a conversation with somebody is opened by either form of the id
        slack.control("user", json!({"name": "wanda", "id": "W0WANDA"})).await;
        let posted = slack.api("chat.postMessage", json!({"channel": "W0WANDA", "text": "hello"})).await;
        assert_eq!(posted["ok"], true, "{mode}: {posted}");
        slack.stop().await;
    }
    let slack = Slack::start(3000);
    assert_eq!(slack.control("settings", json!({"grid": "moon"})).await["error"], "unknown_grid");
    slack.stop().await;
}
