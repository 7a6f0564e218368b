//! What Slack says: tokens, scopes, Socket Mode, its clock, the user groups.

use super::{Finding, bounded, clock};
use crate::clock;
use crate::settings::Settings;
use crate::slack::api::{ApiError, AuthTest, Pacer, WebApi};
use crate::slack::socket::probe::{self, Unusable};
use crate::slack::{Proxy, scopes};
use std::collections::BTreeSet;
use std::sync::Arc;

const APP_TOKEN: &str = "app token";
const LINK: &str = "Socket Mode";
const BOT_TOKEN: &str = "bot token";
const SCOPES: &str = "scopes";
const CLOCK: &str = "clock";
const GROUPS: &str = "user groups";

/// What to do about a Slack that cannot be reached.
const REACH: &str = "check the network, slack.api_url, and the proxy (slack.proxy_url, HTTPS_PROXY, NO_PROXY)";

pub(super) async fn examine(settings: &Settings, link: bool) -> Vec<Finding> {
    let proxy = match crate::app::proxy(settings) {
        Ok(proxy) => Arc::new(proxy),
        Err(error) => return vec![Finding::problem("proxy", error, "mend slack.proxy_url or HTTPS_PROXY")],
    };
    let pacer = Arc::new(Pacer::new(&settings.slack.pacing));
    let api = WebApi::new(&settings.slack, Arc::clone(&proxy), pacer);
    let (app, bot, groups) = futures_util::join!(
        bounded(APP_TOKEN, app_token(settings, &proxy, link)),
        bounded(BOT_TOKEN, bot_token(&api)),
        bounded(GROUPS, user_groups(settings, &api)),
    );
    app.into_iter().chain(bot).chain(groups).collect()
}

async fn app_token(settings: &Settings, proxy: &Arc<Proxy>, link: bool) -> Vec<Finding> {
    if let Err(error) = probe::may_open(&settings.slack, proxy).await {
        return vec![unusable(APP_TOKEN, error)];
    }
    let token = Finding::ok(APP_TOKEN, format!("Slack takes it for Socket Mode ({})", scopes::OF_APP_TOKEN));
    let connection = match link {
        true => socket_mode(settings, proxy).await,
        false => Finding::ok(LINK, "Slack offers a connection; it was not opened (--link opens one for a moment)"),
    };
    vec![token, connection]
}

async fn socket_mode(settings: &Settings, proxy: &Arc<Proxy>) -> Finding {
    let most = settings.slack.connections;
    match probe::hello(&settings.slack, proxy).await {
        Ok(None) => Finding::ok(LINK, "a connection opens, and Slack says hello"),
        Ok(Some(0)) => Finding::ok(LINK, "a connection opens, and Slack says hello; no bot is connected"),
        Ok(Some(others)) if others as usize <= most => Finding::ok(
            LINK,
            format!("a connection opens, and Slack says hello; {others} more are open, as one running bot has them"),
        ),
        Ok(Some(others)) => Finding::warning(
            LINK,
            format!("Slack counts {others} more connections; one bot has at most {most}"),
            "another process uses the same app token, and takes away part of the commands: give it an app of its own; \
             or they are left over from a bot that died, and Slack forgets them within minutes",
        ),
        Err(error) => unusable(LINK, error),
    }
}

fn unusable(check: &'static str, error: Unusable) -> Finding {
    match error {
        Unusable::Refused(text) => match text.split_once(": ") {
            Some((so, to_do)) => Finding::problem(check, so, to_do),
            None => Finding::problem(check, text, "see the app's settings"),
        },
        Unusable::Unreachable(text) => Finding::problem(check, format!("Slack cannot be asked: {text}"), REACH),
    }
}

async fn bot_token(api: &WebApi) -> Vec<Finding> {
    let who = match api.auth_test().await {
        Ok(who) => who,
        Err(error) => return vec![refused(BOT_TOKEN, &error)],
    };
    let now = clock::system().now();
    let mut found = vec![identity(&who)];
    found.extend(granted(who.scopes.as_deref()));
    found.push(clock(CLOCK, "Slack", who.date, now));
    found
}

fn identity(who: &AuthTest) -> Finding {
    let plain = |name: Option<&str>| -> String {
        let name = name.unwrap_or("?").chars().filter(|c| !c.is_control() && *c != '`');
        name.take(80).collect()
    };
    let user = who.user_id.as_ref().map(|user| user.as_str());
    let so = format!(
        "Slack knows it as `{}` ({}) in `{}`",
        plain(who.user.as_deref()),
        plain(user),
        plain(who.team.as_deref())
    );
    if who.bot_id.is_none() {
        let to_do = "set slack.bot_token to the Bot User OAuth Token of OAuth & Permissions";
        return Finding::problem(BOT_TOKEN, format!("{so}, which is a person and no bot"), to_do);
    }
    if who.is_enterprise_install {
        let to_do = "install the app in the one workspace that it is to serve";
        return Finding::warning(BOT_TOKEN, format!("{so}, for the whole organisation"), to_do);
    }
    Finding::ok(BOT_TOKEN, so)
}

/// The scopes of the token against those that the bot needs.
fn granted(granted: Option<&[String]>) -> Vec<Finding> {
    let needed = scopes::of_bot_token();
    let Some(granted) = granted else {
        let so = "Slack did not say which scopes the bot token has";
        return vec![Finding::warning(
            SCOPES,
            so,
            "something between here and Slack takes its headers away; look there",
        )];
    };
    let granted: BTreeSet<&str> = granted.iter().map(String::as_str).collect();
    let missing = needed.iter().filter(|(scope, _)| !granted.contains(*scope));
    let mut found: Vec<Finding> = missing
        .map(|(scope, uses)| {
            let so = format!("the bot token lacks `{scope}` (for {})", uses.join(", "));
            let to_do = format!("add {scope} under OAuth & Permissions, and install the app again");
            Finding::problem(SCOPES, so, to_do)
        })
        .collect();
    if found.is_empty() {
        let all = needed.keys().copied().collect::<Vec<_>>().join(", ");
        found.push(Finding::ok(SCOPES, format!("the bot token has all that is needed: {all}")));
    }
    let more: Vec<&str> = granted.into_iter().filter(|scope| !needed.contains_key(scope)).collect();
    if !more.is_empty() {
        let so = format!("the bot token also has what is not needed: {}", more.join(", "));
        let to_do = "take it out under OAuth & Permissions, and install the app again";
        found.push(Finding::warning(SCOPES, so, to_do));
    }
    found
}

async fn user_groups(settings: &Settings, api: &WebApi) -> Vec<Finding> {
    let wanted = settings.groups.slack_usergroups();
    if settings.groups.0.values().all(|group| group.users.is_empty() && group.slack_usergroups.is_empty()) {
        let to_do = "name people or Slack user groups in [groups.viewers] and [groups.operators]";
        return vec![Finding::warning(GROUPS, "nobody is in any group of the settings", to_do)];
    }
    if wanted.is_empty() {
        return vec![Finding::ok(GROUPS, "the settings name people and no Slack user groups")];
    }
    let known = match api.usergroups_list().await {
        Ok(known) => known,
        Err(error) => return vec![refused(GROUPS, &error)],
    };
    let ask = wanted.into_iter().map(async |id| {
        if !known.iter().any(|group| group.id == id) {
            let to_do = "take it out of [groups], or enable the user group in Slack again";
            return Finding::problem(GROUPS, format!("Slack has no user group `{id}`, or it is disabled"), to_do);
        }
        match api.usergroups_users_list(id).await {
            Ok(members) if members.is_empty() => {
                Finding::warning(GROUPS, format!("nobody is in the user group `{id}`"), "add its people in Slack")
            }
            Ok(members) => Finding::ok(GROUPS, format!("`{id}` has members: {}", members.len())),
            Err(error) => refused(GROUPS, &error),
        }
    });
    futures_util::future::join_all(ask).await
}

/// What Slack's no means, and what to do.
fn refused(check: &'static str, error: &ApiError) -> Finding {
    let code = error.code();
    match error {
        ApiError::Auth { .. } => Finding::problem(
            check,
            format!("Slack does not accept the bot token (`{code}`)"),
            "set slack.bot_token to the Bot User OAuth Token of OAuth & Permissions; install the app again if there is none",
        ),
        ApiError::Config { .. } if code == "missing_scope" => Finding::problem(
            check,
            "the bot token lacks a scope for this (`missing_scope`)",
            "add what is missing under OAuth & Permissions, and install the app again",
        ),
        ApiError::Retry { after: Some(after), .. } => Finding::problem(
            check,
            format!("Slack asks for silence (`{code}`)"),
            format!("try again in {} seconds", after.as_secs().max(1)),
        ),
        ApiError::Paced { .. } => Finding::warning(
            check,
            "Slack was not asked: the bot's own pace has no room for so many calls at once",
            "raise slack.pacing.max_wait_seconds for this check, or leave it: the bot asks when there is room",
        ),
        ApiError::Retry { .. } | ApiError::Ambiguous { .. } => {
            Finding::problem(check, format!("Slack cannot be asked (`{code}`)"), REACH)
        }
        ApiError::Config { .. } | ApiError::Rejected { .. } => Finding::problem(
            check,
            format!("Slack refuses this to the app (`{code}`)"),
            "look for this code in Slack's documentation of its Web API",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(granted_scopes: &str) -> Vec<String> {
        let words: Vec<String> = granted_scopes.split(' ').map(str::to_owned).collect();
        granted(Some(&words)).into_iter().map(|found| format!("{:?} {}", found.verdict, found.so)).collect()
    }

    #[test]
    fn a_scope_that_is_missing_is_named_with_what_needs_it_and_one_too_many_is_a_warning() {
        let all = scopes::of_bot_token().into_keys().collect::<Vec<_>>().join(" ");
        assert_eq!(told(&all).len(), 1);
        assert!(told(&all)[0].starts_with("Ok the bot token has all that is needed: app_mentions:read"));
        let less = told(&all.replace("users:read", "admin"));
        insta::assert_snapshot!(less.join("\n"), @r#"
        Problem the bot token lacks `users:read` (for users.info)
        Warning the bot token also has what is not needed: admin
        "#);
        assert_eq!(granted(Some(&[])).len(), scopes::of_bot_token().len());
        assert_eq!(granted(None).len(), 1);
    }
}
