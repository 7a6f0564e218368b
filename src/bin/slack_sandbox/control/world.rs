//! The workspace itself: who is there, how strict Slack is, and starting afresh.

use std::time::Duration;

use actix_web::{HttpResponse, web};
use serde::Deserialize;
use serde_json::{Value, json};

use super::reply;
use crate::grid::Grid;
use crate::hub::{Link, Out};
use crate::people::{APP, BOT_ID, BOT_USER, Channel, Group, OTHER_TEAM, TEAM, User};
use crate::state::{Sandbox, State};

/// `GET /health`
pub async fn health(sandbox: web::Data<Sandbox>) -> HttpResponse {
    let connections = sandbox.lock().hub.links.iter().filter(|l| l.is_open()).count();
    reply(Ok(json!({"connections": connections})))
}

fn shown_settings(state: &State) -> Value {
    json!({
        "rate_limits": state.options.rate_limits, "channel_messages": state.channel_messages,
        "ack_timeout_ms": state.hub.ack_timeout.as_millis() as u64, "trigger_ms": state.triggers.life.as_millis() as u64,
        "retry_after_ms": state.hub.retry_after.iter().map(|pause| pause.as_millis() as u64).collect::<Vec<_>>(), "clock_skew_s": state.clock_skew_s,
        "ping_ms": state.options.ping_interval.as_millis() as u64, "should_escape": state.should_escape,
        "scopes": state.scopes.split(',').collect::<Vec<_>>(), "app_scopes": state.app_scopes.split(',').collect::<Vec<_>>(),
        "grid": state.grid.as_str(),
    })
}

/// `GET /control/state`
pub async fn state(sandbox: web::Data<Sandbox>) -> HttpResponse {
    let state = sandbox.lock();
    let directory = &state.directory;
    let shortcuts: Vec<Value> = crate::interact::SHORTCUTS
        .iter()
        .map(|(callback_id, name, kind)| json!({"callback_id": callback_id, "name": name, "type": kind}))
        .collect();
    reply(Ok(json!({
        "cursor": state.chat.cursor(), "connections": state.hub.links.iter().map(Link::json).collect::<Vec<_>>(),
        "pending": state.hub.pending().count(), "ghosts": state.hub.ghosts, "settings": shown_settings(&state),
        "users": directory.users.iter().map(User::brief).collect::<Vec<_>>(),
        "groups": directory.groups.iter().map(|g| json!({"id": g.id, "handle": g.handle, "users": g.users})).collect::<Vec<_>>(),
        "channels": directory.channels.iter().map(Channel::brief).collect::<Vec<_>>(),
        "team_id": TEAM, "bot_user_id": BOT_USER, "bot_id": BOT_ID, "app_id": APP, "calls": state.log.counts,
        "shortcuts": shortcuts,
    })))
}

/// How strict Slack is.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    rate_limits: Option<bool>,
    channel_messages: Option<bool>,
    ack_timeout_ms: Option<u64>,
    trigger_ms: Option<u64>,
    retry_after_ms: Option<Vec<u64>>,
    ping_ms: Option<u64>,
    should_escape: Option<bool>,
    scopes: Option<Vec<String>>,
    app_scopes: Option<Vec<String>>,
    clock_skew_s: Option<i64>,
    grid: Option<String>,
}

/// `POST /control/settings`
pub async fn settings(asked: web::Json<Settings>, sandbox: web::Data<Sandbox>) -> HttpResponse {
    let grid = match asked.grid.as_deref().map(|word| Grid::parse(word).ok_or("unknown_grid")).transpose() {
        Ok(grid) => grid,
        Err(error) => return reply(Err(error.to_owned())),
    };
    let mut state = sandbox.lock();
    set(&mut state.grid, &grid);
    if let Some(on) = asked.rate_limits {
        state.options.rate_limits = on;
        state.limits.clear();
    }
    if let Some(on) = asked.channel_messages {
        state.channel_messages = on;
    }
    if let Some(ms) = asked.ack_timeout_ms {
        state.hub.ack_timeout = Duration::from_millis(ms);
    }
    if let Some(ms) = asked.trigger_ms {
        state.triggers.life = Duration::from_millis(ms);
    }
    if let Some(pauses) = &asked.retry_after_ms {
        state.hub.retry_after = pauses.iter().copied().map(Duration::from_millis).collect();
    }
    if let Some(ms) = asked.ping_ms {
        state.options.ping_interval = Duration::from_millis(ms.max(1));
        state.hub.links.iter().for_each(|link| link.switches.turned.notify_one());
    }
    if let Some(on) = asked.should_escape {
        state.should_escape = on;
    }
    if let Some(scopes) = &asked.scopes {
        state.scopes = scopes.join(",");
    }
    if let Some(scopes) = &asked.app_scopes {
        state.app_scopes = scopes.join(",");
    }
    if let Some(seconds) = asked.clock_skew_s {
        state.clock_skew_s = seconds;
    }
    reply(Ok(json!({"settings": shown_settings(&state)})))
}

/// A person, new or changed.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Person {
    name: String,
    id: Option<String>,
    real_name: Option<String>,
    team_id: Option<String>,
    is_restricted: Option<bool>,
    is_ultra_restricted: Option<bool>,
    is_stranger: Option<bool>,
    is_admin: Option<bool>,
    deleted: Option<bool>,
    bot_id: Option<String>,
    note: Option<String>,
    groups: Option<Vec<String>>,
}

impl Person {
    fn change(&self, user: &mut User) {
        user.name.clone_from(&self.name);
        set(&mut user.real_name, &self.real_name);
        set(&mut user.team, &self.team_id);
        set(&mut user.restricted, &self.is_restricted);
        set(&mut user.ultra_restricted, &self.is_ultra_restricted);
        if let Some(stranger) = self.is_stranger {
            user.stranger = stranger;
            if self.team_id.is_none() {
                user.team = if stranger { OTHER_TEAM } else { TEAM }.to_owned();
            }
        }
        set(&mut user.admin, &self.is_admin);
        set(&mut user.deleted, &self.deleted);
        set(&mut user.note, &self.note);
        if self.bot_id.is_some() {
            user.bot_id.clone_from(&self.bot_id);
        }
    }
}

fn set<T: Clone>(field: &mut T, value: &Option<T>) {
    if let Some(value) = value {
        field.clone_from(value);
    }
}

/// `POST /control/user`: changes the person of this `id` (or else of this `name`), or adds one to every channel that
/// is shared with nobody, with a direct conversation.
pub async fn user(asked: web::Json<Person>, sandbox: web::Data<Sandbox>) -> HttpResponse {
    let mut state = sandbox.lock();
    let directory = &mut state.directory;
    let known = match &asked.id {
        Some(id) => directory.users.iter().position(|u| u.id == *id),
        None => directory.users.iter().position(|u| u.name == asked.name),
    };
    let index = known.unwrap_or_else(|| {
        let mut user = User::new(&asked.name);
        set(&mut user.id, &asked.id);
        let id = user.id.clone();
        directory.users.push(user);
        let rooms = directory.channels.iter_mut().filter(|c| c.dm_with.is_none() && !c.shared);
        rooms.for_each(|c| c.members.push(id.clone()));
        directory.users.len() - 1
    });
    asked.change(&mut directory.users[index]);
    let user = directory.users[index].clone();
    if user.bot_id.is_none() {
        directory.open_dm(&user.id);
    }
    if let Some(groups) = &asked.groups {
        for group in &mut directory.groups {
            group.users.retain(|member| *member != user.id);
            if groups.contains(&group.handle) || groups.contains(&group.id) {
                group.users.push(user.id.clone());
            }
        }
    }
    state.chat.ring();
    reply(Ok(json!({"user": user.brief()})))
}

/// A group, new or changed.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GroupAsked {
    handle: String,
    id: Option<String>,
    users: Option<Vec<String>>,
    disabled: Option<bool>,
}

/// `POST /control/group`
pub async fn group(asked: web::Json<GroupAsked>, sandbox: web::Data<Sandbox>) -> HttpResponse {
    let mut state = sandbox.lock();
    let directory = &mut state.directory;
    let find =
        |who: &String| directory.find_user(who).map(|u| u.id.clone()).ok_or_else(|| format!("user_not_found: {who}"));
    let users =
        match asked.users.as_ref().map(|users| users.iter().map(find).collect::<Result<Vec<_>, _>>()).transpose() {
            Ok(users) => users,
            Err(error) => return reply(Err(error)),
        };
    let known =
        directory.groups.iter().position(|g| asked.id.as_ref().map_or(g.handle == asked.handle, |id| g.id == *id));
    let index = known.unwrap_or_else(|| {
        let id = asked.id.clone().unwrap_or_else(|| format!("S{}", asked.handle.to_ascii_uppercase()));
        directory.groups.push(Group { id, handle: String::new(), users: Vec::new(), disabled: false });
        directory.groups.len() - 1
    });
    let group = &mut directory.groups[index];
    group.handle.clone_from(&asked.handle);
    set(&mut group.users, &users);
    set(&mut group.disabled, &asked.disabled);
    reply(Ok(json!({"group": group.json(true)})))
}

/// A channel, new or changed.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChannelAsked {
    name: String,
    id: Option<String>,
    members: Option<Vec<String>>,
    has_bot: Option<bool>,
    archived: Option<bool>,
    private: Option<bool>,
    shared: Option<bool>,
}

/// `POST /control/channel`: a new one has everyone as a member.
pub async fn channel(asked: web::Json<ChannelAsked>, sandbox: web::Data<Sandbox>) -> HttpResponse {
    let mut state = sandbox.lock();
    let directory = &mut state.directory;
    let everyone: Vec<String> = directory.users.iter().map(|u| u.id.clone()).collect();
    let members = asked.members.as_ref().map(|names| {
        names.iter().filter_map(|who| directory.find_user(who)).map(|u| u.id.clone()).collect::<Vec<String>>()
    });
    let known = directory
        .channels
        .iter()
        .position(|c| asked.id.as_ref().map_or(c.name == asked.name && c.dm_with.is_none(), |id| c.id == *id));
    let index = known.unwrap_or_else(|| {
        let id = asked.id.clone().unwrap_or_else(|| format!("C{}", asked.name.to_ascii_uppercase()));
        let name = asked.name.clone();
        directory.channels.push(Channel {
            id,
            name,
            dm_with: None,
            members: everyone,
            private: false,
            archived: false,
            shared: false,
        });
        directory.channels.len() - 1
    });
    let channel = &mut directory.channels[index];
    let is_closing = known.is_some() && !channel.archived && asked.archived == Some(true);
    set(&mut channel.members, &members);
    set(&mut channel.archived, &asked.archived);
    if is_closing {
        // as in Slack: it is not there any more when the channel comes back
        channel.members.retain(|member| member != BOT_USER);
    }
    set(&mut channel.private, &asked.private);
    set(&mut channel.shared, &asked.shared);
    if let Some(has_bot) = asked.has_bot {
        channel.members.retain(|member| member != BOT_USER);
        if has_bot {
            channel.members.push(BOT_USER.to_owned());
        }
    }
    let brief = channel.brief();
    state.chat.ring();
    reply(Ok(json!({"channel": brief})))
}

/// What is forgotten beside the history.
#[derive(Debug, Default, Deserialize)]
pub struct ResetAsked {
    #[serde(default)]
    connections: bool,
}

/// `POST /control/reset`
pub async fn reset(asked: Option<web::Json<ResetAsked>>, sandbox: web::Data<Sandbox>) -> HttpResponse {
    let mut state = sandbox.lock();
    state.reset();
    if asked.is_some_and(|asked| asked.connections) {
        for link in &state.hub.links {
            let _ = link.tx.send(Out::End);
        }
    }
    reply(Ok(json!({"cursor": state.chat.cursor()})))
}
