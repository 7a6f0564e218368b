//! That the bot has moved to another body is said once. The store remembers the bodies; a replica that enters one writes it down
//! together with what is to be said of it, by one conditional write. Then the words become a request of the house, under
//! a key that this entry alone has, and only then are they struck out: whatever dies between two steps, the next
//! replica does the rest, and the key is known.
//!
//! With several replicas each new body is told once, whichever replicas live in it. A body that no replica lives in any more
//! is the one that the next new body came from; where all others are still alive the bot has one body more, as in the
//! middle of a rolling deployment. The very first body is no move and is only written down.

use super::BodyParts;
use crate::dispatch::{How, Incoming};
use crate::domain::{Body, ReplyTo, Request, RequestId, Source, TeamId, UserId};
use crate::store::{Accepted, NewRequest, StoreError};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::time::Duration;
use tokio::time::Instant;

/// The note in which the bodies stand.
const NOTE: &str = "bodies";

/// How many bodies are remembered at most, the last ones.
const MOST: usize = 32;

/// How long a body that no replica lives in is remembered while others go on: it is what a new one came from.
const REMEMBERED: Duration = Duration::from_secs(600);

/// As whom the bot asks itself.
const MYSELF: &str = "dronebot";

/// The bodies in which the bot lives or has lived, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Bodies(Vec<Entry>);

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Entry {
    id: String,
    name: String,
    /// What is still to be said of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    news: Option<News>,
}

/// What is to be said, and the key under which it is said once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct News {
    key: String,
    text: String,
}

impl Bodies {
    /// Enters a body, if it is not there. `alive` are those in which others live; `alone`: no other replica can.
    fn enter(&mut self, me: &Body, alive: &BTreeSet<String>, alone: bool, key: &str, version: &str) {
        if self.0.iter().any(|entry| entry.id == me.id()) {
            return;
        }
        let left = self.0.iter().rposition(|entry| alone || !alive.contains(&entry.id));
        let to = me.name();
        let text = match left {
            Some(left) => Some(format!("I moved: from {} to {to}, version {version}.", self.0[left].name)),
            None if self.0.is_empty() => None,
            None => {
                let others: Vec<&str> = self.0.iter().map(|entry| entry.name.as_str()).collect();
                Some(format!("I have one more body: {to}, version {version}. I still live in {}.", others.join(", ")))
            }
        };
        if alone {
            self.0.clear();
        } else if let Some(left) = left {
            self.0.remove(left);
        }
        let news = text.map(|text| News { key: key.to_owned(), text });
        self.0.push(Entry { id: me.id().to_owned(), name: to, news });
        self.0.drain(..self.0.len().saturating_sub(MOST));
    }

    fn news_of(&self, id: &str) -> Option<News> {
        self.0.iter().find(|entry| entry.id == id)?.news.clone()
    }

    fn told(&mut self, id: &str) {
        self.0.iter_mut().filter(|entry| entry.id == id).for_each(|entry| entry.news = None);
    }
}

/// Since when no replica has been seen in a body.
pub(super) type Empty = std::collections::BTreeMap<String, Instant>;

impl BodyParts {
    /// Enters this body and says so, where that is not done yet. Returns once all of it stands in the store.
    pub(super) async fn settle(&self) -> Result<(), StoreError> {
        let body = self.body();
        let alive = self.others_alive().await?;
        let alone = self.store.replicas.lease().is_none();
        let key = self.new_id().to_string();
        let bodies = self.rewrite(|bodies| bodies.enter(&body, &alive, alone, &key, &self.version)).await?;
        let Some(news) = bodies.news_of(body.id()) else { return Ok(()) };
        self.say(&news).await?;
        self.rewrite(|bodies| bodies.told(body.id())).await.map(|_| ())
    }

    /// Forgets the bodies in which no replica has lived for a while, where others go on.
    pub(super) async fn forget(&self, empty: &mut Empty) -> Result<(), StoreError> {
        let (me, alive) = (self.body(), self.others_alive().await?);
        let (_, bodies) = self.read().await?;
        let lives = |id: &str| id == me.id() || alive.contains(id);
        empty.retain(|id, _| !lives(id));
        for entry in bodies.0.iter().filter(|entry| !lives(&entry.id)) {
            empty.entry(entry.id.clone()).or_insert_with(Instant::now);
        }
        let long = |id: &String| empty.get(id).is_some_and(|since| since.elapsed() > REMEMBERED);
        self.rewrite(|bodies| bodies.0.retain(|entry| !long(&entry.id))).await.map(|_| ())
    }

    async fn say(&self, news: &News) -> Result<(), StoreError> {
        let Some(channel) = self.settings.announce_channel.clone() else { return Ok(()) };
        let request = Request {
            id: self.new_id(),
            source: Source::House,
            team: TeamId::from(""),
            user: UserId::from(MYSELF),
            channel,
            text: news.text.clone(),
            reply_to: ReplyTo::Channel,
            accepted_at: self.clock.now(),
            trigger: None,
        };
        let new = NewRequest { request: request.clone(), keys: vec![format!("body:{}", news.key)] };
        match self.store.journal.accept(new).await? {
            Accepted::New => {
                tracing::info!(req = %request.id, "{}", news.text);
                // a dispatcher that is not there finds it in the journal
                let _ = self.dispatcher.tell(Incoming { request, how: How::Fresh });
            }
            Accepted::Duplicate(first) => tracing::debug!(req = %first, "the move was told before"),
        }
        Ok(())
    }

    /// The bodies of the other replicas that are alive.
    async fn others_alive(&self) -> Result<BTreeSet<String>, StoreError> {
        let all = self.store.replicas.all().await?;
        let others = all.into_iter().filter(|replica| replica.is_alive && !replica.is_me);
        Ok(others.map(|replica| replica.card.body).filter(|body| !body.is_empty()).collect())
    }

    async fn read(&self) -> Result<(Option<String>, Bodies), StoreError> {
        let text = self.store.notes.noted(NOTE).await?;
        let bodies = text.as_deref().map(|text| {
            serde_json::from_str(text).unwrap_or_else(|error| {
                tracing::warn!(%error, "what the store remembers of bodies cannot be read, and is begun anew");
                Bodies::default()
            })
        });
        Ok((text, bodies.unwrap_or_default()))
    }

    /// Changes the note, however many do it at once. Returns what stands in it then.
    async fn rewrite(&self, change: impl Fn(&mut Bodies)) -> Result<Bodies, StoreError> {
        loop {
            let (was, before) = self.read().await?;
            let mut bodies = before.clone();
            change(&mut bodies);
            if bodies == before && was.is_some() {
                return Ok(bodies);
            }
            let text = serde_json::to_string(&bodies).map_err(|error| StoreError::Failed(error.to_string()))?;
            if self.store.notes.rewrite(NOTE, was.as_deref(), &text, None).await? {
                return Ok(bodies);
            }
        }
    }

    fn new_id(&self) -> RequestId {
        let millis = u64::try_from(self.clock.now().as_millisecond()).unwrap_or_default();
        RequestId::new(millis, fastrand::u128(..))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(id: &str) -> Body {
        let zone = Some(format!("eu-central-1{}", &id[id.len() - 1..]));
        Body { instance: Some(id.into()), zone, ..Body::default() }
    }

    fn alive(ids: &[&str]) -> BTreeSet<String> {
        ids.iter().map(|id| (*id).to_owned()).collect()
    }

    fn enters(bodies: &mut Bodies, id: &str, others: &[&str], alone: bool) -> Option<String> {
        bodies.enter(&body(id), &alive(others), alone, "key", "1.2.3");
        bodies.news_of(id).map(|news| news.text)
    }

    #[test]
    fn a_lone_bot_says_where_it_came_from_each_time_and_its_first_body_is_no_move() {
        let mut bodies = Bodies::default();
        assert_eq!(enters(&mut bodies, "i-a", &[], true), None);
        assert_eq!(enters(&mut bodies, "i-a", &[], true), None, "a restart");
        let told = enters(&mut bodies, "i-b", &[], true);
        assert_eq!(told.as_deref(), Some("I moved: from i-a (eu-central-1a) to i-b (eu-central-1b), version 1.2.3."));
        bodies.told("i-b");
        assert_eq!(enters(&mut bodies, "i-b", &[], true), None);
        let told = enters(&mut bodies, "i-a", &[], true);
        assert_eq!(told.as_deref(), Some("I moved: from i-b (eu-central-1b) to i-a (eu-central-1a), version 1.2.3."));
        assert_eq!(bodies.0.len(), 1);
    }

    #[test]
    fn what_was_not_told_is_kept_with_its_key_until_it_is() {
        let mut bodies = Bodies::default();
        enters(&mut bodies, "i-a", &[], true);
        bodies.enter(&body("i-b"), &alive(&[]), true, "first", "1");
        bodies.enter(&body("i-b"), &alive(&[]), true, "second", "2");
        let news = bodies.news_of("i-b").unwrap();
        assert_eq!((news.key.as_str(), news.text.ends_with("version 1.")), ("first", true));
        let text = serde_json::to_string(&bodies).unwrap();
        assert_eq!(serde_json::from_str::<Bodies>(&text).unwrap(), bodies);
        bodies.told("i-b");
        assert_eq!(bodies.news_of("i-b"), None);
    }

    #[test]
    fn of_several_replicas_each_new_body_takes_the_place_of_one_that_nobody_lives_in() {
        let mut bodies = Bodies::default();
        enters(&mut bodies, "i-a", &[], false);
        let told = enters(&mut bodies, "i-b", &["i-a"], false);
        let more = "I have one more body: i-b (eu-central-1b), version 1.2.3. I still live in i-a (eu-central-1a).";
        assert_eq!(told.as_deref(), Some(more));
        // both are replaced: the two new ones do not come from the same body
        let told = enters(&mut bodies, "i-c", &[], false);
        assert_eq!(told.as_deref(), Some("I moved: from i-b (eu-central-1b) to i-c (eu-central-1c), version 1.2.3."));
        let told = enters(&mut bodies, "i-d", &["i-c"], false);
        assert_eq!(told.as_deref(), Some("I moved: from i-a (eu-central-1a) to i-d (eu-central-1d), version 1.2.3."));
        assert_eq!(enters(&mut bodies, "i-d", &["i-c"], false).as_deref(), told.as_deref(), "not told yet");
        assert_eq!(bodies.0.len(), 2);
    }

    #[test]
    fn no_more_than_the_last_bodies_are_remembered() {
        let mut bodies = Bodies::default();
        let ids: Vec<String> = (0..40).map(|number| format!("i-{number}")).collect();
        let all: Vec<&str> = ids.iter().map(String::as_str).collect();
        all.iter().for_each(|id| drop(enters(&mut bodies, id, &all, false)));
        assert_eq!(bodies.0.len(), MOST);
        assert_eq!(bodies.0[0].id, "i-8");
    }
}
