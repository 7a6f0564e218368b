//! Who asks: Slack is asked once, and not again for a while. Nobody is let in because Slack did not answer.

use super::cache::Cache;
use super::groups::GroupsConfig;
use super::permits::Members;
use crate::domain::{Failure, Membership, Principal, TeamId, UserId};
use crate::slack::api::{ApiError, WebApi};
use futures_util::future::try_join_all;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::OnceCell;

/// The bot's own account, from auth.test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// `U…`: what a mention of the bot names.
    pub bot_user: UserId,
    /// `B…`: what the bot's own messages carry.
    pub bot_id: Option<String>,
    /// The workspace it is installed in.
    pub team: TeamId,
}

impl Identity {
    /// Asks Slack who the bot is: auth.test.
    pub async fn ask(api: &WebApi) -> Result<Self, ApiError> {
        let who = api.auth_test().await?;
        let (Some(bot_user), Some(team)) = (who.user_id, who.team_id) else {
            return Err(ApiError::Retry { after: None, code: "incomplete_answer".to_owned() });
        };
        tracing::info!(%bot_user, %team, "slack knows this bot");
        Ok(Self { bot_user, bot_id: who.bot_id, team })
    }
}

/// What the look-up of people needs.
#[derive(Clone)]
pub struct PeopleParts {
    /// Groups of the configuration.
    pub groups: Arc<GroupsConfig>,
    /// Builds a client for this thread.
    pub web_api: Arc<dyn Fn() -> WebApi + Send + Sync>,
    /// Known once auth.test has answered.
    pub identity: Arc<OnceCell<Identity>>,
}

/// How long a question waits for its turn: of many people who come at once, the last are answered a little later.
const TURN: Duration = Duration::from_secs(20);

type Usergroups = BTreeMap<String, Rc<BTreeSet<UserId>>>;

#[derive(Clone)]
struct Profile {
    name: String,
    team: TeamId,
    membership: Membership,
}

/// Looks people up.
pub(super) struct People {
    parts: PeopleParts,
    api: WebApi,
    profiles: Cache<UserId, Profile>,
    usergroups: Cache<String, Rc<BTreeSet<UserId>>>,
    /// The members of our groups, until Slack says something new of its user groups.
    members: RefCell<Option<(Usergroups, Members)>>,
}

impl People {
    pub(super) fn new(parts: PeopleParts) -> Self {
        let api = (parts.web_api)().patient(TURN);
        Self { parts, api, profiles: Cache::new(), usergroups: Cache::new(), members: RefCell::default() }
    }

    /// The person behind a user id, and who else is in which group.
    pub(super) async fn principal(&self, user: &UserId) -> Result<(Principal, Members), Failure> {
        let profile = self.profiles.get(user, async || self.fetch_profile(user).await).await.map_err(unreachable)?;
        let (usergroups, members) = self.usergroups().await?;
        let in_usergroup = |id: &str| usergroups.get(id).is_some_and(|members| members.contains(user));
        let groups = self.parts.groups.of(user, in_usergroup);
        let Profile { name, team, membership } = profile;
        Ok((Principal { user: user.clone(), team, name, membership, groups }, members))
    }

    /// The members of the Slack user groups that the configuration names, and of the bot's own groups.
    async fn usergroups(&self) -> Result<(Usergroups, Members), Failure> {
        let asked = self.parts.groups.slack_usergroups().into_iter().map(|id| async move {
            let members = self.usergroups.get(&id.to_owned(), async || self.fetch_usergroup(id).await).await;
            members.map(|members| (id.to_owned(), members))
        });
        let usergroups: Usergroups = try_join_all(asked).await.map_err(unreachable)?.into_iter().collect();
        let known = self.members.borrow().clone();
        let same = |(of, _): &(Usergroups, Members)| {
            of.len() == usergroups.len()
                && of.iter().all(|(id, set)| usergroups.get(id).is_some_and(|other| Rc::ptr_eq(set, other)))
        };
        if let Some((_, members)) = known.filter(same) {
            return Ok((usergroups, members));
        }
        let members = Arc::new(self.members_of(&usergroups));
        self.members.replace(Some((usergroups.clone(), Arc::clone(&members))));
        Ok((usergroups, members))
    }

    fn members_of(&self, usergroups: &Usergroups) -> BTreeMap<String, Vec<UserId>> {
        let groups = self.parts.groups.0.iter();
        groups
            .map(|(name, group)| {
                let by_slack = group.slack_usergroups.iter().filter_map(|id| usergroups.get(id));
                let by_slack = by_slack.flat_map(|members| members.iter().cloned());
                let members: BTreeSet<UserId> = group.users.iter().cloned().chain(by_slack).collect();
                (name.clone(), members.into_iter().collect())
            })
            .collect()
    }

    async fn fetch_profile(&self, user: &UserId) -> Result<Profile, ApiError> {
        // a request taken up from the journal comes here before any connection has asked
        let home = &self.parts.identity.get_or_try_init(|| Identity::ask(&self.api)).await?.team;
        match self.api.users_info(user).await {
            Ok(found) => Ok(Profile {
                name: found.shown_name().to_owned(),
                membership: found.membership(home),
                team: found.team_id.unwrap_or_else(|| TeamId::from("")),
            }),
            // somebody whom Slack does not show to us is not one of us
            Err(ApiError::Rejected { code }) if code == "user_not_found" || code == "user_not_visible" => {
                Ok(Profile { name: user.to_string(), team: TeamId::from(""), membership: Membership::Outside })
            }
            Err(error) => Err(error),
        }
    }

    async fn fetch_usergroup(&self, id: &str) -> Result<Rc<BTreeSet<UserId>>, ApiError> {
        match self.api.usergroups_users_list(id).await {
            Ok(members) => Ok(Rc::new(members.into_iter().collect())),
            Err(error @ (ApiError::Config { .. } | ApiError::Rejected { .. })) => {
                tracing::error!(usergroup = id, %error, "slack user group cannot be read; it grants nothing");
                Ok(Rc::default())
            }
            Err(error) => Err(error),
        }
    }
}

fn unreachable(error: ApiError) -> Failure {
    let text = "I could not ask Slack who you are, so nothing was run. Try again in a minute.";
    Failure::sentence(text, error.to_string())
}

#[cfg(test)]
mod tests;
