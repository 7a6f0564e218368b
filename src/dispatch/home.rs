//! The actor that shows people their Homes: when they open one, and while they look at it, when one of their requests
//! begins or ends. A Home changes nothing and is made anew each time, so nothing of it is kept; who looks at one is known
//! to the [`Onlookers`], over all lives.

mod page;

use super::parts::DeskParts;
use super::people::{People, PeopleParts};
use super::permits::Permits;
use super::policy::Policies;
use crate::clock::Clock;
use crate::commands::Catalog;
use crate::domain::{UserId, VitalsSource};
use crate::execution::{Onlookers, Turn};
use crate::slack::api::{ApiError, Method, WebApi};
use crate::slack::render::home::render;
use crate::store::Journal;
use crate::supervision::{self, supervised};
use actix::{Actor, AsyncContext, Context, Handler, Message, WrapFuture};
use page::Seen;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

/// Before a Home is tried again that Slack did not take.
const PAUSE: Duration = Duration::from_secs(3);

/// How long the journal may take to tell what somebody asked; the Home says then that it does not.
const JOURNAL_WAITS: Duration = Duration::from_secs(5);

/// What a keeper is made of; each life gets a copy.
#[derive(Clone)]
pub struct HomeParts {
    people: PeopleParts,
    catalog: Arc<Catalog>,
    policies: Arc<Policies>,
    journal: Arc<dyn Journal>,
    onlookers: Arc<Onlookers>,
    vitals: Arc<dyn VitalsSource>,
    clock: Arc<dyn Clock>,
}

impl HomeParts {
    /// What a Home needs of what the dispatcher has.
    pub fn of(desk: &DeskParts) -> Self {
        Self {
            people: desk.people.clone(),
            catalog: Arc::clone(&desk.catalog),
            policies: Arc::clone(&desk.policies),
            journal: Arc::clone(&desk.shop.desk.journal),
            onlookers: Arc::clone(&desk.shop.desk.onlookers),
            vitals: Arc::clone(&desk.vitals),
            clock: Arc::clone(&desk.clock),
        }
    }
}

/// Shows people their Homes.
pub struct HomeKeeper {
    parts: HomeParts,
}

impl HomeKeeper {
    /// A keeper that has not started.
    pub fn new(parts: HomeParts) -> Self {
        Self { parts }
    }
}

impl Actor for HomeKeeper {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        let people = People::new(self.parts.people.clone());
        let api = (self.parts.people.web_api)();
        let desk = Rc::new(Desk { parts: self.parts.clone(), people, api });
        let serve = async move {
            loop {
                let turn = desk.parts.onlookers.next().await;
                let desk = Rc::clone(&desk);
                supervision::spawn_local_detached("home", async move { desk.show(turn).await }).detach();
            }
        };
        ctx.spawn(serve.into_actor(self));
    }
}

supervised!(HomeKeeper, |self| HomeKeeper::new(self.parts.clone()));

/// Somebody opened the Home, or wants to see it anew.
#[derive(Message, Clone, Debug)]
#[rtype(result = "()")]
pub struct HomeOpened(pub UserId);

impl Handler<HomeOpened> for HomeKeeper {
    type Result = ();

    fn handle(&mut self, HomeOpened(user): HomeOpened, _: &mut Self::Context) {
        self.parts.onlookers.opened(&user);
    }
}

/// One life's means.
struct Desk {
    parts: HomeParts,
    people: People,
    api: WebApi,
}

impl Desk {
    async fn show(&self, turn: Turn) {
        let busy = self.api.pacer().next_turn(Method::ViewsPublish);
        if busy > PAUSE {
            // made when its turn comes, so that it says what is so then
            turn.again(busy, false);
            return;
        }
        let user = turn.user().clone();
        let Some(blocks) = render(&page::home(&self.look(&user).await)) else { return };
        match self.api.views_publish(&user, &blocks).await {
            Ok(()) => turn.shown(),
            Err(error) => give_up_or_try_again(turn, &user, &error),
        }
    }

    /// Everything that the Home of this person says.
    async fn look(&self, user: &UserId) -> Seen {
        let now = self.parts.clock.now();
        let permits = self.people.principal(user).await.map(|(principal, members)| {
            let (policies, catalog) = (Arc::clone(&self.parts.policies), Arc::clone(&self.parts.catalog));
            Permits::at_home(policies, catalog, principal, members, now)
        });
        let asked = tokio::time::timeout(JOURNAL_WAITS, self.parts.journal.recent(user, page::JOURNAL_LIMIT)).await;
        let recent = match asked {
            Ok(Ok(recent)) => Some(recent),
            Ok(Err(error)) => {
                tracing::warn!(%user, %error, "journal did not tell what the home should show");
                None
            }
            Err(_) => None,
        };
        let catalog = Arc::clone(&self.parts.catalog);
        Seen { catalog, vitals: self.parts.vitals.vitals(), permits, recent, now }
    }
}

fn give_up_or_try_again(turn: Turn, user: &UserId, error: &ApiError) {
    match error {
        // our own pace: nothing has failed
        ApiError::Paced { after } => drop(turn.again(*after, false)),
        ApiError::Retry { after, .. } => {
            let again = turn.again(after.unwrap_or_default().max(PAUSE), true);
            tracing::warn!(%user, %error, again, "home was not published");
        }
        // somebody published between; the next one is made of what is so then
        ApiError::Rejected { code } if code == "hash_conflict" => drop(turn.again(PAUSE, true)),
        ApiError::Config { code } if code == "not_enabled" => {
            tracing::error!(%user, "slack shows no home: switch on the Home Tab under App Home in the app's settings");
        }
        ApiError::Auth { .. } | ApiError::Config { .. } | ApiError::Ambiguous { .. } | ApiError::Rejected { .. } => {
            tracing::error!(%user, %error, "home was not published");
        }
    }
}

#[cfg(test)]
mod tests;
