//! Who asks: Slack is asked once, and not again for a while. Nobody is let in because Slack did not answer.

use super::cache::{Cache, Trust};
use super::groups::GroupsConfig;
use super::permits::Members;
use crate::domain::{Failure, Membership, Principal, Request, TeamId, UserId};
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

/// Who is in one of Slack's user groups; nothing for one that Slack does not let us read.
type Usergroup = Option<Rc<BTreeSet<UserId>>>;

type Usergroups = BTreeMap<String, Usergroup>;

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
    usergroups: Cache<String, Usergroup>,
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
        self.believed(user, Trust::USUAL).await
    }

    /// The same for a change, or for a word on one: Slack is asked again soon.
    pub(super) async fn principal_now(&self, user: &UserId) -> Result<(Principal, Members), Failure> {
        self.believed(user, Trust::LITTLE).await
    }

    async fn believed(&self, user: &UserId, trust: Trust) -> Result<(Principal, Members), Failure> {
        let profile = self.profiles.get(user, trust, async || self.fetch_profile(user).await).await;
        let Profile { name, team, membership } = profile.map_err(unreachable)?;
        let (usergroups, members) = self.usergroups(trust).await?;
        let holds = |id: &str| usergroups.get(id).and_then(Option::as_ref).is_some_and(|users| users.contains(user));
        let groups = self.parts.groups.of(user, holds);
        let may_hold = self.parts.groups.of(user, |id| holds(id) || matches!(usergroups.get(id), Some(None)));
        let unread = may_hold.difference(&groups).cloned().collect();
        Ok((Principal { user: user.clone(), team, name, membership, groups, unread }, members))
    }

    /// The members of the Slack user groups that the configuration names, and of the bot's own groups.
    async fn usergroups(&self, trust: Trust) -> Result<(Usergroups, Members), Failure> {
        let asked = self.parts.groups.slack_usergroups().into_iter().map(|id| async move {
            let members = self.usergroups.get(&id.to_owned(), trust, async || self.fetch_usergroup(id).await).await;
            members.map(|members| (id.to_owned(), members))
        });
        let usergroups: Usergroups = try_join_all(asked).await.map_err(unreachable)?.into_iter().collect();
        let known = self.members.borrow().clone();
        let same = |(of, _): &(Usergroups, Members)| {
            of.len() == usergroups.len()
                && of.iter().all(|(id, set)| match (set, usergroups.get(id)) {
                    (Some(set), Some(Some(other))) => Rc::ptr_eq(set, other),
                    (None, Some(None)) => true,
                    _ => false,
                })
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
                let by_slack = group.slack_usergroups.iter().filter_map(|id| usergroups.get(id)?.as_ref());
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

    async fn fetch_usergroup(&self, id: &str) -> Result<Usergroup, ApiError> {
        match self.api.usergroups_users_list(id).await {
            Ok(members) => Ok(Some(Rc::new(members.into_iter().collect()))),
            Err(error @ (ApiError::Config { .. } | ApiError::Rejected { .. })) => {
                tracing::error!(usergroup = id, %error, "slack user group cannot be read; it grants nothing, and what is forbidden to it is forbidden to all");
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }
}

/// Who asks in a self-test: the bot, which is in no group.
pub(super) fn itself(request: &Request) -> (Principal, Members) {
    let principal = Principal {
        user: request.user.clone(),
        team: request.team.clone(),
        name: "self-test".to_owned(),
        membership: Membership::Itself,
        groups: BTreeSet::new(),
        unread: BTreeSet::new(),
    };
    (principal, Members::default())
}

fn unreachable(error: ApiError) -> Failure {
    let text = "I could not ask Slack who you are, so nothing was run. Try again in a minute.";
    Failure::sentence(text, error.to_string())
}

#[cfg(test)]
mod tests;
