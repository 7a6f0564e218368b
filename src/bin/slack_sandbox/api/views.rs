//! `views.*`.

use serde_json::{Value, json};

use super::Refusal;
use super::request::Args;
use crate::limits;
use crate::state::State;

type Outcome = Result<Value, Refusal>;

/// Runs a method of this file; `None` if it is none of them.
pub fn run(state: &mut State, method: &str, args: &Args) -> Option<Outcome> {
    let outcome = match method {
        "views.open" => open(state, args, false),
        "views.push" => open(state, args, true),
        "views.update" => update(state, args),
        "views.publish" => publish(state, args),
        _ => return None,
    };
    state.chat.ring();
    Some(outcome.map(|view| json!({"view": view})))
}

fn view(args: &Args, kind: &str) -> Outcome {
    let given = args.data("view", "invalid_arguments")?.ok_or("invalid_arguments")?;
    Ok(limits::view(given, kind)?)
}

fn open(state: &mut State, args: &Args, push: bool) -> Outcome {
    let trigger = args.text("trigger_id").ok_or("invalid_trigger_id")?;
    let body = view(args, "modal")?;
    let user = state.triggers.of(trigger)?.to_owned();
    if state.views.is_taken(body["external_id"].as_str().unwrap_or_default(), None) {
        return Err("duplicate_external_id".into());
    }
    if push && state.views.stack(&user).is_empty() {
        return Err("not_found".into());
    }
    let opened = if push { state.views.push(&user, body)? } else { state.views.open(&user, body) };
    state.triggers.spend(trigger);
    Ok(opened)
}

fn update(state: &mut State, args: &Args) -> Outcome {
    let id = args.text("view_id").or_else(|| args.text("external_id")).ok_or("invalid_arguments")?.to_owned();
    let current = state.views.find(&id).ok_or("not_found")?;
    let kind = if current.body["type"] == "home" { "home" } else { "modal" };
    if args.text("hash").is_some_and(|hash| hash != current.hash) {
        return Err("hash_conflict".into());
    }
    let body = view(args, kind)?;
    let own = current.id.clone();
    if state.views.is_taken(body["external_id"].as_str().unwrap_or_default(), Some(&own)) {
        return Err("duplicate_external_id".into());
    }
    state.views.update(&own, body).ok_or_else(|| "not_found".into())
}

fn publish(state: &mut State, args: &Args) -> Outcome {
    let user = args.text("user_id").and_then(|id| state.directory.user(id)).ok_or("invalid_arguments")?.id.clone();
    let body = view(args, "home")?;
    let current = state.views.home(&user).map(|home| (home.hash.clone(), home.id.clone()));
    if let (Some(hash), Some((now, _))) = (args.text("hash"), &current)
        && hash != now
    {
        return Err("hash_conflict".into());
    }
    let own = current.as_ref().map(|(_, id)| id.as_str());
    if state.views.is_taken(body["external_id"].as_str().unwrap_or_default(), own) {
        return Err("duplicate_external_id".into());
    }
    Ok(state.views.publish(&user, body))
}
