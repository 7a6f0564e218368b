//! What Slack said, for a while: asked once by all who want to know it at a time, and believed for longer when Slack
//! cannot be asked again.

use crate::slack::api::ApiError;
use std::cell::RefCell;
use std::collections::HashMap;
use std::hash::Hash;
use std::rc::Rc;
use std::time::Duration;
use tokio::sync::OnceCell;
use tokio::time::{Instant, timeout};

/// How long what Slack said is believed.
const FRESH: Duration = Duration::from_secs(300);

/// How long it is believed when Slack cannot be asked again.
const STALE: Duration = Duration::from_secs(1_800);

/// How long one caller waits, for Slack and for those who asked before in vain.
const PATIENCE: Duration = Duration::from_secs(15);

/// Values kept in memory.
const MOST: usize = 10_000;

/// Values by key with an age, each fetched by one caller at a time.
pub(super) struct Cache<K, V> {
    entries: RefCell<HashMap<K, Kept<V>>>,
}

#[derive(Clone)]
struct Kept<V> {
    /// When it was asked for.
    asked: Instant,
    /// The answer, once it has come.
    answer: Rc<OnceCell<V>>,
    /// The answer before, and when that was asked for.
    before: Option<(Instant, V)>,
}

impl<V: Clone> Kept<V> {
    fn asked_anew(now: Instant, old: Option<&Self>) -> Self {
        let before = old.and_then(|old| match old.answer.get() {
            Some(value) => Some((old.asked, value.clone())),
            None => old.before.clone(),
        });
        Self { asked: now, answer: Rc::default(), before }
    }
}

impl<K: Eq + Hash + Clone, V: Clone> Cache<K, V> {
    pub(super) fn new() -> Self {
        Self { entries: RefCell::default() }
    }

    /// The value; fetched when there is none or it is old; the old one when fetching fails and it is not too old.
    pub(super) async fn get(&self, key: &K, fetch: impl AsyncFnOnce() -> Result<V, ApiError>) -> Result<V, ApiError> {
        let Kept { answer, before, .. } = self.entry(key);
        let slow = || ApiError::Retry { after: None, code: "no_answer_in_time".to_owned() };
        let fetched = match timeout(PATIENCE, answer.get_or_try_init(|| fetch())).await {
            Ok(fetched) => fetched.cloned(),
            Err(_) => Err(slow()),
        };
        fetched.or_else(|error| match before {
            Some((asked, value)) if asked.elapsed() < STALE => Ok(value),
            _ => Err(error),
        })
    }

    fn entry(&self, key: &K) -> Kept<V> {
        let now = Instant::now();
        let mut entries = self.entries.borrow_mut();
        match entries.get(key) {
            Some(kept) if now.duration_since(kept.asked) < FRESH => kept.clone(),
            old => {
                let kept = Kept::asked_anew(now, old);
                if entries.len() >= MOST {
                    entries.retain(|_, kept| now.duration_since(kept.asked) < FRESH);
                }
                if entries.len() >= MOST {
                    entries.clear();
                }
                entries.insert(key.clone(), kept.clone());
                kept
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    fn down() -> ApiError {
        ApiError::Retry { after: None, code: "connect".to_owned() }
    }

    #[tokio::test(start_paused = true)]
    async fn all_who_want_to_know_at_a_time_ask_once() {
        let (cache, asked) = (Cache::new(), Cell::new(0));
        let ask = || {
            cache.get(&"U1", async || {
                asked.set(asked.get() + 1);
                tokio::time::sleep(Duration::from_secs(1)).await;
                Ok(7)
            })
        };
        let (first, second) = tokio::join!(ask(), ask());
        assert_eq!((first, second, asked.get()), (Ok(7), Ok(7), 1));
    }

    #[tokio::test(start_paused = true)]
    async fn an_old_answer_serves_everybody_while_slack_is_down_and_not_for_ever() {
        let cache = Cache::new();
        assert_eq!(cache.get(&"U1", async || Ok(7)).await, Ok(7));
        for wait in [301, 1, 400, 400, 400] {
            tokio::time::advance(Duration::from_secs(wait)).await;
            let ask = || cache.get(&"U1", async || Err(down()));
            let (first, second) = tokio::join!(ask(), ask());
            assert_eq!((first, second), (Ok(7), Ok(7)));
        }
        tokio::time::advance(Duration::from_secs(400)).await;
        assert_eq!(cache.get(&"U1", async || Err(down())).await, Err(down()));
        assert_eq!(cache.get(&"U1", async || Ok(8)).await, Ok(8), "and asked again");
    }

    #[tokio::test(start_paused = true)]
    async fn a_question_that_was_given_up_is_asked_again_and_keeps_the_old_answer() {
        let cache = Cache::new();
        assert_eq!(cache.get(&"U1", async || Ok(7)).await, Ok(7));
        tokio::time::advance(FRESH).await;
        let given_up = timeout(Duration::from_secs(1), cache.get(&"U1", async || std::future::pending().await)).await;
        assert!(given_up.is_err());
        assert_eq!(cache.get(&"U1", async || Err(down())).await, Ok(7));
        assert_eq!(cache.get(&"U1", async || Ok(8)).await, Ok(8));
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_waits_for_the_sum_of_all_vain_questions() {
        let (cache, began) = (Cache::<_, u8>::new(), Instant::now());
        let ask = || {
            cache.get(&"U1", async || {
                tokio::time::sleep(Duration::from_secs(10)).await;
                Err(down())
            })
        };
        let all = futures_util::future::join_all((0..100).map(|_| ask())).await;
        assert!(all.iter().all(Result::is_err));
        assert_eq!(began.elapsed(), PATIENCE);
    }
}
