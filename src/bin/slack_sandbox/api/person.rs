//! What a program does with a person's own token (`xoxp-UMAYA` is Maya's). Slack writes the program beside the person: each
//! message carries the `bot_id`, the `app_id` and the `bot_profile` of the app that the token was given to, though its `user`
//! is the person. So it proves nobody's hand, and a bot that ignores programs ignores it.

use serde_json::{Value, json};

use super::chat::{Content, thread};
use super::{Refusal, directory, request::Args};
use crate::chat::Message;
use crate::people::{SCRIPTS_BOT_ID, TEAM};
use crate::state::State;

/// What every such token begins with; the person's id follows.
pub const PREFIX: &str = "xoxp-";

/// The person whose token this is.
pub fn of_token(state: &State, token: &str) -> Option<String> {
    let user = state.directory.user(token.strip_prefix(PREFIX)?)?;
    (user.bot_id.is_none() && !user.deleted).then(|| user.id.clone())
}

/// Runs a method as this person.
pub fn run(state: &mut State, method: &str, args: &Args, user: &str) -> Result<Value, Refusal> {
    match method {
        "auth.test" => Ok(json!({"team": "Sandbox", "team_id": TEAM, "user_id": user, "is_enterprise_install": false})),
        "chat.postMessage" => post(state, args, user),
        "conversations.history" | "conversations.replies" => {
            place(state, args, user)?;
            directory::run(state, method, args).unwrap_or_else(|| Err("unknown_method".into()))
        }
        _ => Err("not_allowed_token_type".into()),
    }
}

/// Where this is, if the person is a member there.
fn place(state: &State, args: &Args, user: &str) -> Result<String, Refusal> {
    let room = args.text("channel").and_then(|name| state.directory.find_channel(name, Some(user)));
    let room = room.ok_or("channel_not_found")?;
    match (room.has(user), room.archived) {
        (false, _) => Err("not_in_channel".into()),
        (true, true) => Err("is_archived".into()),
        (true, false) => Ok(room.id.clone()),
    }
}

fn post(state: &mut State, args: &Args, user: &str) -> Result<Value, Refusal> {
    let channel = place(state, args, user)?;
    let content = Content::read(args.value())?.ok_or("no_text")?;
    let thread_ts = thread(state, &channel, args)?;
    if state.options.rate_limits {
        state.limits.post(&channel).map_err(Refusal::Limited)?;
    }
    let bot_id = Some(SCRIPTS_BOT_ID.to_owned());
    let message = content.message("chat.postMessage");
    let message = state.chat.add(&channel, Message { user: user.to_owned(), bot_id, thread_ts, ..message });
    state.announce(&channel, &message);
    Ok(json!({"channel": channel, "ts": message.ts(), "message": message.json()}))
}
